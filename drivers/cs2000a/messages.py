"""What passes between program and CS-2000A: settings and values as text, and the other way round. Pure.

After the CS-2000 Communication Specifications Rev. 7.00 (Konica Minolta, 2020), for CS-2000 and CS-2000A alike.
Wavelengths are 380, 381 ... 780 nm.
"""

from __future__ import annotations

import math
import re
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from drivers.cie import cie_1931_2deg
from drivers.cs2000a import errors
from drivers.errors import RefusedByInstrument

Spectrum = NDArray[np.float64]

#: Values in each of the four blocks of a spectrum: 380-479, 480-579, 580-679 and 680-780 nm.
BLOCK_LENGTHS = (100, 100, 100, 101)

_SPEED_MODES = {"normal": 0, "fast": 1, "multi_normal": 2, "manual": 3, "multi_fast": 4}
_INTERNAL_ND = {"off": 0, "on": 1, "auto": 2}
_SYNCHRONISATION = {"none": 0, "internal": 1, "external": 2}
_EXTERNAL_ND = {"none": 0, "1/10": 1, "1/100": 2}
_OBSERVERS = {"2deg": 0, "10deg": 1}
MEASURING_ANGLES = {0: 1.0, 1: 0.2, 2: 0.1}

_MAXIMUM_LUMINOUS_EFFICACY = 683.0  # lm/W, the figure the meter itself uses
#: Smallest luminance of the CS-2000A, cd/m^2, by measuring angle (data sheet), and longest automatic exposures, s.
_SMALLEST_LUMINANCE = {1.0: 0.0005, 0.2: 0.0125, 0.1: 0.05}
_LONGEST_EXPOSURE = {"normal": 120.0, "fast": 16.0}
_LUMINANCE_TOLERANCE = 1e-3
_CHROMATICITY_TOLERANCE = 2e-4

# Error code: exception, meaning, way out
REFUSALS: dict[str, tuple[type[RefusedByInstrument], str, str]] = {
    "ER00": (errors.RemoteLost, "command unknown, or the meter is not in remote mode", "Do not touch the ESC key"),
    "ER02": (errors.MeasurementBusy, "a measurement is running", "Wait for it, or cancel it"),
    "ER05": (
        errors.CalibrationMissing,
        "no calibration is stored for this setting",
        "Use channel 0, or no lens and ND",
    ),
    "ER10": (
        errors.OverRange,
        "too much light, or light that flickers",
        "Lower the level, allow or fit an ND filter, use a smaller angle, or synchronise to the flicker",
    ),
    "ER17": (errors.ParameterRefused, "parameter out of range, or command at the wrong moment", ""),
    "ER20": (errors.NoSpectrum, "there is no measured spectrum to read", "Measure again"),
    "ER30": (errors.InstrumentFault, "internal memory error", "Have the meter serviced"),
    "ER32": (errors.InstrumentFault, "internal memory error", "Have the meter serviced"),
    "ER34": (errors.InstrumentFault, "internal memory error", "Have the meter serviced"),
    "ER51": (errors.SensorTemperature, "the sensor is not at its temperature", "Let the meter cool down"),
    "ER52": (errors.SensorTemperature, "the sensor is not at its temperature", "Let the meter cool down"),
    "ER71": (errors.SynchronisationLost, "no external synchronisation signal of 20 Hz to 200 Hz", "Check the signal"),
    "ER81": (errors.InstrumentFault, "shutter fault", "Have the meter serviced"),
    "ER82": (errors.InstrumentFault, "internal ND filter fault", "Have the meter serviced"),
    "ER83": (errors.AngleNotSet, "the measuring-angle knob is not at a stop", "Turn it to 1, 0.2 or 0.1 degree"),
    "ER84": (errors.InstrumentFault, "fan fault", "Have the meter serviced"),
    "ER99": (errors.InstrumentFault, "internal error", "Switch the meter off and on; if it stays, have it serviced"),
}


@dataclass(frozen=True)
class ExposureSetting:
    """What of the settings may change from one spectrum to the next; as in :class:`SpectroradiometerSettings`."""

    speed_mode: Literal["normal", "fast", "multi_normal", "multi_fast", "manual"] = "normal"
    internal_nd: Literal["off", "on", "auto"] = "auto"
    integration_time: float = 1.0


@dataclass(frozen=True)
class SpectroradiometerSettings:
    """Everything that decides how the meter measures.

    ``integration_time`` (s) counts in the manual mode (0.005 to 120) and in the multi-integration modes (whole
    seconds, 1 to 16). ``sync_frequency`` (Hz, 20 to 200) counts with internal synchronisation. ``external_nd`` and
    ``close_up_lens`` declare what is fitted to the meter, which cannot detect it.
    """

    speed_mode: Literal["normal", "fast", "multi_normal", "multi_fast", "manual"] = "normal"
    internal_nd: Literal["off", "on", "auto"] = "auto"
    integration_time: float = 1.0
    synchronisation: Literal["none", "internal", "external"] = "none"
    sync_frequency: float = 60.0
    external_nd: Literal["none", "1/10", "1/100"] = "none"
    close_up_lens: bool = False
    observer: Literal["2deg", "10deg"] = "2deg"
    calibration_channel: int = 0

    @property
    def exposure(self) -> ExposureSetting:
        """Get what decides how long a spectrum is exposed and behind which filter."""
        return ExposureSetting(self.speed_mode, self.internal_nd, self.integration_time)


@dataclass(frozen=True)
class MeterSetting:
    """A setting with its two commands and its value as the meter's fields."""

    name: str
    write: str
    query: str
    fields: tuple[int, ...]

    @property
    def message(self) -> str:
        """Get the command that makes the setting."""
        return ",".join((self.write, *map(str, self.fields)))

    def agrees(self, reply: Sequence[str]) -> bool:
        """Whether the fields of a reply to the query confirm it; they may be padded with zeros or blanks."""
        try:
            return tuple(map(_whole, reply)) == self.fields
        except ValueError:
            return False


def _whole(field: str) -> int:
    """A whole number of at most nine digits, as the longest field of the meter.

    :raises ValueError: it is not.
    """
    if not re.fullmatch(r" *\d{1,9} *", field):
        raise ValueError(f"{field[:20]!r} is not a whole number")
    return int(field)


def parse_duration(reply: Sequence[str]) -> float:
    """The seconds that the first reply to ``MEAS,1`` announces, three digits.

    :raises ValueError: they are not.
    """
    (seconds,) = map(_whole, reply)
    if seconds > 999:
        raise ValueError(f"{seconds} has more than three digits")
    return float(seconds)


def exposure_objections(settings: ExposureSetting) -> Iterator[str]:
    """Every reason not to expose a spectrum so."""
    seconds = settings.integration_time
    if settings.speed_mode == "manual" and not 0.005 <= seconds <= 120:
        yield f"integration time {seconds:g} s is not between 0.005 s and 120 s"
    if settings.speed_mode == "manual" and settings.internal_nd == "auto":
        yield "the manual mode has no automatic ND filter"
    if settings.speed_mode.startswith("multi_") and seconds not in range(1, 17):
        yield f"integration time {seconds:g} s is not one of 1, 2 ... 16 s"


def objections(settings: SpectroradiometerSettings) -> Iterator[str]:
    """Every reason not to send these settings."""
    yield from exposure_objections(settings.exposure)
    if settings.synchronisation == "internal" and not 20 <= settings.sync_frequency <= 200:
        yield f"synchronisation frequency {settings.sync_frequency:g} Hz is not between 20 Hz and 200 Hz"
    if settings.calibration_channel not in range(11):
        yield f"calibration channel {settings.calibration_channel} is not between 0 and 10"


def setting_table(settings: SpectroradiometerSettings) -> list[MeterSetting]:
    """The settings as commands."""
    return [
        speed_setting(settings.exposure),
        MeterSetting("synchronisation", "SCMS", "SCMR", _sync_fields(settings)),
        MeterSetting("external_nd", "NDFS", "NDFR", (_EXTERNAL_ND[settings.external_nd],)),
        MeterSetting("close_up_lens", "LNSS", "LNSR", (int(settings.close_up_lens),)),
        MeterSetting("observer", "OBSS", "OBSR", (_OBSERVERS[settings.observer],)),
        MeterSetting("calibration_channel", "UCCS", "UCCR", (settings.calibration_channel,)),
    ]


def speed_setting(settings: ExposureSetting) -> MeterSetting:
    """How a spectrum is exposed, as a command."""
    return MeterSetting("speed_mode", "SPMS", "SPMR", _speed_fields(settings))


def _speed_fields(settings: ExposureSetting) -> tuple[int, ...]:
    mode, nd = _SPEED_MODES[settings.speed_mode], _INTERNAL_ND[settings.internal_nd]
    if settings.speed_mode == "manual":
        return mode, round(settings.integration_time * 1e6), nd
    if settings.speed_mode.startswith("multi_"):
        return mode, round(settings.integration_time), nd
    return mode, nd


def _sync_fields(settings: SpectroradiometerSettings) -> tuple[int, ...]:
    mode = _SYNCHRONISATION[settings.synchronisation]
    return (mode, round(settings.sync_frequency * 100)) if mode == 1 else (mode,)


@dataclass(frozen=True)
class Conditions:
    """How a spectrum was really taken; with automatic exposure the time and filter that were chosen.

    ``integration_time`` in s, ``measuring_angle`` in degrees, filters and lens as in the settings.
    """

    speed_mode: str
    synchronisation: str
    integration_time: float
    internal_nd: bool
    close_up_lens: bool
    external_nd: str
    measuring_angle: float
    calibration_channel: int


def parse_conditions(reply: Sequence[str]) -> Conditions:
    """The conditions in the eight fields of ``MEDR,0,0,1``.

    :raises ValueError: they are not there.
    """
    speed, sync, microseconds, nd, lens, external_nd, angle, channel = map(_whole, reply)
    return Conditions(
        _name(_SPEED_MODES, speed),
        _name(_SYNCHRONISATION, sync),
        microseconds * 1e-6,
        nd == 1,
        lens == 1,
        _name(_EXTERNAL_ND, external_nd),
        measuring_angle(angle),
        channel,
    )


def _name(names: dict[str, int], number: int) -> str:
    found = [name for name, code in names.items() if code == number]
    if not found:
        raise ValueError(f"{number} is not one of {names}")
    return found[0]


def measuring_angle(code: int) -> float:
    """The measuring angle in degrees.

    :raises ValueError: the code is unknown.
    """
    if code not in MEASURING_ANGLES:
        raise ValueError(f"{code} is not a measuring angle")
    return MEASURING_ANGLES[code]


@dataclass(frozen=True)
class Colorimetry:
    """Colorimetric values as the meter calculates them, 2 degree observer, then 10 degree (``_10``).

    ``radiance`` W sr^-1 m^-2 over 380-780 nm; ``luminance`` cd/m^2; ``correlated_colour_temperature`` K; ``duv`` in
    CIE 1960 u, v; ``dominant_wavelength`` nm and ``excitation_purity`` percent against the equal-energy white. NaN
    where the meter has no value, as for the colour temperature of a saturated colour.
    """

    radiance: float
    luminance: float
    X: float
    Y: float
    Z: float
    x: float
    y: float
    u_prime: float
    v_prime: float
    correlated_colour_temperature: float
    duv: float
    dominant_wavelength: float
    excitation_purity: float
    X_10: float
    Y_10: float
    Z_10: float
    x_10: float
    y_10: float
    u_prime_10: float
    v_prime_10: float
    correlated_colour_temperature_10: float
    duv_10: float
    dominant_wavelength_10: float
    excitation_purity_10: float


# What the meter prints where it could not calculate a value; old firmware prints zero for the temperature and
# dominant wavelength of nothing
_NO_VALUE: dict[str, frozenset[float]] = {
    "radiance": frozenset({-9.9999e9}),
    "luminance": frozenset({-9.9e9}),
    **dict.fromkeys(("X", "Y", "Z"), frozenset({-9.9999e9})),
    **dict.fromkeys(("x", "y", "u_prime", "v_prime"), frozenset({-9.999})),
    "correlated_colour_temperature": frozenset({-9999.0, 0.0}),
    "duv": frozenset({-9.9999}),
    "dominant_wavelength": frozenset({-9.9e9, 0.0}),
    "excitation_purity": frozenset({-9.9e9}),
}


def parse_colorimetry(reply: Sequence[str]) -> Colorimetry:
    """The colorimetric values in the 24 fields of ``MEDR,2,0,0``.

    :raises ValueError: they are not there.
    """
    names = [field.name for field in fields(Colorimetry)]
    values = [float(text) for text in reply]
    if not all(map(math.isfinite, values)):
        raise ValueError("not numbers")
    return Colorimetry(
        *(
            math.nan if value in _NO_VALUE[name.removesuffix("_10")] else value
            for name, value in zip(names, values, strict=True)
        )
    )


def parse_spectrum_block(reply: Sequence[str], length: int) -> Spectrum:
    """Hexadecimal single-precision values of one block, shape (length,).

    :raises ValueError: they are not.
    """
    packed = b"".join(bytes.fromhex(field.strip()) for field in reply)
    if len(packed) != 4 * length:
        raise ValueError(f"{len(packed)} bytes instead of {4 * length}")
    values = np.array(struct.unpack(f">{length}f", packed), dtype=np.float64)
    if not np.isfinite(values).all():
        raise ValueError("not numbers")
    return np.where(values < _SMALLEST_VALUE, np.nan, values)


#: Anything below is the meter's mark for a value it could not compute, -9.999999e10 (Communication Specifications).
_SMALLEST_VALUE = -1e10


@dataclass(frozen=True)
class SpectrumReading:
    """A spectrum with what the meter made of it.

    ``spectral_radiance``: shape (401,), W sr^-1 m^-2 nm^-1 at 380 ... 780 nm.
    """

    spectral_radiance: Spectrum
    colorimetry: Colorimetry
    conditions: Conditions

    @property
    def mismatch(self) -> tuple[str, ...]:
        """Get the names of the meter's own values that do not follow from its spectrum; empty when all do."""
        luminance, x, y = luminance_and_chromaticity(self.spectral_radiance)
        own = self.colorimetry
        checks = {
            "luminance": abs(own.luminance - luminance) <= _LUMINANCE_TOLERANCE * luminance + 1e-4,
            "x": not abs(own.x - x) > _CHROMATICITY_TOLERANCE,
            "y": not abs(own.y - y) > _CHROMATICITY_TOLERANCE,
        }
        return tuple(name for name, good in checks.items() if not good)

    @property
    def below_range(self) -> bool:
        """Whether there was too little light, for which the meter has no error code."""
        taken = self.conditions
        longest = _LONGEST_EXPOSURE.get(taken.speed_mode, math.inf)
        luminance, _, _ = luminance_and_chromaticity(self.spectral_radiance)
        return luminance < _SMALLEST_LUMINANCE[taken.measuring_angle] or taken.integration_time >= longest


def luminance_and_chromaticity(spectral_radiance: Spectrum) -> tuple[float, float, float]:
    """Luminance (cd/m^2) and CIE 1931 x, y of a spectrum, shape (401,), by the sum over 1 nm that the meter uses.

    x and y are NaN for a spectrum of zeros. CIE 15; doi 10.25039/CIE.DS.xvudnb9b.
    """
    tristimulus = _MAXIMUM_LUMINOUS_EFFICACY * (cie_1931_2deg() @ spectral_radiance)
    total = float(tristimulus.sum())
    if not total:
        return 0.0, math.nan, math.nan
    return float(tristimulus[1]), float(tristimulus[0] / total), float(tristimulus[1] / total)
