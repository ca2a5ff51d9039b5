// What is measured next, in which order, and what waits for somebody.
import { mayOperate, post, remove } from "../api.js";
import { askFor, confirm, during, problemsOf } from "../dialogs.js";
import { fill, h } from "../dom.js";
import { date, duration, runName } from "../format.js";
import { known, refreshQueue } from "../store.js";

export const title = "Queue";
const STATES = { waiting: ["waits", ""], held: ["held", "warn"], asked: ["waits for an operator's yes", "warn"], running: ["running", "good"], done: ["done", "good"], needs_person: ["waits for somebody", "bad"], removed: ["removed", ""] };
const OPEN = ["running", "waiting", "held", "asked", "needs_person"];

export function open(place) {
  const draw = () => {
    const items = known.queue?.items ?? [];
    const due = items.filter((item) => OPEN.includes(item.state));
    const over = items.filter((item) => !OPEN.includes(item.state)).slice(-20).reverse();
    const seconds = due.filter((item) => item.state === "waiting").reduce((sum, item) => sum + (item.seconds ?? 0), 0);
    fill(place, h("div.headline", {}, h("h1", {}, "Queue"), h("a.button", { href: "#/start" }, "Add a run")), lockCard(draw),
      h("section.card", { "aria-label": "Waiting" }, due.length ? [h("p.quiet", {}, seconds ? `About ${duration(seconds)} of measuring wait.` : ""), h("ul.list", {}, due.map((item) => row(item, due)))]
        : h("p.empty", {}, "The queue is empty. What is put here is measured one after the other, also overnight.")),
      over.length ? h("section.card", { "aria-label": "Over" }, h("h2", {}, "Over"), h("ul.list", {}, over.map((item) => row(item, due)))) : null);
  };
  draw();
  refreshQueue().catch((error) => fill(place, problemsOf(error)));
  return { take: (topic) => ["queue", "state"].includes(topic) && !place.contains(document.activeElement?.closest?.("li")) ? draw() : topic === "queue" && draw() };
}

function row(item, due) {
  const [label, kind] = STATES[item.state] ?? [item.state, ""];
  const act = (what, body = {}) => (event) => during(event.target, async () => {
    await post(`queue/${item.id}/${what}`, body);
    await refreshQueue();
  });
  const named = (what, question, yes) => async (event) => {
    const button = event.target;
    const said = await askFor(question, [{ name: "person", label: "Your name", value: localStorage.getItem("user") ?? "" }], yes);
    if (!said?.person) return;
    localStorage.setItem("user", said.person);
    await during(button, async () => {
      await post(`queue/${item.id}/${what}`, { person: said.person });
      await refreshQueue();
    });
  };
  const name = runName(item);
  const button = (text, onclick, more = {}) => h("button.small", { type: "button", onclick, "aria-label": `${text}: ${name}`, ...more }, text);
  const at = due.filter((one) => one.state !== "running").indexOf(item);
  const movable = ["waiting", "held"].includes(item.state);
  const buttons = mayOperate() ? [
    movable ? [button("Up", act("move", { to: Math.max(0, at - 1) }), { disabled: at <= 0 }), button("Down", act("move", { to: at + 1 }))] : null,
    item.state === "waiting" ? button("Hold", act("hold")) : null, item.state === "held" ? button("Release", act("release")) : null,
    item.state === "asked" ? button("Approve", named("approve", `Approve ${name}?`, "Approve")) : null,
    ["needs_person", "done"].includes(item.state) ? button("Measure again", named("repeat", `Measure ${name} again?`, "Measure again")) : null,
    OPEN.includes(item.state) && item.state !== "running" ? button("Remove", async (event) => (await confirm(`Remove ${name}?`, "It is taken out of the queue; nothing that was measured is lost.", "Remove")) && act("remove")(event)) : null,
  ] : null;
  const limits = Object.entries(item.limits ?? {}).filter(([, value]) => value !== null).map(([what, value]) => `at most ${typeof value === "number" ? (what === "current" ? `${Number((value * 1e3).toPrecision(6))} mA` : `${value} V`) : value}`);
  const facts = [item.recipe, item.bench, item.area, item.seconds ? `about ${duration(item.seconds)}` : "", ...limits, item.by ? `by ${item.by}${item.added ? `, ${date(item.added)}` : ""}` : "", item.note];
  return h("li", {}, h("div.row.spread", {}, h("div", {}, h("strong", {}, item.run_id ? h("a", { href: item.state === "running" ? `#/live/${item.run_id}` : `#/run/${item.run_id}` }, name) : name), " ", h(`span.tag${kind && `.${kind}`}`, {}, label),
    h("div.quiet", {}, facts.filter(Boolean).join(" · ")), item.reason ? h("div", {}, item.reason) : null), h("div.row", {}, buttons)));
}

// Who has the bench to themselves, so that nothing of the queue begins.
export function lockCard(draw) {
  const lock = known.queue?.lock ?? known.status?.bench?.lock;
  const set = async (event) => {
    const button = event.target;
    const said = await askFor("Lock the bench", [{ name: "name", label: "Your name", value: localStorage.getItem("user") ?? "" }, { name: "note", label: "Why", hint: "for those who want to measure: probe card out, back at 15:00" }], "Lock", { text: "Nothing is started from the page or the queue until it is unlocked. A run that goes on is not touched." });
    if (!said?.name) return;
    await during(button, async () => {
      await post("bench-lock", said);
      await refreshQueue();
      draw();
    });
  };
  const free = (event) => during(event.target, async () => {
    await remove("bench-lock");
    if (known.status?.bench) known.status.bench.lock = null;
    await refreshQueue();
    draw();
  });
  if (lock) return h("div.notice.warn", {}, h("strong", {}, `The bench is locked by ${lock.name}`), lock.note ? `: ${lock.note}` : "", lock.since ? ` (since ${date(lock.since)})` : "", mayOperate() ? h("div.row", {}, h("button.small", { type: "button", onclick: free }, "Unlock")) : null);
  return mayOperate() ? h("div.row.gap", {}, h("button.small", { type: "button", onclick: set }, "Lock the bench…")) : null;
}
