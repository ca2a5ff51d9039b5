"""Symbols and units as the formats of a table write them: ``V_on`` and ``cd/m^2`` for HTML, Markdown and LaTeX."""

from __future__ import annotations

import re

from markupsafe import Markup, escape

from acquire.safety.visible import one_line, visible

_RAISED_OR_LOWERED = re.compile(r"\^(?P<raised>-?\d+)|_(?P<lowered>\w+)")
#: The same within a sentence, in which a name may hold anything: our symbols, and units.
_IN_A_SENTENCE = re.compile(
    r"(?<=[a-z])\^(?P<raised>-?\d)\b|(?<=\b[A-Z])_(?P<lowered>on|max|m)\b|(?<=[CPQ]E)_(?P<max>max)\b"
)
_SUPERSCRIPTS = str.maketrans("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻")
_LATEX = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    **{letter: f"\\{letter}" for letter in "#$%&_{}"},
    # other characters in the fonts that LaTeX takes by itself
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    # behind a line end, which takes these for its own
    "[": "{[}",
    "*": "{*}",
}
#: What Markdown, or the HTML that it lets through, would take for more than a character.
_MARKDOWN = re.compile(r"([\\`*_{}\[\]<>|#~$!&])")


def html_symbol(text: str, pattern: re.Pattern[str] = _RAISED_OR_LOWERED) -> Markup:
    """A symbol or unit of ours in HTML."""
    text, parts, at = visible(text), Markup(), 0
    for found in pattern.finditer(text):
        tag = "sup" if found["raised"] else "sub"
        parts += escape(text[at : found.start()]) + Markup("<{0}>{1}</{0}>").format(tag, found[found.lastgroup or 0])
        at = found.end()
    return parts + escape(text[at:])


def html_sentence(text: str) -> Markup:
    """A sentence in HTML: units and symbols of ours typeset, whatever else it holds as it is."""
    return html_symbol(text, _IN_A_SENTENCE)


def plain_symbol(text: str) -> str:
    """A symbol or unit of ours as plain text: raised digits where Unicode has them."""
    return re.sub(r"\^(-?\d+)", lambda found: found[1].translate(_SUPERSCRIPTS), text)


def latex_symbol(text: str) -> str:
    """A symbol or unit of ours in LaTeX."""
    parts, at = "", 0
    for found in _RAISED_OR_LOWERED.finditer(text):
        sign, inner = ("^", found["raised"]) if found["raised"] else ("_", rf"\mathrm{{{found['lowered']}}}")
        parts += latex_text(text[at : found.start()]) + f"${sign}{{{inner}}}$"
        at = found.end()
    return parts + latex_text(text[at:])


def latex_text(text: str) -> str:
    """A text from outside in LaTeX, in one line: nothing in it is a command."""
    return "".join(_LATEX.get(letter, letter) for letter in one_line(text))


def markdown_text(text: str) -> str:
    """A text from outside in Markdown, in one line: nothing in it is markup, a table's bar or HTML."""
    return _MARKDOWN.sub(r"\\\1", one_line(text))
