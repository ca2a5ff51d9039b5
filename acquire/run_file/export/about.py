"""What an exported table is, in words: of which run, of what, when, how set, by what calibration."""

from __future__ import annotations

import re
from collections.abc import Iterator

from acquire.photometry.customary_units import column_name
from acquire.records import Severity
from acquire.run_file.conditions import facts_of
from acquire.run_file.read import Run

Lines = Iterator[tuple[str, str]]

#: Facts that stand above a table in a form of their own: times as in the file, a line for each field of the sample.
_LEFT_OUT = {"title", "sample", "structure", "notes", "user", "started", "ended", "run", "program", "checksums"}


def about(run: Run, meaning: str = "") -> list[tuple[str, str]]:
    """Name and text of all that is to be known of a run beside its numbers; ``meaning`` is that of one table."""
    told = facts_of(run)
    lines = [
        *([("Table", meaning)] if meaning else []),
        ("Run file", run.path.name),
        ("Title", run.title),
        *_sample(run),
        ("Started", run.start_time),
        ("Ended", run.end_time or "not finished: numbers are provisional"),
        ("Status", status_text(run) + (f": {run.stop_reason}" if run.stop_reason else "")),
        *_findings(run),
        *((name.capitalize(), text) for name, text in told.items() if name not in _LEFT_OUT),
        *((f"Comment {number}", text) for number, text in enumerate(run.comments, 1)),
        *((f"Instrument ({role.replace('_', ' ')})", text) for role, text in run.instruments.items()),
        ("Uncertainties", "u(...) is the standard uncertainty (k = 1)"),
        ("Run ID", run.run_id),
        ("Checksums", told["checksums"]),
        ("Recorded by", run.program),
    ]
    return [(_plain(name), text) for name, text in lines if text]


def status_text(run: Run) -> str:
    """How a run ended; of one whose file is not finished nobody knows it here: it goes on, or was cut off."""
    return str(run.status) if run.finished else "not finished"


def _plain(name: str) -> str:
    """A name in which no separator, mark of a comment or quotation mark stands."""
    return re.sub(r"[^\w() -]", " ", name)


def _sample(run: Run) -> Lines:
    yield "Sample", run.sample
    for name, value in run.sample_fields.items():
        if isinstance(value, str) and name != "name":
            yield column_name(name), value
    yield "User", run.user


def _findings(run: Run) -> Lines:
    """What speaks against the numbers: whoever has one table of the run has this as well."""
    grave = [finding for finding in run.findings if finding.severity is not Severity.NOTE]
    yield from ((f"Finding {number}", f"{one.severity}: {one.text}") for number, one in enumerate(grave, 1))
