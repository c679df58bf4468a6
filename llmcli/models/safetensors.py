"""Reading safetensors files as float32 arrays, bfloat16 included, without torch."""

import json
import struct
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from llmcli.arrays import Floats
from llmcli.errors import ModelUnsuitable

DTYPES = {"F32": np.float32, "F16": np.float16, "F64": np.float64, "BF16": np.uint16}


class Tensors:
    """The weights in one or more safetensors files, each read when it is needed.

    Source of the format: https://github.com/huggingface/safetensors#format
    """

    def __init__(self, paths: Iterable[Path]) -> None:
        self._entries: dict[str, tuple[Path, int, dict[str, Any]]] = {}
        """By name: the file, where its data starts, the entry in its header."""
        for path in paths:
            with path.open("rb") as file:
                (size,) = struct.unpack("<Q", file.read(8))
                header = json.loads(file.read(size))
            for name, entry in header.items():
                if name != "__metadata__":
                    self._entries[name] = (path, 8 + size, entry)

    def __contains__(self, name: str) -> bool:
        return name in self._entries

    def names(self) -> list[str]:
        """The names of all weights."""
        return list(self._entries)

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """The shape of each weight by its name."""
        return {name: tuple(entry["shape"]) for name, (_, _, entry) in self._entries.items()}

    def __getitem__(self, name: str) -> Floats:
        """One weight. Raises KeyError, and ModelUnsuitable if it is not of a float type."""
        path, start, entry = self._entries[name]
        if entry["dtype"] not in DTYPES:
            raise ModelUnsuitable(f"{path} stores {name} as {entry['dtype']}, not as floats")
        first, end = entry["data_offsets"]
        dtype = np.dtype(DTYPES[entry["dtype"]]).newbyteorder("<")
        count = (end - first) // dtype.itemsize
        raw = np.fromfile(path, dtype, count, offset=start + first)
        if entry["dtype"] == "BF16":  # the upper half of a float32
            raw = (raw.astype(np.uint32) << 16).view(np.float32)
        values: Floats = raw.astype(np.float32, copy=False).reshape(entry["shape"])
        return values
