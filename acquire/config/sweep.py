"""The sweep file: what to do with a device. One file a recipe.

Every number below is SI once read (wavelengths stay in nm); in the file it carries its unit.
"""

from __future__ import annotations

from itertools import pairwise
from math import ceil
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    Field,
    GetJsonSchemaHandler,
    ValidationInfo,
    ValidatorFunctionWrapHandler,
    WrapValidator,
    model_validator,
)
from pydantic_core import CoreSchema, PydanticCustomError

from acquire.config.angles import AngularReadings
from acquire.config.lifetime import Lifetime
from acquire.config.quantities import (
    Auto,
    CurrentDensity,
    Fraction,
    Hertz,
    Luminance,
    Nanometres,
    Ohms,
    PositiveAmperes,
    PositiveOhms,
    PositiveSeconds,
    PositiveVolts,
    Quantity,
    SquareMetres,
    Volts,
    Watts,
)
from acquire.config.section import Section
from acquire.config.source_quantities import (
    AMPERES,
    MOST_POINTS,
    Compliance,
    CurrentRange,
    Level,
    PointsPerDecade,
    SourceRange,
    Stretch,
    knowing_function,
    sourcing,
)
from acquire.config.template import DEFAULT_TEMPLATE, FIELDS, LONGEST_TEMPLATE, checked_template
from acquire.config.transport import Transport

MOST_POINTS_WITH_EXCHANGE = 5_000

#: The longest that a level may be held without a point, s.
LONGEST_HOLD = 86_400.0

PhotodiodeRange = Annotated[float | Auto, Quantity("V", "1 V", above=0.0, most=1000.0, auto=True)]
PhotodiodeCurrentRange = Annotated[float | Auto, Quantity("A", "10 mA", above=0.0, most=3.0, auto=True)]
SettlingTime = Annotated[float, Quantity("s", "50 ms", least=0.0, most=999.0)]
SamplePeriod = Annotated[float, Quantity("s", "1 s", least=0.01, most=3600.0)]
ExposureTime = Annotated[float, Quantity("s", "2 s", least=0.005, most=120.0)]
Nplc = Annotated[float, Field(ge=0.01, le=10.0)]


class ExpectedLine(Section):
    """A Gaussian line that stands in until the first spectrum is measured."""

    peak: Nanometres = Field(description="Peak wavelength.")
    fwhm: Nanometres = Field(description="Full width at half maximum.", examples=["20 nm"])


class Sample(Section):
    """What lies on the bench."""

    name: str = Field(
        min_length=1, description="Device name as it shall stand in the file and the report.", examples=["A3"]
    )
    emissive_area: SquareMetres = Field(description="Area that emits light; J = I / area.")
    emissive_area_uncertainty: SquareMetres | None = Field(
        default=None,
        description="Standard uncertainty (k = 1) of the area; not given: not in the budget.",
        examples=["0.3 mm^2"],
    )
    structure: str = Field(
        default="",
        description="Layer stack, for the record.",
        examples=["ITO / PEDOT:PSS / emitter / SPPO13 / LiF / Al"],
    )
    batch: str = Field(default="", description="Batch or substrate number, for the record.", examples=["B12"])
    pixel: str = Field(default="", description="Which pixel of the substrate, for the record.", examples=["2"])
    switched_as: str = Field(
        default="",
        description="Its name in the bench file's pixel_switch; not given: that of the pixel.",
        examples=["A"],
    )
    group: str = Field(
        default="",
        description="What is compared in a batch, like 'ETL 30 nm'; not given: the batch.",
        examples=["ETL 30 nm"],
    )
    notes: str = Field(
        default="", description="Anything else: encapsulation, age, storage.", examples=["encapsulated; five days old"]
    )
    polarity: Literal["positive", "negative"] = Field(
        default="positive", description="Sign of the level at which the device emits."
    )
    known_resistance: PositiveOhms | None = Field(
        default=None,
        description="In place of a device lies a resistor of this value: acquire health compares it.",
        examples=["1000 ohm"],
    )
    known_resistance_uncertainty: Ohms | None = Field(
        default=None, description="Standard uncertainty (k = 1) of it; 1 % tolerance is 0.58 %.", examples=["5.8 ohm"]
    )
    expected_line: ExpectedLine | None = Field(
        default=None, description="Emission line assumed for live values until the first spectrum is measured."
    )
    angles: AngularReadings | None = Field(
        default=None, description="Its light at angles, for the angular factor; not given: 1 (Lambertian)."
    )
    reference: str | None = Field(
        default=None,
        description="Run file of such a device; its spectrum at 100 cd/m^2 precedes expected_line.",
        examples=["../../runs/20260331T101500_A3_2acaeb90.h5"],
    )
    simulated_as: str | None = Field(
        default=None,
        description="Device file that a simulated bench puts in place of the sample; ignored on a real bench.",
        examples=["../devices/sppo13.yaml"],
    )

    @property
    def name_at_switch(self) -> str:
        """The name that the pixel has in the bench's switch; empty where it has none."""
        return self.switched_as or self.pixel


class User(Section):
    """Who measures."""

    name: str = Field(default="", description="Operator, for the record.", examples=["M. Curie"])


HoldTime = Annotated[float, Quantity("s", "10 s", least=0.0, most=LONGEST_HOLD)]


class Held(Section):
    """A level that is held for some time while nothing is recorded; the source is read against the limits meanwhile."""

    level: Level | None = Field(default=None, description="What is put on the device; not given: 0.", examples=["3 V"])
    time: Annotated[float, Quantity("s", "10 s", above=0.0, most=LONGEST_HOLD)] = Field(description="How long.")


class Pulse(Section):
    """Each level is put out as a pulse from the source's own memory, read at its end, and followed by a rest.

    Either period or duty_cycle says how long the rest is: a whole number of widths, no shorter than asked for.
    """

    width: Annotated[float, Quantity("s", "5 ms", above=0.0, most=10.0)] = Field(
        description="How long a level stays; its reading ends with it."
    )
    period: Annotated[float, Quantity("s", "100 ms", above=0.0, most=3600.0)] | None = Field(
        default=None, description="From pulse to pulse; or duty_cycle.", examples=["100 ms"]
    )
    duty_cycle: Annotated[float, Quantity("", "5 %", above=0.0, most=1.0)] | None = Field(
        default=None, description="Share of the time that a pulse lasts, 50 % at most; or period.", examples=["5 %"]
    )
    base_level: Level | None = Field(
        default=None, description="What the device rests at; not given: 0.", examples=["1 V"]
    )

    def rests(self) -> int:
        """How many widths the rest between two pulses lasts; 0 where neither period nor duty cycle is given."""
        ratio = 1 / self.duty_cycle if self.duty_cycle else (self.period or 0.0) / self.width
        return max(ceil(ratio - 1e-9) - 1, 0)


class Refinement(Section):
    """Finer levels on the way up, added between two of the levels by what these show.

    Once a luminance is crossed, or the efficiency has passed its maximum, the branch goes back below that place and
    through it in fine levels, then on. Never above a level that was visited; judged by the current efficiency.
    """

    step: Level = Field(description="Distance of two of the finer levels, at most.", examples=["20 mV"])
    at_luminance: tuple[Luminance, ...] = Field(
        default_factory=lambda: (1.0,),
        max_length=20,
        description="Refined where each of these is crossed on the way up; not given: 1 cd/m^2, turn-on.",
        examples=[["1 cd/m^2", "100 cd/m^2"]],
    )
    efficiency_maximum: bool = Field(
        default=True, description="Refined around the maximum of the efficiency as well, up to twice a branch."
    )


class Source(Section):
    """The levels, in the order in which they are put on the device.

    They are given in one of four ways: start and stop with step, points or points_per_decade; stretches; levels;
    levels_from.
    """

    function: Literal["voltage", "current"] = Field(description="What is set; the other one is measured and limited.")
    start: Level | None = Field(default=None, description="First level of the forward branch.", examples=["0 V"])
    stop: Level | None = Field(
        default=None, description="Last level of the forward branch; it is always reached.", examples=["8 V"]
    )
    step: Level | None = Field(
        default=None, description="Distance of two levels; or points, or points_per_decade.", examples=["0.1 V"]
    )
    points: int | None = Field(
        default=None, ge=1, le=MOST_POINTS, description="Number of levels, in place of step.", examples=[81]
    )
    points_per_decade: PointsPerDecade | None = Field(
        default=None,
        description="Logarithmic: so many levels a decade at least, in place of step; neither end is 0.",
        examples=[10],
    )
    stretches: Annotated[tuple[Stretch, ...], WrapValidator(knowing_function)] = Field(
        default=(),
        description="Levels in parts, each with its own spacing: coarse where nothing happens, fine around turn-on.",
        examples=[[{"start": "0 V", "stop": "3 V", "step": "0.5 V"}, {"stop": "5 V", "step": "50 mV"}]],
    )
    levels: tuple[Level, ...] = Field(
        default=(), max_length=MOST_POINTS, description="Every level by itself.", examples=[["0 V", "3 V", "5 V"]]
    )
    holds: tuple[HoldTime, ...] = Field(
        default=(),
        max_length=MOST_POINTS,
        description="How long each of the levels is held before its reading, besides settle; as many as levels.",
        examples=[["0 s", "10 s", "10 s"]],
    )
    levels_from: str | None = Field(
        default=None,
        description="CSV with header 'level_V' (or level_mV, level_A, level_mA, level_uA, level_nA), and a second "
        "column 'hold_s' where levels are held before they are read; relative to this file.",
        examples=["levels.csv"],
    )
    direction: Literal["forward", "reverse", "both"] = Field(
        default="forward", description="start to stop, stop to start, or forward and then back."
    )
    both_polarities: bool = Field(
        default=False,
        description="Afterwards the same with the opposite sign, through 0; in the file a cycle of its own.",
    )
    cycles: int = Field(default=1, ge=1, le=1000, description="How often all of it is repeated.", examples=[3])
    pre_bias: Annotated[Held | None, WrapValidator(knowing_function)] = Field(
        default=None, description="Held before the first level, after the dark readings; not given: nothing."
    )
    rest: Annotated[Held | None, WrapValidator(knowing_function)] = Field(
        default=None,
        description="Held between two branches, the output on; not given: the next branch follows at once.",
    )
    pulse: Annotated[Pulse | None, WrapValidator(knowing_function)] = Field(
        default=None,
        description="Levels as pulses with rests between them, by timing: hardware; not given: each level stays until "
        "the next one.",
    )
    refine: Annotated[Refinement | None, WrapValidator(knowing_function)] = Field(
        default=None,
        description="Finer levels where it matters; not given: the levels as they are.",
        examples=[{"step": "20 mV"}],
    )
    compliance: Compliance = Field(description="Limit of the quantity that is not set: A for a voltage source.")
    range: SourceRange = Field(
        default="auto", description="Source range; auto: the smallest that holds every level.", examples=["20 V"]
    )

    def parts(self) -> tuple[Stretch, ...]:
        """The stretches, each with its start; start and stop alone are one; none where the levels are a list."""
        if self.levels or self.levels_from:
            return ()
        if not self.stretches:
            if self.start is None or self.stop is None:
                return ()
            return (
                Stretch.model_construct(
                    start=self.start,
                    stop=self.stop,
                    step=self.step,
                    points=self.points,
                    points_per_decade=self.points_per_decade,
                ),
            )
        starts = [None, *(stretch.stop for stretch in self.stretches)]
        return tuple(
            stretch if stretch.start is not None else stretch.model_copy(update={"start": before})
            for stretch, before in zip(self.stretches, starts, strict=False)
            if stretch.start is not None or before is not None
        )

    def level_count(self) -> int:
        """Levels of one branch, 1e9 a stretch at most; the file's rules guarantee that a step divides its span."""
        parts = self.parts()
        if not parts:
            return len(self.levels)
        joints = sum(one.stop == other.start for one, other in pairwise(parts))
        return sum(part.level_count() for part in parts) - joints

    def point_count(self) -> int:
        """Points of the whole sweep: every branch of every cycle."""
        levels, ends = self.level_count(), self.ends()
        if self.both_polarities:
            levels = 2 * levels + (bool(ends) and ends[0] != 0.0)  # through 0
        return levels * (2 if self.direction == "both" else 1) * self.cycles

    def held_time(self) -> float:
        """How long levels are held without a point in the whole sweep, s."""
        branches = (2 if self.both_polarities else 1) * (2 if self.direction == "both" else 1) * self.cycles
        before, between = (0.0 if one is None else one.time for one in (self.pre_bias, self.rest))
        return before + between * (branches - 1) + sum(self.holds) * branches

    def ends(self) -> tuple[float, ...]:
        """Levels (V or A) between which all levels of the branches lie, the opposite polarity left out."""
        return self.levels or tuple(level for part in self.parts() for level in (part.start or 0.0, part.stop))

    def largest_level(self) -> float:
        """The largest magnitude of all levels, those held included (V or A)."""
        held = [one.level or 0.0 for one in (self.pre_bias, self.rest) if one is not None]
        base = [] if self.pulse is None else [self.pulse.base_level or 0.0]
        return max((abs(level) for level in (*self.ends(), *held, *base)), default=0.0)

    @property
    def unit(self) -> str:
        """The unit of the levels."""
        return "V" if self.function == "voltage" else "A"

    @property
    def compliance_unit(self) -> str:
        """The unit of the compliance."""
        return "A" if self.function == "voltage" else "V"


def _same_as_nplc(section: dict[str, Any]) -> float:
    return float(section["nplc"])


class Measure(Section):
    """How both meters read."""

    timing: Literal["stepped", "hardware"] = Field(
        default="stepped",
        description="hardware: the instruments run the sweep by themselves (trigger link); fixed ranges, no spectra.",
    )
    settle: SettlingTime = Field(default=0.05, description="Wait between a new level and the reading.")
    nplc: Nplc = Field(
        default=1.0, description="Integration time of the source meter in power-line cycles.", examples=[0.1]
    )
    autozero: bool = Field(default=True, description="Zero and reference reading with each reading: slower, no drift.")
    current_range: CurrentRange = Field(
        default="auto", description="Current measure range; fixed: faster, no range glitches."
    )
    current_range_lower_limit: PositiveAmperes | None = Field(
        default=None, description="Lowest range that auto may choose; the 1 uA range is slow.", examples=["10 uA"]
    )
    photodiode_range: PhotodiodeRange = Field(
        default="auto", description="Range of the photodiode meter behind an amplifier or a shunt."
    )
    photodiode_current_range: PhotodiodeCurrentRange = Field(
        default="auto", description="Range of a photodiode meter that reads the photocurrent itself."
    )
    photodiode_nplc: Nplc = Field(
        default_factory=_same_as_nplc,
        description="Integration time of the photodiode meter; not given: same as nplc.",
        examples=[1],
    )
    filter_count: int = Field(
        default=1, ge=1, le=100, description="Readings averaged in both meters; 1: no filter.", examples=[5]
    )
    bad_reading: Literal["retry", "mark", "stop"] = Field(
        default="retry",
        description="A number is missing. retry: the level is read once more, then as mark; hardware timing cannot. "
        "mark: NaN with its flag, and on. stop: the sweep ends. Samples during a spectrum are only marked.",
    )


class Dark(Section):
    """The readings without light that give the photodiode's zero."""

    voltage: Volts = Field(default=0.0, description="Level of the dark readings; below turn-on.", examples=["1 V"])
    readings: int = Field(default=10, ge=2, le=1000, description="Readings each time.", examples=[20])
    before: bool = Field(default=True, description="Read before the sweep.")
    after: bool = Field(default=True, description="Read after the sweep, so that drift is seen.")


class EveryPoints(Section):
    """A spectrum at regular points."""

    points: int = Field(ge=1, description="A spectrum at every n-th point.", examples=[10])
    above: Luminance = Field(default=0.0, description="Only where the luminance is larger.", examples=["1 cd/m^2"])


class AsNeeded(Section):
    """Of the spectra that are due only those before which something may have changed."""

    share: Annotated[float, Quantity("", "1 %", above=0.0, most=0.5)] = Field(
        default=0.01,
        description="By how much the EQE factor kappa (relative), or x or y, may have moved since the last spectrum, "
        "before a further one is taken.",
        examples=["1 %"],
    )


class AfterwardsSpectra(Section):
    """Spectra when the sweep is over, each at a level that is found from the curve just measured."""

    at_luminance: tuple[Luminance, ...] = Field(
        max_length=100,
        description="At these luminances, in this order; the level is read, and corrected once.",
        examples=[["10 cd/m^2", "100 cd/m^2", "1000 cd/m^2"]],
    )
    time_budget: Annotated[float, Quantity("s", "10 min", above=0.0, most=86_400.0)] = Field(
        default=600.0, description="What would not be over by then is left out, and said."
    )


class Spectra(Section):
    """When and how spectra are taken; several rules may stand together."""

    at_luminance: tuple[Luminance, ...] = Field(
        default=(),
        description="At the first point that reaches each luminance.",
        examples=[["10 cd/m^2", "100 cd/m^2", "1000 cd/m^2"]],
    )
    at_voltage: tuple[Volts, ...] = Field(
        default=(), description="At the level nearest to each voltage.", examples=[["4 V", "6 V"]]
    )
    at_current: tuple[Annotated[float, AMPERES], ...] = Field(
        default=(), description="At the level nearest to each current (current source).", examples=[["1 mA", "10 mA"]]
    )
    every: EveryPoints | None = Field(default=None, description="At every n-th point.")
    as_needed: AsNeeded | None = Field(
        default=None,
        description="Of those that are due by the rules above only those before which colour or kappa may have moved; "
        "not given: all of them.",
    )
    afterwards: AfterwardsSpectra | None = Field(
        default=None, description="When the sweep is over, at asked luminances; not given: none."
    )
    retries: int = Field(
        default=2,
        ge=0,
        le=5,
        description="How often a spectrum with too much or too little light is tried again with another speed, "
        "integration time or built-in filter.",
    )
    speed: Literal["normal", "fast", "multi_normal", "multi_fast", "manual"] = Field(
        default="normal", description="Exposure mode of the CS-2000A; normal and fast choose the exposure themselves."
    )
    integration_time: ExposureTime | None = Field(
        default=None, description="manual: 5 ms to 120 s; multi_*: 1 s to 16 s in whole seconds; otherwise not allowed."
    )
    internal_nd: Literal["auto", "on", "off"] = Field(default="auto", description="Built-in neutral density filter.")
    sync: Literal["none", "frequency", "external"] = Field(
        default="none", description="Synchronise with a flickering device."
    )
    sync_frequency: Hertz | None = Field(
        default=None, description="20 Hz to 200 Hz; with sync: frequency.", examples=["60 Hz"]
    )
    sample_every: SamplePeriod = Field(
        default=1.0, description="Both meters are read this often while a spectrum integrates.", examples=["0.5 s"]
    )


class Short(Section):
    """A device that conducts before it should."""

    voltage_below: PositiveVolts = Field(description="Looked for only below this voltage.", examples=["2 V"])
    current_above: PositiveAmperes = Field(description="A current larger than this is a short.", examples=["1 mA"])


class OpenCircuit(Section):
    """A device that does not conduct where it should."""

    voltage_above: PositiveVolts = Field(description="Looked for only from this voltage on.", examples=["4 V"])
    current_below: PositiveAmperes = Field(description="A current smaller than this is none.", examples=["100 nA"])


class StopRules(Section):
    """What ends a sweep before its last level; a rule that is not given does not apply.

    Amounts count, whatever their sign. While a level is held, the rules on amounts and time apply as well.
    """

    on_compliance: Literal["stop", "continue"] = Field(
        default="stop", description="When the source is limited by compliance."
    )
    on_amplifier_limit: Literal["stop", "continue"] = Field(
        default="stop",
        description="When the photodiode's amplifier is at the amplifier_limit of the bench.",
    )
    on_photodiode_overflow: Literal["stop", "continue"] = Field(
        default="continue",
        description="When the photodiode's meter reads overflow: more light than its range shows.",
    )
    luminance_above: Luminance | None = Field(
        default=None, description="Stop once the luminance is larger.", examples=["10000 cd/m^2"]
    )
    current_above: PositiveAmperes | None = Field(
        default=None, description="Stop once the current is larger.", examples=["50 mA"]
    )
    current_density_above: CurrentDensity | None = Field(
        default=None, description="Stop once the current density is larger.", examples=["200 mA/cm^2"]
    )
    voltage_above: PositiveVolts | None = Field(
        default=None, description="Stop once the measured voltage is larger.", examples=["12 V"]
    )
    power_above: Watts | None = Field(
        default=None, description="Stop once the electrical power is larger.", examples=["200 mW"]
    )
    luminance_below_maximum: Fraction | None = Field(
        default=None,
        description="Stop once the luminance has fallen to this share of its maximum in the same branch.",
        examples=["50 %"],
    )
    eqe_below_maximum: Fraction | None = Field(
        default=None,
        description="Stop once the EQE has fallen to this share of its maximum in the same branch, from 1 cd/m^2 on.",
        examples=["50 %"],
    )
    no_light_by: PositiveVolts | None = Field(
        default=None, description="Stop at this voltage when nothing shines yet.", examples=["7 V"]
    )
    short: Short | None = Field(default=None, description="Stop when the device is a short.")
    open_circuit: OpenCircuit | None = Field(default=None, description="Stop when the device is not connected.")
    time_above: PositiveSeconds | None = Field(
        default=None,
        description="Stop once the run has taken longer, dark readings included, pauses left out.",
        examples=["30 min"],
    )


class Pretest(Section):
    """What is looked at before the sweep, with --pretest: contact, short, open circuit, polarity.

    Never beyond the largest voltage and current of the sweep itself.
    """

    voltage: PositiveVolts = Field(
        default=3.0, description="Largest voltage of the pretest, in both polarities.", examples=["2 V"]
    )
    low_voltage: PositiveVolts = Field(
        default=0.5, description="Where a short is looked for, before anything higher.", examples=["0.2 V"]
    )
    current: PositiveAmperes = Field(default=1e-3, description="Current limit of the pretest.", examples=["0.1 mA"])
    short_resistance: PositiveOhms = Field(
        default=100.0, description="Less than this at the low voltage is a short.", examples=["1000 ohm"]
    )
    open_current: PositiveAmperes = Field(
        default=2e-9, description="Less than this in both polarities is an open circuit.", examples=["10 nA"]
    )


class Output(Section):
    """Where the run file goes, and what it is called."""

    folder: str = Field(
        default="runs",
        min_length=1,
        description="Folder for run files, inside the current folder.",
        examples=["runs/B12"],
    )
    name: Annotated[str, AfterValidator(checked_template)] = Field(
        default=DEFAULT_TEMPLATE,
        min_length=1,
        max_length=LONGEST_TEMPLATE,
        description="Of the file, with fields in braces: " + ", ".join(f"{{{name}}}" for name in FIELDS) + ". Eight "
        "characters that no other run has follow.",
        examples=["{date}_{batch}_{sample}_{pixel}"],
    )

    @model_validator(mode="before")
    @classmethod
    def _folder_alone(cls, value: Any) -> Any:
        """``output: runs`` is short for ``output: {folder: runs}``.

        :raises PydanticCustomError: the folder is blank.
        """
        if isinstance(value, str) and not value.strip():
            raise PydanticCustomError("folder", "is empty", {"message": "is empty", "hint": "write a value"})
        return {"folder": value} if isinstance(value, str) else value


class _FolderAlone:
    """For the schema of a section in whose place one text may stand, which is its ``folder``."""

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {"anyOf": [{"type": "string", "minLength": 1}, handler(schema)]}


def _of_source(value: Any, read: ValidatorFunctionWrapHandler, info: ValidationInfo) -> Any:
    """Read a section whose levels are in the unit of what the section ``source`` sets."""
    source = (info.data or {}).get("source")
    with sourcing(source.function if isinstance(source, Source) else None):
        return read(value)


class SweepFile(Section):
    """A sweep file."""

    kind: Literal["sweep"] = Field(description="What sort of file this is.")
    title: str = Field(min_length=1, description="One line for lists and plots.", examples=["quick look"])
    bench: str = Field(
        min_length=1, description="Bench file, relative to this file.", examples=["../benches/my_bench.yaml"]
    )
    sample: Sample
    user: User = Field(default_factory=User)
    source: Source
    measure: Measure = Field(default_factory=Measure)
    dark: Dark = Field(default_factory=Dark)
    spectra: Spectra | None = Field(default=None, description="Not given: no spectra.")
    transport: Transport | None = Field(default=None, description="Not given: a device that shines.")
    stop: StopRules = Field(default_factory=StopRules)
    lifetime: Annotated[Lifetime | None, WrapValidator(_of_source)] = Field(
        default=None, description="One level kept for hours to months; not given: the levels one after another."
    )
    pretest: Pretest | None = Field(default=None, description="Of --pretest; not given: the defaults of its keys.")
    note: str = Field(
        default="", description="A remark on the run, for the record.", examples=["after a night in the glove box"]
    )
    output: Annotated[Output, _FolderAlone()] = Field(
        default_factory=Output, description="Where run files go, and what they are called; a text alone is the folder."
    )
    exchange: bool | None = Field(
        default=None,
        description="Keep what is sent to the instruments and received from them in the run file. Not given: kept for "
        f"runs of up to {MOST_POINTS_WITH_EXCHANGE} points, readings of levels that are held or rested at among them.",
    )

    def keeps_exchange(self) -> bool:
        """Whether what is exchanged with the instruments goes into the run file."""
        if self.lifetime is not None:  # what is read while a point is waited for counts as well
            return bool(self.exchange)
        shortest = self.measure.settle + self.measure.nplc / 60.0  # of a reading, s
        points = self.source.point_count() * (1 + (self.source.pulse.rests() if self.source.pulse else 0))
        readings = points + self.source.held_time() / shortest
        wanted = readings <= MOST_POINTS_WITH_EXCHANGE
        return wanted if self.exchange is None else self.exchange
