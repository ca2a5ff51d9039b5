// What came of checks and calibrations, and what the checks of a bench say: in words, with their numbers.
import { h, scrolled } from "./dom.js";
import { date, MISSING, number, pretty, unitText } from "./format.js";

const KINDS = { health: "Health check", calibrate: "Calibration of the photodiode" };
const STATES = { running: ["running", "warn"], completed: ["done", "good"], failed: ["gave no result", "bad"], interrupted: ["interrupted", "bad"] };

const percent = (share, digits = 3) => (Number.isFinite(share) && share !== null ? `${number(100 * share, digits)} %` : MISSING);
const signed = (text, value) => (value > 0 ? `+${text}` : text);

// A check or a calibration that was started from the page.
// `use(button, job)` puts a calibration to use.
export function jobItem(job, titles = {}, use = null) {
  const [label, kind] = job.health && !job.health.in_control ? ["ALARM", "bad"] : job.health ? ["in control", "good"] : STATES[job.state] ?? [job.state, ""];
  const said = job.said.filter((line) => line !== "in control"); // that stands in its tag
  return h("li", {}, h("div.row", {}, h("strong", {}, KINDS[job.kind]), h(`span.tag${kind && `.${kind}`}`, {}, label), h("span.quiet", {}, [date(job.started), job.user ? `by ${job.user}` : "", titles[job.recipe] || job.recipe].filter(Boolean).join(" · ")),
    job.run_id ? h("a", { href: job.state === "running" ? `#/live/${job.run_id}` : `#/run/${job.run_id}` }, "its run") : null),
  job.calibration ? [calibrationText(job.calibration), job.calibration.used ? h("p", {}, h("span.tag.good", {}, "the bench uses it")) : use ? h("button.small", { type: "button", onclick: (event) => use(event.target, job) }, "Use it on this bench…") : null] : null,
  job.health ? h("details", {}, h("summary", {}, "What it found"), quantitiesTable(job.health)) : null,
  job.state === "interrupted" && !job.said.length ? h("p", {}, "It ended without a result: do it once more.") : null,
  said.length ? h("ul", {}, said.map((line) => h("li", {}, pretty(line.replace(/^acquire: /, ""))))) : null);
}

function calibrationText(made) {
  const unit = "cd/(m² A)";
  const former = made.former_luminance_factor;
  const change = former ? made.luminance_factor / former - 1 : null;
  return h("div", {},
    h("p", {}, h("strong", {}, `Luminance factor ${number(made.luminance_factor, 5)} ${unit}`), `, u = ${percent(made.uncertainty, 2)} (k = 1, ${made.levels} levels), from ${number(made.luminance_from)} to ${number(made.luminance_to)} cd/m².`,
      former ? ` The calibration that the bench uses so far has ${number(former, 5)} here: ${signed(percent(change, 2), change)}.` : ""),
    h("p", {}, `Valid until ${made.valid_until}. Its file: `, h("code", {}, made.path)),
    h("ul", {}, made.remarks.map((text) => h("li", {}, pretty(text)))));
}

export function quantitiesTable(health) {
  if (!health.quantities.length) return null;
  return scrolled("What was checked, table", h("table", {},
    h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "What was checked"), h("th.number", { scope: "col" }, "Value"), h("th.number", { scope: "col" }, "Against the checks before"), h("th.number", { scope: "col" }, "Change, alarm beyond"))),
    h("tbody", {}, health.quantities.map((one) => h("tr", {}, h("th", { scope: "row" }, pretty(one.name)), h("td.number", {}, `${number(one.value, 6)} ${pretty(unitText(one.unit))}`),
      h("td.number", {}, one.checks < 2 ? "the first check" : `${one.relative ? signed(percent(one.deviation), one.deviation) : signed(`${number(one.deviation, 3)} ${pretty(unitText(one.unit))}`, one.deviation)} (${one.checks - 1} before)`),
      h("td.number", {}, h(`span.tag${one.change > one.limit ? ".bad" : ""}`, {}, `${number(one.change, 2)} of ${number(one.limit, 2)}`)))))));
}

// What all checks of a bench say, whoever made them, and the calibration that it uses.
export function benchItem(bench, accept = null) {
  const { health } = bench;
  const until = bench.valid_until ? `valid until ${bench.valid_until}` : "no end of validity given";
  return h("li", {}, h("div.row", {}, h("strong", {}, bench.title || bench.names[0]), h(`span.tag.${health.in_control ? "good" : "bad"}`, {}, health.in_control ? "in control" : health.alarms.length ? "ALARM" : "the last check failed"),
    h("span.quiet", {}, [bench.names.join(", "), health.last_check ? `last check ${date(health.last_check)}` : "no check since the last acceptance"].join(" · "))),
  health.alarms.map((text) => h("div.notice.bad", {}, pretty(text))),
  health.alarms.length ? h("p", {}, "Check once more; look for what changed; mend it, or calibrate anew. An alarm stays until somebody says that the change is known. ", accept ? h("button.small", { type: "button", onclick: (event) => accept(event.target, bench) }, "It is known…") : null) : null,
  health.failure ? h("div.notice.bad", {}, pretty(health.failure)) : null,
  health.accepted ? h("p.quiet", {}, `Accepted as known: ${health.accepted}`) : null, health.remarks.map((text) => h("p.quiet", {}, pretty(text))),
  h(`p${bench.expired ? ".notice.warn" : ""}`, {}, bench.calibration ? `Calibration ${bench.calibration}, ${until}${bench.expired ? ": calibrate anew" : ""}.` : "No calibration of the photodiode is named."),
  quantitiesTable(health));
}
