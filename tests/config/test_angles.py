"""Readings of a device at angles: what is right becomes F, what is wrong is named with its file and line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from acquire.config import check_file, load_sweep
from acquire.config.angles import angular_factors
from acquire.evaluation.from_configuration import calibration_of
from acquire.photometry.grid import WAVELENGTH
from acquire.photometry.spectra import gaussian
from tests.conftest import CONFIGS

ANGLES = np.arange(-80.0, 81.0, 10.0)


def csv(header: str, *columns: np.ndarray) -> str:
    return "\n".join([header, *(",".join(f"{value:.9g}" for value in row) for row in np.column_stack(columns))]) + "\n"


def sweep_with(folder: Path, angles: str, table: str) -> Path:
    """A shipped sweep whose sample has readings at angles, in ``table``."""
    text = (CONFIGS / "sweeps" / "quick_look.yaml").read_text(encoding="utf-8").replace("../", f"{CONFIGS.as_posix()}/")
    assert "  emissive_area:" in text
    path = folder / "sweep.yaml"
    path.write_text(text.replace("  emissive_area:", f"  angles: {angles}\n  emissive_area:"), encoding="utf-8")
    (folder / "angles.csv").write_text(table, encoding="utf-8")
    return path


def factors(path: Path) -> tuple[float, float]:
    loaded = load_sweep(path)
    assert loaded.angles is not None
    assert loaded.sweep.sample.angles is not None
    found = angular_factors(loaded.angles, loaded.sweep.sample.angles)
    return found[0].value, found[1].value


@pytest.mark.parametrize("quantity", ["radiance", "intensity"])
def test_a_table_becomes_the_factor_of_the_calibration(quantity: str, tmp_path: Path) -> None:
    """cos^1.3: F = 2/2.3, for EQE and PE alike, whichever quantity was read; remarks and any order are allowed."""
    cosine = np.cos(np.radians(ANGLES))
    values = 42 * cosine ** (0.3 if quantity == "radiance" else 1.3)
    table = "# a goniometer, 2026\n" + csv(f"angle_deg,{quantity}", ANGLES[::-1], values[::-1])
    path = sweep_with(tmp_path, f"{{table: angles.csv, quantity: {quantity}}}", table)
    assert factors(path) == pytest.approx((2 / 2.3, 2 / 2.3), rel=1e-6)
    calibration = calibration_of(load_sweep(path), 20.0, None)
    assert calibration.conditions.angular_factor == pytest.approx(2 / 2.3, rel=1e-6)
    assert calibration.conditions.luminous_angular_factor == calibration.conditions.angular_factor
    assert 0 < calibration.uncertainty.angular_factor < 0.01
    source = calibration.conditions.angular_factor_source
    for part in (quantity, "17 angles up to 80 deg", "mean of two sides", "'power'"):
        assert part in source
    assert (tmp_path / "angles.csv").as_posix() in load_sweep(path).hashes


def test_spectra_at_angles_weigh_photons_for_eqe_and_the_eye_for_pe(tmp_path: Path) -> None:
    """A line that moves to the blue with the angle: its photons fall with 1/lambda, its light with V(lambda)."""
    angles = ANGLES[ANGLES >= 0]
    lines = np.stack([gaussian(600 - 20 * np.sin(np.radians(angle)) ** 2, 30) for angle in angles])
    table = csv("wavelength_nm," + ",".join(f"{angle:g}" for angle in angles), WAVELENGTH, *lines)
    path = sweep_with(tmp_path, "{spectra: angles.csv, quantity: radiance}", table)
    by_photons, by_eye = factors(path)
    from acquire.photometry.observer import v_lambda

    def truth(weight: np.ndarray) -> float:
        u = np.linspace(0, 1, 2001)
        light = [float(gaussian(600 - 20 * (1 - c * c), 30) @ weight) for c in u]
        return float(2 * np.trapezoid(np.array(light) / light[-1] * u, u))

    assert by_photons == pytest.approx(truth(WAVELENGTH), rel=1e-3)
    assert by_eye == pytest.approx(truth(v_lambda()), rel=1e-3)
    assert by_eye / by_photons > 1.1
    conditions = calibration_of(load_sweep(path), 20.0, None).conditions
    assert (conditions.angular_factor, conditions.luminous_angular_factor) == (by_photons, by_eye)


def test_without_a_table_f_is_one_with_the_uncertainty_of_the_bench(tmp_path: Path) -> None:
    calibration = calibration_of(load_sweep(CONFIGS / "sweeps" / "quick_look.yaml"), 20.0, None)
    assert calibration.conditions.angular_factor == calibration.conditions.luminous_angular_factor == 1.0
    assert calibration.conditions.angular_factor_source == "assumed 1 (Lambertian)"


LAMBERTIAN = csv("angle_deg,radiance", ANGLES, np.ones(ANGLES.size))


@pytest.mark.parametrize(
    ("angles", "table", "said"),
    [
        ("{table: angles.csv}", LAMBERTIAN, "quantity"),
        ("{quantity: radiance}", LAMBERTIAN, "needs either a table or spectra"),
        ("{table: angles.csv, spectra: angles.csv, quantity: radiance}", LAMBERTIAN, "needs either a table or spectra"),
        ("{table: other.csv, quantity: radiance}", LAMBERTIAN, "there is no file"),
        ("{table: angles.csv, quantity: intensity}", LAMBERTIAN, "does not fit quantity: intensity"),
        ("{table: angles.csv, quantity: radiance}", "angle_deg,radiance\n0,1\n10,1;2\n", "is not 2 finite numbers"),
        ("{table: angles.csv, quantity: radiance}", "angle_deg,radiance\n0,1\n10,nan\n", "is not 2 finite numbers"),
        ("{table: angles.csv, quantity: radiance}", "angle_deg,radiance\n", "has no readings"),
        ("{table: angles.csv, quantity: radiance}", LAMBERTIAN.replace("\n0,1", "\n1,1"), "a reading at 0 deg"),
        ("{table: angles.csv, quantity: radiance}", LAMBERTIAN.replace("\n80,1", "").replace("\n70,1", "")
         .replace("\n60,1", ""), "up to 60 deg"),
        ("{table: angles.csv, quantity: radiance}", LAMBERTIAN.replace("\n80,1", "\n800,1"), "-90 to 90 deg"),
        ("{table: angles.csv, quantity: radiance}", LAMBERTIAN + "1,1\n" * 500, "more than 500"),
        ("{spectra: angles.csv, quantity: radiance}", LAMBERTIAN, "the header line is missing"),
        ("{spectra: angles.csv, quantity: radiance}", "wavelength_nm,0,20\n400,1,1\n700,1,1\n", "do not rise from 380"),
        ("{table: angles.csv, quantity: radiance, tail: magic}", LAMBERTIAN, "tail"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_in_one_line(angles: str, table: str, said: str, tmp_path: Path) -> None:
    problems = [str(problem) for problem in check_file(sweep_with(tmp_path, angles, table)).problems]
    assert len(problems) == 1, problems
    assert said in problems[0]
