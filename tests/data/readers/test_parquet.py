"""Rows of Parquet files."""

import pytest

from llmcli.data.readers import read_rows
from llmcli.errors import InputError


def test_parquet_rows_keep_their_fields(tmp_path):
    import pyarrow
    from pyarrow import parquet

    table = pyarrow.table({"text": ["cat", None, "dog"], "id": [1, 2, 3]})
    path = str(tmp_path / "a.parquet")
    parquet.write_table(table, path)
    rows = list(read_rows(path))
    assert [(row.number, row.text) for row in rows] == [(1, "cat"), (2, ""), (3, "dog")]
    assert rows[0].fields == {"text": "cat", "id": 1}
    assert rows[1].error is None  # null is the empty text, as an empty cell of .csv is
    assert rows[1].where == "row 2"
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


def test_times_in_nanoseconds_are_read_as_text(tmp_path):
    import pyarrow
    from pyarrow import parquet

    times = pyarrow.array([1, None], pyarrow.timestamp("ns"))
    path = str(tmp_path / "a.parquet")
    parquet.write_table(pyarrow.table({"text": ["cat", "dog"], "at": times}), path)
    first, second = read_rows(path)
    assert first.fields["at"] == "1970-01-01 00:00:00.000000001"
    assert second.fields["at"] is None
