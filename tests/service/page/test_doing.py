"""What is done from the page: each button, on a service with simulated instruments in real time."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from acquire.evaluation.calibration import Calibration, Conditions
from acquire.records import (
    Branch,
    DarkReading,
    ExposureSample,
    Note,
    PointFlag,
    Reading,
    Record,
    RunStatus,
    RunStop,
    Spectrum,
)
from acquire.run_file import layout, recorder
from acquire.run_file.finish import finish
from acquire.run_file.read import read_run
from tests.service.page.conftest import RECORDED, People, Rig
from tests.support.on_the_page import output, points
from tests.support.run_files import a_start

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


def open_recipe(page: Page, recipe: str, has: str) -> None:
    """Choose a recipe, and wait for its plan."""
    page.goto(page.url.split("#")[0] + f"#/start?recipe={recipe}")
    page.locator("pre", has_text=has).wait_for()


def ask_for(page: Page, sample: str, button: str, user: str = "", recipe: str = "a_short") -> None:
    """Put a run into the queue."""
    open_recipe(page, f"sweeps/{recipe}.yaml", "compliance")
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
    page.get_by_role("link", name="Another pixel like it").last.click()
    page.get_by_role("heading", name="Start a run").wait_for()
    assert page.locator("[name=sample]").input_value() == "another"
    page.keyboard.press("3")

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


def test_runs_are_found_by_a_figure_compared_and_taken_away(
    people: People, rig: Rig, recorded: tuple[str, ...]
) -> None:
    page = people.enter(rig.operator)
    page.goto(f"{rig.address}/#/history?text=spectra")
    found = page.get_by_role("row").filter(has=page.get_by_role("checkbox"))
    found.nth(1).wait_for()
    page.get_by_label("Figure of merit").select_option("luminance_max")
    page.get_by_label("At least").fill("8720")
    found.nth(1).wait_for(state="detached")
    found.filter(has_text="spectra_and_back").wait_for()
    page.get_by_label("At most").fill("many")
    page.get_by_role("alert").filter(has_text='"many" is no number').wait_for()
    page.get_by_label("At most").fill("100")
    page.get_by_role("alert").filter(has_text="exchange them").wait_for()
    page.get_by_label("At least").fill("")
    page.get_by_text("No run is like that").wait_for()
    page.get_by_label("At most").fill("")
    for row in (0, 1):
        found.nth(row).get_by_role("checkbox").check()
    page.get_by_role("button", name="Compare 2 runs").click()
    page.get_by_role("heading", name="2 runs compared").wait_for()
    page.get_by_role("row", name=re.compile("Maximum luminance .*±.*±")).wait_for()
    assert page.locator(".plot canvas").count() == 4
    page.goto(f"{rig.address}/#/run/{recorded[0]}")
    for name, ending in {"HDF5": ".h5", "XLSX": ".xlsx", "CSV (zip)": ".zip"}.items():
        with page.expect_download() as download:
            page.get_by_role("link", name=name, exact=True).click()
        assert download.value.suggested_filename.endswith(ending)
        assert download.value.path().stat().st_size > 1000
    live = (rig.folder / "recipes" / "benches" / "live.yaml").read_text("utf-8")
    page.get_by_role("link", name="Measure again like this").click()
    page.wait_for_function("() => document.querySelector('[name=area]')?.value.startsWith('14 mm^2')")
    page.get_by_text("Which of the benches here that run was measured on").wait_for()  # two have its name
    (rig.folder / "recipes" / "benches" / "live.yaml").write_text(live.replace("simulated bench", "live"), "utf-8")
    page.reload()
    page.wait_for_function("() => document.querySelector('[name=bench]')?.value === 'benches/simulated.yaml'")
    (rig.folder / "recipes" / "benches" / "live.yaml").write_text(live, "utf-8")


def test_a_long_run_is_seen_from_near_with_its_spike(people: People, rig: Rig) -> None:
    path, spike = rig.folder / "runs" / "20260102T030405_S1_0b7e.h5", 9001
    record = a_long_run(path, 12_000, spike)
    page = people.enter(rig.operator)
    asked: list[dict[str, Any]] = []
    page.on("response", lambda answer: "columns" in answer.url and asked.append(answer.json()))
    page.goto(f"{rig.address}/#/run/{record}")
    page.locator('[aria-label="J-V-L"] .u-over').wait_for()
    page.wait_for_timeout(300)
    whole = asked[0]
    assert whole["thinned"]
    assert spike in whole["row"], "a spike of one row stays in the whole picture"
    place = page.locator('[aria-label="J-V-L"] .u-over').bounding_box()
    assert place
    at = place["y"] + place["height"] / 2
    page.mouse.move(place["x"] + 0.7 * place["width"], at)
    page.mouse.down()
    page.mouse.move(place["x"] + 0.8 * place["width"], at, steps=4)
    with page.expect_response(re.compile("x_from")) as answer:
        page.mouse.up()
    near = answer.value.json()
    assert not near["thinned"]
    assert near["row"] == list(range(near["row"][0], near["row"][-1] + 1)), "every row of the part"
    assert spike in near["row"]
    assert max(near["columns"]["current"]) == max(whole["columns"]["current"]) == 1e-2
    page.get_by_role("button", name="Whole picture").click()


def a_long_run(path: Path, points: int, spike: int) -> str:
    """A finished run of so many points, one of which shines far brighter; its number."""
    calibration = Calibration(conditions=Conditions(emissive_area=1.4e-5, transfer=5e6))
    capacity = {Record: points, DarkReading: 2, Spectrum: 2, ExposureSample: 3, Note: 2}
    start = replace(a_start(), run_id="0b7e0b7e-1", source_unit="V")
    record = recorder.create_run_file(path, start, capacity, lambda group: layout.write_calibration(group, calibration))
    for index in range(points):
        current = 1e-2 if index == spike else 1e-3
        reading = Reading(index, Branch.FORWARD, 1e-3 * index, 1.0 * index, 1e-3 * index, current, 0.25)
        record(Record(reading, PointFlag.NONE))
    record.conclude(RunStop(status=RunStatus.COMPLETED, reason="", end_time="2026-01-02T03:05:06+01:00"))
    record.close()
    finish(path)
    return start.run_id


@pytest.mark.long
def test_levels_are_set_by_hand_within_the_limits(people: People, rig: Rig) -> None:
    page = people.enter(rig.operator)
    open_recipe(page, "sweeps/a_short.yaml", "compliance")
    page.locator("[name=sample]").fill("by hand")
    page.locator("[name=area]").fill("4 mm^2")
    page.locator("pre", has_text="by hand").wait_for()
    page.get_by_role("button", name="Levels by hand").click()
    form = page.get_by_role("form", name="Levels by hand")
    form.locator("[name=level]").fill("5 V")
    page.keyboard.press("Enter")
    output(page, "on")
    points(page, 3)
    form.locator("[name=level]").fill("50 V")
    people.refused.append("level")
    page.keyboard.press("Enter")
    form.get_by_text("50 V is beyond").wait_for()
    form.get_by_role("button", name="Output off").click()
    output(page, "off")
    form.get_by_role("button", name="End", exact=True).click()
    page.get_by_role("dialog").get_by_role("button", name="End", exact=True).click()
    page.get_by_role("link", name="Figures of merit, report, files").click()
    page.get_by_role("row", name="Emissive area 4 mm²").wait_for()


@pytest.mark.long
def test_what_a_batch_asks_is_answered_on_any_view_and_its_end_is_heard(people: People, rig: Rig) -> None:
    page = people.enter(rig.operator)
    page.evaluate(HEARD)
    open_recipe(page, "batches/a_batch.yaml", "B77")
    assert page.locator("[name=sample]").is_hidden()
    page.get_by_role("button", name="Start now").click()
    question = page.get_by_role("alert", name="A question")
    question.get_by_text("put substrate B77 in").wait_for()
    page.get_by_text("it has switched nothing on yet").wait_for()
    question.get_by_role("button", name="Yes, it is done").click()
    output(page, "on")
    page.get_by_role("button", name="Tell me when it is over").click()
    page.get_by_role("link", name="History").click()
    question.get_by_text("connect pixel B").wait_for()
    heard = page.evaluate("window.heard")
    assert ["J-V-L bench", "B77, pixel A is done."] in heard["notes"]
    assert len(heard["tones"]) >= 5, "of the button, of the end, of the question"
    page.get_by_role("button", name="Stop").click()
    question.wait_for(state="detached")
    assert page.get_by_text("may still be on").is_hidden()
    output(page, "off")


#: Tones and notifications are kept, in place of being made.
HEARD = """() => {
  window.heard = { tones: [], notes: [] };
  const made = AudioContext.prototype.createOscillator;
  AudioContext.prototype.createOscillator = function () {
    const one = made.call(this);
    const start = one.start.bind(one);
    one.start = (when) => { window.heard.tones.push(one.frequency.value); start(when); };
    return one;
  };
  window.Notification = class {
    static permission = "granted";
    static requestPermission = async () => "granted";
    constructor(title, { body }) { window.heard.notes.push([title, body]); }
  };
}"""


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


def test_what_is_typed_on_the_bench_stays_when_the_recipes_and_the_state_are_told(people: People, rig: Rig) -> None:
    held: list[Route] = []
    page = people.enter(rig.operator)
    page.route("**/api/v1/recipes", lambda route: held.append(route))
    page.keyboard.press("5")
    check = page.get_by_role("region", name="Health check")
    check.get_by_label("Your name").fill("Ann")
    while not held:
        page.wait_for_timeout(20)
    held[0].continue_()
    check.get_by_role("option", name=re.compile("stable source")).wait_for(state="attached")
    assert check.get_by_label("Your name").input_value() == "Ann"
    check.get_by_label("Recipe").select_option("sweeps/health_resistor.yaml")
    page.get_by_role("button", name="Lock the bench…").click()
    lock = page.get_by_role("dialog")
    lock.get_by_label("Your name").fill("Ben")
    lock.get_by_role("button", name="Lock").click()
    check.get_by_role("button", name="Health check", disabled=True).wait_for()
    assert check.get_by_label("Your name").input_value() == "Ann"
    assert check.get_by_label("Recipe").input_value() == "sweeps/health_resistor.yaml"
    page.get_by_role("button", name=re.compile("Unlock")).click()
    page.get_by_role("dialog").locator("button.first").click()
    check.get_by_role("button", name="Health check", disabled=False).wait_for()


def test_a_check_that_is_over_before_its_curves_are_looked_for_has_the_way_to_its_result(
    people: People, rig: Rig
) -> None:
    page = people.enter(rig.operator)
    page.goto(f"{rig.address}/#/live/00000000-0000-4000-8000-000000000000/health-0123456789abcdef")
    page.get_by_role("link", name="What it says of the bench").click()
    page.get_by_role("heading", name="Bench", exact=True).wait_for()


def test_the_bench_is_checked_from_the_page(people: People, rig: Rig) -> None:
    page = people.enter(rig.operator)
    page.keyboard.press("5")
    check = page.get_by_role("region", name="Health check")
    check.get_by_label("Your name").fill("Ann")
    check.get_by_role("button", name="Health check").click()
    page.get_by_role("link", name="What it says of the bench").click()
    came = page.get_by_role("region", name="What came of it").get_by_role("listitem").filter(has_text="by Ann")
    came.locator(".row > .tag", has_text="in control").wait_for()
    say = page.get_by_role("region", name="What the checks say")
    say.get_by_role("row", name=re.compile("ratio of check source")).first.wait_for()
