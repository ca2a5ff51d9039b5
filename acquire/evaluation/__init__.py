"""From readings and a calibration to results. Pure."""
