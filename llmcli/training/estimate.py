"""Estimates what a training run takes from a few of its steps, made in memory."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from transformers import TrainerCallback

from llmcli.spec.training import Training
from llmcli.system.machine import peak_memory
from llmcli.training.example_order import LengthGroupedSampler
from llmcli.training.examples import Dataset, Examples
from llmcli.training.joint.objective import JointTask, Rounds
from llmcli.training.preparation import Prepared, parameter_counts
from llmcli.training.results import Estimate
from llmcli.training.trainer import ObjectiveTrainer, total_steps

STEPS = 3  # made for the estimate; the first one, which is slow, is not measured
MOMENTS = 2  # that AdamW keeps of each weight that is learnt, in float32


@dataclass(frozen=True, slots=True)
class BatchFill:
    """How full the batches of a pass over the data are."""

    batches: int
    """In one pass."""
    tokens: float
    """In a batch, the mean."""
    padding: float
    """The share of positions that hold no token."""


def batch_fill(data: Dataset, batch_size: int, seed: int, group: bool) -> BatchFill:
    """Tokens and padding of the batches of the first pass, in the run's own order."""
    if isinstance(data, Rounds):
        fills = [batch_fill(task.train, task.batch_size, seed, True) for task in data.tasks]
        tokens = sum(fill.tokens for fill in fills)
        positions = sum(fill.tokens / (1 - fill.padding) for fill in fills)
        return BatchFill(len(data), tokens, 1 - tokens / positions)
    sides = _sides(data)  # (S, N)
    sampler = LengthGroupedSampler(sides.sum(0).tolist(), batch_size, seed, group)
    order = np.fromiter(sampler, dtype=np.int64)  # (N,)
    tokens, positions, batches = 0, 0, 0
    for start in range(0, len(order), batch_size):
        batch = sides[:, order[start : start + batch_size]]  # (S, B)
        tokens += int(batch.sum())
        positions += int(batch.max(1).sum()) * batch.shape[1]
        batches += 1
    return BatchFill(batches, tokens / batches, 1 - tokens / positions)


def _sides(data: Dataset) -> Any:
    """(S, N) tokens of each example: of its input and, where it has one, of its target."""
    if isinstance(data, Examples) and "labels_ids" in data.features[0]:
        names = ("input_ids", "labels_ids")
        return np.array([[len(feature[name]) for feature in data.features] for name in names])
    return np.array([data.lengths()])


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast the steps were, and what memory they took."""

    steps: int
    tokens_per_second: float
    memory: int | None
    device: str
    dtype: str


def pace_of(trainer: ObjectiveTrainer) -> Pace:
    """Make the steps of a trainer that was built for a few of them; nothing is saved."""
    on_gpu = trainer.args.device.type == "cuda"
    if on_gpu:
        torch.cuda.reset_peak_memory_stats()
    stopwatch = _StepTimer(trainer)
    trainer.add_callback(stopwatch)
    trainer.train()
    marks = stopwatch.marks[1:] if len(stopwatch.marks) > 2 else stopwatch.marks
    (start, before), (end, after) = marks[0], marks[-1]
    memory = torch.cuda.max_memory_allocated() if on_gpu else peak_memory()
    speed = (after - before) / max(end - start, 1e-9)
    dtype = "bfloat16" if trainer.args.bf16 else "float32"
    return Pace(trainer.state.global_step, speed, memory, str(trainer.args.device), dtype)


class _StepTimer(TrainerCallback):
    """The time and the tokens at the start and after each step."""

    def __init__(self, trainer: ObjectiveTrainer) -> None:
        self.trainer = trainer
        self.marks: list[tuple[float, int]] = []

    def _mark(self) -> None:
        if self.trainer.args.device.type == "cuda":
            torch.cuda.synchronize()
        self.marks.append((time.perf_counter(), self.trainer.seen_tokens))

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self._mark()

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self._mark()
        control.should_save = False


@dataclass(frozen=True, slots=True)
class DiskUse:
    """Bytes that a run writes."""

    checkpoint: int
    checkpoints: int
    """How many there are at once, at most."""
    model: int
    """The finished model."""


def disk_use(model: Any, options: Training, *, validates: bool) -> DiskUse:
    """The disk space of a run.

    A checkpoint has the weights and two moments of those that are learnt, in float32; of
    adapters, the frozen weights are left out. While one is written, those that are kept are all
    there, the best one too.
    """
    learnt, total = parameter_counts(model)
    saved = learnt if options.adapters.lora else total
    final = total if options.adapters.merge else saved
    size = 4 if options.save_dtype == "float32" else 2
    count = options.save_total_limit + 1 + validates
    return DiskUse(4 * saved + 4 * MOMENTS * learnt, count, final * size)


def estimate_of(
    options: Training, name: str, prepared: Prepared, tasks: Sequence[JointTask], pace: Pace
) -> Estimate:
    """What a run takes at this pace. options: filled in. tasks: of a joint run, else none."""
    model, data = prepared.model, prepared.train
    fill = batch_fill(data, options.batch_size or 1, options.seed, options.group_by_length)
    steps = total_steps(options, len(data))
    epoch = total_steps(replace(options, max_steps=None, epochs=1), len(data))
    per_step = fill.tokens * fill.batches / epoch
    disk = disk_use(model, options, validates=prepared.held_out is not None)
    learnt, parameters = parameter_counts(model)
    validation = [task.held_out for task in tasks] if tasks else [prepared.held_out]
    return Estimate(
        model=name,
        device=pace.device,
        dtype=pace.dtype,
        parameters=parameters,
        learnt=learnt,
        examples=sum(len(task.train) for task in tasks) or len(data),
        tokens=sum(sum(task.train.lengths()) for task in tasks) or prepared.train_tokens,
        validation_examples=sum(len(held) for held in validation if held is not None),
        batch_size=sum(task.batch_size for task in tasks) or options.batch_size or 1,
        gradient_accumulation_steps=options.gradient_accumulation_steps,
        epochs=steps / epoch,
        steps_per_epoch=epoch,
        steps=steps,
        tokens_per_step=per_step,
        padding=fill.padding,
        steps_taken=pace.steps,
        tokens_per_second=pace.tokens_per_second,
        seconds=per_step * steps / pace.tokens_per_second,
        memory=pace.memory,
        checkpoint_bytes=disk.checkpoint,
        checkpoints=disk.checkpoints,
        model_bytes=disk.model,
    )
