"""What a run file says of its run beside the numbers: sample, operator, how everything was set, and by which files."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import file_digest
from pathlib import Path
from typing import Any

import h5py

from acquire.run_file.hdf5 import plain_member, refuse_what_no_run_file_holds
from acquire.run_file.read import Run, _file, _text, read_run

Plain = str | float | bool


@dataclass(frozen=True)
class RunDescription:
    """How a run was done, as plain values.

    ``sample`` holds what stands under ``/entry/sample``, SI; ``configuration`` the files with every default filled in
    (SI; sections ``sweep``, ``bench``, ``calibration``, ``device``), ``settings`` what each instrument was set to, by
    role, ``file_hashes`` the SHA-256 of each configuration file, ``sha256`` that of the run file itself.
    """

    sample: Mapping[str, Plain]
    user: str
    configuration: Mapping[str, Any]
    settings: Mapping[str, Mapping[str, Plain]]
    file_hashes: Mapping[str, str]
    sha256: str

    def configured(self, *place: str) -> Any:
        """A value of the configuration, ``configured("sweep", "measure", "nplc")``; None where there is none."""
        found: Any = self.configuration
        for key in place:
            found = found.get(key) if isinstance(found, Mapping) else None
        return found


@dataclass(frozen=True)
class DocumentedRun:
    """A run with its description."""

    run: Run
    description: RunDescription


def read_documented(path: Path) -> DocumentedRun:
    """Read a run file with all that it says of its run.

    :raises acquire.run_file.read.ArchiveError: as :func:`acquire.run_file.read.read_run`.
    """
    run = read_run(path)
    with _file(path) as file:
        refuse_what_no_run_file_holds(file)
        description = _description(path, file["entry"])
    return DocumentedRun(run, description)


def _description(path: Path, entry: h5py.Group) -> RunDescription:
    configuration = entry["configuration"]
    with path.open("rb") as file:
        sha256 = file_digest(file, "sha256").hexdigest()
    return RunDescription(
        sample=_members(entry["sample"]),
        user=_text(entry["user/name"][()]),
        configuration=_mapping(_text(configuration["resolved_json"][()])),
        settings={role: _attributes(group) for role, group in entry["instrument"].items()},
        file_hashes=_mapping(_text(configuration.attrs.get("file_hashes", "{}"))),
        sha256=sha256,
    )


def _mapping(text: str) -> dict[str, Any]:
    """The JSON object that a text holds; nothing where it holds none."""
    found = json.loads(text)
    return found if isinstance(found, dict) else {}


def _members(group: h5py.Group) -> dict[str, Plain]:
    return {name: _plain(plain_member(group, name)[()]) for name in group}


def _attributes(group: h5py.Group) -> dict[str, Plain]:
    return {name: _plain(value) for name, value in group.attrs.items() if name != "NX_class"}


def _plain(value: Any) -> Plain:
    """A scalar as Python has it; anything else as a text."""
    value = value.item() if getattr(value, "shape", None) == () else value
    return value if isinstance(value, bool | int | float) else _text(value)
