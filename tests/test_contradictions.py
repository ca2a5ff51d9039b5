"""What is wrong on a simulated bench, and what a run on it says: the status, the words, the JSON."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from acquire.records import Event, Finding
from acquire.run_file.read import Run, read_run
from tests.conftest import CONFIGS, run_sweep_file
from tests.support.config_files import INSTRUMENTS

#: What every bench of this file has unless a test says otherwise; all it says of light is true.
BENCH: Mapping[str, Any] = {
    "kind": "bench",
    "name": "contradicted",
    "visa": "simulated",
    "instruments": INSTRUMENTS,
    "photodiode": {
        "amplifier": "5e6 V/A",
        "calibration": f"{CONFIGS.as_posix()}/calibrations/simulated_photodiode.yaml",
    },
    "limits": {"voltage": "20 V", "current": "200 mA"},
}

SWEEP: Mapping[str, Any] = {
    "kind": "sweep",
    "title": "contradicted",
    "bench": "bench.yaml",
    "sample": {
        "name": "SPPO13/Liq",
        "emissive_area": "14 mm^2",
        "expected_line": {"peak": "520 nm", "fwhm": "20 nm"},
        "simulated_as": f"{CONFIGS.as_posix()}/devices/sppo13_liq.yaml",
    },
    "source": {"function": "voltage", "start": "0 V", "stop": "7 V", "step": "0.5 V", "compliance": "100 mA"},
    "spectra": {"at_luminance": ["10 cd/m^2", "100 cd/m^2", "1000 cd/m^2", "5000 cd/m^2"]},
}

Running = Callable[..., tuple[Run, list[Finding]]]


@pytest.fixture
def running(tmp_path: Path) -> Running:
    """Run the sweep with something changed; its finished file, and what was found while it went on."""

    def run(
        photodiode: Mapping[str, Any] | None = None, truth: Mapping[str, Any] | None = None, **changed: Any
    ) -> tuple[Run, list[Finding]]:
        bench = {**BENCH, **changed.pop("bench", {}), "photodiode": {**BENCH["photodiode"], **(photodiode or {})}}
        bench = {**bench, "simulation": {"seed": 1, "photodiode": truth or {}, **changed.pop("simulation", {})}}
        sweep = {**SWEEP, **changed, "sample": {**SWEEP["sample"], **changed.pop("sample", {})}}
        for name, content in {"bench": bench, "sweep": sweep}.items():
            (tmp_path / f"{name}.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")
        told: list[Finding] = []

        def watch(event: Event) -> None:
            if isinstance(event, Finding):
                told.append(event)

        result = run_sweep_file(tmp_path / "sweep.yaml", tmp_path / "out", watch=watch)
        assert result.run is not None, result.error
        assert not result.failed
        return read_run(result.run.path), told

    return run


def statuses(run: Run) -> dict[str, str]:
    return {name: figure["status"] for name, figure in run.summary()["figures_of_merit"].items()}


BY_LIGHT = ("luminance_max", "current_efficiency_max", "power_efficiency_max", "external_quantum_efficiency_max")


def test_a_bench_that_is_right_has_nothing_said_against_it(running: Running) -> None:
    run, told = running()
    assert told == []
    assert run.findings == ()
    assert run.summary()["findings"] == []
    assert statuses(run)["external_quantum_efficiency_max"] == "ok"


@pytest.mark.parametrize(
    ("gain", "severity", "words"),
    [
        (
            "5e5 V/A",
            "doubtful",
            "one factor at all 3 spectra: it looks like 1/10 (one decade of the amplifier's gain",
        ),
        ("5e7 V/A", "impossible", "it looks like 10 (one decade of the amplifier's gain, or of the pixel area)"),
    ],
)
def test_a_gain_one_decade_off(gain: str, severity: str, words: str, running: Running) -> None:
    """Seen at the first spectrum, and at the end. Colour, peak and width do not depend on the photodiode."""
    run, told = running(truth={"gain": gain})
    assert told[0].code == "photodiode_factor"
    assert words in the(run, "photodiode_factor")["text"]
    assert the(run, "photodiode_factor")["severity"] == severity
    assert {statuses(run)[name] for name in BY_LIGHT} == {severity}
    for name in ("chromaticity_x", "chromaticity_y", "peak_wavelength", "fwhm"):
        assert statuses(run)[name] == "ok", name
    assert run.status == "completed"


def the(run: Run, code: str) -> dict[str, Any]:
    """The finding of a kind, as JSON."""
    (found,) = (one for one in run.summary()["findings"] if one["code"] == code)
    return dict(found)


@pytest.mark.parametrize("with_file", [True, False])
def test_a_gain_one_decade_off_is_a_note_where_the_spectra_calibrate(with_file: bool, running: Running) -> None:
    honest, _ = running()
    route = {"luminance": "from_spectra", **({} if with_file else {"calibration": None})}
    run, _ = running(photodiode=route, truth={"gain": "5e5 V/A"})
    note = the(run, "luminance_factor_unexpected" if with_file else "luminance_factor_not_checked")
    assert note["severity"] == "note"
    assert ("it looks like 1/10" if with_file else "is not checked") in note["text"]
    eqe = "external_quantum_efficiency_max"
    assert statuses(run)[eqe] == "ok"
    assert run.figures[eqe].value == pytest.approx(honest.figures[eqe].value, rel=0.005)


def test_a_photodiode_that_is_pushed_during_the_run(running: Running) -> None:
    run, _ = running(truth={"moved": {"after": "8 s", "distance": "130 mm"}})
    assert statuses(run)["external_quantum_efficiency_max"] == "doubtful"
    codes = {found.code for found in run.findings}
    assert codes & {"photodiode_factor", "photodiode_not_linear", "photodiode_drift"}
    assert "aged_during_sweep" in codes, "less light at the level of the first spectrum, whatever the reason"


def test_an_amplifier_that_inverts_and_one_that_is_known_to(running: Running) -> None:
    run, _ = running(truth={"gain": "-5e6 V/A"})
    assert the(run, "signal_falls_with_light")["severity"] == "doubtful"
    assert "-5e+06 V/A" in the(run, "signal_falls_with_light")["remedy"]
    assert not [note for note in run.notes if "less light than the dark" in note.text], "named once, and as what it is"
    right, _ = running(photodiode={"amplifier": "-5e6 V/A"}, truth={"gain": "-5e6 V/A"})
    assert right.findings == ()
    assert statuses(right)["current_efficiency_max"] == "ok"


@pytest.mark.parametrize("limit", [None, "1.5 V"])
def test_an_amplifier_at_its_rail(limit: str | None, running: Running) -> None:
    """With the limit in the bench file a run stops there unless its sweep says otherwise; without, it cannot know."""
    run, _ = running(
        photodiode={} if limit is None else {"amplifier_limit": limit},
        truth={"rail": "1.5 V"},
        source={**SWEEP["source"], "step": "0.25 V"},
        stop={"on_amplifier_limit": "continue"},
        spectra={"at_luminance": ["10 cd/m^2", "100 cd/m^2", "1000 cd/m^2"]},
    )
    finding = the(run, "amplifier_at_limit")
    assert finding["severity"] == "doubtful"
    assert "read 1.5" in finding["text"]
    assert statuses(run)["luminance_max"] == "lower_bound"
    assert statuses(run)["turn_on_voltage"] == "ok"


def test_a_device_that_shines_at_negative_levels(running: Running, tmp_path: Path) -> None:
    text = (CONFIGS / "devices" / "sppo13_liq.yaml").read_text(encoding="utf-8")
    device = yaml.safe_load(text)
    device["emitter"]["polarity"] = "negative"
    (tmp_path / "device.yaml").write_text(yaml.safe_dump(device), encoding="utf-8")
    both_sides = {**SWEEP["source"], "start": "-7 V"}
    run, _ = running(sample={"simulated_as": "device.yaml"}, source=both_sides)
    finding = the(run, "light_on_other_side")
    assert "at negative levels only" in finding["text"]
    assert "sample.polarity: negative" in finding["remedy"]
    right, _ = running(
        sample={"simulated_as": "device.yaml", "polarity": "negative"},
        source={**SWEEP["source"], "stop": "-7 V", "step": "-0.5 V"},
    )
    assert right.findings == ()
    assert statuses(right)["current_efficiency_max"] == "ok"


def test_a_line_that_is_cut_off_at_780_nm(running: Running, tmp_path: Path) -> None:
    device = yaml.safe_load((CONFIGS / "devices" / "sppo13_liq.yaml").read_text(encoding="utf-8"))
    device["emitter"]["emission"] |= {"peak": "760 nm", "fwhm": "40 nm"}
    device["emitter"]["efficiency"]["ideal"] = "0.06 cd/A"
    (tmp_path / "device.yaml").write_text(yaml.safe_dump(device), encoding="utf-8")
    run, _ = running(
        sample={"simulated_as": "device.yaml", "expected_line": {"peak": "760 nm", "fwhm": "40 nm"}},
        spectra={"at_luminance": ["0.1 cd/m^2", "0.5 cd/m^2", "1 cd/m^2"]},
    )
    assert statuses(run)["external_quantum_efficiency_max"] == "lower_bound"
    assert "cut off at 380 or 780 nm" in run.figures["external_quantum_efficiency_max"].reason
    assert statuses(run)["current_efficiency_max"] == "ok"


def test_a_spot_that_is_larger_than_the_pixel(running: Running) -> None:
    meter = {**BENCH["instruments"]["spectroradiometer"], "measuring_angle": "1 deg"}
    run, _ = running(
        bench={"instruments": {**BENCH["instruments"], "spectroradiometer": meter}},
        simulation={"options": {"spectroradiometer": {"dark_surround": "true"}}},
        spectra={"at_luminance": ["10 cd/m^2", "100 cd/m^2", "1000 cd/m^2"]},
    )
    assert the(run, "spot_larger_than_pixel")["value"] == pytest.approx(1 / (1 - 0.287), rel=0.02)
    assert "up to 29 % of it sees what lies beside" in the(run, "spot_larger_than_pixel")["text"]
    assert statuses(run)["luminance_max"] == "doubtful"


def test_a_calibration_of_another_colour_without_its_spectrum(running: Running, tmp_path: Path) -> None:
    """k_L of a green device for a blue one, and nothing to correct it by."""
    calibration = {
        "kind": "calibration",
        "id": "k",
        "date": "2024-01-05",
        "detector": {"serial": "1"},
        "luminance_factor": {"factor": "1.3e10 cd/m^2/A", "uncertainty": 0.003},
    }
    (tmp_path / "calibration.yaml").write_text(yaml.safe_dump(calibration), encoding="utf-8")
    run, _ = running(photodiode={"calibration": "calibration.yaml"})
    assert the(run, "photodiode_factor")["severity"] == "doubtful"
