// The run that goes on: where it is, its curves, and what may be done with it.
import { ApiError, mayOperate, post } from "../api.js";
import { confirm, during, toast } from "../dialogs.js";
import { batched, field, fill, h, say } from "../dom.js";
import { customary, date, duration, MISSING, number, pretty, quantity, runName, runNameAndDate, unitText, words } from "../format.js";
import { findingsAndNotes } from "../remarks.js";
import { RunPictures } from "../run_pictures.js";
import { dataOf, forget, known, runNow, runsNow } from "../store.js";
import { phaseText } from "../top.js";
import { want, wanted } from "../notices.js";

export const title = "Live";
const UPKEEP = /^(health|calibrate)-/; // what a check or a calibration was started for

export function open(place, [chosen = "", startedFor = ""]) {
  let shown = null;

  const choose = () => {
    const runs = runsNow().filter((run) => run.run_id);
    return runs.find((run) => run.run_id === chosen) ?? runs[0] ?? null;
  };
  const follow = () => {
    const run = choose();
    if (shown && (!run || run.run_id === shown.id)) return shown.state(); // one that is over stays in sight until the next
    shown?.close();
    shown = run ? new LiveRun(place, run, run.run_id === chosen ? startedFor : "") : null;
    if (shown) delete place.dataset.nothing;
    if (!shown) nothing(place, chosen, startedFor);
    return undefined;
  };
  follow();
  return {
    take(topic, data) {
      if (topic === "state" || topic === "run" || topic === "question" || topic === "stale") follow();
      if (topic === "end" && shown?.id === data.run_id) shown.over(data);
      shown?.take(topic, data);
    },
    redraw: () => shown?.pictures.redraw(),
    logarithmic: () => shown?.pictures.logarithmic(),
    pause: () => shown?.pause(),
    close: () => {
      delete place.dataset.nothing;
      shown?.close();
    },
  };
}

// No curves to show: why, what is asked, and where one can go.
function nothing(place, chosen, startedFor) {
  const starting = runsNow();
  const last = known.lastOutput?.run;
  const asks = starting.some((run) => run.question);
  const key = JSON.stringify([asks, starting.length > 0, chosen, last?.run_id]);
  if (place.dataset.nothing === key) return; // nobody's button is taken away under the mouse
  place.dataset.nothing = key;
  const heading = asks ? "A batch waits for an answer" : starting.length ? "A run is about to begin" : chosen ? "This run is not going on, or has not begun yet" : "No run is going on";
  const text = starting.length ? "Its curves stand here as soon as its file is there." : "Curves stand here while a run goes on, whoever started it: this page, the queue, or acquire run on the bench computer.";
  fill(place, h("h1", {}, heading),
    h("div.card", {}, h("p", {}, text), h("div.row", {}, h("a.button", { href: "#/start" }, "Start a run"), h("a.button", { href: "#/queue" }, "Queue"), h("a.button", { href: "#/history" }, "History"),
      ofTheBench(startedFor), chosen ? h("a.button", { href: `#/run/${chosen}` }, "What was measured") : last?.run_id ? h("a.button", { href: `#/run/${last.run_id}` }, `The last run: ${runNameAndDate(last)}`) : null)));
}

// Where the result of a check or a calibration is; a quick one is over before its curves are looked for.
const ofTheBench = (startedFor) => (UPKEEP.test(startedFor) ? h("a.button", { href: "#/bench" }, "What it says of the bench") : null);

const READINGS = [["source_level", "Level"], ["voltage", "Voltage"], ["current_density", "Current density"], ["luminance", "Luminance"], ["current_efficiency", "Current efficiency"], ["external_quantum_efficiency", "EQE"]];

class LiveRun {
  constructor(place, run, startedFor) {
    this.id = run.run_id;
    this.startedFor = startedFor;
    this.data = dataOf(this.id);
    this.pictures = new RunPictures({ file: `${runName(run)}_${date(run.start_time)}`.replace(/[^\w.-]+/g, "_"), data: () => this.data, sourceUnit: () => this.run().source_unit ?? "V" });
    this.last = run;
    this.parts = { question: h("div"), others: h("div.row"), progress: h("progress.progress", { "aria-label": "Progress of the run" }), far: h("p"), instruments: h("p.quiet"), readings: {}, remarks: h("div"), name: h("h1"), manual: h("div"), foreign: h("p.notice.warn", { hidden: true }, "Another program of this computer started this run: its file lies in another folder, and the history here is not going to have it.") };
    const reading = ([name, label]) => {
      const [unit, value] = [h("span"), h("dd", {}, MISSING)];
      this.parts.readings[name] = { unit, value };
      return h("div", {}, h("dt", {}, label, " ", unit), value);
    };
    const readings = this.parts.point = h("dl.readings", {}, READINGS.map(reading));
    this.pauseButton = h("button", { type: "button", onclick: () => this.pause() }, "Pause");
    this.noticeButton = h("button.switch", { type: "button", "aria-pressed": String(wanted()), onclick: async () => {
      await want(!wanted());
      this.noticeButton.setAttribute("aria-pressed", String(wanted()));
    } }, "Tell me when it is over");
    fill(place, h("div.headline", {}, this.parts.name, h("div.row", {}, this.noticeButton, this.pauseButton)), this.parts.others, this.parts.foreign, this.parts.question, this.parts.manual,
      h("div.card", {}, this.parts.progress, h("div.row.spread", {}, this.parts.far, this.parts.instruments)),
      h("div", { class: "gap" }, readings), this.pictures.element,
      h("section.card", { "aria-label": "Findings and notes" }, h("h2", {}, "Findings and notes"), this.parts.remarks));
    this.draw = batched(() => this.#draw());
    this.due = new Set();
    this.state();
    this.#drawSoon(null);
    this.data.ready.catch((error) => toast(error.message, { bad: true }));
    if (known.ends.has(this.id)) this.over(known.ends.get(this.id)); // while the state still told of it as going on
  }

  run() {
    this.last = runNow(this.id) ?? this.last;
    this.startedFor ||= this.last.started_for; // of which a process that has ended says nothing any more
    return this.last;
  }

  take(topic, data) {
    if (data?.run_id !== this.id) return;
    if (topic === "rows") this.#drawSoon(data.table);
    else if (topic === "spectrum") this.#drawSoon("spectra");
    else if (topic === "note" || topic === "finding") this.#remarks();
    else if (topic === "loaded") this.#drawSoon(null);
  }

  #drawSoon(what) {
    this.due.add(what);
    this.draw();
  }

  #draw() {
    const due = this.due.has(null) ? [null] : [...this.due];
    this.due.clear();
    due.forEach((what) => this.pictures.draw(what));
    if (due.includes(null)) this.#remarks();
    this.#readings();
  }

  #readings() {
    const latest = this.data.latest() ?? {};
    for (const [name, place] of Object.entries(this.parts.readings)) {
      const of = name === "source_level" ? (this.run().source_unit === "A" ? "source_current" : "voltage") : name;
      const unit = unitText(quantity(of).unit);
      say(place.value, number(customary(latest[name], of)));
      say(place.unit, unit && `(${unit})`);
    }
  }

  #remarks() {
    fill(this.parts.remarks, findingsAndNotes(this.data));
  }

  // Where the run is, by the service's word.
  state() {
    const run = this.run();
    this.parts.foreign.hidden = !run.foreign;
    say(this.parts.name, runNameAndDate(run));
    if (this.ended) return this.#others();
    const done = run.points ?? 0;
    const planned = run.manual ? null : run.planned_points;
    this.parts.progress.hidden = Boolean(run.manual);
    if (planned) Object.assign(this.parts.progress, { max: planned, value: done });
    else this.parts.progress.removeAttribute("value");
    const left = Number.isFinite(run.seconds_left) && run.seconds_left !== null ? `, about ${duration(run.seconds_left)} left` : "";
    if (!runNow(this.id) && run.points) return say(this.parts.far, `Nothing is heard of this run any more; it came to point ${done}.`);
    say(this.parts.far, `${words(phaseText(run))} · point ${done}${planned ? ` of ${planned}` : ""}${left}`);
    this.parts.point.classList.toggle("old", run.output !== "on"); // the last point, not what is put out now
    say(this.parts.instruments, Object.entries(run.instruments ?? {}).map(([role, what]) => `${ROLES[role] ?? words(role)}: ${what}`).join(" · "));
    this.pauseButton.hidden = !mayOperate() || run.manual;
    this.pauseButton.disabled = !["measuring", "paused"].includes(run.phase);
    say(this.pauseButton, run.phase === "paused" ? "Go on" : "Pause");
    this.#manual(run);
    return this.#others();
  }

  #others() {
    this.pauseButton.hidden ||= this.ended;
    const others = runsNow().filter((one) => one.run_id && one.run_id !== this.id);
    if (others.length !== this.parts.others.childElementCount) fill(this.parts.others, others.map((one) => h("a.button", { href: `#/live/${one.run_id}` }, `Also going on: ${runName(one)}`)));
  }

  // The run has ended; its curves stay, with the way to its results.
  over({ status, stop_reason: reason }) {
    this.ended = true;
    const links = this.last.foreign ? null : h("div.row", {}, ofTheBench(this.startedFor), h("a.button", { href: `#/run/${this.id}` }, "Figures of merit, report, files"), h("a.button", { href: `#/start?again=${this.id}` }, "Measure again like this"));
    fill(this.parts.question, h(`div.notice${{ failed: ".bad", completed: ".good" }[status] ?? ""}`, { role: "status" }, h("strong", {}, `This run is over: ${status}.`), reason ? ` ${pretty(reason)}` : "",
      links));
    fill(this.parts.manual);
    this.parts.progress.hidden = true;
    say(this.parts.far, "The file is finished.");
    say(this.parts.instruments, "");
    this.state();
  }

  pause() {
    if (!mayOperate()) return;
    const act = this.run().phase === "paused" ? "resume" : "pause";
    during(this.pauseButton, async () => toast((await post(`runs/${this.id}/${act}`)).message || (act === "pause" ? "It pauses after this point." : "It goes on.")));
  }

  // Levels set by hand.
  #manual(run) {
    if (!run.manual || !mayOperate() || this.parts.manual.childElementCount) return;
    const level = h("input", { name: "level", autocomplete: "off", placeholder: run.source_unit === "A" ? "1 mA" : "3.2 V" });
    const said = h("p", { role: "status" }); // what came of it, where it was asked for
    const send = (what, body = {}) => async (event) => {
      const button = event.submitter ?? event.target;
      button.disabled = true;
      try {
        const { message } = await post(`runs/${this.id}/${what}`, body);
        fill(said, h("span.quiet", {}, message ? `Done: ${message}` : "Done"));
      } catch (error) {
        if (!(error instanceof ApiError)) throw error;
        fill(said, h("span.tag.bad", {}, "not done"), " ", pretty(error.message.replace(/^not done: /, "")));
      } finally {
        button.disabled = false;
      }
    };
    fill(this.parts.manual, h("form.card.gap", { "aria-label": "Levels by hand", onsubmit: (event) => {
      event.preventDefault();
      send("level", { level: level.value.trim() })(event);
    } }, h("div.row", {}, field("Level", level, "with its unit"), h("button.first", { type: "submit" }, "Set level"),
    h("button", { type: "button", onclick: send("spectrum") }, "Take a spectrum"), h("button", { type: "button", onclick: send("off") }, "Output off"),
    h("button", { type: "button", onclick: async (event) => (await confirm("End levels by hand?", "The output is switched off and the file finished.", "End")) && send("end")(event) }, "End")), said));
  }

  close() {
    this.pictures.close();
    forget(this.id);
  }
}

export const ROLES = { smu: "Source", photodiode_meter: "Photodiode meter", spectroradiometer: "Spectroradiometer", pixel_switch: "Pixel switch", surroundings: "Room" };
