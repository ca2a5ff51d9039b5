"""The command line as a person or a script meets it: output, files, exit status."""

from __future__ import annotations

import csv
import json
import re
import signal
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from acquire import __main__ as main_module
from acquire.cli import commands
from acquire.run_file.read import read_run
from tests.conftest import CONFIGS
from tests.support.command import acquire
from tests.support.run_files import a_cut_off_run, a_simulated_run, status_of

QUICK = CONFIGS / "sweeps" / "quick_look.yaml"
LIQ = CONFIGS / "sweeps" / "table2_sppo13_liq.yaml"

pytestmark = pytest.mark.usefixtures("read_here")


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, object]]:
    """One whole run through the command line, and what it printed as JSON."""
    folder = tmp_path_factory.mktemp("finished")
    done = acquire("run", LIQ, "--output", folder, "--json")
    assert done.status == 0, done.err
    summary = json.loads(done.out)
    return Path(summary["path"]), summary


def test_a_run_prints_one_line_a_point_below_its_columns_then_the_figures_that_the_output_is_off_and_the_path(
    tmp_path: Path,
) -> None:
    done = acquire("run", QUICK, "--output", tmp_path)
    assert done.status == 0, done.err
    lines = done.out.splitlines()
    head = next(line.split() for line in lines if line.startswith("point "))
    assert head[:4] == ["point", "level[V]", "V[V]", "J[mA/cm^2]"]
    points = [line.split() for line in lines if re.match(r" *\d+/\d+ ", line) and len(line.split()) >= len(head) - 1]
    assert [point[0] for point in points] == [f"{number}/17" for number in range(1, len(points) + 1)]
    path = Path(done.out.strip().splitlines()[-1])
    with h5py.File(path) as file:
        assert len(points) == len(file["entry/jvl/voltage"]) > 10
    assert "V_on" in done.out
    assert "stopped (luminance" in done.out
    assert "the output is off: taken to zero, switched off, asked" in done.out
    assert done.err == ""


def test_json_is_alone_on_standard_output(finished: tuple[Path, dict[str, object]]) -> None:
    path, summary = finished
    assert summary["status"] == "completed"
    assert summary["stop_reason"] == ""
    assert summary["output"] == "is off: taken to zero, switched off, asked"
    figures = summary["figures_of_merit"]
    assert isinstance(figures, dict)
    assert figures["turn_on_voltage"]["unit"] == "V"
    assert figures["turn_on_voltage"]["status"] == "ok"
    interval = {"uncertainty", "coverage_factor", "expanded_uncertainty"}
    assert set(figures["turn_on_voltage"]) == {"value", "unit", "status", "reason", "at", *interval}
    assert 0.0 < figures["turn_on_voltage"]["uncertainty"] < 0.05
    assert figures["correlated_colour_temperature"]["value"] is None
    assert "no colour temperature" in figures["correlated_colour_temperature"]["reason"]
    with h5py.File(path) as file:
        assert file["entry/run_id"][()].decode() == summary["run_id"]


def test_the_file_has_the_names_and_units_others_rely_on(finished: tuple[Path, dict[str, object]]) -> None:
    path, _ = finished
    with h5py.File(path) as file:
        assert file.attrs["default"] == "entry"
        entry = file["entry"]
        assert entry.attrs["NX_class"] == "NXentry"
        assert entry.attrs["default"] == "jvl"
        assert entry["status"][()] == b"completed"
        for name in ("title", "start_time", "end_time", "run_id", "program_name", "stop_reason"):
            assert name in entry
        assert "version" in entry["program_name"].attrs
        assert entry["sample/name"][()] == b"SPPO13/Liq"
        assert entry["sample/emissive_area"][()] == 1.4e-5
        assert entry["sample/emissive_area"].attrs["units"] == "m^2"
        assert entry["configuration/sweep_yaml"][()].decode() == LIQ.read_text(encoding="utf-8")
        json.loads(entry["configuration/resolved_json"][()])
        for role in ("smu", "photodiode_meter", "spectroradiometer"):
            assert "MODEL" in entry["instrument"][role].attrs["identification"] or role == "spectroradiometer"
            assert entry["instrument"][role].attrs["resource"]
        jvl = entry["jvl"]
        units = {name: dataset.attrs["units"] for name, dataset in jvl.items()}
        expected = {
            "time": "s", "source_level": "V", "voltage": "V", "current": "A", "photodiode_signal": "V",
            "current_density": "A/m^2", "luminance": "cd/m^2", "current_efficiency": "cd/A",
            "power_efficiency": "lm/W", "external_quantum_efficiency": "1",
            "external_quantum_efficiency_uncertainty": "1", "luminance_uncertainty": "cd/m^2",
        }  # fmt: skip
        assert expected.items() <= units.items()
        assert {"branch", "flags", "spectrum_source", "spectrum_index"} <= set(jvl)
        assert len({len(dataset) for dataset in jvl.values()}) == 1
        spectra = entry["spectra"]
        assert spectra.attrs["NX_class"] == "NXdata"
        assert spectra["wavelength"].shape == (401,)
        assert spectra["wavelength"].attrs["units"] == "nm"
        assert spectra["spectral_radiance"].shape[1] == 401
        assert spectra["spectral_radiance"].attrs["units"] == "W/(m^2 sr nm)"
        for name in ("point_index", "luminance", "x", "y", "peak_wavelength", "fwhm", "integration_time"):
            assert len(spectra[name]) == len(spectra["spectral_radiance"])
        for dataset in entry["figures_of_merit"].values():
            assert dataset.shape == ()
            assert dataset.attrs["units"]
            assert dataset.attrs["status"]
        assert "recording" not in entry


def test_live_values_are_kept_beside_the_final_ones(finished: tuple[Path, dict[str, object]]) -> None:
    path, _ = finished
    with h5py.File(path) as file:
        live, final = file["entry/jvl_live"], file["entry/jvl"]
        assert final.attrs["parent"] == "/entry/jvl_live"
        assert set(live["spectrum_source"][:]) == {b"assumed", b"nearest", b"interpolated"}
        assert {b"measured", b"interpolated", b"nearest"} == set(final["spectrum_source"][:])
        assert not (final["flags"][:] & 64).any()
        difference = live["external_quantum_efficiency"][60] / final["external_quantum_efficiency"][60] - 1
        assert 0 < abs(difference) < 0.02


def test_both_meters_sample_while_a_spectrum_integrates(finished: tuple[Path, dict[str, object]]) -> None:
    path, _ = finished
    with h5py.File(path) as file:
        samples, spectra = file["entry/exposure_samples"], file["entry/spectra"]
        for index, (start, stop) in enumerate(zip(spectra["start"][:], spectra["stop"][:], strict=True)):
            mine = samples["spectrum_index"][:] == index
            assert mine.any()
            times = samples["time"][:][mine]
            assert (times >= start).all()
            assert (np.diff(times) < 2.5).all()
            assert times.max() >= stop - 2.5
            level = file["entry/jvl/voltage"][spectra["point_index"][index]]
            assert np.allclose(samples["voltage"][:][mine], level, atol=2e-3)


def test_show_and_export(finished: tuple[Path, dict[str, object]], tmp_path: Path) -> None:
    path, summary = finished
    shown = acquire("show", path)
    assert shown.status == 0
    assert "SPPO13/Liq" in shown.out
    assert "GPIB0::24::INSTR" in shown.out
    of_the_file = {name: value for name, value in summary.items() if name != "output"}  # of the run just now
    assert json.loads(acquire("show", path, "--json").out) == of_the_file
    exported = acquire("export", path, "--to", tmp_path, "--no-header")
    assert exported.status == 0, exported.err
    files = [Path(line) for line in exported.out.split()]
    with files[0].open(newline="", encoding="utf-8") as stream:
        rows = list(csv.reader(stream))
    column = rows[0].index("Voltage")
    assert rows[1][column] == "V"
    with h5py.File(path) as file:
        assert [float(row[column]) for row in rows[3:]] == file["entry/jvl/voltage"][:].tolist()
        eqe = rows[0].index("External quantum efficiency")
        assert rows[1][eqe] == "%"
        assert float(rows[60][eqe]) == pytest.approx(100 * file["entry/jvl/external_quantum_efficiency"][57])
    again = acquire("export", path, "--to", tmp_path)
    assert again.status == 1
    assert "exists already" in again.err
    assert acquire("export", path, "--to", tmp_path, "--no-header", "--force").status == 0


def test_plan_opens_nothing_and_tells_steps_duration_and_stress() -> None:
    done = acquire("plan", LIQ)
    assert done.status == 0
    assert "81 points" in done.out
    assert "largest stress: 8 V, 100 mA, 800 mW" in done.out


@pytest.mark.parametrize("command", ["run", "plan"])
def test_a_wrong_sweep_is_reported_with_exit_status_2(
    command: str, tmp_path: Path, sweep_file: Callable[..., Path]
) -> None:
    changes = {"stop: 8 V": "stop: 80 V", "settle: 50 ms": "settle: 50", "nplc: 1 ": "nplk: 1 "}
    sweep = sweep_file("table2_sppo13_liq.yaml", changes)
    done = acquire(command, sweep, cwd=tmp_path)
    assert done.status == 2
    assert done.out == ""
    report = done.err
    for wanted in ("table2_sppo13_liq.yaml:", "80 V", "20 V", "settle", "nplk"):
        assert wanted in report
    assert not (tmp_path / "runs").exists()


def test_a_missing_sweep_file_is_reported(tmp_path: Path) -> None:
    done = acquire("run", tmp_path / "nowhere.yaml")
    assert done.status == 2
    assert "nowhere.yaml" in done.err
    assert "Traceback" not in done.err


def test_check_says_right_or_wrong(tmp_path: Path) -> None:
    good = acquire("check", LIQ, CONFIGS / "benches" / "simulated.yaml")
    assert good.status == 0
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text("kind: bench\nname: x\nname: y\n", encoding="utf-8")
    bad = acquire("check", LIQ, wrong)
    assert bad.status == 2
    assert "wrong.yaml:3" in bad.err


def test_a_file_that_is_no_run_is_reported(tmp_path: Path) -> None:
    nothing = tmp_path / "nothing.h5"
    nothing.write_bytes(b"not HDF5")
    for command in ("show", "export", "recover"):
        done = acquire(command, nothing)
        assert done.status == 1
        assert "nothing.h5" in done.err
        assert "Traceback" not in done.err


def test_json_is_printed_even_when_there_is_no_run(tmp_path: Path, sweep_file: Callable[..., Path]) -> None:
    (tmp_path / "occupied").write_text("a file stands where the folder should be")
    failed = acquire("run", QUICK, "--output", tmp_path / "occupied" / "runs", "--json")
    assert failed.status == 2
    assert f"--output {tmp_path / 'occupied' / 'runs'}: cannot be made: " in failed.err
    summary = json.loads(failed.out)
    assert (summary["status"], summary["run_id"], summary["path"]) == ("failed", None, None)
    assert summary["stop_reason"] in failed.err
    wrong = acquire("run", sweep_file("quick_look.yaml", {"kind: sweep": "kind: sweet"}), "--json")
    assert wrong.status == 2
    assert json.loads(wrong.out)["status"] == "failed"


def test_export_to_a_place_that_is_no_folder_is_reported(finished: tuple[Path, dict[str, object]]) -> None:
    path, _ = finished
    done = acquire("export", path, "--to", path)
    assert done.status == 1
    assert "Traceback" not in done.err
    assert str(path) in done.err


def test_a_folder_is_no_run_file(tmp_path: Path) -> None:
    done = acquire("show", tmp_path)
    assert (done.status, done.err) == (1, f"{tmp_path}: is a folder; name one run file in it\n")


def test_instruments_are_shown_by_their_own_words(finished: tuple[Path, dict[str, object]]) -> None:
    done = acquire("show", finished[0])
    assert "smu  KEITHLEY INSTRUMENTS INC., MODEL 2400, " in done.out
    assert "Identity(" not in done.out


def cut_off(folder: Path, index: int, points: int = 3) -> Path:
    folder.mkdir(exist_ok=True)
    return a_cut_off_run(folder / f"20260301T12000{index}_A-1_0000000{index}.h5", points)


def test_a_run_tells_of_files_that_were_cut_off_and_goes_on(tmp_path: Path) -> None:
    folder = tmp_path / "my runs"
    first, second = cut_off(folder, 1), cut_off(folder, 2, points=1)
    done = acquire("run", QUICK, "--output", folder)
    assert done.status == 0
    assert done.err.splitlines() == [
        f'{second} was cut off (1 point); finish it with: acquire recover "{second}"',
        f'{first} was cut off (3 points); finish it with: acquire recover "{first}"',
    ]
    assert [status_of(path) for path in (first, second)] == [b"running", b"running"]


def test_a_folder_is_recovered_as_a_whole(tmp_path: Path) -> None:
    files = [cut_off(tmp_path, index) for index in range(3)]
    assert acquire("recover", files[0]).status == 0
    content = files[0].read_bytes()
    done = acquire("recover", tmp_path)
    assert (done.status, done.err) == (0, "")
    assert [line.split(": ")[:2] for line in done.out.splitlines()] == [
        [str(path), "finished"] for path in (files[2], files[1])
    ]
    assert [status_of(path) for path in files] == [b"failed"] * 3
    assert files[0].read_bytes() == content
    again = acquire("recover", tmp_path)
    assert (again.status, again.out) == (0, f"{tmp_path}: no run file in it was cut off\n")


def test_what_cannot_be_recovered_in_a_folder_is_said(tmp_path: Path) -> None:
    damaged, good = cut_off(tmp_path, 1), cut_off(tmp_path, 2)
    good = good.rename(tmp_path / "A3 annealed.h5")
    damaged.write_bytes(damaged.read_bytes()[:5000])
    done = acquire("recover", tmp_path)
    assert done.status == 1
    assert str(damaged) in done.err
    assert status_of(good) == b"failed"


@pytest.mark.parametrize(
    ("answer", "status"),
    [(b"Y\n", b"failed"), (b"n\n", b"running"), (b"\n", b"failed"), (b"", b"running"), (b"\xff\n", b"running")],
)
def test_somebody_who_can_be_asked_has_the_file_that_was_cut_off_finished_if_wanted(
    answer: bytes, status: bytes, tmp_path: Path
) -> None:
    path = cut_off(tmp_path, 1)
    done = acquire("run", QUICK, "--output", tmp_path, typed=answer)
    assert done.status == 0
    assert "was cut off (3 points). Finish it now? [Y/n] " in done.err
    assert status_of(path) == status
    assert len(list(tmp_path.iterdir())) == 2


def test_nobody_is_asked_where_a_program_listens(tmp_path: Path) -> None:
    path = cut_off(tmp_path, 1)
    done = acquire("run", QUICK, "--output", tmp_path, "--json", typed=b"")
    assert done.status == 0
    assert "finish it with: acquire recover" in done.text
    assert "Finish it now?" not in done.text
    assert status_of(path) == b"running"


NUMPY_SAYS = """

IMPORTANT: PLEASE READ THIS FOR ADVICE ON HOW TO SOLVE THIS ISSUE!

Original error was: libscipy_openblas64_.so: failed to map segment from shared object
"""


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (MemoryError(), main_module.NO_MEMORY),
        (MemoryError("Unable to allocate 60 GiB"), main_module.NO_MEMORY),
        (ImportError(NUMPY_SAYS), "(Original error was: libscipy_openblas64_.so: failed to map segment"),
        (ModuleNotFoundError("No module named 'h5py'"), "(No module named 'h5py')"),
        (ImportError(), "cannot be loaded (ImportError)"),
        (ImportError("a\x1b[31m"), "(a[31m)"),
    ],
)
def test_what_ends_any_command_is_one_line(
    error: Exception, words: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fails() -> None:
        raise error

    monkeypatch.setattr("acquire.cli.commands.main", fails)
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    with pytest.raises(SystemExit) as left:
        main_module.main()
    said = capsys.readouterr()
    assert (left.value.code, said.out) == (1, "")
    assert words in said.err
    assert said.err.count("\n") == 1


def test_show_says_what_was_read_in_the_dark(tmp_path: Path) -> None:
    path = a_simulated_run(tmp_path, "first_day_resistor.yaml")
    dark = read_run(path).tables["dark"]
    output = acquire("show", path).out
    for when, after in (("before", 0), ("after", 1)):
        mean = dark["photodiode_signal"][dark["after"] == after].mean() * 1e3
        (line,) = [line for line in output.splitlines() if f"dark {when}" in line]
        assert f"{mean:.4g} mV" in line
        assert f"{(dark['after'] == after).sum()} readings" in line
    summary = json.loads(acquire("show", "--json", path).output)
    assert summary["dark"]["before"]["photodiode_signal"] == pytest.approx(
        dark["photodiode_signal"][dark["after"] == 0].mean()
    )


def test_a_command_that_is_made_alone_is_the_one_among_all(monkeypatch: pytest.MonkeyPatch) -> None:
    listed = re.findall(r"^  ([a-z][\w-]*)  ", acquire("--help").out, re.MULTILINE)
    assert len(listed) > 20
    alone = [name for name in listed if commands._with_command(name) is not commands.app]
    assert set(listed) - set(alone) == {"queue", "archive"}  # of which each is a group of commands
    said = {name: acquire(name, "--help").out for name in alone}
    monkeypatch.setattr(commands, "_with_command", lambda name: commands.app)
    assert {name: acquire(name, "--help").out for name in alone} == said
