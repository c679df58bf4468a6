"""Processing of next-token logits, and the choice of a token. Shapes: logits (B, V) float32.

The order and the definitions are those of transformers' generate: repetition penalty, no
repeated n-grams, then, when sampling, temperature, top-k, top-p, min-p.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from llmcli.decoding.generation_config import EXCLUDED
from llmcli.spec import Decoding

LOWEST = 1e-6  # at lower temperatures, float32 overflows


def penalizes(options: Decoding) -> bool:
    """True if `penalize` changes anything."""
    return options.repetition_penalty != 1.0 or bool(options.no_repeat_ngram_size)


def penalize(logits: Tensor, histories: Sequence[Sequence[int]], options: Decoding) -> Tensor:
    """Apply the penalties that depend on the tokens so far.

    histories: B lists of ids, prompts included.
    """
    if options.repetition_penalty != 1.0:
        logits = repetition_penalty(logits, histories, options.repetition_penalty)
    if options.no_repeat_ngram_size:
        logits = no_repeat_ngram(logits, histories, options.no_repeat_ngram_size)
    return logits


def narrow(logits: Tensor, options: Decoding) -> Tensor:
    """Apply temperature, top-k, top-p and min-p: the distribution that is sampled from."""
    if options.temperature is not None:
        highest = logits.amax(-1, keepdim=True)  # becomes 0, so that the division cannot overflow
        logits = (logits - highest) / max(options.temperature, LOWEST)
    if options.top_k:
        logits = top_k(logits, options.top_k)
    if options.top_p is not None and options.top_p < 1:
        logits = top_p(logits, options.top_p)
    if options.min_p is not None:
        logits = min_p(logits, options.min_p)
    return logits


def repetition_penalty(
    logits: Tensor, histories: Sequence[Sequence[int]], penalty: float
) -> Tensor:
    """Divide positive and multiply negative logits of tokens that occurred before.

    Source: Keskar et al. 2019 (CTRL), section 4.1.
    """
    logits = logits.clone()
    for row, history in zip(logits, histories, strict=True):
        seen = torch.tensor(sorted(set(history)), device=row.device, dtype=torch.long)
        scores = row[seen]
        row[seen] = torch.where(scores < 0, scores * penalty, scores / penalty)
    return logits


def no_repeat_ngram(logits: Tensor, histories: Sequence[Sequence[int]], size: int) -> Tensor:
    """Exclude each token that would complete an n-gram that occurred before.

    Source: Paulus et al. 2017, section 2.5.
    """
    logits = logits.clone()
    for row, history in zip(logits, histories, strict=True):
        last = tuple(history[len(history) - size + 1 :])
        for start in range(len(history) - size + 1):
            if tuple(history[start : start + size - 1]) == last:
                row[history[start + size - 1]] = EXCLUDED
    return logits


def top_k(logits: Tensor, k: int) -> Tensor:
    """Keep the k highest logits, and those equal to the lowest of them."""
    least = logits.topk(min(k, logits.shape[-1])).values[:, -1:]  # (B, 1)
    return logits.masked_fill(logits < least, EXCLUDED)


def top_p(logits: Tensor, p: float) -> Tensor:
    """Keep the fewest most probable tokens whose probabilities add up to p or more.

    Source: Holtzman et al. 2020, section 3.1.
    """
    ascending, order = logits.sort()  # (B, V)
    gone = ascending.softmax(-1).cumsum(-1) <= 1 - p
    gone[:, -1] = False
    return logits.masked_fill(gone.scatter(-1, order, gone), EXCLUDED)


def min_p(logits: Tensor, p: float) -> Tensor:
    """Keep tokens at least p times as probable as the most probable one.

    Source: Nguyen et al. 2024, section 3.
    """
    probabilities = logits.softmax(-1)
    least = p * probabilities.amax(-1, keepdim=True)  # (B, 1)
    return logits.masked_fill(probabilities < least, EXCLUDED)


def draw(logits: Tensor, uniforms: Sequence[float]) -> list[int]:
    """Sample one token a row: the first whose cumulative probability exceeds the row's number.

    uniforms: B numbers in [0, 1). Computed in float64, so that rounding differences, which depend
    on the other rows of the batch, hardly ever change the choice.
    """
    cumulative = logits.double().softmax(-1).cumsum(-1)  # (B, V)
    points = torch.tensor(uniforms, dtype=torch.float64, device=logits.device)[:, None]
    chosen = torch.searchsorted(cumulative, points * cumulative[:, -1:], right=True)
    ids: list[int] = chosen[:, 0].clamp(max=logits.shape[-1] - 1).tolist()
    return ids
