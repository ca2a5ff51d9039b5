// The parts of the page that are functions only; run by test_pure.py with node.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";

const page = new URL("../../../acquire/service/page/", import.meta.url);
const { aligned, appended, curvesOf, scaled, splitAtMaximum } = await import(new URL("series.js", page));
const { amount, areaAsBefore, axisTitle, benchAsBefore, clock, duration, figureText, inFields, number, pretty, runName, runNameAndDate } = await import(new URL("format.js", page));
const { pathAt, suggestions } = await import(new URL("yaml_completion.js", page));
const schema = JSON.parse(readFileSync(new URL("../../../configs/schema/sweep.schema.json", import.meta.url)));

test("a sweep there and back is two curves on one rising x", () => {
  const columns = { branch: ["forward", "forward", "forward", "reverse", "reverse"], cycle: [0, 0, 0, 0, 0] };
  const curves = curvesOf(columns);
  assert.deepEqual(curves.map(({ branch, rows }) => [branch, rows]), [["forward", [0, 1, 2]], ["reverse", [3, 4]]]);
  const data = aligned(curves, [0, 1, 2, 1, 0], [[10, 11, 12, 21, 20]]);
  assert.deepEqual(data, [[0, 1, 2], [10, 11, 12], [20, 21, undefined]]);
});

test("a level set once more for a spectrum is no part of a curve", () => {
  assert.deepEqual(curvesOf({ branch: ["forward", "after"], cycle: [0, 0] }).map(({ rows }) => rows), [[0]]);
});

test("what a logarithmic axis cannot show is a gap, not a bridge and not a zero", () => {
  const curves = curvesOf({ branch: ["forward", "forward", "forward"] });
  assert.deepEqual(aligned(curves, [0, 1, 2], [[-1, null, 3]], { logY: [true] }), [[0, 1, 2], [null, null, 3]]);
  assert.deepEqual(aligned(curves, [0, 1, 2], [[1, 2, 3]], { logX: true })[0], [1, 2]);
});

test("values are scaled, missing ones stay missing", () => {
  assert.deepEqual(scaled([1, null, undefined, NaN, -2], 10), [10, null, null, null, -20]);
  assert.deepEqual(scaled([-2], 10, { absolute: true }), [20]);
});

test("rows that come twice stand once, and a hole is noticed", () => {
  const table = { next: 2, row: [0, 1], columns: { v: [0, 1] } };
  assert.deepEqual(appended(table, { from: 1, columns: { v: [1, 2] } }), { missing: false, added: 1 });
  assert.deepEqual(table, { next: 3, row: [0, 1, 2], columns: { v: [0, 1, 2] } });
  assert.equal(appended(table, { from: 1, columns: { v: [1, 2] } }).added, 0);
  assert.equal(appended(table, { from: 5, columns: { v: [5] } }).missing, true);
  assert.equal(table.next, 3);
});

test("against luminance a curve is one line as the light rises and one as it falls", () => {
  const curve = { branch: "forward", cycle: 0, rows: [0, 1, 2, 3, 4] };
  assert.deepEqual(splitAtMaximum(curve, [1, 2, 3, 2.5, 2]).map(({ rows }) => rows), [[0, 1, 2], [2, 3, 4]]);
  assert.deepEqual(splitAtMaximum(curve, [1, 2, 3, 4, 5]).map(({ rows }) => rows), [[0, 1, 2, 3, 4]]);
});

test("numbers as people read them", () => {
  assert.equal(number(12345.6), "12346");
  assert.equal(number(3.2), "3.200");
  assert.equal(number(-0.00012345, 3), "\u22121.23×10⁻⁴");
  assert.equal(number(null), "–");
  assert.equal(number(0), "0");
  assert.equal(amount(100, "current_density", 3), "10.0 mA/cm²");
  assert.equal(amount(0.064, "external_quantum_efficiency", 3), "6.40 %");
  assert.equal(axisTitle("current_density"), "Current density (mA/cm²)");
  assert.equal(duration(59.6), "1 min 0 s");
  assert.equal(duration(7384), "2 h 3 min");
  assert.equal(clock("nothing"), "–");
});

test("a figure of merit has its customary unit and two digits of uncertainty", () => {
  const eqe = { value: 0.06465, unit: "1", expanded_uncertainty: 0.00142, quantity: "external_quantum_efficiency" };
  assert.equal(figureText("external_quantum_efficiency_max", eqe), "6.46 ± 0.14 %");
  assert.equal(figureText("external_quantum_efficiency_max", { ...eqe, quantity: undefined }), "6.46 ± 0.14 %");
  assert.equal(figureText("lifetime_95", { value: 6.357, unit: "s", expanded_uncertainty: 0.122, quantity: "lifetime" }), "6.36 ± 0.12 s");
  assert.equal(figureText("lifetime_95", { value: 36000, unit: "s", expanded_uncertainty: 360, quantity: "lifetime" }), "10.00 ± 0.10 h");
  assert.equal(pretty("1000 cd/m^2 of L_0, 3 A m^-2"), "1000 cd/m² of L₀, 3 A m⁻²");
  assert.equal(pretty("4 mm^2 +- 0.1 mm^2"), "4 mm² ± 0.1 mm²");
  assert.equal(figureText("luminance_max", { value: null, unit: "cd/m^2" }), "–");
  const listed = { value: 4.0038, unit: "V", uncertainty: 0.0062 };
  assert.equal(figureText("turn_on_voltage", listed), "4.0038 ± 0.0062 V (k = 1)", "never doubled: the interval may be of few readings");
  assert.equal(figureText("turn_on_voltage", listed, { said: true }), "4.0038 ± 0.0062 V");
  assert.equal(figureText("turn_on_voltage", { value: 4.0038, unit: "V", expanded_uncertainty: null, uncertainty: null }), "4.004 V");
});

test("devices by name and date", () => {
  assert.equal(runName({ sample: "OLED-7", pixel: "A", run_id: "5a3bd1d0" }), "OLED-7, pixel A");
  assert.match(runNameAndDate({ sample: "OLED-7", start_time: "2026-11-28T22:10:00" }), /^OLED-7 · 2026-11-28 22:10$/);
});

test("the area of a run before, as the field takes it", () => {
  assert.equal(areaAsBefore([["sample", "A3"], ["emissive area", "14 mm^2, u = 0.1 mm^2 (k = 1)"]]), "14 mm^2 +- 0.1 mm^2");
  assert.equal(areaAsBefore([["emissive area", "4 mm^2"]]), "4 mm^2");
  assert.equal(areaAsBefore([]), "");
});

test("the bench of a run before, where it is here under its name", () => {
  const recipes = [{ kind: "bench", name: "benches/a.yaml", title: "bench A" }, { kind: "sweep", name: "sweeps/a.yaml", title: "bench A" }, { kind: "bench", name: "benches/b.yaml", title: "bench B" }, { kind: "bench", name: "benches/b2.yaml", title: "bench B" }];
  assert.equal(benchAsBefore([["bench", "bench A"]], recipes), "benches/a.yaml");
  assert.equal(benchAsBefore([["bench", "bench B"]], recipes), "");
  assert.equal(benchAsBefore([["bench", "bench C"]], recipes), "");
  assert.equal(benchAsBefore([], recipes), "");
});

test("an option of the command line is called by its field", () => {
  assert.equal(inFields("--area: '4' has no unit (write it like '14 mm^2')"), "Emissive area: '4' has no unit (write it like '14 mm^2')");
  assert.equal(inFields("Give this one's with it: --area '4 mm^2 +- 0.1 mm^2'."), "Give this one's with it: 4 mm^2 +- 0.1 mm^2 (Emissive area).");
  assert.equal(inFields("take --real-time, or --again-pixel"), "take --real-time, or --again-pixel");
});

const at = (text) => suggestions(schema, text.replace("|", ""), text.indexOf("|"));
const labels = (text) => (at(text)?.options ?? []).map(({ label }) => label);

test("completion: keys of the section, without those that stand", () => {
  assert.ok(labels("kind: sweep\n|").includes("source"));
  assert.ok(!labels("kind: sweep\n|").includes("kind"));
  const keys = labels("source:\n  function: voltage\n  st|");
  assert.ok(keys.includes("start") && keys.includes("stop") && !keys.includes("function"));
  assert.ok(!keys.includes("settle"));
});

test("completion: values of a choice, and examples with their unit", () => {
  assert.deepEqual(labels("source:\n  function: |").slice(0, 2), ["voltage", "current"]);
  assert.ok(labels("source:\n  start: |").includes("0 V"));
});

test("completion: the place of a line by its indentation", () => {
  assert.deepEqual(pathAt(["stop:", "  short:", "    voltage_below: 2 V"], 2), ["stop", "short"]);
  assert.deepEqual(pathAt(["source:", "  stretches:", "    - stop: 2 V", "      step: 1 V"], 3), ["source", "stretches", "[]"]);
  assert.equal(at("kind: sweep # a rem|"), null);
});
