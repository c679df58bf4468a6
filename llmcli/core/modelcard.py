"""The README.md that goes with a trained model."""

import math
import shlex
from typing import Any

from llmcli.spec import ModelSpec, TrainingSpec

_CARD = """\
---
library_name: transformers
pipeline_tag: text-generation
{base_line}---

# {name}

{parameters:,} parameters, {origin}.
{measured}

## Data

{files}

{train_tokens:,} tokens to train on, {eval_tokens:,} held out.

## Recipe

    {command}

{steps:,} steps of {per_step:,} examples of {block_size} tokens at most; AdamW (beta2 {beta2}, weight decay {weight_decay}),
learning rate {learning_rate} with {warmup:.0%} warm-up and a cosine decay, gradients clipped at
{max_grad_norm}, seed {seed}. All settings are in `training.json`, the losses in `metrics.jsonl`.
"""


def training_card(spec: TrainingSpec, base: ModelSpec | None, trained: dict[str, Any]) -> str:
    """Say what was trained, on what, how, and how well it predicts the held-out text."""
    return _CARD.format(
        base_line=f"base_model: {base.model_id}\n" if base else "",
        name=spec.output.rstrip("/").rpartition("/")[2],
        parameters=trained["parameters"],
        origin=f"fine-tuned from {base.model_id}" if base else "trained from scratch",
        measured=_measured(spec, trained["metrics"]),
        files="\n".join(f"- {path}" for path in (*spec.train, *spec.eval)),
        train_tokens=trained["train_tokens"],
        eval_tokens=trained["eval_tokens"],
        command=training_command(spec, base),
        steps=trained["steps"],
        block_size=trained["block_size"],
        per_step=(spec.batch_size or 0) * spec.gradient_accumulation_steps,
        beta2=spec.beta2,
        weight_decay=spec.weight_decay,
        learning_rate=spec.learning_rate,
        warmup=spec.warmup,
        max_grad_norm=spec.max_grad_norm,
        seed=spec.seed,
    )


def _measured(spec: TrainingSpec, metrics: dict[str, float]) -> str:
    """One line with the figures on the validation data."""
    if not metrics:
        return ""
    if spec.task in ("causal-lm", "masked-lm"):
        return f"Perplexity per token on the held-out text: {math.exp(metrics['loss']):.2f}."
    return "On the held-out rows: " + ", ".join(f"{k} {v:.4f}" for k, v in metrics.items()) + "."


def training_command(spec: TrainingSpec, base: ModelSpec | None) -> str:
    """The llmcli command that repeats a run: every setting that is not the default."""
    words = ["llmcli", "finetune", "--task", spec.task]
    words += ["-m", base.model_id] if base else []
    words += ["--revision", base.revision] if base and base.revision else []
    defaults = TrainingSpec(train=(), output="")
    for name in TrainingSpec.__dataclass_fields__:
        value = getattr(spec, name)
        if value == getattr(defaults, name) or name in ("resume", "task"):
            continue
        flag = "--" + name.replace("_", "-")
        for item in value if isinstance(value, tuple) else (value,):
            words += [flag, str(item)]
    return shlex.join(words)
