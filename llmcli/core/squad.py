"""Questions with their contexts and known answers: SQuAD's JSON, or a question a row."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from llmcli.core.data import read_rows
from llmcli.core.lines import PACKED, damage_explained, is_unicode, open_text
from llmcli.errors import InputError

Object = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer that is right."""

    text: str
    start: int | None
    """Where it begins in the context, in characters; None where the file does not say."""

    def is_in(self, context: str) -> bool:
        """True where the context has this very text at `start`."""
        return self.start is not None and context.startswith(self.text, self.start)


@dataclass(frozen=True, slots=True)
class Question:
    """A question about a context."""

    id: str
    """What the file calls it, else its place there, counted from 1."""
    question: str
    """May be blank, as a few are in published data."""
    context: str
    answers: tuple[Answer, ...]
    """All that are right; none where the context does not say (SQuAD 2)."""
    fields: Object = field(default_factory=dict)
    """What else the file says of it: the article's title, or other columns."""


def read_questions(path: str) -> Iterator[Question]:
    """Yield the questions of a file in order.

    A .json file is SQuAD's: {"data": [{"title", "paragraphs": [{"context", "qas": [{"id",
    "question", "answers": [{"text", "answer_start"}]}]}]}]}; it is held whole. Of .jsonl, .csv,
    .tsv and .parquet, a row is a question: columns question and context, and answers as {"text":
    [...], "answer_start": [...]} (in .csv as JSON), or answer and, if known, answer_start.
    All may be packed with gzip or xz. Raises InputError, with the place, for the first question
    that cannot be used: data with known answers is to be whole.
    Source of the format: Rajpurkar et al. 2016, "SQuAD".
    """
    yield from _nested(path, _read_json(path)) if is_squad_json(path) else _flat(path)


def is_squad_json(path: str) -> bool:
    """True for the name of a .json file, packed or not.

    >>> is_squad_json("dev.json.xz"), is_squad_json("dev.jsonl")
    (True, False)
    """
    suffixes = [suffix.lower() for suffix in Path(path).suffixes]
    if suffixes and suffixes[-1] in PACKED:
        suffixes.pop()
    return suffixes[-1:] == [".json"]


def _read_json(path: str) -> Any:
    with open_text(path) as file, damage_explained(path):
        text = file.read()
    if not is_unicode(text):
        raise InputError(f"{path} is not UTF-8 text: convert it, with iconv for example")
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path} is not JSON: {error}") from None


def _nested(path: str, content: Any) -> Iterator[Question]:
    articles = content.get("data") if isinstance(content, dict) else content
    number = 0
    for a, article in enumerate(_objects(articles, f"{path}: data"), 1):
        place = f"{path}, article {a}"
        for p, paragraph in enumerate(_objects(article.get("paragraphs"), f"{place}: paragraphs")):
            here = f"{place}, paragraph {p + 1}"
            context = _text(paragraph, "context", here)
            for q, asked in enumerate(_objects(paragraph.get("qas"), f"{here}: qas"), 1):
                number += 1
                where = f"{here}, question {q}"
                title = {"title": article["title"]} if "title" in article else {}
                yield Question(
                    id=str(asked.get("id", number)),
                    question=_text(asked, "question", where),
                    context=context,
                    answers=_listed(asked.get("answers"), context, where),
                    fields=title,
                )


def _objects(value: Any, what: str) -> list[Object]:
    if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
        raise InputError(f"{what} is no list of objects, as SQuAD's JSON has it")
    return value


def _text(source: Object, name: str, place: str) -> str:
    value = source.get(name)
    if not isinstance(value, str):
        raise InputError(f"{place}: {name!r} is no text but {value!r}")
    return value


OWN = ("id", "question", "context", "answers", "answer", "answer_start", "is_impossible")


def _flat(path: str) -> Iterator[Question]:
    for row in read_rows(path, ("question", "context")):
        place = f"{path}, line {row.number}"
        if row.error is not None:
            raise InputError(f"{place}: {row.error}")
        fields = row.fields
        yield Question(
            id=str(fields.get("id", row.number)),
            question=_text(fields, "question", place),
            context=_text(fields, "context", place),
            answers=read_answers(fields, place),
            fields={name: value for name, value in fields.items() if name not in OWN},
        )


def read_answers(fields: Object, place: str) -> tuple[Answer, ...]:
    """The right answers of a row: its `answers`, or its `answer` and `answer_start`.

    >>> read_answers({"answer": "in Paris", "answer_start": "3"}, "line 1")
    (Answer(text='in Paris', start=3),)

    Raises InputError, which begins with `place`, where they are not there or are malformed.
    """
    context = fields.get("context")
    context = context if isinstance(context, str) else None
    if "answers" in fields:
        value = fields["answers"]
        if isinstance(value, str):  # a cell of .csv
            try:
                value = json.loads(value)
            except (ValueError, RecursionError):
                raise InputError(f"{place}: 'answers' is not JSON: {value[:60]!r}") from None
        if isinstance(value, dict):
            value = _zipped(value, place)
        return _listed(value, context, place)
    if "answer" not in fields:
        raise InputError(f"{place}: no field 'answers' and no 'answer'")
    if fields["answer"] in (None, ""):
        return ()
    one = {"text": fields["answer"], "answer_start": fields.get("answer_start")}
    return _listed([one], context, place)


def _zipped(value: Object, place: str) -> list[Object]:
    """{"text": [...], "answer_start": [...]} as a list of objects."""
    texts = value.get("text")
    if not isinstance(texts, list):
        raise InputError(f"{place}: 'answers' has no list 'text'")
    starts = value.get("answer_start", [None] * len(texts))
    if not isinstance(starts, list) or len(starts) != len(texts):
        raise InputError(f"{place}: 'answers' has {len(texts)} texts, but not as many starts")
    return [
        {"text": text, "answer_start": start} for text, start in zip(texts, starts, strict=True)
    ]


def _listed(value: Any, context: str | None, place: str) -> tuple[Answer, ...]:
    if not isinstance(value, list):
        raise InputError(f"{place}: 'answers' is no list")
    found = []
    for one in value:
        text = one.get("text") if isinstance(one, dict) else one
        start = one.get("answer_start") if isinstance(one, dict) else None
        if not isinstance(text, str):
            raise InputError(f"{place}: an answer is no text but {text!r}")
        found.append(Answer(text, _start(start, context, place)))
    return tuple(found)


def _start(value: Any, context: str | None, place: str) -> int | None:
    if value in (None, ""):
        return None
    try:
        start = int(value)
    except (TypeError, ValueError):
        start = -1
    if isinstance(value, float) or start < 0 or (context is not None and start > len(context)):
        raise InputError(f"{place}: answer_start {value!r} is no place in the context")
    return start
