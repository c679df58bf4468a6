"""Weights that are not trained."""

import pytest
import torch
from safetensors.torch import load_file

from llmcli.engines.pytorch.loading import load
from llmcli.errors import UsageError
from llmcli.spec import ModelSpec
from llmcli.training.freezing import freeze
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


def test_positions_that_are_computed_and_never_saved_are_not_trained(tiny_marian):
    loaded = load(ModelSpec(str(tiny_marian), device="cpu"), ("seq2seq",))
    freeze(loaded.network, ())
    tables = [f"model.{side}.embed_positions.weight" for side in ("encoder", "decoder")]
    assert not any(loaded.network.get_parameter(name).requires_grad for name in tables)
    assert loaded.network.get_parameter("model.shared.weight").requires_grad
