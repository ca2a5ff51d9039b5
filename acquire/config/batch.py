"""The batch file: which pixels of which substrates are measured one after the other, and by which sweeps."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from acquire.config.bench_rules import Problems
from acquire.config.parsing import Parsed
from acquire.config.quantities import PositiveSeconds, SquareMetres
from acquire.config.section import Section
from acquire.config.yaml_source import Place, YamlSource


def _as_list(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


SweepNames = Annotated[tuple[str, ...], BeforeValidator(_as_list)]

_SWEEPS = "Sweep files, relative to this file: a run with each of them, in this order; not given: {above}."
_AREA = "Area that emits light; not given: {above}."
_POLARITY = "Sign of the level at which the pixel emits; not given: {above}."
_SIMULATED = "Device file that a simulated bench puts in its place; not given: {above}. Ignored on a real bench."

#: What is said of a pixel beside its name, most closely by itself: the key here, and the place in the sweep file.
SAID_OF_A_PIXEL: dict[str, Place] = {
    "group": ("sample", "group"),
    "structure": ("sample", "structure"),
    "notes": ("sample", "notes"),
    "area": ("sample", "emissive_area"),
    "area_uncertainty": ("sample", "emissive_area_uncertainty"),
    "polarity": ("sample", "polarity"),
    "switched_as": ("sample", "switched_as"),
    "simulated_as": ("sample", "simulated_as"),
}


class BatchPixel(Section):
    """A pixel of a substrate."""

    name: str = Field(
        min_length=1, description="As it shall stand in the file and the report: sample.pixel.", examples=["A"]
    )
    sweeps: SweepNames = Field(
        default=(), description=_SWEEPS.format(above="those of the substrate"), examples=[["jvl.yaml"]]
    )
    area: SquareMetres | None = Field(default=None, description=_AREA.format(above="that of the substrate"))
    area_uncertainty: SquareMetres | None = Field(
        default=None, description="Standard uncertainty (k = 1) of the area.", examples=["0.3 mm^2"]
    )
    polarity: Literal["positive", "negative"] | None = Field(
        default=None, description=_POLARITY.format(above="that of the substrate")
    )
    switched_as: str = Field(
        default="",
        description="Its name in the bench file's pixel_switch; not given: its own name.",
        examples=["3"],
    )
    notes: str = Field(default="", description="Anything else, for the record.", examples=["a scratch at the edge"])
    simulated_as: str | None = Field(
        default=None, description=_SIMULATED.format(above="that of the substrate"), examples=["../devices/short.yaml"]
    )


class Substrate(Section):
    """A substrate, which the operator puts in, and its pixels."""

    name: str = Field(
        min_length=1, description="As it shall stand in the file and the report: sample.batch.", examples=["B12"]
    )
    sample: str = Field(
        default="",
        description="Device name, sample.name, of its pixels; not given: the name of the substrate.",
        examples=["A3"],
    )
    group: str = Field(
        default="",
        description="What is compared in a report, like 'ETL 30 nm'; not given: as the sweep says.",
        examples=["ETL 30 nm"],
    )
    structure: str = Field(
        default="", description="Layer stack, for the record; not given: as the sweep says.", examples=["ITO / .. / Al"]
    )
    notes: str = Field(default="", description="Anything else, for the record.", examples=["encapsulated"])
    sweeps: SweepNames = Field(
        default=(), description=_SWEEPS.format(above="those of the batch"), examples=[["jvl.yaml"]]
    )
    area: SquareMetres | None = Field(default=None, description=_AREA.format(above="as the sweep says"))
    area_uncertainty: SquareMetres | None = Field(
        default=None, description="Standard uncertainty (k = 1) of the area.", examples=["0.3 mm^2"]
    )
    polarity: Literal["positive", "negative"] | None = Field(
        default=None, description=_POLARITY.format(above="as the sweep says")
    )
    simulated_as: str | None = Field(
        default=None, description=_SIMULATED.format(above="as the sweep says"), examples=["../devices/sppo13.yaml"]
    )
    pixels: tuple[BatchPixel, ...] = Field(
        description="In the order in which they are measured.", examples=[[{"name": "A"}]]
    )


class BatchFile(Section):
    """A batch file."""

    kind: Literal["batch"] = Field(description="What sort of file this is.")
    title: str = Field(min_length=1, description="One line for lists.", examples=["ETL thickness, first three"])
    bench: str | None = Field(
        default=None,
        description="Bench file, relative to this file; not given: that of the sweeps, which must be one.",
        examples=["../benches/my_bench.yaml"],
    )
    sweeps: SweepNames = Field(
        default=(),
        description="Sweep files, relative to this file: a run with each of them for every pixel, in this order.",
        examples=[["jvl.yaml"]],
    )
    pretest: bool = Field(
        default=True,
        description="Look at each pixel at a low level first, as --pretest does; what is dead is not swept.",
    )
    stress_per_turn: PositiveSeconds | None = Field(
        default=None,
        description="Of lifetimes: pixels age by turns, each so long under stress, while the others rest. Needs a "
        "switch, and one substrate; not given: one after the other.",
        examples=["10 min"],
    )
    user: str = Field(default="", description="Operator, for the record; not given: as the sweep says.")
    note: str = Field(default="", description="A remark on every run; not given: as the sweep says.")
    output: str = Field(
        default="",
        description="Folder of run files and index, inside the current one; not given: as the first sweep says.",
        examples=["runs/B12"],
    )
    substrates: tuple[Substrate, ...] = Field(
        description="In the order in which they are put in.",
        examples=[[{"name": "B12", "pixels": [{"name": "A"}]}]],
    )


def batch_rules(batch: Parsed[BatchFile]) -> Problems:
    """What joins several keys of a batch file."""
    if batch.model is None:
        return
    where, model = batch.source, batch.model
    if not model.substrates:
        yield where.problem(("substrates",), "names no substrate", "name one, with its pixels")
    yield from _unique(where, ("substrates",), [one.name for one in model.substrates], "substrate")
    for i, substrate in enumerate(model.substrates):
        at: Place = ("substrates", i, "pixels")
        if not substrate.pixels:
            yield where.problem(at, f"substrate {substrate.name} has no pixel", "name one")
        yield from _unique(where, at, [pixel.name for pixel in substrate.pixels], "pixel")
        for j, pixel in enumerate(substrate.pixels):
            if not (pixel.sweeps or substrate.sweeps or model.sweeps):
                hint = "name a sweep file in sweeps, here or for the whole batch"
                yield where.problem((*at, j), f"pixel {pixel.name} has no sweep", hint)


def _unique(where: YamlSource, at: Place, names: list[str], what: str) -> Iterator[Any]:
    for i, name in enumerate(names):
        if name in names[:i]:
            yield where.problem((*at, i, "name"), f"{what} {name} is there twice", "give each a name of its own")
