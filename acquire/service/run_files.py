"""The latest run files of a folder, by the numbers of their runs: no name that somebody sends becomes a path."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from acquire.run_file.naming import is_run_file
from acquire.service.reading import Reader, Unreadable

RECENT = 900.0  # s; of files that nobody has written for so long the catalogue tells
DEEPEST = 3  # folders inside each other
AT_ONCE = 50  # files whose summaries are asked for together
_Stamp = tuple[int, int, int]


class RunFiles:
    """What is known of the run files in a folder and in the folders inside it; looked at again when asked to."""

    def __init__(self, folder: Path, reader: Reader) -> None:
        self.folder = folder
        self.reader = reader
        self._turn = threading.Lock()
        self._known: dict[Path, tuple[_Stamp, dict[str, Any] | None]] = {}
        self._looked = -1e9

    def refresh(self, oldest: float = 0.0) -> None:
        """Look at the folder again, unless that was done within the last ``oldest`` s."""
        with self._turn:
            if time.monotonic() - self._looked <= oldest:
                return
            there = dict(_run_files(self.folder))
            before = {path: stamp for path, (stamp, _) in self._known.items()}
            recent = {path for path, stamp in there.items() if path in before or time.time() - stamp[2] / 1e9 < RECENT}
            changed = [path for path, stamp in there.items() if path in recent and before.get(path) != stamp]
            known = {path: self._known[path] for path in there if path in self._known}
            for start in range(0, len(changed), AT_ONCE):
                some = changed[start : start + AT_ONCE]
                known.update({path: (there[path], said) for path, said in zip(some, self._said_of(some), strict=True)})
            self._known, self._looked = known, time.monotonic()

    def _said_of(self, paths: list[Path]) -> list[dict[str, Any] | None]:
        try:
            found: list[dict[str, Any] | None] = self.reader.ask("summaries", paths=[str(path) for path in paths])[0]
        except Unreadable:  # one of them ends the process that reads it
            return [None] if len(paths) == 1 else [self._said_of([path])[0] for path in paths]
        return found

    def path_of(self, run_id: str) -> Path | None:
        """The file of a run, None where there is none."""
        for attempt in range(2):
            for path, (_, said) in tuple(self._known.items()):
                if said is not None and said["run_id"] == run_id:
                    return path
            if not attempt:
                self.refresh()
        return None

    def goes_on(self, path: Path) -> bool:
        """Whether more is to come of a run file, asked anew: its stamp does not tell that its writer was killed.

        :raises acquire.service.reading.Unreadable: as :meth:`acquire.service.reading.Reader.ask`.
        """
        said = self.reader.ask("summaries", paths=[str(path)])[0][0]
        with self._turn:
            if said is not None and path in self._known:
                self._known[path] = (self._known[path][0], said)
        return said is None or bool(said["finished"] or said["held"])

    def look(self, path: Path) -> dict[str, Any]:
        """How far a run file is written.

        :raises acquire.service.reading.Unreadable: as :meth:`acquire.service.reading.Reader.look`.
        """
        return self.reader.look(path)

    def summaries(self) -> list[tuple[Path, Mapping[str, Any]]]:
        """Each file that can be read, and what a list says of it; the newest first."""
        found = [(path, said) for path, (_, said) in tuple(self._known.items()) if said is not None]
        return sorted(found, key=lambda one: (str(one[1]["start_time"]), one[0].name), reverse=True)


def _run_files(folder: Path, depth: int = 0) -> Iterator[tuple[Path, _Stamp]]:
    """The run files in a folder and those inside it, with what changes when they do; no link is followed."""
    try:
        with os.scandir(folder) as entries:
            found = list(entries)
    except OSError:
        return
    for entry in found:
        try:
            if entry.is_dir(follow_symlinks=False):
                if depth < DEEPEST and not entry.name.startswith("."):
                    yield from _run_files(Path(entry.path), depth + 1)
            elif is_run_file(entry.name) and entry.is_file(follow_symlinks=False):
                about = entry.stat(follow_symlinks=False)
                yield Path(entry.path), (about.st_ino, about.st_size, about.st_mtime_ns)
        except OSError:
            continue
