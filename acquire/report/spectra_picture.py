"""EL spectra: of one run all of them, absolute and normalised; of several runs the one near 100 cd/m^2 of each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import cycle
from math import floor, log10
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from acquire.photometry.grid import WAVELENGTH
from acquire.records import Branch, FloatArray, Spectrum
from acquire.report.captions import Told
from acquire.report.drawing import Look, number_decades, set_decades, title_of, typeset
from acquire.report.style import DOUBLE, NothingToDraw, new_figure
from acquire.run_file.read import Run

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: The luminance at which spectra are compared, cd/m^2.
COMPARED_AT = 100.0

#: So many decades below the least of the peaks an absolute spectrum is drawn.
_BELOW_PEAK = 1e-2

#: A normalised spectrum is drawn from here to as far above its peak, 1.
_NORMALISED = (-0.04, 1.08)


#: So many spectra of a run, evenly chosen, and the one nearest 100 cd/m^2 have a name in the legend.
MOST_LABELLED = 8

#: Lines of several runs, which have no marks, are told apart by these as well.
_LINES = ("-", "--", "-.", ":")

_THIN, _THICK = 0.8, 2.0  # points


def nearest_to(spectra: Sequence[Spectrum], luminance: float = COMPARED_AT) -> Spectrum | None:
    """The spectrum whose luminance is nearest by its logarithm; None where none has one."""
    bright = [one for one in spectra if one.luminance > 0 and _peak(one) > 0]
    return min(bright, key=lambda one: abs(np.log(one.luminance / luminance)), default=None)


def spectrum_label(run: Run, spectrum: Spectrum) -> str:
    """By what a spectrum is known: "108.0 cd/m^2, 6.00 V, reverse", or afterwards; forward goes without saying."""
    at = spectrum.point_index
    voltage = run.tables["jvl"]["voltage"][at] if 0 <= at < run.points and not run.rows.get("lifetime") else np.nan
    known = f", {voltage:.2f} V" if np.isfinite(voltage) else ""
    known += {Branch.REVERSE: ", reverse", Branch.AFTERWARDS: ", afterwards"}.get(spectrum.branch, "")
    return f"{_luminance(spectrum.luminance)}{known}"


def _luminance(value: float) -> str:
    """Four digits of a luminance, without an exponent."""
    if not value > 0:
        return "no luminance"
    return typeset(f"{value:.{max(0, 3 - floor(log10(value)))}f} cd/m^2")


def _peak(spectrum: Spectrum) -> float:
    known = spectrum.spectral_radiance[np.isfinite(spectrum.spectral_radiance)]
    return float(known.max()) if known.size else np.nan


class Line(NamedTuple):
    """A spectrum as it is drawn; ``look`` without a marker, ``width`` in points, more for the one that is marked."""

    run: Run
    spectrum: Spectrum
    look: Look
    label: str
    width: float


def lines_of(named: Sequence[tuple[Run, str, Look]], told: Told) -> list[Line]:
    """What is drawn of the spectra of runs: all of one, and of several the one of each nearest 100 cd/m^2.

    :raises NothingToDraw: no run has a spectrum with light in it.
    """
    lines = _of_one(named[0][0], told) if len(named) == 1 else list(_of_several(named, told))
    if not lines:
        raise NothingToDraw(_why([run for run, _, _ in named]))
    return lines


def draw_spectra(lines: Sequence[Line]) -> Figure:
    """Absolute on the left, on a logarithmic axis, and normalised to the largest sample on the right."""
    figure = new_figure(DOUBLE, 72.0)
    absolute, normalised = figure.subplots(1, 2)
    set_decades(absolute.yaxis)
    for line in lines:
        for axes, divisor in ((absolute, 1.0), (normalised, _peak(line.spectrum))):
            _draw_line(axes, line, line.spectrum.spectral_radiance / divisor)
    peaks = [_peak(line.spectrum) for line in lines]
    absolute.set_ylim(min(peaks) * _BELOW_PEAK, max(peaks) * 2.0)
    number_decades(absolute.yaxis)
    normalised.set_ylim(*_NORMALISED)
    for axes, quantity in ((absolute, "spectral_radiance"), (normalised, "normalised_spectrum")):
        axes.set_xlabel(title_of("wavelength"))
        axes.set_ylabel(title_of(quantity))
        axes.set_xlim(float(WAVELENGTH[0]), float(WAVELENGTH[-1]))
    return figure


def _draw_line(axes: Axes, line: Line, values: FloatArray) -> None:
    shown = np.where(values > 0, values, np.nan) if axes.get_yscale() == "log" else values
    style: dict[str, Any] = {"label": line.label, "linewidth": line.width, "zorder": 3.0 - line.width}
    axes.plot(WAVELENGTH, shown, line.look.line, color=line.look.colour, **style)


def _of_one(run: Run, told: Told) -> list[Line]:
    """All spectra of a run from dark to bright; the one nearest 100 cd/m^2 black and thick, behind the others."""
    import matplotlib

    shown = sorted((one for one in run.spectra if _peak(one) > 0), key=_peak)
    marked = nearest_to(shown)
    _count_dark(run, told)
    if marked is not None:
        told.more.append(f"Black: the spectrum nearest {typeset('100 cd/m^2')}")
    colours = matplotlib.colormaps["viridis"](np.linspace(0.0, 0.9, max(len(shown), 1)))
    labelled = {*np.linspace(0, len(shown) - 1, MOST_LABELLED).round().astype(int).tolist()}
    lines = []
    for place, (one, colour) in enumerate(zip(shown, colours, strict=False)):
        known = place in labelled or one is marked
        look, width = (Look("black"), _THICK) if one is marked else (Look(tuple(colour)), _THIN)
        lines.append(Line(run, one, look, spectrum_label(run, one) if known else f"_{place}", width))
    return lines


def _of_several(named: Sequence[tuple[Run, str, Look]], told: Told) -> Iterator[Line]:
    """One spectrum of each run, the one nearest 100 cd/m^2."""
    behind = sum(look.behind for _, _, look in named)
    for (run, label, look), line in zip(named, cycle(_LINES), strict=False):
        spectrum = nearest_to(run.spectra)
        if spectrum is None:
            told.more.append(f"{label}: no spectrum")
        else:
            told_apart = replace(look, line=line)
            name = f"{label}: {spectrum_label(run, spectrum)}" if not look.behind else f"{behind} more"
            yield Line(run, spectrum, told_apart, name, _THIN)


def _count_dark(run: Run, told: Told) -> None:
    dark = sum(not _peak(one) > 0 for one in run.spectra)
    if dark:
        told.more.append(f"Left out: {dark} of {len(run.spectra)} spectra without light")


def _why(runs: Sequence[Run]) -> str:
    taken = sum(len(run.spectra) for run in runs)
    return f"none of {taken} spectra has any light" if taken else "no spectrum was taken"
