"""The air beside the bench, as findings, facts, tables and the checklist tell of it."""

from __future__ import annotations

import numpy as np
import pytest

from acquire.evaluation.calibration import Calibration, Conditions
from acquire.evaluation.evidence import Evidence
from acquire.evaluation.known import Known
from acquire.evaluation.surroundings_findings import unusual_temperature
from acquire.photometry.customary_units import customary
from acquire.records import Severity

EVIDENCE = Evidence(Calibration(conditions=Conditions(emissive_area=1.4e-5, transfer=5e6)))


def found(*celsius: float) -> list[tuple[str, float, float]]:
    points = {"ambient_temperature": np.array(celsius) + 273.15}
    known = Known(EVIDENCE, points, (), "V", 5.0)
    return [(one.severity, round(one.value, 6), one.limit) for one in unusual_temperature(known)]


@pytest.mark.parametrize("celsius", [(), (np.nan,), (23.0,), (21.0, 25.0), (21.0, np.nan)])
def test_a_usual_room_or_an_unknown_one_is_no_finding(celsius: tuple[float, ...]) -> None:
    assert found(*celsius) == []


@pytest.mark.parametrize(("celsius", "limit"), [((23.0, 25.1), 25.0), ((20.8, 25.05), 21.0), ((28.0, np.nan), 25.0)])
def test_a_warm_or_a_cold_room_is_a_note(celsius: tuple[float, ...], limit: float) -> None:
    worst = max((c for c in celsius if c == c), key=lambda c: abs(c - 23.0))
    assert found(*celsius) == [(Severity.NOTE, pytest.approx(worst), pytest.approx(limit))]


def test_a_run_without_a_logger_of_an_older_program_is_no_finding() -> None:
    known = Known(EVIDENCE, {"time": np.zeros(3)}, (), "V", 5.0)
    assert list(unusual_temperature(known)) == []


def test_kelvin_in_the_file_are_degrees_celsius_for_people() -> None:
    assert customary(296.15, "ambient_temperature") == pytest.approx(23.0)
    assert customary(0.41, "relative_humidity") == pytest.approx(41.0)
