"""Examine the data of a training run: everything that is wrong or worth a look, at once."""

from collections import Counter
from collections.abc import Iterator, Sequence
from copy import copy
from dataclasses import dataclass, field, replace
from itertools import groupby
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from llmcli.data.squad import Question
from llmcli.errors import InputError
from llmcli.spec import ModelSpec
from llmcli.spec.training import Training
from llmcli.training.checkup.checks import (
    answer_findings,
    empty_texts,
    label_findings,
    repeated,
    shared_contexts,
    unknown_token,
    unknown_tokens,
)
from llmcli.training.checkup.documents import examine_text
from llmcli.training.checkup.duplicates import normalized
from llmcli.training.checkup.findings import (
    Checkup,
    DataCheck,
    Finding,
    LabelCount,
    Problem,
    finding,
    label_counts,
    lengths_of,
)
from llmcli.training.checkup.previews import Sample, sample_of
from llmcli.training.checkup.rows import Item, Reading, problem_of, read_items
from llmcli.training.joint import part_alone, read_parts
from llmcli.training.objectives.base import NO_LABEL, RowObjective, size_of
from llmcli.training.objectives.classification import sorted_labels
from llmcli.training.objectives.distillation import Likeness
from llmcli.training.preparation import (
    Data,
    Note,
    filled_in,
    has_labels,
    hold_out,
    labels_of,
    made_for,
    make_objective,
    model_for,
    packs,
)

UNCUT = 1 << 24  # more tokens than any text has
SAMPLES = 3
CHUNK = 500  # rows tokenized together
FEW_TOKENS = 10  # of a text whose translation may well be three times as long
LONGER = 3.0


@dataclass(slots=True)
class Measured:
    """Rows as the model gets them."""

    lengths: list[int] = field(default_factory=list)
    examples: int = 0
    tokens: int = 0
    learnt: int = 0
    """Tokens that the loss is on, where the examples say."""
    unknown: int = 0
    """Tokens that stand for what the vocabulary lacks."""
    cut: int = 0
    silent: int = 0
    """Rows of which nothing is learnt, because it is cut away."""
    unequal: list[Item] = field(default_factory=list)
    usable: list[Item] = field(default_factory=list)


def examine_all(options: Training, base: ModelSpec | None, note: Note) -> DataCheck:
    """Examine the data of a run; of a joint run, those of each task in turn."""
    options = filled_in(options, base)
    if not (options.parts and base):
        examiner = examine_text if packs(options) else examine
        return DataCheck((examiner(options, base, note),))
    checkups = []
    for values in read_parts(options.parts):
        is_embedding = values["task"] == "embedding"
        alone = part_alone(options, base, values)
        most = values.get("limit")
        checkups.append(examine(alone, base, note, most=most, is_embedding=is_embedding))
    return DataCheck(tuple(checkups))


def examine(
    options: Training,
    base: ModelSpec | None,
    note: Note,
    *,
    most: int | None = None,
    is_embedding: bool = False,
) -> Checkup:
    """Look for all that is wrong with the rows of a run whose text is not packed.

    options: filled in. most: rows to train on, at most. is_embedding: the texts alone are learnt
    from, by another model's vectors. Raises what loading the model raises.
    """
    train, held_out = read_items(options, options.train, "train"), Reading()
    if options.eval:
        held_out = read_items(options, options.eval, "validation")
    else:
        kept, held = hold_out(train.items, options.eval_fraction or 0.0)
        train, held_out = replace(train, items=kept), Reading(held)
    if most:
        train = replace(train, items=train.items[:most])
    problems = train.problems + held_out.problems
    labels, missing = _labels(options, train.items, held_out.items)
    order = sorted_labels({one.label for one in labels if one.train})
    problems += missing
    found = Measured()
    checked = Measured()
    samples: tuple[Sample, ...] = ()
    if train.items and (order or not has_labels(options)):
        objective = _objective(
            options, base, train.items, held_out.items, order, is_embedding, note
        )
        note(f"tokens: counting those of {len(train.items) + len(held_out.items):,} rows")
        found = _measured(options, objective, train.items, problems)
        checked = _measured(options, objective, held_out.items, problems)
        samples = _samples(objective, found.usable)
    is_asked = options.task == "question-answering"
    told = [
        *empty_texts(options, train.items + held_out.items),
        *repeated(options, train.items, held_out.items),
        *(shared_contexts(train.items, held_out.items) if is_asked else ()),
        *label_findings(options, labels),
        *_own_findings(options, train.items + held_out.items, found),
    ]
    return Checkup(
        task="embedding" if is_embedding else options.task,
        model=base.model_id if base else options.from_scratch or "",
        files=tuple(train.files + held_out.files),
        problems=tuple(problems),
        findings=tuple(told) if train.items else (),
        labels=tuple(labels),
        lengths=lengths_of(found.lengths, "row"),
        numbers=tuple(_numbers(options, found, checked, objective.limit)) if found.usable else (),
        samples=samples,
    )


def _labels(
    options: Training, train: Sequence[Item], held_out: Sequence[Item]
) -> tuple[list[LabelCount], list[Problem]]:
    """How often each label occurs, and what makes them too few."""
    if not has_labels(options):
        return [], []
    counts, checked = (
        Counter(one for item in items for one in labels_of(options, item.row))
        for items in (train, held_out)
    )
    order = [*sorted_labels(set(counts)), *sorted_labels(set(checked) - set(counts))]
    problems = []
    if len(counts) < 2 and train:
        what = f"only {next(iter(counts))!r}" if counts else "none"
        reason = f"there must be two labels or more; the training rows have {what}"
        problems.append(Problem(options.train[0], None, "", reason))
    return label_counts(counts, checked, order), problems


# Tokens


class _Texts(Likeness):
    """Texts whose vectors another model would tell: it need not be asked to count tokens."""

    def _taught(self, texts: list[str]) -> Tensor:
        return torch.zeros(len(texts), 1)


def _objective(
    options: Training,
    base: ModelSpec | None,
    train: Sequence[Item],
    held_out: Sequence[Item],
    labels: list[str],
    is_embedding: bool,
    note: Note,
) -> RowObjective:
    data = Data([one.row for one in train], [one.row for one in held_out], labels)
    if base:
        model, tokenizer = model_for(options, base, data, note)
    else:
        model, tokenizer = made_for(options, data, Path(), note)
    if is_embedding:
        return _Texts(model, tokenizer, options.block_size or 128, None, None)
    return make_objective(options, model, tokenizer, data, base.model_id if base else "the model")


def _chunks(options: Training, items: Sequence[Item]) -> Iterator[list[Item]]:
    """Stretches of rows; of translations, each of one direction, so that they keep their order."""

    def direction(item: Item) -> str:
        return repr([item.row.fields.get("from"), item.row.fields.get("to")])

    if options.task == "translation":
        items = sorted(items, key=direction)
        groups = [list(some) for _, some in groupby(items, direction)]
    else:
        groups = [list(items)]
    for group in groups:
        for start in range(0, len(group), CHUNK):
            yield group[start : start + CHUNK]


def _measured(
    options: Training, objective: RowObjective, items: Sequence[Item], problems: list[Problem]
) -> Measured:
    """Tokenize all rows, uncut for their lengths, then as they are learnt."""
    found = Measured()
    unknown = unknown_token(objective.tokenizer)
    uncut = copy(objective)
    uncut.limit = UNCUT
    for chunk in _chunks(options, items):
        usable, features, _ = _made(uncut, chunk, problems)
        found.lengths += map(size_of, features)
        if options.task == "translation":
            pairs = zip(usable, features, strict=True)
            found.unequal += [item for item, one in pairs if _is_unequal(one)]
        if any(_longest_side(one) > objective.limit for one in features):
            usable, features, cut = _made(objective, usable, problems)
            found.cut += cut
        found.usable += usable
        found.examples += len(features)
        found.tokens += sum(map(size_of, features))
        found.unknown += sum(list(f["input_ids"]).count(unknown) for f in features)
        if options.task == "causal-lm":
            found.silent += len(usable) - len(features)
            found.learnt += sum(sum(one != NO_LABEL for one in f["labels"]) for f in features)
    return found


def _made(
    objective: RowObjective, items: list[Item], problems: list[Problem]
) -> tuple[list[Item], list[dict[str, Any]], int]:
    """The rows of which examples can be made, these, and how many are cut.

    Where some cannot, halves are tried, down to the single row that is to blame.
    """
    if not items:
        return [], [], 0
    try:
        found = objective.examples([one.row for one in items])
    except InputError as error:
        if len(items) > 1:
            middle = len(items) // 2
            first, second = (
                _made(objective, half, problems) for half in (items[:middle], items[middle:])
            )
            return first[0] + second[0], first[1] + second[1], first[2] + second[2]
        (item,) = items
        own = f"question {item.row.id}: " if isinstance(item.row, Question) else ""
        reason = InputError(str(error).removeprefix(own))
        problems.append(problem_of(item.file, item.place, reason))
        return [], [], 0
    return items, found.features, found.cut


def _longest_side(feature: dict[str, Any]) -> int:
    return max(len(feature["input_ids"]), len(feature.get("labels_ids", ())))


def _is_unequal(feature: dict[str, Any]) -> bool:
    one, other = sorted((len(feature["input_ids"]), len(feature["labels_ids"])))
    return other > FEW_TOKENS and other > LONGER * one


def _samples(objective: RowObjective, items: Sequence[Item]) -> tuple[Sample, ...]:
    """Some examples from all over the rows, those of which nothing is learnt left out."""
    steps = dict.fromkeys(len(items) * (2 * at + 1) // (2 * SAMPLES) for at in range(SAMPLES))
    made = {at: objective.examples([items[at].row]).features for at in steps if items}
    return tuple(sample_of(objective, some[0], at) for at, some in made.items() if some)


def _numbers(
    options: Training, found: Measured, checked: Measured, limit: int
) -> Iterator[tuple[str, float]]:
    yield "limit", limit
    yield "train_rows", len(found.usable)
    yield "train_examples", found.examples
    yield "train_tokens", found.tokens
    yield "validation_examples", checked.examples
    yield "validation_tokens", checked.tokens
    if options.task == "causal-lm":
        yield "learnt_share", found.learnt / max(1, found.tokens)


def _own_findings(options: Training, items: Sequence[Item], found: Measured) -> Iterator[Finding]:
    """What a task alone can have."""
    if options.task == "question-answering":
        yield from answer_findings(items)
    if options.task in ("translation", "seq2seq"):
        same = [
            one.where for one in items if normalized(one.row.text) == normalized(one.row.pair or "")
        ]
        yield finding("equal_pairs", "rows have the same source and target", same)
    if not found.usable:
        return
    if options.task == "translation":
        unequal = [one.where for one in found.unequal]
        text = f"training rows have a side more than {LONGER:.0f} times as long as the other"
        yield finding("unequal_lengths", text, unequal)
    if options.task == "causal-lm":
        text = "training conversations whose answers are all cut away"
        yield finding("nothing_learnt", text, [], count=found.silent)
    if options.task not in ("question-answering", "masked-lm"):  # these have windows instead
        text = "training rows are longer than the limit and cut"
        yield finding("cut", text, [], count=found.cut)
    yield unknown_tokens(found.unknown, found.tokens)
