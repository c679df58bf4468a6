"""Rows of every format: the same texts, the same errors."""

import gzip
import lzma

import pytest

from llmcli.data.readers import read_rows
from llmcli.errors import InputError
from llmcli.spec import FileOptions
from tests.data.files import write


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.txt", "cat\ndog\n"),
        ("a.txt", "cat\r\ndog"),
        ("a.TXT", "\ufeffcat\ndog\n"),
        ("a.jsonl", '{"text": "cat"}\n\n{"text": "dog"}'),
        ("a.csv", "id,text\n1,cat\n2,dog\n"),
        ("a.tsv", "text\tid\ncat\t1\ndog\t2\n"),
    ],
)
def test_every_format_gives_the_same_texts(tmp_path, name, content):
    path = write(tmp_path, name, content)
    assert [row.text for row in read_rows(path)] == ["cat", "dog"]


@pytest.mark.parametrize(("suffix", "pack"), [("gz", gzip.compress), ("xz", lzma.compress)])
def test_compressed_files_are_decompressed(tmp_path, suffix, pack):
    path = write(tmp_path, f"a.jsonl.{suffix}", pack(b'{"text": "cat"}\n'))
    assert [row.text for row in read_rows(path)] == ["cat"]


def test_other_fields_are_kept(tmp_path):
    path = write(tmp_path, "a.csv", "id,prompt\n7,cat\n")
    (row,) = read_rows(path, "prompt")
    assert (row.number, row.text, row.fields) == (2, "cat", {"id": "7", "prompt": "cat"})


def test_two_columns_make_a_text_and_its_pair(tmp_path):
    path = write(tmp_path, "a.csv", "q,c\nwho,Tom\n")
    (row,) = read_rows(path, ("q", "c"))
    assert (row.text, row.pair) == ("who", "Tom")
    with pytest.raises(InputError, match="one text a line"):
        read_rows(write(tmp_path, "a.txt", "who\n"), ("q", "c"))


@pytest.mark.parametrize(
    ("name", "content", "error"),
    [
        ("a.jsonl", b'{"text": "cat"}\n{broken\n{"text": "dog"}\n', "not JSON"),
        ("a.jsonl", b'{"text": "cat"}\n[1]\n{"text": "dog"}\n', "not a JSON object but list"),
        ("a.jsonl", b'{"text": "cat"}\n{"t": 1}\n{"text": "dog"}\n', "no field 'text'; it has 't'"),
        ("a.jsonl", b'{"text": "cat"}\n{"text": [1]}\n{"text": "dog"}\n', "is list, not text"),
        ("a.jsonl", b'{"text": "cat"}\n{"text": "\\ud800"}\n{"text": "dog"}\n', "UTF-8"),
        ("a.jsonl", b'{"text": "cat"}\n{"text": "", "x": "\\ud800"}\n{"text": "dog"}', "UTF-8"),
        (
            "a.jsonl",
            b'{"text": "cat"}\n{"text": ' + b"9" * 5000 + b'}\n{"text": "dog"}\n',
            "not JSON",
        ),
        ("a.txt", b"cat\n\xff\xfe\ndog\n", "not valid UTF-8"),
        ("a.csv", b"text,id\ncat,1\nx\ndog,2\n", "not as many fields"),
    ],
)
def test_a_bad_row_carries_its_error_and_the_others_are_read(tmp_path, name, content, error):
    rows = list(read_rows(write(tmp_path, name, content)))
    assert [row.text for row in rows if row.error is None] == ["cat", "dog"]
    (bad,) = [row for row in rows if row.error is not None]
    assert error in bad.error
    assert bad.number in (2, 3)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.xyz", "x", "cannot tell the format of .* from its name"),
        ("a.pdf", "x", "by its name it is a formatted document: save it as plain text"),
        ("a.csv", "id\n1\n", "no column 'text'; it has 'id'"),
        ("a.csv", "", "is empty: it has no header"),
        ("a.jsonl.gz", "this is not packed", "damaged"),
        ("a.txt.xz", "this is not packed", "damaged"),
        ("a.txt.gz", gzip.compress(b"cat\n" * 99, mtime=0)[:-20], "damaged"),
        ("a.txt.gz", gzip.compress(b"cat", mtime=0)[:10] + b"\xff" * 20, "damaged"),
    ],
)
def test_a_file_that_cannot_be_read_is_one_line(tmp_path, name, content, message):
    with pytest.raises(InputError, match=message) as caught:
        list(read_rows(write(tmp_path, name, content)))
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_named():
    with pytest.raises(InputError, match="cannot read nowhere.txt: No such file"):
        list(read_rows("nowhere.txt"))


def test_a_named_pipe_is_refused(tmp_path):
    import os

    os.mkfifo(tmp_path / "a.txt")
    with pytest.raises(InputError, match="not a regular file: pipe it in"):
        read_rows(str(tmp_path / "a.txt"))


def test_the_format_may_be_given(tmp_path):
    path = write(tmp_path, "a.log", '{"text": "cat"}\n')
    assert [row.text for row in read_rows(path, files=FileOptions(input_format="jsonl"))] == ["cat"]
    assert [row.text for row in read_rows(path, files=FileOptions(input_format="txt"))] == [
        '{"text": "cat"}'
    ]
