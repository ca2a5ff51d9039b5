"""Random sequences of what people, services and processes do to a queue, with kills in between.

    python -m tests.endurance.queue_sequences --sequences 100000 --jobs 2

They are played in :class:`tests.support.queue_world.World`: some by hypothesis (stateful testing), which shows the
shortest sequence that breaks a promise of the queue, most of them drawn by chance, which is quicker. Exit status 1 if
one does.
"""

from __future__ import annotations

import argparse
import multiprocessing
import random
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from itertools import accumulate, count
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, settings
from hypothesis import seed as seeded
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test

from acquire.service.queue_rules import Outcome, Request
from tests.support.queue_world import Process, World, known_statements

AT_ONCE = 500  # sequences of one test of hypothesis, which remembers all of them
STEPS = 25  # of a sequence
MEMORY = Path("/dev/shm")  # a file system in memory, where there is one: the order of writes is what is played here

services = st.sampled_from([0, 0, 0, 1])
kills = st.one_of(st.just(0), st.integers(1, known_statements()))
items = st.integers(0, 5)
recipes = st.sampled_from(["a.yaml", "b.yaml"])
DEEDS = ["approve", "hold", "release", "release", "remove"]
NAMES = ["Ann", "Bob", ""]


#: What somebody else does to the queue while a service looks what an item is going to do.
MEANWHILE: Mapping[str, Callable[[World], Callable[[], object]]] = {
    "last first": lambda world: lambda: world.outside.move(max(world.known), 0, "Ann"),
    "locked": lambda world: lambda: world.outside.lock_bench("Ann", "look out"),
    "first held": lambda world: lambda: world.outside.do("hold", min(world.known), "Ann"),
    "begun by another service": lambda world: lambda: world.service(1).look(),
}


class QueueMachine(RuleBasedStateMachine):
    """A world, and what can happen in it."""

    def __init__(self) -> None:
        super().__init__()
        self._folder = tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None)
        self.world = World(Path(self._folder.name))
        self._file("a.yaml"), self._file("b.yaml")

    def _file(self, name: str) -> None:
        self.world.places.recipes.joinpath(name).write_text("kind: sweep\n", encoding="utf-8")

    def teardown(self) -> None:
        self.world.close()
        self._folder.cleanup()

    def number(self, at: int) -> int:
        """One of the items there are, or one that is not there."""
        known = sorted(self.world.known)
        return known[-1 - at] if at < len(known) else 999

    @rule(
        which=services,
        operator=st.booleans(),
        recipe=st.sampled_from(["a.yaml", "b.yaml"]),
        kill=kills,
        done=st.booleans(),
    )
    def add(self, which: int, operator: bool, recipe: str, kill: int, done: bool) -> None:
        self.world.operator = operator
        self.world.by_service(which, lambda one: one.queue.add(Request(recipe), "Ann", operator=operator), kill, done)

    @rule(which=services, at=items, operator=st.booleans(), kill=kills, done=st.booleans())
    def repeat(self, which: int, at: int, operator: bool, kill: int, done: bool) -> None:
        number = self.number(at)
        self.world.operator = operator
        self.world.by_service(which, lambda one: one.queue.repeat(number, "Bob", operator=operator), kill, done)

    @rule(
        which=services,
        at=items,
        deed=st.sampled_from(DEEDS),
        by=st.sampled_from(NAMES),
        kill=kills,
        done=st.booleans(),
    )
    def deed(self, which: int, at: int, deed: str, by: str, kill: int, done: bool) -> None:
        number = self.number(at)
        self.world.by_service(which, lambda one: one.queue.do(deed, number, by), kill, done)

    @rule(which=services, at=items, to=st.integers(-1, 4), kill=kills, done=st.booleans())
    def move(self, which: int, at: int, to: int, kill: int, done: bool) -> None:
        number = self.number(at)
        self.world.by_service(which, lambda one: one.queue.move(number, to, "Ann"), kill, done)

    @rule(which=services, lock=st.booleans(), kill=kills, done=st.booleans())
    def bench(self, which: int, lock: bool, kill: int, done: bool) -> None:
        def step(one: Any) -> None:
            one.queue.lock_bench("Ann", "probe card out") if lock else one.queue.unlock_bench("Bob")

        self.world.by_service(which, step, kill, done)

    @rule(which=services, kill=kills, done=st.booleans(), meanwhile=st.sampled_from(["", *MEANWHILE]))
    def look(self, which: int, kill: int, done: bool, meanwhile: str) -> None:
        self.world.meanwhile = MEANWHILE[meanwhile](self.world) if meanwhile else None
        self.world.by_service(which, lambda one: one.look(), kill, done)

    @rule(which=services)
    def kill_service(self, which: int) -> None:
        self.world.by_service(which, lambda one: one.queue.now(), kill=1)

    def alive(self, begun: bool) -> list[Process]:
        return [process for process in self.world.processes if process.alive and process.begun == begun]

    @precondition(lambda self: self.alive(begun=False))
    @rule(at=st.integers(0, 3))
    def begin(self, at: int) -> None:
        there = self.alive(begun=False)
        there[at % len(there)].begin()
        self.world.check()

    @precondition(lambda self: self.alive(begun=True))
    @rule(outcome=st.sampled_from(Outcome), said=st.booleans())
    def end(self, outcome: Outcome, said: bool) -> None:
        (process,) = self.alive(begun=True)
        process.end(outcome, said=said)
        self.world.check()

    @precondition(lambda self: self.world.processes)
    @rule(at=st.integers(0, 3))
    def twin(self, at: int) -> None:
        self.world.twin(self.world.processes[-1 - at % len(self.world.processes)])

    @precondition(lambda self: any(process.alive for process in self.world.processes))
    @rule(at=st.integers(0, 3))
    def kill_process(self, at: int) -> None:
        there = [process for process in self.world.processes if process.alive]
        there[at % len(there)].killed()
        self.world.check()


def step_by_chance(machine: QueueMachine, chance: random.Random) -> None:
    """One of the same steps, drawn without the bookkeeping of hypothesis, which takes most of the time."""
    which, done = chance.choice([0, 0, 0, 1]), chance.random() < 0.5
    kill = chance.randint(1, known_statements()) if chance.random() < 0.3 else 0
    at, yes = chance.randint(0, 5), chance.random() < 0.6
    begun, waiting = machine.alive(begun=True), machine.alive(begun=False)
    steps: list[Callable[[], None]] = [
        lambda: machine.add(which, yes, "a.yaml", kill, done),
        lambda: machine.repeat(which, at, yes, kill, done),
        lambda: machine.deed(which, at, chance.choice(DEEDS), chance.choice(NAMES), kill, done),
        lambda: machine.deed(which, at, chance.choice(DEEDS), "Ann", kill, done),
        lambda: machine.move(which, at, chance.randint(-1, 4), kill, done),
        lambda: machine.bench(which, chance.random() < 0.3, kill, done),
        *[lambda: machine.look(which, kill, done, "")] * 3,
        lambda: machine.look(which, kill, done, chance.choice(list(MEANWHILE))),
        *[lambda: machine.twin(at)] * bool(machine.world.processes),
        lambda: machine.kill_service(which),
        *[lambda: machine.begin(at)] * (8 * bool(waiting)),
        *[lambda: machine.end(chance.choice(list(Outcome)), yes)] * (4 * bool(begun)),
        *[lambda: machine.kill_process(at)] * bool(begun or waiting),
    ]
    chance.choice(steps)()


def play_by_chance(sequences: int, seed: int, steps: int = STEPS) -> tuple[int, int]:
    """Play so many sequences drawn by chance; how often somebody was killed, and how many items were begun.

    :raises AssertionError: one of them breaks a promise; the message says which.
    """
    kills = begun = 0
    for number in range(sequences):
        chance, machine = random.Random(f"{seed}/{number}"), QueueMachine()
        try:
            for _ in range(steps):
                step_by_chance(machine, chance)
        except BaseException as problem:
            raise AssertionError(f"sequence {number} of seed {seed}: {problem}") from problem
        finally:
            machine.teardown()
        kills += machine.world.kills
        begun += machine.world.begun.total()
    return kills, begun


def play(sequences: int, seed: int, steps: int = STEPS) -> None:
    """Have hypothesis play so many sequences.

    :raises AssertionError: one of them breaks a promise.
    """
    play_one: Callable[..., None] = seeded(seed)(run_state_machine_as_test)
    play_one(
        QueueMachine,
        settings=settings(
            max_examples=sequences,
            stateful_step_count=steps,
            deadline=None,
            database=None,
            phases=(Phase.generate, Phase.shrink),
            suppress_health_check=list(HealthCheck),
        ),
    )


def main() -> int:
    """Entry point."""
    arguments = argparse.ArgumentParser(description="play random sequences of deeds and kills on a queue")
    arguments.add_argument("--sequences", type=int, default=100_000)
    arguments.add_argument("--hypothesis", type=int, default=2_000, help="so many of them are hypothesis's")
    arguments.add_argument("--seed", type=int, default=1)
    arguments.add_argument("--jobs", type=int, default=2)
    given = arguments.parse_args()
    started = time.monotonic()
    of_hypothesis = min(given.hypothesis, given.sequences)
    with ProcessPoolExecutor(given.jobs, multiprocessing.get_context("spawn")) as pool:
        shares = _shares(of_hypothesis)
        for done, _ in zip(accumulate(shares), pool.map(play, shares, count(given.seed)), strict=True):
            print(f"{done} sequences of hypothesis, {time.monotonic() - started:.0f} s", flush=True)
        shares, kills, begun = _shares(given.sequences - of_hypothesis), 0, 0
        played = pool.map(play_by_chance, shares, count(given.seed))
        for done, (killed, more) in zip(accumulate(shares), played, strict=True):
            kills, begun = kills + killed, begun + more
            if done % (2 * AT_ONCE) == 0:
                print(f"{done} sequences by chance, {kills} kills, {time.monotonic() - started:.0f} s", flush=True)
    took = time.monotonic() - started
    counted = f"{given.sequences} sequences, {begun} items begun, {kills} kills"
    print(f"{counted}: nothing lost, nothing run twice, {took:.0f} s")
    return 0


def _shares(sequences: int) -> list[int]:
    return [min(AT_ONCE, sequences - done) for done in range(0, sequences, AT_ONCE)]


if __name__ == "__main__":
    sys.exit(main())
