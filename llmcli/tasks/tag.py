"""Entities and tags of texts, by a token-classification model."""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from llmcli.data.rows import Failure, Row
from llmcli.engines.base import Loaded
from llmcli.engines.choose import Purpose
from llmcli.inference.batches import process
from llmcli.inference.loading import AnyModel, load_model
from llmcli.inference.tagging import Tagged, TokenTagger
from llmcli.inference.unknown import with_unknown
from llmcli.inference.words import given_words
from llmcli.models.starters import TAG, Note, ignore
from llmcli.spec import AUTO_BATCH, BatchOptions
from llmcli.spec.tasks import TagOptions


def load(model: AnyModel, *, work_bytes: int | None = None, note: Note = ignore) -> Loaded:
    """Load a token classifier. No starter is one, so `model` must have a name.

    work_bytes: size of the texts, 0 if it is unknown; None for a text or two. note: receives a
    line for each choice made. Raises UsageError without a name, ModelNotFound, ModelUnsuitable.
    """
    return load_model(model, TAG, Purpose(("tagger",), file_bytes=work_bytes), note)


def tag(
    loaded: Loaded, rows: Iterable[Row], options: TagOptions, batch: BatchOptions = AUTO_BATCH
) -> Iterator[Tagged | Failure]:
    """Yield the entities of each row in order; with `options.words`, the tag of each word too.

    Raises ModelUnsuitable for a tokenizer without character offsets, UsageError for `words` with
    an aggregation.
    """
    work = TokenTagger(loaded, options, batch.on_overflow)
    rows = map(read_words, rows) if options.words else rows
    return with_unknown(process(work, rows, loaded.batch(batch)), loaded.tokenizer)


def read_words(row: Row) -> Row:
    """A row whose text is what its words spell; they may be a list, where a text is expected."""
    value = row.fields.get(row.columns[0]) if row.columns else None
    if row.error is not None and not isinstance(value, list):
        return row
    words = given_words(row.text if value is None else value)
    if words is None:
        return row if row.error else replace(row, error="the words are not all text")
    return replace(row, text=words.text, error=None)
