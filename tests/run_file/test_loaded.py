"""A run file read at one go is what it is read part by part: the same run, the same checksums, the same refusals."""

from __future__ import annotations

import pickle
from pathlib import Path

import h5py
import numpy as np
import pytest

from acquire.run_file import read as reading
from acquire.run_file.checksums import digests
from acquire.run_file.loaded import load
from acquire.run_file.read import read_run
from tests.support.run_files import all_of

RECORDINGS = sorted((Path(__file__).parents[1] / "recordings").glob("*.h5"))


@pytest.mark.parametrize("path", RECORDINGS, ids=lambda path: path.stem)
def test_it_is_what_its_parts_are(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    at_once = read_run(path)
    with h5py.File(path) as file:
        found = load(file).digests if "recording" not in file["entry"] else digests(file["entry"])
        assert {name: text for name, text in found.items() if name != "checksums"} == digests(file["entry"])
    monkeypatch.setattr(reading, "_at_one_go", lambda *_: None)
    assert pickle.dumps(all_of(read_run(path))) == pickle.dumps(all_of(at_once))


def test_groups_data_sets_and_attributes_are_as_h5py_has_them(tmp_path: Path) -> None:
    path = tmp_path / "any.h5"
    with h5py.File(path, "w") as file:
        group = file.create_group("entry/inside")
        group["text"], group["number"], group["row"] = "µ", 1.5, np.arange(3, dtype="<i4")
        group["texts"] = np.array([b"a", b"bc"])
        group.attrs.update({"text": "µ", "number": 2, "flag": True, "row": [1.0, 2.0]})
        group["row"].attrs["fixed"] = np.bytes_(b"x")
    with h5py.File(path) as file:
        held, entry = load(file).root["entry"], file["entry"]
        assert [*held["inside"]] == [*entry["inside"]]
        assert "inside/row" in held
        assert "inside/none" not in held
        assert "inside/row/deeper" not in held
        for name, dataset in entry["inside"].items():
            found = held[f"inside/{name}"]
            assert (found.shape, found.dtype.kind, found.ndim) == (dataset.shape, dataset.dtype.kind, dataset.ndim)
            assert np.array_equal(found[()], dataset[()])
            assert type(found[()]) is type(dataset[()])
        for name, value in entry["inside"].attrs.items():
            assert np.array_equal(held["inside"].attrs[name], value)
            assert type(held["inside"].attrs[name]) is type(value)
        assert held["inside/row"].attrs["fixed"] == b"x"


def test_a_file_that_is_too_large_is_not_held(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("acquire.run_file.loaded.LARGEST", 1000)
    with h5py.File(RECORDINGS[0]) as file, pytest.raises(ValueError, match="too large"):
        load(file)
    assert read_run(RECORDINGS[0]).points
