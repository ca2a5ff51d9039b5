"""The reference of every key: nothing is missing, nothing is stale, and its examples and defaults are right."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import TypeAdapter

from acquire.config.loading import KINDS
from acquire.config.reference import reference_text
from acquire.config.section import Section
from acquire.config.yaml_source import parse_yaml
from tests.conftest import ROOT

PAGE = reference_text()
ROWS = re.findall(r"^\| `(\w+)` \| (.*?) \| (.*?) \| (.*?) \| (.*?) \|$", PAGE, flags=re.MULTILINE)


def sections(model: type[Section]) -> Iterator[type[Section]]:
    """A model and every section inside it, found by the annotations of its fields."""
    yield model
    for info in model.model_fields.values():
        for part in [info.annotation, *getattr(info.annotation, "__args__", ())]:
            if isinstance(part, type) and issubclass(part, Section):
                yield from sections(part)


MODELS = {model.__name__: model for kind in KINDS.values() for model in sections(kind)}


def test_the_shipped_page_is_up_to_date() -> None:
    """Mend with: python -m acquire.config --write-reference docs/reference/yaml.md."""
    assert (ROOT / "docs" / "reference" / "yaml.md").read_text(encoding="utf-8") == PAGE


def test_the_page_is_written_by_the_command(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "acquire.config", "--write-reference", str(tmp_path / "page.md")]
    subprocess.run(command, check=True, cwd=ROOT, capture_output=True)
    assert (tmp_path / "page.md").read_text(encoding="utf-8") == PAGE


def test_every_key_of_every_section_has_its_row() -> None:
    keys = [name for model in MODELS.values() for name in model.model_fields]
    assert sorted(name for name, *_ in ROWS) == sorted(keys)
    assert all(meaning for *_, meaning in ROWS)


@pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)
def test_every_example_and_every_default_is_read_by_its_model(model: type[Section]) -> None:
    """Row by row: a key may have one name in several sections, so each is tried where it stands on the page."""
    section = page_of(model)
    for name, info in model.model_fields.items():
        _, _, default, example, _ = next(row for row in section if row[0] == name)
        if example:
            read = parse_yaml(Path("x.yaml"), example.strip("`")).content
            assert read.keys() == {name}
            value(model, name, read[name])
        if default.startswith("`"):
            written = value(model, name, yaml.load(default.strip("`"), yaml.BaseLoader))
            wanted = info.default
            assert written == (pytest.approx(wanted, rel=1e-5) if isinstance(wanted, float) else wanted)
        assert (default == "**required**") == info.is_required()


def page_of(model: type[Section]) -> list[tuple[str, ...]]:
    """The rows of a model's table: that below what the model says of itself, or a file's own."""
    about = (model.__doc__ or "").splitlines()[0].replace("``", "`")
    for part in re.split(r"^#{2,3} ", PAGE, flags=re.MULTILINE):
        rows = re.findall(r"^\| `(\w+)` \| (.*?) \| (.*?) \| (.*?) \| (.*?) \|$", part, flags=re.MULTILINE)
        if [row[0] for row in rows] == list(model.model_fields) and (f"\n{about}\n" in part or "kind" in rows[0]):
            return rows
    raise AssertionError(model)


def value(model: type[Section], name: str, written: Any) -> Any:
    from acquire.config.parsing import _adapter

    adapter: TypeAdapter[Any] = _adapter(model, name)
    if model.__name__ == "Source" and name in ("start", "stop", "step", "compliance", "range"):
        whole = {"function": "voltage", "start": "0 V", "stop": "1 V", "compliance": "1 mA", name: written}
        return getattr(model.model_validate(whole), name)
    return adapter.validate_python(written)
