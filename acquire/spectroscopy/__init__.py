"""What other instruments measured of films and devices: impedance, decays of photoluminescence, absorbance. Pure."""
