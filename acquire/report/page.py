"""The page of a report: one HTML file that needs no network and no script, for a screen, a phone and a printer."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from math import isfinite
from typing import TYPE_CHECKING, Any, NamedTuple

from acquire import __version__
from acquire.evaluation.figure import Figure
from acquire.evaluation.figures import LUMINANCE_LEVELS
from acquire.photometry.customary_units import (
    OF_TRANSPORT,
    PAPER,
    QUANTITIES,
    at_luminance,
    figure_title,
    quantity_of_figure,
)
from acquire.records import Severity
from acquire.report import facts
from acquire.report.assembled import Illustration, Report
from acquire.report.batch import COUNTED_ONCE, DEAD_MEANS, Device, State, Statistics, statistic_text
from acquire.report.checklist import TITLE, WHOSE, Standing, counted
from acquire.report.notation import html_sentence, html_symbol
from acquire.report.rounding import SIGNIFICANT, place_text, rounded
from acquire.report.tables import RowKind, Table
from acquire.run_file.documented import DocumentedRun
from acquire.run_file.export.about import status_text
from acquire.safety.visible import visible

if TYPE_CHECKING:
    from jinja2 import Environment

#: By this a page is known as one of ours, which a new one may replace.
GENERATOR = "acquire report"


class FigureRow(NamedTuple):
    """A figure of merit as a line of the page; ``remark`` is why its status is what it is."""

    name: str
    value: str
    interval: str
    unit: str
    place: str
    status: str
    remark: str


def page(report: Report) -> str:
    """The page.

    :raises ImportError: jinja2, of the extra ``report``, is not installed.
    """
    details = [_details(one, label) for one, label in zip(report.runs, report.labels, strict=True)]
    return (
        _environment()
        .get_template("page.html.j2")
        .render(
            report=report,
            generator=f"{GENERATOR} {__version__}",
            details=details,
            common=_common([one["conditions"] for one in details]),
            pictures=[_picture(one) for one in report.illustrations],
            groups=list(_groups(report)),
            standing_counts=counted(report.entries),
            DEAD_MEANS=DEAD_MEANS,
            COUNTED_ONCE=COUNTED_ONCE,
            checklist_title=TITLE,
            checklist_whose=WHOSE,
        )
    )


def table_html(table: Table) -> str:
    """One table as HTML to paste.

    :raises ImportError: as :func:`page`.
    """
    template = _environment().from_string('{% from "macros.html.j2" import comparison %}{{ comparison(table) }}')
    return template.render(table=table)


@lru_cache(maxsize=1)
def _environment() -> Environment:
    """Templates in which every text is escaped, and what is no visible character is made visible."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("acquire.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_shown,
    )
    environment.globals |= {"RowKind": RowKind, "Standing": Standing}
    environment.filters |= {"symbol": html_symbol, "sentence": html_sentence}
    return environment


def _shown(value: Any) -> Any:
    """What stands in the place of a value: a text with every control character visible; markup of ours as it is."""
    return visible(value) if type(value) is str else value


# --- one run -------------------------------------------------------------------------------------------------


def _details(one: DocumentedRun, label: str) -> Mapping[str, Any]:
    """What the page says of one run."""
    run = one.run
    main = [name for name in _main_figures() if name in run.figures]
    return {
        "label": label,
        "run": run,
        "main": [_figure_row(name, symbol, run.figures) for name, symbol in _main_figures().items() if name in main],
        "rest": [
            _figure_row(name, figure_title(name), run.figures) for name in sorted(run.figures) if _is_told(name, main)
        ],
        "conditions": facts.conditions(one),
        "grave": [finding for finding in run.findings if finding.severity is not Severity.NOTE],
        "damaged": run.integrity.damaged,
        "status": status_text(run),
    }


def _common(conditions: Sequence[Sequence[tuple[str, str]]]) -> list[tuple[str, str]]:
    """What is the same of several runs; nothing of one alone."""
    if len(conditions) < 2:
        return []
    return [one for one in conditions[0] if all(one in others for others in conditions[1:])]


def _main_figures() -> dict[str, str]:
    """What people look at first: a paper's table, what holds at each luminance, or a mobility; with symbols."""
    at = {
        name: f"{symbol} at {level:.0f} cd/m^2"
        for level in LUMINANCE_LEVELS
        for name, symbol in at_luminance(level).items()
    }
    return {**PAPER, **at, **OF_TRANSPORT}


def _is_told(name: str, main: Sequence[str]) -> bool:
    """Whether a figure comes later on the page: not those that stand there already, nor one unknown to this program."""
    try:
        return name not in main and bool(figure_title(name))
    except KeyError:
        return False


def _figure_row(name: str, title: str, figures: Mapping[str, Figure]) -> FigureRow:
    figure, quantity = figures[name], QUANTITIES[quantity_of_figure(name)]
    value, spread = rounded(figure.value * quantity.factor, figure.uncertainty * quantity.factor, quantity.decimals)
    interval = ""
    if spread and isfinite(figure.expanded_uncertainty):
        form = f".{SIGNIFICANT}e" if "e" in spread else f".{len(spread.partition('.')[2])}f"
        ends = ((figure.value + sign * figure.expanded_uncertainty) * quantity.factor for sign in (-1.0, 1.0))
        interval = " to ".join(f"{end:{form}}" for end in ends)
    return FigureRow(
        title,
        f"{value} ± {spread}" if spread else value,
        interval,
        "" if quantity.unit == "1" else quantity.unit,
        "" if name.endswith("_cd_m2") else place_text(figure.voltage, figure.current_density),
        figure.status.replace("_", " "),
        figure.reason,
    )


def _picture(one: Illustration) -> Mapping[str, Any]:
    """A picture as the page holds it: within the page, as an image that cannot run or load anything."""
    svg = one.files.get("svg")
    source = f"data:image/svg+xml;base64,{b64encode(svg).decode()}" if svg else ""
    return {
        "title": one.title,
        "caption": one.caption,
        "source": source,
        "why_not": one.why_not,
        "wide": one.wide,
    }


# --- a batch -------------------------------------------------------------------------------------------------


def _groups(report: Report) -> Iterator[Mapping[str, Any]]:
    """What the page says of each group of devices."""
    batch = report.batch
    for group in batch.groups if batch.is_one else ():
        by, ranked = batch.ranked(group)
        yield {
            "name": group,
            "alive": batch.of(State.ALIVE, group),
            "dead": batch.of(State.DEAD, group),
            "not_judged": batch.of(State.NOT_JUDGED, group),
            "statistics": [_statistics_row(one) for one in batch.statistics(group)],
            "by": PAPER[by],
            "ranked": [_ranked_row(place, one, by, report) for place, one in enumerate(ranked, start=1)],
            "others": sum(one.other_runs for one in batch.devices if one.group == group),
        }


def _statistics_row(one: Statistics) -> Mapping[str, Any]:
    digits = dict.fromkeys(("median", "mean", "lower_quartile", "upper_quartile", "smallest", "largest"), 4)
    values = {
        name: statistic_text(one.figure, getattr(one, name), most).partition(" ")[0]
        for name, most in {**digits, "deviation": 2}.items()
    }
    unit = QUANTITIES[quantity_of_figure(one.figure)].unit
    return {"symbol": PAPER[one.figure], "unit": unit, "n": one.n, "not_ok": one.not_ok, "best": one.best, **values}


def _ranked_row(place: int, one: Device, by: str, report: Report) -> Mapping[str, Any]:
    return {
        "place": place,
        "label": one.label,
        "value": statistic_text(by, one.value(by)),
        "shown": one is report.shown,
        "status": one.one.run.figures[by].status.replace("_", " "),
    }
