"""What the Keithley pair shares, on a stand-in: error queue, registers, status byte, service request."""

from __future__ import annotations

import pytest

from tests.twins.scpi.conftest import Host


def test_the_error_queue_is_ten_deep_and_ends_with_overflow(host: Host) -> None:
    for _ in range(12):
        host.write(":FOO")
    assert host.errors() == [-113] * 9 + [-350]
    assert host.ask("*ESR?") == str(128 + 32 + 8)


def test_error_messages_and_the_empty_queue(host: Host) -> None:
    host.write(":REF")
    host.write(":FOO")
    assert host.ask(":SYST:ERR:NEXT?") == '+803,"Not permitted with OUTPUT off"'
    assert host.ask(":STAT:QUE?") == '-113,"Undefined header"'
    assert host.ask(":SYST:ERR?") == '0,"No error"'


def test_errors_can_be_kept_out_of_the_queue(host: Host) -> None:
    host.write(":STAT:QUE:DIS (-113, -222:-220)")
    host.write(":FOO")
    host.write(":SOUR:VOLT 300")
    host.write(":REF")
    assert host.errors() == [803]
    assert host.ask(":STAT:QUE:DIS?") == "(-113,-222:-220)"
    host.write(":STAT:QUE:ENAB (-113)")
    host.write(":REF")
    host.write(":FOO")
    assert host.errors() == [-113]
    host.write(":STAT:QUE:ENAB (A)")
    assert host.ask("*ESR?") is not None


@pytest.mark.parametrize(("message", "bit"), [(":FOO", 32), (":SOUR:VOLT 300", 16), (":REF", 16), ("*OPC", 1)])
def test_the_standard_event_register(host: Host, message: str, bit: int) -> None:
    assert host.ask("*ESR?") == "128"
    host.write(message)
    assert host.ask("*ESR?") == str(bit)
    assert host.ask("*ESR?") == "0"


def test_the_status_byte_sums_up_the_registers(host: Host) -> None:
    host.write("*CLS;*ESE 32;:STAT:MEAS:ENAB 512;:STAT:OPER:ENAB 32;:STAT:QUES:ENAB 256")
    assert host.ask("*STB?") == "0"
    host.twin.status.measurement.set_bits(512)
    host.twin.status.operation.set_bits(32)
    host.twin.status.questionable.latch(256)
    host.write(":FOO")
    assert host.ask("*STB?") == str(1 + 4 + 8 + 32 + 128)
    host.write(":STAT:PRES;:SYST:CLE")
    assert host.ask("*STB?") == "32"
    host.write("*CLS")
    assert host.ask("*STB?;*ESE?") == "0;32"


def test_an_event_is_latched_once_and_cleared_by_reading(host: Host) -> None:
    register = host.twin.status.measurement
    register.set_bits(64)
    register.set_bits(64)
    assert host.ask(":STAT:MEAS?;:STAT:MEAS:COND?") == "64;64"
    register.set_bits(64)
    assert host.ask(":STAT:MEAS:EVEN?") == "0"
    register.clear_bits(64)
    register.set_bits(64)
    assert host.ask(":STAT:MEAS:EVEN?") == "64"


def test_service_request_is_raised_once_per_reason_and_cleared_by_serial_poll(host: Host) -> None:
    host.write("*CLS;*SRE 4")
    assert not host.twin.service_request
    host.write(":FOO")
    assert host.twin.service_request
    assert host.twin.serial_poll() == 68
    assert not host.twin.service_request
    assert host.twin.serial_poll() == 4
    host.write(":FOO")
    assert not host.twin.service_request
    assert host.ask("*STB?") == "68"
    assert host.errors() == [-113, -113]
    host.write(":FOO")
    assert host.twin.service_request


def test_message_available_and_a_reply_read_in_pieces(host: Host) -> None:
    host.write("*IDN?")
    assert host.twin.serial_poll() == 16
    assert host.twin.transmit(3) == (b"STA", False)
    assert host.twin.serial_poll() == 16
    assert host.twin.transmit(100) == (b"ND-IN\n", True)
    assert host.twin.serial_poll() == 0
