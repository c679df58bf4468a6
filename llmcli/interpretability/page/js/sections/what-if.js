/* Effects of heads and layers, a swapped word, patched activations. */

import { bars } from "../charts.js";
import { dataTable, scrollBox, tableBehind } from "../controls.js";
import { h, number, percent, signed, svg } from "../dom.js";
import { heatMap } from "../heat_map.js";
import { visible } from "../main.js";

const MOST_HEADS = 8; // in the table
const change = (value) => (Math.abs(value) < 0.005 ? "0.00" : (value > 0 ? "+" : "−") + Math.abs(value).toFixed(2));

/* All heads as {part, layer, head, change, divergence, best, attended, weight}, the largest effects first. */
function headsOf(parts) {
  const rows = parts.flatMap((part) => part.layers.flatMap((layer, i) => part.numbers.map((head, j) => ({
    part: part.part, layer, head, change: part.change.at(i, j), divergence: part.divergence.at(i, j), best: part.best.at(i, j),
    attended: part.attended.at(i, j), weight: part.weight.at(i, j) }))));
  return rows.sort((a, b) => Math.abs(b.change) - Math.abs(a.change));
}

/* Each head as a dot: weight across, size of the effect up. */
function scatter(label, heads, texts) {
  const [width, height, left, low] = [440, 240, 46, 30];
  const most = Math.max(...heads.map((head) => Math.abs(head.change)), 1e-9);
  const x = (weight) => left + weight * (width - left - 12);
  const y = (size) => height - low - (size / most) * (height - low - 16);
  const dots = heads.map((head) => svg("circle", { cx: x(head.weight), cy: y(Math.abs(head.change)), r: 4, fill: "currentColor" }, svg("title", {}, texts.name(head))));
  const ticks = [0, 0.5, 1].flatMap((share) => [
    svg("text", { x: x(share), y: height - 12, "text-anchor": "middle" }, String(share)),
    svg("text", { x: left - 6, y: y(share * most) + 4, "text-anchor": "end" }, (share * most).toFixed(2))]);
  const axes = svg("path", { d: `M${left} 10V${height - low}H${width - 6}`, fill: "none", stroke: "currentColor" });
  return h("figure", scrollBox(label, svg("svg", { viewBox: `0 0 ${width} ${height}`, width, height, role: "img", "aria-label": label }, axes, ticks, dots)), h("figcaption", label));
}

const titled = (label, map) => [h("h3", label), heatMap({ label, scale: "diverging", ...map })];

export function render(section, page) {
  const say = page.words;
  const kind = section.is_number ? "_number" : "";
  const tokensOf = (part) => (part === "decoder" ? page.sides[page.sides.length - 1] : page.sides[0]).tokens;
  const texts = {
    name: (head) => say(head.part === "self" ? "head_name" : `head_name_${head.part}`, head),
    token: (head) => tokensOf(head.part)[head.attended],
    best: (head) => visible(section.names[head.best]),
  };
  const heads = headsOf(section.heads);
  const layerNames = (layers) => layers.map((layer) => say("layer_n", { layer }));

  const sentence = (head) => say(`head_says${kind}`, { name: texts.name(head), change: change(head.change), says: texts.best(head), divergence: number(head.divergence, 2), token: texts.token(head), weight: head.weight.toFixed(2) });

  function layerMap(stack) {
    const columns = stack.kinds.map((name) => say(`kind_${name}`));
    return titled(say(`layers_${stack.stack}`), {  rows: layerNames(stack.layers), columns, value: (i, j) => stack.change.at(i, j), rowHead: say("layer"), tableLabel: say("as_table"), cellText: (i, j) => change(stack.change.at(i, j)), cellWidth: 76,
      text: (i, j) => say(`layer_says${kind}`, { kind: columns[j], layer: stack.layers[i], change: change(stack.change.at(i, j)), divergence: number(stack.divergence.at(i, j), 2) }) });
  }
  function headMap(part) {
    const columns = part.numbers.map((head) => say("head_n", { head }));
    const at = (i, j) => heads.find((head) => head.part === part.part && head.layer === part.layers[i] && head.head === part.numbers[j]);
    const line = h("p", { "aria-live": "polite" }, sentence(heads.find((head) => head.part === part.part)));
    const first = heads.find((head) => head.part === part.part);
    const map = titled(say(`heads_${part.part}`), { rows: layerNames(part.layers), columns, value: (i, j) => part.change.at(i, j), rowHead: say("layer"), tableLabel: say("as_table"), cellText: (i, j) => change(part.change.at(i, j)), cellWidth: 50,
      selected: [part.layers.indexOf(first.layer), part.numbers.indexOf(first.head)], text: (i, j) => sentence(at(i, j)), onSelect: (i, j) => line.replaceChildren(sentence(at(i, j))) });
    return [...map, line];
  }
  const headRow = (head) => [texts.name(head), change(head.change), number(head.divergence, 2), texts.best(head), texts.token(head), head.weight.toFixed(2)];
  const headTable = (caption, rows) => dataTable({ caption, head: ["head", "change", "divergence", "says", "looks", "weight"].map((key) => say(key)), rows: rows.map(headRow) });

  function ablation() {
    if (!heads.length) return [...section.layers.flatMap(layerMap), h("p.reason", say(section.without_heads))];
    const idle = section.idle;
    return [...section.layers.flatMap(layerMap), ...section.heads.flatMap(headMap), h("h3", say("largest")), headTable(say("largest"), heads.slice(0, MOST_HEADS)),
      h("p", h("strong", say("caution")), " ", section.correlation === null ? "" : say("correlation", { value: number(section.correlation, 2) }), " ",
        idle ? say("example", { name: texts.name(idle), token: texts.token(idle), weight: idle.weight.toFixed(2), change: change(idle.change) }) : ""),
      scatter(say("scatter"), heads, texts), tableBehind({ label: say("all_heads"), build: () => headTable(say("all_heads"), heads) })];
  }
  function swapped(swap) {
    const [before, after] = swap.best;
    const items = (shifts) => shifts.map((shift) => ({ label: visible(shift.name), value: shift.after - shift.before, text: say("from_to", { before: percent(shift.before), after: percent(shift.after) }) }));
    const most = Math.max(...[...swap.gains, ...swap.losses].map((shift) => Math.abs(shift.after - shift.before)), 1e-9);
    const list = (key, shifts) => shifts.length > 0 && h("div", h("h4", say(key)), bars({ label: say(key), items: items(shifts), max: most, signed: true }));
    return [h("h3", say("swap_title", swap)), h("p", say("swap_text", { text: swap.text })), h("p.note", say("swap_count", { count: swap.count, before: swap.tokens_before, after: swap.tokens.length })),
      section.is_number ? h("p", say("swap_number", { before: number(before.before), after: number(after.after) }))
        : h("p", say("swap_best", { before: visible(before.name), before_p: percent(before.before), after: visible(after.name), after_p: percent(after.after) }), " ", swap.divergence === null ? "" : say("swap_divergence", { value: number(swap.divergence) })),
      !section.is_number && h("div.pair", list("gains", swap.gains), list("losses", swap.losses))].filter(Boolean);
  }
  function patched(patch) {
    const isSame = Math.abs(patch.there - patch.here) < 1e-6;
    const value = (array) => (i, j) => (isSame ? array.difference.at(i, j) - patch.here : array.share.at(i, j));
    const shown = (number) => (isSame ? change(number) : `${Math.round(number * 100) || 0}%`.replace("-", "−"));
    const map = (label, rows, columns, at, cellWidth) => titled(label, { rows, columns, value: at, max: isSame ? undefined : 1, rowHead: say("layer"), tableLabel: say("as_table"), cellWidth, cellText: (i, j) => (cellWidth ? shown(at(i, j)) : ""),
      text: (i, j) => say("cell", { row: rows[i], column: columns[j], value: shown(at(i, j)) }) });
    const streams = patch.streams.flatMap((stream) => {
      const rows = [...Array.from({ length: stream.share.shape[0] - 1 }, (_, layer) => say("layer_n", { layer })), say("after_last")];
      return map(say(`streams_${stream.stack}`), rows, tokensOf(stream.stack), value(stream), 0);
    });
    const parts = patch.heads.flatMap((part) => map(say(`patch_heads_${part.part}`), layerNames(part.layers), part.numbers.map((head) => say("head_n", { head })), value(part), 50));
    const places = patch.differs.map((at) => `${at} ${visible(patch.tokens[at])}`).join(", ");
    return [h("h3", say("patch_title")), h("p", say("patch_lead", { text: patch.text })), h("p", say("patch_metric", { target: visible(patch.target), foil: visible(patch.foil), here: signed(patch.here), there: signed(patch.there) })),
      isSame && h("p.note", say("patch_same")), h("p.note", say("differs", { positions: places || "–" })), ...streams, ...parts].filter(Boolean);
  }
  const p = Math.exp(section.log_probability);
  const baseline = section.is_number ? say("baseline_number", { value: number(section.log_probability) }) : say("baseline", { target: visible(section.target), log_p: number(section.log_probability), p: percent(p) });
  return [h("p.lead", say(`lead${kind}`)), h("p", h("strong", baseline)), h("p.note", say(`ablate_${section.ablate}`), " ", say("colours")), ...ablation(),
    ...(section.swap ? swapped(section.swap) : [h("p.note", say("no_swap"))]), ...(section.patch ? patched(section.patch) : [h("p.note", say("no_patch"))])];
}
