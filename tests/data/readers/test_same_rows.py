"""A table gives the same rows in every format, by whichever program it was written."""

import csv
import json

import pandas
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmcli.data.readers import read_rows
from llmcli.spec import FileOptions

QUOTED = FileOptions(quoting="csv")
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)
CELLS = st.one_of(
    TEXTS,
    st.sampled_from(
        ["", " ", '"', '""', "a,b", "a;b", 'say "hi"', "a\nb", "a\r\nb", "\ufeff", "1.0"]
    ),
    st.none(),
    st.integers(-(10**12), 10**12),
    st.floats(-1e300, 1e300),
)
TABLES = st.lists(st.tuples(CELLS, CELLS), min_size=1, max_size=6)
NAMES = ("text", "other")


def as_read(cell):
    """What a cell is in a format that has only text."""
    return "" if cell is None else cell if isinstance(cell, str) else repr(cell)


AS_NAMED = FileOptions()


def rows_of(path, files=AS_NAMED):
    """The cells of all rows as text. No row may have an error."""
    rows = list(read_rows(str(path), (), files))
    assert [row.error for row in rows] == [None] * len(rows)
    assert [row.text for row in read_rows(str(path), "text", files)] == [
        as_read(row.fields["text"]) for row in rows
    ]
    return [tuple(as_read(row.fields[name]) for name in NAMES) for row in rows]


def write_csv(path, table, **dialect):
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, **dialect)
        writer.writerows([NAMES, *table])


def frame_of(table):
    return pandas.DataFrame(table, columns=list(NAMES), dtype=object)


def without_breaks(table):
    """True for a table that .tsv can hold, and whose cells do not look quoted."""
    return not any(
        mark in as_read(cell) for row in table for cell in row for mark in ("\t", "\r", "\n")
    ) and not any('""' in as_read(cell) for row in table for cell in row)


@settings(max_examples=40, deadline=None)
@given(TABLES)
def test_a_table_gives_the_same_rows_in_every_format(tmp_path_factory, table):
    folder = tmp_path_factory.mktemp("table")
    expected = [tuple(map(as_read, row)) for row in table]
    write_csv(folder / "a.csv", table)
    assert rows_of(folder / "a.csv") == expected
    write_csv(folder / "quoted.tsv", table, delimiter="\t", quoting=csv.QUOTE_ALL)
    assert rows_of(folder / "quoted.tsv", QUOTED) == expected
    ends = "\r\n"  # with "\n" alone pandas leaves the cell "\r" unquoted, which ends a row
    frame_of(table).to_csv(folder / "b.csv", index=False, lineterminator=ends)
    assert rows_of(folder / "b.csv") == expected
    frame_of(table).to_csv(folder / "c.csv", index=False, sep=";", lineterminator=ends)
    assert rows_of(folder / "c.csv") == expected
    objects = [dict(zip(NAMES, row, strict=True)) for row in table]
    for name, indent in (("a.json", None), ("b.json", 2)):
        (folder / name).write_text(json.dumps(objects, ensure_ascii=False, indent=indent), "utf-8")
        assert rows_of(folder / name) == expected
    lines = "".join(json.dumps(each, ensure_ascii=True) + "\n" for each in objects)
    (folder / "a.jsonl").write_text(lines, "utf-8")
    assert rows_of(folder / "a.jsonl") == expected
    frame_of(expected).to_parquet(folder / "a.parquet")
    assert rows_of(folder / "a.parquet") == expected
    if without_breaks(table):
        lines = ["\t".join(row) for row in [NAMES, *expected]]
        (folder / "a.tsv").write_text("\n".join(lines) + "\n", "utf-8")
        assert rows_of(folder / "a.tsv") == expected


@settings(max_examples=20, deadline=None)
@given(st.lists(st.floats(-1e300, 1e300) | st.none(), min_size=1))
def test_numbers_and_nulls_are_the_same_in_parquet_json_and_csv(tmp_path_factory, numbers):
    folder = tmp_path_factory.mktemp("numbers")
    frame = pandas.DataFrame({"text": numbers, "other": 1}).astype({"text": "float64"})
    expected = [(as_read(number), "1") for number in numbers]
    frame.to_parquet(folder / "a.parquet")
    frame.to_csv(folder / "a.csv", index=False)
    frame.to_json(folder / "a.jsonl", orient="records", lines=True, double_precision=15)
    assert rows_of(folder / "a.parquet") == rows_of(folder / "a.csv") == expected
    read = [row.text for row in read_rows(str(folder / "a.jsonl"))]
    for text, number in zip(read, numbers, strict=True):  # pandas rounds in JSON
        assert text == "" if number is None else float(text) == pytest.approx(number, 1e-9, 1e-14)
