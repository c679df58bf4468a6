"""Rows that cannot be used are refused by their place, before anything is written."""

import pytest

from llmcli.errors import InputError
from tests.tiny_data import write_rows

WRONG = [
    ("classification", [{"text": "the cat"}], "line 1: no field 'label'"),
    ("classification", [{"text": "the cat", "label": "a"}] * 9, "two labels or more"),
    ("classification", [{"text": "the cat", "label": None}] * 9, "None is not a label"),
    ("classification", [{"text": "the cat", "label": ["a"]}] * 9, "give `multi_label`"),
    ("classification", [{"txt": "the cat", "label": "a"}] * 9, "no field 'text'"),
    ("classification", [{"text": [5], "label": "a"}] * 9, "is list, not text"),
    ("classification", [], "no rows to train on"),
    ("token-classification", [{"tokens": ["a"], "ner_tags": ["O", "O"]}], "1 words, but 2 tags"),
    ("token-classification", [{"tokens": ["a"]}], "no field 'ner_tags'"),
    ("token-classification", [{"tokens": [], "ner_tags": []}], "no words"),
    ("question-answering", [{"question": "who", "context": "a cat"}], "answer"),
    (
        "question-answering",
        [{"question": "who", "context": "a cat", "answer": "dog", "answer_start": 0}] * 20,
        "is not in the context",
    ),
    ("translation", [{"source": "a"}], "no field 'target'"),
    ("causal-lm chat", [{"messages": "hello"}] * 20, "not a list of"),
    ("causal-lm chat", [{"prompt": "hello"}] * 20, "no field 'messages'"),
]


@pytest.mark.parametrize(("task", "rows", "message"), WRONG)
def test_wrong_data_are_one_line_and_leave_nothing(
    learner, tiny_marian, tiny_chat, fit, tmp_path, task, rows, message
):
    base = {"translation": tiny_marian, "causal-lm chat": tiny_chat}.get(task, learner)
    with pytest.raises(InputError, match=message) as caught:
        fit(base, rows, task.split()[0], chat="chat" in task, eval_fraction=0.0)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "model").exists()


def test_errors_of_a_validation_file_name_it(learner, fit, tmp_path):
    rows = [{"text": "the cat", "label": "a"}, {"text": "a dog", "label": "b"}] * 4
    own = write_rows(tmp_path / "own.jsonl", [*rows, {"text": "it", "label": "c"}])
    with pytest.raises(InputError, match=r"own\.jsonl, line 9: the label 'c' is none of 'a', 'b'"):
        fit(learner, rows, "classification", eval=(own,))
