"""Step 1: a text is cut into tokens, each of which has a number."""

from dataclasses import dataclass

from llmcli.data.results import Described
from llmcli.interpretability.reading import Token
from llmcli.interpretability.study import Study
from llmcli.interpretability.tour.blocks import Block, Question, Table, Text, listed, titles
from llmcli.interpretability.tour.command_lines import command_line
from llmcli.interpretability.tour.course import Course
from llmcli.interpretability.tour.step import TourStep
from llmcli.models.starters import TRANSLATOR

MOST = 24  # rows of a table


@dataclass(frozen=True, slots=True)
class Piece(Described):
    """A stretch of the text with the tokens that spell it."""

    text: str
    """Of one token, or the character that several tokens spell in bytes."""
    tokens: tuple[str, ...]
    """Readable names."""
    ids: tuple[int, ...]
    """Their ids in the vocabulary."""


@dataclass(frozen=True, slots=True)
class Tokens(Described):
    """The tokens of the sentence."""

    text: str
    """The sentence, as it was given."""
    characters: int
    """Of the sentence."""
    pieces: tuple[Piece, ...]
    """Its tokens, by the stretch of text that they spell."""
    count: int
    """The number of its tokens."""
    vocabulary: int
    """The number of tokens that the model knows."""
    unknown: float | None
    """The share of the sentence that the model cannot read, where it is most of it."""
    translation: str | None
    """The starter's translation of a sentence that the model cannot read."""
    translated: tuple[Piece, ...]
    """Its tokens."""


def build(course: Course) -> Tokens:
    """Tokenize the sentence, and its translation if the model needs one."""
    own = pieces(course.own)
    return Tokens(
        text=course.text,
        characters=len(course.text),
        pieces=own,
        count=sum(len(piece.ids) for piece in own),
        vocabulary=len(course.subject.tokenizer),
        unknown=course.unknown,
        translation=course.translation,
        translated=() if course.translation is None else pieces(course.study),
    )


def pieces(study: Study) -> tuple[Piece, ...]:
    """The tokens of a text; those that spell parts of the same character stand together."""
    groups: list[list[Token]] = []
    end = -1
    for token in study.side.tokens:
        if token.start is not None and token.start < end and groups:
            groups[-1].append(token)
        else:
            groups.append([token])
        end = max(end, token.end or -1)
    return tuple(_piece(study.side.text, group) for group in groups)


def _piece(text: str, group: list[Token]) -> Piece:
    names = tuple(token.name for token in group)
    start, end = group[0].start, group[-1].end
    own = "".join(names) if start is None or len(group) == 1 else text[start:end]
    return Piece(own, names, tuple(token.id for token in group))


def step(course: Course) -> TourStep:
    """The step with its texts."""
    numbers = build(course)
    comparison = _comparison(numbers.count, numbers.characters)
    values = {
        "text": numbers.text,
        "model": course.model_id,
        "characters": str(numbers.characters),
        "tokens": str(numbers.count),
        "vocabulary": f"{numbers.vocabulary:,}",
        "share": f"{numbers.unknown or 0:.0%}",
        "translation": numbers.translation or "",
        "translator": TRANSLATOR,
        "count": str(sum(len(piece.ids) for piece in numbers.translated)),
    }
    question = Question(
        Text("tokens_question"),
        Text(f"tokens_{comparison}"),
        (Text(f"guess_{comparison}"),),
    )
    return TourStep(
        "tokens",
        before=(Text("tokens_intro"), Text("tokens_sentence", kind="quote")),
        question=question,
        after=(_table(numbers.pieces), *_reading(numbers)),
        commands=(command_line("tokenize", course.text, course),),
        numbers=numbers,
        values=values,
    )


def _comparison(tokens: int, characters: int) -> str:
    if tokens == characters:
        return "equal"
    return "more" if tokens > characters else "fewer"


def _reading(numbers: Tokens) -> tuple[Block, ...]:
    """What is said of a text that the model reads, or does not."""
    if numbers.unknown is None:
        return (Text("tokens_why"),)
    return (
        Text("tokens_unread", kind="warning"),
        Text("tokens_translated"),
        Text("tokens_translation", kind="quote"),
        _table(numbers.translated),
        Text("tokens_why"),
    )


def _table(pieces: tuple[Piece, ...]) -> Table:
    """The pieces with their tokens and ids; where each is one token, the tokens alone."""
    rows = [(piece.text, listed(piece.tokens), " ".join(map(str, piece.ids))) for piece in pieces]
    shown = [*rows[:MOST], *[("…", "…", "")] * (len(rows) > MOST)]
    if all(len(piece.ids) == 1 for piece in pieces):
        return Table(titles("column_token", "column_id"), tuple(row[1:] for row in shown))
    return Table(titles("column_text", "column_tokens", "column_ids"), tuple(shown), left=2)
