"""NumPy: the embeddings of all records as one array, and beside it the rest of the records."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

from llmcli.data.records import Record, is_error, to_json


def write(file: IO[bytes], records: Callable[[], Iterator[Record]], about: Record) -> None:
    """Write the embeddings as a float32 array (N, D), row by row.

    A failed row becomes NaNs, so that row n of the array belongs to row n of the file.
    """
    import numpy

    count = width = 0
    for record in records():
        count += 1
        width = width or len(record.get("embedding", ()))
    header = {"descr": "<f4", "fortran_order": False, "shape": (count, width)}
    numpy.lib.format.write_array_header_1_0(file, header)
    for record in records():
        values = [float("nan")] * width if is_error(record) else record["embedding"]
        file.write(numpy.asarray(values, "<f4").tobytes())


def write_beside(file: IO[bytes], records: Callable[[], Iterator[Record]], about: Record) -> None:
    """Write the records without their vectors, after a first line with `about`."""
    file.write(to_json({"about": about}).encode() + b"\n")
    for record in records():
        rest = {key: value for key, value in record.items() if key != "embedding"}
        file.write(to_json(rest).encode() + b"\n")


def rows_beside(path: Path) -> Path:
    """The file with the texts, ids and errors of the rows of an array: a line of JSON for each.

    >>> rows_beside(Path("faq.npy")).name
    'faq.npy.jsonl'
    """
    return path.with_name(path.name + ".jsonl")
