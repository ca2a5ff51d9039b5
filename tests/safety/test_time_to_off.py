"""From the moment a fault can be known to the off message at the source: by the source's own clock and ears."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from pyvisa import VisaIOError
from pyvisa.constants import StatusCode

from acquire import session
from acquire.records import Activity, Doing, Event, Record
from drivers.simulated.bench import SimulatedBench
from tests.support.attempt import LIQ, QUICK, Attempt

SMU, METER = "GPIB0::24::INSTR", "GPIB0::16::INSTR"
PROMISED = 2.0  # s
OVERDUE = 2.0  # s, on top of a reading's own time
FAULT_AT = 9  # points reported before it


class Overheard:
    """A twin whose messages are written down with their time, and whose replies may suffer on their way."""

    def __init__(self, twin: Any, clock: Any) -> None:
        self.twin, self.clock = twin, clock
        self.heard: list[tuple[float, str]] = []
        self.suffer: Callable[[bytes], bytes] = lambda reply: reply
        self.late = 0.0
        self._due = b""

    def __getattr__(self, name: str) -> Any:
        return getattr(self.twin, name)

    def receive(self, data: bytes, *, end: bool = False) -> None:
        self.heard.append((self.clock.now(), data.decode().strip()))
        self.twin.receive(data, end=end)

    def transmit(self, limit: int | None = None) -> tuple[bytes, bool]:
        if not self._due:
            reply, complete = self.twin.transmit()
            if not complete:
                return b"", False
            if self.late:
                self.clock.call_after(self.late, lambda: setattr(self, "_due", reply))
                return b"", False
            self._due = self.suffer(reply)
        data, self._due = self._due[:limit], self._due[len(self._due[:limit]) :]
        return data, bool(data) and not self._due

    def after(self, message: str) -> list[tuple[float, str]]:
        """What was heard after the last message that holds this text, and that message itself."""
        last = max(place for place, (_, text) in enumerate(self.heard) if message in text)
        return self.heard[last:]


def mute(line: Overheard, _: SimulatedBench) -> None:
    line.suffer = lambda reply: b""


def late(line: Overheard, _: SimulatedBench) -> None:
    line.late = 3.0


def garbage(line: Overheard, _: SimulatedBench) -> None:
    line.suffer = lambda reply: b"#?~,\n"


def not_ascii(line: Overheard, _: SimulatedBench) -> None:
    line.suffer = lambda reply: bytes(byte | 0x80 for byte in reply[:-1]) + b"\n"


def cut(line: Overheard, _: SimulatedBench) -> None:
    line.suffer = lambda reply: reply[: len(reply) // 2]


def trickle(line: Overheard, _: SimulatedBench) -> None:
    arrived: list[tuple[bytes, bool]] = []

    def transmit(_: int | None = None) -> tuple[bytes, bool]:
        reply, complete = line.twin.transmit()
        for place, byte in enumerate(reply if complete else b"", 1):
            piece = bytes([byte]), place == len(reply)
            line.clock.call_after(0.15 * place, partial(arrived.append, piece))
        return arrived.pop(0) if arrived else (b"", False)

    line.transmit = transmit  # type: ignore[method-assign]


def noise(line: Overheard, _: SimulatedBench) -> None:
    arrived: list[bytes] = []

    def more() -> None:
        arrived.append(b"+")
        line.clock.call_after(0.02, more)

    def transmit(_: int | None = None) -> tuple[bytes, bool]:
        line.twin.transmit()
        return (arrived.pop(0) if arrived else b""), False

    line.transmit = transmit  # type: ignore[method-assign]
    more()


def closed_and_opened_again(line: Overheard, simulated: SimulatedBench) -> None:
    opened: list[int] = []

    def broken(number: int, resource: str, operation: str) -> None:
        if resource == line.resource and operation == "open":
            opened.append(number)
        if resource == line.resource and not opened:
            raise VisaIOError(StatusCode.error_connection_lost)

    simulated.library.before_operation = broken


def attempt_with(fault: Callable[[Overheard, SimulatedBench], None], befallen: str, folder: Path) -> tuple[Any, Any]:
    attempt = Attempt(QUICK, folder)
    lines: dict[str, Overheard] = {}

    def listen(simulated: SimulatedBench) -> None:
        for resource in (SMU, METER):
            lines[resource] = Overheard(simulated.library.twins[resource], simulated.clock)
            lines[resource].resource = resource  # type: ignore[attr-defined]
        simulated.library.twins.update(lines)

    def watch(event: Any) -> None:
        if isinstance(event, Record) and event.reading.index == FAULT_AT:
            assert attempt.simulated is not None
            fault(lines[befallen], attempt.simulated)

    attempt.prepare_bench, attempt.watch = listen, watch
    return attempt, lines


def first_after_the_last_reading(line: Overheard) -> tuple[float, float, str]:
    """When the last reading was asked for, when the next message came, and that message."""
    (asked, _), (next_at, text), *_ = line.after("READ?")
    return asked, next_at, text


@pytest.mark.parametrize("fault", [mute, late, trickle, noise, garbage, not_ascii, cut, closed_and_opened_again])
def test_the_first_message_to_a_source_that_fails_makes_it_safe(
    fault: Callable[[Overheard, SimulatedBench], None], tmp_path: Path
) -> None:
    attempt, lines = attempt_with(fault, SMU, tmp_path)
    result = attempt.run()
    assert result.failed
    own_time = session.prepare(QUICK).plan.time_per_point
    asked, off_at, text = first_after_the_last_reading(lines[SMU])
    assert text.endswith(":OUTP OFF")
    assert "?" not in text
    assert off_at - (asked + own_time + OVERDUE) < 0.2 < PROMISED
    assert not lines[SMU].twin.output_on


@pytest.mark.parametrize("fault", [mute, trickle, noise, closed_and_opened_again])
def test_a_meter_that_fails_switches_the_source_off_before_anybody_is_asked(
    fault: Callable[[Overheard, SimulatedBench], None], tmp_path: Path
) -> None:
    attempt, lines = attempt_with(fault, METER, tmp_path)
    assert attempt.run().failed
    own_time = session.prepare(QUICK).plan.time_per_point
    _, off_at, text = first_after_the_last_reading(lines[SMU])
    triggered, _ = lines[METER].after("READ?")[0]
    assert text.startswith(":SOUR:")
    assert text.endswith(":OUTP OFF")
    ranging = 6 * own_time  # the meter's range is automatic: each change of it repeats the reading
    assert off_at - (triggered + own_time + ranging + OVERDUE) < 0.1 < PROMISED


def test_the_source_is_read_again_and_again_while_the_meter_is_waited_for(tmp_path: Path) -> None:
    attempt, lines = attempt_with(mute, METER, tmp_path)
    assert attempt.run().failed
    asked = [time for time, text in lines[SMU].heard if "READ?" in text]
    off_at = next(time for time, text in lines[SMU].heard if time > asked[-1] and "OUTP OFF" in text)
    waiting = [time for time in asked if time > off_at - OVERDUE]
    assert len(waiting) >= 3
    assert max(b - a for a, b in zip(waiting, [*waiting[1:], off_at], strict=True)) < 0.8


def test_a_source_beyond_its_limits_while_the_meter_is_waited_for_ends_the_run_at_once(tmp_path: Path) -> None:
    def silent_while_the_source_runs_away(line: Overheard, simulated: SimulatedBench) -> None:
        mute(line, simulated)
        source: Any = simulated.library.twins[SMU]
        source.suffer = lambda reply: reply.replace(b"+", b"+9", 1) if reply.count(b",") == 4 else reply

    attempt, lines = attempt_with(silent_while_the_source_runs_away, METER, tmp_path)
    result = attempt.run()
    assert "is beyond the bench's limit" in result.error
    triggered, _ = lines[METER].after("READ?")[0]
    _, off_at, _ = first_after_the_last_reading(lines[SMU])
    assert off_at - triggered < 1.0


@pytest.mark.parametrize("after", [0.0, 0.1, 1.0, 20.0])
def test_from_a_signal_to_off_it_takes_less_than_two_seconds_even_in_a_long_reading(
    after: float, sweep_file: Callable[..., Path], tmp_path: Path
) -> None:
    long = sweep_file("quick_look.yaml", {"nplc: 0.1 ": "nplc: 10\n  filter_count: 100 "})
    assert session.prepare(long).plan.time_per_point > 40.0
    attempt, lines = attempt_with(mute, SMU, tmp_path / "runs")
    attempt.sweep = long
    listen = attempt.prepare_bench

    def signal(simulated: SimulatedBench) -> None:
        listen(simulated)
        simulated.clock.call_at(200.0 + after, lambda: attempt.stop.ask("Ctrl-C"))

    attempt.prepare_bench = signal
    result = attempt.run()
    assert result.interrupted
    off_at = next(time for time, text in lines[SMU].heard if time > 200.0 and "OUTP OFF" in text)
    assert off_at - (200.0 + after) < PROMISED
    attempt.check_what_is_left("stopped")


@pytest.mark.parametrize("where", ["long reading", "exposure"])
def test_from_a_stop_asked_for_elsewhere_to_off_it_takes_less_than_two_seconds(
    where: str, sweep_file: Callable[..., Path], tmp_path: Path
) -> None:
    """In the thread of the mailbox nothing is raised: the run itself has to notice, in whatever it waits for."""
    recipe, old, new = {
        "long reading": ("quick_look.yaml", "nplc: 0.1 ", "nplc: 10\n  filter_count: 100 "),
        "exposure": (LIQ.name, "[10 cd/m^2,", "[3 cd/m^2,"),  # of a minute
    }[where]
    attempt, lines = attempt_with(mute, SMU, tmp_path / "runs")
    attempt.sweep = sweep_file(recipe, {old: new})
    asked: list[float] = []

    def ask() -> None:
        assert attempt.simulated is not None
        asked.append(attempt.simulated.clock.now())
        attempt.stop.note("stopped from elsewhere by Ada")

    def is_the_moment(event: Event) -> bool:
        if where == "exposure":
            return isinstance(event, Activity) and event.doing is Doing.SPECTRUM and event.lasting > 10.0
        return isinstance(event, Record) and event.reading.index == FAULT_AT

    def watch(event: Event) -> None:
        if not asked and is_the_moment(event):
            assert attempt.simulated is not None
            attempt.simulated.clock.call_after(1.0, ask)

    attempt.watch = watch
    result = attempt.run()
    assert result.interrupted
    assert result.run is not None
    assert result.run.stop_reason == "stopped from elsewhere by Ada"
    off_at = next(time for time, text in lines[SMU].heard if time >= asked[0] and "OUTP OFF" in text)
    assert off_at - asked[0] < PROMISED
    attempt.check_what_is_left("stopped")


def test_a_short_reading_is_let_end_after_a_signal(tmp_path: Path) -> None:
    attempt, lines = attempt_with(lambda *_: attempt.stop.ask("Ctrl-C"), SMU, tmp_path)
    assert attempt.run().interrupted
    assert len(attempt.reported) == FAULT_AT + 2  # the one that was on its way
    assert [text for _, text in lines[SMU].heard[-3:]] == [":OUTP?", "*ESR?", ":SYST:ERR?"]
