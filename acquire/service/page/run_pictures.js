// The pictures of one run, as it goes on or afterwards.
import { Chromaticity } from "./chromaticity.js";
import { efficiency, jvl, lifetime, spectra } from "./curves.js";
import { h } from "./dom.js";
import { amount, timeUnit } from "./format.js";
import { Plot } from "./plot.js";

// `file` begins the names of saved pictures; `data()` gives the RunData, `sourceUnit()` V or A.
export class RunPictures {
  constructor({ file, data, sourceUnit }) {
    Object.assign(this, { data, sourceUnit });
    this.seen = null; // a part of a long table, from near
    const table = (name) => (this.seen?.name === name ? this.seen.table : data()?.tables[name]);
    this.jvl = new Plot({ title: "J-V-L", file: `${file}_jvl`, near: (from, to) => this.#near("jvl", from, to),
      switches: [{ name: "logJ", label: "log J", on: true }, { name: "logL", label: "log L", on: true }],
      build: (on) => jvl(table("jvl"), sourceUnit(), on) });
    this.efficiency = new Plot({ title: "Efficiency against luminance", file: `${file}_efficiency`,
      switches: [{ name: "logX", label: "log L", on: true }, { name: "logY", label: "log CE, EQE", on: false }],
      build: (on) => efficiency(table("jvl"), on) });
    this.lifetime = new Plot({ title: "Lifetime", file: `${file}_lifetime`, near: (from, to) => this.#near("lifetime", from, to),
      switches: [{ name: "logX", label: "log t", on: true }], build: (on) => lifetime(table("lifetime"), on) });
    this.spectra = new Plot({ title: "Newest spectra", file: `${file}_spectra`,
      switches: [{ name: "normalised", label: "normalised", on: false }, { name: "logY", label: "log", on: false }],
      build: (on) => spectra(data()?.spectra ?? [], (one) => this.#spectrumName(one), on) });
    this.colour = new Chromaticity();
    this.all = [this.jvl, this.efficiency, this.lifetime, this.spectra];
    this.element = h("div.grid", {}, wide(this.jvl), narrow(this.efficiency), h("div", { class: "" }, this.lifetime.element), wide(this.spectra), narrow(this.colour));
  }

  #spectrumName(one) {
    const table = this.data()?.tables.jvl;
    const at = table?.row.indexOf(one.point_index) ?? -1;
    const voltage = at >= 0 ? `${amount(table.columns.voltage?.[at], "voltage", 3)}, ` : "";
    return `${voltage}${amount(one.luminance, "luminance", 3)}`;
  }

  // A part of a table too long for a picture is asked for from near: spikes stay.
  async #near(name, from, to) {
    const data = this.data();
    this.seen = null;
    if (from !== null && data?.tables[name]?.thinned) {
      const x = name === "lifetime" ? "stress_time" : this.sourceUnit() === "A" ? "voltage" : "source_level"; // what is drawn
      const factor = name === "lifetime" ? timeUnit(data.tables[name].columns.stress_time.at(-1))[1] : 1;
      const table = await data.loadTable(name, { x, x_from: from / factor, x_to: to / factor });
      this.seen = { name, table };
      this.draw(name);
    }
  }

  // `what`: a table, "spectra", or nothing for all.
  draw(what = null) {
    const data = this.data();
    const ages = Boolean(data?.tables.lifetime?.row.length);
    this.lifetime.element.parentElement.hidden = !ages;
    const swept = !ages || Boolean(data.tables.jvl?.row.length);
    [this.jvl, this.efficiency].forEach((plot) => { plot.element.parentElement.hidden = !swept; });
    if (!what || what === "jvl") [this.jvl, this.efficiency].forEach((plot) => plot.draw());
    if (ages && (!what || what === "lifetime")) this.lifetime.draw();
    if (!what || what === "spectra") {
      this.spectra.draw();
      this.colour.show((data?.spectra ?? []).map((one) => ({ x: one.x, y: one.y, label: this.#spectrumName(one) })));
    }
  }

  redraw() {
    this.all.forEach((plot) => plot.redraw());
    this.colour.redraw();
    this.draw();
  }

  // Every axis logarithmic, or every one linear.
  logarithmic() {
    const any = this.jvl.on.logJ || this.jvl.on.logL;
    for (const plot of this.all) for (const name of Object.keys(plot.on)) if (name.startsWith("log") && name !== "logY" && plot.on[name] === any) plot.turn(name);
  }

  close() {
    this.all.forEach((plot) => plot.close());
    this.colour.close();
  }
}

const wide = ({ element }) => h("div.wide", {}, element);
const narrow = ({ element }) => h("div.narrow", {}, element);
