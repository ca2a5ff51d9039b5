"""Which of many runs, and in which order: the conditions of ``--where`` and the field of ``--sort``."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from math import isfinite, nan

from acquire.evaluation.figures import LUMINANCE_LEVELS
from acquire.photometry.customary_units import AT_A_LUMINANCE, QUANTITIES, customary, quantity_of_figure
from acquire.run_file.summary import RunSummary

Value = float | tuple[str, ...]


@dataclass(frozen=True)
class Field:
    """Something that can be asked of every run: a number in ``unit``, or texts of which one must fit."""

    name: str
    value: Callable[[RunSummary], Value]
    unit: str = ""
    is_text: bool = False
    figure: str = ""  # its name in run files, of a figure of merit

    def number(self, run: RunSummary) -> float:
        """The number of a run, NaN where it has none."""
        value = self.value(run)
        return value if isinstance(value, float) else nan

    def texts(self, run: RunSummary) -> tuple[str, ...]:
        """The texts of a run, for comparing without regard to capital letters."""
        value = self.value(run)
        return () if isinstance(value, float) else tuple(text.casefold() for text in value)


def _text(name: str, value: Callable[[RunSummary], str]) -> Field:
    return Field(name, lambda run: (value(run),), is_text=True)


def _texts(name: str, value: Callable[[RunSummary], tuple[str, ...]]) -> Field:
    return Field(name, value, is_text=True)


def _figure(name: str, key: str) -> Field:
    quantity = quantity_of_figure(key)

    def value(run: RunSummary) -> float:
        figure = run.figures.get(key)
        return nan if figure is None else customary(figure.value, quantity)

    return Field(name, value, QUANTITIES[quantity].unit.removeprefix("1"), figure=key)


_TEXTS = (
    _text("date", lambda run: run.start_time),
    _text("sample", lambda run: run.sample),
    _text("pixel", lambda run: run.pixel),
    _text("batch", lambda run: run.batch),
    _text("group", lambda run: run.group),
    _text("structure", lambda run: run.structure),
    _text("user", lambda run: run.user),
    _text("title", lambda run: run.title),
    _text("status", lambda run: run.state),
    _text("reason", lambda run: run.stop_reason),
    _texts("tag", lambda run: run.tags),
    _texts("comment", lambda run: run.comments),
    _texts("finding", lambda run: tuple(code for codes in run.findings.values() for code in codes)),
    _texts("severity", lambda run: tuple(str(one) for one, codes in run.findings.items() if codes)),
    _text("file", lambda run: run.path.name),
    _text("run_id", lambda run: run.run_id),
)
_COUNTS = (
    Field("points", lambda run: float(run.points)),
    Field("spectra", lambda run: float(run.spectra)),
    Field("area", lambda run: customary(run.emissive_area, "emissive_area"), QUANTITIES["emissive_area"].unit),
)
_MAXIMA = ("luminance", "current_efficiency", "power_efficiency", "external_quantum_efficiency")
_FIGURES = (
    _figure("V_on", "turn_on_voltage"),
    *(_figure(f"{QUANTITIES[one].symbol}_max", f"{one}_max") for one in _MAXIMA),
    *(
        _figure(f"{QUANTITIES[one].symbol}_{level:.0f}", f"{one}_at_{level:.0f}_cd_m2")
        for level in LUMINANCE_LEVELS
        for one in AT_A_LUMINANCE
    ),
    _figure("CIE_x", "chromaticity_x"),
    _figure("CIE_y", "chromaticity_y"),
    _figure("peak", "peak_wavelength"),
    _figure("FWHM", "fwhm"),
)
#: By name in small letters; every other figure of the runs goes by the name that it has in their files.
FIELDS: Mapping[str, Field] = {field.name.lower(): field for field in (*_TEXTS, *_COUNTS, *_FIGURES)}


def figures_of(runs: Iterable[RunSummary]) -> tuple[str, ...]:
    """The names of all figures of merit of some runs."""
    return tuple(dict.fromkeys(figure for run in runs for figure in run.figures))


def field_called(name: str, figures: Sequence[str]) -> Field:
    """The field of this name, in small or capital letters; or one of these figures, which the runs have.

    :raises ValueError: there is none; the message names those that there are.
    """
    if name.lower() in FIELDS:
        return FIELDS[name.lower()]
    if name in figures:
        return _figure(name, name)
    close = get_close_matches(name.lower(), [*FIELDS, *figures], n=3)
    hint = f" Did you mean {' or '.join(FIELDS[one].name if one in FIELDS else one for one in close)}?" if close else ""
    names = ", ".join(field.name for field in FIELDS.values())
    raise ValueError(
        f"there is no field '{name}'.{hint} The fields: {names}; and every figure of these runs by its name in "
        "the file, power_efficiency_max for example"
    )


Condition = Callable[[RunSummary], bool]

_CONDITION = re.compile(r"\s*(\w+)\s*(<=|>=|!=|==|=|<|>|~)\s*(.*?)\s*", re.DOTALL)
_NUMBER = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s*(.*)")
_NUMBERS: Mapping[str, Callable[[float, float], bool]] = {
    "=": lambda found, wanted: found == wanted,
    "!=": lambda found, wanted: found != wanted,
    "<": lambda found, wanted: found < wanted,
    "<=": lambda found, wanted: found <= wanted,
    ">": lambda found, wanted: found > wanted,
    ">=": lambda found, wanted: found >= wanted,
}
_HOW = 'write, between quotes, "EQE_1000 > 5", "sample = A3", "date >= 2026-11-01", "tag ~ contact" for example'


def condition(text: str, figures: Sequence[str]) -> Condition:
    """What ``--where`` says to runs that have these figures. A run whose number is missing fulfils no condition on it.

    Texts are compared without regard to capital letters, ``~`` is "contains"; dates as far as they are written.

    :raises ValueError: it makes no sense; the message says why and how to write it.
    """
    name, sign, wanted = taken_apart(text)
    try:
        field = field_called(name, figures)
        return _of_texts(field, sign, wanted) if field.is_text else _of_numbers(field, sign, wanted)
    except ValueError as error:
        raise ValueError(f"--where '{text}': {error}") from None


def taken_apart(text: str) -> tuple[str, str, str]:
    """What ``--where`` says as the name of a field, a sign, and what is wanted.

    :raises ValueError: it is no condition.
    """
    found = _CONDITION.fullmatch(text)
    if found is None or not found[3]:
        raise ValueError(f"--where '{text}': is no condition; {_HOW}")
    return found[1], found[2].replace("==", "="), found[3].strip("'\"")


def number_in(wanted: str) -> float:
    """The number that a condition begins with, NaN without one."""
    found = _NUMBER.fullmatch(wanted)
    return nan if found is None else float(found[1])


def _of_numbers(field: Field, sign: str, wanted: str) -> Condition:
    found = _NUMBER.fullmatch(wanted)
    unit = f" [{field.unit}]" if field.unit else ""
    if found is None or sign == "~":
        raise ValueError(f"{field.name} is a number{unit}; {_HOW}")
    number, given = float(found[1]), found[2]
    if given.startswith(","):
        raise ValueError(f"{wanted} has a decimal comma; write a point")
    if given and given.replace(" ", "") != field.unit.replace(" ", ""):
        raise ValueError(f"{field.name} is a number{unit}, and not in '{given}'")
    compare = _NUMBERS[sign]
    return lambda run: isfinite(value := field.number(run)) and compare(value, number)


def _of_texts(field: Field, sign: str, wanted: str) -> Condition:
    text = wanted.casefold()
    if field.name == "date":
        return _of_dates(field, sign, text)
    if sign == "~":
        return lambda run: any(text in one for one in field.texts(run))
    if sign == "=":
        return lambda run: text in field.texts(run)
    if sign == "!=":
        return lambda run: text not in field.texts(run)
    raise ValueError(f"{field.name} is a text: =, != or ~ (contains)")


def _of_dates(field: Field, sign: str, wanted: str) -> Condition:
    moment = wanted.replace(" ", "t")
    if sign != "~" and not re.fullmatch(r"\d{4}(-\d\d(-\d\d(t\d\d(:\d\d(:\d\d)?)?)?)?)?", moment):
        raise ValueError(f"'{wanted}' is no date; write 2026-11, 2026-11-28 or 2026-11-28 14:30")
    signs: Mapping[str, Callable[[str], bool]] = {
        "=": lambda there: there == moment,
        "!=": lambda there: there != moment,
        "<": lambda there: there < moment,
        "<=": lambda there: there <= moment,
        ">": lambda there: there > moment,
        ">=": lambda there: there >= moment,
        "~": lambda there: moment in there,
    }
    compare, length = signs[sign], None if sign == "~" else len(moment)
    return lambda run: any(compare(one[:length]) for one in field.texts(run))


def selected(runs: Sequence[RunSummary], conditions: Sequence[Condition]) -> list[RunSummary]:
    """Those runs that fulfil all conditions."""
    return [run for run in runs if all(one(run) for one in conditions)]


def in_order(runs: Sequence[RunSummary], by: Field, *, reverse: bool = False) -> list[RunSummary]:
    """The runs by a field, rising or, in ``reverse``, falling; those that have nothing there come last."""

    def has(run: RunSummary) -> bool:
        return any(by.texts(run)) if by.is_text else isfinite(by.number(run))

    def key(run: RunSummary) -> tuple[float, tuple[str, ...]]:
        return (0.0, by.texts(run)) if by.is_text else (by.number(run), ())

    return [*sorted(filter(has, runs), key=key, reverse=reverse), *(run for run in runs if not has(run))]
