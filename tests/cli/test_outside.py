"""``acquire running``, ``stop``, ``pause``, ``resume``, ``answer``: a run is spoken to from another terminal."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

import pytest

from acquire.cli.batch import _Terminal
from acquire.cli.hand import Commands
from acquire.safety.interruption import StopRequest
from acquire.safety.mailbox import Answer, Request
from acquire.safety.running import running
from acquire.session import prepare
from acquire.sweep.by_hand import Command, Doing
from tests.conftest import CONFIGS
from tests.support.command import Said, acquire

LONGEST = 20.0  # s


@pytest.fixture
def begin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], StopRequest]]:
    """Begin what looks like a run from outside, with its output on; it ends when it is asked to."""
    monkeypatch.setattr("acquire.safety.mailbox.runs_folder", lambda: tmp_path)
    over = threading.Event()

    def carried_out(stop: StopRequest, path: str) -> None:
        output = "on"
        stop.mailbox.says(run_id=f"{path}-id", path=f"/runs/{path}", points=3, most_points=9)
        stop.mailbox.tells(lambda: {"phase": "measuring", "output": output, "asked": "12:00", "left": 40.0})
        with stop.mailbox.opened():
            while not stop() and not over.is_set():
                time.sleep(0.01)
            output = "off"

    with ExitStack() as ends:
        ends.callback(over.set)

        def begin(path: str) -> StopRequest:
            stop = StopRequest()
            thread = threading.Thread(target=carried_out, args=(stop, path))
            thread.start()
            ends.callback(thread.join)
            ends.callback(over.set)
            until = time.monotonic() + LONGEST
            while not any(now.path.endswith(path) for now in running()):
                assert time.monotonic() < until
                time.sleep(0.01)
            return stop

        yield begin


def test_where_nothing_goes_on_there_is_nothing_to_stop(begin: Callable[[str], StopRequest]) -> None:
    assert acquire("running").text == "no run goes on\n"
    for command in ("stop", "pause", "resume"):
        said = acquire(command)
        assert (said.status, said.text) == (2, "no run goes on\n")
    assert json.loads(acquire("running", "--json").output) == {"runs": []}


def test_the_one_run_is_stopped_and_its_output_seen_to_be_off(begin: Callable[[str], StopRequest]) -> None:
    stop = begin("a.h5")
    listed = acquire("running").text
    assert "/runs/a.h5 (process" in listed
    assert "measuring: 3 of 9 points, about 40 s left; output on" in listed
    said = acquire("stop", "--by", "Ada")
    assert said.status == 0
    assert "/runs/a.h5: ended; output off, asked at 12:00" in said.text
    assert stop() == "stopped from elsewhere by Ada"


def test_of_several_runs_it_has_to_be_said_which(begin: Callable[[str], StopRequest]) -> None:
    first, second = begin("a.h5"), begin("b.h5")
    said = acquire("stop")
    assert said.status == 2
    assert "several runs go on; say which" in said.text
    assert "/runs/a.h5 (process" in said.text
    assert "/runs/b.h5 (process" in said.text
    assert not first()
    assert not second()
    assert acquire("stop", "b.h5").status == 0
    assert second()
    assert not first()
    wrong = acquire("stop", "c.h5")
    assert (wrong.status, "no run goes on that is called c.h5" in wrong.text) == (2, True)
    assert acquire("stop", "a.h5", "--all").status == 2


def test_a_stop_is_over_with_the_output_and_waits_for_the_file_where_it_is_told_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("acquire.safety.mailbox.runs_folder", lambda: tmp_path)
    stop = StopRequest()

    def state() -> dict[str, str]:
        off = {"phase": "ending", "output": "off", "asked": datetime.now(UTC).astimezone().isoformat()}
        return off if stop() else {"phase": "measuring", "output": "on"}

    asked = threading.Event()

    def hears(request: Request) -> Answer:
        asked.set()
        return stop._asked(request)

    stop.mailbox.takes("stop", hears)
    stop.mailbox.says(run_id="a", path="/runs/a.h5")
    stop.mailbox.tells(state)
    with stop.mailbox.opened():
        said = acquire("stop")
        asked.clear()
        assert said.status == 0
        assert "/runs/a.h5: output off, asked at" in said.text
        assert "its file is being finished" in said.text
        assert running()
        whole: list[Said] = []
        waiting = threading.Thread(target=lambda: whole.append(acquire("stop", "--wait")))
        waiting.start()
        assert asked.wait(LONGEST)
        waiting.join(0.2)
        assert waiting.is_alive()
    waiting.join(LONGEST)
    assert whole[0].status == 0
    assert "/runs/a.h5: ended; output off, asked at" in whole[0].text


def test_all_are_stopped(begin: Callable[[str], StopRequest]) -> None:
    stops = [begin("a.h5"), begin("b.h5")]
    said = acquire("stop", "--all", "--json")
    assert said.status == 0
    assert [run["output"] for run in json.loads(said.output)["runs"]] == ["off", "off"]
    assert all(stop() for stop in stops)


def test_a_pause_is_asked_for_with_the_time_after_which_the_run_is_ended(
    begin: Callable[[str], StopRequest], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("acquire.cli.outside.LONGEST_WAIT", 0.2)
    stop = begin("a.h5")
    assert "not paused: the sweep has not begun yet" in acquire("pause").text
    stop.pause.allow()
    wrong = acquire("pause", "--longest", "5 V")
    assert (wrong.status, "--longest" in wrong.text) == (2, True)
    said = acquire("pause", "--longest", "5 min", "--by", "Ada")
    assert said.status == 0
    assert "after 300 s without a word the run is ended" in said.text
    assert "it is going to be paused before its next point" in said.text
    assert (stop.pause(), stop.pause.longest) == ("Ada", 300.0)
    stop.mailbox.tells(lambda: {"phase": "paused", "output": "off", "asked": "12:00"})
    assert "  paused: output off, asked" in acquire("pause").text
    assert acquire("resume").status == 0
    assert not stop.pause()
    again = acquire("resume")
    assert (again.status, "it is not paused" in again.text) == (1, True)


@pytest.mark.parametrize(("answer", "is_done"), [("yes", True), ("no", False)])
def test_what_a_batch_asks_is_answered_from_elsewhere(
    answer: str, is_done: bool, begin: Callable[[str], StopRequest]
) -> None:
    stop = StopRequest("the page")
    told: list[str] = []

    def speak() -> None:
        until = time.monotonic() + LONGEST
        while not any(now.phase == "asking" for now in running()) and time.monotonic() < until:
            time.sleep(0.02)
        told.extend(acquire("answer", text).text for text in ("perhaps", answer))

    operator = _Terminal(stop, yes=False, as_json=True, plot=False)
    with stop.mailbox.opened():
        (nobody_asks,) = running()
        assert "answer" not in nobody_asks.takes
        thread = threading.Thread(target=speak)
        thread.start()
        assert operator.ready("put substrate B12 in") is is_done
        thread.join()
    assert "put substrate B12 in" in told[0]
    assert "answer yes (it is done) or no (the batch ends here)" in told[0]
    assert ("it goes on" if is_done else "the batch ends here") in told[1]


def test_a_question_ends_when_a_stop_is_asked_for(begin: Callable[[str], StopRequest]) -> None:
    stop = StopRequest("the page")
    operator = _Terminal(stop, yes=False, as_json=True, plot=False)
    stop.note("stopped from elsewhere by Ada")
    with pytest.raises(KeyboardInterrupt, match="by Ada"):
        operator.ready("put substrate B12 in")


def test_levels_by_hand_are_set_from_elsewhere_within_the_limits() -> None:
    commands, stop = Commands(), StopRequest("the page")
    commands.prepared(prepare(CONFIGS / "sweeps" / "table2_sppo13_liq.yaml"))
    commands.taken_from(stop.mailbox)
    for request, done in (
        (Request("level", "Ada", {"level": "3 V"}), True),
        (Request("level", "Ada", {"level": "300 V"}), False),
        (Request("level", "Ada", {"level": "quit"}), False),
        (Request("level", "Ada", {"level": 3}), False),
        (Request("level", "Ada"), False),
        (Request("level", "Ada", {"level": "+"}), True),
        (Request("spectrum", "Ada"), True),
        (Request("off", "Ada"), True),
        (Request("end", "Ada"), True),
    ):
        assert stop.mailbox._handlers[request.kind](request).done is done, request
    taken = [commands.take() for _ in range(5)]
    assert taken[0] == Command(Doing.SET, 3.0)
    assert [command.doing for command in taken if command] == [
        *(Doing.SET, Doing.MOVE, Doing.SPECTRUM, Doing.OFF, Doing.QUIT)
    ]
    assert commands.take() is None
    for _ in range(1000):
        commands._asked("off", Request("off", "Ada"))
    assert not commands._asked("off", Request("off", "Ada")).done  # full, and nothing waits
