// The bench: who has it, its check, its calibration.
import { ApiError, get, mayOperate, post } from "../api.js";
import { askFor, during, problemsOf } from "../dialogs.js";
import { field, fill, h, say } from "../dom.js";
import { date } from "../format.js";
import { wishKey } from "../idempotency.js";
import { name as myName, remember } from "../person.js";
import { known, runsNow } from "../store.js";
import { benchItem, jobItem } from "../upkeep.js";
import { lockCard } from "./queue.js";

export const title = "Bench";
const AGAIN = 2000; // ms until it is asked again what came of a job that goes on

export function open(place) {
  let recipes = [];
  let due;
  const results = h("div");
  // What came of it, read again while something is still to come.
  let asked = 0;
  const look = async () => {
    clearTimeout(due);
    const mine = (asked += 1);
    try {
      const told = await get("upkeep");
      if (mine === asked) show(told); // the newest answer counts
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      fill(results, problemsOf(error));
      if (!closed) due = setTimeout(look, AGAIN); // one answer that was lost ends nothing
    }
  };
  const show = ({ jobs, benches }) => {
    const titles = Object.fromEntries(recipes.map((one) => [one.name, one.title]));
    fill(results, h("section.card.gap", { "aria-label": "What came of it" }, h("h2", {}, "What came of it"), jobs.length ? h("ul.list", {}, jobs.map((job) => jobItem(job, titles, mayOperate() ? use : null))) : h("p.empty", {}, "No check and no calibration was started from this page yet.")),
      benches.length ? h("section.card.gap", { "aria-label": "What the checks say" }, h("h2", {}, "What the checks say"), h("ul.list", {}, benches.map((bench) => benchItem(bench, mayOperate() ? accept : null)))) : null);
    if (!closed && jobs.some((job) => job.state === "running")) due = setTimeout(look, AGAIN);
  };
  const use = async (button, job) => {
    const said = await askFor("Use this calibration?", [{ name: "person", label: "Your name", value: myName(), hint: "it stands in the bench file, beside the calibration before" }], "Use it", { text: "Every run from now on is measured with it; runs that were measured stay as they are." });
    if (!said?.person) return;
    remember(said.person);
    await during(button, async () => show(await post("upkeep/use", { start_id: job.start_id, person: said.person })));
  };
  const accept = async (button, bench) => {
    const said = await askFor("Is the change known?", [{ name: "reason", label: "What changed", hint: "lamp replaced, photodiode moved back" }, { name: "person", label: "Your name", value: myName() }], "It is known", { text: "The alarm ends, and all quantities begin anew with the next check. This is recorded." });
    if (!said?.person || !said.reason) return;
    remember(said.person);
    await during(button, async () => show(await post("upkeep/accept", { bench: bench.names[0], reason: said.reason, person: said.person })));
  };
  let closed = false;
  // Drawn once: what somebody is typing there stays when the bench or the recipes are told anew.
  const check = job("Health check", "health-check", "Dark readings and a stable source or a known resistor, against all checks before. Every morning, before the first device.");
  const calibration = job("Calibrate the photodiode", "calibrate", "A sweep with a spectrum at every level gives the luminance factor of the photodiode. After something of the optics was touched.");
  const lock = h("div");
  const free = h("p");
  const about = h("p.quiet");
  fill(place, h("h1", {}, "Bench"), lock, free, h("div.grid", {}, check.element, calibration.element), results, h("section.card.gap", { "aria-label": "About" }, h("h2", {}, "About"), about));
  const draw = () => {
    const status = known.status ?? {};
    const held = Boolean(status.bench?.held || runsNow().length);
    const busy = Boolean(held || status.bench?.lock);
    fill(lock, lockCard(draw));
    free.hidden = Boolean(status.bench?.lock);
    say(free, held ? "A run holds the bench now." : "The bench is free.");
    check.state(recipes.filter((one) => /health/.test(one.name)).sort((a, b) => a.name.length - b.name.length), busy);
    calibration.state(recipes.filter((one) => /calibrat/.test(one.name)), busy);
    say(about, `J-V-L bench service ${status.version ?? ""}; this service began ${date(status.service_started)}.`);
  };
  get("recipes").then((answer) => {
    recipes = answer.recipes.filter((one) => one.kind === "sweep");
    draw();
    look();
  }).catch((error) => fill(place, problemsOf(error)));
  draw();
  let before = key();
  return {
    close: () => {
      closed = true;
      clearTimeout(due);
    },
    take: (topic) => {
      if (topic === "end" || topic === "run") look();
      if (topic !== "state" && topic !== "queue") return;
      if (key() !== before) draw();
      before = key();
    },
  };
}

// What the view depends on: it is drawn anew only when that is another, so that nobody is interrupted in a field.
const key = () => JSON.stringify([known.status?.bench, known.queue?.lock, runsNow().length > 0]);

function job(name, path, text) {
  const said = h("div");
  const recipe = h("select");
  const user = h("input", { autocomplete: "off", value: myName() });
  const begin = (event) => during(event.target, async () => {
    try {
      remember(user.value.trim());
      const body = { recipe: recipe.value || null, bench: null, sample: null, pixel: null, area: null, user: user.value.trim() || null };
      const key = wishKey(path, body);
      const answer = await post(path, body, key.header);
      key.done();
      location.hash = answer.run_id ? `#/live/${answer.run_id}/${answer.start_id}` : "#/live";
    } catch (error) {
      fill(said, problemsOf(error));
    }
  });
  const button = h("button.first", { type: "button", onclick: begin }, name);
  const element = h("section.card.half", { "aria-label": name }, h("h2", {}, name), h("p", {}, text), mayOperate() ? [field("Recipe", recipe), field("Your name", user), said, button] : h("p.quiet", {}, "An operator does that."));
  let offered = "";
  const state = (recipes, busy) => {
    button.disabled = busy;
    const options = recipes.map((one) => [one.name, one.title ? `${one.title} (${one.name})` : one.name]);
    if (offered === (offered = JSON.stringify(options))) return;
    const chosen = recipe.value;
    fill(recipe, options.map(([value, label]) => h("option", { value }, label)));
    if (options.some(([value]) => value === chosen)) recipe.value = chosen;
  };
  return { element, state };
}
