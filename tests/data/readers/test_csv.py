"""What only CSV has: quotes and records of several lines."""

from llmcli.data.readers import read_rows
from tests.data.files import write


def test_a_quoted_field_may_contain_line_breaks(tmp_path):
    path = write(tmp_path, "a.csv", 'text\n"a\nb"\nc\n')
    assert [row.text for row in read_rows(path)] == ["a\nb", "c"]


def test_broken_quotes_in_a_csv_are_an_error_of_their_row(tmp_path):
    path = write(tmp_path, "a.csv", 'text\ncat\n"a"b\ndog\n')
    rows = list(read_rows(path))
    assert [row.text for row in rows if row.error is None] == ["cat", "dog"]
    assert rows[1].error.startswith("not CSV: ")
