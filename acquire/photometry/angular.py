"""The angular factor F: what the whole hemisphere holds, compared with a Lambertian emitter.

F = int l(t) sin(2t) dt over 0..90 deg, l(t) = L_e(t)/L_e(0). Weighted with photons it serves EQE, weighted
with V(lambda) it serves PE. Tanaka, Tokito 2004, doi 10.1143/JJAP.43.7733; Archer et al. 2021,
doi 10.1002/adom.202000838.
"""

from __future__ import annotations

from math import radians

import numpy as np

from acquire.photometry.grid import WAVELENGTH, trapezoid_weights
from acquire.photometry.observer import v_lambda
from acquire.records import FloatArray

_GAUSS_NODES, _GAUSS_WEIGHTS = np.polynomial.legendre.leggauss(6)


def angular_factor(angle: FloatArray, radiance: FloatArray) -> float:
    """Return F by the cubic rule: l(t) as a cubic through the four nearest angles, times sin(2t) as it is.

    ``angle`` (n,) [deg] strictly ascending from 0 to 90, n >= 4; ``radiance`` (n,) in any unit.
    Raises ValueError otherwise. Error at 10 deg steps for 1 + 0.2 sin^2 t: 1e-5 of F.
    """
    angle, relative = _checked(angle, radiance)
    return sum(_segment(angle, relative, i) for i in range(angle.size - 1))


def trapezoid_angular_factor(angle: FloatArray, radiance: FloatArray) -> float:
    """Return F by the trapezoid rule on l(t) sin(2t), as many programs do: 1 % low at 10 deg steps."""
    angle, relative = _checked(angle, radiance)
    t = np.radians(angle)
    return float(np.trapezoid(relative * np.sin(2 * t), t))


def photon_radiance(spectral_radiance: FloatArray) -> FloatArray:
    """Return I[L_lambda lambda] at each angle, for the F of EQE; ``spectral_radiance`` (n, 401)."""
    return np.asarray(spectral_radiance @ (trapezoid_weights() * WAVELENGTH), float)


def visible_radiance(spectral_radiance: FloatArray) -> FloatArray:
    """Return I[L_lambda V] at each angle, for the F of PE; ``spectral_radiance`` (n, 401)."""
    return np.asarray(spectral_radiance @ (trapezoid_weights() * v_lambda()), float)


def _checked(angle: FloatArray, radiance: FloatArray) -> tuple[FloatArray, FloatArray]:
    angle, radiance = np.asarray(angle, float), np.asarray(radiance, float)
    if angle.ndim != 1 or angle.shape != radiance.shape or angle.size < 4:
        raise ValueError("the angular factor needs at least four angles and a radiance at each")
    if angle[0] != 0 or angle[-1] != 90 or not (np.diff(angle) > 0).all():
        raise ValueError("the angles must ascend from 0 to 90 deg")
    if not (np.isfinite(radiance).all() and radiance[0] > 0):
        raise ValueError("the radiance must be known at every angle and positive at 0 deg")
    return angle, radiance / radiance[0]


def _segment(angle: FloatArray, relative: FloatArray, i: int) -> float:
    """Return int l(t) sin(2t) dt between angles i and i+1."""
    first = min(max(i - 1, 0), angle.size - 4)
    nodes = slice(first, first + 4)
    half = (angle[i + 1] - angle[i]) / 2
    offsets = (angle[nodes] - angle[i]) / half - 1
    cubic = np.linalg.solve(np.vander(offsets, 4), relative[nodes])
    t = np.radians(angle[i] + half * (1 + _GAUSS_NODES))
    return radians(half) * float(_GAUSS_WEIGHTS @ (np.polyval(cubic, _GAUSS_NODES) * np.sin(2 * t)))
