import math
from dataclasses import replace

import pytest

from drivers.errors import (
    InstrumentTimeout,
    PowerCycled,
    RefusedByDriver,
    RefusedByInstrument,
    SettingNotTaken,
    UnexpectedReply,
    WrongInstrument,
)
from drivers.keithley2000.driver import DmmSettings, Keithley2000, parse_reading
from tests.support.keithley2000 import AFTER_BUFFER, NO_ERROR, SETTINGS, TABLE, buffering, configuring, ready


@pytest.fixture
def configured(transcript):
    """A function: a configured meter, then the given exchanges."""

    def open_it(*pairs, **kwargs):
        return transcript(Keithley2000, [*configuring(), *pairs], **kwargs)

    return open_it


def test_connecting_sends_nothing(transcript):
    with transcript(Keithley2000, []):
        pass


def test_identity(transcript):
    with transcript(Keithley2000, [("*IDN?", "KEITHLEY INSTRUMENTS INC.,MODEL 2000,1053308,A19  /A02")]) as dmm:
        identity = dmm.identify()
    assert (identity.model, identity.serial, identity.firmware) == ("MODEL 2000", "1053308", "A19  /A02")


@pytest.mark.parametrize(
    ("reply", "error"),
    [("KEITHLEY INSTRUMENTS INC.,MODEL 2400,1,C30", WrongInstrument), ("FLUKE 8842A", UnexpectedReply)],
)
def test_another_instrument(transcript, reply, error):
    with transcript(Keithley2000, [("*IDN?", reply)]) as dmm, pytest.raises(error):
        dmm.identify()


@pytest.mark.parametrize(("wanted", "told"), [(0.05, 0.05), (0.0125, 0.013), (1e-6, 1e-3), (999.0, 999.0)])
def test_the_settling_time_is_told_in_steps_the_meter_has(wanted, told):
    assert DmmSettings(settling_time=wanted).trigger_delay == pytest.approx(told)


def test_configure_stops_continuous_measuring_first_and_reads_back(configured):
    with configured() as dmm:
        record = ready(dmm).settings()
        assert 2 + SETTINGS.time_per_reading(50) < dmm.reading_patience < 2.1 + SETTINGS.time_per_reading(50)
    assert record["range"] == 10
    assert record["filter"] is False
    assert record["front_terminals"] is True
    assert record["line_frequency"] == 50


def test_configure_current_with_autorange_and_filter(transcript):
    settings = DmmSettings("current", nplc=10, autozero=False, filter_count=4, digits=6)
    changed = {
        ":SYST:AZER:STAT": ("OFF", "0"),
        ":SENS:FUNC": ("'CURR:DC'", '"CURR:DC"'),
        ":SENS:VOLT:DC:NPLC": ("10", "10.00"),
        ":SENS:VOLT:DC:DIG": ("6", "6"),
        ":SENS:VOLT:DC:AVER:COUN": ("4", "4"),
        ":SENS:VOLT:DC:AVER:STAT": ("ON", "1"),
        ":TRIG:DEL": ("0", "0"),
    }
    rows = [(command, *changed.get(command, (value, reply))) for command, value, reply in TABLE]
    rows[2] = (":SENS:VOLT:DC:RANG:AUTO", "ON", "1")
    rows = [(command.replace("SENS:VOLT", "SENS:CURR"), value, reply) for command, value, reply in rows]
    with transcript(Keithley2000, configuring(rows, line_frequency="60")) as dmm:
        dmm.configure(settings)
        once = replace(settings, filter_count=1).time_per_reading(60)
        longest = 2 * settings.time_per_reading(60) + 3 * once  # four ranges; a filter that begins anew
        assert 2 + longest < dmm.reading_patience < 2.1 + 1.02 * longest


def test_current_from_the_rear_is_refused(transcript):
    rows = [(command.replace("SENS:VOLT", "SENS:CURR"), value, reply) for command, value, reply in TABLE]
    rows[1] = (":SENS:FUNC", "'CURR:DC'", '"CURR:DC"')
    rows[2] = (":SENS:CURR:DC:RANG", "0.01", "0.01")
    pairs = configuring(rows, front="0")
    with transcript(Keithley2000, pairs[: pairs.index((":SYST:FRSW?", "0")) + 1]) as dmm:
        with pytest.raises(RefusedByDriver, match="front"):
            dmm.configure(DmmSettings("current", range_=0.005, settling_time=0.05))
        with pytest.raises(RefusedByDriver, match="not configured"):
            dmm.trigger()


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"range_": 1001}, "range"),
        ({"range_": math.nan}, "range"),
        ({"function": "current", "range_": 3.1}, "range"),
        ({"nplc": 0.001}, "nplc"),
        ({"filter_count": 101}, "filter count"),
        ({"settling_time": -0.1}, "settling time"),
        ({"digits": 8}, "digits"),
    ],
)
def test_settings_the_meter_does_not_have_are_not_sent(transcript, change, reason):
    with transcript(Keithley2000, []) as dmm, pytest.raises(RefusedByDriver, match=reason):
        dmm.configure(DmmSettings(**{**vars(SETTINGS), **change}))


@pytest.mark.parametrize(
    ("command", "reply"),
    [(":SENS:VOLT:DC:RANG", "100"), (":SENS:VOLT:DC:AVER:STAT", "1"), (":SENS:FUNC", '"CURR:DC"'), (":TRIG:DEL", "")],
)
def test_a_setting_that_reads_back_differently(transcript, command, reply):
    table = [(c, v, reply if c == command else r) for c, v, r in TABLE]
    with transcript(Keithley2000, configuring(table)[:-1]) as dmm:
        with pytest.raises(SettingNotTaken, match=command):
            dmm.configure(SETTINGS)
        assert dmm.settings() == {}


def test_errors_queued_by_a_setting(transcript):
    pairs = configuring()
    pairs[pairs.index(NO_ERROR) :] = [(":SYST:ERR?", '-221,"Settings conflict"'), NO_ERROR]
    with transcript(Keithley2000, pairs) as dmm, pytest.raises(RefusedByInstrument, match="Settings conflict"):
        dmm.configure(SETTINGS)


def test_a_reading(configured):
    with configured((":READ?", "+2.34567890E-03"), (":READ?", "-1.0E-06")) as dmm:
        ready(dmm).trigger()
        assert dmm.read().value == 2.3456789e-3
        dmm.trigger()
        assert dmm.read().value == -1e-6


@pytest.mark.parametrize("reply", ["+9.9E37", "+9.90000000E+37", "-9.9E37"])
def test_overflow_is_nan_and_flagged(reply):
    reading = parse_reading(reply)
    assert math.isnan(reading.value)
    assert reading.overflow


def test_one_reading_at_a_time(configured):
    with configured((":READ?", "+1.0E+00")) as dmm:
        with pytest.raises(RefusedByDriver, match="no reading was triggered"):
            ready(dmm).read()
        dmm.trigger()
        with pytest.raises(RefusedByDriver, match="not collected"):
            dmm.trigger()
        with pytest.raises(RefusedByDriver, match="measurement is running"):
            dmm.error_queue()
        assert not dmm.read().overflow


@pytest.mark.parametrize("reply", ["", "OFLO", "1.0,2.0", "+1.2345", "+1.23456789E", "+1.23456789E-0", "E-04"])
def test_a_garbled_reading(configured, reply):
    with configured((":READ?", reply)) as dmm:
        ready(dmm).trigger()
        with pytest.raises(UnexpectedReply, match="READ"):
            dmm.read()


def test_a_reading_that_does_not_come_is_explained_by_the_error_queue(configured):
    with configured((":READ?", None), (None, "<nothing>"), (":SYST:ERR?", '-213,"Init ignored"'), NO_ERROR) as dmm:
        ready(dmm).trigger()
        with pytest.raises(InstrumentTimeout) as caught:
            dmm.read()
        assert "Init ignored" in str(dmm.why_no_reading(caught.value))


def test_a_reading_that_does_not_come_without_explanation(configured):
    with configured((":READ?", None), (None, "<nothing>"), NO_ERROR, (":READ?", "+1.0E+00")) as dmm:
        ready(dmm).trigger()
        with pytest.raises(InstrumentTimeout) as caught:
            dmm.read()
        assert dmm.why_no_reading(caught.value) is caught.value
        dmm.trigger()
        assert dmm.read().value == 1


def test_configuring_again_drops_a_pending_reading(configured):
    with configured((":READ?", None), *configuring()) as dmm:
        ready(dmm).trigger()
        dmm.configure(SETTINGS)
        dmm.adapter.connection.clear.assert_called_once_with()


def test_shutdown_leaves_the_meter_idle(configured):
    with configured((":READ?", None), (":ABOR", None)) as dmm:
        ready(dmm).trigger()
        dmm.shutdown()
        assert dmm.adapter.connection.clear.called


def test_states(transcript):
    pairs = [("*TST?", "1"), (":SYST:FRSW?", "0"), (":SYST:LFR?", "60"), (":STAT:OPER:COND?", "32")]
    with transcript(Keithley2000, pairs, connection_methods={"read_stb": 1}) as dmm:
        assert not dmm.self_test()
        assert not dmm.front_terminals
        assert dmm.line_frequency == 60
        assert dmm.waiting_for_trigger
        assert dmm.serial_poll() == 1


def test_pymeasure_properties_still_work(transcript):
    with transcript(Keithley2000, [(":SENS:VOLT:NPLC?", "1.00"), (":CONF?", '"VOLT:DC"')]) as dmm:
        assert dmm.voltage_nplc == 1
        assert dmm.mode == "voltage"


@pytest.mark.parametrize(("trigger", "source"), [("external", "EXT"), ("bus", "BUS")])
def test_readings_into_the_buffer(configured, trigger, source):
    pairs = [
        *buffering(source),
        (":STAT:OPER:COND?", "32"),
        (":STAT:MEAS?", "32"),
        (":STAT:MEAS?", "928"),
        (":TRAC:FREE?", "15312,48"),
        (":TRAC:DATA?", "+1.0E-03,+9.9E37,-1.0E-03"),
        *AFTER_BUFFER,
    ]
    with configured(*pairs) as dmm:
        ready(dmm).arm_buffer(3, trigger)
        assert not dmm.buffer_full()
        assert dmm.buffer_full()
        readings = dmm.read_buffer()
    assert [reading.overflow for reading in readings] == [False, True, False]
    assert readings[2].value == -1e-3


def test_a_burst_needs_no_triggers(configured):
    with configured(*buffering("IMM")) as dmm:
        ready(dmm).arm_buffer(3, "immediate")


def test_a_meter_that_does_not_wait_for_triggers(configured):
    pairs = [*buffering("EXT"), (":STAT:OPER:COND?", "1024"), (":SYST:ERR?", '-213,"Init ignored"'), NO_ERROR]
    with configured(*pairs) as dmm, pytest.raises(RefusedByInstrument, match="Init ignored"):
        ready(dmm).arm_buffer(3)


@pytest.mark.parametrize("points", [1, 1025])
def test_what_the_buffer_does_not_hold(configured, points):
    with configured() as dmm, pytest.raises(RefusedByDriver, match="buffer"):
        ready(dmm).arm_buffer(points)


KEPT = ("*ESR?", "0")
ARMING = buffering("EXT")[:-1]


@pytest.mark.parametrize("lost", ARMING[ARMING.index(KEPT) + 1 :], ids=lambda pair: pair[0])
def test_a_buffer_is_not_armed_when_one_of_its_settings_was_lost(configured, lost):
    replies = [*ARMING[: ARMING.index(lost)], (lost[0], "7")]  # nothing more is asked then
    with configured(*replies) as dmm, pytest.raises(SettingNotTaken) as caught:
        ready(dmm).arm_buffer(3)
    assert [command for command, _, _ in caught.value.differences] == [lost[0][:-1]]


def test_a_meter_that_was_switched_off_and_on_fills_no_buffer(configured):
    pairs = [*ARMING[: ARMING.index(KEPT)], ("*ESR?", "128")]
    with configured(*pairs) as dmm, pytest.raises(PowerCycled, match="switched off and on"):
        ready(dmm).arm_buffer(3)


def test_a_meter_that_was_switched_off_and_on_reads_no_more(configured):
    with configured(("*ESR?", "128")) as dmm:
        ready(dmm)
        with pytest.raises(PowerCycled):
            dmm.drain_errors()
        with pytest.raises(RefusedByDriver):
            dmm.trigger()
