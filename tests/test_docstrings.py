"""Docstrings have one grammar: a sentence, then what is to be known, then a line ``:raises X: when`` an exception.

A public function with a ``raise`` of a named exception says so in such a line; commands do not, whose docstrings are
the help a user reads. Properties say what they get, control, measure, or whether something is so.
"""

from __future__ import annotations

import ast
import builtins
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import acquire
from drivers import errors

ROOT = Path(__file__).parents[1]
#: Packages that are held to the grammar.
HELD = ["acquire", "drivers"]
MODULES = sorted(path for held in HELD for path in (ROOT / held).rglob("*.py"))
LINE = re.compile(r":raises (\w+(?:\.\w+)*): \S.*")
PROSE = re.compile(r"\b[Rr]aises? (?::class:`)?[~A-Z]\w*[a-z]", re.ASCII)
PROPERTY = re.compile(r"(?:Get|Control|Measure|Set|Whether|The|What|Where|How)\b")
#: Raised where a class or a command says nothing to its callers.
UNSAID = {"NotImplementedError", "Exit"}

Node = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Module
Function = ast.FunctionDef | ast.AsyncFunctionDef


def documented(node: ast.AST, name: str = "", public: bool = True) -> Iterator[tuple[str, ast.AST, str, bool]]:
    """Everything that can have a docstring, with its dotted name, its docstring, and whether it is public."""
    if isinstance(node, Node):
        yield name, node, ast.get_docstring(node) or "", public
    for child in ast.iter_child_nodes(node):
        if isinstance(child, Function | ast.ClassDef):
            is_public = public and not isinstance(node, Function) and not child.name.startswith("_")
            yield from documented(child, f"{name}.{child.name}".lstrip("."), is_public)
        else:
            yield from documented(child, name, public)


def raised(node: ast.AST) -> Iterator[str]:
    """The exceptions that a function raises by name, not counting the functions inside it."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, Function | ast.ClassDef | ast.Lambda):
            continue
        if isinstance(child, ast.Raise) and child.exc is not None:
            error = child.exc.func if isinstance(child.exc, ast.Call) else child.exc
            if (name := ast.unparse(error).rpartition(".")[2])[:1].isupper():
                yield name
        yield from raised(child)


def is_said(name: str, said: set[str]) -> bool:
    """Whether an exception is in the docstring, or a class that it belongs to."""
    kind = vars(builtins).get(name) or vars(errors).get(name)
    return name in said or any(ancestor.__name__ in said for ancestor in getattr(kind, "__mro__", ()))


def decorators(node: Function) -> list[str]:
    return [ast.unparse(decorator) for decorator in node.decorator_list]


def complaints(source: str) -> Iterator[str]:
    for name, node, text, public in documented(ast.parse(source)):
        first = text.partition("\n\n")[0]
        if isinstance(node, ast.Module) and ("\n" in first or not first.endswith(".")):
            yield "the module does not begin with one sentence in one line"
        if PROSE.search(LINE.sub("", text)):
            yield f"{name}: says in prose what it raises"
        if any(":raises" in line and not LINE.match(line) for line in text.splitlines()):
            yield f"{name}: ':raises X: when' stands in a line of its own"
        if not (public and isinstance(node, Function)):
            continue
        if text and any("property" in each for each in decorators(node)) and not PROPERTY.match(text):
            yield f"{name}: a property begins with Get, Control, Measure, Whether, The ..."
        said = {match[1].rpartition(".")[2] for match in map(LINE.match, text.splitlines()) if match}
        is_command = any(".command(" in each for each in decorators(node))
        unsaid = {error for error in set(raised(node)) - UNSAID if not is_said(error, said)}
        if unsaid and not is_command:
            yield f"{name}: raises {unsaid}, and does not say so"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_docstrings_follow_the_grammar(path: Path) -> None:
    assert list(complaints(path.read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize(
    ("source", "complaint"),
    [
        ('"""Two\nlines."""', "one sentence"),
        ('"""M."""\ndef f():\n    """Do. Raises ValueError."""', "in prose"),
        ('"""M."""\ndef f():\n    """Do. :raises ValueError: always."""', "line of its own"),
        ('"""M."""\ndef f():\n    """Do."""\n    raise ValueError("no")', "does not say so"),
        ('"""M."""\nclass C:\n    @property\n    def p(self):\n        """Return it."""', "a property begins"),
        (
            '"""M."""\nclass C:\n    def f(self):\n        """Do."""\n        raise e.OurError',
            "does not say so",
        ),
    ],
)
def test_what_is_against_the_grammar_is_seen(source: str, complaint: str) -> None:
    (seen,) = complaints(source)
    assert complaint in seen


def test_every_exception_of_acquire_is_in_the_tree() -> None:
    """The tree in ``acquire/__init__.py``: names and files are those of the code."""
    drawn = set(re.findall(r"[├└]── (\w+) .*?(\w+/\w+\.py)$", acquire.__doc__ or "", re.MULTILINE))
    package = ROOT / "acquire"
    sources = {path.relative_to(package).as_posix(): path.read_text(encoding="utf-8") for path in package.rglob("*.py")}
    classes = [
        (node, name)
        for name, source in sources.items()
        if re.search(r"^\s*class \w+\([^)]*(?:Error|Exception)\b", source, re.MULTILINE)  # to parse all takes a second
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_")
    ]
    exceptions = re.compile(r"(?:\w+\.)?(?:\w*Error|Exception)")
    raisable = {
        (node.name, where) for node, where in classes if any(exceptions.fullmatch(ast.unparse(b)) for b in node.bases)
    }
    assert drawn == raisable
