"""A batch prepared for its bench: every run of it read, checked and planned before anything is opened."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from acquire import config
from acquire.bench.preparation import PreparedRun, prepare, run_folder
from acquire.config import BenchFile, CheckedFile, ConfigurationError, LoadedBatch, Problem, Said, load_batch
from acquire.config.yaml_source import Caution, Place


@dataclass(frozen=True)
class PixelRun:
    """One run of a batch: a sweep of a pixel. ``sweep`` is the file's name, as it stands in the index."""

    substrate: str
    pixel: str
    sweep: str
    prepared: PreparedRun

    @property
    def label(self) -> str:
        """What people call it, without the sweep."""
        return label_of(self.substrate, self.pixel)

    @property
    def switched_as(self) -> str:
        """The name that the pixel has in the bench's switch."""
        return self.prepared.loaded.sweep.sample.name_at_switch


@dataclass(frozen=True)
class PreparedBatch:
    """A batch with all its runs, on one bench; nothing is opened yet."""

    loaded: LoadedBatch
    runs: tuple[PixelRun, ...]

    @property
    def bench(self) -> BenchFile:
        """The bench of all its runs."""
        return self.runs[0].prepared.loaded.bench

    @property
    def duration(self) -> float:
        """How long all its runs take, s; what operators do between them is not in it."""
        return sum(run.prepared.plan.duration for run in self.runs)

    @property
    def cautions(self) -> tuple[Caution, ...]:
        """What is to be known before it begins, each once."""
        return tuple({str(one): one for run in self.runs for one in run.prepared.loaded.cautions}.values())


def label_of(substrate: str, pixel: str) -> str:
    """What people call a pixel of a substrate."""
    return f"{substrate} {pixel}"


def prepare_batch(path: Path, bench: Path | None = None, said: Sequence[Said] = ()) -> PreparedBatch:
    """Read, check and plan every run of a batch; ``bench`` and ``said`` stand in place of what the files say.

    :raises acquire.config.ConfigurationError: with every problem at once, each said once.
    """
    loaded = load_batch(path)
    problems: dict[str, Problem] = {}
    runs = []
    for one in loaded.runs:
        try:
            with_pretest = loaded.batch.pretest
            prepared = prepare(one.sweep, bench or loaded.bench_path, (*one.said, *said), with_pretest=with_pretest)
        except ConfigurationError as error:
            problems |= {str(problem): problem for problem in error.problems}
            continue
        runs.append(PixelRun(one.substrate, one.pixel, one.sweep.name, prepared))
    problems |= {str(problem): problem for problem in (*_between(loaded, runs), *_by_turns(loaded, runs))}
    if problems:
        raise ConfigurationError(list(problems.values()))
    return PreparedBatch(loaded, tuple(runs))


def _between(loaded: LoadedBatch, runs: Sequence[PixelRun]) -> Iterator[Problem]:
    """What is wrong with runs beside each other."""
    benches = dict.fromkeys(run.prepared.loaded.bench_path.resolve() for run in runs)
    if len(benches) > 1:
        names = " and ".join(path.as_posix() for path in benches)
        yield loaded.source.problem(("sweeps",), f"the sweeps name {names}", "name one in bench, for the whole batch")
    seen: set[tuple[str, str, str]] = set()
    connected: dict[tuple[str, str], str] = {}
    for run in runs:
        if (run.substrate, run.pixel, run.sweep) in seen:
            what = f"{run.sweep} is there twice for pixel {run.pixel} of {run.substrate}"
            yield loaded.source.problem(("sweeps",), what, "name each sweep once, under a file name of its own")
        seen.add((run.substrate, run.pixel, run.sweep))
        other = connected.setdefault((run.substrate, run.switched_as), run.pixel)
        if other != run.pixel:
            what = f"pixels {other} and {run.pixel} of {run.substrate} are both connected as {run.switched_as}"
            yield loaded.source.problem(("substrates",), what, "correct switched_as")


def _by_turns(loaded: LoadedBatch, runs: Sequence[PixelRun]) -> Iterator[Problem]:
    """What pixels that age by turns need: lifetimes, one each, and a switch, for nobody changes them by hand."""
    if loaded.batch.stress_per_turn is None or not runs:
        return
    at: Place = ("stress_per_turn",)
    if wrong := [run for run in runs if not run.prepared.plan.lasting]:
        hint = "name sweeps with a section lifetime, or leave stress_per_turn out"
        yield loaded.source.problem(at, f"{wrong[0].sweep} of pixel {wrong[0].pixel} is no lifetime", hint)
    if runs[0].prepared.loaded.bench.instruments.pixel_switch is None:
        hint = "take a bench with a pixel_switch, or leave it out"
        yield loaded.source.problem(at, "nobody changes pixels by hand at each turn", hint)
    if len({run.substrate for run in runs}) > 1:
        yield loaded.source.problem(at, "there are several substrates", "write a batch for each")
    if len({run.pixel for run in runs}) < len(runs):
        yield loaded.source.problem(at, "a pixel has several sweeps", "name one lifetime for each pixel")


def hands_needed(batch: PreparedBatch) -> int:
    """How often somebody has to change something between its runs: a substrate, and without a switch each pixel."""
    switched = batch.bench.instruments.pixel_switch is not None
    changed = [(run.substrate, "" if switched else run.pixel) for run in batch.runs]
    return sum(one != before for one, before in zip(changed[1:], changed[:-1], strict=True))


def batch_folder(batch: PreparedBatch, output: Path | None = None) -> Path:
    """Where its run files and its index go: to ``output``, else where the batch says, else where its first sweep says.

    :raises acquire.config.ConfigurationError: as :func:`acquire.bench.preparation.run_folder`.
    """
    first = batch.runs[0].prepared
    if output is None and (named := batch.loaded.batch.output):
        sweep = first.loaded.sweep
        moved = sweep.model_copy(update={"output": sweep.output.model_copy(update={"folder": named})})
        first = replace(first, loaded=replace(first.loaded, sweep=moved, sweep_path=batch.loaded.source.path))
    return run_folder(first, output)


def check_file(path: Path) -> CheckedFile:
    """What is to be said about a configuration file of any kind; of a sweep or a batch, all that a run would refuse."""
    checked = config.check_file(path)
    if checked.problems or checked.kind not in ("sweep", "batch"):
        return checked
    try:
        if checked.kind == "sweep":
            run_folder(prepare(path))
            return checked
        batch = prepare_batch(path)
        batch_folder(batch)
    except ConfigurationError as error:
        return replace(checked, problems=list(error.problems))
    return replace(checked, cautions=[*checked.cautions, *batch.cautions])
