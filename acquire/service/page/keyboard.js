// Keys for what is done often; none while somebody types.
import { ask } from "./dialogs.js";
import { h } from "./dom.js";
import { otherTheme } from "./theme.js";
import { stopNow } from "./top.js";

const GO = { 1: "live", 2: "start", 3: "queue", 4: "history", 5: "bench" };
const KEYS = [
  ["Shift + S", "stop the run: ramped to zero, output off"],
  ["P", "pause the run, or go on"],
  ["1 … 5", "Live, Start, Queue, History, Bench"],
  ["L", "logarithmic or linear: every axis of the page"],
  ["/", "to the search of the history"],
  ["D", "light or dark"],
  ["← →", "on a picture: values from point to point"],
  ["Tab, Enter, Esc", "to the next field or button; press it; close a dialog"],
  ["?", "this help"],
];

export function help() {
  return ask("Help", h("div", {},
    h("p", {}, "A run goes on when this page is closed, and when the service is restarted. Stop is always at the top (on a phone at the bottom right): it ramps to zero, switches the output off and asks the instrument whether it is off."),
    h("p", {}, "Drag over a picture to see a part from near; a name in its legend hides a curve."),
    h("table", {}, h("tbody", {}, KEYS.map(([key, meaning]) => h("tr", {}, h("td", {}, h("kbd", {}, key)), h("td", {}, meaning)))))),
  [{ label: "Close", value: null, kind: "first" }]);
}

const typing = (target) => target.isContentEditable || ["INPUT", "SELECT", "TEXTAREA"].includes(target.tagName);

export function keyboard(view) {
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (document.querySelector("dialog[open]") && event.key !== "S") return;
    if (event.composedPath().some((one) => one instanceof HTMLElement && typing(one))) return;
    const act = {
      S: stopNow, "?": help, d: otherTheme, l: () => view()?.logarithmic?.(), p: () => view()?.pause?.(),
      "/": () => {
        location.hash = "#/history";
        setTimeout(() => document.querySelector("input[type=search]")?.focus(), 50);
      },
      ...Object.fromEntries(Object.entries(GO).map(([key, name]) => [key, () => { location.hash = `#/${name}`; }])),
    }[event.key];
    if (!act) return;
    event.preventDefault();
    act();
  });
}
