"""Assets made from the program's tables are not behind them; pure functions of the page, run by node where it is."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

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


@pytest.mark.skipif(NODE is None, reason="the page's modules were not parsed: that needs node (20.19 or later)")
def test_every_module_of_the_page_can_be_read() -> None:
    modules = {path: path.read_text(encoding="utf-8") for path in PAGE.rglob("*.js") if path.parent.name != "vendor"}
    check = """
    import { SourceTextModule } from "node:vm";
    let text = "";
    for await (const part of process.stdin) text += part;
    for (const [name, source] of Object.entries(JSON.parse(text))) new SourceTextModule(source, { identifier: name });
    """
    done = subprocess.run(
        [str(NODE), "--experimental-vm-modules", "--no-warnings", "--input-type=module", "-e", check],
        input=json.dumps({path.name: text for path, text in modules.items()}).encode(),
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode("utf-8", "replace")


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


#: What the page asks for: a function of api.js, and the address that stands in its call.
ASKED = re.compile(r"""(?<![.\w])(get|post|put|remove|address)\(\s*(?:"([^"]+)"|`([^`]+)`)""")
METHODS = {"get": "get", "address": "get", "post": "post", "put": "put", "remove": "delete"}


def test_the_page_asks_for_nothing_that_the_service_does_not_have(service: TestClient) -> None:
    routes = service.app.openapi()["paths"]  # type: ignore[attr-defined]
    asked = [
        (METHODS[function], plain or filled)
        for path in PAGE.rglob("*.js")
        if path.parent.name != "vendor"
        for function, plain, filled in ASKED.findall(path.read_text(encoding="utf-8"))
    ]
    assert len(asked) > 20
    unknown = [one for one in asked if not any(_leads(*one, path, about) for path, about in routes.items())]
    assert unknown == []


def _leads(method: str, address: str, path: str, about: dict[str, Any]) -> bool:
    """Whether an address, in which ``${...}`` stands for anything, is that of a route."""
    if method not in about:
        return False
    allowed = {one["name"]: one["schema"].get("enum") for one in about[method].get("parameters", ())}
    wanted = re.sub(r"\$\{[^}]*\}", "*", address).split("?")[0].split("/")
    there = path.removeprefix("/api/v1/").split("/")
    if len(wanted) != len(there):
        return False
    for want, have in zip(wanted, there, strict=True):
        if have.startswith("{"):
            choices = allowed[have.strip("{}")]
            if want != "*" and choices and want not in choices:
                return False
        elif want not in ("*", have):
            return False
    return True
