/* One head by hand: from q, k and v of the chosen position to what the layer adds. */

import { dataTable, tableBehind } from "../controls.js";
import { formula, h, math, number } from "../dom.js";
import { visible } from "../main.js";

const SHOWN = 8; // numbers of a vector

const theFormula = () => formula(
  math("mi", "softmax"), math("mo", "("),
  math("mfrac", math("mrow", math("mi", "Q"), math("msup", math("mi", "K"), math("mi", "T"))), math("msqrt", math("mi", "d"))),
  math("mo", ")"), math("mi", "V"));

export function render(section, page) {
  const names = page.sides[section.keys_side].tokens;
  const queries = page.sides[section.queries_side];
  const body = h("div");

  function vector(numbers, count) {
    const shown = [...numbers.slice(0, SHOWN)].map((value) => value.toFixed(3)).join("  ");
    const more = count > SHOWN ? ` ${page.words("more", { count: count - SHOWN })}` : "";
    return h("p.vector", h("code", shown), more);
  }
  function steps(at) {
    const scaled = [...section.products.row(at)].map((product) => product * section.scaling);
    const capped = section.softcap === null ? scaled : scaled.map((score) => section.softcap * Math.tanh(score / section.softcap));
    const masked = capped.map((score, key) => score + section.mask.at(at, key));
    const most = Math.max(...masked, section.sink ?? -Infinity);
    const exps = masked.map((score) => Math.exp(score - most));
    const total = exps.reduce((sum, value) => sum + value, section.sink === null ? 0 : Math.exp(section.sink - most));
    return { scaled, capped, masked, most, exps, total };
  }
  function products(at, { scaled, capped, masked, exps }) {
    const hasCap = section.softcap !== null;
    const head = ["token", "product"].map((key) => page.words(key));
    head.push(page.words("scaled", { scaling: number(section.scaling) }), ...(hasCap ? [page.words("capped", { softcap: section.softcap })] : []), ...["bias", "exponential", "weight"].map((key) => page.words(key)));
    const rows = names.map((name, key) => [
      visible(name), section.products.at(at, key).toFixed(3), scaled[key].toFixed(3), ...(hasCap ? [capped[key].toFixed(3)] : []),
      masked[key] === -Infinity ? page.words("hidden") : masked[key].toFixed(3), exps[key].toFixed(4), section.weights.at(at, key).toFixed(4)]);
    return dataTable({ caption: page.words("table"), head, rows });
  }
  function vectors(at) {
    const size = section.width;
    const head = ["", "q", ...names.map((name) => `k ${visible(name)}`), ...names.map((name) => `v ${visible(name)}`)];
    const most = Math.max(size, section.output.shape[1]);
    const cell = (array, row, place) => (place < array.shape[1] ? array.at(row, place).toFixed(4) : "");
    const rows = Array.from({ length: most }, (_, place) => [String(place + 1), cell(section.query, at, place), ...names.map((_, key) => cell(section.key, key, place)), ...names.map((_, key) => cell(section.value, key, place))]);
    return dataTable({ caption: page.words("vector_table"), head, rows });
  }
  function show(position) {
    const token = visible(queries.tokens[position]);
    const at = position - section.first; // a long text has the queries around the explained position alone
    if (at < 0 || at >= section.weights.shape[0]) return body.replaceChildren(h("p.reason", page.words("not_here", { position, first: section.first, last: section.first + section.weights.shape[0] - 1 })));
    const found = steps(at);
    const values = { layer: section.layer, head: section.head, token, position };
    const isUsual = Math.abs(section.scaling * Math.sqrt(section.width) - 1) < 1e-6;
    return body.replaceChildren(...[
      h("h3", page.words(section.part === "cross" ? "cross_lead" : "lead", values)),
      h("p", page.words("query", { token, width: section.width })), vector(section.query.row(at), section.width),
      h("p", page.words(isUsual ? "scale_says" : "scale_other", { scaling: number(section.scaling), width: section.width })),
      products(at, found),
      h("p", page.words("exp_says", { most: found.most.toFixed(3), total: found.total.toFixed(4) })),
      section.sink !== null && h("p", page.words("sink_says", { sink: section.sink.toFixed(3), sum: section.weights.row(at).reduce((a, b) => a + b, 0).toFixed(4) })),
      h("p", page.words("output", { width: section.output.shape[1] })), vector(section.output.row(at), section.output.shape[1]),
      ...(section.written ? [h("p", page.words("joined", { heads: section.heads, joined: section.heads * section.output.shape[1] })), vector(section.written.row(at), section.states)] : [h("p", page.words("no_projection"))]),
      section.key && tableBehind({ label: page.words("vector_table"), build: () => vectors(at) })].filter(Boolean));
  }
  page.onPosition(show, queries.name);
  return [h("p.formula", theFormula()), body];
}
