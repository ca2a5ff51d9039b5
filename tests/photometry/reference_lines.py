"""Spectra with known answers, shared by the tests of this folder."""

import numpy as np

from acquire.photometry.grid import WAVELENGTH
from acquire.photometry.spectra import gaussian

#: A bare silicon diode: R(lambda) = 6.0e-4 lambda_nm - 0.012 A/W.
RESPONSIVITY = 6.0e-4 * WAVELENGTH - 0.012


def split_pseudo_voigt(mu, fwhm, r, eta_blue, eta_red):
    d = WAVELENGTH - mu
    w = np.where(d < 0, fwhm * (1 - r), fwhm * r)
    eta = np.where(d < 0, eta_blue, eta_red)
    return (1 - eta) * np.exp(-np.log(2) * (d / w) ** 2) + eta / (1 + (d / w) ** 2)


def black_body(temperature):
    return WAVELENGTH**-5.0 / np.expm1(1.438776877e7 / (WAVELENGTH * temperature)) * 1e15


S1 = gaussian(520, 19)
S2 = split_pseudo_voigt(520, 19, 0.57403247, 0.04919241, 0.15828846)
S3 = gaussian(465, 20)
S4 = gaussian(630, 30)
S5 = np.ones(401)
S6 = gaussian(450, 20) + 0.6 * gaussian(550, 60)
S7 = gaussian(450, 20) + gaussian(640, 20)
S8 = black_body(3000)

LINES = {"S1": S1, "S2": S2, "S3": S3, "S4": S4, "S5": S5, "S6": S6, "S7": S7}
