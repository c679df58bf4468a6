/* Heat maps: cells on a canvas, labels as text, a table behind.

   heatMap({label, rows: [text], columns: [text], value: (i, j) => number, scale, max, text, onSelect, selected, rowHead, tableLabel})
     label     what the map shows (read out)            scale   "sequential" (default), "diverging", "tint"
     max       the value of the scale's end; without it the greatest absolute value
     value     NaN leaves a cell empty (a masked one)   text    (i, j) => what the tooltip and the live region say
     cellText  (i, j) => short text inside the cell, or nothing; cellWidth: its width in px
     onSelect  (i, j) on click or Enter                 selected  [i, j]: a cell with a frame
   -> element with .redraw(), and .select(i, j), which moves the frame
   Keys: arrows move cell by cell, Home and End go to the ends, Enter selects.

   thumbnail(canvas, rows, columns, value, scale, max)   paints a small map without labels
   multiples({label, columns, items: [{label, rows, columns, value, scale, max, mark}], selected, onSelect})
     a grid of thumbnails as buttons; label is each one's name; mark: a short text below it, or nothing */

import { SCALES, css, textOn } from "./colours.js";
import { dataTable, hideTip, moved, rove, say, scrollBox, showTip, tableBehind, tip } from "./controls.js";
import { h, number } from "./dom.js";

function greatest(rows, columns, value) {
  let most = 0;
  for (let i = 0; i < rows; i += 1) for (let j = 0; j < columns; j += 1) most = Math.max(most, Math.abs(value(i, j)) || 0);
  return most || 1;
}

export function thumbnail(canvas, rows, columns, value, scale = "sequential", max = greatest(rows, columns, value)) {
  canvas.width = columns;
  canvas.height = rows;
  const context = canvas.getContext("2d");
  const image = context.createImageData(columns, rows);
  for (let i = 0; i < rows; i += 1)
    for (let j = 0; j < columns; j += 1) {
      const number = value(i, j);
      if (!Number.isNaN(number)) image.data.set([...SCALES[scale](number / max), 255], 4 * (i * columns + j));
    }
  context.putImageData(image, 0, 0);
  return canvas;
}

class HeatMap {
  constructor(options) {
    Object.assign(this, { scale: "sequential", rowHead: "", tableLabel: "", cellText: () => "", cellWidth: 0 }, options);
    this.text = options.text || ((i, j) => `${this.rows[i]} × ${this.columns[j]}: ${number(this.value(i, j))}`);
    this.max = options.max || greatest(this.rows.length, this.columns.length, this.value);
    this.focus = this.selected || [0, 0];
    this.side = Math.max(14, Math.min(28, Math.floor(640 / this.columns.length)));
    this.width = this.cellWidth || this.side;
    this.height = this.cellWidth ? 24 : this.side;
    this.canvas = h("canvas", { tabindex: 0, role: "application", "aria-label": this.label, onkeydown: (event) => this.key(event), onclick: (event) => this.click(event), onpointermove: (event) => this.point(event), onpointerleave: hideTip, onfocus: () => this.show(), onblur: () => this.leave() });
    this.draw();
  }
  draw() {
    const [rows, columns] = [this.rows.length, this.columns.length];
    const ratio = Math.max(2, window.devicePixelRatio || 1);
    this.canvas.width = columns * this.width * ratio;
    this.canvas.height = rows * this.height * ratio;
    Object.assign(this.canvas.style, { width: `${columns * this.width}px`, height: `${rows * this.height}px` });
    const context = this.canvas.getContext("2d");
    context.scale(ratio, ratio);
    context.font = "12px system-ui, sans-serif";
    context.textBaseline = "middle";
    for (let i = 0; i < rows; i += 1) for (let j = 0; j < columns; j += 1) this.cell(context, i, j);
    const frame = getComputedStyle(document.documentElement).getPropertyValue("--focus") || "#d55";
    if (this.selected) this.frame(context, this.selected, frame, 2);
    if (document.activeElement === this.canvas) this.frame(context, this.focus, frame, 3);
  }
  cell(context, i, j) {
    const value = this.value(i, j);
    if (Number.isNaN(value)) return;
    const colour = SCALES[this.scale](value / this.max);
    const [x, y] = [j * this.width, i * this.height];
    context.fillStyle = css(colour);
    context.fillRect(x, y, this.width - 1, this.height - 1);
    const text = this.cellText(i, j);
    if (!text) return;
    context.fillStyle = textOn(colour);
    context.fillText(text, x + 3, y + this.height / 2, this.width - 6);
  }
  frame(context, [i, j], colour, width) {
    context.strokeStyle = colour;
    context.lineWidth = width;
    context.strokeRect(j * this.width + width / 2 - 0.5, i * this.height + width / 2 - 0.5, this.width - width, this.height - width);
  }
  place(event) {
    const box = this.canvas.getBoundingClientRect();
    const [i, j] = [Math.floor((event.clientY - box.top) / this.height), Math.floor((event.clientX - box.left) / this.width)];
    return this.rows[i] === undefined || this.columns[j] === undefined ? null : [i, j];
  }
  point(event) {
    const place = this.place(event);
    showTip(place ? this.text(...place) : "", event.clientX, event.clientY);
  }
  click(event) {
    const place = this.place(event);
    if (place) this.choose(place);
  }
  choose(place) {
    this.focus = place;
    if (this.onSelect) {
      this.selected = place;
      this.onSelect(...place);
    }
    this.draw();
  }
  key(event) {
    if (event.key === "Escape") return hideTip();
    if (event.key === "Enter" || event.key === " ") {
      event.preventDefault();
      return this.choose(this.focus);
    }
    const columns = this.columns.length;
    const at = this.focus[0] * columns + this.focus[1];
    const to = moved(event.key, at, this.rows.length * columns, columns);
    if (to === null) return undefined;
    event.preventDefault();
    this.focus = [Math.floor(to / columns), to % columns];
    return this.show();
  }
  show() {
    this.draw();
    if (!this.canvas.matches(":focus-visible")) return;
    const box = this.canvas.getBoundingClientRect();
    const text = this.text(...this.focus);
    say(text);
    showTip(text, box.left + this.focus[1] * this.width, box.top + (this.focus[0] + 1) * this.height - 8);
  }
  leave() {
    hideTip();
    this.draw();
  }
  table() {
    const rows = this.rows.map((name, i) => [name, ...this.columns.map((_, j) => number(this.value(i, j)))]);
    return dataTable({ caption: `${this.label} (${this.tableLabel})`, head: [this.rowHead, ...this.columns], rows });
  }
}

export function heatMap(options) {
  const map = new HeatMap(options);
  const columns = h("div.columns", { "aria-hidden": "true" }, map.columns.map((text) => h("span", { style: { width: `${map.width}px` } }, h("span", text))));
  const rows = h("div.rows", { "aria-hidden": "true" }, map.rows.map((text) => h("span", { style: { height: `${map.height}px` } }, text)));
  const grid = h(map.cellWidth ? "div.heat.wide" : "div.heat", h("div"), columns, rows, map.canvas);
  const element = h("div.heat-map", scrollBox(map.label, grid), map.tableLabel && tableBehind({ label: map.tableLabel, build: () => map.table() }));
  element.redraw = () => map.draw();
  element.select = (i, j) => {
    map.selected = [i, j];
    map.focus = [i, j];
    map.draw();
  };
  return element;
}

export function multiples({ label, columns, items, selected, onSelect }) {
  const buttons = items.map((item, at) => {
    const canvas = thumbnail(h("canvas", { "aria-hidden": "true" }), item.rows, item.columns, item.value, item.scale, item.max);
    const button = h("button", { type: "button", "aria-label": item.label, "aria-pressed": String(at === selected) }, canvas, item.mark && h("span.mark", item.mark));
    button.addEventListener("click", () => {
      buttons.forEach((other) => other.setAttribute("aria-pressed", String(other === button)));
      onSelect(at);
    });
    return tip(button, item.label);
  });
  const grid = h("div.multiples", { style: { gridTemplateColumns: `repeat(${columns}, minmax(26px, 72px))` } }, buttons);
  return scrollBox(label, rove(grid, columns));
}
