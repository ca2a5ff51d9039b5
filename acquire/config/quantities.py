"""Quantities as people write them (``8 V``, ``50 ms``, ``14 mm^2``) to SI floats, and back to no ambiguity.

A missing or wrong unit is an error. Only the units of this bench are known, so that a slip such as ``8 v`` or
``50 min`` typed for ``50 mm`` is not quietly taken for something else. The arithmetic is decimal: ``100 mA`` is
the float 0.1, not its neighbour. Pint is imported when the first quantity is read.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from math import inf, isfinite
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from acquire.config.yaml_traps import is_thousand
from acquire.safety.visible import shortened

if TYPE_CHECKING:
    from pint import UnitRegistry

DEFINITIONS = """
pico- = 1e-12 = p-
nano- = 1e-9 = n-
micro- = 1e-6 = µ- = μ- = u-
milli- = 1e-3 = m-
centi- = 1e-2 = c-
kilo- = 1e3 = k-
mega- = 1e6 = M-
metre = [length] = m = meter
second = [time] = s
ampere = [current] = A
kilogram = [mass] = kg
kelvin = [temperature] = K
candela = [luminosity] = cd
lumen = [luminous_flux] = lm
minute = 60 * second = min
hour = 3600 * second = h
volt = kilogram * metre**2 / second**3 / ampere = V
watt = volt * ampere = W
ohm = volt / ampere = Ω
siemens = ampere / volt = S
hertz = 1 / second = Hz
decade = []
percent = 0.01 = %
degree = [angle] = deg = °
radian = 57.29577951308232087679815 * degree = rad
"""

NUMBER = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
# Written out so that nothing else, a tower of powers for example, ever reaches the expression parser.
_FACTOR = r"(?:[A-Za-zµμΩ]+|°|%)(?:(?:\^|\*\*)-?\d(?:\.\d)?|[²³])?"
_UNIT = re.compile(rf"{_FACTOR}(?:(?:\s*[*/·]\s*|\s+){_FACTOR}){{0,4}}")
_QUANTITY = re.compile(rf"\s*({NUMBER})\s*(.*?)\s*", re.DOTALL)
_DASHES = frozenset("\u2010\u2011\u2012\u2013\u2014\u2212\uff0d")  # as word processors write a minus
_COMMA = re.compile(r",\d")
_NOT_FINITE = re.compile(r"\s*[+-]?\.?(?:nan|inf|infinity)\b.*", re.IGNORECASE | re.DOTALL)


class QuantityError(ValueError):
    """This text is not a quantity in the wanted unit; ``hint`` says how to write it."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.hint = hint


@lru_cache(maxsize=1)
def _registry() -> UnitRegistry[Any]:
    with _not_imported("dask"):  # pint takes it in where it is installed: half as long again, for nothing here
        from pint import UnitRegistry

    registry: UnitRegistry[Any] = UnitRegistry(None, non_int_type=Decimal)
    registry.load_definitions(DEFINITIONS.strip().splitlines())
    return registry


@contextmanager
def _not_imported(package: str) -> Iterator[None]:
    """Inside, a package that is not imported yet is as if it were not installed."""
    modules: dict[str, Any] = sys.modules
    new = package not in modules
    if new:
        modules[package] = None
    try:
        yield
    finally:
        if new:
            del modules[package]


@lru_cache(maxsize=256)
def conversion_factor(unit: str, target: str) -> Decimal | None:
    """How many ``target`` make one ``unit``; None when they measure different things.

    :raises QuantityError: ``unit`` is not a unit of this bench.
    """
    if not _UNIT.fullmatch(unit):
        raise QuantityError(f"'{shortened(unit)}' is not a unit", "")
    registry = _registry()
    from pint.errors import DimensionalityError, PintError

    try:
        return Decimal(registry.convert(Decimal(1), unit.replace("·", "*"), target))
    except DimensionalityError:
        return None
    except PintError:
        raise QuantityError(f"'{shortened(unit)}' is not a unit known here (capitals matter: V, mA)", "") from None


def parse_quantity(text: str, unit: str, example: str = "") -> float:
    """The number of ``unit`` that ``text`` stands for; ``unit`` "" takes a pure number or a percentage.

    :raises QuantityError: no number, not finite, no unit, an unknown unit or one of another kind.
    """
    example = example or f"1 {unit}".strip()
    match = _QUANTITY.fullmatch(text)
    if match is None:
        raise _no_number(text, example)
    number, written = match.groups()
    if _COMMA.match(written):
        raise QuantityError(f"'{shortened(text)}' has a comma in its number", _without_comma(text, unit, example))
    if not isfinite(float(number)):
        raise QuantityError(f"'{shortened(text)}' is too large a number", _like(example))
    if not written and unit:
        raise QuantityError(f"'{shortened(text)}' has no unit", _like(example))
    factor = _factor(written, unit, text, example)
    try:
        value = float(Decimal(number) * factor)
    except ArithmeticError as error:  # an exponent beyond what even decimal arithmetic knows
        raise QuantityError(f"'{shortened(text)}' is too small a number", _like(example)) from error
    if not isfinite(value):
        raise QuantityError(f"'{shortened(text)}' is too large a number", _like(example))
    return value


def _without_comma(text: str, unit: str, example: str) -> str:
    """How to write a number that has a comma: with a point, where that makes the quantity that is wanted."""
    if is_thousand(text.strip()):
        return f"leave it out for thousands, use a point for decimals; {_like(example)}"
    pointed = text.strip().replace(",", ".", 1)
    try:
        parse_quantity(pointed, unit)
    except QuantityError:
        return f"use a point; {_like(example)}"
    return f"use a point: {shortened(pointed)}"


def _factor(written: str, unit: str, text: str, example: str) -> Decimal:
    if not written:
        return Decimal(1)
    try:
        factor = conversion_factor(written, unit)
    except QuantityError as error:
        raise QuantityError(f"'{shortened(text)}': {error}", _like(example)) from None
    if factor is None:
        expected = unit or "a pure number or %"
        raise QuantityError(f"'{shortened(text)}' has the wrong unit: wanted {expected}", _like(example))
    return factor


def _no_number(text: str, example: str) -> QuantityError:
    if _NOT_FINITE.fullmatch(text):
        return QuantityError(f"'{shortened(text)}' is not a finite number", _like(example))
    if text.strip()[:1] in _DASHES:
        return QuantityError(f"'{shortened(text)}' begins with a dash that is no minus", "type that of the keyboard")
    return QuantityError(f"'{shortened(text)}' does not begin with a number", _like(example))


def _like(example: str) -> str:
    return f"write it like '{example}'"


@dataclass(frozen=True)
class Quantity:
    """A pydantic annotation: a text with unit becomes a float in ``unit``.

    A Python number is taken to be in ``unit`` already, so that a resolved configuration can be read back.
    ``least`` and ``most`` belong to the allowed span, ``above`` does not; all in ``unit``. ``nonzero``: either sign,
    but not 0. ``auto`` lets the word ``auto`` pass.
    """

    unit: str
    example: str
    least: float = -inf
    most: float = inf
    above: float = -inf
    nonzero: bool = False
    auto: bool = False

    def read(self, value: Any) -> float | str:
        """The float in ``unit``, or ``"auto"``.

        :raises PydanticCustomError: with what is wrong and how to correct it.
        """
        if self.auto and isinstance(value, str) and value.strip() == "auto":
            return "auto"
        number = self._number(value)
        inside = self.least <= number <= self.most and number > self.above
        if not inside or (self.nonzero and number == 0.0):
            raise _refusal(f"{_written(value, self.unit)} is not allowed", f"it must be {self.span()}")
        return number

    def _number(self, value: Any) -> float:
        if isinstance(value, (int, float)) and not isinstance(value, bool) and isfinite(value):
            return float(value)
        if value is None:
            raise _refusal("is empty", f"{_like(self.example)}, or remove the key")
        if not isinstance(value, str):
            raise _refusal("must be one quantity", _like(self.example))
        try:
            return parse_quantity(value, self.unit, self.example)
        except QuantityError as error:
            raise _refusal(str(error), error.hint + (" or 'auto'" if self.auto else "")) from None

    def span(self) -> str:
        """The allowed span in words."""
        unit = f" {self.unit}" if self.unit else ""
        if isfinite(self.least) and isfinite(self.most):
            return f"between {self.least:g}{unit} and {self.most:g}{unit}"
        words = ["of either sign, but not 0"] if self.nonzero else []
        words += [f"above {self.above:g}{unit}"] if isfinite(self.above) else []
        words += [f"at least {self.least:g}{unit}"] if isfinite(self.least) else []
        words += [f"at most {self.most:g}{unit}"] if isfinite(self.most) else []
        return " and ".join(words)

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(self.read)

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return quantity_schema(self.unit, self.example, self.span(), auto=self.auto)


def quantity_schema(unit: str, example: str, span: str, *, auto: bool = False) -> dict[str, Any]:
    """The JSON schema of a quantity: a text of number and unit (or the word auto); ``span`` in words, for people."""
    pattern = rf"^\s*{NUMBER}\s*{'[A-Za-zµμΩ°%]' if unit else '%?$'}"
    return {
        "type": "string" if unit else ["string", "number"],
        "pattern": rf"^auto$|{pattern}" if auto else pattern,
        "examples": [example, "auto"] if auto else [example],
        "x-unit": unit,
        **({"x-span": span} if span else {}),
    }


def _refusal(message: str, hint: str) -> PydanticCustomError:
    return PydanticCustomError("quantity", "{message}", {"message": message, "hint": hint})


def _written(value: Any, unit: str) -> str:
    return f"'{shortened(value)}'" if isinstance(value, str) else f"{value:g} {unit}".strip()


Volts = Annotated[float, Quantity("V", "8 V")]
Amperes = Annotated[float, Quantity("A", "100 mA")]
Seconds = Annotated[float, Quantity("s", "50 ms", least=0.0)]
Metres = Annotated[float, Quantity("m", "100 mm", above=0.0)]
SquareMetres = Annotated[float, Quantity("m^2", "14 mm^2", above=0.0)]
Luminance = Annotated[float, Quantity("cd/m^2", "100 cd/m^2", least=0.0)]
CurrentDensity = Annotated[float, Quantity("A/m^2", "10 mA/cm^2", above=0.0)]
Watts = Annotated[float, Quantity("W", "500 mW", above=0.0)]
Hertz = Annotated[float, Quantity("Hz", "50 Hz", above=0.0)]
Degrees = Annotated[float, Quantity("deg", "0.2 deg", above=0.0)]
Nanometres = Annotated[float, Quantity("nm", "520 nm", above=0.0)]
Kelvins = Annotated[float, Quantity("K", "298.15 K", above=0.0)]
Ohms = Annotated[float, Quantity("ohm", "25 ohm", least=0.0)]
PositiveOhms = Annotated[float, Quantity("ohm", "100 ohm", above=0.0)]
VoltsPerAmpere = Annotated[float, Quantity("V/A", "5e6 V/A", nonzero=True)]
Fraction = Annotated[float, Quantity("", "1.15 %", least=0.0, most=1.0)]
PositiveVolts = Annotated[float, Quantity("V", "10 V", above=0.0)]
PositiveAmperes = Annotated[float, Quantity("A", "10 mA", above=0.0)]
PositiveSeconds = Annotated[float, Quantity("s", "10 s", above=0.0)]
Auto = Literal["auto"]
