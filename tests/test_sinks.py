"""A recorder that is waited for, and spectators that hold nobody up, whatever they show on."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from acquire.records import Branch, Event, Note, PointFlag, Reading, Record, RunStatus, RunStop, Spectrum
from acquire.sinks import Spectator, fan_out, not_shown
from tests.support.events import a_run_start

LIMIT = 30.0  # s
STOP = RunStop(RunStatus.COMPLETED, "", "2026-01-02T03:05:05+01:00")


def a_record(index: int) -> Record:
    return Record(Reading(index, Branch.FORWARD, 1.0, float(index), 1.0, 1e-3, 0.1), PointFlag.NONE)


def a_spectrum(index: int) -> Spectrum:
    return Spectrum(index, 0, Branch.FORWARD, 0.0, 1.0, np.ones(401), 1.0)


class Held:
    """Draws nothing until it is let go."""

    def __init__(self) -> None:
        self.drawn: list[Event] = []
        self.begun, self.go_on = threading.Event(), threading.Event()

    def __call__(self, event: Event) -> None:
        self.begun.set()
        assert self.go_on.wait(LIMIT)
        self.drawn.append(event)


def test_only_what_was_recorded_is_shown_to_any_number_of_spectators() -> None:
    order: list[str] = []

    def critical(event: Event) -> None:
        order.append("recorded")
        if event == Note(2.0, "full"):
            raise OSError("the disk is full")

    emit = fan_out(critical, [lambda event: order.append("one"), lambda event: order.append("two")], lambda: 0.0)
    emit(Note(1.0, "good"))
    with pytest.raises(OSError, match="the disk is full"):
        emit(Note(2.0, "full"))
    assert order == ["recorded", "one", "two", "recorded"]


def test_a_spectator_that_fails_is_switched_off_and_noted_and_the_others_go_on() -> None:
    recorded: list[Event] = []
    shown: list[Event] = []

    def failing(event: Event) -> None:
        raise BrokenPipeError("nobody reads any more")

    emit = fan_out(recorded.append, [failing, shown.append], lambda: 7.0)
    emit(a_record(0))
    emit(a_record(1))
    note = Note(7.0, "the display failed and was switched off: BrokenPipeError: nobody reads any more")
    assert recorded == [a_record(0), note, a_record(1)]
    assert shown == [a_record(0), a_record(1)]


def test_handing_over_does_not_wait_and_all_is_shown_in_order() -> None:
    held = Held()
    spectator = Spectator(held)
    events: list[Event] = [a_run_start(), *(a_record(index) for index in range(100)), STOP]
    for event in events:
        spectator(event)
    assert held.drawn == []
    held.go_on.set()
    assert spectator.close(LIMIT, LIMIT) == []
    assert held.drawn == events
    assert not spectator.stuck


def test_points_are_left_out_first_then_spectra_and_what_a_person_must_know_never() -> None:
    held = Held()
    spectator = Spectator(held, longest_queue=4)
    spectator(a_run_start())
    assert held.begun.wait(LIMIT)
    spectrum = a_spectrum(0)
    for event in (spectrum, a_record(0), Note(0.0, "a"), a_record(1), Note(0.0, "b"), Note(0.0, "c"), Note(0.0, "d")):
        spectator(event)
    for event in (Note(0.0, "e"), STOP):
        spectator(event)
    held.go_on.set()
    left_out = spectator.close(LIMIT, LIMIT)
    assert [event if isinstance(event, Record) else type(event) for event in left_out] == [
        a_record(0),
        a_record(1),
        Spectrum,
    ]
    assert held.drawn == [a_run_start(), *(Note(0.0, text) for text in "abcde"), STOP]
    assert not_shown(left_out) == "the display took nothing any more; not shown: 2 points, 1 spectrum"


def test_one_that_is_stuck_is_left_behind_with_what_was_not_said() -> None:
    held = Held()
    spectator = Spectator(held)
    spectator(a_record(0))
    assert held.begun.wait(LIMIT)
    spectator(Note(0.0, "the door is open"))
    assert spectator.close(0.01, 0.01) == [a_record(0), Note(0.0, "the door is open")]
    assert spectator.stuck
    assert spectator.close(0.01, 0.01) == []
    held.go_on.set()


def test_one_that_draws_slowly_is_waited_for_as_long_as_it_draws() -> None:
    turns = [threading.Event() for _ in range(3)]

    def slow(event: Event) -> None:
        assert isinstance(event, Note)
        turns[int(event.time)].wait(0.2)

    spectator = Spectator(slow)
    for index in range(3):
        spectator(Note(float(index), ""))
    assert spectator.close(0.5, LIMIT) == []


def test_what_fails_in_the_thread_is_raised_once_at_a_later_event() -> None:
    failed = threading.Event()

    def failing(event: Event) -> None:
        failed.set()
        raise BrokenPipeError("nobody reads any more")

    spectator = Spectator(failing)
    spectator(a_record(0))
    assert failed.wait(LIMIT)
    spectator.close(LIMIT, LIMIT)
    with pytest.raises(BrokenPipeError):
        spectator.require_no_failure()
    spectator.require_no_failure()
