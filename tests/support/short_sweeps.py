"""A bench with a trigger-link cable and a short sweep on it, written as files."""

from __future__ import annotations

from pathlib import Path

from tests.conftest import CONFIGS

POINTS = 19


def linked_bench(folder: Path, *, instant: bool = False) -> Path:
    """A simulated bench with a trigger-link cable and without noise, whose serial lines end with CR."""
    text = (CONFIGS / "benches" / "simulated.yaml").read_text(encoding="utf-8")
    simulation = f"""noise: false
  instant: {str(instant).lower()}
  options: {{smu: {{terminator: CR}}, photodiode_meter: {{terminator: CR}}}}"""
    for old, new in {
        "../": f"{CONFIGS.as_posix()}/",
        "visa: simulated": "visa: simulated\ntrigger_link: true",
        "noise: true": simulation,
    }.items():
        assert old in text, old
        text = text.replace(old, new)
    path = folder / "bench.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def short_sweep(
    bench: Path,
    timing: str,
    *,
    points: int = POINTS,
    nplc: float = 0.01,
    compliance: str = "100 mA",
    current_range: str = "100 mA",
) -> Path:
    """A sweep past turn-on and every maximum of SPPO13/Liq, on fixed ranges; it stands beside its bench file."""
    path = bench.parent / f"{timing}-{nplc}.yaml"
    path.write_text(
        f"""kind: sweep
title: the same everywhere
bench: {bench.name}
sample:
  name: SPPO13/Liq
  emissive_area: 14 mm^2
  expected_line: {{peak: 520 nm, fwhm: 20 nm}}
  simulated_as: {CONFIGS.as_posix()}/devices/sppo13_liq.yaml
source: {{function: voltage, start: 3.6 V, stop: 7.2 V, points: {points}, compliance: {compliance}}}
measure:
  timing: {timing}
  settle: 2 ms
  nplc: {nplc}
  current_range: {current_range}
  photodiode_range: 10 V
dark: {{readings: 2}}
""",
        encoding="utf-8",
    )
    return path
