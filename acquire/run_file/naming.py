"""What run files are called, and how they are known by that. Pure.

A name is its template with the fields filled in, and eight characters of the run's identity: two runs never share one.
Letters of every script stay. What a file system of Windows, macOS or Linux forbids, and blanks, which a command line
would take for the end of a name, become hyphens; so do ``#`` and ``%``, with which an address like file:///... of
the file, or of a page beside it, would lead elsewhere.
"""

from __future__ import annotations

import re
import sys
import uuid
from collections.abc import Mapping
from datetime import datetime
from unicodedata import category, normalize

from acquire.config.template import DEFAULT_TEMPLATE, FORBIDDEN, pieces

MOST_CHARACTERS = 40  # of a field

#: A file's name has 255 bytes at most; what stands beside a run file adds up to 40 to its name.
MOST_BYTES = 180

_SEPARATORS = " ._-"
_OF_ADDRESSES = "#%"  # RFC 3986, 2.1 and 3.5; a question mark is forbidden already
_RUN_FILE = re.compile(r".+_[0-9a-f]{8}\.h5", re.DOTALL)
_MOMENT = re.compile(r"\d{8}T\d{6}")

#: What Windows takes for a device, whatever ending follows.
_DEVICES = {"CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$"} | {
    f"{port}{number}" for port in ("COM", "LPT") for number in "0123456789\u00b9\u00b2\u00b3"
}


def is_device(name: str) -> bool:
    """Whether Windows takes a file or folder of this name for a device."""
    return name.partition(".")[0].rstrip(" ").upper() in _DEVICES


def file_name(started: datetime, fields: Mapping[str, str], run_id: uuid.UUID, template: str = DEFAULT_TEMPLATE) -> str:
    """A name for a run file that says what was measured, and never repeats.

    ``fields`` are those of :data:`acquire.config.template.FIELDS` besides date and time.

    :raises ValueError: the template names what is no field.
    """
    return f"{_stem(started, fields, template)}_{run_id.hex[:8]}.h5"


def name_to_be(started: datetime, fields: Mapping[str, str], template: str = DEFAULT_TEMPLATE) -> str:
    """The name that a run would get, with ``xxxxxxxx`` for what is known only when it begins.

    :raises ValueError: as :func:`file_name`.
    """
    return f"{_stem(started, fields, template)}_xxxxxxxx.h5"


def without_signs_of_addresses(name: str) -> str:
    """A name like that of an older run file, with hyphens for what an address would take for its own."""
    return re.sub(f"-*[{_OF_ADDRESSES}][-{_OF_ADDRESSES}]*", "-", name)


def is_run_file(name: str) -> bool:
    """Whether a file has such a name."""
    return _RUN_FILE.fullmatch(name) is not None


def moment_in(name: str) -> str:
    """The moment with which a name begins, like 20260331T142501, by which names sort; empty without."""
    found = _MOMENT.match(name)
    return found.group() if found else ""


def _stem(started: datetime, fields: Mapping[str, str], template: str) -> str:
    known = {"date": f"{started:%Y%m%d}", "time": f"{started:%H%M%S}", **fields}
    stem = ""
    for text, name in pieces(normalize("NFC", template)):
        value = _readable(known.get(name, "")) if name else ""
        if name == "sample":
            value = value or "sample"
        if name and not value and not text.strip(_SEPARATORS):
            continue  # nothing to set apart
        stem += _with_hyphens(_marked(text)) + value
    stem = _cut(stem.lstrip(_SEPARATORS), MOST_BYTES).rstrip(_SEPARATORS) or "run"
    return f"_{stem}" if is_device(stem) else stem


def _readable(text: str) -> str:
    """A text as a field of a name: composed, nothing forbidden, not too long, no blanks or dots around it."""
    marked = _marked(normalize("NFC", text)).strip("\0.")
    return _whole(_with_hyphens(marked), MOST_CHARACTERS).rstrip("-.")


def _marked(text: str) -> str:
    """The text with zeros for what may not stand in a name."""
    return "".join(sign if _is_allowed(sign) else "\0" for sign in text)


def _with_hyphens(marked: str) -> str:
    return re.sub(r"-*\0[-\0]*", "-", marked)


def _is_allowed(sign: str) -> bool:
    """Whether a character may stand in a name: no control, no invisible mark, and one that this system can write."""
    try:
        sign.encode(sys.getfilesystemencoding())
    except UnicodeEncodeError:
        return False
    return sign not in FORBIDDEN + _OF_ADDRESSES and category(sign)[0] not in "CZ"


def _cut(text: str, most: int) -> str:
    """The beginning of a text that takes at most so many bytes."""
    beginning = text.encode()[:most].decode(errors="ignore")
    return text if beginning == text else _whole(text, len(beginning))


def _whole(text: str, most: int) -> str:
    """The first ``most`` characters, no letter of them without the accents that follow it."""
    while 0 < most < len(text) and category(text[most])[0] == "M":
        most -= 1
    return text[:most]
