"""An HDF5 file of which only that is read which is asked for: for one that is known to be as it was written.

What comes of it is read as an h5py file is, as far as run files need that; see :mod:`.loaded`, which reads all of one.
Each member is held against what may be in a run file before its values are read.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from math import nan
from typing import Any

import numpy as np
from h5py import h5a, h5d, h5f, h5g, h5l

from acquire.run_file.hdf5 import REFERENCES, Bounds, number_in, read_values, refuse_large_attribute, text_in
from acquire.run_file.loaded import HeldGroup, LikeDataset, as_attribute


class _Attributes(Mapping[str, Any]):
    """The attributes of an object, without references to others."""

    def __init__(self, owner: h5g.GroupID | h5d.DatasetID, place: str) -> None:
        self._owner, self._place = owner, place

    def __getitem__(self, name: str) -> Any:
        if (found := self.get(name, _NOTHING)) is _NOTHING:
            raise KeyError(name)
        return found

    def get(self, name: str, default: Any = None) -> Any:
        """An attribute, or the default where there is none of this name."""
        encoded = name.encode()
        if not h5a.exists(self._owner, encoded):
            return default
        attribute = h5a.open(self._owner, encoded)
        refuse_large_attribute(attribute, self._place)
        return as_attribute(read_values(attribute))

    def number(self, name: str) -> float:
        """An attribute of one number; NaN where there is none of this name.

        :raises Exception: it is no number.
        """
        encoded = name.encode()
        return number_in(h5a.open(self._owner, encoded)) if h5a.exists(self._owner, encoded) else nan

    def text(self, name: str) -> str:
        """An attribute of one text of any length; empty where there is none of this name.

        :raises Exception: it is no such text.
        """
        encoded = name.encode()
        if not h5a.exists(self._owner, encoded):
            return ""
        return text_in(h5a.open(self._owner, encoded))

    def __contains__(self, name: object) -> bool:
        return bool(h5a.exists(self._owner, str(name).encode()))

    def __iter__(self) -> Iterator[str]:
        names = list[bytes]()
        h5a.iterate(self._owner, names.append)
        return iter([name.decode() for name in names if name not in REFERENCES])

    def __len__(self) -> int:
        return len(list(iter(self)))


_NOTHING = object()


class DataOnDemand(LikeDataset):
    """A data set: what :class:`acquire.run_file.loaded.HeldData` is, read when its values are asked for."""

    def __init__(self, place: str, identity: h5d.DatasetID) -> None:
        self.place, self.identity = place, identity

    @property
    def attrs(self) -> _Attributes:
        """The attributes."""
        return _Attributes(self.identity, self.place)

    @property
    def shape(self) -> tuple[int, ...]:
        """The lengths, as of an array; no value is read for them."""
        return tuple(self.identity.shape)

    @cached_property
    def _read(self) -> np.ndarray[Any, Any]:
        return read_values(self.identity)

    def _whole(self) -> np.ndarray[Any, Any]:
        return self._read


class OnDemand(HeldGroup):
    """A group of which each member is read when it is asked for."""

    def __init__(self, place: str, identity: h5g.GroupID, bounds: Bounds, depth: int = 0) -> None:
        super().__init__(place or "/")
        bounds.enter(identity, place)
        self.attrs = _Attributes(identity, place)
        self.identity, self._place, self._bounds, self._depth = identity, place, bounds, depth
        self._links = dict[str, h5l.LinkInfo]()
        identity.links.iterate(self._keep_link, info=True)

    def _keep_link(self, name: bytes, link: Any) -> None:
        text = name.decode()
        self._members[text] = None
        self._links[text] = link.type, link.u

    def __contains__(self, path: object) -> bool:
        name, _, rest = str(path).partition("/")
        if name not in self._members or not rest:
            return name in self._members
        found = self.member(name)
        return isinstance(found, OnDemand) and rest in found

    def member(self, name: str) -> Any:
        """A member by its name.

        :raises KeyError: there is none.
        :raises ValueError: it is nothing that a run file holds.
        """
        if (found := self._members[name]) is None:
            place = f"{self._place}/{name}"
            identity = self._bounds.opened(self.identity, name.encode(), self._links[name], place, self._depth)
            if isinstance(identity, h5g.GroupID):
                found = OnDemand(place, identity, self._bounds, self._depth + 1)
            else:
                found = DataOnDemand(place, identity)
            self._members[name] = found
        return found

    def opened(self) -> Iterator[tuple[str, h5d.DatasetID]]:
        """The data sets below it that were asked for, by their paths."""
        for one in self._members.values():
            if isinstance(one, OnDemand):
                yield from one.opened()
            elif isinstance(one, DataOnDemand):
                yield one.place, one.identity


def on_demand(file: h5f.FileID) -> OnDemand:
    """The root of an open file, for as long as it is open.

    :raises ValueError: it holds more than a run file does; the same is raised by what is asked for later.
    """
    return OnDemand("", h5g.open(file, b"/"), Bounds(file))
