"""A calibration with something in it replaced: another area, photodiode, responsivity or angular factor. Pure.

What was measured stays what it was; only what turns signals into light is another one. Each function gives the
calibration and says in words what is different in it.
"""

from __future__ import annotations

from dataclasses import replace
from math import isfinite

import numpy as np

from acquire.config.calibration import Geometry
from acquire.config.loading import LoadedCalibration
from acquire.evaluation.calibration import (
    Calibration,
    LuminanceRoute,
    RelativeResponsivity,
    relative_responsivity,
)
from acquire.evaluation.from_configuration import (
    Angular,
    etendue_of,
    photodiode_calibration,
    provenance_of,
    reaching,
)
from acquire.photometry import photodiode as channel
from acquire.photometry.grid import on_grid
from acquire.photometry.photodiode import PhotodiodeCalibration
from acquire.records import FloatArray

Curve = tuple[FloatArray, FloatArray]


class NotApplicable(ValueError):
    """What is to be replaced has no place in this calibration; the message says why, and what to do."""


def with_area(calibration: Calibration, area: float, uncertainty: float, geometry: Geometry | None) -> Calibration:
    """The calibration for an emissive area [m^2] with its standard uncertainty [m^2], NaN: as it was.

    Where the photodiode was calibrated from geometry, its etendue follows the area; ``geometry`` is that of then.

    :raises NotApplicable: it was, and the geometry is not known.
    """
    before = calibration.conditions.emissive_area
    photodiode = calibration.photodiode
    if photodiode is not None and photodiode.from_geometry and area != before:
        if geometry is None:
            raise NotApplicable(
                "its photodiode was calibrated from geometry, of which the file says nothing, and luminance follows "
                "the area through it; name the calibration file as well: --calibration FILE"
            )
        photodiode = _of_area(photodiode, geometry, before, area)
    spread = calibration.uncertainty.emissive_area if not isfinite(uncertainty) else uncertainty
    return replace(
        calibration,
        photodiode=photodiode,
        conditions=replace(calibration.conditions, emissive_area=area),
        uncertainty=replace(calibration.uncertainty, emissive_area=spread),
    )


def _of_area(light: PhotodiodeCalibration, geometry: Geometry, before: float, area: float) -> PhotodiodeCalibration:
    """A calibration of first principles, C = K_m/G, for another area."""
    etendue = etendue_of(geometry, area)
    method = f"{geometry.shape}, etendue {etendue:.9g} m^2 sr"
    return replace(light, scale=light.scale * (etendue_of(geometry, before) / etendue), method=method)


def with_photodiode(calibration: Calibration, loaded: LoadedCalibration) -> Calibration:
    """The calibration with the photodiode of a calibration file in place of its own.

    :raises NotApplicable: the device is not to shine.
    """
    _refuse_without_light(calibration)
    photodiode = photodiode_calibration(loaded, calibration.conditions.emissive_area)
    calibrated = calibration.conditions.luminance_route == LuminanceRoute.CALIBRATED
    return replace(
        calibration,
        photodiode=photodiode,
        relative=RelativeResponsivity() if calibrated else relative_responsivity(photodiode),
        provenance=provenance_of(loaded),
    )


def with_responsivity(calibration: Calibration, curve: Curve, source: str) -> Calibration:
    """The calibration with another responsivity R(lambda): wavelengths [nm] and A/W; ``source`` says which it is.

    k_L stays, and the mismatch of other spectra than that under which it was found follows the new curve.

    :raises NotApplicable: there is no responsivity in it to be replaced, or nothing of the light is seen by this one.
    """
    _refuse_without_light(calibration)
    responsivity = on_grid(*reaching(curve))
    calibrated = calibration.conditions.luminance_route == LuminanceRoute.CALIBRATED
    if calibration.photodiode is None and calibrated:
        raise NotApplicable("has no calibration of a photodiode that a responsivity belongs to; --calibration FILE")
    photodiode = calibration.photodiode and _responding(calibration.photodiode, responsivity, calibrated=calibrated)
    if photodiode is not None and photodiode.responsivity is responsivity:
        photodiode = replace(photodiode, shortest=float(curve[0][0]), longest=float(curve[0][-1]))
    relative = calibration.relative if calibrated else RelativeResponsivity(responsivity, source)
    return replace(calibration, photodiode=photodiode, relative=relative)


def _responding(light: PhotodiodeCalibration, responsivity: FloatArray, *, calibrated: bool) -> PhotodiodeCalibration:
    if light.from_geometry:
        return replace(light, responsivity=responsivity)
    if light.responsivity is None or light.reference_response is None:
        if not calibrated:
            return light
        raise NotApplicable(
            "its k_L stands without the spectrum under which it was found, so that no responsivity enters; "
            "--calibration FILE, with the spectrum in it"
        )
    seen = light.responsivity > 0  # the spectrum itself, but for its scale
    spectrum = np.divide(light.reference_response, light.responsivity, out=np.zeros(seen.shape), where=seen)
    try:
        other = channel.calibration_from_factor(light.factor, responsivity, spectrum)
    except ValueError as error:
        raise NotApplicable(f"{error}: is it the responsivity of this photodiode?") from error
    return replace(
        light,
        scale=other.scale,
        responsivity=other.responsivity,
        scale_slope=other.scale_slope,
        reference_response=other.reference_response,
        shape_uncertainty=0.0,
    )


def with_angular(calibration: Calibration, angular: Angular) -> Calibration:
    """The calibration with F from readings at angles.

    :raises NotApplicable: the device is not to shine.
    """
    _refuse_without_light(calibration)
    conditions = replace(
        calibration.conditions,
        angular_factor=angular.photons,
        angular_factor_source=angular.source,
        luminous_angular_factor=angular.visible,
    )
    uncertainty = replace(calibration.uncertainty, angular_factor=angular.uncertainty)
    return replace(calibration, conditions=conditions, uncertainty=uncertainty)


def _refuse_without_light(calibration: Calibration) -> None:
    """:raises NotApplicable: the device is not to shine."""
    if calibration.layer.stated:
        raise NotApplicable("its device is not to shine: only --area concerns it")


def said_of_photodiode(photodiode: PhotodiodeCalibration | None) -> str:
    """Which calibration it is, in words."""
    return "none" if photodiode is None else photodiode.identification or photodiode.method or f"{photodiode.scale:g}"
