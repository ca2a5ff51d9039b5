"""``acquire tag``: what is said of runs afterwards, of several at once, and what it answers to a wrong command."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from acquire.cli.conditions import comments
from acquire.run_file.read import read_run
from tests.support.command import acquire
from tests.support.run_files import a_cut_off_run, a_finished_run


@pytest.fixture
def folder(tmp_path: Path, read_here: None) -> Path:
    """Two finished runs and one that was cut off."""
    for name in ("a.h5", "b.h5"):
        a_finished_run(tmp_path / name)
    a_cut_off_run(tmp_path / "cut.h5")
    return tmp_path


def test_several_files_are_tagged_and_one_that_is_not_finished_costs_only_itself(folder: Path) -> None:
    said = acquire("tag", folder / "a.h5", folder / "cut.h5", folder / "b.h5", "bad contact", "--user", "Ana")
    assert said.status == 1
    assert said.output.decode().splitlines() == [f"{folder / name}: bad contact" for name in ("a.h5", "b.h5")]
    assert "cut.h5: is not finished" in said.messages.decode()
    shown = acquire("show", folder / "a.h5").text
    assert "bad contact" in shown
    assert json.loads(acquire("show", folder / "a.h5", "--json").output)["tags"] == ["bad contact"]


def test_comments_are_listed_with_time_and_name(folder: Path) -> None:
    acquire("tag", folder / "a.h5", "--comment", "the probe slipped\nat 5 V", "--user", "Ana")
    said = acquire("tag", folder / "a.h5")
    assert said.status == 0
    assert "a.h5: no tag" in said.text
    assert r", Ana: the probe slipped\nat 5 V" in said.text
    found = json.loads(acquire("tag", folder / "a.h5", "--json").output)
    assert found["runs"][0]["remarks"][0]["text"] == "the probe slipped\nat 5 V"


def test_a_tag_is_taken_off(folder: Path) -> None:
    acquire("tag", folder / "a.h5", "leaky")
    assert acquire("tag", folder / "a.h5", "--remove", "leaky").text == f"{folder / 'a.h5'}: no tag\n"
    said = acquire("tag", folder / "a.h5", "--remove", "leaky")
    assert (said.status, "has no tag 'leaky'" in said.text) == (1, True)


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["a.h5", "bad", "contact"], 'stands between quotes: acquire tag {folder}/a.h5 "bad contact"'),
        (["bad contact", "a.h5"], 'First the run files, then the tag: acquire tag {folder}/a.h5 "bad contact"'),
        (["bad contact"], 'is no run file; first the run files, then the tag: acquire tag RUN.h5 "bad contact"'),
        (["a.h5", "x, y"], "a tag is a few words, without commas"),
        (["a.h5", "gr\udcfcn"], "the tag holds a control character, or one that the terminal did not pass on whole"),
        (["a.h5", chr(0xFFFD)], "one that the terminal did not pass on whole; type it anew"),
        (["a.h5", "--comment", "gr\udcfcn"], "the comment holds"),
        (["a.h5", "ok", "--user", "J\ufffdrg"], "the name of --user holds"),
        (["a.h5", "\x1b[2J"], "the tag holds a control character"),
        (["a.h5", "x" * 100], "80 is the most"),
    ],
)
def test_a_wrong_command_says_how_and_changes_nothing(folder: Path, arguments: list[str], why: str) -> None:
    content = (folder / "a.h5").read_bytes()
    said = acquire("tag", *(folder / one if one.endswith(".h5") else one for one in arguments))
    assert said.status == 2
    assert why.replace("{folder}", str(folder)) in said.text
    assert (folder / "a.h5").read_bytes() == content


def test_in_a_process_of_its_own_as_people_use_it(tmp_path: Path) -> None:
    path = a_finished_run(tmp_path / "a.h5")
    assert acquire("tag", path, "leaky", "--comment", "c", "--user", "Ana").status == 0
    run = read_run(path)
    assert (run.tags, run.comments, [one.user for one in run.remarks]) == (("leaky",), ("c",), ["Ana", "Ana"])
    assert run.remarks[0].time[:4] >= "2026"
    assert comments(run)[0].endswith("Ana: c")
