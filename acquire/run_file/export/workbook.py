"""One run, or a batch of them, as an Excel workbook: a sheet for each table, numbers as numbers, texts as texts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from io import BytesIO
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from acquire.run_file.export.about import about, status_text
from acquire.run_file.export.csv_files import refuse_existing
from acquire.run_file.export.sheets import Sheet, SheetColumn, cells, figure_row, sheets_of
from acquire.run_file.placing import replace_file
from acquire.run_file.read import ArchiveError, Run
from acquire.safety.visible import one_line

if TYPE_CHECKING:
    from xlsxwriter import Workbook
    from xlsxwriter.worksheet import Worksheet

MOST_ROWS = 1_048_576  # of a sheet (Excel)
LONGEST_CELL = 32_767  # characters (Excel); XlsxWriter leaves out what is longer
LABELS = 3  # rows on top: long name, unit, comment
_MANY = 1_000_000  # cells that are not kept in memory

#: The figures of the overview of a batch.
OVERVIEW = (
    "turn_on_voltage",
    "luminance_max",
    "current_efficiency_max",
    "power_efficiency_max",
    "external_quantum_efficiency_max",
    "voltage_at_1000_cd_m2",
    "current_density_at_1000_cd_m2",
    "current_efficiency_at_1000_cd_m2",
    "power_efficiency_at_1000_cd_m2",
    "external_quantum_efficiency_at_1000_cd_m2",
    "chromaticity_x",
    "chromaticity_y",
    "peak_wavelength",
    "fwhm",
)


def export_workbook(runs: Sequence[Run], path: Path, *, header: bool = True, force: bool = False) -> Path:
    """Write one workbook of these runs; of several, an overview comes first, and the sheets of each are numbered.

    ``header``: sheets that say what each run is. A text is never a formula, whatever it begins with. Numbers have the
    16 digits that such files hold. With ``force`` a workbook of this name is replaced.

    :raises ArchiveError: XlsxWriter, the extra ``xlsx``, is not installed; there are more points than rows in a sheet;
        the file exists or cannot be written.
    """
    return write_sheets(list(_sheets(runs, header)), path, force=force)


def write_sheets(sheets: Sequence[tuple[str, Sheet]], path: Path, *, force: bool = False) -> Path:
    """Write a workbook of these sheets, each with its name.

    :raises ArchiveError: as :func:`export_workbook`.
    """
    refuse_existing([path], force=force)
    most = max(sheet.rows for _, sheet in sheets)
    if most + LABELS > MOST_ROWS:
        raise ArchiveError(f"{path}: a sheet of Excel has no room for {most} rows; export them with --format csv")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(path, _written(sheets), new=not force)
    except OSError as error:
        raise ArchiveError(f"{path}: cannot be written ({error})") from error
    return path


def _written(sheets: Sequence[tuple[str, Sheet]]) -> bytes:
    """:raises ArchiveError: XlsxWriter is not installed."""
    try:
        from xlsxwriter import Workbook
    except ImportError as error:
        raise ArchiveError(
            'workbooks need XlsxWriter, the extra "xlsx": pip install "jvl-bench[xlsx]"; --format csv works without it'
        ) from error
    content = BytesIO()
    size = sum(sheet.rows * len(sheet.columns) for _, sheet in sheets)
    with Workbook(content, {"constant_memory": size > _MANY}) as book:
        bold, grey = book.add_format({"bold": True}), book.add_format({"font_color": "#606060"})
        for name, sheet in sheets:
            _write_sheet(book, name, sheet, (bold, None, grey))
    return content.getvalue()


def _write_sheet(book: Workbook, name: str, sheet: Sheet, formats: Sequence[Any]) -> None:
    page: Worksheet = book.add_worksheet(name)
    for index, column in enumerate(sheet.columns):
        page.set_column(index, index, _width(column))
    page.freeze_panes(LABELS, 1)
    for row, label in enumerate(("long_name", "unit", "comment")):
        for index, column in enumerate(sheet.columns):
            _put(page, row, index, getattr(column, label), formats[row])
    for row, values in enumerate(zip(*(_block(column) for column in sheet.columns), strict=True), LABELS):
        for index, value in enumerate(values):
            _put(page, row, index, value)


def _width(column: SheetColumn) -> int:
    """How many characters a column shows: its name and its first texts, no more than are read at a glance."""
    texts = [value for value in cells(column.values, 0, 100) if isinstance(value, str)]
    return min(max(map(len, [column.long_name, "12345678", *texts])), 60) + 2


def _block(column: SheetColumn, rows: int = 4096) -> Iterator[Any]:
    for first in range(0, len(column.values), rows):
        yield from cells(column.values, first, first + rows)


def _put(page: Worksheet, row: int, column: int, value: Any, style: Any = None) -> None:
    """Write a value by its kind; nothing where there is none, and what is no number for Excel as a text."""
    if value is None or value == "":
        return
    if isinstance(value, str) or not isfinite(value):
        page.write_string(row, column, one_line(str(value))[:LONGEST_CELL], style)
    else:
        page.write_number(row, column, value, style)


# --- which sheets --------------------------------------------------------------------------------------------


def _sheets(runs: Sequence[Run], header: bool) -> Iterator[tuple[str, Sheet]]:
    """The sheets by their names, which Excel holds to 31 characters."""
    if len(runs) == 1:
        if header:
            yield "about", _about(runs)
        yield from ((sheet.name, sheet) for sheet in sheets_of(runs[0]))
        return
    yield "overview", _overview(runs)
    if header:
        yield "about", _about(runs)
    for number, run in enumerate(runs, 1):
        yield from ((f"{number} {sheet.name}", sheet) for sheet in sheets_of(run))


def _about(runs: Sequence[Run]) -> Sheet:
    """What each run is: a row for each thing to be known, a column for each run."""
    known = [dict(about(run)) for run in runs]
    keys = list(dict.fromkeys(key for one in known for key in one))
    columns = [
        SheetColumn(_numbered("Run", number, runs), "", "", [one.get(key, "") for key in keys])
        for number, one in enumerate(known, 1)
    ]
    return Sheet("about", "what each run is", [SheetColumn("About", "", "", keys), *columns])


def _numbered(name: str, number: int, runs: Sequence[Run]) -> str:
    return name if len(runs) == 1 else f"{name} {number}"


def _overview(runs: Sequence[Run]) -> Sheet:
    """A row for each run, with the figures by which devices are compared."""

    def texts(name: str, text: Callable[[Run], str]) -> SheetColumn:
        return SheetColumn(name, "", "", [text(run) for run in runs])

    columns = [
        SheetColumn("Run", "", "number of its sheets", np.arange(1, len(runs) + 1)),
        texts("Sample", lambda run: run.sample),
        *(texts(name.capitalize(), partial(_field, name=name)) for name in ("pixel", "batch", "group")),
        texts("Started", lambda run: run.start_time),
        texts("Status", status_text),
        texts("Tags", lambda run: ", ".join(run.tags)),
    ]
    for name in OVERVIEW:
        columns += _figure_columns(name, runs)
    return Sheet("overview", "a row for each run", [*columns, texts("Run file", lambda run: run.path.name)])


def _field(run: Run, name: str) -> str:
    return str(run.sample_fields.get(name, ""))


def _figure_columns(name: str, runs: Sequence[Run]) -> list[SheetColumn]:
    """A figure of each run, its uncertainty, and its status: no number goes without that."""
    figures = [run.figures.get(name) for run in runs]
    known = [figure for figure in figures if figure is not None]
    if not known:
        return []
    title, unit, factor = figure_row(name, known[0])
    values = [figure.value * factor if figure else None for figure in figures]
    spread = [figure.uncertainty * factor if figure else None for figure in figures]
    return [
        SheetColumn(title, unit, "", np.array(values, float)),
        SheetColumn(f"u({title})", unit, "standard uncertainty (k = 1)", np.array(spread, float)),
        SheetColumn(f"Status ({title})", "", "", [figure.status if figure else "" for figure in figures]),
    ]
