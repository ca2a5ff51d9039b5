"""The command ``acquire package``: runs as an RO-Crate, to be given away or deposited."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from acquire.cli.arguments import COMPLETED, FAILED, USAGE, AnalysisOption, JsonOption
from acquire.cli.run_files import run_files_named
from acquire.cli.terminal import complain, say, say_json

if TYPE_CHECKING:
    from acquire.config.package import PackageFile
    from acquire.run_file.documented import DocumentedRun

EXTRA = ("jinja2", "matplotlib", "rocrate")


def package(
    run_files: Annotated[
        list[Path], typer.Argument(help="finished run files, or folders of them", metavar="RUN.h5 ...")
    ],
    to: Annotated[Path, typer.Option("--to", help="folder of the package, new or empty", metavar="DIR")],
    granted: Annotated[
        str | None,
        typer.Option(
            "--license",
            help="what others may do with the data: CC-BY-4.0 or the like, an address, none",
            metavar="NAME",
        ),
    ] = None,
    about: Annotated[
        Path | None,
        typer.Option(
            "--about", help="licence, people with ORCID, title, keywords (kind: package)", metavar="FILE.yaml"
        ),
    ] = None,
    analysis: AnalysisOption = None,
    as_json: JsonOption = False,
) -> None:
    """Put runs together to be given away: an RO-Crate of run files, tables, pictures and report, with who and how."""
    from acquire import __version__
    from acquire.config.package import WHICH_LICENCE, licence

    _need_extra()
    said = _about(about)
    wanted = granted or said.license
    if wanted is None:
        raise complain(f"under which licence may others use the data? --license, or in --about: {WHICH_LICENCE}", USAGE)
    if licence(wanted) is None:
        raise complain(f"--license {wanted}: is no licence known here; {WHICH_LICENCE}", USAGE)
    runs = _read(run_files, analysis)
    from acquire.fair.package import PackageError, pack

    now = datetime.now(UTC).astimezone()
    try:
        metadata = pack(runs, to, said, wanted, now, f"acquire {__version__}")
    except PackageError as error:
        raise complain(error, FAILED) from error
    if as_json:
        say_json({"package": str(metadata), "run_ids": [*dict.fromkeys(one.run.run_id for one in runs)]})
    else:
        say(sys.stdout, metadata)
    raise typer.Exit(COMPLETED)


def _need_extra() -> None:
    """:raises typer.Exit: what a package is made with is not installed."""
    from importlib.util import find_spec

    if missing := [name for name in EXTRA if find_spec(name) is None]:
        hint = 'pip install "jvl-bench[package]"'
        raise complain(f'a package needs {" and ".join(missing)}, the extra "package": {hint}', FAILED)


def _about(path: Path | None) -> PackageFile:
    """What a file says of the data, nothing without one.

    :raises typer.Exit: the file is wrong.
    """
    from acquire.config.loading import load_package
    from acquire.config.package import PackageFile
    from acquire.config.parsing import ConfigurationError

    if path is None:
        return PackageFile(kind="package")
    try:
        return load_package(path)
    except ConfigurationError as error:
        raise complain(error, USAGE) from error


def _read(named: Sequence[Path], analysis: str | None) -> list[DocumentedRun]:
    """The runs of files and folders, all of them, their results by one of their analyses or their own.

    :raises typer.Exit: one cannot be read, or there is none; each is named.
    """
    from acquire.run_file.reading_apart import read_documented

    files, wrong = run_files_named(named)
    runs: list[DocumentedRun] = []
    for _, answer in read_documented(files, analysis):
        if isinstance(answer, Exception):
            wrong.append(str(answer))
        else:
            runs.append(answer)
    if wrong:
        raise complain([*wrong, "nothing was packaged"], FAILED)
    return runs
