"""The Model 2000 at its connector: the trigger model."""

from __future__ import annotations

import pytest

from drivers.simulated.fixture import TestFixture
from drivers.simulated.trigger_link import TriggerLink
from tests.twins.keithley2000.conftest import READING, host_at, one_shot, show


def test_init_is_ignored_unless_idle() -> None:
    host = one_shot()
    host.write(":INIT", ":INIT")
    assert host.errors() == [-213]


def test_bus_trigger_by_message_and_by_the_bus() -> None:
    host = one_shot()
    host.write(":TRIG:SOUR BUS;COUN 2", ":TRAC:POIN 2;FEED:CONT NEXT", ":INIT")
    assert host.ask(":STAT:OPER:COND?") == b"32\n"
    host.write("*TRG")
    host.clock.advance(0.1)
    assert host.ask(":STAT:OPER:COND?") == b"32\n"
    host.twin.group_execute_trigger()
    host.clock.advance(0.1)
    assert host.ask(":STAT:OPER:COND?;:TRAC:DATA?") == b"1024;+1.00000000E+00,+1.00000000E+00\n"


def test_trigger_for_another_source_is_refused() -> None:
    host = one_shot()
    host.write(":TRIG:SOUR MAN", ":INIT", "*TRG")
    assert host.errors() == [-211]


@pytest.mark.parametrize(("late_error", "codes"), [(False, []), (True, [-211])])
def test_trigger_while_busy_is_lost(late_error: bool, codes: list[int]) -> None:
    host = one_shot(late_trigger_error=late_error)
    host.write(":TRIG:SOUR BUS;COUN 2", ":INIT", "*TRG", "*TRG")
    host.clock.advance(1.0)
    assert host.errors() == codes
    assert host.ask(":STAT:OPER:COND?") == b"32\n"


def test_timer_passes_at_once_and_then_every_interval() -> None:
    host = one_shot()
    start = host.clock.now()
    host.write(":TRIG:SOUR TIM;TIM 0.5;COUN 3", ":INIT")
    assert host.ask("*OPC?") == b"1\n"
    assert host.clock.now() - start == pytest.approx(1.0 + 0.024)


def test_manual_source_and_signal() -> None:
    host = one_shot()
    host.write(":TRIG:SOUR MAN;COUN 2", ":INIT")
    host.twin.press_trigger_key()
    host.clock.advance(0.1)
    assert host.ask(":SENS:DATA?") == READING
    host.write(":TRIG:SIGN")
    assert host.ask("*OPC?") == b"1\n"


def test_changing_the_source_frees_a_waiting_meter() -> None:
    host = one_shot()
    host.write(":TRIG:SOUR EXT", ":INIT", ":TRIG:SOUR IMM")
    assert host.ask("*OPC?") == b"1\n"


def test_abort_goes_to_idle_and_continuous_leaves_it_again() -> None:
    host = one_shot()
    host.write(":TRIG:SOUR EXT", ":INIT", ":ABOR")
    assert host.twin.is_idle()
    host.write(":INIT:CONT ON", ":ABOR")
    assert not host.twin.is_idle()


def test_continuous_mode_forbids_several_samples_and_autozero_changes() -> None:
    host = one_shot()
    host.write(":INIT:CONT ON", ":SAMP:COUN 2", ":SYST:AZER ON")
    assert host.errors() == [-221, -221]
    host.write(":INIT:CONT OFF;:ABOR", ":SYST:AZER ON", ":SAMP:COUN 2", ":INIT:CONT ON")
    assert host.errors() == [-221]
    assert host.ask(":SYST:AZER?;:SAMP:COUN?") == b"1;2\n"


def test_reading_hold_waits_for_a_stable_signal() -> None:
    host = one_shot(read_overhead=0.0)
    host.write(":HOLD:WIND 1;COUN 5;STAT ON", ":READ?")
    host.clock.call_after(0.05, lambda: show(host.fixture, 2.0))
    start = host.clock.now()
    assert host.read() == b"+2.00000000E+00\n"
    assert host.clock.now() - start == pytest.approx(7 * 0.024)


class StandInSource:
    """The other end of the trigger link: steps the light, pulses line 2, waits for line 1."""

    def __init__(self, fixture: TestFixture, link: TriggerLink, levels: list[float]) -> None:
        self.fixture, self.link = fixture, link
        self.levels = iter(levels)
        self.pulses_heard = 0
        link.subscribe(1, self.meter_is_done)

    def step(self) -> None:
        level = next(self.levels, None)
        if level is not None:
            show(self.fixture, level)
            self.link.pulse(2)

    def meter_is_done(self) -> None:
        self.pulses_heard += 1
        self.step()


LINKED_SWEEP = [
    "*RST",
    ":INIT:CONT OFF; :ABOR; :SYST:AZER:STAT ON",
    ":SENS:FUNC 'VOLT:DC'; :SENS:VOLT:DC:RANG 10; :SENS:VOLT:DC:NPLC 1; :SENS:VOLT:DC:DIG 7",
    ":SENS:VOLT:DC:AVER:STAT OFF; :SENS:VOLT:DC:REF:STAT OFF; :CALC1:STAT OFF; :UNIT:VOLT:DC V",
    ":FORM:DATA ASC; :FORM:ELEM READ",
    ":TRIG:SOUR EXT; :TRIG:DEL 0; :TRIG:COUN 5; :SAMP:COUN 1",
    ":TRAC:FEED:CONT NEV; :TRAC:CLE; :TRAC:POIN 5; :TRAC:FEED SENS1; :TRAC:FEED:CONT NEXT",
    ":STAT:PRES; *CLS; :STAT:MEAS:ENAB 512; *SRE 1",
    ":INIT",
]


@pytest.mark.parametrize("instant", [False, True])
def test_hardware_timed_sweep(instant: bool) -> None:
    link = TriggerLink()
    host = host_at(0.0, link, instant=instant)
    source = StandInSource(host.fixture, link, [0.1, 0.2, 0.3, 0.4, 0.5])
    host.write(*LINKED_SWEEP)
    assert int(host.ask(":STAT:OPER:COND?")) & 32
    start = host.clock.now()
    source.step()
    while not host.twin.service_request:
        due = host.clock.next_event()
        assert due is not None
        host.clock.advance_to(due)
    assert source.pulses_heard == 5
    per_reading = 0.0 if instant else (host.clock.now() - start) / 5
    assert 0.0402 <= per_reading <= 0.0805 or instant
    assert host.twin.serial_poll() & 65 == 65
    assert int(host.ask(":STAT:MEAS?")) & 512
    assert [float(v) for v in host.ask(":TRAC:DATA?").split(b",")] == pytest.approx([0.1, 0.2, 0.3, 0.4, 0.5])
    host.write(":ABOR; :TRIG:SOUR IMM; :TRAC:FEED:CONT NEV")
    assert host.errors() == []


def test_too_few_triggers_leave_a_part_of_the_data() -> None:
    link = TriggerLink()
    host = host_at(0.0, link)
    host.write(*LINKED_SWEEP)
    StandInSource(host.fixture, link, [0.1, 0.2]).step()
    host.clock.advance(10.0)
    assert not host.twin.service_request
    assert host.ask(":TRAC:DATA?") == b"+1.00000000E-01,+2.00000000E-01\n"


@pytest.mark.parametrize(("per_sample", "pulses"), [(False, 2), (True, 6)])
def test_output_pulse_per_group_or_per_sample(per_sample: bool, pulses: int) -> None:
    link = TriggerLink()
    host = one_shot(link=link, pulse_per_sample=per_sample)
    heard: list[float] = []
    link.subscribe(1, lambda: heard.append(host.clock.now()))
    host.write(":TRIG:COUN 2", ":SAMP:COUN 3", ":INIT")
    host.ask("*OPC?")
    assert len(heard) == pulses
