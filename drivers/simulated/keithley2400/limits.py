"""CALC2 of the 2400: null and limit tests. Source: Series 2400 User's Manual 2400S-900-01, sections 10 and 12."""

from __future__ import annotations

from typing import NamedTuple

from drivers.simulated.keithley2400.settings import Settings

LIMIT_TEST_ON = 1 << 7  # status element

_COMPLIANCE_FAILED = 1 << 0  # measurement register
_LOW_FAILED = {2: 1 << 1, 3: 1 << 3}
_HIGH_FAILED = {2: 1 << 2, 3: 1 << 4}
_PASSED = 1 << 5
LIMIT_CONDITIONS = 0b111111


class LimitResult(NamedTuple):
    """Bits of the status element and of the measurement register."""

    status: int
    conditions: int


_NOT_TESTED = LimitResult(0, 0)


def nulled(settings: Settings, value: float) -> float:
    """A value minus the null offset, where null is on."""
    return value - settings.null_offset if settings.null_on else value


def check_limits(settings: Settings, value: float, *, in_compliance: bool) -> LimitResult:
    """Run every limit test that is on; which of them failed stays in the settings for ``FAIL?``."""
    if not settings.compliance_limit_on and not settings.limits_on:
        settings.limits_failed = ()
        return _NOT_TESTED
    failed: dict[int, int] = {}
    if settings.compliance_limit_on and in_compliance == (settings.compliance_limit_fail == "IN"):
        failed[1] = _COMPLIANCE_FAILED
    for number in settings.limits_on:
        limit = settings.limits[number]
        if value < limit.lower:
            failed[number] = _LOW_FAILED.get(number, 0)
        elif value > limit.upper:
            failed[number] = _HIGH_FAILED.get(number, 0)
    settings.limits_failed = tuple(failed)
    conditions = sum(failed.values()) if failed else _PASSED
    return LimitResult(LIMIT_TEST_ON | _result_bits(settings.limits_failed), conditions)


def _result_bits(failed: tuple[int, ...]) -> int:
    """The number of the first limit that failed, in bits 8, 9 and 19 to 21; all 0 when all passed."""
    number = failed[0] if failed else 0
    return (number & 0b11) << 8 | (number >> 2 & 0b111) << 19
