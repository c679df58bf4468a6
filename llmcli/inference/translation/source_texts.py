"""Texts as a translation model reads them: sentences of one language, tokenized."""

from dataclasses import dataclass, replace

from llmcli.data.rows import Failure, Row
from llmcli.engines.base import Loaded
from llmcli.errors import InputError
from llmcli.inference.encoding import input_limit
from llmcli.inference.sentences import halves
from llmcli.inference.translation.directions import Direction
from llmcli.inference.translation.kept import exact_parts, split_around
from llmcli.inference.translation.languages import base
from llmcli.inference.translation.layout import Piece
from llmcli.inference.translation.pairs import PIVOT, Route
from llmcli.inference.translation.runaway import bound
from llmcli.inference.translation.source_language import source_language
from llmcli.inference.translation.vocabulary import Vocabulary
from llmcli.spec import Overflow
from llmcli.spec.tasks import TranslateOptions
from llmcli.tokenization.marian import split_code
from llmcli.tokenization.typed_text import encode_typed

IN_LOWER_CASE = "text in capitals is read in lower case: the model has more words in that form"


@dataclass(frozen=True, slots=True)
class SourceSentence:
    """One sentence, or a part of one, as the encoder takes it."""

    text: str
    ids: list[int]
    language: str | None
    """A tag; None if it is not known."""
    most: int
    """The maximum number of tokens of its translation, however long it is itself."""
    beams: int
    through_english: bool = False
    """It is translated into English first, and `ids` are for that."""
    is_capital: bool = False
    """Its translation is put into capitals."""
    is_part: bool = False
    """It is a part of a sentence; what is beside it stays as it is."""

    @property
    def size(self) -> int:
        """Tokens of the source and its translation, for all beams."""
        return (len(self.ids) * 2) * self.beams  # a translation is about as long


@dataclass(frozen=True, slots=True)
class SourceText:
    """A text, cut into sentences."""

    row: Row
    units: list[SourceSentence]
    layout: list[Piece]
    language: str | None
    through_english: bool
    overflow: Overflow | None
    notes: tuple[str, ...]


def encode(loaded: Loaded, direction: Direction, text: str) -> list[int]:
    """The tokens of a sentence, after what tells the model the languages."""
    tokenizer, code = loaded.tokenizer, direction.source_code
    if code is None:
        ids: list[int] = encode_typed(tokenizer, direction.prefix + text)["input_ids"]
    else:
        with tokenizer.lock:  # threads share the tokenizer, but not the source language
            tokenizer.src_lang = code
            ids = encode_typed(tokenizer, direction.prefix + text)["input_ids"]
    return ids


class SourceReader:
    """Cuts the texts of rows into sentences that fit into a model, and tokenizes them."""

    def __init__(
        self, loaded: Loaded, options: TranslateOptions, route: Route, on_overflow: Overflow
    ) -> None:
        self._loaded, self._options, self._route = loaded, options, route
        self._on_overflow = on_overflow
        self._limit = input_limit(loaded)
        self._vocabulary = Vocabulary(loaded.tokenizer)

    def read(self, row: Row, limit: int, beams: int) -> SourceText | Failure:
        """The sentences of a row; a Failure for one that cannot be translated.

        limit: of the tokens of a sentence's translation.
        """
        if not row.text.strip() and row.fields:  # a blank line of a text is one of its lines
            return Failure(row, InputError("the text is empty"))
        try:
            return self._read(row, limit, beams)
        except InputError as error:
            return Failure(row, error)

    def _read(self, row: Row, limit: int, beams: int) -> SourceText:
        text = self._without_code(row.text)
        name, given = self._loaded.checkpoint.model_id, self._options.from_lang
        language, note = source_language(name, self._route, given, text)
        through_english = language is not None and self._route.through_english.get(
            base(language), False
        )
        layout: list[Piece] = []
        units: list[SourceSentence] = []
        overflow: Overflow | None = None
        for piece in self._vocabulary.pieces(text, language, split=self._options.split_sentences):
            if not piece.is_sentence:
                layout.append(piece)
                continue
            unread = SourceSentence(piece.text, [], language, limit, beams)
            whole = replace(unread, through_english=through_english, is_part=piece.is_part)
            parts = self._fitted(whole)
            if [part.text for part in parts] != [piece.text]:
                overflow = self._on_overflow
            layout += [Piece(part.text, True) for part in parts]
            units += parts
        notes = [note] if note else []
        if any(unit.is_capital for unit in units):
            notes.append(IN_LOWER_CASE)
        return SourceText(row, units, layout, language, through_english, overflow, tuple(notes))

    def _without_code(self, text: str) -> str:
        """A text without a language code at its beginning, if the model has such codes.

        Raises InputError for the code of another language than the requested one.
        """
        codes = getattr(self._loaded.tokenizer, "supported_language_codes", ())
        code, rest = split_code(text, codes)
        if code and code != self._route.direction.prefix.strip():
            raise InputError(
                f"the text begins with {code}, but `to_lang` is {self._route.direction.target}: "
                "leave one of them out"
            )
        return rest.lstrip() if code else text

    def _source(self, whole: SourceSentence, text: str) -> SourceSentence:
        """A sentence like another one, with a text of its own, tokenized."""
        read = self._vocabulary.lowered(text, whole.language)
        first = self._route.first if whole.through_english else None
        ids = encode(self._loaded, first or self._route.direction, read.text)
        return replace(whole, text=text, ids=ids, is_capital=read.is_capital)

    def limit(self, unit: SourceSentence, tokens: int) -> int:
        """The maximum number of new tokens for a sentence, which is read in so many tokens."""
        config = self._loaded.generation_config
        return min(unit.most, bound(config, tokens, is_part=unit.is_part))

    def _fitted(self, whole: SourceSentence) -> list[SourceSentence]:
        """A sentence; of one that is too long, its first part or all its parts."""
        source = self._source(whole, whole.text)
        size = len(source.ids)
        if self._limit is None or size <= self._limit:
            return [source]
        if self._on_overflow == "error" or len(source.text) < 2:
            raise InputError(
                f"a sentence has {size:,} tokens, the model takes {self._limit:,}: shorten it, or "
                "choose another `on_overflow`"
            )
        first, second = (self._source(whole, text) for text in halves(source.text))
        if self._on_overflow == "truncate":
            return self._fitted(first)[:1]
        return [*self._fitted(first), *self._fitted(second)]

    def around_exact(self, unit: SourceSentence) -> tuple[list[Piece], list[SourceSentence]]:
        """The pieces of a sentence whose numbers and signs stay, and its parts, tokenized."""
        layout = split_around(unit.text, exact_parts(unit.text))
        part = replace(unit, is_part=True)
        return layout, [self._source(part, piece.text) for piece in layout if piece.is_sentence]


def through_english_note(source: str | None, target: str | None) -> str:
    """What is said of a text that goes through English.

    >>> through_english_note("zh", "fr")
    'the model does not translate zh to fr: the text goes through en, in two steps'
    """
    pair = f"{source} to {target}"
    return f"the model does not translate {pair}: the text goes through {PIVOT}, in two steps"
