"""What is told of the runs that go on."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from acquire.service.run_files import RunFiles
from acquire.service.watching import Watch


def test_a_run_of_another_folder_is_told_apart(tmp_path: Path) -> None:
    nobody = cast("Any", None)
    watch = Watch(RunFiles(tmp_path / "runs", nobody), nobody)
    for place, foreign in (("runs", False), ("runs/batch", False), ("elsewhere", True), ("runs_of_others", True)):
        run = SimpleNamespace(path=tmp_path / place / "r.h5", run_id="r", told={}, totals={})
        assert watch.now_of(cast("Any", run))["foreign"] is foreign, place
