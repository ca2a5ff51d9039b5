"""How soon a page has a picture of a long run: the first one, and a zoom; and whether the extremes are in it.

    python -m benchmarks.service_pictures [--rows N]

A lifetime of that many readings is recorded straight into its file; the service is asked for what a picture of 1000
pixels needs, as a page asks, of the file that is still open and of the finished one. The first picture of each must be
there within a second.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from acquire.run_file.columns import read_columns
from acquire.run_file.finish import recover
from acquire.run_file.rows import look
from tests.support.service import ServiceProcess

ROWS = 1_000_000
LONGEST = 1.0  # s
NAMES = "voltage,relative_luminance"


def asked(service: ServiceProcess, run_id: str, more: str = "") -> tuple[float, dict[str, object]]:
    """How long a picture takes, s, and what it holds."""
    began = time.perf_counter()
    found = service.get(
        f"runs/{run_id}/columns?table=lifetime&names=stress_time,{NAMES}&x=stress_time&points=2000{more}"
    )
    return time.perf_counter() - began, found


def spikes_are_in(path: Path, found: dict[str, object]) -> bool:
    """Whether the extremes of the whole table are in a picture."""
    columns = found["columns"]
    assert isinstance(columns, dict)
    held = read_columns(path, "lifetime", NAMES.split(","))
    for name, values in held.items():
        shown = [value for value in columns[name] if value is not None]
        if shown and (min(shown) != np.nanmin(values) or max(shown) != np.nanmax(values)):
            return False
    return True


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rows", type=int, default=ROWS)
    rows = parser.parse_args().rows
    slow = 0
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        (folder / "recipes").mkdir()
        (folder / "runs").mkdir()
        path = folder / "runs" / "20260102T030405_many_00000000.h5"
        subprocess.run([sys.executable, "-m", "benchmarks.long_recording", str(path), str(rows)], check=True)
        service = ServiceProcess(folder, folder / "recipes")
        run_id = look(path).run_id
        for what in ("still open", "finished"):
            service.start()
            service.get("history")
            service.get(f"runs/{run_id}/figures") if what == "finished" else None
            first, found = asked(service, run_id)
            again, _ = asked(service, run_id)
            middle = f"&x_from={rows // 3}&x_to={rows // 3 + rows // 50}"
            zoom, _ = asked(service, run_id, middle)
            right = spikes_are_in(path, found)
            print(
                f"{what:12} {rows} rows: first picture {first:.2f} s, again {again:.2f} s, zoom {zoom:.2f} s; "
                f"spikes {'stay' if right else 'ARE LOST'}"
            )
            slow += first > LONGEST or not right
            service.stop()
            if what == "still open":
                recover(path)
    if slow:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
