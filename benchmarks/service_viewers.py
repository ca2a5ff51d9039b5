"""What viewers cost a run: its time a point with 20 pages that follow it, and one that reads nothing, beside without.

    python -m benchmarks.service_viewers [--points N] [--pairs N]

Runs at NPLC 1 on a simulated bench behind TCP ports, in real time, started through the service; with and without
viewers by turns in one sitting. The viewers are a process of their own. Printed is the median time from point to point
by the run's own clock; with viewers it may be 1 % longer at most.
"""

from __future__ import annotations

import argparse
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from acquire.run_file.read import read_run
from tests.support.service import ServiceProcess, bench_in_real_time, sweep_in_real_time

VIEWERS = 20
MOST = 1.01


def view(port: int, token: str, viewers: int) -> None:
    """Follow the stream with so many connections, and one more that is never read, until the input ends."""
    for number in range(viewers + 1):
        connection = socket.create_connection(("127.0.0.1", port))
        request = f"GET /api/v1/events HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAuthorization: Bearer {token}\r\n\r\n"
        connection.sendall(request.encode())
        if number:  # the first one is not read
            threading.Thread(target=_read, args=(connection,), daemon=True).start()
        else:
            not_read = connection
    print("open", flush=True)
    sys.stdin.read()
    not_read.close()


def _read(connection: socket.socket) -> None:
    while connection.recv(1 << 16):
        pass


@contextmanager
def viewers(service: ServiceProcess, number: int) -> Iterator[None]:
    """So many viewers, and one that reads nothing."""
    command = [sys.executable, "-m", "benchmarks.service_viewers", "--view", str(service.port), service.token]
    process = subprocess.Popen([*command, str(number)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    try:
        yield
    finally:
        process.communicate()


def a_point(service: ServiceProcess, recipe: str) -> float:
    """The median time from point to point of a run, s."""
    run_id = service.started(recipe)
    while not service.get(f"runs/{run_id}")["finished"]:
        time.sleep(1.0)
    path = next(service.runs.glob(f"*_{run_id[:8]}.h5"))
    return float(np.median(np.diff(read_run(path).tables["jvl"]["time"])))


def compared(points: int, pairs: int, number: int = VIEWERS) -> tuple[list[float], list[float]]:
    """The times of runs without viewers and with them, s a point."""
    without, beside = list[float](), list[float]()
    with tempfile.TemporaryDirectory() as folder:
        recipes = Path(folder) / "recipes"
        with bench_in_real_time(recipes):
            recipe = sweep_in_real_time(recipes, points, settle="10 ms", nplc=1.0)
            service = ServiceProcess(Path(folder), recipes)
            service.start()
            for _ in range(pairs):
                without.append(a_point(service, recipe))
                with viewers(service, number):
                    beside.append(a_point(service, recipe))
            service.stop()
    return without, beside


def main() -> None:
    if sys.argv[1:2] == ["--view"]:
        return view(int(sys.argv[2]), sys.argv[3], int(sys.argv[4]))
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--points", type=int, default=150)
    parser.add_argument("--pairs", type=int, default=3)
    given = parser.parse_args()
    without, beside = compared(given.points, given.pairs)
    ratio = float(np.median(beside) / np.median(without))
    for name, times in (("without viewers", without), (f"with {VIEWERS} and one that reads nothing", beside)):
        print(f"{name:40} {' '.join(f'{1e3 * one:.2f}' for one in times)} ms a point")
    print(f"ratio of the medians {ratio:.4f} (at most {MOST})")
    if ratio > MOST:
        raise SystemExit(1)
    return None


if __name__ == "__main__":
    main()
