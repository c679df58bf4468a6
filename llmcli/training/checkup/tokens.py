"""Tokenizes the rows of a task for `check`, and counts what comes out."""

from collections.abc import Iterator, Sequence
from copy import copy
from itertools import groupby

from llmcli.errors import InputError
from llmcli.tokenization.unknown import UnknownShare, unknown_token
from llmcli.training.checkup.findings import Problem, Sample
from llmcli.training.checkup.items import Item, Measured
from llmcli.training.checkup.reading import problem_of
from llmcli.training.examples import Examples, Feature, size_of
from llmcli.training.rows import RowObjective, RowTask

UNCUT = 1 << 24  # more tokens than any text has
SAMPLES = 3
CHUNK = 500  # rows tokenized together


def measure(
    task: RowTask, objective: RowObjective, items: Sequence[Item], problems: list[Problem]
) -> Measured:
    """Tokenize all rows, uncut for their lengths, then as they are learnt.

    problems: gets the rows of which no example can be made.
    """
    measured = Measured()
    unknown, share_of = unknown_token(objective.tokenizer), UnknownShare(objective.tokenizer).of
    uncut = copy(objective)
    uncut.limit = UNCUT
    for chunk in _chunks(task, items):
        usable, made = _examples(uncut, chunk, problems)
        features = made.features
        measured.lengths += map(size_of, features)
        if len(usable) == len(features):
            pairs = zip(usable, features, strict=True)
            measured.suspect += [item for item, one in pairs if objective.is_suspect(one)]
        if any(_longest_side(feature) > objective.limit for feature in features):
            usable, made = _examples(objective, usable, problems)
            features = made.features
            measured.cut += made.cut
        measured.empty += made.empty
        measured.unread += made.unread
        measured.usable += usable
        measured.unreadable += [item for item in usable if share_of(*task.texts(item.row))]
        measured.examples += len(features)
        measured.tokens += sum(map(size_of, features))
        measured.unknown += sum(list(one["input_ids"]).count(unknown) for one in features)
        measured.learnt += sum(map(objective.learnt_tokens, features))
    return measured


def _chunks(task: RowTask, items: Sequence[Item]) -> Iterator[list[Item]]:
    """Stretches of rows with the same batch_key, so that their examples keep their order."""

    def key(item: Item) -> str:
        return task.batch_key(item.row)

    for _, same in groupby(sorted(items, key=key), key):
        group = list(same)
        for start in range(0, len(group), CHUNK):
            yield group[start : start + CHUNK]


def _examples(
    objective: RowObjective, items: list[Item], problems: list[Problem]
) -> tuple[list[Item], Examples]:
    """The rows of which examples can be made, and these.

    Where some cannot, halves are tried, down to the single row that is to blame.
    """
    if not items:
        return [], Examples([], 0)
    try:
        made = objective.known_examples([item.row for item in items])
    except InputError as error:
        if len(items) == 1:
            problems.append(_problem(items[0], error))
            return [], Examples([], 0)
        middle = len(items) // 2
        first = _examples(objective, items[:middle], problems)
        second = _examples(objective, items[middle:], problems)
        return first[0] + second[0], _joined(first[1], second[1])
    return items, made


def _joined(first: Examples, second: Examples) -> Examples:
    return Examples(
        features=first.features + second.features,
        rows=first.rows + second.rows,
        cut=first.cut + second.cut,
        empty=first.empty + second.empty,
        unread=first.unread + second.unread,
    )


def _problem(item: Item, error: InputError) -> Problem:
    return problem_of(item.file, item.place, error)


def _longest_side(feature: Feature) -> int:
    return max(len(feature["input_ids"]), len(feature.get("labels_ids", ())))


def samples_of(objective: RowObjective, items: Sequence[Item]) -> tuple[Sample, ...]:
    """Some examples from all over the rows, those of which nothing is learnt left out."""
    places = dict.fromkeys(len(items) * (2 * n + 1) // (2 * SAMPLES) for n in range(SAMPLES))
    features = {at: objective.examples([items[at].row]).features for at in places if items}
    return tuple(objective.preview(made[0], at) for at, made in features.items() if made)
