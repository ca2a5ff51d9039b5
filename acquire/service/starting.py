"""A run wanted from a page: planned, and started in a process of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from acquire.config import ConfigurationError, Said
from acquire.config.yaml_source import read_yaml
from acquire.service import recipes
from acquire.service.commands import said_by
from acquire.service.errors import RequestRefused
from acquire.service.queue_rules import Request
from acquire.service.settings import Settings

if TYPE_CHECKING:
    from acquire.bench.preparation import PreparedRun

#: The options of ``acquire run``, by the field of a wish.
OPTIONS: Mapping[str, str] = {
    "sample": "--sample",
    "pixel": "--pixel",
    "area": "--area",
    "user": "--user",
    "batch": "--batch",
    "note": "--note",
}


class Wish(Request):
    """What is wanted to be run, as the queue keeps it, with the files and the options that it comes to."""

    def paths(self, settings: Settings) -> tuple[Path, Path | None]:
        """The files of recipe and bench.

        :raises RequestRefused: there are none.
        """
        bench = recipes.recipe_in(settings.recipes, self.bench) if self.bench else None
        return recipes.recipe_in(settings.recipes, self.recipe), bench

    @property
    def said(self) -> list[Said]:
        """What is said for this run only."""
        return [Said(option, text) for name, option in OPTIONS.items() if (text := getattr(self, name))]

    def options(self, bench: Path | None) -> list[str]:
        """The same as options of a command."""
        named = [f"--bench={bench}"] if bench else []
        return [*named, *(f"{one.option}={one.text}" for one in self.said)]


def is_batch(path: Path) -> bool:
    """Whether a YAML file says of itself that it is a batch."""
    return read_yaml(path).content.get("kind") == "batch"


def command_of(wish: Wish, settings: Settings) -> list[str]:
    """The arguments of ``acquire`` that carry out a run.

    :raises RequestRefused: there is no such recipe or bench.
    """
    path, bench = wish.paths(settings)
    return ["run", str(path), f"--output={settings.runs}", "--json", "--no-plot", *wish.options(bench)]


def planned(wish: Wish, settings: Settings) -> dict[str, Any]:
    """What a run is going to do.

    :raises RequestRefused: there is no such recipe, or something is wrong with it.
    """
    path, bench = wish.paths(settings)
    try:
        runs, kind = _prepared(wish, path, bench)
    except ConfigurationError as error:
        raise recipes.refuse_wrong(error) from error
    status, text, complaint = said_by(["plan", str(path), f"--output={settings.runs}", *wish.options(bench)])
    if status:
        raise RequestRefused(422, complaint.strip()[:1000] or "the plan was not made", where="recipe")
    stresses = [run.plan.stress for run in runs]
    return {
        "text": text,
        "kind": kind,
        "seconds": sum(run.plan.duration for run in runs),
        "points": sum(run.plan.most_points for run in runs),
        "spectra": sum(run.plan.spectra.most for run in runs),
        "limits": {name: max(getattr(one, name) for one in stresses) for name in ("voltage", "current", "power")},
        "cautions": list(dict.fromkeys(str(one) for run in runs for one in run.loaded.cautions)),
    }


def refuse_unfit(wish: Wish, settings: Settings) -> bool:
    """See that a run could begin, as far as its files say; whether it is one sweep on a simulated bench.

    :raises RequestRefused: there is no such recipe, or something is wrong with it.
    """
    path, bench = wish.paths(settings)
    try:
        runs, kind = _prepared(wish, path, bench)
    except ConfigurationError as error:
        raise recipes.refuse_wrong(error) from error
    return kind == "sweep" and runs[0].loaded.bench.simulated


def _prepared(wish: Wish, path: Path, bench: Path | None) -> tuple[Sequence[PreparedRun], str]:
    """The runs of a recipe, and its kind.

    :raises acquire.config.ConfigurationError: with every problem at once.
    """
    from acquire.bench.batch import prepare_batch
    from acquire.bench.preparation import prepare

    if is_batch(path):
        return [run.prepared for run in prepare_batch(path, bench, wish.said).runs], "batch"
    return [prepare(path, bench, wish.said)], "sweep"
