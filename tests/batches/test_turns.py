"""Pixels that age by turns: each goes on in its own file, rests are recorded, also after an interruption."""

from __future__ import annotations

from math import nan
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import h5py
import numpy as np
import pytest

from acquire.batches import batch as batches
from acquire.batches.turns import Turn, remark
from acquire.bench.batch import check_file, prepare_batch
from acquire.records import Record
from acquire.run_file.batch_index import TURN_OVER
from acquire.safety.interruption import StopRequest
from tests.conftest import CONFIGS
from tests.endurance.batch_faults import Nobody

pytestmark = pytest.mark.usefixtures("read_here")

SWEEP = """kind: sweep
title: seconds of a life
bench: {configs}/benches/simulated_switch.yaml
sample: {{name: fading, emissive_area: 14 mm^2, pixel: A, expected_line: {{peak: 520 nm, fwhm: 20 nm}},
         simulated_as: {configs}/devices/sppo13_fading.yaml}}
source: {{function: current, levels: [1.5 mA], compliance: 10 V}}
measure: {{settle: 10 ms, nplc: 0.1}}
dark: {{readings: 2, after: false}}
lifetime: {{sampling: [{{every: 1 s, until: 4 s}}], initial_time: 1 s}}
exchange: false
"""
BATCH = """kind: batch
title: by turns
sweeps: sweep.yaml
pretest: false
stress_per_turn: 2 s
substrates: [{{name: S, pixels: [{{name: A}}, {{name: B}}]}}]
"""


def batch_in(folder: Path, **replaced: str) -> Path:
    (folder / "sweep.yaml").write_text(SWEEP.format(configs=CONFIGS.as_posix()), encoding="utf-8")
    text = BATCH.format()
    for old, new in replaced.items():
        text = text.replace(old, new)
    (folder / "batch.yaml").write_text(text, encoding="utf-8")
    return folder / "batch.yaml"


def test_two_pixels_by_turns_and_an_interruption(tmp_path: Path) -> None:
    batch, stop, output = prepare_batch(batch_in(tmp_path)), StopRequest(), tmp_path / "runs"
    first = batches.run_batch(batch, batches.index_of(batch, output), Nobody(lambda event: stop_at(event, stop)), stop)
    assert [str(entry.state) for entry in first.index.entries] == ["resting", "interrupted"]
    again = batches.run_batch(batch, batches.index_of(batch, output), Nobody(), StopRequest())
    assert [str(entry.state) for entry in again.index.entries] == ["measured", "measured"]
    assert [entry.run for entry in again.index.entries] == [entry.run for entry in first.index.entries]
    assert len(list(output.glob("*.h5"))) == 2
    for entry in again.index.entries:
        with h5py.File(output / entry.run) as file:
            stress, time = (file[f"entry/lifetime/{name}"][()] for name in ("stress_time", "time"))
            reasons = [text.decode() for text in file["entry/parts/reason"][()]]
            notes = [text.decode() for text in file["entry/notes/text"][()]]
            gaps = file["entry/parts/gap"][1:]
        assert (np.diff(stress) > 0).all()
        assert stress[-1] == pytest.approx(4.0, abs=0.1)
        assert time[-1] - time[0] > stress[-1] - stress[0] + 0.9 * gaps.sum()  # it rested meanwhile
        assert set(reasons[1:]) <= {TURN_OVER, "interrupted by Ctrl-C"}
        assert sum("not comparable with constant stress" in text for text in notes) == len(reasons)


def stop_at(event: Any, stop: StopRequest) -> None:
    """Ask for the end in the turn of the second pixel."""
    if isinstance(event, Record):
        seen = stop.__dict__.setdefault("seen", [])
        seen.append(event)
        if len(seen) == 5:
            stop.ask("interrupted by Ctrl-C")


@pytest.mark.parametrize(
    ("replaced", "told"),
    [
        ({"name: S,": "name: S, pixels: [{name: A}]}, {name: S2,"}, "there are several substrates"),
        ({"sweeps: sweep.yaml": f"sweeps: {CONFIGS.as_posix()}/sweeps/quick_look.yaml",
          "title: by": f"bench: {CONFIGS.as_posix()}/benches/simulated_switch.yaml\ntitle: by"}, "is no lifetime"),
        ({"title: by": f"bench: {CONFIGS.as_posix()}/benches/simulated.yaml\ntitle: by"}, "by hand at each turn"),
    ],
)  # fmt: skip
def test_what_turns_need_is_said(tmp_path: Path, replaced: dict[str, str], told: str) -> None:
    found = [str(problem) for problem in check_file(batch_in(tmp_path, **replaced)).problems]
    assert any(told in one for one in found), found


def record(time: float) -> Record:
    return Record._make([SimpleNamespace(time=time), *[nan] * (len(Record._fields) - 1)])


def test_a_turn_ends_after_its_time_and_hears_the_batch() -> None:
    of_batch = StopRequest()
    turn = Turn(of_batch, 10.0)
    turn.seen(record(5.0))
    turn.seen(record(14.9))
    assert not turn()
    turn.seen(record(15.0))
    assert turn() == TURN_OVER
    assert turn.over
    assert not of_batch()
    turn.note("interrupted by Ctrl-C")
    assert turn() == of_batch() == "interrupted by Ctrl-C"
    assert not turn.over


def test_what_a_turn_says() -> None:
    run: Any = SimpleNamespace(stress=100.0)
    assert "duty 25.0%" in remark(10.0, run, 400.0)
    assert remark(10.0, None, None).endswith("not comparable with constant stress")
