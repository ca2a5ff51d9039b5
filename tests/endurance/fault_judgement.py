"""What is right after a run in which something went wrong: output, file, values, words and times."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from math import inf, isfinite, isnan, nan
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from acquire.records import DarkReading, ExposureSample, Note, Record, RepeatedReading, Spectrum
from drivers.simulated.faults import CLOSED_FOR, FOR_GOOD, FaultKind
from tests.endurance.fault_trial import (
    BUGS,
    DISK,
    GUARDIAN_DIES,
    GUARDIAN_SILENT,
    KILLED,
    LINK,
    LOGGED,
    MEMORY,
    NO_GUARDIAN,
    OF_THE_FILE,
    OF_THE_GUARDIAN,
    REPLACED,
    REQUESTS,
    Pair,
    Reference,
    Trial,
    energised,
    intruder,
    reference,
)
from tests.endurance.kill_table import came_down
from tests.support.recomputed import VISIBLE, Truth, columns, disagreements, unexplained

#: Longest virtual time of a run beyond what was planned, s: time-outs, a fresh session, cancelling a spectrum.
PATIENCE = 400.0
#: Longest time from the moment at which a fault can be known to the off message at the source, s.
SOON = 2.0
#: How long the faults of a logger may hold up a run whose points come every few seconds, s.
HELD_UP = 0.5
#: How far beyond its time a reply is overdue, s.
OVERDUE = 2.0

_OFF_BY_ITSELF = {
    FaultKind.INTERLOCK,
    FaultKind.OVER_TEMPERATURE,
    FaultKind.OUTPUT_KEY,
    FaultKind.POWER_CYCLE,
}
#: What changes what is at the terminals, or what is read there, without a word.
_CHANGES_THE_DEVICE = _OFF_BY_ITSELF | {
    FaultKind.SHORT_CIRCUIT,
    FaultKind.OPEN_CIRCUIT,
    FaultKind.GOES_TO_LOCAL,
}
#: The compliance of a 2400 after it was switched off and on, A.
_DEFAULT_COMPLIANCE = 105e-6
_COSTS_NO_RUN = {
    "a bug in the display",
    "out of memory in the display",
    GUARDIAN_DIES,
    GUARDIAN_SILENT,
    *(kind for kind in FaultKind if kind.startswith("meter")),
}
_OFF = re.compile(rb":?OUTP(UT)?(:STAT(E)?)?\s+(OFF|0)", re.IGNORECASE)
#: The faults whose times the table of times shows, with their names there.
TIMED = {
    (FaultKind.REPLY_LOST, FOR_GOOD): "no reply from then on",
    (FaultKind.REPLY_LOST, 1): "no reply once",
    (FaultKind.REPLY_GARBLED, 1): "garbage once",
    (FaultKind.LINK_CLOSED, 1): "link closed",
    (FaultKind.REPLY_LATE, FOR_GOOD): "replies 3 s late",
    (FaultKind.TRICKLE, FOR_GOOD): "replies trickle in",
    (FaultKind.NOISE, FOR_GOOD): "noise from then on",
}
#: What can be known when the reply is there that it befalls; everything else when a reply is overdue.
_SEEN_IN_REPLY = {
    FaultKind.REPLY_EMPTY,
    FaultKind.REPLY_GARBLED,
    FaultKind.REPLY_NOT_ASCII,
    FaultKind.REPLY_OVERFLOW,
    FaultKind.REPLY_NAN,
}


#: After these nothing that is sent to the source makes sense but what makes it safe.
_AT_ONCE = {
    *BUGS,
    *MEMORY,
    *DISK,
    *LINK,
    FaultKind.IO_ERROR,
    FaultKind.MESSAGE_LOST,
    FaultKind.HUNG,
    FaultKind.REPLY_LOST,
    FaultKind.REPLY_LATE,
    FaultKind.REPLY_GARBLED,
    KILLED,
}
#: How long it takes, in these sweeps, until the run looks for its file again, s.
UNTIL_NEXT_SYNC = 2.5


@dataclass
class Verdict:
    """How a pair ended (one of ``_ENDS``), and what was wrong with that.

    ``role``: the instrument that was spoken to; ``phase``: whether the output was on when the fault could be known, or
    would have been; ``off_after``: s from then to the off message at the source, NaN where none was due; ``longer``: s
    for which the output was on beyond the plan, NaN unless the run was completed.
    """

    pair: Pair
    ended: str
    output_unknown: bool = False
    wrong: list[str] = field(default_factory=list)
    role: str = ""
    phase: str = ""
    off_after: float = nan
    longer: float = nan


def judge(pair: Pair, folder: Path) -> Verdict:
    """Run a pair and look at what it left behind."""
    output = folder / "runs"
    shutil.rmtree(output, ignore_errors=True)
    trial = Trial(pair.sweep, pair, output)
    usual = reference(pair.sweep)
    trial.run()
    verdict = Verdict(pair, "not begun")
    if trial.result is None:
        verdict.wrong.append(f"{type(trial.error).__name__} escaped: {trial.error}")
    else:
        verdict.wrong += _ending(trial, verdict)
    verdict.wrong += (*_source(trial, verdict), *_file(trial, verdict), *_times(trial, verdict, usual))
    return verdict


def _ending(trial: Trial, verdict: Verdict) -> Iterator[str]:
    """The process goes on by itself, in bounded time, with one message of ours."""
    result, faults = trial.result, verdict.pair.faults
    assert result is not None
    if trial.bench.clock.now() > trial.prepared.plan.duration + PATIENCE:
        yield f"it took {trial.bench.clock.now():.0f} s"
    if result.run is None and not result.error:
        yield "there is neither a run nor a message"
    if "Traceback" in result.error or "VisaIOError" in result.error:
        yield f"a raw exception: {result.error}"
    if faults & set(DISK) and trial.refused and "disk" not in result.error:
        yield f"nothing was said of the disk: {result.error}"
    asked_to_stop = bool(trial.armed & set(REQUESTS))
    was_over = result.run is not None and result.run.status != "stopped"
    if result.interrupted != asked_to_stop and not (asked_to_stop and was_over):
        yield f"interrupted is {result.interrupted}"
    verdict.output_unknown = "MAY STILL BE ON" in result.error


# --- the output ---------------------------------------------------------------------------------------------


#: For good, these leave open whether the output is off: a reply that is late may be to another question.
_NO_ANSWER = (
    *LINK,
    FaultKind.TRICKLE,
    FaultKind.NOISE,
    FaultKind.REPLY_LOST,
    FaultKind.REPLY_GARBLED,
    FaultKind.REPLY_LATE,
)


def _unreachable(pair: Pair) -> bool:
    """Whether nothing that is sent arrives any more, or nothing comes back that could be trusted."""
    return any(
        fault.fault == FaultKind.SILENT or (fault.lasting == FOR_GOOD and fault.fault in _NO_ANSWER)
        for fault in pair.each
    )


def _deaf(pair: Pair) -> bool:
    """Whether nothing that is sent arrives any more."""
    return any(
        fault.fault == FaultKind.SILENT or (fault.lasting == FOR_GOOD and fault.fault in LINK) for fault in pair.each
    )


def _source(trial: Trial, verdict: Verdict) -> Iterator[str]:
    """By its own log the source is off, came down to zero before, and never went beyond the plan.

    A key pressed after the source's last answer is nobody's to see.
    """
    log, pair, plan = trial.smu.output_log, verdict.pair, trial.prepared.plan
    after_all = any(fault.fault == FaultKind.OUTPUT_KEY and fault.at >= trial.off_ends - 1 for fault in pair.each)
    if trial.smu.output_on and not after_all and not (_deaf(pair) and verdict.output_unknown):
        yield "the output is on"
    closed = FaultKind.LINK_CLOSED in pair.faults and not trial.smu.output_on
    if verdict.output_unknown and not (_unreachable(pair) or closed or pair.also):
        yield "the output could not be confirmed to be off"
    function = "VOLT" if plan.source_function == "voltage" else "CURR"
    for change in log:
        allowed = plan.largest_level if change.function == function else 0.0
        if change.output_on and abs(change.level) > allowed * (1 + 1e-9):
            yield f"{change.function} {change.level:g} was put out"
    yield from _ramp(trial, log)


def _ramp(trial: Trial, log: Sequence[Any]) -> Iterator[str]:
    """Whether the level came down to zero before the output went off, and not in one step."""
    pair = trial.pair
    assert pair is not None
    excused = (
        _deaf(pair)
        or pair.faults & _OFF_BY_ITSELF
        or any(fault.at + fault.lasting - 1 > trial.off_begins for fault in pair.each)
    )
    levels = [change.level for change in log if change.output_on]
    if excused or not levels:
        return
    if levels[-1] != 0.0:
        yield f"it was switched off at {levels[-1]:g}"
    if pair.fault == KILLED and len(levels) > 1 and not trial.prepared.plan.hardware_timed:
        largest = trial.prepared.plan.largest_level
        if not came_down(log, largest):
            yield f"it came down in one step from {levels[-2]:g}"


# --- the file -----------------------------------------------------------------------------------------------


def _file(trial: Trial, verdict: Verdict) -> Iterator[str]:
    """The file opens, says how the run ended, and has everything that was reported, and it is true."""
    files = sorted(trial.attempt.output.iterdir()) if trial.attempt.output.exists() else []
    if trial.watch.acted:
        files = [path for path in files if not path.name.endswith(".guardian.log")]
    if not files:
        if trial.attempt.events:
            yield "there is no file of what was reported"
        if any(change.output_on for change in trial.smu.output_log) and FaultKind.OUTPUT_KEY not in verdict.pair.faults:
            yield "the output was on without a file"
        return
    if verdict.pair.faults & set(OF_THE_FILE):
        yield from _files_after_one_was_lost(trial, verdict, files)
        return
    if len(files) > 1 or files[0].suffix != ".h5":
        yield f"left behind: {', '.join(path.name for path in files)}"
        return
    yield from _run_file(trial, verdict, files[0])


def _files_after_one_was_lost(trial: Trial, verdict: Verdict, files: Sequence[Path]) -> Iterator[str]:
    """The loss is told, nobody else's file is touched or shown, and what is known stands under another name."""
    result, lost = trial.result, not trial.refused
    assert result is not None
    if lost and not result.error:
        yield "nothing was said of the file"
    own = [path for path in files if path.suffix == ".h5" and _has_what_was_reported(path, trial)]
    if REPLACED in verdict.pair.faults:
        if not any(path.read_bytes() == intruder() for path in files):
            yield "the file of another run was changed"
        if result.run is not None and result.run.path not in own:
            yield "the figures of another run were shown"
    if not own:
        yield f"what was reported is in none of {', '.join(path.name for path in files)}"
        return
    yield from _run_file(trial, verdict, next((path for path in own if _is_finished(path)), own[-1]))


def _is_finished(path: Path) -> bool:
    with h5py.File(path) as file:
        return "recording" not in file["entry"]


def _has_what_was_reported(path: Path, trial: Trial) -> bool:
    try:
        with h5py.File(path) as file:
            return path.read_bytes() != intruder() and not list(_reported(trial, file["entry"]))
    except (OSError, KeyError):
        return False


def _run_file(trial: Trial, verdict: Verdict, path: Path) -> Iterator[str]:
    faults = verdict.pair.faults
    with h5py.File(path) as file:
        entry = file["entry"]
        status, reason = entry["status"][()].decode(), entry["stop_reason"][()].decode()
        verdict.ended = status
        disk_gone = bool(faults & set(DISK)) and trial.result is not None and trial.result.unfinished is not None
        if status == "running" and not disk_gone:
            yield "the file says that the run goes on"
        if "recording" in entry and not disk_gone:
            yield "the file is not finished"
        yield from _status(trial, status, reason)
        yield from _told(trial, reason, entry)
        yield from _reported(trial, entry)
        if "recording" in entry:
            return
        table = _table_of_points(trial)
        jvl = columns(entry[table if table in entry else "jvl"])
        if status == "completed":
            yield from _complete(trial, entry, jvl)
        yield from unexplained(jvl)
        yield from _true(trial, entry, jvl)
        if not any(b"the final evaluation failed" in text for text in entry["notes/text"][()]):
            yield from disagreements(entry)
        elif not faults & {"a bug in the final evaluation", "out of memory in the final evaluation"}:
            yield "the final evaluation failed"


def _status(trial: Trial, status: str, reason: str) -> Iterator[str]:
    """Whether the run ended as it must after this fault, and says why."""
    assert trial.pair is not None
    pair, result = trial.pair, trial.result
    if status in ("stopped", "failed") and not reason:
        yield f"{status} without a reason"
    if status == "failed" and result is not None and not result.error:
        yield "failed without a message"
    if pair.also is not None:
        return
    refused = "Nothing was switched on" in reason  # a guardian that is lost before the output goes on
    if status != "completed" and (pair.fault in _COSTS_NO_RUN or pair.sweep == LOGGED) and not refused:
        yield f"the run {status} for it: {reason}"
    if status == "stopped" and pair.fault not in REQUESTS:
        yield f"stopped, which nobody asked for: {reason}"
    if status == "failed" and pair.fault in REQUESTS:
        yield f"failed for a request to stop: {reason}"
    if status == "stopped" and pair.fault in REQUESTS and REQUESTS[pair.fault].reason not in reason:
        yield f"stopped, but not for {pair.fault}: {reason}"
    words = {KILLED: "ended before the run did", NO_GUARDIAN: "guardian"}
    wanted = (
        "ZeroDivisionError" if pair.fault in BUGS else "memory" if pair.fault in MEMORY else words.get(pair.fault, "")
    )
    if status == "failed" and wanted.lower() not in reason.lower():
        yield f"failed, but not for {pair.fault}: {reason}"
    # a time-out at once is as if nothing had come yet: what is said is what is missing in the end
    if status == "failed" and pair.fault in LINK and pair.fault not in (FaultKind.ALL_LINKS_LOST, FaultKind.TIMEOUT):
        resource = trial.operations[pair.at - 1].resource
        if resource not in reason:
            yield f"failed, but not for the link to {resource}: {reason}"


def _no_current(entry: Any) -> bool:
    """Whether the device was open at every point that was driven."""
    jvl = columns(entry["lifetime" if "lifetime" in entry else "jvl"])
    driven = jvl["current"][jvl["source_level"] != 0.0]
    return bool(driven.size) and bool((np.abs(driven) < 2e-6).all())


def _told(trial: Trial, reason: str, entry: Any) -> Iterator[str]:
    """Whether what an instrument knew of the fault while the output was on is in the file."""
    assert trial.pair is not None
    fault, at = trial.pair.fault, trial.pair.at
    if trial.pair.also is not None or at > len(trial.operations) or not trial.operations[at - 1].output_on:
        return
    if fault not in (FaultKind.ERROR_QUEUED, FaultKind.DMM_ERROR_QUEUED) and at > trial.off_begins:
        return
    words: dict[str, str] = {
        FaultKind.ERROR_QUEUED: "-222",
        FaultKind.DMM_ERROR_QUEUED: "-363",
        FaultKind.OPEN_CIRCUIT: "current flowed" if _no_current(entry) else "",
    }
    word = "guardian" if fault in OF_THE_GUARDIAN else words.get(fault)
    if word and word not in reason + b" ".join(entry["notes/text"][()]).decode():
        yield f"nothing was said of it: {word}"


def _table_of_points(trial: Trial) -> str:
    """Where the points of a run are rows."""
    return "jvl" if trial.prepared.plan.course is None else "lifetime"


def _reported(trial: Trial, entry: Any) -> Iterator[str]:
    """Whether everything that was reported is in the file as it was reported."""
    for kind, table, names in (
        (Record, _table_of_points(trial), ("source_level", "voltage", "current", "photodiode_signal", "time")),
        (DarkReading, "dark", ("voltage", "current", "photodiode_signal", "time", "after")),
        (RepeatedReading, "repeated", ("point_index", "voltage", "current", "photodiode_signal", "time")),
        (ExposureSample, "exposure_samples", ("voltage", "current", "photodiode_signal", "time", "spectrum_index")),
        (Spectrum, "spectra", ("point_index", "start", "stop", "luminance", "spectral_radiance")),
        (Note, "notes", ("time",)),
    ):
        events = [event for event in trial.attempt.events if isinstance(event, kind)]
        rows = [getattr(event, "reading", event) for event in events]
        if table == "lifetime" and table not in entry:  # laid out when the file is finished, and only where it has rows
            if rows and "recording" not in entry:
                yield f"no table has the {len(rows)} points that were reported"
            continue
        first = trial.before.get(table, 0)
        for name in names:
            written = entry[table][name][first : first + len(rows)]
            reported = np.array([getattr(row, name) for row in rows], dtype=float)
            if written.shape[0] != len(rows) or not np.array_equal(written, reported.reshape(written.shape), True):
                yield f"{name} of {table}: of what was reported ({reported}) the file has {written}"
    texts = {text.decode() for text in entry["notes/text"][()]}
    for event in trial.attempt.events:
        if isinstance(event, Note) and not any(text and event.text.startswith(text) for text in texts):
            yield f"the note is lost: {event.text}"


def _complete(trial: Trial, entry: Any, jvl: Any) -> Iterator[str]:
    """Whether everything that was planned is there."""
    plan = trial.prepared.plan
    if plan.course is None:
        planned = [(step.level, str(step.branch).encode()) for step in plan.steps]
        found = list(zip(jvl["source_level"].tolist(), jvl["branch"].tolist(), strict=True))
        if found != planned:
            yield f"completed with {len(found)} of {len(planned)} points, at the levels {[level for level, _ in found]}"
    elif not jvl["stress_time"][-1] >= plan.course.duration(0.0) - 0.1:
        yield f"completed after {jvl['stress_time'][-1]:g} s under stress"
    after = entry["dark/after"][()].tolist()
    if after != [0] * (plan.dark.readings_before + trial.before.get("dark", 0)) + [1] * plan.dark.readings_after:
        yield f"completed with the dark readings {after}"
    due = [step.index for step in plan.steps if step.spectrum]
    taken = entry["spectra/point_index"][()].tolist()
    notes = b" ".join(entry["notes/text"][()])
    if taken != due and notes.count(b"no spectrum at") != len(set(due) - set(taken)):
        yield f"completed with spectra at {taken}, planned {due}, and no note on it"
    assert trial.pair is not None
    once = all(fault.lasting == 1 for fault in trial.pair.each)
    missing = np.isnan(jvl["voltage"] + jvl["current"] + jvl["photodiode_signal"]).sum()
    if once and trial.pair.also is None and missing > 1 and not plan.hardware_timed:  # there it is all one reply
        yield f"numbers are missing at {missing} points"


# --- values against the device ------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Row:
    """A reading of a table: at one of these levels; how many of its kind came since the fault, or before it (< 0)."""

    what: str
    levels: tuple[float, ...]
    values: dict[str, float]
    since: float


def _true(trial: Trial, entry: Any, jvl: Any) -> Iterator[str]:
    """Whether what was read is what the device was at that level."""
    pair, plan = trial.pair, trial.prepared.plan
    assert pair is not None
    changed = bool(pair.faults & _CHANGES_THE_DEVICE)
    limits = plan.compliance, _DEFAULT_COMPLIANCE
    others = [Truth(trial.bench.fixture, plan.source_function, limit) for limit in limits]
    for row in _rows(trial, entry, jvl):
        if FaultKind.REPLY_OF_BEFORE in pair.faults and 0 <= row.since <= 1:
            continue  # the one reading that was replaced by an older one: nobody can tell
        seen = [trial.truth.at(level) for level in row.levels]
        if changed and row.since >= 0:
            levels = (*row.levels, 0.0)
            seen += [one for other in others for one in (*map(other.at, levels), other.off())]
        for name, value in row.values.items():
            if isfinite(value) and all(trial.truth.differs(name, value, one) for one in seen):
                yield f"{name} of {row.what} is {value:.6g}, but was {getattr(seen[0], name):.6g}"
    yield from _true_spectra(trial, entry, changed=changed)


def _rows(trial: Trial, entry: Any, jvl: Any) -> Iterator[_Row]:
    plan, dark, samples = trial.prepared.plan, columns(entry["dark"]), columns(entry["exposure_samples"])
    lit = tuple(step.level for step in plan.steps if step.spectrum)
    for what, table, levels, kind in (
        ("point", jvl, [(level,) for level in jvl["source_level"].tolist()], Record),
        ("dark reading", dark, [(plan.dark.step.level,) for _ in dark["time"]], DarkReading),
        ("exposure sample", samples, [lit for _ in samples["time"]], ExposureSample),
    ):
        before = trial.began.reported.get(kind.__name__, 0) if trial.began.operation else inf
        before += trial.before.get({Record: "lifetime", DarkReading: "dark"}.get(kind, ""), 0)
        if kind is Record and plan.hardware_timed:
            before = 0  # they are reported when all are there
        for row, at in enumerate(levels):
            values = {name: float(table[name][row]) for name in ("voltage", "current", "photodiode_signal")}
            yield _Row(f"{what} {row}", at, values, row - before)


def _true_spectra(trial: Trial, entry: Any, *, changed: bool) -> Iterator[str]:
    levels = [step.level for step in trial.prepared.plan.steps]
    for point, radiance in zip(entry["spectra/point_index"][()], entry["spectra/spectral_radiance"][()], strict=True):
        true = trial.truth.at(levels[point]).radiance
        share = float(radiance @ VISIBLE / (true @ VISIBLE)) if true.any() else nan
        if not changed and not abs(share - 1) < 0.03:
            yield f"the spectrum of point {point} has {share:.3f} times the light there was"


# --- times --------------------------------------------------------------------------------------------------


def _known(trial: Trial, usual: Reference) -> tuple[float, int]:
    """When a fault can be known at the latest (s), and the operation before whose end that is; NaN: never.

    A reply that is missing, from the moment at which it would have come in a run without a fault.
    """
    pair = trial.pair
    assert pair is not None
    if pair.fault in REQUESTS:
        return trial.began.time, trial.began.operation
    if pair.fault == KILLED and pair.also is not None:
        closed_for = CLOSED_FOR if pair.also.fault == FaultKind.LINK_CLOSED else 0.0
        return trial.struck.time + closed_for, trial.struck.operation
    if not trial.happened.began:
        return trial.struck.time, trial.struck.operation
    resource = trial.operations[pair.at - 1].resource if pair.at <= len(trial.operations) else ""
    if pair.fault in (*LINK, FaultKind.IO_ERROR):
        closed_for = CLOSED_FOR if pair.fault == FaultKind.LINK_CLOSED and resource == trial.source else 0.0
        return trial.began.time + closed_for, pair.at
    reply = usual.awaited(resource, pair.at)
    if reply is None:
        return nan, 0
    return reply.time + (0.0 if pair.fault in _SEEN_IN_REPLY else OVERDUE), reply.operation


def _times(trial: Trial, verdict: Verdict, usual: Reference) -> Iterator[str]:
    """Whether the first message to the source made it safe, and soon enough."""
    pair = verdict.pair
    if (pair.also is not None and pair.fault != KILLED) or _deaf(pair) or pair.fault in _OFF_BY_ITSELF:
        return
    moment, operation = _known(trial, usual)
    resource = trial.operations[pair.at - 1].resource if pair.at <= len(trial.operations) else ""
    verdict.role = "guardian" if pair.fault == KILLED else trial.role(resource)
    if isnan(moment) or operation < 1 or not usual.operations[min(operation, len(usual.operations)) - 1].output_on:
        verdict.phase = "output off"
        return
    verdict.phase = "output on"
    if verdict.ended == "completed":
        lit = energised(trial.smu.output_log)
        verdict.longer = max(0.0, lit[1] - lit[0] - usual.time_at_levels)
        if pair.sweep == LOGGED and verdict.longer > HELD_UP:
            yield f"a logger held the run up for {verdict.longer:.1f} s"
        return
    messages = [message for message in trial.heard if message.operation > operation]
    off_message = next((message for message in messages if _OFF.search(message.data)), None)
    verdict.off_after = off_message.time - moment if off_message else inf
    soon = SOON + (UNTIL_NEXT_SYNC if pair.fault in OF_THE_FILE else 0.0)
    if verdict.off_after > soon:
        yield f"off {verdict.off_after:.1f} s after it could be known"
    if pair.fault in _AT_ONCE:
        # the source is read on while another instrument is waited for
        reading = b":READ?" if resource != trial.source and trial.happened.began else b"nothing"
        after = [message.data for message in messages if message.time >= moment]
        text = b";".join(data for data in after if reading not in data)
        found = _OFF.search(text)
        question = text[: found.start() if found else None].split(b"?")
        if verdict.off_after >= 0.0 and len(question) > 1:
            yield f"asked before it was off: {question[0].decode(errors='replace').split(';')[-1]}?"
