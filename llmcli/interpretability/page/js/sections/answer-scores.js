/* Where an answer begins and ends, and what the tokens add to these two scores. */

import { attribution } from "../attribution.js";
import { bars } from "../charts.js";
import { choice, dataTable, tableBehind } from "../controls.js";
import { h, number, percent } from "../dom.js";

const SHOWN = 8; // tokens with a bar

export function render(section, page) {
  const { state } = page;
  state.edge ??= "start";
  const body = h("div");
  const [first, end] = section.content;
  const places = Array.from({ length: end - first }, (_, at) => first + at);
  function draw() {
    const edge = section[state.edge];
    const named = page.words(state.edge);
    const best = [...places].sort((a, b) => edge.probabilities.at(b) - edge.probabilities.at(a)).slice(0, SHOWN);
    const items = best.map((at) => ({ label: page.tokens[at] + (at === edge.position ? " ◂" : ""), value: edge.probabilities.at(at), text: percent(edge.probabilities.at(at)) }));
    body.replaceChildren(
      h("p", page.words("scores", { edge: named })), bars({ label: page.words("scores", { edge: named }), items, max: 1 }),
      h("p", page.words("attributed", { token: `“${page.tokens[edge.position]}”`, edge: named })),
      ...attribution({ tokens: edge.tokens, page, state, toward: page.words("for_edge"), against: page.words("against_edge") }));
  }
  draw();
  const control = choice({ label: page.words("edge"), options: ["start", "end"].map((key) => [key, page.words(key)]), value: state.edge, onChange: (value) => { state.edge = value; draw(); } });
  const head = [page.words("place"), page.words("token"), page.words("start"), page.words("start_p"), page.words("end"), page.words("end_p")];
  const rows = places.map((at) => [String(at), page.tokens[at], number(section.start.logits.at(at)), percent(section.start.probabilities.at(at)), number(section.end.logits.at(at)), percent(section.end.probabilities.at(at))]);
  return [
    h("p.lead", page.words("lead")), h("p", h("strong", page.words("answer", { answer: section.answer, probability: percent(section.probability) }))),
    h("div.controls", control), body, tableBehind({ label: page.words("score"), build: () => dataTable({ caption: page.words("score"), head, rows }) })];
}
