"""The command table of the Model 2000.

Each entry is a header with what it asks and what it sets; the work is done by
:class:`~drivers.simulated.keithley2000.twin.Keithley2000Twin`. Source: Model 2000 Quick Start Guide (2000-903-01),
command summary; limits as given there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import Any, Protocol

from drivers.simulated.keithley2000.functions import FUNCTIONS, Setup
from drivers.simulated.keithley2000.meter import BUFFER_SIZE, BYTES_PER_READING, Meter, Reading, Value
from drivers.simulated.keithley2000.options import Keithley2000Options
from drivers.simulated.scpi.commands import COMMON_COMMANDS, STATUS_COMMANDS, Instrument, kept
from drivers.simulated.scpi.instrument import Later
from drivers.simulated.scpi.parameters import ON_OFF, Bracketed, Choice, FunctionName, Integer, Many, Number, Quoted
from drivers.simulated.scpi.status import CommandError
from drivers.simulated.scpi.syntax import Command, CommandTable

_HEADERS = {
    "VOLT:DC": "VOLTage[:DC]",
    "VOLT:AC": "VOLTage:AC",
    "CURR:DC": "CURRent[:DC]",
    "CURR:AC": "CURRent:AC",
    "RES": "RESistance",
    "FRES": "FRESistance",
    "FREQ": "FREQuency",
    "PER": "PERiod",
    "TEMP": "TEMPerature",
    "DIOD": "DIODe",
    "CONT": "CONTinuity",
}
_RANGED = ("VOLT:DC", "VOLT:AC", "CURR:DC", "CURR:AC", "RES", "FRES")
_INTEGRATING = (*_RANGED, "TEMP")
_REFERRED = (*_INTEGRATING, "FREQ", "PER")

_LONG_NAMES = {
    "VOLT:DC": ("VOLT", "VOLTAGE", "VOLT:DC", "VOLTAGE:DC"),
    "VOLT:AC": ("VOLT:AC", "VOLTAGE:AC"),
    "CURR:DC": ("CURR", "CURRENT", "CURR:DC", "CURRENT:DC"),
    "CURR:AC": ("CURR:AC", "CURRENT:AC"),
    **{name: (name, _HEADERS[name].upper()) for name in ("RES", "FRES", "FREQ", "PER", "TEMP", "DIOD", "CONT")},
}
_FUNCTION = FunctionName({spelling: name for name, spellings in _LONG_NAMES.items() for spelling in spellings})


class Multimeter(Instrument, Protocol):
    """What the command table asks of the instrument."""

    meter: Meter
    options: Keithley2000Options
    power_on_setup: str
    last_key: int

    @property
    def setup(self) -> Setup:
        """The present settings."""

    def is_idle(self) -> bool:
        """Whether the trigger model is in idle."""

    def preset_defaults(self) -> Setup:
        """The setup that SYST:PRES gives."""

    def save_setup(self) -> None:
        """*SAV 0."""

    def saved_setup(self) -> Setup:
        """A copy of what *SAV 0 kept."""

    def initiate(self) -> None:
        """INIT."""

    def configure(self, function: str) -> None:
        """CONFigure."""

    def read(self) -> Later:
        """READ?."""

    def measure(self, function: str | None = None) -> Later:
        """MEASure?."""

    def fetch(self) -> str | bytes:
        """FETCh?."""

    def sensed_text(self) -> str:
        """SENS:DATA?."""

    def fresh_reading(self) -> str | Later:
        """SENS:DATA:FRES?."""

    def latest_reading(self) -> Reading:
        """The last reading.

        :raises CommandError: -230, there is none.
        """

    def acquire_reference(self) -> None:
        """REF:ACQ."""

    def acquire_percent(self) -> None:
        """CALC1:KMAT:PERC:ACQ."""

    def stored_values(self) -> list[Value]:
        """The readings in the buffer.

        :raises CommandError: -230, it is empty.
        """

    def clear_buffer(self) -> None:
        """TRAC:CLE."""

    def buffer_changed(self) -> None:
        """Let the status register follow a buffer that was emptied or resized."""

    def compute_statistic(self) -> str:
        """CALC2:IMM?."""

    def statistic_text(self) -> str:
        """CALC2:DATA?."""

    def value_text(self, value: Value) -> str:
        """A reading with the elements that FORM:ELEM asks for."""

    def listing(self, values: Sequence[Value]) -> str | bytes:
        """Several readings in the format of FORM:DATA."""


# --- where settings are kept -------------------------------------------------------------------------------------


def _restart(twin: Multimeter) -> None:
    twin.meter.settings_changed()


def _setup(twin: Multimeter) -> object:
    return twin.setup


def _trigger(twin: Multimeter) -> object:
    return twin.setup.trigger


def _math(twin: Multimeter) -> object:
    return twin.setup.math


def _hold(twin: Multimeter) -> object:
    return twin.setup.hold


def _of_function(name: str) -> Callable[[Multimeter], Any]:
    return lambda twin: twin.setup.functions[name]


# --- settings of the functions -----------------------------------------------------------------------------------


def _function_commands(name: str) -> Iterator[Command[Multimeter]]:
    root, settings, function = f"[:SENSe[1]]:{_HEADERS[name]}", _of_function(name), FUNCTIONS[name]
    if name in _RANGED:
        yield from _range_commands(name, root)
    if name in _INTEGRATING:
        yield kept(f"{root}:NPLCycles", settings, "nplc", Number(0.01, 10.0, 1.0), _restart)
        yield kept(f"{root}:AVERage:STATe", settings, "filter_on", ON_OFF, _restart)
        yield kept(f"{root}:AVERage:COUNt", settings, "filter_count", Integer(1, 100, 10), _restart)
        yield kept(f"{root}:AVERage:TCONtrol", settings, "filter_control", Choice("MOVing", "REPeat"), _restart)
    if name in _REFERRED:
        low, high = function.reference
        yield kept(f"{root}:DIGits", settings, "digits", Integer(4, 7, 7))
        yield kept(f"{root}:REFerence", settings, "reference", Number(low, high, 0.0))
        yield kept(f"{root}:REFerence:STATe", settings, "reference_on", ON_OFF)
        yield Command(f"{root}:REFerence:ACQuire", do=lambda twin: _acquire_reference(twin, name))


def _acquire_reference(twin: Multimeter, name: str) -> None:
    if twin.setup.function != name:
        raise CommandError(-221)
    twin.acquire_reference()


def _range_commands(name: str, root: str) -> Iterator[Command[Multimeter]]:
    function = FUNCTIONS[name]

    def choose(twin: Multimeter, expected: float) -> None:
        settings = twin.setup.functions[name]
        settings.range = function.holding(expected)
        settings.autorange = False
        _restart(twin)

    yield Command(
        f"{root}:RANGe[:UPPer]",
        lambda twin: twin.show(twin.setup.functions[name].range),
        choose,
        (Number(0.0, function.limit, function.ranges[-1]),),
    )
    yield kept(f"{root}:RANGe:AUTO", _of_function(name), "autorange", ON_OFF, _restart)


def _threshold_range(name: str) -> Command[Multimeter]:
    def choose(twin: Multimeter, expected: float) -> None:
        twin.setup.functions[name].threshold_range = FUNCTIONS["VOLT:AC"].holding(expected)

    return Command(
        f"[:SENSe[1]]:{_HEADERS[name]}:THReshold:VOLTage:RANGe",
        lambda twin: twin.show(twin.setup.functions[name].threshold_range),
        choose,
        (Number(0.0, 1010.0, 10.0),),
    )


def _special_function_commands() -> Iterator[Command[Multimeter]]:
    for name in ("VOLT:AC", "CURR:AC"):
        header = f"[:SENSe[1]]:{_HEADERS[name]}:DETector:BANDwidth"
        yield kept(header, _of_function(name), "bandwidth", Number(3.0, 300e3, 20.0), _restart)
    for name in ("FREQ", "PER"):
        header = f"[:SENSe[1]]:{_HEADERS[name]}:APERture"
        yield kept(header, _of_function(name), "aperture", Number(0.01, 1.0, 1.0), _restart)
        yield _threshold_range(name)
    diode, continuity, thermometer = _of_function("DIOD"), _of_function("CONT"), _of_function("TEMP")
    yield kept("[:SENSe[1]]:DIODe:CURRent:RANGe[:UPPer]", diode, "diode_current", Number(0.0, 1e-3, 1e-3))
    yield kept("[:SENSe[1]]:CONTinuity:THReshold", continuity, "continuity_threshold", Number(1.0, 1000.0, 10.0))
    root = "[:SENSe[1]]:TEMPerature"
    junction = f"{root}:RJUNction[1]"
    yield kept(f"{root}:TCouple:TYPE", thermometer, "thermocouple", Choice("J", "K", "T"), _restart)
    yield kept(f"{junction}:RSELect", thermometer, "reference_junction", Choice("SIMulated", "REAL"), _restart)
    yield kept(f"{junction}:SIMulated", thermometer, "simulated_junction", Number(0.0, 50.0, 23.0), _restart)


# --- measuring ---------------------------------------------------------------------------------------------------


def _select_function(twin: Multimeter, name: str) -> None:
    twin.setup.function = name
    twin.meter.settings_changed()


def _one_shot_commands(name: str) -> Iterator[Command[Multimeter]]:
    yield Command(f":MEASure:{_HEADERS[name]}", query=lambda twin: twin.measure(name))
    yield Command(f":CONFigure:{_HEADERS[name]}", do=lambda twin: twin.configure(name))


def _measuring_commands() -> Iterator[Command[Multimeter]]:
    yield Command("[:SENSe[1]]:FUNCtion", lambda twin: f'"{twin.setup.function}"', _select_function, (_FUNCTION,))
    yield Command("[:SENSe[1]]:DATA[:LATest]", query=lambda twin: twin.sensed_text())
    yield Command("[:SENSe[1]]:DATA:FRESh", query=lambda twin: twin.fresh_reading())
    yield Command(":FETCh", query=lambda twin: twin.fetch())
    yield Command(":READ", query=lambda twin: twin.read())
    yield Command(":MEASure", query=lambda twin: twin.measure())
    yield Command(":CONFigure", query=lambda twin: f'"{twin.setup.function}"')
    for name in _HEADERS:
        yield from _one_shot_commands(name)
    yield kept("[:SENSe[1]]:HOLD:WINDow", _hold, "window", Number(0.01, 20.0, 1.0))
    yield kept("[:SENSe[1]]:HOLD:COUNt", _hold, "count", Integer(2, 100, 5))
    yield kept("[:SENSe[1]]:HOLD:STATe", _hold, "on", ON_OFF)


# --- trigger -----------------------------------------------------------------------------------------------------


def _set_continuous(twin: Multimeter, on: bool) -> None:
    if on and twin.setup.trigger.samples > 1:
        raise CommandError(-221)
    twin.meter.set_continuous(on)


def _set_samples(twin: Multimeter, count: int) -> None:
    if count > 1 and twin.setup.trigger.continuous:
        raise CommandError(-221)
    twin.setup.trigger.samples = count


def _set_delay(twin: Multimeter, delay: float) -> None:
    twin.setup.trigger.delay = delay
    twin.setup.trigger.delay_auto = False


def _bypass_source(twin: Multimeter) -> None:
    if not twin.meter.bypass_source():
        raise CommandError(-211)


_SOURCES = Choice("IMMediate", "TIMer", "MANual", "BUS", "EXTernal")


def _trigger_commands() -> Iterator[Command[Multimeter]]:
    root = ":TRIGger[:SEQuence[1]]"
    yield Command(":INITiate[:IMMediate]", do=lambda twin: twin.initiate())
    yield Command(
        ":INITiate:CONTinuous", lambda twin: twin.show(twin.setup.trigger.continuous), _set_continuous, (ON_OFF,)
    )
    yield Command(":ABORt", do=lambda twin: twin.meter.abort())
    yield kept(f"{root}:COUNt", _trigger, "count", Integer(1, 9999, 1, ("INFinity",)))
    yield kept(f"{root}:SOURce", _trigger, "source", _SOURCES, lambda twin: twin.meter.source_changed())
    yield Command(
        f"{root}:DELay", lambda twin: twin.show(twin.setup.trigger.delay), _set_delay, (Number(0.0, 999999.999, 0.0),)
    )
    yield kept(f"{root}:DELay:AUTO", _trigger, "delay_auto", ON_OFF)
    yield kept(f"{root}:TIMer", _trigger, "timer", Number(0.0, 999999.999, 0.1))
    yield Command(f"{root}:SIGNal", do=_bypass_source)
    yield Command(
        ":SAMPle:COUNt", lambda twin: twin.show(twin.setup.trigger.samples), _set_samples, (Integer(1, 1024, 1),)
    )


# --- buffer and format -------------------------------------------------------------------------------------------


def _require_not_storing(twin: Multimeter) -> None:
    if twin.meter.buffer.armed:
        raise CommandError(-221)


def _set_points(twin: Multimeter, points: int) -> None:
    _require_not_storing(twin)
    twin.meter.buffer.points = points
    twin.clear_buffer()


def _set_feed(twin: Multimeter, feed: str) -> None:
    _require_not_storing(twin)
    twin.meter.buffer.feed = feed


def _set_feed_control(twin: Multimeter, control: str) -> None:
    if control == "NEXT":
        twin.meter.buffer.arm()
        twin.buffer_changed()
    else:
        twin.meter.buffer.armed = False


def _free(twin: Multimeter) -> str:
    used = len(twin.meter.buffer.values) * BYTES_PER_READING
    return f"{BUFFER_SIZE * BYTES_PER_READING - used},{used}"


_FEEDS = Choice("SENSe[1]", "CALCulate[1]", "NONE")


def _buffer_commands(root: str) -> Iterator[Command[Multimeter]]:
    yield Command(f"{root}:CLEar", do=lambda twin: twin.clear_buffer())
    yield Command(f"{root}:FREE", query=_free)
    yield Command(
        f"{root}:POINts", lambda twin: twin.show(twin.meter.buffer.points), _set_points, (Integer(2, BUFFER_SIZE, 100),)
    )
    yield Command(f"{root}:FEED", lambda twin: twin.meter.buffer.feed, _set_feed, (_FEEDS,))
    yield Command(
        f"{root}:FEED:CONTrol",
        lambda twin: "NEXT" if twin.meter.buffer.armed else "NEV",
        _set_feed_control,
        (Choice("NEVer", "NEXT"),),
    )
    yield Command(f"{root}:DATA", query=lambda twin: twin.listing(twin.stored_values()))


def _set_format(twin: Multimeter, name: str) -> None:
    if name != "ASC" and twin.interface.kind == "serial":
        raise CommandError(808)
    twin.setup.data_format = name


def _set_elements(twin: Multimeter, elements: tuple[str, ...]) -> None:
    twin.setup.elements = tuple(name for name in ("READ", "CHAN", "UNIT") if name in elements)


def _format_commands() -> Iterator[Command[Multimeter]]:
    yield Command(
        ":FORMat[:DATA]", lambda twin: twin.setup.data_format, _set_format, (Choice("ASCii", "SREal", "DREal"),)
    )
    yield Command(
        ":FORMat:ELEMents",
        lambda twin: ",".join(twin.setup.elements),
        _set_elements,
        (Many(Choice("READing", "CHANnel", "UNITs"), 3),),
    )
    yield kept(":FORMat:BORDer", _setup, "byte_order", Choice("NORMal", "SWAPped"))


# --- mathematics -------------------------------------------------------------------------------------------------


def _math_commands() -> Iterator[Command[Multimeter]]:
    factor = Number(-100e6, 100e6, 1.0)
    yield kept(":CALCulate[1]:FORMat", _math, "form", Choice("NONE", "MXB", "PERCent"))
    yield kept(":CALCulate[1]:STATe", _math, "on", ON_OFF)
    yield kept(":CALCulate[1]:KMATh:MMFactor", _math, "slope", factor)
    yield kept(":CALCulate[1]:KMATh:MBFactor", _math, "offset", Number(-100e6, 100e6, 0.0))
    yield Command(
        ":CALCulate[1]:KMATh:MUNits",
        lambda twin: f'"{twin.setup.math.unit}"',
        lambda twin, unit: setattr(twin.setup.math, "unit", unit),
        (Quoted(3),),
    )
    yield kept(":CALCulate[1]:KMATh:PERCent", _math, "percent", factor)
    yield Command(":CALCulate[1]:KMATh:PERCent:ACQuire", do=lambda twin: twin.acquire_percent())
    yield Command(":CALCulate[1]:DATA", query=lambda twin: twin.value_text(twin.latest_reading().result))
    statistics = Choice("MEAN", "SDEViation", "MAXimum", "MINimum", "NONE")
    yield kept(":CALCulate2:FORMat", _math, "statistic", statistics)
    yield kept(":CALCulate2:STATe", _math, "statistic_on", ON_OFF)
    yield Command(
        ":CALCulate2:IMMediate", query=lambda twin: twin.compute_statistic(), do=lambda twin: twin.compute_statistic()
    )
    yield Command(":CALCulate2:DATA", query=lambda twin: twin.statistic_text())
    yield from _limit_commands()


def _limit_commands() -> Iterator[Command[Multimeter]]:
    root = ":CALCulate3:LIMit[1]"

    def pass_again(twin: Multimeter) -> None:
        twin.meter.limits_passed = True

    yield kept(f"{root}:UPPer[:DATA]", _math, "upper", Number(-100e6, 100e6, 1.0))
    yield kept(f"{root}:LOWer[:DATA]", _math, "lower", Number(-100e6, 100e6, -1.0))
    yield kept(f"{root}:STATe", _math, "limits_on", ON_OFF)
    yield Command(f"{root}:FAIL", query=lambda twin: twin.show(twin.meter.limits_passed))
    yield Command(f"{root}:CLEar[:IMMediate]", do=pass_again)


# --- system, display, units --------------------------------------------------------------------------------------


def _set_autozero(twin: Multimeter, on: bool) -> None:
    if not twin.is_idle():
        raise CommandError(-221)
    twin.setup.autozero = on


def _set_local(twin: Multimeter) -> None:
    if twin.interface.kind == "gpib" and twin.options.local_on_gpib_error:
        raise CommandError(-221)


def _press_key(twin: Multimeter, key: int) -> None:
    twin.last_key = key


def _preset(twin: Multimeter) -> None:
    twin.meter.load(twin.preset_defaults())


def _recall(twin: Multimeter, _location: int) -> None:
    twin.meter.load(twin.saved_setup())


def _system_commands() -> Iterator[Command[Multimeter]]:
    yield Command(":SYSTem:PRESet", do=_preset, urgent=True)
    yield Command(
        ":SYSTem:POSetup",
        lambda twin: twin.power_on_setup,
        lambda twin, name: setattr(twin, "power_on_setup", name),
        (Choice("RST", "PRESet", "SAV0"),),
    )
    yield Command(":SYSTem:VERSion", query=lambda _twin: "1991.0")
    yield Command(":SYSTem:FRSWitch", query=lambda twin: twin.show(twin.meter.front_terminals))
    yield Command(":SYSTem:LFRequency", query=lambda twin: twin.show(round(twin.options.line_frequency)))
    yield Command(":SYSTem:KEY", lambda twin: twin.show(twin.last_key), _press_key, (Integer(1, 31, 1),))
    yield Command(":SYSTem:AZERo[:STATe]", lambda twin: twin.show(twin.setup.autozero), _set_autozero, (ON_OFF,))
    yield kept(":SYSTem:BEEPer[:STATe]", _setup, "beeper", ON_OFF)
    yield kept(":SYSTem:KCLick", _setup, "key_click", ON_OFF)
    for header in (":SYSTem:LOCal", ":SYSTem:REMote", ":SYSTem:RWLock"):
        yield Command(header, do=_set_local)


def _display_commands() -> Iterator[Command[Multimeter]]:
    text = ":DISPlay[:WINDow[1]]:TEXT"
    yield kept(":DISPlay:ENABle", _setup, "display", ON_OFF)
    yield Command(
        f"{text}[:DATA]",
        lambda twin: f'"{twin.setup.display_text}"',
        lambda twin, shown: setattr(twin.setup, "display_text", shown),
        (Quoted(12),),
    )
    yield kept(f"{text}:STATe", _setup, "display_text_on", ON_OFF)


def _unit_commands() -> Iterator[Command[Multimeter]]:
    for name in ("VOLT:DC", "VOLT:AC"):
        root = f":UNIT:{_HEADERS[name]}"

        def unit(twin: Multimeter, name: str = name) -> object:
            return twin.setup.units[name]

        yield kept(root, unit, "unit", Choice("V", "DB", "DBM"))
        yield kept(f"{root}:DB:REFerence", unit, "db_reference", Number(1e-7, 1000.0, 1.0))
        yield kept(f"{root}:DBM:IMPedance", unit, "dbm_impedance", Number(1.0, 9999.0, 75.0))
    yield kept(":UNIT:TEMPerature", _setup, "temperature_unit", Choice("C", "F", "K"))


def _hardware_missing(_twin: Multimeter, *_values: object) -> None:
    raise CommandError(-241)


def _scanner_commands() -> Iterator[Command[Multimeter]]:
    """No scanner card is fitted."""
    for header in (":ROUTe:CLOSe", ":ROUTe:OPEN", ":ROUTe:MULTiple:CLOSe", ":ROUTe:MULTiple:OPEN"):
        yield Command(header, set=_hardware_missing, parameters=(Bracketed(),))
    for header in (":ROUTe:CLOSe:STATe", ":ROUTe:MULTiple:CLOSe:STATe"):
        yield Command(header, query=_hardware_missing)
    for header in (":ROUTe:OPEN:ALL", ":ROUTe:MULTiple:OPEN:ALL"):
        yield Command(header, do=_hardware_missing)
    for header in (":ROUTe:SCAN[:INTernal]", ":ROUTe:SCAN:EXTernal"):
        yield Command(header, _hardware_missing, _hardware_missing, (Bracketed(),))
    selections = Choice("INTernal", "EXTernal", "NONE")
    yield Command(":ROUTe:SCAN:LSELect", _hardware_missing, _hardware_missing, (selections,))


def _common_commands() -> Iterator[Command[Multimeter]]:
    yield from COMMON_COMMANDS
    yield from STATUS_COMMANDS
    yield Command("*OPT", query=lambda _twin: "0,0")
    yield Command("*TST", query=lambda _twin: "0")
    yield Command("*SAV", set=lambda twin, _location: twin.save_setup(), parameters=(Integer(0, 0, 0),))
    yield Command("*RCL", set=_recall, parameters=(Integer(0, 0, 0),))


def _all_commands() -> Iterator[Command[Multimeter]]:
    yield from _common_commands()
    for name in _HEADERS:
        yield from _function_commands(name)
    yield from _special_function_commands()
    yield from _measuring_commands()
    yield from _trigger_commands()
    for root in (":TRACe", ":DATA"):
        yield from _buffer_commands(root)
    yield from _format_commands()
    yield from _math_commands()
    yield from _system_commands()
    yield from _display_commands()
    yield from _unit_commands()
    yield from _scanner_commands()


@lru_cache
def command_table(*, colon_before_common: bool) -> CommandTable[Multimeter]:
    """Every command of the Model 2000; the same table for all twins."""
    return CommandTable(_all_commands(), colon_before_common=colon_before_common)
