"""Special tokens that are typed in a text are text: `</s>` is four characters, and ends nothing.

All texts of users are tokenized by `encode_typed`. Control tokens come from llmcli alone: around a
text, from a chat template, as the gap of a masked model. A tokenizer whose `allow_special` is true
reads typed special tokens as tokens, everywhere.

In a text that has control tokens, those that were typed are cut in two by a character that no text
has, which `escaped` inserts and the tokenizer removes.
"""

import re
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

from llmcli.tokenization.base import LightTokenizer

CUT = "\ufdd0"
"""A noncharacter of Unicode: it is never part of a text that is exchanged."""


@dataclass(frozen=True, slots=True)
class SpecialTokens:
    """The special tokens of a tokenizer that can be typed."""

    any: re.Pattern[str] | None
    """Matches each; None if there are none."""
    pieces: re.Pattern[str] | None
    """Matches those that are in the vocabulary as ordinary pieces, too: of SentencePiece's unigram
    models and of vocabularies of whole words."""
    outside: re.Pattern[str] | None = None
    """Matches those that the model has no vector for. They stay tokens, which engines refuse: their
    characters would be read as unknown ones, without a word."""


def encode_typed(
    tokenizer: Any,
    texts: str | Sequence[str],
    pairs: Sequence[str] | None = None,
    *,
    has_controls: bool = False,
    **settings: Any,
) -> Any:
    """Call a tokenizer on a text, or on several, whose special tokens were typed.

    has_controls: the texts have control tokens of llmcli's own; what was typed between them went
    through `escaped`, and offsets count the characters that it inserted. settings: of the call;
    is_target: the texts are in the target language of a translator.
    """
    settings = {"verbose": False, **settings}
    if has_controls or allows_special(tokenizer):
        encode = _without_cuts if has_controls and _has_cuts(texts) else _call
        return encode(tokenizer, texts, pairs, {"split_special_tokens": False, **settings})
    settings["split_special_tokens"] = True
    special = special_tokens(tokenizer)
    every = [texts] if isinstance(texts, str) else [*texts, *(pairs or ())]
    if _occurs(special.outside, every):
        return _as_typed(tokenizer, texts, pairs, {**settings, "split_special_tokens": False})
    if _occurs(special.pieces, every):
        return _as_typed(tokenizer, texts, pairs, settings)
    return _call(tokenizer, texts, pairs, settings)


def encode_text(tokenizer: Any, text: str) -> list[int]:
    """The ids (T,) of a text for a causal model, with the special tokens that belong around it.

    A token that begins each text, such as `<s>`, and is typed too with `allow_special`, comes once.
    """
    ids: list[int] = encode_typed(tokenizer, text)["input_ids"]
    start = start_of(tokenizer, ids)
    return ids[len(start) :] if start and ids[len(start) :][: len(start)] == start else ids


def start_of(tokenizer: Any, ids: Sequence[int]) -> list[int]:
    """The special tokens that the tokenizer put before a text with these ids."""
    alone: list[int] = tokenizer("", verbose=False)["input_ids"]
    same = zip(alone, ids, strict=False)
    count = next((at for at, (a, b) in enumerate(same) if a != b), min(len(alone), len(ids)))
    return alone[:count]


def _occurs(pattern: re.Pattern[str] | None, texts: Sequence[str]) -> bool:
    return pattern is not None and any(map(pattern.search, texts))


def know_table(tokenizer: Any, rows: int | None) -> None:
    """Tell a tokenizer how many ids its model has vectors for; None: of all."""
    tokenizer.__dict__["_table_rows"] = rows
    tokenizer.__dict__.pop("_typed_special", None)


def allows_special(tokenizer: Any) -> bool:
    """Whether special tokens that are typed in a text are read as tokens."""
    return bool(getattr(tokenizer, "allow_special", False))


def escaped(tokenizer: Any, value: Any) -> Any:
    """A text, or the texts in lists and mappings, with a cut in each special token.

    With `allow_special`, the value as it is.

    >>> class Tokenizer:
    ...     all_special_tokens, all_special_ids, is_fast = ["</s>"], [0], False
    >>> escaped(Tokenizer(), "a</s>b") == f"a<{CUT}/s>b"
    True
    """
    pattern = None if allows_special(tokenizer) else special_tokens(tokenizer).any
    return value if pattern is None else _cut(pattern, value)


def _cut(pattern: re.Pattern[str], value: Any) -> Any:
    if isinstance(value, str):
        return pattern.sub(lambda match: f"{match[0][0]}{CUT}{match[0][1:]}", value)
    if isinstance(value, Mapping):
        return {key: _cut(pattern, item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_cut(pattern, item) for item in value]
    return value


def typed_specials(tokenizer: Any, text: str) -> list[str]:
    """The special tokens that are typed in a text, each once."""
    pattern = special_tokens(tokenizer).any
    return list(dict.fromkeys(pattern.findall(text))) if pattern else []


def special_tokens(tokenizer: Any) -> SpecialTokens:
    """The special tokens of a tokenizer; found once."""
    known = tokenizer.__dict__.get("_typed_special")
    if known is None:
        known = tokenizer.__dict__["_typed_special"] = _find(tokenizer)
    found: SpecialTokens = known
    return found


def _find(tokenizer: Any) -> SpecialTokens:
    names = {*tokenizer.all_special_tokens}
    backend: Any = getattr(tokenizer, "backend_tokenizer", None)
    if hasattr(backend, "get_added_tokens_decoder"):
        added = backend.get_added_tokens_decoder().values()
        names |= {token.content for token in added if token.special}
    tokens = sorted((name for name in names if len(name) > 1), key=lambda name: (-len(name), name))
    rows = tokenizer.__dict__.get("_table_rows")
    ids = tokenizer.convert_tokens_to_ids(tokens) if rows is not None else []
    outside = [
        token for token, at in zip(tokens, ids, strict=False) if at is not None and at >= rows
    ]
    tokens = [token for token in tokens if token not in outside]
    pieces = []
    if tokens and tokenizer.is_fast:
        settings = {"split_special_tokens": True, "add_special_tokens": False}
        split = _call(tokenizer, tokens, None, settings)["input_ids"]
        ids = tokenizer.convert_tokens_to_ids(tokens)
        pieces = [token for token, row, at in zip(tokens, split, ids, strict=True) if at in row]
    return SpecialTokens(_matching(tokens), _matching(pieces), _matching(outside))


def _matching(tokens: Sequence[str]) -> re.Pattern[str] | None:
    return re.compile("|".join(map(re.escape, tokens))) if tokens else None


def _call(
    tokenizer: Any,
    texts: str | Sequence[str],
    pairs: Sequence[str] | None,
    settings: dict[str, Any],
) -> Any:
    texts = texts if isinstance(texts, str) else list(texts)
    if settings.get("is_target"):
        own = {name: value for name, value in settings.items() if name != "is_target"}
        return tokenizer(text_target=texts, **own)
    return tokenizer(texts, None if pairs is None else list(pairs), **settings)


def _has_cuts(texts: str | Sequence[str]) -> bool:
    return CUT in texts if isinstance(texts, str) else any(CUT in text for text in texts)


def _as_typed(
    tokenizer: Any,
    texts: str | Sequence[str],
    pairs: Sequence[str] | None,
    settings: dict[str, Any],
) -> Any:
    """Tokenize texts whose special tokens are pieces, with offsets in the texts as they are."""
    single = isinstance(texts, str)
    sides = [escaped(tokenizer, [texts] if single else list(texts))]
    if pairs is not None:
        sides.append(escaped(tokenizer, list(pairs)))
    first, second = sides[0], sides[1] if pairs is not None else None
    encoding = _without_cuts(tokenizer, first[0] if single else first, second, settings)
    if "offset_mapping" in encoding:
        offsets = [encoding["offset_mapping"]] if single else encoding["offset_mapping"]
        moved = []
        for number, row in enumerate(offsets):
            cuts = [_places(side[number]) for side in sides]
            which = encoding.sequence_ids(number)
            moved.append(
                [
                    tuple(at - bisect_left(cuts[side or 0], at) for at in place)
                    for place, side in zip(row, which, strict=True)
                ]
            )
        encoding["offset_mapping"] = moved[0] if single else moved
    return encoding


def _places(text: str) -> list[int]:
    return [at for at, char in enumerate(text) if char == CUT]


def _without_cuts(
    tokenizer: Any,
    texts: str | Sequence[str],
    pairs: Sequence[str] | None,
    settings: dict[str, Any],
) -> Any:
    """Tokenize texts with cuts, which split a text and have no token themselves."""
    if not tokenizer.is_fast:
        return _in_parts(tokenizer, texts, settings)
    if isinstance(tokenizer, LightTokenizer):  # it has a backend of its own for this
        return _call(tokenizer, texts, pairs, {**settings, "cuts": True})
    with _removing_cuts(tokenizer):
        return _call(tokenizer, texts, pairs, settings)


def _in_parts(tokenizer: Any, texts: str | Sequence[str], settings: dict[str, Any]) -> Any:
    """The ids of texts, for a tokenizer that has no steps to add one to: part by part."""
    if not isinstance(texts, str):
        return {"input_ids": [_in_parts(tokenizer, text, settings)["input_ids"] for text in texts]}
    own = {**settings, "add_special_tokens": False}
    rows = [_call(tokenizer, part, None, own)["input_ids"] for part in texts.split(CUT)]
    ids = [token for row in rows for token in row]
    if settings.get("add_special_tokens", True):
        ids = tokenizer.build_inputs_with_special_tokens(ids)
    return {"input_ids": ids}


def remove_cuts(backend: Any) -> None:
    """Let the last step before the model split a text at its cuts, and drop these.

    backend: a Tokenizer of the package `tokenizers`.
    """
    from tokenizers import Regex, pre_tokenizers

    steps = backend.pre_tokenizer
    in_bytes, _ = pre_tokenizers.ByteLevel(add_prefix_space=False).pre_tokenize_str(CUT)[0]
    cutter = pre_tokenizers.Split(Regex(f"{CUT}|{in_bytes}"), behavior="removed")
    backend.pre_tokenizer = pre_tokenizers.Sequence([*([steps] if steps else []), cutter])


@contextmanager
def _removing_cuts(tokenizer: Any) -> Iterator[None]:
    """Let the backend of a tokenizer of transformers drop the cuts of its texts."""
    backend = tokenizer.backend_tokenizer
    steps = backend.pre_tokenizer
    with getattr(tokenizer, "lock", nullcontext()):
        remove_cuts(backend)
        try:
            yield
        finally:
            backend.pre_tokenizer = steps
