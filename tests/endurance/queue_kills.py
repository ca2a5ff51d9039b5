"""Processes killed while they work on a queue, and what is left of it.

    python -m tests.endurance.queue_kills --kills 500 --seed 1

Three kinds of real processes share one queue: a service that runs it, the processes of its items, and somebody who
adds, moves, approves, releases and unlocks. At random moments one of them gets SIGKILL (on Windows TerminateProcess),
or all at once. What an item does is to add a line to a file of its own, which is the evidence of what was run. After
each kill it is asked: is everything there that was confirmed to somebody; was each item run at most as often as
somebody wanted it; did anything begin behind an interruption before somebody had looked. Exit status 1 if not.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from acquire.service.queue import Deed, RunQueue
from acquire.service.queue_item import carry_out
from acquire.service.queue_rules import Queue, Refused, Request
from acquire.service.queue_runner import Places, QueueRunner

KILL = getattr(signal, "SIGKILL", signal.SIGTERM)  # Windows ends a process at once by either
LONGEST_ROUND = 0.25  # s between two kills
WORK = 0.05  # s that an item takes at most
LIVES = 20.0  # s that a process may take to end
SERVICE, PERSON, ITEM, ALL = "service", "person", "item", "all"


class Forked:
    """A process that is a copy of this one, which saves it half a second of imports."""

    def __init__(self, work: Callable[[], object]) -> None:
        self.pid = os.fork()  # type: ignore[attr-defined, unused-ignore]
        if self.pid == 0:
            try:
                os.setsid()  # type: ignore[attr-defined, unused-ignore]
                work()
            finally:
                os._exit(0)
        self._ended = False

    def lives(self) -> bool:
        if not self._ended:
            with suppress(ChildProcessError):
                self._ended = os.waitpid(self.pid, os.WNOHANG)[0] != 0  # type: ignore[attr-defined, unused-ignore]
        return not self._ended

    def kill(self) -> None:
        with suppress(ProcessLookupError):
            os.kill(self.pid, KILL)
        with suppress(ChildProcessError):
            os.waitpid(self.pid, 0)
        self._ended = True


class Spawned:
    """The same where processes cannot be copied."""

    def __init__(self, what: Sequence[str]) -> None:
        self._process = subprocess.Popen([sys.executable, "-m", "tests.endurance.queue_kills", *what])
        self.pid = self._process.pid

    def lives(self) -> bool:
        return self._process.poll() is None

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()


def process(what: str, folder: Path, *more: object) -> Forked | Spawned:
    """A process that does one of the works below."""
    if hasattr(os, "fork"):
        return Forked(lambda: WORKS[what](folder, *more))
    return Spawned(["--be", what, str(folder), *map(str, more)])


# --- what they do ----------------------------------------------------------------------------------------------


def be_service(folder: Path) -> None:
    """Run the queue until the end."""

    def start(command: Sequence[str], log: Path) -> Any:
        at = command.index("acquire.service.queue_item")
        return process(ITEM, folder, command[at + 2], command[at + 3], log)

    with RunQueue(folder / "queue.sqlite") as queue:
        runner = QueueRunner(queue, Places(folder, folder, folder), start, estimate=lambda *_: {})
        runner._wait = lambda _: time.sleep(0.002)  # type: ignore[method-assign]
        runner.run(threading.Event())


def be_item(folder: Path, number: str, attempt: str, log: str) -> None:
    """Run an item: a line of evidence at its beginning, some time, and now and then an end that is not good."""
    Path(log).parent.mkdir(exist_ok=True)
    stream = Path(log).open("a", encoding="utf-8")  # noqa: SIM115  # until the end
    sys.stdout = sys.stderr = stream
    chance = random.Random(f"{number}/{attempt}")

    def work() -> int:
        with (folder / "evidence").open("a", encoding="utf-8") as evidence:
            evidence.write(f"{os.getpid()} {number} {attempt}\n")
        time.sleep(chance.uniform(0.0, WORK))
        return chance.choice([0, 0, 0, 0, 1, 2, 130])

    carry_out(folder / "queue.sqlite", int(number), int(attempt), work)


def be_person(folder: Path, seed: int | str) -> None:
    """Work on the queue until the end, and write down what was confirmed."""
    chance = random.Random(str(seed))
    with RunQueue(folder / "queue.sqlite") as queue, (folder / "confirmed").open("a", encoding="utf-8") as confirmed:
        while True:
            try:
                told = _deed(queue, chance)
            except Refused:
                continue
            confirmed.write(f"{told}\n")
            confirmed.flush()
            time.sleep(chance.uniform(0.0, 0.01))


def _deed(queue: RunQueue, chance: random.Random) -> str:
    """One deed; what was confirmed of it."""
    now = queue.now(over=3)
    waiting = sum(item.state in ("waiting", "asked") for item in now.items)
    if now.lock is not None and chance.random() < 0.5:
        queue.unlock_bench("Ann")
        return "unlocked"
    if waiting < 5 or chance.random() < 0.2:
        item = queue.add(Request("a.yaml"), "Ann", operator=chance.random() < 0.8)
        return f"added {item.id}"
    number = chance.choice(now.items).id
    deed = chance.choice(["approve", "hold", "release", "release", "remove", "move", "repeat"])
    if deed == "move":
        queue.move(number, chance.randrange(4), "Ann")
    elif deed == "repeat":
        return f"added {queue.repeat(number, 'Ann', operator=chance.random() < 0.8).id}"
    else:
        queue.do(deed, number, "Ann")
    return f"{deed} {number}"


WORKS: dict[str, Callable[..., None]] = {SERVICE: be_service, ITEM: be_item, PERSON: be_person}


# --- what is left ----------------------------------------------------------------------------------------------


def problems(folder: Path) -> Iterator[str]:
    """What is wrong with what is left in a folder."""
    confirmed, runs = _lines(folder / "confirmed"), _lines(folder / "evidence")  # first: an item may begin meanwhile
    with RunQueue(folder / "queue.sqlite") as queue:
        while True:
            before = queue.last_change
            now, journal = queue.now(over=1_000_000), queue.journal(most=10_000_000)
            if queue.last_change == before:  # nothing has changed in between
                break
    yield from lost(now, journal, confirmed)
    yield from twice(journal, [(int(number), int(attempt)) for _, number, attempt in map(str.split, runs)])
    yield from unattended(journal)


def _lines(path: Path) -> list[str]:
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    return [line for line in text.split("\n")[:-1] if line]


def lost(now: Queue, journal: Sequence[Deed], confirmed: Sequence[str]) -> Iterator[str]:
    """What was confirmed, and is not there."""
    there = {item.id: str(item.state) for item in now.items}
    for line in confirmed:
        word, _, number = line.partition(" ")
        if number and int(number) not in there:
            yield f"item {number} is lost ({line})"
        deeds = {deed.deed for deed in journal if not number or deed.item == int(number)}
        if not deeds & ({"add", "repeat"} if word == "added" else {"unlock"} if word == "unlocked" else {word}):
            yield f"confirmed and not in the journal: {line}"
    if [deed.seq for deed in journal] != list(range(1, len(journal) + 1)):
        yield "lines of the journal are missing"
    last = {deed.item: deed.state for deed in journal if deed.item is not None}
    if last != there:
        yield f"the journal says otherwise than the items: {set(last.items()) ^ set(there.items())}"


def twice(journal: Sequence[Deed], runs: Sequence[tuple[int, int]]) -> Iterator[str]:
    """What was run more often than somebody wanted it."""
    begun = {(deed.item, attempts) for deed, attempts in _attempts(journal) if deed.deed == "begin"}
    for run, times in Counter(runs).items():
        if times > 1:
            yield f"attempt {run[1]} of item {run[0]} was run {times} times"
        if run not in begun:
            yield f"attempt {run[1]} of item {run[0]} was run, and had not begun"
    wanted, before = Counter[int | None](), dict[int | None, str]()
    for deed in journal:
        if deed.state == "waiting" and deed.deed != "move" and before.get(deed.item) != "held":
            wanted[deed.item] += 1
        before[deed.item] = deed.state
    for number, times in Counter(number for number, _ in runs).items():
        if times > wanted[number]:
            yield f"item {number} was run {times} times, and wanted {wanted[number]} times"


def _attempts(journal: Sequence[Deed]) -> Iterator[tuple[Deed, int]]:
    """Each deed with the attempt of its item at the time."""
    attempts = Counter[int | None]()
    for deed in journal:
        attempts[deed.item] += deed.deed == "claim"
        yield deed, attempts[deed.item]


def unattended(journal: Sequence[Deed]) -> Iterator[str]:
    """What was begun behind an end that somebody had to look at, and nobody had."""
    ended = ""
    for deed in journal:
        if deed.deed == "end" and any(word in deed.reason for word in ("was interrupted", "was stopped")):
            ended = f"the end of item {deed.item}"
        elif deed.deed == "unlock":
            ended = ""
        elif deed.deed in ("claim", "begin") and ended:
            yield f"item {deed.item}: {deed.deed} behind {ended}"


# --- killing ---------------------------------------------------------------------------------------------------


def one_round(folder: Path, seed: int, number: int) -> dict[str, int]:
    """Let everybody work, kill somebody, let the rest end; how many of each kind were killed."""
    chance = random.Random(f"{seed}/{number}")
    target = chance.choice([SERVICE, SERVICE, PERSON, ITEM, ITEM, ALL])
    service, person = process(SERVICE, folder), process(PERSON, folder, f"{seed}/{number}")
    killed = Counter[str]()
    try:
        time.sleep(chance.uniform(0.005, LONGEST_ROUND))
        if target in (SERVICE, ALL):
            service.kill()
            killed[SERVICE] += 1
        if target in (PERSON, ALL):
            person.kill()
            killed[PERSON] += 1
        if target in (ITEM, ALL):
            killed[ITEM] += _kill_item(folder)
        time.sleep(chance.uniform(0.0, 0.05))
    finally:
        service.kill()
        person.kill()
    killed[SERVICE] += target not in (SERVICE, ALL)  # at some moment, all the same
    killed[PERSON] += target not in (PERSON, ALL)
    _wait_for_items(folder)
    return killed


def _kill_item(folder: Path) -> int:
    """Kill the process of the item that runs, or of the next one that does within some time."""
    until = time.monotonic() + LONGEST_ROUND
    with RunQueue(folder / "queue.sqlite") as queue:
        while time.monotonic() < until:
            item = queue.now(over=0).running
            if item is None or not item.process:
                time.sleep(0.005)
                continue
            with suppress(ProcessLookupError):
                os.kill(item.process, KILL)
                return 1
    return 0


def _wait_for_items(folder: Path) -> None:
    """Wait until no process of an item lives: it outlives the service that started it."""
    from acquire.service.queue_alone import alone
    from acquire.service.queue_item import item_lock

    until = time.monotonic() + LIVES
    time.sleep(0.03)
    while time.monotonic() < until:
        with alone(item_lock(folder / "queue.sqlite")) as free:
            if free:
                return
        time.sleep(0.01)


def kills(number: int, seed: int, folder: Path) -> tuple[Counter[str], list[str]]:
    """So many kills in one folder: how many of each kind, and what is wrong."""
    (folder / "a.yaml").write_text("kind: sweep\n", encoding="utf-8")
    killed, n = Counter[str](), 0
    while killed.total() < number:
        killed.update(one_round(folder, seed, n))
        n += 1
        if found := list(problems(folder)):
            return killed, found
    return killed, []


def main() -> int:
    """Entry point."""
    arguments = argparse.ArgumentParser(description="kill processes that work on a queue, and look what is left")
    arguments.add_argument("--kills", type=int, default=500)
    arguments.add_argument("--seed", type=int, default=1)
    arguments.add_argument("--be", nargs=argparse.REMAINDER, help=argparse.SUPPRESS)
    given = arguments.parse_args()
    if given.be:
        what, folder, *more = given.be
        WORKS[what](Path(folder), *more)
        return 0
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as name:
        killed, found = kills(given.kills, given.seed, Path(name))
        with RunQueue(Path(name) / "queue.sqlite") as queue:
            states = Counter(str(item.state) for item in queue.now(over=1_000_000).items)
            deeds = queue.last_change
        runs = len(_lines(Path(name) / "evidence"))
    print(f"killed: {', '.join(f'{number} x {what}' for what, number in sorted(killed.items()))}")
    print(f"{deeds} deeds, {runs} runs; items: {', '.join(f'{n} {state}' for state, n in sorted(states.items()))}")
    if not runs:
        found.append("nothing was run at all: no kill has shown anything")
    print(*found, sep="\n")
    print(f"{killed.total()} kills, {len(found)} problems, {time.monotonic() - started:.0f} s")
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
