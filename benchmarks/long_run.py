"""What a long run costs: a point at its end beside one at its begin, memory, the size of its file.

    python -m benchmarks.long_run [--rows N]

A lifetime of that many readings (3,600,000 are a thousand hours, one a second) is recorded straight into its file, as
fast as it goes; then it is recovered, shown, exported and reported by the commands a technician has, each in a process
of its own. Printed are ratios and the most memory that each process, or one that it started, had.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROWS = 1_000_000
MOST_MEMORY, MOST_SIZE, MOST_COST = 400.0, 1.3, 1.2  # MB; ratios


def in_process_of_its_own(*command: object) -> tuple[str, float, float]:
    """What a command says, its processor time [s], and the most memory that it or one it started had [MB]."""
    with tempfile.TemporaryFile() as out:
        process = subprocess.Popen([sys.executable, *map(str, command)], stdout=out, stderr=subprocess.STDOUT)
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        said = out.read().decode(errors="replace")
    if process.returncode:
        raise SystemExit(f"{' '.join(map(str, command))} ended with {process.returncode}:\n{said}")
    scale = 1 << 20 if sys.platform == "darwin" else 1 << 10
    return said, used.ru_utime + used.ru_stime, used.ru_maxrss / scale


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rows", type=int, default=ROWS)
    rows = parser.parse_args().rows
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "20260102T030405_many_00000000.h5"
        said, _, _ = in_process_of_its_own("-m", "benchmarks.long_recording", path, rows)
        late, late_wall, early, early_wall, memory, width = map(float, said.split())
        print(f"{rows} readings; columns of {width:.0f} bytes a row, live and final")
        print(
            f"recording  {1e6 * late:.1f} us a reading at the end beside {1e6 * early:.1f} us at the begin: "
            f"{late / early:.2f} (at most {MOST_COST}); by the wall's clock {late_wall / early_wall:.2f}; "
            f"{memory:.0f} MB (at most {MOST_MEMORY:.0f})"
        )
        print(f"file while it is recorded  {path.stat().st_size / rows / width:.2f} of rows times widths", flush=True)
        commands = {
            "show, cut off": ("show", path),
            "recover": ("recover", path),
            "show": ("show", path),
            "export": ("export", path, "--to", Path(folder) / "csv"),
            "report": ("report", path, "--to", Path(folder) / "report"),
            "recompute": ("recompute", path, "--area", "15 mm^2"),
        }
        for name, command in commands.items():
            begin = time.perf_counter()
            _, seconds, memory = in_process_of_its_own("-m", "acquire", *command)
            print(
                f"{name:14} {memory:4.0f} MB (at most {MOST_MEMORY:.0f}), {seconds:6.1f} s of processor time, "
                f"{time.perf_counter() - begin:6.1f} s",
                flush=True,
            )
            if name == "recover":
                size = path.stat().st_size / rows / width
                print(f"finished file  {size:.2f} of rows times widths (at most {MOST_SIZE})")


if __name__ == "__main__":
    main()
