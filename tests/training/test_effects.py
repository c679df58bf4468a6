"""Every setting of a run, with every task: it changes what is trained, or is refused."""

from dataclasses import fields

import pytest
import torch
from safetensors.torch import load_file

from llmcli.errors import InputError, UsageError
from llmcli.spec import ModelSpec
from llmcli.spec.training import LoraOptions, Training
from llmcli.tasks.finetune import check, dry_run, finetune, training_tasks
from llmcli.training.effects import TASKS, require_effect, tasks_of
from llmcli.training.joint.parts import read_parts
from tests.tiny_data import moods

EVERYWHERE = {
    *("train", "output", "task", "from_scratch", "eval", "eval_fraction", "files"),
    *("allow_special", "block_size", "batch_size", "gradient_accumulation_steps", "epochs"),
    *("max_steps", "learning_rate", "adapters", "schedule", "warmup", "weight_decay", "beta2"),
    *("max_grad_norm", "freeze", "group_by_length", "fsdp", "eval_steps", "early_stopping"),
    *("best_metric", "save_steps", "save_total_limit", "log_steps", "device", "dtype"),
    *("save_dtype", "seed", "resume", "parts"),
}
"""Settings of every task, and the file of a joint run."""
OTHER = {
    "multi_label": True,
    "labels": ("a", "b"),
    "class_weights": ("balanced",),
    "label_column": "mood",
    "label_smoothing": 0.1,
    "mask_fraction": 0.3,
    "chat": True,
    "chat_template": "rag",
    "prefix": "summarize: ",
    "from_lang": "en",
    "to_lang": "fr",
    "init_from": "bert-en",
    "columns": ("source", "target"),
}
"""For each setting of some tasks, a value that is not the default."""


def test_every_setting_is_known_to_be_of_all_tasks_or_of_some():
    assert {field.name for field in fields(Training)} == EVERYWHERE | set(TASKS)
    assert OTHER.keys() == TASKS.keys()
    assert {task for tasks in TASKS.values() for task in tasks} == set(training_tasks())


@pytest.mark.parametrize("task", training_tasks())
@pytest.mark.parametrize("name", OTHER)
def test_a_setting_of_other_tasks_is_refused_in_one_line(name, task):
    more = {"chat": True} if name == "chat_template" and task == "causal-lm" else {}
    options = Training(("x.jsonl",), "out", **{"task": task, name: OTHER[name], **more})
    if task in TASKS[name]:
        require_effect(options)
        return
    for function in (finetune, check, dry_run):
        with pytest.raises(UsageError, match=f"goes with .*, not with {task}|goes with `chat`"):
            function(options, ModelSpec("nowhere"))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"task": "classification", "multi_label": True, "label_smoothing": 0.1},
            "label_smoothing",
        ),
        ({"task": "causal-lm", "chat": True, "columns": ("text",)}, "columns"),
        ({"task": "masked-lm", "eval": ("y.txt",), "eval_fraction": 0.2}, "eval_fraction"),
        ({"task": "masked-lm", "from_scratch": "bert", "init_from": "bert-en"}, "init_from"),
    ],
)
def test_a_setting_without_an_effect_beside_another_is_refused(changes, message):
    with pytest.raises(UsageError, match=f"`{message}` has no effect here: `"):
        require_effect(Training(("x.txt",), "out", **changes))


@pytest.mark.parametrize(
    "adapters",
    [
        *(LoraOptions(lora_rank=4), LoraOptions(lora_alpha=2.0), LoraOptions(lora_dropout=0.1)),
        *(LoraOptions(lora_targets=("query",)), LoraOptions(merge=True)),
    ],
)
def test_settings_of_adapters_go_with_lora(adapters):
    with pytest.raises(UsageError, match="`(lora_[a-z]+|merge)` goes with `lora`"):
        require_effect(Training(("x.txt",), "out", task="masked-lm", adapters=adapters))


@pytest.mark.parametrize(
    "changes",
    [
        *({"task": "masked-lm"}, {"adapters": LoraOptions(lora=True)}, {"freeze": ("body",)}),
        *({"label_smoothing": 0.1}, {"batch_size": 4}, {"mask_fraction": 0.3}),
    ],
)
def test_settings_of_single_tasks_are_refused_with_a_file_of_parts(changes):
    with pytest.raises(UsageError, match="has no effect with `parts`"):
        require_effect(Training((), "out", parts="parts.yaml", **changes))


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("task: masked-lm\n  label-column: x", "`label_column` goes with"),
        ("task: classification\n  mask-fraction: 0.2", "`mask_fraction` goes with"),
        ("task: embedding\n  mask-fraction: 0.2", "mask_fraction has no effect on embedding"),
        ("task: regression\n  teacher: bert-en", "teacher has no effect on regression"),
        ("task: masked-lm\n  eval: y.txt\n  eval-fraction: 0.2", "`eval_fraction` has no effect"),
    ],
)
def test_a_setting_of_a_part_without_an_effect_names_the_file(entry, message, tmp_path):
    path = tmp_path / "parts.yaml"
    path.write_text(f"- train: x.txt\n  {entry}\n")
    with pytest.raises(InputError, match=f"parts.yaml: {message}"):
        read_parts(str(path))


@pytest.mark.parametrize(
    ("name", "tasks"),
    [("mask_fraction", ("masked-lm",)), ("prefix", ("seq2seq",)), ("chat", ("causal-lm",))],
)
def test_a_setting_of_one_task_tells_the_task(name, tasks):
    assert tasks_of(Training(("x.jsonl",), "out", **{name: OTHER[name]})) == tasks


def weights_after(fit, learner, folder, task, **changes):
    rows = [{"tokens": row["text"].split(), "ner_tags": ["O"] * 3, **row} for row in moods(24)]
    for row in rows:
        row["ner_tags"] = ["B-X" if word == "cat" else "O" for word in row["tokens"]]
    fit(learner, rows, task, max_steps=2, output=str(folder), **changes)
    return load_file(folder / "model.safetensors")


@pytest.mark.parametrize(
    ("task", "changes"),
    [
        ("classification", {"label_smoothing": 0.2}),
        ("classification", {"class_weights": ("glad=1", "sad=5")}),
        ("token-classification", {"label_smoothing": 0.2}),
        ("token-classification", {"class_weights": ("balanced",)}),
        ("masked-lm", {"mask_fraction": 0.5}),
    ],
)
def test_a_setting_of_a_task_changes_the_weights(fit, learner, tmp_path, task, changes):
    pair = [
        weights_after(fit, learner, tmp_path / name, task, **given)
        for name, given in (("plain", {}), ("changed", changes))
    ]
    name = next(name for name in pair[0] if name.endswith("layer.0.output.dense.weight"))
    assert not torch.allclose(pair[0][name], pair[1][name], atol=1e-6)
