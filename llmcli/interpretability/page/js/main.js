/* The shell: header, token bar, sections in order, footer.

   start(modules) is called once by the page; modules: {"tokens": module, ...}. Each module of js/sections/ exports
   render(section, page), which gives back an element (or an array of them), or appends to page.element:

   section            what the section's numbers are in Python, by the same names; arrays are NdArray (arrays.js)
   page.words(key, {name: value})   a text of interpretability/words/NAME.json in the chosen language
   page.shared(key, values)         a text of words/page.json
   page.language      "en" or "zh"
   page.sides         [{name, tokens, ids}]: "text", or "source" and "target"; tokens are names as `tokenize` shows
                      them, with a visible space
   page.tokens        the tokens of the main side (the last one)
   page.position(side)              the chosen token's place; side: a name, without it the main side
   page.setPosition(at, side)       as a click on the token bar does
   page.onPosition(f, side)         f(at) is called now and whenever the position changes
   page.state         an object that the section may fill; it survives a change of language or colours
   page.element       the element that the section stands in

   All sections are drawn anew when language or colours change: keep what the user chose in page.state. */

import { decode } from "./arrays.js";
import { setScheme } from "./colours.js";
import { download, hideTip, rove, say } from "./controls.js";
import { h, number } from "./dom.js";

const MARKS = { " ": "·", "\n": "⏎", "\t": "⇥", "\r": "␍" };
export const visible = (name) => name.replace(/[ \n\t\r]/g, (character) => MARKS[character]);

const fill = (text, values = {}) => text.replace(/\{(\w+)\}/g, (whole, key) => (key in values ? values[key] : whole));

class Page {
  constructor(data, modules) {
    Object.assign(this, { data, modules, language: data.language, states: {}, listeners: [] });
    this.sides = data.sides.map((side) => ({ ...side, names: side.tokens, tokens: side.tokens.map(visible) }));
    this.main = this.sides[this.sides.length - 1] || { name: "text", tokens: [], ids: [] };
    this.places = Object.fromEntries(this.sides.map((side) => [side.name, side.position]));
  }
  lookUp(name, key, values) {
    const text = this.data.words[name]?.[this.language]?.[key];
    if (text === undefined) console.error(`no text ${key} in ${name}.json`);
    return fill(text ?? key, values);
  }
  shared(key, values) {
    return this.lookUp("page", key, values);
  }
  /* What a section sees: the page, with its own words and state. */
  of(entry, element) {
    const view = Object.create(this);
    view.words = (key, values) => this.lookUp(entry.words, key, values);
    view.state = this.states[entry.name] ??= {};
    view.element = element;
    return view;
  }
  get tokens() {
    return this.main.tokens;
  }
  position(side = this.main.name) {
    return this.places[side];
  }
  setPosition(at, side = this.main.name) {
    this.places[side] = at;
    for (const listener of this.listeners) if (listener.side === side) listener.call(at);
  }
  onPosition(call, side = this.main.name) {
    this.listeners.push({ side, call });
    call(this.places[side]);
  }
}

function facts(page) {
  const rows = page.data.facts.map(([key, value]) => h("div", h("dt", page.shared(key)), h("dd", String(value))));
  return h("dl.facts", rows);
}

function checks(page) {
  if (!page.data.checks.length) return null;
  const item = (check) => {
    const outcome = page.shared(check.holds ? "holds" : "fails");
    const [file, ...key] = check.name.split(".");
    const name = page.data.words[file]?.[page.language]?.[key.join(".")] ?? check.name;
    return h(check.holds ? "li" : "li.bad", check.holds ? "✓ " : "✗ ", page.shared("check", { name, error: number(check.error, 2), tolerance: number(check.tolerance, 2), outcome }));
  };
  const failed = page.data.checks.filter((check) => !check.holds).length;
  const summary = failed ? page.shared("checks_fail", { failed, count: page.data.checks.length }) : page.shared("checks_hold", { count: page.data.checks.length });
  return h("details", { open: failed > 0 }, h(failed ? "summary.bad" : "summary", summary), h("ul.checks", page.data.checks.map(item)));
}

function languages(page, draw) {
  const button = (code, name) => h("button", { type: "button", lang: code, "aria-pressed": String(page.language === code), onclick: () => { page.language = code; draw(); document.querySelector(`.languages [lang=${code}]`).focus(); } }, name);
  return h("div.languages", { role: "group", "aria-label": page.shared("language") }, button("en", "English"), button("zh", "中文"));
}

function chips(page, side) {
  const buttons = side.tokens.map((text, at) => h("button", { type: "button", "aria-label": page.shared("token_at", { at: at + 1, text }), "aria-pressed": String(at === side.position), onclick: () => page.setPosition(at, side.name) }, text));
  const row = h("div.chips", buttons);
  page.onPosition((at) => {
    buttons.forEach((button, place) => button.setAttribute("aria-pressed", String(place === at)));
    const chip = buttons[at];
    if (chip?.isConnected) row.scrollLeft = chip.offsetLeft - (row.clientWidth - chip.offsetWidth) / 2;
  }, side.name);
  return h("div.side", { role: "group", "aria-label": page.shared(`side_${side.name}`) }, page.sides.length > 1 && h("span", page.shared(`side_${side.name}`)), rove(row));
}

/* The place in the row of chips that the arrow keys leave. */
function tokenBar(page) {
  if (!page.sides.length) return null;
  return h("nav.tokens", { "aria-label": page.shared("token_bar") }, page.sides.map((side) => chips(page, side)));
}

function section(page, entry) {
  const element = h("section", { id: entry.name, "aria-labelledby": `${entry.name}-title` });
  const view = page.of(entry, element);
  element.append(h("h2", { id: `${entry.name}-title` }, page.lookUp(...entry.title)));
  const reason = entry.reason && (entry.reason[page.language] ?? entry.reason);
  if (reason) {
    element.append(h("p.reason", page.shared("undefined", { reason })));
    return element;
  }
  try {
    const made = page.modules[entry.module].render(entry.data, view);
    element.append(...[made ?? []].flat(Infinity).filter((child) => child || child === 0));
    for (const note of entry.data?.notes ?? []) element.append(h("p.note", note[page.language] ?? note));
  } catch (error) {
    console.error(error);
    element.append(h("p.bad", page.shared("broken", { error: error.message })));
  }
  return element;
}

function draw(page) {
  hideTip();
  page.listeners.length = 0;
  const data = page.data;
  document.documentElement.lang = page.language === "zh" ? "zh-CN" : "en";
  document.title = data.titles[page.language];
  const titles = data.sections.map((entry) => page.lookUp(...entry.title));
  const links = data.sections.map((entry, at) => h("a", { href: `#${entry.name}` }, titles[at]));
  const save = h("button", { type: "button", onclick: () => { download("page-data.json", document.getElementById("data").textContent); say(page.shared("saved")); } }, page.shared("download"));
  const header = h("header", languages(page, () => draw(page)), h("h1", document.title), data.intro && h("p.lead", page.lookUp(data.intro.words, data.intro.key)), facts(page), checks(page), links.length > 1 && h("nav.contents", { "aria-label": page.shared("contents") }, links));
  const main = h("main", data.sections.map((entry) => section(page, entry)));
  const footer = h("footer", h("p", page.shared("made_by", { version: data.version })), save);
  document.getElementById("page").replaceChildren(header, ...[tokenBar(page)].filter(Boolean), main, footer);
  for (const side of page.sides) page.setPosition(page.places[side.name], side.name);
}

export async function start(modules) {
  const data = JSON.parse(document.getElementById("data").textContent);
  for (const entry of data.sections) entry.data = await decode(entry.data);
  data.checks = await decode(data.checks);
  const page = new Page(data, modules);
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const colours = (name) => {
    document.documentElement.dataset.scheme = name;
    setScheme(name);
    draw(page);
  };
  const chosen = () => colours(dark.matches ? "dark" : "light");
  dark.addEventListener("change", chosen);
  window.addEventListener("beforeprint", () => dark.matches && colours("light"));
  window.addEventListener("afterprint", () => dark.matches && chosen());
  chosen();
  document.documentElement.dataset.ready = "true";
  if (location.hash) document.getElementById(decodeURIComponent(location.hash.slice(1)))?.scrollIntoView();
}
