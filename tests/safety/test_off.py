"""``acquire off``: the source is made safe by whoever asks, over real ports, and nothing is called safe that is not."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from acquire.bench import simulated as simulation
from acquire.bench import survey
from acquire.bench.simulated import bench_options
from acquire.config import load_bench
from acquire.safety import lock as locks
from acquire.safety import off_first
from drivers.simulated.serve import BenchServer, serving
from tests.conftest import CONFIGS
from tests.support.command import acquire

SIMULATED = CONFIGS / "benches" / "simulated.yaml"


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[BenchServer, Path]]:
    """The shipped bench on TCP ports, its source at 3 V with the output on; and its bench file."""
    with serving(bench_options(load_bench(SIMULATED), None), terminals=False) as server:
        ports = {port.role: port.tcp for port in server.ports}
        path = tmp_path / "served.yaml"
        path.write_text(simulation.bench_file_on_ports(SIMULATED, ports), encoding="utf-8")
        _, host, port, _ = ports["smu"].split("::")
        with socket.create_connection((host, int(port))) as wire:
            wire.sendall(b":SOUR:VOLT 3;:OUTP ON;:SOUR:VOLT?;:OUTP?\n")
            assert wire.recv(100) == b"3.000000E+00;1\n"
            yield server, path


def output_of(path: Path) -> tuple[float, str]:
    """Level (V) and state of the output, asked over a connection of one's own."""
    _, host, port, _ = load_bench(path).instruments.smu.resource.split("::")
    with socket.create_connection((host, int(port))) as wire:
        wire.sendall(b":SOUR:VOLT?;:OUTP?\n")
        level, _, state = wire.makefile("rb").readline().decode().strip().partition(";")
    return float(level), state


def test_a_source_that_was_left_on_is_switched_off_and_asked(served: tuple[BenchServer, Path]) -> None:
    _, path = served
    said = acquire("off", "--bench", path)
    assert (said.status, said.messages) == (0, b"")
    (line,) = said.text.splitlines()
    assert line.startswith(load_bench(path).instruments.smu.resource)
    assert "off" in line
    assert output_of(path) == (0.0, "0")


def test_a_run_that_holds_the_source_keeps_nobody_from_switching_it_off(served: tuple[BenchServer, Path]) -> None:
    _, path = served
    resource = load_bench(path).instruments.smu.resource
    with locks.instruments_locked([resource], "bench", "runs/x.h5"):
        said = acquire("off", "--bench", path)
    assert said.status == 0
    assert "runs/x.h5" in said.text
    assert output_of(path) == (0.0, "0")


def test_a_source_that_cannot_be_reached_may_be_on(
    tmp_path: Path, served: tuple[BenchServer, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(off_first, "PATIENCE", 0.1)
    _, path = served
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        free = nobody.getsockname()[1]
    gone = tmp_path / "gone.yaml"
    text = path.read_text(encoding="utf-8")
    gone.write_text(text.replace(load_bench(path).instruments.smu.resource, f"TCPIP0::127.0.0.1::{free}::SOCKET"))
    said = acquire("off", "--bench", gone)
    assert (said.status, said.output) == (1, b"")
    assert f"TCPIP0::127.0.0.1::{free}::SOCKET: THE OUTPUT MAY STILL BE ON; press OUTPUT" in said.text
    assert "cannot be opened" in said.text


@pytest.mark.parametrize(
    ("problem", "status"), [(KeyboardInterrupt(), 130), (MemoryError(), 1), (RuntimeError("x"), 1)]
)
def test_whatever_goes_wrong_the_output_may_be_on(
    problem: BaseException, status: int, served: tuple[BenchServer, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: Any, **__: Any) -> None:
        raise problem

    monkeypatch.setattr(off_first, "make_safe_until_confirmed", fails)
    said = acquire("off", "--bench", served[1])
    assert said.status == status
    assert "THE OUTPUT MAY STILL BE ON" in said.text


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_nothing_cuts_switching_off_short(
    name: str, served: tuple[BenchServer, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    really = off_first.make_safe_until_confirmed

    def after_a_signal(*arguments: Any) -> None:
        for _ in range(2):
            os.kill(os.getpid(), signal.Signals[name])
        really(*arguments)

    monkeypatch.setattr(off_first, "make_safe_until_confirmed", after_a_signal)
    assert acquire("off", "--bench", served[1]).status == 0
    assert output_of(served[1]) == (0.0, "0")


def test_a_simulated_bench_has_nothing_to_switch_off() -> None:
    said = acquire("off", "--bench", SIMULATED)
    assert said.status == 0
    assert "simulated" in said.text


def test_a_wrong_bench_file_sends_nothing_and_says_so(bench_file: Callable[..., Path]) -> None:
    said = acquire("off", "--bench", bench_file({"kind: bench": "kind: bensch"}))
    assert (said.status, said.output) == (2, b"")
    assert "nothing was sent" in said.text


def test_without_a_bench_every_source_in_sight_is_switched_off(
    served: tuple[BenchServer, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    server, path = served
    monkeypatch.setattr(survey, "list_resources", lambda _: tuple(port.tcp for port in server.ports))
    said = acquire("off")
    assert said.status == 0
    assert "no bench file is named" in said.text
    assert said.output.decode().startswith(load_bench(path).instruments.smu.resource)
    assert output_of(path) == (0.0, "0")


def test_without_a_bench_a_source_in_use_is_named_and_not_called_safe(
    served: tuple[BenchServer, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    server, path = served
    monkeypatch.setattr(survey, "list_resources", lambda _: tuple(port.tcp for port in server.ports))
    with locks.instruments_locked([load_bench(path).instruments.smu.resource], "bench", "runs/x.h5"):
        said = acquire("off")
    assert (said.status, said.output) == (1, b"")
    assert "runs/x.h5" in said.text
    assert "acquire off --bench" in said.text


def test_without_a_bench_and_without_a_source_nothing_is_called_safe(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(survey, "list_resources", lambda _: ())
    said = acquire("off")
    assert (said.status, said.output) == (1, b"")
    assert "none was switched off" in said.text
