"""A run as lines: columns with names in the units of the field, flags in words, what is left; no terminal is needed."""

from __future__ import annotations

from dataclasses import replace
from io import StringIO

import pytest

from acquire.cli.display import SpectatorConsole
from acquire.cli.live import rows
from acquire.cli.live.account import Account
from acquire.cli.live.outlook import Outlook
from acquire.cli.live.picture import picture
from acquire.cli.live.screen import bar, layout
from acquire.cli.live.show import displayed, drawing_on
from acquire.records import Activity, Doing, Event, ExposureSample, Note, PointFlag
from acquire.sweep.remaining import Remaining
from tests.support.events import READING, RECORD, a_run_start


def in_a_pipe(*events: Event) -> list[str]:
    stream = StringIO()
    with displayed(SpectatorConsole(stream)) as spectator:
        for event in (a_run_start(points=17), *events):
            spectator(event)
    return stream.getvalue().splitlines()


def test_a_point_is_one_line_in_the_units_of_the_field_below_the_names_of_its_columns() -> None:
    """536.7 A/m^2 are 53.67 mA/cm^2; a fraction of 0.05639 is 5.639 %."""
    head, line = in_a_pipe(RECORD)[-2:]
    names = "point level[V] V[V] J[mA/cm^2] L[cd/m^2] CE[cd/A] PE[lm/W] EQE[%] spectrum remarks"
    assert head.split() == names.split()
    assert line.split() == ["1/17", "6.700", "6.700", "53.67", "11270", "21.0", "9.84", "5.64", "nearest"]


def test_a_source_of_current_has_levels_in_ma_and_the_voltage_it_took() -> None:
    record = RECORD._replace(reading=replace(READING, source_level=3e-4))
    lines = StringIO()
    with displayed(SpectatorConsole(lines)) as spectator:
        spectator(a_run_start(source_unit="A"))
        spectator(record)
    head, line = lines.getvalue().splitlines()[-2:]
    assert head.split()[:3] == ["point", "level[mA]", "V[V]"]
    assert line.split()[:3] == ["1/17", "0.3000", "6.700"]


def test_values_of_any_size_keep_their_columns() -> None:
    dim = RECORD._replace(current_density=-1.234e-7, luminance=-1.234e-5, current_efficiency=-0.00123)
    shown = rows.columns("V")
    for record in (RECORD, dim, dim._replace(reading=replace(READING, index=99_998))):
        assert len(rows.row(record, shown)) == rows.width_of(shown)


@pytest.mark.parametrize("unit", ["V", "A"])
@pytest.mark.parametrize("width", [60, 80, 100, 132])
def test_columns_fit_and_the_least_telling_go_first(unit: str, width: int) -> None:
    shown = rows.fitting(rows.columns(unit), width)
    assert rows.width_of(shown) + rows.LEAST_FOR_REMARKS <= width
    assert {"point", "level", "J" if unit == "V" else "V", "L", "EQE"} <= {column.name for column in shown}
    assert max(map(len, rows.heads(shown))) <= width


def test_flags_are_words_and_take_lines_of_their_own_where_there_is_no_room() -> None:
    flags = PointFlag.COMPLIANCE | PointFlag.PHOTODIODE_OVERFLOW | PointFlag.EQE_PROVISIONAL
    shown = rows.fitting(rows.columns("V"), 80)
    first, second = rows.lines(RECORD._replace(flags=flags), shown, 80)
    assert first.endswith(" compliance")
    assert second == f"{'photodiode overflow':>80}"
    assert max(map(len, (first, second))) <= 80
    assert in_a_pipe(RECORD._replace(flags=flags))[-3].endswith("  compliance, photodiode overflow")


def test_every_flag_that_a_point_may_have_has_words() -> None:
    silent = {PointFlag.NONE, PointFlag.EQE_PROVISIONAL, PointFlag.NO_SPECTRUM}
    assert set(PointFlag) - set(rows.FLAG_WORDS) <= silent


def test_the_first_point_with_a_flag_is_followed_by_what_it_means() -> None:
    flagged = RECORD._replace(flags=PointFlag.LATE)
    explained = [line for line in in_a_pipe(flagged, flagged) if line.startswith("# late: came late by more than")]
    assert len(explained) == 1


def test_a_note_keeps_its_brackets_and_is_one_line() -> None:
    assert in_a_pipe(Note(1.0, "port [/dev/ttyUSB0] [red]\nforged"))[-1] == (
        r"# note: port [/dev/ttyUSB0] [red]\nforged"
    )


def test_what_is_done_is_a_line_once_and_a_stop_is_one() -> None:
    asked = [""]
    stream = StringIO()
    draw = drawing_on(SpectatorConsole(stream), Outlook(), lambda: asked[0])
    draw(a_run_start())
    for lasting in (float("nan"), 40.0):
        draw(Activity(1.0, "spectroradiometer", "spectrum 1 of 2 at 4.600 V", lasting, Doing.SPECTRUM))
    draw(Activity(0.0, "smu", "output on", doing=Doing.OUTPUT_ON))
    asked[0] = "interrupted by Ctrl-C"
    for _ in range(3):
        draw.tick()
    assert stream.getvalue().splitlines()[-3:] == [
        "# spectrum 1 of 2 at 4.600 V",
        "# output on",
        "# interrupted by Ctrl-C: the reading under way ends, then the output goes to zero and off",
    ]


class Clock:
    time = 0.0

    def __call__(self) -> float:
        return self.time


def test_what_is_left_follows_the_measured_pace_not_the_plan() -> None:
    remaining = Remaining(11, 1.0)
    assert remaining.seconds() == 11.0
    for index in range(6):
        remaining.point(2.0 * index)
    assert remaining.seconds() == 10.0  # 5 points at 2 s


def test_spectra_that_take_longer_than_planned_are_expected_to_go_on_so() -> None:
    remaining = Remaining(10, 0.0, exposures=(40.0, 20.0, 10.0))
    assert remaining.seconds() == 70.0
    remaining.spectrum(80.0)
    assert remaining.seconds() == 60.0
    assert remaining.seconds(exposing=15.0) == 45.0
    for index in range(10):
        remaining.point(float(index))
    assert remaining.seconds() == 40.0, "only the last point can still have one"


def test_time_goes_on_between_two_events_on_a_real_bench_and_stands_still_on_a_simulated_one() -> None:
    for real_time, elapsed in ((True, 15.5), (False, 12.0)):
        clock = Clock()
        account = Account(Outlook(levels=(0.0, 1.0), points=2, real_time=real_time), clock)
        list(account.take(a_run_start(points=2)))
        list(account.take(RECORD))
        clock.time += 3.5
        assert account.elapsed() == elapsed


def test_a_spectrum_is_counted_in_seconds_while_it_lasts() -> None:
    clock = Clock()
    account = Account(Outlook(exposures=(50.0,), real_time=True), clock)
    list(account.take(Activity(100.0, "spectroradiometer", "spectrum 1 of 1 at 4.600 V", 40.0, Doing.SPECTRUM)))
    clock.time += 13.2
    assert account.instrument("spectroradiometer") == "spectrum 1 of 1 at 4.600 V, 13 of about 40 s"
    list(account.take(ExposureSample(0, 120.0, 4.6, 1e-3, 0.1, 25.0)))
    assert account.latest.luminance == 25.0
    assert account.remaining() == pytest.approx(30.0)


def test_the_bar_says_count_and_times_and_fits() -> None:
    account = Account(Outlook(real_time=False), Clock())
    list(account.take(a_run_start(points=17)))
    list(account.take(RECORD))
    for width in (60, 80, 100):
        text = bar(account, width)
        assert "1/17" in text
        assert "0:12 elapsed, about 0:02 remaining" in text
        assert len(text) <= width


def test_a_picture_of_letters_is_ascii_and_shows_both_curves() -> None:
    points = [(v / 10, 1e-3 * 10 ** (v / 10), 30.0) for v in range(80)]
    lines = [text.plain for text in picture(points, (0.0, 8.0), 46, 9, letters=True)]
    assert len(lines) == 9
    assert max(map(len, lines)) <= 46
    assert "".join(lines).isascii()
    assert {"J", "L"} <= set("".join(lines[1:]))
    assert "8 V" in lines[-1]


@pytest.mark.parametrize("points", [[], [(1.0, -1.0, -1.0)] * 5, [(1.0, float("nan"), float("nan"))] * 5])
def test_where_nothing_can_be_drawn_there_is_no_picture(points: list[tuple[float, float, float]]) -> None:
    assert picture(points, (0.0, 8.0), 46, 9, letters=False) == []


def test_small_terminals_go_without_a_picture() -> None:
    assert layout(80, 24, plot=True).picture_rows > 0
    assert layout(80, 12, plot=True).picture_rows == 0
    assert layout(80, 24, plot=False).picture_rows == 0


def test_an_output_that_goes_on_again_is_no_end_of_the_run() -> None:
    """As after a pretest, whose output goes off before that of the sweep goes on."""
    account = Account(Outlook(points=2), Clock())
    for doing, text in ((Doing.ENDING, "ramping to zero"), (Doing.OUTPUT_OFF, "output off, asked")):
        list(account.take(Activity(0.0, "smu", text, doing=doing)))
    assert account.ending
    list(account.take(Activity(0.0, "smu", "output on", doing=Doing.OUTPUT_ON)))
    assert not account.ending
    assert account.output_on
