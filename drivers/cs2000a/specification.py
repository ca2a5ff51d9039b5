"""What is known of the Konica Minolta CS-2000 and CS-2000A: angles, what they see, how long an exposure takes.

Sources: CS-2000 Communication Specifications Rev. 7.00, published captures for the exposure model, and the maker's
data sheet for the smallest spots.
"""

from __future__ import annotations

import math
from typing import Literal

from drivers.specification import ExposureEstimate, SerialLine, SpectroradiometerSpecification

_EXPOSURE = 5.14  # luminance times integration time at 1 degree, cd s m^-2, from captured readings
_AREA_RATIO = {1.0: 1.0, 0.2: 25.0, 0.1: 100.0}  # spot area of 1 degree over that of the angle
_ND_TRANSMITTANCE = 1 / 22.4
_ND_THRESHOLD = 0.05  # automatic ND comes in when the exposure would be shorter, s
_SMALLEST_SPOT = {1.0: 5e-3, 0.2: 1e-3, 0.1: 0.5e-3}  # m, diameter by angle, where it can just be focused
_CLOSE_UP = 0.2  # of the spot with the close-up lens to that without
_NEAREST, _NEAREST_CLOSE_UP = 0.35, 0.055  # m, from the front ring
LONGEST_EXPOSURE = {"normal": 120.0, "fast": 16.0}


def exposure(
    luminance: float,
    *,
    measuring_angle: float = 1.0,
    speed_mode: Literal["normal", "fast", "multi_normal", "multi_fast", "manual"] = "normal",
    integration_time: float = 1.0,
    internal_nd: Literal["off", "on", "auto"] = "auto",
) -> ExposureEstimate:
    """Estimate the duration of a reading of ``luminance`` (cd/m^2, of the light that enters the meter).

    ``integration_time`` (s) counts in the manual and the multi-integration modes only. The automatic exposure
    follows eight published captures of a white source (luminance times time is constant); it really follows the
    brightest pixel, so a narrow line takes less time.

    :raises KeyError: the meter does not have the angle.
    """
    if speed_mode == "manual":
        return _exposure(integration_time, internal_nd == "on", 2 + round(2 * integration_time))
    cap = LONGEST_EXPOSURE[speed_mode.removeprefix("multi_")]
    wanted = _EXPOSURE * _AREA_RATIO[measuring_angle] / luminance if luminance > 0 else math.inf
    filtered = internal_nd == "on" or (internal_nd == "auto" and wanted < _ND_THRESHOLD)
    automatic = min(max(wanted / (_ND_TRANSMITTANCE if filtered else 1.0), 0.005), cap)
    if speed_mode.startswith("multi_"):
        return _exposure(automatic, filtered, 2 + round(2 * integration_time))
    return _exposure(automatic, filtered, 2 + round(2 * automatic))


def _exposure(integration_time: float, internal_nd: bool, announced: int) -> ExposureEstimate:
    return ExposureEstimate(integration_time, internal_nd, 1 + min(integration_time, 9.0), min(announced, 242))


def spot(angle: float, distance: float | None = None, *, close_up_lens: bool = False) -> float:
    """The diameter [m] of what is seen under a measuring angle [deg] from a ``distance`` [m], None: the nearest.

    Beyond the nearest it is taken to grow by the measuring angle.

    :raises KeyError: the meter does not have the angle.
    """
    smallest, nearest = _SMALLEST_SPOT[angle], _NEAREST
    if close_up_lens:
        smallest, nearest = _CLOSE_UP * smallest, _NEAREST_CLOSE_UP
    beyond = max((distance or nearest) - nearest, 0.0)
    return smallest + 2 * math.tan(math.radians(angle) / 2) * beyond


SPECIFICATION = SpectroradiometerSpecification(
    name="Konica Minolta CS-2000A",
    maker="KONICA",
    identities=("CS-2000",),
    serial=SerialLine(baud_rate=115200, terminator="\n"),
    highest_baud_rate=115200,
    measuring_angles=tuple(_AREA_RATIO),
    exposure=exposure,
    spot=spot,
    bandwidth=5.0,
)
