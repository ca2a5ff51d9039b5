"""What is known of a run before anything is opened, as the heading above it says it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from acquire.cli.display import number
from acquire.evaluation.calibration import Calibration, LuminanceRoute
from acquire.evaluation.decay import DecayConditions
from acquire.evaluation.lifetime_rows import LifetimeRows
from acquire.evaluation.stress import StressClock
from acquire.photometry.customary_units import customary
from acquire.sweep.levels import branches_of
from acquire.sweep.lifetime import LifetimeCourse

if TYPE_CHECKING:
    from acquire.bench.preparation import PreparedRun


@dataclass(frozen=True)
class Outlook:
    """What a run is going to do.

    ``heading``: what is said of it, as (name, text); ``levels`` in V or A, as far as they are known; ``points`` at
    most; ``dark_before`` and ``dark_after`` readings; ``exposures`` [s] of its spectra in their order and
    ``time_per_point`` [s] as planned; ``real_time``: the clock of the bench is that on the wall; ``lifetime``: what
    tells L/L_0 of the points of one.
    """

    heading: tuple[tuple[str, str], ...] = ()
    levels: tuple[float, ...] = ()
    points: int = 0
    dark_before: int = 0
    dark_after: int = 0
    exposures: tuple[float, ...] = ()
    time_per_point: float = 0.0
    real_time: bool = True
    lifetime: LifetimeRows | None = None


def outlook_of(prepared: PreparedRun, today: date) -> Outlook:
    """The outlook of a prepared sweep."""
    plan = prepared.plan
    return Outlook(
        heading=tuple(_heading(prepared, today)),
        levels=tuple(step.level for step in plan.steps),
        points=plan.most_points,
        dark_before=plan.dark.readings_before,
        dark_after=plan.dark.readings_after,
        exposures=plan.exposures,
        time_per_point=plan.time_per_point,
        real_time=not prepared.loaded.bench.simulated,
        lifetime=_lifetime(plan.course) if isinstance(plan.course, LifetimeCourse) else None,
    )


def _lifetime(course: LifetimeCourse) -> LifetimeRows:
    """What makes the rows of a lifetime from where it is; of one that is gone on with L_0 is known."""
    conditions = DecayConditions(course.burn_in, course.initial_time, course.settle)
    if course.done is None:
        return LifetimeRows.new(conditions)
    clock = StressClock(course.done.stress, course.settle)
    return LifetimeRows(conditions, clock, initial_luminance=course.done.initial_luminance)


def _heading(prepared: PreparedRun, today: date) -> Iterator[tuple[str, str]]:
    loaded, plan = prepared.loaded, prepared.plan
    sample = loaded.sweep.sample
    area = f"{number(customary(sample.emissive_area, 'emissive_area'))} mm^2"
    known = (sample.name, sample.batch and f"batch {sample.batch}", sample.pixel and f"pixel {sample.pixel}", area)
    yield "sample", ", ".join(filter(None, known))
    twins = loaded.bench.of_twins and "simulated" not in loaded.bench.name
    yield "bench", loaded.bench.name + (" (simulated)" if twins else "")
    yield "calibration", calibration_text(prepared.calibration, today)
    limit = f"{1e3 * plan.compliance:g} mA" if plan.source_unit == "V" else f"{plan.compliance:g} V"
    spectra = f"; up to {plan.spectra.most} spectra" if plan.spectra.most else "; no spectra"
    yield "levels", f"{_levels(prepared)}; compliance {limit}{spectra}"


def _levels(prepared: PreparedRun) -> str:
    """From where to where, how many, in which direction."""
    plan, direction = prepared.plan, prepared.loaded.sweep.source.direction
    factor, unit = (1.0, "V") if plan.source_unit == "V" else (1e3, "mA")
    points = f"{len(plan.steps)} points"
    if plan.course is not None:
        points = f"at most {plan.most_points} points"
    if not plan.steps:
        return f"up to {factor * plan.largest_level:g} {unit}, {points}"
    branches = branches_of(plan.steps)
    first, last = branches[0][0].level, branches[0][-1].level
    there = {"both": " and back"}.get(direction, "")
    cycles = plan.steps[-1].cycle + 1
    again = f", {cycles} cycles" if cycles > 1 else ""
    return f"{factor * first:g} to {factor * last:g} {unit}{there}{again}, {points}"


def calibration_text(calibration: Calibration, today: date) -> str:
    """What turns the photodiode's signal into light, and whether that holds on this day."""
    route = calibration.conditions.luminance_route
    if route == LuminanceRoute.NONE:
        return "none needed: no light is expected of this device"
    if route == LuminanceRoute.SPECTRORADIOMETER:
        return "none needed: luminance by the spectroradiometer"
    if route == LuminanceRoute.FROM_SPECTRA:
        return "by the spectra of this run"
    photodiode, source = calibration.photodiode, calibration.provenance
    if photodiode is None:
        return "NONE: no luminance"
    state, valid = "", "" if source.valid_until else ", no end of validity given"
    if source.valid_until and source.valid_until < today.isoformat():
        state = "EXPIRED: "
    elif source.example and not calibration.conditions.simulated:
        state = "AN EXAMPLE, not of this bench: "
    return f"{state}{photodiode.identification}{valid}"
