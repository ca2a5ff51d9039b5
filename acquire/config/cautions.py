"""What is right and yet should be known before a file is used: rules that yield cautions, never problems."""

from __future__ import annotations

from collections.abc import Iterator

from acquire.config.bench import BenchFile, Instruments
from acquire.config.parsing import Parsed
from acquire.config.yaml_source import Caution

#: From this baud rate up the message that makes the source safe is sent and carried out within the promised time.
SLOWEST_SAFE_LINE = 1200
OFF_WITHIN = 2  # s


def bench_cautions(bench: Parsed[BenchFile]) -> Iterator[Caution]:
    """What to know of a bench."""
    instruments = bench.section("instruments", Instruments)
    smu = instruments.smu if instruments else None
    if smu is None or smu.serial is None or not smu.resource.upper().startswith("ASRL"):
        return
    if smu.serial.baud_rate is not None and smu.serial.baud_rate < SLOWEST_SAFE_LINE:
        message = (
            f"at {smu.serial.baud_rate} baud it takes longer than the promised {OFF_WITHIN} s "
            "from a fault to the source's output being off"
        )
        hint = f"set {SLOWEST_SAFE_LINE} baud or more here and on the instrument"
        yield bench.source.caution(("instruments", "smu", "serial", "baud_rate"), message, hint)
