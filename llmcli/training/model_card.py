"""Writes the model card, README.md, of a trained model."""

import math
import shlex
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from llmcli.spec import ModelSpec
from llmcli.spec.training import LoraOptions, Training
from llmcli.system.extras import is_installed
from llmcli.training.results import Finetuned

if TYPE_CHECKING:
    from llmcli.training.base import TrainingTask

_CARD = """\
---
library_name: transformers
pipeline_tag: {tag}
{base_line}---

# {name}

{parameters:,} parameters, {origin}, for {task}.
{metrics}

## Data

{files}

{train_tokens:,} tokens to train on, {eval_tokens:,} held out.

## Recipe

    {command}

{steps:,} steps of {per_step:,} examples; AdamW (beta2 {beta2}, weight decay {weight_decay}),
learning rate {learning_rate} with {warmup:.0%} warm-up and the schedule {schedule}, gradients
clipped at {max_grad_norm}, seed {seed}.{best} All settings are in `training.json`, the losses in
`metrics.jsonl`{curve}.
"""
JOINT_TAG = "text-classification"


def training_card(
    options: Training, base: ModelSpec | None, result: Finetuned, task: "TrainingTask | None"
) -> str:
    """Return the text of the model card: model, validation metrics, data and hyperparameters.

    base: the pretrained model, None for training from scratch. task: None for a joint run.
    """
    return _CARD.format(
        tag=task.pipeline_tag if task else JOINT_TAG,
        base_line=f"base_model: {base.model_id}\n" if base else "",
        name=options.output.rstrip("/").rpartition("/")[2],
        parameters=result.parameters,
        origin=f"fine-tuned from {base.model_id}" if base else "trained from scratch",
        task=options.task if task else "several tasks together",
        metrics=_metrics_line(result.metrics, task),
        files="\n".join(f"- {path}" for path in (*options.train, *options.eval, *_parts(options))),
        train_tokens=result.train_tokens,
        eval_tokens=result.eval_tokens,
        command=training_command(options, base),
        steps=result.steps,
        per_step=(options.batch_size or 0) * options.gradient_accumulation_steps,
        beta2=options.beta2,
        weight_decay=options.weight_decay,
        learning_rate=options.learning_rate,
        warmup=options.warmup,
        schedule=options.schedule,
        max_grad_norm=options.max_grad_norm,
        seed=options.seed,
        curve=" and `loss.png`" if is_installed("matplotlib") else "",
        best=_best_step(result.best_step),
    )


def _parts(options: Training) -> tuple[str, ...]:
    return (options.parts,) if options.parts else ()


def _best_step(step: int | None) -> str:
    return "" if step is None else f" The weights are those after step {step:,}."


def _metrics_line(metrics: dict[str, float], task: "TrainingTask | None") -> str:
    if not metrics:
        return ""
    return task.card_line(metrics) if task else figures_line(metrics)


def perplexity_line(metrics: dict[str, float]) -> str:
    """Return the card's sentence with the perplexity, exp(loss), of a language model."""
    return f"Perplexity per token on the held-out text: {math.exp(metrics['loss']):.2f}."


def figures_line(metrics: dict[str, float]) -> str:
    """Return the card's sentence that lists all validation metrics."""
    figures = [f"{name.replace('_', ' ')} {value:.4f}" for name, value in metrics.items()]
    return f"On the held-out rows: {', '.join(figures)}."


def training_command(options: Training, base: ModelSpec | None) -> str:
    """Return the llmcli command that repeats a run, with all settings that are not the default."""
    words = ["llmcli", "finetune"]
    words += [] if options.parts else ["--task", options.task]
    words += ["-m", base.model_id] if base else []
    words += ["--revision", base.revision] if base and base.revision else []
    defaults: Any = Training(train=(), output="")
    for settings, default in ((options, defaults), (options.adapters, LoraOptions())):
        for name in (field.name for field in fields(settings)):
            value = getattr(settings, name)
            if name not in OMITTED and value != getattr(default, name):
                words += _flag(name, value)
    return shlex.join(words)


# Flags that take one comma-separated list.
JOINED = {"columns": "--column", "freeze": "--freeze", "lora_targets": "--lora-targets"}
JOINED |= {"class_weights": "--class-weights", "labels": "--labels"}
# Not written as flags: `task` comes first in the command, `adapters` are separate flags, and a
# repeated run starts from the beginning.
OMITTED = {"task", "adapters", "resume"}


def _flag(name: str, value: Any) -> list[str]:
    if name in JOINED:
        return [JOINED[name], ",".join(value)]
    flag = "--" + name.replace("_", "-")
    if value is True:
        return [flag]
    if value is False:
        return [flag.replace("--", "--no-", 1)]
    if isinstance(value, tuple):
        return [word for item in value for word in (flag, str(item))]
    return [flag, str(value)]
