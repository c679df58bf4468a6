"""A label for each word: names, parts of speech."""

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from llmcli.data.rows import Row
from llmcli.errors import InputError
from llmcli.evaluation.metrics.classification import accuracy
from llmcli.evaluation.metrics.entities import entity_scores
from llmcli.training.objectives.base import (
    NO_LABEL,
    Batch,
    Examples,
    Feature,
    Labelled,
    Scorer,
    model_inputs,
    padded,
    summed_loss,
    without_labels,
)

OUTSIDE = "O"


def words_and_tags(row: Row, column: str, label_column: str) -> tuple[list[str], list[str]]:
    """The words of a row and their tags: lists, or texts with spaces between."""
    words, tags = _list(row, column), _list(row, label_column)
    if len(words) != len(tags):
        raise InputError(f"line {row.number}: {len(words)} words, but {len(tags)} tags")
    if not words:
        raise InputError(f"line {row.number}: there are no words")
    return words, tags


def _list(row: Row, column: str) -> list[str]:
    if column not in row.fields:
        names = ", ".join(map(repr, row.fields)) or "none"
        raise InputError(f"line {row.number}: no field {column!r}; it has {names}")
    value = row.fields[column]
    if isinstance(value, str):
        return value.split()
    if not isinstance(value, list):
        raise InputError(f"line {row.number}: {column!r} is no list of words but {value!r}")
    return [str(one) for one in value]


class Tagging(Labelled):
    """The head scores each tag from each word's first token."""

    def __init__(
        self,
        model: Any,
        tokenizer: Any,
        limit: int,
        labels: Sequence[str],
        *,
        columns: tuple[str, str],
        smoothing: float = 0.0,
        weights: Sequence[float] | None = None,
    ) -> None:
        """columns: where the words and their tags are."""
        super().__init__(model, tokenizer, limit, labels, smoothing, weights)
        self._columns = columns
        names_entities = all(one == OUTSIDE or one[:2] in ("B-", "I-") for one in labels)
        self.metric = "f1" if names_entities else "accuracy"

    def examples(self, rows: Sequence[Row]) -> Examples:
        found = Examples([], len(rows))
        for row in rows:
            words, tags = words_and_tags(row, *self._columns)
            encoded = self.tokenizer(
                words,
                is_split_into_words=True,
                truncation=True,
                max_length=self.limit,
                return_attention_mask=False,
            )
            labels = []
            before = None
            for word in encoded.word_ids():
                is_first = word is not None and word != before
                labels.append(self.number(tags[word], row) if is_first else NO_LABEL)
                before = word
            found.cut += max((one for one in encoded.word_ids() if one is not None), default=-1) < (
                len(words) - 1
            )
            names = [name for name in ("input_ids", "token_type_ids") if name in encoded]
            found.features.append({**{name: encoded[name] for name in names}, "labels": labels})
        return found

    def collate(self, features: Sequence[Feature]) -> Batch:
        labels = padded([one["labels"] for one in features], NO_LABEL)  # (B, T)
        return {**model_inputs(features, self.pad), "labels": labels}

    def loss(self, model: Any, batch: Batch) -> tuple[Tensor, Any]:
        inputs = without_labels(batch)
        logits = model(**inputs).logits  # (B, T, L)
        weights = self.weights(logits.device)
        return summed_loss(logits, batch["labels"], self._smoothing, weights), logits

    def scorer(self) -> Scorer:
        return _Tags(self.labels, entities=self.metric == "f1")


class _Tags(Scorer):
    def __init__(self, labels: Sequence[str], entities: bool) -> None:
        self._labels, self._entities = labels, entities
        self._gold: list[list[str]] = []
        self._said: list[list[str]] = []

    def add(self, features: Sequence[Feature], batch: Batch, outputs: Any) -> None:
        best = outputs.argmax(-1)  # (B, T)
        for labels, said in zip(batch["labels"], best, strict=True):
            known = labels != NO_LABEL
            self._gold.append([self._labels[at] for at in labels[known].tolist()])
            self._said.append([self._labels[at] for at in said[known].tolist()])

    def metrics(self) -> dict[str, float]:
        gold = [tag for tags in self._gold for tag in tags]
        said = [tag for tags in self._said for tag in tags]
        found = {"accuracy": accuracy(gold, said)}
        if self._entities:
            precision, recall, f1 = entity_scores(self._gold, self._said)[0]
            found |= {"precision": precision, "recall": recall, "f1": f1}
        return found
