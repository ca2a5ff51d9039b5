"""``acquire import``: sweeps that other programs measured, taken over into run files that say so."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from acquire.cli.arguments import (
    COMPLETED,
    FAILED,
    USAGE,
    BatchOption,
    JsonOption,
    OutputOption,
    PixelOption,
    SampleOption,
    UserOption,
)
from acquire.cli.terminal import complain, how_many, say, say_json, whoever_listens


def import_files(
    files: Annotated[list[Path], typer.Argument(help="text files of one program", metavar="FILE ...")],
    mapping: Annotated[
        Path, typer.Option("--mapping", help="how they are read; see configs/mappings", metavar="MAPPING.yaml")
    ],
    output: OutputOption = None,
    sample: SampleOption = None,
    pixel: PixelOption = None,
    batch: BatchOption = None,
    user: UserOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make run files of J-V-L data that another program measured; nothing is computed that they do not hold.

    What a file does not give stays missing; its own text stands in the run file. The same file imported twice is the
    same run.
    """
    from acquire.archive.importing import import_file
    from acquire.config.loading import load_mapping
    from acquire.config.parsing import ConfigurationError
    from acquire.run_file.read import ArchiveError

    options = {"sample": sample, "pixel": pixel, "batch": batch, "user": user}
    said = {name: value for name, value in options.items() if value}
    wrong, usage, runs = list[str](), False, list[Any]()
    try:
        known = load_mapping(mapping)
    except ConfigurationError as error:
        raise complain(error, USAGE) from error
    for path in files:
        try:
            runs.append(import_file(path, known, mapping, output or Path("runs"), said))
        except ConfigurationError as error:
            wrong, usage = [*wrong, *map(str, error.problems)], True
        except ArchiveError as error:
            wrong.append(str(error))
            continue
        else:
            with whoever_listens(sys.stdout):
                if not as_json:
                    say(sys.stdout, f"{path}: {runs[-1].path} ({how_many(runs[-1].points, 'point')})")
    if as_json:
        with whoever_listens(sys.stdout):
            say_json({"runs": [run.summary() for run in runs]})
    if wrong:
        raise complain(wrong, USAGE if usage else FAILED)
    raise typer.Exit(COMPLETED)
