"""The CS-2000A twin against the documented exchanges, byte for byte and second for second."""

import pytest

from drivers.simulated.cs2000a.colour import (
    exponent_text,
    field_text,
    hex_text,
    six_text,
)
from tests.twins.cs2000a.conftest import WHITE, Bench, Glow, exchange


def test_remote_with_carriage_return():
    assert exchange(Bench(remote=False), bytes.fromhex("52 4D 54 53 2C 32 0D")) == bytes.fromhex("4F 4B 30 30 0D")


def test_identity_with_line_feed():
    expected = bytes.fromhex("4F 4B 30 30 2C 43 53 2D 32 30 30 30 41 20 2C 32 2C 31 32 33 34 35 36 37 0A")
    assert exchange(Bench(), bytes.fromhex("49 44 44 52 0A")) == expected


def test_speed_and_sync():
    bench = Bench()
    assert exchange(bench, b"SPMS,4,02,2\r\n") == b"OK00\r\n"
    assert exchange(bench, b"SPMR\r\n") == b"OK00,4,02,2\r\n"
    assert exchange(bench, b"SCMS,1,6000\n") == b"OK00\n"
    assert exchange(bench, b"SCMR\n") == b"OK00,1,06000\n"


def test_two_lines_of_a_reading_fourteen_seconds_apart():
    bench = Bench()
    bench.ask("SPMS,2,6,2")
    assert exchange(bench, bytes.fromhex("4D 45 41 53 2C 31 0D 0A")) == bytes.fromhex("4F 4B 30 30 2C 30 31 34 0D 0A")
    first = bench.clock.now()
    assert bench.line() == bytes.fromhex("4F 4B 30 30 0D 0A")
    assert bench.clock.now() - first == pytest.approx(14.0)


def test_conditions_of_the_captured_reading():
    bench = Bench(Glow(WHITE, 133.99))
    bench.ask("SPMS,0,2")
    bench.measure()
    assert bench.ask("MEDR,0,0,1") == "OK00,0,0,000859000,1,0,0,0,00"


def test_cancel_and_no_data_and_not_remote():
    bench = Bench()
    bench.ask("SPMS,0,2")
    assert bench.ask("MEAS,1").startswith("OK00,")
    assert exchange(bench, bytes.fromhex("4D 45 41 53 2C 30 0D 0A")) == b"OK00\r\n"
    assert bench.line(300.0) == b""
    assert exchange(bench, b"MEDR,1,0,1\r\n") == bytes.fromhex("45 52 32 30 0D 0A")
    assert bench.ask("RMTS,0") == "OK00"
    assert bench.ask("IDDR") == "ER00"


def test_too_bright_is_one_line():
    bench = Bench(Glow(WHITE, 6000.0))
    bench.send("MEAS,1")
    assert bench.line(20.0) == bytes.fromhex("45 52 31 30 0D 0A")
    assert bench.line(300.0) == b""
    assert bench.ask("MEDR,2,0,2") == "ER20"


def test_field_formats_of_the_captured_colour_reply():
    captured = [
        ("e", 0.60544), ("six", 133.99), ("e", 126.2), ("e", 133.99), ("e", 113.34), ("xy", 0.3379), ("xy", 0.3587),
        ("xy", 0.2039), ("xy", 0.4870), ("t", 5303.0), ("duv", 0.0065), ("two", 561.36), ("two", 9.04), ("two", 10.15),
    ]  # fmt: skip
    expected = (
        "6.0544e-1,133.99,1.2620e+2,1.3399e+2,1.1334e+2,0.3379,0.3587,0.2039,0.4870, 5303,+0.0065,561.36,9.0400,10.150"
    )
    assert ",".join(field_text(field) for field in captured) == expected


def test_hex_of_the_captured_value():
    assert hex_text(1.0139e-4) == "38D4A157"
    assert exponent_text(1.0139e-4) == "1.0139e-4"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0.0000"),
        (0.00004, "0.0000"),
        (63.422, "63.422"),
        (9.99996, "10.000"),
        (133.99, "133.99"),
        (12345.0, "12345."),
        (123456.0, "123456"),
        (999999.5, "1.00e+6"),
        (1.234e6, "1.23e+6"),
        (1e12, "9.99e+9"),
        (-561.627, "-561.6"),
    ],
)
def test_six_characters(value, text):
    assert six_text(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0.0000e+0"), (5e-10, "0.5000e-9"), (1e-20, "0.0000e-9"), (9.99996e-10, "1.0000e-9"), (1e12, "9.9999e+9")],
)
def test_exponents_have_one_digit(value, text):
    assert exponent_text(value) == text
