"""The vocabulary of a run: what is planned, read, computed and concluded.

Everything here is a frozen value in SI units. The sinks (file, screen) receive these and nothing else.
A missing number is NaN with a flag that says why; it is never 0.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntFlag, StrEnum
from math import nan
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]

#: A table of a run column by column: what is one value in a row is an array (n,) here, a spectrum (n, 401).
Columns = Mapping[str, npt.NDArray[Any]]


class Branch(StrEnum):
    """The direction in which a level was reached; ``AFTERWARDS``: set by itself for a spectrum, the sweep being over.

    ``BY_HAND``: set by a person while the run went on. Neither is a point of a curve: figures of merit are made of the
    :data:`DIRECTIONS` only.
    """

    FORWARD = "forward"
    REVERSE = "reverse"
    AFTERWARDS = "after"
    BY_HAND = "by_hand"


#: The branches of a sweep.
DIRECTIONS = (Branch.FORWARD, Branch.REVERSE)


def of_sweep(branch: npt.NDArray[np.bytes_]) -> npt.NDArray[np.bool_]:
    """Which points (n,) are of the sweep, by the column of their branches; the others were read afterwards."""
    return np.asarray(branch != Branch.AFTERWARDS.encode())


class RunStatus(StrEnum):
    """How a run stands, or how it ended."""

    RUNNING = "running"
    COMPLETED = "completed"
    STOPPED = "stopped"
    FAILED = "failed"
    INTERRUPTED = "interrupted"


class Severity(StrEnum):
    """How much a finding says against a number."""

    NOTE = "note"
    DOUBTFUL = "doubtful"
    IMPOSSIBLE = "impossible"


#: What the status of a run says.
RUN_STATUS_MEANINGS: Mapping[RunStatus, str] = {
    RunStatus.RUNNING: "it is going on, or was cut off and has not been recovered",
    RunStatus.COMPLETED: "every level of the plan was measured",
    RunStatus.STOPPED: "ended before its last level, in order: by a rule of the sweep file, at a limit, or because "
    "somebody asked for it; `stop_reason` says which",
    RunStatus.FAILED: "something went wrong, or it was cut off; what was measured until then is in the file",
    RunStatus.INTERRUPTED: "it was cut off, and can be gone on with in the same file: `acquire run --resume`; what was "
    "measured until then is in it",
}

#: What each severity of a finding is, and what it does to the status of a figure that it touches.
SEVERITY_MEANINGS: Mapping[Severity, tuple[str, str]] = {
    Severity.NOTE: ("to be known before the number is used", "stays as it is"),
    Severity.DOUBTFUL: (
        "two things that cannot both be right by what is stated of them",
        "`doubtful`, with the finding as its reason",
    ),
    Severity.IMPOSSIBLE: ("physics forbids it", "`impossible`"),
}

#: Which spectrum a point's efficiency was computed with.
SPECTRUM_SOURCES: Mapping[str, str] = {
    "measured": "its own, taken at this point",
    "interpolated": "the two around it, weighted",
    "nearest": "the nearest one in luminance, beyond the first or the last",
    "reference": "one of an earlier run, `sample.reference`",
    "assumed": "a line given beforehand, `sample.expected_line`",
    "none": "none: there is no EQE",
}


class PointFlag(IntFlag):
    """What a reader of one point must know before trusting it."""

    NONE = 0
    COMPLIANCE = 1
    RANGE_COMPLIANCE = 2
    OVER_RANGE = 4
    OVER_VOLTAGE = 8
    PHOTODIODE_OVERFLOW = 16
    BELOW_DARK_NOISE = 32
    EQE_PROVISIONAL = 64
    SPECTRUM_TRUNCATED = 128
    SPECTRAL_SHIFT = 256
    NO_SPECTRUM = 512
    NO_PHOTODIODE_READING = 1024
    NO_SOURCE_READING = 2048
    READING_REPEATED = 4096
    LEVEL_NOT_REACHED = 8192
    DAMAGED = 16384
    LATE = 32768
    AMPLIFIER_LIMIT = 65536
    REFINED = 131072
    AFTER_PAUSE = 262144


#: The flags that come with a reading; the others follow from evaluating it.
READING_FLAGS = (
    PointFlag.COMPLIANCE
    | PointFlag.RANGE_COMPLIANCE
    | PointFlag.OVER_RANGE
    | PointFlag.OVER_VOLTAGE
    | PointFlag.PHOTODIODE_OVERFLOW
    | PointFlag.NO_PHOTODIODE_READING
    | PointFlag.NO_SOURCE_READING
    | PointFlag.READING_REPEATED
    | PointFlag.LEVEL_NOT_REACHED
    | PointFlag.DAMAGED
    | PointFlag.LATE
    | PointFlag.REFINED
    | PointFlag.AFTER_PAUSE
)

#: The flags of a bad reading: a number is missing.
BAD_READING = (
    PointFlag.OVER_RANGE | PointFlag.PHOTODIODE_OVERFLOW | PointFlag.NO_PHOTODIODE_READING | PointFlag.NO_SOURCE_READING
)

#: The flags of a point at which a limit decided, not the level: no point of a branch.
LIMITED = PointFlag.COMPLIANCE | PointFlag.RANGE_COMPLIANCE | PointFlag.OVER_RANGE

FLAG_MEANINGS: Mapping[PointFlag, str] = {
    PointFlag.COMPLIANCE: "the source was in compliance: the limit, not the level, decided",
    PointFlag.RANGE_COMPLIANCE: "the source was limited by its fixed measure range",
    PointFlag.OVER_RANGE: "the source meter read over-range",
    PointFlag.OVER_VOLTAGE: "the over-voltage protection had tripped",
    PointFlag.PHOTODIODE_OVERFLOW: "the photodiode meter read overflow",
    PointFlag.BELOW_DARK_NOISE: "the photodiode signal is below 3 standard deviations of the dark readings "
    "(without an amplifier 3 steps of its meter): no efficiencies from it",
    PointFlag.EQE_PROVISIONAL: "computed while the sweep ran, before all spectra were known",
    PointFlag.SPECTRUM_TRUNCATED: "the spectrum is cut off at 380 or 780 nm: EQE is a lower bound",
    PointFlag.SPECTRAL_SHIFT: "the spectra on both sides differ by more than 1 % in their EQE factor",
    PointFlag.NO_SPECTRUM: "no spectrum that counts for this point was known: no EQE",
    PointFlag.NO_PHOTODIODE_READING: "there is no photodiode reading",
    PointFlag.NO_SOURCE_READING: "there is no voltage or current reading",
    PointFlag.READING_REPEATED: "read a second time, because a number of the first reading was missing",
    PointFlag.LEVEL_NOT_REACHED: "the source meter read another level than was sent, although nothing limited it",
    PointFlag.DAMAGED: "what was recorded here had changed in the file; nothing of it was used",
    PointFlag.AMPLIFIER_LIMIT: "the photodiode's amplifier was at its limit: there was more light than it shows",
    PointFlag.REFINED: "a finer level, added between two of the sweep file because of what they showed",
    PointFlag.AFTER_PAUSE: "the first point after a pause, in which the output was off: a row of /entry/pauses",
    PointFlag.LATE: "came late by more than its own planned time: the device stayed at the level before it meanwhile",
}


@dataclass(frozen=True, slots=True)
class Held:
    """A level [V or A] that is held for ``time`` [s] while no point is recorded: a pre-bias, a rest."""

    level: float
    time: float


@dataclass(frozen=True, slots=True)
class Step:
    """One level of a plan; ``level`` in V or A, ``spectrum`` when one is due here whatever the luminance.

    ``cycle``: how often the levels were gone through before; with both polarities each is a cycle of its own.
    ``asked_luminance`` [cd/m^2]: the one for which the level was sought, where it was.
    ``hold``: how long [s] the level is held before its reading, besides the settling time; ``before``: what is held
    before it. ``due``: its reading begins no earlier, s since that of the run's first step; the level is kept until
    then. ``refined``: it was added between two coarser levels. ``off``: the output is off, and nothing is read, until
    the next step that is not.
    """

    index: int
    branch: Branch
    level: float
    spectrum: bool = False
    cycle: int = 0
    hold: float = 0.0
    before: Held | None = None
    due: float = 0.0
    refined: bool = False
    off: bool = False
    asked_luminance: float = nan


@dataclass(frozen=True, slots=True)
class Reading:
    """What the meters said at one step, untouched. Times in s since the start of the run.

    ``remark``: the reply that made no sense, and whose; empty when there was none. It is not recorded. ``cycle`` as
    that of its :class:`Step`. ``ambient_temperature`` [K] and ``relative_humidity`` [1] of the air beside the bench are
    the last known ones; NaN without a logger. ``pulse_width``: how long a pulse to this level lasted [s]; NaN where the
    level stayed. ``paused``: how long the output was off just before it [s], as the run was paused.
    """

    index: int
    branch: Branch
    source_level: float
    time: float
    voltage: float
    current: float
    photodiode_signal: float
    source_time: float = nan
    source_status: int = 0
    flags: PointFlag = PointFlag.NONE
    remark: str = field(default="", compare=False)
    cycle: int = 0
    ambient_temperature: float = nan
    relative_humidity: float = nan
    pulse_width: float = nan
    paused: float = 0.0


class Surroundings(NamedTuple):
    """The air beside the bench: temperature [K] and relative humidity [1]; NaN where it is not known."""

    temperature: float = nan
    relative_humidity: float = nan


@dataclass(frozen=True, slots=True)
class DarkReading:
    """A reading at the dark level, before or after the sweep."""

    time: float
    voltage: float
    current: float
    photodiode_signal: float
    after: bool


@dataclass(frozen=True, slots=True)
class RepeatedReading:
    """A level of a point read once more when the sweep was over: what the device lost meanwhile.

    ``source_level`` in V or A; ``point_index`` is that of the point.
    """

    point_index: int
    time: float
    source_level: float
    voltage: float
    current: float
    photodiode_signal: float


@dataclass(frozen=True, slots=True)
class ExposureSample:
    """A reading of both meters while a spectrum was integrating; ``luminance`` as known then [cd/m^2], not recorded."""

    spectrum_index: int
    time: float
    voltage: float
    current: float
    photodiode_signal: float
    luminance: float = field(default=nan, compare=False)


@dataclass(frozen=True, slots=True)
class Spectrum:
    """One EL spectrum with the conditions under which it was taken.

    ``spectral_radiance`` (401,) in W/(m^2 sr nm) on 380-780 nm; ``start`` and ``stop`` in s since the start of
    the run; ``integration_time`` in s; ``meter_*`` what the spectroradiometer itself computed (cd/m^2, x, y).
    ``drift`` is the change of ln(luminance) during the exposure by the photodiode, ``current_density_drift`` that of
    ln(J), NaN when unknown. ``speed_mode`` and ``internal_nd`` (whether the filter was in) are how it was taken, and
    ``tries`` how often the meter was started for it. ``asked_luminance`` [cd/m^2] is the one that was to be reached,
    where a level was sought for it when the sweep was over. ``cycle`` as that of its :class:`Step`.
    ``luminance`` (cd/m^2), ``x``, ``y``, ``peak_wavelength`` and ``fwhm`` (nm) are computed from the spectrum;
    ``mismatch_factor`` that of this spectrum against the one under which the photodiode's factor was found, NaN
    where there is none. ``contradictions`` names the meter's own values that do not follow from its spectrum;
    ``too_dark`` when there was less light than it is made for.
    """

    index: int
    point_index: int
    branch: Branch
    start: float
    stop: float
    spectral_radiance: FloatArray
    integration_time: float
    photodiode_signal: float = nan
    drift: float = nan
    meter_luminance: float = nan
    meter_x: float = nan
    meter_y: float = nan
    luminance: float = nan
    x: float = nan
    y: float = nan
    peak_wavelength: float = nan
    fwhm: float = nan
    mismatch_factor: float = nan
    contradictions: tuple[str, ...] = ()
    too_dark: bool = False
    current_density_drift: float = nan
    cycle: int = 0
    speed_mode: str = ""
    internal_nd: bool = False
    tries: int = 1
    asked_luminance: float = nan


#: Quantities computed for every point, with SI unit: name -> unit.
DERIVED: Mapping[str, str] = {
    "current_density": "A/m^2",
    "luminance": "cd/m^2",
    "current_efficiency": "cd/A",
    "power_efficiency": "lm/W",
    "external_quantum_efficiency": "1",
    "chromaticity_x": "1",
    "chromaticity_y": "1",
}


#: Those whose uncertainty has a part that all points of a sweep share.
WITH_COMMON_PART = tuple(name for name in DERIVED if not name.startswith("chromaticity"))

#: What a point has besides where a spectrum of its own says by itself how bright it is: name -> unit.
ROUTES: Mapping[str, str] = {
    "spectral_luminance": "cd/m^2",
    "spectral_external_quantum_efficiency": "1",
    "route_difference": "1",
}


class Record(NamedTuple):
    """A reading and what follows from it; a named tuple, because two are made at each point.

    ``luminance`` cd/m^2, ``current_density`` A/m^2, ``current_efficiency`` cd/A, ``power_efficiency`` lm/W,
    ``external_quantum_efficiency`` as a fraction; each with its standard uncertainty (k = 1), and the part of it that
    is independent from point to point: the rest moves all points of a sweep together.
    ``spectrum_source`` is one of measured, interpolated, nearest, reference, assumed, none.
    ``spectral_*``: luminance and quantum efficiency by the absolute radiance of a spectrum taken at this point, and
    ``route_difference`` the photodiode's luminance over that, less 1; NaN where there is no such spectrum.
    """

    reading: Reading
    flags: PointFlag
    current_density: float = nan
    luminance: float = nan
    current_efficiency: float = nan
    power_efficiency: float = nan
    external_quantum_efficiency: float = nan
    chromaticity_x: float = nan
    chromaticity_y: float = nan
    current_density_uncertainty: float = nan
    luminance_uncertainty: float = nan
    current_efficiency_uncertainty: float = nan
    power_efficiency_uncertainty: float = nan
    external_quantum_efficiency_uncertainty: float = nan
    chromaticity_x_uncertainty: float = nan
    chromaticity_y_uncertainty: float = nan
    current_density_independent_uncertainty: float = nan
    luminance_independent_uncertainty: float = nan
    current_efficiency_independent_uncertainty: float = nan
    power_efficiency_independent_uncertainty: float = nan
    external_quantum_efficiency_independent_uncertainty: float = nan
    spectral_luminance: float = nan
    spectral_external_quantum_efficiency: float = nan
    route_difference: float = nan
    spectral_luminance_uncertainty: float = nan
    spectral_external_quantum_efficiency_uncertainty: float = nan
    route_difference_uncertainty: float = nan
    spectrum_source: str = "none"
    spectrum_index: int = -1
    spectrum_index_upper: int = -1
    spectrum_weight: float = nan
    log10_distance: float = nan


class LifetimePoint(NamedTuple):
    """A reading of a device that ages at one level, and what follows from it.

    ``time`` [s] since the start of the run, ``stress_time`` [s] of it under the level of the test, without breaks and
    gaps. ``relative_luminance`` is luminance over L_0 as it was known then; ``part`` the row of ``/entry/parts``,
    ``spectrum_index`` the spectrum that the photodiode's signal is referred to, -1 for none. Units as :class:`Record`.
    """

    time: float
    stress_time: float
    source_level: float
    voltage: float
    current: float
    photodiode_signal: float
    source_status: int = 0
    flags: PointFlag = PointFlag.NONE
    part: int = 0
    spectrum_index: int = -1
    current_density: float = nan
    luminance: float = nan
    luminance_uncertainty: float = nan
    relative_luminance: float = nan
    relative_luminance_uncertainty: float = nan
    external_quantum_efficiency: float = nan
    external_quantum_efficiency_uncertainty: float = nan
    ambient_temperature: float = nan
    relative_humidity: float = nan


#: Quantities computed for every point of a lifetime, with SI unit: name -> unit.
LIFETIME_DERIVED: Mapping[str, str] = {
    "luminance": "cd/m^2",
    "relative_luminance": "1",
    "external_quantum_efficiency": "1",
}


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a run that was gone on with: ``time`` [s since the start of the run] and the wall clock at its begin.

    ``gap`` [s] lies between the last row of the part before and this one, NaN for the first part; ``reason`` is why the
    part before ended, empty for the first.
    """

    time: float
    start_time: str
    gap: float = nan
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Pause:
    """A time in the middle of a run in which the output was off, because somebody asked for it.

    ``time`` [s since the start of the run] at its begin, ``duration`` [s] until the level was back; ``point_index`` is
    that of the point before which it was, ``by`` who asked for it. ``ended``: the run was ended in it.
    """

    time: float
    duration: float
    point_index: int
    by: str
    ended: bool = False


@dataclass(frozen=True, slots=True)
class InstrumentRecord:
    """Who was on the bench, where, and how it was set; ``model`` by its name in bench files."""

    role: str
    identification: str
    resource: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    model: str = ""


@dataclass(frozen=True, slots=True)
class RunStart:
    """Everything known before the output goes on.

    ``note`` is a remark on the run; ``overrides_json`` what was said for it in place of the sweep file's values.
    ``points``, ``duration`` and ``time_per_point`` [s] are the totals of the plan. ``photodiode_unit`` is V, or A where
    the photodiode's meter reads the photocurrent itself. ``path`` is that of the run file, which
    does not repeat it.
    """

    run_id: str
    title: str
    start_time: str
    program: str
    version: str
    sample: Mapping[str, Any]
    user: str
    sweep_yaml: str
    bench_yaml: str
    resolved_json: str
    file_hashes: Mapping[str, str]
    instruments: tuple[InstrumentRecord, ...]
    source_unit: str
    photodiode_unit: str = "V"
    points: int = 0
    duration: float = nan
    time_per_point: float = nan
    note: str = ""
    overrides_json: str = "[]"
    path: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class RunStop:
    """How and when a run ended; ``end_time`` ISO 8601 with offset."""

    status: RunStatus
    reason: str
    end_time: str


@dataclass(frozen=True, slots=True)
class Note:
    """Something worth reading later: a warning, an instrument's error, a decision of the engine."""

    time: float
    text: str


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that contradicts something else in a run, or that limits what its numbers mean.

    ``code`` names the kind, the same for every run; ``text`` says it with its values; ``figures`` are the names of
    the figures of merit that it touches, ``remedy`` what to do. ``value`` is what was found and ``limit`` what it was
    held against, NaN where there is no one number. ``time`` when it was found, s since the start of the run.
    """

    time: float
    code: str
    severity: Severity
    text: str
    figures: tuple[str, ...] = ()
    remedy: str = ""
    value: float = nan
    limit: float = nan

    @property
    def figure_names(self) -> str:
        """The names of the figures as one text, in which a run file keeps them."""
        return " ".join(self.figures)


@dataclass(frozen=True, slots=True)
class TransportPoint:
    """What the analysis of an electron-only or hole-only device made of a point; amounts, whatever the polarity.

    ``point_index`` is its row in the table of points, ``polarity`` 1 or -1; ``layer_voltage`` [V] what lies across the
    layer, ``current_density`` [A/m^2]; ``local_slope`` d lg J/d lg V [1]; ``fitted_current_density`` [A/m^2] by the law
    that was fitted, NaN without one; ``inside`` the window of the fit.
    """

    point_index: int
    polarity: int
    layer_voltage: float
    current_density: float
    local_slope: float
    fitted_current_density: float
    inside: bool


@dataclass(frozen=True, slots=True)
class BranchSummary:
    """One branch of one cycle: how fast it was, and what the device was like on it; NaN for what there is none of.

    ``scan_rate`` |dV/dt| [V/s] and ``dwell`` [s], how long a level stood, are medians by the time stamps of the points,
    ``longest_dwell`` [s] is the longest of them; ``hysteresis_index`` and ``hysteresis_index_log`` are those of both
    branches of the cycle; ``voltage_at_external_quantum_efficiency_max`` [V].
    """

    cycle: int
    branch: Branch
    points: int
    scan_rate: float
    dwell: float
    longest_dwell: float
    turn_on_voltage: float
    turn_on_status: str
    luminance_max: float
    external_quantum_efficiency_max: float
    voltage_at_external_quantum_efficiency_max: float
    hysteresis_index: float
    hysteresis_index_log: float


class Doing(StrEnum):
    """What an :class:`Activity` is, for who looks on and does not read its words."""

    OPENING = "opening"
    READY = "ready"
    OUTPUT_ON = "output_on"
    DARK_BEFORE = "dark_before"
    SWEEP = "sweep"
    SPECTRUM = "spectrum"
    DARK_AFTER = "dark_after"
    PAUSED = "paused"
    ENDING = "ending"
    OUTPUT_OFF = "output_off"
    NOTHING = "nothing"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Activity:
    """What an instrument, or the run itself, does from now on. For who looks on: it is shown, and never recorded.

    ``instrument`` is a role (smu, photodiode_meter, spectroradiometer), empty for the run itself; ``text`` says it in
    words, empty when it is over; ``doing`` what kind of thing it is. ``lasting`` [s] is how long it is going to take,
    NaN where nobody knows. ``time`` is that of its beginning, s since the start of the run; 0 before that.
    """

    time: float
    instrument: str
    text: str
    lasting: float = nan
    doing: Doing = Doing.OTHER


class Exchange(NamedTuple):
    """What was sent to an instrument, or what was received from it; ``time`` when it was over, s since the start."""

    time: float
    instrument: str
    sent: bytes
    received: bytes


Event = (
    RunStart
    | Record
    | LifetimePoint
    | Part
    | Pause
    | DarkReading
    | RepeatedReading
    | ExposureSample
    | Spectrum
    | Note
    | Finding
    | TransportPoint
    | BranchSummary
    | Activity
    | RunStop
)


def counted(index: int) -> int:
    """The number of a point or a spectrum where people read it: they count from 1, files and programs from 0."""
    return index + 1
