"""The page of acquire plan: what a technician reads before the output goes on."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from rich.cells import cell_len
from typer.testing import CliRunner

from acquire.bench.preparation import history_of, prepare
from acquire.cli import plan
from acquire.cli.commands import app
from acquire.config import Said
from acquire.evaluation.health import Check
from acquire.run_file.health_history import append
from tests.conftest import CONFIGS

SWEEPS = sorted((CONFIGS / "sweeps").glob("*.yaml"))
QUICK, LIQ, HYSTERESIS = (
    CONFIGS / "sweeps" / f"{name}.yaml" for name in ("quick_look", "table2_sppo13_liq", "hysteresis")
)
NOW = datetime(2026, 3, 31, 14, 25, 1, tzinfo=timezone(timedelta(hours=1)))


def lines(sweep: Path, bench: Path | None = None, **options: str) -> list[str]:
    said = [Said(f"--{name}", text) for name, text in options.items()]
    return list(plan.page(prepare(sweep, bench, said), Path("runs"), NOW))


def rows(page: list[str]) -> dict[str, str]:
    """Label and value of each row, in which lines that go on are joined."""
    read: dict[str, str] = {}
    label = ""
    for line in page[1:]:
        label = line[: plan.LABEL].strip().removesuffix(":") or label
        read[label] = f"{read.get(label, '')} {line[plan.LABEL :]}".strip()
    return read


def test_the_page_says_what_a_technician_asks() -> None:
    page = lines(LIQ, sample="A3", pixel="2", batch="B7", area="4 mm^2 +- 0.1 mm^2", user="Ada", note="annealed")
    read = rows(page)
    assert page[0] == "SPPO13/Liq, J-V-L and spectra"
    assert read["sample"] == "A3, pixel 2, batch B7"
    assert read["emissive area"] == "4 mm^2, u = 0.1 mm^2 (k = 1)"
    assert (read["user"], read["note"]) == ("Ada", "annealed")
    assert read["bench"].startswith("simulated bench (")
    assert read["calibration"] == "simulated-photodiode-1 of 2026-01-05, no end of validity given"
    assert read["levels"] == "forward: 0 V to 8 V in steps of 0.1 V (81 points)"
    assert read["dark"] == "readings at 0 V: 10 before, 10 after"
    assert "10, 30, 100, 300, 1000, 3000, 10000 cd/m^2" in read["spectra"]
    assert "at most 7 spectra" in read["spectra"]
    assert re.fullmatch(r"about 1:3\d \(m:ss\): points 130 ms each, spectra up to 1:2\d", read["time"])
    assert read["compliance"] == "100 mA"
    assert read["largest stress"] == "8 V, 100 mA, 800 mW; 2500 mA/cm^2 on this area"
    assert read["ends early"] == "in compliance"
    assert read["run file"] == "20260331T142501_A3_xxxxxxxx.h5 (if it begins now)"
    assert "sample.emissive_area is 4 mm^2 by --area; the sweep file says 14 mm^2" in read["this run"]


@pytest.mark.parametrize("sweep", SWEEPS, ids=lambda path: path.stem)
def test_every_shipped_sweep_has_a_page_of_at_most_80_columns(sweep: Path) -> None:
    page = lines(sweep, sample="蓝光 器件 " * 9, note="a remark of many words " * 9)
    paths = ("caution", "bench", "sweep file", "run file")
    assert all(cell_len(line) <= 80 or line.startswith(paths) for line in page)
    assert 15 < len(page) < 45


def test_both_branches_are_ranges() -> None:
    page = lines(HYSTERESIS)
    assert "levels:         forward: 0 V to 7 V in steps of 0.1 V (71 points)" in page
    assert "                reverse: 7 V to 0 V in steps of 0.1 V (71 points)" in page


@pytest.mark.parametrize(
    ("levels", "unit", "text"),
    [
        ([0.0], "V", "0 V (1 point)"),
        ([0.0, 0.3, 0.6, 0.9, 1.0], "V", "0 V to 0.9 V in steps of 0.3 V, then 1 V (5 points)"),
        ([0.0, 2.0, 4.0, 4.5], "V", "0 V to 4 V in steps of 2 V, then 4.5 V (4 points)"),
        ([1e-6, 2e-6, 3e-6], "A", "1 uA to 3 uA in steps of 1 uA (3 points)"),
        ([-1e-3, -2e-3], "A", "-1 mA to -2 mA in steps of 1 mA (2 points)"),
    ],
)  # fmt: skip
def test_levels_are_ranges_of_equal_steps(levels: list[float], unit: str, text: str) -> None:
    assert plan._ranges(levels, unit) == text


def test_the_list_of_levels_is_there_for_who_wants_it() -> None:
    done = CliRunner().invoke(app, ["plan", str(LIQ), "--levels"])
    assert done.exit_code == 0
    listed = done.output.splitlines()
    assert len(listed) == 81
    assert listed[-1].split() == ["81", "forward", "8.000", "V"]


def test_levels_with_a_spectrum_are_named(sweep_file: Callable[..., Path]) -> None:
    spectra = "spectra:\n  at_voltage: [4 V, 5.5 V]\n  every: {points: 3, above: 10 cd/m^2}\n\nstop:"
    read = rows(lines(sweep_file("quick_look.yaml", {"stop:\n": f"{spectra}\n"})))
    assert read["spectra"].startswith("at 4 V, 5.5 V at every 3rd point above 10 cd/m^2 at most 8 spectra")
    assert "no light by 7 V; a short: more than 1 mA below 2 V" in read["ends early"]


def test_a_long_run_says_when_it_would_be_over(sweep_file: Callable[..., Path]) -> None:
    sweep = sweep_file("quick_look.yaml", {"settle: 20 ms": "settle: 900 s"})
    assert "(h:mm:ss)" in rows(lines(sweep))["time"]
    assert rows(lines(sweep))["time"].endswith("begun now, over at 19:25")


@pytest.mark.parametrize(("until", "mark"), [("2026-03-30", ": EXPIRED"), ("2026-03-31", ""), ("2027-01-01", "")])
def test_a_calibration_says_until_when_it_is_valid(until: str, mark: str, bench_file: Callable[..., Path]) -> None:
    bench = bench_file({})
    name = re.search(r"calibration: (\S+)", bench.read_text(encoding="utf-8"))
    assert name
    shipped = Path(name[1])
    text = re.sub(r"(?m)^(responsivity: )", rf"\1{shipped.parent.as_posix()}/", shipped.read_text(encoding="utf-8"))
    own = bench.with_name("calibration.yaml")
    own.write_text(f"{text}valid_until: {until}\n", encoding="utf-8")
    bench.write_text(bench.read_text(encoding="utf-8").replace(name[1], own.as_posix()), encoding="utf-8")
    assert rows(lines(QUICK, bench))["calibration"].endswith(f" of 2026-01-05, valid until {until}{mark}")


def test_an_alarm_of_the_bench_comes_before_anything_else(
    bench_file: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    bench = bench_file({})
    read = rows(lines(QUICK, bench))
    assert read["last check"] == "none on record (acquire health)"
    loaded = prepare(QUICK, bench).loaded
    append(history_of(loaded.bench), loaded.bench.name, Check("2026-03-01T10:00:00+01:00", "lamp", "the lamp was dark"))
    page = lines(QUICK, bench)
    assert rows(page)["last check"] == "FAILED, see below"
    assert any("the last check of this bench failed" in line and "the lamp was dark" in line for line in page)
    assert "Nothing speaks against it. Nothing was opened." not in page


def test_what_is_said_wrong_is_no_traceback_and_names_its_option() -> None:
    done = CliRunner().invoke(app, ["plan", str(QUICK), "--area", "4"])
    assert done.exit_code == 2
    assert done.stderr == "--area: sample.emissive_area: '4' has no unit. Write it like '14 mm^2'.\n"


def test_a_lifetime_says_how_long_its_level_is_kept_and_what_ends_it() -> None:
    page = rows(lines(CONFIGS / "sweeps" / "lifetime.yaml"))
    assert page["level"] == "1.5 mA, kept up to 6:00 (h:)m:ss"
    assert page["points"].endswith("at most; L_0 is that at 1 s")
    assert page["spectra at"] == "after 0:01; at 50 % of L_0"
    assert page["ends early"] == "at 30 % of L_0; in compliance; above 9.5 V measured"
    assert "levels" not in page
