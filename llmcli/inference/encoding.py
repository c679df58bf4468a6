"""Tokenize texts or pairs of texts for an encoder, within its maximum input length."""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from llmcli.data.rows import Failure, Row
from llmcli.engines.base import Inputs, Loaded
from llmcli.errors import InputError
from llmcli.inference.batches import Job
from llmcli.inference.sentences import sentence_ends
from llmcli.spec import Overflow
from llmcli.tokenization.typed_text import encode_typed

Offsets = list[tuple[int, int]]
"""Start and end of each token in its text, in characters."""


@dataclass(frozen=True, slots=True)
class Window:
    """One input of a model: a whole text, or a part of it that fits the input limit."""

    ids: list[int]
    types: list[int]
    """Token type ids: 0 for the first text, 1 for the second; empty if the model has none."""
    content: range
    """Positions in `ids` of the tokens of the text; of a pair, of the text that may be cut."""
    start: int
    """Index in that text of the first token of `content`, from 0."""
    offsets: Offsets
    """Character offsets of the tokens of `content`; empty if the tokenizer gives none."""

    @property
    def size(self) -> int:
        """Number of tokens, without padding."""
        return len(self.ids)


@dataclass(frozen=True, slots=True)
class Encoded:
    """The windows of one text."""

    windows: list[Window]
    overflow: Overflow | None
    """How a text that is too long was handled; None if it fits."""


@dataclass(frozen=True, slots=True)
class Fitting:
    """How texts are made to fit the input limit of a model."""

    limit: int | None
    """Maximum tokens in an input, special tokens included; None: no limit."""
    on_overflow: Overflow
    overlap: int = 0
    """Tokens that two neighboring windows share."""
    cut: int | None = None
    """Which text of a pair is cut: 0 or 1; None: the longer one."""


def input_limit(loaded: Loaded) -> int | None:
    """Maximum input length of an encoder, in tokens; None if there is no limit."""
    stored = loaded.tokenizer.model_max_length  # a huge number if the tokenizer has no limit
    limits = [size for size in (loaded.context, stored) if size is not None and size < 1 << 24]
    return min(limits) if limits else None


def encode(
    tokenizer: Any,
    texts: Sequence[str],
    pairs: Sequence[str | None],
    fitting: Fitting,
    *,
    has_controls: bool = False,
) -> list[Encoded | InputError]:
    """Tokenize texts together, and cut those that are too long as `fitting` says.

    Returns an InputError in place of a text that cannot be encoded. pairs: the second text of
    each pair, or None for all texts. has_controls: as of `encode_typed`.
    """
    if not texts:
        return []
    second = None if pairs[0] is None else [pair or "" for pair in pairs]
    encoding = encode_typed(
        tokenizer,
        texts,
        second,
        has_controls=has_controls,
        return_special_tokens_mask=True,
        return_offsets_mapping=tokenizer.is_fast,
        return_attention_mask=False,
        truncation=False,
        padding=False,
    )
    return [
        _fit(encoding, index, pair, fitting)
        for index, pair in enumerate(zip(texts, pairs, strict=True))
    ]


def encode_rows(
    tokenizer: Any, rows: Sequence[Row], texts: Sequence[str], fitting: Fitting
) -> list[Job[Window] | Failure]:
    """Tokenize one text of each row with the row's pair; a Failure if it cannot be encoded."""
    results = encode(tokenizer, texts, [row.pair for row in rows], fitting)
    return [
        Failure(row, encoded)
        if isinstance(encoded, InputError)
        else Job(row, encoded.windows, encoded.overflow)
        for row, encoded in zip(rows, results, strict=True)
    ]


def _fit(
    encoding: Any, index: int, texts: tuple[str, str | None], fitting: Fitting
) -> Encoded | InputError:
    """Make windows of one text or pair, the one at `index` in a tokenizer's output."""
    ids: list[int] = encoding["input_ids"][index]
    types: list[int] = encoding["token_type_ids"][index] if "token_type_ids" in encoding else []
    offsets: Offsets = encoding["offset_mapping"][index] if "offset_mapping" in encoding else []
    if not ids:
        return InputError("the text has no token that the model knows")
    paired = texts[1] is not None
    sides = (
        _sides(encoding, index, paired)
        if offsets
        else _sides_from_mask(encoding["special_tokens_mask"][index], paired)
    )
    cut = min(fitting.cut if fitting.cut is not None else _longest(sides), len(sides) - 1)
    side, text = sides[cut], texts[cut]
    side_offsets = offsets[side.start : side.stop]
    try:
        spans, overflow = _spans(len(ids), side, text or "", side_offsets, fitting)
    except InputError as error:
        return error
    windows = [
        Window(
            ids=ids[: side.start] + ids[side.start + start : side.start + end] + ids[side.stop :],
            types=types and types[: side.start + end - start] + types[side.stop :],
            content=range(side.start, side.start + end - start),
            start=start,
            offsets=side_offsets[start:end],
        )
        for start, end in spans
    ]
    return Encoded(windows, overflow)


def _sides(encoding: Any, index: int, paired: bool) -> list[range]:
    """Positions of the tokens of a text, or of both texts of a pair, from a fast tokenizer."""
    text_of_token = encoding.sequence_ids(index)  # 0, 1, or None for a special token
    sides = []
    for which in range(1 + paired):
        count = text_of_token.count(which)
        start = text_of_token.index(which) if count else len(text_of_token)
        sides.append(range(start, start + count))
    return sides


def _sides_from_mask(special: list[int], paired: bool) -> list[range]:
    """The same from a special tokens mask (T,), for tokenizers that give no character offsets.

    >>> _sides_from_mask([1, 0, 0, 1, 0, 1], paired=True)
    [range(1, 3), range(4, 5)]
    """
    positions = [position for position, is_special in enumerate(special) if not is_special]
    if not positions:
        return [range(len(special), len(special))] * (1 + paired)
    first, stop = positions[0], positions[-1] + 1
    if not paired:
        return [range(first, stop)]
    middle = next((position for position in range(first, stop) if special[position]), stop)
    second = next((position for position in range(middle, stop) if not special[position]), stop)
    return [range(first, middle), range(second, stop)]


def _longest(sides: list[range]) -> int:
    """Index of the text with the most tokens."""
    return max(range(len(sides)), key=lambda index: len(sides[index]))


def _spans(
    size: int, side: range, text: str, offsets: Offsets, fitting: Fitting
) -> tuple[list[tuple[int, int]], Overflow | None]:
    """Token spans (start, end) of a text, one for each window, and how an overflow was handled.

    size: tokens of the whole input. side: positions of the text in it. offsets: of the text.
    """
    limit, on_overflow = fitting.limit, fitting.on_overflow
    if limit is None or size <= limit:
        return [(0, len(side))], None
    room = limit - (size - len(side))
    if on_overflow == "error":
        raise InputError(
            f"the text has {size:,} tokens, the model takes {limit:,}: shorten it, or choose "
            "another `on_overflow`"
        )
    if room < 1:
        raise InputError(
            f"the model takes {limit:,} tokens, and the other text alone fills them: shorten it"
        )
    if on_overflow == "truncate":
        return [(0, room)], on_overflow
    if on_overflow == "window":
        return windows(len(side), room, fitting.overlap), on_overflow
    if not offsets:
        raise InputError("`on_overflow`=split needs a tokenizer with character offsets: use window")
    starts = [start for start, _ in offsets]
    ends = [bisect_left(starts, end) for end in sentence_ends(text)]
    return packed(ends, len(side), room), on_overflow


def windows(length: int, room: int, overlap: int) -> list[tuple[int, int]]:
    """Spans of `room` tokens; each starts `overlap` tokens before the end of the previous one.

    The overlap is at most half of `room`.

    >>> windows(10, 4, 1)
    [(0, 4), (3, 7), (6, 10)]
    """
    step = room - min(overlap, room - 1, room // 2)
    starts = range(0, max(1, length - room + step), step)
    return [(start, min(length, start + room)) for start in starts]


def packed(ends: Sequence[int], length: int, room: int) -> list[tuple[int, int]]:
    """Spans of at most `room` tokens that end at a sentence boundary where possible.

    ends: where sentences end, in tokens. length: tokens of the text.

    >>> packed([3, 5, 9], 9, room=5)
    [(0, 5), (5, 9)]
    >>> packed([7], 7, room=3)
    [(0, 3), (3, 6), (6, 7)]
    """
    spans, start, best = [], 0, 0
    for end in [*ends, length]:
        while end - start > room:
            stop = best if best > start else start + room
            spans.append((start, stop))
            start = stop
        best = max(best, end)
    if start < length:
        spans.append((start, length))
    return spans


def collate(units: Sequence[Window], pad: int) -> Inputs:
    """Collate windows into the inputs (B, T) of a batch, padded on the right with `pad`."""
    width = max(unit.size for unit in units)
    ids = np.full((len(units), width), pad)  # (B, T)
    mask = np.zeros_like(ids)  # (B, T)
    types = np.zeros_like(ids)  # (B, T)
    for row, unit in enumerate(units):
        ids[row, : unit.size] = unit.ids
        mask[row, : unit.size] = 1
        if unit.types:
            types[row, : unit.size] = unit.types
    inputs = {"input_ids": ids, "attention_mask": mask}
    if units[0].types:
        inputs["token_type_ids"] = types
    return inputs


def pad_token(loaded: Loaded) -> int:
    """Id of the padding token: that of the model, else of the tokenizer, else 0."""
    pad = loaded.pad_token_id
    # masked; if padding would change results, `Loaded.batch` sets a batch size of 1
    return 0 if pad is None else pad


def cut_text(tokenizer: Any, text: str, fitting: Fitting) -> list[str]:
    """Cut a text that is too long for a model into parts, as `fitting` says.

    fitting: its limit counts the tokens of the text alone. Raises InputError if no part of the
    text fits, or if the tokenizer gives no character offsets.
    """
    limit = fitting.limit or 0
    if not tokenizer.is_fast:
        raise InputError(
            "the text is too long, and the tokenizer has no character offsets to cut it at"
        )
    if limit < 1:
        raise InputError("the other texts alone fill the input of the model: shorten them")
    encoding = encode_typed(tokenizer, text, add_special_tokens=False, return_offsets_mapping=True)
    offsets: Offsets = encoding["offset_mapping"]
    if fitting.on_overflow == "error":
        raise InputError(
            f"the text has {len(offsets):,} tokens, and {limit:,} fit beside the other texts: "
            "shorten it, or choose another `on_overflow`"
        )
    spans, _ = _spans(len(offsets), range(len(offsets)), text, offsets, fitting)
    return [text[offsets[start][0] : offsets[end - 1][1]] for start, end in spans]
