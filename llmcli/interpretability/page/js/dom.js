/* Elements, formulas and numbers.

   h("p.note", {id: "x", onclick: f}, "text", child)   an HTML element; classes after dots
   svg("path", {d: "M0 0"}, ...)                       an SVG element
   math("mfrac", math("mi", "a"), math("mn", "2"))     a MathML element; formula(...) is <math> around
   number(0.012345) -> "0.0123"   percent(0.5) -> "50%"   signed(0.5) -> "+0.50"
   Children: strings become text (never HTML), arrays are flattened, null and false are left out. */

const SVG = "http://www.w3.org/2000/svg";
const MATH = "http://www.w3.org/1998/Math/MathML";

function build(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (name === "style") Object.assign(node.style, value); // attributes are not allowed (CSP)
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.flat(Infinity).filter((child) => child !== null && child !== false && child !== undefined));
  return node;
}

const isAttributes = (value) => value && Object.getPrototypeOf(value) === Object.prototype;
const split = (rest) => (isAttributes(rest[0]) ? [rest[0], rest.slice(1)] : [{}, rest]);

export function h(spec, ...rest) {
  const [tag, ...classes] = spec.split(".");
  const node = document.createElement(tag || "div");
  if (classes.length) node.className = classes.join(" ");
  return build(node, ...split(rest));
}

export const svg = (tag, ...rest) => build(document.createElementNS(SVG, tag), ...split(rest));
export const math = (tag, ...rest) => build(document.createElementNS(MATH, tag), ...split(rest));
export const formula = (...parts) => math("math", { display: "block", tabindex: 0 }, math("mrow", ...parts));

export function number(value, digits = 3) {
  if (!Number.isFinite(value)) return value === Infinity ? "∞" : value === -Infinity ? "−∞" : "–";
  const size = Math.abs(value);
  if (size === 0) return "0";
  if (size < 1e-3 || size >= 1e6) return value.toExponential(digits - 1).replace("-", "−").replace("e−", "e-").replace("e+", "e");
  const places = Math.max(0, digits - 1 - Math.floor(Math.log10(size)));
  return value.toFixed(Math.min(places, 6)).replace("-", "−");
}

export const signed = (value, digits = 3) => (value > 0 ? "+" : "") + number(value, digits);

export function percent(share) {
  const value = share * 100;
  if (value > 0 && value < 0.01) return "<0.01%";
  if (value > 99.9999) return "100%";
  if (value > 99.99) return ">99.99%";
  return value >= 10 ? value.toFixed(1) + "%" : value.toFixed(2) + "%";
}
