"""Tables to paste: values, published ones beside them, and that no format takes a name for more than a name."""

from __future__ import annotations

import csv
import re
from io import StringIO
from math import hypot, nan, sqrt

import pytest

from acquire.config.loading import load_published
from acquire.evaluation.figure import Figure
from acquire.evaluation.findings import judged
from acquire.photometry.customary_units import PAPER
from acquire.records import Finding, Severity
from acquire.report.page import table_html
from acquire.report.tables import (
    Compared,
    RowKind,
    as_csv,
    as_latex,
    as_markdown,
    paper_table,
    table_at_luminance,
)
from tests.conftest import CONFIGS

PUBLISHED = load_published(CONFIGS / "published" / "d2nr03793a_table2.yaml")
FIGURES = {
    "turn_on_voltage": Figure(4.0038, "V", "ok", uncertainty=0.0041),
    "luminance_max": Figure(12031.35, "cd/m^2", "at_end_of_sweep", uncertainty=197.25, reason="the last point"),
    "current_efficiency_max": Figure(24.08, "cd/A", "ok", uncertainty=0.28),
    "power_efficiency_max": Figure(nan, "lm/W", "not_reached"),
    "external_quantum_efficiency_max": Figure(0.06465, "1", "ok", uncertainty=0.00073),
    "peak_wavelength": Figure(520.3, "nm", "ok"),
}
HOSTILE = '=1+1 & 50 % _a_ |x| <b onload="y">$\\input{z}`q`\x1b[2J'


def table(name: str = "SPPO13/Liq"):  # type: ignore[no-untyped-def]
    return paper_table([Compared(name, name, FIGURES)], PUBLISHED)


def cells(kind: RowKind) -> dict[str, str]:
    (row,) = (row for row in table().rows if row.kind is kind)
    return dict(zip(PAPER, (cell.text() for cell in row.cells), strict=True))


def test_values_are_in_the_units_of_the_field_and_end_where_they_are_known() -> None:
    assert [one.text for one in table().headings][:6] == [
        "V_on (V)", "L_max (cd/m^2)", "CE_max (cd/A)", "PE_max (lm/W)", "EQE_max (%)", "CIE x",
    ]  # fmt: skip
    measured = cells(RowKind.MEASURED)
    assert measured["turn_on_voltage"] == "4.0038 ± 0.0041"
    assert measured["luminance_max"] == "12030 ± 200"
    assert measured["external_quantum_efficiency_max"] == "6.465 ± 0.073"
    assert (measured["power_efficiency_max"], measured["fwhm"]) == ("-", "-")


def test_published_values_have_their_own_digits_and_differences_their_own_uncertainty() -> None:
    assert cells(RowKind.PUBLISHED)["turn_on_voltage"] == "4.0"
    assert cells(RowKind.PUBLISHED)["luminance_max"] == "12058.6"
    rounding = 0.05 / sqrt(3)
    combined = hypot(0.0041, rounding)
    assert cells(RowKind.DIFFERENCE)["turn_on_voltage"] == f"+0.004 ± {combined:.3f}"
    assert cells(RowKind.DIFFERENCE)["luminance_max"] == "-30 ± 200"
    assert cells(RowKind.IN_UNCERTAINTIES)["current_efficiency_max"] == f"{-0.02 / hypot(0.28, rounding):.1f}"


def test_what_is_said_against_a_value_is_said_against_its_difference() -> None:
    marks = {row.kind: row.cells[1].mark for row in table().rows}
    assert marks == {"measured": "a", "published": "", "difference": "a", "difference / u": "a"}


def test_a_difference_of_unknown_uncertainty_is_not_divided_by_one() -> None:
    assert cells(RowKind.DIFFERENCE)["peak_wavelength"] == "+0.3"
    assert cells(RowKind.IN_UNCERTAINTIES)["peak_wavelength"] == "-"


def test_what_is_not_ok_is_marked_and_said_once() -> None:
    two = paper_table([Compared("A", "A", FIGURES), Compared("B", "B", FIGURES)])
    assert [(one.mark, one.text) for one in two.footnotes] == [
        ("a", "at end of sweep: the last point"), ("b", "not reached"),
    ]  # fmt: skip
    assert {row.cells[1].mark for row in two.rows} == {"a"}
    assert "12030 ± 200 (a)" in as_markdown(two)
    assert r"$12030 \pm 200^{a}$" in as_latex(two)
    assert "L_max: at end of sweep: the last point; PE_max: not reached" in as_csv(two)


def test_a_finding_is_a_footnote_once_a_run_whatever_it_touches() -> None:
    """What it says, with its values, stands in the findings; what else is known of a figure stays beside it."""
    names = tuple(PAPER)[:5]
    long = "the photodiode reads 3.1 times what the spectra say; " * 5
    factor = Finding(1.0, "photodiode_factor", Severity.DOUBTFUL, long, names)
    photons = Finding(1.0, "more_photons_than_electrons", Severity.IMPOSSIBLE, "EQE is 1.2", names[4:])
    figures = judged({**FIGURES, names[4]: Figure(1.2, "1", "ok")}, [photons, factor])
    devices = [Compared(name, f"{name}, 1", figures, findings=(photons, factor)) for name in "AB"]
    found = paper_table(devices)
    assert [one.text for one in found.footnotes] == [
        "doubtful: photodiode factor, see the findings of A, 1",
        "at end of sweep (the last point)",
        "not reached",
        "impossible: more photons than electrons, see the findings of A, 1",
        "doubtful: photodiode factor, see the findings of B, 1",
        "impossible: more photons than electrons, see the findings of B, 1",
    ]
    assert [cell.mark for cell in found.rows[0].cells] == ["a", "a, b", "a", "c", "d, a", "", "", "", ""]
    assert [cell.mark for cell in found.rows[1].cells] == ["e", "e, b", "e", "c", "f, e", "", "", "", ""]
    assert "120.00 (d, a)" in as_markdown(found)
    assert "EQE_max: impossible: more photons than electrons, see the findings of A, 1; doubtful" in as_csv(found)


def test_a_name_that_is_not_published_is_said_with_those_that_are() -> None:
    found = table("B7")
    assert len(found.rows) == 1
    assert any("'B7'" in note and "'SPPO13/Liq'" in note for note in found.notes)


def test_csv_has_numbers_in_cells_of_their_own() -> None:
    rows = list(csv.DictReader(StringIO(as_csv(table()))))
    assert [row["row"] for row in rows] == ["measured", "published", "difference", "difference / u"]
    assert {row["Device"] for row in rows} == {"SPPO13/Liq"}
    assert float(rows[0]["EQE_max (%)"]) == 6.465
    assert float(rows[0]["u EQE_max (%)"]) == 0.073
    assert rows[0]["PE_max (lm/W)"] == ""


def test_at_a_luminance_the_five_quantities_stand_beside_each_other() -> None:
    figures = {"voltage_at_1000_cd_m2": Figure(5.6969, "V", "ok", uncertainty=0.005)}
    found = table_at_luminance([Compared("A", "A", figures)], 1000.0)
    assert [one.text for one in found.headings] == ["V (V)", "J (mA/cm^2)", "CE (cd/A)", "PE (lm/W)", "EQE (%)"]
    assert [cell.text() for cell in found.rows[0].cells] == ["5.6969 ± 0.0050", "-", "-", "-", "-"]


@pytest.mark.parametrize("write", [as_markdown, as_latex, as_csv, table_html])
def test_a_name_is_never_more_than_a_name(write) -> None:  # type: ignore[no-untyped-def]
    text = write(paper_table([Compared(HOSTILE, HOSTILE, FIGURES)], PUBLISHED))
    assert "\x1b" not in text
    if write is as_csv:
        assert next(csv.DictReader(StringIO(text)))["Device"].startswith("'=1+1")
    if write is as_markdown:
        for sign in ("|x|", "`q`", "<b", "_a_", "$"):
            assert not re.search(rf"(?<!\\){re.escape(sign)}", text)
    if write is as_latex:
        assert r"\input" not in text
        assert not re.search(r"(?<!\\)(?:& 50|% _)", text)
    if write is table_html:
        assert "<b " not in text
        assert "&lt;b onload=&#34;y&#34;&gt;" in text


def test_a_name_is_nothing_but_a_name_behind_the_line_end_of_latex() -> None:
    """``\\\\`` takes a star or a bracket behind it, also in the next line, for its own (source2e, ltspace)."""
    two = paper_table([Compared(name, name, FIGURES) for name in ("[Ir(ppy)3]", "*A3", "a<b|c>d")])
    rows = [line for line in as_latex(two).splitlines() if line.count("&") == len(PAPER)][1:]
    assert [row.partition(" & ")[0] for row in rows] == [
        "{[}Ir(ppy)3]", "{*}A3", r"a\textless{}b\textbar{}c\textgreater{}d",
    ]  # fmt: skip
