"""Whether a run file with an addition is otherwise what it was: each object in its place, each value in its bytes.

HDF5 puts an addition behind the end of a file, and changes before it only what says where things are. So every object
must be there by its name, at its address, with a header of the same contents; and no byte of the values of a data set
may be another one. That is seen from addresses and bytes, without reading what a thousand attributes say.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from h5py import h5d, h5o

from acquire.run_file.checksums import PLACE as CHECKSUMS
from acquire.run_file.hdf5 import attributes_of
from acquire.run_file.on_demand import OnDemand

_PIECE = 1 << 22  # bytes compared at once

Positions = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Inventory:
    """What a file holds before an addition to the member ``place``; with ``grows`` all that was in that stays.

    ``objects``: by path, address and kind, and what is in the header of those that nothing is added to. ``extents``
    (n, 2): begin and end of the bytes of each data set's values, in the order of the file.
    """

    place: str
    grows: bool
    objects: Mapping[bytes, tuple[int, ...]]
    extents: Positions
    attributes: Sequence[Mapping[bytes, Any]]

    @property
    def member(self) -> bytes:
        """The path of the member that is added to."""
        return b"entry/" + self.place.encode()

    def difference(self, after: OnDemand, changed: Positions) -> str:
        """What else differs in a file after the addition; empty where nothing does.

        ``changed``: which bytes of the file before are others.

        :raises Exception: h5py cannot read the file.
        """
        old, new = self.objects, _objects(after, self.member)
        for path in old.keys() | new.keys():
            if old.get(path) != new.get(path) and not (_is(path, self.member) and (path not in old or not self.grows)):
                return f"/{path.decode(errors='backslashreplace')}"
        if self._touches(changed):
            return "values"
        return "" if _attributes(after, self.place) == self.attributes else "an attribute"

    def _touches(self, changed: Positions) -> bool:
        """Whether one of these bytes lies between the begin and the end of any values."""
        if not len(self.extents) or not len(changed):
            return False
        before = np.searchsorted(self.extents[:, 0], changed, side="right") - 1
        return bool(((before >= 0) & (changed < self.extents[before, 1])).any())


def inventory(before: OnDemand, place: str, *, grows: bool) -> Inventory:
    """What a file holds.

    :raises Exception: h5py cannot read it.
    """
    member = b"entry/" + place.encode()
    objects = _objects(before, member)
    data = (path for path, (_, kind, *_) in objects.items() if kind == h5o.TYPE_DATASET)
    extents = sorted(_extents(before, (path for path in data if grows or not _is(path, member))))
    return Inventory(place, grows, objects, np.array(extents, np.int64).reshape(-1, 2), _attributes(before, place))


def _is(path: bytes, member: bytes) -> bool:
    """Whether a path is that of a member, or of what is in it."""
    return path == member or path.startswith(member + b"/")


def _objects(root: OnDemand, member: bytes) -> dict[bytes, tuple[int, ...]]:
    found, added_to = dict[bytes, tuple[int, ...]](), {b"entry", b"entry/" + CHECKSUMS.encode(), member}

    def see(path: bytes, about: Any) -> None:
        header = about.hdr
        told = () if path in added_to else (about.num_attrs, header.nmesgs, header.space.total)
        found[path] = (about.addr, about.type, *told)

    h5o.visit(root.identity, see, info=True)
    return found


def _extents(root: OnDemand, paths: Iterable[bytes]) -> Iterator[tuple[int, int]]:
    """Where the values of these data sets are; texts of any length lie elsewhere."""
    opened = {path.encode(): identity for path, identity in root.opened()}
    for path in paths:
        dataset = opened.get(b"/" + path) or h5d.open(root.identity, path)
        if (begin := dataset.get_offset()) is not None:
            yield begin, begin + dataset.get_storage_size()
        elif dataset.get_create_plist().get_layout() == h5d.CHUNKED:
            for index in range(dataset.get_num_chunks()):
                chunk = dataset.get_chunk_info(index)
                yield chunk.byte_offset, chunk.byte_offset + chunk.size


def _attributes(root: OnDemand, place: str) -> list[Mapping[bytes, Any]]:
    """The attributes that an addition leaves: of the root and the entry, the checksums of other members."""
    entry = root["entry"]
    checksums = attributes_of(entry[CHECKSUMS].identity) if CHECKSUMS in entry else {}
    return [
        {name: value for name, value in attributes_of(root.identity).items() if not name.startswith(b"summary")},
        attributes_of(entry.identity),
        {name: value for name, value in checksums.items() if name != place.encode()},
    ]


# --- which bytes are others ----------------------------------------------------------------------------------------


def changed_bytes(before: bytes, after: bytes) -> Positions:
    """Where a content differs from the begin of a longer one; all that is missing of it differs."""
    there = min(len(before), len(after))
    differing = np.flatnonzero(np.frombuffer(before, "u1", there) != np.frombuffer(after, "u1", there))
    return np.concatenate([differing, np.arange(there, len(before))])


def changed_bytes_of_files(before: Path, after: Path) -> Positions:
    """The same of files of any size.

    :raises OSError: one of them cannot be read.
    """
    with before.open("rb") as old, after.open("rb") as new:
        begins = range(0, os.fstat(old.fileno()).st_size, _PIECE)
        found = [changed_bytes(old.read(_PIECE), new.read(_PIECE)) + begin for begin in begins]
    return np.concatenate([np.empty(0, np.int64), *found])
