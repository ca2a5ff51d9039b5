"""How pictures are written: sizes, letters as letters, the same bytes every time; style sheets of the user's."""

from __future__ import annotations

import re
import struct
import subprocess
import sys
import warnings
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from xml.etree import ElementTree as ET

import matplotlib
import pytest
from matplotlib.figure import Figure

from acquire.report.pictures import (
    PICTURES,
    PictureError,
    StyleError,
    as_svg,
    read_style,
    rendered,
    save,
)
from acquire.report.style import DOUBLE, FORMATS, MM_PER_INCH, SINGLE, journal
from acquire.run_file.read import Run


@pytest.fixture(scope="module")
def figure(run: Run) -> Figure:
    return PICTURES["jvl_log"].draw([run])


@pytest.mark.parametrize("kind", FORMATS)
def test_a_picture_is_the_same_bytes_every_time(run: Run, kind: str) -> None:
    first, second = (rendered(PICTURES["jvl_log"].draw([run]), kind) for _ in range(2))
    assert first == second
    assert not re.search(rb"20\d\d-\d\d-\d\d|CreationDate|dc:date", first)


@pytest.mark.parametrize(("name", "runs", "width"), [("jvl", 1, SINGLE), ("jvl", 2, DOUBLE), ("spectra", 1, DOUBLE)])
def test_widths_are_those_of_one_and_two_columns(run: Run, name: str, runs: int, width: float) -> None:
    assert (SINGLE, DOUBLE) == (85.0, 174.0)
    figure = PICTURES[name].draw([run] * runs)
    assert figure.get_figwidth() * MM_PER_INCH == pytest.approx(width)


def test_a_png_has_300_dots_an_inch(figure: Figure) -> None:
    picture = rendered(figure, "png")
    (width,) = struct.unpack(">I", picture[16:20])
    assert width == pytest.approx(SINGLE / MM_PER_INCH * 300, abs=1)


def test_text_stays_text_in_svg_and_fonts_are_whole_in_pdf(run: Run) -> None:
    figure = PICTURES["jvl"].draw([run])
    svg = ET.fromstring(rendered(figure, "svg"))
    texts = {"".join(one.itertext()) for one in svg.iter("{http://www.w3.org/2000/svg}text")}
    assert {"Voltage (V)", "Current density (mA/cm²)", "10²", "J, forward", "u (k = 1)"} <= texts
    pdf = rendered(figure, "pdf")
    assert b"/CIDFontType2" in pdf
    assert b"/Type3" not in pdf


def test_letters_are_of_8_points(run: Run) -> None:
    axes = PICTURES["jvl"].draw([run]).axes[0]
    assert axes.yaxis.label.get_fontsize() == 8.0


def test_an_svg_for_a_page_has_ids_of_its_own(figure: Figure) -> None:
    page = as_svg(figure, "first") + as_svg(figure, "second")
    assert page.startswith("<svg")
    ids = re.findall(r'id="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    used = re.findall(r'(?:url\(#|href="#)([^")]+)', page)
    assert set(used) <= set(ids)


def test_files_are_written_in_every_format_and_in_place_of_older_ones(figure: Figure, tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "a.svg").write_text("old")
    paths = save(figure, tmp_path / "there", "a")
    assert [path.name for path in paths] == ["a.png", "a.svg", "a.pdf"]
    assert [path.read_bytes()[:4] for path in paths] == [b"\x89PNG", b"<?xm", b"%PDF"]


def test_a_folder_that_cannot_be_is_said(figure: Figure, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(PictureError, match=r"a\.png: cannot be written"):
        save(figure, tmp_path / "file", "a", ["png"])


def test_drawing_leaves_matplotlib_as_it_was(run: Run) -> None:
    matplotlib.rcParams["font.size"] = 3.0
    try:
        figure = PICTURES["jvl_log"].draw([run])
        assert figure.axes[0].yaxis.label.get_fontsize() == 8.0
        assert matplotlib.rcParams["font.size"] == 3.0
    finally:
        matplotlib.rcdefaults()
    assert "matplotlib.pyplot" not in _modules_after("from acquire.report import pictures; pictures.journal()")


def test_matplotlib_is_imported_when_a_picture_is_drawn() -> None:
    assert "matplotlib" not in _modules_after("from acquire.report import pictures")


def _modules_after(code: str) -> set[str]:
    command = [sys.executable, "-c", f"{code}\nimport sys\nprint(*sys.modules)"]
    return set(subprocess.run(command, capture_output=True, text=True, check=True).stdout.split())


# --- style sheets ------------------------------------------------------------------------------------------------


@pytest.fixture
def sheet(tmp_path: Path) -> Callable[[str], Path]:
    def write(text: str) -> Path:
        path = tmp_path / "mine.mplstyle"
        path.write_text(text, encoding="utf-8")
        return path

    return write


def test_what_a_sheet_says_takes_the_place_of_ours(run: Run, sheet: Callable[[str], Path]) -> None:
    style = read_style(
        sheet("font.size: 11\naxes.labelsize: 12\naxes.prop_cycle: cycler('color', ['ff0000', '00ff00'])")
    )
    axes = PICTURES["jvl"].draw([run], style).axes[0]
    assert axes.yaxis.label.get_fontsize() == 12.0
    assert axes.lines[0].get_color() == "#ff0000"
    assert axes.lines[0].get_linewidth() == 1.0


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("font.size: large", "font.size"),
        ("font.syze: 8", "font.syze"),
        ("no colon here", "no colon here"),
        ("axes.prop_cycle: cycler('color', ['notacolour'])", "axes.prop_cycle"),
        ("axes.prop_cycle: cycler(", "axes.prop_cycle"),
        ("\x00", ""),
        ("<html>", "<html>"),
    ],
)
def test_a_wrong_sheet_is_one_message_that_says_where(
    sheet: Callable[[str], Path], text: str, said: str, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(StyleError, match=r"mine\.mplstyle: is no style sheet of matplotlib: ") as caught:
        read_style(sheet(f"# mine\n{text}\n"))
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
    assert capfd.readouterr() == ("", "")


def test_a_sheet_that_is_not_there_or_no_text_is_said(tmp_path: Path) -> None:
    with pytest.raises(StyleError, match=r"none\.mplstyle: cannot be read"):
        read_style(tmp_path / "none.mplstyle")
    with pytest.raises(StyleError, match="cannot be read"):
        read_style(tmp_path)
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(StyleError, match="is no style sheet"):
        read_style(tmp_path / "binary")


def test_a_font_that_is_not_there_is_said(sheet: Callable[[str], Path]) -> None:
    with pytest.raises(StyleError, match="the font 'No Such Font' is not on this computer"):
        read_style(sheet("font.family: No Such Font, DejaVu Sans"))
    assert read_style(sheet("font.family: serif\nfont.serif: No Such Font, DejaVu Serif")).values["font.family"] == [
        "serif"
    ]


def test_a_sheet_cannot_move_the_axes_from_their_places(run: Run, sheet: Callable[[str], Path]) -> None:
    style = read_style(sheet("figure.constrained_layout.use: True\nfigure.subplot.left: 0.9"))
    places = [axes.get_position().bounds for one in (style, None) for axes in PICTURES["jvl_log"].draw([run], one).axes]
    assert places[0] == pytest.approx(places[1])


def test_larger_letters_leave_the_axes_their_height_and_shorten_titles_that_are_too_long(
    run: Run, sheet: Callable[[str], Path]
) -> None:
    usual, large = (
        PICTURES["efficiency"].draw([run], style)
        for style in (None, read_style(sheet("font.size: 14\naxes.labelsize: 14")))
    )
    heights = [one.axes[0].get_position().height * one.get_figheight() for one in (usual, large)]
    assert heights[1] == pytest.approx(heights[0])
    assert [one.axes[2].get_ylabel() for one in (usual, large)] == ["External quantum efficiency (%)", "EQE (%)"]


def test_a_style_that_cannot_be_written_in_is_said(run: Run, sheet: Callable[[str], Path]) -> None:
    style = read_style(sheet("text.usetex: True\ntext.latex.preamble: \\nosuchcommand"))
    with pytest.raises(PictureError, match=r"mine\.mplstyle: nothing can be drawn in it: "):
        rendered(PICTURES["jvl_log"].draw([run], style), "png", style)


def test_the_colours_are_those_of_okabe_and_ito() -> None:
    okabe_ito = {"#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#F0E442"}
    assert set(journal().cycle("color")) == okabe_ito
    assert len(set(journal().cycle("marker"))) == 8


def test_letters_that_no_font_has_are_no_warning(run: Run) -> None:
    figure = PICTURES["jvl_log"].draw([run, run], labels=["\N{CJK UNIFIED IDEOGRAPH-53F0}", "\U0001f40c"])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert rendered(figure, "png")


@pytest.mark.parametrize("first", ["Liberation Sans", "cmr10", "STIXGeneral"])
def test_a_sign_that_the_first_font_lacks_is_drawn_by_another(first: str, sheet: Callable[[str], Path]) -> None:
    style = read_style(sheet(f"font.family: sans-serif\nfont.sans-serif: {first}, DejaVu Sans"))
    with style.applied(), warnings.catch_warnings():
        warnings.simplefilter("error")  # matplotlib warns of letters that no font has
        written = Figure(figsize=(1, 1))
        written.text(0.1, 0.5, "10⁻⁴ cd m⁻²")
        with BytesIO() as png:
            written.savefig(png)
