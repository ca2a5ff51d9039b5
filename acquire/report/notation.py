"""Symbols and units as the formats of a table write them: ``V_on`` and ``cd/m^2`` for HTML, Markdown and LaTeX."""

from __future__ import annotations

import re

from markupsafe import Markup, escape

from acquire.safety.visible import one_line

_RAISED_OR_LOWERED = re.compile(r"\^(?P<raised>-?\d+)|_(?P<lowered>\w+)")
_SUPERSCRIPTS = str.maketrans("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻")
_LATEX = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    **{letter: f"\\{letter}" for letter in "#$%&_{}"},
}
#: What Markdown, or the HTML that it lets through, would take for more than a character.
_MARKDOWN = re.compile(r"([\\`*_{}\[\]<>|#~$!&])")


def html_symbol(text: str) -> Markup:
    """A symbol or unit of ours in HTML."""
    parts, at = Markup(), 0
    for found in _RAISED_OR_LOWERED.finditer(text):
        tag, inner = ("sup", found["raised"]) if found["raised"] else ("sub", found["lowered"])
        parts += escape(text[at : found.start()]) + Markup("<{0}>{1}</{0}>").format(tag, inner)
        at = found.end()
    return parts + escape(text[at:])


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
