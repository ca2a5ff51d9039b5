"""EL spectra: of one run all of them, absolute and normalised; of several runs the one near 100 cd/m^2 of each."""

from __future__ import annotations

from collections.abc import Sequence
from math import floor, log10
from typing import TYPE_CHECKING

import numpy as np

from acquire.photometry.grid import WAVELENGTH
from acquire.records import FloatArray, Spectrum
from acquire.report.drawing import Look, Told, set_decades, title_of, typeset
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


_THIN, _THICK = 0.8, 2.0  # points


def nearest_to(spectra: Sequence[Spectrum], luminance: float = COMPARED_AT) -> Spectrum | None:
    """The spectrum whose luminance is nearest by its logarithm; None where none has one."""
    bright = [one for one in spectra if one.luminance > 0 and _peak(one) > 0]
    return min(bright, key=lambda one: abs(np.log(one.luminance / luminance)), default=None)


def spectrum_label(run: Run, spectrum: Spectrum) -> str:
    """By what a spectrum is known: "108 cd/m^2, 6.00 V"."""
    at = spectrum.point_index
    voltage = run.tables["jvl"]["voltage"][at] if 0 <= at < run.points else np.nan
    known = f", {voltage:.2f} V" if np.isfinite(voltage) else ""
    digits = max(0, 3 - floor(log10(spectrum.luminance))) if spectrum.luminance > 0 else 0
    return typeset(f"{spectrum.luminance:.{digits}f} cd/m^2{known}")


def _peak(spectrum: Spectrum) -> float:
    known = spectrum.spectral_radiance[np.isfinite(spectrum.spectral_radiance)]
    return float(known.max()) if known.size else np.nan


def draw_spectra(named: Sequence[tuple[Run, str, Look]], told: Told) -> Figure:
    """Absolute on the left, on a logarithmic axis, and normalised to the largest sample on the right.

    :raises NothingToDraw: no run has a spectrum with light in it.
    """
    drawn = _of_one(*named[0], told) if len(named) == 1 else _of_several(named, told)
    if not drawn:
        raise NothingToDraw(_why([run for run, _, _ in named]))
    figure = new_figure(DOUBLE, 72.0)
    absolute, normalised = figure.subplots(1, 2)
    set_decades(absolute.yaxis)
    for spectrum, look, label, width in drawn:
        for axes, divisor in ((absolute, 1.0), (normalised, _peak(spectrum))):
            _draw_line(axes, spectrum.spectral_radiance / divisor, look, label, width)
    peaks = [_peak(spectrum) for spectrum, *_ in drawn]
    absolute.set_ylim(min(peaks) * _BELOW_PEAK, max(peaks) * 2.0)
    normalised.set_ylim(*_NORMALISED)
    for axes, quantity in ((absolute, "spectral_radiance"), (normalised, "normalised_spectrum")):
        axes.set_xlabel(title_of("wavelength"))
        axes.set_ylabel(title_of(quantity))
        axes.set_xlim(float(WAVELENGTH[0]), float(WAVELENGTH[-1]))
    return figure


def _draw_line(axes: Axes, values: FloatArray, look: Look, label: str, width: float) -> None:
    above = values > 0 if axes.get_yscale() == "log" else np.isfinite(values)
    axes.plot(
        WAVELENGTH,
        np.where(above, values, np.nan),
        look.line,
        color=look.colour,
        label=label,
        linewidth=width,
        zorder=3.0 - width,
    )


Drawn = list[tuple[Spectrum, Look, str, float]]


def _of_one(run: Run, _label: str, _look: Look, told: Told) -> Drawn:
    """All spectra of a run from dark to bright; the one nearest 100 cd/m^2 black and thick, on top."""
    import matplotlib

    marked = nearest_to(run.spectra)
    shown = sorted((one for one in run.spectra if _peak(one) > 0), key=lambda one: one.luminance)
    _count_dark(run, told)
    colours = matplotlib.colormaps["viridis"](np.linspace(0.0, 0.9, max(len(shown), 1)))
    if marked is not None:
        told.more.append(f"Thick black line: the spectrum nearest {typeset('100 cd/m^2')}")
    return [
        (one, Look("black"), spectrum_label(run, one), _THICK)
        if one is marked
        else (one, Look(colour), spectrum_label(run, one), _THIN)
        for one, colour in zip(shown, colours, strict=False)
    ]


def _of_several(named: Sequence[tuple[Run, str, Look]], told: Told) -> Drawn:
    """One spectrum of each run, the one nearest 100 cd/m^2."""
    lines: Drawn = []
    for run, label, look in named:
        spectrum = nearest_to(run.spectra)
        if spectrum is None:
            told.more.append(f"{label}: no spectrum")
            continue
        lines.append((spectrum, Look(look.colour, "", look.line), f"{label}: {spectrum_label(run, spectrum)}", _THIN))
    return lines


def _count_dark(run: Run, told: Told) -> None:
    dark = sum(not _peak(one) > 0 for one in run.spectra)
    if dark:
        told.more.append(f"Left out: {dark} of {len(run.spectra)} spectra without light")


def _why(runs: Sequence[Run]) -> str:
    taken = sum(len(run.spectra) for run in runs)
    return f"none of {taken} spectra has any light" if taken else "no spectrum was taken"
