"""From the settings of a run to what is trained: the model, its examples, its objective."""

from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import torch

from llmcli.data.results import unknown_texts_note
from llmcli.engines.pytorch.errors import first_line
from llmcli.errors import ModelUnsuitable, UsageError
from llmcli.models import hub
from llmcli.spec import ModelSpec
from llmcli.tokenization.unknown import UnknownShare
from llmcli.training.base import Data, Objective, TrainingTask
from llmcli.training.examples import Dataset
from llmcli.training.freezing import freeze
from llmcli.training.lora import continued, with_adapters
from llmcli.training.results import Notify
from llmcli.training.starting_models import load_model, make_model

LOOKED_AT = 2000  # texts, or stretches of long ones


@dataclass(frozen=True, slots=True)
class Prepared:
    """What a run begins with."""

    model: Any
    tokenizer: Any
    objective: Objective
    train: Dataset
    held_out: Dataset | None

    @property
    def train_tokens(self) -> int:
        """Tokens to train on, in one pass."""
        return sum(self.train.lengths())

    @property
    def eval_tokens(self) -> int:
        """Tokens that are held out."""
        return sum(self.held_out.lengths()) if self.held_out is not None else 0


def prepare(
    task: TrainingTask, base: ModelSpec | None, kept_tokenizer: Path, note: Notify
) -> Prepared:
    """Read the data, load or make the model.

    kept_tokenizer: where a run that is resumed has its new tokenizer.
    Raises InputError for data that cannot be used, ModelUnsuitable, ModelNotFound.
    """
    data = task.read_data()
    if data.labels:
        more = " ..." * (len(data.labels) > 12)
        note(f"labels: {', '.join(data.labels[:12])}{more}")
    if base:
        model, tokenizer = load_model(task, base, data, note)
    else:
        model, tokenizer = make_model(task, data, kept_tokenizer, note)
    name = base.model_id if base else "the model"
    if "-" not in task.options.train:  # stdin cannot be read twice
        _note_unknown(task, data, tokenizer, note)
    objective = task.objective(model, tokenizer, name=name, rows=data.train)
    train, held_out = task.datasets(objective, data, note)
    adapted = _adapted(task, base, model, note)
    require_trainable(adapted, objective, train, name)
    return Prepared(adapted, tokenizer, objective, train, held_out)


def _note_unknown(task: TrainingTask, data: Data, tokenizer: Any, note: Notify) -> None:
    """Say so if the model cannot read some of the training texts, as the first of them show."""
    share_of = UnknownShare(tokenizer).of
    shares = [share_of(text) for text in islice(task.tokenizer_texts(data), LOOKED_AT)]
    unknown = sum(share is not None for share in shares)
    if unknown:
        note(unknown_texts_note(unknown, len(shares)))


def _adapted(task: TrainingTask, base: ModelSpec | None, model: Any, note: Notify) -> Any:
    """Freeze the weights that are not trained, or add adapters: those of `base`, if it has some."""
    options = task.options
    if options.adapters.lora:
        if options.freeze:
            raise UsageError("`freeze` and `lora` exclude each other: LoRA freezes all but a head")
        checkpoint = hub.resolve(base) if base else None
        torch.manual_seed(options.seed)  # of the adapters
        if checkpoint is not None and checkpoint.base is not None:
            adapted = continued(model, checkpoint, options.adapters)
        else:
            adapted = with_adapters(model, task.lora_type, options.adapters)
    else:
        adapted = model
        freeze(model, options.freeze)
    learnt, total = parameter_counts(adapted)
    if learnt < total:
        note(f"learnt: {learnt:,} of {total:,} parameters")
    return adapted


def require_trainable(model: Any, objective: Objective, train: Dataset, name: str) -> None:
    """Compute the loss of the first example, without a trace in the model or in random numbers.

    Raises ModelUnsuitable where the model's own code cannot: its configuration lacks something, or
    it needs more than text. name: of the model.
    """
    model.eval()
    try:
        with torch.no_grad(), torch.random.fork_rng():
            objective.loss(model, objective.collate([train[0]]))
    except torch.OutOfMemoryError:
        raise
    except (RuntimeError, ValueError, TypeError, AttributeError, LookupError) as error:
        reason = first_line(str(error)) or type(error).__name__
        raise ModelUnsuitable(f"{name} cannot be trained for this task: {reason}") from error


def parameter_counts(model: Any) -> tuple[int, int]:
    """How many parameters change in training, and how many there are."""
    sizes = [(weight.numel(), weight.requires_grad) for weight in model.parameters()]
    return sum(size for size, is_learnt in sizes if is_learnt), sum(size for size, _ in sizes)
