"""The stand-in instrument on which what the Keithley pair shares is tested, and the host that talks to it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from drivers.simulated.clock import VirtualClock
from drivers.simulated.scpi.commands import COMMON_COMMANDS, STATUS_COMMANDS, setting
from drivers.simulated.scpi.instrument import Interface, Later, ScpiInstrument
from drivers.simulated.scpi.parameters import Boolean, Bracketed, Choice, Integer, Many, Number, Quoted
from drivers.simulated.scpi.status import CommandError
from drivers.simulated.scpi.syntax import Command, CommandTable, Step


@dataclass
class Values:
    level: float = 0.0
    nplc: float = 1.0
    points: float = 1
    source: str = "IMM"
    on: bool = False
    text: str = ""
    words: tuple[str, ...] = ()


class StandIn(ScpiInstrument):
    """Measures for one second: ``:READ?`` replies then; busy rules can be chosen."""

    def __init__(self, clock: VirtualClock, interface: Interface, *, holds: bool = False, **kwargs: bool) -> None:
        super().__init__(clock, COMMANDS, interface, {803: "Not permitted with OUTPUT off"})
        self.settings = Values()
        self.holds = holds
        self.interrupts = kwargs.get("interrupts", False)
        self.strict = kwargs.get("strict", False)
        self.later: Later | None = None
        self.triggers = 0
        self.cleared = 0

    def identity(self) -> str:
        return "STAND-IN"

    def is_idle(self) -> bool:
        return self.later is None

    def holds_back(self, step: Step) -> bool:
        return self.holds and not self.is_idle() and not step.urgent

    def overtakes(self, step: Step) -> bool:
        return self.holds and not self.is_idle() and step.urgent

    def interrupts_pending_query(self, step: Step) -> bool:
        return self.interrupts

    def any_message_interrupts(self) -> bool:
        return self.strict

    def on_trigger(self) -> None:
        self.triggers += 1

    def on_device_clear(self) -> None:
        self.cleared += 1
        self.later = None

    def reset(self) -> None:
        self.settings = Values()
        self.abort()

    def read(self) -> Later:
        self.later = Later()
        self.clock.call_after(1.0, self._converted)
        return self.later

    def start(self) -> None:
        self.read()

    def _converted(self) -> None:
        later, self.later = self.later, None
        if later is not None:
            later.deliver("+1.0E+00")
            self.idle_reached()

    def abort(self) -> None:
        later, self.later = self.later, None
        if later is not None:
            later.abandon()
            self.idle_reached()


def refuse(_: Any) -> None:
    raise CommandError(803)


COMMANDS = CommandTable(
    (
        *COMMON_COMMANDS,
        *STATUS_COMMANDS,
        Command(":READ", query=lambda i: i.read()),
        Command(":INITiate[:IMMediate]", do=lambda i: i.start()),
        Command(":ABORt", do=lambda i: i.abort(), urgent=True),
        Command(":REFuse", do=refuse),
        setting(":SOURce[1]:VOLTage[:LEVel][:IMMediate]", "level", Number(-210, 210, 0.0)),
        setting("[:SENSe[1]]:VOLTage[:DC]:NPLCycles", "nplc", Number(0.01, 10, 1.0)),
        setting("[:SENSe[1]]:FUNCtion", "words", Many(Quoted(), 3)),
        setting(":TRIGger:COUNt", "points", Integer(1, 2500, 1, words=("INFinity",))),
        setting(":TRIGger:SOURce", "source", Choice("IMMediate", "TLINk")),
        setting(":TRIGger:OUTPut", "words", Many(Choice("SOURce", "DELay"))),
        setting(":OUTPut[1][:STATe]", "on", Boolean()),
        setting(":DISPlay:TEXT", "text", Quoted(5)),
        setting(":CALCulate2:EXPRession", "text", Bracketed()),
        Command(":BINary", query=lambda _: b"#0\n;\x00"),
    )
)


class Host:
    """Writes bytes and lets virtual time pass until a reply is there."""

    def __init__(self, interface: Interface | None = None, **kwargs: bool) -> None:
        self.clock = VirtualClock()
        self.twin = StandIn(self.clock, interface or Interface(), **kwargs)

    def write(self, text: str) -> None:
        self.twin.receive(text.encode("latin-1") + b"\n", end=True)

    def read(self, limit: float = 10.0) -> str | None:
        until = self.clock.now() + limit
        while True:
            data, complete = self.twin.transmit()
            if complete:
                return data.decode("latin-1").rstrip("\n")
            due = self.clock.next_event()
            if due is None or due > until:
                return None
            self.clock.advance_to(due)

    def ask(self, text: str) -> str | None:
        self.write(text)
        return self.read()

    def errors(self) -> list[int]:
        codes = []
        while code := int(str(self.ask(":SYST:ERR?")).partition(",")[0]):
            codes.append(code)
        return codes


@pytest.fixture
def host() -> Host:
    return Host()
