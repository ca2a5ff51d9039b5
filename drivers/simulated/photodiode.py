"""The photodiode that looks at the device, with its amplifier. SI units; spectra on the instruments' 1 nm grid."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from drivers.cie import WAVELENGTH

#: Weights of the trapezoidal rule on the wavelength grid.
TRAPEZOID = np.ones(WAVELENGTH.size)
TRAPEZOID[[0, -1]] = 0.5
TRAPEZOID.setflags(write=False)


def coaxial_discs_etendue(emitter_area: float, detector_area: float, distance: float) -> float:
    """Return the etendue (m^2 sr) between two coaxial discs of given areas (m^2) at a distance (m).

    Howell, Catalog of radiation configuration factors, C-41.
    """
    r1 = math.sqrt(emitter_area / math.pi) / distance
    r2 = math.sqrt(detector_area / math.pi) / distance
    x = 1.0 + (1.0 + r2 * r2) / (r1 * r1)
    # the textbook difference (x - root)/2, written so that nothing cancels for small discs
    factor = 2.0 * (r2 / r1) ** 2 / (x + math.sqrt(x * x - 4.0 * (r2 / r1) ** 2))
    return math.pi * emitter_area * factor


@dataclass(frozen=True)
class Photodiode:
    """A silicon photodiode with its transimpedance amplifier, or a resistor; the gain of an inverting one is negative.

    ``rail`` (V): the amplifier puts out no more than this, of either sign.
    """

    etendue: float  # m^2 sr, device to diode
    responsivity: NDArray[np.float64]  # (401,) A/W
    gain: float  # V/A
    dark_current: float = 0.0  # A
    rail: float = math.inf  # V

    def voltage(self, current: float) -> float:
        """Return what the amplifier puts out (V) at a current (A)."""
        return min(max(self.gain * current, -self.rail), self.rail)

    def current(self, spectral_radiance: NDArray[np.float64]) -> float:
        """Return the photocurrent (A) of a spectral radiance (401,) in W/(sr m^2 nm); no dark current."""
        return self.etendue * float((self.responsivity * TRAPEZOID) @ spectral_radiance)


_LINEAR = re.compile(r"\s*([-+.\deE]+)\s*\*\s*lambda_nm\s*([-+])\s*([.\deE+-]+)\s*")


def linear_responsivity(formula: str) -> NDArray[np.float64]:
    """Return the responsivity (401,) in A/W for a formula like ``6.0e-4*lambda_nm - 0.012``.

    :raises ValueError: it has another form.
    """
    match = _LINEAR.fullmatch(formula)
    if match is None:
        raise ValueError(f"responsivity {formula!r} is not of the form 'slope*lambda_nm + offset'")
    slope, sign, offset = match.groups()
    return float(slope) * WAVELENGTH + float(sign + offset)


def photodiode_from_parameters(shared: Mapping[str, Any], distance: float | None = None) -> Photodiode:
    """Build the photodiode from the shared parameters; the etendue follows from areas and ``distance`` (m).

    A load without light may have no area; any will do then.

    :raises KeyError: a parameter is missing.
    """
    entry = shared["photodiode"]
    area = shared.get("device_area_m2", entry["area_m2"])
    return Photodiode(
        etendue=coaxial_discs_etendue(area, entry["area_m2"], distance or entry["distance_m"]),
        responsivity=linear_responsivity(entry["responsivity_A_W"]),
        gain=entry["tia_V_A"],
        dark_current=entry["dark_current_A"],
        rail=entry.get("rail_V", math.inf),
    )


@dataclass(frozen=True)
class Move:
    """Somebody pushes the photodiode: from ``after`` (s) on it is this one."""

    after: float
    photodiode: Photodiode


def move_from_parameters(shared: Mapping[str, Any]) -> Move | None:
    """Build what happens to the photodiode later on; None when it stays where it is."""
    moved = shared.get("photodiode", {}).get("moved")
    return Move(moved["after_s"], photodiode_from_parameters(shared, moved["distance_m"])) if moved else None
