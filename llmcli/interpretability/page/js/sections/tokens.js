/* Tokens tinted by surprisal; the likeliest tokens in the place of the chosen one. */

import { css, textOn, tint } from "../colours.js";
import { bars } from "../charts.js";
import { choice, dataTable, tableBehind, tip, toggle } from "../controls.js";
import { h, number, percent } from "../dom.js";
import { visible } from "../main.js";

const FULL = 8; // nats at which the tint is full

export function render(section, page) {
  const { state } = page;
  const names = section.tokens.map(visible);
  state.view ??= 0;
  const text = h("p.text");
  const detail = h("div", { "aria-live": "polite" });
  const table = h("div");
  let unit = state.bits ? "bits" : "nats";
  const view = () => section.predictions[state.view];
  const amount = (nats) => page.words(unit, { value: number(state.bits ? nats / Math.LN2 : nats) });

  function chip(at) {
    const nats = view().surprisal.at(at);
    const isScored = !Number.isNaN(nats);
    const colour = tint(nats / FULL);
    const style = isScored ? { background: css(colour), color: textOn(colour) } : {};
    const says = isScored ? page.words("token_says", { token: names[at], amount: amount(nats), rank: view().ranks.at(at) }) : page.words("unscored", { token: names[at] });
    const button = h(isScored ? "button" : "button.unscored", { type: "button", "aria-label": says, style, onclick: () => choose(at) }, names[at]);
    return tip(button, says);
  }
  function choose(at) {
    state.ending = at >= page.tokens.length;
    if (state.ending) show(at);
    else page.setPosition(at);
  }
  function show(at) {
    [...text.children].forEach((button, place) => button.setAttribute("aria-pressed", String(place === at)));
    const nats = view().surprisal.at(at);
    const likely = view().likely_names[at];
    if (!likely.length) return detail.replaceChildren(h("h3", page.words("chosen", { token: names[at] })), h("p", page.words("first_says")));
    const isGap = Number.isNaN(nats);
    const values = { token: names[at], before: at > 0 ? names[at - 1] : "", entropy: amount(view().entropy.at(at)), probability: percent(Math.exp(-nats)), amount: amount(nats), rank: view().ranks.at(at) };
    const items = likely.map((name, place) => {
      const p = view().likely_probabilities.at(at, place);
      const isOwn = !isGap && view().likely_ids.at(at, place) === section.ids.data[at];
      return { label: visible(name) + (isOwn ? " ◂" : ""), value: p, text: percent(p) };
    });
    return detail.replaceChildren(h("h3", page.words(isGap ? "expected_gap" : `expected_${view().name}`, values)), h("p", page.words(isGap ? "gap_says" : "chosen_says", values)), bars({ label: page.words("likely"), items, max: 1 }));
  }
  function draw() {
    unit = state.bits ? "bits" : "nats";
    text.replaceChildren(...names.map((_, at) => chip(at)));
    const sum = (word) => section.predictions[state.view].surprisal.data.subarray(word.first, word.end).reduce((total, nats) => (Number.isNaN(nats) ? total : (total || 0) + nats), NaN);
    const words = section.words.map((word) => [visible(word.text), page.words("places", { first: word.first + 1, end: word.end }), amount(sum(word))]);
    const rows = names.map((name, at) => [`${at + 1}`, name, String(section.ids.data[at]), amount(view().surprisal.at(at)), String(view().ranks.at(at) || "–"), amount(view().entropy.at(at))]);
    const wordTable = tableBehind({ label: page.words("words_table"), build: () => dataTable({ caption: page.words("words_table"), head: [page.words("word"), page.words("tokens"), page.words("surprisal")], rows: words }) });
    const tokenTable = tableBehind({ label: page.words("tokens_table"), build: () => dataTable({ caption: page.words("tokens_table"), head: ["", page.words("token"), "id", page.words("surprisal"), page.words("rank"), page.words("entropy")], rows }) });
    table.replaceChildren(h("p", page.words(`sum_${view().name}`, { total: amount(view().total), count: view().count, mean: amount(view().total / view().count), perplexity: number(Math.exp(view().total / view().count)) })), wordTable, tokenTable);
    show(state.ending ? page.tokens.length : page.position());
  }
  const controls = h("div.controls", toggle({ label: page.words("in_bits"), value: state.bits, onChange: (value) => { state.bits = value; draw(); } }), legend(page));
  if (section.predictions.length > 1) controls.prepend(choice({ label: page.words("view"), options: section.predictions.map((each, at) => [at, page.words(`view_${each.name}`)]), value: state.view, onChange: (value) => { state.view = Number(value); draw(); } }));
  draw();
  page.onPosition((at) => { state.ending = false; show(at); });
  return [h("p.lead", page.words("lead")), controls, text, detail, table];
}

function legend(page) {
  const steps = [0, 0.25, 0.5, 0.75, 1].map((x) => css(tint(x)));
  return h("span.scale", page.words("expected"), h("span.ramp", { "aria-hidden": "true", style: { background: `linear-gradient(to right, ${steps.join(", ")})` } }), page.words("surprising"));
}
