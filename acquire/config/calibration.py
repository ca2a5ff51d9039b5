"""The calibration file: what turns the photodiode's current into luminance, and when that was found out."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field
from pydantic_core import PydanticCustomError

from acquire.config.quantities import Fraction, Luminance, Metres, Quantity, Seconds, SquareMetres
from acquire.config.section import Section
from acquire.safety.visible import shortened

HalfAngle = Annotated[float, Quantity("deg", "5 deg", above=0.0, most=90.0)]
Change = Annotated[float, Quantity("", "-0.05 %")]
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

    model: str = Field(default="", description="Maker and type.", examples=["silicon, 10 mm x 10 mm"])
    serial: str = Field(min_length=1, description="Serial number, or how this one is told apart.", examples=["A1234"])


class Geometry(Section):
    """First principles: I_pd = G I[L_lambda R] with the etendue G of the arrangement.

    ``coaxial_discs`` and ``small_source`` need detector_area and distance, ``half_angle`` the half angle under
    which the detector is seen. The emitting area is the sample's.
    """

    shape: Literal["coaxial_discs", "small_source", "half_angle"] = Field(description="Which formula holds.")
    detector_area: SquareMetres | None = Field(
        default=None, description="Sensitive area of the photodiode.", examples=["100 mm^2"]
    )
    distance: Metres | None = Field(default=None, description="Device to photodiode.")
    half_angle: HalfAngle | None = Field(default=None, description="Half angle of the cone that the detector fills.")
    uncertainty: Fraction = Field(default=0.0, description="Relative standard uncertainty of the etendue.")


class Linearity(Section):
    """Whether k_L is one number: how ln(L/s) moved with ln L and with time, each with its standard uncertainty."""

    level: Change = Field(description="d ln(L/s)/d ln L; 0 for a linear channel.")
    level_uncertainty: Change = Field(description="Its standard uncertainty (k = 1).", examples=["0.05 %"])
    drift: Change = Field(description="Change of ln(L/s) from the first to the last spectrum.")
    drift_uncertainty: Change = Field(description="Its standard uncertainty (k = 1).", examples=["0.05 %"])
    duration: Seconds = Field(description="From the first to the last spectrum.", examples=["5 min"])


class LuminanceFactor(Section):
    """Luminance per photocurrent, found against a spectroradiometer on a device in this very place."""

    factor: LuminancePerCurrent = Field(description="k_L, luminance per photocurrent.")
    uncertainty: Fraction | None = Field(
        default=None,
        description="Relative standard uncertainty of k_L (statistics); not given: unknown, and that of L with it.",
    )
    levels: int | None = Field(default=None, ge=1, description="Number of levels at which it was found.", examples=[7])
    degrees_of_freedom: int | None = Field(
        default=None, ge=1, description="Of the uncertainty, for Student's t; not given: taken for many.", examples=[6]
    )
    luminance_from: Luminance | None = Field(
        default=None, description="Lowest luminance at which it was found.", examples=["50 cd/m^2"]
    )
    luminance_to: Luminance | None = Field(
        default=None, description="Highest luminance at which it was found.", examples=["10000 cd/m^2"]
    )
    linearity: Linearity | None = Field(default=None, description="Test of linearity; not given: not tested.")
    spectrum: str | None = Field(
        default=None,
        description="CSV wavelength_nm, relative power per nm of the device used; for the mismatch correction. Without "
        "'responsivity' that of silicon in general stands in, with its own uncertainty.",
        examples=["green_device.csv"],
    )


class Origin(Section):
    """The run that a calibration was made from, by ``acquire calibrate``; for the record."""

    run_id: str = Field(min_length=1, description="Identity of the run.", examples=["2acaeb90"])
    run_file: str = Field(min_length=1, description="Name of its file.", examples=["20260331T101500_green_2acaeb90.h5"])
    run_sha256: str = Field(
        pattern="^[0-9a-f]{64}$", description="SHA-256 of that file.", examples=["0123456789abcdef" * 4]
    )
    sample: str = Field(default="", description="The device that shone.", examples=["green device 7"])
    bench: str = Field(default="", description="Name of the bench.", examples=["bench in room 12"])
    simulated: bool = Field(default=False, description="Whether the bench was a simulated one.")
    instruments: dict[str, str] = Field(
        default_factory=dict,
        description="Identity and address of each, by role.",
        examples=[{"smu": "KEITHLEY MODEL 2400, GPIB0::24::INSTR"}],
    )


class CalibrationFile(Section):
    """A calibration file: either ``geometry`` or ``luminance_factor``."""

    kind: Literal["calibration"] = Field(description="What sort of file this is.")
    id: str = Field(
        min_length=1, description="Name under which runs cite this calibration.", examples=["photodiode-2026-03"]
    )
    date: Day = Field(description="When it was made, like 2026-03-31.")
    valid_until: Day | None = Field(default=None, description="Last day on which it may be used; not given: no end.")
    detector: Detector
    responsivity: str | None = Field(
        default=None,
        description="CSV wavelength_nm, responsivity_A_W, relative to this file; geometry needs it.",
        examples=["photodiode_responsivity.csv"],
    )
    responsivity_uncertainty: Fraction = Field(
        default=0.0, description="Relative standard uncertainty (k = 1) of the responsivity at each wavelength."
    )
    geometry: Geometry | None = Field(default=None, description="Luminance from geometry and responsivity.")
    luminance_factor: LuminanceFactor | None = Field(default=None, description="Luminance from a measured factor.")
    origin: Origin | None = Field(default=None, description="The run it was made from; not given: made by hand.")
    notes: str = Field(
        default="", description="How it was done, certificate numbers.", examples=["certificate 2026-0117"]
    )
