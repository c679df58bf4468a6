"""Files of vectors that `llmcli embed` wrote, read a stretch at a time."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from llmcli.arrays import Floats
from llmcli.data.formats import suffix_of
from llmcli.data.readers.parquet import parquet_library
from llmcli.data.records import ERROR, Record
from llmcli.data.rows import Row
from llmcli.data.unchanged import unchanged
from llmcli.data.writers.npy import rows_beside
from llmcli.data.writers.parquet import ABOUT
from llmcli.errors import InputError

ROWS = 4096  # held at a time
VECTOR = "embedding"
OWN = ("row", "text", VECTOR, "overflow", "unknown", ERROR)
"""The fields of a record that are not those of the row that was read."""

RowAt = Callable[[int], Row]
"""The row of a vector, by its place in a stretch."""


@dataclass(frozen=True, slots=True)
class VectorFile:
    """A file of vectors, and what it says of them."""

    path: str
    about: Record
    """How they were made; empty if the file does not say."""
    size: int
    """Numbers in a vector."""
    _stretches: Callable[[], Iterator[tuple[Floats, RowAt]]]

    def stretches(self, limit: int | None = None) -> Iterator[tuple[Floats, RowAt]]:
        """Vectors (N, D) with a function that gives the row of each; failed rows are left out.

        limit: of the rows of the file. Raises InputError where the file is damaged.
        """
        left = limit
        for vectors, row_at in self._stretches():
            if left is not None:
                vectors, left = vectors[:left], max(0, left - len(vectors))
            places = np.flatnonzero(np.isfinite(vectors).all(1))
            yield vectors[places], _at_places(row_at, places.tolist())
            if left == 0:
                return


def _at_places(row_at: RowAt, places: list[int]) -> RowAt:
    return lambda at: row_at(places[at])


def open_vectors(path: str) -> VectorFile | None:
    """Open a .npy file, or a .parquet file with a column of vectors; None for any other file.

    Raises InputError for one that cannot be read.
    """
    if suffix_of(path) == ".npy":
        return _open_npy(Path(path))
    if suffix_of(path) == ".parquet":
        return _open_parquet(path)
    return None


def _open_npy(path: Path) -> VectorFile:
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise InputError(f"cannot read {path}: {reason}") from None
    if array.ndim != 2 or array.dtype.kind != "f":
        raise InputError(f"{path} holds {array.dtype} of shape {array.shape}: no vectors (N, D)")
    lines = _lines_beside(path, len(array))
    about = json.loads(lines[0])["about"] if lines else {}

    def row_at(at: int) -> Row:
        if len(lines) < 2:
            return Row(at + 1, "")
        return _row(json.loads(lines[at + 1]), at + 1)

    def stretches() -> Iterator[tuple[Floats, RowAt]]:
        for start, part in _parts(path, array):
            yield part, lambda at, start=start: row_at(start + at)  # type: ignore[misc]

    return VectorFile(str(path), about, array.shape[1], stretches)


def _parts(path: Path, array: Any) -> Iterator[tuple[int, Floats]]:
    """The vectors of a file, and the place of the first of each part.

    array: the file as it is mapped into memory. It is read by other means where its rows lie one
    after another: a mapped file that shrinks ends the process.
    """
    count, size = array.shape
    with path.open("rb") as file, unchanged(str(path), file):
        file.seek(array.offset)
        for start in range(0, count, ROWS):
            part = array[start : start + ROWS]
            if array.flags.c_contiguous:
                wanted = min(ROWS, count - start) * size
                part = np.fromfile(file, array.dtype, wanted)
                if part.size < wanted:
                    raise InputError(f"{path} is damaged: it ends early")
                part = part.reshape(-1, size)
            yield start, np.asarray(part, np.float32)


def _lines_beside(path: Path, count: int) -> list[str]:
    """The lines of the file beside an array; none if it is not there.

    Raises InputError where it belongs to another array.
    """
    beside = rows_beside(path)
    if not beside.is_file():
        return []
    lines = beside.read_text(encoding="utf-8").removesuffix("\n").split("\n")
    if len(lines) != count + 1:
        raise InputError(
            f"{beside} has {len(lines) - 1:,} rows and {path.name} {count:,} vectors: they are not "
            "of the same run; embed the texts again"
        )
    return lines


def _open_parquet(path: str) -> VectorFile | None:
    parquet = parquet_library()
    import pyarrow

    try:
        file = parquet.ParquetFile(path, pre_buffer=False)
    except (pyarrow.ArrowException, OSError) as error:
        raise InputError(f"cannot read {path}: {str(error).splitlines()[0]}") from None
    schema = file.schema_arrow
    if VECTOR not in schema.names or not _is_vector(schema.field(VECTOR).type):
        return None
    metadata = schema.metadata or {}
    about = json.loads(metadata.get(ABOUT.encode(), b"{}"))

    def stretches() -> Iterator[tuple[Floats, RowAt]]:
        before = 0
        with unchanged(path):
            for batch in file.iter_batches(batch_size=ROWS, use_threads=False):
                rest = batch.drop_columns([VECTOR])
                yield (
                    _matrix(path, batch.column(VECTOR)),
                    lambda at, rest=rest, before=before: _row(  # type: ignore[misc]
                        rest.slice(at, 1).to_pylist()[0], before + at + 1
                    ),
                )
                before += batch.num_rows

    first = next((vectors for vectors, _ in stretches() if np.isfinite(vectors).any()), None)
    return VectorFile(path, about, 0 if first is None else first.shape[1], stretches)


def _is_vector(kind: Any) -> bool:
    import pyarrow

    is_list = pyarrow.types.is_list(kind) or pyarrow.types.is_large_list(kind)
    is_list |= pyarrow.types.is_fixed_size_list(kind)
    return bool(is_list and pyarrow.types.is_floating(kind.value_type))


def _matrix(path: str, column: Any) -> Floats:
    """A column of lists as (N, D), with NaN in place of null."""
    import pyarrow
    from pyarrow import compute

    there = column.is_valid().to_numpy(zero_copy_only=False)
    vectors = column.filter(pyarrow.array(there))
    values = vectors.flatten().to_numpy(zero_copy_only=False).astype(np.float32)
    count = len(vectors)
    size = len(values) // count if count else 0
    lengths = compute.list_value_length(vectors).to_numpy(zero_copy_only=False)
    if (lengths != size).any():
        raise InputError(f"{path} has vectors of several lengths: they cannot be compared")
    matrix = np.full((len(column), size), np.nan, np.float32)
    matrix[there] = values.reshape(count, size)
    return matrix


def _row(record: Record, place: int) -> Row:
    """The row that a record was made of, with the text that was embedded."""
    fields = {key: value for key, value in record.items() if key not in OWN}
    return Row(record.get("row") or place, str(record.get("text") or ""), fields)
