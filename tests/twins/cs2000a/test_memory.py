"""The CS-2000A twin: memories and settings."""

import pytest

from drivers.simulated.cs2000a.twin import CS2000AOptions
from tests.twins.cs2000a.conftest import WHITE, Bench, Glow, hexadecimal


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
