"""What the four shells are offered when somebody presses Tab, through the protocol of each."""

from __future__ import annotations

import pytest

from tests.support.command import acquire

TYPER = {"_TYPER_COMPLETE_ARGS": "acquire ca", "_TYPER_COMPLETE_FISH_ACTION": "get-args"}
SHELLS = {
    "bash": {"COMP_WORDS": "acquire ca", "COMP_CWORD": "1"},
    "zsh": TYPER,
    "fish": TYPER,
    "powershell": {**TYPER, "_TYPER_COMPLETE_WORD_TO_COMPLETE": "ca"},
}


@pytest.mark.parametrize("shell", SHELLS)
def test_a_command_is_completed(shell: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("_ACQUIRE_COMPLETE", f"complete_{shell}")
    for name, value in SHELLS[shell].items():
        monkeypatch.setenv(name, value)
    said = acquire()
    assert said.status == 0
    assert "calibrate" in said.text
    assert "simulate" not in said.text


def test_an_option_is_completed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("_ACQUIRE_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", "acquire new --comp")
    monkeypatch.setenv("COMP_CWORD", "2")
    assert acquire().text.split() == ["--compliance"]


@pytest.mark.parametrize("shell", SHELLS)
def test_the_script_for_a_shell_calls_the_command_by_its_name(shell: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("_ACQUIRE_COMPLETE", f"source_{shell}")
    said = acquire()
    assert said.status == 0
    assert "_ACQUIRE_COMPLETE" in said.text
    assert f"complete_{shell}" in said.text
