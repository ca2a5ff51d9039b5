"""JSON Schemas of the configuration files, for completion and hints in an editor."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from acquire.config.loading import KINDS

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def json_schemas() -> dict[str, dict[str, Any]]:
    """The schema of each kind of file, by its kind."""
    return {kind: {"$schema": DIALECT, **_with_units(model.model_json_schema())} for kind, model in KINDS.items()}


def _with_units(schema: Any) -> Any:
    """Defaults as they are written in a file: ``0.05 s``, not ``0.05``."""
    if isinstance(schema, list):
        return [_with_units(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    schema = {key: _with_units(part) for key, part in schema.items()}
    unit, default = schema.get("x-unit"), schema.get("default")
    if unit and isinstance(default, float):
        schema["default"] = f"{default:g} {unit}"
    return schema


def schema_texts() -> dict[str, str]:
    """File name and text of each schema file."""
    return {
        f"{kind}.schema.json": json.dumps(schema, indent=1, ensure_ascii=False) + "\n"
        for kind, schema in json_schemas().items()
    }


def write_schemas(folder: Path) -> list[Path]:
    """Write the schema files into ``folder``; returns what was written."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, text in schema_texts().items():
        path = folder / name
        path.write_text(text, encoding="utf-8", newline="\n")
        written.append(path)
    return written
