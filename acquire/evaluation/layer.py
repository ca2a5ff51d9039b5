"""What is stated of a device that one kind of carrier crosses: its layer, its contacts, the law to be fitted."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import isfinite, nan


def _stored(unit: str, name: str) -> dict[str, str]:
    """How a field stands in a run file: its unit, none for a text, and its name there."""
    return {"unit": unit, "name": f"layer_{name}"}


@dataclass(frozen=True)
class Layer:
    """The layer of an electron-only or hole-only device as the sweep file states it; SI, uncertainties with k = 1.

    ``carriers`` electrons or holes; ``law`` mott_gurney or field_activated; ``layers`` how many the stack has.
    ``built_in_voltage`` counts at positive voltages, ``reverse_built_in_voltage`` as an amount at negative ones.
    ``thickness`` is NaN for a device that is to shine.
    """

    carriers: str = field(default="", metadata=_stored("", "carriers"))
    law: str = field(default="mott_gurney", metadata=_stored("", "law"))
    layers: float = field(default=1.0, metadata=_stored("1", "count"))
    thickness: float = field(default=nan, metadata=_stored("m", "thickness"))
    thickness_uncertainty: float = field(default=0.0, metadata=_stored("m", "thickness_uncertainty"))
    permittivity: float = field(default=nan, metadata=_stored("1", "permittivity"))
    permittivity_uncertainty: float = field(default=0.0, metadata=_stored("1", "permittivity_uncertainty"))
    built_in_voltage: float = field(default=0.0, metadata=_stored("V", "built_in_voltage"))
    reverse_built_in_voltage: float = field(default=0.0, metadata=_stored("V", "reverse_built_in_voltage"))
    built_in_voltage_uncertainty: float = field(default=0.0, metadata=_stored("V", "built_in_voltage_uncertainty"))
    series_resistance: float = field(default=0.0, metadata=_stored("ohm", "series_resistance"))
    series_resistance_uncertainty: float = field(default=0.0, metadata=_stored("ohm", "series_resistance_uncertainty"))

    @property
    def stated(self) -> bool:
        """Whether the run is of such a device at all."""
        return isfinite(self.thickness)

    @property
    def field_activated(self) -> bool:
        """Whether the mobility is to be fitted as one that rises with the field."""
        return self.law == "field_activated"


#: Of a device that is to shine.
NO_LAYER = Layer()
