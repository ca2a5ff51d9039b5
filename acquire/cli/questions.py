"""Questions that write a configuration file: each answer is checked at once, by the rules of the file it goes into."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from acquire.cli.arguments import INTERRUPTED, USAGE
from acquire.cli.terminal import complain, say, somebody_to_ask, whoever_listens
from acquire.safety.visible import one_line

if TYPE_CHECKING:
    from acquire.config import Problem

#: What was answered, by the names of the questions; an empty text: nothing.
Answers = Mapping[str, str]

NONE = "none"
MOST_TRIES = 20  # a program that answers wrongly for ever is not a person


def _always(_answers: Answers) -> bool:
    return True


@dataclass(frozen=True)
class Question:
    """One question, and where its answer goes.

    ``name`` is that of the option, too. ``places`` are the dotted keys that the answer decides: what is wrong there is
    wrong with it. ``default`` None: it must be answered. ``asked`` says whether it makes sense after what was answered.
    ``read`` makes of what was typed what is written. ``names_file``: what is wrong in that file is wrong with it.
    """

    name: str
    text: str
    places: tuple[str, ...]
    default: Callable[[Answers], str | None] = field(default=lambda _answers: None)
    asked: Callable[[Answers], bool] = _always
    read: Callable[[str], str] = str.strip
    choices: tuple[str, ...] = ()
    names_file: bool = False

    @property
    def option(self) -> str:
        """The option that answers it beforehand."""
        return f"--{self.name.replace('_', '-')}"


@dataclass
class Dialogue:
    """Questions put one after the other.

    ``check`` says what is wrong with the files that answers would make, ``files``; other files are named by answers.
    """

    questions: Sequence[Question]
    given: Answers
    files: Sequence[Path]
    check: Callable[[Answers], Sequence[Problem]]
    ask: bool
    greeting: bool = True
    answers: dict[str, str] = field(default_factory=dict)

    def answered(self) -> dict[str, str]:
        """Every answer: those given beforehand, those typed, and the defaults of the rest.

        :raises typer.Exit: one that was given is wrong, or one is missing and nobody can be asked.
        """
        self._refuse_what_is_missing()
        if self.ask and self.greeting:
            say(sys.stderr, "Enter takes what stands in [brackets]; Ctrl-C ends this, and nothing is written.")
        for question in self.questions:
            if not question.asked(self.answers):
                if question.name in self.given:
                    raise complain(f"{question.option} has no meaning with the other answers", USAGE)
                continue
            self.answers[question.name] = self._answer(question)
        return self.answers

    def _refuse_what_is_missing(self) -> None:
        if self.ask:
            return
        supposed = _supposed(self.questions, self.given, self.answers)
        missing = [question.option for question in self.questions if supposed.get(question.name, "") is None]
        if missing:
            raise complain(f"nobody can be asked here; give {', '.join(missing)}", USAGE)

    def _answer(self, question: Question) -> str:
        if (beforehand := self.given.get(question.name)) is not None:
            answer = question.read(beforehand)
            if wrong := self._wrong(question, answer):
                raise complain([f"{question.option}: {line}" for line in wrong], USAGE)
            return answer
        default = question.default(self.answers)
        if not self.ask:
            assert default is not None
            if wrong := self._wrong(question, default):
                raise complain([f"{question.option}: {line}" for line in wrong], USAGE)
            return default
        return self._typed(question, default)

    def _typed(self, question: Question, default: str | None) -> str:
        for _ in range(MOST_TRIES):
            typed = _read_line(_prompt(question, default))
            answer = question.read(typed) if typed.strip() else default
            if answer is None:
                say(sys.stderr, "  an answer is needed here; Ctrl-C ends this, and nothing is written")
                continue
            wrong = self._wrong(question, answer)
            if not wrong:
                return answer
            say(sys.stderr, *(f"  {line}" for line in wrong))
        raise complain("too many answers that cannot be used; nothing was written", USAGE)

    def _wrong(self, question: Question, answer: str) -> list[str]:
        """What is wrong with an answer; of others only what it contradicts."""
        if question.choices and answer not in question.choices:
            return [f"'{answer}' is not one of {', '.join(question.choices)}"]
        answers = {**self.answers, question.name: answer}
        supposed = _supposed(self.questions, self.given, answers)
        problems = self.check({name: value for name, value in supposed.items() if value is not None})
        return [self._words(problem) for problem in problems if self._is_of(problem, question)]

    def _is_of(self, problem: Problem, question: Question) -> bool:
        """Whether a problem stands at one of the places that the question decides, or inside."""
        if problem.file not in self.files:
            return question.names_file
        places, path = question.places, problem.path
        if not path:  # the whole file cannot be read any more: by what was typed last
            return True
        return any(path == place or path.startswith((f"{place}.", f"{place}[")) for place in places)

    def _words(self, problem: Problem) -> str:
        """The problem without the place in a file that is not there yet."""
        from acquire.config.loading import RELATIVE

        # What is typed counts from the current folder; the file to be written has its own names for the same
        hint = f"; {problem.hint}".replace(RELATIVE, "names count from the current folder") if problem.hint else ""
        return f"{problem.message}{hint}" if problem.file in self.files else str(problem)


def _supposed(questions: Iterable[Question], given: Answers, answers: Answers) -> dict[str, str | None]:
    """The answers so far, and to the rest what was given beforehand or is the default."""
    supposed: dict[str, str | None] = dict(answers)
    for question in questions:
        known = {name: answer or "" for name, answer in supposed.items()}
        if question.name in supposed or not question.asked(known):
            continue
        beforehand = given.get(question.name)
        supposed[question.name] = question.default(known) if beforehand is None else question.read(beforehand)
    return supposed


def _prompt(question: Question, default: str | None) -> str:
    choices = f" ({'/'.join(question.choices)})" if question.choices else ""
    shown = "" if default is None else f" [{default.strip('[]') or NONE}]"
    return f"{question.text}{choices}{shown}: "


def _read_line(prompt: str) -> str:
    """One line as it was typed.

    :raises KeyboardInterrupt: the input is at its end, as after Ctrl-D: nobody answers any more.
    """
    print(one_line(prompt), end="", file=sys.stderr, flush=True)
    try:
        line = sys.stdin.readline()
    except UnicodeDecodeError:
        return ""
    if not line:
        raise KeyboardInterrupt
    return line


def ask_or_leave(dialogue: Dialogue) -> dict[str, str]:
    """Every answer; Ctrl-C ends the command, and nothing was written.

    :raises typer.Exit: interrupted, or an answer that was given is wrong.
    """
    try:
        return dialogue.answered()
    except KeyboardInterrupt as interrupt:
        with whoever_listens(sys.stderr):
            say(sys.stderr, "")
        raise complain("nothing was written", INTERRUPTED) from interrupt


def somebody(*, defaults: bool) -> bool:
    """Whether questions are put: somebody is there, and did not ask for the defaults."""
    return not defaults and somebody_to_ask()


def optional(typed: str) -> str:
    """An answer that may be nothing: ``none`` or ``-``."""
    return "" if typed.strip().lower() in (NONE, "-") else typed.strip()


def listed(typed: str) -> str:
    """Several quantities, parted by commas, semicolons or blanks, as a YAML list; one unit behind all counts for all.

    A comma with no blank behind it stays: it is no comma between two.
    """
    typed = optional(typed)
    if not typed or typed.startswith("["):
        return typed
    parts = [part.strip() for part in re.split(r";|,\s+|,$", typed) if part.strip()]
    if len(parts) == 1 and re.fullmatch(r"[\d.]+(?:\s+[\d.]+)+\s*\S*", typed):
        parts = re.findall(r"[\d.]+(?:\s*[^\d\s.]\S*)?", typed)
    unit = re.sub(r"^[\d.,+-]+\s*", "", parts[-1])
    return f"[{', '.join(part if re.search(r'[^-+.,0-9]', part) or not unit else f'{part} {unit}' for part in parts)}]"


# What is written


#: Texts that YAML takes for nothing.
_EMPTY = ("", "~", "null", "Null", "NULL")
_PLAIN = re.compile(r"[\w(./][\w .,/()+^%*²³°·-]*")


def scalar(text: str) -> str:
    """A text as it stands in a YAML file: plain where YAML reads it as it is, else in quotes."""
    from acquire.config.yaml_traps import quoted

    return text if _PLAIN.fullmatch(text) and text not in _EMPTY else quoted(text)


def lines_of(*lines: tuple[str, str] | str | None, column: int = 42) -> str:
    """A file: texts as they are, (line, comment) with the comment in its column; None is left out."""
    written = (
        line if isinstance(line, str) else f"{line[0]:<{column - 1}} # {line[1]}" for line in lines if line is not None
    )
    return "\n".join(written) + "\n"


def file_to_write(default: Path, *, ask: bool) -> Path:
    """The name for a file, at which nothing stands; asked for where somebody is there.

    :raises typer.Exit: interrupted.
    """
    default = free_name(default)
    if not ask:
        return default
    question = Question("file", "Write it to which file", (), lambda _: default.as_posix())
    while True:
        path = Path(ask_or_leave(Dialogue([question], {}, (), lambda _: (), ask=True, greeting=False))["file"])
        path = path if path.suffix in (".yaml", ".yml") else path.with_name(f"{path.name}.yaml")
        if not path.exists():
            return path
        say(sys.stderr, f"  {path} is there already, and nothing is written over it")


def free_name(path: Path) -> Path:
    """The path, or the first of ``_2``, ``_3``, ... at which nothing stands."""
    names = [path, *(path.with_name(f"{path.stem}_{number}{path.suffix}") for number in range(2, 1000))]
    return next(name for name in names if not name.exists())


def refuse_what_is_there(*files: Path | None) -> None:
    """Say at the start that nothing is written over a file.

    :raises typer.Exit: one of them is there already.
    """
    for path in files:
        if path is not None and (path.exists() or path.is_symlink()):
            raise complain(f"{path} is there already, and nothing is written over it; name another file", USAGE)


def write_new(files: Mapping[Path, str]) -> None:
    """Write files, none over another; their folders are made.

    :raises typer.Exit: one of them is there already, or cannot be written.
    """
    from acquire.run_file.placing import replace_file

    refuse_what_is_there(*files)
    for path, text in files.items():
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            replace_file(path, text.encode(), new=True)
        except FileExistsError as error:
            raise complain(f"{path} is there already, and nothing is written over it", USAGE) from error
        except OSError as error:
            raise complain(f"{path} cannot be written: {error.strerror or error}", USAGE) from error


def beside(path: Path, folder: Path) -> str:
    """How a file in ``folder`` names ``path``: relative where that is possible, with slashes."""
    import os

    try:
        return Path(os.path.relpath(path, folder)).as_posix()
    except ValueError:  # another drive
        return path.resolve().as_posix()
