"""One folder on a share, several benches that write into it: what never collides, what is locked, and what is not."""

from __future__ import annotations

import socket
import subprocess
import sys
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from acquire.archive.catalogue import Catalogue
from acquire.archive.criteria import Criteria
from acquire.run_file.naming import file_name, is_run_file
from acquire.run_file.placing import locked_alone
from acquire.run_file.recorder import RecordingError
from acquire.safety import lock as locking
from tests.support.catalogued import a_summary, write_run_file
from tests.support.run_files import a_run

NOON = datetime(2026, 11, 28, 12, 0, 0, tzinfo=UTC)


def test_benches_that_measure_the_same_device_in_the_same_second_never_share_a_name() -> None:
    """2000 runs of one sample in one second, on file systems that take A and a for one: names differ by their ends."""
    fields = {"sample": "SPPO13", "pixel": "A"}
    names = {file_name(NOON, fields, uuid.UUID(int=number << 96)).casefold() for number in range(2000)}
    assert len(names) == 2000
    assert all(is_run_file(name) for name in list(names)[:100])


def test_names_of_random_identities_hardly_ever_meet() -> None:
    """Eight characters: of n runs with the same beginning two meet with n^2/2^33; a bench makes one in a second."""
    benches = 100  # in the same second, of a sample of the same name and pixel
    assert benches**2 / 2**33 < 2e-6


def test_should_two_names_meet_the_second_run_is_refused_and_the_first_stays(tmp_path: Path) -> None:
    path = tmp_path / file_name(NOON, {"sample": "S"}, uuid.UUID(int=1))
    first = a_run(path)
    before = path.read_bytes()
    with pytest.raises(RecordingError, match="exists already; a run file is never overwritten"):
        a_run(path)
    assert path.read_bytes() == before
    assert [one.name for one in tmp_path.iterdir()] == [path.name]
    first.close()


HOLD = (
    "import sys; from pathlib import Path; from tests.support.run_files import a_run\n"
    "run = a_run(Path(sys.argv[1])); print('held', flush=True); sys.stdin.readline()"
)


@pytest.mark.slow  # another process holds a lock
def test_a_file_that_another_process_writes_is_held(tmp_path: Path) -> None:
    """What the system's locks say; whether a share passes them on to another computer is the share's affair."""
    path = tmp_path / "going_on.h5"
    other = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)],
        cwd=Path(__file__).parents[2],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with other:
        assert other.stdout is not None
        assert other.stdin is not None
        assert other.stdout.readline().strip() == b"held"
        with pytest.raises(OSError, match=r"."), locked_alone(path):
            pass
        catalogue = Catalogue(tmp_path / "catalogue.sqlite", now=lambda: 2e10)
        assert [why for _, why in catalogue.index([tmp_path]).left] == ["is being written"]
        other.stdin.write(b"\n")
        other.stdin.flush()
    with locked_alone(path):
        pass


def test_where_a_share_passes_no_lock_on_a_file_that_changes_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on the other computer: nobody here holds it, but it changed a moment ago."""
    a_run(tmp_path / "of_the_other_bench.h5").close()
    changed = (tmp_path / "of_the_other_bench.h5").stat().st_mtime
    for ago, left in ((5.0, 1), (590.0, 1), (601.0, 0)):
        catalogue = Catalogue(tmp_path / f"{ago}" / "c.sqlite", now=lambda ago=ago: changed + ago)
        assert len(catalogue.index([tmp_path]).left) == left, ago


def test_a_lock_names_its_computer_and_says_nothing_of_another(tmp_path: Path) -> None:
    """The locks of instruments are files of this computer, in a folder that is on no share."""
    assert locking.locks_folder().is_absolute()
    assert "Locks say nothing to another computer" in (locking.__doc__ or "")
    with locking.instruments_locked(["GPIB0::24::INSTR"], "bench", "run.h5", tmp_path):
        with (
            pytest.raises(locking.BenchInUse, match=f"on {socket.gethostname()}"),
            locking.instruments_locked(["GPIB0::24::INSTR"], "bench", "other.h5", tmp_path),
        ):
            pass
        with locking.instruments_locked(["GPIB0::24::INSTR"], "bench", "other.h5", tmp_path / "another computer"):
            pass  # what a second computer has: nothing of it is known there


def test_catalogues_of_two_computers_agree(tmp_path: Path) -> None:
    """Each under its own mount point, in its own order; both benches' runs, each once."""
    share = tmp_path / "share"
    for number in range(6):
        began = NOON + timedelta(seconds=number // 2)
        bench = f"bench {number % 2}"
        run_id = uuid.UUID(int=(number + 1) << 96)
        summary = a_summary(bench, run_id=str(run_id), start_time=began.isoformat(), sample="S", user=bench)
        write_run_file(share / file_name(began, {"sample": "S"}, run_id), summary)
    here, there = Catalogue(tmp_path / "here.sqlite"), Catalogue(tmp_path / "there.sqlite")
    here.index([share])
    mount = tmp_path / "mnt"
    share.rename(mount)
    there.index([mount])
    seen = [[(run.run_id, run.user, run.path.name) for run in one.find()] for one in (here, there)]
    assert seen[0] == seen[1]
    assert len(seen[0]) == 6
    assert here.count(Criteria(user="bench 1")) == 3
    there.index([mount])  # both mount points in one catalogue
    mount.rename(share)
    there.index([share])
    assert there.count() == 6
