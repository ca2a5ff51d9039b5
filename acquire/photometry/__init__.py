"""Photometry and radiometry of a light-emitting device: pure functions of spectra, currents and voltages.

Nomenclature (SI inside the code; wavelengths in nm because every table and instrument states them so):

======================  =====================================================  =====================
symbol                  meaning                                                unit
======================  =====================================================  =====================
``S``                   spectral energy of the emission, any scale             W per nm (relative)
``L_lambda``            spectral radiance                                      W m^-2 sr^-1 nm^-1
``V``                   luminous efficiency function V(lambda) = ybar          1
``I[f]``                integral of f over 380-780 nm, trapezoid, 1 nm steps   unit of f times nm
``J``                   current density                                        A/m^2
``L``                   luminance along the normal                             cd/m^2
``CE``, ``PE``, ``EQE`` current, power, external quantum efficiency            cd/A, lm/W, 1
``kappa``               EQE per current efficiency                             A/cd
``F``                   angular factor, 1 for a Lambertian emitter             1
``G``                   etendue seen by the photodiode                         m^2 sr
``R``                   responsivity of the photodiode                         A/W
======================  =====================================================  =====================
"""
