"""Translation sentence by sentence, which keeps the layout of the text."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from llmcli.data.results import Result
from llmcli.data.rows import Failure, Row
from llmcli.decoding.generation_config import Rules, read_rules
from llmcli.decoding.request import Request
from llmcli.decoding.steps import Hypothesis
from llmcli.engines.base import Loaded, decoder_start, end_tokens
from llmcli.errors import InputError, UsageError
from llmcli.inference.encoding import input_limit
from llmcli.inference.sentences import halves
from llmcli.inference.translation.directions import Direction, find_direction
from llmcli.inference.translation.languages import base, find_language, is_unspaced
from llmcli.inference.translation.layout import Piece, pieces, put_together
from llmcli.spec import Decoding, Overflow
from llmcli.spec.tasks import TranslateOptions
from llmcli.tokenization.text_stream import without_broken_end
from llmcli.tokenization.typed_text import encode_typed

MOST_NEW_TOKENS = 512  # unless the user or the checkpoint sets a limit


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence with its translation."""

    source: str
    """The sentence as it was translated."""
    translation: str
    """The sentence in the other language."""
    score: float
    """Log-probability in nats, divided by (number of tokens) ** `length_penalty`."""
    complete: bool
    """The model ended it within `max_new_tokens`."""


@dataclass(frozen=True, slots=True)
class Translation(Result):
    """One translation of one text."""

    text: str
    """The text that was translated."""
    translation: str
    """The whole text in the other language, with its line breaks and lists."""
    index: int
    """Its rank among the translations of this text: 0 is the best."""
    score: float | None
    """Mean of the sentences' scores; None where there was nothing to translate."""
    from_lang: str | None
    """Language tag of the text; None if the model needs none."""
    to_lang: str | None
    """Language tag of the translation; None if the model needs none."""
    sentences: tuple[Sentence, ...]
    """The sentences of the text, in order."""
    overflow: Overflow | None
    """How a text that was too long was handled; None if it was not."""


def direction_of(loaded: Loaded, options: TranslateOptions) -> Direction:
    """How the model is told the languages of `options`, which are tags such as `fr`.

    Raises ModelUnsuitable where the model does not know a language, UsageError where it needs one
    that is not given.
    """
    name = loaded.checkpoint.model_id
    return find_direction(name, loaded.tokenizer, loaded.config, options.from_lang, options.to_lang)


def decoding_of(loaded: Loaded, options: TranslateOptions) -> tuple[Decoding, Rules]:
    """How a model generates translations, for the choice of an engine."""
    translator = Translator(loaded, options, "error")
    return translator.decoding, translator.rules


@dataclass(frozen=True, slots=True)
class SourceSentence:
    """One sentence as the encoder takes it."""

    text: str
    ids: list[int]
    limit: int
    beams: int

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
    overflow: Overflow | None


class Translator:
    """Translates rows.

    options: with language tags, as `find_language` gives them. Raises as `direction_of` does.
    """

    window_rows = 256
    budget = 8192  # tokens of sources and translations, times beams
    needs_text = False
    copies = 1

    def __init__(self, loaded: Loaded, options: TranslateOptions, on_overflow: Overflow) -> None:
        config = loaded.generation_config
        self._loaded, self._options, self._on_overflow = loaded, options, on_overflow
        self._direction = direction = direction_of(loaded, options)
        self._limit = input_limit(loaded)
        self._ends = end_tokens(loaded)
        own = decoder_start(loaded)
        self._start = own if direction.start is None else [direction.start]
        self.rules = read_rules(
            loaded.generation_config,
            start=len(self._start),
            forced_first=direction.forced_first,
            length_penalty=options.length_penalty,
        )
        beams = max(options.num_beams or config.num_beams or 1, options.num_return_sequences)
        self.decoding = Decoding(
            num_beams=beams,
            num_return_sequences=options.num_return_sequences,
            repetition_penalty=options.repetition_penalty or config.repetition_penalty or 1.0,
            no_repeat_ngram_size=_either(options.no_repeat_ngram_size, config.no_repeat_ngram_size),
        )
        self._max_new_tokens = _max_new_tokens(loaded, options, len(self._start))

    def prepare(self, rows: Sequence[Row]) -> list[SourceText | Failure]:
        """Cut texts into sentences that fit into the model, and tokenize them."""
        return [self._prepare(row) for row in rows]

    def _prepare(self, row: Row) -> SourceText | Failure:
        if not row.text.strip() and row.fields:  # a blank line of a text is one of its lines
            return Failure(row, InputError("the text is empty"))
        language = base(self._direction.source or "en")
        layout: list[Piece] = []
        units: list[SourceSentence] = []
        overflow: Overflow | None = None
        try:
            for piece in pieces(row.text, language, split=self._options.split_sentences):
                if not piece.is_sentence:
                    layout.append(piece)
                    continue
                parts = self._fitted(piece.text)
                if [part.text for part in parts] != [piece.text]:
                    overflow = self._on_overflow
                layout += [Piece(part.text, True) for part in parts]
                units += parts
        except InputError as error:
            return Failure(row, error)
        return SourceText(row, units, layout, overflow)

    def _source(self, text: str) -> SourceSentence:
        return SourceSentence(text, self._ids(text), self._max_new_tokens, self.decoding.num_beams)

    def _ids(self, text: str) -> list[int]:
        tokenizer, code = self._loaded.tokenizer, self._direction.source_code
        text = self._direction.prefix + text
        if code is None:
            ids: list[int] = encode_typed(tokenizer, text)["input_ids"]
        else:
            with tokenizer.lock:  # threads share the tokenizer, but not the source language
                tokenizer.src_lang = code
                ids = encode_typed(tokenizer, text)["input_ids"]
        return ids

    def _fitted(self, text: str) -> list[SourceSentence]:
        """A sentence; of one that is too long, its first part or all its parts."""
        source = self._source(text)
        size = len(source.ids)
        if self._limit is None or size <= self._limit:
            return [source]
        if self._on_overflow == "error" or len(text) < 2:
            raise InputError(
                f"a sentence has {size:,} tokens, the model takes {self._limit:,}: shorten it, or "
                "choose another `on_overflow`"
            )
        first, second = halves(text)
        if self._on_overflow == "truncate":
            return self._fitted(first)[:1]
        return [*self._fitted(first), *self._fitted(second)]

    def run(self, units: Sequence[SourceSentence]) -> list[list[Hypothesis]]:
        """The best hypotheses for each sentence."""
        request = Request(
            [self._start] * len(units),
            [unit.limit for unit in units],
            self._ends,
            sources=[unit.ids for unit in units],
            rules=self.rules,
        )
        return self._loaded.engine.search(request, self.decoding)

    def finish(self, job: SourceText, outputs: Sequence[list[Hypothesis]]) -> list[Translation]:
        """Put the sentences of a text together again, `num_return_sequences` times."""
        return [
            self._translation(job, index, chosen)
            for index, chosen in enumerate(_best(outputs, self._options.num_return_sequences))
        ]

    def _translation(
        self, job: SourceText, index: int, chosen: Sequence[Hypothesis]
    ) -> Translation:
        sentences = tuple(
            Sentence(unit.text, self._decode(hypothesis), hypothesis.score, hypothesis.ended)
            for unit, hypothesis in zip(job.units, chosen, strict=True)
        )
        scores = [sentence.score for sentence in sentences]
        written = put_together(
            job.layout,
            [sentence.translation for sentence in sentences],
            spaced=not is_unspaced(self._direction.target),
        )
        return Translation(
            row=job.row,
            text=job.row.text,
            translation=written,
            index=index,
            score=sum(scores) / len(scores) if scores else None,
            from_lang=self._direction.source,
            to_lang=self._direction.target,
            sentences=sentences,
            overflow=job.overflow,
        )

    def _decode(self, hypothesis: Hypothesis) -> str:
        text: str = self._loaded.tokenizer.decode(list(hypothesis.tokens), skip_special_tokens=True)
        return (text if hypothesis.ended else without_broken_end(text)).strip()


def _best(outputs: Sequence[list[Hypothesis]], count: int) -> list[list[Hypothesis]]:
    """The `count` best choices of a hypothesis for each sentence, by the sum of their scores."""
    choices: list[tuple[float, list[Hypothesis]]] = [(0.0, [])]
    for hypotheses in outputs:
        longer = [
            (total + hypothesis.score, [*chosen, hypothesis])
            for total, chosen in choices
            for hypothesis in hypotheses
        ]
        choices = sorted(longer, key=lambda choice: choice[0], reverse=True)[:count]
    return [chosen for _, chosen in choices]


def most_new_tokens(loaded: Loaded) -> int | None:
    """How many tokens a translation by this model can have; None if it sets no limit."""
    return None if loaded.context is None else loaded.context - len(decoder_start(loaded))


def _max_new_tokens(loaded: Loaded, options: TranslateOptions, start: int) -> int:
    """How many tokens a translation may have after its first `start`.

    Raises UsageError where the user asks for more than the model has positions, if `strict`.
    """
    room = most_new_tokens(loaded)
    if options.max_new_tokens:
        if room is None or options.max_new_tokens <= room:
            return options.max_new_tokens
        if options.strict:
            raise UsageError(
                f"`max_new_tokens` {options.max_new_tokens} is more than the {room} that "
                f"{loaded.checkpoint.model_id} can write"
            )
        return room
    config = loaded.generation_config
    if config.max_new_tokens:
        limit = int(config.max_new_tokens)
    elif config.max_length and config.max_length > start:
        limit = int(config.max_length) - start
    else:
        limit = min(MOST_NEW_TOKENS, loaded.context or MOST_NEW_TOKENS) - start
    return limit if room is None else min(limit, room)


def _either(asked: int | None, own: int | None) -> int:
    """The user's value, else the checkpoint's, else 0."""
    return (own or 0) if asked is None else asked


def with_tags(options: TranslateOptions) -> TranslateOptions:
    """The settings with both languages as tags: `fr` for French, 法语 or fra.

    Raises UsageError for a language that is not known.
    """
    return replace(
        options,
        from_lang=None if options.from_lang is None else find_language(options.from_lang),
        to_lang=None if options.to_lang is None else find_language(options.to_lang),
    )
