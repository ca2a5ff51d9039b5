"""From a bench file to the simulated bench it describes."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from acquire.config import BenchFile, DeviceFile, LoadedSweep, device_parameters, load_bench, load_sweep
from acquire.config.parsing import parse
from acquire.config.yaml_source import read_yaml
from drivers.simulated.bench import (
    OPTION_CLASSES,
    SimulatedBench,
    SimulatedBenchOptions,
    build_simulated_bench,
    load_of,
)
from drivers.simulated.loads import OpenCircuit

_KNOB_POSITIONS = {1.0: 0, 0.2: 1, 0.1: 2}


def simulated_bench(loaded: LoadedSweep) -> SimulatedBench:
    """The simulated bench of a sweep, with its device in place, on virtual time."""
    return build_simulated_bench(simulated_bench_options(loaded))


def put_in(bench: SimulatedBench, pixels: Mapping[int, LoadedSweep]) -> None:
    """Put another substrate on a simulated bench: the devices of these sweeps, by the relay that each is behind.

    Without a pixel switch the one behind relay 1 is connected.
    """
    bench.fixture.put_in({relay: load_of(simulated_bench_options(loaded)) for relay, loaded in pixels.items()})


def simulated_bench_options(loaded: LoadedSweep) -> SimulatedBenchOptions:
    """What the simulated bench of a sweep consists of."""
    assert loaded.device is not None
    return bench_options(loaded.bench, loaded.device)


def bench_options(bench: BenchFile, device: DeviceFile | None) -> SimulatedBenchOptions:
    """What the simulated bench of a bench file consists of; without a device the terminals are open.

    The twins stand as the bench file says the instruments do: same position of the knob.
    """
    simulation, there = bench.simulation, bench.instruments.by_role
    twins: dict[str, Any] = {role: there[role].resource if role in there else None for role in OPTION_CLASSES}
    twins |= {f"{role}_options": _twin_options(bench, role) for role in OPTION_CLASSES}
    return SimulatedBenchOptions(
        load=device_parameters(device, simulation) if device else OpenCircuit(),
        noise=simulation.noise,
        seed=simulation.seed,
        lead_resistance=simulation.lead_resistance,
        trigger_link=bench.trigger_link,
        instant=simulation.instant,
        device_angle=simulation.device_angle,
        **twins,
    )


def _twin_options(bench: BenchFile, role: str) -> Any:
    meter = bench.instruments.spectroradiometer
    knob = {"angle": _KNOB_POSITIONS[meter.measuring_angle]} if meter and role == "spectroradiometer" else {}
    return OPTION_CLASSES[role](**{**knob, **getattr(bench.simulation.options, role)})


def simulated_bench_of_files(bench: Path | None, sweep: Path | None) -> tuple[Path, SimulatedBenchOptions]:
    """The bench file that counts and what it describes: with the device of ``sweep``, else with its own.

    Without ``bench`` it is that of the sweep; one of the two must be given.

    :raises ConfigurationError: with every problem of every file.
    :raises ValueError: the bench is a real one.
    """
    if sweep is not None:
        loaded = load_sweep(sweep, bench)
        path, file, device = loaded.bench_path, loaded.bench, loaded.device
    else:
        assert bench is not None
        path, file = bench, load_bench(bench)
        name = file.simulation.device
        device = parse(read_yaml(path.parent / name), DeviceFile).model if name else None
    if not file.simulated:
        how = "to try this one, see docs/how-to/try-a-bench.md"
        raise ValueError(f"{path} describes a real bench; one with 'visa: simulated' can be simulated; {how}")
    return path, bench_options(file, device)


def bench_file_on_ports(path: Path, resources: Mapping[str, str]) -> str:
    """The text of a bench file like that at ``path`` whose instruments answer at ``resources``, by role."""
    bench: dict[str, Any] = copy.deepcopy(dict(read_yaml(path).content))
    twin_options = bench.pop("simulation", {}).get("options", {})
    bench |= {"visa": "@py", "twins": True}
    for role, resource in resources.items():
        instrument = bench["instruments"][role]
        instrument["resource"] = resource
        instrument.pop("serial", None)
        if resource.startswith("ASRL") and "terminator" in twin_options.get(role, {}):
            instrument["serial"] = {"terminator": twin_options[role]["terminator"]}
    if calibration := bench.get("photodiode", {}).get("calibration"):
        bench["photodiode"]["calibration"] = (path.parent / calibration).resolve().as_posix()
    return yaml.safe_dump(bench, sort_keys=False, allow_unicode=True)
