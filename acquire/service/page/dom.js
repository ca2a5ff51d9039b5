// Elements made in one line; text is always text, never markup.

// h("button.stop", {onclick, "aria-label": "..."}, "Stop", other)
export function h(tag, attributes = {}, ...children) {
  const [name, ...classes] = tag.split(".");
  const element = document.createElement(name || "div");
  if (classes.length) element.className = classes.join(" ");
  for (const [key, value] of Object.entries(attributes ?? {})) {
    if (value === undefined || value === null || value === false) continue;
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (key === "value" || key === "checked" || key === "disabled" || key === "hidden") element[key] = value;
    else element.setAttribute(key, value === true ? "" : value);
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

export function fill(element, ...children) {
  element.replaceChildren(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

// The text of an element, set only when it is another: a screen reader hears no repetitions.
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

let fields = 0;

// A field with its label; `control` is an input, a select or a textarea.
export function field(label, control, hint = "") {
  fields += 1;
  control.id ||= `field-${fields}`;
  const below = hint ? h("small", { id: `${control.id}-hint` }, hint) : null;
  if (below) control.setAttribute("aria-describedby", below.id);
  return h("div.field", {}, h("label", { for: control.id }, label), control, below);
}

// One redraw for all that comes before the next frame.
export function batched(draw) {
  let due = false;
  return () => {
    if (due) return;
    due = true;
    requestAnimationFrame(() => {
      due = false;
      draw();
    });
  };
}

// What may be wider than the page: scrolled by itself, also by the keyboard.
export function scrolled(label, ...content) {
  return h("div.scroll", { tabindex: 0, role: "region", "aria-label": label }, ...content);
}
