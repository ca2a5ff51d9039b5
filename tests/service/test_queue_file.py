"""The file of the queue: what is in it stays, whatever happens to it."""

from __future__ import annotations

import sqlite3
import threading
from pathlib import Path

import pytest

from acquire.service.queue import QueueUnusable, RunQueue
from acquire.service.queue_file import MIGRATIONS, VERSION
from acquire.service.queue_rules import MOST_OPEN, OVER, Ending, Outcome, Refused, Request


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A queue with an item that is done and one that waits."""
    path = tmp_path / "queue.sqlite"
    with RunQueue(path) as queue:
        for name in ("a.yaml", "b.yaml"):
            queue.add(Request(name, sample="S1"), "Ann", operator=True)
        queue.claim(1, "log", "test")
        queue.begin(1, 1, 1)
        queue.end(1, 1, Ending(Outcome.COMPLETED, run_id="r", run="r.h5"), "test")
    return path


def contents(path: Path) -> list[tuple[object, ...]]:
    """What is in the file, read without our program."""
    database = sqlite3.connect(path)
    try:
        return database.execute("SELECT id, state, content FROM items ORDER BY id").fetchall()
    finally:
        database.close()


def test_everything_is_there_again(path: Path):
    with RunQueue(path) as queue:
        now = queue.now()
        assert [(item.id, str(item.state)) for item in now.items] == [(2, "waiting"), (1, "done")]
        assert queue.item(1).run_id == "r"
        assert queue.add(Request("c.yaml"), "Bob", operator=False).id == 3
        assert [deed.deed for deed in queue.journal()] == ["add", "add", "claim", "begin", "end", "add"]


def test_it_is_durable_and_shared(path: Path):
    with RunQueue(path) as queue:
        database = queue._file._database
        assert database.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert database.execute("PRAGMA synchronous").fetchone() == (2,)  # FULL, https://sqlite.org/pragma.html
        with RunQueue(path) as other:
            other.do("hold", 2, "Bob")
        assert str(queue.item(2).state) == "held"


def test_a_wish_with_a_key_is_carried_out_once_whichever_process_takes_it(path: Path):
    with RunQueue(path) as queue:
        first = queue.add(Request("c.yaml"), "Ann", operator=True, key="k1")
        again = queue.repeat(first.id, "Ann", 3, operator=True, key="k2")
        queue.do("hold", first.id, "Ann")
    with RunQueue(path) as other:
        known = other.add(Request("c.yaml"), "Ann", operator=True, key="k1")
        assert (known.id, str(known.state)) == (first.id, "held")  # as it stands now
        assert other.repeat(first.id, "Ann", 3, operator=True, key="k2").id == again.id
        assert [one.repeat_of for one in other.now().items].count(first.id) == 3
        assert other.add(Request("c.yaml"), "Ann", operator=True, key="k3").id == again.id + 3
        assert other.add(Request("c.yaml"), "Ann", operator=True).id == again.id + 4


def test_a_wish_that_is_refused_leaves_its_key_and_nothing_of_it(path: Path):
    with RunQueue(path) as queue:
        before = queue.now()
        room = MOST_OPEN - sum(item.state not in OVER for item in before.items)
        with pytest.raises(Refused, match="full"):
            queue.repeat(2, "Ann", room + 1, operator=True, key="k")
        assert queue.now() == before
        assert queue.repeat(2, "Ann", operator=True, key="k").id == 3


def test_an_older_file_is_taken_to_the_newest_version_with_all_that_is_in_it(path: Path):
    before = contents(path)
    database = sqlite3.connect(path)
    for table in ("messages", "wishes"):
        database.execute(f"DROP TABLE {table}")
    database.execute("PRAGMA user_version = 1")
    database.close()
    with RunQueue(path) as queue:
        assert queue.messages.newest() == []
    assert contents(path) == before
    database = sqlite3.connect(path)
    assert database.execute("PRAGMA user_version").fetchone() == (VERSION,)
    database.close()


def test_a_migration_that_fails_leaves_the_file_as_it_was(path: Path, monkeypatch: pytest.MonkeyPatch):
    before = contents(path)
    monkeypatch.setattr(
        "acquire.service.queue_file.MIGRATIONS", (*MIGRATIONS, "CREATE TABLE more (a); SELECT nonsense")
    )
    monkeypatch.setattr("acquire.service.queue_file.VERSION", VERSION + 1)
    with pytest.raises(QueueUnusable):
        RunQueue(path)
    monkeypatch.undo()
    assert contents(path) == before
    with RunQueue(path) as queue:
        assert queue._file._database.execute("SELECT count(*) FROM sqlite_master WHERE name = 'more'").fetchone() == (
            0,
        )


def test_a_newer_file_is_not_touched(path: Path):
    database = sqlite3.connect(path)
    database.execute(f"PRAGMA user_version = {VERSION + 1}")
    database.close()
    before = path.read_bytes()
    with pytest.raises(QueueUnusable, match=rf"version {VERSION + 1}, and this program knows up to {VERSION}.*--data"):
        RunQueue(path)
    assert path.read_bytes() == before


@pytest.mark.parametrize("damage", ["head", "page", "cut off", "text"])
def test_a_damaged_file_is_named_and_not_touched(path: Path, damage: str):
    whole = bytearray(path.read_bytes())
    if damage == "head":
        whole[:16] = b"not a database!!"
    elif damage == "page":
        whole[4096:8192] = b"\xff" * 4096
    elif damage == "cut off":
        del whole[len(whole) // 2 :]
    else:
        at = whole.index(b'"state"')
        whole[at : at + 7] = b'"stale"'
    path.write_bytes(whole)
    with pytest.raises(QueueUnusable, match="left as it is") as told:
        RunQueue(path)
    assert str(path) in str(told.value)
    assert path.read_bytes() == bytes(whole)


def test_a_file_of_another_program_is_not_touched(tmp_path: Path):
    path = tmp_path / "queue.sqlite"
    database = sqlite3.connect(path)
    database.execute("CREATE TABLE theirs (a)")
    database.close()
    before = path.read_bytes()
    with pytest.raises(QueueUnusable, match="another program"):
        RunQueue(path)
    assert path.read_bytes() == before


def test_an_emptied_file_beside_a_log_with_changes_is_not_begun_anew(path: Path):
    log = path.with_name("queue.sqlite-wal")
    log.write_bytes(b"changes")
    path.write_bytes(b"")
    with pytest.raises(QueueUnusable, match=r"emptied, but queue\.sqlite-wal"):
        RunQueue(path)
    assert log.read_bytes() == b"changes"


@pytest.mark.parametrize("there", ["folder", "file in the way"])
def test_a_place_where_no_file_can_be(tmp_path: Path, there: str):
    if there == "folder":
        (tmp_path / "queue.sqlite").mkdir()
        path = tmp_path / "queue.sqlite"
    else:
        (tmp_path / "data").write_text("", encoding="utf-8")
        path = tmp_path / "data" / "queue.sqlite"
    with pytest.raises(QueueUnusable, match="cannot be opened"):
        RunQueue(path)


def test_services_and_commands_at_once_lose_nothing(tmp_path: Path):
    path = tmp_path / "queue.sqlite"
    problems: list[BaseException] = []

    def add(name: str) -> None:
        try:
            with RunQueue(path) as queue:
                for number in range(5):
                    queue.add(Request(f"{name}{number}.yaml"), name, operator=True)
        except BaseException as problem:
            problems.append(problem)

    threads = [threading.Thread(target=add, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []
    with RunQueue(path) as queue:
        recipes = sorted(item.request.recipe for item in queue.now().items)
    assert recipes == sorted(f"{name}{number}.yaml" for name in "abcd" for number in range(5))
