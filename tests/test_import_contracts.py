"""Who imports whom: the wall between twins and drivers holds for every module, and no test module is a library."""

import ast
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
#: What twins and drivers share on purpose: published tables.
SHARED = {"drivers.cie"}
LINT = "from importlinter.cli import lint_imports_command; lint_imports_command()"


def contract() -> dict[str, list[str]]:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    (found,) = [each for each in settings["tool"]["importlinter"]["contracts"] if each.get("id") == "twins"]
    return found


def test_the_wall_stands_before_every_module_of_the_drivers():
    modules = {
        f"drivers.{path.stem}"
        for path in (ROOT / "drivers").iterdir()
        if path.suffix == ".py" or (path / "__init__.py").exists()
    }
    assert set(contract()["forbidden_modules"]) == modules - {"drivers.__init__", "drivers.simulated"} - SHARED


def test_an_import_of_any_driver_module_by_a_twin_fails_the_check(tmp_path):
    for package in ("acquire", "drivers"):
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    forbidden = contract()["forbidden_modules"]
    planted = tmp_path / "drivers" / "simulated" / "keithley2400" / "planted.py"
    planted.write_text("".join(f"import {module}\n" for module in forbidden), encoding="utf-8")
    check = [sys.executable, "-X", "utf8", "-c", LINT, "--contract", "twins", "--cache-dir", "seen"]
    done = subprocess.run(check, cwd=tmp_path, capture_output=True, text=True, encoding="utf-8")
    assert done.returncode == 1
    said = " ".join(done.stdout.split())  # long lines are folded
    for line, module in enumerate(forbidden, start=1):
        assert f"drivers.simulated.keithley2400.planted -> {module} (l.{line})" in said
    planted.unlink()
    assert subprocess.run(check, cwd=tmp_path, capture_output=True).returncode == 0


def imports_of(path: Path) -> set[str]:
    """Every module that a file imports, and every name that it takes from one, dotted."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


#: What may be an import of a test module: to parse every test takes seconds.
MAY_IMPORT_A_TEST = re.compile(r"\bimport\b(?:[^\n(]*|\s*\([^)]*)\btest_|\b(?:from|import)\b[^\n]*\.test_")


def test_no_test_module_is_a_library():
    sources = (ROOT / "tests").rglob("*.py")
    suspects = [path for path in sources if MAY_IMPORT_A_TEST.search(path.read_text(encoding="utf-8"))]
    libraries = {
        path.relative_to(ROOT).as_posix(): sorted(name for name in imports_of(path) if ".test_" in name)
        for path in suspects
    }
    assert {path: names for path, names in libraries.items() if names} == {}


def test_the_folders_of_the_tests_are_those_of_the_packages():
    folders = {path.name for path in (ROOT / "tests").iterdir() if (path / "__init__.py").exists()}
    rooms = {path.name for path in (ROOT / "acquire").iterdir() if (path / "__init__.py").exists()}
    beside = {"drivers", "twins", "transcripts", "endurance", "outside", "support"}
    assert folders - beside <= rooms
    assert beside <= folders
