"""Runs put together to be given away: an RO-Crate with run files, tables, pictures, report, and who made them how."""

from __future__ import annotations

import mimetypes
import os
import secrets
import shutil
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from hashlib import file_digest
from pathlib import Path

from acquire.config.package import PackageFile
from acquire.fair.entities import Contents, PackedFile, entities_of, file_properties, root_of
from acquire.report import assembled as reports
from acquire.report.style import PictureError
from acquire.report.written import ReportError, write
from acquire.run_file.application_definition import application_definition
from acquire.run_file.documented import DocumentedRun
from acquire.run_file.export.csv_files import export_csv
from acquire.run_file.export.sheets import sheets_of
from acquire.run_file.layout import DEFINITION
from acquire.run_file.read import ArchiveError

#: Of RO-Crate, https://w3id.org/ro/crate.
VERSION = "1.3"
METADATA = "ro-crate-metadata.json"

#: A larger run file is not copied where a second name of the same file can be made, bytes.
LARGEST_COPIED = 256 << 20
_MEDIA_TYPES = {".h5": "application/x-hdf5", ".csv": "text/csv", ".md": "text/markdown", ".tex": "application/x-tex"}
_RUNS, _TABLES, _REPORT, _DEFINITION = "runs", "tables", "report", f"{DEFINITION}.nxdl.xml"


class PackageError(Exception):
    """A package that cannot be made; the message says which file, why, and what to do."""


def pack(
    runs: Sequence[DocumentedRun], folder: Path, about: PackageFile, granted: str, made: datetime, program: str
) -> Path:
    """Make an RO-Crate of finished runs in ``folder``, which is not there yet or empty; gives its metadata file.

    ``granted``, a licence as :func:`acquire.config.package.licence` reads one; ``made`` is now, ``program`` this one.

    :raises PackageError: a run is not finished, damaged, or there twice with different content; something stands in
        the folder, or it cannot be written; it is as it was then.
    :raises ImportError: the extra ``package`` is not installed.
    """
    once = _once(runs)
    _refuse_what_stands_there(folder)
    beside = folder.parent / f".{folder.name}-{secrets.token_hex(4)}"
    try:
        beside.mkdir(parents=True)
        files = [*_filled(beside, once)]
        contents = Contents(once, files, about, granted, made, program)
        _write_crate(beside, contents)
        with suppress(FileNotFoundError):
            folder.rmdir()
        beside.replace(folder)
    except (OSError, ArchiveError, PictureError, ReportError) as error:
        raise PackageError(f"{folder}: was not made: {error}") from error
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    return folder / METADATA


# --- what is refused -----------------------------------------------------------------------------------------


def _once(runs: Sequence[DocumentedRun]) -> list[DocumentedRun]:
    """The runs, each once.

    :raises PackageError: as :func:`pack`.
    """
    by_id: dict[str, DocumentedRun] = {}
    wrong = []
    for one in runs:
        if reason := _against(one):
            wrong.append(f"{one.run.path}: {reason}")
        elif (first := by_id.setdefault(one.run.run_id, one)).sha256 != one.sha256:
            wrong.append(f"{one.run.path}: is the run of {first.run.path}, but not the same file; name one of them")
    if wrong:
        raise PackageError("\n".join(wrong))
    return [*by_id.values()]


def _names(runs: Sequence[DocumentedRun]) -> list[str]:
    """What each run file is called in the package, without its ending: no two the same, on Windows either."""
    stems = [one.run.path.stem for one in runs]
    folded = [stem.casefold() for stem in stems]
    return [
        stem if folded.count(stem.casefold()) == 1 else f"{stem}_{one.run.run_id[:8]}"
        for stem, one in zip(stems, runs, strict=True)
    ]


def _against(one: DocumentedRun) -> str:
    """Why a run is not given away; empty where nothing speaks against it."""
    if not one.run.finished:
        return f"is not finished: its run goes on, or was cut off; when it is over: acquire recover {one.run.path}"
    return f"is {one.run.integrity}; package an undamaged copy" if one.run.integrity.damaged else ""


def _refuse_what_stands_there(folder: Path) -> None:
    """:raises PackageError: something stands in the folder, or it is none."""
    if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
        raise PackageError(f"{folder}: is no folder; name a new one with --to")
    if folder.is_dir() and any(folder.iterdir()):
        raise PackageError(f"{folder}: is not empty; name a new folder with --to")


# --- files ---------------------------------------------------------------------------------------------------


def _filled(folder: Path, runs: Sequence[DocumentedRun]) -> Iterator[PackedFile]:
    """Put every file of the package in its place, and say what each is.

    :raises OSError: the disk refuses.
    :raises ArchiveError: a table cannot be written, or a run file was changed meanwhile.
    """
    for one, name in zip(runs, _names(runs), strict=True):
        path = folder / _RUNS / f"{name}.h5"
        _placed(one.run.path, path)
        file = _packed(folder, path, f"Run file (HDF5, NeXus): {one.run.title}", (one.run.run_id,))
        file = replace(file, is_run=True, conforms_to=_DEFINITION if one.definition == DEFINITION else "")
        if file.sha256 != one.sha256:
            raise ArchiveError(f"{one.run.path}: was changed meanwhile; try again")
        yield file
        yield from _tables(folder, one, name)
    report = reports.assembled(runs)
    report = replace(report, illustrations=reports.illustrated(report, ("svg", "png")))
    ids = tuple(one.run.run_id for one in runs)
    for path in write(report, folder / _REPORT, ("png",)):
        yield _packed(folder, path, _report_part(path, report.illustrations), ids)
    if declared := tuple(one.run.run_id for one in runs if one.definition == DEFINITION):
        path = folder / _DEFINITION
        path.write_text(application_definition(), encoding="utf-8", newline="\n")
        yield _packed(folder, path, "NeXus application definition that the run files declare", declared)


def _placed(source: Path, path: Path) -> None:
    """A copy of a file; of a huge one a second name, where the file system gives it one."""
    path.parent.mkdir(exist_ok=True)
    if source.stat().st_size > LARGEST_COPIED:
        with suppress(OSError):
            os.link(source.resolve(), path)
            return
    shutil.copyfile(source, path)


def _tables(folder: Path, one: DocumentedRun, name: str) -> Iterator[PackedFile]:
    meanings = {f"{one.run.stem}_{sheet.name}.csv": sheet.meaning for sheet in sheets_of(one.run)}
    for path in export_csv(one.run, folder / _TABLES / name):
        yield _packed(folder, path, meanings.get(path.name, "Table of the run"), (one.run.run_id,))


def _report_part(path: Path, illustrations: Sequence[reports.Illustration]) -> str:
    if path.suffix == ".html":
        return "Report: figures of merit, pictures, conditions, findings" if path.stem == "report" else "Tables (HTML)"
    titles = {one.name: f"Picture: {one.title}" for one in illustrations}
    return titles.get(path.stem, "Tables of the report")


def _packed(folder: Path, path: Path, description: str, made_of: tuple[str, ...]) -> PackedFile:
    kind = _MEDIA_TYPES.get(path.suffix) or mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    with path.open("rb") as stream:
        digest = file_digest(stream, "sha256").hexdigest()
    place = path.relative_to(folder).as_posix()
    return PackedFile(place, description, kind, path.stat().st_size, digest, made_of)


# --- the crate -----------------------------------------------------------------------------------------------


def _write_crate(folder: Path, contents: Contents) -> None:
    """Write the metadata file; the files are in their places already."""
    from rocrate.model.contextentity import ContextEntity
    from rocrate.rocrate import ROCrate

    crate = ROCrate(version=VERSION)
    for key, value in root_of(contents).items():
        crate.root_dataset[key] = value
    for one in contents.files:
        crate.add_file(folder / one.path, one.path, properties=file_properties(one))
    for entity in entities_of(contents):
        crate.add(ContextEntity(crate, entity["@id"], properties=entity))
    crate.metadata.write(folder)
