"""Weights that are not trained."""

import pytest
import torch
from safetensors.torch import load_file

from llmcli.errors import UsageError
from tests.tiny_data import moods


def test_frozen_weights_stay(learner, fit, tmp_path):
    before = load_file(learner / "model.safetensors")
    fit(learner, moods(), "classification", freeze=("body",), max_steps=5)
    after = load_file(tmp_path / "model" / "model.safetensors")
    name = "encoder.layer.0.output.dense.weight"
    assert torch.equal(before[name], after[f"bert.{name}"])


@pytest.mark.parametrize("choices", [("nothing-like-it",), ("bert", "classifier")])
def test_freezing_nothing_or_everything_is_refused(learner, fit, choices):
    with pytest.raises(UsageError, match="`freeze`"):
        fit(learner, moods(), "classification", freeze=choices, max_steps=1)
