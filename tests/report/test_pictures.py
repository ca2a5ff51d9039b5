"""Pictures of runs: what is drawn is what the run's columns say, in customary units; read back from the drawn lines."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from acquire.photometry.colour import chromaticity
from acquire.photometry.grid import WAVELENGTH
from acquire.photometry.spectra import gaussian
from acquire.records import Finding, PointFlag, Severity
from acquire.report.curves import curves
from acquire.report.pictures import MOST_NAMED, PICTURES, NothingToDraw, Picture, caption_of, labels_of, rendered
from acquire.run_file.read import Run

FORWARD, REVERSE = b"forward", b"reverse"
EFFICIENCIES = {"current_efficiency": 1.0, "external_quantum_efficiency": 100.0, "power_efficiency": 1.0}
TITLES = {
    "voltage": "Voltage (V)",
    "current_density": "Current density (mA/cm²)",
    "luminance": "Luminance (cd/m²)",
    "current_efficiency": "Current efficiency (cd/A)",
    "power_efficiency": "Power efficiency (lm/W)",
    "external_quantum_efficiency": "External quantum efficiency (%)",
}
FACTORS = {"voltage": 1.0, "current_density": 0.1, "luminance": 1.0, **EFFICIENCIES}


def named_lines(axes: Axes) -> dict[str, Line2D]:
    return {str(line.get_label()): line for line in axes.lines if not str(line.get_label()).startswith("_")}


def drawn(line: Line2D) -> np.ndarray[Any, Any]:
    xy = np.array([line.get_xdata(), line.get_ydata()], float)
    return xy[:, np.isfinite(xy).all(axis=0)]


def expected(run: Run, x: str, y: str, branch: bytes, logarithmic: tuple[str, ...]) -> np.ndarray[Any, Any]:
    table = run.tables["jvl"]
    xy = np.array([table[x] * FACTORS[x], table[y] * FACTORS[y]])
    good = np.isfinite(xy).all(axis=0) & (table["branch"] == branch)
    for name, values in zip((x, y), xy, strict=True):
        good &= (values > 0) | (name not in logarithmic)
    if y not in ("voltage", "current_density"):
        good &= table["flags"] & int(PointFlag.BELOW_DARK_NOISE) == 0
    return xy[:, good]


def test_j_and_l_stand_on_two_axes_against_voltage_both_branches_apart(run: Run) -> None:
    left, right = PICTURES["jvl"].draw([run]).axes
    for axes, symbol, quantity in ((left, "J", "current_density"), (right, "L", "luminance")):
        lines = named_lines(axes)
        assert axes.get_ylabel() == TITLES[quantity]
        assert axes.get_yscale() == "log"
        for branch in (FORWARD, REVERSE):
            found = drawn(lines[f"{symbol}, {branch.decode()}"])
            assert found == pytest.approx(expected(run, "voltage", quantity, branch, (quantity,)))
    assert left.get_xlabel() == TITLES["voltage"]


@pytest.mark.parametrize(
    ("name", "panels"),
    [
        (
            "efficiency",
            [
                ("current_density", "current_efficiency"),
                ("luminance", "current_efficiency"),
                ("current_density", "external_quantum_efficiency"),
                ("luminance", "external_quantum_efficiency"),
            ],
        ),
        ("power_efficiency", [("current_density", "power_efficiency"), ("luminance", "power_efficiency")]),
        ("jvl_log", [("voltage", "current_density")]),
    ],
)
def test_each_panel_holds_its_columns_in_customary_units(run: Run, name: str, panels: list[tuple[str, str]]) -> None:
    figure = PICTURES[name].draw([run])
    assert len(figure.axes) == len(panels)
    logarithmic = ("current_density", "luminance", *(["voltage"] if name == "jvl_log" else []))
    for axes, (x, y) in zip(figure.axes, panels, strict=True):
        assert (axes.get_xlabel(), axes.get_ylabel()) == (TITLES[x], TITLES[y])
        assert axes.get_xscale() == "log"
        for branch in (FORWARD, REVERSE):
            found = drawn(named_lines(axes)[branch.decode()])
            assert found == pytest.approx(expected(run, x, y, branch, logarithmic))


def test_bands_are_the_standard_uncertainty_on_both_sides(run: Run) -> None:
    axes = PICTURES["power_efficiency"].draw([run]).axes[0]
    band = next(one for one in axes.collections if isinstance(one, PolyCollection))
    table = run.tables["jvl"]
    here = (table["branch"] == FORWARD) & np.isfinite(table["power_efficiency"])
    for sign in (1, -1):
        edge = table["power_efficiency"][here] + sign * table["power_efficiency_uncertainty"][here]
        points = np.array([table["current_density"][here] * 0.1, edge]).T
        outline = band.get_paths()[0].vertices
        assert all(np.isclose(outline, point, rtol=1e-9).all(axis=1).any() for point in points)


def test_points_in_compliance_are_hollow_and_the_legend_says_so(run: Run) -> None:
    figure = PICTURES["jvl"].draw([run])
    flagged = run.tables["jvl"]["flags"] & int(PointFlag.COMPLIANCE) != 0
    assert flagged.sum() == 2
    hollow = [line for line in figure.axes[0].lines if line.get_label() == "_hollow"]
    assert np.concatenate([line.get_ydata() for line in hollow]) == pytest.approx(
        run.tables["jvl"]["current_density"][flagged] * 0.1
    )
    assert {to_hex(str(line.get_markerfacecolor())) for line in hollow} == {"#ffffff"}
    assert "compliance" in [text.get_text() for text in figure.legends[0].get_texts()]
    assert "Hollow: 2 points compliance." in caption_of(figure)


def test_points_computed_with_an_assumed_spectrum_are_hollow(run: Run, changed: Callable[..., Run]) -> None:
    source = run.tables["jvl"]["spectrum_source"].copy()
    source[[7, 8]] = b"assumed"
    figure = PICTURES["efficiency"].draw([changed(spectrum_source=source)])
    drawn_hollow = [line for line in figure.axes[2].lines if line.get_label() == "_hollow"]
    efficiency = 100.0 * run.tables["jvl"]["external_quantum_efficiency"]
    assert {*efficiency[[7, 8]]} <= {*np.concatenate([line.get_ydata() for line in drawn_hollow])}
    assert "2 points assumed spectrum" in caption_of(figure)
    assert "assumed" not in caption_of(PICTURES["efficiency"].draw([run]))
    assert "assumed" not in caption_of(PICTURES["jvl_log"].draw([changed(spectrum_source=source)]))


@pytest.mark.parametrize(
    "flag", [PointFlag.BELOW_DARK_NOISE, PointFlag.AMPLIFIER_LIMIT, PointFlag.PHOTODIODE_OVERFLOW, PointFlag.DAMAGED]
)
def test_light_that_was_not_measured_is_left_out_and_counted(changed: Callable[..., Run], flag: PointFlag) -> None:
    flags = np.zeros(18, int)
    flags[[5, 6]] = int(flag)
    figure = PICTURES["jvl"].draw([changed(flags=flags)])
    left, right = figure.axes
    assert drawn(named_lines(right)["L, forward"]).shape[1] == 9 - 2
    missing = 2 if flag is PointFlag.DAMAGED else 0
    assert drawn(named_lines(left)["J, forward"]).shape[1] == 8 - missing  # one current is below zero
    word = (flag.name or "").lower().replace("_", " ")
    assert f"2 points of luminance, {word}" in caption_of(figure)


def test_a_current_in_reverse_is_drawn_by_its_amount(changed: Callable[..., Run]) -> None:
    run = changed(voltage=-np.linspace(0.5, 5, 18), current_density=-np.linspace(1.0, 18.0, 18))
    figure = PICTURES["jvl"].draw([run])
    left = figure.axes[0]
    assert "Below 0 V: the amount of the current density." in caption_of(figure)
    (x, y) = drawn(named_lines(left)["J, forward"])
    assert x == pytest.approx(run.tables["jvl"]["voltage"][:9])
    assert y == pytest.approx(-0.1 * run.tables["jvl"]["current_density"][:9])


def test_noise_below_zero_is_left_out_of_a_logarithmic_axis_and_counted(run: Run) -> None:
    figure = PICTURES["jvl_log"].draw([run])
    assert (run.tables["jvl"]["current_density"] < 0).sum() == 2
    assert "Left out: 2 points of current density, not above zero on a logarithmic axis." in caption_of(figure)


def test_a_point_of_great_uncertainty_does_not_squeeze_the_others(changed: Callable[..., Run]) -> None:
    values, spread = np.full(18, 20.0), np.full(18, 0.1)
    values[3], spread[3] = 500.0, 400.0
    figure = PICTURES["efficiency"].draw([changed(current_efficiency=values, current_efficiency_uncertainty=spread)])
    assert 20.0 < figure.axes[0].get_ylim()[1] < 30.0
    assert "beyond the axis" in caption_of(figure)
    assert 500.0 in figure.axes[0].lines[0].get_ydata()


# --- spectra and colour ------------------------------------------------------------------------------------------


def test_spectra_are_drawn_absolute_and_normalised_and_the_one_near_100_is_marked(run: Run) -> None:
    absolute, normalised = PICTURES["spectra"].draw([run]).axes
    taken = run.tables["spectra"]
    nearest = int(np.argmin(np.abs(np.log(taken["luminance"] / 100.0))))
    assert absolute.get_ylabel() == "Spectral radiance (W/(m² sr nm))"
    for index, radiance in enumerate(taken["spectral_radiance"]):
        voltage = run.tables["jvl"]["voltage"][taken["point_index"][index]]
        direction = ", reverse" if taken["branch"][index] == REVERSE else ""
        label = next(name for name in named_lines(absolute) if name.endswith(f"{voltage:.2f} V{direction}"))
        line, unit = named_lines(absolute)[label], named_lines(normalised)[label]
        assert line.get_xdata() == pytest.approx(WAVELENGTH)
        known = np.isfinite(line.get_ydata())
        assert (known == (radiance > 0)).all()
        assert line.get_ydata()[known] == pytest.approx(radiance[known])
        assert unit.get_ydata() == pytest.approx(radiance / radiance.max())
        assert (line.get_color() == "black") == (index == nearest)
        assert float(label.split(" cd/m²")[0]) == pytest.approx(taken["luminance"][index], rel=1e-3)


def test_of_several_runs_one_spectrum_each_is_drawn(run: Run, changed: Callable[..., Run]) -> None:
    other = changed(taken=slice(0), fields={"sample": "dark"})
    figure = PICTURES["spectra"].draw([run, other])
    assert len(figure.axes[0].lines) == 1
    assert "dark: no spectrum." in caption_of(figure)


def test_chromaticities_stand_where_the_spectra_say_with_their_uncertainty(run: Run) -> None:
    whole, near = PICTURES["chromaticity"].draw([run]).axes
    taken, points = run.tables["spectra"], run.tables["jvl"]
    for axes in (whole, near):
        marks = sorted(drawn(one.lines[0])[:, 0].tolist() for one in axes.containers)
        assert np.array(marks) == pytest.approx(np.array(sorted(zip(taken["x"], taken["y"], strict=True))))
    spread = points["chromaticity_x_uncertainty"][taken["point_index"]]
    bars = [one.lines[2][0].get_segments()[0] for one in near.containers]
    assert sorted(np.ptp(bar[:, 0]) for bar in bars) == pytest.approx(sorted(2 * spread))
    low, high = near.get_xlim()
    assert all(low < bar[:, 0].min() and bar[:, 0].max() < high for bar in bars)


def test_the_locus_is_where_narrow_lines_are(run: Run) -> None:
    whole, _ = PICTURES["chromaticity"].draw([run]).axes
    (locus,) = (line for line in whole.lines if line.get_label() == "_locus")
    for wavelength in (460, 520, 600):
        at = chromaticity(gaussian(float(wavelength), 1.0))
        assert drawn(locus)[:, wavelength - 380] == pytest.approx(at, abs=2e-3)


# --- several runs ------------------------------------------------------------------------------------------------


def test_several_runs_are_told_apart_by_colour_and_mark_and_named_by_sample_and_pixel(
    changed: Callable[..., Run],
) -> None:
    runs = [changed(fields={"sample": "A", "sample_fields": {"pixel": str(pixel)}}) for pixel in (1, 2, 3)]
    current, light = PICTURES["jvl"].draw(runs).axes
    assert labels_of(runs) == ["A, 1", "A, 2", "A, 3"]
    for axes in (current, light):
        lines = [named_lines(axes)[label] for label in labels_of(runs)]
        assert len({line.get_color() for line in lines}) == len({line.get_marker() for line in lines}) == 3
        assert {line.get_linestyle() for line in lines} == {"-"}
        behind = [line for line in axes.lines if line.get_label() == "_reverse"]
        assert [line.get_color() for line in behind] == [line.get_color() for line in lines]
        assert {line.get_linestyle() for line in behind} == {"--"}


def test_points_left_out_of_several_runs_add_up(changed: Callable[..., Run]) -> None:
    flags = np.zeros(18, int)
    flags[5] = int(PointFlag.BELOW_DARK_NOISE)
    runs = [changed(flags=flags, fields={"run_id": str(place)}) for place in range(3)]
    assert "3 points of luminance, below dark noise" in caption_of(PICTURES["jvl"].draw(runs))


def test_a_run_in_reverse_alone_has_its_name(run: Run, changed: Callable[..., Run]) -> None:
    back = changed(rows=slice(9, None), taken=slice(0), fields={"sample": "back"})
    axes = PICTURES["jvl_log"].draw([run, back]).axes[0]
    assert named_lines(axes)["back"].get_linestyle() == "--"


def test_a_run_that_something_speaks_against_is_named_so_where_it_concerns_the_picture(
    run: Run, changed: Callable[..., Run]
) -> None:
    doubted = changed(fields={"sample": "B", "run_id": "b"})
    found = Finding(0.0, "routes_differ", Severity.DOUBTFUL, "L is not that of the spectra", ("luminance_max",))
    object.__setattr__(doubted, "findings", (found,))
    both = PICTURES["efficiency"].draw([run, doubted])
    assert "doubtful: B" in named_lines(both.axes[0])
    assert "Doubtful, B: L is not that of the spectra." in caption_of(both)
    alone = PICTURES["jvl"].draw([doubted])
    assert "doubtful: see its findings" in [text.get_text() for text in alone.legends[0].get_texts()]
    assert "Doubtful: L is not that of the spectra." in caption_of(alone)
    for name in ("spectra", "jvl_log"):
        picture = PICTURES[name].draw([run, doubted])
        assert not [text for text in picture.legends[0].get_texts() if "doubtful" in text.get_text()], name


def test_no_two_runs_have_the_same_name(changed: Callable[..., Run]) -> None:
    other = {"start_time": "2026-01-02T03:04:05+00:00"}
    runs = [changed(), changed(fields={"run_id": "0123456789"}), changed(fields=other)]
    names = labels_of(runs)
    assert len(set(names)) == 3
    assert names[2].endswith(", 2026-01-02 03:04:05")
    assert names[1].endswith(", 01234567")


def test_more_runs_than_colours_are_grey_and_counted(changed: Callable[..., Run]) -> None:
    runs = [changed(fields={"sample": f"S{place}"}) for place in range(MOST_NAMED + 4)]
    figure = PICTURES["jvl_log"].draw(runs)
    texts = [text.get_text() for text in figure.legends[0].get_texts()]
    assert "4 more" in texts
    assert f"S{MOST_NAMED - 1}" in texts
    assert f"S{MOST_NAMED}" not in texts
    assert len(named_lines(figure.axes[0])) == MOST_NAMED + 1
    spectra = PICTURES["spectra"].draw(runs)
    assert len(spectra.axes[0].lines) == MOST_NAMED + 4
    assert len(spectra.legends[0].get_texts()) == MOST_NAMED + 1


# --- whatever a run holds ----------------------------------------------------------------------------------------

NAN = float("nan")


def _no_light(changed: Callable[..., Run]) -> Run:
    names = ("luminance", *EFFICIENCIES, "chromaticity_x", "chromaticity_y")
    return changed(taken=slice(0), flags=int(PointFlag.BELOW_DARK_NOISE), **dict.fromkeys(names, NAN))


def _all_nan(changed: Callable[..., Run]) -> Run:
    names = [name for name, array in changed().tables["jvl"].items() if array.dtype.kind == "f"]
    blank = {
        name: np.full_like(array, NAN) for name, array in changed().tables["spectra"].items() if array.dtype == "f8"
    }
    return changed(spectra=blank, **dict.fromkeys(names, NAN))


ODD: dict[str, Callable[[Callable[..., Run]], Run]] = {
    "without light": _no_light,
    "one point": lambda changed: changed(rows=slice(5, 6), taken=slice(0)),
    "one point and one spectrum": lambda changed: changed(
        rows=slice(5, 6), taken=slice(0, 1), spectra={"point_index": np.array([0])}
    ),
    "no point": lambda changed: changed(rows=slice(0), taken=slice(0)),
    "all unknown": _all_nan,
    "a spectrum without light": lambda changed: changed(
        taken=slice(0, 1), spectra={"spectral_radiance": np.zeros((1, 401)), "luminance": np.zeros(1)}
    ),
    "a spectrum of another point": lambda changed: changed(taken=slice(0, 1), spectra={"point_index": np.array([99])}),
    "negative voltages": lambda changed: changed(voltage=-np.linspace(0.0, 8.0, 18), current_density=-1.0),
    "zeros": lambda changed: changed(current_density=0.0, luminance=0.0),
    "the same everywhere": lambda changed: changed(voltage=5.0, current_density=1.0, luminance=100.0),
    "the least and the largest": lambda changed: changed(
        current_density=np.geomspace(1e-300, 1e300, 18), luminance=np.geomspace(1e-300, 1e300, 18)
    ),
    "without uncertainty": lambda changed: changed(
        **{f"{name}_uncertainty": NAN for name in (*EFFICIENCIES, "luminance", "current_density", "chromaticity_x")}
    ),
    "names": lambda changed: changed(fields={"sample": "$\\frac{1 \N{CJK UNIFIED IDEOGRAPH-53F0} <&> \x07_^ "}),
    "a long name": lambda changed: changed(fields={"sample": "x" * 300}),
}


#: Those in which something may go wrong when the letters and the numbers of the axes are set.
WRITTEN = (
    "one point and one spectrum",
    "negative voltages",
    "the same everywhere",
    "the least and the largest",
    "names",
)


@pytest.mark.parametrize("odd", ODD)
def test_whatever_a_run_holds_there_is_a_picture_or_a_reason(run: Run, changed: Callable[..., Run], odd: str) -> None:
    for picture in PICTURES.values():
        figure = _figure_or_reason(picture, ODD[odd](changed))
        if figure is not None and odd in WRITTEN and picture.name in ("jvl", "chromaticity"):
            assert rendered(figure, "svg").startswith(b"<?xml")
    for name in ("jvl", "spectra"):
        assert PICTURES[name].draw([ODD[odd](changed), run]).axes


def _figure_or_reason(picture: Picture, run: Run) -> Figure | None:
    try:
        return picture.draw([run])
    except NothingToDraw as reason:
        assert re.search("no (spectrum|point)|none of", str(reason))  # noqa: PT017 -- a picture is as good
        return None


def test_without_light_there_is_still_a_current(changed: Callable[..., Run]) -> None:
    figure = PICTURES["jvl"].draw([_no_light(changed)])
    assert len(figure.axes) == 1
    assert "No luminance" in caption_of(figure)
    with pytest.raises(NothingToDraw, match=r"Current efficiency.*18 points below dark noise"):
        PICTURES["efficiency"].draw([_no_light(changed)])


@pytest.mark.parametrize("span", [1.0, 1.05, 1.5, 3.0, 20.0, 1e3, 1e9, 1e40])
@pytest.mark.parametrize("low", [1.1e-6, 0.3, 7.3, 2600.0])
def test_every_logarithmic_axis_has_numbers_that_can_be_read(
    changed: Callable[..., Run], low: float, span: float
) -> None:
    current = np.geomspace(low, low * span, 18) / 0.1
    axis = PICTURES["jvl_log"].draw([changed(current_density=current)]).axes[0].yaxis
    ends = axis.get_view_interval()
    inside = [at for at in axis.get_majorticklocs() if ends[0] <= at <= ends[1]]
    assert 2 <= len(inside) <= 10
    texts = [axis.get_major_formatter()(at, 0) for at in inside]
    assert len(set(texts)) == len(texts)
    assert all(texts)


def test_a_spectrum_without_a_luminance_says_so(changed: Callable[..., Run]) -> None:
    one = changed(taken=slice(0, 1), spectra={"luminance": np.array([NAN])})
    texts = [text.get_text() for text in PICTURES["spectra"].draw([one]).legends[0].get_texts()]
    assert len(texts) == 1
    assert texts[0].startswith("no luminance, ")


def test_100_000_points_are_drawn_as_few_with_the_same_extremes(changed: Callable[..., Run]) -> None:
    long = changed(rows=np.arange(100_000) % 9, taken=slice(0), flags=0, branch=FORWARD)
    table = long.tables["jvl"]
    table["voltage"] = np.linspace(0.1, 8.0, 100_000)
    table["current_density"] = np.geomspace(1e-3, 1e3, 100_000)
    table["current_density"][54_321] = 1e5
    line = PICTURES["jvl_log"].draw([long]).axes[0].lines[0]
    found = drawn(line)
    assert found.shape[1] < 3000
    assert found[1].max() == pytest.approx(1e4)
    assert found[:, 0] == pytest.approx([0.1, 1e-4])
    assert found[:, -1] == pytest.approx([8.0, 1e2])
    places = np.searchsorted(table["voltage"], found[0] - 1e-9)
    assert found[1] == pytest.approx(0.1 * table["current_density"][places])


def test_every_cycle_is_drawn_and_has_its_name_while_there_are_few(run: Run, changed: Callable[..., Run]) -> None:
    """A point of each branch is put into cycle 0, the others into 1: no line leads from one to the other."""
    table = run.tables["jvl"]
    cycle = (np.arange(run.points) % 2).astype("<i4")
    split = curves(changed(cycle=cycle), "voltage", "current_density")
    names = [curve.name for curve in split.branches]
    whole = [curve.name for curve in curves(run, "voltage", "current_density").branches]
    assert names == [*whole, *(f"{name}, cycle 1" for name in whole)]
    here = (table["branch"] == FORWARD) & (cycle == 1)
    second = next(curve for curve in split.branches if curve.name == "forward, cycle 1")
    assert second.x == pytest.approx(table["voltage"][here])
