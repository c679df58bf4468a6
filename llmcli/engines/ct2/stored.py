"""Weights of a conversion that are read from the checkpoint when they are written, one at a time.

So a conversion takes little more memory than the largest weight, in place of all of them.
"""

from collections.abc import Callable, Hashable
from typing import Any

import numpy as np
from ctranslate2.specs.model_spec import OPTIONAL, NumpyVariable, Variable

from llmcli.arrays import Floats

ROWS = 1024  # that are quantized at a time
LARGEST = 127.0  # of the numbers that weights in int8 are
SMALLEST_SCALED = np.float32(LARGEST) / np.finfo(np.float32).max


class Stored(Variable):  # type: ignore[misc]
    """A weight in float32, which is read each time that it is needed."""

    dtype = "float32"

    def __init__(self, shape: tuple[int, ...], read: Callable[[], Floats], key: Hashable) -> None:
        """read: gives an array of this shape. key: two weights with the same one are the same."""
        self._shape, self._read, self._key = shape, read, key
        self._first: Any = None

    @property
    def shape(self) -> tuple[int, ...]:
        """Its shape, for which nothing is read."""
        return self._shape

    def changed(self, change: Callable[[Floats], Floats], key: Hashable) -> "Stored":
        """The same weight with its rows in another order. key: names the order."""
        return Stored(self._shape, lambda: change(self._read()), (self._key, key))

    def numpy(self) -> Floats:
        """The weight, read now."""
        return np.ascontiguousarray(self._read())

    def num_bytes(self) -> int:
        """Its size in model.bin."""
        return int(np.prod(self._shape)) * np.dtype(self.dtype).itemsize

    def to_bytes(self) -> Any:
        """What model.bin stores of it, without a copy."""
        return self.numpy().data.cast("B")

    def _to(self, dtype: str) -> Variable:
        raise NotImplementedError(f"weights stay {self.dtype}, not {dtype}")

    def _equal(self, other: "Stored") -> bool:
        """Whether both hold the same numbers; those that differ mostly do so in the first one."""
        if self._key == other._key:
            return True
        if self._shape != other._shape or self._begins() != other._begins():
            return False
        return np.array_equal(self.numpy(), other.numpy())

    def _begins(self) -> Any:
        if self._first is None:
            self._first = self.numpy().flat[0]
        return self._first


class Quantized(Stored):
    """A weight (N, M) as 8-bit integers; each row is scaled so that its largest number is 127."""

    dtype = "int8"

    def __init__(self, weight: Stored | NumpyVariable) -> None:
        super().__init__(tuple(weight.shape), weight.numpy, None)
        values = weight.numpy()
        largest = np.maximum(values.max(axis=1), -values.min(axis=1))  # (N,)
        largest[largest == 0] = LARGEST
        self.scale = NumpyVariable(LARGEST / np.maximum(largest, SMALLEST_SCALED))

    def numpy(self) -> Any:
        """The integers (N, M), computed now."""
        values, scale = self._read(), self.scale.numpy()
        integers = np.empty(values.shape, np.int8)
        for at in range(0, len(values), ROWS):
            rows = slice(at, at + ROWS)
            integers[rows] = np.rint(values[rows] * scale[rows, None])
        return integers


def quantize(spec: Any) -> None:
    """Make each weight of a specification that can be in int8 a Quantized, with its scale.

    CTranslate2's own way would hold all weights at once.
    """
    for name, value in list(vars(spec).items()):
        if name.startswith("_") or (isinstance(value, str) and value == OPTIONAL):
            continue
        if isinstance(value, list):
            for part in value:
                quantize(part)
        elif isinstance(value, Variable):
            if hasattr(spec, f"{name}_scale") and len(value.shape) == 2:
                quantized = Quantized(value)
                setattr(spec, name, quantized)
                setattr(spec, f"{name}_scale", quantized.scale)
        elif hasattr(value, "validate"):  # a layer
            quantize(value)
