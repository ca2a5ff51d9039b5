"""A finished run file for the tests of what is done with one."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.run_files import a_finished_run


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The bytes of a finished run file of a few points."""
    return a_finished_run(tmp_path_factory.mktemp("run") / "run.h5").read_bytes()


@pytest.fixture
def path(tmp_path: Path, finished: bytes) -> Path:
    """Such a file, alone in its folder."""
    path = tmp_path / "run.h5"
    path.write_bytes(finished)
    return path
