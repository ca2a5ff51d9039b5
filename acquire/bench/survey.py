"""Who answers at which address, how fast, and what looks wrong: the first thing to ask a bench.

Only queries are sent, and never through the drivers, whose first message to a 2400 is a setting. The one exception
is the CS-2000A, which answers nothing outside its remote mode: it is taken there when it is not, and put back.
"""

from __future__ import annotations

import re
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from math import isfinite, nan
from statistics import median
from typing import Any

from acquire.bench.settings import serial_line
from acquire.config import BenchFile
from acquire.config.bench import SourceMeter
from acquire.safety import lock as locks
from drivers import errors, link, scpi
from drivers.cs2000a import driver as cs2000a
from drivers.cs2000a.messages import measuring_angle
from drivers.keithley2000 import driver as keithley2000
from drivers.keithley2400 import driver as keithley2400
from drivers.resources import list_resources

EXCHANGES = 10
SLOW_SOCKET = 0.030  # s; Nagle's algorithm and delayed acknowledgements together cost 40 ms
SLOW_SERIAL = 0.050  # s; one identity of the Keithleys at 19200 baud takes 45 ms

#: What an identity's model begins with, by the model of the bench file.
MODELS: Mapping[str, tuple[str, ...]] = {
    "keithley2400": ("MODEL 2400", "MODEL 2401"),
    "keithley2000": ("MODEL 2000",),
    "cs2000a": ("CS-2000",),
}
_NAMES = {"keithley2400": "Keithley 2400", "keithley2000": "Keithley 2000", "cs2000a": "Konica Minolta CS-2000A"}
_USUAL_LINES = {
    "keithley2400": keithley2400.SERIAL_LINE,
    "keithley2000": keithley2000.SERIAL_LINE,
    "cs2000a": cs2000a.SERIAL_LINE,
}
_LINE_ENDS = {characters: name for name, characters in link.TERMINATORS.items()}

#: Lines on which instruments of this kind of bench are found, the makers' factory settings first.
_PROBED_LINES = tuple(link.SerialLine(baud_rate, "\r") for baud_rate in (9600, 4800, 19200, 38400, 57600, 115200))

_METER_CODE = re.compile(r"(OK|ER)\d\d\b")
_IDENTITY = re.compile(rb"KEITHLEY|(OK|ER)\d\d", re.IGNORECASE)
_LONGEST_TIMING = 2.0  # s for all exchanges of one instrument
_LONGEST_WAIT = 10.0  # s for a first reply, whatever the bench file allows
_OTHER_LANGUAGE_WAIT = 2.0
_QUIET = 0.5  # s without a byte: nothing more is coming


@dataclass(frozen=True)
class Finding:
    """Something to know about an instrument and how to mend it; ``wrong`` when a run would fail or mislead."""

    what: str
    hint: str = ""
    wrong: bool = True


@dataclass(frozen=True)
class Answer:
    """What is at one address; ``role`` empty outside a bench, ``exchange`` the median time of a query (s).

    ``in_use``: it was not asked, because somebody else uses it.
    """

    role: str
    resource: str
    identity: scpi.Identity | None = None
    details: Mapping[str, str] = field(default_factory=dict)
    exchange: float = nan
    findings: tuple[Finding, ...] = ()
    in_use: bool = False

    @property
    def wrong(self) -> bool:
        """Whether anything is wrong here."""
        return any(finding.wrong for finding in self.findings)


@dataclass(frozen=True)
class _Address:
    """One instrument of a bench file: its place and how it is reached."""

    role: str
    model: str
    resource: str
    timeout: float
    serial: link.SerialLine

    @property
    def is_serial(self) -> bool:
        return self.resource.upper().startswith("ASRL")


def examine(bench: BenchFile) -> list[Answer]:
    """Ask every instrument of a bench; on a simulated one, its twins with nothing on the terminals.

    An instrument that a run is using is not disturbed.
    """
    if not bench.simulated:
        return [
            _if_free(address.role, address.resource, partial(_examine, address, bench, bench.visa, time.monotonic))
            for address in _addresses(bench)
        ]
    from acquire.bench.simulated import bench_options
    from drivers.simulated.bench import build_simulated_bench

    simulated = build_simulated_bench(bench_options(bench, None))
    return examine_on(bench, simulated.library, simulated.clock.now)


def _if_free(role: str, resource: str, ask: Callable[[], Answer]) -> Answer:
    """Ask an instrument that nobody else uses, and keep it to ourselves meanwhile; else say who uses it."""
    try:
        with locks.instruments_locked([resource], resource, "acquire instruments") as remarks:
            answer = ask()
    except (locks.BenchInUse, locks.LocksUnusable) as problem:
        in_use = isinstance(problem, locks.BenchInUse)
        return Answer(role, resource, findings=(Finding(problem.what, problem.hint),), in_use=in_use)
    noted = tuple(Finding(remark, wrong=False) for remark in remarks)
    return replace(answer, findings=answer.findings + noted)


def examine_on(bench: BenchFile, visa_library: Any, clock: Callable[[], float]) -> list[Answer]:
    """Ask every instrument of a bench over a VISA library (a name or an object); ``clock`` in s."""
    return [_examine(address, bench, visa_library, clock) for address in _addresses(bench)]


def _addresses(bench: BenchFile) -> Iterator[_Address]:
    instruments = bench.instruments
    roles = {
        "smu": instruments.smu,
        "photodiode_meter": instruments.photodiode_meter,
        "spectroradiometer": instruments.spectroradiometer,
    }
    for role, where in roles.items():
        if where is not None:
            line = serial_line(where.serial, _USUAL_LINES[where.model])
            yield _Address(role, where.model, where.resource, min(where.timeout, _LONGEST_WAIT), line)


def _examine(address: _Address, bench: BenchFile, visa_library: Any, clock: Callable[[], float]) -> Answer:
    try:
        adapter = link.open_adapter(
            address.resource,
            name=_NAMES[address.model],
            visa_library=visa_library,
            timeout=address.timeout,
            serial=address.serial,
        )
    except errors.CannotConnect as problem:
        return Answer(address.role, address.resource, findings=(Finding(problem.what, problem.hint),))
    try:
        identity = identify(adapter, meter_first=address.model == "cs2000a")
        answer = Answer(address.role, address.resource, identity)
        if model_of(identity) != address.model:
            return replace(answer, findings=(_wrong_instrument(identity, address, bench),))
        return _look_closer(answer, adapter, address, bench, clock)
    except errors.InstrumentTimeout:
        return Answer(address.role, address.resource, findings=(_why_silent(adapter, address),))
    except errors.InstrumentError as problem:
        return Answer(address.role, address.resource, findings=(Finding(problem.what, problem.hint),))
    finally:
        adapter.close()


def _look_closer(
    answer: Answer, adapter: link.Link, address: _Address, bench: BenchFile, clock: Callable[[], float]
) -> Answer:
    look = {"keithley2400": _look_at_smu, "keithley2000": _look_at_multimeter, "cs2000a": _look_at_meter}
    query = "IDDR" if address.model == "cs2000a" else "*IDN?"
    try:
        details, findings = look[address.model](adapter, bench)
        exchange = _exchange_time(adapter, query, clock)
    except errors.InstrumentError as problem:
        return replace(answer, findings=(Finding(f"it said who it is, then: {problem.what}", problem.hint),))
    findings += _slow_link(address, exchange)
    return replace(answer, details=details, exchange=exchange, findings=tuple(findings))


# Asking


def _ask(adapter: link.Link, query: str) -> str:
    adapter.write(query)
    with warnings.catch_warnings():
        # PyVISA tells of replies without terminator; strangers may have their own
        warnings.simplefilter("ignore")
        return str(adapter.read()).strip()


def _exchange_time(adapter: link.Link, query: str, clock: Callable[[], float]) -> float:
    """The median time of a query and its reply, s."""
    times: list[float] = []
    while len(times) < EXCHANGES and sum(times) < _LONGEST_TIMING:
        started = clock()
        _ask(adapter, query)
        times.append(clock() - started)
    return median(times)


def _number(adapter: link.Link, query: str) -> float:
    reply = _ask(adapter, query)
    try:
        return float(reply)
    except ValueError as error:
        raise errors.UnexpectedReply(adapter.where, query, reply) from error


def identify(adapter: link.Link, *, meter_first: bool = False) -> scpi.Identity:
    """Ask who answers, in SCPI and in the CS-2000A's language; the second only if the first is not understood.

    Raises InstrumentTimeout when nothing answers, UnexpectedReply when the reply is no identity.
    """
    first, second = ("IDDR", "*IDN?") if meter_first else ("*IDN?", "IDDR")
    try:
        reply = _ask(adapter, first)
    except errors.InstrumentTimeout:
        link.set_timeout(adapter, _OTHER_LANGUAGE_WAIT)
        reply = _ask(adapter, second)
    if reply in (first, second):
        hint = "What is sent comes back: check that this is the right port, and the cable (transmit and receive joined)"
        raise errors.UnexpectedReply(adapter.where, reply, reply, hint)
    if not _METER_CODE.match(reply):
        return scpi.parse_identity(reply, adapter.where)
    with _remote(adapter):
        return _meter_identity(adapter)


def _meter_identity(adapter: link.Link) -> scpi.Identity:
    reply = _ask(adapter, "IDDR")
    code, *fields = (part.strip() for part in reply.split(","))
    if code != "OK00" or len(fields) != 3:
        raise errors.UnexpectedReply(adapter.where, "IDDR", reply)
    return scpi.Identity("KONICA MINOLTA", fields[0], fields[2], "")


@contextmanager
def _remote(adapter: link.Link) -> Iterator[None]:
    """Remote mode of a CS-2000A inside; a meter that was in local mode is given back to its keys."""
    was_local = _ask(adapter, "IDDR").startswith("ER00")
    # Firmware before 3.00.9301 knows mode 1 only
    if was_local and not _ask(adapter, "RMTS,2").startswith("OK"):
        _ask(adapter, "RMTS,1")
    try:
        yield
    finally:
        if was_local:
            _ask(adapter, "RMTS,0")


def model_of(identity: scpi.Identity) -> str:
    """The model as bench files name it, empty for any other instrument."""
    if not re.search("KEITHLEY|KONICA", identity.maker, re.IGNORECASE):
        return ""
    found = (model for model, starts in MODELS.items() if identity.model.upper().startswith(starts))
    return next(found, "")


# Each instrument's own questions

_Seen = tuple[dict[str, str], list[Finding]]


def _look_at_smu(adapter: link.Link, bench: BenchFile) -> _Seen:
    terminals = "front" if _ask(adapter, ":ROUT:TERM?").upper().startswith("FRON") else "rear"
    output = "on" if scpi.parse_word(_ask(adapter, ":OUTP?"), ("0", "1"), ":OUTP?", adapter.where) == "1" else "off"
    interlocked = _ask(adapter, ":OUTP:ENAB?") == "1"
    closed = _ask(adapter, ":OUTP:ENAB:TRIP?") == "1"
    details = {
        "options": _ask(adapter, "*OPT?"),
        "output": output,
        "terminals": terminals,
        "interlock": ("closed" if closed else "open") if interlocked else "not used",
    }
    return details, list(_smu_findings(details, bench.instruments.smu))


def _smu_findings(details: Mapping[str, str], where: SourceMeter) -> Iterator[Finding]:
    if details["output"] == "on":
        hint = "It was left as it is; press OUTPUT on the instrument unless somebody is measuring"
        yield Finding("THE OUTPUT IS ON", hint, wrong=False)
    if details["terminals"] != where.terminals:
        what = f"the {details['terminals']} terminals are selected, the bench file says {where.terminals}"
        yield Finding(
            what, "A run selects those of the bench file; see that the device is connected there", wrong=False
        )
    if details["interlock"] != "not used" and not where.interlock:
        # A run begins with *RST, after which output enable is off (2400S-900-01, :OUTPut:ENABle)
        what = (
            f"output enable is on (line {details['interlock']}), but a run will not use it: the bench file does not ask"
        )
        yield Finding(what, "Add interlock: true to the bench file")
    if details["interlock"] == "open":
        yield Finding("the interlock is open: the output cannot be switched on", "Close the lid", wrong=False)


def _look_at_multimeter(adapter: link.Link, bench: BenchFile) -> _Seen:
    terminals = "front" if _ask(adapter, ":SYST:FRSW?") == "1" else "rear"
    line_frequency = _number(adapter, ":SYST:LFR?")
    details = {
        "options": _ask(adapter, "*OPT?"),
        "terminals": terminals,
        "line frequency": f"{line_frequency:g} Hz",
    }
    findings = []
    if terminals != bench.instruments.photodiode_meter.terminals:
        wanted = bench.instruments.photodiode_meter.terminals
        what = f"the INPUTS switch is at {terminals}, the bench file says {wanted}"
        findings.append(Finding(what, "Press INPUTS on the instrument, or correct terminals in the bench file"))
    if (expected := bench.instruments.smu.line_frequency) != line_frequency:
        what = f"it found mains of {line_frequency:g} Hz, the bench file says {expected:g} Hz for the smu"
        findings.append(Finding(what, "Correct line_frequency in the bench file"))
    return details, findings


def _look_at_meter(adapter: link.Link, bench: BenchFile) -> _Seen:
    with _remote(adapter):
        angle = _ask(adapter, "STSR")
        calibration = _ask(adapter, "DTCR").split(",")
    details = {"calibrated": _date(calibration[1]) if len(calibration) > 1 else "not said"}
    if not angle.startswith("OK00"):
        hint = "Turn it until it clicks" if angle.startswith("ER83") else ""
        return details, [Finding(f"the measuring angle cannot be read ({angle})", hint)]
    knob = _knob(adapter, angle)
    where = bench.instruments.spectroradiometer
    assert where is not None
    findings = []
    if knob != where.measuring_angle:
        what = f"the knob is at {knob:g} deg, the bench file says {where.measuring_angle:g} deg"
        findings.append(Finding(what, "Turn the knob, or correct measuring_angle in the bench file"))
    return details | {"angle": f"{knob:g} deg"}, findings


def _knob(adapter: link.Link, reply: str) -> float:
    try:
        return measuring_angle(int(reply.partition(",")[2]))
    except ValueError as error:
        raise errors.UnexpectedReply(adapter.where, "STSR", reply) from error


def _date(digits: str) -> str:
    digits = digits.strip()
    return f"{digits[:4]}-{digits[4:6]}-{digits[6:]}" if len(digits) == 8 else digits


# What looks wrong


def _wrong_instrument(identity: scpi.Identity, address: _Address, bench: BenchFile) -> Finding:
    what = f"{identity.maker} {identity.model} answers, a {_NAMES[address.model]} is expected"
    found = model_of(identity)
    role = next((other.role for other in _addresses(bench) if other.model == found), "")
    if not role:
        return Finding(what, "Check the address in the bench file")
    return Finding(what, f"It fits the role {role}: correct the addresses of {address.role} and {role}")


def _slow_link(address: _Address, exchange: float) -> Iterator[Finding]:
    what = f"slow: {exchange * 1e3:.0f} ms an exchange"
    if address.is_serial and exchange > SLOW_SERIAL:
        highest = {"keithley2400": 57600, "keithley2000": 19200, "cs2000a": 115200}[address.model]
        hint = f"Raise the baud rate in the instrument's menu and the bench file (now {address.serial.baud_rate})"
        yield Finding(what, f"{hint}; the instrument goes up to {highest}", wrong=False)
    elif not address.is_serial and exchange > SLOW_SOCKET:
        hint = "Small messages are held back (switch TCP_NODELAY on in the gateway), or the network is busy"
        yield Finding(what, hint, wrong=False)


def _why_silent(adapter: link.Link, address: _Address) -> Finding:
    """Why no reply came: on a serial line, what came instead of one."""
    if not address.is_serial:
        gpib = "Check that it is on and idle, its address, that GPIB is selected and its language is SCPI"
        on_gpib = address.resource.upper().startswith("GPIB")
        return Finding("nothing answers", gpib if on_gpib else link.TIMEOUT_HINT)
    query = "IDDR" if address.model == "cs2000a" else "*IDN?"
    for sent in dict.fromkeys((address.serial.terminator, "\r", "\n", "\r\n")):
        try:
            received = _listen(adapter, f"{query}{sent}".encode())
        except errors.InstrumentError as problem:
            return Finding(problem.what, problem.hint)
        if received:
            return _wrong_line(received, sent, address)
    baud_rate = address.serial.baud_rate
    hint = f"Check that it is on, its cable, that RS-232 is selected, and its baud rate (bench file: {baud_rate})"
    return Finding("nothing answers, with any terminator", hint)


def _listen(adapter: link.Link, message: bytes) -> bytes:
    """Everything that comes in answer to a message, whatever ends it."""
    adapter.write_bytes(message)
    link.set_timeout(adapter, _QUIET)
    received = bytearray()
    try:
        while len(received) < 200:
            received += adapter.read_bytes(1)
    except errors.InstrumentTimeout:
        pass
    return bytes(received)


def _wrong_line(received: bytes, sent: str, address: _Address) -> Finding:
    """What is wrong with a line on which something came, but not what was expected."""
    if not _IDENTITY.search(received):
        what = f"garbled text comes: {received[:24]!r}"
        hint = f"The baud rates differ (bench file: {address.serial.baud_rate}), or parity and data bits are not 8N1"
        return Finding(what, hint)
    text = received.decode("ascii", "replace")
    end = text[len(text.rstrip("\r\n")) :]
    theirs, ours = _LINE_ENDS.get(end, repr(end)), _LINE_ENDS[address.serial.terminator]
    if theirs == ours:
        what = f"it wants its messages ended by {_LINE_ENDS[sent]}, the bench file says terminator {ours}"
        return Finding(what, f"Write terminator: {_LINE_ENDS[sent]} in the bench file")
    hint = f"Write terminator: {theirs} in the bench file, or choose {ours} in the instrument's menu"
    return Finding(f"it ends its lines with {theirs}, the bench file says terminator {ours}", hint)


# Without a bench file


def survey(visa_library: Any = "", *, probe_serial: bool = False) -> list[Answer]:
    """Ask at every address VISA can see who is there; serial ports only with ``probe_serial``.

    What hangs on an unknown serial port may be no measuring instrument, and may take any text for a command.
    An instrument that a run is using is not disturbed. Raises CannotConnect when there is no VISA.
    """
    resources = [name for name in list_resources(visa_library) if name.endswith(("::INSTR", "::SOCKET"))]
    ask = partial(_survey_one, visa_library=visa_library, probe_serial=probe_serial)
    if not isinstance(visa_library, str):  # it lives in this process, where nobody else can reach it
        return [ask(resource) for resource in resources]
    return [_if_free("", resource, partial(ask, resource)) for resource in resources]


def _survey_one(resource: str, visa_library: Any, *, probe_serial: bool) -> Answer:
    if not resource.upper().startswith("ASRL"):
        return _probe(resource, visa_library, link.SerialLine())
    if not probe_serial:
        return Answer("", resource, findings=(Finding("not asked", "--probe-serial asks serial ports", wrong=False),))
    for line in _PROBED_LINES:
        answer = _probe(resource, visa_library, line)
        if answer.identity:
            return replace(answer, details={"baud rate": str(line.baud_rate), "terminator": "CR"})
    return Answer("", resource, findings=(Finding("nothing answers that we know", wrong=False),))


def _probe(resource: str, visa_library: Any, line: link.SerialLine) -> Answer:
    try:
        adapter = link.open_adapter(
            resource, name="instrument", visa_library=visa_library, timeout=_OTHER_LANGUAGE_WAIT, serial=line
        )
    except errors.CannotConnect as problem:
        return Answer("", resource, findings=(Finding(problem.what, wrong=False),))
    try:
        identity = identify(adapter)
        return Answer("", resource, identity, exchange=_exchange_time(adapter, "*IDN?", time.monotonic))
    except errors.InstrumentError as problem:
        return Answer("", resource, findings=(Finding(problem.what, wrong=False),))
    finally:
        adapter.close()


def sources(answers: Sequence[Answer]) -> list[str]:
    """The addresses at which a source-measure unit has answered."""
    return [answer.resource for answer in answers if answer.identity and model_of(answer.identity) == "keithley2400"]


HOW_TO_GO_ON = """\
No instrument of this kind of bench answers. How to go on:
  without instruments   acquire run configs/sweeps/table2_sppo13_liq.yaml      a whole run on the simulated bench
  power and cables      instruments on? interface (GPIB or RS-232) selected on each front panel?
  GPIB                  install the adapter's VISA (NI-VISA, Keysight IO Libraries), or linux-gpib and its Python
                        module; 'pyvisa-info' tells what was found
  serial, USB           acquire instruments --probe-serial      asks serial ports too
  addresses known       copy a file from configs/benches/, then: acquire instruments --bench FILE"""


# For people and for programs


def all_right(answers: Sequence[Answer]) -> bool:
    """Whether nothing is wrong, and at least one instrument of this kind of bench is there."""
    known = (answer.identity and model_of(answer.identity) for answer in answers)
    return any(known) and not any(answer.wrong for answer in answers)


def lines(answer: Answer) -> Iterator[str]:
    """An answer as text, one line for who it is, then one for each finding."""
    name = "nobody known"
    if answer.identity:
        who = answer.identity
        firmware = f", firmware {who.firmware}" if who.firmware else ""
        name = f"{who.maker} {who.model}, serial {who.serial}{firmware}"
    elif answer.in_use:
        name = "not asked"
    yield f"{answer.role:<18}{answer.resource:<22}  {name}".strip()
    facts = [f"{key} {value}" for key, value in answer.details.items()]
    if isfinite(answer.exchange):
        facts.append(f"{answer.exchange * 1e3:.1f} ms an exchange")
    if facts:
        yield "    " + ", ".join(facts)
    for finding in answer.findings:
        hint = f". {finding.hint}." if finding.hint else ""
        # Texts of VISA libraries may have several lines
        yield f"    {'wrong' if finding.wrong else 'note'}: {' '.join(finding.what.split())}{hint}"


def as_json(answer: Answer) -> dict[str, Any]:
    """An answer as a JSON object; the time of an exchange in ms, null when there was none."""
    return {
        "role": answer.role or None,
        "resource": answer.resource,
        "model": (model_of(answer.identity) or None) if answer.identity else None,
        "identity": vars(answer.identity) if answer.identity else None,
        "details": dict(answer.details),
        "milliseconds_per_exchange": answer.exchange * 1e3 if isfinite(answer.exchange) else None,
        "findings": [vars(finding) for finding in answer.findings],
    }
