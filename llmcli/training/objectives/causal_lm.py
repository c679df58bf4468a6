"""Causal language modelling of text in blocks, or of conversations, where only answers count."""

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from llmcli.data.rows import Row
from llmcli.errors import InputError, ModelUnsuitable
from llmcli.spec.training import Training
from llmcli.system.processes import world_size
from llmcli.tokenization.chat_template import DEFAULT, choose_template, named_templates
from llmcli.tokenization.typed_text import encode_typed
from llmcli.training.base import Data, Defaults, Objective, TrainingTask
from llmcli.training.chat_examples import ChatText, Span, chat_texts, plain_template
from llmcli.training.checkup.findings import Finding, finding
from llmcli.training.checkup.items import Measured
from llmcli.training.conversations import messages_of
from llmcli.training.corpus import Blocks, document_texts, encode_files, shrunk_block
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
from llmcli.training.kernels.segments import keeps_apart, segment_inputs
from llmcli.training.kernels.vocabulary_loss import plain_head, vocabulary_loss
from llmcli.training.lora import without_adapters
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
    _head: nn.Linear | None = None
    _is_tried = False

    def collate(self, features: Sequence[Feature]) -> Batch:
        batch = model_inputs(features, self.pad)
        return {**batch, "labels": padded([one["labels"] for one in features], NO_LABEL)}

    def weight(self, batch: Batch) -> Tensor:
        count: Tensor = batch["labels"][:, 1:].ne(NO_LABEL).sum()
        return count

    def loss(self, model: Any, batch: Batch) -> tuple[Tensor, Any]:
        inputs = {**without_labels(batch), **self.apart(batch), "use_cache": False}
        # The labels move, not the scores, of which a part would be copied: they are by far larger.
        next_ids = functional.pad(batch["labels"][:, 1:], (0, 1), value=NO_LABEL)  # (B, T)
        head = self._head_of(model, inputs)
        if head is None:
            outputs = model(**inputs)
            return summed_loss(outputs.logits, next_ids, self.smoothing_of(model)), None
        hidden = self.model.base_model(**inputs).last_hidden_state  # (B, T, D)
        return vocabulary_loss(hidden, head, next_ids, self.smoothing_of(model)), None

    def apart(self, batch: Batch) -> Batch:
        """Inputs that keep texts apart which share a row; none where each has its own."""
        return {}

    def _head_of(self, model: Any, inputs: Batch) -> nn.Linear | None:
        """The head that `vocabulary_loss` takes; None where the model itself is to compute scores.

        That is so in a wrapper of several processes. A model is tried with its first batch, which
        it gets in evaluation (training/preparation.py).
        """
        if without_adapters(model) is not self.model or world_size() > 1:
            return None
        if not self._is_tried:
            self._head, self._is_tried = plain_head(self.model, inputs), True
        return self._head


class PackedText(CausalTask):
    """Documents, one after another, cut into blocks without padding (training/corpus.py)."""

    def read_data(self) -> Data:
        return Data([], [])

    def tokenizer_texts(self, data: Data) -> Iterator[str]:
        return document_texts(self.options)

    def objective(
        self, model: Any, tokenizer: Any, *, name: str = "the model", rows: Sequence[Any] = ()
    ) -> "BlockObjective":
        return BlockObjective(self, model, tokenizer)

    def datasets(
        self, objective: "BlockObjective", data: Data, note: Notify
    ) -> tuple[Dataset, Dataset | None]:
        options, size, table = self.options, objective.limit, objective.table()
        fraction = 0.0 if options.eval else options.eval_fraction or 0.0
        train, held_out = encode_files(table, options.train, options, fraction)
        if options.eval:
            held_out, _ = encode_files(table, options.eval, options)
        if len(train) < size:
            objective.limit = size = shrunk_block(len(train))
            note(f"the training text is short: one block of {size} tokens holds it")
        blocks, validation = Blocks(train, size), Blocks(held_out, size)
        objective.keep_apart(blocks, note)
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
    """The loss is on all tokens of a block but its first; each text sees itself alone."""

    def __init__(self, task: PackedText, model: Any, tokenizer: Any) -> None:
        super().__init__(model, tokenizer, task.limit(model))
        self.smoothing = task.options.label_smoothing
        self._end: int | None = tokenizer.eos_token_id
        self._keeps_apart = False
        """Its blocks hold several texts, which end with `_end`."""

    def keep_apart(self, blocks: Blocks, note: Notify) -> None:
        """Keep the texts of a block apart, if there are several and the model can; say so."""
        if self._end is None or not (blocks.ids[1:] == self._end).any():
            return
        self.model.eval()
        row = torch.as_tensor(blocks[0]["input_ids"])[None]  # (1, T)
        self._keeps_apart = keeps_apart(self.model, row, self._end)
        if self._keeps_apart:
            note("texts that share a block do not see one another")
        else:
            note("the model cannot keep texts apart that share a block: each sees those before it")

    def collate(self, features: Sequence[Feature]) -> Batch:
        """Blocks are all full: they need no mask."""
        ids = torch.stack([torch.as_tensor(feature["input_ids"]) for feature in features])  # (B, T)
        return {"input_ids": ids, "labels": ids}

    def apart(self, batch: Batch) -> Batch:
        if self._end is None or not self._keeps_apart:
            return {}
        return segment_inputs(batch["input_ids"], self._end)


class Conversations(CausalTask, RowTask):
    """Conversations, or prompts with completions: only what the assistant writes is learnt."""

    def texts(self, row: Row) -> tuple[str, ...]:
        """The roles and the texts of all turns, one after another."""
        messages = messages_of(row)
        return tuple(text for message in messages for text in (message["role"], message["content"]))

    def tokenizer_texts(self, data: Data) -> Iterator[str]:
        for row in data.train:
            yield from (message["content"] for message in messages_of(row))

    def objective(
        self, model: Any, tokenizer: Any, *, name: str = "the model", rows: Sequence[Any] = ()
    ) -> "ConversationObjective":
        return ConversationObjective(self, model, tokenizer, name)

    def check_tokenizer(self, tokenizer: Any, name: str) -> None:
        super().check_tokenizer(tokenizer, name)
        if not tokenizer.is_fast:
            raise ModelUnsuitable(
                f"the tokenizer of {name} gives no character offsets: answers cannot be told from "
                "questions"
            )

    def datasets(
        self, objective: RowObjective, data: Data, note: Notify
    ) -> tuple[Dataset, Dataset | None]:
        if isinstance(objective, ConversationObjective) and not objective.has_template:
            note("the model has no chat template: it gets one, a line for each question")
        return super().datasets(objective, data, note)

    def token_findings(self, measured: Measured) -> Iterator[Finding]:
        text = "training conversations whose answers are all cut away"
        yield finding("nothing_learnt", text, [], count=measured.empty)
        yield from super().token_findings(measured)


class ConversationObjective(RowObjective, CausalObjective):
    """The loss is on the assistant's words and on the token that ends them.

    A model without a chat template gets one, which is saved with it.
    """

    counts_learnt = True

    def __init__(self, task: Conversations, model: Any, tokenizer: Any, name: str) -> None:
        super().__init__(task, model, tokenizer)
        wanted = task.options.chat_template
        self.has_template = bool(named_templates(tokenizer)) or wanted is not None
        """Whether the model, or the user, brought the template."""
        if not self.has_template:
            tokenizer.chat_template = plain_template(tokenizer)
        self.template = choose_template(tokenizer, wanted, name)
        if wanted is not None:
            known = named_templates(tokenizer)
            own = self.template.source
            tokenizer.chat_template = {**known, DEFAULT: own} if len(known) > 1 else own

    def examples(self, rows: Sequence[Row]) -> Examples:
        """A conversation gives an example, or several if the template needs that.

        One of which the limit leaves no answer gives none.
        """
        examples = Examples([], len(rows))
        for row in rows:
            features = self._features(row)
            examples.cut += any(len(feature["input_ids"]) > self.limit for feature in features)
            cut = [{name: ids[: self.limit] for name, ids in each.items()} for each in features]
            kept = [each for each in cut if any(label != NO_LABEL for label in each["labels"])]
            examples.features += kept
            examples.empty += not kept
        return examples

    def _features(self, row: Row) -> list[Feature]:
        try:
            texts = chat_texts(self.template, messages_of(row))
        except InputError as error:
            raise InputError(f"{row.place}: {error}") from None
        return [self._feature(text) for text in texts]

    def _feature(self, chat: ChatText) -> Feature:
        encoded = encode_typed(
            self.tokenizer,
            chat.text,
            has_controls=True,
            add_special_tokens=False,
            return_offsets_mapping=True,
        )
        ids, offsets = encoded["input_ids"], encoded["offset_mapping"]
        labels = [
            id if _is_in(chat.spans, *place) else NO_LABEL
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
