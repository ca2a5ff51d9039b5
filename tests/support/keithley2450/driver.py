"""A driver for the 2450 in its own dialect: what a stepped sweep needs."""

from __future__ import annotations

from math import nan
from typing import Any

from drivers import link, scpi
from drivers.keithley2400.driver import SmuLimits, SmuReading, SmuSettings, SmuStatus
from tests.support.keithley2450.off import is_off, make_safe
from tests.support.keithley2450.specification import SPECIFICATION

_MNEMONIC = {"voltage": "VOLT", "current": "CURR"}
_LIMIT = {"voltage": "ILIM", "current": "VLIM"}


class Keithley2450:
    specification = SPECIFICATION
    reading_patience = 5.0

    def __init__(
        self, adapter: str, *, limits: SmuLimits, visa_library: Any, timeout: float, serial: link.SerialLine
    ) -> None:
        self.name = SPECIFICATION.name
        self.adapter = link.open_adapter(
            adapter, name=self.name, visa_library=visa_library, timeout=timeout, serial=serial
        )
        self._limits = limits
        self._record: dict[str, Any] = {}
        self._level = 0.0

    def _ask(self, query: str) -> str:
        self.adapter.write(query)
        return str(self.adapter.read()).strip()

    def identify(self) -> scpi.Identity:
        found = scpi.parse_identity(self._ask("*IDN?"), self.name)
        return scpi.require_model(found, SPECIFICATION.identities, self.name)

    def configure(self, settings: SmuSettings) -> None:
        assert settings.max_level <= getattr(self._limits, settings.source)
        self._source, self._limit = _MNEMONIC[settings.source], _LIMIT[settings.source]
        range_ = SPECIFICATION.span(settings.source).smallest_range(settings.max_level)
        measured = _MNEMONIC[settings.measured]
        for message in (
            "*RST",
            f":SOUR:FUNC {self._source}",
            f":SOUR:{self._source}:RANG {range_:g}",
            f":SOUR:{self._source}:{self._limit} {settings.compliance:g}",
            f':SENS:FUNC "{measured}"',
            f":SENS:{measured}:NPLC {settings.nplc:g}",
        ):
            self.adapter.write(message)
        self._record = {"source": self._source, "source_range": range_, "compliance": settings.compliance}

    def settings(self) -> dict[str, Any]:
        return dict(self._record)

    def output_on(self) -> None:
        self.adapter.write(f":SOUR:{self._source} 0")
        self.adapter.write(":OUTP ON")

    def output_off(self) -> None:
        make_safe(self.adapter)
        assert is_off(self.adapter)

    def trigger(self, level: float) -> None:
        self._level = level
        self.adapter.write(f":SOUR:{self._source} {level:.7g}")
        self.adapter.write(':READ? "defbuffer1", SOUR, READ')

    def read(self) -> SmuReading:
        source, measured = map(float, self.adapter.read().split(","))
        tripped = self._ask(f":SOUR:{self._source}:{self._limit}:TRIP?") == "1"
        voltage, current = (source, measured) if self._source == "VOLT" else (measured, source)
        return SmuReading(voltage, current, nan, SmuStatus.COMPLIANCE if tripped else SmuStatus(0))

    def drain_errors(self) -> list[str]:
        count = int(self._ask(":SYST:ERR:COUN?"))
        return [self._ask(":SYST:ERR?") for _ in range(count)]

    def device_clear(self) -> None:
        link.interrupt(self.adapter)

    def why_no_reading(self, problem: Exception) -> Exception:
        return problem
