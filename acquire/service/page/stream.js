// One connection for all tabs: the tab that holds the lock listens and hands on what it hears.
import { address, get } from "./api.js";

const KINDS = ["state", "run", "rows", "reload", "spectrum", "note", "finding", "figures", "question", "queue", "end", "gone", "heartbeat"];
const STALE = 2500; // ms without an event; one comes each second
const AGAIN = 1000; // ms until a connection that was refused is tried once more

let cursor = "";
let last = 0;
let take = () => {};
let stop = null;

function heard(message) {
  last = Date.now();
  if (message.id) cursor = message.id;
  take(message.kind, message.data);
}

// Listen until `stop()`; resolves then, which hands the lock to another tab.
function listen(channel, over) {
  let source;
  let timer;
  const open = () => {
    source = new EventSource(address(cursor ? `events?cursor=${encodeURIComponent(cursor)}` : "events"));
    for (const kind of KINDS) {
      source.addEventListener(kind, (event) => {
        const message = { kind, data: JSON.parse(event.data), id: event.lastEventId };
        channel.postMessage(message);
        heard(message);
      });
    }
    source.onerror = () => {
      if (source.readyState !== EventSource.CLOSED) return; // it connects again by itself
      get("me").catch(() => {}); // who is logged out meanwhile is shown where to log in
      clearTimeout(timer);
      timer = setTimeout(open, AGAIN);
    };
  };
  open();
  over.addEventListener("abort", () => {
    clearTimeout(timer);
    source.close();
  });
  return new Promise((resolve) => over.addEventListener("abort", resolve));
}

// Begins to follow; `onEvent(kind, data)` for each event, `onStale(since or null)` when news stay away or come again.
export function follow(onEvent, onStale) {
  if (stop) return;
  const over = new AbortController();
  const channel = new BroadcastChannel("jvl-stream");
  take = onEvent;
  last = Date.now();
  channel.onmessage = (event) => heard(event.data);
  if (navigator.locks) navigator.locks.request("jvl-stream", { signal: over.signal }, () => listen(channel, over.signal)).catch(() => {});
  else listen(channel, over.signal); // without a secure origin each tab listens by itself
  let stale = null;
  const watch = setInterval(() => {
    const now = Date.now() - last > STALE ? last : null;
    if (now !== stale) onStale(now);
    stale = now;
  }, 250);
  stop = () => {
    clearInterval(watch);
    over.abort();
    channel.close();
    cursor = "";
    stop = null;
  };
}

export function unfollow() {
  stop?.();
}
