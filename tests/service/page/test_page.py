"""The page in a browser, on a service with simulated instruments in real time: as people use it."""

from __future__ import annotations

import re
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from acquire.run_file.read import read_run
from tests.service.page.conftest import People, Rig
from tests.support.on_the_page import begin, output, points

if TYPE_CHECKING:
    from playwright.sync_api import Page, Route

pytestmark = pytest.mark.slow  # browsers, processes and instruments in real time
AXE = Path(__file__).with_name("axe.min.js")
PHONE: dict[str, Any] = {"viewport": {"width": 390, "height": 800}, "device_scale_factor": 2, "has_touch": True}

VIEWS = ("live", "start", "queue", "history", "bench")


def test_a_run_is_started_watched_reloaded_and_stopped(people: People, rig: Rig) -> None:
    page = people.enter(rig.operator)
    begin(page, "a_slow", sample="OLED-7", pixel="A", area="4 mm^2", user="Ann")
    output(page, "on")
    few = points(page, 5)
    more = points(page, len(few["row"]) + 10)
    assert page.locator(".plot canvas").first.is_visible()
    assert "point" in (page.locator("#main").text_content() or "")

    looking_on = people.enter(rig.viewer)
    output(looking_on, "on")
    assert points(looking_on, len(more["row"]))["id"] == more["id"]
    assert looking_on.get_by_role("button", name="Stop").is_disabled()
    assert looking_on.get_by_role("button", name="Pause").is_hidden()

    page.reload()
    again = points(page, len(more["row"]) + 5)
    assert again["row"] == list(range(len(again["row"]))), "no row is missing, none stands twice"
    for name in ("voltage", "luminance", "flags"):
        assert again["columns"][name][: len(more["row"])] == more["columns"][name]

    page.get_by_role("button", name="Stop").click()
    output(page, "off")
    output(looking_on, "off")
    looking_on.get_by_text("OLED-7").first.wait_for()

    page.get_by_text("This run is over: stopped").wait_for()
    page.get_by_role("link", name="History").click()
    page.locator(".tag", has_text="stopped").first.wait_for()
    page.get_by_role("link", name="OLED-7").first.click()
    page.get_by_role("heading", name="OLED-7, pixel A").wait_for()
    page.locator(".tag", has_text="stopped").first.wait_for()
    with page.expect_download() as download:
        page.get_by_role("link", name="HDF5").click()
    run = read_run(download.value.path())
    assert run.run_id == more["id"]
    assert run.points >= len(again["row"])
    voltage = run.tables["jvl"]["voltage"].tolist()
    assert voltage[: len(again["row"])] == again["columns"]["voltage"], "bit for bit"


@pytest.mark.long
def test_by_keyboard_alone_two_runs_and_their_comparison(people: People, rig: Rig) -> None:
    page = people.enter(rig.operator)
    for recipe, sample in {"short": "Left", "slow": "Right"}.items():
        page.keyboard.press("2")
        page.get_by_role("heading", name="Start a run").wait_for()
        page.locator("pre", has_text="compliance").wait_for()
        _tab_to(page, "recipe")
        page.keyboard.type(recipe)
        page.wait_for_function(f'() => document.querySelector("[name=recipe]").value.endsWith("a_{recipe}.yaml")')
        _tab_to(page, "sample")
        page.keyboard.type(sample)
        page.locator("pre", has_text=re.compile(f"^{recipe}")).wait_for()
        page.keyboard.press("Enter")
        page.get_by_role("heading", name=sample).wait_for()
        if recipe == "slow":
            output(page, "on")
            points(page, 3)
            page.keyboard.press("Shift+S")
            output(page, "off")
        page.get_by_text(re.compile(f"{sample}.* (is done|was stopped)")).first.wait_for()
    page.keyboard.press("?")
    page.get_by_role("dialog", name="Help").wait_for()
    page.keyboard.press("Escape")
    page.keyboard.press("/")
    page.wait_for_function('() => document.activeElement.type === "search"')
    for sample in ("Left", "Right"):
        box = page.get_by_role("checkbox", name=f"Compare {sample}").first
        box.focus()
        page.keyboard.press("Space")
    page.get_by_role("button", name="Compare 2 runs").focus()
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="2 runs compared").wait_for()
    assert page.locator(".plot canvas").count() == 4
    page.get_by_role("row", name=re.compile("Turn-on voltage .*±.* V")).wait_for()


def _tab_to(page: Page, name: str) -> None:
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.name") == name:
            return
    raise AssertionError(f"no way to {name} by Tab")


def test_a_wrong_recipe_says_all_errors_where_they_are(people: People, rig: Rig) -> None:
    page = people.enter(rig.operator)
    page.goto(f"{rig.address}/#/start?recipe=sweeps/a_short.yaml")
    page.locator("pre", has_text="compliance").wait_for()
    page.get_by_role("button", name="Edit the recipe").click()
    page.locator(".cm-focused").wait_for()
    page.keyboard.press("Control+End")
    page.keyboard.type("sto")
    page.locator(".cm-tooltip-autocomplete", has_text="stop").wait_for()
    page.keyboard.press("Escape")
    for _ in "sto":
        page.keyboard.press("Backspace")
    page.keyboard.insert_text("stop:\n  no_light_by: 5\n  luminance_abov: 3 cd/m^2\n")
    wrong = page.get_by_role("alert").filter(has_text="no_light_by").filter(has_text="luminance_abov")
    wrong.wait_for()
    assert page.get_by_role("button", name="Start now").is_disabled()
    assert page.locator(".cm-lintRange-error").count() >= 2
    wrong.get_by_role("button", name=re.compile("line")).first.click()
    assert page.locator(".cm-content").evaluate("one => one.getRootNode().activeElement === one")


def test_seven_tabs_share_one_connection_and_a_silent_service_is_told(people: People, rig: Rig) -> None:
    first = people.enter(rig.operator)
    asked: list[str] = []
    first.context.on("request", lambda request: "/events" in request.url and asked.append(request.url))
    tabs = [people.watched(first.context) for _ in range(6)]
    for tab in tabs:
        tab.goto(rig.address)
        tab.get_by_role("heading", name="No run is going on").wait_for()
    assert asked == [], "the first tab's connection serves all"
    if sys.platform != "win32":
        rig.process.send_signal(signal.SIGSTOP)
        try:
            tabs[5].get_by_role("alert").filter(has_text="No news").wait_for(timeout=3500)
            assert tabs[5].locator(".output").get_attribute("data-output") == "unknown"
        finally:
            rig.process.send_signal(signal.SIGCONT)
        tabs[5].get_by_role("alert").filter(has_text="No news").wait_for(state="hidden")
    first.close()
    tabs[5].wait_for_timeout(3000)  # another tab listens now, nobody misses it
    assert tabs[5].get_by_role("alert").filter(has_text="No news").is_hidden()
    assert len(asked) >= 1


def test_what_a_view_draws_late_does_not_cover_the_next_one(people: People, rig: Rig) -> None:
    page = people.enter(rig.operator)
    held: list[Route] = []
    page.route("**/api/v1/queue", lambda route: held.append(route))
    page.keyboard.press("3")
    page.get_by_role("heading", name="Queue").wait_for()
    page.keyboard.press("2")
    page.get_by_role("heading", name="Start a run").wait_for()
    held[0].abort()
    page.locator("pre", has_text="compliance").wait_for()
    assert page.get_by_text("The service does not answer").count() == 0


@pytest.mark.parametrize("look", ["light", "dark"])
def test_no_serious_fault_of_accessibility_and_no_overflow_on_a_phone(people: People, rig: Rig, look: str) -> None:
    page = people.enter(rig.operator, color_scheme=look, **PHONE)
    run = page.evaluate("async () => (await (await fetch('/api/v1/history')).json()).runs[0]?.run_id ?? null")
    of_runs = [f"run/{run}", f"compare?runs={run},{run}"] if run else []
    for view in (*VIEWS, *of_runs) if look == "light" else ("queue", *of_runs):
        page.goto(f"{rig.address}/#/{view}")
        page.locator("#main h1").first.wait_for()
        if view == "start":
            page.locator("pre", has_text="compliance").wait_for()
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, view
        stop = page.get_by_role("button", name="Stop").bounding_box()
        assert stop, view
        assert 0 <= stop["y"] <= 800 - stop["height"], view
        assert _faults(page) == [], view


def _faults(page: Page) -> list[str]:
    if not page.evaluate("typeof axe === 'object'"):
        page.evaluate(AXE.read_text("utf-8"))  # not as a script element: the page's policy would refuse it
    found = page.evaluate("axe.run({ resultTypes: ['violations'] })")
    return [
        f"{one['id']}: {one['help']} {[node['html'][:120] for node in one['nodes'][:3]]}"
        for one in found["violations"]
        if one["impact"] in ("serious", "critical")
    ]
