"""Which calls of a Keithley 2400 are allowed in which state, and what is said of one that is not."""

from __future__ import annotations

from drivers import keithley
from drivers.keithley import State

_SETTABLE = (State.OFF, State.READY)

#: The states in which a call may be made; whatever is not named may be called in any.
ALLOWED = {
    "limits =": (State.UNCONFIGURED, State.OFF),
    "output_on": _SETTABLE,
    "set_level": _SETTABLE,
    "compliance_voltage =": _SETTABLE,
    "compliance_current =": _SETTABLE,
    "trigger": (State.READY,),
    "trigger_same_level": (State.READY,),
    "read": (State.READING,),
    "poll": (State.READING,),
    "program_sweep": (State.READY, State.PROGRAMMED, State.SWEPT),
    "start_sweep": (State.PROGRAMMED,),
    "poll_sweep": (State.SWEEPING, State.ENDING),
    "read_sweep": (State.SWEPT,),
}

#: What a state is in words, and the way out of it.
WORDS = {
    **keithley.WORDS,
    State.OFF: ("the output is off", "Call output_on"),
    State.READY: ("the output is on, no reading was triggered, and no sweep programmed", "Call trigger, or output_off"),
    State.PROGRAMMED: ("a sweep is programmed", "Call start_sweep, or output_off"),
    State.SWEEPING: ("a sweep is running", "Call poll_sweep, or stop_sweep"),
    State.ENDING: ("a sweep is running", "Call poll_sweep, or stop_sweep"),
    State.SWEPT: ("the readings of the sweep were not collected", "Call read_sweep"),
}
