"""Colour, luminance and line shape of many spectra at once: the numbers of one at a time, to the last bit.

Each integral is the same product of the same library for a row as for a spectrum alone (``vecdot``, ``matvec``), never
one matrix product of all, whose sums would depend on how many there are; the rest is element by element.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import nan
from typing import NamedTuple

import numpy as np

from acquire.photometry.constants import MAXIMUM_LUMINOUS_EFFICACY
from acquire.photometry.elementwise import IntArray
from acquire.photometry.factors import optical_functions
from acquire.photometry.grid import STEP, WAVELENGTH, trapezoid_weights
from acquire.photometry.line_shape import HALF_WINDOW, local_fit
from acquire.photometry.observer import v_lambda
from acquire.photometry.photodiode import PhotodiodeCalibration
from acquire.records import FloatArray

#: Spectra at work at once: their arrays stay in the cache of a core.
BLOCK = 256


class Colorimetry(NamedTuple):
    """What many spectra say by themselves, each (n,); NaN where there is no light.

    ``luminance`` [cd/m^2], CIE 1931 ``x`` and ``y``, ``peak_wavelength`` and ``fwhm`` [nm] of the smoothed spectrum,
    and the ``mismatch_factor`` against the spectrum under which a photodiode's factor was found.
    """

    luminance: FloatArray
    x: FloatArray
    y: FloatArray
    peak_wavelength: FloatArray
    fwhm: FloatArray
    mismatch_factor: FloatArray


def colorimetry(spectral_radiance: FloatArray, photodiode: PhotodiodeCalibration | None = None) -> Colorimetry:
    """Return what spectra (n, 401) [W m^-2 sr^-1 nm^-1] say by themselves.

    As :func:`acquire.photometry.luminous.luminance` and :func:`acquire.photometry.factors.spectral_factors` give it for
    one of them.

    :raises ValueError: they have not 401 samples each.
    """
    spectra = np.ascontiguousarray(spectral_radiance, float)
    if spectra.ndim != 2 or spectra.shape[1] != WAVELENGTH.size:
        raise ValueError(f"spectra have 401 samples each, 380-780 nm, not shape {spectra.shape}")
    columns = np.empty((len(Colorimetry._fields), len(spectra)))
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):  # where there is no light
        for first in range(0, len(spectra), BLOCK):
            block = slice(first, first + BLOCK)
            for column, values in zip(columns, _of_block(spectra[block], photodiode), strict=True):
                column[block] = values
    return Colorimetry(*columns)


def _of_block(spectra: FloatArray, photodiode: PhotodiodeCalibration | None) -> Iterator[FloatArray]:
    weights, finite = trapezoid_weights(), np.asarray(np.isfinite(spectra).all(axis=1), bool)
    yield np.where(finite, MAXIMUM_LUMINOUS_EFFICACY * np.vecdot(spectra * v_lambda(), weights), nan)
    area = np.vecdot(spectra, weights)
    weighted = spectra / area[:, None] * weights
    _, x, visible, z, *_ = np.matvec(optical_functions(), weighted).T
    lit = finite & (area > 0) & (visible > 0)
    total = x + visible + z
    yield np.where(lit, x / total, nan)
    yield np.where(lit, visible / total, nan)
    peak, fwhm = _line_shapes(spectra if finite.all() else np.where(finite[:, None], spectra, 0.0))
    yield np.where(lit, peak, nan)
    yield np.where(lit, fwhm, nan)
    yield np.where(lit, _mismatch(weighted, visible, photodiode), nan)


def _mismatch(weighted: FloatArray, visible: FloatArray, photodiode: PhotodiodeCalibration | None) -> FloatArray:
    if photodiode is None or photodiode.responsivity is None:
        return np.full(visible.shape, nan)
    response = np.vecdot(weighted, photodiode.responsivity)
    factor = photodiode.scale * visible / response / photodiode.factor
    return np.asarray(np.where(response > 0, factor, nan), float)


def _smoothed(spectra: FloatArray) -> FloatArray:
    """Each spectrum as :func:`acquire.photometry.line_shape.smoothed` gives it."""
    fit, half, width = local_fit(), HALF_WINDOW, 2 * HALF_WINDOW + 1
    flat = np.convolve(spectra.ravel(), fit[half][::-1], mode="valid")
    # What lies across the end of one spectrum and the begin of the next is no spectrum's
    whole = np.concatenate([flat, np.zeros(2 * half)]).reshape(spectra.shape)
    inner = whole[:, : spectra.shape[1] - 2 * half]
    ends = np.matvec(fit[:half], spectra[:, :width]), np.matvec(fit[-half:], spectra[:, -width:])
    return np.concatenate([ends[0], inner, ends[1]], axis=1)


def _line_shapes(spectra: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Peak wavelength and width of the main lobe [nm] of each, smoothed."""
    searched = _smoothed(spectra)
    rows, last = np.arange(len(searched)), searched.shape[1] - 1
    top = searched.argmax(axis=1)
    highest = searched[rows, top]
    a, b, c = (searched[rows, np.clip(top + shift, 0, last)] for shift in (-1, 0, 1))
    curvature = a - 2 * b + c
    inside = (top > 0) & (top < last) & (curvature != 0)
    shift = (a - c) / (2 * curvature)
    peak = np.where(inside, WAVELENGTH[top] + shift * STEP, WAVELENGTH[top])
    height = np.where(inside, b - (a - c) * shift / 4, b)
    level = np.minimum(height / 2, highest)
    below, columns = searched < level[:, None], np.arange(last + 1, dtype=np.int16)
    before = columns < top.astype(np.int16)[:, None]
    left, right = below & before, below & ~before  # the largest sample itself is not below
    near_left, near_right = last - left[:, ::-1].argmax(axis=1), right.argmax(axis=1)
    there = left[rows, near_left], right[rows, near_right]
    ends = (
        _between(searched, rows, i, level) for i in (np.minimum(near_left, last - 1), np.maximum(near_right - 1, 0))
    )
    start, stop = (np.where(one, end, nan) for one, end in zip(there, ends, strict=True))
    dark = ~(highest > 0)
    return np.where(dark, nan, peak), np.where(dark, nan, stop - start)


def _between(spectra: FloatArray, rows: IntArray, i: IntArray, level: FloatArray) -> FloatArray:
    """The wavelength [nm] at which the line from sample i to the next of each spectrum meets its level."""
    low, high = spectra[rows, i], spectra[rows, i + 1]
    return np.asarray(WAVELENGTH[i] + (level - low) / (high - low) * STEP, float)
