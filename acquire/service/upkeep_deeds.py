"""What people decide after upkeep: a bench is to use a new calibration, a change of the bench is known."""

from __future__ import annotations

import re
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from acquire.config import ConfigurationError, load_bench
from acquire.config.yaml_source import read_yaml
from acquire.evaluation.health import Acceptance
from acquire.service import recipes
from acquire.service.errors import RequestRefused
from acquire.service.upkeep import JobTold
from acquire.upkeep.calibrate import name_for_bench

#: The line of a bench file that names its calibration, in its section.
_LINE = re.compile(
    r"(^photodiode:[^\n]*\n(?:[ \t#][^\n]*\n|\n)*?[ \t]+calibration:[ \t]*)([^\n#]*)([^\n]*)", re.MULTILINE
)


def use(folder: Path, job: JobTold, person: str) -> str:
    """Let the bench with which a calibration was made use it from now on; the name of its file.

    The file is changed in the one line that names the calibration, which keeps what stood there as a comment.

    :raises RequestRefused: there is no such line, or the bench would be wrong with it.
    """
    if job.calibration is None:
        raise RequestRefused(409, "this came to no calibration", "choose one that was made", where="start_id")
    name = job.bench or _bench_of(folder, job.recipe)
    path = recipes.recipe_in(folder, name)
    text = recipes.text_of(path)
    new = name_for_bench(Path(job.calibration.path).absolute(), path)
    found = _LINE.search(text)
    if found is None:
        hint = f"edit {name}: photodiode.calibration: {new}"
        raise RequestRefused(409, f"{name} has no line that names a calibration", hint, where="bench")
    before = found[2].strip().strip("'\"")
    if before == new:
        return name
    today = datetime.now().astimezone().date().isoformat()
    line = f"{found[1]}{new}  # {before} until {today}, by {' '.join(person.split())}"
    recipes.write(folder, name, text[: found.start()] + line + text[found.end() :], recipes.version_of(text))
    return name


def _bench_of(folder: Path, recipe: str) -> str:
    """The bench that a recipe names, as a name in the folder.

    :raises RequestRefused: it names none inside.
    """
    path = recipes.recipe_in(folder, recipe)
    named = read_yaml(path).content.get("bench")
    try:
        return (path.parent / str(named)).resolve().relative_to(folder.resolve()).as_posix()
    except (OSError, ValueError) as error:
        raise RequestRefused(
            409, f"{recipe} names no bench of this folder", "edit the bench file", where="bench"
        ) from error


def uses(folder: Path, job: JobTold) -> bool:
    """Whether the bench with which a calibration was made uses it."""
    if job.calibration is None:
        return False
    with suppress(RequestRefused, ConfigurationError, OSError):
        path = recipes.recipe_in(folder, job.bench or _bench_of(folder, job.recipe))
        named = load_bench(path).photodiode.calibration
        return named is not None and Path(named).stem == job.calibration.identity
    return False


def accept(folder: Path, bench: str, reason: str, person: str) -> None:
    """Record that a change of a bench is known: its alarms end, and all quantities begin anew.

    :raises RequestRefused: there is no such bench, its file is wrong, or its history cannot be written.
    """
    from acquire.upkeep.health import recorded

    path = recipes.recipe_in(folder, bench)
    now = datetime.now(UTC).astimezone().isoformat(timespec="seconds")
    try:
        recorded(load_bench(path), Acceptance(now, reason, person))
    except ConfigurationError as error:
        raise recipes.refuse_wrong(error) from error
    except OSError as error:
        raise RequestRefused(503, f"the history of checks cannot be written ({error.strerror or error})") from error
