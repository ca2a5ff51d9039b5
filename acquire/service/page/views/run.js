// One run of the history: its figures of merit, pictures, findings, report and files.
import { address, get, mayOperate, post } from "../api.js";
import { askFor, during, problemsOf, toast } from "../dialogs.js";
import { fill, h, scrolled } from "../dom.js";
import { date, pretty, runName, runNameAndDate, words } from "../format.js";
import { name as myName, remember } from "../person.js";
import { figuresTable, findingsAndNotes, stateTag } from "../remarks.js";
import { againButtons, itemOf, removal, small } from "../queue_deeds.js";
import { RunPictures } from "../run_pictures.js";
import { RunData } from "../run_data.js";
import { runNow } from "../store.js";

export const title = "Run";
const AGAIN = 3000; // ms until a file that is not finished is read once more

export function open(place, [id]) {
  let pictures = null;
  let closed = false;
  const data = new RunData(id);

  let asked = 0;
  let due;

  // The newest answer is drawn; a file that is still being finished is read once more soon.
  const load = async () => {
    const mine = (asked += 1);
    clearTimeout(due);
    if (!pictures) fill(place, h("p.empty", {}, "Reading the run file…"));
    try {
      const [run] = await Promise.all([get(`history/${id}`), data.load()]);
      if (closed || mine !== asked) return;
      const final = data.about.revision === "final";
      draw(final ? { ...run, state: data.about.status, status: data.about.status, stop_reason: data.about.stop_reason ?? run.stop_reason } : run);
      if (!final && !runNow(id)) due = setTimeout(load, AGAIN);
    } catch (error) {
      fill(place, problemsOf(error), h("a.button", { href: "#/history" }, "To the history"));
    }
  };

  // What the queue has to say of the run: drawn anew by itself.
  const inQueue = h("div");
  const drawInQueue = () => {
    const item = itemOf(id);
    if (!["needs_person", "done"].includes(item?.state)) return fill(inQueue);
    const waits = item.state === "needs_person";
    return fill(inQueue, h(`div.notice${waits ? ".warn" : ""}.row.spread`, {}, waits ? `In the queue it waits for somebody: ${pretty(item.reason)}` : "It was measured for the queue.",
      h("div.row", {}, againButtons(item), waits && mayOperate() ? small("Remove", runName(item), removal(item, runName(item))) : null)));
  };

  const draw = (run) => {
    drawInQueue();
    pictures?.close();
    const file = `${runName(run)}_${date(run.start_time)}`.replace(/[^\w.-]+/g, "_");
    pictures = new RunPictures({ file, data: () => data, sourceUnit: () => data.about?.source_unit ?? "V" });
    document.title = `${runNameAndDate(run)} · J-V-L bench`;
    const figures = h("div", {}, figuresTable(data.figures, false));
    const every = h("button.small.switch", { type: "button", "aria-pressed": "false", onclick: () => {
      const all = every.getAttribute("aria-pressed") !== "true";
      every.setAttribute("aria-pressed", String(all));
      fill(figures, figuresTable(data.figures, all));
    } }, "All figures");
    const download = (format, label) => h("a.button", { href: address(`history/${id}/download?format=${format}`), download: "" }, label);
    fill(place, h("div.headline", {}, h("h1", {}, runNameAndDate(run)), h("div.row", {}, stateTag(run.state ?? run.status), (run.tags ?? []).map((tag) => h("span.tag", {}, tag)))),
      run.stop_reason ? h(`div.notice${run.status === "failed" ? ".bad" : ""}`, {}, pretty(run.stop_reason)) : null,
      inQueue,
      h("div.row.gap", {}, h("a.button", { href: address(`history/${id}/report`), target: "_blank", rel: "noopener" }, "Report"), download("h5", "HDF5"), download("xlsx", "XLSX"), download("csv", "CSV (zip)"),
        h("a.button", { href: `#/start?again=${id}` }, "Measure again like this"), h("a.button", { href: `#/history?pick=${id}` }, "Compare with…"),
        mayOperate() ? h("button", { type: "button", onclick: (event) => remark(event.target, run) }, "Tag or comment") : null),
      pictures.element,
      h("div.grid.gap", {}, h("section.card.wide", { "aria-label": "Figures of merit" }, h("div.row.spread", {}, h("h2", {}, "Figures of merit"), every), figures),
        h("section.card.narrow", { "aria-label": "Findings and notes" }, h("h2", {}, "Findings and notes"), findingsAndNotes(data), (run.comments ?? []).map((text) => h("div.notice", {}, text))),
        run.facts?.length ? h("section.card", { "aria-label": "How it was measured" }, h("h2", {}, "How it was measured"),
          scrolled("How it was measured, table", h("table", {}, h("tbody", {}, run.facts.filter(([label]) => label !== "run").map(([label, value]) => h("tr", {}, h("th", { scope: "row" }, words(label)), h("td", {}, pretty(value)))))))) : null));
    pictures.draw();
  };

  const remark = async (button, run) => {
    const said = await askFor(`Tag or comment: ${runName(run)}`, [{ name: "tags", label: "Tags", hint: "one or more, with commas" }, { name: "comment", label: "Comment" },
      { name: "user", label: "Your name", value: myName(), hint: "it stands beside what is said" }], "Add");
    if (!said || (!said.tags && !said.comment)) return;
    remember(said.user);
    await during(button, async () => {
      await post(`history/${id}/tag`, { tags: said.tags.split(",").map((tag) => tag.trim()).filter(Boolean), comment: said.comment || null, user: said.user || null });
      toast("It stands in the run file.");
      await load();
    });
  };

  load();
  return {
    redraw: () => pictures?.redraw(),
    logarithmic: () => pictures?.logarithmic(),
    take: (topic, event) => {
      if (topic === "end" && event.run_id === id) load();
      if (topic === "queue") drawInQueue();
    },
    close: () => {
      closed = true;
      clearTimeout(due);
      pictures?.close();
    },
  };
}
