"""Every kind of finding by its code: how grave it can be, what it says, what to do; pages for people are made of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from acquire.records import Severity

_NOTE, _DOUBTFUL, _IMPOSSIBLE = Severity


@dataclass(frozen=True)
class FindingKind:
    """What a finding of one code means: ``severities`` are those that it can have, the least first."""

    severities: tuple[Severity, ...]
    meaning: str
    remedy: str


#: In the order in which they are best read: light compared, physics, photodiode, device, calibration, bench.
FINDING_KINDS: Mapping[str, FindingKind] = {
    "photodiode_factor": FindingKind(
        (_NOTE, _DOUBTFUL, _IMPOSSIBLE),
        "the photodiode's luminance is not that of the spectra, by one factor at all of them; which slip the factor "
        "looks like: a decade of the gain, pi, mm^2 for cm^2",
        "compare the gain with the knob, the distance, the area, units; calibrate again, or set `photodiode.luminance: "
        "from_spectra`",
    ),
    "photodiode_not_linear": FindingKind(
        (_NOTE, _DOUBTFUL, _IMPOSSIBLE),
        "the quotient of photodiode and spectra moves with the level",
        "look for saturation, stray light, a range that changes",
    ),
    "photodiode_drift": FindingKind(
        (_NOTE, _DOUBTFUL, _IMPOSSIBLE),
        "the quotient of photodiode and spectra moves with time",
        "fix device and photodiode; let the amplifier warm up",
    ),
    "spot_larger_than_pixel": FindingKind(
        (_DOUBTFUL,),
        "spectra read too little, by what the spot sees beside the pixel: seen against the photodiode, or, where "
        "luminance comes from spectra, more than 5 % of the spot lies there",
        "a smaller angle, the close-up lens",
    ),
    "luminance_factor_unexpected": FindingKind(
        (_NOTE,),
        "the spectra of this run calibrate the photodiode, and gain and calibration file had led to expect another "
        "k_L. A wrong gain or distance is harmless then; a wrong pixel area, filter or lens is not",
        "compare all of these with the bench and sweep files",
    ),
    "luminance_factor_not_checked": FindingKind(
        (_NOTE,),
        "the spectra of this run calibrate the photodiode, and there is no calibration file to compare with",
        "nothing, or make one",
    ),
    "spectrum_contradicts_its_meter": FindingKind(
        (_DOUBTFUL,),
        "the spectroradiometer's own luminance or x, y do not follow from the spectrum that it sent",
        "look for garbled replies and a bad cable",
    ),
    "more_photons_than_electrons": FindingKind(
        (_DOUBTFUL, _IMPOSSIBLE),
        "an EQE above 1",
        "compare current, pixel area, gain, units",
    ),
    "more_light_than_power": FindingKind(
        (_DOUBTFUL, _IMPOSSIBLE),
        "a power efficiency beyond what the efficacy of this colour allows",
        "compare current, pixel area, gain, units",
    ),
    "unlikely_efficiency": FindingKind(
        (_DOUBTFUL,),
        "an EQE above 50 %, which no planar device has: the first sign of a wrong pixel area, also where luminance "
        "comes from spectra",
        "compare current, pixel area, gain, units; with an out-coupling lens it may be right",
    ),
    "current_not_resolved": FindingKind(
        (_DOUBTFUL,),
        "a figure is made from points with light whose current is below what the source may be wrong by on the range "
        "it was read on: that efficiency means nothing",
        "a smaller current range; where no current flows, look for stray light and for the contact",
    ),
    "amplifier_at_limit": FindingKind(
        (_NOTE, _DOUBTFUL),
        "the amplifier is at its limit: by `photodiode.amplifier_limit` of the bench file, or because several points "
        "stand at one value while the current rises. Points carry the flag `amplifier_limit`, and a figure made from "
        "them is a `lower_bound`",
        "a smaller gain",
    ),
    "signal_falls_with_light": FindingKind(
        (_NOTE, _DOUBTFUL),
        "the signal goes the wrong way: the amplifier inverts, and the bench file does not know",
        "a negative `photodiode.amplifier`",
    ),
    "light_on_other_side": FindingKind(
        (_DOUBTFUL,),
        "light at levels of the other sign only",
        "swap the leads, or `sample.polarity`",
    ),
    "aged_during_sweep": FindingKind(
        (_NOTE, _DOUBTFUL),
        "the level of the first spectrum, read once more after the sweep, gives less (or more) light than it did",
        "fewer or shorter points, less current",
    ),
    "photodiode_loaded": FindingKind(
        (_NOTE,),
        "a photodiode into a resistor works into more than some 10 mV of its own",
        "a smaller resistor, or an amplifier",
    ),
    "light_outside_responsivity": FindingKind(
        (_DOUBTFUL,),
        "the device shines where the responsivity table does not reach",
        "a table that covers the light",
    ),
    "calibration_is_example": FindingKind(
        (_NOTE, _DOUBTFUL),
        "a real bench with the calibration of the simulated one",
        "`acquire calibrate`",
    ),
    "calibration_expired": FindingKind(
        (_NOTE,),
        "the day of the run is after the last one of the calibration",
        "calibrate again",
    ),
    "calibration_of_the_future": FindingKind(
        (_NOTE,),
        "the day of the run is before that of the calibration",
        "look at the clock, or at the date in the calibration file",
    ),
    "dark_unsteady": FindingKind(
        (_DOUBTFUL,),
        "the dark readings before and after the sweep scatter so differently that not all of them were dark; light "
        "weaker than three times the larger scatter counts as none",
        "look at `/entry/dark` and for light that came in; cover the bench, sweep again",
    ),
    "outside_calibrated_span": FindingKind(
        (_NOTE,),
        "there is light at luminances at which the photodiode was not calibrated, so that nobody has looked whether "
        "it is linear there",
        "calibrate with levels as dark and as bright",
    ),
    "unlikely_area": FindingKind(
        (_NOTE,),
        "a pixel area outside `emissive_area` of the bench file",
        "look at the unit",
    ),
    "ambient_temperature": FindingKind(
        (_NOTE,),
        "the air beside the bench, where it is logged, was not at 23 +- 2 degC: current, light and lifetime change by "
        "some percent a kelvin",
        "say the temperature beside the figures, or measure again when the room is as usual",
    ),
    "bench_check_failed": FindingKind(
        (_NOTE, _DOUBTFUL),
        "the last check of the bench failed or is in alarm; doubtful where light changed by more than 5 %",
        "look for what changed; then `acquire health --accept`",
    ),
    "not_asked": FindingKind(
        (_NOTE,),
        "one of these could not be asked: an error of the program; the others were",
        "report it",
    ),
}
