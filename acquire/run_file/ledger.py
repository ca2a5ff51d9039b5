"""What devices have been through over all their runs: from the run files of a folder, by sample, batch and pixel."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from acquire.evaluation.device_stress import Stress, total
from acquire.run_file.in_words import amount
from acquire.run_file.read import ArchiveError, Run, hdf5_files_in, read_run
from acquire.run_file.stress import stress_of
from acquire.run_file.summary import RunSummary, read_summary

#: How long the folder of a run is searched for earlier runs of its device, s.
SEARCH = 2.0


class Device(NamedTuple):
    """One device: its sample, batch and pixel as its sweep files have them."""

    sample: str
    batch: str = ""
    pixel: str = ""

    @property
    def called(self) -> str:
        """The device for people."""
        parts = (f"{word} {text}" for word, text in (("batch", self.batch), ("pixel", self.pixel)) if text)
        return ", ".join([self.sample, *parts])


def device_of(run: RunSummary | Run) -> Device:
    """The device that was measured."""
    if isinstance(run, RunSummary):
        return Device(run.sample, run.batch, run.pixel)
    return Device(run.sample, *(str(run.sample_fields.get(name) or "") for name in ("batch", "pixel")))


@dataclass(frozen=True)
class DeviceLedger:
    """A device and its runs, the oldest first; each has its stress, as far as it was recorded."""

    device: Device
    runs: tuple[RunSummary, ...]

    @property
    def stress(self) -> Stress:
        """The stress that they come to."""
        return total(run.stress for run in self.runs if run.stress is not None)

    @property
    def unfinished(self) -> tuple[RunSummary, ...]:
        """The runs that go on, or were cut off: counted as far as they are."""
        return tuple(run for run in self.runs if not run.finished)


def summary_with_stress(path: Path) -> RunSummary:
    """The summary of a run file, with its stress: from its rows where the file does not state it.

    :raises ArchiveError: as :func:`acquire.run_file.read.read_run`.
    """
    found = read_summary(path)
    return found if found.stress is not None else replace(found, stress=stress_of(read_run(path)))


def ledgers(runs: Iterable[RunSummary]) -> list[DeviceLedger]:
    """The devices of some runs, by name; a run that lies there twice counts once."""
    known: dict[Device, dict[str, RunSummary]] = {}
    for run in runs:
        known.setdefault(device_of(run), {})[run.run_id or str(run.path)] = run
    return [
        DeviceLedger(device, tuple(sorted(found.values(), key=lambda run: _moment(run.start_time))))
        for device, found in sorted(known.items())
    ]


def _moment(start_time: str) -> float:
    """A start for sorting, s; -inf where it is not known."""
    try:
        return datetime.fromisoformat(start_time).timestamp()
    except (ValueError, OverflowError, OSError):
        return float("-inf")


# --- before a run --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Earlier:
    """What a device went through before a run, by the other files of its folder.

    ``unreadable``: how many of them nobody could read; ``whole``: whether there was time to look at all of them.
    """

    stress: Stress
    runs: int
    unreadable: int = 0
    whole: bool = True

    @property
    def text(self) -> str:
        """The text for people."""
        count = f"{self.runs or 'no'} earlier run{'' if self.runs <= 1 else 's'} of this device in its folder"
        found = f"{count}: {stress_text(self.stress)}" if self.runs else count
        files = f"{self.unreadable} file{'' if self.unreadable == 1 else 's'}"
        bad = f"; {files} there cannot be read" if self.unreadable else ""
        return found + bad + ("" if self.whole else "; not all files were looked at: acquire ledger")


def earlier_stress(run: Run, patience: float = SEARCH) -> Earlier:
    """What the device of a run went through before it, looking at the files of its folder for ``patience`` s."""
    try:
        paths = [path for path in hdf5_files_in(run.path.parent) if path.name != run.path.name]
    except OSError:
        return Earlier(Stress(), 0, whole=False)
    until, found, unreadable = time.monotonic() + patience, list[RunSummary](), 0
    device, begun = device_of(run), _moment(run.start_time)
    for place, path in enumerate(paths):
        if time.monotonic() > until:
            return _earlier(found, unreadable, whole=place == len(paths))
        try:
            summary = _summary(path, path.stat().st_mtime_ns)
            if device_of(summary) == device and _moment(summary.start_time) < begun and summary.run_id != run.run_id:
                found.append(summary if summary.stress is not None else summary_with_stress(path))
        except (ArchiveError, OSError):
            unreadable += 1
    return _earlier(found, unreadable, whole=True)


@lru_cache(maxsize=1000)
def _summary(path: Path, _: int) -> RunSummary:
    """The summary of a file as it was at a moment: a report asks for those of one folder again and again."""
    return read_summary(path)


def _earlier(found: Sequence[RunSummary], unreadable: int, *, whole: bool) -> Earlier:
    runs = {run.run_id: run for run in found}.values()
    return Earlier(total(run.stress for run in runs if run.stress is not None), len(runs), unreadable, whole)


# --- in words ------------------------------------------------------------------------------------------------


def stress_text(stress: Stress) -> str:
    """A stress on one line: ``0.21 mC in 5.2 s, at most 8 V and 2.6 mA, 3 spectra (12 s)``."""
    exposures = f"{stress.exposures} spectr{'um' if stress.exposures == 1 else 'a'}"
    seconds = f" ({duration_text(stress.exposure_time)})" if stress.exposures else ""
    charge, largest = rounded(stress.charge, "C"), largest_text(stress)
    return f"{charge} in {duration_text(stress.time)}, at most {largest}, {exposures}{seconds}"


def largest_text(stress: Stress) -> str:
    """The largest voltage and current of a stress: ``8 V and 2.62 mA``."""
    return f"{rounded(stress.voltage, 'V')} and {rounded(stress.current, 'A')}"


def rounded(value: float, unit: str) -> str:
    """An amount with three digits."""
    return amount(float(f"{value:.3g}"), unit)


def duration_text(seconds: float) -> str:
    """A duration in s, min or h."""
    for unit, length in (("h", 3600.0), ("min", 60.0)):
        if seconds >= 2 * length:
            return f"{float(f'{seconds / length:.3g}'):.10g} {unit}"
    return f"{float(f'{seconds:.3g}'):.10g} s"
