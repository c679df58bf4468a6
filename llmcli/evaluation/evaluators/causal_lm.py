"""Evaluation of causal language models: perplexity, with an n-gram model beside it."""

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from llmcli.arrays import Doubles, Integers
from llmcli.data.documents import read_documents
from llmcli.data.formats import input_format
from llmcli.data.rows import Failure, Row
from llmcli.errors import UsageError
from llmcli.evaluation.evaluation_set import EvaluationSet
from llmcli.evaluation.evaluators.base import Evaluator, SavedPairs
from llmcli.evaluation.examples import Example
from llmcli.evaluation.ngrams import ngram_nats
from llmcli.evaluation.perplexity import Surprisal, line_examples, row_example
from llmcli.evaluation.predictions import ModelRun, Predictions
from llmcli.evaluation.report import Details
from llmcli.evaluation.scorer import Share
from llmcli.models.starters import GENERATE
from llmcli.spec import FileOptions
from llmcli.spec.evaluation import EvaluateOptions
from llmcli.system.extras import is_installed, missing

if TYPE_CHECKING:
    from llmcli.engines.choose import Purpose
    from llmcli.inference.surprisal import Scoring, TextScore

MOST_NATS = 700.0  # whose exponential is still a float


class CausalLmEvaluator(Evaluator):
    """Measures how well a model predicts the tokens of a text."""

    task = "causal-lm"
    default_model = GENERATE

    def complete(self, options: EvaluateOptions) -> EvaluateOptions:
        """Raises UsageError for a file of n-grams without the n-grams."""
        perplexity = options.perplexity
        if perplexity.baseline_train is not None and perplexity.baseline is None:
            raise UsageError("`baseline_train` goes with `baseline`=ngram")
        return options

    def open(self, path: str, options: EvaluateOptions, limit: int | None) -> EvaluationSet:
        """Open a file: .txt and stdin hold one document, other files a text in each row.

        Raises UsageError for slices of a document by a column, which it does not have.
        """
        if options.perplexity.baseline_train == "-" == path:
            raise UsageError("`input` and `baseline_train` cannot both read stdin")
        if input_format(path, options.files.input_format) != "txt":
            return super().open(path, options, limit)
        if any(by != "length" for by in options.by):
            raise UsageError(f"{path} is one text, without columns: use `by`=length")
        pieces = read_documents(path, files=options.files)
        text = "".join(piece.text for piece in pieces)
        return EvaluationSet([Row(1, text)], path, is_document=True, limit=limit)

    def purpose(self, options: EvaluateOptions) -> "Purpose":
        """A causal language model."""
        from llmcli.engines.choose import Purpose

        return Purpose(("causal",))

    def predict(self, run: ModelRun) -> Predictions:
        """Score all texts, in blocks that overlap."""
        from llmcli.inference.surprisal import Scoring

        scoring = Scoring(run.loaded, run.options.perplexity)
        predictions = run.start("lines" if run.data.is_document else "rows")
        start = None if scoring.start is None else run.loaded.tokenizer.decode([scoring.start])
        predictions.settings |= {
            "block_size": scoring.block,
            "stride": scoring.stride,
            "bos": start,
        }
        scores: list[TextScore] = []
        for result in run.results(scoring, run.data.rows, run.batch.on_overflow):
            predictions.total += 1
            if isinstance(result, Failure):
                predictions.fail(result.row.number, result.cause)
            else:
                scores.append(result)
        predictions.examples = _examples(run, scores, [score.nats for score in scores])
        if run.options.perplexity.baseline is not None:
            _add_baseline(run, scoring, scores, predictions)
        return predictions

    def read_saved(
        self, pairs: SavedPairs, options: EvaluateOptions, predictions: Predictions
    ) -> Predictions:
        """Raises UsageError: perplexity needs a model."""
        raise UsageError("perplexity needs the model: no command saves it for each token")

    def scorer(
        self, examples: Sequence[Example], options: EvaluateOptions, labels: Sequence[str]
    ) -> "PerplexityScorer":
        """Perplexity and bits per byte."""
        return PerplexityScorer(examples)

    def as_text(self, value: Any) -> str:
        """The surprisal of a text; nothing is expected of it."""
        if isinstance(value, Surprisal):
            return f"{value.nats:.1f} nats in {value.tokens} tokens"
        return ""


def _examples(
    run: ModelRun, scores: "Sequence[TextScore]", nats: Sequence[Doubles]
) -> list[Example]:
    """The rows, or the lines of a document. nats: of the tokens of each text."""
    pairs = list(zip(scores, nats, strict=True))
    if run.data.is_document:
        lines = [line for score, own in pairs for line in line_examples(score, own)]
        return lines[: run.data.limit]
    return [row_example(score, own, run.options) for score, own in pairs]


def _add_baseline(
    run: ModelRun, scoring: "Scoring", scores: "Sequence[TextScore]", predictions: Predictions
) -> None:
    """Score the same tokens by n-grams; note that they are left out where nltk is missing."""
    options = run.options.perplexity
    if not is_installed("nltk"):
        predictions.notes.append(f"left out: {missing('nltk', 'the n-gram baseline')}")
        return
    if not scores:
        return
    path, training = options.baseline_train, None
    if path is not None:
        column = (run.options.columns or ("text",))[0]
        training = [scoring.encode(text)[0] for text in _documents(path, column, run.options.files)]
    sequences = [score.before + score.ids for score in scores]
    nats = ngram_nats(sequences, len(run.loaded.tokenizer), options.ngram_order, training)
    predictions.baseline = _examples(run, scores, nats)
    source = path or f"{run.data.name} itself, each fifth from the other four"
    predictions.settings["baseline"] = (
        f"{options.ngram_order}-grams, Kneser-Ney, learnt from {source}"
    )


def _documents(path: str, column: str, files: FileOptions) -> list[str]:
    """The texts of a file: of .txt, and of stdin, the only one."""
    texts = [""]
    for piece in read_documents(path, column, files):
        texts[-1] += piece.text
        if piece.last:
            texts.append("")
    return texts[:-1]


class PerplexityScorer:
    """Perplexity by token, word and byte, and bits per byte.

    The perplexity is the exponential of the nats of all tokens by their number; bits per byte are
    nats / ln 2 by the number of bytes of UTF-8. Source: Jelinek et al. 1977.
    """

    names: tuple[str, ...] = (
        "perplexity",
        "word_perplexity",
        "byte_perplexity",
        "bits_per_byte",
    )
    is_right = False
    shares: Mapping[str, Share] = {}
    no_interval: tuple[str, ...] = ()
    details = Details()

    def __init__(self, examples: Sequence[Example]) -> None:
        surprisals: list[Surprisal] = [example.predicted for example in examples]
        self._sums = np.array([(s.nats, s.tokens, s.words, s.bytes) for s in surprisals])  # (N, 4)
        self.quality = -self._sums[:, 0] / np.maximum(self._sums[:, 3], 1) / math.log(2)

    def scores(self, rows: Integers) -> list[float]:
        """The perplexities and the bits per byte of some rows together."""
        nats, tokens, words, size = self._sums[rows].sum(0).tolist()
        means = [nats / count if count else math.nan for count in (tokens, words, size)]
        return [*(math.exp(min(mean, MOST_NATS)) for mean in means), means[2] / math.log(2)]


EVALUATOR = CausalLmEvaluator()
