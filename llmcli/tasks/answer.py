"""Answers to questions about a text."""

from collections.abc import Iterable, Iterator, Sequence

from llmcli.data.collection import read_collection
from llmcli.data.rows import Failure, Row
from llmcli.engines.base import Loaded
from llmcli.engines.choose import Purpose
from llmcli.inference.answers import (
    READERS,
    WRITING,
    Answer,
    ExtractiveReader,
    GenerativeReader,
)
from llmcli.inference.batches import process
from llmcli.inference.loading import AnyModel, load_model
from llmcli.inference.model_settings import unused_notes
from llmcli.inference.sourced_answers import Library, PassageReader
from llmcli.inference.unknown import with_unknown
from llmcli.models.starters import ANSWER, Note, ignore
from llmcli.spec import AUTO_BATCH, BatchOptions
from llmcli.spec.tasks import AnswerOptions


def load(model: AnyModel, *, work_bytes: int | None = None, note: Note = ignore) -> Loaded:
    """Load an extractive question answering model, or one that writes answers.

    model: None, or one without a name, takes the task's default. work_bytes: size of the texts,
    0 if it is unknown; None for a text or two. note: receives a line for each choice made.
    Raises ModelNotFound, ModelUnsuitable.
    """
    purpose = Purpose(READERS, file_bytes=work_bytes, decoding=WRITING)
    loaded = load_model(model, ANSWER, purpose, note)
    if loaded.kind in WRITING:
        for line in unused_notes(loaded, WRITING[loaded.kind]):
            note(line)
    return loaded


def answer(
    loaded: Loaded,
    rows: Iterable[Row],
    options: AnswerOptions,
    batch: BatchOptions = AUTO_BATCH,
    library: Library | None = None,
) -> Iterator[Answer | Failure]:
    """Yield the answer to each row in order: its text is the question, its pair the context.

    library: many texts in place of one context: the passages that have the words of the question
    are read, and each answer has its source.
    An extractive model finds it in the context; a causal or sequence-to-sequence model writes it.
    Raises ModelUnsuitable for an extractive model whose tokenizer gives no character offsets,
    UsageError for `no_answer` with a model that writes.
    """
    on_overflow, batch = batch.on_overflow, loaded.batch(batch)
    if library is not None:
        rows = library.rows(rows, options.passages)
    results: Iterator[Answer | Failure]
    if loaded.kind == "reader" and library is not None:
        results = process(PassageReader(loaded, options, on_overflow, library), rows, batch)
    elif loaded.kind == "reader":
        results = process(ExtractiveReader(loaded, options, on_overflow), rows, batch)
    else:
        results = process(GenerativeReader(loaded, options, on_overflow), rows, batch)
    results = with_unknown(results, loaded.tokenizer)
    return results if library is None else library.sourced(results)


def read_library(paths: Sequence[str]) -> Library:
    """The texts of files and folders, to find answers in. Raises InputError."""
    return Library(read_collection(paths))
