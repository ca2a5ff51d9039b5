"""What viewers and other libraries make of a run file: every piece of Python in the documentation, carried out."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from typer.testing import CliRunner

from acquire.cli.commands import app
from acquire.run_file import finish as finishing
from acquire.run_file.checksums import verify
from acquire.run_file.export.csv_files import export_csv
from acquire.run_file.export.workbook import export_workbook
from acquire.run_file.layout import tables_in
from acquire.run_file.read import Run, read_run
from tests.conftest import ROOT
from tests.support.run_files import a_run, a_simulated_run

PAGE = ROOT / "docs" / "how-to" / "open-elsewhere.md"
PIECES = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, Path]:
    """A run in a folder as the page has it, exported as it says."""
    folder = tmp_path_factory.mktemp("desk")
    a_simulated_run(folder / "runs", "hysteresis.yaml").rename(folder / "runs" / "RUN.h5")
    found = read_run(folder / "runs" / "RUN.h5")
    export_csv(found, folder / "tables")
    export_workbook([found], folder / "workbook" / "RUN.xlsx")
    return found, folder


def carried_out(word: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the one piece of the page in which a word stands leaves behind."""
    (piece,) = (piece for piece in PIECES if word in piece)
    monkeypatch.chdir(folder)
    names: dict[str, Any] = {}
    exec(compile(piece, str(PAGE), "exec"), names)
    return names


def test_every_piece_of_the_page_is_tried_below() -> None:
    words = ("read_csv", "read_excel", "h5py.File", "xarray", "silx.io.open")
    assert sorted(piece for word in words for piece in PIECES if word in piece) == sorted(PIECES)


@pytest.mark.parametrize("word", ["read_csv", "read_excel"])
def test_pandas_reads_exported_tables(word: str, desk: tuple[Run, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    run, folder = desk
    points = carried_out(word, folder, monkeypatch)["points"]
    assert list(points.columns[:2]) == ["Voltage", "Current density"]
    np.testing.assert_allclose(points["Voltage"], run.tables["jvl"]["voltage"], rtol=1e-15)
    eqe = run.tables["jvl"]["external_quantum_efficiency"]
    np.testing.assert_allclose(points["External quantum efficiency"], 100 * eqe, rtol=1e-15)
    assert points["Branch"].iloc[-1] == "reverse"


def test_h5py_and_pandas_read_the_run_file(desk: tuple[Run, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    run, folder = desk
    names = carried_out("h5py.File", folder, monkeypatch)
    np.testing.assert_array_equal(names["points"]["luminance"], run.tables["jvl"]["luminance"])
    figure = run.figures["external_quantum_efficiency_max"]
    assert (names["best"], names["status"], names["uncertainty"]) == (figure.value, figure.status, figure.uncertainty)


def test_xarray_has_voltage_and_wavelength_as_coordinates(
    desk: tuple[Run, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    run, folder = desk
    names = carried_out("xarray", folder, monkeypatch)
    points, spectra = names["points"], names["spectra"]
    assert set(points.coords) == {"voltage"}
    assert set(spectra.coords) == {"point_index", "wavelength"}
    np.testing.assert_array_equal(points.voltage, run.tables["jvl"]["voltage"])
    for name in points.data_vars:
        assert points[name].dims == ("voltage",), name
    np.testing.assert_array_equal(points.luminance, run.tables["jvl"]["luminance"])
    assert points.voltage.attrs["long_name"] == "Voltage (V)"
    assert names["forward"].sizes["voltage"] == int((run.tables["jvl"]["branch"] == b"forward").sum())
    np.testing.assert_array_equal(names["green"], run.tables["spectra"]["spectral_radiance"][:, 520 - 380])
    for dataset in (points, spectra):
        dataset.close()


def test_silx_plots_current_density_on_a_logarithmic_axis(
    desk: tuple[Run, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("silx")
    run, folder = desk
    names = carried_out("silx.io.open", folder, monkeypatch)
    assert (names["title"], names["axes"], names["scale"]) == ("Current density (A/m^2)", ["Voltage (V)"], "log")
    np.testing.assert_array_equal(names["current_density"], run.tables["jvl"]["current_density"])
    np.testing.assert_array_equal(names["voltage"], run.tables["jvl"]["voltage"])


def test_every_data_set_has_the_title_of_an_axis(desk: tuple[Run, Path]) -> None:
    run, _ = desk
    with h5py.File(run.path) as file:
        for table in tables_in(file["entry"]):
            group = file["entry"][table.name]
            for name, dataset in group.items():
                title, unit = dataset.attrs["long_name"], dataset.attrs["units"]
                assert title.endswith(f" ({unit})") if unit not in ("", "1") else "(" not in title, name
                assert title[0].isupper(), name
            titles = [dataset.attrs["long_name"] for dataset in group.values()]
            assert len(set(titles)) == len(titles)
        jvl = file["entry/jvl"]
        assert jvl["luminance"].attrs["long_name"] == "Luminance (cd/m^2)"
        assert jvl["photodiode_signal"].attrs["description"] == "as its meter reads it, dark value not subtracted"
        assert "description" not in jvl["luminance"].attrs
        assert json.loads(jvl.attrs["SILX_style"])["signal_scale_type"] == "log"


def test_scales_change_no_checksum_and_more_may_be_attached(desk: tuple[Run, Path], tmp_path: Path) -> None:
    """A scale knows who refers to it: that is no part of what is sealed, or nobody could plot against it."""
    run, _ = desk
    path = tmp_path / "run.h5"
    path.write_bytes(run.path.read_bytes())
    with h5py.File(path, "r+") as file:
        more = file["entry"].create_dataset("mine", data=np.zeros(run.points))
        more.dims[0].attach_scale(file["entry/jvl/voltage"])
    assert read_run(path).integrity.damaged == ()
    with h5py.File(path) as file:
        assert verify(file["entry"], ["jvl", "spectra"]).damaged == ()


def test_a_recorded_file_has_no_scales_and_a_recovered_one_does(tmp_path: Path) -> None:
    """What is laid out before a run holds nothing that the run does not need."""
    path = tmp_path / "run.h5"
    a_run(path, points=3).close()
    with h5py.File(path) as file:
        assert not file["entry/jvl/voltage"].is_scale
        assert file["entry/jvl/voltage"].attrs["long_name"] == "Voltage (V)"
    finishing.recover(path)
    with h5py.File(path) as file:
        assert file["entry/jvl/voltage"].is_scale
        assert file["entry/spectra/spectral_radiance"].dims[1][0].name == "/entry/spectra/wavelength"


def test_of_an_analysis_viewers_show_the_curve(desk: tuple[Run, Path], tmp_path: Path) -> None:
    viewer = pytest.importorskip("silx.io.nxdata")
    path = Path(shutil.copy(desk[1] / "runs" / "RUN.h5", tmp_path / "run.h5"))
    answer = CliRunner().invoke(app, ["recompute", str(path), "--area", "15 mm^2"])
    assert answer.exit_code == 0, answer.output
    with h5py.File(path) as file:
        (analysis,) = file["entry/analyses"].values()
        plot = viewer.NXdata(analysis[analysis.attrs["default"]])
        assert plot.is_valid, plot.issues
        assert (plot.signal_dataset_name, plot.axes_dataset_names) == ("current_density", ["voltage"])
        assert plot.axes[0][:].tolist() == file["entry/jvl/voltage"][:].tolist()
        assert plot.signal[:] == pytest.approx(file["entry/jvl/current_density"][:] * 14 / 15)
        assert viewer.get_default(file).group.name == "/entry/jvl"
