"""The YAML files: models with units, every error at once with file, line and the way out.

A sweep file says what to do, a bench file where things are, a calibration file what a photocurrent means, a
device file what a simulated device is. :func:`load_sweep` reads a sweep with all it refers to;
:func:`check_file` lists what is wrong with any of them.

A name is looked up where it is made when it is first asked for: who only reads run files needs no model.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from acquire.config.bench import BenchFile as BenchFile
    from acquire.config.bench import Limits as Limits
    from acquire.config.bench import Simulation as Simulation
    from acquire.config.calibration import CalibrationFile as CalibrationFile
    from acquire.config.device import DeviceFile as DeviceFile
    from acquire.config.device import device_parameters as device_parameters
    from acquire.config.device import photodiode_parameters as photodiode_parameters
    from acquire.config.loading import CheckedFile as CheckedFile
    from acquire.config.loading import LoadedBatch as LoadedBatch
    from acquire.config.loading import LoadedCalibration as LoadedCalibration
    from acquire.config.loading import LoadedSweep as LoadedSweep
    from acquire.config.loading import check_file as check_file
    from acquire.config.loading import check_text as check_text
    from acquire.config.loading import load_batch as load_batch
    from acquire.config.loading import load_bench as load_bench
    from acquire.config.loading import load_calibration as load_calibration
    from acquire.config.loading import load_sweep as load_sweep
    from acquire.config.loading import places_of as places_of
    from acquire.config.loading import resolved as resolved
    from acquire.config.overrides import Override as Override
    from acquire.config.overrides import Said as Said
    from acquire.config.overrides import SaidByBatch as SaidByBatch
    from acquire.config.parsing import ConfigurationError as ConfigurationError
    from acquire.config.schema import json_schemas as json_schemas
    from acquire.config.sweep import Source as Source
    from acquire.config.sweep import Spectra as Spectra
    from acquire.config.sweep import StopRules as StopRules
    from acquire.config.sweep import SweepFile as SweepFile
    from acquire.config.yaml_source import Caution as Caution
    from acquire.config.yaml_source import Problem as Problem

#: Where each of these names is made.
_MADE_IN = {
    "bench": ("BenchFile", "Limits", "Simulation"),
    "calibration": ("CalibrationFile",),
    "device": ("DeviceFile", "device_parameters", "photodiode_parameters"),
    "loading": (
        "CheckedFile",
        "LoadedCalibration",
        "LoadedBatch",
        "LoadedSweep",
        "check_file",
        "check_text",
        "load_batch",
        "load_bench",
        "load_calibration",
        "load_sweep",
        "places_of",
        "resolved",
    ),
    "overrides": ("Override", "Said", "SaidByBatch"),
    "parsing": ("ConfigurationError",),
    "schema": ("json_schemas",),
    "sweep": ("Source", "Spectra", "StopRules", "SweepFile"),
    "yaml_source": ("Caution", "Problem"),
}


def __getattr__(name: str) -> Any:
    for module, names in _MADE_IN.items():
        if name in names:
            return getattr(import_module(f"{__name__}.{module}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
