"""Logins that were ended before their time, on disk: a restart of the service brings none of them back."""

from __future__ import annotations

import os
import re
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from acquire.service.owner_files import write_for_owner

FILE = "ended_logins.txt"
_LINE = re.compile(rb"^([0-9a-f]{32}) (\d{10,12})$", re.MULTILINE)


class EndedLogins:
    """The numbers of the logins, each with the moment [s since 1970] at which it would have ended by itself.

    One line each, added to the end of the file; what another service with the same folder adds is seen.
    """

    def __init__(self, folder: Path, now: Callable[[], float] = time.time) -> None:
        self._path = folder / FILE
        self._now = now
        self._turn = threading.Lock()
        self._stamp: tuple[int, int] | None = None
        self._numbers: dict[str, int] = {}

    def add(self, number: str, end: int) -> None:
        """End a login; it has ended here even where that cannot be written.

        :raises OSError: it cannot be written.
        """
        with self._turn:
            self._numbers[number] = end
            # A line of its own, whatever a power cut left of the one before
            with open(self._path, "ab", opener=_for_its_user) as file:
                file.write(f"\n{number} {end}\n".encode())
                file.flush()
                os.fsync(file.fileno())

    def has(self, number: str) -> bool:
        """Whether a login was ended.

        :raises OSError: the file cannot be read.
        """
        with self._turn:
            with suppress(FileNotFoundError):
                there = self._path.stat()
                if (stamp := (there.st_mtime_ns, there.st_size)) != self._stamp:
                    self._numbers |= _numbers_in(self._path)
                    self._stamp = stamp
            return number in self._numbers

    def forget_old(self) -> None:
        """Leave out those that would have ended by now; called before anybody logs in.

        :raises OSError: the file cannot be read or written.
        """
        with self._turn, suppress(FileNotFoundError):
            there = _numbers_in(self._path)
            still = {number: end for number, end in there.items() if end > self._now()}
            if len(still) < len(there):
                write_for_owner(self._path, b"".join(f"{number} {end}\n".encode() for number, end in still.items()))


def _for_its_user(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _numbers_in(path: Path) -> dict[str, int]:
    return {number.decode(): int(end) for number, end in _LINE.findall(path.read_bytes())}
