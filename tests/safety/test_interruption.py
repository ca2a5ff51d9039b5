"""Requests to stop: the first is polite, the second is not, and switching off is never cut short."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from typing import Any

import pytest

from acquire.safety.interruption import StopRequest, console_heard


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


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP", "SIGTSTP", "SIGQUIT"])
def test_signals_are_heard_inside_and_given_back_afterwards(name: str) -> None:
    number = getattr(signal, name, None)
    if number is None or os.name == "nt":
        pytest.skip(f"no {name} here")
    before = signal.getsignal(number)
    with StopRequest().listening() as stop:
        os.kill(os.getpid(), number)
        assert stop() != ""
    assert signal.getsignal(number) is before


@pytest.mark.parametrize("name", ["SIGTTIN", "SIGTTOU"])
def test_a_terminal_that_belongs_to_somebody_else_does_not_stop_a_run(name: str) -> None:
    number = getattr(signal, name, None)
    if number is None:
        pytest.skip(f"no {name} here")
    before = signal.getsignal(number)
    with StopRequest().listening() as stop:
        os.kill(os.getpid(), number)
        assert stop() == ""
    assert signal.getsignal(number) is before


class Console:
    """What Windows offers to hear of a closing console: handlers, the last one first."""

    def __init__(self) -> None:
        self.handlers: list[Callable[[int], bool]] = []

    def SetConsoleCtrlHandler(self, handler: Callable[[int], bool], add: bool) -> int:  # noqa: N802
        self.handlers.append(handler) if add else self.handlers.remove(handler)
        return 1


class Listening(StopRequest):
    """A stop request that tells other threads when it was asked."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = threading.Event()

    def note(self, reason: str) -> None:
        super().note(reason)
        self.asked.set()


def as_it_is(function: Any) -> Any:
    return function


@pytest.mark.parametrize(
    ("event", "reason"),
    [(2, "the console window was closed"), (5, "the user logged off"), (6, "the computer is shutting down")],
)
def test_a_closing_console_is_held_open_until_the_run_has_ended(event: int, reason: str) -> None:
    stop, console = Listening(), Console()
    answers: list[bool] = []
    with console_heard(stop, console, as_it_is):
        thread = threading.Thread(target=lambda: answers.append(console.handlers[-1](event)))
        thread.start()
        assert stop.asked.wait(10.0)
        assert stop() == reason
        thread.join(0.05)
        assert thread.is_alive(), "Windows would end the process now"
    thread.join(10.0)
    assert answers == [True]
    assert console.handlers == []


def test_ctrl_c_in_a_windows_console_stays_a_signal() -> None:
    stop, console = StopRequest(), Console()
    with console_heard(stop, console, as_it_is):
        assert [console.handlers[-1](event) for event in (0, 1)] == [False, False]
    assert stop() == ""


def test_a_closing_console_never_raises_in_the_thread_that_windows_lends() -> None:
    stop, console = Listening(), Console()
    stop.ask("interrupted by Ctrl-C")
    failures: list[BaseException] = []

    def close() -> None:
        try:
            console.handlers[-1](2)
        except BaseException as failure:
            failures.append(failure)

    with console_heard(stop, console, as_it_is), stop.interruptible():
        stop.asked.clear()
        thread = threading.Thread(target=close)
        thread.start()
        assert stop.asked.wait(10.0)
    thread.join(10.0)
    assert failures == []
    assert stop() == "interrupted by Ctrl-C"
