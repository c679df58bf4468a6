"""What a model says at one place: scores of tokens, of labels, or of the spans of an answer."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from llmcli.errors import InputError, UsageError, listed
from llmcli.interpretability.study import Study
from llmcli.spec.tasks import AnswerOptions
from llmcli.tokenization.typed_text import encode_typed

NO_HEAD = "it has no head, so there is nothing that it predicts"
MOST_LABELS = 8  # named in a message


@dataclass(frozen=True)
class Outcome:
    """The prediction of a study that is explained, and how to read it from a model's outputs.

    Candidates are numbered from 0 to C - 1: the ids of tokens; the labels; or of an answer model
    the spans of its text, by `span`.
    """

    study: Study
    position: int
    """Of the last side; a classifier and an answer model have no use for it."""

    @cached_property
    def baseline(self) -> Tensor:
        """The scores (C,) of the text as it is."""
        return self.scores(self.study.outputs)[0]

    def scores(self, outputs: Any, position: int | None = None) -> Tensor:
        """The scores (B, C) in a model's outputs for B texts: logits, or sums of two logits.

        position: of an output whose positions are others, such as one position alone. A span that
        cannot be an answer has the score -inf.
        """
        if self.study.kind == "reader":
            return self._span_scores(outputs.start_logits, outputs.end_logits)
        logits: Tensor = outputs.logits.float()
        if self.study.kind == "classifier":
            return logits
        return logits[:, self.position if position is None else position]

    def _span_scores(self, start: Tensor, end: Tensor) -> Tensor:
        """start, end (B, T). Devlin et al. 2019, section 4.2: the sum of both logits."""
        content = self.study.reading.content
        here = slice(content.start, content.stop)
        sums = start[:, here, None].float() + end[:, None, here].float()  # (B, N, N)
        longest = AnswerOptions().max_answer_tokens
        valid = torch.ones(sums.shape[1:], dtype=torch.bool, device=sums.device)
        valid = valid.triu() & ~valid.triu(longest)
        return sums.masked_fill(~valid, float("-inf")).flatten(1)

    def log_probabilities(self, scores: Tensor) -> Tensor:
        """The logarithms (B, C) of the probabilities of the candidates.

        Of a classifier with several labels at once, each has a probability of its own; one that
        gives a number has no probabilities: the number stays.
        """
        if self.is_number:
            return scores
        if self.is_multi_label:
            return torch.nn.functional.logsigmoid(scores)
        return scores.log_softmax(-1)

    @property
    def is_number(self) -> bool:
        """True of a model that gives a number instead of labels (regression)."""
        return self.study.kind == "classifier" and self.study.network.config.num_labels == 1

    @property
    def is_multi_label(self) -> bool:
        """True of a classifier whose labels may hold together."""
        problem = getattr(self.study.network.config, "problem_type", None)
        return self.study.kind == "classifier" and problem == "multi_label_classification"

    def name(self, candidate: int) -> str:
        """A candidate, readable."""
        if self.study.predicts_tokens:
            return self.study.name(candidate)
        if self.study.kind == "reader":
            first, last = self.span(candidate)
            tokens = self.study.side.tokens
            return self.study.row.text[tokens[first].start : tokens[last].end]
        return str(self.study.network.config.id2label[candidate])

    def span(self, candidate: int) -> tuple[int, int]:
        """The positions of the first and the last token of a span."""
        content = self.study.reading.content
        first, last = divmod(candidate, len(content))
        return content[first], content[last]

    @cached_property
    def target(self) -> int:
        """The candidate that is explained: `target`, or the most probable one.

        Raises InputError for a target that the model cannot predict.
        """
        asked = self.study.options.target
        return int(self.baseline.argmax()) if asked is None else self.find(asked, "target")

    @cached_property
    def foil(self) -> int | None:
        """What the target is compared with: `foil`, or the most probable other candidate.

        None where there is only one. Raises InputError for a foil that the model cannot predict,
        or that is the target.
        """
        asked = self.study.options.foil
        if asked is None:
            order = self.baseline.argsort(descending=True)[:2].tolist()
            return next((each for each in order if each != self.target), None)
        foil = self.find(asked, "foil")
        if foil == self.target:
            raise InputError(
                f"`foil` {asked!r} is the target itself: give another one, or leave it out"
            )
        return foil

    def find(self, text: str, setting: str) -> int:
        """The candidate that a text names. setting: where the text is from, for a message.

        Of tokens: the one that the text is alone, or after a space; the more probable one of
        these. Raises InputError.
        """
        if self.study.predicts_tokens:
            return self._find_token(text, setting)
        if self.study.kind == "reader":
            return self._find_span(text, setting)
        labels = {str(name): int(at) for at, name in self.study.network.config.id2label.items()}
        if text not in labels:
            names = listed([*labels][:MOST_LABELS]) + (" ..." if len(labels) > MOST_LABELS else "")
            raise InputError(f"`{setting}` {text!r} is no label of {self.study.model_id}: {names}")
        return labels[text]

    def _find_token(self, text: str, setting: str) -> int:
        tokenizer = self.study.loaded.tokenizer
        settings: dict[str, Any] = {"add_special_tokens": False}
        if self.study.kind == "seq2seq":
            settings["is_target"] = True
        splits = [
            encode_typed(tokenizer, form, **settings)["input_ids"] for form in (text, f" {text}")
        ]
        alone: set[int] = {ids[0] for ids in splits if len(ids) == 1}
        known = tokenizer.get_vocab().get(text)
        if not alone and known is not None:  # a special token, or an entry as it is stored
            alone = {known}
        if not alone:
            raise InputError(
                f"`{setting}` {text!r} is {len(splits[0])} tokens of {self.study.model_id} "
                f"({' '.join(map(repr, self.study.names(splits[0])))}): give one of them"
            )
        return max(alone, key=lambda token: float(self.baseline[token]))

    def _find_span(self, text: str, setting: str) -> int:
        whole, content = self.study.row.text, self.study.reading.content
        begin = whole.find(text) if text else -1
        if begin < 0:
            raise InputError(f"`{setting}` {text!r} is not in the text that holds the answer")
        end, tokens = begin + len(text), self.study.side.tokens
        inside = [
            at
            for at, position in enumerate(content)
            if (tokens[position].end or 0) > begin and (tokens[position].start or 0) < end
        ]
        longest = AnswerOptions().max_answer_tokens
        if len(inside) > longest:
            raise InputError(f"`{setting}` has {len(inside)} tokens, an answer at most {longest}")
        return inside[0] * len(content) + inside[-1]


def outcome_of(study: Study) -> Outcome:
    """The prediction that a study is about. Raises UsageError for a model without a head."""
    if study.kind == "encoder":
        raise UsageError(f"{study.model_id}: {NO_HEAD}")
    return Outcome(study, study.position)
