"""Several runs beside each other: as columns where the window is wide enough, else a line each."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from acquire.cli.arguments import FAILED
from acquire.cli.conditions import findings_in_short, how_far
from acquire.cli.display import SpectatorConsole, number
from acquire.cli.terminal import complain, say, say_json, whoever_listens
from acquire.evaluation.figures import LUMINANCE_LEVELS
from acquire.photometry.customary_units import (
    OF_COLOUR,
    OF_CURVE,
    OF_TRANSPORT,
    PAPER,
    QUANTITIES,
    ROLL_OFF,
    at_luminance,
    customary,
    quantity_of_figure,
)
from acquire.report.rounding import customary_text
from acquire.run_file.conditions import facts_of
from acquire.run_file.read import ArchiveError, Run
from acquire.run_file.summary import RunSummary, summary_of
from acquire.safety.visible import one_line

if TYPE_CHECKING:
    from rich.table import Table

_IN_A_LINE = 5  # figures of a paper's table, where runs are lines

Row = tuple[str, Callable[[Run], str]]


def print_comparison(found: Sequence[tuple[Path, Run | ArchiveError]], as_json: bool) -> None:
    """Say of several runs what there is to compare, and of each file that cannot be read why.

    :raises typer.Exit: one could not be read, or is damaged.
    """
    runs = [run for _, run in found if isinstance(run, Run)]
    with whoever_listens(sys.stdout):
        if as_json:
            say_json({"runs": [run.summary() for run in runs]})
        elif runs:
            _print(runs)
    wrong = [str(run) for _, run in found if not isinstance(run, Run)]
    wrong += [f"{run.path}: {run.integrity}" for run in runs if run.integrity.damaged]
    if wrong:
        raise complain(wrong, FAILED)


def _print(runs: Sequence[Run]) -> None:
    console = SpectatorConsole() if sys.stdout is not None and sys.stdout.isatty() else SpectatorConsole(width=_WIDE)
    alike, different = _conditions(runs)
    console.print(_that_fits(runs, different, console.width))
    if different and not _has_columns(runs, console.width):
        say(sys.stdout, f"they differ in: {', '.join(label for label, _ in different)}")
    for number_of, (label, text) in enumerate(alike):
        say(sys.stdout, f"{'' if number_of else 'the same in all:':<17}{label:<14}{text}")
    say(sys.stdout, *(f"{_name(run)}: {text}" for run in runs if (text := how_far(run))))
    if any("*" in _value(run, name, "") for run in runs for name, _ in _all_figures()):
        say(sys.stdout, "* not plain ok: why, says acquire show of this run alone")


def _that_fits(runs: Sequence[Run], different: Sequence[Row], width: int) -> Table:
    """Runs as columns, with their uncertainties or without; as lines where that is too wide, with fewer figures."""
    if _has_columns(runs, width):
        return _as_columns(runs, different, _width_as_columns(runs, spread=True) <= width)
    most = next((most for most in range(_IN_A_LINE, 0, -1) if _width_as_lines(runs, most) <= width), 0)
    return _as_lines(runs, most, _longest(runs) + max(width - _width_as_lines(runs, most), 0))


def _has_columns(runs: Sequence[Run], width: int) -> bool:
    return _width_as_columns(runs, spread=False) <= width


_WIDE = 200  # columns where nobody looks through a window


def _name(run: Run) -> str:
    """What a run is called among others: sample and pixel."""
    return " ".join(filter(None, [run.sample, str(run.sample_fields.get("pixel", ""))]))


def _conditions(runs: Sequence[Run]) -> tuple[list[tuple[str, str]], list[Row]]:
    """Conditions that all runs share, and those in which they differ."""
    every = [dict(_compared(run)) for run in runs]
    labels = dict.fromkeys(label for one in every for label in one)
    alike = [(label, every[0][label]) for label in labels if len({one.get(label, "") for one in every}) == 1]
    texts = {run.path: one for run, one in zip(runs, every, strict=True)}

    def text_of(label: str) -> Row:
        return label, lambda run: texts[run.path].get(label, "")

    return alike, [text_of(label) for label in labels if label not in dict(alike)]


def _compared(run: Run) -> Iterator[tuple[str, str]]:
    """Conditions that make runs comparable, or not."""
    told = facts_of(run)
    wanted = ("structure", "results", "emissive area", "levels", "compliance", "reading", "wires")
    yield from ((name, told[name]) for name in wanted if name in told)
    yield "calibration", told["photodiode"].partition(":")[0]


# --- runs as columns -----------------------------------------------------------------------------------------


def _as_columns(runs: Sequence[Run], different: Sequence[Row], spread: bool) -> Table:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("", no_wrap=True)
    for run in runs:
        table.add_column(Text(one_line(_name(run))), justify="right", min_width=_least(run, runs, spread))
    for label, text in (*_HEAD, *different, *_figures(runs, spread), *_FOOT):
        cells = [one_line(text(run)) for run in runs]
        if any(cells):
            table.add_row(label, *map(Text, cells))
    return table


def _least(run: Run, runs: Sequence[Run], spread: bool) -> int:
    """How wide the column of a run is at least: a number does not go on in the next line, texts do."""
    return max([_DATE, *(len(text(run)) for _, text in _figures(runs, spread))])


def _width_as_columns(runs: Sequence[Run], spread: bool) -> int:
    labels = max([_LABELS, *(len(label) for label, _ in _figures(runs, spread))])
    return labels + sum(2 + _least(run, runs, spread) for run in runs)


_DATE, _LABELS = 10, 13  # columns that a date takes, and the names of conditions


def _summary(ask: Callable[[RunSummary], str]) -> Callable[[Run], str]:
    return lambda run: ask(summary_of(run))


_HEAD: tuple[Row, ...] = (
    ("date", lambda run: run.start_time[:16].replace("T", " ")),
    ("batch", lambda run: str(run.sample_fields.get("batch", ""))),
    ("status", _summary(lambda run: run.state)),
)
_FOOT: tuple[Row, ...] = (
    ("findings", _summary(findings_in_short)),
    ("tags", lambda run: ", ".join(run.tags)),
    ("file", lambda run: run.path.stem[-8:]),
)


def _figures(runs: Sequence[Run], spread: bool) -> Iterator[Row]:
    """The rows of the figures that any of the runs has."""
    for name, label in _all_figures():
        if any(name in run.figures and run.figures[name].value == run.figures[name].value for run in runs):
            unit = QUANTITIES[quantity_of_figure(name)].unit.removeprefix("1")
            yield f"{label}{f' ({unit})' if unit else ''}", _valued(name, spread)


def _all_figures() -> Iterator[tuple[str, str]]:
    yield from OF_CURVE.items()
    for level in LUMINANCE_LEVELS:
        yield from ((name, f"{symbol} at {level:.0f}") for name, symbol in at_luminance(level).items())
    yield from {**ROLL_OFF, **OF_COLOUR, **OF_TRANSPORT}.items()


def _valued(name: str, spread: bool) -> Callable[[Run], str]:
    return lambda run: _value(run, name, " +- " if spread else "")


def _value(run: Run, name: str, between: str) -> str:
    """A figure as people read it, its standard uncertainty behind ``between``; a star where it is not plain ok."""
    figure, quantity = run.figures.get(name), quantity_of_figure(name)
    if figure is None or figure.value != figure.value:
        return "-"
    value = customary_text(customary(figure.value, quantity), QUANTITIES[quantity].decimals)
    known = between and figure.uncertainty == figure.uncertainty
    uncertainty = f"{between}{number(customary(figure.uncertainty, quantity), 2)}" if known else ""
    return f"{value}{uncertainty}{'' if figure.status == 'ok' else '*'}"


# --- runs as lines -------------------------------------------------------------------------------------------


def _in_a_line(most: int) -> Iterator[tuple[str, str]]:
    """The figures in the line of a run, the most important ones first to stay."""
    yield from list(PAPER.items())[:most]
    yield "external_quantum_efficiency_at_1000_cd_m2", "EQE_1000"


def _as_lines(runs: Sequence[Run], most: int, sample: int) -> Table:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("sample", overflow="ellipsis", no_wrap=True, min_width=_longest(runs), max_width=sample)
    for heading, *cells in _columns(runs, most):
        width = max(len(line) for cell in (heading, *cells) for line in cell.split("\n"))
        table.add_column(heading, justify="right", no_wrap=True, min_width=width)
    table.add_column("status", no_wrap=True, min_width=_STATUS)
    table.add_column("file", no_wrap=True, min_width=_ID)
    for run in runs:
        table.add_row(Text(one_line(_name(run))), *_cells(run, most), summary_of(run).state, run.path.stem[-8:])
    return table


_SAMPLE, _STATUS, _ID = 16, 9, 8  # columns for a name at most, for the others at least


def _longest(runs: Sequence[Run]) -> int:
    """Columns for the names, of which the end often tells one run from another."""
    from rich.cells import cell_len

    return min(max(_ID, *(cell_len(one_line(_name(run))) for run in runs)), _SAMPLE)


def _columns(runs: Sequence[Run], most: int) -> Iterator[tuple[str, ...]]:
    """The heading of each figure in the line of a run, in two lines, and the values below it."""
    for name, label in _in_a_line(most):
        yield f"{label}\n{QUANTITIES[quantity_of_figure(name)].unit}", *(_value(run, name, "") for run in runs)


def _cells(run: Run, most: int) -> list[str]:
    return [_value(run, name, "") for name, _ in _in_a_line(most)]


def _width_as_lines(runs: Sequence[Run], most: int) -> int:
    figures = sum(2 + max(len(line) for cell in column for line in cell.split("\n")) for column in _columns(runs, most))
    return _longest(runs) + figures + 2 + _STATUS + 2 + _ID
