"""Every end condition of a lifetime on a device that meets it, and a lifetime at constant voltage."""

from pathlib import Path

import h5py
import numpy as np
import pytest

from acquire.records import Note
from tests.conftest import CONFIGS
from tests.support.attempt import Attempt

RECIPE = CONFIGS / "sweeps" / "lifetime.yaml"
DEVICE = CONFIGS / "devices" / "sppo13_fading.yaml"

AT_A_VOLTAGE = {
    "function: current\n  levels: [1.5 mA]": "function: voltage\n  levels: [6.7 V]",
    "compliance: 10 V ": "compliance: 10 mA ",
    "\nstop:\n  voltage_above: 9.5 V                    # the over-voltage that ends it at once\n": "",
}
#: What breaks down on the way: 2 kohm in parallel from then on.
BREAKS_DOWN = "load: light_emitting_device\nshort: {resistance: 2 kohm, after: 20 s}\n"


def recipe(folder: Path, end: str, *, voltage: bool, breaks_down: bool) -> Path:
    device = folder / "device.yaml"
    text = DEVICE.read_text(encoding="utf-8")
    device.write_text(text.replace("load: light_emitting_device\n", BREAKS_DOWN) if breaks_down else text, "utf-8")
    changes = {
        "../devices/sppo13_fading.yaml": device.as_posix(),
        "../": f"{CONFIGS.as_posix()}/",
        "luminance_share: 30 %": end,
        "    - {every: 1 s, until: 20 s}\n    - {every: 5 s, until: 2 min}\n": "",
        "  spectra_at: [1 s]\n  spectra_at_shares: [50 %]\n": "",
        "\nspectra:\n  speed: fast\n": "",
        **(AT_A_VOLTAGE if voltage else {}),
    }
    text = RECIPE.read_text(encoding="utf-8")
    for old, new in changes.items():
        assert old in text, old
        text = text.replace(old, new)
    path = folder / "life.yaml"
    path.write_text(text, encoding="utf-8")
    return path


#: The condition, which column of the rows it looks at, the limit in SI and on which side it is met; what drives the
#: device, and whether it breaks down.
ENDS = {
    "luminance_below: 600 cd/m^2": ("luminance", 600.0, -1, False, False),
    "voltage_above: 6.85 V": ("voltage", 6.85, 1, False, False),
    "voltage_below: 4 V": ("voltage", 4.0, -1, False, True),
    "voltage_rise: 100 mV": ("voltage", 0.1, 1, False, False),
    "photodiode_signal_below: 200 mV": ("photodiode_signal", 0.2, -1, False, False),
    "points: 9": ("", 9, 0, False, False),
    "current_below: 0.9 mA": ("current", 0.9e-3, -1, True, False),
    "current_above: 3 mA": ("current", 3e-3, 1, True, True),
    "luminance_share: 60 %": ("relative_luminance", 0.6, -1, True, False),
}


#: Each condition by itself is tested with made-up records: one of light, of voltage, of current, and a breakdown.
EACH_KIND = ("luminance_below: 600 cd/m^2", "voltage_rise: 100 mV", "current_below: 0.9 mA", "current_above: 3 mA")


@pytest.mark.parametrize(
    "end", [end if end in EACH_KIND else pytest.param(end, marks=pytest.mark.long) for end in ENDS]
)
def test_a_lifetime_ends_where_its_device_meets_the_condition(end, tmp_path):
    column, limit, side, voltage, breaks_down = ENDS[end]
    run = Attempt(recipe(tmp_path, end, voltage=voltage, breaks_down=breaks_down), tmp_path / "runs").run().run
    assert run is not None
    assert run.status == "completed"
    with h5py.File(run.path) as file:
        rows = {
            name: np.array(file[f"entry/lifetime/{name}"]) for name in ("time", "voltage", "current", column or "flags")
        }
    if not column:
        assert rows["time"].size == limit
        assert "9 points" in run.stop_reason
        return
    values = rows[column] - (rows["voltage"][1] if "rise" in end else 0.0)
    met = side * (values - limit) > 0
    assert met[-1], (run.stop_reason, values)
    assert not met[:-3].any(), (run.stop_reason, values)  # of light three in a row: one could be a blip
    assert 3 < rows["time"].size < 36
    kept = rows["voltage"] if voltage else rows["current"]
    assert np.ptp(kept[:-2]) < 0.002 * kept[0]


@pytest.mark.parametrize("voltage", [True, False])
def test_a_device_that_is_not_contacted_is_said_to_be_so_and_has_no_lifetime(voltage, tmp_path):
    path = recipe(tmp_path, "luminance_share: 60 %", voltage=voltage, breaks_down=False)
    device = tmp_path / "device.yaml"
    text = device.read_text(encoding="utf-8")
    device.write_text(text + "\ninterruption: {after: 0 s}\n", "utf-8")
    attempt = Attempt(path, tmp_path / "runs")
    run = attempt.run().run
    assert run is not None
    assert any("no current flows" in event.text for event in attempt.events if isinstance(event, Note))  # at once
    assert sum("is the device contacted?" in note.text for note in run.notes) == 2
    figures = [figure for name, figure in run.figures.items() if "luminance" in name or name.startswith("lifetime_")]
    assert len(figures) > 8
    assert not [figure for figure in figures if np.isfinite(figure.value)]
