"""The catalogue: nothing but what the run files say, made again to the same, whatever lies among them."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import pytest

from acquire.archive import catalogue as cataloguing
from acquire.archive import criteria as asking
from acquire.archive.catalogue import Catalogue, CatalogueError
from acquire.archive.criteria import Criteria
from acquire.records import Severity
from acquire.run_file.read import ArchiveError
from acquire.run_file.summary import RunSummary, SummaryText, read_summary, read_summary_text
from tests.support.catalogued import a_summary, content, write_run_file
from tests.support.run_files import a_run

LATER = 2e10  # s since 1970: no file was changed a moment ago


@dataclass(frozen=True)
class InProcess:
    """Reads here, and remembers what it was asked to read."""

    asked: list[str] = field(default_factory=list)

    def results(self, work: Callable[[Any], Any], tasks: Sequence[Any]) -> Generator[Any, None, None]:
        for folder, places in tasks:
            self.asked.extend(places)
            yield [_answer(Path(folder) / place) for place in places]


def _answer(path: Path) -> SummaryText | str:
    try:
        return read_summary_text(path)
    except ArchiveError as error:
        return str(error)


def catalogue_at(folder: Path, now: float = LATER) -> Catalogue:
    return Catalogue(folder / "catalogue.sqlite", now=lambda: now)


def some_runs(folder: Path, number: int = 12) -> list[RunSummary]:
    random = Random(7)
    runs = []
    for one in range(number):
        summary = a_summary(
            f"Probe-{one % 5}",
            {"luminance_max": random.uniform(1, 1e4), "turn_on_voltage": random.uniform(2, 5)},
            run_id=f"{one:08d}",
            start_time=f"2026-{1 + one % 11:02d}-28T1{one % 10}:00:00+01:00",
            tags=("contact bad",) if one % 3 == 0 else (),
            comments=(f"Überprüft {one}",),
            findings={Severity.DOUBTFUL: ("noisy_light",)} if one % 4 == 0 else {},
            status="stopped" if one % 2 else "completed",
        )
        runs.append(read_summary(write_run_file(folder / f"{one % 2}" / f"run_{one:08d}.h5", summary)))
    return runs


def test_it_finds_what_the_files_say(tmp_path: Path) -> None:
    runs = some_runs(tmp_path / "runs")
    catalogue = catalogue_at(tmp_path)
    done = catalogue.index([tmp_path / "runs"])
    assert (done.read, done.unchanged, done.skipped, done.left) == (12, 0, (), ())
    found = {run.run_id: run for run in catalogue.find()}
    assert {run.run_id: (run.path, str(run.plain())) for run in runs} == {
        run_id: (run.path, str(run.plain())) for run_id, run in found.items()
    }


def brute_force(runs: Sequence[RunSummary], wanted: Criteria) -> list[str]:
    """The same question, asked of every run in plain Python."""

    def fits(run: RunSummary) -> bool:
        texts = [run.sample, run.title, run.path.name, run.run_id, *run.tags, *run.comments]
        texts += [code for codes in run.findings.values() for code in codes]
        for name, (least, most) in wanted.figures.items():
            if name not in run.figures or not least <= run.figures[name].value <= most:
                return False
        return (
            any(wanted.text.casefold() in text.casefold() for text in texts)
            and wanted.sample.casefold() in ("", run.sample.casefold())
            and (not wanted.tag or wanted.tag.casefold() in [tag.casefold() for tag in run.tags])
            and (not wanted.states or run.state in wanted.states)
            and run.start_time[: len(wanted.since)] >= wanted.since
            and (not wanted.until or run.start_time[: len(wanted.until)] <= wanted.until)
        )

    rank = sorted((run.start_time, run.run_id) for run in runs if fits(run))
    ordered = rank if wanted.oldest_first else rank[::-1]
    end = None if wanted.limit is None else wanted.offset + wanted.limit
    return [run_id for _, run_id in ordered[wanted.offset : end]]


QUESTIONS = [
    Criteria(),
    Criteria(text="ÜBERPRÜFT 1"),
    Criteria(text="1"),  # shorter than what the index of texts can search
    Criteria(text='no "such" run'),
    Criteria(text="run_00000003.h5"),
    Criteria(text="noisy", sample="probe-4"),
    Criteria(sample="PROBE-3", oldest_first=True),
    Criteria(tag="Contact Bad", states=("stopped", "failed")),
    Criteria(tag="contact"),
    Criteria(since="2026-03", until="2026-08"),
    Criteria(since="2026-02-28T11:00", until="2026-02-28T11:00"),
    Criteria(figures={"luminance_max": (2e3, 8e3), "turn_on_voltage": (2.0, 4.0)}),
    Criteria(figures={"luminance_max": (0.0, 1e9)}, text="probe", limit=4, offset=2),
    Criteria(figures={"no_such_figure": (0.0, 1e9)}),
]


@pytest.mark.parametrize("few", [2000, 2], ids=["by an index", "by date"])
def test_it_answers_as_going_through_all_runs_does(tmp_path: Path, few: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "FEW", few)
    runs = some_runs(tmp_path / "runs")
    catalogue = catalogue_at(tmp_path)
    catalogue.index([tmp_path / "runs"], InProcess())
    for wanted in QUESTIONS:
        expected = brute_force(runs, wanted)
        assert [run.run_id for run in catalogue.find(wanted)] == expected, wanted
        if wanted.limit is None:
            assert catalogue.count(wanted) == len(expected), wanted
    assert any(brute_force(runs, one) for one in QUESTIONS[1:])


def test_only_what_changed_is_read_again(tmp_path: Path) -> None:
    some_runs(tmp_path / "runs")
    catalogue, reader = catalogue_at(tmp_path), InProcess()
    catalogue.index([tmp_path / "runs"], reader)
    assert len(reader.asked) == 12
    reader.asked.clear()
    changed = tmp_path / "runs" / "0" / "run_00000000.h5"
    write_run_file(changed, a_summary("another", run_id="00000000", tags=("new",)))
    os.utime(changed, ns=(1, 1))
    (tmp_path / "runs" / "1" / "run_00000001.h5").unlink()
    done = catalogue.index([tmp_path / "runs"], reader)
    assert (reader.asked, done.read, done.unchanged, done.gone) == (["0/run_00000000.h5"], 1, 10, 1)
    assert [run.sample for run in catalogue.find(Criteria(tag="new"))] == ["another"]
    assert catalogue.run("00000001") is None


def test_a_file_changed_a_moment_ago_is_read_once_more(tmp_path: Path) -> None:
    path = write_run_file(tmp_path / "runs" / "a.h5", a_summary("a"))
    catalogue, reader = catalogue_at(tmp_path, now=path.stat().st_mtime + 1.0), InProcess()
    catalogue.index([path.parent], reader)
    catalogue.index([path.parent], reader)
    assert reader.asked == ["a.h5", "a.h5"]


def test_rebuilt_it_is_the_same(tmp_path: Path) -> None:
    some_runs(tmp_path / "runs")
    (tmp_path / "runs" / "foreign.h5").write_text("no HDF5")
    first, catalogue = catalogue_at(tmp_path), catalogue_at(tmp_path / "again")
    first.index([tmp_path / "runs" / "1", tmp_path / "runs"], InProcess())
    write_run_file(tmp_path / "runs" / "0" / "run_00000002.h5", a_summary("late", run_id="00000002"))
    first.index([tmp_path / "runs", tmp_path / "runs" / "1"], InProcess())
    catalogue.index([tmp_path / "runs", tmp_path / "runs" / "1"], InProcess())
    assert content(first) == content(catalogue)


def test_what_is_no_run_is_named_and_skipped_each_time(tmp_path: Path) -> None:
    some_runs(tmp_path / "runs", 2)
    broken = tmp_path / "runs" / "0" / "broken.h5"
    broken.write_bytes((tmp_path / "runs" / "0" / "run_00000000.h5").read_bytes()[:700])
    catalogue = catalogue_at(tmp_path)
    for read, unchanged in ((2, 0), (0, 3)):
        done = catalogue.index([tmp_path / "runs"])
        assert (done.read, done.unchanged) == (read, unchanged)
        assert [path for path, _ in done.skipped] == [broken]
        assert "not a run file" in done.skipped[0][1]
    assert catalogue.count() == 2


def test_a_name_that_is_no_text_is_named_and_skipped(tmp_path: Path) -> None:
    some_runs(tmp_path / "runs", 2)
    try:
        Path(os.fsdecode(os.fsencode(tmp_path / "runs") + b"/\xff.h5")).write_bytes(b"")
    except OSError:
        pytest.skip("this file system takes only names that are text")
    catalogue = catalogue_at(tmp_path)
    for _ in range(2):
        done = catalogue.index([tmp_path / "runs"], InProcess())
        assert [why for _, why in done.skipped] == ["its name is no text in UTF-8; rename it"]
        assert (catalogue.count(), done.folders) == (2, ())


def test_a_file_being_written_is_left_for_next_time(tmp_path: Path) -> None:
    (tmp_path / "runs").mkdir()
    going_on = a_run(tmp_path / "runs" / "going_on.h5")
    catalogue = catalogue_at(tmp_path)
    assert [why for _, why in catalogue.index([tmp_path / "runs"], InProcess()).left] == ["is being written"]
    going_on.close()
    moment = (tmp_path / "runs" / "going_on.h5").stat().st_mtime + 1.0
    just_now = Catalogue(catalogue.path, now=lambda: moment)  # as where the locks of another computer are not seen
    assert "perhaps" in just_now.index([tmp_path / "runs"], InProcess()).left[0][1]
    assert catalogue.count() == 0
    assert catalogue.index([tmp_path / "runs"], InProcess()).left == ()
    assert [(run.state, run.points) for run in catalogue.find()] == [("cut off", 3)]


def test_an_interrupted_index_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cataloguing, "IN_A_TASK", 5)
    some_runs(tmp_path / "runs")
    catalogue, reader = catalogue_at(tmp_path), InProcess()
    assert not catalogue.index([tmp_path / "runs"], reader, stop=lambda: True).ended
    assert catalogue.count() == 5

    def killed(_: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        catalogue.index([tmp_path / "runs"], reader, tell=killed)
    assert catalogue.count() == 10
    assert catalogue.index([tmp_path / "runs"], reader).read == 2
    assert len(reader.asked) == len(set(reader.asked)) == 12


def test_a_run_seen_twice_counts_once(tmp_path: Path) -> None:
    """A share under two mount points, and a copy that somebody keeps elsewhere."""
    some_runs(tmp_path / "mount", 4)
    shutil.copytree(tmp_path / "mount", tmp_path / "same")
    catalogue, other = catalogue_at(tmp_path), catalogue_at(tmp_path / "other")
    catalogue.index([tmp_path / "mount", tmp_path / "same"], InProcess())
    other.index([tmp_path / "same", tmp_path / "mount"], InProcess())
    assert catalogue.count() == 4
    assert content(catalogue) == content(other)
    tagged = tmp_path / "same" / "0" / "run_00000000.h5"
    write_run_file(tagged, a_summary("tagged", run_id="00000000"))
    os.utime(tagged, (1.9e9, 1.9e9))
    catalogue.index([tmp_path / "mount", tmp_path / "same"], InProcess())
    assert [run.path for run in catalogue.find(Criteria(sample="tagged"))] == [tagged]
    assert [path.parent.parent.name for path in catalogue.places("00000000")] == ["same", "mount"]
    shutil.rmtree(tmp_path / "same")
    run = catalogue.run("00000000")  # asked before anybody indexed again
    assert run is not None
    assert run.path == tmp_path / "mount" / "0" / "run_00000000.h5"
    gone = catalogue.index([tmp_path / "same"], InProcess())
    assert [path for path, _ in gone.folders] == [tmp_path / "same"]
    catalogue.forget(tmp_path / "same")
    assert catalogue.folders() == [tmp_path / "mount"]
    assert catalogue.count() == 4
    assert catalogue.count(Criteria(sample="tagged")) == 0


def test_several_may_index_at_a_time(tmp_path: Path) -> None:
    some_runs(tmp_path / "runs")
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda _: catalogue_at(tmp_path).index([tmp_path / "runs"], InProcess()), range(4)))
    alone = catalogue_at(tmp_path / "alone")
    alone.index([tmp_path / "runs"], InProcess())
    assert content(catalogue_at(tmp_path)) == content(alone)


def test_a_broken_catalogue_is_said_and_one_of_another_version_made_anew(tmp_path: Path) -> None:
    some_runs(tmp_path / "runs", 2)
    catalogue = catalogue_at(tmp_path)
    catalogue.path.write_text("no database at all, however long it is" * 100)
    with pytest.raises(CatalogueError, match="delete it, and index again"):
        catalogue.find()
    catalogue.path.unlink()
    catalogue.index([tmp_path / "runs"], InProcess())
    with sqlite3.connect(catalogue.path) as db:
        db.execute("PRAGMA user_version = 99")
    assert catalogue.count() == 0
    assert catalogue.index([tmp_path / "runs"], InProcess()).read == 2
