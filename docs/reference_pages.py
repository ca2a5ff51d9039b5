"""The parts of the pages that are made from the program's own tables: ``python -m docs.reference_pages``.

A part stands in a page between two comments, ``<!-- made: NAME -->`` and ``<!-- end -->``. A test fails when a page
does not say what the program does; ``make docs`` writes the pages anew.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from math import nan
from pathlib import Path
from typing import Any

from typer.main import get_command

from acquire.cli.arguments import EXIT_STATUS
from acquire.cli.commands import app
from acquire.evaluation.calibration import Calibration, Conditions
from acquire.evaluation.figure import FIGURE_STATUSES
from acquire.evaluation.finding_kinds import FINDING_KINDS
from acquire.evaluation.formula_changes import FORMULA_CHANGES
from acquire.photometry.customary_units import QUANTITIES, Quantity
from acquire.records import FLAG_MEANINGS, RUN_STATUS_MEANINGS, SEVERITY_MEANINGS, SPECTRUM_SOURCES
from acquire.run_file.application_definition import application_definition
from acquire.run_file.layout import DEFINITION, MEMBERS, TABLES, Column

FOLDER = Path(__file__).parent
NXDL = FOLDER / "reference" / f"{DEFINITION}.nxdl.xml"
PART = re.compile(r"(<!-- made: ([\w-]+) -->\n).*?(<!-- end -->)", re.DOTALL)


# --- texts ---------------------------------------------------------------------------------------------------


def table(heading: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A Markdown table; a bar in a cell is no border."""
    lines = [list(heading), *([cell.replace("|", "\\|") for cell in row] for row in rows)]
    lines.insert(1, ["---"] * len(lines[0]))
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def code(text: str) -> str:
    """A name as it is typed."""
    return f"`{text}`"


# --- the parts -----------------------------------------------------------------------------------------------


def run_statuses() -> str:
    """How a run stands, or how it ended."""
    return table(("status", "the run"), ((code(one), text) for one, text in RUN_STATUS_MEANINGS.items()))


def exit_status() -> str:
    """What ``acquire`` says to the shell."""
    return table(("exit status", "the command"), ((str(number), text) for number, text in EXIT_STATUS.items()))


def figure_statuses() -> str:
    """What stands beside a figure of merit."""
    return table(("status", "the figure"), ((code(one), text) for one, text in FIGURE_STATUSES.items()))


def formula_changes() -> str:
    """What is computed otherwise than it was, and since when."""
    rows = (
        ("{}.{}".format(*one.since), one.text, ", ".join(code(place) for place in one.moves)) for one in FORMULA_CHANGES
    )
    return table(("since version", "what is different", "numbers that it moves"), rows)


def severities() -> str:
    """How grave a finding is."""
    heading = "severity", "is", "the status of a figure that it touches"
    return table(heading, ((code(one), *texts) for one, texts in SEVERITY_MEANINGS.items()))


def findings() -> str:
    """Every kind of finding."""
    rows = ((code(name), ", ".join(kind.severities), kind.meaning, kind.remedy) for name, kind in FINDING_KINDS.items())
    return table(("code", "severity", "says", "what to do"), rows)


def flags() -> str:
    """The bits of the column ``flags``."""
    rows = ((code((flag.name or "").lower()), str(int(flag)), text) for flag, text in sorted(FLAG_MEANINGS.items()))
    return table(("flag", "bit", "the point"), rows)


def spectrum_sources() -> str:
    """The words of the column ``spectrum_source``."""
    return table(("spectrum_source", "spectrum"), ((code(one), text) for one, text in SPECTRUM_SOURCES.items()))


def _factor(one: Quantity) -> str:
    """The way from the unit in files to that for people."""
    return f"{one.factor:.6g}" + (f", then {one.zero:+g}" if one.zero else "")


def quantities() -> str:
    """Names, symbols, units in files and units for people."""
    rows = (
        (code(name), one.long_name, one.symbol, one.si_unit, one.unit, _factor(one), str(one.decimals))
        for name, one in QUANTITIES.items()
    )
    return table(("name", "in words", "symbol", "unit in files", "unit for people", "factor", "decimals"), rows)


def members() -> str:
    """The groups and single texts of a run file."""
    return table(("in `/entry`", "is"), ((code(name), text) for name, text in MEMBERS.items()))


def columns() -> str:
    """Every table of a run file with its columns; levels in V, or in A where the source sets the current."""
    return "\n".join(
        f"### `/entry/{one.name}`\n\n{MEMBERS[one.name][:1].upper()}{MEMBERS[one.name][1:]}.\n\n"
        + table(("column", "type", "unit", "meaning"), map(_column, one.columns("V")))
        for one in TABLES
    )


def _column(column: Column) -> tuple[str, ...]:
    unit = "V or A" if column.name in ("source_level", "photodiode_signal") else column.unit
    kind = "(n, 401)" if column.is_spectrum else "text" if column.dtype.startswith("S") else ""
    kind = kind or ("number" if column.dtype == "<f8" else "integer")
    return code(column.name), kind, unit, column.meaning


def calibration_members() -> str:
    """What ``/entry/calibration`` holds, with its unit; texts are attributes."""
    fields = Calibration(conditions=Conditions(nan, nan)).to_fields()
    return table(("member", "unit"), ((code(name), unit or "text") for name, (_, unit) in fields.items()))


def commands() -> str:
    """Every command with its arguments and options."""
    program: Any = get_command(app)
    of_all = table(("option of `acquire` itself", "is"), (_parameter(one) for one in program.params if one.help))
    shown = (_command(name, command) for name, command in _each(program))
    return "\n".join((of_all, *shown))


def _each(program: Any, within: str = "") -> Iterator[tuple[str, Any]]:
    """Every command with its name, those of a group behind that."""
    for name, command in program.commands.items():
        if command.hidden:
            continue
        if hasattr(command, "commands"):
            yield from _each(command, f"{within}{name} ")
        else:
            yield f"{within}{name}", command


def _command(name: str, command: Any) -> str:
    line = " ".join(("acquire", name, *(_argument(one) for one in command.params if _is_argument(one))))
    rows = [row for one in command.params if (row := _parameter(one))[1]]
    options = table(("argument or option", "is"), rows) if rows else "No options.\n"
    return f"### `{line}`\n\n{_prose(command.help)}\n\n{options}"


def _is_argument(parameter: Any) -> bool:
    return bool(parameter.param_type_name == "argument")


def _argument(argument: Any) -> str:
    shown = str(argument.display_name_raw)
    return shown if argument.required or shown.startswith("[") else f"[{shown}]"


def _parameter(one: Any) -> tuple[str, str]:
    if _is_argument(one):
        return code(one.display_name_raw), _prose(one.help or "")
    names = ", ".join((*one.opts, *one.secondary_opts))
    shown = names if one.is_flag else f"{names} {one.metavar or one.display_name_raw.upper()}"
    default = f" ({one.default} unless given)" if one.show_default and _is_told(one.default) else ""
    return code(shown), f"{_prose(one.help or '')}{default}"


def _is_told(default: object) -> bool:
    return isinstance(default, int | float | str | Path) and not isinstance(default, bool) and default != ""


def _prose(text: str) -> str:
    return " ".join(text.replace("\b", "").split())


PARTS: Mapping[str, Callable[[], str]] = {
    one.__name__.replace("_", "-"): one
    for one in (
        run_statuses,
        exit_status,
        figure_statuses,
        formula_changes,
        severities,
        findings,
        flags,
        spectrum_sources,
        quantities,
        members,
        columns,
        calibration_members,
        commands,
    )
}


# --- the pages -----------------------------------------------------------------------------------------------


def pages() -> list[Path]:
    """The pages that have such parts."""
    return [page for page in sorted(FOLDER.rglob("*.md")) if PART.search(page.read_text(encoding="utf-8"))]


def made_anew(page: Path) -> str:
    """The text of a page with its parts as they have to be.

    :raises KeyError: it asks for a part that is none of :data:`PARTS`.
    """
    return PART.sub(lambda found: f"{found[1]}\n{PARTS[found[2]]()}\n{found[3]}", page.read_text(encoding="utf-8"))


def main() -> int:
    """Write the pages and the application definition anew, and say which of them changed."""
    NXDL.write_text(application_definition(), encoding="utf-8", newline="\n")
    for page in pages():
        if (text := made_anew(page)) != page.read_text(encoding="utf-8"):
            page.write_text(text, encoding="utf-8", newline="\n")
            sys.stdout.write(f"{page.relative_to(FOLDER.parent)}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
