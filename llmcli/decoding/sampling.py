"""Processing of next-token logits, and the choice of a token. Shapes: logits (B, V) float32.

The order and the definitions are those of transformers' generate: repetition penalty, no
repeated n-grams, then, when sampling, temperature, top-H, top-k, top-p, min-p, typical-p and the
cutoffs.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from llmcli.decoding.generation_config import EXCLUDED, NO_RULES, Rules
from llmcli.spec import Decoding

TOP_H = 100  # tokens that top-H looks at
LOWEST = 1e-6  # at lower temperatures, float32 overflows


Filter = tuple[str, Callable[[Tensor], Tensor]]
"""The name of a setting, and what it does to logits (B, V)."""


def filters(options: Decoding, rules: Rules = NO_RULES) -> list[Filter]:
    """What leads to the distribution to sample from, in order: temperature, top-k and others."""
    steps: list[tuple[str, Callable[[Tensor, Any], Tensor], Any, bool]] = [
        ("temperature", tempered, options.temperature, True),
        ("top_h", top_h, rules.top_h, True),
        ("top_k", top_k, options.top_k, bool(options.top_k)),
        ("top_p", top_p, options.top_p, (options.top_p or 0) < 1),
        ("min_p", min_p, options.min_p, True),
        ("typical_p", typical_p, rules.typical_p, (rules.typical_p or 0) < 1),
        ("epsilon_cutoff", epsilon_cutoff, rules.epsilon_cutoff, 0 < rules.epsilon_cutoff < 1),
        ("eta_cutoff", eta_cutoff, rules.eta_cutoff, 0 < rules.eta_cutoff < 1),
    ]
    return [
        (name, _with(change, value))
        for name, change, value, is_on in steps
        if is_on and value is not None
    ]


def _with(change: Callable[[Tensor, Any], Tensor], value: Any) -> Callable[[Tensor], Tensor]:
    return lambda logits: change(logits, value)


def tempered(logits: Tensor, temperature: float) -> Tensor:
    """Divide the logits; the highest becomes 0, so that the division cannot overflow."""
    return (logits - logits.amax(-1, keepdim=True)) / max(temperature, LOWEST)


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


def top_h(logits: Tensor, share: float) -> Tensor:
    """Keep the most probable tokens that hold this share of the entropy, of the best 100.

    Source: Baghaei Potraghloo et al. 2025, "Top-H Decoding".
    """
    best = logits.topk(min(TOP_H, logits.shape[-1]))
    terms = _entropy_terms(best.values)  # (B, N)
    kept = terms.cumsum(-1) <= share * terms.sum(-1, keepdim=True)
    kept[:, 0] = True
    gone = torch.ones_like(logits, dtype=torch.bool).scatter(-1, best.indices, ~kept)
    return logits.masked_fill(gone, EXCLUDED)


def typical_p(logits: Tensor, p: float) -> Tensor:
    """Keep the tokens whose surprisal is nearest to the entropy, until their probability is p.

    Source: Meister et al. 2022, "Locally Typical Sampling".
    """
    logprobs = logits.log_softmax(-1)  # (B, V)
    distances = (-logprobs - _entropy_terms(logits).sum(-1, keepdim=True)).abs()
    nearest, order = distances.sort()
    cumulative = logits.gather(-1, order).softmax(-1).cumsum(-1)
    last = (cumulative < p).sum(-1, keepdim=True).clamp(max=logits.shape[-1] - 1)  # (B, 1)
    gone = nearest > nearest.gather(-1, last)
    return logits.masked_fill(gone.scatter(-1, order, gone), EXCLUDED)


def epsilon_cutoff(logits: Tensor, epsilon: float) -> Tensor:
    """Keep tokens with at least this probability, and the most probable one.

    Source: Hewitt et al. 2022, "Truncation Sampling as Language Model Desmoothing".
    """
    return _at_least(logits, torch.tensor(epsilon, device=logits.device))


def eta_cutoff(logits: Tensor, epsilon: float) -> Tensor:
    """Keep tokens with at least this probability, or less where the entropy is high.

    Source: Hewitt et al. 2022, section 4.
    """
    entropy = _entropy_terms(logits).sum(-1, keepdim=True)  # (B, 1)
    least = torch.tensor(epsilon, device=logits.device)
    return _at_least(logits, torch.min(least, least.sqrt() * (-entropy).exp()))


def _at_least(logits: Tensor, least: Tensor) -> Tensor:
    gone = (logits.softmax(-1) < least) & (logits < logits.amax(-1, keepdim=True))
    return logits.masked_fill(gone, EXCLUDED)


def _entropy_terms(logits: Tensor) -> Tensor:
    """-p log p of each token, 0 of those that are excluded; the sum of a row is its entropy."""
    logprobs = logits.log_softmax(-1)
    return -(logprobs.exp() * logprobs).nan_to_num(0.0)


STRETCH = 256  # logits whose highest is found by a fast instruction, before the place of one


def likeliest(logits: Tensor) -> tuple[Tensor, Tensor]:
    """The most probable token of each row, the first of equals; and its logit, NaN if any is.

    On a CPU the place of a maximum takes 10 times as long as the maximum, so it is looked for in
    the stretch of logits alone in which that is.
    """
    stretches = logits.shape[-1] // STRETCH
    if logits.device.type != "cpu" or stretches < 2:
        return logits.argmax(-1), logits.amax(-1)
    whole = stretches * STRETCH
    parts = logits[:, :whole].reshape(len(logits), stretches, STRETCH)  # (B, N, 256)
    best, at = parts.amax(-1).max(-1)  # (B,)
    rows = torch.arange(len(logits))
    ids = at * STRETCH + parts[rows, at].argmax(-1)
    if whole < logits.shape[-1]:
        rest, place = logits[:, whole:].max(-1)
        is_later = (rest > best) | rest.isnan()
        ids = torch.where(is_later, whole + place, ids)
        best = torch.where(is_later, rest, best)
    return ids, best


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
