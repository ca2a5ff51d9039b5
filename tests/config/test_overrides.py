"""What is said for one run in place of the sweep file: the same rules, a message that names the option, a record."""

from __future__ import annotations

from pathlib import Path

import pytest

from acquire.bench.preparation import prepare
from acquire.config import ConfigurationError, LoadedSweep, Said, SweepFile, load_sweep, resolved
from acquire.config.overrides import PLACES
from tests.conftest import CONFIGS

QUICK = CONFIGS / "sweeps" / "quick_look.yaml"
TABLE2 = CONFIGS / "sweeps" / "table2_sppo13.yaml"


def with_said(sweep: Path = QUICK, **options: str) -> LoadedSweep:
    return load_sweep(sweep, None, [Said(f"--{name}", text) for name, text in options.items()])


def refusal(sweep: Path = QUICK, **options: str) -> list[str]:
    with pytest.raises(ConfigurationError) as caught:
        with_said(sweep, **options)
    return [str(problem) for problem in caught.value.problems]


def test_what_is_said_stands_in_place_of_the_file_and_both_are_recorded() -> None:
    loaded = with_said(sample=" A3 ", pixel="2", area="4 mm^2", user="Ada", batch="B7", note="annealed")
    sweep = loaded.sweep
    assert (sweep.sample.name, sweep.sample.pixel, sweep.sample.batch) == ("A3", "2", "B7")
    assert (sweep.sample.emissive_area, sweep.user.name, sweep.note) == (4e-6, "Ada", "annealed")
    assert loaded.sweep_text == QUICK.read_text(encoding="utf-8")
    recorded = {one["key"]: (one["file_says"], one["said"], one["origin"]) for one in resolved(loaded)["overrides"]}
    assert recorded == {
        "sample.name": ("SPPO13", "A3", "--sample"),
        "sample.pixel": (None, "2", "--pixel"),
        "sample.batch": (None, "B7", "--batch"),
        "sample.emissive_area": ("14 mm^2", "4 mm^2", "--area"),
        "user.name": (None, "Ada", "--user"),
        "note": (None, "annealed", "--note"),
    }


def test_every_place_is_a_key_of_the_sweep_file() -> None:
    for place in PLACES.values():
        section = SweepFile
        for name in place[:-1]:
            section = section.model_fields[str(name)].annotation
        assert place[-1] in section.model_fields


def test_nothing_said_changes_nothing() -> None:
    assert load_sweep(QUICK).overrides == ()
    assert resolved(load_sweep(QUICK))["overrides"] == []


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"area": "4 v"}, "--area: sample.emissive_area: '4 v'"),
        ({"area": "4"}, "--area: sample.emissive_area: '4' has no unit. Write it like '14 mm^2'."),
        ({"area": "-4 mm^2"}, "--area: sample.emissive_area: '-4 mm^2' is not allowed"),
        ({"area": ""}, "--area: sample.emissive_area: '' does not begin with a number"),
        ({"area": "4 mm^2 +- 0.1 V"}, "--area: sample.emissive_area_uncertainty: '0.1 V' has the wrong unit"),
        ({"area": "4 mm^2 +- 5 mm^2"}, "--area: sample.emissive_area_uncertainty: is not smaller than the area"),
        ({"sample": " "}, "--sample: sample.name: is empty. Write a value."),
        ({"sample": "a\x1bb"}, "--sample: sample.name: holds a control character"),
        (
            {"sample": "gr\ufffdn"},
            "--sample: sample.name: holds a character that the terminal did not pass on whole.",
        ),
        ({"note": "a\udc80b"}, "--note: note: holds a control character, or half of a character"),
    ],
)
def test_what_is_wrong_with_it_names_the_option(options: dict[str, str], said: str) -> None:
    (line,) = refusal(**options)
    assert line.startswith(said)


def test_what_is_remembered_is_named_as_such() -> None:
    with pytest.raises(ConfigurationError, match=r"^--area \(again\): sample.emissive_area: '4' has no unit"):
        load_sweep(QUICK, None, [Said("--area", "4", remembered=True)])


def test_a_pixel_area_beyond_what_the_bench_has_is_a_caution_that_names_the_option() -> None:
    caution, of_simulation = with_said(area="14 m^2").cautions
    assert "the simulated device has 14 mm^2" in str(of_simulation)
    assert str(caution).startswith("--area: sample.emissive_area: is a pixel really 14 m^2 large?")


@pytest.mark.parametrize(("area", "told"), [("4 mm^2", True), ("13.9 mm^2", False), ("20 mm^2", True)])
def test_an_area_that_the_simulated_device_has_not_is_told(area: str, told: bool) -> None:
    said = [str(one) for one in with_said(area=area).cautions]
    assert [one for one in said if "the simulated device has 14 mm^2: luminance and efficiencies" in one] == said
    assert bool(said) == told


def test_an_area_takes_its_uncertainty_along_or_says_that_it_keeps_another_ones() -> None:
    caution, _of_simulation = with_said(TABLE2, area="4 mm^2").cautions
    assert "its standard uncertainty stays 0.16 mm^2, as in" in str(caution)
    for text in ("4 mm^2 +- 0.1 mm^2", "4 mm^2 +/- 0.1 mm^2", "4 mm^2 \u00b1 0.1 mm^2"):
        loaded = with_said(TABLE2, area=text)
        assert not [one for one in loaded.cautions if "its standard uncertainty" in str(one)]
        assert loaded.sweep.sample.emissive_area_uncertainty == 1e-7
    (line,) = refusal(TABLE2, area="0.1 mm^2")
    assert "table2_sppo13.yaml:" in line
    assert "--area '4 mm^2 +- 0.1 mm^2'" in line


def test_the_area_that_was_said_is_the_one_that_counts() -> None:
    prepared = prepare(QUICK, None, [Said("--area", "2 mm^2")])
    assert prepared.calibration.conditions.emissive_area == 2e-6


@pytest.mark.parametrize("section", ["user:\n", "user: {}\n", ""])
def test_a_section_that_the_file_leaves_out_or_empty_is_filled(section: str, tmp_path: Path) -> None:
    text = QUICK.read_text(encoding="utf-8").replace("../", f"{CONFIGS.as_posix()}/")
    (tmp_path / "sweep.yaml").write_text(text + section, encoding="utf-8")
    assert with_said(tmp_path / "sweep.yaml", user="Ada").sweep.user.name == "Ada"


def test_what_yaml_made_of_the_files_own_value_does_not_matter_then(tmp_path: Path) -> None:
    text = QUICK.read_text(encoding="utf-8").replace("../", f"{CONFIGS.as_posix()}/")
    (tmp_path / "sweep.yaml").write_text(text.replace("name: SPPO13", "name: Dev #3"), encoding="utf-8")
    assert "#3" in refusal(tmp_path / "sweep.yaml")[0]
    assert with_said(tmp_path / "sweep.yaml", sample="Dev #3").sweep.sample.name == "Dev #3"


def test_what_is_wrong_with_the_file_is_still_said(tmp_path: Path) -> None:
    text = QUICK.read_text(encoding="utf-8").replace("../", f"{CONFIGS.as_posix()}/")
    (tmp_path / "sweep.yaml").write_text(text + "user: Ada\n", encoding="utf-8")
    (line,) = refusal(tmp_path / "sweep.yaml", user="Eve")
    assert "user: must be a section" in line
    (line,) = refusal(tmp_path / "none.yaml", user="Eve")
    assert "there is no such file" in line
