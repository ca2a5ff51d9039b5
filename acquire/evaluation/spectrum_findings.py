"""A spectrum held against what the spectroradiometer itself made of it. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from acquire.evaluation.evidence import MeasuredSpectrum
from acquire.evaluation.known import Known
from acquire.evaluation.touched import quantum, spectral
from acquire.records import Finding, Severity, Spectrum, counted

#: How far the meter's own luminance (relative) and x, y may be from those of the spectrum that it sent: it sums where
#: the program integrates, and writes so many digits.
LUMINANCE_TOLERANCE, CHROMATICITY_TOLERANCE = 0.01, 0.002


def spectra_against_their_meter(known: Known) -> Iterator[Finding]:
    """Ask whether luminance and colour as the meter computed them are those of the spectrum that it sent."""
    apart = [(text, one) for one in known.evidence.spectra if (text := _difference(one))]
    if not apart:
        return
    text, first = apart[0]
    more = f" (and {len(apart) - 1} more)" if len(apart) > 1 else ""
    yield Finding(
        known.time,
        "spectrum_contradicts_its_meter",
        Severity.DOUBTFUL,
        f"spectrum {counted(first.spectrum.index)}{more} is not what the spectroradiometer made of it: {text}",
        tuple(dict.fromkeys((*spectral(known.figures), *quantum(known.figures)))),
        "Look at the notes for garbled replies and at the cable of the spectroradiometer, and take the spectrum again",
    )


def _difference(one: MeasuredSpectrum) -> str:
    """What the meter says otherwise; empty where it says the same, or says nothing."""
    spectrum: Spectrum = one.spectrum
    if not one.usable:
        return ""
    if abs(spectrum.meter_luminance / spectrum.luminance - 1) > LUMINANCE_TOLERANCE:
        return f"{spectrum.luminance:.4g} cd/m^2, by the meter {spectrum.meter_luminance:.4g} cd/m^2"
    for name, ours, theirs in (("x", spectrum.x, spectrum.meter_x), ("y", spectrum.y, spectrum.meter_y)):
        if abs(ours - theirs) > CHROMATICITY_TOLERANCE:
            return f"{name} = {ours:.4f}, by the meter {theirs:.4f}"
    return ""
