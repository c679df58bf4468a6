"""Translation, summaries: one text from another, with an encoder and a decoder."""

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from llmcli.data.rows import Row
from llmcli.errors import InputError, LlmcliError
from llmcli.inference.translation.directions import Direction, find_direction
from llmcli.inference.translation.languages import find_language
from llmcli.training.objectives.base import (
    NO_LABEL,
    Batch,
    Examples,
    Feature,
    RowObjective,
    model_inputs,
    padded,
    summed_loss,
    without_labels,
)

GROUP = 1000  # rows tokenized together


class Seq2Seq(RowObjective):
    """The loss is on the target's tokens, each given the source and those before it."""

    def __init__(
        self,
        model: Any,
        tokenizer: Any,
        limit: int,
        *,
        name: str = "the model",
        translates: bool = False,
        from_lang: str | None = None,
        to_lang: str | None = None,
        prefix: str = "",
        smoothing: float = 0.0,
    ) -> None:
        """translates: rows may name their languages in the fields `from` and `to`."""
        super().__init__(model, tokenizer, limit)
        self._name, self._translates, self._prefix = name, translates, prefix
        self._languages = (from_lang, to_lang)
        self._smoothing = smoothing
        self._directions: dict[tuple[str | None, str | None], Direction] = {}

    def examples(self, rows: Sequence[Row]) -> Examples:
        found = Examples([], len(rows))
        for start in range(0, len(rows), GROUP):
            self._group(rows[start : start + GROUP], found)
        return found

    def _group(self, rows: Sequence[Row], found: Examples) -> None:
        by_direction: dict[Direction, list[Row]] = {}
        for row in rows:
            by_direction.setdefault(self._direction(row), []).append(row)
        for direction, some in by_direction.items():
            self._tell_languages(direction)
            texts = [direction.prefix + row.text for row in some]
            sources = self.tokenizer(texts, verbose=False)
            targets = self.tokenizer(text_target=[row.pair for row in some], verbose=False)
            for source, target in zip(sources["input_ids"], targets["input_ids"], strict=True):
                found.cut += len(source) > self.limit or len(target) > self.limit
                found.features.append(
                    {"input_ids": self._fitted(source), "labels_ids": self._fitted(target)}
                )

    def _tell_languages(self, direction: Direction) -> None:
        """Some tokenizers begin a text with the token of its language."""
        if direction.source_code is not None:
            self.tokenizer.src_lang = direction.source_code
        target = direction.start if direction.forced_first is None else direction.forced_first
        if target is not None:
            self.tokenizer.tgt_lang = self.tokenizer.convert_ids_to_tokens(target)

    def _fitted(self, ids: list[int]) -> list[int]:
        """Cut what is too long before its last token, which ends it."""
        return ids if len(ids) <= self.limit else ids[: self.limit - 1] + ids[-1:]

    def _direction(self, row: Row) -> Direction:
        if not self._translates:
            return Direction(None, None, prefix=self._prefix)
        asked = tuple(
            row.fields.get(key) or told
            for key, told in zip(("from", "to"), self._languages, strict=True)
        )
        key = (asked[0], asked[1])
        if key not in self._directions:
            try:
                tags = [None if one is None else find_language(str(one)) for one in key]
                self._directions[key] = find_direction(
                    self._name, self.tokenizer, self.model.config, *tags
                )
            except LlmcliError as error:
                raise InputError(f"line {row.number}: {error}") from None
        return self._directions[key]

    def collate(self, features: Sequence[Feature]) -> Batch:
        batch = model_inputs(features, self.pad)
        labels = padded([one["labels_ids"] for one in features], NO_LABEL)  # (B, U)
        shifted = self.model.prepare_decoder_input_ids_from_labels(labels)
        return {**batch, "labels": labels, "decoder_input_ids": shifted}

    def tokens(self, batch: Batch) -> int:
        return super().tokens(batch) + int(self.weight(batch))

    def loss(self, model: Any, batch: Batch) -> tuple[Tensor, Any]:
        inputs = without_labels(batch)
        outputs = model(**inputs, use_cache=False)
        return summed_loss(outputs.logits, batch["labels"], self._smoothing), outputs
