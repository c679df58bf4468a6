"""Vectors."""

from pathlib import Path

from tests.inputs.case import Case, Write

SEARCH = "embed -m {tiny_encoder} -q --json --query cat -i "


def array(*shape: int) -> Write:
    """Writes an array of ones."""

    def write(path: Path) -> None:
        import numpy

        numpy.save(path, numpy.ones(shape, "float32"))

    return write


def table(path: Path) -> None:
    """Write texts with a column of vectors."""
    import pyarrow
    from pyarrow import parquet

    vectors = [[1.0] * 8, [-1.0] * 8]
    parquet.write_table(pyarrow.table({"text": ["the cat", "a dog"], "embedding": vectors}), path)


CASES = (
    Case(
        form="an array of vectors in a .npy file, to be searched",
        files={"a.npy": array(2, 8)},
        runs=(SEARCH + "a.npy",),
        says='"row": 2',
    ),
    Case(
        form="a .parquet file with a column of vectors, to be searched",
        files={"a.parquet": table},
        runs=(SEARCH + "a.parquet",),
        says='"text": "the cat"',
    ),
    Case(
        form="vectors of another size than the model makes",
        files={"a.npy": array(2, 7)},
        runs=(SEARCH + "a.npy",),
        says="vectors of 7 numbers",
        code=3,
    ),
    Case(
        form="an array that holds no vectors",
        files={"a.npy": array(8)},
        runs=(SEARCH + "a.npy",),
        says="no vectors (N, D)",
        code=3,
    ),
    Case(
        form="vectors where texts are needed",
        files={"a.npy": array(2, 8)},
        runs=("classify -m {tiny_classifier} -q --json -i a.npy",),
        says="holds vectors, not texts",
        code=3,
    ),
)
