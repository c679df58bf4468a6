"""Texts scored by a causal model, and by n-grams of the same tokens, in rows or in lines."""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from llmcli.arrays import Doubles
from llmcli.data.documents import read_documents
from llmcli.data.formats import input_format
from llmcli.data.rows import Failure, Row
from llmcli.engines.base import Loaded
from llmcli.evaluation.examples import Example, Surprisal, groups_of
from llmcli.evaluation.ngrams import Ngrams, cross_fitted
from llmcli.inference.batches import process
from llmcli.inference.surprisal import Scoring, TextScore
from llmcli.spec import BatchOptions
from llmcli.spec.tasks import EvaluateOptions


def is_document(path: str) -> bool:
    """True for a file that is one text: .txt, or stdin."""
    return input_format(path) == "txt"


def read_document(path: str) -> Row:
    """A .txt file, or stdin, as a single row. Raises InputError where it is not UTF-8."""
    return Row(1, "".join(piece.text for piece in read_documents(path)))


def score_texts(
    loaded: Loaded, scoring: Scoring, rows: Iterable[Row], batch: BatchOptions
) -> Iterator[TextScore | Failure]:
    """Yield the surprisal of each row's tokens, in order."""
    yield from process(scoring, rows, loaded.batch(batch))


def ngram_nats(
    scores: Sequence[TextScore],
    vocabulary: int,
    order: int,
    training: Sequence[Sequence[int]] | None,
) -> list[Doubles]:
    """The surprisal of the same tokens under n-grams.

    training: the tokens that the n-grams are learnt from; None: those of the other texts, each
    fifth of the texts (or of the only one) being scored by n-grams of the other four.
    """
    sequences = [score.before + score.ids for score in scores]
    if training is None:
        return cross_fitted(sequences, vocabulary, order)
    model = Ngrams(training, vocabulary, order)
    return [model.nats(one) for one in sequences]


def row_example(score: TextScore, nats: Doubles, options: EvaluateOptions) -> Example:
    """A row as one example. Raises InputError where it lacks a column of `options.by`."""
    row = score.row
    scored = row.text[score.starts[0] :]  # without a first token that nothing comes before
    said = Surprisal(float(nats.sum()), len(nats), len(scored.split()), len(scored.encode()))
    groups = groups_of(row.fields, options, f"line {row.number}")
    return Example(row.number, row.text, None, said, None, len(row.text), groups)


def line_examples(score: TextScore, nats: Doubles) -> list[Example]:
    """A document as an example for each line; blank lines go with the line before them.

    A token belongs to the line in which it begins.
    """
    text, first = score.row.text, int(score.starts[0])
    numbers, starts = _line_starts(text)
    places = np.searchsorted(np.array(starts), score.starts, side="right") - 1
    sums = np.bincount(places, weights=nats, minlength=len(starts))
    counts = np.bincount(places, minlength=len(starts))
    found = []
    for at, (start, end) in enumerate(zip(starts, [*starts[1:], len(text)], strict=True)):
        line = text[max(start, first) : end]
        if line:
            size = len(line.encode())
            said = Surprisal(float(sums[at]), int(counts[at]), len(line.split()), size)
            shown = line.strip()
            found.append(Example(numbers[at], shown, None, said, None, len(shown)))
    return found


def _line_starts(text: str) -> tuple[list[int], list[int]]:
    """The numbers, from 1, and beginnings of the lines of a text that have something in them.

    >>> _line_starts("one\\n\\ntwo\\n")
    ([1, 3], [0, 5])
    """
    numbers, starts, at = [1], [0], 0
    seen = False
    for number, line in enumerate(text.splitlines(keepends=True), 1):
        if line.strip():
            if seen:
                numbers.append(number)
                starts.append(at)
            seen = True
        at += len(line)
    return numbers, starts
