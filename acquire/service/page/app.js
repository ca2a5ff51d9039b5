// The page: who is there, where they are, and what is always in sight.
import { login, logout, me, onLoggedOut, whoAmI, ApiError } from "./api.js";
import { h, fill } from "./dom.js";
import { problemsOf } from "./dialogs.js";
import { keyboard } from "./keyboard.js";
import { notices } from "./notices.js";
import { begin, end, listen } from "./store.js";
import { top } from "./top.js";
import { applyTheme } from "./theme.js";
import * as bench from "./views/bench.js";
import * as compare from "./views/compare.js";
import * as history from "./views/history.js";
import * as live from "./views/live.js";
import * as queue from "./views/queue.js";
import * as run from "./views/run.js";
import * as start from "./views/start.js";

// By the first part of the address behind #/
const VIEWS = { live, start, queue, history, run, compare, bench };
const place = document.getElementById("main");
let view = null;

function address() {
  const [path, query = ""] = location.hash.replace(/^#\/?/, "").split("?");
  const [name = "", ...rest] = path.split("/");
  return { name: name in VIEWS ? name : "live", rest: rest.map(decodeURIComponent), query: new URLSearchParams(query) };
}

function show() {
  view?.close?.();
  view = null;
  const { name, rest, query } = address();
  const made = VIEWS[name];
  document.title = `${made.title} · J-V-L bench`;
  document.documentElement.dataset.view = name;
  top.current(name);
  const inside = h("div.view"); // a place of its own: what an earlier view still draws late is not seen
  place.replaceChildren(inside);
  view = made.open(inside, rest, query);
  place.focus({ preventScroll: true });
  window.scrollTo(0, 0);
}

function showLogin() {
  end();
  view?.close?.();
  view = null;
  top.hide();
  document.title = "Log in · J-V-L bench";
  const token = h("input", { type: "password", id: "token", name: "token", autocomplete: "current-password", required: true });
  const said = h("div");
  const form = h("form.card.login", {
    onsubmit: async (event) => {
      event.preventDefault();
      const button = form.querySelector("button");
      button.disabled = true;
      try {
        await login(token.value.trim());
        await enter();
      } catch (error) {
        if (!(error instanceof ApiError)) throw error;
        fill(said, problemsOf(error));
      } finally {
        button.disabled = false;
      }
    },
  }, h("h1", {}, "J-V-L bench"),
  h("div.field", {}, h("label", { for: "token" }, "Token"), token,
    h("small", {}, "Two were shown where acquire serve was first started: one for operators, who may do things, and one for viewers, who look on. Not at hand? On the bench computer, ",
      h("code", {}, "acquire token operator"), " makes a new one (with --data, where the service was started with it); the one before it ends at once.")),
  said, h("button.first", { type: "submit" }, "Log in"));
  fill(place, form);
  token.focus();
}

async function enter() {
  await begin();
  top.show(whoAmI(), async () => {
    await logout();
    showLogin();
  });
  show();
}

listen((topic, data) => {
  view?.take?.(topic, data);
  top.take(topic, data);
  notices.take(topic, data);
});
onLoggedOut(showLogin);
applyTheme(() => view?.redraw?.());
keyboard(() => view);
window.addEventListener("hashchange", () => whoAmI().role && show());

try {
  await me();
  await enter();
} catch (error) {
  if (!(error instanceof ApiError)) throw error;
  if (error.status === 401) showLogin();
  else fill(place, problemsOf(error), h("button", { type: "button", onclick: () => location.reload() }, "Try again"));
}
