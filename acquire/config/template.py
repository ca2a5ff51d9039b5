"""The template of a run file's name: plain text with fields in braces, and nothing else that braces could do. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches
from string import Formatter

from pydantic_core import PydanticCustomError

from acquire.safety.visible import shortened

#: What a template may name, and what stands there in a file's name.
FIELDS = {
    "date": "of the start, like 20260331",
    "time": "of the start, like 142501",
    "title": "the sweep file's title",
    "sample": "sample.name",
    "pixel": "sample.pixel",
    "batch": "sample.batch",
    "group": "sample.group",
    "user": "user.name",
    "bench": "the bench file's name",
}

DEFAULT_TEMPLATE = "{date}T{time}_{sample}"
LONGEST_TEMPLATE = 200  # characters

#: What no file of Windows, macOS or Linux may have in its name, controls besides.
FORBIDDEN = '<>:"/\\|?*'


def pieces(template: str) -> Iterator[tuple[str, str | None]]:
    """The parts of a template: text, and the field behind it, None behind the last text.

    :raises UnknownField: it names what is no field.
    :raises ValueError: it is no template.
    """
    for text, name, form, conversion in Formatter().parse(template):
        if name is not None and (name not in FIELDS or form or conversion):
            written = name + (f"!{conversion}" if conversion else "") + (f":{form}" if form else "")
            raise UnknownField(written)
        yield text, name


class UnknownField(ValueError):
    """A template names what is no field; ``name`` is what it names."""

    def __init__(self, name: str) -> None:
        super().__init__(f"'{{{shortened(name)}}}' is no field")
        self.name = name


def checked_template(template: str) -> str:
    """The template, without the ending of a run file, which every name gets.

    :raises PydanticCustomError: with what is wrong with it and how to correct it.
    """
    template = template.removesuffix(".h5")
    try:
        texts = [text for text, _ in pieces(template)]
    except UnknownField as error:
        nearest = get_close_matches(error.name, FIELDS, n=1)
        meant = f"did you mean {{{nearest[0]}}}? The" if nearest else "the"
        known = " ".join(f"{{{name}}}" for name in FIELDS)
        raise _refusal(str(error), f"{meant} fields are {known}") from None
    except ValueError:
        raise _refusal(
            f"'{shortened(template)}' has a brace that is not closed, or none to close",
            f"write it like '{DEFAULT_TEMPLATE}'",
        ) from None
    if wrong := sorted({sign for text in texts for sign in text if sign in FORBIDDEN}):
        hint = "give the folder as output.folder" if set(wrong) <= {"/", "\\"} else "leave it out"
        raise _refusal(f"'{wrong[0]}' cannot stand in the name of a file", hint)
    return template


def _refusal(message: str, hint: str) -> PydanticCustomError:
    return PydanticCustomError("template", "{message}", {"message": message, "hint": hint})
