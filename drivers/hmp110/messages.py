"""What a probe says of itself and of the room, taken apart. Pure.

After the HMP60 and HMP110 Series User's Guide M211060EN, section "Serial line output commands" (``R``, ``S``, ``SEND``;
page 41 of its fifth edition); what ``?`` answers, after a capture of an HMP155 of the same family.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from math import nan
from typing import NamedTuple

from drivers.scpi import Identity

#: 0 degC in K.
ZERO_CELSIUS = 273.15

#: What the sensors can say at all: beyond it is no reading, K and as a fraction.
TEMPERATURES, HUMIDITIES = (193.15, 453.15), (-0.05, 1.2)

_NUMBER = r"\s*([-+]?\d+(?:\.\d*)?|\*+)"
_TEMPERATURE = re.compile(rf"(?<![A-Za-z])T\s*={_NUMBER}\s*'([CF])", re.ASCII)
_HUMIDITY = re.compile(rf"(?<![A-Za-z])RH\s*={_NUMBER}\s*%RH", re.ASCII)
_WHO = re.compile(r"(HM[A-Z]\d+\w*)[ /]+([\w.]+)", re.ASCII)
_FIELD = re.compile(r"([A-Za-z][A-Za-z .]*?)\s*:\s*(.*)", re.ASCII)

#: What comes on the line besides replies: nothing, a prompt.
_CHAFF = ("", ">")


class RoomReading(NamedTuple):
    """Temperature [K] and relative humidity [1] of the air; NaN where the probe has no value."""

    temperature: float
    relative_humidity: float


def is_chaff(line: str, sent: str) -> bool:
    """Whether a line is no reply: blank, a prompt, or the echo of what was ``sent``."""
    text = line.strip().lstrip(">").strip()
    return text in _CHAFF or text.upper() == sent.upper()


def room_reading(line: str) -> RoomReading | None:
    """What the reply to ``SEND`` holds, in Celsius or Fahrenheit; None for a line that is no such reply.

    ``T= 22.6 'C RH= 22.8 %RH Td= 0.3 'C``, in any order; stars stand for a value that the probe has not. A value that
    no sensor can have makes the whole line no reply.
    """
    temperature, humidity = _TEMPERATURE.search(line), _HUMIDITY.search(line)
    if temperature is None:
        return None
    kelvin = _kelvin(_value(temperature[1]), temperature[2])
    share = nan if humidity is None else _value(humidity[1]) / 100
    if _outside(kelvin, TEMPERATURES) or _outside(share, HUMIDITIES):
        return None
    return RoomReading(kelvin, share)


def _value(text: str) -> float:
    return nan if text.startswith("*") else float(text)


def _kelvin(value: float, unit: str) -> float:
    return (value if unit == "C" else (value - 32.0) / 1.8) + ZERO_CELSIUS


def _outside(value: float, limits: tuple[float, float]) -> bool:
    return value < limits[0] or value > limits[1]


def identity_of(lines: Sequence[str]) -> Identity | None:
    """Who answers, from the lines of the reply to ``?``; None where no line names a probe."""
    found = next((who for line in lines if (who := _WHO.search(line))), None)
    if found is None:
        return None
    return Identity("VAISALA", found[1], fields_of(lines).get("serial number", ""), found[2])


def fields_of(lines: Sequence[str]) -> dict[str, str]:
    """What the lines of the reply to ``?`` state, by names in small letters: ``serial number``, ``serial mode``."""
    found = (_FIELD.match(line.strip()) for line in lines)
    return {field[1].strip().lower(): field[2].strip() for field in found if field}
