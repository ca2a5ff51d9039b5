// All runs: search, choose, compare.
import { get } from "../api.js";
import { problemsOf } from "../dialogs.js";
import { field, fill, h, scrolled } from "../dom.js";
import { date, figureText, MISSING, runName, words } from "../format.js";
import { againButtons, itemOf } from "../queue_deeds.js";
import { stateTag } from "../remarks.js";
import { known } from "../store.js";

export const title = "History";
const MOST = 12; // compared at once
const PAGE = 50;

// Columns of the table; the first name of each that a run has.
const FIGURES = [["turn_on_voltage", "Turn-on"], ["luminance_max", "L max"], ["current_efficiency_max", "CE max"], ["external_quantum_efficiency_max", "EQE max"]];
const LIMITS = { "": "any figure", turn_on_voltage: "Turn-on voltage (V)", luminance_max: "Maximum luminance (cd/m²)", current_efficiency_max: "Maximum CE (cd/A)", external_quantum_efficiency_max: "Maximum EQE (%)" };
const FACTOR = { external_quantum_efficiency_max: 0.01 };

export function open(place, _, query) {
  const chosen = new Map();
  if (query.get("pick")) chosen.set(query.get("pick"), null);
  const inputs = {
    text: h("input", { type: "search", placeholder: "sample, title, tag, comment…", value: query.get("text") ?? "" }),
    from: h("input", { type: "date" }), to: h("input", { type: "date" }),
    status: h("select", {}, [["", "any"], ["completed", "completed"], ["stopped", "stopped"], ["failed", "failed"]].map(([value, label]) => h("option", { value }, label))),
    figure: h("select", {}, Object.entries(LIMITS).map(([value, label]) => h("option", { value }, label))),
    least: h("input", { inputmode: "decimal", placeholder: "at least" }), most: h("input", { inputmode: "decimal", placeholder: "at most" }),
  };
  const list = h("div");
  const compare = h("button.first", { type: "button", onclick: () => { location.hash = `#/compare?runs=${[...chosen.keys()].join(",")}`; } });
  const clear = h("button.small", { type: "button", onclick: () => { chosen.clear(); search(); } }, "Choose none");
  let offset = 0;
  let asked = 0;
  let shown = null;

  // What is asked of figures of merit, and why it cannot be asked so.
  const limits = () => {
    const name = inputs.figure.value;
    const [least, most] = [inputs.least, inputs.most].map(({ value }) => (value.trim() ? Number(value.trim().replace(",", ".")) : null));
    const wrong = Object.entries({ least, most }).filter(([, value]) => value !== null && !Number.isFinite(value)).map(([which]) => which);
    const problem = wrong.length ? `"${inputs[wrong[0]].value.trim()}" is no number: write it like 1000, 4.5 or 1e3, in the unit that stands beside the figure.`
      : least !== null && most !== null && least > most ? `Nothing is at least ${least} and at most ${most}: exchange them.`
        : !name && (least !== null || most !== null) ? "Choose the figure of merit that these limits are meant for." : "";
    for (const which of ["least", "most"]) inputs[which].setAttribute("aria-invalid", String(wrong.includes(which)));
    if (problem || !name) return { problem, figures: [] };
    const factor = FACTOR[name] ?? 1;
    return { problem, figures: [least === null ? [] : `${name}>=${least * factor}`, most === null ? [] : `${name}<=${most * factor}`].flat() };
  };

  const search = async () => {
    const mine = (asked += 1);
    const { problem, figures } = limits();
    if (problem) return void fill(list, h("div.notice.warn", { role: "alert" }, problem));
    try {
      const found = await get("history", { text: inputs.text.value.trim(), from: inputs.from.value, to: inputs.to.value, status: inputs.status.value, figure: figures, limit: PAGE, offset, sort: "-start_time" });
      if (mine === asked) draw(found);
    } catch (error) {
      if (mine === asked) fill(list, problemsOf(error));
    }
  };

  const draw = ({ total, runs }) => {
    shown = { total, runs };
    say();
    if (!runs.length) {
      fill(list, h("p.empty", {}, total || offset ? "No more runs." : anything() ? "No run is like that. Leave a field empty to search more widely." : "No run yet: the first one stands here as soon as it has begun."));
      return;
    }
    fill(list, h("p.quiet", { role: "status" }, `${total} run${total === 1 ? "" : "s"}`), h("p.quiet", {}, "± is the standard uncertainty (k = 1); the page of a run has the one of 95 %."), scrolled("Runs, table", h("table.cards", {},
      h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "Compare"), h("th", { scope: "col" }, "Device"), h("th", { scope: "col" }, "Date"), h("th", { scope: "col" }, "How it ended"),
        FIGURES.map(([, label]) => h("th.number", { scope: "col" }, label)), h("th", { scope: "col" }, "Points"))),
      h("tbody", {}, runs.map(row)))),
    total > PAGE ? h("div.row.gap", {}, h("button", { type: "button", disabled: !offset, onclick: () => turn(-PAGE) }, "Newer"), h("span", {}, `${offset + 1} to ${Math.min(total, offset + PAGE)} of ${total}`),
      h("button", { type: "button", disabled: offset + PAGE >= total, onclick: () => turn(PAGE) }, "Older")) : null);
  };

  const turn = (by) => {
    offset = Math.max(0, offset + by);
    search();
  };

  const row = (run) => {
    const name = `${runName(run)}, ${date(run.start_time)}`;
    const box = h("input", { type: "checkbox", "aria-label": `Compare ${name}`, checked: chosen.has(run.run_id), onchange: () => {
      if (box.checked && chosen.size < MOST) chosen.set(run.run_id, run);
      else chosen.delete(run.run_id);
      box.checked = chosen.has(run.run_id);
      line.classList.toggle("chosen", box.checked);
      say();
    } });
    const item = itemOf(run.run_id);
    const waits = item?.state === "needs_person" ? item : null;
    const line = h(`tr${chosen.has(run.run_id) ? ".chosen" : ""}`, {}, h("td", { "data-label": "Compare" }, box),
      h("td", { "data-label": "" }, h("a", { href: run.state === "running" ? `#/live/${run.run_id}` : `#/run/${run.run_id}` }, runName(run)), run.title && run.title !== run.sample ? h("div.quiet", {}, run.title) : null, (run.tags ?? []).map((tag) => [h("span.tag", {}, tag), " "])),
      h("td.date", { "data-label": "Date" }, date(run.start_time)), h("td", { "data-label": "How it ended" }, h("div", {}, stateTag(run.state ?? run.status), run.gravest && run.gravest !== "note" ? [" ", h(`span.tag.${run.gravest === "impossible" ? "bad" : "warn"}`, { title: Object.values(run.findings ?? {}).flat().map(words).join(", ") }, run.gravest)] : null, waits ? h("div.row", {}, h("span.quiet", {}, "waits for somebody"), againButtons(waits)) : null)),
      FIGURES.map(([figure, label]) => [label, figureText(figure, run.figures?.[figure], { said: true })]).map(([label, text]) => h(`td.number${text === MISSING ? ".none" : ""}`, { "data-label": label }, text)), h("td", { "data-label": "Points" }, String(run.points ?? "")));
    return line;
  };

  const say = () => {
    compare.disabled = chosen.size < 2;
    compare.textContent = chosen.size < 2 ? "Compare: choose two or more" : `Compare ${chosen.size} runs`;
    clear.hidden = !chosen.size;
  };
  const anything = () => Object.values(inputs).some((input) => input.value);

  let due;
  const searchSoon = () => {
    clearTimeout(due);
    offset = 0;
    due = setTimeout(search, 250);
  };
  fill(place, h("div.headline", {}, h("h1", {}, "History"), h("div.row", {}, clear, compare)),
    h("form.card", { role: "search", oninput: searchSoon, onsubmit: (event) => event.preventDefault() }, h("div.fields", {}, field("Search", inputs.text)), h("details", { open: innerWidth > 640 }, h("summary", {}, "by date, end, figure of merit"), h("div.fields", {}, field("From", inputs.from), field("To", inputs.to), field("How it ended", inputs.status),
      field("Figure of merit", inputs.figure), field("At least", inputs.least), field("At most", inputs.most)))), h("div.card", {}, list));
  say();
  search();
  let queued = waiting();
  return {
    take: (topic) => {
      if (["end", "run"].includes(topic)) setTimeout(search, 500);
      if (topic !== "queue" || waiting() === queued || !shown) return;
      queued = waiting();
      draw(shown);
    },
    close: () => clearTimeout(due),
  };
}

// The items of the queue that wait for somebody: what the list says of them is drawn anew when they are others.
const waiting = () => JSON.stringify((known.queue?.items ?? []).filter((item) => item.state === "needs_person").map((item) => item.run_id));
