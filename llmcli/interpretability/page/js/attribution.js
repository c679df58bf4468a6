/* What tokens add to a number: the text tinted, a bar for each token, all methods as a table, the sums.

   attribution({tokens, page, state, toward, against})   tokens: a TokenAttribution; toward, against: what orange
   and blue mean; state: an object that keeps the chosen method. The words are those of the page's section. */

import { bars } from "./charts.js";
import { css, diverging, textOn } from "./colours.js";
import { choice, dataTable, tableBehind, tip } from "./controls.js";
import { h, number, signed } from "./dom.js";
import { visible } from "./main.js";

const METHODS = [["gradients", "integrated_gradients"], ["input", "gradient_x_input"], ["occlusion", "occlusion"]];
const MOST_BARS = 24;

export function legend(page, toward, against) {
  const steps = [-1, -0.5, 0, 0.5, 1].map((x) => css(diverging(x)));
  return h("p.scale", against, h("span.ramp", { "aria-hidden": "true", style: { background: `linear-gradient(to right, ${steps.join(", ")})` } }), toward);
}

export function attribution({ tokens, page, state, toward, against }) {
  const names = Object.fromEntries(page.sides.map((side) => [side.name, side.tokens]));
  const isPair = tokens.sides.length > 1;
  const body = h("div");
  const label = (side, at) => (isPair ? `${page.words(`side_${side.side}`)} ${names[side.side][at]}` : names[side.side][at]);
  const cells = tokens.sides.flatMap((side) => names[side.side].map((_, at) => ({ side, at, values: METHODS.map(([, field]) => side[field].at(at)) })))
    .filter((cell) => cell.values.some((value) => value !== 0));

  function tinted(side, method, most) {
    return h("p.text", isPair && h("strong", `${page.words(`side_${side.side}`)}: `), names[side.side].map((name, at) => {
      const value = side[METHODS[method][1]].at(at);
      const colour = diverging(value / most);
      const chip = h("span", { style: { background: css(colour), color: textOn(colour), padding: "2px 3px", borderRadius: "3px" } }, name);
      return [tip(chip, page.words("token_says", { token: name, value: signed(value) })), " "];
    }));
  }
  function draw() {
    const method = METHODS.findIndex(([key]) => key === state.method);
    const most = Math.max(...cells.map((cell) => Math.abs(cell.values[method])), 1e-9);
    const strongest = [...cells].sort((a, b) => Math.abs(b.values[method]) - Math.abs(a.values[method])).slice(0, MOST_BARS);
    const shown = cells.filter((cell) => strongest.includes(cell));
    const items = shown.map((cell) => ({ label: label(cell.side, cell.at), value: cell.values[method], text: signed(cell.values[method]) }));
    const left = cells.length > MOST_BARS && h("p.note", page.words("strongest_tokens", { shown: MOST_BARS, count: cells.length }));
    const baseline = visible(tokens.baseline);
    body.replaceChildren(h("p", page.words(`${state.method}_says`, { baseline })), ...tokens.sides.map((side) => tinted(side, method, most)), legend(page, toward, against), left || "", bars({ label: page.words(`${state.method}_name`), items, signed: true }));
  }
  state.method ??= "gradients";
  const control = choice({ label: page.words("method"), options: METHODS.map(([key]) => [key, page.words(`${key}_name`)]), value: state.method, onChange: (value) => { state.method = value; draw(); } });
  draw();
  const [gradients, input, occlusion] = tokens.sums.map((value) => signed(value));
  const sums = page.words("sums", { gradients, input, occlusion, difference: signed(tokens.difference) });
  const complete = page.words(tokens.holds ? "complete" : "incomplete", { sum: gradients, difference: signed(tokens.difference), nodes: tokens.nodes, error: number(tokens.error) });
  const head = [page.words("token"), ...METHODS.map(([key]) => page.words(`${key}_name`))];
  const table = tableBehind({ label: page.words("tokens_table"), build: () => dataTable({ caption: page.words("tokens_table"), head, rows: cells.map((cell) => [label(cell.side, cell.at), ...cell.values.map((value) => signed(value))]) }) });
  return [
    h("p", page.words("baseline", { baseline: visible(tokens.baseline), baseline_value: signed(tokens.baseline_value) })),
    h("div.controls", control), body, h("p", sums), h(tokens.holds ? "p" : "p.bad", complete), table, h("p.note", page.words("attention_warning"))];
}
