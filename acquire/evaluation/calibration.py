"""What turns signals into light, and how well it is known; to and from a run file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import Field, dataclass, field, fields
from enum import StrEnum
from functools import cached_property
from itertools import chain
from math import inf, isfinite, nan
from typing import Any, Self

import numpy as np

from acquire.evaluation.layer import NO_LAYER, Layer
from acquire.evaluation.limits_of_error import LimitsOfError
from acquire.photometry.elementwise import Q
from acquire.photometry.factors import SpectralFactors, of_assumed_line, spectral_factors
from acquire.photometry.photodiode import PhotodiodeCalibration
from acquire.photometry.silicon import GENERIC_SILICON, GENERIC_SILICON_SHAPE_UNCERTAINTY, generic_silicon
from acquire.photometry.spot import unfilled_share
from acquire.records import FloatArray
from drivers import models
from drivers.specification import Span


def _stored(unit: str = "", name: str = "") -> dict[str, str]:
    """How a field stands in a run file: its unit, none for a text, and its name there where that is another."""
    return {"unit": unit, "name": name}


#: Where F comes from without readings at angles.
LAMBERTIAN = "assumed 1 (Lambertian)"


class LuminanceRoute(StrEnum):
    """Where the luminance of a point comes from.

    ``CALIBRATED``: the photodiode by its calibration; ``FROM_SPECTRA``: the photodiode by k_L from the spectra of the
    run itself; ``SPECTRORADIOMETER``: spectra alone, so that only points with one have a luminance. ``NONE``: the
    device is not to shine. ``IMPORTED``: another program gave it, as every other result of the run.
    """

    CALIBRATED = "calibrated"
    FROM_SPECTRA = "from_spectra"
    SPECTRORADIOMETER = "spectroradiometer"
    NONE = "none"
    IMPORTED = "imported"


class Connection(StrEnum):
    """How the photodiode's meter sees the photocurrent: behind an amplifier, across a resistor, or itself."""

    AMPLIFIER = "amplifier"
    SHUNT = "shunt"
    CURRENT = "current"


@dataclass(frozen=True)
class Conditions:
    """What a run was measured with; never replaced afterwards. SI units.

    ``transfer`` is what the photodiode's meter reads per photocurrent: V/A, of either sign, where ``connection`` (a
    :class:`Connection`) is an amplifier or a shunt; 1 where it is the current itself, which is then read in A.
    ``amplifier_limit`` [V] is the largest magnitude that the amplifier puts out, NaN when unknown. ``polarity`` (1 or
    -1) is the sign of the level at which the device emits. ``lead_resistance`` [ohm] is that of the leads of a two-wire
    connection, 0 where the voltage is that of the device. Outside ``smallest_emissive_area`` to
    ``largest_emissive_area`` a pixel area is unlikely on this bench, NaN: not known; ``spot`` [m] is the diameter of
    the spectroradiometer's spot, NaN when unknown. ``simulated``: the bench is. ``luminance_route`` is a
    :class:`LuminanceRoute`. ``bench_alarm`` is what the last check of the bench says against it, empty where nothing
    does; ``bench_light_change`` by what share it found light changed, NaN where it did not.

    ``*_range`` are the meters' fixed ranges, NaN for autorange; ``angular_factor`` F is that of the device by photons,
    for EQE, and ``luminous_angular_factor`` that by V(lambda), for PE: 1 for a Lambertian one; ``source_meter`` and
    ``photodiode_meter`` are the models, by the names of :mod:`drivers.models`; a file of before they were named is of
    the first two. ``filter_count`` readings are averaged in each meter; ``autozero`` of both.
    """

    emissive_area: float = field(metadata=_stored("m^2"))
    transfer: float = field(metadata=_stored("V/A", name="amplifier_gain"))
    voltage_range: float = field(default=nan, metadata=_stored("V"))
    current_range: float = field(default=nan, metadata=_stored("A"))
    photodiode_range: float = field(default=nan, metadata=_stored("V"))
    nplc: float = field(default=1.0, metadata=_stored("1"))
    photodiode_nplc: float = field(default=1.0, metadata=_stored("1"))
    source_meter: str = field(default="keithley2400", metadata=_stored())
    photodiode_meter: str = field(default="keithley2000", metadata=_stored())
    filter_count: int = field(default=1, metadata=_stored("1"))
    autozero: bool = field(default=True, metadata=_stored("1"))
    angular_factor: float = field(default=1.0, metadata=_stored("1", name="forward_factor"))
    angular_factor_source: str = field(default=LAMBERTIAN, metadata=_stored(name="forward_factor_source"))
    luminous_angular_factor: float = field(default=1.0, metadata=_stored("1", name="luminous_forward_factor"))
    luminance_route: str = field(default=LuminanceRoute.CALIBRATED.value, metadata=_stored())
    connection: str = field(default=Connection.AMPLIFIER.value, metadata=_stored(name="photodiode_connection"))
    amplifier_limit: float = field(default=nan, metadata=_stored("V"))
    polarity: float = field(default=1.0, metadata=_stored("1"))
    lead_resistance: float = field(default=0.0, metadata=_stored("ohm"))
    smallest_emissive_area: float = field(default=nan, metadata=_stored("m^2"))
    largest_emissive_area: float = field(default=nan, metadata=_stored("m^2"))
    spot: float = field(default=nan, metadata=_stored("m"))
    simulated: bool = field(default=False, metadata=_stored("1"))
    bench_alarm: str = field(default="", metadata=_stored())
    bench_light_change: float = field(default=nan, metadata=_stored("1"))

    def __getstate__(self) -> dict[str, Any]:
        """The values alone, without what was worked out from them."""
        return {one.name: getattr(self, one.name) for one in fields(self)}

    @cached_property
    def unfilled_share(self) -> float:
        """The share of the spectroradiometer's spot that lies beside the pixel; 0 where the spot is not known."""
        return unfilled_share(self.spot, self.emissive_area) if self.spot > 0 else 0.0

    @cached_property
    def voltage_limits(self) -> LimitsOfError:
        """The limits of error of the source meter's voltage."""
        return self._limits(models.source_meter(self.source_meter).voltage, self.voltage_range, self.nplc)

    @cached_property
    def current_limits(self) -> LimitsOfError:
        """The limits of error of the source meter's current."""
        return self._limits(models.source_meter(self.source_meter).current, self.current_range, self.nplc)

    @cached_property
    def photodiode_limits(self) -> LimitsOfError:
        """The limits of error of the photodiode's meter, in the unit that it reads."""
        span = models.multimeter(self.photodiode_meter).span(self.meter_unit)
        return self._limits(span, self.photodiode_range, self.photodiode_nplc)

    def _limits(self, span: Span, fixed: float, nplc: float) -> LimitsOfError:
        return LimitsOfError(span, fixed, nplc, filter_count=self.filter_count, autozero=self.autozero)

    @property
    def meter_unit(self) -> str:
        """The unit of what the photodiode's meter reads."""
        return "A" if self.connection == Connection.CURRENT else "V"

    def emitted_current(self, current: Q) -> Q:
        """The current through the device [A], positive when it emits, from one as read."""
        return self.polarity * current

    def device_voltage(self, voltage: Q, current: Q) -> Q:
        """The voltage at the device itself [V], positive when it emits, from voltage [V] and current [A] as read."""
        if not self.lead_resistance:  # a current that is missing takes nothing from it
            return self.polarity * voltage
        return self.polarity * (voltage - current * self.lead_resistance)


@dataclass(frozen=True)
class LightUncertainty:
    """How well all that is known that is common to all points: standard uncertainties (k = 1).

    ``emissive_area`` in m^2, ``wavelength`` [nm] and ``lead_resistance`` [ohm] are absolute, the others relative:
    ``luminance_scale`` the absolute scale of the spectroradiometer, ``uniformity`` spot and aperture,
    ``repositioning`` putting the next device into the same place, ``linearity`` of the luminance channel,
    ``angular_factor`` that of F.
    """

    emissive_area: float = field(default=0.0, metadata=_stored("m^2", name="emissive_area_uncertainty"))
    luminance_scale: float = field(default=0.0, metadata=_stored("1", name="luminance_scale_uncertainty"))
    uniformity: float = field(default=0.0, metadata=_stored("1", name="uniformity_uncertainty"))
    repositioning: float = field(default=0.0, metadata=_stored("1", name="repositioning_uncertainty"))
    linearity: float = field(default=0.0, metadata=_stored("1", name="linearity_uncertainty"))
    wavelength: float = field(default=0.0, metadata=_stored("nm", name="wavelength_uncertainty"))
    angular_factor: float = field(default=0.0, metadata=_stored("1", name="forward_factor_uncertainty"))
    lead_resistance: float = field(default=0.0, metadata=_stored("ohm", name="lead_resistance_uncertainty"))


@dataclass(frozen=True, eq=False)
class StandInSpectra:
    """Spectra (401,), any scale, that stand in until one is measured: of an earlier run, and an assumed line."""

    reference: FloatArray | None = field(default=None, metadata=_stored("1", name="reference_spectrum"))
    assumed: FloatArray | None = field(default=None, metadata=_stored("1", name="assumed_spectrum"))


@dataclass(frozen=True, eq=False)
class RelativeResponsivity:
    """The responsivity by which luminance from a run's own spectra follows the colour of each point.

    ``curve`` R (401,), any scale; None: that of the calibration file, without it :func:`generic_silicon`. ``source``
    says which it is, ``shape_uncertainty`` [1/nm] is that of d ln R/d lambda.
    """

    curve: FloatArray | None = field(default=None, metadata=_stored("A/W", name="relative_responsivity"))
    source: str = field(default="", metadata=_stored(name="relative_responsivity_source"))
    shape_uncertainty: float = field(default=0.0, metadata=_stored("1/nm", name="relative_responsivity_uncertainty"))


@dataclass(frozen=True)
class Provenance:
    """Where a photodiode's calibration comes from.

    ``date`` on which it was made and ``valid_until`` as 2026-03-31, empty where not given; ``example``: it is the one
    that was made up for the simulated bench, or one that was made on it.
    """

    date: str = field(default="", metadata=_stored(name="calibration_date"))
    valid_until: str = field(default="", metadata=_stored(name="calibration_valid_until"))
    example: bool = field(default=False, metadata=_stored("1", name="calibration_is_example"))


#: The parts of a calibration whose fields stand in a run file one by one.
_PARTS = {
    "conditions": Conditions,
    "uncertainty": LightUncertainty,
    "stand_in": StandInSpectra,
    "relative": RelativeResponsivity,
    "provenance": Provenance,
    "layer": Layer,
}


@dataclass(frozen=True, eq=False, kw_only=True)
class Calibration:
    """What turns signals into light: the photodiode's calibration, None without one, and what else enters.

    ``photodiode`` is what a calibration file gives; to evaluate a run with another one, that part is replaced.
    ``relative`` counts where ``conditions.luminance_route`` is another one than that. ``layer`` is that of a device
    that is not to shine.
    """

    conditions: Conditions
    photodiode: PhotodiodeCalibration | None = None
    uncertainty: LightUncertainty = LightUncertainty()
    stand_in: StandInSpectra = StandInSpectra()
    relative: RelativeResponsivity = RelativeResponsivity()
    provenance: Provenance = Provenance()
    layer: Layer = NO_LAYER

    @cached_property
    def shape(self) -> PhotodiodeCalibration | None:
        """The photodiode by which spectra are told apart: as calibrated, or of an arbitrary scale until it has one."""
        if self.conditions.luminance_route == LuminanceRoute.CALIBRATED:
            return self.photodiode
        relative = self.relative if self.relative.curve is not None else relative_responsivity(self.photodiode)
        return PhotodiodeCalibration(1.0, relative.curve, shape_uncertainty=relative.shape_uncertainty)

    @cached_property
    def reference_factors(self) -> SpectralFactors[float] | None:
        """The factors of the reference spectrum, None without one."""
        return self._factors(self.stand_in.reference)

    @cached_property
    def assumed_factors(self) -> SpectralFactors[float] | None:
        """The factors of the assumed spectrum, None without one."""
        assumed = self.stand_in.assumed
        return of_assumed_line(assumed, self.photodiode) if assumed is not None else None

    def _factors(self, spectrum: FloatArray | None) -> SpectralFactors[float] | None:
        return spectral_factors(spectrum, self.photodiode) if spectrum is not None else None

    def to_fields(self) -> dict[str, tuple[Any, str]]:
        """Every number, curve and text as (value, unit), by its name in a run file.

        Texts have no unit; a curve that is not there is empty, the scale of no photodiode NaN.
        """
        everything = chain(_parts_to_fields(self), _photodiode_to_fields(self.photodiode))
        return {name: (_or_empty(value), unit) for name, value, unit in everything}

    @classmethod
    def from_fields(cls, values: Mapping[str, Any]) -> Self:
        """Rebuild a calibration from the values of :meth:`to_fields`; unknown names are ignored."""
        parts = {part: _from_fields(kind, values) for part, kind in _PARTS.items()}
        return cls(photodiode=_photodiode_from_fields(values), **parts)


def relative_responsivity(photodiode: PhotodiodeCalibration | None) -> RelativeResponsivity:
    """The responsivity of a calibrated photodiode, or that of silicon in general."""
    if photodiode is not None and photodiode.responsivity is not None:
        return RelativeResponsivity(photodiode.responsivity, f"calibration {photodiode.identification}")
    return RelativeResponsivity(generic_silicon(), GENERIC_SILICON, GENERIC_SILICON_SHAPE_UNCERTAINTY)


# --- in a run file -----------------------------------------------------------------------------------------


def _stored_name(one: Field[Any]) -> str:
    name: str = one.metadata["name"]
    return name or one.name


def _parts_to_fields(calibration: Calibration) -> Iterator[tuple[str, Any, str]]:
    for part in _PARTS:
        values = getattr(calibration, part)
        if isinstance(values, Layer) and not values.stated:
            continue
        for one in fields(values):
            yield _stored_name(one), getattr(values, one.name), _unit(one, calibration.conditions)


#: The units of what a meter that reads the photocurrent itself is set to, in place of those of one that reads volts.
_UNITS_IN_AMPERES = {"transfer": "1", "photodiode_range": "A"}


def _unit(one: Field[Any], conditions: Conditions) -> str:
    unit: str = one.metadata["unit"]
    return _UNITS_IN_AMPERES.get(one.name, unit) if conditions.connection == Connection.CURRENT else unit


def _photodiode_to_fields(photodiode: PhotodiodeCalibration | None) -> Iterator[tuple[str, Any, str]]:
    yield "identification", photodiode.identification if photodiode else "none", ""
    yield "method", photodiode.method if photodiode else "none", ""
    yield "photodiode_scale", photodiode.scale if photodiode else nan, "cd/(m^2 W)"
    yield "photodiode_scale_slope", photodiode.scale_slope if photodiode else 0.0, "1/nm"
    yield "responsivity", photodiode.responsivity if photodiode else None, "A/W"
    yield "responsivity_shortest", photodiode.shortest if photodiode else nan, "nm"
    yield "responsivity_longest", photodiode.longest if photodiode else nan, "nm"
    yield "calibration_uncertainty", photodiode.relative_uncertainty if photodiode else 0.0, "1"
    yield "calibration_degrees_of_freedom", photodiode.degrees_of_freedom if photodiode else inf, "1"
    yield "responsivity_uncertainty", photodiode.responsivity_uncertainty if photodiode else 0.0, "1"
    yield "reference_response", photodiode.reference_response if photodiode else None, "1/nm"
    yield "luminance_factor", photodiode.factor if photodiode else nan, "cd/(m^2 A)"
    yield "calibrated_from", photodiode.lowest if photodiode else nan, "cd/m^2"
    yield "calibrated_to", photodiode.highest if photodiode else nan, "cd/m^2"
    yield "calibration_centroid", photodiode.centroid if photodiode else nan, "nm"
    yield "responsivity_shape_uncertainty", photodiode.shape_uncertainty if photodiode else 0.0, "1/nm"


def _or_empty(value: Any) -> Any:
    return np.empty(0) if value is None else value


def _from_fields(kind: type[Any], values: Mapping[str, Any]) -> Any:
    """One of the parts; where a name is missing, as in an older file, the default holds."""
    names = {one.name: _stored_name(one) for one in fields(kind)}
    return kind(**{own: _or_none(values[name]) for own, name in names.items() if name in values})


def _photodiode_from_fields(values: Mapping[str, Any]) -> PhotodiodeCalibration | None:
    if not isfinite(values.get("photodiode_scale", nan)):
        return None
    return PhotodiodeCalibration(
        values["photodiode_scale"],
        _or_none(values.get("responsivity")),
        values.get("photodiode_scale_slope", 0.0),
        relative_uncertainty=values.get("calibration_uncertainty", 0.0),
        identification=values.get("identification", ""),
        method=values.get("method", ""),
        degrees_of_freedom=values.get("calibration_degrees_of_freedom", inf),
        responsivity_uncertainty=values.get("responsivity_uncertainty", 0.0),
        reference_response=_or_none(values.get("reference_response")),
        shortest=values.get("responsivity_shortest", nan),
        longest=values.get("responsivity_longest", nan),
        factor=values.get("luminance_factor", nan),
        lowest=values.get("calibrated_from", nan),
        highest=values.get("calibrated_to", nan),
        centroid=values.get("calibration_centroid", nan),
        shape_uncertainty=values.get("responsivity_shape_uncertainty", 0.0),
    )


def _or_none(value: Any) -> Any:
    return None if isinstance(value, np.ndarray) and not value.size else value
