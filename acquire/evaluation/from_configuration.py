"""What turns signals into light, from the configuration: sweep, bench and calibration files. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from math import inf, isfinite, nan
from typing import TYPE_CHECKING

import numpy as np

from acquire.config.angles import AngularReadings, AngularTable, angular_factors
from acquire.config.bench import BenchFile
from acquire.config.calibration import CalibrationFile, Geometry, LuminanceFactor
from acquire.config.cautions import is_example
from acquire.config.loading import LoadedCalibration, LoadedSweep
from acquire.config.sweep import ExpectedLine, SweepFile
from acquire.config.transport import Transport
from acquire.evaluation.layer import NO_LAYER, Layer
from acquire.photometry import photodiode as channel
from acquire.photometry.angular import AngularFactor
from acquire.photometry.factors import spectral_factors
from acquire.photometry.grid import WAVELENGTH, on_grid
from acquire.photometry.photodiode import PhotodiodeCalibration
from acquire.photometry.silicon import GENERIC_SILICON, GENERIC_SILICON_SHAPE_UNCERTAINTY, generic_silicon
from acquire.photometry.spectra import gaussian
from acquire.records import FloatArray
from drivers import models
from drivers.ranges import smallest_range

if TYPE_CHECKING:
    from acquire.config.tables import Curve


from acquire.evaluation.calibration import (
    LAMBERTIAN,
    Calibration,
    Conditions,
    LightUncertainty,
    LuminanceRoute,
    Provenance,
    RelativeResponsivity,
    StandInSpectra,
    relative_responsivity,
)


def calibration_of(loaded: LoadedSweep, source_range: float, reference: FloatArray | None) -> Calibration:
    """What turns this bench's signals into light for this sample.

    ``source_range`` is the source's fixed range [V or A], ``reference`` (401,) the spectrum of an earlier run.
    Only the sweep, bench and calibration files enter; a simulated device's file never does.
    """
    sweep, bench = loaded.sweep, loaded.bench
    angular = _angular(loaded)
    photodiode = photodiode_calibration(loaded.calibration, sweep.sample.emissive_area)
    calibrated = _luminance_route(sweep, bench) == LuminanceRoute.CALIBRATED
    return Calibration(
        photodiode=photodiode,
        conditions=_conditions(sweep, bench, source_range, angular),
        uncertainty=LightUncertainty(
            emissive_area=sweep.sample.emissive_area_uncertainty or 0.0,
            luminance_scale=bench.uncertainty.luminance_scale,
            uniformity=bench.uncertainty.uniformity,
            repositioning=bench.uncertainty.repositioning,
            linearity=bench.uncertainty.linearity,
            wavelength=bench.uncertainty.wavelength,
            angular_factor=angular.uncertainty,
            lead_resistance=bench.instruments.smu.lead_resistance_uncertainty,
        ),
        stand_in=StandInSpectra(reference, _assumed_spectrum(sweep.sample.expected_line)),
        relative=RelativeResponsivity() if calibrated else relative_responsivity(photodiode),
        provenance=provenance_of(loaded.calibration),
        layer=_layer(sweep.transport),
    )


def _luminance_route(sweep: SweepFile, bench: BenchFile) -> LuminanceRoute:
    """Where luminance comes from: for a device that is not to shine from nowhere."""
    return LuminanceRoute.NONE if sweep.transport else LuminanceRoute(bench.photodiode.luminance_route)


def _layer(stated: Transport | None) -> Layer:
    """What the sweep file states of a device that one kind of carrier crosses."""
    if stated is None:
        return NO_LAYER
    values = stated.model_dump()
    if stated.reverse_built_in_voltage is None:
        values["reverse_built_in_voltage"] = stated.built_in_voltage
    return Layer(**{**values, "layers": float(stated.layers)})


def provenance_of(loaded: LoadedCalibration) -> Provenance:
    """Where a calibration file comes from; a copy of the example under another name is the example still."""
    certificate = loaded.certificate
    if certificate is None:
        return Provenance()
    valid_until = certificate.valid_until.isoformat() if certificate.valid_until else ""
    return Provenance(certificate.date.isoformat(), valid_until, is_example(certificate, loaded.responsivity))


@dataclass(frozen=True)
class Angular:
    """F by photons and by V(lambda), its relative uncertainty, and where it comes from."""

    photons: float
    visible: float
    uncertainty: float
    source: str


def _angular(loaded: LoadedSweep) -> Angular:
    """F from the readings of the sample at angles; without any, 1 with the bench's own uncertainty."""
    if loaded.angles is None or loaded.sweep.sample.angles is None:
        return Angular(1.0, 1.0, loaded.bench.uncertainty.angular_factor, LAMBERTIAN)
    return angular_of(loaded.angles, loaded.sweep.sample.angles)


def angular_of(table: AngularTable, readings: AngularReadings) -> Angular:
    """F from readings at angles.

    :raises ValueError: they are too few, or do not reach far enough.
    """
    photons, visible = angular_factors(table, readings)
    relative = max(one.uncertainty / one.value for one in (photons, visible))
    return Angular(photons.value, visible.value, relative, _angular_source(table, readings, photons))


def _angular_source(table: AngularTable, readings: AngularReadings, found: AngularFactor) -> str:
    what = f"spectral {readings.quantity}" if readings.spectra else readings.quantity
    sides = f"mean of two sides, which differ by {found.difference:+.3f}" if found.sides == 2 else "one side"
    tail = f"beyond it {found.tail_share:.1%} of F by the model '{readings.tail}'"
    noise = "stated" if readings.noise is not None else "judged from the readings"
    return (
        f"measured: {what} at {table.angle.size} angles up to {found.last_angle:g} deg, {sides}; {tail}; "
        f"noise of a reading {found.noise:.2%}, {noise}"
    )


def _conditions(sweep: SweepFile, bench: BenchFile, source_range: float, angular: Angular) -> Conditions:
    measure = sweep.measure
    source_model, meter_model = bench.instruments.smu.model, bench.instruments.photodiode_meter.model
    source_meter, photodiode_meter = models.source_meter(source_model), models.multimeter(meter_model)
    voltage_source = sweep.source.function == "voltage"
    current_range = _nominal(measure.current_range, source_meter.current.smallest_range)
    # The photodiode's meter is set to the nominal range that holds the value, not one that reaches over it
    ranges = photodiode_meter.span(bench.photodiode.meter_unit).ranges
    # where the instruments sweep by themselves a current source measures on the range of its compliance
    fixed = not voltage_source and measure.timing == "hardware"
    voltage_range = source_meter.voltage.smallest_range(sweep.source.compliance) if fixed else nan
    asked = measure.photodiode_current_range if bench.photodiode.current else measure.photodiode_range
    photodiode_range = _nominal(asked, partial(smallest_range, ranges=ranges))
    return Conditions(
        emissive_area=sweep.sample.emissive_area,
        transfer=bench.photodiode.transfer,
        voltage_range=source_range if voltage_source else voltage_range,
        current_range=current_range if voltage_source else source_range,
        photodiode_range=photodiode_range,
        nplc=measure.nplc,
        photodiode_nplc=measure.photodiode_nplc,
        source_meter=source_model,
        photodiode_meter=meter_model,
        filter_count=measure.filter_count,
        autozero=measure.autozero,
        luminance_route=_luminance_route(sweep, bench).value,
        connection=bench.photodiode.connection,
        amplifier_limit=nan if bench.photodiode.amplifier_limit is None else bench.photodiode.amplifier_limit,
        polarity=-1.0 if sweep.sample.polarity == "negative" else 1.0,
        lead_resistance=bench.instruments.smu.lead_resistance,
        angular_factor=angular.photons,
        angular_factor_source=angular.source,
        luminous_angular_factor=angular.visible,
        smallest_emissive_area=bench.emissive_area.smallest,
        largest_emissive_area=bench.emissive_area.largest,
        spot=_spot(bench),
        simulated=bench.of_twins,
    )


def _spot(bench: BenchFile) -> float:
    """The diameter of the spectroradiometer's spot [m], NaN without one."""
    meter = bench.instruments.spectroradiometer
    if meter is None:
        return nan
    spot = models.spectroradiometer(meter.model).spot
    return spot(meter.measuring_angle, meter.distance, close_up_lens=meter.close_up_lens)


def _nominal(range_: float | str, smallest: Callable[[float], float]) -> float:
    """The instrument's own range for the one asked for (80 mA: the 100 mA range); NaN for autorange."""
    return nan if isinstance(range_, str) else smallest(range_)


def photodiode_calibration(loaded: LoadedCalibration, emissive_area: float) -> PhotodiodeCalibration | None:
    """The photodiode as a calibration file has it, for a pixel of this area [m^2]; None without a file."""
    certificate = loaded.certificate
    if certificate is None:
        return None
    responsivity = on_grid(*reaching(loaded.responsivity)) if loaded.responsivity is not None else None
    if certificate.luminance_factor is not None:
        spectrum = on_grid(*_ending_dark(loaded.spectrum)) if loaded.spectrum is not None else None
        light = _by_factor(certificate.luminance_factor, responsivity, spectrum)
        named = _named(light, certificate, _or_nan(certificate.luminance_factor.uncertainty))
        freedom = certificate.luminance_factor.degrees_of_freedom
        return replace(_spanned(named, loaded.responsivity), degrees_of_freedom=inf if freedom is None else freedom)
    assert certificate.geometry is not None
    assert responsivity is not None
    light = _by_geometry(certificate.geometry, emissive_area, responsivity)
    return _spanned(_named(light, certificate, certificate.geometry.uncertainty), loaded.responsivity)


def reaching(curve: Curve) -> Curve:
    """A responsivity that reaches over the grid: beyond its own ends it is taken to stay as it is there."""
    wavelength, values = curve
    ends = min(wavelength[0] - 1.0, WAVELENGTH[0]), max(wavelength[-1] + 1.0, WAVELENGTH[-1])
    return np.concatenate(([ends[0]], wavelength, [ends[1]])), np.concatenate((values[:1], values, values[-1:]))


def _ending_dark(curve: Curve) -> Curve:
    """A spectrum that reaches over the grid: beyond its own ends there is no light."""
    wavelength, values = curve
    low, high = wavelength[0] - 1e-3, wavelength[-1] + 1e-3
    beyond = [min(low - 1.0, WAVELENGTH[0]), low], [high, max(high + 1.0, WAVELENGTH[-1])]
    return np.concatenate((beyond[0], wavelength, beyond[1])), np.concatenate(([0.0, 0.0], values, [0.0, 0.0]))


def _spanned(light: PhotodiodeCalibration, responsivity: Curve | None) -> PhotodiodeCalibration:
    """The calibration with the span of wavelengths at which its responsivity was measured."""
    if light.responsivity is None or responsivity is None:
        return light
    return replace(light, shortest=float(responsivity[0][0]), longest=float(responsivity[0][-1]))


def _named(light: PhotodiodeCalibration, certificate: CalibrationFile, uncertainty: float) -> PhotodiodeCalibration:
    valid = f", valid until {certificate.valid_until}" if certificate.valid_until else ""
    identification = f"{certificate.id} of {certificate.date}{valid}"
    return replace(
        light,
        identification=identification,
        relative_uncertainty=uncertainty,
        responsivity_uncertainty=certificate.responsivity_uncertainty,
    )


def _or_nan(value: float | None) -> float:
    return nan if value is None else value


def _by_factor(
    found: LuminanceFactor, responsivity: FloatArray | None, spectrum: FloatArray | None
) -> PhotodiodeCalibration:
    """Way A; without the spectrum under which it was found the mismatch of another one cannot be corrected."""
    low, high = _or_nan(found.luminance_from), _or_nan(found.luminance_to)
    span = f", found from {low:.4g} to {high:.4g} cd/m^2" if isfinite(low + high) else ""
    light, mismatch = _for_other_spectra(found.factor, responsivity, spectrum)
    return replace(
        light,
        method=f"luminance factor {found.factor:g} cd/m^2/A{span}{mismatch}",
        lowest=low,
        highest=high,
        degrees_of_freedom=inf if found.degrees_of_freedom is None else float(found.degrees_of_freedom),
    )


def _for_other_spectra(
    factor: float, responsivity: FloatArray | None, spectrum: FloatArray | None
) -> tuple[PhotodiodeCalibration, str]:
    """The calibration of a factor, and what to say of the mismatch."""
    if spectrum is None:
        return channel.calibration_from_factor(factor), ", without the mismatch of other spectra"
    if responsivity is not None:
        return channel.calibration_from_factor(factor, responsivity, spectrum), ""
    light = channel.calibration_from_factor(factor, generic_silicon(), spectrum)
    centroid = spectral_factors(spectrum).integrals.wavelength
    return (
        replace(light, centroid=centroid, shape_uncertainty=GENERIC_SILICON_SHAPE_UNCERTAINTY),
        f", mismatch by {GENERIC_SILICON}",
    )


def _by_geometry(geometry: Geometry, emissive_area: float, responsivity: FloatArray) -> PhotodiodeCalibration:
    """Way B."""
    etendue = etendue_of(geometry, emissive_area)
    light = channel.calibration_from_geometry(etendue, responsivity)
    return replace(light, method=f"{geometry.shape}, etendue {etendue:.9g} m^2 sr")


def etendue_of(geometry: Geometry, emissive_area: float) -> float:
    """G [m^2 sr] of an arrangement for a pixel of this area [m^2]."""
    if geometry.shape == "half_angle":
        return channel.etendue_of_half_angle(emissive_area, np.deg2rad(geometry.half_angle or nan))
    formula = {
        "coaxial_discs": channel.etendue_of_discs,
        "small_source": channel.etendue_of_small_source,
    }[geometry.shape]
    return formula(emissive_area, geometry.detector_area or nan, geometry.distance or nan)


def _assumed_spectrum(line: ExpectedLine | None) -> FloatArray | None:
    return gaussian(line.peak, line.fwhm) if line else None
