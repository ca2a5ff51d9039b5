"""Which mode a spectrum is tried again in, and when not; and what a run on the simulated bench makes of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from acquire.photometry.choice import SIGNAL_TO_NOISE_LIMIT
from acquire.photometry.factors import spectral_factors
from acquire.photometry.spectra import gaussian
from acquire.records import Branch, Note, RunStatus, Spectrum, of_sweep
from acquire.report.curves import branches
from acquire.run_file.summary import summary_of
from acquire.sweep.exposure import ExposureMode, ModeInUse, Tries, Trouble, another_mode, clearness
from drivers.simulated.device import line_peak, line_shape
from tests.conftest import CONFIGS
from tests.support.attempt import Attempt

NORMAL, FAST = ExposureMode(), ExposureMode("fast")
BY_HAND = ExposureMode("manual", "off", 0.1)


def spectrum(signal_to_noise: float, integration_time: float = 1.0, *, internal_nd: bool = False) -> Spectrum:
    noise = np.random.default_rng(3).standard_normal(401)
    radiance = np.asarray(gaussian(520.0, 20.0)) + noise / signal_to_noise
    return Spectrum(0, 0, Branch.FORWARD, 0.0, 1.0, radiance, integration_time, internal_nd=internal_nd)


@pytest.mark.parametrize(
    ("mode", "trouble", "expected"),
    [
        (BY_HAND, Trouble.TOO_BRIGHT, ExposureMode("manual", "on", 0.1)),
        (ExposureMode("manual", "on", 0.1), Trouble.TOO_BRIGHT, ExposureMode("manual", "on", 0.01)),
        (ExposureMode("manual", "on", 0.02), Trouble.TOO_BRIGHT, ExposureMode("manual", "on", 0.005)),
        (ExposureMode("manual", "on", 0.005), Trouble.TOO_BRIGHT, None),
        (ExposureMode("fast", "off"), Trouble.TOO_BRIGHT, ExposureMode("fast", "on")),
        (NORMAL, Trouble.TOO_BRIGHT, None),  # it has chosen time and filter itself
        (FAST, Trouble.TOO_DARK, NORMAL),
        (ExposureMode("fast", "on"), Trouble.TOO_DARK, FAST),
        (ExposureMode("manual", "on", 1.0), Trouble.TOO_DARK, BY_HAND.__class__("manual", "off", 1.0)),
        (ExposureMode("manual", "off", 30.0), Trouble.TOO_DARK, ExposureMode("manual", "off", 120.0)),
        (ExposureMode("manual", "off", 120.0), Trouble.TOO_DARK, None),
        (ExposureMode("multi_fast", "auto", 2.0), Trouble.TOO_DARK, ExposureMode("multi_fast", "auto", 16.0)),
        (ExposureMode("multi_normal", "auto", 16.0), Trouble.TOO_DARK, NORMAL),
        (NORMAL, Trouble.TOO_DARK, None),
    ],
)
def test_the_least_change_that_may_help_comes_first(
    mode: ExposureMode, trouble: Trouble, expected: ExposureMode | None
) -> None:
    assert another_mode(mode, trouble, [mode]) == expected


def test_a_mode_that_was_tried_is_not_tried_again() -> None:
    with_filter = ExposureMode("manual", "on", 0.1)
    assert another_mode(with_filter, Trouble.TOO_DARK, [BY_HAND, with_filter]) == ExposureMode("manual", "on", 1.0)


def test_a_clear_spectrum_at_the_first_try_is_not_worth_a_word() -> None:
    tries = Tries(NORMAL, 2)
    assert tries.judged(spectrum(100.0)) == ""
    assert tries.mode is None
    assert tries.best is not None
    assert (tries.best.tries, tries.helped) == (1, None)


def test_too_much_light_then_a_clear_spectrum() -> None:
    tries = Tries(BY_HAND, 2)
    assert "too much light; again with speed manual 0.1 s, ND on" in tries.judged(None)
    assert "clear" in tries.judged(spectrum(100.0))
    assert tries.best is not None
    assert (tries.best.tries, tries.helped) == (2, Trouble.TOO_BRIGHT)


def test_tries_are_bounded_and_the_clearest_is_kept() -> None:
    tries = Tries(ExposureMode("manual", "off", 0.01), 2)
    for signal_to_noise, time in ((8.0, 0.01), (16.0, 0.1), (12.0, 1.0)):
        said = tries.judged(spectrum(signal_to_noise, time))
    assert tries.mode is None
    assert "not tried again" in said
    assert tries.best is not None
    assert clearness(tries.best) == pytest.approx(16.0, rel=0.2)
    assert (tries.best.tries, tries.helped) == (3, None)
    assert Tries(BY_HAND, 0).judged(None) == ""  # the note that there is no spectrum says why


def test_darkness_is_not_exposed_for_minutes() -> None:
    nothing = Spectrum(0, 0, Branch.FORWARD, 0.0, 1.0, np.zeros(401), 16.0)
    for dark in (nothing, spectrum(0.3, 16.0)):
        tries = Tries(FAST, 2)
        tries.judged(dark)
        assert tries.mode is None
    promising = Tries(FAST, 2)
    promising.judged(spectrum(12.0, 16.0))  # times the root of 120 s / 16 s: beyond 20
    assert promising.mode == NORMAL
    assert SIGNAL_TO_NOISE_LIMIT == 20.0


def test_what_helped_at_such_light_is_where_the_next_spectrum_begins() -> None:
    use = ModeInUse(BY_HAND)
    filtered, longer = ExposureMode("manual", "on", 0.1), ExposureMode("manual", "off", 1.0)
    use.helped(Trouble.TOO_BRIGHT, 1000.0, filtered)
    use.helped(Trouble.TOO_DARK, 1.0, longer)
    assert [use.at(luminance) for luminance in (0.5, 1.0, 30.0, 1000.0, 5000.0)] == [
        longer,
        longer,
        BY_HAND,
        filtered,
        filtered,
    ]
    assert use.at(float("nan")) == BY_HAND


# --- on the simulated bench


def sweep_with(folder: Path, spectra: str, stop: str = "8 V", more: str = "") -> Path:
    path = folder / "sweep.yaml"
    path.write_text(
        f"""kind: sweep
title: spectra
bench: {CONFIGS.as_posix()}/benches/simulated.yaml
sample:
  name: SPPO13
  emissive_area: 14 mm^2
  expected_line: {{peak: 520 nm, fwhm: 20 nm}}
  simulated_as: {CONFIGS.as_posix()}/devices/sppo13.yaml
source: {{function: voltage, start: 4 V, stop: {stop}, step: 0.5 V, compliance: 100 mA}}
measure: {{nplc: 0.1, settle: 5 ms}}
dark: {{readings: 2, after: false}}
spectra: {spectra}
{more}
""",
        encoding="utf-8",
    )
    return path


def test_too_bright_by_hand_is_tried_with_the_filter_and_then_shorter(tmp_path: Path) -> None:
    sweep = sweep_with(
        tmp_path, "{at_voltage: [5 V, 7 V, 8 V], speed: manual, integration_time: 100 ms, internal_nd: off}"
    )
    attempt = Attempt(sweep, tmp_path / "runs")
    run = attempt.run().run
    assert run is not None
    table = run.tables["spectra"]
    assert table["tries"].tolist() == [1, 2, 2]
    assert table["internal_nd"].tolist() == [0, 1, 1]
    assert table["integration_time"].tolist() == pytest.approx([0.1, 0.1, 0.01])
    assert set(table["speed_mode"].tolist()) == {b"manual"}
    notes = [event.text for event in attempt.events if isinstance(event, Note)]
    assert sum("too much light; again with" in text for text in notes) == 2
    assert np.allclose(
        table["luminance"][1:] / run.tables["jvl"]["luminance"][table["point_index"][1:]], 1.0, atol=0.02
    )
    attempt.check_what_is_left("completed")


def test_too_bright_for_every_mode_costs_the_spectrum_only(tmp_path: Path) -> None:
    sweep = sweep_with(
        tmp_path, "{at_voltage: [8 V], speed: manual, integration_time: 10 s, internal_nd: off, retries: 1}"
    )
    attempt = Attempt(sweep, tmp_path / "runs")
    run = attempt.run().run
    assert run is not None
    assert run.status is RunStatus.COMPLETED
    assert not len(run.tables["spectra"]["start"])
    notes = [event.text for event in attempt.events if isinstance(event, Note)]
    assert any("not tried again" in text for text in notes)
    assert any("no spectrum at 8 V" in text and "ER10" in text for text in notes)


def test_spectra_afterwards_are_at_the_asked_luminances_and_of_no_branch(tmp_path: Path) -> None:
    stop = "stop: {luminance_above: 2000 cd/m^2}"
    attempt = Attempt(
        sweep_with(tmp_path, "{afterwards: {at_luminance: [1000 cd/m^2, 100 cd/m^2, 30000 cd/m^2]}}", more=stop),
        tmp_path / "runs",
    )
    run = attempt.run().run
    assert run is not None
    assert run.status is RunStatus.STOPPED  # by its rule; the spectra are taken all the same
    table, points = run.tables["spectra"], run.tables["jvl"]
    # the first level rested on an assumed line, which is 4 % off: it is taken once more
    assert table["asked_luminance"].tolist() == [1000.0, 1000.0, 100.0]
    assert table["luminance"].tolist() == pytest.approx([1040.0, 1000.0, 100.0], rel=0.025)
    assert _said(attempt, "taken once more at a corrected level")
    assert (points["branch"][table["point_index"]] == b"after").all()
    assert (points["spectrum_source"][table["point_index"]] == b"measured").all()
    assert (np.abs(table["current_density_drift"]) < 0.01).all()
    # the curve interpolates between spectra taken afterwards; its figures are those of the curve alone
    assert b"interpolated" in points["spectrum_source"]
    figure = run.figures["luminance_max"]
    assert figure.value == pytest.approx(points["luminance"][of_sweep(points["branch"])].max())
    assert _said(attempt, "no spectrum afterwards at 30000 cd/m^2")
    of_curve = of_sweep(points["branch"])
    assert sum(int(here.sum()) for _, _, here in branches(run)) == of_curve.sum() < run.points
    summary = summary_of(run)
    assert (summary.points, summary.reached_level) == (of_curve.sum(), points["source_level"][of_curve][-1])
    attempt.check_what_is_left("stopped")


def _said(attempt: Attempt, text: str) -> bool:
    return any(text in event.text for event in attempt.events if isinstance(event, Note))


def test_a_stop_during_a_spectrum_afterwards_ends_the_run_in_order(tmp_path: Path) -> None:
    attempt = Attempt(sweep_with(tmp_path, "{afterwards: {at_luminance: [5 cd/m^2, 100 cd/m^2]}}"), tmp_path / "runs")

    def watch(event: object) -> None:
        if getattr(getattr(event, "reading", None), "branch", None) is Branch.AFTERWARDS:
            attempt.stop.ask("interrupted by Ctrl-C")

    attempt.watch = watch
    run = attempt.run().run
    assert run is not None
    assert (run.status, run.stop_reason) == (RunStatus.STOPPED, "interrupted by Ctrl-C")
    assert not len(run.tables["spectra"]["start"])
    attempt.check_what_is_left("stopped")


def test_kappa_of_a_device_that_moves_its_colour_stays_within_the_share_where_no_spectrum_was_needed(
    tmp_path: Path,
) -> None:
    truth = (CONFIGS / "devices" / "sppo13.yaml").read_text(encoding="utf-8")
    (tmp_path / "moving.yaml").write_text(truth.replace("shift: -0.1 nm/decade", "shift: -2 nm/decade"), "utf-8")
    sweep = sweep_with(tmp_path, "{as_needed: {share: 1 %}, every: {points: 1, above: 20 cd/m^2}}")
    text = sweep.read_text(encoding="utf-8").replace("step: 0.5 V", "step: 0.1 V")
    sweep.write_text(text.replace(f"{CONFIGS.as_posix()}/devices/sppo13.yaml", "moving.yaml"), "utf-8")
    attempt = Attempt(sweep, tmp_path / "runs")
    run = attempt.run().run
    assert run is not None
    points, of = run.tables["jvl"], run.tables["spectra"]["point_index"]
    assert attempt.simulated is not None
    device: Any = attempt.simulated.fixture.load
    emission = device.parameters.emission
    lit = np.flatnonzero(points["luminance"] > 20.0)
    without = np.setdiff1d(lit, of)
    assert 3 <= len(of) < len(lit) / 2
    used = points["external_quantum_efficiency"][without] / points["current_efficiency"][without]
    peaks = [line_peak(density, emission) for density in points["current_density"][without].tolist()]
    true = [spectral_factors(line_shape(peak, emission)).kappa for peak in peaks]
    assert np.abs(used / true - 1).max() < 0.01
    assert _said(attempt, f"{len(of)} of {len(lit)} that were due")
    assert _said(attempt, "s of exposure saved")
