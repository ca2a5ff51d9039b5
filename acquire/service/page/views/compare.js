// Chosen runs beside each other: curves and figures of merit.
import { address, get } from "../api.js";
import { compared } from "../curves.js";
import { problemsOf, toast } from "../dialogs.js";
import { fill, h, scrolled } from "../dom.js";
import { date, figureText, runName, runNameAndDate, words } from "../format.js";
import { figureNames, figureTitle, statusTag } from "../remarks.js";
import { Plot } from "../plot.js";

export const title = "Comparison";
const NAMES = ["voltage", "current_density", "luminance", "current_efficiency", "external_quantum_efficiency", "branch", "cycle"];

// The columns of a run that are drawn, as far as its file has them: one of an earlier version may have no cycles.
async function curvesIn(id) {
  const { columns } = await get(`runs/${id}`);
  return get(`runs/${id}/columns`, { table: "jvl", names: NAMES.filter((name) => name in columns.jvl).join(","), points: 1500 });
}

export function open(place, _, query) {
  const ids = (query.get("runs") ?? "").split(",").filter(Boolean);
  let runs = [];
  const picture = (label, file, name, against, logX, logY) => new Plot({ title: label, file,
    switches: [...(against === "luminance" ? [{ name: "logX", label: "log L", on: logX }] : []), { name: "logY", label: "log", on: logY }],
    build: (on) => compared(runs, name, against, { logX: false, ...on }) });
  const plots = [
    picture("Current density", "compared_j", "current_density", "voltage", false, true), picture("Luminance", "compared_l", "luminance", "voltage", false, true),
    picture("Current efficiency", "compared_ce", "current_efficiency", "luminance", true, false), picture("External quantum efficiency", "compared_eqe", "external_quantum_efficiency", "luminance", true, false),
  ];

  const load = async () => {
    fill(place, h("p.empty", {}, "Reading the run files…"));
    try {
      const [answer, ...tables] = await Promise.all([get("compare", { runs: ids.join(",") }), ...ids.map((id) => curvesIn(id).catch(() => null))]);
      const twice = (run) => answer.runs.filter((one) => runName(one) === runName(run)).length > 1;
      const without = answer.runs.filter((run) => !tables[ids.indexOf(run.run_id)]).map(runNameAndDate);
      if (without.length) toast(`The curves of ${without.join(", ")} cannot be read: its figures alone are compared.`, { bad: true });
      runs = answer.runs.map((run) => ({ ...run, name: twice(run) ? `${runName(run)} ${date(run.start_time)}` : runName(run), table: tables[ids.indexOf(run.run_id)] }));
      draw(answer.figures);
    } catch (error) {
      fill(place, problemsOf(error), h("a.button", { href: "#/history" }, "To the history"));
    }
  };

  const draw = (figures) => {
    const table = scrolled("Figures of merit, table", figuresOf(figures, false));
    const every = h("button.small.switch", { type: "button", "aria-pressed": "false", onclick: () => {
      const all = every.getAttribute("aria-pressed") !== "true";
      every.setAttribute("aria-pressed", String(all));
      fill(table, figuresOf(figures, all));
    } }, "All figures");
    fill(place, h("div.headline", {}, h("h1", {}, `${runs.length} runs compared`), h("div.row", {}, h("a.button", { href: address(`compare/report?runs=${ids.join(",")}`), target: "_blank", rel: "noopener" }, "Report"), h("a.button", { href: "#/history" }, "To the history"))),
      h("div.grid", {}, plots.map((plot) => h("div.half", {}, plot.element))),
      h("section.card", { "aria-label": "Figures of merit" }, h("div.row.spread", {}, h("h2", {}, "Figures of merit"), every), table));
    plots.forEach((plot) => plot.draw());
  };

  const figuresOf = (figures, all) => {
    const known = Object.fromEntries(figures.filter(({ values }) => all || values.some((one) => one && one.value !== null)).map((one) => [one.name, one]));
    return h("table", {},
      h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "Figure of merit (± 95 %)"), runs.map((run) => h("th.number", { scope: "col" }, h("a", { href: `#/run/${run.run_id}` }, runNameAndDate(run)))))),
      h("tbody", {}, figureNames(Object.keys(known), all).map((name) => h("tr", {}, h("th", { scope: "row" }, figureTitle(name, known[name])),
        known[name].values.map((value) => h("td.number", {}, figureText(name, value && { unit: known[name].unit, quantity: known[name].quantity, ...value }), value && !["ok", "none"].includes(value.status) ? h("div", {}, statusTag(value.status)) : null))))));
  };

  load();
  return {
    redraw: () => plots.forEach((plot) => plot.redraw()),
    logarithmic: () => plots.forEach((plot) => plot.turn("logY")),
    close: () => plots.forEach((plot) => plot.close()),
  };
}
