"""Questions with their contexts and known answers: SQuAD's JSON, or a question a row."""

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from llmcli.data.formats import input_format
from llmcli.data.readers import read_rows
from llmcli.data.readers.base import AS_WRITTEN
from llmcli.data.rows import Row
from llmcli.data.text_files import open_text, read_text, start_of
from llmcli.errors import InputError
from llmcli.spec import FileOptions

Object = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Answer:
    """One correct answer."""

    text: str
    start: int | None
    """Where it begins in the context, in characters; None if the file does not say."""

    def is_in(self, context: str) -> bool:
        """True if the context has exactly this text at `start`."""
        return self.start is not None and context.startswith(self.text, self.start)

    def place_in(self, context: str) -> int | None:
        """Where the context has this text, in characters; None if nowhere.

        At `start`, in characters, in UTF-16 units (JavaScript, Java) or in UTF-8 bytes, whichever
        fits; else the occurrence that is nearest to `start`; without `start` the first one.

        >>> Answer("tower", 34).place_in("The old tower leans. The tower of Blackpool")
        25
        """
        given = self.start or 0
        if self.start is not None:
            for start in (given, *_other_units(context, given)):
                if context.startswith(self.text, start):
                    return start
        places = occurrences(self.text, context)
        return min(places, key=lambda place: abs(place - given), default=None)


@dataclass(frozen=True, slots=True)
class Question:
    """A question about a context."""

    id: str
    """Its id in the file, else its position there, counted from 1."""
    question: str
    """May be blank, as a few are in published data."""
    context: str
    answers: tuple[Answer, ...]
    """All correct answers; empty if the context has no answer (SQuAD 2)."""
    fields: Object = field(default_factory=dict)
    """The file's other fields: the article's title, or other columns."""
    place: str = field(default="", compare=False)
    """The file and the place in it, for messages."""

    @property
    def where(self) -> str:
        """The question's place, as error messages name it."""
        return self.place or f"question {self.id}"


def occurrences(text: str, context: str) -> list[int]:
    """All places of a text in a context, in characters.

    >>> occurrences("aa", "aaab aa")
    [0, 1, 5]
    """
    places = []
    at = context.find(text)
    while at >= 0 and text:
        places.append(at)
        at = context.find(text, at + 1)
    return places


def _other_units(context: str, start: int) -> list[int]:
    """A place in UTF-16 units and in UTF-8 bytes as one in characters, where it is one.

    >>> _other_units("an \U0001f600 or é, so", 9), _other_units("plain", 2)
    ([8, 6], [2, 2])
    """
    places = []
    for encoding, size in (("utf-16-le", 2), ("utf-8", 1)):
        before = context.encode(encoding, "surrogatepass")[: start * size]
        try:
            places.append(len(before.decode(encoding)))
        except UnicodeDecodeError:  # inside a character
            continue
    return places


def read_questions(path: str, files: FileOptions = AS_WRITTEN) -> Iterator[Question]:
    """Yield the questions of a file in order.

    A .json file may have SQuAD's form, and is then held in memory: {"data": [{"title",
    "paragraphs": [{"context", "qas": [{"id", "question", "answers": [{"text", "answer_start"}]}]}
    ]}]}. In other files a row is a question: columns question and context, and answers as {"text":
    [...], "answer_start": [...]} (in .csv as JSON), or answer and, if known, answer_start.
    files: how the file is written. Raises InputError, with the place, for the first question that
    cannot be used: data with known answers must be complete.
    Source of the format: Rajpurkar et al. 2016, "SQuAD".
    """
    for place, question in each_question(path, files):
        if isinstance(question, InputError):
            raise InputError(f"{path}, {place}: {question}")
        yield question


def each_question(
    path: str, files: FileOptions = AS_WRITTEN
) -> Iterator[tuple[str, Question | InputError]]:
    """Yield the questions of a file with their places in it, or the error of each bad one.

    Raises InputError if the whole file cannot be used.
    """
    if is_squad_json(path, files):
        questions = _nested(path, _read_json(path, files))
    else:
        questions = _flat(path, files)
    for place, question in questions:
        if isinstance(question, Question):
            question = replace(question, place=f"{path}, {place}")
        yield place, question


def is_squad_json(path: str, files: FileOptions = AS_WRITTEN) -> bool:
    """True for a .json file whose questions stand in articles, not in rows.

    Raises InputError if it cannot be opened.
    """
    if input_format(path, files.input_format) != "json":
        return False
    with open_text(path, files.encoding) as file:
        start = start_of(file)
    return '"paragraphs"' in start or '"question"' not in start


def _read_json(path: str, files: FileOptions) -> Any:
    text = read_text(path, files.encoding)
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path} is not JSON: {error}") from None


def _nested(path: str, content: Any) -> Iterator[tuple[str, Question | InputError]]:
    articles = content.get("data") if isinstance(content, dict) else content
    number = 0
    for a, article in enumerate(_objects(articles, f"{path}: data"), 1):
        title = {"title": article["title"]} if "title" in article else {}
        place = f"article {a}"
        try:
            paragraphs = _objects(article.get("paragraphs"), "paragraphs")
        except InputError as error:
            yield place, error
            continue
        for p, paragraph in enumerate(paragraphs, 1):
            for q, question in enumerate(_of_paragraph(paragraph, number, title), 1):
                number += 1
                yield f"{place}, paragraph {p}, question {q}", question


def _of_paragraph(paragraph: Object, before: int, title: Object) -> Iterator[Question | InputError]:
    """before: how many questions came before this paragraph in the file."""
    try:
        context = _text(paragraph, "context")
        questions = _objects(paragraph.get("qas"), "qas")
    except InputError as error:
        yield error
        return
    for number, entry in enumerate(questions, before + 1):
        try:
            yield Question(
                id=_id(entry, number),
                question=_text(entry, "question"),
                context=context,
                answers=_listed(entry.get("answers"), context),
                fields=title,
            )
        except InputError as error:
            yield error


def _objects(value: Any, what: str) -> list[Object]:
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise InputError(f"{what} is not a list of objects, as in SQuAD's JSON")
    return value


def _text(source: Object, name: str) -> str:
    value = source.get(name)
    if not isinstance(value, str):
        raise InputError(f"{name!r} is not text but {value!r}")
    return value


def _id(source: Object, number: int) -> str:
    """The id of a question; its number where the file has none, or an empty one."""
    value = source.get("id")
    return str(number if value is None or not str(value).strip() else value)


OWN = ("id", "question", "context", "answers", "answer", "answer_start", "is_impossible")


def _flat(path: str, files: FileOptions) -> Iterator[tuple[str, Question | InputError]]:
    for row in read_rows(path, ("question", "context"), files):
        try:
            yield row.where, _of_row(row)
        except InputError as error:
            yield row.where, error


def _of_row(row: Row) -> Question:
    if row.error is not None:
        raise InputError(row.error)
    fields = row.fields
    return Question(
        id=_id(fields, row.number),
        question=_text(fields, "question"),
        context=_text(fields, "context"),
        answers=_answers(fields),
        fields={name: value for name, value in fields.items() if name not in OWN},
    )


def read_answers(fields: Object, place: str) -> tuple[Answer, ...]:
    """The correct answers of a row: its `answers`, or its `answer` and `answer_start`.

    >>> read_answers({"answer": "in Paris", "answer_start": "3"}, "line 1")
    (Answer(text='in Paris', start=3),)

    Raises InputError, which begins with `place`, if they are missing or malformed.
    """
    try:
        return _answers(fields)
    except InputError as error:
        raise InputError(f"{place}: {error}") from None


def _answers(fields: Object) -> tuple[Answer, ...]:
    context = fields.get("context")
    context = context if isinstance(context, str) else None
    if "answers" in fields:
        value = fields["answers"]
        if isinstance(value, str):  # a cell of .csv
            try:
                value = json.loads(value)
            except (ValueError, RecursionError):
                raise InputError(f"'answers' is not JSON: {value[:60]!r}") from None
        if isinstance(value, dict):
            value = _zipped(value)
        return _listed(value, context)
    if "answer" not in fields:
        raise InputError("no field 'answers' and no 'answer'")
    if fields["answer"] in (None, ""):
        return ()
    answer = {"text": fields["answer"], "answer_start": fields.get("answer_start")}
    return _listed([answer], context)


def _zipped(value: Object) -> list[Object]:
    """{"text": [...], "answer_start": [...]} as a list of objects."""
    texts = value.get("text")
    if not isinstance(texts, list):
        raise InputError("'answers' has no list 'text'")
    starts = value.get("answer_start", [None] * len(texts))
    if not isinstance(starts, list) or len(starts) != len(texts):
        raise InputError(f"'answers' has {len(texts)} texts, but not as many starts")
    return [
        {"text": text, "answer_start": start} for text, start in zip(texts, starts, strict=True)
    ]


def _listed(value: Any, context: str | None) -> tuple[Answer, ...]:
    if value is None:
        return ()
    if not isinstance(value, list):
        raise InputError("'answers' is not a list")
    answers = []
    for item in value:
        text = item.get("text") if isinstance(item, dict) else item
        start = item.get("answer_start") if isinstance(item, dict) else None
        if not isinstance(text, str):
            raise InputError(f"an answer is not text but {text!r}")
        if not text.strip():  # no answer, as some files write it
            continue
        answers.append(Answer(text, _start(start, context)))
    return tuple(answers)


def _start(value: Any, context: str | None) -> int | None:
    """A position in the context, in any unit: bytes may be more than characters."""
    if value in (None, "") or (isinstance(value, float) and math.isnan(value)):
        return None
    try:
        start = float(value)
    except (TypeError, ValueError):
        start = -1.0
    end = math.inf if context is None else len(context.encode("utf-8", "surrogatepass"))
    if isinstance(value, bool) or not start.is_integer() or not 0 <= start <= end:
        raise InputError(f"answer_start {value!r} is not a position in the context")
    return int(start)
