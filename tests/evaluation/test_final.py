"""The final evaluation of a run: what it says beside numbers."""

from __future__ import annotations

import numpy as np

from acquire.evaluation.calibration import Calibration, Conditions
from acquire.evaluation.final import final_evaluation
from acquire.records import DarkReading

CALIBRATION = Calibration(conditions=Conditions(1.4e-5, 5e6))


def test_a_caution_is_noted_where_the_run_begins() -> None:
    """At the first dark reading, which is not the start of the run: the instruments were set up before."""
    dark = [DarkReading(time, 0.0, 0.0, 1.0 + 1e-5 * time, after=False) for time in (7.5, 8.0, 8.5)]
    columns = {
        "source_level": np.full(5, 3.0),
        "voltage": np.full(5, 3.0),
        "current": np.full(5, 1e-3),
        "photodiode_signal": np.full(5, 0.2),
        "flags": np.zeros(5, int),
    }
    (note,) = final_evaluation(dark, [], CALIBRATION).cautions(columns, "V")
    assert "5 points have less light than the dark readings" in note.text
    assert note.time == 7.5
