/* A text step by step: what could have come next, what each setting did to it; and the tree of a beam search. */

import { bars } from "../charts.js";
import { css, diverging, textOn, tint } from "../colours.js";
import { choice, dataTable, rove, scrollBox, tableBehind, tip } from "../controls.js";
import { h, number, percent, svg } from "../dom.js";
import { visible } from "../main.js";

const STAGES = ["probability", "penalized", "tempered", "final"];
const FATES = ["kept", "finished", "dropped", "open"];
const FULL = 8; // nats at which the tint is full
const SPAN = 24; // steps of a tree that are drawn at a time
const [WIDE, HIGH] = [112, 40];

/* The stages at which some probability differs from the stage before. */
export function shownStages(steps) {
  const rows = [steps.stages, steps.rest];
  const differs = (at) => rows.some(({ data }) => { for (let i = at; i < data.length; i += STAGES.length) if (Math.abs(data[i] - data[i - 1]) > 1e-7) return true; return false; });
  return STAGES.filter((_, at) => at === 0 || differs(at));
}

export function render(section, page) {
  const { state } = page;
  const { texts, tokens, settings } = section;
  const name = (at) => visible(tokens.names[at]);
  const box = h("div");
  const detail = h("div", { "aria-live": "polite" });
  state.text ??= 0;
  let chosen, steps, firsts, stages;

  const taken = (at) => { for (let i = firsts[at]; i < firsts[at + 1]; i += 1) if (steps.candidate.data[i] === steps.token.data[at]) return i; return firsts[at]; };
  const settingName = (at) => (settings[at] === "model" ? page.words("model") : settings[at]);
  const both = (key, [first, last]) => (stages.length === 1 || first === last ? page.words(key, { [key]: first, final: last }) : page.words(`${key}_both`, { [key]: first, final: last }));

  function chip(at) {
    const probability = steps.stages.at(taken(at), 0);
    const colour = tint(-Math.log(probability) / FULL);
    const says = page.words("step_says", { token: name(steps.token.at(at)), probability: percent(probability), rank: steps.numbers.at(at, 0) });
    return tip(h("button", { type: "button", "aria-label": says, "aria-pressed": String(at === state.step), style: { background: css(colour), color: textOn(colour) }, onclick: () => show(at) }, name(steps.token.at(at))), says);
  }
  function show(at) {
    state.step = at;
    box.querySelectorAll(".text button").forEach((button, place) => button.setAttribute("aria-pressed", String(place === at)));
    detail.replaceChildren(...stepParts(at));
  }
  function stepParts(at) {
    const [rank, final, kept] = steps.numbers.row(at);
    const all = steps.sizes.at(at) + steps.others.at(at);
    const draw = steps.draw[at];
    const facts = [both("rank", [rank, final]), both("entropy", [...steps.entropy.row(at)].map((value) => number(value)))];
    if (kept < all) facts.push(page.words("kept", { kept, all }));
    if (draw) facts.push(page.words("drawn", { uniform: draw[0].toFixed(4), low: draw[1].toFixed(4), high: draw[2].toFixed(4) }));
    const removals = steps.removals[at].map(([setting, count, mass]) => page.words("removal", { name: settingName(setting), tokens: count, mass: percent(mass) }));
    return [
      h("h3", page.words("step", { step: at + 1, token: name(steps.token.at(at)) })),
      h("p", facts.join(page.words("joint"))),
      removals.length && h("p", page.words("removals", { list: removals.join(page.words("joint")) })),
      stages.length > 1 && choice({ label: page.words("bars_of"), options: stages.map((stage) => [stage, page.words(`bars_${stage}`)]), value: state.stage, onChange: (value) => { state.stage = value; show(at); } }),
      bars({ label: page.words("candidates"), max: 1, items: items(at) }),
      tableBehind({ label: page.shared("table"), build: () => candidateTable(at) }),
    ].filter(Boolean);
  }
  function items(at) {
    const stage = STAGES.indexOf(state.stage);
    const made = [];
    for (let i = firsts[at]; i < firsts[at + 1]; i += 1) {
      const value = steps.stages.at(i, stage);
      const removed = steps.removed.at(i);
      const notes = [i === taken(at) && page.words("taken"), removed >= 0 && page.words("removed_by", { name: settingName(removed) }), steps.changed[i] && `${page.words("changed_column")} ${steps.changed[i].map(settingName).join(", ")}`].filter(Boolean);
      made.push({ label: name(steps.candidate.at(i)) + (i === taken(at) ? " ◂" : ""), value, text: percent(value), faded: removed >= 0, note: notes.join(page.words("joint")) || null });
    }
    const rest = steps.rest.at(at, stage);
    if (steps.others.at(at)) made.push({ label: page.words("rest", { count: steps.others.at(at) }), value: rest, text: percent(rest) });
    return made;
  }
  function candidateTable(at) {
    const head = [page.words("token"), page.words("id"), page.words("rank_column"), page.words("logit"), ...stages.map((stage) => page.words(stage)), page.words("removed_column"), page.words("changed_column")];
    const rows = [];
    for (let i = firsts[at]; i < firsts[at + 1]; i += 1)
      rows.push([name(steps.candidate.at(i)), String(tokens.ids[steps.candidate.at(i)]), String(steps.ranks.at(i)), number(steps.logit.at(i), 4), ...stages.map((stage) => number(steps.stages.at(i, STAGES.indexOf(stage)), 4)), steps.removed.at(i) >= 0 ? settingName(steps.removed.at(i)) : "", (steps.changed[i] || []).map(settingName).join(", ")]);
    rows.push([page.words("rest", { count: steps.others.at(at) }), "", "", "", ...stages.map((stage) => number(steps.rest.at(at, STAGES.indexOf(stage)), 4)), "", ""]);
    return dataTable({ caption: page.words("candidates"), head, rows });
  }
  function stepTable() {
    const rows = [...steps.token.data].map((token, at) => [String(at + 1), name(token), String(tokens.ids[token]), percent(steps.stages.at(taken(at), 0)), ...steps.numbers.row(at).slice(0, 1), ...[...steps.entropy.row(at)].map((value) => number(value)), String(steps.numbers.at(at, 2))].map(String));
    return dataTable({ caption: page.words("steps"), head: [page.words("step_column"), page.words("token"), page.words("id"), page.words("probability"), page.words("rank_column"), page.words("entropy_column"), `${page.words("entropy_column")} (${page.words("final")})`, page.words("kept_column")], rows });
  }
  function draw() {
    chosen = texts[state.text];
    steps = chosen.steps;
    firsts = [0];
    for (const size of steps.sizes.data) firsts.push(firsts[firsts.length - 1] + size);
    stages = shownStages(steps);
    if (!stages.includes(state.stage)) state.stage = stages[stages.length - 1];
    state.step = Math.min(state.step ?? 0, steps.token.data.length - 1);
    const search = texts.find((text) => text.tree && text.row === chosen.row);
    const ending = [page.words(`finish_${chosen.finish}`), chosen.seed !== null && page.words("seed", { seed: chosen.seed })].filter(Boolean).join(page.words("joint"));
    box.replaceChildren(
      h("h3", page.words("steps")),
      h("p.note", `${page.words("prompt")}: ${chosen.prompt}`),
      rove(h("p.text", [...steps.token.data].map((_, at) => chip(at)))),
      h("p.note", ending),
      detail,
      tableBehind({ label: page.words("all_steps"), build: stepTable }),
      ...(search ? [h("h3", page.words("tree")), h("p", page.words("lead_beams")), h("p.note", page.words("not_normalized")), treeView(search.tree, chosen.index)] : []));
    if (steps.token.data.length) show(state.step);
  }

  /* The path of a node to the prompt, as a set of numbers. */
  function pathOf(tree, node) {
    const path = new Set();
    for (let at = node; at; at = tree.numbers.at(at - 1, 0)) path.add(at);
    return path;
  }
  const fate = (tree, at) => {
    const key = FATES[tree.numbers.at(at, 2)];
    return page.words(`fate_${key}`, { score: number(tree.scores.at(at, 2)), rank: tree.numbers.at(at, 3) });
  };
  const nodeText = (tree, node) => [...pathOf(tree, node)].reverse().map((at) => tokens.names[tree.token.at(at - 1)]).join("");

  function treeView(tree, index) {
    const count = tree.token.data.length;
    const last = count ? tree.numbers.at(count - 1, 1) : 0;
    const path = pathOf(tree, Math.min(tree.returned[index] ?? 0, count));
    const holder = h("div");
    const spans = [];
    for (let first = 1; first <= last; first += SPAN) spans.push([first, page.words("tree_steps", { first, last: Math.min(last, first + SPAN - 1) })]);
    const paint = (first) => holder.replaceChildren(picture(tree, path, first, Math.min(last, first + SPAN - 1)));
    paint(1);
    const finished = [...Array(count).keys()].filter((at) => FATES[tree.numbers.at(at, 2)] === "finished").sort((a, b) => tree.numbers.at(a, 3) - tree.numbers.at(b, 3));
    const ranking = dataTable({ caption: page.words("ranking", { penalty: tree.penalty }), head: [page.words("rank_column"), page.words("score"), page.words("total"), page.words("tokens"), page.words("text"), page.words("returned")], rows: finished.map((at) => [String(tree.numbers.at(at, 3)), number(tree.scores.at(at, 2), 4), number(tree.scores.at(at, 1), 4), String(tree.numbers.at(at, 1)), nodeText(tree, at + 1), tree.returned.includes(at + 1) ? "✓" : ""]), numeric: false });
    const table = () => dataTable({ caption: page.words("tree_table"), head: ["number", "continues", "step_column", "token", "logprob", "total", "fate"].map((key) => page.words(key)), rows: [...Array(count).keys()].map((at) => [String(at + 1), String(tree.numbers.at(at, 0) || "–"), String(tree.numbers.at(at, 1)), name(tree.token.at(at)), number(tree.scores.at(at, 0), 4), number(tree.scores.at(at, 1), 4), fate(tree, at)]), numeric: false });
    return h("div", h("p", page.words("tree_says", { beams: tree.beams, penalty: tree.penalty })), spans.length > 1 && choice({ label: page.words("steps"), options: spans, value: 1, onChange: (value) => paint(Number(value)) }), holder, tableBehind({ label: page.words("tree_table"), build: table }), ranking);
  }
  function picture(tree, path, first, last) {
    const places = new Map();
    const heights = new Map();
    for (let at = 0; at < tree.token.data.length; at += 1) {
      const step = tree.numbers.at(at, 1);
      if (step < first || step > last) continue;
      const row = heights.get(step) ?? 0;
      heights.set(step, row + 1);
      places.set(at + 1, [(step - first) * WIDE + 12, row * HIGH + 8]);
    }
    const [edges, nodes] = [[], []];
    for (const [node, [x, y]] of places) {
      const at = node - 1;
      const kind = FATES[tree.numbers.at(at, 2)];
      const isOnPath = path.has(node);
      const from = places.get(tree.numbers.at(at, 0));
      const stroke = isOnPath ? css(diverging(0.9)) : kind === "dropped" ? "var(--soft)" : css(diverging(-0.9));
      if (from) edges.push(svg("path", { d: `M${from[0] + WIDE - 16} ${from[1] + 16}C${x - 6} ${from[1] + 16} ${from[0] + WIDE - 10} ${y + 16} ${x} ${y + 16}`, fill: "none", stroke, "stroke-width": isOnPath ? 3 : 1, "stroke-dasharray": kind === "dropped" ? "3 3" : null }));
      const label = name(tree.token.at(at));
      const shown = [...label].length > 10 ? `${[...label].slice(0, 9).join("")}…` : label;
      nodes.push(svg("g", svg("rect", { x, y, width: WIDE - 16, height: 32, rx: kind === "finished" ? 16 : 4, fill: "var(--card)", stroke, "stroke-width": isOnPath ? 3 : 1, "stroke-dasharray": kind === "dropped" ? "3 3" : null }), svg("text", { x: x + 8, y: y + 14, "font-size": 12 }, shown), svg("text", { x: x + 8, y: y + 28, style: { fontSize: "11px" } }, `${number(tree.scores.at(at, 1))}${kind === "finished" ? ` #${tree.numbers.at(at, 3)}` : ""}`), svg("title", `${label}: ${number(tree.scores.at(at, 1))}, ${fate(tree, at)}`)));
    }
    const [width, height] = [(last - first + 1) * WIDE + 16, Math.max(1, ...heights.values()) * HIGH + 12];
    const label = page.words("tree_label", { first, last });
    return scrollBox(label, svg("svg", { viewBox: `0 0 ${width} ${height}`, width, height, role: "img", "aria-label": label }, edges, nodes));
  }

  const label = (text) => `${page.words("row", { row: text.row, index: text.index + 1 })}: ${[...text.text].slice(0, 40).join("")}`;
  draw();
  return [h("p.lead", page.words("lead")), texts.length > 1 && choice({ label: page.words("text_choice"), options: texts.map((text, at) => [at, label(text)]), value: state.text, onChange: (value) => { state.text = Number(value); state.step = 0; draw(); } }), box].filter(Boolean);
}
