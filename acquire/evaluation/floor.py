"""The least light that a photodiode's connection shows: what a plan says of it before anything is measured. Pure."""

from __future__ import annotations

from math import isfinite

from acquire.evaluation.calibration import Calibration, Conditions, Connection
from acquire.evaluation.evaluate import luminance_per_photocurrent
from acquire.evaluation.figures import TURN_ON_LUMINANCE
from drivers import models
from drivers.specification import Span

#: So many steps of the meter is the least that is told from none.
STEPS = 3


def least_light(calibration: Calibration) -> list[str]:
    """What to know of a photodiode whose meter reads the current itself, or across a resistor; else nothing."""
    conditions = calibration.conditions
    if conditions.connection == Connection.AMPLIFIER:
        return []
    meter = models.multimeter(conditions.photodiode_meter)
    span, unit = meter.span(conditions.meter_unit), conditions.meter_unit
    range_ = conditions.photodiode_range if isfinite(conditions.photodiode_range) else min(span.ranges)
    step, limit = span.steps[range_], _limit_of_nothing(span, range_, conditions)
    how = "itself" if unit == "A" else f"across {conditions.transfer:g} ohm"
    text = (
        f"the photocurrent is read {how}: on its {_written(range_, unit)} range in steps of {_written(step, unit)}, "
        f"right to {_written(limit, unit)} (of which the dark readings take out what is constant)"
    )
    least = STEPS * step / conditions.transfer
    factors = calibration.assumed_factors or calibration.reference_factors
    seen = _in_luminance(least * luminance_per_photocurrent(factors, calibration.photodiode)) or (
        f"light of less than {_written(least, 'A')} is not seen: where 1 cd/m^2 gives less, V_on is an upper bound only"
    )
    return [f"{text}; {seen}; an amplifier would show fainter light"]


def _limit_of_nothing(span: Span, range_: float, conditions: Conditions) -> float:
    """The limit of error of a reading of 0 with the meter's settings."""
    filter_count, autozero = conditions.filter_count, conditions.autozero
    return float(
        span.limit_of_error(0.0, range_, conditions.photodiode_nplc, filter_count=filter_count, autozero=autozero)
    )


def _written(value: float, unit: str) -> str:
    """A value with a prefix, such as 0.9 uA."""
    factor, prefix = next(((f, p) for f, p in _PREFIXES if value >= 0.5 * f), _PREFIXES[-1])
    return f"{value / factor:.3g} {prefix}{unit}"


_PREFIXES = ((1.0, ""), (1e-3, "m"), (1e-6, "u"), (1e-9, "n"), (1e-12, "p"))


def _in_luminance(floor: float) -> str:
    if not isfinite(floor):
        return ""
    turn_on = f"V_on at {TURN_ON_LUMINANCE:g} cd/m^2"
    if floor > TURN_ON_LUMINANCE:
        return f"below some {_rounded(floor)} cd/m^2 there is no luminance, and {turn_on} can only be an upper bound"
    return f"below {_rounded(floor)} cd/m^2, more where it is noisy, there is no luminance"


def _rounded(value: float) -> str:
    return f"{float(f'{value:.2g}'):g}"
