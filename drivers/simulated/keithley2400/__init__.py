"""The twin of the Keithley 2400 SourceMeter."""
