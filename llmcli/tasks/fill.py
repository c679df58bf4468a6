"""The words that a masked model puts into the gaps of a text."""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from llmcli.arrays import Floats, log_softmax, require_numbers, top
from llmcli.data.results import Result
from llmcli.data.rows import Failure, Row
from llmcli.engines.base import Loaded
from llmcli.engines.choose import Purpose
from llmcli.errors import InputError, ModelUnsuitable
from llmcli.inference.batches import process
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
from llmcli.inference.loading import load_model
from llmcli.models.starters import FILL, Note, ignore
from llmcli.spec import AUTO_BATCH, BatchOptions, ModelSpec, Overflow
from llmcli.spec.tasks import FillOptions

LOGITS = 1 << 25  # numbers that one batch computes at most: tokens times vocabulary
BEAMS = 10  # ways to fill all gaps that are followed together


@dataclass(frozen=True, slots=True)
class Candidate:
    """A word for one gap."""

    word: str
    id: int | None
    """Its token; None for a word of several tokens."""
    probability: float


@dataclass(frozen=True, slots=True)
class Gap:
    """One gap, while all are open."""

    start: int
    """Where it stands in the text, in characters."""
    candidates: tuple[Candidate, ...]
    """The best first."""


@dataclass(frozen=True, slots=True)
class Filled(Result):
    """A text with its gaps filled."""

    text: str
    filled: str
    """With the words that are best together."""
    logprob: float
    """Of these words together, in nats: each given those before it."""
    gaps: tuple[Gap, ...]
    overflow: Overflow | None


def load(model: ModelSpec | None, *, work_bytes: int | None = None, note: Note = ignore) -> Loaded:
    """Load a masked language model.

    model: None, or one without a name, takes the task's default. work_bytes: size of the texts,
    0 where it is unknown; None for a text or two. note: is told of choices made for the user.
    Raises ModelNotFound, ModelUnsuitable.
    """
    return load_model(model, FILL, Purpose(("masked",), file_bytes=work_bytes), note)


def fill(
    loaded: Loaded, rows: Iterable[Row], options: FillOptions, batch: BatchOptions = AUTO_BATCH
) -> Iterator[Filled | Failure]:
    """Yield each row with its gaps filled, in order.

    Raises ModelUnsuitable for a model without a mask token, InputError for a target without a
    token.
    """
    work = _Work(loaded, options, batch.on_overflow)
    yield from process(work, rows, loaded.batch(batch))


@dataclass(frozen=True, slots=True)
class _Job:
    row: Row
    units: list[Window]
    gaps: Gaps
    overflow: Overflow | None


@dataclass(frozen=True, slots=True)
class _Found:
    """Of one window: candidates (word tokens, log-probability) of each gap; the best fillings."""

    gaps: list[list[tuple[tuple[int, ...], float]]]
    best: Filling


class _Work:
    """What `process` needs to know of this task."""

    window_rows = 256
    needs_text = True
    copies = 1

    def __init__(self, loaded: Loaded, options: FillOptions, on_overflow: Overflow) -> None:
        self._loaded, self._spec = loaded, options
        tokenizer = loaded.tokenizer
        if tokenizer.mask_token is None:
            raise ModelUnsuitable(f"{loaded.checkpoint.model_id} has no mask token to fill")
        self._pad = pad_token(loaded)
        self._mask_id: int = tokenizer.mask_token_id
        limit = input_limit(loaded)
        overlap = (limit or 0) // 2
        self._targets = {word: tuple(target_tokens(tokenizer, word)) for word in options.targets}
        longest = max((len(word) for word in self._targets.values()), default=1)
        limit = None if limit is None else limit - (longest - 1)  # a word takes the place of a gap
        self._fitting = Fitting(limit, on_overflow, overlap=overlap)
        self.budget = max(1, LOGITS // loaded.config.vocab_size)

    def prepare(self, rows: Sequence[Row]) -> list[_Job | Failure]:
        return [self._prepare(row) for row in rows]

    def _prepare(self, row: Row) -> _Job | Failure:
        tokenizer = self._loaded.tokenizer
        try:
            gaps = find_gaps(row.text, tokenizer.mask_token)
            if len(gaps.starts) > 1 and any(len(word) > 1 for word in self._targets.values()):
                raise InputError("targets of several tokens go with one gap")
            (found,) = encode(
                tokenizer,
                [tokenizer.mask_token.join(gaps.parts)],
                [None],
                self._fitting,
                special=True,
            )
            if isinstance(found, InputError):
                raise found
            window = window_of_masks(found.windows, self._mask_id, len(gaps.starts))
        except InputError as error:
            return Failure(row, error)
        return _Job(row, [window], gaps, found.overflow)

    def run(self, units: Sequence[Window]) -> list[_Found]:
        return [
            self._found(window, logprobs)
            for window, logprobs in zip(units, self._logprobs(units), strict=True)
        ]

    def _logprobs(self, windows: Sequence[Window]) -> list[Floats]:
        """Log-probabilities (n, V) of the n masks of each window."""
        each = max(1, self.budget // max(window.size for window in windows))
        found: list[Floats] = []
        for at in range(0, len(windows), each):
            inputs = collate(windows[at : at + each], self._pad)
            places = inputs["input_ids"] == self._mask_id  # (B, T)
            logits = self._loaded.engine.forward(inputs, places).logits  # (masks of the batch, V)
            assert logits is not None  # of a masked model
            require_numbers(logits)
            logprobs = log_softmax(logits)
            logprobs[:, self._mask_id] = -np.inf  # a gap is not filled with a gap
            logprobs[:, len(self._loaded.tokenizer) :] = -np.inf  # nor with no word at all
            found += np.split(logprobs, places.sum(-1).cumsum()[:-1])
        return found

    def _found(self, window: Window, logprobs: Floats) -> _Found:
        """logprobs (n, V)"""
        gaps = [self._candidates(window, gap, logprobs) for gap in range(len(logprobs))]
        if len(gaps) == 1:
            return _Found(gaps, Filling(*gaps[0][0]))
        allowed = [word[0] for word in self._targets.values()] or None
        best = best_fillings(
            window, logprobs, self._logprobs, self._mask_id, width=BEAMS, allowed=allowed
        )
        return _Found(gaps, best[0])

    def _candidates(
        self, window: Window, gap: int, logprobs: Floats
    ) -> list[tuple[tuple[int, ...], float]]:
        if not self._targets:
            best = top(logprobs[gap], self._spec.top).tolist()
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
        return sorted(scored, key=lambda one: one[1], reverse=True)

    def finish(self, job: _Job, outputs: Sequence[_Found]) -> list[Filled]:
        (found,) = outputs
        single = len(job.gaps.starts) == 1
        best = [found.best.tokens] if single else [(token,) for token in found.best.tokens]
        words = [self._word(tokens) for tokens in best]
        gaps = tuple(
            Gap(start, tuple(self._candidate(*one) for one in candidates))
            for start, candidates in zip(job.gaps.starts, found.gaps, strict=True)
        )
        filled = job.gaps.filled(words)
        return [Filled(job.row, job.row.text, filled, found.best.logprob, gaps, job.overflow)]

    def _candidate(self, tokens: tuple[int, ...], logprob: float) -> Candidate:
        probability = math.exp(logprob)
        word = next((w for w, ids in self._targets.items() if ids == tokens), None)
        word = word or self._word(tokens).strip()
        return Candidate(word, tokens[0] if len(tokens) == 1 else None, probability)

    def _word(self, tokens: Sequence[int]) -> str:
        """Tokens as they stand in a text: a piece that goes on a word without its ##."""
        pieces = self._loaded.tokenizer.convert_ids_to_tokens(list(tokens))
        if pieces[0].startswith("##"):
            pieces[0] = pieces[0][2:]
            return self._loaded.tokenizer.convert_tokens_to_string(pieces)  # type: ignore[no-any-return]
        text: str = self._loaded.tokenizer.decode(list(tokens))
        return f" {text}" if pieces[0].startswith("\u2581") and not text.startswith(" ") else text
