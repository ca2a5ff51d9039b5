"""The CSV twins of a run, for Origin and for scripts."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from acquire.photometry.customary_units import CUSTOMARY
from acquire.run_file.cells import text_cell
from acquire.run_file.layout import Column, columns_in, jvl_columns
from acquire.run_file.read import ArchiveError, Run, _text

# --- export ------------------------------------------------------------------------------------------------


def export_csv(run: Run, folder: Path) -> list[Path]:
    """Write the CSV twins of a run: points, spectra, figures of merit; rows of long name, unit, comment on top.

    What was found that contradicts its numbers is a file more, where there is anything.

    Numbers have full precision. Existing files are not overwritten.

    :raises ArchiveError: a file exists or cannot be written.
    """
    stem = run.path.stem
    tables = {
        f"{stem}_jvl.csv": _jvl_rows(run),
        f"{stem}_spectra.csv": _spectra_rows(run),
        f"{stem}_figures.csv": _figure_rows(run),
    }
    if run.findings:
        tables[f"{stem}_findings.csv"] = _finding_rows(run)
    existing = [name for name in tables if (folder / name).exists()]
    if existing:
        raise ArchiveError(f"{folder / existing[0]}: exists already; choose another folder with --to")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, rows in tables.items():
            with (folder / name).open("x", newline="", encoding="utf-8") as stream:
                csv.writer(stream).writerows(rows)
    except OSError as error:
        raise ArchiveError(f"{folder}: cannot be written ({error})") from error
    return [folder / name for name in tables]


#: Rows of a table turned into text at once.
_BLOCK = 4096


def _jvl_rows(run: Run) -> Iterator[Sequence[Any]]:
    columns = columns_in(jvl_columns(run.source_unit), run.calibration.conditions.meter_unit)
    converted = [_unit(column) for column in columns]
    yield [text_cell(c.name.replace("_", " ")) for c in columns]
    yield [text_cell(unit) for unit, _ in converted]
    yield [text_cell(run.sample if i == 0 else c.meaning) for i, c in enumerate(columns)]
    for first in range(0, run.points, _BLOCK):
        block = [run.tables["jvl"][c.name][first : first + _BLOCK] for c in columns]
        yield from zip(*(_cells(array, f) for array, (_, f) in zip(block, converted, strict=True)), strict=True)


def _unit(column: Column) -> tuple[str, float]:
    """The unit in which a column is exported, and the factor to it."""
    found = CUSTOMARY.get(column.name.removesuffix("_uncertainty").removesuffix("_independent"))
    return (column.unit, 1.0) if found is None else (found.unit, found.factor)


def _cells(array: np.ndarray[Any, Any], factor: float = 1.0) -> list[Any]:
    """A part of a column as the CSV writer takes it, which writes numbers in full precision; empty for NaN."""
    if array.dtype.kind == "S":
        words, which = np.unique(array, return_inverse=True)  # the same few at every point
        texts = [text_cell(_text(word)) for word in words]
        return [texts[i] for i in which.tolist()]
    if array.dtype.kind != "f":
        return list(array.tolist())
    values: list[Any] = (array if factor == 1.0 else array * factor).tolist()
    return ["" if value != value else value for value in values] if np.isnan(array).any() else values


def _spectra_rows(run: Run) -> Iterator[Sequence[Any]]:
    yield ["wavelength", *("spectral radiance" for _ in run.spectra)]
    yield ["nm", *("W/(m^2 sr nm)" for _ in run.spectra)]
    comments = (f"{spectrum.luminance:.6g} cd/m^2, point {spectrum.point_index}" for spectrum in run.spectra)
    yield [text_cell(text) for text in (run.sample, *comments)]
    radiance = run.tables["spectra"]["spectral_radiance"]
    for i, wavelength in enumerate(range(380, 781)):
        yield [wavelength, *_cells(radiance[:, i])]


def _figure_rows(run: Run) -> Iterator[Sequence[Any]]:
    yield ["figure of merit", "value", "unit", "status", "standard uncertainty", "reason"]
    yield [""] * 6
    yield [text_cell(run.sample), "", "", "", "", ""]
    for name, figure in run.figures.items():
        value, uncertainty = _cells(np.array([figure.value, figure.uncertainty]))
        texts = text_cell(name), text_cell(figure.unit), text_cell(figure.status), text_cell(figure.reason)
        yield [texts[0], value, *texts[1:3], uncertainty, texts[3]]


def _finding_rows(run: Run) -> Iterator[Sequence[Any]]:
    yield ["finding", "severity", "text", "value", "limit", "figures", "remedy"]
    yield [""] * 7
    yield [text_cell(run.sample), *[""] * 6]
    for one in run.findings:
        texts = [text_cell(text) for text in (one.code, str(one.severity), one.text, one.figure_names, one.remedy)]
        yield [*texts[:3], *_cells(np.array([one.value, one.limit])), *texts[3:]]
