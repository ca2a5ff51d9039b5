"""The rules of RO-Crate 1.3 and of Process Run Crate 0.5 that can be looked at without their validator."""

from __future__ import annotations

import json
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import unquote

METADATA = "ro-crate-metadata.json"
NEEDED = ("name", "description", "datePublished", "license")


def graph_of(folder: Path) -> dict[str, dict[str, Any]]:
    content = json.loads((folder / METADATA).read_text(encoding="utf-8"))
    assert content["@context"] == "https://w3id.org/ro/crate/1.3/context"
    graph = {entity["@id"]: entity for entity in content["@graph"]}
    assert len(graph) == len(content["@graph"]), "an identifier is there twice"
    return graph


def as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


def references(value: Any) -> Iterator[str]:
    for one in as_list(value):
        if isinstance(one, dict):
            yield one["@id"]


def problems(folder: Path) -> list[str]:
    """What is wrong with a crate; its numbers are those of sections of the two specifications."""
    return [*_problems(folder, graph_of(folder))]


def _problems(folder: Path, graph: dict[str, dict[str, Any]]) -> Iterator[str]:
    root = graph["./"]
    if graph[METADATA]["conformsTo"] != {"@id": "https://w3id.org/ro/crate/1.3"}:
        yield "the descriptor does not conform to RO-Crate 1.3"
    yield from (f"the root has no {name}" for name in NEEDED if not root.get(name))
    if "https://w3id.org/ro/wfrun/process/0.5" not in references(root.get("conformsTo")):
        yield "the root does not conform to the profile"
    for name, entity in graph.items():
        for key, value in entity.items():
            missing = [one for one in references(value) if one not in graph and not one.startswith("https://w3id.org")]
            yield from (f"{name}: {key} refers to {one}, which is not there" for one in missing)
    yield from _wrong_files(folder, graph)
    for name, entity in graph.items():
        if entity["@type"] == "CreateAction":
            kinds = [graph[one]["@type"] for one in references(entity.get("instrument")) if one in graph]
            if kinds != ["SoftwareApplication"]:
                yield f"{name}: its instrument is {kinds}, not software"
            if name not in references(root.get("mentions")):
                yield f"{name}: is not mentioned"


def _wrong_files(folder: Path, graph: dict[str, dict[str, Any]]) -> Iterator[str]:
    listed = {unquote(one) for one in references(graph["./"]["hasPart"])}
    there = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()} - {METADATA}
    yield from (f"{name}: is not listed" for name in there - listed)
    for name in listed:
        if not (path := folder / name).is_file():
            yield f"{name}: is listed and not there"
            continue
        entity = next(one for key, one in graph.items() if unquote(key) == name)
        if (
            entity["sha256"] != sha256(path.read_bytes()).hexdigest()
            or int(entity["contentSize"]) != path.stat().st_size
        ):
            yield f"{name}: is not as it is described"
