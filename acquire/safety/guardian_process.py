"""The guardian itself: it listens to its run, and makes the source safe when that has ended or says nothing more.

While all is well it has nothing open but its pipes. What it did is in a log beside the run file, which is made only
then, and on standard error. It acts first and tells afterwards.
"""

from __future__ import annotations

import os
import queue
import signal
import sys
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from datetime import UTC, datetime
from math import isfinite
from pathlib import Path
from typing import Literal, NoReturn

from acquire.safety.guardian import FAILED, LONGEST_ATTEMPT, OFF, READY, Beat, Order
from acquire.safety.guardian_log import appending, guardian_log
from acquire.safety.off_first import PATIENCE, LastLevel, lock_for_a_moment, make_safe_until_confirmed
from acquire.safety.other_process import NoProcess, OtherProcess, other_process
from acquire.safety.visible import one_line
from drivers import resources
from drivers.errors import InstrumentError, OutputStateUnknown

PACE = 0.02  # s between two looks at the pipe: many words are one piece of work
LONGEST_WORD = 10_000  # bytes; a longer one cannot make sense
HELD_UP = 1.0  # s that a wait took too long: it was this process that stood still, not its run
ENDING = 0.3  # s until an ended process is gone; off does not wait any longer
AFTER_A_RUN = 2.0  # s for the answer of a source that has not answered its run either, which tried for some 10 s
AGAIN = 1.0  # s between two attempts while a run cannot be ended

How = Literal["ended", "silent", "failed"]

_ASKS_FOR_AN_END = ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK", "SIGQUIT", "SIGTSTP", "SIGTTIN", "SIGTTOU")


def main() -> int:
    """Wait for the end or the silence of the run at standard input, and act if it left the output on."""
    for name in _ASKS_FOR_AN_END:
        if (number := getattr(signal, name, None)) is not None:
            signal.signal(number, signal.SIG_IGN)
    if sys.argv[1:] == ["--check"]:
        print("the guardian can be started; runs start it by themselves")
        return 0
    ear = Ear()
    if not (line := ear.line()):  # the run has ended already
        return 0
    try:
        order = Order.from_line(line)
        run = _the_run(order.process, ear)
        visa = resources.load(order.source.visa_library), order.source.off  # now, not when every moment counts
    except (ValueError, OSError, ImportError, InstrumentError) as problem:
        _answer(f"{type(problem).__name__}: {problem}")
        return 2
    if ear.ended.is_set():
        run = NoProcess()  # it ended meanwhile: its number may be another one's
    _answer(READY.decode())
    how, beat = watch(ear, order.silence)
    status = 0 if beat is None else act(order, beat, how, run)
    del visa
    return status


def _the_run(number: int, ear: Ear) -> OtherProcess:
    """The process of the run; none when the run has ended before this one could take hold of it.

    :raises OSError: it lives, and may not be ended.
    """
    try:
        return other_process(number)
    except OSError:
        if ear.ended.wait(ENDING):
            return NoProcess()
        raise


class Ear:
    """What comes through the pipe, by a thread of its own, so that silence is noticed on every system."""

    def __init__(self) -> None:
        self._pieces: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self._rest = b""
        self.ended = threading.Event()
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        with suppress(OSError):  # Windows: the other end is gone
            while piece := os.read(0, 65536):
                self._pieces.put(piece)
                time.sleep(PACE)
        self.ended.set()
        self._pieces.put(b"")

    def line(self) -> bytes:
        """The first line; empty when the pipe ends before."""
        while b"\n" not in self._rest:
            if not (piece := self._pieces.get()):
                return b""
            self._rest += piece
        line, _, self._rest = self._rest.partition(b"\n")
        return line

    def lines(self, wait: float | None) -> list[bytes] | None:
        """Whole lines that have come, waiting at most ``wait`` s; None at the end.

        :raises queue.Empty: none came.
        """
        piece = b"" if b"\n" in self._rest else self._pieces.get(timeout=wait)
        if not piece and b"\n" not in self._rest:
            return None
        *lines, rest = (self._rest + piece).split(b"\n")
        self._rest = rest[-LONGEST_WORD:]
        return lines


def watch(ear: Ear, silence: float) -> tuple[How, Beat | None]:
    """Listen until the run has ended, could not switch off, or is silent; how, and its last beat, None when off.

    What was heard is answered by the number of bytes since the order.
    """
    beat: Beat | None = None
    due, heard = 0.0, 0
    while True:
        wait = None if beat is None else max(due + silence - time.monotonic(), 0.0)
        asked = time.monotonic()
        try:
            lines = ear.lines(wait)
        except queue.Empty:
            if wait is not None and time.monotonic() > asked + wait + HELD_UP:
                due = time.monotonic()
                continue
            return "silent", beat
        if lines is None:
            return "ended", beat
        for line in lines:
            heard += len(line) + 1
            if line == FAILED:
                return "failed", beat
            beat = None if line == OFF else Beat.from_line(line)
        due = time.monotonic() + (beat.within if beat else 0.0)
        if lines:
            _answer(str(heard))


def _answer(text: str) -> None:
    with suppress(OSError):
        os.write(1, " ".join(text.split()).encode(errors="backslashreplace") + b"\n")


def act(order: Order, beat: Beat, how: How, run: OtherProcess) -> int:
    """Make the source safe, tell about it, and return the exit status: 1 when it could not be confirmed.

    A run that has ended or is silent is ended first, so that it cannot wake up and go on; one that cannot be ended
    does not hold anything up, but the source is switched off again and again until it is gone. ``failed``: the run
    lives, and holds the instrument's lock for the guardian.
    """
    work = _Work(order, beat)
    work.log.add(_what_happened(order, beat, how))
    if how == "failed":
        _tell(f"THE OUTPUT OF {order.source.resource} MAY STILL BE ON. Press OUTPUT there now; the guardian tries too")
    gone = how == "failed" or run.end(ENDING)
    if how == "silent" and gone:
        work.log.add("the run was ended, so that it cannot go on by itself")
    done, last = work.attempt(lock=False, once_sent=AFTER_A_RUN) if how == "failed" else work.attempt(lock=True)
    work.log.add(last)
    work.log.write()
    _tell(last if how == "failed" else f"the run {order.run} {_HOW[how]} (it was at: {beat.doing}); {last}")
    while not gone:
        work.log.add("the run cannot be ended; its source is switched off again and again until it is gone")
        gone = run.end(AGAIN)
        done, last = work.attempt(lock=False)
        if gone:
            work.log.add(f"the run is gone; {last}")
        work.log.write()
    return 0 if done else 1


_HOW = {"ended": "died", "silent": "said nothing more and was ended"}


def _what_happened(order: Order, beat: Beat, how: How) -> str:
    where = order.source.resource
    if how == "failed":
        return f"the run could not confirm that the output of {where} is off"
    if how == "ended":
        return f"the run ended without a word while the output of {where} was on ({beat})"
    late = f"{order.silence:g} s beyond the time it had named"
    return f"the run was silent {late} while the output of {where} was on ({beat})"


class _Work:
    """The source to be made safe, and what is to be said about it."""

    def __init__(self, order: Order, beat: Beat) -> None:
        self.log = _Log(guardian_log(Path(order.run)))
        self._order = order
        self._last = LastLevel(beat.source, beat.lowest) if isfinite(beat.lowest) else None

    def attempt(self, *, lock: bool, once_sent: float = PATIENCE) -> tuple[bool, str]:
        """Make it safe; whether it says that it is off, and what there is to say about it.

        ``once_sent``: how long it is asked once the off message has left, s.
        """
        where = self._order.source.resource
        problem = _within(
            self._order.patience + LONGEST_ATTEMPT, lambda: self._make_safe(lock=lock, once_sent=once_sent)
        )
        if not problem:
            return True, f"the output of {where} is off"
        return False, f"THE OUTPUT OF {where} MAY STILL BE ON: {problem}; press OUTPUT there now"

    def _make_safe(self, *, lock: bool, once_sent: float) -> str:
        last, self._last = self._last, None  # a level that was ramped down must not go up again
        how = "set to zero" if last is None else f"ramped down from {last.level:g}"
        with ExitStack() as until_done:
            if lock:
                free = lock_for_a_moment(self._order.source, self._order.run, keep_text=True)
                if holder := until_done.enter_context(free):
                    self.log.add(f"the source {holder}; that keeps no output on")
            try:
                make_safe_until_confirmed(
                    self._order.source,
                    last,
                    self._order.patience,
                    self.log.add,
                    lambda: self.log.add(f"the source was {how} and switched off in one message"),
                    once_sent,
                )
            except OutputStateUnknown:
                return "it does not say that it is off"
        self.log.add("asked, it answered that its output is off")
        return ""


def _within(seconds: float, work: Callable[[], str]) -> str:
    """What ``work`` returns, unless it takes longer. It is then left behind in its thread, which ends with all."""
    done: list[str] = []

    def run() -> None:
        try:
            done.append(work())
        except Exception as problem:
            done.append(f"{type(problem).__name__}: {problem}")

    worker = threading.Thread(target=run, daemon=True)
    worker.start()
    worker.join(seconds)
    return done[0] if done else "an attempt to switch it off does not end"


class _Log:
    """What was done and when, first in memory: no slow disk holds up switching off."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._last = ""
        self._lines: list[str] = []

    def add(self, text: str) -> None:
        """Keep a text with the time; what repeats is kept once."""
        if text != self._last:
            now = datetime.now(UTC).astimezone().isoformat(timespec="milliseconds")
            self._lines.append(f"{now} {one_line(' '.join(text.split()))}\n")
        self._last = text

    def write(self) -> None:
        """Append what is new to the file; where that fails, or does not end, standard error has to do."""
        lines, self._lines = self._lines, []

        def append() -> None:
            with suppress(OSError), appending(self._path) as file:
                file.writelines(lines)

        _in_its_own_time(append)


def _tell(text: str) -> None:
    """Say it on the standard error of the run, if it is open; one that is not read never holds the guardian up."""
    encoding = getattr(sys.stderr, "encoding", None) or "ascii"
    line = f"\nguardian: {one_line(text)}\n".encode(encoding, errors="backslashreplace")

    def write() -> None:
        with suppress(OSError):
            os.write(2, line)

    _in_its_own_time(write)


def _in_its_own_time(work: Callable[[], None]) -> None:
    """Do it in a thread that is left behind when it takes longer than a second."""
    worker = threading.Thread(target=work, daemon=True)
    worker.start()
    worker.join(1.0)


def _leave(status: int) -> NoReturn:
    """End at once: its run waits for it, and taking an interpreter with drivers in it apart takes a tenth of a second.

    What it did is written, and its links are closed by then.
    """
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError, AttributeError):  # one that nobody reads, one that there is not
            stream.flush()
    os._exit(status)


if __name__ == "__main__":
    _leave(main())
