"""Run files named on the command line: which are meant, and what came of each."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from acquire.cli.arguments import FAILED
from acquire.cli.terminal import complain, say, say_json, whoever_listens

Found = TypeVar("Found")


def run_files_named(named: Sequence[Path]) -> tuple[list[Path], list[str]]:
    """The files meant, each once, a folder for its run files from the oldest on; and what is wrong with the rest."""
    from acquire.run_file.read import hdf5_files_in

    files, wrong = dict[Path, Path](), list[str]()
    for path in named:
        try:
            found = hdf5_files_in(path) if path.is_dir() else [path]
        except OSError as error:
            wrong.append(f"{path}: cannot be read ({error.strerror or error})")
            continue
        if not found:
            wrong.append(f"{path}: there is no run file in it")
        for file in found:
            files.setdefault(file.resolve(), file)
    return [*files.values()], wrong


def tell_of_each(
    paths: Iterable[Path],
    work: Callable[[Path], Found],
    lines: Callable[[Found], Iterable[object]],
    plain: Callable[[Found], dict[str, Any]],
    *,
    as_json: bool,
) -> list[Found | None]:
    """Do something with each run file, and tell what came of it at once, or of all as one JSON object.

    Each is read in a process of its own first, which may die of a damaged one. None, with the reason on standard error,
    is what came of a file that ``work`` refuses with an ArchiveError.
    """
    from acquire.run_file import reading_apart
    from acquire.run_file.read import ArchiveError

    done = list[Found | None]()
    for path in paths:
        try:
            reading_apart.read_run(path)
            found = work(path)
        except ArchiveError as error:
            complain(error, FAILED)
            done.append(None)
            continue
        done.append(found)
        if not as_json:
            with whoever_listens(sys.stdout):
                say(sys.stdout, *lines(found))
    if as_json:
        with whoever_listens(sys.stdout):
            say_json({"runs": [plain(one) for one in done if one is not None]})
    return done
