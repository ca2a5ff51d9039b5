"""What a list says of a run, as a JSON object. Pure."""

from __future__ import annotations

from typing import Any

from acquire.run_file.summary import RunSummary
from acquire.service.figures import plain_figures


def summary_row(summary: RunSummary) -> dict[str, Any]:
    """The summary of a run with its figures as people call them, its state, and its file."""
    plain, gravest = summary.plain(), summary.gravest
    return {
        **plain,
        "figures": plain_figures(plain["figures"]),
        "state": summary.state,
        "gravest": None if gravest is None else str(gravest),
        "finished": summary.finished,
        "held": summary.held,
        "file": summary.path.name,
        "path": str(summary.path),
    }
