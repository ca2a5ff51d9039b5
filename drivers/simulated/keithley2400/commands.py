"""The command table of the 2400: header, what the query tells, what the command does, its parameter.

Every function gets the instrument as its first argument, ``i``. Source: Keithley Series 2400 User's Manual
2400S-900-01, sections 14, 15, 17 and 18.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Sequence
from typing import Protocol

from drivers.simulated.keithley2400 import rules
from drivers.simulated.keithley2400.options import Keithley2400Options
from drivers.simulated.keithley2400.ranges import RANGES, full_scale, nominal_range
from drivers.simulated.keithley2400.readings import BUFFER_SIZE, Reading, Trace, buffer_statistic
from drivers.simulated.keithley2400.settings import (
    ELEMENTS,
    MEASURED,
    SOFT_LIMITS,
    SenseSettings,
    Settings,
    SoftLimit,
    SourceSettings,
    sweep_points,
    sweep_step,
)
from drivers.simulated.keithley2400.source_meter import SourceMeter
from drivers.simulated.scpi.commands import COMMON_COMMANDS, STATUS_COMMANDS, Instrument, kept, setting
from drivers.simulated.scpi.instrument import Later
from drivers.simulated.scpi.parameters import (
    ON_OFF,
    Boolean,
    Bracketed,
    Choice,
    FunctionName,
    Integer,
    Many,
    Number,
    Parameter,
    Quoted,
    spellings,
)
from drivers.simulated.scpi.status import CommandError
from drivers.simulated.scpi.syntax import Command, CommandTable

_NODES = {"VOLT": "VOLTage[:DC]", "CURR": "CURRent[:DC]", "RES": "RESistance"}
_SOURCES = {"VOLT": ":SOURce[1]:VOLTage", "CURR": ":SOURce[1]:CURRent"}
_LEVEL_LIMITS = {"VOLT": 210.0, "CURR": 1.05}
_SENSE_LIMITS = {"VOLT": 210.0, "CURR": 1.05, "RES": 2.1e8}
_LONGEST_DELAY = 9999.999  # s
_LISTS = 100  # values of a list in one message
_LIST_START = Integer(1, 100, 1)

_FUNCTION = FunctionName(
    {
        spelling: name
        for name, words in (
            ("VOLT", ("VOLTage", "VOLTage:DC")),
            ("CURR", ("CURRent", "CURRent:DC")),
            ("RES", ("RESistance",)),
        )
        for word in words
        for spelling in (form + (":DC" if word.endswith(":DC") else "") for form in spellings(word.removesuffix(":DC")))
    }
)


class SourceMeterInstrument(Instrument, Protocol):
    """What the command table asks of the instrument."""

    source_meter: SourceMeter
    options: Keithley2400Options
    register_format: str
    math_unit: str
    power_on_setup: str
    last_key: int
    display_texts: dict[int, str]
    display_text_on: dict[int, bool]

    @property
    def settings(self) -> Settings:
        """The present settings."""

    def go_to_local(self) -> None:
        """``SYST:LOC``."""

    def preset(self) -> None:
        """``SYST:PRES``."""

    def save(self, number: int) -> None:
        """``*SAV``."""

    def recall(self, number: int) -> None:
        """``*RCL``."""

    def forget_memory(self) -> None:
        """``SYST:MEM:INIT``."""

    def read(self) -> str | bytes | Later:
        """``READ?``."""

    def fetch(self) -> str | bytes | Later:
        """``FETC?``."""

    def measure(self, functions: frozenset[str] | None = None) -> str | bytes | Later:
        """``MEAS?``."""

    def latest(self) -> str | bytes:
        """``SENS:DATA:LAT?``."""

    def trace_data(self) -> str | bytes:
        """``TRAC:DATA?``."""

    def calculated_listing(self, readings: Sequence[Reading], results: Sequence[float]) -> str | bytes:
        """Results of CALC1 or CALC2 with the elements of ``FORM:ELEM:CALC``."""

    def text_of(self, values: Sequence[float]) -> str | bytes:
        """Numbers as text."""


def _autozero_state(token: str) -> str | bool:
    return "ONCE" if token.upper() == "ONCE" else Boolean()(token)


def _data_format(token: str) -> str | int:
    """``ASC``, ``REAL``, ``SRE``, or the 32 that may follow REAL."""
    return int(Integer(32, 32, 32)(token)) if token[0].isdigit() else Choice("ASCii", "REAL", "SREal")(token)


def _events(*words: str) -> Parameter:
    return Many(Choice(*words, "NONE"))


def _without_none(words: tuple[str, ...]) -> tuple[str, ...]:
    """A list of events; NONE stands alone (-221)."""
    if "NONE" not in words:
        return words
    if len(words) > 1:
        raise CommandError(-221)
    return ()


def _quote_functions(names: Collection[str]) -> str:
    shown = {"VOLT": '"VOLT:DC"', "CURR": '"CURR:DC"', "RES": '"RES"'}
    return ",".join(shown[name] for name in MEASURED if name in names) or '""'


def _same(i: SourceMeterInstrument) -> SourceMeterInstrument:
    return i


def _trace(i: SourceMeterInstrument) -> Trace:
    return i.source_meter.trace


def _ruled(rule: Callable[..., None], *fixed: object) -> Callable[..., None]:
    """A command that changes the settings by a rule, after which the terminals follow."""

    def change(i: SourceMeterInstrument, *values: object) -> None:
        rule(i.settings, *fixed, *values)
        i.source_meter.apply()

    return change


def _apply(i: SourceMeterInstrument) -> None:
    i.source_meter.apply()


def _leave_swept_level(i: SourceMeterInstrument) -> None:
    i.source_meter.leave_swept_level()


def _trip_if_blocked(i: SourceMeterInstrument) -> None:
    i.source_meter.trip_if_blocked()


# --- output and source -------------------------------------------------------------------------------------------


def _set_level(function: str) -> Callable[[SourceMeterInstrument, float | str], None]:
    def change(i: SourceMeterInstrument, wanted: float | str) -> None:
        clip = i.options.out_of_range_level == "clip"
        i.source_meter.set_level(function, rules.checked_level(i.settings, function, wanted, clip=clip))

    return change


def _set_triggered_level(function: str) -> Callable[[SourceMeterInstrument, float | str], None]:
    def change(i: SourceMeterInstrument, wanted: float | str) -> None:
        clip = i.options.out_of_range_level == "clip"
        i.settings.source[function].triggered = rules.checked_level(i.settings, function, wanted, clip=clip)

    return change


def _triggered_level(axis: SourceSettings) -> float:
    return float(axis.level if axis.triggered is None else axis.triggered)


def _set_centre(axis: SourceSettings, centre: float) -> None:
    half = (axis.stop - axis.start) / 2
    axis.start, axis.stop = centre - half, centre + half


def _set_span(axis: SourceSettings, span: float) -> None:
    centre = (axis.start + axis.stop) / 2
    axis.start, axis.stop = centre - span / 2, centre + span / 2


def _append_list(axis: SourceSettings, values: tuple[float, ...]) -> None:
    if len(axis.levels) + len(values) > BUFFER_SIZE:
        raise CommandError(-223)
    axis.levels += values


def _source_axis(function: str) -> Callable[[SourceMeterInstrument], SourceSettings]:
    return lambda i: i.settings.source[function]


def _source_commands(function: str) -> tuple[Command[SourceMeterInstrument], ...]:
    root, limit, axis = _SOURCES[function], _LEVEL_LIMITS[function], _source_axis(function)
    raw_level = Number(-limit, limit, 0.0, words=("MINimum", "MAXimum"))
    return (
        kept(f"{root}:MODE", axis, "mode", Choice("FIXed", "SWEep", "LIST"), _leave_swept_level),
        Command(
            f"{root}:RANGe",
            lambda i: i.show(full_scale(axis(i).range)),
            _ruled(rules.set_source_range, function),
            (Number(-limit, limit, Settings().source[function].range, ("UP", "DOWN"), RANGES[function][0]),),
        ),
        Command(
            f"{root}:RANGe:AUTO",
            lambda i: i.show(axis(i).auto),
            _ruled(rules.set_source_autorange, function),
            (ON_OFF,),
        ),
        Command(
            f"{root}[:LEVel][:IMMediate][:AMPLitude]",
            lambda i: i.show(axis(i).level),
            _set_level(function),
            (raw_level,),
        ),
        Command(
            f"{root}[:LEVel]:TRIGgered[:AMPLitude]",
            lambda i: i.show(_triggered_level(axis(i))),
            _set_triggered_level(function),
            (raw_level,),
        ),
    )


def _staircase_commands(function: str) -> tuple[Command[SourceMeterInstrument], ...]:
    root, limit, axis = _SOURCES[function], _LEVEL_LIMITS[function], _source_axis(function)
    level, span = Number(-limit, limit, 0.0), Number(-2 * limit, 2 * limit, 0.0)
    return (
        kept(f"{root}:STARt", axis, "start", level),
        kept(f"{root}:STOP", axis, "stop", level),
        Command(
            f"{root}:STEP",
            lambda i: i.show(sweep_step(i.settings, axis(i))),
            lambda i, step: rules.set_step(i.settings, function, step),
            (span,),
        ),
        Command(
            f"{root}:CENTer",
            lambda i: i.show((axis(i).start + axis(i).stop) / 2),
            lambda i, value: _set_centre(axis(i), value),
            (level,),
        ),
        Command(
            f"{root}:SPAN",
            lambda i: i.show(axis(i).stop - axis(i).start),
            lambda i, value: _set_span(axis(i), value),
            (span,),
        ),
        kept(f"{root}:SOAK", axis, "soak", Number(0.0, _LONGEST_DELAY, 0.0)),
    )


def _list_commands(function: str) -> tuple[Command[SourceMeterInstrument], ...]:
    root, axis = f":SOURce[1]:LIST:{_SOURCES[function].rpartition(':')[2]}", _source_axis(function)
    levels = Many(Number(-_LEVEL_LIMITS[function], _LEVEL_LIMITS[function], 0.0), _LISTS)
    return (
        Command(
            root,
            lambda i: ",".join(f"{value:+.6E}" for value in axis(i).levels),
            lambda i, values: setattr(axis(i), "levels", values),
            (levels,),
        ),
        Command(f"{root}:APPend", set=lambda i, values: _append_list(axis(i), values), parameters=(levels,)),
        Command(f"{root}:POINts", query=lambda i: str(len(axis(i).levels))),
        setting(f"{root}:STARt", "list_start", _LIST_START),
    )


def _set_source_function(i: SourceMeterInstrument, function: str) -> None:
    rules.set_source_function(i.settings, function)
    i.source_meter.leave_swept_level()


def _set_source_delay(i: SourceMeterInstrument, delay: float) -> None:
    i.settings.source_delay, i.settings.source_delay_auto = delay, False


def _set_over_voltage(i: SourceMeterInstrument, voltage: float | str) -> None:
    i.settings.over_voltage_protection = 210.0 if voltage == "NONE" else rules.over_voltage_step(float(voltage))
    i.source_meter.apply()


def _set_terminals(i: SourceMeterInstrument, terminals: str) -> None:
    if terminals != i.settings.terminals:
        i.source_meter.switch_output(on=False)
    i.settings.terminals = terminals


def _set_guard(i: SourceMeterInstrument, guard: str) -> None:
    if guard == "OHMS" and i.settings.source["CURR"].range == 1.0:
        raise CommandError(828)
    i.settings.guard = guard


OUTPUT_COMMANDS: tuple[Command[SourceMeterInstrument], ...] = (
    Command(
        ":OUTPut[1][:STATe]",
        lambda i: i.show(i.source_meter.output_on),
        lambda i, on: i.source_meter.request_output(on),
        (ON_OFF,),
    ),
    setting(
        ":OUTPut[1]:SMODe",
        "output_off_state",
        Choice("HIMPedance", "NORMal", "ZERO", "GUARd", "GUARd2"),
        changed=_apply,
    ),
    setting(":OUTPut[1]:ENABle[:STATe]", "output_enable_used", ON_OFF, _trip_if_blocked),
    Command(":OUTPut[1]:ENABle:TRIPped", query=lambda i: i.show(i.source_meter.enable_line_closed)),
    Command(":ROUTe:TERMinals", lambda i: i.settings.terminals, _set_terminals, (Choice("FRONt", "REAR"),)),
    Command(":SOURce[1]:CLEar[:IMMediate]", do=lambda i: i.source_meter.switch_output(on=False)),
    setting(":SOURce[1]:CLEar:AUTO", "auto_off", ON_OFF),
    setting(":SOURce[1]:CLEar:AUTO:MODE", "auto_off_mode", Choice("ALWays", "TCOunt")),
    Command(
        ":SOURce[1]:FUNCtion[:MODE]",
        lambda i: "MEM" if i.settings.memory_sweep else i.settings.source_function,
        _set_source_function,
        (Choice("VOLTage", "CURRent", "MEMory"),),
    ),
    *(
        command
        for function in ("VOLT", "CURR")
        for commands_of in (_source_commands, _staircase_commands, _list_commands)
        for command in commands_of(function)
    ),
    Command(
        ":SOURce[1]:VOLTage:PROTection[:LEVel]",
        lambda i: i.show(i.settings.over_voltage_protection),
        _set_over_voltage,
        (Number(-210.0, 210.0, 210.0, ("NONE",), least=rules.over_voltage_step(0.0)),),
    ),
    Command(":SOURce[1]:VOLTage:PROTection:TRIPped", query=lambda i: i.show(i.source_meter.over_voltage_tripped())),
    Command(
        ":SOURce[1]:DELay",
        lambda i: i.show(i.settings.source_delay),
        _set_source_delay,
        (Number(0.0, _LONGEST_DELAY, 0.0),),
    ),
    setting(":SOURce[1]:DELay:AUTO", "source_delay_auto", ON_OFF),
    setting(":SOURce[1]:SWEep:SPACing", "sweep_spacing", Choice("LINear", "LOGarithmic")),
    Command(
        ":SOURce[1]:SWEep:POINts",
        lambda i: i.show(sweep_points(i.settings)),
        lambda i, points: rules.set_points(i.settings, points),
        (Integer(1, 2500, 2500),),
    ),
    setting(":SOURce[1]:SWEep:DIRection", "sweep_direction", Choice("UP", "DOWN")),
    setting(":SOURce[1]:SWEep:RANGing", "sweep_ranging", Choice("BEST", "AUTO", "FIXed")),
    setting(":SOURce[1]:SWEep:CABort", "sweep_abort", Choice("NEVer", "EARLy", "LATE")),
    setting(":SOURce[1]:LIST:STARt", "list_start", _LIST_START),
    Command(":SOURce[1]:MEMory:SAVE", set=lambda i, n: i.source_meter.save_memory(n), parameters=(Integer(1, 100, 1),)),
    Command(
        ":SOURce[1]:MEMory:RECall", set=lambda i, n: i.source_meter.recall_memory(n), parameters=(Integer(1, 100, 1),)
    ),
    setting(":SOURce[1]:MEMory:POINts", "memory_points", Integer(1, 100, 1)),
    setting(":SOURce[1]:MEMory:STARt", "memory_start", Integer(1, 100, 1)),
    setting(":SOURce2:TTL[:LEVel][:DEFault]", "digital_output", Integer(0, 15, 15)),
    Command(":SOURce2:TTL:ACTual", query=lambda i: i.show(i.settings.digital_output)),
    setting(":SOURce2:BSIZe", "digital_size", Integer(3, 16, 4)),
    setting(":SOURce2:TTL4:MODE", "digital_line4_mode", Choice("EOTest", "BUSY")),
    setting(":SOURce2:TTL4:BSTate", "digital_line4_busy", ON_OFF),
    Command(":SOURce2:CLEar[:IMMediate]", do=lambda i: setattr(i.settings, "digital_output", 15)),
    setting(":SOURce2:CLEar:AUTO", "digital_clear_auto", ON_OFF),
    setting(":SOURce2:CLEar:AUTO:DELay", "digital_clear_delay", Number(0.0, 60.0, 1e-4)),
)


# --- sense -------------------------------------------------------------------------------------------------------


def _sense_axis(function: str) -> Callable[[SourceMeterInstrument], SenseSettings]:
    return lambda i: i.settings.sense[function]


def _set_lower_limit(function: str) -> Callable[[SourceMeterInstrument, float], None]:
    def change(i: SourceMeterInstrument, value: float) -> None:
        i.settings.sense[function].lower_limit = nominal_range(function, value)

    return change


def _range_commands(function: str) -> tuple[Command[SourceMeterInstrument], ...]:
    root, limit = f"[:SENSe[1]]:{_NODES[function]}:RANGe", _SENSE_LIMITS[function]
    axis = _sense_axis(function)
    default, lowest = full_scale(Settings().sense[function].range), RANGES[function][0]
    return (
        Command(
            f"{root}[:UPPer]",
            lambda i: i.show(rules.shown_sense_range(i.settings, function)),
            _ruled(rules.set_sense_range, function),
            (Number(-limit, limit, default, ("UP", "DOWN"), lowest),),
        ),
        kept(f"{root}:AUTO", axis, "auto", ON_OFF, _apply),
        Command(
            f"{root}:AUTO:LLIMit",
            lambda i: i.show(full_scale(axis(i).lower_limit) if function != "CURR" else axis(i).lower_limit),
            _set_lower_limit(function),
            (Number(-limit, limit, Settings().sense[function].lower_limit, least=lowest),),
        ),
        Command(
            f"{root}:AUTO:ULIMit", query=lambda i: i.show(full_scale(rules.highest_measure_range(i.settings, function)))
        ),
        setting(f"[:SENSe[1]]:{_NODES[function]}:NPLCycles", "nplc", Number(0.01, 10.0, 1.0)),
    )


def _protection_commands(function: str) -> tuple[Command[SourceMeterInstrument], ...]:
    root, limit = f"[:SENSe[1]]:{_NODES[function]}:PROTection", _LEVEL_LIMITS[function]
    axis = _sense_axis(function)
    default = Settings().sense[function].protection
    return (
        Command(
            f"{root}[:LEVel]",
            lambda i: i.show(axis(i).protection),
            _ruled(rules.set_protection, function),
            (Number(-limit, limit, default, least=rules.smallest_compliance(function)),),
        ),
        Command(f"{root}:TRIPped", query=lambda i: i.show(i.source_meter.compliance_tripped(function))),
        Command(
            f"{root}:RSYNchronize",
            lambda i: i.show(axis(i).follow_protection),
            _ruled(rules.set_range_follows_protection, function),
            (ON_OFF,),
        ),
    )


def _functions_off(i: SourceMeterInstrument) -> tuple[str, ...]:
    return tuple(name for name in MEASURED if name not in i.settings.functions)


def _restart_filter(i: SourceMeterInstrument) -> None:
    i.source_meter.restart_filter()


SENSE_COMMANDS: tuple[Command[SourceMeterInstrument], ...] = (
    Command(
        "[:SENSe[1]]:FUNCtion:CONCurrent",
        lambda i: i.show(i.settings.concurrent),
        _ruled(rules.set_concurrent),
        (ON_OFF,),
    ),
    Command(
        "[:SENSe[1]]:FUNCtion[:ON]",
        lambda i: _quote_functions(i.settings.functions),
        _ruled(rules.add_functions),
        (Many(_FUNCTION),),
    ),
    Command("[:SENSe[1]]:FUNCtion[:ON]:ALL", do=_ruled(rules.add_functions, MEASURED)),
    Command("[:SENSe[1]]:FUNCtion[:ON]:COUNt", query=lambda i: str(len(i.settings.functions))),
    Command(
        "[:SENSe[1]]:FUNCtion:OFF",
        lambda i: _quote_functions(_functions_off(i)),
        _ruled(rules.remove_functions),
        (Many(_FUNCTION),),
    ),
    Command("[:SENSe[1]]:FUNCtion:OFF:ALL", do=_ruled(rules.remove_functions, MEASURED)),
    Command("[:SENSe[1]]:FUNCtion:OFF:COUNt", query=lambda i: str(len(_functions_off(i)))),
    Command(
        "[:SENSe[1]]:FUNCtion:STATe", query_with=lambda i, name: i.show(name in i.settings.functions), asked=_FUNCTION
    ),
    *_range_commands("VOLT"),
    *_range_commands("CURR"),
    *_range_commands("RES"),
    *_protection_commands("VOLT"),
    *_protection_commands("CURR"),
    setting("[:SENSe[1]]:RESistance:MODE", "resistance_mode", Choice("AUTO", "MANual"), changed=_apply),
    setting("[:SENSe[1]]:RESistance:OCOMpensated", "offset_compensation", ON_OFF),
    setting("[:SENSe[1]]:AVERage[:STATe]", "filter_on", ON_OFF, changed=_restart_filter),
    setting("[:SENSe[1]]:AVERage:COUNt", "filter_count", Integer(1, 100, 10), changed=_restart_filter),
    setting("[:SENSe[1]]:AVERage:TCONtrol", "filter_control", Choice("REPeat", "MOVing"), changed=_restart_filter),
    Command("[:SENSe[1]]:DATA[:LATest]", query=lambda i: i.latest()),
)


# --- measuring, format, buffers ----------------------------------------------------------------------------------


def _configure_commands(function: str) -> tuple[Command[SourceMeterInstrument], ...]:
    node, only = _NODES[function], frozenset({function})
    return (
        Command(f":CONFigure:{node}", do=lambda i: i.source_meter.configure(only)),
        Command(f":MEASure:{node}", query=lambda i: i.measure(only)),
    )


def _set_data_format(i: SourceMeterInstrument, words: tuple[str | int, ...]) -> None:
    name, *length = words
    if isinstance(name, int):
        raise CommandError(-128)
    if length and (name != "REAL" or length != [32]):
        raise CommandError(-108)
    if name != "ASC" and i.interface.kind == "serial":
        raise CommandError(701)
    i.settings.data_format = name


def _set_elements(i: SourceMeterInstrument, names: tuple[str, ...]) -> None:
    """The order of a reply is fixed, whatever order was asked for."""
    i.settings.elements = tuple(name for name in ELEMENTS if name in names)


def _set_trace_points(i: SourceMeterInstrument, points: int) -> None:
    i.source_meter.refuse_while_storing()
    i.source_meter.trace.points = points
    i.source_meter.clear_trace()


def _set_trace_feed(i: SourceMeterInstrument, feed: str) -> None:
    i.source_meter.refuse_while_storing()
    i.source_meter.trace.feed = feed
    i.source_meter.clear_trace()


def _trace_commands(root: str) -> tuple[Command[SourceMeterInstrument], ...]:
    return (
        Command(
            f"{root}:POINts",
            lambda i: i.show(i.source_meter.trace.points),
            _set_trace_points,
            (Integer(1, BUFFER_SIZE, 100),),
        ),
        Command(f"{root}:POINts:ACTual", query=lambda i: str(len(i.source_meter.trace.readings))),
        Command(
            f"{root}:FEED",
            lambda i: i.source_meter.trace.feed,
            _set_trace_feed,
            (Choice("SENSe[1]", "CALCulate[1]", "CALCulate2"),),
        ),
        Command(
            f"{root}:FEED:CONTrol",
            lambda i: i.source_meter.trace.control,
            lambda i, control: i.source_meter.set_trace_control(control),
            (Choice("NEXT", "NEVer"),),
        ),
        kept(f"{root}:TSTamp:FORMat", _trace, "time_format", Choice("ABSolute", "DELTa")),
        Command(f"{root}:CLEar", do=lambda i: i.source_meter.clear_trace()),
        Command(f"{root}:FREE", query=lambda i: i.show(i.source_meter.trace.free())),
        Command(f"{root}:DATA", query=lambda i: i.trace_data()),
    )


MEASURE_COMMANDS: tuple[Command[SourceMeterInstrument], ...] = (
    *(command for function in MEASURED for command in _configure_commands(function)),
    Command(":CONFigure", query=lambda i: _quote_functions(i.settings.functions)),
    Command(":MEASure", query=lambda i: i.measure()),
    Command(":READ", query=lambda i: i.read()),
    Command(":FETCh", query=lambda i: i.fetch()),
    Command(
        ":FORMat[:DATA]",
        lambda i: i.settings.data_format if i.settings.data_format != "REAL" else "REAL,32",
        _set_data_format,
        (Many(_data_format),),
    ),
    setting(":FORMat:BORDer", "byte_order", Choice("NORMal", "SWAPped")),
    Command(
        ":FORMat:ELEMents[:SENSe[1]]",
        lambda i: i.show(i.settings.elements),
        _set_elements,
        (Many(Choice("VOLTage", "CURRent", "RESistance", "TIME", "STATus")),),
    ),
    Command(
        ":FORMat:ELEMents:CALCulate",
        lambda i: i.show(i.settings.calculation_elements),
        lambda i, names: setattr(
            i.settings, "calculation_elements", tuple(name for name in ("CALC", "TIME", "STAT") if name in names)
        ),
        (Many(Choice("CALCulate", "TIME", "STATus")),),
    ),
    kept(":FORMat:SREGister", _same, "register_format", Choice("ASCii", "HEXadecimal", "OCTal", "BINary")),
    *_trace_commands(":TRACe"),
    *_trace_commands(":DATA"),
)


# --- trigger -----------------------------------------------------------------------------------------------------

_LINE = Integer(1, 4, 1)
_DIRECTION = Choice("ACCeptor", "SOURce")


def _trigger_list(node: str, name: str) -> Command[SourceMeterInstrument]:
    return Command(
        f":TRIGger[:SEQuence[1]][:TCONfigure][:ASYNchronous]:{node}",
        lambda i: i.show(getattr(i.settings, name)) or "NONE",
        lambda i, words: setattr(i.settings, name, _without_none(words)),
        (_events("SOURce", "DELay", "SENSe"),),
    )


TRIGGER_COMMANDS: tuple[Command[SourceMeterInstrument], ...] = (
    Command(":INITiate[:IMMediate]", do=lambda i: i.source_meter.initiate()),
    Command(":ABORt", do=lambda i: i.source_meter.abort(), urgent=True),
    Command(":TRIGger[:SEQuence[1]]:CLEar", do=lambda i: i.source_meter.lines.forget()),
    Command(
        ":ARM[:SEQuence[1]][:LAYer[1]]:COUNt",
        lambda i: i.show(i.settings.arm_count),
        lambda i, count: rules.set_counts(i.settings, arm=count),
        (Integer(1, 2500, 1, words=("INFinity",)),),
    ),
    setting(
        ":ARM[:SEQuence[1]][:LAYer[1]]:SOURce",
        "arm_source",
        Choice("IMMediate", "TIMer", "MANual", "BUS", "TLINk", "NSTest", "PSTest", "BSTest"),
    ),
    setting(":ARM[:SEQuence[1]][:LAYer[1]]:TIMer", "arm_timer", Number(0.001, 99999.99, 0.1)),
    setting(":ARM[:SEQuence[1]][:LAYer[1]][:TCONfigure]:DIRection", "arm_direction", _DIRECTION),
    setting(":ARM[:SEQuence[1]][:LAYer[1]][:TCONfigure][:ASYNchronous]:ILINe", "arm_input_line", _LINE),
    setting(":ARM[:SEQuence[1]][:LAYer[1]][:TCONfigure][:ASYNchronous]:OLINe", "arm_output_line", _LINE),
    setting(
        ":ARM[:SEQuence[1]][:LAYer[1]][:TCONfigure][:ASYNchronous]:OUTPut",
        "arm_output",
        Choice("NONE", "TENTer", "TEXit"),
    ),
    Command(
        ":TRIGger[:SEQuence[1]]:COUNt",
        lambda i: i.show(i.settings.trigger_count),
        lambda i, count: rules.set_counts(i.settings, trigger=count),
        (Integer(1, 2500, 1),),
    ),
    setting(":TRIGger[:SEQuence[1]]:SOURce", "trigger_source", Choice("IMMediate", "TLINk")),
    setting(":TRIGger[:SEQuence[1]]:DELay", "trigger_delay", Number(0.0, 999.9999, 0.0)),
    setting(":TRIGger[:SEQuence[1]][:TCONfigure]:DIRection", "trigger_direction", _DIRECTION),
    setting(":TRIGger[:SEQuence[1]][:TCONfigure][:ASYNchronous]:ILINe", "trigger_input_line", _LINE),
    setting(":TRIGger[:SEQuence[1]][:TCONfigure][:ASYNchronous]:OLINe", "trigger_output_line", _LINE),
    _trigger_list("INPut", "trigger_input"),
    _trigger_list("OUTPut", "trigger_output"),
)


# --- calculate ---------------------------------------------------------------------------------------------------


def _calculated(attribute: str, latest: bool) -> Callable[[SourceMeterInstrument], str | bytes]:
    def reply(i: SourceMeterInstrument) -> str | bytes:
        readings = i.source_meter.readings()[-1:] if latest else i.source_meter.readings()
        return i.calculated_listing(readings, [getattr(reading, attribute) for reading in readings])

    return reply


def _acquire_null(i: SourceMeterInstrument) -> None:
    value = i.source_meter.readings()[-1].limited + (i.settings.null_offset if i.settings.null_on else 0.0)
    i.settings.null_offset = 0.0 if math.isnan(value) else value


def _switch_limit(settings: Settings, number: int, on: bool) -> None:
    others = [other for other in settings.limits_on if other != number]
    settings.limits_on = tuple(sorted([*others, number] if on else others))


def _limit_commands(number: int) -> tuple[Command[SourceMeterInstrument], ...]:
    root = f":CALCulate2:LIMit{number}"

    def limit(i: SourceMeterInstrument) -> SoftLimit:
        return i.settings.limits[number]

    value, pattern = Number(-9.999999e20, 9.999999e20, 1.0), Integer(0, 65535, 15)
    return (
        kept(f"{root}:UPPer[:DATA]", limit, "upper", value),
        kept(f"{root}:LOWer[:DATA]", limit, "lower", Number(-9.999999e20, 9.999999e20, -1.0)),
        kept(f"{root}:UPPer:SOURce2", limit, "upper_pattern", pattern),
        kept(f"{root}:LOWer:SOURce2", limit, "lower_pattern", pattern),
        Command(
            f"{root}:STATe",
            lambda i: i.show(number in i.settings.limits_on),
            lambda i, on: _switch_limit(i.settings, number, on),
            (ON_OFF,),
        ),
        Command(f"{root}:FAIL", query=lambda i: i.show(number in i.settings.limits_failed)),
    )


def _select_formula(i: SourceMeterInstrument, name: str) -> None:
    i.source_meter.formulas.claim(name.upper())
    i.settings.math_name = name.upper()


def _formula_text(i: SourceMeterInstrument) -> str:
    return f"({i.source_meter.formulas[i.settings.math_name].text})"


def _define_formula(i: SourceMeterInstrument, text: str) -> None:
    i.source_meter.formulas.define(i.settings.math_name, text)


CALCULATE_COMMANDS: tuple[Command[SourceMeterInstrument], ...] = (
    Command(
        ":CALCulate[1]:MATH[:EXPRession]:NAME", lambda i: f'"{i.settings.math_name}"', _select_formula, (Quoted(10),)
    ),
    Command(
        ":CALCulate[1]:MATH[:EXPRession]:CATalog",
        query=lambda i: ",".join(f'"{n}"' for n in i.source_meter.formulas.names()),
    ),
    Command(":CALCulate[1]:MATH[:EXPRession][:DEFine]", _formula_text, _define_formula, (Bracketed(),)),
    Command(
        ":CALCulate[1]:MATH[:EXPRession]:DELete[:SELected]",
        set=lambda i, name: i.source_meter.delete_formula(name.upper()),
        parameters=(Quoted(10),),
    ),
    Command(":CALCulate[1]:MATH[:EXPRession]:DELete:ALL", do=lambda i: i.source_meter.delete_formula(None)),
    Command(
        ":CALCulate[1]:MATH:UNITs",
        lambda i: f'"{i.math_unit}"',
        lambda i, text: setattr(i, "math_unit", text),
        (Quoted(3),),
    ),
    setting(":CALCulate[1]:STATe", "math_on", ON_OFF),
    Command(":CALCulate[1]:DATA", query=_calculated("calculated", latest=False)),
    Command(":CALCulate[1]:DATA:LATest", query=_calculated("calculated", latest=True)),
    setting(":CALCulate2:FEED", "limit_feed", Choice("CALCulate[1]", "VOLTage", "CURRent", "RESistance")),
    setting(":CALCulate2:NULL:OFFSet", "null_offset", Number(-9.999999e20, 9.999999e20, 0.0)),
    setting(":CALCulate2:NULL:STATe", "null_on", ON_OFF),
    Command(":CALCulate2:NULL:ACQuire", do=_acquire_null),
    Command(":CALCulate2:DATA", query=_calculated("limited", latest=False)),
    Command(":CALCulate2:DATA:LATest", query=_calculated("limited", latest=True)),
    setting(":CALCulate2:LIMit[1]:STATe", "compliance_limit_on", ON_OFF),
    setting(":CALCulate2:LIMit[1]:COMPliance:FAIL", "compliance_limit_fail", Choice("IN", "OUT")),
    setting(":CALCulate2:LIMit[1]:COMPliance:SOURce2", "compliance_limit_pattern", Integer(0, 65535, 15)),
    Command(":CALCulate2:LIMit[1]:FAIL", query=lambda i: i.show(1 in i.settings.limits_failed)),
    *(command for number in SOFT_LIMITS for command in _limit_commands(number)),
    setting(":CALCulate2:CLIMits:BCONtrol", "limit_control", Choice("IMMediate", "END")),
    setting(":CALCulate2:CLIMits:MODE", "limit_mode", Choice("GRADing", "SORTing")),
    setting(":CALCulate2:CLIMits:PASS:SOURce2", "limit_pass_pattern", Integer(0, 65535, 15)),
    setting(":CALCulate2:CLIMits:CLEar:AUTO", "limit_clear_auto", ON_OFF),
    Command(":CALCulate2:CLIMits:CLEar[:IMMediate]", do=lambda i: i.source_meter.clear_limits()),
    setting(":CALCulate3:FORMat", "statistic", Choice("MEAN", "SDEViation", "MAXimum", "MINimum", "PKPK")),
    Command(
        ":CALCulate3:DATA", query=lambda i: i.text_of(buffer_statistic(i.source_meter.trace, i.settings.statistic))
    ),
)


# --- system and display ------------------------------------------------------------------------------------------


def _set_autozero(i: SourceMeterInstrument, state: str | bool) -> None:
    """ONCE takes new reference readings and leaves auto-zero off."""
    i.settings.autozero = state is True


def _set_line_frequency(i: SourceMeterInstrument, frequency: int) -> None:
    if frequency not in (50, 60):
        raise CommandError(-222)
    i.source_meter.line_frequency, i.source_meter.line_frequency_auto = float(frequency), False


def _set_line_frequency_auto(i: SourceMeterInstrument, on: bool) -> None:
    i.source_meter.line_frequency_auto = on
    if on:
        i.source_meter.line_frequency = i.options.line_frequency


def _beep(_i: SourceMeterInstrument, tone: tuple[float, float]) -> None:
    """The longest tone has 512 periods."""
    frequency, duration = tone
    if duration > 512.0 / frequency:
        raise CommandError(-222)


def _all_errors(i: SourceMeterInstrument, show: Callable[[int], str]) -> str:
    errors = i.status.errors
    return ",".join(show(errors.next_code()) for _ in range(max(1, len(errors))))


def _display_commands(window: int, node: str, size: int) -> tuple[Command[SourceMeterInstrument], ...]:
    return (
        Command(
            f":DISPlay{node}:TEXT:DATA",
            lambda i: f'"{i.display_texts[window]}"',
            lambda i, text: i.display_texts.update({window: text}),
            (Quoted(size),),
        ),
        Command(
            f":DISPlay{node}:TEXT:STATe",
            lambda i: i.show(i.display_text_on[window]),
            lambda i, on: i.display_text_on.update({window: on}),
            (ON_OFF,),
        ),
    )


def _go_to_local_on_serial(i: SourceMeterInstrument) -> None:
    if i.interface.kind == "serial":
        i.go_to_local()


def _ignore(_i: SourceMeterInstrument) -> None:
    """Front-panel and self-calibration actions that change nothing that can be seen from the link."""


SYSTEM_COMMANDS: tuple[Command[SourceMeterInstrument], ...] = (
    Command(":SYSTem:ERRor:ALL", query=lambda i: _all_errors(i, i.status.errors.message)),
    Command(":SYSTem:ERRor:COUNt", query=lambda i: str(len(i.status.errors))),
    Command(":SYSTem:ERRor:CODE[:NEXT]", query=lambda i: i.status.errors.code_text(i.status.errors.next_code())),
    Command(":SYSTem:ERRor:CODE:ALL", query=lambda i: _all_errors(i, i.status.errors.code_text)),
    Command(":SYSTem:AZERo[:STATe]", lambda i: i.show(i.settings.autozero), _set_autozero, (_autozero_state,)),
    setting(":SYSTem:AZERo:CACHing[:STATe]", "caching", ON_OFF),
    Command(":SYSTem:AZERo:CACHing:REFResh", do=_ignore),
    Command(":SYSTem:AZERo:CACHing:RESet", do=_ignore),
    Command(":SYSTem:AZERo:CACHing:NPLCycles", query=lambda i: i.show(i.settings.nplc)),
    setting(":SYSTem:RSENse", "remote_sense", ON_OFF, changed=_apply),
    Command(
        ":SYSTem:LFRequency",
        lambda i: i.show(int(i.source_meter.line_frequency)),
        _set_line_frequency,
        (Integer(50, 60, 60),),
    ),
    Command(
        ":SYSTem:LFRequency:AUTO",
        lambda i: i.show(i.source_meter.line_frequency_auto),
        _set_line_frequency_auto,
        (ON_OFF,),
    ),
    Command(":SYSTem:BEEPer[:IMMediate]", set=_beep, parameters=(Number(65.0, 2e6, 1e3), Number(0.0, 7.9, 0.1))),
    setting(":SYSTem:BEEPer:STATe", "beeper", ON_OFF),
    Command(":SYSTem:TIME", query=lambda i: i.show(i.source_meter.timer())),
    Command(":SYSTem:TIME:RESet", do=lambda i: i.source_meter.reset_timer()),
    setting(":SYSTem:TIME:RESet:AUTO", "timer_reset_auto", ON_OFF),
    kept(":SYSTem:POSetup", _same, "power_on_setup", Choice("RST", "PRESet", "SAV0", "SAV1", "SAV2", "SAV3", "SAV4")),
    Command(":SYSTem:PRESet", do=lambda i: i.preset(), urgent=True),
    Command(":SYSTem:VERSion", query=lambda _: "1996.0"),
    setting(":SYSTem:RCMode", "control_model", Choice("SINGle", "MULTiple")),
    Command(":SYSTem:GUARd", lambda i: i.settings.guard, _set_guard, (Choice("CABLe", "OHMS"),)),
    kept(":SYSTem:KEY", _same, "last_key", Integer(1, 31, 1)),
    Command(":SYSTem:MEMory:INITialize", do=lambda i: i.forget_memory()),
    Command(":SYSTem:MEP[:STATe]", query=lambda _: "1"),
    Command(":SYSTem:LOCal", do=_go_to_local_on_serial),
    Command(":SYSTem:REMote", do=_ignore),
    Command(":SYSTem:RWLock", do=_ignore),
    setting(":DISPlay:ENABle", "display_on", ON_OFF),
    setting(":DISPlay:DIGits", "display_digits", Integer(4, 7, 6)),
    Command(":DISPlay:CNDisplay", do=_ignore),
    *_display_commands(1, "[:WINDow[1]]", 20),
    *_display_commands(2, ":WINDow2", 32),
)

OWN_COMMON_COMMANDS: tuple[Command[SourceMeterInstrument], ...] = (
    Command("*OPT", query=lambda _: "0"),
    Command("*TST", query=lambda _: "0"),
    Command("*SAV", set=lambda i, n: i.save(n), parameters=(Integer(0, 4, 0),)),
    Command("*RCL", set=lambda i, n: i.recall(n), parameters=(Integer(0, 4, 0),), urgent=True),
)

COMMANDS: CommandTable[SourceMeterInstrument] = CommandTable(
    (
        *COMMON_COMMANDS,
        *OWN_COMMON_COMMANDS,
        *STATUS_COMMANDS,
        *OUTPUT_COMMANDS,
        *SENSE_COMMANDS,
        *MEASURE_COMMANDS,
        *TRIGGER_COMMANDS,
        *CALCULATE_COMMANDS,
        *SYSTEM_COMMANDS,
    )
)
"""Everything the 2400 understands."""
