"""Figures of merit as the service tells them: with what people call them, the most wanted first. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from acquire.photometry.customary_units import OF_TRANSPORT, PAPER, figure_title, quantity_of_figure

_FIRST = {name: place for place, name in enumerate((*PAPER, *OF_TRANSPORT))}


def plain_figures(figures: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Figures as JSON objects by name, each with its title and quantity; those of a paper's table first."""
    order = sorted(figures, key=lambda name: (_FIRST.get(name, len(_FIRST)), name))
    return {name: {**figures[name], **_named(name)} for name in order}


def _named(name: str) -> dict[str, str]:
    """What people call a figure and its quantity; its name where a newer program made it."""
    try:
        return {"title": figure_title(name), "quantity": quantity_of_figure(name)}
    except KeyError:
        return {"title": name.replace("_", " "), "quantity": ""}


def spectrum_of(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row of the spectra with its wavelengths [nm] as a list."""
    start, step = row["wavelength_start"], row["wavelength_step"]
    return {**row, "wavelength": [start + step * index for index in range(len(row["spectral_radiance"]))]}
