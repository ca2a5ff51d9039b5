"""One arc of an impedance spectrum: R_s + R_p parallel to C, or to a constant-phase element. Pure.

Z = R_s + R_p/(1 + (i w R_p C)^a); a = 1 is a capacitor, below 1 the arc is depressed (Cole-Cole, "ZARC"), and C is what
a capacitor would have to be for the apex of the arc to lie where it lies, at f = 1/(2 pi R_p C). Residuals are those of
ln Z, real and imaginary part: each frequency counts with what it is away relative to its own |Z|.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from math import log, pi, sqrt

import numpy as np

from acquire.evaluation.figure import Figure, missing
from acquire.records import FloatArray
from acquire.spectroscopy.kramers_kronig import KramersKronig, linear_kramers_kronig
from acquire.spectroscopy.roles import ComplexArray, ImpedanceSpectrum

MODELS = ("auto", "rc", "cole_cole")

#: A parameter whose standard uncertainty is this part of it is not told by the spectrum.
UNDETERMINED = 0.2
#: What a point of an impedance analyser is worth at best, of |Z|: no parameter is told better than this allows.
ACCURACY = 1e-3
#: Another exponent than 1 is taken where it lowers the sum of squares by this factor and is told to differ from 1.
_BETTER = 1.5
LEAST_EXPONENT = 0.3
#: The model describes the spectrum where its residuals are below this many times what Kramers-Kronig leaves.
_MISFIT = 3.0


@dataclass(frozen=True, eq=False)
class ImpedanceFit:
    """One arc fitted to a spectrum: ``model`` is "rc" or "cole_cole".

    R_s ``series_resistance`` and R_p ``recombination_resistance`` [ohm], ``capacitance`` [F], ``exponent`` a;
    ``uncertainty`` of the figures by name, relative to them (k = 1) and of the exponent absolute; ``scatter`` the rms
    of the residuals of ln Z; ``fitted`` (n,) Z.
    """

    model: str
    series_resistance: float
    recombination_resistance: float
    capacitance: float
    exponent: float
    uncertainty: Mapping[str, float]
    scatter: float
    fitted: ComplexArray

    @property
    def apex(self) -> float:
        """The frequency [Hz] at which -Im Z is largest."""
        return 1 / (2 * pi * self.recombination_resistance * self.capacitance)

    def at(self, frequency: FloatArray) -> ComplexArray:
        """Return Z (n,) [ohm] at frequencies (n,) [Hz]."""
        return arc(frequency, self.series_resistance, self.recombination_resistance, self.capacitance, self.exponent)


def arc(
    frequency: FloatArray, series: float, parallel: float, capacitance: float, exponent: float = 1.0
) -> ComplexArray:
    """Return Z (n,) [ohm] of R_s, R_p [ohm] and C [F] with exponent a at frequencies (n,) [Hz]."""
    power = (1j * 2 * np.pi * np.asarray(frequency, float) * parallel * capacitance) ** exponent
    return np.asarray(series + parallel / (1 + power), complex)


def fitted_arc(spectrum: ImpedanceSpectrum, model: str = "auto") -> ImpedanceFit:
    """Return the arc that describes a spectrum best.

    ``auto`` takes a capacitor unless a constant-phase element describes it clearly better.

    :raises ValueError: there is no such model.
    """
    if model not in MODELS:
        raise ValueError(f"no model '{model}'; there are {', '.join(MODELS)}")
    fit = _Fit(spectrum)
    element = fit.best(free_exponent=True)
    if model == "cole_cole":
        return fit.told(element, element, "cole_cole")
    capacitor = fit.best(free_exponent=False)
    if model == "rc":
        return fit.told(capacitor, capacitor, "rc")
    floor = 2 * spectrum.frequency.size * (ACCURACY / 10) ** 2
    better = capacitor.squares + floor > _BETTER * (element.squares + floor)
    told = 1 - element.parameters[3] > max(3 * fit.spread(element)["cpe_exponent"], 0.005)
    if better and told:
        return fit.told(element, element, "cole_cole")
    # Another exponent is not excluded, only not needed: what it would leave open stays open
    return fit.told(capacitor, element, "rc")


# --- the fit -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class _Found:
    """A minimum: the sum of squares, ln R_s, ln R_p, ln C, a (4,) in the scales of the fit, and which are free."""

    squares: float
    parameters: FloatArray
    free: tuple[int, ...]


#: Another solution is as good when the sum of squares, in units of the variance, rises by less than this.
_AS_GOOD = 25.0
#: How far a parameter is moved, in ln, to see whether the others make up for it.
_MOVED = 0.7


class _Fit:
    """The fits of one spectrum, in scales in which no number is large or small."""

    def __init__(self, spectrum: ImpedanceSpectrum) -> None:
        self.spectrum = spectrum
        self._ohm, self._hertz = _scales(spectrum)
        self._x, self._z = spectrum.frequency / self._hertz, spectrum.impedance / self._ohm

    def best(self, *, free_exponent: bool) -> _Found:
        """Return the best of the fits from every start."""
        free = (0, 1, 2, 3) if free_exponent else (0, 1, 2)
        found: list[_Found] = []
        for start in _starts(self._x, self._z, free_exponent):
            found.append(_least_squares(self._x, self._z, start, free))
            if found[-1].squares / self._x.size < (ACCURACY / 10) ** 2:
                break
        best = min(found, key=lambda one: one.squares)
        if free_exponent and not LEAST_EXPONENT <= best.parameters[3] <= 1.0:  # no passive element is beyond
            ended = best.parameters.copy()
            ended[3] = min(max(ended[3], LEAST_EXPONENT), 1.0)
            return replace(_least_squares(self._x, self._z, ended, (0, 1, 2)), free=free)
        return best

    def spread(self, found: _Found, chosen: _Found | None = None) -> dict[str, float]:
        """Return the standard uncertainties of :class:`ImpedanceFit`, of the ``chosen`` minimum where that is another.

        They are the larger of those by the covariance and of how far solutions lie away that describe the spectrum as
        well, which are sought by moving each parameter and fitting the others anew.
        """
        variance = max(found.squares / max(2 * self._x.size - len(found.free), 1), ACCURACY**2)
        used = _jacobian(found.parameters, self._x)[:, found.free]
        # A ridge that stands for knowing nothing within ten powers of e: what no point tells keeps that width
        normal = used.T @ used / variance + np.diag([1e-2 if i < 3 else 1.0 for i in found.free])
        covariance = np.linalg.inv(normal)
        gradients = _gradients(found.parameters)
        spreads = {
            name: sqrt(float(gradient[list(found.free)] @ covariance @ gradient[list(found.free)]))
            for name, gradient in gradients.items()
        }
        middle = _in_ln((chosen or found).parameters)
        for other in (found, *self._as_good(found, variance)):
            for name, value in _in_ln(other.parameters).items():
                spreads[name] = max(spreads[name], abs(value - middle[name]))
        return spreads

    def _as_good(self, found: _Found, variance: float) -> Iterator[_Found]:
        for i in range(3):
            for step in (-_MOVED, _MOVED):
                start = found.parameters.copy()
                start[i] += step
                other = _least_squares(self._x, self._z, start, tuple(k for k in found.free if k != i))
                if other.squares - found.squares < _AS_GOOD * variance:
                    yield other
        third = found.parameters.copy()  # a series resistance that the least real part has room for
        third[0] = log(max(float(self._z.real.min()), 1e-6) / 3)
        other = _least_squares(self._x, self._z, third, tuple(k for k in found.free if k != 0))
        if other.squares - found.squares < _AS_GOOD * variance:
            yield other
        # An arc as large as half of all that is seen: far below the frequencies measured, far above, and with the end
        # of it that is seen, R_p^2 C, as it is. Where the arc found is itself none that is seen, half of what is
        halves = {float(np.logaddexp(*found.parameters[:2])) - log(2), -log(2)}
        for half in sorted(halves):
            seen = found.parameters[2] + 2 * (found.parameters[1] - half)
            for capacitance, free in (
                (log(1e4 / self._x[0]) - half, (0,)),
                (log(1e-4 / self._x[-1]) - half, (0,)),
                (seen, (0, 2)),
            ):
                start = np.array([half, half, capacitance, found.parameters[3] if free == (0, 2) else 1.0])
                other = _least_squares(self._x, self._z, start, free)
                if other.squares - found.squares < _AS_GOOD * variance:
                    yield other

    def told(self, found: _Found, open_to: _Found, model: str) -> ImpedanceFit:
        """Return a minimum in SI, as uncertain as ``open_to`` leaves it."""
        series, parallel, capacitance = np.exp(found.parameters[:3]).tolist()
        farad = 1 / (2 * pi * self._hertz * self._ohm)
        one = (series * self._ohm, parallel * self._ohm, capacitance * farad, float(found.parameters[3]))
        scatter = sqrt(found.squares / (2 * self._x.size))
        return ImpedanceFit(model, *one, self.spread(open_to, found), scatter, arc(self.spectrum.frequency, *one))


def _in_ln(parameters: FloatArray) -> dict[str, float]:
    """Return the figures in ln, of the exponent itself, in the scales of the fit."""
    series, parallel, capacitance, exponent = parameters.tolist()
    return {
        "series_resistance": series,
        "recombination_resistance": parallel,
        "capacitance": capacitance,
        "cpe_exponent": exponent,
        "dc_resistance": float(np.logaddexp(series, parallel)),
        "apex_frequency": -parallel - capacitance,
    }


def _gradients(parameters: FloatArray) -> dict[str, FloatArray]:
    """Return the derivatives (4,) of :func:`_in_ln` by the parameters."""
    total = np.logaddexp(parameters[0], parameters[1])
    shares = np.exp(parameters[:2] - total)
    return {
        "series_resistance": np.array([1.0, 0.0, 0.0, 0.0]),
        "recombination_resistance": np.array([0.0, 1.0, 0.0, 0.0]),
        "capacitance": np.array([0.0, 0.0, 1.0, 0.0]),
        "cpe_exponent": np.array([0.0, 0.0, 0.0, 1.0]),
        "dc_resistance": np.array([*shares.tolist(), 0.0, 0.0]),
        "apex_frequency": np.array([0.0, -1.0, -1.0, 0.0]),
    }


def _scales(spectrum: ImpedanceSpectrum) -> tuple[float, float]:
    """The middle |Z| [ohm] and the middle frequency [Hz], which become 1: no unit is large or small inside the fit."""
    return (
        float(np.exp(np.log(np.abs(spectrum.impedance)).mean())),
        float(np.exp(np.log(spectrum.frequency).mean())),
    )


#: How far, in ln, a parameter may lie from the middle of the spectrum: beyond it makes no difference there.
_FARTHEST = 30.0
#: The same of (w R_p C)^a.
_FARTHEST_POWER = 100.0


def _model(x: FloatArray, parameters: FloatArray) -> tuple[ComplexArray, ComplexArray, ComplexArray]:
    """Return Z, R_p/(1 + p) and p = (i x R_p C)^a, for ln R_s, ln R_p, ln C, a."""
    logs = np.clip(parameters[:3], -_FARTHEST, _FARTHEST)
    series, parallel = np.exp(logs[:2])
    exponent = float(np.clip(parameters[3], 0.05, 1.95))
    powers = exponent * (np.log(x) + logs[1] + logs[2])
    power = np.exp(np.clip(powers, -_FARTHEST_POWER, _FARTHEST_POWER) + 0.5j * np.pi * exponent)
    arm = parallel / (1 + power)
    return series + arm, arm, power


def _residuals(parameters: FloatArray, x: FloatArray, logs: ComplexArray) -> FloatArray:
    with np.errstate(all="ignore"):  # a step of the search may go where there are no numbers any more
        difference = np.log(_model(x, parameters)[0]) - logs
    both = np.concatenate([difference.real, difference.imag])
    return np.asarray(np.nan_to_num(both, nan=_FARTHEST), float)


def _jacobian(parameters: FloatArray, x: FloatArray) -> FloatArray:
    """Return the derivatives (2n, 4) of Re and Im of ln Z."""
    with np.errstate(all="ignore"):
        z, arm, power = _model(x, parameters)
        by_power = -arm / (1 + power) * power
        columns = [
            1 - arm / z,
            (arm + by_power * parameters[3]) / z,
            by_power * parameters[3] / z,
            by_power * (np.log(x) + parameters[1] + parameters[2] + 0.5j * np.pi) / z,
        ]
    both = np.column_stack(columns)
    return np.asarray(np.nan_to_num(np.concatenate([both.real, both.imag])), float)


def _least_squares(x: FloatArray, z: ComplexArray, start: FloatArray, free: tuple[int, ...]) -> _Found:
    """Return the minimum next to a start (4,), of which the parameters that are not ``free`` stay as they are."""
    from scipy.optimize import least_squares  # half a second, which no other command waits for

    logs, chosen = np.log(z), list(free)

    def whole(free_ones: FloatArray) -> FloatArray:
        parameters = start.copy()
        parameters[chosen] = free_ones
        return parameters

    def residuals(free_ones: FloatArray) -> FloatArray:
        return _residuals(whole(free_ones), x, logs)

    def jacobian(free_ones: FloatArray) -> FloatArray:
        return np.asarray(_jacobian(whole(free_ones), x)[:, chosen], float)

    found = least_squares(
        residuals,
        start[chosen],
        jac=jacobian,
        method="lm",
        xtol=1e-9,
        ftol=1e-9,
        gtol=1e-12,
        max_nfev=100,
    )
    parameters = whole(found.x)
    parameters[:3] = np.clip(parameters[:3], -_FARTHEST, _FARTHEST)
    return _Found(2 * float(found.cost), parameters, free)


def _starts(x: FloatArray, z: ComplexArray, free_exponent: bool) -> list[FloatArray]:
    """Starting values (4,), the likeliest first: by linear fits, then from what the ends of the spectrum show."""
    exponents = (1.0, 0.9, 0.8, 0.7, 0.55, 0.4) if free_exponent else (1.0,)
    linear = [found for one in exponents if (found := _linear(x, z, one)) is not None]
    linear.sort(key=lambda start: float((_residuals(start, x, np.log(z)) ** 2).sum()))
    low, high = float(z[0].real), float(z[-1].real)
    apex = float(x[int(np.argmax(-z.imag))])
    beginning = min(exponents, key=lambda one: abs(one - 0.85)) if free_exponent else 1.0
    by_sight = [
        _start(high, low - high, 1 / apex, beginning),
        _start(high, 100 * float(np.abs(z).max()), 1 / float(x[0]) * 10, beginning),
        _start(0.01 * float(np.abs(z).min()), float(np.abs(z).max()), 1 / apex, beginning),
    ]
    return [*linear[:1], *by_sight]


def _start(series: float, parallel: float, constant: float, exponent: float) -> FloatArray:
    """R_s, R_p, R_p C and a as parameters: numbers above 0 in ln, small ones where they are not above it."""
    least = 1e-6
    logs = [log(max(value, least)) for value in (series, parallel, constant)]
    return np.array([logs[0], logs[1], logs[2] - logs[1], exponent])


def _linear(x: FloatArray, z: ComplexArray, exponent: float) -> FloatArray | None:
    """Starting values by a rational function: Z = (b0 + b1 q)/(1 + a1 q) with q = (i x)^a, by linear least squares.

    Sanathanan, Koerner 1963, IEEE Trans. Autom. Control 8, 56, doi 10.1109/TAC.1963.1105517: the denominator of the
    round before is the weight of the next.
    """
    q = (1j * x) ** exponent
    weight = 1 / np.abs(z)
    coefficients = np.zeros(3)
    for _ in range(8):
        design = np.column_stack([np.ones_like(q), q, -q * z]) * weight[:, None]
        size = np.sqrt((np.abs(design) ** 2).sum(axis=0))
        both = np.concatenate([(design / size).real, (design / size).imag])
        wanted = np.concatenate([(z * weight).real, (z * weight).imag])
        coefficients = np.linalg.lstsq(both, wanted, rcond=None)[0] / size
        denominator = np.abs(1 + coefficients[2] * q)
        if not np.isfinite(denominator).all() or (denominator == 0).any():
            return None
        weight = 1 / (np.abs(z) * denominator)
    b0, b1, a1 = coefficients.tolist()
    if not a1 > 0:
        return None
    return _start(b1 / a1, b0 - b1 / a1, a1 ** (1 / exponent), exponent)


# --- figures -----------------------------------------------------------------------------------------------------


def figures_of(fit: ImpedanceFit, test: KramersKronig) -> dict[str, Figure]:
    """Return the figures of an arc, by name: those that the spectrum does not tell have no value and say so."""
    status, reason = _doubt(fit, test)
    values = {
        "series_resistance": (fit.series_resistance, "ohm"),
        "recombination_resistance": (fit.recombination_resistance, "ohm"),
        "capacitance": (fit.capacitance, "F"),
        "cpe_exponent": (fit.exponent, "1"),
        "dc_resistance": (fit.series_resistance + fit.recombination_resistance, "ohm"),
        "apex_frequency": (fit.apex, "Hz"),
    }
    if fit.model == "rc":
        del values["cpe_exponent"]
    found = {}
    for name, (value, unit) in values.items():
        relative = fit.uncertainty[name]
        spread = relative if name == "cpe_exponent" else relative * value
        told = Figure(value, unit, status, uncertainty=spread, reason=reason)
        found[name] = told if relative < UNDETERMINED else missing(unit, "not_determined", _UNTOLD)
    return found


_UNTOLD = "the spectrum does not reach the frequencies that would tell it"


def _doubt(fit: ImpedanceFit, test: KramersKronig) -> tuple[str, str]:
    if not test.passed:
        return "doubtful", (
            f"Kramers-Kronig: {test.drift:.1%} of |Z| is left that no linear device at rest has; it drifted, or the "
            "alternating voltage is too large"
        )
    if fit.scatter > _MISFIT * max(test.rms / sqrt(2), ACCURACY):
        return "doubtful", (
            f"the spectrum is not one arc: the fit is {fit.scatter:.1%} away in ln Z, where noise would leave "
            f"{max(test.rms / sqrt(2), ACCURACY):.1%}"
        )
    return "ok", ""


@dataclass(frozen=True, eq=False)
class JudgedSpectrum:
    """A spectrum with the Kramers-Kronig test, the arc, and its figures by name."""

    spectrum: ImpedanceSpectrum
    test: KramersKronig
    fit: ImpedanceFit
    figures: Mapping[str, Figure]


def judged(spectrum: ImpedanceSpectrum, model: str = "auto") -> JudgedSpectrum:
    """Return what is known of a spectrum, the Kramers-Kronig test first.

    :raises ValueError: as :func:`fitted_arc`.
    """
    test = linear_kramers_kronig(spectrum.frequency, spectrum.impedance)
    fit = fitted_arc(spectrum, model)
    return JudgedSpectrum(spectrum, test, fit, figures_of(fit, test))
