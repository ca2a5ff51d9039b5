"""A run as CSV files: on top what the file is, then rows of long name, unit and comment, then numbers."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from acquire.run_file.cells import text_cell
from acquire.run_file.export.about import about
from acquire.run_file.export.sheets import Sheet, cells, sheets_of
from acquire.run_file.placing import file_written_whole
from acquire.run_file.read import ArchiveError, Run

#: Rows of a table turned into text at once.
_BLOCK = 4096


@dataclass(frozen=True)
class CsvStyle:
    """How CSV files are written.

    ``separator`` of cells, one character; ``decimal`` mark of numbers, a point or a comma; ``header``: what the file is
    stands on top, in lines that begin with "# "; ``bom``: a mark by which Excel knows UTF-8.
    """

    separator: str = ","
    decimal: str = "."
    header: bool = True
    bom: bool = False


def export_csv(run: Run, folder: Path, style: CsvStyle | None = None, *, force: bool = False) -> list[Path]:
    """Write the tables of a run, a file each: points, housekeeping, spectra, figures of merit and more.

    Numbers have full precision. With ``force`` files of these names are replaced, without it they stay.

    :raises ArchiveError: a file exists or cannot be written.
    """
    style = style or CsvStyle()
    paths = {folder / f"{run.stem}_{sheet.name}.csv": sheet for sheet in sheets_of(run)}
    refuse_existing(list(paths), force=force)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for path, sheet in paths.items():
            with file_written_whole(path, new=not force, encoding="utf-8-sig" if style.bom else "utf-8") as stream:
                write_sheet(stream, sheet, about(run, sheet.meaning) if style.header else [], style)
    except OSError as error:
        raise ArchiveError(f"{folder}: cannot be written ({error})") from error
    return list(paths)


def refuse_existing(paths: Sequence[Path], *, force: bool) -> None:
    """:raises ArchiveError: one of these files exists and is not to be replaced."""
    existing = [path for path in paths if path.exists()]
    if existing and not force:
        raise ArchiveError(f"{existing[0]}: exists already; choose another folder with --to, or replace with --force")


def write_sheet(stream: TextIO, sheet: Sheet, header: Sequence[tuple[str, str]], style: CsvStyle) -> None:
    """One table: header, three rows of labels, rows of values."""
    plain = csv.writer(stream, delimiter=style.separator)
    quoted = csv.writer(stream, delimiter=style.separator, quoting=csv.QUOTE_ALL)

    def write(rows: Iterable[Sequence[Any]], texts: Iterable[str]) -> None:
        # who skips what follows a "#" must not do so in the middle of a name
        (quoted if any("#" in text for text in texts) else plain).writerows(rows)

    if header:
        plain.writerow(["# Header lines", len(header) + 1])
    plain.writerows([f"# {key}", text_cell(text, style.separator)] for key, text in header)
    for label in ("long_name", "unit", "comment"):
        texts = [text_cell(getattr(column, label), style.separator) for column in sheet.columns]
        write([texts], texts)
    for first in range(0, sheet.rows, _BLOCK):
        words: dict[str, str] = {}
        columns = [_texts(cells(column.values, first, first + _BLOCK), style, words) for column in sheet.columns]
        write(zip(*columns, strict=True), words)


def _texts(values: Iterable[Any], style: CsvStyle, words: dict[str, str]) -> list[Any]:
    """Values as the CSV writer takes them, which writes numbers in full precision; ``words`` gathers the texts."""
    return [_cell(value, style, words) for value in values]


def _cell(value: Any, style: CsvStyle, words: dict[str, str]) -> Any:
    if isinstance(value, str):
        if value not in words:  # the same few in a column
            words[value] = text_cell(value, style.separator)
        return words[value]
    if style.decimal != "." and isinstance(value, float):
        return repr(value).replace(".", style.decimal)
    return value
