"""The Model 2000 at its connector: status and errors."""

from __future__ import annotations

from tests.twins.keithley2000.conftest import host_at, one_shot


def test_power_on_bit_and_preset_of_masks() -> None:
    host = host_at()
    assert host.ask("*ESR?;*ESR?") == b"128;0\n"
    host.write(":STAT:MEAS:ENAB 512", ":STAT:PRES")
    assert host.ask(":STAT:MEAS:ENAB?") == b"0\n"


def test_service_request_at_each_reading() -> None:
    host = one_shot()
    host.write(":STAT:MEAS:ENAB 32;*SRE 1", ":INIT")
    assert not host.twin.service_request
    host.clock.advance(0.1)
    assert host.twin.service_request
    assert host.twin.serial_poll() == 64 + 1
    assert not host.twin.service_request
    assert host.ask(":STAT:MEAS?") == b"32\n"
    host.write(":INIT")
    host.clock.advance(0.1)
    assert host.twin.service_request


def test_buffer_events_come_in_turn() -> None:
    host = one_shot()
    host.write(":TRAC:POIN 6;FEED:CONT NEXT", "*CLS")
    events = []
    for _ in range(6):
        host.ask(":READ?")
        events.append(int(host.ask(":STAT:MEAS?")) & (128 | 256 | 512))
    assert events == [0, 128, 256, 0, 0, 512]
    assert int(host.ask(":STAT:MEAS:COND?")) & 512
    host.write(":TRAC:CLE")
    assert not int(host.ask(":STAT:MEAS:COND?")) & 512


def test_status_messages_are_queued_only_when_enabled() -> None:
    host = one_shot()
    host.ask(":READ?")
    assert host.errors() == []
    host.write(":STAT:QUE:ENAB (+301:+311)")
    host.ask(":READ?")
    assert host.error() == b'+306,"Reading available"\n'


def test_completed_operations_are_a_status_message_too() -> None:
    host = host_at()
    host.write("*RST", ":STAT:QUE:ENAB (101)", "*OPC")
    assert host.error() == b'+101,"Operation complete"\n'


def test_error_queue_holds_ten() -> None:
    host = one_shot()
    for _ in range(12):
        host.write(":FOO")
    assert host.errors() == [-113] * 9 + [-350]
