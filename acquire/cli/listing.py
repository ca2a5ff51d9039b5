"""The command that lists the runs of a folder: a line each, whatever lies there."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from acquire.cli.arguments import FAILED, USAGE, JsonOption
from acquire.cli.terminal import complain, say, say_json, shell_quoted, whoever_listens

if TYPE_CHECKING:
    from rich.table import Table

    from acquire.run_file.summary import RunSummary

#: Where runs are when nobody says anything else, as in the sweep file.
USUAL_FOLDER = Path("runs")

_LUMINANCE = 1000  # cd/m^2, at which the efficiencies of a list are told
_MARKS = {"doubtful": "!", "impossible": "!!"}
_LEGEND = "! something speaks against its figures, !! strongly: what, says acquire show"
_NOT_OK = "* not plain ok: why, says acquire show"


def list_runs(
    folder: Annotated[
        Path | None,
        typer.Argument(help=f"folder of run files; default: {USUAL_FOLDER}, else this one", metavar="FOLDER"),
    ] = None,
    where: Annotated[
        list[str] | None,
        typer.Option(
            "--where", help='only runs of which it is true: "EQE_1000 > 5"; may be repeated', metavar="CONDITION"
        ),
    ] = None,
    sort: Annotated[
        str, typer.Option("--sort", help="field to sort by; a wrong one names all", metavar="FIELD")
    ] = "date",
    reverse: Annotated[bool, typer.Option("--reverse", help="largest or newest first")] = False,
    recursive: Annotated[bool, typer.Option("--recursive", help="the folders in it too")] = False,
    names: Annotated[bool, typer.Option("--names", help="only the paths, for another command")] = False,
    as_json: JsonOption = False,
) -> None:
    """List runs: date, sample, pixel, V_on, EQE and CE at 1000 cd/m^2, how they ended, tags."""
    from acquire.cli import selection
    from acquire.run_file.reading_apart import summaries
    from acquire.run_file.summary import RunSummary

    place = folder or (USUAL_FOLDER if USUAL_FOLDER.is_dir() else Path())
    found = list(summaries(files_in(place, recursive)))
    runs = [one for _, one in found if isinstance(one, RunSummary)]
    unreadable = [(path, str(one)) for path, one in found if not isinstance(one, RunSummary)]
    try:
        figures = selection.figures_of(runs)
        chosen = selection.selected(runs, [selection.condition(text, figures) for text in where or ()])
        chosen = selection.in_order(chosen, selection.field_called(sort, figures), reverse=reverse)
    except ValueError as error:
        raise complain(error, USAGE) from error
    with whoever_listens(sys.stdout):
        if as_json:
            say_json(_plain(place, chosen, unreadable))
        elif names:
            say(sys.stdout, *(run.path for run in chosen))
        else:
            _print(place, chosen, len(runs), [] if where else unreadable)


def files_in(folder: Path, recursive: bool) -> list[Path]:
    """The HDF5 files in a folder by name.

    :raises typer.Exit: it is none, or cannot be read.
    """
    if not folder.is_dir():
        what = "is a file; 'acquire show' shows one" if folder.is_file() else "there is no such folder"
        raise complain(f"{folder}: {what}", USAGE)
    try:
        paths = folder.rglob("*.h5") if recursive else folder.iterdir()
        return sorted(path for path in paths if path.suffix == ".h5" and path.is_file())
    except OSError as error:
        raise complain(f"{folder}: cannot be read ({error.strerror or error})", FAILED) from error


def _plain(folder: Path, runs: Sequence[RunSummary], unreadable: Sequence[tuple[Path, str]]) -> dict[str, object]:
    return {
        "folder": str(folder),
        "runs": [{"path": str(run.path), "state": run.state, **run.plain()} for run in runs],
        "unreadable": [{"path": str(path), "reason": reason} for path, reason in unreadable],
    }


# --- as a table ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Column:
    """A column of the list: heading in two lines, what stands in it, and how narrow it may get (0: not at all)."""

    heading: str
    text: Callable[[RunSummary], str]
    right: bool = False
    least: int = 0

    @property
    def symbol(self) -> str:
        """The heading without its unit."""
        return self.heading.partition("\n")[0]


def _columns(folder: Path | None) -> Iterator[_Column]:
    """Every column, in order, of runs in a folder, or anywhere."""
    yield _Column("date", lambda run: run.start_time[:16].replace("T", " "), least=10)
    yield _Column("sample", lambda run: run.sample, least=10)
    yield _Column("pixel", lambda run: run.pixel, least=6)
    yield _figure("V_on", "turn_on_voltage")
    yield _figure("EQE", f"external_quantum_efficiency_at_{_LUMINANCE}_cd_m2")
    yield _figure("CE", f"current_efficiency_at_{_LUMINANCE}_cd_m2")
    yield _Column("status", lambda run: run.state)
    yield _Column("", lambda run: _MARKS.get(str(run.gravest), ""))
    yield _Column("points", _points, right=True)
    yield _Column("tags", lambda run: run.tag, least=8)
    yield _Column("id", lambda run: _short_name(run.path.name))
    yield _Column("file", lambda run: (run.path.relative_to(folder) if folder else run.path).as_posix())


#: Columns that the list does without, the first of these that lets the others fit. By ``file`` or by ``id``, the part
#: of its name that no other run has, each run can be named to the next command.
_LEFT_OUT = (
    ("id",),
    ("file",),
    ("file", "points"),
    ("file", "points", "pixel"),
    ("file", "points", "pixel", "tags"),
    ("file", "points", "pixel", "tags", "V_on"),
    ("file", "points", "pixel", "tags", "V_on", "CE"),
    ("file", "points", "pixel", "tags", "V_on", "CE", "status"),
    ("file", "points", "pixel", "tags", "V_on", "CE", "status", "date"),
)


def _short_name(name: str) -> str:
    """What of a file's name tells it from others: the eight characters of the run, else its beginning and end."""
    from acquire.run_file.naming import is_run_file

    stem = name.removesuffix(".h5")
    return stem[-8:] if is_run_file(name) else stem if len(stem) <= 14 else f"{stem[:4]}...{stem[-7:]}"


def _figure(symbol: str, key: str) -> _Column:
    from acquire.photometry.customary_units import QUANTITIES, customary, quantity_of_figure
    from acquire.report.rounding import customary_text

    quantity = quantity_of_figure(key)

    def text(run: RunSummary) -> str:
        figure = run.figures.get(key)
        if figure is None or figure.value != figure.value:
            return "-"
        return f"{customary_text(customary(figure.value, quantity), 2)}{'' if figure.status == 'ok' else '*'}"

    return _Column(f"{symbol}\n{QUANTITIES[quantity].unit}", text, right=True)


def _points(run: RunSummary) -> str:
    planned = f"/{run.planned_points}" if run.planned_points > run.points else ""
    return f"{run.points}{planned}"


def _print(folder: Path, runs: Sequence[RunSummary], of: int, unreadable: Sequence[tuple[Path, str]]) -> None:
    if runs:
        print_runs(runs, folder)
    say(sys.stdout, *(reason for _, reason in unreadable))
    among = "" if len(runs) == of else f" of {of}"
    say(sys.stdout, f"{folder}: {len(runs)}{among} run{'' if of == 1 else 's'}")


def print_runs(runs: Sequence[RunSummary], folder: Path | None = None) -> None:
    """A line for each run, of as many columns as the window has room for; files by their places in ``folder``."""
    from acquire.cli.display import SpectatorConsole

    console = SpectatorConsole() if sys.stdout is not None and sys.stdout.isatty() else SpectatorConsole(width=300)
    needed = [column for column in _columns(folder) if _is_needed(column, runs)]
    shown, left_out = _that_fit(needed, runs, console.width)
    say(sys.stdout, f"EQE and CE at {_LUMINANCE} cd/m^2")
    console.print(_table(shown, runs, console.width))
    say(sys.stdout, *_legends(runs, shown, left_out))


def _is_needed(column: _Column, runs: Sequence[RunSummary]) -> bool:
    """Whether any run has something in a column that stands for what not every lab uses."""
    return column.heading not in ("pixel", "tags", "") or any(column.text(run) for run in runs)


def _that_fit(columns: Sequence[_Column], runs: Sequence[RunSummary], width: int) -> tuple[list[_Column], list[str]]:
    """Columns that fit a window, those that may be narrower at their narrowest; and the names of the others."""
    for names in _LEFT_OUT:
        shown = [column for column in columns if column.symbol not in names]
        if sum(_width(column, runs) + 2 for column in shown) - 2 <= width:
            break
    left_out = [column.symbol for column in columns if column not in shown and column.symbol != "id"]
    return shown, left_out


def _natural(column: _Column, runs: Sequence[RunSummary]) -> int:
    """How wide a column would be."""
    from rich.cells import cell_len

    from acquire.safety.visible import one_line

    return max(cell_len(text) for text in (*column.heading.split("\n"), *(one_line(column.text(run)) for run in runs)))


def _width(column: _Column, runs: Sequence[RunSummary]) -> int:
    """How wide it is at least."""
    natural = _natural(column, runs)
    return min(natural, column.least) if column.least else natural


def _widths(columns: Sequence[_Column], runs: Sequence[RunSummary], width: int) -> list[int]:
    """How wide each column is: what a window has room for goes to those that may be narrower, the first ones first."""
    widths = [_width(column, runs) for column in columns]
    room = width - sum(widths) - 2 * (len(widths) - 1)
    for place, column in enumerate(columns):
        wanted = _natural(column, runs) - widths[place]
        more = min(wanted, max(room, 0))
        if column.heading == "date" and more < wanted:  # with its time, or without
            more = 0
        widths[place], room = widths[place] + more, room - more
    return widths


def _table(columns: Sequence[_Column], runs: Sequence[RunSummary], window: int) -> Table:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    widths = _widths(columns, runs, window)
    for column, width in zip(columns, widths, strict=True):
        table.add_column(
            column.heading,
            justify="right" if column.right else "left",
            no_wrap=True,
            overflow="crop",
            width=width,
        )
    for run in runs:
        table.add_row(*(Text(_cut(column, run, width)) for column, width in zip(columns, widths, strict=True)))
    return table


def _cut(column: _Column, run: RunSummary, width: int) -> str:
    """What stands in a column of a run, in letters that every console has shown as cut where it is."""
    from rich.cells import cell_len, set_cell_size

    from acquire.safety.visible import one_line

    text = one_line(column.text(run))
    if cell_len(text) <= width or column.heading == "date":  # without the time it is a date still
        return text
    return f"{set_cell_size(text, width - 3).rstrip()}..."


def _legends(runs: Sequence[RunSummary], shown: Sequence[_Column], left_out: Sequence[str]) -> Iterator[str]:
    if any("*" in column.text(run) for column in shown if column.right for run in runs):
        yield _NOT_OK
    if any(str(run.gravest) in _MARKS for run in runs):
        yield _LEGEND
    if any(run.state == "cut off" for run in runs):
        yield "cut off: 'acquire recover FILE' finishes it"
    if "file" in left_out:
        yield from _how_to_name(runs[-1].path)
    if left_out:
        yield f"not shown, the window is too narrow: {', '.join(left_out)}; --names gives the paths, --json everything"


def _how_to_name(path: Path) -> Iterator[str]:
    """How a command is told a file of which only the id is seen; Windows, too, fills in the stars."""
    from acquire.run_file.naming import is_run_file

    if is_run_file(path.name):
        place = "" if path.parent == Path() else f"{shell_quoted(path.parent)}/"
        yield f"a run is named by its id: acquire show {place}*{_short_name(path.name)}.h5"
