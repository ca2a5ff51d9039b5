"""Tables of many runs: their figures of merit, and what these are taken together, in customary units."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from acquire.archive.statistics import Statistic
from acquire.photometry.customary_units import with_unit
from acquire.run_file.export.csv_files import CsvStyle, refuse_existing, write_sheet
from acquire.run_file.export.sheets import Sheet, SheetColumn, cells, figure_row, in_papers_order
from acquire.run_file.export.workbook import OVERVIEW, write_sheets
from acquire.run_file.placing import file_written_whole
from acquire.run_file.read import ArchiveError
from acquire.run_file.summary import RunSummary

FORMATS = ("csv", "xlsx", "md")
_DIGITS = 5  # of a number in a table for people


def figures_asked(runs: Sequence[RunSummary], asked: Sequence[str] = ()) -> list[str]:
    """The figures of a table: those that were asked for, else those of a paper's table that any of the runs has.

    :raises ValueError: none of the runs has one that was asked for.
    """
    there = {name for run in runs for name in run.figures}
    if unknown := [name for name in asked if name not in there]:
        known = ", ".join(sorted(there, key=in_papers_order)) or "none"
        raise ValueError(f"no run has {', '.join(unknown)}; figures of merit of these runs: {known}")
    return list(asked) or [name for name in OVERVIEW if name in there]


def table_of(runs: Sequence[RunSummary], figures: Sequence[str]) -> Sheet:
    """A row for each run: what it is of, how it ended, and each figure with uncertainty and status."""

    def texts(name: str, text: Callable[[RunSummary], str]) -> SheetColumn:
        return SheetColumn(name, "", "", [text(run) for run in runs])

    columns = [
        texts("Sample", lambda run: run.sample),
        texts("Pixel", lambda run: run.pixel),
        texts("Batch", lambda run: run.batch),
        texts("Group", lambda run: run.group),
        texts("User", lambda run: run.user),
        texts("Started", lambda run: run.start_time),
        texts("Status", lambda run: run.state),
        texts("Findings", lambda run: ", ".join(code for codes in run.findings.values() for code in codes)),
        texts("Tags", lambda run: run.tag),
    ]
    always = ("Sample", "Started", "Status")
    needed = [column for column in columns if column.long_name in always or any(cells(column.values))]
    for name in figures:
        needed += _figure_columns(name, runs)
    last = [texts("Run", lambda run: run.run_id), texts("Run file", lambda run: run.path.as_posix())]
    return Sheet("runs", "a row for each run", [*needed, *last])


def _figure_columns(name: str, runs: Sequence[RunSummary]) -> list[SheetColumn]:
    """A figure of each run, its uncertainty, and its status: no number goes without that."""
    found = [run.figures.get(name) for run in runs]
    title, unit, factor = figure_row(name, next(one for one in found if one is not None))
    values = [one.value * factor if one else None for one in found]
    spread = [one.uncertainty * factor if one else None for one in found]
    return [
        SheetColumn(title, unit, "", np.array(values, float)),
        SheetColumn(f"u({title})", unit, "standard uncertainty (k = 1)", np.array(spread, float)),
        SheetColumn(f"Status ({title})", "", "", [one.status if one else "" for one in found]),
    ]


def statistics_table(found: Sequence[Statistic], by: Sequence[str]) -> Sheet:
    """A row for each figure of each group."""

    class _Named:
        def __init__(self, unit: str) -> None:
            self.unit = unit

    rows = [(one, *figure_row(one.figure, _Named(one.unit))) for one in found]

    def numbers(name: str, comment: str, value: Callable[[Statistic], float]) -> SheetColumn:
        return SheetColumn(name, "", comment, np.array([value(one) * factor for one, _, _, factor in rows]))

    def counts(name: str, comment: str, value: Callable[[Statistic], int]) -> SheetColumn:
        return SheetColumn(name, "", comment, np.array([value(one) for one in found]))

    columns = [
        *(
            SheetColumn(name.capitalize(), "", "", [one.together[place] for one in found])
            for place, name in enumerate(by)
        ),
        SheetColumn("Figure", "", "", [title for _, title, _, _ in rows]),
        SheetColumn("Unit", "", "", [unit for _, _, unit, _ in rows]),
        counts("Runs", "", lambda one: one.runs),
        counts("n", "runs that have the figure", lambda one: one.n),
        counts("Not ok", "of these, with another status than ok", lambda one: one.not_ok),
        numbers("Mean", "", lambda one: one.mean),
        numbers("Deviation", "sample standard deviation (n - 1)", lambda one: one.deviation),
        numbers("Median", "", lambda one: one.median),
        numbers("Least", "", lambda one: one.least),
        numbers("Largest", "", lambda one: one.largest),
        SheetColumn("Best", "", "run_id", [one.best for one in found]),
    ]
    return Sheet("statistics", "figures of merit of the runs that belong together", columns)


def write_table(sheet: Sheet, path: Path, *, force: bool = False) -> None:
    """Write a table as what its name ends with: ``.csv`` (full precision), ``.xlsx``, ``.md`` (five digits).

    :raises ArchiveError: the name ends with something else; the file exists or cannot be written; XlsxWriter is not
        installed.
    """
    kind = refuse_table(path, force=force)
    if kind == "xlsx":
        write_sheets([(sheet.name, sheet)], path, force=force)
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with file_written_whole(path, new=not force, encoding="utf-8") as stream:
            if kind == "csv":
                write_sheet(stream, sheet, [], CsvStyle())
            else:
                stream.write(markdown(sheet))
    except OSError as error:
        raise ArchiveError(f"{path}: cannot be written ({error.strerror or error})") from error


def refuse_table(path: Path, *, force: bool = False) -> str:
    """What a table at this place is written as: the ending of its name.

    :raises ArchiveError: it is none that is known, or the file exists and is not to be overwritten (``force``).
    """
    kind = path.suffix.removeprefix(".").lower()
    if kind not in FORMATS:
        raise ArchiveError(f"{path}: a table is written as what its name ends with: .csv, .xlsx or .md")
    refuse_existing([path], force=force)
    return kind


def markdown(sheet: Sheet) -> str:
    """The table as Markdown; numbers with five digits, nothing where there is none."""
    columns = [[_cell(value) for value in cells(column.values)] for column in sheet.columns]
    numeric = [isinstance(column.values, np.ndarray) for column in sheet.columns]
    names = [_cell(with_unit(column.long_name, column.unit)) for column in sheet.columns]
    rows = [names, ["---:" if right else "---" for right in numeric], *zip(*columns, strict=True)]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.{_DIGITS}g}"
    text = str(value).translate({ord("|"): "\\|", ord("\r"): " ", ord("\n"): " "})
    return "".join(sign if sign.isprintable() else "?" for sign in text)
