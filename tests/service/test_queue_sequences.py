"""A sample of the random sequences of :mod:`tests.endurance.queue_sequences`."""

from __future__ import annotations

from tests.endurance.queue_sequences import play, play_by_chance


def test_hypothesis_finds_no_sequence_that_breaks_a_promise():
    play(8, seed=1, steps=15)


def test_chance_finds_none():
    kills, begun = play_by_chance(25, seed=1)
    assert kills > 30
    assert begun > 5
