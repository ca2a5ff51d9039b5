"""How a run file comes to stand on the disk: whole or not at all, and never taken from under a run that goes on."""

from __future__ import annotations

import errno
import os
import secrets
import stat
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from io import TextIOWrapper
from pathlib import Path
from typing import BinaryIO, TextIO

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

_FAR = 1 << 30  # Windows locks bytes against reading too: one far behind the text


#: What a file system without locks answers; there, nothing is locked.
_NO_LOCKS = {errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOLCK, errno.ENOSYS, errno.EINVAL}


_LEFT_BEHIND = 3600.0  # s; a file is written beside its place within seconds

#: What Windows answers to replacing a file that another program has open (winerror.h): access denied, a sharing
#: violation, a lock violation. Elsewhere nobody's reading is in the way.
_OPEN_ELSEWHERE = {5, 32, 33}


def _to_nobody(_line: str) -> None:
    pass


@dataclass(frozen=True)
class Waiting:
    """How long a file that another program has open, a viewer above all, is waited for until it can be replaced.

    ``tell`` gets one line, once, before the first wait that a person would notice.
    """

    tell: Callable[[str], object] = _to_nobody
    patience: float = 10.0  # s
    look: float = 0.25  # s between two tries; a virus scanner lets go within one
    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], object] = time.sleep


#: What a file is to hold: its bytes, or who writes them into it, where they are too many for memory.
Content = bytes | Callable[[BinaryIO], object]


def replace_file(
    path: Path, content: Content, *, new: bool = False, like: Path | None = None, waiting: Waiting | None = None
) -> None:
    """Write a file whole beside ``path``, push it to the disk and give it its name in one step.

    No link is followed: one that stands at ``path`` is replaced, not what it leads to. With ``new`` nothing at all
    may stand there. ``like``: a file whose rights it gets, instead of those of a new one. What another program has open
    on Windows is waited for.

    :raises OSError: the disk is full or refuses; ``path`` is as it was, and nothing else is left behind.
    """
    with replace_file_and_lock(path, content, new=new, like=like, waiting=waiting):
        pass


@contextmanager
def replace_file_and_lock(
    path: Path,
    content: Content,
    *,
    new: bool = False,
    like: Path | None = None,
    waiting: Waiting | None = None,
) -> Iterator[None]:
    """The same, and inside no program takes the file for a run that was cut off: it is locked before it has its name.

    :raises OSError: as :func:`replace_file`.
    """
    with ExitStack() as kept:
        beside, stream = _fresh_beside(path)
        kept.enter_context(stream)
        try:
            if isinstance(content, bytes):
                stream.write(content)
            else:
                content(stream)
            stream.flush()
            if like is not None:
                beside.chmod(stat.S_IMODE(like.stat().st_mode))
            os.fsync(stream.fileno())
            lock_shared(stream.fileno())
            if sys.platform == "win32":
                stream.close()  # an open file cannot be renamed there
            if new:
                _name_where_nothing_stands(beside, path)
            else:
                _replace(beside, path, waiting or Waiting())
        except BaseException:
            with suppress(OSError):  # what a full disk did not take fails once more
                kept.close()
            beside.unlink(missing_ok=True)
            raise
        _sync_names(path.parent)
        _clear_left_behind(path)
        yield


def name_beside(path: Path) -> Path:
    """A name for a file that is going to take the place of ``path``, :func:`put_in_place`."""
    return path.with_name(f"{_temporary(path)}{secrets.token_hex(8)}.tmp")


def put_in_place(beside: Path, path: Path, waiting: Waiting | None = None) -> None:
    """Give a file that was written and pushed to the disk the name of another one, in one step.

    :raises OSError: it is refused.
    """
    _replace(beside, path, waiting or Waiting())
    _sync_names(path.parent)


def name_in_place(beside: Path, path: Path) -> None:
    """Give a file that is whole its name, where nothing stands yet.

    :raises FileExistsError: something stands there.
    :raises OSError: it is refused.
    """
    _name_where_nothing_stands(beside, path)
    _sync_names(path.parent)


@contextmanager
def file_written_whole(path: Path, *, new: bool, encoding: str) -> Iterator[TextIO]:
    """A text file that has its name once all of it is written, for what is too much to be held in memory.

    No link is followed. With ``new`` nothing at all may stand at ``path``. Lines end as they are written.

    :raises OSError: the disk is full or refuses; ``path`` is as it was, and nothing else is left behind.
    """
    beside, stream = _fresh_beside(path)
    try:
        with TextIOWrapper(stream, encoding=encoding, newline="") as text:
            yield text
        if new:
            _name_where_nothing_stands(beside, path)
        else:
            _replace(beside, path, Waiting())
    except BaseException:
        beside.unlink(missing_ok=True)
        raise


def _replace(beside: Path, path: Path, waiting: Waiting) -> None:
    """Give a file the name of another one.

    :raises OSError: it is refused, for longer than is waited.
    """
    until, tries = waiting.now() + waiting.patience, 0
    while True:
        try:
            beside.replace(path)
        except OSError as error:
            if getattr(error, "winerror", None) not in _OPEN_ELSEWHERE or waiting.now() >= until:
                raise
        else:
            return
        tries += 1
        if tries == 2:
            seconds = f"it is tried again for {waiting.patience:.0f} s"
            waiting.tell(f"{path}: another program has it open, a viewer for example; close it there ({seconds})")
        waiting.sleep(waiting.look)


def write_over(path: Path, content: bytes) -> None:
    """Write a file whole, in place of one that may stand there.

    :raises OSError: as :func:`replace_file`; or what stands there is a link, a folder, a pipe or a device.
    """
    with suppress(FileNotFoundError):
        if not stat.S_ISREG(path.lstat().st_mode):
            raise OSError(errno.EINVAL, "a link, a folder, a pipe or a device stands there", str(path))
    replace_file(path, content)


def _temporary(path: Path) -> str:
    """How the names of files begin that are written beside ``path``."""
    beginning = path.name.encode(errors="surrogateescape")[:60].decode(errors="ignore")
    return f".{beginning}."


def _fresh_beside(path: Path) -> tuple[Path, BinaryIO]:
    """A new file under a name that could not be foreseen, so that nothing can have been put there before it."""
    beside = name_beside(path)
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
    return beside, os.fdopen(os.open(beside, flags, 0o666), "w+b")


def _name_where_nothing_stands(beside: Path, path: Path) -> None:
    """Rename a file.

    :raises FileExistsError: something stands there, be it a link that leads nowhere.
    """
    if sys.platform == "win32":
        beside.rename(path)  # refused there where something stands
    else:
        _link_where_nothing_stands(beside, path)


def _link_where_nothing_stands(beside: Path, path: Path) -> None:
    try:
        path.hardlink_to(beside)
    except FileExistsError:
        raise
    except OSError as error:  # a file system without hard links
        if os.path.lexists(path):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path)) from error
        beside.rename(path)
    else:
        with suppress(OSError):
            beside.unlink()


def _clear_left_behind(path: Path) -> None:
    """Remove what a process that was killed left beside this file, once it is too old to be anybody's work."""
    with suppress(OSError), os.scandir(path.parent) as entries:
        for entry in entries:
            if entry.name.startswith(_temporary(path)) and entry.name.endswith(".tmp") and _is_old(entry):
                with suppress(OSError):
                    Path(entry.path).unlink()


def _is_old(entry: os.DirEntry[str]) -> bool:
    found = entry.stat(follow_symlinks=False)
    return stat.S_ISREG(found.st_mode) and found.st_mtime < time.time() - _LEFT_BEHIND


def _sync_names(folder: Path) -> None:
    """Push a folder's list of names to the disk; Windows has no such call."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def lock_shared(descriptor: int) -> None:
    """Mark an open run file as being written, for as long as it is open; readers are not disturbed.

    The lock is the one HDF5 itself takes for reading (flock, shared). On Windows an open file cannot be replaced
    anyway.

    :raises OSError: another program has the file open for writing.
    """
    _lock(descriptor, alone=False)


@contextmanager
def locked_shared(path: Path) -> Iterator[None]:
    """The same from outside of the recorder: from its end until the file is finished, no other program may finish it.

    Nothing to do on Windows, where the file is replaced only while no other program has it open.

    :raises OSError: as above.
    """
    if sys.platform == "win32":
        yield
    else:
        with path.open("rb") as stream:
            lock_shared(stream.fileno())
            yield


@contextmanager
def locked_alone(path: Path) -> Iterator[None]:
    """Hold a file that no other program, above all no run that goes on, has open.

    :raises OSError: one has.
    """
    if sys.platform == "win32":
        path.rename(path)  # refused while anybody has it open
        yield
    else:
        with path.open("r+b") as stream:
            _lock(stream.fileno(), alone=True)
            yield


@contextmanager
def held_by_turns(descriptor: int) -> Iterator[None]:
    """Hold an open file alone, waiting until others who hold it so have let go of it.

    :raises OSError: on Windows, somebody holds it for more than ten seconds.
    """
    if sys.platform == "win32":
        os.lseek(descriptor, _FAR, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_LOCK, 1)
        try:
            yield
        finally:
            os.lseek(descriptor, _FAR, os.SEEK_SET)
            msvcrt.locking(descriptor, msvcrt.LK_UNLCK, 1)
    else:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        except OSError as error:
            if error.errno not in _NO_LOCKS:
                raise
        yield  # the system lets go of it when the file is closed


@contextmanager
def turn_to_change(path: Path, waiting: Waiting | None = None) -> Iterator[None]:
    """Inside, nobody else who asks so changes a finished file of this folder; who has the turn is waited for.

    Viewers, who may hold a file for hours, are not disturbed and not waited for: what is held is the folder, on Windows
    a file in it that the system removes with its holder.

    :raises OSError: somebody has the turn for longer than is waited, or another program writes the file.
    """
    with _held(path, waiting or Waiting()), locked_shared(path):
        yield


@contextmanager
def _held(path: Path, waiting: Waiting) -> Iterator[None]:
    descriptor = _once_free(lambda: _taken(path), waiting)
    try:
        yield
    finally:
        os.close(descriptor)


#: What Windows answers for a file that goes away with its holder just now.
_ABOUT_TO_GO = (PermissionError,) if os.name == "nt" else ()


def _once_free(take: Callable[[], int], waiting: Waiting) -> int:
    """What ``take`` gives once it is not refused for what another program has.

    :raises OSError: it is, for longer than is waited.
    """
    until = waiting.now() + waiting.patience
    while True:
        try:
            return take()
        except (BlockingIOError, FileExistsError, *_ABOUT_TO_GO):
            if waiting.now() >= until:
                raise
        waiting.sleep(waiting.look)


def _taken(path: Path) -> int:
    """The turn to change files of the folder of ``path``, for as long as this descriptor is open.

    :raises OSError: somebody has it, or the folder cannot be opened.
    """
    if sys.platform == "win32":
        own = path.with_name(f"{_temporary(path)}turn")
        return os.open(own, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_TEMPORARY)
    else:  # noqa: RET505 so that the checker for Windows does not look at it
        descriptor = os.open(path.parent, os.O_RDONLY)
        try:
            _lock(descriptor, alone=True)
        except OSError as error:
            if error.errno != errno.EBADF:  # a share that locks only what is open for writing: as one without locks
                os.close(descriptor)
                raise
        return descriptor


def _lock(descriptor: int, *, alone: bool) -> None:
    if sys.platform != "win32":
        try:
            fcntl.flock(descriptor, (fcntl.LOCK_EX if alone else fcntl.LOCK_SH) | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno not in _NO_LOCKS:
                raise
