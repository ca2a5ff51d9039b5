"""A run in short: the attribute ``summary`` of the root of a run file, read without opening anything else of it.

It is JSON, below 64 kB, written when a file is finished and again whenever something is added to it, with a checksum
beside it; numbers in SI, null for one that is missing. What it says, the file says in full: a file without one (made
before there was one, unfinished) or with a damaged one gives the same from its parts.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from math import ceil, isfinite, isnan, log10, nan
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import numpy as np
import numpy.typing as npt

from acquire.evaluation.device_stress import UNITS, Stress
from acquire.evaluation.figure import Figure
from acquire.records import Branch, Severity, of_sweep
from acquire.run_file.checksums import checked_text, right_text, write_checked_text
from acquire.run_file.figures_group import figure_in
from acquire.run_file.figures_group import text as _text
from acquire.run_file.hdf5 import plain_member, read_array, root_texts
from acquire.run_file.layout import FORMAT_VERSION, storable, version_in
from acquire.run_file.placing import locked_alone
from acquire.run_file.read import (
    LONGEST_CONFIGURATION,
    SUMMARY,
    ArchiveError,
    Run,
    _file,
    _sample_field,
    parsed,
    refuse_what_is_no_file,
)
from acquire.run_file.remarks import RemarkKind, read_remarks, standing
from acquire.run_file.stress_group import read_stress

MOST_BYTES = 64_000  # of the text; HDF5 gives an attribute 64 kB
_SHORTER = (1000, 300, 100, 30)  # characters of a text, and a tenth as many comments, until it fits


@dataclass(frozen=True)
class RunSummary:
    """What a list of runs says of each; texts empty and numbers NaN where the file has none.

    ``emissive_area`` m^2; ``first_level`` and ``last_level`` of the sweep as planned and ``reached_level``, the last
    one that was read, in ``source_unit`` (V or A). ``figures`` in SI, each with value, unit, uncertainty and status.
    ``findings``: their codes by severity. ``finished``: whether the file was; ``held``: whether a program has an
    unfinished one open, above all a run that goes on. A text that was too long ends with an ellipsis.
    """

    path: Path
    run_id: str
    title: str
    sample: str
    pixel: str
    batch: str
    group: str
    structure: str
    user: str
    start_time: str
    end_time: str
    status: str
    stop_reason: str
    points: int
    planned_points: int
    spectra: int
    emissive_area: float
    source_unit: str
    first_level: float
    last_level: float
    reached_level: float
    figures: Mapping[str, Figure] = field(default_factory=dict)
    findings: Mapping[Severity, tuple[str, ...]] = field(default_factory=dict)
    stress: Stress | None = None
    tags: tuple[str, ...] = ()
    comments: tuple[str, ...] = ()
    finished: bool = True
    held: bool = False

    @property
    def tag(self) -> str:
        """The tags as one text."""
        return ", ".join(self.tags)

    @property
    def state(self) -> str:
        """How the run stands: its status, or ``cut off`` where the file was not finished and nobody writes it."""
        return self.status if self.finished else "running" if self.held else "cut off"

    @property
    def gravest(self) -> Severity | None:
        """The gravest severity of all findings, None without any."""
        return max((one for one, codes in self.findings.items() if codes), key=list(Severity).index, default=None)

    def plain(self) -> dict[str, Any]:
        """The summary as a JSON object."""
        values = {one.name: getattr(self, one.name) for one in fields(self) if one.name not in _BY_THEMSELVES}
        return {
            **{name: _or_none(value) if isinstance(value, float) else value for name, value in values.items()},
            "figures": {name: _plain_figure(figure) for name, figure in self.figures.items()},
            "findings": {str(severity): list(codes) for severity, codes in self.findings.items()},
            "stress": None if self.stress is None else asdict(self.stress),
            "tags": list(self.tags),
            "comments": list(self.comments),
        }


_BY_THEMSELVES = ("path", "figures", "findings", "stress", "tags", "comments", "finished", "held")


def _or_none(value: float) -> float | None:
    return value if isfinite(value) else None


def _plain_figure(figure: Figure) -> dict[str, Any]:
    return {
        "value": _or_none(figure.value),
        "unit": figure.unit,
        "uncertainty": _or_none(figure.uncertainty),
        "status": figure.status,
    }


# --- made ----------------------------------------------------------------------------------------------------


def summary_of(run: Run) -> RunSummary:
    """The summary of a run that was read, or is about to be written."""
    return RunSummary(
        path=run.path,
        run_id=run.run_id,
        title=run.title,
        user=run.user,
        start_time=run.start_time,
        end_time=run.end_time,
        status=str(run.status),
        stop_reason=run.stop_reason,
        points=int(of_sweep(run.tables["jvl"]["branch"]).sum()) + run.rows.get("lifetime", 0),
        spectra=len(run.tables["spectra"]["start"]),
        source_unit=run.source_unit,
        reached_level=_last(run.tables["jvl"]["source_level"][of_sweep(run.tables["jvl"]["branch"])]),
        **_of_sample(run.sample_fields),
        **_planned(run.configuration, run.tables["jvl"]["branch"]),
        figures={name: _in_short(figure) for name, figure in run.figures.items()},
        findings=_by_severity((one.severity, one.code) for one in run.findings),
        stress=run.stress,
        tags=run.tags,
        comments=run.comments,
        finished=run.finished,
    )


def _last(levels: np.ndarray[Any, Any]) -> float:
    """The last level that is known; a damaged row has none."""
    known = levels[np.isfinite(levels)]
    return float(known[-1]) if known.size else nan


def _in_short(figure: Figure) -> Figure:
    return Figure(figure.value, figure.unit, figure.status, uncertainty=figure.uncertainty)


def _of_sample(sample: Mapping[str, str | float]) -> dict[str, Any]:
    texts = {name: str(sample.get(name, "")) for name in ("pixel", "batch", "group", "structure")}
    area = sample.get("emissive_area", nan)
    return {"sample": str(sample.get("name", "")), **texts, "emissive_area": area if isinstance(area, float) else nan}


def _by_severity(found: Iterable[tuple[Severity, str]]) -> dict[Severity, tuple[str, ...]]:
    codes: dict[Severity, tuple[str, ...]] = {}
    for severity, code in found:
        codes[severity] = (*codes.get(severity, ()), code)
    return codes


def _planned(configuration: Mapping[str, Any], branch: npt.NDArray[np.bytes_]) -> dict[str, Any]:
    """How many points were planned, 0 where that is not known (of a lifetime), from which level to which.

    ``branch`` (n,) of each point: of levels that were set by hand none was planned.
    """
    nothing = {"planned_points": 0, "first_level": nan, "last_level": nan}
    try:
        source = configuration["sweep"]["source"]
        (start, stop, levels), there = _branch(source), source["direction"] == "reverse"
        if source.get("both_polarities"):
            levels = 2 * levels + (start != 0.0)  # through 0
        number = levels * (2 if source["direction"] == "both" else 1) * int(source.get("cycles", 1))
    except (KeyError, TypeError, ValueError, OverflowError):
        return nothing
    first, last = (stop, start) if there else (start, stop)
    if configuration["sweep"].get("lifetime") or (branch == Branch.BY_HAND.encode()).any():
        number = 0
    return {"planned_points": number, "first_level": first, "last_level": last}


def _branch(source: Mapping[str, Any]) -> tuple[float, float, int]:
    """First and last level of a branch, and how many there are."""
    if levels := source.get("levels"):
        return float(levels[0]), float(levels[-1]), len(levels)
    number, first, last = 0, nan, nan
    for part in source.get("stretches") or [source]:
        start, stop = float(last if part["start"] is None else part["start"]), float(part["stop"])
        number += _levels(start, stop, part) - (start == last)
        first, last = (start if isnan(first) else first), stop
    return first, last, number


def _levels(start: float, stop: float, part: Mapping[str, Any]) -> int:
    """How many levels a stretch has; the last step is shorter where it does not fit."""
    if part["points"] is not None:
        return int(part["points"])
    if per_decade := part.get("points_per_decade"):
        return ceil(abs(log10(stop / start)) * per_decade - 1e-9) + 1 if start * stop > 0.0 else 1
    ratio = abs((stop - start) / part["step"]) if part["step"] else 0.0
    whole = round(ratio)
    return whole + 1 if abs(ratio - whole) < 1e-6 else int(ratio) + 2


def text_of(summary: RunSummary) -> str:
    """The JSON text of a summary, below :data:`MOST_BYTES`: long texts are cut, and old comments left out, to fit.

    :raises ValueError: it has more figures than that.
    """
    for most in (*_SHORTER, 0):
        content = _cut(summary, most).plain() if most else {**_cut(summary, _SHORTER[-1]).plain(), "comments": []}
        text = storable(json.dumps(content, ensure_ascii=False, allow_nan=False))
        if len(text.encode()) < MOST_BYTES:
            return text
    raise ValueError(f"the summary of {summary.run_id} takes more than {MOST_BYTES} bytes")


def _cut(summary: RunSummary, most: int) -> RunSummary:
    names = [one.name for one in fields(summary) if isinstance(getattr(summary, one.name), str)]
    texts: dict[str, Any] = {name: _ellipsis(getattr(summary, name), most) for name in names}
    tags = tuple(_ellipsis(tag, most) for tag in summary.tags[-most:])
    comments = tuple(_ellipsis(comment, most) for comment in summary.comments[-(most // 10) :])
    return replace(summary, **texts, tags=tags, comments=comments)


def _ellipsis(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"


def write_summary(file: h5py.File, summary: RunSummary) -> None:
    """Put a summary in the place of the one that a file has."""
    write_checked_text(file, SUMMARY, text_of(summary))


# --- read ----------------------------------------------------------------------------------------------------


def read_summary(path: Path) -> RunSummary:
    """The summary of a run file, finished or not: one attribute, where the file has it.

    It says what was written. Whether the rest of the file is still as it was, :func:`~acquire.run_file.read.read_run`
    finds out.

    :raises acquire.run_file.read.ArchiveError: there is no such file, or it is not a run file of this program.
    """
    with _file(path) as file:
        text = checked_text(file, SUMMARY)
        return _from_file(path, file) if text is None else _from_text(path, text)


class SummaryText(NamedTuple):
    """The summary of a run file as it stands there; ``text`` empty, and the reason, where the disk refused it."""

    text: str
    finished: bool = True
    held: bool = False
    refused: str = ""


def read_summary_text(path: Path) -> SummaryText:
    """The same as JSON: of a finished file its attribute as it is, without making anything of it.

    :raises acquire.run_file.read.ArchiveError: it is not a run file of this program.
    """
    try:
        if (text := _at_the_root(path)) is not None:
            return SummaryText(text)
        with _file(path) as file:
            if (text := checked_text(file, SUMMARY)) is not None:
                return SummaryText(text)
            summary = _from_file(path, file)
            return SummaryText(text_of(summary), summary.finished, summary.held)
    except ArchiveError as error:
        why = error.__cause__
        if isinstance(why, OSError) and why.errno is not None:  # of a file that is none of ours HDF5 gives no number
            return SummaryText("", refused=str(error))
        raise


def _at_the_root(path: Path) -> str | None:
    """The summary of a file that has a right one, by nothing but three attributes; None: look closer."""
    refuse_what_is_no_file(path)
    try:
        texts = root_texts(path, ("format_version", SUMMARY, f"{SUMMARY}_sha256"))
        if version_in(texts["format_version"])[0] > FORMAT_VERSION[0]:
            return None
        return right_text(texts[SUMMARY], texts[f"{SUMMARY}_sha256"])
    except (OSError, KeyError, ValueError, RuntimeError):
        return None


def summary_from(path: Path, text: str, *, finished: bool = True) -> RunSummary:
    """The summary of a file from its JSON.

    :raises ValueError: the text is no summary.
    """
    try:
        return replace(_from_text(path, text), finished=finished)
    except (KeyError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        raise ValueError(f"{path}: its summary is none ({type(error).__name__}: {error})") from error


def _from_text(path: Path, text: str) -> RunSummary:
    """:raises ValueError: the text is no summary."""
    content = json.loads(text)
    if not isinstance(content, dict):
        raise ValueError("its summary is no JSON object")
    plain: Mapping[str, Callable[[Any], Any]] = {"str": str, "int": int, "float": _number}
    known = [one for one in fields(RunSummary) if one.name not in _BY_THEMSELVES and one.name in content]
    return RunSummary(
        path=path,
        **{one.name: plain[str(one.type)](content[one.name]) for one in known},
        figures={str(name): _figure_of(one) for name, one in content["figures"].items()},
        findings={Severity(name): tuple(map(str, codes)) for name, codes in content["findings"].items()},
        stress=_stress_of(content.get("stress")),
        tags=tuple(map(str, content["tags"])),
        comments=tuple(map(str, content["comments"])),
    )


def _number(value: Any) -> float:
    return nan if value is None else float(value)


def _stress_of(plain: Mapping[str, Any] | None) -> Stress | None:
    if plain is None:
        return None
    values = {name: float(plain[name]) for name in UNITS}
    return Stress(**{**values, "exposures": int(values["exposures"])})  # type: ignore[arg-type]


def _figure_of(plain: Mapping[str, Any]) -> Figure:
    value, uncertainty = _number(plain["value"]), _number(plain["uncertainty"])
    return Figure(value, str(plain["unit"]), str(plain["status"]), uncertainty=uncertainty)


def _from_file(path: Path, file: h5py.File) -> RunSummary:
    """The same from the parts of a file that has none, without its tables."""
    entry = plain_member(file, "entry")
    recording, sample = plain_member(entry, "recording"), plain_member(entry, "sample")
    figures, remarks = plain_member(entry, "figures_of_merit"), read_remarks(entry)
    configuration = plain_member(plain_member(entry, "configuration"), "resolved_json")
    levels = _rows(entry, recording, "jvl", "source_level")
    branch = _rows(entry, recording, "jvl", "branch")
    levels = levels[of_sweep(branch)]
    texts: dict[str, Any] = {name: _text(plain_member(entry, name)[()]) for name in _TEXTS}
    return RunSummary(
        path=path,
        **texts,
        user=_text(plain_member(plain_member(entry, "user"), "name")[()]),
        points=len(levels) + _counted(recording, "lifetime"),
        spectra=len(_rows(entry, recording, "spectra", "start")),
        source_unit=_text(plain_member(plain_member(entry, "jvl"), "source_level").attrs["units"]),
        reached_level=_last(levels),
        **_of_sample({name: _sample_field(plain_member(sample, name)) for name in sample}),
        **_planned(parsed(_text(configuration[()], LONGEST_CONFIGURATION)), branch),
        figures={name: _in_short(figure_in(plain_member(figures, name))) for name in figures or ()},
        findings=_findings(entry, recording),
        stress=read_stress(entry),
        tags=standing(remarks, RemarkKind.TAG),
        comments=standing(remarks, RemarkKind.COMMENT),
        finished=recording is None,
        held=recording is not None and _is_held(path),
    )


_TEXTS = ("run_id", "title", "start_time", "end_time", "status", "stop_reason")


def _rows(entry: h5py.Group, recording: h5py.Group | None, table: str, column: str) -> np.ndarray[Any, Any]:
    """A column, as far as an unfinished file says that it was written."""
    group = plain_member(entry, table)
    if plain_member(group, column, may_grow=recording is not None) is None:
        raise ValueError(f"{table} has no {column}")
    counted = None if recording is None else max(int(plain_member(recording, f"{table}_rows")[()]), 0)
    return read_array(group, column, counted)


def _counted(recording: h5py.Group | None, table: str) -> int:
    """How many rows of an unfinished file are counted in a table that may not be there."""
    counter = None if recording is None else plain_member(recording, f"{table}_rows")
    return 0 if counter is None else max(int(counter[()]), 0)


def _findings(entry: h5py.Group, recording: h5py.Group | None) -> dict[Severity, tuple[str, ...]]:
    if plain_member(entry, "findings") is None:
        return {}
    names = [_rows(entry, recording, "findings", column) for column in ("severity", "code")]
    texts: Sequence[list[str]] = [[_text(value) for value in column] for column in names]
    found = [(Severity(severity), code) for severity, code in zip(*texts, strict=True)]
    return _by_severity(sorted(found, key=lambda one: -list(Severity).index(one[0])))


def _is_held(path: Path) -> bool:
    try:
        with locked_alone(path):
            return False
    except OSError:
        return True
