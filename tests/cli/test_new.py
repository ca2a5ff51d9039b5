"""``acquire new``: questions, answers checked at once, and a sweep file that is right."""

from __future__ import annotations

import io
import os
import shutil
import signal
from pathlib import Path
from typing import Any

import pytest
import yaml

from acquire.bench.batch import check_file
from acquire.cli import commands as command_line
from acquire.cli.questions import listed, scalar
from acquire.config import load_sweep
from tests.conftest import CONFIGS
from tests.support.command import Said, acquire

GIVEN = ("--name", "A3", "--area", "14 mm^2", "--peak", "520 nm")


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A current folder with the shipped configuration."""
    shutil.copytree(CONFIGS, tmp_path / "configs")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def typed(monkeypatch: pytest.MonkeyPatch, *lines: str, arguments: tuple[str, ...] = ()) -> Said:
    """The command at a terminal, with these lines typed and then the end of the input."""
    monkeypatch.setattr("acquire.cli.questions.somebody_to_ask", lambda: True)
    monkeypatch.setattr("sys.stdin", io.StringIO("".join(f"{line}\n" for line in lines)))
    return acquire("new", *arguments)


def written(said: Said) -> Path:
    return Path(said.output.decode().splitlines()[0])


def sweeps(desk: Path) -> set[str]:
    return {path.name for path in (desk / "configs" / "sweeps").iterdir()}


def test_a_script_writes_a_sweep_that_passes_check(desk: Path) -> None:
    said = acquire("new", *GIVEN)
    assert said.status == command_line.COMPLETED, said.text
    assert written(said) == Path("configs/sweeps/A3.yaml")
    assert check_file(written(said)).problems == []
    sweep = load_sweep(written(said)).sweep
    assert (sweep.sample.name, sweep.sample.emissive_area) == ("A3", 1.4e-5)
    assert (sweep.source.stop, sweep.source.step, sweep.source.compliance) == (8.0, 0.1, 0.1)
    assert sweep.spectra is not None
    assert sweep.spectra.at_luminance == (10.0, 100.0, 1000.0)
    assert sum("# " in line for line in written(said).read_text("utf-8").splitlines()) > 10


def test_every_question_has_an_option(desk: Path) -> None:
    options = {
        "bench": "configs/benches/lab_gpib.yaml", "name": "Dev #3", "batch": "12: left", "pixel": "*2",
        "area": "4 mm^2",
        "title": "[Ir(ppy)3]", "function": "current", "start": "0 mA", "stop": "2 mA", "step": "0.5 mA",
        "direction": "both", "compliance": "6 V", "settle": "10 ms", "nplc": "0.5", "spectra": "50, 500 cd/m^2",
        "peak": "620 nm", "fwhm": "30 nm", "luminance-above": "2000 cd/m^2",
    }  # fmt: skip
    said = acquire("new", "here/mine.yaml", *(part for name, value in options.items() for part in (f"--{name}", value)))
    assert said.status == command_line.COMPLETED, said.text
    sweep = load_sweep(Path("here/mine.yaml")).sweep
    assert (sweep.sample.name, sweep.sample.batch, sweep.sample.pixel) == ("Dev #3", "12: left", "*2")
    assert sweep.title == "[Ir(ppy)3]"
    assert (sweep.source.function, sweep.source.stop, sweep.source.compliance) == ("current", 2e-3, 6.0)
    assert sweep.stop.luminance_above == 2000.0
    assert sweep.spectra is not None
    assert sweep.spectra.at_luminance == (50.0, 500.0)
    assert sweep.sample.expected_line is not None
    assert sweep.sample.expected_line.peak == 620.0
    assert load_sweep(Path("here/mine.yaml")).bench.name == "laboratory bench (GPIB)"


def test_each_answer_is_checked_at_once(desk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = ["", "A3", "", "", "14", "14 mm^2", "520 nm", "", "volt", "voltage", "", "30 V", "7.55 V", "", "0.05 V"]
    said = typed(monkeypatch, *answers, "", "2 A", "", "", "1,5", "2", "10,5 cd/m^2", "10; 100 cd/m^2", "", "", "")
    assert said.status == command_line.COMPLETED, said.text
    for words in (
        "'14' has no unit; write it like '14 mm^2'",
        "'volt' is not one of voltage, current",
        "30 V is beyond the bench's limit of 20 V",
        "0.1 V does not divide 7.55 V",
        "'2 A' is not allowed",
        "'1,5' has a comma in its number",
        "'10,5 cd/m^2' is read as two values",
    ):
        assert words in said.text
    sweep = load_sweep(written(said)).sweep
    assert (sweep.source.stop, sweep.source.step, sweep.measure.nplc) == (7.55, 0.05, 2.0)
    assert sweep.spectra is not None
    assert sweep.spectra.at_luminance == (10.0, 100.0)


@pytest.mark.parametrize("typo", ["\x1b[A", "A\x00", "\x7f", "\ud800"])
def test_a_key_that_is_no_letter_costs_one_answer(desk: Path, monkeypatch: pytest.MonkeyPatch, typo: str) -> None:
    said = typed(monkeypatch, "", typo, "A3", *[""] * 15, arguments=("--area", "14 mm^2", "--peak", "520 nm"))
    assert said.status == command_line.COMPLETED, said.text
    assert load_sweep(written(said)).sweep.sample.name == "A3"


def test_the_limits_of_the_bench_lower_the_defaults(desk: Path) -> None:
    bench = desk / "configs" / "benches" / "simulated.yaml"
    bench.write_text(
        bench.read_text("utf-8").replace("200 mA", "20 mA").replace("voltage: 20 V", "voltage: 5 V"), "utf-8"
    )
    source = load_sweep(written(acquire("new", *GIVEN))).sweep.source
    assert (source.stop, source.compliance) == (5.0, 0.02)


def test_what_has_no_default_is_asked_for_by_name_where_nobody_answers(desk: Path) -> None:
    said = acquire("new", "--name", "A3")
    assert said.status == command_line.USAGE
    assert "give --area, --peak" in said.text
    said = acquire("new", *GIVEN, "--stop", "30 V")
    assert said.status == command_line.USAGE
    assert "--stop: 30 V is beyond the bench's limit" in said.text
    assert "A3.yaml" not in sweeps(desk)


def test_nothing_is_written_over(desk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = (desk / "configs" / "sweeps" / "hysteresis.yaml").read_bytes()
    said = acquire("new", "configs/sweeps/hysteresis.yaml", *GIVEN)
    assert said.status == command_line.USAGE
    assert "is there already" in said.text
    assert (desk / "configs" / "sweeps" / "hysteresis.yaml").read_bytes() == before
    assert written(acquire("new", *GIVEN)).name == "A3.yaml"
    assert written(acquire("new", *GIVEN)).name == "A3_2.yaml"
    lines = [""] * 15
    said = typed(monkeypatch, *lines, "configs/sweeps/hysteresis", "other", arguments=GIVEN)
    assert "hysteresis.yaml is there already" in said.text
    assert written(said) == Path("other.yaml")


@pytest.mark.parametrize("answered", [0, 3, 9])
def test_the_end_of_the_input_writes_nothing(desk: Path, monkeypatch: pytest.MonkeyPatch, answered: int) -> None:
    before = sweeps(desk)
    said = typed(monkeypatch, *[""] * answered, arguments=GIVEN)
    assert said.status == command_line.INTERRUPTED
    assert "nothing was written" in said.text
    assert sweeps(desk) == before


@pytest.mark.skipif(not hasattr(signal, "raise_signal") or os.name == "nt", reason="Ctrl-C is a signal elsewhere")
def test_ctrl_c_writes_nothing(desk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class CtrlC(io.StringIO):
        def readline(self, *_: Any) -> str:
            signal.raise_signal(signal.SIGINT)
            return "\n"

    before = sweeps(desk)
    monkeypatch.setattr("acquire.cli.questions.somebody_to_ask", lambda: True)
    monkeypatch.setattr("sys.stdin", CtrlC())
    said = acquire("new", *GIVEN)
    assert said.status == command_line.INTERRUPTED
    assert sweeps(desk) == before


def test_a_bench_without_spectroradiometer_is_not_asked_for_spectra(desk: Path) -> None:
    bench = desk / "configs" / "benches" / "my_bench.yaml"
    text = (desk / "configs" / "benches" / "lab_gpib.yaml").read_text("utf-8")
    bench.write_text(text[: text.index("  spectroradiometer:")] + text[text.index("trigger_link") :], "utf-8")
    said = acquire("new", *GIVEN)
    assert load_sweep(written(said)).sweep.spectra is None
    assert load_sweep(written(said)).bench_path.name == "my_bench.yaml"
    said = acquire("new", *GIVEN, "--spectra", "10 cd/m^2")
    assert "--spectra has no meaning" in said.text


@pytest.mark.parametrize(
    ("answer", "values"),
    [
        ("10, 100, 1000 cd/m^2", ["10 cd/m^2", "100 cd/m^2", "1000 cd/m^2"]),
        ("10 100 1000 cd/m^2", ["10 cd/m^2", "100 cd/m^2", "1000 cd/m^2"]),
        ("10;100 cd/m^2", ["10 cd/m^2", "100 cd/m^2"]),
        ("10 cd/m^2, 1 kcd/m^2", ["10 cd/m^2", "1 kcd/m^2"]),
        ("10, 100", ["10", "100"]),
        ("[1 V, 2 V]", ["1 V", "2 V"]),
    ],
)
def test_several_quantities_are_one_list(answer: str, values: list[str]) -> None:
    assert yaml.load(listed(answer), yaml.BaseLoader) == values
    assert listed("none") == ""


TEXTS = [
    "A3",
    "Dev #3",
    "a: b",
    "*A3",
    "null",
    "~",
    "- x",
    "8 V",
    "14 mm^2",
    "# x",
    "it's",
    'a "b"',
    r"C:\x",
    "[x]",
    "\u674e\uff1a\u660e",
]


@pytest.mark.parametrize("text", TEXTS)
def test_a_text_is_written_so_that_yaml_reads_the_same(text: str) -> None:
    assert yaml.load(f"key: {scalar(text)}  # remark", yaml.BaseLoader) == {"key": text}
