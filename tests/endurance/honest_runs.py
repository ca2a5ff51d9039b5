"""Honest runs, and how many of them something is found against: a table.

    python -m tests.endurance.honest_runs --runs 200 --seed 1

Each is a whole run on a simulated bench of its own: gain, distance, area, absolute scale and wavelength scale of the
spectroradiometer, spot, position and k_L are off by what the bench's own uncertainties state, drawn from their
distributions; every meter is noisy. Device, line, sweep, branches, where luminance comes from, and the way in which the
photodiode was calibrated change from run to run. Nothing is wrong with any of them beyond what is stated, so at most
2 % may have anything beyond a note against them. Exit status 1 if more have.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import sqrt
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from acquire import session
from acquire.bench.simulated import simulated_bench
from acquire.bench.site import Site
from acquire.records import Finding, FloatArray, Severity
from acquire.safety.interruption import StopRequest
from drivers.cie import WAVELENGTH
from drivers.simulated.cs2000a.twin import CS2000ATwin
from drivers.simulated.device import LUMINOUS
from drivers.simulated.photodiode import coaxial_discs_etendue, linear_responsivity
from tests.support.config_files import INSTRUMENTS

CONFIGS = Path(__file__).parents[2] / "configs"
AREA, DISTANCE, DETECTOR, GAIN = 14e-6, 0.1, 1e-4, 5e6
#: Standard uncertainties (k = 1) as the bench and its files state them: of the area and geometry relative, nm.
OF_AREA, OF_GEOMETRY, OF_FACTOR = 0.01139, 0.02, 0.003
SCALE, SPOT, POSITION, WAVELENGTH_SCALE = 0.02 / sqrt(3), 0.01, 0.005, 0.3 / sqrt(3)
MOST_BEYOND_A_NOTE = 0.02

RESPONSIVITY = linear_responsivity("6.0e-4*lambda_nm - 0.012")
DEVICES = ("sppo13", "sppo13_liq", "sppo13_tppo")
#: Peak of the line [nm] and what its efficiency in cd/A is scaled by: blue, green, green, orange, red.
LINES = ((465.0, 0.13), (520.0, 1.0), (545.0, 1.2), (590.0, 0.9), (630.0, 0.35))


@dataclass(frozen=True)
class Errors:
    """What is off on one bench: relative, but for ``shift`` [nm]; each within what is stated for it."""

    area: float
    geometry: float
    factor: float
    scale: float
    spot: float
    position: float
    shift: float

    @classmethod
    def drawn(cls, chance: np.random.Generator) -> Errors:
        """Scales have limits and no distribution (rectangular), what was measured is normal."""

        def normal(u: float) -> float:
            return float(u * chance.standard_normal())

        def rectangular(u: float) -> float:
            return float(sqrt(3) * u * chance.uniform(-1.0, 1.0))

        return cls(
            area=normal(OF_AREA),
            geometry=normal(OF_GEOMETRY),
            factor=normal(OF_FACTOR),
            scale=rectangular(SCALE),
            spot=normal(SPOT),
            position=normal(POSITION),
            shift=rectangular(WAVELENGTH_SCALE),
        )


class _AsSeen:
    """The fixture as the spectroradiometer sees it: with its own absolute scale, wavelength scale and spot."""

    def __init__(self, fixture: Any, errors: Errors) -> None:
        self._fixture, self._errors = fixture, errors

    def __getattr__(self, name: str) -> Any:
        return getattr(self._fixture, name)

    def spectral_radiance(self) -> FloatArray:
        """What the device shines, as this meter reads it."""
        shifted = np.interp(WAVELENGTH - self._errors.shift, WAVELENGTH, self._fixture.spectral_radiance())
        return np.asarray(shifted * (1.0 + self._errors.scale) * (1.0 + self._errors.spot))


@dataclass(frozen=True)
class Honest:
    """One run: its files in a folder, and what is off on its bench."""

    number: int
    sweep: Path
    errors: Errors


def made(number: int, seed: int, folder: Path) -> Honest:
    """The files of one honest run."""
    chance = np.random.default_rng([seed, number])
    errors = Errors.drawn(chance)
    expected = _device(chance, folder)
    calibration = _calibration(chance, errors, folder)
    bench = _bench(chance, errors, calibration, folder)
    sweep = _sweep(chance, errors, expected, bench["photodiode"]["luminance"])
    for name, content in {"bench": bench, "sweep": sweep}.items():
        (folder / f"{name}.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")
    return Honest(number, folder / "sweep.yaml", errors)


def _device(chance: np.random.Generator, folder: Path) -> float:
    """A device file; returns about where its line lies [nm]."""
    text = (CONFIGS / "devices" / f"{chance.choice(DEVICES)}.yaml").read_text(encoding="utf-8")
    device = yaml.safe_load(text)
    peak, share = LINES[chance.integers(len(LINES))]
    device["emitter"]["emission"]["peak"] = f"{peak} nm"
    ideal = float(device["emitter"]["efficiency"]["ideal"].split()[0])
    device["emitter"]["efficiency"]["ideal"] = f"{ideal * share} cd/A"
    (folder / "device.yaml").write_text(yaml.safe_dump(device), encoding="utf-8")
    return float(peak + 3.0 * chance.standard_normal())


def _calibration(chance: np.random.Generator, errors: Errors, folder: Path) -> str:
    """Way A against the very spectroradiometer, on a green device; or way B from geometry."""
    table = CONFIGS / "calibrations" / "simulated_photodiode_responsivity.csv"
    content: dict[str, Any] = {
        "kind": "calibration",
        "id": "honest",
        "date": "2024-01-05",
        "detector": {"serial": "H1"},
        "responsivity": table.as_posix(),
    }
    if chance.random() < 0.5:
        content["geometry"] = {
            "shape": "coaxial_discs",
            "detector_area": f"{DETECTOR * 1e6} mm^2",
            "distance": f"{DISTANCE * 1e3} mm",
            "uncertainty": OF_GEOMETRY,
        }
    else:
        content["luminance_factor"] = _factor(errors, folder)
    (folder / "calibration.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")
    return "calibration.yaml"


def _factor(errors: Errors, folder: Path) -> dict[str, Any]:
    """k_L as the spectroradiometer of this bench gave it, with the spectrum that it saw."""
    green = np.exp(-4 * np.log(2) * ((WAVELENGTH - 535.0) / 35.0) ** 2)
    seen = np.exp(-4 * np.log(2) * ((WAVELENGTH - 535.0 - errors.shift) / 35.0) ** 2)
    etendue = coaxial_discs_etendue(AREA, DETECTOR, DISTANCE)
    factor = float(LUMINOUS @ seen) * (1 + errors.scale) / (etendue * float(np.trapezoid(green * RESPONSIVITY)))
    rows = "\n".join(f"{w:.0f},{s:.8g}" for w, s in zip(WAVELENGTH, seen, strict=True))
    (folder / "green.csv").write_text(f"wavelength_nm,relative_power\n{rows}\n", encoding="utf-8")
    return {"factor": f"{factor * (1 + errors.factor)} cd/m^2/A", "uncertainty": OF_FACTOR, "spectrum": "green.csv"}


def _bench(chance: np.random.Generator, errors: Errors, calibration: str, folder: Path) -> dict[str, Any]:
    """A bench whose geometry is off by what way B states, its device not quite where the last one was."""
    by_geometry = "geometry" in (folder / calibration).read_text(encoding="utf-8")
    light = (1 + errors.position) * ((1 + errors.geometry) if by_geometry else 1.0)
    return {
        "kind": "bench",
        "name": "honest",
        "visa": "simulated",
        "instruments": INSTRUMENTS,
        "photodiode": {
            "amplifier": f"{GAIN} V/A",
            "calibration": calibration,
            "luminance": str(chance.choice(["calibrated", "calibrated", "from_spectra", "spectroradiometer"])),
        },
        "limits": {"voltage": "20 V", "current": "200 mA"},
        "simulation": {
            "seed": int(chance.integers(1 << 30)),
            "photodiode": {"gain": f"{GAIN * light} V/A", "distance": f"{DISTANCE * 1e3} mm"},
        },
    }


def _sweep(chance: np.random.Generator, errors: Errors, expected: float, route: str) -> dict[str, Any]:
    """A sweep of one of the usual kinds; its sample has the area that was measured, not quite the true one."""
    levels = sorted(
        chance.choice([3.0, 10.0, 30.0, 100.0, 300.0, 1000.0, 3000.0], chance.integers(1, 6), replace=False)
    )
    step = chance.choice([0.1, 0.2, 0.25])
    area = AREA * (1 + errors.area)
    return {
        "kind": "sweep",
        "title": "honest",
        "bench": "bench.yaml",
        "sample": {
            "name": "honest",
            "emissive_area": f"{area * 1e6} mm^2",
            "emissive_area_uncertainty": f"{AREA * OF_AREA * 1e6} mm^2",
            "expected_line": {"peak": f"{expected} nm", "fwhm": "25 nm"},
            "simulated_as": "device.yaml",
        },
        "source": {
            "function": "voltage",
            "start": f"{chance.choice([-1.0, 0.0, 2.0])} V",
            "stop": f"{chance.choice([6.0, 7.0, 8.0])} V",
            "step": f"{step} V",
            "compliance": f"{chance.choice([20.0, 100.0])} mA",
            "direction": "both" if chance.random() < 0.3 else "forward",
        },
        "measure": {"nplc": float(chance.choice([0.1, 1.0]))},
        "spectra": {"at_luminance": [f"{level} cd/m^2" for level in levels]}
        if route == "calibrated"
        else {"at_voltage": ["4.4 V", "5 V", "5.4 V", "6 V"]},
    }


def carried_out(honest: Honest, folder: Path) -> Sequence[Finding]:
    """What is found against a run at its end.

    :raises RuntimeError: it did not come to its end.
    """
    prepared = session.prepare(honest.sweep)
    simulated = simulated_bench(prepared.loaded)
    for twin in simulated.twins.values():
        if isinstance(twin, CS2000ATwin):
            twin.fixture = _AsSeen(twin.fixture, honest.errors)  # type: ignore[assignment]
    site = Site(simulated.library, simulated.clock.now, simulated.clock.advance)
    result = session.run(prepared, folder, lambda event: None, StopRequest(), site)
    if result.run is None or result.failed:
        raise RuntimeError(f"run {honest.number}: {result.error}")
    return result.run.findings


def honest_runs(runs: int, seed: int) -> Iterator[tuple[Honest, Sequence[Finding]]]:
    """So many honest runs, each with what is found against it."""
    for number in range(runs):
        with tempfile.TemporaryDirectory() as name:
            honest = made(number, seed, Path(name))
            yield honest, carried_out(honest, Path(name))


def beyond_a_note(found: Sequence[Finding]) -> bool:
    """Whether anything takes the ok away from a number."""
    return any(finding.severity is not Severity.NOTE for finding in found)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table; 1 when too many runs have something beyond a note against them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(arguments)
    codes: Counter[tuple[str, str]] = Counter()
    grave = noted = 0
    for honest, found in honest_runs(options.runs, options.seed):
        codes.update((str(finding.severity), finding.code) for finding in found)
        noted += any(finding.severity is Severity.NOTE for finding in found)
        if beyond_a_note(found):
            grave += 1
            print(f"run {honest.number}: {honest.errors}", *(f"  {one.text}" for one in found), sep="\n", flush=True)
    share, error = grave / options.runs, sqrt(max(grave, 1)) / options.runs
    print(f"{options.runs} honest runs, seed {options.seed}")
    print(
        f"  beyond a note: {grave}, {100 * share:.1f} +- {100 * error:.1f} % (at most {100 * MOST_BEYOND_A_NOTE:g} %)"
    )
    print(f"  with a note:   {noted}, {100 * noted / options.runs:.1f} %")
    for (severity, code), count in sorted(codes.items()):
        print(f"    {severity:10} {code:32} {count}")
    return int(share > MOST_BEYOND_A_NOTE)


if __name__ == "__main__":
    sys.exit(main())
