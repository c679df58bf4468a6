"""Causal language modelling of text in blocks, or of conversations, where only answers count."""

from collections.abc import Iterator, Sequence
from typing import Any

from torch import Tensor
from torch.nn import functional

from llmcli.data.rows import Row
from llmcli.errors import InputError, ModelUnsuitable
from llmcli.spec.training import Training
from llmcli.training.base import Data, Defaults, Objective, TrainingTask
from llmcli.training.checkup.findings import Finding, finding
from llmcli.training.checkup.items import Measured
from llmcli.training.conversations import Span, messages_of, plain_text, templated_text
from llmcli.training.corpus import Blocks, document_texts, encode_files
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
from llmcli.training.model_card import perplexity_line
from llmcli.training.results import Notify
from llmcli.training.rows import RowObjective, RowTask


class CausalTask(TrainingTask):
    """What text in blocks and conversations have in common."""

    defaults = Defaults("causal", ("text",), epochs=1, batch_size=8, eval_fraction=0.01, limit=1024)
    lora_type = "CAUSAL_LM"
    pipeline_tag = "text-generation"

    def check_tokenizer(self, tokenizer: Any, name: str) -> None:
        if tokenizer.eos_token_id is None:
            raise ModelUnsuitable(f"the tokenizer of {name} has no token to end a document with")

    def card_line(self, metrics: dict[str, float]) -> str:
        return perplexity_line(metrics)


class CausalObjective(Objective):
    """Cross-entropy of each token given those before it."""

    loss_is_per_token = True
    smoothing: float

    def collate(self, features: Sequence[Feature]) -> Batch:
        batch = model_inputs(features, self.pad)
        return {**batch, "labels": padded([one["labels"] for one in features], NO_LABEL)}

    def weight(self, batch: Batch) -> Tensor:
        count: Tensor = batch["labels"][:, 1:].ne(NO_LABEL).sum()
        return count

    def loss(self, model: Any, batch: Batch) -> tuple[Tensor, Any]:
        inputs = without_labels(batch)
        outputs = model(**inputs, use_cache=False)
        # The labels move, not the logits, of which a part would be copied: they are by far larger.
        next_ids = functional.pad(batch["labels"][:, 1:], (0, 1), value=NO_LABEL)  # (B, T)
        return summed_loss(outputs.logits, next_ids, self.smoothing), outputs


class PackedText(CausalTask):
    """Documents, one after another, cut into blocks without padding (training/corpus.py)."""

    def read_data(self) -> Data:
        return Data([], [])

    def tokenizer_texts(self, data: Data) -> Iterator[str]:
        return document_texts(self.options.train, self.options.columns[0])

    def objective(
        self, model: Any, tokenizer: Any, *, name: str = "the model", rows: Sequence[Any] = ()
    ) -> "BlockObjective":
        return BlockObjective(self, model, tokenizer)

    def datasets(
        self, objective: Objective, data: Data, note: Notify
    ) -> tuple[Dataset, Dataset | None]:
        options, size, table = self.options, objective.limit, objective.table()
        column = options.columns[0]
        fraction = 0.0 if options.eval else options.eval_fraction or 0.0
        train, held_out = encode_files(table, options.train, column, fraction)
        if options.eval:
            held_out, _ = encode_files(table, options.eval, column)
        if len(train) < size:
            raise InputError(
                f"the training text has {len(train)} tokens, one block needs {size}: "
                "give more text, or a smaller `block_size`"
            )
        blocks, validation = Blocks(train, size), Blocks(held_out, size)
        note(
            f"data: {len(blocks) * size:,} tokens to train on and {len(validation) * size:,} to "
            f"validate, in blocks of {size}"
        )
        if not len(validation):
            note(
                "no validation: too little text is held out; give `eval` or a higher "
                "`eval_fraction`"
            )
        return blocks, validation if len(validation) else None


class BlockObjective(CausalObjective):
    """The loss is on all tokens of a block but its first."""

    def __init__(self, task: PackedText, model: Any, tokenizer: Any) -> None:
        super().__init__(model, tokenizer, task.limit(model))
        self.smoothing = task.options.label_smoothing


class Conversations(CausalTask, RowTask):
    """Conversations, or prompts with completions: only what the assistant writes is learnt."""

    def texts(self, row: Row) -> tuple[str, ...]:
        messages = messages_of(row)
        return tuple(text for message in messages for text in (message["role"], message["content"]))

    def tokenizer_texts(self, data: Data) -> Iterator[str]:
        for row in data.train:
            yield from (message["content"] for message in messages_of(row))

    def objective(
        self, model: Any, tokenizer: Any, *, name: str = "the model", rows: Sequence[Any] = ()
    ) -> "ConversationObjective":
        return ConversationObjective(self, model, tokenizer)

    def token_findings(self, measured: Measured) -> Iterator[Finding]:
        text = "training conversations whose answers are all cut away"
        count = len(measured.usable) - measured.examples
        yield finding("nothing_learnt", text, [], count=count)
        yield from super().token_findings(measured)


class ConversationObjective(RowObjective, CausalObjective):
    """The loss is on the assistant's words and on the token that ends them."""

    counts_learnt = True

    def examples(self, rows: Sequence[Row]) -> Examples:
        """Conversations of which the limit leaves no answer give no example."""
        examples = Examples([], len(rows))
        for row in rows:
            feature = self._feature(messages_of(row))
            examples.cut += len(feature["input_ids"]) > self.limit
            feature = {name: value[: self.limit] for name, value in feature.items()}
            if any(label != NO_LABEL for label in feature["labels"]):
                examples.features.append(feature)
        return examples

    def _feature(self, messages: list[dict[str, str]]) -> Feature:
        has_template = bool(getattr(self.tokenizer, "chat_template", None))
        written = templated_text if has_template else plain_text
        text, spans = written(self.tokenizer, messages)
        encoded = self.tokenizer(
            text,
            add_special_tokens=not has_template,
            return_offsets_mapping=True,
            verbose=False,
        )
        ids, offsets = encoded["input_ids"], encoded["offset_mapping"]
        labels = [
            id if _is_in(spans, *place) else NO_LABEL
            for id, place in zip(ids, offsets, strict=True)
        ]
        return {"input_ids": list(ids), "labels": labels}

    def learnt_tokens(self, feature: Feature) -> int:
        return sum(label != NO_LABEL for label in feature["labels"])


def _is_in(spans: Sequence[Span], start: int, stop: int) -> bool:
    """True for a token of at least one character that begins in one of the spans."""
    return start < stop and any(first <= start < last for first, last in spans)


def task(options: Training) -> TrainingTask:
    """Text in blocks, or conversations with `chat`."""
    return Conversations(options) if options.chat else PackedText(options)
