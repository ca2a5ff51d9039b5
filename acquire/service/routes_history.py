"""Routes: all runs, found, shown, compared and taken away as files."""

from __future__ import annotations

import shutil
import tempfile
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from fastapi import Path as InPath
from starlette.background import BackgroundTask
from starlette.responses import FileResponse

from acquire.run_file.read import ArchiveError
from acquire.run_file.reading_apart import say_of
from acquire.run_file.tagging import Wish, objections
from acquire.service.access import REPORT_POLICY, Operator, Viewer
from acquire.service.answers import Compared, Comparison, History, HistoryOne, HistoryRow, TagWish
from acquire.service.commands import made_by
from acquire.service.errors import RequestRefused, not_found
from acquire.service.history import Wanted, figure_wishes
from acquire.service.shared import Here, Shared

router = APIRouter(tags=["history"])
Address = Annotated[str, InPath(pattern=r"^[0-9A-Za-z-]{1,80}$")]
Several = Annotated[str, Query(pattern=r"^[0-9A-Za-z-]{1,80}(,[0-9A-Za-z-]{1,80}){0,11}$")]
Text = Annotated[str, Query(max_length=200)]
Day = Annotated[str, Query(pattern=r"^(\d{4}-\d{2}-\d{2}([T ][0-9:.+Z-]{0,30})?)?$")]

_WORKBOOK = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_PAGE: dict[int | str, dict[str, Any]] = {200: {"content": {"text/html": {}}}}
_FILES: dict[int | str, dict[str, Any]] = {
    200: {"content": {"application/x-hdf5": {}, "application/zip": {}, _WORKBOOK: {}}}
}


@router.get("/history")
def history(
    _: Viewer,
    here: Here,
    sample: Text = "",
    user: Text = "",
    text: Text = "",
    begin: Annotated[str, Query(alias="from", max_length=40)] = "",
    end: Annotated[str, Query(alias="to", max_length=40)] = "",
    status: Text = "",
    figure: Annotated[list[str], Query(max_length=8)] = [],  # noqa: B006  # FastAPI copies it
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    offset: Annotated[int, Query(ge=0, le=1 << 31)] = 0,
    sort: Annotated[str, Query(max_length=40)] = "-start_time",
) -> History:
    """The runs that fit all that is said; figures like ``luminance_max>1000``, in SI.

    :raises RequestRefused: a wrong wish of a figure, or of the order.
    """
    wanted = Wanted(sample, user, text, begin, end, status, figure_wishes(figure))
    total, rows = here.history.found(wanted, sort, limit, offset)
    return History(total=total, runs=[HistoryRow.model_validate(row) for row in rows])


@router.get("/history/{run_id}")
def one_run(run_id: Address, _: Viewer, here: Here) -> HistoryOne:
    """A run with how it was done."""
    row = _row(here, run_id)
    return HistoryOne(**row.model_dump(), facts=here.read("facts", run_id)[0])


def _row(here: Shared, run_id: str) -> HistoryRow:
    if (row := here.history.row(run_id)) is None:
        raise not_found(f"there is no run {run_id[:40]}", "look it up in the history", "run_id")
    return HistoryRow.model_validate(row)


@router.get("/compare")
def compare(runs: Several, _: Viewer, here: Here) -> Comparison:
    """Figures of merit of up to 12 runs beside each other."""
    rows = [_row(here, one) for one in dict.fromkeys(runs.split(","))]
    figures = [_figures_of(here, row) for row in rows]
    names = dict.fromkeys(name for one in figures for name in one)
    return Comparison(runs=rows, figures=[_compared(name, [one.get(name) for one in figures]) for name in names])


def _figures_of(here: Shared, row: HistoryRow) -> Mapping[str, Mapping[str, Any]]:
    """The figures of a run as its file has them, with their 95 %; in short where it cannot be read."""
    try:
        found: Mapping[str, Mapping[str, Any]] = here.read("figures", row.run_id)[0]["figures"]
    except RequestRefused:
        return row.figures
    return found or row.figures


_OF_A_VALUE = ("value", "uncertainty", "expanded_uncertainty", "status")


def _compared(name: str, values: Sequence[Mapping[str, Any] | None]) -> Compared:
    first = next(value for value in values if value is not None)
    return Compared(
        name=name,
        title=first.get("title", name),
        quantity=first.get("quantity", ""),
        unit=first["unit"],
        values=[None if one is None else {key: one.get(key) for key in _OF_A_VALUE} for one in values],
    )


# --- files -----------------------------------------------------------------------------------------------------


@router.get("/compare/report", response_class=FileResponse, responses=_PAGE)
def compared_report(runs: Several, _: Viewer, here: Here) -> FileResponse:
    """One page about several runs."""
    return _report(here, list(dict.fromkeys(runs.split(","))))


@router.get("/history/{run_id}/report", response_class=FileResponse, responses=_PAGE)
def report(run_id: Address, _: Viewer, here: Here) -> FileResponse:
    """The page about a run that ``acquire report`` makes."""
    return _report(here, [run_id])


def _report(here: Shared, run_ids: Sequence[str]) -> FileResponse:
    paths = [here.path_of(one) for one in run_ids]
    with _folder() as folder:
        page = made_by(["report", *map(str, paths), f"--to={folder}", "--formats=none"], folder, ".html")[0]
        return _handed(page, folder, "text/html; charset=utf-8", headers={"content-security-policy": REPORT_POLICY})


@router.get("/history/{run_id}/download", response_class=FileResponse, responses=_FILES)
def download(
    run_id: Address, _: Viewer, here: Here, kind: Annotated[Literal["h5", "csv", "xlsx"], Query(alias="format")] = "h5"
) -> FileResponse:
    """The run file, or its tables: CSV files in a ZIP archive, or a workbook."""
    path = here.path_of(run_id)
    with _folder() as folder:
        if kind == "h5":
            shutil.copyfile(path, folder / path.name)  # one moment of it, also of a run that goes on
            return _handed(folder / path.name, folder, "application/x-hdf5", path.name)
        made = made_by(["export", str(path), f"--to={folder}", f"--format={kind}"], folder, f".{kind}")
        if kind == "xlsx":
            return _handed(made[0], folder, _WORKBOOK, made[0].name)
        archive = folder / f"{path.stem}.zip"
        with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as packed:
            for file in made:
                packed.write(file, file.name)
        return _handed(archive, folder, "application/zip", archive.name)


@contextmanager
def _folder() -> Iterator[Path]:
    """A folder for what is made, which stays until it is sent; removed at once when making it fails."""
    folder = Path(tempfile.mkdtemp(prefix="jvl-bench-"))
    try:
        yield folder
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _handed(
    file: Path, folder: Path, media_type: str, name: str | None = None, headers: Mapping[str, str] | None = None
) -> FileResponse:
    clearing = BackgroundTask(shutil.rmtree, folder, ignore_errors=True)
    return FileResponse(file, media_type=media_type, filename=name, headers=headers, background=clearing)


@router.post("/history/{run_id}/tag")
def tag(run_id: Address, wish: TagWish, _: Operator, here: Here) -> HistoryRow:
    """Tag a run that is over, or comment on it.

    :raises RequestRefused: nothing is said, or it cannot be written.
    """
    path = here.path_of(run_id)
    if not (wish.tags or wish.comment):
        raise RequestRefused(422, "nothing is said", "name tags, or a comment", where="tags")
    moment = datetime.now().astimezone().isoformat(timespec="seconds")
    wishes = [Wish(tag=one, user=wish.user or "", time=moment) for one in wish.tags]
    wishes += [Wish(comment=wish.comment, user=wish.user or "", time=moment)] if wish.comment else []
    if wrong := [text for one in wishes for text in objections(one)]:
        raise RequestRefused(422, wrong[0], where="tags")
    try:
        for one in wishes:
            say_of(path, one)
    except ArchiveError as error:
        raise RequestRefused(409, str(error)[:1000]) from error
    here.history.refresh(0.0)
    return _row(here, run_id)
