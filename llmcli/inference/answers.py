"""Answers to questions about a text, extracted from the text or written by a generative model."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from llmcli.arrays import Floats, require_finite
from llmcli.data.records import Record
from llmcli.data.results import Result, record_of
from llmcli.data.rows import Failure, Row
from llmcli.engines.base import Loaded
from llmcli.errors import InputError, ModelUnsuitable, UsageError
from llmcli.inference.batches import Job
from llmcli.inference.encoding import Fitting, Window, collate, encode_rows, input_limit, pad_token
from llmcli.inference.generated_answers import DECODING, Reading, Source, Written
from llmcli.inference.spans import Span, SpanScores, best_spans
from llmcli.models.architectures import Kind
from llmcli.spec import Decoding, Overflow
from llmcli.spec.tasks import AnswerOptions

READERS: tuple[Kind, ...] = ("reader", "causal", "seq2seq")
"""The kinds of models that can answer questions."""
WRITING: dict[Kind, Decoding] = {"causal": DECODING, "seq2seq": DECODING}
"""How models that write their answers decode."""
OVERLAP = 128  # tokens that two windows of a long context share


@dataclass(frozen=True, slots=True)
class ScoredAnswer:
    """A possible answer with its score."""

    answer: str
    """Its text."""
    start: int | None
    """Where it begins in the context, in characters; None for one that is not in it."""
    end: int | None
    """Where it ends."""
    score: float
    """Its probability: among all spans of the context, or of the text under the model."""
    source: str | None = None
    """Of many texts, the file that it is in; in files with rows, the place, too."""
    snippet: str | None = None
    """Of many texts: what stands around it."""


@dataclass(frozen=True, slots=True)
class Answer(Result):
    """The answer to one question."""

    SOURCE = "question"
    question: str
    """The question, as it was given."""
    answer: str | None
    """None: the context does not say."""
    start: int | None
    """Where the answer begins in the context, in characters; None if it is not in it."""
    end: int | None
    """Where it ends."""
    score: float
    """Probability of the answer, or that there is none where `answer` is None."""
    answers: tuple[ScoredAnswer, ...]
    """The `top` best, in descending order of score."""
    no_answer_margin: float | None
    """The score of "no answer" minus the best span's; None without `no_answer`."""
    overflow: Overflow | None
    """How a text that was too long was handled; None if it was not."""
    source: str | None = None
    """Of many texts, the file that the answer is in; in files with rows, the place, too."""
    snippet: str | None = None
    """Of many texts: what stands around the answer."""

    def to_dict(self) -> Record:
        """The result as JSON has it; `source` and `snippet` only where it has them."""
        without = () if self.source is not None else ("source", "snippet")
        record = record_of(self, without=without)
        for answer in record["answers"]:
            if answer["source"] is None:
                del answer["source"], answer["snippet"]
        return record


class ExtractiveReader:
    """Answers with a model that scores each token as the start and as the end of the answer."""

    window_rows = 512
    budget = 4096  # tokens of a batch, padding included
    needs_text = True
    copies = 1

    def __init__(self, loaded: Loaded, options: AnswerOptions, on_overflow: Overflow) -> None:
        if not loaded.tokenizer.is_fast:
            raise ModelUnsuitable(
                f"{loaded.checkpoint.model_id} has a tokenizer that gives no character offsets: "
                "answers could not be located in the text"
            )
        self._loaded, self._options = loaded, options
        self._pad = pad_token(loaded)
        self._fitting = Fitting(input_limit(loaded), on_overflow, overlap=OVERLAP, cut=1)

    def prepare(self, rows: Sequence[Row]) -> list[Job[Window] | Failure]:
        """Tokenize questions with their contexts, each in as many windows as it needs."""
        texts = [row.text for row in rows]
        return encode_rows(self._loaded.tokenizer, rows, texts, self._fitting)

    def run(self, units: Sequence[Window]) -> list[SpanScores]:
        """The start and end logits of the context's tokens in each window."""
        out = self._loaded.engine.forward(collate(units, self._pad))
        assert out.starts is not None and out.ends is not None  # a reader has them
        return [
            self._scores(unit, start, end)
            for unit, start, end in zip(units, out.starts, out.ends, strict=True)
        ]

    def _scores(self, unit: Window, start: Floats, end: Floats) -> SpanScores:
        """start, end: (T,)"""
        here = slice(unit.content.start, unit.content.stop)
        cls = self._loaded.tokenizer.cls_token_id
        nowhere = unit.ids.index(cls) if cls in unit.ids else 0
        return SpanScores(start[here], end[here], float(start[nowhere] + end[nowhere]))

    def finish(self, job: Job[Window], outputs: Sequence[SpanScores]) -> list[Answer]:
        """The best spans over all windows. Raises InputError where there is no span."""
        for scores in outputs:
            require_finite(scores.start + scores.end)
        none = min(scores.none for scores in outputs)  # every window must allow "no answer"
        options, context = self._options, job.row.pair or ""
        spans = self.spans(job.units, outputs, context, none if options.no_answer else None)
        if not spans:
            raise InputError("no span of the text could be an answer")
        margin = none - spans[0].score if options.no_answer else None
        answers = tuple(
            ScoredAnswer(context[span.start : span.end], span.start, span.end, span.probability)
            for span in spans
        )
        return [answer_of(job.row, answers, margin, job.overflow, options)]

    def spans(
        self,
        windows: Sequence[Window],
        outputs: Sequence[SpanScores],
        context: str,
        none: float | None,
    ) -> list[Span]:
        """The best spans of one context. none: as of `best_spans`."""
        return best_spans(
            windows,
            outputs,
            context,
            count=self._options.top,
            longest=self._options.max_answer_tokens,
            none=none,
        )


class GenerativeReader:
    """Answers with a causal or sequence-to-sequence model, which writes the answer.

    Raises UsageError for `no_answer`.
    """

    window_rows = 64
    needs_text = True
    copies = 1

    def __init__(self, loaded: Loaded, options: AnswerOptions, on_overflow: Overflow) -> None:
        if options.no_answer:
            raise UsageError(
                "`no_answer` needs an extractive model; one that writes would make an answer up"
            )
        self._reading = Reading(loaded, options, on_overflow)
        self.budget = self._reading.budget
        self._options = options

    def prepare(self, rows: Sequence[Row]) -> list[Job[Source] | Failure]:
        """Make a prompt of each question with its context, or one for each part of it."""
        return [self._reading.job(row) for row in rows]

    def run(self, units: Sequence[Source]) -> list[Written]:
        """Write an answer to each prompt."""
        return self._reading.write(units)

    def finish(self, job: Job[Source], outputs: Sequence[Written]) -> list[Answer]:
        """The likeliest answers, with their places where the context has them word for word."""
        context = job.row.pair or ""
        answers = []
        best_first = sorted(outputs, key=lambda written: written.score, reverse=True)
        for written in best_first[: self._options.top]:
            at = context.find(written.text) if written.text else -1
            start, end = (None, None) if at < 0 else (at, at + len(written.text))
            answers.append(ScoredAnswer(written.text, start, end, written.score))
        return [answer_of(job.row, tuple(answers), None, job.overflow, self._options)]


def answer_of(
    row: Row,
    answers: tuple[ScoredAnswer, ...],
    margin: float | None,
    overflow: Overflow | None,
    options: AnswerOptions,
) -> Answer:
    """The best answer, or none where "no answer" is above it by more than the threshold."""
    best = answers[0]
    if margin is not None and margin > options.no_answer_threshold:
        none = best.score * math.exp(min(margin, 700.0)) if best.score else 1.0
        return Answer(row, row.text, None, None, None, none, answers, margin, overflow)
    return Answer(
        row, row.text, best.answer, best.start, best.end, best.score, answers, margin, overflow
    )
