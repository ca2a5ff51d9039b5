"""Where a viewer is in the runs that it follows: so many rows of each table. Pure.

As a text, for the ``id`` of events: ``RUN:jvl.12,notes.1;RUN:...``. The run file is the memory: a viewer that comes
back with one, also after the service was started again, gets the rows from there on.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

LONGEST = 4096  # characters
MOST_RUNS = 16
_RUN = re.compile(r"[0-9A-Za-z-]{1,80}", re.ASCII)
_TABLE = re.compile(r"([a-z_]{1,40})\.(\d{1,12})", re.ASCII)

Cursor = dict[str, dict[str, int]]


class NoCursor(ValueError):
    """A text is no cursor."""


def cursor_text(cursor: Mapping[str, Mapping[str, int]]) -> str:
    """A cursor as a text; tables without a row are left out."""
    return ";".join(
        f"{run}:{','.join(f'{table}.{rows}' for table, rows in tables.items() if rows)}"
        for run, tables in cursor.items()
    )


def cursor_of(text: str) -> Cursor:
    """The cursor that a text is; empty for an empty one.

    :raises NoCursor: it is none.
    """
    if len(text) > LONGEST:
        raise NoCursor(f"a cursor has no more than {LONGEST} characters")
    cursor: Cursor = {}
    for part in text.split(";") if text else []:
        run, _, tables = part.partition(":")
        if _RUN.fullmatch(run) is None:
            raise NoCursor("a cursor names runs by their numbers")
        cursor[run] = {}
        for one in tables.split(",") if tables else []:
            if (found := _TABLE.fullmatch(one)) is None:
                raise NoCursor("a cursor names tables and their rows, like jvl.12")
            cursor[run][found[1]] = int(found[2])
    if len(cursor) > MOST_RUNS:
        raise NoCursor(f"a cursor names no more than {MOST_RUNS} runs")
    return cursor
