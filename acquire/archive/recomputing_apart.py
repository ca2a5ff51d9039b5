"""The process in which run files of an archive are computed anew: ``python -m acquire.archive.recomputing_apart``.

It may die of what it meets, as any that reads run files (:mod:`acquire.run_file.reading_apart`). What it is asked comes
from this program itself, on one computer.
"""

from __future__ import annotations

import base64
import gc
import pickle
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from acquire.archive.recomputing import Outcome, recompute_one, recompute_one_only
from acquire.recompute.recompute import Wanted
from acquire.run_file.reading_apart import serve


def _work() -> Mapping[str, Callable[..., Any]]:
    known: dict[str, Any] = {}

    def by(work: Callable[[Path, Wanted], Outcome]) -> Callable[..., Outcome]:
        def recompute(path: Path, wanted: str) -> Outcome:
            if wanted not in known:
                known[wanted] = pickle.loads(base64.b64decode(wanted))
            return work(path, known[wanted])

        return recompute

    gc.freeze()  # what was imported is not looked through again at each collection
    return {"recompute": by(recompute_one), "recompute_only": by(recompute_one_only)}


if __name__ == "__main__":
    sys.exit(serve(_work))
