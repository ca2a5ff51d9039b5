"""The commands that speak to instruments without a sweep: who answers, and the source off."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from acquire.cli.arguments import COMPLETED, FAILED, USAGE, JsonOption
from acquire.cli.terminal import complain, say, say_json, whoever_listens

PRESS_OUTPUT = "press OUTPUT on the instrument"

SILENCE = 1.5  # s without an answer until that is said


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
        with whoever_listens(sys.stderr):
            say(sys.stderr, "!" * 72, *filter(None, lines), "!" * 72)
        if isinstance(error, KeyboardInterrupt):
            raise
        return False
    waiting.cancel()
    with whoever_listens(sys.stdout):
        say(sys.stdout, *done.split("\n"))
    return True


def _why(error: BaseException) -> str:
    from drivers.errors import InstrumentError

    cause = error.__cause__ or error
    return str(cause) if isinstance(cause, InstrumentError) else f"{type(cause).__name__} {cause}".strip()
