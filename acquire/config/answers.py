"""The file of answers: what no run file can know of a bench or a substrate, asked once for the reporting checklist."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Literal

import yaml
from pydantic import Field

from acquire.config.parsing import Parsed
from acquire.config.section import Section
from acquire.config.yaml_source import Problem, parse_yaml


class Answer(Section):
    """What is known of one bench, or of one substrate; a later entry of the same name adds to an earlier one."""

    bench: str | None = Field(
        default=None,
        min_length=1,
        description="Name of the bench, as its bench file has it.",
        examples=["glovebox bench"],
    )
    substrate: str | None = Field(
        default=None,
        min_length=1,
        description="The sample's batch; where a sample has none, its name.",
        examples=["B7"],
    )
    atmosphere: str = Field(
        default="",
        description="Of a bench: in what devices are measured; O2 and H2O in ppm.",
        examples=["N2 glovebox, O2 and H2O below 1 ppm"],
    )
    climate: str = Field(
        default="",
        description="Of a bench: temperature and humidity there, and how known.",
        examples=["23 C, dry, thermometer beside the stage"],
    )
    calibration_dates: str = Field(
        default="",
        description="Of a bench: when each instrument was calibrated last.",
        examples=["2400 on 2026-02-03, 2000 on 2026-02-03, CS-2000A on 2025-11-20"],
    )
    geometry: str = Field(
        default="",
        description="Of a bench: distance and solid angle of spectroradiometer and photodiode.",
        examples=["CS-2000A 0.35 m from the pixel, on axis"],
    )
    stack: str = Field(
        default="",
        description="Of a substrate: layers, materials with supplier, thicknesses.",
        examples=["ITO / PEDOT:PSS 30 nm / EML 40 nm / TPBi 40 nm / LiF 1 nm / Al 100 nm"],
    )
    area_method: str = Field(
        default="", description="Of a substrate: how the emitting area was found.", examples=["microscope, 5 pixels"]
    )
    encapsulation: str = Field(
        default="", description="Of a substrate: encapsulation, or none.", examples=["glass lid, UV epoxy, getter"]
    )
    age: str = Field(
        default="",
        description="Of a substrate: time from making to measuring, and storage.",
        examples=["2 days, in the dark, N2"],
    )
    uniformity: str = Field(
        default="",
        description="Of a substrate: how evenly pixels emit, and how that was seen.",
        examples=["no dark spots under the microscope at 100 cd/m^2"],
    )
    data_doi: str = Field(
        default="", description="Of a substrate: where the raw data can be had.", examples=["10.5281/zenodo.1234567"]
    )


#: How a file of answers begins.
HEAD = """\
# What no run file knows, for the reporting checklist: acquire report --checklist reads it, with --ask entries are added
# at the end. An entry is of a bench or of a substrate (the sample's batch, or else its name); later ones add to it.
kind: answers
answers:
"""

#: What is asked of each, in the order in which it is asked.
OF_A_BENCH = ("atmosphere", "climate", "calibration_dates", "geometry")
OF_A_SUBSTRATE = ("stack", "area_method", "encapsulation", "age", "uniformity", "data_doi")


class AnswersFile(Section):
    """A file of answers to the reporting checklist."""

    kind: Literal["answers"] = Field(description="What sort of file this is.")
    answers: tuple[Answer, ...] = Field(default=(), description="An entry for each bench and each substrate.")

    def of_bench(self, name: str) -> dict[str, str]:
        """What is known of a bench, by the question's word."""
        return _merged(OF_A_BENCH, (one for one in self.answers if one.bench == name))

    def of_substrate(self, name: str) -> dict[str, str]:
        """What is known of a substrate, by the question's word."""
        return _merged(OF_A_SUBSTRATE, (one for one in self.answers if one.substrate == name))


def _merged(words: tuple[str, ...], entries: Iterator[Answer]) -> dict[str, str]:
    found: dict[str, str] = {}
    for entry in entries:
        found |= {word: text for word in words if (text := getattr(entry, word))}
    return found


def with_entry(text: str, entry: Mapping[str, str]) -> str:
    """The text of a file of answers with one entry more at its end; everything in it, remarks as well, stays.

    :raises ValueError: nothing can be added behind its list of answers; the message says what to add by hand.
    """
    added = yaml.safe_dump([dict(entry)], allow_unicode=True, sort_keys=False, width=1000)
    if not text.strip():
        text = HEAD
    whole = f"{text.rstrip()}\n{added}"
    source, before = (parse_yaml(Path("answers"), one).content.get("answers") for one in (whole, text))
    if not isinstance(source, list) or source != [*(before or []), dict(entry)]:
        raise ValueError(f"the file of answers cannot be added to; write this at the end of its list:\n{added}")
    return whole


def answers_rules(answers: Parsed[AnswersFile]) -> Iterator[Problem]:
    """What must hold inside a file of answers: each entry is of a bench or of a substrate, and says only its own."""
    entries = answers.sections.get("answers")
    for i, entry in enumerate(entries if isinstance(entries, tuple) else ()):
        at = ("answers", i)
        if (entry.bench is None) == (entry.substrate is None):
            yield answers.source.problem(at, "needs either a bench or a substrate", "give exactly one of the two")
            continue
        others = OF_A_SUBSTRATE if entry.bench is not None else OF_A_BENCH
        whose = "substrate" if entry.bench is not None else "bench"
        for word in others:
            if getattr(entry, word):
                hint = f"move it to an entry that begins with '{whose}:'"
                yield answers.source.problem((*at, word), f"is asked of a {whose}", hint)
