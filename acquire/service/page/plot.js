// A picture with its axes, switches, cursor, zoom and PNG, on uPlot. What is drawn stands in curves.js.
import uPlot from "./vendor/uPlot.esm.js";
import { h } from "./dom.js";
import { number } from "./format.js";

export const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

const HEIGHT = 0.62; // of the width
const LEAST_HEIGHT = 220;
const MOST_HEIGHT = 440;

// `build(switches)` gives a picture's parts: { x, y, series, data } (see curves.js), or { empty: "why" }.
// `switches`: [{ name, label, on, key }] that a person may turn; `near(from, to)` is told of a zoom, null when it is over.
export class Plot {
  constructor({ title, file, build, switches = [], near = null }) {
    Object.assign(this, { title, file, build, near });
    this.on = Object.fromEntries(switches.map((one) => [one.name, stored(title, one)]));
    this.place = h("div.plot-area", { tabindex: 0, role: "group", "aria-label": `${title}. Left and right arrow: values at the cursor.`, onkeydown: (event) => this.#key(event) });
    this.values = h("p.plot-values", { "aria-live": "off" });
    this.whole = h("button.small", { type: "button", onclick: () => this.#zoomOut(), hidden: true }, "Whole picture");
    this.element = h("section.card.plot", { "aria-label": title },
      h("div.plot-head", {}, h("h2", {}, title), this.whole, switches.map((one) => this.#switch(one)),
        h("button.small", { type: "button", onclick: () => this.png(), "aria-label": `PNG of ${title}` }, "PNG")),
      this.place, this.values);
    this.resize = new ResizeObserver(() => this.#size());
    this.resize.observe(this.place);
  }

  #switch({ name, label }) {
    const button = h("button.small.switch", { type: "button", "aria-pressed": String(this.on[name]), "data-switch": name,
      onclick: () => this.turn(name) }, label);
    return button;
  }

  turn(name) {
    if (!(name in this.on)) return;
    this.on[name] = !this.on[name];
    localStorage.setItem(`switch ${this.title} ${name}`, this.on[name]);
    this.element.querySelector(`[data-switch="${name}"]`)?.setAttribute("aria-pressed", String(this.on[name]));
    this.redraw();
  }

  redraw() {
    this.key = null;
    this.draw();
  }

  draw() {
    const parts = this.build(this.on);
    if (parts.empty) {
      this.#destroy();
      this.place.replaceChildren(h("p.empty", {}, parts.empty));
      return;
    }
    const key = JSON.stringify([parts.x, parts.y, parts.series.map(({ label, stroke, dash }) => [label, stroke, dash]), this.on]);
    if (this.plot && key === this.key) {
      const zoomed = !this.whole.hidden;
      this.plot.setData(parts.data, !zoomed);
      if (zoomed) this.plot.redraw();
      return;
    }
    this.#destroy();
    this.key = key;
    this.place.replaceChildren();
    this.plot = new uPlot(this.#options(parts), parts.data, this.place);
  }

  #options({ x, y, series }) {
    const sides = Object.entries(y);
    const narrow = this.place.clientWidth < 480;
    return {
      ...this.#extent(),
      scales: { x: scale(x), ...Object.fromEntries(sides.map(([name, one]) => [name, scale(one)])) },
      axes: [axis("x", x, 2, false, narrow), ...sides.map(([name, one], index) => axis(name, one, index === 0 ? 3 : 1, index > 0, narrow))],
      series: [{ label: x.short ?? x.label, value: (_, value) => number(value) }, ...series.map((one) => ({
        spanGaps: false,
        width: 2,
        points: { show: one.points ?? false, size: 5, fill: one.stroke, stroke: one.stroke },
        value: (_, value) => number(value),
        ...one,
      }))],
      legend: { live: true },
      cursor: { drag: { x: true, y: false, setScale: true }, points: { size: 8 } },
      hooks: { setSelect: [(u) => this.#zoomed(u)], setScale: [() => {}] },
    };
  }

  #zoomed(u) {
    if (u.select.width <= 0) return;
    this.whole.hidden = false;
    this.near?.(u.posToVal(u.select.left, "x"), u.posToVal(u.select.left + u.select.width, "x"));
  }

  #zoomOut() {
    this.whole.hidden = true;
    this.near?.(null, null);
    this.redraw();
  }

  #extent() {
    const width = Math.max(240, Math.floor(this.place.clientWidth));
    return { width, height: Math.min(MOST_HEIGHT, Math.max(LEAST_HEIGHT, Math.floor(width * HEIGHT))) };
  }

  #size() {
    if (this.plot && this.place.clientWidth !== this.plot.width) this.plot.setSize(this.#extent());
  }

  // The cursor moved from point to point by the keyboard.
  #key(event) {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!step || !this.plot) return;
    event.preventDefault();
    const xs = this.plot.data[0];
    const at = Math.max(0, Math.min(xs.length - 1, (this.plot.cursor.idx ?? (step > 0 ? -1 : xs.length)) + step));
    this.plot.setCursor({ left: this.plot.valToPos(xs[at], "x"), top: this.plot.bbox.height / devicePixelRatio / 2 });
    const said = this.plot.series.slice(1).map((one, index) => [one.label, this.plot.data[index + 1][at]]).filter(([, value]) => Number.isFinite(value));
    this.values.textContent = [`${this.plot.series[0].label} ${number(xs[at])}`, ...said.map(([label, value]) => `${label} ${number(value)}`)].join(" · ");
    this.values.setAttribute("aria-live", "polite");
  }

  png() {
    if (!this.plot) return;
    savePng(this.plot.ctx.canvas, this.title, this.plot.series.slice(1).filter((one) => one.show).map((one) => [one.label, one._stroke ?? one.stroke]), this.file);
  }

  #destroy() {
    this.plot?.destroy();
    this.plot = null;
    this.key = null;
  }

  close() {
    this.resize.disconnect();
    this.#destroy();
  }
}

function stored(title, { name, on }) {
  const kept = localStorage.getItem(`switch ${title} ${name}`);
  return kept === null ? on : kept === "true";
}

// `above`: more room over the largest value, so that two curves of one shape lie apart.
function scale({ log = false, zero = false, above = 0 }) {
  if (log) return { time: false, distr: 3, range: (_, low, high) => decades(low, high * (1 + above)) };
  return { time: false, range: (_, low, high) => linear(low, high + above * Math.abs(high), zero) };
}

function decades(low, high) {
  if (!(low > 0) || !(high > 0)) return [1, 10];
  const [from, to] = [Math.floor(Math.log10(low) + 1e-9), Math.ceil(Math.log10(high) - 1e-9)];
  return [10 ** from, 10 ** Math.max(to, from + 1)];
}

function linear(low, high, zero) {
  if (!Number.isFinite(low) || !Number.isFinite(high)) return [0, 1];
  const [from, to] = zero ? [Math.min(0, low), Math.max(0, high)] : [low, high];
  const room = (to - from || Math.abs(to) || 1) * 0.04;
  return [zero && from === 0 ? 0 : from - room, to + room];
}

// A narrow picture has symbols at its axes, not names.
function axis(name, { label, short = label, log = false, colour: ink }, side, bare, narrow) {
  return {
    scale: name,
    side,
    label: narrow ? short : label,
    labelSize: 22,
    size: side === 2 ? 34 : narrow ? 46 : 62,
    stroke: ink ?? colour("ink"),
    grid: { show: !bare, stroke: colour("grid"), width: 1, ...(log ? { filter: (_, splits) => decadesOnly(splits) } : {}) },
    ticks: { stroke: colour("grid"), width: 1, ...(log ? { filter: (_, splits) => decadesOnly(splits) } : {}) },
    font: "12px system-ui, sans-serif",
    labelFont: "13px system-ui, sans-serif",
    ...(log ? { filter: (_, splits) => decadesOnly(splits) } : {}),
    values: (_, splits) => splits.map((value) => (value === null || value === undefined ? "" : tick(value, log))),
  };
}

function decadesOnly(splits) {
  const whole = splits.filter((value) => isDecade(value));
  if (whole.length < 2) return splits;
  const step = Math.ceil(whole.length / 7);
  const kept = new Set(whole.filter((_, index) => index % step === 0));
  return splits.map((value) => (kept.has(value) ? value : null));
}

const isDecade = (value) => Math.abs(Math.log10(value) - Math.round(Math.log10(value))) < 1e-6;

function tick(value, log) {
  if (log && isDecade(value) && (value >= 1e4 || value < 1e-2)) return number(value, 1).replace("1×", "");
  return Math.abs(value) >= 1e5 || (value !== 0 && Math.abs(value) < 1e-3) ? number(value, 2).replace(/\.0(?=×)/, "") : String(Number(value.toPrecision(6))).replace("-", "\u2212");
}

// A canvas with its title above and its legend below, saved as a file.
export function savePng(canvas, title, legend, file) {
  const ratio = devicePixelRatio;
  const [above, below] = [34 * ratio, legend.length ? 30 * ratio : 8 * ratio];
  const whole = document.createElement("canvas");
  whole.width = canvas.width;
  whole.height = canvas.height + above + below;
  const pen = whole.getContext("2d");
  pen.fillStyle = colour("card");
  pen.fillRect(0, 0, whole.width, whole.height);
  pen.drawImage(canvas, 0, above);
  pen.fillStyle = colour("ink");
  pen.font = `600 ${15 * ratio}px system-ui, sans-serif`;
  pen.fillText(title, 12 * ratio, 23 * ratio);
  pen.font = `${12 * ratio}px system-ui, sans-serif`;
  let x = 12 * ratio;
  for (const [label, stroke] of legend) {
    pen.fillStyle = typeof stroke === "function" ? stroke() : stroke;
    pen.fillRect(x, whole.height - 19 * ratio, 14 * ratio, 4 * ratio);
    pen.fillStyle = colour("ink");
    pen.fillText(label, x + 18 * ratio, whole.height - 12 * ratio);
    x += pen.measureText(label).width + 34 * ratio;
  }
  whole.toBlob((blob) => {
    const link = h("a", { href: URL.createObjectURL(blob), download: `${file}.png` });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  });
}

