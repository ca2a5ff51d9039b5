"""What is known besides a reading itself: dark level, spectra, and the calibration that they amount to. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from math import exp, hypot, inf, isfinite, log, nan, sqrt
from statistics import fmean, stdev
from typing import Generic, NamedTuple

import numpy as np

from acquire.evaluation.budget import REPEATABILITY, DarkScatter, Signals, difference_limit, photodiode_step
from acquire.evaluation.calibration import Calibration, Connection, LuminanceRoute
from acquire.photometry.choice import SpectrumCandidate, spectrum_defects
from acquire.photometry.constants import ELEMENTARY_CHARGE
from acquire.photometry.elementwise import IntArray, Q
from acquire.photometry.factors import SpectralFactors, by_calibration, spectral_factors, stacked
from acquire.photometry.grid import WAVELENGTH
from acquire.photometry.luminous import photon_exitance
from acquire.photometry.observer import v_lambda
from acquire.photometry.photodiode import (
    CalibratingLevel,
    PhotodiodeCalibration,
    calibration_from_spectra,
    dark_at,
    photocurrent,
)
from acquire.photometry.spectra import clipped_excess, signal_to_noise
from acquire.photometry.uncertainty import rectangular
from acquire.records import DarkReading, FloatArray, Reading, Spectrum

#: What noise may leave uncertain of the photocurrent of a level that says something about k_L, relative.
CALIBRATING_LIGHT = 0.1

#: What the noise of a spectrum's samples may leave uncertain of its integrals, relative, so that it counts for k_L.
CALIBRATING_NOISE = 1e-3


@dataclass(frozen=True)
class DarkLevel:
    """Mean and standard deviation of the photodiode signal without light [V or A], when [s], of how many readings."""

    time: float
    signal: float
    deviation: float
    readings: int = 1


@lru_cache(maxsize=64)
def scatter(values: tuple[float, ...]) -> float:
    """The sample standard deviation of a few readings, 0 of fewer than two; many questions ask for that of the same."""
    return stdev(values) if len(values) > 1 else 0.0


def dark_level(readings: Sequence[DarkReading]) -> DarkLevel | None:
    """Summarise dark readings; None when none of them is a number."""
    good = [reading for reading in readings if isfinite(reading.photodiode_signal)]
    if not good:
        return None
    signals = [reading.photodiode_signal for reading in good]
    time = fmean(reading.time for reading in good)
    return DarkLevel(time, fmean(signals), scatter(tuple(signals)), len(good))


class Absolute(NamedTuple, Generic[Q]):
    """What a spectrum says by itself, or one of many points: NaN where there is none.

    ``luminance`` [cd/m^2]; ``photons`` e N [A/m^2] of a Lambertian emitter, so that EQE is their quotient to the
    current density; the relative noise of both; and how much the light changed while it was taken, as a change of ln L.
    """

    luminance: Q
    photons: Q
    luminance_noise: Q
    photon_noise: Q
    drift: Q


NO_SPECTRUM_HERE = Absolute(nan, nan, nan, nan, nan)


@dataclass(frozen=True)
class MeasuredSpectrum:
    """A spectrum that has light.

    ``factors`` as :attr:`~acquire.evaluation.calibration.Calibration.shape` has them; ``usable``: nothing speaks
    against its shape.
    """

    spectrum: Spectrum
    factors: SpectralFactors[float]
    absolute: Absolute[float]
    usable: bool


@dataclass(frozen=True)
class Evidence:
    """All that is known at one moment besides a reading itself; ``spectra`` are those that have light."""

    calibration: Calibration
    dark_before: DarkLevel | None = None
    dark_after: DarkLevel | None = None
    spectra: tuple[MeasuredSpectrum, ...] = ()
    final: bool = False

    def with_dark(self, readings: Sequence[DarkReading]) -> Evidence:
        """This evidence after dark readings; those before the sweep and those after it are kept apart."""
        before = dark_level([reading for reading in readings if not reading.after])
        after = dark_level([reading for reading in readings if reading.after])
        return replace(self, dark_before=before or self.dark_before, dark_after=after or self.dark_after)

    def with_spectrum(self, spectrum: Spectrum, factors: SpectralFactors[float] | None = None) -> Evidence:
        """This evidence after one more spectrum; one without light is left out.

        ``factors`` are those of :meth:`shape_factors`, where they are known already.
        """
        return self.with_spectra([spectrum], [factors or self.shape_factors(spectrum.spectral_radiance)])

    def with_spectra(
        self, spectra: Sequence[Spectrum], factors: Sequence[SpectralFactors[float] | None] | None = None
    ) -> Evidence:
        """This evidence after more spectra; those without light are left out."""
        factors = factors or [self.shape_factors(spectrum.spectral_radiance) for spectrum in spectra]
        lit = (_measured(spectrum, one) for spectrum, one in zip(spectra, factors, strict=True) if one is not None)
        return replace(self, spectra=(*self.spectra, *lit))

    def shape_factors(self, spectral_radiance: FloatArray) -> SpectralFactors[float] | None:
        """The factors of a spectrum (401,) by ``calibration.shape``; None where eye or photodiode see nothing of it."""
        try:
            return spectral_factors(spectral_radiance, self.calibration.shape)
        except ValueError:
            return None

    def spectral_factors(self, spectral_radiance: FloatArray) -> SpectralFactors[float] | None:
        """The factors of a spectrum (401,); None where there is nothing that the eye or the photodiode sees."""
        factors = self.shape_factors(spectral_radiance)
        return self._in_use(factors) if factors else None

    def _in_use(self, factors: SpectralFactors[float]) -> SpectralFactors[float]:
        return factors if factors.calibration is self.photodiode else by_calibration(factors, self.photodiode)

    # --- the calibration ---------------------------------------------------------------------------------------

    @cached_property
    def by_spectra(self) -> PhotodiodeCalibration | None:
        """The photodiode as the spectra calibrate it, whatever counts; None where none of them can."""
        shape, levels = self.calibration.shape, [self._level(one) for one in self.calibrating]
        if shape is None or not levels:
            return None
        return calibration_from_spectra(levels, shape.responsivity, shape.shape_uncertainty, self._without_statistics)

    @property
    def _without_statistics(self) -> float:
        """The relative uncertainty of a k_L from so few spectra that their spread says nothing: linearity and noise."""
        own = [self._noise_of_both(one) for one in self.calibrating]
        noise = hypot(fmean(own), REPEATABILITY) / sqrt(len(own))
        return hypot(self.calibration.uncertainty.linearity, noise)

    def calibrating_noise(self, one: MeasuredSpectrum) -> float:
        """What scatters of the luminance of a spectrum over the photodiode's light meanwhile, relative (k = 1)."""
        return hypot(self._noise_of_both(one), REPEATABILITY)

    def _noise_of_both(self, one: MeasuredSpectrum) -> float:
        return hypot(self._noise_during(one.spectrum), one.absolute.photon_noise)

    @cached_property
    def calibrating(self) -> tuple[MeasuredSpectrum, ...]:
        """The spectra that say something about k_L: of good shape, and with light well above the dark readings.

        As long as there are some, only those whose integrals are hardly uncertain by the noise of their samples: what
        is left of it where negative samples were set to zero adds up over all that the photodiode sees.
        """
        seen = tuple(
            one
            for one in self.spectra
            if one.usable and one.spectrum.luminance > 0.0 and self._noise_during(one.spectrum) <= CALIBRATING_LIGHT
        )
        return tuple(one for one in seen if one.absolute.photon_noise <= CALIBRATING_NOISE) or seen

    def _level(self, one: MeasuredSpectrum) -> CalibratingLevel:
        light, of = self.light_during(one.spectrum), one.factors.integrals
        return CalibratingLevel(
            one.spectrum.luminance, light, of.visible, of.response, of.response_slope, of.wavelength
        )

    @cached_property
    def compared(self) -> PhotodiodeCalibration | None:
        """The photodiode's calibration that spectra are held against: that in use, or the file's where none is."""
        return self.calibration.photodiode if self.alone else self.photodiode

    @cached_property
    def photodiode(self) -> PhotodiodeCalibration | None:
        """The photodiode's calibration that counts now; None without one, or before the first spectrum gives it."""
        calibrated = self.calibration.conditions.luminance_route == LuminanceRoute.CALIBRATED
        return self.calibration.photodiode if calibrated else self.by_spectra

    @cached_property
    def in_use(self) -> Calibration:
        """The calibration with :attr:`photodiode` in its place."""
        same = self.photodiode is self.calibration.photodiode
        return self.calibration if same else replace(self.calibration, photodiode=self.photodiode)

    @cached_property
    def alone(self) -> bool:
        """Whether spectra alone give luminance, if anything does, so that only points with one have any."""
        alone = (LuminanceRoute.SPECTRORADIOMETER, LuminanceRoute.NONE, LuminanceRoute.IMPORTED)
        return self.calibration.conditions.luminance_route in alone

    @cached_property
    def without_light(self) -> bool:
        """Whether the device is not to shine: that it does not is nothing to remark."""
        return self.calibration.conditions.luminance_route == LuminanceRoute.NONE

    @cached_property
    def awaits_spectrum(self) -> bool:
        """Whether a first spectrum has to come before the photodiode's signal can become a luminance."""
        return self.photodiode is None and self.calibration.conditions.luminance_route == LuminanceRoute.FROM_SPECTRA

    def noise_of_light(self, reading: Reading) -> float:
        """What noise and display leave uncertain of the photodiode's light while a spectrum is awaited, relative.

        Infinite without light, and where none is awaited.
        """
        if not self.awaits_spectrum:
            return inf
        light = self.photocurrent(reading.photodiode_signal, reading.time)
        return self._noise(reading.photodiode_signal, light)

    def _noise_during(self, spectrum: Spectrum) -> float:
        return self._noise(spectrum.photodiode_signal, self.light_during(spectrum))

    def _noise(self, signal: float, light: float) -> float:
        """The relative uncertainty of a photocurrent [A] behind a signal, but for what the dark readings take out."""
        conditions = self.calibration.conditions
        seen = light * conditions.transfer
        if not light > 0.0:
            return inf
        limit = difference_limit(Signals(nan, nan, signal, light), seen, conditions, self.dark_scatter)
        return hypot(rectangular(limit), self.dark_deviation) / abs(seen)

    # --- the spectra -------------------------------------------------------------------------------------------

    @cached_property
    def factors(self) -> tuple[SpectralFactors[float], ...]:
        """The factors of each spectrum."""
        return tuple(self._in_use(one.factors) for one in self.spectra)

    @cached_property
    def candidates(self) -> tuple[SpectrumCandidate, ...]:
        """The spectra to choose from, all with a luminance of one kind: that of the photodiode, as points have it.

        One that the photodiode did not see has its own, brought to the others' scale.
        """
        by_photodiode = [
            self.light_during(one.spectrum) * factors.luminance_per_photocurrent
            for one, factors in zip(self.spectra, self.factors, strict=True)
        ]
        scale = _scale(by_photodiode, self.spectra)
        return tuple(
            SpectrumCandidate(
                one.spectrum.index,
                one.spectrum.point_index,
                one.spectrum.branch,
                light if light > 0.0 else one.spectrum.luminance * scale,
                one.spectrum.drift,
                usable=one.usable,
                cycle=one.spectrum.cycle,
            )
            for one, light in zip(self.spectra, by_photodiode, strict=True)
        )

    def light_during(self, spectrum: Spectrum) -> float:
        """The mean photocurrent while a spectrum was taken [A]."""
        return self.photocurrent(spectrum.photodiode_signal, spectrum.start)

    def factors_of(self, index: int) -> SpectralFactors[float]:
        """The factors of the spectrum with this index."""
        return self.factors[self._position[index]]

    def shape_of(self, index: int) -> tuple[float, float, float] | None:
        """Kappa [A/cd] and CIE 1931 x, y of the spectrum with this index; None where it has no shape to go by."""
        if index not in self._position or not self.spectra[self._position[index]].usable:
            return None
        of = self.factors_of(index)
        return of.kappa, of.chromaticity_x, of.chromaticity_y

    def absolute_of(self, index: int) -> Absolute[float]:
        """What the spectrum with this index says by itself."""
        return self.spectra[self._position[index]].absolute

    @cached_property
    def _position(self) -> dict[int, int]:
        return {one.spectrum.index: position for position, one in reversed(list(enumerate(self.spectra)))}

    @cached_property
    def latest_factors(self) -> SpectralFactors[float] | None:
        """The factors of the last spectrum, or of one that stands in."""
        measured = self.factors[-1] if self.spectra else None
        return measured or self.in_use.reference_factors or self.in_use.assumed_factors

    @cached_property
    def stacked(self) -> SpectralFactors[FloatArray]:
        """The factors of all spectra, as arrays."""
        return stacked(self.factors)

    @cached_property
    def stacked_absolute(self) -> Absolute[FloatArray]:
        """What all spectra say by themselves, as arrays."""
        return Absolute(*np.array([one.absolute for one in self.spectra], float).reshape(-1, len(Absolute._fields)).T)

    @cached_property
    def positions(self) -> IntArray:
        """Where the spectrum with an index stands among all spectra."""
        positions = np.zeros(max(self._position) + 1, int)
        positions[list(self._position)] = list(self._position.values())
        return positions

    # --- the dark level ----------------------------------------------------------------------------------------

    def dark_signal(self, time: Q) -> Q | float:
        """The photodiode's dark signal at a moment [V]: on the line through the readings before and after."""
        before, after = self.dark_before, self.dark_after
        if before is None or after is None:
            level = before or after
            return level.signal if level else 0.0
        return dark_at(time, (before.time, before.signal), (after.time, after.signal))

    @cached_property
    def dark_deviation(self) -> float:
        """The standard deviation of a dark reading [V], 0 when unknown."""
        levels = [level.deviation for level in (self.dark_before, self.dark_after) if level]
        return max(levels, default=0.0)

    @cached_property
    def dark_photocurrent(self) -> float:
        """The deviation of a dark reading as a photocurrent [A]; without an amplifier a step of the meter at least."""
        conditions = self.calibration.conditions
        coarse = conditions.connection != Connection.AMPLIFIER
        least = photodiode_step(conditions) if coarse else 0.0
        return max(self.dark_deviation, least) / abs(conditions.transfer)

    @cached_property
    def dark_scatter(self) -> DarkScatter:
        """How the dark readings scatter."""
        counts = [level.readings for level in (self.dark_before, self.dark_after) if level]
        return DarkScatter(self.dark_deviation, min(counts, default=0))

    def photocurrent(self, signal: Q, time: Q) -> Q:
        """Photocurrent [A] behind an amplifier voltage [V] read at ``time`` [s]; positive where there is light."""
        return photocurrent(signal, self.dark_signal(time), self.calibration.conditions.transfer)


def _measured(spectrum: Spectrum, factors: SpectralFactors[float]) -> MeasuredSpectrum:
    clearness = signal_to_noise(spectrum.spectral_radiance)
    noise = float(spectrum.spectral_radiance.max()) / clearness if clearness > 0 else nan
    integral = spectrum.luminance / (factors.efficacy or nan)  # the radiance, in W/(m^2 sr)
    absolute = Absolute(
        spectrum.luminance,
        ELEMENTARY_CHARGE * photon_exitance(spectrum.spectral_radiance),
        _noise_in(v_lambda(), spectrum.spectral_radiance, noise) / (factors.integrals.visible * integral),
        _noise_in(WAVELENGTH, spectrum.spectral_radiance, noise) / (factors.integrals.wavelength * integral),
        abs(spectrum.drift) if isfinite(spectrum.drift) else 0.0,
    )
    return MeasuredSpectrum(spectrum, factors, absolute, not spectrum_defects(clearness))


def _noise_in(function: FloatArray, spectrum: FloatArray, noise: float) -> float:
    """What white noise of every sample leaves uncertain of the integral of a spectrum with a function (401,)."""
    return hypot(noise * sqrt(float(function @ function)), clipped_excess(spectrum, function))


def _scale(by_photodiode: Sequence[float], spectra: Sequence[MeasuredSpectrum]) -> float:
    """The photodiode's luminance over that of the spectra, in the geometric mean; 1 where nothing tells it."""
    pairs = [(light, one.spectrum.luminance) for light, one in zip(by_photodiode, spectra, strict=True) if one.usable]
    logarithms = [log(light / spectral) for light, spectral in pairs if light > 0.0 and spectral > 0.0]
    return exp(fmean(logarithms)) if logarithms else 1.0
