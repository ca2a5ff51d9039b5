"""The socket below a PyVISA-py session: read without losing anything, sent at once, and seen to be hung up."""

from __future__ import annotations

import select
import socket
import time
from typing import Any

_CHUNK = 4096  # bytes that are taken in at once
_MOST_CHUNKS = 256  # that are thrown away at once: more than any buffer has, and noise may never end
_MOMENT = 0.3e-3  # of looking for a reply without sleeping, s


def socket_of(connection: Any) -> socket.socket | None:
    """The socket below a PyVISA-py session; other libraries keep theirs to themselves."""
    sessions = getattr(connection.visalib, "sessions", None)
    interface = getattr(sessions.get(connection.session), "interface", None) if isinstance(sessions, dict) else None
    return interface if isinstance(interface, socket.socket) else None


def drain(sock: socket.socket) -> None:
    """Throw away what has arrived. PyVISA-py's own flush never returns once the other end has hung up.

    :raises OSError: the connection failed.
    """
    for _ in range(_MOST_CHUNKS):
        if not _readable(sock, 0):
            return
        if not sock.recv(_CHUNK):
            raise ConnectionResetError("the other end has hung up")


def received(sock: socket.socket, wait: float) -> bytes:
    """What arrives within ``wait`` s, empty when nothing does. PyVISA-py loses a beginning that it waited for.

    :raises OSError: the connection failed.
    """
    _stay_awake(sock)
    if not _readable(sock, wait):
        return b""
    if data := sock.recv(_CHUNK):
        return data
    raise ConnectionResetError("the other end has hung up")


def _readable(sock: socket.socket, wait: float) -> bool:
    """Whether something has arrived within ``wait`` s, the news that the other end has hung up included.

    :raises OSError: the socket was closed: a select of one is no failure of a connection by itself, but a ValueError.
    """
    if sock.fileno() < 0:
        raise ConnectionAbortedError("the link is closed")
    return bool(select.select((sock,), (), (), wait)[0])


def _stay_awake(sock: socket.socket) -> None:
    """Look for a reply for a moment without sleeping: to be woken takes longer than a quick instrument needs."""
    until = time.perf_counter() + _MOMENT
    while not _readable(sock, 0) and time.perf_counter() < until:
        pass


def send_at_once(connection: Any) -> None:
    """Have small messages sent at once: with Nagle's algorithm a write that follows a write waits some 40 ms.

    :raises OSError: nothing listens at the other end.
    """
    if (sock := socket_of(connection)) is None:
        return
    if refused := sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
        raise OSError(refused, "connection refused")
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def closed_by_peer(connection: Any) -> bool:
    """Whether the other end of a socket has hung up, which PyVISA-py reports as a time-out."""
    if (sock := socket_of(connection)) is None:
        return False
    sock.setblocking(False)
    try:
        return sock.recv(1, socket.MSG_PEEK) == b""
    except BlockingIOError:
        return False
    except OSError:
        return True
    finally:
        sock.setblocking(True)
