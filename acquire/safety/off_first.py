"""A source is made safe over a link of its own: off first, asked afterwards, again until it says that it is off."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, NamedTuple

from acquire.safety.lock import BenchInUse, LocksUnusable, instruments_locked
from drivers import link, models
from drivers.errors import InstrumentError, InstrumentTimeout, OutputStateUnknown, UnexpectedReply
from drivers.specification import SerialLine

PATIENCE = 10.0  # s of trying: a bus may need a moment until it has noticed that its user is gone
TIMEOUT = 0.8  # s for an answer, and for a link to open; then the off message goes out once more
EXCHANGE = 130  # characters of the off message, the question and its answer
ASKED = 6  # times over one link, without a device clear in between: an answer that comes seconds late still counts
PAUSE = 0.05  # s between two links
LOCK_PATIENCE = 0.3  # s until a lock that is held no longer counts


@dataclass(frozen=True)
class SourceAddress:
    """Which source it is and how it is reached: the model, as bench files write it, and its VISA address.

    :raises ValueError: nobody here knows the language of this model.
    """

    model: str
    resource: str
    visa_library: str
    serial: SerialLine

    def __post_init__(self) -> None:
        try:
            models.source_meter(self.model)
        except (KeyError, TypeError) as error:
            raise ValueError(f"nobody here can speak with a {self.model!r}") from error

    @property
    def name(self) -> str:
        """The model as people call it."""
        return models.source_meter(self.model).name

    @property
    def off(self) -> models.Off:
        """How this model is made safe."""
        return models.MODELS[self.model].off


class LastLevel(NamedTuple):
    """The level that a source was given last: ``source`` VOLT or CURR, in V or A."""

    source: str
    level: float


@contextmanager
def lock_for_a_moment(address: SourceAddress, run: str, *, keep_text: bool = False) -> Iterator[str]:
    """Hold the source's lock if it can be had; gives who holds it otherwise: no lock keeps an output on."""
    until = time.monotonic() + LOCK_PATIENCE
    while True:
        lock = instruments_locked([address.resource], address.resource, run, keep_text=keep_text)
        try:
            lock.__enter__()
            break
        except BenchInUse as problem:
            if time.monotonic() > until:
                yield problem.what
                return
            time.sleep(PAUSE)
        except LocksUnusable:
            yield ""
            return
    try:
        yield ""
    finally:
        lock.__exit__(None, None, None)


def make_safe_until_confirmed(
    address: SourceAddress,
    last: LastLevel | None,
    patience: float,
    say: Callable[[str], None],
    acted: Callable[[], None] = lambda: None,
    once_sent: float = PATIENCE,
) -> None:
    """Send what makes the source safe, ask, and go on until it says that its output is off.

    The first message ramps down from ``last``, where that is known; later ones go to zero at once, for they must not
    take a level up that an earlier one has brought down. ``patience`` in s, ``once_sent`` from the first message on;
    ``acted`` is called once a message is sent.

    :raises drivers.errors.OutputStateUnknown: patience is at its end.
    """
    until = time.monotonic() + patience
    while True:
        try:
            with opened(address) as adapter:
                first, last = last, None
                address.off.make_safe(adapter, *(first or ()))
                acted()
                if once_sent:
                    until, once_sent = min(until, time.monotonic() + once_sent), 0.0
                _wait_until_off(adapter, address.off, until)
                return
        except Exception as problem:  # whatever it is, nothing else is left to try again
            trouble = problem
            say(f"{type(problem).__name__}: {problem}")
        if time.monotonic() > until:
            message = "THE OUTPUT MAY STILL BE ON: it does not say that its output is off"
            where = f"{address.name} at {address.resource}"
            raise OutputStateUnknown(where, message, "Press OUTPUT on the instrument now") from trouble
        time.sleep(PAUSE)


@contextmanager
def opened(address: SourceAddress) -> Iterator[Any]:
    """A link to the source, on which nothing was sent yet.

    :raises InstrumentError: it cannot be opened.
    """
    on_the_line = EXCHANGE * 10 / address.serial.baud_rate if address.resource.upper().startswith("ASRL") else 0.0
    adapter = link.open_adapter(
        address.resource,
        name=address.name,
        visa_library=address.visa_library,
        timeout=TIMEOUT + on_the_line,
        serial=address.serial,
    )
    try:
        yield adapter
    finally:
        link.let_go(adapter)


def _wait_until_off(adapter: Any, off: models.Off, until: float) -> None:
    """Ask until the source says off; the off message goes out again each time that it does not answer.

    A message that got lost is made up for. An answer that comes late is one all the same, whichever question it is to.

    :raises InstrumentError: the link failed, or it has said nothing of the kind so often or ``until`` then.
    """
    trouble: InstrumentError | None = None
    for _ in range(ASKED):
        try:
            if off.is_off(adapter):
                return
        except (InstrumentTimeout, UnexpectedReply) as problem:
            trouble = problem
        if time.monotonic() > until:
            break
        with suppress(InstrumentTimeout):
            off.off_again(adapter)
    raise trouble or OutputStateUnknown(adapter.where, "it says that its output is on")
