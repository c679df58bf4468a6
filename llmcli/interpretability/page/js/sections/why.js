/* Why this word: the difference of two logits by parts of the model, and by the tokens that it read. */

import { attribution } from "../attribution.js";
import { bars } from "../charts.js";
import { h, number, percent, signed } from "../dom.js";
import { heatMap } from "../heat_map.js";
import { visible } from "../main.js";

const sum = (values) => values.reduce((total, value) => total + value, 0);

export function render(section, page) {
  const quoted = (name) => `“${visible(name)}”`;
  const target = quoted(section.target.name);
  const foil = quoted(section.foil.name);
  const read = quoted(page.tokens[section.position]);
  const question = page.words(section.masked ? "question_masked" : "question", { position: section.position, before: read, target, foil, target_p: percent(section.target.probability), foil_p: percent(section.foil.probability), difference: signed(section.difference) });
  return [
    h("p", question), h("p.note", page.words("fixed", { position: section.position })),
    h("h3", page.words("parts_title")), ...(section.parts ? parts(section.parts, page, target, foil) : [ h("p", page.words(`no_parts.${section.no_parts}`))]),
    h("h3", page.words("tokens_title")), h("p", page.words("tokens_lead")),
    ...attribution({ tokens: section.tokens, page, state: page.state, toward: page.words("toward", { target }), against: page.words("against", { foil }) })];
}

function parts(found, page, target, foil) {
  const kinds = [["attention", found.attention], ["cross", found.cross], ["mlp", found.mlp]].filter(([, values]) => values.data.length);
  const layers = [...kinds[0][1].data.keys()];
  const items = [["embedding", found.embedding], ...kinds.map(([key, values]) => [key, sum(values.data)]), ["bias", found.bias], ["sum", found.sum]]
    .map(([key, value]) => ({ label: page.words(key), value, text: signed(value) }));
  items.push({ label: page.words(found.level === "logits" ? "model_value" : "model_value_head"), value: found.total, text: signed(found.total) });
  const byLayer = heatMap({
    label: page.words("layers_map", { target, foil }), rows: kinds.map(([key]) => page.words(key)), columns: layers.map(String), scale: "diverging",
    value: (i, j) => kinds[i][1].at(j), cellText: (i, j) => signed(kinds[i][1].at(j), 2), cellWidth: 52, tableLabel: page.words("parts_table"), rowHead: page.words("layer"),
    text: (i, j) => `${page.words("layer_at", { layer: j })}, ${page.words(kinds[i][0])}: ${signed(kinds[i][1].at(j))}` });
  const byHead = [["heads_map", found.heads], ["cross_map", found.cross_heads]].filter(([, values]) => values.data.length).flatMap(([key, values]) => [
    h("p", page.words(key, { target, foil })),
    heatMap({
      label: page.words(key, { target, foil }), rows: layers.map((layer) => page.words("layer_at", { layer })), columns: Array.from({ length: values.shape[1] }, (_, head) => String(head)), scale: "diverging",
      value: (i, j) => values.at(i, j), cellText: (i, j) => (values.shape[1] <= 16 ? number(values.at(i, j), 2) : ""), cellWidth: values.shape[1] <= 16 ? 52 : 0, tableLabel: page.shared("table"), rowHead: page.words("layer"),
      text: (i, j) => page.words("strongest_item", { layer: i, head: j, value: signed(values.at(i, j)) }) })]);
  return [
    h("p", page.words(found.level === "logits" ? "parts_lead" : "parts_lead_head")),
    bars({ label: page.words("parts_title"), items, signed: true }),
    h("p", page.words("layers_map", { target, foil })), byLayer, ...byHead,
    h("p.note", page.words("parts_limits"))];
}
