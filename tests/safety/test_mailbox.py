"""The mailbox of a run: what is asked of it from outside, and what it says of itself."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from acquire.safety import mailbox as boxes
from acquire.safety.interruption import StopRequest, asked_for
from acquire.safety.mailbox import Answer, Mailbox, Request
from acquire.safety.pausing import UTMOST_PAUSED, PauseRequest
from acquire.safety.running import (
    NoAnswer,
    NotAllowed,
    NotRunning,
    RunningNow,
    named,
    post,
    running,
    seen,
    stopping,
)

POSIX = sys.platform != "win32"


@pytest.fixture
def stop(tmp_path: Path) -> Iterator[StopRequest]:
    """A request for a stop whose mailbox is open in a folder of its own."""
    stop = StopRequest()
    stop.mailbox._folder = tmp_path
    with stop.mailbox.opened():
        yield stop


def only(folder: Path) -> RunningNow:
    (now,) = running(folder)
    return now


def within(seconds: float, what: str, condition: object) -> None:
    """Wait until a condition holds, of which a thread sees ten times a second."""
    assert callable(condition)
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, what
        time.sleep(0.01)


def test_a_stop_reaches_the_run_with_the_name_of_who_asks(stop: StopRequest, tmp_path: Path) -> None:
    answer = post(str(os.getpid()), "stop", "Ada", folder=tmp_path)
    assert answer.done
    assert stop() == "stopped from elsewhere by Ada"
    assert asked_for(stop())
    assert "ending already" in post(only(tmp_path), "stop", "Bob").text
    assert stop() == "stopped from elsewhere by Ada"


def test_what_a_run_says_is_read_by_others(stop: StopRequest, tmp_path: Path) -> None:
    stop.mailbox.says(phase="measuring", run_id="8d3f-1", path="/runs/a.h5")
    stop.mailbox.tells(lambda: {"points": 3, "left": 1.5, "instruments": {"smu": "ready"}})
    within(2.0, "published", lambda: only(tmp_path).points == 3)
    now = only(tmp_path)
    assert (now.run_id, now.path, now.phase, now.left) == ("8d3f-1", "/runs/a.h5", "measuring", 1.5)
    assert (now.instruments, now.process, now.ours) == ({"smu": "ready"}, os.getpid(), True)
    for name in ("8d3f-1", "8d3f", "a.h5", "/runs/a.h5", str(os.getpid()), now.name):
        assert named(name, [now]) == now
    with pytest.raises(NotRunning, match="no run goes on that is called b"):
        named("b.h5", [now])


def test_the_last_word_is_that_of_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where the mailbox's thread was about to say what was right a moment before, and others see how it ended."""
    box, output, writing, ended = Mailbox(folder=tmp_path), "on", threading.Event(), threading.Event()
    put = boxes.put

    def put_slowly(path: Path, content: Mapping[str, Any], mode: int = 0o600) -> None:
        if threading.current_thread().name == "mailbox" and path.name == boxes.STATE:
            writing.set()
            ended.wait(0.3)
        put(path, content, mode)
        if content.get("phase") == "ended":
            ended.set()

    monkeypatch.setattr(boxes, "put", put_slowly)
    box.takes("stop", lambda _: Answer(True, "heard"))
    box.tells(lambda: {"phase": "measuring", "output": output})
    with box.opened():
        now = only(tmp_path)
        assert post(now, "stop", folder=tmp_path).done
        box.says(run_id="another")
        assert writing.wait(2.0)
        output = "off"
    within(2.0, "the thread is over", lambda: "mailbox" not in [one.name for one in threading.enumerate()])
    last = seen(now)
    assert last is not None
    assert (last.phase, last.output) == ("ended", "off")


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "not written as JSON"),
        (b"[" * 9000, "not written as JSON"),
        (b"{" + b" " * boxes.LONGEST_REQUEST + b"}", "longer than"),
        (b'{"kind": 3, "by": "x"}', "what kind"),
        (b'{"kind": "stop", "by": ["x"]}', "who asks"),
        (b'{"kind": "pause", "longest": NaN}', "not written as JSON"),
        (b'{"kind": "pause", "longest": 1e999}', "no number of seconds"),
        (b'{"kind": "pause", "longest": true}', "no number of seconds"),
        (b'{"kind": "pause", "longest": -3}', "more than 0 s"),
        (b'{"kind": "pause", "longest": ' + b"9" * 5000 + b"}", "not written as JSON"),
        (b'{"kind": "sto\\u001bp"}', r"sto\x1bp cannot be asked of it now; it takes pause, resume, stop"),
        (b"\xff\xfe\x00", "not written as JSON"),
    ],
)
def test_a_broken_request_is_refused_with_an_answer(
    stop: StopRequest, tmp_path: Path, content: bytes, why: str
) -> None:
    place = stop.mailbox.place
    assert place is not None
    (place / "requests" / "1.json").write_bytes(content)
    within(2.0, "answered", (place / "answers" / "1.json").exists)
    answer = json.loads((place / "answers" / "1.json").read_text())
    assert not answer["done"]
    assert why in answer["text"]
    assert not (place / "requests" / "1.json").exists()
    assert not stop()
    assert not stop.pause()
    assert post(only(tmp_path), "stop", "Ada").done  # and it is heard as before


@pytest.mark.skipif(not POSIX, reason="links and pipes of POSIX")
def test_links_pipes_and_folders_are_no_requests(stop: StopRequest, tmp_path: Path) -> None:
    place = stop.mailbox.place
    assert place is not None
    secret = tmp_path / "other.json"
    secret.write_text('{"kind": "stop", "by": "a link"}')
    (place / "requests" / "1.json").symlink_to(secret)
    os.mkfifo(place / "requests" / "2.json")
    (place / "requests" / "3.json" / "within").mkdir(parents=True)
    for number in "123":
        within(2.0, f"answered {number}", (place / "answers" / f"{number}.json").exists)
        assert not json.loads((place / "answers" / f"{number}.json").read_text())["done"]
    assert secret.exists()
    assert not list((place / "requests").iterdir())
    assert not stop()


@pytest.mark.skipif(not POSIX, reason="permissions of POSIX")
def test_only_the_user_of_a_run_gets_at_its_requests(stop: StopRequest, tmp_path: Path) -> None:
    place = stop.mailbox.place
    assert place is not None
    assert [oct((place / name).stat().st_mode & 0o777) for name in ("requests", "answers")] == ["0o700", "0o700"]
    assert place.stat().st_mode & 0o777 == 0o755
    assert (place / "state.json").stat().st_mode & 0o777 == 0o644
    if os.geteuid() == 0:  # a file of another user in it is refused all the same
        request = tmp_path / "1.json"
        request.write_text('{"kind": "stop"}')
        os.chown(request, 12345, 12345)
        request.rename(place / "requests" / "1.json")
        within(2.0, "answered", (place / "answers" / "1.json").exists)
        assert "from another user" in (place / "answers" / "1.json").read_text()
        assert not stop()


def test_a_run_of_somebody_else_is_named_and_not_spoken_to(
    stop: StopRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("acquire.safety.running.put", refused)
    with pytest.raises(NotAllowed, match="may not be spoken to by you"):
        post(only(tmp_path), "stop", "Ada")


def test_a_handler_that_fails_hurts_nothing(stop: StopRequest, tmp_path: Path) -> None:
    def fails(request: Request) -> Answer:
        raise RuntimeError(request.kind)

    stop.mailbox.takes("level", fails)
    answer = post(only(tmp_path), {"kind": "level", "level": "3 V"}, "Ada")
    assert answer == Answer(False, "not done: RuntimeError: level")
    stop.mailbox.tells(lambda: 1 / 0)  # type: ignore[arg-type, return-value]
    assert post(only(tmp_path), "stop", "Ada").done


def test_many_requests_and_odd_names_do_no_harm(stop: StopRequest, tmp_path: Path) -> None:
    place = stop.mailbox.place
    assert place is not None
    for number in range(300):
        (place / "requests" / f"{number:03d}.json").write_text("{}")
        (place / "requests" / f".{number:03d}.json.half").write_text("{")
    (place / "requests" / ".half").write_text("{")
    assert post(only(tmp_path), "stop", "Ada").done
    assert stop()


def test_without_a_folder_the_run_goes_on(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    box = Mailbox(folder=tmp_path / "file")
    with box.opened():
        assert "cannot be spoken to from outside" in box.problem
        assert box.place is None


@pytest.mark.parametrize("what", ["its own", "that of all"])
def test_a_folder_that_somebody_removed_is_made_again(what: str, stop: StopRequest, tmp_path: Path) -> None:
    import shutil

    place = stop.mailbox.place
    assert place is not None
    shutil.rmtree(place if what == "its own" else tmp_path)
    within(3.0, "made again", lambda: len(running(tmp_path)) == 1)
    assert post(only(tmp_path), "stop", "Ada").done


def test_it_is_one_mailbox_however_often_it_is_entered(stop: StopRequest, tmp_path: Path) -> None:
    place = stop.mailbox.place
    with stop.mailbox.opened():
        assert stop.mailbox.place == place
    assert only(tmp_path).name == (place.name if place else "")


def test_who_asked_sees_how_it_ended_and_nobody_else_finds_it(tmp_path: Path) -> None:
    box = Mailbox(folder=tmp_path)
    with box.opened():
        now = only(tmp_path)
        box.takes("stop", lambda _: Answer(True, "so be it"))
        post(now, "stop", "Ada")
        box.says(output="off", asked="2030-01-01T00:00:00+00:00")
    assert running(tmp_path) == []
    after = seen(now)
    assert after is not None
    assert (after.phase, after.output) == ("ended", "off")
    with pytest.raises(NotRunning, match="has ended"):
        post(now, "stop", "Ada", patience=0.3)


def test_nobody_asked_nothing_is_left(tmp_path: Path) -> None:
    with Mailbox(folder=tmp_path).opened():
        assert len(list(tmp_path.iterdir())) == 1
    assert not list(tmp_path.iterdir())


def test_a_run_that_hears_nothing_is_said_to(
    stop: StopRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = only(tmp_path)
    monkeypatch.setattr(stop.mailbox, "_take_requests", lambda place: None)
    with pytest.raises(NoAnswer, match=f"does not answer within 0.2 s.*process {os.getpid()}"):
        post(now, "stop", "Ada", patience=0.2)
    assert not list((now.folder / "requests").iterdir())  # withdrawn: it is not done an hour later


def left_behind(folder: Path) -> RunningNow:
    """A process that was killed."""
    program = (
        "import sys, os; from pathlib import Path; from acquire.safety.mailbox import Mailbox\n"
        "box = Mailbox(folder=Path(sys.argv[1])); box.says(path='/runs/cut.h5', output='on')\n"
        "with box.opened():\n"
        "    box._publish(); os.kill(os.getpid(), 9) if os.name == 'posix' else os._exit(9)\n"
    )
    subprocess.run([sys.executable, "-c", program, str(folder)], check=False, timeout=30)
    (now,) = running(folder, left_behind=True)
    return now


def test_a_killed_run_is_not_running_and_its_folder_goes_after_a_day(tmp_path: Path) -> None:
    now = left_behind(tmp_path)
    assert (now.path, now.lives) == ("/runs/cut.h5", False)
    assert running(tmp_path) == []
    with pytest.raises(NotRunning, match="has ended"):
        post(now, "stop", "Ada", patience=0.3)
    list(boxes.clear_up(tmp_path))
    assert now.folder.exists()
    long_ago = time.time() - boxes.KEPT - 1.0
    for path in (now.folder / "state.json", now.folder):
        os.utime(path, (long_ago, long_ago))
    list(boxes.clear_up(tmp_path))
    assert not now.folder.exists()


def test_folders_left_behind_are_looked_at_one_by_one(tmp_path: Path) -> None:
    """A run among hundreds of them keeps its time for its points."""
    long_ago = time.time() - boxes.KEPT - 1.0
    for number in range(5):
        place = tmp_path / f"{number}-left"
        place.mkdir()
        os.utime(place, (long_ago, long_ago))
    left = [len(list(tmp_path.iterdir())) for _ in boxes.clear_up(tmp_path)]
    assert left == [5, 4, 3, 2, 1]
    assert not list(tmp_path.iterdir())


def test_a_folder_that_lives_is_never_cleared_up(stop: StopRequest, tmp_path: Path) -> None:
    place = stop.mailbox.place
    assert place is not None
    long_ago = time.time() - 10 * boxes.KEPT
    os.utime(place, (long_ago, long_ago))
    os.utime(place / "state.json", (long_ago, long_ago))
    list(boxes.clear_up(tmp_path))
    assert place.exists()


def test_stopping_follows_the_run_to_its_end(tmp_path: Path) -> None:
    box = Mailbox(folder=tmp_path)
    steps = iter(["ending", "ending"])
    with box.opened():
        box.says(phase="measuring", output="on")
        now = only(tmp_path)

        def asked(_: Request) -> Answer:
            box.tells(lambda: {"phase": next(steps, "ended"), "output": "off", "asked": "now"})
            return Answer(True, "")

        box.takes("stop", asked)
        *_, last = stopping(now, "Ada")
    assert (last.phase, last.output, last.asked) == ("ended", "off", "now")


def test_stopping_may_be_over_once_the_output_was_asked_since(tmp_path: Path) -> None:
    box = Mailbox(folder=tmp_path)
    earlier, off = "2026-01-02T03:04:05.678+01:00", {"phase": "paused", "output": "off"}
    steps = iter([earlier, earlier])
    with box.opened():
        box.says(**off, asked=earlier)
        now = only(tmp_path)

        def asked(_: Request) -> Answer:
            later = datetime.now(UTC).astimezone().isoformat(timespec="milliseconds")
            box.tells(lambda: {**off, "phase": "ending", "asked": next(steps, later)})
            return Answer(True, "")

        box.takes("stop", asked)
        *before, last = stopping(now, "Ada", until_off=True)
    assert all(one.asked == earlier for one in before)  # of the pause: it says nothing of the output now
    assert (last.phase, last.output) == ("ending", "off")
    assert last.asked > earlier


def test_of_a_process_that_dies_the_output_is_unknown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = left_behind(tmp_path)  # once it has answered
    monkeypatch.setattr("acquire.safety.running.post", lambda *_: Answer(True, ""))
    *_, last = stopping(now, "Ada")
    assert (last.output, last.asked, last.lives) == ("unknown", "", False)


def test_what_others_publish_is_not_trusted(tmp_path: Path) -> None:
    for number, text in enumerate(["{", '{"phase": 3}', "[]", '{"run_id": "' + "x" * 70_000 + '"}']):
        place = tmp_path / str(number)
        place.mkdir()
        (place / "alive").write_text("")
        (place / "state.json").write_text(text)
    assert running(tmp_path) == []
    assert running(tmp_path, left_behind=True) == []
    place = tmp_path / "odd"
    place.mkdir()
    (place / "alive").write_text("")
    (place / "state.json").write_text(
        '{"title": "\\u001b[2Jred", "left": "x", "takes": 3, "instruments": [], "points": "3"}'
    )
    (now,) = running(tmp_path, left_behind=True)
    assert (now.title, now.takes, now.points) == (r"\x1b[2Jred", (), 0)


def test_a_pause_is_asked_for_once_and_taken_back() -> None:
    pause = PauseRequest()
    assert not pause.asked(Request("pause", "Ada")).done  # no run yet
    pause.allow()
    assert pause.asked(Request("pause", "Ada", {"longest": 60})).done
    assert (pause(), pause.longest) == ("Ada", 60.0)
    assert "already, by Ada" in pause.asked(Request("pause", "Bob")).text
    assert pause.taken_back(Request("resume", "Bob")).done
    assert not pause()
    assert not pause.taken_back(Request("resume", "Bob")).done
    assert not pause.asked(Request("pause", "Ada", {"longest": UTMOST_PAUSED + 1})).done
    pause.ask("Ada")
    pause.refuse("it ends")
    assert not pause()
