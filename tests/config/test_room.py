"""What the room of configuration offers by name, and what is not loaded for who needs none of it."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from acquire import config

READING = "import sys, acquire.run_file.read, acquire.run_file.finish; print(*sorted(sys.modules))"


def test_every_name_that_type_checkers_see_is_there() -> None:
    tree = ast.parse(Path(config.__file__).read_text(encoding="utf-8"))
    (seen,) = (node for node in tree.body if isinstance(node, ast.If))
    imported = [
        (node.module, name.name) for node in seen.body if isinstance(node, ast.ImportFrom) for name in node.names
    ]
    made = [(f"acquire.config.{module}", name) for module, names in config._MADE_IN.items() for name in names]
    assert sorted(map(str, imported)) == sorted(map(str, made))
    assert len(made) > 20
    for module, name in made:
        assert getattr(config, name) is getattr(sys.modules[module], name)


def test_another_name_is_not_there() -> None:
    with pytest.raises(AttributeError, match=r"'acquire\.config' has no attribute 'Sweep'"):
        config.Sweep  # noqa: B018


def test_reading_a_run_file_loads_no_model() -> None:
    """A process of its own does it, again and again: half of its time went into models of YAML files."""
    done = subprocess.run([sys.executable, "-c", READING], capture_output=True, text=True, check=True)
    loaded = done.stdout.split()
    assert "acquire.run_file.finish" in loaded
    assert {"pydantic", "pint", "acquire.config.bench", "typer", "rich"} & set(loaded) == set()
