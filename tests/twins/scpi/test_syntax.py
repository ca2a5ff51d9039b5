"""What the Keithley pair shares, on a stand-in: headers, paths and parameters."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.simulated.scpi.commands import COMMON_COMMANDS
from drivers.simulated.scpi.parameters import spellings
from drivers.simulated.scpi.status import CommandError
from drivers.simulated.scpi.syntax import Command, CommandTable, split_outside_quotes
from tests.twins.scpi.conftest import Host


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
