"""The measuring side of the Model 2000 twin: trigger model, conversions, filter, buffer. It never sees a byte.

Every duration is an event on the fixture's clock. The signal is sampled at the end of a conversion.
Source: the trigger model of the Model 2000 User's Manual (2000-900-01); durations from
:mod:`.functions`.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, field
from enum import IntEnum
from typing import NamedTuple, Protocol

from drivers.simulated.clock import Event
from drivers.simulated.fixture import TestFixture
from drivers.simulated.keithley2000.functions import (
    FUNCTIONS,
    OVERFLOW,
    FunctionSettings,
    Setup,
    autorange_step,
    computed,
    function_conversion_time,
    in_temperature_unit,
    in_voltage_unit,
    rounded,
)
from drivers.simulated.keithley2000.options import MeterOptions
from drivers.simulated.trigger_link import TriggerLink

VMC_LINE, EXTERNAL_TRIGGER_LINE = 1, 2

# Measurement event register (Model 2000 Quick Start Guide, status figure)
READING_OVERFLOW, LOW_LIMIT, HIGH_LIMIT, READING_AVAILABLE = 1, 2, 4, 32
BUFFER_AVAILABLE, BUFFER_HALF_FULL, BUFFER_FULL = 128, 256, 512

BUFFER_SIZE = 1024
BYTES_PER_READING = 16
#: With conversions that take no time, a run without end still has to let time pass: this much each (s).
FREE_RUN_PERIOD = 0.02
#: So many conversions after leaving idle a run counts as one without end.
LONGEST_INSTANT_RUN = 20_000
TRIGGER_LATENCY, TRIGGER_JITTER = 0.2e-3, 0.3e-3
SHORTEST_TIMER = 0.001
#: What the noise of the 10 V range is in units of the range, for the current ranges.
_NOISE_REFERENCE_RANGE = 10.0


class Value(NamedTuple):
    """A number with the unit that FORM:ELEM UNIT prints."""

    number: float
    unit: str


class Reading(NamedTuple):
    """One reading: ``plain`` without reference, ``sense`` with it, ``result`` after CALCulate1."""

    plain: float
    sense: Value
    result: Value


class State(IntEnum):
    """Where the trigger model stands: bits of the operation event register (Quick Start Guide, status figure)."""

    MEASURING = 16
    WAITING = 32
    IDLE = 1024


@dataclass(slots=True)
class ReadingBuffer:
    """The readings that TRACe keeps; resets leave it alone."""

    points: int = 100
    feed: str = "SENS1"
    armed: bool = False
    values: list[Value] = field(default_factory=list)

    def arm(self) -> None:
        """Start storing from the beginning."""
        self.values.clear()
        self.armed = True

    def store(self, reading: Reading) -> None:
        """Keep ``reading`` if storage is on; the last one switches it off."""
        if not self.armed or self.feed == "NONE":
            return
        self.values.append(reading.sense if self.feed == "SENS1" else reading.result)
        self.armed = len(self.values) < self.points

    def conditions(self) -> int:
        """The buffer's bits of the measurement register."""
        stored = len(self.values)
        if not stored:
            return 0
        return (
            BUFFER_AVAILABLE * (stored >= 2)
            | BUFFER_HALF_FULL * (stored >= self.points / 2)
            | BUFFER_FULL * (stored >= self.points)
        )


class Watcher(Protocol):
    """Who wants to know what the meter does. Only ``settled`` may act on the meter."""

    def state_changed(self, operation: int) -> None:
        """The trigger model moved; ``operation`` is the new operation condition."""

    def reading_taken(self, measurement: int) -> None:
        """A reading is there; ``measurement`` is the new measurement condition."""

    def trigger_ignored(self) -> None:
        """A trigger came that was not waited for."""

    def settled(self) -> None:
        """Everything that follows from a conversion or an abort has happened."""


class Meter:
    """A multimeter in front of the fixture's photodiode amplifier.

    ``setup`` may be changed at any time; call :meth:`settings_changed` after touching what a conversion uses.
    """

    def __init__(
        self,
        fixture: TestFixture,
        options: MeterOptions,
        setup: Setup,
        watcher: Watcher,
        link: TriggerLink | None = None,
    ) -> None:
        self.setup = setup
        self.buffer = ReadingBuffer()
        self.front_terminals = True
        self.state = State.IDLE
        self.group: list[Reading] = []
        self.run: deque[Reading] = deque(maxlen=BUFFER_SIZE)
        self.latest: Reading | None = None
        self.unfetched = False
        self.limits_passed = True
        self.triggers_done = 0
        self._fixture = fixture
        self._options = options
        self._watcher = watcher
        self._link = link
        self._event: Event | None = None
        self._conversions = 0
        self._collecting: list[Reading] = []
        self._next_tick = 0.0
        self._filter: deque[float] = deque()
        self._held: list[float] = []
        if link is not None:
            link.subscribe(EXTERNAL_TRIGGER_LINE, self._external_edge)

    # ---- commands to the trigger model -----------------------------------------------------------------------

    @property
    def idle(self) -> bool:
        """Whether the trigger model is in idle."""
        return self.state is State.IDLE

    def initiate(self, latency: float = 0.0) -> bool:
        """Leave idle; False when the meter was not idle or free-runs, which is -213."""
        if not self.idle or self.setup.trigger.continuous:
            return False
        self._leave_idle(latency)
        return True

    def abort(self) -> None:
        """Go to idle at once; a free-running meter leaves it again."""
        if self.state is State.IDLE and not self.setup.trigger.continuous:
            return
        self._cancel()
        self._enter(State.IDLE)
        if self.setup.trigger.continuous:
            self._leave_idle()
        self._watcher.settled()

    def load(self, setup: Setup) -> None:
        """Take over another setup (a reset, a recall): idle, nothing measured yet; the buffer stays."""
        self.setup = setup
        self.latest, self.group, self.unfetched = None, [], False
        self.limits_passed = True
        self._filter.clear()
        self.abort()

    def set_continuous(self, on: bool) -> None:
        """INIT:CONT; ON leaves idle at once, OFF lets the present run come to its end."""
        self.setup.trigger.continuous = on
        if on and self.idle:
            self._leave_idle()

    def bus_trigger(self) -> None:
        """*TRG or GET: satisfies the sources BUS and EXT; lost while measuring, refused otherwise."""
        if self.state is State.WAITING and self.setup.trigger.source in ("BUS", "EXT"):
            self._accept_trigger()
        elif self.state is not State.MEASURING or self._options.late_trigger_error:
            self._watcher.trigger_ignored()

    def press_trigger_key(self) -> None:
        """The TRIG key of the front panel: satisfies the sources MAN and EXT."""
        if self.state is State.WAITING and self.setup.trigger.source in ("MAN", "EXT"):
            self._accept_trigger()

    def bypass_source(self) -> bool:
        """TRIG:SIGN: pass the control source once; False when the meter does not wait there."""
        if self.state is not State.WAITING:
            return False
        self._begin_group()
        return True

    def source_changed(self) -> None:
        """TRIG:SOUR was set: a meter that waits for the old source waits for the new one."""
        if self.state is State.WAITING:
            self._cancel()
            self._enter_control_source()

    def _external_edge(self) -> None:
        if self.state is State.WAITING and self.setup.trigger.source == "EXT":
            self._accept_trigger()
        elif not self.idle and self._options.late_trigger_error:
            self._watcher.trigger_ignored()

    def _accept_trigger(self) -> None:
        """An external trigger is answered late and with jitter, with auto-zero up to one conversion later."""
        latency = TRIGGER_LATENCY + TRIGGER_JITTER * float(self._fixture.rng.random())
        if self.setup.autozero:
            lag = self._options.autozero_trigger_lag * self._conversion_time()
            latency += lag * float(self._fixture.rng.random())
        self._begin_group(latency)

    # ---- the path through the trigger model -------------------------------------------------------------------

    def _leave_idle(self, latency: float = 0.0) -> None:
        self.run.clear()
        self.triggers_done = 0
        self._conversions = 0
        self._next_tick = self._fixture.clock.now()
        self._enter_control_source(latency)

    def _enter_control_source(self, latency: float = 0.0) -> None:
        source = self.setup.trigger.source
        if source == "IMM":
            self._begin_group(latency)
            return
        self._enter(State.WAITING)
        if source == "TIM":
            tick = max(self._next_tick, self._fixture.clock.now())
            self._next_tick = tick + max(self.setup.trigger.timer, SHORTEST_TIMER)
            self._event = self._fixture.clock.call_at(tick + latency, self._begin_group)

    def _begin_group(self, latency: float = 0.0) -> None:
        self._cancel()
        self._collecting = []
        self._enter(State.MEASURING)
        self._begin_reading(latency)

    def _begin_reading(self, latency: float = 0.0) -> None:
        settings = self.setup.active
        if not settings.filter_on or settings.filter_control == "REP":
            self._filter.clear()
        self._held.clear()
        self._convert(latency, delayed=True)

    def _conversion_done(self) -> None:
        self._event = None
        self._conversions += 1
        settings = self.setup.active
        value = self._sample(settings)
        if settings.autorange and self._autoranged(settings, value):
            self._filter.clear()
            self._convert(delayed=True)
        elif not self._filtered(settings, value) or (self.setup.hold.on and not self._hold_satisfied()):
            self._convert()
        else:
            self._deliver(self._reading(settings, math.fsum(self._filter) / len(self._filter)))
            self._watcher.settled()

    def _deliver(self, reading: Reading) -> None:
        self._collecting.append(reading)
        self.run.append(reading)
        self.latest = reading
        self.unfetched = True
        self.buffer.store(reading)
        self._watcher.reading_taken(self._measurement_conditions(reading))
        if len(self._collecting) >= self.setup.trigger.samples:
            self._end_group()
            return
        self._begin_reading()
        if self._options.pulse_per_sample:
            self._pulse()

    def _end_group(self) -> None:
        """Move on, then pulse: the meter is ready for the next edge before its listener can answer."""
        self.group = self._collecting
        self.triggers_done += 1
        if self.triggers_done < self.setup.trigger.count or self.setup.trigger.continuous:
            self._enter_control_source()
        else:
            self._enter(State.IDLE)
        self._pulse()

    def _pulse(self) -> None:
        if self._link is not None:
            self._link.pulse(VMC_LINE)

    def _enter(self, state: State) -> None:
        self.state = state
        self._watcher.state_changed(state)

    def _cancel(self) -> None:
        if self._event is not None:
            self._event.cancel()
            self._event = None

    def _convert(self, latency: float = 0.0, *, delayed: bool = False) -> None:
        """Start a conversion after ``latency`` (s) and, if ``delayed``, the trigger delay."""
        if self._options.instant:
            duration = FREE_RUN_PERIOD if self._endless() else 0.0
        else:
            duration = latency + (self._delay() if delayed else 0.0) + self._conversion_time()
        self._event = self._fixture.clock.call_after(duration, self._conversion_done)

    def _endless(self) -> bool:
        """Whether this run would never let time pass without durations of its own."""
        trigger = self.setup.trigger
        free_running = trigger.source == "IMM" and (trigger.continuous or math.isinf(trigger.count))
        return free_running or self._conversions >= LONGEST_INSTANT_RUN

    # ---- one conversion ---------------------------------------------------------------------------------------

    def settings_changed(self) -> None:
        """What a conversion uses was changed: the filter fills anew and a conversion under way starts anew."""
        self._filter.clear()
        if self.state is State.MEASURING:
            self._cancel()
            self._begin_reading()

    def _delay(self) -> float:
        """Seconds from the trigger to the device action."""
        trigger = self.setup.trigger
        if not trigger.delay_auto:
            return trigger.delay
        function = FUNCTIONS[self.setup.function]
        return function.auto_delay(self.setup.active.range, self._options.auto_delays.get(function.name))

    def _conversion_time(self) -> float:
        return function_conversion_time(self.setup, self._options.line_frequency, self._options.fast_autozero_overhead)

    def _sample(self, settings: FunctionSettings) -> float:
        """One conversion with its noise, at the end of its time; inf when the input is open for the function."""
        function = self.setup.function
        if function not in ("VOLT:DC", "CURR:DC") or self.front_terminals != self._options.wired_to_front:
            return FUNCTIONS[function].open_input
        if function == "VOLT:DC":
            signal = self._fixture.photodiode_voltage(self._integration_time(settings))
        else:
            integrated = self._integration_time(settings)
            signal = self._fixture.photodiode_current(integrated) if self.front_terminals else 0.0
        sd = self._noise(settings)
        return signal + sd * next(self._fixture.normal_deviates) if sd else signal

    def _integration_time(self, settings: FunctionSettings) -> float:
        return settings.nplc / self._options.line_frequency

    def _noise(self, settings: FunctionSettings) -> float:
        """Standard deviation of a conversion: meter and amplifier, less the longer it integrates."""
        noise = self._fixture.noise
        if self.setup.function == "VOLT:DC":
            meter, source = noise.dmm_voltage, self._fixture.photodiode.gain * noise.tia_current
        else:
            meter, source = noise.dmm_voltage * settings.range / _NOISE_REFERENCE_RANGE, noise.tia_current
        return math.hypot(meter, source) / math.sqrt(settings.nplc)

    def _autoranged(self, settings: FunctionSettings, value: float) -> bool:
        range_ = autorange_step(
            FUNCTIONS[self.setup.function],
            settings.range,
            value,
            up=self._options.autorange_up,
            down=self._options.autorange_down,
        )
        changed = range_ != settings.range
        settings.range = range_
        return changed

    def _filtered(self, settings: FunctionSettings, value: float) -> bool:
        """Put a conversion into the filter; whether it now holds enough for a reading."""
        count = settings.filter_count if settings.filter_on else 1
        self._filter.append(value)
        while len(self._filter) > count:
            self._filter.popleft()
        return len(self._filter) == count

    def _hold_satisfied(self) -> bool:
        """Reading hold: enough conversions in a row within the window around the first of them."""
        hold = self.setup.hold
        value = self._filter[-1]
        if self._held and abs(value - self._held[0]) > abs(self._held[0]) * hold.window / 100.0:
            self._held.clear()
        self._held.append(value)
        return len(self._held) >= hold.count

    # ---- from conversions to a reading ------------------------------------------------------------------------

    def _reading(self, settings: FunctionSettings, value: float) -> Reading:
        plain = self._in_unit(settings, value)
        sense = self._referred(settings, plain)
        math_settings = self.setup.math
        if not math_settings.on or math_settings.form == "NONE":
            return Reading(plain, sense, sense)
        unit = math_settings.unit if math_settings.form == "MXB" else "%"
        return Reading(plain, sense, Value(computed(sense.number, math_settings), unit))

    def _in_unit(self, settings: FunctionSettings, value: float) -> float:
        """The average as the range and the unit show it; overflow beyond the range."""
        name = self.setup.function
        if not abs(value) <= FUNCTIONS[name].full_scale(settings.range):
            return OVERFLOW
        value = rounded(value, settings.range, settings.digits)
        if name in self.setup.units:
            return in_voltage_unit(value, self.setup.units[name])
        return in_temperature_unit(value, self.setup.temperature_unit) if name == "TEMP" else value

    def _referred(self, settings: FunctionSettings, plain: float) -> Value:
        relative = settings.reference_on and plain < OVERFLOW
        return Value(plain - settings.reference if relative else plain, self._unit())

    def _unit(self) -> str:
        name = self.setup.function
        if name in self.setup.units and self.setup.units[name].unit != "V":
            return self.setup.units[name].unit
        return self.setup.temperature_unit if name == "TEMP" else FUNCTIONS[name].unit

    def _measurement_conditions(self, reading: Reading) -> int:
        value, limits = reading.result.number, self.setup.math
        bits = READING_AVAILABLE | self.buffer.conditions()
        bits |= READING_OVERFLOW if reading.sense.number >= OVERFLOW else 0
        if limits.limits_on:
            bits |= LOW_LIMIT * (value < limits.lower) | HIGH_LIMIT * (value > limits.upper)
        self.limits_passed = not bits & (LOW_LIMIT | HIGH_LIMIT)
        return bits
