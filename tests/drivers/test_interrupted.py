"""Drivers against twins that somebody else left in the middle of something: a killed program, Ctrl-C, a slow line."""

import pytest

from drivers import errors
from drivers.cs2000a import errors as refusals
from drivers.cs2000a.driver import CS2000A, SpectroradiometerSettings
from drivers.keithley2000.driver import DmmSettings, Keithley2000
from drivers.keithley2400.driver import Keithley2400, SmuLimits, SmuSettings
from drivers.simulated.bench import SimulatedBenchOptions, build_simulated_bench
from drivers.simulated.clock import VirtualClock
from drivers.simulated.faults import make_it_happen
from drivers.simulated.visa import SimulatedVisaLibrary

SETTINGS = SmuSettings(source="voltage", max_level=8.0, compliance=0.025)


def resources(bench):
    return list(bench.twins)[:2]


def source_meter(bench, **keywords):
    return Keithley2400(resources(bench)[0], visa_library=bench.library, **keywords)


def multimeter(bench):
    return Keithley2000(resources(bench)[1], visa_library=bench.library)


def spectroradiometer(bench):
    return CS2000A("ASRL3::INSTR", visa_library=bench.library)


def running(bench, **changes):
    smu = source_meter(bench)
    smu.configure(SmuSettings(**{**vars(SETTINGS), **changes}))
    smu.output_on()
    return smu


def levels(bench, since=0):
    return [change.level for change in bench.twins[resources(bench)[0]].output_log[since:] if change.output_on]


def test_a_source_that_a_killed_program_left_measuring_is_found_and_switched_off(bench):
    left = running(bench, settling_time=60)
    left.trigger(5.0)
    left.adapter.close()
    smu = source_meter(bench)
    assert smu.identify().model == "MODEL 2400"
    smu.output_off()
    assert not bench.twins[resources(bench)[0]].output_log[-1].output_on


@pytest.mark.parametrize("later", [0.5, 8.0])
def test_a_multimeter_that_a_killed_program_left_reading_answers_the_next_one(bench, later):
    left = multimeter(bench)
    left.configure(DmmSettings(range_=10, settling_time=7))
    left.trigger()
    bench.clock.advance(later)
    left.adapter.close()
    assert multimeter(bench).identify().model == "MODEL 2000"


@pytest.mark.parametrize("stop", ["abort", "reset"])
def test_a_reading_that_was_given_up_is_not_the_next_reply(bench, stop):
    smu = running(bench)
    smu.trigger(1.0)
    bench.clock.advance(1)
    getattr(smu, stop)()
    assert smu.ask(":SOUR:FUNC?") == "VOLT"
    assert smu.error_queue() == []


def test_a_multimeter_reading_that_was_given_up_is_not_the_next_reply(bench):
    meter = multimeter(bench)
    meter.configure(DmmSettings())
    meter.trigger()
    bench.clock.advance(5)
    meter.abort()
    assert meter.line_frequency == 50


def test_an_old_reply_is_not_taken_for_the_level_to_ramp_down_from(bench):
    smu = running(bench)
    smu.set_level(2.0)
    before = len(bench.twins[resources(bench)[0]].output_log)
    smu.adapter.write(":SOUR:VOLT:RANG?")  # Ctrl-C, and nobody reads the 21 V
    smu.output_off()
    assert max(levels(bench, before)) < 2.0


def test_half_a_message_is_not_completed_by_switching_off():
    load = {"load": "resistor", "resistance_ohm": 1e3}
    options = SimulatedBenchOptions(load, noise=False, smu="ASRL1::INSTR", photodiode_meter="ASRL2::INSTR")
    bench = build_simulated_bench(options)
    smu = running(bench)
    smu.set_level(2.0)
    before = len(bench.twins["ASRL1::INSTR"].output_log)
    smu.adapter.write_bytes(b":SOUR:VOLT 8;:REA")
    smu.output_off()
    assert max(levels(bench, before)) < 2.0


def test_a_level_beyond_the_limits_goes_to_zero_at_once(bench):
    first = source_meter(bench)
    first.configure(SmuSettings(source="voltage", max_level=20, compliance=0.025))
    first.output_on()
    first.set_level(20)
    first.adapter.close()
    before = len(bench.twins[resources(bench)[0]].output_log)
    source_meter(bench, limits=SmuLimits(voltage=10)).output_off()
    assert levels(bench, before) in ([0.0], [])


class Trickling:
    """A line on which the rest of a reply still arrives 30 ms after the abort character."""

    service_request = False

    def __init__(self, clock):
        self.clock = clock
        self.out = bytearray()

    def receive(self, data, *, end=False):
        if b"\x03" in data:
            self.out += b"+3.0000"
            self.clock.call_after(0.03, lambda: self.out.extend(b"12E+00,+9.4"))
        elif data == b":OUTP?\r":
            self.clock.call_after(0.05, lambda: self.out.extend(b"0\r"))

    def transmit(self, limit=None):
        data = bytes(self.out)
        self.out.clear()
        return data, bool(data)


def test_the_rest_of_a_reply_that_is_still_on_the_line_is_waited_for():
    clock = VirtualClock()
    library = SimulatedVisaLibrary(clock, {"ASRL1::INSTR": Trickling(clock)})
    smu = Keithley2400("ASRL1::INSTR", visa_library=library)
    smu.device_clear()
    assert smu.ask(":OUTP?") == "0"


@pytest.mark.parametrize("settling_time", [1.0, 10.0, 999.0])
def test_autorange_after_a_long_settling_time_is_waited_for(bench, settling_time):
    meter = multimeter(bench)
    meter.configure(DmmSettings(settling_time=settling_time))
    meter.trigger()
    assert not meter.read().overflow


def test_a_reading_is_overdue_after_two_seconds_whatever_the_time_out_says():
    bench = build_simulated_bench(SimulatedBenchOptions({"load": "open_circuit"}, noise=False))
    smu = source_meter(bench, timeout=20.0)
    smu.configure(SETTINGS)
    assert smu.reading_patience == pytest.approx(2.0 + SETTINGS.longest_reading, abs=0.05)
    assert source_meter(bench, timeout=0.5).reading_patience == pytest.approx(0.5)
    meter = CS2000A("ASRL3::INSTR", visa_library=bench.library, timeout=20.0)
    meter.identify()
    meter.configure(SpectroradiometerSettings())
    assert meter.adapter.patience == 20.0


def trickling(bench, instrument, *, trickles=True):
    """Have the replies of an instrument trickle in from now on, or no more."""
    bench.library.twins[instrument.adapter.resource_name].trickles = trickles
    return bench.clock.now()


def ask_often(smu):
    for _ in range(100):
        smu.require_power_kept()


def ask_and_read(smu):
    for _ in range(6):
        smu.require_power_kept()
    smu.trigger(1.0)
    smu.read()


@pytest.mark.parametrize(
    "doing",
    [ask_often, ask_and_read, lambda smu: smu.program_sweep([0.0, 1.0, 2.0], 0.0)],
)
def test_replies_that_are_late_one_after_the_other_share_the_time_of_one(bench, doing):
    make_it_happen(bench)
    smu = running(bench)
    began = trickling(bench, smu)
    with pytest.raises(errors.InstrumentTimeout, match=r"after replies that were \d\.?\d* s late in total"):
        doing(smu)
    assert 1.0 < bench.clock.now() - began < 4.0


def test_a_multimeter_whose_replies_trickle_in_is_overdue_before_its_buffer_is_armed(bench):
    make_it_happen(bench)
    meter = multimeter(bench)
    meter.configure(DmmSettings())
    began = trickling(bench, meter)
    with pytest.raises(errors.InstrumentTimeout, match="in total"):
        meter.arm_buffer(10)
    assert 1.0 < bench.clock.now() - began < 4.0


def test_a_reply_in_time_gives_the_next_one_its_whole_time(bench):
    make_it_happen(bench)
    smu = running(bench)
    whole = smu.reading_patience
    for _ in range(20):
        trickling(bench, smu)
        smu.require_power_kept()
        assert smu.reading_patience < whole - 0.1
        trickling(bench, smu, trickles=False)
        smu.require_power_kept()
        assert smu.reading_patience == whole


def test_once_the_output_is_off_lateness_is_forgotten(bench):
    make_it_happen(bench)
    smu = running(bench)
    whole = smu.reading_patience
    trickling(bench, smu)
    with pytest.raises(errors.InstrumentTimeout):
        ask_often(smu)
    smu.output_off()
    assert smu.reading_patience == whole


@pytest.mark.parametrize("seconds_ago", [0.5, 20.0, 100.0, 251.0])
def test_a_measurement_that_a_killed_program_left_running_is_cancelled(bench, seconds_ago):
    left = spectroradiometer(bench)
    left.identify()
    left.configure(SpectroradiometerSettings())
    left.trigger()
    bench.clock.advance(seconds_ago)
    left.adapter.close()
    meter = spectroradiometer(bench)
    assert meter.identify().model == "CS-2000A"
    meter.configure(SpectroradiometerSettings())
    with pytest.raises(refusals.NoSpectrum):
        meter.read_spectrum()
