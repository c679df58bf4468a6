"""Parquet, written by pyarrow a few records at a time."""

import json
from collections.abc import Callable, Iterator
from itertools import islice
from typing import IO, Any

from llmcli.data.readers.parquet import parquet_library
from llmcli.data.records import Record

ROWS = 1024  # held at a time
VECTOR = "embedding"  # the column of vectors
ABOUT = "llmcli"
"""The entry of the file's metadata that says how its records were made."""


def write(file: IO[bytes], records: Callable[[], Iterator[Record]], about: Record) -> None:
    """Write records; they are read three times, twice to find the types of the columns.

    about: how they were made; kept in the file's metadata.
    A column with values of several types becomes text. Raises InputError without pyarrow.
    """
    parquet = parquet_library()
    import pyarrow

    types = _column_types(records)
    if about and VECTOR in types:
        types[VECTOR] = _vector_type(records) or types[VECTOR]
    metadata = {ABOUT: json.dumps(about, ensure_ascii=False)} if about else None
    schema = pyarrow.schema(types.items(), metadata)
    with parquet.ParquetWriter(file, schema) as writer:
        for chunk in _chunks(records()):
            columns = [
                pyarrow.array(_fitted([record.get(name) for record in chunk], kind), kind)
                for name, kind in types.items()
            ]
            writer.write_table(pyarrow.Table.from_arrays(columns, schema=schema))


def _vector_type(records: Callable[[], Iterator[Record]]) -> Any:
    """The type of vectors: float32, as models compute them, all of one length; None if not."""
    import pyarrow

    widths = {len(record[VECTOR]) for record in records() if record.get(VECTOR) is not None}
    return pyarrow.list_(pyarrow.float32(), widths.pop()) if len(widths) == 1 else None


def _column_types(records: Callable[[], Iterator[Record]]) -> dict[str, Any]:
    import pyarrow

    types: dict[str, Any] = {}
    for chunk in _chunks(records()):
        for name in {name: None for record in chunk for name in record}:
            values = [record.get(name) for record in chunk]
            types[name] = _common_type(types.get(name, pyarrow.null()), _type_of(values))
    for chunk in _chunks(records()):  # a number may not fit into the type of its column
        for name, kind in types.items():
            if not _fits([record.get(name) for record in chunk], kind):
                types[name] = pyarrow.string()
    return types


def _chunks(records: Iterator[Record]) -> Iterator[list[Record]]:
    while chunk := list(islice(records, ROWS)):
        yield chunk


def _type_of(values: list[Any]) -> Any:
    import pyarrow

    try:
        kind = pyarrow.infer_type(values)
    except (pyarrow.ArrowInvalid, pyarrow.ArrowTypeError, OverflowError):
        return pyarrow.string()
    if "struct<>" in str(kind):  # an empty object, which Parquet cannot hold
        return pyarrow.string()
    return kind


def _common_type(first: Any, second: Any) -> Any:
    import pyarrow

    try:
        schemas = [pyarrow.schema([("x", kind)]) for kind in (first, second)]
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
        value if value is None or isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        for value in values
    ]
