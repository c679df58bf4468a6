"""The surprisal of texts as examples: of whole rows, or of each line of a document."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from llmcli.arrays import Doubles
from llmcli.evaluation.evaluators.labelled_rows import groups_of
from llmcli.evaluation.examples import Example
from llmcli.spec.evaluation import EvaluateOptions

if TYPE_CHECKING:
    from llmcli.inference.surprisal import TextScore


@dataclass(frozen=True, slots=True)
class Surprisal:
    """The negative log-likelihood of a stretch of text under a model."""

    nats: float
    tokens: int
    words: int
    bytes: int


def row_example(score: "TextScore", nats: Doubles, options: EvaluateOptions) -> Example:
    """A row as one example. nats: (N,) of its scored tokens.

    Raises InputError where the row lacks a column of `options.by`.
    """
    row = score.row
    scored = row.text[score.starts[0] :]  # without a first token that has no context
    surprisal = Surprisal(float(nats.sum()), len(nats), len(scored.split()), len(scored.encode()))
    return Example(
        row.number, row.text, None, surprisal, None, len(row.text), groups_of(row, options)
    )


def line_examples(score: "TextScore", nats: Doubles) -> list[Example]:
    """A document as an example for each line; blank lines belong to the line before them.

    nats: (N,) of the document's scored tokens. A token belongs to the line in which it begins.
    """
    text, first = score.row.text, int(score.starts[0])
    numbers, starts = _line_starts(text)
    lines = np.searchsorted(np.array(starts), score.starts, side="right") - 1  # (N,)
    sums = np.bincount(lines, weights=nats, minlength=len(starts))
    counts = np.bincount(lines, minlength=len(starts))
    examples = []
    for at, (start, end) in enumerate(zip(starts, [*starts[1:], len(text)], strict=True)):
        line = text[max(start, first) : end]
        if line:
            size = len(line.encode())
            surprisal = Surprisal(float(sums[at]), int(counts[at]), len(line.split()), size)
            shown = line.strip()
            examples.append(Example(numbers[at], shown, None, surprisal, None, len(shown)))
    return examples


def _line_starts(text: str) -> tuple[list[int], list[int]]:
    """The numbers, from 1, and the first characters of the lines that are not blank.

    The first line starts at 0 even if blank lines come before it.

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
