"""YAML text to plain lists, mappings and texts, each with the place where it stands in its file.

Only the composer of PyYAML is used: nothing is constructed, no tag is executed, every scalar stays a text.
What is wrong with a file becomes a :class:`Problem`, never an exception. A file that cannot be taken apart may be
anything, a private key for example: no problem with its form quotes a word of it.
"""

from __future__ import annotations

import errno
import re
import stat
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import sha256
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

import yaml

from acquire.config import yaml_traps
from acquire.config.yaml_traps import Trap
from acquire.safety.visible import one_line, shortened

LARGEST_FILE = 1_000_000  # bytes
DEEPEST = 20  # levels of nesting
MOST_ALIASES = 20
LONGEST_PLACE = 200  # characters of a dotted path in a message
HDF5_SIGNATURE = b"\x89HDF\r\n\x1a\n"
LARGEST_RUN_FILE = 1 << 30  # bytes; 100 000 points are 40 MB, a thousand spectra 4 MB
LARGEST_LONG_RUN_FILE = 8 << 30  # of a run whose tables grow, and are never in memory; a year of readings is 5 GB
MOST_VALUES = 5_000  # after aliases are written out

_PLAIN_TAGS = frozenset(
    f"tag:yaml.org,2002:{name}"
    for name in ("null", "bool", "int", "float", "timestamp", "str", "seq", "map", "merge", "value")
) | {"!"}

#: What an escape sequence can put into a text, but neither a terminal nor a file can take: controls, surrogates.
_NOT_TEXT = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")

Place = tuple[str | int, ...]


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with a configuration, where, and how to correct it; lines and columns from 1.

    ``option``: where it was said, if not in the file.
    """

    file: Path
    line: int | None
    column: int | None
    path: str
    message: str
    hint: str = ""
    option: str = field(default="", kw_only=True)

    def __str__(self) -> str:
        """The problem as one line; what a terminal could take for a command is written as an escape sequence."""
        return one_line(self._line())

    def _line(self) -> str:
        where = self.option or (f"{self.file}:{self.line}" if self.line else f"{self.file}")
        sentence = f"{shortened(self.path, LONGEST_PLACE)}: {self.message}" if self.path else self.message
        if not self.hint:
            return f"{where}: {sentence}{'' if sentence.endswith('?') else '.'}"
        end = "" if self.hint.endswith("?") else "."
        stop = "" if sentence.endswith("?") else "."
        return f"{where}: {sentence}{stop} {self.hint[0].upper()}{self.hint[1:]}{end}"


@dataclass(frozen=True)
class OtherFile(Problem):
    """A file that is not of the sort that is wanted: said of the line that names it, where there is one."""


@dataclass(frozen=True)
class Caution(Problem):
    """One thing that is no error, but should be known before a configuration is used.

    ``found_by_run``: a run finds it as well, and records it as a finding of its own.
    """

    found_by_run: bool = False


@dataclass(frozen=True)
class Mark:
    """Line and column of a value, both from 1."""

    line: int
    column: int


@dataclass(frozen=True)
class YamlSource:
    """One file as read: its text, its content without any interpretation, and where each value stands.

    ``comments``: behind which values a comment stands that may have been meant as a part of them. ``instead``: what to
    say of a value in place of anything else, should it turn out wrong. ``origins``: how those values were said that
    stand in the file's place for one run.
    """

    path: Path
    text: str = ""
    sha256: str = ""
    content: Mapping[str, Any] = field(default_factory=dict)
    marks: Mapping[Place, Mark] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()
    comments: Mapping[Place, str] = field(default_factory=dict)
    instead: Mapping[Place, Trap] = field(default_factory=dict)
    origins: Mapping[Place, str] = field(default_factory=dict)

    def mark(self, place: Place) -> Mark | None:
        """Where a value stands; where it is not written, where the section around it begins."""
        for length in range(len(place), -1, -1):
            if place[:length] in self.marks:
                return self.marks[place[:length]]
        return None

    def problem(self, place: Place, message: str, hint: str = "") -> Problem:
        """A problem with the value at ``place``."""
        option = self.origins.get(place, "")
        return Problem(self.path, *self._position(place), dotted(place), message, hint, option=option)

    def caution(self, place: Place, message: str, hint: str = "", *, found_by_run: bool = False) -> Caution:
        """A caution about the value at ``place``."""
        option = self.origins.get(place, "")
        return Caution(self.path, *self._position(place), dotted(place), message, hint, found_by_run, option=option)

    def _position(self, place: Place) -> tuple[int | None, int | None]:
        mark = self.mark(place)
        return (mark.line, mark.column) if mark else (None, None)

    def where(self, place: Place) -> str:
        """``file:line`` of a value, to be named in a message, or the option that stands for it in this run."""
        if option := self.origins.get(place):
            return option
        mark = self.mark(place)
        return f"{self.path}:{mark.line}" if mark else f"{self.path}"


def is_text(text: str) -> bool:
    """Whether a text holds nothing that neither a terminal nor a file can take."""
    return not _NOT_TEXT.search(text)


def dotted(place: Iterable[str | int]) -> str:
    """``source.stop``, ``spectra.at_luminance[2]``."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in place).lstrip(".")


def read_yaml(path: Path) -> YamlSource:
    """Read one file; whatever is wrong with it is in ``problems``."""
    try:
        raw = read_start(path, LARGEST_FILE + 1)
    except FileNotFoundError:
        return _unusable(path, "there is no such file", "check the name and the folder")
    except (OSError, ValueError) as error:
        if what_is(path) == "folder":
            return _unusable(path, "cannot be read: it is a folder", "name a file in it")
        why = error.strerror if isinstance(error, OSError) and error.strerror else error
        return _unusable(path, f"cannot be read: {why}", "check the name and the permissions")
    if len(raw) > LARGEST_FILE:
        return _another(path, f"is larger than {LARGEST_FILE // 1_000_000} MB", "this is not a configuration file")
    if raw.startswith(HDF5_SIGNATURE):
        return _another(path, "is an HDF5 file, not a configuration", "for a run file there is 'acquire show'")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        return _unusable(path, "is not UTF-8 text", "save the file with the encoding UTF-8", line)
    return parse_yaml(path, text, sha256(raw).hexdigest())


def what_is(path: Path) -> Literal["file", "folder", "pipe or device", "nothing"]:
    """What stands under a name; never raises, however odd the name (pathlib does for one that is too long)."""
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError):
        return "nothing"
    if stat.S_ISDIR(mode):
        return "folder"
    return "file" if stat.S_ISREG(mode) else "pipe or device"


def read_start(path: Path, length: int) -> bytes:
    """The first ``length`` bytes of a file.

    Pipes and devices may have no end, or never begin; nothing waits for them.

    :raises OSError: it cannot be read, or is a pipe or a device.
    """
    if what_is(path) == "pipe or device":
        raise OSError(errno.EINVAL, "it is a pipe or a device, not a file", str(path))
    with path.open("rb") as file:
        return file.read(length)


def _unusable(path: Path, message: str, hint: str, line: int | None = None) -> YamlSource:
    return YamlSource(path, problems=(Problem(path, line, 1 if line else None, "", message, hint),))


def _another(path: Path, message: str, hint: str) -> YamlSource:
    return YamlSource(path, problems=(OtherFile(path, None, None, "", message, hint),))


def parse_yaml(path: Path, text: str, digest: str = "") -> YamlSource:
    """Take YAML text apart; ``path`` only names it in problems."""
    try:
        root, anchors = _compose(text)
    except yaml.YAMLError as error:
        return YamlSource(path, text, digest, problems=(_syntax_problem(path, text, error),))
    if root is None:
        empty = Problem(path, 1, 1, "", "the file is empty", "begin with 'kind: sweep' (or bench, device, calibration)")
        return YamlSource(path, text, digest, problems=(empty,))
    if not isinstance(root, yaml.MappingNode):
        return YamlSource(path, text, digest, problems=(_not_a_mapping(path, text, root),))
    unfolding = _Unfolding(path, text, frozenset(mark.index for mark in anchors.values()))
    try:
        content = unfolding.value(root, ()) or {}
    except _TooMuchError:
        return YamlSource(path, text, digest, problems=tuple(unfolding.problems[-1:]))
    found = unfolding.marks, tuple(unfolding.problems), unfolding.comments, unfolding.instead
    return YamlSource(path, text, digest, content, *found)


def _not_a_mapping(path: Path, text: str, root: yaml.Node) -> Problem:
    mark = _mark(root)
    if yaml_traps.is_ours(text) and (trap := yaml_traps.why_no_yaml(text, mark.line, "")):
        return Problem(path, trap.line, 1, "", trap.message, trap.hint)
    hint = "begin with 'kind: sweep' (or bench, device, calibration), or name another file"
    return OtherFile(path, mark.line, mark.column, "", "the file must consist of 'key: value' lines", hint)


class _GuardedLoader(yaml.SafeLoader):
    """PyYAML's composer with a limit on depth and on aliases."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._depth = 0
        self._aliases = 0
        self._nodes = 0
        self.unused: dict[str, yaml.Mark] = {}

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        event = self.peek_event()  # type: ignore[no-untyped-call]
        start, anchor = event.start_mark, str(getattr(event, "anchor", None) or "")
        if self.check_event(yaml.AliasEvent):
            self._aliases += 1
            self.unused.pop(anchor, None)
        elif anchor:
            self.unused[anchor] = start
        if self._aliases > MOST_ALIASES:
            raise yaml.MarkedYAMLError(problem=f"more than {MOST_ALIASES} aliases (*name)", problem_mark=start)
        self._nodes += 1
        if self._nodes > 2 * MOST_VALUES:  # keys are nodes as well
            raise yaml.MarkedYAMLError(problem=f"more than {MOST_VALUES} values", problem_mark=start)
        if self._depth > DEEPEST:
            raise yaml.MarkedYAMLError(problem=f"nested deeper than {DEEPEST} levels", problem_mark=start)
        self._depth += 1
        try:
            return super().compose_node(parent, index)
        finally:
            self._depth -= 1


@lru_cache(maxsize=32)  # the same bench, calibration and device are read for run after run; nobody changes a node
def _compose(text: str) -> tuple[yaml.Node | None, Mapping[str, yaml.Mark]]:
    """The root, and where each anchor stands that nothing refers to."""
    loader = _GuardedLoader(text)
    try:
        return loader.get_single_node(), loader.unused
    finally:
        loader.dispose()


class _TooMuchError(Exception):
    """The aliases of a file stand for more values than any configuration has."""


@dataclass
class _Unfolding:
    """Nodes to plain values, with the mark of each and every problem on the way."""

    path: Path
    text: str
    unused: frozenset[int] = frozenset()  # where anchors (&name) stand that nothing refers to
    marks: dict[Place, Mark] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    comments: dict[Place, str] = field(default_factory=dict)
    instead: dict[Place, Trap] = field(default_factory=dict)
    values: int = 0

    def value(self, node: yaml.Node, place: Place) -> Any:
        self.values += 1
        if len(place) > DEEPEST:
            raise self._too_much(node, f"nested deeper than {DEEPEST} levels once aliases are written out")
        if self.values > MOST_VALUES:
            raise self._too_much(node, f"holds more than {MOST_VALUES} values once aliases are written out")
        self.marks.setdefault(place, _mark(node))
        if node.start_mark.index in self.unused:
            message = "& names a value for use elsewhere (*name), but it is used nowhere"
            self._complain(node, place, message, "a text that begins with & stands in quotes; else remove it")
        if node.tag not in _PLAIN_TAGS:
            # A file that is one tagged value says nothing of its kind: it may be somebody else's
            tag = f"the tag {_short_tag(node.tag)}" if place else "a tag (!name)"
            self._complain(node, place, f"{tag} is not used here", "remove it; a text that begins with ! needs quotes")
            return None
        if isinstance(node, yaml.MappingNode):
            self._bracketed(node, place)
            return self._mapping(node, place)
        if isinstance(node, yaml.SequenceNode):
            self._bracketed(node, place)
            for i, (first, second) in enumerate(pairwise(node.value)):
                self._neighbours(first, second, (*place, i), (*place, i + 1))
            return [self.value(item, (*place, i)) for i, item in enumerate(node.value)]
        assert isinstance(node, yaml.ScalarNode)
        return self._scalar(node, place)

    def _scalar(self, node: yaml.ScalarNode, place: Place) -> str | None:
        if _NOT_TEXT.search(node.value):
            message, hint = "holds a control character, or half of a character", "remove the escape sequence"
            hint += f"; where a backslash is meant, {yaml_traps.BACKSLASH_HINT}" if node.style == '"' else ""
            self._complain(node, place, message, hint)
            return None
        if (
            node.style == '"'
            and place[-1:] != ("notes",)
            and (trap := yaml_traps.eaten_backslash(self._raw(node)[1:-1]))
        ):
            self._complain(node, place, trap.message, trap.hint)
            return None
        if node.style is None and (comment := yaml_traps.comment_behind(self.text, node.end_mark.index)):
            self.comments[place] = comment
        if node.tag.endswith(":null") and node.value and isinstance(place[-1], str):
            self.instead[place] = yaml_traps.nothing(place[-1], node.value)
        return None if node.tag.endswith(":null") else str(node.value)

    def _raw(self, node: yaml.Node) -> str:
        """A value as it is written."""
        return self.text[node.start_mark.index : node.end_mark.index]

    def _bracketed(self, node: yaml.CollectionNode, place: Place) -> None:
        """A list or section in brackets may have been meant as a text."""
        if place and isinstance(place[-1], str) and node.flow_style and len(raw := self._raw(node)) <= LONGEST_PLACE:
            self.instead[place] = yaml_traps.list_or_section(place[-1], raw)

    def _neighbours(self, first: yaml.Node, second: yaml.Node, at: Place, beside: Place) -> None:
        """Two plain values with nothing but a comma between them may be one number."""
        if not (isinstance(first, yaml.ScalarNode) and isinstance(second, yaml.ScalarNode)):
            return
        if first.style or second.style:  # in quotes
            return
        if self.text[first.end_mark.index : second.start_mark.index] == "," and (
            trap := yaml_traps.decimal_comma(first.value, second.value)
        ):
            self.instead[at] = self.instead[beside] = trap

    def _too_much(self, node: yaml.Node, message: str) -> _TooMuchError:
        self._complain(node, (), message, "a configuration needs far less")
        return _TooMuchError()

    def _mapping(self, node: yaml.MappingNode, place: Place) -> dict[str, Any]:
        content: dict[str, Any] = {}
        before: tuple[yaml.Node, Place] | None = None
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                self._complain(key, place, "a key must be a plain word", "write 'key: value'")
                continue
            if _NOT_TEXT.search(key.value):
                self._complain(key, place, "a key must be a plain word", "write 'key: value'")
                continue
            at = (*place, str(key.value))
            if key.value in content:
                self._complain(key, at, f"is given twice, first in line {self.marks[at].line}", "remove one of the two")
                continue
            self.marks[at] = _mark(key)
            if before is not None:
                self._neighbours(before[0], key, before[1], at)
            before = (value, at)
            content[str(key.value)] = self.value(value, at)
        return content

    def _complain(self, node: yaml.Node, place: Place, message: str, hint: str = "") -> None:
        mark = _mark(node)
        self.problems.append(Problem(self.path, mark.line, mark.column, dotted(place), message, hint))


def _mark(node: yaml.Node) -> Mark:
    return Mark(node.start_mark.line + 1, node.start_mark.column + 1)


def _short_tag(tag: str) -> str:
    return tag.replace("tag:yaml.org,2002:", "!!")


def _syntax_problem(path: Path, text: str, error: yaml.YAMLError) -> Problem:
    if isinstance(error, yaml.reader.ReaderError):
        line = text.count("\n", 0, error.position) + 1
        return Problem(path, line, None, "", "holds a character that is not text", "save the file as plain UTF-8 text")
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    said = getattr(error, "problem", None) or str(error)
    if mark and not said.startswith(_TOO_MUCH) and (trap := yaml_traps.why_no_yaml(text, mark.line + 1, said)):
        return Problem(path, trap.line or mark.line + 1, None, "", trap.message, trap.hint)
    message, hint = _plain_words(said)
    if (opened := _never_closed(error)) and message.startswith(_NO_YAML):
        hint = f"{opened} is never closed"
    return Problem(path, mark.line + 1 if mark else None, mark.column + 1 if mark else None, "", message, hint)


def _never_closed(error: yaml.YAMLError) -> str:
    """The quote or bracket inside which the text ended, with its line; else empty."""
    context, mark = getattr(error, "context", None) or "", getattr(error, "context_mark", None)
    name = "quote" if "quoted scalar" in context else "bracket" if "flow" in context else ""
    here = getattr(error, "problem_mark", None)
    if name == "bracket" and mark and here and here.line == mark.line:  # it is closed, and something is wrong before
        return ""
    return f"the {name} that opens in line {mark.line + 1}" if name and mark else ""


_NO_YAML = "is not valid YAML"
_TOO_MUCH = ("nested deeper", "more than")  # our own limits


def _plain_words(said: str) -> tuple[str, str]:
    if "\\t" in said:
        return "a tab stands where YAML wants blanks", "indent with blanks"
    if "mapping values are not allowed" in said or "expected <block end>" in said:
        return (
            "the indentation or a colon is wrong here",
            "keys of one section begin in the same column; a text with a colon in it stands in quotes",
        )
    if "undefined alias" in said:
        return "an undefined alias (*name)", "a text that begins with * stands in quotes"
    if said.startswith("expected ',' or"):
        return f"{_NO_YAML}: a comma is missing in these brackets, or the closing bracket", "part entries with ', '"
    if "could not find expected ':'" in said:
        return (
            "a 'key: value' line is not complete here or just above",
            "end the key with a colon and a blank",
        )
    if said.startswith(_TOO_MUCH):
        return said, "a configuration needs far less"
    return _NO_YAML, "look at this line and the one above"
