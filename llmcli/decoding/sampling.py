"""What changes next-token logits before one token is chosen. Shapes: logits (B, V) float32.

The order and the definitions are those of transformers' generate: repetition penalty, no
repeated n-grams, then, when sampling, temperature, top-k, top-p, min-p.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from llmcli.decoding.generation_config import GONE
from llmcli.spec import Decoding

COLDEST = 1e-6  # below this temperature float32 would have no numbers left


def penalizes(options: Decoding) -> bool:
    """True if `penalize` changes anything."""
    return options.repetition_penalty != 1.0 or bool(options.no_repeat_ngram_size)


def penalize(logits: Tensor, histories: Sequence[Sequence[int]], options: Decoding) -> Tensor:
    """Apply what looks at the tokens so far, prompt included; one history a row."""
    if options.repetition_penalty != 1.0:
        logits = repetition_penalty(logits, histories, options.repetition_penalty)
    if options.no_repeat_ngram_size:
        logits = no_repeat_ngram(logits, histories, options.no_repeat_ngram_size)
    return logits


def narrow(logits: Tensor, options: Decoding) -> Tensor:
    """Apply what shapes the distribution that is sampled from."""
    if options.temperature is not None:
        highest = logits.amax(-1, keepdim=True)  # at 0 then, so that dividing cannot overflow
        logits = (logits - highest) / max(options.temperature, COLDEST)
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
    """Divide the positive, multiply the negative logits of tokens that were there already.

    Source: Keskar et al. 2019 (CTRL), section 4.1.
    """
    logits = logits.clone()
    for row, history in zip(logits, histories, strict=True):
        seen = torch.tensor(sorted(set(history)), device=row.device, dtype=torch.long)
        scores = row[seen]
        row[seen] = torch.where(scores < 0, scores * penalty, scores / penalty)
    return logits


def no_repeat_ngram(logits: Tensor, histories: Sequence[Sequence[int]], size: int) -> Tensor:
    """Rule out each token that would complete an n-gram that was there already.

    Source: Paulus et al. 2017, section 2.5.
    """
    logits = logits.clone()
    for row, history in zip(logits, histories, strict=True):
        last = tuple(history[len(history) - size + 1 :])
        for start in range(len(history) - size + 1):
            if tuple(history[start : start + size - 1]) == last:
                row[history[start + size - 1]] = GONE
    return logits


def top_k(logits: Tensor, k: int) -> Tensor:
    """Keep the k highest logits, and what equals the lowest of them."""
    least = logits.topk(min(k, logits.shape[-1])).values[:, -1:]  # (B, 1)
    return logits.masked_fill(logits < least, GONE)


def top_p(logits: Tensor, p: float) -> Tensor:
    """Keep the most probable tokens whose probabilities add up to p or just above.

    Source: Holtzman et al. 2020, section 3.1.
    """
    ascending, order = logits.sort()  # (B, V)
    gone = ascending.softmax(-1).cumsum(-1) <= 1 - p
    gone[:, -1] = False
    return logits.masked_fill(gone.scatter(-1, order, gone), GONE)


def min_p(logits: Tensor, p: float) -> Tensor:
    """Keep tokens at least p times as probable as the most probable one.

    Source: Nguyen et al. 2024, section 3.
    """
    probabilities = logits.softmax(-1)
    least = p * probabilities.amax(-1, keepdim=True)  # (B, 1)
    return logits.masked_fill(probabilities < least, GONE)


def draw(logits: Tensor, uniforms: Sequence[float]) -> list[int]:
    """Choose one token a row: the first whose cumulative probability passes the row's number.

    uniforms: B numbers in [0, 1). In float64, so that a row's choice hardly depends on what
    rounding its neighbours in the batch cause.
    """
    cumulative = logits.double().softmax(-1).cumsum(-1)  # (B, V)
    points = torch.tensor(uniforms, dtype=torch.float64, device=logits.device)[:, None]
    chosen = torch.searchsorted(cumulative, points * cumulative[:, -1:], right=True)
    ids: list[int] = chosen[:, 0].clamp(max=logits.shape[-1] - 1).tolist()
    return ids
