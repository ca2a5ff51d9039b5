"""A report on the disk: the page, pictures and tables beside it, the checklist; nothing of anybody else is replaced."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from hashlib import sha256
from pathlib import Path

from acquire.report import checklist, tables
from acquire.report.assembled import Report
from acquire.report.page import GENERATOR, page, table_html
from acquire.run_file.documented import DocumentedRun
from acquire.run_file.naming import without_signs_of_addresses
from acquire.run_file.placing import replace_file

PAGE = "report.html"
_START = 4096  # bytes of a page in which it says by what it was made


class ReportError(Exception):
    """A report that cannot be written; the message says which file, why, and what to do."""


def folder_of(runs: tuple[DocumentedRun, ...]) -> Path:
    """Where the report of some runs goes by itself: a folder beside the first run file, the same for the same runs."""
    first = runs[0].run.path
    if len(runs) == 1:
        return first.parent / f"{without_signs_of_addresses(runs[0].run.stem)}_report"
    which = sha256(" ".join(sorted(one.run.run_id for one in runs)).encode()).hexdigest()[:8]
    return first.parent / f"report_{len(runs)}_runs_{which}"


def write(report: Report, folder: Path, formats: tuple[str, ...], *, force: bool = False) -> list[Path]:
    """Write a report into ``folder``, the page last; pictures as files of their own in ``formats``.

    A folder that holds an earlier report is brought up to date; other files of the same names are replaced only with
    ``force``.

    :raises ReportError: a file is there already, or cannot be written.
    :raises ImportError: the extra ``report`` is not installed.
    """
    contents = dict(_contents(report, formats))
    if not force and not _is_ours(folder / PAGE):
        for name in contents:
            if (folder / name).exists():
                raise ReportError(f"{folder / name}: exists already; choose another folder with --to, or --force")
    for name, content in contents.items():
        try:
            folder.mkdir(parents=True, exist_ok=True)
            replace_file(folder / name, content)
        except OSError as error:
            raise ReportError(f"{folder / name}: cannot be written ({error.strerror or error})") from error
    return [folder / name for name in contents]


def _is_ours(path: Path) -> bool:
    """Whether a page was made by this program."""
    try:
        with path.open("rb") as file:
            return f'name="generator" content="{GENERATOR}'.encode() in file.read(_START)
    except OSError:
        return False


def _contents(report: Report, formats: tuple[str, ...]) -> Iterator[tuple[str, bytes]]:
    """Each file by its name, the page last."""
    for one in report.illustrations:
        for kind in formats:
            if kind in one.files:
                yield f"{one.name}.{kind}", one.files[kind]
    yield from ((name, text.encode()) for name, text in _tables(report).items())
    if report.entries:
        yield "checklist.md", checklist.as_markdown(report.entries, report.answers_path).encode()
        yield "checklist.json", checklist.as_json(report.entries).encode()
    yield PAGE, page(report).encode()


def _tables(report: Report) -> Mapping[str, str]:
    """The tables to paste, all in one file of each format."""
    everything = [report.table, *report.at_luminances]
    return {
        "tables.md": "\n".join(tables.as_markdown(one) for one in everything),
        "tables.tex": "\n".join(tables.as_latex(one) for one in everything),
        "tables.html": '<!DOCTYPE html>\n<meta charset="utf-8">\n' + "\n".join(table_html(one) for one in everything),
        "table.csv": "\ufeff" + tables.as_csv(report.table),
        **{f"table_at_{_level(one.title)}_cd_m2.csv": "\ufeff" + tables.as_csv(one) for one in report.at_luminances},
    }


def _level(title: str) -> str:
    return title.split()[1]
