"""Lines of text files, and how much of a file has been read."""

from llmcli.data.readers import read_rows
from tests.data.files import write


def test_a_line_of_the_maximum_length_is_read(tmp_path, monkeypatch):
    monkeypatch.setattr("llmcli.data.lines.MAX_ROW", 10)
    path = write(tmp_path, "a.txt", "x" * 10 + "\r\n" + "y" * 11 + "\r\n" + "z" * 10)
    assert [row.text or row.error[:13] for row in read_rows(path)] == [
        "x" * 10,
        "the row has m",
        "z" * 10,
    ]


def test_an_empty_line_after_one_that_is_too_long_is_a_line(tmp_path, monkeypatch):
    monkeypatch.setattr("llmcli.data.lines.MAX_ROW", 4)
    path = write(tmp_path, "a.txt", "xxxxxxxx\r\rfoo\rbar")
    assert [row.text for row in read_rows(path)] == ["", "", "foo", "bar"]


def test_each_row_says_how_much_of_the_file_was_read(tmp_path):
    path = write(tmp_path, "a.txt", "line\n" * 100_000)
    places = [row.fraction_read for row in read_rows(path)]
    assert places == sorted(places)
    assert 0 < places[0] < 0.1 and places[-1] == 1
