"""Texts in another language, sentence by sentence, with their layout."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from llmcli.data.rows import Failure, Row
from llmcli.decoding.generation_config import read_rules
from llmcli.decoding.steps import Hypothesis
from llmcli.engines.base import Loaded, Request, decoder_start, end_tokens
from llmcli.errors import InputError, UsageError
from llmcli.inference.batches import process
from llmcli.inference.encoding import input_limit
from llmcli.inference.sentences import halves
from llmcli.inference.translation.directions import Direction, find_direction
from llmcli.inference.translation.languages import base, is_unspaced
from llmcli.inference.translation.layout import Piece, pieces, put_together
from llmcli.spec import AUTO_BATCH, BatchOptions, Decoding, Overflow
from llmcli.spec.tasks import TranslateOptions

MOST_NEW_TOKENS = 512  # where neither the user nor the checkpoint says


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence, and what became of it."""

    source: str
    translation: str
    score: float
    """Log-probability in nats, by the number of tokens to the length penalty."""
    complete: bool
    """It came to its end before the most tokens that are allowed."""


@dataclass(frozen=True, slots=True)
class Translation:
    """One translation of one text."""

    row: Row
    text: str
    translation: str
    index: int
    """Which of the translations of this text, from 0, the best first."""
    score: float | None
    """Mean of the sentences' scores; None where nothing was to be translated."""
    from_lang: str | None
    to_lang: str | None
    sentences: tuple[Sentence, ...]
    overflow: Overflow | None


def translate(
    loaded: Loaded, rows: Iterable[Row], options: TranslateOptions, batch: BatchOptions = AUTO_BATCH
) -> Iterator[Translation | Failure]:
    """Yield the translations of each row in order, `num_return_sequences` a row.

    options: its languages are tags, as `find_language` gives them.
    Raises ModelUnsuitable where the model does not know a language, UsageError where it needs
    to be told one.
    """
    work = _Work(loaded, options, _direction(loaded, options), batch.on_overflow)
    yield from process(work, rows, batch)


def _direction(loaded: Loaded, options: TranslateOptions) -> Direction:
    name = loaded.checkpoint.model_id
    return find_direction(name, loaded.tokenizer, loaded.config, options.from_lang, options.to_lang)


def torch_alone(loaded: Loaded, options: TranslateOptions) -> str | None:
    """What the ct2 engine cannot do here, in a few words; None: nothing."""
    work = _Work(loaded, options, _direction(loaded, options), "error")
    rules, decoding = work.rules, work.decoding
    asked = {
        "it knows another repetition penalty": decoding.repetition_penalty != 1.0,
        "it does not begin as this model's translations do": rules.forced_first is not None,
        "it does not know rules for the first tokens": bool(rules.banned_first),
        "it does not know a least length": rules.min_new_tokens > 0,
    }
    return next((words for words, is_asked in asked.items() if is_asked), None)


@dataclass(frozen=True, slots=True)
class _Source:
    """One sentence as the encoder gets it."""

    text: str
    ids: list[int]
    limit: int
    beams: int

    @property
    def size(self) -> int:
        return (len(self.ids) * 2) * self.beams  # a translation is about as long


@dataclass(frozen=True, slots=True)
class _Job:
    row: Row
    units: list[_Source]
    layout: list[Piece]
    overflow: Overflow | None


class _Work:
    """What `process` needs to know of this task."""

    window_rows = 256
    budget = 8192  # tokens of sources and translations, times beams
    needs_text = False
    copies = 1

    def __init__(
        self, loaded: Loaded, options: TranslateOptions, direction: Direction, on_overflow: Overflow
    ) -> None:
        config = loaded.generation
        self._loaded, self._spec, self._direction, self._how = (
            loaded,
            options,
            direction,
            on_overflow,
        )
        self._limit = input_limit(loaded)
        self._ends = end_tokens(loaded)
        own = decoder_start(loaded)
        self._start = own if direction.start is None else [direction.start]
        self.rules = read_rules(
            loaded.generation,
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
        self._most = options.max_new_tokens or _most_new_tokens(loaded, len(self._start))
        room = None if loaded.context is None else loaded.context - len(self._start)
        if room is not None and self._most > room:
            if options.max_new_tokens:
                raise UsageError(
                    f"-n {options.max_new_tokens} is more than the {room} that "
                    f"{loaded.checkpoint.model_id} can write"
                )
            self._most = room
        if direction.source_code is not None:
            loaded.tokenizer.src_lang = direction.source_code

    def prepare(self, rows: Sequence[Row]) -> list[_Job | Failure]:
        return [self._prepare(row) for row in rows]

    def _prepare(self, row: Row) -> _Job | Failure:
        if not row.text.strip() and row.fields:  # a blank line of a text is one of its lines
            return Failure(row, InputError("the text is empty"))
        language = base(self._direction.source or "en")
        layout: list[Piece] = []
        units: list[_Source] = []
        overflow: Overflow | None = None
        try:
            for piece in pieces(row.text, language, split=self._spec.split_sentences):
                if not piece.is_sentence:
                    layout.append(piece)
                    continue
                parts = self._fitted(piece.text)
                if [part.text for part in parts] != [piece.text]:
                    overflow = self._how
                layout += [Piece(part.text, True) for part in parts]
                units += parts
        except InputError as error:
            return Failure(row, error)
        return _Job(row, units, layout, overflow)

    def _source(self, text: str) -> _Source:
        return _Source(text, self._ids(text), self._most, self.decoding.num_beams)

    def _ids(self, text: str) -> list[int]:
        text = self._direction.prefix + text
        ids: list[int] = self._loaded.tokenizer(text, verbose=False)["input_ids"]
        return ids

    def _fitted(self, text: str) -> list[_Source]:
        """A sentence, or what is made of one that is too long."""
        source = self._source(text)
        size = len(source.ids)
        if self._limit is None or size <= self._limit:
            return [source]
        if self._how == "error" or len(text) < 2:
            raise InputError(
                f"a sentence has {size:,} tokens, the model takes {self._limit:,}: shorten it, or "
                "see --on-overflow"
            )
        first, second = halves(text)
        if self._how == "truncate":
            return self._fitted(first)[:1]
        return [*self._fitted(first), *self._fitted(second)]

    def run(self, units: Sequence[_Source]) -> list[list[Hypothesis]]:
        """The best hypotheses for each sentence."""
        request = Request(
            [self._start] * len(units),
            [unit.limit for unit in units],
            self._ends,
            sources=[unit.ids for unit in units],
            rules=self.rules,
        )
        return self._loaded.engine.search(request, self.decoding)

    def finish(self, job: _Job, outputs: Sequence[list[Hypothesis]]) -> list[Translation]:
        return [
            self._translation(job, index, chosen)
            for index, chosen in enumerate(_best(outputs, self._spec.num_return_sequences))
        ]

    def _translation(self, job: _Job, index: int, chosen: Sequence[Hypothesis]) -> Translation:
        sentences = tuple(
            Sentence(unit.text, self._decode(one), one.score, one.ended)
            for unit, one in zip(job.units, chosen, strict=True)
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

    def _decode(self, found: Hypothesis) -> str:
        text: str = self._loaded.tokenizer.decode(list(found.tokens), skip_special_tokens=True)
        return text.strip()


def _best(outputs: Sequence[list[Hypothesis]], count: int) -> list[list[Hypothesis]]:
    """The best ways, by the sum of scores, to choose a hypothesis for each sentence."""
    ways: list[tuple[float, list[Hypothesis]]] = [(0.0, [])]
    for hypotheses in outputs:
        longer = [(score + one.score, [*way, one]) for score, way in ways for one in hypotheses]
        ways = sorted(longer, key=lambda way: way[0], reverse=True)[:count]
    return [way for _, way in ways]


def _most_new_tokens(loaded: Loaded, start: int) -> int:
    config = loaded.generation
    if config.max_new_tokens:
        return int(config.max_new_tokens)
    if config.max_length and config.max_length > start:
        return int(config.max_length) - start
    return min(MOST_NEW_TOKENS, loaded.context or MOST_NEW_TOKENS) - start


def _either(told: int | None, own: int | None) -> int:
    return (own or 0) if told is None else told
