"""The CIE 1931 standard colorimetric observer (2 degrees); its ybar is V(lambda) as well.

Table: CIE 2019, Colour-matching functions of CIE 1931 standard colorimetric observer,
doi 10.25039/CIE.DS.xvudnb9b, CC BY-SA 4.0; see ``data/README.md``.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from typing import Final

import numpy as np

from acquire.photometry.grid import WAVELENGTH
from acquire.records import FloatArray

#: Sums of xbar, ybar, zbar over the 471 rows as published with the table.
COLUMN_SUMS: Final = (106.865469489595, 106.8569171011719, 106.892251278636)


@dataclass(frozen=True, slots=True, eq=False)
class Observer:
    """Colour-matching functions: ``wavelength`` (n,) [nm], ``matching`` (3, n) = xbar, ybar, zbar."""

    wavelength: FloatArray
    matching: FloatArray

    @property
    def v_lambda(self) -> FloatArray:
        """V(lambda), shape (n,)."""
        return np.asarray(self.matching[1], float)


@lru_cache(maxsize=1)
def full_table() -> Observer:
    """Return the whole table, 360-830 nm in steps of 1 nm; raise ValueError when the file was altered."""
    text = resources.files("acquire.photometry").joinpath("data", "cie1931_2deg_1nm.csv").read_text("ascii")
    return _observer(np.loadtxt(text.splitlines(), delimiter=",", skiprows=1))


def _observer(table: FloatArray) -> Observer:
    if table.shape != (471, 4) or not np.array_equal(table[:, 0], np.arange(360.0, 831.0)):
        raise ValueError("the CIE 1931 table must have 471 rows, 360-830 nm")
    if not np.allclose(table[:, 1:].sum(axis=0), COLUMN_SUMS, rtol=1e-12, atol=0):
        raise ValueError("the CIE 1931 table does not add up to the published column sums")
    table.setflags(write=False)
    return Observer(table[:, 0], table[:, 1:].T)


@lru_cache(maxsize=1)
def observer() -> Observer:
    """Return the colour-matching functions on the grid 380-780 nm."""
    return Observer(WAVELENGTH, _inside(full_table().matching))


@lru_cache(maxsize=1)
def matching_slopes() -> FloatArray:
    """Return d(xbar, ybar, zbar)/d lambda [1/nm] on the grid, shape (3, 401).

    Central differences of the linearly interpolated table: the effect of a spectrum displaced by +-0.5 nm.
    """
    return _inside(np.gradient(full_table().matching, axis=1))


def _inside(functions: FloatArray) -> FloatArray:
    functions = np.ascontiguousarray(functions[:, 20:421])
    functions.setflags(write=False)
    return functions


def v_lambda() -> FloatArray:
    """Return V(lambda) on the grid, shape (401,)."""
    return observer().v_lambda
