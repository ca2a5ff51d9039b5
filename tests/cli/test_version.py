"""What the program says of itself, and what it says where Python is too old for it."""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections import namedtuple
from pathlib import Path

import pytest
from typer.testing import CliRunner

from acquire import __main__ as main_module
from acquire import __version__
from acquire.cli.commands import app
from tests.conftest import ROOT

Version = namedtuple("Version", "major minor micro releaselevel serial")


def test_version_is_one_line_with_what_a_report_needs() -> None:
    done = CliRunner().invoke(app, ["--version"])
    assert done.exit_code == 0
    (line,) = done.output.splitlines()
    assert line.startswith(f"acquire {__version__} (Python {sys.version_info.major}.{sys.version_info.minor}.")
    assert re.search(r"numpy \d.*h5py \d.*pyvisa \d", line)


def test_the_oldest_python_is_the_one_that_pip_asks_for() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["requires-python"] == ">={}.{}".format(*main_module.OLDEST)


@pytest.mark.parametrize("arguments", [[], ["run", "x.yaml"], ["off"]])
def test_a_python_that_is_too_old_costs_one_line(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "version_info", Version(3, 10, 13, "final", 0))
    monkeypatch.setattr(sys, "argv", ["acquire", *arguments])
    with pytest.raises(SystemExit) as ended:
        main_module.main()
    assert ended.value.code == 1
    said = capsys.readouterr().err
    assert said.startswith("acquire: needs Python 3.11 or newer, and this is Python 3.10.13")
    assert said.count("\n") == 1
    assert ("nothing was sent to any instrument" in said) == (arguments == ["off"])


@pytest.mark.parametrize("name", ["__init__", "__main__"])
def test_what_an_old_python_reads_first_is_written_for_it(name: str) -> None:
    text = (ROOT / "acquire" / f"{name}.py").read_text(encoding="utf-8")
    tree = ast.parse(text, feature_version=(3, 7))
    at_first = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
    assert {name.name for node in at_first for name in node.names} <= {"os", "signal", "sys"}


@pytest.mark.parametrize("version", ["3.9", "3.10"])
def test_a_real_one_says_the_same(version: str, tmp_path: Path) -> None:
    python = shutil.which(f"python{version}")
    works = python and subprocess.run([python, "-c", ""], capture_output=True, check=False).returncode == 0
    if not python or not works:
        pytest.skip(f"no Python {version} here")
    environment = os.environ | {"PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [python, "-m", "acquire", "plan"], capture_output=True, text=True, check=False, cwd=tmp_path, env=environment
    )
    assert done.returncode == 1
    assert done.stderr.startswith(f"acquire: needs Python 3.11 or newer, and this is Python {version}.")
