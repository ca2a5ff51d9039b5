"""No way past the limits: power, and every name that PyMeasure's class brings along."""

import math
import re
from contextlib import suppress
from typing import Generic

import pytest
from pymeasure.instruments import Instrument, SCPIMixin
from pymeasure.instruments.common_base import CommonBase
from pymeasure.instruments.keithley import Keithley2400 as PymeasureKeithley2400
from pymeasure.instruments.keithley.buffer import KeithleyBuffer

from drivers.errors import RefusedByDriver
from drivers.keithley2400.driver import Keithley2400, SmuLimits, SmuSettings
from drivers.keithley2400.messages import objections
from drivers.simulated.bench import SimulatedBenchOptions, build_simulated_bench

SETTINGS = SmuSettings(source="voltage", max_level=8.0, compliance=0.025, measure_range=0.025)
LIMITS = SmuLimits(voltage=10, current=0.05, power=0.25)


@pytest.fixture
def bench():
    """A simulated bench with a resistor of 1 kohm."""
    return build_simulated_bench(SimulatedBenchOptions({"load": "resistor", "resistance_ohm": 1e3}, noise=False))


@pytest.fixture
def sent(bench):
    """What arrives at the twin, byte for byte."""
    twin = bench.twins["GPIB0::24::INSTR"]
    arrived, receive = bytearray(), twin.receive

    def listen(data, *, end=False):
        arrived.extend(data)
        receive(data, end=end)

    twin.receive = listen
    return arrived


@pytest.fixture
def smu(bench, sent):
    """A source of at most 10 V, 50 mA and 0.25 W, at 5 V; nothing it was sent so far is in ``sent``."""
    source = Keithley2400("GPIB0::24::INSTR", visa_library=bench.library, limits=LIMITS)
    source.configure(SETTINGS)
    source.output_on()
    source.set_level(5.0)
    sent.clear()
    return source


# Power


@pytest.mark.parametrize(("power", "refused"), [(None, False), (math.inf, False), (0.2, False), (0.1999, True)])
def test_largest_level_times_compliance(power, refused):
    found = objections(SETTINGS, SmuLimits(10, 0.05, power))
    assert found == (["largest level x compliance is 0.2 W, the limit is 0.1999 W"] if refused else [])


def test_power_of_a_current_source():
    settings = SmuSettings("current", max_level=0.02, compliance=10)
    assert not objections(settings, SmuLimits(10, 0.05, 0.2))
    assert objections(settings, SmuLimits(10, 0.05, 0.19))


def test_settings_beyond_the_power_are_not_sent(smu, sent):
    with pytest.raises(RefusedByDriver, match=r"0\.32 W, the limit is 0\.25 W"):
        smu.configure(SmuSettings("voltage", max_level=8.0, compliance=0.04))
    assert not sent


@pytest.mark.parametrize(("compliance", "refused"), [(0.03125, False), (0.0313, True), (0.05, True)])
def test_a_compliance_beyond_the_power_at_the_largest_level(smu, sent, compliance, refused):
    if not refused:
        smu.compliance_current = compliance
        assert sent
        return
    with pytest.raises(RefusedByDriver, match=r"the limit is 0\.03125"):
        smu.compliance_current = compliance
    assert not sent


def test_no_power_at_level_zero(smu):
    smu.configure(SmuSettings("voltage", max_level=0.0, compliance=0.05))
    smu.compliance_current = 0.04
    assert smu.compliance_current == pytest.approx(0.04)


def test_the_other_compliance_is_bound_by_its_own_limit(smu):
    smu.compliance_voltage = 10
    with pytest.raises(RefusedByDriver, match="the limit is 10"):
        smu.compliance_voltage = 10.1


def test_no_compliance_without_settings(bench, sent):
    source = Keithley2400("GPIB0::24::INSTR", visa_library=bench.library, limits=LIMITS)
    sent.clear()
    with pytest.raises(RefusedByDriver, match="not configured"):
        source.compliance_current = 0.01
    assert not sent


def test_a_sweep_stays_below_the_level_that_the_power_was_checked_with(smu, sent):
    with pytest.raises(RefusedByDriver, match="the limit is 8"):
        smu.program_sweep([1.0, 8.1], 0.01)
    assert not sent


# PyMeasure's names

MEASURING = "decides how is measured, not what is put out"
TIMING = "decides when, not what is put out"
READS = "only reads"
BUFFER = "stores readings"
CHECKED = "every level goes through source_voltage, source_current or source_enabled"
UNCHECKED = "text as it is, unchecked as the class says"
PYTHON = "sends nothing by itself"
LOOKS = "display and sound"
STATUS = "status and error queue"

HARMLESS = {
    MEASURING: "auto_zero auto_zero_enabled auto_zero_once current_nplc current_range current_range_auto_enabled"
    " filter_count filter_enabled filter_state filter_type line_frequency line_frequency_auto"
    " line_frequency_auto_enabled repeat_filter_enabled reset_data_format resistance_nplc resistance_range"
    " resistance_range_auto_enabled voltage_nplc voltage_range voltage_range_auto_enabled",
    TIMING: "arm_count arm_input_line arm_output_event arm_output_line arm_source arm_timer clear_trigger"
    " disable_output_trigger disable_output_triggers output_trigger_on_external reset_trigger sample_continuously"
    " set_timed_arm set_trigger_counts source_delay source_delay_auto source_delay_auto_enabled start_buffer"
    " stop_buffer trigger_count trigger_delay trigger_immediately trigger_input_line trigger_on_bus"
    " trigger_on_external trigger_output_event trigger_output_line trigger_source",
    READS: "max_current max_resistance max_voltage maximums mean_current mean_resistance mean_voltage means"
    " min_current min_resistance min_voltage minimums standard_devs std_current std_resistance std_voltage",
    BUFFER: "buffer_data buffer_points config_buffer disable_buffer is_buffer_full reset_buffer wait_for_buffer",
    CHECKED: "enable_source disable_source ramp_to_current ramp_to_voltage",
    UNCHECKED: "binary_values read_binary_values read_bytes values write write_binary_values write_bytes",
    PYTHON: "BaseChannelCreator ChannelCreator MultiChannelCreator add_child check_get_errors check_set_errors control"
    " get_channel_pairs get_channels measurement remove_child setting wait_for",
    LOOKS: "beep display_enabled triad",
    STATUS: "check_errors clear complete error id next_error options status",
}
WHY_HARMLESS = {name: reason for reason, names in HARMLESS.items() for name in names.split()}
FOREIGN = [PymeasureKeithley2400, KeithleyBuffer, SCPIMixin, Instrument, CommonBase]

# Public name: what is tried with it
REFUSED = {
    "source_mode": "current",
    "source_voltage_range": 200,
    "source_voltage_range_auto_enabled": True,
    "source_current_range": 1,
    "source_current_range_auto_enabled": True,
    "auto_output_off": True,
    "auto_output_off_enabled": True,
    "output_off_state": "guard",
    "front_terminals_enabled": False,
    "wires": 4,
    "resistance_mode_auto_enabled": True,
    "apply_voltage": (),
    "apply_current": (),
    "auto_range_source": (),
    "measure_all": (),
    "measure_voltage": (),
    "measure_current": (),
    "measure_resistance": (),
    "use_front_terminals": (),
    "use_rear_terminals": (),
}


def overridden(name):
    return any(name in vars(part) for part in Keithley2400.__mro__ if part.__module__.startswith("drivers."))


def foreign_names():
    return sorted({name for part in FOREIGN for name in vars(part) if not name.startswith("_")})


def test_the_parents_are_those_that_were_looked_at():
    foreign = {part for part in Keithley2400.__mro__ if not part.__module__.startswith("drivers.")}
    assert foreign == {*FOREIGN, Generic, object}


@pytest.mark.parametrize("name", foreign_names())
def test_every_name_is_ours_or_refuses_or_is_harmless_for_a_reason(name):
    assert overridden(name) != (name in WHY_HARMLESS)


@pytest.mark.parametrize(("name", "tried"), REFUSED.items())
def test_what_would_pass_by_the_limits_is_refused_before_anything_is_sent(smu, sent, name, tried):
    with pytest.raises(RefusedByDriver, match=rf"{name}.*Use \w+"):
        getattr(smu, name)() if tried == () else setattr(smu, name, tried)
    assert not sent


def test_what_is_refused_may_still_be_read(smu):
    assert smu.source_mode == "voltage"
    assert smu.source_voltage_range == pytest.approx(21)
    assert smu.output_off_state == "normal"
    assert smu.wires == 2


@pytest.mark.parametrize("level", [8.001, -20.0, math.nan])
def test_ramps_of_pymeasure_stop_at_the_limit(smu, sent, level):
    with pytest.raises(RefusedByDriver, match="the limit is 8"):
        smu.ramp_to_voltage(level, steps=3, pause=0)
    with pytest.raises(RefusedByDriver, match="not configured as a current source"):
        smu.ramp_to_current(1e-3, steps=3, pause=0)
    levels = re.findall(rb":SOUR:VOLT ([-+.\dE]+)", bytes(sent))
    assert all(abs(float(level)) <= 8 for level in levels)


WHAT_IS_PUT_OUT = (
    ":OUTP?", ":OUTP:SMOD?", ":ROUT:TERM?", ":SYST:RSEN?", ":SOUR:CLE:AUTO?", ":SOUR:FUNC?", ":SOUR:VOLT:MODE?",
    ":SOUR:VOLT?", ":SOUR:VOLT:RANG?", ":SOUR:VOLT:RANG:AUTO?", ":SOUR:VOLT:PROT?", ":SOUR:CURR?", ":SOUR:CURR:RANG?",
    ":SOUR:CURR:RANG:AUTO?", ":SENS:CURR:PROT?", ":SENS:VOLT:PROT?", ":SENS:RES:MODE?",
)  # fmt: skip
ARGUMENTS = {
    "beep": (100, 0), "triad": (100, 0), "set_timed_arm": (1,), "set_trigger_counts": (1, 2), "buffer_points": 10,
    "wait_for_buffer": (lambda: True, 60, 0), "ramp_to_current": (0, 1, 0), "ramp_to_voltage": (1, 1, 0),
}  # fmt: skip
VALUES = [True, 1, 10, 0.1, 50, "ON", "REP", "immediate", "none"]


def tries(smu, name):
    """Uses of a harmless name: of a method, calling it; of a property, setting it to this and that."""
    if not isinstance(getattr(type(smu), name), property):
        yield lambda: getattr(smu, name)(*ARGUMENTS.get(name, ()))
        return
    for value in VALUES:
        yield lambda value=value: setattr(smu, name, value)


@pytest.mark.filterwarnings("ignore:.*Deprecated:FutureWarning")
@pytest.mark.parametrize("name", [name for name in WHY_HARMLESS if WHY_HARMLESS[name] in (MEASURING, TIMING, BUFFER)])
def test_what_is_called_harmless_leaves_alone_what_is_put_out(bench, smu, name):
    log = bench.twins["GPIB0::24::INSTR"].output_log
    before, changes = [smu.ask(query) for query in WHAT_IS_PUT_OUT], len(log)
    for attempt in tries(smu, name):
        with suppress(Exception):
            attempt()
        smu.device_clear()
    assert [smu.ask(query) for query in WHAT_IS_PUT_OUT] == before
    assert len(log) == changes
