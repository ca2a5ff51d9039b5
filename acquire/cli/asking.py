"""Questions of the reporting checklist at a terminal: what no file knows, once per bench and substrate."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from acquire.cli.arguments import FAILED, USAGE
from acquire.cli.terminal import complain, say, somebody_to_ask
from acquire.config.answers import OF_A_BENCH, OF_A_SUBSTRATE, Answer, AnswersFile, with_entry
from acquire.safety.visible import one_line

if TYPE_CHECKING:
    from acquire.run_file.documented import DocumentedRun


def ask_what_is_missing(runs: Sequence[DocumentedRun], known: AnswersFile, path: Path) -> AnswersFile:
    """Ask what is not answered yet of each bench and substrate of some runs, and add it to the file of answers.

    Enter leaves a question open; the end of the input ends the asking, as Ctrl-C does. What was answered is kept.

    :raises typer.Exit: nobody can be asked, or the file cannot be written.
    """
    if not somebody_to_ask():
        raise complain(f"nobody can be asked here; write the answers into {path} (see acquire report --help)", USAGE)
    say(sys.stderr, f"Answers are kept in {path}, which can be edited. Enter leaves a question open.")
    for scope, name, words in _open_questions(runs, known):
        answered: dict[str, str] = {}
        try:
            ended = _asked(scope, name, words, answered)
        finally:
            known = _kept(path, scope, name, answered) if answered else known
        if ended:
            break
    return known


def _open_questions(runs: Sequence[DocumentedRun], known: AnswersFile) -> Iterator[tuple[str, str, list[str]]]:
    """What is not answered yet: bench or substrate, its name, the words of the questions."""
    from acquire.report.assembled import bench_of, substrate_of

    for scope, names, words, answered in (
        ("bench", map(bench_of, runs), OF_A_BENCH, known.of_bench),
        ("substrate", map(substrate_of, runs), OF_A_SUBSTRATE, known.of_substrate),
    ):
        for name in dict.fromkeys(names):
            missing = [word for word in words if word not in answered(name)]
            if name and missing:
                yield scope, name, missing


def _asked(scope: str, name: str, words: Sequence[str], answered: dict[str, str]) -> bool:
    """Put the answers by their words into ``answered``; whether the input has ended."""
    say(sys.stderr, "", f"{scope} {name}")
    for word in words:
        description = Answer.model_fields[word].description or word
        question = description.partition(": ")[2].rstrip(".")
        print(one_line(f"  {question}: "), end="", file=sys.stderr, flush=True)
        try:
            line = sys.stdin.readline()
        except UnicodeDecodeError:
            say(sys.stderr, "  that was no text; the question stays open")
            continue
        if not line:
            return True
        if text := " ".join(line.split()):
            answered[word] = text
    return False


def _kept(path: Path, scope: str, name: str, answered: dict[str, str]) -> AnswersFile:
    """The file of answers with one entry more.

    :raises typer.Exit: it cannot be written.
    """
    from acquire.config import ConfigurationError
    from acquire.config.loading import load_answers
    from acquire.run_file.placing import replace_file

    try:
        before = path.read_text(encoding="utf-8-sig") if path.exists() else ""
        text = with_entry(before, {scope: name, **answered})
        replace_file(path, text.encode())
        return load_answers(path)
    except OSError as error:
        raise complain(f"{path}: cannot be written ({error.strerror or error})", FAILED) from error
    except (ConfigurationError, ValueError) as error:
        raise complain(error, FAILED) from error
