"""Questions with known answers, from every form that they come in."""

import gzip
import json
import lzma

import pytest

from llmcli.data.squad import Answer, Question, read_questions
from llmcli.errors import InputError

CONTEXT = "Emma is a novel by Jane Austen. It was published in 1815."
NESTED = {
    "version": "1.1",
    "data": [
        {
            "title": "Emma",
            "paragraphs": [
                {
                    "context": CONTEXT,
                    "qas": [
                        {
                            "id": "q1",
                            "question": "Who wrote it?",
                            "answers": [
                                {"text": "Jane Austen", "answer_start": 19},
                                {"text": "Austen", "answer_start": 24},
                            ],
                        },
                        {"question": "Who drew it?", "answers": [], "is_impossible": True},
                    ],
                }
            ],
        }
    ],
}
BOTH = (Answer("Jane Austen", 19), Answer("Austen", 24))


def write(path, content):
    text = content if isinstance(content, str) else json.dumps(content)
    opener = {".xz": lzma.open, ".gz": gzip.open}.get(path.suffix, open)
    with opener(path, "wt", encoding="utf-8") as file:
        file.write(text)
    return str(path)


@pytest.mark.parametrize("name", ["a.json", "a.json.xz", "a.json.gz", "A.JSON"])
def test_squad_json_is_read_plain_and_packed(tmp_path, name):
    found = list(read_questions(write(tmp_path / name, NESTED)))
    assert found == [
        Question("q1", "Who wrote it?", CONTEXT, BOTH, {"title": "Emma"}),
        Question("2", "Who drew it?", CONTEXT, (), {"title": "Emma"}),
    ]
    assert all(one.is_in(CONTEXT) for one in BOTH)
    assert not Answer("Austen", 19).is_in(CONTEXT)


ROW = {"id": 7, "question": "Who wrote it?", "context": CONTEXT, "level": "easy"}


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        ({"answers": {"text": ["Jane Austen", "Austen"], "answer_start": [19, 24]}}, BOTH),
        ({"answers": {"text": ["1815"]}}, (Answer("1815", None),)),
        ({"answers": [{"text": "1815", "answer_start": 52}]}, (Answer("1815", 52),)),
        ({"answers": ["1815", "in 1815"]}, (Answer("1815", None), Answer("in 1815", None))),
        ({"answers": []}, ()),
        ({"answer": "1815", "answer_start": 52}, (Answer("1815", 52),)),
        ({"answer": "1815"}, (Answer("1815", None),)),
        ({"answer": None}, ()),
    ],
)
def test_rows_tell_their_answers_in_several_ways(tmp_path, answers, expected):
    (found,) = read_questions(write(tmp_path / "a.jsonl", {**ROW, **answers}))
    assert found == Question("7", "Who wrote it?", CONTEXT, expected, {"level": "easy"})


def test_csv_has_a_start_as_text_or_answers_as_json(tmp_path):
    plain = write(tmp_path / "a.csv", "question,context,answer,answer_start\nwho,a cat,cat,2\n")
    listed = '{""text"":[""cat""],""answer_start"":[2]}'
    packed = write(tmp_path / "b.csv", f'question,context,answers\nwho,a cat,"{listed}"\n')
    for path in (plain, packed):
        (found,) = read_questions(path)
        assert (found.id, found.answers) == ("2", (Answer("cat", 2),))


def test_parquet_rows(tmp_path):
    import pyarrow
    from pyarrow import parquet

    rows = [{**ROW, "answers": {"text": ["1815"], "answer_start": [52]}}]
    parquet.write_table(pyarrow.Table.from_pylist(rows), tmp_path / "a.parquet")
    (found,) = read_questions(str(tmp_path / "a.parquet"))
    assert found.answers == (Answer("1815", 52),)


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("a.json", "{", "is not JSON"),
        ("a.json", "[" * 100_000, "is not JSON"),
        ("a.json", {"rows": []}, "data is not a list of objects"),
        ("a.json", {"data": [{"paragraphs": 3}]}, "article 1: paragraphs is not a list"),
        (
            "a.json",
            {"data": [{"paragraphs": [{"context": "a", "qas": [{"question": 3}]}]}]},
            "article 1, paragraph 1, question 1: 'question' is not text",
        ),
        ("a.jsonl", {"question": "a"}, "line 1: no field 'context'"),
        ("a.jsonl", {**ROW}, "line 1: no field 'answers' and no 'answer'"),
        ("a.jsonl", {**ROW, "answers": "x"}, "'answers' is not JSON: 'x'"),
        ("a.jsonl", {**ROW, "answers": {"text": "x"}}, "'answers' has no list 'text'"),
        (
            "a.jsonl",
            {**ROW, "answers": {"text": ["x"], "answer_start": []}},
            "has 1 texts, but not as many starts",
        ),
        ("a.jsonl", {**ROW, "answers": [3]}, "an answer is not text but 3"),
        (
            "a.jsonl",
            {**ROW, "answer": "x", "answer_start": 999},
            "answer_start 999 is not a position",
        ),
        (
            "a.jsonl",
            {**ROW, "answer": "x", "answer_start": "b"},
            "answer_start 'b' is not a position",
        ),
        (
            "a.jsonl",
            {**ROW, "answer": "x", "answer_start": 1.5},
            "answer_start 1.5 is not a position",
        ),
        ("a.xyz", "", "cannot tell the format"),
        ("a.txt", "hello", "one text a line"),
    ],
)
def test_what_cannot_be_used_is_told_in_one_line_with_its_place(tmp_path, name, content, told):
    path = write(tmp_path / name, content)
    with pytest.raises(InputError) as caught:
        list(read_questions(path))
    assert told in str(caught.value) and "\n" not in str(caught.value)


def test_bytes_that_are_not_text_and_damaged_files(tmp_path):
    (tmp_path / "a.json").write_bytes(b'{"data": "\xff"}')
    (tmp_path / "a.json.xz").write_bytes(b"no xz at all")
    for name, told in (("a.json", "not UTF-8"), ("a.json.xz", "is damaged"), ("no.json", "read")):
        with pytest.raises(InputError, match=told):
            list(read_questions(str(tmp_path / name)))


PLACES = "The old tower 😀 of Pisa. The tower of É. A third tower."


@pytest.mark.parametrize(
    ("start", "expected"),
    [
        (8, 8),
        (9, 8),  # off by one
        (27, 29),  # nearer to the second
        (30, 29),  # in UTF-16 units, too: one more for the emoji
        (32, 29),  # in UTF-8 bytes: three more
        (50, 49),
        (None, 8),
    ],
)
def test_an_answer_is_at_its_start_or_as_near_as_can_be(start, expected):
    assert Answer("tower", start).place_in(PLACES) == expected


def test_units_are_tried_before_the_nearest_occurrence():
    context = "😀😀😀 ab ab"  # at 4 and 7; 7 is the first one in UTF-16 units, and the second here
    assert Answer("ab", 7).place_in(context) == 7
    assert Answer("ab", 10).place_in(context) == 7
    assert Answer("cd", 3).place_in(context) is None


@pytest.mark.parametrize("value", [None, "", "  "])
def test_ids_and_answers_that_are_empty_are_none(tmp_path, value):
    path = write(tmp_path / "a.jsonl", {**ROW, "id": value, "answers": [{"text": "  "}]})
    (question,) = read_questions(path)
    assert (question.id, question.answers) == ("1", ())
    assert list(read_questions(write(tmp_path / "b.jsonl", {**ROW, "answers": None})))


@pytest.mark.parametrize("value", [19, 19.0, "19", "19.0"])
def test_a_start_may_be_a_number_of_pandas(tmp_path, value):
    row = {**ROW, "answer": "Jane Austen", "answer_start": value}
    (question,) = read_questions(write(tmp_path / "a.jsonl", row))
    assert question.answers == (Answer("Jane Austen", 19),)
