// What is always in sight: where one can go, whether the output is on, and the stop button.
import { mayOperate, post } from "./api.js";
import { ask, besideAnswers, during, toast } from "./dialogs.js";
import { fill, h, say } from "./dom.js";
import { clock, runName } from "./format.js";
import { help } from "./keyboard.js";
import { questionCard } from "./question.js";
import { addressOf, known, runsNow } from "./store.js";
import { otherTheme } from "./theme.js";

const PLACES = { live: "Live", start: "Start", queue: "Queue", history: "History", bench: "Bench" };
export const FOREIGN = " (of another folder of this computer)";
const SAID = { on: "OUTPUT ON", off: "OUTPUT OFF", unknown: "OUTPUT UNKNOWN" };

const place = document.getElementById("top");
const strong = h("strong");
const text = h("span.grow");
const stopButton = h("button.stop", { type: "button", onclick: stopNow }, "Stop");
const output = h("div.output", { role: "status", "aria-label": "Output of the source" }, h("span.lamp", { "aria-hidden": "true" }), strong, text, stopButton);
const questions = h("div");
const stale = h("div.stale", { role: "alert", hidden: true });
const links = Object.fromEntries(Object.entries(PLACES).map(([name, label]) => [name, h("a", { href: `#/${name}` }, label)]));

// What is known of the output now: "on", "off", "unknown", or "" where no run tells.
function outputNow() {
  const runs = runsNow();
  if (known.staleSince !== null) return { state: "unknown", text: "The service is not heard: nobody can say now." };
  const worst = runs.find((run) => run.output === "on") ?? runs.find((run) => run.output === "unknown") ?? runs[0];
  if (worst) {
    if (worst.phase === "asking" && worst.output === "unknown" && !worst.output_asked) return { state: "", text: `${runName(worst)}: ${phaseText(worst)} · it has switched nothing on yet` };
    const asked = worst.output_asked ? `asked at ${clock(worst.output_asked)}` : "not asked yet";
    return { state: worst.output, text: `${runName(worst)}${worst.foreign ? FOREIGN : ""}: ${phaseText(worst)} · ${asked}` };
  }
  const last = known.status?.last_output ?? known.lastOutput;
  if (!last?.output) return { state: "", text: "No run is going on; no output was asked since this service began." };
  if (last.how === "killed") return { state: "unknown", text: "The last run was killed with its output on: its guardian switches it off, and has not confirmed that yet. Look at the instrument." };
  const by = last.how === "guardian" ? "by the guardian of a run that was killed" : "at the end of the last run";
  const how = last.asked ? `asked at ${clock(last.asked)}, ${by}` : by;
  return { state: last.output, text: last.output === "off" ? `No run is going on. ${how[0].toUpperCase()}${how.slice(1)}` : `No run is going on, but it was not confirmed that the output is off (${how}): look at the instrument, and press OUTPUT where it is lit.` };
}

export const PHASES = { starting: "starting", measuring: "measuring", paused: "paused, output switched off", asking: "waits for an answer", ending: "ending", unknown: "not heard from" };
export const phaseText = (run) => PHASES[run.phase] ?? run.phase;

function draw() {
  const { state, text: said } = outputNow();
  output.dataset.output = state;
  say(strong, state ? SAID[state] : "NO RUN");
  say(text, said);
  const runs = runsNow();
  stopButton.disabled = !runs.length || !mayOperate();
  say(stopButton, stopButton.dataset.busy ? "Stopping…" : "Stop");
  stopButton.title = !mayOperate() ? "Operators may stop; you look on" : runs.length ? "Ramp to zero and switch the output off (Shift+S)" : "No run is going on";
  stale.hidden = known.staleSince === null;
  if (known.staleSince !== null) say(stale, `No news from the service since ${clock(new Date(known.staleSince))}: what stands below is old. A run goes on without the page; on the bench computer, acquire stop ends it.`);
  drawQuestions(runs.filter((run) => run.question));
  const open = known.status?.queue;
  const due = (open?.needs_person ?? 0) + (open?.asked ?? 0);
  say(links.queue, due ? `Queue (${due}!)` : open?.waiting ? `Queue (${open.waiting})` : "Queue");
}

// What is asked stands in every view, and is left alone until it is answered: nobody's button is taken away.
function drawQuestions(asking) {
  const key = JSON.stringify(asking.map((run) => [addressOf(run), run.question.id, mayOperate()]));
  if (questions.dataset.asked === key) return;
  questions.dataset.asked = key;
  fill(questions, asking.map(questionCard));
}

// A time within a text as a clock shows it.
const inClockTime = (text) => text.replace(/\d{4}-\d\d-\d\dT[\d:.]+(?:Z|[+-]\d\d:\d\d)?/g, (time) => clock(time));

// Asks nothing when one run goes on: a stop is never wrong. Of several, which.
export async function stopNow() {
  const runs = runsNow();
  if (!runs.length || !mayOperate()) return;
  let chosen = runs;
  if (runs.length > 1) {
    const which = await ask("Stop which run?", h("p", {}, "Each is ramped to zero and switched off."), [
      { label: "Cancel", value: null }, ...runs.map((run) => ({ label: runName(run), value: addressOf(run) })), { label: "All", value: "all", kind: "stop" }], { stops: true });
    if (!which) return;
    chosen = which === "all" ? runs : runs.filter((run) => addressOf(run) === which);
  }
  stopButton.dataset.busy = "yes";
  draw();
  await Promise.all(chosen.map((run) => during(stopButton, async () => {
    const answer = await post(`runs/${addressOf(run)}/stop`);
    if (answer.output !== "off") toast(`${runName(run)}: ${inClockTime(answer.message || "not confirmed to be off")}`, { bad: true });
  })));
  delete stopButton.dataset.busy;
  draw();
}

// A dialog covers the page, and the stop button with it: then it stands in the dialog.
besideAnswers(() => (runsNow().length && mayOperate() ? h("button.stop", { type: "button", onclick: stopNow, "aria-label": "Stop the run" }, "Stop") : null));

export const top = {
  show(account, onLogout) {
    fill(place, h("div.bar", {}, h("span.brand", {}, "J-V-L bench"), h("nav", { "aria-label": "Pages" }, Object.values(links)),
      h("span.quiet", {}, account.role === "operator" ? "operator" : "viewer: looks on"),
      h("button.small.plain", { type: "button", onclick: otherTheme, "aria-label": "Light or dark", title: "Light or dark (D)" }, "◐"),
      h("button.small.plain", { type: "button", onclick: help, "aria-label": "Help and keyboard shortcuts" }, "Help"),
      h("button.small.plain", { type: "button", onclick: onLogout }, "Log out")), stale, output, questions);
    draw();
  },
  hide() {
    fill(place);
  },
  current(name) {
    const of = { run: "history", compare: "history" }[name] ?? name;
    for (const [one, link] of Object.entries(links)) {
      if (one === of) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
    }
  },
  take(topic) {
    if (["state", "run", "queue", "stale", "end", "question"].includes(topic)) draw();
  },
};
