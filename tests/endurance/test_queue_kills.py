"""A sample of the kills of :mod:`tests.endurance.queue_kills`, and that they see what they are there to see."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from acquire.service.queue import Deed
from acquire.service.queue_rules import Queue
from tests.endurance.queue_kills import lost, twice, unattended

ROOT = Path(__file__).parents[2]


@pytest.mark.slow  # real processes, real kills
def test_real_kills():
    command = [sys.executable, "-m", "tests.endurance.queue_kills", "--kills", "24", "--seed", "2"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr


def journal(*deeds: tuple[str, str]) -> list[Deed]:
    """What was done to item 1, and how it stood then; a state of "" is the lock of the bench."""
    return [
        Deed(seq, "", 1 if state else None, deed, "Ann", state.partition(":")[0], state.partition(":")[2])
        for seq, (deed, state) in enumerate(deeds, start=1)
    ]


RUN = (("add", "waiting"), ("claim", "running"), ("begin", "running"))


def test_a_run_that_nobody_wanted_is_seen():
    assert list(twice(journal(*RUN), [(1, 1)])) == []
    assert list(twice(journal(*RUN), [(1, 1), (1, 1)])) == [
        "attempt 1 of item 1 was run 2 times",
        "item 1 was run 2 times, and wanted 1 times",
    ]
    assert list(twice(journal(*RUN), [(1, 1), (1, 2)])) == [
        "attempt 2 of item 1 was run, and had not begun",
        "item 1 was run 2 times, and wanted 1 times",
    ]
    again = (("end", "needs_person:failed"), ("release", "waiting"), ("claim", "running"), ("begin", "running"))
    assert list(twice(journal(*RUN, *again), [(1, 1), (1, 2)])) == []
    held = (("add", "waiting"), ("hold", "held"), ("release", "waiting"), *RUN[1:])
    assert "item 1 was run 2 times, and wanted 1 times" in list(twice(journal(*held), [(1, 1), (1, 2)]))


def test_a_beginning_behind_an_interruption_is_seen():
    interrupted = (*RUN, ("end", "needs_person:was interrupted"))
    assert list(unattended(journal(*interrupted, ("claim", "running")))) == ["item 1: claim behind the end of item 1"]
    assert list(unattended(journal(*interrupted, ("unlock", ""), ("claim", "running")))) == []


def test_what_was_confirmed_and_is_lost_is_seen():
    assert list(lost(Queue(), [], ["added 1"])) == [
        "item 1 is lost (added 1)",
        "confirmed and not in the journal: added 1",
    ]
    assert "lines of the journal are missing" in list(lost(Queue(), journal(*RUN)[1:], []))
