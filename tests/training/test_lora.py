"""Low-rank adapters: learnt, stored by themselves or added to the weights."""

import json

import pytest

from llmcli.errors import UsageError
from llmcli.spec.training import LoraOptions
from tests.tiny_data import moods


def test_adapters_learn_and_are_used_or_merged(run, learner, fit, tmp_path):
    pytest.importorskip("peft")
    results = {
        name: fit(
            learner,
            moods(),
            "classification",
            adapters=LoraOptions(lora=True, lora_rank=4, merge=name == "whole"),
            output=str(tmp_path / name),
            learning_rate=2e-2,
            max_steps=50,
            schedule="cosine",
        )
        for name in ("apart", "whole")
    }
    assert results["apart"].metrics == results["whole"].metrics
    assert results["apart"].metrics["accuracy"] > 0.95
    assert not (tmp_path / "apart" / "model.safetensors").exists()
    assert (tmp_path / "whole" / "model.safetensors").exists()
    shown = [run("classify", "it is bad", "-m", tmp_path / name, "--json") for name in results]
    assert [one.exit_code for one in shown] == [0, 0], shown[0].output
    records = [json.loads(one.stdout)[0] for one in shown]
    assert records[0]["label"] == records[1]["label"] == "sad"
    assert records[0]["score"] == pytest.approx(records[1]["score"], abs=1e-5)


def test_layers_that_are_not_there_are_refused(learner, fit):
    pytest.importorskip("peft")
    adapters = LoraOptions(lora=True, lora_targets=("nowhere",))
    with pytest.raises(UsageError, match="`lora_targets`: .*; this model has .*query"):
        fit(learner, moods(), "classification", adapters=adapters)


def test_frozen_weights_and_adapters_exclude_each_other(learner, fit):
    with pytest.raises(UsageError, match="`freeze` and `lora` exclude each other"):
        fit(
            learner,
            moods(),
            "classification",
            adapters=LoraOptions(lora=True),
            freeze=("body",),
        )
