/* Texts tinted by surprisal, or by the difference of two models; each piece says its value. */

import { css, diverging, textOn, tint } from "../colours.js";
import { dataTable, rove, tableBehind, tip, toggle } from "../controls.js";
import { h, number, signed } from "../dom.js";
import { visible } from "../main.js";

const FULL = 8; // nats at which the tint is full
const FULL_DIFFERENCE = 4;

export function render(section, page) {
  const { state } = page;
  state.bits ??= section.unit === "bits";
  const unit = () => (state.bits ? "bits" : "nats");
  const scaled = (nats) => (state.bits ? nats / Math.LN2 : nats);
  const amount = (nats) => (Number.isNaN(nats) ? page.words("none") : page.words(unit(), { value: number(scaled(nats)) }));
  const change = (nats) => (Number.isNaN(nats) ? page.words("none") : page.words(unit(), { value: signed(scaled(nats)) }));
  const texts = h("div");
  const beside = section.second !== null;

  function piece(text, at) {
    const [name, value] = [visible(text.pieces[at]), text.values.at(at)];
    let says = page.words(Number.isNaN(value) ? "piece_none" : "piece_says", { piece: name, amount: amount(value) });
    if (beside) says = page.words("span_says", { piece: name, first: amount(text.first.at(at)), second: amount(text.second.at(at)), difference: change(value) });
    const colour = beside ? diverging(value / FULL_DIFFERENCE) : tint(value / FULL);
    const isScored = !Number.isNaN(value);
    const button = h(isScored ? "button" : "button.unscored", { type: "button", "aria-label": says, style: isScored ? { background: css(colour), color: textOn(colour) } : {} }, name);
    return tip(button, says);
  }
  const titled = (key, row) => (section.texts.length > 1 ? `${page.words("text_title", { row })}: ${page.words(key)}` : page.words(key));
  const table = (row, key, head, rows) => tableBehind({ label: titled(key, row), build: () => dataTable({ caption: titled(key, row), head: head.map((word) => page.words(word)), rows: rows() }) });
  const spans = (list) => list.texts.map((text, at) => [text, String(list.counts.at(at)), amount(list.values.at(at))]);
  function tables(text) {
    const indices = text.pieces.map((_, at) => at);
    if (beside) return [table(text.row, "spans_table", ["span", "count", "first_model", "count", "second_model", "difference"], () => indices.map((at) => [visible(text.pieces[at]), String(text.first_counts.at(at)), amount(text.first.at(at)), String(text.second_counts.at(at)), amount(text.second.at(at)), change(text.values.at(at))]))];
    const tokens = () => text.tokens.map((name, at) => [visible(name), amount(text.nats.at(at))]);
    return [table(text.row, "tokens_table", ["token", "surprisal"], tokens), text.words.texts.length > 0 && table(text.row, "words_table", ["word", "count", "surprisal"], () => spans(text.words)), text.sentences.texts.length > 1 && table(text.row, "sentences_table", ["sentence", "count", "surprisal"], () => spans(text.sentences))];
  }
  function sums(text) {
    if (beside) return page.words("sum_beside", { first: amount(text.total), second: amount(text.second_total), difference: change(text.difference) });
    return page.words(section.kind === "masked" ? "sum_masked" : "sum", { total: amount(text.total), count: text.count, mean: amount(text.mean), perplexity: number(text.perplexity) });
  }
  function one(text) {
    const parts = [rove(h("p.text", { role: "group", "aria-label": page.words("text_title", { row: text.row }) }, text.pieces.map((_, at) => piece(text, at)))), h("p", sums(text))];
    if (text.all > text.pieces.length) parts.push(h("p.note", page.words("left_out", { shown: text.pieces.length, all: text.all })));
    if (section.texts.length > 1) parts.unshift(h("h3", page.words("text_title", { row: text.row })));
    return [...parts, ...tables(text)];
  }
  const draw = () => texts.replaceChildren(...section.texts.flatMap(one).filter(Boolean));
  const controls = h("div.controls", toggle({ label: page.words("in_bits"), value: state.bits, onChange: (value) => { state.bits = value; draw(); } }), legend(page, beside));
  draw();
  const lead = [h("p.lead", page.words(`lead_${section.kind}`))];
  if (beside) lead.push(h("p.lead", page.words("lead_beside")), h("dl.facts", h("div", h("dt", page.words("first_model")), h("dd", section.first)), h("div", h("dt", page.words("second_model")), h("dd", section.second))));
  return [...lead, controls, texts];
}

function legend(page, beside) {
  const steps = [0, 0.25, 0.5, 0.75, 1].map((x) => css(beside ? diverging(2 * x - 1) : tint(x)));
  const [from, to] = beside ? ["first_better", "second_better"] : ["expected", "surprising"];
  return h("span.scale", page.words(from), h("span.ramp", { "aria-hidden": "true", style: { background: `linear-gradient(to right, ${steps.join(", ")})` } }), page.words(to));
}
