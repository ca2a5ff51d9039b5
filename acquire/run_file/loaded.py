"""A finished run file read at one go: its structure is looked through, its values are kept, its checksums computed.

Each object of a file is opened once for all three; to ask HDF5 for an attribute costs more than to use it. What comes
of it is read as an h5py file is, as far as run files need that: groups, data sets, attributes, by the same names.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import h5py
import numpy as np
from h5py import h5d, h5g

from acquire.run_file.checksums import Keeping, feed_attributes, feed_member
from acquire.run_file.hdf5 import Bounds

LARGEST = 64 << 20  # bytes of a file that is held in memory

Array = np.ndarray[Any, Any]


class LikeDataset:
    """What a data set has of an array, by its ``shape`` and what gives its values."""

    @property
    def shape(self) -> tuple[int, ...]:
        """The lengths, as of an array."""
        return tuple(self._whole().shape)

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of the values, as of an array."""
        found: np.dtype[Any] = self._whole().dtype
        return found

    @property
    def ndim(self) -> int:
        """The number of dimensions, as of an array."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """The number of values, as of an array."""
        return int(np.prod(self.shape))

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, key: Any) -> Any:
        return self._whole()[key]

    def values(self) -> Array:
        """All of them."""
        found: Array = self._whole()[...]
        return found

    def _whole(self) -> Any:
        raise NotImplementedError


class HeldData(LikeDataset, Keeping):
    """A data set: its values, or its id where it is so long that they are read in pieces."""

    def __init__(self, place: str, identity: h5d.DatasetID) -> None:
        self.place, self._kept = place, dict[str, Any]()
        self.attrs: Mapping[str, Any] = self._kept
        self._id: h5d.DatasetID | None = identity
        self._values: Array | None = None

    def _whole(self) -> Any:
        return self._values if self._id is None else h5py.Dataset(self._id)

    # --- while it is read

    def keep_attribute(self, name: bytes, values: Array) -> None:
        """Keep an attribute."""
        self._kept[name.decode()] = as_attribute(values)

    def keep_values(self, values: Array | None) -> None:
        """Keep the values; None of a data set that is read in pieces."""
        if values is not None:
            self._values, self._id = values, None  # what is kept open makes everything in the file dearer


class HeldGroup(Mapping[str, Any]):
    """A group with what is in it."""

    def __init__(self, name: str) -> None:
        self.name, self.kept = name, dict[str, Any]()
        self.attrs: Mapping[str, Any] = self.kept
        self._members = dict[str, Any]()

    def __getitem__(self, path: str) -> Any:
        name, _, rest = path.partition("/")
        found = self.member(name)
        if not rest:
            return found
        if not isinstance(found, HeldGroup):
            raise KeyError(path)
        return found[rest]

    def member(self, name: str) -> Any:
        """A member by its name.

        :raises KeyError: there is none.
        """
        return self._members[name]

    def __contains__(self, path: object) -> bool:
        try:
            return self[str(path)] is not None
        except (KeyError, AttributeError):
            return False

    def __iter__(self) -> Iterator[str]:
        return iter(self._members)

    def __len__(self) -> int:
        return len(self._members)


class _Reading(Keeping):
    """A group that is being read, and so deep in the file, at its ``place``."""

    def __init__(self, held: HeldGroup, identity: h5g.GroupID, bounds: Bounds, place: str = "", depth: int = 0) -> None:
        self.held, self.place = held, place
        self._id, self._bounds, self._depth = identity, bounds, depth
        bounds.enter(identity, place)
        held._members |= dict.fromkeys(name.decode() for name in identity)  # as they are listed, not as they are read

    def keep_attribute(self, name: bytes, values: Array) -> None:
        """Keep an attribute."""
        self.held.kept[name.decode()] = as_attribute(values)

    def opened(self, name: bytes) -> tuple[Any, Keeping]:
        """A member by its id, and who keeps what is read of it."""
        place, text = f"{self.place}/{name.decode()}", name.decode()
        member = self._bounds.open(self._id, name, self.place, self._depth)
        if not isinstance(member, h5g.GroupID):
            data = self.held._members[text] = HeldData(place, member)
            return member, data
        group = self.held._members[text] = HeldGroup(place)
        return member, _Reading(group, member, self._bounds, place, self._depth + 1)


def as_attribute(values: Array) -> Any:
    """The values of an attribute as h5py gives them."""
    if values.dtype.kind != "O":
        return values[()]
    texts = [one if isinstance(one, str) else one.decode(errors="surrogateescape") for one in values.ravel().tolist()]
    return texts[0] if values.shape == () else np.array(texts, object).reshape(values.shape)


class _Nowhere:
    def update(self, _data: bytes, /) -> None:
        """A checksum that nobody asks for."""


@dataclass(frozen=True)
class Loaded:
    """A file in memory, and the checksums of the members of its entry."""

    root: HeldGroup
    digests: Mapping[str, str]


def load(file: h5py.File) -> Loaded:
    """Read an open file that is finished.

    :raises ValueError: it is too large to be held, or holds what no run file holds.
    :raises Exception: h5py cannot read it.
    """
    if file.id.get_filesize() > LARGEST:
        raise ValueError("it is too large to be held in memory")
    top = h5g.open(file.id, b"/")
    root, nowhere, digests = HeldGroup("/"), _Nowhere(), dict[str, str]()
    reading = _Reading(root, top, Bounds(file.id))
    feed_attributes(nowhere, top, reading)
    for key in sorted(top):
        member, kept = reading.opened(key)
        if key != b"entry" or not isinstance(kept, _Reading):
            feed_member(nowhere, key, member, kept=kept)
            continue
        feed_attributes(nowhere, member, kept)
        for name in sorted(member):
            sums = sha256()
            inside, its = kept.opened(name)
            feed_member(sums, b"", inside, kept=its)
            digests[name.decode()] = f"sha256:{sums.hexdigest()}"
    return Loaded(root, digests)
