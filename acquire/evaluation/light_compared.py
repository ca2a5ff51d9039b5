"""The luminance of the photodiode held against that of each spectrum, and how their quotient behaves. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import log, pi, sqrt

import numpy as np

from acquire.evaluation.before_findings import spot_finding
from acquire.evaluation.calibration import LuminanceRoute
from acquire.evaluation.known import Known
from acquire.evaluation.pairs import DOUBTED, LEAST_DOUBTFUL, NOTED, Pair
from acquire.evaluation.photodiode_findings import at_amplifier_limit
from acquire.evaluation.routes import luminance_factor_of_run
from acquire.evaluation.touched import luminous, per_area
from acquire.photometry.constants import MAXIMUM_LUMINOUS_EFFICACY
from acquire.photometry.uncertainty import rectangular
from acquire.records import Finding, FloatArray, Severity, counted


def photodiode_against_spectra(known: Known) -> Iterator[Finding]:
    """Ask whether the photodiode's luminance and that of the spectra are one within their uncertainties.

    Where spectra alone count, the photodiode's is no number of the run, and the difference no more than a note.
    """
    alone, compared = known.evidence.alone, _followed(known)
    if (by_spot := _beside_the_pixel(known)) is not None:
        yield by_spot
        return
    apart = [(_GRAVITY.index(severity), pair.deviations, pair) for pair in compared if (severity := pair.severity)]
    if not apart:
        return
    gravity, _, worst = max(apart)
    way = _how_it_behaves(compared)
    yield Finding(
        known.time,
        way.code,
        Severity.NOTE if alone else _GRAVITY[gravity],
        f"the photodiode's luminance is not that of the spectra: {_values(worst)}{_against_efficacy(worst)}; "
        f"{way.text(worst, compared)}",
        () if alone else luminous(known.figures),
        way.remedy,
        worst.ratio,
        worst.limit,
    )


def _followed(known: Known) -> Sequence[Pair]:
    """The pairs at which the amplifier followed the light: what it says at its limit is told of elsewhere."""
    at = np.flatnonzero(at_amplifier_limit(known.points, known.evidence))
    limited = set(at.tolist())
    return [pair for pair in known.pairs if pair.point not in limited]


def _beside_the_pixel(known: Known) -> Finding | None:
    """Spectra that are too low by what a spot larger than the pixel leaves dark: the budget has it as an uncertainty.

    Here it is no chance any more: so much of the difference is seen, and no more than the spot can explain.
    """
    conditions = known.evidence.calibration.conditions
    share = conditions.unfilled_share
    for pair in known.pairs if share > 0 else ():
        without = sqrt(max(pair.uncertainty**2 - rectangular(share) ** 2, 0.0))
        limit = max(DOUBTED * without, LEAST_DOUBTFUL)
        if limit < pair.ratio - 1 <= 1 / (1 - share) - 1 + limit:
            return spot_finding(
                known,
                f"the spectrum at point {counted(pair.point)} has {pair.spectral:.4g} cd/m^2 where the photodiode "
                f"gives {pair.photodiode:.4g} cd/m^2: the spectroradiometer's spot of {1e3 * conditions.spot:.3g} mm "
                f"is larger than the pixel, and up to {100 * share:.2g} % of it sees what lies beside",
                pair.ratio,
                limit,
            )
    return None


_GRAVITY = list(Severity)


def _values(worst: Pair) -> str:
    """The luminances that are furthest apart, and how large the difference may be."""
    return (
        f"{worst.photodiode:.4g} cd/m^2 where the spectrum has {worst.spectral:.4g} cd/m^2, {_times(worst.ratio)} "
        f"(point {counted(worst.point)}; +-{100 * worst.limit:.2g} % would be within their uncertainties)"
    )


def _against_efficacy(worst: Pair) -> str:
    """That a luminance is more than the radiance of its spectrum can have, where it is."""
    if worst.severity is not Severity.IMPOSSIBLE:
        return ""
    return (
        f", with its radiance {worst.ratio * worst.efficacy:.4g} lm/W, where its own colour has {worst.efficacy:.4g} "
        f"and no light more than {MAXIMUM_LUMINOUS_EFFICACY:.0f}"
    )


def _times(ratio: float) -> str:
    """A quotient in words: a difference in percent where it is small."""
    return f"{100 * (ratio - 1):+.1f} %" if 0.5 < ratio < 2 else f"{ratio:.4g} times as much"


@dataclass(frozen=True)
class _Behaviour:
    """How the quotient behaves from spectrum to spectrum."""

    code: str
    remedy: str
    what: str = ""

    def text(self, worst: Pair, compared: Sequence[Pair]) -> str:
        """What to say of it."""
        if self.code != "photodiode_factor":
            return self.what
        ratio = mean_ratio(compared) if worst in compared else worst.ratio
        slip = common_slip(ratio, 2 * max(pair.uncertainty for pair in compared))
        ones = f"one factor at all {len(compared)} spectra" if len(compared) > 1 else "at the one spectrum compared"
        return f"{ones}: {slip}" if slip else ones


def mean_ratio(compared: Sequence[Pair]) -> float:
    """The mean quotient, each pair by its own uncertainty."""
    weights = np.array([max(pair.independent, 1e-6) ** -2 for pair in compared])
    return float(weights @ np.array([pair.ratio for pair in compared]) / weights.sum())


_FACTOR = _Behaviour(
    "photodiode_factor",
    "Compare the amplifier's gain with its knob, the distance, the area and the units of the calibration; then "
    "calibrate the photodiode again, or take the luminance from the spectra",
)

_LEVEL = _Behaviour(
    "photodiode_not_linear",
    "Look for saturation of photodiode or amplifier, stray light, and a range that changes; the luminance of the "
    "spectra does not depend on them",
    "the quotient moves with the level",
)

_TIME = _Behaviour(
    "photodiode_drift",
    "Fix device and photodiode, let the amplifier warm up, and look whether its zero or the room light changes",
    "the quotient moves with time",
)


def _how_it_behaves(compared: Sequence[Pair]) -> _Behaviour:
    """Whether the quotient is one factor for all, or moves with level or time."""
    if len(compared) < 3 or not _moves(compared):
        return _FACTOR
    ratio = np.array([pair.ratio for pair in compared])
    level = _correlation(np.log([pair.spectral for pair in compared]), ratio)
    time = _correlation(np.array([pair.time for pair in compared]), ratio)
    return _TIME if time > level + 0.05 else _LEVEL


def _moves(compared: Sequence[Pair]) -> bool:
    """Whether the quotients differ among each other by more than what each has for itself explains."""
    mean = mean_ratio(compared)
    return any(
        abs(pair.ratio - mean) > max(DOUBTED * pair.independent * max(mean, 1), 0.02 * mean) for pair in compared
    )


def _correlation(one: FloatArray, other: FloatArray) -> float:
    if one.std() == 0 or other.std() == 0:
        return 0.0
    return abs(float(np.corrcoef(one, other)[0, 1]))


#: Slips that are common, by the factor that they leave behind; the largest first.
SLIPS: tuple[tuple[float, str], ...] = (
    (1e6, "um^2, uA or uW in place of m^2, A or W"),
    (1e4, "an area in cm^2 taken for m^2"),
    (1e3, "mA/W, mm or another thousandth"),
    (683.002, "lumen per watt left out or taken twice"),
    (1e2, "two decades of the amplifier, percent, or mm^2 for cm^2"),
    (10.0, "one decade of the amplifier's gain, or of the pixel area"),
    (4.0, "a diameter for a radius, or twice the distance"),
    (pi, "pi: lm/m^2 in place of cd/m^2"),
    (2.0, "a factor of two"),
)


def common_slip(ratio: float, tolerance: float = 0.0) -> str:
    """The common slip that a quotient looks like; empty where it looks like none.

    ``tolerance`` is relative; it is 5 % at least, and 15 % at most: else every number looks like one.
    """
    if not ratio > 0:
        return ""
    away = [(abs(log(ratio / expected)), expected, slip) for factor, slip in SLIPS for expected in (factor, 1 / factor)]
    distance, expected, slip = min(away)
    if distance > min(max(tolerance, 0.05), 0.15):
        return ""
    factor = max(expected, 1 / expected)
    written = "pi" if abs(factor - pi) < 1e-9 else f"{factor:.4g}"
    return f"it looks like {written if expected > 1 else f'1/{written}'} ({slip})"


def factor_of_the_run(known: Known) -> Iterator[Finding]:
    """Ask, where the spectra of the run calibrate the photodiode, whether gain and calibration file had said the same.

    The numbers of the run do not rest on these, so that a difference is a note; without a calibration file k_L is
    not checked, and that is said.
    """
    if known.evidence.calibration.conditions.luminance_route != LuminanceRoute.FROM_SPECTRA or not known.figures:
        return
    found = luminance_factor_of_run(known.evidence)
    if found is None:
        return
    if not found.checked:
        text = f"k_L of this run, {found.factor:.4g} cd/m^2/A, is not checked: there is no calibration file"
        yield Finding(known.time, "luminance_factor_not_checked", Severity.NOTE, text, value=found.factor)
        return
    limit = NOTED * found.ratio_uncertainty
    if abs(found.ratio - 1) <= limit:
        return
    slip = common_slip(1 / found.ratio, 2 * found.ratio_uncertainty)
    # Of these only a wrong gain or distance changes no number of the run
    yield Finding(
        known.time,
        "luminance_factor_unexpected",
        Severity.NOTE,
        f"k_L by the spectra of this run is {found.factor:.4g} cd/m^2/A, {found.ratio:.4g} times what gain and "
        f"calibration file give ({found.expected:.4g} cd/m^2/A, +-{100 * limit:.2g} % expected)"
        f"{f': {slip}' if slip else ''}; luminance here follows the spectra: a wrong gain or distance is harmless, "
        "a wrong pixel area is in J and every efficiency, an unknown filter or lens in all",
        per_area(known.figures),
        "Compare pixel area, filter and lens of the spectroradiometer, gain and distance with the bench file",
        found.ratio,
        limit,
    )
