"""The CS-2000A spectroradiometer from the other end of its serial line: bytes in, bytes out.

Protocol, reply forms and error codes follow the maker's CS-2000/CS-2000A Communication Specifications (Rev. 7.00).
Where those are silent the behaviour is a choice, marked ``assumed``, and selectable in
:class:`~drivers.simulated.cs2000a.model.CS2000AOptions` where a client could depend on it.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Collection, Sequence
from typing import Literal

import numpy as np

from drivers.simulated.clock import Event
from drivers.simulated.cs2000a.colour import Array
from drivers.simulated.cs2000a.memory import Command, Memory, Refusal, data_request, number
from drivers.simulated.cs2000a.model import (
    ANGLE_FACTOR,
    LARGEST_LUMINANCE,
    CS2000AOptions,
    Exposure,
    Reading,
    choose_exposure,
    filled_share,
    luminance,
    reading_text,
)
from drivers.simulated.fixture import TestFixture
from drivers.simulated.twin import OnSerialLine

__all__ = ["CS2000AOptions", "CS2000ATwin"]

#: After this time without a byte an unfinished line is discarded, s.
LONGEST_SILENCE = 60.0
_LONGEST_LINE = 800  # bytes
_CHARACTER = 0.001  # s: the time LF has to follow CR
_CR, _LF = 0x0D, 0x0A


class CS2000ATwin(OnSerialLine):
    """A CS-2000A in front of the test fixture.

    A person at the meter is :meth:`press_measuring_button`, :meth:`press_escape`, :meth:`turn_knob`,
    :meth:`power_cycle` and ``fitted_nd``, the external ND filter really in place (0 none, 1 1/10, 2 1/100).
    ``fault`` (such as ``"ER51"``) makes every reading fail with that code, in the line that comes next.
    """

    def __init__(self, fixture: TestFixture, options: CS2000AOptions | None = None) -> None:
        self.fixture = fixture
        self.options = options or CS2000AOptions()
        self.memory = Memory(self.options, self._angle_at_stop)
        self.fault: str | None = None
        self.fitted_nd = 0
        self._clock = fixture.clock
        self._angle: int | None = self.options.angle
        self._output: deque[bytes] = deque()
        self._line = bytearray()
        self._line_too_long = False
        self._line_timer = Event(0.0, self.discard_line)
        self._after_cr: Event | None = None
        self._skip_lf = False
        self._terminator = b"\r\n"
        self._last_reply = 0.0
        self._schedule: list[Event] = []
        self._commands = self.memory.commands | self._own_commands()
        self._start_up()

    def _start_up(self) -> None:
        self._baud_rate = self.memory.settings.baud_rate
        self._remote = False
        self._button = False
        self._state: Literal["idle", "searching", "measuring"] = "idle"
        self._by_hand = False
        self._knob_moved = False
        self._reading: Reading | None = None
        self._unread_blocks = {1, 2, 3, 4}
        self._failure = "ER20"

    # the connector ----------------------------------------------------------------------------------------

    def receive(self, data: bytes, *, end: bool = False) -> None:  # noqa: ARG002 - a serial line has no END
        """Take bytes from the host; a line ends with CR, LF or CR LF."""
        for byte in data:
            self._take(byte)
        self._line_timer.cancel()
        if (self._line or self._line_too_long) and self._after_cr is None:
            self._line_timer = self._clock.call_after(LONGEST_SILENCE, self.discard_line)

    # a person at the meter --------------------------------------------------------------------------------

    def press_measuring_button(self) -> None:
        """Start a reading by hand; dead in remote mode unless MSWE,1 was sent."""
        if self._state != "idle" or (self._remote and not self._button):
            return
        try:
            self._start(by_hand=True)
        except Refusal as refusal:
            self._failure = str(refusal)

    def press_escape(self) -> None:
        """Cancel the running reading, or leave remote mode when idle."""
        if self._state == "idle":
            self._remote = False
            return
        self._stop()
        if not self._by_hand:
            self._reply("ER20")  # assumed: what the host sees is not documented

    def turn_knob(self, angle: Literal[0, 1, 2] | None) -> None:
        """Turn the angle knob to 1, 0.2 or 0.1 degree (0, 1, 2), or between two stops (None)."""
        self._knob_moved = True
        self._angle = angle

    def power_cycle(self) -> None:
        """Switch off and on: settings as they are in flash, no reading."""
        self._stop()
        self._output = deque()  # replies on their way go to the old one
        self._forget_line()
        self.memory.power_up()
        self._start_up()

    # lines in, lines out ----------------------------------------------------------------------------------

    def _take(self, byte: int) -> None:
        if self._after_cr is not None:
            self._after_cr.cancel()
            self._run_line(b"\r\n" if byte == _LF else b"\r")
            self._skip_lf = True
        skip, self._skip_lf = self._skip_lf, False
        if byte == _LF and skip:
            return
        if byte == _LF:
            self._run_line(b"\n")
        elif byte == _CR:
            self._after_cr = self._clock.call_after(0.0 if self.options.instant else _CHARACTER, self._lone_cr)
        elif len(self._line) < _LONGEST_LINE:
            self._line.append(byte)
        else:
            self._line_too_long = True

    def _forget_line(self) -> None:
        self._line.clear()
        self._line_too_long = False
        self._line_timer.cancel()
        if self._after_cr is not None:
            self._after_cr.cancel()
            self._after_cr = None

    def _lone_cr(self) -> None:
        self._run_line(b"\r")
        self._skip_lf = True  # a late LF still belongs to it

    def _run_line(self, terminator: bytes) -> None:
        line, too_long = bytes(self._line), self._line_too_long
        self._forget_line()
        if self._state == "searching":
            return  # assumed: swallowed without a reply
        self._terminator = terminator
        answer = "ER00" if too_long else self._answer(line)
        if answer:
            self._reply(answer)
        self._baud_rate = self.memory.settings.baud_rate  # BPSS is answered at the old rate

    def discard_line(self) -> None:
        """Forget an unfinished line after :data:`LONGEST_SILENCE`; the first firmware tells so."""
        self._forget_line()
        if self.options.old_firmware and self._state != "searching":
            self._reply("ER00")

    def _answer(self, line: bytes) -> str:
        """Carry out one line and return the reply, empty when it comes later."""
        try:
            name, *parameters = line.decode("ascii").split(",")
            self._check_reachable(name, parameters)
            counts, command = self._commands[name]
            return command(parameters) if len(parameters) in counts else "ER00"
        except (UnicodeDecodeError, KeyError):
            return "ER00"
        except Refusal as refusal:
            return str(refusal)

    def _check_reachable(self, name: str, parameters: list[str]) -> None:
        """Refuse what the mode of the meter or a running reading forbids.

        :raises Refusal: it is forbidden now.
        """
        if not self._remote and name != "RMTS":
            raise Refusal("ER00")
        if self._state == "idle" or (name == "MEAS" and parameters == ["0"]):
            return
        if self.options.busy_reply == "ER00":
            raise Refusal("ER00")
        raise Refusal({"MEDR": "ER02", "MEAS": "ER17"}.get(name, "ER00"))

    def _reply(self, text: str, delay: float = 0.0) -> None:
        line = text.encode("ascii") + self._terminator
        pause = 0.0 if self.options.instant else self.options.latency + delay
        if self.options.interface == "rs232" and not self.options.instant:
            pause += 10.0 * len(line) / self._baud_rate
        if pause == 0.0:
            self._output.append(line)
            return
        self._last_reply = max(self._last_reply, self._clock.now() + pause)
        output = self._output
        self._clock.call_at(self._last_reply, lambda: output.append(line))

    # a reading --------------------------------------------------------------------------------------------

    def _start(self, by_hand: bool = False) -> None:
        """Begin a reading.

        :raises Refusal: the meter cannot.
        """
        self._reading = None
        self._failure = "ER20"
        self._by_hand = by_hand
        if self.fault is not None:
            raise Refusal(self.fault)
        angle = self._angle_at_stop()
        if self.memory.settings.sync == 2 and not self.options.external_sync_present:
            raise Refusal("ER71")
        peak = float(self._seen().max())
        exposure = choose_exposure(peak, self.memory.settings, angle, self.options.exposure_cap)
        self._state = "searching"
        self._knob_moved = False
        search = 0.0 if self.options.instant else exposure.search
        self._schedule = [self._clock.call_after(search, lambda: self._expose(exposure, angle))]

    def _expose(self, exposure: Exposure, angle: int) -> None:
        self._state = "measuring"
        if self.options.over_range_line == 1 and self._too_bright(self._seen(), exposure, angle):
            self._fail("ER10")
            return
        announced = 2 if self.options.instant else exposure.announced
        if not self._by_hand:
            self._reply(f"OK00,{announced:03d}")
        light = 0.0 if self.options.instant else exposure.duration
        end = 0.0 if self.options.instant else max(light, announced + self.options.second_line_offset)
        samples: list[Array] = []
        after = self._clock.call_after
        self._schedule = [
            *(after(when, lambda: samples.append(self._seen())) for when in (0.0, light / 2.0, light)),
            after(end, lambda: self._finish(exposure, angle, samples)),
        ]

    def _finish(self, exposure: Exposure, angle: int, samples: Sequence[Array]) -> None:
        light = np.mean(samples, axis=0)
        if self._knob_moved:
            self._fail("ER83")
            return
        if self.fault is not None:
            self._fail(self.fault)
            return
        if self._too_bright(light, exposure, angle):
            self._fail("ER10")
            return
        self._state = "idle"
        spectrum = self._noisy(light, exposure, angle) * self.memory.correction(angle)
        self._reading = Reading(self._conditions(exposure, angle), spectrum)
        self._unread_blocks = {1, 2, 3, 4}
        if not self._by_hand and not self.options.lose_second_line:
            self._reply("OK00")

    def _fail(self, code: str) -> None:
        self._state = "idle"
        if self._by_hand:
            self._failure = code
        else:
            self._reply(code)

    def _stop(self) -> None:
        for event in self._schedule:
            event.cancel()
        self._state = "idle"

    def _angle_at_stop(self) -> int:
        if self._angle is None:
            raise Refusal("ER83")
        return self._angle

    def _seen(self) -> Array:
        return self.fixture.spectral_radiance() * 0.1**self.fitted_nd * self._filled_share()

    def _filled_share(self) -> float:
        if not self.options.dark_surround or self._angle is None:
            return 1.0
        return filled_share(self.fixture.emitting_area, self._angle, self.memory.settings.lens)

    def _too_bright(self, seen: Array, exposure: Exposure, angle: int) -> bool:
        return float(seen.max()) > exposure.saturation or luminance(seen) > LARGEST_LUMINANCE[angle]

    def _noisy(self, light: Array, exposure: Exposure, angle: int) -> Array:
        """Add the scatter of one exposure; what falls below zero is cut off, as the meter does."""
        noise, rng = self.fixture.noise, self.fixture.rng
        if not (noise.spectrum_floor or noise.spectrum_relative or noise.spectrum_common):
            return light
        floor = noise.spectrum_floor * ANGLE_FACTOR[angle] / math.sqrt(exposure.duration)
        scatter = np.hypot(floor, noise.spectrum_relative * light) * rng.standard_normal(light.size)
        common = 1.0 + noise.spectrum_common * rng.standard_normal()
        return np.maximum((light + scatter) * common, 0.0)

    def _conditions(self, exposure: Exposure, angle: int) -> str:
        now = self.memory.settings
        return (
            f"{now.speed},{now.sync},{round(exposure.duration * 1e6):09d},{exposure.nd:d},"
            f"{now.lens},{now.external_nd},{angle},{now.channel:02d}"
        )

    # commands ---------------------------------------------------------------------------------------------

    def _own_commands(self) -> dict[str, tuple[Collection[int], Command]]:
        return {
            "RMTS": ((1,), self._set_remote),
            "IDDR": ((0,), self._identity),
            "STSR": ((0,), lambda _: f"OK00,{self._angle_at_stop()}"),
            "MEAS": ((1,), self._measure),
            "MEDR": ((3,), self._read_data),
            "MSWE": ((1,), self._set_button),
            "STDS": ((1,), self._store),
        }

    def _set_remote(self, parameters: list[str]) -> str:
        mode = number(parameters[0], 0, 1 if self.options.firmware < (3, 0, 9301) else 2)
        self._remote = mode != 0
        self.memory.to_flash = mode == 1
        return "OK00"

    def _identity(self, _: list[str]) -> str:
        name = "CS-2000A" if self.options.variant == 2 else "CS-2000"
        name = f"{name:9}" if self.options.padded_name else name
        return f"OK00,{name},{self.options.variant},{self.options.serial_number}"

    def _measure(self, parameters: list[str]) -> str:
        if number(parameters[0], 0, 1) == 1:
            self._start()
            return ""
        if self._state == "idle":
            raise Refusal("ER17")
        self._stop()
        return "OK00"

    def _read_data(self, parameters: list[str]) -> str:
        mode, hexadecimal, block = data_request(parameters)
        if self._reading is None:
            raise Refusal(self._failure)
        text = reading_text(self._reading, mode, hexadecimal, block, not self.options.old_firmware)
        if self._button:
            self._forget_when_read(mode, block)
        return f"OK00,{text}"

    def _forget_when_read(self, mode: int, block: int) -> None:
        """With the button on, a reading lasts until its spectrum or any colorimetry was read."""
        if mode == 1:
            self._unread_blocks.discard(block)
        if mode == 2 or not self._unread_blocks:
            self._reading = None

    def _set_button(self, parameters: list[str]) -> str:
        self._button = number(parameters[0], 0, 1) == 1
        return "OK00"

    def _store(self, parameters: list[str]) -> str:
        place = number(parameters[0], 0, 99)
        if self._reading is None:
            raise Refusal("ER20")
        self.memory.burn()
        self.memory.readings[place] = self._reading
        self._reply("OK00", self.options.flash_time)
        return ""
