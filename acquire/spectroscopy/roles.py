"""What the columns of other instruments' files are called: impedance, decays, absorbance; and their checks. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from acquire.records import FloatArray
from acquire.spectroscopy.measured_table import MeasuredTable, Role, TableError, column_of, needed

ComplexArray = npt.NDArray[np.complex128]


def _called(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE)


FREQUENCY = Role("frequency", "Hz", _called(r"f|freq\.?|frequency"))
REAL = Role("real", "ohm", _called(r"z'|zreal|z_?re(?:al)?|re\(z\)|real(?:\(z\))?|z real|impedance[_ ]real|re z|rs"))
IMAGINARY = Role(
    "imaginary",
    "ohm",
    _called(r"z''|z\"|zimag|z_?im(?:ag)?|im\(z\)|imag(?:inary)?(?:\(z\))?|z imag|impedance[_ ]imag|im z|xs"),
)
MINUS_IMAGINARY = Role(
    "minus_imaginary",
    "ohm",
    _called(r"-\s*(?:z''|z\"|zimag|z_?im(?:ag)?|im\(z\)|imag(?:inary)?(?:\(z\))?|z imag|im z)"),
)
MODULUS = Role("modulus", "ohm", _called(r"\|z\||zmod|z_?abs|modulus|impedance|z"))
PHASE = Role("phase", "deg", _called(r"phase(?:\(z\))?|zphz|theta|phi|phase angle|arg\(z\)|θ|φ"))
IMPEDANCE = (FREQUENCY, REAL, IMAGINARY, MINUS_IMAGINARY, MODULUS, PHASE)

TIME = Role("time", "s", _called(r"t|time|delay|delay time"))
COUNTS = Role("counts", "1", _called(r"counts?|decay|intensity|pl|signal|events|photons|pl intensity"), "1")
RESPONSE = Role("response", "1", _called(r"irf|response|prompt|instrument[_ ]response(?: function)?|lamp"), "1")
DECAY = (TIME, COUNTS, RESPONSE)

WAVELENGTH = Role("wavelength", "nm", _called(r"wavelengths?|lambda|wl|λ"), "")
ABSORBANCE = Role("absorbance", "1", _called(r"a|abs\.?|absorbance|od|optical density|extinction|absorption"), "1")
TRANSMITTANCE = Role("transmittance", "1", _called(r"t|%\s*t|transmittance|transmission"), "")
ABSORPTION = (WAVELENGTH, ABSORBANCE, TRANSMITTANCE)


@dataclass(frozen=True, eq=False)
class ImpedanceSpectrum:
    """Z (n,) [ohm] at frequencies (n,) [Hz], each once, rising; ``missing`` rows without a number were left out."""

    frequency: FloatArray
    impedance: ComplexArray
    missing: int = 0


@dataclass(frozen=True, eq=False)
class MeasuredDecay:
    """Counts (n,) in channels of which ``time`` (n,) [s] rises; ``response`` (n,) that of the instrument, if any."""

    time: FloatArray
    counts: FloatArray
    response: FloatArray | None = None


@dataclass(frozen=True, eq=False)
class AbsorbanceSpectrum:
    """Absorbance A = -lg T (n,) over wavelengths (n,) [nm], which rise."""

    wavelength: FloatArray
    absorbance: FloatArray


def impedance_spectrum(table: MeasuredTable, asked: Mapping[str, str], units: Mapping[str, str]) -> ImpedanceSpectrum:
    """The impedance spectrum of a table: by real and imaginary part, of either sign, or by modulus and phase.

    :raises TableError: the table is none, or the sign of the imaginary part is not what a device can have.
    """

    def get(role: Role) -> FloatArray | None:
        return column_of(table, role, asked, units)

    frequency = needed(table, FREQUENCY, get)
    real, imaginary, minus = (get(role) for role in (REAL, IMAGINARY, MINUS_IMAGINARY))
    if imaginary is None and minus is not None:
        imaginary = -minus
    if real is not None and imaginary is not None:
        impedance = np.asarray(real + 1j * imaginary, complex)
    else:
        modulus, phase = get(MODULUS), get(PHASE)
        if modulus is None or phase is None:
            raise TableError(
                f"holds no impedance: neither real and imaginary part nor modulus and phase; its columns are "
                f"{table.names()}; say which they are: --columns frequency=1,real=2,imaginary=3"
            )
        impedance = np.asarray(modulus * np.exp(1j * np.radians(phase)), complex)
    return _checked_spectrum(frequency, impedance)


#: With fewer frequencies nothing can be said of four unknowns.
FEWEST_FREQUENCIES = 6


def _checked_spectrum(frequency: FloatArray, impedance: ComplexArray) -> ImpedanceSpectrum:
    known = np.isfinite(frequency) & np.isfinite(impedance.real) & np.isfinite(impedance.imag)
    missing = int((~known).sum())
    frequency, impedance = frequency[known], impedance[known]
    if (frequency <= 0).any() or (impedance == 0).any():
        raise TableError("has a frequency or an impedance of 0 or below: remove that row")
    order = np.argsort(frequency, kind="stable")
    frequency, impedance = frequency[order], impedance[order]
    different, first = np.unique(frequency, return_index=True)
    if different.size < FEWEST_FREQUENCIES:
        raise TableError(f"holds {different.size} frequencies; {FEWEST_FREQUENCIES} are the least that can be judged")
    if different.size < frequency.size:
        sums = np.add.reduceat(impedance, first)
        impedance = np.asarray(sums / np.diff([*first.tolist(), frequency.size]), complex)
        frequency = different
    phase = np.angle(impedance)
    if np.median(phase) > 0.05 and (phase > 0).mean() > 0.8:
        raise TableError(
            "its imaginary part is above 0, as of an inductance; if the column holds -Z'', name it so: "
            "--columns minus_imaginary=NUMBER"
        )
    return ImpedanceSpectrum(frequency, impedance, missing)


#: A decay of fewer channels shows nothing.
FEWEST_CHANNELS = 16
#: Channels are of one width within this part of it, as programs round the times they write.
_SAME_WIDTH = 0.02


def measured_decay(table: MeasuredTable, asked: Mapping[str, str], units: Mapping[str, str]) -> MeasuredDecay:
    """The decay of a table, with the instrument's response where it has a column of it.

    :raises TableError: the table is none, its channels differ in width, or its counts lie below 0.
    """

    def get(role: Role) -> FloatArray | None:
        return column_of(table, role, asked, units)

    time, counts, response = needed(table, TIME, get), needed(table, COUNTS, get), get(RESPONSE)
    known = np.isfinite(time) & np.isfinite(counts)
    time, counts = time[known], counts[known]
    if response is not None:
        response = np.nan_to_num(response[known])
    _refuse_channels(time, counts)
    return MeasuredDecay(time, counts, response)


def _refuse_channels(time: FloatArray, counts: FloatArray) -> None:
    if time.size < FEWEST_CHANNELS:
        raise TableError(f"holds {time.size} channels; a decay needs {FEWEST_CHANNELS} at least")
    widths = np.diff(time)
    if (widths <= 0).any():
        raise TableError("its times do not rise: sort the rows, each time once")
    if np.abs(widths / np.median(widths) - 1).max() > _SAME_WIDTH:
        raise TableError("its channels differ in width: give the histogram as the instrument counted it")
    if (counts < 0).any():
        raise TableError(
            "has counts below 0: give the counts before a background was taken off; the fit finds the background"
        )
    if not counts.any():
        raise TableError("holds no counts: every channel is 0")


def absorbance_spectrum(table: MeasuredTable, asked: Mapping[str, str], units: Mapping[str, str]) -> AbsorbanceSpectrum:
    """The absorbance of a table, from transmittance where it holds that.

    :raises TableError: the table is none.
    """

    def get(role: Role) -> FloatArray | None:
        return column_of(table, role, asked, units)

    wavelength, absorbance = needed(table, WAVELENGTH, get), get(ABSORBANCE)
    if absorbance is None:
        transmittance = get(TRANSMITTANCE)
        if transmittance is None:
            needed(table, ABSORBANCE, get)
        assert transmittance is not None
        with np.errstate(divide="ignore", invalid="ignore"):
            absorbance = -np.log10(np.where(transmittance > 0, transmittance, np.nan))
    known = np.isfinite(wavelength) & np.isfinite(absorbance)
    order = np.argsort(wavelength[known], kind="stable")
    wavelength, absorbance = wavelength[known][order], absorbance[known][order]
    if wavelength.size < FEWEST_CHANNELS or (np.diff(wavelength) <= 0).any():
        raise TableError(f"is no spectrum: {FEWEST_CHANNELS} different wavelengths are the least")
    if wavelength[-1] < 20 or wavelength[0] > 20_000:
        raise TableError("its wavelengths are no nanometres of light: say their unit, --units wavelength=um")
    return AbsorbanceSpectrum(wavelength, absorbance)
