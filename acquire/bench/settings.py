"""What each instrument of a bench is set to for a plan. Pure."""

from __future__ import annotations

from dataclasses import replace

from acquire.config import LoadedSweep
from acquire.config.bench import SerialLine
from acquire.sweep.plan import SweepPlan
from drivers import models, specification
from drivers.cs2000a.driver import SpectroradiometerSettings
from drivers.keithley2000.driver import DmmSettings
from drivers.keithley2400.driver import SmuSettings

#: Characters of a message that sets a level and starts a reading, such as ``:SOUR:VOLT -1.2345675;:READ?``.
LONGEST_POINT_MESSAGE = 36


def serial_line(line: SerialLine | None, usual: specification.SerialLine) -> specification.SerialLine:
    """The settings of a serial line; what is not given is what is usual for the instrument."""
    if line is None:
        return usual
    return specification.SerialLine(
        baud_rate=line.baud_rate or usual.baud_rate,
        terminator=specification.TERMINATORS[line.terminator] if line.terminator else usual.terminator,
        flow_control=line.flow_control or usual.flow_control,
    )


def smu_settings(loaded: LoadedSweep, plan: SweepPlan) -> SmuSettings:
    """What the source-measure unit is set to for this plan."""
    smu, measure = loaded.bench.instruments.smu, loaded.sweep.measure
    return SmuSettings(
        source="voltage" if plan.source_function == "voltage" else "current",
        max_level=plan.largest_level,
        compliance=plan.compliance,
        measure_range=_measure_range(loaded, plan),
        # A current source measures on its source range; its measure range is one of voltage
        measure_range_lower_limit=measure.current_range_lower_limit if plan.source_function == "voltage" else None,
        smallest_source_range=None if isinstance(loaded.sweep.source.range, str) else loaded.sweep.source.range,
        nplc=measure.nplc,
        autozero=measure.autozero,
        four_wire=smu.four_wire,
        terminals=smu.terminals,
        line_frequency=60 if smu.line_frequency > 55.0 else 50,
        output_off_state=smu.output_off_state,
        interlock=smu.interlock,
        over_voltage_protection=None if smu.over_voltage_protection is None else round(smu.over_voltage_protection),
        filter_count=measure.filter_count,
        settling_time=plan.settle,
    )


def _measure_range(loaded: LoadedSweep, plan: SweepPlan) -> float | None:
    """The range of what is measured and not sourced (A or V), None for autorange, which pulses a trigger link again."""
    if plan.source_function == "current":
        return plan.compliance if plan.hardware_timed else None
    fixed = loaded.sweep.measure.current_range
    return None if isinstance(fixed, str) else fixed


def pretest_settings(loaded: LoadedSweep, plan: SweepPlan) -> SmuSettings:
    """What it is set to for a pretest with this plan: it finds its ranges by itself, down to the smallest currents."""
    return replace(
        smu_settings(loaded, plan),
        measure_range=None,
        measure_range_lower_limit=None,
        smallest_source_range=None,
        nplc=1.0,
        autozero=True,
        filter_count=1,
    )


def dmm_settings(loaded: LoadedSweep) -> DmmSettings:
    """What the photodiode's meter is set to; its settling time begins when it is triggered, the level comes later."""
    measure, photodiode = loaded.sweep.measure, loaded.bench.photodiode
    range_ = measure.photodiode_current_range if photodiode.current else measure.photodiode_range
    return DmmSettings(
        function="current" if photodiode.current else "voltage",
        range_=None if isinstance(range_, str) else range_,
        nplc=measure.photodiode_nplc,
        autozero=measure.autozero,
        filter_count=measure.filter_count,
        settling_time=measure.settle + level_latency(loaded),
    )


def level_latency(loaded: LoadedSweep) -> float:
    """How long after its message is sent a level is at the terminals [s]: sent on a serial line, and taken up."""
    smu = loaded.bench.instruments.smu
    meter = models.source_meter(smu.model)
    if not smu.resource.upper().startswith("ASRL"):
        return meter.level_latency
    line = serial_line(smu.serial, meter.serial)
    return meter.level_latency + LONGEST_POINT_MESSAGE * 10 / line.baud_rate


def spectroradiometer_settings(loaded: LoadedSweep) -> SpectroradiometerSettings:
    """What the spectroradiometer is set to."""
    meter, spectra = loaded.bench.instruments.spectroradiometer, loaded.sweep.spectra
    assert meter is not None
    assert spectra is not None
    return SpectroradiometerSettings(
        speed_mode=spectra.speed,
        integration_time=1.0 if spectra.integration_time is None else spectra.integration_time,
        internal_nd=spectra.internal_nd,
        synchronisation="internal" if spectra.sync == "frequency" else spectra.sync,
        sync_frequency=60.0 if spectra.sync_frequency is None else spectra.sync_frequency,
        external_nd=meter.external_nd,
        close_up_lens=meter.close_up_lens,
        calibration_channel=meter.calibration_channel,
    )
