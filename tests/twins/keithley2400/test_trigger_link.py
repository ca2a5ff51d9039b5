"""The 2400 from its link: the trigger model on its cable."""

from __future__ import annotations

import pytest

from drivers.simulated.clock import VirtualClock
from drivers.simulated.fixture import NoiseSettings, TestFixture
from drivers.simulated.keithley2400.twin import Keithley2400Options, Keithley2400Twin
from drivers.simulated.loads import Resistor
from drivers.simulated.trigger_link import TriggerLink
from tests.twins.keithley2400.conftest import PHOTODIODE, ready


def test_a_linked_sweep_waits_for_the_other_instrument() -> None:
    link = TriggerLink()
    bench = ready(link=link)
    pulses: list[float] = []

    def meter_triggered() -> None:
        pulses.append(bench.clock.now())
        bench.clock.call_after(0.5, lambda: link.pulse(1))

    link.subscribe(2, meter_triggered)
    bench.write(
        ":SOUR:VOLT:MODE LIST;:SOUR:LIST:VOLT 1,2,3;:SOUR:DEL 0.02",
        ":TRIG:SOUR TLIN;DIR SOUR;INP SOUR;ILIN 1;OLIN 2;OUTP DEL;COUN 3",
        ":FORM:ELEM VOLT,TIME",
    )
    values = bench.numbers(":READ?")
    assert values[::2] == [1.0, 2.0, 3.0]
    assert pulses == pytest.approx([0.02005, 0.02005 + 0.520275, 0.02005 + 2 * 0.520275])
    bench.clock.advance(1.0)
    bench.write(":TRIG:DIR ACC", ":READ?")
    # the pulse after the last point was remembered, and only that one
    bench.clock.advance(0.05)
    assert not bench.twin.status.operation.condition & 1 << 5
    bench.clock.advance(0.1)
    assert bench.twin.status.operation.condition & 1 << 5
    bench.write(":ABOR", ":TRIG:CLE", ":READ?")
    assert bench.twin.status.operation.condition & 1 << 5


def test_an_early_pulse_is_remembered_one_deep() -> None:
    link = TriggerLink()
    bench = ready(link=link, instant=True)
    bench.write(":ARM:SOUR TLIN;COUN 2", ":FORM:ELEM VOLT")
    link.pulse(1)
    link.pulse(1)
    bench.write(":READ?")
    assert bench.read_bytes(1.0) is None
    assert bench.twin.status.operation.condition & 1 << 6
    link.pulse(2)
    assert bench.read_bytes(1.0) is None
    link.pulse(1)
    assert bench.read_bytes() is not None


@pytest.mark.parametrize(
    ("setup", "count"),
    [
        (":TRIG:OUTP SOUR,DEL,SENS", 6),
        (":TRIG:OUTP NONE;:ARM:OUTP TENT", 1),
        (":ARM:OUTP TEX", 1),
        (":ARM:OUTP NONE", 0),
    ],
)
def test_output_pulses(setup: str, count: int) -> None:
    link = TriggerLink()
    heard: list[None] = []
    link.subscribe(2, lambda: heard.append(None))
    bench = ready(link=link, instant=True)
    bench.write(":TRIG:COUN 2", setup)
    bench.ask(":READ?")
    assert len(heard) == count


def test_pulses_can_depend_on_the_link_source() -> None:
    link = TriggerLink()
    heard: list[None] = []
    link.subscribe(2, lambda: heard.append(None))
    bench = ready(link=link, instant=True, pulses_without_link_source=False)
    bench.write(":TRIG:OUTP SENS")
    bench.ask(":READ?")
    assert heard == []


def test_two_sourcemeters_on_one_cable() -> None:
    link, clock = TriggerLink(), VirtualClock()
    fixtures = [TestFixture(clock, Resistor(1000.0), PHOTODIODE, NoiseSettings.none()) for _ in range(2)]
    first, second = (Keithley2400Twin(fixture, Keithley2400Options(), link) for fixture in fixtures)
    for twin in (first, second):
        twin.receive(b":SENS:CURR:PROT 0.01;:SOUR:VOLT 1;:OUTP ON;:FORM:ELEM VOLT\n")
    second.receive(b":ARM:SOUR TLIN;ILIN 3\n:READ?\n")
    first.receive(b":TRIG:OUTP SENS;OLIN 3\n:READ?\n")
    clock.advance(0.1)
    assert first.transmit() == (b"+1.000000E+00\n", True)
    assert second.transmit() == (b"", False)
    clock.advance(0.1)
    assert second.transmit() == (b"+1.000000E+00\n", True)
