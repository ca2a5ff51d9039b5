"""What figures say of the angular factor in them. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from math import isfinite

from acquire.evaluation.calibration import LAMBERTIAN, Calibration
from acquire.evaluation.figure import Figure

_BY_PHOTONS = ("external_quantum_efficiency",)
_BY_EYE = ("power_efficiency", "wall_plug_efficiency")


def with_angular_factor(figures: Mapping[str, Figure], calibration: Calibration) -> dict[str, Figure]:
    """The figures, of which those that count the light of all directions say by which angular factor."""
    conditions = calibration.conditions
    by_photons = _remark(conditions.angular_factor, calibration)
    by_eye = _remark(conditions.luminous_angular_factor, calibration)
    return {
        name: _with_remark(figure, by_photons)
        if name.startswith(_BY_PHOTONS)
        else _with_remark(figure, by_eye)
        if name.startswith(_BY_EYE)
        else figure
        for name, figure in figures.items()
    }


def _with_remark(figure: Figure, remark: str) -> Figure:
    if not isfinite(figure.value):
        return figure
    return replace(figure, reason=f"{figure.reason}; {remark}" if figure.reason else remark)


def _remark(factor: float, calibration: Calibration) -> str:
    """F with its uncertainty and where it comes from."""
    relative, source = calibration.uncertainty.angular_factor, calibration.conditions.angular_factor_source
    if source == LAMBERTIAN:
        known = f"u(F) {relative:.2%}" if relative else "its uncertainty is not in the budget"
        return f"F = 1 assumed (Lambertian), {known}"
    return f"F = {factor:.4f}, u {relative:.2%}, {source}"
