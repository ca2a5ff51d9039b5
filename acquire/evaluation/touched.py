"""Which figures of merit a finding touches, by what they are computed from. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

import numpy as np

from acquire.evaluation.figure import Figure, JVLCurve
from acquire.evaluation.figures import figures_of_merit

#: How the names of figures begin that come from the shape of spectra alone.
_SHAPE = (
    "chromaticity",
    "peak_wavelength",
    "fwhm",
    "centroid_wavelength",
    "dominant_wavelength",
    "excitation_purity",
    "correlated_colour_temperature",
    "duv",
    "luminous_efficacy_of_radiation",
    "mean_photon_energy",
)

#: Those of an electron-only or hole-only device.
_TRANSPORT = (
    "mobility",
    "space_charge_slope",
    "window_",
    "field_activation",
    "trap_",
    "polarity_asymmetry",
)

#: Those of current, voltage and time alone, and the spread and change of repeated points, in which a scale cancels.
_ELECTRICAL = ("hysteresis_index", "ideality_factor", "scan_rate", "dwell", *_TRANSPORT)
_SPREAD = ("_repeatability", "_change")

#: Those of a lifetime that follow from the ratio of two luminances, in which a scale cancels, and from none.
_RATIO = ("lifetime_", "time_under_stress", "voltage_rise")


@lru_cache(maxsize=1)
def _names() -> tuple[str, ...]:
    """The names of the figures of any run, known before there are values."""
    nothing = JVLCurve(*(np.full(2, np.nan) for _ in JVLCurve.__dataclass_fields__))
    return tuple(figures_of_merit(nothing, nothing))


def names_of(figures: Mapping[str, Figure]) -> tuple[str, ...]:
    """The names of a run's figures; while it goes on, of those that every run has."""
    return tuple(figures) or _names()


def luminous(figures: Mapping[str, Figure]) -> tuple[str, ...]:
    """The figures that follow from luminance."""
    others = (*_SHAPE, *_ELECTRICAL, *_RATIO)
    return tuple(name for name in names_of(figures) if not (name.startswith(others) or name.endswith(_SPREAD)))


def spectral(figures: Mapping[str, Figure]) -> tuple[str, ...]:
    """The figures that follow from the shape of spectra alone."""
    return tuple(name for name in names_of(figures) if name.startswith(_SHAPE))


def electrical(figures: Mapping[str, Figure]) -> tuple[str, ...]:
    """The figures of current, voltage and time alone."""
    return tuple(name for name in names_of(figures) if name.startswith(_ELECTRICAL))


def quantum(figures: Mapping[str, Figure]) -> tuple[str, ...]:
    """The figures that need all photons: external quantum efficiency, and what follows from it."""
    return tuple(name for name in names_of(figures) if "quantum" in name or name.startswith("roll_off"))


def per_area(figures: Mapping[str, Figure]) -> tuple[str, ...]:
    """The figures that follow from the pixel area: all but voltages, lengths of time and what is only light."""
    return tuple(
        name
        for name in names_of(figures)
        if "current_density" in name or "efficiency" in name or name.startswith("mobility")
    )


def per_current(figures: Mapping[str, Figure]) -> tuple[str, ...]:
    """The figures that follow from light and current together."""
    return tuple(name for name in names_of(figures) if "efficiency" in name or name.startswith("roll_off"))
