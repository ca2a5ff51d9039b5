"""Colour-matching functions of the CIE standard colorimetric observers.

The tables under ``drivers/data`` run from 360 nm to 830 nm in steps of 1 nm:

- ``cie1931_2deg_1nm.csv``: CIE 2019, colour-matching functions of CIE 1931 standard colorimetric observer,
  doi 10.25039/CIE.DS.xvudnb9b. Its ybar column is V(lambda) as well.
- ``cie1964_10deg_1nm.csv``: CIE 2019, colour-matching functions of CIE 1964 standard colorimetric observer,
  doi 10.25039/CIE.DS.sqksu2n5.

The photometry (``acquire/photometry/data``) has the first of them once more, by intent: what a twin shows must not
rest on the photometry that is tested against it.

Both are reformatted copies (a heading row added) of data published by the CIE under CC BY-SA 4.0 and remain
under that licence; the code has its own.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

#: The instrument's wavelength grid, nm.
WAVELENGTH: NDArray[np.float64] = np.arange(380.0, 781.0)


@lru_cache(maxsize=2)
def _table(name: str) -> NDArray[np.float64]:
    table = np.loadtxt(Path(__file__).parent / "data" / name, delimiter=",", skiprows=1)
    table.setflags(write=False)
    return table


def _columns(name: str, first: int, last: int) -> NDArray[np.float64]:
    table = _table(name)
    rows = (table[:, 0] >= first) & (table[:, 0] <= last)
    return table[rows, 1:].T


def cie_1931_2deg(first: int = 380, last: int = 780) -> NDArray[np.float64]:
    """Return xbar, ybar, zbar of the 2 degree observer at ``first``..``last`` nm, shape (3, n)."""
    return _columns("cie1931_2deg_1nm.csv", first, last)


def cie_1964_10deg(first: int = 380, last: int = 780) -> NDArray[np.float64]:
    """Return xbar, ybar, zbar of the 10 degree observer at ``first``..``last`` nm, shape (3, n)."""
    return _columns("cie1964_10deg_1nm.csv", first, last)
