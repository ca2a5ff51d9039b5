"""From a spectrum and the readings taken meanwhile to its colour, its drift and what it says about points. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import isfinite, log, nan
from statistics import fmean

from acquire.evaluation.evaluate import Evidence
from acquire.photometry import luminous
from acquire.photometry.factors import SpectralFactors, spectral_factors
from acquire.records import ExposureSample, Reading, Spectrum


def evaluate_spectrum(
    spectrum: Spectrum, samples: Sequence[ExposureSample], reading: Reading, evidence: Evidence
) -> tuple[Spectrum, Evidence]:
    """Compute what can be known of a spectrum taken at a point, and the evidence of which it is a part from now on.

    ``samples`` are the readings during its exposure, ``reading`` that of the point, before it.
    """
    factors = evidence.shape_factors(spectrum.spectral_radiance)
    complete = with_colorimetry(with_signals(spectrum, samples, reading, evidence), factors)
    return complete, evidence.with_spectrum(complete, factors) if factors else evidence


def with_signals(
    spectrum: Spectrum, samples: Sequence[ExposureSample], reading: Reading, evidence: Evidence
) -> Spectrum:
    """The spectrum with the mean photodiode signal of its exposure, and the changes of ln(L) and ln(J) until its end.

    A change is that from ``reading``, of the point at which it was taken, to the last of the ``samples``; NaN
    where one of them is missing or not brighter than the dark readings.
    """
    # Samples from before belong to a measurement that gave no data
    during = [sample for sample in samples if sample.time >= spectrum.start]
    signals = [sample.photodiode_signal for sample in during if isfinite(sample.photodiode_signal)]
    currents = [sample.current for sample in during if isfinite(sample.current)]
    before = evidence.photocurrent(reading.photodiode_signal, reading.time)
    after = evidence.photocurrent(signals[-1], spectrum.stop) if signals else nan
    drift = log(after / before) if before > 0.0 and after > 0.0 else nan
    ratio = currents[-1] / reading.current if currents and reading.current else nan
    return replace(
        spectrum,
        photodiode_signal=fmean(signals) if signals else nan,
        drift=drift,
        current_density_drift=log(ratio) if ratio > 0.0 else nan,
    )


def with_colorimetry(spectrum: Spectrum, factors: SpectralFactors[float] | None = None) -> Spectrum:
    """The spectrum with luminance, chromaticity, peak and width computed from it; NaN where there is no light.

    ``factors`` are those of the spectrum, where they are known already.
    """
    luminance = luminous.luminance(spectrum.spectral_radiance)
    try:
        factors = factors or spectral_factors(spectrum.spectral_radiance)
    except ValueError:
        return replace(spectrum, luminance=luminance)
    return replace(
        spectrum,
        luminance=luminance,
        x=factors.chromaticity_x,
        y=factors.chromaticity_y,
        peak_wavelength=factors.peak_wavelength,
        fwhm=factors.fwhm,
        mismatch_factor=_mismatch(factors),
    )


def _mismatch(factors: SpectralFactors[float]) -> float:
    photodiode = factors.calibration
    return nan if photodiode is None else photodiode.mismatch(factors.luminance_per_photocurrent)
