// Sound and notification when a run is done, stopped, broken, or waits for somebody.
import { toast } from "./dialogs.js";
import { h } from "./dom.js";
import { runName } from "./format.js";
import { runNow } from "./store.js";

const told = new Set(); // each thing once, whatever the stream repeats
const shown = new Map(); // what still stands in the corner
let audio = null;

export const wanted = () => localStorage.getItem("notices") === "yes";

// Asked for by a button: a browser lets nobody make a sound or a notification without.
export async function want(on) {
  localStorage.setItem("notices", on ? "yes" : "no");
  if (!on) return;
  audio ??= new AudioContext();
  await audio.resume();
  if ("Notification" in window && Notification.permission === "default") await Notification.requestPermission();
  sound([660]);
}

// Short tones one after the other [Hz].
function sound(tones) {
  if (!wanted()) return;
  audio ??= new AudioContext();
  tones.forEach((tone, index) => {
    const [source, loudness] = [audio.createOscillator(), audio.createGain()];
    const begin = audio.currentTime + index * 0.22;
    source.frequency.value = tone;
    loudness.gain.setValueAtTime(0.15, begin);
    loudness.gain.exponentialRampToValueAtTime(0.001, begin + 0.2);
    source.connect(loudness).connect(audio.destination);
    source.start(begin);
    source.stop(begin + 0.2);
  });
}

function tell(key, text, { bad = false, tones = [660, 880], link = null } = {}) {
  if (told.has(key)) return;
  told.add(key);
  shown.set(key, toast(text, { bad, stays: bad, link }));
  sound(tones);
  // With a tag, six tabs make one notification.
  if (wanted() && "Notification" in window && Notification.permission === "granted") new Notification("J-V-L bench", { body: text, tag: key });
}

const ENDED = { completed: "is done", stopped: "was stopped", failed: "FAILED" };

export const notices = {
  take(topic, data) {
    if (topic === "run" || topic === "state") for (const run of data.runs ?? [data]) this.meet(run);
    if (topic === "end") {
      const name = this.names.get(data.run_id) ?? "A run";
      const bad = data.status === "failed";
      tell(`end ${data.run_id}`, `${name} ${ENDED[data.status] ?? data.status}${data.stop_reason ? `: ${data.stop_reason}` : ""}.`, {
        bad, tones: bad ? [440, 330, 220] : [660, 880], link: this.elsewhere.has(data.run_id) ? null : h("a", { href: `#/run/${data.run_id}`, class: "inherit" }, "See it") });
    }
    if (topic === "question" && data.question) tell(`question ${data.run_id} ${data.question.id}`, `${this.names.get(data.run_id) ?? "A run"} waits: ${data.question.text}`, { tones: [880, 660, 880] });
    if (topic === "queue") this.queue(data.items ?? []);
    if (topic === "gone") toast(`${runName(runNow(data.run_id) ?? {})}: ${data.message}`, { bad: true });
  },
  // What waited already when the page was opened stands in the queue, and what is seen to leaves the corner.
  queue(items) {
    const due = new Map(items.filter((item) => item.state === "needs_person").map((item) => [`person ${item.id} ${item.attempt}`, item]));
    if (!this.opened) [...due.keys()].forEach((key) => told.add(key));
    this.opened = true;
    for (const [key, item] of due) {
      shown.get(`end ${item.run_id}`)?.remove(); // one message for one end
      tell(key, `In the queue, ${runName(item)} waits for somebody: ${item.reason}`, { bad: true, tones: [440, 330], link: h("a", { href: "#/queue", class: "inherit" }, "To the queue") });
    }
    for (const [key, one] of shown) if (key.startsWith("person ") && !due.has(key)) one.remove();
  },
  meet(run) {
    this.names.set(run.run_id, runName(run));
    if (run.foreign) this.elsewhere.add(run.run_id); // its file is not in the history: there is no page of it
  },
  opened: false,
  names: new Map(),
  elsewhere: new Set(),
};
