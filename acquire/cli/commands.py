"""The command line. Thin: each command loads what it needs, calls the core, prints, and sets the exit status.

Exit status: 0 completed or stopped by a rule, 1 failed, 2 wrong configuration or usage, 130 interrupted.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TextIO, cast

import typer

from acquire.safety.visible import one_line

if TYPE_CHECKING:
    from acquire.run_file.read import Run
    from acquire.session import RunResult
    from acquire.sweep.plan import SweepPlan
    from drivers.simulated.serve import Port
from acquire.cli.terminal import (
    Telling,
    _filtered,
    _is_yes,
    _quoted,
    _somebody_to_ask,
    _whoever_listens,
    complain,
    leave,
    let_terminal_go,
    say,
    say_json,
)

COMPLETED, FAILED, USAGE, INTERRUPTED = 0, 1, 2, 130


PRESS_OUTPUT = "press OUTPUT on the instrument"


SILENCE = 1.5  # s without an answer until that is said


#: How long a stream may take to accept how a run ended, s; then it is taken for one that takes nothing; and one
#: that took nothing during the run.
LAST_WORDS, STUCK_WORDS = 1.0, 0.1

MAY_BE_ON = "MAY STILL BE ON"  # of an output: said whatever stands in the way


LOOK_AROUND = 0.2  # s, for run files that were cut off: time for several hundred


app = typer.Typer(
    name="acquire",
    help="J-V-L bench: sweep a light-emitting device, record J-V-L and EL spectra, compute efficiencies.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


SweepArgument = Annotated[Path, typer.Argument(help="sweep file (YAML)", metavar="SWEEP.yaml")]


RunArgument = Annotated[Path, typer.Argument(help="run file (HDF5)", metavar="RUN.h5")]


BenchOption = Annotated[
    Path | None,
    typer.Option("--bench", help="bench file instead of the one the sweep names", metavar="BENCH.yaml"),
]


JsonOption = Annotated[bool, typer.Option("--json", help="one JSON object on standard output, nothing else there")]


def main() -> None:
    """Entry point of the ``acquire`` command.

    :raises SystemExit: with the exit status.
    """
    sys.stdout, sys.stderr = (cast(TextIO, _filtered(stream)) for stream in (sys.stdout, sys.stderr))
    try:
        try:
            app()
        finally:
            if sys.stdout is not None:
                sys.stdout.flush()
    except OSError as error:  # above all of the stream itself: a full disk behind it, for example
        with _whoever_listens(sys.stdout):
            pass
        raise SystemExit(complain(f"acquire: {error}", FAILED).exit_code) from error


@app.command()
def run(
    sweep: SweepArgument,
    bench: BenchOption = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", help="folder for the run file instead of the sweep's own", metavar="DIR"),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Carry out a sweep and record it: the main job."""
    from acquire import session
    from acquire.cli import display
    from acquire.config import ConfigurationError
    from acquire.safety.interruption import StopRequest

    try:
        prepared = session.prepare(sweep, bench)
        folder = session.run_folder(prepared, output)
    except ConfigurationError as error:
        if as_json:
            say_json(_without_a_run(str(error), "failed"))
        raise complain(error, USAGE) from error
    _offer_recovery(folder, ask=not as_json and _somebody_to_ask())
    console = display.SpectatorConsole(stderr=as_json)
    with StopRequest().listening() as stop:  # until everything is said: Ctrl-C while printing changes no outcome
        with display.displayed(console) as spectator:
            result = session.run(prepared, folder, spectator, stop)
        told = _told(result, as_json, stuck=spectator.stuck)
    status = INTERRUPTED if result.interrupted else FAILED if result.failed else COMPLETED
    if not told:
        leave(status)
    raise typer.Exit(status)


def _offer_recovery(folder: Path, *, ask: bool) -> None:
    """Offer to finish run files that were cut off, before anything is opened; nothing here holds up the run."""
    from acquire.run_file import reading_apart

    for path, points in reading_apart.cut_off_in(folder, LOOK_AROUND):
        with _whoever_listens(sys.stderr):
            message = f"{path} was cut off ({points} point{'' if points == 1 else 's'})"
            if not ask:
                say(sys.stderr, f"{message}; finish it with: acquire recover {_quoted(path)}")
                continue
            print(one_line(f"{message}. Finish it now? [Y/n] "), end="", file=sys.stderr, flush=True)
            if _is_yes(sys.stdin):
                _recover(path, sys.stderr)


def _told(result: RunResult, as_json: bool, *, stuck: bool) -> bool:
    """Say how a run ended, and never wait long for that; false when a stream takes nothing.

    ``stuck``: what the run was shown on takes nothing already.
    """
    error = Telling(partial(_print_error, result))
    if not error.done(STUCK_WORDS if stuck and as_json else LAST_WORDS) and MAY_BE_ON in result.error:
        let_terminal_go(sys.stderr)
        error.done(LAST_WORDS)
    shown = Telling(partial(_print_result, result, as_json))
    heard = error.done(0.0)
    if shown.done(STUCK_WORDS if stuck and not as_json else LAST_WORDS):
        return heard
    if heard:
        Telling(partial(_print_where, result)).done(LAST_WORDS)
    return False


def _print_error(result: RunResult) -> None:
    lines = [f"acquire: {result.error}"] if result.error else []
    lines += [f"acquire: {result.not_shown}"] if result.not_shown else []
    with _whoever_listens(sys.stderr):
        say(sys.stderr, *(part for line in lines for part in line.split("\n")))


def _print_where(result: RunResult) -> None:
    """Say where what standard output did not take is to be found."""
    with _whoever_listens(sys.stderr):
        say(sys.stderr, "acquire: standard output takes nothing; how the run ended:")
        if result.run is not None:
            say(sys.stderr, f"{_ending(result.run)}; see it with: acquire show {_quoted(result.run.path)}")


def _print_result(result: RunResult, as_json: bool) -> None:
    with _whoever_listens(sys.stdout):
        if result.run is not None:
            _print_run(result.run, as_json)
        elif as_json:
            status = "stopped" if result.interrupted else "failed"
            say_json(_without_a_run(result.error, status, result.unfinished))


@app.command()
def plan(sweep: SweepArgument, bench: BenchOption = None) -> None:
    """Show steps, duration and largest stress of a sweep; nothing is opened."""
    from acquire import session
    from acquire.config import ConfigurationError

    try:
        prepared = session.prepare(sweep, bench)
    except ConfigurationError as error:
        raise complain(error, USAGE) from error
    _print_plan(prepared.plan)
    for caution in prepared.loaded.cautions:
        say(sys.stdout, f"caution: {caution}")


@app.command()
def check(
    files: Annotated[list[Path], typer.Argument(help="configuration files", metavar="FILE.yaml ...")],
) -> None:
    """Check configuration files; all problems are shown at once."""
    from acquire.config import check_file

    wrong = False
    for file in files:
        checked = check_file(file)
        wrong = wrong or bool(checked.problems)
        say(sys.stderr, *checked.problems)
        say(sys.stderr, *(f"caution: {caution}" for caution in checked.cautions))
        if not checked.problems:
            say(sys.stdout, f"{file}: right")
    raise typer.Exit(USAGE if wrong else COMPLETED)


@app.command()
def show(run_file: RunArgument, as_json: JsonOption = False) -> None:
    """Show what was measured and the figures of merit."""
    from acquire.run_file import read as reading
    from acquire.run_file import reading_apart

    try:
        recorded = reading_apart.read_run(run_file)
    except reading.ArchiveError as error:
        raise complain(error, FAILED) from error
    if not as_json:
        _print_description(recorded)
    _print_run(recorded, as_json)
    _tell_damage(recorded)


@app.command()
def export(
    run_file: RunArgument,
    to: Annotated[Path | None, typer.Option("--to", help="folder; default: beside the run file", metavar="DIR")] = None,
) -> None:
    """Write CSV files: long name, unit and comment rows, then full-precision numbers; ready for Origin."""
    from acquire.run_file import export, reading_apart
    from acquire.run_file import read as reading

    try:
        recorded = reading_apart.read_run(run_file)
        written = export.export_csv(recorded, to or run_file.parent)
    except reading.ArchiveError as error:
        raise complain(error, FAILED) from error
    say(sys.stdout, *written)
    _tell_damage(recorded)


def _tell_damage(run: Run) -> None:
    """Say what the checksums of a file say against it.

    :raises typer.Exit: it is damaged.
    """
    if run.integrity.damaged:
        raise complain(f"{run.path}: {run.integrity}", FAILED)
    if not run.integrity.verifiable:
        complain(f"{run.path}: {run.integrity}", COMPLETED)


@app.command()
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
            unfinished = reading_apart.unfinished(reading.run_files_in(path))
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
    counted = f"{after.points} points, {len(after.spectra)} spectra"
    say(stream, f"{path}: {outcome}: {counted}, status {after.status}")
    if after.integrity.damaged:
        say(sys.stderr, f"{path}: {after.integrity}")
    return not after.integrity.damaged


@app.command()
def instruments(
    bench: Annotated[
        Path | None,
        typer.Option("--bench", help="bench file; without one, every address VISA can see", metavar="BENCH.yaml"),
    ] = None,
    as_json: JsonOption = False,
    probe_serial: Annotated[
        bool, typer.Option("--probe-serial", help="without a bench file: ask unknown serial ports too")
    ] = False,
) -> None:
    """Ask who answers, at what address, how fast, and what looks wrong; output and settings are left alone."""
    from acquire.bench import survey as asking
    from acquire.config import ConfigurationError, load_bench
    from drivers.errors import CannotConnect

    try:
        answers = asking.examine(load_bench(bench)) if bench else asking.survey(probe_serial=probe_serial)
    except ConfigurationError as error:
        raise complain(error, USAGE) from error
    except CannotConnect as error:
        raise complain([error, *asking.HOW_TO_GO_ON.splitlines()], FAILED) from error
    right = asking.all_right(answers)
    if as_json:
        say_json({"right": right, "instruments": [asking.as_json(answer) for answer in answers]})
    else:
        say(sys.stdout, *(line for answer in answers for line in asking.lines(answer)))
    if not any(answer.identity or answer.in_use for answer in answers):
        say(sys.stderr, *asking.HOW_TO_GO_ON.splitlines())
    raise typer.Exit(COMPLETED if right else FAILED)


@app.command()
def off(
    bench: Annotated[
        Path | None,
        typer.Option(
            "--bench", help="bench file; without one, every source VISA can see (not serial)", metavar="BENCH.yaml"
        ),
    ] = None,
) -> None:
    """Make the source safe now, whoever left it on: level 0, output off; it is asked afterwards."""
    from acquire.config import ConfigurationError, load_bench

    if bench is None:
        raise typer.Exit(_sources_off())
    try:
        loaded = load_bench(bench)
    except ConfigurationError as error:
        raise complain([*error.problems, f"nothing was sent to any instrument; {PRESS_OUTPUT}"], USAGE) from error
    from acquire.bench.opening import switch_off

    right = _is_switched_off(loaded.instruments.smu.resource, partial(switch_off, loaded))
    raise typer.Exit(COMPLETED if right else FAILED)


def _sources_off() -> int:
    """Switch off every source that VISA sees, and say so; the exit status."""
    from acquire.bench import survey as asking
    from acquire.bench.opening import switch_off_source
    from acquire.safety.off_first import SourceAddress
    from drivers import models
    from drivers.errors import CannotConnect
    from drivers.specification import SerialLine

    names = " and ".join(meter.name for _, meter in models.source_meters())
    say(sys.stderr, f"no bench file is named: looking for every {names} on GPIB, USB and the network")
    try:
        answers = asking.survey()
    except CannotConnect as error:
        raise complain([error, f"nothing was sent to any instrument; {PRESS_OUTPUT}"], FAILED) from error
    in_use = [
        f"{answer.resource}: {finding.what}" for answer in answers if answer.in_use for finding in answer.findings
    ]
    found = [SourceAddress(model, name, "", SerialLine()) for model, name in asking.sources(answers)]
    right = [_is_switched_off(source.resource, partial(switch_off_source, source)) for source in found]
    if in_use or not found:
        what = "" if found else f"no {names} was found, and none was switched off; "
        say(sys.stderr, *in_use, f"{what}name its bench: acquire off --bench BENCH.yaml; {PRESS_OUTPUT}")
    return COMPLETED if all(right) and found and not in_use else FAILED


def _is_switched_off(resource: str, switch_off: Callable[[], str]) -> bool:
    """Do it and say so; whatever goes wrong, the message is that the output may be on."""
    from threading import Timer

    from acquire.safety.interruption import StopRequest

    waiting = Timer(SILENCE, say, (sys.stderr, f"{resource} has not answered yet; trying on. Do {PRESS_OUTPUT}"))
    waiting.daemon = True
    waiting.start()
    try:
        with (
            StopRequest().listening()
        ):  # it takes some seconds at most: neither Ctrl-C nor a closed terminal cuts it short
            done = switch_off()
    except (Exception, KeyboardInterrupt) as error:
        waiting.cancel()
        lines = [f"{resource}: THE OUTPUT MAY STILL BE ON; {PRESS_OUTPUT}", _why(error)]
        with _whoever_listens(sys.stderr):
            say(sys.stderr, "!" * 72, *filter(None, lines), "!" * 72)
        if isinstance(error, KeyboardInterrupt):
            raise
        return False
    waiting.cancel()
    with _whoever_listens(sys.stdout):
        say(sys.stdout, *done.split("\n"))
    return True


def _why(error: BaseException) -> str:
    from drivers.errors import InstrumentError

    cause = error.__cause__ or error
    return str(cause) if isinstance(cause, InstrumentError) else f"{type(cause).__name__} {cause}".strip()


@app.command()
def simulate(
    bench: Annotated[
        Path | None,
        typer.Option("--bench", help="simulated bench; without one, the shipped one", metavar="BENCH.yaml"),
    ] = None,
    sweep: Annotated[
        Path | None, typer.Option("--sweep", help="connect the device of this sweep", metavar="SWEEP.yaml")
    ] = None,
    host: Annotated[str, typer.Option("--host", help="address to listen on")] = "127.0.0.1",
    port: Annotated[
        int, typer.Option("--port", help="TCP port of the first instrument; 0: any free ones", min=0, max=65533)
    ] = 0,
    no_pty: Annotated[bool, typer.Option("--no-pty", help="TCP only, no serial pseudo-terminals")] = False,
    write_bench: Annotated[
        Path | None,
        typer.Option("--write-bench", help="write a bench file with these ports", metavar="FILE"),
    ] = None,
    write_serial_bench: Annotated[
        Path | None,
        typer.Option("--write-serial-bench", help="the same with the serial ports", metavar="FILE"),
    ] = None,
    verbose: Annotated[bool, typer.Option("--verbose", help="show the traffic")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="one JSON object per instrument")] = False,
) -> None:
    """Serve the simulated bench in real time on TCP and serial ports, until Ctrl-C."""
    from contextlib import closing

    from acquire.bench import simulated as simulation
    from acquire.config import ConfigurationError
    from acquire.safety.interruption import StopRequest
    from drivers.simulated.serve import BenchServer

    if bench is None and sweep is None:
        bench = Path("configs/benches/simulated.yaml")
        if not bench.is_file():
            raise complain(f"there is no {bench} here; name a simulated bench with --bench", USAGE)
    try:
        path, options = simulation.simulated_bench_of_files(bench, sweep)
    except (ConfigurationError, ValueError) as error:
        raise complain(error, USAGE) from error
    watch = _print_traffic if verbose else None
    try:
        server = BenchServer(options, host=host, port=port, terminals=not no_pty, watch=watch)
    except OSError as error:
        raise complain(f"cannot listen on {host}, port {port or 'any'}: {error}", FAILED) from error
    with closing(server), StopRequest().listening() as stop:
        serial = {entry.role: entry.serial for entry in server.ports if entry.serial}
        _write_port_bench(write_bench, path, {entry.role: entry.tcp for entry in server.ports})
        _write_port_bench(write_serial_bench, path, serial)
        _print_ports(server.ports, as_json)
        server.run(stop)


def _write_port_bench(file: Path | None, bench: Path, resources: dict[str, str]) -> None:
    from acquire.bench.simulated import bench_file_on_ports
    from acquire.run_file.placing import write_over

    if file is None:
        return
    if not resources:
        raise complain(f"{file} was not written: there are no serial pseudo-terminals", FAILED)
    try:
        write_over(file, bench_file_on_ports(bench, resources).encode())
    except OSError as error:
        raise complain(f"{file} cannot be written: {error}", FAILED) from error


def _print_ports(ports: tuple[Port, ...], as_json: bool) -> None:
    for port in ports:
        with _whoever_listens(sys.stdout):
            if as_json:
                say_json({"role": port.role, "model": port.model, "tcp": port.tcp, "pty": port.serial})
            else:
                say(sys.stdout, f"{port.role:18}{port.model:15}{port.tcp:34}{port.serial or ''}")
    with _whoever_listens(sys.stderr):
        say(sys.stderr, "serving; Ctrl-C ends it")


def _print_traffic(time: float, role: str, to_instrument: bool, data: bytes) -> None:
    text = data.decode("latin-1").encode("unicode_escape").decode("ascii")
    with _whoever_listens(sys.stderr):
        say(sys.stderr, f"{time:10.4f} s  {role:18}{'>' if to_instrument else '<'} {text}")


def _without_a_run(reason: str, status: str, path: Path | None = None) -> dict[str, Any]:
    """The JSON object where there is no finished run to tell of."""
    return {
        "run_id": None,
        "path": None if path is None else str(path),
        "status": status,
        "stop_reason": reason,
        "figures_of_merit": {},
    }


def _print_run(run: Run, as_json: bool) -> None:
    if as_json:
        say_json(run.summary())
        return
    from acquire.cli import display

    if run.figures:
        table = display.figures_table(run.figures, f"{run.sample}: figures of merit")
        display.SpectatorConsole().print(table)
        say(sys.stdout, display.figures_line(run.figures, run.sample))
    say(sys.stdout, *(f"note: {note.text} (at {note.time:.1f} s)" for note in run.notes))
    say(sys.stdout, _ending(run), run.path)


def _ending(run: Run) -> str:
    """How a run ended and what there is of it, in a line."""
    reason = f" ({run.stop_reason})" if run.stop_reason else ""
    return f"{run.status}{reason}: {run.points} points, {len(run.spectra)} spectra"


def _print_description(run: Run) -> None:
    lines = [
        ("title", run.title),
        ("sample", run.sample),
        ("started", run.start_time),
        ("ended", run.end_time or "not finished: the run is going on, or was cut off (then: acquire recover)"),
        *run.instruments.items(),
        ("checksums", str(run.integrity)),
    ]
    say(sys.stdout, *(f"{name:>18}  {value}" for name, value in lines))


def _print_plan(plan: SweepPlan) -> None:
    from acquire.cli.display import clock_text, level_text

    for step in plan.steps:
        mark = "  spectrum" if step.spectrum else ""
        say(sys.stdout, f"{step.index + 1:5d}  {step.branch:8}  {level_text(step.level, plan.source_unit)}{mark}")
    say(sys.stdout, f"{len(plan.steps)} points, about {plan.time_per_point * 1e3:.0f} ms each")
    if plan.spectra.most:
        say(sys.stdout, f"at most {plan.spectra.most} spectra")
    say(sys.stdout, f"about {clock_text(plan.duration)} (h:)m:ss in all")
    stress = plan.stress
    say(sys.stdout, f"largest stress: {stress.voltage:g} V, {stress.current * 1e3:g} mA, {stress.power * 1e3:g} mW")
