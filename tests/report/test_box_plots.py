"""Box plots of a batch: every device is a dot, the boxes are quartiles, the device shown has its rank."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.axes import Axes

from acquire.report.pictures import NothingToDraw, box_plots, caption_of, rank, rendered

NAN = float("nan")
BATCH = [0.051, 0.060, 0.058, 0.055, 0.062, 0.049, 0.057, 0.059, 0.056, 0.061, NAN, NAN]


def dots(axes: Axes) -> list[np.ndarray]:
    return [np.array(line.get_ydata()) for line in axes.lines if line.get_label() == "_devices"]


def test_every_device_is_a_dot_in_percent_and_the_dead_are_counted() -> None:
    figure = box_plots({"ref": BATCH, "few": [0.04, 0.05]}, "external_quantum_efficiency_max")
    ref, few = dots(figure.axes[0])
    assert ref == pytest.approx(100.0 * np.sort(BATCH[:10]))
    assert few == pytest.approx([4.0, 5.0])
    assert "Without a value: 2 of ref." in caption_of(figure)
    assert [text.get_text() for text in figure.axes[0].get_xticklabels()] == ["ref\nn = 10 of 12", "few\nn = 2"]
    assert figure.axes[0].get_ylabel() == "Maximum EQE (%)"


def test_a_box_is_the_quartiles_and_its_line_the_median() -> None:
    axes = box_plots({"ref": BATCH}, "external_quantum_efficiency_max").axes[0]
    box = next(line for line in axes.lines if len(line.get_xdata()) == 5)
    low, middle, high = 100.0 * np.quantile(BATCH[:10], [0.25, 0.5, 0.75])
    assert {*np.round(box.get_ydata(), 9)} == {*np.round([low, high], 9)}
    assert any(line.get_ydata() == pytest.approx([middle, middle]) for line in axes.lines if len(line.get_ydata()) == 2)


def test_few_devices_have_a_median_and_no_box() -> None:
    axes = box_plots({"few": [1.0, 2.0, 9.0]}, "voltage").axes[0]
    assert not [line for line in axes.lines if len(line.get_xdata()) == 5]
    assert any(line.get_ydata() == pytest.approx([2.0, 2.0]) for line in axes.lines if len(line.get_ydata()) == 2)


def test_the_device_shown_is_ringed_where_it_is_and_named_by_its_rank() -> None:
    figure = box_plots({"ref": BATCH, "few": [0.07]}, "external_quantum_efficiency_max", ("ref", 1))
    (ring,) = (line for line in figure.axes[0].lines if str(line.get_label()).startswith("device shown"))
    assert ring.get_ydata() == pytest.approx([6.0])
    assert ring.get_label() == "device shown: rank 3 of 10"
    (dot,) = (line for line in figure.axes[0].lines if line.get_label() == "_devices" and len(line.get_xdata()) == 10)
    assert ring.get_xdata()[0] in dot.get_xdata()


@pytest.mark.parametrize(
    ("figure", "value", "place"),
    [
        ("external_quantum_efficiency_max", 3.0, 1),
        ("external_quantum_efficiency_max", 1.0, 3),
        ("turn_on_voltage", 1.0, 1),
        ("voltage_at_1000_cd_m2", 3.0, 3),
        ("luminance_max", 2.0, 2),
    ],
)
def test_the_first_rank_is_the_best(figure: str, value: float, place: int) -> None:
    found = rank([1.0, 2.0, 3.0, NAN], value, figure)
    assert (found.place, found.of) == (place, 3)


def test_equal_devices_stand_side_by_side() -> None:
    line = next(line for line in box_plots({"a": [5.0] * 6}, "voltage").axes[0].lines if line.get_label() == "_devices")
    assert len(set(line.get_xdata())) == 6


def test_without_any_value_there_is_a_reason() -> None:
    for groups in ({}, {"a": []}, {"a": [NAN]}):
        with pytest.raises(NothingToDraw, match="no device has a value of Maximum luminance"):
            box_plots(groups, "luminance_max")


def test_a_dead_device_shown_has_no_ring_and_names_are_taken_as_they_are() -> None:
    figure = box_plots({"$x_1": BATCH, "\N{GREEK SMALL LETTER ALPHA}": [NAN]}, "luminance_max", ("$x_1", 10))
    assert not figure.legends
    assert b"$x_1" in rendered(figure, "svg")


def test_long_names_of_groups_are_broken_into_lines_and_the_picture_grows() -> None:
    long = {"a batch with a name that goes on and on, 5 nm Liq": BATCH, "b": BATCH, "c": BATCH}
    high, low = box_plots(long, "luminance_max"), box_plots({"a": BATCH, "b": BATCH, "c": BATCH}, "luminance_max")
    (first, *_) = high.axes[0].get_xticklabels()
    lines = first.get_text().split("\n")
    assert len(lines) == 4
    assert max(map(len, lines)) < 16
    assert high.get_figheight() > low.get_figheight()
    assert high.axes[0].get_position().height * high.get_figheight() == pytest.approx(
        low.axes[0].get_position().height * low.get_figheight()
    )


def test_a_device_with_something_against_it_is_hollow_where_it_is() -> None:
    values = [0.05, NAN, 0.03, 0.04]
    doubted = {"ref": [True, True, False, False], "few": [False]}
    figure = box_plots({"ref": values, "few": [0.07]}, "external_quantum_efficiency_max", not_ok=doubted)
    (hollow,) = (line for line in figure.axes[0].lines if line.get_label() == "status not ok")
    assert hollow.get_ydata() == pytest.approx([5.0])
    assert hollow.get_markerfacecolor() == "white"
    assert "status not ok" in [text.get_text() for text in figure.legends[0].get_texts()]
    assert "Hollow: status not ok" in caption_of(figure)
    assert "Hollow" not in caption_of(box_plots({"ref": values}, "external_quantum_efficiency_max"))
