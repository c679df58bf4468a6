"""What was expected of a row and what was said, from results or from records that were saved."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from llmcli.data.rows import Row
from llmcli.data.squad import read_answers
from llmcli.errors import InputError
from llmcli.evaluation.labels import label_text
from llmcli.spec.tasks import EvaluateOptions, EvaluationTask

Fields = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Said:
    """What a model, or a file of its predictions, says of a row."""

    value: Any
    """A label, an answer, a translation, tags, a similarity, ranks or Surprisal."""
    confidence: float | None = None
    labels: tuple[str, ...] = ()
    """All labels that the model knows, as far as they are told."""


@dataclass(frozen=True, slots=True)
class Surprisal:
    """How surprising a stretch of text was to a model."""

    nats: float
    tokens: int
    words: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Example:
    """One row with what was expected of it and what was said."""

    number: int
    text: str
    gold: Any
    said: Any
    confidence: float | None = None
    length: int = 0
    """Of the text and its pair, in characters."""
    groups: tuple[str, ...] = ()
    """Its values in the columns that rows are told apart by."""


# The fields that hold what is right, and what was said, unless the user names others.
GOLD: dict[EvaluationTask, str] = {
    "classification": "label",
    "token-classification": "tags",
    "question-answering": "answers",
    "translation": "target",
    "embedding": "score",
}
SAID: dict[EvaluationTask, str] = {
    "classification": "label",
    "token-classification": "predicted_tags",
    "question-answering": "answer",
    "translation": "translation",
    "embedding": "similarity",
}
# What else the commands write into their records beside the fields of the input.
WRITTEN: dict[EvaluationTask, tuple[str, ...]] = {
    "classification": ("label", "score", "scores"),
    "question-answering": ("answer", "answers", "start", "end", "score"),
    "translation": ("translation", "score"),
}


def original(fields: Fields, column: str, written: tuple[str, ...] = ()) -> Any:
    """A field of the input in a record that a command wrote: `input_label`, where it wrote `label`.

    written: the fields that are the command's own. Raises KeyError where the input had none.

    >>> original({"label": "good", "input_label": "bad"}, "label", ("label",))
    'bad'
    """
    if column in written:
        column = f"input_{column}"
    while f"input_{column}" in fields:
        column = f"input_{column}"
    return fields[column]


def gold_of(fields: Fields, options: EvaluateOptions, place: str, *, saved: bool = False) -> Any:
    """What is right, from the fields of a row. saved: they are those of a saved record.

    Raises InputError where it is not there, or is nothing that the task knows.
    """
    column = options.label_column or GOLD[options.task]
    written = _written(options) if saved else ()
    if options.task == "question-answering" and options.label_column is None:
        return _right_answers(fields, written, place)
    try:
        value = original(fields, column, written)
    except KeyError:
        known = ", ".join(map(repr, fields)) or "none"
        raise InputError(
            f"{place}: no field {column!r} with what is right; it has {known}: name it by "
            "--label-column"
        ) from None
    return _checked(value, column, options.task, place)


def _written(options: EvaluateOptions) -> tuple[str, ...]:
    """The fields of a saved record that are not the input's own."""
    if options.prediction_column is not None:
        return (options.prediction_column,)
    return (*WRITTEN.get(options.task, ()), SAID[options.task])


def said_column(options: EvaluateOptions) -> str:
    """The field of a saved record with what was said."""
    return options.prediction_column or SAID[options.task]


def _right_answers(fields: Fields, written: tuple[str, ...], place: str) -> tuple[str, ...]:
    own = {}
    for name in ("answers", "answer"):
        try:
            own[name] = original(fields, name, written)
        except KeyError:
            continue
    return tuple(one.text for one in read_answers(own, place))


def _checked(value: Any, column: str, task: EvaluationTask, place: str) -> Any:
    """A value from a file as the task's metrics take it."""
    if task == "classification":
        return label_text(value, place)
    if task == "token-classification":
        return tags_of(value, column, place)
    if task == "embedding":
        return number_of(value, column, place)
    several = isinstance(value, (list, tuple))
    if several and value and all(isinstance(one, str) for one in value):
        return tuple(value)
    if not isinstance(value, str):
        raise InputError(f"{place}: {column!r} is no text but {_shown(value)}")
    return (value,)


def tags_of(value: Any, column: str, place: str) -> tuple[str, ...]:
    """Tags of a sentence: a list, or a text with spaces between them (or JSON, as in .csv)."""
    if isinstance(value, str):
        try:
            value = json.loads(value) if value.lstrip().startswith("[") else value.split()
        except (ValueError, RecursionError):
            raise InputError(f"{place}: {column!r} is not JSON: {_shown(value)}") from None
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise InputError(f"{place}: {column!r} is no list of tags but {_shown(value)}")
    return tuple(value)


def number_of(value: Any, column: str, place: str) -> float:
    """A finite number, or a text that spells one."""
    try:
        found = float(value)
    except (TypeError, ValueError):
        found = math.nan
    if isinstance(value, bool) or not math.isfinite(found):
        raise InputError(f"{place}: {column!r} is no number but {_shown(value)}")
    return found


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:60]}..."


def saved_answer(fields: Fields, options: EvaluateOptions, place: str) -> Said:
    """What a saved record says. Raises InputError where it says nothing."""
    column = said_column(options)
    if column not in fields:
        known = ", ".join(map(repr, fields)) or "none"
        raise InputError(
            f"{place}: no field {column!r} with a prediction; it has {known}: name it by "
            "--prediction-column"
        )
    value = fields[column]
    confidence = _confidence(fields.get("score")) if options.prediction_column is None else None
    if options.task == "classification":
        return Said(label_text(value, place), confidence, _labels(fields.get("scores")))
    if options.task == "token-classification":
        return Said(tags_of(value, column, place))
    if options.task == "embedding":
        return Said(number_of(value, column, place))
    if value is None and options.task == "question-answering":  # the context does not say
        value = ""
    if not isinstance(value, str):
        raise InputError(f"{place}: {column!r} is no text but {_shown(value)}")
    return Said(value, confidence if options.task == "question-answering" else None)


def _confidence(score: Any) -> float | None:
    try:
        found = float(str(score))
    except ValueError:
        return None
    return found if math.isfinite(found) else None


def _labels(scores: Any) -> tuple[str, ...]:
    if isinstance(scores, str):  # a cell of .csv
        try:
            scores = json.loads(scores)
        except (ValueError, RecursionError):
            return ()
    if not isinstance(scores, list):
        return ()
    return tuple(str(one["label"]) for one in scores if isinstance(one, dict) and "label" in one)


def groups_of(
    fields: Fields, options: EvaluateOptions, place: str, *, saved: bool = False
) -> tuple[str, ...]:
    """A row's values in the columns of `options.by`. Raises InputError for a missing column."""
    written = _written(options) if saved else ()
    found = []
    for column in options.by:
        if column == "length":
            continue
        try:
            value = original(fields, column, written)
        except KeyError:
            known = ", ".join(map(repr, fields)) or "none"
            raise InputError(f"{place}: --by {column}: no such field; it has {known}") from None
        found.append(value if isinstance(value, str) else json.dumps(value, default=str))
    return tuple(found)


def make_example(row: Row, said: Said, options: EvaluateOptions, *, saved: bool = False) -> Example:
    """A row with what was said of it. saved: it is a record that a command wrote.

    Raises InputError where what is right is not there or malformed.
    """
    place = f"line {row.number}"
    return Example(
        number=row.number,
        text=row.text,
        gold=gold_of(row.fields, options, place, saved=saved),
        said=said.value,
        confidence=said.confidence,
        length=len(row.text) + len(row.pair or ""),
        groups=groups_of(row.fields, options, place, saved=saved),
    )
