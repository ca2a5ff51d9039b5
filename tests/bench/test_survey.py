"""Who answers at which address: what is reported, what is found wrong, and that nothing is changed by asking."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from acquire.bench import survey
from acquire.bench.simulated import bench_options
from acquire.cli import commands as command_line
from acquire.config import BenchFile, load_bench
from drivers.simulated.bench import SimulatedBench, build_simulated_bench
from drivers.simulated.clock import VirtualClock
from drivers.simulated.visa import SimulatedVisaLibrary
from tests.conftest import CONFIGS

SIMULATED = CONFIGS / "benches" / "simulated.yaml"
SMU, METER, SPECTRORADIOMETER = "GPIB0::24::INSTR", "GPIB0::16::INSTR", "ASRL3::INSTR"

BenchWriter = Callable[[dict[str, str]], Path]


def twins_of(bench: BenchFile) -> SimulatedBench:
    return build_simulated_bench(bench_options(bench, None))


def ask(bench: BenchFile, simulated: SimulatedBench) -> dict[str, survey.Answer]:
    answers = survey.examine_on(bench, simulated.library, simulated.clock.now)
    return {answer.role: answer for answer in answers}


def text(answer: survey.Answer) -> str:
    return "\n".join(survey.lines(answer))


def found(answer: survey.Answer) -> list[tuple[str, bool]]:
    return [(finding.what, finding.wrong) for finding in answer.findings]


class Puppet:
    """Something at an address that gives the same answer to every line, whatever it is."""

    service_request = False

    def __init__(self, reply: bytes) -> None:
        self.reply = reply
        self.received = bytearray()
        self.waiting: list[bytes] = []

    def receive(self, data: bytes, *, end: bool = False) -> None:
        self.received += data
        if data[-1:] in b"\r\n" and self.reply:
            self.waiting.append(self.reply)

    def transmit(self, limit: int | None = None) -> tuple[bytes, bool]:
        return (self.waiting.pop(0), True) if self.waiting else (b"", False)

    def talk_with_nothing_to_say(self) -> None: ...
    def device_clear(self) -> None: ...
    def group_execute_trigger(self) -> None: ...
    def serial_poll(self) -> int:
        return 0


def library_of(**twins: Any) -> SimulatedVisaLibrary:
    return SimulatedVisaLibrary(VirtualClock(), {name.replace("_", "::"): twin for name, twin in twins.items()})


# Everything as it should be


def test_every_instrument_says_who_it_is() -> None:
    bench = load_bench(SIMULATED)
    answers = ask(bench, twins_of(bench))
    assert list(answers) == ["smu", "photodiode_meter", "spectroradiometer"]
    assert all(not answer.findings for answer in answers.values())
    smu, meter, spectroradiometer = answers.values()
    assert "MODEL 2400, serial 1248014, firmware C30" in text(smu)
    assert smu.details == {"options": "0", "output": "off", "terminals": "front", "interlock": "not used"}
    assert "MODEL 2000, serial 1053308, firmware A19" in text(meter)
    assert meter.details == {"options": "0,0", "terminals": "front", "line frequency": "50 Hz"}
    assert "KONICA MINOLTA CS-2000A, serial 1234567" in text(spectroradiometer)
    assert spectroradiometer.details == {"calibrated": "2024-01-15", "angle": "0.2 deg"}


def test_asking_changes_no_setting_and_no_output() -> None:
    bench = load_bench(SIMULATED)
    simulated = twins_of(bench)
    smu: Any = simulated.twins[SMU]
    meter: Any = simulated.twins[METER]
    spectroradiometer: Any = simulated.twins[SPECTRORADIOMETER]
    smu.receive(b":FORM:ELEM CURR;:SOUR:VOLT 1;:SENS:CURR:PROT 1e-3;:OUTP ON\n", end=True)
    meter.receive(b":SENS:VOLT:DC:NPLC 2;:FORM:ELEM READ,UNIT\n", end=True)
    simulated.clock.advance(1.0)

    def state() -> Any:
        return copy.deepcopy([smu.settings, smu.output_log, meter.setup, spectroradiometer.memory.settings])

    before = state()
    answers = ask(bench, simulated)
    assert state() == before
    assert smu.output_log[-1].output_on
    assert found(answers["smu"]) == [("THE OUTPUT IS ON", False)]
    assert not answers["smu"].wrong


def test_only_queries_are_sent_to_the_keithleys() -> None:
    bench = load_bench(SIMULATED)
    simulated = twins_of(bench)
    sent: dict[str, list[bytes]] = {SMU: [], METER: [], SPECTRORADIOMETER: []}
    for name, messages in sent.items():
        listen_to(simulated.twins[name], messages)
    ask(bench, simulated)
    for name in (SMU, METER):
        assert sent[name]
        assert all(message.rstrip().endswith(b"?") for message in sent[name])
    reads = {b"IDDR", b"STSR", b"DTCR"}
    assert {message.strip() for message in sent[SPECTRORADIOMETER]} == reads | {b"RMTS,2", b"RMTS,0"}


def listen_to(twin: Any, messages: list[bytes]) -> None:
    receive = twin.receive

    def listen(data: bytes, *, end: bool = False) -> None:
        messages.append(data)
        receive(data, end=end)

    twin.receive = listen


@pytest.mark.parametrize("remote_before", [False, True])
def test_the_spectroradiometer_is_left_in_the_mode_it_was_in(remote_before: bool) -> None:
    bench = load_bench(SIMULATED)
    simulated = twins_of(bench)
    meter = simulated.twins[SPECTRORADIOMETER]
    if remote_before:
        meter.receive(b"RMTS,2\n")
    ask(bench, simulated)
    meter.receive(b"IDDR\n")
    simulated.clock.advance(1.0)
    reply = b""
    while part := meter.transmit()[0]:
        reply = part
    assert reply.startswith(b"OK00" if remote_before else b"ER00")


def test_the_interfaces_of_the_shipped_benches_all_work(bench_file: BenchWriter) -> None:
    serial = {SMU: "ASRL1::INSTR", METER: "ASRL2::INSTR"}
    socket = {SMU: "TCPIP0::127.0.0.1::5024::SOCKET", METER: "TCPIP0::127.0.0.1::5016::SOCKET"}
    for addresses in (serial, socket):
        bench = load_bench(bench_file(addresses))
        answers = ask(bench, twins_of(bench))
        assert all(not answer.findings for answer in answers.values())
        assert [answers[role].resource for role in ("smu", "photodiode_meter")] == list(addresses.values())


# What can be wrong


def test_exchanged_addresses_are_named_with_the_roles_they_fit() -> None:
    bench = load_bench(SIMULATED)
    exchanged = bench.model_copy(update={"instruments": swapped(bench)})
    answers = ask(exchanged, twins_of(bench))
    assert answers["smu"].wrong
    assert answers["photodiode_meter"].wrong
    assert "MODEL 2000 answers, a Keithley 2400 is expected. It fits the role photodiode_meter" in text(answers["smu"])
    assert "It fits the role smu" in text(answers["photodiode_meter"])
    assert not answers["spectroradiometer"].wrong


def swapped(bench: BenchFile) -> Any:
    there = bench.instruments
    smu = there.smu.model_copy(update={"resource": there.photodiode_meter.resource})
    meter = there.photodiode_meter.model_copy(update={"resource": there.smu.resource})
    return there.model_copy(update={"smu": smu, "photodiode_meter": meter})


def test_a_meter_where_a_keithley_should_be_and_the_other_way_round() -> None:
    bench = load_bench(SIMULATED)
    smu = bench.instruments.smu.model_copy(update={"resource": SPECTRORADIOMETER})
    assert bench.instruments.spectroradiometer is not None
    meter = bench.instruments.spectroradiometer.model_copy(update={"resource": SMU})
    changed = bench.instruments.model_copy(update={"smu": smu, "spectroradiometer": meter})
    answers = ask(bench.model_copy(update={"instruments": changed}), twins_of(bench))
    assert "CS-2000A answers, a Keithley 2400 is expected. It fits the role spectroradiometer" in text(answers["smu"])
    assert "MODEL 2400 answers, a Konica Minolta CS-2000A is expected" in text(answers["spectroradiometer"])


def test_an_instrument_of_another_kind() -> None:
    bench = load_bench(SIMULATED)
    library = library_of(GPIB0_24_INSTR=Puppet(b"HEWLETT-PACKARD,34401A,0,11-5-2\n"))
    smu = survey.examine_on(bench, library, library.clock.now)[0]
    assert "HEWLETT-PACKARD 34401A answers" in text(smu)
    assert "Check the address in the bench file" in text(smu)


def test_a_silent_address_and_one_that_does_not_exist() -> None:
    bench = load_bench(SIMULATED)
    library = library_of(GPIB0_24_INSTR=Puppet(b""))
    smu, meter, _ = survey.examine_on(bench, library, library.clock.now)
    assert "nothing answers" in text(smu)
    assert "language is SCPI" in text(smu)
    assert "cannot be opened" in text(meter)
    assert smu.wrong
    assert meter.wrong


@pytest.mark.parametrize(
    ("theirs", "ours", "expected"),
    [
        ("LF", "CR", "it ends its lines with LF, the bench file says terminator CR"),
        ("CR", "CRLF", "it ends its lines with CR, the bench file says terminator CRLF"),
    ],
)
def test_a_wrong_terminator_is_told_with_the_right_one(
    theirs: str, ours: str, expected: str, bench_file: BenchWriter
) -> None:
    line = f"resource: ASRL1::INSTR\n    serial: {{terminator: {ours}}}"
    option = f"simulation:\n  options:\n    smu: {{terminator: {theirs}}}"
    bench = load_bench(bench_file({f"resource: {SMU}": line, "simulation:": option}))
    smu = ask(bench, twins_of(bench))["smu"]
    assert smu.wrong
    assert expected in text(smu)
    assert f"Write terminator: {theirs} in the bench file" in text(smu)


def test_an_instrument_that_waits_for_another_terminator(bench_file: BenchWriter) -> None:
    bench = load_bench(bench_file({f"resource: {SMU}": "resource: ASRL1::INSTR\n    serial: {terminator: LF}"}))

    class NeedsCR(Puppet):
        def receive(self, data: bytes, *, end: bool = False) -> None:
            super().receive(data if data.endswith(b"\r") else b"x")

    library = library_of(ASRL1_INSTR=NeedsCR(b"KEITHLEY INSTRUMENTS INC.,MODEL 2400,1,C30\n"))
    smu = survey.examine_on(bench, library, library.clock.now)[0]
    assert "it wants its messages ended by CR, the bench file says terminator LF" in text(smu)


def test_garbled_text_points_to_the_baud_rate(bench_file: BenchWriter) -> None:
    bench = load_bench(bench_file({SMU: "ASRL1::INSTR"}))
    library = library_of(ASRL1_INSTR=Puppet(b"\xf8\x00\xf8\x78"))
    smu = survey.examine_on(bench, library, library.clock.now)[0]
    assert "garbled text comes" in text(smu)
    assert "bench file: 9600" in text(smu)
    library = library_of(ASRL1_INSTR=Puppet(b"\xf8\x00\xf8\r"))
    smu = survey.examine_on(bench, library, library.clock.now)[0]
    assert "Check baud rate" in text(smu)


def test_a_line_that_sends_back_what_it_gets_is_told_as_such(bench_file: BenchWriter) -> None:
    for query, role in (("*IDN?", 0), ("IDDR", 2)):
        bench = load_bench(bench_file({SMU: "ASRL1::INSTR"}))
        library = library_of(ASRL1_INSTR=Puppet(query.encode() + b"\r"), ASRL3_INSTR=Puppet(query.encode() + b"\n"))
        answer = survey.examine_on(bench, library, library.clock.now)[role]
        assert "What is sent comes back" in text(answer)


def test_a_very_slow_link_does_not_cost_ten_exchanges(bench_file: BenchWriter) -> None:
    slow = {SMU: "TCPIP0::127.0.0.1::5024::SOCKET", "simulation:": "simulation:\n  options:\n    smu: {latency: 0.9}"}
    bench = load_bench(bench_file(slow))
    simulated = twins_of(bench)
    smu = survey.examine_on(bench, simulated.library, simulated.clock.now)[0]
    assert smu.exchange == pytest.approx(0.9, abs=0.01)
    assert simulated.clock.now() < 10.0


@pytest.mark.parametrize(
    ("resource", "hint"),
    [("TCPIP0::127.0.0.1::5024::SOCKET", "TCP_NODELAY"), ("ASRL1::INSTR", "the instrument goes up to 57600")],
)
def test_a_slow_link_is_told_with_its_time(resource: str, hint: str, bench_file: BenchWriter) -> None:
    slow = {SMU: resource, "simulation:": "simulation:\n  options:\n    smu: {latency: 0.08}"}
    bench = load_bench(bench_file(slow))
    smu = ask(bench, twins_of(bench))["smu"]
    assert smu.exchange == pytest.approx(0.08, abs=0.005)
    assert found(smu) == [("slow: 80 ms an exchange", False)]
    assert hint in text(smu)


def test_terminals_knob_and_interlock_are_compared_with_the_bench_file() -> None:
    bench = load_bench(SIMULATED)
    simulated = twins_of(bench)
    smu, meter, spectroradiometer = (simulated.twins[name] for name in (SMU, METER, SPECTRORADIOMETER))
    smu.receive(b":ROUT:TERM REAR;:OUTP:ENAB ON\n", end=True)
    smu.enable_line_closed = False  # type: ignore[attr-defined]
    meter.meter.front_terminals = False  # type: ignore[attr-defined]
    spectroradiometer.turn_knob(0)  # type: ignore[attr-defined]
    answers = ask(bench, simulated)
    assert found(answers["smu"]) == [
        ("the rear terminals are selected, the bench file says front", False),
        ("output enable is on (line open), but a run will not use it: the bench file does not ask", True),
        ("the interlock is open: the output cannot be switched on", False),
    ]
    assert found(answers["photodiode_meter"]) == [("the INPUTS switch is at rear, the bench file says front", True)]
    assert found(answers["spectroradiometer"]) == [("the knob is at 1 deg, the bench file says 0.2 deg", True)]


def test_a_knob_between_two_stops() -> None:
    bench = load_bench(SIMULATED)
    simulated = twins_of(bench)
    simulated.twins[SPECTRORADIOMETER].turn_knob(None)  # type: ignore[attr-defined]
    answer = ask(bench, simulated)["spectroradiometer"]
    assert "the measuring angle cannot be read (ER83). Turn it until it clicks" in text(answer)
    assert answer.details["calibrated"] == "2024-01-15"


def test_other_mains_than_the_bench_file_says(bench_file: BenchWriter) -> None:
    bench = load_bench(
        bench_file({"simulation:": "simulation:\n  options:\n    photodiode_meter: {line_frequency: 60}"})
    )
    meter = ask(bench, twins_of(bench))["photodiode_meter"]
    assert found(meter) == [("it found mains of 60 Hz, the bench file says 50 Hz for the smu", True)]


@settings(max_examples=60, deadline=None)
@given(reply=st.binary(max_size=40), resource=st.sampled_from(["GPIB0::24::INSTR", "ASRL1::INSTR"]))
def test_whatever_an_address_says_there_is_a_report(reply: bytes, resource: str) -> None:
    bench = load_bench(SIMULATED)
    smu = bench.instruments.smu.model_copy(update={"resource": resource})
    there = bench.instruments.model_copy(update={"smu": smu})
    library = SimulatedVisaLibrary(VirtualClock(), {resource: Puppet(reply)})
    answers = survey.examine_on(bench.model_copy(update={"instruments": there}), library, library.clock.now)
    assert answers[0].wrong
    assert text(answers[0])


@pytest.mark.parametrize("reply", [b"KEITHLEY INSTRUMENTS INC.,MODEL 2000,1,A19\r", b"OK00\r", b"OK00,CS-2000A,2,1\r"])
@pytest.mark.parametrize("role", ["smu", "photodiode_meter", "spectroradiometer"])
def test_one_answer_to_everything_is_no_crash(reply: bytes, role: str) -> None:
    bench = load_bench(SIMULATED)
    where = getattr(bench.instruments, role).model_copy(update={"resource": "ASRL7::INSTR"})
    there = bench.instruments.model_copy(update={role: where})
    library = library_of(ASRL7_INSTR=Puppet(reply))
    answers = survey.examine_on(bench.model_copy(update={"instruments": there}), library, library.clock.now)
    assert next(answer for answer in answers if answer.role == role).wrong


# Without a bench file


def test_a_survey_asks_every_address_but_unknown_serial_ports() -> None:
    bench = load_bench(SIMULATED)
    simulated = twins_of(bench)
    sent: list[bytes] = []
    listen_to(simulated.twins[SPECTRORADIOMETER], sent)
    answers = {answer.resource: answer for answer in survey.survey(simulated.library)}
    assert "MODEL 2400" in text(answers[SMU])
    assert "MODEL 2000" in text(answers[METER])
    assert found(answers[SPECTRORADIOMETER]) == [("not asked", False)]
    assert sent == []
    assert survey.all_right(list(answers.values()))


def test_a_survey_asks_serial_ports_when_told_to() -> None:
    bench = load_bench(SIMULATED)
    answers = survey.survey(twins_of(bench).library, probe_serial=True)
    meter = next(answer for answer in answers if answer.resource == SPECTRORADIOMETER)
    assert "CS-2000A" in text(meter)
    assert meter.details == {"baud rate": "9600", "terminator": "CR"}


def test_a_survey_of_strangers_finds_nothing() -> None:
    library = library_of(GPIB0_9_INSTR=Puppet(b""), ASRL5_INSTR=Puppet(b""))
    answers = survey.survey(library, probe_serial=True)
    assert [answer.identity for answer in answers] == [None, None]
    assert not survey.all_right(answers)


# The command


def command(*arguments: object) -> Any:
    return CliRunner().invoke(command_line.app, ["instruments", *map(str, arguments)])


def test_the_command_lists_the_simulated_bench() -> None:
    done = command("--bench", SIMULATED)
    assert done.exit_code == command_line.COMPLETED
    for wanted in ("smu", SMU, "MODEL 2400", "MODEL 2000", "CS-2000A", "ms an exchange"):
        assert wanted in done.stdout
    assert done.stderr == ""


def test_the_command_prints_one_json_object() -> None:
    done = command("--bench", SIMULATED, "--json")
    report = json.loads(done.stdout)
    assert report["right"] is True
    assert [entry["model"] for entry in report["instruments"]] == ["keithley2400", "keithley2000", "cs2000a"]
    assert report["instruments"][2]["milliseconds_per_exchange"] > 0


def test_the_command_fails_when_something_is_wrong(bench_file: BenchWriter) -> None:
    bench = bench_file({"simulation:": "simulation:\n  options:\n    spectroradiometer: {angle: 0}"})
    done = command("--bench", bench)
    assert done.exit_code == command_line.FAILED
    assert "wrong: the knob is at 1 deg" in done.stdout


def test_a_bench_without_instruments_is_told_how_to_go_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = (CONFIGS / "benches" / "lab_serial.yaml").read_text(encoding="utf-8")
    nowhere = tmp_path / "nowhere.yaml"
    nowhere.write_text(text.replace("/dev/tty", "/dev/no").replace("../", f"{CONFIGS.as_posix()}/"), encoding="utf-8")
    done = command("--bench", nowhere)
    assert done.exit_code == command_line.FAILED
    assert "How to go on" in done.stderr
    monkeypatch.setattr("acquire.bench.survey.list_resources", lambda visa_library: ())
    done = command()
    assert done.exit_code == command_line.FAILED
    assert done.stdout == ""
    assert "configs/sweeps/table2_sppo13_liq.yaml" in done.stderr


def test_a_wrong_bench_file_is_a_wrong_configuration(tmp_path: Path) -> None:
    assert command("--bench", tmp_path / "nowhere.yaml").exit_code == command_line.USAGE
