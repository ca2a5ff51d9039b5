// Chosen runs beside each other: curves and figures of merit.
import { address, get } from "../api.js";
import { compared } from "../curves.js";
import { problemsOf } from "../dialogs.js";
import { fill, h } from "../dom.js";
import { date, figureText, runName, runNameAndDate, words } from "../format.js";
import { Plot } from "../plot.js";

export const title = "Comparison";
const NAMES = "voltage,current_density,luminance,current_efficiency,external_quantum_efficiency,branch,cycle";

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
      const [answer, ...tables] = await Promise.all([get("compare", { runs: ids.join(",") }), ...ids.map((id) => get(`runs/${id}/columns`, { table: "jvl", names: NAMES, points: 1500 }).catch(() => null))]);
      const twice = (run) => answer.runs.filter((one) => runName(one) === runName(run)).length > 1;
      runs = answer.runs.map((run) => ({ ...run, name: twice(run) ? `${runName(run)} ${date(run.start_time)}` : runName(run), table: tables[ids.indexOf(run.run_id)] }));
      draw(answer.figures);
    } catch (error) {
      fill(place, problemsOf(error), h("a.button", { href: "#/history" }, "To the history"));
    }
  };

  const draw = (figures) => {
    fill(place, h("div.headline", {}, h("h1", {}, `${runs.length} runs compared`), h("div.row", {}, h("a.button", { href: address(`compare/report?runs=${ids.join(",")}`), target: "_blank", rel: "noopener" }, "Report"), h("a.button", { href: "#/history" }, "To the history"))),
      h("div.grid", {}, plots.map((plot) => h("div.half", {}, plot.element))),
      h("section.card.gap", { "aria-label": "Figures of merit" }, h("h2", {}, "Figures of merit"), h("div.scroll", {}, h("table", {},
        h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "Figure of merit"), runs.map((run) => h("th.number", { scope: "col" }, h("a", { href: `#/run/${run.run_id}` }, runNameAndDate(run)))))),
        h("tbody", {}, figures.filter(({ values }) => values.some((one) => one && one.value !== null)).map((one) => h("tr", {}, h("th", { scope: "row" }, one.title ?? words(one.name)),
          one.values.map((value) => h("td.number", {}, figureText(one.name, value && { unit: one.unit, quantity: one.quantity, ...value }), value && value.status !== "ok" ? h("div", {}, h("span.tag.warn", {}, words(value.status))) : null)))))))));
    plots.forEach((plot) => plot.draw());
  };

  load();
  return {
    redraw: () => plots.forEach((plot) => plot.redraw()),
    logarithmic: () => plots.forEach((plot) => plot.turn("logY")),
    close: () => plots.forEach((plot) => plot.close()),
  };
}
