"""The bench in a sweep: three instruments on one device, energised in one place."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import astuple, replace
from math import inf, isfinite, nan
from typing import Any

import numpy as np

from acquire.bench.exchange_log import ExchangeLog
from acquire.bench.room import UNKNOWN, Room
from acquire.records import Activity, Doing, InstrumentRecord, PointFlag, Reading, Spectrum, Step, Surroundings, counted
from acquire.safety.guardian import Guard, NotGuarded
from acquire.safety.interruption import StopRequest
from acquire.sweep.engine import SpectrumNotTaken, TooMuchLight
from acquire.sweep.exposure import ExposureMode
from acquire.sweep.plan import SweepPlan
from acquire.sweep.pulses import achieved_widths
from acquire.sweep.read_back import require_within
from drivers import errors, link, models
from drivers.cs2000a.driver import CS2000A, ExposureSetting
from drivers.cs2000a.errors import OverRange
from drivers.keithley2000.driver import DmmReading, Keithley2000
from drivers.keithley2400.driver import Keithley2400, SmuReading, SmuStatus
from drivers.keithley2400.messages import MNEMONIC, SmuSettings

_STATUS_FLAGS = {
    SmuStatus.COMPLIANCE: PointFlag.COMPLIANCE,
    SmuStatus.RANGE_COMPLIANCE: PointFlag.RANGE_COMPLIANCE,
    SmuStatus.OVER_RANGE: PointFlag.OVER_RANGE,
    SmuStatus.OVER_VOLTAGE: PointFlag.OVER_VOLTAGE,
}


#: A plain number, as the status at each point: arithmetic with members of an enumeration takes microseconds.
_ANY_STATUS_FLAG = sum(map(int, _STATUS_FLAGS))


#: After so many spectra in a row that the spectroradiometer did not answer it is left alone for the rest of a run.
MOST_SILENT_SPECTRA = 2


#: What a run does between two words to its guardian, waits for instruments apart, takes no longer, s: a slow disk.
LONGEST_PAUSE = 5.0


#: Characters of a level in a list, which is sent and read back, and of a reading in the buffer of the source; the
#: meter's is shorter.
_CHARACTERS_SENT, _CHARACTERS_STORED = 12 + 14, 70


#: A photodiode signal that takes longer is waited for with an eye on the source, s.
_MOMENT = 0.5


#: Times that were added up are rounded, and VISA counts time-outs in ms: a shorter wait than this is none, s.
_ROUNDING = 1e-3


#: A burst is overdue that long after the time it takes, s, by clocks that are off by so much.
_OVERDUE, _SLOWEST = 2.0, 1.1


#: Polls of the spectroradiometer between two readings of the source, also where a link times out without waiting.
MOST_POLLS = 100


#: How long giving up a spectrum takes at most, s: :meth:`drivers.cs2000a.driver.CS2000A.shutdown`.
LONGEST_CANCEL = 9.0


#: How long nothing is looked at while the run only waits, s; and what is no wait, beside the rounding of clocks.
LONGEST_DEAF, _INSTANT = 0.2, 1e-6


#: VISA counts time-outs in ms; less than this is no time, s.
SHORTEST_WAIT = 1e-3


#: How long a look at a running burst takes, s; a stop is noticed this late at most.
BURST_POLL = 0.25


_NO_SOURCE = SmuReading(nan, nan, nan, SmuStatus(0))


_NO_LIGHT = DmmReading(nan, overflow=False)


class BenchInRun:
    """The instruments on one device, set up for one run. Times in s since the start of the run.

    Each run has one of its own (:meth:`acquire.bench.opening.Bench.in_run`), so that nothing is left over for the next.
    """

    def __init__(
        self,
        smu: Keithley2400,
        photodiode_meter: Keithley2000,
        spectroradiometer: CS2000A | None = None,
        pixel_switch: Any = None,
        surroundings: Any = None,
        *,
        clock: Callable[[], float],
        wait: Callable[[float], None],
        stop: StopRequest,
        plan: SweepPlan,
        guard: Guard,
        exchanges: ExchangeLog,
        show: Callable[[Activity], None] = lambda _: None,
        elapsed: float = 0.0,
    ) -> None:
        self._smu = smu
        self._photodiode_meter = photodiode_meter
        self._spectroradiometer = spectroradiometer
        self._clock = clock
        self._let_pass = wait
        self._started = clock() - elapsed
        #: What was exchanged with the instruments and is not recorded yet.
        self.exchanges = exchanges
        exchanges.start(self._started)
        self._stop = stop
        self._plan = plan
        self._guard = guard
        self._show = show
        self._source = MNEMONIC[plan.source_function]
        self._dark_readings = self._spectra = self._silent_spectra = 0
        self._reads = "point"
        self._exposing = False
        self._others = {"pixel_switch": pixel_switch, "surroundings": surroundings}
        self._room = Room(surroundings, self.now)
        self._room.look()
        #: Whether the output was switched on and not confirmed to be off since; and whether it ever was switched on.
        self.output_may_be_on = self.output_was_on = False
        self._call_while_waiting(self._waiting)

    def _call_while_waiting(self, action: Callable[[], None]) -> None:
        for instrument in (self._smu, self._photodiode_meter, self._spectroradiometer):
            if instrument is not None:
                link.call_while_waiting(instrument.adapter, action)

    def now(self) -> float:
        """Seconds since the start of the run."""
        return self._clock() - self._started

    def wait(self, duration: float) -> None:
        """Let ``duration`` s pass, the source at its level; less when a stop is asked for, or was.

        :raises NotGuarded: as :meth:`trigger`.
        """
        until = self.now() + duration
        while (left := until - self.now()) > _INSTANT and not self._stop():
            self._guard.still()
            self._let_pass(min(left, LONGEST_DEAF))

    @contextmanager
    def energised(self) -> Iterator[None]:
        """Output on inside; outside it is off: ramped to zero, switched off and asked for, whatever happens.

        :raises NotGuarded: nothing would switch it off if this process were killed; it was not switched on.
        :raises OutputStateUnknown: it could not be confirmed that the output is off.
        """
        try:
            with self._output_on():
                yield
        except errors.InstrumentTimeout as problem:
            raise self._why(problem) from problem

    @contextmanager
    def set_up_for(self, plan: SweepPlan, settings: SmuSettings, afterwards: SmuSettings) -> Iterator[None]:
        """The source set up for a pretest inside, with its output off before and after; ``afterwards`` as it was.

        :raises drivers.errors.InstrumentError: it does not take these settings; its output is off.
        """
        of_run = self._plan, self._source
        try:
            self._smu.configure(settings)
            self._plan, self._source = plan, MNEMONIC[plan.source_function]
            self._reads = "pretest reading"
            yield
            self._smu.configure(afterwards)
        finally:
            self._plan, self._source = of_run
            self._reads = "point"

    @contextmanager
    def _output_on(self) -> Iterator[None]:
        self._guard.output_goes_on(self._source, LONGEST_PAUSE)
        self.output_may_be_on = self.output_was_on = True
        try:
            self._smu.output_on()
            self._tell(Doing.OUTPUT_ON, "output on", "smu")
            yield
        except Exception as problem:
            self._tell(Doing.ENDING, str(problem))
            raise
        finally:
            self._switch_off(Doing.ENDING)

    def switch_on(self) -> None:
        """Switch the output on again after :meth:`switch_off`, at zero, inside :meth:`energised`.

        :raises drivers.errors.InstrumentError: it does not go on; :meth:`energised` sees to it that it is off.
        """
        self._guard.output_goes_on(self._source, LONGEST_PAUSE)
        self.output_may_be_on = True
        self._smu.output_on()
        self._tell(Doing.OUTPUT_ON, "output on", "smu")

    def switch_off(self) -> None:
        """Ramp to zero and switch the output off for a while inside :meth:`energised`.

        :raises OutputStateUnknown: it could not be confirmed that the output is off.
        """
        self._switch_off(Doing.OTHER)

    def _switch_off(self, doing: Doing) -> None:
        self._guard.switching_off(LONGEST_PAUSE)
        self._tell(doing, "ramping to zero", "smu")
        try:
            self._smu.output_off()
        except BaseException:  # before anything else is left in order: that may take as long as a spectrum
            link.let_go(self._smu.adapter)
            self._guard.take_over()
            self._tell(Doing.ENDING, "THE OUTPUT MAY STILL BE ON: press OUTPUT on the instrument now", "smu")
            raise
        self.output_may_be_on = False
        self._guard.output_is_off()
        self._tell(Doing.OUTPUT_OFF, "output off, asked", "smu")

    def _tell(self, doing: Doing, text: str, instrument: str = "", lasting: float = nan) -> None:
        """Say what is done from now on to who looks on; nothing that fails there comes between here and the output."""
        with suppress(Exception):
            self._show(Activity(self.now(), instrument, text, lasting, doing))

    def _waiting(self) -> None:
        """Called every 0.2 s while an instrument is waited for; what it raises ends the wait.

        :raises NotGuarded: as :meth:`trigger`.
        """
        self._guard.still()
        self._stop.look()

    def trigger(self, step: Step) -> None:
        """Start both meters; the source goes to the step's level, and both wait the settling time.

        :raises NotGuarded: nothing would switch the output off any more if this process were killed.
        """
        self._guard.beat(self._doing(step), self._source, step.level, LONGEST_PAUSE)
        self._smu.trigger(step.level)
        self._photodiode_meter.trigger()

    def _doing(self, step: Step) -> str:
        """What a reading at this step is for, as people count."""
        if self._exposing:
            return f"spectrum {self._spectra}"
        if step.index >= 0:
            return f"{self._reads} {counted(step.index)}"
        self._dark_readings += 1
        return f"dark reading {self._dark_readings}"

    def collect(self, step: Step, time: float) -> Reading:
        """Wait for both meters and say what they read; overflow is NaN with a flag, and so is what makes no sense.

        :raises drivers.errors.InstrumentError: a meter gives no reading, or the source went off by itself.
        """
        source, light, remark = _NO_SOURCE, _NO_LIGHT, ""
        self._room.look()  # while the meters integrate
        with self._stop.interruptible():
            try:
                source = self._smu.read()
                light = self._photodiode_meter.poll(_MOMENT) or self._late_light(step, time, source)
            except errors.UnexpectedReply as problem:
                remark = str(problem)
                self._clear_meters()
        return _reading(step, time, source, light, remark, self._room.at(time))

    def surroundings(self) -> Surroundings:
        """Temperature and relative humidity of the air beside the bench, now; NaN where they are not known."""
        self._room.look()
        return self._room.at(self.now())

    def _late_light(self, step: Step, time: float, source: SmuReading) -> DmmReading:
        """The reading of the photodiode's meter; until it comes, the source is read again and again at its level.

        :raises BeyondLimits: the source has more than the bench may have.
        :raises drivers.errors.InstrumentTimeout: a reading is overdue.
        """
        require_within(_reading(step, time, source, _NO_LIGHT), self._plan.read_back)
        overdue = time + self._photodiode_meter.reading_patience
        source_overdue = inf  # no reading of the source is on its way
        light = None
        while light is None:
            if self.now() >= overdue - _ROUNDING:
                raise self._photodiode_meter.overdue()
            if self.now() >= source_overdue - _ROUNDING:
                raise self._smu.overdue()
            if source_overdue == inf:
                self._smu.trigger_same_level()
                source_overdue = self.now() + self._smu.reading_patience
            if (again := self._smu.poll(self._moment(overdue, source_overdue))) is not None:
                require_within(_reading(step, time, again, _NO_LIGHT), self._plan.read_back)
                source_overdue = inf
            light = self._photodiode_meter.poll(self._moment(overdue, source_overdue))
        if source_overdue < inf and self._smu.poll(_MOMENT) is None:
            self._smu.device_clear()  # a long reading that is no longer needed
        return light

    def _moment(self, *overdue: float) -> float:
        """How long to look for one of two readings before the other is looked for, s."""
        return max(min(_MOMENT / 2, *(moment - self.now() for moment in overdue)), 0.0)

    def _clear_meters(self) -> None:
        """Drop whatever is left of an exchange that went wrong, so that the next reply belongs to the next reading."""
        self._smu.device_clear()
        self._photodiode_meter.device_clear()

    def _why(self, problem: errors.InstrumentTimeout) -> errors.InstrumentError:
        """The problem itself, or what the instrument that gave no reading says of it; the output is off by now."""
        of_meter = problem.where.startswith(str(self._photodiode_meter.name))
        return self._photodiode_meter.why_no_reading(problem) if of_meter else self._smu.why_no_reading(problem)

    def run_burst(self, steps: Sequence[Step], stop_requested: Callable[[], str]) -> list[Reading]:
        """Let source and meter run these steps by themselves over the trigger link; levels in V or A.

        The meter waits for triggers before the source starts. Fewer readings when a stop was requested on the way:
        the output is off then.

        :raises drivers.errors.InstrumentError: a meter gives no readings, or the source went off by itself.
        """
        levels = self._listed([step.level for step in steps])
        self._tell_of_burst(steps, _CHARACTERS_SENT * len(levels))
        with self._stop.interruptible():
            self._photodiode_meter.arm_buffer(len(levels))
            duration = self._smu.program_sweep(levels, self._settle_in_burst, linked=True)
        left = _OVERDUE + _SLOWEST * (duration + len(steps) * self._plan.time_per_point)
        started = self.now()
        self._tell_of_burst(steps, 0)
        self._smu.start_sweep()
        while not self._burst_finished():
            left -= BURST_POLL  # what was waited: a computer that stood still meanwhile has not looked
            if stop_requested() or left < 0:
                return self._cut_off(steps, started, stop_requested())
        try:
            with self._stop.interruptible():
                self._photodiode_meter.wait_for_buffer(_OVERDUE + self._plan.time_per_point)
                self._tell_of_burst(steps, _CHARACTERS_STORED * len(levels))
                return self._burst(steps, started, self._smu.read_sweep(), self._photodiode_meter.read_buffer())
        except KeyboardInterrupt:  # on a slow line a full buffer takes a minute: off first, then once more
            return self._cut_off(steps, started, stop_requested(), half_read=True)
        except errors.InstrumentTimeout:
            return self._cut_off(steps, started, "")

    def _listed(self, levels: Sequence[float]) -> Sequence[float]:
        """What goes into the memory for points at these levels (V or A): with pulses the rests between them too."""
        return levels if self._plan.pulse is None else self._plan.pulse.levels(levels)

    @property
    def _settle_in_burst(self) -> float:
        """The wait between a level and its reading in the instruments' own sweep, s."""
        return self._plan.settle if self._plan.pulse is None else self._plan.pulse.source_delay

    def _tell_of_burst(self, steps: Sequence[Step], characters: int) -> None:
        """Tell the guardian that the level is not known now, and that so many characters are on their way.

        :raises NotGuarded: as :meth:`trigger`.
        """
        doing = f"points {counted(steps[0].index)} to {counted(steps[-1].index)} from the memory of the source"
        within = LONGEST_PAUSE + self._transfer(characters)
        self._guard.beat(doing, self._source, nan, within)

    def _transfer(self, characters: int) -> float:
        """How long so many characters take on the lines of source and meter, s: nothing is waited for meanwhile."""
        return sum(link.transfer_time(part.adapter, characters) for part in (self._smu, self._photodiode_meter))

    def _cut_off(
        self, steps: Sequence[Step], started: float, stop_requested: str, *, half_read: bool = False
    ) -> list[Reading]:
        """What a burst has read so far, once the output is off; ``half_read``: a reply may be on its way."""
        listed = len(self._listed([step.level for step in steps]))
        self._guard.switching_off(LONGEST_PAUSE + self._transfer(_CHARACTERS_STORED * listed))
        sources = self._smu.stop_sweep()
        if half_read:
            self._photodiode_meter.device_clear()
        lights = self._photodiode_meter.read_buffer()
        taken = min(len(sources), len(lights))
        if not stop_requested:
            what = f"the sweep stopped after {taken} of {listed} {'points' if listed == len(steps) else 'levels'}"
            raise errors.InstrumentTimeout(self._smu.name, what, "Check the trigger-link cable")
        return self._burst(steps, started, sources[:taken], lights[:taken])

    def _burst(
        self, steps: Sequence[Step], started: float, sources: Sequence[SmuReading], lights: Sequence[DmmReading]
    ) -> list[Reading]:
        """The readings of the points among those of a burst, fewer than ``steps`` where it was cut off.

        The n-th of both meters belong together; the source's buffer counts from its start.

        :raises ValueError: there are not as many of one as of the other.
        """
        stamps = [source.time for source in sources]
        pulse = self._plan.pulse
        places = range(len(stamps)) if pulse is None else pulse.places(len(stamps))
        widths = [nan] * len(places) if pulse is None else achieved_widths(stamps, places)
        pairs = list(zip(sources, lights, strict=True))
        return [
            replace(
                _reading(step, time := started + stamps[place], *pairs[place], "", self._room.at(time)),
                pulse_width=width,
            )
            for step, place, width in zip(steps, places, widths, strict=False)
        ]

    def _burst_finished(self) -> bool:
        self._room.look()
        with self._stop.interruptible():
            return self._smu.poll_sweep(BURST_POLL)

    def queued_errors(self) -> Iterator[str]:
        """What source and photodiode meter have queued since they were last asked, and what befell the logger.

        What the source said is told before the meter is asked, which may not answer.

        :raises drivers.errors.InstrumentError: one of them gives no answer.
        """
        for who, instrument in (("the source", self._smu), ("the photodiode meter", self._photodiode_meter)):
            found: list[str] = []
            try:
                with self._stop.interruptible():
                    found = instrument.drain_errors()
            except errors.UnexpectedReply:
                instrument.device_clear()
            yield from (f"{who} queued {error}" for error in found)
        yield from self._room.remarks()

    @property
    def takes_spectra(self) -> bool:
        """Whether there is a spectroradiometer that answers, or may answer again."""
        return self._spectroradiometer is not None and self._silent_spectra < MOST_SILENT_SPECTRA

    def start_exposure(self, mode: ExposureMode) -> None:
        """Start a spectrum that is exposed so.

        :raises SpectrumNotTaken: it can't be, or there is no spectroradiometer.
        """
        if self._spectroradiometer is None:
            raise SpectrumNotTaken("this bench has no spectroradiometer")
        self._spectra += 1
        with self._costs_the_spectrum_at_most(self._spectroradiometer):
            self._spectroradiometer.trigger(ExposureSetting(mode.speed, mode.internal_nd, mode.integration_time))
            self._exposing = True

    @property
    def exposure_stage(self) -> tuple[str, float]:
        """What the spectroradiometer does, in words, and how long it takes, s; no words while it integrates."""
        meter = self._spectroradiometer
        if meter is None or not self._exposing:
            return "", nan
        if meter.exposing:
            return "", meter.expected_duration or nan
        return "preparing" if meter.expected_duration is None else "reading out", nan

    def exposure_finished(self, wait: float) -> bool:
        """Whether the spectrum is taken and read out, waiting at most ``wait`` s; no longer than for a stop.

        :raises TooMuchLight: there was too much light for it.
        :raises SpectrumNotTaken: it failed, or the instrument is overdue.
        """
        assert self._spectroradiometer is not None
        self._guard.still()
        until = self.now() + wait
        with self._costs_the_spectrum_at_most(self._spectroradiometer), self._stop.interruptible():
            for _ in range(MOST_POLLS):
                if self._spectroradiometer.poll(max(until - self.now(), 0.0)):
                    self._exposing = False
                    return True
                if self._stop() or self.now() >= until - SHORTEST_WAIT:
                    break
        return False

    @contextmanager
    def _costs_the_spectrum_at_most(self, meter: CS2000A) -> Iterator[None]:
        """Turn whatever the spectroradiometer fails in into a spectrum that is missing."""
        try:
            yield
        except NotGuarded:  # came up in a wait for it, and is not its failure
            raise
        except errors.InstrumentError as problem:
            self._exposing = False
            self._silent_spectra = self._silent_spectra + 1 if meter.silent else 0
            alone = "" if self.takes_spectra else "; the spectroradiometer is left alone for the rest of the run"
            kind = TooMuchLight if isinstance(problem, OverRange) else SpectrumNotTaken
            raise kind(f"{problem}{alone}") from problem

    def read_spectrum(self, index: int, step: Step) -> Spectrum:
        """The spectrum just taken.

        :raises SpectrumNotTaken: the instrument has none after all.
        """
        assert self._spectroradiometer is not None
        with self._costs_the_spectrum_at_most(self._spectroradiometer):
            reading = self._spectroradiometer.read_spectrum()
        self._silent_spectra = 0
        start, stop = (moment - self._started for moment in self._spectroradiometer.exposure_times)
        own = reading.colorimetry
        return Spectrum(
            index=index,
            point_index=step.index,
            branch=step.branch,
            start=start,
            stop=stop,
            spectral_radiance=np.asarray(reading.spectral_radiance, dtype=float),
            integration_time=reading.conditions.integration_time,
            meter_luminance=own.luminance,
            meter_x=own.x,
            meter_y=own.y,
            contradictions=reading.mismatch,
            too_dark=reading.below_range,
            cycle=step.cycle,
            speed_mode=reading.conditions.speed_mode,
            internal_nd=reading.conditions.internal_nd,
            asked_luminance=step.asked_luminance,
        )

    def instrument_records(self) -> tuple[InstrumentRecord, ...]:
        """Identity, address and settings, as read back, of every instrument."""
        roles: dict[str, Any] = {"smu": self._smu, "photodiode_meter": self._photodiode_meter}
        if self._spectroradiometer is not None:
            roles["spectroradiometer"] = self._spectroradiometer
        roles |= {role: instrument for role, instrument in self._others.items() if instrument is not None}
        return tuple(
            InstrumentRecord(
                role,
                ", ".join(filter(None, astuple(instrument.identify()))),
                link.resource_of(instrument.adapter),
                {key: value for key, value in instrument.settings().items() if value is not None},
                models.name_of(instrument.specification),
            )
            for role, instrument in roles.items()
        )

    def close(self) -> None:
        """Give up a running spectrum; the output is off by then. The links stay open."""
        try:
            if self._spectroradiometer is not None:
                if self._exposing:
                    waiting = f"waiting for the {self._spectroradiometer.name}, up to {LONGEST_CANCEL:.0f} s"
                    self._tell(Doing.ENDING, waiting, "spectroradiometer")
                with suppress(errors.InstrumentError):
                    self._spectroradiometer.shutdown()  # gives the operator the keys back
        finally:
            self._call_while_waiting(lambda: None)  # guard and stop are those of this run


def _reading(
    step: Step,
    time: float,
    source: SmuReading,
    light: DmmReading,
    remark: str = "",
    room: Surroundings = UNKNOWN,
) -> Reading:
    """Both meters' readings as one; overflow is NaN with a flag."""
    flags = PointFlag.NONE
    status = int(source.status)
    if status & _ANY_STATUS_FLAG:
        flags = PointFlag(sum(flag for bit, flag in _STATUS_FLAGS.items() if source.status & bit))
    if light.overflow:
        flags |= PointFlag.PHOTODIODE_OVERFLOW
    elif not isfinite(light.value):
        flags |= PointFlag.NO_PHOTODIODE_READING
    if not (isfinite(source.voltage) and isfinite(source.current)):
        flags |= PointFlag.NO_SOURCE_READING
    return Reading(
        step.index,
        step.branch,
        step.level,
        time,
        source.voltage,
        source.current,
        light.value,
        source.time,
        status,
        flags,
        remark,
        step.cycle,
        *room,
    )
