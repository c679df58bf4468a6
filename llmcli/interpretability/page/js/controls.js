/* Controls and tables. Everything can be reached and worked by keyboard.

   slider({label, min, max, step, value, format, onInput})  -> element; onInput(number) while it moves; element.set(number)
   choice({label, options: [[value, text]], value, onChange}) -> a <select> with its label
   toggle({label, value, onChange})                          -> a checkbox with its label
   dataTable({caption, head: [text], rows: [[cell]], numeric: true})   a cell is text or an element
   tableBehind({label, build}) -> <details>; build() makes the table when it is first opened
   scrollBox(label, child)     -> scrolls sideways by itself, so that the page never does
   tip(element, text)          -> a tooltip on hover and focus; text may be a function; Escape hides it
   say(text)                   -> read out by a screen reader (the page's live region)
   rove(container, columns)    -> arrow keys move the focus among the container's buttons
   download(name, content, type)   hands a file to the user */

import { h } from "./dom.js";

let serial = 0;
export const freshId = (prefix) => `${prefix}-${++serial}`;

export function slider({ label, min, max, step, value, format = String, onInput }) {
  const id = freshId("slider");
  const output = h("output", { for: id }, format(value));
  const input = h("input", { id, type: "range", min, max, step, value, "aria-valuetext": format(value) });
  input.addEventListener("input", () => {
    const now = Number(input.value);
    element.set(now);
    onInput(now);
  });
  const element = h("div.slider", h("label", { for: id }, label), input, output);
  element.set = (now) => {
    input.value = now;
    output.textContent = format(now);
    input.setAttribute("aria-valuetext", format(now));
  };
  return element;
}

export function choice({ label, options, value, onChange }) {
  const id = freshId("choice");
  const select = h("select", { id, onchange: () => onChange(select.value) }, options.map(([key, text]) => h("option", { value: key, selected: String(key) === String(value) }, text)));
  return h("div.choice", h("label", { for: id }, label), select);
}

export function toggle({ label, value, onChange }) {
  const input = h("input", { type: "checkbox", checked: value, onchange: () => onChange(input.checked) });
  return h("label.toggle", input, " ", label);
}

export function scrollBox(label, child) {
  return h("div.scroll", { tabindex: 0, role: "region", "aria-label": label }, child);
}

export function dataTable({ caption, head, rows, numeric = true }) {
  const table = h(numeric ? "table.numbers" : "table", h("caption", caption), h("thead", h("tr", head.map((text) => (text ? h("th", { scope: "col" }, text) : h("td"))))),
    h("tbody", rows.map(([first, ...cells]) => h("tr", first === "" ? h("td") : h("th", { scope: "row" }, first), cells.map((cell) => h("td", cell))))));
  return scrollBox(caption, table);
}

export function tableBehind({ label, build }) {
  const details = h("details.behind", h("summary", label));
  details.addEventListener("toggle", () => {
    if (details.open && details.children.length === 1) details.append(build());
  });
  return details;
}

export const say = (text) => {
  document.getElementById("live").textContent = text;
};

export function showTip(text, x, y) {
  const box = document.getElementById("tip");
  box.textContent = text;
  box.hidden = !text;
  if (!text) return;
  const left = Math.min(x + 12, document.documentElement.clientWidth - box.offsetWidth - 4);
  const below = y + 16 + box.offsetHeight < window.innerHeight;
  box.style.left = `${Math.max(4, left)}px`;
  box.style.top = `${below ? y + 16 : Math.max(4, y - box.offsetHeight - 10)}px`;
}

export const hideTip = () => showTip("");

export function tip(element, text) {
  const now = () => (typeof text === "function" ? text() : text);
  element.addEventListener("pointermove", (event) => showTip(now(), event.clientX, event.clientY));
  element.addEventListener("pointerleave", hideTip);
  element.addEventListener("focus", () => {
    if (!element.matches(":focus-visible")) return;
    const box = element.getBoundingClientRect();
    showTip(now(), box.left, box.bottom - 12);
  });
  element.addEventListener("blur", hideTip);
  return element;
}

const STEPS = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: "up", ArrowDown: "down", Home: "home", End: "end" };

/* The place where an arrow key leads among `count` cells of `columns` columns; null for other keys. */
export function moved(key, at, count, columns) {
  const step = STEPS[key];
  if (step === undefined) return null;
  const next = step === "home" ? 0 : step === "end" ? count - 1 : at + (step === "up" ? -columns : step === "down" ? columns : step);
  return next < 0 || next >= count ? at : next;
}

export function rove(container, columns = 1e9) {
  const buttons = () => [...container.querySelectorAll("button")];
  buttons().forEach((button, at) => (button.tabIndex = button.getAttribute("aria-pressed") === "true" || at === 0 ? 0 : -1));
  container.addEventListener("keydown", (event) => {
    const all = buttons();
    const to = moved(event.key, all.indexOf(document.activeElement), all.length, columns);
    if (to === null) return;
    event.preventDefault();
    all.forEach((button, at) => (button.tabIndex = at === to ? 0 : -1));
    all[to].focus();
  });
  return container;
}

export function download(name, content, type = "application/json") {
  const link = h("a", { href: URL.createObjectURL(new Blob([content], { type })), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}
