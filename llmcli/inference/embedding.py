"""Embeddings: texts as vectors, made as the checkpoint says."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from llmcli.arrays import Floats, require_numbers, weighted_mean
from llmcli.data.records import Record
from llmcli.data.results import Result, record_of
from llmcli.data.rows import Failure, Row
from llmcli.engines.base import Loaded
from llmcli.errors import ModelUnsuitable
from llmcli.inference.batches import Job
from llmcli.inference.encoding import Fitting, Window, collate, encode_rows, input_limit, pad_token
from llmcli.inference.pooling import Pooling, pool, read_pooling
from llmcli.spec import Overflow
from llmcli.spec.tasks import EmbedOptions

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
        pooling = replace(pooling, normalize=options.normalize)
    return pooling


def document_embedder(loaded: Loaded, options: EmbedOptions, on_overflow: Overflow) -> "Embedder":
    """The embedder of the texts that are searched or compared.

    Raises ModelUnsuitable for a checkpoint with steps that are unknown here.
    """
    pooling = pooling_of(loaded, options)
    prompt = pooling.prompt("document", "passage") if options.prompt is None else options.prompt
    if prompt and not pooling.include_prompt:
        raise ModelUnsuitable(
            f"{loaded.checkpoint.model_id} leaves its prompt out of the pooling, which is not "
            "supported: set `prompt` to ''"
        )
    return Embedder(loaded, pooling, prompt, on_overflow)


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
        limits = [size for size in (input_limit(loaded), pooling.max_length) if size is not None]
        self._fitting = Fitting(min(limits, default=None), on_overflow)

    def prepare(self, rows: Sequence[Row]) -> list[Job[Window] | Failure]:
        """Tokenize the texts of rows, after the prompt."""
        texts = [self._prompt + row.text for row in rows]
        if self._pooling.lowercase:
            texts = [text.lower() for text in texts]
        return encode_rows(self._loaded.tokenizer, rows, texts, self._fitting)

    def run(self, units: Sequence[Window]) -> list[Floats]:
        """A vector (D,) for each window."""
        inputs = collate(units, self._pad)
        hidden = self._loaded.engine.forward(inputs).hidden  # (B, T, D)
        assert hidden is not None  # a model without a head has it
        mask = inputs["attention_mask"]  # (B, T)
        vectors = np.concatenate([pool(hidden, mask, mode) for mode in self._pooling.modes], -1)
        for step in self._pooling.steps:
            vectors = step(vectors)  # (B, D)
        return list(vectors)

    def finish(self, job: Job[Window], outputs: Sequence[Floats]) -> list[Embedding]:
        """The mean of the windows' vectors. Raises ModelUnsuitable where it has a NaN."""
        vector = weighted_mean(outputs, [unit.size for unit in job.units])
        require_numbers(vector)
        if self._pooling.normalize:
            vector = vector / np.maximum(np.linalg.norm(vector), 1e-12)
        return [Embedding(job.row, job.row.text, vector, job.overflow)]
