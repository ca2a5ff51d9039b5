"""Whether a run file with an addition is otherwise what it was: each object in its place, each value in its bytes.

HDF5 puts an addition behind the end of a file, and changes before it only what says where things are. So every object
must be there by its name, at its address, with a header of the same contents; and no byte of the values of a data set
may be another one. That is seen from addresses and bytes, without reading what a thousand attributes say. What of it
never changes again is known when a file is finished, and stands behind it (:class:`Inventory`).
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from h5py import h5d, h5g, h5o

from acquire.run_file.checksums import PLACE as CHECKSUMS
from acquire.run_file.checksums import Keeping
from acquire.run_file.hdf5 import attributes_of
from acquire.run_file.on_demand import OnDemand

#: The members of an entry that are added to a finished file.
ADDED = ("analyses", "imported", "remarks")

_PIECE = 1 << 22  # bytes compared at once

Positions = npt.NDArray[np.int64]
Objects = Mapping[bytes, tuple[int, ...]]


# --- before an addition --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Inventory:
    """What a finished file holds but for :data:`ADDED`, and keeps for good.

    ``objects`` and ``attributes`` are checksums: of the paths, addresses and headers of groups and data sets; of the
    attributes of root and entry, and the checksums of the members. ``values``: begin and end of the bytes in which the
    values of data sets lie, in the order of the file.
    """

    objects: str
    attributes: str
    values: tuple[tuple[int, int], ...]

    def as_text(self) -> str:
        """The inventory in one line, as it stands behind a file."""
        return json.dumps(asdict(self))

    @classmethod
    def of_text(cls, text: str) -> Self | None:
        """That of a line; None of any other text."""
        try:
            found = json.loads(text)
            values = tuple((int(begin), int(end)) for begin, end in found["values"])
            return cls(str(found["objects"]), str(found["attributes"]), values)
        except (ValueError, TypeError, KeyError):
            return None


def inventory(root: OnDemand, but_for: Collection[str] = ADDED) -> Inventory:
    """What a file holds, but for these members of its entry.

    :raises Exception: h5py cannot read it.
    """
    lasting = {path: told for path, told in _objects(root).items() if not _is_in(path, but_for)}
    return Inventory(_checksum_of(lasting), _attributes(root, but_for), tuple(_joined(_extents(root, lasting))))


@dataclass(frozen=True)
class Before:
    """A file before an addition to the member ``place``; with ``grows`` all that was in that stays.

    ``but_for``: the members that are not in the inventory of what is ``lasting``. Of those of them that stay, and of
    the one that grows: the ``objects``, where their ``values`` lie, their ``checksums``.
    """

    place: str
    but_for: Collection[str]
    lasting: Inventory
    objects: Objects
    values: tuple[tuple[int, int], ...]
    checksums: Mapping[bytes, Any]

    @property
    def for_good(self) -> str:
        """The inventory as it stands behind the file with the addition; empty where that is to a lasting member."""
        return self.lasting.as_text() if self.place in ADDED else ""

    def difference(self, after: OnDemand, changed: Positions) -> str:
        """What else differs in a file after the addition; empty where nothing does.

        ``changed``: which bytes of the file before are others.

        :raises Exception: h5py cannot read the file.
        """
        found = _objects(after, self.place)
        added = {path: told for path, told in found.items() if _is_in(path, self.but_for)}
        more = added.keys() - self.objects.keys()
        if _checksum_of({path: told for path, told in found.items() if path not in added}) != self.lasting.objects:
            return "its objects"
        if not (self.objects.items() <= added.items() and all(_is_in(path, [self.place]) for path in more)):
            return "what was added before"
        if _touches((*self.lasting.values, *self.values), changed):
            return "values"
        if _attributes(after, self.but_for) != self.lasting.attributes:
            return "attributes"
        return "" if _checksums(after, {*self.but_for} - {self.place}) == self.checksums else "checksums"


def before_addition(root: OnDemand, place: str, known: Inventory | None, *, grows: bool) -> Before:
    """What a file holds before an addition; ``known``: what stands behind it.

    :raises Exception: h5py cannot read it.
    """
    but_for = ADDED if place in ADDED else (*ADDED, place)
    lasting = known if known is not None and place in ADDED else inventory(root, but_for)
    staying = [name for name in but_for if name in root["entry"] and (grows or name != place)]
    everything = _objects(root, place).items() if staying else ()
    objects = {path: told for path, told in everything if _is_in(path, staying)}
    values = tuple(_joined(_extents(root, objects)))
    return Before(place, but_for, lasting, objects, values, _checksums(root, {*but_for} - {place}))


def _is_in(path: bytes, members: Iterable[str]) -> bool:
    """Whether a path is that of one of these members of the entry, or of what is in it."""
    return any(path == at or path.startswith(at + b"/") for at in (b"entry/" + name.encode() for name in members))


def _objects(root: OnDemand, place: str = "") -> dict[bytes, tuple[int, ...]]:
    """By path: address and kind, and what is in the header of those that an addition to a member does not change."""
    found = dict[bytes, tuple[int, ...]]()
    changing = {b"entry", *(b"entry/" + name.encode() for name in (CHECKSUMS, place))}

    def see(path: bytes, about: Any) -> None:
        header = about.hdr
        told = () if path in changing else (about.num_attrs, header.nmesgs, header.space.total)
        found[path] = (about.addr, about.type, *told)

    h5o.visit(root.identity, see, info=True)
    return found


def _checksum_of(objects: Objects) -> str:
    return sha256(repr(sorted(objects.items())).encode()).hexdigest()


# --- where values lie ----------------------------------------------------------------------------------------------


def _extents(root: OnDemand, objects: Objects) -> Iterator[tuple[int, int]]:
    """Begin and end of the values of data sets; texts of any length lie elsewhere."""
    opened = {path.encode(): identity for path, identity in root.opened()}
    for path, (_, kind, *_) in objects.items():
        if kind != h5o.TYPE_DATASET:
            continue
        dataset = opened.get(b"/" + path) or h5d.open(root.identity, path)
        if (begin := dataset.get_offset()) is not None:
            yield begin, begin + dataset.get_storage_size()
        elif dataset.get_create_plist().get_layout() == h5d.CHUNKED:
            for index in range(dataset.get_num_chunks()):
                chunk = dataset.get_chunk_info(index)
                yield chunk.byte_offset, chunk.byte_offset + chunk.size


def _joined(extents: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """The same bytes in as few pieces as can be; HDF5 puts small data sets side by side."""
    found = list[tuple[int, int]]()
    for begin, end in sorted(extents):
        if found and begin <= found[-1][1]:
            found[-1] = found[-1][0], max(found[-1][1], end)
        elif begin < end:
            found.append((begin, end))
    return found


def _touches(pieces: Iterable[tuple[int, int]], changed: Positions) -> bool:
    """Whether one of these bytes lies between the begin and the end of one of these pieces."""
    bounds = np.array(_joined(pieces), np.int64).reshape(-1, 2)
    if not len(bounds) or not len(changed):
        return False
    before = np.searchsorted(bounds[:, 0], changed, side="right") - 1
    return bool(((before >= 0) & (changed < bounds[before, 1])).any())


class Placed(Keeping):
    """The bytes that values must have in a file, by where they begin; of a member that is read for its checksum.

    ``elsewhere``: some are kept elsewhere, such as texts of any length.
    """

    def __init__(self, identity: h5g.GroupID | h5d.DatasetID, all_of_it: Placed | None = None) -> None:
        self._id, self._whole, self.place = identity, all_of_it or self, "what is added"
        self.values, self.elsewhere = list[tuple[int, bytes]](), False

    def opened(self, name: bytes) -> tuple[Any, Keeping]:
        """A member of this group."""
        inside = h5o.open(self._id, name)
        return inside, Placed(inside, self._whole)

    def keep_values(self, values: npt.NDArray[Any] | None) -> None:
        """Keep the values of a data set."""
        begin = self._id.get_offset()
        if values is None or begin is None or values.dtype.kind == "O":
            self._whole.elsewhere |= values is None or values.size > 0
        else:
            self._whole.values.append((begin, values.tobytes()))

    def are_in(self, content: Callable[[int, int], bytes]) -> bool:
        """Whether the values are where they must be, by what gives bytes: from where, how many."""
        return all(content(begin, len(values)) == values for begin, values in self.values)


# --- attributes of what is added to ----------------------------------------------------------------------------------


def _attributes(root: OnDemand, but_for: Collection[str]) -> str:
    """A checksum of the attributes of root and entry, without the summary, and of the checksums of other members."""
    entry, without = root["entry"], {name.encode() for name in but_for}
    of_root = {name: value for name, value in attributes_of(root.identity).items() if not name.startswith(b"summary")}
    checksums = attributes_of(entry[CHECKSUMS].identity) if CHECKSUMS in entry else {}
    kept = {name: value for name, value in checksums.items() if name not in without}
    told = [sorted(one.items()) for one in (of_root, attributes_of(entry.identity), kept)]
    return sha256(repr(told).encode()).hexdigest()


def _checksums(root: OnDemand, members: Iterable[str]) -> dict[bytes, Any]:
    """The checksums of these members, as they stand in the file."""
    entry = root["entry"]
    if CHECKSUMS not in entry:
        return {}
    there = entry[CHECKSUMS].attrs
    return {name.encode(): there[name] for name in members if name in there}


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
