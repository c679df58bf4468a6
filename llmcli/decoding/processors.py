"""What penalties and a generation config change in the scores of the next token.

The order and the definitions are those of transformers' generate. Scores (B, V) are logits, or
log-probabilities in a beam search.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from llmcli.decoding.generation_config import EXCLUDED, NO_RULES, Rules
from llmcli.decoding.sampling import no_repeat_ngram, repetition_penalty
from llmcli.spec import Decoding


@dataclass(frozen=True, slots=True)
class Written:
    """A row so far: what its next token depends on."""

    tokens: Sequence[int]
    """The prompt, or what the decoder started from, and the tokens that were generated."""
    start: int
    """How many of them were not generated."""
    source: Sequence[int]
    """What the encoder read; of a causal model, the prompt."""
    is_last: bool
    """The next token is the last that is allowed."""


@dataclass(frozen=True, slots=True)
class Processors:
    """All changes that are made to scores, before a filter of sampling."""

    options: Decoding
    rules: Rules
    ends: frozenset[int]
    """End-of-text tokens."""

    @property
    def are_needed(self) -> bool:
        """True if they may change a score."""
        options = self.options
        return (
            self.rules != NO_RULES or options.penalty != 1.0 or bool(options.no_repeat_ngram_size)
        )

    @property
    def are_relative(self) -> bool:
        """True if scores may be shifted by a constant before: logits do as well as logarithms."""
        rules, options = self.rules, self.options
        return (
            options.penalty == 1.0 and rules.encoder_repetition_penalty == 1.0 and not rules.decay
        )

    def apply(self, scores: Tensor, rows: Sequence[Written]) -> Tensor:
        """The changed scores; those that are given stay as they are."""
        scores = self._repetition(scores.clone(), rows)
        self._exclude(scores, rows)
        if not self.rules.renormalize:
            return scores
        all_excluded = scores.amax(-1) == EXCLUDED
        logprobs = scores.log_softmax(-1)
        logprobs[all_excluded] = EXCLUDED
        return logprobs

    def _repetition(self, scores: Tensor, rows: Sequence[Written]) -> Tensor:
        rules, options = self.rules, self.options
        histories = [row.tokens for row in rows]
        for sequence, bias in rules.biases:
            scores[_rows_before(histories, sequence), sequence[-1]] += bias
        if rules.encoder_repetition_penalty != 1.0:
            sources = [row.source for row in rows]
            scores = repetition_penalty(scores, sources, 1 / rules.encoder_repetition_penalty)
        if options.penalty != 1.0:
            scores = repetition_penalty(scores, histories, options.penalty)
        if options.no_repeat_ngram_size:
            scores = no_repeat_ngram(scores, histories, options.no_repeat_ngram_size)
        if rules.encoder_no_repeat_ngram_size:
            _ban_source_ngrams(scores, rows, rules.encoder_no_repeat_ngram_size)
        return scores

    def _exclude(self, scores: Tensor, rows: Sequence[Written]) -> None:
        """Exclude, force and prefer tokens, in place."""
        rules, ends = self.rules, sorted(self.ends)
        for sequence in rules.banned:
            scores[_rows_before([row.tokens for row in rows], sequence), sequence[-1]] = EXCLUDED
        for at, row in enumerate(rows):
            new = len(row.tokens) - row.start
            if len(row.tokens) < rules.min_length or new < rules.min_new_tokens:
                scores[at, ends] = EXCLUDED
            if rules.forced_first is not None and len(row.tokens) == 1:
                _force(scores[at], (rules.forced_first,))
            if rules.forced_last and row.is_last:
                _force(scores[at], rules.forced_last)
            if rules.decay is not None and new > rules.decay[0]:
                _prefer(scores[at], ends, rules.decay[1] ** (new - rules.decay[0]))
            if rules.suppressed:
                scores[at, list(rules.suppressed)] = EXCLUDED
            is_after_forced = row.start == 1 and rules.forced_first is not None
            if rules.banned_first and new == int(is_after_forced):
                scores[at, list(rules.banned_first)] = EXCLUDED


def _rows_before(histories: Sequence[Sequence[int]], sequence: Sequence[int]) -> list[int]:
    """The rows that end with all tokens of a sequence but its last one."""
    before = list(sequence[:-1])
    return [
        row
        for row, history in enumerate(histories)
        if not before or list(history[-len(before) :]) == before
    ]


def _force(scores: Tensor, tokens: Sequence[int]) -> None:
    """Exclude all other tokens of a row (V,); the score of these becomes 0."""
    scores[:] = EXCLUDED
    scores[list(tokens)] = 0.0


def _prefer(scores: Tensor, ends: Sequence[int], factor: float) -> None:
    """Raise the scores (V,) of the ends by their size times `factor` - 1."""
    for end in ends:
        if scores[end] > EXCLUDED:
            scores[end] += scores[end].abs() * (factor - 1)


def _ban_source_ngrams(scores: Tensor, rows: Sequence[Written], size: int) -> None:
    """Exclude tokens that would complete an n-gram of the source."""
    for at, row in enumerate(rows):
        last = tuple(row.tokens[len(row.tokens) - size + 1 :])
        if len(row.tokens) + 1 < size:
            continue
        source = row.source
        for start in range(len(source) - size + 1):
            if tuple(source[start : start + size - 1]) == last:
                scores[at, source[start + size - 1]] = EXCLUDED
