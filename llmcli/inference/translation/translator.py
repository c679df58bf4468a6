"""Translation sentence by sentence, which keeps the layout of the text."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from llmcli.data.rows import Failure, Row
from llmcli.data.storable import storable
from llmcli.decoding.generation_config import Rules, read_rules
from llmcli.decoding.request import Request
from llmcli.decoding.steps import Hypothesis
from llmcli.engines.base import Loaded, decoder_start, end_tokens
from llmcli.errors import UsageError
from llmcli.inference.translation.capitals import upper_case
from llmcli.inference.translation.directions import Direction
from llmcli.inference.translation.kept import has_all_exact, with_number
from llmcli.inference.translation.languages import base, find_language, is_unspaced
from llmcli.inference.translation.layout import Piece, put_together
from llmcli.inference.translation.pairs import PIVOT, Route, route
from llmcli.inference.translation.results import Sentence, Translation
from llmcli.inference.translation.runaway import CUT_NOTES, Cut, before_repetition
from llmcli.inference.translation.source_texts import (
    SourceReader,
    SourceSentence,
    SourceText,
    encode,
    through_english_note,
)
from llmcli.spec import Decoding, Overflow
from llmcli.spec.tasks import TranslateOptions
from llmcli.tokenization.text_stream import without_broken_end

MOST_NEW_TOKENS = 512  # unless the user or the checkpoint sets a limit
EXACT_KEPT = "numbers and signs that the model changed are put back"

END_MARKS = (".", "!", "?", "。", "！", "？", "…")
CAPITAL_NOUNS = ("de", "lb")  # languages in which a word in a sentence may begin with a capital


@storable
@dataclass(frozen=True, slots=True)
class Choice:
    """A possible translation of a sentence."""

    text: str
    score: float
    cut: Cut | None
    """Why it is not complete; None if it is."""
    note: str = ""


def route_of(loaded: Loaded, options: TranslateOptions) -> Route:
    """The way between the languages of `options`, which are tags such as `fr`.

    Raises ModelUnsuitable where the model does not know a language or a pair, UsageError where it
    needs a language that is not given.
    """
    configs = (loaded.config, loaded.generation_config)
    name = loaded.checkpoint.model_id
    return route(name, loaded.tokenizer, configs, options.from_lang, options.to_lang)


def decoding_of(loaded: Loaded, options: TranslateOptions) -> tuple[Decoding, Rules]:
    """How a model generates translations, for the choice of an engine."""
    translator = Translator(loaded, options, "error")
    return translator.decoding, translator.rules


class Translator:
    """Translates rows.

    options: with language tags, as `find_language` gives them. Raises as `route_of` does.
    """

    window_rows = 512
    budget = 8192  # tokens of sources and translations, times beams, for each stream
    needs_text = False
    copies = 1

    def __init__(self, loaded: Loaded, options: TranslateOptions, on_overflow: Overflow) -> None:
        config = loaded.generation_config
        self._loaded, self._options = loaded, options
        self.budget *= loaded.engine.streams
        self.route = way = route_of(loaded, options)
        self._reader = SourceReader(loaded, options, way, on_overflow)
        self._ends = end_tokens(loaded)
        self._start = self._start_of(way.direction)
        self.rules = self._rules_of(way.direction)
        beams = max(options.num_beams or config.num_beams or 1, options.num_return_sequences)
        self.decoding = Decoding(
            num_beams=beams,
            num_return_sequences=options.num_return_sequences,
            repetition_penalty=options.repetition_penalty or config.repetition_penalty or 1.0,
            no_repeat_ngram_size=_either(options.no_repeat_ngram_size, config.no_repeat_ngram_size),
        )
        self._max_new_tokens = max_new_tokens(loaded, options, len(self._start))

    def _start_of(self, direction: Direction) -> list[int]:
        return decoder_start(self._loaded) if direction.start is None else [direction.start]

    def _rules_of(self, direction: Direction) -> Rules:
        return read_rules(
            self._loaded.generation_config,
            self._ends,
            forced_first=direction.forced_first,
            length_penalty=self._options.length_penalty,
        )

    def prepare(self, rows: Sequence[Row]) -> list[SourceText | Failure]:
        """Cut texts into sentences that fit into the model, and tokenize them."""
        beams = self.decoding.beams
        return [self._reader.read(row, self._max_new_tokens, beams) for row in rows]

    def run(self, units: Sequence[SourceSentence]) -> list[list[Choice]]:
        """The best translations of each sentence.

        One without the numbers and signs of its sentence is made again, of the parts around them.
        """
        outputs = [
            choices if has_all_exact(unit.text, choices[0].text) else _with_number(unit, choices)
            for unit, choices in zip(units, self._translated(units), strict=True)
        ]
        lacking = [
            at
            for at, (unit, choices) in enumerate(zip(units, outputs, strict=True))
            if not has_all_exact(unit.text, choices[0].text)
        ]
        split = [self._reader.around_exact(units[at]) for at in lacking]
        translated = iter(self._translated([part for _, parts in split for part in parts]))
        for at, (layout, parts) in zip(lacking, split, strict=True):
            if parts:
                outputs[at] = self._joined(layout, [next(translated) for _ in parts])
        return outputs

    def _joined(self, layout: list[Piece], parts: list[list[Choice]]) -> list[Choice]:
        """The best translations of a sentence, of those of its parts."""
        return [
            Choice(
                put_together(layout, [part.text for part in chosen], spaced=self._is_spaced),
                sum(part.score for part in chosen) / len(chosen),
                next((part.cut for part in chosen if part.cut is not None), None),
                EXACT_KEPT,
            )
            for chosen in _best(parts, self._options.num_return_sequences)
        ]

    def _translated(self, units: Sequence[SourceSentence]) -> list[list[Choice]]:
        """The best translations of each sentence, through English where it needs that."""
        if not units:
            return []
        sources = [unit.ids for unit in units]
        before: dict[int, Cut] = {}  # the sentences whose translation into English was cut
        first = self.route.first
        through = [at for at, unit in enumerate(units) if unit.through_english]
        if first is not None and through:
            english = self._search([units[at] for at in through], first)
            for at, hypotheses in zip(through, english, strict=True):
                ids, cut = self._ended(units[at], sources[at], hypotheses[0])
                sources[at] = encode(self._loaded, self.route.direction, self._decode(ids, cut))
                if cut is not None:
                    before[at] = cut
        read = [replace(unit, ids=ids) for unit, ids in zip(units, sources, strict=True)]
        outputs = self._search(read, self.route.direction)
        return [
            [self._choice(unit, hypothesis, before.get(at)) for hypothesis in hypotheses]
            for at, (unit, hypotheses) in enumerate(zip(read, outputs, strict=True))
        ]

    def _search(
        self, units: Sequence[SourceSentence], direction: Direction
    ) -> list[list[Hypothesis]]:
        request = Request(
            [self._start_of(direction)] * len(units),
            [self._reader.limit(unit, len(unit.ids)) for unit in units],
            self._ends,
            sources=[unit.ids for unit in units],
            rules=self._rules_of(direction),
        )
        return self._loaded.engine.search(request, self.decoding)

    def _ended(
        self, unit: SourceSentence, source: list[int], hypothesis: Hypothesis
    ) -> tuple[tuple[int, ...], Cut | None]:
        """The tokens of a hypothesis that are kept, and why it is not complete."""
        tokens = hypothesis.tokens
        if hypothesis.ended:
            return tokens, None
        is_bounded = self._reader.limit(unit, len(source)) < unit.most
        kept = before_repetition(tokens)
        if kept < len(tokens):  # at a limit of the user's or the model's, the text stays as it is
            return tokens[:kept] if is_bounded else tokens, "repetition"
        return tokens, "runaway" if is_bounded else "length"

    def _choice(self, unit: SourceSentence, hypothesis: Hypothesis, before: Cut | None) -> Choice:
        """before: why its English is not complete."""
        tokens, cut = self._ended(unit, unit.ids, hypothesis)
        text = self.route.variant.of(self._decode(tokens, cut))
        if unit.is_part:
            text = _as_part(unit.text, text, self.route.direction.target)
        if unit.is_capital:
            text = upper_case(text, self.route.direction.target)
        return Choice(text, hypothesis.score, before or cut)

    @property
    def _is_spaced(self) -> bool:
        return not is_unspaced(self.route.direction.target)

    def finish(self, job: SourceText, outputs: Sequence[list[Choice]]) -> list[Translation]:
        """Put the sentences of a text together again, `num_return_sequences` times."""
        return [
            self._translation(job, index, chosen)
            for index, chosen in enumerate(_best(outputs, self._options.num_return_sequences))
        ]

    def _translation(self, job: SourceText, index: int, chosen: Sequence[Choice]) -> Translation:
        sentences = tuple(
            Sentence(unit.text, choice.text, choice.score, choice.cut is None, choice.cut)
            for unit, choice in zip(job.units, chosen, strict=True)
        )
        scores = [sentence.score for sentence in sentences]
        written = put_together(
            job.layout,
            [sentence.translation for sentence in sentences],
            spaced=self._is_spaced,
        )
        through = (
            (through_english_note(job.language, self.route.direction.target),)
            if job.through_english
            else ()
        )
        cuts = (CUT_NOTES[choice.cut] for choice in chosen if choice.cut is not None)
        notes = (*through, *job.notes, *(choice.note for choice in chosen if choice.note), *cuts)
        return Translation(
            row=job.row,
            text=job.row.text,
            translation=written,
            index=index,
            score=sum(scores) / len(scores) if scores else None,
            from_lang=job.language,
            to_lang=self.route.direction.target,
            via=PIVOT if job.through_english else None,
            sentences=sentences,
            complete=all(sentence.complete for sentence in sentences),
            overflow=job.overflow,
            notes=tuple(dict.fromkeys(notes)),
        )

    def _decode(self, tokens: Sequence[int], cut: Cut | None) -> str:
        text: str = self._loaded.tokenizer.decode(list(tokens), skip_special_tokens=True)
        return (text if cut is None else without_broken_end(text)).strip()


def _with_number(unit: SourceSentence, choices: list[Choice]) -> list[Choice]:
    """Translations with the only number of their sentence, if that makes all of them right."""
    texts = [with_number(unit.text, choice.text) for choice in choices]
    if None in texts:
        return choices
    return [
        replace(choice, text=str(text), note=EXACT_KEPT)
        for choice, text in zip(choices, texts, strict=True)
    ]


def _as_part(source: str, translation: str, target: str | None) -> str:
    """The translation of a part of a sentence, without the marks of a whole sentence.

    The full stop and the capital letter are left out that the part does not have.

    >>> _as_part("because you came", "Parce que tu es venu.", "fr")
    'parce que tu es venu'
    """
    if not source.endswith(END_MARKS):
        translation = translation.rstrip("".join(END_MARKS)).rstrip()
    has_capitals = (
        target is None or base(target) in CAPITAL_NOUNS or translation[:2] in ("I ", "I'")
    )
    is_word = translation[1:2].islower() or translation[1:2] in ("'", "’")
    if source[0].islower() and not has_capitals and is_word:
        translation = translation[0].lower() + translation[1:]
    return translation


def _best(outputs: Sequence[list[Choice]], count: int) -> list[list[Choice]]:
    """The `count` best ways to choose a translation for each sentence, by the sum of the scores."""
    ways: list[tuple[float, list[Choice]]] = [(0.0, [])]
    for choices in outputs:
        longer = [
            (total + choice.score, [*chosen, choice])
            for total, chosen in ways
            for choice in choices
        ]
        ways = sorted(longer, key=lambda way: way[0], reverse=True)[:count]
    return [chosen for _, chosen in ways]


def most_new_tokens(loaded: Loaded) -> int | None:
    """How many tokens a translation by this model can have; None if it sets no limit."""
    return None if loaded.context is None else loaded.context - len(decoder_start(loaded))


def max_new_tokens(loaded: Loaded, options: TranslateOptions, start: int) -> int:
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
