"""Texts as vectors, and the texts that are most similar to a query."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, replace

import numpy as np

from llmcli.arrays import Floats
from llmcli.data.records import Record
from llmcli.data.results import unknown_note
from llmcli.data.rows import Failure, Row
from llmcli.data.vectors import VectorFile
from llmcli.engines.base import Loaded
from llmcli.engines.choose import Purpose
from llmcli.errors import InputError
from llmcli.inference.batches import process
from llmcli.inference.embedding import (
    Embedding,
    document_embedder,
    pooling_of,
    query_embedder,
)
from llmcli.inference.loading import AnyModel, load_model
from llmcli.inference.ranking import Candidate, Ranked, Ranking
from llmcli.inference.sentence_modules import Pooling, read_pooling
from llmcli.inference.unknown import with_unknown
from llmcli.models.hub import fingerprint
from llmcli.models.starters import EMBED, Note, ignore
from llmcli.spec import AUTO_BATCH, BatchOptions, ModelSpec, Overflow
from llmcli.spec.tasks import EmbedOptions, Similarity


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


def embed_queries(
    loaded: Loaded,
    queries: Sequence[str],
    options: EmbedOptions,
    on_overflow: Overflow,
    note: Note = ignore,
) -> Floats:
    """The vectors (Q, D) of queries. note: is told of a query that the model cannot read.

    Raises InputError where one is empty or too long.
    """
    embedder = query_embedder(loaded, options, on_overflow)
    rows = [Row(number, query) for number, query in enumerate(queries, 1)]
    results = process(embedder, rows, loaded.batch(BatchOptions(on_overflow=on_overflow)))
    vectors = []
    for result in with_unknown(results, loaded.tokenizer):
        if isinstance(result, Failure):
            which = f" {result.row.text!r}" if len(queries) > 1 else ""
            raise InputError(f"`query`{which}: {result.error}")
        if result.unknown is not None:
            note(unknown_note(result.unknown, f"the query {result.text!r}"))
        vectors.append(result.embedding)
    return np.stack(vectors)  # (Q, D)


def new_ranking(loaded: Loaded, queries: Sequence[str], vectors: Floats, top: int) -> Ranking:
    """A ranking for queries, by the measure that the checkpoint names. vectors: theirs, (Q, D)."""
    return Ranking(queries, vectors, top, similarity_of(loaded))


def rank(results: Iterable[Embedding | Failure], ranking: Ranking) -> Iterator[Ranked | Failure]:
    """Yield failures as they come, then the rows most similar to each query, the best first.

    Only those rows are held in memory. Equally similar rows keep their order.
    """
    for result in results:
        if isinstance(result, Failure):
            yield result
            continue
        found = Candidate(result.row, result.text, result.overflow, result.unknown)
        ranking.add(result.embedding[None], lambda at, found=found: found)  # type: ignore[misc]
    yield from ranking.results()


def rank_stored(file: VectorFile, ranking: Ranking, limit: int | None = None) -> Iterator[Ranked]:
    """Yield the rows of a file of vectors that are most similar to each query, the best first.

    limit: of the rows that are compared.
    """
    for vectors, row_at in file.stretches(limit):
        ranking.add(vectors, lambda at, row_at=row_at: _stored(row_at(at)))  # type: ignore[misc]
    yield from ranking.results()


def _stored(row: Row) -> Candidate:
    return Candidate(row, row.text or None)


def describe_vectors(loaded: Loaded, options: EmbedOptions) -> Record:
    """What a file of vectors keeps, so that later queries are embedded in the same way."""
    checkpoint = loaded.checkpoint
    is_folder = checkpoint.origin == "local"
    return {
        "model": str(checkpoint.path.resolve()) if is_folder else checkpoint.model_id,
        "revision": checkpoint.revision,
        "fingerprint": fingerprint(checkpoint),
        **asdict(options),
    }


def settings_of(
    file: VectorFile, model: ModelSpec, options: EmbedOptions, note: Note = ignore
) -> tuple[ModelSpec, EmbedOptions]:
    """The model and the settings that made a file of vectors, for queries to be compared with it.

    Raises InputError where the user asked for other settings.
    """
    about = file.about
    if not about:
        note(f"{file.path} does not say which model made it: taking it to be the one that runs")
        return model, options
    for name, value in asdict(options).items():
        if value is not None and value != about.get(name):
            raise InputError(
                f"{file.path} was made with `{name}` {about.get(name) or 'left out'}, not {value}: "
                f"leave out `{name}`, or embed the texts again"
            )
    if not model.model_id:
        model = replace(model, model_id=about["model"], revision=about["revision"])
        note(f"{about['model']}: the model that made {file.path}")
    own = {name: about.get(name) for name in asdict(options)}
    return model, EmbedOptions(**own)


def require_same_model(file: VectorFile, loaded: Loaded, vectors: Floats) -> None:
    """Raise InputError unless queries (Q, D) were embedded by the model that made a file."""
    about, name = file.about, loaded.checkpoint.model_id
    cure = "embed the texts again"
    if about and fingerprint(loaded.checkpoint) != about["fingerprint"]:
        made_by = about["model"]
        same = made_by in (name, str(loaded.checkpoint.path.resolve()))
        changed = f"{name} before it was changed" if same else f"{made_by}, not by {name}"
        raise InputError(f"{file.path} was made by {changed}: name that `model`, or {cure}")
    if file.size and file.size != vectors.shape[1]:
        raise InputError(
            f"{file.path} has vectors of {file.size} numbers, and {name} makes "
            f"{vectors.shape[1]}: name the `model` that made them, or {cure}"
        )
