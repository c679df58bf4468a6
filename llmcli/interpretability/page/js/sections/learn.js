/* A step of the tour: what is explained, a question, and the answer behind it. Blocks are those of tour/blocks.py. */

import { bars } from "../charts.js";
import { css, textOn, tint } from "../colours.js";
import { dataTable, scrollBox } from "../controls.js";
import { h, number } from "../dom.js";

const MATH = "http://www.w3.org/1998/Math/MathML";
const TEXTS = { text: "p", quote: "blockquote", warning: "p.warning", item: "li" };

export function render(step, page) {
  const { state } = page;
  let tables = 0;
  const words = (text) => page.words(text.key, { ...step.values, ...text.values });
  const draw = {
    table: (block) => dataTable({ caption: page.words("table_of", { title: page.words(`${step.name}_title`), place: ++tables }), head: block.columns.map(words), rows: block.rows, numeric: 2 * block.left <= block.columns.length }),
    bars: (block) => [h("p", words(block.title)), bars({ label: words(block.title), items: block.rows.map(([label, value]) => ({ label, value, text: `${(100 * value).toFixed(1)}%` })), max: 1 })],
    matrix: (block) => matrix(block, words(block.title)),
    formula: (block) => formula(step.formulas[block.name]),
  };
  const block = (each) => (each.kind in TEXTS ? h(TEXTS[each.kind], words(each)) : draw[each.kind](each));
  const show = (blocks) => {
    const shown = [];
    for (const each of blocks) {
      const made = block(each);
      const last = shown[shown.length - 1];
      if (each.kind !== "item") shown.push(made);
      else if (last?.tagName === "UL") last.append(made);
      else shown.push(h("ul", made));
    }
    return shown;
  };
  const checks = step.checks.map((check) => h(check.holds ? "p.note" : "p.bad", page.words("check", { name: page.lookUp(...check.name.split(".")), error: number(check.error, 1), verdict: page.words(check.holds ? "holds" : "fails") })));
  const answer = h("details.guess", { open: state.open, ontoggle: () => { state.open = answer.open; } },
    h("summary", page.words("show_answer")), h("p", h("strong", words(step.question.answer))), show(step.after), checks,
    h("p", page.words("try")), h("pre", { tabindex: 0 }, h("code", step.commands.join("\n"))));
  return [h("p.note", page.words("step_of", { number: step.number, count: step.count })), show(step.before), h("p", h("strong", page.words("guess", { question: words(step.question.text) }))), answer].flat(Infinity);
}

function formula(mathml) {
  const parsed = new DOMParser().parseFromString(`<math xmlns="${MATH}" display="block"><mrow>${mathml}</mrow></math>`, "application/xml");
  const node = document.importNode(parsed.documentElement, true);
  node.setAttribute("tabindex", 0); // it scrolls where it is wider than the page
  return node;
}

/* Weights in percent, tinted; a dot where a mask hides the token. */
function matrix(block, title) {
  const cell = (weight) => {
    if (weight === null) return h("td", "·");
    const colour = tint(weight);
    return h("td", { style: { background: css(colour), color: textOn(colour) } }, String(Math.round(100 * weight)));
  };
  const head = h("tr", h("td"), block.columns.map((name) => h("th", { scope: "col" }, name)));
  const rows = block.weights.map((weights, at) => h("tr", h("th", { scope: "row" }, block.rows[at]), weights.map(cell)));
  return [h("p", title), scrollBox(title, h("table.numbers", h("thead", head), h("tbody", rows)))];
}
