"""A fault at every operation of a run: what is left behind is looked at in the twins' own logs and in the run file.

    python -m tests.endurance.fault_table [--every K] [--seed N] [--jobs N] [--json FILE] [--only PAIR]

Each of three short sweeps is run once to count the operations of its VISA library, then once for every pair of an
operation and a kind of fault, and for a sample of two faults at once, in virtual time: some fifteen thousand runs. A
second table has the times from the moment at which a fault can be known to the off message at the source.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from math import isnan
from multiprocessing import get_context
from pathlib import Path
from statistics import median

from drivers.simulated.faults import FOR_GOOD, FaultKind
from tests.endurance.fault_judgement import TIMED, Verdict, judge
from tests.endurance.fault_trial import (
    KILLED,
    LIKE_STEPPED_AT_FIRST,
    LINK,
    LOGGED,
    OF_THE_FILE,
    PROGRAM_FAULTS,
    REQUESTS,
    SWEEPS,
    Pair,
    prepared,
    reference,
)

__all__ = ["PROGRAM_FAULTS", "Pair", "Verdict", "all_pairs", "judge", "judge_all", "sample"]

_LASTING = (
    (FaultKind.TIMEOUT, 3),
    (FaultKind.CONNECTION_LOST, 3),
    (FaultKind.CONNECTION_LOST, FOR_GOOD),
    (FaultKind.ALL_LINKS_LOST, FOR_GOOD),
)
_LASTING_REPLIES = (
    (FaultKind.REPLY_LOST, FOR_GOOD),
    (FaultKind.REPLY_LATE, FOR_GOOD),
    (FaultKind.TRICKLE, FOR_GOOD),
    (FaultKind.NOISE, FOR_GOOD),
)
_IN_REPLIES = ("a reply", "the reply", "numbers of a reply")
_OF_THE_SOURCE = (
    FaultKind.GOES_TO_LOCAL,
    FaultKind.ERROR_QUEUED,
    FaultKind.INTERLOCK,
    FaultKind.OVER_TEMPERATURE,
    FaultKind.OUTPUT_KEY,
    FaultKind.SHORT_CIRCUIT,
    FaultKind.OPEN_CIRCUIT,
)
#: How many runs with two faults at once.
PAIRS_OF_FAULTS = 600


# --- the table ----------------------------------------------------------------------------------------------


def all_pairs() -> list[Pair]:
    """Every operation with every kind of fault, as far as it can be told from another pair.

    The stepped sweep, which has all three instruments, meets everything: a damaged reply needs a reply, a silent
    instrument something to be silent about; what happens to the source shows when the source is talked to; a bug or a
    full disk shows at the next point, so that it is armed once a point; the spectroradiometer is there from its first
    operation on; a stop is a stop whoever asks for it: signals other than Ctrl-C are tried now and then. The
    hardware-timed ones set up the same instruments in the same way, and are different once the output is on. Serial
    lines are different in what becomes of the link. What takes the rest of a reply that is there can only fail. Links
    that stay bad, and errors of a link beyond one that is lost, are tried with the stepped sweep alone.
    """
    pairs = []
    for sweep in SWEEPS:
        instruments = prepared(sweep).loaded.bench.instruments
        meter = instruments.spectroradiometer
        energised = met = False
        usual = reference(sweep)
        for at, operation in enumerate(usual.operations, 1):
            if usual.goes_on_waiting(at):
                continue
            energised = energised or operation.output_on
            met = met or (meter is not None and operation.resource == meter.resource)
            if sweep == LOGGED:
                pairs += (
                    _of_the_logger(at) if operation.resource == instruments.by_role["surroundings"].resource else []
                )
                continue
            if sweep in LIKE_STEPPED_AT_FIRST and not energised:
                continue
            faults = list(_of_the_link(operation.name, usual.brings_a_reply(at)))
            if usual.takes_the_rest(at):
                pairs += [Pair(sweep, kind, at) for kind in (FaultKind.TIMEOUT, FaultKind.CONNECTION_LOST)]
                continue
            if usual.brings_a_reply(at):
                pairs += [Pair(sweep, kind, at, lasting) for kind, lasting in _LASTING_REPLIES]
            if sweep == "stepped":
                faults += [FaultKind.IO_ERROR]
                pairs += [Pair(sweep, kind, at, lasting) for kind, lasting in _LASTING]
            if operation.output_on:
                pairs += _of_a_run_that_dies(Pair(sweep, KILLED, at))
            if sweep != "current on serial lines":
                point = usual.brings_a_reply(at) and operation.resource == instruments.photodiode_meter.resource
                faults += _of_the_program(at, point)
                faults += _OF_THE_SOURCE if operation.resource == instruments.smu.resource else ()
                of_meter = operation.resource == instruments.photodiode_meter.resource
                faults += [FaultKind.DMM_ERROR_QUEUED] if of_meter else []
                spoken_to = operation.name == "write" or usual.brings_a_reply(at)
                faults += [kind for kind in FaultKind if met and spoken_to and kind.startswith("meter")]
            pairs += [Pair(sweep, fault, at) for fault in faults]
    return pairs


def _of_the_link(operation: str, reply: bool) -> Iterator[str]:
    yield from (*LINK, FaultKind.POWER_CYCLE)
    if operation == "write" or reply:
        yield from (FaultKind.SILENT, FaultKind.HUNG)
    if operation == "write":
        yield FaultKind.MESSAGE_LOST
    if reply:
        yield from (kind for kind in FaultKind if kind.startswith(_IN_REPLIES))


def _of_the_logger(at: int) -> list[Pair]:
    """What may befall the link and the replies of a logger, once or for good."""
    usual = reference(LOGGED)
    reply = usual.brings_a_reply(at)
    once = [Pair(LOGGED, fault, at) for fault in _of_the_link(usual.operations[at - 1].name, reply)]
    lasting = (*_LASTING, *(_LASTING_REPLIES if reply else ()))
    own = [Pair(LOGGED, kind, at, often) for kind, often in lasting if kind is not FaultKind.ALL_LINKS_LOST]
    return [pair for pair in once if pair.fault != FaultKind.ALL_LINKS_LOST] + own


def _of_the_program(at: int, point: bool) -> list[str]:
    now_and_then = [fault for fault in REQUESTS if fault.startswith("SIG") and at % 8 == 0]
    bugs = [fault for fault in PROGRAM_FAULTS if point and fault not in (*REQUESTS, KILLED)]
    again = "Ctrl-C twice" if at % 2 else "Ctrl-C again and again"
    return ["Ctrl-C", again, *now_and_then, *bugs]


def _of_a_run_that_dies(killed: Pair) -> Iterator[Pair]:
    """The guardian alone with the source, and, now and then, with one whose link or replies are bad."""
    yield killed
    if killed.at % 3 == 0:
        first = killed.at + 1  # opening the link is the first operation of the guardian
        yield from (replace(killed, also=Pair(killed.sweep, kind, first, lasting)) for kind, lasting in TIMED)


def two_at_once(pairs: Sequence[Pair], number: int, seed: int) -> list[Pair]:
    """Pairs of pairs of the stepped sweep, the earlier fault first."""
    generator = random.Random(seed)
    stepped = [pair for pair in pairs if pair.sweep == "stepped" and pair.fault not in (*OF_THE_FILE, KILLED)]
    chosen = (sorted(generator.sample(stepped, 2), key=lambda pair: pair.at) for _ in range(number))
    return [replace(first, also=second) for first, second in chosen]


def sample(pairs: Sequence[Pair], each: int, seed: int) -> list[Pair]:
    """Some pairs of each row of the table."""
    rows: dict[str, list[Pair]] = {}
    for pair in pairs:
        rows.setdefault(pair.row, []).append(pair)
    generator = random.Random(seed)
    return [pair for row in rows.values() for pair in generator.sample(row, min(each, len(row)))]


def judge_all(pairs: Sequence[Pair]) -> list[Verdict]:
    """Judge pairs one after the other, in a folder of their own."""
    # PyVISA says so when a message on GPIB ends without a line feed
    warnings.filterwarnings("ignore", message="read string doesn't end with termination characters")
    with tempfile.TemporaryDirectory() as folder:
        return [judge(pair, Path(folder)) for pair in pairs]


#: As the run file says; running: it could not be written any more, which the run has said.
_ENDS = ("completed", "stopped", "failed", "running", "not begun")


def print_table(verdicts: Sequence[Verdict]) -> None:
    """A line a kind of fault: tried, survived, and how the runs ended."""
    from rich.console import Console
    from rich.table import Table

    table = Table(title="a fault at an operation")
    for name in ("fault", "tried", "survived", *_ENDS, "output unknown"):
        table.add_column(name, justify="left" if name == "fault" else "right")
    rows: dict[str, list[Verdict]] = {}
    for verdict in verdicts:
        rows.setdefault(verdict.pair.row, []).append(verdict)
    for row, of_row in sorted(rows.items()):
        ends = [sum(v.ended == end for v in of_row) for end in _ENDS]
        unknown = sum(v.output_unknown for v in of_row)
        survived = sum(not v.wrong for v in of_row)
        table.add_row(row, *(str(number) for number in (len(of_row), survived, *ends, unknown)))
    Console(width=120).print(table)


def _also(pair: Pair) -> tuple[str, float]:
    """What befalls the link or the replies: beside the death of the run, or by itself."""
    pair = pair.also or pair
    return pair.fault, pair.lasting


def times_table(verdicts: Sequence[Verdict]) -> list[dict[str, str | int | float]]:
    """For each role and each of the timed faults: how many were survived, and the times of the others.

    ``largest`` and ``median`` in s from the moment at which it can be known to the off message; ``longer`` the largest
    time at a level beyond the plan of those that were survived, s.
    """
    rows = []
    dead = {(KILLED, 1.0): "run killed"}
    for role in ("smu", "photodiode meter", "spectroradiometer", "guardian"):
        for (kind, lasting), name in (TIMED | (dead if role == "guardian" else {})).items():
            here = [v for v in verdicts if v.role == role and _also(v.pair) == (kind, lasting)]
            lit = [v for v in here if v.phase == "output on"]
            times = [v.off_after for v in lit if not isnan(v.off_after)]
            longer = [v.longer for v in lit if not isnan(v.longer)]
            rows.append(
                {
                    "role": role,
                    "fault": name,
                    "output off": len(here) - len(lit),
                    "survived": len(longer),
                    "longer": max(longer, default=0.0),
                    "switched off": len(times),
                    "median": median(times) if times else 0.0,
                    "largest": max(times, default=0.0),
                }
            )
    return rows


def print_times(verdicts: Sequence[Verdict]) -> None:
    """The table of times."""
    from rich.console import Console
    from rich.table import Table

    table = Table(title="from the moment at which a fault can be known to the off message at the source, s")
    rows = times_table(verdicts)
    for name in rows[0]:
        table.add_column(name, justify="left" if name in ("role", "fault") else "right")
    for row in rows:
        table.add_row(*(f"{value:.2f}" if isinstance(value, float) else str(value) for value in row.values()))
    Console(width=120).print(table)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--every", type=int, default=1, help="only every K-th pair, from a random start")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=2, help="processes")
    parser.add_argument("--json", type=Path, help="a file for the tables and every pair that was not survived")
    parser.add_argument("--only", help="a pair as it is printed when it was not survived")
    arguments = parser.parse_args()
    if arguments.only:
        verdicts = judge_all([Pair.from_text(arguments.only)])
    else:
        verdicts = _judge_in_parallel(arguments.every, arguments.seed, arguments.jobs)
    print_table(verdicts)
    print_times(verdicts)
    lost = [verdict for verdict in verdicts if verdict.wrong]
    if arguments.only:
        for verdict in lost:
            _print_lost(verdict)
    print(f"{len(verdicts)} pairs of an operation and a fault tried, {len(verdicts) - len(lost)} survived")
    if arguments.json:
        content = {"times": times_table(verdicts), "lost": {str(verdict.pair): verdict.wrong for verdict in lost}}
        arguments.json.write_text(json.dumps(content, indent=1), encoding="utf-8")
    return 1 if lost else 0


def _judge_in_parallel(every: int, seed: int, jobs: int) -> list[Verdict]:
    pairs = all_pairs()
    pairs += two_at_once(pairs, PAIRS_OF_FAULTS, seed)
    generator = random.Random(seed)
    generator.shuffle(pairs)
    pairs = pairs[generator.randrange(every) :: every]
    started, verdicts = time.monotonic(), list[Verdict]()
    pieces = [pairs[start : start + 50] for start in range(0, len(pairs), 50)]
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        for number, piece in enumerate(pool.map(judge_all, pieces), 1):
            verdicts += piece
            for verdict in piece:
                if verdict.wrong:
                    _print_lost(verdict)
            if number % 20 == 0:  # a table that is cut off has said what it had seen
                lost = sum(bool(verdict.wrong) for verdict in verdicts)
                seconds = time.monotonic() - started
                print(f"{len(verdicts)} of {len(pairs)} pairs, {lost} not survived, {seconds:.0f} s", flush=True)
    return verdicts


def _print_lost(verdict: Verdict) -> None:
    again = f"    python -m tests.endurance.fault_table --only '{verdict.pair}'"
    print(f"{'; '.join(verdict.wrong)}\n{again}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
