"""Instrument drivers of the bench: Keithley 2400, Keithley 2000 and Konica Minolta CS-2000A.

The drivers speak instrument language over PyVISA and know nothing of sweeps, files or photometry.
"""
