"""Precision, recall and F1 of named entities in BIO tags."""

from collections.abc import Iterable, Sequence

import numpy as np

from llmcli.arrays import Integers
from llmcli.evaluation.metrics.classification import ClassScore, precision_recall_f1


def entities(tags: Sequence[str]) -> set[tuple[str, int, int]]:
    """The entities of BIO tags: type, first token, and the token after the last one.

    An I- tag that continues no entity of its type begins one, as in conlleval and seqeval.

    >>> sorted(entities(["B-PER", "I-PER", "O", "I-LOC", "B-LOC"]))
    [('LOC', 3, 4), ('LOC', 4, 5), ('PER', 0, 2)]

    Source: Tjong Kim Sang and De Meulder 2003, "CoNLL-2003 shared task".
    """
    spans = set()
    open_type, start = "", 0
    for at, tag in enumerate([*tags, "O"]):
        prefix, _, tag_type = tag.partition("-")
        continues = prefix == "I" and tag_type == open_type
        if open_type and not continues:
            spans.add((open_type, start, at))
            open_type = ""
        if prefix in ("B", "I") and not open_type:
            open_type, start = tag_type, at
    return spans


def entity_types(tags: Iterable[Sequence[str]]) -> tuple[str, ...]:
    """All types of entities in the tags of some sentences, sorted."""
    return tuple(sorted({entity[0] for sentence in tags for entity in entities(sentence)}))


def entity_counts(
    expected: Sequence[str], predicted: Sequence[str], types: Sequence[str]
) -> Integers:
    """Counts (K, 3) of one sentence's entities by type: right, predicted, expected."""
    gold, tagged = entities(expected), entities(predicted)
    counts = [
        [sum(entity[0] == name for entity in group) for group in (gold & tagged, tagged, gold)]
        for name in types
    ]
    return np.array(counts, dtype=np.int64).reshape(len(types), 3)


def entity_scores(
    expected: Iterable[Sequence[str]], predicted: Iterable[Sequence[str]]
) -> tuple[tuple[float, float, float], list[ClassScore]]:
    """Precision, recall and F1 of entities in sentences: of all together, and of each type.

    An entity is right if its type and both its ends are.
    """
    pairs = list(zip(expected, predicted, strict=True))
    types = entity_types(tags for pair in pairs for tags in pair)
    counts = sum(
        (entity_counts(*pair, types) for pair in pairs), np.zeros((len(types), 3), np.int64)
    )
    return precision_recall_f1(*counts.sum(0)), type_scores(counts, types)


def type_scores(counts: Integers, types: Sequence[str]) -> list[ClassScore]:
    """Precision, recall and F1 of each type, from counts (K, 3) as `entity_counts` gives them."""
    return [
        ClassScore(name, *precision_recall_f1(*counts[at]), int(counts[at, 2]))
        for at, name in enumerate(types)
    ]
