"""What works on this system works on Windows and macOS: their names of files, text files, and calls."""

from __future__ import annotations

import ast
import re
import subprocess
from collections import Counter

import pytest

from tests.conftest import ROOT
from tests.support.windows_names import refused_by_windows

SOURCES = [path for part in ("acquire", "drivers") for path in sorted((ROOT / part).rglob("*.py"))]
LONGEST_PATH = 120  # characters from the root of the project; Windows takes 260 with the folder that it lies in


@pytest.mark.parametrize("name", ["a:b", "NUL", "con.txt", "a/aux/b", "what?", "ends.", "ends ", 'a"b', "tab\t", "a|b"])
def test_names_that_windows_refuses_are_known(name: str) -> None:
    assert refused_by_windows(name)
    assert not refused_by_windows("runs/20260102T030405_SPPO13-Liq_0a1b2c3d.guardian.log")


def test_every_file_of_the_project_can_be_checked_out_on_windows() -> None:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False)
    names = listed.stdout.decode().split("\0")[:-1]
    if not names:
        pytest.skip("this is no clone")
    assert [name for name in names if refused_by_windows(name) or len(name) > LONGEST_PATH] == []
    assert [name for name, times in Counter(name.casefold() for name in names).items() if times > 1] == []


@pytest.fixture(scope="module")
def calls() -> list[tuple[str, ast.Call]]:
    """Every call of the program in files that open, write or rename one, with the file that it is in."""
    texts = {path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8") for path in SOURCES}
    some = [(name, text) for name, text in texts.items() if re.search(r"\b(?:f?d?open|write_text|rename)\b", text)]
    trees = [(name, ast.parse(text)) for name, text in some]
    return [(name, node) for name, tree in trees for node in ast.walk(tree) if isinstance(node, ast.Call)]


def called(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")


def test_files_that_are_written_have_the_same_line_ends_everywhere(calls: list[tuple[str, ast.Call]]) -> None:
    """``write_text`` and ``open("w")`` write CR LF on Windows unless they say what a line's end is."""
    found = []
    for name, call in calls:
        modes = [arg.value for arg in call.args if isinstance(arg, ast.Constant) and isinstance(arg.value, str)]
        opened = called(call) in ("open", "fdopen") and any(re.fullmatch("[wxa]t?", mode) for mode in modes)
        method = isinstance(call.func, ast.Attribute) and called(call) == "write_text"
        if (opened or method) and "newline" not in [keyword.arg for keyword in call.keywords]:
            found.append(f"{name}:{call.lineno}")
    assert found == []


def test_nothing_is_renamed_where_something_may_stand(calls: list[tuple[str, ast.Call]]) -> None:
    """Windows refuses ``Path.rename`` where something stands; ``Path.replace`` does the same everywhere."""
    found = {name for name, call in calls if called(call) == "rename"}
    assert found == {"acquire/run_file/placing.py"}, "which sees to it that nothing stands there"


def test_times_are_written_with_what_every_system_knows() -> None:
    """``%-d`` is one of glibc, ``%#d`` one of Windows."""
    found = [path for path in SOURCES if re.search(r"%[-#][dmHMSIjyY]", path.read_text(encoding="utf-8"))]
    assert found == []


@pytest.mark.parametrize("platform", ["linux", "win32", "darwin"])
def test_the_types_are_checked_for_every_system(platform: str) -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert re.search(rf"^PLATFORMS := .*\btypes-{platform}\b", makefile, flags=re.MULTILINE)
    assert "mypy --platform $*" in makefile
