"""Columns that are too long for memory, in a new file.

The file is made in memory with each such column in its shape and without values: HDF5 notes that it is nowhere yet.
Then every column is given its place behind what is in memory, and the values are written there, a piece at a time, with
plain writes. So HDF5 itself writes nothing to the disk, which it does not survive when the disk is full.

HDF5 File Format Specification 3.0: IV.A.1.a (version 1 object headers), IV.A.2.i (data layout message, version 3).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO

import h5py
import numpy as np
from h5py import h5d, h5o, h5s, h5t

from acquire.run_file.growing import end_of_file
from acquire.run_file.hdf5 import describe

_HEADER = struct.Struct("<BxHII4x")  # version, messages, references, bytes
_MESSAGE = struct.Struct("<HHB3x")  # type, bytes, flags
_PLACE = struct.Struct("<QQ")
_LAYOUT, _CONTINUATION = 0x08, 0x10
_CONTIGUOUS = b"\x03\x01"
_NOWHERE = 0xFFFF_FFFF_FFFF_FFFF


def late_column(group: h5py.Group, name: str, dtype: str, rows: int, unit: str, meaning: str) -> h5py.Dataset:
    """A column (rows,) whose values follow later; at least one row."""
    kind = h5t.py_create(np.dtype(dtype), logical=True)
    return describe(h5py.Dataset(h5d.create(group.id, name.encode(), kind, h5s.create_simple((rows,)))), unit, meaning)


def give_places(image: bytearray, columns: Mapping[str, h5py.Dataset]) -> dict[str, int]:
    """Where each of these columns begins in the file, of which ``image`` holds all else, and now this as well.

    :raises ValueError: the image is laid out in another way than HDF5 did so far.
    """
    places, end = dict[str, int](), len(image)
    for name, dataset in columns.items():
        places[name] = end = -(-end // 8) * 8
        size = dataset.size * dataset.dtype.itemsize
        at = _layout_of(image, h5o.get_info(dataset.id).addr)
        if image[at : at + 2] != _CONTIGUOUS or _PLACE.unpack_from(image, at + 2) != (_NOWHERE, size):
            raise ValueError(f"{dataset.name} is not laid out as a column without values is")
        _PLACE.pack_into(image, at + 2, end, size)
        end += size
    offset, size_of_file = end_of_file(end)
    image[offset : offset + len(size_of_file)] = size_of_file
    return places


def _layout_of(image: bytearray, header: int) -> int:
    """Where the layout message of an object is."""
    version, _, _, size = _HEADER.unpack_from(image, header)
    if version != 1:
        raise ValueError("an object header is not of version 1")
    return next(at for kind, at in _messages(image, header + _HEADER.size, size) if kind == _LAYOUT)


def _messages(image: bytearray, begin: int, size: int) -> Iterator[tuple[int, int]]:
    at = begin
    while at < begin + size:
        kind, length, _ = _MESSAGE.unpack_from(image, at)
        at += _MESSAGE.size
        if kind == _CONTINUATION:
            yield from _messages(image, *_PLACE.unpack_from(image, at))
        else:
            yield kind, at
        at += length


def put_values(stream: BinaryIO, place: int, row: int, values: np.ndarray[Any, Any]) -> None:
    """Write these values of a column that begins at ``place``, from ``row`` on.

    :raises OSError: the disk is full, or refuses.
    """
    stream.seek(place + row * values.dtype.itemsize)
    stream.write(np.ascontiguousarray(values).tobytes())
