"""The arrays in a result: by name for .npz, as lists for JSON."""

from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


def listed_values(value: Any) -> Any:
    """A value as JSON has it: arrays and tuples as lists, dataclasses as objects.

    Numbers that are not finite, which JSON does not have, become null.

    >>> listed_values((np.array([1.5, np.nan]), None))
    [[1.5, None], None]
    """
    if isinstance(value, np.ndarray):
        if value.dtype.kind != "f" or np.isfinite(value).all():
            return value.tolist()
        numbers = value.astype(object)
        numbers[~np.isfinite(value)] = None
        return numbers.tolist()
    if isinstance(value, np.generic):
        return listed_values(value.item())
    if isinstance(value, float):
        return value if np.isfinite(value) else None
    if isinstance(value, (tuple, list)):
        return [listed_values(item) for item in value]
    if isinstance(value, Mapping):
        return {str(key): listed_values(item) for key, item in value.items()}
    if is_dataclass(value) and not isinstance(value, type):
        own = getattr(value, "to_dict", None)
        if own is not None and "to_dict" in vars(type(value)):
            return listed_values(own())
        return {each.name: listed_values(getattr(value, each.name)) for each in fields(value)}
    return value


def arrays_of(value: Any, name: str = "") -> Iterator[tuple[str, NDArray[Any]]]:
    """The arrays of a result with their names: `field`, `field/part`, `field/0/part`.

    A dataclass with a method `named_arrays` gives the names of its parts itself.
    """
    if isinstance(value, np.ndarray):
        yield name, value
    elif isinstance(value, (tuple, list)):
        for at, item in enumerate(value):
            yield from arrays_of(item, _joined(name, str(at)))
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from arrays_of(item, _joined(name, str(key)))
    elif is_dataclass(value) and not isinstance(value, type):
        own = getattr(value, "named_arrays", None)
        named = ((each.name, getattr(value, each.name)) for each in fields(value))
        for part, item in named if own is None else own():
            yield from arrays_of(item, _joined(name, part))


def _joined(name: str, part: str) -> str:
    return f"{name}/{part}" if name else part
