"""Requests to stop: the first is polite, the second is not, and switching off is never cut short."""

from __future__ import annotations

import os
import signal

import pytest

from acquire.interruption import StopRequest


def test_the_first_request_is_remembered_and_the_second_raises() -> None:
    stop = StopRequest()
    assert stop() == ""
    stop.ask("interrupted by Ctrl-C")
    assert stop() == "interrupted by Ctrl-C"
    with pytest.raises(KeyboardInterrupt):
        stop.ask("again")
    assert stop() == "interrupted by Ctrl-C"


def test_nothing_is_raised_behind_a_shield() -> None:
    stop = StopRequest()
    with stop.shielded():
        stop.ask("first")
        stop.ask("second")
        with stop.shielded():
            stop.ask("third")
        stop.ask("fourth")
    with pytest.raises(KeyboardInterrupt):
        stop.ask("fifth")


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
