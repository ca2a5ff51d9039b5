"""Faults happen where and when they should, and to nobody else."""

from __future__ import annotations

from typing import Any

import pytest
import pyvisa
from pyvisa.constants import ControlFlow
from pyvisa.errors import VisaIOError

from drivers.simulated.bench import SimulatedBench, SimulatedBenchOptions, build_simulated_bench
from drivers.simulated.faults import (
    CLOSED_FOR,
    FAILED_OPENING,
    FOR_GOOD,
    LATE,
    Fault,
    FaultKind,
    make_it_happen,
)

SMU, DMM, METER = "GPIB0::24::INSTR", "GPIB0::16::INSTR", "ASRL3::INSTR"

# PyVISA says so when a message on GPIB ends without a line feed
pytestmark = pytest.mark.filterwarnings("ignore:read string doesn't end with termination characters")


def bench_with(kind: FaultKind, at: int, lasting: float = 1) -> SimulatedBench:
    bench = build_simulated_bench(SimulatedBenchOptions({"load": "resistor", "resistance_ohm": 1e3}, noise=False))
    make_it_happen(bench, Fault(kind, at, lasting))
    return bench


def opened(bench: SimulatedBench, resource: str) -> Any:
    """A bare PyVISA resource; to open it is one operation, and so are a write and a read."""
    line = {"baud_rate": 115200, "flow_control": ControlFlow.rts_cts} if resource == METER else {}
    manager = pyvisa.ResourceManager(bench.library)
    return manager.open_resource(resource, read_termination="\n", write_termination="\n", timeout=1000, **line)


def first_operation(resource: str) -> int:
    """How many operations it takes to open a resource, and one."""
    bench = bench_with(FaultKind.TIMEOUT, 10_000)
    opened(bench, resource)
    return bench.library.operations + 1


@pytest.mark.parametrize(
    ("lasting", "fails"), [(1, [True, False, False]), (2, [True, True, False]), (FOR_GOOD, [True] * 3)]
)
def test_a_link_fails_for_as_many_operations_as_it_should(lasting: float, fails: list[bool]) -> None:
    smu = opened(bench_with(FaultKind.IO_ERROR, first_operation(SMU), lasting), SMU)
    assert [not written(smu) for _ in fails] == fails


def written(resource: Any) -> bool:
    try:
        resource.write("*CLS")
    except VisaIOError:
        return False
    return True


def test_a_session_that_is_lost_stays_so_until_there_is_another_one() -> None:
    bench = bench_with(FaultKind.SESSION_LOST, first_operation(SMU))
    old = opened(bench, SMU)
    assert not written(old)
    assert not written(old)
    assert written(opened(bench, SMU))


@pytest.mark.parametrize(("kind", "other"), [(FaultKind.CONNECTION_LOST, True), (FaultKind.ALL_LINKS_LOST, False)])
def test_one_link_or_all(kind: FaultKind, other: bool) -> None:
    bench = bench_with(kind, 2 * first_operation(SMU) - 1, FOR_GOOD)
    smu, dmm = opened(bench, SMU), opened(bench, DMM)
    assert not written(smu)
    assert written(dmm) is other


@pytest.mark.parametrize(
    ("kind", "reply"),
    [
        (FaultKind.REPLY_EMPTY, ""),
        (FaultKind.REPLY_CUT, "5.000"),
        (FaultKind.REPLY_DOUBLED, "5.000000E-01"),
        (FaultKind.REPLY_OF_BEFORE, "0"),
        (FaultKind.REPLY_OVERFLOW, "+9.900000E+37"),
        (FaultKind.REPLY_NAN, "+9.910000E+37"),
    ],
)
def test_what_becomes_of_a_reply(kind: FaultKind, reply: str) -> None:
    smu = opened(bench_with(kind, first_operation(SMU) + 4), SMU)
    assert smu.query(":OUTP?") == "0"
    smu.write(":SOUR:VOLT 0.5")
    assert smu.query(":SOUR:VOLT?").startswith(reply)
    if kind is FaultKind.REPLY_DOUBLED:
        assert smu.read() == reply
    assert smu.query(":SOUR:VOLT?") == "5.000000E-01"


@pytest.mark.parametrize("kind", [FaultKind.REPLY_GARBLED, FaultKind.REPLY_NOT_ASCII])
def test_a_damaged_reply_has_its_length_and_its_end(kind: FaultKind) -> None:
    smu = opened(bench_with(kind, first_operation(SMU) + 1), SMU)
    smu.write(":SOUR:VOLT?")
    damaged = smu.read_raw()
    assert len(damaged) == len("0.000000E+00\n")
    assert damaged.endswith(b"\n")
    assert b"0.000000E+00" not in damaged
    assert (max(damaged) > 127) is (kind is FaultKind.REPLY_NOT_ASCII)


def test_a_lost_reply_and_a_lost_message() -> None:
    smu = opened(bench_with(FaultKind.REPLY_LOST, first_operation(SMU) + 1), SMU)
    with pytest.raises(VisaIOError, match="TMO"):
        smu.query("*OPC?")
    assert smu.query("*OPC?") == "1"
    smu = opened(bench_with(FaultKind.MESSAGE_LOST, first_operation(SMU)), SMU)
    smu.write(":SOUR:VOLT 0.5")
    assert float(smu.query(":SOUR:VOLT?")) == 0.0
    smu.write(":SOUR:VOLT 0.5")
    assert float(smu.query(":SOUR:VOLT?")) == 0.5


def test_an_instrument_that_is_mute_carries_out_what_it_hears() -> None:
    bench = bench_with(FaultKind.REPLY_LOST, first_operation(SMU) + 1, FOR_GOOD)
    smu = opened(bench, SMU)
    for _ in range(3):
        with pytest.raises(VisaIOError, match="TMO"):
            smu.query("*OPC?")
    smu.write(":OUTP ON")
    assert bench.twins[SMU].output_on  # type: ignore[attr-defined]


@pytest.mark.parametrize(("lasting", "second"), [(1, 0.0), (FOR_GOOD, LATE)])
def test_a_reply_that_is_late(lasting: float, second: float) -> None:
    bench = bench_with(FaultKind.REPLY_LATE, first_operation(SMU) + 1, lasting)
    smu = opened(bench, SMU)
    smu.timeout = 5000
    for late in (LATE, second):
        before = bench.clock.now()
        assert smu.query("*OPC?") == "1"
        assert bench.clock.now() - before == pytest.approx(late)


def test_a_late_reply_is_one_to_the_next_question_unless_the_device_is_cleared() -> None:
    for cleared, found in ((False, "1"), (True, "0.000000E+00")):
        smu = opened(bench_with(FaultKind.REPLY_LATE, first_operation(SMU) + 1), SMU)
        with pytest.raises(VisaIOError, match="TMO"):
            smu.query("*OPC?")
        if cleared:
            smu.clear()
        smu.timeout = 5000
        assert smu.query(":SOUR:VOLT?") == found


def test_a_closed_link_can_be_opened_again_after_a_second() -> None:
    bench = bench_with(FaultKind.LINK_CLOSED, first_operation(SMU))
    old = opened(bench, SMU)
    assert not written(old)
    for _ in range(round(CLOSED_FOR / FAILED_OPENING)):
        with pytest.raises(VisaIOError):
            opened(bench, SMU)
    assert bench.clock.now() == pytest.approx(CLOSED_FOR)
    assert written(opened(bench, SMU))


def test_what_passed_over_the_links_is_kept() -> None:
    bench = build_simulated_bench(SimulatedBenchOptions({"load": "resistor", "resistance_ohm": 1e3}, noise=False))
    happened = make_it_happen(bench)
    smu = opened(bench, SMU)
    smu.write(":SOUR:VOLT 0.5")
    smu.query(":SOUR:VOLT?")
    line = happened.lines[SMU]
    assert [message.data for message in line.heard] == [b":SOUR:VOLT 0.5\n", b":SOUR:VOLT?\n"]
    assert [message.data for message in line.said] == [b"5.000000E-01\n"]
    assert line.said[0].operation == bench.library.operations
    assert happened.began == ()


def test_two_faults_at_once() -> None:
    bench = build_simulated_bench(SimulatedBenchOptions({"load": "resistor", "resistance_ohm": 1e3}, noise=False))
    at = first_operation(SMU)
    happened = make_it_happen(bench, Fault(FaultKind.MESSAGE_LOST, at), Fault(FaultKind.REPLY_EMPTY, at + 2))
    smu = opened(bench, SMU)
    smu.write(":SOUR:VOLT 0.5")
    assert smu.query("*OPC?") == ""
    assert float(smu.query(":SOUR:VOLT?")) == 0.0
    assert happened.began == (0.0, 0.0)


@pytest.mark.parametrize(("kind", "wakes"), [(FaultKind.HUNG, True), (FaultKind.SILENT, False)])
def test_an_instrument_that_says_nothing(kind: FaultKind, wakes: bool) -> None:
    bench = bench_with(kind, 2 * first_operation(SMU) - 1)
    dmm, smu = opened(bench, DMM), opened(bench, SMU)
    smu.write(":OUTP ON")
    with pytest.raises(VisaIOError, match="TMO"):
        smu.query(":OUTP?")
    assert dmm.query(":SYST:ERR?").startswith("0,")
    smu.clear()
    if wakes:
        assert smu.query(":OUTP?") == "0"
    else:
        with pytest.raises(VisaIOError, match="TMO"):
            smu.query(":OUTP?")
    assert not bench.twins[SMU].output_on  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("kind", "is_on"),
    [
        (FaultKind.OUTPUT_KEY, False),
        (FaultKind.POWER_CYCLE, False),
        (FaultKind.OVER_TEMPERATURE, False),
        (FaultKind.GOES_TO_LOCAL, True),
        (FaultKind.ERROR_QUEUED, True),
        (FaultKind.INTERLOCK, False),
    ],
)
def test_what_befalls_the_source(kind: FaultKind, is_on: bool) -> None:
    bench = bench_with(kind, first_operation(SMU) + 2)
    smu = opened(bench, SMU)
    smu.write(":OUTP:ENAB ON")
    smu.write(":OUTP ON")
    assert bench.twins[SMU].output_on  # type: ignore[attr-defined]
    found = smu.query(":SYST:ERR?")
    assert bench.twins[SMU].output_on is is_on  # type: ignore[attr-defined]
    assert found.startswith("-222") is (kind is FaultKind.ERROR_QUEUED)


def test_an_open_circuit_draws_nothing() -> None:
    bench = bench_with(FaultKind.OPEN_CIRCUIT, first_operation(SMU) + 1)
    smu = opened(bench, SMU)
    smu.write(":SENS:CURR:PROT 1e-3;:OUTP ON")
    smu.write(":SOUR:VOLT 0.5")
    assert bench.fixture.operating_point().current == 0.0


def test_an_error_that_the_photodiodes_meter_queues() -> None:
    dmm = opened(bench_with(FaultKind.DMM_ERROR_QUEUED, first_operation(DMM)), DMM)
    assert dmm.query(":SYST:ERR?").startswith("-363")
    assert dmm.query(":SYST:ERR?").startswith("0,")


@pytest.mark.parametrize(("kind", "code"), [(FaultKind.METER_BUSY, "ER02"), (FaultKind.METER_EMPTY, "ER20")])
def test_results_of_the_spectroradiometer_are_refused_once(kind: FaultKind, code: str) -> None:
    meter = opened(bench_with(kind, first_operation(METER)), METER)
    assert meter.query("RMTS,1") == "OK00"
    assert meter.query("MEDR,1,0,1") == code


def test_a_short_circuit_draws_what_the_compliance_lets_through() -> None:
    bench = bench_with(FaultKind.SHORT_CIRCUIT, first_operation(SMU) + 1)
    smu = opened(bench, SMU)
    smu.write(":SENS:CURR:PROT 1e-3;:OUTP ON")
    smu.write(":SOUR:VOLT 0.5")
    assert bench.fixture.operating_point().current == pytest.approx(1e-3)


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        (FaultKind.METER_TOO_BRIGHT, "ER10"),
        (FaultKind.METER_TOO_HOT, "ER51"),
        (FaultKind.METER_BROKEN, "ER30"),
    ],
)
def test_what_befalls_the_spectroradiometer(kind: FaultKind, code: str) -> None:
    bench = bench_with(kind, first_operation(METER) + 2)
    meter = opened(bench, METER)
    assert meter.query("RMTS,2") == "OK00"
    assert meter.query("MEAS,1") == code


def test_a_spectroradiometer_that_somebody_started_takes_nothing_at_first() -> None:
    meter = opened(bench_with(FaultKind.METER_BUTTON, first_operation(METER)), METER)
    with pytest.raises(VisaIOError, match="TMO"):
        meter.query("RMTS,2")


@pytest.mark.parametrize(("kind", "code"), [(FaultKind.METER_ESCAPED, "ER20"), (FaultKind.METER_KNOB, "ER83")])
def test_what_somebody_does_while_it_measures(kind: FaultKind, code: str) -> None:
    meter = opened(bench_with(kind, first_operation(METER) + 4), METER)
    meter.timeout = 60_000
    assert meter.query("RMTS,2") == "OK00"
    assert meter.query("MEAS,1").startswith("OK00")
    assert meter.read() == code
