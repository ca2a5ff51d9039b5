"""Files of published values and of answers: what they mean, and what is said of wrong ones."""

from __future__ import annotations

import json
from math import sqrt
from pathlib import Path

import pytest

from acquire.config import ConfigurationError, check_file
from acquire.config.answers import AnswersFile, with_entry
from acquire.config.loading import load_answers, load_published
from acquire.config.published import device_named
from tests.conftest import CONFIGS, ROOT

SHIPPED = CONFIGS / "published" / "d2nr03793a_table2.yaml"
HEAD = "kind: published\nsource: a paper\ndevices:\n"


def read(tmp_path: Path, text: str, name: str = "published.yaml") -> Path:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return path


def test_the_shipped_file_holds_what_the_devices_were_fitted_to() -> None:
    """Each value as the data of the simulated devices have it, which were taken from the paper by somebody else."""
    fitted = json.loads((ROOT / "tests/data/simulated_devices.json").read_text(encoding="utf-8"))["devices"]
    published = load_published(SHIPPED)
    assert len(published.devices) == len(fitted)
    for entry in fitted:
        device, stated = device_named(published, entry["name"]), entry["published"]
        assert device is not None
        values = {name: one.value for name, one in device.values().items()}
        assert values == pytest.approx(
            {
                "turn_on_voltage": stated["V_on_V"],
                "luminance_max": stated["L_max_cd_m2"],
                "current_efficiency_max": stated["CE_max_cd_A"],
                "power_efficiency_max": stated["PE_max_lm_W"],
                "external_quantum_efficiency_max": stated["EQE_max_pct"] / 100,
                "chromaticity_x": stated["CIE_xy"][0],
                "chromaticity_y": stated["CIE_xy"][1],
                "peak_wavelength": 520.0,
                "fwhm": 19.0,
            },
            rel=1e-12,
        )


def test_digits_say_how_well_a_value_is_known_and_a_stated_uncertainty_says_it_better(tmp_path: Path) -> None:
    text = (
        HEAD + "  - {name: A, external_quantum_efficiency_max: 2.40 %, turn_on_voltage: 4.0 +- 0.1 V, fwhm: 19 ± 2 nm}"
    )
    (device,) = load_published(read(tmp_path, text)).devices
    eqe, turn_on, fwhm = (
        device.values()[name] for name in ("external_quantum_efficiency_max", "turn_on_voltage", "fwhm")
    )
    assert eqe.value == pytest.approx(0.024)
    assert eqe.uncertainty == pytest.approx(0.0001 / 2 / sqrt(3))
    assert (eqe.by_rounding, eqe.decimals(100.0)) == (True, 2)
    assert (turn_on.uncertainty, turn_on.by_rounding) == (pytest.approx(0.1), False)
    assert fwhm.uncertainty == pytest.approx(2.0)


def test_names_are_found_whatever_their_capitals_and_blanks(tmp_path: Path) -> None:
    published = load_published(read(tmp_path, HEAD + "  - {name: Ref A, also: [b2], fwhm: 19 nm}"))
    assert device_named(published, "refa") is device_named(published, "B 2") is published.devices[0]
    assert device_named(published, "Ref") is None


@pytest.mark.parametrize(
    ("devices", "line", "said"),
    [
        ("  - {name: A}", 4, "holds no value"),
        ("  - {name: A, fwhm: 19 nm}\n  - {name: a, fwhm: 19 nm}", 5, "is the name of another device"),
        ("  - {name: A, fwhm: 19}", 4, "has no unit"),
        ("  - {name: A, fwhm: 19 +- 0 nm}", 4, "not above 0"),
        ("  - {name: A, external_quantum_efficiency_max: 240 %}", 4, "is not allowed"),
        ("  - {name: A, turn_on: 4 V}", 4, "Did you mean 'turn_on_voltage'?"),
        ("  []", 3, "names no device"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(tmp_path: Path, devices: str, line: int, said: str) -> None:
    path = read(tmp_path, HEAD + devices)
    with pytest.raises(ConfigurationError) as refused:
        load_published(path)
    (problem,) = refused.value.problems
    assert said in str(problem)
    assert problem.line == line
    assert [str(one) for one in check_file(path).problems] == [str(problem)]


# --- answers -------------------------------------------------------------------------------------------------


def test_an_answer_is_added_at_the_end_and_remarks_stay(tmp_path: Path) -> None:
    text = with_entry("", {"bench": "B: #1", "atmosphere": "N2 - dry: 1 ppm"})
    text = text.replace("answers:", "answers:  # asked in March")
    text = with_entry(text, {"bench": "B: #1", "climate": "23 C"})
    text = with_entry(text, {"substrate": "7", "stack": "ITO / Al"})
    known = load_answers(read(tmp_path, text))
    assert "# asked in March" in text
    assert known.of_bench("B: #1") == {"atmosphere": "N2 - dry: 1 ppm", "climate": "23 C"}
    assert known.of_substrate("7") == {"stack": "ITO / Al"}
    assert known.of_substrate("8") == {}


@pytest.mark.parametrize(
    "text", ["kind: answers\nanswers: []\n", "answers:\n- bench: a\nkind: answers\n", "answers: x"]
)
def test_a_file_that_cannot_be_added_to_stays_and_says_what_to_write(text: str) -> None:
    with pytest.raises(ValueError, match=r"- bench: b\n  climate: dry"):
        with_entry(text, {"bench": "b", "climate": "dry"})


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ("{climate: dry}", "either a bench or a substrate"),
        ("{bench: a, substrate: b}", "either a bench or a substrate"),
        ("{bench: a, stack: b}", "is asked of a substrate"),
        ("{substrate: a, climate: b}", "is asked of a bench"),
    ],
)
def test_an_entry_says_only_what_is_its_own(tmp_path: Path, entry: str, said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        load_answers(read(tmp_path, f"kind: answers\nanswers:\n- {entry}\n"))


def test_nothing_is_answered_in_an_empty_file() -> None:
    assert AnswersFile(kind="answers").of_bench("any") == {}
