"""Writing a safetensors file one weight at a time, so that not all need memory at once.

The header comes first in such a file, and its length is stated before it. So room is left for it,
which spaces fill: source of the format: https://github.com/huggingface/safetensors#format
"""

import json
import struct
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from llmcli.system import own_files

TYPES = {"float32": "F32", "float16": "F16", "uint16": "BF16"}
"""How the values of an array are called in the header; numpy has no bfloat16."""
ENTRY = 120  # bytes of an entry in the header beside the name, more than it can have


def write_safetensors(path: Path, weights: Iterable[tuple[str, Any]], names: Iterable[str]) -> None:
    """Write a file, whole or not at all.

    weights: each a name and an array of float32, of float16, or of bfloat16 as uint16. names: of
    all of them. Raises OSError.
    """
    room = 8 + sum(len(json.dumps(name)) + ENTRY for name in names) + ENTRY
    room += -room % 64
    entries: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    with own_files.replacing(path) as file:
        file.seek(room)
        at = 0
        for name, values in weights:
            contents = values.astype(values.dtype.newbyteorder("<"), order="C", copy=False)
            entries[name] = {
                "dtype": TYPES[values.dtype.name],
                "shape": values.shape,
                "data_offsets": (at, at + values.nbytes),
            }
            if values.size:
                file.write(memoryview(contents).cast("B"))
            at += values.nbytes
        header = json.dumps(entries).encode()
        file.seek(0)
        file.write(struct.pack("<Q", room - 8) + header.ljust(room - 8))
