"""Another process, held on to from the start, so that no other one that got its number later is ended in its place."""

from __future__ import annotations

import ctypes
import os
import select
import signal
import sys
import time
from contextlib import suppress
from typing import Protocol

_LOOK = 0.01  # s between two looks, where the system cannot tell by itself that a process has ended
_SYNCHRONIZE, _TERMINATE = 0x00100000, 0x0001  # access rights of OpenProcess (winnt.h)
_WAIT_OBJECT_0 = 0  # what WaitForSingleObject returns once the process has ended


class OtherProcess(Protocol):
    """A process that can be ended from outside."""

    def end(self, wait: float) -> bool:
        """End it at once, if it lives; whether it is known to have ended, after ``wait`` s at most."""


class NoProcess:
    """No process to end."""

    def end(self, wait: float) -> bool:  # noqa: ARG002
        """Nothing lives on."""
        return True


def other_process(number: int) -> OtherProcess:
    """The process of this number, which lives now; 0 for none. Where the system has no handles: the parent only.

    :raises OSError: there is no such process, or it may not be ended.
    """
    if number == 0:
        return NoProcess()
    if sys.platform == "win32":
        return _ByHandle(number)
    elif sys.platform == "linux":  # noqa: RET505  # type checkers know the system only so
        try:
            return _ByDescriptor(number)
        except NotImplementedError:  # an older system, or a container that forbids it
            return Parent(number)
    else:
        return Parent(number)


if sys.platform == "linux":

    class _ByDescriptor:
        """By a descriptor of the process (Linux 5.3): it never means another one, and is readable once it has ended."""

        def __init__(self, number: int) -> None:
            try:
                self._descriptor = os.pidfd_open(number)
            except ProcessLookupError:
                raise
            except (OSError, AttributeError) as error:
                raise NotImplementedError(f"no descriptors of processes here ({error})") from error

        def end(self, wait: float) -> bool:
            with suppress(OSError):
                signal.pidfd_send_signal(self._descriptor, signal.SIGKILL)
            return bool(select.select((self._descriptor,), (), (), wait)[0])


class Parent:
    """By its number, for as long as it is the parent of this process: an orphan gets another one."""

    def __init__(self, number: int) -> None:
        self._number = number
        if os.getppid() != number:
            raise ProcessLookupError(f"process {number} is not the one that started this")

    def end(self, wait: float) -> bool:
        """End it, if it is still there; see :class:`OtherProcess`."""
        until = time.monotonic() + wait
        while os.getppid() == self._number:
            with suppress(OSError):
                os.kill(self._number, getattr(signal, "SIGKILL", signal.SIGTERM))  # noqa: TID251  # to end it is meant
            if time.monotonic() > until:
                return False
            time.sleep(_LOOK)
        return True


if sys.platform == "win32":

    class _ByHandle:
        """By a handle of the process."""

        def __init__(self, number: int) -> None:
            self._kernel32 = ctypes.WinDLL("kernel32", use_last_error=True)
            self._kernel32.OpenProcess.restype = ctypes.c_void_p
            self._handle = ctypes.c_void_p(self._kernel32.OpenProcess(_SYNCHRONIZE | _TERMINATE, False, number))
            if not self._handle:
                raise ctypes.WinError(ctypes.get_last_error())

        def end(self, wait: float) -> bool:
            self._kernel32.TerminateProcess(self._handle, 1)
            return bool(self._kernel32.WaitForSingleObject(self._handle, round(wait * 1000)) == _WAIT_OBJECT_0)
