"""Levels from a CSV file: one a row, with the time for which it is held before its reading where there is one."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from math import isfinite
from pathlib import Path

from acquire.config.source_quantities import MOST_POINTS
from acquire.config.sweep import LONGEST_HOLD, Source
from acquire.config.tables import MOST_PROBLEMS, Row, read_rows
from acquire.config.yaml_source import Problem
from acquire.safety.visible import shortened

#: Names of the first column: the quantity that is sourced, and how much of its unit one is.
_LEVELS: Mapping[str, tuple[str, Decimal]] = {
    "level_V": ("voltage", Decimal(1)),
    "level_mV": ("voltage", Decimal("1e-3")),
    "level_A": ("current", Decimal(1)),
    "level_mA": ("current", Decimal("1e-3")),
    "level_uA": ("current", Decimal("1e-6")),
    "level_nA": ("current", Decimal("1e-9")),
}
_HOLD = "hold_s"

Levels = tuple[tuple[float, ...], tuple[float, ...]]


def read_levels(path: Path, source: Source) -> tuple[Levels | None, list[Problem], str]:
    """Levels (V or A) and how long each is held (s; none where there is no such column), problems, and the SHA-256."""
    rows, problems, digest = read_rows(path)
    if problems:
        return None, problems, digest
    header = tuple(name.strip() for name in rows[0][1].split(",")) if rows else ()
    if problem := _header(path, rows, header, source):
        return None, [problem], digest
    found, problems = _numbers(path, rows[1:], _LEVELS[header[0]][1], len(header))
    if not (found or problems):
        problems = [Problem(path, rows[0][0], 1, "", "holds no level", f"write rows like {_example(header)}")]
    if len(found) > MOST_POINTS:
        problems = [
            Problem(path, rows[0][0], 1, "", f"holds {len(found)} levels", f"at most {MOST_POINTS} are allowed")
        ]
    if problems:
        return None, problems, digest
    holds = tuple(hold for _, hold in found) if len(header) > 1 else ()
    return (tuple(level for level, _ in found), holds), [], digest


def _header(path: Path, rows: list[Row], header: tuple[str, ...], source: Source) -> Problem | None:
    """What is wrong with the first line, of which no word is quoted: the file may be anything."""
    line = rows[0][0] if rows else 1
    wanted = f"level_{source.unit}"
    hint = f"write '{wanted}', or '{wanted},{_HOLD}' with the time for which each level is held"
    if not header or header[0] not in _LEVELS or header[1:] not in ((), (_HOLD,)):
        semicolons = bool(rows) and ";" in rows[0][1]
        what = "its columns are separated by semicolons" if semicolons else "the header line is missing or different"
        return Problem(
            path, line, 1, "", what, hint + ("; commas between columns, decimal points" if semicolons else "")
        )
    if _LEVELS[header[0]][0] != source.function:
        return Problem(path, line, 1, "", f"{header[0]}: the sweep sources a {source.function}", hint)
    return None


def _numbers(
    path: Path, rows: list[Row], factor: Decimal, columns: int
) -> tuple[list[tuple[float, float]], list[Problem]]:
    found: list[tuple[float, float]] = []
    problems: list[Problem] = []
    for line, text in rows:
        if isinstance(row := _row(text, factor, columns), str):
            problems.append(Problem(path, line, 1, "", f"'{shortened(text)}' {row}", _hint(columns)))
        else:
            found.append(row)
        if len(problems) == MOST_PROBLEMS:
            break
    return found, problems


def _row(text: str, factor: Decimal, columns: int) -> tuple[float, float] | str:
    """Level and hold of a row, or what is wrong with it."""
    try:
        numbers = [Decimal(cell.strip()) for cell in text.split(",")]
    except InvalidOperation:
        numbers = []
    if len(numbers) != columns or not all(number.is_finite() and isfinite(float(number)) for number in numbers):
        return "is not a finite number" if columns == 1 else "is not two finite numbers"
    hold = float(numbers[1]) if columns > 1 else 0.0
    if not 0.0 <= hold <= LONGEST_HOLD:
        return f"holds a level for {hold:g} s: it must be between 0 s and {LONGEST_HOLD:g} s"
    return float(numbers[0] * factor), hold


def _hint(columns: int) -> str:
    return f"write it like {_example(('',) * columns)}, with decimal points"


def _example(header: tuple[str, ...]) -> str:
    return "4.5,10" if len(header) > 1 else "4.5"
