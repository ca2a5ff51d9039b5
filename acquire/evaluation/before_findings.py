"""What is known against a run before its first point: its calibration's dates and origin, its pixel area. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from math import isfinite, nan

from acquire.evaluation.calibration import Calibration, LuminanceRoute
from acquire.evaluation.known import Known
from acquire.evaluation.pairs import LEAST_DOUBTFUL
from acquire.evaluation.touched import luminous, names_of, per_area
from acquire.records import Finding, Severity

SPOT_LARGER_THAN_PIXEL = "spot_larger_than_pixel"


def calibration_of_the_day(known: Known) -> Iterator[Finding]:
    """Ask whether the photodiode's calibration was valid on the day of the run, which ISO dates tell by their order."""
    source = known.evidence.calibration.provenance
    if not (known.day and _counts(known.evidence.calibration)):
        return
    if source.date and known.day < source.date:
        yield Finding(
            known.time,
            "calibration_of_the_future",
            Severity.NOTE,
            f"the photodiode's calibration is dated {source.date}, after this run of {known.day}",
            luminous(known.figures),
            "Set the clock of this computer, or the date in the calibration file",
        )
    if source.valid_until and known.day > source.valid_until:
        yield Finding(
            known.time,
            "calibration_expired",
            Severity.NOTE,
            f"the photodiode's calibration was valid until {source.valid_until}, and this run is of {known.day}",
            luminous(known.figures),
            "Calibrate again",
        )


def spot_beyond_the_pixel(known: Known) -> Iterator[Finding]:
    """Ask, where spectra give luminance, whether the spectroradiometer sees the pixel only: nothing else would tell."""
    conditions = known.evidence.calibration.conditions
    share = conditions.unfilled_share
    if conditions.luminance_route != LuminanceRoute.CALIBRATED and share > LEAST_DOUBTFUL:
        yield spot_finding(
            known,
            f"luminance comes from spectra, and {100 * share:.2g} % of the spectroradiometer's spot of "
            f"{1e3 * conditions.spot:.3g} mm lies beside the pixel: it reads up to {100 * share:.2g} % too little",
            share,
            LEAST_DOUBTFUL,
        )


def spot_finding(known: Known, text: str, value: float, limit: float) -> Finding:
    """That the spectroradiometer sees more than the pixel: its luminance is not that of the device."""
    return Finding(
        known.time,
        SPOT_LARGER_THAN_PIXEL,
        Severity.DOUBTFUL,
        text,
        luminous(known.figures),
        "Take a smaller measuring angle, the close-up lens, or a shorter distance",
        value,
        limit,
    )


def calibration_of_another_bench(known: Known) -> Iterator[Finding]:
    """Ask whether a real bench is evaluated with the calibration that was made up for the simulated one."""
    calibration = known.evidence.calibration
    if calibration.photodiode and calibration.provenance.example and not calibration.conditions.simulated:
        yield Finding(
            known.time,
            "calibration_is_example",
            Severity.DOUBTFUL if _counts(calibration) else Severity.NOTE,
            "the photodiode's calibration is the example of the simulated bench: it was never measured on this one",
            names_of(known.figures),
            "Make a calibration file of your own with acquire calibrate, or set photodiode.luminance: from_spectra",
        )


def _counts(calibration: Calibration) -> bool:
    """Whether luminance comes from what the calibration file says."""
    return calibration.photodiode is not None and calibration.conditions.luminance_route == LuminanceRoute.CALIBRATED


def likely_area(known: Known) -> Iterator[Finding]:
    """Ask whether the pixel area is one that this bench has."""
    conditions = known.evidence.calibration.conditions
    area, least, most = (
        conditions.emissive_area,
        conditions.smallest_emissive_area,
        conditions.largest_emissive_area,
    )
    if not (area < least or area > most):
        return
    limit = least if area < least else most
    yield Finding(
        known.time,
        "unlikely_area",
        Severity.NOTE,
        f"a pixel area of {1e6 * area:.4g} mm^2 is unlikely: this bench has {1e6 * least:.4g} mm^2 to "
        f"{1e6 * most:.4g} mm^2",
        per_area(known.figures),
        "Look at the unit of sample.emissive_area; if it is right, set emissive_area in the bench file",
        area,
        limit,
    )


def alarm_of_the_bench(known: Known) -> Iterator[Finding]:
    """Ask whether the last check of the bench failed; light that has changed by more than 5 % makes it doubtful."""
    conditions = known.evidence.calibration.conditions
    if not conditions.bench_alarm:
        return
    change = conditions.bench_light_change
    doubtful = isfinite(change) and abs(change) > LEAST_DOUBTFUL
    yield Finding(
        known.time,
        "bench_check_failed",
        Severity.DOUBTFUL if doubtful else Severity.NOTE,
        f"the last check of this bench failed: {conditions.bench_alarm}",
        luminous(known.figures) if isfinite(change) else names_of(known.figures),
        "Look for what changed and mend it, or calibrate again; then acquire health --accept says that it is known",
        change,
        LEAST_DOUBTFUL if isfinite(change) else nan,
    )
