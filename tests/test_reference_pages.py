"""The reference is made from the program's own tables, these are complete, and no page is behind them."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import h5py
import pytest

from acquire.cli.arguments import EXIT_STATUS
from acquire.evaluation.figure import FIGURE_STATUSES
from acquire.evaluation.finding_kinds import FINDING_KINDS
from acquire.photometry.choice import SpectrumSource
from acquire.records import (
    FLAG_MEANINGS,
    RUN_STATUS_MEANINGS,
    SEVERITY_MEANINGS,
    SPECTRUM_SOURCES,
    PointFlag,
    RunStatus,
    Severity,
)
from acquire.run_file.layout import MEMBERS, TABLES, tables_in
from docs import reference_pages
from tests.conftest import CONFIGS, ROOT, run_sweep_file

#: Modules that give figures no status.
NO_STATUSES = ("health", "control_chart", "figure_uncertainty")
EVALUATION = sorted((ROOT / "acquire" / "evaluation").glob("*.py"))
OF_FIGURES = [*EVALUATION, *sorted((ROOT / "acquire" / "spectroscopy").glob("*.py"))]


@pytest.mark.parametrize("page", reference_pages.pages(), ids=lambda page: page.stem)
def test_no_page_is_behind_the_program(page: Path) -> None:
    assert page.read_text(encoding="utf-8") == reference_pages.made_anew(page), "make docs"


def test_every_part_is_on_a_page() -> None:
    shown = [
        name for page in reference_pages.pages() for _, name, _ in reference_pages.PART.findall(page.read_text("utf-8"))
    ]
    assert sorted(shown) == sorted(reference_pages.PARTS)


def test_a_page_that_is_behind_is_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# A\n<!-- made: severities -->\nold | table\n<!-- end -->\nrest\n", encoding="utf-8")
    anew = reference_pages.made_anew(page)
    assert "old | table" not in anew
    assert "| `note` | to be known before the number is used | stays as it is |" in anew
    assert anew.endswith("<!-- end -->\nrest\n")


def test_a_bar_in_a_text_is_no_border() -> None:
    assert reference_pages.table(("a",), [("x | y",)]) == "| a |\n| --- |\n| x \\| y |\n"


# --- the tables are complete ---


def test_every_word_has_a_meaning() -> None:
    assert set(RUN_STATUS_MEANINGS) == set(RunStatus)
    assert set(SEVERITY_MEANINGS) == set(Severity)
    assert set(FLAG_MEANINGS) == set(PointFlag) - {PointFlag.NONE}
    assert set(SPECTRUM_SOURCES) == set(SpectrumSource)


def test_the_severities_of_a_kind_are_those_that_its_code_can_have() -> None:
    """Where a severity is written beside a code it is one of the kind's; where it is computed, there are several."""
    seen = set()
    for path in EVALUATION:
        for call in calls_of("Finding", path):
            if len(call.args) > 2 and isinstance(call.args[1], ast.Constant):
                kind = FINDING_KINDS[str(call.args[1].value)]
                named = {node.attr for node in ast.walk(call.args[2]) if isinstance(node, ast.Attribute)} & {
                    *Severity.__members__
                }
                assert {Severity[name] for name in named} <= set(kind.severities), call.args[1].value
                if isinstance(call.args[2], ast.Attribute):
                    assert kind.severities == (Severity[call.args[2].attr],), call.args[1].value
                seen.add(call.args[1].value)
    assert len(seen) > 12


def calls_of(name: str, path: Path) -> Iterator[ast.Call]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == name:
            yield node


def statuses_in(path: Path) -> Iterator[str]:
    """Every text of a module that stands where a status of a figure does."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        match node:
            case ast.Call(func=ast.Name(id="Figure"), args=[_, _, status, *_]):
                yield from words(status)
            case ast.Call(func=ast.Name(id="missing"), args=[_, status, *_]):
                yield from words(status)
            case ast.keyword(arg="status", value=status):
                yield from words(status)
            case ast.Assign(targets=[ast.Name(id="status")], value=status):
                yield from words(status)
            case ast.Yield(value=ast.Tuple(elts=[status, _])):  # status and reason
                yield from words(status)
            case ast.Return(value=ast.Tuple(elts=[ast.Constant(value=None) | ast.Call(), status])):  # place and status
                yield from words(status)
            case ast.Assign(targets=[ast.Subscript()], value=ast.Tuple(elts=[status, _])):  # one figure's remark
                yield from words(status)
            case ast.Call(func=ast.Attribute(attr="fromkeys"), args=[_, ast.Tuple(elts=[status, _])]):  # several
                yield from words(status)


def words(node: ast.AST) -> Iterator[str]:
    """The word that an expression is, or those that it chooses from."""
    match node:
        case ast.Constant(value=str(word)) if re.fullmatch(r"[a-z]+(?:_[a-z]+)*", word):
            yield word
        case ast.IfExp(body=one, orelse=other):
            yield from words(one)
            yield from words(other)


def test_every_status_that_a_figure_is_given_has_a_meaning() -> None:
    given = {text for path in OF_FIGURES if path.stem not in NO_STATUSES for text in statuses_in(path)}
    assert given - set(FIGURE_STATUSES) == set()
    assert set(FIGURE_STATUSES) - given - {str(Severity.DOUBTFUL)} == {str(Severity.IMPOSSIBLE)}


def test_the_statuses_have_the_order_in_which_they_count() -> None:
    """Of the flags of points: the order in which they are told; see acquire.evaluation.flagged."""
    told = [text for text in statuses_in(ROOT / "acquire" / "evaluation" / "flagged.py") if text in FIGURE_STATUSES]
    in_order = [*dict.fromkeys(told)]
    places = [[*FIGURE_STATUSES].index(status) for status in in_order]
    assert len(places) > 4
    assert places == sorted(places)


def test_what_a_finished_run_holds_is_on_the_page(tmp_path: Path) -> None:
    run = run_sweep_file(CONFIGS / "sweeps" / "quick_look.yaml", tmp_path).run
    assert run is not None
    with h5py.File(run.path) as file:
        elsewhere = {
            "imported",
            "remarks",
            "analyses",
            "lifetime_live",
            *(table.name for table in TABLES if table.optional),
        }
        assert set(file["entry"]) == set(MEMBERS) - elsewhere
        for table in tables_in(file["entry"]):
            beside = {"wavelength"} if table.name == "spectra" else set()
            assert set(file[f"entry/{table.name}"]) - beside == {column.name for column in table.columns("V")}
        calibration = {*file["entry/calibration"], *file["entry/calibration"].attrs} - {"NX_class"}
    page = (ROOT / "docs" / "reference" / "run-file.md").read_text(encoding="utf-8")
    told = page.partition("## Calibration")[2].partition("\n## ")[0]
    assert {name for name in calibration if f"`{name}`" not in told} == set()


def test_the_exit_status_of_a_signal_is_that_of_the_shell() -> None:
    assert sorted(EXIT_STATUS) == [0, 1, 2, 3, 130]
