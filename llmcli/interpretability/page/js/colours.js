/* Colour scales. Each gives [red, green, blue], 0 to 255.

   diverging(x)    x from -1 (blue) over 0 (the page's background) to 1 (orange)
   sequential(x)   x from 0 to 1: cividis, readable with every kind of colour vision
   tint(x)         x from 0 (background) to 1 (orange): behind text
   css(rgb) -> "rgb(…)"    textOn(rgb) -> black or white, whichever has the greater contrast
   setScheme("light" | "dark") is called by the shell before it draws. */

const CIVIDIS = [[0, 34, 78], [18, 53, 112], [59, 73, 108], [87, 93, 109], [112, 113, 115], [138, 134, 120], [165, 156, 116], [195, 179, 105], [225, 204, 85], [254, 232, 56]];
const ENDS = {
  light: { zero: [255, 255, 255], low: [30, 94, 168], high: [200, 88, 0] },
  dark: { zero: [23, 26, 32], low: [92, 164, 240], high: [255, 152, 52] },
};
let ends = ENDS.light;

export function setScheme(name) {
  ends = ENDS[name];
}

const clamp = (x, low) => Math.min(1, Math.max(low, Number.isFinite(x) ? x : 0));
const mix = (a, b, share) => a.map((value, at) => Math.round(value + (b[at] - value) * share));

export function diverging(x) {
  const value = clamp(x, -1);
  return mix(ends.zero, value < 0 ? ends.low : ends.high, Math.abs(value));
}

export const tint = (x) => mix(ends.zero, ends.high, clamp(x, 0) * 0.85);

export function sequential(x) {
  const place = clamp(x, 0) * (CIVIDIS.length - 1);
  const below = Math.min(Math.floor(place), CIVIDIS.length - 2);
  return mix(CIVIDIS[below], CIVIDIS[below + 1], place - below);
}

export const SCALES = { diverging, sequential, tint };
export const css = (rgb) => `rgb(${rgb.join(" ")})`;

function luminance(rgb) {
  const [r, g, b] = rgb.map((value) => (value <= 10 ? value / 3294.6 : ((value / 255 + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

export const textOn = (rgb) => (luminance(rgb) > 0.179 ? "#000" : "#fff");
