"""What tests do on the page as people do: start a run, look at its points, at its output."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from playwright.sync_api import Page

#: All that the page holds of the run that it shows, once it holds so many points; a minute at most.
HELD = """async (least) => {
  const { known } = await import("/page/store.js");
  for (let tries = 0; tries < 600; tries += 1) {
    const data = [...known.data.values()].at(-1);
    const table = data?.tables.jvl;
    if ((table?.row.length ?? 0) >= least) return { id: data.id, row: table.row, columns: table.columns };
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`never ${least} points`);
}"""


def output(page: Page, state: str) -> None:
    """Wait until the page says that the output is on, or off."""
    page.locator(f'.output[data-output="{state}"]').wait_for()


def begin(page: Page, recipe: str, **said: str) -> None:
    """Start a run from the page and wait for its curves."""
    page.goto(page.url.split("#")[0] + f"#/start?recipe=sweeps/{recipe}.yaml")
    page.locator("pre", has_text="compliance").wait_for()
    for name, text in said.items():
        page.locator(f"[name={name}]").fill(text)
    page.get_by_role("button", name="Start now").click()
    page.get_by_role("heading", name=said.get("sample", "SPPO13")).wait_for()


def points(page: Page, least: int) -> dict[str, Any]:
    """What the page holds, once it holds so many points."""
    held: dict[str, Any] = page.evaluate(HELD, least)
    return held
