"""What the spectroradiometer twin remembers: settings, stored readings, target colours, calibrations.

The argument order of UCPS, ALFS, NFCS and TGDS beyond the documented facts (values per wavelength 000..400 as
hexadecimal floats, committed by a first argument 3) is assumed:

- ``ALFS,angle,wavelength,value``, ``NFCS,angle,filter,wavelength,value``, ``UCPS,channel 01..10,wavelength,value``;
  the commit of UCPS is ``UCPS,3`` with no further argument
- ``TGDS,number,format,mode,X,Y,Z`` with mode 2, the one in which ``TGDR`` reads it back
- factors lie within 0 and 1e6, target values within 0 and 9.9999e9, the largest that their text form has room for
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Collection
from contextlib import nullcontext, suppress
from dataclasses import replace
from typing import Any

import numpy as np

from drivers.simulated.cs2000a.colour import Array, Colorimetry, ObserverColour, hex_text, tristimulus_colour
from drivers.simulated.cs2000a.model import (
    CS2000AOptions,
    Reading,
    Settings,
    colour_text,
    is_data_block,
    reading_text,
)

_BAUD_RATES = (600, 1200, 2400, 4800, 9600, 19200, 38400, 57600, 115200)
_LARGEST_FACTOR = 1e6
_LARGEST_TARGET = 9.9999e9
_DECIMAL = re.compile(r" *[+-]?\d+(\.\d*)?([eE][+-]?\d+)? *", re.ASCII)
_NO_OBSERVER = ObserverColour((0.0, 0.0, 0.0))

Command = Callable[[list[str]], str]
Place = tuple[str | int, ...]


class Refusal(Exception):
    """The meter answers with an error code; an answer, not an error of the program."""


def number(text: str, low: int, high: int) -> int:
    """Read an unsigned integer of any width within [low, high].

    :raises Refusal: ER17, it is none, or beyond them.
    """
    if not (text.isascii() and text.isdigit()) or not low <= int(text[:12]) <= high or len(text) > 12:
        raise Refusal("ER17")
    return int(text)


def hexadecimal_float(text: str, high: float) -> float:
    """Read the eight digits of a big-endian IEEE-754 single within [0, high].

    :raises Refusal: ER17, it is none, or beyond them.
    """
    if not re.fullmatch("[0-9A-Fa-f]{8}", text):
        raise Refusal("ER17")
    (value,) = struct.unpack(">f", bytes.fromhex(text))
    return _within(value, high)


def decimal_float(text: str, high: float) -> float:
    """Read a decimal number within [0, high].

    :raises Refusal: ER17, it is none, or beyond them.
    """
    if not _DECIMAL.fullmatch(text):
        raise Refusal("ER17")
    return _within(float(text), high)


def _within(value: float, high: float) -> float:
    if not 0.0 <= value <= high:
        raise Refusal("ER17")
    return value


class Memory:
    """Settings and stored data with the commands that change and read them.

    Each entry of :attr:`commands` is the accepted numbers of arguments and a function from the arguments to the
    reply, or to a :class:`Refusal`. ``to_flash`` says whether changed settings are kept (RMTS,1) or not (RMTS,2).
    ``angle`` returns the code of the measuring angle, or refuses (ER83).
    """

    def __init__(self, options: CS2000AOptions, angle: Callable[[], int]) -> None:
        self.options = options
        self._angle = angle
        self.settings = Settings()
        self.to_flash = False
        self.flash_writes = 0
        self.readings: dict[int, Reading] = {}
        self._flash = self.settings
        self._targets: dict[int, Array] = {}
        self._factors: dict[Place, Array] = {}
        self._drafts: dict[Place, Array] = {}
        if options.compensation_stored:
            for each in range(3):
                self._factors["lens", each] = np.ones(401)
                for nd in (1, 2):
                    self._factors["nd", each, nd] = np.full(401, 10.0**nd)
        self.commands: dict[str, tuple[Collection[int], Command]] = self._commands()

    def power_up(self) -> None:
        """Forget what is not in flash."""
        self.settings = self._flash
        self._drafts.clear()

    def correction(self, angle: int) -> Array | float:
        """Return the factor, one or (401,), that the declared lens, ND filter and calibration put on a reading."""
        settings = self.settings
        places: list[Place] = []
        if settings.lens:
            places.append(("lens", angle))
        if settings.external_nd:
            places.append(("nd", angle, settings.external_nd))
        if settings.channel:
            places.append(("user", settings.channel))
        factor: Array | float = 1.0
        for place in places:
            # assumed: nothing is compensated when the knob was turned to an angle without stored values
            factor = factor * self._factors.get(place, 1.0)
        return factor

    def burn(self) -> None:
        """Write to flash memory.

        :raises Refusal: it is worn out.
        """
        if self.options.flash_error is not None:
            raise Refusal(self.options.flash_error)
        self.flash_writes += 1

    # settings ---------------------------------------------------------------------------------------------

    def _change(self, **changes: Any) -> str:
        if self.to_flash:
            self.burn()
            self._flash = replace(self._flash, **changes)
        self.settings = replace(self.settings, **changes)
        return "OK00"

    def _change_quietly(self, **changes: Any) -> str:
        """Change settings by a command that has no error code for a worn memory: they are lost with the power."""
        self.settings = replace(self.settings, **changes)
        if self.to_flash:
            with suppress(Refusal):
                self.burn()
                self._flash = replace(self._flash, **changes)
        return "OK00"

    def _set_speed(self, parameters: list[str]) -> str:
        mode = number(parameters[0], 0, 4)
        old = self.options.old_firmware
        if old and mode == 4:
            raise Refusal("ER17")
        if mode == 3:
            _require(len(parameters) == 3)
            time, nd = number(parameters[1], 5000, 120_000_000), number(parameters[2], 0, 1)
            return self._change(speed=3, manual_time=time, nd=nd)
        timed = mode in (2, 4)
        if old:
            _require(len(parameters) == 1 + timed)
            nd = 2
        else:
            _require(len(parameters) == 3 if timed else len(parameters) <= 2)
            nd = number(parameters[-1], 0, 2) if len(parameters) > 1 else 2
        if timed:
            return self._change(speed=mode, multi_seconds=number(parameters[1], 1, 16), nd=nd)
        return self._change(speed=mode, nd=nd)

    def _speed(self, _: list[str]) -> str:
        now = self.settings
        if now.speed == 3:
            return f"OK00,3,{now.manual_time:09d},{now.nd}"
        time = f",{now.multi_seconds:02d}" if now.speed in (2, 4) else ""
        nd = "" if self.options.old_firmware else f",{now.nd}"
        return f"OK00,{now.speed}{time}{nd}"

    def _set_sync(self, parameters: list[str]) -> str:
        mode = number(parameters[0], 0, 2)
        _require(len(parameters) == (2 if mode == 1 else 1))
        if mode == 1:
            return self._change(sync=1, sync_frequency=number(parameters[1], 2000, 20000))
        return self._change(sync=mode)

    def _sync(self, _: list[str]) -> str:
        now = self.settings
        return f"OK00,1,{now.sync_frequency:05d}" if now.sync == 1 else f"OK00,{now.sync}"

    def _set_external_nd(self, parameters: list[str]) -> str:
        if nd := number(parameters[0], 0, 2):
            self._require_factors("nd", self._angle(), nd)
        return self._change_quietly(external_nd=nd)

    def _set_lens(self, parameters: list[str]) -> str:
        if lens := number(parameters[0], 0, 1):
            self._require_factors("lens", self._angle())
        return self._change(lens=lens)

    def _set_channel(self, parameters: list[str]) -> str:
        channel = number(parameters[0], 0, 10)
        if channel:
            self._require_factors("user", channel)
        return self._change(channel=channel)

    def _require_factors(self, *place: str | int) -> None:
        if place not in self._factors:
            raise Refusal("ER05")

    def _set_backlight(self, parameters: list[str]) -> str:
        return self._change_quietly(backlight=(number(parameters[0], 0, 1), number(parameters[1], 0, 1)))

    def _set_baud_rate(self, parameters: list[str]) -> str:
        self._require_firmware(3, 0, 0)
        baud_rate = number(parameters[0], 600, 115200)
        if baud_rate not in _BAUD_RATES:
            raise Refusal("ER17")
        return self._change(baud_rate=baud_rate)

    def _baud_rate(self, _: list[str]) -> str:
        self._require_firmware(3, 0, 0)
        return f"OK00,{self.settings.baud_rate:6d}"

    def _choice(self, name: str, high: int) -> Command:
        return lambda parameters: self._change_quietly(**{name: number(parameters[0], 0, high)})

    def _reader(self, write: Callable[[Settings], str]) -> Command:
        return lambda _: f"OK00,{write(self.settings)}"

    def _reset(self, parameters: list[str]) -> str:
        self._require_firmware(3, 0, 9301)
        scope = number(parameters[0], 0, 2)
        self.burn()
        if scope != 2:
            self.readings.clear()
            self._targets.clear()
        if scope != 1:
            self.settings = self._flash = Settings()
        return "OK00"

    def _require_firmware(self, *version: int) -> None:
        if self.options.firmware < version:
            raise Refusal("ER00")

    # calibrations per wavelength --------------------------------------------------------------------------

    def _write_factor(self, kind: str, bounds: tuple[tuple[int, int], ...]) -> Command:
        """Make a command that writes one factor, its place given by numbers within bounds, or commits all."""

        def command(parameters: list[str]) -> str:
            if len(parameters) == 1:
                number(parameters[0], 3, 3)
                return self._commit(kind)
            place = _place(kind, parameters, bounds)
            wavelength = number(parameters[-2], 0, 400)
            value = hexadecimal_float(parameters[-1], _LARGEST_FACTOR)
            blank = self._factors.get(place, np.ones(401))
            self._drafts.setdefault(place, blank.copy())[wavelength] = value
            return "OK00"

        return command

    def _commit(self, kind: str) -> str:
        with nullcontext() if kind == "user" else suppress(Refusal):  # ALFS and NFCS have no code for a worn memory
            self.burn()
            for place in [place for place in self._drafts if place[0] == kind]:
                self._factors[place] = self._drafts.pop(place)
        return "OK00"

    def _read_factor(self, kind: str, bounds: tuple[tuple[int, int], ...]) -> Command:
        def command(parameters: list[str]) -> str:
            place = _place(kind, parameters, bounds)
            wavelength = number(parameters[-1], 0, 400)
            self._require_factors(*place)
            return f"OK00,{hex_text(float(self._factors[place][wavelength]))}"

        return command

    def _delete_channel(self, parameters: list[str]) -> str:
        channel = number(parameters[0], 1, 10)
        if self._factors.pop(("user", channel), None) is None:
            raise Refusal("ER05")
        if self.settings.channel == channel:
            self._change(channel=0)
        return "OK00"

    # stored readings and target colours -------------------------------------------------------------------

    def _read_stored(self, parameters: list[str]) -> str:
        reading = self.readings.get(number(parameters[0], 0, 99))
        mode, hexadecimal, block = data_request(parameters[1:])
        if reading is None:
            raise Refusal("ER20")
        return f"OK00,{reading_text(reading, mode, hexadecimal, block, not self.options.old_firmware)}"

    def _delete_stored(self, parameters: list[str]) -> str:
        self.readings.pop(number(parameters[0], 0, 99), None)
        return "OK00"

    def _delete_all_stored(self, _: list[str]) -> str:
        self.readings.clear()
        return "OK00"

    def _select_target(self, parameters: list[str]) -> str:
        target = number(parameters[0], 1, 20)
        if target not in self._targets:
            raise Refusal("ER20")
        return self._change(target=target)

    def _write_target(self, parameters: list[str]) -> str:
        target = number(parameters[0], 1, 20)
        read = hexadecimal_float if number(parameters[1], 0, 1) else decimal_float
        number(parameters[2], 2, 2)
        tristimulus = np.array([read(text, _LARGEST_TARGET) for text in parameters[3:]])
        self.burn()
        self._targets[target] = tristimulus
        return "OK00"

    def _read_target(self, parameters: list[str]) -> str:
        target = self._targets.get(number(parameters[0], 1, 20))
        mode, hexadecimal, block = data_request(parameters[1:])
        if target is None or mode != 2:
            raise Refusal("ER20")
        colour = Colorimetry(None, float(target[1]), tristimulus_colour(target, 2), _NO_OBSERVER)
        return f"OK00,{colour_text(colour, hexadecimal, block, not self.options.old_firmware)}"

    def _delete_target(self, parameters: list[str]) -> str:
        self._targets.pop(number(parameters[0], 1, 20), None)
        return "OK00"

    def _delete_all_targets(self, _: list[str]) -> str:
        self._targets.clear()
        return "OK00"

    def _commands(self) -> dict[str, tuple[Collection[int], Command]]:
        angle, nd, channel = (0, 2), (1, 2), (1, 10)
        return {
            "SPMS": ((1, 2, 3), self._set_speed),
            "SPMR": ((0,), self._speed),
            "SCMS": ((1, 2), self._set_sync),
            "SCMR": ((0,), self._sync),
            "NDFS": ((1,), self._set_external_nd),
            "NDFR": ((0,), self._reader(lambda now: f"{now.external_nd}")),
            "LNSS": ((1,), self._set_lens),
            "LNSR": ((0,), self._reader(lambda now: f"{now.lens}")),
            "OBSS": ((1,), self._choice("observer", 1)),
            "OBSR": ((0,), self._reader(lambda now: f"{now.observer}")),
            "BALS": ((2,), self._set_backlight),
            "BALR": ((0,), self._reader(lambda now: f"{now.backlight[0]},{now.backlight[1]}")),
            "CSMS": ((1,), self._choice("colour_space", 5)),
            "CSMR": ((0,), self._reader(lambda now: f"{now.colour_space}")),
            "DIMS": ((1,), self._choice("difference", 1)),
            "DIMR": ((0,), self._reader(lambda now: f"{now.difference}")),
            "DTCR": ((0,), self._reader(lambda _: self.options.calibration_date)),
            "UCCS": ((1,), self._set_channel),
            "UCCR": ((0,), self._reader(lambda now: f"{now.channel:02d}")),
            "UCPS": ((1, 3), self._write_factor("user", (channel,))),
            "UCPR": ((2,), self._read_factor("user", (channel,))),
            "UCCD": ((1,), self._delete_channel),
            "ALFS": ((1, 3), self._write_factor("lens", (angle,))),
            "ALFR": ((2,), self._read_factor("lens", (angle,))),
            "NFCS": ((1, 4), self._write_factor("nd", (angle, nd))),
            "NFCR": ((3,), self._read_factor("nd", (angle, nd))),
            "STDR": ((4,), self._read_stored),
            "STDD": ((1,), self._delete_stored),
            "STAD": ((0,), self._delete_all_stored),
            "TGSL": ((1,), self._select_target),
            "TGSR": ((0,), self._reader(lambda now: f"{now.target:02d}")),
            "TGDS": ((6,), self._write_target),
            "TGDR": ((4,), self._read_target),
            "TGDD": ((1,), self._delete_target),
            "TGAD": ((0,), self._delete_all_targets),
            "BPSS": ((1,), self._set_baud_rate),
            "BPSR": ((0,), self._baud_rate),
            "INIT": ((1,), self._reset),
        }


def data_request(parameters: list[str]) -> tuple[int, bool, int]:
    """Read mode, format and block of MEDR and STDR.

    :raises Refusal: ER17, there is no such mode, format or block.
    """
    mode = number(parameters[0], 0, 2)
    hexadecimal = number(parameters[1], 0, 1) == 1
    block = number(parameters[2], 0, 101)
    if not is_data_block(mode, block):
        raise Refusal("ER17")
    return mode, hexadecimal, block


def _place(kind: str, parameters: list[str], bounds: tuple[tuple[int, int], ...]) -> Place:
    """Where a calibration factor belongs: its kind and the leading numbers, each within its bounds."""
    return (kind, *(number(text, *limits) for text, limits in zip(parameters, bounds, strict=False)))


def _require(right_number_of_arguments: bool) -> None:
    if not right_number_of_arguments:
        raise Refusal("ER00")
