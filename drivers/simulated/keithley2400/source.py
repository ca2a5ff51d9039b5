"""The source side of the 2400 twin: settings, source memory, output, and what is put on the terminals.

What it refuses it refuses with the number that the instrument gives it. Source: Keithley Series 2400 SourceMeter
User's Manual 2400S-900-01 Rev. K.
"""

from __future__ import annotations

import copy
from typing import NamedTuple, Protocol

from drivers.simulated.fixture import TestFixture
from drivers.simulated.keithley2400.options import Keithley2400Options
from drivers.simulated.keithley2400.rules import take_level
from drivers.simulated.keithley2400.settings import MEMORY_SETTINGS, Drive, Settings, drive_off, drive_on
from drivers.simulated.scpi.status import CommandError

# measurement register
OUTPUT_ENABLE_ASSERTED, OVER_TEMPERATURE, OVER_VOLTAGE, COMPLIANCE = 1 << 11, 1 << 12, 1 << 13, 1 << 14
_RELAY_SETTLING = 0.015  # s after the output relay closes


class Watcher(Protocol):
    """Who wants to know what the source-meter does. Only ``settled`` may act on it."""

    def measurement_changed(self, mask: int, bits: int) -> None:
        """The conditions in ``mask`` of the measurement register are ``bits`` now."""

    def operation_changed(self, mask: int, bits: int) -> None:
        """The conditions in ``mask`` of the operation register are ``bits`` now."""

    def settled(self, *, aborted: bool) -> None:
        """The trigger model has come to idle: at its end, or ``aborted`` on the way."""


class OutputChange(NamedTuple):
    """A change of what is put on the terminals: time (s), output on or off, source function, level (V or A)."""

    time: float
    output_on: bool
    function: str
    level: float


class Terminals:
    """The terminals on a fixture; ``log`` lists every change of what was put on them."""

    def __init__(self, fixture: TestFixture) -> None:
        self.drive = Drive("OPEN")
        self.log: list[OutputChange] = []
        self._fixture = fixture

    def put(self, drive: Drive, *, remote_sense: bool, output_on: bool) -> None:
        """Put this on the terminals; nothing happens where nothing changes."""
        if drive == self.drive and self._fixture.remote_sense == remote_sense:
            return
        self.drive = drive
        self._fixture.remote_sense = remote_sense
        if drive.function == "OPEN":
            self._fixture.disconnect()
        elif drive.function == "VOLT":
            self._fixture.drive_voltage(drive.level, drive.limit)
        else:
            self._fixture.drive_current(drive.level, drive.limit)
        change = OutputChange(self._fixture.clock.now(), output_on, drive.function, drive.level)
        if not self.log or change[1:] != self.log[-1][1:]:
            self.log.append(change)


class Source:
    """A voltage or current source on one fixture.

    ``settings`` may be changed at any time; call :meth:`apply` after touching what is put on the terminals.
    """

    def __init__(self, fixture: TestFixture, options: Keithley2400Options, watcher: Watcher) -> None:
        self.options = options
        self.settings = self.default_settings()
        self.memory: dict[int, dict[str, object]] = {}
        self.output_on = False
        self.terminals = Terminals(fixture)
        self._clock = fixture.clock
        self._watcher = watcher
        self._swept_level: float | None = None
        self._endless = False  # a run without end keeps its durations even on an instant instrument
        self._tripped = ""  # the function whose compliance held the last reading
        self._over_voltage = False  # whether the OVP limit held it
        self._enable_line_closed = options.enable_line_closed
        self._over_temperature = False
        self._settled_at = 0.0
        self.apply()
        watcher.measurement_changed(OUTPUT_ENABLE_ASSERTED, OUTPUT_ENABLE_ASSERTED * self._enable_line_closed)

    # --- settings ---

    def default_settings(self) -> Settings:
        """The ``*RST`` values of this unit."""
        return Settings(source_delay=self.options.source_delay, trigger_input=self.options.trigger_input)

    def save_memory(self, number: int) -> None:
        """``SOUR:MEM:SAVE``: keep source and measurement settings in one of 100 places."""
        self.memory[number] = {name: copy.deepcopy(getattr(self.settings, name)) for name in MEMORY_SETTINGS}

    def recall_memory(self, number: int) -> None:
        """``SOUR:MEM:REC``: take them back.

        :raises CommandError: +801, the place is empty.
        """
        if number not in self.memory:
            raise CommandError(801)
        for name, value in self.memory[number].items():
            setattr(self.settings, name, copy.deepcopy(value))
        self.leave_swept_level()

    # --- output ---

    def blocked_by(self) -> int:
        """The number of what keeps the output off, +810 or +802; 0 when nothing does."""
        if self._over_temperature:
            return 810
        return 802 if self.settings.output_enable_used and not self._enable_line_closed else 0

    def _refuse_if_blocked(self) -> None:
        if error := self.blocked_by():
            raise CommandError(error)

    def request_output(self, on: bool) -> None:
        """``OUTP``: +802 or +810 when the output is blocked."""
        if on:
            self._refuse_if_blocked()
        self.switch_output(on=on)

    def switch_output(self, *, on: bool) -> None:
        """Put the bias level on the terminals, or the output-off state."""
        if on != self.output_on:
            self._swept_level = None
            if on and self.settings.output_off_state == "HIMP":
                self._settled_at = self._clock.now() + self.pause(_RELAY_SETTLING)
        self.output_on = on
        if not on:
            self._tripped, self._over_voltage = "", False
            self._watcher.measurement_changed(COMPLIANCE | OVER_VOLTAGE, 0)
        self.apply()

    def set_level(self, function: str, level: float) -> None:
        """A new fixed level (V or A), put out at once if the output is on."""
        take_level(self.settings, function, level)
        self.leave_swept_level()

    def leave_swept_level(self) -> None:
        """From the level where a sweep ended back to the fixed one."""
        self._swept_level = None
        self.apply()

    def apply(self) -> None:
        """Put on the terminals what the settings say; nothing happens where nothing changes."""
        if self.output_on:
            drive = drive_on(self.settings, self._swept_level)
        else:
            drive = drive_off(self.settings, tripped=bool(self.blocked_by()))
        self.terminals.put(drive, remote_sense=self.settings.remote_sense, output_on=self.output_on)

    def compliance_tripped(self, function: str) -> bool:
        """``PROT:TRIP?``: whether the last reading was limited by this function's compliance."""
        return self._tripped == function

    def over_voltage_tripped(self) -> bool:
        """``SOUR:VOLT:PROT:TRIP?``: whether the OVP limit held the last reading."""
        return self._over_voltage

    # --- time ---

    def pause(self, duration: float) -> float:
        """The seconds that a duration takes: none at all on an instant instrument."""
        return 0.0 if self._takes_no_time() else duration

    def _takes_no_time(self) -> bool:
        return self.options.instant and not self._endless
