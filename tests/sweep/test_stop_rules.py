"""Every stop rule ends a run in order, on a simulated device made for it, and the file says which and why."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import h5py
import pytest

from acquire.config.sweep import StopRules as StopSection
from tests.conftest import CONFIGS
from tests.support.attempt import Attempt

DEVICE = (CONFIGS / "devices" / "sppo13_liq.yaml").read_text(encoding="utf-8")
BENCH = (CONFIGS / "benches" / "simulated.yaml").read_text(encoding="utf-8").replace("../", f"{CONFIGS.as_posix()}/")
RISING = "function: voltage, start: 0 V, stop: 7 V, step: 0.25 V, compliance: 100 mA"


def led(*changes: tuple[str, str]) -> str:
    """A light-emitting device, changed."""
    text = DEVICE
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new)
    return text


def load(kind: str) -> str:
    return f"kind: device\nid: made_for_it\nname: made for it\nload: {kind}\n"


def amended(value: str, key: str) -> tuple[str, str]:
    """A change of one number of the device file."""
    (line,) = [line for line in DEVICE.splitlines() if line.strip().startswith(f"{key}:")]
    return line, f"{line.partition(':')[0]}: {value}"


@dataclass(frozen=True)
class Case:
    """A rule, the device made for it, and what is to come: the reason, and the level at which it ends."""

    rule: str
    device: str
    reason: str
    between: tuple[float, float]
    source: str = RISING
    more: str = ""
    channel: tuple[str, str] = ("", "")

    @property
    def key(self) -> str:
        return self.rule.partition(":")[0]


LEAKY = led(amended("1 S/m^2", "leak"))  # 14 uA at 1 V
CURRENT = "function: current, start: 0 A, stop: 10 mA, points: 21, compliance: 10 V"
FADING = led(
    ("enabled: false\n    reference", "enabled: true\n    reference"),
    ("time_constant: 2846.0379 s", "time_constant: 0.1 s"),
)
CASES = [
    Case("on_compliance: stop", led(), "the source went into compliance", (5.9, 6.1), RISING.replace("100 mA", "1 mA")),
    Case(
        "on_photodiode_overflow: stop",
        led(),
        "the photodiode meter reads overflow",
        (4.0, 6.0),
        more="photodiode_range: 100 mV",
    ),
    Case(
        "on_amplifier_limit: stop",
        led(),
        "the photodiode's amplifier is at its limit: 1",
        (5.0, 7.0),
        channel=("amplifier: 5e6 V/A", "amplifier: 5e6 V/A\n  amplifier_limit: 1 V"),
    ),
    Case("luminance_above: 500 cd/m^2", led(), "luminance", (5.0, 6.0)),
    Case("current_above: 1 mA", led(), "current 0.00", (5.5, 6.0)),
    Case("current_density_above: 10 mA/cm^2", led(), "current density 11", (5.9, 6.1)),
    Case("voltage_above: 5.5 V", led(), "voltage 5.", (0.0005, 0.0015), CURRENT),
    Case("power_above: 20 mW", led(), "power 0.03", (6.4, 6.6)),
    Case("luminance_below_maximum: 50 %", FADING, "has fallen below 50% of its maximum", (5.0, 7.0)),
    Case("eqe_below_maximum: 50 %", led(amended("100 A/m^2", "roll_off_current_density")), "EQE", (5.0, 7.0)),
    Case("no_light_by: 6 V", led(amended("1e-6 cd/A", "ideal")), "no light by 6 V", (6.0, 6.0)),
    Case("short: {voltage_below: 1 V, current_above: 10 mA}", load("short_circuit"), "short: 0.1 A at 0", (0.25, 0.25)),
    Case("short: {voltage_below: 2 V, current_above: 10 uA}", LEAKY, "short: 1", (0.75, 1.0)),
    Case(
        "open_circuit: {voltage_above: 3 V, current_below: 10 nA}", load("open_circuit"), "open circuit: ", (3.0, 3.0)
    ),
    Case(
        "open_circuit: {voltage_above: 8 V, current_below: 1 uA}",
        load("open_circuit"),
        "open circuit: ",
        (0.0005, 0.0005),
        CURRENT,
    ),
    Case("time_above: 20 s", led(), "time 2", (2.0, 5.0), RISING, more="settle: 1 s"),
]


def test_every_rule_is_tried() -> None:
    assert {case.key for case in CASES} == set(StopSection.model_fields)


@pytest.mark.parametrize("case", CASES, ids=[f"{number}-{case.key}" for number, case in enumerate(CASES)])
def test_a_rule_ends_the_run_in_order(case: Case, tmp_path: Path) -> None:
    """Without the rule the same run goes to its end; with it the output is off and the reason stands in the file."""
    with_rule, without = attempts(case, tmp_path)
    result = with_rule.run()
    assert result.run is not None
    assert case.reason in result.run.stop_reason
    assert result.run.stop_reason.endswith(f"level {result.run.records[-1].reading.source_level:g})")
    first, last = case.between
    assert first <= result.run.records[-1].reading.source_level <= last
    with h5py.File(with_rule.check_what_is_left("stopped")) as file:
        assert file["entry/stop_reason"][()].decode() == result.run.stop_reason
        assert (file["entry/dark/after"][()] == 1).any(), "dark readings follow: it ended in order"
    relaxed = without.run().run
    assert relaxed is not None
    assert (relaxed.status, relaxed.stop_reason) == ("completed", "")


def attempts(case: Case, folder: Path) -> tuple[Attempt, Attempt]:
    (folder / "device.yaml").write_text(case.device, encoding="utf-8")
    old, new = case.channel
    assert old in BENCH
    (folder / "bench.yaml").write_text(BENCH.replace(old, new) if old else BENCH, encoding="utf-8")
    found = []
    for name, rule in (("with", case.rule), ("without", "")):
        given = {"on_compliance": "continue", "on_amplifier_limit": "continue"}
        if rule:
            given.pop(case.key, None)
        stop = ", ".join([*([rule] if rule else []), *(f"{key}: {value}" for key, value in given.items())])
        path = folder / f"{name}.yaml"
        path.write_text(
            f"""kind: sweep
title: made for one rule
bench: bench.yaml
sample:
  name: made for it
  emissive_area: 14 mm^2
  expected_line: {{peak: 520 nm, fwhm: 20 nm}}
  simulated_as: device.yaml
source: {{{case.source}}}
measure: {{nplc: 0.1{", " if case.more else ""}{case.more}}}
dark: {{readings: 3}}
stop: {{{stop}}}
""",
            encoding="utf-8",
        )
        found.append(Attempt(path, folder / name))
    return found[0], found[1]
