"""Amounts and settings in words, as the page before a run and what is told of it afterwards have them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from acquire.config import SweepFile
    from acquire.config.lifetime import EndConditions
    from acquire.evaluation.evidence import DarkLevel
    from acquire.evaluation.layer import Layer

_PREFIXES = ((1.0, ""), (1e-3, "m"), (1e-6, "u"), (1e-9, "n"))


def amount(value: float, unit: str) -> str:
    """A value in V, or with the prefix that makes it a number above 1."""
    if unit == "V" or value == 0.0:
        return f"{float(f'{value:.6g}'):g} {unit}"
    factor, prefix = next(((f, p) for f, p in _PREFIXES if abs(value) >= f * (1 - 1e-9)), _PREFIXES[-1])
    return f"{float(f'{value / factor:.6g}'):g} {prefix}{unit}"


def reading_text(
    settle: float | None, nplc: float, photodiode_nplc: float, filter_count: int, timing: str = "stepped"
) -> str:
    """How both meters read: the wait before it [s], None where nobody knows it, and how long they integrate."""
    wait = "" if settle is None else f"settles {amount(settle, 's')}, "
    other = f" (photodiode {photodiode_nplc:g})" if photodiode_nplc != nplc else ""
    averaged = f", {filter_count:g} averaged" if filter_count > 1 else ""
    timed = ", timed by the instruments" if timing == "hardware" else ""
    return f"{wait}NPLC {nplc:g}{other}{averaged}{timed}"


def _ends_of_lifetime(end: EndConditions | None) -> Iterator[str]:
    """What ends a lifetime before the time of its last sample."""
    if end is None:
        return
    if end.luminance_share is not None:
        yield f"at {100 * end.luminance_share:g} % of L_0"
    if end.luminance_below is not None:
        yield f"below {end.luminance_below:g} cd/m^2"
    for name, unit in (("voltage", "V"), ("current", "A")):
        for way in ("above", "below"):
            if (limit := getattr(end, f"{name}_{way}")) is not None:
                yield f"{way} {amount(limit, unit)}"
    if end.voltage_rise is not None:
        yield f"a rise of the voltage by {amount(end.voltage_rise, 'V')}"
    if end.photodiode_signal_below is not None:
        yield f"a photodiode signal below {end.photodiode_signal_below:g} V"
    if end.points is not None:
        yield f"after {end.points} points"


def ends(sweep: SweepFile) -> Iterator[str]:
    """What ends the sweep before its last level."""
    from acquire.photometry.customary_units import QUANTITIES, customary

    if sweep.lifetime is not None:
        yield from _ends_of_lifetime(sweep.lifetime.end)
    stop = sweep.stop
    if stop.on_compliance == "stop":
        yield "in compliance"
    if stop.luminance_above is not None:
        yield f"above {stop.luminance_above:g} cd/m^2"
    if stop.current_above is not None:
        yield f"above {amount(stop.current_above, 'A')}"
    if stop.current_density_above is not None:
        density = customary(stop.current_density_above, "current_density")
        yield f"above {density:g} {QUANTITIES['current_density'].unit}"
    if stop.voltage_above is not None:
        yield f"above {amount(stop.voltage_above, 'V')} measured"
    if stop.power_above is not None:
        yield f"above {amount(stop.power_above, 'W')}"
    if stop.luminance_below_maximum is not None:
        yield f"at {100 * stop.luminance_below_maximum:g} % of the largest luminance"
    if stop.eqe_below_maximum is not None:
        yield f"at {100 * stop.eqe_below_maximum:g} % of the largest EQE"
    if stop.no_light_by is not None:
        yield f"no light by {amount(stop.no_light_by, 'V')}"
    if stop.short is not None:
        current, voltage = amount(stop.short.current_above, "A"), amount(stop.short.voltage_below, "V")
        yield f"a short: more than {current} below {voltage}"
    if stop.open_circuit is not None:
        current, voltage = amount(stop.open_circuit.current_below, "A"), amount(stop.open_circuit.voltage_above, "V")
        yield f"an open circuit: less than {current} from {voltage} on"
    if stop.on_photodiode_overflow == "stop":
        yield "an overflow of the photodiode's meter"
    if stop.time_above is not None:
        yield f"after {amount(stop.time_above, 's')}"
    if sweep.measure.bad_reading == "stop":
        yield "a reading without a number"


def mismatch_text(factor: float) -> str:
    """A mismatch factor and what it does to luminance."""
    return f"{factor:.4f} (L {100.0 * (factor - 1.0):+.2f} %)"


def dark_text(level: DarkLevel, unit_read: str = "V") -> str:
    """What the photodiode's meter, which reads V or A, read without light, before the sweep or after it."""
    from acquire.photometry.customary_units import QUANTITIES

    one = QUANTITIES["dark_current" if unit_read == "A" else "dark_signal"]
    texts = (f"{value * one.factor:#.{digits}g}" for value, digits in ((level.signal, 4), (level.deviation, 2)))
    mean, deviation = (text.rstrip(".") for text in texts)
    scatter = f"standard deviation {deviation} {one.unit}, {level.readings} readings"
    return f"{mean} {one.unit}, {scatter} at {level.time:.1f} s"


def layer_text(layer: Layer) -> str:
    """What is stated of a device that one kind of carrier crosses; empty for one that shines."""
    if not layer.stated:
        return ""
    volts = f"V_bi {layer.built_in_voltage:g} V"
    if layer.reverse_built_in_voltage != layer.built_in_voltage:
        volts += f", {layer.reverse_built_in_voltage:g} V at negative voltages"
    stack = f", {layer.layers:g} layers taken as one" if layer.layers > 1 else ""
    thickness = f"{layer.thickness * 1e9:g} nm{_spread(layer.thickness_uncertainty * 1e9, 'nm')}"
    return (
        f"{layer.carriers} only, {thickness}{stack}, "
        f"eps_r {layer.permittivity:g}{_spread(layer.permittivity_uncertainty)}, "
        f"{volts}{_spread(layer.built_in_voltage_uncertainty, 'V')}, "
        f"R_s {layer.series_resistance:g} ohm{_spread(layer.series_resistance_uncertainty, 'ohm')}, "
        f"law {layer.law.replace('_', ' ')}"
    )


def _spread(uncertainty: float, unit: str = "") -> str:
    return f" (u = {uncertainty:.3g}{' ' * bool(unit)}{unit})" if uncertainty else ""
