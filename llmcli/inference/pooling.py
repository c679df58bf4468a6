"""Pooling of token states into one vector per text."""

import numpy as np

from llmcli.arrays import Floats, Integers
from llmcli.errors import ModelUnsuitable


def pool(hidden: Floats, mask: Integers, mode: str) -> Floats:
    """Pool token states hidden (B, T, D) with mask (B, T) into one vector per text, (B, D).

    mode: mean over all tokens, special ones included; cls: the first token; last: the last token;
    max: the maximum of each dimension; mean_sqrt_len: the sum divided by the square root of the
    number of tokens; weighted_mean: the n-th token has the weight n.
    Source: the definitions of sentence-transformers. Raises ModelUnsuitable for an unknown mode.
    """
    if mode in ("cls", "last"):
        last = mask.shape[1] - 1 - mask[:, ::-1].argmax(-1)
        position = mask.argmax(-1) if mode == "cls" else last  # (B,)
        selected: Floats = hidden[np.arange(len(hidden)), position]
        return selected
    if mode == "max":
        maximum: Floats = np.where(mask[:, :, None] == 0, -np.inf, hidden).max(1)
        return maximum
    weights = mask.astype(np.float32)  # (B, T)
    if mode == "weighted_mean":
        weights = weights * np.arange(1, mask.shape[1] + 1, dtype=np.float32)
    elif mode not in ("mean", "mean_sqrt_len"):
        raise ModelUnsuitable(f"the model pools by {mode!r}, unknown here: choose `pooling`")
    total = (weights[:, None] @ hidden)[:, 0]  # (B, D)
    count = np.maximum(weights.sum(1, keepdims=True), 1e-9)  # (B, 1)
    mean: Floats = total / (np.sqrt(count) if mode == "mean_sqrt_len" else count)
    return mean
