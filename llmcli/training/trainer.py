"""transformers' Trainer with the order of examples, losses, metrics and checkpoints of llmcli."""

import math
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_model
from transformers import PrinterCallback, Trainer, TrainingArguments

from llmcli.errors import ModelUnsuitable, UsageError
from llmcli.spec.training import Training
from llmcli.system import own_files
from llmcli.system.processes import world_size
from llmcli.training.base import Objective
from llmcli.training.checkpoint_damage import damage_explained, require_whole_weights
from llmcli.training.example_order import LengthGroupedSampler, WithFillers
from llmcli.training.examples import Batch, Feature
from llmcli.training.joint.objective import JointModel
from llmcli.training.kernels.replaced import faster_functions
from llmcli.training.preparation import Prepared
from llmcli.training.resume import best_step, checkpoint_root, keep_newest, move_into_place

TOKENS = "tokens"  # how many a batch has without padding: its name beside the model's inputs
SCHEDULERS = {
    "cosine": "cosine",
    "linear": "linear",
    "constant": "constant_with_warmup",
}


class ObjectiveTrainer(Trainer):
    """Trains a model for an objective; reports nothing by itself."""

    loss_is_scaled_for_ga = True
    model: Any
    train_dataset: Any
    eval_dataset: Any
    args: Any

    def __init__(
        self, prepared: Prepared, options: Training, arguments: TrainingArguments, best_metric: str
    ) -> None:
        """options: filled in. best_metric: decides which checkpoint is kept as the best."""
        self.objective: Objective = prepared.objective
        self.options, self.best_metric = options, best_metric
        self.seen_tokens = 0
        super().__init__(
            model=prepared.model,
            args=arguments,
            train_dataset=WithFillers(prepared.train),
            eval_dataset=prepared.held_out,
            data_collator=self._collated,
        )
        self.model_accepts_loss_kwargs = True  # so that the items of all batches are counted
        self.remove_callback(PrinterCallback)

    def _get_train_sampler(self, train_dataset: Any = None) -> LengthGroupedSampler:
        batch = self.args.train_batch_size * self.args.world_size
        sampler = LengthGroupedSampler(
            self.train_dataset.lengths(), batch, self.args.seed, self.options.group_by_length
        )
        sampler.fills = self.args.world_size > 1
        return sampler

    def _collated(self, features: Sequence[Feature]) -> Batch:
        """A batch without fillers; of fillers alone, one of them, which counts for nothing."""
        examples = [feature for feature in features if "is_filler" not in feature]
        batch = self.objective.collate(examples or features[:1])
        # Counted here: on a GPU, counting would wait for all that it has left to do.
        batch[TOKENS] = self.objective.tokens(batch) if examples else 0
        return batch if examples else {**batch, "is_filler": torch.tensor(True)}

    def _get_num_items_in_batch(self, batch_samples: list[Any], device: Any) -> torch.Tensor:
        """The items of a step: over all batches that are accumulated, and all processes."""
        counts = [
            torch.tensor(0) if "is_filler" in batch else self.objective.weight(batch)
            for batch in batch_samples
        ]
        total = torch.stack(counts).sum().to(device) if counts else torch.ones((), device=device)
        if self.args.world_size > 1:
            total = self.accelerator.gather(total).sum()
        return total.clamp(min=1)

    def compute_loss(
        self,
        model: Any,
        inputs: Any,
        return_outputs: bool = False,
        num_items_in_batch: Any = None,
    ) -> Any:
        """The summed loss of a batch over the number of items in the whole step.

        Gradients of several processes are averaged: their number makes that a sum again.
        """
        is_filler = "is_filler" in inputs
        self.seen_tokens += inputs[TOKENS]
        inputs = {name: inputs[name] for name in inputs if name not in ("is_filler", TOKENS)}
        # Autocast is for parts of a model that its wrapper does not call, too.
        with self.accelerator.autocast(), faster_functions(self.args.device):
            total, outputs = self.objective.loss(model, inputs)
            total = total * 0 if is_filler else total
        loss = total / num_items_in_batch * self.accelerator.num_processes
        return (loss, outputs) if return_outputs else loss

    def evaluate(
        self, eval_dataset: Any = None, ignore_keys: Any = None, metric_key_prefix: str = "eval"
    ) -> dict[str, float]:
        """Score the validation data; each process does all of it."""
        with self.compute_loss_context_manager():
            scores = self.objective.evaluate(
                self.model, self.eval_dataset, self.args.per_device_eval_batch_size
            )
        metrics = {f"{metric_key_prefix}_{name}": value for name, value in scores.items()}
        self.log(metrics)
        self.control = self.callback_handler.on_evaluate(
            self.args, self.state, self.control, metrics
        )
        return metrics

    def whole_model(self, model_class: type[Any]) -> Any:
        """The model as one process holds it. All processes call this together.

        model_class: of the model before it was divided.
        """
        if not self.is_fsdp_enabled:
            return self.accelerator.unwrap_model(self.model, keep_fp32_wrapper=False)
        state = self.accelerator.get_state_dict(self.model)
        if not self.is_world_process_zero():
            return None
        model = model_class(self.model.config)
        model.load_state_dict(state)
        return model

    def load_weights(self, checkpoint: Path) -> None:
        """Take the weights of a checkpoint of this run."""
        self._load_from_checkpoint(str(checkpoint))

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: Any = None) -> None:
        with damage_explained(resume_from_checkpoint):
            network = self.accelerator.unwrap_model(model or self.model)
            require_whole_weights(network, Path(resume_from_checkpoint))
            super()._load_from_checkpoint(resume_from_checkpoint, model)

    def _load_optimizer_and_scheduler(self, checkpoint: str | None) -> None:
        with damage_explained(checkpoint):
            super()._load_optimizer_and_scheduler(checkpoint)

    def _load_rng_state(self, checkpoint: str | None) -> None:
        with damage_explained(checkpoint):
            super()._load_rng_state(checkpoint)

    def _save(self, output_dir: str | None = None, state_dict: Any = None) -> None:
        """Weights that several heads share are written once."""
        if isinstance(self.model, JointModel):
            folder = Path(output_dir or self.args.output_dir)
            folder.mkdir(parents=True, exist_ok=True)
            save_model(self.model, str(folder / "model.safetensors"))
        else:
            super()._save(output_dir, state_dict)

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        """Write a checkpoint aside, hash it, and move it into place whole."""
        self._require_finite()
        root = Path(self.args.output_dir)
        aside = root / "unfinished"
        name = f"checkpoint-{self.state.global_step}"
        if self.is_world_process_zero():
            own_files.make_folder(aside)
        self.accelerator.wait_for_everyone()
        self.args.output_dir = str(aside)
        try:
            super()._save_checkpoint(model, trial)
        finally:
            self.args.output_dir = str(root)
        self.accelerator.wait_for_everyone()
        if self.is_world_process_zero():
            move_into_place(aside / name, root / name)
            shutil.rmtree(aside, ignore_errors=True)
            best = best_step(self.state.log_history, self.best_metric)
            keep_newest(root, self.options.save_total_limit, best)
        self.accelerator.wait_for_everyone()

    def _require_finite(self) -> None:
        if not all(_local(weight).isfinite().all() for weight in self.model.parameters()):
            raise ModelUnsuitable(
                f"the weights are not finite (NaN or infinite) at step {self.state.global_step}: "
                "lower `learning_rate` or use `dtype`=float32; what was saved before is untouched"
            )


def _local(weight: Any) -> torch.Tensor:
    """The part of a weight that this process holds."""
    part: torch.Tensor = weight.to_local() if hasattr(weight, "to_local") else weight
    return part


def make_trainer(
    prepared: Prepared, options: Training, *, bf16: bool, on_cpu: bool
) -> ObjectiveTrainer:
    """Make the trainer of a run.

    options: filled in. Raises UsageError for a metric that the task does not have, and for
    settings that need validation data where there are none.
    """
    metric = options.best_metric or prepared.objective.metric
    known = prepared.objective.metric_names()
    if metric not in known:
        raise UsageError(f"`best_metric` {metric}: this task has {', '.join(known)}")
    validates = prepared.held_out is not None
    if not validates and (options.best_metric or options.early_stopping):
        raise UsageError("`best_metric` and `early_stopping` need validation data: give `eval`")
    steps = total_steps(options, len(prepared.train), world_size())
    arguments = TrainingArguments(
        output_dir=str(checkpoint_root(options)),
        num_train_epochs=options.epochs or 1,
        max_steps=steps,
        **_optimization(options, steps),
        **_reporting(options, steps, validates),
        bf16=bf16,
        use_cpu=on_cpu,
        fsdp="full_shard" if options.fsdp else None,
        ddp_backend="gloo" if on_cpu and world_size() > 1 else None,
        ddp_find_unused_parameters=False,
        dataloader_pin_memory=not on_cpu,
        accelerator_config={"non_blocking": not on_cpu and torch.cuda.is_available()},
        seed=options.seed,
        remove_unused_columns=False,
    )
    return ObjectiveTrainer(prepared, options, arguments, metric)


def _optimization(options: Training, steps: int) -> dict[str, Any]:
    """AdamW, its learning rate and the size of its steps."""
    return {
        "per_device_train_batch_size": 1 if options.parts else options.batch_size,
        "per_device_eval_batch_size": options.batch_size,
        "gradient_accumulation_steps": options.gradient_accumulation_steps,
        "optim": "adamw_torch_fused",
        "learning_rate": options.learning_rate or 0.0,
        "lr_scheduler_type": SCHEDULERS[options.schedule],
        "warmup_steps": int(options.warmup * steps),
        "weight_decay": options.weight_decay,
        "adam_beta2": options.beta2,
        "max_grad_norm": options.max_grad_norm,
    }


def _reporting(options: Training, steps: int, validates: bool) -> dict[str, Any]:
    """When it logs, validates and saves."""
    return {
        "eval_strategy": "steps" if validates else "no",
        "eval_steps": options.eval_steps or max(1, math.ceil(steps / 10)),
        "save_steps": options.save_steps,
        "save_total_limit": None,  # which checkpoints are kept is decided in _save_checkpoint
        "logging_steps": options.log_steps,
        "logging_first_step": True,
        "logging_nan_inf_filter": False,  # a loss of NaN must be seen, and stop the run
        "disable_tqdm": True,
        "report_to": "none",
    }


def total_steps(options: Training, examples: int, processes: int = 1) -> int:
    """How many optimizer steps a run of so many examples makes. options: filled in."""
    assert options.batch_size is not None and options.epochs is not None
    size = 1 if options.parts else options.batch_size  # an example of a joint run is a batch
    batches = math.ceil(examples / (size * processes))
    per_epoch = max(1, math.ceil(batches / options.gradient_accumulation_steps))
    return options.max_steps or max(1, math.ceil(per_epoch * options.epochs))
