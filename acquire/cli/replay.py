"""``acquire replay``: recorded runs made again from their files, message by message."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from acquire.cli.arguments import COMPLETED, FAILED, JsonOption
from acquire.cli.terminal import complain, how_many, say, say_json, whoever_listens

if TYPE_CHECKING:
    from acquire.replay.replay import Replayed

_MOST_SAID = 20  # differences of a run; --json has all


def replay(
    run_files: Annotated[list[Path], typer.Argument(help="run files", metavar="RUN.h5 ...")],
    as_json: JsonOption = False,
) -> None:
    """Make runs again from their files, on twins that answer as recorded; compare every message and every number.

    No instrument is touched. A file without messages is only computed again from its readings.
    """
    told: list[dict[str, Any]] = []
    right = True
    for path in run_files:
        found = _replayed(path)
        right &= found is not None and found.same
        if found is None:
            continue
        with whoever_listens(sys.stdout):
            if as_json:
                told.append(_plain(found))
            else:
                say(sys.stdout, *_lines(found))
    if as_json:
        say_json({"runs": told})
    raise typer.Exit(COMPLETED if right else FAILED)


def _replayed(path: Path) -> Replayed | None:
    """What came of one file, which is read in a process of its own first; None, and the reason is said, of none."""
    from acquire.replay.replay import replay as again
    from acquire.run_file import reading_apart
    from acquire.run_file.read import ArchiveError

    try:
        reading_apart.read_run(path)
        return again(path)
    except ArchiveError as error:
        complain(error, FAILED)
        return None


def _lines(found: Replayed) -> Iterator[str]:
    path, compared = found.run.path, how_many(found.compared, "column and figure", "columns and figures")
    if found.run.integrity.damaged:
        yield f"{path}: {found.run.integrity}"
    if found.readings_only:
        yield f"{path}: readings only, for {found.readings_only}"
    said = f"{found.exchanged} of {how_many(found.messages, 'message')}, {compared}"
    yield from (f"{path}: a formula has changed since: {text}" for text in found.formulas)
    if found.bounded:
        yield f"{path}: not to the end: {found.bounded}"
    outcome = "no difference" if found.same else "DIFFERENT"
    yield f"{path}: {outcome}: {compared if found.readings_only else said}"
    texts = [*([str(found.deviation)] if found.deviation else []), *map(str, found.numbers)]
    texts += [f"does not follow from the readings: {one}" for one in found.computed]
    texts += [f"the run ended otherwise: {found.error}"] if found.error else []
    yield from (f"  {text}" for text in texts[:_MOST_SAID])
    if len(texts) > _MOST_SAID:
        yield f"  and {len(texts) - _MOST_SAID} more (--json)"


def _plain(found: Replayed) -> dict[str, Any]:
    from dataclasses import asdict
    from math import isfinite

    return {
        "run_id": found.run.run_id,
        "path": str(found.run.path),
        "same": found.same,
        "messages": found.messages,
        "exchanged": found.exchanged,
        "compared": found.compared,
        "readings_only": found.readings_only,
        "bounded": found.bounded,
        "deviation": None if found.deviation is None else asdict(found.deviation),
        "numbers": [asdict(one) for one in found.numbers],
        "computed": [
            {"place": one.place, "rows": one.rows, "largest": one.largest if isfinite(one.largest) else None}
            for one in found.computed
        ],
        "formulas": list(found.formulas),
        "error": found.error,
        "damaged": list(found.run.integrity.damaged),
    }
