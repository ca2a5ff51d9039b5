"""What is to be different in a recomputation: an area, a calibration, a responsivity, readings at angles."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from math import isfinite, nan
from pathlib import Path
from typing import TYPE_CHECKING, Any

from acquire.config.angles import AngularReadings, AngularTable, read_angles, unusable
from acquire.config.calibration import CalibrationFile
from acquire.config.cautions import area_text
from acquire.config.loading import LoadedCalibration, load_calibration
from acquire.config.parsing import ConfigurationError
from acquire.config.quantities import QuantityError, parse_quantity
from acquire.config.tables import RESPONSIVITY, read_curve, read_rows
from acquire.config.yaml_source import Problem
from acquire.evaluation.calibration import Calibration, LuminanceRoute
from acquire.evaluation.from_configuration import angular_of
from acquire.evaluation.recalibrated import (
    NotApplicable,
    said_of_photodiode,
    with_angular,
    with_area,
    with_photodiode,
    with_responsivity,
)

if TYPE_CHECKING:
    from acquire.config.tables import Curve

_PLUS_MINUS = re.compile(r"\s*(?:\+/?-|±)\s*")
_LARGEST_AREA = 1.0  # m^2


@dataclass(frozen=True)
class Changes:
    """What is to be different; NaN and None where nothing is. ``files``: those that were read, with their SHA-256.

    ``area`` m^2 with its standard uncertainty. ``responsivity`` over wavelength [nm], from the file of that ``name``.
    ``another_photodiode``: the photodiode itself is another one than that of the run, and somebody said so.
    """

    area: float = nan
    area_uncertainty: float = nan
    calibration: LoadedCalibration | None = None
    responsivity: Curve | None = None
    responsivity_name: str = ""
    angles: tuple[AngularTable, AngularReadings] | None = None
    another_photodiode: bool = False
    files: Mapping[str, str] = field(default_factory=dict)

    @property
    def any(self) -> bool:
        """Whether there is anything."""
        return isfinite(self.area) or any(one is not None for one in (self.calibration, self.responsivity, self.angles))

    @property
    def what(self) -> str:
        """The short name of an analysis by them."""
        named = {
            "area": isfinite(self.area),
            "calibration": self.calibration is not None,
            "responsivity": self.responsivity is not None,
            "angles": self.angles is not None,
        }
        return "-".join(name for name, there in named.items() if there) or "formulas"


# --- as they are asked for -------------------------------------------------------------------------------------


def read_changes(
    area: str = "",
    calibration: Path | None = None,
    responsivity: Path | None = None,
    angles: Path | None = None,
    angles_of: str = "",
    *,
    another_photodiode: bool = False,
) -> Changes:
    """Read what is named for a recomputation, checked as it is for a run.

    ``area`` as ``14 mm^2`` or ``14 mm^2 +- 0.2 mm^2``; ``angles_of`` says what spectra at angles are of: radiance or
    intensity. A table of one value an angle says so itself.

    :raises acquire.config.ConfigurationError: with every problem of every file.
    """
    problems: list[Problem] = []
    files: dict[str, str] = {}
    values = {"area": nan, "area_uncertainty": nan} if not area else _area(area, problems)
    certificate = _calibration(calibration, problems, files) if calibration else None
    curve = _responsivity(responsivity, problems, files) if responsivity else None
    table = _angles(angles, angles_of, problems, files) if angles else None
    if problems:
        raise ConfigurationError(problems)
    name = responsivity.name if responsivity else ""
    return Changes(
        **values,
        calibration=certificate,
        responsivity=curve,
        responsivity_name=name,
        angles=table,
        another_photodiode=another_photodiode,
        files=files,
    )


def _area(text: str, problems: list[Problem]) -> dict[str, float]:
    value, *spread = _PLUS_MINUS.split(text.strip(), maxsplit=1)
    found = {"area": nan, "area_uncertainty": nan}
    for name, written in zip(found, (value, *spread), strict=False):
        try:
            found[name] = parse_quantity(written, "m^2", "14 mm^2")
        except QuantityError as error:
            problems.append(_said("--area", str(error), error.hint))
            continue
        if not 0.0 < found[name] < _LARGEST_AREA:
            what = "emissive area" if name == "area" else "uncertainty"
            problems.append(_said("--area", f"'{written}' is no {what}", "write it like 14 mm^2 +- 0.2 mm^2"))
    return found


def _said(option: str, message: str, hint: str) -> Problem:
    return Problem(Path(), None, None, "", message, hint, option=option)


def _calibration(path: Path, problems: list[Problem], files: dict[str, str]) -> LoadedCalibration | None:
    try:
        loaded, digests = load_calibration(path)
    except ConfigurationError as error:
        problems += error.problems
        return None
    files |= digests
    return loaded


def _responsivity(path: Path, problems: list[Problem], files: dict[str, str]) -> Curve | None:
    curve, wrong, digest = read_curve(path, RESPONSIVITY)
    problems += wrong
    files[path.as_posix()] = digest
    return curve


def _angles(
    path: Path, quantity: str, problems: list[Problem], files: dict[str, str]
) -> tuple[AngularTable, AngularReadings] | None:
    rows, wrong, _ = read_rows(path)
    header = [name.strip() for name in rows[0][1].split(",")] if rows else []
    spectra = header[:1] == ["wavelength_nm"]
    said = header[1] if not spectra and len(header) == 2 else ""
    quantity = quantity or said
    if not wrong and quantity not in ("radiance", "intensity"):
        hint = "add --angles-of radiance (a detector that sees a part of the area) or --angles-of intensity (all of it)"
        wrong = [Problem(path, 1, 1, "", "does not say whether its readings are of radiance or of intensity", hint)]
    if not wrong:
        named = {"spectra": path.name} if spectra else {"table": path.name}
        readings = AngularReadings.model_validate({"quantity": quantity, **named})
        table, wrong, digest = read_angles(path, readings)
        files[path.as_posix()] = digest
        if table is not None:
            if why := unusable(table, readings):
                wrong = [Problem(path, None, None, "", f"gives no angular factor: {why}", "read at more angles")]
            else:
                return table, readings
    problems += wrong
    return None


# --- as they come to a calibration -----------------------------------------------------------------------------


@dataclass(frozen=True)
class Changed:
    """A calibration by which a run is computed anew, what is different in it in words, and its certificate (JSON)."""

    calibration: Calibration
    said: tuple[str, ...]
    certificate: str


def changed(calibration: Calibration, certificate: str, changes: Changes) -> Changed:
    """The calibration with these changes; ``certificate`` is the calibration file by which it was made, or empty.

    :raises acquire.evaluation.recalibrated.NotApplicable: one of them has no place in it.
    """
    known = _known(certificate)
    before = calibration
    if changes.any and calibration.conditions.luminance_route == LuminanceRoute.IMPORTED:
        raise NotApplicable(
            "its numbers are those of another program and stay as they are; import it once more, by another mapping"
        )
    if changes.calibration is not None and not changes.another_photodiode:
        _refuse_another_photodiode(known, changes.calibration)
    if isfinite(changes.area):
        geometry = known.geometry if known else None
        # A photodiode that is replaced afterwards need not follow the area
        kept = calibration if changes.calibration is None else replace(calibration, photodiode=None)
        calibration = with_area(kept, changes.area, changes.area_uncertainty, geometry)
    if changes.calibration is not None:
        calibration = with_photodiode(calibration, changes.calibration)
        made_by = changes.calibration.certificate
        certificate = json.dumps(made_by.model_dump(mode="json")) if made_by else ""
    if changes.responsivity is not None:
        calibration = with_responsivity(calibration, changes.responsivity, f"file {changes.responsivity_name}")
    if changes.angles is not None:
        calibration = with_angular(calibration, angular_of(*changes.angles))
    return Changed(calibration, tuple(_in_words(before, calibration, changes)), certificate)


def _known(certificate: str) -> CalibrationFile | None:
    """A calibration file as a run file keeps it; None where that says nothing to this program."""
    try:
        found: Any = json.loads(certificate)
        return CalibrationFile.model_validate(found) if found else None
    except ValueError:
        return None


def _refuse_another_photodiode(known: CalibrationFile | None, loaded: LoadedCalibration) -> None:
    """:raises NotApplicable: the calibration is that of another photodiode than that of the run."""
    new = loaded.certificate
    if known is None or new is None or known.detector.serial.casefold() == new.detector.serial.casefold():
        return
    raise NotApplicable(
        f"its photodiode was {known.detector.serial}, and {new.id} is the calibration of {new.detector.serial}; name "
        "one of the same photodiode, or say that it is meant: --another-photodiode"
    )


def _in_words(before: Calibration, after: Calibration, changes: Changes) -> Iterator[str]:
    one, other = before.conditions, after.conditions
    if isfinite(changes.area):
        yield f"emissive area {area_text(one.emissive_area)} -> {area_text(other.emissive_area)}"
        spreads = before.uncertainty.emissive_area, after.uncertainty.emissive_area
        if isfinite(changes.area_uncertainty):
            yield f"u(emissive area) {' -> '.join(area_text(spread) if spread else 'none' for spread in spreads)}"
    if changes.calibration is not None:
        yield f"calibration {said_of_photodiode(before.photodiode)} -> {said_of_photodiode(after.photodiode)}"
    if changes.responsivity is not None:
        yield f"responsivity of {changes.responsivity_name}"
    if changes.angles is not None:
        factors = f"{one.angular_factor:.5g} -> {other.angular_factor:.5g}"
        by_eye = f"by V(lambda) {other.luminous_angular_factor:.5g}"
        yield f"angular factor {factors} ({by_eye}), {other.angular_factor_source}"
