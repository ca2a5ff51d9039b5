"""One batch that is killed and gone on with, and that the tables of batches see what they are there to see."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest

from acquire.batches import batch as batches
from tests.endurance.batch_faults import KILLED, carried_out, prepared_in, trial
from tests.endurance.batch_kills import wrong_with, wrong_with_board

pytestmark = pytest.mark.usefixtures("read_here")


def test_a_batch_that_is_killed_measures_every_pixel_once(tmp_path: Path) -> None:
    """More of them: make batch-kills, make batch-faults. In the second pixel, while its output is on."""
    batch, output = prepared_in(tmp_path), tmp_path / "runs"
    assert trial(batch, output, (KILLED, 1.0), 1000) == []
    index = batches.index_of(batch, output)
    assert [len(entry.earlier) for entry in index.entries] == [0, 1]
    before = sorted(path.name for path in output.iterdir())
    assert carried_out(batch, output, None, 0) == (0, [])  # all is done: nothing is opened
    assert sorted(path.name for path in output.iterdir()) == before

    shutil.copy(output / index.entries[0].run, output / "another_00000000.h5")
    assert [text.partition(":")[0] for text in wrong_with(output, index)] == [
        "P1 was measured 2 times",
        "another_00000000.h5 of P1 is not in the index",
        "another_00000000.h5 (P1, completed) is not in the index",
    ]


def test_a_board_that_did_what_it_must_not() -> None:
    assert list(wrong_with_board(SimpleNamespace(most_closed=1, switched_live=0))) == []
    assert len(list(wrong_with_board(SimpleNamespace(most_closed=2, switched_live=3)))) == 2
