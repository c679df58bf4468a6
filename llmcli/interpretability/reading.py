"""What a model reads: the tokens of a text as it takes them, and where each stands in the text."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor

from llmcli.data.results import Described
from llmcli.data.rows import Row
from llmcli.decoding.request import Request
from llmcli.engines.base import Loaded, decoder_start, end_tokens
from llmcli.errors import InputError, UsageError
from llmcli.inference.encoding import Fitting, Window, input_limit
from llmcli.inference.encoding import encode as encode_windows
from llmcli.inference.gaps import find_gaps
from llmcli.inference.translation.languages import base
from llmcli.inference.translation.source_language import source_language
from llmcli.inference.translation.source_texts import encode as encode_source
from llmcli.inference.translation.source_texts import through_english_note
from llmcli.inference.translation.translator import Translator, max_new_tokens, with_tags
from llmcli.spec.explain import ExplainOptions
from llmcli.spec.tasks import TranslateOptions
from llmcli.tokenization.text_stream import token_namer
from llmcli.tokenization.typed_text import encode_typed, escaped, start_of

EMPTY = "the text is empty: there is no token to look at"
SideName = Literal["text", "source", "target"]


@dataclass(frozen=True, slots=True)
class Token(Described):
    """A token of a text."""

    id: int
    """Its id in the vocabulary."""
    name: str
    """Readable, as `llmcli tokenize` shows it; bytes of an incomplete character in hexadecimal."""
    special: bool
    """True of what the tokenizer adds, such as `[CLS]`."""
    start: int | None
    """Where it begins in the text, in characters; None where that is not known."""
    end: int | None
    """Where it ends."""


@dataclass(frozen=True, slots=True)
class Side(Described):
    """One sequence that the model reads: the text; or the source, or the target of a translator."""

    name: SideName
    text: str
    """The text that the tokens are from; of an answer model the question and the text."""
    tokens: tuple[Token, ...]
    """All tokens, special ones included."""

    @property
    def ids(self) -> list[int]:
        """The ids of the tokens (T,)."""
        return [token.id for token in self.tokens]


@dataclass(frozen=True, slots=True)
class Reading:
    """A text as one model reads it."""

    sides: tuple[Side, ...]
    """One, or source and target. The predictions are about the last one."""
    inputs: dict[str, Tensor]
    """What the network is called with, each (1, T)."""
    following: tuple[int | None, ...]
    """For each position of the last side, the token that the model has to predict there: the next
    one, or of a masked model the token itself. None where none is known."""
    content: range
    """Positions of the text's tokens; of an answer model, of the text that holds the answer."""
    notes: tuple[str, ...] = ()
    """Choices that were made for the user."""


def read(loaded: Loaded, row: Row, options: ExplainOptions) -> Reading:
    """Tokenize a text as the model's task does.

    Raises InputError for an empty text, or one that is longer than the model takes; UsageError
    where the model needs a setting that is not given, or has no use for one that is.
    """
    if loaded.kind == "seq2seq":
        return _read_pair(loaded, row.text, options)
    if loaded.kind == "causal":
        return _read_causal(loaded, row.text)
    return _read_encoder(loaded, row.text, options)


def _read_causal(loaded: Loaded, text: str) -> Reading:
    encoded = encode_typed(loaded.tokenizer, text, return_offsets_mapping=loaded.tokenizer.is_fast)
    ids: list[int] = encoded["input_ids"]
    offsets: list[tuple[int, int]] = encoded.get("offset_mapping") or []
    start = start_of(loaded.tokenizer, ids)
    if start and ids[len(start) :][: len(start)] == start:  # typed by the user, too
        ids, offsets = ids[len(start) :], offsets[len(start) :]
    _require_length(loaded, len(ids))
    content = range(len(start), len(ids))
    side = Side("text", text, named(loaded, ids, offsets, content))
    return Reading((side,), {"input_ids": torch.tensor([ids])}, (*ids[1:], None), content)


def _read_encoder(loaded: Loaded, text: str, options: ExplainOptions) -> Reading:
    """The text of a masked model, a classifier, a tagger; question and text of an answer model."""
    tokenizer, question = loaded.tokenizer, options.question
    if loaded.kind == "reader" and question is None:
        raise UsageError("an answer model reads a question about the text: give `question`")
    has_gaps = loaded.kind == "masked" and tokenizer.mask_token is not None
    text, controls = _with_own_gaps(tokenizer, text) if has_gaps else (text, False)
    texts = (text, None) if question is None else (question, text)
    window = _window(loaded, *texts, has_controls=controls)
    offsets: list[tuple[int, int]] = [(0, 0)] * len(window.ids)
    for at, span in zip(window.content, window.offsets, strict=False):
        offsets[at] = span
    shown = text if question is None else f"{question} {text}"
    content = window.content
    tokens = named(loaded, window.ids, offsets if window.offsets else [], content)
    inputs = {"input_ids": torch.tensor([window.ids])}
    if window.types:
        inputs["token_type_ids"] = torch.tensor([window.types])
    masks = loaded.kind == "masked"
    following = tuple(token if masks else None for token in window.ids)
    return Reading((Side("text", shown, tokens),), inputs, following, content)


def _with_own_gaps(tokenizer: Any, text: str) -> tuple[str, bool]:
    """A text with the model's own mask in each gap, however that is typed; False if it has none."""
    try:
        gaps = find_gaps(text, tokenizer.mask_token)
    except InputError:
        return text, False
    joined: str = tokenizer.mask_token.join(escaped(tokenizer, gaps.parts))
    return joined, True


def _window(loaded: Loaded, text: str, pair: str | None, *, has_controls: bool) -> Window:
    fitting = Fitting(None, "window", cut=0 if pair is None else 1)
    encoded = encode_windows(loaded.tokenizer, [text], [pair], fitting, has_controls=has_controls)[
        0
    ]
    if isinstance(encoded, InputError):
        raise encoded
    window = encoded.windows[0]
    _require_length(loaded, len(window.ids))
    if not len(window.content):
        raise InputError(EMPTY)
    return window


def _read_pair(loaded: Loaded, text: str, options: ExplainOptions) -> Reading:
    """Source and target of a sequence-to-sequence model."""
    languages = with_tags(TranslateOptions(options.from_lang, options.to_lang))
    translator = Translator(loaded, languages, "error")
    direction, notes = translator.route.direction, translator.route.notes
    name = loaded.checkpoint.model_id
    language, note = source_language(name, translator.route, languages.from_lang, text)
    if language is not None and translator.route.through_english.get(base(language), False):
        raise UsageError(
            f"{through_english_note(language, direction.target)}: explain one of these steps, with "
            "`to_lang` en, or with the English text"
        )
    source = encode_source(loaded, direction, text)
    _require_length(loaded, len(source))
    plain = len(encode_typed(loaded.tokenizer, text, add_special_tokens=False)["input_ids"])
    if not plain:
        raise InputError(EMPTY)
    start = decoder_start(loaded) if direction.start is None else [direction.start]
    if options.translation is not None:
        tokens = _given_target(loaded, options.translation, direction.forced_first)
        ended = True
    else:
        most = max_new_tokens(loaded, languages, len(start))
        request = Request(
            [start], [most], end_tokens(loaded), sources=[source], rules=translator.rules
        )
        best = loaded.engine.search(request, translator.decoding)[0][0]
        tokens, ended = list(best.tokens), best.ended
    ends = sorted(end_tokens(loaded))
    decoder = [*start, *tokens]
    following = (*[None] * (len(start) - 1), *tokens, ends[0] if ended and ends else None)
    sides = (
        Side("source", text, named(loaded, source, [], range(len(source)))),
        Side("target", _decoded(loaded, tokens), named(loaded, decoder, [], range(len(decoder)))),
    )
    inputs = {"input_ids": torch.tensor([source]), "decoder_input_ids": torch.tensor([decoder])}
    content = range(len(start), len(decoder))
    return Reading(sides, inputs, following, content, (*notes, *([note] if note else ())))


def _given_target(loaded: Loaded, text: str, forced_first: int | None) -> list[int]:
    encoded = encode_typed(loaded.tokenizer, text, is_target=True, add_special_tokens=False)
    ids: list[int] = encoded["input_ids"]
    if not ids:
        raise InputError("`translation` is empty: leave it out, or give a text")
    return ids if forced_first is None else [forced_first, *ids]


def _decoded(loaded: Loaded, ids: list[int]) -> str:
    text: str = loaded.tokenizer.decode(ids, skip_special_tokens=True)
    return text.strip()


def _require_length(loaded: Loaded, count: int) -> None:
    """Raise InputError for a text without a token, or with more than the model takes."""
    if not count:
        raise InputError(EMPTY)
    limit = loaded.context if loaded.kind == "causal" else input_limit(loaded)
    if limit is not None and count > limit:
        raise InputError(
            f"the text has {count:,} tokens, {loaded.checkpoint.model_id} takes {limit:,}: "
            "shorten it"
        )


def named(
    loaded: Loaded, ids: Sequence[int], offsets: Sequence[tuple[int, int]], content: range
) -> tuple[Token, ...]:
    """Tokens with readable names.

    offsets: of each token in its text, in characters; empty if they are not known. content: the
    positions that these belong to.
    """
    name = token_namer(loaded.tokenizer)
    special: set[Any] = set(loaded.tokenizer.all_special_ids)
    return tuple(
        Token(
            token,
            name(token),
            token in special,
            *(offsets[at] if offsets and at in content else (None, None)),
        )
        for at, token in enumerate(ids)
    )
