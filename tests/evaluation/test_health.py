"""What a check reads of a bench, and what a history of checks says: alarms stay until somebody accepts them."""

from __future__ import annotations

from dataclasses import replace
from math import nan, sqrt
from statistics import stdev

import numpy as np
import pytest

from acquire.evaluation.calibration import Calibration, Conditions, LightUncertainty
from acquire.evaluation.health import (
    Acceptance,
    Check,
    Entry,
    Kind,
    Quantity,
    dark_quantities,
    health_of,
    resistance_quantity,
    summary,
)
from acquire.records import DarkReading, PointFlag

RATIO = Quantity(Kind.LIGHT, 8.5e-11, "A m^2/cd", 5e-14, 0.003, stated=True)
RESISTOR = Quantity(Kind.RESISTANCE, 1000.0, "ohm", 0.4, 5e-5, nominal=1000.0, nominal_uncertainty=0.6)


def checks(*factors: float, name: str = "ratio", quantity: Quantity = RATIO) -> list[Entry]:
    return [
        Check(f"2026-03-{day:02d}T08:00:00", "LED", quantities={name: replace(quantity, value=quantity.value * factor)})
        for day, factor in enumerate(factors, start=1)
    ]


STEADY = [1.0, 1.003, 0.998, 1.001, 0.9975, 1.002, 0.999, 1.0015, 0.9985, 1.0005]


def test_an_alarm_stays_whatever_later_checks_say_until_it_is_accepted() -> None:
    stepped = [1.03, 1.031, 1.029]
    entries = checks(*STEADY, *stepped)
    assert health_of(entries[:10]).in_control
    (alarm,) = health_of(entries).alarms
    assert alarm.change == pytest.approx(0.03, abs=0.002)
    assert "ratio changed by +2.99 %" in alarm.text
    assert "with the check of 2026-03-11T08:00 (10 checks before it" in alarm.text
    back = [*entries, *checks(*STEADY, *STEADY)]
    assert health_of(back).alarms == (alarm,)
    assert not health_of(back).in_control
    accepted = [*entries, Acceptance("2026-04-01T08:00:00", "lamp replaced", "Eva")]
    assert health_of(accepted).in_control
    assert health_of(accepted).last is None
    anew = health_of([*accepted, *checks(1.03, 1.031, 1.03)])
    assert anew.in_control
    assert anew.accepted is not None
    assert anew.accepted.reason == "lamp replaced"
    assert len(anew.charts["ratio"].values) == 3
    assert not health_of([*accepted, *checks(1.03, 1.031, 1.1)]).in_control


def test_a_check_that_failed_speaks_against_the_bench_until_the_next_one() -> None:
    failed = [*checks(1.0), Check("2026-03-02T08:00:00", "LED", "the meter did not answer")]
    assert not health_of(failed).in_control
    assert health_of(failed).against == "check of 2026-03-02T08:00: the meter did not answer"
    assert health_of([*failed, *checks(1.0)]).in_control
    half = [replace(one, failure="stopped") for one in checks(2.0) if isinstance(one, Check)]
    assert health_of([*checks(1.0), *half, *checks(1.0)]).in_control, "what it read counts for nothing"


def test_no_history_speaks_against_no_bench() -> None:
    assert health_of([]).in_control
    assert health_of([]).against == ""


def test_a_resistor_that_reads_another_value_than_it_has_alarms_at_the_first_check() -> None:
    spread = sqrt(0.4**2 + 0.6**2)
    right = 1.0 + 2.9 * spread / 1000.0
    assert health_of(checks(right, name="R", quantity=RESISTOR)).in_control
    (alarm,) = health_of(checks(1.0 - 3.1 * spread / 1000.0, name="R", quantity=RESISTOR)).alarms
    assert "in place of 1000 ohm" in alarm.text
    assert not health_of(checks(-1.0, name="R", quantity=RESISTOR)).in_control, "its leads are crossed"


def test_each_quantity_has_its_own_chart_and_light_decides_what_a_run_says() -> None:
    dark = Quantity(Kind.DARK_LEVEL, 1e-4, "V", 1e-6, 1e-6)
    entries = [
        replace(one, quantities={**one.quantities, "dark level": replace(dark, value=1e-4 + 1e-6 * (number % 3))})
        for number, one in enumerate(checks(*STEADY, 1.2, 1.2))
        if isinstance(one, Check)
    ]
    health = health_of(entries)
    assert set(health.charts) == {"ratio", "dark level"}
    assert health.light_change == pytest.approx(0.2, abs=0.002)
    assert health.against.startswith("ratio changed by +19.99 %")
    said = summary(health)
    assert said["in_control"] is False
    assert said["quantities"]["ratio"]["limit"] < said["quantities"]["dark level"]["limit"]  # type: ignore[index]
    assert said["quantities"]["ratio"]["deviations"][-1] == pytest.approx(0.2, abs=0.002)  # type: ignore[index]


def test_a_ratio_that_scatters_more_than_stated_is_named() -> None:
    wild = [1.0, 1.012, 0.99, 1.006, 0.988, 1.004, 0.995, 1.011, 0.987, 1.002]
    (remark,) = health_of(checks(*wild)).remarks
    assert "not by the stated 0.3 %" in remark
    assert health_of(checks(*STEADY)).remarks == ()


def test_dark_level_and_scatter_come_from_the_readings_before_the_sweep() -> None:
    signals = [1.0e-4, 1.02e-4, 0.98e-4, 1.01e-4, 0.99e-4]
    before = [DarkReading(float(t), 0.0, 0.0, signal, after=False) for t, signal in enumerate(signals)]
    after = [DarkReading(100.0 + t, 0.0, 0.0, 5e-4, after=True) for t in range(5)]
    found = dark_quantities([*before, *after], "V")
    assert found["dark level"].value == pytest.approx(1e-4)
    assert found["dark level"].uncertainty == pytest.approx(stdev(signals) / sqrt(5))
    assert found["dark scatter"].value == pytest.approx(stdev(signals))
    assert dark_quantities(after, "V")["dark level"].value == pytest.approx(5e-4)
    assert dark_quantities([], "V") == {}


def points(voltage: list[float], current: list[float], flags: int = 0) -> dict[str, np.ndarray]:
    return {
        "source_level": np.array(voltage),
        "voltage": np.array(voltage),
        "current": np.array(current),
        "flags": np.full(len(voltage), flags, "u4"),
    }


def test_the_resistance_is_that_of_the_upper_half_with_both_limits_of_error() -> None:
    """Keithley 2400 data sheet: 20 V range 0.015 % + 1.5 mV, 10 mA range 0.035 % + 600 nA, as limits."""
    conditions = Conditions(emissive_area=1e-4, transfer=5e6, voltage_range=20.0, current_range=10e-3)
    calibration = Calibration(conditions=conditions)
    read = points([1.0, 4.0, 4.0], [9.0, 4.0e-3, 4.0e-3])
    quantity = resistance_quantity(read, calibration, "R", 1000.0, 0.5)["resistance of R"]
    assert quantity.value == pytest.approx(1000.0)
    voltage, current = (0.00015 * 4.0 + 1.5e-3) / 4.0, (0.00035 * 4e-3 + 600e-9) / 4e-3
    assert quantity.uncertainty == pytest.approx(1000.0 * sqrt((voltage**2 + current**2) / 3), rel=1e-6)
    assert not quantity.off_nominal


def test_leads_are_taken_out_of_the_resistance() -> None:
    conditions = Conditions(emissive_area=1e-4, transfer=5e6, lead_resistance=2.0)
    calibration = Calibration(conditions=conditions, uncertainty=LightUncertainty(lead_resistance=0.5))
    found = resistance_quantity(points([4.008, 4.008], [4e-3, 4e-3]), calibration, "R", 1000.0, 0.5)
    assert found["resistance of R"].value == pytest.approx(1000.0)
    assert found["resistance of R"].uncertainty > 0.5


def test_a_resistor_that_was_not_read_is_said() -> None:
    calibration = Calibration(conditions=Conditions(emissive_area=1e-4, transfer=5e6))
    for read in (points([4.0], [8e-3], int(PointFlag.COMPLIANCE)), points([4.0], [0.0])):
        with pytest.raises(ValueError, match="the resistor was not read"):
            resistance_quantity(read, calibration, "R", 1000.0, nan)
