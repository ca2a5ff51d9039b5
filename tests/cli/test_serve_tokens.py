"""What ``acquire serve`` says of tokens where there is no terminal."""

from __future__ import annotations

from pathlib import Path

import pytest

from acquire.cli.serve import _tell_tokens
from acquire.service.settings import Settings


def test_the_command_that_makes_a_token_names_the_folder_of_this_service(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _tell_tokens(Settings(tmp_path / "data", tmp_path, tmp_path), f"--data {tmp_path / 'data'}")
    said = capsys.readouterr()
    assert f"acquire token operator --data {tmp_path / 'data'}" in said.err
    assert said.out == ""
