"""Answers that are spans of a text: where they begin, and where they end."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from llmcli.data.squad import Question
from llmcli.errors import InputError
from llmcli.evaluation.metrics.squad import answer_f1, exact_match
from llmcli.inference.encoding import Fitting, Window, encode
from llmcli.inference.spans import SpanScores, best_spans
from llmcli.training.objectives.base import (
    Batch,
    Examples,
    Feature,
    RowObjective,
    Scorer,
    model_inputs,
    summed_loss,
    without_labels,
)

OVERLAP = 128  # tokens that two windows of a long context share
GROUP = 500  # questions tokenized together
LONGEST = 30  # tokens of an answer, when it is scored


class Spans(RowObjective):
    """Start and end are two choices among the tokens of a window; its first means: not here."""

    metric = "f1"

    def __init__(self, model: Any, tokenizer: Any, limit: int, *, smoothing: float = 0.0) -> None:
        super().__init__(model, tokenizer, limit)
        self._smoothing = smoothing

    def examples(self, rows: Sequence[Question]) -> Examples:
        found = Examples([], len(rows))
        fitting = Fitting(self.limit, "window", overlap=min(OVERLAP, self.limit // 4), cut=1)
        for start in range(0, len(rows), GROUP):
            some = rows[start : start + GROUP]
            encoded = encode(
                self.tokenizer,
                [one.question for one in some],
                [one.context for one in some],
                fitting,
            )
            for number, (one, fitted) in enumerate(zip(some, encoded, strict=True), start):
                if isinstance(fitted, InputError):
                    raise InputError(f"question {one.id}: {fitted}")
                found.features += [self._feature(one, number, window) for window in fitted.windows]
        return found

    def _feature(self, asked: Question, number: int, window: Window) -> Feature:
        types = {"token_type_ids": window.types} if window.types else {}
        first, last = self._place(asked, window)
        return {
            "input_ids": window.ids,
            **types,
            "labels": [first, last],
            "question": (number, asked),
            "window": window,
        }

    def _place(self, asked: Question, window: Window) -> tuple[int, int]:
        """The first and last token of the first right answer; the first of all where it is not."""
        if not asked.answers or not window.offsets:
            return (0, 0)
        answer = asked.answers[0]
        start = answer.start if answer.is_in(asked.context) else asked.context.find(answer.text)
        if start is None or start < 0:
            raise InputError(
                f"question {asked.id}: the answer {answer.text[:40]!r} is not in the context"
            )
        stop = start + len(answer.text)
        if start < window.offsets[0][0] or stop > window.offsets[-1][1]:
            return (0, 0)
        inside = [at for at, (a, b) in enumerate(window.offsets) if a < stop and b > start]
        if not inside:
            return (0, 0)
        return window.content.start + inside[0], window.content.start + inside[-1]

    def collate(self, features: Sequence[Feature]) -> Batch:
        labels = torch.tensor([one["labels"] for one in features])  # (B, 2)
        return {**model_inputs(features, self.pad), "labels": labels}

    def loss(self, model: Any, batch: Batch) -> tuple[Tensor, Any]:
        inputs = without_labels(batch)
        outputs = model(**inputs)
        both = torch.stack([outputs.start_logits, outputs.end_logits], 1).float()  # (B, 2, T)
        outside = batch["attention_mask"][:, None] == 0
        both = both.masked_fill(outside, torch.finfo(both.dtype).min)
        smoothing = self._smoothing if not outside.any() else 0.0  # padding is no choice
        return summed_loss(both, batch["labels"], smoothing), outputs

    def scorer(self) -> Scorer:
        return _Answers()


class _Answers(Scorer):
    """Exact match and F1 of the best span, over all windows of each question."""

    def __init__(self) -> None:
        self._parts: dict[int, list[tuple[Question, Window, SpanScores]]] = {}

    def add(self, features: Sequence[Feature], batch: Batch, outputs: Any) -> None:
        starts, ends = (
            logits.float().cpu().numpy() for logits in (outputs.start_logits, outputs.end_logits)
        )
        for feature, start, end in zip(features, starts, ends, strict=True):
            number, asked = feature["question"]
            window: Window = feature["window"]
            here = slice(window.content.start, window.content.stop)
            scores = SpanScores(start[here], end[here], float(start[0] + end[0]))
            self._parts.setdefault(number, []).append((asked, window, scores))

    def metrics(self) -> dict[str, float]:
        exact = shared = 0.0
        for parts in self._parts.values():
            asked = parts[0][0]
            parts.sort(key=lambda part: part[1].start)
            said = self._answer(asked, [part[1] for part in parts], [part[2] for part in parts])
            gold = [one.text for one in asked.answers]
            exact += exact_match(said, gold)
            shared += answer_f1(said, gold)
        count = max(1, len(self._parts))
        return {"exact_match": exact / count, "f1": shared / count}

    def _answer(self, asked: Question, windows: list[Window], scores: list[SpanScores]) -> str:
        none = min(one.none for one in scores) if not asked.answers else None
        spans = best_spans(windows, scores, asked.context, count=1, longest=LONGEST, none=none)
        if not spans or (none is not None and none > spans[0].score):
            return ""
        return asked.context[spans[0].start : spans[0].end]
