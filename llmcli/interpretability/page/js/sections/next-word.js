/* Temperature and filters as live sliders over the next token's distribution. */

import { bars } from "../charts.js";
import { slider } from "../controls.js";
import { h, number, percent } from "../dom.js";
import { visible } from "../main.js";
import { entropy, narrow, pick } from "../sampling.js";

const SHOWN = 15;
const TOP_K = [0, 1, 2, 3, 5, 10, 20, 40, 50, 100, 200, 500, 1000];
const PLAIN = { temperature: 1, topK: 0, topP: 1, minP: 0 };

/* The candidates after a position: ids and logits, greatest first, and the rest. */
function candidatesAt(section, at, state) {
  if (at === section.position) {
    state.order ??= Int32Array.from(section.logits.data, (_, id) => id).sort((a, b) => section.logits.data[b] - section.logits.data[a]);
    return { ids: state.order, logits: Float32Array.from(state.order, (id) => section.logits.data[id]), rest: null };
  }
  const [ids, logits, rests] = [section.ids.row(at), section.top_logits.row(at), section.rest.row(at)];
  const count = section.logits.data.length - ids.length;
  const step = (temperature) => section.temperatures.reduce((best, each, place) => (Math.abs(each - temperature) < Math.abs(section.temperatures[best] - temperature) ? place : best), 0);
  return { ids, logits, rest: count ? { count, at: (temperature) => rests[step(temperature)] } : null };
}

export function render(section, page) {
  const { state } = page;
  state.settings ??= { ...PLAIN };
  const topKs = TOP_K.filter((k) => k <= section.ids.shape[1]); // among the rest, nothing can be counted
  const total = section.logits.data.length;
  const result = h("div");
  const heading = h("h3");
  const whole = (value) => value.toLocaleString("en");
  let candidates = null;
  let now = null;

  const name = (id) => (section.names[id] === undefined ? page.words("unnamed", { id }) : visible(section.names[id]));
  function summary() {
    const counts = { top_k: 0, top_p: 0, min_p: 0 };
    now.removedBy.forEach((by) => { if (by) counts[by] += 1; });
    const removed = Object.entries(counts).filter(([, count]) => count).map(([by, count]) => page.words("removed_by", { filter: page.words(by), count: whole(count) })).join(page.words("comma"));
    const mass = now.raw.reduce((sum, p, at) => (now.removedBy[at] ? sum : sum + p), 0) + (now.restShare > 0 ? now.rawRest : 0);
    const kept = now.restShare > 0 ? now.kept + candidates.rest.count : now.kept;
    const lines = [page.words(now.restKept ? "kept_open" : "kept", { kept: whole(now.restKept ? now.kept : kept), total: whole(total), mass: percent(mass) })];
    if (removed) lines.push(page.words("removed", { removed }));
    if (!candidates.rest) lines.push(page.words("entropy", { entropy: number(entropy(now.probabilities)) }));
    else lines.push(page.words("rest", { count: whole(candidates.ids.length), rest: percent(now.rawRest), share: percent(now.restShare) }));
    return h("p", lines.join(page.words("space")));
  }
  function draw() {
    const isPlain = Object.entries(PLAIN).every(([key, value]) => state.settings[key] === value);
    const items = [...candidates.ids.slice(0, SHOWN)].map((id, at) => {
      const drawn = state.drawn?.[id];
      const text = isPlain ? percent(now.raw[at]) : page.words("bar", { raw: percent(now.raw[at]), now: percent(now.probabilities[at]) });
      return { label: name(id), value: now.probabilities[at], text: drawn ? page.words("bar_drawn", { text, drawn }) : text, faded: now.removedBy[at] !== "", note: now.removedBy[at] && page.words("taken", { filter: page.words(now.removedBy[at]) }) };
    });
    const others = Object.entries(state.drawn ?? {}).filter(([id]) => !candidates.ids.slice(0, SHOWN).includes(Number(id))).map(([id, count]) => page.words("other_drawn", { token: id === "rest" ? page.words("from_rest") : name(id), count }));
    result.replaceChildren(summary(), bars({ label: page.words("likely"), items, max: 1 }), others.length ? h("p.note", page.words("others_drawn", { others: others.slice(0, 12).join(page.words("comma")) })) : "", page.sides.length === 1 ? h("p.note", page.words("command"), " ", h("code", command())) : "");
  }
  function command() {
    const { temperature, topK, topP, minP } = state.settings;
    const flags = [`--temperature ${temperature}`, topK && `--top-k ${topK}`, topP < 1 && `--top-p ${topP}`, minP && `--min-p ${minP}`];
    return `llmcli generate ${flags.filter(Boolean).join(" ")}`;
  }
  function change(settings) {
    Object.assign(state.settings, settings);
    state.drawn = null;
    now = narrow(candidates, state.settings);
    draw();
  }
  function drawTokens(times) {
    state.drawn ??= {};
    for (let time = 0; time < times; time += 1) {
      const at = pick(now.probabilities, Math.random());
      const id = at >= 0 ? candidates.ids[at] : candidates.rest ? "rest" : candidates.ids[0];
      state.drawn[id] = (state.drawn[id] ?? 0) + 1;
    }
    draw();
  }
  const off = page.words("off");
  const fixed = (value) => value.toFixed(2);
  const sliders = [
    ["temperature", "temperature", 0, 2, 0.05, (value) => (value ? fixed(value) : page.words("greedy"))],
    ["topK", "top_k", 0, topKs.length - 1, 1, (value) => (value ? String(topKs[value]) : off)],
    ["topP", "top_p", 0.01, 1, 0.01, (value) => (value < 1 ? fixed(value) : off)],
    ["minP", "min_p", 0, 1, 0.01, (value) => (value ? fixed(value) : off)],
  ].map(([key, word, min, max, step, format]) => {
    const [place, setting] = key === "topK" ? [(k) => topKs.indexOf(k), (at) => topKs[at]] : [(x) => x, (x) => x];
    const element = slider({ label: page.words(word), min, max, step, value: place(state.settings[key]), format, onInput: (value) => change({ [key]: setting(value) }) });
    return { reset: () => element.set(place(PLAIN[key])), element };
  });
  const controls = h("div", { role: "group", "aria-label": page.words("settings") }, sliders.map((each) => each.element));
  const reset = () => {
    sliders.forEach((each) => each.reset());
    change(PLAIN);
  };
  const buttons = h("div.controls", [1, 100].map((times) => h("button", { type: "button", onclick: () => drawTokens(times) }, page.words("draw", { times }))), h("button", { type: "button", onclick: reset }, page.words("reset")));
  page.onPosition((at) => {
    candidates = candidatesAt(section, at, state);
    heading.textContent = page.words("after", { token: page.tokens[at] });
    if (state.at !== at) state.drawn = null;
    state.at = at;
    now = narrow(candidates, state.settings);
    draw();
  });
  const note = section.is_half && h("p.note", page.words("half"));
  return [h("p.lead", page.words("lead")), controls, buttons, heading, result, note].filter(Boolean);
}
