"""NumPy: the embeddings of all records as one array."""

from collections.abc import Callable, Iterator
from pathlib import Path

from llmcli.data.records import Record, is_error


def write(path: Path, records: Callable[[], Iterator[Record]]) -> None:
    """Write the embeddings as a float32 array (N, D), row by row.

    A failed row becomes NaNs, so that row n of the array belongs to row n of the file.
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
