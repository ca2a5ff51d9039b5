"""Each contradiction, made by hand from first principles: how grave, in which words, and what it takes the ok from.

The runs here are honest but for the one thing that is wrong with them. Their signals are computed in this file, so that
nothing that is asked rests on the formulas that are asked about.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from math import inf, nan, pi
from typing import Any

import numpy as np
import pytest

from acquire.evaluation.before_findings import likely_area
from acquire.evaluation.calibration import Calibration, Conditions, LightUncertainty, LuminanceRoute, Provenance
from acquire.evaluation.evidence import Evidence
from acquire.evaluation.figure import Figure
from acquire.evaluation.final import final_evaluation
from acquire.evaluation.findings import Watch, findings, findings_before, judged
from acquire.evaluation.known import Known
from acquire.evaluation.light_compared import common_slip
from acquire.evaluation.spectrum import with_colorimetry
from acquire.photometry.grid import integrate
from acquire.photometry.luminous import luminance
from acquire.photometry.photodiode import calibration_from_geometry
from acquire.photometry.spectra import gaussian
from acquire.records import (
    Branch,
    Columns,
    DarkReading,
    Finding,
    FloatArray,
    PointFlag,
    Reading,
    Record,
    Severity,
    Spectrum,
)
from acquire.run_file.layout import jvl_columns
from acquire.run_file.read import table_of
from tests.conftest import ROOT

AREA, GAIN, DARK, ETENDUE = 1.4e-5, 5e6, 1e-4, 1.39494011e-7
RESPONSIVITY = 0.3 * (np.arange(380.0, 781.0) / 520.0)
BUDGET = LightUncertainty(1.6e-7, 0.0115, 0.01, 0.005, 0.0011547, 0.17, 0.0)
LUMINANCES = np.geomspace(0.02, 5000.0, 25)
#: cd/A, with a maximum inside the sweep.
EFFICIENCIES = 20.0 / (1.0 + 50.0 / LUMINANCES + LUMINANCES / 2000.0)
DAY = "2026-03-31"


def calibration(**conditions: Any) -> Calibration:
    known = {"emissive_area": AREA, "transfer": GAIN, **conditions}
    photodiode = replace(
        calibration_from_geometry(ETENDUE, RESPONSIVITY), relative_uncertainty=0.02, identification="made here"
    )
    return Calibration(conditions=Conditions(**known), uncertainty=BUDGET, photodiode=photodiode)


def line_at(light: float, centre: float = 520.0) -> FloatArray:
    line = gaussian(centre, 30.0)
    return line * (light / luminance(line))


@dataclass
class Run:
    """An honest sweep; ``seen`` changes what the amplifier gives for a signal [V] without dark and a time [s]."""

    calibrated: Calibration = field(default_factory=calibration)
    lights: FloatArray = field(default_factory=LUMINANCES.copy)
    currents: FloatArray = field(default_factory=lambda: LUMINANCES / EFFICIENCIES * AREA)
    levels: FloatArray = field(default_factory=lambda: np.linspace(3.0, 7.8, LUMINANCES.size))
    seen: Callable[[FloatArray, FloatArray], FloatArray] = lambda signal, _: signal
    spectra_at: Sequence[int] = (16, 18, 20, 22, 24)
    centre: float = 520.0
    flags: dict[int, PointFlag] = field(default_factory=dict)

    def signal(self, light: float, time: float) -> float:
        lit = GAIN * ETENDUE * integrate(line_at(light, self.centre) * RESPONSIVITY)
        return float(self.seen(np.array([lit]), np.array([time]))[0]) + DARK

    def spectra(self) -> list[Spectrum]:
        taken = []
        for index, at in enumerate(self.spectra_at):
            radiance, time = line_at(self.lights[at], self.centre), float(at)
            measured = Spectrum(index, at, Branch.FORWARD, time, time + 1.0, radiance, 0.5)
            taken.append(with_colorimetry(replace(measured, photodiode_signal=self.signal(self.lights[at], time))))
        return taken

    def live(self) -> Columns:
        readings = [
            Reading(
                i,
                Branch.FORWARD,
                float(self.levels[i]),
                float(i),
                float(self.levels[i]),
                float(self.currents[i]),
                self.signal(self.lights[i], float(i)),
                flags=self.flags.get(i, PointFlag.NONE),
            )
            for i in range(self.lights.size)
        ]
        return table_of([Record(reading, reading.flags) for reading in readings], jvl_columns("V"))

    def result(self, after: Sequence[DarkReading] = ()) -> tuple[dict[str, Figure], dict[str, Finding]]:
        final = final_evaluation([*dark(), *after], self.spectra(), self.calibrated)
        figures, found = final.judged(final.points(self.live()), "V", DAY)
        return figures, {finding.code: finding for finding in found}


def dark() -> list[DarkReading]:
    return [DarkReading(-1.0, 0.0, 0.0, DARK + step, after=False) for step in (-1e-6, 0.0, 1e-6)]


def test_an_honest_run_has_nothing_against_it() -> None:
    figures, found = Run().result()
    assert not found
    assert {f.status for name, f in figures.items() if name.startswith("external_quantum_efficiency")} <= {
        "ok",
        "not_reached",
    }
    assert figures["luminance_max"].status == "at_end_of_sweep"
    assert figures["turn_on_voltage"].status == "ok"


@pytest.mark.parametrize(
    ("current_range", "share", "severity"),
    [
        (nan, 0.1, None),  # 3.6 uA where light begins, on the range for it
        (0.1, 0.1, None),  # no figure of merit comes from there
        (0.1, 0.005, Severity.DOUBTFUL),
    ],
)
def test_light_without_a_current_that_its_range_resolves(
    current_range: float, share: float, severity: Severity | None
) -> None:
    run = Run(calibrated=calibration(current_range=current_range))
    run.currents = share * run.currents
    _, found = run.result()
    if severity is None:
        assert "current_not_resolved" not in found
        return
    finding = found["current_not_resolved"]
    assert finding.severity is severity
    assert "their efficiencies mean nothing" in finding.text
    assert "current_efficiency_max" in finding.figures


def dark_after(*signals: float) -> list[DarkReading]:
    return [DarkReading(30.0 + i, 0.0, 0.0, signal, after=True) for i, signal in enumerate(signals)]


def test_dark_readings_of_which_one_was_not_dark_take_the_ok_from_light() -> None:
    """Before: three readings with 1 uV between them, which is 1 uV of scatter."""
    figures, found = Run().result(dark_after(DARK, DARK + 14e-3, DARK + 1e-6))
    finding = found["dark_unsteady"]
    assert finding.severity is Severity.DOUBTFUL
    assert "the dark readings after the sweep scatter by 0.00808 V, those before it by 1e-06 V" in finding.text
    assert finding.value == pytest.approx(14e-3 / 3**0.5, rel=1e-3)
    assert {figures[name].status for name in ("luminance_max", "external_quantum_efficiency_max")} == {"doubtful"}
    assert figures["peak_wavelength"].status == "ok"


def test_dark_readings_that_scatter_a_little_more_than_before_are_honest() -> None:
    """Two standard deviations of three readings differ by a factor of 31.6 once in a thousand pairs."""
    assert not Run().result(dark_after(DARK, DARK + 30e-6, DARK + 60e-6))[1]
    assert not Run().result(dark_after(DARK + 40e-6))[1], "of one reading no scatter is known"


# --- photodiode against spectra ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (0.1, "looks like 1/10 (one decade of the amplifier's gain, or of the pixel area)"),
        (1 / pi, "1/pi"),
        (1 / 4, "looks like 1/4"),
    ],
)
def test_a_photodiode_that_sees_too_little_is_doubtful_with_the_slip(wrong: float, words: str) -> None:
    figures, found = Run(seen=lambda signal, _: signal * wrong).result()
    finding = found["photodiode_factor"]
    assert finding.severity is Severity.DOUBTFUL
    assert words in finding.text
    assert "one factor at all 5 spectra" in finding.text
    assert finding.value == pytest.approx(wrong, rel=1e-6)
    assert 0.05 <= finding.limit < 0.1
    for name in ("luminance_max", "current_efficiency_max", "external_quantum_efficiency_max", "turn_on_voltage"):
        assert figures[name].status == "doubtful", name
        assert finding.text in figures[name].reason
        assert name in finding.figures
    for name in ("chromaticity_x", "peak_wavelength", "fwhm"):
        assert figures[name].status == "ok", "the shape of a spectrum is not the photodiode's"


def test_more_luminance_than_any_light_of_this_radiance_has_is_impossible() -> None:
    """K_r of this line is about 480 lm/W; twice that is beyond the 683 lm/W of 555 nm."""
    figures, found = Run(seen=lambda signal, _: signal * 10).result()
    assert found["photodiode_factor"].severity is Severity.IMPOSSIBLE
    assert "no light more than 683" in found["photodiode_factor"].text
    assert figures["luminance_max"].status == "impossible"


@pytest.mark.parametrize(("wrong", "severity"), [(1.0, None), (1.06, Severity.NOTE), (0.94, Severity.NOTE)])
def test_what_their_uncertainties_allow_is_quiet_and_a_little_more_is_a_note(
    wrong: float, severity: Severity | None
) -> None:
    """Uniformity, position, way B with area and scale: u is 2.8 %, so that 6 % is beyond k = 2 and within k = 3."""
    figures, found = Run(seen=lambda signal, _: signal * wrong).result()
    assert [finding.severity for finding in found.values()] == ([severity] if severity else [])
    assert figures["current_efficiency_max"].status == "ok", "a note takes no ok away"


def test_an_error_of_the_scale_cancels_where_the_photodiode_was_calibrated_against_it() -> None:
    """Way A: what is left is repositioning, uniformity, statistics. Way B has the scale and the area between them."""
    geometry = calibration()
    assert geometry.photodiode is not None
    factor = replace(geometry, photodiode=replace(geometry.photodiode, scale_slope=1e-4, relative_uncertainty=0.002))
    seen = lambda signal, _: signal * 1.045  # noqa: E731
    assert not Run(geometry, seen=seen).result()[1]
    assert Run(factor, seen=seen).result()[1]["photodiode_factor"].severity is Severity.NOTE


def test_a_quotient_that_moves_with_level_is_told_from_one_that_moves_with_time() -> None:
    saturating = Run(seen=lambda signal, _: signal / (1 + signal / 2.0))
    assert "moves with the level" in saturating.result()[1]["photodiode_not_linear"].text
    drifting = Run(seen=lambda signal, time: signal * (1 + 0.3 * np.sin(time)))
    drifting.lights[15:] = drifting.lights[15]  # one level, many times
    drifting.currents[15:] = drifting.currents[15]
    drifting.seen = lambda signal, time: signal * (1 - 0.03 * np.maximum(time - 15.0, 0.0))
    assert "moves with time" in drifting.result()[1]["photodiode_drift"].text


def test_a_photodiode_without_light_beside_bright_spectra_is_told() -> None:
    """Unplugged: there is no quotient to take the logarithm of."""
    _, found = Run(seen=lambda signal, _: 0.0 * signal).result()
    assert found["photodiode_factor"].value == pytest.approx(0.0, abs=1e-3)


def test_a_spectrum_that_is_cut_off_says_little_about_the_photodiode() -> None:
    run = Run(seen=lambda signal, _: signal * 1.12, centre=760.0)
    run.currents *= 2e4  # hardly anything of it is visible
    figures, found = run.result()
    assert found["photodiode_factor"].severity is Severity.NOTE
    assert figures["external_quantum_efficiency_max"].status == "lower_bound"
    assert "380 or 780 nm" in figures["external_quantum_efficiency_max"].reason
    assert figures["current_efficiency_max"].status == "ok"


@pytest.mark.parametrize(
    ("ratio", "factor"),
    [(10.2, "10 "), (0.0099, "1/100 "), (3.1, "pi "), (683.0, "683 "), (1e-4, "1/1e+04 "), (1.3, "")],
)
def test_common_slips_by_their_factor(ratio: float, factor: str) -> None:
    assert common_slip(ratio).startswith(f"it looks like {factor}" if factor else "")
    assert bool(common_slip(ratio)) == bool(factor)


def test_nothing_looks_like_a_slip_where_there_is_no_light() -> None:
    assert common_slip(0.0) == common_slip(-0.1) == common_slip(inf) == ""


def test_a_spectrum_that_its_meter_sees_otherwise_is_doubtful() -> None:
    run = Run()
    spectra = run.spectra()
    good = replace(spectra[0], meter_luminance=1.002 * spectra[0].luminance, meter_x=spectra[0].x + 0.001)
    garbled = replace(spectra[1], meter_luminance=1.1 * spectra[1].luminance)
    run.spectra = lambda: [good, garbled, *spectra[2:]]  # type: ignore[method-assign]
    figures, found = run.result()
    finding = found["spectrum_contradicts_its_meter"]
    assert finding.text.startswith("spectrum 2 is not what the spectroradiometer made of it")
    assert figures["chromaticity_x"].status == figures["external_quantum_efficiency_max"].status == "doubtful"
    assert figures["current_efficiency_max"].status == "ok"


# --- bounds of physics -----------------------------------------------------------------------------------------


def test_more_photons_than_electrons_are_impossible() -> None:
    """An area in cm^2 taken for m^2 leaves luminance as it is, and the current density far too small."""
    run = Run(spectra_at=())
    run.currents /= 1000.0
    run.calibrated = replace(run.calibrated, stand_in=replace(run.calibrated.stand_in, assumed=line_at(1.0)))
    figures, found = run.result()
    assert found["more_photons_than_electrons"].severity is Severity.IMPOSSIBLE
    assert found["more_photons_than_electrons"].limit == 1.0
    assert found["more_light_than_power"].severity is Severity.IMPOSSIBLE
    assert figures["external_quantum_efficiency_max"].status == "impossible"
    assert figures["turn_on_voltage"].status == "assumed_spectrum", "not made from the current"


def test_noise_in_the_dark_is_not_held_against_physics() -> None:
    run = Run()
    run.currents[:3] = 1e-15
    assert not run.result()[1]


# --- the photodiode's signal ------------------------------------------------------------------------------------


def test_an_amplifier_at_its_rail_is_seen_without_being_told_of() -> None:
    figures, found = Run(seen=lambda signal, _: np.minimum(signal, 0.2), spectra_at=(14, 16, 18)).result()
    finding = found["amplifier_at_limit"]
    assert finding.severity is Severity.DOUBTFUL
    assert "points read 0.2001 V while the current goes from" in finding.text
    assert figures["luminance_max"].status == "lower_bound"
    assert "amplifier was at its limit" in figures["luminance_max"].reason
    assert figures["turn_on_voltage"].status == "ok"
    assert "luminance_max" in finding.figures
    assert "turn_on_voltage" not in finding.figures


def test_a_limit_that_the_bench_gives_flags_a_single_point() -> None:
    rail = 1.01 * Run().signal(LUMINANCES[23], 0.0)
    limited = calibration(amplifier_limit=rail)
    run = Run(limited, seen=lambda signal, _: np.minimum(signal, rail - DARK), spectra_at=(14, 16, 18))
    final = final_evaluation(dark(), run.spectra(), limited)
    flags = final.points(run.live())["flags"]
    assert list(np.flatnonzero(flags & int(PointFlag.AMPLIFIER_LIMIT))) == [24]
    figures, found = run.result()
    assert f"the bench file gives {rail:.4g} V" in found["amplifier_at_limit"].text
    assert figures["luminance_max"].status == "lower_bound"


def test_the_top_of_a_roll_off_is_no_rail() -> None:
    """Luminance that goes through its maximum is flat there too, but not over a sixth of the current."""
    run = Run(spectra_at=())
    run.currents = np.linspace(1e-3, 3e-3, 25)
    run.lights = 5000.0 * (1 - ((run.currents - 2e-3) / 2e-3) ** 2)
    assert "amplifier_at_limit" not in run.result()[1]


def test_a_constant_offset_without_light_is_no_rail() -> None:
    run = Run(seen=lambda signal, _: 0.0 * signal, spectra_at=())
    assert not run.result()[1]


def test_a_signal_that_falls_with_light_is_named() -> None:
    _, found = Run(seen=lambda signal, _: -signal, spectra_at=()).result()
    finding = found["signal_falls_with_light"]
    assert finding.severity is Severity.DOUBTFUL
    assert "-5e+06 V/A" in finding.remedy
    right = Run(calibration(transfer=-GAIN), seen=lambda signal, _: -signal)
    assert not right.result()[1]
    assert right.result()[0]["luminance_max"].value == pytest.approx(5000.0, rel=1e-6)


def test_a_zero_that_was_lit_is_not_a_falling_signal() -> None:
    """The device shone at the dark level: all points are lower by about the same."""
    run = Run(seen=lambda signal, _: 0.0 * signal - 0.05, spectra_at=())
    assert "signal_falls_with_light" not in run.result()[1]


@pytest.mark.parametrize(("polarity", "side"), [(1.0, "negative"), (-1.0, "positive")])
def test_light_on_the_other_side_only_is_named(polarity: float, side: str) -> None:
    run = Run(calibration(polarity=polarity), spectra_at=())
    run.levels = run.levels * -polarity
    run.currents = run.currents * -polarity
    finding = run.result()[1]["light_on_other_side"]
    assert finding.severity is Severity.DOUBTFUL
    assert f"at {side} levels only" in finding.text
    assert f"sample.polarity: {side}" in finding.remedy


def test_a_device_that_shines_on_both_sides_is_not() -> None:
    run = Run(spectra_at=())
    run.levels[::2] *= -1
    assert "light_on_other_side" not in run.result()[1]


# --- flags of points ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("flag", "status"),
    [
        (PointFlag.READING_REPEATED, "reading_repeated"),
        (PointFlag.OVER_VOLTAGE, "compliance"),
        (PointFlag.AMPLIFIER_LIMIT, "ok"),
        (PointFlag.LATE, "ok"),
    ],
)
def test_a_flag_of_the_point_behind_a_figure_is_its_status(flag: PointFlag, status: str) -> None:
    """The amplifier's limit follows from the reading each time it is evaluated; that a point came late is no error."""
    top = int(np.argmax(EFFICIENCIES))
    figures, _ = Run(flags={top: flag}).result()
    assert figures["current_efficiency_max"].status == status
    assert figures["luminance_at_current_efficiency_max"].status == status
    assert figures["turn_on_voltage"].status == "ok"
    assert bool(figures["current_efficiency_max"].reason) == (status != "ok")


def test_points_between_which_a_figure_lies_count_and_a_missing_one_in_between() -> None:
    crossing = int(np.flatnonzero(LUMINANCES >= 1.0)[0])
    figures, _ = Run(flags={crossing: PointFlag.READING_REPEATED}).result()
    assert figures["turn_on_voltage"].status == "reading_repeated"
    assert figures["current_efficiency_max"].status == "ok"
    run = Run(flags={crossing: PointFlag.NO_PHOTODIODE_READING})
    run.lights = run.lights.copy()
    signal = run.signal
    run.signal = lambda light, time: nan if time == crossing else signal(light, time)  # type: ignore[method-assign]
    assert run.result()[0]["turn_on_voltage"].status == "bad_reading"


def test_a_stand_in_spectrum_is_said_of_what_rests_on_it() -> None:
    run = Run(spectra_at=())
    run.calibrated = replace(run.calibrated, stand_in=replace(run.calibrated.stand_in, assumed=line_at(1.0)))
    figures, found = run.result()
    assert not found
    for name in ("external_quantum_efficiency_max", "current_efficiency_max", "turn_on_voltage"):
        assert figures[name].status == "assumed_spectrum", name
    assert figures["luminance_max"].status == "at_end_of_sweep"
    assert "an assumed one" in figures["luminance_max"].reason, "one status, every reason"
    assert figures["voltage_at_current_efficiency_max"].status == "ok"


def test_a_maximum_where_the_source_was_limited_says_so() -> None:
    run = Run(flags={24: PointFlag.COMPLIANCE})
    run.spectra_at = (16, 18, 20)
    top = run.result()[0]["luminance_max"]
    assert top.status == "at_end_of_sweep"
    assert top.reason == "the largest value is that of the last point before the source was limited"


# --- before the first point ----------------------------------------------------------------------------------------


def codes(**different: Any) -> dict[str, Severity]:
    known = {"emissive_area": AREA, "transfer": GAIN, **different.pop("conditions", {})}
    asked = replace(calibration(), conditions=Conditions(**known), provenance=Provenance(**different))
    return {finding.code: finding.severity for finding in findings_before(asked, "V", DAY)}


def test_dates_of_the_calibration() -> None:
    assert codes(date="2026-03-31", valid_until="2026-03-31") == {}
    assert codes(date="2026-04-01") == {"calibration_of_the_future": Severity.NOTE}
    assert codes(date="2025-01-01", valid_until="2026-03-30") == {"calibration_expired": Severity.NOTE}
    from_spectra = {"luminance_route": LuminanceRoute.FROM_SPECTRA.value}
    assert codes(date="2026-04-01", conditions=from_spectra) == {}, "nothing rests on it"


def test_the_example_of_the_simulated_bench_on_a_real_one() -> None:
    assert codes(example=True, conditions={"simulated": True}) == {}
    assert codes(example=True) == {"calibration_is_example": Severity.DOUBTFUL}
    run = Run(replace(calibration(), provenance=Provenance(example=True)))
    assert {figure.status for figure in run.result()[0].values() if np.isfinite(figure.value)} == {"doubtful"}


@pytest.mark.parametrize(("area", "asked"), [(14e-6, False), (14e-4, True), (14.0, True), (1e-9, True)])
def test_an_unlikely_area_is_noted(area: float, asked: bool) -> None:
    span = {"smallest_emissive_area": 1e-8, "largest_emissive_area": 4e-4}
    assert codes(conditions={**span, "emissive_area": area}) == ({"unlikely_area": Severity.NOTE} if asked else {})


# --- while it goes on, and how figures are judged ------------------------------------------------------------------


def test_each_is_told_once_while_the_run_goes_on_and_again_when_it_is_graver() -> None:
    run = Run(seen=lambda signal, _: signal * 1.06)
    watch, evidence, told = Watch("V"), Evidence(run.calibrated).with_dark(dark()), []
    for row in range(25):
        watch.point(Record(Reading(row, Branch.FORWARD, 5.0, float(row), 5.0, 1e-3, 0.1), PointFlag.NONE))
    for number, spectrum in enumerate(run.spectra()):
        if number == 3:
            spectrum = replace(spectrum, photodiode_signal=2 * spectrum.photodiode_signal)
        evidence = evidence.with_spectrum(spectrum)
        told += [(number, one.code, one.severity) for one in watch.spectrum(spectrum, evidence)]
    assert told[0] == (0, "photodiode_factor", Severity.NOTE)
    assert [number for number, *_ in told] == [0, 3]
    assert told[1][2] in (Severity.DOUBTFUL, Severity.IMPOSSIBLE)


def test_a_question_that_fails_costs_neither_the_run_nor_the_others() -> None:
    def broken(known: Known) -> Iterator[Finding]:
        yield from [known.points["nowhere"]]  # type: ignore[misc]

    known = Known(Evidence(calibration(emissive_area=1.0, largest_emissive_area=0.5)), {}, (), "V", 3.0)
    lost, area = findings(known, (broken, likely_area))
    assert area.code == "unlikely_area"
    assert lost.code == "not_asked"
    assert lost.text == "broken could not be asked (KeyError: 'nowhere')"
    assert lost.severity is Severity.NOTE


def test_the_gravest_decides_and_all_reasons_stay() -> None:
    figures = {"a": Figure(1.0, "V", "at_end_of_sweep", reason="at the end"), "b": Figure(nan, "V", "not_reached")}
    found = [
        Finding(0.0, "x", Severity.DOUBTFUL, "one", ("a", "b")),
        Finding(0.0, "y", Severity.IMPOSSIBLE, "two", ("a",)),
        Finding(0.0, "z", Severity.NOTE, "three", ("a",)),
    ]
    after = judged(figures, found)
    assert after["a"].status == "impossible"
    assert after["a"].reason == "two; one; at_end_of_sweep (at the end)"
    assert after["b"] == figures["b"] or after["b"].status == "not_reached", "there is no value to doubt"


def codes_in(module: ast.Module) -> Iterator[str]:
    """The codes of findings that a module can make, written out or by the name of a constant."""
    constants = {
        node.targets[0].id: node.value.value
        for node in module.body
        if isinstance(node, ast.Assign)
        and isinstance(node.targets[0], ast.Name)
        and isinstance(node.value, ast.Constant)
    }
    place = {"Finding": 1, "_Behaviour": 0, "_Bound": 0}
    for node in ast.walk(module):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in place and node.args:
            match node.args[place[node.func.id]]:
                case ast.Constant(value=str(code)):
                    yield code
                case ast.Name(id=name):
                    yield str(constants[name])


def test_the_page_on_findings_names_every_code_and_no_other() -> None:
    sources = (ROOT / "acquire" / "evaluation").glob("*.py")
    made = {code for path in sources for code in codes_in(ast.parse(path.read_text(encoding="utf-8")))}
    page = (ROOT / "docs" / "reference" / "findings.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (`[^|]+)\|", page.partition("## What is asked")[2].partition("## ")[0], flags=re.MULTILINE)
    assert {code for row in rows for code in re.findall(r"`(\w+)`", row)} == made
    assert "amplifier_at_limit" in made


ROLL_OFFS = [f"roll_off_{what}_{share}" for what in ("current_density", "luminance") for share in (50, 90)]


def rolling_off(**parts: Any) -> Run:
    """A run whose efficiency falls to less than half of its maximum."""
    lights = np.geomspace(0.02, 20000.0, 25)
    currents = lights / (20.0 / (1.0 + 50.0 / lights + lights / 2000.0)) * AREA
    return Run(lights=lights, currents=currents, spectra_at=(12, 15, 18), **parts)


def test_an_honest_roll_off_is_ok() -> None:
    figures, _ = rolling_off().result()
    assert {figures[name].status for name in ROLL_OFFS} == {"ok"}


def test_what_the_amplifier_could_not_follow_is_no_roll_off() -> None:
    limited = rolling_off(seen=lambda signal, _: np.minimum(signal, 0.5))
    figures, found = limited.result()
    reached = [name for name in ROLL_OFFS if np.isfinite(figures[name].value)]
    assert reached
    assert {figures[name].status for name in reached} <= {"lower_bound", "doubtful", "impossible"}
    assert set(reached) <= set(found["amplifier_at_limit"].figures)


@pytest.mark.parametrize(
    ("conditions", "levels"), [({"lead_resistance": 20.0}, 1.0), ({"polarity": -1.0}, -1.0)], ids=["leads", "polarity"]
)
def test_flags_reach_the_maxima_whatever_was_taken_out_of_the_voltage(
    conditions: dict[str, float], levels: float
) -> None:
    run = rolling_off(calibrated=calibration(**conditions), centre=770.0)
    run.levels = levels * run.levels
    run.currents = 2e5 * levels * run.currents  # hardly anything of it is visible
    figures, _ = run.result()
    for name in ("external_quantum_efficiency_max", "external_quantum_efficiency_max_estimate"):
        assert figures[name].status == "lower_bound", name


def test_the_photodiodes_limit_says_nothing_where_spectra_alone_give_luminance() -> None:
    alone = calibration(luminance_route=LuminanceRoute.SPECTRORADIOMETER.value)
    run = rolling_off(calibrated=alone, seen=lambda signal, _: np.minimum(signal, 0.5))
    figures, found = run.result()
    assert "lower_bound" not in {figure.status for figure in figures.values()}
    assert found["amplifier_at_limit"].severity is Severity.NOTE


@pytest.mark.parametrize("route", [LuminanceRoute.FROM_SPECTRA, LuminanceRoute.SPECTRORADIOMETER])
def test_a_spot_beyond_the_pixel_is_doubtful_where_luminance_comes_from_spectra(route: LuminanceRoute) -> None:
    """Nothing else in the run could tell; with a smaller spot there is nothing to say."""
    for spot, expected in ((5e-3, True), (1e-3, False)):
        figures, found = Run(calibrated=calibration(luminance_route=route.value, spot=spot)).result()
        assert ("spot_larger_than_pixel" in found) is expected
        assert (figures["luminance_max"].status == "doubtful") is expected


def test_a_slip_is_the_nearest_one_whatever_is_uncertain() -> None:
    assert "looks like 100 " in common_slip(99.8, tolerance=1.2)
    assert common_slip(1.5, tolerance=1.2) == ""


def test_what_an_amplifier_at_its_limit_says_is_no_drift_of_the_photodiode() -> None:
    limited = Run(seen=lambda signal, _: np.minimum(signal, 0.5), spectra_at=(8, 10, 12, 14, 22, 23, 24))
    _, found = limited.result()
    assert "amplifier_at_limit" in found
    assert not {"photodiode_drift", "photodiode_not_linear", "photodiode_factor"} & set(found)


def test_a_reading_across_a_resistor_has_no_amplifier_to_stand_still() -> None:
    run = Run(calibrated=calibration(connection="shunt"), seen=lambda signal, _: np.minimum(signal, 0.5))
    assert "amplifier_at_limit" not in run.result()[1]


@pytest.mark.parametrize("route", sorted({*LuminanceRoute} - {LuminanceRoute.IMPORTED}))  # nothing is computed of that
def test_an_efficiency_that_no_planar_device_has_is_doubtful_by_every_route(route: LuminanceRoute) -> None:
    """The pixel area fifteen times too large: nothing but the efficiency tells of it where spectra give luminance."""
    figures, found = Run(calibrated=calibration(luminance_route=route.value, emissive_area=15 * AREA)).result()
    assert 0.5 < found["unlikely_efficiency"].value < 1.0
    assert figures["external_quantum_efficiency_max"].status == "doubtful"
    assert "unlikely_efficiency" not in Run(calibrated=calibration(luminance_route=route.value)).result()[1]
