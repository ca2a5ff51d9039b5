"""Every instrument model that bench files may name: what is known of it, its driver, and its questions.

A model lives in a package of its own, whose modules are imported when they are used: ``driver`` with the class,
``questions`` (see :mod:`drivers.questions`), and of a source ``off``, which makes it safe without a driver object.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Protocol, TypeVar, cast

from drivers.cs2000a.specification import SPECIFICATION as CS2000A
from drivers.hmp110.specification import SPECIFICATION as HMP110
from drivers.keithley2000.specification import SPECIFICATION as KEITHLEY_2000
from drivers.keithley2400.specification import SPECIFICATION as KEITHLEY_2400
from drivers.relay_board.specification import SPECIFICATION as RELAY_BOARD
from drivers.specification import (
    MultimeterSpecification,
    SourceMeterSpecification,
    Specification,
    SpectroradiometerSpecification,
)


class Off(Protocol):
    """How a source is made safe over any open link, without a driver object."""

    def make_safe(self, adapter: Any, source: str | None = None, level: float | None = None) -> None:
        """Send what takes the source to zero, from ``level`` of ``source`` if known, and switches it off."""

    def is_off(self, adapter: Any) -> bool:
        """Ask whether the output is off."""

    def off_again(self, adapter: Any) -> None:
        """Send the off message once more, in the middle of whatever it does, without losing an answer."""


@dataclass(frozen=True)
class Model:
    """One model: its specification, the package it lives in, and the name of its driver's class."""

    specification: Specification
    package: str
    driver_class: str

    @property
    def driver(self) -> Any:
        """The class of its driver."""
        return getattr(import_module(f"{self.package}.driver"), self.driver_class)

    @property
    def questions(self) -> Any:
        """The module of its questions, a :class:`drivers.questions.Questions`."""
        return import_module(f"{self.package}.questions")

    @property
    def off(self) -> Off:
        """How it is made safe; of sources only."""
        return cast(Off, import_module(f"{self.package}.off"))


#: By the name of the model in the bench file, the run file and a guardian's order.
MODELS: dict[str, Model] = {
    "keithley2400": Model(KEITHLEY_2400, "drivers.keithley2400", "Keithley2400"),
    "keithley2000": Model(KEITHLEY_2000, "drivers.keithley2000", "Keithley2000"),
    "cs2000a": Model(CS2000A, "drivers.cs2000a", "CS2000A"),
    "relay_board": Model(RELAY_BOARD, "drivers.relay_board", "RelayBoard"),
    "hmp110": Model(HMP110, "drivers.hmp110", "HMP110"),
}


def source_meter(model: str) -> SourceMeterSpecification:
    """The specification of a source-measure unit.

    :raises KeyError: no source-measure unit here has this name.
    """
    return _specification(model, SourceMeterSpecification)


def multimeter(model: str) -> MultimeterSpecification:
    """The specification of a multimeter.

    :raises KeyError: no multimeter here has this name.
    """
    return _specification(model, MultimeterSpecification)


def spectroradiometer(model: str) -> SpectroradiometerSpecification:
    """The specification of a spectroradiometer.

    :raises KeyError: no spectroradiometer here has this name.
    """
    return _specification(model, SpectroradiometerSpecification)


Kind = TypeVar("Kind", bound=Specification)


def _specification(model: str, kind: type[Kind]) -> Kind:
    if isinstance(found := MODELS[model].specification, kind):
        return found
    raise KeyError(model)


def name_of(specification: Specification) -> str:
    """The name of the model with this specification; empty for none here."""
    return next((name for name, model in MODELS.items() if model.specification is specification), "")


def source_meters() -> Iterator[tuple[str, SourceMeterSpecification]]:
    """Every source-measure unit, by its name."""
    for name, model in MODELS.items():
        if isinstance(model.specification, SourceMeterSpecification):
            yield name, model.specification
