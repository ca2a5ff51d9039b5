"""What differs between spectroradiometers, how one chooses its exposure, and what a reading is.

The exposure model follows public captures of eight readings of a real meter (white source of about 5200 K, 1 degree,
Normal mode): luminance times exposure is 5.14 cd s/m^2 without and 115 cd s/m^2 with the internal ND filter.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Literal

import numpy as np

from drivers.cie import WAVELENGTH, cie_1931_2deg
from drivers.simulated.cs2000a.colour import (
    K_M,
    Array,
    Colorimetry,
    block_fields,
    colorimetry,
    exponent_text,
    field_hex,
    field_text,
    hex_text,
)

#: Spot area of 1 degree over that of 1, 0.2 and 0.1 degree.
ANGLE_FACTOR = (1.0, 25.0, 100.0)
#: Smallest spot at 1, 0.2 and 0.1 degree, m; a fifth of it with the close-up lens.
SMALLEST_SPOT = (5e-3, 1e-3, 0.5e-3)
CLOSE_UP = 0.2
#: Largest luminance at 1, 0.2 and 0.1 degree, cd/m^2.
LARGEST_LUMINANCE = (5e3, 1.25e5, 5e5)

_EXPOSURE_PRODUCT = 5.14  # cd s/m^2, white source, 1 degree, ND off
_ND_FACTOR = 22.4  # exposure with the internal ND over that without
_ND_BELOW = 0.05  # s: automatic ND goes in when the exposure without it would be shorter
_SHORTEST_EXPOSURE = 0.005  # s
_LONGEST_EXPOSURE = {0: 120.0, 1: 16.0}  # s, Normal and Fast
_SATURATION = 1.25  # assumed: by how much an exposure may exceed the automatic one
_CAPTURED_WHITE = 5200.0  # K


@dataclass(frozen=True)
class CS2000AOptions:
    """What differs between meters, or is not documented, or shall go wrong."""

    serial_number: str = "1234567"
    variant: Literal[1, 2] = 2  # 1: CS-2000, 2: CS-2000A
    padded_name: bool = True
    firmware: tuple[int, int, int] = (3, 0, 9301)
    calibration_date: str = "20240115,103000"
    angle: Literal[0, 1, 2] = 0  # 1, 0.2, 0.1 degree
    interface: Literal["usb", "rs232"] = "usb"
    latency: float = 0.010  # s before a reply
    instant: bool = False  # every duration is zero
    exposure_cap: float | None = None  # s, instead of 120 (Normal) and 16 (Fast)
    flash_time: float = 2.0  # s to write a reading to its memory
    busy_reply: Literal["ER02", "ER00"] = "ER02"
    over_range_line: Literal[1, 2] = 1  # of the two lines of MEAS, the one that carries ER10
    second_line_offset: float = 0.0  # s: late if positive, early if negative
    lose_second_line: bool = False
    external_sync_present: bool = True
    compensation_stored: bool = True  # for the close-up lens and the external ND filters
    flash_error: Literal["ER30", "ER32", "ER34"] | None = None
    dark_surround: bool = False  # what the spot covers beside the pixel is dark

    @property
    def old_firmware(self) -> bool:
        """Whether the firmware is 1.01.0000 or before: no Multi-integration Fast, no error values."""
        return self.firmware <= (1, 1, 0)


@dataclass(frozen=True)
class Settings:
    """What the meter can keep in flash; the defaults are the factory state."""

    speed: int = 2  # 0 Normal, 1 Fast, 2 Multi-integration Normal, 3 Manual, 4 Multi-integration Fast
    multi_seconds: int = 1
    nd: int = 2  # internal ND: 0 off, 1 on, 2 automatic
    manual_time: int = 33333  # us
    sync: int = 0  # 0 none, 1 internal, 2 external
    sync_frequency: int = 6000  # 0.01 Hz
    lens: int = 0
    external_nd: int = 0
    observer: int = 0
    backlight: tuple[int, int] = (1, 1)
    colour_space: int = 0
    difference: int = 0
    channel: int = 0
    target: int = 0
    baud_rate: int = 115200


@dataclass(frozen=True)
class Exposure:
    """How one reading is taken."""

    duration: float  # s of light
    nd: bool  # internal ND in the beam
    search: float  # s before the first line
    announced: int  # s still to come, said in the first line
    saturation: float  # peak spectral radiance that overflows, W/(sr m^2 nm)


@lru_cache(maxsize=1)
def white_peak() -> float:
    """Peak spectral radiance of the captured white source at 1 cd/m^2, W/(sr m^2 nm)."""
    planck = WAVELENGTH**-5 / np.expm1(1.438776877e7 / (WAVELENGTH * _CAPTURED_WHITE))
    return float(planck.max()) / luminance(planck)


def luminance(spectral_radiance: Array) -> float:
    """Luminance (cd/m^2) of a spectral radiance (401,) in W/(sr m^2 nm), summed as the meter does."""
    return K_M * float(cie_1931_2deg()[1] @ spectral_radiance)


def filled_share(emitting_area: float, angle: int, lens: int) -> float:
    """Share of the spot, as near as can be focused, that a disc of this area (m^2) in its middle fills; nan: all."""
    spot = SMALLEST_SPOT[angle] * (CLOSE_UP if lens else 1.0)
    share = emitting_area / (math.pi / 4.0 * spot**2)
    return 1.0 if math.isnan(share) else min(share, 1.0)


def choose_exposure(peak: float, settings: Settings, angle: int, cap: float | None = None) -> Exposure:
    """Choose the exposure for a peak spectral radiance in W/(sr m^2 nm) and a longest exposure ``cap`` (s).

    The exposure follows the brightest pixel: a narrow line needs less than white light of its luminance.
    """
    full_signal = _EXPOSURE_PRODUCT * ANGLE_FACTOR[angle] * white_peak()  # peak times exposure, ND off
    if settings.speed in (2, 4):
        return _multi_integration(full_signal / peak if peak > 0.0 else math.inf, settings)
    if settings.speed == 3:
        duration, nd = settings.manual_time * 1e-6, settings.nd == 1
    else:
        needed = full_signal / peak if peak > 0.0 else math.inf
        nd = settings.nd == 1 or (settings.nd == 2 and needed < _ND_BELOW)
        longest = _LONGEST_EXPOSURE[settings.speed] if cap is None else cap
        clipped = min(max(needed * _ND_FACTOR if nd else needed, _SHORTEST_EXPOSURE), longest)
        duration = round(clipped, 3)
    saturation = _SATURATION * full_signal * (_ND_FACTOR if nd else 1.0) / duration
    if settings.speed != 3 and nd:
        saturation = math.inf  # the documented luminance limit alone decides
    search = 1.0 if settings.speed == 3 else 1.0 + min(duration, 9.0)
    return Exposure(duration, nd, search, min(max(2 + round(2.0 * duration), 2), 242), saturation)


def _multi_integration(needed: float, settings: Settings) -> Exposure:
    """Many short exposures that add up to the seconds asked for; none of them overflows."""
    nd = settings.nd == 1 or (settings.nd == 2 and needed < _ND_BELOW)
    seconds = settings.multi_seconds
    return Exposure(float(seconds), nd, 1.0 + min(seconds, 9), 2 + 2 * seconds, math.inf)


@dataclass
class Reading:
    """One reading as the meter keeps it."""

    conditions: str
    spectral_radiance: Array  # (401,) W/(sr m^2 nm)

    @cached_property
    def colour(self) -> Colorimetry:
        """The colorimetry of the reading."""
        return colorimetry(self.spectral_radiance)


#: Wavelength indices of the four spectral blocks.
_SPECTRAL_BLOCKS = {1: slice(0, 100), 2: slice(100, 200), 3: slice(200, 300), 4: slice(300, 401)}
_COLOUR_BLOCKS = frozenset({0, *range(1, 6), *range(11, 16), 100, 101})


def is_data_block(mode: int, block: int) -> bool:
    """Whether MEDR and STDR know this block of a mode (0 conditions, 1 spectrum, 2 colorimetry)."""
    return block in {0: {1}, 1: _SPECTRAL_BLOCKS.keys(), 2: _COLOUR_BLOCKS}[mode]


def reading_text(reading: Reading, mode: int, hexadecimal: bool, block: int, error_values: bool) -> str:
    """Write one block of a reading, fields separated by commas."""
    if mode == 0:
        return reading.conditions
    if mode == 1:
        write = hex_text if hexadecimal else exponent_text
        return ",".join(write(value) for value in reading.spectral_radiance[_SPECTRAL_BLOCKS[block]].tolist())
    return colour_text(reading.colour, hexadecimal, block, error_values)


def colour_text(colour: Colorimetry, hexadecimal: bool, block: int, error_values: bool) -> str:
    """Write one colorimetry block, fields separated by commas."""
    write = field_hex if hexadecimal else field_text
    return ",".join(write(field, error_values=error_values) for field in block_fields(colour, block))
