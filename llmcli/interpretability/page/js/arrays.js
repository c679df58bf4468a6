/* What page_data.pack made, read again.

   decode(value) -> the same value, each packed array as an NdArray: {data, shape}, data a typed array.
   array.at(1, 2) one number; array.row(1) the last axis as a typed array; array.part(1) the part [1] as an NdArray. */

export class NdArray {
  constructor(data, shape) {
    this.data = data;
    this.shape = shape;
    this.strides = shape.map((_, axis) => shape.slice(axis + 1).reduce((a, b) => a * b, 1));
  }
  start(index) {
    return index.reduce((sum, at, axis) => sum + at * this.strides[axis], 0);
  }
  at(...index) {
    return this.data[this.start(index)];
  }
  part(...index) {
    const first = this.start(index);
    const shape = this.shape.slice(index.length);
    return new NdArray(this.data.subarray(first, first + shape.reduce((a, b) => a * b, 1)), shape);
  }
  row(...index) {
    return this.part(...index).data;
  }
}

async function inflate(text) {
  const bytes = Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate-raw"));
  return new Response(stream).arrayBuffer();
}

/* IEEE 754 half precision, as Float32Array. */
export function fromHalf(halves) {
  return Float32Array.from(halves, (half) => {
    const sign = half & 0x8000 ? -1 : 1;
    const exponent = (half >> 10) & 31;
    const fraction = half & 1023;
    if (exponent === 0) return sign * fraction * 2 ** -24;
    if (exponent === 31) return fraction ? NaN : sign * Infinity;
    return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
  });
}

/* The lower triangle of the last two axes, row by row -> whole squares with zeros above. */
function square(values, shape) {
  const size = shape[shape.length - 1];
  const whole = new Float32Array(shape.reduce((a, b) => a * b, 1));
  let from = 0;
  for (let to = 0; to < whole.length; to += size * size)
    for (let row = 0; row < size; row += 1)
      for (let column = 0; column <= row; column += 1) whole[to + row * size + column] = values[from++];
  return whole;
}

const KINDS = { float32: Float32Array, float16: Uint16Array, int32: Int32Array, uint8: Uint8Array };

async function unpack(packed) {
  let data = new KINDS[packed.dtype](await inflate(packed.array));
  if (packed.dtype === "float16") data = fromHalf(data);
  if (packed.sqrt) data = Float32Array.from(data, (value) => (value / 255) ** 2);
  if (packed.lower) data = square(data, packed.shape);
  return new NdArray(data, packed.shape);
}

export async function decode(value) {
  if (Array.isArray(value)) return Promise.all(value.map(decode));
  if (value === null || typeof value !== "object") return value;
  if (["NaN", "Infinity", "-Infinity"].includes(value.number) && Object.keys(value).length === 1) return Number(value.number);
  if ("array" in value && "dtype" in value) return unpack(value);
  const entries = await Promise.all(Object.entries(value).map(async ([key, item]) => [key, await decode(item)]));
  return Object.fromEntries(entries);
}
