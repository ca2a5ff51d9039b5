"""Keithley 2000 multimeter, reading DC volts (a photodiode amplifier) or DC current.

Commands after the Model 2000 Quick Start Guide 2000-903-01 Rev. C, trigger model after the Model 2000 User's Manual
2000-900-01. The meter powers up measuring continuously with a moving filter of ten, in which ``READ?`` never
answers; :meth:`~Keithley2000.configure` stops that first. Only ``READ?`` is used for readings: ``FETCh?`` repeats
old ones, and ``MEASure?`` undoes the settings.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal, NamedTuple

from pymeasure.instruments import SCPIUnknownMixin

from drivers import link, scpi
from drivers.errors import RefusedByDriver, UnexpectedReply
from drivers.keithley import BUSY, KeithleyExchange, State
from drivers.keithley2000.specification import SPECIFICATION
from drivers.pymeasure_keithley import Keithley2000 as PymeasureKeithley2000
from drivers.ranges import delay_setting, smallest_range
from drivers.scpi import INVALID, Setting, Value
from drivers.specification import PointTiming

__all__ = ["DmmReading", "DmmSettings", "Keithley2000"]

_CHARACTERS_PER_READING = 16
_COMMAND_TIMEOUT = 5.0
_SLOWEST_CLOCK = 1.02  # mains and the meter's own clock
_WAITING_FOR_TRIGGER = 32  # operation condition register, bit 5
_BUFFER_FULL = 512  # measurement event register, bit 9
_READING = re.compile(r"[+-]?\d+\.\d+E[+-]?\d\d")  # +1.23456789E-04; overflow without a sign in its exponent
_FUNCTIONS = {"voltage": "VOLT:DC", "current": "CURR:DC"}
_RANGES = {"voltage": SPECIFICATION.voltage.ranges, "current": SPECIFICATION.current.ranges}


@dataclass(frozen=True)
class DmmSettings:
    """Everything that decides how the multimeter reads.

    ``range_``: largest magnitude expected (V or A), None for autorange. ``settling_time`` (s) passes in the meter
    between trigger and measurement. ``filter_count``: readings averaged into one, 1 for none. ``digits``: 4 to 7,
    7 for the full 6½.
    """

    function: Literal["voltage", "current"] = "voltage"
    range_: float | None = None
    nplc: float = 1.0
    autozero: bool = True
    filter_count: int = 1
    settling_time: float = 0.0
    digits: int = 7

    @property
    def nominal_range(self) -> float | None:
        """Get the nominal range (V or A) that holds ``range_``, None for autorange.

        :raises ValueError: there is none.
        """
        return None if self.range_ is None else smallest_range(self.range_, _RANGES[self.function])

    @property
    def trigger_delay(self) -> float:
        """Get the settling time in the steps that the meter has, s."""
        return delay_setting(self.settling_time, SPECIFICATION.delay_step)

    def time_per_reading(self, line_frequency: float) -> float:
        """Duration of one reading in the meter, settling included, s."""
        return SPECIFICATION.reading_time(
            PointTiming(
                nplc=self.nplc,
                line_frequency=line_frequency,
                autozero=self.autozero,
                trigger_delay=self.trigger_delay,
                filter_count=self.filter_count,
            )
        )


class DmmReading(NamedTuple):
    """One reading in V or A; NaN with ``overflow`` set when the input was beyond the range."""

    value: float
    overflow: bool


def objections(settings: DmmSettings) -> Iterator[str]:
    """Every reason not to send these settings."""
    if settings.range_ is not None and not 0 < settings.range_ <= max(_RANGES[settings.function]):
        yield f"no range holds {settings.range_:g}"
    if not 0.01 <= settings.nplc <= 10:
        yield f"nplc {settings.nplc:g} is not between 0.01 and 10"
    if not 1 <= settings.filter_count <= 100:
        yield f"filter count {settings.filter_count} is not between 1 and 100"
    if not 0 <= settings.settling_time <= 999999.999:
        yield f"settling time {settings.settling_time:g} s is not between 0 and 999999.999 s"
    if settings.digits not in (4, 5, 6, 7):
        yield f"{settings.digits} digits are not between 4 and 7"


def setting_table(settings: DmmSettings) -> list[Setting]:
    """The settings in the order in which they are sent; each is made explicitly, whatever ``*RST`` does."""
    function = _FUNCTIONS[settings.function]
    sense = f":SENS:{function}"
    return [
        Setting("autozero", ":SYST:AZER:STAT", settings.autozero),
        Setting("function", ":SENS:FUNC", f"'{function}'"),
        _range_setting(settings, sense),
        Setting("nplc", f"{sense}:NPLC", settings.nplc),
        Setting("digits", f"{sense}:DIG", settings.digits),
        Setting("filter_type", f"{sense}:AVER:TCON", "REP"),
        Setting("filter_count", f"{sense}:AVER:COUN", settings.filter_count),
        Setting("filter", f"{sense}:AVER:STAT", settings.filter_count > 1),
        Setting("unit", ":UNIT:VOLT:DC", "V"),
        Setting("relative", f"{sense}:REF:STAT", False),
        Setting("math", ":CALC1:STAT", False),
        *_trigger_table(settings),
        Setting("elements", ":FORM:ELEM", "READ"),
    ]


def _range_setting(settings: DmmSettings, sense: str) -> Setting:
    if (nominal := settings.nominal_range) is None:
        return Setting("autorange", f"{sense}:RANG:AUTO", True)
    return Setting("range", f"{sense}:RANG", nominal, full_scale=1.2)


def _trigger_table(settings: DmmSettings) -> list[Setting]:
    return [
        Setting("trigger_source", ":TRIG:SOUR", "IMM"),
        Setting("trigger_count", ":TRIG:COUN", 1),
        Setting("sample_count", ":SAMP:COUN", 1),
        Setting("settling_time", ":TRIG:DEL", settings.trigger_delay),
    ]


def parse_reading(reply: str) -> DmmReading:
    """One number as a reading.

    :raises ValueError: it is not a number, or not a whole one: its exponent has two digits.
    """
    if not _READING.fullmatch(reply.strip()):
        raise ValueError(f"{reply!r} is not a reading")
    value = float(reply)
    overflow = abs(value) >= INVALID
    return DmmReading(math.nan if overflow else value, overflow)


class Keithley2000(KeithleyExchange[DmmSettings, DmmReading], PymeasureKeithley2000):
    """A Keithley 2000 on any VISA resource, or on a PyMeasure adapter.

    ``timeout`` (s): how long a reply may take; once configured 2 s at most beyond the time of a reading.
    ``visa_library`` and ``serial`` count only when ``adapter`` is a resource name.

    What may be called when: ``configure`` always; ``trigger`` and ``arm_buffer`` when the meter is configured and no
    reading is on its way; ``read`` and ``poll`` while one is; whatever asks the meter for something when none is.

    :raises CannotConnect: the address cannot be opened.
    """

    specification = SPECIFICATION
    models = SPECIFICATION.identities
    _allowed: ClassVar = {
        "trigger": (State.READY,),
        "arm_buffer": (State.READY,),
        "read": (State.READING,),
        "poll": (State.READING,),
    }

    def __init__(
        self,
        adapter: Any,
        name: str = "Keithley 2000",
        *,
        visa_library: Any = "",
        timeout: float = _COMMAND_TIMEOUT,
        serial: link.SerialLine = SPECIFICATION.serial,
    ) -> None:
        adapter = self._open(adapter, name, visa_library, timeout, serial)
        self._armed = SPECIFICATION.buffer
        # Past SCPIUnknownMixin, whose only content is a warning that PyMeasure does not know if the meter speaks SCPI
        super(SCPIUnknownMixin, self).__init__(adapter, name)

    def shutdown(self) -> None:
        """Stop measuring and leave the meter idle."""
        self.abort()
        self.isShutdown = True

    @property
    def front_terminals(self) -> bool:
        """Get whether the front input is selected, by the switch on the panel (bool)."""
        return self._number(":SYST:FRSW?") == 1

    @property
    def line_frequency(self) -> float:
        """Get the line frequency the meter found at power-up in Hz (float).

        :raises UnexpectedReply: it is none.
        """
        frequency = self._number(query := ":SYST:LFR?")
        if not 40 <= frequency <= 440:
            raise UnexpectedReply(self._where, query, f"{frequency:g}")
        return frequency

    def configure(self, settings: DmmSettings) -> None:
        """Make all settings from a reset, read them back and compare.

        :raises RefusedByDriver: the meter does not have these settings, and nothing was sent; or current is to be
            measured while the rear terminals are selected.
        :raises RefusedByInstrument: errors are queued.
        :raises SettingNotTaken: something reads back differently.
        """
        if reasons := list(objections(settings)):
            raise RefusedByDriver(self._where, "settings were not sent: " + "; ".join(reasons))
        self._reading_time = 0.0
        if self._state in BUSY:
            self.device_clear()
        self._state = State.UNCONFIGURED
        table = setting_table(settings)
        # Continuous measuring must end before *RST and READ? can be relied on
        for message in (":INIT:CONT OFF", ":ABOR", "*CLS", "*RST", ":INIT:CONT OFF"):
            self._send(message)
        for setting in table:
            self._send(setting.message)
        self.raise_errors("a setting")
        self._record = self._verified(settings, table)
        self._settings = settings
        self._state = State.READY
        self._allow_reading(self._longest_reading(settings))

    def _verified(self, settings: DmmSettings, table: list[Setting]) -> dict[str, Value]:
        front = self.front_terminals
        if settings.function == "current" and not front:
            hint = "Press INPUTS on the front panel"
            raise RefusedByDriver(self._where, "current is measured at the front terminals only", hint)
        record = scpi.verify(self.ask, self._where, [Setting("continuous", ":INIT:CONT", False), *table])
        return record | {"front_terminals": front, "line_frequency": self.line_frequency}

    def _longest_reading(self, settings: DmmSettings) -> float:
        """The longest time a reading may take in the meter, s.

        With autorange each change of range repeats delay and conversion, and the filter may begin anew once.
        """
        line_frequency = float(self._record["line_frequency"])
        longest = settings.time_per_reading(line_frequency)
        if settings.range_ is None:
            once = replace(settings, filter_count=1).time_per_reading(line_frequency)
            longest += longest + (len(_RANGES[settings.function]) - 1) * once
        return _SLOWEST_CLOCK * longest

    def trigger(self) -> None:
        """Start one reading, after the settling time; collect it with :meth:`read`.

        :raises RefusedByDriver: the meter is not configured, or the last reading was not collected.
        """
        self._require("trigger")
        self._start_reading(":READ?")

    @staticmethod
    def _reading(reply: str) -> DmmReading:
        return parse_reading(reply)

    # Many readings into the buffer, one for every trigger

    def arm_buffer(self, points: int, trigger: Literal["external", "bus", "immediate"] = "external") -> None:
        """Wait for ``points`` triggers (2 to 1024) and store a reading for each.

        ``external``: falling edges on the trigger link; ``bus``: ``*TRG`` or a group trigger. Returns once the meter
        waits for the first trigger.

        :raises RefusedByDriver: the buffer does not hold so many, or this is not the moment; nothing was sent.
        :raises RefusedByInstrument: errors are queued, also from before, or the meter does not wait for triggers.
        :raises PowerCycled: the meter was switched off and on since it was configured.
        :raises SettingNotTaken: something reads back differently.
        """
        self._require("arm_buffer")
        if not 2 <= points <= SPECIFICATION.buffer:
            raise RefusedByDriver(self._where, f"the buffer holds 2 to {SPECIFICATION.buffer} readings, not {points}")
        self._armed = points
        source = {"external": "EXT", "bus": "BUS", "immediate": "IMM"}[trigger]
        self._program("filling the buffer", _buffer_table(points, source))
        self._send(":INIT")
        if source != "IMM" and not self.waiting_for_trigger:
            raise scpi.refusal(self._where, "waiting for triggers", self.error_queue())

    @property
    def waiting_for_trigger(self) -> bool:
        """Get whether the meter waits in its trigger layer (bool)."""
        return bool(self._count(":STAT:OPER:COND?") & _WAITING_FOR_TRIGGER)

    def buffer_full(self) -> bool:
        """Whether the buffer is full; unlike the 2400, the meter answers while it measures. Once True, False again."""
        return bool(self._count(":STAT:MEAS?") & _BUFFER_FULL)

    def wait_for_buffer(self, timeout: float) -> None:
        """Wait until every armed reading is taken.

        :raises InstrumentTimeout: it takes longer than ``timeout`` s.
        :raises UnexpectedReply: the answer makes no sense.
        """
        if (reply := self._ask_within(timeout, "*OPC?")) != "1":
            raise UnexpectedReply(self._where, "*OPC?", reply)

    def read_buffer(self) -> list[DmmReading]:
        """Every reading in the buffer, in order; triggered single readings are possible again afterwards.

        May be called before the buffer is full, when triggers were lost: it then ends the run.

        :raises UnexpectedReply: what is stored makes no sense.
        """
        settings = self._configured()
        stored = _bytes_used(self.ask(":TRAC:FREE?"), self._where) > 0
        # A full buffer takes 35 s at 4800 baud
        longest = link.transfer_time(self.adapter, _CHARACTERS_PER_READING * self._armed)
        # an empty buffer gives no reply
        reply = self._ask_within(self._patience() + longest, ":TRAC:DATA?") if stored else ""
        for message in (":ABOR", ":TRAC:FEED:CONT NEV", ":TRIG:COUN 1", ":TRIG:SOUR IMM"):
            self._send(message)
        self._send(f":TRIG:DEL {settings.trigger_delay:.9g}")
        return [self._parsed(":TRAC:DATA?", field) for field in reply.split(",") if field]


def _bytes_used(reply: str, where: str) -> int:
    """The second number of ``TRAC:FREE?``: bytes free, bytes used."""
    return scpi.parse_count(reply.partition(",")[2], ":TRAC:FREE?", where)


def _buffer_table(points: int, source: str) -> tuple[str | Setting, ...]:
    return (
        Setting("settling_time", ":TRIG:DEL", 0),
        Setting("trigger_source", ":TRIG:SOUR", source),
        Setting("trigger_count", ":TRIG:COUN", points),
        Setting("sample_count", ":SAMP:COUN", 1),  # one output pulse for every reading
        Setting("format", ":FORM:DATA", "ASC"),
        ":TRAC:FEED:CONT NEV",  # storing must be off while the buffer is set up; it survives *RST
        ":TRAC:CLE",
        Setting("stored_points", ":TRAC:POIN", points),
        Setting("stored", ":TRAC:FEED", "SENS1"),
        Setting("storing", ":TRAC:FEED:CONT", "NEXT"),
        ":STAT:PRES",
        Setting("measurement_events", ":STAT:MEAS:ENAB", _BUFFER_FULL),
        Setting("service_request", "*SRE", 1),
    )
