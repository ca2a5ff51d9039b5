"""What the technician sees: progress and the current point while a sweep runs, the figures of merit at its end.

Displays are spectators: they receive every event after it has been recorded, in a thread of their own; no failure of
theirs ends a run, and a terminal that takes nothing does not hold it.
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from math import isfinite, nan
from typing import Any, TextIO

import numpy as np
from rich.box import SIMPLE_HEAD
from rich.console import Console, ConsoleDimensions, ConsoleOptions, JustifyMethod, RenderableType
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from acquire.evaluation.figure import Figure
from acquire.evaluation.figures import LUMINANCE_LEVELS
from acquire.photometry.customary_units import (
    OF_COLOUR,
    OF_CURVE,
    OF_TRANSPORT,
    PAPER,
    QUANTITIES,
    ROLL_OFF,
    Quantity,
    at_luminance,
    customary,
    quantity_of_figure,
)
from acquire.records import Columns, Finding, PointFlag, Record, Severity, Spectrum, counted
from acquire.report.rounding import customary_text, place_text
from acquire.run_file.in_words import mismatch_text
from acquire.safety.visible import one_line, visible

#: What the table on the screen has besides a paper's table, what holds at a luminance and the roll-off.
_SPECTRUM: Mapping[str, str] = {
    "chromaticity_u_prime": "u'",
    "chromaticity_v_prime": "v'",
    "dominant_wavelength": "dominant",
    "excitation_purity": "purity",
    "centroid_wavelength": "centroid",
    "correlated_colour_temperature": "CCT",
    "duv": "Duv",
    "luminous_efficacy_of_radiation": "K_r",
    "mean_photon_energy": "E_photon",
    "wall_plug_efficiency_at_power_efficiency_max": "wall-plug",
}
_CURVE: Mapping[str, str] = {
    "ideality_factor": "n",
    "luminance_ideality_factor": "n_L",
    "hysteresis_index": "HI",
    "hysteresis_index_log": "HI_log",
    "turn_on_voltage_hysteresis": "V_on shift",
    "scan_rate": "scan rate",
    "dwell": "dwell",
    "current_density_repeatability": "spread of J",
    "luminance_repeatability": "spread of L",
    "current_efficiency_repeatability": "spread of CE",
    "luminance_change": "change of L",
    "current_density_change": "change of J",
}


#: Those of a lifetime.
_LIFETIME: Mapping[str, str] = {
    "initial_luminance": "L_0",
    "lifetime_95": "T95",
    "lifetime_90": "T90",
    "lifetime_80": "T80",
    "lifetime_50": "T50",
    "largest_luminance": "L_0 by maximum",
    "lifetime_95_of_maximum": "T95 of it",
    "lifetime_90_of_maximum": "T90 of it",
    "lifetime_80_of_maximum": "T80 of it",
    "lifetime_50_of_maximum": "T50 of it",
    "lifetime_time_constant": "tau",
    "lifetime_stretching_exponent": "beta",
    "voltage_rise": "voltage rise",
    "time_under_stress": "under stress",
}


def figure_called(label: str) -> str:
    """The name in the file of a figure that the table on the screen calls ``label``; the label itself where none is."""
    known = {short.casefold(): name for _, section in _sections() for name, short in section.items()}
    return known.get(" ".join(label.split()).casefold(), label)


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


def spectrum_text(spectrum: Spectrum) -> str:
    """One line about a spectrum just taken."""
    text = (
        f"spectrum {counted(spectrum.index)} at point {counted(spectrum.point_index)}: "
        f"{number(spectrum.luminance)} cd/m^2, "
        f"{spectrum.integration_time:.3g} s integration"
        f"{f', try {spectrum.tries}' if spectrum.tries > 1 else ''}"
    )
    mismatch = spectrum.mismatch_factor
    return f"{text}, mismatch factor {mismatch_text(mismatch)}" if isfinite(mismatch) else text


#: How a finding begins where people read it: what forbids to trust a number is not to be overlooked.
FINDING_MARKS = {Severity.NOTE: "note", Severity.DOUBTFUL: "!! DOUBTFUL", Severity.IMPOSSIBLE: "!! IMPOSSIBLE"}


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
        self._own_size = not settings.keys() & {"width", "height"}

    @property  # type: ignore[misc]  # nobody sets it
    def size(self) -> ConsoleDimensions:
        """The size of the terminal behind this stream, whatever the others lead to."""
        with suppress(OSError, ValueError, AttributeError):
            # A line that nobody told its size has none
            if self._own_size and all(size := os.get_terminal_size(self.file.fileno())):
                return ConsoleDimensions(*size)
        return super().size

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """Rich's segments, with texts made visible; colours and movements of the cursor stay what they are."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else segment._replace(text=visible(segment.text))

    def on_broken_pipe(self) -> None:
        """:raises BrokenPipeError: always; who prints decides what that means."""
        raise BrokenPipeError(errno.EPIPE, "nobody reads any more")


def clock_text(seconds: float) -> str:
    """3:07 or 1:02:09."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def _sections() -> Iterator[tuple[str, Mapping[str, str]]]:
    """The rows of the table of figures, those that belong together; with a name, one row does where all are missing."""
    yield "", OF_CURVE
    for level in LUMINANCE_LEVELS:
        at = f"at {level:.0f}"
        yield at, {name: f"{symbol} {at}" for name, symbol in at_luminance(level).items()}
    yield "roll-off", ROLL_OFF
    yield "spectrum", {**OF_COLOUR, **_SPECTRUM}
    yield "", OF_TRANSPORT
    yield "", _CURVE
    yield "", _LIFETIME


def figures_table(figures: Mapping[str, Figure], title: str) -> Table:
    """The figures of merit, like a paper's table, each with uncertainty and status; below, why one is not ``ok``."""
    table = Table(title=Text(one_line(title)), title_justify="left", box=SIMPLE_HEAD, pad_edge=False)
    for heading in ("figure", "value", "u (k = 1)", "unit", "at", "status"):
        justify: JustifyMethod = "right" if heading in ("value", "u (k = 1)") else "left"
        table.add_column(heading, justify=justify, no_wrap=heading != "at", overflow="fold")
    shown: dict[str, str] = {}
    for name_of_all, section in _sections():
        rows = _rows(name_of_all, section, figures)
        shown |= rows
        for key, name in rows.items():
            cells = _figure_cells(figures[key], QUANTITIES[quantity_of_figure(key)], where=not key.endswith("_cd_m2"))
            table.add_row(name, *cells, end_section=key == list(rows)[-1])
    table.caption, table.caption_justify = Text("\n".join(_reasons(shown, figures))), "left"
    return table


def _rows(name: str, section: Mapping[str, str], figures: Mapping[str, Figure]) -> dict[str, str]:
    """The rows of a section: one by its name where all are missing alike, none for what was not done at all."""
    there = {key: label for key, label in section.items() if key in figures}
    found = {key: label for key, label in there.items() if isfinite(figures[key].value)}
    if section is _CURVE:
        return found
    alike = len({figures[key].status for key in there}) == 1
    return {next(iter(there)): name} if name and not found and alike else there


#: Findings are told in full beside the table.
_TOLD_BELOW = (Severity.DOUBTFUL, Severity.IMPOSSIBLE)


def _reasons(rows: Mapping[str, str], figures: Mapping[str, Figure]) -> Iterator[str]:
    """What is to be said of some figures, once for all of which it is said."""
    names: dict[str, list[str]] = {}
    for key, name in rows.items():
        if figures[key].reason and figures[key].status not in _TOLD_BELOW:
            names.setdefault(figures[key].reason, []).append(name)
    return (one_line(f"{', '.join(named)}: {reason}") for reason, named in names.items())


def _figure_cells(figure: Figure, quantity: Quantity, *, where: bool = True) -> tuple[str, ...]:
    unit, factor, decimals = quantity.unit, quantity.factor, quantity.decimals
    value = customary_text(figure.value * factor, decimals) if isfinite(figure.value) else "-"
    spread = number(figure.uncertainty * factor, 2) if isfinite(figure.uncertainty) else ""
    place = place_text(figure.voltage, figure.current_density) if where else ""
    return value, spread, unit.removeprefix("1"), place, one_line(figure.status)


_OF_BRANCHES: Mapping[str, str] = {
    "turn_on_voltage": "V_on",
    "external_quantum_efficiency_max": "EQE_max",
    "hysteresis_index": "HI",
    "hysteresis_index_log": "HI_log",
    "scan_rate": "rate",
    "dwell": "dwell",
}


def branches_table(branches: Columns) -> Table:
    """What the device was like on each branch of each cycle, and how fast it was; what no branch has is left out."""
    table = Table(title="by branch and cycle", title_justify="left", box=SIMPLE_HEAD, pad_edge=False)
    there = {name: label for name, label in _OF_BRANCHES.items() if np.isfinite(branches[name]).any()}
    table.add_column("cycle", justify="right", no_wrap=True)
    table.add_column("branch", no_wrap=True)
    for name, label in there.items():
        unit = QUANTITIES[quantity_of_figure(name)].unit.removeprefix("1")
        table.add_column(f"{label}\n{unit}".rstrip(), justify="right", no_wrap=True)
    for row, branch in enumerate(branches["branch"].tolist()):
        cells = [_branch_cell(branches, name, row) for name in there]
        table.add_row(str(branches["cycle"][row]), branch.decode(errors="replace"), *cells)
    return table


def _branch_cell(branches: Columns, name: str, row: int) -> str:
    quantity = QUANTITIES[quantity_of_figure(name)]
    value = float(branches[name][row]) * quantity.factor
    text = customary_text(value, quantity.decimals) if isfinite(value) else "-"
    status = branches["turn_on_status"][row].decode(errors="replace") if name == "turn_on_voltage" else "ok"
    return text if status == "ok" else f"{text} ({status})"


def figures_line(figures: Mapping[str, Figure], name: str) -> str:
    """The figures of merit on one line, in the order of a paper's table."""
    parts = []
    for key, label in PAPER.items():
        one = QUANTITIES[quantity_of_figure(key)]
        if (figure := figures.get(key)) is not None:
            text = (
                f"{label} {customary_text(figure.value * one.factor, one.decimals)} {one.unit.removeprefix('1')}"
                if isfinite(figure.value)
                else f"{label} -"
            )
            parts.append(text.rstrip() + ("" if figure.status == "ok" else f" ({figure.status})"))
    return f"{name}: " + ", ".join(parts)
