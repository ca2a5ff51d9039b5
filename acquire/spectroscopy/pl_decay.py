"""Decays of photoluminescence: one to three exponentials, convolved with the response of the instrument. Pure.

Counts n in a channel are Poisson's, so the fit makes the deviance D = 2 sum(m - n + n ln(n/m)) least, which is maximum
likelihood. The expected counts m are a background and, of each component, the exact mean over a channel of an
exponential that began anywhere within the response. How many components there are is decided by D: one
more must lower it by more than chance does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import copy
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache, partial
from itertools import pairwise
from math import exp, inf, isfinite, log, nan, sqrt

import numpy as np

from acquire.evaluation.figure import Figure, missing
from acquire.records import FloatArray
from acquire.spectroscopy.roles import MeasuredDecay

MOST_EXPONENTIALS = 3
#: Two more unknowns lower the deviance by chance by more than this once in a thousand decays (chi^2, two of freedom).
_BY_CHANCE = 13.8
#: A component is told where its lifetime and its amplitude are known within this part.
UNDETERMINED = 0.5
#: Counts are described where the dispersion is below 1 and this many times what chance leaves of it.
_DESCRIBED = 5.0
#: A figure of the average lifetime belongs to a PLQY where the two averages agree within this part.
_ONE_LIFETIME = 0.05


@dataclass(frozen=True, eq=False)
class DecayFit:
    """Exponentials fitted to a decay: ``amplitudes`` a_i (m,) [counts a channel] and ``lifetimes`` (m,) [s], rising.

    ``covariance`` (2m, 2m) of ln a_1 ... ln a_m, ln tau_1 ... ln tau_m; ``background`` [counts a channel]; ``shift`` of
    the response [s]; ``deviance``, and Pearson's chi^2 over the degrees of freedom, ``dispersion``; ``expected`` (n,)
    counts and ``residuals`` (n,), signed roots of the deviance; ``first`` and ``last`` channel that were fitted.
    ``told``: whether the counts tell each of them from the others.
    """

    amplitudes: FloatArray
    lifetimes: FloatArray
    covariance: FloatArray
    background: float
    shift: float
    deviance: float
    dispersion: float
    freedom: int
    expected: FloatArray
    residuals: FloatArray
    first: int
    last: int
    told: bool

    @property
    def components(self) -> int:
        """The number of exponentials."""
        return int(self.amplitudes.size)


def averages(amplitudes: FloatArray, lifetimes: FloatArray) -> tuple[float, float]:
    """Return tau_int = sum a tau^2/sum a tau and tau_amp = sum a tau/sum a [s].

    Sillen, Engelborghs 1998, Photochem. Photobiol. 67, 475, doi 10.1111/j.1751-1097.1998.tb09082.x.
    """
    a, tau = np.asarray(amplitudes, float), np.asarray(lifetimes, float)
    weight = float((a * tau).sum())
    return float((a * tau**2).sum()) / weight, weight / float(a.sum())


def rates(plqy: float, lifetime: float) -> tuple[float, float]:
    """Return k_r = PLQY/tau and k_nr = (1 - PLQY)/tau [1/s]."""
    return plqy / lifetime, (1 - plqy) / lifetime


# --- the model ---------------------------------------------------------------------------------------------------


def response_to(excitation: FloatArray, lifetime: float, width: float) -> FloatArray:
    """Return the mean counts (n,) that an exponential makes of an excitation (n,), both per channel of one width [s].

    Exact for light that is spread evenly over each channel; the sum over all times is that of the excitation.
    """
    from scipy.signal import lfilter

    ratio = width / lifetime
    decay = exp(-ratio)
    first = 1 - (1 - decay) / ratio if ratio > 1e-4 else ratio / 2
    after = (1 - decay) ** 2 / ratio
    return np.asarray(lfilter([first, after - first * decay], [1.0, -decay], excitation), float)


#: A channel of the response is divided into so many parts, over each of which light is spread evenly.
PARTS = 5


#: Cubics through a running sum of the response fall by more than this part of its highest where channels are too wide.
_FALLING = 0.01
#: A response of which two neighbouring channels hold more than this part is about as short as one of them, or shorter.
_IN_TWO = 0.99


_Course = Callable[[FloatArray], FloatArray]


class Length(StrEnum):
    """How long a response lasts, by the channels it is recorded in."""

    RESOLVED = "resolved"
    A_CHANNEL_OR_TWO = "a channel or two"
    BELOW_A_CHANNEL = "shorter than a channel"


class Excitation:
    """The response of the instrument (n,), its own background taken off, of sum 1, with its course within channels.

    Its running sum is interpolated by cubics, so that it may come later by any part of a channel. Where it lasts for a
    channel or two only, these would fall in between: cubics that never fall stand for it; where it lies within two
    channels, light that is spread evenly over a channel's width. ``others``: courses it may have as well. ``length``
    is looked for unless it is given.
    """

    def __init__(self, response: FloatArray, length: Length | None = None) -> None:
        from scipy.interpolate import CubicSpline, PchipInterpolator

        lower = np.sort(response)[: max(response.size // 2, 1)]
        clean = np.maximum(response - float(np.median(lower)), 0.0)
        clean[clean < 1e-3 * clean.max()] = 0.0
        edges = np.arange(response.size + 1, dtype=float)
        total = np.concatenate([[0.0], np.cumsum(clean / clean.sum())])
        self._fine = np.linspace(0.0, response.size, PARTS * response.size + 1)
        self._sum: _Course = CubicSpline(edges, total)
        self.length = length or self._length(total)
        self.others: tuple[_Course, ...] = ()
        if self.length is Length.A_CHANNEL_OR_TWO:
            self._sum, self.others = PchipInterpolator(edges, total), (self._sum,)
        elif self.length is Length.BELOW_A_CHANNEL:
            middle = float((edges[:-1] + 0.5) @ clean / clean.sum())
            self._sum = partial(_rising, middle, 0.5)
            self.others = (partial(_rising, middle, 0.05), PchipInterpolator(edges, total))

    def _length(self, total: FloatArray) -> Length:
        parts = np.diff(self._sum(self._fine))
        if parts.min() > -_FALLING * parts.max():
            return Length.RESOLVED
        return Length.BELOW_A_CHANNEL if (total[2:] - total[:-2]).max() > _IN_TWO else Length.A_CHANNEL_OR_TWO

    def by(self, course: _Course) -> Excitation:
        """Return it with another course within channels."""
        other = copy(self)
        other._sum = course
        return other

    def later(self, channels: float) -> FloatArray:
        """Return it so many channels later, by parts of channels (n * PARTS,)."""
        places = np.clip(self._fine - channels, self._fine[0], self._fine[-1])
        parts = np.diff(self._sum(places))
        return np.asarray(np.maximum(parts, 0.0) if self.length is Length.RESOLVED else parts, float)


def _rising(middle: float, half: float, places: FloatArray) -> FloatArray:
    """Return the running sum of light that comes evenly within ``half`` of the ``middle``."""
    return np.asarray(np.clip((places - middle + half) / (2 * half), 0.0, 1.0), float)


class _Model:
    """Expected counts by parameters: ln a, ln tau, background, and the shift in channels where there is a response."""

    def __init__(self, decay: MeasuredDecay, first: int, last: int, components: int) -> None:
        self.width = float(np.median(np.diff(decay.time)))
        self.counts = decay.counts[first:last]
        self.components = components
        self.first, self.last = first, last
        self.measured_response = decay.response
        self.response = Excitation(decay.response) if decay.response is not None else None
        self._later = np.arange(last - first) + 0.5
        # For each slope one parameter is moved: the components that it does not concern stay
        self._component = lru_cache(maxsize=4 * components)(self._made_component)

    def component(self, lifetime: float, shift: float) -> FloatArray:
        """Return the counts (n,) of a component with a_i = 1."""
        return self._component(self.response, lifetime, shift)

    def _made_component(self, response: Excitation | None, lifetime: float, shift: float) -> FloatArray:
        if response is None:  # the mean over each channel, counted from the beginning of the first
            half = self.width / lifetime / 2
            mean = np.sinh(half) / half if half > 1e-4 else 1.0
            return np.asarray(np.exp(-self._later * self.width / lifetime) * mean, float)
        parts = response_to(response.later(shift), lifetime, self.width / PARTS)
        whole = parts.reshape(-1, PARTS).sum(axis=1)
        return np.asarray(lifetime / self.width * whole[self.first : self.last], float)

    def expected(self, parameters: FloatArray) -> FloatArray:
        """Return the expected counts (n,)."""
        m = self.components
        shift = float(parameters[2 * m + 1]) if self.response is not None else 0.0
        total = np.full(self.counts.size, float(parameters[2 * m]))
        for log_a, log_tau in zip(parameters[:m].tolist(), parameters[m : 2 * m].tolist(), strict=True):
            total += exp(log_a) * self.component(exp(log_tau), shift)
        return np.asarray(np.maximum(total, 1e-12), float)

    def residuals(self, parameters: FloatArray) -> FloatArray:
        """Return the signed roots of the deviance (n,)."""
        return deviance_roots(self.counts, self.expected(parameters))


def deviance_roots(counts: FloatArray, expected: FloatArray) -> FloatArray:
    """Return sign(n - m) sqrt(2(m - n + n ln(n/m))) (n,): their squares add up to the deviance."""
    with np.errstate(divide="ignore", invalid="ignore"):
        logs = np.where(counts > 0, counts * np.log(np.maximum(counts, 1e-300) / expected), 0.0)
    return np.asarray(np.sign(counts - expected) * np.sqrt(np.maximum(2 * (expected - counts + logs), 0.0)), float)


# --- the fit -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class JudgedDecay:
    """A decay with the fits of one, two, three exponentials that were tried, how many the counts support, and the one
    that ``fit`` is; ``poisson`` whether the values are counts at all; ``remarks`` in words."""

    decay: MeasuredDecay
    tried: tuple[DecayFit, ...]
    supported: int
    fit: DecayFit
    poisson: bool
    remarks: tuple[str, ...]


def judged(decay: MeasuredDecay, exponentials: int | None = None, begin: float = nan, end: float = nan) -> JudgedDecay:
    """Return what is known of a decay; ``exponentials`` None: as many as the counts support.

    ``begin`` and ``end`` [s] of what is fitted; without them from the peak on (with a response: from the first channel
    on) to the last channel.

    :raises ValueError: fewer channels lie there than there are unknowns.
    """
    first, last = window(decay, begin, end)
    poisson = bool((decay.counts == np.round(decay.counts)).all())
    tried: list[DecayFit] = []
    for components in range(1, max(MOST_EXPONENTIALS, exponentials or 0) + 1):
        shift = tried[-1].shift / float(np.median(np.diff(decay.time))) if tried else 0.0
        tried.append(_fitted(decay, first, last, components, poisson, shift))
        gain = tried[-2].deviance - tried[-1].deviance if components > 1 else inf
        if exponentials is None and gain <= _BY_CHANCE * _unit(tried[-1], poisson):
            break
    supported = _supported(tried, poisson)
    fit = tried[(exponentials or supported) - 1]
    return JudgedDecay(decay, tuple(tried), supported, fit, poisson, tuple(_remarks(decay, fit, supported, poisson)))


def window(decay: MeasuredDecay, begin: float = nan, end: float = nan) -> tuple[int, int]:
    """Return the first channel that is fitted, and the one after the last.

    :raises ValueError: fewer channels lie there than there are unknowns.
    """
    peak = int(np.argmax(decay.counts))
    first = (0 if decay.response is not None else peak) if not isfinite(begin) else int((decay.time < begin).sum())
    last = decay.time.size if not isfinite(end) else int((decay.time <= end).sum())
    if last - first < 4 * MOST_EXPONENTIALS:
        raise ValueError(f"{max(last - first, 0)} channels are left to fit; choose a wider window")
    return first, last


def _unit(fit: DecayFit, poisson: bool) -> float:
    """What a unit of deviance is worth: 1 for counts, the dispersion for values of unknown scale."""
    return max(1.0, fit.dispersion) if poisson else fit.dispersion


def _supported(tried: list[DecayFit], poisson: bool) -> int:
    unit = _unit(tried[-1], poisson)
    number = 1
    for fewer, more in pairwise(tried):
        if fewer.deviance - more.deviance <= _BY_CHANCE * unit or not more.told:
            break
        number = more.components
    return number


def _fitted(
    decay: MeasuredDecay, first: int, last: int, components: int, poisson: bool, shift: float = 0.0
) -> DecayFit:
    """Return the likeliest of the fits from several starts."""
    from scipy.optimize import least_squares  # half a second, which no other command waits for

    model = _Model(decay, first, last, components)
    span = (last - first) * model.width
    top = max(float(model.counts.max()), 1e-12)
    m, responds = components, model.response is not None
    lower = [*[log(top) - 25] * m, *[log(model.width / 20)] * m, 0.0, *([-10.0] if responds else [])]
    upper = [*[log(top) + 15] * m, *[log(20 * span)] * m, 2 * top, *([10.0] if responds else [])]
    best = None
    for start in _starts(model, span, shift):
        found = least_squares(
            model.residuals,
            np.clip(start, np.array(lower) + 1e-9, np.array(upper) - 1e-9),
            bounds=(lower, upper),
            x_scale=[*[1.0] * (2 * m), max(1.0, sqrt(top)), *([1.0] if responds else [])],
            xtol=1e-7,
            ftol=1e-8,
            max_nfev=80,
        )
        if best is None or found.cost < best.cost:
            best = found
        if 2 * best.cost < model.counts.size - len(start):  # chance leaves no less
            break
    assert best is not None
    return _read_off(model, np.asarray(best.x, float), np.asarray(best.jac, float), poisson)


def _starts(model: _Model, span: float, shift: float) -> list[FloatArray]:
    """Starting values: lifetimes spread about that of which the mean arrival tells, amplitudes and background by
    non-negative least squares."""
    from scipy.optimize import nnls

    background = float(np.median(np.sort(model.counts)[: max(model.counts.size // 10, 1)]))
    above = np.maximum(model.counts - background, 0.0)
    peak = int(np.argmax(model.counts))
    after = above[peak:]
    mean = max(float((np.arange(after.size) * after).sum() / max(after.sum(), 1e-12)) * model.width, model.width)
    mean = min(mean, span / 2)
    spreads = {1: ((1.0,),), 2: ((0.3, 1.5), (0.7, 3.0), (0.02, 1.0)), 3: ((0.15, 0.6, 2.0), (0.3, 1.0, 4.0))}[
        model.components
    ]
    starts = []
    weight = 1 / np.sqrt(np.maximum(model.counts, 1.0))
    for spread in spreads:
        lifetimes = mean * np.array(spread)
        columns = [model.component(lifetime, shift) for lifetime in lifetimes.tolist()]
        design = np.column_stack([*columns, np.ones(model.counts.size)])
        found = nnls(design * weight[:, None], model.counts * weight)[0]
        largest = max(float(found[:-1].max()), 1e-9)
        amplitudes = np.maximum(found[:-1], 1e-3 * largest)
        tail = [shift] if model.response is not None else []
        starts.append(np.array([*np.log(amplitudes), *np.log(lifetimes), found[-1], *tail]))
    return starts


def _read_off(model: _Model, parameters: FloatArray, jacobian: FloatArray, poisson: bool) -> DecayFit:
    m = model.components
    expected = model.expected(parameters)
    residuals = deviance_roots(model.counts, expected)
    freedom = max(model.counts.size - parameters.size, 1)
    dispersion = float(((model.counts - expected) ** 2 / expected).sum()) / freedom
    order = np.argsort(parameters[m : 2 * m])
    chosen = np.concatenate([order, m + order])
    scale = max(1.0, dispersion) if poisson else dispersion
    inverse = _inverse(jacobian)
    whole = inverse * scale + _by_response(model, parameters, residuals, jacobian, inverse)
    told = bool((np.sqrt(np.diag(whole)) < UNDETERMINED)[: 2 * m].all()) and not _in_the_response(model, parameters)
    whole += _by_course(model, parameters, residuals, jacobian, inverse)
    covariance = whole[np.ix_(chosen, chosen)]
    shift = float(parameters[2 * m + 1]) * model.width if model.response is not None else 0.0
    return DecayFit(
        np.exp(parameters[:m][order]),
        np.exp(parameters[m : 2 * m][order]),
        covariance,
        float(parameters[2 * m]),
        shift,
        float(residuals @ residuals),
        dispersion,
        freedom,
        expected,
        residuals,
        model.first,
        model.last,
        told,
    )


def _in_the_response(model: _Model, parameters: FloatArray) -> bool:
    """Whether a lifetime is shorter than a channel in which the whole response lies: it stands for its course there."""
    below = model.response is not None and model.response.length is Length.BELOW_A_CHANNEL
    shortest = float(parameters[model.components : 2 * model.components].min())
    return below and shortest < log(model.width)


#: As many responses are drawn to see what their own counting leaves open.
_DRAWN = 40


def _by_response(
    model: _Model, parameters: FloatArray, residuals: FloatArray, jacobian: FloatArray, inverse: FloatArray
) -> FloatArray:
    """The covariance that the counting of the response adds: each draw of it moves the minimum by a linear step."""
    response, kept = model.measured_response, model.response
    total = np.zeros_like(inverse)
    if response is None or kept is None or (response != np.round(response)).any() or (response < 0).any():
        return total
    chance = np.random.default_rng(1)
    for _ in range(_DRAWN):
        model.response = Excitation(chance.poisson(response).astype(float), kept.length)
        step = inverse @ (jacobian.T @ (model.residuals(parameters) - residuals))
        total += np.outer(step, step) / _DRAWN
    model.response = kept
    return total


def _by_course(
    model: _Model, parameters: FloatArray, residuals: FloatArray, jacobian: FloatArray, inverse: FloatArray
) -> FloatArray:
    """The covariance that the course of the response within channels adds, which these do not tell: each other course
    moves the minimum by a linear step."""
    total, kept = np.zeros_like(inverse), model.response
    if kept is None:
        return total
    for course in kept.others:
        model.response = kept.by(course)
        step = inverse @ (jacobian.T @ (model.residuals(parameters) - residuals))
        step *= min(1.0, UNDETERMINED / max(float(np.abs(step[:-2]).max()), 1e-9))  # else it is none of a straight line
        total += np.outer(step, step)
    model.response = kept
    return total


def _inverse(jacobian: FloatArray) -> FloatArray:
    """Return (J^T J)^-1 with what no channel tells as wide as ten powers of e."""
    size = np.maximum(np.sqrt((jacobian**2).sum(axis=0)), 1e-30)
    scaled = jacobian / size
    ridge = np.minimum(1e-2 / size**2, 1.0)
    return np.asarray(np.linalg.inv(scaled.T @ scaled + np.diag(ridge)) / np.outer(size, size), float)


# --- what is said ------------------------------------------------------------------------------------------------


def _remarks(decay: MeasuredDecay, fit: DecayFit, supported: int, poisson: bool) -> list[str]:
    said = []
    if fit.components > supported:
        said.append(f"the counts support {supported}: of more exponentials each is no more than a guess")
    if not poisson:
        said.append("the values are no counts: their scatter about the fit stands in for Poisson's")
    said += [why for why in (_UNRESOLVED[_length(decay)], misfit(fit, poisson)) if why]
    return said


def _length(decay: MeasuredDecay) -> Length:
    return Length.RESOLVED if decay.response is None else Excitation(decay.response).length


#: What is to be said of a response by its length.
_UNRESOLVED = {
    Length.RESOLVED: "",
    Length.A_CHANNEL_OR_TWO: "the response lasts for a channel or two: what its course there leaves open is in u",
    Length.BELOW_A_CHANNEL: "the response is shorter than a channel: short lifetimes and averages hang on its course "
    "there; narrow the channels",
}


def misfit(fit: DecayFit, poisson: bool) -> str:
    """Why the exponentials do not describe a decay, empty where they do."""
    centred = fit.residuals - fit.residuals.mean()
    total = float(centred @ centred)
    correlation = float(centred[1:] @ centred[:-1]) / total if total > 0 else 0.0
    by_chance = 1 / sqrt(fit.residuals.size)
    if poisson and fit.dispersion > 1 + _DESCRIBED * sqrt(2 / fit.freedom):
        return f"the exponentials do not describe it: chi^2 is {fit.dispersion:.2f} where chance leaves 1"
    if correlation > _DESCRIBED * by_chance:
        return f"the exponentials do not describe it: neighbouring residuals go together ({correlation:.2f})"
    return ""


def figures_of(found: JudgedDecay) -> dict[str, Figure]:
    """Return the figures of a decay, by name: components, averages, background."""
    fit, m = found.fit, found.fit.components
    length = _length(found.decay)
    why = misfit(fit, found.poisson) or (_UNRESOLVED[length] if length is Length.BELOW_A_CHANNEL else "")
    status = "doubtful" if why else "ok"
    spread = np.sqrt(np.diag(fit.covariance))
    guess = m > found.supported
    figures: dict[str, Figure] = {}
    shares = fit.amplitudes / fit.amplitudes.sum()
    for i in range(m):
        told = not guess and spread[i] < UNDETERMINED and spread[m + i] < UNDETERMINED
        for name, value, unit, relative in (
            ("pl_amplitude", float(shares[i]), "1", _share_spread(fit, i)),
            ("pl_lifetime", float(fit.lifetimes[i]), "s", float(spread[m + i])),
        ):
            figures[f"{name}_{i + 1}"] = (
                Figure(value, unit, status, uncertainty=value * relative, reason=why)
                if told
                else missing(unit, "not_determined", "the counts do not tell this exponential from others")
            )
    for name, value, relative in _averages_with_spread(fit):
        told = relative < UNDETERMINED
        figures[name] = (
            Figure(value, "s", status, uncertainty=value * relative, reason=why)
            if told
            else missing("s", "not_determined", "the window is too short for it")
        )
    return figures


def _share_spread(fit: DecayFit, i: int) -> float:
    """The relative uncertainty of a_i/sum a."""
    m = fit.components
    shares = fit.amplitudes / fit.amplitudes.sum()
    gradient = -shares
    gradient[i] += 1
    return sqrt(max(float(gradient @ fit.covariance[:m, :m] @ gradient), 0.0))


def _averages_with_spread(fit: DecayFit) -> list[tuple[str, float, float]]:
    """Both averages [s] with their relative uncertainties, correlations of the components taken in."""
    a, tau = fit.amplitudes, fit.lifetimes
    of_area, of_square = a * tau / (a * tau).sum(), a * tau**2 / (a * tau**2).sum()
    of_amplitude = a / a.sum()
    by_intensity = np.concatenate([of_square - of_area, 2 * of_square - of_area])
    by_amplitude = np.concatenate([of_area - of_amplitude, of_area])
    intensity, amplitude = averages(a, tau)
    return [
        (name, value, sqrt(max(float(gradient @ fit.covariance @ gradient), 0.0)))
        for name, value, gradient in (
            ("pl_lifetime_intensity_average", intensity, by_intensity),
            ("pl_lifetime_amplitude_average", amplitude, by_amplitude),
        )
    ]


def rate_figures(
    figures: Mapping[str, Figure], plqy: float, plqy_uncertainty: float, average: str
) -> dict[str, Figure]:
    """Return k_r and k_nr by an ``average`` lifetime, "intensity" or "amplitude".

    PLQY goes with the amplitude average; by the intensity average of a decay of several lifetimes the rates are
    nominal. u of PLQY and lifetime are independent.
    """
    lifetime = figures[f"pl_lifetime_{average}_average"]
    if not isfinite(lifetime.value):
        untold = missing("1/s", lifetime.status, lifetime.reason)
        return {"radiative_rate": untold, "nonradiative_rate": untold}
    other = figures["pl_lifetime_amplitude_average"]
    status, why = lifetime.status, lifetime.reason
    apart = lifetime.value / other.value if isfinite(other.value) else nan
    if status == "ok" and not abs(apart - 1) < _ONE_LIFETIME:
        status = "nominal"
        why = f"by tau_int, which is {apart:.3g} times tau_amp; PLQY goes with tau_amp, so that rates by it differ"
    known = lifetime.uncertainty / lifetime.value
    radiative, other_rate = rates(plqy, lifetime.value)
    u_plqy = plqy_uncertainty / lifetime.value
    return {
        "radiative_rate": Figure(
            radiative, "1/s", status, uncertainty=sqrt(u_plqy**2 + (radiative * known) ** 2), reason=why
        ),
        "nonradiative_rate": Figure(
            other_rate, "1/s", status, uncertainty=sqrt(u_plqy**2 + (other_rate * known) ** 2), reason=why
        ),
    }
