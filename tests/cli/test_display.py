"""What stands on the screen: numbers, points on a narrow terminal, names that look like markup."""

from __future__ import annotations

from io import StringIO
from math import nan

import pytest
from rich.console import Console

from acquire.cli import display
from acquire.evaluation.evidence import DarkLevel
from acquire.evaluation.figure import Figure
from acquire.records import Branch, PointFlag, Reading, Record
from acquire.run_file.in_words import dark_text

READING = Reading(0, Branch.FORWARD, 6.7, 12.0, 6.7, 7.5e-3, 0.5)
RECORD = Record(READING, PointFlag.EQE_PROVISIONAL, 536.7, 11272.4, 20.99, 9.844, 0.05639, spectrum_source="nearest")


@pytest.mark.parametrize(
    ("value", "digits", "text"),
    [(11272.4, 4, "11270"), (200.3, 2, "200"), (0.00384, 2, "0.0038"), (12.0, 4, "12.00"), (nan, 4, "-")],
)
def test_numbers_have_so_many_digits_and_rarely_a_power_of_ten(value: float, digits: int, text: str) -> None:
    assert display.number(value, digits) == text


def test_a_current_of_a_small_device_is_more_than_zeros() -> None:
    assert display.level_text(1e-4, "A") == " 0.1000 mA"
    assert display.level_text(0.2, "A") == "200.0000 mA"
    assert display.level_text(6.7, "V") == "  6.700 V"


def test_a_figure_stands_in_the_units_of_the_field() -> None:
    figures = {
        "external_quantum_efficiency_max": Figure(0.0633, "1", "ok", 6.5, 369.7, uncertainty=0.0012),
        "chromaticity_x": Figure(0.12024, "1", "ok"),
    }
    assert display.figures_line(figures, "S1") == "S1: EQE_max 6.33 %, CIE x 0.120"
    stream = StringIO()
    Console(file=stream, width=100).print(display.figures_table(figures, "S1"))
    assert "37.0 mA/cm^2" in stream.getvalue()
    assert "0.12" in stream.getvalue()


def test_a_figure_that_is_not_ok_says_so_on_its_line() -> None:
    figures = {
        "turn_on_voltage": Figure(5.83, "V", "von_upper_bound", 5.83),
        "luminance_max": Figure(nan, "cd/m^2", "not_reached"),
    }
    assert display.figures_line(figures, "A1") == "A1: V_on 5.83 V (von_upper_bound), L_max - (not_reached)"


def test_a_name_that_looks_like_markup_is_a_name() -> None:
    stream = StringIO()
    figure = Figure(4.0, "V", "ok", 4.0, luminance=1.0)
    Console(file=stream, width=80).print(display.figures_table({"turn_on_voltage": figure}, "S[/b] [red]x"))
    assert "S[/b] [red]x" in stream.getvalue()
    assert "4.00 V, -" not in stream.getvalue()


def shown(figures: dict[str, Figure], width: int = 80) -> list[str]:
    stream = StringIO()
    Console(file=stream, width=width).print(display.figures_table(figures, "S1"))
    return [line.strip() for line in stream.getvalue().splitlines()]


def at(level: int, value: float, status: str = "ok") -> dict[str, Figure]:
    units = {"voltage": "V", "current_density": "A/m^2", "current_efficiency": "cd/A"}
    return {f"{name}_at_{level}_cd_m2": Figure(value, unit, status, 5.0, 300.0, 1e3) for name, unit in units.items()}


def test_the_table_has_the_values_at_a_luminance_and_the_roll_off() -> None:
    figures = at(1000, 48.55) | {"roll_off_current_density_50": Figure(922.3, "A/m^2", "ok", uncertainty=9.2)}
    lines = [line.split() for line in shown(figures)]
    assert ["V", "at", "1000", "48.55", "V", "ok"] in lines
    assert ["J", "at", "1000", "4.86", "mA/cm^2", "ok"] in lines
    assert ["J50", "92.23", "0.92", "mA/cm^2", "ok"] in lines


def test_a_luminance_that_was_not_reached_is_one_line() -> None:
    lines = [line.split() for line in shown(at(100, 5.0) | at(10000, nan, "not_reached")) if "10000" in line]
    assert lines == [["at", "10000", "-", "V", "not_reached"]]


def test_why_a_figure_is_missing_stands_below_once() -> None:
    why = "Duv would be +0.177, beyond 0.05: no colour temperature so far from white"
    figures = {
        "correlated_colour_temperature": Figure(nan, "K", "none", reason=why),
        "duv": Figure(nan, "1", "none", reason=why),
        "mean_photon_energy": Figure(3.79312e-19, "J", "ok"),
    }
    text = " ".join(shown(figures, 120))
    assert f"CCT, Duv: {why}" in text
    assert text.count("0.177") == 1
    assert "2.367" in text, "J are read in eV"


def test_what_was_measured_once_has_no_line_for_its_spread() -> None:
    spread = {"luminance_repeatability": Figure(nan, "1", "none", reason="no level was read more than once")}
    assert "spread" not in " ".join(shown(spread))
    spread = {"luminance_repeatability": Figure(0.0123, "1", "ok", reason="27 levels, 27 repeats")}
    assert any(line.startswith("spread of L") and "1.23" in line for line in shown(spread))


def test_the_level_in_the_dark_is_read_in_millivolts() -> None:
    text = dark_text(DarkLevel(2.3, 1.012e-4, 2.2e-6, 10))
    assert text == "0.1012 mV, standard deviation 0.0022 mV, 10 readings at 2.3 s"
    assert dark_text(DarkLevel(2.3, 2.5e-11, 1e-12, 3), "A").startswith("0.02500 nA, standard deviation 0.0010 nA")


def test_a_small_current_keeps_three_digits() -> None:
    figures = {"current_density_at_100_cd_m2": Figure(7.2508, "A/m^2", "ok")}
    assert any("0.725" in line for line in shown(figures))
    assert not any("48.550" in line for line in shown(at(1000, 485.5)))


def test_a_long_status_is_whole_on_a_terminal_of_80_columns() -> None:
    figures = {
        "luminance_max": Figure(12031.3, "cd/m^2", "at_end_of_sweep", 6.9, 737.4, 12031.3, uncertainty=200.0),
        "current_efficiency_max": Figure(24.08, "cd/A", "below_dark_noise", 6.3, 240.4, 5788.0, uncertainty=0.48),
    }
    text = " ".join(shown(figures))
    for word in ("at_end_of_sweep", "below_dark_noise", "12031.3", "mA/cm^2"):
        assert word in text
