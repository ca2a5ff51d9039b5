"""The queue as pages see it, and a run of it from the wish to the file."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from acquire.service.queue import QueueUnusable

QUEUE, LOCK = "/api/v1/queue", "/api/v1/bench-lock"
WISH = {"recipe": "sweeps/quick_look.yaml", "sample": "Q7", "pixel": "A", "person": "Ann"}


@pytest.fixture(autouse=True)
def locked(operator: TestClient) -> None:
    """Nothing begins unless a test wants it."""
    assert operator.post(LOCK, json={"name": "test", "note": "not now"}).status_code == 200


def item_of(browser: TestClient, number: int) -> dict[str, Any]:
    items = browser.get(QUEUE).json()["items"]
    (found,) = [item for item in items if item["id"] == number]
    return dict(found)


def test_what_an_item_is_going_to_do_is_shown_before_it_starts(operator: TestClient):
    answer = operator.post(QUEUE, json=WISH)
    assert answer.status_code == 201
    item = answer.json()
    assert (item["state"], item["by"], item["person"]) == ("waiting", "Ann", "Ann")
    assert item["seconds"] > 0.1
    assert item["points"] > 5
    assert item["limits"]["voltage"] >= 1.0
    assert item["limits"]["current"] > 0.0
    assert item_of(operator, item["id"]) == item
    queue = operator.get(QUEUE).json()
    assert queue["paused"]
    assert queue["why"] == "the bench is locked by test: not now"
    status = operator.get("/api/v1/status").json()
    assert status["bench"]["lock"]["note"] == "not now"
    assert status["queue"]["waiting"] >= 1


def test_a_viewer_asks_and_an_operator_says_yes(operator: TestClient, viewer: TestClient):
    item = viewer.post(QUEUE, json={**WISH, "person": "Vic"}).json()
    assert item["state"] == "asked"
    number = item["id"]
    for deed in ("approve", "hold", "release", "remove"):
        assert viewer.post(f"{QUEUE}/{number}/{deed}", json={"person": "Vic"}).status_code == 403
    assert viewer.post(f"{QUEUE}/{number}/move", json={"to": 0}).status_code == 403
    assert viewer.post(LOCK, json={"name": "Vic", "note": ""}).status_code == 403
    assert viewer.delete(LOCK, params={"person": "Vic"}).status_code == 403
    again = viewer.post(f"{QUEUE}/{number}/repeat", json={"person": "Vic"}).json()
    assert (again["state"], again["repeat_of"]) == ("asked", number)
    approved = operator.post(f"{QUEUE}/{number}/approve", json={"person": "Ann"}).json()
    assert (approved["state"], approved["person"]) == ("waiting", "Ann")


def test_a_wish_that_is_sent_again_is_one_wish(operator: TestClient):
    first, again = (operator.post(QUEUE, json=WISH, headers={"Idempotency-Key": "k1"}).json() for _ in range(2))
    assert again["id"] == first["id"]
    assert operator.post(QUEUE, json=WISH, headers={"Idempotency-Key": "k2"}).json()["id"] != first["id"]
    repeats = {
        operator.post(
            f"{QUEUE}/{first['id']}/repeat", json={"person": "Ann", "times": 2}, headers={"Idempotency-Key": "k3"}
        ).json()["id"]
        for _ in range(2)
    }
    assert len(repeats) == 1
    assert sum(one["repeat_of"] == first["id"] for one in operator.get(QUEUE).json()["items"]) == 2


def test_who_lets_an_item_run_has_a_name(operator: TestClient):
    nameless = operator.post(QUEUE, json={**WISH, "person": None})
    assert (nameless.status_code, nameless.json()["error"]["where"]) == (422, "person")
    by_user = operator.post(QUEUE, json={**WISH, "person": None, "user": "Bob"}).json()
    assert by_user["by"] == "Bob"
    number = by_user["id"]
    assert operator.post(f"{QUEUE}/{number}/hold", json={}).json()["state"] == "held"
    assert operator.post(f"{QUEUE}/{number}/release", json={}).status_code == 422
    assert operator.post(f"{QUEUE}/{number}/release", json={"person": "Bob"}).json()["state"] == "waiting"


def test_what_does_not_go_is_refused_in_one_shape(operator: TestClient):
    for answer, status, code in (
        (operator.post(f"{QUEUE}/9999/hold", json={}), 404, "not_found"),
        (operator.post(f"{QUEUE}/0/hold", json={}), 422, "invalid"),
        (operator.post(f"{QUEUE}/1/burn", json={}), 422, "invalid"),
        (operator.post(QUEUE, json={**WISH, "recipe": "../../etc/passwd"}), 422, "invalid"),
        (operator.post(QUEUE, json={**WISH, "recipe": "sweeps/none.yaml"}), 404, "not_found"),
        (operator.post(QUEUE, json={**WISH, "area": "4 mm"}), 422, "invalid"),
        (operator.post(f"{QUEUE}/1/hold", content=rb'{"person": "\ud800"}'), 422, "invalid"),
        (operator.delete(LOCK), 422, "invalid"),
    ):
        assert (answer.status_code, answer.json()["error"]["code"]) == (status, code), answer.text
    number = operator.post(QUEUE, json=WISH).json()["id"]
    assert operator.post(f"{QUEUE}/{number}/approve", json={"person": "Ann"}).status_code == 409


def test_no_run_is_started_beside_the_queue(operator: TestClient):
    answer = operator.post("/api/v1/runs", json={"recipe": WISH["recipe"]})
    assert answer.status_code == 409
    assert "locked by test: not now" in answer.json()["error"]["message"]


def test_a_queue_that_broke_meanwhile_takes_nothing_else_with_it(
    operator: TestClient, service: TestClient, monkeypatch: pytest.MonkeyPatch
):
    def broken(*, over: int = 0) -> None:
        raise QueueUnusable("queue.sqlite: it is damaged")

    monkeypatch.setattr(service.app.state.shared.queue.queue, "now", broken)
    status = operator.get("/api/v1/status")
    assert (status.status_code, status.json()["queue"]["head"]) == (200, "queue.sqlite: it is damaged")
    assert operator.get(QUEUE).json()["why"] == "queue.sqlite: it is damaged"
    assert operator.post("/api/v1/runs", json={"recipe": WISH["recipe"]}).status_code == 409


@pytest.mark.slow  # a process of its own
def test_an_item_is_run_in_its_turn_and_once(operator: TestClient, service: TestClient, folder: Path):
    for item in operator.get(QUEUE).json()["items"]:
        if item["state"] in ("waiting", "asked", "held"):
            assert operator.post(f"{QUEUE}/{item['id']}/remove", json={}).status_code == 200
    number = operator.post(QUEUE, json=WISH).json()["id"]
    assert operator.delete(LOCK, params={"person": "Ann"}).status_code == 200
    item = until(lambda: item_of(operator, number), lambda item: item["state"] in ("done", "needs_person"))
    assert item["state"] == "done", item["reason"]
    assert Path(item["run"]).parent == folder / "runs"
    assert operator.get(f"/api/v1/history/{item['run_id']}").json()["sample"] == "Q7"
    assert item["attempt"] == 1
    runner = service.app.state.shared.queue.runner
    assert until(lambda: {"idle": runner.idle}, lambda now: now["idle"])["idle"]


def until(look: Callable[[], dict[str, Any]], seen: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """What is looked at, once it is as it should be; after a minute as it is then."""
    give_up = time.monotonic() + 60.0
    while not seen(found := look()) and time.monotonic() < give_up:
        time.sleep(0.1)
    return found
