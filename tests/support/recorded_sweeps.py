"""The sweeps behind ``tests/recordings/replay_*.h5``: each recipe in small, on the simulated bench.

``python -m tests.support.recorded_sweeps FOLDER`` records them anew. A recording is a test as soon as it is in
``tests/recordings``, wherever it comes from: it must replay message by message.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from tests.conftest import CONFIGS, run_sweep_file

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


def record(name: str, folder: Path) -> Path:
    """Carry one of these sweeps out, and give its run file, ``replay_NAME.h5``."""
    bench, device, pretest, rest = SWEEPS[name]
    folder.mkdir(parents=True, exist_ok=True)
    sweep = folder / f"{name}.yaml"
    fields = {"name": name, "configs": CONFIGS.as_posix(), "bench": bench, "device": device}
    sweep.write_text((_HEAD + rest).format(**fields), encoding="utf-8")
    result = run_sweep_file(sweep, folder, with_pretest=pretest)
    assert result.run is not None, result.error
    assert not result.failed, result.error
    return Path(shutil.move(result.run.path, folder / f"replay_{name}.h5"))


if __name__ == "__main__":
    for each in SWEEPS:
        print(record(each, Path(sys.argv[1])))
