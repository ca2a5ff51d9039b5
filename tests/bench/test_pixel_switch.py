"""No pixel is connected or let go while the output is on, or may be: the bench itself refuses, by asking the source."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from acquire.bench import opening
from acquire.bench.opening import Bench, open_bench
from acquire.bench.simulated import simulated_bench
from acquire.bench.site import Site
from acquire.config import load_sweep
from acquire.config.bench import PixelSwitch
from drivers.errors import InstrumentTimeout, RefusedByDriver
from tests.conftest import CONFIGS


class Switch:
    """A switch that does as it is told, and remembers."""

    def __init__(self) -> None:
        self.adapter = self
        self.done: list[int | None] = []

    def select(self, relay: int | None) -> None:
        self.done.append(relay)

    def identify(self) -> None:
        pass

    def close(self) -> None:
        pass


@contextmanager
def bench(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Bench, Switch, object]]:
    loaded = load_sweep(CONFIGS / "sweeps" / "quick_look.yaml")
    section = PixelSwitch(model="relay_board", resource="ASRL5::INSTR", pixels={"A": 1, "B": 2})
    there = loaded.bench.instruments.model_copy(update={"pixel_switch": section})
    switch, simulated = Switch(), simulated_bench(loaded)
    row = replace(opening._ROLES["pixel_switch"], open=lambda file, site: switch)
    monkeypatch.setitem(opening._ROLES, "pixel_switch", row)
    file = loaded.bench.model_copy(update={"instruments": there})
    with open_bench(file, Site(simulated.library, simulated.clock.now, simulated.clock.advance)) as opened:
        yield opened, switch, simulated.twins[loaded.bench.instruments.smu.resource]


def test_a_pixel_is_connected_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    with bench(monkeypatch) as (opened, switch, _):
        opened.select("B")
        opened.select(None)
        assert switch.done == [2, None]


def test_nothing_is_switched_while_the_output_is_on(monkeypatch: pytest.MonkeyPatch) -> None:
    with bench(monkeypatch) as (opened, switch, source):
        source.receive(b":OUTP ON\n", end=True)  # type: ignore[attr-defined]  # somebody pressed OUTPUT
        for pixel in ("A", None):
            with pytest.raises(RefusedByDriver, match="the output is on"):
                opened.select(pixel)
        assert switch.done == []


def test_nothing_is_switched_while_the_source_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def silent(*_: object) -> bool:
        raise InstrumentTimeout("the source", "no answer")

    with bench(monkeypatch) as (opened, switch, _):
        monkeypatch.setattr("drivers.keithley2400.off.is_off", silent)
        with pytest.raises(RefusedByDriver, match="may be on"):
            opened.select("A")
        assert switch.done == []


def test_what_is_not_there_is_not_connected(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with bench(monkeypatch) as (opened, switch, _), pytest.raises(RefusedByDriver, match="its pixels are A, B"):
        opened.select("C")
    assert switch.done == []
    with pytest.raises(RefusedByDriver, match="closed"):
        opened.select("A")
