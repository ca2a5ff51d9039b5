import math
from dataclasses import replace

import pytest

from drivers import link
from drivers.errors import (
    InstrumentTimeout,
    OutputStateUnknown,
    PowerCycled,
    RefusedByDriver,
    RefusedByInstrument,
    SettingNotTaken,
    UnexpectedReply,
    WrongInstrument,
)
from drivers.keithley2400.driver import Keithley2400, SmuLimits, SmuSettings, SmuStatus
from drivers.keithley2400.messages import list_sweep_table, objections, parse_reading, rounded_level
from tests.support.keithley2400 import (
    AFTER_SWEEP,
    CONNECT,
    FRESH_OFF,
    KEPT,
    NO_ERROR,
    OFF,
    ON,
    RAMP,
    READING,
    SETTINGS,
    START,
    SWEEP,
    TABLE,
    ZERO,
    configuring,
    energised,
)


def replacing(command, reply):
    return [(c, v, reply if c == command else r) for c, v, r in TABLE]


RUNNING = [CONNECT, *configuring(), *ON]


@pytest.fixture
def running(transcript):
    """A function: a configured instrument with its output on, then the given exchanges."""

    def open_it(*pairs, **kwargs):
        return transcript(Keithley2400, [*RUNNING, *pairs], **kwargs)

    return open_it


def test_connecting_touches_nothing_but_the_reply_format(transcript):
    with transcript(Keithley2400, [CONNECT]):
        pass


@pytest.mark.parametrize("model", ["MODEL 2400", "MODEL 2401", "MODEL 2400-C"])
def test_identity(transcript, model):
    reply = f"KEITHLEY INSTRUMENTS INC.,{model},1248014,C30   Mar 17 2006 09:29:29/A02  /K/J"
    with transcript(Keithley2400, [CONNECT, ("*IDN?", reply)]) as smu:
        identity = smu.identify()
    assert identity.serial == "1248014"
    assert identity.firmware == "C30   Mar 17 2006 09:29:29/A02  /K/J"


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        ("KEITHLEY INSTRUMENTS INC.,MODEL 2000,1053308,A19  /A02", WrongInstrument),
        ("KEITHLEY INSTRUMENTS INC.,MODEL 2410,1,C30", WrongInstrument),
        ("HEWLETT-PACKARD,34401A,0,11-5-2", WrongInstrument),
        ("2400", UnexpectedReply),
    ],
)
def test_another_instrument(transcript, reply, error):
    with transcript(Keithley2400, [CONNECT, ("*IDN?", reply)]) as smu, pytest.raises(error):
        smu.identify()


def test_configure_writes_everything_and_reads_it_back(transcript):
    with transcript(Keithley2400, [CONNECT, *configuring()]) as smu:
        smu.configure(SETTINGS)
        record = smu.settings()
    assert record["compliance"] == 0.025
    assert record["measure_range"] == 0.105
    assert record["source_range"] == 21.0
    assert record["four_wire"] is True
    assert record["terminals"] == "FRON"


def test_configure_clears_the_device_and_allows_for_the_reading_time(transcript):
    with transcript(Keithley2400, [CONNECT, *configuring()]) as smu:
        smu.configure(SETTINGS)
        assert smu.adapter.connection.clear.called
        assert 2 + SETTINGS.time_per_point < smu.reading_patience < 2.1 + SETTINGS.time_per_point


def test_configure_a_current_source_with_autorange_filter_and_protection(transcript):
    settings = SmuSettings(
        source="current",
        max_level=0.5e-3,
        compliance=8,
        measure_range_lower_limit=2,
        nplc=0.1,
        autozero=False,
        terminals="rear",
        line_frequency=60,
        output_off_state="high_impedance",
        over_voltage_protection=20,
        filter_count=5,
    )
    changed = {
        ":SYST:LFR": ("60", "60"),
        ":SYST:AZER:STAT": ("OFF", "0"),
        ":SYST:RSEN": ("OFF", "0"),
        ":ROUT:TERM": ("REAR", "REAR"),
        ":OUTP:SMOD": ("HIMP", "HIMP"),
        ":SOUR:FUNC": ("CURR", "CURR"),
        ":SENS:AVER:COUN": ("5", "5"),
        ":SENS:AVER:STAT": ("ON", "1"),
        ":TRIG:DEL": ("0", "0.000000E+00"),
    }
    replaced = {
        ":SOUR:VOLT:MODE": [(":SOUR:CURR:MODE", "FIX", "FIX")],
        ":SOUR:VOLT:RANG": [(":SOUR:CURR:RANG", "0.001", "1.05E-3")],
        ":SOUR:CLE:AUTO": [(":SOUR:CLE:AUTO", "OFF", "0"), (":SOUR:VOLT:PROT", "20", "20")],
        ":SENS:CURR:PROT": [(":SENS:VOLT:PROT", "8", "8.0")],
        ":SENS:CURR:RANG": [(":SENS:VOLT:RANG:AUTO", "ON", "1"), (":SENS:VOLT:RANG:AUTO:LLIM", "2", "2.1")],
        ":SENS:CURR:NPLC": [(":SENS:VOLT:NPLC", "0.1", "0.10")],
    }
    table = [
        row
        for command, value, reply in TABLE
        for row in replaced.get(command, [(command, *changed.get(command, (value, reply)))])
    ]
    pairs = [CONNECT, *configuring(table), (":SOUR:CURR 0", None), (":SOUR:CURR?", "0"), (":OUTP ON", None)]
    with transcript(Keithley2400, [*pairs, (":OUTP?", "1"), KEPT, (":SOUR:CURR 0.00025;:READ?", READING)]) as smu:
        energised(smu, settings)
        smu.trigger(250.01e-6)
        smu.read()
        assert smu.level == pytest.approx(250e-6)


@pytest.mark.parametrize(
    ("command", "reply"),
    [
        (":SENS:CURR:PROT", "1.050000E-04"),
        (":SOUR:FUNC", "CURR"),
        (":SENS:CURR:RANG", "1.050000E+00"),
        (":SENS:CURR:RANG", "1.050000E-02"),
        (":SENS:FUNC", '"CURR:DC"'),
        (":SYST:RSEN", "0"),
        (":TRIG:DEL", "nonsense"),
    ],
)
def test_a_setting_that_reads_back_differently(transcript, command, reply):
    with transcript(Keithley2400, [CONNECT, *configuring(replacing(command, reply))]) as smu:
        with pytest.raises(SettingNotTaken) as caught:
            smu.configure(SETTINGS)
        assert [difference[::2] for difference in caught.value.differences] == [(command, reply)]
        with pytest.raises(RefusedByDriver, match="not configured"):
            smu.output_on()


def test_errors_queued_by_a_setting(transcript):
    pairs = configuring()
    pairs[pairs.index(NO_ERROR) :] = [
        (":SYST:ERR?", '+824,"Cannot exceed compliance range"'),
        (":SYST:ERR?", '-222,"Parameter data out of range"'),
        NO_ERROR,
    ]
    refused = pytest.raises(RefusedByInstrument, match="Cannot exceed compliance range")
    with transcript(Keithley2400, [CONNECT, *pairs]) as smu, refused as caught:
        smu.configure(SETTINGS)
    assert [error.code for error in caught.value.errors] == [824, -222]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"max_level": 10.5}, "largest level"),
        ({"max_level": -1.0}, "largest level"),
        ({"max_level": math.nan}, "largest level"),
        ({"compliance": 0.2}, "compliance"),
        ({"nplc": 11}, "nplc"),
        ({"filter_count": 0}, "filter count"),
        ({"settling_time": -1}, "settling time"),
        ({"over_voltage_protection": 30}, "over-voltage"),
        ({"measure_range": 1.0}, "measure range"),
        ({"measure_range": None, "measure_range_lower_limit": 1.0}, "measure range"),
    ],
)
def test_settings_beyond_a_limit_are_not_sent(transcript, change, reason):
    settings = SmuSettings(**{**vars(SETTINGS), **change})
    limits = SmuLimits(voltage=10, current=0.1)
    with transcript(Keithley2400, [CONNECT], limits=limits) as smu, pytest.raises(RefusedByDriver, match=reason):
        smu.configure(settings)


def test_power_envelope():
    wide = SmuLimits()
    assert objections(SmuSettings("voltage", max_level=100, compliance=0.2), wide)
    assert objections(SmuSettings("current", max_level=0.5, compliance=30), wide)
    assert not objections(SmuSettings("voltage", max_level=20, compliance=1), wide)
    assert objections(SmuSettings("voltage", max_level=300, compliance=0.1), SmuLimits(voltage=1000))


def test_the_source_range_can_be_kept_coarse():
    assert SmuSettings("voltage", max_level=1.5, compliance=0.01).source_range == 2
    assert SmuSettings("voltage", max_level=1.5, compliance=0.01, smallest_source_range=20).source_range == 20
    assert SmuSettings("voltage", max_level=25, compliance=0.01, smallest_source_range=20).source_range == 200
    coarse = SmuSettings("voltage", max_level=1.5, compliance=0.2, smallest_source_range=200)
    assert objections(coarse, SmuLimits()) == ["the 200 V range allows a compliance of at most 105 mA"]
    assert objections(SmuSettings("voltage", max_level=1, compliance=0.1, smallest_source_range=300), SmuLimits())


@pytest.mark.parametrize(("wanted", "told"), [(0.05, 0.05), (0.01234567, 0.0124), (1e-6, 1e-4), (999.0, 999.0)])
def test_the_settling_time_is_told_in_steps_the_instrument_has(wanted, told):
    settings = SmuSettings("voltage", max_level=1, compliance=0.01, settling_time=wanted)
    assert settings.trigger_delay == pytest.approx(told)


def test_a_point_is_one_message(running):
    with running((":SOUR:VOLT 3;:READ?", READING)) as smu:
        energised(smu).trigger(3.0001)
        reading = smu.read()
    assert reading.voltage == 3.000012
    assert reading.current == 9.4123e-08
    assert reading.time == 72.826
    assert reading.status == SmuStatus(22532)
    assert not reading.in_compliance
    assert smu.level == 3.0


def test_sampling_at_the_same_level(running):
    with running((":SOUR:VOLT -3", None), (":READ?", READING), (":READ?", READING)) as smu:
        energised(smu).set_level(-3)
        for _ in range(2):
            smu.trigger_same_level()
            assert smu.read().voltage == 3.000012


@pytest.mark.parametrize("level", [8.001, -8.001, math.nan, math.inf])
def test_a_level_beyond_the_planned_one_is_not_sent(running, level):
    with running() as smu:
        energised(smu)
        with pytest.raises(RefusedByDriver, match="the limit is 8"):
            smu.trigger(level)
        with pytest.raises(RefusedByDriver, match="the limit is 8"):
            smu.set_level(level)
        with pytest.raises(RefusedByDriver):
            smu.source_voltage = level


def test_nothing_is_triggered_with_the_output_off(transcript):
    with transcript(Keithley2400, [CONNECT, *configuring()]) as smu:
        smu.configure(SETTINGS)
        for trigger in (lambda: smu.trigger(1.0), smu.trigger_same_level, smu.start_sweep):
            with pytest.raises(RefusedByDriver, match="output is off"):
                trigger()


def test_one_reading_at_a_time(running):
    with running((":SOUR:VOLT 1;:READ?", READING)) as smu:
        energised(smu)
        with pytest.raises(RefusedByDriver, match="no reading was triggered"):
            smu.read()
        smu.trigger(1)
        for meddle in (lambda: smu.trigger(2), lambda: smu.set_level(2), smu.trigger_same_level):
            with pytest.raises(RefusedByDriver, match="not collected"):
                meddle()
        with pytest.raises(RefusedByDriver, match="a measurement is running"):
            smu.error_queue()
        smu.read()


@pytest.mark.parametrize(
    ("level", "step", "bound", "sent"),
    [(3.0001, 5e-4, 8, 3.0), (7.9999, 5e-4, 8, 8.0), (0.12349, 5e-6, 0.12349, 0.12349), (1.00026, 5e-4, 1.0003, 1.0),
     (-1.00026, 5e-4, 1.0003, -1.0), (-0.0001, 5e-4, 8, 0.0)],
)  # fmt: skip
def test_levels_are_rounded_to_the_source_step(level, step, bound, sent):
    assert rounded_level(level, step, bound) == pytest.approx(sent, abs=1e-12)


def test_overflow_and_unmeasured_values_are_nan():
    reading = parse_reading(["+9.900000E+37", "+9.910000E+37", "0", "+1.0E+00", "+1.700000E+01"])
    assert math.isnan(reading.voltage)
    assert math.isnan(reading.current)
    assert reading.over_range


@pytest.mark.parametrize(("word", "clamped"), [(22532, False), (22540, True), (88068, True), (22548, False)])
def test_compliance_of_either_kind(word, clamped):
    assert parse_reading(["0", "0", "0", "0", str(word)]).in_compliance is clamped


def test_status_word_of_the_manual():
    expected = (
        SmuStatus.FRONT_TERMINALS
        | SmuStatus.AUTO_OHMS
        | SmuStatus.VOLTAGE_MEASURED
        | SmuStatus.CURRENT_MEASURED
        | SmuStatus.RESISTANCE_MEASURED
        | SmuStatus.CURRENT_SOURCE
    )
    assert SmuStatus(48132) == expected


@pytest.mark.parametrize("reply", ["", "1.0,2.0", "a,b,c,d,e", "0,0,0,0,inf", READING + ",1"])
def test_a_garbled_reading(running, reply):
    with running((":SOUR:VOLT 1;:READ?", reply)) as smu:
        energised(smu).trigger(1)
        with pytest.raises(UnexpectedReply, match="READ"):
            smu.read()


def test_a_reading_that_does_not_come_is_explained_by_the_error_queue(running):
    pairs = [
        (":SOUR:VOLT 1;:READ?", None),
        (None, "<nothing>"),
        (":SYST:ERR?", '+803,"Not permitted with OUTPUT off"'),
        NO_ERROR,
    ]
    with running(*pairs[:2], *OFF, *pairs[2:]) as smu:
        energised(smu).trigger(1)
        with pytest.raises(InstrumentTimeout) as caught:
            smu.read()
        smu.output_off()
        reason = smu.why_no_reading(caught.value)
    assert "the output went off by itself" in reason.what
    assert "Not permitted with OUTPUT off" in reason.what


@pytest.mark.parametrize(
    ("condition", "settings", "what"),
    [
        ("2048", SETTINGS, "though it answers now: the output went off by itself, or a message was lost"),
        ("0", SETTINGS, "though it answers now: the output went off by itself, or a message was lost"),
        ("6144", SETTINGS, "the output went off by itself during the run (too hot)"),
        ("0", replace(SETTINGS, interlock=True), "by itself during the run (the output enable line is open)"),
    ],
)
def test_a_reading_that_does_not_come_without_an_error(transcript, condition, settings, what):
    table = replacing(":OUTP:ENAB", "0")
    if settings.interlock:
        table = [(":OUTP:ENAB", "ON", "1") if row[0] == ":OUTP:ENAB" else row for row in TABLE]
    lost = [(":SOUR:VOLT 1;:READ?", None), (None, "<nothing>"), *OFF, NO_ERROR, (":STAT:MEAS:COND?", condition)]
    with transcript(Keithley2400, [CONNECT, *configuring(table), *ON, *lost]) as smu:
        energised(smu, settings).trigger(1)
        with pytest.raises(InstrumentTimeout) as caught:
            smu.read()
        smu.output_off()
        assert what in smu.why_no_reading(caught.value).what


def test_a_reading_that_was_overdue_can_be_taken_again_after_a_device_clear(running):
    with running((":SOUR:VOLT 1;:READ?", None), (None, "<nothing>"), (":SOUR:VOLT 1;:READ?", READING)) as smu:
        energised(smu).trigger(1)
        with pytest.raises(InstrumentTimeout):
            smu.read()
        smu.device_clear()
        smu.trigger(1)
        assert smu.read().voltage == 3.000012


def test_nothing_is_sent_when_a_reading_is_overdue(running):
    """The next message must be the one that makes the device safe."""
    with running((":SOUR:VOLT 1;:READ?", None), (None, "<nothing>")) as smu:
        energised(smu).trigger(1)
        with pytest.raises(InstrumentTimeout) as caught:
            smu.read()
    assert "no reply" in str(caught.value)


def test_output_on_needs_level_zero(transcript):
    with transcript(
        Keithley2400, [CONNECT, *configuring(), (":SOUR:VOLT 0", None), (":SOUR:VOLT?", "3.000000E+00")]
    ) as smu:
        smu.configure(SETTINGS)
        with pytest.raises(SettingNotTaken):
            smu.output_on()


def test_output_blocked_by_the_interlock(transcript):
    refused = [(":OUTP?", "0"), *OFF, (":SYST:ERR?", '+802,"OUTPUT blocked by output enable"'), NO_ERROR]
    with transcript(Keithley2400, [CONNECT, *configuring(), *ON[:-2], *refused]) as smu:
        smu.configure(SETTINGS)
        with pytest.raises(RefusedByInstrument, match=r"blocked.*interlock"):
            smu.output_on()


AT_FIVE = (":SOUR:VOLT 5;:READ?", READING)


def at_five(smu):
    energised(smu).trigger(5)
    smu.read()
    return smu


def test_output_off_ramps_and_switches_in_one_message_then_asks(running):
    with running(AT_FIVE, (RAMP, None), (":OUTP?", "0")) as smu:
        at_five(smu).output_off()
        assert smu.level == 0


@pytest.mark.parametrize(("sent", "first"), [(3.0, "2.4"), (7.0, "4"), (-1.0, "0"), (0.0, "0")])
def test_a_level_that_was_sent_and_not_read_is_not_ramped_down_from(running, sent, first):
    """It may have been lost: the ramp begins below both the level of the last reading and this one."""
    ramp = {"2.4": RAMP_FROM_THREE, "4": RAMP, "0": OFF[0][0]}[first]
    with running(AT_FIVE, (f":SOUR:VOLT {sent:g};:READ?", None), (ramp, None), (":OUTP?", "0")) as smu:
        at_five(smu).trigger(sent)
        smu.output_off()


RAMP_FROM_THREE = ":SOUR:VOLT 2.4;:SOUR:VOLT 1.8;:SOUR:VOLT 1.2;:SOUR:VOLT 0.6;:SOUR:VOLT 0;:OUTP OFF"


def test_a_negative_level_ramps_up_to_plain_zero(running):
    ramp = ":SOUR:VOLT -1;:SOUR:VOLT 0"
    with running((":SOUR:VOLT?", "-2.000000E+00"), (ramp, None)) as smu:
        energised(smu).ramp_to_zero(steps=2)


@pytest.mark.parametrize("reply", ["CURR;:SOUR:VOLT 200", "", "MEM", "*RST"])
def test_no_reply_becomes_part_of_a_message(transcript, reply):
    with transcript(Keithley2400, [CONNECT, (":SOUR:FUNC?", reply)]) as smu, pytest.raises(UnexpectedReply):
        smu.ramp_to_zero()


def test_output_off_during_a_reading_clears_the_device_first(running):
    with running(AT_FIVE, (":READ?", None), (RAMP, None), (":OUTP?", "0")) as smu:
        at_five(smu).trigger_same_level()
        smu.adapter.connection.clear.reset_mock()
        smu.output_off()
        smu.adapter.connection.clear.assert_called_once_with()


def test_output_off_on_an_instrument_somebody_left_on(transcript):
    with transcript(Keithley2400, [CONNECT, *FRESH_OFF]) as smu:
        smu.output_off()


def test_output_off_tries_again_after_a_device_clear(running):
    with running(AT_FIVE, (RAMP, None), (":OUTP?", None), (None, "<nothing>"), *FRESH_OFF) as smu:
        at_five(smu).output_off()


@pytest.mark.parametrize("reply", ["1", "+3.0", "garbage", ""])
def test_output_off_tries_again_when_the_output_stays_on(running, reply):
    with running(OFF[0], (":OUTP?", reply), *FRESH_OFF) as smu:
        energised(smu).output_off()


@pytest.mark.parametrize("last", [[(":OUTP?", "1")], [(":OUTP?", None), (None, "<nothing>")], [(":OUTP?", "garbage")]])
def test_an_output_that_cannot_be_confirmed_off(running, last):
    with running(OFF[0], (":OUTP?", "1"), (ZERO, None), *last) as smu:
        energised(smu)
        with pytest.raises(OutputStateUnknown, match="MAY STILL BE ON"):
            smu.output_off()


def test_shutdown_is_output_off(running):
    with running(*OFF) as smu:
        energised(smu).shutdown()


def test_reset_forgets_the_settings(running):
    with running(("*RST", None)) as smu:
        energised(smu).reset()
        with pytest.raises(RefusedByDriver, match="not configured"):
            smu.output_on()


def test_limits_are_not_changed_while_the_output_is_on(running):
    with running(*OFF) as smu:
        energised(smu)
        with pytest.raises(RefusedByDriver):
            smu.limits = SmuLimits(voltage=200)
        smu.output_off()
        smu.limits = SmuLimits(voltage=5)
        with pytest.raises(RefusedByDriver, match="largest level"):
            smu.configure(SETTINGS)


def test_properties_measure_with_read(running):
    with running((":READ?", READING), (":READ?", READING), (":READ?", READING)) as smu:
        energised(smu)
        assert (smu.voltage, smu.current) == (3.000012, 9.4123e-08)
        assert smu.resistance == pytest.approx(3.000012 / 9.4123e-08)


FROM_TWO = OFF  # the level was sent, but no reading says that it is there


def test_properties_set_within_the_limits(running):
    exchanges = [
        (":SOUR:VOLT 2", None),
        (":SOUR:VOLT?", "2.0"),
        (":SENS:CURR:PROT 0.01", None),
        (":SENS:CURR:PROT?", "1.000000E-02"),
        (":SENS:VOLT:PROT?", "2.100000E+01"),
        (":SOUR:CURR?", "0"),
        (":OUTP?", "1"),
    ]
    with running(*exchanges, *FROM_TWO, limits=SmuLimits(voltage=10, current=0.1)) as smu:
        energised(smu)
        smu.source_voltage = 2
        assert smu.source_voltage == 2
        smu.compliance_current = 0.01
        assert smu.compliance_current == 0.01
        assert smu.compliance_voltage == 21
        for name, value in (("compliance_current", 0.11), ("compliance_voltage", 11), ("source_current", 1e-3)):
            with pytest.raises(RefusedByDriver):
                setattr(smu, name, value)
        assert smu.source_current == 0
        assert smu.source_enabled
        smu.source_enabled = False


def test_pymeasure_properties_still_work(transcript):
    with transcript(Keithley2400, [CONNECT, (":SENSE:CURRENT:NPLCYCLES?", "1.00"), (":SOURCE:DELAY?", "0.0")]) as smu:
        assert smu.current_nplc == 1
        assert smu.source_delay == 0


def test_states_and_errors(running):
    exchanges = [
        (":SENS:CURR:PROT:TRIP?", "1"),
        ("*TST?", "0"),
        (":ABOR", None),
        (":SYST:ERR?", '-113,"Undefined header"'),
        NO_ERROR,
    ]
    with running(*exchanges, connection_methods={"read_stb": 80}) as smu:
        energised(smu)
        assert smu.compliance_tripped
        assert smu.self_test()
        smu.abort()
        assert [str(error) for error in smu.error_queue()] == ["-113 Undefined header"]
        assert smu.serial_poll() == 80


def test_an_endless_error_queue_is_given_up(running):
    with running(*[(":SYST:ERR?", '-350,"Queue overflow"')] * 11) as smu:
        assert len(energised(smu).error_queue()) == 11


@pytest.mark.parametrize("reply", ["", "no error", '"0",0'])
def test_a_garbled_error_queue(running, reply):
    with running((":SYST:ERR?", reply)) as smu, pytest.raises(UnexpectedReply):
        energised(smu).error_queue()


def test_device_clear_on_a_serial_line_is_the_abort_character(transcript, serial_line):
    with transcript(Keithley2400, [CONNECT, (link.ABORT_CHARACTER, None)], connection_attributes=serial_line) as smu:
        smu.device_clear()
        assert not smu.adapter.connection.clear.called
        assert smu.adapter.connection.flush.called


def test_sweep_from_memory(running):
    readings = ",".join([READING] * 3)
    pairs = [*SWEEP, START, ("*OPC?", "1\n"), (":TRAC:DATA?", readings), *AFTER_SWEEP]
    with running(*pairs, connection_methods={"read_stb": 65}) as smu:
        energised(smu)
        duration = smu.program_sweep([0, 2, 4], 0.02, linked=True)
        smu.start_sweep()
        assert smu.sweep_finished()
        with pytest.raises(RefusedByDriver):
            smu.ask(":TRAC:POIN:ACT?")
        assert smu.poll_sweep(10)
        assert [reading.voltage for reading in smu.read_sweep()] == [3.000012] * 3
    assert duration == pytest.approx(3 * 0.1034, rel=0.01)


def test_a_long_list_goes_in_messages_the_input_buffer_holds():
    levels = [1.234567e-5 * n for n in range(-1000, 1000)]
    messages = list_sweep_table("current", levels, source_delay=0, linked=False, input_line=1, output_line=2)
    messages = [row if isinstance(row, str) else row.message for row in messages]
    lists = [message for message in messages if ":SOUR:LIST" in message]
    assert len(lists) == 20
    assert lists[0].startswith(":SOUR:LIST:CURR -")
    assert all(message.startswith(":SOUR:LIST:CURR:APP ") for message in lists[1:])
    assert max(map(len, messages)) < 2048
    assert ":TRIG:SOUR IMM" in messages


@pytest.mark.parametrize("levels", [[], [0, 8.1], [0] * 2501])
def test_a_sweep_beyond_the_limits_is_not_sent(running, levels):
    with running() as smu, pytest.raises(RefusedByDriver):
        energised(smu).program_sweep(levels, 0.02)


def test_a_linked_sweep_needs_a_fixed_range(transcript):
    autorange = [row for row in TABLE if row[0] != ":SENS:CURR:RANG"]
    autorange.insert(14, (":SENS:CURR:RANG:AUTO", "ON", "1"))
    with transcript(Keithley2400, [CONNECT, *configuring(autorange)]) as smu:
        smu.configure(SmuSettings(**{**vars(SETTINGS), "measure_range": None}))
        with pytest.raises(RefusedByDriver, match="autorange"):
            smu.program_sweep([0, 1], 0.02, linked=True)


READ_BACK = SWEEP[SWEEP.index(KEPT) + 1 :]


@pytest.mark.parametrize("lost", READ_BACK, ids=lambda pair: pair[0])
def test_a_sweep_is_not_started_when_one_of_its_settings_was_lost(running, lost):
    query, reply = lost
    other = "5" if reply.isdigit() else reply.replace("2.0", "2.1") if "2.0" in reply else "9.9"
    replies = [*SWEEP[: SWEEP.index(lost)], (query, other)]  # nothing more is asked then
    with running(*replies) as smu, pytest.raises(SettingNotTaken) as caught:
        energised(smu).program_sweep([0, 2, 4], 0.02, linked=True)
    assert caught.value.differences[0][0] == query[:-1]


@pytest.mark.parametrize("found", ["+0.000000E+00,+2.000000E+00", "+9.910000E+37"])
def test_a_list_of_another_length_is_not_started(running, found):
    with running(*SWEEP[:-1], (":SOUR:LIST:VOLT?", found)) as smu:
        with pytest.raises(SettingNotTaken, match="3 levels"):
            energised(smu).program_sweep([0, 2, 4], 0.02, linked=True)
        with pytest.raises(RefusedByDriver):
            smu.start_sweep()


def test_an_error_of_before_is_not_thrown_away_by_a_sweep(running):
    queued = [*SWEEP[: SWEEP.index(NO_ERROR)], (":SYST:ERR?", '-222,"Parameter data out of range"'), NO_ERROR]
    with running(*queued) as smu, pytest.raises(RefusedByInstrument, match="-222"):
        energised(smu).program_sweep([0, 2, 4], 0.02, linked=True)


def test_switched_off_and_on_before_the_output_goes_on(transcript):
    pairs = [CONNECT, *configuring(), *ON[:-1], ("*ESR?", "128"), *FRESH_OFF]
    with transcript(Keithley2400, pairs) as smu:
        smu.configure(SETTINGS)
        with pytest.raises(PowerCycled, match="switched off and on"):
            smu.output_on()


def test_switched_off_and_on_while_the_output_is_on(running):
    with running(("*ESR?", "128")) as smu:
        energised(smu)
        with pytest.raises(PowerCycled):
            smu.drain_errors()
        with pytest.raises(RefusedByDriver):
            smu.trigger(1.0)
