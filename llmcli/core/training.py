"""The glue between a training run as the user sees it and transformers' Trainer."""

import json
import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from transformers import (
    PrinterCallback,
    Trainer,
    TrainerCallback,
    TrainingArguments,
    default_data_collator,
)

from llmcli.core.corpus import Blocks
from llmcli.errors import InputError
from llmcli.spec import TrainingSpec

TRAINER_STATE = "trainer_state.json"
COMPLETE = "complete.json"  # written last into a checkpoint: without it a checkpoint is not whole


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a run stands. Losses are in nats a token."""

    step: int
    steps: int
    loss: float | None = None
    learning_rate: float | None = None
    tokens_per_second: float | None = None
    seconds_left: float | None = None
    eval_loss: float | None = None

    @property
    def eval_perplexity(self) -> float | None:
        return None if self.eval_loss is None else perplexity(self.eval_loss)


def perplexity(nats: float) -> float:
    """exp of the mean nats a token (Jelinek et al. 1977); infinite where that overflows."""
    return math.exp(nats) if nats < 700 else math.inf


def build_trainer(
    model: Any, train: Blocks, held_out: Blocks, spec: TrainingSpec, *, bf16: bool, on_cpu: bool
) -> Trainer:
    """Make a silent Trainer: AdamW, cosine schedule with warm-up, checkpoints below `output`."""
    arguments = TrainingArguments(
        output_dir=str(checkpoint_root(spec)),
        per_device_train_batch_size=spec.batch_size,
        per_device_eval_batch_size=spec.batch_size,
        gradient_accumulation_steps=spec.gradient_accumulation_steps,
        num_train_epochs=spec.epochs,
        max_steps=spec.max_steps or -1,
        optim="adamw_torch_fused",
        learning_rate=spec.learning_rate or 0.0,
        lr_scheduler_type="cosine",
        warmup_steps=int(spec.warmup * total_steps(spec, len(train))),
        weight_decay=spec.weight_decay,
        adam_beta2=spec.beta2,
        max_grad_norm=spec.max_grad_norm,
        bf16=bf16,
        use_cpu=on_cpu,
        eval_strategy="steps" if len(held_out) else "no",
        eval_steps=spec.eval_steps,
        prediction_loss_only=True,
        save_steps=spec.save_steps,
        save_total_limit=spec.save_total_limit,
        logging_steps=spec.log_steps,
        logging_first_step=True,
        logging_nan_inf_filter=False,  # a loss of NaN is to be seen, and to stop the run
        seed=spec.seed,
        dataloader_pin_memory=not on_cpu,
        disable_tqdm=True,
        report_to="none",
    )
    trainer = Trainer(
        model=model,
        args=arguments,
        train_dataset=train,
        eval_dataset=held_out if len(held_out) else None,
        data_collator=default_data_collator,
    )
    trainer.remove_callback(PrinterCallback)
    return trainer


@torch.inference_mode()
def mean_nats(model: Any, blocks: Blocks, batch_size: int) -> float:
    """Mean surprisal of the tokens of all blocks, in nats, each given those before it in its block.

    Computed in the model's own dtype. Every block has T - 1 such tokens.
    """
    model.eval()
    total, count = 0.0, 0
    for batch in torch.utils.data.DataLoader(blocks, batch_size=batch_size):
        ids = batch["input_ids"].to(model.device)  # (B, T)
        logits = model(ids).logits[:, :-1].float()  # (B, T-1, V)
        nats = torch.nn.functional.cross_entropy(
            logits.flatten(0, 1), ids[:, 1:].flatten(), reduction="sum"
        )
        total += nats.item()
        count += ids[:, 1:].numel()
    return total / count


def total_steps(spec: TrainingSpec, blocks: int) -> int:
    """How many steps a run makes of so many blocks, on one device."""
    per_step = spec.batch_size * spec.gradient_accumulation_steps
    return spec.max_steps or math.ceil(math.ceil(blocks / per_step) * spec.epochs)


def checkpoint_root(spec: TrainingSpec) -> Path:
    """Where the checkpoints of a run lie."""
    return Path(spec.output) / "checkpoints"


def last_checkpoint(spec: TrainingSpec) -> Path | None:
    """The newest checkpoint that was written to its end, or None."""
    whole = [path.parent for path in checkpoint_root(spec).glob(f"checkpoint-*/{COMPLETE}")]
    return max(whole, key=step_of, default=None)


def step_of(checkpoint: Path) -> int:
    """The number of steps that a checkpoint was written after."""
    return int(checkpoint.name.rpartition("-")[2])


def is_finished(checkpoint: Path) -> bool:
    """True where no step is left to be made after a checkpoint."""
    state = json.loads((checkpoint / TRAINER_STATE).read_text(encoding="utf-8"))
    return bool(state["global_step"] >= state["max_steps"])


@contextmanager
def disk_errors_explained(folder: str) -> Iterator[None]:
    """Turn a disk that is full or cannot be written into one line."""
    try:
        yield
    except (OSError, SafetensorError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"cannot write to {folder}: {reason}; mend that, then --resume") from None
    except RuntimeError as error:
        if "PytorchStreamWriter" not in str(error) and "write" not in str(error):
            raise
        raise InputError(f"cannot write to {folder}: mend that, then --resume") from None


class Watch(TrainerCallback):
    """Reports progress, marks whole checkpoints, stops on NaN or when asked to."""

    def __init__(
        self,
        tokens_per_step: int,
        report: Callable[[Progress], None],
        should_stop: Callable[[], bool],
    ) -> None:
        self.tokens_per_step = tokens_per_step
        self.report = report
        self.should_stop = should_stop
        self._mark = (0, 0.0)  # the step and the time since which speed is measured

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self._mark = (state.global_step, time.perf_counter())

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        if self.should_stop():
            control.should_training_stop = True
            control.should_save = True

    def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        folder = Path(args.output_dir) / f"checkpoint-{state.global_step}"
        write_json(folder / COMPLETE, {"step": state.global_step})

    def on_log(self, args: Any, state: Any, control: Any, **more: Any) -> None:
        logs: dict[str, float] = more["logs"]
        if "loss" in logs:
            self.report(self._training_progress(state, logs))
        elif "eval_loss" in logs:
            loss = logs["eval_loss"]
            self.report(Progress(state.global_step, state.max_steps, eval_loss=loss))
        self._mark = (state.global_step, time.perf_counter())  # so that evaluation does not count

    def _training_progress(self, state: Any, logs: dict[str, float]) -> Progress:
        if not math.isfinite(logs["loss"]):
            raise InputError(
                f"the loss is {logs['loss']} at step {state.global_step}: lower --learning-rate or "
                "use --dtype float32; what was saved before is untouched"
            )
        step, then = self._mark
        seconds_per_step = (time.perf_counter() - then) / max(1, state.global_step - step)
        return Progress(
            state.global_step,
            state.max_steps,
            loss=logs["loss"],
            learning_rate=logs["learning_rate"],
            tokens_per_second=self.tokens_per_step / seconds_per_step,
            seconds_left=seconds_per_step * (state.max_steps - state.global_step),
        )


def write_json(path: Path, value: Any) -> None:
    """Write whole or not at all."""
    aside = path.with_name(path.name + ".part")
    aside.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    aside.replace(path)
