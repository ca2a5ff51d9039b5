"""Nobody is left to switch the output off when a run is killed: a small process beside it does it then.

The run starts it (:func:`watching`), waits until it is ready, and tells it through a pipe when the output goes on and
when it is confirmed to be off. The system closes the pipe when the run ends, however it ends. If the last word was
that the output is on, the guardian opens the source by itself, takes it to zero, switches it off and asks. While all
is well it has nothing open but that pipe.

What it did is in a log beside the run file, which is made only then, and on standard error.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from acquire.bench_lock import BenchInUse, LocksUnusable, held
from acquire.run_files import guardian_log
from acquire.visible import one_line
from drivers.errors import InstrumentError
from drivers.keithley2400 import Keithley2400, SmuLimits
from drivers.link import SerialLine

COMMAND = (sys.executable, "-m", "acquire.guardian")
READY_PATIENCE = 30.0  # s; half a second is usual, a first start after an installation may take many
PATIENCE = 10.0  # s of trying: a bus may need a moment until it has noticed that its user is gone
LONGEST_GOODBYE = 5.0  # s from the end of the run's pipe to that of the guardian, when nothing is to be done
LONGEST_ATTEMPT = 20.0  # s, against a source that lets every single question time out
TIMEOUT = 2.0  # s for a reply while the source is opened
PAUSE = 0.05  # s between two attempts

_READY, _ON, _OFF, _FAILED = b"ready\n", b"on\n", b"off\n", b"failed\n"


class NotGuarded(InstrumentError):
    """There is no guardian, so nothing was switched on."""


@dataclass(frozen=True)
class Order:
    """What the guardian must know to switch a source off without the run: its address, and how to speak with it.

    ``run`` is the absolute path of the run file; ``voltage`` (V) and ``current`` (A) are the limits of the bench.
    """

    run: str
    resource: str
    visa_library: str
    serial: SerialLine
    voltage: float
    current: float
    patience: float = PATIENCE  # s

    def as_line(self) -> bytes:
        """The order as it goes through the pipe: JSON in one line."""
        return json.dumps(asdict(self)).encode() + b"\n"

    @classmethod
    def from_line(cls, line: bytes) -> Order:
        """The order from its line. :raises ValueError, TypeError, KeyError: it is none."""
        content = json.loads(line)
        return cls(**content | {"serial": SerialLine(**content["serial"])})


# --- in the run ---------------------------------------------------------------------------------------------


class Guard(Protocol):
    """What a bench tells of its output."""

    def output_goes_on(self) -> None:
        """From now on the output may be on. :raises NotGuarded: nobody is there to hear it."""

    def output_is_off(self) -> None:
        """The instrument has said that its output is off."""


class NoGuard:
    """For instruments that live and die with this process: nobody else could reach them."""

    def wait_until_ready(self) -> None:
        """Nothing to wait for."""

    def output_goes_on(self) -> None:
        """Nobody to tell."""

    def output_is_off(self) -> None:
        """Nobody to tell."""


class GuardProcess:
    """The run's end of the pipe."""

    def __init__(self, order: Order) -> None:
        self._where = f"the guardian of {order.resource}"
        try:
            self._process = _started()
        except OSError as error:
            raise self._not_guarded(f"cannot be started ({error})") from error
        self._last_word = b""
        self._answer = b""
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()
        with suppress(OSError):  # it has ended already: it will not be ready
            self._say(order.as_line())

    def _listen(self) -> None:
        assert self._process.stdout is not None
        self._answer = self._process.stdout.readline()

    def _say(self, word: bytes) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(word)
        self._last_word = word

    def _not_guarded(self, what: str) -> NotGuarded:
        mend = f"Nothing was switched on. Try again; if it stays so, see what `{' '.join(COMMAND)} --check` says"
        return NotGuarded(self._where, what, mend)

    def wait_until_ready(self) -> None:
        """Wait until the guardian could act. :raises NotGuarded: it will not, or not in time."""
        self._listener.join(READY_PATIENCE)
        if self._listener.is_alive():
            raise self._not_guarded(f"was not ready within {READY_PATIENCE:g} s")
        if self._answer != _READY:
            raise self._not_guarded("ended before it was ready")

    def output_goes_on(self) -> None:
        """Have the guardian act, from now on, when this process ends. :raises NotGuarded: the guardian has ended."""
        try:
            self._say(_ON)
        except OSError as error:
            raise self._not_guarded("has ended") from error

    def output_is_off(self) -> None:
        """Nothing is left to do for the guardian."""
        with suppress(OSError):  # it was ended from outside
            self._say(_OFF)

    def dismiss(self) -> None:
        """Let the guardian end; wait for what it can do if the output is not known to be off."""
        patience = LONGEST_GOODBYE
        if self._last_word == _ON:
            patience += PATIENCE + LONGEST_ATTEMPT
            with suppress(OSError):
                self._say(_FAILED)
        elif self._last_word != _OFF:
            self._process.kill()  # the output was never on: no need to wait until it is ready
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with suppress(OSError):
            self._process.stdin.close()
        try:
            self._process.wait(patience)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._listener.join()
        self._process.stdout.close()


@contextmanager
def watching(order: Order | None) -> Iterator[GuardProcess | NoGuard]:
    """Start a guardian, not waiting for it, and let it go at the end; without an order there is none.

    If the output was not confirmed to be off by then, the end waits until the guardian has tried as well.

    :raises NotGuarded: it cannot be started.
    """
    if order is None:
        yield NoGuard()
        return
    guard = GuardProcess(order)
    try:
        yield guard
    finally:
        guard.dismiss()


def _started() -> subprocess.Popen[bytes]:
    """A guardian that neither Ctrl-C nor a closed terminal or console window takes along."""
    flags = 0
    if sys.platform == "win32":
        flags = subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.DETACHED_PROCESS
    return subprocess.Popen(
        COMMAND,
        bufsize=0,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[1],  # -m looks there first: not at what lies about where somebody measures
        creationflags=flags,
        start_new_session=sys.platform != "win32",
    )


# --- in the process of its own ------------------------------------------------------------------------------


def main() -> int:
    """Wait for the end of the run at standard input, and act if it left the output on."""
    for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK"):
        if (number := getattr(signal, name, None)) is not None:
            signal.signal(number, signal.SIG_IGN)
    if sys.argv[1:] == ["--check"]:
        print("the guardian can be started; runs start it by themselves")
        return 0
    line = sys.stdin.buffer.readline()
    if not line:  # the run has ended already
        return 0
    order = Order.from_line(line)
    sys.stdout.buffer.write(_READY)
    sys.stdout.flush()
    last = b""
    for word in sys.stdin.buffer:
        last = word
    return 0 if last in (b"", _OFF) else act(order, run_is_dead=last != _FAILED)


def act(order: Order, *, run_is_dead: bool) -> int:
    """Switch the output off, tell about it, and return the exit status: 1 when it could not be confirmed.

    With ``run_is_dead`` false the run lives, and holds the instrument's lock for the guardian.
    """
    log = _Log(guardian_log(Path(order.run)))
    if run_is_dead:
        log.add(f"the run ended without a word while the output of {order.resource} was on")
    else:
        log.add(f"the run could not confirm that the output of {order.resource} is off")
        _tell(f"THE OUTPUT OF {order.resource} MAY STILL BE ON. Press OUTPUT there now; the guardian tries as well")
    outcome = _within(order.patience + LONGEST_ATTEMPT, lambda: _switched_off(order, log, lock=run_is_dead))
    done, last = outcome or (False, _still_on(order, "an attempt to switch it off does not end"))
    log.add(last)
    log.write()
    _tell(f"the run {order.run} died; {last}" if run_is_dead else last)
    return 0 if done else 1


def _within(seconds: float, work: Callable[[], tuple[bool, str]]) -> tuple[bool, str] | None:
    """What ``work`` returns; None when it takes longer. It is then left behind in its thread, which ends with all."""
    done: list[tuple[bool, str]] = []
    worker = threading.Thread(target=lambda: done.append(work()), daemon=True)
    worker.start()
    worker.join(seconds)
    return done[0] if done else None


def _switched_off(order: Order, log: _Log, *, lock: bool) -> tuple[bool, str]:
    """Try until it works or patience ends; whether the output is in good hands, and what there is to say about it."""
    until = time.monotonic() + order.patience
    while True:
        try:
            log.add(_switch_off(order, lock=lock))
            return True, f"the output of {order.resource} is off"
        except BenchInUse as problem:  # at first by the dead run itself, until the system has cleared up behind it
            if time.monotonic() > until:
                return True, f"left to the next run, which switches the output off before it begins: {problem}"
        except Exception as problem:  # nobody else is left to try again, whatever it is
            log.add(f"{type(problem).__name__}: {problem}")
            log.write()
            if time.monotonic() > until:
                return False, _still_on(order, "it cannot be switched off")
        time.sleep(PAUSE)


def _still_on(order: Order, why: str) -> str:
    return f"THE OUTPUT OF {order.resource} MAY STILL BE ON: {why}; press OUTPUT there now"


def _switch_off(order: Order, *, lock: bool) -> str:
    """Open the source, switch it off, close it; what it answered. :raises InstrumentError: it cannot be confirmed."""
    with ExitStack() as until_done:
        if lock:
            with suppress(LocksUnusable):  # an output that is on is worse than two programs at one instrument
                until_done.enter_context(held([order.resource], order.resource, order.run, keep_text=True))
        limits = SmuLimits(voltage=order.voltage, current=order.current)
        smu = Keithley2400(
            order.resource, limits=limits, visa_library=order.visa_library, timeout=TIMEOUT, serial=order.serial
        )
        until_done.callback(_let_go, smu)
        smu.output_off()
        return f"{order.resource} was taken to zero and switched off; asked, it answered that its output is off"


def _let_go(smu: Keithley2400) -> None:
    with suppress(Exception):  # by then it has answered
        smu.adapter.close()


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
        """Append what is new to the file; where that fails, standard error has to do."""
        with suppress(OSError), self._path.open("a", encoding="utf-8") as file:
            file.writelines(self._lines)
            self._lines.clear()


def _tell(text: str) -> None:
    """Say it on the standard error of the run, if anybody listens; nobody who does not read holds the guardian up."""
    encoding = getattr(sys.stderr, "encoding", None) or "ascii"
    line = f"\nguardian: {one_line(text)}\n".encode(encoding, errors="backslashreplace")

    def write() -> None:
        with suppress(OSError):
            os.write(2, line)

    speaker = threading.Thread(target=write, daemon=True)
    speaker.start()
    speaker.join(1.0)


if __name__ == "__main__":
    sys.exit(main())
