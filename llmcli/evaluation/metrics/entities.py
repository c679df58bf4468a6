"""Precision, recall and F1 of named entities in tags of any scheme."""

from collections.abc import Iterable, Sequence

import numpy as np

from llmcli.arrays import Integers
from llmcli.evaluation.metrics.classification import ClassScore, precision_recall_f1
from llmcli.inference.tag_schemes import Scheme, entity_spans, require_scheme

Tags = Sequence[str]


def scheme_of_sentences(sentences: Iterable[Tags]) -> Scheme:
    """The scheme of the tags of some sentences. Raises InputError for tags of several schemes."""
    return require_scheme({tag for tags in sentences for tag in tags})


def entity_types(sentences: Iterable[Tags], scheme: Scheme) -> tuple[str, ...]:
    """All types of entities in the tags of some sentences, sorted."""
    return tuple(sorted({span[0] for tags in sentences for span in entity_spans(tags, scheme)}))


def entity_counts(
    expected: Tags, predicted: Tags, types: Sequence[str], scheme: Scheme
) -> Integers:
    """Counts (K, 3) of one sentence's entities by type: right, predicted, expected."""
    gold, tagged = set(entity_spans(expected, scheme)), set(entity_spans(predicted, scheme))
    counts = [
        [sum(span[0] == name for span in group) for group in (gold & tagged, tagged, gold)]
        for name in types
    ]
    return np.array(counts, dtype=np.int64).reshape(len(types), 3)


def entity_scores(
    expected: Iterable[Tags], predicted: Iterable[Tags], scheme: Scheme | None = None
) -> tuple[tuple[float, float, float], list[ClassScore]]:
    """Precision, recall and F1 of entities in sentences: of all together, and of each type.

    An entity is right if its type and both its ends are. scheme: None: that of all tags.
    """
    pairs = list(zip(expected, predicted, strict=True))
    sentences = [tags for pair in pairs for tags in pair]
    scheme = scheme or scheme_of_sentences(sentences)
    types = entity_types(sentences, scheme)
    counts = sum(
        (entity_counts(*pair, types, scheme) for pair in pairs), np.zeros((len(types), 3), np.int64)
    )
    return precision_recall_f1(*counts.sum(0)), type_scores(counts, types)


def type_scores(counts: Integers, types: Sequence[str]) -> list[ClassScore]:
    """Precision, recall and F1 of each type, from counts (K, 3) as `entity_counts` gives them."""
    return [
        ClassScore(name, *precision_recall_f1(*counts[at]), int(counts[at, 2]))
        for at, name in enumerate(types)
    ]
