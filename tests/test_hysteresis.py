"""What a simulated device remembers is found again: sign and size of the hysteresis by the rate that was achieved."""

from __future__ import annotations

from dataclasses import dataclass
from math import exp

import numpy as np
import pytest

from acquire.cli import results
from acquire.run_file.read import Run, read_run
from acquire.safety.interruption import StopRequest
from acquire.session import prepare, run
from tests.conftest import ROOT

RECIPE = ROOT / "configs" / "sweeps" / "hysteresis_cycles.yaml"


@dataclass
class Charge:
    """dq/dt = (q_ss(V) - q)/tau, q_ss = clip(V/V_q, 0, 1), and what it adds to the voltage; as in the device file."""

    q: float = 0.0

    def stay(self, voltage: float, duration: float) -> None:
        steady = min(max(voltage / 8.0, 0.0), 1.0)
        self.q = steady + (self.q - steady) * exp(-duration / 5.0)

    def shift(self, voltage: float) -> float:
        return 0.15 * (self.q - min(max(voltage / 8.0, 0.0), 1.0))


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Two cycles at some 1 V/s; without spectra, which are taken afterwards."""
    folder = tmp_path_factory.mktemp("runs")
    text = RECIPE.read_text(encoding="utf-8").replace("../", f"{ROOT.as_posix()}/configs/").partition("spectra:")[0]
    text = text.replace("step: 0.1 V", "step: 0.2 V").replace("settle: 200 ms", "settle: 100 ms")
    (folder / "recipe.yaml").write_text(text, encoding="utf-8")
    result = run(prepare(folder / "recipe.yaml"), folder, [], StopRequest())
    assert result.run is not None
    return read_run(result.run.path)


def shifts(one: Run) -> tuple[np.ndarray, np.ndarray]:
    """By how much the curve is shifted at each point, worked out from levels and time stamps: (level, shift)."""
    points, charge = one.tables["jvl"], Charge()
    before = 0.0
    found = []
    for level, time in zip(points["source_level"], points["time"], strict=True):
        charge.stay(level, time - before)
        before = time
        found.append(charge.shift(level))
    return points["source_level"], np.array(found)


def test_the_shift_of_turn_on_is_that_of_the_device(measured: Run) -> None:
    points, found = measured.tables["jvl"], measured.figures["turn_on_voltage_hysteresis"]
    level, shift = shifts(measured)
    here = measured.figures["turn_on_voltage"].value
    on = {}
    for branch, step in ((b"forward", 1), (b"reverse", -1)):
        rows = (points["branch"] == branch) & (points["cycle"] == 0)
        on[branch] = float(np.interp(here, level[rows][::step], shift[rows][::step]))
    expected = on[b"reverse"] - on[b"forward"]  # V_on of the forward branch is the higher
    assert expected > 0.05
    assert found.value == pytest.approx(expected, rel=0.12)
    assert measured.figures["hysteresis_index"].value > 0
    assert measured.figures["hysteresis_index_log"].value > 0


def test_each_branch_of_each_cycle_has_its_row(measured: Run) -> None:
    one, table = measured, measured.tables["branches"]
    assert list(zip(table["cycle"].tolist(), table["branch"].tolist(), strict=True)) == [
        (0, b"forward"),
        (0, b"reverse"),
        (1, b"forward"),
        (1, b"reverse"),
    ]
    assert table["turn_on_voltage"][0] == one.figures["turn_on_voltage"].value
    shift = table["turn_on_voltage"][0] - table["turn_on_voltage"][1]
    assert shift == pytest.approx(one.figures["turn_on_voltage_hysteresis"].value)
    assert table["hysteresis_index"][0] == table["hysteresis_index"][1] == one.figures["hysteresis_index"].value
    assert table["external_quantum_efficiency_max"] == pytest.approx(0.0647, rel=0.02)
    time = one.tables["jvl"]["time"][:36]
    assert table["dwell"][0] == pytest.approx(float(np.median(np.diff(time))))
    assert table["scan_rate"][0] == pytest.approx(0.2 / table["dwell"][0], rel=0.01)


@pytest.mark.parametrize(("rate", "shift"), [(0.1, -9.0e-3), (1.0, -94.0e-3)])
def test_the_shift_in_a_steady_scan(rate: float, shift: float) -> None:
    """The numbers of the description of the devices, from the same few lines that the test above uses."""
    charge, voltage = Charge(), 0.0
    while voltage < 7.0:
        voltage += rate * 1e-3
        charge.stay(voltage, 1e-3)
    full = -0.15 * 5.0 / 8.0 * rate
    assert full == pytest.approx(shift, rel=0.05)
    assert charge.shift(voltage) == pytest.approx(full * (1 - exp(-7.0 / rate / 5.0)), rel=0.01)


def test_the_screen_has_a_line_for_each_branch(measured: Run, capsys: pytest.CaptureFixture[str]) -> None:
    results.print_run(measured, as_json=False)
    lines = capsys.readouterr().out.splitlines()
    start = next(i for i, line in enumerate(lines) if "by branch and cycle" in line)
    rows = [line.split() for line in lines[start:] if line.split()[1:2] in (["forward"], ["reverse"])]
    assert [row[0] for row in rows] == ["0", "0", "1", "1"]
