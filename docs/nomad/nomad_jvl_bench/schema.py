"""Sections of an entry: a run of a light-emitting device, its curves, spectra, lifetime and figures of merit."""

import numpy as np
from nomad.datamodel.data import ArchiveSection, EntryData
from nomad.datamodel.metainfo.basesections import Measurement, MeasurementResult
from nomad.metainfo import MEnum, Quantity, SchemaPackage, Section, SubSection

m_package = SchemaPackage(name="Light-emitting devices")


def _numbers(unit: str, description: str) -> Quantity:
    return Quantity(type=np.float64, shape=["*"], unit=unit, description=description)


class JVLCurve(ArchiveSection):
    """A value for each point of the sweep; NaN where there is none, with a flag that says why."""

    time = _numbers("s", "since the start of the run")
    voltage = _numbers("V", "measured by the source-measure unit")
    current = _numbers("A", "measured by the source-measure unit")
    current_density = _numbers("A/m**2", "current over the emissive area")
    current_density_uncertainty = _numbers("A/m**2", "standard uncertainty (k = 1)")
    luminance = _numbers("cd/m**2", "normal to the device")
    luminance_uncertainty = _numbers("cd/m**2", "standard uncertainty (k = 1)")
    current_efficiency = _numbers("cd/A", "luminance over current density")
    current_efficiency_uncertainty = _numbers("cd/A", "standard uncertainty (k = 1)")
    power_efficiency = _numbers("lm/W", "luminous flux over electrical power")
    power_efficiency_uncertainty = _numbers("lm/W", "standard uncertainty (k = 1)")
    external_quantum_efficiency = _numbers("dimensionless", "photons out over electrons in, a fraction")
    external_quantum_efficiency_uncertainty = _numbers("dimensionless", "standard uncertainty (k = 1)")
    branch = Quantity(type=str, shape=["*"], description="direction of the sweep at each point")
    flags = Quantity(type=np.int64, shape=["*"], description="sum of the bits that the run file explains")


class ELSpectrum(ArchiveSection):
    """An electroluminescence spectrum."""

    wavelength = _numbers("nm", "in standard air")
    spectral_radiance = _numbers("W/(m**2*sr*nm)", "normal to the device")
    luminance = Quantity(type=np.float64, unit="cd/m**2", description="from the spectrum")
    chromaticity_x = Quantity(type=np.float64, description="CIE 1931 x")
    chromaticity_y = Quantity(type=np.float64, description="CIE 1931 y")
    point = Quantity(type=np.int64, description="row of the J-V-L curve at which it was taken, -1 for none")


class Lifetime(ArchiveSection):
    """How a device aged: some rows of its record, evenly spaced."""

    stress_time = _numbers("s", "under the level of the test, without breaks")
    relative_luminance = _numbers("dimensionless", "luminance over the initial one")
    voltage = _numbers("V", "measured by the source-measure unit")
    rows_in_file = Quantity(type=np.int64, description="how many rows the run file has")


class FigureOfMerit(ArchiveSection):
    """One number of a run, in the unit that stands beside it."""

    name = Quantity(type=str, description="as in the run file")
    value = Quantity(type=np.float64, description="in SI units; none where there is no value")
    unit = Quantity(type=str)
    uncertainty = Quantity(type=np.float64, description="standard uncertainty (k = 1), in the same unit")
    status = Quantity(type=str, description="ok, or what is to be said of it")
    reason = Quantity(type=str, description="why its status is not ok")


class LEDResult(MeasurementResult):
    """What was measured."""

    jvl = SubSection(section_def=JVLCurve)
    spectra = SubSection(section_def=ELSpectrum, repeats=True)
    lifetime = SubSection(section_def=Lifetime)
    figures_of_merit = SubSection(section_def=FigureOfMerit, repeats=True)


class LEDMeasurement(Measurement, EntryData):
    """A run of a light-emitting device: current density, voltage, luminance, spectra."""

    m_def = Section(label="LED measurement (J-V-L)")

    end_time = Quantity(type=str, description="when the run ended, ISO 8601 with the offset from UTC")
    user = Quantity(type=str, description="who measured")
    run_id = Quantity(type=str, description="the run's own number (UUID)")
    program = Quantity(type=str, description="the program that recorded it, with its version")
    status = Quantity(type=MEnum("completed", "stopped", "failed", "interrupted"), description="how the run ended")
    stop_reason = Quantity(type=str, description="why it ended there")
    simulated = Quantity(type=bool, description="whether no instrument was there")
    emissive_area = Quantity(type=np.float64, unit="m**2", description="of the device")
    findings = Quantity(type=str, shape=["*"], description="what contradicts its numbers, with severity")
    results = Measurement.results.m_copy()
    results.section_def = LEDResult


m_package.__init_metainfo__()
