"""The one wavelength grid, 380-780 nm in steps of 1 nm, and the one rule of integration on it."""

from __future__ import annotations

from typing import Final

import numpy as np

from acquire.records import FloatArray


def _frozen(values: FloatArray) -> FloatArray:
    values.setflags(write=False)
    return values


#: Wavelengths [nm], shape (401,): the grid of the CS-2000A.
WAVELENGTH: Final = _frozen(np.arange(380.0, 781.0))
#: Distance of two samples [nm].
STEP: Final = 1.0

_TRAPEZOID: Final = _frozen(np.concatenate(([0.5], np.ones(WAVELENGTH.size - 2), [0.5])) * STEP)


def integrate(values: FloatArray) -> float:
    """Return I[f] = sum (f_i + f_(i+1))/2 * 1 nm.

    ``values`` (401,) in any unit; the result is in that unit times nm. CIE practice is a plain sum; for
    spectra that vanish at both ends the two agree to 1e-6.
    """
    return float(_TRAPEZOID @ values)


def trapezoid_weights() -> FloatArray:
    """Return the weights w (401,) [nm] of I[f] = w . f, for integrals of many functions at once."""
    return _TRAPEZOID


def on_grid(wavelength: FloatArray, values: FloatArray) -> FloatArray:
    """Interpolate a tabulated curve linearly onto the grid.

    ``wavelength`` (n,) [nm], strictly ascending; ``values`` (n,) in any unit. Returns (401,).
    Raises ValueError when the table is not of this form or does not cover 380-780 nm.
    """
    wavelength, values = np.asarray(wavelength, float), np.asarray(values, float)
    if wavelength.ndim != 1 or wavelength.shape != values.shape or wavelength.size < 2:
        raise ValueError("a curve needs as many values as wavelengths, at least two")
    if not (np.isfinite(wavelength).all() and np.isfinite(values).all()):
        raise ValueError("a curve must not hold infinite or missing numbers")
    if not (np.diff(wavelength) > 0).all():
        raise ValueError("the wavelengths of a curve must ascend strictly")
    if wavelength[0] > WAVELENGTH[0] or wavelength[-1] < WAVELENGTH[-1]:
        raise ValueError(f"the curve covers {wavelength[0]:g}-{wavelength[-1]:g} nm, but 380-780 nm are needed")
    return np.interp(WAVELENGTH, wavelength, values)


def checked(spectrum: FloatArray) -> FloatArray:
    """Return ``spectrum`` as an array (401,); raise ValueError for another shape or non-finite samples."""
    spectrum = np.asarray(spectrum, float)
    if spectrum.shape != WAVELENGTH.shape:
        raise ValueError(f"a spectrum has 401 samples, 380-780 nm, not shape {spectrum.shape}")
    if not np.isfinite(spectrum).all():
        raise ValueError("a spectrum must not hold infinite or missing numbers")
    return spectrum
