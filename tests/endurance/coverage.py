"""How often the stated 95 % interval of a figure holds the truth: simulated benches with errors as the budgets state.

Each bench has its own gain, area, absolute scale, wavelength scale, R(lambda), k_L, meters and noise, drawn from the
distributions that the uncertainty budget states; a device of the model is measured on it, in columns and without
instruments, and evaluated by the program's own functions. By two routes: photodiode and relative spectrum; absolute
spectral radiance alone. ``make coverage`` prints the shares with their counting errors.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from math import pi, sqrt
from pathlib import Path
from typing import Any

import numpy as np

from acquire.evaluation.budget import current_limit, photodiode_limit, voltage_limit
from acquire.evaluation.calibration import Calibration, Conditions, LightUncertainty, LuminanceRoute
from acquire.evaluation.figure import Figure
from acquire.evaluation.final import final_evaluation
from acquire.evaluation.spectrum import with_colorimetry
from acquire.photometry.constants import ELEMENTARY_CHARGE, PHOTON_ENERGY_WAVELENGTH
from acquire.photometry.factors import spectral_factors
from acquire.photometry.grid import WAVELENGTH, integrate
from acquire.photometry.luminous import luminance as luminance_of
from acquire.photometry.photodiode import calibration_from_factor, fit_luminance_factor
from acquire.photometry.spectra import gaussian
from acquire.records import Branch, Columns, DarkReading, FloatArray, Spectrum
from drivers.keithley2000.specification import SPECIFICATION as DMM
from drivers.keithley2400.specification import SPECIFICATION as SMU
from drivers.simulated.device import (
    LUMINOUS,
    LightEmittingDevice,
    current_efficiency,
    device_from_parameters,
    line_peak,
    line_shape,
)
from drivers.simulated.photodiode import coaxial_discs_etendue, linear_responsivity

PARAMETERS = json.loads((Path(__file__).parents[1] / "data" / "simulated_devices.json").read_text(encoding="utf-8"))
SEED = 20261128
AREA, GAIN, DARK_CURRENT = 1.4e-5, 5e6, 2e-11
STEP, OFFSETS = 0.1, 20
LEVELS = np.arange(2.5, 7.6, STEP)
RESPONSIVITY = linear_responsivity("6.0e-4*lambda_nm - 0.012")
ETENDUE = coaxial_discs_etendue(AREA, 1e-4, 0.1)
NOISE = PARAMETERS["shared"]["noise"]
#: The light under which the luminance factor was found, at so many levels with such a scatter of one.
GREEN, CALIBRATION_LEVELS, CALIBRATION_SCATTER = gaussian(535.0, 35.0), 5, 0.0045
RESPONSIVITY_UNCERTAINTY, CORRELATION = 0.01, 50.0  # relative, at each wavelength; nm
STATED = LightUncertainty(
    emissive_area=AREA * 0.011389,
    luminance_scale=0.02 / sqrt(3),
    uniformity=0.01,
    repositioning=0.005,
    linearity=0.002 / sqrt(3),
    wavelength=0.3 / sqrt(3),
)
CONDITIONS = Conditions(AREA, GAIN, voltage_range=20.0)
ROUTES = {"photodiode": LuminanceRoute.CALIBRATED, "radiance": LuminanceRoute.SPECTRORADIOMETER}
FIGURES = (
    "current_efficiency_at_1000_cd_m2",
    "power_efficiency_at_1000_cd_m2",
    "external_quantum_efficiency_at_1000_cd_m2",
    "turn_on_voltage",
)
MAXIMA = ("luminance_max", "current_efficiency_max", "power_efficiency_max", "external_quantum_efficiency_max")


# --- the truth ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Truth:
    """A sweep as it really is: (n,) and the spectra (n, 401) [W/(sr m^2 nm)]."""

    voltage: FloatArray
    density: FloatArray
    luminance: FloatArray
    radiance: FloatArray


@cache
def device() -> LightEmittingDevice:
    [entry] = [one for one in PARAMETERS["devices"] if one["name"] == "SPPO13/Liq"]
    return device_from_parameters({**entry, "shared": PARAMETERS["shared"]})


@cache
def truth(offset: int) -> Truth:
    """The sweep whose levels lie so many parts of a step above the first ones."""
    voltage = LEVELS + STEP * offset / OFFSETS
    density = np.array([device().current(float(v)) for v in voltage]) / device().parameters.area
    light = density * np.array([current_efficiency(float(j), device().parameters) for j in density])
    return Truth(voltage, density, light, np.array([radiance(*pair) for pair in zip(density, light, strict=True)]))


def radiance(density: float, light: float, shift: float = 0.0) -> FloatArray:
    """The spectrum (401,) at a current density [A/m^2]; read by a wavelength scale that is ``shift`` [nm] off."""
    emission = device().parameters.emission
    peak = line_peak(density, emission)
    return light * line_shape(peak + shift, emission) / float(LUMINOUS @ line_shape(peak, emission))


@cache
def true_figures() -> Mapping[str, float]:
    """What the figures between the points really are, from the device itself."""
    on, voltage = voltage_at(1.0), voltage_at(1000.0)
    density = device().current(voltage) / device().parameters.area
    efficiency = 1000.0 / density
    return {
        "turn_on_voltage": on,
        "current_efficiency_at_1000_cd_m2": efficiency,
        "power_efficiency_at_1000_cd_m2": pi * efficiency / voltage,
        "external_quantum_efficiency_at_1000_cd_m2": quantum_efficiency(radiance(density, 1000.0), density),
    }


def voltage_at(light: float) -> float:
    low, high = 2.0, 6.5
    for _ in range(60):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if device().luminance(device().current(middle)) < light else (low, middle)
    return 0.5 * (low + high)


def quantum_efficiency(spectrum: FloatArray, density: float) -> float:
    """EQE = pi e I[L_lambda lambda]/(h c J) of a Lambertian emitter."""
    return pi * ELEMENTARY_CHARGE * integrate(spectrum * WAVELENGTH) / (PHOTON_ENERGY_WAVELENGTH * density)


def true_maxima(at: Truth) -> Mapping[str, float]:
    """Those of the levels of a sweep: the maxima are samples."""
    efficiency = at.luminance / at.density
    eqe = [quantum_efficiency(spectrum, j) for spectrum, j in zip(at.radiance, at.density, strict=True)]
    return {
        "luminance_max": float(at.luminance.max()),
        "current_efficiency_max": float(efficiency.max()),
        "power_efficiency_max": float((pi * efficiency / at.voltage).max()),
        "external_quantum_efficiency_max": max(eqe),
    }


# --- a bench -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Bench:
    """The errors of one bench, each drawn from the distribution that the budget states for it.

    ``scale``, ``spot``, ``spot_then`` (when k_L was found), ``position``, ``linearity``, ``gain``, ``area`` are
    relative, ``shift`` in nm, ``responsivity`` (401,) relative; ``of_range`` the error of a meter on a range as a
    share of its limit of error, by instrument, quantity and range.
    """

    scale: float
    spot: float
    spot_then: float
    position: float
    linearity: float
    gain: float
    area: float
    shift: float
    responsivity: FloatArray
    of_range: Mapping[tuple[str, float], float]


@cache
def _root_of_correlation() -> FloatArray:
    values, vectors = np.linalg.eigh(np.exp(-0.5 * ((WAVELENGTH[:, None] - WAVELENGTH) / CORRELATION) ** 2))
    return np.asarray(vectors * np.sqrt(values.clip(0.0)))


def a_bench(chance: np.random.Generator) -> Bench:
    def normal(u: float) -> float:
        return float(u * chance.standard_normal())

    def rectangular(u: float) -> float:
        return float(sqrt(3) * u * chance.uniform(-1, 1))

    ranges = [("volts", r) for r in SMU.voltage.ranges] + [("amperes", r) for r in SMU.current.ranges]
    ranges += [("light", r) for r in DMM.voltage.ranges]
    return Bench(
        scale=rectangular(STATED.luminance_scale),
        spot=normal(STATED.uniformity),
        spot_then=normal(STATED.uniformity),
        position=normal(STATED.repositioning),
        linearity=rectangular(STATED.linearity),
        gain=normal(0.01),
        area=normal(STATED.emissive_area / AREA),
        shift=rectangular(STATED.wavelength),
        responsivity=RESPONSIVITY_UNCERTAINTY * _root_of_correlation() @ chance.standard_normal(WAVELENGTH.size),
        of_range={key: float(chance.uniform(-1, 1)) for key in ranges},
    )


def calibrated(bench: Bench, chance: np.random.Generator) -> Calibration:
    """The calibration of a bench: k_L found on the bench itself, with its gain, its scale and a green device."""
    true = GREEN / float(LUMINOUS @ GREEN)  # 1 cd/m^2
    seen = gaussian(535.0 + bench.shift, 35.0) / float(LUMINOUS @ GREEN) * (1 + bench.scale + bench.spot_then)
    per_light = (1 + bench.gain) * ETENDUE * integrate(true * RESPONSIVITY)
    levels = np.geomspace(50.0, 5000.0, CALIBRATION_LEVELS)
    read = levels * luminance_of(seen) * np.exp(CALIBRATION_SCATTER * chance.standard_normal(CALIBRATION_LEVELS))
    fit = fit_luminance_factor(read.tolist(), (levels * per_light).tolist())
    photodiode = calibration_from_factor(fit.factor, RESPONSIVITY * (1 + bench.responsivity), seen)
    return Calibration(
        conditions=CONDITIONS,
        uncertainty=STATED,
        photodiode=replace(
            photodiode,
            relative_uncertainty=fit.relative_uncertainty,
            degrees_of_freedom=CALIBRATION_LEVELS - 1,
            responsivity_uncertainty=RESPONSIVITY_UNCERTAINTY,
        ),
    )


def off_by(limit: FloatArray, values: FloatArray, kind: str, bench: Bench, meter: Any) -> FloatArray:
    """What a meter adds to its readings: on each range one share of its limit of error."""
    shares = [bench.of_range[kind, meter.smallest_range(float(value))] for value in values]
    return np.array(shares) * limit


def measured(at: Truth, bench: Bench, chance: np.random.Generator) -> tuple[Columns, list[DarkReading], list[Spectrum]]:
    """What the instruments of a bench read of a sweep."""
    count = at.voltage.size
    volts = at.voltage + bench.of_range["volts", 20.0] * voltage_limit(at.voltage, CONDITIONS)
    volts = volts + NOISE["smu_V_rms_V"] * chance.standard_normal(count)
    true_current = at.density * AREA * (1 + bench.area)
    amperes = true_current + off_by(
        current_limit(true_current, CONDITIONS), true_current, "amperes", bench, SMU.current
    )
    floor = NOISE["smu_I_floor_fraction_of_range"] * np.array([SMU.current.smallest_range(i) for i in true_current])
    amperes = amperes + (NOISE["smu_I_rel"] * abs(true_current) + floor) * chance.standard_normal(count)
    light = ETENDUE * np.array([integrate(spectrum * RESPONSIVITY) for spectrum in at.radiance])
    light = light * (1 + bench.position + bench.linearity)
    signal = as_read(GAIN * (1 + bench.gain) * (light + DARK_CURRENT), bench, chance)
    dark = as_read(np.full(20, GAIN * (1 + bench.gain) * DARK_CURRENT), bench, chance)
    columns: dict[str, Any] = {
        "time": np.arange(count) + 10.0,
        "source_level": at.voltage,
        "branch": np.full(count, Branch.FORWARD.encode(), "S8"),
        "cycle": np.zeros(count),
        "flags": np.zeros(count, np.uint32),
        "voltage": volts,
        "current": amperes,
        "photodiode_signal": signal,
    }
    darkness = [
        DarkReading(float(i if i < 10 else count + i), 0.0, 0.0, float(value), i >= 10) for i, value in enumerate(dark)
    ]
    return columns, darkness, spectra_of(at, signal, bench, chance)


def as_read(signal: FloatArray, bench: Bench, chance: np.random.Generator) -> FloatArray:
    noise = np.hypot(NOISE["dmm_V_rms_V"], GAIN * NOISE["tia_current_rms_A"])
    off = off_by(photodiode_limit(signal, CONDITIONS), signal, "light", bench, DMM.voltage)
    return signal + off + noise * chance.standard_normal(signal.size)


def spectra_of(at: Truth, signal: FloatArray, bench: Bench, chance: np.random.Generator) -> list[Spectrum]:
    """A spectrum at every point that is bright enough, on the wavelength scale and the absolute scale of the bench."""
    found = []
    for i in np.flatnonzero(at.luminance > 0.2).tolist():
        true = radiance(float(at.density[i]), float(at.luminance[i]), bench.shift)
        deviation = np.hypot(NOISE["spec_floor_W_sr_m2_nm"], NOISE["spec_rel_per_pixel"] * true)
        noisy = true + deviation * chance.standard_normal(WAVELENGTH.size)
        factor = 1 + bench.scale + bench.spot + bench.linearity + NOISE["spec_common_rel"] * chance.standard_normal()
        seconds = float(i) + 10.0
        spectrum = Spectrum(
            len(found), i, Branch.FORWARD, seconds, seconds, factor * noisy, 1.0, float(signal[i]), drift=0.0
        )
        found.append(with_colorimetry(spectrum))
    return found


# --- the figures -------------------------------------------------------------------------------------------


def figures_by(
    route: str, columns: Columns, dark: Sequence[DarkReading], spectra: Sequence[Spectrum], calibration: Calibration
) -> Mapping[str, Figure]:
    """The figures of a run by the photodiode with relative spectra, or by absolute spectra alone."""
    by_route = replace(calibration, conditions=replace(CONDITIONS, luminance_route=ROUTES[route].value))
    final = final_evaluation(dark, spectra, by_route)
    return final.figures(final.points(columns))


# --- counting ----------------------------------------------------------------------------------------------


@dataclass
class Count:
    """How often an interval held the truth, of ``tried``: by U of 95 %, and by k = 2; sums of k, u and error."""

    tried: int = 0
    by_u: int = 0
    by_two: int = 0
    factor: float = 0.0
    relative: float = 0.0
    error: float = 0.0

    def add(self, figure: Figure, true: float) -> None:
        error = figure.value - true
        self.tried += 1
        self.by_u += abs(error) <= figure.expanded_uncertainty
        self.by_two += abs(error) <= 2 * figure.uncertainty
        self.factor += figure.coverage_factor
        self.relative += figure.uncertainty / true
        self.error += (error / true) ** 2

    @property
    def share(self) -> float:
        return self.by_u / self.tried

    @property
    def counting_error(self) -> float:
        """The standard deviation of the share where 95 % is right."""
        return sqrt(0.95 * 0.05 / self.tried)

    @property
    def right(self) -> bool:
        return abs(self.share - 0.95) <= 3 * self.counting_error


Counts = Mapping[tuple[str, str], Count]


def coverage(benches: int, seed: int = SEED) -> Counts:
    """Simulate benches; the counts by figure and route."""
    counts = {(name, route): Count() for route in ROUTES for name in (*FIGURES, *MAXIMA)}
    for chance in (np.random.default_rng(child) for child in np.random.SeedSequence(seed).spawn(benches)):
        at = truth(int(chance.integers(OFFSETS)))
        bench = a_bench(chance)
        calibration = calibrated(bench, chance)
        columns, dark, spectra = measured(at, bench, chance)
        by_route = {route: figures_by(route, columns, dark, spectra, calibration) for route in ROUTES}
        true = {**true_figures(), **true_maxima(at)}
        for (name, route), count in counts.items():
            count.add(by_route[route][name], true[name])
    return counts


def report(counts: Counts) -> Iterator[str]:
    """The table, and whether each of the eight holds."""
    yield f"{'figure':42s} {'route':10s} {'95 % interval':>16s} {'k = 2':>8s} {'k':>6s} {'u':>8s} {'rms error':>10s}"
    for (name, route), count in counts.items():
        verdict = "" if name in MAXIMA else ("ok" if count.right else "WRONG")
        yield (
            f"{name:42s} {route:10s} {100 * count.share:7.1f} +- {100 * count.counting_error:.1f} %"
            f" {100 * count.by_two / count.tried:6.1f} % {count.factor / count.tried:6.3f}"
            f" {100 * count.relative / count.tried:6.3f} % {100 * sqrt(count.error / count.tried):8.3f} % {verdict}"
        )


# --- mismatch ----------------------------------------------------------------------------------------------

OTHERS = {
    "blue 465/20": gaussian(465.0, 20.0),
    "green 520/19": gaussian(520.0, 19.0),
    "red 630/30": gaussian(630.0, 30.0),
}


def mismatches(seed: int = SEED, readings: int = 100) -> Mapping[str, tuple[float, float]]:
    """The largest relative error of luminance with the mismatch factor, and that without it, by device.

    The calibration was made with a green device; each spectrum has the noise of the spectroradiometer, and R(lambda),
    a curve that bends as that of silicon does, is known every 10 nm.
    """
    chance = np.random.default_rng(seed)
    responsivity = 0.8 * -np.expm1(-(WAVELENGTH - 320.0) / 70.0) * WAVELENGTH / 1239.84
    table = np.interp(WAVELENGTH, WAVELENGTH[::10], responsivity[::10])
    green = GREEN / float(LUMINOUS @ GREEN)
    factor = 1 / (ETENDUE * integrate(green * responsivity))
    photodiode = calibration_from_factor(factor, table, green)
    found = {}
    for name, line in OTHERS.items():
        true = 1000.0 * line / float(LUMINOUS @ line)
        current = ETENDUE * integrate(true * responsivity)
        errors = []
        for _ in range(readings):
            deviation = np.hypot(NOISE["spec_floor_W_sr_m2_nm"], NOISE["spec_rel_per_pixel"] * true)
            factors = spectral_factors(true + deviation * chance.standard_normal(WAVELENGTH.size), photodiode)
            errors.append(current * factors.luminance_per_photocurrent / 1000.0 - 1)
        found[name] = max(map(abs, errors)), current * factor / 1000.0 - 1
    return found


MISMATCH_LIMIT = 0.003


def mismatch_report(found: Mapping[str, tuple[float, float]]) -> Iterator[str]:
    yield "luminance of other devices on a calibration made with a green one (535/35 nm)"
    for name, (with_it, without) in found.items():
        verdict = "ok" if with_it <= MISMATCH_LIMIT else "WRONG"
        factor = f"with the mismatch factor {100 * with_it:6.3f} % {verdict}"
        yield f"{name:15s} {factor}; without it {100 * without:+7.2f} %"


def main(arguments: Sequence[str] | None = None) -> int:
    """Print both tables; 1 when one of the shares or errors is not as it should be."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--benches", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=SEED)
    chosen = parser.parse_args(arguments)
    counts, others = coverage(chosen.benches, chosen.seed), mismatches(chosen.seed)
    print(f"{chosen.benches} benches, seed {chosen.seed}", *report(counts), "", *mismatch_report(others), sep="\n")
    wrong = [key for key, count in counts.items() if key[0] in FIGURES and not count.right]
    return 1 if wrong or any(error > MISMATCH_LIMIT for error, _ in others.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
