"""What is said for one run in place of its sweep file: checked like the file, and named by its option. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

from acquire.config.yaml_source import Place, Problem, YamlSource, dotted, is_text

#: What can be said for one run: the option, and the key in whose place it stands.
PLACES: Mapping[str, Place] = MappingProxyType(
    {
        "--sample": ("sample", "name"),
        "--pixel": ("sample", "pixel"),
        "--batch": ("sample", "batch"),
        "--area": ("sample", "emissive_area"),
        "--user": ("user", "name"),
        "--note": ("note",),
    }
)


#: What programs write for a character that their encoding does not have.
GARBLED = "\ufffd"

_PLUS_MINUS = re.compile(r"\s*(?:\+/?-|\u00b1)\s*")


@dataclass(frozen=True)
class Said:
    """What was said for a run: ``text`` for ``option``, a name in :data:`PLACES`; or remembered from a run before."""

    option: str
    text: str
    remembered: bool = False

    @property
    def origin(self) -> str:
        """What a message names."""
        return f"{self.option} (again)" if self.remembered else self.option

    @property
    def values(self) -> Iterator[tuple[Place, str]]:
        """What is said, by the places in a file: with an area comes its uncertainty in ``4 mm^2 +- 0.1 mm^2``."""
        text, *spread = _PLUS_MINUS.split(self.text, maxsplit=1) if self.option == "--area" else [self.text]
        yield PLACES[self.option], text
        for one in spread:
            yield ("sample", "emissive_area_uncertainty"), one


@dataclass(frozen=True)
class SaidByBatch:
    """What a batch file says of one of its pixels: the ``text`` for a ``place`` in the sweep file, and its line."""

    place: Place
    text: str
    origin: str

    @property
    def values(self) -> Iterator[tuple[Place, str]]:
        """What is said, by its place in a sweep file."""
        yield self.place, self.text


@dataclass(frozen=True)
class Override:
    """A value of one run in place of its file's: the key, what was said for it and how, what the file says.

    ``file_says`` is None where the file says nothing.
    """

    key: str
    said: str
    origin: str
    file_says: str | None

    @property
    def contradicts(self) -> bool:
        """Whether somebody said it by an option, or a batch file says something else than the sweep file."""
        return self.origin.startswith("--") or self.file_says not in (None, self.said)

    @property
    def text(self) -> str:
        """What people read of it, in a line."""
        instead = "the sweep file says nothing" if self.file_says is None else f"the sweep file says {self.file_says}"
        return f"{self.key} is {self.said or 'empty'} by {self.origin}; {instead}"


def overridden(
    source: YamlSource, said: Sequence[Said | SaidByBatch]
) -> tuple[YamlSource, list[Override], list[Problem]]:
    """A sweep file as if it said what was said for this run; what that changes, and what is wrong with its form.

    A file that cannot be read, and a section that is none, stay as they are: their own problems come first.
    """
    content: dict[str, Any] = {**source.content}
    overrides: list[Override] = []
    problems: list[Problem] = []
    if not content:
        return source, overrides, problems
    values = [(place, text, one.origin) for one in said for place, text in one.values]
    origins = {place: origin for place, _, origin in values}
    comments = {at: one for at, one in source.comments.items() if at not in origins}
    instead = {at: one for at, one in source.instead.items() if at not in origins}
    source = replace(source, origins=origins, comments=comments, instead=instead)
    for place, text, origin in values:
        if not is_text(text):
            message = "holds a control character, or half of a character"
            problems.append(source.problem(place, message, "leave it out"))
        elif GARBLED in text:
            message = "holds a character that the terminal did not pass on whole"
            problems.append(source.problem(place, message, "type it anew, or write it into the file"))
        elif (section := _section(content, place)) is not None:
            key = str(place[-1])
            before = section.get(key)
            section[key] = text
            overrides.append(Override(dotted(place), text.strip(), origin, before if isinstance(before, str) else None))
    return replace(source, content=content), overrides, problems


def _section(content: dict[str, Any], place: Place) -> dict[str, Any] | None:
    """The section in which a value stands, as one that may be changed; None where something else is there."""
    if len(place) == 1:
        return content
    there = content.get(str(place[0]))
    if there is not None and not isinstance(there, Mapping):
        return None
    content[str(place[0])] = section = {**(there or {})}
    return section
