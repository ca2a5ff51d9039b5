"""What YAML reads otherwise than it was meant: each message says where, what, and how to mend it."""

# ruff: noqa: RUF001

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from acquire.config import check_file, load_sweep
from acquire.config.yaml_traps import quoted
from tests.support.command import acquire
from tests.support.config_files import change, only_problem, report, write_files


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_files(tmp_path)


NAME = "name: A1"
LEVELS = "[10 cd/m^2, 1000 cd/m^2]"
LINE = "{peak: 520 nm, fwhm: 20 nm}"

TRAPS = [
    # a comment that was meant as text
    (NAME, "name: Dev #3", 5, "sample.name", "'#3' is not read", 'name: "Dev #3"'),
    (NAME, "name: Dev # 3", 5, "sample.name", "'# 3' is not read", 'name: "Dev # 3"'),
    (NAME, "name: #3", 5, "sample.name", "'#3' is not read", 'name: "#3"'),
    ("title: test", "title: batch 12 #4 left", 2, "title", "'#4 left' is not read", 'title: "batch 12 #4 left"'),
    ("output: runs", "output: runs #2", 19, "output", "'#2' is not read", 'output: "runs #2"'),
    ("stop: 9 V", "stop: 9 #V", 11, "source.stop", "'9' has no unit", "'#V', is a comment"),
    # a text that begins with a sign of YAML's own
    (NAME, "name: *A3", 5, "", "begins with * must stand in quotes", 'name: "*A3"'),
    (NAME, "name: &A3", 5, "sample.name", "& names a value for use elsewhere", "in quotes"),
    (NAME, "name: &A3 left", 5, "sample.name", "& names a value for use elsewhere", "in quotes"),
    (NAME, "name: !A3 left", 5, "sample.name", "the tag !A3", "quotes"),
    (NAME, "name: @A3", 5, "", "begins with @", 'name: "@A3"'),
    (NAME, "name: `A3`", 5, "", "begins with `", 'name: "`A3`"'),
    (NAME, "name: %A3", 5, "", "begins with %", 'name: "%A3"'),
    (NAME, "name: - A3", 5, "", "begins with -", 'name: "- A3"'),
    (NAME, "name: > 5 nm", 5, "", "begins with >", 'name: "> 5 nm"'),
    (NAME, "name: | A3", 5, "", "begins with |", 'name: "| A3"'),
    (NAME, "name: [Ir(ppy)3]", 5, "sample.name", "it is a list for YAML", 'name: "[Ir(ppy)3]"'),
    (NAME, "name: [Ir(ppy)3]/Al", 5, "", "begins with [ must stand in quotes as a whole", 'name: "[Ir(ppy)3]/Al"'),
    (NAME, "name: {Al}", 5, "sample.name", "it is a section for YAML", 'name: "{Al}"'),
    (NAME, "name: ~", 5, "sample.name", "'~' stands for nothing", 'name: "~"'),
    (NAME, "name: A3: left", 5, "", "a colon and a blank in it", 'name: "A3: left"'),
    (NAME, 'name: "A3" left', 5, "", "goes on behind its closing quote", 'name: "A3 left"'),
    (NAME, "name: 'A3", 20, "", "not valid YAML", "quote that opens in line 5"),
    # signs of another keyboard
    ("kind: sweep", "kind：sweep", 1, "", "full-width colon", "plain colon"),
    (NAME, "name：A1", 5, "", "full-width colon", "plain colon"),
    ("source:", "source：", 8, "", "full-width colon", "plain colon"),
    ("compliance: 100 mA", "compliance：100 mA", 13, "", "full-width colon", "plain colon"),
    (LEVELS, "[10 cd/m^2，1000 cd/m^2]", 18, "spectra.at_luminance[0]", "full-width comma", "plain ','"),
    (LINE, "{peak: 520 nm，fwhm: 20 nm}", 7, "", "full-width comma", "plain"),
    # decimal commas where a comma separates
    (LEVELS, "[10,5 cd/m^2]", 18, "spectra.at_luminance[0]", "'10,5 cd/m^2' is read as two values", "10.5 cd/m^2"),
    (LINE, "{peak: 520,5 nm, fwhm: 20 nm}", 7, "sample.expected_line.peak", "read as two values", "520.5 nm"),
    (LEVELS, "[10 cd/m^2, 1,000 cd/m^2]", 18, "spectra.at_luminance[1]", "two values", "1000 cd/m^2 for thousands"),
    ("stop: 9 V", "stop: 1,000 mV", 11, "source.stop", "has a comma in its number", "leave it out for thousands"),
    ("stop: 9 V", "stop: 6,5 V", 11, "source.stop", "has a comma in its number", "use a point: 6.5 V"),
    ("stop: 9 V", "stop: 6,5 A", 11, "source.stop", "has a comma in its number", "'8 V'"),
    ("start: 0 V", "start: −2 V", 10, "source.start", "begins with a dash that is no minus", "the keyboard"),
    ("nplc: 1", "nplc: 1,5", 16, "measure.nplc", "has a comma in its number", "use a point"),
    # blanks, commas and brackets that are missing
    (LINE, "{peak:520 nm, fwhm: 20 nm}", 7, "sample.expected_line.peak:520 nm", "no blank behind", "peak: 520 nm"),
    (LINE, "{peak: 520 nm fwhm: 20 nm}", 7, "", "a comma is missing in these brackets", "part entries"),
    (LINE, "{peak: 520 nm, fwhm: 20 nm", 8, "", "the closing bracket", "the bracket that opens in line 7"),
    (LEVELS, "\n    - 10 cd/m^2\n    -100 cd/m^2", 20, "", "no blank behind the dash", "- value"),
    (LEVELS, "10 cd/m^2, 30 cd/m^2]", 18, "spectra.at_luminance", "must be a list", "[10 cd/m^2, 30 cd/m^2]"),
    # backslashes
    ("output: runs", r'output: "C:\lab"', 19, "", "a backslash in double quotes", r"'C:\lab\bench.yaml'"),
    ("bench: bench.yaml", r'bench: "..\benches\b.yaml"', 3, "bench", "control character", "single quotes"),
    ("output: runs", r'output: "runs\new"', 19, "output", "a backslash in double quotes", "single quotes"),
    # the line before the one where YAML stops
    (NAME, "name:A1", 5, "", "no blank behind the colon", "key: value"),
    ("stop: 9 V", "stop = 9 V", 11, "", "an equals sign", "key: value"),
]  # fmt: skip


@pytest.mark.parametrize(("right", "wrong", "line", "path", "message", "hint"), TRAPS, ids=[trap[1] for trap in TRAPS])
def test_a_trap_is_named_with_the_way_out(
    folder: Path, right: str, wrong: str, line: int, path: str, message: str, hint: str
) -> None:
    found = report(change(folder, "sweep.yaml", (right, wrong)))
    file, found_line, found_path, words = next(one for one in found if not one[3].startswith("is missing"))
    assert (file, found_line, found_path) == ("sweep.yaml", line, path)
    assert len(found) <= 2
    assert message in words
    assert hint in words


@pytest.mark.parametrize("name", ["Dev #3", "Dev # 3", "[Ir(ppy)3]", "*A3", "A3: left"])
def test_a_trap_is_found_in_a_file_with_windows_line_ends(folder: Path, name: str) -> None:
    path = change(folder, "sweep.yaml", (NAME, f"name: {name}"))
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))
    _, line, _, words = only_problem(path)
    assert line == 5
    assert words.isprintable()
    assert f'write name: "{name}"' in words


def test_a_console_without_such_letters_is_told_all_the_same(folder: Path) -> None:
    path = change(folder, "sweep.yaml", (NAME, "name：A1"))
    assert "a full-width colon (\\uff1a) is no colon for YAML" in acquire("check", path, encoding="cp1252").text


MENDED = [
    '"Dev #3"',
    '"*A3"',
    '"[Ir(ppy)3]"',
    '"A3: left"',
    "'C:\\lab'",
    '"~"',
    "Dev  # in the second batch",
    "Dev#3",
    "李：明，2",
]


@pytest.mark.parametrize("name", MENDED)
def test_what_the_messages_advise_is_read_as_it_stands(folder: Path, name: str) -> None:
    read = load_sweep(change(folder, "sweep.yaml", (NAME, f"name: {name}"))).sweep.sample.name
    assert read == name.split("  #")[0].strip("\"'")


@pytest.mark.parametrize("text", ["Dev #3", r"C:\lab", 'a "b" c', r"it's \ and " + '"', "*A3", "- x", "a: b"])
def test_a_text_in_quotes_is_that_text(text: str) -> None:
    assert yaml.safe_load(f"name: {quoted(text)}") == {"name": text}


def test_a_comment_takes_nothing_from_a_quantity_or_a_word(folder: Path) -> None:
    change(folder, "sweep.yaml", ("stop: 9 V", "stop: 9 V #10 V before"), ("function: voltage", "function: voltage #V"))
    assert check_file(folder / "sweep.yaml").problems == []


def test_notes_may_have_several_lines(folder: Path) -> None:
    path = change(folder, "sweep.yaml", (NAME, f'{NAME}\n  notes: "first\\nsecond"'))
    assert load_sweep(path).sweep.sample.notes == "first\nsecond"


# A file of another sort is said of the line that names it


@pytest.mark.parametrize(
    ("file", "key", "named", "line", "path", "words"),
    [
        ("sweep.yaml", "bench: bench.yaml", "device.yaml", 3, "bench", "this is a device file, but a bench file"),
        ("sweep.yaml", "bench: bench.yaml", "curve.csv", 3, "bench", "'key: value' lines"),
        ("sweep.yaml", "bench: bench.yaml", "run.h5", 3, "bench", "is an HDF5 file"),
        ("bench.yaml", "calibration: calibration.yaml", "curve.csv", 16, "photodiode.calibration", "'key: value'"),
        ("bench.yaml", "device: device.yaml", "bench.yaml", 21, "simulation.device", "this is a bench file"),
        ("calibration.yaml", "responsivity: curve.csv", "device.yaml", 6, "responsivity", "is a configuration file"),
        ("calibration.yaml", "responsivity: curve.csv", "letter.txt", 6, "responsivity", "is no CSV table"),
        ("calibration.yaml", "responsivity: curve.csv", "run.h5", 6, "responsivity", "is an HDF5 file"),
    ],
)  # fmt: skip
def test_a_file_of_another_sort_is_said_of_the_line_that_names_it(
    folder: Path, file: str, key: str, named: str, line: int, path: str, words: str
) -> None:
    (folder / "run.h5").write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(99))
    (folder / "letter.txt").write_text("Dear colleague,\nthe photodiode was calibrated in May.\n", encoding="utf-8")
    change(folder, file, (key, f"{key.split(':')[0]}: {named}"))
    found_file, found_line, found_path, said = only_problem(folder / "sweep.yaml")
    assert (found_file, found_line, found_path) == (file, line, path)
    assert named in said
    assert words in said


def test_a_bench_of_another_kind_on_the_command_line_is_named_itself(folder: Path) -> None:
    from acquire.config import ConfigurationError

    with pytest.raises(ConfigurationError, match="this is a device file, but a bench file is wanted here") as caught:
        load_sweep(folder / "sweep.yaml", folder / "device.yaml")
    assert [(problem.file.name, problem.line) for problem in caught.value.problems] == [("device.yaml", 1)]
