"""The file of published values: what a paper states of its devices, to stand beside what was measured here."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from math import log10, sqrt
from typing import Annotated, Any, Literal

from pydantic import Field, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from acquire.config.parsing import Parsed
from acquire.config.quantities import NUMBER, Quantity
from acquire.config.section import Section
from acquire.config.yaml_source import Problem

#: A value, its uncertainty and their unit: ``9.02 +- 0.10 cd/A``.
_WITH_UNCERTAINTY = re.compile(rf"\s*({NUMBER})\s*(?:\+-|\+/-|±)\s*({NUMBER})\s*(.*?)\s*", re.DOTALL)
_WRITTEN = re.compile(rf"\s*({NUMBER})\s*(.*?)\s*", re.DOTALL)


@dataclass(frozen=True, slots=True)
class PublishedValue:
    """A value as a paper gives it, and its standard uncertainty (k = 1), both in the quantity's SI unit.

    ``by_rounding``: the paper states no uncertainty; half a step of its last digit, divided by the square root of 3,
    is the least that it can be.
    """

    value: float
    uncertainty: float
    by_rounding: bool

    def decimals(self, factor: float = 1.0) -> int:
        """With how many decimals a value without stated uncertainty was printed, in a unit ``factor`` from SI."""
        return 15 if self.uncertainty <= 0.0 else round(-log10(self.uncertainty * 2 * sqrt(3) * factor))


@dataclass(frozen=True)
class _Published:
    """A pydantic annotation: a text with unit, with or without uncertainty, becomes a :class:`PublishedValue`."""

    quantity: Quantity

    def read(self, value: Any) -> PublishedValue:
        if isinstance(value, PublishedValue):
            return value
        if not isinstance(value, str):
            return PublishedValue(float(self.quantity.read(value)), 0.0, by_rounding=True)
        if stated := _WITH_UNCERTAINTY.fullmatch(value):
            number, spread, unit = stated.groups()
            return PublishedValue(self._read(number, unit), self._uncertainty(spread, unit), by_rounding=False)
        read = float(self.quantity.read(value))
        number, unit = _WRITTEN.fullmatch(value).groups()  # type: ignore[union-attr]  # as it was read just now
        return PublishedValue(read, self._step(number, unit) / 2 / sqrt(3), by_rounding=True)

    def _read(self, number: str, unit: str) -> float:
        return float(self.quantity.read(f"{number} {unit}".strip()))

    def _uncertainty(self, number: str, unit: str) -> float:
        any_size = Quantity(self.quantity.unit, self.quantity.example)
        spread = float(any_size.read(f"{number} {unit}".strip()))
        if spread <= 0.0:
            hint = "write the standard uncertainty (k = 1), or leave it out"
            raise PydanticCustomError(
                "quantity", "{message}", {"message": "its uncertainty is not above 0", "hint": hint}
            )
        return spread

    def _step(self, number: str, unit: str) -> float:
        """What the last digit as written stands for."""
        exponent = Decimal(number).as_tuple().exponent
        any_size = Quantity(self.quantity.unit, self.quantity.example)
        return float(any_size.read(f"1e{exponent} {unit}".strip()))

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(self.read)

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        unit = self.quantity.unit
        pattern = rf"^\s*{NUMBER}\s*((\+-|\+/-|±)\s*{NUMBER}\s*)?{'[A-Za-z°%]' if unit else '%?$'}"
        return {
            "type": ["string", "number"] if not unit else "string",
            "pattern": pattern,
            "examples": [self.quantity.example],
            "x-unit": unit,
        }


_VOLTS = _Published(Quantity("V", "4.0 V", above=0.0, most=200.0))
_CANDELAS = _Published(Quantity("cd/m^2", "12058.6 cd/m^2", above=0.0))
_CANDELAS_PER_AMPERE = _Published(Quantity("cd/A", "24.1 cd/A", above=0.0))
_LUMENS_PER_WATT = _Published(Quantity("lm/W", "12.1 lm/W", above=0.0))
_SHARE = _Published(Quantity("", "6.47 %", above=0.0, most=1.0))
_COORDINATE = _Published(Quantity("", "0.12", above=0.0, most=1.0))
_OHMS = _Published(Quantity("ohm", "1.67 kohm", above=0.0))
_SECONDS = _Published(Quantity("s", "5.64 ns", above=0.0))
_PER_SECOND = _Published(Quantity("1/s", "5.92e-2 ns^-1", above=0.0))
_NANOMETRES = _Published(Quantity("nm", "520 nm", above=0.0))

Value = PublishedValue | None


class PublishedDevice(Section):
    """What was published of one device; what is not given was not published."""

    name: str = Field(
        min_length=1, description="The device's name; runs are found by their sample.name.", examples=["SPPO13/Liq"]
    )
    also: tuple[str, ...] = Field(
        default=(),
        description="Other names under which samples of this kind are measured.",
        examples=[["A3", "A4"]],
    )
    turn_on_voltage: Annotated[Value, _VOLTS] = Field(default=None, description="V_on, at 1 cd/m^2.")
    luminance_max: Annotated[Value, _CANDELAS] = Field(default=None, description="Largest luminance.")
    current_efficiency_max: Annotated[Value, _CANDELAS_PER_AMPERE] = Field(default=None, description="Largest CE.")
    power_efficiency_max: Annotated[Value, _LUMENS_PER_WATT] = Field(default=None, description="Largest PE.")
    external_quantum_efficiency_max: Annotated[Value, _SHARE] = Field(default=None, description="Largest EQE.")
    chromaticity_x: Annotated[Value, _COORDINATE] = Field(default=None, description="CIE 1931 x.")
    chromaticity_y: Annotated[Value, _COORDINATE] = Field(default=None, description="CIE 1931 y.")
    peak_wavelength: Annotated[Value, _NANOMETRES] = Field(default=None, description="Peak of the EL spectrum.")
    recombination_resistance: Annotated[Value, _OHMS] = Field(default=None, description="R_p of an impedance spectrum.")
    photoluminescence_quantum_yield: Annotated[Value, _SHARE] = Field(default=None, description="PLQY of the film.")
    pl_lifetime_intensity_average: Annotated[Value, _SECONDS] = Field(
        default=None, description="Intensity average of the PL lifetimes."
    )
    pl_lifetime_amplitude_average: Annotated[Value, _SECONDS] = Field(
        default=None, description="Amplitude average of the PL lifetimes."
    )
    radiative_rate: Annotated[Value, _PER_SECOND] = Field(default=None, description="k_r.")
    nonradiative_rate: Annotated[Value, _PER_SECOND] = Field(default=None, description="k_nr.")
    fwhm: Annotated[Value, _NANOMETRES] = Field(default=None, description="Full width at half maximum.")

    def values(self) -> dict[str, PublishedValue]:
        """What was published, by the name of the figure of merit."""
        named = ((name, getattr(self, name)) for name in type(self).model_fields)
        return {name: value for name, value in named if isinstance(value, PublishedValue)}


class PublishedFile(Section):
    """A file of published values.

    A value is written with its unit, with an uncertainty (k = 1) where the paper states one: ``9.02 +- 0.10 cd/A``.
    """

    kind: Literal["published"] = Field(description="What sort of file this is.")
    source: str = Field(
        min_length=1,
        description="Where the values stand, as a table names it.",
        examples=["Table 2 of doi 10.1039/d2nr03793a"],
    )
    devices: tuple[PublishedDevice, ...] = Field(description="The devices of the paper.")
    notes: str = Field(
        default="", description="How the values were found; what was chosen.", examples=["V_on at 1 cd/m^2"]
    )


def published_rules(published: Parsed[PublishedFile]) -> Iterator[Problem]:
    """What must hold inside a file of published values: each name once, and something published under it."""
    devices = published.sections.get("devices")
    if devices == ():
        yield published.source.problem(("devices",), "names no device", "add one: '- name: ...'")
    seen: dict[str, str] = {}
    for i, device in enumerate(devices if isinstance(devices, tuple) else ()):
        if not device.values():
            yield published.source.problem(("devices", i), "holds no value", "give at least one, or remove the device")
        for name in (device.name, *device.also):
            if (key := plain_name(name)) in seen:
                message = f"'{name}' is the name of another device here as well, {seen[key]}"
                yield published.source.problem(("devices", i, "name"), message, "give each its own")
            seen[key] = device.name


def plain_name(name: str) -> str:
    """A sample's name without what two people write differently: capitals and blanks."""
    return "".join(name.casefold().split())


def device_named(published: PublishedFile, sample: str) -> PublishedDevice | None:
    """The published device of a sample's name, None where there is none."""
    wanted = plain_name(sample)
    named = (one for one in published.devices if wanted in map(plain_name, (one.name, *one.also)))
    return next(named, None)
