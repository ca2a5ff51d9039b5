"""Figures of merit in a file: one number a figure, with unit, status, reason, uncertainty and place as attributes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from math import isfinite
from typing import Any

import h5py
import numpy as np

from acquire.evaluation.figure import Figure
from acquire.evaluation.flagged import source_of_figures
from acquire.records import Columns
from acquire.run_file.checksums import digest_of_numbers
from acquire.run_file.hdf5 import nx_group, set_number, set_text, title_of, write_array, write_column
from acquire.run_file.layout import storable
from acquire.run_file.on_demand import DataOnDemand

PLACE = "figures_of_merit"
LONGEST_TEXT = 1 << 20  # bytes; a configuration file may be as long

#: Where in a sweep a figure lies.
PLACES = ("voltage", "current_density", "luminance")

_DETAILS = (*PLACES, "uncertainty", "coverage_factor", "expanded_uncertainty")


def write_figures(entry: h5py.Group, figures: Mapping[str, Figure], points: Columns) -> None:
    """The figures of merit, and of which branch and cycle of the ``points`` they are."""
    branch, cycle = source_of_figures(points)
    group = nx_group(entry, PLACE, "NXcollection", branch=str(branch), cycle=cycle)
    for name, figure in figures.items():
        dataset = write_array(group, name, float(figure.value), figure.unit, name.replace("_", " "))
        for attribute, value in _attributes_of(figure).items():
            if isinstance(value, str):
                set_text(dataset, attribute, value)
            else:
                set_number(dataset, attribute, value)


def _attributes_of(figure: Figure) -> dict[str, str | float]:
    """What is said of a figure beside its value and unit."""
    texts = {"status": figure.status, **({"reason": storable(figure.reason)} if figure.reason else {})}
    numbers = {name: float(getattr(figure, name)) for name in _DETAILS}
    return {**texts, **{name: value for name, value in numbers.items() if isfinite(value)}}


def checksum_of_figures(figures: Mapping[str, Figure], points: Columns) -> str:
    """The checksum that the figures of merit have in a file: where it is that of a file, those of it are the same."""
    branch, cycle = source_of_figures(points)
    members = {
        name: (figure.value, {**title_of(name, figure.unit), **_attributes_of(figure)})
        for name, figure in figures.items()
    }
    return digest_of_numbers({"NX_class": "NXcollection", "branch": str(branch), "cycle": int(cycle)}, members)


def read_figures(entry: h5py.Group) -> dict[str, Figure]:
    """The figures of merit of an entry, or of an analysis; none where it has none."""
    return {text(name): figure_in(dataset) for name, dataset in entry.get(PLACE, {}).items()}


def figure_in(dataset: h5py.Dataset | DataOnDemand) -> Figure:
    """One figure of merit."""
    attributes = dataset.attrs
    if isinstance(dataset, DataOnDemand):
        unit, status, reason = (text(dataset.attrs.text(name)) for name in ("units", "status", "reason"))
        details = {name: dataset.attrs.number(name) for name in _DETAILS}
        return Figure(value=float(dataset[()]), unit=unit, status=status, reason=reason, **details)
    return Figure(
        value=float(dataset[()]),
        unit=text(attributes["units"]),
        status=text(attributes["status"]),
        reason=text(attributes.get("reason", "")),
        **{name: float(attributes[name]) for name in _DETAILS if name in attributes},
    )


#: The same as one data set of rows, in an analysis.
FIGURES = "figures"
_TEXTS, _NUMBERS = ("name", "unit", "status", "reason"), ("value", *_DETAILS)
_UNITS = {"value": "unit", "uncertainty": "unit", "expanded_uncertainty": "unit", "coverage_factor": "1"} | {
    "voltage": "V",
    "current_density": "A/m^2",
    "luminance": "cd/m^2",
}


def write_figure_rows(entry: h5py.Group, figures: Mapping[str, Figure], points: Columns) -> None:
    """The figures of merit as one data set of rows, and of which branch and cycle of the ``points`` they are."""
    ordered = sorted(figures.items())
    texts = [[storable(one).encode() for one in (name, f.unit, f.status, f.reason)] for name, f in ordered]
    widths = [max(map(len, column), default=1) for column in zip(*texts, strict=True)] or [1] * len(_TEXTS)
    kinds = [(name, f"S{max(width, 1)}") for name, width in zip(_TEXTS, widths, strict=True)]
    rows = np.empty(len(ordered), [*kinds, *((name, "<f8") for name in _NUMBERS)])
    numbers = ([getattr(figure, name) for name in _NUMBERS] for _, figure in ordered)
    rows[:] = [(*some, *others) for some, others in zip(texts, numbers, strict=True)]
    dataset = write_column(entry, FIGURES, rows, json.dumps(_UNITS))
    branch, cycle = source_of_figures(points)
    set_text(dataset, "branch", str(branch))
    set_number(dataset, "cycle", cycle)


def read_figure_rows(entry: h5py.Group) -> dict[str, Figure]:
    """The figures of merit of an analysis.

    :raises ValueError: they make no sense.
    """
    rows = entry[FIGURES][()]
    if rows.ndim != 1 or set(rows.dtype.names or ()) < {*_TEXTS, *_NUMBERS}:
        raise ValueError(f"{FIGURES} of an analysis holds what it must not")
    columns = ([text(one) for one in rows[name].tolist()] for name in _TEXTS)
    numbers = zip(*(rows[name].tolist() for name in _NUMBERS), strict=True)
    return {
        name: Figure(unit=unit, status=status, reason=reason, **dict(zip(_NUMBERS, values, strict=True)))
        for name, unit, status, reason, values in zip(*columns, numbers, strict=True)
    }


def text(value: Any, longest: int = LONGEST_TEXT) -> str:
    """A text of a file, of at most so many bytes.

    :raises ValueError: it is longer.
    """
    if len(value) > longest:
        raise ValueError(f"it holds a text of {len(value)} bytes")
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)
