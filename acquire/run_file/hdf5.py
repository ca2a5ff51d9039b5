"""Parts of HDF5 files: groups, texts, arrays with their units, and data sets whose bytes have a known place.

A run file is some two hundred small data sets with a unit and the title of an axis each. They go through the low-level
interface of h5py: the same objects in half the time.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache, partial
from itertools import count
from math import prod
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from h5py import h5a, h5d, h5ds, h5f, h5g, h5i, h5l, h5o, h5p, h5s, h5t, h5z

from acquire.photometry.customary_units import column_name, with_unit

_STRING = h5py.string_dtype()
_TEXT, _TEXT_IN_MEMORY = h5t.py_create(_STRING, logical=True), h5t.py_create(_STRING)
_SCALAR = h5s.create(h5s.SCALAR)


_NUMBERS = count()  # files in memory are told apart by their names


def _opened_in_memory(image: bytes = b"") -> h5f.FileID:
    name, access = b"in memory %d" % next(_NUMBERS), h5p.create(h5p.FILE_ACCESS)
    access.set_fapl_core(1 << 20, backing_store=False)
    access.set_libver_bounds(h5f.LIBVER_EARLIEST, h5f.LIBVER_V110)
    access.set_fclose_degree(h5f.CLOSE_STRONG)
    if not image:
        return h5f.create(name, h5f.ACC_TRUNC, fapl=access)
    access.set_file_image(image)
    return h5f.open(name, h5f.ACC_RDWR, fapl=access)


def file_in_memory(image: bytes = b"") -> h5py.File:
    """An HDF5 file that touches no disk: HDF5 may crash the interpreter when the disk is full at its close.

    With an ``image``, as :func:`image_of` gives it, what that holds is there already.
    """
    return h5py.File(_opened_in_memory(image))


@contextmanager
def in_memory(image: bytes = b"") -> Iterator[h5f.FileID]:
    """The same by its id; whatever of it is open still is closed with it."""
    file = _opened_in_memory(image)
    try:
        yield file
    finally:
        file.close()


@contextmanager
def read_only(image: bytes) -> Iterator[h5f.FileID]:
    """A file of these bytes, to be read; whatever of it is open still is closed with it.

    :raises OSError: it is no HDF5 file.
    """
    access = h5p.create(h5p.FILE_ACCESS)
    access.set_fapl_core(1 << 16, backing_store=False)
    access.set_fclose_degree(h5f.CLOSE_STRONG)
    access.set_file_image(image)
    file = h5f.open(b"in memory %d" % next(_NUMBERS), h5f.ACC_RDONLY, fapl=access)
    try:
        yield file
    finally:
        file.close()


def image_of(file: h5py.File) -> bytes:
    """The bytes of a file in memory, as they shall stand on the disk."""
    file.flush()
    return bytes(file.id.get_file_image())


# --- writing; each name is new in its place -------------------------------------------------------------------


def nx_group(parent: h5py.Group, name: str, nx_class: str, **attributes: Any) -> h5py.Group:
    """A group with its NeXus class and further attributes."""
    group = h5py.Group(h5g.create(parent.id, name.encode()))
    set_text(group, "NX_class", nx_class)
    for key, value in attributes.items():
        group.attrs[key] = value
    return group


def write_text(group: h5py.Group, name: str, text: str) -> h5py.Dataset:
    """A scalar UTF-8 string data set."""
    dataset = h5d.create(group.id, name.encode(), _TEXT, _SCALAR)
    dataset.write(h5s.ALL, h5s.ALL, np.array(text, dtype=_STRING), _TEXT_IN_MEMORY)
    return h5py.Dataset(dataset)


def write_array(group: h5py.Group, name: str, values: Any, unit: str, meaning: str) -> h5py.Dataset:
    """Numbers, or texts of fixed length, with their unit and what :func:`describe` adds."""
    array = np.asarray(values, order="C")
    dataset = h5d.create(group.id, name.encode(), h5t.py_create(array.dtype, logical=True), _space(array.shape))
    if array.size:
        dataset.write(h5s.ALL, h5s.ALL, array)
    return describe(h5py.Dataset(dataset), unit, meaning, name)


def write_column(group: h5py.Group, name: str, values: np.ndarray[Any, Any], unit: str) -> h5py.Dataset:
    """A data set with its unit and nothing else, where another one of the same name says more."""
    kind = _kind_of(values.dtype)
    dataset = h5d.create(group.id, name.encode(), kind, _space(values.shape))
    if values.size:
        dataset.write(h5s.ALL, h5s.ALL, np.ascontiguousarray(values), kind)
    found = h5py.Dataset(dataset)
    set_text(found, "units", unit)
    return found


@lru_cache(maxsize=256)
def _kind_of(dtype: np.dtype[Any]) -> h5t.TypeID:
    return h5t.py_create(dtype, logical=True)


def write_packed(group: h5py.Group, name: str, values: np.ndarray[Any, Any], unit: str, meaning: str) -> h5py.Dataset:
    """The same for one column, compressed; at most :data:`MOST_UNPACKED` bytes, or it would not be read again."""
    if not values.size:
        return write_array(group, name, values, unit, meaning)
    properties = h5p.create(h5p.DATASET_CREATE)
    properties.set_chunk((min(len(values), 1 << 16),))
    properties.set_shuffle()
    properties.set_deflate(6)
    kind = h5t.py_create(values.dtype, logical=True)
    dataset = h5d.create(group.id, name.encode(), kind, _space(values.shape), properties)
    dataset.write(h5s.ALL, h5s.ALL, np.ascontiguousarray(values))
    return describe(h5py.Dataset(dataset), unit, meaning)


def describe(dataset: h5py.Dataset, unit: str, meaning: str, name: str = "") -> h5py.Dataset:
    """Unit of a data set, the title of an axis that shows it, and what it means where that says more.

    Every data set of numbers carries a unit. Who knows its ``name`` spares HDF5 the question.
    """
    name = name or str(dataset.name).rsplit("/", 1)[-1]
    for attribute, text in title_of(name, unit).items():
        set_text(dataset, attribute, text)
    if meaning != name.replace("_", " "):
        set_text(dataset, "description", meaning)
    return dataset


def title_of(name: str, unit: str) -> dict[str, str]:
    """The unit of a data set of this name, and the title of an axis that shows it, by the names of attributes."""
    return {"units": unit, "long_name": with_unit(column_name(name), unit)}


def make_scales(group: h5py.Group, scales: Sequence[str]) -> None:
    """Make these columns the dimension scales of a group, the first of its rows, a second of what lies in a row.

    That is what netCDF readers (xarray, for example) take coordinates from. It changes attributes, no value.
    """
    identities = [h5d.open(group.id, name.encode()) for name in scales]
    for name, identity in zip(scales, identities, strict=True):
        h5ds.set_scale(identity, name.encode())
    for name in group.id if scales else ():
        if name.decode() not in scales:
            dataset = h5d.open(group.id, name)
            for axis in range(len(dataset.shape)):
                h5ds.attach_scale(dataset, identities[axis], axis)


def set_text(owner: h5py.Group | h5py.Dataset, name: str, text: str | Sequence[str]) -> None:
    """A new attribute of a text, or of several."""
    texts = np.array(text, dtype=_STRING)
    h5a.create(owner.id, name.encode(), _TEXT, _space(texts.shape)).write(texts, _TEXT_IN_MEMORY)


def set_number(owner: h5py.Group | h5py.Dataset, name: str, value: float) -> None:
    """A new attribute of one number."""
    h5a.create(owner.id, name.encode(), h5t.IEEE_F64LE, _SCALAR).write(np.array(value, "<f8"))


def preallocated(group: h5py.Group, name: str, values: np.ndarray[Any, Any]) -> h5py.Dataset:
    """A contiguous data set whose bytes are in the file at once, so that their place in it is known."""
    properties = h5p.create(h5p.DATASET_CREATE)
    properties.set_alloc_time(h5d.ALLOC_TIME_EARLY)
    properties.set_fill_time(h5d.FILL_TIME_NEVER)
    kind = h5t.py_create(values.dtype, logical=True)
    dataset = h5d.create(group.id, name.encode(), kind, _space(values.shape), properties)
    dataset.write(h5s.ALL, h5s.ALL, values)
    return h5py.Dataset(dataset)


def growing(group: h5py.Group, name: str, segment: np.ndarray[Any, Any], most: int, fill: Any) -> h5py.Dataset:
    """A data set with room for ``most`` rows, of which only the first segment is in the file."""
    rows = -(-most // len(segment)) * len(segment)
    dataset = group.create_dataset(
        name, (rows, *segment.shape[1:]), segment.dtype, chunks=segment.shape, fillvalue=fill, track_times=False
    )
    dataset[: len(segment)] = segment
    return dataset


def virtual_column(group: h5py.Group, name: str, dtype: Any, block: h5py.Dataset, index: int) -> h5py.Dataset:
    """A data set that shows one column of a two-dimensional data set of the same file."""
    source = _space(block.shape)
    source.select_hyperslab((0, index), (1, 1), (1, 1), (block.shape[0], 1))
    properties = h5p.create(h5p.DATASET_CREATE)
    space = _space(block.shape[:1])
    properties.set_virtual(space, b".", block.name.encode(), source)
    kind = h5t.py_create(np.dtype(dtype), logical=True)
    return h5py.Dataset(h5d.create(group.id, name.encode(), kind, space, properties))


def _space(shape: tuple[int, ...]) -> h5s.SpaceID:
    return h5s.create_simple(shape) if shape else _SCALAR


# --- before anything is read of a file that others may have made ---------------------------------------------

#: Attributes of dimension scales: they change when others refer to them, and are of use to nobody but HDF5.
REFERENCES = {b"DIMENSION_LIST", b"REFERENCE_LIST"}
DEEPEST = 8  # groups inside each other; a run file has three
MOST_OBJECTS = 5000  # groups and data sets; a run file has two hundred, each analysis as many
MOST_ATTRIBUTES = 200  # of one object
MOST_VALUES = 1000  # of one attribute
MOST_UNPACKED = 32 << 20  # bytes of all compressed data sets of a file
_FILTERS = {h5z.FILTER_DEFLATE, h5z.FILTER_SHUFFLE, h5z.FILTER_FLETCHER32}
_KINDS = {h5l.TYPE_SOFT: "a link to another place", h5l.TYPE_EXTERNAL: "a link to another file"}


def rows_in_file(dataset: h5py.Dataset) -> int:
    """How many rows of a data set are in its file: all, but of one that grows."""
    if dataset.chunks is None:
        return int(dataset.shape[0])
    return int(min(dataset.shape[0], dataset.id.get_num_chunks() * dataset.chunks[0]))


class Bounds:
    """What may be in a file, held against its structure member by member, before a value of it is read.

    ``may_grow``: groups whose data sets may be larger than what is in the file of them; who reads them sees to it.
    """

    def __init__(self, file: h5f.FileID, may_grow: Collection[str] = ()) -> None:
        self._size, self._may_grow = file.get_filesize(), may_grow
        self._room, self._unpacked = 2 * self._size, MOST_UNPACKED
        self._seen = set[int]()

    def enter(self, group: h5g.GroupID, path: str) -> None:
        """:raises ValueError: a group, at its path, has more attributes or members than one of a run file."""
        _refuse_many_attributes(group, path or "/")
        if group.get_num_objs() + len(self._seen) > MOST_OBJECTS:
            raise ValueError(f"it holds more than {MOST_OBJECTS} objects")

    def open(self, group: h5g.GroupID, name: bytes, path: str, depth: int) -> h5g.GroupID | h5d.DatasetID:
        """A member of a group that lies so deep, opened; how large its attributes are, who reads them sees.

        :raises ValueError: it is kept in another file, is a link, or deeper or larger than what a run file holds.
        """
        link = group.links.get_info(name)
        place = f"{path}/{name.decode(errors='backslashreplace')}"
        return self.opened(group, name, (link.type, link.u), place, depth, may_grow=path in self._may_grow)

    def opened(
        self,
        group: h5g.GroupID,
        name: bytes,
        link: tuple[int, int],
        place: str,
        depth: int,
        *,
        may_grow: bool = False,
    ) -> h5g.GroupID | h5d.DatasetID:
        """The same of a member at its ``place`` whose link is known: its kind, and the address where it leads.

        :raises ValueError: as :meth:`open`.
        """
        kind, address = link
        if address in self._seen:
            raise ValueError(f"{_short(place)} is a second name of something else")
        found = _plain_object(group, name, kind, place)
        self._seen.add(address)
        if isinstance(found, h5g.GroupID):
            if depth == DEEPEST:
                raise ValueError(f"{_short(place)} lies deeper than {DEEPEST} groups")
            return found
        _refuse_many_attributes(found, place)
        needed, packed = _refuse_data_set(found, place, self._size, may_grow=may_grow)
        if packed:
            self._unpacked -= needed
        else:
            self._room -= needed
        if self._room < 0 or self._unpacked < 0:
            raise ValueError("its data sets would be larger than the file")
        return found


def refuse_what_no_run_file_holds(file: h5py.File, may_grow: Collection[str] = ()) -> None:
    """Look through the structure of a file, without reading a value of it.

    :raises ValueError: as :class:`Bounds`; the message names what it is.
    """
    bounds = Bounds(file.id, may_grow)
    waiting = [(h5g.open(file.id, b"/"), "", 0)]
    while waiting:
        group, path, depth = waiting.pop()
        bounds.enter(group, path)
        _refuse_attributes(group, path or "/")
        for name in group:
            member, place = bounds.open(group, name, path, depth), f"{path}/{name.decode(errors='backslashreplace')}"
            if isinstance(member, h5g.GroupID):
                waiting.append((member, place, depth + 1))
            else:
                _refuse_attributes(member, place)


def refuse_large_attributes(file: h5py.File) -> None:
    """:raises ValueError: the root has more attributes, or larger ones, than that of a run file."""
    _refuse_attributes(h5g.open(file.id, b"/"), "/")


def plain_member(group: h5py.Group, name: str, *, may_grow: bool = False) -> Any:
    """One member of a group, None when there is none; with ``may_grow`` less of it may be in the file than it says.

    :raises ValueError: as the whole file would be refused.
    """
    if name not in group:
        return None
    if not isinstance(group, h5py.Group):  # held in memory, and looked through before
        return group[name]
    place = f"{group.name}/{name}"
    found = _plain_object(group.id, name.encode(), group.id.links.get_info(name.encode()).type, place)
    if isinstance(found, h5d.DatasetID):
        size = h5i.get_file_id(group.id).get_filesize()
        _refuse_attributes(found, place)
        _refuse_data_set(found, place, size, may_grow=may_grow)
    return group[name]


def _short(place: str) -> str:
    return place if len(place) < 80 else f"{place[:77]}..."


def _plain_object(group: h5g.GroupID, name: bytes, link: int, place: str) -> h5g.GroupID | h5d.DatasetID:
    """A member of a group by a link of this kind, opened."""
    if link != h5l.TYPE_HARD:
        raise ValueError(f"{_short(place)} is {_KINDS.get(link, 'a link of an unknown kind')}")
    found = h5o.open(group, name)
    if not isinstance(found, h5g.GroupID | h5d.DatasetID):
        raise ValueError(f"{_short(place)} is neither a group nor a data set")
    return found


def _refuse_attributes(owner: h5g.GroupID | h5d.DatasetID, place: str) -> None:
    _refuse_many_attributes(owner, place)
    for index in range(h5a.get_num_attrs(owner)):
        refuse_large_attribute(h5a.open(owner, index=index), place)


def _refuse_many_attributes(owner: h5g.GroupID | h5d.DatasetID, place: str) -> None:
    if h5a.get_num_attrs(owner) > MOST_ATTRIBUTES:
        raise ValueError(f"{_short(place)} has more than {MOST_ATTRIBUTES} attributes")


def refuse_large_attribute(attribute: h5a.AttrID, place: str) -> None:
    """:raises ValueError: an attribute of the object at this place has more values than one of a run file."""
    if attribute.get_storage_size() > 16 * MOST_VALUES:
        raise ValueError(f"{_short(place)} has an attribute of more than {MOST_VALUES} values")


def _refuse_data_set(dataset: h5d.DatasetID, place: str, size: int, *, may_grow: bool = False) -> tuple[int, bool]:
    """The bytes that a data set's values take, of one that may grow those that are in the file; whether it is packed.

    :raises ValueError: they are kept elsewhere, or are too many.
    """
    if dataset.get_offset() is not None:  # one piece of this very file, which can be neither packed nor elsewhere
        if (needed := dataset.get_storage_size()) > size:
            raise ValueError(f"{_short(place)} would be larger than the file")
        return needed, False
    properties = dataset.get_create_plist()
    if properties.get_external_count():
        raise ValueError(f"{_short(place)} is kept in another file (external raw storage)")
    packed = bool(properties.get_nfilters())
    if any(properties.get_filter(index)[0] not in _FILTERS for index in range(properties.get_nfilters())):
        raise ValueError(f"{_short(place)} is packed with a filter that run files do not use")
    if properties.get_layout() == h5d.VIRTUAL:
        sources = {properties.get_virtual_filename(index) for index in range(properties.get_virtual_count())}
        if sources - {"."}:
            raise ValueError(f"{_short(place)} shows values of another file (virtual data set)")
    grows = may_grow and not packed and properties.get_layout() in (h5d.VIRTUAL, h5d.CHUNKED)
    return _bytes_of(dataset, place, size + MOST_UNPACKED if packed else size, grows=grows), packed


def _bytes_of(dataset: h5d.DatasetID, place: str, most: int, *, grows: bool = False) -> int:
    """:raises ValueError: they are more than that."""
    whole = prod(dataset.shape or ()) * dataset.get_type().get_size()
    needed = dataset.get_storage_size() if grows else whole
    if needed > most:
        raise ValueError(f"{_short(place)} would be larger than the file")
    return int(needed)


def _most_bytes(dataset: h5d.DatasetID, size: int) -> int:
    """How many bytes a data set may have in a file of this size."""
    return size + MOST_UNPACKED if _is_packed(dataset) else size


def _is_packed(dataset: h5d.DatasetID) -> bool:
    return bool(dataset.get_create_plist().get_nfilters())


# --- reading --------------------------------------------------------------------------------------------------


_LONGEST_TEXT = 1 << 20  # bytes


def root_texts(path: Path, names: Sequence[str]) -> dict[str, str]:
    """Texts among the attributes of the root of a file, those of these names that it has; nothing else of it is read.

    :raises ValueError: one is longer than any in a run file.
    :raises OSError: it cannot be opened, or is no HDF5 file.
    """
    found = dict[str, str]()
    file = h5f.open(os.fsencode(path), h5f.ACC_RDONLY, _without_lock())
    try:
        root = h5g.open(file, b"/")
        for name in map(str.encode, names):
            if not h5a.exists(root, name):
                continue
            attribute, text = h5a.open(root, name), np.empty((), _STRING)
            kind = attribute.get_type()
            if attribute.shape != () or not (isinstance(kind, h5t.TypeStringID) and kind.is_variable_str()):
                continue
            attribute.read(text, _TEXT_IN_MEMORY)
            content = text.item()
            if len(content) > _LONGEST_TEXT:
                raise ValueError(f"it holds a text of {len(content)} bytes")
            found[name.decode()] = content if isinstance(content, str) else content.decode(errors="surrogateescape")
    finally:
        file.close()
    return found


@lru_cache(maxsize=1)
def _without_lock() -> h5p.PropFAID:
    access = h5p.create(h5p.FILE_ACCESS)
    access.set_file_locking(False, True)
    access.set_fclose_degree(h5f.CLOSE_STRONG)
    return access


@lru_cache(maxsize=256)
def known_kind(encoded: bytes) -> tuple[np.dtype[Any], bytes, h5t.TypeID]:
    """What NumPy and HDF5 call an encoded type of values: to ask h5py costs more than to read a few numbers."""
    dtype = h5t.decode(encoded).dtype
    return dtype, dtype.str.encode(), h5t.py_create(dtype)


def is_text(kind: h5t.TypeID) -> bool:
    """Whether values of a type are texts of any length, whose type need not be asked further."""
    return isinstance(kind, h5t.TypeStringID) and kind.is_variable_str()


def read_texts(shape: tuple[int, ...], read: Callable[[np.ndarray[Any, Any], Any], None]) -> np.ndarray[Any, Any]:
    """Texts of any length (UTF-8, bytes or str) of a data set or an attribute that ``read`` reads."""
    texts = np.empty(shape, _STRING)
    read(texts, _TEXT_IN_MEMORY)
    return texts


def read_values(owner: h5d.DatasetID | h5a.AttrID) -> np.ndarray[Any, Any]:
    """All values of a data set or an attribute.

    :raises Exception: h5py cannot read it.
    """
    read = partial(owner.read, h5s.ALL, h5s.ALL) if isinstance(owner, h5d.DatasetID) else owner.read
    kind, shape = owner.get_type(), owner.shape
    if is_text(kind):
        return read_texts(shape, read)
    dtype, _, in_memory = known_kind(kind.encode())
    array = np.empty(shape, dtype)
    if array.size:
        read(array, in_memory)
    return array


def text_in(owner: h5a.AttrID) -> str:
    """The value of an attribute of one text of any length: its type need not be asked for it.

    :raises Exception: it is none, or h5py cannot read it.
    """
    _refuse_several(owner)
    text = np.empty((), _STRING)
    owner.read(text, _TEXT_IN_MEMORY)
    found = text.item()
    return found if isinstance(found, str) else bytes(found).decode(errors="surrogateescape")


def number_in(owner: h5a.AttrID) -> float:
    """The value of an attribute of one number: its type need not be asked for it.

    :raises Exception: it is none, or h5py cannot read it.
    """
    _refuse_several(owner)
    number = np.empty(())
    owner.read(number, h5t.NATIVE_DOUBLE)
    return float(number)


def _refuse_several(owner: h5a.AttrID) -> None:
    """:raises ValueError: an attribute has several values: h5py would write them behind the room for one."""
    if owner.shape != ():
        raise ValueError("an attribute of one value has several")


def attributes_of(owner: h5g.GroupID | h5d.DatasetID) -> dict[bytes, Any]:
    """All attributes of an object, as plain values that can be compared.

    :raises Exception: h5py cannot read one.
    """
    names = list[bytes]()
    h5a.iterate(owner, names.append)
    return {name: read_values(h5a.open(owner, name)).tolist() for name in names}


def read_array(group: h5py.Group, name: str, rows: int | None = None) -> np.ndarray[Any, Any]:
    """A data set of numbers, or of texts of fixed length: the whole of it, or its first ``rows``, at most all.

    :raises KeyError: there is none.
    :raises ValueError: it claims to be larger than its file, which is damaged then.
    """
    if not isinstance(group, h5py.Group):
        held: np.ndarray[Any, Any] = group[name].values()
        return held if rows is None else held[:rows]
    dataset = h5d.open(group.id, name.encode())
    (dtype, _, in_memory), whole = known_kind(dataset.get_type().encode()), dataset.shape
    shape = whole if rows is None else (min(rows, whole[0]), *whole[1:])
    needed, size = prod(shape) * dtype.itemsize, h5i.get_file_id(dataset).get_filesize()
    if needed > size and needed > _most_bytes(dataset, size):
        raise ValueError(f"{name} would be larger than the file")
    array = np.empty(shape, dtype)
    if array.size:
        place = dataset.get_space()
        if rows is not None:
            place.select_hyperslab((0,) * len(shape), shape)
        dataset.read(_space(shape), place, array, in_memory)
    return array
