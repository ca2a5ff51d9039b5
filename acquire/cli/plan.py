"""What a run is going to do, on a page: nothing is opened, nothing switched on."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from math import isclose, log10, nan
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from acquire.cli.arguments import (
    USAGE,
    AgainOption,
    AreaOption,
    BatchOption,
    BenchOption,
    NoteOption,
    OutputOption,
    PixelOption,
    SampleOption,
    SweepArgument,
    UserOption,
)
from acquire.cli.terminal import complain, how_many, say, wrapped
from acquire.run_file.in_words import amount, ends, layer_text, reading_text

if TYPE_CHECKING:
    from acquire.bench.preparation import PreparedRun
    from acquire.config import Spectra, SweepFile
    from acquire.records import Step
    from acquire.sweep.plan import SweepPlan

WIDTH = 80  # columns where there is no terminal to ask; a wider one makes no longer lines
LABEL = 16  # columns
LONG = 600.0  # s: of a run that takes longer the page says when it would end

#: Findings before a run of which a caution names the line to mend.
_SAID_AS_CAUTIONS = {"calibration_of_the_future", "calibration_expired", "calibration_is_example", "unlikely_area"}

Row = tuple[str, str]


def plan(
    sweep: SweepArgument,
    bench: BenchOption = None,
    output: OutputOption = None,
    levels: Annotated[bool, typer.Option("--levels", help="the list of all levels instead of the page")] = False,
    sample: SampleOption = None,
    pixel: PixelOption = None,
    area: AreaOption = None,
    user: UserOption = None,
    batch: BatchOption = None,
    note: NoteOption = None,
    again: AgainOption = False,
) -> None:
    """Show what a sweep is going to do: levels, spectra, duration, largest stress, file; nothing is opened."""
    from acquire.bench.preparation import prepare, run_folder
    from acquire.cli.again import said
    from acquire.cli.batch_plan import OF_A_BATCH, is_batch, plan_lines
    from acquire.config import ConfigurationError

    given = {"--sample": sample, "--pixel": pixel, "--area": area, "--user": user, "--batch": batch, "--note": note}
    try:
        if is_batch(sweep):
            return say(sys.stdout, *plan_lines(sweep, bench, output, {name: given[name] for name in OF_A_BATCH}))
        prepared = prepare(sweep, bench, said(given, again, sweep, bench, output))
        folder = run_folder(prepared, output)
    except ConfigurationError as error:
        raise complain(error, USAGE) from error
    lines = level_lines(prepared.plan) if levels else page(prepared, folder, datetime.now().astimezone())
    return say(sys.stdout, *lines)


def level_lines(plan: SweepPlan) -> Iterator[str]:
    """A line for each level, in the order in which they are sent."""
    from acquire.cli.display import level_text

    cycles = any(step.cycle for step in plan.steps)
    for step in plan.steps:
        if step.before is not None:
            held = level_text(step.before.level, plan.source_unit)
            yield f"{'':5}  {_before(step):8}  {held}  held {amount(step.before.time, 's')}, no point"
        mark = f"  held {amount(step.hold, 's')}" if step.hold else ""
        mark += f"  cycle {step.cycle}" if cycles else ""
        mark += "  spectrum" if step.spectrum else ""
        yield f"{step.index + 1:5d}  {step.branch:8}  {level_text(step.level, plan.source_unit)}{mark}"
    if (more := plan.most_points - len(plan.steps)) > 0:
        yield f"and up to {how_many(more, 'level')} more, which follow from what is measured"


def _before(step: Step) -> str:
    return "pre-bias" if step.index == 0 else "rest"


def page(prepared: PreparedRun, folder: Path, now: datetime) -> Iterator[str]:
    """The page, line by line, as of ``now``."""
    width = page_width()
    yield from wrapped(prepared.loaded.sweep.title, width)
    yield ""
    for rows in (_what(prepared, now), _how(prepared, now), _where(prepared, folder, now)):
        for label, value in rows:
            yield from _row(label, value, width)
        yield ""
    remarks = list(_remarks(prepared, now))
    yield from (line for remark in remarks for line in wrapped(remark, width if sys.stdout.isatty() else None, "  "))
    if not remarks:
        yield "Nothing speaks against it. Nothing was opened."


# --- its parts ---------------------------------------------------------------------------------------------


def _what(prepared: PreparedRun, now: datetime) -> Iterator[Row]:
    """The sample, the bench and what is known of both."""
    from acquire.config.cautions import area_text

    loaded = prepared.loaded
    sweep, sample = loaded.sweep, loaded.sweep.sample
    place = [f"{name} {value}" for name, value in _of_sample(sweep) if value]
    yield "sample", ", ".join([sample.name, *place])
    yield "structure", sample.structure
    spread = sample.emissive_area_uncertainty
    yield "emissive area", area_text(sample.emissive_area) + (f", u = {area_text(spread)} (k = 1)" if spread else "")
    yield "layer", layer_text(prepared.calibration.layer)
    yield "user", sweep.user.name
    yield "note", sweep.note
    twins = ", simulated" if loaded.bench.of_twins and "simulated" not in loaded.bench.name else ""
    yield "bench", f"{loaded.bench.name}{twins} ({loaded.bench_path})"
    yield "calibration", _calibration(prepared, now)
    yield "last check", _last_check(prepared)


def _of_sample(sweep: SweepFile) -> Iterator[Row]:
    sample = sweep.sample
    yield from (("pixel", sample.pixel), ("batch", sample.batch), ("group", sample.group))


def _calibration(prepared: PreparedRun, now: datetime) -> str:
    """What turns the photodiode's signal into light, of when, and how long it may be used."""
    photodiode, certificate = prepared.loaded.bench.photodiode, prepared.loaded.calibration.certificate
    if prepared.loaded.sweep.transport is not None:
        return "none needed: no light is expected of this device"
    if photodiode.luminance_route == "from_spectra":
        return "none: luminance comes from the run's own spectra"
    if certificate is None or photodiode.luminance_route == "spectroradiometer":
        return "none: luminance only where a spectrum is taken"
    if certificate.valid_until is None:
        return f"{certificate.id} of {certificate.date}, no end of validity given"
    expired = ": EXPIRED" if certificate.valid_until < now.date() else ""
    return f"{certificate.id} of {certificate.date}, valid until {certificate.valid_until}{expired}"


def _last_check(prepared: PreparedRun) -> str:
    """When the bench was checked last, and whether it was as it should be."""
    from acquire.upkeep.health import bench_health

    if prepared.calibration.conditions.bench_alarm:
        return "FAILED, see below"
    try:
        last = bench_health(prepared.loaded.bench).health.last
    except OSError:
        return ""
    return f"{last.date[:16].replace('T', ' ')}: in control" if last else "none on record (acquire health)"


def _how(prepared: PreparedRun, now: datetime) -> Iterator[Row]:
    """Levels, spectra, time, stress, and what ends it."""
    plan, sweep = prepared.plan, prepared.loaded.sweep
    unit = plan.source_unit
    kept = tuple(_kept(plan))
    yield from kept or (("" if number else "levels", text) for number, text in enumerate(_branches(plan)))
    yield "refined", _refined(plan)
    yield from _held(plan)
    yield from _pulses(plan)
    measure = sweep.measure
    settle = None if plan.pulse else measure.settle  # that of the dark readings only
    yield "dark", _dark(plan)
    yield (
        "reading",
        reading_text(settle, measure.nplc, measure.photodiode_nplc, measure.filter_count, measure.timing),
    )
    yield from (("spectra" if number == 0 else "", text) for number, text in enumerate(_spectra(plan, sweep.spectra)))
    yield "time", _time(plan, now)
    limited = "A" if unit == "V" else "V"
    yield "compliance", amount(plan.compliance, limited)
    yield "largest stress", _stress(prepared)
    yield "ends early", "; ".join(ends(sweep)) or "by no rule"


def _kept(plan: SweepPlan) -> Iterator[Row]:
    """The level of a lifetime: how long it is kept, and what is done meanwhile."""
    from acquire.cli.display import clock_text
    from acquire.sweep.lifetime import LifetimeCourse

    course = plan.course
    if not isinstance(course, LifetimeCourse):
        return
    burn_in = f" after {clock_text(course.burn_in)} of burn-in" if course.burn_in else ""
    reference = "its maximum" if course.by_maximum else f"that at {amount(course.initial_time, 's')}"
    yield "level", f"{amount(course.level, plan.source_unit)}, kept up to {clock_text(course.last)} (h:)m:ss{burn_in}"
    yield "points", f"{plan.most_points} at most; L_0 is {reference}"
    times = [clock_text(time) for time in course.spectrum_times]
    shares = [f"at {100 * share:g} % of L_0" for share in course.spectrum_shares]
    if times or shares:
        yield "spectra at", "; ".join([*([f"after {', '.join(times)}"] if times else []), *shares])
    if course.curve_times:
        when = ", ".join(clock_text(time) for time in course.curve_times)
        yield "curves", f"of {how_many(len(course.curve_levels), 'level')} after {when}"
    if course.hold_at_end:
        yield "at its end", f"the level is kept for {clock_text(course.hold_at_end)}, then the output goes off"


def _branches(plan: SweepPlan) -> Iterator[str]:
    """The levels of each branch; those of further cycles where they are others."""
    from acquire.sweep.levels import branches_of

    branches = [(steps[0].branch, tuple(step.level for step in steps)) for steps in branches_of(plan.steps)]
    different = list(dict.fromkeys(branches))
    times = len(branches) // len(different)
    if different * times != branches:
        different, times = branches, 1
    yield from (f"{branch}: {_ranges(levels, plan.source_unit)}" for branch, levels in different)
    if times > 1:
        yield f"all of it {times} times ({len(plan.steps)} points)"


def _refined(plan: SweepPlan) -> str:
    """Which finer levels may be added on the way, and how many points that makes at most."""
    from acquire.sweep.adaptive import Adaptive

    if not isinstance(plan.course, Adaptive):
        return ""
    wanted = plan.course.refinement
    places = [f"where {_list(wanted.at_luminance)} cd/m^2 is crossed"] if wanted.at_luminance else []
    places += ["around the maximum of the efficiency"] if wanted.efficiency_maximum else []
    step = amount(wanted.step, plan.source_unit)
    most = f"up to {plan.course.most_added} levels more, {how_many(plan.most_points, 'point')} at most"
    highest = amount(plan.largest_level, plan.source_unit)
    return f"{' and '.join(places)}, {step} apart at most: {most}, none above {highest}"


def _held(plan: SweepPlan) -> Iterator[Row]:
    """What is held without a point: pre-bias, rests, single levels."""
    befores = {_before(step): step.before for step in plan.steps if step.before is not None}
    for what, held in befores.items():
        where = "before the first level" if what == "pre-bias" else "between two branches, the output on"
        yield what, f"{amount(held.level, plan.source_unit)} for {amount(held.time, 's')}, {where}"
    holds = [step.hold for step in plan.steps if step.hold]
    if holds:
        longest = amount(max(holds), "s")
        yield (
            "held",
            f"{how_many(len(holds), 'level')} before {'its' if len(holds) == 1 else 'their'} reading, up to {longest}",
        )


def _pulses(plan: SweepPlan) -> Iterator[Row]:
    """How long a pulse lasts, how often one comes, and what the device rests at."""
    if (pulse := plan.pulse) is not None:
        base = amount(pulse.base_level, plan.source_unit)
        width, period = (amount(float(f"{time:.4g}"), "s") for time in (pulse.width, pulse.period))
        yield "pulses", f"each level for {width}, one every {period} ({100 * pulse.duty_cycle:.3g} %), rests at {base}"


#: So many levels make a range; fewer are listed.
_A_RANGE = 3


def _ranges(levels: Sequence[float], unit: str) -> str:
    """Levels as ranges of equal steps or ratios: ``0 V to 8 V in steps of 0.1 V (81 points)``."""
    parts, start = list[str](), 0
    while start < len(levels):
        by_step, by_ratio = _end_of_range(levels, start, _difference), _end_of_range(levels, start, _ratio)
        stop = max(by_step, by_ratio)
        if stop - start + 1 < min(_A_RANGE, len(levels)) or stop == start:
            parts.append(amount(levels[start], unit))
            start += 1
            continue
        how = _step_text(levels, start, unit) if by_step >= by_ratio else _decades_text(levels, start)
        parts.append(f"{amount(levels[start], unit)} to {amount(levels[stop], unit)} {how}")
        start = stop + 1
    return f"{', then '.join(parts)} ({how_many(len(levels), 'point')})"


def _step_text(levels: Sequence[float], start: int, unit: str) -> str:
    return f"in steps of {amount(abs(levels[start + 1] - levels[start]), unit)}"


def _decades_text(levels: Sequence[float], start: int) -> str:
    return f"with {1 / abs(log10(levels[start + 1] / levels[start])):.3g} points a decade"


def _difference(one: float, other: float) -> float:
    return other - one


def _ratio(one: float, other: float) -> float:
    return other / one if one * other > 0.0 else nan


def _end_of_range(levels: Sequence[float], start: int, distance: Callable[[float, float], float]) -> int:
    """The index of the last level that is as far from the one before as the second of a range from its first."""
    stop = min(start + 1, len(levels) - 1)
    step = distance(levels[start], levels[stop])
    while stop + 1 < len(levels) and isclose(
        distance(levels[stop], levels[stop + 1]), step, rel_tol=1e-6, abs_tol=1e-13
    ):
        stop += 1
    return stop


def _dark(plan: SweepPlan) -> str:
    dark = plan.dark
    parts = [f"{number} {when}" for number, when in _when_dark(plan) if number]
    level = amount(dark.step.level, plan.source_unit)
    return f"readings at {level}: {', '.join(parts)}" if parts else "no readings"


def _when_dark(plan: SweepPlan) -> Iterator[tuple[int, str]]:
    yield plan.dark.readings_before, "before"
    yield plan.dark.readings_after, "after"


def _spectra(plan: SweepPlan, wanted: Spectra | None) -> Iterator[str]:
    """Where spectra will be, a line for each rule, and how many at most."""
    if wanted is None or not plan.spectra.most:
        yield "none"
        return
    if wanted.at_luminance:
        yield f"where each branch first reaches {_list(wanted.at_luminance)} cd/m^2"
    if levels := [step.level for step in plan.steps if step.spectrum]:
        yield f"at {', '.join(dict.fromkeys(amount(level, plan.source_unit) for level in levels))}"
    if wanted.every:
        above = f" above {wanted.every.above:g} cd/m^2" if wanted.every.above else ""
        which = "point" if wanted.every.points == 1 else f"{_ordinal(wanted.every.points)} point"
        yield f"at every {which}{above}"
    if wanted.as_needed:
        share = f"{100 * wanted.as_needed.share:g} %"
        yield f"of these only where colour or EQE factor may have moved by {share} since the last"
    if plan.spectra.afterwards.at_luminance:
        budget = amount(plan.spectra.afterwards.time_budget, "s")
        yield f"when the sweep is over, at {_list(plan.spectra.afterwards.at_luminance)} cd/m^2, within {budget}"
    if plan.spectra.first_in_clear_light:
        yield "the first as soon as the photodiode's light is clear: luminance comes from it"
    again = f", tried again up to {how_many(wanted.retries, 'time')}" if wanted.retries else ""
    yield f"at most {how_many(plan.spectra.most, 'spectrum', 'spectra')}, speed {wanted.speed}{again}"


def _time(plan: SweepPlan, now: datetime) -> str:
    from acquire.cli.display import clock_text

    points = plan.most_points * plan.time_per_point
    held = plan.held_readings * plan.time_per_reading
    parts = [f"points {amount(float(f'{plan.time_per_point:.2g}'), 's')} each"]
    if held:
        parts.append(f"levels held {clock_text(held)}")
    if plan.spectra.most:
        parts.append(f"spectra up to {clock_text(max(plan.duration - points - held, 0.0))}")
    unit = "h:mm:ss" if round(plan.duration) >= 3600 else "m:ss"
    ends = f"; begun now, over at {_moment(now, plan.duration)}" if plan.duration > LONG else ""
    return f"about {clock_text(plan.duration)} ({unit}): {', '.join(parts)}{ends}"


def _moment(now: datetime, later: float) -> str:
    end = now + timedelta(seconds=later)
    return f"{end:%H:%M}" if end.date() == now.date() else f"{end:%Y-%m-%d %H:%M}"


def _stress(prepared: PreparedRun) -> str:
    from acquire.cli.display import number
    from acquire.photometry.customary_units import QUANTITIES, customary

    stress, name = prepared.plan.stress, "current_density"
    density = customary(stress.current / prepared.loaded.sweep.sample.emissive_area, name)
    amounts = amount(stress.voltage, "V"), amount(stress.current, "A"), amount(stress.power, "W")
    return f"{', '.join(amounts)}; {number(density, 3)} {QUANTITIES[name].unit} on this area"


def _where(prepared: PreparedRun, folder: Path, now: datetime) -> Iterator[Row]:
    """The files, and what this run does otherwise than its sweep file says."""
    from acquire.bench.preparation import name_fields
    from acquire.run_file.naming import name_to_be

    loaded = prepared.loaded
    yield "sweep file", str(loaded.sweep_path)
    yield "folder", f"{folder}{'' if folder.is_dir() else ' (will be made)'}"
    yield "run file", f"{name_to_be(now, name_fields(loaded), loaded.sweep.output.name)} (if it begins now)"
    yield from (("this run" if number == 0 else "", one.text) for number, one in enumerate(loaded.overrides))


def _remarks(prepared: PreparedRun, now: datetime) -> Iterator[str]:
    """What should be known before it begins: what contradicts its numbers first, then the cautions of its files."""
    from acquire.cli.display import finding_text
    from acquire.evaluation.findings import findings_before
    from acquire.evaluation.floor import least_light

    for finding in findings_before(prepared.calibration, prepared.plan.source_unit, f"{now:%Y-%m-%d}"):
        if finding.code not in _SAID_AS_CAUTIONS:
            yield finding_text(finding)
    yield from (f"caution: {caution}" for caution in (*prepared.loaded.cautions, *least_light(prepared.calibration)))


# --- words -------------------------------------------------------------------------------------------------


def _list(values: Sequence[float]) -> str:
    return ", ".join(f"{value:.6g}" for value in values)


def _ordinal(number: int) -> str:
    ending = "th" if number % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"


def page_width() -> int:
    """Columns of the page: those of the terminal, and no more than can be read at a glance."""
    from shutil import get_terminal_size

    return max(40, min(get_terminal_size((WIDTH, 24)).columns, WIDTH)) if sys.stdout.isatty() else WIDTH


def _row(label: str, value: str, width: int) -> Iterator[str]:
    """A label and its value, which goes on below itself; nothing where there is no value."""
    if not value:
        return
    lines = list(wrapped(value, width - LABEL))
    yield f"{f'{label}:' if label else '':<{LABEL}}{lines[0]}"
    yield from (f"{'':<{LABEL}}{line}" for line in lines[1:])
