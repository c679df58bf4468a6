"""Tags of tokens by a trained head, joined to words and entities."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from llmcli.arrays import Floats, Integers, require_finite, softmax
from llmcli.data.records import Record
from llmcli.data.results import Result, record_of
from llmcli.data.rows import Failure, Row
from llmcli.engines.base import Loaded
from llmcli.errors import InputError, ModelUnsuitable, UsageError
from llmcli.inference.batches import Job
from llmcli.inference.classification import class_logits, label_names
from llmcli.inference.encoding import Fitting, Offsets, Window, encode_rows, input_limit, pad_token
from llmcli.inference.tag_schemes import OUTSIDE, Scheme, entity_spans, scheme_of
from llmcli.inference.words import Words, given_words, named, running_words, words_of_tokens
from llmcli.spec import Overflow
from llmcli.spec.tasks import TagOptions

OVERLAP = 128  # tokens that two windows of a long text share


@dataclass(frozen=True, slots=True)
class Entity:
    """A part of a text with its label."""

    text: str
    """The characters from `start` to `end`."""
    label: str
    """Its type, such as PER; with `aggregation` none, the whole tag of a token, such as B-PER."""
    score: float
    """Probability of its tag; of several words or tokens, the mean of theirs."""
    start: int
    """Where it begins in the text, in characters."""
    end: int
    """Where it ends."""


@dataclass(frozen=True, slots=True)
class Tagged(Result):
    """The entities of one text."""

    text: str
    """The text that was tagged; words that were given as a list, with spaces between them."""
    entities: tuple[Entity, ...]
    """In the order of the text; what is tagged O is left out."""
    predicted_tags: tuple[str, ...] | None
    """The tag of each word; only with `words`."""
    overflow: Overflow | None
    """How a text that was too long was handled; None if it was not."""

    def to_dict(self) -> Record:
        """The result as JSON has it; without `words`, without `predicted_tags`."""
        return record_of(self, without=("predicted_tags",) if self.predicted_tags is None else ())


@dataclass(frozen=True, slots=True)
class Token:
    """A token of a text with the probability of each label."""

    id: int
    start: int
    end: int
    scores: Floats
    """(L,)"""


@dataclass(frozen=True, slots=True)
class Item:
    """A token or a word with its tag."""

    tag: str
    score: float
    start: int
    end: int


class TokenTagger:
    """Tags rows with a model that scores the labels of each token.

    Raises ModelUnsuitable for a tokenizer without character offsets, UsageError for `words` with
    another aggregation than that of words.
    """

    window_rows = 1024
    budget = 4096  # tokens of a batch, padding included
    needs_text = True
    copies = 1

    def __init__(self, loaded: Loaded, options: TagOptions, on_overflow: Overflow) -> None:
        if not loaded.tokenizer.is_fast:
            raise ModelUnsuitable(
                f"{loaded.checkpoint.model_id} has a tokenizer that gives no character offsets: "
                "entities could not be located in the text"
            )
        if options.words and options.aggregation != "word":
            raise UsageError(
                f"`words` have a tag each: leave out `aggregation`={options.aggregation}"
            )
        self._loaded, self._options = loaded, options
        self._pad = pad_token(loaded)
        self._fitting = Fitting(input_limit(loaded), on_overflow, overlap=OVERLAP)
        self._names = label_names(loaded)
        self._scheme = scheme_of(set(self._names))
        self._marks = marks_continuations(loaded.tokenizer)

    def prepare(self, rows: Sequence[Row]) -> list[Job[Window] | Failure]:
        """Tokenize the texts of rows, each in as many windows as it needs."""
        texts = [row.text for row in rows]
        return encode_rows(self._loaded.tokenizer, rows, texts, self._fitting)

    def run(self, units: Sequence[Window]) -> list[Floats]:
        """Probabilities (n, L) of the labels of each window's own tokens."""
        scores = softmax(class_logits(self._loaded, units, self._pad))  # (B, T, L)
        return [scores[at, unit.content.start : unit.content.stop] for at, unit in enumerate(units)]

    def finish(self, job: Job[Window], outputs: Sequence[Floats]) -> list[Tagged]:
        """The entities of a row, whose tokens count where they have the most context."""
        for scores in outputs:
            require_finite(scores)
        tokens, text = merged(job.units, outputs), job.row.text
        if not self._options.words:
            items = self._items(text, tokens)
            return [Tagged(job.row, text, self._entities(text, items), None, job.overflow)]
        words = words_in(job.row)
        tagged = self._word_items(words, tokens)
        tags = self._tags(words, tagged, is_cut=job.overflow == "truncate")
        entities = self._entities(text, [item for item in tagged if item is not None])
        notes = tuple(
            f"word {at + 1}, {named(words[at])}, has no token that the model reads: tagged O"
            for at, item in enumerate(tagged)
            if item is None
        )
        return [Tagged(job.row, text, entities, tags, job.overflow, notes=notes)]

    def _items(self, text: str, tokens: Sequence[Token]) -> list[Item]:
        """The tokens or words of a running text with their tags, as `aggregation` says."""
        aggregation = self._options.aggregation
        if aggregation == "word":
            items = self._word_items(running_words(text), tokens)
            return [item for item in items if item is not None]
        if aggregation in ("none", "simple"):
            return [self._item(token.scores, token.start, token.end) for token in tokens]
        groups: list[list[Token]] = []
        for token in tokens:
            if groups and self._continues(text, token):
                groups[-1].append(token)
            else:
                groups.append([token])
        return [self._group_item(group) for group in groups]

    def _group_item(self, group: Sequence[Token]) -> Item:
        """The tag of a word as the pipeline of transformers chooses it."""
        scores = group[0].scores
        if self._options.aggregation == "max":
            scores = max((token.scores for token in group), key=lambda scores: scores.max())
        elif self._options.aggregation == "average":
            scores = np.mean([token.scores for token in group], axis=0)
        return self._item(scores, group[0].start, group[-1].end)

    def _continues(self, text: str, token: Token) -> bool:
        """Whether a token continues a word, as the pipeline of transformers judges it."""
        if token.id == self._loaded.tokenizer.unk_token_id:
            return False
        if self._marks:
            piece = self._loaded.tokenizer.convert_ids_to_tokens(token.id)
            return len(piece) != token.end - token.start
        return token.start > 0 and " " not in text[token.start - 1 : token.start + 1]

    def _word_items(self, words: Words, tokens: Sequence[Token]) -> list[Item | None]:
        """Each word with the tag of its first token; None for a word without tokens."""
        items: list[Item | None] = [None] * len(words)
        numbers = words_of_tokens(words, [(token.start, token.end) for token in tokens])
        for number, token in zip(numbers, tokens, strict=True):
            if number is None:
                continue
            start, end = words.spans[number]
            item = items[number]
            if item is None:
                items[number] = self._item(token.scores, start, max(end, token.end))
            elif token.end > item.end:  # its last token reaches into the next word
                items[number] = Item(item.tag, item.score, item.start, token.end)
        return items

    def _tags(self, words: Words, items: Sequence[Item | None], *, is_cut: bool) -> tuple[str, ...]:
        """The tag of each given word; O for one without tokens, of which the model sees nothing.

        is_cut: the model did not read the end of the text. Raises InputError for a word that has
        no tag then, or where O is no label.
        """
        tags = []
        for at, item in enumerate(items):
            if item is None and (is_cut or OUTSIDE not in self._names):
                cure = "choose another `on_overflow`" if is_cut else "leave it out"
                raise InputError(
                    f"word {at + 1}, {named(words[at])}, has no token that the model reads: {cure}"
                )
            tags.append(OUTSIDE if item is None else item.tag)
        return tuple(tags)

    def _item(self, scores: Floats, start: int, end: int) -> Item:
        best = int(scores.argmax())
        return Item(self._names[best], float(scores[best]), start, end)

    def _entities(self, text: str, items: Sequence[Item]) -> tuple[Entity, ...]:
        """Join the items of an entity; with `aggregation` none, each is one."""
        tags = [item.tag for item in items]
        if self._options.aggregation == "none":
            spans = [(tag, at, at + 1) for at, tag in enumerate(tags)]
        else:
            spans = entity_spans(tags, self._grouping())
        entities = []
        for label, first, stop in spans:
            part = items[first:stop]
            score = float(np.mean([item.score for item in part], dtype=np.float32))
            start, end = part[0].start, max(item.end for item in part)
            entities.append(Entity(text[start:end], label, score, start, end))
        return tuple(entity for entity in entities if entity.label != OUTSIDE)

    def _grouping(self) -> Scheme:
        """The scheme by which items are joined; transformers joins equal bare tags always."""
        if self._options.aggregation != "word" and not self._scheme.marks_entities:
            return Scheme("IO")
        return self._scheme


def marks_continuations(tokenizer: Any) -> bool:
    """Whether a vocabulary marks tokens that continue a word, as `##` of WordPiece does."""
    backend = getattr(tokenizer, "backend_tokenizer", None)
    return bool(getattr(getattr(backend, "model", None), "continuing_subword_prefix", None))


def words_in(row: Row) -> Words:
    """The words of a row that were given as a list, or with spaces between them."""
    value = row.fields.get(row.columns[0]) if row.columns else None
    words = given_words(row.text if value is None else value)
    return given_words(row.text) or Words("", ()) if words is None else words


def merged(windows: Sequence[Window], outputs: Sequence[Floats]) -> list[Token]:
    """The tokens of a text, each from the window where it is farthest from a cut.

    outputs: scores (n, L) of each window's tokens. So an entity is never cut in two.
    Source: the "maximum context" of Devlin et al. 2019, in their code for SQuAD.
    """
    size = max(window.start + len(window.content) for window in windows)
    best: Integers = np.full(size, -1)
    tokens: list[Token | None] = [None] * size
    for window, scores in zip(windows, outputs, strict=True):
        count = len(window.content)
        left = np.arange(count) if window.start else np.full(count, size)
        ends = window.start + count == size
        right = np.full(count, size) if ends else np.arange(count)[::-1]
        ids = window.ids[window.content.start : window.content.stop]
        offsets: Offsets = window.offsets
        for at, room in enumerate(np.minimum(left, right).tolist()):
            place = window.start + at
            if room > best[place]:
                best[place] = room
                tokens[place] = Token(ids[at], *offsets[at], scores[at])
    return [token for token in tokens if token is not None]
