"""Opening a bench: every instrument found, identified and set up, or one report of all that is wrong."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from acquire.bench.bench import Bench
from acquire.bench.exchange_log import ExchangeLog
from acquire.bench.settings import dmm_settings, serial_line, smu_settings, spectroradiometer_settings
from acquire.bench.site import Site
from acquire.config import BenchFile, LoadedSweep
from acquire.config.bench import PhotodiodeMeter, SourceMeter, Spectroradiometer
from acquire.safety import off_first
from acquire.safety.guardian import Guard, Order
from acquire.safety.interruption import StopRequest
from acquire.sweep.plan import SweepPlan
from drivers import errors, link, models
from drivers.cs2000a.driver import CS2000A
from drivers.cs2000a.errors import AngleNotSet
from drivers.keithley2000.driver import Keithley2000
from drivers.keithley2400.driver import Keithley2400, SmuLimits

Opened = TypeVar("Opened", Keithley2400, Keithley2000, CS2000A)


class BenchNotReady(errors.InstrumentError):
    """One or more instruments could not be opened or set up; the message lists all of them."""


def open_bench(loaded: LoadedSweep, plan: SweepPlan, site: Site, stop: StopRequest, guard: Guard) -> Bench:
    """Open, identify and set up every instrument of a sweep's bench, found at ``site``. No output is switched on.

    ``guard`` hears when the output goes on, and when it is off.

    :raises BenchNotReady: with every instrument that could not be opened or set up.
    """
    visa_library, clock = site.visa_library, site.clock
    exchanges = ExchangeLog(clock) if loaded.sweep.keeps_exchange() else None
    opening = _Opening(exchanges)
    smu = opening.ready(
        "smu",
        lambda: _open_smu(loaded, visa_library),
        lambda instrument: _set_up_smu(instrument, loaded, plan),
    )
    meter = opening.ready(
        "photodiode_meter",
        lambda: _open_photodiode_meter(loaded, visa_library),
        lambda instrument: _set_up_meter(instrument, loaded),
    )
    spectroradiometer = None
    if loaded.bench.instruments.spectroradiometer is not None and loaded.sweep.spectra is not None:
        spectroradiometer = opening.ready(
            "spectroradiometer",
            lambda: _open_spectroradiometer(loaded, visa_library, clock),
            lambda instrument: _set_up_spectroradiometer(instrument, loaded),
        )
    if opening.problems or smu is None or meter is None:
        opening.close_all()
        raise BenchNotReady(loaded.bench.name, "\n  ".join(["not ready:", *opening.problems]).removesuffix("."))
    return Bench(smu, meter, spectroradiometer, clock, stop, plan, guard, exchanges)


class _Opening:
    """Opens one instrument after the other and collects what goes wrong."""

    def __init__(self, exchanges: ExchangeLog | None) -> None:
        self.problems: list[str] = []
        self._exchanges = exchanges
        self._opened: list[Keithley2400 | Keithley2000 | CS2000A] = []

    def ready(self, role: str, open_it: Callable[[], Opened], set_up: Callable[[Opened], None]) -> Opened | None:
        try:
            instrument = open_it()
            self._opened.append(instrument)
            if self._exchanges is not None:
                link.call_after_exchange(instrument.adapter, self._exchanges.tap(role))
            instrument.identify()
            set_up(instrument)
        except errors.InstrumentError as problem:
            self.problems.append(str(problem))
            return None
        return instrument

    def close_all(self) -> None:
        for instrument in self._opened:
            link.let_go(instrument.adapter)


def guardian_order(loaded: LoadedSweep, run: Path) -> Order | None:
    """What a guardian must know; None for a simulated bench, which ends with this process."""
    if loaded.bench.simulated:
        return None
    return Order(str(run.resolve()), source_address(loaded.bench), os.getpid())


def source_address(bench: BenchFile) -> off_first.SourceAddress:
    """How the source of a real bench is reached."""
    smu = bench.instruments.smu
    line = serial_line(smu.serial, models.source_meter(smu.model).serial)
    return off_first.SourceAddress(smu.model, smu.resource, bench.visa, line)


def switch_off(bench: BenchFile) -> str:
    """Make the source of a bench safe now, whoever left it on; what was done, and who holds the instrument's lock.

    :raises drivers.errors.OutputStateUnknown: it could not be confirmed that the output is off.
    """
    if bench.simulated:
        return "a simulated bench lives in the process of its run: there is no output that could be left on"
    return switch_off_source(source_address(bench))


def switch_off_source(address: off_first.SourceAddress) -> str:
    """The same for a source whose address is known.

    :raises drivers.errors.OutputStateUnknown: as above.
    """
    with off_first.lock_for_a_moment(address, "acquire off") as holder:
        off_first.make_safe_until_confirmed(address, None, off_first.PATIENCE, lambda _: None)
    done = f"{address.resource}: taken to zero and switched off; asked, it says that its output is off"
    return f"{done}\nIt was switched off although it {holder}" if holder else done


def _open_smu(loaded: LoadedSweep, visa_library: Any) -> Keithley2400:
    where, limits = loaded.bench.instruments.smu, loaded.bench.limits
    allowed = SmuLimits(voltage=limits.voltage, current=limits.current, power=limits.power)
    smu: Keithley2400 = _connected(where, visa_library, limits=allowed)
    return smu


def _open_photodiode_meter(loaded: LoadedSweep, visa_library: Any) -> Keithley2000:
    meter: Keithley2000 = _connected(loaded.bench.instruments.photodiode_meter, visa_library)
    return meter


def _open_spectroradiometer(loaded: LoadedSweep, visa_library: Any, clock: Callable[[], float]) -> CS2000A:
    where = loaded.bench.instruments.spectroradiometer
    assert where is not None
    meter: CS2000A = _connected(where, visa_library, clock=clock)
    return meter


def _connected(where: SourceMeter | PhotodiodeMeter | Spectroradiometer, visa_library: Any, **special: Any) -> Any:
    """The driver of the instrument's model, connected; nothing was sent yet."""
    model = models.MODELS[where.model]
    serial = serial_line(where.serial, model.specification.serial)
    return model.driver(where.resource, visa_library=visa_library, timeout=where.timeout, serial=serial, **special)


def _set_up_smu(smu: Keithley2400, loaded: LoadedSweep, plan: SweepPlan) -> None:
    smu.configure(smu_settings(loaded, plan))


def _set_up_meter(meter: Keithley2000, loaded: LoadedSweep) -> None:
    meter.configure(dmm_settings(loaded))
    wanted = loaded.bench.instruments.photodiode_meter.terminals
    found = "front" if meter.front_terminals else "rear"
    if found != wanted:
        what = f"the INPUTS switch is at {found}, but the bench file says {wanted}"
        raise errors.InstrumentError(str(meter.name), what, "Press the switch, or correct the bench file")


def _set_up_spectroradiometer(meter: CS2000A, loaded: LoadedSweep) -> None:
    meter.configure(spectroradiometer_settings(loaded))
    where = loaded.bench.instruments.spectroradiometer
    assert where is not None
    if meter.measuring_angle != where.measuring_angle:
        what = f"the knob is at {meter.measuring_angle:g} deg, but the bench file says {where.measuring_angle:g} deg"
        raise AngleNotSet(str(meter.name), what, "Turn the knob, or correct the bench file")
