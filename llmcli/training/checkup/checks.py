"""What rows show of trouble: empty, repeated, leaked, unbalanced, unequal."""

from collections.abc import Iterator, Sequence
from typing import Any

from llmcli.data.squad import Question
from llmcli.spec.training import Training
from llmcli.training.checkup.duplicates import Answers, Key, key_of, leaks, repeats
from llmcli.training.checkup.findings import Finding, LabelCount, finding
from llmcli.training.checkup.rows import Item, answers_of, texts_of
from llmcli.training.objectives.tagging import OUTSIDE
from llmcli.training.preparation import has_labels

RARE = 10  # rows of a label
UNKNOWN = 0.01  # of the tokens
UNBALANCED = 10.0  # the most common label's rows over those of the rarest


def empty_texts(options: Training, items: Sequence[Item]) -> Iterator[Finding]:
    """Rows of which a text is blank."""
    blank = [one.where for one in items if not all(map(str.strip, texts_of(options, one.row)))]
    yield finding("empty_texts", "rows with an empty text", blank)


def _key(options: Training, row: Any, *, source_alone: bool = False) -> Key:
    texts = texts_of(options, row)
    if options.task in ("translation", "seq2seq"):
        told = [str(row.fields.get(name)) for name in ("from", "to")]
        return key_of([*told, *(texts[:1] if source_alone else texts)])
    return key_of(texts)


def repeated(
    options: Training, train: Sequence[Item], held_out: Sequence[Item]
) -> Iterator[Finding]:
    """Rows that repeat one another, contradict one another, or are in both parts of the data."""
    answers = [answers_of(options, one.row) for one in train]
    known = [one for one in answers if one is not None]
    found = repeats([_key(options, one.row) for one in train], known or None)
    same = [f"{train[a].where} = {train[b].place_from(train[a])}" for a, b in found.pairs]
    yield finding("duplicates", "training rows repeat an earlier one", same)
    if known:
        yield Finding(
            "conflicting_duplicates",
            "training rows have the text of another, but not its label"
            if has_labels(options)
            else "training rows ask what another asks, but with other answers",
            found.conflicting_rows,
            is_problem=True,
            places=tuple(
                f"{train[a].where} ({_said(known[a])}), {train[b].place_from(train[a])} "
                f"({_said(known[b])})"
                for a, b in found.conflicts
            ),
        )
    both = leaks(
        [_key(options, one.row, source_alone=True) for one in train],
        [_key(options, one.row, source_alone=True) for one in held_out],
    )
    what = {"translation": "source", "seq2seq": "source", "question-answering": "question"}
    yield finding(
        "leakage",
        f"validation rows have a {what.get(options.task, 'text')} that is in the training rows",
        [f"{held_out[a].where} = {train[b].place_from(held_out[a])}" for a, b in both],
        problem=True,
    )


def shared_contexts(train: Sequence[Item], held_out: Sequence[Item]) -> Iterator[Finding]:
    """Questions of the validation data whose context the training data ask of, too."""
    first, second = ([key_of([one.row.context]) for one in items] for items in (train, held_out))
    places = [held_out[at].where for at, _ in leaks(first, second)]
    text = "validation questions are about a context that training has, too"
    yield finding("shared_contexts", text, places)


def _said(answers: Answers) -> str:
    text = ", ".join(sorted(answers)).replace("\0", ", ") or "none"
    return text if len(text) <= 40 else f"{text[:37]}..."


def label_findings(options: Training, labels: Sequence[LabelCount]) -> Iterator[Finding]:
    """Labels that are rare, unbalanced, or in the validation data alone."""
    if not has_labels(options):
        return
    unseen = [f"{one.label} ({one.validation:,})" for one in labels if not one.train]
    yield finding("unseen_labels", "labels of validation are not in the training rows", unseen)
    known = [one for one in labels if one.train and one.label != OUTSIDE]
    rare = [f"{one.label} ({one.train:,})" for one in known if one.train < RARE]
    yield finding("rare_labels", f"labels occur fewer than {RARE} times in training", rare)
    counts = sorted(known, key=lambda one: one.train)
    uneven = len(counts) > 1 and counts[-1].train > UNBALANCED * counts[0].train
    shown = [f"{one.label} ({one.train:,})" for one in (counts[-1], counts[0])] if uneven else []
    yield finding(
        "unbalanced_labels",
        f"labels differ by more than {UNBALANCED:.0f} to 1 (--class-weights balanced helps)",
        shown,
    )


def answer_findings(items: Sequence[Item]) -> Iterator[Finding]:
    """Answers that are not where they are said to be, and questions without one."""
    elsewhere, lost, none = [], [], []
    for one in items:
        asked: Question = one.row
        if not asked.answers:
            none.append(one.where)
        for answer in asked.answers:
            if answer.text not in asked.context:
                lost.append(f"{one.where} ({answer.text[:40]!r})")
            elif answer.start is not None and not answer.is_in(asked.context):
                elsewhere.append(f"{one.where} ({answer.text[:40]!r})")
    yield finding("answers_elsewhere", "answers are not at their answer_start", elsewhere)
    yield finding("answers_missing", "answers are not in their context", lost, problem=True)
    yield finding("unanswered", "questions have no answer", none)


def unknown_token(tokenizer: Any) -> int | None:
    """The token that stands for what a vocabulary lacks; None where it lacks nothing."""
    own = tokenizer.unk_token_id
    ends = (tokenizer.eos_token_id, tokenizer.bos_token_id, tokenizer.pad_token_id)
    return None if own is None or own in ends else int(own)


def unknown_tokens(unknown: int, tokens: int) -> Finding:
    """Tells of unknown tokens where they are more than a few."""
    share = unknown / max(1, tokens)
    count = unknown if share > UNKNOWN else 0
    text = f"training tokens are unknown to the model ({share:.1%}): it may not know the language"
    return finding("unknown_tokens", text, [], count=count)
