// What the page holds of one run: rows as the file has them, asked for from the start, then taken from the stream.
import { get } from "./api.js";
import { appended } from "./series.js";

export const MOST_POINTS = 4000; // asked for at once; more are thinned by the service
const MOST_SPECTRA = 12;
const TABLES = ["jvl", "lifetime"];

export class RunData {
  // `changed()` is called when a table was read anew without an event of the stream.
  constructor(id, changed = () => {}) {
    this.id = id;
    this.changed = changed;
    this.reloading = new Set();
    this.about = null;
    this.tables = {};
    this.spectra = [];
    this.notes = [];
    this.findings = [];
    this.figures = {};
    this.loading = null;
  }

  // All that the file holds now. What the stream brings meanwhile is put behind it by row numbers.
  load() {
    this.loading ??= this.#load().finally(() => {
      this.loading = null;
    });
    return this.loading;
  }

  async #load() {
    this.about = await get(`runs/${this.id}`);
    const tables = TABLES.filter((name) => name === "jvl" || this.about.rows?.[name]);
    await Promise.all([...tables.map((name) => this.loadTable(name)), this.#loadSpectra(), this.loadFigures()]);
  }

  // What the stream put behind it while the file was read is not lost: then it is read once more.
  async loadTable(name, query = {}, tries = 3) {
    const answer = await get(`runs/${this.id}/columns`, { table: name, points: MOST_POINTS, ...(name === "lifetime" ? { x: "stress_time", scale: "log" } : {}), ...query });
    const table = { next: answer.rows ?? answer.to, row: answer.row, columns: answer.columns, units: answer.units, thinned: answer.thinned, revision: answer.revision };
    if (Object.keys(query).length) return table; // a part seen from near
    const newer = this.tables[name]?.next > table.next && this.tables[name].revision !== "final";
    this.tables[name] = table;
    return newer && tries > 1 ? this.loadTable(name, query, tries - 1) : table;
  }

  async #loadSpectra() {
    const count = this.about.rows?.spectra ?? 0;
    const rows = Array.from({ length: Math.min(count, MOST_SPECTRA) }, (_, i) => count - 1 - i).reverse();
    const read = await Promise.all(rows.map((row) => get(`runs/${this.id}/spectra/${row}`).catch(() => null)));
    this.spectra = read.filter(Boolean);
  }

  async loadFigures() {
    const answer = await get(`runs/${this.id}/figures`);
    this.figures = answer.figures ?? {};
    this.findings = answer.findings ?? [];
    this.notes = answer.notes ?? [];
  }

  // An event of the stream. Says whether anything changed.
  take(kind, data) {
    if (kind === "rows") return this.#takeRows(data);
    if (kind === "spectrum") {
      const wavelength = data.wavelength ?? data.spectral_radiance.map((_, i) => data.wavelength_start + i * data.wavelength_step);
      this.#put(this.spectra, { ...data, wavelength });
      if (this.spectra.length > MOST_SPECTRA) this.spectra.shift();
    } else if (kind === "note") this.#put(this.notes, data);
    else if (kind === "finding") this.#put(this.findings, data);
    else if (kind === "figures") this.figures = data.figures;
    else if (kind === "reload") this.#reload(data.table);
    else return false;
    return true;
  }

  // Rows come once more after a connection was lost: the same row is the same thing.
  #put(list, one) {
    const at = list.findIndex((there, index) => (there.row ?? index) === one.row);
    if (at < 0) list.push(one);
    else list[at] = { ...list[at], ...one };
  }

  #takeRows(data) {
    if (!TABLES.includes(data.table)) return false;
    const table = (this.tables[data.table] ??= { next: 0, row: [], columns: {}, units: {} });
    const { missing, added } = appended(table, data);
    if (missing || table.row.length > 2 * MOST_POINTS) this.#reload(data.table);
    return added > 0;
  }

  async #reload(name) {
    if (this.reloading.has(name)) return;
    this.reloading.add(name);
    try {
      await this.loadTable(name);
      this.changed();
    } catch {
      // the next event of the stream finds the hole again
    } finally {
      this.reloading.delete(name);
    }
  }

  get kind() {
    return this.tables.lifetime?.row.length ? "lifetime" : "jvl";
  }

  // The last point as an object of its columns, or null.
  latest() {
    const table = this.tables[this.kind];
    if (!table?.row.length) return null;
    const at = table.row.length - 1;
    return Object.fromEntries(Object.entries(table.columns).map(([name, values]) => [name, values[at]]));
  }
}
