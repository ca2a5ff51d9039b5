"""The calibration file: what turns the photodiode's current into luminance, and when that was found out."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field
from pydantic_core import PydanticCustomError

from acquire.config.quantities import Fraction, Metres, Quantity, SquareMetres
from acquire.config.section import Section
from acquire.safety.visible import shortened

HalfAngle = Annotated[float, Quantity("deg", "5 deg", above=0.0, most=90.0)]
LuminancePerCurrent = Annotated[float, Quantity("cd/m^2/A", "1.13e10 cd/m^2/A", above=0.0)]


def _calendar_day(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return date.fromisoformat(value.strip())
    except ValueError:
        raise PydanticCustomError(
            "day", "{message}", {"message": f"'{shortened(value)}' is not a date", "hint": "write it like 2026-03-31"}
        ) from None


Day = Annotated[date, BeforeValidator(_calendar_day)]


class Detector(Section):
    """The photodiode itself."""

    model: str = Field(default="", description="Maker and type.")
    serial: str = Field(min_length=1, description="Serial number, or how this one is told apart.")


class Geometry(Section):
    """First principles: I_pd = G I[L_lambda R] with the etendue G of the arrangement.

    ``coaxial_discs`` and ``small_source`` need detector_area and distance, ``half_angle`` the half angle under
    which the detector is seen. The emitting area is the sample's.
    """

    shape: Literal["coaxial_discs", "small_source", "half_angle"] = Field(description="Which formula holds.")
    detector_area: SquareMetres | None = Field(default=None, description="Sensitive area of the photodiode.")
    distance: Metres | None = Field(default=None, description="Device to photodiode.")
    half_angle: HalfAngle | None = Field(default=None, description="Half angle of the cone that the detector fills.")
    uncertainty: Fraction = Field(default=0.0, description="Relative standard uncertainty of the etendue.")


class LuminanceFactor(Section):
    """Luminance per photocurrent, found against a spectroradiometer on a device in this very place."""

    factor: LuminancePerCurrent = Field(description="k_L, luminance per photocurrent.")
    uncertainty: Fraction = Field(description="Relative standard uncertainty of k_L (statistics).")
    spectrum: str | None = Field(
        default=None,
        description="CSV wavelength_nm, relative power per nm of the device used; for the mismatch correction.",
    )


class CalibrationFile(Section):
    """A calibration file: either ``geometry`` or ``luminance_factor``."""

    kind: Literal["calibration"] = Field(description="What sort of file this is.")
    id: str = Field(min_length=1, description="Name under which runs cite this calibration.")
    date: Day = Field(description="When it was made, like 2026-03-31.")
    valid_until: Day | None = Field(default=None, description="Last day on which it may be used; not given: no end.")
    detector: Detector
    responsivity: str | None = Field(
        default=None, description="CSV wavelength_nm, responsivity_A_W, relative to this file; geometry needs it."
    )
    geometry: Geometry | None = Field(default=None, description="Luminance from geometry and responsivity.")
    luminance_factor: LuminanceFactor | None = Field(default=None, description="Luminance from a measured factor.")
    notes: str = Field(default="", description="How it was done, certificate numbers.")
