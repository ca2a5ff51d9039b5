"""A run with what its file says of how it was done: how every instrument was set, by which files, which bytes it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import file_digest
from pathlib import Path
from typing import Any

import h5py

from acquire.run_file.figures_group import text as _text
from acquire.run_file.ledger import Earlier, earlier_stress
from acquire.run_file.read import Run, _file, parsed, read_run

Plain = str | float | bool


@dataclass(frozen=True)
class DocumentedRun:
    """A run with all that its file says of how it was done.

    ``settings`` is what each instrument was set to, by role; ``file_hashes`` the SHA-256 of each configuration file,
    ``sha256`` that of the run file itself, ``earlier`` what the device went through before by the other files of its
    folder. ``definition`` is the NeXus application definition that the file declares, empty in older ones.
    """

    run: Run
    settings: Mapping[str, Mapping[str, Plain]]
    file_hashes: Mapping[str, str]
    sha256: str
    earlier: Earlier | None = None
    definition: str = ""


def read_documented(path: Path, analysis: str | None = None) -> DocumentedRun:
    """Read a run file with all that it says of its run, its results by one of its analyses or its own.

    :raises acquire.run_file.read.ArchiveError: as :func:`acquire.run_file.read.read_run`.
    """
    run = read_run(path, analysis)
    with path.open("rb") as stream:
        sha256 = file_digest(stream, "sha256").hexdigest()
    with _file(path) as file:
        entry = file["entry"]
        settings = {role: _attributes(group) for role, group in entry["instrument"].items()}
        definition = _text(entry["definition"][()]) if "definition" in entry else ""
        hashes = parsed(_text(entry["configuration"].attrs.get("file_hashes", "{}")))
    return DocumentedRun(run, settings, hashes, sha256, earlier_stress(run), definition)


def _attributes(group: h5py.Group) -> dict[str, Plain]:
    return {name: _plain(value) for name, value in group.attrs.items() if name != "NX_class"}


def _plain(value: Any) -> Plain:
    """A scalar as Python has it; anything else as a text."""
    value = value.item() if getattr(value, "shape", None) == () else value
    return value if isinstance(value, bool | int | float) else _text(value)
