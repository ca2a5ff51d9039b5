"""The 2400 twin without its language: the source, the trigger run, measurement, buffers. It never sees a byte.

What it refuses it refuses with the number that the instrument gives it. Sources: Keithley Series 2400 SourceMeter
User's Manual 2400S-900-01 Rev. K; Series 2400 firmware release notes up to C34.
"""

from __future__ import annotations

import math

from drivers.simulated.fixture import TestFixture
from drivers.simulated.keithley2400.formulas import Formulas, calculate
from drivers.simulated.keithley2400.limits import LIMIT_CONDITIONS, check_limits, nulled
from drivers.simulated.keithley2400.measurement import (
    OVERFLOW,
    RANGE_CHANGE_TIME,
    MovingFilter,
    conversion_timing,
    limiting_of,
    noisy,
    point_conversion_time,
    reading_elements,
    source_phase,
    status_element,
    wanted_range,
)
from drivers.simulated.keithley2400.options import Keithley2400Options
from drivers.simulated.keithley2400.ranges import RECALL_TIME, nominal_range
from drivers.simulated.keithley2400.readings import BUFFER_SIZE, Reading, Trace
from drivers.simulated.keithley2400.rules import checked_sweep, configure, take_level
from drivers.simulated.keithley2400.settings import MEASURED, Settings, measure_ranges
from drivers.simulated.keithley2400.source import (
    COMPLIANCE,
    OUTPUT_ENABLE_ASSERTED,
    OVER_TEMPERATURE,
    OVER_VOLTAGE,
    Source,
    Watcher,
)
from drivers.simulated.keithley2400.trigger import (
    WAITING_FOR_ARM,
    WAITING_FOR_TRIGGER,
    TriggerLines,
    TriggerRun,
    trigger_model,
)
from drivers.simulated.scpi.status import CommandError
from drivers.simulated.trigger_link import TriggerLink

# measurement register
READING_AVAILABLE, READING_OVERFLOW, BUFFER_AVAILABLE, BUFFER_FULL = 1 << 6, 1 << 7, 1 << 8, 1 << 9
_READING_CONDITIONS = READING_AVAILABLE | READING_OVERFLOW | LIMIT_CONDITIONS | OVER_VOLTAGE | COMPLIANCE
# operation register
SWEEPING, IDLE = 1 << 3, 1 << 10
_OTHER = {"VOLT": "CURR", "CURR": "VOLT"}
_TIMER_WRAP = 99999.999  # s


class SourceMeter(Source):
    """The source with its meter and trigger model; ``link`` is the trigger-link cable, if there is one.

    A reading samples the load at the end of its conversions; ``samples`` are those since INIT.
    """

    def __init__(
        self, fixture: TestFixture, options: Keithley2400Options, watcher: Watcher, link: TriggerLink | None = None
    ) -> None:
        super().__init__(fixture, options, watcher)
        self.lines = TriggerLines(link, options.latch_depth, self.signal)
        self.trace = Trace()
        self.samples: list[Reading] = []
        self.formulas = Formulas()
        self.line_frequency = options.line_frequency
        self.line_frequency_auto = True
        self._fixture = fixture
        self._run_now: TriggerRun | None = None
        self._sweep: tuple[float, ...] = ()
        self._moving_filter = MovingFilter()
        self._timer_start = 0.0
        self._next_arm = 0.0

    # --- setups ---

    def load(self, settings: Settings) -> None:
        """Take over other settings (a reset, a recall): idle, output off, nothing measured yet."""
        self.abort()
        self.samples = []
        self._moving_filter.restart()
        self.settings = settings
        self.switch_output(on=False)

    def leave_sweep(self) -> None:
        """Idle, fixed source, concurrent measuring: what local and remote begin with."""
        self.abort()
        for axis in self.settings.source.values():
            axis.mode = "FIX"
        self.settings.memory_sweep = False
        self.settings.concurrent = True

    def forget_memory(self) -> None:
        """``SYST:MEM:INIT``: source memory, user expressions and the buffer go."""
        self.memory.clear()
        self.delete_formula(None)
        self.trace = Trace()
        self.clear_trace()

    def delete_formula(self, name: str | None) -> None:
        """Delete a user expression, or all of them; a selected one that is gone gives way to POWER."""
        if name is None:
            self.formulas.delete_all()
        else:
            self.formulas.delete(name)
        if self.settings.math_name not in self.formulas.names():
            self.settings.math_name = "POWER"

    # --- output ---

    @property
    def enable_line_closed(self) -> bool:
        """The output enable line of the digital port (interlock): closed means at ground."""
        return self._enable_line_closed

    @enable_line_closed.setter
    def enable_line_closed(self, closed: bool) -> None:
        self._enable_line_closed = closed
        self._watcher.measurement_changed(OUTPUT_ENABLE_ASSERTED, OUTPUT_ENABLE_ASSERTED * closed)
        self.trip_if_blocked()

    @property
    def over_temperature(self) -> bool:
        """Whether the unit is too hot for its output."""
        return self._over_temperature

    @over_temperature.setter
    def over_temperature(self, hot: bool) -> None:
        self._over_temperature = hot
        self._watcher.measurement_changed(OVER_TEMPERATURE, OVER_TEMPERATURE * hot)
        self.trip_if_blocked()

    def trip_if_blocked(self) -> None:
        """Go to high impedance and idle when interlock or temperature demand it."""
        if self.blocked_by():
            # first the terminals: what was held back goes on as soon as the trigger model is idle
            self.switch_output(on=False)
            self.abort()
        self.apply()

    # --- trigger run ---

    @property
    def idle(self) -> bool:
        """Whether the trigger model is idle (ARM annunciator off)."""
        return self._run_now is None

    def signal(self, event: str) -> bool:
        """Something has happened; whether the trigger model was waiting for it."""
        return self._run_now is not None and self._run_now.signal(event)

    def configure(self, functions: frozenset[str]) -> None:
        """``CONF``: these functions with their controls at the defaults, and the output ON."""
        self._refuse_if_blocked()
        configure(self.settings, functions, reset_protection=self.options.conf_resets_protection)
        self.trace.control = "NEV"
        self._moving_filter.restart()
        self.switch_output(on=True)

    def initiate(self) -> None:
        """``INIT``: leave idle.

        :raises CommandError: +803, the output is off.
        """
        settings = self.settings
        if not self.output_on and not settings.auto_off and settings.output_off_state != "ZERO":
            raise CommandError(803)
        if settings.auto_off:
            self._refuse_if_blocked()
        self._sweep = self._prepare_sweep()
        self._endless = math.isinf(settings.arm_count)
        self.samples = []
        if settings.timer_reset_auto:
            self.reset_timer()
        self._watcher.measurement_changed(READING_AVAILABLE | READING_OVERFLOW | LIMIT_CONDITIONS, 0)
        self._watcher.operation_changed(IDLE | SWEEPING, SWEEPING * self._is_sweeping())
        self._run_now = TriggerRun(self._clock, trigger_model(self), self._show_waiting, self._finish)
        self._run_now.go_on()

    def _prepare_sweep(self) -> tuple[float, ...]:
        settings = self.settings
        if settings.memory_sweep:
            if any(number not in self.memory for number in self._memory_places()):
                raise CommandError(801)
            return ()
        if settings.axis().mode == "FIX" or settings.auto_ohms:
            return ()
        return checked_sweep(settings)

    def _memory_places(self) -> range:
        return range(self.settings.memory_start, self.settings.memory_start + self.settings.memory_points)

    def _is_sweeping(self) -> bool:
        return bool(self._sweep) or self.settings.memory_sweep

    def _show_waiting(self, layer: int) -> None:
        self._watcher.operation_changed(WAITING_FOR_ARM | WAITING_FOR_TRIGGER, layer)

    def abort(self) -> None:
        """Back to idle where the run is."""
        if self._run_now is None:
            return
        self._run_now.stop()
        self._become_idle()
        self._watcher.settled(aborted=True)

    def _finish(self) -> None:
        if self.settings.auto_off:
            self.switch_output(on=False)
        elif self.options.level_after_sweep == "bias":
            self.leave_swept_level()
        self._become_idle()
        self._watcher.settled(aborted=False)

    def _become_idle(self) -> None:
        self._run_now = None
        self._endless = False
        self._watcher.operation_changed(SWEEPING | WAITING_FOR_ARM | WAITING_FOR_TRIGGER | IDLE, IDLE)

    # --- what the trigger model asks ---

    def time_to_arm(self, *, first: bool) -> float:
        """The first pass is immediate; then the timer ticks at its own pace, whatever a pass takes."""
        now = self._clock.now()
        self._next_arm = now if first else max(self._next_arm + self.settings.arm_timer, now)
        return self._next_arm - now

    def recall_point(self, index: int) -> float:
        """Recall the next place of a memory sweep; the seconds that takes."""
        places = self._memory_places()
        self.recall_memory(places[index % len(places)])
        return self.pause(RECALL_TIME)

    def source(self, index: int) -> float:
        """Put out the level of this point; the seconds from here to the conversion."""
        settings = self.settings
        static = not (self._is_sweeping() or settings.auto_off or settings.axis().triggered is not None)
        if not static:
            self._put_out(index)
        relay = max(0.0, self._settled_at - self._clock.now())
        if self._takes_no_time():
            return relay
        skip_delay = static and self.options.static_source_delay == "skipped"
        return relay + self._soak(index) + source_phase(settings, skip_delay=skip_delay)

    def _put_out(self, index: int) -> None:
        settings, axis = self.settings, self.settings.axis()
        if self._sweep:
            self._swept_level = self._sweep[index % len(self._sweep)]
            if settings.sweep_ranging == "AUTO":
                axis.range = nominal_range(settings.source_function, self._swept_level)
        elif axis.triggered is not None:
            take_level(settings, settings.source_function, axis.triggered)
        if settings.auto_off:
            self.output_on = True
        self.apply()

    def _soak(self, index: int) -> float:
        soaks = index == 0 and self.settings.control_model == "MULT" and self._is_sweeping()
        return self.settings.axis().soak if soaks else 0.0

    def convert(self) -> float:
        """The seconds of the conversions of one point, repeat filter included."""
        if self._takes_no_time():
            return 0.0
        timing = conversion_timing(self.settings, self.options)
        duration = point_conversion_time(self.settings, self.line_frequency, timing)
        if wanted_range(self.settings, self._fixture.operating_point()) is not None:
            duration = min(duration, RANGE_CHANGE_TIME)
        return duration

    def sweeps_in_compliance(self) -> bool:
        """Whether a sweep has come to where the compliance holds the source."""
        return self._is_sweeping() and self._fixture.operating_point().clamped

    def change_range(self) -> bool:
        """Autorange on what is measured and not sourced; True when the point must be repeated."""
        change = wanted_range(self.settings, self._fixture.operating_point())
        if change is None:
            return False
        function, nominal = change
        self.settings.sense[function].range = nominal
        self.apply()
        return True

    def store_reading(self) -> bool:
        """Take the reading of this point into both buffers; False ends the run."""
        reading = self._take_reading()
        if len(self.samples) >= BUFFER_SIZE:
            del self.samples[0]
        self.samples.append(reading)
        if self.trace.storing:
            self._store_in_trace(reading)
        goes_on = not (self.settings.sweep_abort == "LATE" and self.sweeps_in_compliance())
        if self.settings.auto_off and self.settings.auto_off_mode == "ALW":
            self.switch_output(on=False)
        return goes_on

    def pulses(self) -> tuple[str, ...]:
        """The events of the trigger layer that give an output pulse."""
        allowed = self.options.pulses_without_link_source or self.settings.trigger_source == "TLIN"
        return self.settings.trigger_output if allowed else ()

    # --- readings ---

    def _take_reading(self) -> Reading:
        settings, point = self.settings, self._fixture.operating_point()
        ranges, sourced = measure_ranges(settings), settings.active_source
        voltage, current = noisy(settings, ranges, point, self._fixture)
        if settings.filter_on and settings.filter_control == "MOV":
            voltage, current = self._moving_filter.take(settings.filter_count, ranges, voltage, current)
        drive = self.terminals.drive
        elements = reading_elements(settings, ranges, voltage, current, {sourced: drive.level})
        limiting = limiting_of(drive, point)
        in_compliance = limiting.real or limiting.by_range
        self._tripped, self._over_voltage = _OTHER[sourced] if in_compliance else "", limiting.over_voltage
        calculated = self._calculate(elements) if settings.math_on else math.nan
        limited = nulled(settings, calculated if settings.limit_feed == "CALC1" else elements[settings.limit_feed])
        limits = check_limits(settings, limited, in_compliance=in_compliance)
        status = status_element(settings, sourced, elements, limiting) | limits.status
        self._show_reading(
            limits.conditions
            | (READING_OVERFLOW if status & OVERFLOW else 0)
            | (COMPLIANCE if in_compliance else 0)
            | (OVER_VOLTAGE if limiting.over_voltage else 0)
        )
        return Reading(
            elements["VOLT"],
            elements["CURR"],
            elements["RES"],
            self.timer(),
            status,
            settings.functions,
            calculated,
            limited,
        )

    def _calculate(self, elements: dict[str, float]) -> float:
        before = {name: self.samples[-1].element(name) for name in MEASURED} if self.samples else {}
        now = {**elements, "TIME": self.timer()}
        return calculate(self.formulas[self.settings.math_name].value, before, now)

    def _show_reading(self, conditions: int) -> None:
        # each reading is an event of its own
        self._watcher.measurement_changed(READING_AVAILABLE | READING_OVERFLOW, 0)
        self._watcher.measurement_changed(_READING_CONDITIONS, READING_AVAILABLE | conditions)

    def readings(self) -> list[Reading]:
        """The readings since INIT.

        :raises CommandError: -230, there are none.
        """
        if not self.samples:
            raise CommandError(-230)
        return self.samples

    def restart_filter(self) -> None:
        """Empty the stack of the moving filter."""
        self._moving_filter.restart()

    def clear_limits(self) -> None:
        """``CALC2:CLIM:CLE``: forget the outcome of the limit tests."""
        self.settings.limits_failed = ()
        self._watcher.measurement_changed(LIMIT_CONDITIONS, 0)

    # --- buffer ---

    def _store_in_trace(self, reading: Reading) -> None:
        self.trace.store(reading)
        bits = BUFFER_AVAILABLE * (len(self.trace.readings) >= 2) | BUFFER_FULL * self.trace.full
        self._watcher.measurement_changed(bits, bits)

    def clear_trace(self) -> None:
        """``TRAC:CLE``: empty the buffer."""
        self.trace.readings = []
        self._watcher.measurement_changed(BUFFER_AVAILABLE | BUFFER_FULL, 0)

    def set_trace_control(self, control: str) -> None:
        """``TRAC:FEED:CONT``: NEXT empties the buffer and stores from the next reading on."""
        if control == "NEXT":
            self.clear_trace()
        self.trace.control = control

    def refuse_while_storing(self) -> None:
        """Refuse what is not possible while readings go into the buffer.

        :raises CommandError: +800, they do.
        """
        if self.trace.storing:
            raise CommandError(800)

    # --- clock ---

    def timer(self) -> float:
        """``SYST:TIME?``: seconds since reset in whole milliseconds; wraps at 99999.999 s."""
        return round((self._clock.now() - self._timer_start) % (_TIMER_WRAP + 0.001), 3)

    def reset_timer(self) -> None:
        """``SYST:TIME:RES``."""
        self._timer_start = self._clock.now()
