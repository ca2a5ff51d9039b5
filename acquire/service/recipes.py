"""The recipes that may be chosen: YAML files in one folder and in those inside it; no name leads out of it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

from acquire.config import ConfigurationError, check_text
from acquire.config.overrides import PLACES
from acquire.config.yaml_source import Problem, parse_yaml, read_start
from acquire.run_file.naming import is_device
from acquire.run_file.placing import write_over
from acquire.service.errors import ProblemAnswer, RequestRefused, not_found

LONGEST = 1 << 20  # bytes
DEEPEST = 3
SUFFIXES = (".yaml", ".yml")
_NAME = re.compile(r"(?:[\w][\w.+ -]{0,100}/){0,3}[\w][\w.+ -]{0,100}\.ya?ml")
_KIND = re.compile(r"^kind:\s*([a-z]+)", re.MULTILINE)
_TITLE = re.compile(r"^(?:title|name):[ \t]*(.*?)[ \t]*(?:#.*)?$", re.MULTILINE)


@dataclass(frozen=True)
class Recipe:
    """One of them: its name in the folder, kind, title, and when it was written (ISO 8601)."""

    name: str
    kind: str
    title: str
    modified: str


def path_in(folder: Path, name: str) -> Path:
    """The file of a name in a folder, there or not.

    :raises RequestRefused: the name leads out of it, or is none of a recipe.
    """
    path = folder / name
    hint = "names have letters, digits and '.', '_', '-', end with .yaml, and may name a folder in front: sweeps/x.yaml"
    if _NAME.fullmatch(name) is None or ".." in name:
        raise RequestRefused(422, "this is no name of a recipe", hint, where="name")
    if any(is_device(part) for part in name.split("/")):
        raise RequestRefused(422, "Windows takes this name for a device", "choose another one", where="name")
    try:
        inside = path.resolve().is_relative_to(folder.resolve())
    except (OSError, RuntimeError):
        inside = False
    if not inside:
        raise RequestRefused(422, "this leads out of the folder of recipes", hint, where="name")
    return path


def recipe_in(folder: Path, name: str) -> Path:
    """The file of a recipe that is there.

    :raises RequestRefused: it is not.
    """
    path = path_in(folder, name)
    if not path.is_file():
        raise not_found(f"there is no recipe {name}", "choose one of the list", "recipe")
    return path


def listed(folder: Path) -> list[Recipe]:
    """All recipes, by name."""
    return sorted(_listed(folder, "", 0), key=lambda recipe: recipe.name)


def _listed(folder: Path, before: str, depth: int) -> Iterator[Recipe]:
    try:
        entries = sorted(folder.iterdir())
    except OSError:
        return
    for path in entries:
        name = before + path.name
        if path.is_dir() and not path.is_symlink():
            if depth < DEEPEST and not path.name.startswith("."):
                yield from _listed(path, name + "/", depth + 1)
        elif _NAME.fullmatch(name):
            try:
                start = read_start(path, 4096).decode(errors="replace")
                modified = datetime.fromtimestamp(path.stat().st_mtime).astimezone().isoformat(timespec="seconds")
            except OSError:
                continue
            kind, title = _KIND.search(start), _TITLE.search(start)
            yield Recipe(name, kind[1] if kind else "other", title[1].strip("'\"") if title else "", modified)


def text_of(path: Path) -> str:
    """The text of a recipe.

    :raises RequestRefused: it cannot be read, or is too long.
    """
    try:
        content = read_start(path, LONGEST + 1)
        text = content.decode()
    except (OSError, UnicodeDecodeError) as error:
        raise RequestRefused(409, f"{path.name} cannot be read as text ({error})", where="name") from error
    if len(content) > LONGEST:
        raise RequestRefused(413, f"{path.name} is longer than {LONGEST >> 20} MB", where="name")
    return text


def version_of(text: str) -> str:
    """A mark of a text, by which it is known again."""
    return sha256(text.encode()).hexdigest()


def given_in(path: Path, text: str) -> dict[str, str | None]:
    """What a sweep says of sample, pixel, area, batch, user and note, as text; None where it says nothing."""
    content = parse_yaml(path, text).content
    found: dict[str, str | None] = {}
    for option, place in PLACES.items():
        value: Any = content
        for key in place:
            value = value.get(key) if isinstance(value, Mapping) else None
        found[option.removeprefix("--")] = None if value is None or isinstance(value, Mapping | list) else str(value)
    return found


def problems_of(error: ConfigurationError) -> list[ProblemAnswer]:
    """Everything that is wrong with a configuration."""
    return [problem_answer(problem) for problem in error.problems]


def problem_answer(problem: Problem) -> ProblemAnswer:
    """One problem, with the file only where it is another one than its line would make one think."""
    where = problem.option or problem.path or problem.file.name
    return ProblemAnswer(where=where, line=problem.line, message=problem.message, hint=problem.hint)


def refuse_wrong(error: ConfigurationError) -> RequestRefused:
    """A recipe that cannot be run."""
    problems = problems_of(error)
    return RequestRefused(422, str(error.problems[0]), code="invalid", where="recipe", problems=problems)


def write(folder: Path, name: str, text: str, version: str | None) -> str:
    """Write a recipe that is right in place of the one that was read; its new version.

    :raises RequestRefused: it is wrong, was changed meanwhile, or cannot be written.
    """
    path = path_in(folder, name)
    there = version_of(text_of(path)) if path.exists() else None
    if there != version:
        what = "there is a recipe of this name already" if version is None else "the recipe was changed meanwhile"
        raise RequestRefused(409, what, "load it again, or save under another name", where="version")
    checked = check_text(path, text)
    if checked.problems:
        raise refuse_wrong(ConfigurationError(list(checked.problems)))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_over(path, text.encode())
    except OSError as error:
        raise RequestRefused(409, f"{name} cannot be written ({error.strerror or error})", where="name") from error
    return version_of(text)
