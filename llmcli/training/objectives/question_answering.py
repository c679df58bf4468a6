"""Extractive question answering: where the answer begins in a context, and where it ends."""

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

from llmcli.data.squad import Question, each_question, occurrences
from llmcli.errors import InputError
from llmcli.evaluation.metrics.squad import answer_f1, exact_match
from llmcli.inference.encoding import Fitting, Window, encode
from llmcli.inference.spans import SpanScores, best_spans
from llmcli.training.base import Data, Defaults, Scorer
from llmcli.training.checkup.duplicates import key_of, leaks, normalized
from llmcli.training.checkup.findings import Finding, Sample, finding
from llmcli.training.checkup.items import Item
from llmcli.training.checkup.previews import marked, shortened
from llmcli.training.examples import (
    Batch,
    Examples,
    Feature,
    model_inputs,
    summed_loss,
    without_labels,
)
from llmcli.training.rows import Answers, RowObjective, RowTask

OVERLAP = 128  # tokens that two windows of a long context share
GROUP = 500  # questions tokenized together
LONGEST = 30  # tokens of an answer, when it is scored
NEAREST = "the nearest occurrence is learnt"


class QuestionAnswering(RowTask):
    """Questions, each with a context that holds the answer; a row is a Question."""

    defaults = Defaults(
        "reader", ("question", "context"), epochs=2, batch_size=16, learning_rate=1e-4, limit=384
    )
    lora_type = "QUESTION_ANS"
    pipeline_tag = "question-answering"
    input_word = "question"
    conflict_text = "training rows ask what another asks, but with other answers"
    cuts_rows = False

    def each_row(self, path: str) -> Iterator[tuple[str, Any]]:
        return each_question(path, self.options.files)

    def texts(self, row: Question) -> tuple[str, ...]:
        return (row.question, row.context)

    def context(self, row: Question) -> str:
        return row.context

    def answers(self, row: Question) -> Answers:
        return frozenset(normalized(answer.text) for answer in row.answers) or frozenset({""})

    def objective(
        self, model: Any, tokenizer: Any, *, name: str = "the model", rows: Sequence[Any] = ()
    ) -> "SpanObjective":
        return SpanObjective(self, model, tokenizer)

    def notes(self, data: Data) -> Iterator[str]:
        moved = sum(_is_elsewhere(row) for row in (*data.train, *data.held_out))
        if moved:
            yield f"{moved:,} answers are not at their answer_start: {NEAREST}"

    def row_findings(self, train: Sequence[Item], held_out: Sequence[Item]) -> Iterator[Finding]:
        yield _shared_contexts(train, held_out)
        yield from _answer_findings([*train, *held_out])


task = QuestionAnswering


def _shared_contexts(train: Sequence[Item], held_out: Sequence[Item]) -> Finding:
    """Questions of the validation data whose context occurs in the training data, too."""
    first, second = ([key_of([item.row.context]) for item in items] for items in (train, held_out))
    places = [held_out[index].where for index, _ in leaks(first, second)]
    text = "validation questions are about a context that training has, too"
    return finding("shared_contexts", text, places)


def _answer_findings(items: Sequence[Item]) -> Iterator[Finding]:
    """Answers that are not at the place that the file gives, and questions without one."""
    elsewhere, missing, unanswered, unclear = [], [], [], []
    for item in items:
        question: Question = item.row
        if not question.answers:
            unanswered.append(item.where)
        for answer in question.answers:
            place = f"{item.where} ({answer.text[:40]!r})"
            if answer.text not in question.context:
                missing.append(place)
            elif answer.start is not None and not answer.is_in(question.context):
                elsewhere.append(place)
            elif answer.start is None and len(occurrences(answer.text, question.context)) > 1:
                unclear.append(place)
    moved = f"answers are not at their answer_start: {NEAREST}"
    yield finding("answers_elsewhere", moved, elsewhere)
    several = "answers without answer_start occur more than once: the first occurrence is learnt"
    yield finding("answers_repeated", several, unclear)
    yield finding("answers_missing", "answers are not in their context", missing, problem=True)
    yield finding("unanswered", "questions have no answer", unanswered)


def _is_elsewhere(question: Question) -> bool:
    """True where the answer that is learnt is not at its answer_start."""
    first = question.answers[:1]
    return any(a.start is not None and not a.is_in(question.context) for a in first)


class SpanObjective(RowObjective):
    """Cross-entropy of the first and of the last token of the answer, over those of a window.

    The window's first token stands for: the answer is not here.
    """

    metric = "f1"

    def examples(self, rows: Sequence[Question]) -> Examples:
        """A long context gives several examples, windows that overlap."""
        examples = Examples([], len(rows))
        fitting = Fitting(self.limit, "window", overlap=min(OVERLAP, self.limit // 4), cut=1)
        for start in range(0, len(rows), GROUP):
            group = rows[start : start + GROUP]
            encoded = encode(
                self.tokenizer,
                [question.question for question in group],
                [question.context for question in group],
                fitting,
            )
            for number, (question, fitted) in enumerate(zip(group, encoded, strict=True), start):
                if isinstance(fitted, InputError):
                    raise InputError(f"{question.where}: {fitted}")
                examples.features += [
                    self._feature(question, number, window) for window in fitted.windows
                ]
        return examples

    def _feature(self, question: Question, number: int, window: Window) -> Feature:
        types = {"token_type_ids": window.types} if window.types else {}
        first, last = _answer_tokens(question, window)
        return {
            "input_ids": window.ids,
            **types,
            "labels": [first, last],
            "question": (number, question),
            "window": window,
        }

    def preview(self, feature: Feature, number: int = 0) -> Sample:
        first, last = feature["labels"]
        ids = feature["input_ids"]
        is_answer = [first <= index <= last for index in range(len(ids))]
        return shortened(marked(self.tokenizer, ids, is_answer))

    def collate(self, features: Sequence[Feature]) -> Batch:
        labels = torch.tensor([feature["labels"] for feature in features])  # (B, 2)
        return {**model_inputs(features, self.pad), "labels": labels}

    def loss(self, model: Any, batch: Batch) -> tuple[Tensor, Any]:
        inputs = without_labels(batch)
        outputs = model(**inputs)
        logits = torch.stack([outputs.start_logits, outputs.end_logits], 1).float()  # (B, 2, T)
        is_padding = batch["attention_mask"][:, None] == 0  # (B, 1, T)
        logits = logits.masked_fill(is_padding, torch.finfo(logits.dtype).min)
        return summed_loss(logits, batch["labels"]), outputs

    def scorer(self) -> Scorer:
        return AnswerScorer()


def _answer_tokens(question: Question, window: Window) -> tuple[int, int]:
    """The first and the last token of the first right answer; (0, 0) where it is not there.

    Raises InputError where it is not in the context at all.
    """
    if not question.answers or not window.offsets:
        return (0, 0)
    answer, context = question.answers[0], question.context
    start = answer.place_in(context)
    if start is None:
        raise InputError(f"{question.where}: the answer {answer.text[:40]!r} is not in the context")
    stop = start + len(answer.text)
    if start < window.offsets[0][0] or stop > window.offsets[-1][1]:
        return (0, 0)
    inside = [index for index, (a, b) in enumerate(window.offsets) if a < stop and b > start]
    if not inside:
        return (0, 0)
    return window.content.start + inside[0], window.content.start + inside[-1]


class AnswerScorer(Scorer):
    """Exact match and F1 of the best span over all windows of each question."""

    def __init__(self) -> None:
        self._windows: dict[int, list[tuple[Question, Window, SpanScores]]] = {}

    def add(self, features: Sequence[Feature], batch: Batch, outputs: Any) -> None:
        starts, ends = (
            logits.float().cpu().numpy() for logits in (outputs.start_logits, outputs.end_logits)
        )
        for feature, start, end in zip(features, starts, ends, strict=True):
            number, question = feature["question"]
            window: Window = feature["window"]
            content = slice(window.content.start, window.content.stop)
            scores = SpanScores(start[content], end[content], float(start[0] + end[0]))
            self._windows.setdefault(number, []).append((question, window, scores))

    def metrics(self) -> dict[str, float]:
        exact = shared = 0.0
        for scored in self._windows.values():
            question = scored[0][0]
            scored.sort(key=lambda entry: entry[1].start)
            _, windows, scores = zip(*scored, strict=True)
            predicted = _best_answer(question, windows, scores)
            gold = [answer.text for answer in question.answers]
            exact += exact_match(predicted, gold)
            shared += answer_f1(predicted, gold)
        count = max(1, len(self._windows))
        return {"exact_match": exact / count, "f1": shared / count}


def _best_answer(
    question: Question, windows: Sequence[Window], scores: Sequence[SpanScores]
) -> str:
    """The text of the best span; empty where an unanswerable question is recognized as such."""
    none = None if question.answers else min(score.none for score in scores)
    spans = best_spans(windows, scores, question.context, count=1, longest=LONGEST, none=none)
    if not spans or (none is not None and none > spans[0].score):
        return ""
    return question.context[spans[0].start : spans[0].end]
