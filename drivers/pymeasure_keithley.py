"""PyMeasure's classes of the two Keithleys, without the rest of the package they live in.

``pymeasure.instruments.keithley`` imports every Keithley, one of which imports pandas: half of the time that a program
with a bench takes to start. Here the two modules alone are imported, by their own names: whoever imports the package
later gets the same classes.
"""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

from pymeasure import instruments

_PACKAGE = f"{instruments.__name__}.keithley"


def _module(name: str) -> Any:
    """A module of the package; the package itself stays as it was, imported or not."""
    if _PACKAGE in sys.modules:
        return import_module(f"{_PACKAGE}.{name}")
    place = ModuleType(_PACKAGE)
    place.__path__ = [str(Path(instruments.__file__).with_name("keithley"))]
    sys.modules[_PACKAGE] = place
    try:
        return import_module(f"{_PACKAGE}.{name}")
    finally:
        del sys.modules[_PACKAGE]


Keithley2000: Any = _module("keithley2000").Keithley2000
Keithley2400: Any = _module("keithley2400").Keithley2400
