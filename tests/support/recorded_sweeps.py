"""The sweeps behind ``tests/recordings/replay_*.h5``: each recipe in small, on the simulated bench.

``python -m tests.support.recorded_sweeps FOLDER [NAME ...]`` records them anew. A recording is a test as soon as it is
in ``tests/recordings``, wherever it comes from: it must replay message by message.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence
from contextlib import chdir
from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from acquire import session
from acquire.records import Event, Record
from acquire.sweep.by_hand import Command, Doing, by_hand
from tests.conftest import CONFIGS
from tests.support.attempt import Attempt

_HEAD = """kind: sweep
title: {name}
bench: {configs}/benches/{bench}.yaml
sample:
  name: recorded
  emissive_area: 14 mm^2
  emissive_area_uncertainty: 0.16 mm^2
  simulated_as: {configs}/devices/{device}.yaml
"""
_LINE = "  expected_line: {{peak: 520 nm, fwhm: 19 nm}}\n"
_FAST = "measure: {{settle: 2 ms, nplc: 0.1, current_range: 100 mA, photodiode_range: 10 V}}\n"
_LINKED = """measure:
  timing: hardware
  settle: 2 ms
  nplc: 0.05
  autozero: false
  current_range: 100 mA
  photodiode_range: 10 V
"""

#: By name: bench, device, whether the device is looked at first, and what follows the head of the sweep file.
SWEEPS: dict[str, tuple[str, str, bool, str]] = {
    "stepped": (
        "simulated",
        "sppo13_liq",
        True,
        f"{_LINE}source: {{{{function: voltage, start: 3 V, stop: 6 V, step: 0.5 V, compliance: 100 mA}}}}\n"
        f"{_FAST}dark: {{{{readings: 2}}}}\n",
    ),
    "hardware": (
        "simulated_trigger_link",
        "sppo13_liq",
        False,
        f"{_LINE}source: {{{{function: voltage, start: 3 V, stop: 6 V, step: 0.5 V, compliance: 100 mA}}}}\n"
        f"{_LINKED}dark: {{{{readings: 2}}}}\n",
    ),
    "pulsed": (
        "simulated_trigger_link",
        "self_heating",
        False,
        f"{_LINE}source:\n  function: voltage\n  start: 4 V\n  stop: 7 V\n  step: 1 V\n  compliance: 50 mA\n"
        "  pulse: {{width: 5 ms, duty_cycle: 10 %, base_level: 0 V}}\n"
        f"{_LINKED}dark: {{{{readings: 2}}}}\n".replace("  settle: 2 ms\n", ""),
    ),
    "spectra_and_back": (
        "simulated",
        "sppo13_liq",
        False,
        f"{_LINE}source:\n  function: voltage\n  start: 4 V\n  stop: 6.5 V\n  step: 0.5 V\n  direction: both\n"
        "  compliance: 100 mA\n"
        f"{_FAST}dark: {{{{readings: 2}}}}\nspectra:\n  at_luminance: [300 cd/m^2]\n"
        "  speed: fast\n  afterwards: {{at_luminance: [100 cd/m^2], time_budget: 2 min}}\n",
    ),
    "adaptive": (
        "simulated",
        "sppo13_tppo",
        False,
        f"{_LINE}source:\n  function: voltage\n  start: 3 V\n  stop: 7 V\n  step: 1 V\n  compliance: 100 mA\n"
        "  refine: {{step: 0.25 V, at_luminance: [1 cd/m^2], efficiency_maximum: true}}\n"
        f"{_FAST}dark: {{{{readings: 2}}}}\n",
    ),
    "single_carrier": (
        "simulated",
        "electron_only",
        False,
        "transport:\n  carriers: electrons\n  thickness: 80 nm\n  permittivity: 3\n  built_in_voltage: 0.3 V\n"
        "  series_resistance: 25 ohm\n"
        "source: {{function: voltage, start: 0.1 V, stop: 10 V, points_per_decade: 8, compliance: 10 mA}}\n"
        "measure: {{settle: 2 ms, nplc: 1}}\ndark: {{readings: 2}}\n",
    ),
    "lifetime": (
        "simulated",
        "sppo13_fading",
        False,
        f"{_LINE}exchange: true\nsource: {{{{function: current, levels: [1.5 mA], compliance: 10 V}}}}\n"
        "measure: {{settle: 10 ms, nplc: 1}}\ndark: {{readings: 2}}\nlifetime:\n"
        "  sampling: [{{every: 2 s, until: 12 s}}]\n  initial_time: 2 s\n  spectra_at: [2 s]\n  end: {{points: 6}}\n"
        "spectra: {{speed: fast}}\n",
    ),
}


def _set(level: float) -> Command:
    return Command(Doing.SET, level)


_SPECTRUM, _UP, _OFF, _QUIT = Command(Doing.SPECTRUM), Command(Doing.MOVE, 1.0), Command(Doing.OFF), Command(Doing.QUIT)

#: Runs that a person has a hand in: by name, of which sweep, after which points it is paused for 20 s, and what is
#: typed one after the other at each look, None for nothing.
WITH_A_HAND: dict[str, tuple[str, tuple[int, ...], tuple[Command | None, ...]]] = {
    "paused": ("stepped", (2, 4), ()),
    "lifetime_paused": ("lifetime", (1,), ()),
    "by_hand": (
        "spectra_and_back",
        (),
        (None, _set(3.0), None, _set(5.0), _SPECTRUM, _UP, None, _OFF, None, None, _set(4.5), None, _OFF, None, _QUIT),
    ),
}
RECORDINGS = (*SWEEPS, *WITH_A_HAND)


def record(name: str, folder: Path) -> Path:
    """Carry one of these runs out, and give its run file, ``replay_NAME.h5``; it names no folder of this computer."""
    of, after, typed = WITH_A_HAND.get(name, (name, (), ()))
    bench, device, pretest, rest = SWEEPS[of]
    folder.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory() as temporary, chdir(temporary):
        shutil.copytree(CONFIGS, "configs")
        sweep = Path(f"{name}.yaml")
        fields = {"name": name, "configs": "configs", "bench": bench, "device": device}
        sweep.write_text((_HEAD + rest).format(**fields), encoding="utf-8")
        prepared = session.prepare(sweep, with_pretest=pretest)
        if typed:
            prepared = replace(prepared, plan=by_hand(prepared.plan, partial(next, iter(typed))))
        attempt = Attempt(prepared, folder)
        _pause(attempt, after)
        result = attempt.run()
    assert result.run is not None, result.error
    assert not result.failed, result.error
    return Path(shutil.move(result.run.path, folder / f"replay_{name}.h5"))


def _pause(attempt: Attempt, after: Sequence[int]) -> None:
    """Let a run be paused for 20 s by the clock of its bench after each of these points."""
    pause, looks = attempt.stop.pause, [0]

    def watch(event: Event) -> None:
        index = event.reading.index if isinstance(event, Record) else -1
        if index in after:
            pause.ask("Ada")

    def wait(seconds: float) -> None:
        looks[0] += 1
        if looks[0] * seconds >= 20.0:
            looks[0] = 0
            pause.take_back()

    attempt.watch = watch
    pause.wait = wait  # type: ignore[method-assign]


if __name__ == "__main__":
    for each in sys.argv[2:] or RECORDINGS:
        print(record(each, Path(sys.argv[1]).absolute()))
