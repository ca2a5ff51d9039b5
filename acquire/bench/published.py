"""What a run says of itself while it goes on, for who looks at it from another process; one more spectator.

It takes an event in a moment and keeps no thread: the mailbox asks it when something is to be published.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from math import isfinite, nan
from typing import Any

from acquire.records import (
    Activity,
    Branch,
    Doing,
    Event,
    LifetimePoint,
    Record,
    RunStart,
    RunStop,
    Spectrum,
    counted,
)
from acquire.safety.interruption import StopRequest
from acquire.sweep.remaining import Remaining

#: What kind of activity is which phase; the others change none.
_PHASES = {
    Doing.OPENING: "opening",
    Doing.DARK_BEFORE: "measuring",
    Doing.SWEEP: "measuring",
    Doing.DARK_AFTER: "measuring",
    Doing.PAUSED: "paused",
    Doing.ENDING: "ending",
}

#: The kind of a run whose levels a person sets.
BY_HAND = "by_hand"


class Published:
    """Takes the events of one run; ``exposures`` [s] of its spectra and ``dark`` readings afterwards as planned.

    ``kind``: sweep, lifetime, or by_hand, of which nobody knows how long it takes.
    """

    def __init__(
        self,
        stop: StopRequest,
        exposures: tuple[float, ...] = (),
        dark: int = 0,
        *,
        kind: str = "sweep",
    ) -> None:
        self._stop = stop
        self._planned = exposures, dark
        self._kind = kind
        self._remaining = Remaining(0, nan)
        self._left = nan
        self._phase = "opening"
        self._output, self._asked = "unknown", ""
        self._activities: dict[str, str] = {}
        self._done = self._points = self._spectra = 0
        self._run: dict[str, str] = {}
        stop.mailbox.tells(self.said)

    def __call__(self, event: Event) -> None:
        """Take an event."""
        if isinstance(event, Record):
            if event.reading.branch is not Branch.AFTERWARDS:
                self._done = counted(event.reading.index)
            self._remaining.point(event.reading.time)
        elif isinstance(event, LifetimePoint):
            self._done += 1
        elif isinstance(event, Activity):
            self._activity(event)
        elif isinstance(event, Spectrum):
            self._spectra += 1
            self._remaining.spectrum(event.stop - event.start)
        elif isinstance(event, RunStart):
            self._start(event)
        elif isinstance(event, RunStop):
            self._phase = "ending"

    def _start(self, run: RunStart) -> None:
        names = (str(run.sample.get(key, "")) for key in ("name", "pixel"))
        self._run = {
            "run_id": run.run_id,
            "path": run.path,
            "title": run.title,
            "start_time": run.start_time,
            "source_unit": run.source_unit,
            "measured_by": run.user,
            "sample": " ".join(filter(None, names)),
        }
        self._points, self._phase = run.points, "measuring"
        self._remaining = Remaining(run.points, run.time_per_point, *self._planned)

    def _activity(self, activity: Activity) -> None:
        self._activities[activity.instrument] = activity.text
        self._phase = _PHASES.get(activity.doing, self._phase)
        if activity.doing in (Doing.OUTPUT_ON, Doing.OUTPUT_OFF):
            self._output = "on" if activity.doing is Doing.OUTPUT_ON else "off"
            self._asked = datetime.now(UTC).astimezone().isoformat(timespec="milliseconds")
        self._remaining.pause()

    def output_is(self, *, off: bool) -> None:
        """How the output was left when the run was over."""
        self._output, self._asked = ("off", self._asked) if off else ("unknown", "")

    def said(self) -> dict[str, Any]:
        """What is to be published now."""
        left = self._seconds_left()
        return {
            **self._run,
            "kind": self._kind,
            "phase": "ending" if self._stop() and self._phase != "opening" else self._phase,
            "doing": self._doing(),
            "output": self._output,
            "asked": self._asked,
            "instruments": {role: text for role, text in dict(self._activities).items() if role and text},
            "points": self._done,
            "most_points": self._points,
            "spectra": self._spectra,
            "left": round(left, 1) if isfinite(left) else None,
        }

    def _doing(self) -> str:
        if why := self._stop():
            return why
        text = self._activities.get("", "") or "opening the bench"
        text = f"point {self._done} of {self._points}" if text == "sweep" else text
        by = self._stop.pause()
        return f"{text}, then paused by {by}" if by and self._phase != "paused" else text

    def _seconds_left(self) -> float:
        if self._kind == BY_HAND:
            return nan
        with suppress(RuntimeError):  # a point came meanwhile
            self._left = self._remaining.seconds()
        return self._left
