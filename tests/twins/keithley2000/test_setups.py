"""The Model 2000 at its connector: resets and kept setups."""

from __future__ import annotations

from tests.twins.keithley2000.conftest import host_at, one_shot


def test_power_up_preset_and_reset_differ() -> None:
    state = ":INIT:CONT?;:TRIG:COUN?;:VOLT:AVER:STAT?;TCON?;:FORM:BORD?"
    host = host_at()
    assert host.ask(state) == b"1;+9.900000E+37;1;MOV;SWAP\n"
    host.write("*RST")
    assert host.ask(state) == b"0;1;0;REP;NORM\n"
    host.write(":SYST:PRES")
    assert host.ask(state) == b"1;+9.900000E+37;1;MOV;SWAP\n"


def test_reset_values_that_are_open() -> None:
    host = host_at(reset_filter_on=True, reset_delay_auto=False, reset_bandwidth=30.0)
    host.write("*RST")
    assert host.ask(":VOLT:AVER:STAT?;:TRIG:DEL:AUTO?;:VOLT:AC:DET:BAND?") == b"1;0;30\n"


def test_save_recall_and_power_on_setup() -> None:
    host = one_shot()
    host.write(":VOLT:NPLC 5", "*SAV 0", "*RST")
    assert host.ask(":VOLT:NPLC?") == b"1\n"
    host.write("*RCL 0")
    assert host.ask(":VOLT:NPLC?") == b"5\n"
    host.write(":VOLT:NPLC 2", ":SYST:POS SAV0")
    host.twin.power_cycle()
    assert host.ask(":VOLT:NPLC?;*ESR?") == b"5;128\n"


def test_local_commands_over_gpib() -> None:
    quiet, strict = one_shot(), one_shot(local_on_gpib_error=True)
    for host, codes in ((quiet, []), (strict, [-221])):
        host.write(":SYST:LOC")
        assert host.errors() == codes


def test_colon_before_a_common_command() -> None:
    for allowed in (True, False):
        host = host_at(colon_before_common=allowed)
        host.write(":*CLS")
        assert (host.errors() == []) is allowed
