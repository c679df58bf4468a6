"""Training against a loop written by hand, on one architecture for each objective."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))
import finetune_equality  # noqa: E402

CHOSEN = (
    *("causal-lm, label smoothing", "masked-lm", "seq2seq, m2m_100", "classification, gpt2"),
    *("classification, several labels", "regression", "token-classification"),
    "question-answering",
)


@pytest.mark.parametrize("name", CHOSEN)
def test_losses_are_those_of_a_loop_written_by_hand(name):
    """Batches are accumulated, the last is not full, and the held-out loss is not smoothed."""
    (case,) = [case for case in finetune_equality.CASES if case.name == name]
    of_a_step, held_out, last = finetune_equality.differences(case)
    assert last > 0
    assert max(of_a_step, held_out) < 1e-5
