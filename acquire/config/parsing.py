"""A YAML source against a model: pydantic's findings in plain words, each with its place in the file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import lru_cache
from types import UnionType
from typing import Annotated, Any, Generic, TypeVar, Union, cast, get_args, get_origin

from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from acquire.config import yaml_traps
from acquire.config.section import Section
from acquire.config.yaml_source import Place, Problem, YamlSource, dotted
from acquire.safety.visible import shortened

FileModel = TypeVar("FileModel", bound=Section)
Part = TypeVar("Part")


class ConfigurationError(Exception):
    """Configuration files that cannot be used; ``problems`` holds everything that is wrong with all of them."""

    def __init__(self, problems: list[Problem] | tuple[Problem, ...]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


@dataclass(frozen=True)
class Parsed(Generic[FileModel]):
    """One file: its source, the model when the whole file is right, and those sections that are right anyway.

    Rules that join sections or files look at the sections, so that one wrong key does not hide the others.
    """

    source: YamlSource
    model: FileModel | None = None
    sections: Mapping[str, Any] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()

    def section(self, name: str, kind: type[Part]) -> Part | None:
        """A section (or a plain value) of the file, None when it is wrong or not given."""
        value = self.sections.get(name)
        return value if isinstance(value, kind) else None


def parse(source: YamlSource, model: type[FileModel]) -> Parsed[FileModel]:
    """Read a source as ``model``."""
    if source.problems and not source.content:
        return Parsed(source, problems=source.problems)
    form = (*source.problems, *_swallowed(source, model))
    try:
        read = model.model_validate(source.content)
    except ValidationError as error:
        details = error.errors(include_url=False)
        problems = [*form, *_problems(details, source, model, {problem.path for problem in form})]
        return Parsed(source, None, _right_sections(details, source, model), tuple(problems))
    sections = {name: getattr(read, name) for name in model.model_fields}
    return Parsed(source, None if form else read, sections, form)


def _swallowed(source: YamlSource, model: type[Section]) -> Iterator[Problem]:
    """Texts whose end became a comment. Elsewhere a comment takes nothing away: a quantity has its unit before it."""
    for place, comment in source.comments.items():
        value = _value_at(source.content, place)
        if _is_text(place, model, value):
            trap = yaml_traps.swallowed(str(place[-1]), value, comment)
            yield source.problem(place, trap.message, trap.hint)


def _is_text(place: Place, model: type[Section], value: str) -> bool:
    """Whether any text may stand at a place, be it in place of a section."""
    try:
        annotation = _section_at(place[:-1], model).model_fields[str(place[-1])].annotation
    except (KeyError, TypeError):  # an unknown key, or one of a mapping with keys of its own
        return False
    if isinstance(annotation, type) and issubclass(annotation, Section):
        return bool(value)
    return annotation is str or str in get_args(annotation)


def _value_at(content: Any, place: Place) -> str:
    for part in place:
        content = content[part]
    return str(content or "")


def _right_sections(details: list[ErrorDetails], source: YamlSource, model: type[Section]) -> dict[str, Any]:
    wrong = {error["loc"][0] for error in details if error["loc"]}
    right: dict[str, Any] = {}
    for name in model.model_fields.keys() - wrong:
        info = model.model_fields[name]
        if name in source.content:
            right[name] = _adapter(model, name).validate_python(source.content[name])
        else:
            right[name] = info.get_default(call_default_factory=True, validated_data={})
    return right


@lru_cache(maxsize=64)
def _adapter(model: type[Section], name: str) -> TypeAdapter[Any]:
    info = model.model_fields[name]
    annotation: Any = info.annotation
    for metadata in info.metadata:
        annotation = Annotated[annotation, metadata]
    return TypeAdapter(annotation)


def _problems(
    details: list[ErrorDetails], source: YamlSource, model: type[Section], reported: set[str]
) -> list[Problem]:
    problems = []
    explained: set[tuple[str, str]] = set()
    for error in details:
        place = error["loc"]
        if error["type"] == "default_factory_not_called" or dotted(place) in reported:
            continue
        if trap := _trap(error, source):
            if (trap.message, trap.hint) not in explained:  # one comma is wrong at two places
                problems.append(source.problem(place, trap.message, trap.hint))
            explained.add((trap.message, trap.hint))
            continue
        message, hint = _plain_words(error, model)
        if comment := source.comments.get(place):
            hint += f"; what follows the #, '{shortened(comment)}', is a comment and not read"
        problems.append(source.problem(place, message, hint))
    return problems


def _trap(error: ErrorDetails, source: YamlSource) -> yaml_traps.Trap | None:
    """What YAML made of this place and nobody meant; None: what was written is wrong by itself."""
    trap = source.instead.get(error["loc"])
    if trap and (isinstance(error["input"], str | None) or error["type"] == "string_type"):
        return trap
    if error["type"] == "extra_forbidden":
        key = str(error["loc"][-1])
        return yaml_traps.wide_sign(key) or yaml_traps.joined_key(key)
    return yaml_traps.wide_sign(error["input"]) if isinstance(error["input"], str) else None


def _plain_words(error: ErrorDetails, model: type[Section]) -> tuple[str, str]:
    context = error.get("ctx", {})
    if "message" in context:
        return str(context["message"]), str(context.get("hint", ""))
    if error["type"] == "extra_forbidden":
        return _unknown_key(error["loc"], model)
    if error["type"] == "missing":
        return "is missing", "add it"
    if error["input"] is None:
        return "is empty", "write a value or remove the key"
    if error["type"] == "literal_error":
        return _wrong_word(error["input"], str(context["expected"]))
    if error["type"] == "float_parsing" and "," in str(error["input"]):
        hint = (
            "leave it out for thousands, use a point for decimals"
            if yaml_traps.is_thousand(str(error["input"]))
            else "use a point"
        )
        return f"'{shortened(error['input'])}' has a comma in its number", hint
    if error["type"] == "tuple_type" and isinstance(error["input"], str):
        return "must be a list", f"write [{shortened(error['input'].strip('[] '))}]"
    if words := _WORDS.get(error["type"]):
        written = shortened(error["input"])
        return words[0].format(input=written), words[1].format(input=written)
    said = error["msg"].removeprefix("Input ")
    return f"'{shortened(error['input'])}' {said[0].lower()}{said[1:]}", ""


#: pydantic's error type -> what to say of ``{input}``, and how to correct it.
_WORDS: Mapping[str, tuple[str, str]] = {
    "tuple_type": ("must be a list", "write [{input}]"),
    "model_type": ("must be a section with keys of its own", "write the keys below it, indented"),
    "dict_type": ("must be a section with keys of its own", "write the keys below it, indented"),
    "string_type": ("must be one text", "write it in one line"),
    "string_too_short": ("is empty", "write a value"),
    "bool_type": ("is neither true nor false", "write true or false"),
    "bool_parsing": ("'{input}' is neither true nor false", "write true or false"),
    "int_parsing": ("'{input}' is not a whole number", "write a number without unit"),
    "float_parsing": ("'{input}' is not a number", "write a number without unit"),
}


def _unknown_key(place: tuple[int | str, ...], model: type[Section]) -> tuple[str, str]:
    keys = _keys_at(place[:-1], model)
    nearest = get_close_matches(str(place[-1]), keys, n=1)
    if nearest:
        return "is not a known key", f"did you mean '{nearest[0]}'?"
    return "is not a known key", f"known here: {', '.join(keys)}"


def _wrong_word(written: Any, expected: str) -> tuple[str, str]:
    words = expected.replace("'", "").replace(" or ", ", ").split(", ")
    nearest = get_close_matches(str(written), words, n=1)
    hint = f"did you mean '{nearest[0]}'?" if nearest else ""
    return f"'{shortened(written)}' is not one of {', '.join(words)}", hint


def _keys_at(place: Place, model: type[Section]) -> list[str]:
    return list(_section_at(place, model).model_fields)


def _section_at(place: Place, model: type[Section]) -> type[Section]:
    for part in place:
        if isinstance(part, str):
            model = _section_in(model.model_fields[part].annotation)
    return model


def _section_in(annotation: Any) -> type[Section]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return cast("type[Section]", annotation)
    inner = [a for a in get_args(annotation) if a is not type(None)]
    assert get_origin(annotation) in (Union, UnionType, tuple), annotation
    return _section_in(inner[0])
