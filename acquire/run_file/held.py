"""What a run file holds, as far as it is kept in memory while the run goes on.

The head of the file and the segments that are being filled are kept byte by byte; of a segment that is full only its
checksum is. So the file can be held against what was written, and be written anew should it be lost, however long the
run is.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from io import RawIOBase
from typing import BinaryIO
from zlib import crc32


@dataclass
class _Piece:
    """A part of the file; ``content`` is None once only its checksum is kept."""

    offset: int
    size: int
    content: bytearray | None
    check: int = 0


class Held:
    """The bytes of a run file, in memory or by their checksum."""

    def __init__(self, head: bytes | bytearray) -> None:
        self._pieces = [_Piece(0, len(head), bytearray(head))]
        self._open = list(self._pieces)

    @property
    def size(self) -> int:
        """The size of the file in bytes."""
        last = self._pieces[-1]
        return last.offset + last.size

    def put(self, offset: int, data: bytes) -> None:
        """Take over what was written into the file, in the head or a segment that is being filled."""
        for piece in self._open:
            begin = offset - piece.offset
            if 0 <= begin < piece.size and piece.content is not None:
                piece.content[begin : begin + len(data)] = data
                return

    def head(self, offset: int, size: int) -> bytes:
        """Bytes of the head."""
        assert self._pieces[0].content is not None
        return bytes(self._pieces[0].content[offset : offset + size])

    def add(self, segment: bytes | bytearray) -> int:
        """Append a segment; where it begins."""
        piece = _Piece(self.size, len(segment), bytearray(segment))
        self._pieces.append(piece)
        self._open.append(piece)
        return piece.offset

    def add_full(self, size: int, file: BinaryIO) -> None:
        """Append what is in the file already, by its checksum."""
        begin = self.size
        self._pieces.append(_Piece(begin, size, None, crc32(_read(file, begin, size))))

    @property
    def all_in_memory(self) -> bool:
        """Whether nothing of it is kept by its checksum only."""
        return len(self._open) == len(self._pieces)

    def take_back(self) -> int:
        """Forget the last segment; the size without it."""
        piece = self._pieces.pop()
        self._open.remove(piece)
        return self.size

    def fill_up(self, offset: int) -> None:
        """Keep only the checksum of the segment there, nothing of the head."""
        for piece in self._open[1:]:
            if piece.offset == offset and piece.content is not None:
                piece.check, piece.content = crc32(piece.content), None
                self._open.remove(piece)
                return

    def is_in(self, file: RawIOBase) -> bool:
        """Whether a file, open at its begin, holds all of it and nothing more."""
        return all(_is_at(file, piece) for piece in self._pieces) and not file.read(1)

    def contents(self, file: RawIOBase) -> Iterator[bytes]:
        """All of it piece by piece; what is not in memory from a file, zeros where that does not have it any more."""
        for piece in self._pieces:
            if piece.content is not None:
                yield bytes(piece.content)
                continue
            yield _read(file, piece.offset, piece.size).ljust(piece.size, b"\0")


def _is_at(file: RawIOBase, piece: _Piece) -> bool:
    if piece.content is None:
        content = _read(file, piece.offset, piece.size)
        return len(content) == piece.size and crc32(content) == piece.check
    view, position = memoryview(piece.content), 0
    while position < piece.size:
        content = file.read(min(1 << 20, piece.size - position)) or b""
        if not content or view[position : position + len(content)] != content:
            return False
        position += len(content)
    return True


def _read(file: RawIOBase | BinaryIO, offset: int, size: int) -> bytes:
    """So many bytes of a file, fewer at its end or where it cannot be read."""
    parts, left = list[bytes](), size
    try:
        file.seek(offset)
        while left and (part := file.read(left)):
            parts.append(part)
            left -= len(part)
    except (OSError, ValueError):  # damaged, or closed
        pass
    return b"".join(parts)
