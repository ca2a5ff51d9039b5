"""Message syntax of the Keithley pair: headers, paths, parameters; text in, executable steps out.

A program message such as ``:SENS:FUNC "VOLT";NPLC 1;*OPC?`` is split at semicolons. Each part is looked up in a
:class:`CommandTable` from the current path: a leading colon starts at the root, a part without one stays at the
level of the part before it, and a common command (``*``) leaves the path alone. Mnemonics are taken in exactly
their short or their long form, in any case. The first fault ends the message; what stood before it is kept.

Sources: SCPI-1999 volume 1, chapters 6 and 7; IEEE Std 488.2-1992, section 7; Keithley Series 2400 User's Manual
2400S-900-01, section 13.
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple, Protocol

INFINITY = 9.9e37
"""What the Keithley pair prints, and accepts, for infinity."""

_MNEMONIC_LIMIT = 12
_DIGITS_LIMIT = 255
_CACHE_LIMIT = 1024

_PATTERN_NODE = re.compile(r"\[:([A-Za-z]+\d*(?:\[\d+\])?)\]|:([A-Za-z]+\d*(?:\[\d+\])?)")
_MNEMONIC = re.compile(r"([A-Za-z]+)(\d*)(?:\[(\d+)\])?")
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?: ?[eE] ?[+-]?\d+)?")
_NON_DECIMAL = {"H": 16, "Q": 8, "B": 2}
_NOT_PLAIN = "\"'("  # how strings and expressions begin
_TO_BLANKS = bytes(0x20 if code < 0x20 or code == 0x7F else code for code in range(256))


class CommandError(Exception):
    """A command that the instrument refuses, with the number that goes into its error queue."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


# --- mnemonics ---------------------------------------------------------------------------------------------------


def spellings(mnemonic: str) -> tuple[str, ...]:
    """Every way to write one mnemonic, in capitals: ``SENSe[1]`` gives SENS, SENSE, SENS1 and SENSE1."""
    match = _MNEMONIC.fullmatch(mnemonic)
    if match is None:
        raise ValueError(f"not a mnemonic: {mnemonic!r}")
    name, suffix, optional = match.groups()
    short = "".join(letter for letter in name if letter.isupper())
    suffixes = [suffix] if optional is None else ["", optional]
    return tuple(dict.fromkeys(form + end for end in suffixes for form in (short, name.upper())))


def short_form(mnemonic: str) -> str:
    """The form in which a setting is reported: ``VOLTage`` gives VOLT, ``SENSe[1]`` gives SENS1."""
    return re.sub(r"[a-z\[\]]", "", mnemonic)


# --- parameters --------------------------------------------------------------------------------------------------


class Parameter(Protocol):
    """What turns one parameter of a message into a value; raises :class:`CommandError` if it cannot."""

    def __call__(self, token: str) -> Any:
        """The value of ``token``, which is never empty and has no blanks around it."""


def _require_plain(token: str, *, word_error: int | None = None, number_error: int | None = None) -> None:
    """Refuse strings and expressions, and words or numbers where an error number for them is given."""
    first = token[0]
    if first in "\"'":
        raise CommandError(-158)
    if first == "(":
        raise CommandError(-178)
    if word_error is not None and first.isalpha():
        raise CommandError(word_error)
    if number_error is not None and not first.isalpha():
        raise CommandError(number_error)


def _to_float(token: str) -> float:
    if not _NUMBER.fullmatch(token):
        raise CommandError(-120 if token[0] == "#" else -121)
    if len(token) > _DIGITS_LIMIT:
        raise CommandError(-124)
    value = float(token.replace(" ", ""))
    if math.isinf(value):
        raise CommandError(-123)
    return value


_LIMIT_WORDS = {name: word for word in ("MINimum", "MAXimum", "DEFault") for name in spellings(word)}


@dataclass(frozen=True)
class Number:
    """A real number between two limits; MIN, MAX and DEF stand for values.

    ``words`` (such as ``("UP", "DOWN")``) are further words that are handed on in their short form; they come
    before MIN, MAX and DEF, so that a command can take these over itself. INF is given as a number when listed.
    ``least`` is what MIN stands for where the sign of a number does not count, as in a range.
    """

    minimum: float
    maximum: float
    default: float
    words: tuple[str, ...] = ()
    least: float | None = None

    def __call__(self, token: str) -> float | str:
        """The number or the short form of the word; -222 outside the limits."""
        if token[0].isalpha() or token[0] in _NOT_PLAIN:
            _require_plain(token)
            return self._word(token.upper())
        value = _to_float(token)
        if self.minimum <= value <= self.maximum:
            return value
        if value >= INFINITY and "INFinity" in self.words:
            return math.inf
        raise CommandError(-222)

    def _word(self, word: str) -> float | str:
        for candidate in self.words:
            if word in spellings(candidate):
                return math.inf if candidate == "INFinity" else short_form(candidate)
        return self.limit(word)

    def limit(self, word: str) -> float:
        """The value that MIN, MAX or DEF (in capitals) stands for; -141 for any other word."""
        meaning = _LIMIT_WORDS.get(word)
        if meaning is None:
            raise CommandError(-141)
        least = self.minimum if self.least is None else self.least
        return float({"MINimum": least, "MAXimum": self.maximum, "DEFault": self.default}[meaning])


@dataclass(frozen=True)
class Integer:
    """A whole number between two limits; a fraction is rounded; ``words`` as for :class:`Number`."""

    minimum: int
    maximum: int
    default: int
    words: tuple[str, ...] = ()

    def __call__(self, token: str) -> int | float | str:
        """The number (``math.inf`` for INF where that is listed) or the word."""
        value = Number(self.minimum, self.maximum, self.default, self.words)(token)
        if isinstance(value, str) or math.isinf(value):
            return value
        return math.floor(value + 0.5)

    def limit(self, word: str) -> int:
        """The value that MIN, MAX or DEF stands for."""
        return int(Number(self.minimum, self.maximum, self.default).limit(word))


@dataclass(frozen=True)
class Mask:
    """A register mask: decimal, or ``#H``, ``#Q``, ``#B``."""

    maximum: int = 65535

    def __call__(self, token: str) -> int:
        """The mask; -222 above the maximum."""
        _require_plain(token, word_error=-141)
        value = self._non_decimal(token) if token[0] == "#" else math.floor(_to_float(token) + 0.5)
        if not 0 <= value <= self.maximum:
            raise CommandError(-222)
        return value

    @staticmethod
    def _non_decimal(token: str) -> int:
        radix = _NON_DECIMAL.get(token[1:2].upper())
        digits = token[2:]
        if radix is None or not digits.isalnum():
            raise CommandError(-120)
        try:
            return int(digits, radix)
        except ValueError:
            raise CommandError(-121) from None


@dataclass(frozen=True)
class Boolean:
    """ON, OFF or a number, of which only zero means off."""

    def __call__(self, token: str) -> bool:
        """Whether it is on; -140 for another word."""
        _require_plain(token)
        if not token[0].isalpha():
            return bool(round(_to_float(token)))
        if token.upper() not in ("ON", "OFF"):
            raise CommandError(-140)
        return token.upper() == "ON"


class Choice:
    """One of some words, each in its short or long form; the value is the short form."""

    def __init__(self, *words: str) -> None:
        self._values = {spelling: short_form(word) for word in words for spelling in spellings(word)}

    def __call__(self, token: str) -> str:
        """The short form; -140 for a word that is not among them, -128 for a number."""
        _require_plain(token, number_error=-128)
        value = self._values.get(token.upper())
        if value is None:
            raise CommandError(-140)
        return value


@dataclass(frozen=True)
class Quoted:
    """A string in single or double quotes; the value is what stands between them."""

    limit: int | None = None

    def __call__(self, token: str) -> str:
        """The text; -148 for a bare word, -128 for a number, -151 without an end, -223 if too long."""
        quote = token[0]
        if quote not in "\"'":
            raise CommandError(-148 if quote.isalpha() else -128)
        if len(token) < 2 or token[-1] != quote:
            raise CommandError(-151)
        text = token[1:-1].replace(quote * 2, quote)
        if self.limit is not None and len(text) > self.limit:
            raise CommandError(-223)
        return text


@dataclass(frozen=True)
class Bracketed:
    """An expression in round brackets; the value is what stands between them."""

    def __call__(self, token: str) -> str:
        """The text between the outer brackets; -171 if they do not close."""
        if token[0] != "(":
            raise CommandError(-148 if token[0].isalpha() else -128)
        if token[-1] != ")":
            raise CommandError(-171)
        return token[1:-1]


@dataclass(frozen=True)
class Many:
    """A list of like parameters, at least one; it must be the last parameter of its command."""

    each: Parameter
    maximum: int | None = None

    def __call__(self, token: str) -> Any:
        """One element of the list."""
        return self.each(token)


# --- commands ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Command:
    """One command: a header, and what it does as a query and as a command.

    ``header`` is written as in the manuals, ``":SOURce[1]:VOLTage[:LEVel]"`` or ``"*IDN"``: capitals are the
    short form, square brackets enclose what may be left out. ``query`` and ``set`` are called with the
    instrument and the values of the parameters; either may be None. A query returns its reply (str or bytes) or
    a :class:`~drivers.simulated.scpi.instrument.Later`. ``urgent`` marks what an instrument carries out while it is
    busy.
    """

    header: str
    query: Callable[..., Any] | None = None
    set: Callable[..., Any] | None = None
    parameters: tuple[Parameter, ...] = ()
    query_parameters: tuple[Parameter, ...] = ()
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
        self.command: Command | None = None

    def child(self, mnemonic: str) -> _Node:
        forms = spellings(mnemonic)
        node = next((self.children[form] for form in forms if form in self.children), None) or _Node()
        for form in forms:
            self.children[form] = node
        return node


class CommandTable:
    """The commands of one instrument, and what was parsed already: headers, and parts without parameters.

    Shared by all twins of a model: what a message means depends on its text alone. Raises ValueError when two
    commands claim the same header.
    """

    def __init__(self, commands: Iterable[Command], *, colon_before_common: bool = True) -> None:
        self._root = _Node()
        self._common: dict[str, Command] = {}
        self._colon_before_common = colon_before_common
        self._parts: dict[tuple[_Node, str], tuple[_Node, Step]] = {}
        self._heads: dict[tuple[_Node, str], tuple[_Node, Callable[[list[str]], Step]]] = {}
        for command in commands:
            self._add(command)

    def _add(self, command: Command) -> None:
        if command.header.startswith("*"):
            self._common[command.header[1:].upper()] = command
            return
        nodes = [(optional or needed, bool(optional)) for optional, needed in _PATTERN_NODE.findall(command.header)]
        self._insert(self._root, nodes, command)

    def _insert(self, node: _Node, rest: Sequence[tuple[str, bool]], command: Command) -> None:
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
        found = self._parts[path, part] = path_after, step_for([])
        return found

    def _find(self, path: _Node, head: str) -> tuple[_Node, Callable[[list[str]], Step]]:
        """The path after a header as it was written, and what makes a step of it and its parameters."""
        is_query = head.endswith("?")
        path_after, command = self._resolve(path, head.removesuffix("?").upper())
        found = path_after, partial(_query_step if is_query else _set_step, command)
        if len(self._heads) >= _CACHE_LIMIT:
            self._heads.clear()
            self._parts.clear()
        self._heads[path, head] = found
        return found

    def _resolve(self, path: _Node, header: str) -> tuple[_Node, Command]:
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

    def _resolve_common(self, name: str) -> Command:
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
    known = any(form.rstrip("0123456789") == stem for form in node.children)
    raise CommandError(-114 if stem != mnemonic and known else -113)


def _fault(code: int) -> Step:
    def refuse(_instrument: Any) -> None:
        raise CommandError(code)

    return Step(refuse, is_query=False)


def _set_step(command: Command, tokens: list[str]) -> Step:
    action = command.set
    if action is None:
        raise CommandError(-113)
    values = _values(command.parameters, tokens)
    if not values:
        return Step(action, is_query=False, urgent=command.urgent)
    return Step(lambda instrument: action(instrument, *values), is_query=False, urgent=command.urgent)


def _query_step(command: Command, tokens: list[str]) -> Step:
    action = command.query
    if action is None:
        raise CommandError(-113)
    if tokens and not command.query_parameters and command.parameters:
        return _limit_step(command.parameters, tokens)
    values = _values(command.query_parameters, tokens)
    if not values:
        return Step(action, is_query=True, urgent=command.urgent)
    return Step(lambda instrument: action(instrument, *values), is_query=True, urgent=command.urgent)


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
