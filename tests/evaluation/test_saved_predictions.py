"""Saved predictions find their rows by id, by the number of the row, or by their order."""

import json

import pytest

from llmcli.data.rows import Row
from llmcli.errors import InputError
from llmcli.evaluation.saved_predictions import match
from tests.tiny_data import write_rows


def rows(*ids, start=1):
    fields = [{} if key is ... else {"id": key} for key in ids]
    return [Row(at, f"text {at}", values) for at, values in enumerate(fields, start)]


def records(*pairs, numbered=False, text=""):
    """Pairs of an id, or `...`, and a label; numbered: with the number of the row."""
    made = []
    for at, (key, label) in enumerate(pairs, 1):
        fields = {"label": label} | ({} if key is ... else {"id": key})
        made.append(Row(at, text, fields | ({"row": at} if numbered else {})))
    return made


def labels(matches):
    return [record and record.fields["label"] for _, record in matches.pairs]


@pytest.mark.parametrize("own", [("7", "8"), (7, 8), (7.0, 8.0), (" 7", "8.0")])
def test_ids_may_be_numbers_or_text(own):
    matches = match(rows(7, 8), records((own[1], "b"), (own[0], "a")))
    assert labels(matches) == ["a", "b"] and matches.note == ""


def test_a_row_without_a_record_of_its_id_has_no_prediction():
    assert labels(match(rows(1, 2), records((2, "b"), (3, "c")))) == [None, "b"]


@pytest.mark.parametrize("ids", [(None, None), ("", ""), ("x", "x"), ("x", None)])
def test_ids_that_are_null_empty_or_repeated_give_way_to_the_row(ids):
    first, second = ids
    for numbered in (True, False):
        made = records((first, "a"), (second, "b"), numbered=numbered)
        matches = match(rows(*ids), made)
        assert labels(matches) == ["a", "b"]
        assert matches.note.startswith("ids are missing, empty or repeated: predictions are")


def test_without_ids_and_numbers_the_order_counts():
    made = records((..., "a"), (..., "b"))
    assert labels(match(rows(..., ..., start=2), made)) == ["a", "b"]  # of .csv, from line 2
    assert labels(match(rows(...), made, limit=1)) == ["a"]
    with pytest.raises(InputError, match="2 predictions for 3 rows"):
        match(rows(..., ..., ...), made)


def test_a_prediction_for_another_text_is_refused():
    made = records((..., "a"), numbered=True, text="another text")
    with pytest.raises(InputError, match="line 1 is 'text 1', but .* is for 'another text'"):
        match(rows(...), made)


@pytest.mark.parametrize("task", ["question-answering", "translation", "token-classification"])
def test_every_task_joins_null_ids_by_row(run, tmp_path, task):
    field, said, values = {
        "question-answering": ("answers", "answer", (["x"], ["y"])),
        "translation": ("target", "translation", ("x x", "y y")),
        "token-classification": ("tags", "predicted_tags", (["B-x"], ["B-y"])),
    }[task]
    first = {"id": None, "question": "who", "context": "c", "text": "t", "source": "t"}
    gold = [{**first, field: value} for value in values]
    single = [value[0] if said == "answer" else value for value in values]
    made = [{"id": None, "row": at, said: value} for at, value in enumerate(single, 1)]
    paths = [
        write_rows(tmp_path / f"{name}.jsonl", lines)
        for name, lines in (("gold", gold), ("said", made))
    ]
    words = ("evaluate", "--task", task, "-i", paths[0], "--predictions", paths[1], "--json")
    result = run(*words, "--bootstrap", 0)
    assert result.exit_code == 0, result.output
    (record,) = json.loads(result.stdout)
    best = {"question-answering": 100, "translation": 100, "token-classification": 1}[task]
    name = {"question-answering": "exact_match", "translation": "chrf"}.get(task, "f1")
    assert record["metrics"][name]["value"] == pytest.approx(best)
