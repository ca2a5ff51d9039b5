"""J-V-L bench service: sweep a light-emitting device, record J-V-L and EL spectra, compute efficiencies."""

__version__ = "0.1.0"
