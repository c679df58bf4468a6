/* Bars, ribbons and arcs. Numbers stand beside every shape as text.

   bars({label, items: [{label, value, text, note, faded, pressed, onClick}], max, signed})
     horizontal bars; signed: left (blue) for less than zero, right (orange) for more. text: what is written
     beside the bar; without it the number. faded: a candidate that has been taken away.
   ribbons({label, left: [text], right: [text], weight: (i, j) => 0..1, focus: {left: i} or {right: j}, least})
     two columns of tokens joined by bands as wide as the weight (bands below `least` are left out)
   arcs({label, tokens: [text], weight: (i, j) => 0..1, focus: i, least})
     arcs from token i (focus; without it from all) to the tokens j, over one line of tokens */

import { css, diverging, tint } from "./colours.js";
import { scrollBox } from "./controls.js";
import { h, number, svg } from "./dom.js";

export function bars({ label, items, max, signed = false }) {
  const most = max || Math.max(...items.map((item) => Math.abs(item.value) || 0), 1e-30);
  const row = (item) => {
    const share = Math.min(1, Math.abs(item.value) / most || 0) * (signed ? 50 : 100);
    const fill = h("span.fill", { style: { width: `${share}%`, left: signed ? `${item.value < 0 ? 50 - share : 50}%` : 0, background: css(signed ? diverging(item.value < 0 ? -0.8 : 0.8) : diverging(item.faded ? -0.25 : -0.8)) } });
    const name = item.onClick ? h("button.name", { type: "button", onclick: item.onClick, "aria-pressed": item.pressed === undefined ? null : String(item.pressed) }, item.label) : h("span.name", item.label);
    return h(item.faded ? "li.faded" : "li", name, h(signed ? "span.bar.signed" : "span.bar", { "aria-hidden": "true" }, fill), h("span.value", item.text === undefined ? number(item.value) : item.text), item.note && h("span.why", item.note));
  };
  return h("ol.bars", { "aria-label": label }, items.map(row));
}

const ROW = 26;

export function ribbons({ label, left, right, weight, focus = {}, least = 0.05 }) {
  const height = ROW * Math.max(left.length, right.length);
  const paths = [];
  left.forEach((_, i) =>
    right.forEach((_, j) => {
      const share = weight(i, j);
      if (!(share >= least)) return;
      const isOut = (focus.left !== undefined && focus.left !== i) || (focus.right !== undefined && focus.right !== j);
      const [y, z] = [ROW * (i + 0.5), ROW * (j + 0.5)];
      paths.push(svg("path", { d: `M150 ${y}C230 ${y} 230 ${z} 310 ${z}`, fill: "none", stroke: css(diverging(-0.9)), "stroke-width": Math.max(0.6, share * 16), "stroke-opacity": isOut ? 0.12 : 0.25 + 0.6 * share }));
    }));
  const words = (texts, x, anchor, chosen) => texts.map((text, at) => svg("text", { x, y: ROW * (at + 0.5), "text-anchor": anchor, "dominant-baseline": "central", class: at === chosen ? "chosen" : null }, text));
  const picture = svg("svg", { viewBox: `0 0 460 ${height}`, width: 460, height, role: "img", "aria-label": label }, paths, words(left, 144, "end", focus.left), words(right, 316, "start", focus.right));
  return scrollBox(label, picture);
}

export function arcs({ label, tokens, weight, focus, least = 0.02 }) {
  const widths = tokens.map((text) => Math.max(24, [...text].reduce((sum, character) => sum + (character > "\u2e80" ? 15 : 8.5), 12)));
  const centres = [];
  const total = widths.reduce((x, width) => (centres.push(x + width / 2), x + width), 0);
  const sources = focus === undefined ? tokens.map((_, i) => i) : [focus];
  const reach = Math.max(1, ...sources.flatMap((i) => tokens.map((_, j) => (weight(i, j) >= least ? Math.abs(centres[i] - centres[j]) : 0))));
  const tall = Math.min(150, 16 + reach / 2);
  const paths = sources.flatMap((i) => tokens.map((_, j) => {
    const share = weight(i, j);
    if (!(share >= least)) return null;
    const span = Math.abs(centres[i] - centres[j]);
    const top = tall - (tall - 8) * Math.sqrt(span / reach || 0);
    const shape = i === j ? `M${centres[i] - 5} ${tall}C${centres[i] - 9} ${tall - 18} ${centres[i] + 9} ${tall - 18} ${centres[i] + 5} ${tall}` : `M${centres[i]} ${tall}C${centres[i]} ${top} ${centres[j]} ${top} ${centres[j]} ${tall}`;
    return svg("path", { d: shape, fill: "none", stroke: css(diverging(-0.9)), "stroke-width": Math.max(0.7, share * 10), "stroke-opacity": 0.25 + 0.65 * share });
  }));
  const words = tokens.map((text, at) => {
    const shade = focus === undefined ? null : css(tint(weight(focus, at)));
    return [shade && svg("rect", { x: centres[at] - widths[at] / 2 + 1, y: tall + 3, width: widths[at] - 2, height: 4, fill: shade }), svg("text", { x: centres[at], y: tall + 20, "text-anchor": "middle", class: at === focus ? "chosen" : null }, text)];
  });
  return scrollBox(label, svg("svg", { viewBox: `0 0 ${total} ${tall + 30}`, width: total, height: tall + 30, role: "img", "aria-label": label }, paths, words));
}
