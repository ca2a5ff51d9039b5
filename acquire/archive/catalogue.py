"""The catalogue of run files: an SQLite file made only from their summaries, for finding runs without opening them.

It holds nothing of its own. It can be deleted at any time, and is made again from the run files to the same content; a
catalogue of another version of this program is emptied by itself. It belongs on a local disk, whatever the run files
lie on: SQLite cannot rely on the locks of a share. Each computer keeps one of its own.

A run is known by its ``run_id``, a file by its folder and its place in it. The same run seen twice (a copy, or a share
under two mount points) counts once: of the file that was changed last, of several the first by name.
"""

from __future__ import annotations

import errno
import sqlite3
import time
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Any

from acquire.archive.criteria import Criteria, Query, query_of
from acquire.archive.folder import Stamp, stamps_in
from acquire.archive.spread import HERE, Workers, shared_out
from acquire.run_file.read import ArchiveError
from acquire.run_file.reading_apart import summary_texts
from acquire.run_file.summary import RunSummary, SummaryText, summary_from

VERSION = 1  # of the tables below
IN_A_TASK = 1000  # files that one process reads before it hands over; to start it takes as long as reading most of them
SETTLED = 3.0  # s; a file changed just now may change again within the resolution of its time
PATIENCE = 60.0  # s for another process that changes the catalogue
STILL = 600.0  # s without a change, after which an unfinished file that nobody here holds was cut off

_TABLES = """
CREATE TABLE folders (id INTEGER PRIMARY KEY, path TEXT NOT NULL UNIQUE);
CREATE TABLE files (
    id INTEGER PRIMARY KEY, folder INTEGER NOT NULL, path TEXT NOT NULL, size INTEGER NOT NULL,
    modified INTEGER NOT NULL, settled INTEGER NOT NULL, run_id TEXT, finished INTEGER NOT NULL, reason TEXT NOT NULL,
    summary BLOB, UNIQUE (folder, path)
);
CREATE INDEX files_of_runs ON files (run_id);
CREATE TABLE runs (
    file INTEGER PRIMARY KEY, run_id TEXT NOT NULL UNIQUE, start_time TEXT NOT NULL, sample TEXT NOT NULL,
    pixel TEXT NOT NULL, batch TEXT NOT NULL, collection TEXT NOT NULL, operator TEXT NOT NULL, state TEXT NOT NULL,
    tags TEXT NOT NULL
);
CREATE INDEX runs_by_time ON runs (start_time, run_id);
CREATE INDEX runs_by_sample ON runs (sample, start_time, run_id);
CREATE INDEX runs_by_batch ON runs (batch, start_time, run_id);
CREATE INDEX runs_by_collection ON runs (collection, start_time, run_id);
CREATE TABLE figure_names (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE figures (
    file INTEGER NOT NULL, name INTEGER NOT NULL, value REAL NOT NULL, PRIMARY KEY (file, name)
) WITHOUT ROWID;
CREATE INDEX figures_by_value ON figures (name, value);
CREATE VIRTUAL TABLE words USING fts5(text, tokenize = 'trigram');
"""
_NAMES = ("folders", "files", "runs", "figure_names", "figures", "words")


class CatalogueError(Exception):
    """A catalogue that cannot be used; the message says which, why, and what to do."""


@dataclass(frozen=True)
class Indexed:
    """What came of an index: how many files were read, had not changed, are there no more; those that are no runs.

    ``skipped``: broken or foreign files, with the reason. ``left``: for next time, since they are being written or the
    disk refused them. ``folders``: those that could not be read. ``ended``: it was not interrupted.
    """

    read: int = 0
    unchanged: int = 0
    gone: int = 0
    skipped: tuple[tuple[Path, str], ...] = ()
    left: tuple[tuple[Path, str], ...] = ()
    folders: tuple[tuple[Path, str], ...] = ()
    ended: bool = True

    def __add__(self, other: Indexed) -> Indexed:
        return Indexed(
            self.read + other.read,
            self.unchanged + other.unchanged,
            self.gone + other.gone,
            self.skipped + other.skipped,
            self.left + other.left,
            self.folders + other.folders,
            self.ended and other.ended,
        )


@dataclass(frozen=True)
class Progress:
    """How far an index is: files read of those that are to be, in ``folder``."""

    folder: Path
    done: int
    of: int


@dataclass(frozen=True)
class Catalogue:
    """A catalogue at ``path``, made where there is none. May be used by several threads and processes at a time.

    ``now`` [s since 1970] says how long ago a file was changed.
    """

    path: Path
    now: Callable[[], float] = field(default=time.time, repr=False)

    # --- made ------------------------------------------------------------------------------------------------

    def index(
        self,
        folders: Iterable[Path],
        workers: Workers = HERE,
        tell: Callable[[Progress], object] | None = None,
        stop: Callable[[], bool] = lambda: False,
    ) -> Indexed:
        """Bring the catalogue up to date with these folders and the folders in them; only changed files are read.

        What was read stays, whenever it is interrupted: the next time goes on from there. ``stop`` is asked between
        two tasks.

        :raises CatalogueError: the catalogue cannot be written.
        """
        done = Indexed()
        for folder in folders:
            done += self._index_one(folder.absolute(), workers, tell or (lambda _: None), stop)
        return done

    def _index_one(
        self, folder: Path, workers: Workers, tell: Callable[[Progress], object], stop: Callable[[], bool]
    ) -> Indexed:
        refused, unnamed = list[tuple[Path, str]](), list[tuple[Path, str]]()

        def told(error: OSError) -> None:
            named = unnamed if error.errno == errno.EILSEQ else refused
            named.append((Path(str(error.filename)), _why(error)))

        try:
            found = stamps_in(folder, told)
        except OSError as error:
            return Indexed(folders=((folder, _why(error)),))
        with self._open(change=True) as db:
            number = _folder(db, folder)
            known = _known(db, number)
            gone = [] if refused else [place for place in known if place not in found]
            _forget(db, [known[place][0] for place in gone])
        places = sorted(place for place, stamp in found.items() if known.get(place, (0, None))[1] != stamp)
        done = Indexed(unchanged=len(found) - len(places), gone=len(gone), folders=tuple(refused))
        tasks = shared_out(places, workers, IN_A_TASK)
        with closing(workers.results(_read, [(str(folder), task) for task in tasks])) as results:
            for task, answers in zip(tasks, results, strict=False):
                done += self._take(folder, number, {place: found[place] for place in task}, answers)
                tell(Progress(folder, done.read + len(done.skipped) + len(done.left), len(places)))
                if stop():
                    done = replace(done, ended=False)
                    break
        return replace(done, skipped=(*unnamed, *self._skipped(number, folder)))

    def _take(
        self, folder: Path, number: int, stamps: dict[str, Stamp], answers: Sequence[SummaryText | str]
    ) -> Indexed:
        """Keep what was read of some files, all of it or nothing."""
        left, skipped, rows, runs = [], [], list[tuple[Any, ...]](), dict[str, RunSummary]()
        for (place, stamp), answer in zip(stamps.items(), answers, strict=True):
            if why := self._left(answer, stamp):
                left.append((folder / place, why))
            else:
                run = _understood(folder / place, answer)
                rows.append(_row(number, place, stamp, answer, run, self.now()))
                if isinstance(run, str):
                    skipped.append((folder / place, run))
                else:
                    runs[place] = run
        with self._open(change=True) as db:
            before = [
                one for row in rows for one in db.execute("SELECT id FROM files WHERE folder = ? AND path = ?", row[:2])
            ]
            _forget(db, [one for (one,) in before])
            db.executemany(f"INSERT INTO files VALUES (NULL{', ?' * 9})", rows)
            _choose(db, {run.run_id for run in runs.values()}, {(number, place): run for place, run in runs.items()})
        return Indexed(read=len(rows) - len(skipped), left=tuple(left), skipped=tuple(skipped))

    def _left(self, answer: SummaryText | str, stamp: Stamp) -> str:
        """Why a file is left for next time, empty where it is not."""
        if isinstance(answer, str) or answer.finished:
            return "" if isinstance(answer, str) else answer.refused
        if answer.refused:
            return answer.refused
        quiet = self.now() - stamp.modified / 1e9
        if answer.held:
            return "is being written"
        return "" if quiet > STILL else "is not finished, and was changed a moment ago: perhaps it is being written"

    def _skipped(self, number: int, folder: Path) -> Iterator[tuple[Path, str]]:
        with self._open() as db:
            sql = "SELECT path, reason FROM files WHERE folder = ? AND run_id IS NULL ORDER BY path"
            yield from [(folder / place, reason) for place, reason in db.execute(sql, (number,))]

    def forget(self, folder: Path) -> None:
        """Leave out a folder that is there no more, or is now seen under another path."""
        with self._open(change=True) as db:
            number = _folder(db, folder.absolute())
            _forget(db, [one for (one,) in db.execute("SELECT id FROM files WHERE folder = ?", (number,))])
            db.execute("DELETE FROM folders WHERE id = ?", (number,))

    # --- asked -----------------------------------------------------------------------------------------------

    def find(self, criteria: Criteria = Criteria()) -> list[RunSummary]:  # noqa: B008 frozen
        """The runs that are wanted, in the order of the criteria.

        :raises CatalogueError: the catalogue cannot be read.
        """
        return list(self.iterate(criteria))

    def iterate(self, criteria: Criteria = Criteria()) -> Iterator[RunSummary]:  # noqa: B008 frozen
        """The same one by one, for who does not know beforehand how many will do.

        :raises CatalogueError: as above.
        """
        with self._open() as db:
            wanted = query_of(criteria, lambda query: _count(db, query))
            files = (one for (one,) in db.execute(wanted.sql, wanted.values).fetchall())
            while some := list(islice(files, 500)):
                yield from [_summary(db, one) for one in some]

    def count(self, criteria: Criteria = Criteria()) -> int:  # noqa: B008 frozen
        """How many runs are wanted, without regard to limit and offset."""
        with self._open() as db:
            query = query_of(criteria, lambda query: _count(db, query), count=True)
            (number,) = db.execute(query.sql, query.values).fetchone()
            return int(number)

    def run(self, run_id: str) -> RunSummary | None:
        """The run of this identity, with the first of its files that is there now."""
        found = next(self.iterate(Criteria(run_id=run_id)), None)
        if found is None or found.path.is_file():
            return found
        return replace(found, path=next((path for path in self.places(run_id) if path.is_file()), found.path))

    def places(self, run_id: str) -> list[Path]:
        """Every file of a run, the one that counts first."""
        with self._open() as db:
            sql = f"{_PLACES} WHERE files.run_id = ? ORDER BY {_RANK}"
            return [Path(folder) / place for folder, place in db.execute(sql, (run_id,))]

    def figures(self) -> tuple[str, ...]:
        """The names of all figures of merit that any run has, or had."""
        with self._open() as db:
            return tuple(name for (name,) in db.execute("SELECT name FROM figure_names ORDER BY name"))

    def folders(self) -> list[Path]:
        """The folders that were indexed."""
        with self._open() as db:
            return [Path(path) for (path,) in db.execute("SELECT path FROM folders ORDER BY path")]

    # --- the file --------------------------------------------------------------------------------------------

    @contextmanager
    def _open(self, *, change: bool = False) -> Iterator[sqlite3.Connection]:
        """The catalogue open as it is at one moment; ``change``: others wait, and all of it is kept, or nothing."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with closing(sqlite3.connect(self.path, timeout=PATIENCE, isolation_level=None)) as db:
                _made_ready(db)
                db.execute("BEGIN IMMEDIATE" if change else "BEGIN")
                with db:
                    yield db
        except sqlite3.OperationalError as error:
            raise CatalogueError(f"{self.path}: the catalogue cannot be used now ({error})") from error
        except sqlite3.DatabaseError as error:
            hint = "It holds nothing that the run files do not: delete it, and index again"
            raise CatalogueError(f"{self.path}: the catalogue cannot be used ({error}). {hint}") from error
        except OSError as error:
            raise CatalogueError(f"{self.path}: no catalogue can be kept there ({_why(error)})") from error


def _why(error: OSError) -> str:
    return error.strerror or str(error)


def _made_ready(db: sqlite3.Connection) -> None:
    """Set a connection up, and make what is not there.

    While somebody else turns a new file into one with a journal of its own, or closes it as the last one, SQLite waits
    for nobody, whatever it was told (SQLITE_BUSY): it is tried again.

    :raises sqlite3.OperationalError: another process keeps it for longer than is waited.
    """
    until = time.monotonic() + PATIENCE
    while True:
        try:
            if db.execute("PRAGMA journal_mode").fetchone() != ("wal",):
                db.execute("PRAGMA journal_mode = WAL")
            db.execute("PRAGMA synchronous = NORMAL")
            db.execute("PRAGMA cache_size = -65536")
            _lay_out(db)
        except sqlite3.OperationalError as error:
            if db.in_transaction:
                db.rollback()
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() >= until:
                raise
            time.sleep(_LOOK)
        else:
            return


_LOOK = 0.02  # s between two tries


def _lay_out(db: sqlite3.Connection) -> None:
    """Make the tables where they are not those of this version."""
    if db.execute("PRAGMA user_version").fetchone() == (VERSION,):
        return
    db.execute("BEGIN IMMEDIATE")
    if db.execute("PRAGMA user_version").fetchone() != (VERSION,):  # somebody else was faster
        for name in _NAMES:
            db.execute(f"DROP TABLE IF EXISTS {name}")
        for statement in _TABLES.strip().split(";\n"):
            db.execute(statement)
        db.execute(f"PRAGMA user_version = {VERSION}")
    db.commit()


# --- files ---------------------------------------------------------------------------------------------------


def _read(task: tuple[str, list[str]]) -> list[SummaryText | str]:
    """What each file of a folder says, or why it says nothing: the work of one process."""
    folder, places = Path(task[0]), task[1]
    answers = summary_texts([folder / place for place in places])
    return [str(answer) if isinstance(answer, ArchiveError) else answer for _, answer in answers]


def _folder(db: sqlite3.Connection, folder: Path) -> int:
    db.execute("INSERT OR IGNORE INTO folders (path) VALUES (?)", (str(folder),))
    (number,) = db.execute("SELECT id FROM folders WHERE path = ?", (str(folder),)).fetchone()
    return int(number)


def _known(db: sqlite3.Connection, folder: int) -> dict[str, tuple[int, Stamp | None]]:
    """The files of a folder by their places: their numbers, and their stamps where those can be relied on."""
    sql = "SELECT path, id, size, modified, settled FROM files WHERE folder = ?"
    rows = db.execute(sql, (folder,))
    return {path: (one, Stamp(size, modified) if settled else None) for path, one, size, modified, settled in rows}


def _understood(path: Path, answer: SummaryText | str) -> RunSummary | str:
    """The run that a file is of, or why it is of none."""
    if isinstance(answer, str):
        return answer
    try:
        run = summary_from(path, answer.text, finished=answer.finished)
    except ValueError as error:
        return str(error)
    return run if run.run_id else f"{path}: its summary names no run"


def _row(
    folder: int, place: str, stamp: Stamp, answer: SummaryText | str, run: RunSummary | str, now: float
) -> tuple[Any, ...]:
    """A row of ``files``, without its number."""
    head = (folder, place, *stamp, now - stamp.modified / 1e9 > SETTLED)
    if isinstance(run, str) or isinstance(answer, str):
        return *head, None, False, str(run), None
    return *head, run.run_id, run.finished, "", zlib.compress(answer.text.encode(), 1)


def _forget(db: sqlite3.Connection, files: Sequence[int]) -> None:
    """Leave out some files; another file of the same run takes the place of one."""
    runs = set()
    for one in files:
        runs |= {run_id for (run_id,) in db.execute("SELECT run_id FROM files WHERE id = ?", (one,)) if run_id}
        _withdraw(db, one)
        db.execute("DELETE FROM files WHERE id = ?", (one,))
    _choose(db, runs)


#: Which of the files of one run counts, best first; the same for every order in which they were indexed.
_RANK = "files.finished DESC, files.modified DESC, folders.path, files.path"
_JOINED = "FROM files JOIN folders ON folders.id = files.folder"
_PLACES = f"SELECT folders.path, files.path {_JOINED}"


def _choose(
    db: sqlite3.Connection, runs: Iterable[str], known: Mapping[tuple[int, str], RunSummary] | None = None
) -> None:
    """Let each of these runs be told by the file of it that counts; ``known``: what was just read, by folder, place."""
    best = f"SELECT files.id, files.folder, files.path {_JOINED} WHERE files.run_id = ? ORDER BY {_RANK}"
    for run_id in sorted(runs):
        chosen = db.execute(best, (run_id,)).fetchone()
        now = db.execute("SELECT file FROM runs WHERE run_id = ?", (run_id,)).fetchone()
        if now is not None and chosen is not None and now[0] == chosen[0]:
            continue
        if now is not None:
            _withdraw(db, now[0])
        if chosen is not None:
            _enter(db, chosen[0], (known or {}).get(chosen[1:]) or _summary(db, chosen[0]))


def _withdraw(db: sqlite3.Connection, file: int) -> None:
    for statement in (
        "DELETE FROM runs WHERE file = ?",
        "DELETE FROM figures WHERE file = ?",
        "DELETE FROM words WHERE rowid = ?",
    ):
        db.execute(statement, (file,))


def _enter(db: sqlite3.Connection, file: int, run: RunSummary) -> None:
    """Make the run of a file searchable."""
    tags = "".join(f"\n{tag.casefold()}\n" for tag in run.tags)
    names = [one.casefold() for one in (run.sample, run.pixel, run.batch, run.group, run.user, run.state)]
    db.execute(f"INSERT INTO runs VALUES (?{', ?' * 9})", (file, run.run_id, run.start_time, *names, tags))
    db.execute("INSERT INTO words (rowid, text) VALUES (?, ?)", (file, "\n".join(_texts(run)).casefold()))
    numbers = {name: one.value for name, one in run.figures.items() if one.value == one.value}
    ids = dict(db.execute("SELECT name, id FROM figure_names"))
    if new := [(name,) for name in numbers if name not in ids]:
        db.executemany("INSERT INTO figure_names (name) VALUES (?)", new)
        ids = dict(db.execute("SELECT name, id FROM figure_names"))
    rows = sorted((file, ids[name], value) for name, value in numbers.items())
    db.executemany("INSERT INTO figures VALUES (?, ?, ?)", rows)


def _texts(run: RunSummary) -> list[str]:
    """Every text of a run that is searched."""
    names = [run.sample, run.pixel, run.batch, run.group, run.user, run.title, run.structure, run.stop_reason]
    codes = [code for codes in run.findings.values() for code in codes]
    return [text for text in (*names, run.run_id, run.path.name, *run.tags, *run.comments, *codes) if text]


def _summary(db: sqlite3.Connection, file: int) -> RunSummary:
    sql = f"SELECT folders.path, files.path, finished, summary {_JOINED} WHERE files.id = ?"
    folder, place, finished, summary = db.execute(sql, (file,)).fetchone()
    return summary_from(Path(folder) / place, zlib.decompress(summary).decode(), finished=bool(finished))


def _count(db: sqlite3.Connection, query: Query) -> int:
    (number,) = db.execute(f"SELECT count(*) FROM ({query.sql})", query.values).fetchone()
    return int(number)
