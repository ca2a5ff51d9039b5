"""How an item of the queue ended, from the exit status of its command and what that printed. Pure."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from math import isfinite
from typing import Any

from acquire.photometry.customary_units import PAPER, QUANTITIES, quantity_of_figure
from acquire.report.rounding import customary_text
from acquire.service.queue_rules import Ending, Outcome, line

#: By the exit status of ``acquire run``.
BY_STATUS: Mapping[int, Outcome] = {
    0: Outcome.COMPLETED,
    1: Outcome.FAILED,
    2: Outcome.REFUSED,
    3: Outcome.NOT_SWEPT,
    130: Outcome.STOPPED,
}
#: What the process of an item prints behind everything else, with the exit status of its command.
EXIT_STATUS = "exit_status"
OFF = ("is off", "off:", "was never switched on", "never on")
LONGEST_REASON = 500  # characters


def ending_of(lines: Iterable[str]) -> Ending:
    """The ending that the lines of a log tell of; interrupted where they do not say how it ended."""
    objects = [found for text in lines if (found := _json_object(text)) is not None]
    status = next((int(one[EXIT_STATUS]) for one in reversed(objects) if _is_status(one.get(EXIT_STATUS))), None)
    nothing: dict[str, Any] = {}
    told = next((one for one in reversed(objects) if "status" in one and "stop_reason" in one), nothing)
    outcome = Outcome.INTERRUPTED if status is None else BY_STATUS.get(status, Outcome.INTERRUPTED)
    if outcome == Outcome.INTERRUPTED:
        reason = f"its process ended with {status}" if status is not None else "its process ended without saying how"
    else:
        reason = str(told.get("stop_reason") or "")
    output = str(told.get("output") or "")
    figures, pixels = told.get("figures_of_merit"), told.get("pixels")
    return Ending(
        outcome,
        line(" ".join(reason.split()), LONGEST_REASON),
        _text_or_none(told.get("run_id")),
        _text_or_none(told.get("path") or told.get("index")),
        output.startswith(OFF),
        tuple(
            figure_texts(figures) if isinstance(figures, dict) else _pixels(pixels) if isinstance(pixels, list) else ()
        ),
        tuple(finding_texts(told.get("findings"))),
    )


def _json_object(line: str) -> dict[str, Any] | None:
    if not line.startswith("{"):
        return None
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _is_status(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _text_or_none(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def figure_texts(figures: object) -> Iterable[str]:
    """The figures of a paper's table as texts: ``V_on 2.45 V``; of one that was not found, why."""
    for name, symbol in PAPER.items():
        figure = figures.get(name) if isinstance(figures, dict) else None
        if not isinstance(figure, dict):
            continue
        value, status = figure.get("value"), figure.get("status")
        one = QUANTITIES[quantity_of_figure(name)]
        if isinstance(value, (int, float)) and isfinite(value):
            amount = customary_text(value * one.factor + one.zero, one.decimals)
            text = f"{symbol} {amount} {one.unit.removeprefix('1')}".rstrip()
            yield text if status == "ok" else f"{text} ({status})"
        else:
            yield f"{symbol} - ({status})"


def _pixels(pixels: object) -> Iterable[str]:
    """What became of the pixels of a batch: ``3 measured``, ``1 dead``."""
    states = Counter(str(one.get("state")) for one in _listed(pixels))
    yield from (f"{number} {state}" for state, number in states.items())


def finding_texts(findings: object) -> Iterable[str]:
    """What contradicts the numbers, as texts with their severity; mere notes left out."""
    for one in _listed(findings):
        if one.get("severity") != "note":
            yield f"{one.get('severity')}: {one.get('text')}"[:LONGEST_REASON]


def _listed(found: object) -> list[dict[str, Any]]:
    """The objects of a list; none where it is no list."""
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []
