"""Pictures of what other instruments measured: impedance spectra, decays of photoluminescence, absorbance of films."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from acquire.photometry.customary_units import QUANTITIES
from acquire.records import FloatArray
from acquire.report.arranging import arrange, legend
from acquire.report.captions import Told
from acquire.report.drawing import Look, ends, looks, number_decades, set_decades
from acquire.report.style import DOUBLE, SINGLE, Style, journal, new_figure
from acquire.spectroscopy.absorbance import ComparedFilms
from acquire.spectroscopy.impedance import JudgedSpectrum
from acquire.spectroscopy.pl_decay import JudgedDecay
from acquire.spectroscopy.roles import ComplexArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: Dots of what was measured.
_DOT: dict[str, Any] = {"linestyle": "none", "marker": "o", "markersize": 2.5}


def impedance_picture(named: Sequence[tuple[str, JudgedSpectrum]], style: Style | None = None) -> Figure:
    """Nyquist on the left; on the right |Z| (full lines) and phase (dashed) against frequency.

    :raises ImportError: matplotlib, the extra ``report``, is not installed.
    """

    def draw(told: Told, chosen: Style) -> Figure:
        figure = new_figure(DOUBLE, 80.0)
        nyquist, modulus = figure.subplots(1, 2)
        phase = modulus.twinx()
        for (name, one), look in zip(named, looks(chosen, len(named)), strict=True):
            _draw_spectrum((nyquist, modulus, phase), one, look, name)
        nyquist.set(xlabel="Re Z (ohm)", ylabel="-Im Z (ohm)")
        nyquist.set_aspect("equal", adjustable="datalim")
        nyquist.axhline(0.0, color="0.8", linewidth=0.5, zorder=0)
        every = np.concatenate([one.spectrum.frequency for _, one in named])
        sizes = np.concatenate([np.abs(one.spectrum.impedance) for _, one in named])
        modulus.set(xlabel=QUANTITIES["frequency"].title, ylabel="|Z| (ohm)")
        _decades(modulus, every, sizes)
        phase.set_ylabel("-phase (deg)")
        told.more.append("Dots: measured; lines: R_s + R_p parallel to C or a constant-phase element; dashed: phase")
        return figure

    return _drawn("Impedance: Nyquist and Bode", draw, style)


def _draw_spectrum(axes: tuple[Axes, Axes, Axes], one: JudgedSpectrum, look: Look, name: str) -> None:
    nyquist, modulus, phase = axes
    measured, frequency = one.spectrum.impedance, one.spectrum.frequency
    fine = np.geomspace(frequency[0], frequency[-1], 300)
    fitted = one.fit.at(fine)
    colour: dict[str, Any] = {"color": look.colour}
    nyquist.plot(measured.real, -measured.imag, label=name, **colour, **_DOT)
    nyquist.plot(fitted.real, -fitted.imag, label=f"_{name}", marker="none", **colour)
    modulus.plot(frequency, np.abs(measured), label=f"_{name}", **colour, **_DOT)
    modulus.plot(fine, np.abs(fitted), label=f"_{name}", marker="none", **colour)
    phase.plot(frequency, _minus_phase(measured), label=f"_{name}", alpha=0.5, **colour, **_DOT)
    phase.plot(fine, _minus_phase(fitted), label=f"_{name}", linestyle="--", marker="none", **colour)


def _minus_phase(impedance: ComplexArray) -> FloatArray:
    return -np.degrees(np.angle(impedance))


def decay_picture(named: Sequence[tuple[str, JudgedDecay]], style: Style | None = None) -> Figure:
    """Counts with the fit and the response on top, residuals in units of their standard deviation below.

    :raises ImportError: matplotlib, the extra ``report``, is not installed.
    """

    def draw(told: Told, chosen: Style) -> Figure:
        figure = new_figure(SINGLE, 110.0)
        upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3.0, 1.0))
        factor = QUANTITIES["pl_time"].factor
        for (name, one), look in zip(named, looks(chosen, len(named)), strict=True):
            time = one.decay.time * factor
            chosen_channels = slice(one.fit.first, one.fit.last)
            style_of_dots = {**_DOT, "markersize": 1.5, "alpha": 0.5}
            upper.plot(time, _above_zero(one.decay.counts), color=look.colour, label=name, **style_of_dots)
            upper.plot(time[chosen_channels], one.fit.expected, color="black", marker="none", label="fit", zorder=3)
            if one.decay.response is not None:
                scale = one.decay.counts.max() / max(float(one.decay.response.max()), 1e-300)
                response = _above_zero(one.decay.response * scale)
                upper.plot(time, response, color="0.6", linewidth=0.7, marker="none", label="response", zorder=1)
            lower.plot(time[chosen_channels], one.fit.residuals, color=look.colour, label="_residuals", **style_of_dots)
        set_decades(upper.yaxis)
        most = max(float(one.decay.counts.max()) for _, one in named)
        least = min(float(one.decay.counts[one.decay.counts > 0].min()) for _, one in named)
        upper.set_ylim(max(least, most * 1e-6) / 2, 2 * most)
        number_decades(upper.yaxis)
        upper.set_ylabel("Counts a channel")
        lower.axhline(0.0, color="0.6", linewidth=0.5)
        lower.set(xlabel=QUANTITIES["pl_time"].title, ylabel="Residual")
        told.more.append("Residuals are signed roots of the deviance: of scatter 1 where only chance is left")
        return figure

    return _drawn("Decay of photoluminescence", draw, style)


def absorbance_picture(
    found: ComparedFilms, names: tuple[str, str] = ("before", "after"), style: Style | None = None
) -> Figure:
    """Both spectra above their baselines, by their names, and their ratio below where there is absorbance enough.

    :raises ImportError: matplotlib, the extra ``report``, is not installed.
    """

    def draw(told: Told, chosen: Style) -> Figure:
        figure = new_figure(SINGLE, 100.0)
        upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(2.0, 1.0))
        first, second = looks(chosen, 2)
        for values, look, name in (
            (found.before - found.baseline_before, first, names[0]),
            (found.after - found.baseline_after, second, names[1]),
        ):
            upper.plot(found.wavelength, values, color=look.colour, marker="none", label=name)
        lower.plot(found.wavelength, found.ratio, color="black", marker="none", label="_ratio")
        for axes in (upper, lower):
            axes.axvline(found.at, color="0.6", linewidth=0.7, linestyle="--", zorder=0)
            for low, high in found.windows:
                axes.axvspan(low, high, color="0.9", linewidth=0, zorder=0)
        upper.set_ylabel(QUANTITIES["absorbance"].title)
        lower.set(xlabel=QUANTITIES["wavelength"].title, ylabel=f"{names[1]}/{names[0]}")
        lower.set_xlim(*ends(found.wavelength, False))
        told.more.append(f"Dashed: {found.at:g} nm; grey: where the baseline was taken, which is subtracted")
        return figure

    return _drawn("Absorbance before and after", draw, style)


def _drawn(title: str, draw: Callable[[Told, Style], Figure], style: Style | None) -> Figure:
    chosen, told = style or journal(), Told()
    with chosen.applied():
        figure = draw(told, chosen)
        arrange(figure, legend(figure, told))
    figure.set_label(told.caption(title))
    return figure


def _decades(axes: Axes, x: FloatArray, y: FloatArray) -> None:
    set_decades(axes.xaxis)
    set_decades(axes.yaxis)
    axes.set_xlim(*ends(x, True))
    axes.set_ylim(*ends(y, True))
    number_decades(axes.xaxis)
    number_decades(axes.yaxis)


def _above_zero(counts: FloatArray) -> FloatArray:
    return np.where(counts > 0, counts, np.nan)
