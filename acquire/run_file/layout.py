"""What stands in a run file: tables, columns, units, names; the contract with every reader.

Recorder, reader, finisher and export iterate over :data:`TABLES`. A new kind of event is its class in
:mod:`acquire.records`, its table here, and its number of rows where a plan's capacity is counted.

The root carries ``format_version``, ``major.minor``. Its rule:

- A file without it, made before there was one, is version 0.0. An older file is read with the names that it has
  (:data:`FORMER_NAMES`); a table or a column that came later (``since``) is empty there, or blank.
- A newer minor version adds members, tables and columns and changes none: it is read with what is known here. It is not
  finished, which would drop the rest.
- A newer major version is refused, with the name of the program that wrote it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import h5py
import numpy as np

from acquire.evaluation.calibration import Calibration
from acquire.records import (
    DERIVED,
    FLAG_MEANINGS,
    LIFETIME_DERIVED,
    ROUTES,
    WITH_COMMON_PART,
    BranchSummary,
    DarkReading,
    Event,
    ExposureSample,
    Finding,
    LifetimePoint,
    Note,
    Part,
    Pause,
    Record,
    RepeatedReading,
    RunStart,
    RunStatus,
    Spectrum,
    TransportPoint,
)
from acquire.run_file.checksums import row_check
from acquire.run_file.hdf5 import (
    nx_group,
    read_array,
    set_text,
    write_array,
    write_column,
    write_text,
)

Version = tuple[int, int]

#: Of the files that this program writes; the module's text says what a reader does with others.
FORMAT_VERSION: Version = (1, 5)
BEFORE_VERSIONS: Version = (0, 0)

#: The NeXus application definition that a file declares, and its version (application_definition.py beside this).
DEFINITION, DEFINITION_VERSION = "NXjvl", "1.0"

#: What columns were called in older files, by their names today.
FORMER_NAMES: Mapping[str, str] = {"log10_distance": "lg_distance"}


# --- the calibration ---------------------------------------------------------------------------------------


def write_calibration(group: h5py.Group, calibration: Calibration) -> None:
    """What turns signals into light, complete: numbers and curves."""
    write_fields(group, calibration.to_fields())


def write_fields(group: h5py.Group, values: Mapping[str, tuple[Any, str]]) -> None:
    """Numbers, curves and texts of a calibration, each with its unit."""
    for name, (value, unit) in values.items():
        if isinstance(value, str):
            set_text(group, name, value)
        else:
            write_array(group, name, value, unit, name.replace("_", " "))


def read_calibration(group: h5py.Group) -> Calibration:
    """The calibration of a run from its file alone."""
    return Calibration.from_fields(read_fields(group))


def read_fields(group: h5py.Group) -> dict[str, Any]:
    """The values of a calibration that a group has, by their names."""
    arrays = {name: read_array(group, name) for name in group}
    values: dict[str, Any] = {name: array if array.ndim else array.item() for name, array in arrays.items()}
    return values | {name: _plain_text(value) for name, value in group.attrs.items() if name not in _NO_FIELDS}


def write_rows(group: h5py.Group, name: str, columns: Sequence[Column], values: Mapping[str, Any]) -> None:
    """A table as one data set of rows; the units of its numbers are a JSON object."""
    rows = np.empty(len(values[columns[0].name]), [(one.name, one.dtype) for one in columns])
    for one in columns:
        rows[one.name] = values[one.name]
    write_column(group, name, rows, json.dumps({one.name: one.unit for one in columns if one.is_number}))


_NO_FIELDS = ("NX_class", "meaning", "without")  # what a group says of itself


def _plain_text(value: Any) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)


WAVELENGTHS = 401


NOTE_BYTES = 480


@dataclass(frozen=True)
class Column:
    """One data set of a table: its name, NumPy type, unit, what it means, and where its value comes from."""

    name: str
    dtype: str
    unit: str
    meaning: str
    source: str
    since: Version = BEFORE_VERSIONS

    @property
    def fill(self) -> Any:
        """What stands where nothing was written: NaN for real numbers, 0 or blank for the others."""
        return np.nan if self.dtype == "<f8" else np.zeros((), self.dtype)[()]

    @property
    def is_spectrum(self) -> bool:
        """Whether each row is a whole spectrum."""
        return self.name == "spectral_radiance"

    @property
    def is_number(self) -> bool:
        """Whether each row is one number."""
        return not (self.dtype.startswith("S") or self.is_spectrum)


def columns_in(columns: Sequence[Column], photodiode_unit: str) -> list[Column]:
    """The columns of a run whose photodiode's meter reads in V, or in A where it reads the photocurrent itself."""
    return [replace(one, unit=photodiode_unit) if one.name == "photodiode_signal" else one for one in columns]


def _reals(prefix: str, *columns: tuple[str, str, str]) -> list[Column]:
    return [Column(name, "<f8", unit, meaning, prefix + name) for name, unit, meaning in columns]


def jvl_columns(source_unit: str) -> list[Column]:
    """The columns of ``/entry/jvl``, one row a point; ``source_unit`` is V or A."""
    readings = _reals(
        "reading.",
        ("time", "s", "since the start of the run, when the meters were started"),
        ("source_level", source_unit, "level sent to the source"),
        ("voltage", "V", "measured by the source-measure unit"),
        ("current", "A", "measured by the source-measure unit"),
        ("photodiode_signal", "V", "as its meter reads it, dark value not subtracted"),
        ("source_time", "s", "the source-measure unit's own time stamp"),
    )
    derived = _reals("", *((name, unit, name.replace("_", " ")) for name, unit in DERIVED.items()))
    uncertainties = _reals(
        "",
        *((f"{name}_uncertainty", unit, f"standard uncertainty (k = 1) of {name}") for name, unit in DERIVED.items()),
    )
    independent = [
        Column(
            name := f"{quantity}_independent_uncertainty",
            "<f8",
            DERIVED[quantity],
            f"the part of {quantity}_uncertainty that is independent from point to point (k = 1)",
            name,
            since=(1, 1),
        )
        for quantity in WITH_COMMON_PART
    ]
    return [
        Column(
            "branch",
            "S8",
            "",
            "direction of the sweep: forward or reverse; after: set for a spectrum when it was over",
            "reading.branch",
        ),
        *readings,
        Column("source_status", "<i4", "", "status word of the source-measure unit", "reading.source_status"),
        *derived,
        *uncertainties,
        *independent,
        Column("flags", "<u4", "", "sum of the bits that the attributes explain", "flags"),
        Column("spectrum_source", "S12", "", "which spectrum the efficiency uses", "spectrum_source"),
        Column("spectrum_index", "<i4", "", "row of /entry/spectra, -1 for none", "spectrum_index"),
        Column(
            "spectrum_index_upper",
            "<i4",
            "",
            "the second of two interpolated, -1 for none",
            "spectrum_index_upper",
        ),
        *_reals(
            "",
            ("spectrum_weight", "1", "weight of the second spectrum"),
            ("log10_distance", "1", "|lg(L/L of the spectrum)| where the nearest one was used"),
        ),
        *(replace(column, since=(1, 1)) for column in _route_columns()),
        Column(
            "cycle",
            "<i4",
            "",
            "how often the levels were gone through before; with both polarities each is a cycle of its own",
            "reading.cycle",
            since=(1, 3),
        ),
        Column(
            "pulse_width",
            "<f8",
            "s",
            "how long the pulse to this level lasted, by the source-measure unit's time stamps; NaN where levels stay",
            "reading.pulse_width",
            since=(1, 4),
        ),
        *_room_columns("reading."),
    ]


def _room_columns(prefix: str) -> list[Column]:
    columns = _reals(
        prefix,
        ("ambient_temperature", "K", "of the air beside the bench, last known; NaN without a logger"),
        ("relative_humidity", "1", "of the air beside the bench, last known; NaN without a logger"),
    )
    return [replace(column, since=(1, 4)) for column in columns]


def _route_columns() -> list[Column]:
    meanings = {
        "spectral_luminance": "by the absolute radiance of the spectrum taken at this point",
        "spectral_external_quantum_efficiency": "by the photons of the spectrum taken at this point",
        "route_difference": "luminance by the photodiode over spectral_luminance, less 1; the same for EQE",
    }
    spread = ((f"{name}_uncertainty", unit, f"standard uncertainty (k = 1) of {name}") for name, unit in ROUTES.items())
    return _reals("", *((name, unit, meanings[name]) for name, unit in ROUTES.items()), *spread)


DARK_COLUMNS = [
    *_reals(
        "",
        ("time", "s", "since the start of the run"),
        ("voltage", "V", "measured"),
        ("current", "A", "measured"),
        ("photodiode_signal", "V", "as its meter reads it at the dark level"),
    ),
    Column("after", "<i1", "", "0 before the sweep, 1 after it", "after"),
]


def repeated_columns(source_unit: str) -> list[Column]:
    """The columns of ``/entry/repeated``; ``source_unit`` is V or A."""
    return [
        Column("point_index", "<i4", "", "row of /entry/jvl whose level was read once more", "point_index"),
        *_reals(
            "",
            ("time", "s", "since the start of the run"),
            ("source_level", source_unit, "level sent to the source"),
            ("voltage", "V", "measured"),
            ("current", "A", "measured"),
            ("photodiode_signal", "V", "amplifier output, dark value not subtracted"),
        ),
    ]


SAMPLE_COLUMNS = [
    Column("spectrum_index", "<i4", "", "row of /entry/spectra that was integrating", "spectrum_index"),
    *_reals(
        "",
        ("time", "s", "since the start of the run"),
        ("voltage", "V", "measured"),
        ("current", "A", "measured"),
        ("photodiode_signal", "V", "as its meter reads it"),
    ),
]


NOTE_COLUMNS = [
    Column("time", "<f8", "s", "since the start of the run", "time"),
    Column("text", f"S{NOTE_BYTES}", "", "what happened (UTF-8)", "text"),
]


#: So many findings a run has at most: there is one of a kind, not one of a point.
MOST_FINDINGS = 60


FINDING_COLUMNS = [
    *_reals(
        "",
        ("time", "s", "since the start of the run, when it was found"),
        ("value", "", "what was found, in the unit that the text names; NaN for no one number"),
        ("limit", "", "what the value was held against; NaN for no one number"),
    ),
    Column("code", "S48", "", "the kind of finding", "code"),
    Column("severity", "S16", "", "note, doubtful or impossible", "severity"),
    Column("text", f"S{NOTE_BYTES}", "", "what was found (UTF-8)", "text"),
    Column("figures", "S2048", "", "the figures of merit that it touches, between spaces", "figure_names"),
    Column("remedy", f"S{NOTE_BYTES}", "", "what to do (UTF-8)", "remedy"),
]


BRANCH_COLUMNS = [
    Column("cycle", "<i4", "", "of which cycle, from 0", "cycle"),
    Column("branch", "S8", "", "direction of the sweep: forward or reverse", "branch"),
    Column("points", "<i4", "", "how many points it has that nothing limited", "points"),
    *_reals(
        "",
        ("scan_rate", "V/s", "median of |dV/dt| by the time stamps"),
        ("dwell", "s", "median of the time from point to point"),
        ("longest_dwell", "s", "the longest, as where a spectrum was taken"),
        ("turn_on_voltage", "V", "where the luminance rises through 1 cd/m^2"),
        ("luminance_max", "cd/m^2", "largest sample"),
        ("external_quantum_efficiency_max", "1", "largest sample from 1 cd/m^2 on"),
        ("voltage_at_external_quantum_efficiency_max", "V", "where that is"),
        ("hysteresis_index", "1", "(A_r - A_f)/(A_r + A_f) of the two branches of the cycle, A = int J dV"),
        ("hysteresis_index_log", "1", "mean of lg(J_r/J_f) of the two branches of the cycle"),
    ),
    Column("turn_on_status", "S24", "", "status of the turn-on voltage, as of the figure", "turn_on_status"),
]


TRANSPORT_COLUMNS = [
    Column("point_index", "<i4", "", "row of /entry/jvl", "point_index"),
    Column("polarity", "<i4", "", "sign of the voltage, 1 or -1; the rest are amounts", "polarity"),
    *_reals(
        "",
        ("layer_voltage", "V", "across the layer: built-in voltage and I R_s taken out"),
        ("current_density", "A/m^2", "through it"),
        ("local_slope", "1", "d lg J/d lg V of the points within 0.1 decades of voltage on either side"),
        ("fitted_current_density", "A/m^2", "by the law that was fitted; blank: no window allowed a fit"),
    ),
    Column("inside", "<i1", "", "1 inside the window of the fit", "inside"),
]


SPECTRUM_COLUMNS = [
    Column("point_index", "<i4", "", "row of /entry/jvl at which it was taken", "point_index"),
    Column("branch", "S8", "", "direction of the sweep", "branch"),
    *_reals(
        "",
        ("start", "s", "begin of the exposure, since the start of the run"),
        ("stop", "s", "end of the exposure"),
        ("integration_time", "s", "as the spectroradiometer reports it"),
        ("photodiode_signal", "V", "mean of what its meter read during the exposure"),
        ("drift", "1", "change of ln(luminance) during the exposure"),
        ("luminance", "cd/m^2", "from the spectrum"),
        ("x", "1", "CIE 1931 chromaticity from the spectrum"),
        ("y", "1", "CIE 1931 chromaticity from the spectrum"),
        ("peak_wavelength", "nm", "vertex of a parabola through the largest sample, smoothed spectrum"),
        ("fwhm", "nm", "of the main lobe, smoothed spectrum"),
    ),
    *_reals(
        "",
        ("meter_luminance", "cd/m^2", "as the spectroradiometer computed it"),
        ("meter_x", "1", "as the spectroradiometer computed it"),
        ("meter_y", "1", "as the spectroradiometer computed it"),
    ),
    Column(
        "mismatch_factor",
        "<f8",
        "1",
        "luminance per photocurrent of this spectrum over that of the calibration's",
        "mismatch_factor",
        since=(1, 1),
    ),
    Column("current_density_drift", "<f8", "1", "change of ln(J) during the exposure", "current_density_drift", (1, 4)),
    Column(
        "asked_luminance",
        "<f8",
        "cd/m^2",
        "for which a level was sought when the sweep was over; NaN: taken during the sweep",
        "asked_luminance",
        since=(1, 4),
    ),
    Column("cycle", "<i4", "", "that of its point", "cycle", since=(1, 4)),
    Column("speed_mode", "S16", "", "exposure mode it was taken in", "speed_mode", since=(1, 4)),
    Column("internal_nd", "<i1", "", "1: the built-in neutral density filter was in the light", "internal_nd", (1, 4)),
    Column("tries", "<i4", "", "how often the meter was started for it", "tries", since=(1, 4)),
    Column("spectral_radiance", "<f8", "W/(m^2 sr nm)", "380-780 nm in steps of 1 nm", "spectral_radiance"),
]


def lifetime_columns(source_unit: str) -> list[Column]:
    """The columns of ``/entry/lifetime``, one row a reading; ``source_unit`` is V or A."""
    derived = [
        column
        for name, unit in LIFETIME_DERIVED.items()
        for column in (
            (name, unit, "over L_0" if name == "relative_luminance" else name.replace("_", " ")),
            (f"{name}_uncertainty", unit, f"standard uncertainty (k = 1) of {name}"),
        )
    ]
    return [
        *_reals(
            "",
            ("time", "s", "since the start of the run"),
            ("stress_time", "s", "of it under the level of the test, without breaks and gaps"),
            ("source_level", source_unit, "level sent to the source"),
            ("voltage", "V", "measured by the source-measure unit"),
            ("current", "A", "measured by the source-measure unit"),
            ("photodiode_signal", "V", "as its meter reads it, dark value not subtracted"),
        ),
        Column("source_status", "<i4", "", "status word of the source-measure unit", "source_status"),
        Column("flags", "<u4", "", "sum of the bits that the attributes explain", "flags"),
        Column("part", "<i4", "", "row of /entry/parts in which it was read", "part"),
        Column("spectrum_index", "<i4", "", "row of /entry/spectra that it refers to, -1 for none", "spectrum_index"),
        *_reals("", ("current_density", "A/m^2", "current density"), *derived),
        *_room_columns(""),
    ]


PART_COLUMNS = [
    *_reals(
        "",
        ("time", "s", "when this part began, since the start of the run by the wall clock"),
        ("gap", "s", "since the last row of the part before; NaN for the first"),
    ),
    Column("start_time", "S40", "", "when this part began, ISO 8601 with offset", "start_time"),
    Column("reason", f"S{NOTE_BYTES}", "", "why the part before ended (UTF-8)", "reason"),
]


PAUSE_COLUMNS = [
    *_reals(
        "",
        ("time", "s", "when the output was off, since the start of the run"),
        ("duration", "s", "until the level was back, or the run was ended"),
    ),
    Column("point_index", "<i4", "", "of the point before which it was", "point_index"),
    Column("by", "S80", "", "who asked for it (UTF-8)", "by"),
    Column("ended", "<i1", "", "1 where the run was ended in it", "ended"),
]


#: So many pauses of a run are recorded; a note tells of each besides.
MOST_PAUSES = 50


def write_flag_meanings(dataset: h5py.Dataset) -> None:
    """Explain each bit of the flags beside the flags."""
    for flag, meaning in FLAG_MEANINGS.items():
        set_text(dataset, f"bit_{flag.bit_length() - 1}_{(flag.name or '').lower()}", meaning)


def write_start(file: h5py.File, start: RunStart) -> h5py.Group:
    """Everything about a run that is known before it begins, into ``/entry``, which is there; returns it."""
    file.attrs["NX_class"] = "NXroot"
    file.attrs["default"] = "entry"
    file.attrs["creator"] = f"{start.program} {start.version}"
    file.attrs["format_version"] = "{}.{}".format(*FORMAT_VERSION)
    entry = file["entry"]
    for name in ("title", "start_time", "run_id"):
        write_text(entry, name, getattr(start, name))
    set_text(write_text(entry, "program_name", start.program), "version", start.version)
    _write_definition(entry, start)
    _write_sample(entry, start.sample)
    write_text(nx_group(entry, "user", "NXuser"), "name", start.user)
    configuration = nx_group(entry, "configuration", "NXcollection")
    for name in ("sweep_yaml", "bench_yaml", "resolved_json", "overrides_json", "note"):
        write_text(configuration, name, getattr(start, name))
    configuration.attrs["file_hashes"] = json.dumps(dict(start.file_hashes))
    instruments = nx_group(entry, "instrument", "NXinstrument")
    for instrument in start.instruments:
        group = nx_group(instruments, instrument.role, "NXdetector")
        group.attrs["identification"] = instrument.identification
        group.attrs["resource"] = instrument.resource
        group.attrs["model"] = instrument.model
        for key, value in instrument.settings.items():
            group.attrs[key] = value if isinstance(value, bool | int | float | str) else json.dumps(value)
    return entry


def _write_definition(entry: h5py.Group, start: RunStart) -> None:
    """By which definition the file is laid out, and the program as NXsensor_scan, which that extends, wants it said."""
    set_text(write_text(entry, "definition", DEFINITION), "version", DEFINITION_VERSION)
    program = write_text(nx_group(entry, "process", "NXprocess"), "program", start.program)
    set_text(program, "version", start.version)
    set_text(program, "program_url", package_url(start.version))


def package_url(version: str) -> str:
    """The address of this program, which has no website: a package URL (ECMA-427)."""
    return f"pkg:generic/jvl-bench@{version}"


def _write_sample(entry: h5py.Group, sample: Mapping[str, Any]) -> None:
    group = nx_group(entry, "sample", "NXsample")
    for key, value in sample.items():
        if isinstance(value, float):
            unit = "m^2" if "area" in key else "ohm" if "resistance" in key else "1"
            group.create_dataset(key, data=value).attrs["units"] = unit
        else:
            write_text(group, key, str(value))


#: Members of an entry that are known before the run and never change.
BEFORE_THE_RUN = (
    "title",
    "start_time",
    "run_id",
    "program_name",
    "sample",
    "user",
    "configuration",
    "instrument",
    "calibration",
)


#: Of these, those that older files do not have.
SINCE_DEFINITION = ("definition", "process")


def known_before(entry: h5py.Group) -> list[str]:
    """The members of an entry that were known before its run."""
    return [*BEFORE_THE_RUN, *(name for name in SINCE_DEFINITION if name in entry)]


#: What the members of ``/entry`` are, in the order in which a reader meets them.
MEMBERS: Mapping[str, str] = {
    "definition": "the NeXus application definition that the file follows, NXjvl",
    "title": "the sweep's title",
    "start_time": "when the run began, ISO 8601 with the offset from UTC",
    "end_time": "when it ended, likewise",
    "status": "how it ended",
    "stop_reason": "why it ended there",
    "run_id": "a number of its own (UUID), which no other run has",
    "program_name": "the program that recorded it; its version is an attribute",
    "process": "the same as NeXus wants it said, with its package URL",
    "sample": "the device: everything in the section `sample` of the sweep file",
    "user": "who measured",
    "jvl": "one row a point: final values",
    "jvl_live": "the derived values of the same points as they were shown while the run went on",
    "lifetime": "one row a reading of a device that ages: final values",
    "lifetime_live": "the derived values of the same readings as they were shown while the run went on",
    "parts": "one row each time the run was begun or gone on with",
    "pauses": "one row each time the output was off in the middle, because somebody asked for a pause",
    "spectra": "one row a spectrum",
    "figures_of_merit": "one number a figure, with unit, status, reason, uncertainty and place as attributes; of which "
    "`branch` and `cycle` they are, as attributes of the group",
    "findings": "what contradicts these numbers",
    "stress": "what the run has put on the device: charge, time at levels other than zero, largest voltage and "
    "current, exposures of the spectroradiometer",
    "remarks": "tags and comments that people added when the run was over",
    "imported": "of data of another program: its text as it was, the name of the file, its SHA-256, the program",
    "analyses": "results computed anew from these readings, one group each: by another area or calibration, by the "
    "formulas of a later program; with its parent, when, why, and what is different",
    "notes": "what was worth reading later: cautions, errors of instruments, decisions of the program",
    "dark": "one row a reading at the dark level, before the sweep and after it",
    "branches": "a row for each branch of each cycle: turn-on, efficiency, hysteresis, and how fast it was",
    "transport": "of an electron-only or hole-only device: what the analysis made of each point that counts",
    "repeated": "the level of the first spectrum, read once more when the sweep was over",
    "exposure_samples": "readings of both meters while a spectrum was integrating",
    "instrument": "who was on the bench, where, and how it was set: one group a role, everything as attributes",
    "calibration": "what turned signals into light and how well it was known: numbers, curves, conditions",
    "configuration": "the text of sweep file and bench file, and what followed from both (JSON)",
    "exchange": "every message sent and received, with its time; kept for runs of up to 5000 points",
    "checksums": "of each of these as it is read",
}


_COLLECTION: Mapping[str, Any] = {"NX_class": "NXcollection"}


@dataclass(frozen=True)
class Table:
    """One table of a run file: a row for each event of a type.

    ``columns`` by the unit of the source; no row is without a value in those of ``never_blank``: where one is blank, a
    power cut came between the counter and the row. ``attributes`` of its group: NeXus class and plot.
    ``rows``: how many there is room for where the plan does not say. ``numbered``: other rows refer to these by number.
    ``scales``: its columns that are dimension scales of the others once the run is finished. ``optional``: only in runs
    whose plan has such events. ``streamed``: there may be so many rows that nobody has all of them in memory; they are
    read by :mod:`acquire.run_file.columns`, piece by piece, and no column is a text.
    """

    name: str
    event: type[Event]
    columns: Callable[[str], Sequence[Column]]
    never_blank: tuple[str, ...]
    attributes: Mapping[str, Any] = field(default_factory=lambda: _COLLECTION)
    rows: int = 0
    numbered: bool = False
    scales: tuple[str, ...] = ()
    since: Version = BEFORE_VERSIONS
    optional: bool = False
    streamed: bool = False


JVL_PLOT = {
    "NX_class": "NXdata",
    "signal": "current_density",
    "auxiliary_signals": ["luminance"],
    "axes": ["voltage"],
    "SILX_style": json.dumps({"signal_scale_type": "log"}),  # silx and h5web begin with a logarithmic axis
}

LIFETIME_PLOT = {
    "NX_class": "NXdata",
    "signal": "relative_luminance",
    "auxiliary_signals": ["voltage"],
    "axes": ["stress_time"],
}

SPECTRA_PLOT = {"NX_class": "NXdata", "signal": "spectral_radiance", "axes": ["point_index", "wavelength"]}

TABLES = (
    Table("jvl", Record, jvl_columns, ("branch", "time"), JVL_PLOT, numbered=True, scales=("voltage",)),
    Table("dark", DarkReading, lambda _: DARK_COLUMNS, ("time",)),
    Table("repeated", RepeatedReading, repeated_columns, ("time",), rows=1, since=(1, 1)),
    Table("exposure_samples", ExposureSample, lambda _: SAMPLE_COLUMNS, ("time",)),
    Table("notes", Note, lambda _: NOTE_COLUMNS, ("time",), rows=500),
    Table("findings", Finding, lambda _: FINDING_COLUMNS, ("time",), rows=MOST_FINDINGS, since=(1, 1)),
    Table("branches", BranchSummary, lambda _: BRANCH_COLUMNS, ("branch",), since=(1, 4)),
    Table("transport", TransportPoint, lambda _: TRANSPORT_COLUMNS, ("layer_voltage",), since=(1, 4), optional=True),
    Table(
        "spectra",
        Spectrum,
        lambda _: SPECTRUM_COLUMNS,
        ("branch", "start", "stop"),
        SPECTRA_PLOT,
        numbered=True,
        scales=("point_index", "wavelength"),
    ),
    Table(
        "lifetime",
        LifetimePoint,
        lifetime_columns,
        ("time",),
        LIFETIME_PLOT,
        scales=("stress_time",),
        since=(1, 4),
        optional=True,
        streamed=True,
    ),
    Table("parts", Part, lambda _: PART_COLUMNS, ("time",), since=(1, 4), optional=True),
    Table("pauses", Pause, lambda _: PAUSE_COLUMNS, ("time",), rows=MOST_PAUSES, since=(1, 5)),
)


def default_plot(entry: h5py.Group) -> str:
    """What viewers show of a run when it is opened: how its device aged, or else its curves."""
    return "lifetime" if "lifetime" in entry else "jvl"


TABLE: Mapping[str, Table] = {table.name: table for table in TABLES}


@dataclass(frozen=True)
class Growing:
    """Rows that are not known beforehand: ``most`` by the plan's bound, ``segment`` of them laid out at once."""

    most: int
    segment: int = 4096


#: Rows by type of event, the most that a plan can produce; for :class:`~acquire.records.Exchange` bytes.
Capacity = Mapping[type, int | Growing]


def rows_of(table: Table, capacity: Capacity) -> int:
    """How many rows of a table there is room for at the begin of a run."""
    rows = capacity.get(table.event, table.rows)
    return rows.segment if isinstance(rows, Growing) else rows


def tables_of(capacity: Capacity) -> list[Table]:
    """The tables of a run with such a capacity."""
    return [table for table in TABLES if table.event in capacity or not table.optional]


def tables_in(entry: h5py.Group) -> list[Table]:
    """The tables that a file has."""
    return [table for table in TABLES if not table.optional or table.name in entry]


def bytes_a_row(table: Table) -> int:
    """How much room a row takes, without its check."""
    columns = table.columns("V")
    return sum(
        8 if c.is_number else np.dtype(c.dtype).itemsize * (WAVELENGTHS if c.is_spectrum else 1) for c in columns
    )


def name_in(group: h5py.Group, column: Column) -> str:
    """What a column is called in a file."""
    return column.name if column.name in group else FORMER_NAMES.get(column.name, column.name)


def write_column_names(block: h5py.Dataset, numbers: Sequence[Column], others: Sequence[Column]) -> None:
    """Say beside the numbers of a table in which order they stand, and what follows in the checks of its rows."""
    set_text(block, "numbers", ",".join(column.name for column in numbers))
    set_text(block, "others", ",".join(column.name for column in others))


#: Texts that say how a run ended, and their sizes in bytes.
ENDING = {"stop_reason": 1000, "end_time": 40, "status": 16}


NO_ENDING = {"stop_reason": "", "end_time": "", "status": str(RunStatus.RUNNING)}


def check_of(ending: Mapping[str, str]) -> int:
    """The check of an ending, from its texts by name."""
    return ending_check([storable(ending[name], size).encode() for name, size in ENDING.items()])


def ending_check(texts: Sequence[bytes]) -> int:
    """The CRC-32 over reason, time and status of an ending, as they are in the file."""
    return row_check(0, [text + b"\0" for text in texts])


def version_of(file: h5py.File) -> Version:
    """The version of a file's format.

    :raises ValueError: it names none that makes sense.
    """
    return BEFORE_VERSIONS if "format_version" not in file.attrs else version_in(str(file.attrs["format_version"]))


def version_in(text: str) -> Version:
    """A version from its text.

    :raises ValueError: it makes no sense.
    """
    if (found := re.fullmatch(r"(\d{1,4})\.(\d{1,4})", text, re.ASCII)) is None:
        raise ValueError(f"its format version is {text[:40]!r}")
    return int(found[1]), int(found[2])


def storable(text: str, size: int | None = None) -> str:
    """A text as HDF5 can hold it, without NUL and lone surrogates, in at most ``size`` bytes of UTF-8."""
    return text.replace("\0", "").encode(errors="replace")[:size].decode(errors="ignore")
