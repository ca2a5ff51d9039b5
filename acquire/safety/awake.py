"""The computer is kept awake while a run goes on, and a sleep that came all the same is noticed.

Linux: an inhibitor of systemd. macOS: caffeinate. Windows: SetThreadExecutionState. None of them holds against
everything (a closed lid, an empty battery, a command); none of them ever fails or delays a run.
"""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from typing import Any

from acquire.safety.interruption import StopRequest

LOOK = 0.5  # s between two looks at the clocks
SHORTEST_SLEEP = 1.0  # s that count as sleep: the clocks are not read at the very same moment

END_PATIENCE = 1.0  # s for the process that kept the computer awake to end

# ES_CONTINUOUS, ES_SYSTEM_REQUIRED (SetThreadExecutionState, winbase.h)
_CONTINUOUS, _SYSTEM_REQUIRED = 0x80000000, 0x00000001


@contextmanager
def kept_awake(stop: StopRequest) -> Iterator[None]:
    """Inside, the computer does not fall asleep by itself; if it was asleep all the same, ``stop`` is asked."""
    left = threading.Event()
    watch = threading.Thread(target=_notice_sleep, args=(stop, left), daemon=True)
    watch.start()
    try:
        with _inhibited():
            yield
    finally:
        left.set()
        watch.join()


def _notice_sleep(stop: StopRequest, left: threading.Event) -> None:
    before = time_asleep()
    while not left.wait(LOOK):
        if (seconds := time_asleep() - before) > SHORTEST_SLEEP:
            stop.note(f"the computer was asleep for {seconds:.0f} s")
            return


def time_asleep() -> float:
    """How long this computer has slept since it was started, in s; 0 where that is not known."""
    if sys.platform == "win32":
        return time_asleep_of_windows(ctypes.windll.kernel32)
    elif sys.platform == "darwin":  # noqa: RET505  # type checkers know the system only so
        return time.clock_gettime(time.CLOCK_MONOTONIC_RAW) - time.clock_gettime(time.CLOCK_UPTIME_RAW)
    elif sys.platform == "linux":
        return time.clock_gettime(time.CLOCK_BOOTTIME) - time.clock_gettime(time.CLOCK_MONOTONIC)
    else:
        return 0.0


def time_asleep_of_windows(kernel32: Any) -> float:
    """The same from the two clocks of Windows [s]."""
    awake = ctypes.c_ulonglong()
    kernel32.GetTickCount64.restype = ctypes.c_ulonglong  # ms, sleep included
    kernel32.QueryUnbiasedInterruptTime(ctypes.byref(awake))  # 100 ns, without sleep
    return float(kernel32.GetTickCount64() / 1e3 - awake.value / 1e7)


def _inhibited() -> AbstractContextManager[None]:
    if sys.platform == "win32":
        return windows_kept_awake(ctypes.windll.kernel32)
    else:  # noqa: RET505  # type checkers know the system only so
        return _kept_awake_by_process()


@contextmanager
def windows_kept_awake(kernel32: Any) -> Iterator[None]:
    """Inside, this thread asks Windows not to let the system sleep; the screen may go dark."""
    kernel32.SetThreadExecutionState(ctypes.c_uint(_CONTINUOUS | _SYSTEM_REQUIRED))
    try:
        yield
    finally:
        kernel32.SetThreadExecutionState(ctypes.c_uint(_CONTINUOUS))


@contextmanager
def _kept_awake_by_process() -> Iterator[None]:
    keeper = _keeper()
    try:
        yield
    finally:
        if keeper is not None:
            _let_go(keeper)


def inhibitor() -> tuple[str, ...]:
    """The command that keeps this computer awake for as long as its standard input is open; empty for none."""
    return INHIBITORS.get(sys.platform, ())


#: By system; ``cat`` ends with the pipe, and with it what holds the computer awake. systemd-inhibit(1), caffeinate(8).
INHIBITORS = {
    "linux": (
        "systemd-inhibit",
        "--what=sleep:idle",
        "--who=acquire",
        "--why=a sweep is being measured",
        "--mode=block",
        "cat",
    ),
    "darwin": ("caffeinate", "-i", "-m", "cat"),
}


def _keeper() -> subprocess.Popen[bytes] | None:
    """A process that keeps the computer awake until this process closes a pipe, or ends in whatever way."""
    command, nothing = inhibitor(), subprocess.DEVNULL
    if not command:
        return None
    with suppress(OSError):  # not installed
        return subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=nothing, stderr=nothing, cwd=os.sep, start_new_session=True
        )
    return None


def _let_go(keeper: subprocess.Popen[bytes]) -> None:
    assert keeper.stdin is not None
    with suppress(OSError):
        keeper.stdin.close()
    try:
        keeper.wait(END_PATIENCE)
    except subprocess.TimeoutExpired:
        keeper.kill()
        keeper.wait()
