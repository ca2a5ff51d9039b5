"""The file that says what no run file knows of data that are given away: their licence, and who measured them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal

from pydantic import Field

from acquire.config.parsing import Parsed
from acquire.config.section import Section
from acquire.config.yaml_source import Problem

#: Licences for data by their SPDX identifier, with the name and the address of each.
LICENCES = {
    "CC0-1.0": ("CC0 1.0 Universal", "https://creativecommons.org/publicdomain/zero/1.0/"),
    "CC-BY-4.0": ("Creative Commons Attribution 4.0", "https://creativecommons.org/licenses/by/4.0/"),
    "CC-BY-SA-4.0": ("Creative Commons Attribution-ShareAlike 4.0", "https://creativecommons.org/licenses/by-sa/4.0/"),
    "CC-BY-NC-4.0": (
        "Creative Commons Attribution-NonCommercial 4.0",
        "https://creativecommons.org/licenses/by-nc/4.0/",
    ),
    "ODC-By-1.0": ("Open Data Commons Attribution 1.0", "https://opendatacommons.org/licenses/by/1-0/"),
    "ODbL-1.0": ("Open Data Commons Open Database 1.0", "https://opendatacommons.org/licenses/odbl/1-0/"),
    "PDDL-1.0": ("Open Data Commons Public Domain 1.0", "https://opendatacommons.org/licenses/pddl/1-0/"),
}

#: What is written where the owners have not said what others may do.
NO_LICENCE = "none"
WHICH_LICENCE = f"write one of {', '.join(LICENCES)}, an address (https://...), or {NO_LICENCE}"

_ORCID = re.compile(r"(?:https?://orcid\.org/)?(\d{4}-\d{4}-\d{4}-\d{3}[\dX])")
_ADDRESS = re.compile(r"https?://[^\s<>\"{}|\\^`]+\.[^\s<>\"{}|\\^`]+")


class Person(Section):
    """Somebody who measured, or made the samples."""

    name: str = Field(min_length=1, description="The name; that of a run's user is found by it.", examples=["A. Lee"])
    orcid: str | None = Field(default=None, description="The person's ORCID iD.", examples=["0000-0002-1825-0097"])
    affiliation: str | None = Field(default=None, min_length=1, description="Where the person works.")


class PackageFile(Section):
    """What is said of data that are given away, for `acquire package --about`."""

    kind: Literal["package"] = Field(description="What sort of file this is.")
    license: str | None = Field(
        default=None,
        min_length=1,
        description="What others may do with the data: an SPDX identifier of a licence for data, its address, or none.",
        examples=["CC-BY-4.0"],
    )
    title: str | None = Field(default=None, min_length=1, description="What the package is called.")
    description: str | None = Field(default=None, min_length=1, description="What the data are, in some sentences.")
    publisher: str | None = Field(default=None, min_length=1, description="The organization that gives the data away.")
    keywords: tuple[str, ...] = Field(default=(), description="Words by which the data are found.")
    people: tuple[Person, ...] = Field(default=(), description="Who made the data, in the order of authors.")


def licence(text: str) -> tuple[str, str] | None:
    """The name and the address of a licence; the address is empty where there is none. None: it is no licence.

    ``text`` is an SPDX identifier of :data:`LICENCES`, whatever its capitals, an address, or :data:`NO_LICENCE`.
    """
    if text.lower() == NO_LICENCE:
        return "no licence", ""
    known = {name.lower(): found for name, found in LICENCES.items()}
    if text.lower() in known:
        return known[text.lower()]
    return (text, text) if _ADDRESS.fullmatch(text) else None


def orcid(text: str) -> str | None:
    """An ORCID iD in its 16 digits with hyphens; None where it is none, or its check digit is not right.

    The check digit is that of ISO/IEC 7064, MOD 11-2 (https://support.orcid.org/hc/en-us/articles/360006897674).
    """
    if (found := _ORCID.fullmatch(text)) is None:
        return None
    digits, total = found[1].replace("-", ""), 0
    for digit in digits[:-1]:
        total = (total + int(digit)) * 2
    check = (12 - total % 11) % 11
    return found[1] if digits[-1] == ("X" if check == 10 else str(check)) else None


def package_rules(package: Parsed[PackageFile]) -> Iterator[Problem]:
    """What must hold inside such a file: a licence that is one, each person once, and ORCID iDs that are right."""
    stated = package.section("license", str)
    if stated is not None and licence(stated) is None:
        yield package.source.problem(("license",), "is no licence known here", WHICH_LICENCE)
    people = package.sections.get("people")
    seen: set[str] = set()
    for i, person in enumerate(people if isinstance(people, tuple) else ()):
        if person.orcid is not None and orcid(person.orcid) is None:
            hint = "copy it from the person's page at orcid.org, like 0000-0002-1825-0097"
            yield package.source.problem(("people", i, "orcid"), "is no ORCID iD: its check digit says so", hint)
        if person.name in seen:
            yield package.source.problem(("people", i, "name"), "is there already", "name each person once")
        seen.add(person.name)
