"""Keithley 2000 multimeter."""
