"""Colorimetry inside the spectroradiometer twin, and the text and hexadecimal forms of its values.

The meter sums its 401 values times 1 nm with K_m = 683 lm/W and the CIE tables; see CS-2000 Communication
Specifications, data of MEDR mode 2. Correlated colour temperature is that of the nearest point of the Planckian
locus in the CIE 1960 (u, v) diagram (CIE 015:2018); dominant wavelength and excitation purity refer to the
equal-energy white.
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from drivers.cie import cie_1931_2deg, cie_1964_10deg

Array = NDArray[np.float64]

#: Maximum luminous efficacy as the meter uses it, lm/W.
K_M = 683.0
#: hc/k, nm K.
_SECOND_RADIATION_CONSTANT = 1.438776877e7
#: Beyond this distance from the Planckian locus a correlated colour temperature means nothing.
_LARGEST_DUV = 0.05
_WHITE = np.array([1.0, 1.0]) / 3.0


@dataclass(frozen=True)
class ObserverColour:
    """Tristimulus values (cd/m^2) and what follows from them for one observer; None is a calculation error."""

    tristimulus: tuple[float, float, float]
    x: float | None = None
    y: float | None = None
    u: float | None = None
    v: float | None = None
    temperature: float | None = None  # K
    duv: float | None = None
    dominant_wavelength: float | None = None  # nm, negative for purples
    purity: float | None = None  # percent


@dataclass(frozen=True)
class Colorimetry:
    """Everything MEDR mode 2 can say about a spectrum."""

    radiance: float | None  # W/(sr m^2)
    luminance: float  # cd/m^2
    observer_2deg: ObserverColour
    observer_10deg: ObserverColour


def colorimetry(spectral_radiance: Array) -> Colorimetry:
    """Evaluate a spectral radiance (401,) in W/(sr m^2 nm) as the meter does: plain sums at 1 nm."""
    two = tristimulus_colour(K_M * cie_1931_2deg() @ spectral_radiance, 2)
    ten = tristimulus_colour(K_M * cie_1964_10deg() @ spectral_radiance, 10)
    return Colorimetry(float(spectral_radiance.sum()), two.tristimulus[1], two, ten)


def tristimulus_colour(tristimulus: Array, observer: int) -> ObserverColour:
    """Evaluate X, Y, Z for the ``observer`` of 2 or 10 degrees; nothing but X, Y, Z when they are all zero."""
    x_y_z = (float(tristimulus[0]), float(tristimulus[1]), float(tristimulus[2]))
    total = sum(x_y_z)
    if total <= 0.0:
        return ObserverColour(x_y_z)
    x, y = x_y_z[0] / total, x_y_z[1] / total
    denominator = -2.0 * x + 12.0 * y + 3.0
    u, v = 4.0 * x / denominator, 9.0 * y / denominator
    return ObserverColour(
        x_y_z, x, y, u, v, *_correlated_temperature(u, 2.0 * v / 3.0, observer), *_dominant(x, y, observer)
    )


def _table(observer: int, first: int, last: int) -> Array:
    return cie_1931_2deg(first, last) if observer == 2 else cie_1964_10deg(first, last)


def _planck_uv(mired: Array, observer: int) -> Array:
    """CIE 1960 (u, v) of Planckian radiators, shape (n, 2), at reciprocal temperatures (n,) in 1e-6/K."""
    wavelength = np.arange(360.0, 831.0)
    exponent = np.outer(mired, _SECOND_RADIATION_CONSTANT * 1e-6 / wavelength)
    x, y, z = _table(observer, 360, 830) @ (wavelength**-5 / np.expm1(exponent)).T
    denominator = x + 15.0 * y + 3.0 * z
    return np.stack([4.0 * x / denominator, 6.0 * y / denominator], axis=1)


@lru_cache(maxsize=2)
def _locus(observer: int) -> tuple[Array, Array]:
    mired = np.linspace(10.0, 1000.0, 397)
    return mired, _planck_uv(mired, observer)


def _correlated_temperature(u: float, v: float, observer: int) -> tuple[float | None, float | None]:
    """Return the correlated colour temperature (K) and the signed distance from the locus, + above it."""
    colour = np.array([u, v])
    mired, locus = _locus(observer)
    nearest = int(np.argmin(np.sum((locus - colour) ** 2, axis=1)))
    if nearest in (0, mired.size - 1):
        return None, None
    low, high = mired[nearest - 1], mired[nearest + 1]
    for _ in range(4):  # each pass narrows the bracket tenfold
        fine = np.linspace(low, high, 21)
        points = _planck_uv(fine, observer)
        best = min(max(int(np.argmin(np.sum((points - colour) ** 2, axis=1))), 1), fine.size - 2)
        low, high = fine[best - 1], fine[best + 1]
    away = colour - points[best]
    duv = math.copysign(math.hypot(*away), away[1])
    if abs(duv) > _LARGEST_DUV:
        return None, None
    return 1e6 / float(fine[best]), duv


@lru_cache(maxsize=2)
def _spectrum_locus(observer: int) -> Array:
    """Chromaticities (321, 2) of monochromatic light, 380 nm to 700 nm."""
    table = _table(observer, 380, 700)
    chromaticities: Array = (table[:2] / table.sum(axis=0)).T
    return chromaticities


def _dominant(x: float, y: float, observer: int) -> tuple[float | None, float | None]:
    """Return dominant wavelength (nm; complementary and negative for purples) and purity (percent)."""
    direction = np.array([x, y]) - _WHITE
    distance = math.hypot(*direction)
    if distance < 1e-6:
        return None, None
    locus = _spectrum_locus(observer)
    forward = _crossing(direction, locus)
    if forward is not None:
        wavelength, reach = forward
        return wavelength, 100.0 * min(1.0 / reach, 1.0)
    backward = _crossing(-direction, locus)
    purple = _crossing(direction, locus[[0, -1]])
    if backward is None or purple is None:
        return None, None
    return -backward[0], 100.0 * min(1.0 / purple[1], 1.0)


def _crossing(direction: Array, line: Array) -> tuple[float, float] | None:
    """Where the ray from white meets a broken line (n, 2): wavelength (nm from 380) and reach in ``direction``s."""
    start, step = line[:-1] - _WHITE, np.diff(line, axis=0)
    determinant = step[:, 0] * direction[1] - step[:, 1] * direction[0]
    with np.errstate(divide="ignore", invalid="ignore"):
        along = (direction[0] * start[:, 1] - direction[1] * start[:, 0]) / determinant
        reach = (step[:, 0] * start[:, 1] - step[:, 1] * start[:, 0]) / determinant
    hits = np.flatnonzero((along >= 0.0) & (along <= 1.0) & (reach > 0.0))
    if hits.size == 0:
        return None
    hit = int(hits[np.argmax(reach[hits])])
    return 380.0 + hit + float(along[hit]), float(reach[hit])


#: A value with the way it is written: exponent, six characters, chromaticity, temperature, duv, two decimals.
Field = tuple[str, float | None]

_ERRORS = {"e": "-9.9999e9", "six": "-9.9e9", "xy": "-9.999", "t": "-9999", "duv": "-9.9999", "two": "-9.9e9"}
_HEX_ERROR = "D1BA43B6"


def observer_fields(colour: ObserverColour) -> list[Field]:
    """List the eleven fields of one observer in the order of block 0."""
    return [
        *(("e", value) for value in colour.tristimulus),
        ("xy", colour.x),
        ("xy", colour.y),
        ("xy", colour.u),
        ("xy", colour.v),
        ("t", colour.temperature),
        ("duv", colour.duv),
        ("two", colour.dominant_wavelength),
        ("two", colour.purity),
    ]


def block_fields(values: Colorimetry, block: int) -> list[Field]:
    """List the fields of a colorimetry block.

    :raises KeyError: the block does not exist.
    """
    two, ten = observer_fields(values.observer_2deg), observer_fields(values.observer_10deg)
    radiance: Field = ("e", values.radiance)
    luminance: Field = ("six", values.luminance)
    blocks = {0: [radiance, luminance, *two, *ten], 100: [radiance], 101: [luminance]}
    for offset, fields in ((0, two), (10, ten)):
        blocks[offset + 1] = fields[0:3]
        for number, first in ((2, 3), (3, 5), (4, 7), (5, 9)):
            blocks[offset + number] = [*fields[first : first + 2], luminance]
    return blocks[block]


def field_text(field: Field, *, error_values: bool = True) -> str:
    """Write a field as text; firmware without error values writes 0 in their place."""
    kind, value = field
    if value is None:
        if error_values:
            return _ERRORS[kind]
        value = 0.0
    match kind:
        case "e":
            return exponent_text(value, "0.0000e-9")
        case "xy":
            return f"{value:.4f}"
        case "t":
            return f"{value:5.0f}"
        case "duv":
            return f"{value:+.4f}"
        case "two":
            return six_text(round(value, 2))
        case _:
            return six_text(value)


def field_hex(field: Field, *, error_values: bool = True) -> str:
    """Write a field as the eight digits of its big-endian IEEE-754 single."""
    value = field[1]
    if value is None:
        return _HEX_ERROR if error_values else hex_text(0.0)
    return hex_text(value)


def hex_text(value: float) -> str:
    """Write a value as the eight digits of its big-endian IEEE-754 single."""
    return struct.pack(">f", value).hex().upper()


def exponent_text(value: float, zero: str = "0.0000e+0") -> str:
    """Write a value in the nine characters d.dddde-d, at most 9.9999e+9; exactly zero as ``zero``."""
    value = min(value, 9.9999e9)
    if value == 0.0:
        return zero
    if value < 1e-9:
        return f"{value * 1e9:.4f}e-9"
    mantissa, exponent = f"{value:.4e}".split("e")
    return f"{mantissa}e{int(exponent):+d}"


def six_text(value: float) -> str:
    """Write a value in six characters with a floating point, ``1.23e+6`` to ``9.99e+9`` when that is not enough."""
    if value >= 999999.5:
        mantissa, exponent = f"{min(value, 9.99e9):.2e}".split("e")
        return f"{mantissa}e{int(exponent):+d}"
    for decimals in (4, 3, 2, 1):
        text = f"{value:.{decimals}f}"
        if len(text) <= 6:
            return text
    text = f"{value:.0f}"
    return f"{text}." if len(text) < 6 else text
