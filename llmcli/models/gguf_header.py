"""The header of a GGUF file: its settings and its list of tensors, read in a moment.

Arrays, such as the 49,152 tokens of a vocabulary, are counted and not read.
Source of the format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
"""

import mmap
import struct
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from llmcli.errors import ModelUnsuitable
from llmcli.models.checkpoint import Checkpoint, check_gguf
from llmcli.system.resource_errors import scarce_resource

SCALARS = dict(enumerate("BbHhIif?", 0)) | {10: "Q", 11: "q", 12: "d"}
"""The types of single values, by their numbers, as the struct module names them."""
STRING, ARRAY = 8, 9
FLOATS = {1: "float16", 30: "bfloat16"}
"""Types of tensors whose weights have 16 bits; unpacked, all others are float32."""
VERSIONS = (2, 3)
MOST_DIMENSIONS = 8
ALIGNMENT = 32  # bytes, unless the file states another one


@dataclass(frozen=True, slots=True)
class Tensor:
    """What a header says of a tensor."""

    name: str
    shape: tuple[int, ...]
    """The innermost dimension first, as the file has it."""
    type: int
    """The number of its type, such as 3 for Q4_1."""
    start: int
    """Where its data begins, in bytes from the beginning of the file."""

    @property
    def count(self) -> int:
        """The number of weights."""
        count = 1
        for size in self.shape:
            count *= size
        return count


@dataclass(frozen=True, slots=True)
class Header:
    """The header of a GGUF file."""

    settings: dict[str, Any]
    """By key; of an array, the number of its elements."""
    tensors: tuple[Tensor, ...]

    @property
    def architecture(self) -> str:
        """The name of the architecture, such as llama."""
        return str(self.settings.get("general.architecture"))

    @property
    def types(self) -> set[int]:
        """The numbers of the types of its tensors."""
        return {tensor.type for tensor in self.tensors}

    @property
    def dtype(self) -> str:
        """What the weights are as floats, such as "float16, float32"."""
        return ", ".join(sorted({FLOATS.get(kind, "float32") for kind in self.types}))

    @property
    def unpacked_bytes(self) -> int:
        """Bytes of the weights as floats."""
        return sum(tensor.count * (2 if tensor.type in FLOATS else 4) for tensor in self.tensors)


def read_header(checkpoint: Checkpoint) -> Header:
    """Read the header. Raises ModelUnsuitable if it is damaged."""
    check_gguf(checkpoint)
    path = checkpoint.path
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            return _Reader(data).header()
    except (ValueError, struct.error) as error:
        raise ModelUnsuitable(f"{path} is damaged: {error}; copy it again") from None
    except OSError as error:
        reason = ModelUnsuitable(f"cannot read {path}: {error.strerror or error}")
        raise scarce_resource(error) or reason from None


def require_whole(
    checkpoint: Checkpoint, header: Header, sizes: Mapping[int, tuple[int, int]]
) -> None:
    """Raise ModelUnsuitable if the data of a tensor is not in the file, or of an unknown type.

    sizes: by the number of a type, the weights in a block and its bytes.
    """
    size = checkpoint.path.stat().st_size
    for tensor in header.tensors:
        if tensor.type not in sizes:
            fault = f"has {tensor.name:.80} in the unknown type {tensor.type}"
            raise ModelUnsuitable(f"{checkpoint.path} {fault}: a newer gguf package may know it")
        weights, block = sizes[tensor.type]
        if tensor.start + tensor.count // weights * block > size:
            raise ModelUnsuitable(
                f"{checkpoint.path} is damaged: it is cut off in {tensor.name:.80}; copy it again"
            )


class _Reader:
    """Reads values one after another."""

    def __init__(self, data: mmap.mmap) -> None:
        self._data = data
        self._at = 4  # behind the letters GGUF
        version = int(struct.unpack_from("<I", data, 4)[0])
        self._order = ">" if version & 0xFFFF == 0 else "<"

    def header(self) -> Header:
        version = self._value("I")
        if version not in VERSIONS:
            raise ValueError(f"it states version {version} of the format")
        tensors, settings = self._value("Q"), self._value("Q")
        self._require(tensors * 24 + settings * 13)  # the least that each takes
        known = {}
        for _ in range(settings):
            key = self._string()
            known[key] = self._setting(self._value("I"))
        listed = [self._tensor() for _ in range(tensors)]
        alignment = known.get("general.alignment", ALIGNMENT)
        if not isinstance(alignment, int) or alignment < 1:
            raise ValueError(f"it states an alignment of {alignment!r:.40}")
        start = -(-self._at // alignment) * alignment
        return Header(known, tuple(replace(each, start=start + each.start) for each in listed))

    def _setting(self, kind: int) -> Any:
        if kind == STRING:
            return self._string()
        if kind == ARRAY:
            return self._skip_array()
        if kind not in SCALARS:
            raise ValueError(f"it has a setting of the unknown type {kind}")
        return self._value(SCALARS[kind])

    def _skip_array(self, depth: int = 1) -> int:
        """Go to the end of an array; return the number of its elements."""
        kind, count = self._value("I"), self._value("Q")
        if kind == STRING:
            self._require(count * 8)
            for _ in range(count):
                self._skip(self._value("Q"))
        elif kind in SCALARS:
            self._skip(count * struct.calcsize(SCALARS[kind]))
        elif kind == ARRAY and depth < MOST_DIMENSIONS:
            self._require(count * 12)
            for _ in range(count):
                self._skip_array(depth + 1)
        else:
            raise ValueError(f"it has an array of the unknown type {kind}")
        return int(count)

    def _tensor(self) -> Tensor:
        name, dimensions = self._string(), self._value("I")
        if dimensions > MOST_DIMENSIONS:
            raise ValueError(f"the tensor {name:.80} has {dimensions} dimensions")
        shape = tuple(self._value("Q") for _ in range(dimensions))
        return Tensor(name, shape, self._value("I"), self._value("Q"))

    def _string(self) -> str:
        size = self._value("Q")
        start = self._at
        self._skip(size)
        return self._data[start : self._at].decode()

    def _value(self, code: str) -> Any:
        (value,) = struct.unpack_from(self._order + code, self._data, self._at)
        self._at += struct.calcsize(code)
        return value

    def _skip(self, size: int) -> None:
        self._require(size)
        self._at += size

    def _require(self, size: int) -> None:
        """Raise ValueError unless the file has `size` more bytes."""
        if size > len(self._data) - self._at:
            raise ValueError("it is cut off")
