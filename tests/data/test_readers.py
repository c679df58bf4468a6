import gzip
import lzma

import pytest

from llmcli.data.documents import read_documents
from llmcli.data.readers import read_rows
from llmcli.errors import InputError


def write(folder, name, content):
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return str(path)


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
def test_packed_files_are_unpacked(tmp_path, suffix, pack):
    path = write(tmp_path, f"a.jsonl.{suffix}", pack(b'{"text": "cat"}\n'))
    assert [row.text for row in read_rows(path)] == ["cat"]


def test_other_fields_are_kept(tmp_path):
    path = write(tmp_path, "a.csv", "id,prompt\n7,cat\n")
    (row,) = read_rows(path, "prompt")
    assert (row.number, row.text, row.fields) == (2, "cat", {"id": "7", "prompt": "cat"})


def test_a_quoted_field_may_hold_line_breaks(tmp_path):
    path = write(tmp_path, "a.csv", 'text\n"a\nb"\nc\n')
    assert [row.text for row in read_rows(path)] == ["a\nb", "c"]


@pytest.mark.parametrize(
    ("name", "content", "error"),
    [
        ("a.jsonl", b'{"text": "cat"}\n{broken\n{"text": "dog"}\n', "not JSON"),
        ("a.jsonl", b'{"text": "cat"}\n[1]\n{"text": "dog"}\n', "not a JSON object but list"),
        ("a.jsonl", b'{"text": "cat"}\n{"t": 1}\n{"text": "dog"}\n', "no field 'text'; it has 't'"),
        ("a.jsonl", b'{"text": "cat"}\n{"text": 1}\n{"text": "dog"}\n', "is int, not text"),
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
def test_a_bad_row_carries_its_error_and_the_others_go_on(tmp_path, name, content, error):
    rows = list(read_rows(write(tmp_path, name, content)))
    assert [row.text for row in rows if row.error is None] == ["cat", "dog"]
    (bad,) = [row for row in rows if row.error is not None]
    assert error in bad.error
    assert bad.number in (2, 3)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.pdf", "x", "cannot tell the format of .* from its name"),
        ("a.csv", "id\n1\n", "no column 'text'; it has 'id'"),
        ("a.csv", "", "no column 'text'; it has none"),
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


def test_a_txt_file_is_one_document_however_long(tmp_path):
    text = "".join(f"line {n} is here\n" for n in range(150_000))
    pieces = list(read_documents(write(tmp_path, "a.txt", text)))
    assert "".join(piece.text for piece in pieces) == text
    assert len(pieces) > 1
    assert [piece.last for piece in pieces] == [False] * (len(pieces) - 1) + [True]


def test_each_row_of_other_files_is_a_document(tmp_path):
    path = write(tmp_path, "a.jsonl", '{"text": "a"}\n{"text": "b"}\n')
    assert [(piece.text, piece.last) for piece in read_documents(path)] == [
        ("a", True),
        ("b", True),
    ]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.txt", b"ok\n\xff"),
        ("a.jsonl", b'{"text": "a"}\n{"no": 1}'),
        ("a.txt.gz", b"not packed"),
    ],
)
def test_training_text_with_a_bad_row_is_refused(tmp_path, name, content):
    with pytest.raises(InputError):
        list(read_documents(write(tmp_path, name, content)))


def test_parquet_rows_keep_their_fields(tmp_path):
    import pyarrow
    from pyarrow import parquet

    table = pyarrow.table({"text": ["cat", None, "dog"], "id": [1, 2, 3]})
    path = str(tmp_path / "a.parquet")
    parquet.write_table(table, path)
    rows = list(read_rows(path))
    assert [(row.number, row.text) for row in rows] == [(1, "cat"), (2, ""), (3, "dog")]
    assert rows[0].fields == {"text": "cat", "id": 1}
    assert rows[1].error == "field 'text' is NoneType, not text"
    assert rows[-1].fraction_read == 1


@pytest.mark.parametrize(
    ("columns", "message"), [("txt", "no column 'txt'; it has 'text'"), ("text", "damaged")]
)
def test_a_parquet_file_that_cannot_be_read_is_one_line(tmp_path, columns, message):
    import pyarrow
    from pyarrow import parquet

    path = tmp_path / "a.parquet"
    parquet.write_table(pyarrow.table({"text": ["cat"] * 9}), path)
    if message == "damaged":
        path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(InputError, match=message) as caught:
        list(read_rows(str(path), columns))
    assert "\n" not in str(caught.value)


def test_two_columns_make_a_text_and_its_pair(tmp_path):
    path = write(tmp_path, "a.csv", "q,c\nwho,Tom\n")
    (row,) = read_rows(path, ("q", "c"))
    assert (row.text, row.pair) == ("who", "Tom")
    with pytest.raises(InputError, match="one text a line"):
        read_rows(write(tmp_path, "a.txt", "who\n"), ("q", "c"))


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.txt", "cat\n{long}\ndog\n"),
        ("a.jsonl", '{{"text": "cat"}}\n{{"text": "{long}"}}\n{{"text": "dog"}}\n'),
        ("a.csv", "id,text\n1,cat\n2,{long}\n3,dog\n"),
        ("a.csv", 'id,text\n1,cat\n2,"{half}\n{half}"\n3,dog\n'),
    ],
)
def test_a_row_that_is_far_too_long_fails_alone(tmp_path, monkeypatch, name, content):
    monkeypatch.setattr("llmcli.data.lines.MAX_ROW", 1000)
    long = content.format(long="x" * 1500, half="y" * 800)
    rows = list(read_rows(write(tmp_path, name, long)))
    assert [row.text for row in rows if row.error is None][0] == "cat"
    assert [row.text for row in rows if row.error is None][-1] == "dog"
    assert any(row.error is not None for row in rows)
    assert [row.number for row in rows] == sorted({row.number for row in rows})


def test_a_line_of_the_greatest_length_is_read(tmp_path, monkeypatch):
    monkeypatch.setattr("llmcli.data.lines.MAX_ROW", 10)
    path = write(tmp_path, "a.txt", "x" * 10 + "\r\n" + "y" * 11 + "\r\n" + "z" * 10)
    assert [row.text or row.error[:13] for row in read_rows(path)] == [
        "x" * 10,
        "the row has m",
        "z" * 10,
    ]


def test_broken_quotes_in_a_csv_are_an_error_of_their_row(tmp_path):
    path = write(tmp_path, "a.csv", 'text\ncat\n"a"b\ndog\n')
    rows = list(read_rows(path))
    assert [row.text for row in rows if row.error is None] == ["cat", "dog"]
    assert rows[1].error.startswith("not CSV: ")


def test_the_place_in_the_file_is_told(tmp_path):
    path = write(tmp_path, "a.txt", "line\n" * 100_000)
    places = [row.fraction_read for row in read_rows(path)]
    assert places == sorted(places)
    assert 0 < places[0] < 0.1 and places[-1] == 1


def test_a_row_nested_too_deeply_fails_alone(tmp_path):
    deep = "[" * 200 + "]" * 200
    path = write(tmp_path, "a.jsonl", f'{{"text": "a", "x": {deep}}}\n{{"text": "b", "x": [[1]]}}')
    assert [row.error for row in read_rows(path)] == ["nested too deeply", None]


def test_times_in_nanoseconds_are_read_as_text(tmp_path):
    import pyarrow
    from pyarrow import parquet

    times = pyarrow.array([1, None], pyarrow.timestamp("ns"))
    path = str(tmp_path / "a.parquet")
    parquet.write_table(pyarrow.table({"text": ["cat", "dog"], "at": times}), path)
    first, second = read_rows(path)
    assert first.fields["at"] == "1970-01-01 00:00:00.000000001"
    assert second.fields["at"] is None


def test_the_characters_of_all_columns_are_counted(tmp_path):
    (row,) = read_rows(write(tmp_path, "a.jsonl", '{"text": "a", "more": "' + "x" * 500 + '"}'))
    assert row.characters > 500


def test_a_pipe_with_a_name_is_refused(tmp_path):
    import os

    os.mkfifo(tmp_path / "a.txt")
    with pytest.raises(InputError, match="not a regular file: pipe it in"):
        read_rows(str(tmp_path / "a.txt"))


def test_the_format_may_be_told(tmp_path):
    path = write(tmp_path, "a.log", '{"text": "cat"}\n')
    assert [row.text for row in read_rows(path, form="jsonl")] == ["cat"]
    assert [row.text for row in read_rows(path, form="txt")] == ['{"text": "cat"}']


def test_an_empty_line_after_one_that_is_too_long_is_a_line(tmp_path, monkeypatch):
    monkeypatch.setattr("llmcli.data.lines.MAX_ROW", 4)
    path = write(tmp_path, "a.txt", "xxxxxxxx\r\rfoo\rbar")
    assert [row.text for row in read_rows(path)] == ["", "", "foo", "bar"]
