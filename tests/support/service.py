"""A service as a process of its own, a simulated bench in real time behind it, and a page that reads its stream."""

from __future__ import annotations

import http.client
import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from acquire.bench import simulated as simulation
from acquire.service.tokens import Role, Tokens
from drivers.simulated.serve import BenchServer, serving
from tests.conftest import CONFIGS
from tests.support.stream_reader import PageData

PATIENCE = 90.0  # s for a service to begin: computers are busy
SWEEP = """kind: sweep
title: in real time
bench: ../benches/ports.yaml
sample: {{name: resistor, emissive_area: 14 mm^2, simulated_as: {configs}/devices/resistor_1k.yaml}}
source: {{function: voltage, start: 0 V, stop: 5 V, points: {points}, compliance: 10 mA}}
measure: {{settle: {settle}, nplc: {nplc}, photodiode_nplc: {nplc}, current_range: 10 mA, photodiode_range: 10 V}}
dark: {{readings: 2, after: false}}
"""


@contextmanager
def bench_in_real_time(recipes: Path) -> Iterator[BenchServer]:
    """A simulated bench behind TCP ports, and its file among the recipes."""
    (recipes / "sweeps").mkdir(parents=True)
    (recipes / "benches").mkdir()
    shipped = CONFIGS / "benches" / "simulated.yaml"
    own = recipes / "benches" / "own.yaml"
    own.write_text(shipped.read_text("utf-8").replace("../", f"{CONFIGS.as_posix()}/"), "utf-8")
    sweep = recipes / "sweeps" / "device.yaml"
    text = SWEEP.format(configs=CONFIGS.as_posix(), points=2, settle="1 ms", nplc=0.01)
    sweep.write_text(text.replace("ports.yaml", "own.yaml"), "utf-8")
    _, options = simulation.simulated_bench_of_files(own, sweep)
    with serving(options, terminals=False) as server:
        ports = {port.role: port.tcp for port in server.ports}
        (recipes / "benches" / "ports.yaml").write_text(simulation.bench_file_on_ports(own, ports), "utf-8")
        yield server


def sweep_in_real_time(recipes: Path, points: int, settle: str = "5 ms", nplc: float = 0.01) -> str:
    """A sweep on that bench, and its name among the recipes."""
    text = SWEEP.format(configs=CONFIGS.as_posix(), points=points, settle=settle, nplc=nplc)
    (recipes / "sweeps" / "real.yaml").write_text(text, "utf-8")
    return "sweeps/real.yaml"


class ServiceProcess:
    """``acquire serve`` on a free port, with folders of its own; can be killed and started again."""

    def __init__(self, folder: Path, recipes: Path) -> None:
        self.folder, self.recipes, self.runs = folder, recipes, folder / "runs"
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = int(free.getsockname()[1])
        data = folder / "data"
        data.mkdir(parents=True, exist_ok=True)
        self.token = Tokens(data).begin().get(Role.OPERATOR, "") or Tokens(data).renew(Role.OPERATOR)
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and wait until it answers."""
        places = [f"--{name}={self.folder / name}" for name in ("data", "runs")]
        with (self.folder / "service.log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "acquire", "serve", f"--port={self.port}", *places, f"--recipes={self.recipes}"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until and self.process.poll() is None:
            with suppress(OSError, http.client.HTTPException):
                if self.get("status", patience=5.0):
                    return
            time.sleep(0.1)
        raise AssertionError((self.folder / "service.log").read_text("utf-8"))

    def kill(self) -> None:
        """End it without a word."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def stop(self) -> None:
        """Ask it to end, and wait for that."""
        assert self.process is not None
        self.process.terminate()
        self.process.wait(PATIENCE)

    def connection(self, patience: float = 60.0) -> http.client.HTTPConnection:
        """A connection to it."""
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=patience)

    @property
    def headers(self) -> dict[str, str]:
        """What a program sends with each request."""
        return {"authorization": f"Bearer {self.token}", "content-type": "application/json"}

    def asked(self, method: str, path: str, body: Any = None, patience: float = 60.0) -> tuple[int, Any]:
        """Status and content of an answer."""
        connection = self.connection(patience)
        try:
            text = None if body is None else json.dumps(body)
            connection.request(method, f"/api/v1/{path}", text, self.headers)
            answer = connection.getresponse()
            content = answer.read()
            return answer.status, json.loads(content) if content else None
        finally:
            connection.close()

    def get(self, path: str, patience: float = 60.0) -> Any:
        """The content of a good answer."""
        status, content = self.asked("GET", path, patience=patience)
        assert status == 200, content
        return content

    def post(self, path: str, body: Any = None) -> Any:
        """The content of a good answer."""
        status, content = self.asked("POST", path, body if body is not None else {})
        assert status < 300, content
        return content

    def started(self, recipe: str) -> str:
        """The number of a run of a recipe that was started and has its file."""
        run_id = self.post("runs", {"recipe": recipe})["run_id"]
        assert run_id, "the run took too long to begin"
        return str(run_id)


class Page:
    """A page: reads the stream, comes back with its cursor, and is cut off now and then."""

    def __init__(self, service: ServiceProcess, cut_off_after: Callable[[], float] = lambda: 1e9) -> None:
        self.data = PageData()
        self.cuts = 0
        self.problem: BaseException | None = None
        self._service, self._cut_off_after = service, cut_off_after
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._read, daemon=True)

    @contextmanager
    def open(self) -> Iterator[Page]:
        """Inside, it reads."""
        self._thread.start()
        try:
            yield self
        finally:
            self._over.set()
            self._thread.join(30.0)
        if self.problem is not None:
            raise self.problem

    def _read(self) -> None:
        try:
            while not self._over.is_set():
                try:
                    self._read_once()
                except (OSError, http.client.HTTPException):
                    self._over.wait(0.1)
        except BaseException as problem:
            self.problem = problem

    def _read_once(self) -> None:
        connection = self._service.connection(5.0)
        try:
            headers = {**self._service.headers, "last-event-id": self.data.cursor}
            connection.request("GET", "/api/v1/events", headers=headers)
            answer = connection.getresponse()
            if answer.status != 200:
                raise OSError(answer.status)
            self.cuts += 1
            until, event = time.monotonic() + self._cut_off_after(), b""
            while time.monotonic() < until and not self._over.is_set():
                if not (line := answer.readline()):
                    return
                event += line
                if line == b"\n":
                    self.data.take(event)
                    event = b""
        finally:
            connection.close()

    def wait_for_rows(self, run_id: str, table: str, rows: int, patience: float) -> None:
        """Wait until it has got so many rows of a table."""
        until = time.monotonic() + patience
        while len(self.data.rows.get((run_id, table), ())) < rows and time.monotonic() < until and not self.problem:
            time.sleep(0.02)
        assert self.problem is not None or len(self.data.rows.get((run_id, table), ())) >= rows, "no rows came"

    def wait_for_end(self, run_id: str, patience: float) -> None:
        """Wait until it was told that a run is over."""
        self._cut_off_after = lambda: 1e9
        until = time.monotonic() + patience
        while (
            run_id not in self.data.ends
            and run_id not in self.data.gone
            and time.monotonic() < until
            and self.problem is None
        ):
            time.sleep(0.05)
        assert self.problem is not None or run_id in self.data.ends, "nothing was told of the end"
