"""How long a reading takes, which range holds a value, and how wrong a reading may be.

Pure arithmetic on the makers' figures; nothing here talks to an instrument. All times in s, voltages in V,
currents in A. Sources: Keithley Series 2400 User's Manual 2400S-900-01 Rev. K, appendix A, and data sheet
SPEC-2400 Rev. L; Model 2000 Repair Manual with specifications Rev. E; Konica Minolta CS-2000 Communication
Specifications Rev. 7.00 and published captures for the exposure model.

Limits of error are for one year, 23 degC ± 5 degC, after warm-up; treated as rectangular their standard
uncertainty is ``limit / sqrt(3)``.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Source = Literal["voltage", "current"]

SMU_VOLTAGE_RANGES = (0.2, 2.0, 20.0, 200.0)
SMU_CURRENT_RANGES = (1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1.0)
SMU_FULL_SCALE = 1.05  # source and measure reach 105 % of the range
DMM_VOLTAGE_RANGES = (0.1, 1.0, 10.0, 100.0, 1000.0)
DMM_CURRENT_RANGES = (0.01, 0.1, 1.0, 3.0)

# Programming resolution of the source, by range (SPEC-2400)
SMU_VOLTAGE_STEPS = {0.2: 5e-6, 2.0: 5e-5, 20.0: 5e-4, 200.0: 5e-3}
SMU_CURRENT_STEPS = {1e-6: 5e-11, 1e-5: 5e-10, 1e-4: 5e-9, 1e-3: 5e-8, 1e-2: 5e-7, 1e-1: 5e-6, 1.0: 5e-5}

# (auto-zero, one function): A/D phases, overhead with the V source, with the I source; two functions without
# auto-zero are not in the manual's table and follow from its other rows
_SMU_CONVERSIONS = {
    (True, True): (3, 1.8e-3, 2.15e-3),
    (True, False): (4, 2.3e-3, 2.65e-3),
    (False, True): (1, 0.30e-3, 0.64e-3),
    (False, False): (2, 0.5e-3, 0.9e-3),
}
_SMU_PHASE = 185e-6
_SMU_TRIGGER_LATENCY = 225e-6

#: A level command takes up to this time to act on a fixed source range, s (SPEC-2400).
SMU_LEVEL_LATENCY = 7e-3

# Trigger delays are set with four decimals on the 2400, with three on the 2000
SMU_DELAY_STEP = 1e-4
DMM_DELAY_STEP = 1e-3

# Range: (fraction of reading, offset), measuring (SPEC-2400)
_SMU_VOLTAGE_LIMITS = {0.2: (1.2e-4, 3e-4), 2.0: (1.2e-4, 3e-4), 20.0: (1.5e-4, 1.5e-3), 200.0: (1.5e-4, 1e-2)}
_SMU_CURRENT_LIMITS = {
    1e-6: (2.9e-4, 3e-10),
    1e-5: (2.7e-4, 7e-10),
    1e-4: (2.5e-4, 6e-9),
    1e-3: (2.7e-4, 6e-8),
    1e-2: (3.5e-4, 6e-7),
    1e-1: (5.5e-4, 6e-6),
    1.0: (2.2e-3, 5.7e-4),
}

# Range: (fraction of level, offset), sourcing (SPEC-2400)
_SMU_VOLTAGE_SOURCE_LIMITS = {0.2: (2e-4, 6e-4), 2.0: (2e-4, 6e-4), 20.0: (2e-4, 2.4e-3), 200.0: (2e-4, 2.4e-2)}
_SMU_CURRENT_SOURCE_LIMITS = {
    1e-6: (3.5e-4, 6e-10),
    1e-5: (3.3e-4, 2e-9),
    1e-4: (3.1e-4, 2e-8),
    1e-3: (3.4e-4, 2e-7),
    1e-2: (4.5e-4, 2e-6),
    1e-1: (6.6e-4, 2e-5),
    1.0: (2.7e-3, 9e-4),
}

# Range: (ppm of reading, ppm of range, ppm of range more at 1 PLC without filter) (Model 2000 specifications)
_DMM_VOLTAGE_LIMITS = {0.1: (50, 35, 15), 1.0: (30, 7, 2), 10.0: (30, 5, 0), 100.0: (45, 6, 2), 1000.0: (45, 6, 0)}
_DMM_CURRENT_LIMITS = {0.01: (500, 80, 10), 0.1: (500, 800, 40), 1.0: (800, 80, 10), 3.0: (1200, 40, 0)}


def reach(nominal: float, full_scale: float = 1.0) -> float:
    """The largest value that a nominal range holds, with allowance for rounding."""
    return nominal * full_scale * (1 + 1e-9)


def smallest_range(value: float, ranges: Sequence[float], full_scale: float = 1.0) -> float:
    """The smallest nominal range that holds ``value`` (either sign).

    ``full_scale`` is how far a range reaches beyond its nominal value (1.05 for the 2400, 1.2 for the 2000).
    Raises ValueError when no range is large enough or the value is not a number.
    """
    for nominal in sorted(ranges):
        if abs(value) <= reach(nominal, full_scale):
            return nominal
    raise ValueError(f"no range up to {max(ranges):g} holds {value:g}")


def source_step(range_: float, source: Source) -> float:
    """Programming resolution of the 2400 source on a nominal range (V or A)."""
    return (SMU_VOLTAGE_STEPS if source == "voltage" else SMU_CURRENT_STEPS)[range_]


def delay_setting(seconds: float, step: float) -> float:
    """The shortest delay, in whole steps of an instrument's setting, that is not below ``seconds``."""
    return math.ceil(seconds / step - 1e-6) * step


def smu_conversion_time(
    *, nplc: float, line_frequency: float, autozero: bool = True, functions: int = 2, source: Source = "voltage"
) -> float:
    """Duration of one 2400 conversion: phases times (aperture + 185 µs), plus a fixed overhead.

    Series 2400 User's Manual, appendix A.
    """
    phases, with_voltage, with_current = _SMU_CONVERSIONS[autozero, functions == 1]
    overhead = with_voltage if source == "voltage" else with_current
    return phases * (nplc / line_frequency + _SMU_PHASE) + overhead


def smu_time_per_point(
    *,
    nplc: float,
    line_frequency: float,
    autozero: bool = True,
    functions: int = 2,
    source: Source = "voltage",
    trigger_delay: float = 0.0,
    source_delay: float = 0.0,
    filter_count: int = 1,
    static: bool = False,
    linked: bool = False,
) -> float:
    """Duration of one 2400 point in its own trigger model, without the transfer to the computer.

    ``static``: the level was changed by command and stays, so that the instrument skips its source delay and
    starts with a latency of 0.5 ms (0.1 ms without auto-zero). ``filter_count`` is that of the repeat filter,
    1 when it is off. ``linked``: a pulse on the trigger link starts the point. Autoranging comes on top: up to
    40 ms, 65 ms on the two lowest current ranges.
    """
    conversion = smu_conversion_time(
        nplc=nplc, line_frequency=line_frequency, autozero=autozero, functions=functions, source=source
    )
    latency = _SMU_TRIGGER_LATENCY if linked else 0.0
    if static:
        latency, source_delay = (5e-4 if autozero else 1e-4), 0.0
    return latency + trigger_delay + 50e-6 + source_delay + filter_count * conversion


def smu_auto_source_delay(source: Source, range_: float) -> float:
    """Source delay the 2400 chooses by itself (``range_``: measure range of a V source, range of an I source, A)."""
    slow = {1e-6: 3e-3, 1e-5: 2e-3} if source == "voltage" else {1e-6: 3e-3, 1.0: 2e-3}
    return slow.get(range_, 1e-3) + 1e-4


def dmm_conversion_time(*, nplc: float, line_frequency: float, autozero: bool = True) -> float:
    """Duration of one Model 2000 conversion, fitted to the speeds of its specifications."""
    aperture = nplc / line_frequency
    if nplc >= 1:
        return 2 * aperture if autozero else 1.2 * aperture
    return 2 * aperture + 3e-3 if autozero else aperture + 0.33e-3


def dmm_auto_trigger_delay(function: Literal["voltage", "current"], range_: float) -> float:
    """Trigger delay the Model 2000 chooses by itself for DC volts and DC current."""
    if function == "current":
        return 2e-3
    return 5e-3 if range_ >= 100 else 1e-3


def dmm_time_per_reading(
    *,
    nplc: float,
    line_frequency: float,
    autozero: bool = True,
    trigger_delay: float = 0.0,
    filter_count: int = 1,
    linked: bool = False,
) -> float:
    """Duration of one Model 2000 reading, without its transfer; ``filter_count`` is that of the repeat filter.

    ``linked``: started by a pulse, which with auto-zero finds the meter anywhere in a conversion: half of one on
    the mean.
    """
    conversion = dmm_conversion_time(nplc=nplc, line_frequency=line_frequency, autozero=autozero)
    latency = 0.2e-3 + (conversion / 2 if linked and autozero else 0.0)
    return latency + trigger_delay + filter_count * conversion


@dataclass(frozen=True)
class ExposureEstimate:
    """What a CS-2000A reading will take, s; ``announced`` is the figure in its first answer."""

    integration_time: float
    internal_nd: bool
    pre_measurement: float
    announced: int

    @property
    def total(self) -> float:
        """Get the time from the command to the end of the reading, s."""
        return self.pre_measurement + self.announced


_EXPOSURE = 5.14  # luminance times integration time at 1 degree, cd s m^-2, from captured readings
_AREA_RATIO = {1.0: 1.0, 0.2: 25.0, 0.1: 100.0}  # spot area of 1 degree over that of the angle
_ND_TRANSMITTANCE = 1 / 22.4
_ND_THRESHOLD = 0.05  # automatic ND comes in when the exposure would be shorter, s
_LONGEST_EXPOSURE = {"normal": 120.0, "fast": 16.0}


def spectroradiometer_exposure(
    luminance: float,
    *,
    measuring_angle: float = 1.0,
    speed_mode: Literal["normal", "fast", "multi_normal", "multi_fast", "manual"] = "normal",
    integration_time: float = 1.0,
    internal_nd: Literal["off", "on", "auto"] = "auto",
) -> ExposureEstimate:
    """Estimate the duration of a CS-2000A reading of ``luminance`` (cd/m^2, of the light that enters the meter).

    ``integration_time`` (s) counts in the manual and the multi-integration modes only. The automatic exposure
    follows eight published captures of a white source (luminance times time is constant); it really follows the
    brightest pixel, so a narrow line takes less time. Raises KeyError for an angle the meter does not have.
    """
    if speed_mode == "manual":
        return _exposure(integration_time, internal_nd == "on", 2 + round(2 * integration_time))
    cap = _LONGEST_EXPOSURE[speed_mode.removeprefix("multi_")]
    wanted = _EXPOSURE * _AREA_RATIO[measuring_angle] / luminance if luminance > 0 else math.inf
    filtered = internal_nd == "on" or (internal_nd == "auto" and wanted < _ND_THRESHOLD)
    automatic = min(max(wanted / (_ND_TRANSMITTANCE if filtered else 1.0), 0.005), cap)
    if speed_mode.startswith("multi_"):
        return _exposure(automatic, filtered, 2 + round(2 * integration_time))
    return _exposure(automatic, filtered, 2 + round(2 * automatic))


def _exposure(integration_time: float, internal_nd: bool, announced: int) -> ExposureEstimate:
    return ExposureEstimate(integration_time, internal_nd, 1 + min(integration_time, 9.0), min(announced, 242))


def smu_voltage_limit_of_error(value: float, range_: float, nplc: float = 1.0) -> float:
    """One-year limit of error of a voltage measured by the 2400 on a nominal range, V (KeyError: no such range)."""
    reading, offset = _SMU_VOLTAGE_LIMITS[range_]
    return abs(value) * reading + offset + range_ * _smu_speed_term(nplc, coarse=range_ == 0.2)


def smu_current_limit_of_error(value: float, range_: float, nplc: float = 1.0) -> float:
    """One-year limit of error of a current measured by the 2400 on a nominal range, A (KeyError: no such range)."""
    reading, offset = _SMU_CURRENT_LIMITS[range_]
    return abs(value) * reading + offset + range_ * _smu_speed_term(nplc, coarse=range_ == 1.0)


def smu_source_limit_of_error(level: float, range_: float, source: Source) -> float:
    """One-year limit of error of a level put out by the 2400 on a nominal range, V or A (KeyError: no such range)."""
    table = _SMU_VOLTAGE_SOURCE_LIMITS if source == "voltage" else _SMU_CURRENT_SOURCE_LIMITS
    share, offset = table[range_]
    return abs(level) * share + offset


def _smu_speed_term(nplc: float, *, coarse: bool) -> float:
    # Between the tabulated 0.01, 0.1 and 1 PLC the faster, worse row counts
    fraction = 0.0 if nplc >= 1 else 5e-5 if nplc >= 0.1 else 5e-4
    return fraction * (10 if coarse else 1)


def dmm_voltage_limit_of_error(
    value: float, range_: float, *, nplc: float = 1.0, filter_count: int = 1, autozero: bool = True
) -> float:
    """One-year limit of error of a DC voltage measured by the Model 2000 on a nominal range, V.

    Without auto-zero the figure holds for ten minutes and 1 degC. Below 1 PLC the specification gives no limit;
    the 1 PLC figure is returned and noise must be added. Raises KeyError when there is no such range.
    """
    limit = _dmm_limit(value, range_, _DMM_VOLTAGE_LIMITS[range_], nplc, filter_count)
    return limit if autozero else limit + 2e-6 * range_ + 5e-6


def dmm_current_limit_of_error(value: float, range_: float, *, nplc: float = 1.0, filter_count: int = 1) -> float:
    """One-year limit of error of a DC current measured by the Model 2000 on a nominal range, A (KeyError: no such)."""
    return _dmm_limit(value, range_, _DMM_CURRENT_LIMITS[range_], nplc, filter_count)


def _dmm_limit(value: float, range_: float, row: tuple[int, int, int], nplc: float, filter_count: int) -> float:
    of_reading, of_range, unfiltered = row
    quiet = nplc >= 10 or filter_count >= 10
    return 1e-6 * (abs(value) * of_reading + range_ * (of_range + (0 if quiet else unfiltered)))
