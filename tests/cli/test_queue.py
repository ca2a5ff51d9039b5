"""``acquire queue``: the queue at a terminal."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from acquire.cli.arguments import COMPLETED, FAILED, USAGE
from acquire.cli.commands import app
from tests.conftest import CONFIGS


def queue(folder: Path, *arguments: str, status: int = COMPLETED) -> str:
    """What a command says, which ends with this status."""
    done = CliRunner().invoke(app, ["queue", *arguments, "--data", str(folder)])
    assert done.exit_code == status, done.output
    return done.output


def test_an_item_from_its_wish_to_its_removal(tmp_path: Path):
    recipes = ("--recipes", str(CONFIGS))
    said = queue(tmp_path, "add", "sweeps/quick_look.yaml", "--sample", "S1", "--by", "Ann", *recipes)
    line = "S1, sweeps/quick_look.yaml, about 0:01, up to 8 V, 10 mA; waits for its turn (by Ann)"
    assert said == f"   1  {line}\n"
    assert "is held: held by Bob" in queue(tmp_path, "hold", "1", "--by", "Bob")
    assert "waits for its turn" in queue(tmp_path, "release", "1", "--by", "Bob", *recipes)
    assert queue(tmp_path, "repeat", "1", "--by", "Bob").startswith("   2  S1")
    queue(tmp_path, "move", "2", "0")
    assert "cannot be approved" in queue(tmp_path, "approve", "2", status=USAGE)
    queue(tmp_path, "remove", "1")
    queue(tmp_path, "lock", "probe card out", "--by", "Ann")
    told = json.loads(queue(tmp_path, "list", "--json"))
    assert [(item["id"], item["state"]) for item in told["items"]] == [(2, "waiting"), (1, "removed")]
    assert told["lock"]["note"] == "probe card out"
    assert queue(tmp_path, "list").startswith("the bench is locked by Ann: probe card out\n   2  S1")
    assert "unlocked" in queue(tmp_path, "unlock")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("add", "sweeps/none.yaml", "--recipes", str(CONFIGS)), "there is no such file"),
        (("add", "../x.yaml", "--recipes", str(CONFIGS)), "leads out of the folder of recipes"),
        (("hold", "7"), "the queue has no item 7"),
        (("unlock",), "the bench is not locked"),
        (("test-message",), "names no channel"),
    ],
)
def test_what_does_not_go_is_said_and_changes_nothing(tmp_path: Path, arguments: tuple[str, ...], said: str):
    assert said in queue(tmp_path, *arguments, status=USAGE)
    assert json.loads(queue(tmp_path, "list", "--json")) == {"items": [], "lock": None}


def test_a_damaged_queue_is_named(tmp_path: Path):
    (tmp_path / "queue.sqlite").write_bytes(b"x" * 5000)
    assert "It was left as it is" in queue(tmp_path, "list", status=FAILED)
