"""Requests to stop: the first is polite, the second is not, and switching off is never cut short."""

from __future__ import annotations

import os
import signal

import pytest

from acquire.interruption import StopRequest


def test_the_first_request_is_remembered_and_the_second_ends_a_wait() -> None:
    stop = StopRequest()
    assert stop() == ""
    with stop.interruptible():
        stop.ask("interrupted by Ctrl-C")
        assert stop() == "interrupted by Ctrl-C"
        with pytest.raises(KeyboardInterrupt):
            stop.ask("again")
    assert stop() == "interrupted by Ctrl-C"


def test_outside_of_waits_nothing_is_raised() -> None:
    stop = StopRequest()
    for reason in ("first", "second", "third"):
        stop.ask(reason)
    with stop.interruptible():
        pass
    stop.ask("fourth")
    assert stop() == "first"


def test_a_third_request_does_not_disturb_the_clearing_up_after_the_second() -> None:
    stop = StopRequest()
    with stop.interruptible():
        stop.ask("first")
        with pytest.raises(KeyboardInterrupt):
            stop.ask("second")
        stop.ask("third")
    assert stop() == "first"


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_signals_are_heard_inside_and_given_back_afterwards(name: str) -> None:
    number = getattr(signal, name, None)
    if number is None or os.name == "nt":
        pytest.skip(f"no {name} here")
    before = signal.getsignal(number)
    with StopRequest().listening() as stop:
        os.kill(os.getpid(), number)
        assert stop() != ""
    assert signal.getsignal(number) is before
