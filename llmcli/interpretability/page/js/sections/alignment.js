/* Cross-attention between words: a heat map, and ribbons from source to target. */

import { ribbons } from "../charts.js";
import { choice } from "../controls.js";
import { h, number, percent } from "../dom.js";
import { heatMap } from "../heat_map.js";

const ALL = "all";

export function render(section, page) {
  const { state } = page;
  state.layer ??= ALL;
  state.head ??= ALL;
  const sources = section.sources.map((word) => word.text);
  const targets = section.targets.map((word) => word.text);
  const box = h("div");
  let focus = 0;
  function draw() {
    const weights = aligned(section, state.layer, state.head);
    const cell = (i, j) => page.words("cell", { target: targets[i], source: sources[j], weight: number(weights[i][j]) });
    const value = (i, j) => weights[i][j];
    const map = heatMap({ label: page.words("matrix"), rows: targets, columns: sources, value, max: 1, scale: "sequential", text: cell, rowHead: page.words("target"), tableLabel: page.shared("table"), onSelect: (i) => page.setPosition(section.targets[i].start) });
    const bands = h("div");
    const follow = (at) => {
      focus = section.targets.findIndex((word) => word.start <= at && at < word.stop);
      const right = focus < 0 ? {} : { focus: { right: focus } };
      bands.replaceChildren(ribbons({ label: page.words("ribbons"), left: sources, right: targets, weight: (i, j) => weights[j][i], ...right }));
      if (focus >= 0) map.select(focus, weights[focus].indexOf(Math.max(...weights[focus])));
    };
    box.replaceChildren(h("h3", page.words("matrix")), map, h("h3", page.words("ribbons")), bands);
    return follow;
  }
  let follow = draw();
  page.onPosition((at) => follow(at));
  const change = (name) => (value) => {
    state[name] = value === ALL ? ALL : Number(value);
    follow = draw();
    follow(page.position());
  };
  const numbered = (count, name) => [[ALL, page.words(`mean_${name}s`)], ...Array.from({ length: count }, (_, at) => [at, page.words(name, { number: at })])];
  const choices = section.weights && h("div.controls", choice({ label: page.words("layers"), options: numbered(section.layers, "layer"), value: state.layer, onChange: change("layer") }), choice({ label: page.words("heads"), options: numbered(section.heads, "head"), value: state.head, onChange: change("head") }));
  const left = section.left_out.data.reduce((sum, share) => sum + share, 0) / section.left_out.data.length;
  return [h("p", page.words("lead", { layers: section.layers, heads: section.heads, left_out: percent(left) })), h("p.note", page.words("words_says"), " ", page.words("caution")), choices, box].filter(Boolean);
}

/* Weights between words, as word_alignment.py computes them, of one layer or head, or of their mean. */
export function aligned(section, layer, head) {
  const places = section.targets.map((_, i) => i);
  if (layer === ALL && head === ALL) return places.map((i) => Array.from(section.mean.row(i)));
  const every = (chosen, count) => (chosen === ALL ? Array.from({ length: count }, (_, at) => at) : [chosen]);
  const chosen = every(layer, section.layers).flatMap((l) => every(head, section.heads).map((k) => [l, k]));
  const length = section.is_special.length;
  const token = (t, s) => (section.is_special[s] ? 0 : chosen.reduce((sum, [l, k]) => sum + section.weights.at(l, k, t, s), 0));
  return section.targets.map((target) => {
    const row = section.sources.map(() => 0);
    for (let t = target.start; t < target.stop; t += 1) {
      let total = 0;
      for (let s = 0; s < length; s += 1) total += token(t, s);
      section.sources.forEach((source, j) => {
        for (let s = source.start; s < source.stop; s += 1) row[j] += token(t, s) / (total || 1) / (target.stop - target.start);
      });
    }
    return row;
  });
}
