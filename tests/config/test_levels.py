"""Levels of every form: what is right is read in SI, what is wrong is named with file, line and the way out."""

from __future__ import annotations

from pathlib import Path

import pytest

from acquire.config import check_file, load_sweep
from acquire.config.level_list import read_levels
from acquire.config.sweep import Source
from tests.support.config_files import change, only_problem, report, write_files

LINES = "  start: 0 V\n  stop: 9 V\n  step: 0.1 V\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_files(tmp_path)


def with_levels(folder: Path, keys: str) -> Path:
    """The sweep with these keys in place of start, stop and step; the first of them is in line 10."""
    return change(folder, "sweep.yaml", (LINES, "".join(f"  {line}\n" for line in keys.splitlines())))


def source_of(path: Path) -> Source:
    return load_sweep(path).sweep.source


def test_levels_are_read_in_the_unit_of_what_is_sourced(folder: Path) -> None:
    """Also inside the sections of the source, of which each may have a level of its own."""
    change(folder, "sweep.yaml", ("function: voltage", "function: current"), ("compliance: 100 mA", "compliance: 8 V"))
    path = with_levels(
        folder,
        "stretches: [{start: 1 uA, stop: 1 mA, points_per_decade: 3}, {stop: 3 mA, step: 1 mA}]\n"
        "pre_bias: {level: 2 mA, time: 1 min}\nrest: {time: 500 ms}",
    )
    source = source_of(path)
    assert [(one.start, one.stop) for one in source.parts()] == [(1e-6, 1e-3), (1e-3, 3e-3)]
    assert source.pre_bias is not None
    assert source.rest is not None
    assert (source.pre_bias.level, source.pre_bias.time, source.rest.level, source.rest.time) == (2e-3, 60.0, None, 0.5)
    assert (source.level_count(), source.largest_level()) == (10 + 2, 3e-3)


def test_a_unit_of_the_other_quantity_is_refused_inside_a_section(folder: Path) -> None:
    path = with_levels(folder, "stretches:\n  - start: 0 V\n    stop: 5 mA\n    step: 1 V")
    assert only_problem(path) == (
        "sweep.yaml",
        12,
        "source.stretches[0].stop",
        "'5 mA' has the wrong unit: wanted V. write it like '8 V'",
    )


EQUAL = "start: 0 V\nstop: 9 V\nstep: 0.5 V\n"

WRONG = [
    (EQUAL + "refine: {step: 0 V}", 13, "source.refine.step", "is not above zero"),
    (EQUAL + "refine: {step: 1 V}", 13, "source.refine.step", "is no finer than the levels, 0.5 V apart"),
    (EQUAL + "refine: {step: 1 uV}", 13, "source.refine.step", "makes up to 9000000 levels between 0 V and 9 V"),
    (EQUAL + "refine: {step: 10 mA}", 13, "source.refine.step", "has the wrong unit"),
    (EQUAL + "refine: {step: 10 mV, at_luminance: [0 cd/m^2]}", 13, "source.refine.at_luminance[0]", "must be above 0"),
    (
        EQUAL + "refine: {step: 10 mV, at_luminance: [], efficiency_maximum: false}",
        13,
        "source.refine",
        "nothing to ref",
    ),
    (EQUAL + "direction: reverse\nrefine: {step: 10 mV}", 14, "source.refine", "there is none"),
    ("points: 5", 8, "source.start", "is missing"),
    ("start: 0 V\nstop: 5 V", 8, "source", "needs either step or points"),
    ("start: 0 V\nstop: 5 V\nstep: 1 V\npoints_per_decade: 5", 8, "source", "needs either step or points"),
    (
        "start: 0 V\nstop: 5 V\npoints_per_decade: 5",
        12,
        "source.points_per_decade",
        "no logarithm leads from 0 V to 5 V",
    ),
    ("start: -1 V\nstop: 5 V\npoints_per_decade: 5", 12, "source.points_per_decade", "both_polarities adds 0"),
    ("start: 0 V\nlevels: [1 V]", 11, "source.levels", "and so does start"),
    ("levels: []", 10, "source.levels", "holds no level"),
    ("stretches: []", 10, "source.stretches", "holds no stretch"),
    ("stretches: [{stop: 5 V, step: 1 V}]", 10, "source.stretches[0].start", "no stretch comes before the first"),
    (
        "stretches: [{start: 0 V, stop: 5 V, step: 1 V}, {stop: 6 V, step: 0.3 V}]",
        10,
        "source.stretches[1].step",
        "0.3 V does not divide 1 V: the last level would be 5.9 V",
    ),
    (
        "stretches: [{start: 0 V, stop: 5 V, step: 1 V}, {stop: 4 V, step: -0.5 V}]",
        10,
        "source.stretches",
        "do not all lead the same way",
    ),
    ("levels: [1 V, 2 V]\nholds: [1 s]", 11, "source.holds", "has 1 times for 2 levels"),
    ("start: 0 V\nstop: 5 V\nstep: 1 V\nholds: [1 s]", 13, "source.holds", "belongs to levels"),
    ("levels: [1 V, 25 V]", 10, "source.levels[1]", "25 V is beyond the bench's limit of 20 V (bench.yaml:18)"),
    ("levels: [1 V]\nrest: {level: -25 V, time: 1 s}", 11, "source.rest.level", "-25 V is beyond the bench's limit"),
    ("levels: [1 V]\npre_bias: {level: 25 V, time: 1 s}", 11, "source.pre_bias.level", "beyond the bench's limit"),
    ("levels: [1 V]\npre_bias: {level: 1 V, time: 0 s}", 11, "source.pre_bias.time", "'0 s' is not allowed"),
    ("levels: [-1 V, 2 V]\nboth_polarities: true", 11, "source.both_polarities", "have both signs already"),
    ("levels: [0 V]\nboth_polarities: true", 11, "source.both_polarities", "every level is 0"),
    ("start: 0 V\nstop: 9 V\nstep: 1 mV\ncycles: 12", 13, "source.cycles", "makes 108012 points"),
    ("levels: [1 V]\ncycles: 0", 11, "source.cycles", "greater than or equal to 1"),
    ("levels_from: none.csv", 10, "source.levels_from", "there is no file"),
]


@pytest.mark.parametrize(("keys", "line", "place", "words"), WRONG)
def test_wrong_levels_are_named(folder: Path, keys: str, line: int, place: str, words: str) -> None:
    found = report(with_levels(folder, keys))
    assert [(at, where) for _, at, where, _ in found][:1] == [(line, place)], found
    assert words in found[0][3].replace(f"{folder.as_posix()}/", "")
    assert len(found) == (2 if place == "source.start" else 1), found


def test_levels_of_a_file_are_read_and_recorded(folder: Path) -> None:
    (folder / "levels.csv").write_text("\ufefflevel_mV, hold_s\n-500,0\n1e3,1.5 # here\n\n100.1,2\n", encoding="utf-8")
    loaded = load_sweep(with_levels(folder, "levels_from: levels.csv"))
    assert loaded.sweep.source.levels == (-0.5, 1.0, 0.1001)
    assert loaded.sweep.source.holds == (0.0, 1.5, 2.0)
    assert len(loaded.hashes[(folder / "levels.csv").as_posix()]) == 64


NEVER = [
    ("power_above: 1 W", "stop.power_above", "1 W is never reached: the sweep ends at 0.9 W"),
    (
        "open_circuit: {voltage_above: 10 V, current_below: 1 nA}",
        "stop.open_circuit.voltage_above",
        "10 V is never reached: the sweep ends at 9 V",
    ),
]


@pytest.mark.parametrize(("rule", "place", "words"), NEVER)
def test_a_stop_rule_that_is_never_met_is_refused(folder: Path, rule: str, place: str, words: str) -> None:
    _, line, where, message = only_problem(change(folder, "sweep.yaml", ("output: runs", f"stop:\n  {rule}")))
    assert (line, where) == (20, place)
    assert words in message


def test_a_share_of_the_eqe_needs_luminance_at_every_point(folder: Path) -> None:
    """With a responsivity that is there only once a spectrum is known or assumed."""
    change(folder, "sweep.yaml", ("  expected_line: {peak: 520 nm, fwhm: 20 nm}\n", ""), ("spectra:", "# spectra:"))
    change(
        folder, "sweep.yaml", ("  at_luminance", "#  at_luminance"), ("output: runs", "stop: {eqe_below_maximum: 50 %}")
    )
    _, _, where, message = only_problem(folder / "sweep.yaml")
    assert (where, message[:47]) == ("stop.eqe_below_maximum", "needs luminance before the first spectrum is me")


BROKEN = [
    ("", 1, "the header line is missing"),
    ("4\n5\n", 1, "the header line is missing"),
    ("level_V\n", 1, "holds no level"),
    ("voltage\n4\n", 1, "the header line is missing or different"),
    ("level_mA\n4\n", 1, "level_mA: the sweep sources a voltage. write 'level_V'"),
    ("level_V;hold_s\n4;1\n", 1, "separated by semicolons"),
    ("level_V\n4,5\n", 2, "'4,5' is not a finite number. write it like 4.5, with decimal points"),
    ("level_V\n4\nfive\n", 3, "'five' is not a finite number"),
    ("level_V\nnan\n4\n", 2, "'nan' is not a finite number"),
    ("level_V\n1e999\n4\n", 2, "'1e999' is not a finite number"),
    ("level_V,hold_s\n4\n", 2, "'4' is not two finite numbers. write it like 4.5,10"),
    ("level_V,hold_s\n4,-1\n", 2, "holds a level for -1 s: it must be between 0 s and 86400 s"),
]


@pytest.mark.parametrize(("text", "line", "words"), BROKEN)
def test_a_broken_file_of_levels_is_refused_with_its_line(folder: Path, text: str, line: int, words: str) -> None:
    (folder / "levels.csv").write_text(text, encoding="utf-8")
    file, found_line, _, message = only_problem(with_levels(folder, "levels_from: levels.csv"))
    assert (file, found_line) == ("levels.csv", line)
    assert words in message


def test_a_file_of_another_sort_is_said_of_the_line_that_names_it(folder: Path) -> None:
    path = with_levels(folder, "levels_from: bench.yaml")
    file, line, place, message = only_problem(path)
    assert (file, line, place) == ("sweep.yaml", 10, "source.levels_from")
    assert "is a configuration file, not a CSV table" in message


def test_levels_of_a_file_beyond_the_limits_are_refused(folder: Path) -> None:
    (folder / "levels.csv").write_text("level_V\n1\n21\n", encoding="utf-8")
    _, line, place, message = only_problem(with_levels(folder, "levels_from: levels.csv"))
    assert (line, place) == (10, "source.levels_from")
    assert "21 V is beyond the bench's limit of 20 V" in message


def test_a_file_of_too_many_levels_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "levels.csv"
    path.write_text("level_V\n" + "1\n" * 100_001, encoding="utf-8")
    source = Source.model_validate({"function": "voltage", "compliance": "1 mA", "levels_from": path.name})
    levels, problems, _ = read_levels(path, source)
    assert levels is None
    assert "holds 100001 levels" in str(problems[0])


def test_logarithmic_levels_finer_than_the_source_are_a_caution(folder: Path) -> None:
    path = with_levels(folder, "start: 1 mV\nstop: 9 V\npoints_per_decade: 10")
    (caution,) = [str(one) for one in check_file(path).cautions]
    assert "near 0.001 V the levels lie 0.00026 V apart, finer than the source on its 20 V range, 0.0005 V" in caution
