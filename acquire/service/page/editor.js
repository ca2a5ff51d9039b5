// A recipe edited as YAML: completion by its schema, every problem marked at its line.
import { h } from "./dom.js";
import { autocompletion, basicSetup, EditorState, EditorView, HighlightStyle, indentWithTab, keymap, lintGutter, setDiagnostics, syntaxHighlighting, tags, yaml } from "./vendor/codemirror.js";
import { problemText } from "./dialogs.js";
import { suggestions } from "./yaml_completion.js";

const look = EditorView.theme({
  "&": { height: "100%", color: "var(--ink)", backgroundColor: "var(--card)", fontSize: "14px" },
  ".cm-scroller": { fontFamily: "ui-monospace, 'Liberation Mono', Menlo, Consolas, monospace" },
  ".cm-content": { caretColor: "var(--ink)" },
  "&.cm-focused .cm-cursor": { borderLeftColor: "var(--ink)" },
  ".cm-gutters": { backgroundColor: "var(--ground)", color: "var(--quiet)", border: "none" },
  ".cm-activeLine, .cm-activeLineGutter": { backgroundColor: "color-mix(in srgb, var(--accent) 8%, transparent)" },
  "&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground": { backgroundColor: "color-mix(in srgb, var(--accent) 30%, transparent)" },
  ".cm-tooltip": { backgroundColor: "var(--card)", color: "var(--ink)", border: "1px solid var(--edge)" },
  ".cm-tooltip-autocomplete > ul > li[aria-selected]": { backgroundColor: "var(--accent)", color: "var(--accent-ink)" },
  ".cm-completionInfo": { maxWidth: "24rem", padding: ".4rem .6rem" },
  ".cm-panels": { backgroundColor: "var(--ground)", color: "var(--ink)" },
  ".cm-diagnostic": { borderLeftColor: "var(--bad)" },
});
const ink = syntaxHighlighting(HighlightStyle.define([
  { tag: [tags.propertyName, tags.definition(tags.propertyName)], color: "var(--accent)", fontWeight: "600" },
  { tag: [tags.comment, tags.lineComment], color: "var(--quiet)", fontStyle: "italic" },
  { tag: [tags.string, tags.content], color: "var(--ink)" },
]));

// `onChange(text)` some time after typing; `schema` may come later.
export class Editor {
  constructor({ text, onChange, label }) {
    this.schema = null;
    this.element = h("div.editor");
    // Within a shadow root the editor's styles are constructed sheets, which a strict policy allows.
    const root = this.element.attachShadow({ mode: "open" });
    let due;
    this.view = new EditorView({
      root,
      parent: root,
      state: EditorState.create({ doc: text, extensions: [
        basicSetup, yaml(), look, ink, lintGutter(), EditorView.lineWrapping, EditorState.tabSize.of(2),
        EditorView.contentAttributes.of({ "aria-label": `${label}. Escape, then Tab leaves the editor.` }),
        autocompletion({ override: [(context) => this.#complete(context)] }),
        keymap.of([indentWithTab]),
        EditorView.updateListener.of((update) => {
          if (!update.docChanged) return;
          clearTimeout(due);
          due = setTimeout(() => onChange(this.text), 400);
        }),
      ] }),
    });
  }

  get text() {
    return this.view.state.doc.toString();
  }

  set text(text) {
    this.view.dispatch({ changes: { from: 0, to: this.view.state.doc.length, insert: text } });
  }

  #complete(context) {
    if (!this.schema) return null;
    const found = suggestions(this.schema, this.text, context.pos);
    if (!found || (!context.explicit && found.from === context.pos && !/[:-]\s$/.test(context.state.sliceDoc(context.pos - 2, context.pos)))) return null;
    return { ...found, validFor: /^[\w -]*$/ };
  }

  // Problems of the service, each with a line; those without one stand at the first.
  mark(problems) {
    const doc = this.view.state.doc;
    const found = problems.map((problem) => {
      const line = doc.line(Math.max(1, Math.min(doc.lines, problem.line ?? 1)));
      const from = line.from + (line.text.length - line.text.trimStart().length);
      return { from, to: Math.max(from, line.to), severity: "error", message: problemText({ ...problem, line: null }) };
    });
    this.view.dispatch(setDiagnostics(this.view.state, found.sort((a, b) => a.from - b.from)));
  }

  goTo(line) {
    const at = this.view.state.doc.line(Math.max(1, Math.min(this.view.state.doc.lines, line)));
    this.view.dispatch({ selection: { anchor: at.from }, scrollIntoView: true });
    this.view.focus();
  }

  close() {
    this.view.destroy();
  }
}
