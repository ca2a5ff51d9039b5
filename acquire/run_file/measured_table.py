"""Tables of other instruments and programs, from a text or from an HDF5 file of anybody's."""

from __future__ import annotations

from pathlib import Path

from acquire.config.yaml_source import HDF5_SIGNATURE, read_start, what_is
from acquire.run_file import reading_apart
from acquire.run_file.read import ArchiveError
from acquire.spectroscopy.measured_table import MeasuredTable, TableError, decoded, parsed_text

#: A larger file is no table of a single spectrum or decay.
LARGEST_TABLE = 64 << 20


def read_table(path: Path, group: str = "") -> MeasuredTable:
    """The columns of a text (CSV and the like), or of one ``group`` of an HDF5 file.

    HDF5 that others made is read in a process of its own.

    :raises TableError: there is no such file, or no table in it; the message names the file.
    """
    try:
        if (kind := what_is(path)) != "file":
            raise TableError(f"is no file but a {kind}" if kind != "nothing" else "there is no such file")
        raw = read_start(path, LARGEST_TABLE + 1)
        if raw.startswith(HDF5_SIGNATURE):
            return reading_apart.read_hdf5_table(path, group)
        if group:
            raise TableError("is a text, which has no groups: leave --group out")
        if len(raw) > LARGEST_TABLE:
            raise TableError(f"is larger than {LARGEST_TABLE >> 20} MB: this is no single spectrum or decay")
        return parsed_text(decoded(raw))
    except OSError as error:
        raise TableError(f"{path}: cannot be read ({error.strerror or error})") from error
    except TableError as error:
        raise TableError(f"{path}: {error}") from error
    except ArchiveError as error:
        raise TableError(str(error)) from error
