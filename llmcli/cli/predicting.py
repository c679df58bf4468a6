"""What is evaluated, and predictions that were saved before."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Any

import click

from llmcli.cli.options.model import ENCODER, STARTER, TRANSLATOR
from llmcli.cli.output import Output
from llmcli.cli.running import is_default_model
from llmcli.data.readers import read_rows
from llmcli.data.rows import Row
from llmcli.data.squad import is_squad_json, read_questions
from llmcli.errors import InputError, RowsFailed
from llmcli.evaluation.examples import Example, make_example, saved_answer
from llmcli.evaluation.labels import Labels, saved_labels
from llmcli.evaluation.saved import read_saved
from llmcli.spec import BatchOptions, ModelSpec
from llmcli.spec.tasks import EvaluateOptions, PerplexityOptions, TranslateOptions

COLUMNS = {
    "causal-lm": ("text",),
    "classification": ("text",),
    "token-classification": ("text",),
    "question-answering": ("question", "context"),
    "translation": ("text",),
    "embedding": ("query", "text"),
}
SHOWN_FAILURES = 3


@dataclass(frozen=True, slots=True)
class Data:
    """The file with what is right."""

    input: str | None = None
    columns: tuple[str, ...] = ()
    """Empty: the task's usual ones."""
    limit: int | None = None


@dataclass(frozen=True, slots=True)
class BaselineSpec:
    """What a causal model is held against."""

    baseline: str | None = None
    baseline_train: str | None = None
    """Text that the n-grams are learnt from; None: the evaluated file itself, cross-fitted."""
    ngram_order: int = 3


@dataclass(frozen=True, slots=True)
class Plan:
    """All that tells how predictions come about."""

    options: EvaluateOptions
    data: Data
    model: ModelSpec
    perplexity: PerplexityOptions
    translate: TranslateOptions
    batch: BatchOptions
    baseline: BaselineSpec = BaselineSpec()


@dataclass(slots=True)
class Predictions:
    """Examples, and what became of the other rows."""

    name: str
    """The model, or the file of predictions."""
    examples: list[Example] = field(default_factory=list)
    labels: tuple[str, ...] = ()
    baseline: list[Example] = field(default_factory=list)
    settings: dict[str, Any] = field(default_factory=dict)
    unit: str = "rows"
    total: int = 0
    failures: list[str] = field(default_factory=list)

    def fail(self, number: int, error: str) -> None:
        """Count a row that could not be evaluated."""
        self.failures.append(f"[row {number}: {error}]")

    def report(self, out: Output) -> None:
        """Say which rows failed. Raises InputError where none is left."""
        for line in self.failures[:SHOWN_FAILURES]:
            out.say(line)
        more = len(self.failures) - SHOWN_FAILURES
        if more > 0:
            out.note(f"{more:,} more rows failed")
        if not self.examples:
            first = self.failures[0].strip("[]") if self.failures else "it has none"
            raise InputError(f"{self.name}: no row could be evaluated: {first}")

    def check(self) -> None:
        """Raise RowsFailed if some rows failed."""
        if self.failures:
            raise RowsFailed(len(self.failures), self.total)


def gold_rows(plan: Plan) -> Iterator[Row]:
    """The rows of the file with what is right. Raises InputError where it cannot be opened."""
    data, columns = plan.data, plan.data.columns or COLUMNS[plan.options.task]
    path = str(data.input)
    if plan.options.task == "question-answering" and is_squad_json(path):
        return islice(_question_rows(path), data.limit)
    return islice(read_rows(path, columns), data.limit)


def _question_rows(path: str) -> Iterator[Row]:
    columns = ("question", "context")
    for number, one in enumerate(read_questions(path), 1):
        answers = [{"text": answer.text, "answer_start": answer.start} for answer in one.answers]
        fields = {**one.fields, "id": one.id, "answers": answers}
        yield Row(number, one.question, fields, pair=one.context, columns=columns)


def with_labels(found: Predictions, labels: Labels, options: EvaluateOptions) -> Predictions:
    """Call what is right by the model's own labels; rows with others fail."""
    examples = []
    for one in found.examples:
        try:
            examples.append(replace(one, gold=labels.find(one.gold, options.label_map)))
        except InputError as error:
            found.fail(one.number, str(error))
    found.examples = examples
    found.labels = tuple(sorted({label for one in examples for label in (one.gold, one.said)}))
    return found


def from_file(plan: Plan, path: str) -> Predictions:
    """Read predictions that were saved, with what is right from them or from the plan's file."""
    how = plan.options
    if how.task == "causal-lm":
        raise click.UsageError("perplexity needs the model: no command saves it for each token")
    if how.task == "embedding" and how.label_column is None:
        how = replace(how, label_column="score")
    rows = read_saved(path)
    saved = plan.data.input is None
    found = Predictions(path)
    known: set[str] = set()
    told: set[str] = set()
    pairs: Iterable[tuple[Row, Row | None]]
    if saved:
        pairs = ((row, row) for row in islice(rows, plan.data.limit))
    else:
        pairs = _joined(gold_rows(plan), list(rows))
    for row, prediction in pairs:
        found.total += 1
        error = row.error or (prediction.error if prediction is not None else None)
        if error is not None or prediction is None:
            found.fail(row.number, error or "no prediction in the file")
            continue
        try:
            said = saved_answer(prediction.fields, how, f"line {row.number}")
            example = make_example(row, said, how, saved=saved)
        except InputError as problem:
            found.fail(row.number, str(problem).removeprefix(f"line {row.number}: "))
            continue
        known.update(said.labels)
        if how.task == "classification":
            told.add(said.value)
        found.examples.append(example)
    if how.task == "classification":
        return with_labels(found, saved_labels(known | told, bool(known)), how)
    return found


def _joined(gold: Iterator[Row], predictions: Sequence[Row]) -> Iterator[tuple[Row, Row | None]]:
    """Rows with what is right, and the prediction of the same id or, without ids, number."""
    by_id = {str(row.fields["id"]): row for row in predictions if "id" in row.fields}
    by_number = {row.number: row for row in predictions}
    for row in gold:
        if "id" in row.fields and by_id:
            yield row, by_id.get(str(row.fields["id"]))
        else:
            yield row, by_number.get(row.number)


SAVED = {".jsonl", ".csv", ".tsv", ".parquet", ".json"}


def is_saved(name: str) -> bool:
    """True for the name of a file of predictions, False for that of a model."""
    suffixes = [suffix.lower() for suffix in Path(name).suffixes]
    return any(suffix in SAVED for suffix in suffixes[-2:]) and not Path(name).is_dir()


STARTERS: dict[str, str] = {
    "causal-lm": STARTER,
    "classification": ENCODER,
    "question-answering": ENCODER,
    "translation": TRANSLATOR,
    "embedding": ENCODER,
}

# The commands that make the predictions of a task.
COMMANDS: dict[str, str] = {
    "causal-lm": "generate",
    "classification": "classify",
    "question-answering": "answer",
    "translation": "translate",
    "embedding": "embed",
}


def with_model(plan: Plan) -> Plan:
    """The starter of the task, where it has one and no model was named."""
    if not is_default_model() or plan.options.task not in STARTERS:
        return plan
    return replace(plan, model=replace(plan.model, model_id=STARTERS[plan.options.task]))
