"""Every public name of every driver: in what state of the instrument it is used, and how."""

from drivers.cs2000a.driver import CS2000A, SpectroradiometerSettings
from drivers.hmp110.driver import HMP110
from drivers.keithley2000.driver import DmmSettings, Keithley2000
from drivers.keithley2400.driver import Keithley2400, SmuLimits, SmuSettings
from drivers.simulated.bench import SimulatedBenchOptions, build_simulated_bench
from drivers.simulated.visa import SimulatedVisaLibrary

SMU, DMM, METER, PROBE = "GPIB0::24::INSTR", "GPIB0::16::INSTR", "ASRL3::INSTR", "ASRL4::INSTR"
SMU_SETTINGS = SmuSettings(source="voltage", max_level=8.0, compliance=0.025, measure_range=0.025)
DMM_SETTINGS = DmmSettings(range_=10)
METER_SETTINGS = SpectroradiometerSettings(external_nd="1/10")
LIMITS = SmuLimits(voltage=20, current=0.1)
MOST_OPERATIONS = 30_000  # of the VISA library: some 4000 for one flush of a line that never becomes quiet


class Damaged:
    """A twin whose replies are damaged on their way, each by the next of ``damages``."""

    def __init__(self, twin):
        self.twin = twin
        self.damages = iter(())
        self.sent = bytearray()
        self.replies = 0
        self._pending = None

    def __getattr__(self, name):
        return getattr(self.twin, name)

    def receive(self, data, *, end=False):
        self.sent += data
        self.twin.receive(data, end=end)

    def device_clear(self):
        self._pending = None
        self.twin.device_clear()

    def transmit(self, limit=None):
        if self._pending is None:
            reply, complete = self.twin.transmit()
            self.replies += complete
            self._pending = next(self.damages, unharmed)(reply) if complete else None
        if self._pending is None:
            return b"", False
        data, rest = self._pending[:limit], self._pending[len(self._pending[:limit]) :]
        self._pending = rest or None
        return data, not rest


def unharmed(reply):
    return reply


def energised(smu):
    smu.configure(SMU_SETTINGS)
    smu.output_on()
    smu.set_level(5.0)


def swept(smu):
    energised(smu)
    smu.program_sweep([0, 2, 4], 0.01)


def sweeping(smu):
    swept(smu)
    smu.start_sweep()


def sweep_over(smu):
    sweeping(smu)
    assert smu.poll_sweep(5)


def triggered(smu):
    energised(smu)
    smu.trigger(3.0)


def untouched(instrument):
    pass


def configured(meter):
    meter.configure(DMM_SETTINGS)


def reading(meter):
    configured(meter)
    meter.trigger()


def storing(meter):
    configured(meter)
    meter.arm_buffer(3, "immediate")


def introduced(meter):
    meter.identify()


def asked(probe):
    probe.trigger()


def measuring(meter):
    introduced(meter)
    meter.start()


def measured(meter):
    measuring(meter)
    meter.wait()


def setting(name, value):
    return lambda instrument: setattr(instrument, name, value)


# Public name: in what state it is used, and how; a name of its own means reading the property or calling it
SMU_METHODS = {
    "abort": (triggered, None),
    "ask": (untouched, lambda smu: smu.ask(":OUTP?")),
    "compliance_current": (energised, None),
    "compliance_current =": (energised, setting("compliance_current", 0.01)),
    "compliance_tripped": (energised, None),
    "compliance_voltage": (energised, None),
    "compliance_voltage =": (energised, setting("compliance_voltage", 10)),
    "configure": (untouched, lambda smu: smu.configure(SMU_SETTINGS)),
    "configure again": (triggered, lambda smu: smu.configure(SMU_SETTINGS)),
    "current": (energised, None),
    "device_clear": (triggered, None),
    "drain_errors": (energised, None),
    "error_queue": (energised, None),
    "identify": (untouched, None),
    "known_level": (energised, None),
    "level": (energised, None),
    "limits": (untouched, None),
    "limits =": (untouched, setting("limits", LIMITS)),
    "output_off": (energised, None),
    "output_off of another": (untouched, lambda smu: smu.output_off()),
    "output_on": (lambda smu: smu.configure(SMU_SETTINGS), None),
    "overdue": (triggered, None),
    "poll": (triggered, lambda smu: smu.poll(5)),
    "poll_sweep": (sweeping, lambda smu: smu.poll_sweep(5)),
    "program_sweep": (energised, lambda smu: smu.program_sweep([0, 2, 4], 0.01)),
    "raise_errors": (energised, lambda smu: smu.raise_errors("nothing")),
    "ramp_to_zero": (energised, None),
    "read": (triggered, None),
    "read_sweep": (sweep_over, None),
    "reading_patience": (triggered, None),
    "require_power_kept": (energised, lambda smu: smu.require_power_kept()),
    "reset": (triggered, None),
    "resistance": (energised, None),
    "self_test": (untouched, None),
    "serial_poll": (untouched, None),
    "set_level": (energised, lambda smu: smu.set_level(2)),
    "settings": (energised, None),
    "shutdown": (energised, None),
    "source_current": (energised, None),
    "source_current =": (energised, setting("source_current", 1e-3)),
    "source_enabled": (energised, None),
    "source_enabled =": (energised, setting("source_enabled", False)),
    "source_voltage": (energised, None),
    "source_voltage =": (energised, setting("source_voltage", 3)),
    "start_sweep": (swept, None),
    "stop_sweep": (sweeping, None),
    "sweep_finished": (sweeping, None),
    "trigger": (energised, lambda smu: smu.trigger(2.0)),
    "trigger_same_level": (energised, None),
    "voltage": (energised, None),
    "why_no_reading": (triggered, lambda smu: smu.why_no_reading(smu.overdue())),
}
DMM_METHODS = {
    "abort": (reading, None),
    "arm_buffer": (configured, lambda meter: meter.arm_buffer(3)),
    "ask": (untouched, lambda meter: meter.ask(":TRIG:COUN?")),
    "buffer_full": (storing, None),
    "configure": (untouched, lambda meter: meter.configure(DMM_SETTINGS)),
    "device_clear": (reading, None),
    "drain_errors": (configured, None),
    "error_queue": (configured, None),
    "front_terminals": (untouched, None),
    "identify": (untouched, None),
    "line_frequency": (untouched, None),
    "overdue": (reading, None),
    "poll": (reading, lambda meter: meter.poll(5)),
    "raise_errors": (configured, lambda meter: meter.raise_errors("nothing")),
    "read": (reading, None),
    "read_buffer": (storing, None),
    "reading_patience": (reading, None),
    "require_power_kept": (configured, lambda meter: meter.require_power_kept()),
    "self_test": (untouched, None),
    "serial_poll": (untouched, None),
    "settings": (configured, None),
    "shutdown": (reading, None),
    "trigger": (configured, None),
    "wait_for_buffer": (storing, lambda meter: meter.wait_for_buffer(5)),
    "waiting_for_trigger": (storing, None),
    "why_no_reading": (reading, lambda meter: meter.why_no_reading(meter.overdue())),
}
METER_METHODS = {
    "cancel": (measuring, None),
    "colorimetry": (measured, None),
    "conditions": (measured, None),
    "configure": (introduced, lambda meter: meter.configure(METER_SETTINGS)),
    "expected_duration": (measuring, None),
    "exposing": (measuring, None),
    "exposure_times": (measured, None),
    "identify": (untouched, None),
    "local": (introduced, None),
    "measuring_angle": (introduced, None),
    "poll": (measuring, lambda meter: [meter.poll(5) for _ in range(9)]),
    "poll from the start": (introduced, lambda meter: (meter.trigger(), [meter.poll(5) for _ in range(9)])),
    "read_spectrum": (measured, lambda meter: meter.read_spectrum().mismatch),
    "remote": (untouched, None),
    "settings": (introduced, None),
    "shutdown": (measuring, None),
    "silent": (measuring, None),
    "start": (introduced, None),
    "trigger": (introduced, None),
    "wait": (measuring, None),
    "wait from the start": (introduced, lambda meter: (meter.trigger(), meter.wait())),
}
PROBE_METHODS = {
    "asked": (asked, None),
    "identify": (untouched, None),
    "poll": (asked, lambda probe: [probe.poll(0.2) for _ in range(20)]),
    "read": (untouched, None),
    "settings": (introduced, None),
    "trigger": (untouched, None),
}
DRIVERS = {
    SMU: (lambda name, library: Keithley2400(name, limits=LIMITS, visa_library=library), SMU_METHODS),
    DMM: (lambda name, library: Keithley2000(name, visa_library=library), DMM_METHODS),
    METER: (lambda name, library: CS2000A(name, visa_library=library), METER_METHODS),
    PROBE: (lambda name, library: HMP110(name, visa_library=library, clock=library.clock.now), PROBE_METHODS),
    "ASRL1::INSTR": (lambda name, library: Keithley2400(name, limits=LIMITS, visa_library=library), SMU_METHODS),
    "ASRL2::INSTR": (lambda name, library: Keithley2000(name, visa_library=library), DMM_METHODS),
}


def carried_out(instrument, name, action):
    """Call a public method, or read a property."""
    if action is not None:
        action(instrument)
    elif callable(found := getattr(instrument, name)):
        found()


def bounded(number, resource, operation):
    assert number < MOST_OPERATIONS, f"{operation} again and again"


def bench_with(resource):
    """A bench whose instrument at ``resource`` is connected over a line that can be damaged."""
    serial = resource in ("ASRL1::INSTR", "ASRL2::INSTR")
    smu, dmm = ("ASRL1::INSTR", "ASRL2::INSTR") if serial else (SMU, DMM)
    load = {"load": "resistor", "resistance_ohm": 1e3}
    bench = build_simulated_bench(
        SimulatedBenchOptions(load, noise=False, smu=smu, photodiode_meter=dmm, surroundings=PROBE)
    )
    line = Damaged(bench.twins[resource])
    return line, SimulatedVisaLibrary(bench.clock, {resource: line}, bounded)
