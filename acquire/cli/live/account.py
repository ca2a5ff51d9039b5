"""What a run has told so far, as people follow it. No clock of its own, nothing is drawn here."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import isfinite, nan

from acquire.cli.display import finding_text, level_text, spectrum_text
from acquire.cli.live.outlook import Outlook
from acquire.cli.live.rows import FLAG_WORDS, remarks
from acquire.records import (
    FLAG_MEANINGS,
    LIMITED,
    Activity,
    Branch,
    DarkReading,
    Doing,
    Event,
    ExposureSample,
    Finding,
    Note,
    PointFlag,
    Record,
    RunStart,
    Severity,
    Spectrum,
    counted,
)
from acquire.sweep.remaining import Remaining

#: Of so many points the share of L_0 is remembered until they are drawn.
_REMEMBERED = 256

#: What is over so soon is not timed, s.
SOON = 1.5

#: Flags of nearly every run at its beginning: no explanation is due.
_USUAL = PointFlag.BELOW_DARK_NOISE


@dataclass(frozen=True)
class Remark:
    """A line between the points; ``kind`` is said, note, doubt, spectrum or doing."""

    text: str
    kind: str = "said"


Entry = Record | Remark


@dataclass(frozen=True)
class Latest:
    """What the meters said last: V, A, cd/m^2, and the photodiode meter's signal in V or A."""

    voltage: float = nan
    current: float = nan
    luminance: float = nan
    signal: float = nan


class Account:
    """Takes the events of a run one by one; ``clock`` gives the time on the wall [s]."""

    def __init__(self, outlook: Outlook, clock: Callable[[], float]) -> None:
        self.outlook = outlook
        self.points = outlook.points
        self.source_unit, self.photodiode_unit, self.path = "V", "V", ""
        self.done = self.spectra = self.dark_readings = 0
        self.latest = Latest()
        #: V, A/m^2 and cd/m^2 of each point.
        self.curve: list[tuple[float, float, float]] = []
        self.activities: dict[str, Activity] = {}
        #: What is done to end the run, step by step, once that has begun.
        self.ending: list[str] = []
        self.output_on = False
        #: What limits the source at the last point, in words.
        self.limited = ""
        self.stopped = False
        self._shares: dict[int, float] = {}
        self._clock = clock
        self._time, self._arrived = 0.0, clock()
        self._explained = PointFlag.NONE
        self._spectrum_begun = 0.0
        self._remaining = Remaining(self.points, outlook.time_per_point, outlook.exposures, outlook.dark_after)

    # What is told

    def take(self, event: Event) -> Iterator[Entry]:
        """Take an event; gives what is to be written of it, line by line."""
        if isinstance(event, Record):
            yield from self._point(event)
        elif isinstance(event, Activity):
            yield from self._activity(event)
        elif isinstance(event, ExposureSample):
            self._at(event.time)
            self.latest = Latest(event.voltage, event.current, event.luminance, event.photodiode_signal)
        elif isinstance(event, DarkReading):
            self._at(event.time)
            self.dark_readings += 1
            self.latest = Latest(event.voltage, event.current, 0.0, event.photodiode_signal)
        elif isinstance(event, Spectrum):
            self._at(event.stop)
            self.spectra += 1
            self._remaining.spectrum(event.stop - event.start)
            yield Remark(spectrum_text(event), "spectrum")
        elif isinstance(event, Note):
            yield Remark(f"note: {event.text}", "note")
        elif isinstance(event, Finding):
            yield Remark(finding_text(event), "note" if event.severity is Severity.NOTE else "doubt")
        elif isinstance(event, RunStart):
            self._start(event)

    def _start(self, run: RunStart) -> None:
        self.points, self.path = run.points, run.path
        self.source_unit, self.photodiode_unit = run.source_unit, run.photodiode_unit
        self._remaining = Remaining(run.points, run.time_per_point, self.outlook.exposures, self.outlook.dark_after)
        self._at(0.0)

    def share_of(self, record: Record) -> float:
        """L/L_0 of a point of a lifetime that came not long ago; NaN of any other, and while L_0 is not known."""
        return self._shares.get(record.reading.index, nan)

    @property
    def share_told(self) -> Callable[[Record], float] | None:
        """What tells L/L_0 of a point; None where the run is no lifetime."""
        return self.share_of if self.outlook.lifetime is not None else None

    def _note_share(self, record: Record) -> None:
        rows = self.outlook.lifetime
        if rows is None:
            return
        if record.reading.cycle:
            rows.of_curve(record)
            return
        self._shares[record.reading.index] = rows.of_course(record).relative_luminance
        self._shares.pop(record.reading.index - _REMEMBERED, None)

    def _point(self, record: Record) -> Iterator[Entry]:
        reading = record.reading
        self._note_share(record)
        self._at(reading.time)
        of_sweep = reading.branch is not Branch.AFTERWARDS
        self.done = counted(reading.index) if of_sweep else self.done
        self._remaining.point(reading.time)
        self.latest = Latest(reading.voltage, reading.current, record.luminance, reading.photodiode_signal)
        self.limited = ", ".join(remarks(record.flags & LIMITED))
        if of_sweep:
            self.curve.append((reading.voltage, record.current_density, record.luminance))
        yield record
        yield from self._explanations(record)

    def _explanations(self, record: Record) -> Iterator[Remark]:
        """What a flag means, where it comes for the first time."""
        if not (new := record.flags & ~self._explained):
            return
        self._explained |= new
        for flag in FLAG_WORDS:
            if flag & new & ~_USUAL:
                yield Remark(f"{FLAG_WORDS[flag]}: {FLAG_MEANINGS[flag]}", "note")

    def _activity(self, activity: Activity) -> Iterator[Remark]:
        self._at(activity.time)
        before = self.activities.get(activity.instrument)
        if activity.doing is Doing.SPECTRUM and (before is None or before.doing is not Doing.SPECTRUM):
            self._spectrum_begun = activity.time
        self.activities[activity.instrument] = activity
        if activity.doing in (Doing.OUTPUT_ON, Doing.OUTPUT_OFF):
            self.output_on = activity.doing is Doing.OUTPUT_ON
            self.ending = [] if self.output_on else self.ending  # it went off for a while only
        if activity.doing in (Doing.DARK_BEFORE, Doing.DARK_AFTER):
            self.dark_readings = 0
        self._remaining.pause()
        if activity.doing is Doing.ENDING or self.ending:
            self.ending += [activity.text] if activity.text else []
        if activity.text and activity.doing is not Doing.READY and (before is None or before.text != activity.text):
            yield Remark(activity.text, "doing")

    def asked_to_stop(self, reason: str) -> Iterator[Remark]:
        """A stop that was asked for: what comes of it from here, said once."""
        if not reason or self.stopped:
            return
        self.stopped = True
        self.ending.insert(0, reason)
        if self.output_on:
            yield Remark(f"{reason}: the reading under way ends, then the output goes to zero and off", "doubt")
        else:
            yield Remark(f"{reason}: the run ends; its output is not on", "doubt")

    # How far it is

    def _at(self, time: float) -> None:
        self._time, self._arrived = max(self._time, time), self._clock()

    def elapsed(self) -> float:
        """Seconds since the start of the run, by the bench's clock."""
        since = self._clock() - self._arrived if self.outlook.real_time else 0.0
        return self._time + since

    def remaining(self) -> float:
        """Seconds to go."""
        return self._remaining.seconds(self._exposed())

    def _exposed(self) -> float:
        """How long the spectrum under way has gone on, s."""
        activity = self.activities.get("spectroradiometer")
        under_way = activity is not None and activity.doing is Doing.SPECTRUM
        return self.elapsed() - self._spectrum_begun if under_way else 0.0

    # In words

    def doing(self) -> str:
        """What the run does."""
        if self.ending:
            return " ... ".join(self.ending)
        activity = self.activities.get("")
        if activity is None:
            return "opening the bench"
        if activity.doing in (Doing.DARK_BEFORE, Doing.DARK_AFTER):
            outlook, after = self.outlook, activity.doing is Doing.DARK_AFTER
            wanted = outlook.dark_after if after else outlook.dark_before
            return f"reading dark {min(counted(self.dark_readings), wanted)} of {wanted}" if wanted else activity.text
        if (spectrum := self.activities.get("spectroradiometer")) and spectrum.doing is Doing.SPECTRUM:
            return self._timed(spectrum)
        if activity.doing is Doing.SWEEP:
            return self._next_point()
        return self._timed(activity)

    def _next_point(self) -> str:
        if self.done >= self.points:
            return "all points read"
        level = self.outlook.levels[self.done : counted(self.done)]
        at = f" at {level_text(level[0], self.source_unit).strip()}" if level else ""
        return f"point {counted(self.done)} of {self.points}{at}"

    def instrument(self, role: str) -> str:
        """What an instrument does; empty where nothing is known."""
        activity = self.activities.get(role)
        over = activity is None or (activity.doing is Doing.READY and isfinite(self.latest.voltage))
        return "" if activity is None or over else self._timed(activity)

    def _timed(self, activity: Activity) -> str:
        """The activity, and how long it has gone on."""
        since = max(self.elapsed() - activity.time, 0.0)
        if isfinite(activity.lasting):
            return f"{activity.text}, {since:.0f} of about {activity.lasting:.0f} s"
        takes_long = since >= SOON and activity.doing in (Doing.OPENING, Doing.SPECTRUM, Doing.ENDING)
        return f"{activity.text}, {since:.0f} s" if takes_long else activity.text
