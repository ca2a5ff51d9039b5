"""What turns signals into light, and how well it is known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from functools import cached_property
from math import isfinite, nan
from typing import Any, Self

import numpy as np

from acquire.photometry.factors import SpectralFactors, spectral_factors
from acquire.photometry.photodiode import PhotodiodeCalibration
from acquire.records import (
    FloatArray,
)


@dataclass(frozen=True)
class Calibration:
    """What turns signals into light, and how well it is known. SI units; standard uncertainties (k = 1).

    ``photodiode_scale`` and ``responsivity`` (401,) [A/W] are those of
    :class:`~acquire.photometry.photodiode.PhotodiodeCalibration`; NaN and empty without one. ``*_range`` are the
    meters' fixed ranges, NaN for autorange; ``*_meter`` their models, by the names of :mod:`drivers.models`.
    ``reference_spectrum`` and ``assumed_spectrum`` (401,), any scale,
    stand in until a spectrum is measured; empty when there is none.
    """

    emissive_area: float = field(metadata={"unit": "m^2"})
    amplifier_gain: float = field(metadata={"unit": "V/A"})
    identification: str = ""
    method: str = ""
    emissive_area_uncertainty: float = field(default=0.0, metadata={"unit": "m^2"})
    photodiode_scale: float = field(default=nan, metadata={"unit": "cd/(m^2 W)"})
    photodiode_scale_slope: float = field(default=0.0, metadata={"unit": "1/nm"})
    responsivity: FloatArray = field(default_factory=lambda: np.empty(0), metadata={"unit": "A/W"})
    reference_spectrum: FloatArray = field(default_factory=lambda: np.empty(0), metadata={"unit": "1"})
    assumed_spectrum: FloatArray = field(default_factory=lambda: np.empty(0), metadata={"unit": "1"})
    forward_factor: float = field(default=1.0, metadata={"unit": "1"})
    forward_factor_source: str = "assumed 1 (Lambertian)"
    forward_factor_uncertainty: float = field(default=0.0, metadata={"unit": "1"})
    luminance_scale_uncertainty: float = field(default=0.0, metadata={"unit": "1"})
    uniformity_uncertainty: float = field(default=0.0, metadata={"unit": "1"})
    repositioning_uncertainty: float = field(default=0.0, metadata={"unit": "1"})
    calibration_uncertainty: float = field(default=0.0, metadata={"unit": "1"})
    linearity_uncertainty: float = field(default=0.0, metadata={"unit": "1"})
    wavelength_uncertainty: float = field(default=0.0, metadata={"unit": "nm"})
    voltage_range: float = field(default=nan, metadata={"unit": "V"})
    current_range: float = field(default=nan, metadata={"unit": "A"})
    photodiode_range: float = field(default=nan, metadata={"unit": "V"})
    nplc: float = field(default=1.0, metadata={"unit": "1"})
    photodiode_nplc: float = field(default=1.0, metadata={"unit": "1"})
    # Files written before the models were named are of these
    source_meter: str = "keithley2400"
    photodiode_meter: str = "keithley2000"

    @cached_property
    def photodiode(self) -> PhotodiodeCalibration | None:
        """The photodiode's calibration, None when the bench has none."""
        if not isfinite(self.photodiode_scale):
            return None
        responsivity = self.responsivity if self.responsivity.size else None
        return PhotodiodeCalibration(self.photodiode_scale, responsivity, self.photodiode_scale_slope)

    @cached_property
    def reference_factors(self) -> SpectralFactors[float] | None:
        """Factors of the reference spectrum, None without one."""
        return self._factors(self.reference_spectrum)

    @cached_property
    def assumed_factors(self) -> SpectralFactors[float] | None:
        """Factors of the assumed spectrum, None without one."""
        return self._factors(self.assumed_spectrum)

    def _factors(self, spectrum: FloatArray) -> SpectralFactors[float] | None:
        return spectral_factors(spectrum, self.photodiode) if spectrum.size else None

    def to_fields(self) -> dict[str, tuple[Any, str]]:
        """Every field as (value, unit), for a file; texts have no unit."""
        return {f.name: (getattr(self, f.name), f.metadata.get("unit", "")) for f in fields(self)}

    @classmethod
    def from_fields(cls, values: Mapping[str, Any]) -> Self:
        """Rebuild a calibration from the values of :meth:`to_fields`; unknown names are ignored."""
        known = {f.name for f in fields(cls)}
        return cls(**{name: value for name, value in values.items() if name in known})
