"""Texts as vectors, and which of them lie nearest to a query."""

import heapq
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from llmcli.arrays import Floats, require_numbers, weighted_mean
from llmcli.data.rows import Failure, Row
from llmcli.engines.base import Loaded
from llmcli.errors import InputError, ModelUnsuitable
from llmcli.inference.batches import Job, process
from llmcli.inference.encoding import (
    Fitting,
    Window,
    collate,
    encode_rows,
    input_limit,
    pad_token,
)
from llmcli.inference.pooling import Pooling, pool, read_pooling
from llmcli.spec import AUTO_BATCH, BatchOptions, Overflow
from llmcli.spec.tasks import EmbedOptions

Vector = np.ndarray[tuple[int], np.dtype[np.float32]]


@dataclass(frozen=True, slots=True)
class Embedding:
    """One text as a vector."""

    row: Row
    text: str
    embedding: Vector
    """(D,) float32."""
    overflow: Overflow | None


@dataclass(frozen=True, slots=True)
class Ranked:
    """One text, and how near it is to the query."""

    row: Row
    rank: int
    """From 1, the nearest."""
    similarity: float
    """The cosine of the angle between the vectors, from -1 to 1."""
    text: str
    overflow: Overflow | None


def embed(
    loaded: Loaded, rows: Iterable[Row], options: EmbedOptions, batch: BatchOptions = AUTO_BATCH
) -> Iterator[Embedding | Failure]:
    """Yield the vector of each row in order.

    A text in several windows has the mean of their vectors, by their numbers of tokens.
    Raises ModelUnsuitable for a checkpoint whose steps are not known.
    """
    pooling = pooling_of(loaded, options)
    prompt = pooling.prompt("document", "passage") if options.prompt is None else options.prompt
    if prompt and not pooling.include_prompt:
        raise ModelUnsuitable(
            f"{loaded.checkpoint.model_id} leaves its prompt out of the pooling, which is not "
            "known here: give --prompt ''"
        )
    work = _Work(loaded, pooling, prompt, batch.on_overflow)
    yield from process(work, rows, loaded.batch(batch))


def rank(
    found: Iterable[Embedding | Failure], query: Vector, top: int
) -> Iterator[Ranked | Failure]:
    """Yield the `top` rows that are nearest to a query, the nearest first; before them, failures.

    Only so many rows are held. Rows that are equally near come in their order.
    """
    best: list[tuple[float, int, Embedding]] = []
    for one in found:
        if isinstance(one, Failure):
            yield one
            continue
        entry = (_cosine(one.embedding, query), -one.row.number, one)
        if len(best) < top:
            heapq.heappush(best, entry)
        else:
            heapq.heappushpop(best, entry)
    for at, (similarity, _, one) in enumerate(sorted(best, reverse=True), 1):
        yield Ranked(one.row, at, similarity, one.text, one.overflow)


def pooling_of(loaded: Loaded, options: EmbedOptions) -> Pooling:
    """What the checkpoint says, but for what the user said."""
    pooling = read_pooling(loaded.checkpoint)
    if options.pooling is not None:
        pooling = replace(pooling, modes=(options.pooling,))
    if options.normalize is not None:
        pooling = replace(pooling, normalize=options.normalize)
    return pooling


def embed_query(loaded: Loaded, query: str, options: EmbedOptions, on_overflow: Overflow) -> Vector:
    """The vector of what is looked for. Raises InputError if nothing can be made of it."""
    pooling = pooling_of(loaded, options)
    work = _Work(loaded, pooling, pooling.prompt("query"), on_overflow)
    (found,) = process(work, [Row(1, query)], BatchOptions(on_overflow=on_overflow))
    if isinstance(found, Failure):
        raise InputError(f"--query: {found.error}")
    return found.embedding


def _cosine(one: Vector, other: Vector) -> float:
    lengths = float(np.linalg.norm(one)) * float(np.linalg.norm(other))
    return float(one @ other) / lengths if lengths else 0.0


class _Work:
    """What `process` needs to know of this task."""

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
        texts = [self._prompt + row.text for row in rows]
        if self._pooling.lowercase:
            texts = [text.lower() for text in texts]
        return encode_rows(self._loaded.tokenizer, rows, texts, self._fitting)

    def run(self, units: Sequence[Window]) -> list[Floats]:
        """A vector (D,) for each window."""
        inputs = collate(units, self._pad)
        hidden = self._loaded.engine.run(inputs).hidden  # (B, T, D)
        assert hidden is not None  # of a model without a head
        mask = inputs["attention_mask"]  # (B, T)
        vectors = np.concatenate([pool(hidden, mask, mode) for mode in self._pooling.modes], -1)
        for step in self._pooling.steps:
            vectors = step(vectors)  # (B, D)
        return list(vectors)

    def finish(self, job: Job[Window], outputs: Sequence[Floats]) -> list[Embedding]:
        vector = weighted_mean(outputs, [unit.size for unit in job.units])
        require_numbers(vector)
        if self._pooling.normalize:
            vector = vector / np.maximum(np.linalg.norm(vector), 1e-12)
        return [Embedding(job.row, job.row.text, vector, job.overflow)]
