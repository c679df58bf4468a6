"""A label for each word: named entities, parts of speech."""

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from llmcli.data.rows import Row
from llmcli.errors import InputError
from llmcli.evaluation.metrics.classification import accuracy
from llmcli.evaluation.metrics.entities import entity_scores
from llmcli.training.base import Defaults, Scorer
from llmcli.training.checkup.findings import Sample, Stretch
from llmcli.training.checkup.previews import shortened
from llmcli.training.examples import (
    NO_LABEL,
    Batch,
    Examples,
    Feature,
    model_inputs,
    padded,
    summed_loss,
    without_labels,
)
from llmcli.training.label_tasks import OUTSIDE, LabelObjective, LabelTask


class TokenClassification(LabelTask):
    """A tag for each word."""

    defaults = Defaults("tagger", ("tokens",), learning_rate=1e-4, label_column="ner_tags")
    lora_type = "TOKEN_CLS"
    pipeline_tag = "token-classification"

    @property
    def columns(self) -> tuple[str, ...]:
        return ()  # words may be lists

    def words_and_tags(self, row: Row) -> tuple[list[str], list[str]]:
        """The words of a row and their tags. Raises InputError for malformed ones."""
        words = _strings(row, self.options.columns[0])
        tags = _strings(row, self.options.label_column or "")
        if len(words) != len(tags):
            raise InputError(f"{len(words)} words, but {len(tags)} tags")
        if not words:
            raise InputError("there are no words")
        return words, tags

    def labels(self, row: Row) -> Sequence[str]:
        return self.words_and_tags(row)[1]

    def texts(self, row: Row) -> tuple[str, ...]:
        return (" ".join(self.words_and_tags(row)[0]),)

    def objective(
        self, model: Any, tokenizer: Any, *, name: str = "the model", rows: Sequence[Any] = ()
    ) -> "TaggingObjective":
        return TaggingObjective(self, model, tokenizer, rows)


task = TokenClassification


def _strings(row: Row, column: str) -> list[str]:
    """A list of a row, or its text cut at spaces."""
    if column not in row.fields:
        names = ", ".join(map(repr, row.fields)) or "none"
        raise InputError(f"no field {column!r}; it has {names}")
    value = row.fields[column]
    if isinstance(value, str):
        return value.split()
    if not isinstance(value, list):
        raise InputError(f"{column!r} is not a list of words but {value!r}")
    return [str(item) for item in value]


class TaggingObjective(LabelObjective):
    """Cross-entropy over the tags, at each word's first token."""

    def __init__(
        self, task: TokenClassification, model: Any, tokenizer: Any, rows: Sequence[Any]
    ) -> None:
        super().__init__(task, model, tokenizer, rows)
        self._task = task
        is_ner = all(label == OUTSIDE or label[:2] in ("B-", "I-") for label in self.labels)
        self.metric = "f1" if is_ner else "accuracy"

    def examples(self, rows: Sequence[Row]) -> Examples:
        examples = Examples([], len(rows))
        for row in rows:
            words, tags = self._task.words_and_tags(row)
            encoded = self.tokenizer(
                words,
                is_split_into_words=True,
                truncation=True,
                max_length=self.limit,
                return_attention_mask=False,
            )
            word_ids = encoded.word_ids()
            last = max((word for word in word_ids if word is not None), default=-1)
            examples.cut += last < len(words) - 1
            names = [name for name in ("input_ids", "token_type_ids") if name in encoded]
            feature: Feature = {name: encoded[name] for name in names}
            examples.features.append({**feature, "labels": self._numbers(word_ids, tags, row)})
        return examples

    def _numbers(self, word_ids: Sequence[Any], tags: list[str], row: Row) -> list[int]:
        """The number of its word's tag at each word's first token; NO_LABEL elsewhere."""
        numbers = []
        before: int | None = None
        for word in word_ids:
            is_labelled = word is not None and word != before
            numbers.append(self.number(tags[word], row) if is_labelled else NO_LABEL)
            before = word
        return numbers

    def preview(self, feature: Feature, number: int = 0) -> Sample:
        """Words, each followed by its tag; O is learnt as well, but not shown."""
        ids, labels = feature["input_ids"], feature["labels"]
        starts = [index for index, label in enumerate(labels) if label != NO_LABEL]
        stretches: list[Stretch] = []
        for start, stop in zip(starts, [*starts[1:], len(ids)], strict=True):
            word = self.tokenizer.decode(ids[start:stop], skip_special_tokens=True).strip()
            tag = self.labels[labels[start]]
            stretches.append((f"{word} ", False))
            if tag != OUTSIDE:
                stretches += [(tag, True), (" ", False)]
        return shortened(stretches)

    def collate(self, features: Sequence[Feature]) -> Batch:
        labels = padded([feature["labels"] for feature in features], NO_LABEL)  # (B, T)
        return {**model_inputs(features, self.pad), "labels": labels}

    def loss(self, model: Any, batch: Batch) -> tuple[Tensor, Any]:
        inputs = without_labels(batch)
        logits = model(**inputs).logits  # (B, T, L)
        weights = self.weights(logits.device)
        return summed_loss(logits, batch["labels"], self.smoothing, weights), logits

    def scorer(self) -> Scorer:
        return TagScorer(self.labels, is_ner=self.metric == "f1")


class TagScorer(Scorer):
    """Accuracy of the tags; precision, recall and F1 of the entities that they mark."""

    def __init__(self, labels: Sequence[str], is_ner: bool) -> None:
        """is_ner: the tags are O, B-TYPE and I-TYPE."""
        self._labels, self._is_ner = labels, is_ner
        self._gold: list[list[str]] = []
        self._predicted: list[list[str]] = []

    def add(self, features: Sequence[Feature], batch: Batch, outputs: Any) -> None:
        best = outputs.argmax(-1)  # (B, T)
        for labels, predicted in zip(batch["labels"], best, strict=True):
            known = labels != NO_LABEL
            self._gold.append([self._labels[index] for index in labels[known].tolist()])
            self._predicted.append([self._labels[index] for index in predicted[known].tolist()])

    def metrics(self) -> dict[str, float]:
        gold = [tag for tags in self._gold for tag in tags]
        predicted = [tag for tags in self._predicted for tag in tags]
        metrics = {"accuracy": accuracy(gold, predicted)}
        if self._is_ner:
            precision, recall, f1 = entity_scores(self._gold, self._predicted)[0]
            metrics |= {"precision": precision, "recall": recall, "f1": f1}
        return metrics
