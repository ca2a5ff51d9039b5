"""The YAML files: models with units, every error at once with file, line and the way out.

A sweep file says what to do, a bench file where things are, a calibration file what a photocurrent means, a
device file what a simulated device is. :func:`load_sweep` reads a sweep with all it refers to;
:func:`check_file` lists what is wrong with any of them.
"""

from __future__ import annotations

from acquire.config.bench import BenchFile, Limits, Simulation
from acquire.config.calibration import CalibrationFile
from acquire.config.device import DeviceFile, device_parameters, photodiode_parameters
from acquire.config.loading import (
    CheckedFile,
    LoadedCalibration,
    LoadedSweep,
    check_file,
    check_text,
    load_bench,
    load_calibration,
    load_sweep,
    places_of,
    resolved,
)
from acquire.config.overrides import Override, Said
from acquire.config.parsing import ConfigurationError
from acquire.config.schema import json_schemas
from acquire.config.sweep import Source, Spectra, StopRules, SweepFile
from acquire.config.yaml_source import Caution, Problem

__all__ = [
    "BenchFile",
    "CalibrationFile",
    "Caution",
    "CheckedFile",
    "ConfigurationError",
    "DeviceFile",
    "Limits",
    "LoadedCalibration",
    "LoadedSweep",
    "Override",
    "Problem",
    "Said",
    "Simulation",
    "Source",
    "Spectra",
    "StopRules",
    "SweepFile",
    "check_file",
    "check_text",
    "device_parameters",
    "json_schemas",
    "load_bench",
    "load_calibration",
    "load_sweep",
    "photodiode_parameters",
    "places_of",
    "resolved",
]
