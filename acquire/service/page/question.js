// What a run, or a batch between two runs, asks of a person.
import { mayOperate, post } from "./api.js";
import { during } from "./dialogs.js";
import { h } from "./dom.js";
import { words } from "./format.js";
import { addressOf } from "./store.js";

const CHOICES = { yes: "Yes, it is done", no: "No, end the batch here" };

// A card with the answers as buttons; nothing where nothing is asked.
export function questionCard(run) {
  const { question } = run;
  if (!question) return null;
  const choices = question.choices?.length ? question.choices : Object.keys(CHOICES);
  const answer = (choice) => (event) => during(event.target, () => post(`runs/${addressOf(run)}/answer`, { question: question.id, answer: choice }));
  return h("section.card.question", { role: "alert", "aria-label": "A question" }, h("h2", {}, "Somebody is needed at the bench"), h("p", {}, question.text),
    mayOperate() ? h("div.row", {}, choices.map((choice) => h("button", { type: "button", onclick: answer(choice) }, CHOICES[choice] ?? words(choice)))) : h("p.quiet", {}, "An operator answers it."));
}
