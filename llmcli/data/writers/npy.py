"""NumPy: the embeddings of all records as one array, and beside it the rest of the records."""

from collections.abc import Callable, Iterator
from pathlib import Path

from llmcli.data.records import Record, is_error, to_json


def write(path: Path, records: Callable[[], Iterator[Record]], about: Record) -> None:
    """Write the embeddings as a float32 array (N, D), row by row.

    A failed row becomes NaNs, so that row n of the array belongs to row n of the file. The records
    without their vectors go into a file beside it, after a first line with `about`.
    """
    import numpy

    count = width = 0
    beside = rows_beside(path.with_name(path.name.removesuffix(".new")))
    new = beside.with_name(beside.name + ".new")
    with new.open("w", encoding="utf-8") as file:
        file.write(to_json({"about": about}) + "\n")
        for record in records():
            count += 1
            width = width or len(record.get("embedding", ()))
            rest = {key: value for key, value in record.items() if key != "embedding"}
            file.write(to_json(rest) + "\n")
    header = {"descr": "<f4", "fortran_order": False, "shape": (count, width)}
    with path.open("wb") as array:
        numpy.lib.format.write_array_header_1_0(array, header)
        for record in records():
            values = [float("nan")] * width if is_error(record) else record["embedding"]
            array.write(numpy.asarray(values, "<f4").tobytes())
    new.replace(beside)


def rows_beside(path: Path) -> Path:
    """The file with the texts, ids and errors of the rows of an array: a line of JSON for each.

    >>> rows_beside(Path("faq.npy")).name
    'faq.npy.jsonl'
    """
    return path.with_name(path.name + ".jsonl")
