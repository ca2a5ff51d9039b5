"""The history of checks: lines are only added, and a damaged one is said and skipped."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from math import isnan, nan
from pathlib import Path

import pytest

from acquire.evaluation.health import Acceptance, Check, Kind, Quantity
from acquire.run_file.health_history import append, history_path, read_history

QUANTITY = Quantity(Kind.LIGHT, 8.5e-11, "A m^2/cd", nan, 0.003, stated=True)
CHECK = Check("2026-03-01T08:00:00+00:00", "LED", "", "id", "run.h5", "ab" * 32, {"ratio of LED": QUANTITY})
ACCEPTED = Acceptance("2026-03-02T08:00:00+00:00", "lampe ersetzt: \u03bb \u2713 \n", "Eva")


def test_what_is_added_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "new" / "history.jsonl"
    assert read_history(path).entries == ()
    append(path, "bench", CHECK)
    append(path, "bench", ACCEPTED, CHECK)
    history = read_history(path)
    assert history.remarks == ()
    first, second, third = history.entries
    assert second == ACCEPTED
    assert repr(first) == repr(third) == repr(CHECK)
    assert isinstance(first, Check)
    assert isnan(first.quantities["ratio of LED"].uncertainty)
    assert len(path.read_bytes().splitlines()) == 3


@pytest.mark.parametrize("place", [0, 30, 150, -10])
def test_a_changed_letter_costs_its_line_alone_and_the_line_stays(place: int, tmp_path: Path) -> None:
    path = tmp_path / "history.jsonl"
    append(path, "bench", CHECK, ACCEPTED, CHECK)
    lines = path.read_bytes().splitlines(keepends=True)
    damaged = bytearray(lines[0])
    damaged[place] ^= 0x01
    path.write_bytes(bytes(damaged) + b"".join(lines[1:]))
    history = read_history(path)
    assert [type(one) for one in history.entries] == [Acceptance, Check]
    assert history.remarks == (f"{path}: line 1 is damaged and was skipped; it stays in the file",)
    before = path.read_bytes()
    append(path, "bench", CHECK)
    assert path.read_bytes().startswith(before)
    assert len(read_history(path).entries) == 3


@pytest.mark.parametrize("kept", [1, 40, -1])
def test_a_line_that_was_cut_off_takes_no_other_with_it(kept: int, tmp_path: Path) -> None:
    path = tmp_path / "history.jsonl"
    append(path, "bench", CHECK)
    whole = path.read_bytes()
    path.write_bytes(whole + whole[:kept])
    append(path, "bench", ACCEPTED)
    history = read_history(path)
    assert [type(one) for one in history.entries] == [Check, *([Check] if kept == -1 else []), Acceptance]
    assert len(history.remarks) == (0 if kept == -1 else 1)


@pytest.mark.parametrize(
    "change",
    [
        {"date": 5},
        {"kind": "unknown"},
        {"quantities": {"x": {}}},
        {"quantities": [1]},
        {"quantities": {"x": {"kind": "light", "unit": "1", "stated": True, "value": None, "scatter": 1}}},
    ],
)
def test_a_line_of_somebody_else_with_a_right_checksum_is_skipped_as_well(
    change: dict[str, object], tmp_path: Path
) -> None:
    from acquire.run_file.health_history import _checksum

    path = tmp_path / "history.jsonl"
    append(path, "bench", CHECK)
    content = {**json.loads(path.read_text(encoding="utf-8")), **change}
    del content["checksum"]
    path.write_text(json.dumps({**content, "checksum": _checksum(content)}) + "\n[]\n1\n\xff\n", encoding="latin-1")
    history = read_history(path)
    assert history.entries == ()
    assert len(history.remarks) == 4


def test_nothing_but_an_ordinary_file_is_read_or_written(tmp_path: Path) -> None:
    with pytest.raises(OSError):  # noqa: PT011 - the system's own words
        read_history(tmp_path)
    link = tmp_path / "link.jsonl"
    try:
        link.symlink_to(tmp_path / "elsewhere.jsonl")
    except OSError:
        pytest.skip("no links here")
    with pytest.raises(OSError):  # noqa: PT011
        append(link, "bench", CHECK)
    assert not (tmp_path / "elsewhere.jsonl").exists()


def add(path: Path) -> None:
    for _ in range(25):
        append(path, "bench", CHECK)


def test_several_programs_that_add_at_once_lose_nothing(tmp_path: Path) -> None:
    path = tmp_path / "history.jsonl"
    with ThreadPoolExecutor(3) as pool:  # each opens the file anew, so that its lock is one of its own
        list(pool.map(add, [path] * 3))
    history = read_history(path)
    assert len(history.entries) == 75
    assert history.remarks == ()


def test_benches_of_similar_names_have_histories_of_their_own(tmp_path: Path) -> None:
    names = ["bench 1", "bench-1", "Bench 1", "\u03bb", "../bench 1"]
    paths = {history_path(tmp_path, name) for name in names}
    assert len(paths) == len(names)
    assert {path.parent for path in paths} == {tmp_path}
