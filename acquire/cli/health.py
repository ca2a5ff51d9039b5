"""The command that checks a bench against its own history."""

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
    from acquire.config import BenchFile
    from acquire.session import PreparedRun, RunResult
    from acquire.upkeep.health import BenchHealth

#: What is carried out where no recipe is named, in a folder that has it.
SHIPPED = Path("configs/sweeps/health.yaml")


def health(
    recipe: Annotated[
        Path | None,
        typer.Argument(help=f"sweep of a stable source or a known resistor; else {SHIPPED}", metavar="[SWEEP.yaml]"),
    ] = None,
    bench: BenchOption = None,
    history: Annotated[bool, typer.Option("--history", help="only show the history and its charts")] = False,
    accept: Annotated[
        str | None,
        typer.Option("--accept", help="what changed is known: begin anew, and record this reason", metavar="REASON"),
    ] = None,
    output: OutputOption = None,
    yes: YesOption = False,
    as_json: JsonOption = False,
    user: UserOption = None,
    remote: RemoteOption = "",
) -> None:
    """Check the bench: dark readings, a stable source or a known resistor, against all checks before."""
    from acquire import session
    from acquire.config import ConfigurationError, Said, load_bench
    from acquire.upkeep import health as checks

    if accept is not None and not accept.strip():
        raise complain("--accept: say what changed, like --accept 'lamp replaced'", USAGE)
    accept = accept or ""
    try:
        if history or (accept and recipe is None):
            one = session.prepare(recipe).loaded.bench if bench is None and recipe else load_bench(_named(bench))
            raise typer.Exit(_without_a_run(one, accept, as_json))
        prepared = session.prepare(_recipe(recipe), bench, [Said("--user", user)] if user else ())
        checks.require_suited(prepared)
        folder = session.run_folder(prepared, output)
    except ConfigurationError as error:
        if as_json:
            say_json({**results.without_a_run(str(error), "failed"), "health": None})
        raise complain(error, USAGE) from error
    _require_history(prepared.loaded.bench)
    if not (yes or remote):
        ask_before_output(_question(prepared), prepared.loaded.cautions)
    raise typer.Exit(_checked(prepared, folder, accept, as_json, remote))


def _recipe(recipe: Path | None) -> Path:
    if recipe is None and not SHIPPED.is_file():
        raise complain(f"there is no {SHIPPED} here; name a sweep: acquire health SWEEP.yaml", USAGE)
    return recipe or SHIPPED


def _named(bench: Path | None) -> Path:
    if bench is None:
        raise complain("whose history? Name the bench with --bench, or a sweep that names it", USAGE)
    return bench


def _require_history(bench: BenchFile) -> None:
    """See to it that the history can be read, before anything goes on.

    :raises typer.Exit: it cannot.
    """
    from acquire.upkeep.health import bench_health

    try:
        bench_health(bench)
    except OSError as error:
        raise complain(_unusable(error), FAILED) from error


def _unusable(error: OSError) -> str:
    return f"the history of checks cannot be used: {error.filename or ''}: {error.strerror or error}"


def _without_a_run(bench: BenchFile, accept: str, as_json: bool) -> int:
    """Show a history, after adding to it that a change is known; the exit status."""
    from acquire.upkeep.health import acceptance, bench_health, recorded

    try:
        found = recorded(bench, acceptance(accept)) if accept else bench_health(bench)
    except OSError as error:
        raise complain(_unusable(error), FAILED) from error
    with whoever_listens(sys.stdout):
        if as_json:
            say_json({"health": found.summary()})
        else:
            say(sys.stdout, *_history_lines(found), *_verdict(found))
    return _status(found)


def _status(found: BenchHealth) -> int:
    return COMPLETED if found.health.in_control else FAILED


def _question(prepared: PreparedRun) -> str:
    from acquire.cli.display import clock_text

    plan, sample = prepared.plan, prepared.loaded.sweep.sample
    stress = plan.stress
    there = "Is it in its place?" if sample.known_resistance else "Is it in its place and warm, the photodiode too?"
    return (
        f"{sample.name}: {plan.most_points} points, about {clock_text(plan.duration)} (h:)m:ss, at most "
        f"{stress.voltage:g} V, {stress.current * 1e3:g} mA. {there} Output on?"
    )


def _checked(prepared: PreparedRun, folder: Path, accept: str, as_json: bool, remote: str) -> int:
    """Carry a check out, record it and say what it says; the exit status."""
    from acquire import session
    from acquire.cli import display
    from acquire.cli.live.show import displayed
    from acquire.safety.interruption import StopRequest

    console = display.SpectatorConsole(stderr=as_json)
    with StopRequest(remote).listening() as stop:
        with displayed(console, prepared, stop) as spectator:
            result = session.run(prepared, folder, spectator, stop, waiting=waiting())
        found, why = _kept(prepared, result, accept)
        status = INTERRUPTED if result.interrupted else FAILED if found is None or result.failed else _status(found)
        beside = {"health": found.summary() if found else None}
        if not results.told(result, as_json, stuck=spectator.stuck, beside=beside):
            leave(status)
    if found is None:
        complain(f"acquire: no check was recorded: {why}", FAILED)
    elif accept and found.health.last and found.health.last.failure:
        complain("acquire: the check failed, so that nothing was accepted", FAILED)
    if found is None:
        return status
    if not as_json:
        with whoever_listens(sys.stdout):
            say(sys.stdout, *_quantity_lines(found), *_verdict(found))
    else:
        with whoever_listens(sys.stderr):
            say(sys.stderr, *_verdict(found))
    return status


def _kept(prepared: PreparedRun, result: RunResult, accept: str) -> tuple[BenchHealth | None, str]:
    """The history with the check that a run was, or why it was none."""
    from acquire.upkeep.health import acceptance, check_of, recorded

    if result.interrupted:
        return None, "the run was interrupted"
    error = (result.error or "the run failed") if result.failed else ""
    try:
        check = check_of(prepared, result.run, error)
        before = [acceptance(accept)] if accept and not check.failure else []
        return recorded(prepared.loaded.bench, *before, check), ""
    except OSError as problem:
        return None, _unusable(problem)


# --- what it says ------------------------------------------------------------------------------------------


def _quantity_lines(found: BenchHealth) -> list[str]:
    """The last check: each quantity, how far it is from those before, and how many there are."""
    from acquire.cli.health_chart import last_line

    charts, last = found.health.charts, found.health.last
    read = last.quantities if last and not last.failure else {}
    width = max(map(len, read), default=0)
    return [last_line(name, one, charts[name], width) for name, one in read.items() if name in charts]


def _history_lines(found: BenchHealth) -> list[str]:
    from acquire.cli.health_chart import chart_lines

    return [line for name, chart in found.health.charts.items() for line in chart_lines(name, chart)]


def _verdict(found: BenchHealth) -> list[str]:
    """Whether the bench is as it was, and where that stands."""
    health = found.health
    lines = [f"note: {remark}" for remark in (*found.history.remarks, *health.remarks)]
    if health.accepted:
        lines.append(f"accepted on {health.accepted.date[:16]} by {health.accepted.user}: {health.accepted.reason}")
    lines += [f"ALARM: {alarm.text}" for alarm in health.alarms]
    if health.last and health.last.failure:
        lines.append(f"FAILED: the check of {health.last.date[:16]}: {health.last.failure}")
    if health.alarms:
        lines.append("an alarm stays until: acquire health --accept 'WHAT CHANGED'")
    if health.in_control:
        lines.append("in control" if health.last else "no checks since the beginning, or since the last acceptance")
    return [*lines, str(found.history.path)]
