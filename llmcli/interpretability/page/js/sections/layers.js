/* The logit lens: what each layer would predict at each position; the candidates of the chosen cell. */

import { bars } from "../charts.js";
import { choice, dataTable, tableBehind } from "../controls.js";
import { h, number, percent } from "../dom.js";
import { heatMap } from "../heat_map.js";
import { visible } from "../main.js";

const COLOURS = [["probability", "sequential"], ["final", "sequential"], ["divergence", "sequential"], ["norm", "sequential"]];

export function render(section, page) {
  const { state } = page;
  const last = section.rows.data.length - 1;
  state.row ??= last;
  state.colour ??= "probability";
  const name = (id) => (section.of_tokens ? visible(section.names[id]) : section.names[id]);
  const layer = (row) => (section.rows.at(row) ? page.words("layer", { layer: section.rows.at(row) - 1 }) : page.words("embedding"));
  const layers = [...section.rows.data.keys()].map(layer);
  const detail = h("div", { "aria-live": "polite" });
  const map = h("div");
  let at = 0;
  let heat = null;

  const VALUE = { probability: (i, j) => section.probability.at(i, j, 0), final: (i, j) => section.final_probability.at(i, j), divergence: (i, j) => section.divergence.at(i, j), norm: (i, j) => section.norm.at(i, j) };
  const quoted = (text) => (section.of_tokens ? `“${text}”` : text);
  const best = (i, j) => name(section.top.at(i, j, 0));

  function candidates(row) {
    const count = section.top.shape[2];
    const items = Array.from({ length: count }, (_, place) => ({ label: name(section.top.at(row, at, place)), value: section.probability.at(row, at, place), text: percent(section.probability.at(row, at, place)) }));
    return [h("h3", page.words("candidates", { layer: layer(row) })), bars({ label: page.words("candidates", { layer: layer(row) }), items, max: 1 })];
  }
  function course() {
    const token = quoted(best(last, at));
    const items = layers.map((label, row) => ({ label, value: section.final_probability.at(row, at), text: percent(section.final_probability.at(row, at)), onClick: () => fromBar(row), pressed: row === state.row }));
    return [h("h3", page.words("course", { token })), h("p", decided(token)), bars({ label: page.words("course", { token }), items, max: 1 })];
  }
  function decided(token) {
    let first = 0;
    for (let row = 0; row < last; row += 1) if (section.top.at(row, at, 0) !== section.top.at(last, at, 0)) first = row + 1;
    return page.words(first < last ? "decided" : "decided_last", { token, layer: layer(first) });
  }
  function table() {
    const norm = section.whole ? [] : [page.words("norm")];
    const head = [page.words("after"), page.words("says"), page.words("probability"), page.words("final", { token: quoted(best(last, at)) }), page.words("divergence"), ...norm];
    const rows = layers.map((label, row) => [label, best(row, at), percent(section.probability.at(row, at, 0)), percent(section.final_probability.at(row, at)), number(section.divergence.at(row, at)), ...(section.whole ? [] : [number(section.norm.at(row, at))])]);
    return dataTable({ caption: page.words("table"), head, rows });
  }
  function show() {
    const place = section.whole ? page.words("whole") : page.words("at", { token: `“${page.tokens[at]}”`, position: at });
    const behind = tableBehind({ label: page.words("table"), build: table });
    detail.replaceChildren(h("p", h("strong", place)), ...candidates(state.row), ...course(), behind);
  }
  function choose(row, position) {
    state.row = row;
    if (!section.whole && position !== at) page.setPosition(position);
    else {
      if (heat) heat.select(row, at);
      show();
    }
  }
  function fromBar(row) {
    choose(row, at);
    detail.querySelector('button[aria-pressed="true"]').focus(); // it was drawn anew
  }
  function draw() {
    const scale = COLOURS.find(([key]) => key === state.colour)[1];
    const value = VALUE[state.colour];
    const says = (i, j) => page.words("cell", { layer: layers[i], token: page.tokens[j], best: best(i, j), probability: percent(section.probability.at(i, j, 0)), divergence: number(section.divergence.at(i, j)) });
    const max = state.colour === "probability" || state.colour === "final" ? 1 : undefined;
    heat = heatMap({ label: page.words("map"), rows: layers, columns: page.tokens, value, scale, max, text: says, cellText: best, cellWidth: 68, selected: [state.row, at], onSelect: choose, rowHead: page.words("after"), tableLabel: page.shared("table") });
    map.replaceChildren(heat);
  }
  page.onPosition((position) => {
    at = section.whole ? 0 : position;
    if (heat) heat.select(state.row, at);
    show();
  });
  if (section.whole) return [h("p.lead", page.words("lead_labels")), detail];
  draw();
  const control = choice({ label: page.words("colour"), options: COLOURS.map(([key]) => [key, page.words(`colour_${key}`)]), value: state.colour, onChange: (value) => { state.colour = value; draw(); } });
  return [h("p.lead", page.words(section.of_tokens ? "lead" : "lead_labels")), h("div.controls", control), map, detail, h("p.note", page.words("legend"))];
}
