"""The 2400 from its link: staircase, list and memory sweeps."""

from __future__ import annotations

import pytest

from tests.twins.keithley2400.conftest import Bench, ready


def _sweep(bench: Bench, *setup: str) -> list[float]:
    bench.write(":FORM:ELEM VOLT", *setup)
    levels = bench.numbers(":READ?")
    assert bench.errors() == []
    return levels


def test_staircase_up_and_down() -> None:
    bench = ready(instant=True)
    assert _sweep(bench, ":SOUR:VOLT:MODE SWE;STAR -1;STOP 1;STEP 0.5", ":TRIG:COUN 5") == [-1, -0.5, 0, 0.5, 1]
    assert _sweep(bench, ":SOUR:SWE:DIR DOWN") == [1, 0.5, 0, -0.5, -1]
    assert bench.ask(":SOUR:VOLT:RANG?") == "2.100000E+00"


def test_logarithmic_staircase() -> None:
    bench = ready(instant=True)
    setup = ":SOUR:VOLT:MODE SWE;STAR 0.1;STOP 10;:SOUR:SWE:SPAC LOG;POIN 3;:TRIG:COUN 3"
    assert _sweep(bench, setup) == [0.1, 1, 10]


def test_a_sweep_stops_early_or_wraps_with_the_trigger_count() -> None:
    bench = ready(instant=True)
    setup = ":SOUR:VOLT:MODE LIST;:SOUR:LIST:VOLT 1,2,3"
    assert _sweep(bench, setup, ":TRIG:COUN 2") == [1, 2]
    assert _sweep(bench, ":TRIG:COUN 5") == [1, 2, 3, 1, 2]
    assert _sweep(bench, ":SOUR:LIST:VOLT:APP 4", ":SOUR:LIST:STAR 3", ":TRIG:COUN 2") == [3, 4]
    assert bench.ask(":SOUR:LIST:VOLT:POIN?") == "4"


def test_the_bias_level_stands_before_a_sweep_and_the_last_level_after_it(bench: Bench) -> None:
    bench.write(":SOUR:VOLT 0.5;VOLT:MODE LIST;:SOUR:LIST:VOLT 1,2", ":TRIG:COUN 2", ":OUTP ON")
    assert bench.twin.output_log[-1].level == 0.5
    bench.ask(":READ?")
    assert [change.level for change in bench.twin.output_log[-2:]] == [1.0, 2.0]
    bench.write(":SOUR:VOLT:MODE FIX")
    assert bench.twin.output_log[-1].level == 0.5


def test_a_switch_brings_the_bias_level_back_after_a_sweep() -> None:
    bench = Bench(level_after_sweep="bias")
    bench.write(":SOUR:VOLT 0.5;VOLT:MODE LIST;:SOUR:LIST:VOLT 1,2", ":TRIG:COUN 2", ":OUTP ON")
    bench.ask(":READ?")
    assert bench.twin.output_log[-1].level == 0.5


def test_the_source_range_can_follow_the_levels_of_a_sweep() -> None:
    bench = ready(instant=True)
    setup = ":SOUR:SWE:RANG AUTO;:SOUR:VOLT:MODE LIST;:SOUR:LIST:VOLT 0.10001,5;:TRIG:COUN 2"
    assert _sweep(bench, setup) == [0.10001, 5.0]
    assert bench.ask(":SOUR:VOLT:RANG?") == "2.100000E+01"


def test_a_sweep_in_compliance_from_the_start_has_no_data() -> None:
    bench = ready()
    bench.write(":SENS:CURR:PROT 1e-4", ":SOUR:SWE:CAB EARL", ":SOUR:VOLT:MODE LIST;:SOUR:LIST:VOLT 1,2")
    assert bench.ask(":READ?") is None
    assert bench.errors() == [-230]


@pytest.mark.parametrize(("when", "points"), [("NEV", 5), ("EARL", 2), ("LATE", 3)])
def test_a_sweep_can_end_in_compliance(when: str, points: int) -> None:
    bench = ready(instant=True)
    bench.write(":SENS:CURR:PROT 0.0025", f":SOUR:SWE:CAB {when}", ":TRIG:COUN 5")
    assert len(_sweep(bench, ":SOUR:VOLT:MODE LIST;:SOUR:LIST:VOLT 1,2,3,4,5")) == points


def test_memory_sweep_through_stored_setups() -> None:
    bench = ready(instant=True)
    bench.write(":SOUR:VOLT 2;:SOUR:MEM:SAVE 1", ":SOUR:FUNC CURR;:SOUR:CURR 3e-3;:SOUR:MEM:SAVE 2")
    bench.write(":SOUR:FUNC MEM;:SOUR:MEM:POIN 2;STAR 1", ":TRIG:COUN 2", ":FORM:ELEM VOLT,CURR")
    assert bench.ask(":SOUR:FUNC?") == "MEM"
    assert bench.numbers(":READ?") == [2.0, 0.002, 3.0, 0.003]


def test_recalling_setups_makes_a_memory_sweep_slow() -> None:
    """164 readings/s at 0.01 PLC and 60 Hz, auto-zero off, one function (SPEC-2400)."""
    bench = Bench(line_frequency=60.0)
    bench.write(":SENS:CURR:RANG 1e-4;NPLC 0.01", ":SYST:AZER OFF", ":SOUR:DEL 0", ":OUTP ON")
    bench.write(*(f":SOUR:MEM:SAVE {place}" for place in (1, 2)), ":SOUR:FUNC MEM;:SOUR:MEM:POIN 2", ":TRIG:COUN 10")
    assert 10 / bench.seconds(":READ?") == pytest.approx(164.0, rel=0.01)


def test_the_start_of_a_list_is_set_below_the_list_too(bench: Bench) -> None:
    bench.write(":SOUR:LIST:VOLT 1,2,3", ":SOUR:LIST:VOLT:STAR 2")
    assert bench.ask(":SOUR:LIST:STAR?;:SOUR:LIST:VOLT:STARt?") == "2;2"


def test_soak_holds_the_first_point_only() -> None:
    bench = ready()
    bench.write(":SOUR:VOLT:MODE SWE;STOP 1", ":TRIG:COUN 2", ":SOUR:DEL 0")
    plain = bench.seconds(":READ?")
    bench.write(":SOUR:VOLT:SOAK 3", ":SYST:RCM MULT")
    assert bench.seconds(":READ?") == pytest.approx(plain + 3)
