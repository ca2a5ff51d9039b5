// The CIE 1931 chromaticity diagram: the spectral locus, and where the spectra of a run lie.
import { h } from "./dom.js";
import { number } from "./format.js";
import { LOCUS } from "./generated/locus.js";
import { colour, savePng } from "./plot.js";

const NAMED = new Set([460, 480, 490, 500, 510, 520, 540, 560, 580, 600, 620, 700]);
const WHITE = [1 / 3, 1 / 3];
const X = [-0.02, 0.8];
const Y = [-0.02, 0.9];

export class Chromaticity {
  constructor() {
    this.points = [];
    this.canvas = h("canvas", { role: "img", "aria-label": "CIE 1931 chromaticity diagram" });
    this.values = h("p.plot-values");
    this.place = h("div.plot-area.square", {}, this.canvas);
    this.element = h("section.card.plot", { "aria-label": "CIE 1931 chromaticity" },
      h("div.plot-head", {}, h("h2", {}, "CIE 1931"), h("button.small", { type: "button", "aria-label": "PNG of CIE 1931", onclick: () => this.png() }, "PNG")),
      this.place, this.values);
    this.resize = new ResizeObserver(() => this.redraw());
    this.resize.observe(this.place);
  }

  // `points`: [{ x, y, label }], the newest last.
  show(points) {
    this.points = points.filter(({ x, y }) => Number.isFinite(x) && Number.isFinite(y));
    const last = this.points.at(-1);
    this.values.textContent = last ? `${last.label}: x ${number(last.x, 3)}, y ${number(last.y, 3)}` : "No chromaticity yet.";
    this.canvas.setAttribute("aria-label", `CIE 1931 chromaticity diagram. ${this.values.textContent}`);
    this.redraw();
  }

  redraw() {
    const width = Math.floor(this.place.clientWidth);
    if (!width) return;
    const height = Math.min(440, Math.max(240, width));
    const ratio = devicePixelRatio;
    if (this.canvas.width !== Math.floor(width * ratio) || this.canvas.height !== Math.floor(height * ratio)) {
      Object.assign(this.canvas, { width: Math.floor(width * ratio), height: Math.floor(height * ratio) });
      Object.assign(this.canvas.style, { width: `${width}px`, height: `${height}px` });
    }
    const pen = this.canvas.getContext("2d");
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    pen.clearRect(0, 0, width, height);
    const scale = Math.min((width - 54) / (X[1] - X[0]), (height - 46) / (Y[1] - Y[0]));
    const at = (x, y) => [46 + (x - X[0]) * scale, height - 38 - (y - Y[0]) * scale];
    this.#axes(pen, at);
    this.#locus(pen, at);
    this.#points(pen, at);
  }

  #axes(pen, at) {
    pen.font = "12px system-ui, sans-serif";
    pen.strokeStyle = colour("grid");
    pen.fillStyle = colour("ink");
    pen.lineWidth = 1;
    for (let step = 0; step <= 8; step += 2) {
      const value = step / 10;
      line(pen, [at(value, Y[0]), at(value, Y[1])]);
      pen.textAlign = "center";
      pen.fillText(String(value), at(value, 0)[0], at(0, Y[0])[1] + 15);
      line(pen, [at(X[0], value), at(X[1], value)]);
      pen.textAlign = "right";
      pen.fillText(String(value), at(X[0], 0)[0] - 5, at(0, value)[1] + 4);
    }
    pen.textAlign = "center";
    pen.fillText("x", at(0.4, 0)[0], at(0, Y[0])[1] + 31);
    pen.fillText("y", 10, at(0, 0.44)[1]);
  }

  #locus(pen, at) {
    pen.strokeStyle = colour("ink");
    pen.lineWidth = 1.5;
    line(pen, [...LOCUS, LOCUS[0]].map(([, x, y]) => at(x, y)));
    pen.fillStyle = colour("quiet");
    pen.font = "11px system-ui, sans-serif";
    for (const [wavelength, x, y] of LOCUS) {
      if (!NAMED.has(wavelength)) continue;
      const [left, top] = at(x, y);
      pen.fillRect(left - 1.5, top - 1.5, 3, 3);
      pen.textAlign = x < 0.2 ? (y < 0.55 ? "right" : "center") : "left";
      pen.fillText(String(wavelength), left + (x < 0.2 ? (y < 0.55 ? -5 : 0) : 6), top - (y > 0.55 && x < 0.2 ? 7 : -3));
    }
    const [left, top] = at(...WHITE);
    pen.fillText("E", left + 5, top + 4);
    pen.fillRect(left - 1.5, top - 1.5, 3, 3);
  }

  #points(pen, at) {
    this.points.forEach(({ x, y, tone }, index) => {
      const newest = index === this.points.length - 1;
      const [left, top] = at(x, y);
      pen.beginPath();
      pen.arc(left, top, newest ? 6 : 4, 0, 2 * Math.PI);
      pen.fillStyle = tone ? colour(tone) : colour(newest ? "spectrum" : "spectrum-2");
      pen.fill();
      pen.strokeStyle = colour("card");
      pen.lineWidth = 1.5;
      pen.stroke();
    });
  }

  png() {
    savePng(this.canvas, "CIE 1931", [], "cie_1931");
  }

  close() {
    this.resize.disconnect();
  }
}

function line(pen, points) {
  pen.beginPath();
  points.forEach(([x, y], index) => (index ? pen.lineTo(x, y) : pen.moveTo(x, y)));
  pen.stroke();
}
