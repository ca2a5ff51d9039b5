"""What a batch is going to do, on a page, and what of it is done already."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from acquire.cli.terminal import how_many

if TYPE_CHECKING:
    from acquire.run_file.batch_index import Entry


#: What can be said for every run of a batch.
OF_A_BATCH = ("--user", "--note")


def is_batch(path: Path) -> bool:
    """Whether a YAML file says of itself that it is a batch."""
    from acquire.config.yaml_source import read_yaml

    return read_yaml(path).content.get("kind") == "batch"


def in_words(entry: Entry) -> str:
    """What has become of a run, in a line."""
    of_run = f" ({entry.status}{f': {entry.reason}' if entry.reason else ''})" if entry.status else ""
    return f"{entry.state}{of_run or (f' ({entry.reason})' if entry.reason else '')}"


def plan_lines(path: Path, bench: Path | None, output: Path | None, given: dict[str, str | None]) -> Iterator[str]:
    """What a batch is going to do, and what of it is done already; nothing is opened.

    :raises acquire.config.ConfigurationError: with every problem at once.
    """
    from acquire.bench.batch import batch_folder, prepare_batch
    from acquire.cli.display import clock_text
    from acquire.config import Said
    from acquire.run_file.batch_index import State, index_path, read_index

    prepared = prepare_batch(path, bench, [Said(option, text) for option, text in given.items() if text is not None])
    folder = batch_folder(prepared, output)
    index = read_index(index_path(folder, path))
    known = {entry.key: entry for entry in index.entries} if index else {}
    loaded = prepared.loaded.batch
    switch = prepared.bench.instruments.pixel_switch
    yield loaded.title
    yield ""
    yield f"bench           {prepared.bench.name}"
    yield f"pixels          {_changed(len(switch.pixels) if switch else 0)}"
    yield f"duration        {clock_text(prepared.duration)} of {how_many(len(prepared.runs), 'run')}, without pauses"
    yield f"folder          {folder}"
    yield f"index           {index_path(folder, path).name}"
    for run in prepared.runs:
        entry = known.get((run.substrate, run.pixel, run.sweep))
        state = f"  {in_words(entry)}" if entry and entry.state != State.WAITING else ""
        where = f", connected as {run.switched_as}" if switch and run.switched_as != run.pixel else ""
        plan = run.prepared.plan
        takes = f"{how_many(plan.most_points, 'point')}, {clock_text(plan.duration)}"
        yield f"{'':16}{run.label}{where}: {run.sweep}, {takes}{state}"
    yield ""
    yield from (f"caution: {caution}" for caution in prepared.cautions)
    if not prepared.cautions:
        yield "Nothing speaks against it. Nothing was opened."


def _changed(pixels: int) -> str:
    return f"connected by the switch, which has {pixels}" if pixels else "connected by hand, when asked for"
