"""Tables as other instruments write them: columns with names and units, whatever separates them. Pure: no files.

Separators are tabs, semicolons, bars, blanks or commas; decimals have a point or a comma; remarks begin with ``#`` or
``%``. A table that could be read in two ways is refused.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite

import numpy as np

from acquire.config.quantities import QuantityError, conversion_factor
from acquire.records import FloatArray
from acquire.safety.visible import shortened

#: Fewer rows are no measurement.
FEWEST_ROWS = 3

_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eEdD][+-]?\d+)?")
_WITH_COMMA = re.compile(r"[+-]?(?:\d+,\d*|,\d+)(?:[eEdD][+-]?\d+)?")
_NO_VALUE = {"", "nan", "-", "--", "n/a", "inf", "+inf", "-inf"}
_SEPARATORS: Mapping[str, str] = {"\t": "tabs", ";": "semicolons", "|": "bars", ",": "commas"}


class TableError(ValueError):
    """This is no table that can be read; the message says where, what, and how to mend it."""


@dataclass(frozen=True, eq=False)
class MeasuredColumn:
    """A column: ``name`` and ``unit`` as its file writes them, the unit empty where it says none; ``values`` (n,)."""

    name: str
    unit: str
    values: FloatArray


@dataclass(frozen=True, eq=False)
class MeasuredTable:
    """Columns of one length, and the ``remarks`` of the file they stood in."""

    columns: tuple[MeasuredColumn, ...]
    remarks: tuple[str, ...] = ()

    def names(self) -> str:
        """What the columns are called, for a message."""
        return ", ".join(f"{i} '{shortened(one.name)}'" for i, one in enumerate(self.columns, 1))


# --- text --------------------------------------------------------------------------------------------------------


def decoded(raw: bytes) -> str:
    """A text file's text: UTF-8, UTF-16 with its mark, else as Windows writes it.

    :raises TableError: it is no text.
    """
    if raw.startswith(b"PK"):
        raise TableError("is a workbook or an archive, not a text: in the spreadsheet, Save as, CSV UTF-8")
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        return raw.decode("utf-16", errors="replace")
    if b"\0" in raw:
        raise TableError("is no text: export the measurement as text or CSV from the instrument's program")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        return raw.decode("cp1252", errors="replace")


def parsed_text(text: str) -> MeasuredTable:
    """The longest block of rows of numbers in a text, with the names and units above it.

    :raises TableError: there is none, or it can be read in two ways.
    """
    lines = text.splitlines()
    best: tuple[int, int] = (0, 0)
    separator = ""
    for candidate in (*_SEPARATORS, " "):
        found = _longest_block(lines, candidate)
        if found[1] - found[0] > best[1] - best[0]:
            best, separator = found, candidate
    if best[1] - best[0] < FEWEST_ROWS:
        raise TableError("holds no table: no three rows of numbers follow one another")
    start, stop = best
    rows = [_cells(line, separator) for line in lines[start:stop]]
    heads, remarks = _above(lines[:start], separator, len(rows[0]))
    _refuse_two_meanings(rows, separator, heads, start)
    numbers = np.array([[_value(cell, separator) for cell in row] for row in rows], float)
    names, units = _names_and_units(heads, len(rows[0]))
    columns = tuple(
        MeasuredColumn(name, unit, np.ascontiguousarray(column))
        for name, unit, column in zip(names, units, numbers.T, strict=True)
    )
    return MeasuredTable(columns, remarks)


def _cells(line: str, separator: str) -> list[str]:
    """The cells of a line; a separator at its end opens no cell."""
    stripped = line.strip() if separator != "\t" else line.strip("\r\n ")
    if separator == " ":
        return stripped.split()
    cells = [cell.strip().strip("\"'").strip() for cell in stripped.split(separator)]
    return cells[:-1] if len(cells) > 1 and not cells[-1] else cells


def _is_number(cell: str, separator: str) -> bool:
    return bool(_NUMBER.fullmatch(cell)) or (separator != "," and bool(_WITH_COMMA.fullmatch(cell)))


def _value(cell: str, separator: str) -> float:
    if cell.lower() in _NO_VALUE:
        return float("nan")
    plain = cell.replace(",", ".") if separator != "," else cell
    value = float(plain.lower().replace("d", "e"))
    return value if isfinite(value) else float("nan")


def _longest_block(lines: Sequence[str], separator: str) -> tuple[int, int]:
    """The longest stretch of lines with the same number of cells, two at least, each a number or none."""
    best = (0, 0)
    start, width = 0, 0
    for i, line in enumerate([*lines, ""]):
        cells = _cells(line, separator)
        numbers = sum(_is_number(cell, separator) for cell in cells)
        fits = numbers >= 2 and all(_is_number(c, separator) or c.lower() in _NO_VALUE for c in cells)
        if not fits or len(cells) != width:
            if i - start > best[1] - best[0] and width:
                best = (start, i)
            start, width = i, len(cells) if fits else 0
    return best


def _above(lines: Sequence[str], separator: str, width: int) -> tuple[list[list[str]], tuple[str, ...]]:
    """The lines straight above a block that have its width, top first; and the texts of all others as remarks."""
    heads: list[list[str]] = []
    i = len(lines)
    while i > 0 and len(heads) < 3:
        line = lines[i - 1].strip().lstrip("#%").strip("\r\n ")
        if not line.strip(separator + " "):
            i -= 1
            continue
        cells = _cells(line, separator)
        if separator == " " and len(cells) != width:
            cells = [cell.strip() for cell in re.split(r"\s{2,}|\t|;|,", line)]
        if len(cells) != width:
            break
        heads.insert(0, cells)
        i -= 1
    remarks = tuple(text for line in lines[:i] if (text := line.strip().lstrip("#%").strip()))
    return heads, remarks


def _refuse_two_meanings(
    rows: Sequence[Sequence[str]], separator: str, heads: Sequence[Sequence[str]], line: int
) -> None:
    """:raises TableError: commas separate columns, and might be decimal commas as well."""
    width = len(rows[0])
    if separator != "," or heads or width < 4 or width % 2:
        return
    if all(cell.isdigit() for row in rows for cell in row[1::2]):
        raise TableError(
            f"line {line + 1}: its commas may separate columns or be decimal commas; write a header line, "
            "or separate the columns by semicolons"
        )


# --- names and units ---------------------------------------------------------------------------------------------

_BEHIND = re.compile(r"(?P<name>.*?)\s*(?:\((?P<round>[^()]*)\)|\[(?P<square>[^\[\]]*)\]|\s+in\s+(?P<word>\S+))\s*")
_SLASH = re.compile(r"(?P<name>.+?)\s*/\s*(?P<unit>[^/\s]+)\s*")
_UNDERSCORE = re.compile(r"(?P<name>.+)_(?P<unit>[A-Za-zΩµ%]+)")

#: Units as instruments write them, in the way they are written here.
_SPELLINGS: Mapping[str, str] = {
    **dict.fromkeys(("ohm", "ohms", "Ohm", "Ohms", "OHM", "Ω", "\u2126"), "ohm"),
    **dict.fromkeys(("kOhm", "kohm", "kΩ", "k\u2126"), "kohm"),
    **dict.fromkeys(("MOhm", "Mohm", "MΩ", "M\u2126"), "Mohm"),
    **dict.fromkeys(("mOhm", "mohm", "mΩ", "m\u2126"), "mohm"),
    **dict.fromkeys(("hz", "HZ"), "Hz"),
    **dict.fromkeys(("sec", "seconds", "Seconds", "S"), "s"),
    **dict.fromkeys(("degree", "degrees", "Degree", "Degrees", "Deg", "°"), "deg"),
    **dict.fromkeys(
        ("counts", "Counts", "cts", "Cnts", "cnts", "Events", "events", "a.u.", "au", "arb. u.", "OD"), "1"
    ),
    "radians": "rad",
    "nanometer": "nm",
    "nanometers": "nm",
}


def _names_and_units(heads: Sequence[Sequence[str]], width: int) -> tuple[list[str], list[str]]:
    """Names from the first line above the numbers, units out of the names or from a line of nothing but units."""
    if not heads:
        return [f"column {i}" for i in range(1, width + 1)], [""] * width
    names, units = zip(*(_apart(cell) for cell in heads[0]), strict=True)
    found = list(units)
    if not any(found):
        for line in heads[1:]:
            if all(not cell or _known(cell.strip("()[]")) for cell in line):
                found = [cell.strip("()[]") for cell in line]
                break
    return list(names), found


def _apart(cell: str) -> tuple[str, str]:
    """A heading as name and unit: ``Z' (ohm)``, ``freq/Hz``, ``time [ns]``, ``wavelength_nm``."""
    if found := _BEHIND.fullmatch(cell):
        unit = (found["round"] or found["square"] or found["word"] or "").strip()
        if found["name"] and (_known(unit) or (found["round"] is None and unit)):
            return found["name"], unit
    for form in (_SLASH, _UNDERSCORE):
        found = form.fullmatch(cell)
        if found and _known(found["unit"].strip("()")):
            return found["name"], found["unit"].strip("()")
    return cell, ""


def _known(unit: str) -> bool:
    unit = _SPELLINGS.get(unit, unit)
    if unit == "1":
        return True
    try:
        conversion_factor(unit, "m")
    except QuantityError:
        return False
    return True


def factor_to(unit: str, target: str) -> float | None:
    """How many ``target`` make one ``unit`` as a file writes it; None where it is no such unit. "1" is no unit."""
    plain = _SPELLINGS.get(unit.strip(), unit.strip())
    if "1" in (plain, target):
        if target == "1" and plain == "%":
            return 0.01
        return 1.0 if plain == target else None
    try:
        factor = conversion_factor(plain, target)
    except QuantityError:
        return None
    return None if factor is None else float(factor)


# --- which column is what ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Role:
    """What a column may be: ``name`` for options and messages, its ``unit``, what it is called in files, and the unit
    that it has where neither file nor option says one ("" : one must be said)."""

    name: str
    unit: str
    called: re.Pattern[str]
    usual_unit: str = ""


def column_of(
    table: MeasuredTable, role: Role, asked: Mapping[str, str], units: Mapping[str, str]
) -> FloatArray | None:
    """The column of a role in its unit (n,): the one asked for by name or number, else by what it is called.

    ``asked`` and ``units`` are by the names of roles. None where nothing is called so.

    :raises TableError: two are called so, there is none such as asked for, or its unit is none or another.
    """
    found = _asked_for(table, asked[role.name]) if role.name in asked else _by_name(table, role)
    if found is None:
        return None
    unit = units.get(role.name) or found.unit or role.usual_unit
    if not unit:
        raise TableError(
            f"column '{shortened(found.name)}' has no unit: say it in the header, like '{role.name} ({role.unit})', "
            f"or by --units {role.name}={role.unit}"
        )
    factor = factor_to(unit, role.unit)
    if factor is None:
        raise TableError(
            f"column '{shortened(found.name)}' is in '{shortened(unit)}', and {role.unit} is wanted; "
            f"if the header is wrong: --units {role.name}={role.unit}"
        )
    return found.values * factor


def _asked_for(table: MeasuredTable, wanted: str) -> MeasuredColumn:
    if wanted.isdigit() and 1 <= int(wanted) <= len(table.columns):
        return table.columns[int(wanted) - 1]
    for one in table.columns:
        if one.name.casefold() == wanted.casefold():
            return one
    raise TableError(f"has no column '{shortened(wanted)}'; its columns are {table.names()}")


def _by_name(table: MeasuredTable, role: Role) -> MeasuredColumn | None:
    found = [one for one in table.columns if role.called.fullmatch(one.name.strip())]
    if len(found) > 1:
        raise TableError(
            f"has {len(found)} columns that may be the {role.name.replace('_', ' ')}; its columns are {table.names()}; "
            f"choose one by --columns {role.name}=NUMBER"
        )
    return found[0] if found else None


def needed(table: MeasuredTable, role: Role, get: Callable[[Role], FloatArray | None]) -> FloatArray:
    """The column of a role, which must be there.

    :raises TableError: it is not.
    """
    values = get(role)
    if values is None:
        raise TableError(
            f"has no column of the {role.name.replace('_', ' ')} ({role.unit}); its columns are {table.names()}; "
            f"say which it is: --columns {role.name}=NUMBER"
        )
    return values
