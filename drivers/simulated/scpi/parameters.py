"""Words and parameters of the Keithley pair: from a piece of text to a value, or to the number of its fault.

Sources: SCPI-1999 volume 1, chapters 6 and 7; IEEE Std 488.2-1992, section 7; Keithley Series 2400 User's Manual
2400S-900-01, section 13.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from drivers.simulated.scpi.status import CommandError

INFINITY = 9.9e37
"""What the Keithley pair prints, and accepts, for infinity."""

_DIGITS_LIMIT = 255

_MNEMONIC = re.compile(r"([A-Za-z]+)(\d*)(?:\[(\d+)\])?")
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?: ?[eE] ?[+-]?\d+)?")
_NON_DECIMAL = {"H": 16, "Q": 8, "B": 2}
_NOT_PLAIN = "\"'("  # how strings and expressions begin


# --- mnemonics ---------------------------------------------------------------------------------------------------


def spellings(mnemonic: str) -> tuple[str, ...]:
    """Every way to write one mnemonic, in capitals: ``SENSe[1]`` gives SENS, SENSE, SENS1 and SENSE1.

    :raises ValueError: it is no mnemonic.
    """
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
    """What turns one parameter of a message into a value, or refuses it with a :class:`CommandError`."""

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
        """The value that MIN, MAX or DEF (in capitals) stands for.

        :raises CommandError: -141, it is another word.
        """
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


ON_OFF = Boolean()
"""What most switches take."""


@dataclass(frozen=True)
class FunctionName:
    """A quoted name of a measuring function; ``spellings`` maps every way to write one, in capitals, to its value."""

    spellings: Mapping[str, str]

    def __call__(self, token: str) -> str:
        """The function; -224 for a text that names none."""
        name = self.spellings.get(Quoted()(token).strip().upper())
        if name is None:
            raise CommandError(-224)
        return name
