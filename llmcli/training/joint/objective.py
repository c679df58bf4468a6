"""The model, the data and the loss of a joint run: one body with a head for each task."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from llmcli.training.base import Objective
from llmcli.training.example_order import LengthGroupedSampler
from llmcli.training.examples import Batch, Dataset, Feature


@dataclass(frozen=True, slots=True)
class JointTask:
    """One task of a joint run."""

    name: str
    objective: Objective
    train: Dataset
    held_out: Dataset | None
    batch_size: int
    weight: float
    """Its loss is multiplied with this."""

    @property
    def module_name(self) -> str:
        """The name of its model among the modules."""
        return self.name.replace("-", "_")


class JointModel(nn.Module):
    """Models with different heads whose embeddings and layers are the same objects."""

    _keys_to_ignore_on_save = None  # the trainer asks when it loads a checkpoint

    def __init__(self, tasks: Sequence[JointTask], body: str) -> None:
        """body: the attribute that holds it in models with a head."""
        super().__init__()
        self.tasks = tasks
        self.models = nn.ModuleDict({task.module_name: task.objective.model for task in tasks})
        owner = getattr(tasks[0].objective.model, body, tasks[0].objective.model)
        for task in tasks[1:]:
            own = getattr(task.objective.model, body, task.objective.model)
            own.embeddings, own.encoder = owner.embeddings, owner.encoder
            task.objective.model.tie_weights()
        self.config = tasks[0].objective.model.config

    def forward(self, batches: dict[str, Batch]) -> Tensor:
        """The weighted sum of the tasks' mean losses."""
        losses = []
        for task in self.tasks:
            model = self.models[task.module_name]
            total, _ = task.objective.loss(model, batches[task.name])
            losses.append(task.weight * total / task.objective.weight(batches[task.name]))
        return torch.stack(losses).sum()

    def num_parameters(self) -> int:
        """The number of weights; shared ones count once."""
        return sum(parameter.numel() for parameter in self.parameters())

    @property
    def device(self) -> torch.device:
        """The device of the weights."""
        return next(self.parameters()).device


class Rounds:
    """A batch of each task at a time. An epoch is one pass over the task with most batches."""

    def __init__(self, tasks: Sequence[JointTask], seed: int) -> None:
        self.tasks, self._seed = tasks, seed
        self._orders: dict[tuple[str, int], list[int]] = {}

    def __len__(self) -> int:
        return max(self._batches(task) for task in self.tasks)

    @staticmethod
    def _batches(task: JointTask) -> int:
        return max(1, len(task.train) // task.batch_size)

    def __getitem__(self, key: int) -> Feature:
        return {task.name: list(self._features(task, key)) for task in self.tasks}

    def _features(self, task: JointTask, round_: int) -> Iterator[Feature]:
        """The examples of a task in a round; a task that is through starts its next epoch."""
        epoch, batch = divmod(round_, self._batches(task))
        if (task.name, epoch) not in self._orders:
            self._orders = {
                key: order for key, order in self._orders.items() if key[0] != task.name
            }
            order = LengthGroupedSampler(task.train.lengths(), task.batch_size, self._seed)
            order.set_epoch(epoch)
            self._orders[task.name, epoch] = list(order)
        start = batch * task.batch_size
        for key in self._orders[task.name, epoch][start : start + task.batch_size]:
            yield task.train[key]

    def lengths(self) -> list[int]:
        """All rounds count alike."""
        return [sum(sum(task.train.lengths()) for task in self.tasks) // len(self)] * len(self)


class JointObjective(Objective):
    """The sum of the tasks' losses; the best checkpoint has the best mean of their metrics."""

    metric = "score"

    def __init__(self, model: JointModel, tasks: Sequence[JointTask]) -> None:
        tokenizer = tasks[0].objective.tokenizer
        super().__init__(model, tokenizer, max(task.objective.limit for task in tasks))
        self.tasks = tasks

    def collate(self, features: Sequence[Feature]) -> Batch:
        (round_,) = features
        return {task.name: task.objective.collate(round_[task.name]) for task in self.tasks}

    def weight(self, batch: Batch) -> Tensor:
        return torch.tensor(1)

    def tokens(self, batch: Batch) -> int:
        return sum(task.objective.tokens(batch[task.name]) for task in self.tasks)

    def loss(self, model: Any, batch: Batch) -> tuple[Tensor, Any]:
        return model(batch), None

    def metric_names(self) -> list[str]:
        own = [
            f"{task.name}_{name}"
            for task in self.tasks
            if task.held_out is not None
            for name in task.objective.metric_names()
        ]
        return ["score", "loss", *own]

    def evaluate(self, model: Any, data: Dataset, batch_size: int) -> dict[str, float]:
        """The metrics of all tasks under their names, and `score`, the mean of what decides."""
        metrics: dict[str, float] = {"loss": 0.0}
        decisive = []
        joint = getattr(model, "module", model)
        for task in self.tasks:
            if task.held_out is None:
                continue
            own = joint.models[task.module_name]
            scores = task.objective.evaluate(own, task.held_out, task.batch_size)
            metrics["loss"] += task.weight * scores["loss"]
            metrics |= {f"{task.name}_{name}": value for name, value in scores.items()}
            if task.objective.metric != "loss":
                decisive.append(scores[task.objective.metric])
        metrics["score"] = sum(decisive) / len(decisive) if decisive else -metrics["loss"]
        return metrics


def merged_state(tasks: Sequence[JointTask], body: str) -> dict[str, Tensor]:
    """The weights of all tasks under the names that their classes expect, each stored once."""
    state: dict[str, Tensor] = {}
    seen: set[int] = set()
    for task in tasks:
        model = task.objective.model
        has_head = hasattr(model, body)
        for name, value in model.state_dict(keep_vars=True).items():
            full = name if has_head else f"{body}.{name}"
            if full in state or value.data_ptr() in seen:
                continue
            seen.add(value.data_ptr())
            state[full] = value.detach()
    return state
