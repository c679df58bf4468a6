"""Evaluation of answers: by hand, and against the command."""

import json

import pytest

from tests.evaluation.reports import record_of, values, write_rows

EVALUATE = ["evaluate", "--json", "--task", "question-answering"]
CONTEXT = "the cat sat on mats . a dog ran ."


def test_it_equals_the_command(run, tmp_path, tiny_reader):
    asked = ["who sat ?", "who ran ?", "where is it ?"]
    right = [["the cat", "cat"], ["a dog"], ["on mats", "mats"]]
    rows = [
        {"id": f"q{n}", "question": question, "context": CONTEXT, "answers": {"text": texts}}
        for n, (question, texts) in enumerate(zip(asked, right, strict=True))
    ]
    flat = write_rows(tmp_path / "flat.jsonl", rows)
    qas = [
        {"id": f"q{n}", "question": question, "answers": [{"text": text} for text in texts]}
        for n, (question, texts) in enumerate(zip(asked, right, strict=True))
    ]
    nested = tmp_path / "squad.json"
    data = [{"title": "cats", "paragraphs": [{"context": CONTEXT, "qas": qas}]}]
    nested.write_text(json.dumps({"data": data}))
    direct = [record_of(run(*EVALUATE, "-m", tiny_reader, "-i", path)) for path in (flat, nested)]
    assert direct[0]["metrics"] == direct[1]["metrics"]

    saved = tmp_path / "saved.jsonl"
    columns = ["--column", "question", "--column", "context"]
    run("answer", "-q", "-m", tiny_reader, "-i", flat, *columns, "-o", saved)
    again = record_of(run(*EVALUATE, "--predictions", saved))
    assert again["metrics"] == direct[0]["metrics"]
    answers = {
        record["id"]: record["answer"] for record in map(json.loads, saved.read_text().splitlines())
    }
    official = tmp_path / "official.json"
    official.write_text(json.dumps(dict(reversed(answers.items()))))
    words = ["--predictions", official, "-i", nested, "--by", "title"]
    joined = record_of(run(*EVALUATE, *words))
    assert values(joined) == values(direct[0])
    assert joined["slices"][0]["value"] == "cats"


def test_no_answer_is_right_where_there_is_none(run, tmp_path):
    rows = [
        {"question": "a", "context": "b", "answers": {"text": []}, "said": None},
        {"question": "a", "context": "b", "answers": {"text": ["b"]}, "said": None},
        {"question": "a", "context": "b", "answers": {"text": ["the big cat"]}, "said": "big"},
    ]
    path = write_rows(tmp_path / "a.jsonl", rows)
    record = record_of(run(*EVALUATE, "--predictions", path, "--prediction-column", "said"))
    assert values(record) == pytest.approx(
        {"exact_match": 100 / 3, "f1": 100 * (1 + 0 + 2 / 3) / 3}  # big cat: 1/1 and 1/2
    )


def test_answers_without_spaces_are_compared_by_character(run, tmp_path):
    rows = [{"question": "a", "context": "b", "answer": "看电影", "answers": ["去看电影"]}]
    path = write_rows(tmp_path / "a.jsonl", rows)
    words = [*EVALUATE, "--predictions", path, "--prediction-column", "answer"]
    assert values(record_of(run(*words))) == {"exact_match": 0, "f1": 0}
    by_character = values(record_of(run(*words, "--characters")))
    assert by_character["f1"] == pytest.approx(100 * 2 * 3 / (3 + 4))
