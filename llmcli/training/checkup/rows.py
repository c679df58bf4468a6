"""The rows of training files, and what each says and teaches."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from llmcli.data.readers import read_rows
from llmcli.data.squad import Question, each_question
from llmcli.errors import InputError
from llmcli.spec.training import Training
from llmcli.training.checkup.duplicates import Answers, normalized
from llmcli.training.checkup.findings import FileCount, Problem
from llmcli.training.objectives.conversation import turns
from llmcli.training.objectives.tagging import words_and_tags
from llmcli.training.preparation import labels_of


@dataclass(frozen=True, slots=True)
class Item:
    """A row that can be used, and where it is."""

    file: str
    place: str
    row: Any

    @property
    def where(self) -> str:
        return f"{self.file}, {self.place}"

    def place_from(self, other: "Item") -> str:
        """Where it is, for one who was just told where `other` is."""
        return self.place if self.file == other.file else self.where


@dataclass(slots=True)
class Reading:
    """The rows of some files."""

    items: list[Item] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    files: list[FileCount] = field(default_factory=list)


def read_items(options: Training, paths: Sequence[str], use: str) -> Reading:
    """The rows of files that can be used, and what is wrong with all others."""
    found = Reading()
    for path in paths:
        items, problems = len(found.items), len(found.problems)
        try:
            for place, row in _each(options, path):
                if isinstance(row, InputError):
                    found.problems.append(problem_of(path, place, row))
                else:
                    found.items.append(Item(path, place, row))
        except InputError as error:
            found.problems.append(problem_of(path, "", error))
        bad = sum(bool(one.place) for one in found.problems[problems:])
        found.files.append(FileCount(path, use, len(found.items) - items + bad, bad))
    return found


def problem_of(path: str, place: str, error: InputError) -> Problem:
    """An error as a problem: its reason without the place, which is told apart."""
    reason = str(error).removeprefix(f"{path}, ").removeprefix(f"{path}: ")
    reason = reason.removeprefix(f"{path} ").removeprefix(f"{place}: ")
    line = int(place.split()[1]) if place.startswith("line ") else None
    return Problem(path, line, place, reason)


def _each(options: Training, path: str) -> Iterator[tuple[str, Any]]:
    if options.task == "question-answering":
        yield from each_question(path)
        return
    columns = () if options.task == "token-classification" else options.columns
    for row in read_rows(path, columns):
        place = f"line {row.number}"
        if row.error is not None:
            yield place, InputError(row.error)
            continue
        try:
            answers_of(options, row)
            texts_of(options, row)
        except InputError as error:
            yield place, error
        else:
            yield place, row


def texts_of(options: Training, row: Any) -> tuple[str, ...]:
    """What a row says, without what is to be learnt of it, unless that is the text itself."""
    if isinstance(row, Question):
        return (row.question, row.context)
    if options.task == "token-classification":
        return (" ".join(words_and_tags(row, options.columns[0], options.label_column or "")[0]),)
    if options.task == "causal-lm":
        return tuple(text for one in turns(row) for text in (one["role"], one["content"]))
    return (row.text,) if row.pair is None else (row.text, row.pair)


def answers_of(options: Training, row: Any) -> Answers | None:
    """What a row teaches: rows of the same text must have one of these in common."""
    if isinstance(row, Question):
        return frozenset(normalized(one.text) for one in row.answers) or frozenset({""})
    if options.task == "classification":
        return frozenset({"\0".join(sorted(labels_of(options, row)))})
    if options.task == "token-classification":
        return frozenset({"\0".join(labels_of(options, row))})
    return None
