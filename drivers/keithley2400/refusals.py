"""PyMeasure's names for what a Keithley 2400 puts out: they may be read, and refuse to be used otherwise.

PyMeasure's class sets source function, ranges, terminals and the like one by one, without a limit. Here all of that is
decided, checked and read back in one place, :meth:`drivers.keithley2400.Keithley2400.configure`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

from drivers.errors import RefusedByDriver
from drivers.pymeasure_keithley import Keithley2400 as PymeasureKeithley2400


def _refused(name: str, instead: str) -> Callable[..., NoReturn]:
    def refuse(self: Any, *_: object, **__: object) -> NoReturn:
        raise RefusedByDriver(self._where, f"{name} was not carried out: it passes by the limits", f"Use {instead}")

    refuse.__doc__ = f"Raise RefusedByDriver: use {instead}."
    refuse.__name__ = name
    return refuse


def _read_only(name: str, instead: str) -> property:
    inherited = getattr(PymeasureKeithley2400, name)
    return property(inherited.fget, _refused(f"{name} =", instead), doc=inherited.__doc__)


class SourceByConfigureOnly:
    """Whatever of PyMeasure's would set a level, compliance, range, function or terminals without a check.

    Stands before PyMeasure's class among the parents of the driver.
    """

    source_mode = _read_only("source_mode", "SmuSettings.source")
    source_voltage_range = _read_only("source_voltage_range", "SmuSettings.max_level")
    source_voltage_range_auto_enabled = _read_only("source_voltage_range_auto_enabled", "SmuSettings.max_level")
    source_current_range = _read_only("source_current_range", "SmuSettings.max_level")
    source_current_range_auto_enabled = _read_only("source_current_range_auto_enabled", "SmuSettings.max_level")
    # With it every reading switches the output on
    auto_output_off = _read_only("auto_output_off", "output_on and output_off")
    auto_output_off_enabled = _read_only("auto_output_off_enabled", "output_on and output_off")
    output_off_state = _read_only("output_off_state", "SmuSettings.output_off_state")
    front_terminals_enabled = _read_only("front_terminals_enabled", "SmuSettings.terminals")
    # With open sense leads the source drives its terminals up to the range
    wires = _read_only("wires", "SmuSettings.four_wire")
    # Automatic ohms choose a source current by themselves
    resistance_mode_auto_enabled = _read_only("resistance_mode_auto_enabled", "resistance")

    apply_voltage = _refused("apply_voltage", "configure")
    apply_current = _refused("apply_current", "configure")
    auto_range_source = _refused("auto_range_source", "SmuSettings.max_level")
    measure_all = _refused("measure_all", "trigger and read")
    measure_voltage = _refused("measure_voltage", "configure, then trigger and read")
    measure_current = _refused("measure_current", "configure, then trigger and read")
    measure_resistance = _refused("measure_resistance", "configure, then trigger and read")
    use_front_terminals = _refused("use_front_terminals", "SmuSettings.terminals")
    use_rear_terminals = _refused("use_rear_terminals", "SmuSettings.terminals")
