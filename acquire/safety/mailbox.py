"""How a run is spoken to from outside: files in a folder of its own, for other programs of the same user.

Each process that carries out runs has a folder in one that all users of the computer share (on Windows in the user's
own), named after its number and something nobody guesses:

- ``alive`` is locked by the operating system as long as the process lives, however it ends;
- ``state.json`` says what goes on, for everybody to read; replaced in one step;
- ``requests`` takes a file a request, put there in one step, and ``answers`` holds what came of each. Only the user
  whose run it is, and the administrator, gets into both: nobody else may stop a run.

A thread of its own looks ten times a second, twice a second while points come fast, and calls what was registered for
the kind of a request; that has to be quick, and waits for nothing. Whatever fails in the thread, or on its disk, never
reaches the run. A request is not trusted: one that is too long, no request, or not from this user, is refused with an
answer.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import stat
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any

from acquire.safety.lock import ourselves, taken
from acquire.safety.visible import one_line

#: How often it is looked for requests; how often what changes all the time is published, and what does not change, s.
LOOK, PUBLISH, STILL_HERE = 0.1, 0.5, 10.0

#: While there are more than so many points a second it is looked that often, s, which takes less from them: a stop is
#: still heard long before two seconds are over.
FAST, LOOK_WHILE_FAST = 50.0, 0.5

#: What may be looked at less often, because it takes time from the points of a run, is so often, s: the folder of
#: requests although nothing says that it was changed, and another folder that was left behind.
SELDOM = 1.0

#: After each call to the system the thread waits until the run lets it go on, which hears of it so soon, s. By Python's
#: own 5 ms a look would last a tenth of a second of a fast sweep, and as long as somebody waits each call of the run to
#: the system costs more.
TURN = 1e-4

#: Bytes of a request or an answer, and of a state; requests that are looked at in one go.
LONGEST_REQUEST, LONGEST_STATE, MOST_AT_ONCE, MOST_LOOKED_AT = 16_384, 65_536, 64, 10_000

#: Bytes of the name of who asks, which run files keep.
LONGEST_NAME = 80

#: A folder that nobody holds is older than this before it is taken for one that was left behind, s; and that long what
#: a process said last is kept that ended without saying goodbye.
SURELY_HELD, KEPT = 60.0, 86_400.0

ALIVE, STATE, REQUESTS, ANSWERS = "alive", "state.json", "requests", "answers"

_NO_FOLLOW = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0)


class NotUnderstood(ValueError):
    """A file is no request, no answer or no state; the message says why."""


@dataclass(frozen=True)
class Request:
    """What is asked of a run: its ``kind`` (stop, pause, ...), who asks, and what more the kind needs."""

    kind: str
    by: str
    more: Mapping[str, Any] = field(default_factory=dict)

    def text(self, name: str) -> str:
        """One of the further fields as a text in one line; empty where it is none."""
        value = self.more.get(name, "")
        return one_line(value)[:500] if isinstance(value, str) else ""


@dataclass(frozen=True)
class Answer:
    """What came of a request: whether it is going to be done, and that in words."""

    done: bool
    text: str


Handler = Callable[[Request], Answer]

#: What a question is answered with: it is done; the batch ends here.
_YES, _NO = frozenset({"yes", "y", "done"}), frozenset({"no", "n", "end"})


class Question:
    """Something that a person is asked; ``answer`` is None until there is one, ``by`` is whose it is."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.id = secrets.token_hex(4)
        self.answer: bool | None = None
        self.by = ""

    def answered(self, request: Request) -> Answer:
        """An answer from outside: its field ``answer`` is yes or no, ``question`` the one that is meant, if named."""
        if (meant := request.text("question")) and meant != self.id:
            return Answer(False, "that is not what is asked now")
        answer = request.text("answer").strip().lower()
        if answer not in _YES | _NO:
            return Answer(False, "answer yes (it is done) or no (the batch ends here)")
        if self.answer is None:
            self.by, self.answer = request.by, answer in _YES
        return Answer(True, "it goes on" if self.answer else "the batch ends here")


def runs_folder() -> Path:
    """Where the folders of all processes are that carry out runs."""
    if sys.platform == "win32":
        own = os.environ.get("LOCALAPPDATA") or str(Path.home() / "AppData" / "Local")
        return Path(own) / "jvl-bench" / "runs"
    else:  # noqa: RET505  # type checkers know the system only so
        temporary = Path("/tmp")  # not what TMPDIR says, as for the locks
        return (temporary if temporary.is_dir() else Path(tempfile.gettempdir())) / "jvl-bench-runs"


class Mailbox:
    """The one mailbox of a process that carries out a run, or several; open inside :meth:`opened`.

    ``started_for``: what operates the runs from elsewhere is called so; empty where a person does. ``problem``: why it
    could not be opened, empty otherwise; a run goes on without.
    """

    def __init__(self, started_for: str = "", folder: Path | None = None) -> None:
        self.problem = ""
        #: Where it is; None while it is not open.
        self.place: Path | None = None
        self.started_for = started_for
        self._folder = folder
        self._handlers: dict[str, Handler] = {}
        self._tell: Callable[[], Mapping[str, Any]] = dict
        self._question: Question | None = None
        self._said: dict[str, Any] = {}
        self._users = 0
        self._spoken_to = False
        self._not_removed: set[str] = set()
        self._over = threading.Event()
        self._change = threading.Lock()
        self._publishing = threading.Lock()
        self._written: tuple[float, Mapping[str, Any]] = (-1e9, {})

    def takes(self, kind: str, handler: Handler) -> None:
        """Call ``handler``, in the thread of the mailbox, with each request of a kind."""
        self._handlers[kind] = handler

    def takes_no_more(self, kind: str) -> None:
        """Refuse requests of a kind from now on."""
        self._handlers.pop(kind, None)

    def tells(self, source: Callable[[], Mapping[str, Any]]) -> None:
        """Publish what ``source`` gives, which is asked in the thread of the mailbox and must be quick."""
        self._tell = source

    def says(self, **said: Any) -> None:
        """Publish this besides, from now on: names and values that JSON knows."""
        with self._change:
            self._said = {**self._said, **said}

    @contextmanager
    def asking(self, text: str) -> Iterator[Question]:
        """Inside, a question is published, and answers to it are taken."""
        self._question = question = Question(text)
        self.takes("answer", question.answered)
        try:
            yield question
        finally:
            self._question = None
            self.takes_no_more("answer")

    @contextmanager
    def opened(self) -> Iterator[None]:
        """Inside, requests are taken; entered again inside, it stays as it is. Raises nothing of its own."""
        self._users += 1
        if self._users == 1:
            try:
                self._open()
            except Exception as problem:  # whatever it is: a run goes on without
                self.place, self.problem = None, f"cannot be spoken to from outside: {problem}"
        try:
            yield
        finally:
            self._users -= 1
            if self._users == 0:
                self._close()

    # --- in the thread of the run ------------------------------------------------------------------------

    def _open(self) -> None:
        self.problem = ""
        self._over = threading.Event()
        self._spoken_to, self._written = False, (-1e9, {})
        us = asdict(ourselves(""))
        self.says(**{key: us[key] for key in ("process", "since", "user", "host", "program")})
        try:
            self.place = (self._folder or runs_folder()) / f"{os.getpid()}-{secrets.token_hex(4)}"
            alive = self._made(self.place)
        except OSError as error:
            self.place = None
            self.problem = f"cannot be spoken to from outside: {error.filename or ''} {error.strerror or error}"
            return
        self._publish()
        thread = threading.Thread(target=self._watch, args=(self.place, alive, self._over), name="mailbox", daemon=True)
        try:
            thread.start()
        except RuntimeError as error:  # no more threads
            os.close(alive)
            self.place, self.problem = None, f"cannot be spoken to from outside: {error}"

    def _made(self, place: Path) -> int:
        """The folder of this process; the file that it holds locked.

        :raises OSError: it cannot be made.
        """
        usable(place.parent)
        place.mkdir(mode=0o755)
        for name in (REQUESTS, ANSWERS):
            (place / name).mkdir(mode=0o700)
        if sys.platform != "win32":
            place.chmod(0o755)  # the umask has taken the others' rights to look
        alive = os.open(place / ALIVE, os.O_RDWR | os.O_CREAT | _NO_FOLLOW, 0o644)
        until = time.monotonic() + 1.0
        while not taken(alive) and time.monotonic() < until:
            time.sleep(0.01)  # somebody looks whether we live
        return alive

    def _close(self) -> None:
        place, self.place = self.place, None
        if place is None:
            return
        self._over.set()
        # The last word is that of the end; a disk on which the thread's own hangs is waited for no longer than this
        its_turn = self._publishing.acquire(timeout=1.0)
        with suppress(Exception):
            self._publish(place, phase="ended")
        if its_turn:
            self._publishing.release()
        if not self._spoken_to:  # else who asked sees how it ended
            shutil.rmtree(place, ignore_errors=True)

    # --- in the thread of the mailbox --------------------------------------------------------------------

    def _watch(self, place: Path, alive: int, over: threading.Event) -> None:
        """Look for requests and publish until the end."""
        clearing, stamp, looked = clear_up(place.parent), -1, time.monotonic()
        interval, points = LOOK, 0
        try:
            while not over.wait(interval):
                with suppress(Exception), _short_turns():  # whatever it is: the run goes on, and so does looking
                    if (now := _stamp(place / REQUESTS)) < 0:  # somebody cleared up
                        if alive >= 0:
                            os.close(alive)
                            alive = -1
                        shutil.rmtree(place, ignore_errors=True)
                        alive = self._made(place)
                        self._written = (-1e9, {})
                    seldom = time.monotonic() - looked >= SELDOM
                    if seldom or now != stamp or sys.platform == "win32":  # where a folder's time may come late
                        stamp = now
                        self._take_requests(place)
                    before, points = points, self._publish_if_due(place, over)
                    interval = LOOK_WHILE_FAST if points - before > FAST * interval else LOOK
                    if seldom:
                        looked = time.monotonic()
                        next(clearing, None)
        finally:
            if alive >= 0:
                os.close(alive)

    def _take_requests(self, place: Path) -> None:
        with os.scandir(place / REQUESTS) as entries:
            found = (entry.name for entry in islice(entries, MOST_LOOKED_AT))
            names = [name for name in found if name.endswith(".json") and name not in self._not_removed]
        for name in sorted(names)[:MOST_AT_ONCE]:
            self._spoken_to = True
            answer = self._answered(place / REQUESTS / name)
            with suppress(OSError):
                put(place / ANSWERS / name, asdict(answer))

    def _answered(self, path: Path) -> Answer:
        try:
            request = _request(path)
        except (NotUnderstood, OSError) as problem:
            return Answer(False, f"not done: {problem}")
        finally:
            self._remove(path)  # first, so that it is done once
        handler = self._handlers.get(request.kind)
        if handler is None:
            known = ", ".join(sorted(self._handlers)) or "nothing"
            return Answer(False, f"not done: {one_line(request.kind)[:40]} cannot be asked of it now; it takes {known}")
        try:
            return handler(request)
        except Exception as problem:
            return Answer(False, f"not done: {type(problem).__name__}: {problem}")

    def _remove(self, path: Path) -> None:
        """Take a request away; one that cannot be is no file: a folder, for example."""
        with suppress(OSError):
            path.unlink()
        if os.path.lexists(path):
            shutil.rmtree(path, ignore_errors=True)
        if os.path.lexists(path):
            self._not_removed.add(path.name)

    def _publish_if_due(self, place: Path, over: threading.Event) -> int:
        """Say what goes on where that is due; how many points there are."""
        when, written = self._written
        said, since = self._state(), time.monotonic() - when
        urgent = any(said.get(key) != written.get(key) for key in ("phase", "question", "output", "run_id", "takes"))
        if urgent or (since >= PUBLISH and said != written) or since >= STILL_HERE:
            with self._publishing:
                if not over.is_set():
                    self._publish(place)
        return int(said.get("points") or 0)

    def _state(self) -> dict[str, Any]:
        said, question = {**self._said, **self._tell()}, self._question
        if question is not None:  # it is asked between two runs
            said |= {"run_id": "", "path": "", "points": 0, "most_points": 0, "left": None}
            said |= {"phase": "asking", "question": question.text, "question_id": question.id, "doing": question.text}
        return {**said, "started_for": self.started_for, "takes": sorted(self._handlers)}

    def _publish(self, place: Path | None = None, **said: Any) -> None:
        """Say what goes on; where that fails it is tried again at the next look."""
        place = place or self.place
        assert place is not None
        with suppress(Exception):  # also in the thread of the run, which it must not break
            state = {**self._state(), **said}
            put(place / STATE, {**state, "told": datetime.now(UTC).astimezone().isoformat()}, mode=0o644)
            self._written = time.monotonic(), state


@contextmanager
def _short_turns() -> Iterator[None]:
    """Inside, threads wait for each other for :data:`TURN` at most; no other thread sets that."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(TURN)
    try:
        yield
    finally:
        sys.setswitchinterval(before)


# --- files -------------------------------------------------------------------------------------------------------


def usable(folder: Path) -> Path:
    """The folder of all, made where it is not there yet.

    :raises OSError: it is none, or cannot be made.
    """
    if not folder.is_dir():
        with suppress(FileExistsError):  # somebody else was faster
            folder.mkdir(parents=True)
            if sys.platform != "win32":
                folder.chmod(0o1777)
    if not stat.S_ISDIR(folder.lstat().st_mode):
        raise OSError(None, "is no folder, but a link to one", str(folder))
    return folder


def put(path: Path, content: Mapping[str, Any], mode: int = 0o600) -> None:
    """Write a JSON file in one step: whoever looks finds all of it, or nothing.

    :raises OSError: it cannot be written.
    """
    text = json.dumps(content, allow_nan=False).encode()
    new = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _NO_FOLLOW, mode)
        with os.fdopen(descriptor, "wb") as stream:
            if sys.platform != "win32":
                os.fchmod(descriptor, mode)
            stream.write(text)
        new.replace(path)
    except OSError:
        with suppress(OSError):
            new.unlink()
        raise


def got(path: Path, longest: int, owners: frozenset[int] | None = None) -> dict[str, Any]:
    """What a JSON file holds that somebody else wrote; ``owners``: whose file it has to be, by their numbers.

    :raises NotUnderstood: it is too long, no such file, or somebody else's.
    :raises OSError: it cannot be read.
    """
    descriptor = os.open(path, os.O_RDONLY | _NO_FOLLOW)
    with os.fdopen(descriptor, "rb") as stream:
        about = os.fstat(descriptor)
        if not stat.S_ISREG(about.st_mode):
            raise NotUnderstood("it is no ordinary file")
        if owners is not None and about.st_uid not in owners:
            raise NotUnderstood("it is from another user")
        text = stream.read(longest + 1)
    if len(text) > longest:
        raise NotUnderstood(f"it is longer than {longest} bytes")
    try:
        content = json.loads(text, parse_constant=_no_number)
    except (ValueError, RecursionError) as problem:
        raise NotUnderstood("it is not written as JSON") from problem
    if not isinstance(content, dict):
        raise NotUnderstood("it is no JSON object")
    return content


def _no_number(name: str) -> float:
    raise ValueError(f"{name} is no number")


def _owners() -> frozenset[int] | None:
    """Whose requests are taken; None where the system does not tell by a number."""
    if sys.platform == "win32":
        return None
    else:  # noqa: RET505  # type checkers know the system only so
        return frozenset({os.geteuid(), 0})


def _request(path: Path) -> Request:
    """The request in a file.

    :raises NotUnderstood: there is none in it.
    :raises OSError: it cannot be read.
    """
    content = got(path, LONGEST_REQUEST, _owners())
    kind, by = content.pop("kind", None), content.pop("by", "")
    if not isinstance(kind, str) or not kind:
        raise NotUnderstood("it does not say what kind of request it is")
    if not isinstance(by, str):
        raise NotUnderstood("it does not say who asks")
    name = one_line(by).strip().encode()[:LONGEST_NAME].decode(errors="ignore")
    return Request(kind, name or "somebody", content)


def lives(place: Path) -> bool:
    """Whether the process of a folder lives.

    :raises OSError: that cannot be seen.
    """
    descriptor = os.open(place / ALIVE, os.O_RDONLY | _NO_FOLLOW)
    try:
        return not taken(descriptor, shared=True)  # taken for a moment, if at all
    finally:
        os.close(descriptor)


def clear_up(root: Path) -> Iterator[None]:
    """Remove folders of this user whose processes have ended; what was said last in those stays a day.

    One at each step, from any on: to look at hundreds in one go would take time from the points of a run.

    :raises OSError: the folder of all cannot be read.
    """
    with os.scandir(root) as entries:
        paths = [entry.path for entry in entries if entry.is_dir(follow_symlinks=False)]
    first = secrets.randbelow(len(paths) + 1)
    for place in map(Path, paths[first:] + paths[:first]):
        yield
        with suppress(OSError, NotUnderstood):
            about = place.lstat()
            if sys.platform != "win32" and about.st_uid != os.geteuid():
                continue
            since = time.time() - max(about.st_mtime, _when_changed(place / STATE))
            if since < SURELY_HELD or _seen_to_live(place):
                continue
            if since > KEPT or _said_goodbye(place):
                shutil.rmtree(place, ignore_errors=True)


def _stamp(folder: Path) -> int:
    """When a file came into a folder, or left it, as the file system says; -1 where there is no such folder."""
    try:
        about = folder.stat()
    except OSError:
        return -1
    return about.st_mtime_ns if stat.S_ISDIR(about.st_mode) else -1


def _when_changed(path: Path) -> float:
    try:
        return path.lstat().st_mtime
    except OSError:
        return 0.0


def _seen_to_live(place: Path) -> bool:
    try:
        return lives(place)
    except FileNotFoundError:
        return False


def _said_goodbye(place: Path) -> bool:
    try:
        return got(place / STATE, LONGEST_STATE).get("phase") == "ended"
    except (OSError, NotUnderstood):
        return True  # nothing worth keeping
