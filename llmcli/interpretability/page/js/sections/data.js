/* The arrays behind all sections: names, shapes and sizes. */

import { dataTable, tableBehind } from "../controls.js";
import { h } from "../dom.js";

const size = (bytes) => (bytes < 1e6 ? `${(bytes / 1e3).toFixed(1)} kB` : `${(bytes / 1e6).toFixed(1)} MB`);

export function render(section, page) {
  const head = ["name", "shape", "dtype", "size"].map((key) => page.words(key));
  const rows = () => section.stored.map((array) => [array.name, array.shape.join(" × "), array.dtype, size(array.bytes)]);
  const total = section.stored.reduce((sum, array) => sum + array.bytes, 0);
  return [
    h("p", page.words("lead", { count: section.stored.length, size: size(total) })),
    tableBehind({ label: page.words("table"), build: () => dataTable({ caption: page.words("table"), head, rows: rows() }) })];
}
