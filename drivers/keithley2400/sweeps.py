"""Sweeps that a Keithley 2400 runs from its own memory, freely or in step with a multimeter on the trigger link."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence

from drivers import link, scpi
from drivers.errors import RefusedByDriver, SettingNotTaken, UnexpectedReply
from drivers.keithley import KeithleyExchange, State
from drivers.keithley2400.messages import (
    START_SWEEP,
    SmuReading,
    SmuSettings,
    after_sweep_messages,
    list_query,
    list_sweep_table,
    parse_reading,
    rounded_level,
)
from drivers.keithley2400.specification import SPECIFICATION
from drivers.specification import PointTiming, Source

_CHARACTERS_PER_READING = 70  # five elements
_CHARACTERS_PER_LEVEL = 14  # of a list that is read back


class SweepsFromMemory(KeithleyExchange[SmuSettings, SmuReading]):
    """Lists of levels that are loaded, started, and read when they are over."""

    #: The largest magnitude that may be sent, the source's resolution, the last level sent and that of the last
    #: reading, all V or A.
    _bound = _step = _level = _confirmed = 0.0

    #: The levels of the sweep that is in the memory, V or A.
    _sweep: Sequence[float] = ()

    @abstractmethod
    def output_off(self) -> None:
        """Take the level to zero, switch the output off, and ask whether it is.

        :raises OutputStateUnknown: it cannot be confirmed that the output is off.
        """

    def _beyond(self, level: float) -> RefusedByDriver:
        return RefusedByDriver(self._where, f"level {level:g} was not sent: the limit is {self._bound:g}")

    def program_sweep(
        self,
        levels: Sequence[float],
        source_delay: float,
        *,
        linked: bool = False,
        input_line: int = 1,
        output_line: int = 2,
    ) -> float:
        """Load a list of levels (V or A) to be run by the instrument itself, read it back, and return its duration, s.

        ``linked``: in step with a multimeter on the trigger link, which must have a fixed measure range on both
        sides; its time is not in the duration.

        :raises RefusedByDriver: the levels do not fit or are beyond the limits, or this is not the moment; nothing
            was sent.
        :raises RefusedByInstrument: errors are queued, also from before: they are not thrown away.
        :raises PowerCycled: the instrument was switched off and on since it was configured.
        :raises SettingNotTaken: something reads back differently.
        """
        settings = self._configured()
        self._check_sweep(settings, levels, linked)
        self._require("program_sweep")
        self._state = State.UNCONFIGURED  # until the sweep is in the memory as a whole
        sent = [rounded_level(level, self._step, self._bound) for level in levels]
        table = list_sweep_table(
            settings.source,
            sent,
            source_delay=source_delay,
            linked=linked,
            input_line=input_line,
            output_line=output_line,
        )
        self._program("a sweep", table)
        self._verify_list(settings.source, sent)
        self._sweep = sent
        self._state = State.PROGRAMMED
        return len(levels) * _sweep_point(settings, source_delay, linked)

    def _verify_list(self, source: Source, sent: Sequence[float]) -> None:
        query = list_query(source)
        longest = link.transfer_time(self.adapter, _CHARACTERS_PER_LEVEL * len(sent))
        reply = self._ask_within(self._patience() + longest, query)
        found = [scpi.parse_number(field, query, self._where) for field in reply.split(",")]
        wrong = [(one, other) for one, other in zip(sent, found, strict=False) if abs(one - other) > self._step / 2]
        if len(found) != len(sent):
            raise SettingNotTaken(self._where, [(query[:-1], f"{len(sent)} levels", str(len(found)))])
        if wrong:
            raise SettingNotTaken(self._where, [(query[:-1], f"{one:g}", f"{other:g}") for one, other in wrong[:3]])

    def _check_sweep(self, settings: SmuSettings, levels: Sequence[float], linked: bool) -> None:
        if not 1 <= len(levels) <= SPECIFICATION.buffer:
            raise RefusedByDriver(
                self._where, f"a sweep of {len(levels)} levels does not fit into {SPECIFICATION.buffer}"
            )
        for level in levels:
            if not abs(level) <= self._bound:
                raise self._beyond(level)
        if linked and settings.measure_range is None:
            raise RefusedByDriver(self._where, "autorange would send extra trigger pulses", "Fix the measure range")

    def start_sweep(self) -> None:
        """Start the programmed sweep; until it is over the instrument holds every query back.

        :raises RefusedByDriver: no sweep is programmed.
        """
        self._require("start_sweep")
        self._state = State.SWEEPING
        self._send(START_SWEEP)

    def sweep_finished(self) -> bool:
        """Whether the instrument requests service because its buffer is full (GPIB only).

        :raises RefusedByDriver: the link has no serial poll.
        """
        return bool(self.serial_poll() & 64)

    def poll_sweep(self, timeout: float) -> bool:
        """Whether the sweep is over, waiting at most ``timeout`` s, on any link.

        Asked once; the answer comes when the trigger model is idle, so that nothing is sent while it runs.

        :raises RefusedByDriver: no sweep was started.
        :raises UnexpectedReply: the answer makes no sense.
        """
        self._require("poll_sweep")
        if self._state is State.SWEEPING:
            self._send("*OPC?")
            self._state = State.ENDING
        if (reply := link.read_line(self.adapter, timeout)) is None:
            return False
        over = reply.strip() == "1"
        self._state = State.SWEPT if over else State.UNCONFIGURED
        if not over:
            raise UnexpectedReply(self._where, "*OPC?", reply)
        return True

    def read_sweep(self) -> list[SmuReading]:
        """The readings of the finished sweep, in order; the last level stays, single readings are possible again.

        :raises RefusedByDriver: no sweep is over.
        :raises UnexpectedReply: what is stored makes no sense.
        """
        self._require("read_sweep")
        readings = self._stored_readings(len(self._sweep))
        self._leave_sweep(self._sweep[-1])
        return readings

    def stop_sweep(self) -> list[SmuReading]:
        """End a running sweep: switch the output off, then return the readings taken so far.

        :meth:`configure` must be called before anything else.

        :raises OutputStateUnknown: as :meth:`output_off`.
        :raises UnexpectedReply: what is stored makes no sense.
        """
        self.output_off()
        taken = self._count(":TRAC:POIN:ACT?")
        if taken > SPECIFICATION.buffer:  # nor would so many be waited for
            raise UnexpectedReply(self._where, ":TRAC:POIN:ACT?", f"{taken:.6g} readings")
        return self._stored_readings(taken) if taken else []

    def _stored_readings(self, expected: int) -> list[SmuReading]:
        longest = link.transfer_time(self.adapter, _CHARACTERS_PER_READING * expected)
        fields = self._ask_within(self._patience() + longest, ":TRAC:DATA?").split(",")
        try:
            readings = [parse_reading(fields[start : start + 5]) for start in range(0, len(fields), 5)]
        except (ValueError, OverflowError) as error:
            raise UnexpectedReply(self._where, ":TRAC:DATA?", ",".join(fields)[:80]) from error
        if len(readings) != expected:
            what = f"{len(readings)} readings instead of {expected}"
            raise UnexpectedReply(self._where, ":TRAC:DATA?", what)
        return readings

    def _leave_sweep(self, level: float) -> None:
        """Back to single readings at the level where the sweep ended, so that the output does not jump."""
        settings = self._configured()
        for message in after_sweep_messages(settings.source, level, settings.trigger_delay):
            self._send(message)
        self._level = self._confirmed = level
        self._state = State.READY


def _sweep_point(settings: SmuSettings, source_delay: float, linked: bool) -> float:
    return SPECIFICATION.point_time(
        PointTiming(
            nplc=settings.nplc,
            line_frequency=settings.line_frequency,
            autozero=settings.autozero,
            source=settings.source,
            source_delay=source_delay,
            filter_count=settings.filter_count,
            linked=linked,
        )
    )
