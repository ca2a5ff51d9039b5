"""acquire run --resume: a lifetime that was cut off or stopped goes on in its own file, by a person's command."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from acquire.cli import report, results
from acquire.cli.arguments import COMPLETED, FAILED, INTERRUPTED, USAGE
from acquire.cli.terminal import complain, leave, say_json

if TYPE_CHECKING:
    from acquire.bench.resuming import TakenUp


def go_on(
    path: Path,
    sweep: Path | None,
    bench: Path | None,
    output: Path | None,
    said: Mapping[str, str | None],
    *,
    as_json: bool,
    plot: bool,
    page: bool,
    remote: str = "",
) -> None:
    """Go on with the run in a file; what else is named must be what the run was begun with.

    :raises typer.Exit: with the exit status.
    """
    from acquire import session
    from acquire.cli import display
    from acquire.cli.live.show import displayed
    from acquire.safety.interruption import StopRequest

    taken_up = _taken_up(path, sweep, bench, output, said, as_json=as_json)
    console = display.SpectatorConsole(stderr=as_json)
    with StopRequest(remote).listening() as stop:
        with displayed(console, taken_up.prepared, stop, plot=plot) as spectator:
            result = session.resume(taken_up, spectator, stop)
        told = results.told(result, as_json, stuck=spectator.stuck)
        if page and told and result.run is not None:
            report.report_after_run(result.run.path, as_json)
    status = INTERRUPTED if result.interrupted else FAILED if result.failed else COMPLETED
    if not told:
        leave(status)
    raise typer.Exit(status)


def _taken_up(
    path: Path,
    sweep: Path | None,
    bench: Path | None,
    output: Path | None,
    said: Mapping[str, str | None],
    *,
    as_json: bool,
) -> TakenUp:
    """The run, read and checked, nothing opened.

    :raises typer.Exit: it cannot be gone on with, or not as it was asked for.
    """
    from acquire.bench.resuming import take_up
    from acquire.config import ConfigurationError, Said, load_sweep
    from acquire.run_file.read import ArchiveError

    try:
        if output is not None:
            raise ArchiveError(f"{path}: goes on where it is; leave out --output")
        given = {option: text for option, text in said.items() if text is not None}
        if sweep is None and (given or bench is not None):
            named = ", ".join([*given, *(["--bench"] if bench else [])])
            raise ArchiveError(
                f"{path}: goes on with what it was begun with; leave out {named}, or name its sweep file too"
            )
        loaded = load_sweep(sweep, bench, [Said(*one) for one in given.items()]) if sweep else None
        return take_up(path, loaded)
    except (ArchiveError, ConfigurationError) as error:
        if as_json:
            say_json(results.without_a_run(str(error), "failed"))
        raise complain(error, USAGE) from error
