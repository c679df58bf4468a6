"""Evaluation of embeddings: retrieval, or similarity against human scores."""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from llmcli.arrays import Integers
from llmcli.data.rows import Failure, Row
from llmcli.errors import UsageError
from llmcli.evaluation.evaluators.labelled_rows import LabelledRowsEvaluator
from llmcli.evaluation.examples import Example, Prediction
from llmcli.evaluation.fields import number_of
from llmcli.evaluation.metrics.correlation import pearson, spearman
from llmcli.evaluation.metrics.retrieval import (
    Vectors,
    query_ranks,
    recall_at,
    reciprocal_rank,
)
from llmcli.evaluation.predictions import ModelRun, Predictions
from llmcli.evaluation.report import Details
from llmcli.evaluation.scorer import Scorer, Share
from llmcli.inference.similarity import comparable, similarities
from llmcli.models.starters import EMBED
from llmcli.spec.evaluation import EvaluateOptions
from llmcli.spec.tasks import EmbedOptions

if TYPE_CHECKING:
    from llmcli.engines.choose import Purpose
    from llmcli.inference.sentence_modules import Pooling

RECALL_AT = (1, 5, 10)


class EmbeddingEvaluator(LabelledRowsEvaluator):
    """Ranks texts for queries; with a `label_column`, compares similarities with its scores."""

    task = "embedding"
    columns = ("query", "text")
    label_column = "score"
    prediction_column = "similarity"
    written = ("similarity",)
    default_model = EMBED

    def purpose(self, options: EvaluateOptions) -> "Purpose":
        """A model of any kind, without its head."""
        from llmcli.engines.choose import Purpose

        if len(options.columns or self.columns) != 2:
            raise UsageError("`task`=embedding takes pairs of texts: name two fields by `columns`")
        if options.label_column is None and options.by:
            raise UsageError("`by` does not go with retrieval, whose rows are queries")
        return Purpose(())

    def predict(self, run: ModelRun) -> Predictions:
        """Embed all texts; a long one is read in windows."""
        predictions = run.start()
        rows = list(_complete_rows(run, predictions))
        if run.options.label_column is None:
            return _retrieve(run, predictions, rows)
        if rows:
            pooling = _pooling(run, predictions)
            texts = [text for row in rows for text in (row.text, row.pair or "")]
            # Neither text is a query: both get the prompt for any use, as in the library.
            vectors = comparable(embed(run, texts, pooling.prompt()), pooling.similarity)  # (2N, D)
            of_pairs = similarities(vectors[0::2], vectors[1::2], pooling.similarity)  # (N,)
            for row, similarity in zip(rows, of_pairs.astype(float).tolist(), strict=True):
                make = partial(self.example, row, Prediction(similarity), run.options)
                predictions.add(row, make)
        return predictions

    def parse_expected(self, value: Any, column: str, place: str) -> float:
        """A score, which may be of any scale."""
        return number_of(value, column, place)

    def scorer(
        self, examples: Sequence[Example], options: EvaluateOptions, labels: Sequence[str]
    ) -> Scorer:
        """Recall and MRR of retrieval, or the correlation of similarities with the scores."""
        is_retrieval = isinstance(examples[0].predicted, tuple)
        return RetrievalScorer(examples) if is_retrieval else SimilarityScorer(examples)

    def as_text(self, value: Any) -> str:
        """A similarity or a score, the ranks of texts, or the texts.

        >>> EVALUATOR.as_text(0.5), EVALUATOR.as_text((1, 7)), EVALUATOR.as_text(("a", "b"))
        ('0.5000', 'rank 1, 7', 'a | b')
        """
        if isinstance(value, float):
            return f"{value:.4f}"
        if all(isinstance(rank, int) for rank in value):
            return "rank " + ", ".join(map(str, value))
        return " | ".join(value)


def _complete_rows(run: ModelRun, predictions: Predictions) -> Iterator[Row]:
    """The rows that have both texts; the others fail."""
    for row in run.data.rows:
        predictions.total += 1
        if row.error:
            predictions.fail(row.number, row.error)
        elif not row.text.strip() or not (row.pair or "").strip():
            predictions.fail(row.number, "one of its texts is empty")
        else:
            yield row


def _retrieve(run: ModelRun, predictions: Predictions, rows: Sequence[Row]) -> Predictions:
    """Each query with the ranks of its texts among all different texts of the file."""
    texts = list(dict.fromkeys(row.pair or "" for row in rows))
    place = {text: at for at, text in enumerate(texts)}
    relevant: dict[str, dict[int, None]] = {}  # of each query: places, in their order
    first_row: dict[str, int] = {}
    for row in rows:
        relevant.setdefault(row.text, {})[place[row.pair or ""]] = None
        first_row.setdefault(row.text, row.number)
    predictions.unit = "queries"
    predictions.settings["texts"] = len(texts)
    if rows:
        pooling = _pooling(run, predictions)
        queries = embed(run, list(relevant), pooling.prompt("query"))
        all_places = list(map(list, relevant.values()))
        all_ranks = query_ranks(queries, embed(run, texts), all_places, pooling.similarity)
        for (query, places), ranks in zip(relevant.items(), all_ranks, strict=True):
            expected = tuple(texts[at] for at in places)
            predictions.examples.append(
                Example(first_row[query], query, expected, ranks, None, len(query))
            )
    return predictions


def _pooling(run: ModelRun, predictions: Predictions) -> "Pooling":
    """How the model makes vectors; how it compares them is put into the report."""
    from llmcli.inference.embedding import pooling_of

    pooling = pooling_of(run.loaded, EmbedOptions())
    if pooling.similarity != "cosine":
        predictions.settings["similarity"] = pooling.similarity
    return pooling


def embed(run: ModelRun, texts: Sequence[str], prompt: str | None = None) -> Vectors:
    """Vectors (N, D) of texts, as `llmcli embed` makes them.

    prompt: what goes before each text; None: the checkpoint's own for documents. Raises what a
    text raises that cannot be embedded.
    """

    from llmcli.inference.embedding import document_embedder

    rows = [Row(number, text) for number, text in enumerate(texts, 1)]
    work = document_embedder(run.loaded, EmbedOptions(prompt=prompt), "window")
    vectors = []
    for result in run.results(work, rows, "window", len(rows)):
        if isinstance(result, Failure):
            raise result.cause
        vectors.append(result.embedding)
    return np.stack(vectors)


class SimilarityScorer:
    """The correlation of similarities with the expected scores."""

    names: tuple[str, ...] = ("spearman", "pearson")
    is_right = False
    shares: Mapping[str, Share] = {}
    no_interval: tuple[str, ...] = ()
    details = Details()

    def __init__(self, examples: Sequence[Example]) -> None:
        self._expected = np.array([example.expected for example in examples], dtype=np.float64)
        self._predicted = np.array([example.predicted for example in examples], dtype=np.float64)
        places = [
            np.argsort(np.argsort(values, kind="stable"))
            for values in (self._expected, self._predicted)
        ]
        self.quality = 1 - np.abs(places[0] - places[1]) / max(1, len(examples) - 1)

    def scores(self, rows: Integers) -> list[float]:
        """Spearman's and Pearson's correlation over some rows."""
        expected, predicted = self._expected[rows], self._predicted[rows]
        return [spearman(expected, predicted), pearson(expected, predicted)]


class RetrievalScorer:
    """Recall among the first texts, and the mean reciprocal rank, over queries."""

    names: tuple[str, ...] = (*(f"recall@{k}" for k in RECALL_AT), "mrr")
    is_right = True
    no_interval: tuple[str, ...] = ()
    details = Details()

    def __init__(self, examples: Sequence[Example]) -> None:
        self._values = np.array([self._of_query(example.predicted) for example in examples])
        self.quality = self._values[:, -1]  # of (Q, 4)
        self.shares: Mapping[str, Share] = {  # unless a query has several relevant texts
            name: Share(column == 1)
            for name, column in zip(self.names[:-1], self._values.T, strict=False)
            if np.isin(column, (0, 1)).all()
        }

    @staticmethod
    def _of_query(ranks: Sequence[int]) -> list[float]:
        return [*(recall_at(ranks, k) for k in RECALL_AT), reciprocal_rank(ranks)]

    def scores(self, rows: Integers) -> list[float]:
        """The means over some queries."""
        means: list[float] = self._values[rows].mean(0).tolist()
        return means


EVALUATOR = EmbeddingEvaluator()
