"""The command that says something of runs afterwards: tags and comments."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from acquire.cli.arguments import COMPLETED, FAILED, USAGE, JsonOption
from acquire.cli.terminal import complain, say, say_json, shell_quoted, whoever_listens

if TYPE_CHECKING:
    from acquire.run_file.read import Run
    from acquire.run_file.tagging import Wish


def tag(
    run_files: Annotated[
        list[str],
        typer.Argument(help='run files, then the tag in quotes: RUN.h5 "bad contact"', metavar="RUN.h5 ... [TAG]"),
    ],
    remove: Annotated[str, typer.Option("--remove", help="take this tag off", metavar="TAG")] = "",
    comment: Annotated[str, typer.Option("--comment", help="say more than a few words", metavar="TEXT")] = "",
    user: Annotated[str, typer.Option("--user", help="who says it", metavar="NAME")] = "",
    as_json: JsonOption = False,
) -> None:
    """Tag finished runs, or comment on them, beside the raw data; without a tag, show what was said."""
    from acquire.run_file.tagging import Wish, objections

    paths, text = _apart(run_files)
    moment = datetime.now(UTC).astimezone().isoformat(timespec="seconds")
    wish = Wish(text.strip(), remove.strip(), comment.strip(), user.strip(), moment)
    if wrong := objections(wish):
        raise complain(wrong, USAGE)
    told = [_said_of(path, wish) for path in paths]
    runs = [run for run in told if run is not None]
    with whoever_listens(sys.stdout):
        if as_json:
            say_json({"runs": [_plain(run) for run in runs]})
        else:
            for run in runs:
                _print(run)
    raise typer.Exit(COMPLETED if len(runs) == len(paths) else FAILED)


def _apart(arguments: Sequence[str]) -> tuple[list[Path], str]:
    """Run files and the tag behind them, if there is one.

    :raises typer.Exit: they make no sense.
    """
    *first, last = arguments
    is_tag = not _is_file(last)
    files = first if is_tag else [*first, last]
    if not files:
        raise complain(f'{last}: is no run file; first the run files, then the tag: acquire tag RUN.h5 "{last}"', USAGE)
    if wrong := [text for text in files if not _is_file(text)]:
        tag_first = not is_tag and not _is_file(files[0])
        words = " ".join([*wrong, *([last] if is_tag else [])])
        named = last if tag_first else files[0]
        how = "First the run files, then the tag" if tag_first else "A tag of several words stands between quotes"
        raise complain(
            f"{wrong[0]}: there is no such file; nothing was tagged. {how}: "
            f'acquire tag {shell_quoted(Path(named))} "{words}"',
            USAGE,
        )
    return [Path(text) for text in files], last if is_tag else ""


def _is_file(text: str) -> bool:
    """Whether an argument means a run file: by its ending, or because there is one."""
    return text.endswith(".h5") or Path(text).exists()


def _said_of(path: Path, wish: Wish) -> Run | None:
    """The run with what is said of it; None, with the reason on standard error, where that is not possible."""
    from acquire.run_file import reading_apart
    from acquire.run_file.read import ArchiveError

    try:
        if wish.tag or wish.remove or wish.comment:
            return reading_apart.say_of(path, wish)
        return reading_apart.read_run(path)
    except ArchiveError as error:
        complain(error, FAILED)
        return None


def _plain(run: Run) -> dict[str, Any]:
    from dataclasses import asdict

    remarks = [{**asdict(one), "kind": str(one.kind)} for one in run.remarks]
    return {"run_id": run.run_id, "path": str(run.path), "tags": list(run.tags), "remarks": remarks}


def _print(run: Run) -> None:
    from acquire.cli.conditions import comments

    say(sys.stdout, f"{run.path}: {', '.join(run.tags) if run.tags else 'no tag'}")
    say(sys.stdout, *(f"comment {text}" for text in comments(run)))
