"""``acquire calibrate``: it asks first, writes what a bench can name, and overwrites nothing."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from acquire import session
from acquire.cli.commands import FAILED, INTERRUPTED, USAGE, app
from acquire.cli.display import spectrum_text
from acquire.config import check_file, load_calibration
from acquire.evaluation.calibration import Calibration
from acquire.evaluation.from_configuration import provenance_of
from acquire.photometry.factors import spectral_factors
from acquire.photometry.photodiode import spectral_mismatch
from acquire.photometry.spectra import gaussian
from acquire.records import Event, Severity, Spectrum
from acquire.run_file.read import Run, read_run
from acquire.safety.interruption import StopRequest
from acquire.upkeep import calibrate as calibration
from tests.conftest import CONFIGS, run_sweep_file
from tests.endurance.calibrations import errors_of, inside, true_factor
from tests.support.command import acquire
from tests.support.run_files import a_simulated_run

SHIPPED = "calibrate_photodiode.yaml"
SWEEP = CONFIGS / "sweeps" / SHIPPED
GAIN = "    gain: 5e6 V/A\n"


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, object], str]:
    """The command carried out: its folder, the JSON object, and what was said beside it."""
    folder = tmp_path_factory.mktemp("calibrated")
    places = ["--output", folder / "runs", "--to", folder / "calibrations"]
    ran = acquire("calibrate", SWEEP, "--yes", "--json", *places)
    assert ran.status == 0, ran.err
    return folder, json.loads(ran.out), ran.err


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run of the shipped sweep."""
    return read_run(a_simulated_run(tmp_path_factory.mktemp("measured"), SHIPPED))


def test_the_calibration_file_is_right_and_says_where_it_comes_from(done: tuple[Path, dict[str, object], str]) -> None:
    folder, summary, _ = done
    said = summary["calibration"]
    assert isinstance(said, dict)
    path, run_path = Path(said["path"]), Path(str(summary["path"]))
    assert path.parent == folder / "calibrations"
    assert path.stem == f"{run_path.stem}_calibration"
    assert check_file(path).problems == []
    certificate = load_calibration(path)[0].certificate
    assert certificate is not None
    assert certificate.detector.serial == "SIM-1"
    assert certificate.valid_until is not None
    assert (certificate.valid_until - certificate.date).days == 90
    origin = certificate.origin
    assert origin is not None
    assert origin.run_sha256 == sha256(run_path.read_bytes()).hexdigest()
    assert (origin.run_id, origin.run_file) == (summary["run_id"], run_path.name)
    assert origin.simulated
    assert origin.instruments == dict(read_run(run_path).instruments)


def test_the_factor_is_that_of_the_simulated_bench(done: tuple[Path, dict[str, object], str]) -> None:
    _, summary, _ = done
    said = summary["calibration"]
    assert isinstance(said, dict)
    certificate = load_calibration(Path(said["path"]))[0].certificate
    assert certificate is not None
    factor = certificate.luminance_factor
    assert factor is not None
    assert factor.uncertainty == pytest.approx(0.0004, rel=0.5)
    truth = true_factor(session.prepare(SWEEP))
    assert factor.factor == pytest.approx(truth, rel=3 * factor.uncertainty)
    assert said["interval_95_low"] < truth < said["interval_95_high"]
    assert said["former_luminance_factor"] == pytest.approx(truth, rel=1e-3)
    assert (factor.levels, factor.degrees_of_freedom) == (12, 11)
    assert factor.luminance_from == pytest.approx(505, rel=0.01)
    assert factor.luminance_to == pytest.approx(8710, rel=0.01)
    assert factor.linearity is not None
    assert abs(factor.linearity.level) < 4 * factor.linearity.level_uncertainty
    assert said["remarks"] == []


def test_a_bench_that_names_it_measures_the_same_device_alike(
    done: tuple[Path, dict[str, object], str], bench_file: Callable[..., Path], tmp_path: Path
) -> None:
    _, summary, _ = done
    said = summary["calibration"]
    assert isinstance(said, dict)
    name = calibration.name_for_bench(Path(said["path"]), tmp_path / "bench.yaml")
    bench = bench_file({f"{CONFIGS.as_posix()}/calibrations/simulated_photodiode.yaml": name})
    sweep = "table2_sppo13_liq.yaml"
    one = read_run(a_simulated_run(tmp_path / "runs", sweep))
    other = run_sweep_file(CONFIGS / "sweeps" / sweep, tmp_path / "runs", bench).run
    assert other is not None
    assert other.calibration.photodiode is not None
    assert Path(said["path"]).stem in other.calibration.photodiode.identification
    assert other.calibration.photodiode.degrees_of_freedom == 11
    for figure in ("luminance_max", "external_quantum_efficiency_max"):
        assert other.figures[figure].value == pytest.approx(one.figures[figure].value, rel=2e-3)
        assert other.figures[figure].status == one.figures[figure].status
    assert "outside_calibrated_span" not in [finding.code for finding in one.findings]
    (note,) = [finding for finding in other.findings if finding.code == "outside_calibrated_span"]
    assert note.severity is Severity.NOTE
    assert re.search(
        r"calibrated from 50\d.\d to 87\d\d cd/m\^2: \d+ points are darker, down to 1.\d+ cd/m\^2 "
        r"and \d+ are brighter, up to 1.20\de\+04 cd/m\^2",
        note.text,
    )
    assert (note.value, note.limit) == pytest.approx((12_030, 8_715), rel=3e-3)


@pytest.mark.parametrize(("peak", "fwhm"), [(630, 30), pytest.param(465, 20, marks=pytest.mark.long)])
def test_the_mismatch_of_another_colour_is_applied_and_shown(
    peak: int,
    fwhm: int,
    read_here: None,
    done: tuple[Path, dict[str, object], str],
    bench_file: Callable[..., Path],
    sweep_file: Callable[..., Path],
    tmp_path: Path,
) -> None:
    """A red and a blue device on the calibration made with the green one: as by the geometry, which knows no colour."""
    _, summary, _ = done
    said = summary["calibration"]
    assert isinstance(said, dict)
    device = (CONFIGS / "devices" / "sppo13_liq.yaml").read_text(encoding="utf-8")
    other = tmp_path / "other.yaml"
    other.write_text(device.replace("peak: 520 nm", f"peak: {peak} nm").replace("fwhm: 19 nm", f"fwhm: {fwhm} nm"))
    sweep = sweep_file(SHIPPED, {f"{CONFIGS.as_posix()}/devices/sppo13_liq.yaml": other.as_posix()})
    bench = bench_file({f"{CONFIGS.as_posix()}/calibrations/simulated_photodiode.yaml": said["path"]})
    by_geometry = run_sweep_file(sweep, tmp_path / "runs").run
    lines: list[str] = []
    by_factor = run_sweep_file(sweep, tmp_path / "runs", bench, lambda event: lines.extend(texts_of(event))).run
    assert by_geometry is not None
    assert by_factor is not None
    for figure in ("luminance_max", "external_quantum_efficiency_max"):
        assert by_factor.figures[figure].value == pytest.approx(by_geometry.figures[figure].value, rel=3e-3)
    factors = by_factor.mismatch_factors
    responsivity = by_geometry.calibration.photodiode.responsivity  # type: ignore[union-attr]
    green = load_calibration(Path(said["path"]))[0].spectrum
    assert green is not None
    expected = [spectral_mismatch(s.spectral_radiance, green[1], responsivity) for s in by_factor.spectra]
    assert factors == pytest.approx(expected, rel=1e-6)
    assert abs(factors[0] - 1.0) > 0.5, "what would be wrong without it"
    text = f"mismatch factor {factors[0]:.4f} (L {100 * (factors[0] - 1):+.2f} %)"
    assert text in lines[0]
    shown = CliRunner().invoke(app, ["show", str(by_factor.path)])
    assert f"{factors.min():.4f} (L " in shown.stdout
    assert Path(said["path"]).stem in shown.stdout
    as_json = json.loads(CliRunner().invoke(app, ["show", "--json", str(by_factor.path)]).stdout)
    assert as_json["photodiode"]["mismatch_factor"] == pytest.approx(factors.mean())
    assert by_geometry.mismatch_factors.size == 0, "no colour of a calibration to hold the device's against"


def test_a_bench_without_a_calibration_gets_one_with_silicon_in_general_for_other_colours(
    bench_file: Callable[..., Path], tmp_path: Path
) -> None:
    line = f"  calibration: {CONFIGS.as_posix()}/calibrations/simulated_photodiode.yaml\n"
    bench = bench_file({line: "  calibration_valid_days: 7\n"})
    prepared = session.prepare(SWEEP, bench)
    result = session.run(prepared, tmp_path / "runs", [], StopRequest())
    assert result.run is not None
    made = calibration.made(prepared, result.run, tmp_path / "new")
    assert check_file(made.path).problems == []
    loaded = load_calibration(made.path)[0]
    assert loaded.certificate is not None
    assert loaded.certificate.detector.serial == "photodiode of simulated bench"
    assert loaded.certificate.valid_until == loaded.certificate.date + timedelta(days=7)
    assert loaded.responsivity is None
    assert made.found.factor.factor == pytest.approx(true_factor(prepared), rel=1e-3)
    used = session.prepare(SWEEP, bench_file({line: f"  calibration: {made.path.as_posix()}\n"})).calibration
    assert used.photodiode is not None
    assert "mismatch by generic silicon" in used.photodiode.method
    assert used.photodiode.shape_uncertainty > 0.0
    red = spectral_factors(gaussian(630.0, 30.0), used.photodiode)
    assert 0.1 < used.photodiode.mismatch(red.luminance_per_photocurrent) < 0.5
    again = Calibration.from_fields({name: value for name, (value, _) in used.to_fields().items()}).photodiode
    assert again is not None
    assert (again.centroid, again.shape_uncertainty) == (used.photodiode.centroid, used.photodiode.shape_uncertainty)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            {"    gain: 5e6 V/A\n": "    gain: 5e6 V/A\n    moved: {after: 30 s, distance: 130 mm}\n"},
            "levels differ by",
        ),
        ({"    gain: 5e6 V/A\n": "    gain: 5e6 V/A\n    rail: 0.5 V\n"}, "levels differ by"),
        ({"measuring_angle: 0.2 deg": "measuring_angle: 1 deg"}, "spot"),
    ],
    ids=["moved", "rail", "spot"],
)
def test_levels_that_contradict_each_other_or_the_bench_make_no_calibration(
    changes: dict[str, str], words: str, bench_file: Callable[..., Path], tmp_path: Path
) -> None:
    """A factor from these would carry the error into every later run, with a small uncertainty."""
    line = f"  calibration: {CONFIGS.as_posix()}/calibrations/simulated_photodiode.yaml\n"
    prepared = session.prepare(SWEEP, bench_file({line: "", **changes}))
    result = session.run(prepared, tmp_path / "runs", [], StopRequest())
    assert result.run is not None
    with pytest.raises(ValueError, match=words):
        calibration.made(prepared, result.run, tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_a_real_bench_takes_nothing_over_from_the_simulated_example(measured: Run, tmp_path: Path) -> None:
    """A laboratory's bench file names the example until it has a calibration of its own."""
    prepared = session.prepare(SWEEP, CONFIGS / "benches" / "lab_gpib.yaml")
    run = replace(measured, calibration=prepared.calibration)
    made = calibration.made(prepared, run, tmp_path / "new")
    loaded = load_calibration(made.path)[0]
    assert loaded.certificate is not None
    assert loaded.certificate.detector.serial != "SIM-1"
    assert loaded.responsivity is None
    assert made.found.former != made.found.former
    assert not provenance_of(loaded).example


def test_a_calibration_made_on_the_simulated_bench_is_an_example(done: tuple[Path, dict[str, object], str]) -> None:
    said = done[1]["calibration"]
    assert isinstance(said, dict)
    assert provenance_of(load_calibration(Path(said["path"]))[0]).example


def texts_of(event: Event) -> list[str]:
    return [spectrum_text(event)] if isinstance(event, Spectrum) else []


def test_without_a_terminal_it_refuses_to_ask(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(session, "run", lambda *given, **options: pytest.fail("the output went on"))
    refused = CliRunner().invoke(app, ["calibrate", str(SWEEP), "--to", str(tmp_path)])
    assert refused.exit_code == USAGE
    assert "--yes" in refused.stderr


@pytest.mark.parametrize("answer", ["n\n", "\n", "", "what\n"])
def test_only_a_yes_switches_the_output_on(answer: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(session, "run", lambda *given, **options: pytest.fail("the output went on"))
    monkeypatch.setattr("acquire.cli.terminal.somebody_to_ask", lambda: True)
    asked = CliRunner().invoke(app, ["calibrate", str(SWEEP), "--to", str(tmp_path)], input=answer)
    assert "SPPO13/Liq: 12 levels with a spectrum each" in asked.stderr
    assert "at most 6.5 V, 100 mA" in asked.stderr
    assert "Output on? [y/N]" in asked.stderr
    assert asked.exit_code == INTERRUPTED
    assert list(tmp_path.iterdir()) == []


def test_without_the_extra_for_pictures_all_else_is_written(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    arguments = ["--yes", "--output", str(tmp_path / "runs"), "--to", str(tmp_path / "new")]
    ran = CliRunner().invoke(app, ["calibrate", str(SWEEP), *arguments])
    assert ran.exit_code == 0
    assert "no picture was drawn: that needs the extra 'report'" in ran.stderr
    assert {path.suffix for path in (tmp_path / "new").iterdir()} == {".yaml", ".csv"}


def test_a_yes_at_the_terminal_calibrates(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("acquire.cli.terminal.somebody_to_ask", lambda: True)
    asked = CliRunner().invoke(app, ["calibrate", str(SWEEP), "--output", "here"], input="y\n")
    assert asked.exit_code == 0, asked.stderr
    (path,) = Path("calibrations").glob("*.yaml")
    assert path.with_suffix(".png").read_bytes().startswith(b"\x89PNG")
    assert re.search(r"^k_L = 1\.17\d+e\+10 cd/m\^2/A, u = 0\.0\d+ % \(k = 1, 12 levels\)", asked.stdout, re.MULTILINE)
    assert path.as_posix() in asked.stdout.replace("\\", "/")
    assert re.search(r"photodiode.calibration: .*_calibration.yaml", asked.stdout)
    assert "CE_max" not in asked.stdout, "the figures of merit are not what was asked for"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("points: 1  ", "points: 2  ", "needs a spectrum at every level"),
        ("points: 1  ", "points: 1\n    above: 1 cd/m^2 ", "needs a spectrum at every level"),
        ("dark:\n", "dark:\n  before: false\n  after: false\n", "zero is unknown"),
    ],
)
def test_a_sweep_that_cannot_calibrate_is_refused(
    old: str, new: str, said: str, sweep_file: Callable[..., Path], tmp_path: Path
) -> None:
    refused = CliRunner().invoke(app, ["calibrate", str(sweep_file(SHIPPED, {old: new})), "--yes"])
    assert refused.exit_code == USAGE
    assert said in refused.stderr


@pytest.mark.parametrize("levels", [1, pytest.param(2, marks=pytest.mark.long)])
def test_a_calibration_of_too_few_levels_has_no_uncertainty_and_neither_has_what_uses_it(
    levels: int, sweep_file: Callable[..., Path], bench_file: Callable[..., Path], tmp_path: Path
) -> None:
    stop = "stop: 5.5 V " if levels == 1 else "stop: 5.7 V "
    changed = {"stop: 6.5 V ": stop, "direction: both": "direction: forward"}
    sweep = sweep_file(SHIPPED, {**changed, **({"step: 0.2 V": "points: 1"} if levels == 1 else {})})
    arguments = ["--yes", "--output", str(tmp_path / "runs"), "--to", str(tmp_path / "new")]
    ran = CliRunner().invoke(app, ["calibrate", str(sweep), *arguments])
    assert ran.exit_code == 0, ran.stderr
    assert "fewer than 3 give no uncertainty of k_L" in ran.stderr
    assert "uncertainty unknown" in ran.stdout
    (path,) = (tmp_path / "new").glob("*.yaml")
    text = path.read_text(encoding="utf-8")
    assert "Its uncertainty is unknown" in text
    assert "uncertainty:" not in text
    checked = check_file(path)
    assert checked.problems == []
    (caution,) = map(str, checked.cautions)
    assert "has no uncertainty" in caution
    bench = bench_file({f"{CONFIGS.as_posix()}/calibrations/simulated_photodiode.yaml": path.as_posix()})
    run = run_sweep_file(SWEEP, tmp_path / "runs", bench).run
    assert run is not None
    assert np.isnan(run.tables["jvl"]["luminance_uncertainty"]).all()
    assert run.figures["current_efficiency_max"].status == "ok"
    named = {f"{CONFIGS.as_posix()}/calibrations/simulated_photodiode.yaml": path.as_posix()}
    off = bench_file({**named, "amplifier: 5e6": "amplifier: 5e5"})
    wrong = run_sweep_file(SWEEP, tmp_path / "runs", off).run
    assert wrong is not None
    assert wrong.figures["current_efficiency_max"].status in ("doubtful", "impossible")


def test_a_calibration_that_is_there_is_never_overwritten(measured: Run, tmp_path: Path) -> None:
    prepared = session.prepare(SWEEP)
    made = calibration.made(prepared, measured, tmp_path / "new")
    before = {path: path.read_bytes() for path in (tmp_path / "new").iterdir()}
    with pytest.raises(FileExistsError):
        calibration.made(prepared, measured, tmp_path / "new")
    assert {path: path.read_bytes() for path in (tmp_path / "new").iterdir()} == before
    link = tmp_path / "other" / made.path.name
    link.parent.mkdir()
    try:
        link.symlink_to(tmp_path / "elsewhere.yaml")
    except OSError:
        pytest.skip("no links here")
    with pytest.raises(FileExistsError):
        calibration.made(prepared, measured, link.parent)
    assert not (tmp_path / "elsewhere.yaml").exists()
    assert list(link.parent.iterdir()) == [link], "what was written before it is taken away again"


def test_a_run_that_is_interrupted_makes_no_calibration(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    whole = session.run

    def interrupted(prepared, folder, spectator, stop, **options):  # type: ignore[no-untyped-def]
        def watch(event: Event) -> None:
            if isinstance(event, Spectrum):
                stop.ask("Ctrl-C")

        return whole(prepared, folder, [spectator, watch], stop, **options)

    monkeypatch.setattr(session, "run", interrupted)
    arguments = ["--yes", "--output", str(tmp_path / "runs"), "--to", str(tmp_path / "new")]
    ran = CliRunner().invoke(app, ["calibrate", str(SWEEP), *arguments])
    assert ran.exit_code == INTERRUPTED
    assert "no calibration was made: the run was interrupted" in ran.stderr
    assert not (tmp_path / "new").exists()


def test_a_folder_that_takes_no_file_is_named_and_the_run_is_kept(tmp_path: Path) -> None:
    (tmp_path / "new").write_text("no folder", encoding="utf-8")
    arguments = ["--yes", "--output", str(tmp_path / "runs"), "--to", str(tmp_path / "new")]
    ran = CliRunner().invoke(app, ["calibrate", str(SWEEP), *arguments])
    assert ran.exit_code == FAILED
    assert "cannot be written" in ran.stderr
    assert len(list((tmp_path / "runs").glob("*.h5"))) == 1


@pytest.mark.long
def test_the_truth_lies_in_the_interval_of_whole_calibrations() -> None:
    """A sample of ``make calibrations``."""
    errors = errors_of(range(1, 9))
    assert inside(errors, 11) >= 6, "of 8, chance leaves more than two outside once in 170 samples"
    assert len({error for error, _ in errors}) == 8
