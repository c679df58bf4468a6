"""Answers to questions about a text."""

from collections.abc import Iterable, Iterator

from llmcli.data.rows import Failure, Row
from llmcli.engines.base import Loaded
from llmcli.inference.answers import Answer, ExtractiveReader, GenerativeReader
from llmcli.inference.batches import process
from llmcli.spec import AUTO_BATCH, BatchOptions
from llmcli.spec.tasks import AnswerOptions


def answer(
    loaded: Loaded, rows: Iterable[Row], options: AnswerOptions, batch: BatchOptions = AUTO_BATCH
) -> Iterator[Answer | Failure]:
    """Yield the answer to each row in order: its text is the question, its pair the context.

    An extractive model finds it in the context; a causal or sequence-to-sequence model writes it.
    Raises ModelUnsuitable for an extractive model whose tokenizer gives no character offsets,
    UsageError for `no_answer` with a model that writes.
    """
    on_overflow, batch = batch.on_overflow, loaded.batch(batch)
    if loaded.kind == "reader":
        yield from process(ExtractiveReader(loaded, options, on_overflow), rows, batch)
    else:
        yield from process(GenerativeReader(loaded, options, on_overflow), rows, batch)
