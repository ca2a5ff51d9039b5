"""The language of a Keithley: identity, error queue, settings that are read back, and numbers. Pure.

How it is spoken, one question at a time, is in :mod:`drivers.keithley`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from drivers.errors import InstrumentError, RefusedByInstrument, SettingNotTaken, UnexpectedReply, WrongInstrument

Ask = Callable[[str], str]
Value = bool | int | float | str

#: Magnitudes from here on stand for overflow (9.9e37) or "not measured" (9.91e37), never for a reading.
INVALID = 9.9e37

_ERROR_QUEUE_LENGTH = 10


@dataclass(frozen=True)
class Identity:
    """Who answers: the four fields of ``*IDN?`` or what an instrument without it offers instead."""

    maker: str
    model: str
    serial: str
    firmware: str


@dataclass(frozen=True)
class QueuedError:
    """One entry of an instrument's error queue."""

    code: int
    text: str

    def __str__(self) -> str:
        return f"{self.code:+d} {self.text}"


@dataclass(frozen=True)
class Setting:
    """A setting that is written and read back with the same header.

    ``full_scale``: how far beyond the value sent the reply may lie (a 20 V range may read back as 21).
    """

    name: str
    command: str
    value: Value
    full_scale: float = 1.0

    @property
    def message(self) -> str:
        """Get the program message that makes the setting."""
        return f"{self.command} {_argument(self.value)}"

    def agrees(self, reply: str) -> bool:
        """Whether a reply to the query confirms the value: names in any order, numbers to four digits."""
        if isinstance(self.value, str):
            return _same_names(self.value, reply)
        number = _number(reply)
        return math.isclose(number, self.value, rel_tol=1e-4, abs_tol=1e-12) or (
            self.full_scale > 1 and self.value < number <= self.value * self.full_scale * (1 + 1e-6)
        )

    def read_back(self, reply: str) -> Value:
        """The reply as a value of the same kind, for the record."""
        if isinstance(self.value, str):
            return reply
        return bool(_number(reply)) if isinstance(self.value, bool) else _number(reply)


def _argument(value: Value) -> str:
    if isinstance(value, bool):
        return "ON" if value else "OFF"
    return value if isinstance(value, str) else f"{value:.9g}"


def _number(reply: str) -> float:
    try:
        return float(reply)
    except ValueError:
        return math.nan


def _same_names(sent: str, reply: str) -> bool:
    wanted, found = _names(sent), _names(reply)
    return len(wanted) == len(found) and all(map(str.startswith, found, wanted))


def _names(text: str) -> list[str]:
    return sorted(part.strip(" '\"").upper().removesuffix(":DC") for part in text.split(","))


def parse_identity(reply: str, where: str) -> Identity:
    """Split a reply to ``*IDN?`` into its four fields.

    :raises UnexpectedReply: it has fewer.
    """
    fields = [field.strip() for field in reply.split(",", 3)]
    if len(fields) != 4:
        hint = "Check the address, and that the instrument's language is SCPI"
        raise UnexpectedReply(where, "*IDN?", reply, hint)
    return Identity(*fields)


def require_model(identity: Identity, models: tuple[str, ...], where: str) -> Identity:
    """Return the identity of a Keithley whose model begins with one of ``models``.

    :raises WrongInstrument: it is another instrument's.
    """
    if "KEITHLEY" in identity.maker.upper() and identity.model.upper().startswith(models):
        return identity
    found = f"{identity.maker} {identity.model} answers, expected Keithley {' or '.join(models)}"
    raise WrongInstrument(where, found, "Check the address in the bench file")


def read_error_queue(ask: Ask, where: str) -> list[QueuedError]:
    """Empty the error queue (``:SYST:ERR?`` until it says 0), oldest first."""
    errors: list[QueuedError] = []
    while len(errors) <= _ERROR_QUEUE_LENGTH:
        error = parse_error(ask(":SYST:ERR?"), where)
        if error.code == 0:
            break
        errors.append(error)
    return errors


def parse_error(reply: str, where: str) -> QueuedError:
    """An entry of the error queue, such as ``-113,"Undefined header"``.

    :raises UnexpectedReply: it does not begin with a number.
    """
    code, _, text = reply.partition(",")
    try:
        return QueuedError(int(code), text.strip().strip('"'))
    except ValueError as error:
        raise UnexpectedReply(where, ":SYST:ERR?", reply) from error


def parse_number(reply: str, sent: str, where: str) -> float:
    """A finite number.

    :raises UnexpectedReply: the reply is none.
    """
    try:
        number = float(reply)
    except ValueError as error:
        raise UnexpectedReply(where, sent, reply) from error
    if not math.isfinite(number):
        raise UnexpectedReply(where, sent, reply)
    return number


def parse_word(reply: str, words: Sequence[str], sent: str, where: str) -> str:
    """One of the words that the instrument has.

    :raises UnexpectedReply: the reply is none of them.
    """
    if reply.strip() not in words:
        raise UnexpectedReply(where, sent, reply)
    return reply.strip()


def parse_count(reply: str, sent: str, where: str) -> int:
    """A whole number that is not negative, such as a register or a count.

    :raises UnexpectedReply: the reply is none.
    """
    number = parse_number(reply, sent, where)
    if number < 0 or number != int(number):
        raise UnexpectedReply(where, sent, reply)
    return int(number)


def refusal(where: str, doing: str, errors: Sequence[QueuedError], hint: str = "") -> RefusedByInstrument:
    """The exception for errors found in the queue after ``doing`` something."""
    listed = "; ".join(map(str, errors))
    return RefusedByInstrument(where, f"{doing} was refused ({listed})", hint, errors)


def verify(ask: Ask, where: str, settings: Sequence[Setting]) -> dict[str, Value]:
    """Read every setting back and return what the instrument has.

    :raises SettingNotTaken: some differ; all of them are named.
    """
    replies = [ask(f"{setting.command}?").strip() for setting in settings]
    pairs = list(zip(settings, replies, strict=True))
    if wrong := [(s.command, _argument(s.value), reply) for s, reply in pairs if not s.agrees(reply)]:
        raise SettingNotTaken(where, wrong, "Compare with the instrument's own limits, and its front panel")
    return {setting.name: setting.read_back(reply) for setting, reply in pairs}


#: What a read without a reply leaves in the queue (query unterminated), and a queue full of that: no reason by itself.
_ECHOES = (-420, -350)


def explain_timeout(
    problem: InstrumentError, clear: Callable[[], None], errors: Callable[[], list[QueuedError]], where: str
) -> InstrumentError:
    """Find out why no reading came: clear the device, then look into its error queue.

    Returns the refusal if the instrument has queued errors, else the problem itself.
    """
    try:
        clear()
        queued = [error for error in errors() if error.code not in _ECHOES]
    except InstrumentError:
        return problem
    return refusal(where, "the reading", queued) if queued else problem
