"""What viewers cost a run: its time a point with 20 pages that follow it, and one that reads nothing, beside without.

    python -m benchmarks.service_viewers [--pairs N] [--seconds S]

One run at NPLC 1 on a simulated bench behind TCP ports, in real time, started through the service. In it the viewers
come and go every few seconds, so that whatever else the computer does meets both alike; each stretch with them is held
against its neighbour without. They are a process of their own, which is there all the while. Printed are the ratios of
the median and of the mean time from point to point by the run's own clock, over all pairs, each with the standard
uncertainty that its spread gives. That of the medians may be 1 % above one at most.
"""

from __future__ import annotations

import argparse
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import numpy as np

from acquire.run_file.read import read_run
from tests.support.service import ServiceProcess, bench_in_real_time, sweep_in_real_time

VIEWERS = 20
MOST = 1.01
AT_ENDS = 5  # points of a stretch that are left out at its begin: the viewers have only just come, or gone
MOST_POINTS = 20_000


def view(port: int, token: str, viewers: int) -> None:
    """Follow the stream with so many connections, and one more that is never read, whenever the input says ``open``."""
    connections: list[socket.socket] = []
    for line in sys.stdin:
        for connection in connections:
            connection.close()
        connections = [_opened(port, token) for _ in range(viewers + 1)] if line.strip() == "open" else []
        for connection in connections[1:]:  # the first one is not read
            threading.Thread(target=_read, args=(connection,), daemon=True).start()
        print("done", flush=True)


def _opened(port: int, token: str) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", port))
    request = f"GET /api/v1/events HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAuthorization: Bearer {token}\r\n\r\n"
    connection.sendall(request.encode())
    return connection


def _read(connection: socket.socket) -> None:
    try:
        while connection.recv(1 << 16):
            pass
    except OSError:  # closed
        return


@contextmanager
def viewers(service: ServiceProcess, number: int) -> Iterator[Callable[[bool], None]]:
    """Lets so many viewers come, and one that reads nothing, or all of them go."""
    command = [sys.executable, "-m", "benchmarks.service_viewers", "--view", str(service.port), service.token]
    process = subprocess.Popen(
        [*command, str(number)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
    )
    assert process.stdin is not None
    assert process.stdout is not None

    def there(yes: bool) -> None:
        process.stdin.write("open\n" if yes else "close\n")
        process.stdout.readline()

    try:
        there(False)
        yield there
    finally:
        process.communicate()


def stretches(pairs: int, seconds: float, number: int = VIEWERS) -> list[tuple[bool, np.ndarray]]:
    """The times from point to point [s] of one run, stretch by stretch, and whether it had viewers."""
    with tempfile.TemporaryDirectory() as folder:
        recipes = Path(folder) / "recipes"
        with bench_in_real_time(recipes):
            recipe = sweep_in_real_time(recipes, MOST_POINTS, settle="10 ms", nplc=1.0)
            service = ServiceProcess(Path(folder), recipes)
            service.start()
            try:
                with viewers(service, number) as there:
                    run_id = service.started(recipe)
                    marks = []
                    for pair in range(pairs):
                        for watched in (False, True) if pair % 2 == 0 else (True, False):
                            there(watched)
                            begin = _rows(service, run_id)
                            time.sleep(seconds)
                            marks.append((watched, begin + AT_ENDS, _rows(service, run_id)))
                    service.post(f"runs/{run_id}/stop")
                    while not service.get(f"runs/{run_id}")["finished"]:
                        time.sleep(0.5)
                path = next(service.runs.glob(f"*_{run_id[:8]}.h5"))
                times = np.asarray(read_run(path).tables["jvl"]["time"])
            finally:
                service.stop()
    return [(watched, np.diff(times[begin:end])) for watched, begin, end in marks]


def _rows(service: ServiceProcess, run_id: str) -> int:
    return int(service.get(f"runs/{run_id}")["rows"]["jvl"])


def ratio(found: list[tuple[bool, np.ndarray]], of: Callable[[np.ndarray], float]) -> tuple[float, float]:
    """How much longer a point takes with viewers, over all pairs of neighbours, and the standard uncertainty of it."""
    logs = [
        (np.log(of(one[1])) - np.log(of(other[1]))) * (1.0 if one[0] else -1.0)
        for one, other in pairwise(found)
        if one[0] != other[0]
    ]
    return float(np.exp(np.mean(logs))), float(np.std(logs, ddof=1) / np.sqrt(len(logs)))


def main() -> None:
    if sys.argv[1:2] == ["--view"]:
        return view(int(sys.argv[2]), sys.argv[3], int(sys.argv[4]))
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--pairs", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=4.0, help="of each stretch")
    given = parser.parse_args()
    found = stretches(given.pairs, given.seconds)
    for yes, name in ((False, "without viewers"), (True, f"with {VIEWERS} and one that reads nothing")):
        points = np.concatenate([times for watched, times in found if watched is yes])
        print(
            f"{name:40} {len(points)} points, median {1e3 * np.median(points):.2f} ms, "
            f"mean {1e3 * np.mean(points):.2f} ms, slowest {1e3 * np.max(points):.0f} ms"
        )
    for name, of in (("medians", np.median), ("means", np.mean)):
        print("ratio of the {}: {:.4f}, u = {:.4f}".format(name, *ratio(found, of)))
    if ratio(found, np.median)[0] > MOST:
        raise SystemExit(f"more than {MOST}")
    return None


if __name__ == "__main__":
    main()
