"""Results computed anew: the same to the last bit without a change, moved as they must be with one; nothing else is."""

from __future__ import annotations

import shutil
import threading
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from acquire.config import ConfigurationError
from acquire.evaluation import evaluate
from acquire.evaluation.recalibrated import NotApplicable
from acquire.photometry.photodiode import etendue_of_discs
from acquire.recompute.changes import Changes, changed, read_changes
from acquire.recompute.recompute import Wanted, compute, objections, recompute
from acquire.run_file import finish as finishing
from acquire.run_file.additions import add
from acquire.run_file.checksums import digests
from acquire.run_file.placing import Waiting
from acquire.run_file.read import ArchiveError, Run, read_run
from acquire.run_file.summary import read_summary
from acquire.run_file.tagging import Wish, say_of
from tests.conftest import CONFIGS
from tests.support.run_files import a_run

RECORDINGS = Path(__file__).parents[1] / "recordings"
OLD = RECORDINGS / "20261128T080939_SPPO13-Liq_2acaeb90.h5"
CALIBRATION = CONFIGS / "calibrations" / "simulated_photodiode.yaml"
RESPONSIVITY = CONFIGS / "calibrations" / "simulated_photodiode_responsivity.csv"

FACTOR = """kind: calibration
id: by-factor
date: 2026-01-05
detector: {{serial: {serial}}}
luminance_factor: {{factor: {factor} cd/m^2/A, uncertainty: 0.5 %, levels: 5}}
"""


def by_factor(folder: Path, factor: float = 1e10, serial: str = "SIM-1") -> Path:
    path = folder / f"factor_{factor:g}_{serial}.yaml"
    path.write_text(FACTOR.format(factor=f"{factor:g}", serial=serial), encoding="utf-8")
    return path


def members(path: Path) -> dict[str, str]:
    """The checksums of all that an analysis must leave."""
    with h5py.File(path) as file:
        return {name: text for name, text in digests(file["entry"]).items() if name != "analyses"}


def of_paper(run: Run, name: str) -> float:
    return run.figures[name].value


# --- the same again --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("block", [1, 7, evaluate._LARGEST_BLOCK])
def test_whatever_the_batch_size_every_number_is_the_same_to_the_last_bit(
    run: Run, block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evaluate, "_LARGEST_BLOCK", block * evaluate._COLUMNS_AT_ONCE)
    found = compute(run, run, Changes())
    assert found.unchanged == ()
    assert not found.is_new
    assert found.compared > 60


def test_without_a_change_the_file_stays_as_it_is(path: Path) -> None:
    before = path.read_bytes()
    found = recompute(path, Wanted())
    assert (found.analysis, found.computation.unchanged) == (None, ())
    assert path.read_bytes() == before


def test_a_number_that_is_not_what_its_readings_give_is_named(path: Path) -> None:
    def spoil(entry: h5py.Group) -> None:
        entry["jvl/luminance"][5] *= 1 + 1e-9

    add(path, "jvl", lambda _run, _entry: spoil)
    found = recompute(path, Wanted())
    assert [(one.place, one.rows) for one in found.computation.unchanged] == [("jvl/luminance", 1)]
    assert found.computation.unchanged[0].largest == pytest.approx(1e-9, rel=1e-6)
    assert found.analysis is not None
    assert found.analysis.formulas == ("no change of a formula is stated for: jvl/luminance",)


def test_of_an_old_file_it_is_said_which_formulas_changed(tmp_path: Path) -> None:
    path = Path(shutil.copy(OLD, tmp_path))
    found = recompute(path, Wanted())
    assert found.analysis is not None
    assert found.analysis.name == "formulas"
    assert len(found.analysis.formulas) == 3
    assert not any("no change of a formula is stated" in text for text in found.analysis.formulas)
    values = [
        one for one in found.computation.unchanged if "uncertainty" not in one.place and "status" not in one.place
    ]
    assert all(one.by_rounding for one in values)
    shown = read_run(path, "formulas")
    assert compute(shown, shown, Changes()).unchanged == ()
    assert not shown.integrity.damaged


# --- another area, another calibration ---------------------------------------------------------------------------


def test_a_larger_area_moves_what_it_must_and_leaves_the_readings(path: Path, tmp_path: Path) -> None:
    recompute(path, Wanted(read_changes(calibration=by_factor(tmp_path)), name="factor"))
    before, raw = read_run(path, "factor"), members(path)
    recompute(path, Wanted(read_changes(area="14.28 mm^2"), reason="measured again", user="Ana"))
    after = read_run(path, "latest")
    assert members(path) == raw
    for name, ratio in {
        "current_density": 1 / 1.02,
        "luminance": 1.0,
        "current_efficiency": 1.02,
        "power_efficiency": 1.02,
        "external_quantum_efficiency": 1.02,
    }.items():
        np.testing.assert_allclose(after.tables["jvl"][name], before.tables["jvl"][name] * ratio, rtol=1e-12)
    for name in ("current_efficiency_max", "external_quantum_efficiency_max"):
        assert of_paper(after, name) == pytest.approx(1.02 * of_paper(before, name), rel=1e-12)
    for name in ("voltage", "current", "photodiode_signal", "time"):
        np.testing.assert_array_equal(after.tables["jvl"][name], before.tables["jvl"][name])
    assert after.sample_fields["emissive_area"] == 14.28e-6
    analysis = after.analysis
    assert analysis is not None
    assert (analysis.name, analysis.parent, analysis.revision) == ("area", "factor", 3)
    assert (analysis.reason, analysis.user) == ("measured again", "Ana")
    assert analysis.changed == ("emissive area 14 mm^2 -> 14.28 mm^2",)
    assert analysis.program.startswith("acquire ")
    own = read_run(path)
    assert own.analysis is None
    assert [one.name for one in own.analyses] == ["factor", "area"]
    assert own.sample_fields["emissive_area"] == 14e-6


def test_what_it_was_before_is_told_beside_what_it_is_then(path: Path, run: Run) -> None:
    found = recompute(path, Wanted(read_changes(area="15 mm^2")))
    assert run.figures
    assert str(found.computation.parent.figures) == str(run.figures)
    again = recompute(path, Wanted(read_changes(area="16 mm^2"), name="more"))
    assert str(again.computation.parent.figures) == str(read_run(path, "area").figures)


def computed(run: Run, **changes: Any) -> dict[str, Any]:
    return dict(compute(run, run, read_changes(**changes)).results.tables["jvl"])


def test_by_geometry_luminance_follows_the_area_through_the_etendue(run: Run) -> None:
    ratio = etendue_of_discs(14e-6, 1e-4, 0.1) / etendue_of_discs(28e-6, 1e-4, 0.1)
    found = computed(run, area="28 mm^2")
    np.testing.assert_allclose(found["luminance"], run.tables["jvl"]["luminance"] * ratio, rtol=1e-9)


def test_the_same_area_and_the_same_calibration_give_the_same_numbers(run: Run) -> None:
    changes = read_changes("14 mm^2", CALIBRATION, RESPONSIVITY)
    found = compute(run, run, changes)
    for name, values in found.results.tables["jvl"].items():
        np.testing.assert_array_equal(values, run.tables["jvl"][name], err_msg=name)
    assert changes.what == "area-calibration-responsivity"
    assert {Path(name).name for name in changes.files} >= {CALIBRATION.name, RESPONSIVITY.name}


def test_a_responsivity_moves_luminance_by_what_it_sees(run: Run, tmp_path: Path) -> None:
    half = tmp_path / "half.csv"
    rows = [f"{wavelength},{(6e-4 * wavelength - 0.012) / 2:.9g}" for wavelength in range(370, 801)]
    half.write_text("\n".join(["wavelength_nm,responsivity_A_W", *rows]), encoding="utf-8")
    found = computed(run, responsivity=half)
    np.testing.assert_allclose(found["luminance"], 2 * run.tables["jvl"]["luminance"], rtol=1e-6)
    factor = compute(run, run, read_changes(calibration=by_factor(tmp_path))).results.calibration
    with pytest.raises(NotApplicable, match="without the spectrum under which it was found"):
        changed(factor, "", read_changes(responsivity=half))


def test_an_angular_factor_enters_eqe_and_power_efficiency(run: Run, tmp_path: Path) -> None:
    angles = tmp_path / "angles.csv"
    radiance = [f"{angle},{1 + 0.2 * np.sin(np.radians(angle)) ** 2:.9f}" for angle in range(0, 90, 5)]
    angles.write_text("\n".join(["angle_deg,radiance", *radiance]), encoding="utf-8")
    found = computed(run, angles=angles)
    for name, ratio in {"external_quantum_efficiency": 1.1, "power_efficiency": 1.1, "current_efficiency": 1.0}.items():
        np.testing.assert_allclose(found[name], ratio * run.tables["jvl"][name], rtol=2e-3)


# --- what is refused ---------------------------------------------------------------------------------------------


def refused(path: Path, wanted: Wanted, why: str) -> None:
    before = path.read_bytes()
    with pytest.raises(ArchiveError, match=why):
        recompute(path, wanted)
    assert path.read_bytes() == before


def test_the_calibration_of_another_photodiode_is_refused_unless_it_is_meant(path: Path, tmp_path: Path) -> None:
    other = by_factor(tmp_path, serial="B77")
    refused(
        path, Wanted(read_changes(calibration=other)), "its photodiode was SIM-1, and by-factor is the calib.* of B77"
    )
    recompute(path, Wanted(read_changes(calibration=other, another_photodiode=True)))
    refused(path, Wanted(read_changes(calibration=CALIBRATION)), "its photodiode was B77")


def test_a_name_is_given_once(path: Path) -> None:
    recompute(path, Wanted(read_changes("15 mm^2")))
    refused(path, Wanted(read_changes("16 mm^2"), name="area"), "has an analysis 'area' already")
    recompute(path, Wanted(read_changes("16 mm^2")))
    assert [one.name for one in read_run(path).analyses] == ["area", "area-2"]
    with pytest.raises(ArchiveError, match="has no analysis 'other'; there is: area, area-2"):
        read_run(path, "other")
    assert len(objections(Wanted(name="a b"))) == len(objections(Wanted(name="latest"))) == 1


@pytest.mark.parametrize("area", ["0 mm^2", "-14 mm^2", "14", "14 mm", "nan mm^2", "14 m^2"])
def test_an_area_that_is_none_is_refused_before_anything_is_opened(area: str) -> None:
    with pytest.raises(ConfigurationError, match="--area"):
        read_changes(area)


def test_a_file_that_takes_nothing_is_left(path: Path, tmp_path: Path) -> None:
    changes = Wanted(read_changes("15 mm^2"))
    path.chmod(0o444)
    refused(path, changes, "protected against being changed")
    path.chmod(0o644)
    written = tmp_path / "written.h5"
    with_a_run = a_run(written)
    with pytest.raises(ArchiveError, match="is not finished"):
        recompute(written, changes)
    with_a_run.close()
    with h5py.File(path, "r+") as file:
        file["entry/jvl/voltage"][2] += 0.1
    refused(path, changes, "is damaged, and nothing is added")


def test_two_at_once_take_turns(path: Path) -> None:
    failed: list[BaseException] = []

    def one(area: str) -> None:
        try:
            recompute(path, Wanted(read_changes(area)), Waiting(patience=120.0))
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=one, args=(area,)) for area in ("15 mm^2", "16 mm^2")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed
    run = read_run(path)
    assert [(one.revision, one.parent) for one in run.analyses] == [(2, "run"), (3, "area")]
    assert not run.integrity.damaged


# --- damage ------------------------------------------------------------------------------------------------------


def spoil(entry: h5py.Group, what: str) -> None:
    group = entry["analyses/area"]
    if what == "a header":
        del group.attrs["revision"]
    elif what == "a column":
        del group["jvl/luminance"]
        group["jvl/luminance"] = np.zeros(3)
    elif what == "a byte":
        group["jvl/luminance"][3] += 1.0
    elif what == "the calibration":
        del group["calibration_changes"]


def test_a_damaged_analysis_is_told_and_costs_nothing_of_the_run(path: Path, run: Run) -> None:
    recompute(path, Wanted(read_changes("15 mm^2")))
    whole = path.read_bytes()
    for what in ("a header", "a column", "a byte", "the calibration"):
        path.write_bytes(whole)
        with h5py.File(path, "r+") as file:
            spoil(file["entry"], what)
        found = read_run(path)
        assert any("/entry/analyses is not as it was written" in text for text in found.integrity.damaged)
        np.testing.assert_array_equal(found.tables["jvl"]["luminance"], run.tables["jvl"]["luminance"])
        assert found.figures.keys() == run.figures.keys()
        if what in ("a column", "the calibration"):
            with pytest.raises(ArchiveError, match=r"run\.h5"):
                read_run(path, "area")
    refused(path, Wanted(read_changes("16 mm^2")), "is damaged")


def test_an_analysis_survives_what_is_added_later(path: Path) -> None:
    recompute(path, Wanted(read_changes("15 mm^2")))
    before = read_run(path, "area")
    say_of(path, Wish(tag="leaky", time="2026-11-28T15:00:00+01:00"))
    after = read_run(path, "area")
    assert repr(after.figures) == repr(before.figures)
    assert read_summary(path).tags == ("leaky",)
    assert finishing.recover(path).analyses == before.analyses
