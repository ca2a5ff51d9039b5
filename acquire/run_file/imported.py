"""The text that a run was made of, which another program wrote: ``/entry/imported``, as it was."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import h5py

from acquire.run_file.additions import add
from acquire.run_file.hdf5 import nx_group, set_text, write_text
from acquire.run_file.read import Run

PLACE = "imported"


@dataclass(frozen=True)
class Original:
    """A text with its encoding, the name of its file, the SHA-256 of its bytes, and which program wrote it."""

    text: str
    encoding: str
    file: str
    digest: str
    origin: str


def write_original(path: Path, original: Original) -> Run:
    """Put the text into the finished run file that was made of it.

    :raises acquire.run_file.read.ArchiveError: it cannot be added.
    """

    def write(entry: h5py.Group) -> None:
        group = nx_group(entry, PLACE, "NXcollection")  # the data of an NXnote are bytes
        set_text(group, "meaning", "the text file that this run was made of, as another program wrote it")
        for name, text in (("file_name", original.file), ("sha256", original.digest), ("origin", original.origin)):
            write_text(group, name, text)
        write_text(group, "encoding", original.encoding)
        write_text(group, "data", original.text)

    return add(path, PLACE, lambda _run, _entry: write)


def read_original(path: Path) -> str:
    """The text that a run was made of, empty where it was measured by this program.

    :raises OSError: the file cannot be read.
    """
    with h5py.File(path, "r", locking=False) as file:
        group = file["entry"].get(PLACE)
        return "" if group is None else str(group["data"].asstr()[()])
