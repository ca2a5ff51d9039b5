"""Curves over wavelength from CSV files: two columns, a header line, remarks after ``#``."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from acquire.config.yaml_source import LARGEST_FILE, Problem, read_start

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    #: Wavelength (nm) and value, two arrays of one length.
    Curve = tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]

MOST_PROBLEMS = 20  # a table with more is quite another file; the rest would say nothing new
SPAN = (380.0, 780.0)  # nm, what every spectrum covers


#: A line of a table: its number, and its text without remarks.
Row = tuple[int, str]


def read_curve(path: Path, columns: tuple[str, str]) -> tuple[Curve | None, list[Problem], str]:
    """A curve, what is wrong with the file, and its SHA-256.

    ``columns`` are the names that the header line must give; of a file without it no word is quoted, for it may be
    anything. The wavelengths (nm) must rise and cover
    380-780 nm; the values must be finite and not negative.
    """
    rows, problems, digest = read_rows(path)
    if problems:
        return None, problems, digest
    curve, problems = _curve(path, rows, columns)
    return curve, problems, digest


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
    try:
        lines = raw.decode("utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        return [], [Problem(path, line, None, "", "is not UTF-8 text", "save it as plain CSV")], digest
    rows = [(i, text.split("#")[0].strip()) for i, text in enumerate(lines, 1)]
    return [(i, text) for i, text in rows if text], [], digest


def _curve(path: Path, rows: list[Row], columns: tuple[str, str]) -> tuple[Curve | None, list[Problem]]:
    header = ",".join(columns)
    if not rows or [name.strip() for name in rows[0][1].split(",")] != list(columns):
        line = rows[0][0] if rows else 1
        return None, [Problem(path, line, 1, "", "the header line is missing or different", f"write '{header}'")]
    points: list[tuple[float, float]] = []
    problems = []
    for line, text in rows[1:]:
        point = _point(text)
        if point is None:
            message = f"'{text[:40]}' is not two finite numbers, the second >= 0"
            problems.append(Problem(path, line, 1, "", message, "write it like 380,0.2"))
        elif points and point[0] <= points[-1][0]:
            problems.append(Problem(path, line, 1, "", "the wavelengths do not rise", "sort the rows, each once"))
        else:
            points.append(point)
        if len(problems) == MOST_PROBLEMS:
            break
    if not problems and (not points or points[0][0] > SPAN[0] or points[-1][0] < SPAN[1]):
        message = f"does not cover {SPAN[0]:g} to {SPAN[1]:g} nm"
        problems.append(Problem(path, rows[-1][0], 1, "", message, "add the rows that are missing"))
    return (None, problems) if problems else (_arrays(points), [])


def _point(text: str) -> tuple[float, float] | None:
    from math import isfinite

    try:
        wavelength, value = (float(number) for number in text.split(","))
    except ValueError:
        return None
    return (wavelength, value) if isfinite(wavelength) and isfinite(value) and value >= 0.0 else None


def _arrays(points: list[tuple[float, float]]) -> Curve:
    import numpy as np

    table = np.array(points, dtype=np.float64)
    return table[:, 0].copy(), table[:, 1].copy()
