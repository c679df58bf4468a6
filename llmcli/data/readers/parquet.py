"""Parquet, read by pyarrow a few rows at a time."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from llmcli.data.readers.base import Source
from llmcli.data.readers.checks import checked
from llmcli.data.rows import Row
from llmcli.data.unchanged import unchanged
from llmcli.errors import InputError
from llmcli.system.extras import load_extra

ROWS = 256  # held at a time
NANOSECONDS = ("timestamp[ns", "duration[ns")  # types whose values Python cannot hold


def read(source: Source) -> Iterator[Row]:
    """The rows of a Parquet file. Raises InputError for stdin, or without pyarrow."""
    if source.path == "-":
        raise InputError("Parquet is read from files only: reading it needs random access")
    parquet_library()
    return _rows(replace(source, unit="row"))


def _rows(source: Source) -> Iterator[Row]:
    parquet = parquet_library()
    from pyarrow import ArrowException

    with unchanged(source.path):
        try:
            with parquet.ParquetFile(source.path, pre_buffer=False) as file:
                source.require_columns(file.schema_arrow.names)
                number = 0
                for batch in file.iter_batches(batch_size=ROWS, use_threads=False):
                    for fields in _as_python(batch):
                        number += 1
                        yield checked(source, number, fields, number / file.metadata.num_rows)
        except (ArrowException, OSError, OverflowError) as error:
            raise InputError(f"{source.name} is damaged: {str(error).splitlines()[0]}") from None


def _as_python(batch: Any) -> list[dict[str, Any]]:
    """The rows of a batch as Python values; a column without such (nanoseconds) as text."""
    columns: dict[str, list[Any]] = {}
    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        is_text = str(column.type).startswith(
            NANOSECONDS
        )  # else pandas, if installed, gives its own
        try:
            columns[name] = (column.cast("string") if is_text else column).to_pylist()
        except ValueError:
            columns[name] = column.cast("string").to_pylist()
    return [
        dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)
    ]


def parquet_library() -> Any:
    """pyarrow.parquet. Raises InputError, with the pip line, where it is not installed."""
    return load_extra("pyarrow.parquet", "a Parquet file")
