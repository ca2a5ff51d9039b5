"""A short run with spectra, made once; each test has a copy of its file."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from acquire.run_file.read import Run, read_run
from tests.conftest import CONFIGS, run_sweep_file

SWEEP = """kind: sweep
title: short
bench: {configs}/benches/simulated.yaml
sample:
  name: SPPO13/Liq
  emissive_area: 14 mm^2
  emissive_area_uncertainty: 0.16 mm^2
  expected_line: {{peak: 520 nm, fwhm: 19 nm}}
  simulated_as: {configs}/devices/sppo13_liq.yaml
source: {{function: voltage, start: 3.6 V, stop: 6.6 V, step: 0.3 V, compliance: 100 mA}}
measure: {{settle: 2 ms, nplc: 0.1, current_range: 100 mA, photodiode_range: 10 V}}
spectra:
  at_luminance: [100 cd/m^2, 1000 cd/m^2]
dark: {{readings: 3}}
"""


@pytest.fixture(scope="session")
def short_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of a short run with two spectra."""
    folder = tmp_path_factory.mktemp("short")
    sweep = folder / "short.yaml"
    sweep.write_text(SWEEP.format(configs=CONFIGS.as_posix()), encoding="utf-8")
    run = run_sweep_file(sweep, folder).run
    assert run is not None
    return run.path


@pytest.fixture
def path(short_run: Path, tmp_path: Path) -> Path:
    """A copy of it, alone in its folder."""
    return Path(shutil.copy(short_run, tmp_path / "run.h5"))


@pytest.fixture(scope="session")
def run(short_run: Path) -> Run:
    """The same as it is read."""
    return read_run(short_run)
