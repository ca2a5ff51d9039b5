// Findings and notes of a run, and its figures of merit, as lists and tables.
import { h, scrolled } from "./dom.js";
import { duration, figureText, pretty, words } from "./format.js";

const SEVERITY = { impossible: "bad", doubtful: "warn", note: "" };

export function findingsAndNotes(data) {
  const findings = data?.findings ?? [];
  const notes = data?.notes ?? [];
  if (!findings.length && !notes.length) return [h("p.empty", {}, "Nothing so far.")];
  return [h("ul.list", {},
    findings.map((one) => h("li", {}, h(`span.tag${SEVERITY[one.severity] ? `.${SEVERITY[one.severity]}` : ""}`, {}, one.severity), " ", pretty(one.text),
      one.remedy ? h("div.quiet", {}, pretty(one.remedy)) : null)),
    notes.map((one) => h("li", {}, h("span.quiet", {}, Number.isFinite(one.time) ? `${duration(one.time)} ` : ""), pretty(one.text))))];
}

const STATUS = { ok: "good", doubtful: "warn", impossible: "bad" };

export const statusTag = (status) => h(`span.tag${STATUS[status] ? `.${STATUS[status]}` : ""}`, {}, words(status));

// The figures of a paper's table, and those by which devices are compared.
const FIRST = ["turn_on_voltage", "luminance_max", "current_efficiency_max", "power_efficiency_max", "external_quantum_efficiency_max",
  "voltage_at_1000_cd_m2", "current_density_at_1000_cd_m2", "current_efficiency_at_1000_cd_m2", "power_efficiency_at_1000_cd_m2", "external_quantum_efficiency_at_1000_cd_m2",
  "chromaticity_x", "chromaticity_y", "peak_wavelength", "fwhm", "initial_luminance", "lifetime_95", "lifetime_90", "lifetime_80", "lifetime_70", "lifetime_50",
  "mobility_positive", "mobility_negative"];

export const figureTitle = (name, { title }) => pretty(title ?? words(name));

// Names of figures, those of a paper's table first; `all`: every one.
export function figureNames(names, all) {
  const first = FIRST.filter((name) => names.includes(name));
  return all || !first.length ? [...first, ...names.filter((name) => !first.includes(name))] : first;
}

// In the order of a paper's table; `all`: every figure, also those that were not reached.
export function figuresTable(figures, all) {
  const rows = figureNames(Object.keys(figures ?? {}), all).map((name) => [name, figures[name]]);
  if (!rows.length) return h("p.empty", {}, "No figure of merit.");
  return scrolled("Figures of merit, table", h("table", {},
    h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "Figure of merit"), h("th.number", { scope: "col" }, "Value (95 %)"), h("th", { scope: "col" }, "Status"))),
    h("tbody", {}, rows.map(([name, one]) => h("tr", {}, h("th", { scope: "row" }, figureTitle(name, one)), h("td.number", {}, figureText(name, one)),
      h("td", {}, statusTag(one.status), one.reason ? h("div.quiet", {}, pretty(one.reason)) : null))))));
}

export const STATE_TAGS = { completed: "good", running: "warn", stopped: "", failed: "bad", "cut off": "bad" };

export function stateTag(state) {
  return h(`span.tag${STATE_TAGS[state] ? `.${STATE_TAGS[state]}` : ""}`, {}, state);
}
