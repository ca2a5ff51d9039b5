"""Texts in the cells of a CSV file, so that no spreadsheet takes one for a formula."""

from __future__ import annotations

import re

from acquire.safety.visible import one_line

#: What begins a formula, also in its full-width form, at the beginning of a cell or where a spreadsheet whose list
#: separator is the semicolon begins a new one.
_FORMULA = re.compile(r"(^|;)(?=\s*[=+\-@\uff1d\uff0b\uff0d\uff20])")
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)


def text_cell(text: str) -> str:
    """A text as it may stand in a cell: harmless on a terminal and in a spreadsheet; a number stays as it is."""
    if _NUMBER.fullmatch(text):
        return text
    return _FORMULA.sub(r"\1'", one_line(text))
