"""The CS-2000A twin: busy, cancelled and failing."""

import pytest

from drivers.simulated.cs2000a.twin import CS2000AOptions
from tests.twins.cs2000a.conftest import WHITE, Bench, Glow


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
