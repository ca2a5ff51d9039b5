"""The command that calibrates the photodiode against the spectroradiometer."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from acquire.cli import results
from acquire.cli.arguments import (
    COMPLETED,
    FAILED,
    INTERRUPTED,
    USAGE,
    BenchOption,
    JsonOption,
    OutputOption,
    RemoteOption,
    SweepArgument,
    UserOption,
    YesOption,
)
from acquire.cli.terminal import (
    ask_before_output,
    complain,
    leave,
    say,
    say_json,
    waiting,
    whoever_listens,
)

if TYPE_CHECKING:
    from acquire.session import PreparedRun, RunResult
    from acquire.sweep.plan import SweepPlan
    from acquire.upkeep.calibrate import MadeCalibration


#: What is installed with the program where pictures are wanted.
PICTURES = "report"


def calibrate(
    sweep: SweepArgument,
    bench: BenchOption = None,
    output: OutputOption = None,
    to: Annotated[
        Path, typer.Option("--to", help="folder for the calibration; a new name each time", metavar="DIR")
    ] = Path("calibrations"),
    yes: YesOption = False,
    as_json: JsonOption = False,
    user: UserOption = None,
    remote: RemoteOption = "",
) -> None:
    """Calibrate the photodiode against the spectroradiometer: a sweep with a spectrum at every level."""
    from acquire import session
    from acquire.cli import display
    from acquire.cli.live.show import displayed
    from acquire.config import ConfigurationError, Said
    from acquire.safety.interruption import StopRequest
    from acquire.upkeep import calibrate as calibration

    try:
        prepared = session.prepare(sweep, bench, [Said("--user", user)] if user else ())
        calibration.require_suited(prepared)
        folder = session.run_folder(prepared, output)
    except ConfigurationError as error:
        if as_json:
            say_json({**results.without_a_run(str(error), "failed"), "calibration": None})
        raise complain(error, USAGE) from error
    if not (yes or remote):
        ask_before_output(_question(prepared.plan, prepared.loaded.sweep.sample.name), prepared.loaded.cautions)
    console = display.SpectatorConsole(stderr=as_json)
    with StopRequest(remote).listening() as stop:
        with displayed(console, prepared, stop) as spectator:
            result = session.run(prepared, folder, spectator, stop, waiting=waiting())
        made, why = _made(prepared, result, to)
        beside = {"calibration": made.summary() if made else None}
        told = results.told(result, as_json, stuck=spectator.stuck, beside=beside)
    if not told:
        leave(_status(result, why))
    _tell(prepared, made, why, as_json)
    raise typer.Exit(_status(result, why))


def _question(plan: SweepPlan, sample: str) -> str:
    from acquire.cli.display import clock_text

    stress, spectra = plan.stress, min(plan.spectra.most, plan.most_points)
    return (
        f"{sample}: {spectra} levels with a spectrum each, about {clock_text(plan.duration)} (h:)m:ss, at most "
        f"{stress.voltage:g} V, {stress.current * 1e3:g} mA. Is it in its place, the photodiode too? Output on?"
    )


def _made(prepared: PreparedRun, result: RunResult, folder: Path) -> tuple[MadeCalibration | None, str]:
    """The calibration that a run gives, or why it gives none."""
    from acquire.upkeep.calibrate import made

    if result.run is None or result.failed:
        return None, "the run failed"
    if result.interrupted:
        return None, "the run was interrupted"
    if result.run.integrity.damaged:
        return None, f"{result.run.path}: {result.run.integrity}"
    try:
        return made(prepared, result.run, folder), ""
    except ValueError as error:
        return None, str(error)
    except OSError as error:
        return None, f"{error.filename or folder} cannot be written: {error.strerror or error}"


def _status(result: RunResult, why: str) -> int:
    return INTERRUPTED if result.interrupted else FAILED if result.failed or why else COMPLETED


def _tell(prepared: PreparedRun, made: MadeCalibration | None, why: str, as_json: bool) -> None:
    if made is None:
        complain(f"acquire: no calibration was made: {why}", FAILED)
        return
    lines = _lines(prepared, made)
    with whoever_listens(sys.stderr):
        say(sys.stderr, *(f"note: {remark}" for remark in made.found.remarks()))
    if not as_json:
        with whoever_listens(sys.stdout):
            say(sys.stdout, *lines)
    _draw(made, lines, as_json)


def _draw(made: MadeCalibration, lines: list[str], as_json: bool) -> None:
    """Put a picture beside the calibration; it is complete without one."""
    from acquire.report.calibration_picture import calibration_picture
    from acquire.run_file.placing import replace_file

    path = made.path.with_suffix(".png")
    try:
        picture = calibration_picture(made.found, f"{made.run.sample}, {made.run.start_time[:16]}", _page(made, lines))
        replace_file(path, picture, new=True)
    except ImportError:
        complain(f"no picture was drawn: that needs the extra '{PICTURES}': pip install '.[{PICTURES}]'", COMPLETED)
    except OSError as error:
        complain(f"{path} cannot be written: {error.strerror or error}", COMPLETED)
    else:
        if not as_json:
            with whoever_listens(sys.stdout):
                say(sys.stdout, path)


def _page(made: MadeCalibration, lines: list[str]) -> list[str]:
    instruments = [f"{role}: {identity}" for role, identity in made.run.instruments.items()]
    return [*lines[:-2], *made.found.remarks(), f"{made.path.name} of run {made.run.run_id}", *instruments]


def _lines(prepared: PreparedRun, made: MadeCalibration) -> list[str]:
    from acquire.upkeep.calibrate import name_for_bench

    found, bench = made.found, prepared.loaded.bench_path
    low, high = found.span
    return [
        f"k_L = {_factor(made)}",
        f"from {low:.4g} to {high:.4g} cd/m^2; valid until {made.valid_until}",
        *_changes(made),
        f"{made.path}",
        f"to use it, in {bench.as_posix()}:  photodiode.calibration: {name_for_bench(made.path, bench)}",
    ]


def _factor(made: MadeCalibration) -> str:
    factor, (low, high) = made.found.factor, made.found.interval
    if not made.found.degrees_of_freedom:
        return f"{factor.factor:#.5g} cd/m^2/A, uncertainty unknown"
    spread = f"u = {100.0 * factor.relative_uncertainty:.2g} % (k = 1, {factor.levels} levels)"
    return f"{factor.factor:#.5g} cd/m^2/A, {spread}, 95 %: {low:#.5g} to {high:#.5g}"


def _changes(made: MadeCalibration) -> list[str]:
    found, lines = made.found, []
    if found.linearity.level.degrees_of_freedom:
        level = found.linearity.level
        value, uncertainty = 100.0 * level.value, 100.0 * level.uncertainty
        lines.append(f"d ln(L/s)/d ln L = {value:+.2g} %, u = {uncertainty:.2g} %")
    if found.former == found.former:
        change = 100.0 * (found.factor.factor / found.former - 1.0)
        lines.append(f"the bench's calibration so far has {found.former:.5g} cd/m^2/A here: {change:+.2f} %")
    return lines
