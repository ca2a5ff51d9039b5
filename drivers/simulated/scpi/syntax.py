"""Message syntax of the Keithley pair: headers and paths; text in, executable steps out.

A program message such as ``:SENS:FUNC "VOLT";NPLC 1;*OPC?`` is split at semicolons. Each part is looked up in a
:class:`CommandTable` from the current path: a leading colon starts at the root, a part without one stays at the
level of the part before it, and a common command (``*``) leaves the path alone. Mnemonics are taken in exactly
their short or their long form, in any case. The first fault ends the message; what stood before it is kept.

Sources: SCPI-1999 volume 1, chapters 6 and 7; IEEE Std 488.2-1992, section 7; Keithley Series 2400 User's Manual
2400S-900-01, section 13.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Generic, NamedTuple, TypeVar

from drivers.simulated.scpi.parameters import Integer, Many, Number, Parameter, spellings
from drivers.simulated.scpi.status import CommandError

_MNEMONIC_LIMIT = 12
_CACHE_LIMIT = 1024

_PATTERN_NODE = re.compile(r"\[:([A-Za-z]+\d*(?:\[\d+\])?)\]|:([A-Za-z]+\d*(?:\[\d+\])?)")
_TO_BLANKS = bytes(0x20 if code < 0x20 or code == 0x7F else code for code in range(256))


Commanded = TypeVar("Commanded", contravariant=True)
"""What a command asks of the instrument that carries it out."""


@dataclass(frozen=True)
class Command(Generic[Commanded]):
    """One command: a header, and what it does as a query and as a command.

    ``header`` is written as in the manuals, ``":SOURce[1]:VOLTage[:LEVel]"`` or ``"*IDN"``: capitals are the
    short form, square brackets enclose what may be left out. ``query`` gives the reply (str or bytes) or a
    :class:`~drivers.simulated.scpi.instrument.Later`; ``query_with`` instead of it takes the value of the one
    parameter ``asked``. ``set`` takes the value of the parameter, or a tuple of values where there are several; a
    command without parameters is ``do``. ``urgent`` marks what an instrument carries out while it is busy.
    """

    header: str
    query: Callable[[Commanded], Any] | None = None
    set: Callable[[Commanded, Any], Any] | None = None
    parameters: tuple[Parameter, ...] = ()
    do: Callable[[Commanded], Any] | None = None
    query_with: Callable[[Commanded, Any], Any] | None = None
    asked: Parameter | None = None
    urgent: bool = False


class Step(NamedTuple):
    """One part of a message, ready to run: ``action(instrument)``."""

    action: Callable[[Any], Any]
    is_query: bool
    urgent: bool = False


class _Node:
    __slots__ = ("children", "command")

    def __init__(self) -> None:
        self.children: dict[str, _Node] = {}
        self.command: Command[Any] | None = None

    def child(self, mnemonic: str) -> _Node:
        forms = spellings(mnemonic)
        node = next((self.children[form] for form in forms if form in self.children), None) or _Node()
        for form in forms:
            self.children[form] = node
        return node


class CommandTable(Generic[Commanded]):
    """The commands of one instrument, and what was parsed already: headers, and parts without parameters.

    Shared by all twins of a model: what a message means depends on its text alone.

    :raises ValueError: two commands claim the same header.
    """

    def __init__(self, commands: Iterable[Command[Commanded]], *, colon_before_common: bool = True) -> None:
        self._root = _Node()
        self._common: dict[str, Command[Any]] = {}
        self._colon_before_common = colon_before_common
        self._parts: dict[tuple[_Node, str], tuple[_Node, Step]] = {}
        self._heads: dict[tuple[_Node, str], tuple[_Node, Callable[[list[str]], Step]]] = {}
        for command in commands:
            self._add(command)

    def _add(self, command: Command[Any]) -> None:
        if command.header.startswith("*"):
            self._common[command.header[1:].upper()] = command
            return
        nodes = [(optional or needed, bool(optional)) for optional, needed in _PATTERN_NODE.findall(command.header)]
        self._insert(self._root, nodes, command)

    def _insert(self, node: _Node, rest: Sequence[tuple[str, bool]], command: Command[Any]) -> None:
        if not rest:
            if node.command not in (None, command):
                raise ValueError(f"two commands claim {command.header}")
            node.command = command
            return
        (mnemonic, optional), *tail = rest
        self._insert(node.child(mnemonic), tail, command)
        if optional:
            self._insert(node, tail, command)

    def parse(self, message: bytes) -> tuple[Step, ...]:
        """The steps of one message (bytes without terminator); a fault is a last step that raises it."""
        steps: list[Step] = []
        path = self._root
        for part in split_outside_quotes(message.translate(_TO_BLANKS).decode("latin-1"), ";"):
            part = part.strip()
            if not part:
                continue
            try:
                path, step = self._parts.get((path, part)) or self._parse_part(path, part)
            except CommandError as error:
                steps.append(_fault(error.code))
                break
            steps.append(step)
        return tuple(steps)

    def _parse_part(self, path: _Node, part: str) -> tuple[_Node, Step]:
        head, _, tail = part.partition(" ")
        path_after, step_for = self._heads.get((path, head)) or self._find(path, head)
        if tail:
            return path_after, step_for([token.strip() for token in split_outside_quotes(tail.strip(), ",")])
        parsed = self._parts[path, part] = path_after, step_for([])
        return parsed

    def _find(self, path: _Node, head: str) -> tuple[_Node, Callable[[list[str]], Step]]:
        """The path after a header as it was written, and what makes a step of it and its parameters."""
        is_query = head.endswith("?")
        path_after, command = self._resolve(path, head.removesuffix("?").upper())
        head_parsed = path_after, partial(_query_step if is_query else _set_step, command)
        if len(self._heads) >= _CACHE_LIMIT:
            self._heads.clear()
            self._parts.clear()
        self._heads[path, head] = head_parsed
        return head_parsed

    def _resolve(self, path: _Node, header: str) -> tuple[_Node, Command[Any]]:
        bare = header[1:] if self._colon_before_common and header.startswith(":*") else header
        if bare.startswith("*"):
            return path, self._resolve_common(bare[1:])
        node = self._root if header.startswith(":") else path
        _check_characters(header)
        parent = node
        for mnemonic in header.removeprefix(":").split(":"):
            parent, node = node, _descend(node, mnemonic)
        if node.command is None:
            raise CommandError(-113)
        return parent, node.command

    def _resolve_common(self, name: str) -> Command[Any]:
        _check_characters(name)
        if name not in self._common:
            raise CommandError(-113)
        return self._common[name]


def _check_characters(header: str) -> None:
    if any(character in header for character in "\"'#(),?=@"):
        raise CommandError(-111)
    if not header.isascii() or not header.replace(":", "").replace("_", "").isalnum():
        raise CommandError(-101 if header.strip(":") else -102)


def _descend(node: _Node, mnemonic: str) -> _Node:
    child = node.children.get(mnemonic)
    if child is not None:
        return child
    if not mnemonic:
        raise CommandError(-102)
    if len(mnemonic) > _MNEMONIC_LIMIT:
        raise CommandError(-112)
    stem = mnemonic.rstrip("0123456789")
    stem_exists = any(form.rstrip("0123456789") == stem for form in node.children)
    raise CommandError(-114 if stem != mnemonic and stem_exists else -113)


def _fault(code: int) -> Step:
    def refuse(_instrument: Any) -> None:
        raise CommandError(code)

    return Step(refuse, is_query=False)


def _set_step(command: Command[Any], tokens: list[str]) -> Step:
    if (change := command.set) is not None:
        values = _values(command.parameters, tokens)
        value = values[0] if len(values) == 1 else tuple(values)
        return Step(lambda instrument: change(instrument, value), is_query=False, urgent=command.urgent)
    if command.do is None:
        raise CommandError(-113)
    if tokens:
        raise CommandError(-108)
    return Step(command.do, is_query=False, urgent=command.urgent)


def _query_step(command: Command[Any], tokens: list[str]) -> Step:
    if (answer := command.query_with) is not None and command.asked is not None:
        (value,) = _values((command.asked,), tokens)
        return Step(lambda instrument: answer(instrument, value), is_query=True, urgent=command.urgent)
    if command.query is None:
        raise CommandError(-113)
    if not tokens:
        return Step(command.query, is_query=True, urgent=command.urgent)
    if not command.parameters:
        raise CommandError(-108)
    return _limit_step(command.parameters, tokens)


def _limit_step(parameters: tuple[Parameter, ...], tokens: list[str]) -> Step:
    """``:SENS:CURR:NPLC? MAX`` asks what MAX stands for."""
    parameter = parameters[0]
    if len(tokens) > 1 or not isinstance(parameter, (Number, Integer)):
        raise CommandError(-108)
    value = parameter.limit(tokens[0].upper())
    return Step(lambda instrument: instrument.show(value), is_query=True)


def _values(parameters: tuple[Parameter, ...], tokens: list[str]) -> list[Any]:
    values: list[Any] = []
    for parameter in parameters:
        if isinstance(parameter, Many):
            return [*values, _list_values(parameter, tokens[len(values) :])]
        if len(values) >= len(tokens) or not tokens[len(values)]:
            raise CommandError(-109)
        values.append(parameter(tokens[len(values)]))
    if len(tokens) > len(values):
        raise CommandError(-108)
    return values


def _list_values(parameter: Many, tokens: list[str]) -> tuple[Any, ...]:
    if not tokens or not all(tokens):
        raise CommandError(-109)
    if parameter.maximum is not None and len(tokens) > parameter.maximum:
        raise CommandError(-223)
    return tuple(parameter(token) for token in tokens)


def split_outside_quotes(text: str, separator: str) -> list[str]:
    """Split at a character, but not inside quotes or round brackets."""
    if '"' not in text and "'" not in text and "(" not in text:
        return text.split(separator)
    cuts = [-1]
    quote, depth = "", 0
    for index, character in enumerate(text):
        if quote:
            quote = "" if character == quote else quote
        elif character in "\"'":
            quote = character
        elif character in "()":
            depth = max(0, depth + (1 if character == "(" else -1))
        elif character == separator and not depth:
            cuts.append(index)
    return [text[start + 1 : stop] for start, stop in itertools.pairwise([*cuts, len(text)])]
