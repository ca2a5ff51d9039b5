"""Which figures of merit a finding touches, by what they are computed from. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

import numpy as np

from acquire.evaluation.figures import Figure, JVLCurve, figures_of_merit

#: How the names of figures begin that come from the shape of spectra alone.
_SHAPE = (
    "chromaticity",
    "peak_wavelength",
    "fwhm",
    "centroid",
    "dominant_wavelength",
    "complementary",
    "excitation_purity",
    "colour",
    "correlated_colour",
    "color",
    "distance_from_planckian",
    "cct",
    "duv",
    "u_prime",
    "v_prime",
)

#: Those of current and voltage alone.
_ELECTRICAL = ("hysteresis_index", "ideality_factor", "leak")


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
    return tuple(name for name in names_of(figures) if not name.startswith((*_SHAPE, *_ELECTRICAL)))


def spectral(figures: Mapping[str, Figure]) -> tuple[str, ...]:
    """The figures that follow from the shape of spectra alone."""
    return tuple(name for name in names_of(figures) if name.startswith(_SHAPE))


def quantum(figures: Mapping[str, Figure]) -> tuple[str, ...]:
    """The figures that need all photons: external quantum efficiency, and what follows from it."""
    return tuple(name for name in names_of(figures) if "quantum" in name or name.startswith("roll_off"))


def per_current(figures: Mapping[str, Figure]) -> tuple[str, ...]:
    """The figures that follow from light and current together."""
    return tuple(name for name in names_of(figures) if "efficiency" in name or name.startswith("roll_off"))
