"""The CS-2000A twin: exposure and timing."""

import numpy as np
import pytest

from drivers.cie import WAVELENGTH
from drivers.simulated.cs2000a.model import Settings, choose_exposure, luminance
from drivers.simulated.cs2000a.twin import CS2000AOptions
from drivers.simulated.device import device_from_parameters
from tests.twins.cs2000a.conftest import LIQ, WHITE, Bench, Glow


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
