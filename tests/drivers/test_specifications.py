import pytest

from drivers.cs2000a.specification import exposure as spectroradiometer_exposure
from drivers.keithley2000 import specification as keithley2000
from drivers.keithley2400 import specification as keithley2400
from drivers.specification import PointTiming

SMU = keithley2400.SPECIFICATION
DMM = keithley2000.SPECIFICATION


@pytest.mark.parametrize(
    ("nplc", "autozero", "milliseconds"),
    [(1, True, 84.3), (1, False, 42.1), (0.1, True, 12.1), (10, True, 804)],
)
def test_smu_point_at_50_hz_with_a_source_delay_of_1_ms(nplc, autozero, milliseconds):
    point = keithley2400.point_time(PointTiming(nplc=nplc, line_frequency=50, autozero=autozero, source_delay=1e-3))
    assert point * 1e3 == pytest.approx(milliseconds, rel=0.01)


def test_smu_data_sheet_sweep_speed():
    point = keithley2400.point_time(PointTiming(nplc=0.1, line_frequency=60, autozero=False, functions=1))
    assert 1 / point == pytest.approx(470, rel=0.12)


def test_smu_published_bench_log():
    # NPLC 1, repeat filter 10, source delay 50 ms that a static level skips: 0.83 s a point
    point = keithley2400.point_time(
        PointTiming(nplc=1, line_frequency=50, filter_count=10, source_delay=0.05, static=True)
    )
    assert point == pytest.approx(0.83, rel=0.01)


def test_smu_static_point_settles_in_the_trigger_delay():
    still = keithley2400.point_time(PointTiming(nplc=1, line_frequency=50, static=True))
    settled = keithley2400.point_time(PointTiming(nplc=1, line_frequency=50, static=True, trigger_delay=0.05))
    assert settled - still == pytest.approx(0.05)


def test_smu_current_source_has_more_overhead():
    times = [
        keithley2400.conversion_time(PointTiming(nplc=1, line_frequency=50, autozero=False, functions=1, source=source))
        for source in ("voltage", "current")
    ]
    assert times[1] - times[0] == pytest.approx(0.34e-3)


@pytest.mark.parametrize(
    ("source", "range_", "delay"),
    [("voltage", 1e-6, 3.1e-3), ("voltage", 1e-5, 2.1e-3), ("voltage", 1e-2, 1.1e-3), ("current", 1.0, 2.1e-3)],
)
def test_smu_auto_source_delay(source, range_, delay):
    assert keithley2400.auto_source_delay(source, range_) == pytest.approx(delay)


@pytest.mark.parametrize(
    ("nplc", "autozero", "seconds"),
    [(1, True, 0.040), (1, False, 0.024), (0.1, False, 0.0023), (10, False, 0.24), (10, True, 0.4), (0.1, True, 7e-3)],
)
def test_dmm_conversion_at_50_hz(nplc, autozero, seconds):
    assert keithley2000.conversion_time(PointTiming(nplc=nplc, line_frequency=50, autozero=autozero)) == pytest.approx(
        seconds, rel=0.02
    )


def test_dmm_reading_adds_delay_and_filter():
    reading = keithley2000.reading_time(PointTiming(nplc=1, line_frequency=50, trigger_delay=0.05, filter_count=3))
    assert reading == pytest.approx(0.2e-3 + 0.05 + 3 * 0.04)


def test_dmm_auto_trigger_delay():
    assert keithley2000.auto_trigger_delay("voltage", 10) == 1e-3
    assert keithley2000.auto_trigger_delay("voltage", 100) == 5e-3
    assert keithley2000.auto_trigger_delay("current", 0.01) == 2e-3


@pytest.mark.parametrize(
    ("luminance", "integration_time", "nd"),
    [(63.42, 0.081, False), (68.48, 0.075, False), (133.99, 0.859, True), (191.85, 0.596, True)],
)
def test_exposure_of_published_captures(luminance, integration_time, nd):
    exposure = spectroradiometer_exposure(luminance)
    assert exposure.integration_time == pytest.approx(integration_time, rel=0.02)
    assert exposure.internal_nd is nd


@pytest.mark.parametrize(("luminance", "announced"), [(10, 3), (1, 12), (0.1, 105), (0.04, 242), (0, 242)])
def test_exposure_announced(luminance, announced):
    assert spectroradiometer_exposure(luminance).announced == announced


def test_exposure_of_a_small_angle_takes_the_area_ratio_longer():
    wide = spectroradiometer_exposure(60, internal_nd="off")
    narrow = spectroradiometer_exposure(60, internal_nd="off", measuring_angle=0.2)
    assert narrow.integration_time == pytest.approx(25 * wide.integration_time)


def test_exposure_set_by_hand_and_multi():
    manual = spectroradiometer_exposure(1000, speed_mode="manual", integration_time=4, internal_nd="off")
    assert (manual.integration_time, manual.announced, manual.total) == (4, 10, 15)
    multi = spectroradiometer_exposure(1000, speed_mode="multi_fast", integration_time=16)
    assert multi.announced == 34


@pytest.mark.parametrize(
    ("value", "expected"), [(6.0, 20.0), (-6.0, 20.0), (20.9, 20.0), (21.0, 20.0), (21.1, 200.0), (0.0, 0.2)]
)
def test_smallest_range(value, expected):
    assert SMU.voltage.smallest_range(value) == expected


@pytest.mark.parametrize("value", [1.06, float("nan"), float("inf")])
def test_smallest_range_refuses(value):
    with pytest.raises(ValueError, match="no range"):
        SMU.current.smallest_range(value)


def test_source_steps():
    assert SMU.voltage.steps[20.0] == 5e-4
    assert SMU.current.steps[1e-3] == 5e-8


@pytest.mark.parametrize(
    ("value", "range_", "limit"),
    [(6.0, 20.0, 2.4e-3), (1.0, 2.0, 4.2e-4), (-100.0, 200.0, 25e-3)],
)
def test_smu_voltage_limit_of_error(value, range_, limit):
    assert SMU.voltage.limit_of_error(value, range_) == pytest.approx(limit)


@pytest.mark.parametrize(
    ("value", "range_", "limit"),
    [(1e-3, 1e-3, 0.33e-6), (10e-9, 1e-6, 0.303e-9), (1.5916e-3, 1e-2, 1.5916e-3 * 3.5e-4 + 600e-9)],
)
def test_smu_current_limit_of_error(value, range_, limit):
    assert SMU.current.limit_of_error(value, range_) == pytest.approx(limit, rel=0.01)


def test_smu_faster_readings_are_less_accurate():
    at = [SMU.voltage.limit_of_error(0, 20.0, nplc) for nplc in (1, 0.1, 0.05, 0.01)]
    assert at == pytest.approx([1.5e-3, 1.5e-3 + 1e-3, 1.5e-3 + 1e-2, 1.5e-3 + 1e-2])
    assert SMU.current.limit_of_error(0, 1.0, 0.1) == pytest.approx(5.7e-4 + 5e-4)


@pytest.mark.parametrize(
    ("value", "range_", "limit"), [(5, 10.0, 200e-6), (0.5, 1.0, 24e-6), (0.01, 0.1, 5.5e-6), (0.001, 0.1, 5.05e-6)]
)
def test_dmm_voltage_limit_of_error(value, range_, limit):
    assert DMM.voltage.limit_of_error(value, range_) == pytest.approx(limit)


def test_dmm_limit_of_error_with_filter_and_without_autozero():
    assert DMM.voltage.limit_of_error(0.0, 1.0, filter_count=10) == pytest.approx(7e-6)
    assert DMM.voltage.limit_of_error(0.0, 1.0, nplc=10, autozero=False) == pytest.approx(14e-6)
    assert DMM.current.limit_of_error(1e-3, 0.01) == pytest.approx(0.5e-6 + 0.9e-6)


@pytest.mark.parametrize(
    ("value", "range_", "limit"),
    # one year: ppm of reading, ppm of range, and what 1 PLC without filter adds
    [
        (0.0, 0.01, (80 + 10) * 1e-6 * 0.01),
        (5e-3, 0.01, 500e-6 * 5e-3 + 90e-6 * 0.01),
        (-0.05, 0.1, 500e-6 * 0.05 + 840e-6 * 0.1),
        (0.5, 1.0, 800e-6 * 0.5 + 90e-6),
        (2.0, 3.0, 1200e-6 * 2.0 + 40e-6 * 3.0),
    ],
)
def test_dmm_current_limit_of_error(value, range_, limit):
    assert DMM.current.limit_of_error(value, range_) == pytest.approx(limit)


def test_dmm_current_without_autozero_shifts_by_microvolts_across_its_shunt():
    added = [
        DMM.current.limit_of_error(0.0, range_, autozero=False) - DMM.current.limit_of_error(0.0, range_)
        for range_ in (0.01, 0.1)
    ]
    assert added == pytest.approx([2e-6 * 0.01 + 5e-6 / 10, 2e-6 * 0.1 + 5e-6 / 0.1])


def test_dmm_resolution():
    assert DMM.voltage.steps[0.1] == pytest.approx(100e-9)
    assert DMM.voltage.steps[10.0] == pytest.approx(10e-6)
    assert DMM.current.steps[0.01] == pytest.approx(10e-9)
    assert DMM.span("A") is DMM.current
    assert DMM.span("V") is DMM.voltage
