"""Labels of files: what training takes as a label, evaluation takes as the same label."""

import json
import math
from decimal import Decimal

import numpy as np
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
SAME += [("1.0", "1"), (" 1 ", "1"), ("1.00", "1"), ("-1.0", "-1"), ("-0", "0"), (-0.0, "0")]
SAME += [("true", "True"), ("FALSE", "False"), ("Good", "Good"), ("1.50", "1.50"), ("①", "①")]
SAME += [("v1.0", "v1.0"), ("007", "007"), (1e20, "100000000000000000000")]


@pytest.mark.parametrize(("value", "text"), SAME)
def test_training_and_evaluation_read_the_same_label(value, text):
    fields = json.loads(json.dumps({"text": "x", "label": value}))
    assert Classification(Training((), "")).labels(Row(1, "x", fields)) == (text,)
    assert EVALUATOR.expected(fields, EvaluateOptions("classification"), "line 1", ()) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (np.int64(1), "1"),
        (np.float32(1), "1"),
        (np.float64(1.5), "1.5"),
        (np.bool_(True), "True"),
        (np.str_("good"), "good"),
        (Decimal("1.00"), "1"),
    ],
)
def test_values_of_parquet_and_numpy_are_the_same_labels(value, text):
    assert label_text(value) == text


@pytest.mark.parametrize(
    "value", [None, "", "  ", {}, ["a"], math.nan, math.inf, "['a']", "[1, 0]"]
)
def test_what_is_no_label_is_refused_with_its_place(value):
    with pytest.raises(InputError, match="line 7: .* is not a label: use text"):
        label_text(value, "line 7")


def test_long_values_are_shown_in_part():
    with pytest.raises(InputError) as caught:
        label_text(["word"] * 50, "line 1")
    assert len(str(caught.value)) < 150
