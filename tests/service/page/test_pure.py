"""Assets made from the program's tables are not behind them; pure functions of the page, run by node where it is."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from acquire.service.page_assets import FOLDER, assets

HERE = Path(__file__).parent
PAGE = FOLDER.parent
NODE = shutil.which("node")


@pytest.mark.parametrize("name", assets())
def test_no_asset_is_behind_the_program(name: str) -> None:
    made = (FOLDER / name).read_text(encoding="utf-8")
    assert made == assets()[name], "make docs"


@pytest.mark.skipif(NODE is None, reason="the page's pure functions were left out: they need node (20.19 or later)")
def test_the_pure_functions_of_the_page() -> None:
    done = subprocess.run([NODE, "--test", HERE / "pure.test.mjs"], capture_output=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout.decode("utf-8", "replace")


def test_the_page_needs_nothing_from_elsewhere_and_nothing_inline() -> None:
    index = (PAGE / "index.html").read_text(encoding="utf-8")
    assert not re.search(r"<style|style=|\son\w+=|<script(?![^>]*src=)", index)
    own = [path for path in PAGE.rglob("*") if path.suffix in (".js", ".css", ".html") and path.parent.name != "vendor"]
    assert len(own) > 20
    for path in own:
        text = path.read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")
        assert not re.search(r"https?://|//cdn", text), path
        for name in re.findall(r"""(?:from|import)\s*\(?["'](\.[^"']+)["']""", text):
            assert (path.parent / name).resolve().is_file(), f"{path}: {name}"
