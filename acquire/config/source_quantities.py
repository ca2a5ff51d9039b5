"""Levels as a sweep file gives them: in V or A, whatever is sourced, and stretches of them with one spacing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from math import ceil, log10
from typing import Annotated, Any

from pydantic import Field, GetCoreSchemaHandler, GetJsonSchemaHandler, ValidationInfo, ValidatorFunctionWrapHandler
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from acquire.config.quantities import Auto, Quantity, quantity_schema
from acquire.config.section import Section
from drivers import models

#: Levels of one branch, and points of a sweep, at most.
MOST_POINTS = 100_000

# Without its bench a sweep may ask for what any source-measure unit can give; the bench's own is asked by the rules
MOST_VOLTS = max(meter.voltage.largest for _, meter in models.source_meters())
MOST_AMPERES = max(meter.current.largest for _, meter in models.source_meters())

_VOLTS = Quantity("V", "8 V", least=-MOST_VOLTS, most=MOST_VOLTS)
AMPERES = Quantity("A", "10 mA", least=-MOST_AMPERES, most=MOST_AMPERES)
_VOLT_LIMIT = Quantity("V", "10 V", least=200e-6, most=MOST_VOLTS)
_AMPERE_LIMIT = Quantity("A", "100 mA", least=1e-9, most=MOST_AMPERES)
_VOLT_RANGE = Quantity("V", "20 V", above=0.0, most=MOST_VOLTS, auto=True)
_AMPERE_RANGE = Quantity("A", "10 mA", above=0.0, most=MOST_AMPERES, auto=True)

LimitVoltage = Annotated[float, Quantity("V", "20 V", above=0.0, most=MOST_VOLTS)]
LimitCurrent = Annotated[float, Quantity("A", "200 mA", above=0.0, most=MOST_AMPERES)]


#: What is sourced, while a section inside the one that says so is read.
_FUNCTION: ContextVar[str | None] = ContextVar("_FUNCTION", default=None)


@contextmanager
def sourcing(function: str | None) -> Iterator[None]:
    """Inside, levels are read in the unit of what is sourced: voltage, current; either where that is not known."""
    token = _FUNCTION.set(function)
    try:
        yield
    finally:
        _FUNCTION.reset(token)


def knowing_function(value: Any, read: ValidatorFunctionWrapHandler, info: ValidationInfo) -> Any:
    """Read a section that has levels of its own, in the unit of the ``function`` named before it."""
    with sourcing((info.data or {}).get("function")):
        return read(value)


@dataclass(frozen=True)
class _SourceQuantity:
    """A quantity in V or A, depending on the ``function`` that the same section, or the one around it, names before."""

    voltage: Quantity
    current: Quantity

    def read(self, value: Any, info: ValidationInfo) -> float | str:
        function = (info.data or {}).get("function") or _FUNCTION.get()
        if function is not None:
            return (self.voltage if function == "voltage" else self.current).read(value)
        try:
            return self.voltage.read(value)
        except PydanticCustomError:  # the function itself is wrong: either unit may be meant
            return self.current.read(value)

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.with_info_plain_validator_function(self.read)

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        span = f"{self.voltage.span()}; {self.current.span()}"
        return quantity_schema("V or A", self.voltage.example, span, auto=self.voltage.auto)


Level = Annotated[float, _SourceQuantity(_VOLTS, AMPERES)]
Compliance = Annotated[float, _SourceQuantity(_AMPERE_LIMIT, _VOLT_LIMIT)]
SourceRange = Annotated[float | Auto, _SourceQuantity(_VOLT_RANGE, _AMPERE_RANGE)]
CurrentRange = Annotated[float | Auto, _AMPERE_RANGE]

PointsPerDecade = Annotated[float, Field(gt=0.0, le=1000.0)]


def intervals_of_decades(start: float, stop: float, per_decade: float) -> int:
    """Equal steps of the logarithm from start to stop, as few as have so many a decade; 0 where there is no way."""
    if start * stop <= 0.0 or start == stop:
        return 0
    return max(1, ceil(abs(log10(stop / start)) * per_decade - 1e-9))


class Stretch(Section):
    """A part of the levels with a spacing of its own; one of step, points and points_per_decade."""

    start: Level | None = Field(
        default=None, description="First level; not given: where the stretch before it ended.", examples=["0 V"]
    )
    stop: Level = Field(description="Last level; it is always reached.", examples=["3 V"])
    step: Level | None = Field(default=None, description="Distance of two levels.", examples=["0.5 V"])
    points: int | None = Field(
        default=None, ge=2, le=MOST_POINTS, description="Number of levels, both ends included.", examples=[7]
    )
    points_per_decade: PointsPerDecade | None = Field(
        default=None, description="Logarithmic: so many levels a decade at least.", examples=[10]
    )

    def level_count(self) -> int:
        """How many levels, both ends included, 1e9 at most; the file's rules guarantee that a step divides the span."""
        start = self.start or 0.0
        if self.points is not None:
            return self.points
        if self.points_per_decade is not None:
            return intervals_of_decades(start, self.stop, self.points_per_decade) + 1
        return round(max(-1e9, min(1e9, (self.stop - start) / self.step))) + 1 if self.step else 1
