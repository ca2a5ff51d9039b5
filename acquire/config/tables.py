"""Curves over wavelength from CSV files: two columns, a header line, remarks after ``#``.

A file that is no such table may be anything: none of its words is quoted, only what its form looks like.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from itertools import pairwise
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING

from acquire.config.yaml_source import HDF5_SIGNATURE, LARGEST_FILE, OtherFile, Problem, read_start
from acquire.config.yaml_traps import is_ours

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    #: Wavelength (nm) and value, two arrays of one length.
    Curve = tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]

MOST_PROBLEMS = 3  # a table with more is quite another file; the rest would say nothing new
VISIBLE = (380.0, 780.0)  # nm, what every spectrum covers

#: Responsivity [A/W] over wavelength [nm] of a photodiode that gives one electron for every photon: e/(hc).
PER_NANOMETRE = 1.602176634e-19 / (6.62607015e-34 * 299792458.0) * 1e-9

#: A calibrated photodiode may stand that far above one electron a photon, for its own uncertainty.
ALLOWANCE = 1.01

#: A spectrum whose table ends inside 380-780 nm must have fallen to that share of its largest value there.
FALLEN = 0.01


@dataclass(frozen=True)
class Table:
    """What a CSV file must hold: its header, what its second column is, how to write a row."""

    header: tuple[str, str]
    example: str

    @property
    def first_line(self) -> str:
        """The header line."""
        return ",".join(self.header)


RESPONSIVITY = Table(("wavelength_nm", "responsivity_A_W"), "380,0.2")
SPECTRUM = Table(("wavelength_nm", "relative_power"), "520,0.98")

Row = tuple[int, str]  # line, from 1, and its text
Point = tuple[int, float, float]  # line, wavelength, value


def read_curve(path: Path, table: Table) -> tuple[Curve | None, list[Problem], str]:
    """A curve, what is wrong with the file, and its SHA-256.

    The wavelengths (nm) must rise, the values be finite. A responsivity (A/W) is not negative, not zero everywhere,
    and at no wavelength more than one electron a photon. A spectrum may be negative: without light it is noise.
    Neither need reach 380 or 780 nm; a spectrum that does not must end in the dark.
    """
    rows, problems, digest = read_rows(path)
    if problems:
        return None, problems, digest
    points, problems = _points(path, rows, table)
    problems = problems or list(_wrong_values(path, points, table))
    return (None, problems, digest) if problems else (_arrays(points), [], digest)


def read_rows(path: Path) -> tuple[list[Row], list[Problem], str]:
    """The lines of a table that hold anything, what is wrong with the file, and its SHA-256."""
    try:
        raw = read_start(path, LARGEST_FILE + 1)
    except OSError as error:
        why = f"cannot be read: {error.strerror or error}"
        return [], [Problem(path, None, None, "", why, "check the name and the permissions")], ""
    if len(raw) > LARGEST_FILE:
        large = f"is larger than {LARGEST_FILE // 1_000_000} MB"
        return [], [Problem(path, None, None, "", large, "this is no table of readings")], ""
    digest = sha256(raw).hexdigest()
    if raw.startswith(HDF5_SIGNATURE):
        return [], [OtherFile(path, None, None, "", "is an HDF5 file, not a CSV table", "name the CSV file")], digest
    try:
        lines = raw.decode("utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        return [], [Problem(path, line, None, "", *_no_text(raw))], digest
    rows = [(i, text.split("#")[0].strip()) for i, text in enumerate(lines, 1)]
    rows = [(i, text) for i, text in rows if text]
    return rows, _no_table(path, rows), digest


def _no_table(path: Path, rows: list[Row]) -> list[Problem]:
    """The one problem of a text in which no line below the first begins with a number: it is no table at all."""
    if any(_NUMBER_FIRST.match(text) for _, text in rows) or len(rows) < 2:
        return []
    what = "is a configuration file, not a CSV table" if is_ours("\n".join(text for _, text in rows)) else _NO_NUMBERS
    return [OtherFile(path, None, None, "", what, "name the CSV file")]


_NUMBER_FIRST = re.compile(r"[\"']?[+-]?\.?\d")
_NO_NUMBERS = "is no CSV table: none of its lines begins with a number"


def _no_text(raw: bytes) -> tuple[str, str]:
    if raw.startswith(b"PK"):
        return "is a workbook or an archive, not a text", "in the spreadsheet: Save as, CSV UTF-8 (comma delimited)"
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "is UTF-16 text", "save it as CSV UTF-8"
    return "is not UTF-8 text", "save it as plain CSV"


def _points(path: Path, rows: list[Row], table: Table) -> tuple[list[Point], list[Problem]]:
    """The numbers of a table, or what is wrong with its form."""
    if problem := _wrong_form(path, rows, table):
        return [], [problem]
    if not rows or tuple(name.strip() for name in rows[0][1].split(",")) != table.header:
        line = rows[0][0] if rows else 1
        missing = bool(rows) and _point(rows[0]) is not None
        message = "the header line is missing" if missing else "the header line is missing or different"
        return [], [Problem(path, line, 1, "", message, f"write '{table.first_line}'")]
    points: list[Point] = []
    problems = []
    for row in rows[1:]:
        if (point := _point(row)) is not None:
            points.append(point)
        else:
            message = f"'{row[1][:40]}' is not two finite numbers"
            problems.append(Problem(path, row[0], 1, "", message, f"write it like {table.example}"))
        if len(problems) == MOST_PROBLEMS:
            break
    if not problems and len(points) < 2:
        problems.append(Problem(path, rows[-1][0], 1, "", "holds no curve", "write at least two rows"))
    return points, problems


def _point(row: Row) -> Point | None:
    try:
        wavelength, value = (float(number) for number in row[1].split(","))
    except ValueError:
        return None
    return (row[0], wavelength, value) if isfinite(wavelength) and isfinite(value) else None


# --- what a table of another form looks like ---------------------------------------------------------------

_NUMBER = r"\s*\"?[+-]?\d+(?:[.,]\d*)?(?:[eE][+-]?\d+)?\"?\s*"
_SEPARATED = {
    "semicolons": re.compile(f"{_NUMBER};{_NUMBER};?"),
    "tabs": re.compile(f"{_NUMBER}\t{_NUMBER}"),
    "blanks": re.compile(r"\s*[+-]?\d+(?:[.,]\d*)?(?:[eE][+-]?\d+)? +[+-]?\d+(?:[.,]\d*)?(?:[eE][+-]?\d+)?\s*"),
}
_DECIMAL_COMMA = re.compile(r"\d,\d")
_TWICE_COMMA = re.compile(r"\s*\d+(?:,\d+)?,\d+,\d+\s*")


def _wrong_form(path: Path, rows: list[Row], table: Table) -> Problem | None:
    """The one problem of a table with other separators or decimal commas; each line would only say it again."""
    numbers = [row for row in rows if row[1][0].isdigit() or row[1][0] in '+-"']
    if not numbers:
        return None
    line, text = numbers[0]
    separators = next((name for name, form in _SEPARATED.items() if form.fullmatch(text)), "")
    commas = bool(separators) and any(_DECIMAL_COMMA.search(other) for _, other in numbers)
    if not separators and not _TWICE_COMMA.fullmatch(text):
        return None
    found = f"its columns are separated by {separators}" if separators else "its numbers have decimal commas"
    found += ", its numbers have decimal commas" if commas else ""
    hint = f"save it with a comma between the columns and decimal points, first line '{table.first_line}', "
    hint += f"then rows like {table.example} (in a spreadsheet: set the language to English, then Save as, CSV)"
    return Problem(path, line, 1, "", found, hint)


# --- what the numbers themselves tell -----------------------------------------------------------------------


def _wrong_values(path: Path, points: list[Point], table: Table) -> Iterator[Problem]:
    if problem := _wavelengths(path, points):
        yield problem
    elif table is RESPONSIVITY:
        yield from _responsivity(path, points)
    else:
        yield from _spectrum(path, points)


def _wavelengths(path: Path, points: list[Point]) -> Problem | None:
    largest = max(wavelength for _, wavelength, _ in points)
    first = points[0][0]
    if 0.0 < largest < 20.0:
        unit, factor = ("micrometres", "1000") if largest > 1e-3 else ("metres", "1e9")
        return Problem(path, first, 1, "", f"the wavelengths look like {unit}", f"give nanometres: times {factor}")
    steps = [(later[0], later[1] - earlier[1]) for earlier, later in pairwise(points)]
    if all(step < 0.0 for _, step in steps):
        return Problem(path, first, 1, "", "the wavelengths fall", "turn the rows round, the shortest first")
    if wrong := [line for line, step in steps if step <= 0.0]:
        more = f" ({len(wrong)} times)" if len(wrong) > 1 else ""
        return Problem(path, wrong[0], 1, "", f"the wavelengths do not rise{more}", "sort the rows, each once")
    if points[0][1] >= VISIBLE[1] or points[-1][1] <= VISIBLE[0]:
        message = f"covers {points[0][1]:g} to {points[-1][1]:g} nm, nothing of {VISIBLE[0]:g} to {VISIBLE[1]:g} nm"
        return Problem(path, first, 1, "", message, "it must cover where the device shines")
    return None


def _responsivity(path: Path, points: list[Point]) -> Iterator[Problem]:
    negative = [point for point in points if point[2] < 0.0]
    if negative:
        line, wavelength, value = negative[0]
        message = f"{value:g} A/W at {wavelength:g} nm is below zero"
        if len(negative) == len(points):
            yield Problem(path, line, 1, "", f"{message}, and so is every row", "give them without the sign")
        else:
            yield Problem(path, line, 1, "", message, "a photodiode gives no current against the light")
    elif all(value == 0.0 for _, _, value in points):
        yield Problem(path, points[0][0], 1, "", "is zero everywhere", "enter the responsivity in A/W")
    elif above := [point for point in points if point[2] > ALLOWANCE * PER_NANOMETRE * point[1]]:
        line, wavelength, value = above[0]
        most = PER_NANOMETRE * wavelength
        message = f"{value:g} A/W at {wavelength:g} nm is more than one electron for every photon, {most:.4g} A/W"
        yield Problem(path, line, 1, "", message, _what_it_looks_like(points))


def _what_it_looks_like(points: list[Point]) -> str:
    """Which other unit would make a photodiode of a table of too large values."""
    largest = max(value for _, _, value in points)
    most = max(value / (PER_NANOMETRE * wavelength) for _, wavelength, value in points)
    if largest <= 1.0:
        return "it may be a quantum efficiency: A/W is that times the wavelength in nm / 1239.84"
    if largest <= 100.0:
        return "it looks like percent: give A/W (a quantum efficiency in percent times wavelength in nm / 123984)"
    if most <= 1000.0 * ALLOWANCE:
        return "it looks like mA/W: give A/W, a thousandth of it"
    return "give A/W"


def _spectrum(path: Path, points: list[Point]) -> Iterator[Problem]:
    values = [value for _, _, value in points]
    if not max(values) > 0.0 or sum(values) <= 0.0:
        yield Problem(path, points[0][0], 1, "", "holds no light", "give the power per nm, in any unit")
        return
    for line, wavelength, value, inside in (
        (*points[0], points[0][1] > VISIBLE[0]),
        (*points[-1], points[-1][1] < VISIBLE[1]),
    ):
        if inside and value > FALLEN * max(values):
            message = f"ends at {wavelength:g} nm, where there is {value / max(values):.0%} of its largest value"
            yield Problem(path, line, 1, "", message, "add the rows that are missing, down to the dark")


def _arrays(points: list[Point]) -> Curve:
    import numpy as np

    table = np.array(points, dtype=np.float64)
    return table[:, 1].copy(), table[:, 2].copy()
