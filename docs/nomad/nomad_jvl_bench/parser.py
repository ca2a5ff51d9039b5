"""A run file as an entry of NOMAD."""

import h5py
import numpy as np
from nomad.datamodel.metainfo.basesections import CompositeSystemReference, InstrumentReference
from nomad.parsing import MatchingParser

from nomad_jvl_bench.schema import ELSpectrum, FigureOfMerit, JVLCurve, LEDMeasurement, LEDResult, Lifetime

#: Of a longer record rows are left out.
MOST_ROWS = 10_000


class JVLParser(MatchingParser):
    """Fills :class:`LEDMeasurement` from a run file."""

    def parse(self, mainfile, archive, logger=None, child_archives=None):  # noqa: ARG002  # as NOMAD calls it
        """Read ``mainfile`` into ``archive``.

        :raises ValueError: it is no finished run file.
        """
        with h5py.File(mainfile, locking=False) as file:
            archive.data = measurement(file)
        if archive.metadata is not None:
            archive.metadata.entry_name = archive.data.name


def measurement(file):
    """The section of a run file that is open.

    :raises ValueError: it is no finished run file.
    """
    entry = file.get("entry")
    if entry is None or "recording" in entry or "figures_of_merit" not in entry:
        raise ValueError("no finished run file of the J-V-L bench service")
    sample = entry["sample"]
    found = LEDMeasurement(
        name=f"{_text(sample['name'])}: {_text(entry['title'])}",
        lab_id=_text(entry["run_id"]),
        run_id=_text(entry["run_id"]),
        datetime=_text(entry["start_time"]),
        end_time=_text(entry["end_time"]),
        user=_text(entry["user/name"]) or None,
        method="J-V-L and electroluminescence spectra",
        program=f"{_text(entry['program_name'])} {entry['program_name'].attrs['version']}",
        status=_text(entry["status"]),
        stop_reason=_text(entry["stop_reason"]) or None,
        simulated=bool(entry["calibration/simulated"][()]) if "simulated" in entry["calibration"] else None,
        findings=_findings(entry),
    )
    if "emissive_area" in sample:
        found.emissive_area = _quantity(sample["emissive_area"])
    found.samples = [CompositeSystemReference(name=_text(sample["name"]))]
    found.instruments = [
        InstrumentReference(name=f"{role}: {group.attrs['identification']}")
        for role, group in entry["instrument"].items()
    ]
    found.results = [_result(entry)]
    return found


def _result(entry):
    result = LEDResult(name="J-V-L", jvl=_filled(JVLCurve, entry["jvl"]))
    result.spectra = [_spectrum(entry["spectra"], row) for row in range(len(entry["spectra/luminance"]))]
    result.figures_of_merit = [_figure(name, dataset) for name, dataset in entry["figures_of_merit"].items()]
    if "lifetime" in entry:
        rows = len(entry["lifetime/stress_time"])
        result.lifetime = _filled(Lifetime, entry["lifetime"], slice(None, None, max(1, -(-rows // MOST_ROWS))))
        result.lifetime.rows_in_file = rows
    return result


def _filled(section, table, rows=slice(None)):
    """A section whose quantities are columns of a table, by their names; a unit that is no such unit raises."""
    found = section()
    for name, quantity in section.m_def.all_quantities.items():
        if name in table:
            if quantity.unit is not None:
                found.m_set(quantity, _quantity(table[name], rows))
            else:
                values = table[name][rows]
                found.m_set(quantity, [_plain(one) for one in values] if values.dtype.kind == "S" else values)
    return found


def _spectrum(table, row):
    found = ELSpectrum(point=int(table["point_index"][row]))
    found.wavelength = _quantity(table["wavelength"])
    found.spectral_radiance = _quantity(table["spectral_radiance"], row)
    found.luminance = _quantity(table["luminance"], row)
    found.chromaticity_x, found.chromaticity_y = float(table["x"][row]), float(table["y"][row])
    return found


def _figure(name, dataset):
    value, attributes = float(dataset[()]), dataset.attrs
    found = FigureOfMerit(name=name, unit=str(attributes["units"]), status=str(attributes["status"]))
    if np.isfinite(value):
        found.value = value
    if "uncertainty" in attributes:
        found.uncertainty = float(attributes["uncertainty"])
    if "reason" in attributes:
        found.reason = str(attributes["reason"])
    return found


def _findings(entry):
    if "findings" not in entry:
        return []
    table = entry["findings"]
    return [
        f"{_plain(grave)}: {_plain(text)}" for grave, text in zip(table["severity"][()], table["text"][()], strict=True)
    ]


def _quantity(dataset, rows=()):
    """Values with the unit that the file gives them, written as NOMAD reads it: W/(m^2 sr nm) with * and **."""
    from nomad.units import ureg

    return ureg.Quantity(dataset[rows], str(dataset.attrs["units"]).replace("^", "**").replace(" ", "*"))


def _text(dataset):
    return _plain(dataset[()])


def _plain(value):
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)
