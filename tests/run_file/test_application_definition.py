"""Run files keep the NeXus definition that they declare, as far as that can be seen without the validators of NeXus.

``make fair`` asks those: pynxtools with the definitions of NeXus, and the schema of NXDL.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable, Iterator
from pathlib import Path

import h5py
import numpy as np
import pytest

from acquire.run_file.application_definition import application_definition
from acquire.run_file.finish import finish
from acquire.run_file.layout import DEFINITION
from acquire.run_file.read import read_run
from docs.reference_pages import NXDL
from tests.conftest import ROOT
from tests.support.run_files import a_run, a_simulated_run

NX = {"nx": "http://definition.nexusformat.org/nxdl/3.1"}
KINDS = {"NX_FLOAT": "f", "NX_INT": "i", "NX_UINT": "u", "NX_CHAR": "OS", "NX_DATE_TIME": "OS", None: "O"}
CATEGORIES = {"NX_VOLTAGE": "V", "NX_CURRENT": "A", "NX_TIME": "s", "NX_WAVELENGTH": "nm", "NX_AREA": "m^2"}


@pytest.fixture(scope="module")
def run_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return a_simulated_run(tmp_path_factory.mktemp("runs"))


def wrong_in(group: h5py.Group, definition: ElementTree.Element) -> Iterator[str]:
    """What a group lacks of its definition: attributes, fields with type, unit and rank, groups with their class."""
    for attribute in definition.findall("nx:attribute", NX):
        if attribute.get("optional") != "true" and attribute.get("name") not in group.attrs:
            yield f"{group.name} has no attribute {attribute.get('name')}"
    for field in definition.findall("nx:field", NX):
        name = str(field.get("name"))
        if name in group:
            yield from wrong_in_field(group[name], field)
        elif field.get("optional") != "true":
            yield f"{group.name} has no field {name}"
    for inner in definition.findall("nx:group", NX):
        named = inner.get("nameType") != "any"
        found = [one for one in group.values() if one.attrs.get("NX_class") == inner.get("type")]
        found = [one for one in found if not named or one.name.rpartition("/")[2] == inner.get("name")]
        if not found and inner.get("optional") != "true":
            yield f"{group.name} has no group {inner.get('name')} of {inner.get('type')}"
        for one in found:
            yield from wrong_in(one, inner)


def wrong_in_field(dataset: h5py.Dataset, field: ElementTree.Element) -> Iterator[str]:
    if dataset.dtype.kind not in KINDS[field.get("type")]:
        yield f"{dataset.name} is of another type, {dataset.dtype}"
    if (unit := CATEGORIES.get(str(field.get("units")))) and dataset.attrs["units"] != unit:
        yield f"{dataset.name} is in {dataset.attrs['units']}"
    rank = field.find("nx:dimensions", NX)
    if rank is not None and dataset.ndim != int(str(rank.get("rank"))):
        yield f"{dataset.name} has {dataset.ndim} dimensions"
    for attribute in field.findall("nx:attribute", NX):
        if attribute.get("name") not in dataset.attrs:
            yield f"{dataset.name} has no attribute {attribute.get('name')}"


def wrong(path: Path) -> list[str]:
    entry_definition = ElementTree.fromstring(application_definition()).find("nx:group", NX)
    assert entry_definition is not None
    with h5py.File(path) as file:
        return [*wrong_in(file["entry"], entry_definition)]


def test_the_page_is_not_behind_the_program() -> None:
    assert NXDL.read_text(encoding="utf-8") == application_definition(), "make docs"


def test_a_run_file_keeps_what_it_declares(run_file: Path) -> None:
    with h5py.File(run_file) as file:
        assert file["entry/definition"].asstr()[()] == DEFINITION
        assert re.fullmatch(r"\d+\.\d+", file["entry/definition"].attrs["version"])
        assert file["entry/process/program"].attrs["program_url"].startswith("pkg:generic/jvl-bench@")
    assert wrong(run_file) == []


def test_so_does_one_that_was_cut_off_and_finished(tmp_path: Path) -> None:
    path = tmp_path / "run.h5"
    a_run(path).close()
    assert wrong(path) == [], "already while the run goes on"
    assert finish(path).finished
    assert wrong(path) == []
    assert read_run(path).integrity.damaged == ()


@pytest.mark.parametrize(
    ("spoil", "found"),
    [
        (lambda entry: entry["jvl"].pop("luminance"), "has no field luminance"),
        (lambda entry: entry["jvl/voltage"].attrs.modify("units", "A"), "jvl/voltage is in A"),
        (lambda entry: entry["process/program"].attrs.pop("program_url"), "has no attribute program_url"),
        (lambda entry: entry.pop("calibration"), "has no group calibration"),
        (lambda entry: entry["instrument/smu"].attrs.pop("model"), "has no attribute model"),
        (
            lambda entry: [entry["jvl"].pop("flags"), entry["jvl"].create_dataset("flags", data=np.ones(3))],
            "of another",
        ),
    ],
)
def test_a_file_that_does_not_keep_it_is_found(
    spoil: Callable[[h5py.Group], object], found: str, run_file: Path, tmp_path: Path
) -> None:
    path = tmp_path / "spoilt.h5"
    path.write_bytes(run_file.read_bytes())
    with h5py.File(path, "r+") as file:
        spoil(file["entry"])
    assert any(found in text for text in wrong(path))


@pytest.mark.parametrize("name", ["definition", "process"])
def test_what_is_declared_has_a_checksum(name: str, run_file: Path, tmp_path: Path) -> None:
    path = tmp_path / "spoilt.h5"
    path.write_bytes(run_file.read_bytes())
    with h5py.File(path, "r+") as file:
        del file["entry"][name]
    assert read_run(path).integrity.damaged == (f"/entry/{name} is missing",)


def test_older_files_declare_nothing_and_are_read() -> None:
    path = next((ROOT / "tests" / "recordings").glob("*_2acaeb90.h5"))
    with h5py.File(path) as file:
        assert "definition" not in file["entry"]
    assert read_run(path).integrity.damaged == ()
