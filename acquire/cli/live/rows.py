"""A point as a row: named columns in the units of the field, and its flags in words."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache

from acquire.cli.display import efficiencies, number
from acquire.photometry.customary_units import QUANTITIES, customary
from acquire.records import PointFlag, Record, counted

#: The flags of a point in a word or two; those that say nothing of a point before the end of the run have none.
FLAG_WORDS = {
    PointFlag.COMPLIANCE: "compliance",
    PointFlag.RANGE_COMPLIANCE: "range limit",
    PointFlag.OVER_RANGE: "source over range",
    PointFlag.OVER_VOLTAGE: "over-voltage protection",
    PointFlag.PHOTODIODE_OVERFLOW: "photodiode overflow",
    PointFlag.BELOW_DARK_NOISE: "no light",
    PointFlag.SPECTRUM_TRUNCATED: "spectrum cut off",
    PointFlag.SPECTRAL_SHIFT: "spectra differ",
    PointFlag.NO_PHOTODIODE_READING: "no photodiode reading",
    PointFlag.NO_SOURCE_READING: "no source reading",
    PointFlag.READING_REPEATED: "read twice",
    PointFlag.LEVEL_NOT_REACHED: "level not reached",
    PointFlag.DAMAGED: "damaged",
    PointFlag.LATE: "late",
    PointFlag.AMPLIFIER_LIMIT: "amplifier at its limit",
    PointFlag.REFINED: "finer",
    PointFlag.AFTER_PAUSE: "after a pause",
}

#: Columns that remarks need at least.
LEAST_FOR_REMARKS = 10


@dataclass(frozen=True)
class Column:
    """One quantity of a row, right-aligned; ``rank``: where there is no room, the largest goes first."""

    name: str
    unit: str
    width: int
    text: Callable[[Record], str]
    rank: int = 0


def _efficiency(index: int) -> Callable[[Record], str]:
    def text(record: Record) -> str:
        value = efficiencies(record)[index]
        whole = number(value, 3)
        return whole if len(whole) <= _EFFICIENCY else number(value, 2)

    return text


def _of(quantity: str, text: Callable[[Record], str], width: int, rank: int = 0) -> Column:
    known = QUANTITIES[quantity]
    return Column(known.symbol, known.unit, width, text, rank)


_EFFICIENCY = 7  # characters

_LIGHT = (
    _of("luminance", lambda record: number(record.luminance), 10),
    _of("current_efficiency", _efficiency(0), _EFFICIENCY, 1),
    _of("power_efficiency", _efficiency(1), _EFFICIENCY, 3),
    _of("external_quantum_efficiency", _efficiency(2), _EFFICIENCY),
)


def columns(source_unit: str, points: int = 0, share_of: Callable[[Record], float] | None = None) -> tuple[Column, ...]:
    """All columns of a point of a source of V or A; the level that was sent comes first.

    ``points``: where there is no bar, each point says how many there are. ``share_of`` tells L/L_0 of a point of a
    lifetime, which has a column then.
    """
    of = f"/{points}" if points else ""
    point = Column("point", "", max(5, 2 * len(of) - 1), lambda record: f"{counted(record.reading.index)}{of}")
    voltage_source = source_unit == "V"
    if voltage_source:
        level = Column("level", "V", 7, lambda record: f"{record.reading.source_level:.3f}")
        measured = Column("V", "V", 8, lambda record: number(record.reading.voltage), 4)
    else:
        level = Column("level", "mA", 9, lambda record: f"{1e3 * record.reading.source_level:.4f}")
        measured = Column("V", "V", 8, lambda record: number(record.reading.voltage))
    density = "current_density"
    current = _of(density, lambda record: number(customary(record.current_density, density)), 10)
    spectrum = Column("spectrum", "", 12, lambda record: record.spectrum_source, 5)
    told = share_of
    of_first = () if told is None else (_of("relative_luminance", lambda record: number(100 * told(record), 4), 7),)
    # Where currents are set, their density says nothing new
    return (
        point,
        level,
        measured,
        current if voltage_source else replace(current, rank=2),
        *_LIGHT,
        *of_first,
        spectrum,
    )


def fitting(every: Sequence[Column], width: int) -> list[Column]:
    """Those of the columns that a width has room for, remarks beside them."""
    kept = list(every)
    while width_of(kept) + LEAST_FOR_REMARKS > width and (least := max(kept, key=lambda column: column.rank)).rank:
        kept.remove(least)
    return kept


def width_of(shown: Sequence[Column]) -> int:
    """Characters that these columns take, a blank behind each."""
    return sum(column.width + 1 for column in shown)


def heads(shown: Sequence[Column]) -> tuple[str, str]:
    """The names of the columns, and their units below them."""
    names = "".join(f"{column.name:>{column.width}} " for column in shown)
    return f"{names} remarks", "".join(f"{column.unit:>{column.width}} " for column in shown)


def head_in_a_line(shown: Sequence[Column]) -> str:
    """Names and units on one line: for programs that read the lines below."""
    parts = (f"{column.name}[{column.unit}]" if column.unit else column.name for column in shown)
    return " ".join(f"{part:>{column.width}}" for part, column in zip(parts, shown, strict=True)) + "  remarks"


def row(record: Record, shown: Sequence[Column]) -> str:
    """The values of a point."""
    return "".join(f"{column.text(record):>{column.width}} " for column in shown)


@cache
def remarks(flags: PointFlag) -> tuple[str, ...]:
    """Flags in words."""
    return tuple(words for flag, words in FLAG_WORDS.items() if flag & flags)


def lines(record: Record, shown: Sequence[Column], width: int) -> Iterator[str]:
    """A point as a line; remarks that do not fit stand below, each on a line of its own, at the right."""
    values, said = row(record, shown), remarks(record.flags)
    room = width - len(values) - 1
    together = ", ".join(said)
    if len(together) <= room:
        yield f"{values} {together}".rstrip()
        return
    beside = said[:1] if len(said[0]) <= room else ()
    yield f"{values} {''.join(beside)}".rstrip()
    yield from (f"{words:>{width}}" for words in said[len(beside) :])
