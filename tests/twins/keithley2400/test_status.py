"""The 2400 from its link: registers and service request."""

from __future__ import annotations

import pytest

from tests.twins.keithley2400.conftest import Bench, ready


def test_service_request_at_the_end_of_a_buffered_run() -> None:
    bench = ready()
    bench.write("*CLS;:STAT:PRES;:STAT:MEAS:ENAB 512;*SRE 1", ":TRAC:POIN 5;FEED:CONT NEXT", ":TRIG:COUN 5", ":INIT")
    bench.clock.advance(0.4)
    assert not bench.twin.service_request
    bench.clock.advance(0.1)
    assert bench.twin.service_request
    assert bench.twin.serial_poll() == 65
    assert not bench.twin.service_request


def test_operation_register_follows_the_trigger_model() -> None:
    bench = ready()
    assert bench.twin.status.operation.condition == 1 << 10
    bench.write(":ARM:SOUR BUS", ":SOUR:VOLT:MODE SWE", ":INIT")
    assert bench.twin.status.operation.condition == 1 << 3 | 1 << 6
    bench.twin.group_execute_trigger()
    assert bench.twin.status.operation.condition == 1 << 3
    bench.clock.advance(0.2)
    assert bench.twin.status.operation.condition == 1 << 10


def test_arm_source_bus_takes_trg_and_get_while_everything_else_waits() -> None:
    bench = ready(instant=True)
    bench.write(":ARM:SOUR BUS;COUN 2", ":FORM:ELEM VOLT", ":SOUR:VOLT 1", ":READ?")
    bench.write("*TRG")
    assert bench.twin.transmit() == (b"", False)
    bench.twin.group_execute_trigger()
    assert bench.read_bytes() == b"+1.000000E+00,+1.000000E+00\n"


@pytest.mark.parametrize("source", ["MAN", "NST", "PST", "BST"])
def test_the_other_arm_sources(source: str) -> None:
    bench = ready(instant=True)
    bench.write(f":ARM:SOUR {source}", ":READ?")
    bench.twin.press_trigger_key()
    bench.twin.start_of_test("NST")
    bench.twin.start_of_test("PST")
    assert bench.read_bytes() is not None


def test_status_messages_come_once_they_are_enabled() -> None:
    bench = ready()
    bench.write(":STAT:QUE:ENAB (+100:+499)", ":FOO", "*OPC", ":TRIG:COUN 2;:INIT", "*OPC?")
    assert bench.read_bytes() == b"1\n"
    assert bench.errors() == [200, 106, 106, 310]
    bench.write(":STAT:QUE:ENAB (200)", "*OPC")
    assert bench.ask(":SYST:ERR?") == '+200,"Operation complete"'
    assert bench.errors() == []


@pytest.mark.parametrize(
    ("query", "reply"),
    [
        (":SYST:ERR:COUN?", "2"),
        (":SYST:ERR:ALL?", '-113,"Undefined header",+803,"Not permitted with OUTPUT off"'),
        (":SYST:ERR:CODE?", "-113"),
        (":SYST:ERR:CODE:ALL?", "-113,+803"),
    ],
)
def test_ways_to_read_the_error_queue(bench: Bench, query: str, reply: str) -> None:
    bench.write(":FOO", ":INIT")
    assert bench.ask(query) == reply


def test_reading_with_nothing_to_say(bench: Bench) -> None:
    assert bench.ask(":READ?", limit=2.0) is None
    bench.twin.talk_with_nothing_to_say()
    assert bench.ask(":SYST:ERR:ALL?") == '+803,"Not permitted with OUTPUT off",-420,"Query UNTERMINATED"'
