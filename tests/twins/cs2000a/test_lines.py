"""The CS-2000A twin: older firmware, slow lines, and any bytes."""

import itertools
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.simulated.cs2000a.colour import field_hex
from drivers.simulated.cs2000a.memory import Memory
from drivers.simulated.cs2000a.twin import CS2000AOptions
from tests.twins.cs2000a.conftest import WHITE, Bench, Glow, exchange

# --- meters of other kinds ---


def test_first_firmware():
    bench = Bench(Glow(WHITE, 0.0), CS2000AOptions(firmware=(1, 1, 0), variant=1, padded_name=False))
    assert bench.ask("RMTS,2") == "ER17"
    assert bench.ask("IDDR") == "OK00,CS-2000,1,1234567"
    assert bench.ask("SPMS,4,2,2") == "ER17"
    assert bench.ask("SPMS,0,2") == "ER00"
    assert bench.ask("SPMS,0") == "OK00"
    assert bench.ask("SPMR") == "OK00,0"
    assert bench.ask("INIT,2") == "ER00"
    assert bench.ask("BPSR") == "ER00"
    bench.measure()
    assert bench.ask("MEDR,2,0,4") == "OK00,    0,+0.0000,0.0000"
    assert bench.ask("MEDR,2,1,4") == "OK00,00000000,00000000,00000000"


def test_rs232_takes_the_time_of_its_characters():
    bench = Bench(options=CS2000AOptions(interface="rs232"))
    bench.measure()
    start = bench.clock.now()
    bench.ask("MEDR,1,0,1")
    assert bench.clock.now() - start == pytest.approx(0.0873 + 0.01, abs=1e-3)
    start = bench.clock.now()
    assert bench.ask("BPSS,9600") == "OK00"  # still at the old rate
    assert bench.clock.now() - start == pytest.approx(0.0105, abs=1e-4)
    start = bench.clock.now()
    bench.ask("MEDR,1,0,1")
    assert bench.clock.now() - start == pytest.approx(1.048 + 0.01, abs=1e-3)


# --- lines ---


def test_unfinished_line_is_discarded_after_a_minute():
    bench = Bench()
    bench.twin.receive(b"ID")
    bench.clock.advance(59.0)
    bench.twin.receive(b"DR")
    bench.clock.advance(61.0)
    assert exchange(bench, b"IDDR\r\n").startswith(b"OK00,CS-2000A")
    old = Bench(options=CS2000AOptions(firmware=(1, 1, 0)))
    old.twin.receive(b"ID")
    assert old.answer(61.0) == "ER00"


def test_a_line_that_ended_with_carriage_return_is_not_discarded_later():
    bench = Bench(options=CS2000AOptions(firmware=(1, 1, 0)), terminator=b"\r")
    assert bench.ask("STSR") == "OK00,0"
    assert bench.line(100.0) == b""


def test_a_line_without_end_does_not_outlast_a_power_cycle():
    bench = Bench(terminator=b"\r")
    bench.twin.receive(b"ID")
    bench.twin.power_cycle()
    bench.send("RMTS,2")
    assert bench.answer() == "OK00"
    bench.send("IDDR")
    bench.twin.power_cycle()
    assert bench.line(100.0) == b""


def test_what_is_swallowed_does_not_change_the_end_of_lines():
    bench = Bench()
    bench.send("MEAS,1")
    bench.clock.advance(0.5)
    bench.twin.receive(b"IDDR\n")
    assert bench.line(20.0) == b"OK00,004\r\n"


def test_line_of_more_than_800_bytes():
    bench = Bench()
    assert bench.ask("X" * 801) == "ER00"
    assert bench.ask("IDDR").startswith("OK00")


def test_late_line_feed_belongs_to_its_carriage_return():
    bench = Bench(terminator=b"\r")
    bench.twin.receive(b"SCMR\r")
    assert bench.line() == b"OK00,0\r"
    bench.twin.receive(b"\nSCMR\r")
    assert bench.line() == b"OK00,0\r"
    assert bench.line(10.0) == b""


def test_long_replies_are_handed_over_in_pieces():
    bench = Bench()
    bench.measure()
    bench.send("MEDR,1,0,1")
    bench.clock.advance(0.1)
    pieces = []
    complete = False
    while not complete:
        piece, complete = bench.twin.transmit(100)
        pieces.append(piece)
    assert [len(piece) for piece in pieces] == [100] * 10 + [6]


MESSAGES = b"RMTS,2\r\nIDDR\nSPMS,3,33333,0\rSPMR\r\nSTSR\n\nMEDR,1,0,1\r\nMEAS,0\rSCMS,1,6000\n"


def replies_to(pieces):
    bench = Bench(remote=False)
    for piece in pieces:
        bench.twin.receive(piece)
    replies = []
    while reply := bench.line(5.0):
        replies.append(reply)
    return replies


@given(cuts=st.lists(st.integers(0, len(MESSAGES)), max_size=20))
@settings(max_examples=60, deadline=None)
def test_split_and_merged_bytes_give_the_same_replies(cuts):
    edges = [0, *sorted(cuts), len(MESSAGES)]
    pieces = [MESSAGES[low:high] for low, high in itertools.pairwise(edges)]
    whole = replies_to([MESSAGES])
    assert replies_to(pieces) == whole
    assert whole[:4] == [b"OK00\r\n", b"OK00,CS-2000A ,2,1234567\n", b"OK00\r", b"OK00,3,000033333,0\r\n"]


commands = st.sampled_from(
    [*sorted(Memory(CS2000AOptions(), lambda: 0).commands), "RMTS", "MEAS", "MEDR", "MSWE", "STDS", "STSR"]
)
arguments = st.lists(
    st.one_of(st.integers(-1, 130).map(str), st.sampled_from(["", "3F800000", "7F7FFFFF", "1e5", "1e300", "x"])),
    max_size=6,
)
lines = st.one_of(
    st.binary(max_size=40),
    st.tuples(commands, arguments).map(lambda parts: ",".join([parts[0], *parts[1]]).encode() + b"\r\n"),
)


@given(data=st.lists(lines, max_size=12))
@settings(max_examples=100, deadline=None)
def test_arbitrary_bytes_never_upset_the_meter(data):
    bench = Bench()
    for piece in data:
        bench.twin.receive(piece)
        bench.clock.advance(0.1)
        while bench.twin.transmit()[0]:
            pass
    bench.twin.receive(b"\r\n")
    bench.clock.advance(400.0)
    while bench.twin.transmit()[0]:
        pass
    bench.send("RMTS,2")
    assert bench.answer() == "OK00"
    assert bench.ask("IDDR").startswith("OK00,CS-2000A ")


EVERYTHING = ["0,0,1", *(f"1,{form},{block}" for form in (0, 1) for block in (1, 2, 3, 4)), "2,0,0", "2,1,0"]


@given(
    factor=st.sampled_from(["00000000", "3F800000", "49742400", "49742401", "7F7FFFFF"]),
    target=st.sampled_from(["0", "100", "9.9999e9", "1e10"]),
    nd=st.integers(0, 2),
)
@settings(max_examples=40, deadline=None)
def test_every_stored_value_can_be_measured_with_and_read(factor, target, nd):
    bench = Bench()
    bench.ask(f"UCPS,1,100,{factor}")
    bench.ask(f"NFCS,0,{max(nd, 1)},100,{factor}")
    for text in ("UCPS,3", "NFCS,3", "UCCS,1", f"NDFS,{nd}", f"TGDS,1,0,2,{target},{target},{target}"):
        bench.ask(text)
    assert bench.measure()[1] == "OK00"
    lengths = [len(bench.ask(f"MEDR,{what}")) for what in EVERYTHING]
    assert lengths[1:9] == [1004, 1004, 1004, 1014, 904, 904, 904, 913]
    assert lengths[-1] == 4 + 24 * 9
    assert bench.ask("TGDR,1,2,1,0")[:4] in {"OK00", "ER20"}


def test_bus_lines_mean_nothing_to_a_serial_meter():
    bench = Bench()
    bench.twin.device_clear()
    bench.twin.group_execute_trigger()
    bench.twin.talk_with_nothing_to_say()
    assert bench.twin.serial_poll() == 0
    assert not bench.twin.service_request
    assert bench.ask("IDDR").startswith("OK00")


def test_hex_error_value():
    assert field_hex(("t", None)) == "D1BA43B6"
    assert struct.unpack(">f", bytes.fromhex("D1BA43B6"))[0] == pytest.approx(-9.999999e10)
