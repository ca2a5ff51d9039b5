"""Columns of a run file's long tables, in no more memory than what is asked for; finished, cut off or still written."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from acquire.records import Columns
from acquire.run_file.figures_group import text as _text
from acquire.run_file.layout import TABLE
from acquire.run_file.read import _file
from acquire.run_file.streamed import columns_known, read_streamed, rows_of_streamed

ROWS = 1 << 16  # of a piece: 9 MB, where all columns are asked for


def read_columns(
    path: Path, table: str, names: Sequence[str] | None = None, start: int = 0, stop: int | None = None
) -> Columns:
    """These columns (all without names) of the rows from ``start`` up to ``stop``, SI, each (n,).

    :raises acquire.run_file.read.ArchiveError: there is no such file, or it is not a run file of this program.
    """
    pieces = list(_pieces(path, table, names, start, stop, ROWS))
    return {name: np.concatenate([piece[name] for piece in pieces]) for name in pieces[0]}


def segments(path: Path, table: str, names: Sequence[str] | None = None, rows: int = ROWS) -> Iterator[Columns]:
    """The whole table piece by piece; nothing of an empty one.

    :raises acquire.run_file.read.ArchiveError: as :func:`read_columns`.
    """
    return (piece for piece in _pieces(path, table, names, 0, None, rows) if len(next(iter(piece.values()))))


def thinned(path: Path, table: str, names: Sequence[str] | None = None, most: int = 4000) -> Columns:
    """Every so manieth row, at most ``most`` of them and the last one: for a picture.

    :raises acquire.run_file.read.ArchiveError: as :func:`read_columns`.
    """
    with _file(path) as file:
        rows = rows_of_streamed(file["entry"], TABLE[table])
    step, start, parts = max(-(-rows // most), 1), 0, list[Columns]()
    for piece in _pieces(path, table, names, 0, rows, ROWS):
        size = len(next(iter(piece.values())))
        numbers = np.arange(start, start + size)
        chosen = (numbers % step == 0) | (numbers == rows - 1)
        parts.append({name: values[chosen] for name, values in piece.items()})
        start += size
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _pieces(
    path: Path, table: str, names: Sequence[str] | None, start: int, stop: int | None, rows: int
) -> Iterator[dict[str, np.ndarray[Any, Any]]]:
    """The rows piece by piece, the last one possibly empty."""
    with _file(path) as file:
        entry, known = file["entry"], TABLE[table]
        columns = columns_known(known, _text(entry["jvl/source_level"].attrs["units"]), names)
        there = rows_of_streamed(entry, known)
        start, end = max(start, 0), there if stop is None else min(stop, there)
        if start >= end:
            yield {column.name: np.empty(0, column.dtype) for column in columns}
        for first in range(start, end, rows):
            yield read_streamed(entry, known, columns, first, min(first + rows, end))
