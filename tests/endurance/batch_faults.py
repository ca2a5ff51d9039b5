"""Batches with a switch on which something goes wrong at one operation, or that are killed there, and what is left.

    python -m tests.endurance.batch_faults --trials 200 --seed 1

Two pixels of one substrate, each a resistor of its own, in virtual time and in this process. At an operation of the
VISA library that is drawn by chance a link fails, an instrument falls silent, is switched off and on, or the whole
process ends. Then the same batch goes on without a fault. The output must be off after whatever the batch survived, the
board must never have had two relays closed, nor moved one under voltage, and in the end each pixel must have been
measured once, with its own resistance, and no more. Exit status 1 if anything of that fails even once.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

from acquire.batches import batch as batches
from acquire.bench.batch import PreparedBatch, prepare_batch
from acquire.bench.simulated import simulated_bench
from acquire.safety.interruption import StopRequest
from drivers.simulated.faults import FOR_GOOD, Fault, FaultKind, make_it_happen
from drivers.simulated.loads import Resistor
from tests.endurance.batch_kills import write_files, wrong_with, wrong_with_board
from tests.endurance.fault_trial import KILLED, LINK, Killed

PIXELS = 2
#: What goes wrong, and how long.
FAULTS = (
    *((str(kind), 1.0) for kind in LINK),
    (str(FaultKind.CONNECTION_LOST), FOR_GOOD),
    (str(FaultKind.REPLY_LOST), 1.0),
    (str(FaultKind.REPLY_LOST), FOR_GOOD),
    (str(FaultKind.REPLY_GARBLED), 1.0),
    (str(FaultKind.MESSAGE_LOST), 1.0),
    (str(FaultKind.SILENT), 1.0),
    (str(FaultKind.POWER_CYCLE), 1.0),
    (KILLED, 1.0),
)


class Nobody:
    """Does what is asked for; ``watch`` sees every event."""

    def __init__(self, watch: Callable[[Any], None] = lambda _event: None) -> None:
        self._watch = watch

    def ready(self, _to_do: str) -> bool:
        return True

    @contextmanager
    def shown(self, _run: Any, _number: int, _of: int) -> Iterator[Sequence[Any]]:
        yield [self._watch]

    def told(self, _run: Any, _entry: Any, _result: Any) -> None:
        pass


def prepared_in(folder: Path) -> PreparedBatch:
    """The batch, on the simulated bench of its folder."""
    return prepare_batch(write_files(folder, PIXELS))


def carried_out(batch: PreparedBatch, output: Path, fault: tuple[str, float] | None, at: int) -> tuple[int, list[str]]:
    """Go on with a batch, with a fault at an operation; how many operations there were, and what is wrong."""
    benches: list[Any] = []

    def made(loaded: Any) -> Any:
        bench = simulated_bench(loaded)
        benches.append(bench)
        if fault is not None and fault[0] != KILLED:
            happened = make_it_happen(bench, Fault(FaultKind(fault[0]), at, fault[1]))
            bench.library.before_operation = happened
        elif fault is not None:
            bench.library.before_operation = killer
        return bench

    def killer(number: int, _resource: str, _name: str) -> None:
        if number >= at:
            raise Killed

    def resistors(bench: Any, _pixels: Any) -> None:
        bench.fixture.put_in({relay: Resistor(1e3 * relay) for relay in range(1, PIXELS + 1)})

    wrong: list[str] = []
    with patch.object(batches, "simulated_bench", made), patch.object(batches, "put_in", resistors):
        try:
            result = batches.run_batch(batch, batches.index_of(batch, output), Nobody(), StopRequest())
            if "Traceback" in result.error or "VisaIOError" in result.error:
                wrong.append(f"a raw exception: {result.error}")
            if fault is None and result.error:
                wrong.append(result.error)
        except Killed:
            pass
    for bench in benches:
        board = bench.twins["ASRL5::INSTR"]
        wrong += wrong_with_board(getattr(board, "twin", board))
        if bench.twins["GPIB0::24::INSTR"].output_on and (fault is None or fault[0] != KILLED):
            # a guardian, which these benches have none of, would wait until the link is back
            no_way = FaultKind.SILENT, FaultKind.LINK_CLOSED
            unknown = fault is not None and (fault[1] == FOR_GOOD or fault[0] in no_way)
            wrong += [] if unknown and "MAY STILL BE ON" in result.error else ["the output is on"]
    return (benches[0].library.operations if benches else 0), wrong


def trial(batch: PreparedBatch, output: Path, fault: tuple[str, float], at: int) -> list[str]:
    """A batch with a fault, gone on with without one: what is wrong."""
    wrong = carried_out(batch, output, fault, at)[1]
    again = carried_out(batch, output, None, 0)[1]
    index = batches.index_of(batch, output)
    return [*wrong, *again, *wrong_with(output, index)]


def main(given: Sequence[str] | None = None) -> int:
    """Entry point."""
    arguments = argparse.ArgumentParser(description="faults and kills of a batch with a switch, gone on with")
    arguments.add_argument("--trials", type=int, default=200)
    arguments.add_argument("--seed", type=int, default=1)
    wanted = arguments.parse_args(given)
    chance, failed = random.Random(wanted.seed), 0
    with tempfile.TemporaryDirectory() as name:
        batch = prepared_in(Path(name))
        operations, wrong = carried_out(batch, Path(name) / "usual", None, 0)
        assert not wrong, wrong
        for number in range(wanted.trials):
            fault, at = FAULTS[number % len(FAULTS)], chance.randint(1, operations)
            if found := trial(batch, Path(name) / str(number), fault, at):
                failed += 1
                print(f"{fault[0]} ({fault[1]:g}) at operation {at}: {'; '.join(found)}", flush=True)
    print(f"{wanted.trials} batches with a fault at one of {operations} operations: {failed} with something wrong")
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main())
