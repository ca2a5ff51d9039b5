"""What stands in a run file: tables, columns, units, names; the contract with every reader."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import h5py
import numpy as np

from acquire.evaluation.calibration import Calibration
from acquire.records import (
    DERIVED,
    FLAG_MEANINGS,
    DarkReading,
    ExposureSample,
    Note,
    Record,
    RunStart,
    RunStatus,
    Spectrum,
)
from acquire.run_file.checksums import row_check
from acquire.run_file.hdf5 import (
    nx_group,
    set_text,
    write_array,
    write_text,
)

# --- the calibration ---------------------------------------------------------------------------------------


def write_calibration(group: h5py.Group, calibration: Calibration) -> None:
    """What turns signals into light, complete: numbers and curves."""
    for name, (value, unit) in calibration.to_fields().items():
        if isinstance(value, str):
            set_text(group, name, value)
        else:
            write_array(group, name, value, unit, name.replace("_", " "))


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
        ("photodiode_signal", "V", "amplifier output, dark value not subtracted"),
        ("source_time", "s", "the source-measure unit's own time stamp"),
    )
    derived = _reals("", *((name, unit, name.replace("_", " ")) for name, unit in DERIVED.items()))
    uncertainties = _reals(
        "",
        *((f"{name}_uncertainty", unit, f"standard uncertainty (k = 1) of {name}") for name, unit in DERIVED.items()),
    )
    return [
        Column("branch", "S8", "", "direction of the sweep: forward or reverse", "reading.branch"),
        *readings,
        Column("source_status", "<i4", "", "status word of the source-measure unit", "reading.source_status"),
        *derived,
        *uncertainties,
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
    ]


DARK_COLUMNS = [
    *_reals(
        "",
        ("time", "s", "since the start of the run"),
        ("voltage", "V", "measured"),
        ("current", "A", "measured"),
        ("photodiode_signal", "V", "amplifier output at the dark level"),
    ),
    Column("after", "<i1", "", "0 before the sweep, 1 after it", "after"),
]


SAMPLE_COLUMNS = [
    Column("spectrum_index", "<i4", "", "row of /entry/spectra that was integrating", "spectrum_index"),
    *_reals(
        "",
        ("time", "s", "since the start of the run"),
        ("voltage", "V", "measured"),
        ("current", "A", "measured"),
        ("photodiode_signal", "V", "amplifier output"),
    ),
]


NOTE_COLUMNS = [
    Column("time", "<f8", "s", "since the start of the run", "time"),
    Column("text", f"S{NOTE_BYTES}", "", "what happened (UTF-8)", "text"),
]


SPECTRUM_COLUMNS = [
    Column("point_index", "<i4", "", "row of /entry/jvl at which it was taken", "point_index"),
    Column("branch", "S8", "", "direction of the sweep", "branch"),
    *_reals(
        "",
        ("start", "s", "begin of the exposure, since the start of the run"),
        ("stop", "s", "end of the exposure"),
        ("integration_time", "s", "as the spectroradiometer reports it"),
        ("photodiode_signal", "V", "mean amplifier output during the exposure"),
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
    Column("spectral_radiance", "<f8", "W/(m^2 sr nm)", "380-780 nm in steps of 1 nm", "spectral_radiance"),
]


def write_flag_meanings(dataset: h5py.Dataset) -> None:
    """Explain each bit of the flags beside the flags."""
    for flag, meaning in FLAG_MEANINGS.items():
        set_text(dataset, f"bit_{flag.bit_length() - 1}_{(flag.name or '').lower()}", meaning)


def write_start(file: h5py.File, start: RunStart) -> h5py.Group:
    """Everything about a run that is known before it begins; returns ``/entry``."""
    file.attrs["NX_class"] = "NXroot"
    file.attrs["default"] = "entry"
    file.attrs["creator"] = f"{start.program} {start.version}"
    entry = nx_group(file, "entry", "NXentry", default="jvl")
    for name in ("title", "start_time", "run_id"):
        write_text(entry, name, getattr(start, name))
    set_text(write_text(entry, "program_name", start.program), "version", start.version)
    _write_sample(entry, start.sample)
    write_text(nx_group(entry, "user", "NXuser"), "name", start.user)
    configuration = nx_group(entry, "configuration", "NXcollection")
    for name in ("sweep_yaml", "bench_yaml", "resolved_json"):
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


def _write_sample(entry: h5py.Group, sample: Mapping[str, Any]) -> None:
    group = nx_group(entry, "sample", "NXsample")
    for key, value in sample.items():
        if isinstance(value, float):
            group.create_dataset(key, data=value).attrs["units"] = "m^2" if "area" in key else "1"
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


#: Tables of a run file: group name, event type.
TABLES: Mapping[str, type] = {
    "jvl": Record,
    "dark": DarkReading,
    "exposure_samples": ExposureSample,
    "notes": Note,
    "spectra": Spectrum,
}


def columns_of(table: str, source_unit: str) -> list[Column]:
    """The columns of one of :data:`TABLES`."""
    if table == "jvl":
        return jvl_columns(source_unit)
    return {
        "dark": DARK_COLUMNS,
        "exposure_samples": SAMPLE_COLUMNS,
        "notes": NOTE_COLUMNS,
        "spectra": SPECTRUM_COLUMNS,
    }[table]


def table_attributes(table: str) -> dict[str, Any]:
    """NeXus class and plotting attributes of a table's group."""
    if table == "jvl":
        return {
            "NX_class": "NXdata",
            "signal": "current_density",
            "auxiliary_signals": ["luminance"],
            "axes": ["voltage"],
        }
    if table == "spectra":
        return {"NX_class": "NXdata", "signal": "spectral_radiance", "axes": ["point_index", "wavelength"]}
    return {"NX_class": "NXcollection"}


#: Texts that say how a run ended, and their sizes in bytes.
_ENDING = {"stop_reason": 1000, "end_time": 40, "status": 16}


_NO_ENDING = {"stop_reason": "", "end_time": "", "status": str(RunStatus.RUNNING)}


def _check_of(ending: Mapping[str, str]) -> int:
    return ending_check([storable(ending[name], size).encode() for name, size in _ENDING.items()])


def ending_check(texts: Sequence[bytes]) -> int:
    """The CRC-32 over reason, time and status of an ending, as they are in the file."""
    return row_check(0, [text + b"\0" for text in texts])


def storable(text: str, size: int | None = None) -> str:
    """A text as HDF5 can hold it, without NUL and lone surrogates, in at most ``size`` bytes of UTF-8."""
    return text.replace("\0", "").encode(errors="replace")[:size].decode(errors="ignore")
