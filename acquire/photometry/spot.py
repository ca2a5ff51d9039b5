"""How much of a spectroradiometer's spot a pixel fills."""

from __future__ import annotations

from math import acos, pi, sqrt


def unfilled_share(spot: float, emissive_area: float) -> float:
    """Return the share of a round spot that lies beside a square pixel, 0 to 1, with the spot in its middle.

    ``spot`` [m] is the diameter, ``emissive_area`` [m^2] that of the pixel. So much is a luminance too low when what
    lies beside the pixel is dark: 29 % for a spot of 5 mm on 14 mm^2.

    :raises ValueError: one of the two is not positive.
    """
    if not (spot > 0 and emissive_area > 0):
        raise ValueError("a spot and a pixel have a size")
    radius, half = spot / 2, sqrt(emissive_area) / 2
    if radius <= half:
        return 0.0
    if radius >= half * sqrt(2):
        return 1 - emissive_area / (pi * radius**2)
    beyond_a_side = radius**2 * acos(half / radius) - half * sqrt(radius**2 - half**2)
    return 4 * beyond_a_side / (pi * radius**2)
