"""Responsivity tables and spectra as laboratories have them: taken, or refused with what they look like."""

from __future__ import annotations

from pathlib import Path

import pytest

from acquire.config.tables import PER_NANOMETRE, RESPONSIVITY, SPECTRUM, Table, read_curve

HEADER = "wavelength_nm,responsivity_A_W\n"


def rows(*values: tuple[float, float], header: str = HEADER) -> str:
    return header + "".join(f"{wavelength:g},{value:g}\n" for wavelength, value in values)


def silicon(factor: float = 1.0, first: int = 350, last: int = 1100) -> str:
    """Six tenths of an electron a photon, in A/W times a factor."""
    return rows(*((nm, 0.6 * PER_NANOMETRE * nm * factor) for nm in range(first, last + 1, 50)))


def read(folder: Path, text: str | bytes, table: Table = RESPONSIVITY) -> tuple[object, list[str]]:
    path = folder / "table.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    curve, problems, _ = read_curve(path, table)
    return curve, [str(problem) for problem in problems]


def test_one_electron_for_a_photon_of_520_nm() -> None:
    assert pytest.approx(0.41941, abs=5e-6) == 520 * PER_NANOMETRE  # 520/1239.84


@pytest.mark.parametrize(("first", "last"), [(350, 1100), (400, 800), (400, 700), (500, 550)])
def test_a_table_of_less_than_380_to_780_nm_is_taken(tmp_path: Path, first: int, last: int) -> None:
    curve, said = read(tmp_path, silicon(first=first, last=last))
    assert said == []
    assert (curve[0][0], curve[0][-1]) == (first, last)  # type: ignore[index]


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        (silicon(1000.0), 2, "looks like mA/W"),
        (silicon(100.0), 2, "looks like percent"),
        (rows((380, 0.55), (500, 0.8), (780, 0.85)), 2, "quantum efficiency"),
        (rows((380, 0.2), (500, 0.25), (520, 0.5), (780, 0.4)), 4, "0.5 A/W at 520 nm is more than one electron"),
        (rows((380, 0.0), (780, 0.0)), 2, "zero everywhere"),
        (rows((380, 0.2), (500, -0.01), (780, 0.4)), 3, "-0.01 A/W at 500 nm is below zero"),
        (rows((380, -0.2), (780, -0.4)), 2, "so is every row"),
        (rows((780, 0.4), (500, 0.3), (380, 0.2)), 2, "the wavelengths fall"),
        (rows((380, 0.2), (500, 0.3), (450, 0.25), (780, 0.4)), 4, "do not rise"),
        (rows((0.38, 0.2), (0.78, 0.4)), 2, "micrometres"),
        (rows((3.8e-7, 0.2), (7.8e-7, 0.4)), 2, "look like metres"),
        (HEADER.replace(",", ";") + "380;0,216\n780;0,456\n", 2, "separated by semicolons, its numbers have decimal"),
        (HEADER.replace(",", ";") + "380;0.216\n780;0.456\n", 2, "separated by semicolons"),
        (HEADER.replace(",", "\t") + "380\t0.216\n780\t0.456\n", 2, "separated by tabs"),
        ("380 0.216\n780 0.456\n", 1, "separated by blanks"),
        (HEADER + "380,0,216\n780,0,456\n", 2, "decimal commas"),
        ("lambda,R\n380,0.2\n780,0.4\n", 1, "header line is missing or different"),
        (b"PK\x03\x04" + b"\xff" * 20, 1, "is a workbook"),
        ((HEADER + "380,0.2\n").encode("utf-16"), 1, "UTF-16"),
    ],
)
def test_a_table_that_is_refused_says_what_it_looks_like(
    tmp_path: Path, text: str | bytes, line: int, words: str
) -> None:
    curve, said = read(tmp_path, text)
    assert curve is None
    assert len(said) == 1
    assert f"table.csv:{line}: " in said[0]
    assert words in said[0]


def test_a_table_with_other_separators_says_how_to_save_it(tmp_path: Path) -> None:
    _, said = read(tmp_path, HEADER.replace(",", ";") + "380;0,216\n780;0,456\n")
    assert "first line 'wavelength_nm,responsivity_A_W', then rows like 380,0.2" in said[0]


def test_nothing_is_quoted_of_a_file_that_is_no_table(tmp_path: Path) -> None:
    _, said = read(tmp_path, "4711;4,2\nsecret\n")
    assert len(said) == 1
    assert "4711" not in said[0]
    assert "secret" not in said[0]


def spectrum(*values: tuple[float, float]) -> str:
    return rows(*values, header="wavelength_nm,relative_power\n")


def test_a_spectrum_keeps_its_noise_below_zero(tmp_path: Path) -> None:
    curve, said = read(tmp_path, spectrum((340, -0.001), (500, 0.2), (520, 1.0), (540, 0.2), (620, -0.002)), SPECTRUM)
    assert said == []
    assert list(curve[1]) == [-0.001, 0.2, 1.0, 0.2, -0.002]  # type: ignore[index]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (spectrum((380, 0.0), (780, 0.0)), "holds no light"),
        (spectrum((380, -1.0), (500, -2.0), (780, -1.0)), "holds no light"),
        (spectrum((450, 0.0), (520, 1.0), (530, 0.4)), "ends at 530 nm, where there is 40% of its largest value"),
        (spectrum((510, 0.3), (520, 1.0), (780, 0.0)), "ends at 510 nm"),
    ],
)
def test_a_spectrum_without_light_or_cut_off_is_refused(tmp_path: Path, text: str, words: str) -> None:
    curve, said = read(tmp_path, text, SPECTRUM)
    assert curve is None
    assert words in said[0]
