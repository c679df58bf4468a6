"""A word of the text in the place of another: how the prediction changes."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from torch import Tensor

from llmcli.errors import InputError
from llmcli.interpretability.ablation import divergence
from llmcli.interpretability.outcome import Outcome
from llmcli.interpretability.study import Study

MOST_SHOWN = 8  # gains, and losses


@dataclass(frozen=True, slots=True)
class Shift:
    """A candidate whose probability changes: a token, a label, an answer."""

    name: str
    """Readable."""
    before: float
    """Its probability with the text as it is; of a model that gives a number, the number."""
    after: float
    """Its probability with the other word."""


@dataclass(frozen=True, slots=True)
class Swap:
    """What follows from a word that takes another's place."""

    old: str
    """The word that is replaced."""
    new: str
    """The word in its place."""
    count: int
    """How often it was replaced."""
    text: str
    """The text with the new word; of an answer model with its question."""
    tokens_before: int
    """How many tokens the text had."""
    tokens: tuple[str, ...]
    """The tokens of the new text, readable; there may be more or fewer than before."""
    position: int
    """The position whose prediction is compared: among them, or of a translator in the target."""
    best: tuple[Shift, Shift]
    """The most probable candidate before, and after."""
    gains: tuple[Shift, ...]
    """The candidates that gain most probability, the greatest gain first."""
    losses: tuple[Shift, ...]
    """The candidates that lose most, the greatest loss first."""
    divergence: float | None
    """KL divergence in nats of the new distribution from the old one; None where the candidates are
    others (answers), or there is only a number."""


def swap_word(outcome: Outcome, old: str, new: str) -> Swap:
    """Replace a word everywhere in the text, and compare the predictions.

    Of a translator the source changes, and the target stays. Raises InputError where the text does
    not have the word.
    """
    study = outcome.study
    other, count = _with_swap(study, old, new)
    there = Outcome(other, _place_in(other, study, outcome.position))
    inputs = dict(other.inputs)
    if study.kind == "seq2seq":
        inputs["decoder_input_ids"] = study.inputs["decoder_input_ids"]
    before = outcome.log_probabilities(outcome.scores(study.run()))  # (1, C)
    after = there.log_probabilities(there.scores(other.run(inputs)))
    compared = study.kind != "reader" and not outcome.is_number
    if study.kind == "reader":
        shifts = _answer_shifts(_by_answer(outcome, before[0]), _by_answer(there, after[0]))
    elif outcome.is_number:
        shifts = [Shift(outcome.name(0), float(before[0, 0]), float(after[0, 0]))]
    else:
        shifts = _shifts(outcome, before[0].exp(), after[0].exp())
    by_gain = sorted(shifts, key=lambda shift: shift.before - shift.after)
    return Swap(
        old=old,
        new=new,
        count=count,
        text=other.sides[0].text,
        tokens_before=len(study.sides[0].tokens),
        tokens=tuple(token.name for token in other.sides[0].tokens),
        position=there.position,
        best=_best(shifts),
        gains=tuple(shift for shift in by_gain if shift.after > shift.before)[:MOST_SHOWN],
        losses=tuple(shift for shift in by_gain[::-1] if shift.after < shift.before)[:MOST_SHOWN],
        divergence=float(divergence(outcome, before, after)) if compared else None,
    )


def _best(shifts: Sequence[Shift]) -> tuple[Shift, Shift]:
    return max(shifts, key=lambda shift: shift.before), max(shifts, key=lambda shift: shift.after)


def _shifts(outcome: Outcome, before: Tensor, after: Tensor) -> list[Shift]:
    """The candidates with the greatest changes and probabilities. before, after (C,)."""
    count = min(2 * MOST_SHOWN, len(before))
    changes = after - before
    chosen = {
        candidate: None
        for values in (changes, -changes, before, after)
        for candidate in values.topk(count).indices.tolist()
    }
    return [Shift(outcome.name(at), float(before[at]), float(after[at])) for at in chosen]


def _by_answer(outcome: Outcome, log_probabilities: Tensor) -> Counter[str]:
    """The probability of each answer: of all spans with its words together."""
    answers: Counter[str] = Counter()
    for candidate, value in enumerate(log_probabilities.exp().tolist()):
        if value > 0:
            answers[outcome.name(candidate)] += value
    return answers


def _answer_shifts(before: Counter[str], after: Counter[str]) -> list[Shift]:
    return [Shift(name, float(before[name]), float(after[name])) for name in before | after]


def _with_swap(study: Study, old: str, new: str) -> tuple[Study, int]:
    """A study of the text with the new word, and how often the old one was replaced."""
    options, row = study.options, study.row
    pattern = _pattern(old)
    text, count = pattern.subn(lambda _: new, row.text)
    question, more = pattern.subn(lambda _: new, options.question or "")
    if not count + more:
        raise InputError(f"`swap`: {old!r} is no word of the text: give one as it is written there")
    changed = replace(
        options,
        question=options.question and question,
        translation=study.side.text if study.kind == "seq2seq" else None,
        position=None,
    )
    return Study(study.loaded, replace(row, text=text), changed), count + more


def _pattern(word: str) -> re.Pattern[str]:
    """A word as it stands in a text: whole, where letters have spaces between words."""
    ends = [r"\b" if _is_spaced(word[at]) else "" for at in (0, -1)] if word else ["", ""]
    return re.compile(f"{ends[0]}{re.escape(word)}{ends[1]}") if word else re.compile(r"(?!)")


def _is_spaced(character: str) -> bool:
    """True of a letter or digit of a script that puts spaces between words."""
    return character.isalnum() and not "\u2e80" <= character <= "\u9fff"


def _place_in(other: Study, study: Study, position: int) -> int:
    """The position in another text that a position of this one corresponds to.

    What both begin or end with corresponds; between, the last token of what differs.
    """
    if study.kind == "seq2seq":
        return position
    here, there = study.side.ids, other.side.ids
    ahead = _common(here, there)
    if position < ahead:
        return position
    behind = min(_common(here[::-1], there[::-1]), min(len(here), len(there)) - ahead)
    from_end = len(here) - position  # 1 is the last
    return len(there) - (from_end if from_end <= behind else behind + 1)


def _common(left: Sequence[int], right: Sequence[int]) -> int:
    """How many tokens two texts have in common at their beginning."""
    pairs = zip(left, right, strict=False)
    return next((at for at, (a, b) in enumerate(pairs) if a != b), min(len(left), len(right)))
