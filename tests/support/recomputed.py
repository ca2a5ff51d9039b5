"""What a run file says, held against what the device was, and against the formulas: independent of the program.

Nothing here imports ``acquire``: the formulas are written down once more, from the literature that the program's own
modules name, for the shipped simulated bench. Of the program's code only the table of the observer is shared.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import log, log10, nan, pi, sqrt
from typing import Any

import numpy as np

from drivers.cie import cie_1931_2deg
from drivers.simulated.clock import VirtualClock
from drivers.simulated.fixture import NoiseSettings, TestFixture

WAVELENGTH = np.arange(380.0, 781.0)  # nm
_X, _Y, _Z = cie_1931_2deg()
VISIBLE = _Y
_H, _C, _E, _K_M = 6.62607015e-34, 299792458.0, 1.602176634e-19, 683.002

#: What the shipped simulated bench and its calibration say: areas in m^2, distance in m, gain in V/A.
AREA, DETECTOR, DISTANCE, GAIN = 14e-6, 1e-4, 0.1, 5e6
RESPONSIVITY = 6e-4 * WAVELENGTH - 0.012  # A/W
ASSUMED = np.exp(-4 * log(2) * ((WAVELENGTH - 520.0) / 20.0) ** 2)

#: Bits of the flags.
COMPLIANCE, RANGE_COMPLIANCE, OVER_RANGE, OVER_VOLTAGE, DMM_OVERFLOW, BELOW_NOISE, PROVISIONAL = (
    1 << bit for bit in range(7)
)
NO_SPECTRUM, NO_PHOTODIODE, NO_SOURCE, REPEATED, LEVEL_MISSED = (1 << bit for bit in range(9, 14))
LIMITED = COMPLIANCE | RANGE_COMPLIANCE | OVER_RANGE

DERIVED = (
    "current_density",
    "luminance",
    "current_efficiency",
    "power_efficiency",
    "external_quantum_efficiency",
    "chromaticity_x",
    "chromaticity_y",
)

Columns = Mapping[str, Any]


def _integral(values: Any) -> float:
    return float(np.sum((values[1:] + values[:-1]) / 2))


def columns(group: Any, rows: int | None = None) -> dict[str, Any]:
    """The data sets of a group of a run file as arrays, as far as ``rows``."""
    return {name: dataset[()][:rows] for name, dataset in group.items() if dataset.shape}


# --- what the device was ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Seen:
    """What meters without noise would read: V, A, V; ``limited`` when the compliance, not the level, decided."""

    voltage: float
    current: float
    photodiode_signal: float
    limited: bool = False
    radiance: Any = None


class Truth:
    """The device of a fixture as it was when this was made, on a fixture of its own without noise.

    ``current_range`` (A) of the source's meter; ``resolution`` of its levels (V or A), 0 for levels that are even;
    ``scatter``: times the noise of the fixture, for short integration.
    """

    def __init__(
        self,
        fixture: TestFixture,
        source_function: str,
        compliance: float,
        *,
        current_range: float = 0.01,
        resolution: float = 0.0,
        scatter: float = 1.0,
    ) -> None:
        noiseless = NoiseSettings.none()
        self._fixture = TestFixture(
            VirtualClock(), fixture.load, fixture.photodiode, noiseless, lead_resistance=fixture.lead_resistance
        )
        self._compliance, self._range, self._resolution, self._scatter = compliance, current_range, resolution, scatter
        self._drive = self._fixture.drive_voltage if source_function == "voltage" else self._fixture.drive_current
        self._noise = fixture.noise

    def at(self, level: float) -> Seen:
        """With the source at this level (V or A)."""
        if self._resolution:
            level = round(level / self._resolution) * self._resolution
        return self._seen(self._drive(level, self._compliance))

    def off(self) -> Seen:
        """With the output off."""
        return self._seen(self._fixture.disconnect())

    def _seen(self, point: Any) -> Seen:
        signal = self._fixture.photodiode_voltage()
        return Seen(point.voltage, point.current, signal, point.clamped, self._fixture.spectral_radiance())

    def differs(self, name: str, value: float, seen: Seen) -> bool:
        """Whether a reading is further from what was seen than eight times the scatter of the meters."""
        noise = self._noise
        scatter = {
            "voltage": noise.smu_voltage + 1e-6 * abs(seen.voltage),
            "current": noise.smu_current_relative * abs(seen.current) + noise.smu_current_floor_fraction * self._range,
            "photodiode_signal": noise.dmm_voltage + GAIN * (noise.tia_current + 10 * noise.dark_drift),
        }[name]
        true = float(getattr(seen, name))
        return abs(value - true) > 8 * self._scatter * scatter + 1e-5 * abs(true)


# --- missing numbers ----------------------------------------------------------------------------------------


def unexplained(jvl: Columns) -> Iterator[str]:
    """Numbers of the points that are missing without a flag that says why."""
    flags = jvl["flags"]
    for name, reasons in (
        ("voltage", OVER_RANGE | NO_SOURCE),
        ("current", OVER_RANGE | NO_SOURCE),
        ("photodiode_signal", DMM_OVERFLOW | NO_PHOTODIODE),
    ):
        missing = np.isnan(jvl[name])
        for row in np.flatnonzero(missing & (flags & reasons == 0)):
            yield f"{name} of point {row} is missing, and its flags ({flags[row]}) do not say why"
    dark = (jvl["current"] <= 0) | (jvl["voltage"] <= 0)
    reasons = OVER_RANGE | NO_SOURCE | DMM_OVERFLOW | NO_PHOTODIODE | NO_SPECTRUM
    for name in filter(jvl.__contains__, DERIVED):
        may = reasons | (BELOW_NOISE if "efficiency" in name else 0)
        for row in np.flatnonzero(np.isnan(jvl[name]) & (flags & may == 0) & ~dark):
            yield f"{name} of point {row} is missing, and its flags ({flags[row]}) do not say why"


# --- from raw readings to results ---------------------------------------------------------------------------


def _etendue() -> float:
    r1, r2 = sqrt(AREA / pi) / DISTANCE, sqrt(DETECTOR / pi) / DISTANCE
    x = 1 + (1 + r2**2) / r1**2
    return pi * AREA * (x - sqrt(x**2 - 4 * (r2 / r1) ** 2)) / 2


class _Light:
    """What a spectrum says: luminance per photocurrent, EQE per current efficiency, colour."""

    def __init__(self, spectrum: Any) -> None:
        self.spectrum = spectrum / _integral(spectrum)
        s = self.spectrum
        x, y, z = (_integral(s * curve) for curve in (_X, _Y, _Z))
        self.per_photocurrent = _K_M * y / (_etendue() * _integral(s * RESPONSIVITY))
        self.kappa = pi * _E / (_K_M * _H * _C) * _integral(s * WAVELENGTH) * 1e-9 / y
        self.x, self.y = x / (x + y + z), y / (x + y + z)


@dataclass(frozen=True)
class _Candidate:
    point: int
    branch: bytes
    luminance: float
    drift: float
    light: _Light


class _Dark:
    """The photodiode's zero on the line through the dark readings before and after, and its scatter."""

    def __init__(self, dark: Columns) -> None:
        self._ends, self.deviation = [], 0.0
        for after in (0, 1):
            rows = (dark["after"] == after) & np.isfinite(dark["photodiode_signal"])
            if rows.any():
                signals = dark["photodiode_signal"][rows]
                self._ends.append((dark["time"][rows].mean(), signals.mean()))
                if rows.sum() > 1:
                    self.deviation = max(self.deviation, float(signals.std(ddof=1)))

    def at(self, time: Any) -> Any:
        if not self._ends:
            return 0.0 * time
        (t1, d1), (t2, d2) = self._ends[0], self._ends[-1]
        return d1 + (time - t1) * ((d2 - d1) / (t2 - t1) if t1 != t2 else 0.0)


def results(jvl: Columns, dark: Columns, spectra: Columns) -> dict[str, Any]:
    """The derived columns of a run from its raw ones, the flag of light below the noise, and the noise (cd/m^2)."""
    zero = _Dark(dark)
    signal = jvl["photodiode_signal"] - zero.at(jvl["time"])
    candidates = list(_candidates(spectra, zero))
    names = ("luminance", "kappa", "chromaticity_x", "chromaticity_y", "noise")
    out = {name: np.full(signal.shape, nan) for name in names}
    for row, value in enumerate(signal):
        light = _choose(row, jvl["branch"][row], value / GAIN, candidates)
        out["luminance"][row] = value / GAIN * light.per_photocurrent
        out["noise"][row] = zero.deviation / GAIN * light.per_photocurrent
        out["kappa"][row], out["chromaticity_x"][row], out["chromaticity_y"][row] = light.kappa, light.x, light.y
    out["current_density"] = jvl["current"] / AREA
    out["below_noise"] = signal < 3 * zero.deviation
    with np.errstate(all="ignore"):
        there = (jvl["current"] > 0) & ~out["below_noise"]  # where there is no light there is no efficiency
        efficiency = np.where(there, out["luminance"] / out["current_density"], nan)
        out["power_efficiency"] = np.where(jvl["voltage"] > 0, pi * efficiency / jvl["voltage"], nan)
    out["current_efficiency"], out["external_quantum_efficiency"] = efficiency, out["kappa"] * efficiency
    return out


def _candidates(spectra: Columns, zero: _Dark) -> Iterator[_Candidate]:
    for row, radiance in enumerate(spectra["spectral_radiance"]):
        if not _integral(radiance * _Y) > 0:
            continue
        light = _Light(radiance)
        photocurrent = (spectra["photodiode_signal"][row] - zero.at(spectra["start"][row])) / GAIN
        luminance, own = photocurrent * light.per_photocurrent, _K_M * _integral(radiance * _Y)
        # third differences leave out any line that is resolved; their median is 0.6745 sqrt(20) deviations
        noise = np.median(np.abs(np.diff(radiance, 3))) / (0.67449 * sqrt(20))
        if radiance.max() < 20 * noise:
            continue
        yield _Candidate(
            int(spectra["point_index"][row]),
            spectra["branch"][row],
            luminance if luminance > 0 else own,
            float(spectra["drift"][row]),
            light,
        )


def _choose(row: int, branch: bytes, photocurrent: float, candidates: list[_Candidate]) -> _Light:
    """Measured here; between the two beside it in ln L on the same branch; the nearest; the assumed line."""
    for candidate in candidates:
        if candidate.point == row and not abs(candidate.drift) >= 0.05:
            return candidate.light
    same = [candidate for candidate in candidates if candidate.branch == branch]
    near = same or candidates
    if not near:
        return _Light(ASSUMED)
    light = candidates[-1].light
    for _ in range(2):  # the luminance depends, weakly, on the spectrum that is chosen by it
        luminance = photocurrent * light.per_photocurrent
        if not luminance > 0:
            return min(near, key=lambda c: (c.luminance, abs(c.point - row))).light
        below = max((c for c in near if c.luminance <= luminance), key=lambda c: c.luminance, default=None)
        above = min((c for c in near if c.luminance >= luminance), key=lambda c: c.luminance, default=None)
        if below is None or above is None or below is above or not same:
            ends = [c for c in (below, above) if c is not None]
            return min(ends, key=lambda c: abs(log10(c.luminance / luminance))).light
        weight = log(luminance / below.luminance) / log(above.luminance / below.luminance)
        light = _Light((1 - weight) * below.light.spectrum + weight * above.light.spectrum)
    return light


def disagreements(entry: Any) -> Iterator[str]:
    """Derived columns, flags, spectra and figures of a finished run file that do not follow from its readings."""
    jvl, dark, spectra, samples = (columns(entry[name]) for name in ("jvl", "dark", "spectra", "exposure_samples"))
    own = results(jvl, dark, spectra)
    for name in DERIVED:
        if not np.allclose(jvl[name], own[name], rtol=1e-6, atol=0, equal_nan=True):
            yield f"{name} is {jvl[name]}, by the formulas {own[name]}"
    below = (jvl["flags"] & BELOW_NOISE) != 0
    if (below != own["below_noise"]).any():
        yield f"below the dark noise: {below}, by the formulas {own['below_noise']}"
    if (jvl["flags"] & PROVISIONAL).any():
        yield "a final point is called provisional"
    yield from _spectra(columns(entry["lifetime"]) if "lifetime" in entry else jvl, dark, spectra, samples)
    yield from _figures(entry["figures_of_merit"], jvl, own)


def _spectra(jvl: Columns, dark: Columns, spectra: Columns, samples: Columns) -> Iterator[str]:
    before = _Dark({name: values[dark["after"] == 0] for name, values in dark.items()})
    for row, radiance in enumerate(spectra["spectral_radiance"]):
        # a spectrum that was lost before has left samples of the same index
        its_own = (samples["spectrum_index"] == row) & (samples["time"] >= spectra["start"][row])
        signals = samples["photodiode_signal"][its_own]
        signals = signals[np.isfinite(signals)]
        point = spectra["point_index"][row]
        if point >= len(jvl["time"]):
            yield f"the point {point} of spectrum {row} is not there"
            continue
        first = jvl["photodiode_signal"][point] - before.at(jvl["time"][point])
        last = signals[-1] - before.at(spectra["stop"][row]) if signals.size else nan
        x, y, z = (_integral(radiance * curve) for curve in (_X, _Y, _Z))
        own = {
            "luminance": _K_M * y,
            "photodiode_signal": signals.mean() if signals.size else nan,
            "drift": log(last / first) if first > 0 and last > 0 else nan,
        }
        if y > 0:
            own |= {"x": x / (x + y + z), "y": y / (x + y + z)}
        for name, value in own.items():
            if not np.isclose(spectra[name][row], value, rtol=1e-6, atol=1e-9, equal_nan=True):
                yield f"{name} of spectrum {row} is {spectra[name][row]:.9g}, by the formulas {value:.9g}"


def _figures(figures: Any, jvl: Columns, own: Columns) -> Iterator[str]:
    for name, value in _own_figures(jvl, own):
        found = float(figures[name][()]) if name in figures else nan
        if not np.isclose(found, value, rtol=1e-6, atol=0, equal_nan=True):
            yield f"{name} is {found:.9g}, by the formulas {value:.9g}"


def _own_figures(jvl: Columns, own: Columns) -> Iterator[tuple[str, float]]:
    rising = (jvl["branch"] == b"forward") & (jvl["flags"] & LIMITED == 0)
    luminance = own["luminance"][rising]
    bright = luminance >= np.maximum(1.0, 10 * np.nan_to_num(own["noise"][rising]))
    for name in ("luminance", "current_efficiency", "power_efficiency", "external_quantum_efficiency"):
        values = own[name][rising][bright]
        values = values[np.isfinite(values)]
        yield f"{name}_max", float(values.max()) if values.size else nan
    yield "turn_on_voltage", _turn_on(jvl["voltage"][rising], luminance, own["noise"][rising])


def _turn_on(voltage: Any, luminance: Any, noise: Any) -> float:
    """Where ln L crosses 1 cd/m^2 for the first time and stays above it; the upper end where the lower is noise."""
    known = np.isfinite(voltage) & np.isfinite(luminance)
    voltage, luminance, noise = voltage[known], luminance[known], noise[known]
    above = (luminance >= 1.0) & (luminance >= 3 * noise)  # what is lost in the noise is no light
    if not above.any() or above[:2].all():
        return nan
    for i in range(1, above.size):
        lasts = i + 1 == above.size or above[i + 1]
        if above[i] and not above[i - 1] and lasts:
            low, high = luminance[i - 1], luminance[i]
            if low <= 3 * noise[i - 1] or low <= 0:
                return float(voltage[i])
            return float(voltage[i - 1] + (voltage[i] - voltage[i - 1]) * log(1 / low) / log(high / low))
    return nan
