"""The commands that both Keithley instruments have, and how the entries of their command tables are made.

Sources: IEEE Std 488.2-1992, section 10; Keithley Series 2400 User's Manual 2400S-900-01, section 15; Model 2000
Quick Start Guide 2000-903-01.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, TypeVar

from drivers.simulated.scpi.instrument import Interface, Later
from drivers.simulated.scpi.parameters import Bracketed, Mask, Parameter
from drivers.simulated.scpi.status import CommandError, EventRegister, StatusModel
from drivers.simulated.scpi.syntax import Command


class Instrument(Protocol):
    """What the commands of both ask of a :class:`~drivers.simulated.scpi.instrument.ScpiInstrument`."""

    interface: Interface
    status: StatusModel

    def show(self, value: float | str | tuple[Any, ...]) -> str:
        """A setting as it is reported."""

    def show_register(self, value: int) -> str:
        """A register in the form that ``FORM:SREG`` asks for."""

    def wait_until_idle(self, reply: str | None = None) -> str | Later | None:
        """``reply`` at once when idle, otherwise later."""

    def complete_operation(self) -> None:
        """``*OPC``."""

    def enable_messages(self, ranges: tuple[tuple[int, int], ...]) -> None:
        """``STAT:QUE:ENAB``."""

    def clear_status(self) -> None:
        """``*CLS``."""

    def on_trigger(self) -> None:
        """``*TRG``."""

    def reset(self) -> None:
        """``*RST``."""

    def identity(self) -> str:
        """The reply to ``*IDN?``."""


# --- entries that only keep a value ------------------------------------------------------------------------------

_Keeping = TypeVar("_Keeping", bound=Instrument)


def kept(
    header: str,
    holder: Callable[[_Keeping], object],
    name: str,
    parameter: Parameter,
    changed: Callable[[_Keeping], object] | None = None,
) -> Command[_Keeping]:
    """A value that ``holder(instrument)`` keeps under ``name``; ``changed`` is called after each new one.

    With a :class:`~drivers.simulated.scpi.parameters.Many` parameter the value is a tuple.
    """

    def show(instrument: _Keeping) -> str:
        return instrument.show(getattr(holder(instrument), name))

    def store(instrument: _Keeping, value: Any) -> None:
        setattr(holder(instrument), name, value)
        if changed is not None:
            changed(instrument)

    return Command(header, show, store, (parameter,))


class _WithSettings(Instrument, Protocol):
    @property
    def settings(self) -> object: ...


_Set = TypeVar("_Set", bound=_WithSettings)


def setting(
    header: str, name: str, parameter: Parameter, changed: Callable[[_Set], object] | None = None
) -> Command[_Set]:
    """A value that is kept in ``instrument.settings``."""
    return kept(header, lambda instrument: instrument.settings, name, parameter, changed)


# --- commands that both instruments have -------------------------------------------------------------------------


def _register_commands(header: str, register: Callable[[Instrument], EventRegister]) -> tuple[Command[Instrument], ...]:
    return (
        Command(f"{header}[:EVENt]", query=lambda i: i.show_register(register(i).take_event())),
        Command(f"{header}:CONDition", query=lambda i: i.show_register(register(i).condition)),
        Command(
            f"{header}:ENABle",
            query=lambda i: i.show_register(register(i).enable),
            set=lambda i, mask: register(i).set_enable(mask),
            parameters=(Mask(),),
        ),
    )


def _parse_ranges(text: str) -> tuple[tuple[int, int], ...]:
    """``-110:-222, -220`` as pairs of lowest and highest number."""
    ranges = []
    for part in text.split(","):
        try:
            ends = [int(end) for end in part.split(":")]
        except ValueError:
            raise CommandError(-171) from None
        if len(ends) > 2:
            raise CommandError(-171)
        ranges.append((min(ends), max(ends)))
    return tuple(ranges)


def _show_ranges(ranges: tuple[tuple[int, int], ...]) -> str:
    return "(" + ",".join(f"{low}:{high}" if low != high else str(low) for low, high in ranges) + ")"


COMMON_COMMANDS: tuple[Command[Instrument], ...] = (
    Command("*CLS", do=lambda i: i.clear_status()),
    Command(
        "*ESE",
        query=lambda i: i.show_register(i.status.standard.enable),
        set=lambda i, mask: i.status.standard.set_enable(mask),
        parameters=(Mask(255),),
    ),
    Command("*ESR", query=lambda i: i.show_register(i.status.standard.take_event())),
    Command("*IDN", query=lambda i: i.identity()),
    Command("*OPC", query=lambda i: i.wait_until_idle("1"), do=lambda i: i.complete_operation()),
    Command("*RST", do=lambda i: i.reset(), urgent=True),
    Command(
        "*SRE",
        query=lambda i: i.show_register(i.status.service_enable),
        set=lambda i, mask: i.status.set_service_enable(mask),
        parameters=(Mask(255),),
    ),
    Command("*STB", query=lambda i: i.show_register(i.status.byte())),
    Command("*TRG", do=lambda i: i.on_trigger(), urgent=True),
    Command("*WAI", do=lambda i: i.wait_until_idle()),
)
"""The common commands without ``*OPT?``, ``*TST?``, ``*SAV`` and ``*RCL``, which differ."""

STATUS_COMMANDS: tuple[Command[Instrument], ...] = (
    *_register_commands(":STATus:MEASurement", lambda i: i.status.measurement),
    *_register_commands(":STATus:OPERation", lambda i: i.status.operation),
    *_register_commands(":STATus:QUEStionable", lambda i: i.status.questionable),
    Command(":STATus:PRESet", do=lambda i: i.status.preset()),
    Command(":STATus:QUEue[:NEXT]", query=lambda i: i.status.errors.next_message()),
    Command(":STATus:QUEue:CLEar", do=lambda i: i.status.errors.clear()),
    Command(
        ":STATus:QUEue:ENABle",
        query=lambda i: _show_ranges(i.status.errors.enabled_ranges),
        set=lambda i, text: i.enable_messages(_parse_ranges(text)),
        parameters=(Bracketed(),),
    ),
    Command(
        ":STATus:QUEue:DISable",
        query=lambda i: _show_ranges(i.status.errors.disabled_ranges),
        set=lambda i, text: i.status.errors.disable(_parse_ranges(text)),
        parameters=(Bracketed(),),
    ),
    Command(":SYSTem:ERRor[:NEXT]", query=lambda i: i.status.errors.next_message()),
    Command(":SYSTem:CLEar", do=lambda i: i.status.errors.clear()),
)
"""The status subsystem and the error queue."""
