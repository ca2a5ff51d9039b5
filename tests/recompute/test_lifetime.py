"""Lifetimes computed anew: their figures and rows follow another area; their rows are computed when they are read."""

from __future__ import annotations

import csv
import shutil
from pathlib import Path

import numpy as np
import pytest

from acquire.recompute import recompute as recomputing
from acquire.recompute.changes import Changes, read_changes
from acquire.recompute.recompute import Wanted, compute, recompute
from acquire.run_file.columns import read_columns
from acquire.run_file.export.csv_files import CsvStyle, export_csv
from acquire.run_file.read import read_run

LIFETIME = Path(__file__).parents[1] / "recordings" / "replay_lifetime.h5"


def test_a_lifetime_is_the_same_again_also_in_small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    run = read_run(LIFETIME)
    for rows in (2, 1 << 16):
        monkeypatch.setattr(recomputing, "segments", in_pieces_of(rows))
        found = compute(run, run, Changes())
        assert found.unchanged == ()
        assert found.compared > 50


def in_pieces_of(rows: int):  # type: ignore[no-untyped-def]
    from acquire.run_file.columns import segments

    return lambda path, table: segments(path, table, rows=rows)


def test_another_area_moves_figures_and_rows_of_a_lifetime(tmp_path: Path) -> None:
    path = Path(shutil.copy(LIFETIME, tmp_path / "aged.h5"))
    before, stored = read_run(path), read_columns(path, "lifetime")
    recompute(path, Wanted(read_changes("28 mm^2")))
    after = read_run(path, "latest")
    assert after.figures.keys() == before.figures.keys()
    ratio = after.figures["initial_luminance"].value / before.figures["initial_luminance"].value
    assert 0.49 < ratio < 0.51
    for name, values in read_columns(path, "lifetime").items():
        np.testing.assert_array_equal(values, stored[name], err_msg=name)
    written = {one.name: one for one in export_csv(after, tmp_path / "csv", CsvStyle(header=False))}
    names, _, _, *rows = csv.reader(written["aged_area_lifetime.csv"].read_text(encoding="utf-8").splitlines())
    density = np.array([float(row[names.index("Current density")]) for row in rows]) * 10
    np.testing.assert_allclose(density, stored["current_density"] / 2, rtol=1e-12)
    luminance = np.array([float(row[names.index("Luminance")]) for row in rows])
    np.testing.assert_allclose(luminance, stored["luminance"] * ratio, rtol=1e-9)
