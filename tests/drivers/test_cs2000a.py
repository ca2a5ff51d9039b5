import math

import numpy as np
import pytest

from drivers import errors
from drivers.cs2000a import errors as refusals
from drivers.cs2000a.driver import CS2000A, ExposureSetting, SpectroradiometerSettings
from drivers.cs2000a.messages import (
    REFUSALS,
    Colorimetry,
    SpectrumReading,
    luminance_and_chromaticity,
    parse_colorimetry,
    parse_conditions,
    parse_spectrum_block,
)
from tests.support.cs2000a import (
    COLORIMETRY,
    CONDITIONS,
    IDENTITY,
    MEASUREMENT,
    REMOTE,
    SPECTRUM,
    blocks,
    in_hex,
    spectrum_of,
)

SETTINGS = SpectroradiometerSettings()
IN_ORDER = [
    REMOTE,
    ("MSWE,0", "OK00"),
    ("SPMR", "OK00,0,2"),
    ("SCMR", "OK00,0"),
    ("NDFR", "OK00,0"),
    ("LNSR", "OK00,0"),
    ("OBSR", "OK00,0"),
    ("UCCR", "OK00,00"),
    ("STSR", "OK00,1"),
]


def test_connecting_sends_nothing(transcript):
    with transcript(CS2000A, []):
        pass


@pytest.mark.parametrize(
    ("reply", "model"),
    [("OK00,CS-2000A ,2,1234567", "CS-2000A"), ("OK00,CS-2000A,2,1234567", "CS-2000A"),
     ("OK00,CS-2000  ,1,1234567", "CS-2000")],
)  # fmt: skip
def test_identity(transcript, reply, model):
    with transcript(CS2000A, [REMOTE, ("IDDR", reply)]) as meter:
        identity = meter.identify()
    assert (identity.model, identity.serial) == (model, "1234567")


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        ("OK00,CS-3000  ,1,1", errors.WrongInstrument),
        ("OK00", errors.UnexpectedReply),
        ("hello", errors.UnexpectedReply),
    ],
)
def test_another_instrument(transcript, reply, error):
    with transcript(CS2000A, [REMOTE, ("IDDR", reply)]) as meter, pytest.raises(error):
        meter.identify()


@pytest.mark.parametrize("refusal", ["ER17", "ER00"])
def test_old_firmware_knows_remote_mode_1_only(transcript, refusal):
    with transcript(CS2000A, [("RMTS,2", refusal), ("RMTS,1", "OK00"), IDENTITY]) as meter:
        assert meter.identify().model == "CS-2000A"


def test_no_remote_mode_at_all(transcript):
    with transcript(CS2000A, [("RMTS,2", "ER00"), ("RMTS,1", "ER00")]) as meter, pytest.raises(refusals.RemoteLost):
        meter.remote()


def test_lost_remote_mode_is_entered_again_once(transcript):
    with transcript(CS2000A, [("STSR", "ER00"), REMOTE, ("STSR", "OK00,0")]) as meter:
        assert meter.measuring_angle == 1.0


def test_an_unknown_command_is_given_up(transcript):
    pairs = [("STSR", "ER00"), REMOTE, ("STSR", "ER00")]
    with transcript(CS2000A, pairs) as meter, pytest.raises(refusals.RemoteLost) as caught:
        _ = meter.measuring_angle
    assert caught.value.errors == ["ER00"]


@pytest.mark.parametrize("code", sorted(REFUSALS.keys() - {"ER00"}))
def test_every_error_code(transcript, code):
    exception, meaning, _ = REFUSALS[code]
    with transcript(CS2000A, [("MEDR,0,0,1", code)]) as meter, pytest.raises(exception, match=meaning) as caught:
        meter.conditions()
    assert caught.value.errors == [code]


def test_error_codes_of_the_specification_are_all_known():
    known = {"ER00", "ER02", "ER05", "ER10", "ER17", "ER20", "ER30", "ER32", "ER34"}
    assert known | {"ER51", "ER52", "ER71", "ER81", "ER82", "ER83", "ER84", "ER99"} == set(REFUSALS)


@pytest.mark.parametrize(("code", "angle"), [("0", 1.0), ("1", 0.2), ("2", 0.1)])
def test_measuring_angle(transcript, code, angle):
    with transcript(CS2000A, [("STSR", f"OK00,{code}")]) as meter:
        assert meter.measuring_angle == angle


@pytest.mark.parametrize("reply", ["OK00", "OK00,3", "OK00,1,1", "OK00,x"])
def test_a_garbled_measuring_angle(transcript, reply):
    with transcript(CS2000A, [("STSR", reply)]) as meter, pytest.raises(errors.UnexpectedReply):
        _ = meter.measuring_angle


def test_configure_writes_nothing_that_is_as_wanted(transcript):
    with transcript(CS2000A, IN_ORDER) as meter:
        meter.configure(SETTINGS)
        assert meter.settings()["speed_mode"] == "normal"
        assert meter.settings()["measuring_angle"] == 0.2


@pytest.mark.parametrize(
    ("change", "query", "before", "message", "after"),
    [
        ({"speed_mode": "fast"}, "SPMR", "0,2", "SPMS,1,2", "1,2"),
        ({"internal_nd": "off"}, "SPMR", "0,2", "SPMS,0,0", "0,0"),
        ({"speed_mode": "multi_fast", "integration_time": 2}, "SPMR", "0,2", "SPMS,4,2,2", "4,02,2"),
        ({"speed_mode": "multi_normal", "integration_time": 16}, "SPMR", "0,2", "SPMS,2,16,2", "2,16,2"),
        (
            {"speed_mode": "manual", "integration_time": 0.033333, "internal_nd": "on"},
            "SPMR",
            "0,2",
            "SPMS,3,33333,1",
            "3,000033333,1",
        ),
        ({"synchronisation": "internal", "sync_frequency": 59.94}, "SCMR", "0", "SCMS,1,5994", "1,05994"),
        ({"synchronisation": "external"}, "SCMR", "1,06000", "SCMS,2", "2"),
        ({"external_nd": "1/100"}, "NDFR", "0", "NDFS,2", "2"),
        ({"close_up_lens": True}, "LNSR", "0", "LNSS,1", "1"),
        ({"observer": "10deg"}, "OBSR", "0", "OBSS,1", "1"),
        ({"calibration_channel": 3}, "UCCR", "00", "UCCS,3", "03"),
    ],
)
def test_configure_writes_what_differs_and_reads_it_back(transcript, change, query, before, message, after):
    changed = [(query, f"OK00,{before}"), (message, "OK00"), (query, f"OK00,{after}")]
    pairs = [pair for original in IN_ORDER for pair in (changed if original[0] == query else [original])]
    with transcript(CS2000A, pairs) as meter:
        meter.configure(SpectroradiometerSettings(**change))


def test_a_setting_that_reads_back_differently(transcript):
    pairs = [*IN_ORDER[:4], ("NDFR", "OK00,0"), ("NDFS,1", "OK00"), ("NDFR", "OK00,0"), *IN_ORDER[5:8]]
    with transcript(CS2000A, pairs) as meter, pytest.raises(errors.SettingNotTaken, match="NDFS,1"):
        meter.configure(SpectroradiometerSettings(external_nd="1/10"))


def test_a_setting_without_calibration(transcript):
    pairs = [*IN_ORDER[:4], ("NDFR", "OK00,0"), ("NDFS,1", "ER05")]
    with transcript(CS2000A, pairs) as meter, pytest.raises(refusals.CalibrationMissing):
        meter.configure(SpectroradiometerSettings(external_nd="1/10"))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"speed_mode": "manual", "integration_time": 121, "internal_nd": "off"}, "integration time"),
        ({"speed_mode": "manual", "integration_time": 1}, "automatic ND"),
        ({"speed_mode": "multi_fast", "integration_time": 17}, "integration time"),
        ({"speed_mode": "multi_fast", "integration_time": 1.5}, "integration time"),
        ({"synchronisation": "internal", "sync_frequency": 10}, "frequency"),
        ({"calibration_channel": 11}, "channel"),
    ],
)
def test_settings_the_meter_does_not_have_are_not_sent(transcript, change, reason):
    with transcript(CS2000A, []) as meter, pytest.raises(errors.RefusedByDriver, match=reason):
        meter.configure(SpectroradiometerSettings(**change))


SET_FAST = [("SPMS,1,2", "OK00"), ("SPMR", "OK00,1,2")]


def test_a_spectrum_that_is_to_be_exposed_otherwise_is_set_and_read_back_first(transcript):
    taken = [*MEASUREMENT, ("MEDR,0,0,1", CONDITIONS.replace("OK00,0,", "OK00,1,")), *blocks()]
    again = [*taken, ("MEDR,2,0,00", COLORIMETRY)]
    with transcript(CS2000A, [*IN_ORDER, *SET_FAST, *again, *again]) as meter:
        meter.configure(SETTINGS)
        for _ in range(2):  # what is set already is not set again
            meter.trigger(ExposureSetting("fast"))
            while not meter.poll(0.2):
                pass
        assert meter.read_spectrum().conditions.speed_mode == "fast"
        assert meter.settings()["speed_mode"] == "fast"


def test_an_exposure_that_reads_back_differently_is_not_taken(transcript):
    with transcript(CS2000A, [*IN_ORDER, ("SPMS,1,2", "OK00"), ("SPMR", "OK00,0,2")]) as meter:
        meter.configure(SETTINGS)
        meter.trigger(ExposureSetting("fast"))
        meter.poll(0.2)
        with pytest.raises(errors.SettingNotTaken):
            meter.poll(0.2)


def test_an_exposure_the_meter_does_not_have_is_not_sent(transcript):
    with transcript(CS2000A, IN_ORDER) as meter:
        meter.configure(SETTINGS)
        with pytest.raises(errors.RefusedByDriver):
            meter.trigger(ExposureSetting("manual", "auto", 1.0))


def test_a_measurement(transcript):
    with transcript(
        CS2000A, [*MEASUREMENT, ("MEDR,0,0,1", CONDITIONS), *blocks(), ("MEDR,2,0,00", COLORIMETRY)]
    ) as meter:
        assert meter.start() == 14.0
        meter.wait()
        reading = meter.read_spectrum()
        assert meter.poll()
    assert reading.spectral_radiance.shape == (401,)
    np.testing.assert_allclose(reading.spectral_radiance, SPECTRUM, rtol=1e-7, atol=1e-40)
    assert reading.conditions.integration_time == pytest.approx(0.859)
    assert reading.conditions.internal_nd
    assert reading.conditions.measuring_angle == 1.0
    assert reading.colorimetry.luminance == 133.99
    # The colorimetry is that of another spectrum, and that shows
    assert reading.mismatch == ("luminance", "x", "y")


READ_OUT = [("MEDR,0,0,1", CONDITIONS), *blocks(), ("MEDR,2,0,00", COLORIMETRY)]


def test_polling_a_spectrum_whose_lines_come_in_pieces(transcript):
    pieces = ["<nothing>", "OK0", "<nothing>", "0,002\nO", "<nothing>", "K00\n"]
    with transcript(CS2000A, [("MEAS,1", None), *((None, piece) for piece in pieces), *READ_OUT]) as meter:
        meter.trigger()
        assert meter.expected_duration is None
        seen = []
        while not meter.poll():
            seen.append(meter.expected_duration)
        assert seen[:4] == [None, None, 2.0, 2.0]
        np.testing.assert_allclose(meter.read_spectrum().spectral_radiance, SPECTRUM, rtol=1e-7, atol=1e-40)


def test_polling_waits_in_slices(transcript):
    with transcript(CS2000A, [("MEAS,1", None), (None, "<nothing>"), (None, "<nothing>")]) as meter:
        waits = []
        meter.adapter.connection = Waiting(waits)
        meter.trigger()
        for timeout in (60, 0.1):
            assert not meter.poll(timeout)
        assert max(waits) <= 200
        assert waits[-1] == 100


class Waiting:
    """A connection that takes down how long reads may wait, ms."""

    read_termination = "\n"

    def __init__(self, waits):
        self._waits = waits
        self._timeout = 10_000

    def close(self):
        pass

    @property
    def timeout(self):
        return self._timeout

    @timeout.setter
    def timeout(self, milliseconds):
        self._timeout = milliseconds
        if milliseconds < 1000:
            self._waits.append(milliseconds)


def test_polling_restores_the_time_out(transcript):
    with transcript(CS2000A, [("MEAS,1", None), (None, "<nothing>")]) as meter:
        meter.trigger()
        assert not meter.poll(0.25)
        assert meter.adapter.connection.timeout == 10_000


def test_nothing_else_is_sent_during_a_measurement(transcript):
    with transcript(CS2000A, [("MEAS,1", "OK00,014\n")]) as meter:
        meter.start()
        for meddle in (meter.trigger, meter.colorimetry, meter.local, meter.identify):
            with pytest.raises(errors.RefusedByDriver, match="measurement is running"):
                meddle()
        with pytest.raises(refusals.MeasurementBusy):
            meter.read_spectrum()


def test_nothing_was_started(transcript):
    with transcript(CS2000A, []) as meter, pytest.raises(refusals.NoSpectrum):
        meter.poll()


@pytest.mark.parametrize("code", ["ER10", "ER17", "ER51", "ER71", "ER83"])
def test_a_measurement_refused_in_the_first_line(transcript, code):
    with transcript(CS2000A, [("MEAS,1", f"{code}\n")]) as meter:
        with pytest.raises(REFUSALS[code][0]):
            meter.start()
        with pytest.raises(refusals.NoSpectrum):
            meter.poll()


@pytest.mark.parametrize("code", ["ER10", "ER20", "ER52", "ER83"])
def test_a_measurement_that_fails_in_the_second_line(transcript, code):
    with transcript(CS2000A, [("MEAS,1", "OK00,014\n"), (None, f"{code}\n")]) as meter:
        meter.start()
        with pytest.raises(REFUSALS[code][0]):
            meter.wait()


def test_a_measurement_cancelled_at_the_meter_is_told_as_such(transcript):
    with transcript(CS2000A, [*MEASUREMENT[:1], (None, "ER20\n")]) as meter:
        meter.start()
        with pytest.raises(refusals.NoSpectrum, match="ESC"):
            meter.wait()


# What follows when it is not known what the meter is doing
CANCELLED = [("MEAS,0", "OK00\n"), (None, "<nothing>"), IDENTITY]
SILENT = [("MEAS,0", None), (None, "<nothing>"), ("IDDR", None), (None, "<nothing>")]


@pytest.mark.parametrize("line", ["OK00\n", "OK00,abc\n", "noise\n", "\n"])
def test_after_a_garbled_first_line_the_meter_is_cancelled_and_in_step(transcript, line):
    with transcript(CS2000A, [("MEAS,1", line), *CANCELLED, ("STSR", "OK00,2")]) as meter:
        with pytest.raises(errors.UnexpectedReply, match="MEAS,1"):
            meter.start()
        assert meter.measuring_angle == 0.1


@pytest.mark.parametrize("line", ["!&#\n", "\n", "OK00,014\n"])
def test_after_a_garbled_second_line_the_meter_is_cancelled_and_in_step(transcript, line):
    pairs = [("MEAS,1", "OK00,014\n"), (None, line), *CANCELLED, ("STSR", "OK00,2")]
    with transcript(CS2000A, pairs) as meter:
        with pytest.raises(errors.UnexpectedReply, match="MEAS,1"):
            spectrum_of(meter)
        assert not meter.silent
        assert meter.measuring_angle == 0.1


@pytest.mark.parametrize("reply", ["OK00,1,2,3", "noise", "", "OK00,0,0,000859000,1,0,0,0,00"])
@pytest.mark.parametrize("place", range(6))
def test_after_a_garbled_read_out_late_lines_are_thrown_away(transcript, place, reply):
    asked = READ_OUT[place][0]
    garbled = reply if (asked, reply) != ("MEDR,0,0,1", CONDITIONS) else "OK01"
    pairs = [*MEASUREMENT, *READ_OUT[:place], (asked, garbled + "\n"), ("IDDR", "OK00,7\n"), (None, IDENTITY[1] + "\n")]
    with transcript(CS2000A, [*pairs, ("STSR", "OK00,2")]) as meter:
        with pytest.raises(errors.UnexpectedReply, match=asked):
            spectrum_of(meter)
        assert not meter.silent
        assert meter.measuring_angle == 0.1


def test_the_block_of_before_is_no_block(transcript):
    twice = [("MEDR,1,1,2", READ_OUT[1][1])]
    pairs = [*MEASUREMENT, *READ_OUT[:2], *twice, *READ_OUT[3:5], IDENTITY]
    with transcript(CS2000A, pairs) as meter, pytest.raises(errors.UnexpectedReply, match="twice"):
        spectrum_of(meter)


@pytest.mark.parametrize("code", ["ER02", "ER20"])
@pytest.mark.parametrize("place", range(6))
def test_a_meter_without_data_yet_is_asked_again(transcript, place, code):
    refused = [(READ_OUT[place][0], code), (None, "<nothing>")]
    with transcript(CS2000A, [*MEASUREMENT, *READ_OUT[:place], *refused, *refused, *READ_OUT[place:]]) as meter:
        assert spectrum_of(meter).colorimetry.luminance == 133.99


REFUSED = [("MEDR,0,0,1", "ER20"), (None, "<nothing>")] * 3 + [("MEDR,0,0,1", "ER20")]


def test_a_meter_that_keeps_having_no_data_measures_once_more(transcript):
    with transcript(CS2000A, [*MEASUREMENT, *REFUSED, *CANCELLED, *MEASUREMENT, *READ_OUT]) as meter:
        assert spectrum_of(meter).colorimetry.luminance == 133.99


def test_a_meter_without_data_after_the_second_measurement_is_given_up(transcript):
    with transcript(CS2000A, [*MEASUREMENT, *REFUSED, *CANCELLED, *MEASUREMENT, *REFUSED]) as meter:
        with pytest.raises(refusals.NoSpectrum):
            spectrum_of(meter)
        assert not meter.silent


@pytest.mark.parametrize("place", range(6))
def test_a_meter_that_falls_silent_in_a_read_out_is_asked_who_it_is_and_given_up(transcript, place):
    unanswered = [(READ_OUT[place][0], None), (None, "<nothing>"), ("IDDR", None), (None, "<nothing>")]
    with transcript(CS2000A, [*MEASUREMENT, *READ_OUT[:place], *unanswered]) as meter:
        with pytest.raises(errors.InstrumentTimeout, match=READ_OUT[place][0]):
            spectrum_of(meter)
        assert meter.silent


def test_a_silent_meter_is_asked_who_it_is_before_it_measures_again(transcript):
    silent = [("MEAS,1", None), (None, "<nothing>"), *SILENT]
    pairs = [*silent, ("IDDR", None), (None, "<nothing>"), IDENTITY, *MEASUREMENT, *READ_OUT]
    with transcript(CS2000A, pairs) as meter:
        for match in ("MEAS,1", "IDDR"):
            with pytest.raises(errors.InstrumentTimeout, match=match):
                spectrum_of(meter)
            assert meter.silent
        assert spectrum_of(meter).colorimetry.luminance == 133.99
        assert not meter.silent


def test_a_meter_that_was_switched_off_and_on_gives_no_spectrum_under_other_settings(transcript):
    pairs = [*IN_ORDER, *MEASUREMENT, ("MEDR,0,0,1", CONDITIONS.replace(",00,", ",02,").replace("1,0,0", "1,0,1"))]
    with transcript(CS2000A, pairs) as meter:
        meter.configure(SETTINGS)
        with pytest.raises(errors.SettingNotTaken, match="external_nd"):
            spectrum_of(meter)


def test_a_silent_meter_is_left_quickly(transcript):
    pairs = [("MEAS,1", None), (None, "<nothing>"), *SILENT, ("RMTS,0", None), (None, "<nothing>")]
    with transcript(CS2000A, pairs) as meter:
        with pytest.raises(errors.InstrumentTimeout, match="MEAS,1"):
            meter.start()
        with pytest.raises(errors.InstrumentTimeout, match="RMTS,0 within 1 s"):
            meter.shutdown()


def test_a_measurement_after_somebody_pressed_escape(transcript):
    with transcript(CS2000A, [("MEAS,1", "ER00\n"), REMOTE, *MEASUREMENT]) as meter:
        assert meter.start() == 14
        meter.wait()


def test_a_measurement_refused_twice(transcript):
    pairs = [("MEAS,1", "ER00\n"), REMOTE, ("MEAS,1", "ER00\n")]
    with transcript(CS2000A, pairs) as meter, pytest.raises(refusals.RemoteLost):
        meter.start()


def test_an_overdue_first_line(transcript):
    overdue = pytest.raises(errors.InstrumentTimeout, match="12 s")
    with transcript(CS2000A, [("MEAS,1", None), (None, "<nothing>"), *CANCELLED]) as meter, overdue:
        meter.start()


def test_an_overdue_second_line(transcript):
    pairs = [("MEAS,1", "OK00,014\n"), (None, "OK"), (None, "<nothing>"), *SILENT]
    with transcript(CS2000A, pairs) as meter:
        meter.start()
        with pytest.raises(errors.InstrumentTimeout, match="19 s"):
            meter.wait()


def test_a_command_without_answer_resynchronises(transcript):
    with transcript(CS2000A, [("STSR", None), (None, "<nothing>"), IDENTITY, ("STSR", "OK00,2")]) as meter:
        with pytest.raises(errors.InstrumentTimeout):
            _ = meter.measuring_angle
        assert meter.measuring_angle == 0.1


@pytest.mark.parametrize("lines", ["OK00\n", "OK00\nER17\n", "ER17\n", "ER10\nER17\n"])
def test_cancel(transcript, lines):
    pairs = [("MEAS,1", "OK00,014\n"), ("MEAS,0", lines), (None, "<nothing>"), IDENTITY]
    with transcript(CS2000A, pairs) as meter:
        meter.start()
        meter.cancel()
        with pytest.raises(refusals.NoSpectrum):
            meter.poll()


def test_cancel_waits_for_the_first_line(transcript):
    pairs = [("MEAS,1", None), (None, "OK00,014\n"), ("MEAS,0", "OK00\n"), (None, "<nothing>"), IDENTITY]
    with transcript(CS2000A, pairs) as meter:
        meter.trigger()
        meter.cancel()


def test_cancel_of_a_measurement_that_was_refused(transcript):
    with transcript(CS2000A, [("MEAS,1", "ER10\n")]) as meter:
        meter.trigger()
        meter.cancel()


def test_a_late_line_is_not_the_identity_after_a_cancellation(transcript):
    pairs = [("MEAS,1", "OK00,014\n"), ("MEAS,0", "OK00\n"), (None, "<nothing>"), ("IDDR", "OK00")]
    with transcript(CS2000A, pairs) as meter:
        meter.start()
        with pytest.raises(errors.UnexpectedReply, match="IDDR"):
            meter.cancel()


def test_a_late_reply_is_skipped_after_a_time_out(transcript):
    pairs = [
        ("STSR", None),
        (None, "<nothing>"),
        ("IDDR", None),
        (None, "OK00,1\n"),
        (None, IDENTITY[1] + "\n"),
        ("STSR", "OK00,2"),
    ]
    with transcript(CS2000A, pairs) as meter:
        with pytest.raises(errors.InstrumentTimeout):
            _ = meter.measuring_angle
        assert meter.measuring_angle == 0.1


def test_cancel_answered_by_nonsense(transcript):
    with transcript(CS2000A, [("MEAS,1", "OK00,014\n"), ("MEAS,0", "OK00,0\n"), (None, "<nothing>")]) as meter:
        meter.start()
        with pytest.raises(errors.UnexpectedReply):
            meter.cancel()


def test_shutdown_cancels_and_goes_local(transcript):
    pairs = [("MEAS,1", "OK00,014\n"), ("MEAS,0", "OK00\n"), (None, "<nothing>"), IDENTITY, ("RMTS,0", "OK00")]
    with transcript(CS2000A, pairs) as meter:
        meter.start()
        meter.shutdown()


def test_no_data(transcript):
    with transcript(CS2000A, [("MEDR,0,0,1", "ER20")]) as meter, pytest.raises(refusals.NoSpectrum):
        meter.read_spectrum()


@pytest.mark.parametrize(
    "reply",
    ["OK00", "OK00,0,0,000859000,1,0,0,0", "OK00,7,0,1,1,0,0,0,00", "OK00,0,0,1,1,0,0,3,00", "OK00,a,0,1,1,0,0,0,0"],
)
def test_garbled_conditions(transcript, reply):
    with transcript(CS2000A, [("MEDR,0,0,1", reply)]) as meter, pytest.raises(errors.UnexpectedReply):
        meter.conditions()


@pytest.mark.parametrize(
    "reply", ["OK00,38D4A157", "OK00," + in_hex(range(101)), "OK00," + "38D4A15," * 99 + "38D4A157"]
)
def test_a_garbled_block(transcript, reply):
    pairs = [("MEDR,0,0,1", CONDITIONS), ("MEDR,1,1,1", reply)]
    with transcript(CS2000A, pairs) as meter, pytest.raises(errors.UnexpectedReply):
        meter.read_spectrum()


def test_garbled_colorimetry(transcript):
    with transcript(CS2000A, [("MEDR,2,0,00", "OK00,1,2,3")]) as meter, pytest.raises(errors.UnexpectedReply):
        meter.colorimetry()


def test_hexadecimal_values_are_big_endian_singles():
    assert parse_spectrum_block(["38D4A157"], 1)[0] == pytest.approx(1.0139e-4, rel=1e-4)


def test_captured_colorimetry():
    colorimetry = parse_colorimetry(COLORIMETRY.split(",")[1:])
    assert colorimetry.radiance == 0.60544
    assert colorimetry.Y == 133.99
    assert (colorimetry.x, colorimetry.y) == (0.3379, 0.3587)
    assert colorimetry.correlated_colour_temperature == 5303
    assert colorimetry.duv_10 == 0.0063
    assert colorimetry.excitation_purity_10 == 9.91


def test_calculation_errors_are_no_values():
    failed = "-9.9999e9,-9.9e9,-9.9999e9,-9.9999e9,-9.9999e9,-9.999,-9.999,-9.999,-9.999,-9999,-9.9999,-9.9e9,-9.9e9"
    fields = failed.split(",")
    colorimetry = parse_colorimetry([*fields, *fields[2:]])
    assert all(math.isnan(value) for value in vars(colorimetry).values())


def test_old_firmware_prints_zero_for_no_value():
    fields = ["0.0000e-9", "0.0000", *["0.0000e-9"] * 3, *["0.0000"] * 4, "    0", "+0.0000", "0.0000", "0.0000"]
    colorimetry = parse_colorimetry([*fields, *fields[2:]])
    assert colorimetry.luminance == 0
    assert math.isnan(colorimetry.correlated_colour_temperature)
    assert math.isnan(colorimetry.dominant_wavelength_10)


@pytest.mark.parametrize(("text", "value"), [("12345.", 12345.0), (" 12345", 12345.0), ("1.23e+6", 1.23e6)])
def test_bright_luminance(text, value):
    fields = COLORIMETRY.split(",")[1:]
    assert parse_colorimetry([fields[0], text, *fields[2:]]).luminance == value


def consistent(spectrum, luminance, x, y):
    values = dict.fromkeys(Colorimetry.__dataclass_fields__, math.nan) | {"luminance": luminance, "x": x, "y": y}
    return SpectrumReading(spectrum, Colorimetry(**values), parse_conditions(CONDITIONS.split(",")[1:])).mismatch


def test_values_that_follow_from_the_spectrum():
    luminance, x, y = luminance_and_chromaticity(SPECTRUM)
    assert consistent(SPECTRUM, float(f"{luminance:.5g}"), round(x, 4), round(y, 4)) == ()
    assert consistent(SPECTRUM, luminance * 1.01, round(x, 4), round(y, 4)) == ("luminance",)
    assert consistent(SPECTRUM, luminance, x + 0.001, y) == ("x",)


@pytest.mark.parametrize(
    ("conditions", "level", "dark"),
    [
        ("0,0,000859000,1,0,0,0,00", 0.0006, False),
        ("0,0,000859000,1,0,0,0,00", 0.0004, True),
        ("0,0,119999000,0,0,0,1,00", 0.013, False),
        ("0,0,119999000,0,0,0,1,00", 0.012, True),
        ("0,0,119999000,0,0,0,2,00", 0.049, True),
        ("0,0,120000000,0,0,0,0,00", 1.0, True),
        ("1,0,016000000,0,0,0,0,00", 1.0, True),
        ("2,0,016000000,0,0,0,0,00", 1.0, False),
        ("3,0,120000000,0,0,0,0,00", 0.0, True),
    ],
)
def test_too_little_light_is_told(conditions, level, dark):
    spectrum = SPECTRUM * (level / luminance_and_chromaticity(SPECTRUM)[0])
    values = Colorimetry(**dict.fromkeys(Colorimetry.__dataclass_fields__, math.nan))
    assert SpectrumReading(spectrum, values, parse_conditions(conditions.split(","))).below_range == dark


def test_darkness_is_consistent():
    assert consistent(np.zeros(401), 0.0, math.nan, math.nan) == ()


def test_equal_energy_spectrum_is_white():
    luminance, x, y = luminance_and_chromaticity(np.full(401, 1e-3))
    assert luminance == pytest.approx(683 * 0.1068569, rel=1e-4)
    assert (x, y) == pytest.approx((1 / 3, 1 / 3), abs=1e-4)
