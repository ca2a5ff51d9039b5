"""Whether a run file still holds what was written: a checksum over each part of it, and one with every row of a run.

A checksum is over names, types, shapes, attributes and values as they are read, a part by itself: what is added to a
file later touches none of them. The parts that are known before a run are sealed when its file is laid out, all of
them when it is finished. Until then each recorded row carries the CRC-32 of its bytes and its number.

Against chance (a flipped bit, a bad sector), not against malice: who can write the file can write its checksums.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from hashlib import file_digest, sha256
from pathlib import Path
from typing import Any, NamedTuple, Protocol
from zlib import crc32

import h5py
import numpy as np
from h5py import h5a, h5d, h5g, h5o, h5s, h5t

from acquire.run_file.hdf5 import (
    REFERENCES,
    is_text,
    known_kind,
    nx_group,
    read_texts,
    refuse_large_attribute,
    set_text,
)

PLACE = "checksums"
LAYOUT = " (layout)"  # of a table: everything but its values

NOT_VERIFIABLE = "not verifiable: the file has no checksums (it was made by an earlier version)"


@dataclass(frozen=True)
class Integrity:
    """What the checksums of a file say: whether there are any, and what differs from them, in words."""

    verifiable: bool = True
    damaged: tuple[str, ...] = ()

    def __str__(self) -> str:
        """In one line: right, not verifiable, or damaged and where."""
        if self.damaged:
            return f"DAMAGED: {'; '.join(self.damaged)}"
        return "right" if self.verifiable else NOT_VERIFIABLE


# --- parts of a file -----------------------------------------------------------------------------------------


def seal(entry: h5py.Group, names: Iterable[str], layouts: Iterable[str] = (), **known: str) -> None:
    """Write the checksums of these members of an entry, and of the layouts of these tables.

    ``known``: checksums that are kept instead of computed anew.
    """
    group = nx_group(entry, PLACE, "NXcollection")
    set_text(group, "meaning", "SHA-256 over names, types, shapes, attributes and values as read, of each part")
    for name in names:
        set_text(group, name, known.get(name) or digest(entry[name]))
    for name in layouts:
        set_text(group, name + LAYOUT, digest(entry[name], values=False))


def put_checksum(entry: h5py.Group, name: str, checksum: str) -> None:
    """Write the checksum of a member that was added, or changed; not in a file that has no checksums."""
    if PLACE.encode() in entry.id:
        group = h5py.Group(h5g.open(entry.id, PLACE.encode()))
        if h5a.exists(group.id, name.encode()):
            h5a.delete(group.id, name.encode())
        set_text(group, name, checksum)


def digests(entry: h5py.Group) -> dict[str, str]:
    """The checksums of all members of an entry but of the checksums themselves, computed now.

    :raises Exception: h5py cannot read one of them.
    """
    return {name: digest(entry[name]) for name in entry if name != PLACE}


def sealed(entry: h5py.Group) -> dict[str, str]:
    """The checksums in a file, by name; empty where there are none."""
    if PLACE not in entry:
        return {}
    return {name: str(value) for name, value in entry[PLACE].attrs.items() if name not in ("NX_class", "meaning")}


def verify(entry: h5py.Group, needed: Iterable[str], known: Mapping[str, str] | None = None) -> Integrity:
    """Compare the parts of a file with their checksums; every one of ``needed`` must have one.

    ``known``: checksums that were computed when these parts were read.
    """
    checksums = sealed(entry)
    if not checksums:
        return Integrity(verifiable=PLACE in entry, damaged=("its checksums are gone",) if PLACE in entry else ())
    names = dict.fromkeys([*needed, *checksums])
    differing = (_difference(entry, name, checksums.get(name), known or {}) for name in names)
    return Integrity(damaged=tuple(filter(None, differing)))


def _difference(entry: h5py.Group, name: str, checksum: str | None, known: Mapping[str, str]) -> str:
    member = name.removesuffix(LAYOUT)
    if checksum is None:
        return f"{entry.name}/{name} has no checksum"
    if member not in entry:
        return f"{entry.name}/{name} is missing"
    try:
        found = known.get(name) or digest(entry[member], values=member == name)
    except Exception as error:  # h5py meets damage with almost any exception
        return f"{entry.name}/{name} cannot be read ({type(error).__name__})"
    return "" if found == checksum else f"{entry.name}/{name} is not as it was written"


def digest(member: h5py.Group | h5py.Dataset, *, values: bool = True, kept: Keeping | None = None) -> str:
    """The checksum of a data set or a group with all that is in it; who keeps it gets what is read.

    :raises Exception: h5py cannot read it.
    """
    sums = sha256()
    feed_member(sums, b"", member.id, values=values, kept=kept)
    return f"sha256:{sums.hexdigest()}"


# --- texts of the root, beside the parts: what a part says in short ----------------------------------------------


def write_checked_text(file: h5py.File, name: str, text: str) -> None:
    """Put a text with its checksum beside it in the place of the attribute that a file has."""
    for key, value in ((name, text), (f"{name}_sha256", sha256(text.encode()).hexdigest())):
        if key in file.attrs:
            del file.attrs[key]
        set_text(file, key, value)


LONGEST_TEXT = 1 << 16  # characters, of a text of the root


def checked_text(file: h5py.File, name: str) -> str | None:
    """A text of the root; None where there is none, or it is not as it was written."""
    if name not in file.attrs:
        return None
    return right_text(file.attrs[name], file.attrs.get(f"{name}_sha256"))


def right_text(text: object, checksum: object) -> str | None:
    """A text that is as it was written, by its checksum; None for any other."""
    if not isinstance(text, str) or len(text) > LONGEST_TEXT or checksum != _sum_of(text):
        return None
    return text


def _sum_of(text: str) -> str:
    return sha256(text.encode(errors="surrogateescape")).hexdigest()


def damaged_texts(file: h5py.File, names: Iterable[str]) -> tuple[str, ...]:
    """Those of some texts of the root that are not as they were written, in words; or whose checksum is alone."""
    there = [name for name in names if {name, f"{name}_sha256"} & set(file.attrs)]
    return tuple(f"/@{name} is not as it was written" for name in there if checked_text(file, name) is None)


class _Sums(Protocol):
    def update(self, data: bytes, /) -> None: ...


class Keeping:
    """Who keeps what is read of a member for its checksum, so that it is read once; see :mod:`.loaded`."""

    place: str

    def keep_attribute(self, name: bytes, values: np.ndarray[Any, Any]) -> None:
        """Keep an attribute."""

    def keep_values(self, values: np.ndarray[Any, Any] | None) -> None:
        """Keep the values of a data set; None of one that is read in pieces."""

    def opened(self, name: bytes) -> tuple[Any, Keeping]:
        """A member of this group by its id, and who keeps what is read of it.

        :raises KeyError: it is no group.
        """
        raise KeyError(name)


def feed_member(sums: _Sums, name: bytes, member: Any, *, values: bool = True, kept: Keeping | None = None) -> None:
    """Put a data set or a group into a checksum, with everything in it.

    :raises Exception: h5py cannot read it.
    """
    is_group = isinstance(member, h5g.GroupID)
    _feed(sums, b"group" if is_group else b"data set", name)
    feed_attributes(sums, member, kept)
    if is_group:
        for key in sorted(member):
            inside, its = (h5o.open(member, key), None) if kept is None else kept.opened(key)
            feed_member(sums, key, inside, values=values, kept=its)
    elif values:
        read = _feed_values(sums, member, partial(member.read, h5s.ALL, h5s.ALL))
        if kept is not None:
            kept.keep_values(read)
    else:
        _feed(sums, member.dtype.str.encode(), str(member.shape).encode())


def feed_attributes(sums: _Sums, member: Any, kept: Keeping | None = None) -> None:
    """Put the attributes of a data set or a group into a checksum.

    :raises ValueError: one is larger than any of a run file, where it would be kept.
    """
    names = list[bytes]()
    h5a.iterate(member, names.append)
    for name in sorted(names):
        attribute = h5a.open(member, name)  # one at a time: what is kept open makes each further one dearer
        if kept is not None:
            refuse_large_attribute(attribute, kept.place)
        if name in REFERENCES:
            continue
        _feed(sums, b"attribute", name)
        found = _feed_values(sums, attribute, attribute.read)
        if kept is not None and found is not None:
            kept.keep_attribute(name, found)


#: An attribute, or the value of a data set of one number.
Plain = str | float | int


def digest_of_numbers(attributes: Mapping[str, Plain], members: Mapping[str, tuple[float, Mapping[str, Plain]]]) -> str:
    """The checksum of a group of data sets of one number each, with these attributes, as if it were read.

    It says whether such a group is in a file, number by number, without asking HDF5 for each of them.
    """
    sums = sha256()
    _feed(sums, b"group", b"")
    _feed_plain_attributes(sums, attributes)
    for name in sorted(members):
        value, its = members[name]
        _feed(sums, b"data set", name.encode())
        _feed_plain_attributes(sums, its)
        _feed_plain(sums, float(value))
    return f"sha256:{sums.hexdigest()}"


def _feed_plain_attributes(sums: _Sums, attributes: Mapping[str, Plain]) -> None:
    for name in sorted(attributes):
        _feed(sums, b"attribute", name.encode())
        _feed_plain(sums, attributes[name])


def _feed_plain(sums: _Sums, value: Plain) -> None:
    if isinstance(value, str):
        _feed(sums, b"text", b"()", _as_bytes(value))
    else:
        kind = b"<f8" if isinstance(value, float) else b"<i8"
        _feed(sums, kind, b"()")
        _feed(sums, struct.pack("<d" if kind == b"<f8" else "<q", value))


def _feed(sums: _Sums, *parts: bytes) -> None:
    """Each part with its length before it, so that no two sequences of parts are the same bytes."""
    sums.update(b"".join([piece for part in parts for piece in (_LENGTH(len(part)), part)]))


_LENGTH = struct.Struct("<Q").pack


def _feed_values(
    sums: _Sums, owner: Any, read: Callable[[np.ndarray[Any, Any], Any], None]
) -> np.ndarray[Any, Any] | None:
    """Type, shape and values of a data set or an attribute; most are texts, whose type need not be asked.

    The values; None of those that are read in pieces.
    """
    kind, shape = owner.get_type(), owner.shape
    if is_text(kind):
        texts = read_texts(shape, read)
        _feed(sums, b"text", str(shape).encode(), *(_as_bytes(text) for text in texts.ravel().tolist()))
        return texts
    dtype, name, in_memory = known_kind(kind.encode())
    _feed(sums, name, str(shape).encode())
    if isinstance(owner, h5d.DatasetID) and len(shape) == 1 and shape[0] > _PIECE:
        _feed_by_pieces(sums, owner, dtype)
        return None
    array = np.empty(shape, dtype)
    if array.size:
        read(array, in_memory)
    _feed(sums, array.tobytes())
    return array


_PIECE = 1 << 18  # values read at once


def _feed_by_pieces(sums: _Sums, dataset: h5d.DatasetID, dtype: np.dtype[Any]) -> None:
    """The values of a long column, in no more memory than a piece of it takes; the checksum is that of all at once."""
    (rows,), kind = dataset.shape, h5t.py_create(dtype)
    sums.update((rows * dtype.itemsize).to_bytes(8, "little"))
    for start in range(0, rows, _PIECE):
        array, place = np.empty(min(_PIECE, rows - start), dtype), dataset.get_space()
        place.select_hyperslab((start,), array.shape)
        dataset.read(h5s.create_simple(array.shape), place, array, kind)
        sums.update(array.tobytes())


def _as_bytes(text: object) -> bytes:
    return text if isinstance(text, bytes) else str(text).encode(errors="surrogateescape")


# --- the whole file ----------------------------------------------------------------------------------------------

_INVENTORY = b"\nInventory of the file before this line: "
_BEGIN, _END = b"\nSHA-256 of the file before this line: ", b"\n"
_LINE = len(_BEGIN) + 64 + len(_END)  # bytes
_LONGEST_INVENTORY = 1 << 16


class Written(NamedTuple):
    """A file that is as it was written: the HDF5 file itself, and the inventory behind it, empty for none."""

    image: bytes
    inventory: str


def with_file_checksum(image: bytes, inventory: str = "") -> bytes:
    """A finished file with lines behind it: an inventory of it, and the SHA-256 of all before that.

    HDF5 looks at nothing behind its end. A program that changes the file cuts the lines off, or they are right no more;
    the checksums of the parts tell then what is different.
    """
    content = b"".join([image, _INVENTORY, inventory.encode()])
    return b"".join([content, _line_of(content)])


def written_in(content: bytes) -> Written | None:
    """What is before a line that holds its SHA-256, so that nothing of it need be looked through; None of any other.

    A line that is not right is none.
    """
    before = content[:-_LINE]
    if not content.endswith(_END) or content[-_LINE:] != _line_of(before):
        return None
    begin = before.rfind(_INVENTORY, max(len(before) - _LONGEST_INVENTORY, 0))
    if begin < 0:
        return None
    return Written(before[:begin], before[begin + len(_INVENTORY) :].decode(errors="replace"))


def has_file_checksum(path: Path) -> bool:
    """Whether a file ends with such a line, right or not.

    :raises OSError: it cannot be read.
    """
    with path.open("rb") as stream:
        size = stream.seek(0, os.SEEK_END)
        stream.seek(max(size - _LINE, 0))
        return stream.read(_LINE).startswith(_BEGIN)


def _line_of(image: bytes) -> bytes:
    return b"".join([_BEGIN, sha256(image).hexdigest().encode(), _END])


def of_file(path: Path) -> str:
    """The SHA-256 of a whole file, as other programs compute it.

    :raises OSError: it cannot be read.
    """
    with path.open("rb") as file:
        digest: str = file_digest(file, "sha256").hexdigest()
    return digest


# --- rows ------------------------------------------------------------------------------------------------------


def row_check(row: int, parts: Iterable[bytes]) -> int:
    """The CRC-32 of a row: its number, then the bytes of its numbers, then those of its texts or its spectrum."""
    check = row
    for part in parts:
        check = crc32(part, check)
    return check
