// What the pictures of a run show: rows made into uPlot's data, with axes and colours.
import { axisTitle as titleOf, pretty, quantity, timeUnit, unitText } from "./format.js";
import { colour } from "./plot.js";
import { aligned, curvesOf, scaled, splitAtMaximum } from "./series.js";

const axisTitle = (name) => pretty(titleOf(name));

const FEW = 150; // points of a curve that are marked one by one

const custom = (values, name, absolute = false) => scaled(values, quantity(name).factor, { zero: quantity(name).zero, absolute });

// A branch in the full tone, the way back in the lighter one; earlier cycles fainter.
function stroke(name, curve, cycles) {
  const base = colour(curve.branch === "reverse" ? `${name}-back` : name);
  return curve.cycle < cycles - 1 ? `${base}88` : base;
}

function label(symbol, curve, curves, cycles) {
  const of = [curves.some((one) => one.branch !== curves[0].branch) ? curve.branch : "", cycles > 1 ? `cycle ${curve.cycle + 1}` : "", curve.part ?? ""];
  const said = of.filter(Boolean).join(", ");
  return said ? `${symbol} ${said}` : symbol;
}

const cyclesOf = (curves) => 1 + Math.max(0, ...curves.map((curve) => curve.cycle));

const symbolWithUnit = (name) => {
  const one = quantity(name);
  const unit = unitText(one.unit);
  return unit ? `${one.symbol} (${unit})` : one.symbol;
};

export function jvl(table, sourceUnit, { logJ, logL }) {
  if (!table?.row.length) return { empty: "No point yet." };
  const columns = table.columns;
  const curves = curvesOf(columns);
  const cycles = cyclesOf(curves);
  const x = sourceUnit === "A" ? columns.voltage : columns.source_level;
  const ys = [custom(columns.current_density, "current_density", logJ), custom(columns.luminance, "luminance")];
  const data = aligned(curves, x, ys, { logY: [logJ, logL] });
  if (!data[0].length) return { empty: "No point with a voltage yet." };
  const points = table.row.length <= FEW;
  const line = (name, scale) => curves.map((curve) => ({
    label: label(symbolWithUnit(name), curve, curves, cycles), scale, stroke: stroke(scale, curve, cycles), points,
    dash: curve.branch === "reverse" ? [6, 4] : undefined,
  }));
  return {
    x: { label: axisTitle("voltage"), short: "V (V)" },
    y: {
      j: { label: logJ ? axisTitle("current_density").replace("Current density", "|Current density|") : axisTitle("current_density"), short: symbolWithUnit("current_density"), log: logJ, colour: colour("j") },
      l: { label: axisTitle("luminance"), short: symbolWithUnit("luminance"), log: logL, colour: colour("l") },
    },
    series: [...line("current_density", "j"), ...line("luminance", "l")],
    data,
  };
}

export function efficiency(table, { logX, logY }) {
  if (!table?.row.length) return { empty: "No point yet." };
  const columns = table.columns;
  const curves = curvesOf(columns).flatMap((curve) => splitAtMaximum(curve, columns.luminance));
  const cycles = cyclesOf(curves);
  const lit = (columns.luminance ?? []).map((value, row) => (Number.isFinite(columns.current_efficiency?.[row]) || Number.isFinite(columns.external_quantum_efficiency?.[row]) ? value : null));
  const ys = [custom(columns.current_efficiency, "current_efficiency"), custom(columns.external_quantum_efficiency, "external_quantum_efficiency")];
  const data = aligned(curves, lit, ys, { logX, logY: [logY, logY] });
  if (!data[0].length) return { empty: "No light above the dark noise yet: no efficiency." };
  const points = table.row.length <= FEW;
  const line = (name, scale, tone) => curves.map((curve) => ({
    label: label(symbolWithUnit(name), curve, curves, cycles), scale, stroke: stroke(tone, curve, cycles), points,
    dash: curve.part ? [2, 3] : curve.branch === "reverse" ? [6, 4] : undefined,
  }));
  return {
    x: { label: axisTitle("luminance"), log: logX, short: "L (cd/m²)" },
    y: {
      ce: { label: axisTitle("current_efficiency"), short: symbolWithUnit("current_efficiency"), log: logY, zero: true, colour: colour("ce") },
      eqe: { label: axisTitle("external_quantum_efficiency"), short: symbolWithUnit("external_quantum_efficiency"), log: logY, zero: true, above: 0.35, colour: colour("eqe") },
    },
    series: [...line("current_efficiency", "ce", "ce"), ...line("external_quantum_efficiency", "eqe", "eqe")],
    data,
  };
}

export function spectra(list, nameOf, { normalised, logY }) {
  if (!list.length) return { empty: "No spectrum yet." };
  const newest = list.slice(-4);
  const data = [newest[0].wavelength, ...newest.map(({ spectral_radiance: values }) => {
    const largest = normalised ? Math.max(...values.filter(Number.isFinite)) : 1;
    return values.map((value) => (Number.isFinite(value) && (!logY || value > 0) ? value / largest : null));
  })];
  const tones = ["spectrum-3", "spectrum-2", "spectrum-1", "spectrum"].slice(-newest.length);
  return {
    x: { label: axisTitle("wavelength"), short: "λ (nm)" },
    y: { s: { label: axisTitle(normalised ? "normalised_spectrum" : "spectral_radiance"), short: symbolWithUnit(normalised ? "normalised_spectrum" : "spectral_radiance"), log: logY, zero: !logY } },
    series: newest.map((one, index) => ({ label: nameOf(one), scale: "s", stroke: colour(tones[index]), width: index === newest.length - 1 ? 2.5 : 1.5 })),
    data,
  };
}

export function lifetime(table, { logX }) {
  if (!table?.row.length) return { empty: "No point yet." };
  const columns = table.columns;
  const curve = { branch: "forward", cycle: 0, rows: table.row.map((_, at) => at) };
  const [unit, factor] = timeUnit(Math.max(0, ...columns.stress_time.slice(-1)));
  const x = scaled(columns.stress_time, factor);
  const data = aligned([curve], x, [custom(columns.relative_luminance, "relative_luminance"), columns.voltage ?? []], { logX });
  if (!data[0].length) return { empty: "No point after the start yet." };
  const points = table.row.length <= FEW;
  return {
    x: { label: `Time under stress (${unit})`, log: logX, short: `t (${unit})` },
    y: { l: { label: axisTitle("relative_luminance"), colour: colour("l") }, j: { label: axisTitle("voltage"), colour: colour("j") } },
    series: [
      { label: "L/L₀ (%)", scale: "l", stroke: colour("l"), points },
      { label: "V (V)", scale: "j", stroke: colour("j"), points, dash: [6, 4] },
    ],
    data,
  };
}

// Curves of several runs in one picture: `name` against the voltage or against the luminance.
export function compared(runs, name, against, { logX, logY }) {
  const curves = [];
  const x = [];
  const y = [];
  runs.forEach(({ table }, index) => {
    if (!table) return;
    const values = against === "voltage" ? table.columns.voltage : table.columns.luminance;
    for (const curve of curvesOf(table.columns)) {
      for (const one of against === "luminance" ? splitAtMaximum(curve, values) : [curve]) {
        curves.push({ ...one, of: index, rows: one.rows.map((row) => row + x.length) });
      }
    }
    const lit = table.columns[name] ?? [];
    x.push(...values.map((value, row) => (Number.isFinite(lit[row]) ? value : null)));
    y.push(...custom(lit, name, logY && name === "current_density"));
  });
  const data = aligned(curves, x, [y], { logX, logY: [logY] });
  if (!data[0].length) return { empty: "None of these runs has such a curve." };
  return {
    x: { label: axisTitle(against), log: logX, short: against === "voltage" ? "V (V)" : "L (cd/m²)" },
    y: { y: { label: axisTitle(name), short: symbolWithUnit(name), log: logY, zero: !logY } },
    series: curves.map((curve) => ({
      label: `${runs[curve.of].name}${curve.branch === "reverse" ? ", reverse" : ""}${curve.part ? `, ${curve.part}` : ""}`, scale: "y",
      stroke: colour(`run-${(curve.of % 8) + 1}`), dash: curve.branch === "reverse" || curve.part ? [6, 4] : undefined,
    })),
    data,
  };
}
