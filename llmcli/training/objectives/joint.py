"""Several tasks that share one body, each with its own head and data."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from llmcli.training.objectives.base import Batch, Dataset, Feature, Objective
from llmcli.training.objectives.sampler import Grouped


@dataclass(frozen=True, slots=True)
class Part:
    """One task of a joint run."""

    name: str
    objective: Objective
    train: Dataset
    held_out: Dataset | None
    batch_size: int
    weight: float
    """What its loss is multiplied with."""

    @property
    def module_name(self) -> str:
        """What its model is called among the modules."""
        return self.name.replace("-", "_")


class JointModel(nn.Module):
    """Models of several heads whose embeddings and layers are the same objects."""

    _keys_to_ignore_on_save = None  # the trainer asks, when it loads a checkpoint

    def __init__(self, parts: Sequence[Part], body: str) -> None:
        """body: the attribute that holds it in models with a head."""
        super().__init__()
        self.parts = parts
        self.models = nn.ModuleDict({part.module_name: part.objective.model for part in parts})
        owner = getattr(parts[0].objective.model, body, parts[0].objective.model)
        for part in parts[1:]:
            own = getattr(part.objective.model, body, part.objective.model)
            own.embeddings, own.encoder = owner.embeddings, owner.encoder
            part.objective.model.tie_weights()
        self.config = parts[0].objective.model.config

    def forward(self, batches: dict[str, Batch]) -> Tensor:
        """The weighted sum of the tasks' mean losses."""
        losses = []
        for part in self.parts:
            model = self.models[part.module_name]
            total, _ = part.objective.loss(model, batches[part.name])
            losses.append(part.weight * total / part.objective.weight(batches[part.name]))
        return torch.stack(losses).sum()

    def num_parameters(self) -> int:
        """Weights, those that are shared counted once."""
        return sum(one.numel() for one in self.parameters())

    @property
    def device(self) -> torch.device:
        return next(self.parameters()).device


class Rounds:
    """A batch of each task at a time. An epoch is one pass over the part with most batches."""

    def __init__(self, parts: Sequence[Part], seed: int) -> None:
        self.parts, self._seed = parts, seed
        self._orders: dict[tuple[str, int], list[int]] = {}

    def __len__(self) -> int:
        return max(self._batches(part) for part in self.parts)

    @staticmethod
    def _batches(part: Part) -> int:
        return max(1, len(part.train) // part.batch_size)

    def __getitem__(self, key: int) -> Feature:
        return {part.name: list(self._features(part, key)) for part in self.parts}

    def _features(self, part: Part, round_: int) -> Iterator[Feature]:
        """The examples of a part in a round: it begins anew when it is through."""
        epoch, at = divmod(round_, self._batches(part))
        if (part.name, epoch) not in self._orders:
            self._orders = {
                name: order for name, order in self._orders.items() if name[0] != part.name
            }
            order = Grouped(part.train.lengths(), part.batch_size, self._seed)
            order.set_epoch(epoch)
            self._orders[part.name, epoch] = list(order)
        keys = self._orders[part.name, epoch][at * part.batch_size : (at + 1) * part.batch_size]
        for key in keys:
            yield part.train[key]

    def lengths(self) -> list[int]:
        """All rounds count alike."""
        return [sum(sum(part.train.lengths()) for part in self.parts) // len(self)] * len(self)


class Joint(Objective):
    """The sum of the tasks' losses; the best checkpoint has the best mean of their metrics."""

    metric = "score"

    def __init__(self, model: JointModel, parts: Sequence[Part]) -> None:
        first = parts[0].objective
        super().__init__(model, first.tokenizer, max(part.objective.limit for part in parts))
        self.parts = parts

    def collate(self, features: Sequence[Feature]) -> Batch:
        (one,) = features
        return {part.name: part.objective.collate(one[part.name]) for part in self.parts}

    def weight(self, batch: Batch) -> Tensor:
        return torch.tensor(1)

    def tokens(self, batch: Batch) -> int:
        return sum(part.objective.tokens(batch[part.name]) for part in self.parts)

    def loss(self, model: Any, batch: Batch) -> tuple[Tensor, Any]:
        return model(batch), None

    def metric_names(self) -> list[str]:
        own = [
            f"{part.name}_{name}"
            for part in self.parts
            if part.held_out is not None
            for name in part.objective.metric_names()
        ]
        return ["score", "loss", *own]

    def evaluate(self, model: Any, data: Dataset, batch_size: int) -> dict[str, float]:
        """The metrics of all parts under their names, and `score`, the mean of what decides."""
        found: dict[str, float] = {"loss": 0.0}
        decisive = []
        joint = getattr(model, "module", model)
        for part in self.parts:
            if part.held_out is None:
                continue
            own = joint.models[part.module_name]
            scores = part.objective.evaluate(own, part.held_out, part.batch_size)
            found["loss"] += part.weight * scores["loss"]
            found |= {f"{part.name}_{name}": value for name, value in scores.items()}
            if part.objective.metric != "loss":
                decisive.append(scores[part.objective.metric])
        found["score"] = sum(decisive) / len(decisive) if decisive else -found["loss"]
        return found


def merged_state(parts: Sequence[Part], body: str) -> dict[str, Tensor]:
    """The weights of all parts under the names that their classes look for, each stored once."""
    state: dict[str, Tensor] = {}
    seen: set[int] = set()
    for part in parts:
        model = part.objective.model
        has_head = hasattr(model, body)
        for name, value in model.state_dict(keep_vars=True).items():
            full = name if has_head else f"{body}.{name}"
            if full in state or value.data_ptr() in seen:
                continue
            seen.add(value.data_ptr())
            state[full] = value.detach()
    return state
