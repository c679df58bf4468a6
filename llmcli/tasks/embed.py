"""Texts as vectors, and the texts that are most similar to a query."""

import heapq
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from llmcli.data.results import Result
from llmcli.data.rows import Failure, Row
from llmcli.engines.base import Loaded
from llmcli.engines.choose import Purpose
from llmcli.errors import InputError
from llmcli.inference.batches import process
from llmcli.inference.embedding import (
    Embedding,
    Vector,
    document_embedder,
    pooling_of,
    query_embedder,
)
from llmcli.inference.loading import AnyModel, load_model
from llmcli.inference.sentence_modules import Pooling, read_pooling
from llmcli.inference.similarity import comparable, similarities
from llmcli.inference.unknown import with_unknown
from llmcli.models.starters import EMBED, Note, ignore
from llmcli.spec import AUTO_BATCH, BatchOptions, Overflow
from llmcli.spec.tasks import EmbedOptions, Similarity


@dataclass(frozen=True, slots=True)
class Ranked(Result):
    """One text with its similarity to the query."""

    rank: int
    """From 1, the most similar one."""
    similarity: float
    """The cosine of the angle between the vectors, from -1 to 1; or the measure that the checkpoint
    names: their dot product, or their Euclidean or Manhattan distance, negative."""
    text: str
    """The text that was compared."""
    overflow: Overflow | None
    """How a text that was too long was handled; None if it was not."""


def load(
    model: AnyModel,
    options: EmbedOptions,
    *,
    work_bytes: int | None = None,
    note: Note = ignore,
) -> Loaded:
    """Load any model below its head.

    model: None, or one without a name, takes the task's default. work_bytes: size of the texts,
    0 if it is unknown; None for a text or two. note: receives a line for each choice made,
    of the pooling too, where neither the user nor the checkpoint names one.
    Raises ModelNotFound, ModelUnsuitable.
    """
    loaded = load_model(model, EMBED, Purpose((), file_bytes=work_bytes), note)
    pooling = pooling_of(loaded, options)
    if options.pooling is None and not pooling.is_own:
        note(f"{describe(pooling)}: the model does not say which; `pooling` does")
    return loaded


def describe_pooling(loaded: Loaded, options: EmbedOptions) -> str:
    """How vectors are made from token vectors, in a few words."""
    return describe(pooling_of(loaded, options))


def similarity_of(loaded: Loaded) -> Similarity:
    """How the checkpoint compares vectors: cosine, unless it names another measure."""
    return read_pooling(loaded.checkpoint).similarity


def describe(pooling: Pooling) -> str:
    """How vectors are made, in a few words.

    >>> describe(Pooling(("mean",)).normalized(True))
    'pooling: mean, normalized'
    """
    normalized = "normalized" if pooling.normalize else "not normalized"
    return f"pooling: {' and '.join(pooling.modes)}, {normalized}"


def embed(
    loaded: Loaded, rows: Iterable[Row], options: EmbedOptions, batch: BatchOptions = AUTO_BATCH
) -> Iterator[Embedding | Failure]:
    """Yield the vector of each row in order.

    A text in several windows gets the mean of their vectors, weighted by numbers of tokens.
    Raises ModelUnsuitable for a checkpoint with steps that are unknown here.
    """
    embedder = document_embedder(loaded, options, batch.on_overflow)
    return with_unknown(process(embedder, rows, loaded.batch(batch)), loaded.tokenizer)


def embed_query(loaded: Loaded, query: str, options: EmbedOptions, on_overflow: Overflow) -> Vector:
    """The vector (D,) of a query. Raises InputError where it is empty or too long."""
    embedder = query_embedder(loaded, options, on_overflow)
    (result,) = process(embedder, [Row(1, query)], BatchOptions(on_overflow=on_overflow))
    if isinstance(result, Failure):
        raise InputError(f"`query`: {result.error}")
    return result.embedding


def rank(
    results: Iterable[Embedding | Failure], query: Vector, top: int, measure: Similarity = "cosine"
) -> Iterator[Ranked | Failure]:
    """Yield failures as they come, then the `top` rows most similar to a query, the best first.

    Only `top` rows are held in memory. Equally similar rows keep their order.
    """
    query = comparable(query, measure)
    best: list[tuple[float, int, Embedding]] = []
    for result in results:
        if isinstance(result, Failure):
            yield result
            continue
        similarity = float(similarities(comparable(result.embedding, measure), query, measure))
        entry = (similarity, -result.row.number, result)
        if len(best) < top:
            heapq.heappush(best, entry)
        else:
            heapq.heappushpop(best, entry)
    for at, (similarity, _, result) in enumerate(sorted(best, reverse=True), 1):
        yield Ranked(
            result.row, at, similarity, result.text, result.overflow, unknown=result.unknown
        )
