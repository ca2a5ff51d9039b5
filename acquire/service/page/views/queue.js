// What is measured next, in which order, and what waits for somebody.
import { mayOperate, post, remove } from "../api.js";
import { askFor, during, problemsOf } from "../dialogs.js";
import { fill, h } from "../dom.js";
import { date, duration, pretty, runName, words } from "../format.js";
import { name as myName, named, remember } from "../person.js";
import { act, actKnowing, againButtons, removal, small } from "../queue_deeds.js";
import { known, refreshQueue } from "../store.js";

export const title = "Queue";
const STATES = { waiting: ["waits", ""], held: ["held", "warn"], asked: ["waits for an operator's yes", "warn"], running: ["running", "good"], done: ["done", "good"], needs_person: ["waits for somebody", "bad"], removed: ["removed", ""] };
const OPEN = ["running", "waiting", "held", "asked", "needs_person"];
const MOST_OVER = 20;

export function open(place) {
  const draw = () => {
    const { items = [], why = "" } = known.queue ?? {};
    const due = items.filter((item) => OPEN.includes(item.state));
    const over = items.filter((item) => !OPEN.includes(item.state)).slice(-MOST_OVER).reverse();
    const seconds = due.filter((item) => item.state === "waiting").reduce((sum, item) => sum + (item.seconds ?? 0), 0);
    const told = seconds ? `About ${duration(seconds)} of measuring wait.` : "";
    fill(place, h("div.headline", {}, h("h1", {}, "Queue"), h("a.button", { href: "#/start" }, "Add a run")), lockCard(draw),
      why && !known.queue.lock ? h("div.notice", {}, why) : null,
      h("section.card", { "aria-label": "Waiting" }, due.length ? [h("p.quiet", {}, told), h("ul.list", {}, due.map((item) => row(item, due)))]
        : h("p.empty", {}, "The queue is empty. What is put here is measured one after the other, also overnight.")),
      over.length ? h("section.card", { "aria-label": "Over" }, h("h2", {}, "Over"), h("ul.list", {}, over.map((item) => row(item, due)))) : null);
  };
  draw();
  refreshQueue().catch((error) => fill(place, problemsOf(error)));
  return { take: (topic) => topic === "queue" && keepingFocus(place, draw) };
}

// A list drawn anew while somebody stands on one of its buttons: they stand on the same one afterwards.
function keepingFocus(place, draw) {
  const label = place.contains(document.activeElement) ? document.activeElement.getAttribute("aria-label") : null;
  draw();
  if (label) place.querySelector(`[aria-label="${CSS.escape(label)}"]`)?.focus();
}

function row(item, due) {
  const [label, kind] = STATES[item.state] ?? [item.state, ""];
  const at = item.state === "running" ? `#/live/${item.run_id}` : `#/run/${item.run_id}`;
  const name = runName(item);
  return h("li", {}, h("div.row.spread", {}, h("div", {}, h("strong", {}, item.run_id ? h("a", { href: at }, name) : name), " ", h(`span.tag${kind && `.${kind}`}`, {}, label),
    h("div.quiet", {}, factsOf(item).join(" · ")), item.reason ? h("div", {}, pretty(item.reason)) : null,
    item.cautions?.length ? h("div.notice.warn", {}, h("ul", {}, item.cautions.map((text) => h("li", {}, pretty(text))))) : null), h("div.row", {}, mayOperate() ? buttonsOf(item, due, name) : null)));
}

const LIMITS = { voltage: ["V", 1], current: ["mA", 1e3], power: ["mW", 1e3] };

function factsOf(item) {
  const limits = Object.entries(item.limits ?? {}).filter(([, value]) => value !== null).map(([what, value]) => {
    const [unit, factor] = LIMITS[what] ?? ["", 1];
    return typeof value === "number" ? `at most ${Number((value * factor).toPrecision(4))} ${unit}` : `${words(what)} ${value}`;
  });
  const waits = item.state === "waiting" && Number.isFinite(item.begins_in) && item.begins_in > 0 ? `begins in about ${duration(item.begins_in)}` : "";
  const unsaid = item.kind === "sweep" && !item.sample && !item.run_id ? "sample as the recipe says" : "";
  return [item.title || item.recipe, unsaid, item.area, item.points ? `${item.points} points` : "", item.seconds ? `takes about ${duration(item.seconds)}` : "", waits, ...limits,
    item.by ? `by ${item.by}${item.added ? `, ${date(item.added)}` : ""}` : "", item.attempt > 1 ? `attempt ${item.attempt}` : "", item.note].filter(Boolean).map(pretty);
}

function buttonsOf(item, due, name) {
  const open = due.filter((one) => one.state !== "running");
  const at = open.indexOf(item);
  return [
    ["waiting", "held"].includes(item.state) ? [small("Up", name, act(item, "move", { to: Math.max(0, at - 1) }), { disabled: at <= 0 }), small("Down", name, act(item, "move", { to: at + 1 }), { disabled: at >= open.length - 1 })] : null,
    item.state === "waiting" ? small("Hold", name, act(item, "hold")) : null,
    item.state === "asked" ? small("Approve", name, actKnowing(item, "approve", `Approve ${name}?`, `${item.by} asks for it: ${factsOf(item).join(", ")}.`, "Approve")) : null,
    againButtons(item, name),
    OPEN.includes(item.state) && item.state !== "running" ? small("Remove", name, removal(item, name)) : null,
  ];
}

// Who has the bench to themselves, so that nothing of the queue begins.
export function lockCard(draw) {
  const lock = known.queue?.lock ?? known.status?.bench?.lock;
  const set = async (event) => {
    const button = event.target;
    const said = await askFor("Lock the bench", [{ name: "name", label: "Your name", value: myName() }, { name: "note", label: "Why", hint: "for those who want to measure: probe card out, back at 15:00" }], "Lock", { text: "Nothing is started from the page or the queue until it is unlocked. A run that goes on is not touched." });
    if (!said?.name) return;
    remember(said.name);
    await during(button, async () => {
      await post("bench-lock", said);
      await refreshQueue();
      draw();
    });
  };
  const free = async (event) => {
    const button = event.target;
    const person = await named("Unlock the bench? What is in the queue may begin at once.", { again: true });
    if (!person) return;
    await during(button, async () => {
      await remove(`bench-lock?person=${encodeURIComponent(person)}`);
      if (known.status?.bench) known.status.bench.lock = null;
      await refreshQueue();
      draw();
    });
  };
  if (lock) return h("div.notice.warn", {}, h("strong", {}, `The bench is locked by ${lock.name}`), lock.note ? `: ${pretty(lock.note)}` : "", lock.since ? ` (since ${date(lock.since)})` : "", mayOperate() ? h("div.row", {}, h("button.small", { type: "button", onclick: free }, "Unlock…")) : null);
  return mayOperate() ? h("div.row.gap", {}, h("button.small", { type: "button", onclick: set }, "Lock the bench…")) : null;
}
