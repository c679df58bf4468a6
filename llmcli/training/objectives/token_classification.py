"""A label for each word: named entities, parts of speech."""

from collections.abc import Iterator, Sequence
from typing import Any

from torch import Tensor

from llmcli.data.rows import Row
from llmcli.errors import InputError, ModelUnsuitable
from llmcli.evaluation.metrics.classification import accuracy
from llmcli.evaluation.metrics.entities import entity_scores
from llmcli.evaluation.tagged_rows import TAGS, WORDS, column_of, tags_of, words_of
from llmcli.inference.encoding import Encoded, Fitting, Window, encode
from llmcli.inference.tag_schemes import OUTSIDE, Scheme, require_scheme, scheme_of
from llmcli.inference.words import Words, named, words_of_tokens
from llmcli.training.base import Data, Defaults, Scorer
from llmcli.training.checkup.findings import Finding, Sample, Stretch, finding
from llmcli.training.checkup.items import Measured
from llmcli.training.checkup.previews import growth, shortened
from llmcli.training.examples import (
    NO_LABEL,
    Batch,
    Dataset,
    Examples,
    Feature,
    model_inputs,
    padded,
    summed_loss,
    without_labels,
)
from llmcli.training.label_tasks import LabelObjective, LabelTask
from llmcli.training.results import Notify
from llmcli.training.rows import RowObjective

GROUP = 500  # rows tokenized together


class TokenClassification(LabelTask):
    """A tag for each word."""

    defaults = Defaults("tagger", ("tokens",), learning_rate=1e-4, label_column="ner_tags")
    lora_type = "TOKEN_CLS"
    pipeline_tag = "token-classification"

    @property
    def columns(self) -> tuple[str, ...]:
        return ()  # words may be lists

    def words_and_tags(self, row: Row) -> tuple[Words, tuple[str, ...]]:
        """The words of a row and their tags. Raises InputError for malformed ones."""
        options = self.options
        words = words_of(row.fields, column_of(row.fields, options.columns[0], WORDS))
        column = column_of(row.fields, options.label_column, TAGS)
        tags = tags_of(row.fields[column], column)
        if len(words) != len(tags):
            raise InputError(f"{len(words)} words, but {len(tags)} tags")
        return words, tags

    def find_labels(self, rows: Sequence[Any]) -> list[str]:
        labels = super().find_labels(rows)
        require_scheme(labels)
        return labels

    def labels(self, row: Row) -> Sequence[str]:
        return self.words_and_tags(row)[1]

    def texts(self, row: Row) -> tuple[str, ...]:
        return (self.words_and_tags(row)[0].text,)

    def check_tokenizer(self, tokenizer: Any, name: str) -> None:
        super().check_tokenizer(tokenizer, name)
        if not tokenizer.is_fast:
            raise ModelUnsuitable(
                f"the tokenizer of {name} gives no character offsets, by which its words are found"
            )

    def datasets(
        self, objective: RowObjective, data: Data, note: Notify
    ) -> tuple[Dataset, Dataset | None]:
        train, held_out = super().datasets(objective, data, note)
        unread = [place for part in (train, held_out) for place in getattr(part, "unread", ())]
        if unread:
            note(f"{len(unread):,} words have no token and teach nothing: {unread[0]}")
        return train, held_out

    def token_findings(self, measured: Measured) -> Iterator[Finding]:
        text = "words have no token of the model, and teach nothing"
        yield finding("words_without_tokens", text, measured.unread)
        yield from super().token_findings(measured)

    def objective(
        self, model: Any, tokenizer: Any, *, name: str = "the model", rows: Sequence[Any] = ()
    ) -> "TaggingObjective":
        return TaggingObjective(self, model, tokenizer, rows)


task = TokenClassification


class TaggingObjective(LabelObjective):
    """Cross-entropy over the tags, at each word's first token."""

    def __init__(
        self, task: TokenClassification, model: Any, tokenizer: Any, rows: Sequence[Any]
    ) -> None:
        super().__init__(task, model, tokenizer, rows)
        self._task = task
        self._scheme = scheme_of(set(self.labels))
        self.metric = "f1" if self._scheme.marks_entities else "accuracy"

    def examples(self, rows: Sequence[Row]) -> Examples:
        examples = Examples([], len(rows))
        fitting = Fitting(self.limit, "truncate")
        for start in range(0, len(rows), GROUP):
            group = rows[start : start + GROUP]
            read = [self._task.words_and_tags(row) for row in group]
            texts = [words.text for words, _ in read]
            encoded = encode(self.tokenizer, texts, [None] * len(texts), fitting)
            for row, (words, tags), fitted in zip(group, read, encoded, strict=True):
                if isinstance(fitted, InputError):
                    raise InputError(f"{row.place}: {fitted}")
                examples.cut += fitted.overflow is not None
                examples.unread += unread_words(row, words, fitted)
                examples.features.append(self._feature(row, words, tags, fitted.windows[0]))
        return examples

    def _feature(self, row: Row, words: Words, tags: Sequence[str], window: Window) -> Feature:
        """The tokens of a row, with the tag of each word at its first token, NO_LABEL elsewhere."""
        labels = [NO_LABEL] * len(window.ids)
        seen: set[int | None] = {None}
        numbers = words_of_tokens(words, window.offsets)
        for position, number in zip(window.content, numbers, strict=True):
            if number is not None and number not in seen:
                labels[position] = self.number(tags[number], row)
            seen.add(number)
        types = {"token_type_ids": window.types} if window.types else {}
        return {"input_ids": window.ids, **types, "labels": labels}

    def preview(self, feature: Feature, number: int = 0) -> Sample:
        """The text as the model gets it, each tag behind its word; O is learnt, but not shown."""
        ids, labels = feature["input_ids"], feature["labels"]
        starts = [index for index, label in enumerate(labels) if label != NO_LABEL]
        learnt = [NO_LABEL] * len(ids)
        for start, stop in zip(starts, [*starts[1:], len(ids)], strict=True):
            learnt[start:stop] = [start] * (stop - start)
        stretches: list[Stretch] = []
        for start, text in growth(self.tokenizer, ids, learnt):
            stretches.append((text, False))
            tag = OUTSIDE if start == NO_LABEL else self.labels[labels[start]]
            if tag != OUTSIDE:
                stretches.append((tag, True))
        return shortened(stretches)

    def collate(self, features: Sequence[Feature]) -> Batch:
        labels = padded([feature["labels"] for feature in features], NO_LABEL)  # (B, T)
        return {**model_inputs(features, self.pad), "labels": labels}

    def loss(self, model: Any, batch: Batch) -> tuple[Tensor, Any]:
        inputs = without_labels(batch)
        logits = model(**inputs).logits  # (B, T, L)
        weights = self.weights(logits.device)
        smoothing = self.smoothing_of(model)
        return summed_loss(logits, batch["labels"], smoothing, weights), logits

    def scorer(self) -> Scorer:
        return TagScorer(self.labels, self._scheme)


def unread_words(row: Row, words: Words, encoded: Encoded) -> list[str]:
    """The words of a row that have no token, each with its place; not those that are cut off."""
    offsets = encoded.windows[0].offsets
    seen = {*words_of_tokens(words, offsets)}
    end = offsets[-1][1] if encoded.overflow and offsets else len(words.text) + 1
    return [
        f"{row.place}: word {at + 1}, {named(words[at])}"
        for at, (start, _) in enumerate(words.spans)
        if at not in seen and start < end
    ]


class TagScorer(Scorer):
    """Accuracy of the tags; precision, recall and F1 of the entities that they mark."""

    def __init__(self, labels: Sequence[str], scheme: Scheme) -> None:
        self._labels, self._scheme = labels, scheme
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
        if self._scheme.marks_entities:
            precision, recall, f1 = entity_scores(self._gold, self._predicted, self._scheme)[0]
            metrics |= {"precision": precision, "recall": recall, "f1": f1}
        return metrics
