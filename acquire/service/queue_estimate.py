"""What an item of the queue is going to do, as it is shown before it starts; nothing is opened.

An item is started only if its recipe still says what was shown of it: who approved it has seen what runs.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from acquire.config import ConfigurationError, Problem, Said
from acquire.config.yaml_source import read_yaml
from acquire.service.queue_rules import Request

if TYPE_CHECKING:
    from acquire.bench.preparation import PreparedRun

#: What must be as it was shown when the item starts, and how that is called.
AS_SHOWN: Mapping[str, str] = {
    "limits": "its largest levels",
    "points": "its number of points",
    "bench": "its bench",
    "digest": "its recipe",
}
MOST_CAUTIONS = 20

#: The options of ``acquire run``, by the field of the request.
OPTIONS: Mapping[str, str] = {
    "sample": "--sample",
    "pixel": "--pixel",
    "area": "--area",
    "user": "--user",
    "batch": "--batch",
    "note": "--note",
}
_OF_A_BATCH = ("user", "note")


def recipe_path(request: Request, recipes: Path) -> tuple[Path, Path | None]:
    """The recipe, and the bench if one is named, in the folder of recipes.

    :raises acquire.config.ConfigurationError: a name leads out of the folder.
    """
    return _inside(recipes, request.recipe, "recipe"), _inside(
        recipes, request.bench, "bench"
    ) if request.bench else None


def _inside(folder: Path, name: str, what: str) -> Path:
    try:
        path = (folder / name).resolve()
        inside = path.is_relative_to(folder.resolve()) and path != folder.resolve() and "\0" not in name
    except (OSError, ValueError, RuntimeError):
        inside = False
    if not inside:
        hint = "choose one of the list"
        raise ConfigurationError([Problem(Path(name), None, None, what, "leads out of the folder of recipes", hint)])
    return folder / name


def said_in(request: Request) -> list[Said]:
    """What a request says in place of what its recipe says."""
    said = {option: getattr(request, name) for name, option in OPTIONS.items()}
    return [Said(option, text) for option, text in said.items() if text]


def is_batch(path: Path) -> bool:
    """Whether a YAML file says of itself that it is a batch."""
    return read_yaml(path).content.get("kind") == "batch"


def estimate(request: Request, recipes: Path) -> dict[str, Any]:
    """Title, bench, duration [s], points, spectra, largest levels [V, A, W] and cautions of a request, as plain values.

    ``digest`` is of all that its sweeps say, so that a change is seen.

    :raises acquire.config.ConfigurationError: with every problem at once.
    """
    path, bench = recipe_path(request, recipes)
    if is_batch(path):
        return _of_batch(request, path, bench)
    from acquire.bench.preparation import prepare

    prepared = prepare(path, bench, said_in(request))
    return _plain([prepared], prepared.loaded.sweep.title, "sweep")


def _of_batch(request: Request, path: Path, bench: Path | None) -> dict[str, Any]:
    from acquire.bench.batch import prepare_batch

    said = said_in(request)
    wrong = [one.option for one in said if one.option.removeprefix("--") not in _OF_A_BATCH]
    if wrong:
        message, hint = f"{', '.join(wrong)}: of one run", "leave it empty: what holds for pixels is in the batch file"
        raise ConfigurationError([Problem(path, None, None, "", message, hint)])
    batch = prepare_batch(path, bench, said)
    return _plain([run.prepared for run in batch.runs], batch.loaded.batch.title, "batch")


def _plain(runs: Sequence[PreparedRun], title: str, kind: str) -> dict[str, Any]:
    stresses = [run.plan.stress for run in runs]
    cautions = dict.fromkeys(str(one) for run in runs for one in run.loaded.cautions)
    return {
        "title": title,
        "kind": kind,
        "bench": runs[0].loaded.bench.name,
        "simulated": runs[0].loaded.bench.simulated,
        "runs": len(runs),
        "seconds": sum(run.plan.duration for run in runs),
        "points": sum(run.plan.most_points for run in runs),
        "spectra": sum(run.plan.spectra.most for run in runs),
        "limits": {name: max(getattr(one, name) for one in stresses) for name in ("voltage", "current", "power")},
        "compliance": max(run.plan.compliance for run in runs),
        "compliance_unit": "A" if runs[0].plan.source_unit == "V" else "V",
        "cautions": list(cautions)[:MOST_CAUTIONS],
        "resources": _resources(runs),
        "digest": _digest(runs),
    }


def _resources(runs: Sequence[PreparedRun]) -> list[str]:
    """The addresses of the bench; a simulated one has none that others could have."""
    bench = runs[0].loaded.bench
    return [] if bench.simulated else [part.resource for part in bench.instruments.by_role.values()]


def _digest(runs: Sequence[PreparedRun]) -> str:
    """Of everything that the sweeps say with what is said in its place, and of the limits of their benches."""
    digest = hashlib.sha256()
    for run in runs:
        digest.update(run.loaded.sweep.model_dump_json().encode())
        digest.update(run.loaded.bench.model_dump_json().encode())
    return digest.hexdigest()


def differences(shown: Mapping[str, Any] | None, now: Mapping[str, Any]) -> list[str]:
    """What is not as it was shown any more; of an item of which nothing was shown nothing is."""
    if shown is None:
        return []
    return list(_different(shown, now))


def _different(shown: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    for name, what in AS_SHOWN.items():
        if shown.get(name) != now.get(name):
            yield what


def command_of(request: Request, recipes: Path, runs: Path, started_for: str) -> list[str]:
    """The arguments of ``acquire`` that carry a request out, its run file in ``runs``; operated under a name.

    :raises acquire.config.ConfigurationError: a name leads out of the folder of recipes.
    """
    path, bench = recipe_path(request, recipes)
    named = [f"--bench={bench}"] if bench else []
    said = [f"{one.option}={one.text}" for one in said_in(request)]  # so that a text may begin with a hyphen
    return ["run", str(path), *named, f"--output={runs}", "--json", "--no-plot", f"--remote={started_for}", *said]
