"""The command line. Thin: each command loads what it needs, calls the core, prints, and sets the exit status.

Exit status: 0 completed or stopped by a rule, 1 failed, 2 wrong configuration or usage, 3 not swept, 130 interrupted.
"""

from __future__ import annotations

import sys
from copy import copy
from functools import cache
from pathlib import Path
from typing import Annotated, TextIO, cast

import typer
from typer.main import get_command_name

from acquire.cli import (
    absorbance,
    archive,
    calibrate,
    export,
    hand,
    health,
    impedance,
    importing,
    instruments,
    ledger,
    lifetime,
    listing,
    new,
    outside,
    package,
    pl_decay,
    plan,
    queue,
    recompute,
    replay,
    report,
    results,
    resuming,
    serve,
    setup,
    simulate,
    tag,
)
from acquire.cli.arguments import (
    COMPLETED,
    FAILED,
    INTERRUPTED,
    UNFIT,
    USAGE,
    AgainOption,
    AgainPixelOption,
    AreaOption,
    BatchOption,
    BatchYesOption,
    BenchOption,
    JsonOption,
    NewSweepArgument,
    NoPlotOption,
    NoteOption,
    OutputOption,
    PixelOption,
    PretestOption,
    RealTimeOption,
    RemoteOption,
    ReportOption,
    ResumeOption,
    SampleOption,
    UserOption,
)
from acquire.cli.terminal import (
    complain,
    filtered,
    how_many,
    is_yes,
    leave,
    say,
    say_json,
    shell_quoted,
    somebody_to_ask,
    waiting,
    whoever_listens,
)
from acquire.safety.visible import one_line


def _tell_version(wanted: bool) -> None:
    """Say what this program is, and leave."""
    if wanted:
        from acquire.cli.version import version_text

        say(sys.stdout, version_text())
        raise typer.Exit(COMPLETED)


VersionOption = Annotated[
    bool, typer.Option("--version", help="program, Python, system, packages", callback=_tell_version, is_eager=True)
]

LOOK_AROUND = 0.2  # s, for run files that were cut off: time for several hundred

app = typer.Typer(
    name="acquire",
    help="J-V-L bench: sweep a light-emitting device, record J-V-L and EL spectra, compute efficiencies.",
    no_args_is_help=True,
    add_completion=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


def main() -> None:
    """Entry point of the ``acquire`` command.

    :raises SystemExit: with the exit status.
    """
    sys.stdout, sys.stderr = (cast(TextIO, filtered(stream)) for stream in (sys.stdout, sys.stderr))
    try:
        try:
            _with_command(next(iter(sys.argv[1:]), ""))(prog_name="acquire")
        finally:
            if sys.stdout is not None:
                sys.stdout.flush()
    except OSError as error:  # above all of the stream itself: a full disk behind it, for example
        with whoever_listens(sys.stdout):
            pass
        raise SystemExit(complain(f"acquire: {error}", FAILED).exit_code) from error


@cache
def _with_command(name: str) -> typer.Typer:
    """The application with this command alone, where there is one: to make all takes a twentieth of a second."""
    for one in app.registered_commands:
        if one.callback and name == (one.name or get_command_name(one.callback.__name__)):
            alone = copy(app)
            alone.registered_commands, alone.registered_groups = [one], []
            return alone
    return app


@app.callback()
def options(version: VersionOption = False) -> None:
    """What holds for no command alone."""


@app.command()
def run(
    sweep: NewSweepArgument = None,
    bench: BenchOption = None,
    output: OutputOption = None,
    as_json: JsonOption = False,
    no_plot: NoPlotOption = False,
    sample: SampleOption = None,
    pixel: PixelOption = None,
    area: AreaOption = None,
    user: UserOption = None,
    batch: BatchOption = None,
    note: NoteOption = None,
    again: AgainOption = False,
    with_report: ReportOption = False,
    resume: ResumeOption = None,
    pretest: PretestOption = False,
    yes: BatchYesOption = False,
    again_pixel: AgainPixelOption = None,
    remote: RemoteOption = "",
    real_time: RealTimeOption = False,
) -> None:
    """Carry out a sweep or a batch, and record it: the main job."""
    from acquire.cli.batch_plan import is_batch

    given = {"--sample": sample, "--pixel": pixel, "--area": area, "--user": user, "--batch": batch, "--note": note}
    if resume is not None and real_time:
        raise complain("--real-time: of a new run, not with --resume", USAGE)
    if resume is not None:
        return resuming.go_on(
            resume, sweep, bench, output, given, as_json=as_json, plot=not no_plot, page=with_report, remote=remote
        )
    if sweep is None:
        raise complain("name a sweep file: acquire run SWEEP.yaml; or go on with a run: --resume RUN.h5", USAGE)
    if is_batch(sweep):
        from acquire.cli.batch import run_batch_file

        of_one = {"--sample": sample, "--pixel": pixel, "--area": area, "--batch": batch}
        wrong = [option for option, value in of_one.items() if value is not None] + ["--real-time"] * real_time
        if wrong := [*wrong, *["--again"] * again, *["--report"] * with_report, *["--pretest"] * pretest]:
            raise complain(f"{', '.join(wrong)}: of one run; what holds for pixels stands in the batch file", USAGE)
        of_all, once_more = {"--user": user, "--note": note}, again_pixel or []
        raise typer.Exit(
            run_batch_file(
                sweep,
                bench,
                output,
                given=of_all,
                again=once_more,
                yes=yes,
                as_json=as_json,
                plot=not no_plot,
                remote=remote,
            )
        )
    if (yes and not remote) or again_pixel:
        raise complain("--yes and --again-pixel: of a batch, but this is no batch file", USAGE)
    from acquire import session
    from acquire.cli import again as memory
    from acquire.cli import display
    from acquire.cli.live.show import displayed
    from acquire.config import ConfigurationError
    from acquire.safety.interruption import StopRequest

    try:
        said = memory.said(given, again, sweep, bench, output)
        prepared = session.prepare(sweep, bench, said, with_pretest=pretest)
        folder = session.run_folder(prepared, output)
    except ConfigurationError as error:
        if as_json:
            say_json(results.without_a_run(str(error), "failed"))
        raise complain(error, USAGE) from error
    memory.remember(said, sweep, bench, output)
    _offer_recovery(folder, ask=not as_json and somebody_to_ask())
    console = display.SpectatorConsole(stderr=as_json)
    with StopRequest(remote).listening() as stop:  # until everything is said: Ctrl-C while printing changes no outcome
        with displayed(console, prepared, stop, plot=not no_plot) as spectator:
            site = session.site_in_real_time(prepared.loaded) if real_time else None
            result = session.run(prepared, folder, spectator, stop, site, waiting=waiting())
        told = results.told(result, as_json, stuck=spectator.stuck)
        if with_report and told and result.run is not None:
            report.report_after_run(result.run.path, as_json)
    status = INTERRUPTED if result.interrupted else FAILED if result.failed else COMPLETED
    status = UNFIT if result.pretest_against and status == COMPLETED else status
    if not told:
        leave(status)
    raise typer.Exit(status)


def _offer_recovery(folder: Path, *, ask: bool) -> None:
    """Offer to finish run files that were cut off, before anything is opened; nothing here holds up the run."""
    from acquire.run_file import reading_apart

    for path, points in reading_apart.cut_off_in(folder, LOOK_AROUND):
        with whoever_listens(sys.stderr):
            message = f"{path} was cut off ({points} point{'' if points == 1 else 's'})"
            if not ask:
                say(sys.stderr, f"{message}; finish it with: acquire recover {shell_quoted(path)}")
                continue
            print(one_line(f"{message}. Finish it now? [Y/n] "), end="", file=sys.stderr, flush=True)
            if is_yes(sys.stdin):
                _recover(path, sys.stderr)


app.command(short_help="Set levels by hand and watch V, I, L.")(hand.live)
app.command(short_help="List the runs that go on: who runs what, how far.")(outside.running)
app.command(short_help="Stop a run from elsewhere; wait until output is off.")(outside.stop)
app.command(short_help="Pause a run: output off, until it is resumed.")(outside.pause)
app.command(short_help="Go on with a run that is paused.")(outside.resume)
app.command(short_help="Answer what a batch asks.")(outside.answer)
app.command(short_help="Show what a sweep is going to do; nothing is opened.")(plan.plan)


@app.command()
def check(
    files: Annotated[list[Path], typer.Argument(help="configuration files", metavar="FILE.yaml ...")],
) -> None:
    """Check configuration files; all problems are shown at once."""
    from acquire.bench.batch import check_file

    wrong = False
    for file in files:
        checked = check_file(file)
        wrong = wrong or bool(checked.problems)
        say(sys.stderr, *checked.problems)
        say(sys.stderr, *(f"caution: {caution}" for caution in checked.cautions))
        if not checked.problems:
            say(sys.stdout, f"{file}: right")
    raise typer.Exit(USAGE if wrong else COMPLETED)


app.command(short_help="Ask a few questions and write a sweep file.")(new.new)
app.command(short_help="Find the instruments, ask how they are wired, write a bench.")(setup.setup)
app.command(short_help="Calibrate the photodiode against the spectroradiometer.")(calibrate.calibrate)
app.command(short_help="Check the bench against all checks before.")(health.health)
app.command("list", short_help="List runs with V_on, EQE and CE at 1000 cd/m^2.")(listing.list_runs)
app.add_typer(queue.queue, short_help="Look at the queue of the service, and change it.")
app.add_typer(archive.archive, short_help="Find runs among very many; tables, statistics, exports.")
app.command(short_help="Sum up what devices went through in all their runs.")(ledger.ledger)
app.command(short_help="Tag finished runs, or comment on them.")(tag.tag)
app.command(short_help="Show conditions, figures of merit, findings of runs.")(results.show)
app.command(short_help="Compute results anew: another area, calibration.")(recompute.recompute)
app.command(short_help="Make runs again from their files, and compare.")(replay.replay)
app.command(short_help="Write tables for Origin, Excel and scripts.")(export.export)
app.command(short_help="Lifetimes beside each other; their acceleration.")(lifetime.lifetime)
app.command("import", short_help="Make run files of data of other programs.")(importing.import_files)
app.command(short_help="Make pictures, tables and one page (HTML) of runs.")(report.report)
app.command(short_help="Put runs together to be given away (RO-Crate).")(package.package)


app.command(short_help="Fit impedance spectra: R_s, R_p, C, the arc.")(impedance.impedance)
app.command("pl-decay", short_help="Fit PL decays: lifetimes, averages, k_r, k_nr.")(pl_decay.pl_decay)
app.command(short_help="Compare a film's absorbance before and after.")(absorbance.absorbance)


@app.command(short_help="Finish run files that were cut off.")
def recover(
    run_files: Annotated[
        list[Path], typer.Argument(help="run files that were cut off, or folders of them", metavar="RUN.h5 ...")
    ],
) -> None:
    """Finish run files that were cut off; finished ones stay as they are. A folder stands for its run files."""
    from acquire.run_file import read as reading
    from acquire.run_file import reading_apart

    right = True
    for path in run_files:
        if not path.is_dir():
            right &= _recover(path, sys.stdout)
            continue
        try:
            unfinished = reading_apart.unfinished(reading.hdf5_files_in(path)[::-1])
        except OSError as error:
            raise complain(f"{path}: cannot be read ({error.strerror or error})", FAILED) from error
        for file in unfinished:
            right &= _recover(file, sys.stdout)
        if not unfinished:
            say(sys.stdout, f"{path}: no run file in it was cut off")
    raise typer.Exit(COMPLETED if right else FAILED)


def _recover(path: Path, stream: TextIO) -> bool:
    """Finish one run file and say so; false, with the reason on standard error, when that is not possible."""
    from acquire.run_file import read as reading
    from acquire.run_file import reading_apart

    try:
        after, already = reading_apart.recover(path)
    except reading.ArchiveError as error:
        say(sys.stderr, error)
        return False
    outcome = "was finished already" if already else "finished"
    counted = f"{how_many(after.points, 'point')}, {how_many(len(after.spectra), 'spectrum', 'spectra')}"
    say(stream, f"{path}: {outcome}: {counted}, status {after.status}")
    if after.integrity.damaged:
        say(sys.stderr, f"{path}: {after.integrity}")
    return not after.integrity.damaged


app.command(short_help="Ask who answers, how fast, and what looks wrong.")(instruments.instruments)
app.command(short_help="Make the source safe now, whoever left it on.")(instruments.off)
app.command(short_help="Serve the simulated bench on TCP and serial ports.")(simulate.simulate)
app.command(short_help="Serve the bench to browsers: live curves, history.")(serve.serve)
app.command(short_help="Make a new token to log in to the page with.")(serve.token)
