"""Files that are changed while they are read: the reader says so, and nothing is finished."""

import gzip
import json
import os

import numpy as np
import pytest

from llmcli.data.readers import read_rows
from llmcli.data.text_files import open_text
from llmcli.data.unchanged import InputChanged
from llmcli.data.vectors import open_vectors

COUNT = 30_000  # more than a reader holds


def write_rows(path, count=COUNT):
    """Write a file of `count` rows in the format that its name says."""
    texts = [f"text {number}" for number in range(count)]
    if path.suffix == ".parquet":
        import pyarrow
        from pyarrow import parquet

        parquet.write_table(pyarrow.table({"text": texts}), path, row_group_size=1000)
        return
    lines = {
        ".txt": lambda: [*texts],
        ".csv": lambda: ["text", *texts],
        ".tsv": lambda: ["text", *texts],
        ".jsonl": lambda: [json.dumps({"text": text}) for text in texts],
        ".json": lambda: ["[" + ",".join(json.dumps({"text": text}) for text in texts) + "]"],
        ".gz": lambda: [*texts],
    }[path.suffix]()
    content = "".join(f"{line}\n" for line in lines).encode()
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)


def shrink(path):
    os.truncate(path, path.stat().st_size // 2)


def grow(path):
    with path.open("ab") as file:
        file.write(b"\n")


def replace(path):
    new = path.with_name(f"new-{path.name}")
    write_rows(new, COUNT // 2)
    new.replace(path)


def rewrite(path):
    os.utime(path, ns=(0, 0))


CHANGES = {shrink: "shrank from", grow: "grew from", replace: "was replaced", rewrite: "was writ"}


@pytest.mark.parametrize("name", ["a.txt", "a.csv", "a.tsv", "a.jsonl", "a.json", "a.txt.gz"])
@pytest.mark.parametrize("change", CHANGES)
def test_a_file_that_changes_while_it_is_read_is_refused(tmp_path, name, change):
    path = tmp_path / name
    write_rows(path)
    rows = read_rows(str(path))
    next(rows)
    change(path)
    with pytest.raises(InputChanged, match=CHANGES[change]):
        list(rows)


@pytest.mark.parametrize("change", CHANGES)
def test_so_is_parquet(tmp_path, change):
    path = tmp_path / "a.parquet"
    write_rows(path)
    rows = read_rows(str(path))
    next(rows)
    change(path)
    with pytest.raises(InputChanged, match=CHANGES[change]):
        list(rows)


def test_so_are_vectors_and_whole_texts(tmp_path):
    path = tmp_path / "a.npy"
    np.save(path, np.ones((9000, 3), np.float32))
    stretches = open_vectors(str(path)).stretches()
    next(stretches)
    os.truncate(path, 200)  # a mapped file would end the process here
    with pytest.raises(InputChanged, match="shrank"):
        list(stretches)
    write_rows(tmp_path / "a.txt")
    with (
        pytest.raises(InputChanged, match="grew"),
        open_text(str(tmp_path / "a.txt")) as file,
    ):
        file.read(1)
        grow(tmp_path / "a.txt")


def test_vectors_by_columns_are_read(tmp_path):
    vectors = np.arange(12, dtype=np.float64).reshape(4, 3)
    np.save(tmp_path / "a.npy", np.asfortranarray(vectors))
    ((read, _),) = open_vectors(str(tmp_path / "a.npy")).stretches()
    assert read.tolist() == vectors.tolist()


def test_a_removed_file_and_a_pipe_can_be_read_to_their_ends(tmp_path):
    path = tmp_path / "a.txt"
    write_rows(path)
    rows = read_rows(str(path))
    next(rows)
    path.unlink()
    assert len(list(rows)) == COUNT - 1
