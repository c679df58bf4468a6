"""Classifiers that read a text's class off its last end-of-text token: T5, BART and their kin.

transformers takes the states of the end tokens of all rows as one array: each row of a batch must
have as many. Texts in which such tokens are typed have more.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np

from llmcli.arrays import Integers
from llmcli.errors import ModelUnsuitable

Inputs = dict[str, Integers]


def pools_ends(network: Any) -> bool:
    """True for a classifier that reads the last end-of-text token."""
    name = type(network).__name__
    is_seq2seq = getattr(network.config, "is_encoder_decoder", False)
    return bool(is_seq2seq) and name.endswith("ForSequenceClassification")


def by_ends(inputs: Inputs, end: int) -> Iterator[tuple[Integers, Inputs]]:
    """Parts of a batch whose rows have as many end tokens: the rows of each, and its inputs.

    Raises ModelUnsuitable for a row without one.
    """
    counts = (inputs["input_ids"] == end).sum(1)  # (B,)
    if not counts.all():
        raise ModelUnsuitable(
            "the text has no end-of-text token, which this model classifies by: its tokenizer "
            "adds none"
        )
    for count in np.unique(counts):
        rows = np.flatnonzero(counts == count)
        yield rows, {name: values[rows] for name, values in inputs.items()}
