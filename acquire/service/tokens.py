"""Who may: a token for operators and one for viewers, the cookie of a login, and the mark that a form is ours.

Tokens have 256 random bits, so that their SHA-256 tells nothing of them; only that is kept. The cookie is signed with
a key beside it (HMAC-SHA-256, RFC 2104) and names role, end and a number of its own. With a new token of a role all of
its logins end, and at a logout that one (:mod:`acquire.service.ended_logins`). The mark (CSRF token) is an HMAC of the
cookie's number.
"""

from __future__ import annotations

import hmac
import json
import re
import secrets
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from pathlib import Path

from acquire.service.ended_logins import EndedLogins
from acquire.service.owner_files import write_for_owner

FILE = "tokens.json"
LOGIN_LASTS = 14 * 86_400  # s
_COOKIE = re.compile(r"(operator|viewer)\.(\d{10,12})\.([0-9a-f]{32})\.([0-9a-f]{64})", re.ASCII)


class Role(StrEnum):
    """What somebody may: look, or do as well."""

    OPERATOR = "operator"
    VIEWER = "viewer"


class TokensError(Exception):
    """The file of the tokens cannot be used; the message says why."""


@dataclass(frozen=True)
class Login:
    """Somebody who is logged in: the role, and number and end [s since 1970] of this login; without for a token."""

    role: Role
    number: str = ""
    end: int = 0


class Tokens:
    """The tokens of a service, in a file that only its user may read; changes by another process are seen."""

    def __init__(self, folder: Path, now: Callable[[], float] = time.time) -> None:
        self._path = folder / FILE
        self._now = now
        self._turn = threading.Lock()
        self._stamp: tuple[int, int] | None = None
        self._content: dict[str, str] = {}
        self._ended = EndedLogins(folder, now)

    def begin(self) -> dict[Role, str]:
        """Make the tokens that are not there yet; they are told only now.

        :raises TokensError: the file cannot be read or written.
        """
        try:
            self._ended.forget_old()
        except OSError as error:
            raise TokensError(f"the logins that were ended cannot be read or written ({error})") from error
        content = self._read()
        new = {role: secrets.token_urlsafe(32) for role in Role if role not in content}
        if new or "key" not in content:
            self._write({"key": secrets.token_hex(32), **content, **{role: _hash(new[role]) for role in new}})
        return new

    def renew(self, role: Role) -> str:
        """A new token for a role; the old one, and all its logins, end.

        :raises TokensError: the file cannot be read or written.
        """
        token = secrets.token_urlsafe(32)
        self._write({"key": secrets.token_hex(32), **self._read(), role: _hash(token)})
        return token

    def login_with(self, token: str) -> Login | None:
        """Who has this token, None for a wrong one.

        :raises TokensError: the file cannot be read.
        """
        content, given = self._read(), _hash(token)
        fits = [role for role in Role if hmac.compare_digest(content.get(role, ""), given)]
        return Login(fits[0]) if fits else None

    def cookie_of(self, login: Login) -> str:
        """The text of a new cookie.

        :raises TokensError: the file cannot be read.
        """
        said = f"{login.role}.{int(self._now()) + LOGIN_LASTS}.{secrets.token_hex(16)}"
        return f"{said}.{self._signed(said, login.role)}"

    def login_of(self, cookie: str) -> Login | None:
        """Who has this cookie, None for one that is not ours, has ended, or is of a former token.

        :raises TokensError: the file cannot be read.
        """
        if (found := _COOKIE.fullmatch(cookie)) is None:
            return None
        role, end, number, signature = found.groups()
        right = hmac.compare_digest(self._signed(f"{role}.{end}.{number}", role), signature)
        if not right or int(end) <= self._now():
            return None
        try:
            return None if self._ended.has(number) else Login(Role(role), number, int(end))
        except OSError as error:
            raise TokensError(f"the logins that were ended cannot be read ({error})") from error

    def end(self, login: Login) -> None:
        """Let no request come in by this login any more.

        :raises TokensError: none does until the service ends; that could not be written down.
        """
        try:
            self._ended.add(login.number, login.end)
        except OSError as error:
            raise TokensError(f"the logout cannot be written ({error.strerror or error})") from error

    def mark_of(self, login: Login) -> str:
        """What requests of this login that change something carry.

        :raises TokensError: the file cannot be read.
        """
        key = bytes.fromhex(self._read().get("key", ""))
        return hmac.new(key, f"csrf.{login.number}".encode(), sha256).hexdigest()

    def _signed(self, said: str, role: str) -> str:
        content = self._read()
        key = bytes.fromhex(content.get("key", ""))
        return hmac.new(key, f"{said}.{content.get(role, '')}".encode(), sha256).hexdigest()

    def _read(self) -> dict[str, str]:
        """:raises TokensError: it cannot be read."""
        with self._turn:
            try:
                there = self._path.stat()
                stamp = there.st_mtime_ns, there.st_ino
                if stamp != self._stamp:
                    self._content = _checked(json.loads(self._path.read_text("utf-8")))
                    self._stamp = stamp
            except FileNotFoundError:
                return {}
            except (OSError, ValueError) as error:
                hint = "remove it, and new tokens are made when the service starts"
                raise TokensError(f"{self._path}: cannot be read ({error}); {hint}") from error
            return self._content

    def _write(self, content: dict[str, str]) -> None:
        """:raises TokensError: it cannot be written."""
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            write_for_owner(self._path, json.dumps(content).encode())
        except OSError as error:
            raise TokensError(f"{self._path}: cannot be written ({error.strerror or error})") from error
        if sys.platform != "win32":
            with suppress(OSError):
                self._path.parent.chmod(0o700)


def _hash(token: str) -> str:
    return sha256(token.encode()).hexdigest()


def _checked(content: object) -> dict[str, str]:
    """:raises ValueError: it holds anything else."""
    if not isinstance(content, dict):
        raise ValueError("it holds no tokens")
    texts = {str(name): str(value) for name, value in content.items()}
    if any(re.fullmatch(r"[0-9a-f]{64}", text, re.ASCII) is None for text in texts.values()):
        raise ValueError("it holds something else than tokens")
    return texts
