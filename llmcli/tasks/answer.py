"""Answers to questions about a text: found in it, or written by a generative model."""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from llmcli.arrays import Floats, require_numbers
from llmcli.data.rows import Failure, Row
from llmcli.engines.base import Loaded
from llmcli.errors import InputError, ModelUnsuitable, UsageError
from llmcli.inference.batches import Job, process
from llmcli.inference.encoding import (
    Fitting,
    Window,
    collate,
    encode_rows,
    input_limit,
    pad_token,
)
from llmcli.inference.spans import SpanScores, best_spans
from llmcli.models.architectures import Kind
from llmcli.spec import AUTO_BATCH, BatchOptions, Overflow
from llmcli.spec.tasks import AnswerOptions

if TYPE_CHECKING:
    from llmcli.inference.generated_answers import Source, Written

OVERLAP = 128  # tokens that two windows of a long context share


@dataclass(frozen=True, slots=True)
class Candidate:
    """A possible answer."""

    answer: str
    start: int | None
    """Where it begins in the context, in characters; None for one that is not in it."""
    end: int | None
    score: float
    """Its probability: among all spans of the context, or of the text under the model."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to one question."""

    row: Row
    question: str
    answer: str | None
    """None: the context does not say."""
    start: int | None
    end: int | None
    score: float
    """Probability of the answer; where there is none, of that."""
    answers: tuple[Candidate, ...]
    """As many as were asked for, the best first."""
    no_answer_margin: float | None
    """How far the score of no answer is above the best span's; None unless it may be one."""
    overflow: Overflow | None


READERS: tuple[Kind, ...] = ("reader", "causal", "seq2seq")


def torch_alone(loaded: Loaded) -> str | None:
    """What the ct2 engine cannot do here, in a few words; None: nothing."""
    return None if loaded.kind == "reader" else "it does not write answers with their scores"


def answer(
    loaded: Loaded, rows: Iterable[Row], options: AnswerOptions, batch: BatchOptions = AUTO_BATCH
) -> Iterator[Answer | Failure]:
    """Yield the answer to each row in order: its text is the question, its pair the context.

    An extractive model finds it in the context; a causal or sequence-to-sequence model writes it.
    Raises ModelUnsuitable for an extractive model whose tokenizer does not tell where its tokens
    lie, UsageError for `no_answer` with a model that writes.
    """
    if loaded.kind == "reader":
        yield from process(_Spans(loaded, options, batch.on_overflow), rows, loaded.batch(batch))
        return
    if options.no_answer:
        raise UsageError("--no-answer needs an extractive model; one that writes would make one up")
    yield from process(_Writing(loaded, options, batch.on_overflow), rows, loaded.batch(batch))


class _Spans:
    """A model that marks where an answer begins and ends."""

    window_rows = 512
    budget = 4096  # tokens of a batch, padding included
    needs_text = True
    copies = 1

    def __init__(self, loaded: Loaded, options: AnswerOptions, on_overflow: Overflow) -> None:
        if not loaded.tokenizer.is_fast:
            raise ModelUnsuitable(
                f"{loaded.checkpoint.model_id} has a tokenizer that does not tell where its "
                "tokens lie: answers could not be found in the text"
            )
        self._loaded, self._options = loaded, options
        self._pad = pad_token(loaded)
        self._fitting = Fitting(input_limit(loaded), on_overflow, overlap=OVERLAP, cut=1)

    def prepare(self, rows: Sequence[Row]) -> list[Job[Window] | Failure]:
        texts = [row.text for row in rows]
        return encode_rows(self._loaded.tokenizer, rows, texts, self._fitting)

    def run(self, units: Sequence[Window]) -> list[SpanScores]:
        out = self._loaded.engine.run(collate(units, self._pad))
        assert out.starts is not None and out.ends is not None  # of a reader
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
        for one in outputs:
            require_numbers(one.start + one.end)
        none = min(one.none for one in outputs)  # each window must hold it possible
        spec, context = self._options, job.row.pair or ""
        spans = best_spans(
            job.units,
            outputs,
            context,
            count=spec.top,
            longest=spec.max_answer_tokens,
            none=none if spec.no_answer else None,
        )
        if not spans:
            raise InputError("no span of the text could be an answer")
        margin = none - spans[0].score if spec.no_answer else None
        candidates = tuple(
            Candidate(context[one.start : one.end], one.start, one.end, one.probability)
            for one in spans
        )
        return [_answer(job.row, candidates, margin, spec, job.overflow)]


class _Writing:
    """A model that writes the answer."""

    window_rows = 64
    needs_text = True
    copies = 1

    def __init__(self, loaded: Loaded, options: AnswerOptions, on_overflow: Overflow) -> None:
        from llmcli.inference.generated_answers import Reading

        self._reading = Reading(loaded, options, on_overflow)
        self.budget = self._reading.budget
        self._options = options

    def prepare(self, rows: Sequence[Row]) -> "list[Job[Source] | Failure]":
        return [self._reading.job(row) for row in rows]

    def run(self, units: "Sequence[Source]") -> "list[Written]":
        return self._reading.write(units)

    def finish(self, job: "Job[Source]", outputs: "Sequence[Written]") -> list[Answer]:
        context = job.row.pair or ""
        candidates = []
        for one in sorted(outputs, key=lambda one: one.score, reverse=True)[: self._options.top]:
            at = context.find(one.text) if one.text else -1
            start, end = (None, None) if at < 0 else (at, at + len(one.text))
            candidates.append(Candidate(one.text, start, end, one.score))
        return [_answer(job.row, tuple(candidates), None, self._options, job.overflow)]


def _answer(
    row: Row,
    candidates: tuple[Candidate, ...],
    margin: float | None,
    options: AnswerOptions,
    overflow: Overflow | None,
) -> Answer:
    best = candidates[0]
    if margin is not None and margin > options.no_answer_threshold:
        none = best.score * math.exp(min(margin, 700.0)) if best.score else 1.0
        return Answer(row, row.text, None, None, None, none, candidates, margin, overflow)
    return Answer(
        row, row.text, best.answer, best.start, best.end, best.score, candidates, margin, overflow
    )
