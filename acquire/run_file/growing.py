"""Data sets that grow while others may read them, by positioned writes alone.

Such a data set is chunked, a segment of rows in each chunk, and shaped from the begin for every row that the plan
allows. HDF5 finds chunks by a B-tree (version 1: it has no checksums); one that is not in the tree reads as the fill
value. So the whole tree is laid out beforehand, with the key of every segment there will ever be, and says that it has
one. To add a segment is to write its rows behind the end of the file and then, each a write of 8 bytes or fewer that
means nothing before the next: the end of the file, where the segment is, that there is one more. Each is pushed to the
disk before the next, so that the file opens and shows all its rows whichever of the last writes a power cut drops.

HDF5 File Format Specification 3.0: II.A (superblock), III.A.1 (version 1 B-trees).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import h5py

#: A superblock of version 0, with addresses and lengths of 8 bytes: what ``libver="earliest"`` writes.
_SUPERBLOCK = b"\x89HDF\r\n\x1a\n\0"
_END_OF_FILE = 40  # its offset there
_SIGNATURE = b"TREE"
_CHUNKS = 1  # the type of node
_HEAD = struct.Struct("<4sBBHQQ")  # signature, type, level, entries used, siblings
_USED = struct.Struct("<H")
_USED_AT = 6
_ADDRESS = struct.Struct("<Q")
_NOWHERE = 0xFFFF_FFFF_FFFF_FFFF
_FANOUT = 64  # 2 K, where the superblock states no other K

#: Writes that go to the disk together: (offset, bytes).
Writes = list[tuple[int, bytes]]


@dataclass(frozen=True)
class ChunkTree:
    """The tree of one data set: where its nodes are, level by level from the leaves, and how large a key is."""

    levels: tuple[tuple[int, ...], ...]
    key: int

    def additions(self, segment: int, address: int) -> Iterator[Writes]:
        """What says that a segment is at ``address``; each is pushed to the disk before the next."""
        leaf, child = divmod(segment, _FANOUT)
        node = self.levels[0][leaf]
        yield [(node + _HEAD.size + child * (self.key + _ADDRESS.size) + self.key, _ADDRESS.pack(address))]
        yield [(node + _USED_AT, _USED.pack(child + 1))]
        for nodes in self.levels[1:]:
            if child:
                return
            parent, child = divmod(leaf, _FANOUT)
            yield [(nodes[parent] + _USED_AT, _USED.pack(child + 1))]
            leaf = parent


def end_of_file(size: int) -> tuple[int, bytes]:
    """What says how long a file is."""
    return _END_OF_FILE, _ADDRESS.pack(size)


def plant_tree(image: bytearray, dataset: h5py.Dataset) -> ChunkTree:
    """Make room in the image of a file for every segment of a data set, of which HDF5 wrote the first.

    :raises ValueError: the image is laid out in another way than HDF5 did so far.
    """
    first, size = dataset.id.get_chunk_info(0).byte_offset, _node_size(dataset)
    root = _referring_to(image, dataset, first)
    levels, children = list[tuple[int, ...]](), [first]
    for count in _nodes_by_level(dataset):
        nodes = [root] if count == 1 else [len(image) + number * size for number in range(count)]
        content = _level(dataset, nodes, len(levels), children)
        image[nodes[0] : nodes[0] + len(content)] = content
        levels.append(tuple(nodes))
        children = nodes
    offset, end = end_of_file(len(image))
    image[offset : offset + len(end)] = end
    return ChunkTree(tuple(levels), _key_size(dataset))


def tree_of(image: bytes | bytearray, dataset: h5py.Dataset) -> ChunkTree:
    """The same tree, found again in a file that was laid out so.

    :raises ValueError: the file was laid out in another way.
    """
    levels, child = list[tuple[int, ...]](), dataset.id.get_chunk_info(0).byte_offset
    for count in _nodes_by_level(dataset):
        child = _referring_to(image, dataset, child)
        levels.append(tuple(child + number * _node_size(dataset) for number in range(count)))
    return ChunkTree(tuple(levels), _key_size(dataset))


def _nodes_by_level(dataset: h5py.Dataset) -> list[int]:
    """How many nodes there are, from the leaves to the root."""
    counts = [-(-dataset.shape[0] // dataset.chunks[0])]
    while counts[-1] > 1 or len(counts) == 1:
        counts.append(-(-counts[-1] // _FANOUT))
    return counts[1:]


def _referring_to(image: bytes | bytearray, dataset: h5py.Dataset, address: int) -> int:
    """The node whose first child is there."""
    node = -1
    while (node := image.find(_SIGNATURE + bytes([_CHUNKS]), node + 1)) >= 0:
        at = node + _HEAD.size + _key_size(dataset)
        if image[at : at + _ADDRESS.size] == _ADDRESS.pack(address) and image.startswith(_SUPERBLOCK):
            return int(node)
    raise ValueError(f"{dataset.name} is not laid out as data sets that grow are")


def _key_size(dataset: h5py.Dataset) -> int:
    """Bytes stored, filters left out, and the place of the chunk with one dimension more: that of its bytes."""
    return 8 + 8 * (len(dataset.shape) + 1)


def _node_size(dataset: h5py.Dataset) -> int:
    return _HEAD.size + _FANOUT * _ADDRESS.size + (_FANOUT + 1) * _key_size(dataset)


def _level(dataset: h5py.Dataset, nodes: Sequence[int], level: int, children: Sequence[int]) -> bytes:
    """All nodes of a level; each is as full as its children are already there or known."""
    parts = []
    for number in range(len(nodes)):
        beside = tuple(nodes[i] if 0 <= i < len(nodes) else _NOWHERE for i in (number - 1, number + 1))
        mine = children[number * _FANOUT : (number + 1) * _FANOUT]
        parts.append(_node(dataset, level, number, int(number == 0), mine, beside))
    return b"".join(parts)


def _node(
    dataset: h5py.Dataset, level: int, number: int, used: int, children: Sequence[int], beside: tuple[int, ...]
) -> bytes:
    """A node with all its keys, whatever it says that it has of them."""
    rows, *others = dataset.chunks
    stored = dataset.dtype.itemsize * rows
    for length in others:
        stored *= length
    step = rows * _FANOUT**level

    def key(index: int) -> bytes:
        place = ((number * _FANOUT + index) * step, *(0 for _ in others), 0)
        return struct.pack(f"<II{len(place)}Q", stored, 0, *place)

    addresses = [*children, *[_NOWHERE] * (_FANOUT - len(children))]
    entries = (key(index) + _ADDRESS.pack(address) for index, address in enumerate(addresses))
    return _HEAD.pack(_SIGNATURE, _CHUNKS, level, used, *beside) + b"".join(entries) + key(_FANOUT)
