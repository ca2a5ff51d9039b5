"""A bench opened once and set up for each run: every instrument ready, or one report of all that is wrong."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from acquire.bench.bench import BenchInRun
from acquire.bench.exchange_log import ExchangeLog
from acquire.bench.settings import dmm_settings, serial_line, smu_settings, spectroradiometer_settings
from acquire.bench.site import Site
from acquire.config import BenchFile, LoadedSweep
from acquire.config.bench import Instrument
from acquire.records import Activity, Doing
from acquire.safety import off_first
from acquire.safety.guardian import Guard, Order, let_go_ahead
from acquire.safety.interruption import StopRequest
from acquire.sweep.plan import SweepPlan
from drivers import errors, link, models
from drivers.cs2000a.driver import CS2000A
from drivers.cs2000a.errors import AngleNotSet
from drivers.keithley2000.driver import Keithley2000
from drivers.keithley2400.driver import Keithley2400, SmuLimits

Show = Callable[[Activity], None]


class BenchNotReady(errors.InstrumentError):
    """One or more instruments could not be opened or set up; the message lists all of them."""


class Bench:
    """The instruments of a bench: each is opened by the first run that needs it, and stays open for the next ones."""

    def __init__(self, file: BenchFile, site: Site) -> None:
        self._file = file
        self._site = site
        self._instruments: dict[str, Any] = {}
        self._closed = False
        #: The guardian of the next run, started ahead; None: it starts with its run.
        self.guardian_ahead: subprocess.Popen[bytes] | None = None
        #: What the next run on this bench is to note.
        self.remarks: Sequence[str] = ()

    @contextmanager
    def in_run(
        self,
        loaded: LoadedSweep,
        plan: SweepPlan,
        stop: StopRequest,
        guard: Guard,
        show: Show = lambda _: None,
        elapsed: float = 0.0,
    ) -> Iterator[BenchInRun]:
        """The bench set up for one run inside: opened, identified, every setting made from a reset, output off.

        ``guard`` hears when the output goes on, and when it is off, ``show`` what is being done; the run began
        ``elapsed`` s ago, where it is gone on with. After
        anything that went wrong, and where the output may still be on, all links are closed: the guardian finds them
        free, and the next run opens them anew.

        :raises BenchNotReady: with every instrument that could not be opened or set up; or the sweep is one for
            another bench, or this one was closed; nothing was sent then.
        """
        if self._closed or loaded.bench != self._file:
            what = "was closed" if self._closed else f"is not as in the bench file of {loaded.sweep_path}"
            raise BenchNotReady(self._file.name, what, "Open the bench of that sweep")
        kept = False
        try:
            with stop.interruptible():  # a second Ctrl-C need not wait for instruments that do not answer
                running = self._set_up(loaded, plan, stop, guard, show, elapsed)
            with closing(running):
                yield running
            kept = not running.output_may_be_on
        finally:
            if not kept:
                self._let_go()

    def _set_up(
        self, loaded: LoadedSweep, plan: SweepPlan, stop: StopRequest, guard: Guard, show: Show, elapsed: float
    ) -> BenchInRun:
        """Every instrument that the sweep needs.

        :raises BenchNotReady: as :meth:`in_run`.
        """
        exchanges = ExchangeLog(self._site.clock)
        if not loaded.sweep.keeps_exchange():
            exchanges.stop()
        problems = []
        ready: dict[str, Any] = {}
        for role in [role for role, kind in _ROLES.items() if kind.needed(loaded)]:
            show(Activity(0.0, role, self._introduction(role), doing=Doing.OPENING))
            try:
                _ROLES[role].set_up(self._connected(role, exchanges), loaded, plan)
            except errors.InstrumentError as problem:
                if _ROLES[role].spare:
                    self._go_without(role, problem)
                else:
                    problems.append(str(problem))
                show(Activity(0.0, role, "not ready", doing=Doing.READY))
                continue
            ready[role] = self._instruments[role]
            show(Activity(0.0, role, "ready", doing=Doing.READY))
        if "pixel_switch" in ready and not problems:
            problems += self._not_connected(loaded.sweep.sample.name_at_switch)
        if problems:
            raise BenchNotReady(self._file.name, "\n  ".join(["not ready:", *problems]).removesuffix("."))
        return BenchInRun(
            clock=self._site.clock,
            wait=self._site.wait,
            stop=stop,
            plan=plan,
            guard=guard,
            exchanges=exchanges,
            show=show,
            elapsed=elapsed,
            **ready,
        )

    def _not_connected(self, pixel: str) -> list[str]:
        """Connect the pixel of a run, whose source is set up by now; why that is not possible, if it is not."""
        try:
            self.select(pixel)
        except errors.InstrumentError as problem:
            return [str(problem)]
        return []

    def _go_without(self, role: str, problem: errors.InstrumentError) -> None:
        """Leave an instrument alone in this run, which is going to note it; the next run opens it anew."""
        self.remarks = (*self.remarks, f"{problem} The run goes on without the role {role}")
        if role in self._instruments:
            link.let_go(self._instruments.pop(role).adapter)

    def _introduction(self, role: str) -> str:
        """What is done first with an instrument."""
        where = getattr(self._file.instruments, role)
        doing = "setting up" if role in self._instruments else "opening"
        return f"{doing} {models.MODELS[where.model].specification.name} at {where.resource}"

    def _connected(self, role: str, exchanges: ExchangeLog | None = None) -> Any:
        """An instrument, opened and identified unless it is open; ``exchanges`` hears what is exchanged with it.

        :raises drivers.errors.InstrumentError: it cannot be opened, or another one answers.
        """
        new = role not in self._instruments
        if new:
            self._instruments[role] = _ROLES[role].open(self._file, self._site)
        instrument = self._instruments[role]
        if exchanges is not None:
            link.call_after_exchange(instrument.adapter, exchanges.tap(role))
        if new:
            instrument.identify()
        return instrument

    def select(self, pixel: str | None) -> None:
        """Connect a pixel by its name in the bench file, and no other; None: none. The source is asked before.

        :raises RefusedByDriver: the output is on, or may be: nothing was switched; or no pixel has this name.
        :raises drivers.errors.InstrumentError: the switch does not answer, or not as it should.
        """
        if self._closed:
            raise errors.RefusedByDriver(self._file.name, "the bench was closed: nothing was switched")
        where = self._file.instruments.pixel_switch
        if where is None or (pixel is not None and pixel not in where.pixels):
            known = f"its pixels are {', '.join(where.pixels)}" if where else "it has no pixel_switch"
            raise errors.RefusedByDriver(self._file.name, f"there is no pixel {pixel} to be connected: {known}")
        self._require_output_off(pixel)
        self._connected("pixel_switch").select(None if pixel is None else where.pixels[pixel])
        self._site.wait(where.settle)

    def _require_output_off(self, pixel: str | None) -> None:
        """Ask the source, whatever is thought of it: a contact that opens or closes under voltage hurts the device.

        :raises RefusedByDriver: its output is on, or it does not say so.
        """
        smu = self._file.instruments.smu
        hint = "Switch it off: acquire off, or press OUTPUT on the instrument"
        try:
            with_output = "" if models.MODELS[smu.model].off.is_off(self._connected("smu").adapter) else "is on"
        except errors.InstrumentError as problem:
            with_output = f"may be on ({problem.what})"
        if with_output:
            what = f"pixel {pixel or '(none)'} was not connected: the output {with_output}"
            raise errors.RefusedByDriver(self._file.name, what, hint)

    @property
    def open_instruments(self) -> tuple[str, ...]:
        """The roles whose links are open."""
        return tuple(self._instruments)

    def take_guardian(self) -> subprocess.Popen[bytes] | None:
        """The guardian that was started ahead, for the run that begins."""
        ahead, self.guardian_ahead = self.guardian_ahead, None
        return ahead

    def close(self) -> None:
        """Let go of the instruments, whose output is off by then, for good."""
        self._closed = True
        if (ahead := self.take_guardian()) is not None:
            let_go_ahead(ahead)
        self._let_go()

    def _let_go(self) -> None:
        while self._instruments:
            link.let_go(self._instruments.popitem()[1].adapter)


@contextmanager
def open_bench(file: BenchFile, site: Site) -> Iterator[Bench]:
    """A bench, found at ``site``, for one run or several; its links are closed at the end."""
    with closing(Bench(file, site)) as bench:
        yield bench


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


def _open_smu(file: BenchFile, site: Site) -> Any:
    limits = file.limits
    allowed = SmuLimits(voltage=limits.voltage, current=limits.current, power=limits.power)
    return _opened(file.instruments.smu, site, limits=allowed)


def _by_the_clock(role: str) -> Callable[[BenchFile, Site], Any]:
    """How an instrument is opened whose driver asks the clock by itself."""
    return lambda file, site: _opened(file.instruments.by_role[role], site, clock=site.clock)


def _opened(where: Instrument, site: Site, **special: Any) -> Any:
    """The driver of the instrument's model, connected; nothing was sent yet."""
    model = models.MODELS[where.model]
    serial = serial_line(where.serial, model.specification.serial)
    return model.driver(where.resource, visa_library=site.visa_library, timeout=where.timeout, serial=serial, **special)


def _set_up_smu(smu: Keithley2400, loaded: LoadedSweep, plan: SweepPlan) -> None:
    smu.configure(smu_settings(loaded, plan))


def _set_up_meter(meter: Keithley2000, loaded: LoadedSweep, _: SweepPlan) -> None:
    meter.configure(dmm_settings(loaded))
    wanted = loaded.bench.instruments.photodiode_meter.terminals
    found = "front" if meter.front_terminals else "rear"
    if found != wanted:
        what = f"the INPUTS switch is at {found}, but the bench file says {wanted}"
        raise errors.InstrumentError(str(meter.name), what, "Press the switch, or correct the bench file")


def _set_up_spectroradiometer(meter: CS2000A, loaded: LoadedSweep, _: SweepPlan) -> None:
    meter.configure(spectroradiometer_settings(loaded))
    where = loaded.bench.instruments.spectroradiometer
    assert where is not None
    if meter.measuring_angle != where.measuring_angle:
        what = f"the knob is at {meter.measuring_angle:g} deg, but the bench file says {where.measuring_angle:g} deg"
        raise AngleNotSet(str(meter.name), what, "Turn the knob, or correct the bench file")


def _as_it_is(_: Any, __: LoadedSweep, ___: SweepPlan) -> None:
    """Nothing is set for a run."""


def _takes_spectra(loaded: LoadedSweep) -> bool:
    return loaded.bench.instruments.spectroradiometer is not None and loaded.sweep.spectra is not None


def _is_there(role: str) -> Callable[[LoadedSweep], bool]:
    return lambda loaded: role in loaded.bench.instruments.by_role


@dataclass(frozen=True)
class _Role:
    """How the instrument of a role is opened, where nothing is sent yet, and set up for a run.

    ``needed``: whether a run uses it; ``spare``: a run goes on without it where it does not answer.
    """

    open: Callable[[BenchFile, Site], Any]
    set_up: Callable[[Any, LoadedSweep, SweepPlan], None]
    needed: Callable[[LoadedSweep], bool] = lambda _: True
    spare: bool = False


_ROLES = {
    "smu": _Role(_open_smu, _set_up_smu),
    "photodiode_meter": _Role(lambda file, site: _opened(file.instruments.photodiode_meter, site), _set_up_meter),
    "spectroradiometer": _Role(_by_the_clock("spectroradiometer"), _set_up_spectroradiometer, _takes_spectra),
    "pixel_switch": _Role(
        lambda file, site: _opened(file.instruments.by_role["pixel_switch"], site), _as_it_is, _is_there("pixel_switch")
    ),
    "surroundings": _Role(_by_the_clock("surroundings"), _as_it_is, _is_there("surroundings"), spare=True),
}
