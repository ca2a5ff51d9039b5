"""Where the events of a run go: one critical sink, which is waited for, and spectators, which can never hold a run."""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable

from acquire.records import Activity, Event, Finding, Note, Record, RunStart, RunStop, Spectrum

Sink = Callable[[Event], None]

#: Events that a spectator may fall behind before it is shown fewer of them.
LONGEST_QUEUE = 20_000

#: A spectator that draws nothing for so long when it is closed is not waited for [s]; nor one that draws longer in all.
PATIENCE, LONGEST_PATIENCE = 1.0, 3.0

#: Never left out, however long the queue: what a person must know, and the two ends of a run.
_ALWAYS_SHOWN = (RunStart, RunStop, Note, Finding, Activity)


def fan_out(critical: Sink, spectators: list[Sink], now: Callable[[], float]) -> Sink:
    """One sink out of many: ``critical`` gets an event first, and only what it has taken is shown.

    What is being done (:class:`acquire.records.Activity`) is shown only.

    A failure of ``critical`` is the caller's; a spectator that fails is switched off, and ``critical`` gets a note.
    ``now`` gives the time of that note [s]. ``spectators``: one that fails is taken out of the list itself.
    """

    def emit(event: Event) -> None:
        if not isinstance(event, Activity):
            critical(event)
        for text in shown(event, spectators):
            critical(Note(now(), text))

    return emit


def shown(event: Event, spectators: list[Sink]) -> list[str]:
    """Hand an event to all spectators; one that fails is taken out, and what is to be noted of it is returned."""
    remarks: list[str] = []
    for spectator in tuple(spectators):
        try:
            spectator(event)
        except Exception as problem:
            spectators.remove(spectator)
            remarks.append(switched_off(problem))
    return remarks


def switched_off(problem: Exception) -> str:
    """What to note of a spectator that failed."""
    return f"the display failed and was switched off: {type(problem).__name__}: {problem}"


class Spectator:
    """A sink in a thread of its own: handing it an event never waits.

    What it cannot draw in time is left out, points first. What fails in its thread is raised at the next event, in
    the thread of the run, where :func:`fan_out` switches it off. ``finish`` is called in its thread at the end.

    With a ``period`` [s], events are taken so often, all at once, and then ``tick`` is called, also where there are
    none: a display that is drawn so often and no oftener, and a run that wakes no thread with each of its points.
    ``tick`` says whether all that was taken is drawn by now.
    """

    def __init__(
        self,
        draw: Sink,
        finish: Callable[[], None] = lambda: None,
        longest_queue: int = LONGEST_QUEUE,
        *,
        tick: Callable[[], bool] = lambda: True,
        period: float | None = None,
    ) -> None:
        self._draw = draw
        self._tick = tick
        self._period = period
        self._finish = finish
        self._longest_queue = longest_queue
        self._queue: deque[Event] = deque()
        self._underway: list[Event] = []  # taken, and not known to be drawn yet
        self._drawn = 0
        self._changed = threading.Condition()
        self._closing = False
        self._left_out: list[Event] = []
        self._failure: Exception | None = None
        self._thread = threading.Thread(target=self._run, name="spectator", daemon=True)
        self._thread.start()

    def __call__(self, event: Event) -> None:
        """Hand over an event.

        :raises Exception: drawing an earlier one failed with it.
        """
        self.require_no_failure()
        with self._changed:
            if len(self._queue) >= self._longest_queue:
                self._make_room()
            self._queue.append(event)
            if self._period is None:
                self._changed.notify()

    def require_no_failure(self) -> None:
        """Say once that drawing failed.

        :raises Exception: what it failed with.
        """
        failure, self._failure = self._failure, None
        if failure is not None:
            raise failure

    @property
    def stuck(self) -> bool:
        """Whether it was closed while an event could not be drawn: what it draws on takes nothing."""
        return self._closing and self._thread.is_alive()

    def _make_room(self) -> None:
        """Leave out the oldest event that may be: a point if there is one, else a spectrum."""
        for kept in ((*_ALWAYS_SHOWN, Spectrum), _ALWAYS_SHOWN):
            for place, waiting in enumerate(self._queue):
                if not isinstance(waiting, kept):
                    self._left_out.append(waiting)
                    del self._queue[place]
                    return

    def _run(self) -> None:
        try:
            while self._goes_on():
                while (event := self._next()) is not None:
                    self._draw(event)
                if self._tick():
                    self._all_drawn()
            self._finish()
            self._all_drawn()
        except Exception as problem:
            with self._changed:
                self._failure = problem
                self._queue.clear()
                self._underway = []

    def _goes_on(self) -> bool:
        """Wait for what is to be drawn next; false at the end."""
        with self._changed:
            if self._period is None:
                self._changed.wait_for(lambda: self._queue or self._closing)
            else:
                self._changed.wait_for(lambda: self._closing, self._period)
            return bool(self._queue) or not self._closing

    def _all_drawn(self) -> None:
        with self._changed:
            self._underway = []
            self._drawn += 1

    def _next(self) -> Event | None:
        """The next event that waits; None where there is none."""
        with self._changed:
            self._drawn += 1
            if self._period is None:
                self._underway = []
            if not self._queue:
                return None
            self._underway.append(event := self._queue.popleft())
            return event

    def close(self, patience: float = PATIENCE, longest: float = LONGEST_PATIENCE) -> list[Event]:
        """Let it draw what is left, as long as it draws one event within ``patience``, and all within ``longest`` [s].

        Returns the events that were not drawn, those left out before first; at a second call there are none.
        """
        with self._changed:
            self._closing = True
            self._changed.notify()
        end = time.monotonic() + longest
        drawn = -1
        while self._thread.is_alive() and drawn != self._drawn and time.monotonic() < end:
            drawn = self._drawn
            self._thread.join(min(patience, max(end - time.monotonic(), 0.0)))
        with self._changed:
            rest = [*self._left_out, *self._underway, *self._queue]
            self._left_out, self._underway = [], []
            self._queue.clear()
        return rest


def not_shown(events: Iterable[Event]) -> str:
    """What to note of events that a display did not get to; empty when there is nothing a person would miss."""
    kinds = Counter(type(event) for event in events)
    counted = [
        f"{kinds[kind]} {one if kinds[kind] == 1 else more}" for kind, (one, more) in _NAMES.items() if kinds[kind]
    ]
    return f"the display took nothing any more; not shown: {', '.join(counted)}" if counted else ""


_NAMES: dict[type, tuple[str, str]] = {
    Record: ("point", "points"),
    Spectrum: ("spectrum", "spectra"),
    Note: ("note", "notes"),
    Finding: ("finding", "findings"),
    RunStop: ("end of the run", "ends of the run"),
}
