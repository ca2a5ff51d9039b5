"""Exit status, and the arguments and options that several commands have."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

#: Exit status: completed or stopped by a rule; failed; wrong configuration or usage; interrupted.
COMPLETED, FAILED, USAGE, INTERRUPTED = 0, 1, 2, 130

SweepArgument = Annotated[Path, typer.Argument(help="sweep file (YAML)", metavar="SWEEP.yaml")]

RunArgument = Annotated[Path, typer.Argument(help="run file (HDF5)", metavar="RUN.h5")]

BenchOption = Annotated[
    Path | None,
    typer.Option("--bench", help="bench file instead of the one the sweep names", metavar="BENCH.yaml"),
]

JsonOption = Annotated[bool, typer.Option("--json", help="one JSON object on standard output, nothing else there")]

NoPlotOption = Annotated[bool, typer.Option("--no-plot", help="no picture while the run goes on")]

OutputOption = Annotated[
    Path | None,
    typer.Option("--output", help="folder for the run file instead of the sweep's own", metavar="DIR"),
]

YesOption = Annotated[bool, typer.Option("--yes", help="do not ask before the output goes on")]
