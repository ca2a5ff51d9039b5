"""The index of a batch: which pixel was measured, what came of it and in which run file; JSON beside the run files.

It is written whole, in one step, before a pixel is begun and after it has ended. Whatever happens in between, it says
what was begun; the run file says the rest.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from acquire.run_file.placing import write_over
from acquire.run_file.read import ArchiveError

FORMAT = 1
LARGEST = 50_000_000  # bytes
ENDING = ".batch.json"

#: The reason why a run ended whose pretest spoke against the device begins so.
PRETEST = "pretest: "
_DEAD = ("short", "open")
_NOT_READ = "nothing was read"  # a meter gave no number: of the device nothing is known

#: Why a run ended that goes on at its pixel's next turn.
TURN_OVER = "its turn is over"


class State(StrEnum):
    """What has become of a run of a batch."""

    WAITING = "waiting"  # not begun
    BEGUN = "begun"  # goes on, or was cut off
    MEASURED = "measured"  # completed, or stopped by a rule
    DEAD = "dead"  # the pretest says so: not swept
    UNFIT = "unfit"  # the pretest says another thing against it, like the wrong way round: not swept
    RESTING = "resting"  # ages by turns, and it is not its own now
    INTERRUPTED = "interrupted"  # by a person, or cut off: measured anew
    FAILED = "failed"  # for a reason of the bench: measured anew


#: What a batch that goes on does not touch again unless it is asked to.
FINISHED = (State.MEASURED, State.DEAD, State.UNFIT)


@dataclass(frozen=True)
class Entry:
    """A run of a batch. ``run`` is the name of its file in the folder of the index, empty without one.

    ``status`` and ``reason`` are those of the run; ``earlier`` the files of runs of it before, which were not finished
    or were asked for once more. Times are ISO 8601 with offset.
    """

    substrate: str
    pixel: str
    sweep: str
    state: State = State.WAITING
    run: str = ""
    run_id: str = ""
    status: str = ""
    reason: str = ""
    begun: str = ""
    ended: str = ""
    earlier: tuple[str, ...] = ()

    @property
    def key(self) -> tuple[str, str, str]:
        """What it is known by."""
        return self.substrate, self.pixel, self.sweep


@dataclass(frozen=True)
class BatchIndex:
    """The index at ``path``: what the batch is, and its runs in their order."""

    path: Path
    title: str = ""
    batch_file: str = ""
    sha256: str = ""
    bench: str = ""
    program: str = ""
    entries: tuple[Entry, ...] = ()

    def entry(self, key: tuple[str, str, str]) -> Entry:
        """The entry of a run.

        :raises KeyError: there is none.
        """
        for entry in self.entries:
            if entry.key == key:
                return entry
        raise KeyError(key)

    def with_entry(self, changed: Entry) -> BatchIndex:
        """The same with one entry changed."""
        return replace(self, entries=tuple(changed if one.key == changed.key else one for one in self.entries))

    def told_to_run(self, keys: Sequence[tuple[str, str, str]]) -> BatchIndex:
        """The same with an entry for each of these runs, in their order; others that were finished stay at the end."""
        known = {entry.key: entry for entry in self.entries}
        wanted = [known.get(key, Entry(*key)) for key in keys]
        others = [entry for entry in self.entries if entry.key not in set(keys) and entry.state is not State.WAITING]
        return replace(self, entries=(*wanted, *others))

    @property
    def run_files(self) -> tuple[Path, ...]:
        """The run files of what was measured, in their order."""
        return tuple(self.path.parent / one.run for one in self.entries if one.run and one.state is State.MEASURED)


def index_path(folder: Path, batch_file: Path) -> Path:
    """Where the index of a batch is: in the folder of its runs, under the name of the batch file."""
    return folder / f"{batch_file.name.removesuffix('.yaml').removesuffix('.yml')}{ENDING}"


def read_index(path: Path) -> BatchIndex | None:
    """The index of a batch, None where there is none yet.

    :raises ArchiveError: it cannot be read, or is none.
    """
    try:
        with path.open("rb") as stream:
            content = json.loads(stream.read(LARGEST))
        return _index(path, content)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ArchiveError(f"{path}: cannot be read ({error.strerror or error})") from error
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
        raise ArchiveError(
            f"{path}: is no index of a batch that this program can read ({error}). Move it away to begin anew; run "
            "files beside it stay as they are"
        ) from error


def _index(path: Path, content: Mapping[str, Any]) -> BatchIndex:
    if content["kind"] != "batch index" or content["format"] > FORMAT:
        raise ValueError("another format")
    entries = tuple(_entry(one) for one in content["pixels"])
    texts = {name: str(content[name]) for name in ("title", "batch_file", "sha256", "bench", "program")}
    return BatchIndex(path, entries=entries, **texts)


def _entry(content: Mapping[str, Any]) -> Entry:
    values = dict(content)
    values["state"] = State(values["state"])
    values["earlier"] = tuple(map(str, values["earlier"]))
    entry = Entry(**values)
    if not all(isinstance(value, str) for name, value in asdict(entry).items() if name != "earlier"):
        raise ValueError("something else than text")
    if any("/" in name or "\\" in name for name in (entry.run, *entry.earlier)):
        raise ValueError("a run file in another folder")
    return entry


def write_index(index: BatchIndex) -> None:
    """Write an index whole, in one step.

    :raises OSError: the disk is full or refuses; what stood there is as it was.
    """
    content = {
        "kind": "batch index",
        "format": FORMAT,
        "title": index.title,
        "batch_file": index.batch_file,
        "sha256": index.sha256,
        "bench": index.bench,
        "program": index.program,
        "written": datetime.now().astimezone().isoformat(timespec="seconds"),
        "pixels": [asdict(entry) for entry in index.entries],
    }
    index.path.parent.mkdir(parents=True, exist_ok=True)
    write_over(index.path, (json.dumps(content, indent=1, ensure_ascii=False) + "\n").encode())


def settled(entry: Entry, folder: Path, ending_of: Callable[[Path], tuple[str, str] | None]) -> Entry:
    """What has become of a run that was begun and of which nothing more was written: its file says it.

    ``ending_of`` finishes a run file that was cut off, and gives its status and the reason for its end; None where
    there is no such file.
    """
    if entry.state is not State.BEGUN:
        return entry
    found = ending_of(folder / entry.run) if entry.run else None
    if found is None:
        return replace(entry, state=State.WAITING, run="", run_id="", begun="")
    return ended(entry, *found, interrupted=found[0] not in ("completed", "stopped"))


def ended(entry: Entry, status: str, reason: str, *, interrupted: bool, when: str = "") -> Entry:
    """The entry of a run that has ended so."""
    finished = State.MEASURED if status in ("completed", "stopped") else State.FAILED
    if reason.startswith(PRETEST):
        against = reason.removeprefix(PRETEST)
        finished = State.DEAD if against.startswith(_DEAD) else State.UNFIT
        finished = State.FAILED if against.startswith(_NOT_READ) else finished
    state = State.INTERRUPTED if interrupted else finished
    state = State.RESTING if reason == TURN_OVER else state
    return replace(entry, state=state, status=status, reason=reason, ended=when or entry.ended)


def taken_up(entry: Entry) -> Entry:
    """The entry of a run that goes on in its own file."""
    return replace(entry, state=State.BEGUN, status="", reason="", ended="")


def begun(entry: Entry, run_id: str, run: str, when: str) -> Entry:
    """The entry of a run that begins: the file of one before is kept by name."""
    earlier = (*entry.earlier, entry.run) if entry.run else entry.earlier
    return Entry(*entry.key, State.BEGUN, run, run_id, begun=when, earlier=earlier)
