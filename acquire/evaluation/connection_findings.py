"""Whether a photodiode is used as its calibration and its connection allow: light where R is not known, a loaded diode.

Pure.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from acquire.evaluation.calibration import Connection
from acquire.evaluation.known import Known
from acquire.evaluation.touched import luminous
from acquire.photometry.grid import WAVELENGTH, integrate
from acquire.photometry.spectra import signal_to_noise
from acquire.records import Finding, Severity, counted

#: A photodiode into a resistor stays linear as long as it has less than this across itself, V.
LINEAR_VOLTAGE = 0.01

#: So much of the photocurrent may come from where the responsivity was not measured.
UNKNOWN_SHARE = 0.005


def loaded_photodiode(known: Known) -> Iterator[Finding]:
    """Ask whether a resistor lets the photodiode work into its own voltage."""
    conditions = known.evidence.calibration.conditions
    if conditions.connection != Connection.SHUNT:
        return
    signal = np.abs(known.points["photodiode_signal"])
    above = signal > LINEAR_VOLTAGE
    if not above.any():
        return
    largest = float(np.nanmax(signal))
    yield Finding(
        known.time,
        "photodiode_loaded",
        Severity.NOTE,
        f"{int(above.sum())} points have up to {largest * 1e3:.3g} mV across the photodiode and its resistor; above "
        f"some {LINEAR_VOLTAGE * 1e3:g} mV a photodiode is not linear",
        luminous(known.figures),
        "Take a smaller resistor, or an amplifier",
        largest,
        LINEAR_VOLTAGE,
    )


def light_outside_responsivity(known: Known) -> Iterator[Finding]:
    """Ask whether the device shines where the photodiode's responsivity was measured."""
    photodiode = known.evidence.calibration.photodiode
    if photodiode is None or photodiode.responsivity is None:
        return
    outside = (photodiode.shortest > WAVELENGTH) | (photodiode.longest < WAVELENGTH)  # NaN: nothing is
    if not outside.any():
        return
    largest, index = 0.0, -1
    for spectrum in known.spectra:
        radiance = np.asarray(spectrum.spectral_radiance, float)
        whole = integrate(radiance * photodiode.responsivity)
        # The meter cuts its noise off at zero: what is left of it in the dark is no light
        light = radiance - float(radiance.max()) / signal_to_noise(radiance)
        beyond = integrate(np.where(outside, light * photodiode.responsivity, 0.0))
        share = beyond / whole if whole > 0.0 else 0.0
        if share > largest:
            largest, index = share, spectrum.index
    if largest > UNKNOWN_SHARE:
        yield Finding(
            known.time,
            "light_outside_responsivity",
            Severity.DOUBTFUL,
            f"{largest:.2g} of the photocurrent of spectrum {counted(index)} comes from outside "
            f"{photodiode.shortest:g} to {photodiode.longest:g} nm, "
            "where the photodiode's responsivity was not measured and is only assumed",
            luminous(known.figures),
            "Take a responsivity table that covers the light of this device",
            largest,
            UNKNOWN_SHARE,
        )
