"""The mapping file: how a text file of another program is read, so that its data become a run file."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from acquire.config.parsing import Parsed
from acquire.config.quantities import QuantityError, SquareMetres, conversion_factor
from acquire.config.section import Section
from acquire.config.yaml_source import Problem

#: What can be taken over, with its SI unit; the level's is that of the source.
IMPORTABLE: Mapping[str, str] = {
    "time": "s",
    "source_level": "V",
    "voltage": "V",
    "current": "A",
    "current_density": "A/m^2",
    "photodiode_signal": "V",
    "luminance": "cd/m^2",
    "current_efficiency": "cd/A",
    "power_efficiency": "lm/W",
    "external_quantum_efficiency": "",
    "chromaticity_x": "",
    "chromaticity_y": "",
}
#: What can be read out of a file's name, or of the lines above its numbers.
READABLE = ("sample", "pixel", "batch", "group", "structure", "user", "date", "time")


class TextFormat(Section):
    """How the text is laid out."""

    layout: Literal["table", "lvm"] = Field(
        default="table",
        description="`table`: lines of numbers below a head. `lvm`: a LabVIEW measurement file, whose head says "
        "separator, decimal mark, date and time itself; its first segment is read.",
    )
    encoding: str = Field(default="utf-8", description="How letters are stored.", examples=["cp1252", "utf-16"])
    separator: Literal["tab", "comma", "semicolon", "blanks"] = Field(
        default="tab", description="What stands between two columns."
    )
    decimal: Literal["point", "comma"] = Field(default="point", description="The decimal mark.")
    skip_lines: int = Field(default=0, ge=0, le=10000, description="So many lines on top are no part of the table.")
    below: str = Field(
        default="",
        description="The table begins below the first line that begins with this, instead of `skip_lines`.",
        examples=["### Measurement data ###"],
    )
    name_lines: int = Field(
        default=1, ge=0, le=10, description="Lines above the numbers; the first of them names the columns. 0: no names."
    )
    missing: tuple[str, ...] = Field(
        default=("", "-", "--", "nan", "n/a", "na", "inf", "-inf"),
        description="Cells that stand for no value, in small or capital letters.",
    )


class ImportedColumn(Section):
    """A column of the text, and its unit."""

    column: Annotated[int, Field(ge=1)] | str = Field(
        description="Its name, as the file has it, or its number from 1.", examples=["OLEDCurrent", 2]
    )
    unit: str = Field(default="", description="The unit of its numbers.", examples=["mA"])


def _wrong_unit(written: str, unit: str) -> str:
    try:
        factor = conversion_factor(written, unit) if written else (1 if not unit else None)
    except QuantityError as error:
        return str(error)
    if factor is None:
        return f"'{written}' does not fit: wanted {unit or 'a pure number or %'}" if written else "has no unit"
    return ""


def _in(*units: str) -> AfterValidator:
    """A pydantic annotation: the unit of a column is one that can be converted into one of these."""

    def check(column: ImportedColumn | None) -> ImportedColumn | None:
        wrong = [_wrong_unit(column.unit, unit) for unit in units] if column is not None else [""]
        if all(wrong):
            quoted = '"%"'
            hint = f"write it like unit: {units[0] or quoted}"
            raise PydanticCustomError("quantity", "{message}", {"message": f"unit: {wrong[0]}", "hint": hint})
        return column

    return AfterValidator(check)


class ImportedColumns(Section):
    """Which column is which quantity; what the file has not is left out, and is missing in the run file."""

    time: Annotated[ImportedColumn | None, _in("s")] = Field(default=None, description="Since the start of the run.")
    source_level: Annotated[ImportedColumn | None, _in("V", "A")] = Field(
        default=None,
        description="The level as it was set. Without `voltage`, a level in V stands for it, and that is noted.",
    )
    voltage: Annotated[ImportedColumn | None, _in("V")] = Field(default=None, description="As it was measured.")
    current: Annotated[ImportedColumn | None, _in("A")] = Field(default=None, description="As it was measured.")
    current_density: Annotated[ImportedColumn | None, _in("A/m^2")] = Field(
        default=None, description="As the other program computed it; without it from current and emissive area."
    )
    photodiode_signal: Annotated[ImportedColumn | None, _in("V")] = Field(
        default=None, description="As its meter read it."
    )
    luminance: Annotated[ImportedColumn | None, _in("cd/m^2")] = Field(
        default=None, description="As the other program gives it."
    )
    current_efficiency: Annotated[ImportedColumn | None, _in("cd/A")] = Field(
        default=None, description="As the other program computed it; without it from luminance and current density."
    )
    power_efficiency: Annotated[ImportedColumn | None, _in("lm/W")] = Field(
        default=None, description="The same; without it for a Lambertian device, from current efficiency and voltage."
    )
    external_quantum_efficiency: Annotated[ImportedColumn | None, _in("")] = Field(
        default=None, description="As the other program computed it. It is never computed here: that takes a spectrum."
    )
    chromaticity_x: Annotated[ImportedColumn | None, _in("")] = Field(default=None, description="CIE 1931 x.")
    chromaticity_y: Annotated[ImportedColumn | None, _in("")] = Field(default=None, description="CIE 1931 y.")

    def given(self) -> dict[str, ImportedColumn]:
        """Those that there are, by quantity."""
        named = ((name, getattr(self, name)) for name in type(self).model_fields)
        return {name: one for name, one in named if isinstance(one, ImportedColumn)}


class ImportedSample(Section):
    """What is known of the sample of every file that is read so; what a file says itself comes first."""

    name: str = Field(default="", description="Its name.", examples=["SPPO13"])
    pixel: str = Field(default="", description="Its pixel.")
    batch: str = Field(default="", description="Its batch.")
    group: str = Field(default="", description="Its group.")
    structure: str = Field(default="", description="Its layers.")
    emissive_area: SquareMetres | None = Field(default=None, description="The emitting area; unknown unless given.")


class MappingFile(Section):
    """A mapping file: how files of one program become run files."""

    kind: Literal["mapping"] = Field(description="What sort of file this is.")
    origin: str = Field(
        min_length=1,
        max_length=200,
        description="Which program wrote such files; every run file that is made of one says so.",
        examples=["J-V-L LabVIEW program of 2014"],
    )
    format: TextFormat = Field(default=TextFormat(), description="How the text is laid out.")
    columns: ImportedColumns = Field(description="Which column is which quantity.")
    source: Literal["voltage", "current"] = Field(default="voltage", description="What the source was set to.")
    direction: Literal["by_turn", "forward"] = Field(
        default="by_turn",
        description="`by_turn`: forward to the largest level, reverse from there on. `forward`: all of it.",
    )
    sample: ImportedSample = Field(default=ImportedSample(), description="What is known of the sample.")
    file_name: str = Field(
        default="",
        description="Regular expression for the file's name, with groups `(?P<sample>...)` called sample, pixel, "
        "batch, group, structure, user, date, time.",
        examples=[r"(?P<date>[\d-]+)_(?P<batch>\w+)_d(?P<sample>\d+)_p(?P<pixel>\d+)"],
    )
    head: str = Field(
        default="",
        description="The same for the lines above the numbers; it may match several times.",
        examples=[r"Operator:\s*(?P<user>.+)"],
    )
    date_format: str = Field(
        default="%Y-%m-%d", description="How dates are written, as for strptime.", examples=["%d.%m.%Y"]
    )
    time_format: str = Field(default="%H:%M:%S", description="How times are written, as for strptime.")
    date: Literal["read", "file"] = Field(
        default="read",
        description="`read`: from name, head or LVM head. `file`: when the file was changed last, where none is read; "
        "the run file says which.",
    )
    note: str = Field(
        default="",
        max_length=400,
        description="What is to be known of such data; it stands in every run file.",
        examples=["photodiode signal without its dark value, which the program had subtracted"],
    )


def mapping_rules(mapping: Parsed[MappingFile]) -> Iterator[Problem]:
    """What must hold inside a mapping file: units that fit, expressions that can be read, something to take over."""
    problem = mapping.source.problem
    columns, form = mapping.section("columns", ImportedColumns), mapping.section("format", TextFormat)
    if columns is not None:
        given, source = columns.given(), mapping.section("source", str)
        if not {"voltage", "source_level"} & given.keys():
            yield problem(("columns",), "has no voltage and no source_level", "name the column of one of them")
        if len(given) < 2:
            yield problem(("columns",), "names one column only", "name at least one quantity beside it")
        for name, one in given.items():
            level = "A" if source == "current" else "V"
            if name == "source_level" and (message := _wrong_unit(one.unit, level)):
                yield problem(("columns", name), f"unit: {message}", f"the source is set to a {source}")
            if form is not None and form.layout == "table" and form.name_lines == 0 and isinstance(one.column, str):
                yield problem(("columns", name, "column"), "is a name, but name_lines is 0", "write its number from 1")
    if form is not None and not _is_encoding(form.encoding):
        yield problem(("format", "encoding"), f"'{form.encoding}' is no encoding", "utf-8 and cp1252 are usual")
    if form is not None and form.below and form.skip_lines:
        yield problem(("format", "skip_lines"), "stands beside `below`", "remove one of the two")
    if form is not None and form.separator == "comma" and form.decimal == "comma":
        yield problem(("format", "decimal"), "is a comma, and so is the separator", "one of them must be another")
    for key in ("file_name", "head"):
        if message := _wrong_expression(mapping.section(key, str) or ""):
            yield problem((key,), message, f"groups are called {', '.join(READABLE)}: (?P<sample>...)")
    for key in ("date_format", "time_format"):
        if (written := mapping.section(key, str)) is not None and not _is_moment(written):
            yield problem((key,), f"'{written}' is no format of dates and times", "write it like %d.%m.%Y or %H:%M:%S")


def _wrong_expression(text: str) -> str:
    try:
        groups = re.compile(text).groupindex
    except re.error as error:
        return f"is no regular expression ({error})"
    if unknown := [name for name in groups if name not in READABLE]:
        return f"has a group {unknown[0]}, which is nothing that can be read"
    return "has no group with a name" if text and not groups else ""


def _is_encoding(name: str) -> bool:
    try:
        return codecs.lookup(name)._is_text_encoding
    except (LookupError, ValueError):
        return False


def _is_moment(written: str) -> bool:
    moment = datetime(2026, 11, 28, 14, 30, 15, tzinfo=UTC)
    try:
        text = moment.strftime(written)
        datetime.strptime(text, written)  # noqa: DTZ007 only whether it can be read
    except ValueError:
        return False
    return text != written
