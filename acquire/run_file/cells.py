"""Texts in the cells of a CSV file, so that no spreadsheet takes one for a formula."""

from __future__ import annotations

import re

from acquire.safety.visible import one_line

#: What begins a formula, also in its full-width form.
_FORMULA = re.compile(r"\s*[=+\-@\uff1d\uff0b\uff0d\uff20]")
#: The same where a spreadsheet begins a new cell in the middle of a text, because its own list separator is another one
#: than that of the file: "=" and "@", and a sign that goes with the call of a function, with a name in another program
#: or another sheet. A sign alone is arithmetic at most, and honest texts are full of it ("u = 3 %; +- 2 %").
_LATER_FORMULA = (
    r"(?<=[{separators}])(?=\s*(?:[=@\uff1d\uff20]|[+\-\uff0b\uff0d][^{separators}]*(?:\w{{3}}\s*\(|[|!\[])))"
)
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)

#: List separators of spreadsheets.
_SEPARATORS = ",;"


def text_cell(text: str, separator: str = ",") -> str:
    """A text as it may stand in a cell of a file with this separator: harmless on a terminal and in a spreadsheet.

    What a spreadsheet would compute begins with an apostrophe; a number stays as it is.
    """
    if _NUMBER.fullmatch(text):
        return text
    others = "".join(one for one in _SEPARATORS if one != separator)
    line = re.sub(_LATER_FORMULA.format(separators=others), "'", one_line(text))
    return f"'{line}" if _FORMULA.match(line) else line
