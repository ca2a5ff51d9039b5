// Who sits here: asked once, remembered by this browser.
import { askFor } from "./dialogs.js";

export const name = () => localStorage.getItem("user") ?? "";

export function remember(who) {
  if (who) localStorage.setItem("user", who);
}

// The name of whoever does something; asked for where it is not known, or where it must be said each time. Null: not told.
export async function named(what, { again = false } = {}) {
  if (name() && !again) return name();
  const said = await askFor(what, [{ name: "person", label: "Your name", value: name(), hint: "it stands beside what was done" }], "Go on");
  remember(said?.person);
  return said?.person || null;
}
