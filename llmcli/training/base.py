"""The two classes that each file of objectives/ fills in: a training task and its objective.

A TrainingTask knows its data and its model before either is loaded; an Objective holds the loaded
model and computes the loss. docs/add-a-training-task.md shows a whole one.
"""

import math
import sys
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import torch
from torch import Tensor

from llmcli.engines.known_ids import Table, table_rows
from llmcli.errors import InputError, ModelUnsuitable, UsageError
from llmcli.models.architectures import Kind, context_length
from llmcli.spec.training import Training
from llmcli.tokenization.typed_text import know_table
from llmcli.training.examples import NO_LABEL, Batch, Dataset, Feature, moved
from llmcli.training.kernels.replaced import faster_functions
from llmcli.training.model_card import figures_line
from llmcli.training.results import Notify

FROM_SCRATCH_RATE = 1e-3
LORA_RATE = 10.0  # adapters start at zero and need larger steps


@dataclass(frozen=True, slots=True)
class Defaults:
    """What a task uses for settings that the user leaves out."""

    kind: Kind
    """Of the model."""
    columns: tuple[str, ...]
    epochs: float = 3
    batch_size: int = 32
    learning_rate: float = 5e-5
    eval_fraction: float = 0.1
    limit: int = 512
    """Tokens of an example, if the model takes as many."""
    label_column: str = "label"


@dataclass(frozen=True, slots=True)
class Data:
    """The rows of a run; empty for text that is packed into blocks."""

    train: list[Any]
    held_out: list[Any]
    labels: list[str] = field(default_factory=list)


class TrainingTask(ABC):
    """One choice of `task`: its data, the model it needs, and the words that describe both."""

    defaults: ClassVar[Defaults]
    lora_type: ClassVar[str]
    """The TaskType of peft."""
    pipeline_tag: ClassVar[str]
    """The task's name on the hub, for the model card."""

    def __init__(self, options: Training) -> None:
        self.options = filled_in(options, self.defaults)

    @abstractmethod
    def read_data(self) -> Data:
        """Read the rows and find their labels. Raises InputError for the first unusable row."""

    @abstractmethod
    def tokenizer_texts(self, data: Data) -> Iterator[str]:
        """All text of the training data, for a new tokenizer to be trained on."""

    @abstractmethod
    def objective(
        self, model: Any, tokenizer: Any, *, name: str = "the model", rows: Sequence[Any] = ()
    ) -> "Objective":
        """The loss and the metrics of this task for a model.

        name: of the model, for messages. rows: the training rows, where the loss depends on them.
        """

    @abstractmethod
    def datasets(self, objective: Any, data: Data, note: Notify) -> tuple[Dataset, Dataset | None]:
        """The training examples and those held out; None where there are none."""

    def limit(self, model: Any) -> int:
        """Tokens of an example. Raises InputError for a `block_size` that the model cannot take."""
        context = context_length(model.config.to_dict())
        usual = self.defaults.limit
        size = self.options.block_size or min(context or usual, usual)
        if context and size > context:
            raise InputError(
                f"`block_size` {size} is more than the {context} tokens that the model takes"
            )
        return size

    def config_changes(self, labels: Sequence[str]) -> dict[str, Any]:
        """Settings of the model's configuration that depend on the data, such as its labels."""
        return {}

    def check_tokenizer(self, tokenizer: Any, name: str) -> None:
        """Raise ModelUnsuitable where the tokenizer of the model `name` lacks a special token."""
        return

    def pair_of_languages(self, rows: Sequence[Any]) -> tuple[str, str] | None:
        """The codes of the source and the target language, if the rows have one of each."""
        return None

    def languages(self, rows: Sequence[Any]) -> list[str]:
        """Codes of the target languages that a new model gets a token for."""
        return []

    def card_line(self, metrics: dict[str, float]) -> str:
        """The line of the model card with the figures on the validation data."""
        return figures_line(metrics)


def filled_in(options: Training, defaults: Defaults) -> Training:
    """The settings with the defaults of a task in place of None."""
    rate = FROM_SCRATCH_RATE if options.from_scratch else defaults.learning_rate
    if options.adapters.lora:
        rate *= LORA_RATE
    fraction = options.eval_fraction
    columns = options.columns or (() if options.chat else defaults.columns)
    if len(columns) < len(defaults.columns) and not options.chat:
        needed = ",".join(defaults.columns)
        raise UsageError(
            f"`columns` {columns[0]!r} is one field, but the task needs {len(defaults.columns)}, "
            f"such as {needed}"
        )
    return replace(
        options,
        columns=columns,
        label_column=options.label_column or defaults.label_column,
        epochs=options.epochs or defaults.epochs,
        batch_size=options.batch_size or defaults.batch_size,
        learning_rate=options.learning_rate or rate,
        eval_fraction=defaults.eval_fraction if fraction is None else fraction,
    )


class Objective(ABC):
    """The loss and the metrics of a task. It holds the model, not wrapped for several processes."""

    metric: str = "loss"
    """Decides which checkpoint is the best, unless the user names another metric."""
    loss_is_per_token: ClassVar[bool] = False
    """Its exponential is then a perplexity."""
    smoothing: float = 0.0
    """Label smoothing of the training loss."""

    def __init__(self, model: Any, tokenizer: Any, limit: int) -> None:
        """limit: tokens that one example may have."""
        self.model, self.tokenizer, self.limit = model, tokenizer, limit
        self.rows = table_rows(model)
        """Rows of the embedding table; None if the model has no such table."""
        know_table(tokenizer, self.rows)
        pad = int(tokenizer.pad_token_id or 0)
        self.pad = pad if self.rows is None or pad < self.rows else 0

    def table(self) -> Table:
        """The model's embedding table, with the tokenizer whose ids are looked up in it."""
        return Table("the model", self.rows or sys.maxsize, self.rows or 0, self.tokenizer)

    @abstractmethod
    def collate(self, features: Sequence[Feature]) -> Batch:
        """Make a batch: tensors (B, T), and `labels`, with NO_LABEL where there is none."""

    @abstractmethod
    def loss(self, model: Any, batch: Batch) -> tuple[Tensor, Any]:
        """The loss summed over the items of a batch, in nats, and the model's outputs."""

    def smoothing_of(self, model: Any) -> float:
        """The label smoothing of a loss: none where a model is validated, not trained."""
        return self.smoothing if model.training else 0.0

    def weight(self, batch: Batch) -> Tensor:
        """The number of items that a batch's loss is summed over."""
        count: Tensor = batch["labels"].ne(NO_LABEL).sum()
        return count

    def tokens(self, batch: Batch) -> int:
        """Tokens of a batch that are not padding."""
        if "attention_mask" in batch:
            return int(batch["attention_mask"].sum())
        return int(batch["input_ids"].numel())

    def scorer(self) -> "Scorer":
        """A new collector of predictions for the task's own metrics."""
        return Scorer()

    def metric_names(self) -> list[str]:
        """The names of what `evaluate` returns."""
        return ["loss", *self.scorer().metrics()]

    @torch.inference_mode()
    def evaluate(self, model: Any, data: Dataset, batch_size: int) -> dict[str, float]:
        """The mean loss per item and the task's metrics over all examples, sorted by length.

        Raises ModelUnsuitable for a loss that is not finite.
        """
        model.eval()
        lengths = data.lengths()
        order = sorted(range(len(data)), key=lambda index: lengths[index])
        total, count = 0.0, 0
        scorer = self.scorer()
        for start in range(0, len(order), batch_size):
            features = [data[index] for index in order[start : start + batch_size]]
            batch = moved(self.collate(features), self.model.device)
            with faster_functions(self.model.device):
                loss, outputs = self.loss(model, batch)
            total += float(loss)
            count += int(self.weight(batch))
            scorer.add(features, batch, outputs)
        require_finite_loss(total, "the validation loss")
        return {"loss": total / count if count else math.nan, **scorer.metrics()}


def require_finite_loss(loss: float, name: str) -> None:
    """Raise ModelUnsuitable if a loss, which is called `name`, is NaN or infinite."""
    if not math.isfinite(loss):
        raise ModelUnsuitable(
            f"{name} is not finite, but {loss}: lower `learning_rate` or use `dtype`=float32; what "
            "was saved before is untouched"
        )


class Scorer:
    """Collects predictions batch by batch. This one has no metrics beside the loss."""

    def add(self, features: Sequence[Feature], batch: Batch, outputs: Any) -> None:
        """Take the model's outputs for a batch."""

    def metrics(self) -> dict[str, float]:
        """The metrics over all that was taken.

        Lower is better where the name ends with loss or error, else higher is.
        """
        return {}
