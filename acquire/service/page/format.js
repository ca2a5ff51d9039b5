// Numbers, times and names as people read them.
import { QUANTITIES } from "./generated/quantities.js";

export const MISSING = "–";
const MINUS = "\u2212";

const UNITS = { "mA/cm^2": "mA/cm²", "cd/m^2": "cd/m²", "cm^2/(V s)": "cm²/(V s)", "W/(m^2 sr nm)": "W/(m² sr nm)", degC: "°C", "mm^2": "mm²", "1/cm^3": "1/cm³" };

// Powers and indices as they are printed: m^2 is m², L_0 is L₀; and +- is ±.
export function pretty(text) {
  return String(text).replace(/\^(-?\d+)/g, (_, digits) => superscript(Number(digits))).replaceAll("L_0", "L₀").replaceAll("+-", "±");
}

// An hour is too long a unit for a short time.
export function timeUnit(seconds) {
  return seconds < 120 ? ["s", 1] : seconds < 7200 ? ["min", 1 / 60] : ["h", 1 / 3600];
}

export function unitText(unit) {
  return unit === "1" || !unit ? "" : UNITS[unit] ?? unit;
}

export function quantity(name) {
  return QUANTITIES[name] ?? { long_name: words(name), symbol: name, unit: "1", factor: 1, decimals: 3, zero: 0 };
}

// A column's or a figure's name in words: "stop_reason" is "Stop reason".
export function words(name) {
  const text = name.replaceAll("_", " ");
  return text.charAt(0).toUpperCase() + text.slice(1);
}

export function axisTitle(name) {
  const one = quantity(name);
  const unit = unitText(one.unit);
  return unit ? `${one.long_name} (${unit})` : one.long_name;
}

// Four significant digits, never "1e+3"; the true minus sign.
export function number(value, digits = 4) {
  if (value === null || value === undefined || !Number.isFinite(value)) return MISSING;
  if (value === 0) return "0";
  const size = Math.abs(value);
  if (size >= 1e5 || size < 1e-3) {
    const [mantissa, exponent] = value.toExponential(digits - 1).split("e");
    return `${mantissa}×10${superscript(Number(exponent))}`.replace("-", MINUS);
  }
  const whole = Math.floor(Math.log10(size)) + 1;
  return value.toFixed(Math.max(0, Math.min(6, digits - whole))).replace("-", MINUS);
}

function superscript(exponent) {
  const digits = "⁰¹²³⁴⁵⁶⁷⁸⁹";
  return [...String(exponent)].map((sign) => (sign === "-" ? "⁻" : digits[Number(sign)])).join("");
}

// A value in SI in its customary unit, as a number.
export function customary(value, name) {
  if (value === null || value === undefined) return null;
  const one = quantity(name);
  return value * one.factor + one.zero;
}

// "12.3 mA/cm²"
export function amount(value, name, digits = 4) {
  if (value === null || value === undefined || !Number.isFinite(value)) return MISSING;
  const unit = unitText(quantity(name).unit);
  const text = number(customary(value, name), digits);
  return unit ? `${text} ${unit}` : text;
}

// "luminance_max" and "luminance_at_..." are luminances.
const quantityOf = (figure) => (figure in QUANTITIES ? figure : figure.replace(/_(max|at)(_.*)?$/, ""));

// A figure of merit with its uncertainty, 95 % where that is known: "24.08 ± 0.55 cd/A". Where it is the standard
// one, as lists of runs have it, that is said with the figure, unless `said`: it stands beside it already.
export function figureText(name, figure, { said = false } = {}) {
  if (!figure || figure.value === null || figure.value === undefined) return MISSING;
  const known = QUANTITIES[figure.quantity ?? quantityOf(name)];
  const customarily = known?.si_unit === figure.unit;
  const [unit, factor] = customarily && known.unit === "h" ? timeUnit(figure.value) : customarily ? [unitText(known.unit), known.factor] : [unitText(figure.unit), 1];
  const expanded = figure.expanded_uncertainty ?? null;
  const spread = expanded ?? figure.uncertainty ?? null;
  const value = figure.value * factor;
  const inUnit = unit ? ` ${unit}` : "";
  if (!Number.isFinite(spread) || spread === null || spread <= 0) return number(value) + inUnit;
  const behind = inUnit + (expanded === null && !said ? " (k = 1)" : "");
  const size = Math.abs(spread * factor);
  const places = Math.max(0, Math.min(9, 1 - Math.floor(Math.log10(size))));
  const plain = Math.abs(value) < 1e6 && Math.abs(value) > 1e-4;
  return plain
    ? `${value.toFixed(places).replace("-", MINUS)} ± ${size.toFixed(places)}${behind}`
    : `${number(value)} ± ${number(size, 2)}${behind}`;
}

// Seconds as "2 min 5 s", "3 h 12 min".
export function duration(seconds) {
  if (seconds === null || seconds === undefined || !Number.isFinite(seconds)) return MISSING;
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  if (whole < 86400) return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
  return `${Math.floor(whole / 86400)} d ${Math.floor((whole % 86400) / 3600)} h`;
}

const two = (value) => String(value).padStart(2, "0");

export function clock(time) {
  const at = time instanceof Date ? time : new Date(time);
  return Number.isNaN(at.getTime()) ? MISSING : `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
}

export function date(time) {
  const at = time instanceof Date ? time : new Date(time);
  if (Number.isNaN(at.getTime())) return MISSING;
  return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())} ${two(at.getHours())}:${two(at.getMinutes())}`;
}

// Devices by name and date, never by an identifier.
export function runName(run) {
  const place = [run.sample || run.title || "A run without a file yet", run.pixel ? `pixel ${run.pixel}` : ""];
  return place.filter(Boolean).join(", ");
}

export function runNameAndDate(run) {
  return run.start_time ? `${runName(run)} · ${date(run.start_time)}` : runName(run);
}

// The area of a run that was measured, as the field takes it: "14 mm^2 +- 0.1 mm^2". `facts` are pairs of name and text.
export function areaAsBefore(facts = []) {
  const text = facts.find(([name]) => name === "emissive area")?.[1] ?? "";
  return text.replace(/, u = (.+) \(k = 1\)$/, " +- $1");
}

// The name of the bench of a run before among the recipes: empty where none, or more than one, is called so.
export function benchAsBefore(facts = [], recipes = []) {
  const title = facts.find(([name]) => name === "bench")?.[1];
  const found = recipes.filter((one) => one.kind === "bench" && title && one.title === title);
  return found.length === 1 ? found[0].name : "";
}

const FIELDS_OF_OPTIONS = { sample: "Sample", pixel: "Pixel", area: "Emissive area", user: "Your name", batch: "Batch", note: "Remark", bench: "Bench" };

// What is said of an option of the command line, said of the field of the page that stands for it.
export function inFields(text) {
  return text.replace(/--(\w+)(?: '([^']*)')?(?![\w-])/g, (option, name, value) => {
    const label = FIELDS_OF_OPTIONS[name];
    return !label ? option : value === undefined ? label : `${value} (${label})`;
  });
}
