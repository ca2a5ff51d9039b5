"""Every YAML file under configs/ is right, says what the documentation says, and has its schema beside it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from acquire.config import (
    ConfigurationError,
    check_file,
    device_parameters,
    json_schemas,
    load_calibration,
    load_sweep,
)
from acquire.config.schema import schema_texts, write_schemas

ROOT = Path(__file__).parents[2]
CONFIGS = ROOT / "configs"
FILES = sorted(CONFIGS.rglob("*.yaml"))
SWEEPS = sorted((CONFIGS / "sweeps").glob("*.yaml"))
PUBLISHED = json.loads((ROOT / "tests/data/simulated_devices.json").read_text(encoding="utf-8"))
DEVICES = {entry["id"]: entry for entry in PUBLISHED["devices"]}


def names(paths: list[Path]) -> list[str]:
    return [path.stem for path in paths]


def test_there_is_something_to_test() -> None:
    assert {path.parent.name for path in FILES} == {
        "batches", "benches", "calibrations", "devices", "mappings", "published", "sweeps",
    }  # fmt: skip


@pytest.mark.parametrize("path", FILES, ids=names(FILES))
def test_a_shipped_file_is_right(path: Path) -> None:
    assert [str(problem) for problem in check_file(path).problems] == []


@pytest.mark.parametrize("path", FILES, ids=names(FILES))
def test_a_shipped_file_names_its_schema(path: Path) -> None:
    first = path.read_text(encoding="utf-8").splitlines()[0]
    schema = first.removeprefix("# yaml-language-server: $schema=")
    assert (path.parent / schema).is_file()


@pytest.mark.parametrize("path", SWEEPS, ids=names(SWEEPS))
def test_a_shipped_sweep_runs_on_the_simulated_bench(path: Path) -> None:
    loaded = load_sweep(path)
    assert loaded.bench.simulated
    assert loaded.device is not None
    assert (loaded.calibration.certificate is None) == (loaded.sweep.transport is not None)


@pytest.mark.parametrize("bench", ["lab_gpib", "lab_serial"])
@pytest.mark.parametrize("path", SWEEPS, ids=names(SWEEPS))
def test_a_shipped_sweep_fits_the_laboratory_benches(path: Path, bench: str) -> None:
    if "timing: hardware" not in path.read_text(encoding="utf-8"):
        assert not load_sweep(path, CONFIGS / "benches" / f"{bench}.yaml").bench.simulated
        return
    with pytest.raises(ConfigurationError, match="trigger-link cable") as caught:  # these benches are without it
        load_sweep(path, CONFIGS / "benches" / f"{bench}.yaml")
    assert len(caught.value.problems) == 1


def subset(whole: Any, part: Any) -> Any:
    """``whole`` with those keys only that ``part`` has."""
    return {key: subset(whole[key], value) for key, value in part.items()} if isinstance(part, dict) else whole


@pytest.mark.parametrize("name", sorted(DEVICES))
def test_device_files_hold_the_fitted_parameters_to_the_last_digit(name: str) -> None:
    loaded = load_sweep(CONFIGS / "sweeps" / f"table2_{name}.yaml")
    assert loaded.device is not None
    parameters = device_parameters(loaded.device, loaded.bench.simulation)
    assert parameters.pop("load") == "light_emitting_device"
    assert parameters == subset({**DEVICES[name], "shared": PUBLISHED["shared"]}, parameters)
    for section in ("jv", "ce", "spectrum"):
        assert parameters[section].keys() == DEVICES[name][section].keys() - {"cd_A_per_pct_at_J_ref"}


@pytest.mark.parametrize("name", sorted(DEVICES))
def test_the_table_2_sweeps_pass_the_luminance_maximum_without_tripping(name: str) -> None:
    from drivers.simulated.device import device_from_parameters

    loaded = load_sweep(CONFIGS / "sweeps" / f"table2_{name}.yaml")
    source, spectra, points = loaded.sweep.source, loaded.sweep.spectra, DEVICES[name]["operating_points"]
    assert loaded.device is not None
    assert source.step == 0.1
    assert source.stop > points["V_Lmax"] + 0.2
    current = device_from_parameters(device_parameters(loaded.device)).current(source.stop)
    assert 0.001 < current < 0.9 * source.compliance
    assert spectra is not None
    assert points["L_CE"] < max(spectra.at_luminance) < DEVICES[name]["published"]["L_max_cd_m2"]


def test_the_shipped_responsivity_is_the_one_of_the_simulated_photodiode() -> None:
    loaded, hashes = load_calibration(CONFIGS / "calibrations/simulated_photodiode.yaml")
    assert loaded.responsivity is not None
    wavelength, responsivity = loaded.responsivity
    assert (wavelength[0], wavelength[-1]) == (380.0, 1100.0)
    np.testing.assert_allclose(responsivity, 6.0e-4 * wavelength - 0.012, rtol=1e-12)
    assert len(hashes) == 2


def test_the_simulated_bench_believes_what_is_true() -> None:
    loaded = load_sweep(CONFIGS / "sweeps/table2_sppo13.yaml")
    truth = loaded.bench.simulation.photodiode
    assert (loaded.calibration.certificate is None) == (loaded.sweep.transport is not None)
    geometry = loaded.calibration.certificate.geometry
    assert geometry is not None
    assert (geometry.distance, geometry.detector_area) == (truth.distance, truth.area)
    assert loaded.bench.photodiode.transfer == truth.gain


def test_the_schema_files_are_up_to_date() -> None:
    """Mend with: python -m acquire.config --write-schemas configs/schema."""
    shipped = {path.name: path.read_text(encoding="utf-8") for path in (CONFIGS / "schema").iterdir()}
    assert shipped == schema_texts()


def test_schemas_are_written_by_the_command(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "acquire.config", "--write-schemas", str(tmp_path / "new")]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    assert len(done.stdout.split()) == len(json_schemas())
    assert {path.name for path in (tmp_path / "new").iterdir()} == set(schema_texts())
    assert write_schemas(tmp_path / "new") == [tmp_path / "new" / name for name in schema_texts()]


def every_property(schema: Any) -> list[tuple[str, dict[str, Any]]]:
    """Every property of every section of a schema."""
    sections = [schema, *schema["$defs"].values()]
    return [item for section in sections for item in section.get("properties", {}).items()]


@pytest.mark.parametrize("kind", ["sweep", "bench", "calibration", "device", "published", "answers"])
def test_every_key_is_explained_and_unknown_ones_are_forbidden(kind: str) -> None:
    schema = json_schemas()[kind]
    sections = [schema, *schema["$defs"].values()]
    assert all(section["additionalProperties"] is False for section in sections)
    assert [name for name, entry in every_property(schema) if not ({"description", "$ref"} & entry.keys())] == []


def test_defaults_in_the_schema_are_written_as_in_a_file() -> None:
    properties = dict(every_property(json_schemas()["sweep"]))
    assert properties["settle"]["default"] == "0.05 s"
    assert properties["settle"]["type"] == "string"
