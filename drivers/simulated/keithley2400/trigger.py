"""The trigger model of the 2400: arm layer around trigger layer, written down as the order of things.

The model is a generator. It yields either seconds to let pass or what it waits for (:class:`Awaited`); a
:class:`TriggerRun` drives it from events on the clock. Source: Keithley Series 2400 User's Manual
2400S-900-01, section 11.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Protocol

from drivers.simulated.clock import Clock, Event
from drivers.simulated.keithley2400.ranges import link_latency
from drivers.simulated.keithley2400.settings import Settings
from drivers.simulated.trigger_link import LINES, TriggerLink

WAITING_FOR_TRIGGER, WAITING_FOR_ARM = 1 << 5, 1 << 6


@dataclass(frozen=True)
class Awaited:
    """An event that the model waits for, and the operation bit that tells in which layer."""

    event: str
    layer: int


Wait = Generator[float | Awaited, None, None]


class TriggerLines:
    """The trigger-link connector: pulses out, and pulses in that are remembered until they are waited for."""

    def __init__(self, link: TriggerLink | None, latch_depth: int, arrived: Callable[[str], bool]) -> None:
        self._link = link
        self._latch_depth = latch_depth
        self._arrived = arrived
        self._latched = dict.fromkeys(LINES, 0)
        self._sending = False
        for line in LINES if link is not None else ():
            self._listen(line)

    def _listen(self, line: int) -> None:
        if self._link is not None:
            self._link.subscribe(line, lambda: self._hear(line))

    def _hear(self, line: int) -> None:
        if not self._sending and not self._arrived(link_event(line)):
            self._latched[line] = min(self._latched[line] + 1, self._latch_depth)

    def send(self, line: int) -> None:
        """Pulse a line; the instrument does not hear itself."""
        if self._link is not None:
            self._sending = True
            try:
                self._link.pulse(line)
            finally:
                self._sending = False

    def take(self, line: int) -> bool:
        """Use up a remembered pulse, if there is one."""
        if not self._latched[line]:
            return False
        self._latched[line] -= 1
        return True

    def forget(self) -> None:
        """``TRIG:CLE``: drop the remembered pulses."""
        self._latched = dict.fromkeys(LINES, 0)


def link_event(line: int) -> str:
    """The name of a pulse on a trigger-link line."""
    return f"link {line}"


class Triggered(Protocol):
    """What the trigger model asks of the source-meter."""

    settings: Settings
    lines: TriggerLines

    def time_to_arm(self, *, first: bool) -> float:
        """The seconds until the arm timer ticks."""

    def recall_point(self, index: int) -> float:
        """Take the setup of point ``index`` of a memory sweep; the seconds that takes."""

    def switch_output(self, *, on: bool) -> None:
        """Switch the output, here off by itself once the trigger count is reached."""

    def source(self, index: int) -> float:
        """Put the level of this point on the terminals; the seconds until conversion may start."""

    def convert(self) -> float:
        """The seconds that the conversions of this point take."""

    def sweeps_in_compliance(self) -> bool:
        """Whether a sweep has come to where the compliance holds the source."""

    def change_range(self) -> bool:
        """Whether autoranging moves to another range, so that the point starts again."""

    def store_reading(self) -> bool:
        """Take the reading; whether the run goes on."""

    def pulses(self) -> tuple[str, ...]:
        """Which of SOUR, DEL and SENS give an output pulse."""

    def pause(self, duration: float) -> float:
        """The seconds that a duration takes here."""


def trigger_model(instrument: Triggered) -> Wait:
    """The two layers, from leaving idle to reaching it again."""
    settings = instrument.settings
    awaited = settings.trigger_input if settings.trigger_source == "TLIN" else ()
    pulses = instrument.pulses()
    index = 0
    for arm in itertools.count() if math.isinf(settings.arm_count) else range(int(settings.arm_count)):
        if settings.arm_source != "IMM":
            yield from _arm_detector(instrument, first=arm == 0)
        if settings.arm_output == "TENT":
            instrument.lines.send(settings.arm_output_line)
        for trigger in range(settings.trigger_count):
            if settings.memory_sweep:
                yield instrument.recall_point(index)
            if "SOUR" in awaited and not (trigger == 0 and settings.trigger_direction == "SOUR"):
                yield from _link_detector(instrument, settings.trigger_input_line, WAITING_FOR_TRIGGER)
            if settings.trigger_delay:
                yield instrument.pause(settings.trigger_delay)
            measured = yield from _source_delay_measure(instrument, index, awaited, pulses)
            if not measured or not instrument.store_reading():
                return
            if "SENS" in pulses:
                instrument.lines.send(settings.trigger_output_line)
            index += 1
        if settings.auto_off:
            instrument.switch_output(on=False)
        if settings.arm_output == "TEX":
            instrument.lines.send(settings.arm_output_line)


def _arm_detector(instrument: Triggered, *, first: bool) -> Wait:
    settings = instrument.settings
    source = settings.arm_source
    bypassed = first and settings.arm_direction == "SOUR"
    if source == "TIM":
        yield instrument.time_to_arm(first=first)
    elif source == "TLIN" and not bypassed:
        yield from _link_detector(instrument, settings.arm_input_line, WAITING_FOR_ARM)
    elif source in ("BUS", "MAN") or (source in ("NST", "PST", "BST") and not bypassed):
        yield Awaited(source, WAITING_FOR_ARM)


def _source_delay_measure(
    instrument: Triggered, index: int, awaited: tuple[str, ...], pulses: tuple[str, ...]
) -> Generator[float | Awaited, None, bool]:
    """One source-delay-measure cycle; a change of range repeats it, output pulses included.

    ``awaited`` are the events that wait for the trigger link, ``pulses`` those that give an output pulse. Returns
    whether the point was measured.
    """
    settings = instrument.settings
    repeated = False
    while True:
        delay = instrument.source(index)
        if "SOUR" in pulses:
            instrument.lines.send(settings.trigger_output_line)
        if "DEL" in awaited and not repeated:
            yield from _link_detector(instrument, settings.trigger_input_line, WAITING_FOR_TRIGGER)
        if delay:
            yield delay
        if settings.sweep_abort == "EARL" and instrument.sweeps_in_compliance():
            return False
        if "DEL" in pulses:
            instrument.lines.send(settings.trigger_output_line)
        if "SENS" in awaited and not repeated:
            yield from _link_detector(instrument, settings.trigger_input_line, WAITING_FOR_TRIGGER)
        if duration := instrument.convert():
            yield duration
        if not instrument.change_range():
            return True
        repeated = True


def _link_detector(instrument: Triggered, line: int, layer: int) -> Wait:
    if not instrument.lines.take(line):
        yield Awaited(link_event(line), layer)
    yield instrument.pause(link_latency())


class TriggerRun:
    """One pass of the trigger model through time, until it ends or is stopped.

    ``waiting(layer)`` is called with the operation bit of the layer that waits, and with 0 when it goes on.
    """

    def __init__(self, clock: Clock, model: Wait, waiting: Callable[[int], None], finished: Callable[[], None]) -> None:
        self._clock = clock
        self._model = model
        self._waiting = waiting
        self._finished = finished
        self._event: Event | None = None
        self._waits_for: str | None = None

    def go_on(self) -> None:
        """Run the model up to its next pause."""
        self._event = None
        for wait in self._model:
            if isinstance(wait, Awaited):
                self._waits_for = wait.event
                self._waiting(wait.layer)
                return
            if wait > 0.0:
                self._event = self._clock.call_after(wait, self.go_on)
                return
        self._finished()

    def signal(self, name: str) -> bool:
        """Something has happened; whether the model was waiting for it."""
        if self._waits_for != name:
            return False
        self._waits_for = None
        self._waiting(0)
        self.go_on()
        return True

    def stop(self) -> None:
        """End the run where it is; ``finished`` is not called."""
        if self._event is not None:
            self._event.cancel()
        self._waits_for = None
        self._model.close()
