"""Readings of a device at angles: the section that names them, and their tables from CSV files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite, nan
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from acquire.config.quantities import Fraction
from acquire.config.section import Section
from acquire.config.tables import MOST_PROBLEMS, VISIBLE, Row, read_rows
from acquire.config.yaml_source import Problem
from acquire.safety.visible import shortened

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from acquire.photometry.angular import AngularFactor

    FloatArray = npt.NDArray[np.float64]


MOST_ANGLES = 500


class AngularReadings(Section):
    """How the device's light depends on the angle from its normal; from it follows F, 1 for a Lambertian emitter.

    Either ``table`` or ``spectra``. Angles in degrees, 0 among them, to 60 or beyond; negative ones are the other
    side, and both sides are averaged.
    """

    quantity: Literal["radiance", "intensity"] = Field(
        description="What was read: radiance (or luminance), by a detector that sees a part of the emitting area; "
        "intensity, by one that sees all of it, such as a photodiode far away."
    )
    table: str | None = Field(
        default=None,
        description="CSV with header 'angle_deg,radiance' or 'angle_deg,intensity', any unit, relative to this file. "
        "One curve for EQE and PE alike: the spectrum is taken to be the same at every angle.",
        examples=["angles.csv"],
    )
    spectra: str | None = Field(
        default=None,
        description="CSV with header 'wavelength_nm,0,10,20,...' (the angles) and a spectrum in each column, any unit "
        "of energy per nm: F by photons for EQE and by V(lambda) for PE.",
        examples=["spectra_at_angles.csv"],
    )
    tail: Literal["power", "lambertian", "none"] = Field(
        default="power",
        description="Beyond the last angle: the power of the cosine that the readings follow goes on (power), the "
        "radiance stays (lambertian), or there is no light.",
    )
    noise: Fraction | None = Field(
        default=None, description="Relative standard deviation of a reading; not given: judged from the readings."
    )


@dataclass(frozen=True)
class AngularTable:
    """Angles (n,) [deg] and what was read there: values (n,), or spectra (n, m) at ``wavelengths`` (m,) [nm]."""

    angle: FloatArray
    values: FloatArray
    wavelengths: FloatArray | None = None


def read_angles(path: Path, readings: AngularReadings) -> tuple[AngularTable | None, list[Problem], str]:
    """A table of readings at angles, what is wrong with the file, and its SHA-256."""
    rows, problems, digest = read_rows(path)
    if problems:
        return None, problems, digest
    table, problems = _spectra(path, rows) if readings.spectra else _values(path, rows, readings.quantity)
    return table, problems, digest


def unusable(table: AngularTable, readings: AngularReadings) -> str:
    """Why no angular factor follows from a table; empty where one does."""
    if table.angle.size > MOST_ANGLES:
        return f"{table.angle.size} readings are more than {MOST_ANGLES}; average those that are close together"
    try:
        angular_factors(table, readings)
    except ValueError as error:
        return str(error)
    return ""


def angular_factors(table: AngularTable, readings: AngularReadings) -> tuple[AngularFactor, AngularFactor]:
    """F by photons, for EQE, and F by V(lambda), for PE and wall-plug efficiency.

    :raises ValueError: the readings are too few, or do not reach far enough.
    """
    from acquire.photometry.angular import angular_factor, photon_radiance, radiance_of_intensity, visible_radiance
    from acquire.photometry.grid import on_grid

    weighted = [table.values, table.values]
    if table.wavelengths is not None:
        spectra = _array([on_grid(table.wavelengths, spectrum) for spectrum in table.values])
        weighted = [photon_radiance(spectra), visible_radiance(spectra)]
    if readings.quantity == "intensity":
        weighted = [radiance_of_intensity(table.angle, values) for values in weighted]
    noise = nan if readings.noise is None else readings.noise
    by_photons, by_eye = (angular_factor(table.angle, values, tail=readings.tail, noise=noise) for values in weighted)
    return by_photons, by_eye


def _values(path: Path, rows: list[Row], quantity: str) -> tuple[AngularTable | None, list[Problem]]:
    columns = ["angle_deg", quantity]
    if not rows or [name.strip() for name in rows[0][1].split(",")] != columns:
        return None, [_no_header(path, rows, ",".join(columns), f"quantity: {quantity}")]
    numbers, problems = _numbers(path, rows[1:], 2)
    if problems:
        return None, problems
    table = _array(numbers)
    return AngularTable(table[:, 0], table[:, 1]), []


def _spectra(path: Path, rows: list[Row]) -> tuple[AngularTable | None, list[Problem]]:
    names = [name.strip() for name in rows[0][1].split(",")] if rows else []
    angles = [_number(name) for name in names[1:]]
    if not names or names[0] != "wavelength_nm" or not angles or None in angles:
        return None, [_no_header(path, rows, "wavelength_nm,0,10,20", "spectra at these angles in degrees")]
    numbers, problems = _numbers(path, rows[1:], len(names))
    if problems:
        return None, problems
    table = _array(numbers)
    wavelengths = table[:, 0]
    if not (wavelengths[1:] > wavelengths[:-1]).all() or wavelengths[0] > VISIBLE[0] or wavelengths[-1] < VISIBLE[1]:
        message = f"the wavelengths do not rise from {VISIBLE[0]:g} nm or below to {VISIBLE[1]:g} nm or beyond"
        return None, [Problem(path, rows[-1][0], 1, "", message, "sort the rows and add those that are missing")]
    return AngularTable(_array(angles), table[:, 1:].T.copy(), wavelengths), []


def _no_header(path: Path, rows: list[Row], header: str, why: str) -> Problem:
    """Of a file without its header line no word is quoted, for it may be anything."""
    line = rows[0][0] if rows else 1
    return Problem(path, line, 1, "", f"the header line is missing or does not fit {why}", f"write '{header}'")


def _numbers(path: Path, rows: list[Row], columns: int) -> tuple[list[list[float]], list[Problem]]:
    found: list[list[float]] = []
    problems: list[Problem] = []
    for line, text in rows:
        values = [_number(cell) for cell in text.split(",")]
        if len(values) == columns and None not in values:
            found.append([value for value in values if value is not None])
        elif len(problems) < MOST_PROBLEMS:
            message = f"'{shortened(text)}' is not {columns} finite numbers"
            problems.append(Problem(path, line, 1, "", message, "write a point in each number and commas between them"))
    if not (found or problems):
        problems.append(Problem(path, None, None, "", "has no readings", "write one line for each angle"))
    return found, problems


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if isfinite(value) else None


def _array(numbers: Sequence[object]) -> FloatArray:
    import numpy as np

    return np.array(numbers, dtype=np.float64)
