"""A service with simulated instruments in real time, and a browser to look at it: once for all tests of the page."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from acquire.run_file.read import read_run
from tests.conftest import CONFIGS, ROOT

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page, Response

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
LEFT_OUT = (
    "the tests of the page in a browser were left out: they need Chromium ('apt-get install chromium') and the extras "
    "page and test"
)
RECORDED = ("replay_spectra_and_back.h5", "20261128T080939_SPPO13-Liq_2acaeb90.h5")
PATIENCE = 60.0  # s until service and instruments are there, on a busy machine

#: Runs of other programs on this computer would stand on the page as well: here it sees its own only.
APART = """
from pathlib import Path
from acquire.safety import mailbox
mailbox.runs_folder = lambda: Path({folder!r})
"""

RECIPE = """
kind: sweep
title: {title}
bench: ../benches/live.yaml
sample:
  name: SPPO13
  emissive_area: 14 mm^2
  expected_line:
    peak: 520 nm
    fwhm: 20 nm
  simulated_as: ../devices/sppo13.yaml
source:
  function: voltage
  start: 0 V
  stop: 6 V
  step: {step}
  compliance: 100 mA
measure:
  settle: {settle}
  nplc: 0.1
  current_range: 100 mA
dark:
  readings: 3
  after: false
"""
SPECTRA = """
spectra:
  at_luminance: [100 cd/m^2]
"""
BATCH = """
kind: batch
title: two by hand
bench: ../benches/live.yaml
sweeps: ../sweeps/a_short.yaml
substrates:
  - name: B77
    area: 14 mm^2
    simulated_as: ../devices/sppo13.yaml
    pixels: [{name: A}, {name: B}]
"""


@dataclass(frozen=True)
class Rig:
    """A service that goes on: its address, tokens, folders and process."""

    address: str
    operator: str
    viewer: str
    folder: Path
    process: subprocess.Popen[bytes]


def acquire(*arguments: str | Path) -> list[str]:
    """A command of this program."""
    return [sys.executable, "-m", "acquire", *map(str, arguments)]


@pytest.fixture(scope="session")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    """Instruments, service and recipes."""
    folder = tmp_path_factory.mktemp("rig")
    shutil.copytree(CONFIGS, folder / "recipes")
    sweeps = folder / "recipes" / "sweeps"
    (sweeps / "a_slow.yaml").write_text(RECIPE.format(title="slow", step="20 mV", settle="100 ms"), "utf-8")
    (sweeps / "a_short.yaml").write_text(RECIPE.format(title="short", step="0.25 V", settle="5 ms") + SPECTRA, "utf-8")
    (folder / "recipes" / "batches" / "a_batch.yaml").write_text(BATCH, "utf-8")
    (folder / "site").mkdir()
    (folder / "site" / "sitecustomize.py").write_text(APART.format(folder=str(folder / "runs_now")), "utf-8")
    environment = dict(
        os.environ,
        PYTHONPATH=os.pathsep.join([str(folder / "site"), str(ROOT)]),
        XDG_STATE_HOME=str(folder / "state"),
        XDG_DATA_HOME=str(folder / "share"),
    )
    bench = folder / "recipes" / "benches" / "live.yaml"
    data = folder / "data"

    def begun(*arguments: str | Path) -> subprocess.Popen[bytes]:
        with (folder / f"{arguments[0]}.log").open("wb") as log:
            return subprocess.Popen(acquire(*arguments), cwd=folder, env=environment, stdout=log, stderr=log)

    def token(role: str) -> str:
        made = subprocess.run(
            acquire("token", role, "--data", data), cwd=ROOT, env=environment, capture_output=True, check=True
        )
        return made.stdout.decode().strip()

    instruments = begun("simulate", "--no-pty", "--sweep", sweeps / "table2_sppo13.yaml", "--write-bench", bench)
    tokens = [token("operator"), token("viewer")]
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    service = begun(
        "serve", "--port", str(port), "--data", data, "--runs", folder / "runs", "--recipes", folder / "recipes"
    )
    address = f"http://127.0.0.1:{port}"
    try:
        _wait_for(f"{address}/health", service)
        assert bench.is_file(), (folder / "simulate.log").read_text("utf-8")
        yield Rig(address, *tokens, folder, service)
    finally:
        for one in (service, instruments):
            one.terminate()
        for one in (service, instruments):
            one.wait(20)


@pytest.fixture(scope="session")
def recorded(rig: Rig) -> tuple[str, ...]:
    """The numbers of two runs that were finished long ago, with spectra, the newest first."""
    files = (ROOT / "tests" / "recordings" / name for name in RECORDED)
    (rig.folder / "runs").mkdir(exist_ok=True)
    return tuple(read_run(Path(shutil.copy(file, rig.folder / "runs"))).run_id for file in files)


def _wait_for(address: str, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + PATIENCE
    while True:
        try:
            with urllib.request.urlopen(address, timeout=5) as answer:
                json.load(answer)
                return
        except OSError:
            assert process.poll() is None, f"{address}: ended"
            assert time.monotonic() < until, f"{address} does not answer"
            time.sleep(0.1)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """A browser without a window."""
    if BROWSER is None or not all(map(find_spec, ("playwright", "fastapi", "uvicorn", "acquire.service.queue_routes"))):
        pytest.skip(LEFT_OUT)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def complaints() -> Iterator[list[str]]:
    """What browsers complained of in a test: nothing."""
    said: list[str] = []
    yield said
    assert not said


@dataclass(frozen=True)
class People:
    """Those who look at the page: each a browser of their own, logged in."""

    browser: Browser
    rig: Rig
    complaints: list[str]
    refused: list[str] = field(default_factory=list)  # ends of addresses of which a test expects that they are refused

    def enter(self, token: str, **context: Any) -> Page:
        """Somebody who logs in with a token."""
        page = self.watched(self.browser.new_context(**{"viewport": {"width": 1280, "height": 900}, **context}))
        page.goto(self.rig.address)
        page.get_by_label("Token").fill(token)
        page.keyboard.press("Enter")
        page.get_by_role("navigation").wait_for()
        return page

    def watched(self, context: BrowserContext) -> Page:
        """A new tab whose complaints are heard."""
        page = context.new_page()
        page.set_default_timeout(PATIENCE * 1000)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("console", lambda line: line.type == "error" and self._heard(line.text))
        page.on("response", lambda response: self._answered(response))
        return page

    def _heard(self, text: str) -> None:
        if not text.startswith("Failed to load resource"):  # that is told with its address below
            self.complaints.append(text)

    def _answered(self, response: Response) -> None:
        # that nobody is logged in yet, and that a recipe is wrong, is no complaint
        if response.status in (401, 422) or response.url.rsplit("/", 1)[-1] in self.refused:
            return
        if response.status >= 400:
            self.complaints.append(f"{response.status} {response.url}")


@pytest.fixture
def people(browser: Browser, rig: Rig, complaints: list[str]) -> Iterator[People]:
    """Browsers, closed after the test."""
    yield People(browser, rig, complaints)
    for context in browser.contexts:
        context.close()
