"""What rows of every format must pass."""

import pytest

from llmcli.data.readers import read_rows
from tests.data.files import write


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


def test_a_row_nested_too_deeply_fails_alone(tmp_path):
    deep = "[" * 200 + "]" * 200
    path = write(tmp_path, "a.jsonl", f'{{"text": "a", "x": {deep}}}\n{{"text": "b", "x": [[1]]}}')
    assert [row.error for row in read_rows(path)] == ["nested too deeply", None]


def test_the_characters_of_all_columns_are_counted(tmp_path):
    (row,) = read_rows(write(tmp_path, "a.jsonl", '{"text": "a", "more": "' + "x" * 500 + '"}'))
    assert row.characters > 500
