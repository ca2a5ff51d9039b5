"""The twin of the Keithley 2000 multimeter."""
