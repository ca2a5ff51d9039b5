"""Figures of merit in a file: one number a figure, with unit, status, reason, uncertainty and place as attributes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import h5py
import numpy as np

from acquire.evaluation.figure import Figure
from acquire.evaluation.flagged import source_of_figures
from acquire.records import Columns
from acquire.run_file.hdf5 import nx_group, set_number, set_text, write_array
from acquire.run_file.layout import storable

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
        set_text(dataset, "status", figure.status)
        if figure.reason:
            set_text(dataset, "reason", storable(figure.reason))
        for detail in _DETAILS:
            if np.isfinite(value := getattr(figure, detail)):
                set_number(dataset, detail, value)


def read_figures(entry: h5py.Group) -> dict[str, Figure]:
    """The figures of merit of an entry, or of an analysis; none where it has none."""
    return {text(name): figure_in(dataset) for name, dataset in entry.get(PLACE, {}).items()}


def figure_in(dataset: h5py.Dataset) -> Figure:
    """One figure of merit."""
    attributes = dataset.attrs
    return Figure(
        value=float(dataset[()]),
        unit=text(attributes["units"]),
        status=text(attributes["status"]),
        reason=text(attributes.get("reason", "")),
        **{name: float(attributes[name]) for name in _DETAILS if name in attributes},
    )


def text(value: Any, longest: int = LONGEST_TEXT) -> str:
    """A text of a file, of at most so many bytes.

    :raises ValueError: it is longer.
    """
    if len(value) > longest:
        raise ValueError(f"it holds a text of {len(value)} bytes")
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)
