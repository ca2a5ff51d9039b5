"""``acquire export``: runs as CSV files or workbooks, for Origin, Excel and scripts."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from acquire.cli.arguments import COMPLETED, FAILED, USAGE, AnalysisOption
from acquire.cli.run_files import run_files_named
from acquire.cli.terminal import complain, say, whoever_listens

if TYPE_CHECKING:
    from acquire.run_file.export.csv_files import CsvStyle
    from acquire.run_file.read import Run


class Format(StrEnum):
    """What is written."""

    CSV = "csv"
    XLSX = "xlsx"


class Decimal(StrEnum):
    """The decimal mark of numbers in CSV files."""

    POINT = "point"
    COMMA = "comma"


class Separator(StrEnum):
    """What stands between the cells of CSV files."""

    COMMA = "comma"
    SEMICOLON = "semicolon"
    TAB = "tab"


_SIGNS = {Separator.COMMA: ",", Separator.SEMICOLON: ";", Separator.TAB: "\t"}

Choice = TypeVar("Choice", bound=StrEnum)


def _one_of(choices: type[Choice], signs: Mapping[str, Choice]) -> Callable[[str], Choice]:
    """What reads one of some choices, by its name or its sign."""
    words = {str(one): one for one in choices} | dict(signs)

    def read(text: str) -> Choice:
        if (found := words.get(text.strip(" ").lower())) is None:
            raise typer.BadParameter(f"'{text}' is not known here; write {' or '.join(choices)}")
        return found

    read.__name__ = choices.__name__.upper()  # the help shows it
    return read


def export(
    runs: Annotated[list[Path], typer.Argument(help="run files, or folders of them", metavar="RUN.h5 ...")],
    to: Annotated[
        Path | None, typer.Option("--to", help="folder; default: beside each run file", metavar="DIR")
    ] = None,
    kind: Annotated[
        Format,
        typer.Option(
            "--format", help="csv: a file for each table; xlsx: a workbook, one for a batch", parser=_one_of(Format, {})
        ),
    ] = Format.CSV,
    decimal: Annotated[
        Decimal,
        typer.Option(
            "--decimal",
            help="decimal mark in CSV files, by name or sign",
            parser=_one_of(Decimal, {".": Decimal.POINT, ",": Decimal.COMMA}),
        ),
    ] = Decimal.POINT,
    separator: Annotated[
        Separator | None,
        typer.Option(
            "--separator",
            help="between cells of CSV files, by name or sign; default: comma, with --decimal comma semicolon",
            parser=_one_of(Separator, {sign: one for one, sign in _SIGNS.items()} | {r"\t": Separator.TAB}),
        ),
    ] = None,
    bom: Annotated[
        bool, typer.Option("--bom", help="begin CSV files with the mark by which Excel knows UTF-8")
    ] = False,
    header: Annotated[
        bool, typer.Option("--header/--no-header", help="say on top what the file is: sample, area, date, calibration")
    ] = True,
    force: Annotated[bool, typer.Option("--force", help="replace files that exist")] = False,
    analysis: AnalysisOption = None,
) -> None:
    """Write tables for Origin, Excel and scripts: rows of long name, unit, comment, then full-precision numbers.

    Points, housekeeping, spectra and figures of merit are tables of their own, in customary units.
    """
    from acquire.run_file.export.csv_files import CsvStyle

    comma = decimal is Decimal.COMMA
    chosen = separator or (Separator.SEMICOLON if comma else Separator.COMMA)
    if comma and chosen is Separator.COMMA:
        raise complain("--decimal comma: nothing would tell numbers from cells; take another --separator", USAGE)
    style = CsvStyle(_SIGNS[chosen], "," if comma else ".", header, bom)
    paths, wrong = run_files_named(runs)
    found = _read(paths, wrong, analysis)
    if kind is Format.CSV:
        _write_csv(found, to, style, force, wrong)
    else:
        _write_workbooks(list(found), to, header, force, wrong)
    if wrong:
        raise complain(wrong, FAILED)
    raise typer.Exit(COMPLETED)


def _read(paths: Sequence[Path], wrong: list[str], analysis: str | None) -> Iterator[Run]:
    """The runs that can be read; of one whose file is damaged that is said, and what is whole of it is exported."""
    from acquire.run_file.read import ArchiveError
    from acquire.run_file.reading_apart import read_run

    for path in paths:
        try:
            run = read_run(path, analysis)
        except ArchiveError as error:
            wrong.append(str(error))
            continue
        if run.integrity.damaged:
            wrong.append(f"{path}: {run.integrity}")
        elif not run.integrity.verifiable:
            complain(f"{path}: {run.integrity}", COMPLETED)
        yield run


def _write_csv(runs: Iterator[Run], to: Path | None, style: CsvStyle, force: bool, wrong: list[str]) -> None:
    from acquire.run_file.export.csv_files import export_csv
    from acquire.run_file.read import ArchiveError

    taken = dict[Path, Path]()
    for run in runs:
        folder = to or run.path.parent
        try:
            _refuse_what_is_taken(folder / run.stem, run.path, taken)
            written = export_csv(run, folder, style, force=force)
            with whoever_listens(sys.stdout):  # tables are written whoever reads their names (| head)
                say(sys.stdout, *written)
        except ArchiveError as error:
            wrong.append(str(error))


def _write_workbooks(runs: Sequence[Run], to: Path | None, header: bool, force: bool, wrong: list[str]) -> None:
    """A workbook for each batch, and one of what is of no batch; a run alone has one by the name of its file."""
    from acquire.run_file.export.workbook import export_workbook
    from acquire.run_file.read import ArchiveError

    batches: dict[str, list[Run]] = {}
    taken = dict[Path, Path]()
    for run in runs:
        batches.setdefault(_batch(run), []).append(run)
    for batch, together in batches.items():
        folder = to or together[0].path.parent
        name = together[0].stem if len(together) == 1 else batch or folder.resolve().name or "runs"
        try:
            _refuse_what_is_taken(folder / name, together[0].path, taken)
            written = export_workbook(together, folder / f"{name}.xlsx", header=header, force=force)
            with whoever_listens(sys.stdout):
                say(sys.stdout, written)
        except ArchiveError as error:
            wrong.append(str(error))


def _refuse_what_is_taken(name: Path, of: Path, taken: dict[Path, Path]) -> None:
    """Remember what files of this command are called; ``--force`` is no leave to replace those of another run of it.

    :raises ArchiveError: the files of another run are called so.
    """
    from acquire.run_file.read import ArchiveError

    first = taken.setdefault(name, of)
    if first != of:
        raise ArchiveError(f"{of}: not exported, its files would be called as those of {first}; export it --to another")


def _batch(run: Run) -> str:
    """The batch of a run as the name of a file: without what a file system forbids."""
    return re.sub(r'[\x00-\x1f<>:"/\\|?*]+', "-", str(run.sample_fields.get("batch", ""))).strip(" .-")[:80]
