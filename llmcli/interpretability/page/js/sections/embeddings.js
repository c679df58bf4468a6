/* Nearest tokens, a plane of the text's tokens, and what the model has for positions. */

import { bars } from "../charts.js";
import { dataTable, scrollBox, tableBehind } from "../controls.js";
import { h, number, percent, svg } from "../dom.js";
import { heatMap } from "../heat_map.js";
import { visible } from "../main.js";

const [WIDTH, HEIGHT, EDGE] = [640, 380, 46];

/* Tokens where their vectors lie on the two main axes. */
function plane(label, side, chosen) {
  const axis = (column) => Array.from({ length: side.ids.length }, (_, row) => side.coordinates.at(row, column));
  const [xs, ys] = [axis(0), axis(1)];
  const scale = (values, from, to) => {
    const [least, most] = [Math.min(...values), Math.max(...values)];
    return (value) => (most > least ? from + ((value - least) / (most - least)) * (to - from) : (from + to) / 2);
  };
  const [x, y] = [scale(xs, EDGE, WIDTH - EDGE), scale(ys, HEIGHT - 24, 24)];
  const taken = [];
  /* Above, below or beside the dot: where no other name stands, if there is such a place. */
  function place(name, [left, top]) {
    const width = [...name].reduce((sum, character) => sum + (character > "\u2e80" ? 14 : 8), 4);
    const boxes = [[left - width / 2, top - 20], [left - width / 2, top + 6], [left + 6, top - 7], [left - width - 6, top - 7]];
    const isFree = ([x0, y0]) => taken.every(([x1, y1, other]) => x0 + width < x1 || x1 + other < x0 || Math.abs(y0 - y1) > 14);
    const box = boxes.find(isFree) || boxes[0];
    taken.push([...box, width]);
    return { x: box[0] + width / 2, y: box[1] + 13 };
  }
  const dots = side.names.map((name, at) => {
    const [left, top] = [x(xs[at]), y(ys[at])];
    return svg("g", { class: at === chosen ? "chosen" : null },
      svg("circle", { cx: left, cy: top, r: at === chosen ? 5 : 3, fill: at === chosen ? null : "currentColor" }),
      svg("text", { ...place(visible(name), [left, top]), "text-anchor": "middle" }, visible(name)));
  });
  return scrollBox(label, svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, width: WIDTH, height: HEIGHT, role: "img", "aria-label": label }, dots));
}

function sideView(side, section, page) {
  const say = page.words;
  const [nearest, figure] = [h("div"), h("div")];
  const bar = page.sides.find((each) => each.name === side.side);
  const all = () => dataTable({ caption: `${say(`side_${side.side}`)}: ${say("neighbours")}`, numeric: false, head: [say("token"), say("length"), say("nearest")],
    rows: side.names.map((name, at) => [visible(name), number(side.lengths.data[at]), side.neighbour_names[at].map((other, place) => `${visible(other)} ${side.neighbours.similarity.at(at, place).toFixed(2)}`).join("   ")]) });
  function show(position) {
    const at = side.ids.indexOf(bar.ids[position]);
    const items = at < 0 ? [] : side.neighbour_names[at].map((other, place) => ({ label: visible(other), value: Math.max(0, side.neighbours.similarity.at(at, place)), text: side.neighbours.similarity.at(at, place).toFixed(2) }));
    nearest.replaceChildren(at < 0 ? h("p.note", say("special")) : h("p", say("length_says", { token: visible(side.names[at]), length: number(side.lengths.data[at]) })), ...(at < 0 ? [] : [bars({ label: `${say(`side_${side.side}`)}: ${say("neighbours")}`, items, max: 1 })]));
    figure.replaceChildren(plane(`${say(`side_${side.side}`)}: ${say("plane")}`, side, at));
  }
  page.onPosition(show, side.side);
  const [first, second] = [percent(side.shares.data[0]), percent(side.shares.data[1])];
  return [section.tokens.length > 1 && h("h3", say(`side_${side.side}`)), h("h3", say("neighbours")), nearest, tableBehind({ label: say("as_table"), build: all }),
    h("p.note", say("searched", { searched: side.neighbours.searched.toLocaleString("en"), left_out: side.neighbours.left_out })),
    ...(side.ids.length > 2 ? [h("h3", say("plane")), figure, h("p.note", say("plane_says", { width: side.width, first, second }))] : [])].filter(Boolean);
}

function positionView(positions, page) {
  const say = page.words;
  const { values, code } = positions;
  const [rows, columns] = values.shape;
  const text = say(`code_${code}`, { count: positions.count, heads: rows, pairs: columns });
  const prefix = positions.stack === "self" ? "" : say(`stack_${positions.stack}`);
  const lead = h("p", prefix + text);
  if (!rows) return [lead];
  const count = (length) => Array.from({ length }, (_, at) => String(at));
  const isVector = code === "learned" || code === "sinusoidal";
  const label = prefix + say(isVector ? "map_learned" : code === "rotary" ? "map_rotary" : "map_distance", { shown: rows });
  const value = code === "rotary" ? (i, j) => Math.cos(values.at(i, j)) : (i, j) => values.at(i, j);
  const across = positions.distances.length ? positions.distances.map(String) : count(columns);
  const names = positions.distances.length ? ["head", "distance"] : ["position", isVector ? "position" : "pair"];
  const said = (i, j) => `${say(names[0])} ${i}, ${say(names[1])} ${across[j]}: ${number(value(i, j))}`;
  const note = code === "rotary" ? (i, j) => `${said(i, j)}; ${say("pair_says", { pair: j, wave: number((2 * Math.PI) / values.at(1, j)) })}` : said;
  return [lead, h("p.note", label), heatMap({ label, rows: count(rows), columns: across, value, scale: "diverging", max: positions.distances.length ? undefined : 1, text: note, rowHead: say(names[0]), tableLabel: say("as_table") })];
}

export function render(section, page) {
  const width = section.tokens[0].width;
  return [h("p.lead", page.words("lead", { width })), ...section.tokens.flatMap((side) => sideView(side, section, page)), h("h3", page.words("positions")), ...section.positions.flatMap((positions) => positionView(positions, page))];
}
