"""A simulated 2450 on the fixture of the other twins, after its reference manual 2450-901-01; shares no code."""

from __future__ import annotations

from drivers.simulated.fixture import TestFixture


class Keithley2450Twin:
    service_request = False

    def __init__(self, fixture: TestFixture) -> None:
        self._fixture = fixture
        self._received = b""
        self._replies: list[bytes] = []
        self.heard: list[str] = []
        self.output_log: list[tuple[bool, float]] = []
        self.errors = 0
        self._reset()

    def _reset(self) -> None:
        self.output_on, self._function, self._level, self._limits = False, "VOLT", 0.0, {"ILIM": 1e-4, "VLIM": 0.2}
        self._apply()

    def receive(self, data: bytes, *, end: bool = False) -> None:
        self._received += data + (b"\n" if end else b"")
        *lines, self._received = self._received.split(b"\n")
        for line in filter(None, (line.decode().strip() for line in lines)):
            self.heard.append(line)
            self._carry_out(line)

    def _carry_out(self, line: str) -> None:
        header, _, argument = line.partition(" ")
        match header.split(":"):
            case ["*IDN?"]:
                self._reply("KEITHLEY INSTRUMENTS,MODEL 2450,04000001,1.7.12b")
            case ["*RST"]:
                self._reset()
            case ["", "OUTP?"]:
                self._reply(str(int(self.output_on)))
            case ["", "OUTP"]:
                self.output_on = argument == "ON"
                self._apply()
            case ["", "SOUR", "FUNC"]:
                self._function = argument
            case ["", "SOUR", "VOLT" | "CURR" as function]:
                if function == self._function:
                    self._level = float(argument)
                    self._apply()
            case ["", "SOUR", "VOLT" | "CURR", "ILIM" | "VLIM" as limit]:
                self._limits[limit] = float(argument)
            case ["", "SOUR", "VOLT" | "CURR", "RANG"] | ["", "SENS", *_]:
                pass
            case ["", "SOUR", "VOLT" | "CURR", "ILIM" | "VLIM", "TRIP?"]:
                self._reply(str(int(self._fixture.operating_point().clamped)))
            case ["", "READ?"]:
                point = self._fixture.operating_point()
                voltage, current = point.voltage, point.current
                source, measured = (voltage, current) if self._function == "VOLT" else (current, voltage)
                self._reply(f"{source:.6E},{measured:.6E}")
            case ["", "SYST", "ERR", "COUN?"]:
                self._reply(str(self.errors))
            case _:
                self.errors += 1

    def _apply(self) -> None:
        if not self.output_on:
            self._fixture.disconnect()
        elif self._function == "VOLT":
            self._fixture.drive_voltage(self._level, self._limits["ILIM"])
        else:
            self._fixture.drive_current(self._level, self._limits["VLIM"])
        self.output_log.append((self.output_on, self._level))

    def _reply(self, text: str) -> None:
        self._replies.append(text.encode() + b"\n")

    def transmit(self, limit: int | None = None) -> tuple[bytes, bool]:
        if not self._replies:
            return b"", False
        reply = self._replies.pop(0)
        if limit is not None and limit < len(reply):
            self._replies.insert(0, reply[limit:])
            return reply[:limit], False
        return reply, True

    def talk_with_nothing_to_say(self) -> None:
        self.errors += 1

    def device_clear(self) -> None:
        self._received, self._replies = b"", []

    def group_execute_trigger(self) -> None:
        pass

    def serial_poll(self) -> int:
        return 0
