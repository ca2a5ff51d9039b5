"""Data of another program put into a run file: its numbers as they are, its text beside them, nothing made up.

The run's identity follows from the text alone: the same file taken over twice is the same run.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from math import isfinite, nan
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import UUID, uuid5

import numpy as np

from acquire import __version__
from acquire.archive.old_data import OldRun, read_old_run
from acquire.config.mapping import MappingFile
from acquire.config.parsing import ConfigurationError
from acquire.config.yaml_source import Problem, what_is
from acquire.evaluation.calibration import Calibration, Conditions, LuminanceRoute
from acquire.evaluation.imported import imported_records
from acquire.records import DarkReading, ExposureSample, Note, Record, RunStart, RunStatus, RunStop, Spectrum
from acquire.run_file import finish as finishing
from acquire.run_file import layout
from acquire.run_file.imported import Original, write_original
from acquire.run_file.naming import file_name
from acquire.run_file.placing import name_in_place
from acquire.run_file.read import ArchiveError, Run
from acquire.run_file.recorder import RecordingError, create_run_file

LARGEST_TEXT = 8 << 20  # bytes
_NAMESPACE = UUID("6f1dd6c0-6f3b-5a4e-9c61-4a1d0f2b7e55")
ENDED = "imported: how the run ended is not known"


@dataclass(frozen=True)
class Source:
    """A text file as it was read: its bytes' SHA-256, its text, and when it was changed last."""

    path: Path
    text: str
    digest: str
    changed: datetime


def read_source(path: Path, encoding: str) -> Source:
    """Read a text file of another program.

    :raises ConfigurationError: it cannot be read, is too large, or no text in this encoding.
    """
    try:
        if (kind := what_is(path)) != "file":
            raise _refused(path, "there is no such file" if kind == "nothing" else f"is a {kind}")
        if path.stat().st_size > LARGEST_TEXT:
            raise _refused(path, f"is larger than {LARGEST_TEXT >> 20} MB, so it is no table of a sweep")
        content, changed = path.read_bytes(), datetime.fromtimestamp(path.stat().st_mtime).astimezone()
    except OSError as error:
        raise _refused(path, f"cannot be read ({error.strerror or error})") from error
    try:
        text = content.decode(encoding)
    except (UnicodeError, LookupError) as error:
        raise _refused(path, f"is no text in {encoding} ({error})", "write another encoding in the mapping") from error
    if "\0" in text:
        raise _refused(
            path, f"holds NUL, which is no text in {encoding}", "utf-16 perhaps: see encoding in the mapping"
        )
    return Source(path, text, sha256(content).hexdigest(), changed)


def _refused(path: Path, message: str, hint: str = "") -> ConfigurationError:
    return ConfigurationError([Problem(path, None, None, "", message, hint)])


def import_file(path: Path, mapping: MappingFile, mapping_path: Path, folder: Path, said: Mapping[str, str]) -> Run:
    """Make a run file of a text file, in ``folder``; ``said`` (sample, pixel, batch, user) comes before all else.

    :raises ConfigurationError: the text is not as the mapping says.
    :raises ArchiveError: the run file is there already, or cannot be written.
    """
    source = read_source(path, mapping.format.encoding)
    old = read_old_run(path, source.text, mapping)
    run_id = uuid5(_NAMESPACE, source.digest)
    started = (old.started or source.changed.replace(tzinfo=None)).astimezone()
    sample = _sample(path, old, mapping, said)
    names = {name: str(sample.get(name, "")) for name in ("pixel", "batch", "group")}
    name = file_name(started, {"sample": str(sample["name"]), **names}, run_id)
    if (folder / name).exists():
        raise ArchiveError(f"{folder / name}: exists already; {path.name} was imported before")
    start = RunStart(
        run_id=str(run_id),
        title=f"imported: {mapping.origin}"[:200],
        start_time=started.isoformat(timespec="seconds"),
        program="acquire import",
        version=__version__,
        sample=sample,
        user=said.get("user") or old.fields.get("user", ""),
        sweep_yaml=mapping_path.read_text(encoding="utf-8"),
        bench_yaml="",
        resolved_json=json.dumps({"imported": _resolved(source, mapping)}),
        file_hashes={path.name: source.digest, mapping_path.name: sha256(mapping_path.read_bytes()).hexdigest()},
        instruments=(),
        source_unit="A" if mapping.source == "current" else "V",
        note=mapping.note,
    )
    original = Original(source.text, mapping.format.encoding, path.name, source.digest, mapping.origin)
    return _written(folder / name, start, old, _notes(source, old, mapping), mapping, original)


def _written(
    path: Path, start: RunStart, old: OldRun, notes: list[str], mapping: MappingFile, original: Original
) -> Run:
    """The run file, made beside its place and put there whole.

    :raises ArchiveError: it cannot be written.
    """
    area = mapping.sample.emissive_area or nan
    records = imported_records(old.columns, area, by_turn=mapping.direction == "by_turn")
    conditions = Conditions(emissive_area=area, transfer=nan, luminance_route=LuminanceRoute.IMPORTED.value)
    room = {Record: len(records), DarkReading: 0, Spectrum: 0, ExposureSample: 0, Note: len(notes) + 4}
    times = old.columns.get("time", np.empty(0))
    last = float(np.nanmax(times)) if np.isfinite(times).any() else 0.0
    end = datetime.fromisoformat(start.start_time) + timedelta(seconds=last if isfinite(last) else 0.0)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(prefix=".importing-", dir=path.parent) as beside:
            made = Path(beside) / path.name
            calibration = Calibration(conditions=conditions)
            record = create_run_file(made, start, room, lambda group: layout.write_calibration(group, calibration))
            for text in notes:
                record(Note(0.0, text))
            for point in records:
                record(point)
            record.close()
            stop = RunStop(RunStatus.COMPLETED, ENDED, end.isoformat())
            finishing.finish(made, stop, start.run_id)
            run = replace(write_original(made, original), path=path)
            name_in_place(made, path)
    except FileExistsError as error:
        raise ArchiveError(f"{path}: exists already; a run file is never overwritten") from error
    except (RecordingError, OSError) as error:
        raise ArchiveError(f"{path}: cannot be written ({error})") from error
    return run


def _sample(file: Path, old: OldRun, mapping: MappingFile, said: Mapping[str, str]) -> dict[str, Any]:
    """What is known of the sample: what was said, else what the file says, else what the mapping says.

    A sample that nothing names is called as the file.
    """
    known: dict[str, Any] = {}
    for name in ("name", "pixel", "batch", "group", "structure"):
        key = "sample" if name == "name" else name
        known[name] = said.get(key) or old.fields.get(key) or getattr(mapping.sample, name)
    if mapping.sample.emissive_area is not None:
        known["emissive_area"] = mapping.sample.emissive_area
    known["name"] = known["name"] or file.stem
    return {name: value for name, value in known.items() if value}


def _resolved(source: Source, mapping: MappingFile) -> dict[str, Any]:
    return {
        "origin": mapping.origin,
        "file": source.path.name,
        "sha256": source.digest,
        "mapping": mapping.model_dump(mode="json"),
    }


def _notes(source: Source, old: OldRun, mapping: MappingFile) -> list[str]:
    """What is to be known of the numbers."""
    return list(_remarks(source, old, mapping))


def _remarks(source: Source, old: OldRun, mapping: MappingFile) -> Iterator[str]:
    when = datetime.now(UTC).astimezone().isoformat(timespec="seconds")
    yield f"IMPORTED from {source.path.name} of {mapping.origin} (SHA-256 {source.digest[:16]}...), {when}"
    yield "no uncertainty of any number is known; the text as it was stands in /entry/imported"
    if old.started is None:
        yield "the date is that of the last change of the file: nothing in it says when it was measured"
    else:
        yield "date and time are those of the file; their time zone is that of the computer that imported it"
    given = old.columns
    if "voltage" not in given and mapping.source == "voltage":
        yield "the voltage is the level as it was set: the file has no measured one"
    if mapping.sample.emissive_area is None and "current_density" not in given:
        yield "no emissive area is given: there is no current density, and no efficiency that takes one"
    if "power_efficiency" not in given and {"luminance", "current_efficiency"} & given.keys():
        yield "power efficiency was computed for a Lambertian device"
