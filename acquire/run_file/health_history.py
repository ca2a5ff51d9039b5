"""The history of a bench's checks: a text file of one JSON object a line, to which lines are only ever added.

Each line carries a checksum of its own text. A line that is damaged is said and skipped, and stays where it is.
"""

from __future__ import annotations

import json
import os
import re
import stat
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from hashlib import sha256
from math import isfinite, nan
from pathlib import Path
from typing import Any

from acquire.evaluation.health import Acceptance, Check, Entry, Kind, Quantity
from acquire.run_file.placing import held_by_turns

#: More than this is no history of checks: some hundred years of one a day.
LARGEST_HISTORY = 32 << 20  # bytes

_CHECKSUM = "checksum"
_NUMBERS = ("value", "uncertainty", "scatter", "nominal", "nominal_uncertainty")
_KINDS: Mapping[str, type[Check] | type[Acceptance]] = {"check": Check, "acceptance": Acceptance}


@dataclass(frozen=True)
class History:
    """What a history file holds, in its order, and a remark on each line of it that cannot be used."""

    path: Path
    entries: tuple[Entry, ...] = ()
    remarks: tuple[str, ...] = ()


def history_path(folder: Path, bench: str) -> Path:
    """The history of the bench of this name: readable, and with a mark that keeps similar names apart."""
    readable = re.sub(r"[^A-Za-z0-9]+", "-", bench).strip("-")[:40] or "bench"
    return folder / f"health_{readable}_{sha256(bench.encode()).hexdigest()[:8]}.jsonl"


def read_history(path: Path) -> History:
    """Read a history; one that is not there yet is empty.

    :raises OSError: it cannot be read, is no ordinary file, or is far too large for a history.
    """
    try:
        descriptor = _opened(path, os.O_RDONLY)
    except FileNotFoundError:
        return History(path)
    with os.fdopen(descriptor, "rb") as stream:
        content = stream.read(LARGEST_HISTORY + 1)
    if len(content) > LARGEST_HISTORY:
        raise OSError(None, f"is larger than {LARGEST_HISTORY >> 20} MB, so it is no history of checks", str(path))
    entries: list[Entry] = []
    remarks: list[str] = []
    for number, line in enumerate(content.split(b"\n"), start=1):
        if not line.strip():
            continue
        try:
            entries.append(_entry(line))
        except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError):
            remarks.append(f"{path}: line {number} is damaged and was skipped; it stays in the file")
    return History(path, tuple(entries), tuple(remarks))


def append(path: Path, bench: str, *entries: Entry) -> None:
    """Add lines to a history and push them to the disk; nothing that stands there is changed.

    :raises OSError: the disk refuses, or what stands there is no ordinary file.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    text = b"".join(_line(entry, bench) for entry in entries)
    descriptor = _opened(path, os.O_RDWR | os.O_CREAT | os.O_APPEND)
    with os.fdopen(descriptor, "r+b", buffering=0) as stream, held_by_turns(descriptor):
        end = stream.seek(0, os.SEEK_END)
        if end and _last_byte(stream.fileno(), end) != b"\n":  # a line that was cut off takes no other with it
            text = b"\n" + text
        written = stream.write(text)
        if written != len(text):
            raise OSError(None, "the disk took only a part of the line", str(path))
        os.fsync(descriptor)


def _last_byte(descriptor: int, end: int) -> bytes:
    os.lseek(descriptor, end - 1, os.SEEK_SET)
    return os.read(descriptor, 1)


def _opened(path: Path, flags: int) -> int:
    """An open file.

    :raises OSError: it cannot be opened, or is no ordinary file.
    """
    safe = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    descriptor = os.open(path, flags | safe, 0o666)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(None, "is no ordinary file", str(path))
    return descriptor


# --- a line ------------------------------------------------------------------------------------------------


def _line(entry: Entry, bench: str) -> bytes:
    kind = next(name for name, one in _KINDS.items() if isinstance(entry, one))
    content = {"kind": kind, "bench": bench, **_without_nan(asdict(entry))}
    return (json.dumps({**content, _CHECKSUM: _checksum(content)}, allow_nan=False) + "\n").encode("ascii")


def _checksum(content: Mapping[str, Any]) -> str:
    return sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]


def _without_nan(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_nan(one) for name, one in value.items()}
    return None if isinstance(value, float) and not isfinite(value) else value


def _entry(line: bytes) -> Entry:
    """The check or the acceptance of a line; an error of whatever kind where it is none, or not as it was written."""
    content = json.loads(line)
    if content.pop(_CHECKSUM) != _checksum(content):
        raise ValueError("the checksum is another one")
    kind = _KINDS[content["kind"]]
    quantities = {name: _quantity(one) for name, one in content.pop("quantities", {}).items()}
    known = {one.name: content[one.name] for one in fields(kind) if one.name in content}
    if not all(isinstance(value, str) for value in known.values()):
        raise TypeError("what should be a text is none")
    return Acceptance(**known) if kind is Acceptance else Check(**known, quantities=quantities)


def _quantity(content: Mapping[str, Any]) -> Quantity:
    numbers = {name: nan if content[name] is None else float(content[name]) for name in _NUMBERS}
    if not (isfinite(numbers["value"]) and isfinite(numbers["scatter"]) and numbers["scatter"] > 0.0):
        raise ValueError("no value, or no scatter")
    return Quantity(kind=Kind(content["kind"]), unit=str(content["unit"]), stated=content["stated"] is True, **numbers)
