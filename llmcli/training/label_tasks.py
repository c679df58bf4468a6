"""Training tasks that learn labels, of texts or of their words."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from llmcli.data.rows import Row
from llmcli.errors import InputError, UsageError
from llmcli.evaluation.labels import label_text, number_in
from llmcli.training.rows import Answers, RowObjective, RowTask

OUTSIDE = "O"  # the tag of words that belong to no entity


class LabelTask(RowTask):
    """A task whose head scores each of some labels."""

    def find_labels(self, rows: Sequence[Any]) -> list[str]:
        labels = {label for row in rows for label in self.labels(row)}
        if len(labels) < 2:
            raise InputError(too_few_labels(labels))
        return sorted_labels(labels)

    def answers(self, row: Any) -> Answers | None:
        return frozenset({"\0".join(self.labels(row))})

    def config_changes(self, labels: Sequence[str]) -> dict[str, Any]:
        if not labels:
            return {}
        return {
            "id2label": dict(enumerate(labels)),
            "label2id": {label: index for index, label in enumerate(labels)},
        }

    def class_weights(self, rows: Sequence[Any], labels: Sequence[str]) -> list[float] | None:
        """What a mistake costs for each label, so that the mean over the rows is 1.

        `balanced` makes it inverse to how often a label occurs; None: all cost the same. Raises
        UsageError for a label that does not exist or has no weight.
        """
        chosen = self.options.class_weights
        if not chosen:
            return None
        counts = dict.fromkeys(labels, 0)
        for row in rows:
            for label in self.labels(row):
                counts[label] = counts.get(label, 0) + 1
        if chosen == ("balanced",):
            weights = {label: 1 / max(1, counts[label]) for label in labels}
        else:
            weights = _chosen_weights(chosen, labels)
        total = sum(counts[label] for label in labels)
        mean = sum(weights[label] * counts[label] for label in labels) / total
        return [weights[label] / mean for label in labels]


def sorted_labels(labels: set[str]) -> list[str]:
    """The order that a model keeps: numbers by size, else by letters.

    >>> sorted_labels({"10", "9"}), sorted_labels({"pos", "neg"})
    (['9', '10'], ['neg', 'pos'])
    """
    numbers = {label: number_in(label) for label in labels}
    if None in numbers.values():
        return sorted(labels)
    return sorted(labels, key=lambda label: (numbers[label], label))


def too_few_labels(labels: set[str]) -> str:
    """The message where the training rows have fewer than two labels."""
    what = f"only {next(iter(labels))!r}" if labels else "none"
    return f"there must be two labels or more; the training rows have {what}"


def _chosen_weights(chosen: Sequence[str], labels: Sequence[str]) -> dict[str, float]:
    """The weights of LABEL=WEIGHT for each label."""
    weights = {}
    for choice in chosen:
        name, _, number = choice.rpartition("=")
        label = label_text(name) if name.strip() else name
        try:
            weights[label] = float(number)
        except ValueError:
            weights[label] = -1.0
        if label not in labels or not 0 < weights[label] < float("inf"):
            known = ", ".join(labels[:12])
            raise UsageError(
                f"`class_weights` {choice}: use balanced, or LABEL=WEIGHT for each of {known}"
            )
    missing = [label for label in labels if label not in weights]
    if missing:
        raise UsageError(f"`class_weights`: {missing[0]!r} has none; every label needs one")
    return weights


class LabelObjective(RowObjective):
    """The loss of a head with a score for each label."""

    def __init__(self, task: LabelTask, model: Any, tokenizer: Any, rows: Sequence[Any]) -> None:
        """rows: the training rows, which the weights of the labels are computed from."""
        super().__init__(task, model, tokenizer)
        names = model.config.id2label
        self.labels: list[str] = [names[index] for index in range(model.config.num_labels)]
        self._index = {label: index for index, label in enumerate(self.labels)}
        weights = task.class_weights(rows, self.labels)
        self._weights = None if weights is None else torch.tensor(weights, dtype=torch.float32)

    def number(self, label: str, row: Row) -> int:
        """The index of a label of a row. Raises InputError, with the line, for an unknown one."""
        if label not in self._index:
            known = ", ".join(map(repr, self.labels[:12]))
            raise InputError(f"{row.place}: the label {label!r} is none of {known}")
        return self._index[label]

    def weights(self, device: torch.device) -> Tensor | None:
        """The cost of a mistake for each label (L); None where all cost the same."""
        return None if self._weights is None else self._weights.to(device)
