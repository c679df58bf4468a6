"""Low-rank adapters: learnt, stored by themselves or added to the weights."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModelForSequenceClassification

from llmcli.errors import UsageError
from llmcli.models.hub import resolve
from llmcli.spec import ModelSpec
from llmcli.spec.training import LoraOptions
from llmcli.training.lora import name_base, with_adapters
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
            learning_rate=1e-2,
            max_steps=60,
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


@pytest.fixture
def adapted(learner, fit, tmp_path):
    """Adapters of rank 4 with the head of a classifier, learnt in a few steps."""
    pytest.importorskip("peft")
    folder = str(tmp_path / "adapted")
    lora = LoraOptions(lora=True, lora_rank=4)
    fit(learner, moods(), "classification", adapters=lora, output=folder, max_steps=5)
    return Path(folder)


def weights_of(folder):
    return load_file(next(folder.glob("*model.safetensors")))


def test_adapters_are_trained_further_with_their_own_settings(adapted, learner, fit, tmp_path):
    """A vanishing rate changes no weight, so that they begin where the first run ended."""
    lora, still = LoraOptions(lora=True), {"learning_rate": 1e-12, "max_steps": 1}
    result = fit(adapted, moods(), "classification", adapters=lora, **still)
    first, second = weights_of(adapted), weights_of(tmp_path / "model")
    assert first.keys() == second.keys()
    assert all(torch.allclose(first[name], second[name], atol=1e-9) for name in first)
    settings = json.loads((tmp_path / "model" / "adapter_config.json").read_text())
    assert (settings["r"], settings["base_model_name_or_path"]) == (4, str(learner))
    assert not any("new weights" in note for note in result.notes)
    assert any("are trained further" in note for note in result.notes)


def test_without_lora_adapters_are_merged_and_all_weights_trained(run, adapted, fit, tmp_path):
    still = {"learning_rate": 1e-12, "max_steps": 1}
    result = fit(adapted, moods(), "classification", **still)
    assert any("are merged into" in note for note in result.notes)
    words = ("classify", "it is bad", "--json", "-m")
    records = [
        json.loads(run(*words, folder).stdout)[0] for folder in (adapted, tmp_path / "model")
    ]
    assert records[0]["score"] == pytest.approx(records[1]["score"], abs=1e-6)
    assert (tmp_path / "model" / "model.safetensors").exists()


def test_adapters_of_another_rank_are_not_made_of_old_ones(adapted, fit):
    lora = LoraOptions(lora=True, lora_rank=8)
    with pytest.raises(UsageError, match="`lora_rank` 8: the adapters have 4; leave it out"):
        fit(adapted, moods(), "classification", adapters=lora)


def test_new_labels_give_adapters_a_new_head(adapted, fit, tmp_path):
    rows = [*moods(), *({"text": f"the cat {word}", "label": "new"} for word in ("sat", "ran"))]
    fit(adapted, rows * 2, "classification", adapters=LoraOptions(lora=True), max_steps=1)
    config = json.loads((tmp_path / "model" / "config.json").read_text())
    assert "new" in config["label2id"]


def test_new_adapters_name_a_starter_and_not_its_folder(learner):
    pytest.importorskip("peft")
    network = AutoModelForSequenceClassification.from_pretrained(learner)
    adapted = with_adapters(network, "SEQ_CLS", LoraOptions(lora=True))
    name_base(adapted, resolve(ModelSpec("bert-en")))
    assert adapted.peft_config["default"].base_model_name_or_path == "bert-en"


def test_adapters_of_a_model_that_nothing_keeps_are_refused(run, tmp_path):
    (tmp_path / "a.txt").write_text("a")
    words = ("--train", tmp_path / "a.txt", "--from-scratch", "a.json", "-o", tmp_path / "o")
    result = run("finetune", "--lora", *words)
    assert (result.exit_code, "needs --merge" in result.stderr) == (2, True)
