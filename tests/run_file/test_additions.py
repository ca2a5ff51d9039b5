"""Additions to a finished run file, killed at each step: what is left, and the raw data, is whole."""

from __future__ import annotations

import errno
import json
import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from acquire.run_file import additions, loaded, placing, tagging
from acquire.run_file.checksums import digests, sealed, with_file_checksum, written_in
from acquire.run_file.placing import Waiting
from acquire.run_file.read import ArchiveError, Run, read_run
from acquire.run_file.remarks import LONGEST_COMMENT, MOST_REMARKS, Remark, RemarkKind, write_remarks
from acquire.run_file.summary import read_summary, summary_of
from acquire.run_file.tagging import Wish, objections, say_of
from tests.support.run_files import a_run

RECORDINGS = Path(__file__).parents[1] / "recordings"
OLD = RECORDINGS / "20261128T080939_SPPO13-Liq_2acaeb90.h5"
ROOT = Path(__file__).parents[2]
NOW = "2026-11-28T15:00:00+01:00"


def contents(path: Path) -> tuple[dict[str, str], dict[str, str]]:
    """What an addition must leave: the checksums of all members, computed and as they are written."""
    with h5py.File(path) as file:
        found = digests(file["entry"]), sealed(file["entry"])
    for one in found:
        one.pop("remarks", None)
    return found


def image_of_written(path: Path) -> bytes:
    """The HDF5 file without what stands behind it."""
    written = written_in(path.read_bytes())
    assert written is not None
    return written.image


def hold_as_it_was(path: Path, content: bytes) -> None:
    assert path.read_bytes() == content
    assert [one.name for one in path.parent.iterdir()] == [path.name]


class Time:
    """A clock that goes on while somebody waits, and what happens meanwhile."""

    def __init__(self, meanwhile: Callable[[], object] = lambda: None) -> None:
        self.now, self._meanwhile, self.told = 0.0, meanwhile, list[str]()

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        self._meanwhile()

    def waiting(self) -> Waiting:
        return Waiting(tell=self.told.append, now=lambda: self.now, sleep=self.sleep)


def test_tags_and_comments_stand_beside_the_raw_data(path: Path) -> None:
    before = contents(path)
    say_of(path, Wish(tag="bad contact", user="Ana", time=NOW))
    run = say_of(path, Wish(comment="slipped at 5 V,\nsee the photo", time=NOW))
    assert contents(path) == before
    assert run.remarks == read_run(path).remarks
    assert run.remarks == (
        Remark(RemarkKind.TAG, "bad contact", "Ana", NOW),
        Remark(RemarkKind.COMMENT, "slipped at 5 V,\nsee the photo", "", NOW),
    )
    assert str(read_run(path).integrity) == "right"
    summary = read_summary(path)
    assert (summary.tags, summary.comments) == (("bad contact",), ("slipped at 5 V,\nsee the photo",))
    assert summary.plain() == summary_of(read_run(path)).plain()
    assert run.summary()["tags"] == ["bad contact"]


def test_a_tag_that_is_taken_off_keeps_its_row(path: Path) -> None:
    say_of(path, Wish(tag="bad contact", time=NOW))
    say_of(path, Wish(tag="leaky", time=NOW))
    run = say_of(path, Wish(remove="bad contact", time="later"))
    assert run.tags == read_summary(path).tags == ("leaky",)
    assert [one.removed for one in run.remarks] == ["later", ""]
    assert say_of(path, Wish(tag="bad contact", time="again")).tags == ("leaky", "bad contact")


def test_a_tag_that_is_there_changes_nothing(path: Path) -> None:
    say_of(path, Wish(tag="leaky", time=NOW))
    content = path.read_bytes()
    assert say_of(path, Wish(tag="leaky", time="later")).tags == ("leaky",)
    hold_as_it_was(path, content)


def test_a_file_of_an_earlier_version_takes_them_too(tmp_path: Path) -> None:
    path = Path(shutil.copy(OLD, tmp_path))
    before, figures = contents(path), read_run(path).figures
    say_of(path, Wish(tag="old", time=NOW))
    run = read_run(path)
    assert contents(path) == before
    assert run.tags == read_summary(path).tags == ("old",)
    assert (run.version, run.integrity.verifiable, run.integrity.damaged) == ((0, 0), False, ())
    assert str(run.figures) == str(figures)


def test_a_changed_remark_is_noticed(path: Path) -> None:
    say_of(path, Wish(tag="leaky", time=NOW))
    with h5py.File(path, "r+") as file:
        file["entry/remarks/text"][0] = "good"
    assert read_run(path).integrity.damaged == ("/entry/remarks is not as it was written",)


def _attribute(owner: Any, name: str, value: Any) -> None:
    owner.attrs[name] = value


def _written_anew(entry: h5py.Group) -> None:
    values = entry["jvl/time"][()]
    del entry["jvl/time"]
    entry["jvl/time"] = values


@pytest.mark.parametrize("is_sealed", [True, False])
@pytest.mark.parametrize("on_disk", [False, True])
@pytest.mark.parametrize(
    ("spoil", "where"),
    [
        (lambda entry: entry["jvl/voltage"].__setitem__(0, 9.0), "values"),
        (lambda entry: entry["stress/charge"].__setitem__((), 9.0), "values"),
        (lambda entry: entry["jvl_live/luminance"].__setitem__(-1, 9.0), "values"),
        (lambda entry: entry.__delitem__("notes"), "its objects"),
        (lambda entry: entry.__delitem__("jvl_live"), "its objects"),
        (lambda entry: _attribute(entry["checksums"], "jvl", "x"), "attributes"),
        (lambda entry: _attribute(entry, "default", "x"), "attributes"),
        (lambda entry: _attribute(entry.file, "creator", "x"), "attributes"),
        (lambda entry: _attribute(entry["jvl"], "more", "x"), "its objects"),
        (lambda entry: _attribute(entry["jvl/voltage"], "more", "x"), "its objects"),
        (lambda entry: entry["jvl/voltage"].attrs.__delitem__("units"), "its objects"),
        (lambda entry: entry.create_group("other"), "its objects"),
        (lambda entry: entry.file.create_group("other"), "its objects"),
        (lambda entry: entry["dark"].create_group("other"), "its objects"),
        (lambda entry: entry.move("dark", "bright"), "its objects"),
        (_written_anew, "its objects"),
    ],
)
def test_an_addition_that_does_more_than_it_may_changes_nothing(
    path: Path,
    monkeypatch: pytest.MonkeyPatch,
    spoil: Callable[[h5py.Group], Any],
    where: str,
    is_sealed: bool,
    on_disk: bool,
) -> None:
    if not is_sealed:
        path.write_bytes(image_of_written(path))
    if on_disk:
        monkeypatch.setattr(additions, "LARGEST", 1000)
    content = path.read_bytes()

    def write(entry: h5py.Group) -> None:
        write_remarks(entry, [Remark(RemarkKind.TAG, "x")])
        spoil(entry)

    with pytest.raises(ArchiveError, match=f"something else than remarks would have changed \\({where}.*nothing was"):
        additions.add(path, "remarks", lambda _run, _entry: write)
    hold_as_it_was(path, content)


@pytest.mark.parametrize(
    ("made", "why"),
    [
        (lambda entry: entry.__delitem__("remarks"), "nothing was added, it could not be read then"),
        (lambda entry: entry.create_dataset("remarks", data=1.0), "nothing was added"),
        (lambda entry: 1 / 0, "division by zero"),
    ],
)
def test_an_addition_that_goes_wrong_changes_nothing(path: Path, made: Callable[[h5py.Group], Any], why: str) -> None:
    content = path.read_bytes()

    def write(entry: h5py.Group) -> None:
        write_remarks(entry, [])
        made(entry)

    with pytest.raises(ArchiveError, match=why):
        additions.add(path, "remarks", lambda _run, _entry: write)
    hold_as_it_was(path, content)


def test_an_addition_that_is_not_what_was_written_is_thrown_away(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content, right = path.read_bytes(), additions.image_of
    wrong = "nothing was added: the copy is not what was written into it"
    monkeypatch.setattr(additions, "image_of", lambda file: right(file).replace(b"bad contact", b"bad contest"))
    with pytest.raises(ArchiveError, match=wrong):
        say_of(path, Wish(tag="bad contact"))

    number, other = (np.array(value).tobytes() for value in (1.23456789, 1.23456788))
    monkeypatch.setattr(additions, "image_of", lambda file: right(file).replace(number, other))
    with pytest.raises(ArchiveError, match=wrong):
        additions.add(path, "imported", lambda _run, _: lambda entry: entry.create_dataset("imported", data=1.23456789))
    hold_as_it_was(path, content)


@pytest.mark.parametrize("inventory", ["", "{}", "no JSON", '{"objects": "x", "attributes": "x", "values": []}'])
def test_an_inventory_that_is_not_that_of_the_file_is_made_anew(path: Path, inventory: str) -> None:
    """As another version of HDF5 may have made it: it counts headers otherwise."""
    right, before = written_in(path.read_bytes()), contents(path)
    assert right is not None
    path.write_bytes(with_file_checksum(right.image, inventory))
    assert say_of(path, Wish(tag="x")).tags == ("x",)
    after = written_in(path.read_bytes())
    assert after is not None
    assert after.inventory == right.inventory
    assert contents(path) == before


def test_what_grows_keeps_what_it_had(path: Path) -> None:
    def add(write: Callable[[h5py.Group], object], *, grows: bool = True) -> None:
        additions.add(path, "more", lambda _run, _entry: write, grows=grows)

    def with_member(name: str) -> Callable[[h5py.Group], object]:
        return lambda entry: entry.require_group("more").create_dataset(name, data=[1.0])

    def without_first(entry: h5py.Group) -> None:
        del entry["more/first"]
        with_member("third")(entry)

    for name in ("first", "second"):
        add(with_member(name))
    content = path.read_bytes()
    with h5py.File(path) as file:
        assert [*file["entry/more"]] == ["first", "second"]
    with pytest.raises(ArchiveError, match=r"would have changed \(what was added before\)"):
        add(without_first)
    with pytest.raises(ArchiveError, match=r"would have changed \(values\)"):
        add(lambda entry: entry["more/first"].__setitem__(0, 2.0))
    hold_as_it_was(path, content)
    add(without_first, grows=False)
    with h5py.File(path) as file:
        assert [*file["entry/more"]] == ["second", "third"]


# --- files that no memory holds ----------------------------------------------------------------------------------


@pytest.fixture
def large(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every file is too large for memory."""
    for module in (additions, loaded):
        monkeypatch.setattr(module, "LARGEST", 1000)


@pytest.mark.usefixtures("large")
def test_a_large_file_is_added_to_on_the_disk(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "read_bytes", lambda _: pytest.fail("it was read whole"))
    before = contents(path)
    path.chmod(0o664)
    run = say_of(path, Wish(tag="leaky", time=NOW))
    assert contents(path) == before
    assert [one.name for one in path.parent.iterdir()] == [path.name]
    assert (str(run.integrity), run.tags, read_run(path).tags) == ("right", ("leaky",), ("leaky",))
    assert read_summary(path).tags == ("leaky",)
    assert stat.S_IMODE(path.stat().st_mode) == 0o664 or sys.platform == "win32"
    stamp = path.stat().st_mtime_ns
    assert say_of(path, Wish(tag="leaky", time="later")).tags == ("leaky",)
    assert path.stat().st_mtime_ns == stamp


@pytest.mark.usefixtures("large")
def test_a_large_file_stays_as_it_was_where_something_goes_wrong(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = path.read_bytes()

    for owner, name in ((Path, "replace"), (additions.os, "fsync"), (shutil, "copyfile")):
        with monkeypatch.context() as patch:
            patch.setattr(owner, name, refusing)
            with pytest.raises(ArchiveError, match=r"nothing was added, and it is as it was \(.*No space"):
                say_of(path, Wish(tag="x"))
        hold_as_it_was(path, content)
    monkeypatch.setattr(additions, "_ROOM", 1 << 62)
    with pytest.raises(ArchiveError, match=r"nothing was added, and it is as it was \(.*No space"):
        say_of(path, Wish(tag="x"))
    hold_as_it_was(path, content)


# --- what takes no addition --------------------------------------------------------------------------------------


def test_a_run_that_goes_on_or_was_cut_off_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "run.h5"
    recorder = a_run(path)
    for _ in ("going on", "cut off"):
        content = path.read_bytes()
        with pytest.raises(ArchiveError, match="is not finished: its run is going on, or was cut off"):
            say_of(path, Wish(tag="x"))
        hold_as_it_was(path, content)
        recorder.close()


def test_damaged_and_newer_files_are_refused(path: Path) -> None:
    good = path.read_bytes()
    with h5py.File(path, "r+") as file:
        file["entry/jvl/voltage"][1] = 9.0
    with pytest.raises(ArchiveError, match="is damaged, and nothing is added: DAMAGED: /entry/jvl is not"):
        say_of(path, Wish(tag="x"))
    path.write_bytes(good)
    with h5py.File(path, "r+") as file:
        file.attrs["format_version"] = "1.99"
    with pytest.raises(ArchiveError, match="a newer program"):
        say_of(path, Wish(tag="x"))


def test_links_and_protected_files_are_refused(path: Path) -> None:
    content = path.read_bytes()
    link = path.with_name("link.h5")
    link.symlink_to(path)
    with pytest.raises(ArchiveError, match="is a link; name the file itself"):
        say_of(link, Wish(tag="x"))
    link.unlink()
    path.chmod(0o444)
    with pytest.raises(ArchiveError, match="is protected against being changed"):
        say_of(path, Wish(tag="x"))
    hold_as_it_was(path, content)
    with pytest.raises(ArchiveError, match="there is no such file"):
        say_of(path.with_name("none.h5"), Wish(tag="x"))
    with pytest.raises(ArchiveError, match="is a folder"):
        say_of(path.parent, Wish(tag="x"))


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such rights")
def test_the_file_keeps_its_rights(path: Path) -> None:
    path.chmod(0o664)
    say_of(path, Wish(tag="x"))
    assert stat.S_IMODE(path.stat().st_mode) == 0o664


def refusing(*_: Any, **__: Any) -> Any:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize(
    ("owner", "name"),
    [(placing, "_fresh_beside"), (placing.os, "fsync"), (Path, "chmod"), (Path, "replace"), (placing, "lock_shared")],
)
def test_a_step_that_fails_leaves_the_file_as_it_was(
    path: Path, monkeypatch: pytest.MonkeyPatch, owner: Any, name: str
) -> None:
    content = path.read_bytes()
    with monkeypatch.context() as patch:
        patch.setattr(owner, name, refusing)
        with pytest.raises(ArchiveError, match=r"nothing was added, and it is as it was \(.*No space"):
            say_of(path, Wish(tag="x"))
    hold_as_it_was(path, content)
    assert say_of(path, Wish(tag="x")).tags == ("x",)


def test_a_file_that_somebody_else_changes_meanwhile_is_left_to_them(path: Path) -> None:
    def write(entry: h5py.Group) -> None:
        with h5py.File(path, "r+", locking=False) as file:
            file.attrs["mine"] = "x" * 5000
        write_remarks(entry, [Remark(RemarkKind.TAG, "x")])

    with pytest.raises(ArchiveError, match="was changed by somebody else meanwhile; nothing was added"):
        additions.add(path, "remarks", lambda _run, _entry: write)
    with h5py.File(path) as file:
        assert file.attrs["mine"] == "x" * 5000


@pytest.mark.parametrize("on_disk", [False, True])
def test_an_addition_that_comes_in_between_is_kept_and_this_one_made_to_it(
    path: Path, on_disk: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if on_disk:
        monkeypatch.setattr(additions, "LARGEST", 1000)
    others = iter(["first", "second"])

    def change(run: Run, _: Any) -> Callable[[h5py.Group], object]:
        if (tag := next(others, None)) is not None:
            say_of(path, Wish(tag=tag), Time().waiting())  # nobody is waited for while an addition is made
        return lambda entry: write_remarks(entry, [*run.remarks, Remark(RemarkKind.TAG, "mine")])

    assert additions.add(path, "remarks", change).tags == ("first", "second", "mine")
    assert read_run(path).tags == ("first", "second", "mine")
    assert [one.name for one in path.parent.iterdir()] == [path.name]


def test_who_has_the_turn_is_waited_for_and_not_for_ever(path: Path) -> None:
    content = path.read_bytes()
    with ExitStack() as other:
        other.enter_context(placing.turn_to_change(path))
        time = Time()
        with pytest.raises(ArchiveError, match="nothing was added"):
            say_of(path, Wish(tag="x"), time.waiting())
        assert time.now >= time.waiting().patience
        hold_as_it_was(path, content) if sys.platform != "win32" else None
        assert say_of(path, Wish(tag="x"), Time(other.close).waiting()).tags == ("x",)


@pytest.mark.skipif(sys.platform == "win32", reason="there an open file cannot be replaced: the test below")
def test_a_viewer_is_not_disturbed_and_a_writer_not_overwritten(path: Path) -> None:
    with h5py.File(path, locking=True) as viewed:
        assert say_of(path, Wish(tag="x"), Time().waiting()).tags == ("x",)
        assert viewed["entry/jvl/voltage"].shape == (3,)
    image = image_of_written(path)
    with h5py.File(path, "r+", locking=True), pytest.raises(ArchiveError, match="nothing was added"):
        say_of(path, Wish(tag="y"), Time().waiting())
    assert len(path.read_bytes()) == len(image)  # HDF5 cuts off what is behind its end
    assert read_run(path).tags == ("x",)


def test_a_viewer_that_is_in_the_way_is_waited_for_then_nothing_is_lost(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As Windows answers where a viewer has the file open: first for a moment, then for good."""
    content, right, tries = path.read_bytes(), Path.replace, list[int]()

    def in_use(beside: Path, target: Path) -> Any:
        tries.append(1)
        if len(tries) > most:
            return right(beside, target)
        error = PermissionError(errno.EACCES, "The process cannot access the file")
        error.winerror = 32  # type: ignore[attr-defined,unused-ignore]
        raise error

    monkeypatch.setattr(Path, "replace", in_use)
    time, most = Time(), 10_000
    with pytest.raises(ArchiveError, match="close other programs that have it open"):
        say_of(path, Wish(tag="x"), time.waiting())
    hold_as_it_was(path, content)
    assert "a viewer for example" in time.told[0]
    tries.clear()
    most = 3
    assert say_of(path, Wish(tag="x"), Time().waiting()).tags == ("x",)


@pytest.mark.slow  # real processes that are killed, and two at the same time
@pytest.mark.skipif(sys.platform == "win32", reason="processes are forked")
def test_killed_at_any_step_the_old_or_the_new_file_is_there_whole(path: Path) -> None:
    command = [sys.executable, "-m", "tests.run_file.additions_killed", str(path)]
    told = json.loads(subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=120).stdout)
    assert len(told["killed"]) == 7
    for step, left in told["killed"].items():
        assert left["killed"], step
        assert (left["points"], left["integrity"]) == (3, "right"), step
        assert left["tags"] == ([] if left["as it was"] else [step]), step
        assert left.get("then", ["again"]) == ["again"], step
    assert [step for step, left in told["killed"].items() if not left["as it was"]] == [
        "with the name", "before the names are on the disk", "all done",
    ]  # fmt: skip
    assert sorted(told["at once"]) == [f"{number} {count}" for number in range(2) for count in range(2)]


@pytest.mark.parametrize(
    ("wish", "why"),
    [
        (Wish(tag="x" * 81), "the tag has 81 characters; 80 is the most"),
        (Wish(tag="a, b"), "without commas"),
        (Wish(tag="a\nb"), "without commas"),
        (Wish(comment="x" * (LONGEST_COMMENT + 1)), "is the most"),
    ],
)
def test_objections(wish: Wish, why: str) -> None:
    assert why in objections(wish)[0]
    assert objections(Wish("bad contact", "x", "It was; a, b\nc")) == []


def test_what_cannot_be_said_is_refused_with_what_there_is(path: Path) -> None:
    with pytest.raises(ArchiveError, match="has no tag 'x', and stays as it is; it has no tag"):
        say_of(path, Wish(remove="x"))
    run = say_of(path, Wish(tag="leaky"))
    with pytest.raises(ArchiveError, match="its tags: leaky"):
        say_of(path, Wish(remove="x"))
    full = replace(run, remarks=(Remark(RemarkKind.COMMENT, "c"),) * MOST_REMARKS)
    with pytest.raises(ArchiveError, match="takes no more"):
        tagging._with(full, Wish(comment="one more"))


def test_many_remarks_keep_the_summary_small(path: Path) -> None:
    comments = [Remark(RemarkKind.COMMENT, f"{n} {'é' * 3000}", "u", NOW) for n in range(200)]
    run = additions.add(path, "remarks", lambda _run, _entry: lambda entry: write_remarks(entry, comments))
    assert len(run.comments) == 200
    assert read_summary(path).comments[-1].startswith("199 é")
