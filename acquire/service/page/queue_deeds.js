// What people do with an item of the queue, from wherever it is seen; who lets one run gives a name each time.
import { mayOperate, post } from "./api.js";
import { askFor, confirm, during, toast } from "./dialogs.js";
import { h } from "./dom.js";
import { pretty, runName } from "./format.js";
import { wishKey } from "./idempotency.js";
import { name as myName, named, remember } from "./person.js";
import { known, refreshQueue } from "./store.js";

// The item that a run belongs to; null where it is none of the queue, or long ago.
export const itemOf = (runId) => (runId && known.queue?.items?.find((item) => item.run_id === runId)) || null;

// Ask the service for a deed; resolves with what it says of the item, undefined where it was refused.
export async function carryOut(button, item, what, body) {
  return during(button, async () => {
    const key = wishKey(`queue/${item.id}/${what}`, body);
    const answer = await post(`queue/${item.id}/${what}`, body, key.header);
    key.done();
    await refreshQueue();
    return answer;
  });
}

export const act = (item, what, body = {}, question = "Who does that?") => async (event) => {
  const button = event.target;
  const person = await named(question);
  if (person) await carryOut(button, item, what, { ...body, person });
};

// A deed after which something runs: asked for a name, with what is to be known before.
export const actKnowing = (item, what, question, text, yes) => async (event) => {
  const button = event.target;
  const said = await askFor(question, [{ name: "person", label: "Your name", value: myName(), hint: "it stands beside what was done" }], yes, { text });
  if (!said?.person) return;
  remember(said.person);
  if (!(await carryOut(button, item, what, { person: said.person }))) return;
  const { lock } = known.queue ?? {};
  toast(lock ? `It waits: the bench is locked by ${lock.name}. Unlock it (in Queue) once somebody has looked at the bench.` : "It waits for its turn.", { bad: Boolean(lock) });
};

export const removal = (item, name) => async (event) => {
  if (await confirm(`Remove ${name}?`, "It is taken out of the queue; nothing that was measured is lost.", "Remove")) await act(item, "remove")(event);
};

export const small = (text, name, onclick, more = {}) => h("button.small", { type: "button", onclick, "aria-label": `${text}: ${name}`, ...more }, text);

// What leads on from an item that is over, or waits for somebody after it ended; nothing for viewers.
export function againButtons(item, name = runName(item)) {
  if (!mayOperate()) return [];
  const why = item.reason ? `Why it waits: ${pretty(item.reason)}. ` : "";
  if (item.state === "needs_person") return [small("Run again", name, actKnowing(item, "release", `Run ${name} again?`, `${why}It takes its place in the queue again, with the recipe as it is now.`, "Run again"))];
  if (item.state === "held") return [small("Release", name, actKnowing(item, "release", `Release ${name}?`, "It waits for its turn then.", "Release"))];
  if (item.state === "done") return [small("Run again", name, actKnowing(item, "repeat", `Run ${name} again?`, "The same once more, at the end of the queue, with the recipe as it is now.", "Run again"))];
  return [];
}
