"""Filling the gaps of a text with a masked language model."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from llmcli.arrays import Floats, top
from llmcli.data.results import Result
from llmcli.data.rows import Failure, Row
from llmcli.data.storable import storable
from llmcli.engines.base import Loaded
from llmcli.errors import InputError
from llmcli.inference.encoding import Fitting, Window, collate, encode, input_limit, pad_token
from llmcli.inference.gaps import (
    Filling,
    Gaps,
    best_fillings,
    find_gaps,
    logprob_of_word,
    positions,
    target_tokens,
    window_of_masks,
)
from llmcli.inference.masked_logprobs import logprobs_at, mask_token_id, masked_budget
from llmcli.spec import Overflow
from llmcli.spec.tasks import FillOptions
from llmcli.tokenization.typed_text import escaped

BEAMS = 10  # ways to fill all gaps that are followed together


@dataclass(frozen=True, slots=True)
class ScoredWord:
    """A word for one gap."""

    word: str
    """The word, without spaces around it."""
    id: int | None
    """Its token; None for a word of several tokens."""
    probability: float
    """Among all words of the vocabulary; of several tokens, the product of theirs."""


@dataclass(frozen=True, slots=True)
class Gap:
    """One gap, while all gaps are open."""

    start: int
    """Its position in the text, in characters."""
    candidates: tuple[ScoredWord, ...]
    """The `top` most probable words, or all `targets`, in descending order of probability."""


@dataclass(frozen=True, slots=True)
class Filled(Result):
    """A text with its gaps filled."""

    text: str
    """The text with its gaps."""
    filled: str
    """With the words that are most probable together."""
    logprob: float
    """Log-probability of these words, in nats: each given those before it."""
    gaps: tuple[Gap, ...]
    """The gaps of the text, in order."""
    overflow: Overflow | None
    """How a text that was too long was handled; None if it was not."""


@dataclass(frozen=True, slots=True)
class GappedText:
    """A row, ready to be filled: the window that holds all its gaps."""

    row: Row
    units: list[Window]
    gaps: Gaps
    overflow: Overflow | None


@storable
@dataclass(frozen=True, slots=True)
class WindowFillings:
    """What fills the gaps of one window."""

    gaps: list[list[tuple[tuple[int, ...], float]]]
    """For each gap its words, as tokens, with their log-probabilities."""
    best: Filling


class GapFiller:
    """Fills the gaps of rows.

    Raises ModelUnsuitable for a model without a mask token, InputError for a target that the
    vocabulary cannot spell.
    """

    window_rows = 256
    needs_text = True
    copies = 1

    def __init__(self, loaded: Loaded, options: FillOptions, on_overflow: Overflow) -> None:
        self._loaded, self._top = loaded, options.top
        tokenizer = loaded.tokenizer
        self._pad = pad_token(loaded)
        self._mask_id = mask_token_id(loaded, "to fill")
        limit = input_limit(loaded)
        overlap = (limit or 0) // 2
        self._targets = {word: tuple(target_tokens(tokenizer, word)) for word in options.targets}
        _require_vectors(loaded, self._targets)
        longest = max((len(word) for word in self._targets.values()), default=1)
        limit = None if limit is None else limit - (longest - 1)  # a word takes the place of a gap
        self._fitting = Fitting(limit, on_overflow, overlap=overlap)
        self.budget = masked_budget(loaded)

    def prepare(self, rows: Sequence[Row]) -> list[GappedText | Failure]:
        """Find and tokenize the gaps of rows with the text around them."""
        return [self._prepare(row) for row in rows]

    def _prepare(self, row: Row) -> GappedText | Failure:
        tokenizer = self._loaded.tokenizer
        try:
            gaps = find_gaps(row.text, tokenizer.mask_token)
            if len(gaps.starts) > 1 and any(len(word) > 1 for word in self._targets.values()):
                raise InputError("targets of several tokens go with one gap")
            (encoded,) = encode(
                tokenizer,
                [tokenizer.mask_token.join(escaped(tokenizer, gaps.parts))],
                [None],
                self._fitting,
                has_controls=True,
            )
            if isinstance(encoded, InputError):
                raise encoded
            window = window_of_masks(encoded.windows, self._mask_id, len(gaps.starts))
        except InputError as error:
            return Failure(row, error)
        return GappedText(row, [window], gaps, encoded.overflow)

    def run(self, units: Sequence[Window]) -> list[WindowFillings]:
        """The words for the gaps of each window."""
        return [
            self._fillings(window, logprobs)
            for window, logprobs in zip(units, self._logprobs(units), strict=True)
        ]

    def _logprobs(self, windows: Sequence[Window]) -> list[Floats]:
        """Log-probabilities (n, V) at the n masks of each window."""
        each = max(1, self.budget // max(window.size for window in windows))
        per_window: list[Floats] = []
        for at in range(0, len(windows), each):
            inputs = collate(windows[at : at + each], self._pad)
            masks = inputs["input_ids"] == self._mask_id  # (B, T)
            logprobs = logprobs_at(self._loaded, inputs, masks)  # (masks of the batch, V)
            logprobs[:, self._mask_id] = -np.inf  # a gap is not filled with a gap
            logprobs[:, len(self._loaded.tokenizer) :] = -np.inf  # nor with no word at all
            per_window += np.split(logprobs, masks.sum(-1).cumsum()[:-1])
        return per_window

    def _fillings(self, window: Window, logprobs: Floats) -> WindowFillings:
        """logprobs (n, V)"""
        gaps = [self._words_of_gap(window, gap, logprobs) for gap in range(len(logprobs))]
        if len(gaps) == 1:
            return WindowFillings(gaps, Filling(*gaps[0][0]))
        allowed = [word[0] for word in self._targets.values()] or None
        best = best_fillings(
            window, logprobs, self._logprobs, self._mask_id, width=BEAMS, allowed=allowed
        )
        return WindowFillings(gaps, best[0])

    def _words_of_gap(
        self, window: Window, gap: int, logprobs: Floats
    ) -> list[tuple[tuple[int, ...], float]]:
        if not self._targets:
            best = top(logprobs[gap], self._top).tolist()
            return [((token,), float(logprobs[gap, token])) for token in best]
        at = positions(window, self._mask_id)[gap]
        scored = [
            (
                word,
                float(logprobs[gap, word[0]])
                if len(word) == 1
                else logprob_of_word(window, at, word, self._logprobs, self._mask_id),
            )
            for word in dict.fromkeys(self._targets.values())
        ]
        return sorted(scored, key=lambda pair: pair[1], reverse=True)

    def finish(self, job: GappedText, outputs: Sequence[WindowFillings]) -> list[Filled]:
        """The text of a row with its gaps filled."""
        (fillings,) = outputs
        best = fillings.best
        single = len(job.gaps.starts) == 1
        tokens = [best.tokens] if single else [(token,) for token in best.tokens]
        gaps = tuple(
            Gap(start, tuple(self._scored_word(*word) for word in words))
            for start, words in zip(job.gaps.starts, fillings.gaps, strict=True)
        )
        filled = job.gaps.filled([self._word(word) for word in tokens])
        return [Filled(job.row, job.row.text, filled, best.logprob, gaps, job.overflow)]

    def _scored_word(self, tokens: tuple[int, ...], logprob: float) -> ScoredWord:
        probability = math.exp(logprob)
        word = next((text for text, ids in self._targets.items() if ids == tokens), None)
        word = word or self._word(tokens).strip()
        return ScoredWord(word, tokens[0] if len(tokens) == 1 else None, probability)

    def _word(self, tokens: Sequence[int]) -> str:
        """Tokens as they stand in a text: a piece that continues a word without its ##."""
        pieces = self._loaded.tokenizer.convert_ids_to_tokens(list(tokens))
        if pieces[0].startswith("##"):
            pieces[0] = pieces[0][2:]
            text: str = self._loaded.tokenizer.convert_tokens_to_string(pieces)
            return text
        text = self._loaded.tokenizer.decode(list(tokens))
        return f" {text}" if pieces[0].startswith("\u2581") and not text.startswith(" ") else text


def _require_vectors(loaded: Loaded, targets: dict[str, tuple[int, ...]]) -> None:
    """Raise InputError for a target with a token that the model has no vector for."""
    for word, ids in targets.items():
        if loaded.rows is not None and max(ids) >= loaded.rows:
            name, last = loaded.checkpoint.model_id, loaded.rows - 1
            raise InputError(
                f"the target {word!r} has a token with id {max(ids)}, but {name} has vectors for "
                f"the ids 0 to {last} only: leave it out"
            )
