"""Reading of run files in a process of its own, which may die of what it meets.

A damaged file can take libhdf5 down, and with it the interpreter; a file made to do harm can eat the memory, or never
end. So files that others may have changed are read by ``python -m acquire.run_file.reading_apart``, with a bound on
memory (where the system has one: not on Windows and macOS) and on time. What comes back is unpickled with nothing but
the plain values of this program let in.
"""

from __future__ import annotations

import json
import os
import pickle
import signal
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, is_dataclass
from enum import Enum
from functools import partial
from itertools import count
from math import inf
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    from acquire.records import Columns
    from acquire.run_file.documented import DocumentedRun
    from acquire.run_file.ledger import Earlier
    from acquire.run_file.read import ArchiveError, Run
    from acquire.run_file.summary import RunSummary, SummaryText
    from acquire.run_file.tagging import Wish
    from acquire.spectroscopy.measured_table import MeasuredTable

COMMAND = (sys.executable, "-m", "acquire.run_file.reading_apart")
LEAST_MEMORY = 768 << 20  # bytes of address space; the interpreter with its libraries takes 170 MB
MOST_MEMORY = 1536 << 20
MEMORY_PER_BYTE = 24  # of the file: four times what finishing 100 000 points takes, in a file of 23 MB
PATIENCE = 60.0  # s for a file
PATIENCE_PER_BYTE = 2e-6  # s
START_PATIENCE = 5.0  # s for the process itself, where a run waits to begin
LARGEST_ANSWER = 512 << 20  # bytes

_LENGTH = struct.Struct("<Q")


def read_run(path: Path, analysis: str | None = None) -> Run:
    """As :func:`acquire.run_file.read.read_run`.

    :raises acquire.run_file.read.ArchiveError: as there; or reading ended badly.
    """
    run: Run = _one("read_run", path, _by(analysis))
    return run


def _by(analysis: str | None) -> Mapping[str, str]:
    return {} if analysis is None else {"analysis": analysis}


def read_run_and_earlier(path: Path, analysis: str | None = None) -> tuple[Run, Earlier]:
    """The run, and what its device went through before (:func:`acquire.run_file.ledger.earlier_stress`).

    :raises acquire.run_file.read.ArchiveError: as above.
    """
    found: tuple[Run, Earlier] = _one("read_run_and_earlier", path, _by(analysis))
    return found


def read_runs(paths: Sequence[Path], analysis: str | None = None) -> Iterator[tuple[Path, Run | ArchiveError]]:
    """The same for several files, one after the other; the error in place of what cannot be read."""
    return _answers("read_run", paths, beside=_by(analysis))


def read_documented(
    paths: Sequence[Path], analysis: str | None = None
) -> list[tuple[Path, DocumentedRun | ArchiveError]]:
    """Each file with what :func:`acquire.run_file.documented.read_documented` makes of it, or why that is nothing."""
    return list(_answers("read_documented", paths, beside=_by(analysis)))


def pieces(path: Path, table: str, rows: int, size: int) -> Iterator[Columns]:
    """The first ``rows`` rows of a long table in pieces of ``size``, as :func:`acquire.run_file.columns.read_columns`.

    :raises acquire.run_file.read.ArchiveError: as there; or reading ended badly.
    """
    from acquire.run_file.read import ArchiveError

    for _, answer in _answers("piece", [path] * -(-rows // size), beside={"table": table, "size": str(size)}):
        if isinstance(answer, ArchiveError):
            raise answer
        yield answer


def thinned(path: Path, table: str, most: int) -> Columns:
    """As :func:`acquire.run_file.columns.thinned`, all columns.

    :raises acquire.run_file.read.ArchiveError: as there; or reading ended badly.
    """
    columns: Columns = _one("thinned", path, {"table": table, "most": str(most)})
    return columns


def recover(path: Path) -> tuple[Run, bool]:
    """As :func:`acquire.run_file.finish.recover`, and whether the file was finished already.

    :raises acquire.run_file.read.ArchiveError: as above.
    """
    found: tuple[Run, bool] = _one("recover", path)
    return found


def say_of(path: Path, wish: Wish) -> Run:
    """As :func:`acquire.run_file.tagging.say_of`.

    :raises acquire.run_file.read.ArchiveError: as above.
    """
    run: Run = _one("say_of", path, asdict(wish))
    return run


def read_hdf5_table(path: Path, group: str = "") -> MeasuredTable:
    """As :func:`acquire.run_file.hdf5_table.read_hdf5_table`.

    :raises acquire.run_file.read.ArchiveError: as there; or reading ended badly.
    """
    table: MeasuredTable = _one("read_hdf5_table", path, {"group": group})
    return table


def unfinished(paths: Sequence[Path]) -> list[Path]:
    """Those of some files that were not finished, and those that cannot be read."""
    return [path for path, answer in _answers("points_if_unfinished", paths) if answer is not None]


def summaries(paths: Sequence[Path]) -> Iterator[tuple[Path, RunSummary | ArchiveError]]:
    """As :func:`acquire.run_file.summary.read_summary`, file by file; the error in place of what cannot be read."""
    return _answers("read_summary", paths)


def summary_texts(paths: Sequence[Path]) -> Iterator[tuple[Path, SummaryText | ArchiveError]]:
    """As :func:`acquire.run_file.summary.read_summary_text`, likewise."""
    return _answers("read_summary_text", paths)


def summaries_with_stress(paths: Sequence[Path]) -> Iterator[tuple[Path, RunSummary | ArchiveError]]:
    """As :func:`acquire.run_file.ledger.summary_with_stress`, likewise."""
    return _answers("summary_with_stress", paths)


def cut_off_in(folder: Path, patience: float) -> list[tuple[Path, int]]:
    """As :func:`acquire.run_file.read.cut_off_in`; the start of the process is not counted, but bounded."""
    from acquire.run_file.read import run_files_in

    try:
        paths = run_files_in(folder)
    except OSError:
        return []
    until = time.monotonic() + START_PATIENCE + patience
    answers = _answers("points_if_cut_off", paths, patience, until)
    return [(path, answer) for path, answer in answers if isinstance(answer, int)]


def _one(what: str, path: Path, beside: Mapping[str, str] | None = None) -> Any:
    from acquire.run_file.read import ArchiveError

    ((_, answer),) = _answers(what, [path], beside=beside)
    if isinstance(answer, ArchiveError):
        raise answer
    return answer


# --- in the process that asks -------------------------------------------------------------------------------


def _answers(
    what: str,
    paths: Sequence[Path],
    patience: float | None = None,
    until: float | None = None,
    beside: Mapping[str, str] | None = None,
) -> Iterator[tuple[Path, Any]]:
    return answers_of(COMMAND, what, paths, patience, until, beside)


def answers_of(
    command: Sequence[str],
    what: str,
    paths: Sequence[Path],
    patience: float | None = None,
    until: float | None = None,
    beside: Mapping[str, str] | None = None,
) -> Iterator[tuple[Path, Any]]:
    """Each file with what came of it; an ArchiveError where that is nothing.

    The ``command`` starts a program that calls :func:`serve`. A file that its process dies of costs no other: a new
    process goes on behind it. ``patience`` (s) is how long files are begun, ``until`` when all is given up; ``beside``
    what is to be known besides the path.
    """
    waiting = list(paths)
    while waiting:
        order = {"what": what, "patience": patience, "beside": dict(beside or {})}
        with _reader(command, order, waiting, until) as reader:
            while waiting and (answer := reader.answer()) is not None:
                yield waiting.pop(0), answer.value
            if not waiting or reader.is_done or (until is not None and time.monotonic() > until):
                return
            yield waiting.pop(0), reader.obituary()


class _Answer:
    def __init__(self, value: Any) -> None:
        self.value = value


class _Watch:
    """One thread that calls ``late`` when a time is over, which is set anew for each file."""

    def __init__(self, late: Callable[[], object]) -> None:
        self._late, self._until, self._wake = late, inf, threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def wait_until(self, moment: float) -> None:
        """Set the time (of the monotonic clock, s); infinite: nothing is waited for."""
        is_sooner = moment < self._until
        self._until = moment
        if is_sooner:
            self._wake.set()

    def end(self) -> None:
        """Nothing is watched any more."""
        self.wait_until(-inf)
        self._thread.join()

    def _look(self) -> None:
        while (left := self._until - time.monotonic()) > 0:
            self._wake.wait(None if left == inf else left)
            self._wake.clear()
        if self._until > -inf:
            self._late()


class _Reader:
    """One process that reads, and what it says."""

    def __init__(self, process: subprocess.Popen[bytes], paths: Sequence[Path], until: float | None) -> None:
        self._process = process
        self._paths = list(paths)
        self._until = until
        self._late = False
        self.is_done = False
        self._watch = _Watch(self._give_up)

    def answer(self) -> _Answer | None:
        """The next answer; None when there are no more, be it because the process has died."""
        assert self._process.stdout is not None
        path = self._paths.pop(0)
        self._watch.wait_until(time.monotonic() + self._seconds(path))
        try:
            content = _received(self._process.stdout)
        finally:
            self._watch.wait_until(inf)
        if content is None:
            self._paths.insert(0, path)
            return None
        if not content:
            self.is_done = True
            return None
        return _Answer(_understood(content, path))

    def _seconds(self, path: Path) -> float:
        seconds = PATIENCE + PATIENCE_PER_BYTE * _size(path)
        return seconds if self._until is None else min(seconds, max(self._until - time.monotonic(), 0.0))

    def end(self) -> None:
        """Nothing is asked any more."""
        self._watch.end()

    def _give_up(self) -> None:
        self._late = True
        self._process.kill()

    def obituary(self) -> Exception:
        """What the process died of."""
        from acquire.run_file.read import ArchiveError

        with suppress(subprocess.TimeoutExpired):  # it may be dying still, of what is to be told
            self._process.wait(1.0)
        self._process.kill()
        status = self._process.wait()
        what = "takes longer than any run file may" if self._late else f"ended with {_in_words(status)}"
        return ArchiveError(
            f"{self._paths[0]}: is damaged, or not a run file: reading it {what}. The file stays as it is"
        )


def _in_words(status: int) -> str:
    if status >= 0:
        return f"exit status {status}"
    with suppress(ValueError):
        return f"{signal.Signals(-status).name}"
    return f"signal {-status}"


@contextmanager
def _reader(
    command: Sequence[str], order: Mapping[str, Any], paths: Sequence[Path], until: float | None
) -> Iterator[_Reader]:
    whole = {**order, "folder": _here(), "paths": [os.fspath(path) for path in paths]}
    with ExitStack() as until_done:
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=Path(__file__).parents[2],  # -m looks there first: not at what lies in the current folder
            env={**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},  # each takes address space
        )
        until_done.callback(process.wait)
        until_done.callback(process.kill)
        assert process.stdin is not None
        assert process.stdout is not None
        until_done.enter_context(process.stdout)
        with suppress(OSError), process.stdin:  # it has died already: it will not answer
            process.stdin.write(json.dumps(whole).encode())
        reader = _Reader(process, paths, until)
        until_done.callback(reader.end)
        yield reader


def _here() -> str:
    try:
        return str(Path.cwd())
    except OSError:  # it was removed
        return ""


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except (OSError, ValueError):
        return 0


def _received(stream: IO[bytes]) -> bytes | None:
    """One message; None when it is cut off."""
    head = stream.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        return None
    (length,) = _LENGTH.unpack(head)
    if length > LARGEST_ANSWER:
        return None
    content = stream.read(length)
    return content if len(content) == length else None


class _PlainValues(pickle.Unpickler):
    """Lets in arrays, paths, and the frozen values and enumerations of this program."""

    def find_class(self, module: str, name: str) -> Any:
        if module.partition(".")[0] == "pathlib" or (module, name) in _PLAIN:
            return super().find_class(module, name)
        found = super().find_class(module, name) if module.startswith("acquire.") else None
        if isinstance(found, type) and (is_dataclass(found) or issubclass(found, Enum | tuple)):
            return found
        raise pickle.UnpicklingError(f"{module}.{name} is no plain value")


_PLAIN = {
    ("acquire.run_file.read", "ArchiveError"),
    ("numpy", "ndarray"),
    ("numpy", "dtype"),
    ("numpy._core.multiarray", "_reconstruct"),
    ("numpy._core.multiarray", "scalar"),
    ("numpy._core.numeric", "_frombuffer"),
}


def _understood(content: bytes, path: Path) -> Any:
    from io import BytesIO

    from acquire.run_file.read import ArchiveError

    try:
        return _PlainValues(BytesIO(content)).load()
    except Exception as error:  # whatever a process says that is out of its mind
        return ArchiveError(f"{path}: is damaged: what was read of it makes no sense ({error})")


# --- in the process of its own ------------------------------------------------------------------------------


def main() -> int:
    """Read as the order at standard input says."""
    return serve(_work)


def serve(work: Callable[[], Mapping[str, Callable[..., Any]]]) -> int:
    """Answer the order at standard input, file by file, then with an empty message; ``work``: what can be asked."""
    with suppress(ValueError, OSError):
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # who asks decides
    stream = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints is no answer
    order = json.load(sys.stdin.buffer)
    if order["folder"]:
        os.chdir(order["folder"])
    paths = [Path(path) for path in order["paths"]]
    answer = partial(work()[order["what"]], **order["beside"])
    _bound_memory(max(map(_size, paths), default=0))
    begun = time.monotonic()
    for path in paths:
        if order["patience"] is not None and time.monotonic() - begun > order["patience"]:
            break
        _send(stream, pickle.dumps(_tried(answer, path), protocol=5))
    _send(stream, b"")
    return 0


def _work() -> dict[str, Callable[..., Any]]:
    from acquire.run_file import documented, ledger
    from acquire.run_file import read as reading
    from acquire.run_file.summary import read_summary, read_summary_text

    def say_of(path: Path, **wish: str) -> Run:
        from acquire.run_file import tagging

        return tagging.say_of(path, tagging.Wish(**wish))

    begins = count()

    def piece(path: Path, table: str, size: str) -> Columns:
        from acquire.run_file.columns import read_columns

        begin = next(begins) * int(size)
        return read_columns(path, table, start=begin, stop=begin + int(size))

    def thinned(path: Path, table: str, most: str) -> Columns:
        from acquire.run_file import columns

        return columns.thinned(path, table, most=int(most))

    def recover(path: Path) -> tuple[Run, bool]:
        from acquire.run_file import finish as finishing  # a fifth of the time that such a process takes to start

        already = reading.points_if_unfinished(path) is None
        return finishing.recover(path), already

    def read_run_and_earlier(path: Path, analysis: str | None = None) -> tuple[Run, Earlier]:
        run = reading.read_run(path, analysis)
        return run, ledger.earlier_stress(run)

    def read_hdf5_table(path: Path, group: str) -> MeasuredTable:
        from acquire.run_file import hdf5_table

        return hdf5_table.read_hdf5_table(path, group)

    return {
        "read_run": reading.read_run,
        "read_hdf5_table": read_hdf5_table,
        "read_run_and_earlier": read_run_and_earlier,
        "summary_with_stress": ledger.summary_with_stress,
        "read_documented": documented.read_documented,
        "read_summary": read_summary,
        "read_summary_text": read_summary_text,
        "recover": recover,
        "piece": piece,
        "thinned": thinned,
        "say_of": say_of,
        "points_if_unfinished": reading.points_if_unfinished,
        "points_if_cut_off": reading.points_if_cut_off,
    }


def _tried(answer: Callable[[Path], Any], path: Path) -> Any:
    from acquire.run_file.read import ArchiveError

    try:
        return answer(path)
    except ArchiveError as error:
        return ArchiveError(str(error))
    except MemoryError:
        return ArchiveError(f"{path}: needs more memory than any run file may")


def _send(stream: IO[bytes], content: bytes) -> None:
    stream.write(_LENGTH.pack(len(content)) + content)
    stream.flush()


def _bound_memory(size: int) -> None:
    """Let this process take no more address space than a file of this size needs, where the system can see to it."""
    if sys.platform == "win32":
        import msvcrt

        msvcrt.SetErrorMode(msvcrt.SEM_FAILCRITICALERRORS | msvcrt.SEM_NOGPFAULTERRORBOX)  # no window that waits
    else:
        import resource

        wanted = min(LEAST_MEMORY + MEMORY_PER_BYTE * size, MOST_MEMORY)
        for kind, most in ((resource.RLIMIT_AS, wanted), (resource.RLIMIT_CORE, 0)):
            with suppress(ValueError, OSError):
                _, hard = resource.getrlimit(kind)
                resource.setrlimit(kind, (most if hard == resource.RLIM_INFINITY else min(most, hard), hard))


if __name__ == "__main__":
    sys.exit(main())
