"""A whole simulated bench: one device, one photodiode and one clock behind three twins, reached over PyVISA.

bench = build_simulated_bench(SimulatedBenchOptions(load=parameters, seed=3))
manager = pyvisa.ResourceManager(bench.library)
smu = manager.open_resource("GPIB0::24::INSTR")
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from drivers.simulated.clock import Clock, VirtualClock
from drivers.simulated.cs2000a.twin import CS2000AOptions, CS2000ATwin
from drivers.simulated.defects import with_defects
from drivers.simulated.device import device_from_parameters
from drivers.simulated.fixture import (
    AmbientLight,
    NoiseSettings,
    TestFixture,
    ambient_from_parameters,
    noise_from_parameters,
    pattern_from_parameters,
)
from drivers.simulated.hmp110.twin import HMP110Options, HMP110Twin
from drivers.simulated.keithley2000.twin import Keithley2000Options, Keithley2000Twin
from drivers.simulated.keithley2400.twin import Keithley2400Options, Keithley2400Twin
from drivers.simulated.loads import Load, OpenCircuit, Resistor, Reversed, ShortCircuit
from drivers.simulated.photodiode import (
    Photodiode,
    coaxial_discs_etendue,
    linear_responsivity,
    move_from_parameters,
    photodiode_from_parameters,
)
from drivers.simulated.relay_board.twin import RelayBoardOptions, RelayBoardTwin
from drivers.simulated.single_carrier import single_carrier_from_parameters
from drivers.simulated.trigger_link import TriggerLink
from drivers.simulated.twin import Twin
from drivers.simulated.visa import SimulatedVisaLibrary

Interface = Literal["gpib", "serial", "socket"]


@dataclass(frozen=True)
class TwinKind:
    """A kind of twin: its model for people, the class of its options, and how it is connected to a fixture.

    ``many_interfaces``: its option ``interface`` follows from the name of its resource.
    """

    model: str
    options: type[Any]
    connected: Callable[[TestFixture, Any, TriggerLink | None], Twin]
    many_interfaces: bool = False


#: The twins, by role, in the order in which they stand everywhere.
TWINS: Mapping[str, TwinKind] = {
    "smu": TwinKind("Keithley 2400", Keithley2400Options, Keithley2400Twin, many_interfaces=True),
    "photodiode_meter": TwinKind("Keithley 2000", Keithley2000Options, Keithley2000Twin, many_interfaces=True),
    "spectroradiometer": TwinKind("CS-2000A", CS2000AOptions, lambda where, options, _: CS2000ATwin(where, options)),
    "pixel_switch": TwinKind(
        "relay board", RelayBoardOptions, lambda where, options, _: RelayBoardTwin(where, options), many_interfaces=True
    ),
    "surroundings": TwinKind("Vaisala HMP110", HMP110Options, lambda where, options, _: HMP110Twin(where, options)),
}

#: The options of each twin, by role.
OPTION_CLASSES: Mapping[str, type[Any]] = {role: kind.options for role, kind in TWINS.items()}


@dataclass(frozen=True)
class SimulatedBenchOptions:
    """What is on the bench and how it behaves.

    ``load`` is a load, or the parameters of one: a light-emitting device with its shared parameters under
    ``shared``, or ``{"load": "resistor", "resistance_ohm": 1e3}``, or load ``open_circuit``, ``short_circuit`` or
    ``single_carrier``, each also with the defects of :mod:`drivers.simulated.defects`.
    ``photodiode`` None takes the one of the shared parameters, else a silicon diode of 1 cm^2 at 100 mm with
    5e6 V/A. A resource of None leaves that instrument out. The kind of interface follows from the resource name,
    whatever the options of the twin say; ``instant`` makes every duration of every twin zero.
    """

    load: Load | Mapping[str, Any]
    photodiode: Photodiode | None = None
    noise: bool = True
    seed: int = 1
    hysteresis: bool | None = None
    degradation: bool | None = None
    lead_resistance: float = 0.0  # ohm
    ambient: AmbientLight | None = None  # None: that of the shared parameters
    smu: str | None = "GPIB0::24::INSTR"
    photodiode_meter: str | None = "GPIB0::16::INSTR"
    spectroradiometer: str | None = "ASRL3::INSTR"
    pixel_switch: str | None = None
    surroundings: str | None = None
    smu_options: Keithley2400Options | None = None
    photodiode_meter_options: Keithley2000Options | None = None
    spectroradiometer_options: CS2000AOptions | None = None
    pixel_switch_options: RelayBoardOptions | None = None
    surroundings_options: HMP110Options | None = None
    trigger_link: bool = False
    instant: bool = False
    device_angle: float = 0.0  # deg


@dataclass(frozen=True)
class SimulatedBench:
    """The parts of a simulated bench; ``twins`` by resource name, ``trigger_link`` None when it is not cabled."""

    clock: VirtualClock
    fixture: TestFixture
    twins: Mapping[str, Twin]
    trigger_link: TriggerLink | None
    library: SimulatedVisaLibrary


def build_simulated_bench(options: SimulatedBenchOptions) -> SimulatedBench:
    """Build the bench on virtual time.

    :raises KeyError: a parameter is missing.
    :raises ValueError: the load is unknown.
    """
    clock = VirtualClock()
    fixture = build_fixture(options, clock)
    link = TriggerLink() if options.trigger_link else None
    twins = build_twins(options, fixture, link)
    return SimulatedBench(clock, fixture, twins, link, SimulatedVisaLibrary(clock, twins))


def build_fixture(options: SimulatedBenchOptions, clock: Clock) -> TestFixture:
    """Put the load in front of its detectors, on any clock."""
    shared = options.load.get("shared", {}) if isinstance(options.load, Mapping) else {}
    photodiode = options.photodiode
    if photodiode is None:
        photodiode = photodiode_from_parameters(shared) if "photodiode" in shared else _usual_photodiode()
    fixture = TestFixture(
        clock,
        load_of(options),
        photodiode,
        noise_from_parameters(shared) if options.noise else NoiseSettings.none(),
        options.seed,
        options.lead_resistance,
    )
    fixture.ambient = ambient_from_parameters(shared) if options.ambient is None else options.ambient
    fixture.dark_ramp = shared.get("photodiode", {}).get("dark_ramp_A_per_s", 0.0)
    fixture.device_angle = options.device_angle
    fixture.move = None if options.photodiode is not None else move_from_parameters(shared)
    fixture.pattern = pattern_from_parameters(shared)
    fixture.emitting_area = shared.get("device_area_m2", math.nan)
    return fixture


def build_twins(options: SimulatedBenchOptions, fixture: TestFixture, link: TriggerLink | None) -> dict[str, Twin]:
    """Connect the instruments to a fixture, by resource name."""
    twins: dict[str, Twin] = {}
    for role, kind in TWINS.items():
        if (resource := getattr(options, role)) is None:
            continue
        given = getattr(options, f"{role}_options") or kind.options()
        interface = {"interface": interface_kind(resource)} if kind.many_interfaces else {}
        given = replace(given, **interface, instant=given.instant or options.instant)
        twins[resource] = kind.connected(fixture, given, link)
    return twins


def interface_kind(resource: str) -> Interface:
    """Tell the kind of interface from a VISA resource name.

    :raises ValueError: it is neither GPIB, serial nor TCPIP.
    """
    kinds: dict[str, Interface] = {"GPIB": "gpib", "ASRL": "serial", "TCPI": "socket"}
    try:
        return kinds[resource[:4].upper()]
    except KeyError:
        raise ValueError(f"{resource!r} is neither a GPIB, a serial (ASRL) nor a TCPIP resource") from None


def load_of(options: SimulatedBenchOptions) -> Load:
    """What hangs on the source's terminals, as a new one without a history.

    :raises KeyError: a parameter is missing.
    :raises ValueError: the load is unknown.
    """
    load = options.load
    return with_defects(_sound_load(load, options), load) if isinstance(load, Mapping) else load


def _sound_load(load: Mapping[str, Any], options: SimulatedBenchOptions) -> Load:
    match load.get("load", "light_emitting_device"):
        case "resistor":
            return Resistor(load["resistance_ohm"])
        case "open_circuit":
            return OpenCircuit()
        case "short_circuit":
            return ShortCircuit()
        case "single_carrier":
            return single_carrier_from_parameters(load["single_carrier"])
        case "light_emitting_device":
            device = device_from_parameters(load, hysteresis=options.hysteresis, degradation=options.degradation)
            return Reversed(device) if load.get("polarity") == "negative" else device
        case unknown:
            raise ValueError(f"no load is called {unknown!r}")


def _usual_photodiode() -> Photodiode:
    return Photodiode(
        etendue=coaxial_discs_etendue(14e-6, 1e-4, 0.1),
        responsivity=linear_responsivity("6.0e-4*lambda_nm - 0.012"),
        gain=5e6,
        dark_current=2e-11,
    )
