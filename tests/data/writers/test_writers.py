"""Records in every format, written to an open file or as a whole file."""

import csv
import io
import json

import numpy as np
import pytest

from llmcli.data.writers import Layout, open_writer, write_file

RECORDS = [
    {"row": 1, "text": "cat", "scores": [{"label": "a"}]},
    {"row": 2, "error": "the text is empty"},
    {"row": 3, "text": "dog", "scores": [], "x": float("nan")},
]


def written(form, records, **layout):
    file = io.StringIO()
    writer = open_writer(form, file, Layout(lambda record: record["text"], **layout))
    for record in records:
        writer.write(record)
    return file, writer.close()


def test_text_has_a_line_for_each_record_and_names_the_row_of_an_error():
    file, _ = written("text", RECORDS)
    assert file.getvalue() == "cat\n[row 2: the text is empty]\ndog\n"


def test_json_is_an_array_and_has_null_for_what_json_does_not_know():
    file, _ = written("json", RECORDS)
    assert json.loads(file.getvalue()) == [*RECORDS[:2], {**RECORDS[2], "x": None}]
    assert written("json", [])[0].getvalue() == "[]\n"


def test_jsonl_has_an_object_a_line():
    file, _ = written("jsonl", RECORDS)
    assert [json.loads(line)["row"] for line in file.getvalue().splitlines()] == [1, 2, 3]


def test_csv_takes_the_columns_of_the_first_good_record_and_reports_later_ones():
    file, left_out = written("csv", [RECORDS[1], *RECORDS])
    rows = list(csv.DictReader(io.StringIO(file.getvalue())))
    assert list(rows[0]) == ["row", "text", "scores", "error"]
    assert [row["text"] for row in rows] == ["", "cat", "", "dog"]
    assert rows[1]["scores"] == '[{"label": "a"}]'
    assert left_out == ["x"]


def test_csv_with_known_columns_leaves_none_out():
    file, left_out = written("csv", RECORDS, columns=("row", "text", "scores", "x", "error"))
    assert file.getvalue().splitlines()[0] == "row,text,scores,x,error" and left_out == []


def test_csv_of_failed_rows_only_has_their_columns():
    file, _ = written("csv", [RECORDS[1]])
    assert file.getvalue() == "row,error\n2,the text is empty\n"


@pytest.mark.parametrize("form", ["text", "json", "jsonl", "csv"])
def test_a_whole_file_is_what_the_writer_writes(tmp_path, form):
    write_file(form, tmp_path / "out", lambda: iter(RECORDS), Layout(lambda record: record["text"]))
    columns = ("row", "text", "scores", "x", "error") if form == "csv" else ()
    assert (tmp_path / "out").read_text() == written(form, RECORDS, columns=columns)[0].getvalue()


def test_parquet_makes_text_of_columns_with_several_types(tmp_path):
    from pyarrow import parquet

    records = [{"row": n, "x": x} for n, x in enumerate((1, "a", None, [2], 2**70))]
    write_file("parquet", tmp_path / "out", lambda: iter(records), Layout(str))
    table = parquet.read_table(tmp_path / "out")
    assert table["row"].to_pylist() == [0, 1, 2, 3, 4]
    assert table["x"].to_pylist() == ["1", "a", None, "[2]", str(2**70)]


def test_npy_has_a_row_of_nan_for_a_failed_row(tmp_path):
    records = [{"row": 1, "embedding": [1.0, 2.0]}, {"row": 2, "error": "no"}]
    write_file("npy", tmp_path / "out", lambda: iter(records), Layout(str), {"model": "m"})
    array = np.load(tmp_path / "out")
    assert array.dtype == np.float32
    beside = (tmp_path / "out.jsonl").read_text().splitlines()
    assert list(map(json.loads, beside)) == [
        {"about": {"model": "m"}},
        {"row": 1},
        {"row": 2, "error": "no"},
    ]
    assert np.array_equal(array, [[1, 2], [np.nan, np.nan]], equal_nan=True)
