"""The section ``transport`` of a sweep file: what is known of a device that one kind of carrier crosses."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from acquire.config.quantities import Metres, Ohms, Quantity, Volts
from acquire.config.section import Section

Spread = Annotated[float, Quantity("m", "2 nm", least=0.0)]
VoltageSpread = Annotated[float, Quantity("V", "20 mV", least=0.0)]


class Transport(Section):
    """An electron-only or hole-only device: no light is expected, and its mobility is fitted to the current."""

    carriers: Literal["electrons", "holes"] = Field(description="The kind that its contacts inject.")
    law: Literal["mott_gurney", "field_activated"] = Field(
        default="mott_gurney", description="field_activated: a mobility that rises with the square root of the field."
    )
    layers: int = Field(
        default=1,
        ge=1,
        le=100,
        description="Above 1 the mobility is that of the stack taken as one layer.",
        examples=[2],
    )
    thickness: Metres = Field(description="Between the contacts.", examples=["80 nm"])
    thickness_uncertainty: Spread = Field(default=0.0, description="Standard uncertainty (k = 1) of it.")
    permittivity: float = Field(ge=1.0, le=1000.0, description="Relative, eps_r.", examples=[3.0])
    permittivity_uncertainty: float = Field(
        default=0.0, ge=0.0, description="Standard uncertainty (k = 1) of it.", examples=[0.2]
    )
    built_in_voltage: Volts = Field(
        default=0.0, description="Taken out of the voltage; where the contacts are alike 0.", examples=["0.3 V"]
    )
    reverse_built_in_voltage: Volts | None = Field(
        default=None,
        description="That at negative voltages, as an amount; not given: built_in_voltage.",
        examples=["0.9 V"],
    )
    built_in_voltage_uncertainty: VoltageSpread = Field(
        default=0.0, description="Standard uncertainty (k = 1) of both."
    )
    series_resistance: Ohms = Field(
        default=0.0, description="R_s of the electrodes; I R_s is taken out of the voltage.", examples=["25 ohm"]
    )
    series_resistance_uncertainty: Ohms = Field(
        default=0.0, description="Standard uncertainty (k = 1) of it.", examples=["2 ohm"]
    )
