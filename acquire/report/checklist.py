"""The reporting checklist: what a careful paper states, filled from the files as far as they know."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from math import isfinite

from acquire.config.cautions import area_text
from acquire.photometry.customary_units import PAPER
from acquire.report import facts
from acquire.report.batch import DEAD_MEANS, Batch, Device, State, Statistics, statistic_text
from acquire.report.notation import markdown_text
from acquire.run_file.conditions import area_uncertainty, facts_of, identity, sample_text
from acquire.run_file.documented import DocumentedRun

TITLE = "Reporting checklist"
WHOSE = (
    "This list is the proposal of the authors of this program, drawn from published guidance on such devices. "
    "It is no journal's list, and no journal has approved it."
)


class Standing(StrEnum):
    """How an item stands."""

    STATED = "stated"
    PARTLY = "partly stated"
    MISSING = "missing"
    NOT_MEASURED = "not measured"


@dataclass(frozen=True)
class Filled:
    """What is known of an item: in words, and what of it is not known."""

    text: str = ""
    lacking: str = ""
    measured: bool = True


@dataclass(frozen=True)
class Entry:
    """An item as it is reported; ``asked`` is the word under which a file of answers has it, empty for none."""

    number: int
    group: str
    item: str
    standing: Standing
    text: str
    lacking: str
    asked: str


@dataclass(frozen=True)
class Known:
    """What the checklist is filled from: the device shown, its batch, and what was answered."""

    shown: DocumentedRun
    batch: Batch
    device: Device | None = None
    answers: Mapping[str, str] = field(default_factory=dict)


Fill = Callable[[Known], Filled]


@dataclass(frozen=True)
class _Item:
    group: str
    words: str
    fill: Fill
    asked: str = ""


def checklist(known: Known) -> list[Entry]:
    """The items, numbered from 1, each with what is known of it."""
    return [_entry(number, item, item.fill(known)) for number, item in enumerate(_ITEMS, start=1)]


def _entry(number: int, item: _Item, found: Filled) -> Entry:
    if not found.measured:
        standing = Standing.NOT_MEASURED
    elif not found.text:
        standing = Standing.MISSING
    else:
        standing = Standing.PARTLY if found.lacking else Standing.STATED
    return Entry(number, item.group, item.words, standing, found.text, found.lacking, item.asked)


# --- how each is filled --------------------------------------------------------------------------------------


def _fact(tell: Callable[[DocumentedRun], str], lacking: str = "", *, measured: bool = True) -> Fill:
    """What the file of the device shown says by itself; ``measured``: without it, it is missing, not unmeasured."""

    def fill(known: Known) -> Filled:
        text = tell(known.shown)
        return Filled(text, lacking, measured=measured or bool(text))

    return fill


def _answer(word: str) -> Fill:
    """What was answered, and nothing else."""
    return lambda known: Filled(known.answers.get(word, ""))


def _told(name: str) -> Callable[[DocumentedRun], str]:
    """A fact of the run by its name."""
    return lambda one: facts_of(one.run).get(name, "")


def _answer_and_fact(word: str, tell: Callable[[DocumentedRun], str], lacking: str) -> Fill:
    """What was answered, with what the file says; ``lacking`` without an answer."""

    def fill(known: Known) -> Filled:
        answered = known.answers.get(word, "")
        return Filled("; ".join(filter(None, (answered, tell(known.shown)))), "" if answered else lacking)

    return fill


def _identity(known: Known) -> Filled:
    complete = all(sample_text(known.shown.run, word) for word in ("pixel", "batch"))
    return Filled(identity(known.shown.run), "" if complete else "pixel and batch")


def _climate(known: Known) -> Filled:
    """As logged beside each point; what was answered stands in where nothing was."""
    logged = facts_of(known.shown.run).get("ambient air", "")
    return Filled(logged or known.answers.get("climate", ""))


def _stack(known: Known) -> Filled:
    written = sample_text(known.shown.run, "structure")
    return Filled("; ".join(filter(None, (written, known.answers.get("stack")))))


def _area(known: Known) -> Filled:
    return Filled(area_text(known.shown.run.calibration.conditions.emissive_area))


def _area_method(known: Known) -> Filled:
    method, uncertainty = known.answers.get("area_method", ""), area_uncertainty(known.shown.run)
    lacking = [name for name, there in (("how it was measured", method), ("its uncertainty", uncertainty)) if not there]
    return Filled("; ".join(filter(None, (method, uncertainty))), " and ".join(lacking))


def _number_of_devices(known: Known) -> Filled:
    counted = [one for one in known.batch.devices if one.state is not State.NOT_JUDGED]
    left = len(known.batch.devices) - len(counted)
    of_them = len({one.group for one in counted})
    groups = f" in {of_them} groups" if of_them > 1 else ""
    return Filled(f"{_devices(len(counted))}{groups}" + (f"; {left} more not judged" if left else ""))


def _devices(number: int) -> str:
    return f"{number} device{'' if number == 1 else 's'}"


def _failed(known: Known) -> Filled:
    dead = known.batch.of(State.DEAD)
    if not dead:
        return Filled(f"none of {_devices(len(known.batch.of(State.ALIVE)))} whose files are given")
    return Filled(f"{_devices(len(dead))}: {'; '.join(f'{one.label} ({one.reason})' for one in dead)}. {DEAD_MEANS}")


def _spread(known: Known) -> Filled:
    if not known.batch.is_one:
        return Filled(lacking="the files of the other devices of its batch")
    return Filled("; ".join(_group_spread(known.batch, group) for group in known.batch.groups))


def _group_spread(batch: Batch, group: str) -> str:
    alive = len(batch.of(State.ALIVE, group))
    found = (
        f"{PAPER[one.figure]} {statistic_text(one.figure, one.median)}{_beside_median(one, alive)}"
        for one in batch.statistics(group)
    )
    return f"{group}: median of {_devices(alive)}: {', '.join(found)}"


def _beside_median(one: Statistics, alive: int) -> str:
    """Its spread, of how many devices it is where not of all, and how many of them are not plain ok."""
    spread = f"standard deviation {statistic_text(one.figure, one.deviation, 2)}" if isfinite(one.deviation) else ""
    parts = [spread, f"n = {one.n}" if one.n != alive else "", f"{one.not_ok} not ok" if one.not_ok else ""]
    return f" ({', '.join(filter(None, parts))})" if any(parts) else ""


def _rank(known: Known) -> Filled:
    if known.device is None or not known.batch.is_one:
        return Filled(lacking="the files of the other devices of its batch")
    rank = known.batch.rank(known.device)
    return Filled(f"{known.device.label}: {rank}") if rank else Filled()


def _stress(known: Known) -> Filled:
    others = [one for one in known.batch.devices if one.one is known.shown and one.other_runs]
    more = [f"{one.other_runs} other runs of this device among these files" for one in others]
    earlier = known.shown.earlier
    lacking = "" if earlier is not None and earlier.runs and earlier.whole else "what was done to it before this run"
    return Filled("; ".join([facts.before_the_sweep(known.shown), *more]), lacking)


def _two_routes(known: Known) -> Filled:
    eqe = f"EQE_max {facts.figure_text(known.shown, 'external_quantum_efficiency_max')}"
    difference = facts.two_routes(known.shown)
    lacking = "" if difference else "a second route: no spectrum was taken where the photodiode read as well"
    return Filled("; ".join(filter(None, (eqe, difference))), lacking)


def _start_of_lifetime(known: Known) -> Filled:
    text = facts.start_of_lifetime(known.shown)
    lacking = "" if _climate(known).text else "the temperature"
    answered = known.answers.get("climate", "") if "ambient air" not in facts_of(known.shown.run) else ""
    return Filled("; ".join(filter(None, [text, answered])), lacking) if text else Filled(measured=False)


def _times_of_lifetime(known: Known) -> Filled:
    text = facts.times_of_lifetime(known.shown)
    return Filled(text, "acceleration: lifetimes at three levels or more") if text else Filled(measured=False)


_ITEMS: Sequence[_Item] = (
    _Item("device", "Which device: sample, pixel, substrate", _identity),
    _Item("device", "Layers and materials", _stack, "stack"),
    _Item("device", "Emitting area", _area),
    _Item("device", "How the area was found, and its uncertainty", _area_method, "area_method"),
    _Item("device", "Encapsulation", _answer("encapsulation"), "encapsulation"),
    _Item("device", "Age when measured, and storage until then", _answer("age"), "age"),
    _Item("device", "Atmosphere during the measurement", _answer("atmosphere"), "atmosphere"),
    _Item("device", "Temperature and humidity", _climate, "climate"),
    _Item("devices counted", "How many devices", _number_of_devices),
    _Item("devices counted", "How many of them failed, and why", _failed),
    _Item("devices counted", "Median and spread", _spread),
    _Item("devices counted", "Which of them is shown", _rank),
    _Item("instruments", "Models, serial numbers, firmware", _fact(facts.instruments)),
    _Item(
        "instruments",
        "When each was calibrated",
        _answer_and_fact("calibration_dates", _told("photodiode"), "of the instruments"),
        "calibration_dates",
    ),
    _Item("instruments", "Ranges and integration times", _fact(facts.ranges)),
    _Item("instruments", "Two or four wires", _fact(_told("wires"))),
    _Item(
        "instruments",
        "Compliance, and how many points met it",
        _fact(facts.compliance),
    ),
    _Item("sweep", "Voltage or current sourced", _fact(_told("sourced"))),
    _Item("sweep", "Direction", _fact(_told("direction"))),
    _Item("sweep", "Levels", _fact(_told("levels measured"))),
    _Item("sweep", "Time at each level", _fact(facts.dwell)),
    _Item("sweep", "Scan rate as it was reached", _fact(_told("scan rate"))),
    _Item("sweep", "What the device went through before", _stress),
    _Item("sweep", "Hysteresis", _fact(facts.hysteresis, measured=False)),
    _Item("light", "Responsivity of the photodiode, by its file", _fact(facts.responsivity)),
    _Item(
        "light",
        "Geometry: distances and solid angles",
        _answer_and_fact("geometry", facts.geometry, "of the spectroradiometer"),
        "geometry",
    ),
    _Item("light", "Luminance per photocurrent: which, of when, valid until", _fact(_told("photodiode"))),
    _Item("light", "Spectral mismatch factor used", _fact(facts.mismatch)),
    _Item(
        "light",
        "Spectroradiometer: angle, filters, speed, bandwidth, span",
        _fact(facts.spectroradiometer, measured=False),
    ),
    _Item("light", "Observer and K_m", lambda _: Filled(facts.observer())),
    _Item(
        "light",
        "Dark level and stray light",
        _fact(facts.dark, "stray light with the device on"),
    ),
    _Item("assumptions", "Angular pattern: assumed or measured, factor, uncertainty", _fact(_told("angular factor"))),
    _Item("assumptions", "How evenly the pixel emits", _answer("uniformity"), "uniformity"),
    _Item("assumptions", "Spectra at several levels, and their shift", _fact(_told("spectra"), measured=False)),
    _Item("results", "What V_on means", lambda _: Filled(facts.turn_on())),
    _Item("results", "Maxima, and values at 100, 1000 and 10 000 cd/m^2", _fact(facts.results)),
    _Item("results", "EQE by two routes, with uncertainty", _two_routes),
    _Item("lifetime", "Luminance at its start, drive and temperature", _start_of_lifetime),
    _Item("lifetime", "Times to a share of it, measured or extrapolated, and how", _times_of_lifetime),
    _Item(
        "data",
        "Raw data, program, hash of the file, where to get them",
        _answer_and_fact("data_doi", facts.provenance, "where they can be had (DOI)"),
        "data_doi",
    ),
)


# --- as it is handed out -------------------------------------------------------------------------------------


def counted(entries: Sequence[Entry]) -> dict[str, int]:
    """How many items stand how."""
    return {str(standing): sum(one.standing is standing for one in entries) for standing in Standing}


def as_markdown(entries: Sequence[Entry], answers_file: str) -> str:
    """The checklist in Markdown; what is missing is in bold."""
    lines = [f"# {TITLE}", "", WHOSE, "", ", ".join(f"{n} {word}" for word, n in counted(entries).items()) + ".", ""]
    lines += ["| | item | |", "|---:|---|---|"]
    group = ""
    for one in entries:
        if one.group != group:
            lines.append(f"| | **{one.group.capitalize()}** | |")
            group = one.group
        lines.append(f"| {one.number} | {markdown_text(one.item)} | {_markdown_cell(one)} |")
    lines += ["", f"What no file knows is asked with --ask, and kept in {markdown_text(answers_file)}."]
    return "\n".join(lines) + "\n"


def _markdown_cell(one: Entry) -> str:
    if one.standing in (Standing.MISSING, Standing.NOT_MEASURED):
        lacking = f": {markdown_text(one.lacking)}" if one.lacking else ""
        return f"**{one.standing}**{lacking}"
    lacking = f" **missing: {markdown_text(one.lacking)}**" if one.lacking else ""
    return f"{markdown_text(one.text)}{lacking}"


def as_json(entries: Sequence[Entry]) -> str:
    """The checklist as JSON."""
    items = [
        {
            "number": one.number,
            "group": one.group,
            "item": one.item,
            "status": str(one.standing),
            "text": one.text,
            "missing": one.lacking,
        }
        for one in entries
    ]
    return json.dumps({"title": TITLE, "whose": WHOSE, "counts": counted(entries), "items": items}, indent=1) + "\n"
