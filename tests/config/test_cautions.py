"""What is no error but should be known: said by check and plan, and noted in the run."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from acquire import session
from acquire.cli.commands import app
from acquire.config import check_file, loading
from tests.conftest import CONFIGS


def serial_bench(folder: Path, baud_rate: str) -> Path:
    text = (CONFIGS / "benches" / "lab_serial.yaml").read_text(encoding="utf-8")
    text = text.replace("../", f"{CONFIGS.as_posix()}/").replace("baud_rate: 19200", f"baud_rate: {baud_rate}", 1)
    path = folder / "slow.yaml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(("baud_rate", "warned"), [("300", True), ("600", True), ("1200", False), ("19200", False)])
def test_a_line_that_is_too_slow_for_the_promise_is_a_caution(tmp_path: Path, baud_rate: str, warned: bool) -> None:
    path = serial_bench(tmp_path, baud_rate)
    checked = check_file(path)
    assert checked.problems == []
    cautions = [str(caution) for caution in checked.cautions if not caution.found_by_run]
    assert bool(cautions) == warned
    if warned:
        assert f"slow.yaml:14: instruments.smu.serial.baud_rate: at {baud_rate} baud it takes longer" in cautions[0]
        assert "promised 2 s" in cautions[0]


def test_check_says_it_and_is_content(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["check", str(serial_bench(tmp_path, "600"))])
    assert result.exit_code == 0
    assert "caution: " in result.output
    assert "slow.yaml: right" in result.output


def test_plan_says_it_and_the_run_notes_it(tmp_path: Path) -> None:
    sweep = CONFIGS / "sweeps" / "quick_look.yaml"
    bench = serial_bench(tmp_path, "300")
    result = CliRunner().invoke(app, ["plan", str(sweep), "--bench", str(bench)])
    assert result.exit_code == 0
    assert "caution: " in result.output
    texts = session.cautions(session.prepare(sweep, bench).loaded)
    assert any("300 baud" in text for text in texts)


def test_a_file_is_read_once_for_problems_and_cautions(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[Path] = []
    read_yaml = loading.read_yaml
    monkeypatch.setattr(loading, "read_yaml", lambda path: (read.append(path), read_yaml(path))[1])
    done = CliRunner().invoke(app, ["check", str(CONFIGS / "benches" / "simulated.yaml")])
    assert done.exit_code == 0
    assert read
    assert len(read) == len(set(read))
