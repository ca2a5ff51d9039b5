"""Exit status, and the arguments and options that several commands have."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

#: Exit status: completed or stopped by a rule; failed; wrong configuration or usage; not swept; interrupted.
COMPLETED, FAILED, USAGE, UNFIT, INTERRUPTED = 0, 1, 2, 3, 130

EXIT_STATUS = {
    COMPLETED: "completed, or stopped by a rule of the sweep file",
    FAILED: "failed; for `health` also an alarm, for `instruments` also an instrument that is missing or wrong",
    USAGE: "a wrong configuration file, or wrong usage: nothing was opened",
    UNFIT: "the pretest found something against the device, which was not swept (`run --pretest`)",
    INTERRUPTED: "interrupted, by Ctrl-C or a signal",
}

SweepArgument = Annotated[Path, typer.Argument(help="sweep or batch file (YAML)", metavar="SWEEP.yaml")]

NewSweepArgument = Annotated[
    Path | None, typer.Argument(help="sweep file (YAML); with --resume not needed", metavar="SWEEP.yaml")
]

ResumeOption = Annotated[
    Path | None,
    typer.Option("--resume", help="go on with a lifetime that was cut off or stopped, in its file", metavar="RUN.h5"),
]

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

PretestOption = Annotated[
    bool,
    typer.Option("--pretest", help="first contact, short, open, polarity at a low level; no sweep if one is wrong"),
]

ReportOption = Annotated[bool, typer.Option("--report", help="then one page with pictures (HTML) beside the run file")]
SampleOption = Annotated[
    str | None, typer.Option("--sample", help="sample.name for this run, whatever the file says", metavar="NAME")
]

PixelOption = Annotated[str | None, typer.Option("--pixel", help="sample.pixel for this run", metavar="PIXEL")]

BatchOption = Annotated[str | None, typer.Option("--batch", help="sample.batch for this run", metavar="BATCH")]

AreaOption = Annotated[
    str | None,
    typer.Option("--area", help="sample.emissive_area for this run, like '4 mm^2 +- 0.1 mm^2'", metavar="AREA"),
]

UserOption = Annotated[str | None, typer.Option("--user", help="user.name for this run", metavar="NAME")]

NoteOption = Annotated[str | None, typer.Option("--note", help="a remark on this run", metavar="TEXT")]

AgainOption = Annotated[
    bool, typer.Option("--again", help="what these options said for the run before, into the same folder on this bench")
]

RemoteOption = Annotated[
    str,
    typer.Option("--remote", help="operated from elsewhere, by what is called so: no keyboard is read", metavar="NAME"),
]

AnalysisOption = Annotated[
    str | None,
    typer.Option("--analysis", help="results by this analysis of the run, or latest", metavar="NAME"),
]

OtherCalibrationOption = Annotated[
    Path | None, typer.Option("--calibration", help="by this calibration of the photodiode", metavar="FILE.yaml")
]

OtherAreaOption = Annotated[
    str, typer.Option("--area", help="by this emissive area, like '14.3 mm^2 +- 0.2 mm^2'", metavar="AREA")
]

OtherResponsivityOption = Annotated[
    Path | None, typer.Option("--responsivity", help="by this responsivity of the photodiode", metavar="FILE.csv")
]

RealTimeOption = Annotated[
    bool, typer.Option("--real-time", help="of a simulated bench: take the time that a real one takes")
]

BatchYesOption = Annotated[
    bool, typer.Option("--yes", help="of a batch: do not ask for substrates to be put in, they are")
]

AgainPixelOption = Annotated[
    list[str] | None,
    typer.Option("--again-pixel", help="of a batch: measure this pixel once more, like 'B12 A'", metavar="NAME"),
]
