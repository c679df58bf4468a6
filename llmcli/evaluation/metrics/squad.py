"""Exact match and F1 of answers, as SQuAD's evaluation script computes them."""

import re
import string
from collections import Counter
from collections.abc import Sequence

from llmcli.evaluation.metrics.classification import precision_recall_f1

ARTICLE = re.compile(r"\b(?:a|an|the)\b")
NO_PUNCTUATION = str.maketrans("", "", string.punctuation)


def normalize_answer(text: str) -> str:
    """An answer in lower case, without ASCII punctuation, articles and repeated spaces.

    >>> normalize_answer("The  cat's a Cat!")
    'cats cat'

    Source: the evaluation of Rajpurkar et al. 2016, "SQuAD".
    """
    return " ".join(ARTICLE.sub(" ", text.lower().translate(NO_PUNCTUATION)).split())


def exact_match(predicted: str, expected: Sequence[str]) -> float:
    """1 if a normalized answer equals one of the expected ones, else 0.

    Without an expected answer the question has none, and the empty answer is right (SQuAD 2).
    """
    answer = normalize_answer(predicted)
    return float(any(answer == normalize_answer(gold) for gold in _answers(expected)))


def answer_f1(predicted: str, expected: Sequence[str], *, characters: bool = False) -> float:
    """The F1 of the words that an answer shares with an expected one; the best of all of them.

    characters: of the characters, for languages without spaces between words.

    >>> round(answer_f1("Jane Austen wrote it", ["Jane Austen"]), 4)
    0.6667
    >>> round(answer_f1("看电影", ["去看电影"], characters=True), 4)
    0.8571
    """
    tokens = _tokens(predicted, characters)
    return max(_shared_f1(tokens, _tokens(gold, characters)) for gold in _answers(expected))


def _tokens(answer: str, characters: bool) -> list[str]:
    words = normalize_answer(answer).split()
    return list("".join(words)) if characters else words


def _answers(expected: Sequence[str]) -> list[str]:
    return [gold for gold in expected if normalize_answer(gold)] or [""]


def _shared_f1(predicted: list[str], expected: list[str]) -> float:
    if not predicted or not expected:
        return float(predicted == expected)
    shared = sum((Counter(predicted) & Counter(expected)).values())
    return precision_recall_f1(shared, len(predicted), len(expected))[2]
