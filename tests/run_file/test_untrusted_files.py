"""Files that somebody else made or planted: what is in them, what stands in their place, what reading them costs."""

from __future__ import annotations

import json
import os
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
from typer.testing import CliRunner

from acquire import session
from acquire.cli.commands import app
from acquire.config import ConfigurationError
from acquire.records import PointFlag, RunStatus, RunStop, Spectrum
from acquire.run_file import finish as finishing
from acquire.run_file import placing, reading_apart
from acquire.run_file import read as reading
from acquire.run_file.export.csv_files import export_csv
from acquire.run_file.recorder import RecordingError
from acquire.safety import guardian_log
from tests.endurance import damage_table
from tests.support.run_files import a_cut_off_run, a_record, a_run, a_simulated_run

with_links = pytest.mark.skipif(sys.platform == "win32", reason="links need rights there")


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return a_simulated_run(tmp_path_factory.mktemp("runs"))


# Structures that no run file has


def kept_elsewhere(file: h5py.File) -> None:
    del file["entry/title"]
    file["entry"].create_dataset("title", shape=(10,), dtype="u1", external=[("/etc/passwd", 0, 10)])


def link_to_another_file(file: h5py.File) -> None:
    del file["entry/title"]
    file["entry/title"] = h5py.ExternalLink("secret.h5", "/secret")


def link_within(file: h5py.File) -> None:
    file["entry/notes/more"] = h5py.SoftLink("/entry/run_id")


def values_of_another_file(file: h5py.File) -> None:
    rows = file["entry/jvl/voltage"].shape[0]
    del file["entry/jvl/voltage"]
    layout = h5py.VirtualLayout(shape=(rows,), dtype="f8")
    layout[:] = h5py.VirtualSource("secret.h5", "secret", shape=(100,))[:rows]
    file["entry/jvl"].create_virtual_dataset("voltage", layout)


def entry_of_another_file(file: h5py.File) -> None:
    del file["entry"]
    file["entry"] = h5py.ExternalLink("secret.h5", "/")


def a_loop(file: h5py.File) -> None:
    file["entry/sample/again"] = file["entry"]


def nested(file: h5py.File) -> None:
    group = file["entry"]
    for _ in range(20):
        group = group.create_group("a")


def many(file: h5py.File) -> None:
    for index in range(6000):
        file["entry/sample"].create_group(str(index))


def many_attributes(file: h5py.File) -> None:
    for index in range(300):
        file["entry/sample"].attrs[str(index)] = index


def a_large_attribute(file: h5py.File) -> None:
    file["entry/sample"].attrs["large"] = np.zeros(4000)


def larger_than_the_file(file: h5py.File) -> None:
    file["entry/sample"].create_dataset("large", shape=(1 << 34,), chunks=(1 << 20,), dtype="f8")


def together_larger(file: h5py.File) -> None:
    size = Path(file.filename).stat().st_size
    for index in range(4):
        file["entry/sample"].create_dataset(f"large{index}", shape=(size * 3 // 4,), chunks=(1 << 12,), dtype="u1")


def a_type_with_a_name(file: h5py.File) -> None:
    file["entry/sample/kind"] = np.dtype("f8")


STRANGE: list[tuple[Callable[[h5py.File], None], str]] = [
    (kept_elsewhere, "/entry/title is kept in another file"),
    (link_to_another_file, "/entry/title is a link to another file"),
    (link_within, "/entry/notes/more is a link to another place"),
    (values_of_another_file, "/entry/jvl/voltage shows values of another file"),
    (entry_of_another_file, "/entry is a link to another file"),
    (a_loop, "/entry/sample/again is a second name of something else"),
    (nested, "lies deeper than 8 groups"),
    (many, "more than 5000 objects"),
    (many_attributes, "/entry/sample has more than 200 attributes"),
    (a_large_attribute, "/entry/sample has an attribute of more than 1000 values"),
    (larger_than_the_file, "/entry/sample/large would be larger than the file"),
    (together_larger, "its data sets would be larger than the file"),
    (a_type_with_a_name, "/entry/sample/kind is neither a group nor a data set"),
]


@pytest.mark.parametrize(("change", "said"), STRANGE)
def test_what_no_run_file_holds_is_refused_by_name(
    change: Callable[[h5py.File], None], said: str, finished: Path, tmp_path: Path
) -> None:
    path = tmp_path / "run.h5"
    shutil.copy(finished, path)
    with h5py.File(tmp_path / "secret.h5", "w") as file:
        file["secret"] = np.arange(100.0)
    with h5py.File(path, "r+") as file:
        change(file)
    content = path.read_bytes()
    for attempt in (reading.read_run, finishing.recover, finishing.finish):
        with pytest.raises(reading.ArchiveError, match=said):
            attempt(path)
    assert path.read_bytes() == content


def test_looking_around_follows_no_link_either(tmp_path: Path) -> None:
    a_run(tmp_path / "secret.h5").close()
    for place in ("entry", "entry/recording", "entry/recording/jvl_rows"):
        path = tmp_path / "run.h5"
        with h5py.File(path, "w") as file:
            file[place] = h5py.ExternalLink("secret.h5", place)
        with pytest.raises(reading.ArchiveError, match=f"/{place} is a link to another file"):
            reading.points_if_unfinished(path)


def test_a_file_of_sixty_gigabytes_is_no_run_file(tmp_path: Path, sweep_file: Callable[..., Path]) -> None:
    path = tmp_path / "large.h5"
    with path.open("wb") as file:
        file.write(b"\x89HDF\r\n\x1a\n")
        file.truncate(60 << 30)
    with pytest.raises(reading.ArchiveError, match="larger than 8192 MB"):
        reading.read_run(path)
    sweep = sweep_file("quick_look.yaml", {"sample:\n": f"sample:\n  reference: {path.as_posix()}\n"})
    with pytest.raises(ConfigurationError, match=r"sample\.reference: .*larger than 1 GB"):
        session.prepare(sweep)


def test_a_text_of_many_megabytes_is_no_text_of_a_run(finished: Path, tmp_path: Path) -> None:
    path = tmp_path / "run.h5"
    shutil.copy(finished, path)
    with h5py.File(path, "r+") as file:
        del file["entry/title"]
        file["entry/title"] = "x" * 2_000_000
    with pytest.raises(reading.ArchiveError, match="a text of 2000000 bytes"):
        reading.read_run(path)


# A process of its own


def test_reading_apart_gives_the_same_run(finished: Path) -> None:
    here, apart = reading.read_run(finished), reading_apart.read_run(finished)
    np.testing.assert_equal(damage_table._values(apart), damage_table._values(here))
    assert (apart.path, apart.integrity) == (here.path, here.integrity)


@pytest.fixture
def deadly(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Have the process that reads do something when it comes to a file whose name has 'deadly' in it."""

    def make(deed: str) -> None:
        program = f"""
import os, signal, sys, time
from acquire.run_file import finish, read, reading_apart
def deadly(work):
    def both(path, *more, **named):
        if "deadly" in path.name:
            {deed}
        return work(path, *more, **named)
    return both
names = [(finish, "recover"), *((read, each) for each in ("read_run", "points_if_unfinished", "points_if_cut_off"))]
for module, name in names:
    setattr(module, name, deadly(getattr(module, name)))
reading_apart.main()
"""
        monkeypatch.setattr(reading_apart, "COMMAND", (sys.executable, "-c", program))

    return make


@pytest.mark.skipif(sys.platform == "win32", reason="no signals there")
def test_a_reader_that_dies_is_one_message_and_costs_no_other_file(
    deadly: Callable[[str], None], finished: Path, tmp_path: Path
) -> None:
    names = [tmp_path / name for name in ("1.h5", "2-deadly.h5", "3.h5", "4-deadly.h5", "5-deadly.h5", "6.h5")]
    for path in names:
        a_cut_off_run(path, points=2)
    deadly("os.kill(os.getpid(), signal.SIGSEGV)")
    answers = dict(reading_apart._answers("points_if_unfinished", names))
    assert [answers[names[index]] for index in (0, 2, 5)] == [2, 2, 2]
    said = "2-deadly.h5: is damaged, or not a run file: reading it ended with SIGSEGV. The file stays as it is"
    assert said in str(answers[names[1]])
    shown = CliRunner().invoke(app, ["show", str(names[1])])
    assert shown.exit_code == 1
    assert said in shown.output


def test_a_reader_that_does_not_end_is_ended(
    deadly: Callable[[str], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deadly("time.sleep(600)")
    monkeypatch.setattr(reading_apart, "PATIENCE", 3.0)
    a_run(tmp_path / "deadly.h5").close()
    with pytest.raises(reading.ArchiveError, match="takes longer than any run file may"):
        reading_apart.read_run(tmp_path / "deadly.h5")


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only there is the bound on memory sure to work")
def test_a_reader_gets_no_more_memory_than_a_run_file_needs(deadly: Callable[[str], None], tmp_path: Path) -> None:
    deadly("bytearray(2 << 30)")
    a_run(tmp_path / "deadly.h5").close()
    with pytest.raises(reading.ArchiveError, match="needs more memory than any run file may"):
        reading_apart.read_run(tmp_path / "deadly.h5")


def test_a_reader_out_of_its_mind_runs_nothing_here(deadly: Callable[[str], None], tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    deadly(f"import pathlib; return type('X', (), dict(__reduce__=lambda s: (os.mkdir, ({str(mark)!r},))))()")
    a_run(tmp_path / "deadly.h5").close()
    with pytest.raises(reading.ArchiveError, match=r"what was read of it makes no sense \(.*mkdir is no plain value"):
        reading_apart.read_run(tmp_path / "deadly.h5")
    assert not mark.exists()


# What is put in place, and where


@with_links
def test_no_planted_link_is_followed_when_a_file_is_finished(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, victim = tmp_path / "run.h5", tmp_path / "victim"
    a_run(path).close()
    victim.write_text("precious")
    monkeypatch.setattr(placing.secrets, "token_hex", lambda _: "foreseen")
    for name in ("run.h5.tmp", ".run.h5.foreseen.tmp"):
        (tmp_path / name).symlink_to(victim)
    with pytest.raises(reading.ArchiveError, match="could not be finished"):
        finishing.recover(path)
    (tmp_path / ".run.h5.foreseen.tmp").unlink()
    assert finishing.recover(path).finished
    assert victim.read_text() == "precious"
    assert (tmp_path / "run.h5.tmp").is_symlink()


@with_links
def test_a_link_is_not_finished_in_place_of_what_it_leads_to(tmp_path: Path) -> None:
    a_run(tmp_path / "run.h5").close()
    (tmp_path / "link.h5").symlink_to(tmp_path / "run.h5")
    with pytest.raises(reading.ArchiveError, match="is a link; name the file itself"):
        finishing.recover(tmp_path / "link.h5")
    assert (tmp_path / "link.h5").is_symlink()
    assert not reading.read_run(tmp_path / "run.h5").finished


@with_links
def test_nothing_stands_where_a_run_file_is_made(tmp_path: Path) -> None:
    (tmp_path / "run.h5").symlink_to(tmp_path / "nowhere")
    with pytest.raises(RecordingError, match="exists already"):
        a_run(tmp_path / "run.h5")
    assert [path.name for path in tmp_path.iterdir()] == ["run.h5"]


@pytest.mark.parametrize("links", [True, False])
def test_a_new_file_never_takes_the_place_of_another(
    links: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where the file system has no hard links."""

    def no_links(path: Path, target: Path) -> None:
        raise PermissionError(1, "Operation not permitted")

    if not links:
        monkeypatch.setattr(Path, "hardlink_to", no_links)
    placing.replace_file(tmp_path / "file", b"one", new=True)
    with pytest.raises(FileExistsError):
        placing.replace_file(tmp_path / "file", b"two", new=True)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    assert (tmp_path / "file").read_bytes() == b"one"


def test_what_a_killed_finish_left_behind_is_removed_after_an_hour(tmp_path: Path) -> None:
    path = tmp_path / "run.h5"
    a_run(path).close()
    old, young, of_another = (tmp_path / name for name in (".run.h5.1.tmp", ".run.h5.2.tmp", ".other.h5.1.tmp"))
    for left in (old, young, of_another):
        left.write_bytes(b"half")
    for left in (old, of_another):
        os.utime(left, (time.time() - 7200.0,) * 2)
    finishing.recover(path)
    assert sorted(left.name for left in tmp_path.iterdir()) == [of_another.name, young.name, "run.h5"]


@with_links
@pytest.mark.parametrize("kind", ["link", "second name", "pipe"])
def test_a_guardian_writes_its_log_into_nothing_that_was_planted(kind: str, tmp_path: Path) -> None:
    log, victim = guardian_log.guardian_log(tmp_path / "run.h5"), tmp_path / "victim"
    victim.write_text("2026-01-02T03:05:00+01:00 precious")
    if kind == "pipe":
        os.mkfifo(log)
    else:
        log.symlink_to(victim) if kind == "link" else log.hardlink_to(victim)
    with pytest.raises(OSError, match=r"link|pipe|No such device"), guardian_log.appending(log) as file:
        file.write("what it did")
    assert victim.read_text() == "2026-01-02T03:05:00+01:00 precious"
    assert guardian_log.guardian_remarks(tmp_path / "run.h5") == []


@with_links
def test_a_bench_file_is_written_through_no_link(tmp_path: Path) -> None:
    (tmp_path / "victim").write_text("precious")
    (tmp_path / "bench.yaml").symlink_to(tmp_path / "victim")
    with pytest.raises(OSError, match="a link"):
        placing.write_over(tmp_path / "bench.yaml", b"kind: bench")
    assert (tmp_path / "victim").read_text() == "precious"
    placing.write_over(tmp_path / "victim", b"kind: bench")
    assert (tmp_path / "victim").read_text() == "kind: bench"


@with_links
def test_an_export_is_written_through_no_link(finished: Path, tmp_path: Path) -> None:
    run = reading.read_run(finished)
    (tmp_path / f"{finished.stem}_jvl.csv").symlink_to(tmp_path / "victim")
    with pytest.raises(reading.ArchiveError, match="cannot be written"):
        export_csv(run, tmp_path)
    assert not (tmp_path / "victim").exists()


# Checksums


def test_a_finished_file_is_right_and_a_later_group_does_not_change_that(finished: Path, tmp_path: Path) -> None:
    path = tmp_path / "run.h5"
    shutil.copy(finished, path)
    with h5py.File(path, "r+") as file:
        file["entry"].create_group("analysis")["values"] = np.arange(3.0)
    assert str(reading.read_run(path).integrity) == "right"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda entry: entry["jvl/voltage"].write_direct(np.zeros(entry["jvl/voltage"].shape)), "/entry/jvl is not"),
        (lambda entry: entry["jvl/voltage"].attrs.modify("units", "mV"), "/entry/jvl is not as it was written"),
        (lambda entry: entry["figures_of_merit"].move("luminance_max", "luminance_min"), "/entry/figures_of_merit is"),
        (lambda entry: entry.move("figures_of_merit", "figures"), "/entry/figures_of_merit is missing"),
        (lambda entry: entry["checksums"].attrs.pop("spectra"), "/entry/spectra has no checksum"),
        (lambda entry: entry["instrument/smu"].attrs.modify("identification", "2401"), "/entry/instrument is not"),
        (lambda entry: [entry["checksums"].attrs.pop(name) for name in list(entry["checksums"].attrs)], "are gone"),
    ],
)
def test_a_change_in_a_finished_file_is_said(
    change: Callable[[h5py.Group], None], said: str, finished: Path, tmp_path: Path, read_here: None
) -> None:
    path = tmp_path / "run.h5"
    shutil.copy(finished, path)
    with h5py.File(path, "r+") as file:
        change(file["entry"])
    shown = CliRunner().invoke(app, ["show", str(path), "--json"])
    assert shown.exit_code == 1
    assert f"DAMAGED: {said}" in shown.stderr or said in shown.stderr
    assert said in shown.stdout


def test_a_file_without_checksums_is_not_verifiable(finished: Path, tmp_path: Path) -> None:
    path = tmp_path / "run.h5"
    shutil.copy(finished, path)
    with h5py.File(path, "r+") as file:
        del file["entry/checksums"]
    shown = CliRunner().invoke(app, ["show", str(path), "--json"])
    assert shown.exit_code == 0
    assert "not verifiable" in shown.stderr
    assert '"verifiable": false' in shown.stdout


def flip(path: Path, name: str, row: int, column: int) -> None:
    """Change one number of the rows of a run that is not finished, as a flipped bit would."""
    with h5py.File(path, "r+") as file:
        block = file[f"entry/recording/{name}"]
        block[row, column] = np.frombuffer((block[row, column].view("u8") ^ (1 << 40)).tobytes())[0]


def test_a_changed_row_of_an_unfinished_file_becomes_blank_and_is_told(tmp_path: Path) -> None:
    path = tmp_path / "run.h5"
    a_run(path, points=4).close()
    flip(path, "jvl", 1, 3)
    run = finishing.recover(path)
    lost = PointFlag.DAMAGED | PointFlag.NO_SOURCE_READING | PointFlag.NO_PHOTODIODE_READING
    assert [np.isnan(record.reading.current) for record in run.records] == [False, True, False, False]
    assert run.records[1].flags & lost == lost
    assert run.records[1].reading.branch == "forward"
    said = "/entry/jvl: row 2 was changed in the file; nothing of it is used"
    assert run.integrity.damaged == (said,)
    again = reading.read_run(path)
    assert again.notes[-1].text == f"DAMAGED: {said}"
    assert again.integrity.damaged == ()


def test_a_changed_text_or_spectrum_of_an_unfinished_file_is_not_used(tmp_path: Path) -> None:
    path = tmp_path / "run.h5"
    record = a_run(path, points=2)
    for index in range(2):
        record(Spectrum(index, index, a_record(0).reading.branch, 1.0, 2.0, np.ones(401), 0.5))
    record.close()
    with h5py.File(path, "r+") as file:
        file["entry/spectra/spectral_radiance"][0, 200] = 1.0000001
        file["entry/jvl/branch"][0] = b"reverse"
    run = reading.read_run(path)
    assert np.isnan(run.spectra[0].spectral_radiance).all()
    assert (run.spectra[1].spectral_radiance == 1.0).all()
    assert [record.reading.branch for record in run.records] == ["forward", "forward"]
    assert run.records[0].flags & PointFlag.DAMAGED
    assert len(run.integrity.damaged) == 2


def test_a_column_that_leads_to_other_numbers_is_not_used(tmp_path: Path) -> None:
    path = tmp_path / "run.h5"
    a_run(path, points=3).close()
    right = [record.reading.voltage for record in reading.read_run(path).records]
    with h5py.File(path, "r+") as file:
        jvl = file["entry/jvl"]
        attributes = dict(jvl["voltage"].attrs)
        jvl.move("voltage", "old")
        jvl.copy("current", "voltage")
        del jvl["old"]
        for name, value in attributes.items():
            jvl["voltage"].attrs[name] = value
    run = reading.read_run(path)
    assert [record.reading.voltage for record in run.records] == right
    assert "/entry/jvl/voltage shows other numbers than were recorded; those count" in run.integrity.damaged


def test_a_calibration_that_was_changed_before_the_file_was_finished_stays_told(tmp_path: Path) -> None:
    path = tmp_path / "run.h5"
    a_run(path).close()
    with h5py.File(path, "r+") as file:
        file["entry/calibration/amplifier_gain"][()] *= 2
    finishing.recover(path)
    assert reading.read_run(path).integrity.damaged == ("/entry/calibration is not as it was written",)


def test_an_ending_that_was_changed_is_told(tmp_path: Path) -> None:
    path = tmp_path / "run.h5"
    record = a_run(path)
    record.conclude(RunStop(RunStatus.STOPPED, "luminance", "2026-01-02T03:05:00+01:00"))
    record.close()
    assert reading.read_run(path).integrity.damaged == ()
    with h5py.File(path, "r+") as file:
        file["entry/end_time"][()] = b"2026-01-02T03:06:00+01:00".ljust(40, b"\0")
    assert "end_time are not as they were written" in str(reading.read_run(path).integrity)


@pytest.mark.parametrize("group", ["figures_of_merit", "sample"])
def test_a_member_whose_name_is_no_text_is_said_and_shown(group: str, tmp_path: Path) -> None:
    """h5py gives the name of such a member as bytes."""
    path = a_simulated_run(tmp_path / "runs")
    with h5py.File(path, "r+") as file:
        members = file["entry"][group]
        last = list(members)[-1].encode()
        members.id.links.move(last, members.id, last[:-1] + b"\xed")
    run = reading.read_run(path)
    assert str(run.integrity.damaged)
    assert "\ufffd" in json.dumps(run.summary() | dict(run.sample_fields), ensure_ascii=False)


@pytest.mark.parametrize("each", [2, pytest.param(5, marks=pytest.mark.long)])
def test_damaged_files_a_sample(each: int) -> None:
    """All of it: ``python -m tests.endurance.damage_table``."""
    from tempfile import TemporaryDirectory

    with TemporaryDirectory() as folder:
        true = damage_table.truth(Path(folder))
    done = list(damage_table.carry_out(damage_table.cases(true, each, seed=7), true))
    assert [outcome for outcome in done if outcome.wrong] == []
    assert len(done) == 4 * each
