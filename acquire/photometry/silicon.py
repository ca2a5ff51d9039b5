"""A responsivity that stands in where that of the photodiode is not known: the shape of silicon."""

from __future__ import annotations

from acquire.photometry.grid import WAVELENGTH
from acquire.records import FloatArray

#: What it is called in a run file.
GENERIC_SILICON = "generic silicon, 6.0e-4 A/W/nm x lambda - 0.012 A/W"

#: Standard uncertainty of d ln R/d lambda [1/nm]. Photodiodes sold as "silicon" go from nearly constant quantum
#: efficiency (d ln R/d lambda = 1/lambda = 0.002/nm in the green) to blue-poor ones of twice that and more.
GENERIC_SILICON_SHAPE_UNCERTAINTY = 0.002


def generic_silicon() -> FloatArray:
    """Return R(lambda) (401,) [A/W] of a silicon photodiode without a coating.

    R = eta e lambda/(h c) with a quantum efficiency eta of 0.70 at 380 nm to 0.73 at 780 nm: every absorbed photon
    gives one electron, and some 28 % are reflected at the oxide. Its level plays no part in a luminance that is held
    against spectra; only the ratio of two wavelengths does, and only as far as the spectrum moves within the run.
    """
    return 6.0e-4 * WAVELENGTH - 0.012
