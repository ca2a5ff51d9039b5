"""The budget of one point worked out by hand: what its terms and sums are to be."""

from __future__ import annotations

from acquire.photometry.uncertainty import Budget, rectangular, relative_area_uncertainty
from drivers.keithley2000.specification import SPECIFICATION as DMM
from drivers.keithley2400.specification import SPECIFICATION as SMU

#: The simulated SPPO13/Liq device at 6.000 V.
WORKED_EXAMPLE = Budget(
    current=rectangular(SMU.current.limit_of_error(1.5916e-3, 0.01)) / 1.5916e-3,
    voltage=rectangular(SMU.voltage.limit_of_error(6.0, 20.0)) / 6.0,
    area=relative_area_uncertainty(3.5e-3, 4.0e-3, 0.03e-3),
    luminance_scale=rectangular(2e-2),
    uniformity=1e-2,
    repositioning=0.5e-2,
    calibration=0.2e-2,
    linearity=rectangular(0.2e-2),
    meter=rectangular(DMM.voltage.limit_of_error(1.1098, 10.0)) / 1.1098,
    wavelength=rectangular(0.3),
    luminance_sensitivity=2.184e-2,
    eqe_sensitivity=2.184e-2 - 1.991e-2,
)
