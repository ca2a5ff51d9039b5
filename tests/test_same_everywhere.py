"""The same sweep everywhere: stepped or by trigger link, in process or through ports, it finds the same device."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from acquire import session
from acquire.bench import simulated as simulation
from acquire.evaluation.figure import Figure
from acquire.records import PointFlag
from acquire.run_file.read import Run
from acquire.safety.interruption import StopRequest
from acquire.session import RunResult
from drivers.simulated.serve import BenchServer, Watch, serving
from tests.conftest import run_sweep_file
from tests.support.short_sweeps import POINTS, linked_bench, short_sweep

FIGURES = (
    "turn_on_voltage",
    "luminance_max",
    "current_efficiency_max",
    "power_efficiency_max",
    "external_quantum_efficiency_max",
)
TIMEOUT = 20.0  # s, of every wait in here; nothing comes near it unless it is broken
#: The source runs a burst, and the host waits for its end.
BURST_RUNS = re.compile(rb":INIT[\r\n]+\*OPC\?")

with_terminals = pytest.mark.skipif(not hasattr(os, "openpty"), reason="no pseudo-terminals here")
LINKS = ["tcp", pytest.param("pty", marks=with_terminals)]

Write = Callable[..., Path]
Serve = Callable[..., BenchServer]


@pytest.fixture(scope="module")
def stepped(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The short sweep, stepped and in process: what all the others are compared with."""
    folder = tmp_path_factory.mktemp("stepped")
    return finished(run_sweep_file(short_sweep(linked_bench(folder), "stepped"), folder / "runs"))


@pytest.fixture
def on_ports(tmp_path: Path) -> Path:
    """The bench file for clients of what :func:`serve` serves."""
    return tmp_path / "on_ports.yaml"


@pytest.fixture
def serve(on_ports: Path) -> Iterator[Serve]:
    """Serve a sweep's bench until the end of the test."""
    with ExitStack() as servers:

        def start(sweep: Path, link: str, bench: Path | None = None, watch: Watch | None = None) -> BenchServer:
            path, options = simulation.simulated_bench_of_files(bench, sweep)
            server = servers.enter_context(serving(options, terminals=link == "pty", watch=watch))
            resources = {port.role: port.tcp if link == "tcp" else str(port.serial) for port in server.ports}
            on_ports.write_text(simulation.bench_file_on_ports(path, resources), encoding="utf-8")
            return server

        yield start


def finished(result: RunResult) -> Run:
    assert not result.error
    assert result.run is not None
    return result.run


def check_same(found: Mapping[str, Figure], expected: Mapping[str, Figure], names: Iterable[str]) -> None:
    for name in names:
        assert found[name].status == expected[name].status, name
        assert found[name].value == pytest.approx(expected[name].value, rel=1e-6, nan_ok=True), name


def measured(run: Run) -> list[tuple[float, float, float]]:
    """Voltage [V], current [A] and photodiode signal [V] of each point."""
    readings = [record.reading for record in run.records]
    return [(reading.voltage, reading.current, reading.photodiode_signal) for reading in readings]


def watch_for_burst(then: Callable[[], object]) -> Watch:
    """Call ``then``, in the server's thread, once a burst runs."""
    heard = bytearray()

    def watch(_time: float, role: str, from_host: bool, data: bytes) -> None:
        if role == "smu" and from_host:
            heard.extend(data)
            if BURST_RUNS.search(heard):
                heard.clear()
                then()

    return watch


def levels_with_output_on(server: BenchServer) -> list[float]:
    """Every level [V] that was on the terminals while the output was on, in order; the output is off by now."""
    twin: Any = server.twins["smu"]
    assert not twin.output_log[-1].output_on
    return [change.level for change in twin.output_log if change.output_on]


def idle_answer(server: BenchServer) -> bytes:
    """What the source answers to another client's ``*OPC?``, once no burst runs."""
    host, port = server.ports[0].tcp.split("::")[1:3]
    with socket.create_connection((host, int(port)), TIMEOUT) as client, client.makefile("rb") as lines:
        client.sendall(b"*OPC?\n")
        return lines.readline()


def check_sweep(run: Run, expected: Run) -> None:
    assert run.status == "completed"
    assert len(run.records) == POINTS
    check_same(run.figures, expected.figures, FIGURES)


def test_the_figures_of_merit_are_those_of_the_device(stepped: Run) -> None:
    statuses = {stepped.figures[name].status for name in FIGURES}
    assert statuses == {"assumed_spectrum"}, "it takes no spectra"
    assert stepped.figures["turn_on_voltage"].value == pytest.approx(4.0, abs=0.05)


def test_the_same_by_trigger_link(tmp_path: Path, stepped: Run) -> None:
    check_sweep(finished(run_sweep_file(short_sweep(linked_bench(tmp_path), "hardware"), tmp_path / "runs")), stepped)


@pytest.mark.slow  # a whole sweep in real time
@pytest.mark.parametrize("link", LINKS)
@pytest.mark.parametrize("timing", ["stepped", "hardware"])
def test_the_same_through_ports(
    timing: str, link: str, tmp_path: Path, serve: Serve, on_ports: Path, stepped: Run
) -> None:
    sweep = short_sweep(linked_bench(tmp_path), timing)
    serve(sweep, link)
    check_sweep(finished(run_sweep_file(sweep, tmp_path / "runs", on_ports)), stepped)


@pytest.mark.slow  # a whole sweep in real time
@pytest.mark.parametrize("link", LINKS)
def test_the_same_with_spectra(
    link: str, tmp_path: Path, sweep_file: Write, bench_file: Write, serve: Serve, on_ports: Path
) -> None:
    levels = {"start: 0 V": "start: 4 V", "stop: 8 V": "stop: 7 V", "step: 0.1 V": "step: 0.5 V"}
    readings = {"settle: 50 ms": "settle: 5 ms", "nplc: 1": "nplc: 0.01", "\nstop:": "\ndark: {readings: 2}\nstop:"}
    spectra = {"[10 cd/m^2, 30 cd/m^2, ": "[", "300 cd/m^2, ": "", ", 3000 cd/m^2, 10000 cd/m^2]": "]"}
    sweep = sweep_file("table2_sppo13_liq.yaml", levels | readings | spectra)
    # the meters take the time they take, a spectrum takes none
    bench = bench_file({"noise: true": "noise: false\n  options: {spectroradiometer: {instant: true}}"})
    here = finished(run_sweep_file(sweep, tmp_path / "runs", bench))
    serve(sweep, link, bench)
    there = finished(run_sweep_file(sweep, tmp_path / "runs", on_ports))
    assert len(there.records) == len(here.records) == 7
    assert [s.point_index for s in there.spectra] == [s.point_index for s in here.spectra] == [3, 4]
    check_same(there.figures, here.figures, here.figures)
    assert here.figures["external_quantum_efficiency_max"].status == "ok"


def test_without_any_integration_time_every_meter_still_sees_the_new_level(
    tmp_path: Path, serve: Serve, on_ports: Path
) -> None:
    sweep = short_sweep(linked_bench(tmp_path, instant=True), "stepped", points=91)
    here = finished(run_sweep_file(sweep, tmp_path / "runs"))
    serve(sweep, "tcp")
    there = finished(run_sweep_file(sweep, tmp_path / "runs", on_ports))
    assert measured(there) == measured(here)


@with_terminals
def test_a_long_buffer_arrives_whole_over_a_serial_line(tmp_path: Path, serve: Serve, on_ports: Path) -> None:
    """250 points are one burst; its 17 kB are four times what a pseudo-terminal holds."""
    lengths = []

    def watch(_time: float, _role: str, from_host: bool, data: bytes) -> None:
        if not from_host:
            lengths.append(len(data))

    sweep = short_sweep(linked_bench(tmp_path, instant=True), "hardware", points=250)
    here = finished(run_sweep_file(sweep, tmp_path / "runs"))
    serve(sweep, "pty", watch=watch)
    there = finished(run_sweep_file(sweep, tmp_path / "runs", on_ports))
    assert max(lengths) > 15_000
    assert len(there.records) == 250
    assert measured(there) == measured(here)


@with_terminals
def test_a_stop_in_a_burst_over_a_serial_line_keeps_what_was_read(
    tmp_path: Path, serve: Serve, on_ports: Path, stepped: Run
) -> None:
    stop = StopRequest()
    sweep = short_sweep(linked_bench(tmp_path), "hardware", nplc=1)
    server = serve(
        sweep, "pty", watch=watch_for_burst(lambda: server.clock.call_after(0.4, lambda: stop.ask("Ctrl-C")))
    )
    result = session.run(session.prepare(sweep, on_ports), tmp_path / "runs", lambda event: None, stop)
    run = finished(result)
    assert result.interrupted
    assert run.status == "stopped"
    assert 2 < len(run.records) < POINTS
    assert measured(run) == measured(stepped)[: len(run.records)]
    levels = levels_with_output_on(server)
    assert levels[levels.index(max(levels)) + 1 :] == [0.0], "in a sweep from memory the level is not known"


def test_compliance_in_a_burst_is_what_it_is_in_process(tmp_path: Path, serve: Serve, on_ports: Path) -> None:
    sweep = short_sweep(linked_bench(tmp_path), "hardware", compliance="5 mA", current_range="10 mA")
    here = finished(run_sweep_file(sweep, tmp_path / "runs"))
    server = serve(sweep, "tcp")
    there = finished(run_sweep_file(sweep, tmp_path / "runs", on_ports))
    assert there.status == "stopped"
    assert "compliance" in there.stop_reason
    assert there.stop_reason == here.stop_reason
    limited = [record for record in there.records if record.flags & PointFlag.COMPLIANCE]
    assert 0 < len(limited) < POINTS
    assert all(record.reading.current == pytest.approx(5e-3, rel=1e-3) for record in limited)
    assert [record.flags for record in there.records] == [record.flags for record in here.records]
    assert measured(there) == measured(here)
    assert max(levels_with_output_on(server)) == 7.2, "the burst is run to its end"


@pytest.mark.slow  # starts a process, and measures a sweep in real time
def test_a_client_that_vanishes_in_the_middle_of_a_burst_does_not_disturb_the_next(
    tmp_path: Path, serve: Serve, on_ports: Path, stepped: Run
) -> None:
    bench = linked_bench(tmp_path)
    slow, quick = short_sweep(bench, "hardware", nplc=1), short_sweep(bench, "hardware")
    burst_runs = threading.Event()
    server = serve(slow, "tcp", watch=watch_for_burst(burst_runs.set))
    command = [sys.executable, "-m", "acquire", "run", str(slow), "--bench", str(on_ports)]
    pipes = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE}
    with subprocess.Popen([*command, "--output", str(tmp_path / "runs")], **pipes) as client:
        begun = burst_runs.wait(TIMEOUT)
        client.kill()
        assert client.stderr is not None
        client.stderr.read()  # until the guardian has ended, too
    assert begun
    assert idle_answer(server) == b"1\n"
    assert max(levels_with_output_on(server)) < 7.2, "the burst ended with its client, not at its last level"
    there = finished(run_sweep_file(quick, tmp_path / "runs", on_ports))
    check_sweep(there, stepped)
    assert measured(there) == measured(stepped)
    levels_with_output_on(server)
