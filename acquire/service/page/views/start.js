// A run begun: recipe, device, plan; the recipe edited as YAML with all its problems at once.
import { ApiError, get, mayOperate, post, put, recipePath } from "../api.js";
import { askFor, confirm, during, problemsOf, problemText, toast } from "../dialogs.js";
import { field, fill, h, say } from "../dom.js";
import { areaAsBefore, benchAsBefore, duration, inFields } from "../format.js";
import { wishKey } from "../idempotency.js";
import { name as myName, named, remember } from "../person.js";
import { known, runsNow } from "../store.js";

export const title = "Start a run";
const FIELDS = [["sample", "Sample"], ["pixel", "Pixel"], ["area", "Emissive area"], ["user", "Your name"], ["batch", "Batch"], ["note", "Remark"]];
const OF_ALL_RUNS = ["user", "note"]; // what may be said of a whole batch
const BUSY = 1500; // ms until a plan is asked for once more
const HINTS = { area: "with its unit, like 4 mm^2 or 4 mm^2 +- 0.1 mm^2" };

export function open(place, _, query) {
  const form = new StartForm(place, query);
  return { take: (topic) => ["state", "queue"].includes(topic) && form.state(), close: () => form.close() };
}

class StartForm {
  constructor(place, query) {
    this.place = place;
    this.wanted = query.get("recipe") ?? localStorage.getItem("recipe") ?? "";
    this.again = query.get("again");
    this.wantedBench = query.get("bench") ?? "";
    this.asked = 0;
    this.saved = "";
    this.recipe = null;
    this.bench = h("select", { name: "bench" });
    this.select = h("select", { name: "recipe", onchange: () => this.choose(this.select.value) });
    this.inputs = Object.fromEntries(FIELDS.map(([name]) => [name, h("input", { name, autocomplete: "off", value: query.get(name) ?? (name === "user" ? myName() : ""), oninput: () => this.planSoon() })]));
    this.places = {};
    this.problems = h("div", { "aria-live": "polite" });
    this.plan = h("pre", {}, "");
    this.brief = h("p", { role: "status" });
    this.busy = h("p.notice.warn", { hidden: true });
    this.buttons = {
      start: h("button.first", { type: "submit" }, "Start now"),
      queue: h("button", { type: "button", onclick: (event) => this.send(event.target, "queue") }, mayOperate() ? "Put in the queue" : "Ask for it: into the queue"),
      manual: h("button", { type: "button", onclick: (event) => this.send(event.target, "runs", { manual: true }) }, "Levels by hand"),
    };
    this.editorPlace = h("div");
    this.editButton = h("button.small.switch", { type: "button", "aria-pressed": "false", onclick: () => this.edit() }, "Edit the recipe (YAML)");
    this.bench.addEventListener("change", () => this.planSoon());
    const element = h("form", { "aria-label": "Start a run", onsubmit: (event) => {
      event.preventDefault();
      if (mayOperate()) this.send(this.buttons.start, "runs");
    } }, h("div.headline", {}, h("h1", {}, "Start a run")), this.busy,
    h("div.grid", {}, h("section.card.narrow", { "aria-label": "What to measure" }, field("Recipe", this.select), h("div.fields", {}, FIELDS.map(([name, label]) => (this.places[name] = field(label, this.inputs[name], HINTS[name] ?? "")))),
      field("Bench", this.bench), h("div.row", {}, mayOperate() ? [this.buttons.start, this.buttons.manual] : null, this.buttons.queue), h("p.quiet", {}, "An empty field leaves what the recipe says. Nothing is opened before the plan is right.")),
    h("section.card.wide", { "aria-label": "Plan" }, h("div.row.spread", {}, h("h2", {}, "Plan"), this.editButton), this.brief, this.problems, this.plan)),
    this.editorPlace);
    fill(place, element);
    this.state();
    this.load();
  }

  async load() {
    try {
      const [{ recipes }, past] = await Promise.all([get("recipes"), this.again ? get(`history/${this.again}`).catch(() => null) : null]);
      const kinds = { sweep: "Sweeps", batch: "Batches" };
      fill(this.select, Object.entries(kinds).map(([kind, label]) => h("optgroup", { label }, recipes.filter((one) => one.kind === kind).map((one) => h("option", { value: one.name }, one.title ? `${one.title} (${one.name})` : one.name)))));
      fill(this.bench, h("option", { value: "" }, "as the recipe says"), recipes.filter((one) => one.kind === "bench").map((one) => h("option", { value: one.name }, one.title || one.name)));
      this.bench.value = recipes.some((one) => one.name === this.wantedBench) ? this.wantedBench : "";
      if (past) this.#asBefore(past, recipes);
      if (recipes.some((one) => one.name === this.wanted)) this.select.value = this.wanted;
      await this.choose(this.select.value);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      fill(this.problems, problemsOf(error));
    }
  }

  #asBefore(past, recipes) {
    for (const name of ["sample", "pixel", "user", "batch"]) if (past[name]) this.inputs[name].value = past[name];
    this.inputs.area.value = areaAsBefore(past.facts); // the recipe's may be another: a wrong area makes a wrong current density
    this.bench.value = benchAsBefore(past.facts, recipes);
    if (!this.bench.value) toast("Which of the benches here that run was measured on its name does not tell: that of the recipe is taken, see whether it is right.", { bad: true });
    const same = recipes.find((one) => one.kind === "sweep" && one.title && one.title === past.title);
    if (same) this.wanted = same.name;
    else toast(`No recipe is called "${past.title}" any more: choose one.`, { bad: true });
  }

  async choose(name) {
    if (!name) return fill(this.problems, h("p.empty", {}, "There is no recipe in the folder of recipes yet."));
    localStorage.setItem("recipe", name);
    this.recipe = await get(recipePath(name));
    for (const [key, input] of Object.entries(this.inputs)) input.placeholder = this.recipe.given?.[key] || (key === "note" ? "" : "");
    this.saved = this.recipe.yaml;
    this.buttons.manual.hidden = this.recipe.kind === "batch";
    for (const [name, place] of Object.entries(this.places)) place.hidden = this.#isOfTheBatch(name);
    if (this.editor) {
      this.editor.text = this.recipe.yaml;
      this.editor.schema = await get(`schema/${this.recipe.kind}`).catch(() => null);
    }
    return this.planNow();
  }

  // Whether a batch says itself, pixel by pixel, what the field is for.
  #isOfTheBatch(name) {
    return this.recipe?.kind === "batch" && !OF_ALL_RUNS.includes(name);
  }

  // What is sent: blanks say what the recipe says.
  body() {
    return { recipe: this.select.value, bench: this.bench.value || null, ...Object.fromEntries(FIELDS.map(([name]) => [name, (!this.#isOfTheBatch(name) && this.inputs[name].value.trim()) || null])) };
  }

  planSoon() {
    clearTimeout(this.due);
    this.due = setTimeout(() => this.planNow(), 350);
  }

  get changed() {
    return Boolean(this.editor) && this.editor.text !== this.saved;
  }

  // One plan at a time: what was typed meanwhile is planned after it.
  async planNow() {
    this.due = clearTimeout(this.due);
    if (this.planning) {
      this.planAgain = true;
      return;
    }
    this.planning = true;
    await this.#plan();
    this.planning = false;
    if (this.planAgain && !this.closed) {
      this.planAgain = false;
      await this.planNow();
    }
  }

  async #plan() {
    const mine = (this.asked += 1);
    const { batch, note, ...body } = this.body();
    if (!this.plan.textContent) say(this.brief, "Making the plan…");
    this.plan.setAttribute("aria-busy", "true");
    const what = this.changed ? { ...body, recipe: null, yaml: this.editor.text, name: this.select.value } : body;
    try {
      const plan = await post("plan", what);
      if (mine !== this.asked) return;
      this.right = !plan.problems?.length;
      const facts = [Number.isFinite(plan.points) && plan.points !== null ? `${plan.points} points` : "", Number.isFinite(plan.seconds) && plan.seconds !== null ? `about ${duration(plan.seconds)}` : ""].filter(Boolean);
      say(this.brief, facts.join(", "));
      fill(this.problems, plan.cautions?.length ? h("div.notice.warn", {}, h("ul", {}, plan.cautions.map((text) => h("li", {}, inFields(text))))) : null);
      say(this.plan, inFields(plan.text));
      this.editor?.mark([]);
    } catch (error) {
      if (mine !== this.asked) return;
      if (!(error instanceof ApiError)) throw error;
      if (error.status === 503 || error.status === 429) { // the service makes as many as it can: this one again soon
        say(this.brief, "Making the plan…");
        this.due = setTimeout(() => this.planNow(), BUSY);
        return;
      }
      this.right = false;
      say(this.plan, "");
      say(this.brief, "Not to be carried out like this:");
      fill(this.problems, this.#problems(error));
      this.editor?.mark(error.problems ?? []);
    }
    this.plan.removeAttribute("aria-busy");
    void [batch, note];
    this.state();
  }

  // Each problem with a line is a way to that line.
  #problems(error) {
    if (!error.problems?.length) return problemsOf(error);
    return h("div.notice.bad", { role: "alert" }, h("ul", {}, error.problems.map((one) => h("li", {}, one.line ? [h("button.small", { type: "button", onclick: async () => {
      if (!this.editor) await this.edit();
      this.editor.goTo(one.line);
    } }, `line ${one.line}`), " "] : null, inFields(problemText({ ...one, line: null }))))));
  }

  async edit() {
    if (this.editor) {
      if (this.changed && !(await confirm("Close the editor?", "What was changed is not saved.", "Close without saving"))) return;
      this.editor.close();
      this.editor = null;
      fill(this.editorPlace);
      this.editButton.setAttribute("aria-pressed", "false");
      this.planNow();
      return;
    }
    const { Editor } = await import("../editor.js");
    this.editor = new Editor({ text: this.recipe.yaml, label: `Recipe ${this.recipe.name}`, onChange: () => this.planNow() });
    this.editButton.setAttribute("aria-pressed", "true");
    this.saveButton = h("button.first", { type: "button", disabled: true, onclick: (event) => this.save(event.target, this.recipe.name, this.recipe.version) }, "Save");
    fill(this.editorPlace, h("section.card.gap", { "aria-label": "Recipe as YAML" }, h("div.row.spread", {}, h("h2", {}, "Recipe"), mayOperate() ? h("div.row", {}, this.saveButton,
      h("button", { type: "button", onclick: (event) => this.saveAs(event.target) }, "Save under another name")) : h("span.quiet", {}, "Operators may save")), this.editor.element,
    h("p.quiet", {}, "Ctrl+Space: what may stand here. Escape, then Tab: leave the editor.")));
    this.editor.schema = await get(`schema/${this.recipe.kind}`).catch(() => null);
    this.editor.view.focus();
    this.planNow();
  }

  async saveAs(button) {
    const folder = this.recipe.name.includes("/") ? this.recipe.name.slice(0, this.recipe.name.lastIndexOf("/") + 1) : "";
    const said = await askFor("Save the recipe under another name", [{ name: "name", label: "Name", value: `${folder}my_sweep.yaml`, hint: "in the same folder, so that what it names is found" }], "Save");
    if (said?.name) await this.save(button, said.name.endsWith(".yaml") ? said.name : `${said.name}.yaml`, null);
  }

  async save(button, name, version) {
    await during(button, async () => {
      const kept = await put(recipePath(name), { yaml: this.editor.text, version });
      toast(`Saved as ${kept.name}.`);
      this.wanted = kept.name;
      this.saved = this.editor.text;
      await this.load();
    });
    this.state();
  }

  async send(button, to, more = {}) {
    if (this.changed && !(await confirm("The recipe was changed and not saved", "The run follows the recipe as it was saved last.", "Go on with the saved one"))) return;
    const body = { ...this.body(), ...more };
    remember(body.user);
    if (to === "queue") {
      body.person = body.user ?? (await named("Who puts it in the queue?"));
      if (!body.person) return;
    }
    const label = button.textContent;
    try {
      this.sending = true;
      this.state();
      say(button, to === "queue" ? "Asking…" : "Starting…");
      const key = wishKey(to, body);
      const answer = await post(to, body, key.header);
      key.done();
      if (to === "queue") toast(answer.state === "asked" ? "It waits for an operator's yes." : "It is in the queue.", { link: h("a", { href: this.#another(body) }, "Another pixel like it") });
      if (!this.closed) location.hash = to === "queue" ? "#/queue" : answer.run_id ? `#/live/${answer.run_id}` : "#/live";
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      fill(this.problems, this.#problems(error));
      this.problems.scrollIntoView({ block: "nearest" });
    } finally {
      this.sending = false;
      say(button, label);
      this.state();
    }
  }

  // The same form once more, all as it was said but for the pixel.
  #another(body) {
    const said = ["recipe", "bench", "sample", "area", "batch", "note"].filter((name) => body[name]).map((name) => [name, body[name]]);
    return `#/start?${new URLSearchParams(said)}`;
  }

  state() {
    const lock = known.status?.bench?.lock;
    const run = runsNow()[0];
    const why = lock ? `The bench is locked by ${lock.name}${lock.note ? `: ${lock.note}` : ""}.` : run || known.status?.bench?.held ? "A run holds the bench now: start later, or put it in the queue." : "";
    if (why !== this.busy.dataset.why) fill(this.busy, why, lock ? [" ", h("a", { href: "#/queue" }, "Unlock it in Queue")] : null);
    this.busy.dataset.why = why;
    this.busy.hidden = !why;
    for (const button of [this.buttons.start, this.buttons.manual]) button.disabled = Boolean(why) || this.right === false || this.sending;
    this.buttons.queue.disabled = this.right === false || this.sending;
    if (this.saveButton) this.saveButton.disabled = !this.changed;
  }

  close() {
    this.closed = true;
    clearTimeout(this.due);
    this.editor?.close();
  }
}
