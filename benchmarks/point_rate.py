"""Milliseconds a point over TCP: this program, bare PyVISA and PyMeasure, against the instruments' own time.

    python benchmarks/point_rate.py [--points N] [--repeats N]

The simulated instruments are served on TCP by a process of their own, once in real time (NPLC 1, auto-zero on, voltage
and current sensed) and once with zero integration time, where only software costs. The candidates take turns; medians,
spread and ratios are printed. All clients switch TCP_NODELAY on, which PyVISA-py's sockets
do not do by themselves: without it a write that follows a write waits some 40 ms for an acknowledgement.

    this program     a whole recorded run: limits, decoding, photometry with uncertainties, record on the disk
    one by one       bare PyVISA, one meter after the other, nothing recorded
    overlapped       bare PyVISA, both meters started before either is read, nothing recorded
    PyMeasure        a Procedure in a Worker, results to a CSV file, one meter after the other
    hardware-timed   this program with the trigger-link cable: programming, the sweep, reading both buffers, records;
                     and where the time goes beyond that of the instruments
"""

from __future__ import annotations

import argparse
import contextlib
import json
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import pyvisa
from common import our_time_per_point, spread, write_bench, write_sweep

from acquire import session
from acquire.bench.bench import BenchInRun
from drivers.keithley2000.driver import Keithley2000
from drivers.keithley2400.driver import Keithley2400
from drivers.sockets import send_at_once

warnings.filterwarnings("ignore", category=FutureWarning)  # PyMeasure's own Keithley 2000 warns of itself

SET_UP = (
    "*RST", ":SENS:FUNC 'VOLT','CURR'", ":SENS:CURR:PROT 0.1", ":SENS:CURR:RANG 0.1", ":SOUR:VOLT:RANG 20",
    ":SENS:CURR:NPLC 1", ":OUTP ON",
)  # fmt: skip
SET_UP_METER = ("*RST", ":INIT:CONT OFF", ":VOLT:DC:RANG 10", ":VOLT:DC:NPLC 1", ":TRIG:DEL 0")


@contextlib.contextmanager
def served(bench: Path, folder: Path) -> Iterator[tuple[dict[str, str], Path]]:
    """Twins on TCP in a process of their own: resource names by role, and a bench file on these ports."""
    on_ports = folder / f"{bench.stem}_ports.yaml"
    command = [sys.executable, "-m", "acquire", "simulate", "--bench", str(bench), "--no-pty", "--json"]
    command += ["--sweep", str(write_sweep(folder / "device.yaml", bench, 2)), "--write-bench", str(on_ports)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            ports = [json.loads(process.stdout.readline()) for _ in range(3)]
            yield {port["role"]: port["tcp"] for port in ports}, on_ports
        finally:
            process.terminate()


@contextlib.contextmanager
def bare(ports: dict[str, str]) -> Iterator[tuple[pyvisa.resources.MessageBasedResource, ...]]:
    """Both meters over PyVISA-py, set up, the output on."""
    manager = pyvisa.ResourceManager("@py")
    smu, meter = (
        manager.open_resource(ports[role], read_termination="\n", write_termination="\n", timeout=10_000)
        for role in ("smu", "photodiode_meter")
    )
    send_at_once(smu)
    send_at_once(meter)
    for message in SET_UP:
        smu.write(message)
    for message in SET_UP_METER:
        meter.write(message)
    try:
        yield smu, meter
    finally:
        smu.write(":SOUR:VOLT 0;:OUTP OFF")
        smu.query("*OPC?")
        manager.close()


def one_by_one(ports: dict[str, str], points: int) -> float:
    """Seconds a point of a bare loop that waits for one meter, then for the other."""
    with bare(ports) as (smu, meter):
        start = time.perf_counter()
        for point in range(points):
            smu.query(f":SOUR:VOLT {7.0 * point / (points - 1):.4f};:READ?")
            meter.query(":READ?")
        return (time.perf_counter() - start) / points


def overlapped(ports: dict[str, str], points: int) -> float:
    """Seconds a point of a bare loop that starts both meters before it reads either."""
    with bare(ports) as (smu, meter):
        start = time.perf_counter()
        for point in range(points):
            smu.write(f":SOUR:VOLT {7.0 * point / (points - 1):.4f};:READ?")
            meter.write(":READ?")
            smu.read()
            meter.read()
        return (time.perf_counter() - start) / points


def pymeasure_worker(ports: dict[str, str], points: int, folder: Path) -> float:
    """Seconds a point of a PyMeasure Procedure run by a Worker, results to a CSV file."""
    from pymeasure.experiment import FloatParameter, Procedure, Results, Worker
    from pymeasure.instruments.keithley import Keithley2000, Keithley2400

    elapsed: list[float] = []

    class Sweep(Procedure):  # type: ignore[misc]
        top = FloatParameter("Top", units="V", default=7.0)
        DATA_COLUMNS = ["Voltage (V)", "Current (A)", "Photodiode (V)"]  # noqa: RUF012 PyMeasure's own way

        def execute(self) -> None:
            settings = {"visa_library": "@py", "read_termination": "\n", "write_termination": "\n", "timeout": 10_000}
            smu, meter = Keithley2400(ports["smu"], **settings), Keithley2000(ports["photodiode_meter"], **settings)
            send_at_once(smu.adapter.connection)
            send_at_once(meter.adapter.connection)
            for message in SET_UP:
                smu.write(message)
            for message in SET_UP_METER:
                meter.write(message)
            start = time.perf_counter()
            for point in range(points):
                smu.source_voltage = self.top * point / (points - 1)
                voltage, current, *_ = smu.values(":READ?")
                (light,) = meter.values(":READ?")
                self.emit("results", dict(zip(self.DATA_COLUMNS, (voltage, current, light), strict=True)))
            elapsed.append(time.perf_counter() - start)
            smu.write(":SOUR:VOLT 0;:OUTP OFF")
            smu.ask("*OPC?")
            smu.adapter.close()
            meter.adapter.close()

    worker = Worker(Results(Sweep(), str(folder / f"pymeasure_{time.time_ns()}.csv")))
    worker.start()
    worker.join(timeout=600)
    return elapsed[0] / points


#: What a burst consists of, in its order: calls of a driver, and what they are for.
PARTS = {
    "program the meter": (Keithley2000, "arm_buffer"),
    "program the source": (Keithley2400, "program_sweep"),
    "read the source": (Keithley2400, "read_sweep"),
    "read the meter": (Keithley2000, "read_buffer"),
}


class WholeRun:
    """Hardware-timed runs: how long a point takes, and the parts of it, s a point."""

    def __init__(self) -> None:
        self.parts: dict[str, list[float]] = {}

    def per_point(self, sweep: Path, output: Path) -> float:
        """Seconds a point, from the first programming message to the last reading."""
        moments: list[float] = []
        spent: dict[str, float] = {}
        with contextlib.ExitStack() as stack:
            stack.enter_context(_wrapped(BenchInRun, "run_burst", lambda _, start, stop: moments.extend((start, stop))))
            for name, (driver, method) in PARTS.items():

                def note(_: object, start: float, stop: float, name: str = name) -> None:
                    spent[name] = spent.get(name, 0.0) + stop - start

                stack.enter_context(_wrapped(driver, method, note))
            result = session.run(session.prepare(sweep), output, lambda _event: None, session.StopRequest())
        if result.error or result.run is None:
            raise SystemExit(f"the run failed: {result.error}")
        points = len(result.run.records)
        stamps = [record.reading.source_time for record in result.run.records]
        spent["the sweep itself"] = (stamps[-1] - stamps[0]) / (points - 1) * points  # by the source's own clock
        whole = moments[-1] - moments[0]
        spent["start, see the end, between bursts"] = whole - sum(spent.values())
        for name, seconds in spent.items():
            self.parts.setdefault(name, []).append(seconds / points)
        return whole / points


@contextlib.contextmanager
def _wrapped(owner: type, method: str, note: Callable[[object, float, float], None]) -> Iterator[None]:
    """Have ``note`` called with the moments at which each call of a method began and ended."""
    original = getattr(owner, method)

    def timed(self, *arguments, **options):  # type: ignore[no-untyped-def]
        start = time.perf_counter()
        try:
            return original(self, *arguments, **options)
        finally:
            note(self, start, time.perf_counter())

    setattr(owner, method, timed)
    try:
        yield
    finally:
        setattr(owner, method, original)


def take_turns(candidates: dict[str, Callable[[], float]], repeats: int) -> dict[str, list[float]]:
    """Each candidate once, then each again."""
    times: dict[str, list[float]] = {name: [] for name in candidates}
    for _ in range(repeats):
        for name, candidate in candidates.items():
            times[name].append(candidate())
    return times


def report(title: str, times: dict[str, list[float]], own: float) -> None:
    """A line a candidate; the ratio is to the instruments' own time, or to this program where that is zero."""
    reference = own or statistics.median(times["this program"])
    print(f"\n{title}")
    if own:
        print(f"  {'instruments themselves':24}{own * 1e3:8.3f} ms")
    for name, values in times.items():
        print(f"  {name:24}{spread(values)}   {statistics.median(values) / reference:.3f}")


def compare(folder: Path, *, instant: bool, points: int, repeats: int) -> None:
    """Stepped sweeps of all candidates on one set of served twins."""
    bench = write_bench(folder / f"{'instant' if instant else 'real'}.yaml", instant=instant)
    with served(bench, folder) as (ports, on_ports):
        sweep = write_sweep(folder / "ours.yaml", on_ports, points)
        own = 0.0 if instant else session.prepare(sweep).plan.time_per_point
        times = take_turns(
            {
                "this program": lambda: our_time_per_point(sweep, folder / "runs"),
                "one by one": lambda: one_by_one(ports, points),
                "overlapped": lambda: overlapped(ports, points),
                "PyMeasure": lambda: pymeasure_worker(ports, points, folder),
            },
            repeats,
        )
    report("zero integration time" if instant else "NPLC 1, auto-zero on, V and I sensed", times, own)


def hardware_timed(folder: Path, *, nplc: float, points: int, repeats: int) -> None:
    """Sweeps that the instruments run themselves."""
    bench = write_bench(folder / "linked.yaml", instant=False, trigger_link=True)
    with served(bench, folder) as (_, on_ports):
        sweep = write_sweep(folder / "linked_sweep.yaml", on_ports, points, nplc=nplc, timing="hardware")
        own = session.prepare(sweep).plan.time_per_point
        run = WholeRun()
        times = take_turns({"hardware-timed": lambda: run.per_point(sweep, folder / "runs")}, repeats)
    report(f"trigger link, NPLC {nplc:g}", times, own)
    for name, values in run.parts.items():
        print(f"    {name:36}{spread(values)}   {statistics.median(values) / own:+.4f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--points", type=int, default=1000, help="of a sweep with zero integration time")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--hardware-timed", action="store_true", help="only what the instruments run themselves")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if not arguments.hardware_timed:
            compare(folder, instant=True, points=arguments.points, repeats=arguments.repeats)
            compare(folder, instant=False, points=40, repeats=3)
        for nplc in (0.01, 0.1):
            hardware_timed(folder, nplc=nplc, points=500, repeats=3)


if __name__ == "__main__":
    main()
