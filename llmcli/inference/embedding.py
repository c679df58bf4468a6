"""Embeddings: texts as vectors, made as the checkpoint says."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from llmcli.arrays import Floats, require_finite, weighted_mean
from llmcli.data.records import Record
from llmcli.data.results import Result, record_of
from llmcli.data.rows import Failure, Row
from llmcli.engines.base import Loaded
from llmcli.inference.batches import Job
from llmcli.inference.encoding import Fitting, Window, collate, encode_rows, input_limit, pad_token
from llmcli.inference.pooling import pool
from llmcli.inference.sentence_modules import Pooling, read_pooling
from llmcli.spec import Overflow
from llmcli.spec.tasks import EmbedOptions
from llmcli.tokenization.typed_text import encode_typed

Vector = np.ndarray[tuple[int], np.dtype[np.float32]]


@dataclass(frozen=True, slots=True)
class Embedding(Result):
    """One text as a vector."""

    text: str
    """The text that was embedded."""
    embedding: Vector
    """(D,) float32."""
    overflow: Overflow | None
    """How a text that was too long was handled; None if it was not."""

    def to_dict(self) -> Record:
        """The result as JSON has it, the vector as a list of numbers."""
        # Nine digits distinguish all float32 numbers, and are half as long as Python's own.
        numbers = [float(f"{value:.9g}") for value in self.embedding.tolist()]
        return record_of(self) | {"embedding": numbers}


def pooling_of(loaded: Loaded, options: EmbedOptions) -> Pooling:
    """The checkpoint's pooling, with what the options override."""
    pooling = read_pooling(loaded.checkpoint)
    if options.pooling is not None:
        pooling = replace(pooling, modes=(options.pooling,))
    if options.normalize is not None:
        pooling = pooling.normalized(options.normalize)
    return pooling


def document_embedder(loaded: Loaded, options: EmbedOptions, on_overflow: Overflow) -> "Embedder":
    """The embedder of the texts that are searched or compared.

    Raises ModelUnsuitable for a checkpoint with modules that are unknown here.
    """
    pooling = pooling_of(loaded, options)
    own = pooling.prompt("document", "passage", "corpus")
    return Embedder(loaded, pooling, own if options.prompt is None else options.prompt, on_overflow)


def query_embedder(loaded: Loaded, options: EmbedOptions, on_overflow: Overflow) -> "Embedder":
    """The embedder of queries: with the checkpoint's prompt for them, if it has one."""
    pooling = pooling_of(loaded, options)
    return Embedder(loaded, pooling, pooling.prompt("query"), on_overflow)


class Embedder:
    """Embeds rows; a text in several windows gets their mean, weighted by numbers of tokens."""

    window_rows = 1024
    budget = 4096  # tokens of a batch, padding included
    needs_text = True
    copies = 1

    def __init__(
        self, loaded: Loaded, pooling: Pooling, prompt: str, on_overflow: Overflow
    ) -> None:
        self._loaded, self._pooling, self._prompt = loaded, pooling, prompt
        self._pad = pad_token(loaded)
        self._fitting = Fitting(_limit(loaded, pooling), on_overflow)
        self._left_out = 0 if pooling.include_prompt or not prompt else self._prompt_size()

    def prepare(self, rows: Sequence[Row]) -> list[Job[Window] | Failure]:
        """Tokenize the texts of rows, after the prompt."""
        texts = [self._cased(self._prompt + row.text) for row in rows]
        return encode_rows(self._loaded.tokenizer, rows, texts, self._fitting)

    def run(self, units: Sequence[Window]) -> list[Floats]:
        """A vector (D,) for each window."""
        inputs = collate(units, self._pad)
        hidden = self._loaded.engine.forward(inputs).hidden  # (B, T, D)
        assert hidden is not None  # a model without a head has it
        for step in self._pooling.token_steps:
            hidden = step(hidden)  # (B, T, D)
        mask = inputs["attention_mask"].copy()  # (B, T)
        for row, unit in enumerate(units):
            mask[row, : self._size_left_out(unit)] = 0
        pooled = [pool(hidden, mask, mode) for mode in self._pooling.modes]  # of (B, D)
        return list(np.concatenate(pooled, -1))

    def finish(self, job: Job[Window], outputs: Sequence[Floats]) -> list[Embedding]:
        """The mean of the windows' vectors, through the modules that follow the pooling.

        Raises ModelUnsuitable where it has a NaN.
        """
        vector = weighted_mean(outputs, [unit.size for unit in job.units])
        for step in self._pooling.steps:
            vector = step(vector)  # (D,)
        require_finite(vector)
        vector = np.asarray(vector, np.float32)
        return [Embedding(job.row, job.row.text, vector, job.overflow)]

    def _cased(self, text: str) -> str:
        # Letter by letter, as the tokenizers package does: no final sigma.
        return "".join(map(str.lower, text)) if self._pooling.lowercase else text

    def _prompt_size(self) -> int:
        """Tokens of the prompt, with the special ones before it."""
        tokenizer = self._loaded.tokenizer
        ids: list[int] = encode_typed(tokenizer, self._cased(self._prompt))["input_ids"]
        return len(ids) - (ids[-1:] != [] and ids[-1] in tokenizer.all_special_ids)

    def _size_left_out(self, unit: Window) -> int:
        """Tokens at the start of a window that are not pooled; one is always left."""
        if not self._left_out:
            return 0
        return min(max(self._left_out - unit.start, unit.content.start), unit.size - 1)


def _limit(loaded: Loaded, pooling: Pooling) -> int | None:
    """Maximum input length in tokens: the checkpoint's own, else the tokenizer's."""
    if pooling.max_length is None:
        return input_limit(loaded)
    return min(pooling.max_length, loaded.context or pooling.max_length)
