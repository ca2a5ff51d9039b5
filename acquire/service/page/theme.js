// Light or dark: as the system says, unless a person chose.
const dark = matchMedia("(prefers-color-scheme: dark)");
let redraw = () => {};

const chosen = () => localStorage.getItem("theme") ?? (dark.matches ? "dark" : "light");

function set() {
  document.documentElement.dataset.theme = chosen();
  redraw();
}

export function applyTheme(onChange) {
  set();
  redraw = onChange;
  dark.addEventListener("change", set);
}

export function otherTheme() {
  localStorage.setItem("theme", chosen() === "dark" ? "light" : "dark");
  set();
}
