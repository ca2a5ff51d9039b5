"""Which runs of a catalogue are wanted, as SQL. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

#: So few runs are taken one by one from what is searched by; of more, they are gone through by date until enough.
FEW = 2000
_SHORTEST = 3  # letters by which the index of texts can search


@dataclass(frozen=True)
class Criteria:
    """What a run must be; empty: anything. Texts are compared without regard to capital letters.

    ``sample``, ``pixel``, ``batch``, ``group`` and ``user`` are whole names, ``states`` one of them must be
    :attr:`~acquire.run_file.summary.RunSummary.state`, ``tag`` is one of the tags, ``text`` is contained in any text of
    the run (names, title, structure, tags, comments, codes of findings, reason, file name). ``since`` and ``until`` are
    dates as far as they are written (``2026-11``, ``2026-11-28T14:30``), both included. ``figures``: least and most of
    figures of merit by their names in run files, SI; a run without the figure is not meant. Newest first;
    ``offset`` runs are passed over, then at most ``limit`` given.
    """

    text: str = ""
    sample: str = ""
    pixel: str = ""
    batch: str = ""
    group: str = ""
    user: str = ""
    tag: str = ""
    run_id: str = ""
    states: tuple[str, ...] = ()
    since: str = ""
    until: str = ""
    figures: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    oldest_first: bool = False
    limit: int | None = None
    offset: int = 0


@dataclass(frozen=True)
class Query:
    """A statement and what is bound in it."""

    sql: str
    values: tuple[str | float, ...] = ()


_NAMES = {"sample": "sample", "pixel": "pixel", "batch": "batch", "group": "collection", "user": "operator"}
_PICK, _COUNT = "SELECT runs.file FROM runs", "SELECT count(*) FROM runs"


def query_of(criteria: Criteria, how_many: Callable[[Query], int], *, count: bool = False) -> Query:
    """The statement that gives the numbers of the files wanted, in their order; or how many there are.

    ``how_many`` answers how many rows a statement gives, and need not count beyond :data:`FEW`.
    """
    conditions = [*_plain(criteria)]
    for source, otherwise in _searched(criteria):
        if count or how_many(Query(f"{source.sql} LIMIT {FEW}", source.values)) < FEW:
            conditions.append(Query(f"runs.file IN ({source.sql})", source.values))
        else:
            conditions.append(otherwise)
    where = f" WHERE {' AND '.join(one.sql for one in conditions)}" if conditions else ""
    values = tuple(value for one in conditions for value in one.values)
    if count:
        return Query(_COUNT + where, values)
    order = "ASC" if criteria.oldest_first else "DESC"
    pages = f" LIMIT {-1 if criteria.limit is None else criteria.limit:d} OFFSET {criteria.offset:d}"
    return Query(f"{_PICK}{where} ORDER BY runs.start_time {order}, runs.run_id {order}{pages}", values)


def _plain(criteria: Criteria) -> Iterator[Query]:
    """Conditions on the row of a run itself."""
    for name, column in _NAMES.items():
        if wanted := getattr(criteria, name):
            yield Query(f"runs.{column} = ?", (wanted.casefold(),))
    if criteria.run_id:
        yield Query("runs.run_id = ?", (criteria.run_id,))
    if criteria.states:
        marks = ", ".join("?" * len(criteria.states))
        yield Query(f"runs.state IN ({marks})", tuple(one.casefold() for one in criteria.states))
    if criteria.tag:
        yield Query("instr(runs.tags, ?) > 0", (f"\n{criteria.tag.casefold()}\n",))
    if criteria.since:
        yield Query("runs.start_time >= ?", (_moment(criteria.since),))
    if criteria.until:
        yield Query("runs.start_time <= ?", (f"{_moment(criteria.until)}\x7f",))
    if criteria.text and len(criteria.text) < _SHORTEST:
        yield _contains(criteria.text)


def _moment(written: str) -> str:
    return written.strip().replace(" ", "T").upper()


def _contains(text: str) -> Query:
    return Query("instr((SELECT text FROM words WHERE words.rowid = runs.file), ?) > 0", (text.casefold(),))


def _searched(criteria: Criteria) -> Iterator[tuple[Query, Query]]:
    """Conditions that an index answers with files, each with the same as a question to one run."""
    if len(criteria.text) >= _SHORTEST:
        phrase = '"{}"'.format(criteria.text.casefold().replace('"', '""'))
        yield Query("SELECT rowid FROM words WHERE words MATCH ?", (phrase,)), _contains(criteria.text)
    for name, (least, most) in criteria.figures.items():
        number = "(SELECT id FROM figure_names WHERE figure_names.name = ?)"
        values = (name, least, most)
        yield (
            Query(f"SELECT file FROM figures WHERE name = {number} AND value BETWEEN ? AND ?", values),
            Query(
                "EXISTS (SELECT 1 FROM figures WHERE figures.file = runs.file "
                f"AND figures.name = {number} AND +figures.value BETWEEN ? AND ?)",
                values,
            ),
        )
