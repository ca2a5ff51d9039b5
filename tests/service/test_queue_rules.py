"""What may become of items: the pure rules."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from acquire.service import queue_rules as rules
from acquire.service.queue_rules import (
    ITSELF,
    MOST_ASKED,
    MOST_OPEN,
    Absent,
    Ending,
    Item,
    ItemState,
    Outcome,
    Queue,
    Refused,
    Request,
)

NOON = "2026-11-28T12:00:00+01:00"


def queue_of(*states: ItemState) -> Queue:
    """Items 1, 2, ... in these states."""
    items = tuple(
        Item(number, Request(f"{number}.yaml"), state, "Ann", NOON) for number, state in enumerate(states, start=1)
    )
    return Queue(items, next_id=len(items) + 1)


def running() -> Queue:
    """Item 1 runs, in its first attempt; item 2 waits."""
    return rules.begin(rules.claim(queue_of(ItemState.WAITING, ItemState.WAITING), 1, NOON, "log"), 1, 1, 4711)


def test_an_operators_item_waits_for_its_turn_and_a_viewers_for_a_yes():
    queue = rules.add(Queue(), Request("a.yaml"), " Ann ", NOON, operator=True)
    queue = rules.add(queue, Request("b.yaml"), "Vic", NOON, operator=False)
    assert [(item.id, item.state, item.by, item.person) for item in queue.items] == [
        (1, ItemState.WAITING, "Ann", "Ann"),
        (2, ItemState.ASKED, "Vic", ""),
    ]
    queue = rules.do(queue, "approve", 2, "Ann")
    assert (queue.item(2).state, queue.item(2).person) == (ItemState.WAITING, "Ann")


def test_an_item_is_called_by_sample_and_pixel_so_that_no_number_stands_alone():
    assert Request("a.yaml", sample="D7", pixel="6").name == "D7, pixel 6, a.yaml"
    assert Request("a.yaml", pixel="6").name == "pixel 6, a.yaml"
    assert Request("a.yaml").name == "a.yaml"


@pytest.mark.parametrize("deed", list(rules.DEEDS))
@pytest.mark.parametrize("state", list(ItemState))
def test_each_deed_is_for_some_states_and_refused_in_all_others(deed: str, state: ItemState):
    before, after = rules.DEEDS[deed]
    queue = queue_of(state)
    if state in before:
        assert rules.do(queue, deed, 1, "Ann").item(1).state == after
    else:
        with pytest.raises(Refused, match=r"item 1 .*cannot be"):
            rules.do(queue, deed, 1, "Ann")


def test_what_runs_is_touched_by_no_deed():
    assert all(ItemState.RUNNING not in before for before, _ in rules.DEEDS.values())
    with pytest.raises(Refused, match="stop its run first"):
        rules.move(queue_of(ItemState.RUNNING), 1, 0)


@pytest.mark.parametrize("name", ["", "   ", "a\nb", "x" * 201])
def test_every_deed_needs_somebody_with_a_name(name: str):
    queue = queue_of(ItemState.NEEDS_PERSON)
    attempts: list[Callable[[], Queue]] = [
        lambda: rules.do(queue, "release", 1, name),
        lambda: rules.add(queue, Request("a.yaml"), name, NOON, operator=True),
        lambda: rules.repeat(queue, 1, name, NOON, operator=True),
        lambda: rules.lock_bench(queue, name, "", NOON),
        lambda: rules.unlock_bench(queue, name),
    ]
    for attempt in attempts:
        with pytest.raises(Refused, match="nobody is named"):
            attempt()


def test_the_first_that_waits_is_next_and_none_while_one_runs_or_the_bench_is_locked():
    queue = queue_of(ItemState.HELD, ItemState.NEEDS_PERSON, ItemState.WAITING, ItemState.WAITING)
    assert queue.next is not None
    assert queue.next.id == 3
    assert rules.claim(queue, 3, NOON, "").next is None
    assert rules.lock_bench(queue, "Ann", "probe card out", NOON).next is None
    with pytest.raises(Refused, match="not the turn"):
        rules.claim(queue, 4, NOON, "")
    with pytest.raises(Refused, match="not the turn"):
        rules.claim(rules.lock_bench(queue, "Ann", "", NOON), 3, NOON, "")


def test_an_attempt_begins_once():
    with pytest.raises(Refused, match="begun already, in process 4711"):
        rules.begin(running(), 1, 1, 4712)


@pytest.mark.parametrize("attempt", [0, 2])
def test_an_attempt_that_does_not_stand_is_not_begun_and_not_ended(attempt: int):
    claimed = rules.claim(queue_of(ItemState.WAITING), 1, NOON, "log")
    with pytest.raises(Refused, match="is over"):
        rules.begin(claimed, 1, attempt, 4711)
    with pytest.raises(Refused, match="is over"):
        rules.end(claimed, 1, attempt, Ending(Outcome.COMPLETED), NOON)


def test_an_attempt_that_was_given_up_is_never_begun_however_late_its_process_comes():
    given_up = rules.end(rules.claim(queue_of(ItemState.WAITING), 1, NOON, ""), 1, 1, Ending(Outcome.INTERRUPTED), NOON)
    with pytest.raises(Refused, match="is over"):
        rules.begin(given_up, 1, 1, 4711)
    again = rules.do(rules.unlock_bench(given_up, "Ann"), "release", 1, "Ann")
    again = rules.claim(again, 1, NOON, "")
    with pytest.raises(Refused, match="is over"):
        rules.begin(again, 1, 1, 4711)
    assert rules.begin(again, 1, 2, 4712).item(1).begun


@pytest.mark.parametrize(
    ("ending", "state", "locked"),
    [
        (Ending(Outcome.COMPLETED), ItemState.DONE, False),
        (Ending(Outcome.FAILED, output_off=True), ItemState.NEEDS_PERSON, False),
        (Ending(Outcome.FAILED), ItemState.NEEDS_PERSON, True),
        (Ending(Outcome.REFUSED), ItemState.NEEDS_PERSON, False),
        (Ending(Outcome.NOT_SWEPT, output_off=True), ItemState.NEEDS_PERSON, False),
        (Ending(Outcome.STOPPED, output_off=True), ItemState.NEEDS_PERSON, True),
        (Ending(Outcome.INTERRUPTED, output_off=True), ItemState.NEEDS_PERSON, True),
    ],
)
def test_only_a_good_end_is_the_end_and_nothing_follows_one_that_must_be_looked_at(
    ending: Ending, state: ItemState, locked: bool
):
    after = rules.end(running(), 1, 1, ending, NOON)
    assert after.item(1).state == state
    assert (after.lock is not None) is locked
    assert (after.next is None) is locked
    if after.lock is not None:
        assert after.lock.name == ITSELF
        assert "item 1 (1.yaml)" in after.lock.note
        after = rules.unlock_bench(after, "Ann")
    assert after.next is not None
    assert after.next.id == 2


def test_a_lock_of_somebody_is_not_replaced_by_that_of_the_queue():
    locked = rules.lock_bench(running(), "Ann", "mine", NOON)
    after = rules.end(locked, 1, 1, Ending(Outcome.INTERRUPTED), NOON)
    assert after.lock == locked.lock
    with pytest.raises(Refused, match="locked by Ann already"):
        rules.lock_bench(after, "Bob", "", NOON)


def test_what_failed_runs_again_only_for_somebody_with_a_name():
    failed = rules.end(running(), 1, 1, Ending(Outcome.FAILED, "short", output_off=True), NOON)
    assert failed.item(1).reason == "failed: short"
    again = rules.do(failed, "release", 1, "Bob").item(1)
    assert (again.state, again.person, again.reason, again.attempt) == (ItemState.WAITING, "Bob", "", 1)


def test_moving_counts_places_among_those_that_can_still_be_moved():
    queue = queue_of(ItemState.RUNNING, ItemState.WAITING, ItemState.HELD, ItemState.WAITING)
    assert [item.id for item in rules.move(queue, 4, 0).items] == [1, 4, 2, 3]
    assert [item.id for item in rules.move(queue, 2, 1).items] == [1, 3, 2, 4]
    assert [item.id for item in rules.move(queue, 2, 99).items] == [1, 3, 4, 2]
    assert [item.id for item in rules.move(queue, 3, -5).items] == [1, 3, 2, 4]


def test_a_repeat_is_an_item_of_its_own():
    queue = rules.repeat(queue_of(ItemState.DONE), 1, "Bob", NOON, operator=True)
    assert queue.item(1).state == ItemState.DONE
    assert (queue.item(2).request, queue.item(2).repeat_of, queue.item(2).state) == (
        queue.item(1).request,
        1,
        ItemState.WAITING,
    )


def test_the_queue_has_an_end():
    full = queue_of(*[ItemState.HELD] * MOST_OPEN)
    with pytest.raises(Refused, match="full"):
        rules.add(full, Request("a.yaml"), "Ann", NOON, operator=True)
    asked = queue_of(*[ItemState.ASKED] * MOST_ASKED)
    with pytest.raises(Refused, match="wait for an operator's yes"):
        rules.add(asked, Request("a.yaml"), "Vic", NOON, operator=False)
    assert rules.add(asked, Request("a.yaml"), "Ann", NOON, operator=True).next
    assert rules.add(queue_of(*[ItemState.DONE] * MOST_OPEN), Request("a.yaml"), "Vic", NOON, operator=True).next


def test_an_item_that_is_not_there():
    with pytest.raises(Absent, match="no item 7"):
        rules.do(Queue(), "hold", 7, "Ann")
