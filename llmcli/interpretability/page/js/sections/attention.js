/* All heads as thumbnails; the chosen one as a heat map and as arcs. */

import { arcs, bars } from "../charts.js";
import { choice, dataTable, tableBehind, toggle } from "../controls.js";
import { h, number } from "../dom.js";
import { heatMap, multiples } from "../heat_map.js";
import { visible } from "../main.js";

const DECADES = 4; // logarithmic colours reach from 1e-4 to 1

export function render(section, page) {
  const { state } = page;
  state.part ??= 0;
  const box = h("div");
  let follow = () => {};
  const draw = () => {
    const view = new PartView(section.parts[state.part], page, draw);
    box.replaceChildren(...view.elements());
    follow = () => view.follow();
  };
  draw();
  for (const side of page.sides) page.onPosition(() => follow(), side.name);
  const parts = section.parts.map((part, at) => [at, page.words(`part_${part.part}`)]);
  const chooser = parts.length > 1 && choice({ label: page.words("part"), options: parts, value: state.part, onChange: (value) => { Object.assign(state, { part: Number(value), chosen: undefined }); draw(); } });
  return [h("p.lead", page.words("caution")), chooser, box].filter(Boolean);
}

class PartView {
  constructor(part, page, draw) {
    Object.assign(this, { part, page, draw, state: page.state });
    this.rows = part.queries.map(visible);
    this.columns = part.keys.map(visible);
    this.state.chosen ??= part.clearest[0] * part.heads.length + part.clearest[1];
    this.detail = h("div");
    this.arcs = h("div");
  }
  /* Of thumbnail `at`: places of layer and head in the weights, their numbers, the layer's place in the scores. */
  of(at) {
    const { heads, layers, layer_numbers } = this.part;
    const [l, k] = [Math.floor(at / heads.length), at % heads.length];
    return { l, k, layer: layers[l], head: heads[k], row: layer_numbers.indexOf(layers[l]) };
  }
  weight(at, i, j) {
    const { l, k } = this.of(at);
    return this.part.weights[l].at(k, i, j);
  }
  unseen(i, j) {
    return this.part.direction === "causal" && j > i;
  }
  /* What is coloured: NaN where a query cannot see a key, or where the first token is hidden. */
  value(at, i, j) {
    if (this.unseen(i, j) || (this.state.hideFirst && j === 0)) return NaN;
    return this.state.norms && this.part.norms ? this.weighed(at, i, j) : this.weight(at, i, j);
  }
  weighed(at, i, j) {
    const { l, k } = this.of(at);
    return this.weight(at, i, j) * this.part.norms[l].at(k, j);
  }
  /* The place of each value between 0 and 1, relative to the greatest of the head. */
  scaled(at) {
    let most = 1e-30;
    for (let i = 0; i < this.rows.length; i += 1) for (let j = 0; j < this.columns.length; j += 1) most = Math.max(most, this.value(at, i, j) || 0);
    const log = (share) => (share > 0 ? Math.max(0, 1 + Math.log10(share) / DECADES) : 0);
    return (i, j) => (this.state.log ? log(this.value(at, i, j) / most) : this.value(at, i, j) / most);
  }
  kind(row, head) {
    return this.page.words(`kind_${this.part.kinds[row][head]}`);
  }
  mark(row, head) {
    const leaning = this.part.leanings[row][head];
    const letter = this.page.words(`mark_${leaning}`);
    return (this.part.kinds[row][head] === "mixed" ? letter.toLowerCase() : letter) + this.score(row, head).replace("%", "");
  }
  /* The score of the kind that a head is of, or leans to. */
  score(row, head) {
    const score = this.part.scores[this.part.leanings[row][head]].at(row, head);
    return score >= 0 ? `${Math.round(100 * score)}%` : "";
  }
  elements() {
    const { page, part } = this;
    const [layers, heads] = [part.kinds.length, part.kinds[0].length];
    const rows = page.words(`rows_${part.part === "decoder" ? "decoder" : part.direction}`, { start: this.rows[0] });
    const names = part.layers.join(", ");
    const held = { shown: part.layers.length, count: layers, names };
    this.drawHead();
    return [
      h("p", page.words("lead", { layers, heads }), " ", rows),
      part.is_chosen ? h("p.note", page.words("chosen", { layers: names, heads: part.heads.join(", ") })) : part.layers.length < layers && h("p.note", page.words("held", held)),
      part.has_sinks && h("p.note", page.words("sink")),
      this.controls(),
      this.grid(),
      h("p.note", page.words("grid"), " ", page.words("legend")),
      this.table(),
      this.detail,
    ].filter(Boolean);
  }
  controls() {
    const { page, part, state } = this;
    const flip = (name, key) => toggle({ label: page.words(key), value: Boolean(state[name]), onChange: (value) => { state[name] = value; this.draw(); document.getElementById(`attention-${key}`)?.querySelector("input").focus(); } });
    const named = (name, key) => h("span", { id: `attention-${key}` }, flip(name, key));
    return h("div.controls", named("hideFirst", "hide_first"), part.norms && named("norms", "norms"), named("log", "log"), state.norms && part.norms && h("p.note", page.words("norms_says")));
  }
  grid() {
    const { page, part } = this;
    const items = part.layers.flatMap((_, l) => part.heads.map((_, k) => {
      const at = l * part.heads.length + k;
      const { layer, head, row } = this.of(at);
      const label = page.words("thumbnail", { layer, head, kind: this.kind(row, head), score: this.score(row, head) });
      return { label, rows: this.rows.length, columns: this.columns.length, value: this.scaled(at), max: 1, mark: this.mark(row, head) };
    }));
    return multiples({ label: page.words("grid"), columns: part.heads.length, items, selected: this.state.chosen, onSelect: (at) => { this.state.chosen = at; this.drawHead(); } });
  }
  table() {
    const { page, part } = this;
    const kinds = Object.keys(part.scores);
    const head = [`${page.words("layer")}.${page.words("head")}`, page.words("kind"), ...kinds.map((kind) => page.words(`kind_${kind}`)), page.words("effect")];
    const line = (row, k) => [`${part.layer_numbers[row]}.${k}`, this.kind(row, k), ...kinds.map((name) => number(part.scores[name].at(row, k))), number(part.effects.at(row))];
    const rows = () => part.kinds.flatMap((heads, row) => heads.map((_, k) => line(row, k)));
    return tableBehind({ label: page.words("kinds_table"), build: () => h("div", dataTable({ caption: page.words("kinds_table"), head, rows: rows() }), h("p.note", page.words("effect_says"))) });
  }
  drawHead() {
    const { page, part } = this;
    const at = this.state.chosen;
    const { layer, head, row } = this.of(at);
    const items = Object.keys(part.scores).map((name) => ({ label: page.words(`kind_${name}`), value: part.scores[name].at(row, head), note: page.words(`about_${name}`) }));
    const label = page.words("matrix", { layer, head });
    this.map = heatMap({ label, rows: this.rows, columns: this.columns, value: this.scaled(at), max: 1, text: (i, j) => this.says(at, i, j), selected: [this.row(), 0], onSelect: (i) => page.setPosition(i, part.query_side) });
    const rows = () => this.rows.map((name, i) => [name, ...this.columns.map((_, j) => number(this.weight(at, i, j)))]);
    const table = tableBehind({ label: page.shared("table"), build: () => dataTable({ caption: label, head: [page.words("query"), ...this.columns], rows: rows() }) });
    const scores = h("details", h("summary", page.words("scores")), bars({ label: page.words("scores"), items, max: 1 }));
    this.detail.replaceChildren(h("h3", page.words("the_head", { layer, head, kind: this.kind(row, head) })), scores, this.map, table, this.arcs, h("p.note", page.words("rounded")));
    this.follow();
  }
  says(at, i, j) {
    const { page } = this;
    const [query, key] = [this.rows[i], this.columns[j]];
    if (this.unseen(i, j)) return page.words("unseen", { query, key });
    const weight = number(this.weight(at, i, j));
    return this.state.norms && this.part.norms ? page.words("cell_norm", { query, key, weight, value: number(this.weighed(at, i, j)) }) : page.words("cell", { query, key, weight });
  }
  /* The row of the chosen token. */
  row() {
    return Math.min(this.rows.length - 1, this.page.position(this.part.query_side) ?? 0);
  }
  follow() {
    const [row, at] = [this.row(), this.state.chosen];
    const scaled = this.scaled(at);
    const label = this.page.words("arcs", { token: this.rows[row] });
    const weight = (i, j) => scaled(i, j) || 0;
    const looked = () => bars({ label, items: this.columns.map((text, j) => ({ label: text, value: weight(row, j), text: number(this.weight(at, row, j)) })), max: 1 });
    const picture = this.part.direction === "cross" ? looked() : arcs({ label, tokens: this.rows, focus: row, weight });
    this.arcs.replaceChildren(h("h3", label), picture);
    const chosen = picture.querySelector(".chosen");
    if (chosen) picture.scrollLeft = Number(chosen.getAttribute("x")) - picture.clientWidth / 2;
    const weights = this.columns.map((_, j) => weight(row, j));
    this.map.select(row, weights.indexOf(Math.max(...weights)));
  }
}
