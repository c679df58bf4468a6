"""Answers from many texts: the passages with the words of a question are found, then read."""

import math
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from itertools import accumulate, islice

import numpy as np

from llmcli.arrays import require_finite
from llmcli.data.collection import Text
from llmcli.data.rows import Failure, Row
from llmcli.engines.base import Loaded
from llmcli.errors import InputError
from llmcli.inference.answers import Answer, ExtractiveReader, ScoredAnswer, answer_of
from llmcli.inference.encoding import Window
from llmcli.inference.passages import Bm25, Passage, passages_of
from llmcli.inference.spans import Span, SpanScores
from llmcli.spec import Overflow
from llmcli.spec.tasks import AnswerOptions

BETWEEN = "\n\n"  # two passages
AROUND = 60  # characters of a snippet on each side of the answer


class Library:
    """Texts in passages, with an index of their words."""

    def __init__(self, texts: Iterable[Text]) -> None:
        """Raises InputError where all texts are empty."""
        self.passages: list[Passage] = []
        self.texts = 0
        """How many texts there are."""
        digest = sha256()
        for text in texts:
            self.texts += 1
            self.passages += passages_of(text.text, text.source)
            digest.update(f"{text.source}\n{text.text}\n".encode(errors="surrogateescape"))
        self.identity = digest.hexdigest()
        """The same for the same texts of the same files."""
        if not self.passages:
            raise InputError("the texts that the questions are about are empty")
        self._index = Bm25([passage.text for passage in self.passages])
        self._chosen: dict[int, list[Passage]] = {}  # for each row in work

    def rows(self, questions: Iterable[Row], count: int) -> Iterator[Row]:
        """Questions with their `count` best passages as the context.

        A question without a word in common with any passage comes with an error.
        """
        for row in questions:
            best = self._index.best(row.text, count) if row.error is None else []
            chosen = [self.passages[at] for at in best]
            self._chosen[row.number] = chosen
            if row.text.strip() and row.error is None and not chosen:
                row = replace(row, error="no text has a word of the question")
            yield replace(row, pair=BETWEEN.join(passage.text for passage in chosen) or None)

    def chosen(self, row: Row) -> list[Passage]:
        """The passages of a row that `rows` gave."""
        return self._chosen[row.number]

    def sourced(self, results: Iterable[Answer | Failure]) -> Iterator[Answer | Failure]:
        """Results with the source of each answer, and its place there."""
        for result in results:
            chosen = self._chosen.pop(result.row.number)
            row = replace(result.row, pair=None)
            if isinstance(result, Failure):
                yield Failure(row, result.cause)
                continue
            answers = tuple(_located(answer, chosen) for answer in result.answers)
            if result.answer is None:
                yield replace(result, row=row, answers=answers)
                continue
            best = answers[0]
            yield replace(
                result,
                row=row,
                answer=best.answer,
                start=best.start,
                end=best.end,
                answers=answers,
                source=best.source,
                snippet=best.snippet,
            )


@dataclass(frozen=True, slots=True)
class PassageJob:
    """A question with the windows of each of its passages."""

    row: Row
    passages: list[Passage]
    windows: list[list[Window]]
    """Those of each passage."""
    overflow: Overflow | None

    @property
    def units(self) -> list[Window]:
        """All windows, one passage after another."""
        return [window for windows in self.windows for window in windows]


class PassageReader(ExtractiveReader):
    """Reads each passage by itself; the score of a span is compared with those of all passages."""

    def __init__(
        self, loaded: Loaded, options: AnswerOptions, on_overflow: Overflow, library: Library
    ) -> None:
        super().__init__(loaded, options, on_overflow)
        self._library = library

    def prepare(self, rows: Sequence[Row]) -> list[PassageJob | Failure]:  # type: ignore[override]
        """Tokenize questions with each of their passages."""
        return [self._job(row) for row in rows]

    def _job(self, row: Row) -> PassageJob | Failure:
        chosen = self._library.chosen(row)
        jobs = super().prepare([replace(row, pair=passage.text) for passage in chosen])
        windows, overflow = [], None
        for job in jobs:
            if isinstance(job, Failure):
                return Failure(row, job.cause)
            windows.append(job.units)
            overflow = overflow or job.overflow
        return PassageJob(row, chosen, windows, overflow)

    def finish(  # type: ignore[override]
        self, job: PassageJob, outputs: Sequence[SpanScores]
    ) -> list[Answer]:
        """The best spans of all passages. Raises InputError where there is none."""
        options, remaining = self._options, iter(outputs)
        found: list[tuple[Span, Passage]] = []
        totals: list[float] = []  # of each passage: log of the sum of exp(score) over its spans
        for windows, passage in zip(job.windows, job.passages, strict=True):
            scores = list(islice(remaining, len(windows)))
            require_finite(np.concatenate([score.start + score.end for score in scores]))
            spans = self.spans(windows, scores, passage.text, None)
            found += [(span, passage) for span in spans]
            totals += [spans[0].score - math.log(spans[0].probability)] if spans else []
        if not found:
            raise InputError("no span of the texts could be an answer")
        none = min(score.none for score in outputs)  # every window must allow "no answer"
        total = np.logaddexp.reduce([*totals, *([none] if options.no_answer else [])])
        found.sort(key=lambda entry: -entry[0].score)
        answers = tuple(
            _scored(span, passage, math.exp(span.score - total))
            for span, passage in found[: options.top]
        )
        margin = none - found[0][0].score if options.no_answer else None
        return [answer_of(job.row, answers, margin, job.overflow, options)]


def _scored(span: Span, passage: Passage, score: float) -> ScoredAnswer:
    return ScoredAnswer(
        passage.text[span.start : span.end],
        passage.start + span.start,
        passage.start + span.end,
        score,
        passage.source,
        snippet_of(passage.text, span.start, span.end),
    )


def _located(answer: ScoredAnswer, passages: list[Passage]) -> ScoredAnswer:
    """A written answer with its source, and its place there in place of that in the context."""
    if answer.source is not None or answer.start is None or answer.end is None:
        return answer
    lengths = [len(passage.text) + len(BETWEEN) for passage in passages]
    starts = [0, *accumulate(lengths)]
    at = bisect_right(starts, answer.start) - 1
    passage = passages[at]
    start, end = answer.start - starts[at], answer.end - starts[at]
    return replace(
        answer,
        start=passage.start + start,
        end=passage.start + end,
        source=passage.source,
        snippet=snippet_of(passage.text, start, end),
    )


def snippet_of(text: str, start: int, end: int) -> str:
    """What stands around a part of a text, on one line, cut between words.

    >>> snippet_of("Emma is a novel\\nby Jane Austen.", 19, 30)
    'Emma is a novel by Jane Austen.'
    """
    left, right = max(0, start - AROUND), min(len(text), end + AROUND)
    while left > 0 and left < start and not text[left - 1].isspace():
        left += 1
    while right < len(text) and right > end and not text[right].isspace():
        right -= 1
    before, after = "… " * (left > 0), " …" * (right < len(text))
    return before + " ".join(text[left:right].split()) + after
