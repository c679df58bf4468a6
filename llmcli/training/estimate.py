"""What a training run will take: measured on a few of its steps, in memory."""

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import torch
from transformers import TrainerCallback

from llmcli.spec.training import Training
from llmcli.system.machine import peak_memory
from llmcli.training.objectives.base import Dataset, Examples
from llmcli.training.objectives.joint import Part, Rounds
from llmcli.training.objectives.sampler import Grouped
from llmcli.training.preparation import Prepared
from llmcli.training.trainer import Run, total_steps

STEPS = 3  # that are taken; the first one, which is slow, is not measured
MOMENTS = 2  # that AdamW keeps of each weight that is learnt, in float32


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a run will take. Bytes, seconds, tokens without padding."""

    model: str
    device: str
    dtype: str
    """Of the arithmetic."""
    parameters: int
    learnt: int
    """Parameters that change."""
    examples: int
    tokens: int
    """Of all training examples."""
    validation_examples: int
    batch_size: int
    """Of a joint run, that of all parts together."""
    gradient_accumulation_steps: int
    epochs: float
    steps_per_epoch: int
    steps: int
    tokens_per_step: float
    """The mean."""
    padding: float
    """The share of places in a batch that hold no token."""
    steps_taken: int
    tokens_per_second: float
    """In the steps that were taken, without the first where there are more."""
    seconds: float
    """For all steps at that speed; validation and checkpoints are not counted."""
    memory: int | None
    """The most that was in use: of the process, or on a GPU; None where nothing tells it."""
    checkpoint_bytes: int
    checkpoints: int
    """That are there at once, at most."""
    model_bytes: int
    """Of the finished model."""

    @property
    def disk_bytes(self) -> int:
        """At most: all checkpoints that are kept, one that is being written, the model."""
        return self.checkpoint_bytes * self.checkpoints + self.model_bytes

    def to_dict(self) -> dict[str, Any]:
        """The fields as plain values, for JSON."""
        return {**asdict(self), "disk_bytes": self.disk_bytes}


@dataclass(frozen=True, slots=True)
class Load:
    """How full the batches of a pass over the data are."""

    batches: int
    """Of one pass."""
    tokens: float
    """Of a batch, the mean."""
    padding: float


def load_of(data: Dataset, batch_size: int, seed: int, group: bool) -> Load:
    """Tokens and padding of the batches of the first pass, in the run's own order."""
    if isinstance(data, Rounds):
        loads = [load_of(part.train, part.batch_size, seed, True) for part in data.parts]
        tokens = sum(one.tokens for one in loads)
        places = sum(one.tokens / (1 - one.padding) for one in loads)
        return Load(len(data), tokens, 1 - tokens / places)
    sides = _sides(data)  # (S, N)
    order = np.fromiter(Grouped(sides.sum(0).tolist(), batch_size, seed, group), dtype=np.int64)
    tokens, places, batches = 0, 0, 0
    for start in range(0, len(order), batch_size):
        some = sides[:, order[start : start + batch_size]]  # (S, B)
        tokens += int(some.sum())
        places += int(some.max(1).sum()) * some.shape[1]
        batches += 1
    return Load(batches, tokens / batches, 1 - tokens / places)


def _sides(data: Dataset) -> Any:
    """(S, N) tokens of each example: of its input and, where it has one, of its target."""
    if isinstance(data, Examples) and "labels_ids" in data.features[0]:
        names = ("input_ids", "labels_ids")
        return np.array([[len(one[name]) for one in data.features] for name in names])
    return np.array([data.lengths()])


@dataclass(frozen=True, slots=True)
class Pace:
    """How the steps that were taken went."""

    steps: int
    tokens_per_second: float
    memory: int | None
    device: str
    dtype: str


def pace_of(run: Run) -> Pace:
    """Take the steps of a run that was built for a few of them; nothing is saved."""
    on_gpu = run.args.device.type == "cuda"
    if on_gpu:
        torch.cuda.reset_peak_memory_stats()
    clock = _Clock(run)
    run.add_callback(clock)
    run.train()
    marks = clock.marks[1:] if len(clock.marks) > 2 else clock.marks
    (then, before), (now, after) = marks[0], marks[-1]
    memory = torch.cuda.max_memory_allocated() if on_gpu else peak_memory()
    speed = (after - before) / max(now - then, 1e-9)
    dtype = "bfloat16" if run.args.bf16 else "float32"
    return Pace(run.state.global_step, speed, memory, str(run.args.device), dtype)


class _Clock(TrainerCallback):
    """The time and the tokens at the start and after each step."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.marks: list[tuple[float, int]] = []

    def _mark(self) -> None:
        if self.run.args.device.type == "cuda":
            torch.cuda.synchronize()
        self.marks.append((time.perf_counter(), self.run.seen_tokens))

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self._mark()

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self._mark()
        control.should_save = False


def disk_of(model: Any, options: Training, *, validates: bool) -> tuple[int, int, int]:
    """Bytes of a checkpoint, how many there are at once at most, bytes of the finished model.

    A checkpoint has the weights and two moments of what is learnt, in float32; of adapters, the
    frozen weights are left out. While one is written, those that are kept are all there, the
    best one too.
    """
    learnt = sum(one.numel() for one in model.parameters() if one.requires_grad)
    total = sum(one.numel() for one in model.parameters())
    saved = learnt if options.adapters.lora else total
    count = options.save_total_limit + 1 + validates
    final = total if options.adapters.merge else saved
    size = 4 if options.save_dtype == "float32" else 2
    return 4 * saved + 4 * MOMENTS * learnt, count, final * size


def estimate_of(
    options: Training, name: str, prepared: Prepared, parts: Sequence[Part], pace: Pace
) -> Estimate:
    """What a run will take at this pace. spec: filled in. parts: of a joint run, else none."""
    model = prepared.model
    load = load_of(prepared.train, options.batch_size or 1, options.seed, options.group_by_length)
    steps = total_steps(options, len(prepared.train))
    epoch = total_steps(replace(options, max_steps=None, epochs=1), len(prepared.train))
    per_step = load.tokens * load.batches / epoch
    checkpoint, count, final = disk_of(model, options, validates=prepared.held_out is not None)
    checked = [part.held_out for part in parts] if parts else [prepared.held_out]
    return Estimate(
        model=name,
        device=pace.device,
        dtype=pace.dtype,
        parameters=sum(one.numel() for one in model.parameters()),
        learnt=sum(one.numel() for one in model.parameters() if one.requires_grad),
        examples=sum(len(part.train) for part in parts) or len(prepared.train),
        tokens=sum(sum(part.train.lengths()) for part in parts) or prepared.train_tokens,
        validation_examples=sum(len(one) for one in checked if one is not None),
        batch_size=sum(part.batch_size for part in parts) or options.batch_size or 1,
        gradient_accumulation_steps=options.gradient_accumulation_steps,
        epochs=steps / epoch,
        steps_per_epoch=epoch,
        steps=steps,
        tokens_per_step=per_step,
        padding=load.padding,
        steps_taken=pace.steps,
        tokens_per_second=pace.tokens_per_second,
        seconds=per_step * steps / pace.tokens_per_second,
        memory=pace.memory,
        checkpoint_bytes=checkpoint,
        checkpoints=count,
        model_bytes=final,
    )
