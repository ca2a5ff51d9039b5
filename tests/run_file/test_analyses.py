"""An analysis in a run file: as small as it can be, complete, plotted by viewers; and those of earlier programs."""

from __future__ import annotations

import json
import shutil
from dataclasses import fields
from pathlib import Path

import h5py
import numpy as np
import pytest

from acquire.evaluation.figure import Figure
from acquire.recompute.changes import Changes, read_changes
from acquire.recompute.recompute import Wanted, compute, recompute
from acquire.records import DERIVED
from acquire.run_file.analyses import COMPUTED
from acquire.run_file.read import Run, read_run
from tests.conftest import CONFIGS

HERE = Path(__file__).parent
#: A run with an analysis ``area`` (15 mm^2 +- 0.2 mm^2) as a data set a column, with a whole calibration.
EARLIER = HERE / "data" / "analysis_of_columns.h5"
RECORDINGS = HERE.parent / "recordings"
SAME_RUN = RECORDINGS / "replay_spectra_and_back.h5"
OF_A_LAYER = RECORDINGS / "replay_single_carrier.h5"
CALIBRATION = CONFIGS / "calibrations" / "simulated_photodiode.yaml"


def with_area(source: Path, folder: Path) -> Path:
    path = Path(shutil.copy(source, folder / "run.h5"))
    recompute(path, Wanted(read_changes(area="15 mm^2 +- 0.2 mm^2"), name="area"))
    return path


def same(one: Run, other: Run) -> None:
    """The results of two runs are the same to the last bit."""
    assert one.tables.keys() == other.tables.keys()
    for table, columns in one.tables.items():
        for name, values in columns.items():
            assert values.tobytes() == other.tables[table][name].tobytes(), f"{table}/{name}"
            assert values.dtype == other.tables[table][name].dtype, f"{table}/{name}"
    assert str(one.figures) == str(other.figures)
    fields_of = [{name: str(value) for name, value in run.calibration.to_fields().items()} for run in (one, other)]
    assert fields_of[0] == fields_of[1]
    assert one.sample_fields == other.sample_fields


def test_one_of_an_earlier_program_is_read_and_is_the_same_as_one_of_today(tmp_path: Path) -> None:
    with h5py.File(EARLIER) as file:
        assert "figures_of_merit" in file["entry/analyses/area"]
    same(read_run(EARLIER, "area"), read_run(with_area(SAME_RUN, tmp_path), "area"))
    shown = read_run(EARLIER, "area")
    assert compute(read_run(EARLIER), shown, Changes()).unchanged == ()


@pytest.mark.parametrize("source", [SAME_RUN, OF_A_LAYER], ids=lambda path: path.stem)
def test_what_is_read_of_it_is_what_was_computed(source: Path, tmp_path: Path) -> None:
    path = Path(shutil.copy(source, tmp_path / "run.h5"))
    found = recompute(path, Wanted(read_changes(area="15 mm^2 +- 0.2 mm^2"), name="area"))
    shown = read_run(path, "area")
    computed = found.computation.results
    for table, columns in computed.tables.items():
        if table != "notes":  # beside those of the run
            for name, values in columns.items():
                read = shown.tables[table][name]
                assert read.tobytes() == values.astype(read.dtype).tobytes(), f"{table}/{name}"
    assert shown.figures.keys() == computed.figures.keys()
    for name, figure in shown.figures.items():
        values = [[getattr(one, field.name) for field in fields(Figure)] for one in (figure, computed.figures[name])]
        np.testing.assert_equal(values[0], values[1], name)
    assert str(shown.calibration) == str(computed.calibration)


def test_it_holds_of_the_calibration_what_is_different(tmp_path: Path) -> None:
    path = with_area(SAME_RUN, tmp_path)
    recompute(path, Wanted(read_changes(calibration=CALIBRATION), name="calibration"))
    with h5py.File(path) as file:
        changes = {name: sorted(one["calibration_changes"]) for name, one in file["entry/analyses"].items()}
    assert "emissive_area" in changes["area"]
    assert "responsivity" not in changes["area"]
    assert set(changes["area"]) <= set(changes["calibration"])  # made from the one by area on
    assert read_run(path, "calibration").calibration.conditions.emissive_area == 15e-6


def test_it_is_few_objects_each_with_its_unit(tmp_path: Path) -> None:
    path, found = with_area(SAME_RUN, tmp_path), list[h5py.Dataset]()
    with h5py.File(path) as file:
        group = file["entry/analyses/area"]
        group.visititems(lambda _, one: found.append(one) if isinstance(one, h5py.Dataset) else None)
        assert len(found) < 20
        for dataset in found:
            if dataset.dtype.names:
                numbers = {name for name in dataset.dtype.names if dataset.dtype[name].kind != "S"}
                assert numbers <= set(json.loads(dataset.attrs["units"])), dataset.name
            else:
                assert isinstance(dataset.attrs["units"], str), dataset.name
        columns = {*group["jvl"], *group["jvl/computed"].dtype.names} - {"computed", "voltage"}
        assert columns == set(COMPUTED)


def test_viewers_plot_it_as_they_do_the_run(tmp_path: Path) -> None:
    with h5py.File(with_area(SAME_RUN, tmp_path)) as file:
        entry, group = file["entry"], file["entry/analyses/area"]
        plot = group[group.attrs["default"]]
        assert plot.attrs["NX_class"] == "NXdata"
        for name in ("signal", "axes", "auxiliary_signals", "SILX_style"):
            assert np.array_equal(plot.attrs[name], entry["jvl"].attrs[name])
        signal = plot[plot.attrs["signal"]]
        assert signal.shape == plot[plot.attrs["axes"][0]].shape == plot[plot.attrs["auxiliary_signals"][0]].shape
        assert signal.attrs["units"] == DERIVED["current_density"]
        assert signal.attrs["long_name"] == entry["jvl/current_density"].attrs["long_name"]
        np.testing.assert_allclose(signal[()], entry["jvl/current_density"][()] * 14 / 15, rtol=1e-12)
        np.testing.assert_array_equal(plot["voltage"][()], entry["jvl/voltage"][()])
