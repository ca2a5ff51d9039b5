"""The plug-in of NOMAD names what run files have; whether NOMAD takes it, ``make fair`` asks NOMAD."""

from __future__ import annotations

import ast
from collections.abc import Iterator

import pytest

from acquire.records import RunStatus
from acquire.run_file.layout import MEMBERS, TABLE
from tests.conftest import ROOT

PLUGIN = ROOT / "docs" / "nomad" / "nomad_jvl_bench"
SCHEMA = ast.parse((PLUGIN / "schema.py").read_text(encoding="utf-8"))
BESIDE = {"rows_in_file"}


def quantities(section: str) -> Iterator[tuple[str, str]]:
    """Name and unit of each quantity of a section that is a column."""
    body = next(node for node in SCHEMA.body if isinstance(node, ast.ClassDef) and node.name == section).body
    for node in body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and isinstance(node.value, ast.Call):
            first = node.value.args[0] if node.value.args else None
            unit = first.value if isinstance(first, ast.Constant) else ""
            yield node.targets[0].id, str(unit)


@pytest.mark.parametrize(("section", "table"), [("JVLCurve", "jvl"), ("Lifetime", "lifetime")])
def test_the_quantities_of_a_section_are_columns_in_their_units(section: str, table: str) -> None:
    columns = {column.name: column.unit for column in TABLE[table].columns("V")}
    told = {name: unit for name, unit in quantities(section) if name not in BESIDE}
    assert len(told) > 2
    assert {name: columns.get(name) for name in told} == {
        name: unit.replace("**", "^").replace("dimensionless", "1") for name, unit in told.items()
    }


def test_only_the_statuses_of_an_ended_run_are_known() -> None:
    (known,) = (node for node in ast.walk(SCHEMA) if isinstance(node, ast.Call) and ast.unparse(node.func) == "MEnum")
    assert {ast.literal_eval(one) for one in known.args} == set(RunStatus) - {RunStatus.RUNNING}


def test_the_members_by_which_a_run_file_is_known_are_there() -> None:
    tree = ast.parse((PLUGIN / "__init__.py").read_text(encoding="utf-8"))
    (named,) = (node for node in ast.walk(tree) if isinstance(node, ast.List))
    assert {ast.literal_eval(one) for one in named.elts} <= set(MEMBERS)
