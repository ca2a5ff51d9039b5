"""One run per instrument at a time, on this computer.

Each instrument has a small file in a folder that all users of the computer share, named after its VISA address.
While a run goes on, the file is locked by the operating system, which lets go of it when the process ends, however it
ends; its text says who holds it, in JSON. A text in a file that is not locked was left by a run that had no time to
remove it. Locks say nothing to another computer: a GPIB gateway on the network has none.
"""

from __future__ import annotations

import getpass
import json
import os
import re
import socket
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

from acquire import __version__
from drivers.errors import InstrumentError

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

LONGEST_TEXT = 4096  # bytes
_LOCKED_BYTE = 1 << 30  # Windows locks bytes against reading too: one far behind the text


class BenchInUse(InstrumentError):
    """Somebody else holds one or more of these instruments; the message says who."""


class LocksUnusable(InstrumentError):
    """It cannot be made sure that no other program uses the instruments."""


@dataclass(frozen=True)
class Holder:
    """Who holds an instrument: the run file, the process on ``host``, since when (ISO 8601)."""

    run: str
    process: int
    since: str
    user: str
    host: str
    program: str

    def __str__(self) -> str:
        return f"{self.run} (process {self.process} of {self.user} on {self.host}, since {clock_time(self.since)})"


def clock_time(moment: str) -> str:
    """A moment (ISO 8601) as people read it; as it is where it is none."""
    try:
        return f"{datetime.fromisoformat(moment):%H:%M:%S on %Y-%m-%d}"
    except ValueError:
        return moment


def locks_folder() -> Path:
    """Where the locks of all users of this computer are."""
    if sys.platform == "win32":
        return Path(os.environ.get("PROGRAMDATA", r"C:\ProgramData")) / "jvl-bench" / "locks"
    else:  # noqa: RET505  # type checkers know the system only so
        temporary = Path("/tmp")  # not what TMPDIR says: that may be each user's own
        return (temporary if temporary.is_dir() else Path(tempfile.gettempdir())) / "jvl-bench-locks"


def _canonical(resources: Iterable[str]) -> list[str]:
    """The addresses as VISA writes them, each once, in order; a run that is only planned needs no VISA."""
    from drivers.resources import canonical_resource

    return sorted({canonical_resource(resource) for resource in resources})


@contextmanager
def instruments_locked(
    resources: Iterable[str], bench: str, run: str, folder: Path | None = None, *, keep_text: bool = False
) -> Iterator[list[str]]:
    """Hold every instrument of a bench (VISA addresses), all or none, for ``run``, the name that others get to see.

    ``keep_text``: on behalf of the run before, whose text stays for the next one to find.
    Gives what is to be noted about earlier runs that ended without removing their text.

    :raises BenchInUse: at least one is held already, by this process or by another.
    :raises LocksUnusable: the folder of the locks cannot be used.
    """
    names = _canonical(resources)
    with ExitStack() as stack:
        try:
            place = _usable(folder or locks_folder()) if names else Path()
            locks = {name: stack.enter_context(_opened(place / file_name(name))) for name in names}
            in_use = {name: _who(lock) for name, lock in locks.items() if not taken(lock)}
        except OSError as error:
            why = " ".join(filter(None, (error.filename, error.strerror or str(error))))
            message = f"cannot make sure that nobody else uses it: {why}"
            hint = f"Make the folder {folder or locks_folder()} writable for everybody who measures here"
            raise LocksUnusable(bench, message, hint) from error
        if in_use:
            message = f"is in use: {' and '.join(dict.fromkeys(in_use.values()))} has {', '.join(in_use)}"
            hint = "Wait until it has ended, or end it with Ctrl-C where it was started"
            raise BenchInUse(
                bench, message, f"{hint}; behind a run that was killed, its guardian clears up for some seconds"
            )
        before = [holder for lock in locks.values() if (holder := _holder(lock))]
        written = [] if keep_text else list(locks.values())
        for lock in written:
            _write(lock, ourselves(run))
        try:
            yield [f"the run before, {holder}, ended without saying goodbye" for holder in dict.fromkeys(before)]
        finally:
            for lock in written:
                _write(lock, None)


@contextmanager
def held_alone(path: Path, what: str) -> Iterator[str]:
    """Hold what the file at ``path`` stands for, which is there only meanwhile; ``what`` is what others get to see.

    Gives who else holds it, in words: then it is not ours. Empty: nobody.

    :raises OSError: it cannot be made, or the folder knows no locks.
    """
    while True:
        with ExitStack() as stack:
            if sys.platform == "win32":  # removes no open file, neither ours nor that of somebody else
                stack.callback(_removed, path)
            lock = stack.enter_context(_opened(path))
            if not taken(lock):
                yield str(_holder(lock) or "another program, which has not yet said which")
                return
            if not _stands(lock, path):  # whoever had it has just removed it: ours holds nothing
                continue
            _write(lock, ourselves(what))
            try:
                yield ""
            finally:
                _write(lock, None)
                _removed(path)
            return


def _removed(path: Path) -> None:
    with suppress(OSError):
        path.unlink()


def _stands(lock: int, path: Path) -> bool:
    """Whether an open file still has its name."""
    try:
        return os.path.samestat(os.fstat(lock), path.lstat())
    except FileNotFoundError:
        return False


def in_use(resources: Iterable[str], folder: Path | None = None) -> str:
    """Who has one of these instruments (VISA addresses) now, in words; empty where nobody is known to have one.

    Only a look: whoever is to have them still takes them by :func:`instruments_locked`.
    """
    place = folder or locks_folder()
    for name in _canonical(resources):
        try:
            lock = os.open(
                place / file_name(name), os.O_RDWR | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
            )
        except OSError:
            continue
        try:
            # Without a text nobody has it, and it need not be taken, which could be in the way of a run that begins
            if (holder := _holder(lock)) is not None and not taken(lock, shared=True):
                return f"run {holder} has {name}"
        finally:
            os.close(lock)
    return ""


def file_name(resource: str) -> str:
    """The lock of an instrument: its address, readable, and a mark that keeps similar ones apart."""
    readable = re.sub(r"[^A-Z0-9]+", "-", resource.upper()).strip("-")[:60]
    return f"{readable}_{sha256(resource.encode()).hexdigest()[:8]}.lock"


def _usable(folder: Path) -> Path:
    """The folder, made for everybody where it is not there yet.

    :raises OSError: it is none, or cannot be made.
    """
    if not folder.is_dir():
        with suppress(FileExistsError):  # somebody else was faster
            folder.mkdir(parents=True)
            _open_to_everybody(folder)
    if not stat.S_ISDIR(folder.lstat().st_mode):
        raise OSError(None, "is no folder, but a link to one", str(folder))
    return folder


def _open_to_everybody(folder: Path) -> None:
    if sys.platform == "win32":
        users = "*S-1-5-32-545:(OI)(CI)M"  # the group Users, whatever its name is in the language of the system
        subprocess.run(["icacls", str(folder), "/grant", users], capture_output=True, check=False)
    else:
        folder.chmod(0o1777)


@contextmanager
def _opened(path: Path) -> Iterator[int]:
    """A lock's file, made when it is not there.

    :raises OSError: it cannot be opened, or is no ordinary file.
    """
    flags = os.O_RDWR | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
    try:
        # Linux refuses to open another user's file in a shared folder where it could as well be made
        # (fs.protected_regular)
        lock = os.open(path, flags)
    except FileNotFoundError:
        lock = _made(path, flags)
    try:
        if not stat.S_ISREG(os.fstat(lock).st_mode):
            raise OSError(None, "is no ordinary file", str(path))
        yield lock
    finally:
        os.close(lock)


def _made(path: Path, flags: int) -> int:
    try:
        lock = os.open(path, flags | os.O_CREAT | os.O_EXCL, 0o666)
    except FileExistsError:
        return os.open(path, flags)
    if sys.platform != "win32":
        os.fchmod(lock, 0o666)  # the umask has taken the others' rights
    return lock


def taken(lock: int, *, shared: bool = False) -> bool:
    """Take the lock; false when somebody else has it. The system lets go of it when the file is closed.

    ``shared``: beside others who take it so, where the system knows that.
    """
    try:
        if sys.platform == "win32":
            os.lseek(lock, _LOCKED_BYTE, os.SEEK_SET)
            msvcrt.locking(lock, msvcrt.LK_NBLCK, 1)
        else:
            fcntl.flock(lock, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    return True


def ourselves(run: str) -> Holder:
    """This process, which carries out ``run``."""
    since = datetime.now(UTC).astimezone().isoformat(timespec="seconds")
    try:
        user = getpass.getuser()
    except (OSError, KeyError, ImportError):  # a container may know no name for its user
        user = "unknown"
    return Holder(run, os.getpid(), since, user, socket.gethostname(), f"acquire {__version__}")


def _write(lock: int, holder: Holder | None) -> None:
    """Say who holds it. A text that cannot be written, on a full disk for example, ends no run."""
    text = json.dumps(asdict(holder)).encode() if holder else b""
    with suppress(OSError):
        os.ftruncate(lock, 0)
        os.lseek(lock, 0, os.SEEK_SET)
        os.write(lock, text)


def _holder(lock: int) -> Holder | None:
    """Who wrote the text; None without a text, or with one that is none of ours: anybody can write there."""
    os.lseek(lock, 0, os.SEEK_SET)
    try:
        entry = json.loads(os.read(lock, LONGEST_TEXT))
        texts = {field.name: _one_line(entry[field.name]) for field in fields(Holder) if field.name != "process"}
        return Holder(process=int(entry["process"]), **texts)
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
        return None


def _one_line(text: object) -> str:
    return "".join(character if character.isprintable() else "?" for character in str(text)[:500])


def _who(lock: int) -> str:
    holder = _holder(lock)
    return f"run {holder}" if holder else "another program, which has not yet said which"
