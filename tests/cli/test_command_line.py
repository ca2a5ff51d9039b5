"""The command line as a person or a script meets it: output, files, exit status."""

from __future__ import annotations

import csv
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
from typer.testing import CliRunner

from acquire import __main__ as main_module
from acquire.cli.commands import app
from tests.conftest import CONFIGS, run_sweep_file
from tests.support.run_files import a_run

QUICK = CONFIGS / "sweeps" / "quick_look.yaml"
LIQ = CONFIGS / "sweeps" / "table2_sppo13_liq.yaml"


def acquire(*arguments: object, cwd: Path | None = None, **variables: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "acquire", *map(str, arguments)]
    return subprocess.run(
        command, capture_output=True, text=True, cwd=cwd, check=False, timeout=120, env=os.environ | variables
    )


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, object]]:
    """One whole run through the command line, and what it printed as JSON."""
    folder = tmp_path_factory.mktemp("finished")
    done = acquire("run", LIQ, "--output", folder, "--json")
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout)
    return Path(summary["path"]), summary


def test_a_run_prints_one_line_a_point_below_its_columns_then_the_figures_that_the_output_is_off_and_the_path(
    tmp_path: Path,
) -> None:
    done = acquire("run", QUICK, "--output", tmp_path)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    head = next(line.split() for line in lines if line.startswith("point "))
    assert head[:4] == ["point", "level[V]", "V[V]", "J[mA/cm^2]"]
    points = [line.split() for line in lines if re.match(r" *\d+/\d+ ", line) and len(line.split()) >= len(head) - 1]
    assert [point[0] for point in points] == [f"{number}/17" for number in range(1, len(points) + 1)]
    path = Path(done.stdout.strip().splitlines()[-1])
    with h5py.File(path) as file:
        assert len(points) == len(file["entry/jvl/voltage"]) > 10
    assert "V_on" in done.stdout
    assert "stopped (luminance" in done.stdout
    assert "the output is off: taken to zero, switched off, asked" in done.stdout
    assert done.stderr == ""


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
    assert shown.returncode == 0
    assert "SPPO13/Liq" in shown.stdout
    assert "GPIB0::24::INSTR" in shown.stdout
    of_the_file = {name: value for name, value in summary.items() if name != "output"}  # of the run just now
    assert json.loads(acquire("show", path, "--json").stdout) == of_the_file
    exported = acquire("export", path, "--to", tmp_path, "--no-header")
    assert exported.returncode == 0, exported.stderr
    files = [Path(line) for line in exported.stdout.split()]
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
    assert again.returncode == 1
    assert "exists already" in again.stderr
    assert acquire("export", path, "--to", tmp_path, "--no-header", "--force").returncode == 0


def test_plan_opens_nothing_and_tells_steps_duration_and_stress() -> None:
    done = acquire("plan", LIQ)
    assert done.returncode == 0
    assert "81 points" in done.stdout
    assert "largest stress: 8 V, 100 mA, 800 mW" in done.stdout


@pytest.mark.parametrize("command", ["run", "plan"])
def test_a_wrong_sweep_is_reported_with_exit_status_2(
    command: str, tmp_path: Path, sweep_file: Callable[..., Path]
) -> None:
    changes = {"stop: 8 V": "stop: 80 V", "settle: 50 ms": "settle: 50", "nplc: 1 ": "nplk: 1 "}
    sweep = sweep_file("table2_sppo13_liq.yaml", changes)
    done = acquire(command, sweep, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stdout == ""
    report = done.stderr
    for wanted in ("table2_sppo13_liq.yaml:", "80 V", "20 V", "settle", "nplk"):
        assert wanted in report
    assert not (tmp_path / "runs").exists()


def test_a_missing_sweep_file_is_reported(tmp_path: Path) -> None:
    done = acquire("run", tmp_path / "nowhere.yaml")
    assert done.returncode == 2
    assert "nowhere.yaml" in done.stderr
    assert "Traceback" not in done.stderr


def test_check_says_right_or_wrong(tmp_path: Path) -> None:
    good = acquire("check", LIQ, CONFIGS / "benches" / "simulated.yaml")
    assert good.returncode == 0
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text("kind: bench\nname: x\nname: y\n", encoding="utf-8")
    bad = acquire("check", LIQ, wrong)
    assert bad.returncode == 2
    assert "wrong.yaml:3" in bad.stderr


def test_a_file_that_is_no_run_is_reported(tmp_path: Path) -> None:
    nothing = tmp_path / "nothing.h5"
    nothing.write_bytes(b"not HDF5")
    for command in ("show", "export", "recover"):
        done = acquire(command, nothing)
        assert done.returncode == 1
        assert "nothing.h5" in done.stderr
        assert "Traceback" not in done.stderr


def test_json_is_printed_even_when_there_is_no_run(tmp_path: Path, sweep_file: Callable[..., Path]) -> None:
    (tmp_path / "occupied").write_text("a file stands where the folder should be")
    failed = acquire("run", QUICK, "--output", tmp_path / "occupied" / "runs", "--json")
    assert failed.returncode == 2
    assert f"--output {tmp_path / 'occupied' / 'runs'}: cannot be made: " in failed.stderr
    summary = json.loads(failed.stdout)
    assert (summary["status"], summary["run_id"], summary["path"]) == ("failed", None, None)
    assert summary["stop_reason"] in failed.stderr
    wrong = acquire("run", sweep_file("quick_look.yaml", {"kind: sweep": "kind: sweet"}), "--json")
    assert wrong.returncode == 2
    assert json.loads(wrong.stdout)["status"] == "failed"


@pytest.mark.skipif(os.name == "nt", reason="pipes of POSIX")
def test_a_reader_that_goes_away_changes_neither_the_run_nor_its_exit_status(tmp_path: Path) -> None:
    process = start("run", LIQ, "--output", tmp_path / "runs")
    assert process.stdout is not None
    process.stdout.readline()
    process.stdout.close()
    assert process.stderr is not None
    messages = process.stderr.read()
    process.stderr.close()
    assert process.wait(timeout=60) == 0
    assert messages == ""
    (path,) = (tmp_path / "runs").iterdir()
    with h5py.File(path) as file:
        assert file["entry/status"][()] == b"completed"
        assert len(file["entry/jvl/voltage"]) == 81


@pytest.mark.skipif(os.name == "nt", reason="pipes of POSIX")
def test_all_runs_are_exported_where_nobody_reads_the_names(
    finished: tuple[Path, dict[str, object]], tmp_path: Path
) -> None:
    runs = [shutil.copy(finished[0], tmp_path / name) for name in ("a.h5", "b.h5", "c.h5")]
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "acquire", "export", *runs, "--to", tmp_path / "tables"]
    done = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, text=True, check=False)
    os.close(writing)
    assert (done.returncode, done.stderr) == (0, "")
    assert {path.name[0] for path in (tmp_path / "tables").glob("*_jvl.csv")} == {"a", "b", "c"}


@pytest.mark.skipif(os.name == "nt", reason="pseudo-terminals of POSIX")
def test_a_closed_terminal_ends_the_run_in_order(tmp_path: Path, long_sweep: Path) -> None:
    import pty

    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "acquire", "run", str(long_sweep), "--output", str(tmp_path / "runs")]
    process = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True)
    os.close(theirs)
    shown = b""
    while b"no light" not in shown:
        shown += os.read(ours, 65536)
    os.close(ours)
    process.send_signal(signal.SIGHUP)
    assert process.wait(timeout=60) == 130
    (path,) = (tmp_path / "runs").iterdir()
    with h5py.File(path) as file:
        assert file["entry/status"][()] == b"stopped"
        assert b"SIGHUP" in file["entry/stop_reason"][()]


def reported_points(lines: list[str]) -> int:
    """The number of the last point that was reported on standard output."""
    numbers = [int(match[1]) for line in lines if (match := re.match(r" *(\d+)/\d+ .*\n", line))]
    return max(numbers, default=0)


def start(*arguments: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "acquire", *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def read_points(process: subprocess.Popen[str], wanted: int) -> list[str]:
    assert process.stdout is not None
    lines: list[str] = []
    while reported_points(lines) < wanted and (line := process.stdout.readline()):
        lines.append(line)
    return lines


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
@pytest.mark.parametrize("wanted", [pytest.param(1, marks=pytest.mark.long), 17])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_is_finished_and_complete(
    number: signal.Signals, wanted: int, tmp_path: Path, long_sweep: Path
) -> None:
    process = start("run", long_sweep, "--output", tmp_path / "runs")
    lines = read_points(process, wanted)
    process.send_signal(number)
    rest, messages = process.communicate(timeout=60)
    assert process.returncode == 130, messages
    assert "\n# ramping to zero\n# output off, asked\n" in rest
    assert "the output is off: taken to zero, switched off, asked" in rest
    reported = reported_points([*lines, *rest.splitlines(keepends=True)])
    (path,) = (tmp_path / "runs").iterdir()
    with h5py.File(path) as file:
        assert file["entry/status"][()] == b"stopped"
        assert number.name in file["entry/stop_reason"][()].decode() or number == signal.SIGINT
        assert len(file["entry/jvl/voltage"]) >= reported >= wanted
        assert np.isfinite(file["entry/jvl/voltage"][:]).all()


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
@pytest.mark.parametrize("wanted", [1, pytest.param(23, marks=pytest.mark.long)])
def test_a_killed_run_keeps_every_reported_point(wanted: int, tmp_path: Path, long_sweep: Path) -> None:
    process = start("run", long_sweep, "--output", tmp_path / "runs")
    lines = read_points(process, wanted)
    process.kill()
    rest, _ = process.communicate(timeout=60)
    reported = reported_points([*lines, *rest.splitlines(keepends=True)])
    (path,) = (tmp_path / "runs").iterdir()
    with h5py.File(path) as file:
        assert file["entry/status"][()] == b"running"
        assert np.isfinite(file["entry/jvl/voltage"][:reported]).all()
    recovered = acquire("recover", path)
    assert recovered.returncode == 0, recovered.stderr
    with h5py.File(path) as file:
        assert file["entry/status"][()] == b"failed"
        assert len(file["entry/jvl/voltage"]) >= reported
        assert np.isfinite(file["entry/jvl/luminance"][:]).all()
        assert "turn_on_voltage" in file["entry/figures_of_merit"]


@pytest.fixture
def long_sweep(sweep_file: Callable[..., Path]) -> Path:
    """A sweep with so many points that it is still going on when the test interferes."""
    return sweep_file("table2_sppo13_liq.yaml", {"step: 0.1 V": "step: 1 mV"})


def test_export_to_a_place_that_is_no_folder_is_reported(finished: tuple[Path, dict[str, object]]) -> None:
    path, _ = finished
    done = acquire("export", path, "--to", path)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert str(path) in done.stderr


def test_a_folder_is_no_run_file(tmp_path: Path) -> None:
    done = acquire("show", tmp_path)
    assert (done.returncode, done.stderr) == (1, f"{tmp_path}: is a folder; name one run file in it\n")


def test_instruments_are_shown_by_their_own_words(finished: tuple[Path, dict[str, object]]) -> None:
    done = acquire("show", finished[0])
    assert "smu  KEITHLEY INSTRUMENTS INC., MODEL 2400, " in done.stdout
    assert "Identity(" not in done.stdout


def test_a_name_that_the_code_page_does_not_know_is_written_all_the_same(
    tmp_path: Path, sweep_file: Callable[..., Path]
) -> None:
    sweep = sweep_file("quick_look.yaml", {"name: SPPO13": "name: Probe \u03a9"})
    done = acquire("run", sweep, "--output", tmp_path / "runs", PYTHONIOENCODING="cp1252", PYTHONUTF8="0")
    assert done.returncode == 0, done.stderr
    assert "Probe \\u03a9" in done.stdout


# Run files that were cut off


def cut_off(folder: Path, index: int, points: int = 3) -> Path:
    path = folder / f"20260301T12000{index}_A-1_0000000{index}.h5"
    a_run(path, points).close()
    return path


def status_of(path: Path) -> bytes:
    with h5py.File(path) as file:
        return bytes(file["entry/status"][()])


def test_a_run_tells_of_files_that_were_cut_off_and_goes_on(tmp_path: Path) -> None:
    folder = tmp_path / "my runs"
    first, second = cut_off(folder, 1), cut_off(folder, 2, points=1)
    done = acquire("run", QUICK, "--output", folder)
    assert done.returncode == 0
    assert done.stderr.splitlines() == [
        f'{second} was cut off (1 point); finish it with: acquire recover "{second}"',
        f'{first} was cut off (3 points); finish it with: acquire recover "{first}"',
    ]
    assert [status_of(path) for path in (first, second)] == [b"running", b"running"]


def test_a_folder_is_recovered_as_a_whole(tmp_path: Path) -> None:
    files = [cut_off(tmp_path, index) for index in range(3)]
    assert acquire("recover", files[0]).returncode == 0
    content = files[0].read_bytes()
    done = acquire("recover", tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert [line.split(": ")[:2] for line in done.stdout.splitlines()] == [
        [str(path), "finished"] for path in (files[2], files[1])
    ]
    assert [status_of(path) for path in files] == [b"failed"] * 3
    assert files[0].read_bytes() == content
    again = acquire("recover", tmp_path)
    assert (again.returncode, again.stdout) == (0, f"{tmp_path}: no run file in it was cut off\n")


def test_what_cannot_be_recovered_in_a_folder_is_said(tmp_path: Path) -> None:
    damaged, good = cut_off(tmp_path, 1), cut_off(tmp_path, 2)
    good = good.rename(tmp_path / "A3 annealed.h5")
    damaged.write_bytes(damaged.read_bytes()[:5000])
    done = acquire("recover", tmp_path)
    assert done.returncode == 1
    assert str(damaged) in done.stderr
    assert status_of(good) == b"failed"


class Terminal:
    """A command on a terminal of its own: it is asked there, hears Ctrl-C there, and can lose it."""

    def __init__(self, *arguments: object) -> None:
        import fcntl
        import pty
        import termios

        self._ours, theirs = pty.openpty()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "acquire", *map(str, arguments)],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )
        os.close(theirs)
        self.shown = b""

    def read_until(self, wanted: bytes) -> None:
        while wanted not in self.shown:
            self.shown += os.read(self._ours, 65536)

    def type(self, keys: bytes) -> None:
        os.write(self._ours, keys)

    def close(self) -> None:
        os.close(self._ours)

    def exit_status(self) -> int:
        """Show the rest, and wait for the end."""
        try:
            while piece := os.read(self._ours, 65536):
                self.shown += piece
        except OSError:  # the other end is closed
            pass
        self.close()
        return self.process.wait(timeout=60)


with_terminals = pytest.mark.skipif(os.name == "nt", reason="pseudo-terminals of POSIX")


@with_terminals
@pytest.mark.parametrize(
    ("answer", "status"),
    [
        (b"Y\n", b"failed"),
        (b"n\n", b"running"),
        *(pytest.param(*one, marks=pytest.mark.long) for one in ((b"\n", b"failed"), (b"\x04", b"running"))),
        pytest.param(b"\xff\n", b"running", marks=pytest.mark.long),
    ],
)
def test_on_a_terminal_the_file_that_was_cut_off_is_finished_if_wanted(
    answer: bytes, status: bytes, tmp_path: Path
) -> None:
    path = cut_off(tmp_path, 1)
    terminal = Terminal("run", QUICK, "--output", tmp_path)
    terminal.read_until(b"was cut off (3 points). Finish it now? [Y/n] ")
    assert list(tmp_path.iterdir()) == [path]
    terminal.type(answer)
    assert terminal.exit_status() == 0
    assert status_of(path) == status
    assert len(list(tmp_path.iterdir())) == 2


@with_terminals
def test_nobody_is_asked_where_a_program_listens(tmp_path: Path) -> None:
    path = cut_off(tmp_path, 1)
    terminal = Terminal("run", QUICK, "--output", tmp_path, "--json")
    assert terminal.exit_status() == 0
    assert b"finish it with: acquire recover" in terminal.shown
    assert b"Finish it now?" not in terminal.shown
    assert status_of(path) == b"running"


# Every kind of goodbye


@with_terminals
def test_ctrl_c_at_the_question_opens_nothing(tmp_path: Path) -> None:
    path = cut_off(tmp_path, 1)
    terminal = Terminal("run", QUICK, "--output", tmp_path)
    terminal.read_until(b"[Y/n] ")
    terminal.type(b"\x03")
    assert terminal.exit_status() == 130
    assert b"Traceback" not in terminal.shown
    assert list(tmp_path.iterdir()) == [path]
    assert status_of(path) == b"running"


@with_terminals
def test_ctrl_c_on_a_terminal_ends_the_run_in_order(tmp_path: Path, long_sweep: Path) -> None:
    terminal = Terminal("run", long_sweep, "--output", tmp_path / "runs")
    terminal.read_until(b"no light")
    terminal.type(b"\x03")
    assert terminal.exit_status() == 130
    (path,) = (tmp_path / "runs").iterdir()
    assert status_of(path) == b"stopped"
    assert b"interrupted by Ctrl-C" in terminal.shown
    assert b"ramping to zero" in terminal.shown
    assert b"the output is off: taken to zero, switched off, asked" in terminal.shown


@with_terminals
@pytest.mark.parametrize("wanted", [pytest.param(b"dark readings", marks=pytest.mark.long), b"no light"])
def test_a_terminal_that_is_closed_by_its_window_ends_the_run_in_order(
    wanted: bytes, tmp_path: Path, long_sweep: Path
) -> None:
    """The system sends SIGHUP, and whatever is printed from then on fails."""
    terminal = Terminal("run", long_sweep, "--output", tmp_path / "runs")
    terminal.read_until(wanted)
    terminal.close()
    assert terminal.process.wait(timeout=60) == 130
    (path,) = (tmp_path / "runs").iterdir()
    assert status_of(path) == b"stopped"
    with h5py.File(path) as file:
        assert "recording" not in file["entry"]


@pytest.mark.skipif(os.name == "nt", reason="pipes of POSIX")
def test_a_reader_that_goes_away_from_a_coloured_display_ends_no_run(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "acquire", "run", str(LIQ), "--output", str(tmp_path / "runs")]
    variables = os.environ | {"FORCE_COLOR": "1"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=variables) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        messages = process.stderr.read()
    assert (process.returncode, messages) == (0, b"")
    (path,) = (tmp_path / "runs").iterdir()
    assert status_of(path) == b"completed"


INTERRUPTED_IMPORT = """
import os, runpy, signal, sys

class Interrupt:
    def find_spec(self, name, path=None, target=None):
        if name == module:
            os.kill(os.getpid(), signal.SIGINT)

module = sys.argv.pop(1)
sys.meta_path.insert(0, Interrupt())
runpy.run_module("acquire", run_name="__main__", alter_sys=True)
"""


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
@pytest.mark.parametrize(
    "module",
    [
        "acquire.cli.commands",
        "typer",
        "pydantic",
        "yaml",
        "numpy",
        "h5py",
        "acquire.session",
        "pyvisa",
        "pint",
        "rich.live",
    ],
)
def test_ctrl_c_while_the_program_is_loaded_ends_it_without_a_word(module: str, tmp_path: Path) -> None:
    arguments = [module, "run", str(QUICK), "--output", str(tmp_path / "runs")]
    command = [sys.executable, "-c", INTERRUPTED_IMPORT, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")
    assert not (tmp_path / "runs").exists()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no disk that is always full")
@pytest.mark.parametrize("command", ["check", "plan", "simulate"])
def test_what_cannot_be_said_is_one_line(command: str) -> None:
    arguments = ["simulate", "--help"] if command == "simulate" else [command, str(QUICK)]
    with Path("/dev/full").open("w", encoding="utf-8") as full:
        done = subprocess.run(
            [sys.executable, "-m", "acquire", *arguments], stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert (done.returncode, done.stderr) == (1, "acquire: [Errno 28] No space left on device\n")


# Want of memory

LIMITED = """
import resource, runpy, sys

limit = int(sys.argv.pop(1)) * 2**20
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
runpy.run_module("acquire", run_name="__main__", alter_sys=True)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the system has no such limit, or does not keep it")
@pytest.mark.parametrize("megabytes", [25, 90, 150])
@pytest.mark.parametrize("command", ["show", "run"])
def test_want_of_memory_is_one_line(megabytes: int, command: str, tmp_path: Path) -> None:
    rest = [str(QUICK), "--output", str(tmp_path / "runs")] if command == "run" else ["x.h5"]
    arguments = [sys.executable, "-c", LIMITED, str(megabytes), command, *rest]
    done = subprocess.run(arguments, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"{main_module.NO_MEMORY}\n"
    assert not (tmp_path / "runs").exists()


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the system has no such limit, or does not keep it")
@pytest.mark.parametrize("megabytes", [45, 100])
def test_want_of_memory_for_off_is_one_line_with_what_to_do(megabytes: int) -> None:
    arguments = [
        sys.executable,
        "-c",
        LIMITED,
        str(megabytes),
        "off",
        "--bench",
        str(CONFIGS / "benches" / "simulated.yaml"),
    ]
    done = subprocess.run(arguments, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"{main_module.NO_MEMORY}; {main_module.NOTHING_SENT}\n"


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


def test_help_loads_nothing_large() -> None:
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "acquire", "--help"], capture_output=True, text=True, check=True
    )
    loaded = set(re.findall(r"\| +(\w+)", done.stderr))
    assert "typer" in loaded
    assert loaded & {"numpy", "h5py", "pyvisa", "pydantic", "yaml", "rich", "pymeasure", "pint"} == set()


LOADED_AT_THE_END = """
import atexit, runpy, sys

atexit.register(lambda: print("loaded:", *sorted({name.partition(".")[0] for name in sys.modules}), file=sys.stderr))
runpy.run_module("acquire", run_name="__main__", alter_sys=True)
"""


@pytest.mark.parametrize("command", ["plan", "check"])
def test_what_opens_nothing_loads_no_library_of_instruments(command: str) -> None:
    arguments = [sys.executable, "-c", LOADED_AT_THE_END, command, str(QUICK)]
    done = subprocess.run(arguments, capture_output=True, text=True, check=True, timeout=60)
    _, _, loaded = done.stderr.rpartition("loaded:")
    assert {"acquire", "numpy", "pydantic"} <= set(loaded.split())
    assert set(loaded.split()) & {"pyvisa", "pymeasure", "serial", "pandas"} == set()


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_the_served_bench_ends_in_order(name: str) -> None:
    with start("simulate", "--bench", CONFIGS / "benches" / "simulated.yaml", "--json", "--no-pty") as process:
        assert process.stderr is not None
        assert "serving" in process.stderr.readline()
        process.send_signal(signal.Signals[name])
        _, messages = process.communicate(timeout=60)
    assert (process.returncode, messages) == (0, "")


def test_show_says_what_was_read_in_the_dark(tmp_path: Path) -> None:
    run = run_sweep_file(CONFIGS / "sweeps" / "first_day_resistor.yaml", tmp_path).run
    assert run is not None
    output = CliRunner().invoke(app, ["show", str(run.path)]).output
    for when, after in (("before", 0), ("after", 1)):
        dark = run.tables["dark"]
        mean = dark["photodiode_signal"][dark["after"] == after].mean() * 1e3
        (line,) = [line for line in output.splitlines() if f"dark {when}" in line]
        assert f"{mean:.4g} mV" in line
        assert f"{(dark['after'] == after).sum()} readings" in line
    summary = json.loads(CliRunner().invoke(app, ["show", "--json", str(run.path)]).output)
    assert summary["dark"]["before"]["photodiode_signal"] == pytest.approx(
        dark["photodiode_signal"][dark["after"] == 0].mean()
    )
