"""Examine the data of a training run: everything that is wrong or worth a look, at once."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace

from llmcli.errors import InputError
from llmcli.spec import ModelSpec
from llmcli.spec.training import Training
from llmcli.training.base import Data
from llmcli.training.checkup.checks import (
    empty_texts,
    label_findings,
    repeated,
    unknown_tokens,
    unreadable,
)
from llmcli.training.checkup.documents import examine_text
from llmcli.training.checkup.findings import (
    Checkup,
    DataCheck,
    Finding,
    LabelCount,
    Problem,
    Sample,
)
from llmcli.training.checkup.items import Item, Measured
from llmcli.training.checkup.lengths import label_counts, lengths_of
from llmcli.training.checkup.reading import FilesRead, problem_of, read_items
from llmcli.training.checkup.tokens import measure, samples_of
from llmcli.training.joint.parts import read_parts
from llmcli.training.label_tasks import LabelTask, sorted_labels, too_few_labels
from llmcli.training.objectives import load_task
from llmcli.training.results import Notify
from llmcli.training.rows import RowObjective, RowTask
from llmcli.training.starting_models import load_model, make_model


def examine_all(options: Training, base: ModelSpec | None, note: Notify) -> DataCheck:
    """Examine the data of a run; of a joint run, those of each task in turn.

    Raises what loading the model raises.
    """
    if options.parts and base:
        checkups = []
        for entry in read_parts(options.parts):
            entry_task = entry.training_task(options, base, with_teacher=False)
            train, held_out = _read(entry_task)
            train = replace(train, items=entry.cut(train.items))
            checkups.append(examine(entry_task, base, train, held_out, note))
        return DataCheck(tuple(checkups))
    task = load_task(options)
    if isinstance(task, RowTask):
        return DataCheck((examine(task, base, *_read(task), note),))
    return DataCheck((examine_text(task, base, note),))


def _read(task: RowTask) -> tuple[FilesRead, FilesRead]:
    """The rows to train on, and those held out: of files of their own, or drawn."""
    options = task.options
    train = read_items(task, options.train, "train")
    try:
        task.decide_reading([item.row for item in train.items])
    except InputError as error:
        train.problems.append(problem_of(options.train[0], "", error))
    if options.eval:
        return train, read_items(task, options.eval, "validation")
    kept, held = task.hold_out(train.items, lambda item: item.row)
    return replace(train, items=kept), FilesRead(held)


def examine(
    task: RowTask, base: ModelSpec | None, train: FilesRead, held_out: FilesRead, note: Notify
) -> Checkup:
    """Look for all that is wrong with the rows of a task. Raises what loading the model raises."""
    problems = train.problems + held_out.problems
    labels, order = _labels(task, train.items, held_out.items, problems)
    measured = Measured()
    numbers: tuple[tuple[str, float], ...] = ()
    samples: tuple[Sample, ...] = ()
    if train.items and (order or not isinstance(task, LabelTask)):
        rows, held = ([item.row for item in read.items] for read in (train, held_out))
        data = Data(rows, held, order)
        for line in task.notes(data):
            note(line)
        objective = _objective(task, base, data, note)
        note(f"tokens: counting those of {len(data.train) + len(data.held_out):,} rows")
        measured = measure(task, objective, train.items, problems)
        validation = measure(task, objective, held_out.items, problems)
        samples = samples_of(objective, measured.usable)
        numbers = tuple(_numbers(objective, measured, validation)) if measured.usable else ()
    findings = tuple(_findings(task, train.items, held_out.items, labels, measured))
    return Checkup(
        task=task.options.task,
        model=base.model_id if base else task.options.from_scratch or "",
        files=tuple(train.files + held_out.files),
        problems=tuple(problems),
        findings=findings if train.items else (),
        labels=tuple(labels),
        lengths=lengths_of(measured.lengths, "row"),
        numbers=numbers,
        samples=samples,
        samples_caption=task.preview_caption,
    )


def _labels(
    task: RowTask, train: Sequence[Item], held_out: Sequence[Item], problems: list[Problem]
) -> tuple[list[LabelCount], list[str]]:
    """How often each label occurs, and the labels of the training rows in the model's order.

    problems: gets one where there are too few labels.
    """
    if not isinstance(task, LabelTask):
        return [], []
    counts, validation = (
        Counter(label for item in items for label in task.labels(item.row))
        for items in (train, held_out)
    )
    if len(counts) < 2 and train:
        reason = too_few_labels(set(counts))
        problems.append(Problem(task.options.train[0], None, "", reason))
    order = sorted_labels(set(counts))
    unseen = sorted_labels(set(validation) - set(counts))
    return label_counts(counts, validation, [*order, *unseen]), order


def _objective(task: RowTask, base: ModelSpec | None, data: Data, note: Notify) -> RowObjective:
    if base:
        model, tokenizer = load_model(task, base, data, note)
        return task.objective(model, tokenizer, name=base.model_id, rows=data.train)
    model, tokenizer = make_model(task, data, None, note)
    return task.objective(model, tokenizer, rows=data.train)


def _findings(
    task: RowTask,
    train: Sequence[Item],
    held_out: Sequence[Item],
    labels: Sequence[LabelCount],
    measured: Measured,
) -> Iterator[Finding]:
    yield empty_texts(task, [*train, *held_out])
    yield from repeated(task, train, held_out)
    if isinstance(task, LabelTask):
        yield from label_findings(labels)
    yield from task.row_findings(train, held_out)
    if measured.usable:
        yield from task.token_findings(measured)
        yield unknown_tokens(measured.unknown, measured.tokens)
        yield unreadable([item.where for item in measured.unreadable], len(measured.usable))


def _numbers(
    objective: RowObjective, measured: Measured, validation: Measured
) -> Iterator[tuple[str, float]]:
    yield "limit", objective.limit
    yield "train_rows", len(measured.usable)
    yield "train_examples", measured.examples
    yield "train_tokens", measured.tokens
    yield "validation_examples", validation.examples
    yield "validation_tokens", validation.tokens
    if objective.counts_learnt:
        yield "learnt_share", measured.learnt / max(1, measured.tokens)
