"""The 2400's table of states: as its docstring draws it, so the driver refuses, and so it goes on."""

import re

import pytest

from drivers.errors import RefusedByDriver
from drivers.keithley import State
from drivers.keithley2400.calls import ALLOWED
from drivers.keithley2400.driver import Keithley2400
from tests.support import public_names as names
from tests.support.public_names import SMU, SMU_METHODS, SMU_SETTINGS, bench_with, carried_out


def ending(smu):
    names.sweeping(smu)
    assert not smu.poll_sweep(0)


PREPARED = {
    State.UNCONFIGURED: names.untouched,
    State.OFF: lambda smu: smu.configure(SMU_SETTINGS),
    State.READY: names.energised,
    State.READING: names.triggered,
    State.PROGRAMMED: names.swept,
    State.SWEEPING: names.sweeping,
    State.ENDING: ending,
    State.SWEPT: names.sweep_over,
}
ALWAYS = ["configure", "output_off", "reset", "stop_sweep", "device_clear", "abort", "shutdown"]


def drawn():
    """The docstring's table: state and call, to the states the call may lead to."""
    table = re.split(r"=====+ =====+", Keithley2400.__doc__)[2]
    rows = re.findall(r"^    (\w+) +(.*(?:\n     .*)*)", table, re.MULTILINE)
    cells = {State[name.upper()]: re.findall(r"([\w]+(?: =)?)(?: \(([\w ]+)\))?(?:,|$)", text.replace("\n", " "))
             for name, text in rows}  # fmt: skip
    return {(state, call): {State[name.upper()] for name in (leads or state.name).split(" or ")}
            for state, calls in cells.items() for call, leads in calls}  # fmt: skip


def in_state(state):
    line, library = bench_with(SMU)
    smu = names.DRIVERS[SMU][0](SMU, library)
    PREPARED[state](smu)
    assert smu._state is state
    line.sent.clear()
    return line, smu


def call(smu, name):
    carried_out(smu, name.split(" ")[0], SMU_METHODS[name][1])


def test_the_table_in_the_docstring_is_the_one_that_refuses():
    assert set(drawn()) == {(state, name) for name, states in ALLOWED.items() for state in states}


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("name", ALLOWED)
def test_a_call_is_refused_and_nothing_sent_or_it_leads_where_the_table_says(state, name):
    line, smu = in_state(state)
    if (state, name) in drawn():
        call(smu, name)
        assert smu._state in drawn()[state, name]
    else:
        with pytest.raises(RefusedByDriver):
            call(smu, name)
        assert not line.sent
        assert smu._state is state


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("name", ALWAYS)
def test_what_makes_it_safe_or_starts_anew_may_be_called_in_any_state(state, name):
    _, smu = in_state(state)
    call(smu, name)
    expected = {"configure": State.OFF, "reset": State.UNCONFIGURED}.get(name)
    if name in ("output_off", "stop_sweep", "shutdown"):
        expected = State.OFF if state in (State.OFF, State.READY, State.READING) else State.UNCONFIGURED
    if name in ("device_clear", "abort"):
        cut_off = {State.READING: State.READY, State.SWEEPING: State.UNCONFIGURED, State.ENDING: State.UNCONFIGURED}
        expected = cut_off.get(state, state)
    assert smu._state is expected


@pytest.mark.parametrize("state", State)
def test_questions_are_asked_unless_a_reply_is_on_its_way_or_held_back(state):
    line, smu = in_state(state)
    if state in (State.READING, State.SWEEPING, State.ENDING):
        with pytest.raises(RefusedByDriver, match="measurement is running"):
            smu.ask(":OUTP?")
        assert not line.sent
    else:
        assert smu.ask(":OUTP?") in ("0", "1")
