"""The command that sums up what a device has been through: charge, hours, largest levels, exposures, over its runs."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from acquire.cli.arguments import COMPLETED, FAILED, JsonOption
from acquire.cli.listing import USUAL_FOLDER, files_in
from acquire.cli.terminal import complain, how_many, say, say_json, whoever_listens

if TYPE_CHECKING:
    from acquire.run_file.ledger import Device, DeviceLedger


def ledger(
    device: Annotated[
        str | None,
        typer.Argument(help="its sample, or one of its run files; without it, or for a folder, all", metavar="DEVICE"),
    ] = None,
    folder: Annotated[
        Path | None,
        typer.Argument(
            help=f"folder of run files; default: that of the run file, else {USUAL_FOLDER}, else this one",
            metavar="FOLDER",
        ),
    ] = None,
    batch: Annotated[str | None, typer.Option("--batch", help="only of this batch", metavar="BATCH")] = None,
    pixel: Annotated[str | None, typer.Option("--pixel", help="only this pixel", metavar="PIXEL")] = None,
    recursive: Annotated[bool, typer.Option("--recursive", help="the folders in it too")] = False,
    as_json: JsonOption = False,
) -> None:
    """Sum up what devices went through: charge, hours under stress, largest voltage and current, exposures."""
    from acquire.run_file import reading_apart
    from acquire.run_file.ledger import ledgers
    from acquire.run_file.summary import RunSummary

    if device is not None and folder is None and (named := Path(device)).is_dir():
        device, folder = None, named
    place = folder or _usual(device)
    found = list(reading_apart.summaries_with_stress(files_in(place, recursive)))
    wanted = (device, batch, pixel)
    if device is not None and _is_run_file(device):
        wanted = _of_run_file(Path(device), found)
    runs = [one for _, one in found if isinstance(one, RunSummary)]
    unreadable = [(path, str(one)) for path, one in found if not isinstance(one, RunSummary)]
    chosen = [one for one in ledgers(runs) if _is_meant(one.device, wanted)]
    with whoever_listens(sys.stdout):
        if as_json:
            say_json(_plain(place, chosen, unreadable))
        else:
            for one in chosen:
                say(sys.stdout, *lines(one))
            for path, reason in unreadable:
                say(sys.stderr, f"left out: {path}: {reason.removeprefix(f'{path}: ')}")
    if not chosen:
        known = sorted({one.device.called for one in ledgers(runs)})
        there = f"; devices there: {'; '.join(known[:20])}" if known else ""
        raise complain(f"{place}: no run of {_named(wanted)}{there}", FAILED)
    raise typer.Exit(COMPLETED)


Wanted = tuple[str | None, str | None, str | None]


def _is_run_file(device: str | None) -> bool:
    return device is not None and device.endswith(".h5")


def _usual(device: str | None) -> Path:
    if device is not None and _is_run_file(device):
        return Path(device).parent
    return USUAL_FOLDER if USUAL_FOLDER.is_dir() else Path()


def _of_run_file(path: Path, found: Sequence[tuple[Path, Any]]) -> Wanted:
    """Sample, batch and pixel of a run file, one of those that were read or another one.

    :raises typer.Exit: it cannot be read.
    """
    from acquire.run_file import reading_apart
    from acquire.run_file.ledger import device_of
    from acquire.run_file.summary import RunSummary

    here = [answer for there, answer in found if there == path] or [one for _, one in reading_apart.summaries([path])]
    if not isinstance(here[0], RunSummary):
        raise complain(here[0], FAILED)
    return device_of(here[0])


def _is_meant(device: Device, wanted: Wanted) -> bool:
    return all(one is None or one == there for one, there in zip(wanted, device, strict=True))


def _named(wanted: Wanted) -> str:
    sample, batch, pixel = wanted
    parts = [sample or "any device", *(f"{word} {text}" for word, text in (("batch", batch), ("pixel", pixel)) if text)]
    return ", ".join(parts)


def lines(one: DeviceLedger) -> Iterator[str]:
    """A device for people: who, how often, and what came together."""
    from acquire.run_file.ledger import duration_text, largest_text, rounded

    stress, first, last = one.stress, one.runs[0].start_time[:10], one.runs[-1].start_time[:10]
    days = first if first == last else f"{first} to {last}"
    yield f"{one.device.called}: {how_many(len(one.runs), 'run')}, {days}"
    yield f"    charge             {rounded(stress.charge, 'C')}"
    yield f"    under stress       {duration_text(stress.time)}"
    yield f"    largest levels     {largest_text(stress)}"
    yield f"    exposures          {stress.exposures}, {duration_text(stress.exposure_time)}"
    if one.unfinished:
        states = ", ".join(f"{run.path.name} ({run.state})" for run in one.unfinished)
        yield f"    as far as it is    {states}"


def _plain(folder: Path, devices: Sequence[DeviceLedger], unreadable: Sequence[tuple[Path, str]]) -> dict[str, Any]:
    return {
        "folder": str(folder),
        "devices": [
            {
                **one.device._asdict(),
                **asdict(one.stress),
                "runs": [
                    {"path": str(run.path), "state": run.state, "stress": run.stress and asdict(run.stress)}
                    for run in one.runs
                ],
            }
            for one in devices
        ],
        "unreadable": [{"path": str(path), "reason": reason} for path, reason in unreadable],
    }
