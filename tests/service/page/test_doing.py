"""What is done from the page: each button, on a service with simulated instruments in real time."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from acquire.run_file.read import read_run
from tests.service.page.conftest import RECORDED, People, Rig
from tests.support.on_the_page import output

if TYPE_CHECKING:
    from playwright.sync_api import Page, Route

pytestmark = pytest.mark.slow  # browsers, processes and instruments in real time
#: Whether an item is at a place of the queue.
AT = """([name, place]) =>
    document.querySelectorAll("[aria-label=Waiting] li strong")[place]?.textContent === name"""


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


def names(page: Page, place: str = "Waiting") -> list[str]:
    """The items of a list of the queue, in order."""
    return page.get_by_role("region", name=place).get_by_role("listitem").locator("strong").all_text_contents()


def say_name(page: Page, name: str, button: str) -> None:
    """Answer who does it, in the dialog that asks."""
    dialog = page.get_by_role("dialog")
    dialog.locator("[name=person], [name=name]").fill(name)
    dialog.get_by_role("button", name=button, exact=True).click()
    dialog.wait_for(state="hidden")


def ask_for(page: Page, sample: str, button: str, user: str = "", recipe: str = "a_short") -> None:
    """Put a run into the queue."""
    page.goto(page.url.split("#")[0] + f"#/start?recipe=sweeps/{recipe}.yaml")
    page.locator("pre", has_text="compliance").wait_for()
    page.locator("[name=sample]").fill(sample)
    page.locator("[name=user]").fill(user)
    page.locator("pre", has_text=sample).wait_for()
    page.get_by_role("button", name=button).click()
    if not user:
        say_name(page, "Vic", "Go on")


def test_the_queue_is_put_in_order_and_a_lost_answer_adds_nothing_twice(people: People, rig: Rig) -> None:
    page, looking_on = people.enter(rig.operator), people.enter(rig.viewer)
    page.keyboard.press("3")
    page.get_by_role("button", name="Lock the bench").click()
    say_name(page, "Ann", "Lock")
    page.get_by_text("The bench is locked by Ann").wait_for()
    looking_on.keyboard.press("2")
    ask_for(looking_on, "of Vic", "Ask for it")
    looking_on.get_by_text("waits for an operator's yes").first.wait_for()

    lost: list[str] = []

    def lose(route: Route) -> None:
        if route.request.method == "POST" and not lost:
            lost.append(route.fetch().text())
            route.abort()
        else:
            route.continue_()

    page.route("**/api/v1/queue", lose)
    ask_for(page, "of Ann", "Put in the queue", "Ann")
    page.get_by_text("The service does not answer").wait_for()
    page.get_by_role("button", name="Put in the queue").click()
    page.get_by_role("heading", name="Queue").wait_for()
    ask_for(page, "another", "Put in the queue", "Ann")
    page.get_by_role("heading", name="Queue").wait_for()
    page.get_by_role("button", name="Up: another").wait_for()
    assert names(page) == ["of Vic", "of Ann", "another"], lost

    page.get_by_role("button", name="Approve: of Vic").click()
    page.get_by_role("dialog").get_by_text("Vic asks for it").wait_for()
    say_name(page, "Ann", "Approve")
    page.get_by_role("button", name="Up: another").click()
    page.wait_for_function(AT, arg=["another", 1])
    page.get_by_role("button", name="Down: of Vic").click()
    page.wait_for_function(AT, arg=["another", 0])
    page.get_by_role("button", name="Hold: another").click()
    page.get_by_role("button", name="Release: another").click()
    say_name(page, "Ann", "Release")
    page.get_by_role("button", name="Hold: another").wait_for()
    for name in names(page):
        page.get_by_role("button", name=f"Remove: {name}").click()
        page.get_by_role("dialog").get_by_role("button", name="Remove").click()
        page.get_by_role("button", name=f"Remove: {name}").wait_for(state="detached")
    page.get_by_text("The queue is empty").wait_for()
    page.get_by_role("button", name="Unlock").click()
    say_name(page, "Ann", "Go on")
    page.get_by_role("button", name="Lock the bench").wait_for()


@pytest.mark.long
def test_what_was_stopped_in_the_queue_runs_again_only_when_somebody_says_so(people: People, rig: Rig) -> None:
    page = people.enter(rig.operator)
    ask_for(page, "Stopped", "Put in the queue", "Ann", "a_slow")
    page.get_by_role("link", name="Stopped").wait_for()
    page.get_by_role("link", name="Live").click()
    output(page, "on")
    page.get_by_role("button", name="Stop").click()
    output(page, "off")
    page.get_by_role("link", name="History").click()
    row = page.get_by_role("row", name=re.compile("Stopped"))
    row.get_by_text("waits for somebody").wait_for()
    row.get_by_role("button", name="Run again").click()
    page.get_by_role("dialog").get_by_text("was stopped").wait_for()
    say_name(page, "Bob", "Run again")
    page.get_by_role("alert").filter(has_text="the bench is locked by the queue").wait_for()
    page.get_by_role("link", name="Queue").click()
    page.get_by_role("button", name="Unlock").click()
    say_name(page, "Bob", "Go on")
    page.get_by_text("attempt 2").wait_for()
    output(page, "on")
    page.get_by_role("button", name="Stop").click()
    output(page, "off")
    page.get_by_role("button", name="Remove: Stopped").click()
    page.get_by_role("dialog").get_by_role("button", name="Remove").click()
    page.get_by_text("The queue is empty").wait_for()
    page.get_by_role("button", name="Unlock").click()
    say_name(page, "Bob", "Go on")
    ask_for(page, "Repeated", "Put in the queue", "Ann")
    page.get_by_role("region", name="Over").get_by_role("button", name="Run again: Repeated").click()
    say_name(page, "Bob", "Run again")
    page.get_by_role("region", name="Over").get_by_role("link", name="Repeated").nth(1).click()
    page.get_by_text("It was measured for the queue").wait_for()


def test_the_bench_is_checked_from_the_page(people: People, rig: Rig) -> None:
    page = people.enter(rig.operator)
    page.keyboard.press("5")
    check = page.get_by_role("region", name="Health check")
    check.get_by_label("Your name").fill("Ann")
    check.get_by_role("button", name="Health check").click()
    page.get_by_role("link", name="What it says of the bench").click()
    came = page.get_by_role("region", name="What came of it").get_by_role("listitem").filter(has_text="by Ann")
    came.locator(".tag", has_text="in control").wait_for()
    say = page.get_by_role("region", name="What the checks say")
    say.get_by_role("row", name=re.compile("ratio of check source")).first.wait_for()
