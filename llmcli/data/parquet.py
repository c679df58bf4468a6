"""Records as Parquet, and their vectors as a NumPy array: files that are made at the end."""

import json
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from llmcli.data.rows import parquet_library
from llmcli.data.writers import Record, is_error

ROWS = 1024  # held at a time
Records = Callable[[], Iterator[Record]]


def write_parquet(records: Records, path: Path) -> None:
    """Write records, a few at a time. They are read three times, twice for the columns' types.

    A column whose values are of several types is one of text. Raises InputError without pyarrow.
    """
    parquet = parquet_library()
    import pyarrow

    types: dict[str, Any] = {}
    for some in _chunks(records()):
        for name in {name: None for record in some for name in record}:
            values = [record.get(name) for record in some]
            types[name] = _common(types.get(name, pyarrow.null()), _type_of(values))
    for some in _chunks(records()):  # a number may not fit into the type of its column
        for name, kind in types.items():
            if not _fits([record.get(name) for record in some], kind):
                types[name] = pyarrow.string()
    schema = pyarrow.schema(types.items())
    with parquet.ParquetWriter(path, schema) as writer:
        for some in _chunks(records()):
            columns = [
                pyarrow.array(_fitted([record.get(name) for record in some], kind), kind)
                for name, kind in types.items()
            ]
            writer.write_table(pyarrow.Table.from_arrays(columns, schema=schema))


def _chunks(records: Iterator[Record]) -> Iterator[list[Record]]:
    while some := list(islice(records, ROWS)):
        yield some


def _type_of(values: list[Any]) -> Any:
    import pyarrow

    try:
        found = pyarrow.infer_type(values)
    except (pyarrow.ArrowInvalid, pyarrow.ArrowTypeError, OverflowError):
        return pyarrow.string()
    if "struct<>" in str(found):  # an empty object, which Parquet cannot hold
        return pyarrow.string()
    return found


def _common(one: Any, other: Any) -> Any:
    import pyarrow

    try:
        schemas = [pyarrow.schema([("x", kind)]) for kind in (one, other)]
        return pyarrow.unify_schemas(schemas, promote_options="permissive").field("x").type
    except (pyarrow.ArrowInvalid, pyarrow.ArrowTypeError):
        return pyarrow.string()


def _fits(values: list[Any], kind: Any) -> bool:
    import pyarrow

    try:
        pyarrow.array(_fitted(values, kind), kind)
    except (pyarrow.ArrowInvalid, pyarrow.ArrowTypeError, OverflowError):
        return False
    return True


def _fitted(values: list[Any], kind: Any) -> list[Any]:
    import pyarrow

    if not pyarrow.types.is_string(kind):
        return values
    return [
        one if one is None or isinstance(one, str) else json.dumps(one, ensure_ascii=False)
        for one in values
    ]


def write_npy(records: Records, path: Path) -> None:
    """Write the embeddings as a float32 array (rows, D), row by row.

    A row that failed is one of NaN, so that the n-th row of the array is the n-th of the file.
    """
    import numpy

    count = width = 0
    for record in records():
        count += 1
        width = width or len(record.get("embedding", ()))
    header = {"descr": "<f4", "fortran_order": False, "shape": (count, width)}
    with path.open("wb") as file:
        numpy.lib.format.write_array_header_1_0(file, header)
        for record in records():
            values = [float("nan")] * width if is_error(record) else record["embedding"]
            file.write(numpy.asarray(values, "<f4").tobytes())
