// Questions, messages and errors over the page.
import { ApiError } from "./api.js";
import { h } from "./dom.js";

let beside = () => null;
// What stands in every dialog while it hides the page, except where it is asked which run to stop: the stop button.
export function besideAnswers(make) {
  beside = make;
}

// A dialog that a person answers; resolves with the value of the button, null when it was closed.
export function ask(title, content, buttons, { stops = false } = {}) {
  return new Promise((resolve) => {
    const box = h("dialog", { "aria-label": title }, h("h2", {}, title), content,
      h("div.row", {}, stops ? null : beside(), buttons.map(({ label, value, kind = "" }) => h(`button${kind && `.${kind}`}`, { type: "button", onclick: () => close(value) }, label))));
    const close = (value) => {
      box.close();
      box.remove();
      resolve(value);
    };
    box.addEventListener("cancel", (event) => {
      event.preventDefault();
      close(null);
    });
    document.body.append(box);
    box.showModal();
  });
}

export const confirm = (title, text, yes) => ask(title, h("p", {}, text), [{ label: "Cancel", value: null }, { label: yes, value: true, kind: "first" }]);

// One or more texts from a person: `fields` are [{ name, label, hint, value }]; null when cancelled.
export async function askFor(title, fields, yes, { text = "" } = {}) {
  const inputs = fields.map(({ name, value = "" }) => h("input", { name, value, autocomplete: "off" }));
  const form = h("div", {}, text ? h("p", {}, text) : null,
    fields.map(({ label, hint = "" }, index) => h("div.field", {}, h("label", {}, label, inputs[index]), hint ? h("small", {}, hint) : null)));
  const answer = ask(title, form, [{ label: "Cancel", value: null }, { label: yes, value: true, kind: "first" }]);
  inputs.forEach((input) => input.addEventListener("keydown", (event) => {
    if (event.key === "Enter") input.closest("dialog").querySelector("button.first").click();
  }));
  inputs[0]?.focus();
  return (await answer) ? Object.fromEntries(inputs.map((input) => [input.name, input.value.trim()])) : null;
}

const [SHORT, LONG] = [7000, 20000]; // ms

// Said in a corner for a while, or until it is closed.
export function toast(text, { bad = false, stays = false, link = null } = {}) {
  const place = document.getElementById("toasts");
  const one = h(`div.toast${bad ? ".bad" : ""}`, bad ? { role: "alert" } : {}, text, link ? [" ", link] : null,
    h("button.small", { type: "button", onclick: () => one.remove() }, "Close"));
  place.append(one);
  while (place.children.length > 4) place.firstChild.remove();
  if (!stays) setTimeout(() => one.remove(), bad ? LONG : SHORT);
  return one;
}

// An error of the service with all its problems, where it belongs.
export function problemsOf(error) {
  const problems = error.problems ?? [];
  return h("div.notice.bad", { role: "alert" }, h("strong", {}, error.message), error.hint ? h("p", {}, error.hint) : null,
    problems.length ? h("ul", {}, problems.map(problemText).map((text) => h("li", {}, text))) : null);
}

export function problemText({ where = "", line = null, message, hint = "" }) {
  return `${line ? `line ${line}: ` : ""}${where && !message.startsWith(where) ? `${where}: ` : ""}${message}${hint ? ` (${hint})` : ""}`;
}

// Carry out what a button is for: locked meanwhile, errors said.
export async function during(button, act) {
  if (button) button.disabled = true;
  try {
    return await act();
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    if (error.status !== 401) toast(`${error.message}${error.hint ? ` ${error.hint}` : ""}`, { bad: true });
    return undefined;
  } finally {
    if (button) button.disabled = false;
  }
}
