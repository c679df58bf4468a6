"""Packs results for a page: arrays as base64 of raw deflate, everything else as JSON.

A field of a result's dataclass says how its array is packed by its metadata:
`field(metadata={"pack": "float16"})`; `packed()` does the same for an array that stands alone.
js/arrays.js reads all of it. Sizes: a page has at most LARGEST bytes, and by default about USUAL.
"""

import base64
import json
import math
import zlib
from dataclasses import fields, is_dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

Packing = Literal["float32", "float16", "int32", "uint8", "sqrt8", "sqrt8-lower", "omit"]
"""How an array is packed. sqrt8: 255 sqrt(w) rounded to a byte, for w from 0 to 1, such as weights
of attention; sqrt8-lower: of the last two axes (T, T) the lower triangle alone, diagonal included;
omit: the field is left out of the page."""

USUAL = 1_500_000
"""The bytes of a page that nobody asked to be larger."""
LARGEST = 5_000_000
"""The most bytes of a page: more takes a browser too long to open."""
BUDGET = {
    "tokens": 60_000,
    "attention": 450_000,
    "by-hand": 60_000,
    "layers": 120_000,
    "why": 100_000,
    "what-if": 80_000,
    "next-word": 240_000,
    "embeddings": 80_000,
    "alignment": 100_000,
}
"""Bytes of packed data of each section in a page of the usual size; the shell and the modules take
the rest."""


def pack(value: Any, packing: Packing | None = None) -> Any:
    """A value as JSON can hold it: dataclasses and mappings as objects, arrays packed.

    packing: of the arrays in it; without it float32 for fractions and int32 for whole numbers.
    Numbers that are not finite become {"number": "Infinity"}.
    """
    if isinstance(value, np.ndarray):
        return packed(value, packing)
    if isinstance(value, np.generic):
        return pack(value.item())
    if isinstance(value, float) and not math.isfinite(value):
        return {"number": "NaN" if math.isnan(value) else f"{'-' * (value < 0)}Infinity"}
    if isinstance(value, (list, tuple)):
        return [pack(item, packing) for item in value]
    if isinstance(value, dict):
        return {str(key): pack(item, packing) for key, item in value.items()}
    if is_dataclass(value) and not isinstance(value, type):
        ways = {each.name: each.metadata.get("pack", packing) for each in fields(value)}
        return {
            name: pack(getattr(value, name), way) for name, way in ways.items() if way != "omit"
        }
    return value


def packed(array: npt.NDArray[Any], packing: Packing | None = None) -> dict[str, Any]:
    """An array of any shape as {"array": base64, "dtype": ..., "shape": [...]}.

    packing: see Packing; sqrt8 and sqrt8-lower add {"sqrt": true} and {"lower": true}.
    """
    way = packing or ("float32" if array.dtype.kind == "f" else "int32")
    result: dict[str, Any] = {"shape": list(array.shape)}
    if way == "sqrt8-lower":
        rows, columns = np.tril_indices(array.shape[-1])
        array = array[..., rows, columns]
        result["lower"] = True
    if way.startswith("sqrt8"):
        array = np.rint(255 * np.sqrt(np.clip(array, 0, 1)))
        result["sqrt"] = True
        way = "uint8"
    data = np.ascontiguousarray(array, np.dtype(way).newbyteorder("<")).tobytes()
    compressor = zlib.compressobj(9, wbits=-15)
    deflated = compressor.compress(data) + compressor.flush()
    return {**result, "dtype": way, "array": base64.b64encode(deflated).decode("ascii")}


def packed_size(value: Any) -> int:
    """The bytes that a packed value takes in a page."""
    return len(as_json(value).encode())


def as_json(value: Any) -> str:
    """A packed value as JSON that may stand inside <script>: without any `<`."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    # U+2028 and U+2029 end a line for some readers.
    for character in "<\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text
