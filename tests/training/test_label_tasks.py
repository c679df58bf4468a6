"""What tasks with labels have in common."""

import pytest

from llmcli.data.rows import Row
from llmcli.errors import UsageError
from llmcli.spec.training import Training
from llmcli.training.label_tasks import sorted_labels
from llmcli.training.objectives.classification import Classification

ROWS = [Row(at, "x", {"label": "a" if at < 9 else "b"}) for at in range(12)]


def weights(*choices):
    task = Classification(Training((), "", task="classification", class_weights=choices))
    return task.class_weights(ROWS, ["a", "b"])


def test_class_weights_make_up_for_rare_labels():
    balanced = weights("balanced")
    assert balanced[1] / balanced[0] == pytest.approx(3)  # 9 rows against 3
    assert 9 * balanced[0] + 3 * balanced[1] == pytest.approx(12)


def test_class_weights_are_taken_as_given():
    chosen = weights("a=1", "b=5")
    assert chosen[1] / chosen[0] == pytest.approx(5)
    assert weights() is None


@pytest.mark.parametrize(
    ("choices", "message"),
    [
        (("c=1",), "`class_weights` c=1: use balanced, or LABEL=WEIGHT for each of a, b"),
        (("a=0", "b=1"), "`class_weights` a=0"),
        (("a=1",), "'b' has none; every label needs one"),
    ],
)
def test_class_weights_that_cannot_be_are_refused(choices, message):
    with pytest.raises(UsageError, match=message):
        weights(*choices)


def test_labels_that_are_numbers_are_ordered_by_size():
    assert sorted_labels({"10", "9", "-1"}) == ["-1", "9", "10"]
    assert sorted_labels({"b", "a", "10"}) == ["10", "a", "b"]
