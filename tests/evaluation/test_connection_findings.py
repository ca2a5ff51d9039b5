"""Light where the responsivity is not known, and tables that do not reach over the grid."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from acquire.config import load_sweep
from acquire.evaluation.calibration import Calibration, Conditions
from acquire.evaluation.connection_findings import light_outside_responsivity, loaded_photodiode
from acquire.evaluation.evidence import Evidence
from acquire.evaluation.floor import least_light
from acquire.evaluation.from_configuration import calibration_of
from acquire.evaluation.known import Known
from acquire.photometry.factors import spectral_factors
from acquire.photometry.spectra import gaussian
from acquire.records import Branch, Severity, Spectrum
from tests.support.config_files import change, write_files


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_files(tmp_path)


def calibrated(folder: Path) -> Calibration:
    return calibration_of(load_sweep(folder / "sweep.yaml"), 20.0, None)


def table(folder: Path, first: int, last: int) -> None:
    """A straight line from ``first`` to ``last`` nm, rising by 6e-4 A/W a nm."""
    rows = "".join(f"{nm},{6e-4 * nm - 0.012}\n" for nm in (first, last))
    (folder / "curve.csv").write_text(f"wavelength_nm,responsivity_A_W\n{rows}", encoding="utf-8")


def known(calibration: Calibration, *spectra: np.ndarray, signal: tuple[float, ...] = ()) -> Known:
    taken = [Spectrum(i, i, Branch.FORWARD, 0.0, 1.0, spectrum, 1.0) for i, spectrum in enumerate(spectra)]
    return Known(Evidence(calibration), {"photodiode_signal": np.array(signal)}, taken, "V", 1.0)


def test_a_table_from_400_to_800_nm_gives_the_luminance_of_a_whole_one(folder: Path) -> None:
    line = gaussian(520.0, 20.0)
    table(folder, 380, 800)
    whole = calibrated(folder)
    table(folder, 400, 700)
    short = calibrated(folder)
    assert short.photodiode is not None
    assert whole.photodiode is not None
    assert (short.photodiode.shortest, short.photodiode.longest) == (400.0, 700.0)
    by_short, by_whole = (spectral_factors(line, one.photodiode) for one in (short, whole))
    assert by_short.luminance_per_photocurrent == pytest.approx(by_whole.luminance_per_photocurrent, rel=1e-9)


def test_its_span_is_kept_in_the_run_file(folder: Path) -> None:
    table(folder, 400, 700)
    calibration = calibrated(folder)
    again = Calibration.from_fields({name: value for name, (value, _) in calibration.to_fields().items()})
    assert again.photodiode is not None
    assert (again.photodiode.shortest, again.photodiode.longest) == (400.0, 700.0)


@pytest.mark.parametrize(("peak", "found"), [(520.0, False), (690.0, True), (395.0, True)])
def test_light_where_the_responsivity_was_not_measured_is_doubtful(folder: Path, peak: float, found: bool) -> None:
    table(folder, 400, 700)
    said = list(light_outside_responsivity(known(calibrated(folder), gaussian(520.0, 20.0), gaussian(peak, 30.0))))
    assert bool(said) == found
    assert all(one.severity is Severity.DOUBTFUL and "outside 400 to 700 nm" in one.text for one in said)


def test_noise_below_zero_is_kept_in_the_integrals(folder: Path) -> None:
    """k_L belongs to the spectrum under which it was found; clipped noise would move it."""
    wavelength = np.arange(340.0, 800.0, 4.0)
    noise = 0.02 * np.random.default_rng(3).standard_normal(wavelength.size)
    clean = np.exp(-4 * np.log(2) * ((wavelength - 520) / 40) ** 2)
    scales = {}
    for name, values in {"clean": clean, "noisy": clean + noise, "clipped": np.maximum(clean + noise, 0)}.items():
        rows = "".join(f"{nm:g},{value:.6f}\n" for nm, value in zip(wavelength, values, strict=True))
        (folder / "spectrum.csv").write_text(f"wavelength_nm,relative_power\n{rows}", encoding="utf-8")
        text = (folder / "calibration.yaml").read_text(encoding="utf-8").partition("geometry:")[0]
        factor = "luminance_factor: {factor: 1.13e10 cd/m^2/A, uncertainty: 0.5 %, spectrum: spectrum.csv}\n"
        (folder / "calibration.yaml").write_text(text.partition("luminance_factor")[0] + factor, encoding="utf-8")
        photodiode = calibrated(folder).photodiode
        assert photodiode is not None
        scales[name] = spectral_factors(gaussian(630.0, 30.0), photodiode).luminance_per_photocurrent
    errors = {name: abs(scales[name] / scales["clean"] - 1) for name in ("noisy", "clipped")}
    assert errors["noisy"] < 0.02
    assert errors["clipped"] > 2 * errors["noisy"]


def test_a_table_that_ends_is_dark_beyond_for_a_spectrum(folder: Path) -> None:
    (folder / "spectrum.csv").write_text(
        "wavelength_nm,relative_power\n"
        + "".join(f"{nm},{gaussian(520.0, 20.0)[nm - 380]:.9f}\n" for nm in range(450, 600)),
        encoding="utf-8",
    )
    text = (folder / "calibration.yaml").read_text(encoding="utf-8").partition("geometry:")[0]
    factor = "luminance_factor: {factor: 1.13e10 cd/m^2/A, uncertainty: 0.5 %, spectrum: spectrum.csv}\n"
    (folder / "calibration.yaml").write_text(text + factor, encoding="utf-8")
    photodiode = calibrated(folder).photodiode
    assert spectral_factors(gaussian(520.0, 20.0), photodiode).luminance_per_photocurrent == pytest.approx(
        1.13e10, rel=1e-5
    )


@pytest.mark.parametrize(
    ("connection", "signal", "found"),
    [("shunt", (1e-4, 9e-3), False), ("shunt", (1e-4, 0.02, 0.05), True), ("amplifier", (1.0, 5.0), False)],
)
def test_a_resistor_that_loads_the_photodiode(connection: str, signal: tuple[float, ...], found: bool) -> None:
    calibration = Calibration(conditions=Conditions(1.4e-5, 1e3, connection=connection))
    said = list(loaded_photodiode(known(calibration, signal=signal)))
    assert [(one.severity, one.value) for one in said] == ([(Severity.NOTE, 0.05)] if found else [])


def test_the_spot_of_the_bench_is_known(folder: Path) -> None:
    change(folder, "bench.yaml", ("ASRL3::INSTR", "ASRL3::INSTR\n    measuring_angle: 1 deg"))
    assert calibrated(folder).conditions.spot == 5e-3


def test_old_conditions_are_those_of_an_amplifier() -> None:
    fields = Calibration(conditions=Conditions(1.4e-5, 5e6)).to_fields()
    assert fields["amplifier_gain"] == (5e6, "V/A")
    old = {name: value for name, (value, _) in fields.items() if name in ("emissive_area", "amplifier_gain")}
    assert Calibration.from_fields(old).conditions == Conditions(1.4e-5, 5e6)
    in_amperes = replace(Conditions(1.4e-5, 1.0), connection="current", photodiode_range=0.01)
    stored = Calibration(conditions=in_amperes).to_fields()
    assert (stored["amplifier_gain"], stored["photodiode_range"]) == ((1.0, "1"), (0.01, "A"))


def test_without_a_calibration_the_floor_is_said_as_a_photocurrent() -> None:
    (said,) = least_light(Calibration(conditions=Conditions(1.4e-5, 1.0, connection="current")))
    assert "light of less than 30 nA is not seen: where 1 cd/m^2 gives less, V_on is an upper bound only" in said
    assert "right to 0.9 uA" in said  # 80 ppm and, at 1 PLC, 10 ppm of 10 mA
    (filtered,) = least_light(Calibration(conditions=Conditions(1.4e-5, 1.0, connection="current", filter_count=10)))
    assert "right to 0.8 uA" in filtered


def test_of_an_amplifier_nothing_is_said() -> None:
    assert least_light(Calibration(conditions=Conditions(1.4e-5, 5e6))) == []
