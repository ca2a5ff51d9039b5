"""Text files of other programs, taken apart as a mapping file says. Pure.

LabVIEW measurement files as National Instruments specifies them ("Specification for the LabVIEW Measurement File
(.lvm)", versions 1 and 2): tagged fields in the head, ``***End_of_Header***``, segments with a head of their own.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from difflib import get_close_matches
from math import nan
from pathlib import Path

import numpy as np

from acquire.config.mapping import IMPORTABLE, ImportedColumn, MappingFile, TextFormat
from acquire.config.parsing import ConfigurationError
from acquire.config.quantities import conversion_factor
from acquire.config.yaml_source import Problem
from acquire.records import FloatArray

MOST_NAMED = 5  # cells that are no numbers
_SEPARATORS = {"tab": "\t", "comma": ",", "semicolon": ";", "blanks": None}
_LVM_SEPARATORS = {"tab": "tab", "comma": "comma", "semicolon": "semicolon"}
_END_OF_HEAD = "***End_of_Header***"
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eEdD][+-]?\d+)?", re.ASCII)


@dataclass(frozen=True)
class OldRun:
    """What a text file says of one run: columns (n,) by the names of run files, SI; and what was read beside them.

    ``started`` is None where nothing says when. ``fields``: sample, pixel and so on.
    """

    columns: Mapping[str, FloatArray]
    fields: Mapping[str, str] = field(default_factory=dict)
    started: datetime | None = None


@dataclass(frozen=True)
class _Text:
    """A text taken apart: lines of the head, names of the columns, rows of cells with their line numbers."""

    head: Sequence[str]
    names: Sequence[str]
    rows: Sequence[tuple[int, Sequence[str]]]
    form: TextFormat


def read_old_run(path: Path, text: str, mapping: MappingFile) -> OldRun:
    """What a text says of a run, by a mapping.

    :raises ConfigurationError: the text is not as the mapping says; with everything that is wrong.
    """
    apart, problems = _taken_apart(path, text, mapping.format)
    if apart is None:
        raise ConfigurationError(problems)
    columns: dict[str, FloatArray] = {}
    for quantity, wanted in mapping.columns.given().items():
        place = _place(path, apart, quantity, wanted, problems)
        if place is not None:
            unit = "A" if quantity == "source_level" and mapping.source == "current" else IMPORTABLE[quantity]
            columns[quantity] = _numbers(path, apart, quantity, place, _factor(wanted.unit, unit), problems)
    fields = _fields(path, apart, mapping)
    started = _started(path, apart, fields, mapping, problems)
    if problems:
        raise ConfigurationError(problems)
    return OldRun(columns, fields, started)


def _factor(written: str, unit: str) -> float:
    found = conversion_factor(written, unit) if written else 1
    return nan if found is None else float(found)


def _problem(path: Path, line: int | None, message: str, hint: str = "") -> Problem:
    return Problem(path, line, None, "", message, hint)


# --- lines and cells ---------------------------------------------------------------------------------------------


def _taken_apart(path: Path, text: str, form: TextFormat) -> tuple[_Text | None, list[Problem]]:
    lines = text.removeprefix("\ufeff").splitlines()
    if form.layout == "lvm":
        return _lvm(path, lines, form)
    first = form.skip_lines
    if form.below:
        found = [number for number, line in enumerate(lines) if line.strip().startswith(form.below)]
        if not found:
            hint = "the file is of another program, or of another version of it"
            return None, [_problem(path, None, f"no line begins with '{form.below}'", hint)]
        first = found[0] + 1
    return _table(path, lines[:first], lines, first, form)


def _table(
    path: Path, head: Sequence[str], lines: Sequence[str], first: int, form: TextFormat
) -> tuple[_Text | None, list[Problem]]:
    """The table from a line on; it ends with the first empty line behind its numbers."""
    below = first + form.name_lines
    names = (
        [name.strip().strip('"') for name in _cells(lines[first], form)]
        if form.name_lines and first < len(lines)
        else []
    )
    rows = list[tuple[int, list[str]]]()
    for number, line in enumerate(lines[below:], below + 1):
        if line.strip():
            rows.append((number, _cells(line, form)))
        elif rows:
            break
    if not rows:
        return None, [
            _problem(path, None, "has no line of numbers where the mapping says", "look at skip_lines, below")
        ]
    return _Text([*head, *lines[first:below]], names, rows, form), []


def _cells(line: str, form: TextFormat) -> list[str]:
    return [cell.strip().strip('"').strip() for cell in line.split(_SEPARATORS[form.separator])]


def _lvm(path: Path, lines: Sequence[str], form: TextFormat) -> tuple[_Text | None, list[Problem]]:
    """The first segment of a LabVIEW measurement file."""
    if not lines or not lines[0].startswith("LabVIEW Measurement"):
        hint = "write layout: table for plain text"
        return None, [_problem(path, 1, "is no LabVIEW measurement file: its first line does not say so", hint)]
    ends = [number for number, line in enumerate(lines) if line.startswith(_END_OF_HEAD)]
    if not ends:
        return None, [_problem(path, None, f"has no {_END_OF_HEAD}", "the file was cut off")]
    tags = _tags(lines[: ends[0]])
    separator = _LVM_SEPARATORS.get(tags.get("separator", "tab").lower(), "tab")
    decimal = "comma" if tags.get("decimal_separator", ".").strip() == "," else "point"
    form = form.model_copy(update={"separator": separator, "decimal": decimal, "name_lines": 1})
    # A segment has a head of its own, unless the file says that there is none
    first = (ends[1] if len(ends) > 1 else ends[0]) + 1
    while first < len(lines) and not lines[first].strip():
        first += 1
    return _table(path, lines[: ends[0]], lines, first, form)


def _tags(head: Sequence[str]) -> dict[str, str]:
    """The fields of the head of a LabVIEW measurement file, by their tags in small letters."""
    found = {}
    for line in head:
        tag, _, value = line.partition("\t") if "\t" in line else line.partition(",")
        found[tag.strip().lower()] = value.strip()
    return found


# --- columns -------------------------------------------------------------------------------------------------


def _place(path: Path, text: _Text, quantity: str, wanted: ImportedColumn, problems: list[Problem]) -> int | None:
    """Which column is meant, from 0."""
    widest = max(len(cells) for _, cells in text.rows)
    if isinstance(wanted.column, int):
        if wanted.column <= widest:
            return wanted.column - 1
        problems.append(_problem(path, None, f"{quantity}: there is no column {wanted.column}, but {widest}"))
        return None
    found = [place for place, name in enumerate(text.names) if name == wanted.column.strip()]
    if len(found) == 1:
        return found[0]
    if found:
        message = f"{quantity}: {len(found)} columns are called '{wanted.column}'"
        problems.append(_problem(path, None, message, "write the number of one of them, from 1"))
        return None
    near = get_close_matches(wanted.column, text.names, n=1)
    hint = f"did you mean '{near[0]}'?" if near else f"there are {', '.join(name or '(empty)' for name in text.names)}"
    problems.append(_problem(path, None, f"{quantity}: no column is called '{wanted.column}'", hint))
    return None


def _numbers(path: Path, text: _Text, quantity: str, place: int, factor: float, problems: list[Problem]) -> FloatArray:
    """The numbers of a column; NaN where there is none."""
    missing = {one.casefold() for one in text.form.missing}
    values, wrong = np.full(len(text.rows), nan), list[tuple[int, str]]()
    for row, (line, cells) in enumerate(text.rows):
        cell = cells[place] if place < len(cells) else ""
        if cell.casefold() in missing or not cell:
            continue
        number = cell.replace(",", ".") if text.form.decimal == "comma" else cell
        if _NUMBER.fullmatch(number):
            values[row] = float(number.replace("d", "e").replace("D", "e")) * factor
        else:
            wrong.append((line, cell))
    for line, cell in wrong[:MOST_NAMED]:
        problems.append(_problem(path, line, f"{quantity}: '{cell[:40]}' is no number", _how_to_mend(cell, text.form)))
    if len(wrong) > MOST_NAMED:
        more = f"{quantity}: {len(wrong) - MOST_NAMED} more cells are no numbers"
        problems.append(_problem(path, wrong[MOST_NAMED][0], more))
    return values


def _how_to_mend(cell: str, form: TextFormat) -> str:
    if form.decimal == "point" and re.fullmatch(r"[+-]?\d+,\d+(?:[eE][+-]?\d+)?", cell):
        return "write decimal: comma in the mapping"
    return "add it to `missing` in the mapping if it stands for no value"


# --- what stands beside the numbers ------------------------------------------------------------------------------


def _fields(path: Path, text: _Text, mapping: MappingFile) -> dict[str, str]:
    """What the file's name and its head say; the head comes first."""
    found: dict[str, str] = {}
    if mapping.file_name and (matched := re.search(mapping.file_name, path.stem)):
        found |= _said(matched)
    if text.form.layout == "lvm":
        tags = _tags(text.head)
        found |= {name: tags[tag] for name, tag in {"user": "operator"}.items() if tags.get(tag)}
    if mapping.head:
        for matched in re.finditer(mapping.head, "\n".join(text.head), re.MULTILINE):
            found |= _said(matched)
    return found


def _said(matched: re.Match[str]) -> dict[str, str]:
    return {name: value.strip() for name, value in matched.groupdict().items() if value and value.strip()}


def _started(
    path: Path, text: _Text, fields: dict[str, str], mapping: MappingFile, problems: list[Problem]
) -> datetime | None:
    """When the run began, by the clock of where it was measured; None where nothing says so."""
    date, time = fields.pop("date", ""), fields.pop("time", "")
    date_format, time_format = mapping.date_format, mapping.time_format
    tags = _tags(text.head) if text.form.layout == "lvm" else {}
    if not date and tags.get("date"):
        date, time = tags["date"].partition("\t")[0], tags.get("time", "").partition("\t")[0].replace(",", ".")
        date_format, time_format = "%Y/%m/%d", "%H:%M:%S"
        time = time.partition(".")[0]
    if not date:
        if mapping.date == "read":
            hint = "give a group (?P<date>...) in file_name or head, or write date: file in the mapping"
            problems.append(_problem(path, None, "nothing says when it was measured", hint))
        return None
    try:
        day = datetime.strptime(date, date_format)  # noqa: DTZ007 of the clock beside the bench
        clock = datetime.strptime(time, time_format).time() if time else day.time()  # noqa: DTZ007
    except ValueError:
        written = f"{date} {time}".strip()
        message = f"'{written}' is not written as {date_format} {time_format}"
        problems.append(_problem(path, None, message, "look at date_format and time_format in the mapping"))
        return None
    return datetime.combine(day, clock)
