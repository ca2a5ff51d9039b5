"""``acquire replay``: recorded runs made again from their files, message by message."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from acquire.cli.arguments import COMPLETED, FAILED, JsonOption
from acquire.cli.run_files import run_files_named, tell_of_each
from acquire.cli.terminal import complain, how_many

if TYPE_CHECKING:
    from acquire.replay.replay import Replayed

_MOST_SAID = 20  # differences of a run; --json has all


def replay(
    run_files: Annotated[list[Path], typer.Argument(help="run files, or folders of them", metavar="RUN.h5 ...")],
    as_json: JsonOption = False,
) -> None:
    """Make runs again from their files, on twins that answer as recorded; compare every message and every number.

    No instrument is touched. A file without messages is only computed again from its readings.
    """
    from acquire.replay.replay import replay as again

    paths, absent = run_files_named(run_files)
    for line in absent:
        complain(line, FAILED)
    done = tell_of_each(paths, again, _lines, _plain, as_json=as_json)
    right = not absent and all(one is not None and one.same for one in done)
    raise typer.Exit(COMPLETED if right else FAILED)


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
    if found.late:
        yield f"{path}: times up to {1e3 * found.late:.2g} ms from those of the messages, as the program read its clock"
    if found.rounding:
        yield f"{path}: computed numbers within {found.rounding:.1g}, relative: another machine or other libraries"
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
        "late": found.late,
        "rounding": found.rounding,
        "damaged": list(found.run.integrity.damaged),
    }
