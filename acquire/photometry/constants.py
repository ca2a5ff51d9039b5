"""Constants of the SI and the photometric maximum."""

from __future__ import annotations

from typing import Final

#: Planck constant h [J s], exact (SI Brochure, 9th ed., 2019).
PLANCK: Final = 6.62607015e-34
#: Speed of light in vacuum c [m/s], exact.
SPEED_OF_LIGHT: Final = 299_792_458.0
#: Elementary charge e [C], exact.
ELEMENTARY_CHARGE: Final = 1.602176634e-19
#: Boltzmann constant k [J/K], exact.
BOLTZMANN: Final = 1.380649e-23
#: Second radiation constant c2 = h c / k [m K].
SECOND_RADIATION: Final = PLANCK * SPEED_OF_LIGHT / BOLTZMANN
#: Largest luminous efficacy K_m [lm/W]: 683 lm/W at 540 THz over V(555.016 nm) (CIE 018:2019).
MAXIMUM_LUMINOUS_EFFICACY: Final = 683.002
#: Energy times wavelength of a photon, h c [J nm].
PHOTON_ENERGY_WAVELENGTH: Final = PLANCK * SPEED_OF_LIGHT * 1e9
