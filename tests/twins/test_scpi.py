"""What the Keithley pair shares: syntax, path rules, error queue, status, exchange of messages; on a stand-in."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.simulated.clock import VirtualClock
from drivers.simulated.scpi.commands import COMMON_COMMANDS, STATUS_COMMANDS, setting
from drivers.simulated.scpi.instrument import Interface, Later, ScpiInstrument
from drivers.simulated.scpi.parameters import Boolean, Bracketed, Choice, Integer, Many, Number, Quoted, spellings
from drivers.simulated.scpi.status import CommandError
from drivers.simulated.scpi.syntax import Command, CommandTable, Step, split_outside_quotes
from drivers.simulated.trigger_link import TriggerLink


@dataclass
class Values:
    level: float = 0.0
    nplc: float = 1.0
    points: float = 1
    source: str = "IMM"
    on: bool = False
    text: str = ""
    words: tuple[str, ...] = ()


class StandIn(ScpiInstrument):
    """Measures for one second: ``:READ?`` replies then; busy rules can be chosen."""

    def __init__(self, clock: VirtualClock, interface: Interface, *, holds: bool = False, **kwargs: bool) -> None:
        super().__init__(clock, COMMANDS, interface, {803: "Not permitted with OUTPUT off"})
        self.settings = Values()
        self.holds = holds
        self.interrupts = kwargs.get("interrupts", False)
        self.strict = kwargs.get("strict", False)
        self.later: Later | None = None
        self.triggers = 0
        self.cleared = 0

    def identity(self) -> str:
        return "STAND-IN"

    def is_idle(self) -> bool:
        return self.later is None

    def holds_back(self, step: Step) -> bool:
        return self.holds and not self.is_idle() and not step.urgent

    def overtakes(self, step: Step) -> bool:
        return self.holds and not self.is_idle() and step.urgent

    def interrupts_pending_query(self, step: Step) -> bool:
        return self.interrupts

    def any_message_interrupts(self) -> bool:
        return self.strict

    def on_trigger(self) -> None:
        self.triggers += 1

    def on_device_clear(self) -> None:
        self.cleared += 1
        self.later = None

    def reset(self) -> None:
        self.settings = Values()
        self.abort()

    def read(self) -> Later:
        self.later = Later()
        self.clock.call_after(1.0, self._converted)
        return self.later

    def start(self) -> None:
        self.read()

    def _converted(self) -> None:
        later, self.later = self.later, None
        if later is not None:
            later.deliver("+1.0E+00")
            self.idle_reached()

    def abort(self) -> None:
        later, self.later = self.later, None
        if later is not None:
            later.abandon()
            self.idle_reached()


def refuse(_: Any) -> None:
    raise CommandError(803)


COMMANDS = CommandTable(
    (
        *COMMON_COMMANDS,
        *STATUS_COMMANDS,
        Command(":READ", query=lambda i: i.read()),
        Command(":INITiate[:IMMediate]", do=lambda i: i.start()),
        Command(":ABORt", do=lambda i: i.abort(), urgent=True),
        Command(":REFuse", do=refuse),
        setting(":SOURce[1]:VOLTage[:LEVel][:IMMediate]", "level", Number(-210, 210, 0.0)),
        setting("[:SENSe[1]]:VOLTage[:DC]:NPLCycles", "nplc", Number(0.01, 10, 1.0)),
        setting("[:SENSe[1]]:FUNCtion", "words", Many(Quoted(), 3)),
        setting(":TRIGger:COUNt", "points", Integer(1, 2500, 1, words=("INFinity",))),
        setting(":TRIGger:SOURce", "source", Choice("IMMediate", "TLINk")),
        setting(":TRIGger:OUTPut", "words", Many(Choice("SOURce", "DELay"))),
        setting(":OUTPut[1][:STATe]", "on", Boolean()),
        setting(":DISPlay:TEXT", "text", Quoted(5)),
        setting(":CALCulate2:EXPRession", "text", Bracketed()),
        Command(":BINary", query=lambda _: b"#0\n;\x00"),
    )
)


class Host:
    """Writes bytes and lets virtual time pass until a reply is there."""

    def __init__(self, interface: Interface | None = None, **kwargs: bool) -> None:
        self.clock = VirtualClock()
        self.twin = StandIn(self.clock, interface or Interface(), **kwargs)

    def write(self, text: str) -> None:
        self.twin.receive(text.encode("latin-1") + b"\n", end=True)

    def read(self, limit: float = 10.0) -> str | None:
        until = self.clock.now() + limit
        while True:
            data, complete = self.twin.transmit()
            if complete:
                return data.decode("latin-1").rstrip("\n")
            due = self.clock.next_event()
            if due is None or due > until:
                return None
            self.clock.advance_to(due)

    def ask(self, text: str) -> str | None:
        self.write(text)
        return self.read()

    def errors(self) -> list[int]:
        codes = []
        while code := int(str(self.ask(":SYST:ERR?")).partition(",")[0]):
            codes.append(code)
        return codes


@pytest.fixture
def host() -> Host:
    return Host()


# --- syntax ---


def test_spellings_are_the_short_and_the_long_form() -> None:
    assert set(spellings("SENSe[1]")) == {"SENS", "SENSE", "SENS1", "SENSE1"}
    assert set(spellings("CALCulate2")) == {"CALC2", "CALCULATE2"}


@pytest.mark.parametrize(
    "header",
    [":SOUR:VOLT", "sour:volt", ":Source1:Voltage:Level:Immediate", "SOUR1:VOLTAGE:LEV", ":SOUR:VOLT:IMM"],
)
def test_every_spelling_of_a_header_is_the_same_command(host: Host, header: str) -> None:
    host.write(f"{header} 2.5")
    assert host.ask(f"{header}?") == "2.500000E+00"
    assert host.errors() == []


@pytest.mark.parametrize(
    ("message", "code"),
    [
        (":SOURC:VOLT 1", -113),
        (":SOUR:VOLTA 1", -113),
        (":SOUR", -113),
        (":SOUR2:VOLT 1", -114),
        (":SOUR:VOLT3", -114),
        (":SOUR:VOLTAGEANDMORE 1", -112),
        (":SOUR: VOLT 1", -102),
        (":SOUR::VOLT 1", -102),
        (":", -102),
        (":SOUR:V\xe4LT 1", -101),
        (":SO%R:VOLT 1", -101),
        ('FUNC"VOLT"', -111),
        ("*XYZ", -113),
        ("*IDN", -113),
        (":ABOR?", -113),
        (":SOUR:VOLT", -109),
        (":SOUR:VOLT ,", -109),
        (":SOUR:VOLT 1,2", -108),
        (":ABOR 1", -108),
        (":SOUR:VOLT? 1,2", -108),
        (":SOUR:VOLT? UP", -141),
        (":SOUR:VOLT 211", -222),
        (":SOUR:VOLT 1V", -121),
        (":SOUR:VOLT 1..2", -121),
        (":SOUR:VOLT nan", -141),
        (":SOUR:VOLT 1E999", -123),
        (":SOUR:VOLT " + "1" * 300, -124),
        (":SOUR:VOLT #H10", -120),
        (":SOUR:VOLT ABC", -141),
        (':SOUR:VOLT "1"', -158),
        (":SOUR:VOLT (1)", -178),
        (":TRIG:SOUR BUS", -140),
        (":TRIG:SOUR 1", -128),
        (":TRIG:SOUR 'IMM'", -158),
        (":OUTP MAYBE", -140),
        (":DISP:TEXT ABC", -148),
        (":DISP:TEXT 1", -128),
        (":DISP:TEXT 'abc", -151),
        (":DISP:TEXT 'abcdef'", -223),
        (":FUNC 'a','b','c','d'", -223),
        (":CALC2:EXPR abc", -148),
        (":CALC2:EXPR (abc", -171),
        ("*SRE 256", -222),
        ("*SRE #Z1", -120),
        ("*SRE #B2", -121),
        ("*SRE ON", -141),
        (":REF", 803),
    ],
)
def test_a_fault_has_the_error_number_of_its_kind_and_no_reply(host: Host, message: str, code: int) -> None:
    host.write(message)
    assert host.twin.transmit() == (b"", False)
    assert host.errors() == [code]


def test_a_part_without_a_colon_stays_on_the_path(host: Host) -> None:
    host.write(":TRIG:COUN 5;SOUR TLIN;*CLS;COUN 6;:OUTP ON")
    assert (host.twin.settings.points, host.twin.settings.source, host.twin.settings.on) == (6, "TLIN", True)
    assert host.errors() == []


def test_a_path_does_not_fall_back_to_the_root(host: Host) -> None:
    host.write(":TRIG:COUN 5;INIT")
    assert host.errors() == [-113]


def test_an_optional_node_that_is_left_out_leads_to_the_same_path(host: Host) -> None:
    host.write("VOLT:NPLC 2;NPLC 3")
    assert host.ask(":SENS:VOLT:DC:NPLC?") == "3.000000E+00"


def test_the_rest_of_a_message_is_dropped_after_an_error(host: Host) -> None:
    assert host.ask("*IDN?;:SOUR:VOLT 1;:FOO;:SOUR:VOLT 2;*IDN?") == "STAND-IN"
    assert host.twin.settings.level == 1.0
    assert host.errors() == [-113]


def test_queries_of_one_message_reply_together(host: Host) -> None:
    assert host.ask("*IDN?;:SOUR:VOLT?;:OUTP?;") == "STAND-IN;0.000000E+00;0"
    assert host.twin.transmit() == (b"", False)


def test_trailing_and_empty_parts_are_legal(host: Host) -> None:
    host.write(";;:OUTP ON; ;")
    host.write("   ")
    assert host.errors() == []
    assert host.twin.settings.on


def test_numbers_words_and_lists(host: Host) -> None:
    host.write(":SOUR:VOLT max")
    assert host.twin.settings.level == 210
    host.write(":SOUR:VOLT -.5e+1")
    assert host.twin.settings.level == -5
    assert host.ask(":SOUR:VOLT? MIN;:SOUR:VOLT? DEFAULT;:TRIG:COUN? MAXIMUM") == "-2.100000E+02;0.000000E+00;2500"
    host.write(":TRIG:COUN 2.5")
    assert host.ask(":TRIG:COUN?") == "3"
    host.write(":TRIG:COUN INF")
    assert math.isinf(host.twin.settings.points)
    assert host.ask(":TRIG:COUN?") == "+9.900000E+37"
    host.write(":TRIG:OUTP SOUR , delay")
    assert host.ask(":TRIG:OUTP?") == "SOUR,DEL"
    assert host.errors() == []


@pytest.mark.parametrize(("text", "value"), [("ON", True), ("off", False), ("1", True), ("0", False), ("0.4", False)])
def test_booleans(host: Host, text: str, value: bool) -> None:
    host.write(f":OUTP {text}")
    assert host.ask(":OUTP?") == str(int(value))


@pytest.mark.parametrize("text", ["55", "#H37", "#q67", "#B110111", "54.6"])
def test_masks_in_every_base(host: Host, text: str) -> None:
    host.write(f":STAT:MEAS:ENAB {text}")
    assert host.ask(":STAT:MEAS:ENAB?") == "55"


@pytest.mark.parametrize(("form", "shown"), [("ASC", "55"), ("HEX", "#H37"), ("OCT", "#Q67"), ("BIN", "#B110111")])
def test_register_formats(host: Host, form: str, shown: str) -> None:
    host.twin.register_format = form
    host.write("*ESE 55")
    assert host.ask("*ESE?") == shown


def test_strings_keep_what_looks_like_syntax(host: Host) -> None:
    host.write(":DISP:TEXT 'a;b''c';:OUTP ON")
    assert host.twin.settings.text == "a;b'c"
    host.write(":CALC2:EXPR ((A,B);C)")
    assert host.twin.settings.text == "(A,B);C"
    assert host.errors() == []


def test_two_commands_cannot_claim_one_header() -> None:
    with pytest.raises(ValueError, match="two commands"):
        CommandTable((Command(":A[:B]"), Command(":A", query=lambda _: "1")))


def test_a_common_command_takes_a_colon_unless_the_table_forbids_it(host: Host) -> None:
    assert host.ask(":*IDN?") == "STAND-IN"
    strict = CommandTable(COMMON_COMMANDS, colon_before_common=False)
    (step,) = strict.parse(b":*IDN?")
    with pytest.raises(CommandError) as caught:
        step.action(host.twin)
    assert caught.value.code == -101


@given(st.text(alphabet="ab;,()'\" ", max_size=30))
def test_splitting_loses_nothing(text: str) -> None:
    assert ";".join(split_outside_quotes(text, ";")) == text


# --- errors and status ---


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


# --- exchange of messages ---


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
