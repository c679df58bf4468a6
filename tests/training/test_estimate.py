"""finetune --dry-run: what a run will take, measured on a few steps."""

import json
import os
import random

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModelForSequenceClassification

from llmcli.errors import InputError
from llmcli.spec import ModelSpec
from llmcli.spec.training import LoraOptions, Training
from llmcli.tasks.finetune import dry_run, finetune
from llmcli.training.estimate import batch_fill, disk_use
from llmcli.training.examples import Examples
from tests.tiny_data import write_rows


def texts(count=50):
    draw = random.Random(0)
    words = ["the", "cat", "dog", "is", "on", "mats"]
    return [
        {"text": " ".join(draw.choices(words, k=draw.randint(1, 9))), "label": "ab"[at % 2]}
        for at in range(count)
    ]


@pytest.fixture
def spec(tmp_path):
    def make(rows=None, **changes):
        data = write_rows(tmp_path / "train.jsonl", texts() if rows is None else rows)
        settings = {"task": "classification", "batch_size": 8, "dtype": "float32"}
        settings |= {"eval_fraction": 0.1, "output": ""}
        return Training((data,), **{**settings, **changes})

    return make


def test_steps_tokens_and_parameters_are_those_of_the_run(tiny_encoder, spec, tmp_path):
    base = ModelSpec(str(tiny_encoder))
    found = dry_run(spec(epochs=2), base)
    trained = finetune(spec(epochs=2, output=str(tmp_path / "out")), base)
    assert (found.steps, found.tokens) == (trained.steps, trained.train_tokens)
    assert found.steps == 12 and found.steps_per_epoch == 6  # 45 rows in batches of 8, twice
    assert (found.examples, found.validation_examples) == (45, 5)
    assert found.parameters == found.learnt == trained.parameters
    assert found.tokens_per_step == pytest.approx(found.tokens / 6)
    assert found.steps_taken == 3 and found.tokens_per_second > 0
    assert found.seconds == pytest.approx(found.tokens * 2 / found.tokens_per_second)
    assert found.memory > 10_000_000  # a process with torch


def test_nothing_is_written_and_nothing_changes(tiny_encoder, spec, tmp_path, monkeypatch):
    made = spec()
    before = load_file(tiny_encoder / "model.safetensors")
    files = sorted(os.listdir(tmp_path))
    monkeypatch.chdir(tmp_path)
    dry_run(made, ModelSpec(str(tiny_encoder)))
    assert sorted(os.listdir(tmp_path)) == files
    after = load_file(tiny_encoder / "model.safetensors")
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_a_checkpoint_is_as_large_as_estimated(tiny_encoder, spec, tmp_path):
    base = ModelSpec(str(tiny_encoder))
    wide = spec(max_steps=2, save_steps=2, output=str(tmp_path / "out"))
    found = dry_run(wide, base)
    finetune(wide, base)
    folder = tmp_path / "out" / "checkpoints" / "checkpoint-2"
    sizes = {path.name: path.stat().st_size for path in folder.iterdir()}
    weights, moments = 4 * found.parameters, 8 * found.parameters
    assert found.checkpoint_bytes == weights + moments
    assert sizes["model.safetensors"] == pytest.approx(weights, abs=10_000)  # and a header
    assert moments < sizes["optimizer.pt"] < moments + 60_000
    assert found.checkpoints == 4  # two that are kept, the best, one that is being written
    assert found.disk_bytes == 4 * found.checkpoint_bytes + weights


def test_adapters_are_small(tiny_encoder, spec):
    pytest.importorskip("peft")
    base = ModelSpec(str(tiny_encoder))
    found = dry_run(spec(adapters=LoraOptions(lora=True, lora_rank=2)), base)
    assert found.learnt < found.parameters / 2
    assert found.checkpoint_bytes == 12 * found.learnt


def test_frozen_weights_have_no_moments(tiny_classifier):
    model = AutoModelForSequenceClassification.from_pretrained(tiny_classifier)
    for parameter in model.base_model.parameters():
        parameter.requires_grad = False
    head = sum(one.numel() for one in model.classifier.parameters())
    spec = Training((), "", save_dtype="bfloat16", save_total_limit=3)
    disk = disk_use(model, spec, validates=False)
    assert disk.checkpoint == 4 * model.num_parameters() + 8 * head
    assert disk.checkpoints == 4 and disk.model == 2 * model.num_parameters()


def test_padding_by_hand():
    examples = Examples([{"input_ids": [1] * size} for size in (2, 4, 4, 6)], 4)
    whole = batch_fill(examples, 4, 0, True)
    assert whole.tokens == 16 and whole.padding == pytest.approx(1 - 16 / 24)
    assert batch_fill(examples, 1, 0, True).padding == 0
    pairs = [{"input_ids": [1] * a, "labels_ids": [1] * b} for a, b in ((1, 3), (3, 1))]
    both = batch_fill(Examples(pairs, 2), 2, 0, True)
    assert both.tokens == 8 and both.padding == pytest.approx(1 - 8 / 12)


def test_packed_text_has_no_padding(tiny_gpt2, spec):
    rows = [{"text": "The cat sat on a mat. " * 9}] * 9
    changes = {"task": "causal-lm", "block_size": 16, "gradient_accumulation_steps": 2}
    found = dry_run(spec(rows, **changes), ModelSpec(str(tiny_gpt2)))
    assert found.padding == 0
    assert found.steps_per_epoch == -(-found.examples // 8) // 2 + (-(-found.examples // 8) % 2)
    assert found.tokens_per_step == found.tokens / found.steps_per_epoch
    assert found.tokens == found.examples * 16


def test_a_joint_run_is_estimated_as_a_whole(tiny_encoder, tmp_path, run):
    data = write_rows(tmp_path / "rows.jsonl", texts())
    parts = tmp_path / "parts.yaml"
    parts.write_text(
        f"- {{task: classification, train: {data}, batch_size: 8}}\n"
        f"- {{task: embedding, train: {data}, batch_size: 5}}\n"
    )
    words = ["finetune", "-q", "-m", tiny_encoder, "--parts", parts, "--epochs", 1]
    result = run(*words, "--dtype", "float32", "--dry-run", "--json")
    assert result.exit_code == 0, result.output
    record = json.loads(result.stdout)
    assert record["steps"] == 10  # as many as the second part has batches
    assert (record["examples"], record["batch_size"]) == (48 + 50, 13)
    words = sum(len(row["text"].split()) + 2 for row in texts())  # with [CLS] and [SEP]
    assert record["tokens_per_step"] == pytest.approx((words / 10) + 8 * words / 50, rel=0.1)


def test_the_command_tells_it_in_words(run, tiny_encoder, spec, tmp_path):
    (data,) = spec().train
    words = ["finetune", "-q", "--task", "classification", "-m", tiny_encoder, "--train", data]
    result = run(*words, "--dry-run", "--dtype", "float32", "--batch-size", 8)
    assert result.exit_code == 0, result.output
    lines = dict(line.split("  ", 1) for line in result.stdout.splitlines())
    assert lines["steps"].strip() == "18 of batch size 8: 6 an epoch, 3 epochs"
    assert "an estimate; validation and checkpoints are not counted" in lines["time"]
    assert lines["parameters"].endswith("all learnt")


def test_data_that_cannot_be_used_are_refused_as_in_a_run(tiny_encoder, spec):
    with pytest.raises(InputError, match="no field 'label'"):
        dry_run(spec([{"text": "the cat"}]), ModelSpec(str(tiny_encoder)))
