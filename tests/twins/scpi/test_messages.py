"""What the Keithley pair shares, on a stand-in: exchange of messages and replies."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.simulated.clock import VirtualClock
from drivers.simulated.scpi.instrument import Interface
from drivers.simulated.trigger_link import TriggerLink
from tests.twins.scpi.conftest import Host, StandIn


@pytest.mark.parametrize(
    ("interface", "data", "reply"),
    [
        (Interface("gpib"), b"*IDN?\r\n", b"STAND-IN\n"),
        (Interface("socket"), b"*IDN?\n", b"STAND-IN\n"),
        (Interface("serial", "CR"), b"*IDN?\r", b"STAND-IN\r"),
        (Interface("serial", "CR"), b"*IDN?\r\n", b"STAND-IN\r"),
        (Interface("serial", "LF"), b"*IDN?\r\n", b"STAND-IN\n"),
        (Interface("serial", "CRLF"), b"*IDN?\r\n", b"STAND-IN\r\n"),
        (Interface("serial", "LFCR"), b"*IDN?\n\r", b"STAND-IN\n\r"),
        (Interface("serial", "LF"), b"*IDN?\r", b"STAND-IN\n"),
        (Interface("serial", "LFCR"), b"*IDN?\r\n", b"STAND-IN\n\r"),
    ],
)
def test_terminators(interface: Interface, data: bytes, reply: bytes) -> None:
    host = Host(interface)
    for index in range(len(data)):
        host.twin.receive(data[index : index + 1])
    assert host.twin.transmit() == (reply, True)
    assert len(host.twin.status.errors) == 0


def test_a_message_without_an_end_waits(host: Host) -> None:
    host.twin.receive(b"*IDN?")
    assert host.twin.transmit() == (b"", False)
    host.twin.receive(b"", end=True)
    assert host.twin.transmit()[1]


def test_an_input_that_is_too_long_is_dropped(host: Host) -> None:
    host.twin.receive(b":DISP:TEXT '" + b"x" * 2000)
    host.twin.receive(b"x" * 100)
    host.twin.receive(b"x" * 100 + b"'\n:OUTP ON\n")
    assert host.twin.settings.on
    assert host.errors() == [-363]


def test_a_new_query_spoils_an_unread_reply(host: Host) -> None:
    host.write("*IDN?")
    host.write(":OUTP ON")
    assert host.ask(":OUTP?") == "1"
    assert host.errors() == [-410]


def test_any_message_spoils_an_unread_reply_where_that_is_the_rule() -> None:
    host = Host(strict=True)
    host.write("*IDN?")
    host.write(":OUTP ON")
    assert host.read() is None
    assert host.errors() == [-410]


def test_talking_with_nothing_to_say(host: Host) -> None:
    host.twin.talk_with_nothing_to_say()
    assert host.errors() == [-420]
    host.write(":READ?")
    host.twin.talk_with_nothing_to_say()
    assert host.read() == "+1.0E+00"
    assert host.errors() == []


def test_sending_on_and_on_without_reading_is_a_deadlock(host: Host) -> None:
    host.write("*IDN?")
    host.twin.receive(b"x" * 3000)
    host.twin.receive(b"\n")
    assert host.read() is None
    assert host.errors() == [-430]


def test_a_serial_line_has_no_query_errors() -> None:
    host = Host(Interface("serial", "LF"))
    host.write("*IDN?")
    host.write(":OUTP?")
    host.twin.talk_with_nothing_to_say()
    assert (host.read(), host.read()) == ("STAND-IN", "0")
    assert host.errors() == []


@pytest.mark.parametrize("character", [b"\x03", b"\x18"])
def test_a_control_character_on_a_serial_line_clears(character: bytes) -> None:
    host = Host(Interface("serial", "LF"))
    host.write(":READ?")
    host.twin.receive(b":OUTP ON" + character + b"*IDN?\n")
    assert host.read() == "STAND-IN"
    assert host.twin.cleared == 1
    assert not host.twin.settings.on


def test_device_clear_forgets_everything_under_way(host: Host) -> None:
    host.write("*IDN?;:READ?")
    host.write("*IDN?")
    host.twin.receive(b":OUTP ON")
    host.twin.device_clear()
    host.twin.receive(b"\n")
    assert host.read() is None
    assert not host.twin.settings.on
    assert host.errors() == []


def test_group_trigger_is_refused_inside_a_message(host: Host) -> None:
    host.twin.group_execute_trigger()
    host.twin.receive(b":OUTP ")
    host.twin.group_execute_trigger()
    host.twin.receive(b"ON\n")
    assert host.twin.triggers == 1
    assert host.errors() == [-105]


def test_a_reply_that_comes_later_keeps_its_place(host: Host) -> None:
    host.write("*IDN?;:READ?;:OUTP?")
    assert host.twin.transmit() == (b"", False)
    assert host.clock.now() == 0.0
    assert host.read() == "STAND-IN;+1.0E+00;0"
    assert host.clock.now() == 1.0


def test_messages_behind_a_pending_reply_wait(host: Host) -> None:
    host.write(":READ?")
    host.write(":SOUR:VOLT 3")
    assert host.twin.settings.level == 0.0
    assert host.read() == "+1.0E+00"
    assert host.twin.settings.level == 3.0


def test_a_new_message_ends_a_pending_query_where_that_is_the_rule() -> None:
    host = Host(interrupts=True)
    host.write(":READ?")
    assert host.ask("*IDN?") == "STAND-IN"
    assert host.clock.now() == 0.0
    assert host.errors() == [-410]


def test_an_urgent_command_overtakes_what_is_held_back() -> None:
    host = Host(holds=True)
    host.write(":INIT;:OUTP ON")
    host.write(":SOUR:VOLT 3;*IDN?")
    assert not host.twin.settings.on
    host.write(":ABOR")
    assert host.twin.settings.on
    assert host.read() == "STAND-IN"
    assert host.twin.settings.level == 3.0
    assert host.clock.now() == 0.0


def test_an_abandoned_query_has_no_reply_and_takes_its_message_along() -> None:
    host = Host(holds=True)
    host.write(":READ?;:OUTP ON")
    host.write(":ABOR;*IDN?")
    assert host.read() == "STAND-IN"
    assert not host.twin.settings.on


def test_held_messages_are_limited_by_the_input_buffer() -> None:
    host = Host(holds=True)
    host.write(":INIT")
    host.write(":DISP:TEXT '" + "x" * 1500 + "'")
    host.write(":DISP:TEXT '" + "x" * 1500 + "'")
    host.write(":ABOR")
    assert host.errors() == [-363, -223]


def test_operation_complete_waits_for_idle(host: Host) -> None:
    host.write("*CLS;:INIT;*OPC")
    assert host.ask("*ESR?") == "0"
    host.clock.advance(1.0)
    assert host.ask("*ESR?") == "1"
    host.write(":INIT")
    assert host.ask("*OPC?") == "1"
    assert host.clock.now() == 2.0


def test_wait_holds_the_rest_of_its_message_until_idle(host: Host) -> None:
    host.write(":INIT;*WAI;:OUTP ON")
    assert not host.twin.settings.on
    host.clock.advance(1.0)
    assert host.twin.settings.on


def test_latency_passes_between_message_and_execution() -> None:
    host = Host(Interface(latency=0.005))
    host.write(":OUTP ON")
    assert host.ask(":OUTP?") == "1"
    assert host.clock.now() == 0.005
    host.write(":OUTP OFF")
    host.twin.device_clear()
    host.clock.advance(1.0)
    assert host.twin.settings.on


def test_binary_replies_pass_unchanged(host: Host) -> None:
    host.write(":BIN?")
    assert host.twin.transmit() == (b"#0\n;\x00\n", True)


_MESSAGES = (
    b"*IDN?",
    b":SOUR:VOLT 3",
    b":SOUR:VOLT?",
    b":FOO",
    b"*OPC?",
    b":TRIG:COUN 4;COUN?",
    b":SYST:ERR?",
    b"*STB?",
)


def _replies(chunks: list[bytes]) -> bytes:
    twin = StandIn(VirtualClock(), Interface("socket"))
    for chunk in chunks:
        twin.receive(chunk)
    replies = b""
    while (reply := twin.transmit())[1]:
        replies += reply[0]
    return replies


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(_MESSAGES), max_size=8), st.lists(st.integers(1, 12), min_size=1, max_size=8))
def test_the_way_bytes_are_cut_changes_nothing(messages: list[bytes], sizes: list[int]) -> None:
    data = b"".join(message + b"\n" for message in messages)
    chunks: list[bytes] = []
    position = 0
    while position < len(data):
        size = sizes[len(chunks) % len(sizes)]
        chunks.append(data[position : position + size])
        position += size
    assert _replies(chunks) == _replies([data]) == _replies([message + b"\n" for message in messages])


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=200), st.sampled_from(["gpib", "serial", "socket"]))
def test_any_bytes_are_survived(data: bytes, kind: Any) -> None:
    host = Host(Interface(kind, "LF"))
    host.twin.receive(data, end=kind == "gpib")
    host.twin.receive(b"\n")
    host.twin.device_clear()
    assert host.ask("*IDN?") == "STAND-IN"


def test_trigger_link_reaches_everybody_on_the_line() -> None:
    link, heard = TriggerLink(), []
    link.subscribe(1, lambda: heard.append("a"))
    link.subscribe(1, lambda: heard.append("b"))
    link.subscribe(2, lambda: heard.append("c"))
    link.pulse(1)
    link.pulse(3)
    assert heard == ["a", "b"]
    with pytest.raises(KeyError):
        link.pulse(5)
