"""A batch at a terminal: asking for substrates, a line for each pixel, and what is left to be done."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from acquire.cli.arguments import COMPLETED, FAILED, INTERRUPTED, USAGE
from acquire.cli.batch_plan import in_words
from acquire.cli.terminal import (
    complain,
    how_many,
    is_yes,
    line_waits,
    say,
    say_json,
    shell_quoted,
    somebody_to_ask,
    waiting,
    whoever_listens,
)
from acquire.safety.visible import one_line

if TYPE_CHECKING:
    from acquire.batches.batch import BatchResult
    from acquire.bench.batch import PixelRun, PreparedBatch
    from acquire.run_file.batch_index import BatchIndex, Entry
    from acquire.safety.interruption import StopRequest
    from acquire.session import RunResult
    from acquire.sinks import Sink


def run_batch_file(
    path: Path,
    bench: Path | None,
    output: Path | None,
    *,
    given: dict[str, str | None],
    again: Sequence[str],
    yes: bool,
    as_json: bool,
    plot: bool,
    remote: str = "",
) -> int:
    """Carry a batch out, or go on with it; the exit status.

    :raises typer.Exit: a wrong file, or wrong usage; nothing was opened.
    """
    from acquire.batches import batch as batches
    from acquire.bench.batch import batch_folder, prepare_batch
    from acquire.config import ConfigurationError, Said
    from acquire.run_file.read import ArchiveError
    from acquire.safety.interruption import StopRequest

    with ExitStack() as stack:
        try:
            said = [Said(option, text) for option, text in given.items() if text is not None]
            prepared = prepare_batch(path, bench, said)
            folder = batch_folder(prepared, output)
            if yes or not remote:
                _require_somebody(prepared, yes)
            index = stack.enter_context(batches.driven(prepared, folder, again))
        except (ConfigurationError, ArchiveError) as error:
            status = USAGE if isinstance(error, ConfigurationError) else FAILED
            if as_json:
                say_json({"kind": "batch", "status": "failed", "stop_reason": str(error), "index": None, "pixels": []})
            raise complain(error, status) from error
        _tell_what_is_there(index, turns=prepared.loaded.batch.stress_per_turn is not None)
        stop = stack.enter_context(StopRequest(remote).listening())
        operator = _Terminal(stop, yes=yes or not (remote or somebody_to_ask()), as_json=as_json, plot=plot)
        try:
            result = batches.run_batch(prepared, index, operator, stop, waiting=waiting())
        except OSError as error:
            raise complain(f"{index.path}: the index cannot be written ({error.strerror or error})", FAILED) from error
        _tell_the_end(result, path, as_json)
    return FAILED if result.error else INTERRUPTED if result.interrupted else COMPLETED


def _require_somebody(prepared: PreparedBatch, yes: bool) -> None:
    """Refuse to begin where nobody could change pixels that are changed by hand.

    :raises typer.Exit: so it is.
    """
    from acquire.bench.batch import hands_needed

    changes, bench = hands_needed(prepared), prepared.bench
    if bench.simulated or not changes:
        return
    if yes and not bench.twins:
        what = f"--yes would measure one device under {changes + 1} names: pixels are changed by hand here"
        raise complain(f"{what}. Leave --yes out, or give the bench a pixel_switch", USAGE)
    if not yes and not somebody_to_ask():
        raise complain("nobody can be asked here to put substrates in, which is done by hand", USAGE)


class _Terminal:
    """The operator, at a terminal or elsewhere. With ``yes`` everything is done as asked."""

    def __init__(self, stop: StopRequest, *, yes: bool, as_json: bool, plot: bool) -> None:
        from acquire.cli.display import SpectatorConsole

        self._stop = stop
        self._yes = yes
        self._plot = plot
        self._console = SpectatorConsole(stderr=as_json)
        self._stream = sys.stderr if as_json else sys.stdout

    def ready(self, to_do: str) -> bool:
        """Ask for something to be done by hand; whether it is done."""
        if self._yes:
            return True
        here = not self._stop.mailbox.started_for and somebody_to_ask()
        how = "then Enter; n ends the batch: " if here else "then: acquire answer yes; no ends the batch"
        with whoever_listens(sys.stderr):
            print(one_line(f"{to_do[0].upper()}{to_do[1:]}, {how}"), end="" if here else "\n", file=sys.stderr)
            sys.stderr.flush()
        with self._stop.mailbox.asking(to_do) as question:
            try:
                while question.answer is None:
                    if why := self._stop():
                        raise KeyboardInterrupt(why)
                    if line_waits(sys.stdin if here else None):
                        return is_yes(sys.stdin)
            except KeyboardInterrupt:
                with whoever_listens(sys.stderr):
                    say(sys.stderr, "")
                raise
        with whoever_listens(sys.stderr):
            say(sys.stderr, f"{'done' if question.answer else 'the batch ends here'}, says {question.by}")
        return question.answer

    @contextmanager
    def shown(self, run: PixelRun, number: int, of: int) -> Iterator[Sequence[Sink]]:
        """Show a run while it goes on."""
        from acquire.cli.live.show import displayed

        with whoever_listens(self._stream):
            say(self._stream, "", f"{run.label}: {run.sweep}, {number} of {of}")
        with displayed(self._console, run.prepared, self._stop, plot=self._plot) as spectator:
            yield [spectator]

    def told(self, run: PixelRun, entry: Entry, result: RunResult | None) -> None:
        """Say what came of a run."""
        from acquire.cli.display import figures_line
        from acquire.cli.results import OUTPUT_SAID

        with whoever_listens(self._stream):
            if result is not None and result.run is not None and entry.state == "measured":
                say(self._stream, figures_line(result.run.figures, run.label))
            say(self._stream, f"{run.label}: {in_words(entry)}")
            if result is not None:
                say(self._stream, *([result.run.path] if result.run else []), OUTPUT_SAID[result.output])


def _tell_what_is_there(index: BatchIndex, *, turns: bool) -> None:
    """What is finished already, and what is measured once more because it was not."""
    from acquire.run_file.batch_index import FINISHED

    done = [entry for entry in index.entries if entry.state in FINISHED]
    with whoever_listens(sys.stderr):
        if done:
            names = ", ".join(dict.fromkeys(f"{entry.substrate} {entry.pixel}" for entry in done))
            say(sys.stderr, f"finished already, and not measured again: {names} (again: --again-pixel NAME)")
        for entry in index.entries:
            if entry.run and entry.state not in FINISHED:
                label = f"{entry.substrate} {entry.pixel}"
                next_ = "it goes on in" if turns else "it is measured anew, beside"
                say(sys.stderr, f"{label}: {in_words(entry)}; {next_} {entry.run}")


def _tell_the_end(result: BatchResult, path: Path, as_json: bool) -> None:
    index, left = result.index, result.left
    with whoever_listens(sys.stderr):
        if result.error:
            say(sys.stderr, *(f"acquire: {line}" for line in result.error.split("\n")))
        if left:
            label = f"{left[0].substrate} {left[0].pixel}"
            whose = " (stopped by the bench, not by a device)" if result.error else ""
            said = f"{how_many(len(left), 'run')} left, beginning with {label}{whose}"
            say(sys.stderr, f"{said}; it goes on with: acquire run {shell_quoted(path)}")
    with whoever_listens(sys.stdout):
        if as_json:
            return say_json(_as_json(result))
        counts = ", ".join(f"{number} {state}" for state, number in _counted(index).items())
        say(sys.stdout, "", f"{index.title}: {counts}", index.path)
        if index.run_files:
            say(sys.stdout, f"a report of all: acquire report {shell_quoted(index.path.parent)}")
    return None


def _counted(index: BatchIndex) -> dict[str, int]:
    counts: dict[str, int] = {}
    for entry in index.entries:
        counts[str(entry.state)] = counts.get(str(entry.state), 0) + 1
    return counts


def _as_json(result: BatchResult) -> dict[str, Any]:
    from dataclasses import asdict

    ended = "failed" if result.error else "stopped" if result.interrupted else "completed"
    return {
        "kind": "batch",
        "index": str(result.index.path),
        "status": ended,
        "stop_reason": result.error or result.interrupted,
        "pixels": [asdict(entry) for entry in result.index.entries],
    }
