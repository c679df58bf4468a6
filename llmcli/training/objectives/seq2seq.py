"""One text from another, with an encoder and a decoder: summaries, rewritten texts, answers."""

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

from llmcli.data.rows import Row
from llmcli.decoding.text_config import text_setting
from llmcli.errors import ModelUnsuitable
from llmcli.inference.translation.directions import T5, Direction
from llmcli.tokenization.typed_text import encode_typed
from llmcli.training.base import Defaults
from llmcli.training.checkup.duplicates import normalized
from llmcli.training.checkup.findings import Finding, Sample, finding
from llmcli.training.checkup.items import Item
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
from llmcli.training.rows import GROUP, RowObjective, RowTask


class Seq2Seq(RowTask):
    """Pairs of a source and a target."""

    defaults = Defaults("seq2seq", ("source", "target"), eval_fraction=0.01)
    lora_type = "SEQ_2_SEQ_LM"
    pipeline_tag = "summarization"
    input_word = "source"

    def identity(self, row: Row) -> Sequence[str]:
        return [*self._languages(row), *self.texts(row)]

    def leak_identity(self, row: Row) -> Sequence[str]:
        return [*self._languages(row), row.text]

    def _languages(self, row: Row) -> list[str]:
        return [str(row.fields.get(name)) for name in ("from", "to")]

    def objective(
        self, model: Any, tokenizer: Any, *, name: str = "the model", rows: Sequence[Any] = ()
    ) -> "Seq2SeqObjective":
        return Seq2SeqObjective(self, model, tokenizer)

    def row_findings(self, train: Sequence[Item], held_out: Sequence[Item]) -> Iterator[Finding]:
        same = [
            item.where
            for item in (*train, *held_out)
            if normalized(item.row.text) == normalized(item.row.pair or "")
        ]
        yield finding("equal_pairs", "rows have the same source and target", same)


task = Seq2Seq


def decoder_inputs(model: Any, labels: Tensor) -> Tensor:
    """What the decoder reads to predict `labels` (B, U): these, one place to the right, (B, U).

    The first is the token that the model starts from, unless its own code takes another.
    """
    own = getattr(model, "prepare_decoder_input_ids_from_labels", None)
    if own is not None:
        shifted: Tensor = own(labels)
        return shifted
    start, pad = (text_setting(model.config, f"{name}_token_id") for name in STARTS)
    first = labels.new_full((len(labels), 1), start)
    before = labels[:, :-1].masked_fill(labels[:, :-1] == NO_LABEL, pad or 0)
    return torch.cat([first, before], dim=1)


STARTS = ("decoder_start", "pad")


def set_start(model: Any) -> None:
    """Write into a configuration the token that the decoder starts from, if it is not there.

    T5 starts from padding (Raffel et al. 2020). Raises ModelUnsuitable if no token is known, unless
    the model's own code chooses it.
    """
    config = model.config
    start = text_setting(config, "decoder_start_token_id")
    if start is None:
        start = getattr(model.generation_config, "decoder_start_token_id", None)
    if start is None and config.model_type in T5:
        start = text_setting(config, "pad_token_id")
    if start is not None:
        config.decoder_start_token_id = start
    elif not hasattr(model, "prepare_decoder_input_ids_from_labels"):
        raise ModelUnsuitable(
            "the model's config.json has no decoder_start_token_id: its decoder cannot be trained"
        )


class Seq2SeqObjective(RowObjective):
    """Cross-entropy of each target token given the source and the target tokens before it."""

    loss_is_per_token = True

    def __init__(self, task: Seq2Seq, model: Any, tokenizer: Any) -> None:
        super().__init__(task, model, tokenizer)
        set_start(model)
        self._prefix = task.options.prefix

    def direction(self, row: Row) -> Direction:
        """What goes before the source and the target of a row."""
        return Direction(None, None, prefix=self._prefix)

    def examples(self, rows: Sequence[Row]) -> Examples:
        """Rows of a group come out ordered by their direction."""
        examples = Examples([], len(rows))
        for start in range(0, len(rows), GROUP):
            by_direction: dict[Direction, list[Row]] = {}
            for row in rows[start : start + GROUP]:
                by_direction.setdefault(self.direction(row), []).append(row)
            for direction, group in by_direction.items():
                self._add(examples, direction, group)
        return examples

    def _add(self, examples: Examples, direction: Direction, rows: Sequence[Row]) -> None:
        self._set_languages(direction)
        texts = [direction.prefix + row.text for row in rows]
        sources = encode_typed(self.tokenizer, texts)
        targets = encode_typed(self.tokenizer, [row.pair or "" for row in rows], is_target=True)
        for source, target in zip(sources["input_ids"], targets["input_ids"], strict=True):
            examples.cut += len(source) > self.limit or len(target) > self.limit
            examples.features.append(
                {"input_ids": self._fitted(source), "labels_ids": self._fitted(target)}
            )

    def _set_languages(self, direction: Direction) -> None:
        """Some tokenizers begin a text with the token of its language."""
        if direction.source_code is not None:
            self.tokenizer.src_lang = direction.source_code
        target = direction.start if direction.forced_first is None else direction.forced_first
        if target is not None:  # `en` of M2M100, whose token is __en__
            self.tokenizer.tgt_lang = direction.target_code

    def _fitted(self, ids: list[int]) -> list[int]:
        """Cut what is too long before its last token, which ends it."""
        return ids if len(ids) <= self.limit else ids[: self.limit - 1] + ids[-1:]

    def preview(self, feature: Feature, number: int = 0) -> Sample:
        source, target = (
            self.tokenizer.decode(feature[name]) for name in ("input_ids", "labels_ids")
        )
        return shortened([(f"{source} → ", False), (target, True)])

    def collate(self, features: Sequence[Feature]) -> Batch:
        batch = model_inputs(features, self.pad)
        labels = padded([feature["labels_ids"] for feature in features], NO_LABEL)  # (B, U)
        return {**batch, "labels": labels, "decoder_input_ids": decoder_inputs(self.model, labels)}

    def tokens(self, batch: Batch) -> int:
        return super().tokens(batch) + int(self.weight(batch))

    def loss(self, model: Any, batch: Batch) -> tuple[Tensor, Any]:
        inputs = without_labels(batch)
        outputs = model(**inputs, use_cache=False)
        smoothing = self.smoothing_of(model)
        return summed_loss(outputs.logits, batch["labels"], smoothing), outputs
