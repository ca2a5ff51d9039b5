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
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from itertools import accumulate, count, product
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


@contextmanager
def in_memory() -> Iterator[World]:
    """A world for many sequences, one after the other."""
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as folder:
        world = World(Path(folder))
        try:
            yield world
        finally:
            world.close()


services = st.sampled_from([0, 0, 0, 1])
# At which statement of a step a service is killed, and whether that is done: one draw, as draws take most of the time
kills = st.sampled_from(
    [(0, False)] * 2 * known_statements() + [*product(range(1, known_statements() + 1), (False, True))]
)
items = st.integers(0, 5)
recipes = st.sampled_from(["a.yaml", "b.yaml"])
Kill = tuple[int, bool]
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
    """A world that begins anew, and what can happen in it."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self.world = world
        world.begin_anew()

    def number(self, at: int) -> int:
        """One of the items there are, or one that is not there."""
        known = sorted(self.world.known)
        return known[-1 - at] if at < len(known) else 999

    @rule(
        which=services,
        operator=st.booleans(),
        recipe=recipes,
        kill=kills,
    )
    def add(self, which: int, operator: bool, recipe: str, kill: Kill) -> None:
        self.world.operator = operator
        self.world.by_service(which, lambda one: one.queue.add(Request(recipe), "Ann", operator=operator), *kill)

    @rule(which=services, at=items, operator=st.booleans(), kill=kills)
    def repeat(self, which: int, at: int, operator: bool, kill: Kill) -> None:
        number = self.number(at)
        self.world.operator = operator
        self.world.by_service(which, lambda one: one.queue.repeat(number, "Bob", operator=operator), *kill)

    @rule(
        which=services,
        at=items,
        deed=st.sampled_from(DEEDS),
        by=st.sampled_from(NAMES),
        kill=kills,
    )
    def deed(self, which: int, at: int, deed: str, by: str, kill: Kill) -> None:
        number = self.number(at)
        self.world.by_service(which, lambda one: one.queue.do(deed, number, by), *kill)

    @rule(which=services, at=items, to=st.integers(-1, 4), kill=kills)
    def move(self, which: int, at: int, to: int, kill: Kill) -> None:
        number = self.number(at)
        self.world.by_service(which, lambda one: one.queue.move(number, to, "Ann"), *kill)

    @rule(which=services, lock=st.booleans(), kill=kills)
    def bench(self, which: int, lock: bool, kill: Kill) -> None:
        def step(one: Any) -> None:
            one.queue.lock_bench("Ann", "probe card out") if lock else one.queue.unlock_bench("Bob")

        self.world.by_service(which, step, *kill)

    @rule(which=services, kill=kills, meanwhile=st.sampled_from(["", *MEANWHILE]))
    def look(self, which: int, kill: Kill, meanwhile: str) -> None:
        self.world.meanwhile = MEANWHILE[meanwhile](self.world) if meanwhile else None
        self.world.by_service(which, lambda one: one.look(), *kill)

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
    which = chance.choice([0, 0, 0, 1])
    kill = (chance.randint(1, known_statements()) if chance.random() < 0.3 else 0, chance.random() < 0.5)
    at, yes = chance.randint(0, 5), chance.random() < 0.6
    begun, waiting = machine.alive(begun=True), machine.alive(begun=False)
    steps: list[Callable[[], None]] = [
        lambda: machine.add(which, yes, "a.yaml", kill),
        lambda: machine.repeat(which, at, yes, kill),
        lambda: machine.deed(which, at, chance.choice(DEEDS), chance.choice(NAMES), kill),
        lambda: machine.deed(which, at, chance.choice(DEEDS), "Ann", kill),
        lambda: machine.move(which, at, chance.randint(-1, 4), kill),
        lambda: machine.bench(which, chance.random() < 0.3, kill),
        *[lambda: machine.look(which, kill, "")] * 3,
        lambda: machine.look(which, kill, chance.choice(list(MEANWHILE))),
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
    with in_memory() as world:
        for number in range(sequences):
            chance, machine = random.Random(f"{seed}/{number}"), QueueMachine(world)
            try:
                for _ in range(steps):
                    step_by_chance(machine, chance)
            except BaseException as problem:
                raise AssertionError(f"sequence {number} of seed {seed}: {problem}") from problem
            kills += world.kills
            begun += world.begun.total()
    return kills, begun


def play(sequences: int, seed: int, steps: int = STEPS) -> None:
    """Have hypothesis play so many sequences.

    :raises AssertionError: one of them breaks a promise.
    """
    play_one: Callable[..., None] = seeded(seed)(run_state_machine_as_test)
    with in_memory() as world:
        play_one(
            lambda: QueueMachine(world),
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
    arguments.add_argument("--hypothesis", type=int, default=20_000, help="so many of them are hypothesis's")
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
