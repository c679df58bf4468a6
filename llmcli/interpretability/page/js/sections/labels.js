/* Labels of a classifier or tagger: their probabilities, and what the tokens add to the chosen one. */

import { attribution } from "../attribution.js";
import { bars } from "../charts.js";
import { dataTable, tableBehind } from "../controls.js";
import { h, number, percent } from "../dom.js";

export function render(section, page) {
  const { state } = page;
  state.label ??= 0;
  const labels = h("div");
  const body = h("div");
  const isTagger = section.position !== null;
  const value = (each) => (each.probability === null ? each.logit : each.probability);
  function choose(at) {
    state.label = at;
    draw();
    labels.querySelectorAll("button")[at].focus(); // it was drawn anew
  }
  function draw() {
    const chosen = section.attributions[state.label];
    const items = section.attributions.map((each, at) => ({ label: each.label, value: value(each), text: each.probability === null ? number(each.logit) : percent(each.probability), onClick: () => choose(at), pressed: at === state.label }));
    labels.replaceChildren(bars({ label: page.words("labels"), items, max: section.attributions[0].probability === null ? undefined : 1 }));
    body.replaceChildren(h("h3", page.words("for_label", { label: chosen.label })), ...attribution({ tokens: chosen.tokens, page, state, toward: page.words("for_label", { label: chosen.label }), against: page.words("against_label", { label: chosen.label }) }));
  }
  draw();
  const tagger = isTagger && [h("p", page.words("lead_tagger", { token: `“${page.tokens[section.position]}”`, position: section.position })), h("p.note", page.words("fixed", { position: section.position })), tags(section, page)];
  return [h("p.lead", page.words(section.against ? "lead" : "lead_alone")), ...(tagger || []), labels, body];
}

function tags(section, page) {
  const rows = page.tokens.map((token, at) => [String(at), token, section.names[section.best.at(at)], percent(section.probabilities.at(at, section.best.at(at)))]);
  const head = [page.words("place"), page.words("token"), page.words("label"), page.words("probability")];
  return tableBehind({ label: page.words("tags"), build: () => dataTable({ caption: page.words("tags"), head, rows }) });
}
