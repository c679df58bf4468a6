"""Labels of files: what training takes as a label, evaluation takes as the same label."""

import json

import pytest

from llmcli.data.rows import Row
from llmcli.errors import InputError
from llmcli.evaluation.evaluators.classification import EVALUATOR
from llmcli.evaluation.labels import label_text
from llmcli.spec.evaluation import EvaluateOptions
from llmcli.spec.training import Training
from llmcli.training.objectives.classification import Classification

SAME = [("good", "good"), (" good ", "good"), (1, "1"), (1.0, "1"), (1.5, "1.5"), (-2, "-2")]
SAME += [(True, "True"), (False, "False"), ("1", "1"), ("True", "True"), (0, "0")]


@pytest.mark.parametrize(("value", "text"), SAME)
def test_training_and_evaluation_read_the_same_label(value, text):
    fields = json.loads(json.dumps({"text": "x", "label": value}))
    assert Classification(Training((), "")).labels(Row(1, "x", fields)) == (text,)
    assert EVALUATOR.expected(fields, EvaluateOptions("classification"), "line 1", ()) == text


@pytest.mark.parametrize("value", [None, "", "  ", {}, ["a"]])
def test_what_is_no_label_is_refused_with_its_place(value):
    with pytest.raises(InputError, match="line 7: .* is not a label: use text"):
        label_text(value, "line 7")


def test_long_values_are_shown_in_part():
    with pytest.raises(InputError) as caught:
        label_text(["word"] * 50, "line 1")
    assert len(str(caught.value)) < 150
