"""What is right and yet should be known before a file is used: rules that yield cautions, never problems."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from itertools import chain
from math import isclose
from typing import TYPE_CHECKING

from acquire.config.bench import BenchFile, EmissiveArea, Instruments, PhotodiodeChannel
from acquire.config.calibration import CalibrationFile, LuminanceFactor
from acquire.config.device import DeviceFile
from acquire.config.parsing import Parsed
from acquire.config.source_quantities import Stretch
from acquire.config.sweep import Sample, Source, Spectra, SweepFile
from acquire.config.yaml_source import Caution, Place
from acquire.photometry.spot import unfilled_share
from drivers import models

if TYPE_CHECKING:
    from acquire.config.tables import Curve

Cautions = Iterator[Caution]

#: From this baud rate up the message that makes the source safe is sent and carried out within the promised time.
SLOWEST_SAFE_LINE = 1200
OFF_WITHIN = 2  # s
_ALIKE = 0.1  # areas that differ by less are within what a pixel's outline is known to


def bench_cautions(bench: Parsed[BenchFile]) -> Cautions:
    """What to know of a bench."""
    instruments = bench.section("instruments", Instruments)
    smu = instruments.smu if instruments else None
    if smu is None or smu.serial is None or not smu.resource.upper().startswith("ASRL"):
        return
    if smu.serial.baud_rate is not None and smu.serial.baud_rate < SLOWEST_SAFE_LINE:
        message = (
            f"at {smu.serial.baud_rate} baud it takes longer than the promised {OFF_WITHIN} s "
            "from a fault to the source's output being off"
        )
        hint = f"set {SLOWEST_SAFE_LINE} baud or more here and on the instrument"
        yield bench.source.caution(("instruments", "smu", "serial", "baud_rate"), message, hint)


def calibration_cautions(calibration: Parsed[CalibrationFile], today: date) -> Cautions:
    """What to know of a calibration file on the day it is used."""
    where, made = calibration.source, calibration.section("date", date)
    if made is not None and made > today:
        message = f"{made} lies in the future: today is {today}"
        yield where.caution(("date",), message, "correct it, or the clock of this computer", found_by_run=True)
    until = calibration.section("valid_until", date)
    if until is not None and until < today:
        message = f"it was valid until {until}: today is {today}"
        yield where.caution(("valid_until",), message, "calibrate again", found_by_run=True)
    factor = calibration.section("luminance_factor", LuminanceFactor)
    if factor is not None and factor.uncertainty is None:
        message = "has no uncertainty: nor will any luminance or efficiency measured with it"
        hint = "calibrate at three levels or more, or give luminance_factor.uncertainty"
        yield where.caution(("luminance_factor",), message, hint)


#: The responsivity of the simulated photodiode, a straight line as no real one is: slope [A/W/nm], offset [A/W].
SIMULATED_RESPONSIVITY = (6.0e-4, -0.012)


def is_example(certificate: CalibrationFile | None, responsivity: Curve | None) -> bool:
    """Whether a calibration is the one made up for the simulated bench, or one that was made on it.

    A copy under another name is it still. ``responsivity`` are wavelengths [nm] and values [A/W], None without.
    """
    if certificate is not None and (certificate.id.startswith("simulated-photodiode") or _is_simulated(certificate)):
        return True
    slope, offset = SIMULATED_RESPONSIVITY
    if responsivity is None:
        return False
    wavelength, value = responsivity
    return bool((abs(value - slope * wavelength - offset) < 1e-6).all())


def _is_simulated(certificate: CalibrationFile) -> bool:
    return certificate.origin is not None and certificate.origin.simulated


def example_cautions(bench: Parsed[BenchFile], example: bool) -> Cautions:
    """On a real bench the calibration of the simulated one measures nothing."""
    visa = bench.section("visa", str)
    if example and visa is not None and visa != "simulated" and not bench.section("twins", bool):
        message = "the example of the simulated bench was never measured on this one: its luminance means nothing"
        hint = "calibrate (acquire calibrate), or write luminance: from_spectra"
        yield bench.source.caution(("photodiode", "calibration"), message, hint, found_by_run=True)


def span_cautions(sweep: Parsed[SweepFile], responsivity: Curve | None) -> Cautions:
    """A device should shine where the photodiode's responsivity was measured."""
    sample = sweep.section("sample", Sample)
    line = sample.expected_line if sample else None
    if line is None or responsivity is None:
        return
    shortest, longest = float(responsivity[0][0]), float(responsivity[0][-1])
    if line.peak - line.fwhm < shortest or line.peak + line.fwhm > longest:
        message = f"the photodiode's responsivity was measured from {shortest:g} to {longest:g} nm only"
        hint = "take a table that covers the light of this device"
        yield sweep.source.caution(("sample", "expected_line"), message, hint, found_by_run=True)


def sweep_cautions(sweep: Parsed[SweepFile], bench: Parsed[BenchFile]) -> Cautions:
    """What to know of a sweep on its bench."""
    yield from chain(_fine_steps(sweep, bench), _area(sweep, bench), _area_of_this_run(sweep))
    yield from chain(_spot(sweep, bench), _few_spectra(sweep, bench))


def _fine_steps(sweep: Parsed[SweepFile], bench: Parsed[BenchFile]) -> Cautions:
    """Levels nearer to each other than the source can tell apart."""
    source, instruments = sweep.section("source", Source), bench.section("instruments", Instruments)
    count = source.level_count() if source else 0
    if source is None or instruments is None or count < 2:
        return
    span = models.source_meter(instruments.smu.model).span(source.function)
    try:
        range_ = span.smallest_range(source.largest_level() if source.range == "auto" else float(source.range))
    except ValueError:  # beyond the instrument: a problem of its own
        return
    finest = span.steps[range_]
    for i, part in enumerate(source.parts()):
        at: Place = ("source", "stretches", i) if source.stretches else ("source",)
        yield from _finer_than(sweep, at, part, finest, f"{range_:g} {source.unit}")


def _finer_than(sweep: Parsed[SweepFile], at: Place, part: Stretch, finest: float, range_: str) -> Cautions:
    start, unit = part.start or 0.0, range_.split()[1]
    span, count = abs(part.stop - start), part.level_count()
    hint = "take larger steps, or a smaller range if one holds them"
    if part.points_per_decade is not None:
        nearest = min(abs(start), abs(part.stop))
        step = (
            nearest * (max(abs(start), abs(part.stop)) / nearest) ** (1 / max(count - 1, 1)) - nearest
            if nearest
            else 0.0
        )
        if 0.0 < step < finest * (1 - 1e-9):
            message = (
                f"near {nearest:g} {unit} the levels lie {step:.2g} {unit} apart, finer than the source on its "
                f"{range_} range, {finest:g} {unit}: some are the same"
            )
            yield sweep.source.caution((*at, "points_per_decade"), message, hint)
        return
    step = span / (count - 1) if count > 1 else 0.0
    if 0.0 < step < finest * (1 - 1e-9):
        different = round(span / finest) + 1
        message = (
            f"steps of {step:g} {unit} are finer than the source on its {range_} range, {finest:g} {unit}: "
            f"of {count} levels it puts out {different} different ones"
        )
        yield sweep.source.caution((*at, "step" if part.step is not None else "points"), message, hint)


def _area(sweep: Parsed[SweepFile], bench: Parsed[BenchFile]) -> Cautions:
    sample, likely = sweep.section("sample", Sample), bench.section("emissive_area", EmissiveArea)
    if sample is None or likely is None or likely.smallest <= sample.emissive_area <= likely.largest:
        return
    area = sample.emissive_area
    message = f"is a pixel really {area_text(area)} large?"
    hint = f"this bench expects {area_text(likely.smallest)} to {area_text(likely.largest)} (its emissive_area)"
    yield sweep.source.caution(("sample", "emissive_area"), message, hint, found_by_run=True)


def device_cautions(sweep: Parsed[SweepFile], device: DeviceFile | None) -> Cautions:
    """A simulated device is as large as its own file says, whatever the sample's area is."""
    sample = sweep.section("sample", Sample)
    emitter = (device.emitter or device.single_carrier) if device else None
    if sample is None or emitter is None or isclose(sample.emissive_area, emitter.area, rel_tol=_ALIKE):
        return
    message = f"the simulated device has {area_text(emitter.area)}: luminance and efficiencies will not fit this area"
    yield sweep.source.caution(
        ("sample", "emissive_area"), message, f"take {area_text(emitter.area)} to try things out"
    )


def _area_of_this_run(sweep: Parsed[SweepFile]) -> Cautions:
    """An area said for one run comes without an uncertainty of its own."""
    sample, at = sweep.section("sample", Sample), ("sample", "emissive_area")
    of_file = sample.emissive_area_uncertainty if sample else None
    spread = ("sample", "emissive_area_uncertainty")
    if of_file is None or at not in sweep.source.origins or spread in sweep.source.origins:
        return
    message = f"its standard uncertainty stays {area_text(of_file)}, as in {sweep.source.where(spread)}"
    yield sweep.source.caution(at, message, "give this one's with it: --area '4 mm^2 +- 0.1 mm^2'")


def area_text(area: float) -> str:
    """An area [m^2] in the largest unit in which it is 1 or more."""
    for unit, factor in (("m^2", 1.0), ("cm^2", 1e-4), ("mm^2", 1e-6)):
        if area >= factor * (1 - 1e-9):
            return f"{area / factor:g} {unit}"
    return f"{area * 1e6:g} mm^2"


def _spot(sweep: Parsed[SweepFile], bench: Parsed[BenchFile]) -> Cautions:
    sample, instruments = sweep.section("sample", Sample), bench.section("instruments", Instruments)
    meter = instruments.spectroradiometer if instruments else None
    specification = models.spectroradiometer(meter.model) if meter else None
    if sample is None or meter is None or specification is None or sweep.section("spectra", Spectra) is None:
        return
    if meter.measuring_angle not in specification.measuring_angles:
        return
    spot = specification.spot(meter.measuring_angle, meter.distance, close_up_lens=meter.close_up_lens)
    beside = unfilled_share(spot, sample.emissive_area)
    if beside > 0.0:
        message = (
            f"the spot at {meter.measuring_angle:g} deg is {spot * 1e3:.3g} mm wide, a square pixel of "
            f"{area_text(sample.emissive_area)} {sample.emissive_area**0.5 * 1e3:.3g} mm: where it is dark beside the "
            f"pixel, spectra read up to {beside:.0%} too low"
        )
        at = ("instruments", "spectroradiometer", "measuring_angle")
        yield bench.source.caution(at, message, "take a smaller angle, the close-up lens or a shorter distance")


def _few_spectra(sweep: Parsed[SweepFile], bench: Parsed[BenchFile]) -> Cautions:
    """Luminance from the run's own spectra rests on how many there are."""
    photodiode, spectra = bench.section("photodiode", PhotodiodeChannel), sweep.section("spectra", Spectra)
    if photodiode is None or spectra is None or photodiode.luminance_route != "from_spectra" or spectra.every:
        return
    most = len(spectra.at_luminance) + len(spectra.at_voltage) + len(spectra.at_current)
    most += len(spectra.afterwards.at_luminance) if spectra.afterwards else 0
    if most < 3:
        message = f"plans {most} spectr{'um' if most == 1 else 'a'}: their spread does not tell how well they calibrate"
        yield sweep.source.caution(("spectra",), message, "plan three or more; with fewer the stated linearity counts")
