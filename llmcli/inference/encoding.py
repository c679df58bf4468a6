"""From texts, or pairs of them, to the inputs of an encoder, fitted to what the model takes."""

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

Offsets = list[tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Window:
    """One input of a model: a text, or as much of it as the model takes at once."""

    ids: list[int]
    types: list[int]
    """Which of two texts a token is of; empty where the model is not told."""
    content: range
    """Where in `ids` the tokens of the text that is cut lie."""
    start: int
    """Which of that text's tokens comes first here, from 0."""
    offsets: Offsets
    """Where the tokens of `content` lie in the text, in characters; empty where unknown."""

    @property
    def size(self) -> int:
        return len(self.ids)


@dataclass(frozen=True, slots=True)
class Encoded:
    """The windows of one text."""

    windows: list[Window]
    overflow: Overflow | None
    """How a text that was too long was handled; None where it fits."""


@dataclass(frozen=True, slots=True)
class Fitting:
    """How texts are made to fit."""

    limit: int | None
    """Tokens that one input may have, special ones included."""
    on_overflow: Overflow
    overlap: int = 0
    """Tokens that two windows share."""
    cut: int | None = None
    """Which of two texts is cut: 0 or 1; None: the longer one."""


def input_limit(loaded: Loaded) -> int | None:
    """How many tokens an encoder takes; None where nothing sets a bound."""
    stored = loaded.tokenizer.model_max_length  # a huge number where the tokenizer has none
    known = [size for size in (loaded.context, stored) if size is not None and size < 1 << 24]
    return min(known) if known else None


def encode(
    tokenizer: Any,
    texts: Sequence[str],
    pairs: Sequence[str | None],
    fitting: Fitting,
    *,
    special: bool = False,
) -> list[Encoded | InputError]:
    """Tokenize texts together, and cut those that are too long as `fitting` says.

    pairs: the second text of each; all of them are None where there is none. special: whether
    `[SEP]` in a text is the token; else it is a text like any other.
    """
    if not texts:
        return []
    second = None if pairs[0] is None else list(pairs)
    found = tokenizer(
        list(texts),
        second,
        return_special_tokens_mask=True,
        return_offsets_mapping=tokenizer.is_fast,
        return_attention_mask=False,
        split_special_tokens=not special,
        truncation=False,
        padding=False,
        verbose=False,
    )
    return [_one(found, at, (texts[at], pairs[at]), fitting) for at in range(len(texts))]


def encode_rows(
    tokenizer: Any, rows: Sequence[Row], texts: Sequence[str], fitting: Fitting
) -> list[Job[Window] | Failure]:
    """Tokenize the texts of rows, with their pairs; what cannot be made to fit fails."""
    found = encode(tokenizer, texts, [row.pair for row in rows], fitting)
    return [
        Failure(row, one) if isinstance(one, InputError) else Job(row, one.windows, one.overflow)
        for row, one in zip(rows, found, strict=True)
    ]


def _one(
    found: Any, at: int, texts: tuple[str, str | None], fitting: Fitting
) -> Encoded | InputError:
    ids: list[int] = found["input_ids"][at]
    types: list[int] = found["token_type_ids"][at] if "token_type_ids" in found else []
    offsets: Offsets = found["offset_mapping"][at] if "offset_mapping" in found else []
    if not ids:
        return InputError("the text has no token that the model knows")
    paired = texts[1] is not None
    parts = (
        _parts(found, at, paired)
        if offsets
        else _contents(found["special_tokens_mask"][at], paired)
    )
    side = fitting.cut if fitting.cut is not None else _longest(parts)
    part, text = parts[min(side, len(parts) - 1)], texts[min(side, len(parts) - 1)]
    here = offsets[part.start : part.stop]
    try:
        spans, overflow = _spans(len(ids), part, text or "", here, fitting)
    except InputError as error:
        return error
    windows = [
        Window(
            ids=ids[: part.start] + ids[part.start + a : part.start + b] + ids[part.stop :],
            types=types and types[: part.start + b - a] + types[part.stop :],
            content=range(part.start, part.start + b - a),
            start=a,
            offsets=here[a:b],
        )
        for a, b in spans
    ]
    return Encoded(windows, overflow)


def _parts(found: Any, at: int, paired: bool) -> list[range]:
    """Where the tokens of a text, or of both, lie: as a fast tokenizer says."""
    of = found.sequence_ids(at)
    ranges = []
    for which in range(1 + paired):
        first = next((n for n, one in enumerate(of) if one == which), len(of))
        ranges.append(range(first, first + of.count(which)))
    return ranges


def _contents(special: list[int], paired: bool) -> list[range]:
    """The same, told from the tokens between them, which the model expects.

    >>> _contents([1, 0, 0, 1, 0, 1], paired=True)
    [range(1, 3), range(4, 5)]
    """
    first = next((at for at, one in enumerate(special) if not one), len(special))
    stop = len(special) - next((at for at, one in enumerate(reversed(special)) if not one), 0)
    if not paired:
        return [range(first, max(first, stop))]
    middle = next((at for at in range(first, stop) if special[at]), stop)
    second = next((at for at in range(middle, stop) if not special[at]), stop)
    return [range(first, middle), range(second, stop)]


def _longest(parts: list[range]) -> int:
    return max(range(len(parts)), key=lambda at: len(parts[at]))


def _spans(
    size: int, part: range, text: str, offsets: Offsets, fitting: Fitting
) -> tuple[list[tuple[int, int]], Overflow | None]:
    """The stretches of a text's tokens that are read together."""
    limit, how = fitting.limit, fitting.on_overflow
    if limit is None or size <= limit:
        return [(0, len(part))], None
    room = limit - (size - len(part))
    if how == "error":
        raise InputError(
            f"the text has {size:,} tokens, the model takes {limit:,}: shorten it, or choose "
            "another `on_overflow`"
        )
    if room < 1:
        raise InputError(f"the model takes {limit:,} tokens, and the other text fills them alone")
    if how == "truncate":
        return [(0, room)], how
    if how == "window":
        return windows(len(part), room, fitting.overlap), how
    if not offsets:
        raise InputError("`on_overflow`=split needs a tokenizer with character offsets: use window")
    starts = [start for start, _ in offsets]
    ends = [bisect_left(starts, end) for end in sentence_ends(text)]
    return packed(ends, len(part), room), how


def windows(length: int, room: int, overlap: int) -> list[tuple[int, int]]:
    """Stretches of `room` tokens, each beginning `overlap` tokens before the last one's end.

    >>> windows(10, 4, 1)
    [(0, 4), (3, 7), (6, 10)]
    """
    step = room - min(overlap, room - 1, room // 2)
    starts = range(0, max(1, length - room + step), step)
    return [(start, min(length, start + room)) for start in starts]


def packed(ends: Sequence[int], length: int, room: int) -> list[tuple[int, int]]:
    """Stretches of at most `room` tokens that end where sentences do, wherever that is possible.

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
    """Model inputs (B, T) of a batch, padded on the right."""
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
    """The id that pads a batch: the model's, else the tokenizer's."""
    for pad in (loaded.config.pad_token_id, loaded.tokenizer.pad_token_id):
        if isinstance(pad, int):
            return pad
    return 0  # masked, and never in a batch of a model that would look at it


def cut_text(tokenizer: Any, text: str, fitting: Fitting) -> list[str]:
    """The parts of a text that are too long for a model, as `fitting` says.

    fitting: its limit is that of the text's own tokens. Raises InputError where nothing of the
    text would fit, or the tokenizer does not tell where its tokens lie.
    """
    limit = fitting.limit or 0
    if not tokenizer.is_fast:
        raise InputError(
            "the text is too long, and the tokenizer has no character offsets to cut it at"
        )
    if limit < 1:
        raise InputError("the other texts fill what the model takes alone: shorten them")
    found = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True, verbose=False)
    offsets: Offsets = found["offset_mapping"]
    if fitting.on_overflow == "error":
        raise InputError(
            f"the text has {len(offsets):,} tokens, and {limit:,} fit beside the other texts: "
            "shorten it, or choose another `on_overflow`"
        )
    spans, _ = _spans(len(offsets), range(len(offsets)), text, offsets, fitting)
    return [text[offsets[a][0] : offsets[b - 1][1]] for a, b in spans]
