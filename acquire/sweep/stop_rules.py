"""When a sweep ends by itself: rules on what was measured. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import inf, isnan

from acquire.config import BenchFile, SweepFile
from acquire.photometry.photodiode import AT_LIMIT
from acquire.records import Branch, PointFlag, Reading, Record, counted
from acquire.sweep.read_back import is_bad, what_is_missing

# As plain integers: an operation on enumeration members takes a microsecond, and there are several a point.
_DARK = int(PointFlag.BELOW_DARK_NOISE | PointFlag.NO_PHOTODIODE_READING)


_REFINED = int(PointFlag.REFINED)


_LIMITED = int(PointFlag.COMPLIANCE | PointFlag.RANGE_COMPLIANCE)


#: Luminance [cd/m^2] from which an efficiency counts: below it is noise over noise.
LEAST_LUMINANCE = 1.0

#: Points in a row above the dark noise that count as light: a single one is noise now and then.
LASTING_LIGHT = 3


@dataclass(frozen=True)
class StopRules:
    """What ends a sweep early, besides the last level; SI units, a share as a fraction of 1.

    ``paused_before``: how long a run that is gone on with was paused before [s], which its time leaves out.
    """

    on_compliance: bool = True
    luminance_above: float = inf
    current_above: float = inf
    current_density_above: float = inf
    voltage_above: float = inf
    power_above: float = inf
    luminance_below_maximum: float = 0.0
    eqe_below_maximum: float = 0.0
    no_light_by: float = inf
    short_voltage_below: float = 0.0
    short_current_above: float = inf
    open_voltage_above: float = inf
    open_current_below: float = 0.0
    time_above: float = inf
    on_photodiode_overflow: bool = False
    on_bad_reading: bool = False
    amplifier_limit: float = inf
    paused_before: float = 0.0

    @cached_property
    def any_upper_limit(self) -> bool:
        """Whether a measured quantity is limited from above."""
        electrical = self.current_above, self.current_density_above, self.voltage_above, self.power_above
        return min(self.luminance_above, self.time_above, *electrical) < inf


class StopConditions:
    """Looks at every point of a sweep and says when a stop rule is met."""

    def __init__(self, rules: StopRules) -> None:
        self._rules = rules
        self._brightest: dict[tuple[Branch, int], float] = {}
        self._most_efficient: dict[tuple[Branch, int], float] = {}
        self._lit_in_a_row = 0
        self._light_seen = False
        self._paused = rules.paused_before

    def leave_out(self, paused: float) -> None:
        """The run was paused for so long [s]: its time leaves that out."""
        self._paused += paused

    def reason(self, record: Record) -> str:
        """Why the sweep should end at this point; empty when it should not."""
        branch, luminance = (record.reading.branch, record.reading.cycle), record.luminance
        dark = int(record.flags) & _DARK
        self._lit_in_a_row = 0 if dark else self._lit_in_a_row + 1
        self._light_seen = self._light_seen or self._lit_in_a_row >= LASTING_LIGHT
        lit = not dark and not isnan(luminance)
        if lit:
            brightest = self._brightest[branch] = max(luminance, self._brightest.get(branch, 0.0))
        why = (
            self._bad(record.reading)
            or self.too_far(record)
            or self._dark_device(record.reading, bool(dark))
            or (lit and self._fallen(record, brightest))
        )
        return f"{why} (point {counted(record.reading.index)}, level {record.reading.source_level:g})" if why else ""

    def forbids_more(self, record: Record) -> bool:
        """Whether the rule met at a point says that nothing is left to be measured: no device, no light, no time."""
        dark = bool(int(record.flags) & _DARK)
        return bool(
            self._bad(record.reading)
            or self._not_a_device(record.reading)
            or self._dark_device(record.reading, dark)
            or record.reading.time - self._paused > self._rules.time_above
        )

    def too_far(self, record: Record) -> str:
        """Which rule one reading alone meets, in words; what is told by the course of a branch plays no part."""
        return (
            self._not_a_device(record.reading)  # says more than that the source is in compliance
            or self._limited(record)
            or self._light_beyond_channel(record.reading)
            or self._too_much(record)
        )

    def _bad(self, reading: Reading) -> str:
        return what_is_missing(reading) if self._rules.on_bad_reading and is_bad(reading) else ""

    def _limited(self, record: Record) -> str:
        limited = int(record.flags) & _LIMITED
        return "the source went into compliance" if limited and self._rules.on_compliance else ""

    def _light_beyond_channel(self, reading: Reading) -> str:
        """Beyond this nothing that is told by light can be: neither more of it nor less."""
        if self._rules.on_photodiode_overflow and int(reading.flags) & PointFlag.PHOTODIODE_OVERFLOW:
            return "the photodiode meter reads overflow: more light than its range shows"
        signal, limit = abs(reading.photodiode_signal), self._rules.amplifier_limit
        if signal < limit * (1 - AT_LIMIT) or isnan(signal):
            return ""
        return f"the photodiode's amplifier is at its limit: {signal:.5g} V of {limit:.4g} V"

    def _too_much(self, record: Record) -> str:
        rules, reading = self._rules, record.reading
        if not rules.any_upper_limit:
            return ""
        for name, value, limit, unit in (
            ("luminance", record.luminance, rules.luminance_above, "cd/m^2"),
            ("current", abs(reading.current), rules.current_above, "A"),
            ("current density", abs(record.current_density), rules.current_density_above, "A/m^2"),
            ("voltage", abs(reading.voltage), rules.voltage_above, "V"),
            ("power", abs(reading.voltage * reading.current), rules.power_above, "W"),
            (self._time_is, reading.time - self._paused, rules.time_above, "s"),
        ):
            if value > limit:
                return f"{name} {value:.4g} {unit} is above the {limit:.4g} {unit} of the stop rule"
        return ""

    @property
    def _time_is(self) -> str:
        return "time without pauses" if self._paused else "time"

    def _not_a_device(self, reading: Reading) -> str:
        """A short or an open circuit."""
        rules, voltage, current = self._rules, abs(reading.voltage), abs(reading.current)
        if voltage < rules.short_voltage_below and current > rules.short_current_above:
            return f"short: {current:.4g} A at {reading.voltage:.4g} V"
        if voltage >= rules.open_voltage_above and current < rules.open_current_below:
            return f"open circuit: {current:.4g} A at {reading.voltage:.4g} V"
        return ""

    def _dark_device(self, reading: Reading, dark: bool) -> str:
        late = abs(reading.voltage) >= self._rules.no_light_by
        return f"no light by {reading.voltage:.4g} V" if dark and late and not self._light_seen else ""

    def _fallen(self, record: Record, brightest: float) -> str:
        """Less luminance or EQE than a share of its maximum in the same branch, where that leads away from zero.

        Levels that are added go back below the maximum on purpose.
        """
        rules, reading, luminance = self._rules, record.reading, record.luminance
        if reading.branch is not Branch.FORWARD or int(record.flags) & _REFINED:
            return ""
        if luminance < rules.luminance_below_maximum * brightest:
            share = f"{rules.luminance_below_maximum:.0%}"
            return f"luminance {luminance:.4g} cd/m^2 has fallen below {share} of its maximum"
        efficiency = record.external_quantum_efficiency
        if not rules.eqe_below_maximum or luminance < LEAST_LUMINANCE or isnan(efficiency):
            return ""
        branch = reading.branch, reading.cycle
        best = self._most_efficient[branch] = max(efficiency, self._most_efficient.get(branch, 0.0))
        if efficiency < rules.eqe_below_maximum * best:
            return f"EQE {efficiency:.3%} has fallen below {rules.eqe_below_maximum:.0%} of its maximum, {best:.3%}"
        return ""


def _stop_rules(sweep: SweepFile, bench: BenchFile) -> StopRules:
    stop = sweep.stop
    return StopRules(
        on_compliance=stop.on_compliance == "stop",
        luminance_above=_limit(stop.luminance_above),
        current_above=_limit(stop.current_above),
        current_density_above=_limit(stop.current_density_above),
        voltage_above=_limit(stop.voltage_above),
        luminance_below_maximum=stop.luminance_below_maximum or 0.0,
        no_light_by=_limit(stop.no_light_by),
        short_voltage_below=stop.short.voltage_below if stop.short else 0.0,
        short_current_above=stop.short.current_above if stop.short else inf,
        power_above=_limit(stop.power_above),
        eqe_below_maximum=stop.eqe_below_maximum or 0.0,
        open_voltage_above=stop.open_circuit.voltage_above if stop.open_circuit else inf,
        open_current_below=stop.open_circuit.current_below if stop.open_circuit else 0.0,
        time_above=_limit(stop.time_above),
        on_photodiode_overflow=stop.on_photodiode_overflow == "stop",
        on_bad_reading=sweep.measure.bad_reading == "stop",
        amplifier_limit=_limit(bench.photodiode.amplifier_limit if stop.on_amplifier_limit == "stop" else None),
    )


def _limit(value: float | None) -> float:
    return inf if value is None else value
