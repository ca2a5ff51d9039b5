"""The angular factor F: what the whole hemisphere holds, compared with a Lambertian emitter.

F = int l(t) sin(2t) dt over 0..90 deg, l(t) = L_e(t)/L_e(0). Weighted with photons it serves EQE, weighted
with V(lambda) it serves PE. Tanaka, Tokito 2004, doi 10.1143/JJAP.43.7733; Archer et al. 2021,
doi 10.1002/adom.202000838.

Towards grazing angles a device follows a power of u = cos t times something smooth in u^2. What is interpolated between
the readings is therefore l / (u^m exp(b u^2 + c u^4)), with m, b, c from the readings from 30 deg on: for I ~ cos^n it
is constant, and neither wide steps nor the infinite slope at 90 deg matter.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import hypot, isfinite, nan, sqrt
from typing import Literal, NamedTuple

import numpy as np

from acquire.photometry.grid import WAVELENGTH, trapezoid_weights
from acquire.photometry.observer import v_lambda
from acquire.photometry.uncertainty import rectangular
from acquire.records import FloatArray

#: What is assumed beyond the last reading: that the fitted power goes on, that the radiance stays, or no light at all.
Tail = Literal["power", "lambertian", "none"]

#: Angles [deg] that a side needs at least, 0 included, and how far they must reach.
FEWEST_ANGLES, LEAST_REACH = 5, 60.0

_GRAZING = 90.0 - 1e-6  # deg: at 90 deg nothing is seen of an area, so that a reading there says nothing
_FITTED_FROM = 30.0  # deg
_POWERS = (-0.9, 20.0)  # of l: beyond, the light of the hemisphere would not be finite, or there would be none
_GAUSS_NODES, _GAUSS_WEIGHTS = np.polynomial.legendre.leggauss(8)


@dataclass(frozen=True, slots=True)
class AngularFactor:
    """F and how well it is known.

    ``uncertainty`` (k = 1) is absolute; ``noise`` the relative standard deviation of a reading behind it;
    ``last_angle`` [deg] is that of the last reading and ``tail_share`` the part of F beyond it, by the model; ``sides``
    1 or 2, and ``difference`` F of the positive less that of the negative side, NaN for one.
    """

    value: float
    uncertainty: float
    noise: float
    last_angle: float
    tail_share: float
    sides: int = 1
    difference: float = nan


def angular_factor(
    angle: FloatArray, radiance: FloatArray, *, tail: Tail = "power", noise: float = nan
) -> AngularFactor:
    """Return F from radiances (n,), in any unit, at angles (n,) [deg] from the normal, in any order.

    Negative angles are the other side; F is the mean of both. Readings at one angle are averaged; those at 90 deg are
    left out. ``noise`` is the relative standard deviation of a reading; NaN: judged from how far each lies off a
    curve through its neighbours.

    u^2(F) = the readings' noise through F, the one at 0 deg included; the tail, within +-a of its model, a the
    distance to a tail of constant radiance; and half the difference of the sides as limits.

    :raises ValueError: a reading at 0 deg is missing or not positive, a side has fewer than five angles or ends before
        60 deg, or an angle or radiance is no number.
    """
    sides = _sides(np.asarray(angle, float), np.asarray(radiance, float))
    spread = noise if isfinite(noise) else _scatter(sides)
    factors = [_hemisphere(side, tail) for side in sides]
    value = sum(factor.value for factor in factors) / len(factors)
    shares = [factor.tail / factor.value for factor in factors]
    doubt = rectangular(sum(abs(factor.tail - factor.constant_tail) for factor in factors) / len(factors))
    difference = factors[0].value - factors[1].value if len(factors) == 2 else nan
    asymmetry = rectangular(abs(difference) / 2) if isfinite(difference) else 0.0
    return AngularFactor(
        value=value,
        uncertainty=hypot(spread * _noise_gain(sides, tail), doubt, asymmetry),
        noise=spread,
        last_angle=min(float(side.angle[-1]) for side in sides),
        tail_share=sum(shares) / len(shares),
        sides=len(sides),
        difference=difference,
    )


def radiance_of_intensity(angle: FloatArray, intensity: FloatArray) -> FloatArray:
    """Return I/cos t: the radiance behind an intensity at angles (n,) [deg]; NaN at 90 deg, where there is none.

    An intensity is what a detector reads that sees the whole device; a radiance, one that sees a part of its area.
    """
    cosine = np.cos(np.radians(angle))
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.where(np.abs(angle) < _GRAZING, intensity / cosine, nan), float)


def trapezoid_angular_factor(angle: FloatArray, radiance: FloatArray) -> float:
    """Return F by the trapezoid rule on l(t) sin(2t), as many programs do: 1 % low at 10 deg steps.

    ``angle`` (n,) [deg] ascending from 0 to 90.
    """
    t = np.radians(angle)
    return float(np.trapezoid(radiance / radiance[0] * np.sin(2 * t), t))


def photon_radiance(spectral_radiance: FloatArray) -> FloatArray:
    """Return I[L_lambda lambda] at each angle, for the F of EQE; ``spectral_radiance`` (n, 401)."""
    return np.asarray(spectral_radiance @ (trapezoid_weights() * WAVELENGTH), float)


def visible_radiance(spectral_radiance: FloatArray) -> FloatArray:
    """Return I[L_lambda V] at each angle, for the F of PE; ``spectral_radiance`` (n, 401)."""
    return np.asarray(spectral_radiance @ (trapezoid_weights() * v_lambda()), float)


# --- readings ----------------------------------------------------------------------------------------------


class _Side(NamedTuple):
    """One side of a device: angles (n,) ascending from 0 to less than 90 deg, radiances, and of how many readings."""

    angle: FloatArray
    radiance: FloatArray
    readings: FloatArray


def _sides(angle: FloatArray, radiance: FloatArray) -> list[_Side]:
    if angle.ndim != 1 or angle.shape != radiance.shape:
        raise ValueError("the angular factor needs a radiance at each angle")
    kept = np.abs(angle) < _GRAZING
    if not (np.isfinite(angle).all() and np.isfinite(radiance[kept]).all() and (np.abs(angle) <= 90).all()):
        raise ValueError("every angle must be a number from -90 to 90 deg, with a radiance")
    angle, radiance = np.round(angle[kept], 3), radiance[kept]  # a goniometer's last digits are noise
    if not (angle == 0).any() or not radiance[angle == 0].mean() > 0:
        raise ValueError("there must be a reading at 0 deg, and light in it")
    both = [_side(angle, radiance), _side(-angle, radiance)]
    return [side for side in both if side.angle.size > 1] or both[:1]


def _side(angle: FloatArray, radiance: FloatArray) -> _Side:
    chosen = angle >= 0
    angles, place, readings = np.unique(angle[chosen], return_inverse=True, return_counts=True)
    means = np.bincount(place, radiance[chosen]) / readings
    if angles.size > 1 and (angles.size < FEWEST_ANGLES or angles[-1] < LEAST_REACH):
        raise ValueError(f"a side needs {FEWEST_ANGLES} angles at least, up to {LEAST_REACH:g} deg or beyond")
    return _Side(angles, means, readings.astype(float))


# --- one side ----------------------------------------------------------------------------------------------


class _Hemisphere(NamedTuple):
    """F, the part of it beyond the last reading, and what that would be with the radiance of the last reading."""

    value: float
    tail: float
    constant_tail: float


def _hemisphere(side: _Side, tail: Tail) -> _Hemisphere:
    angle, relative = side.angle, side.radiance / side.radiance[0]
    power, shape = _fit(angle, relative)
    smooth = relative / shape(np.cos(np.radians(angle)))
    measured = _between_readings(angle, smooth, shape)
    last = float(np.cos(np.radians(angle[-1])))
    constant = float(relative[-1]) * last**2
    beyond = {"power": float(smooth[-1]) * _beyond(last, power, shape), "lambertian": constant, "none": 0.0}[tail]
    return _Hemisphere(measured + beyond, beyond, constant)


Shape = Callable[[FloatArray], FloatArray]


def _fit(angle: FloatArray, relative: FloatArray) -> tuple[float, Shape]:
    """Return m, and u^m exp(b u^2 + c u^4) as a function of u = cos t, fitted to the readings at large angles."""
    used = (angle >= _FITTED_FROM) & (relative > 0)
    u = np.cos(np.radians(angle[used]))
    terms = max(min(u.size - 1, 4), 1)  # one reading more than terms, so that a single one does not decide
    columns = np.stack((np.ones(u.size), np.log(u), u**2, u**4)[:terms], axis=1)
    found = np.zeros(4)
    if u.size:
        found[:terms] = np.linalg.lstsq(columns, np.log(relative[used]), rcond=None)[0]
    power = min(max(float(found[1]), _POWERS[0]), _POWERS[1])
    return power, lambda cosine: np.asarray(cosine**power * np.exp(found[2] * cosine**2 + found[3] * cosine**4), float)


def _between_readings(angle: FloatArray, smooth: FloatArray, shape: Shape) -> float:
    """Return int l(t) sin(2t) dt up to the last reading, ``smooth`` a cubic through the four nearest angles."""
    nodes = np.clip(np.arange(angle.size - 1) - 1, 0, angle.size - 4)[:, None] + np.arange(4)
    half = np.diff(angle)[:, None] / 2
    offsets = (angle[nodes] - angle[:-1, None]) / half - 1
    cubics = np.linalg.solve(offsets[..., None] ** _CUBIC, smooth[nodes][..., None])[..., 0]
    t = np.radians(angle[:-1, None] + half * (1 + _GAUSS_NODES))
    values = cubics @ _GAUSS_NODES ** _CUBIC[:, None] * shape(np.cos(t)) * np.sin(2 * t)
    return float(np.radians(half[:, 0]) @ (values @ _GAUSS_WEIGHTS))


_CUBIC = np.arange(3, -1, -1)


def _beyond(last: float, power: float, shape: Shape) -> float:
    """Return 2 int shape(u) u du from 0 to ``last``, by Gauss in u^(m+2), where the integrand is smooth."""
    highest = float(last ** (power + 2))
    u = (highest * (1 + _GAUSS_NODES) / 2) ** (1 / (power + 2))
    integral: float = highest / (power + 2) * float(_GAUSS_WEIGHTS @ (shape(u) / u**power))
    return integral


# --- noise -------------------------------------------------------------------------------------------------


def _noise_gain(sides: list[_Side], tail: Tail) -> float:
    """Return u(F) for readings with a relative standard deviation of one: the root of the sum of (dF/d ln r)^2."""
    changes = [_changes(side, tail) / np.sqrt(side.readings) / len(sides) for side in sides]
    at_zero = sum(float(change[0]) for change in changes)  # one reading, of both sides
    return float(hypot(at_zero, *(float(np.linalg.norm(change[1:])) for change in changes)))


def _changes(side: _Side, tail: Tail) -> FloatArray:
    """Return dF/d ln r (n,) of each reading of a side."""
    step, value = 1e-4, _hemisphere(side, tail).value
    factors = 1 + step * np.eye(side.angle.size)
    moved = [_hemisphere(side._replace(radiance=side.radiance * factor), tail).value for factor in factors]
    return (np.array(moved) - value) / step


def _scatter(sides: list[_Side]) -> float:
    """Return the relative standard deviation of a reading, from how far each lies off the cubic of its neighbours.

    What a curve through wide steps misses counts as scatter, too: wide steps of a bent pattern are uncertain. With few
    readings the estimate itself is poor: sqrt(nu/(nu - 2)) of Student's t (JCGM 101:2008, 6.4.9), nu the readings less
    the five numbers that describe a side.
    """
    squares = [square for side in sides for square in _departures(side)]
    freedom = max(sum(side.angle.size - 5 for side in sides), 3)
    return sqrt(sum(squares) / len(squares) * freedom / (freedom - 2))


def _departures(side: _Side) -> list[float]:
    """The squared departure of each inner reading from the curve through its four neighbours, for noise of one."""
    angle, relative = side.angle, side.radiance / side.radiance[0]
    smooth = relative / _fit(angle, relative)[1](np.cos(np.radians(angle)))
    found = []
    for i in range(1, angle.size - 1):
        others = np.delete(np.arange(angle.size), i)
        first = min(max(i - 2, 0), others.size - 4)
        nodes = others[first : first + 4]
        weights = np.linalg.solve(np.vander(angle[nodes] - angle[i], 4).T, [0.0, 0.0, 0.0, 1.0])
        departure = smooth[i] - weights @ smooth[nodes]
        variance = smooth[i] ** 2 / side.readings[i] + (weights * smooth[nodes]) ** 2 @ (1 / side.readings[nodes])
        found.append(float(departure**2 / variance))
    return found
