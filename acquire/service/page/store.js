// What the page knows of the bench, and who wants to hear of changes.
import { get } from "./api.js";
import { RunData } from "./run_data.js";
import { follow, unfollow } from "./stream.js";

export const known = {
  status: null, // as GET status
  queue: null, // as GET queue
  staleSince: null, // ms, when the last event came, while none comes
  lastOutput: null, // { output, asked, run } of the run that ended last
  ends: new Map(), // run_id -> how it ended, of the newest that did: whoever looks later hears of it too
  data: new Map(), // run_id -> RunData of the runs that are looked at
};
const listeners = new Set();
const MOST_ENDS = 100;

// `listener(topic, data)`; topics are the kinds of events, and "stale". Returns what ends it.
export function listen(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

function tell(topic, data) {
  for (const listener of [...listeners]) listener(topic, data);
}

export const runsNow = () => known.status?.runs ?? [];
// How a run is spoken to: before it has a file, by what its process is called.
export const addressOf = (run) => run.run_id || run.address;
export const runNow = (id) => runsNow().find((run) => run.run_id === id) ?? null;

// The data of a run, loaded once.
export function dataOf(id) {
  if (!known.data.has(id)) {
    const data = new RunData(id, () => tell("loaded", { run_id: id }));
    known.data.set(id, data);
    data.ready = data.load().then(() => tell("loaded", { run_id: id }));
    data.ready.catch(() => {});
  }
  return known.data.get(id);
}

export function forget(id) {
  known.data.delete(id);
}

function takeState(status) {
  const before = runsNow();
  known.status = status;
  for (const run of before) {
    if (run.run_id && !status.runs.some((one) => one.run_id === run.run_id)) known.lastOutput = { output: run.output, asked: run.output_asked, run };
  }
}

function take(kind, data) {
  if (kind === "state") takeState(data);
  if (kind === "run" && known.status && !runNow(data.run_id)) known.status.runs.push(data);
  if (kind === "question" && runNow(data.run_id)) runNow(data.run_id).question = data.question;
  if (kind === "queue") known.queue = data;
  if (kind === "run") known.ends.delete(data.run_id); // a lifetime may be gone on with
  if (kind === "end") {
    known.ends.set(data.run_id, data);
    if (known.ends.size > MOST_ENDS) known.ends.delete(known.ends.keys().next().value);
  }
  const run = known.data.get(data?.run_id);
  if (run) {
    run.take(kind, data);
    if (kind === "end") run.load().then(() => tell("loaded", { run_id: data.run_id })).catch(() => {});
  }
  tell(kind, data);
}

export async function begin() {
  follow(take, (since) => {
    known.staleSince = since;
    tell("stale", since);
    if (since === null) [...known.data.values()].forEach((run) => run.load().then(() => tell("loaded", { run_id: run.id })).catch(() => {}));
  });
  const [status, queue] = await Promise.all([get("status"), get("queue").catch(() => null)]);
  takeState(status);
  known.queue ??= queue;
  tell("state", status);
}

export function end() {
  unfollow();
  known.status = null;
  known.ends.clear();
  known.data.clear();
}

export async function refreshQueue() {
  known.queue = await get("queue");
  tell("queue", known.queue);
}
