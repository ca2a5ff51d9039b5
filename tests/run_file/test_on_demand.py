"""A file that is as it was written, by the checksum behind it: read on demand, it gives what all of its parts give."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from acquire.run_file import read as reading
from acquire.run_file.checksums import has_file_checksum, sealed, with_file_checksum, written_in
from acquire.run_file.figures_group import checksum_of_figures
from acquire.run_file.finish import recover
from acquire.run_file.hdf5 import read_only
from acquire.run_file.on_demand import on_demand
from acquire.run_file.read import ArchiveError, opened, read_run, readings, with_own_results
from acquire.run_file.results import results_of
from acquire.run_file.unchanged import Inventory, inventory
from tests.support.run_files import a_cut_off_run, a_finished_run, all_of

RECORDINGS = [
    path
    for path in sorted((Path(__file__).parents[1] / "recordings").glob("*.h5"))
    if read_run(path).finished and read_run(path).integrity.verifiable
]


def sealed_copy(source: Path, folder: Path) -> Path:
    path = folder / source.name
    path.write_bytes(with_file_checksum(source.read_bytes()))
    return path


def in_full(path: Path) -> object:
    """A run as its parts give it, whatever is behind the file."""
    with h5py.File(path) as file:
        return pickle.dumps(all_of(reading.whole(path, file)))


@pytest.mark.parametrize("source", RECORDINGS, ids=lambda path: path.stem)
def test_it_is_what_all_of_its_parts_are(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = sealed_copy(source, tmp_path)
    expected = in_full(path)
    monkeypatch.setattr(reading, "verify", lambda *_: pytest.fail("its parts were looked through"))
    assert pickle.dumps(all_of(read_run(path))) == expected
    h5py.File(path).close()  # whatever is behind it, it is an HDF5 file


@pytest.mark.parametrize("source", RECORDINGS, ids=lambda path: path.stem)
def test_of_the_readings_alone_come_the_same_results(source: Path, tmp_path: Path) -> None:
    path = sealed_copy(source, tmp_path)
    run = read_run(path)
    with opened(path) as (file, is_known):
        assert is_known
        bare = readings(path, file)
        complete = with_own_results(bare, file["entry"])
    assert not bare.figures
    assert np.isnan(bare.tables["jvl"]["luminance"]).all()
    assert to_the_last_bit(results_of(bare, run.calibration)) == to_the_last_bit(results_of(run, run.calibration))
    for table in ("jvl", "spectra"):
        for name, values in run.tables[table].items():
            assert complete.tables[table][name].tobytes() == values.tobytes(), name
    assert str(complete.figures) == str(run.figures)


@pytest.mark.parametrize("source", RECORDINGS, ids=lambda path: path.stem)
def test_figures_are_known_by_their_checksum(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = sealed_copy(source, tmp_path)
    run = read_run(path)
    results = results_of(run, run.calibration)
    with h5py.File(path) as file:
        right = sealed(file["entry"])["figures_of_merit"]
    points = {**run.tables["jvl"], **results.tables["jvl"]}
    assert checksum_of_figures(run.figures, run.tables["jvl"]) == right
    for name, figure in run.figures.items():
        others = [replace(figure, value=figure.value + 1e-9 * (abs(figure.value) or 1.0)), replace(figure, status="x")]
        others += [replace(figure, reason=f"{figure.reason}."), replace(figure, uncertainty=0.123)]
        for other in others:
            if repr(other) != repr(figure):
                assert checksum_of_figures({**run.figures, name: other}, points) != right, name

    with opened(path) as (file, _):
        bare = readings(path, file)
        if checksum_of_figures(results.figures, points) == right:
            with monkeypatch.context() as patch:
                patch.setattr(reading, "read_figures", lambda _: pytest.fail("they were read one by one"))
                assert str(with_own_results(bare, file["entry"], results).figures) == str(run.figures)
        wrong = {name: replace(figure, status="x") for name, figure in results.figures.items()}
        found = with_own_results(bare, file["entry"], replace(results, figures=wrong))
        assert str(found.figures) == str(run.figures)


def to_the_last_bit(results: Any) -> object:
    columns = {f"{table}/{name}": v.tobytes() for table, one in results.tables.items() for name, v in one.items()}
    return columns, str(results.figures)


# --- the checksum behind a file --------------------------------------------------------------------------------


def test_a_finished_file_ends_with_its_checksum(path: Path) -> None:
    content = path.read_bytes()
    written = written_in(content)
    assert written is not None
    assert content == with_file_checksum(*written)
    first, second, rest = content[len(written.image) + 1 :].split(b"\n")
    assert first.startswith(b"Inventory of the file before this line: ")
    assert second == b"SHA-256 of the file before this line: " + sha256(content[:-104]).hexdigest().encode()
    assert rest == b""
    with read_only(written.image) as file:
        assert Inventory.of_text(written.inventory) == inventory(on_demand(file))
    assert has_file_checksum(path)
    with h5py.File(path) as file:
        assert file["entry/jvl/voltage"].shape == (3,)


@pytest.mark.parametrize("content", [b"", b"\n", b"x" * 103, b"x" * 500])
def test_other_files_have_none(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "any"
    path.write_bytes(content)
    assert written_in(content) is None
    assert not has_file_checksum(path)


def test_one_byte_anywhere_is_noticed(path: Path, finished: bytes) -> None:
    step = len(finished) // 97
    for at in [*range(0, len(finished), step), *range(len(finished) - 104, len(finished), 7)]:
        changed = bytearray(finished)
        changed[at] ^= 4
        assert written_in(bytes(changed)) is None, at


def test_of_a_changed_file_its_parts_tell_what_is_different(path: Path, finished: bytes) -> None:
    with h5py.File(path) as file:
        begin = file["entry/jvl/voltage"].id.get_offset()
    changed = bytearray(finished)
    changed[begin] ^= 1
    path.write_bytes(changed)
    assert read_run(path).integrity.damaged == ("/entry/jvl is not as it was written",)
    changed = bytearray(finished)
    changed[-5] = ord("x")  # the line alone
    path.write_bytes(changed)
    assert str(read_run(path).integrity) == "right"


def test_who_changes_a_file_cuts_its_checksum_off(path: Path) -> None:
    with h5py.File(path, "r+") as file:
        file["entry/jvl"].attrs["mine"] = 1
    assert not has_file_checksum(path)
    assert read_run(path).integrity.damaged == ("/entry/jvl is not as it was written",)


def test_a_file_that_was_damaged_before_its_end_gets_none(tmp_path: Path) -> None:
    path = tmp_path / "run.h5"
    a_cut_off_run(path)
    with h5py.File(path, "r+") as file:
        file["entry/calibration/amplifier_gain"][()] *= 2
    run = reading.read_run(path)
    assert run.integrity.damaged
    recover(path)
    assert not has_file_checksum(path)


# --- files of others: who can write one can write its checksum -----------------------------------------------------


def _link(entry: h5py.Group) -> None:
    del entry["jvl/voltage"]
    entry["jvl/voltage"] = h5py.SoftLink("/entry/jvl/time")


def _external_link(entry: h5py.Group) -> None:
    del entry["jvl/voltage"]
    entry["jvl/voltage"] = h5py.ExternalLink("/etc/hostname", "x")


def _external_values(entry: h5py.Group) -> None:
    del entry["jvl/voltage"]
    entry.create_dataset("jvl/voltage", (3,), "<f8", external=[("/etc/hostname", 0, 24)])


def _second_name(entry: h5py.Group) -> None:
    del entry["jvl/voltage"]
    entry["jvl/voltage"] = entry["jvl/time"]


def _too_large(entry: h5py.Group) -> None:
    del entry["jvl/voltage"]
    entry.create_dataset("jvl/voltage", (1 << 40,), "<f8", chunks=(1 << 16,), compression="gzip")


def _large_attribute(entry: h5py.Group) -> None:
    entry["jvl/source_level"].attrs["units"] = ["V"] * 4000


def _many_numbers(entry: h5py.Group) -> None:
    figure = entry["figures_of_merit"].create_dataset("many", data=np.arange(100_000.0))
    figure.attrs.update({"units": "V", "status": "ok"})


def _many_details(entry: h5py.Group) -> None:
    figure = entry["figures_of_merit"].create_dataset("many", data=1.0)
    figure.attrs.update({"units": "V", "status": "ok", "voltage": np.arange(50.0)})


def _many_texts(entry: h5py.Group) -> None:
    figure = entry["figures_of_merit"].create_dataset("many", data=1.0)
    figure.attrs.update({"units": ["V"] * 50, "status": "ok"})


def _deep(entry: h5py.Group) -> None:
    del entry["instrument"]
    entry.create_group("instrument/smu/a/b/c/d/e/f/g/h/i")


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (_link, "is a link to another place"),
        (_external_link, "is a link to another file"),
        (_external_values, "is kept in another file"),
        (_second_name, "is a second name of something else"),
        (_too_large, "would be larger than the file"),
        (_large_attribute, "has an attribute of more than"),
        (_deep, "not a run file"),
        (_many_numbers, "not a run file"),
        (_many_details, "not a run file"),
        (_many_texts, "not a run file"),
    ],
)
def test_what_no_run_file_holds_is_refused(path: Path, spoil: Callable[[h5py.Group], None], why: str) -> None:
    with h5py.File(path, "r+") as file:
        spoil(file["entry"])
    path.write_bytes(with_file_checksum(path.read_bytes()))
    with pytest.raises(ArchiveError, match=why):
        read_run(path)


def test_it_is_read_as_an_h5py_file_is(path: Path) -> None:
    written = written_in(path.read_bytes())
    assert written is not None
    with h5py.File(path) as file, read_only(written.image) as identity:
        root, entry = on_demand(identity), file["entry"]
        held = root["entry"]
        assert sorted(held) == sorted(entry)
        assert len(held["jvl"]) == len(entry["jvl"])
        assert "jvl/voltage" in held
        assert "jvl/none" not in held
        assert "jvl/voltage/deeper" not in held
        with pytest.raises(KeyError):
            held["jvl/none"]
        for name, dataset in entry["jvl"].items():
            found = held[f"jvl/{name}"]
            assert (found.shape, found.dtype, found.ndim, found.size, len(found)) == (
                dataset.shape, dataset.dtype, dataset.ndim, dataset.size, len(dataset),
            )  # fmt: skip
            assert found[()].tobytes() == dataset[()].tobytes()
            assert dict(found.attrs)["units"] == dataset.attrs["units"]
            names = sorted({*dataset.attrs} - {"DIMENSION_LIST", "REFERENCE_LIST"})
            assert (len(found.attrs), sorted(found.attrs)) == (len(names), names)
        assert held["title"][()] == entry["title"][()]
        assert held["jvl"].attrs.get("none", 1) == 1
        assert "signal" in held["jvl"].attrs
        with pytest.raises(KeyError):
            held["jvl"].attrs["none"]
        assert held["jvl/voltage"].attrs.text("none") == ""
        assert np.isnan(held["jvl/voltage"].attrs.number("none"))


def test_a_run_of_no_rows_is_read_too(tmp_path: Path) -> None:
    path = a_finished_run(tmp_path / "run.h5")
    run = read_run(path)
    assert run.tables["spectra"]["spectral_radiance"].shape == (0, 401)
