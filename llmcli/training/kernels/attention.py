"""Attention with dropout on a CPU, text by text.

PyTorch has a fused kernel for attention without dropout. With it, it makes the scores of a whole
batch several times over in memory, padding included.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import Function

from llmcli.training.kernels.dropout import margins, rounded

MOST_SCORES = 1 << 22  # numbers that are computed together: what stays in the processor's cache


@dataclass(frozen=True, slots=True)
class Part:
    """Texts start to stop of a batch, whose keys after the first so many are all hidden."""

    start: int
    stop: int
    keys: int

    def rows(self, tensor: Tensor) -> Tensor:
        """Their part of a tensor (B, H, T, D)."""
        return tensor[self.start : self.stop]

    def seen(self, tensor: Tensor) -> Tensor:
        """Their part of a tensor (B, H, S, D)."""
        return tensor[self.start : self.stop, :, : self.keys]

    def hidden(self, mask: Tensor) -> Tensor | None:
        """Where their scores (b, H, T, s) are hidden; None if they are all seen."""
        texts = slice(self.start, self.stop) if mask.shape[0] > 1 else slice(None)
        hidden = ~mask[texts, ..., : self.keys]
        return hidden if hidden.any() else None


def seen_keys(mask: Tensor, batch: int) -> list[int]:
    """For each text, the number of keys up to the last that some query sees.

    mask: (B or 1, H or 1, T, S), true where a query sees a key.
    """
    seen = mask.any(2).any(1)  # (B, S)
    ends = seen * torch.arange(1, seen.shape[1] + 1)
    return [int(end) for end in ends.amax(1).clamp(min=1).expand(batch)]


def parts_of(keys: list[int], scores: int) -> Iterator[Part]:
    """Neighbours in a batch, up to MOST_SCORES scores together; of long texts, one each.

    keys: of each text. scores: of a text, for each of its keys.
    """
    start, most = 0, 0
    for index, own in enumerate(keys):
        if index > start and (index + 1 - start) * scores * max(most, own) > MOST_SCORES:
            yield Part(start, index, most)
            start, most = index, 0
        most = max(most, own)
    yield Part(start, len(keys), most)


class DropoutAttention(Function):
    """softmax(scale Q K^T) with dropout, times V (Vaswani et al. 2017, section 3.2.1).

    Kept for the gradients: the shares that tokens have in one another, negative where they are
    dropped.
    """

    @staticmethod
    def forward(
        ctx: Any,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        mask: Tensor | None,
        probability: float,
        scale: float,
    ) -> Tensor:
        """As `attention` says."""
        batch, heads, count, _ = query.shape
        keys = [key.shape[2]] * batch if mask is None else seen_keys(mask, batch)
        ctx.parts, ctx.scale = list(parts_of(keys, heads * count)), scale
        ctx.kept = 1 - rounded(probability)
        outputs = value.new_empty(batch, count, heads, value.shape[3]).transpose(1, 2)
        shares = []
        for part in ctx.parts:
            scores = (part.rows(query) * scale) @ part.seen(key).transpose(2, 3)  # (b, H, T, s)
            hidden = None if mask is None else part.hidden(mask)
            if hidden is not None:
                scores.masked_fill_(hidden, torch.finfo(scores.dtype).min)
            signed = torch.softmax(scores, 3, out=scores)
            signed.copysign_(margins(tuple(scores.shape), probability, scores.dtype))
            attended = signed.relu() @ part.seen(value)
            part.rows(outputs).copy_(attended.div_(ctx.kept))
            shares.append(signed)
        ctx.save_for_backward(query, key, value, outputs, *shares)
        return outputs

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        """The gradients of query, key and value.

        That of a score is share * (its own gradient - the mean of all, weighted by shares).
        """
        query, key, value, outputs, *shares = ctx.saved_tensors
        of_query, of_key, of_value = (torch.zeros_like(each) for each in (query, key, value))
        for part, signed in zip(ctx.parts, shares, strict=True):
            towards = part.rows(gradient) / ctx.kept  # (b, H, T, D)
            dropped = signed.relu()
            part.seen(of_value).copy_(dropped.transpose(2, 3) @ towards)
            mean = (part.rows(gradient) * part.rows(outputs)).sum(3, keepdim=True)
            scores = towards @ part.seen(value).transpose(2, 3)
            scores.mul_(dropped).sub_(signed.abs().mul_(mean)).mul_(ctx.scale)
            part.rows(of_query).copy_(scores @ part.seen(key))
            part.seen(of_key).copy_(scores.transpose(2, 3) @ part.rows(query))
        return of_query, of_key, of_value, None, None, None


def attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    mask: Tensor | None,
    probability: float,
    scale: float,
) -> Tensor:
    """`scaled_dot_product_attention` with a dropout `probability` between 0 and 1, on a CPU.

    query (B, H, T, D), key and value (B, H, S, D), mask as in `seen_keys`.
    """
    attended: Tensor = DropoutAttention.apply(  # type: ignore[no-untyped-call]
        *(query, key, value, mask, probability, scale)
    )
    return attended
