"""Outputs of models as JSON, from which exactly the same outputs are made again.

Arrays keep their bytes, numbers all their digits, tuples stay tuples. Dataclasses are read again if
they are `storable`: nothing that is read can make another object, or run code. numpy is imported
where there are arrays.
"""

from collections.abc import Sequence
from dataclasses import fields, is_dataclass
from typing import Any

from llmcli.data.rows import Row
from llmcli.data.storable import KINDS


def to_stored(outputs: Sequence[Any]) -> Any:
    """Outputs as JSON has them. Raises TypeError for an object of an unknown kind."""
    first: Any = outputs[0] if outputs else None
    if getattr(first, "ndim", 0) and all(
        getattr(output, "shape", None) == first.shape and output.dtype == first.dtype
        for output in outputs
    ):
        import numpy as np

        return {"each": _stored(np.stack(outputs))}
    return [_stored(output) for output in outputs]


def from_stored(stored: Any, rows: Sequence[Row]) -> list[Any]:
    """The outputs again. rows: the row of each, which is not stored with it."""
    if isinstance(stored, dict):
        return list(_restored(stored["each"], None))
    return [_restored(value, row) for value, row in zip(stored, rows, strict=True)]


def _stored(value: Any) -> Any:
    if value is None or isinstance(value, (bool, str)) or type(value) in (int, float):
        return value
    if hasattr(value, "dtype"):  # an array, or a number of numpy
        import base64

        import numpy as np

        array = np.ascontiguousarray(value)
        numbers = base64.b64encode(array.tobytes()).decode("ascii")
        return {"array": numbers, "dtype": array.dtype.str, "shape": np.shape(value)}
    if isinstance(value, Row):
        return {"row": None}
    if isinstance(value, list):
        return [_stored(item) for item in value]
    if isinstance(value, tuple):
        return {"tuple": [_stored(item) for item in value]}
    if is_dataclass(value) and KINDS.get(type(value).__name__) is type(value):
        content = {each.name: _stored(getattr(value, each.name)) for each in fields(value)}
        return {"kind": type(value).__name__, "fields": content}
    raise TypeError(f"{type(value).__name__} is not storable")


def _restored(value: Any, row: Row | None) -> Any:
    if isinstance(value, list):
        return [_restored(item, row) for item in value]
    if not isinstance(value, dict):
        return value
    if "array" in value:
        import base64

        import numpy as np

        numbers = base64.b64decode(value["array"])
        array = np.frombuffer(numbers, np.dtype(value["dtype"])).reshape(value["shape"])
        return array.copy() if array.ndim else array[()]
    if "row" in value:
        return row
    if "tuple" in value:
        return tuple(_restored(item, row) for item in value["tuple"])
    content = {name: _restored(item, row) for name, item in value["fields"].items()}
    return KINDS[value["kind"]](**content)
