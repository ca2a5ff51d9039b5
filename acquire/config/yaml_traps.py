"""What people write and YAML reads otherwise: signs that begin a text, comments, commas, backslashes, full-width signs.

Of a file that does not say it is one of ours no word is quoted: it may be anything.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from acquire.safety.visible import shortened

_OURS = re.compile(
    r"^\ufeff?kind[ \t]*[:\uff1a][ \t]*(?:sweep|bench|device|calibration)[ \t]*(?:#.*)?\r?$", re.MULTILINE
)
_KEY_AND_VALUE = re.compile(r"\s*(?:- +)*([A-Za-z_]\w*) *: +(\S.*?)\s*")
_WIDE_COLON = re.compile(r"\s*(?:- +)*[A-Za-z_]\w*\s*\uff1a")
_WIDE_IN_BRACKETS = re.compile(r"[\[{].*([\uff1a\uff0c\uff1b\u3001])")
_NO_BLANK = re.compile(r"\s*(?:- +)*[A-Za-z_]\w*:[^\s:/].*")
_DASH = re.compile(r"\s+-[^\s-]")
_EQUALS = re.compile(r"\s*(?:- +)*[A-Za-z_]\w* *= *[^:]*")
_CLOSING = {"[": "]", "{": "}"}
_FIELD_AND_TEXT = re.compile(r"\{\w+\}[^\s,\]}]")  # how the template of a name begins
_COLON = "\uff1a"

#: Signs of Chinese and Japanese keyboards that YAML takes for letters: their names, and what to write.
_WIDE = {
    "\uff1a": ("a full-width colon (\uff1a)", ":"),
    "\uff0c": ("a full-width comma (\uff0c)", ","),
    "\uff1b": ("a full-width semicolon (\uff1b)", ","),
    "\u3001": ("an enumeration comma (\u3001)", ","),
    "\u3000": ("a full-width blank", " "),
}

#: A comment that may have been meant as text: nothing between # and its first letter, or a mere number behind it.
_MEANT = re.compile(r"[ \t]+(#(?:(?![#=!-])\S.*|[ \t]?\d\S*))[ \t\r]*$", re.MULTILINE)

#: Behind a backslash in double quotes: what the Windows path "C:\new\table" is made a line feed and a tab by.
_ESCAPED_LETTER = re.compile(r"\\[abefnrtv]")
_PATH_START = re.compile(r"[A-Za-z]:\\|\.{0,2}\\")

BACKSLASH = "a backslash in double quotes begins an escape sequence"
BACKSLASH_HINT = r"write single quotes, like 'C:\lab\bench.yaml', or slashes, like C:/lab/bench.yaml"


@dataclass(frozen=True)
class Trap:
    """What is wrong, how to correct it, and in which line (from 1) where the place is not known otherwise."""

    message: str
    hint: str
    line: int | None = None


def is_ours(text: str) -> bool:
    """Whether a text says that it is a configuration file of this program."""
    return _OURS.search(text) is not None


def quoted(text: str) -> str:
    """A text as a YAML scalar in quotes."""
    if "\\" in text or '"' in text:
        return "'" + text.replace("'", "''") + "'"
    return f'"{text}"'


# A file that is no YAML


def why_no_yaml(text: str, line: int, said: str) -> Trap | None:
    """The usual reason for which YAML stops at ``line`` (from 1), saying ``said``; None: none of those known here."""
    if "escape" in said:
        return Trap(BACKSLASH, BACKSLASH_HINT)
    lines = text.splitlines()
    here = min(line, len(lines))
    above = _line_above(lines, here)
    for number in dict.fromkeys((above, here)):
        if trap := _wide_or_incomplete(lines[number - 1], number):
            return trap
    match = _KEY_AND_VALUE.fullmatch(lines[here - 1])
    if match is None:
        return None
    return _unquoted(match[1], match[2], here, is_ours(text))


def _line_above(lines: list[str], line: int) -> int:
    """The nearest line above that holds more than a comment."""
    numbers = range(line - 1, 0, -1)
    return next((n for n in numbers if lines[n - 1].strip() and not lines[n - 1].lstrip().startswith("#")), line)


def _wide_or_incomplete(line: str, number: int) -> Trap | None:
    if _WIDE_COLON.match(line):
        return Trap(f"{_WIDE[_COLON][0]} is no colon for YAML", "write a plain colon and a blank", number)
    if match := _WIDE_IN_BRACKETS.search(line.split(" #")[0]):
        name, plain = _WIDE[match[1]]
        return Trap(f"{name} separates nothing in YAML", f"write a plain '{plain}' with a blank behind it", number)
    if _NO_BLANK.fullmatch(line):
        return Trap("there is no blank behind the colon", "write 'key: value'", number)
    if _DASH.match(line):
        return Trap("there is no blank behind the dash", "write '- value' for an entry of a list", number)
    if _EQUALS.fullmatch(line):
        return Trap("an equals sign stands where YAML wants a colon", "write 'key: value'", number)
    return None


def _unquoted(key: str, value: str, line: int, ours: bool) -> Trap | None:
    """A text that must stand in quotes: by its first sign, by what follows a bracket or a quote, or by its colon."""
    hint = f"write {key}: {quoted(_bare(value))}" if ours and len(value) <= 100 else 'write it like name: "text"'
    first = value[0]
    if first in "@`%*&!|>?,]}" or value.startswith("- "):
        alias = "an undefined alias (*name): " if first == "*" else ""
        return Trap(f"{alias}a text that begins with {first} must stand in quotes", hint, line)
    if (first in _CLOSING and _goes_on(value, _CLOSING[first])) or _FIELD_AND_TEXT.match(value):
        return Trap(f"a text that begins with {first} must stand in quotes as a whole", hint, line)
    if first in "\"'" and _goes_on(value, first):
        return Trap("a text goes on behind its closing quote", f"{hint}, the quotes around all of it", line)
    if first not in "\"'[{" and re.search(r":(?:\s|$)", value):
        return Trap("a text with a colon and a blank in it must stand in quotes", hint, line)
    return None


def _goes_on(value: str, closing: str) -> bool:
    """Whether more than a comment follows the last closing sign, of which there must be one."""
    behind = value[1:].rpartition(closing)
    return bool(behind[1]) and bool(behind[2].strip()) and not behind[2].startswith((" #", ","))


def _bare(value: str) -> str:
    return value.replace('"', "") if value[0] == '"' else value.replace("'", "") if value[0] == "'" else value


# A file that is YAML, but not the one that was meant


def comment_behind(text: str, end: int) -> str:
    """The comment behind the value that ends at ``end``, where it may have been meant as a part of it; else empty."""
    match = _MEANT.match(text, end)
    return match[1].rstrip() if match else ""


def swallowed(key: str, value: str, comment: str) -> Trap:
    """A text whose end became a comment."""
    message = f"what begins with # behind a blank is a comment in YAML: '{shortened(comment)}' is not read"
    whole = quoted(f"{value} {comment}".strip())
    hint = f"write {key}: {shortened(whole, 100)} if it belongs to the text; a remark stands in a line of its own"
    return Trap(message, hint)


def decimal_comma(first: str, second: str) -> Trap | None:
    """Two neighbours in a list or section, only a comma without a blank between them, that may be one number."""
    if not re.fullmatch(r"[+-]?\d+", first) or not re.match(r"\d", second):
        return None
    written = f"{first},{second}"
    message = f"'{shortened(written)}' is read as two values: the comma separates them"
    hint = f"write {shortened(f'{first}.{second}')}, with a point"
    if is_thousand(written):
        hint = f"write {shortened(first + second)} for thousands, {shortened(f'{first}.{second}')} for a decimal comma"
    return Trap(message, f"{hint}, or a blank behind the comma for two values")


def is_thousand(number: str) -> bool:
    """Whether a comma in a number may part thousands: ``1,000``."""
    return re.match(r"[+-]?[1-9]\d{0,2}(?:,\d{3})+(?!\d)", number) is not None


def eaten_backslash(raw: str) -> Trap | None:
    r"""A name in double quotes in which ``\n`` or ``\t`` became a line feed or a tab; ``raw`` is as it was written."""
    if not _ESCAPED_LETTER.search(raw) or (re.search(r"\s", raw) and not _PATH_START.match(raw)):
        return None
    return Trap(f"{BACKSLASH}: a line feed or a tab came of it", BACKSLASH_HINT)


def wide_sign(text: str) -> Trap | None:
    """A full-width sign in a value or a key that is wrong."""
    found = next((sign for sign in text if sign in _WIDE), "")
    if not found:
        return None
    name, plain = _WIDE[found]
    hint = f"write a plain '{plain}' with a blank behind it" if plain.strip() else "write a plain blank"
    return Trap(f"holds {name}", hint)


def joined_key(key: str) -> Trap | None:
    """A key in a section in brackets with its value behind the colon and no blank between."""
    name, colon, value = key.partition(":")
    if not (colon and name and value):
        return None
    return Trap("there is no blank behind the colon", f"write {shortened(f'{name}: {value}')}")


def nothing(key: str, word: str) -> Trap:
    """A word that stands for nothing in YAML: ``null``, ``~``."""
    return Trap(f"is empty: '{word}' stands for nothing in YAML", f"write {key}: {quoted(word)}, or remove the key")


def list_or_section(key: str, raw: str) -> Trap:
    """A text that begins with a bracket, so that it became a list or a section."""
    kind = "section" if raw.startswith("{") else "list"
    message = f"must be one text: by its bracket it is a {kind} for YAML"
    return Trap(message, f"write {key}: {shortened(quoted(raw), 100)}")
