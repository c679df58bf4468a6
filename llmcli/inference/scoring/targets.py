"""The surprisal of each token of a target given its source, by an encoder-decoder model."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from llmcli.arrays import Floats, log_softmax, require_choice
from llmcli.data.rows import Failure, Row
from llmcli.decoding.text_config import text_setting
from llmcli.engines.base import Inputs, Loaded, decoder_start
from llmcli.errors import InputError, ModelUnsuitable, UsageError
from llmcli.inference.encoding import pad_token
from llmcli.inference.scoring.reports import TokenNats
from llmcli.inference.translation.directions import T5, Direction
from llmcli.inference.translation.languages import base
from llmcli.inference.translation.source_texts import encode
from llmcli.inference.translation.translator import route_of, with_tags
from llmcli.spec import Overflow
from llmcli.spec.tasks import ScoreOptions, TranslateOptions
from llmcli.tokenization.typed_text import encode_typed

LOGITS = 1 << 25  # numbers that one batch computes at most: tokens times vocabulary


@dataclass(frozen=True, slots=True)
class TargetUnit:
    """A source with its target."""

    source: list[int]
    target: list[int]
    """What the decoder starts from, then the target with its special tokens."""
    first: int
    """Index in `target` of the first scored token."""

    @property
    def size(self) -> int:
        """Number of tokens of both."""
        return len(self.source) + len(self.target)


@dataclass(frozen=True, slots=True)
class TargetText:
    """A row, ready to be scored."""

    row: Row
    units: list[TargetUnit]
    ends: int
    """Number of special tokens after the target."""
    offsets: list[tuple[int, int]] | None
    """The place of each token of the target; None if the tokenizer gives none."""


class TargetScorer:
    """Scores targets: the text of a row given the row's second text, the source."""

    window_rows = 64

    def __init__(self, loaded: Loaded, options: ScoreOptions, on_overflow: Overflow) -> None:
        """on_overflow: not used: a target that is too long fails.

        Raises UsageError for settings of blocks, which a target is not cut into, and where the
        model needs a language that is not given; ModelUnsuitable for a pair of languages that it
        does not translate.
        """
        if any(value is not None for value in (options.block_size, options.stride, options.bos)):
            raise UsageError(
                "`block_size`, `stride` and `bos` are for models without a source: "
                f"{loaded.checkpoint.model_id} reads a whole text"
            )
        self._loaded = loaded
        self._direction = _direction(loaded, options)
        start = self._direction.start
        self._start = decoder_start(loaded) if start is None else [start]
        self._pad = pad_token(loaded)
        self.budget = max(1, LOGITS // text_setting(loaded.config, "vocab_size"))

    def prepare(self, rows: Sequence[Row]) -> list[TargetText | Failure]:
        """Tokenize sources and targets; a row without a source becomes a Failure."""
        return [self._job(row) for row in rows]

    def _job(self, row: Row) -> TargetText | Failure:
        if row.pair is None:
            return Failure(row, InputError("there is no source to predict the text from"))
        source = encode(self._loaded, self._direction, row.pair)
        encoding = self._encode_target(row.text)
        special: list[int] = encoding["special_tokens_mask"]
        if 0 not in special:
            return Failure(row, InputError("the text has no token that the model knows"))
        before, ends = special.index(0), special[::-1].index(0)
        target = [*self._start, *encoding["input_ids"]]
        context = self._loaded.context
        for what, ids in (("source", source), ("text", target)):
            if context is not None and len(ids) > context:
                size = f"{len(ids):,} tokens, the model takes {context:,}"
                return Failure(row, InputError(f"the {what} has {size}: shorten it"))
        offsets = encoding.get("offset_mapping")
        if offsets is not None:
            offsets = offsets[before : len(offsets) - ends]
        unit = TargetUnit(source, target, len(self._start) + before)
        return TargetText(row, [unit], ends, offsets)

    def _encode_target(self, text: str) -> Any:
        tokenizer, direction = self._loaded.tokenizer, self._direction
        settings: dict[str, Any] = {
            "is_target": True,
            "return_special_tokens_mask": True,
            "return_offsets_mapping": bool(tokenizer.is_fast),
        }
        if direction.start is None and direction.forced_first is None:
            return encode_typed(tokenizer, text, **settings)
        with tokenizer.lock:  # threads share the tokenizer, but not the target language
            tokenizer.tgt_lang = direction.target_code
            return encode_typed(tokenizer, text, **settings)

    def run(self, units: Sequence[TargetUnit]) -> list[Floats]:
        """Log-probabilities (n,) of the scored tokens of each target."""
        each = max(1, self.budget // max(len(unit.target) for unit in units))
        logprobs: list[Floats] = []
        for first in range(0, len(units), each):
            logprobs += self._logprobs(units[first : first + each])
        return logprobs

    def _logprobs(self, units: Sequence[TargetUnit]) -> list[Floats]:
        sources = [unit.source for unit in units]
        # The last token of a target predicts nothing; padding on the right changes nothing before.
        inputs: Inputs = {
            "input_ids": _padded(sources, self._pad),  # (B, S)
            "attention_mask": _padded([[1] * len(source) for source in sources], 0),
            "decoder_input_ids": _padded([unit.target[:-1] for unit in units], self._pad),  # (B, U)
        }
        logits = self._loaded.engine.forward(inputs).logits  # (B, U, V)
        assert logits is not None  # an encoder-decoder model has them
        rows = []
        for unit, own in zip(units, logits, strict=True):
            needed = own[unit.first - 1 : len(unit.target) - 1]  # (n, V)
            require_choice(needed)
            rows.append(log_softmax(needed)[np.arange(len(needed)), unit.target[unit.first :]])
        return rows

    def nats(self, job: TargetText, outputs: Sequence[Floats]) -> TokenNats:
        """The surprisal of the tokens of a target and of its end token."""
        (unit,) = job.units
        nats = -outputs[0].astype(np.float64)
        ids = unit.target[unit.first :]
        return TokenNats(job.row, ids, nats, job.offsets, None, job.ends)


def _direction(loaded: Loaded, options: ScoreOptions) -> Direction:
    """What tells the model the languages. A T5 needs none: it reads its task in the source."""
    languages = with_tags(TranslateOptions(options.from_lang, options.to_lang))
    is_free = languages.from_lang is None and languages.to_lang is None
    if is_free and loaded.config.model_type in T5:
        return Direction(None, None)
    way = route_of(loaded, languages)
    source = languages.from_lang
    if source is not None and way.through_english.get(base(source), False):
        raise ModelUnsuitable(
            f"{loaded.checkpoint.model_id} translates from {source} to {languages.to_lang} through "
            "English only: it has no probability of a text given such a source"
        )
    return way.direction


def _padded(rows: Sequence[Sequence[int]], pad: int) -> Any:
    """Rows as an array (B, T), padded on the right."""
    width = max(map(len, rows))
    return np.array([[*row, *[pad] * (width - len(row))] for row in rows])
