"""The Model 2000 at its connector: READ?, FETC?, DATA?, MEAS?."""

from __future__ import annotations

import pytest

from tests.twins.keithley2000.conftest import READING, one_shot, show


def test_samples_of_one_trigger_come_together_and_fetch_repeats_them() -> None:
    host = one_shot()
    host.write(":SAMP:COUN 3")
    assert host.ask(":READ?") == b",".join([READING.strip()] * 3) + b"\n"
    show(host.fixture, 2.0)
    assert host.ask(":FETC?") == b",".join([READING.strip()] * 3) + b"\n"
    assert host.ask(":DATA?") == READING


@pytest.mark.parametrize(("every", "count"), [(False, 2), (True, 8)])
def test_read_with_several_triggers(every: bool, count: int) -> None:
    host = one_shot(read_every_trigger=every)
    host.write(":TRIG:COUN 4", ":SAMP:COUN 2")
    assert len(host.ask(":READ?").split(b",")) == count


def test_fresh_data_waits_for_a_reading_and_never_comes_in_idle() -> None:
    host = one_shot()
    assert host.ask(":SENS:DATA:FRES?", 5.0) == b""
    host.write(":INIT")
    assert host.error() == b'-410,"Query interrupted"\n'
    assert host.ask(":SENS:DATA:FRES?") == READING
    assert host.ask(":SENS:DATA:FRES?", 5.0) == b""


def test_measure_sets_defaults_of_the_function() -> None:
    host = one_shot()
    host.write(":VOLT:NPLC 0.1", ":CALC:FORM MXB;STAT ON", ":TRIG:SOUR EXT")
    assert host.ask(":MEAS:VOLT:DC?") == READING
    assert host.ask(":VOLT:NPLC?;:CALC:STAT?;:TRIG:SOUR?;:INIT:CONT?") == b"1;0;IMM;0\n"


def test_configure_may_keep_the_settings_of_the_function() -> None:
    host = one_shot(configure_resets_function=False)
    host.write(":VOLT:NPLC 0.1", ":CONF:VOLT:DC")
    assert host.ask(":VOLT:NPLC?") == b"0.1\n"


def test_new_command_interrupts_a_pending_read() -> None:
    host = one_shot()
    host.write(":VOLT:NPLC 10", ":READ?", ":VOLT:NPLC 1")
    assert host.errors() == [-410]
    assert host.ask(":VOLT:NPLC?") == b"1\n"


def test_reply_nobody_fetched_is_dropped_by_the_next_command() -> None:
    host = one_shot()
    host.write("*IDN?", ":VOLT:NPLC 1")
    assert host.errors() == [-410]


def test_talking_with_nothing_to_say() -> None:
    host = one_shot()
    host.twin.talk_with_nothing_to_say()
    assert host.errors() == [-420]


def test_queries_are_answered_while_a_run_goes_on() -> None:
    host = one_shot()
    host.write(":VOLT:NPLC 10", ":SAMP:COUN 100", ":INIT")
    assert host.ask(":STAT:OPER:COND?") == b"16\n"
    assert host.ask(":TRAC:FREE?") == b"16384,0\n"
    assert not host.twin.is_idle()


def test_operation_complete_waits_for_idle_and_never_comes_when_free_running() -> None:
    host = one_shot()
    host.write(":INIT", "*OPC")
    assert host.ask("*ESR?") == b"128\n"
    host.clock.advance(0.1)
    assert host.ask("*ESR?") == b"1\n"
    host.write(":INIT:CONT ON")
    assert host.ask("*OPC?", 30.0) == b""


def test_wait_holds_the_next_message_without_an_error() -> None:
    host = one_shot()
    host.write(":INIT", "*WAI", ":STAT:OPER:COND?")
    assert host.read() == b"1024\n"
    assert host.errors() == []


def test_device_clear_stops_a_pending_read() -> None:
    host = one_shot()
    host.write(":VOLT:NPLC 10", ":READ?")
    host.twin.device_clear()
    assert host.twin.is_idle()
    assert host.read(5.0) == b""
    assert host.errors() == []
