"""The tables of an export: which columns, in which order, in customary units, each with a name of its own.

Numbers that are not there are NaN, indices that are not there are masked: both become blank cells. Points and spectra
are counted from 1, as everywhere where people read; a run file itself counts from 0.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from math import isfinite
from typing import Any

import numpy as np

from acquire.photometry.choice import SpectrumSource
from acquire.photometry.customary_units import (
    QUANTITIES,
    column_name,
    figure_title,
    quantity_of_figure,
)
from acquire.photometry.grid import WAVELENGTH
from acquire.records import ROUTES, WITH_COMMON_PART, Columns, FloatArray, PointFlag
from acquire.run_file.export.long_columns import LongColumn, LongTable
from acquire.run_file.layout import (
    BRANCH_COLUMNS,
    SPECTRUM_COLUMNS,
    TRANSPORT_COLUMNS,
    Column,
    columns_in,
    jvl_columns,
    lifetime_columns,
)
from acquire.run_file.lifetime import lifetime_of
from acquire.run_file.read import Run

#: What stands beside the voltage, in this order, each followed by its uncertainty.
_FIRST = (
    "current_density",
    "luminance",
    "current_efficiency",
    "power_efficiency",
    "external_quantum_efficiency",
)
_UNCERTAINTY = "standard uncertainty (k = 1)"

Values = np.ndarray[Any, Any] | Sequence[Any] | LongColumn


@dataclass(frozen=True)
class SheetColumn:
    """A column: its name, which no other of its table has, its unit (empty for none), a comment, its values (n,).

    Values are numbers, bytes (UTF-8), or texts and numbers side by side with None for what is not there.
    """

    long_name: str
    unit: str
    comment: str
    values: Values


@dataclass(frozen=True)
class Sheet:
    """A table: its name, what it is in one sentence, and its columns, all of one length."""

    name: str
    meaning: str
    columns: Sequence[SheetColumn]

    @property
    def rows(self) -> int:
        """How many rows of values it has."""
        return len(self.columns[0].values)


def sheets_of(run: Run) -> list[Sheet]:
    """The tables of a run; what it has nothing of is left out."""
    sheets = [_jvl(run), _housekeeping(run)]
    if run.rows.get("lifetime"):
        sheets.append(_lifetime(run))
    if run.resumable:
        sheets.append(_parts(run))
    if run.spectra:
        sheets += [_spectra(run), _normalised(run), _conditions(run)]
    results = (_figures(run), _branches(run), _transport(run), _findings(run), _notes(run))
    sheets += [sheet for sheet in results if sheet.rows]
    return sheets


# --- points --------------------------------------------------------------------------------------------------


def _jvl(run: Run) -> Sheet:
    columns = {column.name: column for column in _point_columns(run)}
    rest = ("chromaticity_x", "chromaticity_y")
    names = ["voltage"]
    for quantity in (*_FIRST, *rest):
        names += [quantity, f"{quantity}_uncertainty"]
    names += ["current", "source_level"]
    names += [f"{quantity}_independent_uncertainty" for quantity in WITH_COMMON_PART]
    for quantity in ROUTES:
        names += [quantity, f"{quantity}_uncertainty"]
    points = run.tables["jvl"]
    return Sheet(
        "jvl",
        "a row for each point, in the order measured",
        [
            *(_column(columns[name], points[name], run) for name in names),
            _numbered("Point", np.arange(run.points)),
            SheetColumn("Branch", "", "direction of the sweep; after: when it was over", points["branch"]),
            *_cycle(points),
            SheetColumn("Spectrum source", "", "of efficiencies and colour; assumed: none was measured", _sources(run)),
            SheetColumn("Flags", "", "what to know of a point before it is used; blank: nothing", _flags(run)),
        ],
    )


def _cycle(points: Columns) -> Iterator[SheetColumn]:
    """The cycle of each point, where there is more than one."""
    if points["cycle"].any():
        yield SheetColumn("Cycle", "", "from 0; with both polarities each is one of its own", points["cycle"])


_SURROUNDINGS = ("ambient_temperature", "relative_humidity")


def _housekeeping(run: Run) -> Sheet:
    columns = {column.name: column for column in _point_columns(run)}
    points = run.tables["jvl"]

    def named(*names: str) -> Iterator[SheetColumn]:
        return (_column(columns[name], points[name], run) for name in names)

    return Sheet(
        "housekeeping",
        "what the meters and the program noted beside each point; rows as in the table of points",
        [
            _numbered("Point", np.arange(run.points)),
            SheetColumn("Branch", "", "direction of the sweep; after: when it was over", points["branch"]),
            *_cycle(points),
            *named("time", "source_level", "voltage", "current", "photodiode_signal", "source_time", "source_status"),
            *(named("pulse_width") if np.isfinite(points["pulse_width"]).any() else ()),
            SheetColumn("Flags, as a number", "", "sum of the bits of the flags", points["flags"]),
            SheetColumn("Flags", "", "the same in words", _flags(run)),
            *named("spectrum_source"),
            _numbered("Spectrum", points["spectrum_index"], "the one that the efficiency uses; blank: none"),
            _numbered("Second spectrum", points["spectrum_index_upper"], "where it lies between two"),
            *named("spectrum_weight", "log10_distance"),
            *named(*(name for name in _SURROUNDINGS if np.isfinite(points[name]).any())),
        ],
    )


def _point_columns(run: Run) -> list[Column]:
    return columns_in(jvl_columns(run.source_unit), run.calibration.conditions.meter_unit)


def _column(column: Column, values: np.ndarray[Any, Any], run: Run) -> SheetColumn:
    """A column of a run file in its customary unit."""
    unit, factor, zero = _unit(column)
    comment = "" if column.meaning == column.name.replace("_", " ") else column.meaning
    if column.name.endswith("_independent_uncertainty"):
        comment = "the part of it that is independent from point to point (k = 1)"
    elif column.name.endswith("_uncertainty"):
        comment = _UNCERTAINTY
    elif column.name == "voltage":
        comment = run.sample
    plain = factor == 1.0 and not zero
    return SheetColumn(_name(column.name), unit, comment, values if plain else values * factor + zero)


def _name(column: str) -> str:
    """The name of a column, short enough for a legend: "u(Luminance)"."""
    for ending, behind in (("_independent_uncertainty", ", independent part"), ("_uncertainty", "")):
        if column.endswith(ending):
            return f"u({column_name(column.removesuffix(ending))}){behind}"
    return column_name(column)


def _unit(column: Column) -> tuple[str, float, float]:
    """The unit in which a column is read, the factor to it from that in which it is stored, and what 0 is there."""
    name = column.name.removesuffix("_uncertainty").removesuffix("_independent")
    if name == "source_level" and column.unit == "A":
        name = "source_current"
    found = QUANTITIES.get(name)
    if found is None or found.si_unit != column.unit:
        return column.unit.removeprefix("1"), 1.0, 0.0
    return found.unit.removeprefix("1"), found.factor, found.zero


def _numbered(name: str, index: np.ndarray[Any, Any], comment: str = "counted from 1") -> SheetColumn:
    """Row numbers (n,) that begin with 0, as people count; blank where negative."""
    return SheetColumn(name, "", comment, np.ma.masked_less(index + 1, 1))


def _sources(run: Run) -> np.ndarray[Any, Any]:
    """Which spectrum the light of each point was computed with; blank where there is none (n,)."""
    source = run.tables["jvl"]["spectrum_source"]
    return np.where(source == SpectrumSource.NONE.value.encode(), b"", source)


def _flags(run: Run) -> list[str]:
    return in_words(run.tables["jvl"]["flags"])


def flag_words(flags: PointFlag) -> str:
    """The names of the bits as words: "compliance, late"; empty for none."""
    return ", ".join((flag.name or "").lower().replace("_", " ") for flag in PointFlag if flag and flag in flags)


# --- spectra -------------------------------------------------------------------------------------------------


def _spectra(run: Run) -> Sheet:
    radiance = run.tables["spectra"]["spectral_radiance"]
    return _by_wavelength(
        run, "spectra", "spectral radiance, a column for each spectrum", "spectral_radiance", radiance
    )


def _normalised(run: Run) -> Sheet:
    radiance = run.tables["spectra"]["spectral_radiance"]
    top = np.nanmax(radiance, axis=1, keepdims=True, initial=0.0)
    normalised = np.divide(radiance, top, out=np.full_like(radiance, np.nan), where=top > 0)
    meaning = "the same spectra, each divided by its largest sample"
    return _by_wavelength(run, "spectra_normalised", meaning, "normalised_spectrum", normalised)


def _by_wavelength(run: Run, name: str, meaning: str, quantity: str, spectra: FloatArray) -> Sheet:
    unit = QUANTITIES[quantity].unit.removeprefix("1")
    wavelength = SheetColumn("Wavelength", "nm", run.sample, WAVELENGTH)
    columns = [
        SheetColumn(called, unit, _place(one.index, one.point_index, one.branch), spectra[one.index])
        for called, one in zip(spectrum_names(run), run.spectra, strict=True)
    ]
    return Sheet(name, meaning, [wavelength, *columns])


def spectrum_names(run: Run) -> list[str]:
    """What each spectrum of a run is called: "3466 cd/m^2, 6.000 V"; its number as well where two were called alike."""
    voltage = run.tables["jvl"]["voltage"]
    names = []
    for one in run.spectra:
        here = float(voltage[one.point_index]) if 0 <= one.point_index < len(voltage) else float("nan")
        light = [f"{_significant(one.luminance)} cd/m^2"] if isfinite(one.luminance) else []
        names.append(", ".join(light + ([f"{here:.3f} V"] if isfinite(here) else [])))
    return [
        name if name and names.count(name) == 1 else f"{name}, spectrum {i + 1}".removeprefix(", ")
        for i, name in enumerate(names)
    ]


def _significant(value: float, digits: int = 4) -> str:
    """A number with so many significant digits, never with an exponent where it has fewer than ten digits."""
    return f"{float(f'{value:.{digits}g}'):.10g}"


def _place(index: int, point: int, branch: str) -> str:
    return f"spectrum {index + 1}, point {point + 1}, {branch}"


def _conditions(run: Run) -> Sheet:
    table = run.tables["spectra"]
    shown = [one for one in columns_in(SPECTRUM_COLUMNS, run.calibration.conditions.meter_unit) if one.is_number]
    return Sheet(
        "spectra_conditions",
        "under which each spectrum was taken, and what follows from it",
        [
            _numbered("Spectrum", np.arange(len(run.spectra))),
            SheetColumn("Name", "", "as in the tables of spectra", spectrum_names(run)),
            _numbered("Point", table["point_index"]),
            SheetColumn("Branch", "", "direction of the sweep; after: when it was over", table["branch"]),
            SheetColumn("Speed", "", "exposure mode of the spectroradiometer", table["speed_mode"]),
            *(_column(one, table[one.name], run) for one in shown if one.name != "point_index"),
        ],
    )


# --- figures of merit, findings, notes -----------------------------------------------------------------------


def figure_row(name: str, figure: Any) -> tuple[str, str, float]:
    """What a figure of merit is called, its customary unit, and the factor to that; of one that is unknown as it is."""
    try:
        quantity = QUANTITIES[quantity_of_figure(name)]
    except KeyError:
        return column_name(name), figure.unit, 1.0
    if figure.unit != quantity.si_unit:
        return figure_title(name), figure.unit, 1.0
    return figure_title(name), quantity.unit.removeprefix("1"), quantity.factor


#: Figures of merit in the order of a paper's table; the others follow as they are named.
_IN_PAPERS = [
    re.compile(pattern)
    for pattern in (
        "turn_on_voltage",
        r"(luminance|(current|power|external_quantum)_efficiency)_max",
        r"\w+_at_100_cd_m2",
        r"\w+_at_1000_cd_m2",
        r"\w+_at_10000_cd_m2",
        r"roll_off_\w+",
        r"chromaticity_[xy]",
        "peak_wavelength",
        "fwhm",
    )
]


def in_papers_order(name: str) -> tuple[int, int, str]:
    """A key by which figures of merit stand as in a paper: turn-on, maxima, at 100, 1000 and 10000 cd/m^2, colour."""
    kind = next((i for i, pattern in enumerate(_IN_PAPERS) if pattern.fullmatch(name)), len(_IN_PAPERS))
    quantity = next((i for i, one in enumerate(("voltage", *_FIRST)) if name.startswith(one)), len(_FIRST) + 1)
    return kind, quantity, name


def _figures(run: Run) -> Sheet:
    in_order = sorted(run.figures.items(), key=lambda item: in_papers_order(item[0]))
    rows = [(name, figure, *figure_row(name, figure)) for name, figure in in_order]

    def numbers(attribute: str, quantity: str = "") -> FloatArray:
        fixed = QUANTITIES[quantity].factor if quantity else None
        return np.array([getattr(one, attribute) * (fixed or factor) for _, one, _, _, factor in rows], float)

    def place(quantity: str) -> SheetColumn:
        one = QUANTITIES[quantity]
        return SheetColumn(f"At {one.long_name.lower()}", one.unit, "where it lies", numbers(quantity, quantity))

    return Sheet(
        "figures",
        "figures of merit; each row has its own unit",
        [
            SheetColumn("Figure of merit", "", run.sample, [title for _, _, title, _, _ in rows]),
            SheetColumn("Value", "", "", numbers("value")),
            SheetColumn("u(Value)", "", _UNCERTAINTY, numbers("uncertainty")),
            SheetColumn("Unit", "", "of the value and its uncertainty", [unit for _, _, _, unit, _ in rows]),
            SheetColumn("Status", "", "ok, or what is to be known", [one.status for _, one, _, _, _ in rows]),
            SheetColumn("Reason", "", "", [one.reason for _, one, _, _, _ in rows]),
            place("voltage"),
            place("current_density"),
            place("luminance"),
            SheetColumn("U(Value)", "", "expanded uncertainty (95 %)", numbers("expanded_uncertainty")),
            SheetColumn("Name", "", "in the run file", [name for name, _, _, _, _ in rows]),
        ],
    )


def _branches(run: Run) -> Sheet:
    table = run.tables["branches"]
    return Sheet(
        "branches",
        "the device on each branch of each cycle, and how fast it was",
        [_column(one, table[one.name], run) for one in BRANCH_COLUMNS],
    )


def _transport(run: Run) -> Sheet:
    table = run.tables["transport"]
    return Sheet(
        "transport",
        "of an electron-only or hole-only device, what the analysis made of each point; amounts",
        [
            _numbered("Point", table["point_index"]),
            *(_column(one, table[one.name], run) for one in TRANSPORT_COLUMNS if one.name != "point_index"),
        ],
    )


def _findings(run: Run) -> Sheet:
    found = run.findings

    def texts(name: str, attribute: str, comment: str = "") -> SheetColumn:
        return SheetColumn(name, "", comment, [str(getattr(one, attribute)) for one in found])

    return Sheet(
        "findings",
        "what contradicts a number of this run, or limits what it means",
        [
            texts("Finding", "code", run.sample),
            texts("Severity", "severity", "note, doubtful or impossible"),
            texts("Text", "text"),
            SheetColumn(
                "Value",
                "",
                "what was found, in the unit that the text names",
                np.array([one.value for one in found], float),
            ),
            SheetColumn("Limit", "", "what it was held against", np.array([one.limit for one in found], float)),
            texts("Figures", "figure_names", "the figures of merit that it touches"),
            texts("Remedy", "remedy"),
        ],
    )


def _lifetime(run: Run) -> Sheet:
    """Every reading of a device that ages; its rows are read as they are asked for."""
    computed = None if run.analysis is None else lambda: lifetime_of(run).in_order()
    table = LongTable(run.path, "lifetime", run.rows["lifetime"], computed)

    def values(name: str, change: Callable[[Any], Any]) -> Any:
        return table.column(name, change)

    columns = []
    for column in columns_in(lifetime_columns(run.source_unit), run.calibration.conditions.meter_unit):
        if column.name == "flags":
            columns.append(SheetColumn("Flags", "", "what to know of it before it is used", values("flags", in_words)))
        elif column.name in ("part", "spectrum_index"):
            name = "Part" if column.name == "part" else "Spectrum"
            columns.append(SheetColumn(name, "", "counted from 1", values(column.name, _from_one)))
        else:
            label = _column(column, np.empty(0), run)
            shown = values(column.name, partial(_values_of, column, run=run))
            columns.append(SheetColumn(label.long_name, label.unit, label.comment, shown))
    return Sheet("lifetime", "a row for each reading of the device at the level of the test", columns)


def _values_of(column: Column, values: np.ndarray[Any, Any], run: Run) -> Values:
    return _column(column, values, run).values


def _from_one(index: np.ndarray[Any, Any]) -> Any:
    return np.ma.masked_less(index + 1, 1)


def in_words(flags: np.ndarray[Any, Any]) -> list[str]:
    """The flags of each row in words; the same few at every point."""
    sums, which = np.unique(flags, return_inverse=True)
    words = [flag_words(PointFlag(int(one))) for one in sums]
    return [words[i] for i in which.tolist()]


def _parts(run: Run) -> Sheet:
    parts = run.tables["parts"]
    return Sheet(
        "parts",
        "a row each time the run was begun, or gone on with",
        [
            _numbered("Part", np.arange(len(parts["time"]))),
            SheetColumn("Began", "", "", parts["start_time"]),
            SheetColumn("Time", "s", "since the start of the run", parts["time"]),
            SheetColumn("Gap", "s", "before it, since the last reading", parts["gap"]),
            SheetColumn("Reason", "", "why the part before ended", parts["reason"]),
        ],
    )


def _notes(run: Run) -> Sheet:
    times: Mapping[str, Any] = run.tables["notes"]
    return Sheet(
        "notes",
        "what was noted while the run went on",
        [
            SheetColumn("Time", "s", "since the start of the run", times["time"]),
            SheetColumn("Note", "", run.sample, times["text"]),
        ],
    )


def cells(values: Values, first: int = 0, last: int | None = None) -> list[Any]:
    """A part of a column as plain values: numbers, texts, and None for what is not there."""
    part = values[first:last]
    if not isinstance(part, np.ndarray):
        return [None if one == "" else one for one in part]
    if part.dtype.kind == "S":
        words, which = np.unique(part, return_inverse=True)  # the same few at every point
        texts = [word.decode(errors="replace") or None for word in words.tolist()]
        return [texts[i] for i in which.tolist()]
    plain: list[Any] = part.tolist()
    if part.dtype.kind != "f":
        return plain
    return [None if value != value else value for value in plain] if np.isnan(part).any() else plain
