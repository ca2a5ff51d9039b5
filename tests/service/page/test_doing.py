"""What is done from the page: each button, on a service with simulated instruments in real time."""

from __future__ import annotations

import pytest

from acquire.run_file.read import read_run
from tests.service.page.conftest import RECORDED, People, Rig

pytestmark = pytest.mark.slow  # browsers, processes and instruments in real time


def test_a_run_is_tagged_and_commented_on(people: People, rig: Rig, recorded: tuple[str, ...]) -> None:
    page = people.enter(rig.operator)
    page.goto(f"{rig.address}/#/run/{recorded[0]}")
    page.get_by_role("button", name="Tag or comment").click()
    page.locator("[name=tags]").fill("for the paper, 50/50 #2?")
    page.locator("[name=comment]").fill("Kratzer am Rand & <b>Staub</b>")
    page.locator("[name=user]").fill("Ann")
    page.get_by_role("button", name="Add").click()
    page.locator(".tag", has_text="50/50 #2?").wait_for()
    page.get_by_text("Kratzer am Rand & <b>Staub</b>").wait_for()
    page.reload()
    page.locator(".tag", has_text="for the paper").wait_for()
    said = read_run(rig.folder / "runs" / RECORDED[0]).remarks
    assert [(one.text, one.user) for one in said] == [
        ("for the paper", "Ann"),
        ("50/50 #2?", "Ann"),
        ("Kratzer am Rand & <b>Staub</b>", "Ann"),
    ]
