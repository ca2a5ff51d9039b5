"""What was sent to the instruments and received from them: ``/entry/exchange``.

While a run goes on, the messages since the last event are packed and written as one frame into room that was laid out
before; each frame has a check of its own. In a finished file they are columns, compressed: row ``i`` was sent (or
received) as the bytes of ``sent`` from ``sent_end[i - 1]`` to ``sent_end[i]``. One of the two is empty in each row.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

import h5py
import numpy as np

from acquire.records import Columns, DarkReading, Exchange, ExposureSample, Record, RepeatedReading, Spectrum
from acquire.run_file.checksums import row_check
from acquire.run_file.hdf5 import nx_group, read_array, set_text, write_packed

MOST_BYTES = 8 << 20  # of what was exchanged in a run
_INSTRUMENT = "S24"

_FRAME = struct.Struct("<II")  # bytes that follow, and their check
_MESSAGE = struct.Struct("<dBII")  # time, lengths of instrument, sent, received


#: Bytes that setting up takes, and an event: twice what the simulated bench shows.
_SETTING_UP = 64 << 10
_AN_EVENT: Mapping[type, int] = {
    Record: 600,
    DarkReading: 600,
    RepeatedReading: 600,
    ExposureSample: 600,
    Spectrum: 32 << 10,
}


def room_for_exchange(rows: Mapping[type, int]) -> int:
    """Bytes to be set aside for what is exchanged during so many events, :data:`MOST_BYTES` at most."""
    return min(_SETTING_UP + sum(_AN_EVENT.get(event, 0) * number for event, number in rows.items()), MOST_BYTES)


#: An :class:`~acquire.records.Exchange`, or its parts in their order.
Message = tuple[float, str, bytes, bytes]


class Exchanges(Protocol):
    """Where a recorder gets from what was exchanged."""

    def take(self) -> list[Message]:
        """What was exchanged since the last time."""

    def stop(self) -> None:
        """Nothing is taken any more."""


# --- while a run goes on ---------------------------------------------------------------------------------------


def frame(exchanges: Sequence[Message], position: int) -> bytes:
    """Messages as they are written at ``position``, in bytes from the begin of the room for them."""
    pack = _MESSAGE.pack
    parts = []
    for time, instrument, sent, received in exchanges:
        name = instrument.encode()
        parts += [pack(time, len(name), len(sent), len(received)), name, sent, received]
    content = b"".join(parts)
    return _FRAME.pack(len(content), row_check(position, [content])) + content


def recorded(recording: h5py.Group) -> tuple[Columns, tuple[str, ...]]:
    """What an unfinished file holds, up to the first frame that is not whole, and what is to be said about it."""
    if "exchange" not in recording:
        return columns_of([]), ()
    content, counted = read_array(recording, "exchange").tobytes(), int(read_array(recording, "exchange_bytes")[()])
    found, position = list[Exchange](), 0
    for messages, position in _frames(content):  # noqa: B007 the last position counts
        found += messages
    if position >= counted and not content[position:].strip(b"\0"):
        return columns_of(found), ()
    return columns_of(found), (
        f"/entry/exchange was changed in the file at byte {position}; nothing from there is used",
    )


def size_of_recorded(recording: h5py.Group) -> int:
    """Bytes of what an unfinished file holds, up to the first frame that is not whole."""
    if "exchange" not in recording:
        return 0
    return max((position for _, position in _frames(read_array(recording, "exchange").tobytes())), default=0)


def _frames(content: bytes) -> Iterator[tuple[list[Exchange], int]]:
    """The messages of each whole frame, and where it ends."""
    position = 0
    while position + _FRAME.size <= len(content):
        length, check = _FRAME.unpack_from(content, position)
        begin = position + _FRAME.size
        piece = content[begin : begin + length]
        if not length or len(piece) < length or row_check(position, [piece]) != check:
            return
        position = begin + length
        yield list(_messages(piece)), position


def _messages(piece: bytes) -> Iterator[Exchange]:
    position = 0
    while position < len(piece):
        time, *lengths = _MESSAGE.unpack_from(piece, position)
        position += _MESSAGE.size
        texts = []
        for length in lengths:
            texts.append(piece[position : position + length])
            position += length
        yield Exchange(time, texts[0].decode(errors="replace"), texts[1], texts[2])


# --- in a finished file ----------------------------------------------------------------------------------------


def columns_of(exchanges: Sequence[Exchange]) -> Columns:
    """Messages as the columns of a finished file."""
    columns: dict[str, np.ndarray[Any, Any]] = {
        "time": np.array([exchange.time for exchange in exchanges], "<f8"),
        "instrument": np.array([exchange.instrument.encode() for exchange in exchanges], _INSTRUMENT),
    }
    for name in ("sent", "received"):
        texts = [getattr(exchange, name) for exchange in exchanges]
        columns[name] = np.frombuffer(b"".join(texts), "u1")
        columns[f"{name}_end"] = np.cumsum([len(text) for text in texts], dtype="<i8")
    return columns


def exchanges_of(columns: Columns) -> Iterator[Exchange]:
    """The messages one by one."""
    blobs = {name: columns[name].tobytes() for name in ("sent", "received")}
    begin = {"sent": 0, "received": 0}
    for row, (time, name) in enumerate(zip(columns["time"].tolist(), columns["instrument"].tolist(), strict=True)):
        texts = {}
        for which, blob in blobs.items():
            end = int(columns[f"{which}_end"][row])
            texts[which] = blob[begin[which] : end]
            begin[which] = end
        yield Exchange(time, name.decode(errors="replace"), **texts)


_MEANINGS = {
    "time": ("s", "since the start of the run, when the message was over"),
    "instrument": ("", "with which instrument, by its role"),
    "sent": ("", "the bytes that were sent, one message after the other, without line ends"),
    "sent_end": ("", "where in sent the message of this row ends"),
    "received": ("", "the bytes that were received, one message after the other"),
    "received_end": ("", "where in received the message of this row ends"),
}


def write(entry: h5py.Group, columns: Columns) -> None:
    """Write the messages of a run into its finished file; nothing where none were recorded."""
    if not len(columns["time"]):
        return
    group = nx_group(entry, "exchange", "NXcollection")
    set_text(group, "meaning", "what was sent to the instruments and received from them; a row is one or the other")
    for name, (unit, meaning) in _MEANINGS.items():
        write_packed(group, name, columns[name], unit, meaning)


def read(entry: h5py.Group) -> Columns:
    """The messages in a finished file; none where there are none.

    :raises ValueError: they do not fit each other.
    """
    if "exchange" not in entry:
        return columns_of([])
    columns = {name: read_array(entry["exchange"], name) for name in _MEANINGS}
    rows = len(columns["time"])
    if any(columns[name].shape != (rows,) for name in ("instrument", "sent_end", "received_end")):
        raise ValueError(f"exchange has no columns of {rows} rows")
    if columns["instrument"].dtype.kind != "S" or any(columns[name].dtype != "u1" for name in ("sent", "received")):
        raise ValueError("exchange holds no messages")
    return columns
