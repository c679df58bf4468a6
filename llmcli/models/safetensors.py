"""Reading safetensors files as float32 arrays, bfloat16 included, without torch.

The safetensors library checks a file: that its header is valid, and that the tensors fill the rest
without gaps. It has no bfloat16 for numpy, so the values are read here.
"""

import json
import re
import struct
from collections.abc import Iterable
from pathlib import Path
from typing import IO, Any

import numpy as np
from safetensors import SafetensorError, safe_open

from llmcli.arrays import Floats
from llmcli.errors import ModelUnsuitable
from llmcli.system.resource_errors import scarce_resource

DTYPES = {"F32": np.float32, "F16": np.float16, "F64": np.float64, "BF16": np.uint16}
EXPONENTS = {
    "F64": ("<u8", 0x7FFF_FFFF_FFFF_FFFF, 0x7FF0_0000_0000_0000),
    "F32": ("<u4", 0x7FFF_FFFF, 0x7F80_0000),
    "C64": ("<u4", 0x7FFF_FFFF, 0x7F80_0000),
    "F16": ("<u2", 0x7FFF, 0x7C00),
    "BF16": ("<u2", 0x7FFF, 0x7F80),
    "F8_E5M2": ("u1", 0x7F, 0x7C),
    "F8_E4M3": ("u1", 0x7F, 0x7F),
}
"""Types of floats: the integer of the same size, all of its bits but the sign, and the smallest
value of these bits that stands for no finite number."""
CHUNK = 1 << 20  # bytes that are examined at a time, which stay in the processor's cache


class Tensors:
    """The weights in one or more safetensors files, each read when it is needed.

    Source of the format: https://github.com/huggingface/safetensors#format
    """

    def __init__(self, paths: Iterable[Path]) -> None:
        """Read the headers. Raises ModelUnsuitable for a damaged file."""
        self._entries: dict[str, tuple[Path, int, dict[str, Any]]] = {}
        """By name: the file, where its data starts, the entry in its header."""
        for path in paths:
            start, header = _header(path)
            self._entries |= {name: (path, start, entry) for name, entry in header.items()}

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

    def first_not_finite(self, ignored: re.Pattern[str]) -> str | None:
        """The name of the first weight that holds NaN or an infinite number; None: all are finite.

        Reads all floats, a gigabyte in about half a second. ignored: names that are left out.
        """
        buffer = bytearray(CHUNK)
        for name, (path, start, entry) in self._entries.items():
            if entry["dtype"] not in EXPONENTS or ignored.search(name):
                continue
            first, end = entry["data_offsets"]
            with path.open("rb", buffering=0) as file:
                file.seek(start + first)
                if not _is_finite(file, end - first, entry["dtype"], buffer):
                    return name
        return None


def _header(path: Path) -> tuple[int, dict[str, Any]]:
    """Where the data of a file starts, and the entries of its weights."""
    try:
        with safe_open(path, framework="numpy"), path.open("rb") as file:
            (size,) = struct.unpack("<Q", file.read(8))
            header = json.loads(file.read(size))
    except SafetensorError as error:
        raise ModelUnsuitable(f"{path} is damaged: {error}") from None
    except OSError as error:
        reason = ModelUnsuitable(f"cannot read {path}: {error.strerror or error}")
        raise scarce_resource(error) or reason from None
    header.pop("__metadata__", None)
    return 8 + size, header


def _is_finite(file: IO[bytes], size: int, dtype: str, buffer: bytearray) -> bool:
    """Whether the next `size` bytes of a file, floats of a type, hold finite numbers only."""
    integer, bits, limit = EXPONENTS[dtype]
    values, view = np.frombuffer(buffer, integer), memoryview(buffer)
    while size > 0:
        count = file.readinto(view[: min(size, CHUNK)])  # type: ignore[attr-defined]
        if not count:  # cut off since the header was read
            return False
        part = values[: count // values.itemsize]
        np.bitwise_and(part, bits, out=part)
        if part.max(initial=0) >= limit:
            return False
        size -= count
    return True
