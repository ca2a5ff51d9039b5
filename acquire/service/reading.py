"""Run files read for the service: a process that may die of what it meets, started again when it did."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from acquire.service.reader_process import NUMBER

COMMAND = (sys.executable, "-m", "acquire.service.reader_process")
PATIENCE = 60.0  # s for an answer
LARGEST_ANSWER = 512 << 20  # bytes


class Unreadable(Exception):
    """A run file that cannot be read; the message says which and why."""


class NotThere(Exception):
    """There is no such table, column or row."""


class Reader:
    """Answers of a reading process, one request at a time; for any thread."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._turn = threading.Lock()
        self._over = False

    def begin(self) -> None:
        """Let the process load what it needs, so that the first answer comes soon."""
        with self._turn:
            self._running()

    def look(self, path: Path) -> dict[str, Any]:
        """How far a run file is written, as :func:`acquire.run_file.rows.look`.

        :raises Unreadable: there is no such file, or it is not a run file.
        """
        found: dict[str, Any] = self.ask("look", path)[0]
        return found

    def ask(self, deed: str, path: Path | None = None, **more: Any) -> tuple[Any, list[bytes]]:
        """What the process makes of a file: what it says first, and the texts that follow.

        :raises Unreadable: as above; or reading ended badly.
        :raises NotThere: there is no such table, column or row.
        """
        request = {"deed": deed, **({} if path is None else {"path": str(path)}), **more}
        with self._turn:
            about, *parts = self._exchanged(json.dumps(request).encode() + b"\n", str(path or "a run file"))
        content = json.loads(about)
        if isinstance(content, dict) and "error" in content:
            if content["error"] == "absent":
                raise NotThere(content["message"])
            raise Unreadable(content["message"])
        return content, parts

    def _exchanged(self, request: bytes, name: str) -> list[bytes]:
        """:raises Unreadable: the process died of it, or took too long."""
        process = self._running()
        assert process.stdin is not None
        assert process.stdout is not None
        late = threading.Timer(PATIENCE, process.kill)
        late.daemon = True
        late.start()
        try:
            process.stdin.write(request)
            process.stdin.flush()
            return [_part(process.stdout) for _ in range(_number(process.stdout))]
        except (OSError, EOFError, ValueError) as error:
            self._end()
            raise Unreadable(f"{name}: reading it ended badly ({error or type(error).__name__})") from error
        finally:
            late.cancel()

    def _running(self) -> subprocess.Popen[bytes]:
        if self._over:
            raise Unreadable("the service is ending")
        if self._process is not None and self._process.poll() is not None:
            self._end()
        if self._process is None:
            self._process = subprocess.Popen(
                COMMAND, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=sys.platform != "win32"
            )
        return self._process

    def close(self) -> None:
        """End the process for good."""
        self._over = True
        with self._turn:
            self._end()

    def _end(self) -> None:
        if (process := self._process) is None:
            return
        self._process = None
        with suppress(OSError):
            process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                with suppress(OSError):
                    stream.close()


def _number(stream: IO[bytes]) -> int:
    text = stream.read(NUMBER.size)
    if len(text) != NUMBER.size:
        raise EOFError("it says nothing")
    number: int = NUMBER.unpack(text)[0]
    if number > LARGEST_ANSWER:
        raise ValueError("its answer is too long")
    return number


def _part(stream: IO[bytes]) -> bytes:
    size = _number(stream)
    text = stream.read(size)
    if len(text) != size:
        raise EOFError("it stopped in the middle")
    return text
