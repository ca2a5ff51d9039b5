"""A report put together: runs compared, counted, drawn and checked; still without a word of HTML."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import TYPE_CHECKING

from acquire.config.answers import AnswersFile
from acquire.config.published import PublishedFile
from acquire.evaluation.figures import LUMINANCE_LEVELS
from acquire.photometry.customary_units import figure_title
from acquire.report.batch import Batch, Device, batch_of
from acquire.report.captions import labels_of
from acquire.report.checklist import Entry, Known, checklist
from acquire.report.tables import Compared, Table, paper_table, table_at_luminance
from acquire.run_file.documented import DocumentedRun
from acquire.run_file.read import Run

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from acquire.report.style import Style

#: Of more runs than these only the device shown is drawn.
MOST_OVERLAID = 8

#: The figures that have box plots.
BOXED = ("external_quantum_efficiency_max", "current_efficiency_max", "luminance_max", "turn_on_voltage")


NOT_FINISHED = "the run file is not finished: its run goes on, or was cut off (then: acquire recover)"


class UnknownDevice(Exception):
    """The device that is to be shown is not among the runs; the message names those that are."""


@dataclass(frozen=True)
class Illustration:
    """A picture as files by format, or why it is not drawn; ``wide``: it is made for two columns."""

    name: str
    title: str
    caption: str = ""
    files: Mapping[str, bytes] = field(default_factory=dict)
    why_not: str = ""
    wide: bool = False


@dataclass(frozen=True)
class Report:
    """What a report holds; ``labels`` tell the runs apart, ``shown`` is the device that pictures of a batch show."""

    runs: tuple[DocumentedRun, ...]
    labels: tuple[str, ...]
    batch: Batch
    shown: Device | None
    table: Table
    at_luminances: tuple[Table, ...]
    illustrations: tuple[Illustration, ...] = ()
    entries: tuple[Entry, ...] = ()
    answers_path: str = ""

    @property
    def single(self) -> bool:
        """Whether it is of one run."""
        return len(self.runs) == 1

    @cached_property
    def title(self) -> str:
        """What it is of, in a line."""
        if self.single:
            return f"{self.labels[0]}: {self.runs[0].run.title}"
        devices = len(self.batch.devices)
        counted = f"{devices} device{'s' * (devices != 1)}" + (
            f" ({len(self.runs)} runs)" if len(self.runs) > devices else ""
        )
        if len(self.batch.groups) == 1:
            return f"{self.batch.groups[0]}: {counted}"
        return f"{counted}: {', '.join(self.batch.groups)}"


def assembled(
    runs: Sequence[DocumentedRun],
    published: PublishedFile | None = None,
    shown: str = "median",
    answers: AnswersFile | None = None,
    answers_path: str = "",
) -> Report:
    """Compare and count some runs; a report without pictures.

    ``shown`` is ``median``, ``best`` or the name of a device; with ``answers`` the checklist is filled.

    :raises UnknownDevice: there is no device of this name.
    """
    labels, batch = tuple(labels_of([one.run for one in runs])), batch_of(runs)
    device = shown_device(batch, shown)
    compared = [_compared(one.run, label) for one, label in zip(runs, labels, strict=True)]
    at = tuple(table_at_luminance(compared, level) for level in LUMINANCE_LEVELS)
    return Report(
        runs=tuple(runs),
        labels=labels,
        batch=batch,
        shown=device if batch.is_one else None,
        table=paper_table(compared, published),
        at_luminances=at,
        entries=tuple(_entries(runs, batch, device, answers)) if answers is not None else (),
        answers_path=answers_path,
    )


def _compared(run: Run, label: str) -> Compared:
    lacking = "" if run.finished else NOT_FINISHED
    against = f"its file is {run.integrity}" if run.integrity.damaged else ""
    return Compared(run.sample, label, run.figures, lacking, against, tuple(run.findings))


def shown_device(batch: Batch, wanted: str) -> Device:
    """The device that stands for a batch: of its first group with living ones the median or the best, or by its name.

    :raises UnknownDevice: there is no device of this name.
    """
    named = [one for one in batch.devices if wanted in (one.label, one.one.run.sample)]
    if named:
        return named[0]
    if wanted not in ("median", "best"):
        there = ", ".join(f"'{one.label}'" for one in batch.devices)
        raise UnknownDevice(f"'{wanted}' is no device of these runs; there are {there}; or write median or best")
    for group in batch.groups:
        _, ranked = batch.ranked(group)
        if ranked:
            return ranked[0] if wanted == "best" else ranked[len(ranked) // 2]
    return batch.devices[0]


def _entries(runs: Sequence[DocumentedRun], batch: Batch, device: Device, answers: AnswersFile) -> Iterable[Entry]:
    one = device.one if len(runs) > 1 else runs[0]
    known = answers.of_bench(bench_of(one)) | answers.of_substrate(substrate_of(one))
    return checklist(Known(one, batch, device, known))


def bench_of(one: DocumentedRun) -> str:
    """The name of the bench that a run was measured on."""
    return str(one.run.configured("bench", "name") or "")


def substrate_of(one: DocumentedRun) -> str:
    """What a run's substrate is called: the sample's batch; without one, its name."""
    return str(one.run.sample_fields.get("batch") or one.run.sample)


# --- pictures ------------------------------------------------------------------------------------------------


def illustrated(report: Report, formats: Sequence[str], style: Style | None = None) -> tuple[Illustration, ...]:
    """The pictures of a report, each in ``formats``; of a batch box plots as well.

    :raises ImportError: matplotlib, the extra ``report``, is not installed.
    """
    return (*_curves(report, formats, style), *_boxes(report, formats, style))


def _curves(report: Report, formats: Sequence[str], style: Style | None) -> Iterator[Illustration]:
    from acquire.report.pictures import OF_LIGHT, OF_TRANSPORT, PICTURES

    drawn = _drawn(report)
    runs, labels = [one.run for one, _ in drawn], [label for _, label in drawn]
    # Of the two kinds of devices each has pictures that say nothing of the other
    without_light = [run.calibration.layer.stated for run in runs]
    for name, picture in PICTURES.items():
        if (name in OF_LIGHT and all(without_light)) or (name in OF_TRANSPORT and not any(without_light)):
            continue
        yield _illustration(name, picture.title, partial(picture.draw, runs, style, labels), formats, style)


def _illustration(
    name: str, title: str, draw: Callable[[], Figure], formats: Sequence[str], style: Style | None
) -> Illustration:
    from acquire.report.style import MM_PER_INCH, SINGLE, NothingToDraw, caption_of, rendered

    try:
        figure = draw()
    except NothingToDraw as reason:
        return Illustration(name, title, why_not=str(reason))
    files = {kind: rendered(figure, kind, style) for kind in formats}
    wide = figure.get_figwidth() * MM_PER_INCH > 1.2 * SINGLE
    return Illustration(name, title, caption_of(figure), files, wide=wide)


def _drawn(report: Report) -> list[tuple[DocumentedRun, str]]:
    """The runs that are drawn over each other: all, or of many that of the device shown."""
    named = list(zip(report.runs, report.labels, strict=True))
    if len(named) <= MOST_OVERLAID or report.shown is None:
        return named
    return [(one, label) for one, label in named if one is report.shown.one]


def _boxes(report: Report, formats: Sequence[str], style: Style | None) -> Iterator[Illustration]:
    from acquire.report.box_plots import box_plots

    for name in BOXED if report.batch.is_one else ():
        values, not_ok = report.batch.values(name), report.batch.not_ok(name)
        draw = partial(box_plots, values, name, _marked(report), style, not_ok)
        yield _illustration(f"box_{name}", figure_title(name), draw, formats, style)


def _marked(report: Report) -> tuple[str, int] | None:
    """The device shown, by its group and its place there."""
    if report.shown is None:
        return None
    counted = report.batch.counted(report.shown.group)
    places = [place for place, one in enumerate(counted) if one is report.shown]
    return (report.shown.group, places[0]) if places else None
