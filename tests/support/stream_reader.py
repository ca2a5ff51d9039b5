"""What a page makes of the live stream: rows of each table by run, and the cursor that it would come back with."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from acquire.records import Columns

SINGLES = {"note": "notes", "finding": "findings", "spectrum": "spectra"}


@dataclass
class PageData:
    """The rows that a page has got. An event that does not follow the one before is an error."""

    cursor: str = ""
    kinds: list[str] = field(default_factory=list)
    gone: set[str] = field(default_factory=set)
    ends: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    rows: dict[tuple[str, str], list[dict[str, Any]]] = field(default_factory=dict)

    def take(self, event: bytes) -> None:
        """Take one event."""
        lines = dict(line.split(": ", 1) for line in event.decode().strip().splitlines())
        kind, content = lines["event"], json.loads(lines["data"])
        self.kinds.append(kind)
        if kind == "rows":
            names = content["columns"]
            rows = [dict(zip(names, values, strict=True)) for values in zip(*names.values(), strict=True)]
            self._add(content["run_id"], content["table"], content["from"], rows)
        elif kind in SINGLES:
            self._add(content["run_id"], SINGLES[kind], content.pop("row"), [content])
        elif kind == "end":
            self.ends[content["run_id"]] = content
        elif kind == "gone":
            self.gone.add(content["run_id"])  # perhaps one of somebody else on this computer
        self.cursor = lines["id"]

    def _add(self, run_id: str, table: str, first: int, rows: list[dict[str, Any]]) -> None:
        there = self.rows.setdefault((run_id, table), [])
        assert first == len(there), f"{table}: row {first} comes behind {len(there)} rows"
        there.extend(rows)

    def differences(self, run_id: str, table: str, held: Columns) -> list[str]:
        """Where these rows are not, to the last bit, those of a file."""
        there = self.rows.get((run_id, table), [])
        number = len(next(iter(held.values())))
        if number != len(there):
            return [f"{table}: {len(there)} rows, the file has {number}"]
        return [name for name, column in held.items() if not _same([row.get(name) for row in there], column)]


def _same(shown: list[Any], column: np.ndarray[Any, Any]) -> bool:
    if column.dtype.kind == "S":
        return [text.decode() for text in column.tolist()] == [" ".join(t) if isinstance(t, list) else t for t in shown]
    if column.dtype.kind != "f":
        return bool(column.tolist() == shown)
    back = np.array([[np.nan if v is None else v for v in np.atleast_1d(one)] for one in shown], dtype=float)
    known = np.isfinite(column).reshape(back.shape)
    same = back[known].tobytes() == column.reshape(back.shape)[known].tobytes()
    return bool(same and np.isnan(back[~known]).all())
