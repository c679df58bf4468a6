"""Checks of the rows of every task: empty, repeated, leaked, contradictory; labels, tokens."""

from collections.abc import Iterator, Sequence

from llmcli.training.checkup.duplicates import key_of, leaks, repeats
from llmcli.training.checkup.findings import Finding, LabelCount, finding
from llmcli.training.checkup.items import Item
from llmcli.training.label_tasks import OUTSIDE
from llmcli.training.rows import Answers, RowTask

RARE = 10  # rows of a label
UNKNOWN = 0.01  # of the tokens
MOST = 0.5
UNBALANCED = 10.0  # the most common label's rows over those of the rarest


def empty_texts(task: RowTask, items: Sequence[Item]) -> Finding:
    """Rows of which a text is blank."""
    blank = [item.where for item in items if not all(map(str.strip, task.texts(item.row)))]
    return finding("empty_texts", "rows with an empty text", blank)


def repeated(task: RowTask, train: Sequence[Item], held_out: Sequence[Item]) -> Iterator[Finding]:
    """Training rows that repeat or contradict each other, and rows that validation shares."""
    answers = [answer for item in train if (answer := task.answers(item.row)) is not None]
    found = repeats([key_of(task.identity(item.row)) for item in train], answers or None)
    same = [f"{train[a].where} = {train[b].place_from(train[a])}" for a, b in found.pairs]
    yield finding("duplicates", "training rows repeat an earlier one", same)
    if answers:
        places = [
            f"{train[a].where} ({_shown(answers[a])}), {train[b].place_from(train[a])} "
            f"({_shown(answers[b])})"
            for a, b in found.conflicts
        ]
        count = found.conflicting_rows
        kind, text = "conflicting_duplicates", task.conflict_text
        yield finding(kind, text, places, count=count, problem=True)
    both = leaks(
        [key_of(task.leak_identity(item.row)) for item in train],
        [key_of(task.leak_identity(item.row)) for item in held_out],
    )
    yield finding(
        "leakage",
        f"validation rows have a {task.input_word} that is in the training rows",
        [f"{held_out[a].where} = {train[b].place_from(held_out[a])}" for a, b in both],
        problem=True,
    )


def _shown(answers: Answers) -> str:
    text = ", ".join(sorted(answers)).replace("\0", ", ") or "none"
    return text if len(text) <= 40 else f"{text[:37]}..."


def label_findings(labels: Sequence[LabelCount]) -> Iterator[Finding]:
    """Labels that are rare, unbalanced, or in the validation data alone."""
    unseen = [f"{count.label} ({count.validation:,})" for count in labels if not count.train]
    yield finding("unseen_labels", "labels of validation are not in the training rows", unseen)
    known = [count for count in labels if count.train and count.label != OUTSIDE]
    rare = [f"{count.label} ({count.train:,})" for count in known if count.train < RARE]
    yield finding("rare_labels", f"labels occur fewer than {RARE} times in training", rare)
    ordered = sorted(known, key=lambda count: count.train)
    ends = [ordered[-1], ordered[0]] if len(ordered) > 1 else []
    if ends and ends[0].train <= UNBALANCED * ends[1].train:
        ends = []
    yield finding(
        "unbalanced_labels",
        f"labels differ by more than {UNBALANCED:.0f} to 1 (balanced class weights help)",
        [f"{count.label} ({count.train:,})" for count in ends],
    )


def unreadable(places: Sequence[str], rows: int) -> Finding:
    """Training rows, of so many, that the model cannot read; a problem if they are most of them."""
    text = "training texts are mostly unknown to the model's vocabulary: it cannot read them"
    return finding("unreadable_texts", text, places, problem=2 * len(places) > rows)


def unknown_tokens(unknown: int, tokens: int) -> Finding:
    """Reports unknown tokens where they are more than a few; most of all is a problem."""
    share = unknown / max(1, tokens)
    count = unknown if share > UNKNOWN else 0
    text = f"training tokens are unknown to the model ({share:.1%}): it may not know the language"
    return finding("unknown_tokens", text, [], count=count, problem=share > MOST)
