"""The reference of every key of every kind of YAML file, for people, made from the JSON Schemas of the models."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from acquire.config.quantities import conversion_factor, parse_quantity
from acquire.config.schema import json_schemas
from acquire.config.yaml_source import dotted
from acquire.config.yaml_traps import quoted

HEAD = """\
# Reference: every key of the YAML files

Made from the models in `acquire/config` by `python -m acquire.config --write-reference docs/reference/yaml.md`; what is
edited here by hand is lost. Quantities carry their unit, with a decimal point: `100 mA`, `14 mm^2`. The units are those
of the bench (V, A, s, m, m^2, cd/m^2, deg, nm, Hz, ohm, W, K and what is made of them) with the prefixes p, n, u, m, c,
k, M; `%` where a share is asked for. A key that is not listed is refused, and so is a value of another unit:
`acquire check FILE.yaml` says every problem at once. The default - means: not given, or nothing.
"""

_ABOUT = {
    "sweep": "What to do with a device: one file a recipe. `acquire new` writes one.",
    "bench": "Where the instruments are, how they are wired, what is never exceeded. `acquire setup` writes one.",
    "device": "What a simulated device is. Only the simulated bench reads it.",
    "calibration": "What a photocurrent means in luminance. `acquire calibrate` writes one.",
    "published": "What a paper states of its devices, for `acquire report --published`. A value may carry its standard "
    "uncertainty: `9.02 +- 0.10 cd/A`.",
    "batch": "Which pixels of which substrates are measured one after the other, for `acquire run`. What it says of "
    "a pixel takes the place of what its sweep file says.",
    "mapping": "How text files of another program are read, for `acquire import`.",
    "answers": "What no run file knows, for `acquire report --checklist`; `--ask` writes one.",
    "package": "What is said of data that are given away, for `acquire package --about`.",
}

_HEADER = ("key", "unit or values", "default", "example", "meaning")


@dataclass(frozen=True)
class _Key:
    """One key of a section, with its schema; ``inner`` is the section, or the entry of a list, that it stands for."""

    name: str
    schema: dict[str, Any]
    inner: dict[str, Any]
    required: bool


def reference_text() -> str:
    """The whole page, Markdown."""
    parts = [HEAD]
    for kind, schema in json_schemas().items():
        parts.append(f"## kind: {kind}\n\n{_ABOUT[kind]}\n")
        parts += _sections(schema, schema, (), {})
    return "\n".join(parts)


def write_reference(path: Path) -> None:
    """Write the page to ``path``."""
    path.write_text(reference_text(), encoding="utf-8", newline="\n")


def _sections(
    section: dict[str, Any], whole: dict[str, Any], place: tuple[str, ...], seen: dict[str, str]
) -> Iterator[str]:
    """A section as a table, then each section inside it; one that stands at several places is shown at its first."""
    keys = list(_keys(section, whole))
    if place:
        yield f"### {dotted(place)}\n\n{_first_line(section)}\n"
    rows = [_row(key, (*place, key.name), seen) for key in keys]
    yield "\n".join([_line(_HEADER), _line("---" for _ in _HEADER), *map(_line, rows)]) + "\n"
    for key in keys:
        if (
            "properties" in key.inner
            and seen.setdefault(key.inner["title"], here := dotted((*place, key.name))) == here
        ):
            yield from _sections(key.inner, whole, (*place, key.name), seen)


def _first_line(section: dict[str, Any]) -> str:
    return str(section["description"].splitlines()[0].replace("``", "`"))


def _line(cells: Any) -> str:
    return f"| {' | '.join(str(cell).replace('|', chr(92) + '|') for cell in cells)} |"


def _keys(section: dict[str, Any], whole: dict[str, Any]) -> Iterator[_Key]:
    for name, schema in section["properties"].items():
        choices = [choice for choice in schema.get("anyOf", []) if choice.get("type") != "null"]
        choices.sort(key=lambda choice: "$ref" not in choice)
        merged = {**(choices[0] if choices else {}), **schema, "choices": len(choices)}
        reference = merged.get("$ref") or merged.get("items", {}).get("$ref", "")
        inner = whole["$defs"][reference.rpartition("/")[2]] if reference else merged.get("items", {})
        yield _Key(name, merged, inner, name in section.get("required", ()))


def _row(key: _Key, place: tuple[str, ...], seen: dict[str, str]) -> tuple[str, ...]:
    meaning = key.schema.get("description", "")
    if "properties" in key.inner:
        there = seen.get(key.inner["title"], dotted(place))
        takes = "text or section" if key.schema["choices"] > 1 else "section"
        takes = "list of sections" if key.schema.get("type") == "array" else takes
        takes += ", see below" if there == dotted(place) else f", as `{there}`"
        meaning = meaning if key.schema["choices"] > 1 else f"{_first_line(key.inner)} {meaning}".strip()
        return f"`{key.name}`", takes, _default(key), "", meaning
    span = key.schema.get("x-span") or key.inner.get("x-span", "")
    meaning = f"{meaning} Allowed: {span}." if span else meaning
    return f"`{key.name}`", _takes(key), _default(key), f"`{key.name}: {_example(key)}`", " ".join(meaning.split())


def _takes(key: _Key) -> str:
    schema = key.schema
    if schema.get("type") == "array":
        return f"list of {_takes(_Key(key.name, key.inner, {}, required=True))}"
    if "x-unit" in schema:
        unit = schema["x-unit"] or "number or %"
        return f"{unit}, or `auto`" if "auto" in schema["examples"] else unit
    if "const" in schema or "enum" in schema:
        return ", ".join(f"`{_written(word)}`" for word in schema.get("enum", [schema.get("const")]))
    if schema.get("type") in ("integer", "number"):
        return f"{'whole number' if schema['type'] == 'integer' else 'number'}{_bounds(schema)}"
    names = {"boolean": "`true` or `false`", "string": "text", "object": "section, its keys free"}
    return "date" if schema.get("format") == "date" else names[schema["type"]]


def _bounds(schema: dict[str, Any]) -> str:
    low, high, above = (schema.get(name) for name in ("minimum", "maximum", "exclusiveMinimum"))
    if low is not None and high is not None:
        return f", {low:g} to {high:g}"
    if above is not None:
        return f" above {above:g}"
    return "" if low is None else f", {low:g} or more"


def _default(key: _Key) -> str:
    if key.required:
        return "**required**"
    default = key.schema.get("default")
    if default in (None, "", [], {}) or "properties" in key.inner:
        return "-"
    return f"`{_written(_customary(default, key))}`"


def _customary(default: Any, key: _Key) -> Any:
    """A quantity in the unit in which the example is written."""
    if "x-unit" not in key.schema or default == "auto":
        return default
    unit, example = key.schema["x-unit"], key.schema["examples"][0]
    value = parse_quantity(str(default), unit)
    wanted = example.partition(" ")[2]
    factor = conversion_factor(wanted, unit) if wanted and value else Decimal(1)
    assert factor, (key.name, wanted)
    return f"{float(Decimal(repr(value)) / factor):.6g} {wanted if value else unit}".strip()


def _example(key: _Key) -> str:
    """A value as it may stand behind the key: the one the model gives, else another than the default."""
    schema = key.schema
    if "examples" in schema:
        return _written(schema["examples"][0])
    if schema.get("type") == "array":
        return f"[{_example(_Key(key.name, key.inner, {}, required=True))}]"
    default = schema.get("default")
    if "enum" in schema:
        return _written(next(word for word in reversed(schema["enum"]) if word != default))
    if schema.get("type") == "boolean":
        return _written(default is not True)
    if schema.get("format") == "date":
        return "2026-03-31"
    return _written(
        next(
            value
            for value in (schema.get("const"), default, "text" if schema.get("type") == "string" else 1)
            if value not in (None, "")
        )
    )


def _written(value: Any) -> str:
    """A value as it stands in a YAML file."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        parts = {key: quoted(part) if isinstance(part, str) else _written(part) for key, part in value.items()}
        return f"{{{', '.join(f'{key}: {part}' for key, part in parts.items())}}}"
    if isinstance(value, list):
        return f"[{', '.join(map(_listed, value))}]"
    if isinstance(value, str) and (value[:1] in "@`%*&!|>?{[#" or ": " in value):
        return quoted(value)
    return f"{value:g}" if isinstance(value, float) else str(value)


def _listed(value: Any) -> str:
    """The same in a list, where a text that is blank or one hyphen means something else."""
    return quoted(value) if value in ("", "-") else _written(value)
