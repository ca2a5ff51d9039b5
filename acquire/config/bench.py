"""The bench file: where things are, how they are wired, and what must never be exceeded. One file a bench."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, PlainValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

from acquire.config.quantities import (
    Fraction,
    Hertz,
    Metres,
    Ohms,
    PositiveOhms,
    PositiveSeconds,
    PositiveVolts,
    Quantity,
    Seconds,
    SquareMetres,
    VoltsPerAmpere,
    Watts,
)
from acquire.config.section import Section
from acquire.config.source_quantities import LimitCurrent, LimitVoltage

PhotodiodeCurrent = Annotated[float, Quantity("A", "20 pA", least=0.0)]
DarkDrift = Annotated[float, Quantity("A/s^0.5", "0.02 pA/s^0.5", least=0.0)]
WavelengthUncertainty = Annotated[float, Quantity("nm", "0.17 nm", least=0.0)]
MeasuringAngle = Annotated[float, Quantity("deg", "0.2 deg", above=0.0)]


HealthScatter = Annotated[float, Quantity("", "0.3 %", above=0.0, most=0.1)]
DeviceAngle = Annotated[float, Quantity("deg", "30 deg", least=-90.0, most=90.0)]


def _whole_number(value: Any) -> Any:
    return int(value) if isinstance(value, str) and value.isdecimal() else value


BaudRate = Annotated[
    Literal[300, 600, 1200, 2400, 4800, 9600, 19200, 38400, 57600, 115200], BeforeValidator(_whole_number)
]


RelayNumber = Annotated[int, Field(ge=1, le=64), BeforeValidator(_whole_number)]


class SerialLine(Section):
    """RS-232 settings as chosen in the instrument's own menu; only for ASRL resources."""

    baud_rate: BaudRate | None = Field(
        default=None, description="Not given: 9600 (2400), 4800 (2000), 115200 (CS-2000A)."
    )
    terminator: Literal["CR", "LF", "CRLF"] | None = Field(
        default=None, description="End of a message; not given: CR for the Keithleys, LF for the CS-2000A."
    )
    flow_control: Literal["none", "xon_xoff", "rts_cts"] | None = Field(
        default=None, description="Not given: none. The CS-2000A wants rts_cts on RS-232C, not over USB."
    )


class SourceMeter(Section):
    """The source-measure unit."""

    model: Literal["keithley2400"] = Field(description="Which driver speaks with it.")
    resource: str = Field(
        min_length=1, description="VISA address, e.g. GPIB0::24::INSTR or ASRL1::INSTR.", examples=["GPIB0::24::INSTR"]
    )
    timeout: PositiveSeconds = Field(
        default=10.0,
        description="Longest wait for a reply; during a run never more than 2 s beyond the reading time.",
    )
    terminals: Literal["front", "rear"] = Field(default="front", description="Where the device is connected.")
    four_wire: bool = Field(default=False, description="Remote sense; takes the leads out of the voltage.")
    lead_resistance: Ohms = Field(
        default=0.0,
        description="Two-wire: of both leads together, electrodes of the sample outside the pixel included; "
        "current x this is taken out of the voltage.",
        examples=["10 ohm"],
    )
    lead_resistance_uncertainty: Ohms = Field(
        default=0.0, description="Standard uncertainty (k = 1) of it.", examples=["1 ohm"]
    )
    line_frequency: Hertz = Field(
        default=50.0, description="50 Hz or 60 Hz mains; the length of a power-line cycle.", examples=["60 Hz"]
    )
    output_off_state: Literal["normal", "zero", "guard", "high_impedance"] = Field(
        default="normal", description="What the terminals do when the output is off (high_impedance wears the relay)."
    )
    interlock: bool = Field(
        default=False, description="Output enable line at the digital port: an open line switches the output off."
    )
    over_voltage_protection: PositiveVolts | None = Field(
        default=None,
        description="Hardware limit of the source: 20, 40, 60, 80, 100, 120 or 160 V; not given: none.",
        examples=["20 V"],
    )
    serial: SerialLine | None = Field(
        default=None, description="Only for ASRL resources; not given: as from the factory."
    )


class PhotodiodeMeter(Section):
    """The multimeter that reads the photodiode."""

    model: Literal["keithley2000"] = Field(description="Which driver speaks with it.")
    resource: str = Field(
        min_length=1, description="VISA address, e.g. GPIB0::16::INSTR.", examples=["GPIB0::16::INSTR"]
    )
    timeout: PositiveSeconds = Field(
        default=10.0,
        description="Longest wait for a reply; during a run never more than 2 s beyond the reading time.",
    )
    terminals: Literal["front", "rear"] = Field(default="front", description="Position of the INPUTS switch; checked.")
    serial: SerialLine | None = Field(
        default=None, description="Only for ASRL resources; not given: as from the factory."
    )


class Spectroradiometer(Section):
    """The spectroradiometer and how it looks at the device."""

    model: Literal["cs2000a"] = Field(description="Which driver speaks with it.")
    resource: str = Field(
        min_length=1, description="VISA address of its (USB) serial port, e.g. ASRL3::INSTR.", examples=["ASRL3::INSTR"]
    )
    timeout: PositiveSeconds = Field(default=20.0, description="Longest wait for a reply beyond the announced time.")
    measuring_angle: MeasuringAngle = Field(
        default=0.2,
        description="Position of the aperture knob: 1, 0.2 or 0.1 deg; checked. The spot must fit the pixel.",
    )
    distance: Metres | None = Field(
        default=None,
        description="Front ring of the lens to the device; not given: as near as it can be focused. For the spot.",
        examples=["350 mm"],
    )
    close_up_lens: bool = Field(default=False, description="Whether the close-up lens is fitted.")
    external_nd: Literal["none", "1/10", "1/100"] = Field(
        default="none", description="Neutral density filter before the lens."
    )
    calibration_channel: int = Field(default=0, ge=0, le=10, description="0: factory calibration; 1-10: user channels.")
    serial: SerialLine | None = Field(default=None, description="For RS-232C; over USB any setting works.")


class SurroundingsLogger(Section):
    """The logger of temperature and humidity beside the bench; no run waits for it."""

    model: Literal["hmp110"] = Field(description="Which driver speaks with it.")
    resource: str = Field(min_length=1, description="VISA address, e.g. ASRL4::INSTR.", examples=["ASRL4::INSTR"])
    timeout: PositiveSeconds = Field(default=2.0, description="Longest wait for its first reply, before a run begins.")
    serial: SerialLine | None = Field(
        default=None, description="Only for ASRL resources; not given: as from the factory."
    )


class PixelSwitch(Section):
    """The switch that connects one pixel of a substrate at a time."""

    model: Literal["relay_board"] = Field(description="Which driver speaks with it.")
    resource: str = Field(min_length=1, description="VISA address, e.g. ASRL5::INSTR.", examples=["ASRL5::INSTR"])
    timeout: PositiveSeconds = Field(default=2.0, description="Longest wait for a reply.")
    pixels: dict[str, RelayNumber] = Field(
        min_length=1, description="Which relay connects which pixel.", examples=[{"A": 1, "B": 2}]
    )
    settle: Seconds = Field(default=0.02, description="From a relay's closing to a quiet contact.")
    serial: SerialLine | None = Field(
        default=None, description="Only for ASRL resources; not given: as from the factory."
    )


Instrument = SourceMeter | PhotodiodeMeter | Spectroradiometer | PixelSwitch | SurroundingsLogger


class Instruments(Section):
    """The roles on this bench."""

    smu: SourceMeter
    photodiode_meter: PhotodiodeMeter
    spectroradiometer: Spectroradiometer | None = Field(
        default=None, description="Not given: no spectra on this bench."
    )
    pixel_switch: PixelSwitch | None = Field(default=None, description="Not given: pixels are connected by hand.")
    surroundings: SurroundingsLogger | None = Field(
        default=None, description="Not given: temperature and humidity are not logged."
    )

    @property
    def by_role(self) -> dict[str, Instrument]:
        """The instruments that this bench has, by role."""
        return {role: there for role in type(self).model_fields if (there := getattr(self, role)) is not None}


class PhotodiodeChannel(Section):
    """From photocurrent to the voltage that the meter reads, and back to light."""

    luminance: Literal["calibrated", "from_spectra", "spectroradiometer"] | None = Field(
        default=None,
        description="calibrated: by the calibration file. from_spectra: by the spectra of the run itself. "
        "spectroradiometer: absolute spectra alone. Not given: calibrated with a calibration file, else "
        "spectroradiometer.",
    )
    amplifier: VoltsPerAmpere | None = Field(
        default=None,
        description="Transimpedance of the amplifier, negative if it inverts. Either this, shunt or current.",
    )
    amplifier_gain: VoltsPerAmpere | None = Field(default=None, description="Former name of amplifier.")
    shunt: PositiveOhms | None = Field(default=None, description="Resistor across the photodiode, read in volts.")
    current: bool = Field(default=False, description="true: the meter itself reads the photocurrent, in amperes.")
    amplifier_limit: PositiveVolts | None = Field(
        default=None,
        description="Largest magnitude that the amplifier puts out; not given: not known. There its voltage stands "
        "still, far below what the meter calls overflow.",
    )
    calibration: str | None = Field(
        default=None,
        description="Calibration file, relative to this file; with luminance: from_spectra none is needed.",
        examples=["../calibrations/photodiode_2026-03-31.yaml"],
    )
    calibration_valid_days: int = Field(
        default=90, ge=1, description="For how many days a calibration made here by acquire calibrate is good."
    )

    @property
    def connection(self) -> Literal["amplifier", "shunt", "current"]:
        """How the meter sees the photocurrent."""
        if self.current:
            return "current"
        return "amplifier" if self.shunt is None else "shunt"

    @property
    def transfer(self) -> float:
        """What the meter reads per photocurrent: V/A, of either sign; 1 (A/A) where it reads the current itself."""
        if self.current:
            return 1.0
        given = next(value for value in (self.amplifier, self.amplifier_gain, self.shunt) if value is not None)
        return float(given)

    @property
    def meter_unit(self) -> Literal["V", "A"]:
        """The unit of what the meter reads."""
        return "A" if self.current else "V"

    @property
    def luminance_route(self) -> Literal["calibrated", "from_spectra", "spectroradiometer"]:
        """Where luminance comes from."""
        return self.luminance or ("spectroradiometer" if self.calibration is None else "calibrated")


class EmissiveArea(Section):
    """Pixel areas that are likely on this bench; any other is asked about: most are a slip of the unit."""

    smallest: SquareMetres = Field(default=1e-8, description="A smaller one is asked about.", examples=["0.01 mm^2"])
    largest: SquareMetres = Field(default=4e-4, description="A larger one is asked about.", examples=["4 cm^2"])


class Limits(Section):
    """What is never exceeded on this bench, whatever a sweep says; magnitudes."""

    voltage: LimitVoltage = Field(description="Largest level, compliance and dark level.", examples=["12 V"])
    current: LimitCurrent = Field(description="Largest level and compliance.", examples=["105 mA"])
    power: Watts | None = Field(
        default=None, description="Largest level x compliance; not given: no limit of its own.", examples=["1.3 W"]
    )


class Health(Section):
    """How checks of this bench are kept and judged (acquire health)."""

    history: str = Field(
        default="runs", min_length=1, description="Folder for the history of checks, inside the current folder."
    )
    scatter: HealthScatter = Field(
        default=0.003,
        description="By how much photodiode over spectroradiometer scatters from check to check on the stable source "
        "(standard deviation); counts until the checks themselves contradict it.",
    )


class Uncertainty(Section):
    """Relative standard uncertainties (k = 1) that are common to all points.

    Defaults: limits +-a without a distribution count as a/sqrt(3) (JCGM 100:2008, 4.3.7): 2 % absolute scale,
    0.2 % linearity and 0.3 nm wavelength of the CS-2000A; 1 % spot and uniformity; 0.5 % repositioning.
    """

    luminance_scale: Fraction = Field(default=0.0115470, description="Absolute luminance scale; 2 %/sqrt(3).")
    uniformity: Fraction = Field(default=0.01, description="Spot inside the pixel, uniformity of the emission.")
    repositioning: Fraction = Field(default=0.005, description="Putting the next device into the same place.")
    linearity: Fraction = Field(default=0.0011547, description="Linearity of the luminance channel; 0.2 %/sqrt(3).")
    wavelength: WavelengthUncertainty = Field(default=0.173205, description="Wavelength scale; 0.3 nm/sqrt(3).")
    angular_factor: Fraction = Field(
        default=0.0, description="Of F = 1 (Lambertian); 0: not in the budget. +-5 % would be 2.887 %."
    )


class Moved(Section):
    """The photodiode is pushed while a run goes on."""

    after: Seconds = Field(description="Since the simulated bench was switched on.", examples=["20 s"])
    distance: Metres = Field(description="Device to photodiode from then on.", examples=["120 mm"])


class PhotodiodeTruth(Section):
    """The photodiode as it really is on the simulated bench (its calibration may say something else)."""

    distance: Metres = Field(default=0.1, description="Device to photodiode, coaxial discs.")
    area: SquareMetres = Field(default=1e-4, description="Sensitive area.", examples=["100 mm^2"])
    gain: VoltsPerAmpere = Field(default=5e6, description="Amplifier or shunt; negative: it inverts.")
    rail: PositiveVolts | None = Field(
        default=None, description="The amplifier puts out no more than this; not given: any voltage."
    )
    moved: Moved | None = Field(default=None, description="Not given: it stays where it is.")
    dark_current: PhotodiodeCurrent = Field(default=2e-11, description="Photocurrent without light.")
    dark_drift: DarkDrift = Field(default=2e-14, description="Random walk of the dark current.")


def _option(value: Any) -> bool | int | float | str:
    """A twin's option: a truth value, a number or a text, by how it is written."""
    if isinstance(value, (bool, int, float)):
        return value
    if not isinstance(value, str):
        raise PydanticCustomError("option", "an option must be one value")
    for read in ({"true": True, "false": False}.__getitem__, int, float):
        try:
            return read(value)
        except (KeyError, ValueError):
            continue
    return value


Option = Annotated[
    bool | int | float | str,
    PlainValidator(_option),
    WithJsonSchema({"type": ["boolean", "number", "string"]}),
]


class TwinOptions(Section):
    """Switches of the simulated instruments, by the names of their option classes."""

    smu: dict[str, Option] = Field(
        default_factory=dict, description="Of the simulated 2400.", examples=[{"latency": 0.005}]
    )
    photodiode_meter: dict[str, Option] = Field(
        default_factory=dict, description="Of the simulated 2000.", examples=[{"line_frequency": 60}]
    )
    spectroradiometer: dict[str, Option] = Field(
        default_factory=dict, description="Of the simulated CS-2000A.", examples=[{"dark_surround": True}]
    )
    surroundings: dict[str, Option] = Field(
        default_factory=dict, description="Of the simulated HMP110, and the room.", examples=[{"temperature": 22.6}]
    )
    pixel_switch: dict[str, Option] = Field(
        default_factory=dict, description="Of the simulated relay board.", examples=[{"relays": 16}]
    )


class Simulation(Section):
    """The simulated bench; only with ``visa: simulated``."""

    device: str | None = Field(
        default=None,
        description="Device file, relative to this file, for sweeps that name none.",
        examples=["../devices/sppo13.yaml"],
    )
    seed: int = Field(default=1, ge=0, description="Same seed, same noise.")
    noise: bool = Field(default=True, description="Whether the simulated meters are noisy.")
    instant: bool = Field(default=False, description="Simulated readings take no simulated time.")
    lead_resistance: Ohms = Field(
        default=0.0, description="In the leads to the device; 4-wire sensing takes it out.", examples=["10 ohm"]
    )
    device_angle: DeviceAngle = Field(
        default=0.0, description="How far the device is turned away from the spectroradiometer."
    )
    photodiode: PhotodiodeTruth = Field(default_factory=PhotodiodeTruth)
    options: TwinOptions = Field(default_factory=TwinOptions)


class BenchFile(Section):
    """A bench file."""

    kind: Literal["bench"] = Field(description="What sort of file this is.")
    name: str = Field(min_length=1, description="Name of the bench, for the record.", examples=["bench in room 12"])
    visa: str = Field(
        default="",
        description="Empty: the installed VISA; @py: pyvisa-py; simulated; or a library's path.",
        examples=["@py"],
    )
    instruments: Instruments
    twins: bool = Field(
        default=False,
        description="Whether `acquire simulate` answers at these addresses (it writes this): then the example "
        "calibration is right.",
    )
    trigger_link: bool = Field(
        default=False, description="Whether the trigger-link cable joins smu and photodiode_meter."
    )
    photodiode: PhotodiodeChannel
    emissive_area: EmissiveArea = Field(default_factory=EmissiveArea)
    limits: Limits
    uncertainty: Uncertainty = Field(default_factory=Uncertainty)
    health: Health = Field(default_factory=Health)
    simulation: Simulation = Field(default_factory=Simulation)

    @property
    def simulated(self) -> bool:
        """Whether the instruments are twins in this very process, on virtual time."""
        return self.visa == "simulated"

    @property
    def of_twins(self) -> bool:
        """Whether the instruments are twins, here or behind ports."""
        return self.simulated or self.twins
