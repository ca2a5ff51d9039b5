"""What Prometheus reads of a service: its text format 0.0.4."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import Any

from acquire.service.watching import Watch


def metrics_text(watch: Watch, counts: Mapping[str, int], viewers: int) -> str:
    """The numbers of a service as text."""
    return "\n".join(_lines(watch, counts, viewers)) + "\n"


def _lines(watch: Watch, counts: Mapping[str, int], viewers: int) -> Iterator[str]:
    yield from _one("points_total", "counter", "points seen in run files", watch.counted["points"])
    yield from _one("runs_total", "counter", "runs that were followed", watch.counted["runs"])
    problems = watch.counted["problems"] + counts.get("errors", 0)
    yield from _one("errors_total", "counter", "mistakes of the service", problems)
    yield from _one("requests_refused_total", "counter", "requests that were refused", counts.get("refused", 0))
    yield from _one("viewers", "gauge", "pages that follow the stream", viewers)
    runs = watch.runs_now()
    yield from _one("runs", "gauge", "runs that go on", len(runs))
    now = time.monotonic()
    yield from _many(
        "output_on",
        "output of the source: 1 on, 0 off, NaN unknown",
        [(run, {"on": "1", "off": "0"}.get(run["output"], "NaN")) for run in runs],
    )
    yield from _many(
        "seconds_since_last_point",
        "seconds since a point of the run came",
        [(run, f"{now - watch.moments[run['run_id']]:.3f}") for run in runs if run["run_id"] in watch.moments],
    )
    yield from _many("run_points", "points of the run so far", [(run, str(run["points"])) for run in runs])


def _one(name: str, kind: str, meaning: str, value: int) -> Iterator[str]:
    yield f"# HELP jvl_{name} {meaning}"
    yield f"# TYPE jvl_{name} {kind}"
    yield f"jvl_{name} {value}"


def _many(name: str, meaning: str, values: list[tuple[dict[str, Any], str]]) -> Iterator[str]:
    yield f"# HELP jvl_{name} {meaning}"
    yield f"# TYPE jvl_{name} gauge"
    yield from (f'jvl_{name}{{run="{_label(run["address"])}"}} {value}' for run, value in values)


def _label(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", " ")
