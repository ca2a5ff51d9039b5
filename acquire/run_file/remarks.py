"""What people say of a run after it: tags and comments, ``/entry/remarks`` beside the raw data.

A tag is a few words by which runs are found again ("bad contact"), a comment a sentence or more. Nothing that was said
is lost: a tag that is taken off keeps its row, with the time of that.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields
from enum import StrEnum
from typing import Any

import h5py

from acquire.run_file.hdf5 import describe, nx_group, plain_member, set_text
from acquire.run_file.layout import storable

PLACE = "remarks"
LONGEST_TAG, LONGEST_COMMENT = 80, 4000  # characters
MOST_REMARKS = 1000


class RemarkKind(StrEnum):
    """What a remark is."""

    TAG = "tag"
    COMMENT = "comment"


@dataclass(frozen=True, slots=True)
class Remark:
    """One remark, who made it, and when (ISO 8601 with offset); ``removed``: when it was taken off, empty else."""

    kind: RemarkKind
    text: str
    user: str = ""
    time: str = ""
    removed: str = ""


def standing(remarks: Iterable[Remark], kind: RemarkKind) -> tuple[str, ...]:
    """The texts of those of a kind that were not taken off, each once, in the order in which they were made."""
    return tuple(dict.fromkeys(one.text for one in remarks if one.kind is kind and not one.removed))


_MEANINGS = {
    "kind": "tag or comment",
    "text": "what was said",
    "user": "who said it",
    "time": "when (ISO 8601)",
    "removed": "when a tag was taken off (ISO 8601); empty while it stands",
}


def write_remarks(entry: h5py.Group, remarks: Sequence[Remark]) -> None:
    """Put these remarks in the place of those that an entry has."""
    if PLACE in entry:
        del entry[PLACE]
    group = nx_group(entry, PLACE, "NXcollection")
    set_text(group, "meaning", "tags and comments that were added when the run was over; a row each")
    rows = [asdict(one) for one in remarks]
    for name, meaning in _MEANINGS.items():
        texts = [storable(str(row[name])) for row in rows]
        describe(group.create_dataset(name, data=texts, dtype=h5py.string_dtype()), "", meaning)


def read_remarks(entry: h5py.Group) -> tuple[Remark, ...]:
    """The remarks of an entry, none where nothing was said.

    :raises ValueError: they make no sense.
    """
    group = plain_member(entry, PLACE)
    if group is None:
        return ()
    columns = {field.name: _texts(plain_member(group, field.name)) for field in fields(Remark)}
    if len({len(column) for column in columns.values()}) != 1:
        raise ValueError(f"{PLACE} has columns of different lengths")
    rows = (dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True))
    return tuple(Remark(RemarkKind(row.pop("kind")), **row) for row in rows)


def _texts(dataset: Any) -> list[str]:
    if dataset is None or dataset.ndim != 1 or dataset.size > MOST_REMARKS:
        raise ValueError(f"{PLACE} is no table of at most {MOST_REMARKS} rows")
    return [bytes(text).decode(errors="replace") for text in dataset[()]]
