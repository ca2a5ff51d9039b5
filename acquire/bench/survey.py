"""Who answers at which address, how fast, and what looks wrong: the first thing to ask a bench.

Only queries are sent, and never through the drivers, whose first message to a 2400 is a setting. The one exception
is the CS-2000A, which answers nothing outside its remote mode: it is taken there when it is not, and put back.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from math import isfinite, nan
from statistics import median
from typing import Any

from acquire.bench.settings import serial_line
from acquire.config import BenchFile
from acquire.safety import lock as locks
from drivers import errors, link, models, specification
from drivers.questions import STANDARD_QUERY, Finding, Questions, ask
from drivers.resources import list_resources
from drivers.scpi import Identity

EXCHANGES = 10
SLOW_SOCKET = 0.030  # s; Nagle's algorithm and delayed acknowledgements together cost 40 ms
SLOW_SERIAL = 0.050  # s; one identity of the Keithleys at 19200 baud takes 45 ms

_LINE_ENDS = {characters: name for name, characters in specification.TERMINATORS.items()}

#: Lines on which instruments of this kind of bench are found, the makers' factory settings first.
_PROBED_LINES = tuple(link.SerialLine(baud_rate, "\r") for baud_rate in (9600, 4800, 19200, 38400, 57600, 115200))

_LONGEST_TIMING = 2.0  # s for all exchanges of one instrument
_LONGEST_WAIT = 10.0  # s for a first reply, whatever the bench file allows
_OTHER_LANGUAGE_WAIT = 2.0
_QUIET = 0.5  # s without a byte: nothing more is coming


@dataclass(frozen=True)
class Answer:
    """What is at one address; ``role`` empty outside a bench, ``exchange`` the median time of a query (s).

    ``in_use``: it was not asked, because another program uses it.
    """

    role: str
    resource: str
    identity: Identity | None = None
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
    """Ask an instrument that no other program uses, and keep it to ourselves meanwhile; else say who uses it."""
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
    for role, where in bench.instruments.by_role.items():
        line = serial_line(where.serial, models.MODELS[where.model].specification.serial)
        yield _Address(role, where.model, where.resource, min(where.timeout, _LONGEST_WAIT), line)


def _examine(address: _Address, bench: BenchFile, visa_library: Any, clock: Callable[[], float]) -> Answer:
    try:
        adapter = link.open_adapter(
            address.resource,
            name=models.MODELS[address.model].specification.name,
            visa_library=visa_library,
            timeout=address.timeout,
            serial=address.serial,
        )
    except errors.CannotConnect as problem:
        return Answer(address.role, address.resource, findings=(Finding(problem.what, problem.hint),))
    try:
        identity = identify(adapter, address.model)
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
    questions: Questions = models.MODELS[address.model].questions
    try:
        details, findings = questions.look(adapter, _expected(bench, address.role))
        exchange = _exchange_time(adapter, questions.QUERY, clock)
    except errors.InstrumentError as problem:
        return replace(answer, findings=(Finding(f"it said who it is, then: {problem.what}", problem.hint),))
    findings += _slow_link(address, exchange)
    return replace(answer, details=details, exchange=exchange, findings=tuple(findings))


def _expected(bench: BenchFile, role: str) -> dict[str, Any]:
    """How an instrument of the bench should stand, by the names of the keys in its bench file."""
    mains = bench.instruments.smu.line_frequency
    return {"line_frequency": mains, **getattr(bench.instruments, role).model_dump()}


# Asking


def _exchange_time(adapter: link.Link, query: str, clock: Callable[[], float]) -> float:
    """The median time of a query and its reply, s."""
    times: list[float] = []
    while len(times) < EXCHANGES and sum(times) < _LONGEST_TIMING:
        started = clock()
        ask(adapter, query)
        times.append(clock() - started)
    return median(times)


def identify(adapter: link.Link, model: str = "") -> Identity:
    """Ask who answers, in the language of ``model`` first; in the others only if that is not understood.

    :raises InstrumentTimeout: nothing answers.
    :raises UnexpectedReply: the reply is no identity.
    """
    languages = _languages(model)
    reply = _first_reply(adapter, list(languages))
    if reply in languages:
        hint = "What is sent comes back: check that this is the right port, and the cable (transmit and receive joined)"
        raise errors.UnexpectedReply(adapter.where, reply, reply, hint)
    spoken = (questions for questions in languages.values() if questions.REPLY.match(reply))
    return next(spoken, languages[STANDARD_QUERY]).identity(adapter, reply)


def _languages(model: str = "") -> dict[str, Questions]:
    """The questions of a model of each language, by their first query; those of ``model`` come first."""
    named = [models.MODELS[model]] if model else []
    languages: dict[str, Questions] = {}
    for row in [*named, *models.MODELS.values()]:
        languages.setdefault(row.questions.QUERY, row.questions)
    return languages


def _first_reply(adapter: link.Link, queries: Sequence[str]) -> str:
    *others, last = queries
    for query in others:
        try:
            return ask(adapter, query)
        except errors.InstrumentTimeout:
            link.set_timeout(adapter, _OTHER_LANGUAGE_WAIT)
    return ask(adapter, last)


def model_of(identity: Identity) -> str:
    """The model as bench files name it, empty for any other instrument."""
    rows = models.MODELS.items()
    return next((name for name, row in rows if row.specification.fits(identity.maker, identity.model)), "")


# What looks wrong


def _wrong_instrument(identity: Identity, address: _Address, bench: BenchFile) -> Finding:
    what = f"{identity.maker} {identity.model} answers, a {models.MODELS[address.model].specification.name} is expected"
    found = model_of(identity)
    role = next((other.role for other in _addresses(bench) if other.model == found), "")
    if not role:
        return Finding(what, "Check the address in the bench file")
    return Finding(what, f"It fits the role {role}: correct the addresses of {address.role} and {role}")


def _slow_link(address: _Address, exchange: float) -> Iterator[Finding]:
    what = f"slow: {exchange * 1e3:.0f} ms an exchange"
    if address.is_serial and exchange > SLOW_SERIAL:
        highest = models.MODELS[address.model].specification.highest_baud_rate
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
    query = models.MODELS[address.model].questions.QUERY
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
    text = received.decode("ascii", "replace")
    if not any(questions.REPLY.search(text) for questions in _languages().values()):
        what = f"garbled text comes: {received[:24]!r}"
        hint = f"The baud rates differ (bench file: {address.serial.baud_rate}), or parity and data bits are not 8N1"
        return Finding(what, hint)
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
    An instrument that a run is using is not disturbed.

    :raises CannotConnect: there is no VISA.
    """
    resources = [name for name in list_resources(visa_library) if name.endswith(("::INSTR", "::SOCKET"))]
    ask = partial(_survey_one, visa_library=visa_library, probe_serial=probe_serial)
    if not isinstance(visa_library, str):  # it lives in this process, out of reach of others
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
        return Answer("", resource, identity, exchange=_exchange_time(adapter, STANDARD_QUERY, time.monotonic))
    except errors.InstrumentError as problem:
        return Answer("", resource, findings=(Finding(problem.what, wrong=False),))
    finally:
        adapter.close()


def sources(answers: Sequence[Answer]) -> list[tuple[str, str]]:
    """The model and the address of every source-measure unit that has answered."""
    known = {name for name, _ in models.source_meters()}
    found = [(model_of(answer.identity), answer.resource) for answer in answers if answer.identity]
    return [(model, resource) for model, resource in found if model in known]


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
