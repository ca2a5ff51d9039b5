"""The CS-2000A twin against the documented exchanges, byte for byte and second for second."""

import itertools
import json
import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.cie import WAVELENGTH, cie_1931_2deg
from drivers.simulated.clock import VirtualClock
from drivers.simulated.cs2000a.colour import (
    block_fields,
    colorimetry,
    exponent_text,
    field_hex,
    field_text,
    hex_text,
    six_text,
)
from drivers.simulated.cs2000a.memory import Memory
from drivers.simulated.cs2000a.model import Settings, choose_exposure, luminance
from drivers.simulated.cs2000a.twin import CS2000AOptions, CS2000ATwin
from drivers.simulated.device import OpenCircuit, device_from_parameters
from drivers.simulated.fixture import NoiseSettings, TestFixture
from drivers.simulated.photodiode import photodiode_from_parameters

PARAMETERS = json.loads((Path(__file__).parents[1] / "data" / "simulated_devices.json").read_text())
LIQ = {**PARAMETERS["devices"][2], "shared": PARAMETERS["shared"]}
WHITE = WAVELENGTH**-5 / np.expm1(1.438776877e7 / WAVELENGTH / 5200.0)
DARK = NoiseSettings.none()


class Glow(OpenCircuit):
    """Light of any spectrum that needs no current; ``level`` may change while the meter looks."""

    def __init__(self, spectrum, level=1.0):
        self.spectrum = spectrum / luminance(spectrum)
        self.level = level

    def spectral_radiance(self, current):
        return self.spectrum * self.level

    def longest_step(self, current):
        return 1e9  # its light is looked at anew each time


class Bench:
    """A twin at the end of a line that advances virtual time while it waits."""

    def __init__(self, load=None, options=None, noise=DARK, seed=1, terminator=b"\r\n", remote=True):
        self.clock = VirtualClock()
        self.load = load or Glow(WHITE, 100.0)
        fixture = TestFixture(self.clock, self.load, photodiode_from_parameters(PARAMETERS["shared"]), noise, seed)
        self.fixture = fixture
        self.twin = CS2000ATwin(fixture, options)
        self.terminator = terminator
        if remote:
            assert self.ask("RMTS,1" if self.twin.options.firmware < (3, 0, 9301) else "RMTS,2") == "OK00"

    def send(self, text):
        self.twin.receive(text.encode("ascii") + self.terminator)

    def line(self, limit=400.0):
        """The next reply, b"" if none comes within ``limit`` seconds."""
        deadline = self.clock.now() + limit
        while True:
            reply, complete = self.twin.transmit()
            if reply:
                assert complete
                return reply
            due = self.clock.next_event()
            if due is None or due > deadline:
                self.clock.advance_to(deadline)
                return b""
            self.clock.advance_to(due)

    def answer(self, limit=400.0):
        reply = self.line(limit)
        assert reply.endswith(self.terminator) or not reply
        return reply.removesuffix(self.terminator).decode("ascii")

    def ask(self, text, limit=40.0):
        self.send(text)
        return self.answer(limit)

    def measure(self):
        """Both lines of a reading."""
        return self.ask("MEAS,1", 20.0), self.answer()

    def values(self, text):
        return [float(field) for field in self.ask(text).removeprefix("OK00,").split(",")]


def hexadecimal(text):
    return [struct.unpack(">f", bytes.fromhex(value))[0] for value in text.removeprefix("OK00,").split(",")]


# documented exchanges


def exchange(bench, data):
    bench.twin.receive(data)
    return bench.line(40.0)


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


# exposure and timing


@pytest.mark.parametrize(
    ("light", "milliseconds", "nd"),
    [
        (63.42, 81, 0), (63.43, 81, 0), (63.71, 81, 0), (64.33, 80, 0), (68.48, 75, 0),
        (133.99, 859, 1), (182.09, 632, 1), (191.85, 596, 1),
    ],
)  # fmt: skip
def test_exposures_of_the_captured_readings(light, milliseconds, nd):
    peak = float((WHITE / luminance(WHITE)).max()) * light
    exposure = choose_exposure(peak, Settings(speed=0), 0)
    assert exposure.duration * 1e3 == pytest.approx(milliseconds, rel=0.007)
    assert exposure.nd == nd


@pytest.mark.parametrize(
    ("light", "announced", "search"),
    [(10.0, "003", 1.514), (1.0, "012", 6.14), (0.1, "105", 10.0), (0.04, "242", 10.0), (0.0, "242", 10.0)],
)
def test_announced_and_searching_times(light, announced, search):
    bench = Bench(Glow(WHITE, light))
    bench.ask("SPMS,0,2")
    start = bench.clock.now()
    assert bench.ask("MEAS,1", 20.0) == f"OK00,{announced}"
    first = bench.clock.now()
    assert first - start == pytest.approx(search + 0.01)
    assert bench.answer() == "OK00"
    assert bench.clock.now() - first == pytest.approx(float(announced))


def test_fast_mode_stops_at_sixteen_seconds_and_the_cap_can_be_set():
    bench = Bench(Glow(WHITE, 0.01))
    bench.ask("SPMS,1,2")
    assert bench.measure() == ("OK00,034", "OK00")
    capped = Bench(Glow(WHITE, 0.01), CS2000AOptions(exposure_cap=2.0))
    capped.ask("SPMS,0,2")
    assert capped.measure() == ("OK00,006", "OK00")


def test_narrow_line_needs_less_exposure_than_white():
    line = Glow(np.exp(-4.0 * np.log(2.0) * ((WAVELENGTH - 520.0) / 19.0) ** 2), 10.0)
    bench = Bench(line)
    bench.ask("SPMS,0,0")
    bench.measure()
    time = bench.values("MEDR,0,0,1")[2] * 1e-6
    peaks = line.spectrum.max() / Glow(WHITE).spectrum.max()
    assert time == pytest.approx(0.514 / peaks, abs=1e-3)


def test_smaller_angle_needs_longer():
    bench = Bench(Glow(WHITE, 10.0), CS2000AOptions(angle=1))
    bench.ask("SPMS,0,2")
    bench.measure()
    assert bench.ask("STSR") == "OK00,1"
    assert bench.values("MEDR,0,0,1")[2] * 1e-6 == pytest.approx(25.0 * 0.514, rel=1e-3)


def test_manual_exposure_overflows_when_too_long():
    bench = Bench(Glow(WHITE, 100.0))
    bench.ask("SPMS,3,51000,0")
    assert bench.measure() == ("OK00,002", "OK00")
    bench.ask("SPMS,3,100000,0")
    assert bench.measure() == ("ER10", "")


def test_range_of_each_angle():
    for angle, limit in ((0, 5e3), (1, 1.25e5), (2, 5e5)):
        bench = Bench(Glow(WHITE, 0.99 * limit), CS2000AOptions(angle=angle))
        assert bench.measure()[1] == "OK00"
        bench.load.level = 1.01 * limit
        assert bench.measure()[0] == "ER10"


def test_the_reading_is_the_mean_over_the_exposure():
    bench = Bench(Glow(WHITE, 1.0))
    bench.ask("SPMS,0,2")
    bench.send("MEAS,1")
    bench.line(20.0)
    start = bench.clock.now() - 0.01
    bench.clock.call_at(start + 2.0, lambda: setattr(bench.load, "level", 0.4))
    bench.clock.call_at(start + 4.0, lambda: setattr(bench.load, "level", 0.1))
    assert bench.answer() == "OK00"
    assert bench.values("MEDR,2,0,101")[0] == pytest.approx(0.5, abs=1e-3)


def test_device_is_seen_as_it_is_driven():
    bench = Bench(device_from_parameters(LIQ))
    bench.fixture.drive_voltage(6.0, 0.1)
    bench.measure()
    spectrum = np.concatenate([bench.values(f"MEDR,1,0,{block}") for block in (1, 2, 3, 4)])
    assert spectrum.shape == (401,)
    assert spectrum == pytest.approx(bench.fixture.spectral_radiance(), rel=6e-5)
    assert bench.values("MEDR,2,0,101")[0] == pytest.approx(2604.2, abs=0.1)


def test_dark_is_a_reading_with_error_values():
    bench = Bench(Glow(WHITE, 0.0))
    assert bench.measure()[1] == "OK00"
    fields = bench.ask("MEDR,2,0,0").split(",")
    assert fields[1:3] == ["0.0000e-9", "0.0000"]
    assert fields[6:14] == [*["-9.999"] * 4, "-9999", "-9.9999", "-9.9e9", "-9.9e9"]
    assert bench.ask("MEDR,2,1,4").split(",")[1:3] == ["D1BA43B6"] * 2
    assert bench.ask("MEDR,1,0,1").split(",")[1] == "0.0000e+0"


def test_instant_takes_no_time():
    bench = Bench(Glow(WHITE, 1.0), CS2000AOptions(instant=True))
    assert bench.measure() == ("OK00,002", "OK00")
    assert bench.ask("MEDR,2,0,101") == "OK00,1.0000"
    assert bench.clock.now() == 0.0


# the numbers in the replies


def test_text_replies_agree_with_an_independent_evaluation():
    bench = Bench(device_from_parameters(LIQ))
    bench.fixture.drive_voltage(5.0, 0.1)
    bench.measure()
    spectrum = np.concatenate([hexadecimal(bench.ask(f"MEDR,1,1,{block}")) for block in (1, 2, 3, 4)])
    x_bar, y_bar, z_bar = cie_1931_2deg()
    tristimulus = [683.0 * float(np.sum(column * spectrum)) for column in (x_bar, y_bar, z_bar)]
    x, y = tristimulus[0] / sum(tristimulus), tristimulus[1] / sum(tristimulus)
    assert bench.ask("MEDR,2,0,2") == f"OK00,{x:.4f},{y:.4f},{tristimulus[1]:.3f}"
    assert bench.values("MEDR,2,0,1") == pytest.approx(tristimulus, rel=5.1e-5)
    assert bench.values("MEDR,2,0,100")[0] == pytest.approx(float(spectrum.sum()), rel=5.1e-5)
    u, v = 4.0 * x / (-2.0 * x + 12.0 * y + 3.0), 9.0 * y / (-2.0 * x + 12.0 * y + 3.0)
    assert bench.values("MEDR,2,0,3")[:2] == pytest.approx([u, v], abs=5.1e-5)


def test_colour_agrees_with_colour_science():
    colour = pytest.importorskip("colour")
    values = colorimetry(WHITE)
    cmfs = colour.MSDS_CMFS["CIE 1931 2 Degree Standard Observer"].copy().trim(colour.SpectralShape(380, 780, 1))
    distribution = colour.SpectralDistribution(WHITE / WHITE.max(), WAVELENGTH)
    xyz = colour.sd_to_XYZ(distribution, cmfs, illuminant=None, k=1.0, method="Integration")
    x, y = colour.XYZ_to_xy(xyz)
    assert (values.observer_2deg.x, values.observer_2deg.y) == pytest.approx((x, y), abs=1e-6)


@pytest.mark.parametrize(
    ("spectrum", "fields"),
    [
        (np.ones(401), " 5455,-0.0044"),
        (WAVELENGTH**-5 / np.expm1(1.438776877e7 / WAVELENGTH / 3000.0), " 3000,+0.0000"),
        (np.exp(-4.0 * np.log(2.0) * ((WAVELENGTH - 520.0) / 19.0) ** 2), "-9999,-9.9999"),
    ],
)
def test_correlated_colour_temperature(spectrum, fields):
    two = [field_text(field) for field in block_fields(colorimetry(spectrum), 4)]
    assert ",".join(two[:2]) == fields


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([(1.0, 520.0, 19.0)], (520.069095, 93.8797252)),
        ([(1.0, 465.0, 20.0)], (465.895087, 99.2047796)),
        ([(1.0, 630.0, 30.0)], (622.137617, 100.0)),
        ([(1.0, 450.0, 20.0), (1.0, 640.0, 20.0)], (-561.627387, 90.3028402)),
    ],
)
def test_dominant_wavelength_and_purity(lines, expected):
    spectrum = sum(
        height * np.exp(-4.0 * np.log(2.0) * ((WAVELENGTH - mean) / width) ** 2) for height, mean, width in lines
    )
    two = colorimetry(spectrum).observer_2deg
    # the vectors integrate by trapezoids, the meter sums
    assert (two.dominant_wavelength, two.purity) == pytest.approx(expected, rel=1e-5)


def test_blocks_repeat_the_fields_of_block_zero():
    values = colorimetry(WHITE)
    every = block_fields(values, 0)
    assert len(every) == 24
    for offset, first in ((0, 2), (10, 13)):
        assert block_fields(values, offset + 1) == every[first : first + 3]
        for number, place in ((2, 3), (3, 5), (4, 7), (5, 9)):
            assert block_fields(values, offset + number) == [*every[first + place : first + place + 2], every[1]]
    assert block_fields(values, 100) == every[:1]
    assert block_fields(values, 101) == every[1:2]


def test_sizes_of_replies_in_bytes():
    bench = Bench(Glow(WHITE, 133.99))
    bench.measure()
    for block, text, hexes in ((1, 1006, 906), (2, 1006, 906), (3, 1006, 906), (4, 1016, 915)):
        assert len(exchange(bench, f"MEDR,1,0,{block}\r\n".encode())) == text
        assert len(exchange(bench, f"MEDR,1,1,{block}\r\n".encode())) == hexes
    assert len(exchange(bench, b"MEDR,2,0,00\r\n")) == 195


def test_noise_is_seeded_scaled_and_clipped():
    noise = NoiseSettings(spectrum_floor=1e-7, spectrum_relative=1e-3, spectrum_common=1.5e-3)

    def spectra(level, seed):
        bench = Bench(Glow(WHITE, level), noise=noise, seed=seed)
        bench.ask("SPMS,0,2")
        bench.measure()
        return np.concatenate([hexadecimal(bench.ask(f"MEDR,1,1,{block}")) for block in (1, 2, 3, 4)])

    bright = spectra(100.0, 1) / Glow(WHITE, 100.0).spectral_radiance(0.0)
    assert np.std(bright / bright.mean()) == pytest.approx(1e-3, rel=0.3)
    assert abs(bright.mean() - 1.0) < 6e-3
    dark = spectra(0.0, 1)
    assert np.count_nonzero(dark == 0.0) == pytest.approx(200, abs=50)
    assert dark.max() == pytest.approx(3.0 * 1e-7 / np.sqrt(120.0), rel=0.4)
    assert (spectra(0.0, 1) == dark).all()
    assert (spectra(0.0, 2) != dark).any()


# busy, cancel, errors


def test_nothing_is_answered_before_the_first_line():
    bench = Bench(Glow(WHITE, 1.0))
    bench.send("MEAS,1")
    bench.clock.advance(0.5)
    for text in ("MEDR,2,0,0", "MEAS,0", "IDDR", "nonsense"):
        bench.send(text)
    assert bench.answer(20.0) == "OK00,004"
    assert bench.answer() == "OK00"
    assert bench.line(300.0) == b""


def test_answers_while_measuring():
    bench = Bench()
    bench.ask("SPMS,2,16,2")
    bench.ask("MEAS,1")
    assert bench.ask("MEDR,2,0,0") == "ER02"
    assert bench.ask("MEAS,1") == "ER17"
    assert bench.ask("IDDR") == "ER00"
    assert bench.ask("SPMS,0,2") == "ER00"
    quiet = Bench(options=CS2000AOptions(busy_reply="ER00"))
    quiet.ask("MEAS,1")
    assert quiet.ask("MEDR,2,0,0") == "ER00"


def test_cancel_when_idle_is_out_of_place():
    assert Bench().ask("MEAS,0") == "ER17"


def test_completion_may_beat_the_cancel():
    bench = Bench()
    bench.ask("MEAS,1")
    bench.clock.advance(5.0)
    bench.send("MEAS,0")
    assert (bench.answer(), bench.answer(), bench.answer(2.0)) == ("OK00", "ER17", "")
    assert bench.ask("MEDR,0,0,1").startswith("OK00,")


def test_a_new_reading_drops_the_old_one():
    bench = Bench()
    bench.measure()
    bench.ask("MEAS,1")
    assert bench.ask("MEAS,0") == "OK00"
    assert bench.ask("MEDR,0,0,1") == "ER20"


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("XYZ", "ER00"),
        ("", "ER00"),
        ("iddr", "ER00"),
        ("IDDR,1", "ER00"),
        ("RMTS,3", "ER17"),
        ("RMTS", "ER00"),
        ("SPMS,0,2,1", "ER00"),
        ("SPMS,5", "ER17"),
        ("SPMS,2,17,2", "ER17"),
        ("SPMS,2,2", "ER00"),
        ("SPMS,3,4999,0", "ER17"),
        ("SPMS,3,120000001,0", "ER17"),
        ("SPMS,3,5000,2", "ER17"),
        ("SCMS,1", "ER00"),
        ("SCMS,0,6000", "ER00"),
        ("SCMS,1,1999", "ER17"),
        ("SCMS,1,20001", "ER17"),
        ("MEDR,1,0", "ER00"),
        ("MEDR,3,0,1", "ER17"),
        ("MEDR,1,0,0", "ER17"),
        ("MEDR,1,2,1", "ER17"),
        ("MEDR,2,0,6", "ER17"),
        ("MEDR,0,0,2", "ER17"),
        ("MEDR,1,-1,1", "ER17"),
        ("MEDR,2,0,0", "ER20"),
        ("STDR,0,2,0,0", "ER20"),
        ("STDS,1", "ER20"),
        ("NDFS,3", "ER17"),
        ("UCCS,3", "ER05"),
        ("UCPR,3,0", "ER05"),
        ("BPSS,1234", "ER17"),
        ("UCPS,1,0,3F 80 00 00", "ER17"),
        ("UCPS,1,0,BF800000", "ER17"),
        ("UCPS,1,0,7F7FFFFF", "ER17"),
        ("TGDS,1,0,2,1e300,1,1", "ER17"),
        ("TGDS,1,0,2,1_0,1,1", "ER17"),
        ("TGDS,1,1,2,7F7FFFFF,3F800000,3F800000", "ER17"),
        ("TGSL,1", "ER20"),
        ("MSWE,2", "ER17"),
        ("ALFS,0,401,3F800000", "ER17"),
        ("ALFS,0,400,7F800000", "ER17"),
        ("ALFS,0,400,12", "ER17"),
        ("MEAS,99999999999999999999", "ER17"),
    ],
)
def test_error_codes(text, answer):
    assert Bench().ask(text) == answer


def test_angle_knob():
    bench = Bench()
    bench.twin.turn_knob(None)
    assert bench.ask("STSR") == "ER83"
    assert bench.ask("MEAS,1") == "ER83"
    bench.twin.turn_knob(1)
    assert bench.ask("STSR") == "OK00,1"
    assert bench.ask("MEAS,1").startswith("OK00,")
    bench.twin.turn_knob(0)
    assert bench.answer() == "ER83"


def test_external_sync_missing():
    bench = Bench(options=CS2000AOptions(external_sync_present=False))
    assert bench.ask("SCMS,2") == "OK00"
    assert bench.ask("MEAS,1") == "ER71"


def test_fault_of_the_sensor():
    bench = Bench()
    bench.twin.fault = "ER51"
    assert bench.ask("MEAS,1") == "ER51"
    bench.twin.fault = None
    assert bench.measure()[1] == "OK00"


def test_over_range_on_the_second_line():
    bench = Bench(Glow(WHITE, 6000.0), CS2000AOptions(over_range_line=2))
    assert bench.measure() == ("OK00,004", "ER10")
    brightening = Bench(Glow(WHITE, 1.0))
    brightening.ask("SPMS,0,2")
    brightening.ask("MEAS,1", 20.0)
    brightening.load.level = 4000.0
    assert brightening.answer() == "ER10"


@pytest.mark.parametrize(("offset", "lost"), [(3.0, False), (-1.5, False), (0.0, True)])
def test_second_line_late_early_or_lost(offset, lost):
    bench = Bench(options=CS2000AOptions(second_line_offset=offset, lose_second_line=lost))
    bench.ask("MEAS,1")
    first = bench.clock.now()
    assert bench.answer(100.0) == ("" if lost else "OK00")
    if not lost:
        assert bench.clock.now() - first == pytest.approx(4.0 + offset)
    assert bench.ask("MEDR,0,0,1").startswith("OK00,")


def test_escape_key_cancels_and_leaves_remote():
    bench = Bench()
    bench.ask("MEAS,1")
    bench.twin.press_escape()
    assert bench.answer() == "ER20"
    assert bench.line(300.0) == b""
    assert bench.ask("IDDR").startswith("OK00")
    bench.twin.press_escape()
    assert bench.ask("IDDR") == "ER00"


def test_measuring_button():
    bench = Bench()
    bench.twin.press_measuring_button()
    assert bench.line(300.0) == b""
    assert bench.ask("MEDR,0,0,1") == "ER20"
    bench.ask("MSWE,1")
    bench.twin.press_measuring_button()
    bench.clock.advance(3.0)
    assert bench.ask("MEDR,0,0,1") == "ER02"
    assert bench.line(100.0) == b""
    assert bench.ask("MEDR,0,0,1").startswith("OK00")
    bench.load.level = 1e4
    bench.twin.press_measuring_button()
    bench.clock.advance(20.0)
    assert bench.ask("MEDR,0,0,1") == "ER10"


def test_life_of_the_data():
    bench = Bench()
    bench.measure()
    for _ in range(2):
        assert bench.ask("MEDR,2,0,2").startswith("OK00")
    bench.ask("MSWE,1")
    for block in (1, 2, 3, 4):
        assert bench.ask(f"MEDR,1,0,{block}").startswith("OK00")
    assert bench.ask("MEDR,1,0,1") == "ER20"
    bench.measure()
    assert bench.ask("MEDR,2,0,2").startswith("OK00")
    assert bench.ask("MEDR,2,0,2") == "ER20"


def test_escape_during_a_reading_by_hand_says_nothing_to_the_host():
    bench = Bench(remote=False)
    bench.twin.press_measuring_button()
    bench.clock.advance(3.0)
    bench.twin.press_escape()
    assert bench.line(300.0) == b""


def test_a_fault_during_the_exposure_comes_in_the_second_line():
    bench = Bench()
    assert bench.ask("MEAS,1") == "OK00,004"
    bench.twin.fault = "ER52"
    assert bench.answer() == "ER52"
    assert bench.ask("MEDR,0,0,1") == "ER20"


# memories and settings


def test_settings_answer_as_set():
    bench = Bench()
    for write, read, answer in (
        ("SPMS,0", "SPMR", "0,2"),
        ("SPMS,1,0", "SPMR", "1,0"),
        ("SPMS,3,33333,0", "SPMR", "3,000033333,0"),
        ("SCMS,2", "SCMR", "2"),
        ("SCMS,0", "SCMR", "0"),
        ("NDFS,2", "NDFR", "2"),
        ("LNSS,1", "LNSR", "1"),
        ("OBSS,1", "OBSR", "1"),
        ("BALS,0,1", "BALR", "0,1"),
        ("CSMS,5", "CSMR", "5"),
        ("DIMS,1", "DIMR", "1"),
        ("UCCS,0", "UCCR", "00"),
        ("BPSS,9600", "BPSR", "  9600"),
    ):
        assert bench.ask(write) == "OK00", write
        assert bench.ask(read) == f"OK00,{answer}", read
    assert bench.ask("DTCR") == "OK00,20240115,103000"


def test_factory_state():
    bench = Bench()
    assert bench.ask("SPMR") == "OK00,2,01,2"
    assert bench.ask("SCMR") == "OK00,0"
    assert bench.ask("SPMS,3,50000,1") == "OK00"
    assert bench.ask("INIT,2") == "OK00"
    assert bench.ask("SPMR") == "OK00,2,01,2"


def test_flash_is_written_in_remote_mode_one_only():
    bench = Bench()
    bench.ask("SPMS,0,2")
    assert bench.twin.memory.flash_writes == 0
    bench.twin.power_cycle()
    assert bench.ask("SPMR") == "ER00"
    bench.ask("RMTS,1")
    assert bench.ask("SPMR") == "OK00,2,01,2"
    bench.ask("SPMS,0,2")
    assert bench.twin.memory.flash_writes == 1
    bench.twin.power_cycle()
    bench.ask("RMTS,1")
    assert bench.ask("SPMR") == "OK00,0,2"


def test_worn_out_flash():
    bench = Bench(options=CS2000AOptions(flash_error="ER32"))
    assert bench.ask("SPMS,0,2") == "OK00"
    bench.measure()
    assert bench.ask("STDS,1") == "ER32"
    bench.ask("RMTS,1")
    assert bench.ask("SPMS,0,2") == "ER32"


def test_memory_errors_are_told_by_the_commands_that_can():
    bench = Bench(options=CS2000AOptions(flash_error="ER34"))
    bench.ask("RMTS,1")
    for text in ("SPMS,1", "SCMS,2", "LNSS,1", "UCCS,0", "UCPS,3", "BPSS,9600", "INIT,2", "TGDS,1,0,2,1,1,1"):
        assert bench.ask(text) == "ER34", text
    for text in ("NDFS,1", "OBSS,1", "BALS,0,1", "CSMS,2", "DIMS,1", "ALFS,3", "NFCS,3"):
        assert bench.ask(text) == "OK00", text
    assert bench.ask("OBSR") == "OK00,1"
    bench.twin.power_cycle()
    bench.ask("RMTS,2")
    assert bench.ask("OBSR") == "OK00,0"


def test_stored_readings():
    bench = Bench(Glow(WHITE, 50.0))
    bench.measure()
    start = bench.clock.now()
    assert bench.ask("STDS,7") == "OK00"
    assert bench.clock.now() - start == pytest.approx(2.0, abs=0.1)
    bench.load.level = 20.0
    bench.measure()
    assert bench.ask("STDR,07,2,0,101") == "OK00,50.000"
    assert bench.ask("MEDR,2,0,101") == "OK00,20.000"
    assert bench.ask("STDD,7") == "OK00"
    assert bench.ask("STDR,7,2,0,101") == "ER20"
    bench.ask("STDS,8")
    assert bench.ask("STAD") == "OK00"
    assert bench.ask("STDR,8,2,0,101") == "ER20"


def test_target_colours():
    bench = Bench()
    assert bench.ask("TGDS,3,0,2,95.047,100.0,108.883") == "OK00"
    assert bench.ask("TGDR,3,2,0,2") == "OK00,0.3127,0.3290,100.00"
    assert bench.ask("TGSL,3") == "OK00"
    assert bench.ask("TGSR") == "OK00,03"
    assert bench.ask("TGDD,3") == "OK00"
    assert bench.ask("TGDR,3,2,0,2") == "ER20"
    assert bench.ask("TGAD") == "OK00"


def test_external_filter_is_declared_not_detected():
    bench = Bench(Glow(WHITE, 20000.0))
    assert bench.measure()[0] == "ER10"
    bench.twin.fitted_nd = 1
    bench.measure()
    assert bench.values("MEDR,2,0,101")[0] == pytest.approx(2000.0)
    bench.ask("NDFS,1")
    bench.measure()
    assert bench.values("MEDR,2,0,101")[0] == pytest.approx(20000.0)
    assert bench.ask("MEDR,0,0,1").split(",")[6] == "1"


def test_filter_without_stored_compensation():
    bench = Bench(options=CS2000AOptions(compensation_stored=False))
    assert bench.ask("NDFS,1") == "ER05"
    assert bench.ask("LNSS,1") == "ER05"
    assert bench.ask("NFCR,0,1,0") == "ER05"
    for angle in range(3):
        for nd in (1, 2):
            assert bench.ask(f"NFCS,{angle},{nd},0,41200000") == "OK00"
    assert bench.ask("NFCS,3") == "OK00"
    assert bench.ask("NFCR,0,1,000") == "OK00,41200000"
    assert bench.ask("NDFS,1") == "OK00"


def test_filter_and_lens_are_compensated_for_each_angle():
    bench = Bench(Glow(WHITE, 50.0), CS2000AOptions(compensation_stored=False))
    for text in ("NFCS,0,1,0,41200000", "NFCS,3", "ALFS,0,0,3F800000", "ALFS,3", "NDFS,1", "LNSS,1"):
        assert bench.ask(text) == "OK00", text
    bench.twin.turn_knob(1)
    assert bench.ask("NDFS,1") == "ER05"
    assert bench.ask("LNSS,1") == "ER05"
    assert bench.measure()[1] == "OK00"
    assert bench.values("MEDR,2,0,101")[0] == pytest.approx(50.0)
    bench.twin.turn_knob(None)
    assert bench.ask("NDFS,1") == "ER83"
    assert bench.ask("LNSS,1") == "ER83"
    assert bench.ask("NDFS,0") == "OK00"


def test_user_calibration_multiplies_the_spectrum():
    bench = Bench(Glow(WHITE, 50.0))
    bench.measure()
    plain = hexadecimal(bench.ask("MEDR,1,1,2"))
    assert bench.ask("UCPS,1,100,40000000") == "OK00"
    assert bench.ask("UCCS,1") == "ER05"
    assert bench.ask("UCPS,3") == "OK00"
    assert bench.ask("UCCS,1") == "OK00"
    bench.measure()
    changed = hexadecimal(bench.ask("MEDR,1,1,2"))
    assert changed[0] == pytest.approx(2.0 * plain[0])
    assert changed[1:] == plain[1:]
    assert bench.ask("UCCD,1") == "OK00"
    assert bench.ask("UCCR") == "OK00,00"


# meters of other kinds


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


# lines


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
