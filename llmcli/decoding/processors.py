"""What penalties and a generation config change in the scores of the next token.

The order and the definitions are those of transformers' generate. Scores (B, V) are logits, or
log-probabilities in a beam search.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial

from torch import Tensor

from llmcli.decoding.generation_config import EXCLUDED, Rules
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

    @property
    def new(self) -> int:
        """How many tokens were generated."""
        return len(self.tokens) - self.start


Watch = Callable[[str, Tensor], None]
"""Is told the name of a setting, and the scores (B, V) after it."""
Change = Callable[[Tensor, Sequence[Written]], Tensor]
"""Gives the changed scores; it may change those that it is given."""


@dataclass(frozen=True, slots=True)
class Processors:
    """All changes that are made to scores, before a filter of sampling."""

    options: Decoding
    rules: Rules
    ends: frozenset[int]
    """End-of-text tokens."""
    changes: tuple[tuple[str, Change], ...] = field(init=False, compare=False, repr=False)
    """Those that are needed, in order, with the names of their settings."""

    def __post_init__(self) -> None:
        """Find out which changes are needed."""
        changes = (*_penalties(self.options, self.rules), *_rules(self.rules, sorted(self.ends)))
        object.__setattr__(self, "changes", changes)

    @property
    def are_needed(self) -> bool:
        """True if they may change a score."""
        return bool(self.changes)

    @property
    def are_relative(self) -> bool:
        """True if scores may be shifted by a constant before: logits do as well as logarithms."""
        rules, options = self.rules, self.options
        return (
            options.penalty == 1.0 and rules.encoder_repetition_penalty == 1.0 and not rules.decay
        )

    def apply(self, scores: Tensor, rows: Sequence[Written], watch: Watch | None = None) -> Tensor:
        """The changed scores; those that are given stay as they are.

        watch: is told of each change, which later ones may overwrite.
        """
        scores = scores.clone()
        for name, change in self.changes:
            scores = change(scores, rows)
            if watch is not None:
                watch(name, scores)
        return scores


def _penalties(options: Decoding, rules: Rules) -> Iterator[tuple[str, Change]]:
    """What repetitions and biases change."""
    if rules.biases:
        yield "sequence_bias", partial(_add_biases, rules.biases)
    if rules.encoder_repetition_penalty != 1.0:
        factor = 1 / rules.encoder_repetition_penalty
        yield (
            "encoder_repetition_penalty",
            lambda scores, rows: repetition_penalty(scores, [row.source for row in rows], factor),
        )
    if options.penalty != 1.0:
        yield (
            "repetition_penalty",
            lambda scores, rows: repetition_penalty(
                scores, [row.tokens for row in rows], options.penalty
            ),
        )
    if size := options.no_repeat_ngram_size:
        yield (
            "no_repeat_ngram_size",
            lambda scores, rows: no_repeat_ngram(scores, [row.tokens for row in rows], size),
        )
    if rules.encoder_no_repeat_ngram_size:
        yield (
            "encoder_no_repeat_ngram_size",
            partial(_ban_source_ngrams, rules.encoder_no_repeat_ngram_size),
        )


def _rules(rules: Rules, ends: list[int]) -> Iterator[tuple[str, Change]]:
    """What is excluded, forced and preferred."""
    if rules.banned:
        yield "bad_words_ids", partial(_ban, rules.banned)
    if rules.min_length:
        yield "min_length", partial(_exclude, ends, lambda row: len(row.tokens) < rules.min_length)
    if rules.min_new_tokens:
        yield "min_new_tokens", partial(_exclude, ends, lambda row: row.new < rules.min_new_tokens)
    if rules.forced_first is not None:
        first = (rules.forced_first,)
        yield "forced_bos_token_id", partial(_force, first, lambda row: len(row.tokens) == 1)
    if rules.forced_last:
        yield "forced_eos_token_id", partial(_force, rules.forced_last, lambda row: row.is_last)
    if rules.decay is not None:
        yield "exponential_decay_length_penalty", partial(_prefer, ends, rules.decay)
    if rules.suppressed:
        yield "suppress_tokens", partial(_exclude, list(rules.suppressed), lambda row: True)
    if rules.banned_first:
        has_forced = rules.forced_first is not None
        yield (
            "begin_suppress_tokens",
            partial(
                _exclude,
                list(rules.banned_first),
                lambda row: row.new == int(row.start == 1 and has_forced),
            ),
        )
    if rules.renormalize:
        yield "renormalize_logits", _renormalize


Applies = Callable[[Written], bool]
"""Whether a change applies to a row."""


def _add_biases(
    biases: Sequence[tuple[tuple[int, ...], float]], scores: Tensor, rows: Sequence[Written]
) -> Tensor:
    for sequence, bias in biases:
        scores[_rows_before(rows, sequence), sequence[-1]] += bias
    return scores


def _ban(banned: Sequence[Sequence[int]], scores: Tensor, rows: Sequence[Written]) -> Tensor:
    for sequence in banned:
        scores[_rows_before(rows, sequence), sequence[-1]] = EXCLUDED
    return scores


def _exclude(
    tokens: list[int], applies: Applies, scores: Tensor, rows: Sequence[Written]
) -> Tensor:
    for at, row in enumerate(rows):
        if applies(row):
            scores[at, tokens] = EXCLUDED
    return scores


def _force(
    tokens: Sequence[int], applies: Applies, scores: Tensor, rows: Sequence[Written]
) -> Tensor:
    """Exclude all other tokens; the score of these becomes 0."""
    for at, row in enumerate(rows):
        if applies(row):
            scores[at] = EXCLUDED
            scores[at, list(tokens)] = 0.0
    return scores


def _prefer(
    ends: Sequence[int], decay: tuple[int, float], scores: Tensor, rows: Sequence[Written]
) -> Tensor:
    """Raise the scores of the ends by their size, the more the longer a text is."""
    start, base = decay
    for at, row in enumerate(rows):
        for end in ends if row.new > start else ():
            if scores[at, end] > EXCLUDED:
                scores[at, end] += scores[at, end].abs() * (base ** (row.new - start) - 1)
    return scores


def _renormalize(scores: Tensor, rows: Sequence[Written]) -> Tensor:
    all_excluded = scores.amax(-1) == EXCLUDED
    logprobs = scores.log_softmax(-1)
    logprobs[all_excluded] = EXCLUDED
    return logprobs


def _rows_before(rows: Sequence[Written], sequence: Sequence[int]) -> list[int]:
    """The rows that end with all tokens of a sequence but its last one."""
    before = list(sequence[:-1])
    return [
        at
        for at, row in enumerate(rows)
        if not before or list(row.tokens[-len(before) :]) == before
    ]


def _ban_source_ngrams(size: int, scores: Tensor, rows: Sequence[Written]) -> Tensor:
    """Exclude tokens that would complete an n-gram of the source."""
    for at, row in enumerate(rows):
        last = tuple(row.tokens[len(row.tokens) - size + 1 :])
        if len(row.tokens) + 1 < size:
            continue
        source = row.source
        for start in range(len(source) - size + 1):
            if tuple(source[start : start + size - 1]) == last:
                scores[at, source[start + size - 1]] = EXCLUDED
    return scores
