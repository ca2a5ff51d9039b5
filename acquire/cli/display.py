"""What the technician sees: progress and the current point while a sweep runs, the figures of merit at its end.

Displays are spectators: they receive every event after it has been recorded, in a thread of their own; no failure of
theirs ends a run, and a terminal that takes nothing does not hold it.
"""

from __future__ import annotations

import errno
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from math import inf, isfinite, nan
from time import monotonic
from typing import Any, TextIO

from rich.console import Console, ConsoleOptions, RenderableType
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from acquire.evaluation.figures import Figure
from acquire.photometry.customary_units import CUSTOMARY, CustomaryUnit, customary
from acquire.records import Event, Finding, Note, PointFlag, Record, RunStart, Severity, Spectrum
from acquire.safety.visible import one_line, visible
from acquire.sinks import Spectator

#: Figures of a paper's table: key in the file, quantity, name.
PAPER_FIGURES = (
    ("turn_on_voltage", "turn_on_voltage", "V_on"),
    ("luminance_max", "luminance", "L_max"),
    ("current_efficiency_max", "current_efficiency", "CE_max"),
    ("power_efficiency_max", "power_efficiency", "PE_max"),
    ("external_quantum_efficiency_max", "external_quantum_efficiency", "EQE_max"),
    ("chromaticity_x", "chromaticity_x", "CIE x"),
    ("chromaticity_y", "chromaticity_y", "CIE y"),
    ("peak_wavelength", "peak_wavelength", "peak"),
    ("fwhm", "fwhm", "FWHM"),
)

BAR_PERIOD = 0.1  # s, real time; a point may take less than drawing


def number(value: float, digits: int = 4) -> str:
    """A number with so many significant digits, a dash where there is none."""
    if not isfinite(value):
        return "-"
    if 10**digits <= abs(value) < 1e6:
        return f"{float(f'{value:.{digits}g}'):.0f}"
    return f"{value:#.{digits}g}".rstrip(".") if 1e-3 <= abs(value) < 1e6 or value == 0.0 else f"{value:.{digits - 1}e}"


def efficiencies(record: Record) -> tuple[float, float, float]:
    """CE in cd/A, PE in lm/W, EQE in %; NaN where there is no more light than noise, whose quotient says nothing."""
    if record.flags & PointFlag.BELOW_DARK_NOISE:
        return nan, nan, nan
    return (
        record.current_efficiency,
        record.power_efficiency,
        customary(record.external_quantum_efficiency, "external_quantum_efficiency"),
    )


def level_text(level: float, unit: str) -> str:
    """A source level, a current in mA."""
    return f"{customary(level, 'source_current'):7.4f} mA" if unit == "A" else f"{level:7.3f} {unit}"


def point_text(record: Record, source_unit: str) -> str:
    """One point in the units of the field, on one line."""
    reading = record.reading
    current, power, quantum = efficiencies(record)
    text = (
        f"{level_text(reading.source_level, source_unit)}"
        f"  J {number(customary(record.current_density, 'current_density'))} mA/cm^2"
        f"  L {number(record.luminance)} cd/m^2"
        f"  CE {number(current)} cd/A"
        f"  PE {number(power)} lm/W"
        f"  EQE {number(quantum)} %"
        f"  [{record.spectrum_source}]"
    )
    return text + _serious_flags(record)


def short_point_text(record: Record, source_unit: str) -> str:
    """One point in columns that fit a terminal of 80; the units tell the quantities apart."""
    reading = record.reading
    current, power, quantum = efficiencies(record)
    text = (
        f"{level_text(reading.source_level, source_unit)}"
        f" {number(customary(record.current_density, 'current_density')):>9} mA/cm^2"
        f" {number(record.luminance):>9} cd/m^2"
        f" {number(current, 3):>6} cd/A"
        f" {number(power, 3):>6} lm/W"
        f" {number(quantum, 3):>6} %"
    )
    return text + _serious_flags(record)


def _serious_flags(record: Record) -> str:
    serious = record.flags & ~(PointFlag.EQE_PROVISIONAL | PointFlag.BELOW_DARK_NOISE | PointFlag.NO_SPECTRUM)
    return f"  {flag_names(serious)}" if serious else ""


def flag_names(flags: PointFlag) -> str:
    """The names of the bits, readable."""
    return ", ".join((flag.name or "").lower().replace("_", " ") for flag in PointFlag if flag and flag in flags)


def spectrum_text(spectrum: Spectrum) -> str:
    """One line about a spectrum just taken."""
    return (
        f"spectrum {spectrum.index} at point {spectrum.point_index}: "
        f"{number(spectrum.luminance)} cd/m^2, "
        f"{spectrum.integration_time:.3g} s integration"
    )


#: How a finding begins where people read it: what forbids to trust a number is not to be overlooked.
FINDING_MARKS = {Severity.NOTE: "note", Severity.DOUBTFUL: "!! DOUBTFUL", Severity.IMPOSSIBLE: "!! IMPOSSIBLE"}


_FINDING_STYLES = {Severity.NOTE: "yellow", Severity.DOUBTFUL: "bold red", Severity.IMPOSSIBLE: "bold red"}


def finding_text(finding: Finding) -> str:
    """A finding on one line: how grave, what, and what to do."""
    remedy = f". {one_line(finding.remedy)}" if finding.remedy else ""
    return f"{FINDING_MARKS[finding.severity]}: {one_line(finding.text)}{remedy}"


class SpectatorConsole(Console):
    """A console for texts from outside, and one that tells of a reader who has gone.

    What is shown is text and nothing else: no markup, no emoji by name, and what a terminal could take for a command
    is made visible. Where rich's own console would end the program when its pipe is closed, and the run with it, this
    one raises.
    """

    def __init__(self, file: TextIO | None = None, *, stderr: bool = False, **settings: Any) -> None:
        stream = file or (sys.stderr if stderr else sys.stdout)
        # Colours and movements of the cursor must not be made visible, so they go past the stream's own filter
        past_filter = getattr(stream, "unfiltered", stream)
        super().__init__(file=past_filter, stderr=stderr, highlight=False, markup=False, emoji=False, **settings)

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """Rich's segments, with texts made visible; colours and movements of the cursor stay what they are."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else segment._replace(text=visible(segment.text))

    def on_broken_pipe(self) -> None:
        """:raises BrokenPipeError: always; who prints decides what that means."""
        raise BrokenPipeError(errno.EPIPE, "nobody reads any more")


@contextmanager
def displayed(console: Console) -> Iterator[Spectator]:
    """A spectator that shows the run on ``console``: a line per point, on a terminal with a live bar below them."""
    drawing = drawing_on(console)
    spectator = Spectator(drawing, drawing.finish)
    try:
        yield spectator
    finally:
        spectator.close()


def drawing_on(console: Console) -> PlainLines | LiveBar:
    """What draws events, at once and in the thread of the caller."""
    return LiveBar(console) if console.is_terminal else PlainLines(console)


class PlainLines:
    """A line for each point, spectrum and note."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._points, self._source_unit = 0, ""

    def __call__(self, event: Event) -> None:
        """Draw one event."""
        if isinstance(event, RunStart):
            self._points, self._source_unit = event.points, event.source_unit
        elif isinstance(event, Record):
            self._write(f"{event.reading.index + 1:4d}/{self._points} {point_text(event, self._source_unit)}\n")
        elif isinstance(event, Spectrum):
            self._write(f"         {spectrum_text(event)}\n")
        elif isinstance(event, Note):
            self._write(f"         note: {one_line(event.text)}\n")
        elif isinstance(event, Finding):
            self._write(f"{finding_text(event)}\n")

    def _write(self, text: str) -> None:
        self._console.file.write(text)  # past the filter: what comes from outside is a line of its own
        self._console.file.flush()

    def finish(self) -> None:
        """Nothing is left to be drawn."""


class LiveBar:
    """The same lines above a bar that says how far the run is."""

    def __init__(self, console: Console) -> None:
        columns = (
            BarColumn(bar_width=30),
            MofNCompleteColumn(),
            TextColumn("{task.fields[elapsed]} elapsed, {task.fields[remaining]} remaining"),
        )
        # Without a thread that draws it, no failure to draw goes unnoticed
        self._progress = Progress(*columns, console=console, auto_refresh=False)
        self._task: TaskID | None = None
        self._source_unit = ""
        self._remaining = _Remaining(0, nan, nan)
        self._drawn = -inf  # s; printing a line above the bar shows it again as it was drawn last

    def __call__(self, event: Event) -> None:
        """Draw one event."""
        if isinstance(event, RunStart):
            self._start(event)
        elif isinstance(event, Record):
            self._advance(event)
            self._progress.console.print(Text(short_point_text(event, self._source_unit)))
        elif isinstance(event, Spectrum):
            self._progress.console.print(Text(spectrum_text(event)))
        elif isinstance(event, Note):
            self._progress.console.print(Text.assemble(("note:", "yellow"), f" {one_line(event.text)}"))
        elif isinstance(event, Finding):
            self._progress.console.print(Text(finding_text(event), style=_FINDING_STYLES[event.severity]))

    def _start(self, run: RunStart) -> None:
        self._source_unit = run.source_unit
        self._remaining = _Remaining(run.points, run.duration, run.time_per_point)
        times = clock_text(0.0), clock_text(run.duration)
        self._task = self._progress.add_task("", total=run.points, elapsed=times[0], remaining=times[1])
        with suppress(OSError):  # a terminal that is closed already shows nothing, and that ends no run
            self._progress.start()
            self._progress.refresh()

    def _advance(self, record: Record) -> None:
        if self._task is None:
            return
        elapsed, remaining = (clock_text(time) for time in self._remaining.after(record))
        due = monotonic() - self._drawn > BAR_PERIOD
        self._drawn = monotonic() if due else self._drawn
        done = record.reading.index + 1
        self._progress.update(self._task, completed=done, refresh=due, elapsed=elapsed, remaining=remaining)

    def finish(self) -> None:
        """Take the bar off; that its terminal was closed meanwhile is no error."""
        with suppress(OSError):
            self._progress.stop()


@dataclass(frozen=True)
class _Remaining:
    """Elapsed and remaining time of the bench's own clock: points at their measured pace, spectra as planned."""

    points: int
    duration: float
    time_per_point: float

    def after(self, record: Record) -> tuple[float, float]:
        """Seconds elapsed and seconds to go, after this point."""
        total = max(self.points, 1)
        planned_left = self.duration * (total - record.reading.index - 1) / total
        return record.reading.time + self.time_per_point, planned_left


def clock_text(seconds: float) -> str:
    """3:07 or 1:02:09."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def figures_table(figures: Mapping[str, Figure], title: str) -> Table:
    """The figures of merit, like a row of a paper's table, each with uncertainty and status."""
    table = Table(title=Text(one_line(title)), title_justify="left")
    for heading, justify in (
        ("figure", "left"),
        ("value", "right"),
        ("u (k = 1)", "right"),
        ("unit", "left"),
    ):
        table.add_column(heading, justify=justify)  # type: ignore[arg-type]
    table.add_column("at")
    table.add_column("status")
    for key, quantity, name in PAPER_FIGURES:
        if key in figures:
            table.add_row(name, *_figure_cells(figures[key], CUSTOMARY[quantity]))
    return table


def _figure_cells(figure: Figure, read_in: CustomaryUnit) -> tuple[str, ...]:
    unit, factor, decimals = read_in
    value = f"{figure.value * factor:.{decimals}f}" if isfinite(figure.value) else "-"
    spread = number(figure.uncertainty * factor, 2) if isfinite(figure.uncertainty) else ""
    where = f"{figure.voltage:.2f} V" if isfinite(figure.voltage) else ""
    if isfinite(figure.current_density):
        where += f", {number(customary(figure.current_density, 'current_density'), 3)} mA/cm^2"
    return value, spread, unit.removeprefix("1"), where, one_line(figure.status)


def figures_line(figures: Mapping[str, Figure], name: str) -> str:
    """The figures of merit on one line, in the order of a paper's table."""
    parts = []
    for key, quantity, label in PAPER_FIGURES:
        unit, factor, decimals = CUSTOMARY[quantity]
        if (figure := figures.get(key)) is not None:
            text = (
                f"{label} {figure.value * factor:.{decimals}f} {unit.removeprefix('1')}"
                if isfinite(figure.value)
                else f"{label} -"
            )
            parts.append(text.rstrip() + ("" if figure.status == "ok" else f" ({figure.status})"))
    return f"{name}: " + ", ".join(parts)
