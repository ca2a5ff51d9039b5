"""Batch files: what they say of a pixel takes the place of its sweep file's, and every mistake is told at once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from acquire.bench.batch import check_file, hands_needed, prepare_batch
from acquire.config import load_batch
from tests.conftest import CONFIGS

SHIPPED = CONFIGS / "batches" / "one_substrate.yaml"


@pytest.fixture
def batch_file(tmp_path: Path) -> Callable[..., Path]:
    """Write the shipped batch with pieces of its text replaced; the result stands in ``tmp_path``."""

    def write(replacements: dict[str, str]) -> Path:
        text = SHIPPED.read_text(encoding="utf-8")
        for old, new in {"../": f"{CONFIGS.as_posix()}/", **replacements}.items():
            assert old in text, old
            text = text.replace(old, new)
        path = tmp_path / "batch.yaml"
        path.write_text(text, encoding="utf-8")
        return path

    return write


def problems(path: Path) -> list[str]:
    return [str(problem) for problem in check_file(path).problems]


def test_what_is_said_of_a_pixel() -> None:
    prepared = prepare_batch(SHIPPED)
    sample = {run.pixel: run.prepared.loaded.sweep.sample for run in prepared.runs}
    assert list(sample) == ["A", "B", "C", "D"]
    assert {one.name for one in sample.values()} == {one.batch for one in sample.values()} == {"B12"}
    assert [one.simulated_as and Path(one.simulated_as).stem for one in sample.values()] == [
        "sppo13", "sppo13_liq", "shorted", "sppo13",
    ]  # fmt: skip
    assert sample["D"].notes == "a scratch at the edge"
    assert sample["A"].emissive_area == pytest.approx(14e-6)
    assert hands_needed(prepared) == 0


def test_the_pixel_comes_before_its_substrate(batch_file: Callable[..., Path]) -> None:
    path = batch_file({"- name: B\n": "- name: B\n        area: 4 mm^2\n        polarity: negative\n"})
    said = {run.pixel: {one.place[-1]: one for one in run.said} for run in load_batch(path).runs}
    assert said["B"]["emissive_area"].text == "4 mm^2"
    assert said["A"]["emissive_area"].text == "14 mm^2"
    assert said["B"]["polarity"].text == "negative"
    assert "polarity" not in said["A"]
    line = 1 + path.read_text(encoding="utf-8").splitlines().index("        area: 4 mm^2")
    assert said["B"]["emissive_area"].origin == f"{path}:{line}"


@pytest.mark.parametrize(
    ("replacements", "told"),
    [
        ({"- name: D": "- name: A"}, "substrates[0].pixels[3].name: pixel A is there twice"),
        ({"- name: D": "- name: E"}, "sample.pixel: 'E' is no pixel of its switch: the bench connects A, B, C, D"),
        ({"- name: D": "- name: E\n        switched_as: A"}, "pixels A and E of B12 are both connected as A"),
        ({"quick_look.yaml": "quick_lok.yaml"}, "Did you mean 'quick_look.yaml'?"),
        ({"area: 14 mm^2": "area: 14"}, "area: '14' has no unit"),
        ({"area: 14 mm^2": "area: 0 mm^2"}, "above 0"),
        ({"devices/shorted.yaml": "devices/short.yaml"}, "there is no file"),
        ({"    pixels:\n": "    pixel:\n"}, "did you mean 'pixels'?"),
        ({"output: runs/one_substrate": "output: ../elsewhere"}, "leads out of the current folder"),
        ({f"sweeps: {CONFIGS.as_posix()}/sweeps/quick_look.yaml\n": ""}, "pixel D has no sweep"),
        ({"kind: batch": "kind: batches"}, "did you mean 'batch'?"),
        ({"devices/shorted.yaml": "sweeps/quick_look.yaml"}, "this is a sweep file, but a device file is wanted here"),
    ],
)
def test_what_is_wrong_is_said(batch_file: Callable[..., Path], replacements: dict[str, str], told: str) -> None:
    found = problems(batch_file(replacements))
    assert any(told.lower() in one.lower() for one in found), found


def test_every_mistake_at_once_and_each_once(batch_file: Callable[..., Path]) -> None:
    found = problems(batch_file({"- name: D": "- name: E", "- name: B\n": "- name: B\n        area: 1 A\n",
                                 "title: one substrate, four pixels": "title: ''"}))  # fmt: skip
    assert [one.rpartition("batch.yaml:")[2].split()[1] for one in found] == ["title:", "substrates[0].pixels[1].area:"]
    found = problems(batch_file({"- name: D": "- name: E", "- name: B\n": "- name: F\n"}))
    assert len(found) == len(set(found)) == 2


def test_sweeps_on_two_benches(batch_file: Callable[..., Path], sweep_file: Callable[..., Path]) -> None:
    switched = sweep_file("quick_look.yaml", {"benches/simulated.yaml": "benches/simulated_switch.yaml"})
    text = batch_file({"- name: D\n": "- name: D\n        sweeps: quick_look.yaml\n"}).read_text(encoding="utf-8")
    path = switched.with_name("batch.yaml")
    bench = f"bench: {CONFIGS.as_posix()}/benches/simulated_switch.yaml\n"
    path.write_text(text.replace(bench, ""), encoding="utf-8")
    (found,) = problems(path)
    assert "benches/simulated.yaml and" in found
    assert "Name one in bench, for the whole batch" in found


def test_a_bench_whose_switch_is_wired_twice(bench_file: Callable[..., Path]) -> None:
    switch = "pixel_switch: {model: relay_board, resource: ASRL5::INSTR, pixels: {A: 1, B: 1, C: 40}}"
    path = bench_file({"photodiode_meter:  ": f"{switch}\n  photodiode_meter:  "})
    found = problems(path)
    assert len(found) == 2
    assert "relay 1 connects pixel A already" in found[0]
    assert "has no relay 40" in found[1]
