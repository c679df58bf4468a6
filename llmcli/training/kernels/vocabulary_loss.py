"""Cross-entropy over a large vocabulary, some rows at a time.

The scores of a whole batch, in float32 and with their gradients, are often the largest tensors of
a training step: rows times vocabulary. Here they exist for a few rows at once, and the gradients
are made with them (Wijmans et al. 2024, "Cut Your Losses", without its kernels).
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import Function

from llmcli.training.examples import NO_LABEL

MOST_SCORES = 1 << 25  # numbers, 134 MB
MOST_ROWS = 1024
LEAST_ROWS = 128  # with fewer, the gradient of the weights is read and written too often


def rows_at_once(vocabulary: int) -> int:
    """How many rows are scored together."""
    return max(LEAST_ROWS, min(MOST_ROWS, MOST_SCORES // vocabulary))


class VocabularyLoss(Function):
    """The summed cross-entropy of hidden W^T + b."""

    @staticmethod
    def forward(
        ctx: Any,
        hidden: Tensor,
        weight: Tensor,
        bias: Tensor | None,
        labels: Tensor,
        smoothing: float,
    ) -> Tensor:
        """As `vocabulary_loss` says."""
        needed = ctx.needs_input_grad[:3]
        sources = (hidden, weight, bias)
        gradients: list[Tensor | None] = [
            torch.zeros_like(source, dtype=torch.float32)
            if is_needed and source is not None
            else None
            for source, is_needed in zip(sources, needed, strict=True)
        ]
        dtype = arithmetic_of(hidden)
        table = weight.to(dtype)  # (V, D)
        total = hidden.new_zeros((), dtype=torch.float32)
        size = rows_at_once(len(weight))
        buffer = hidden.new_empty(min(size, len(hidden)), len(weight), dtype=dtype)
        with torch.autocast(hidden.device.type, enabled=False):
            for start in range(0, len(hidden), size):
                rows = hidden[start : start + size].to(dtype)  # (R, D)
                scores = torch.mm(rows, table.t(), out=buffer[: len(rows)])
                if bias is not None:
                    scores.add_(bias)
                losses, shares = _losses(scores.float(), labels[start : start + size], smoothing)
                total += losses
                if any(needed):
                    _add_gradients(gradients, start, shares, rows, table)
        ctx.gradients = gradients
        ctx.dtypes = [None if source is None else source.dtype for source in sources]
        return total

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        """The gradients of hidden, weight and bias, which `forward` made."""
        scaled = [
            None if each is None else each.mul_(gradient).to(dtype)
            for each, dtype in zip(ctx.gradients, ctx.dtypes, strict=True)
        ]
        ctx.gradients = None
        return (*scaled, None, None)


def _losses(scores: Tensor, labels: Tensor, smoothing: float) -> tuple[Tensor, Tensor]:
    """The summed loss of rows of scores (R, V), which become its gradients in place.

    The share of the best label is at least 1 / V: its logarithm gives that of the sum of all exact.
    """
    is_learnt = labels.ne(NO_LABEL)[:, None]  # (R, 1)
    places = labels.clamp(min=0)[:, None]
    best, best_places = scores.max(1, keepdim=True)
    own = scores.gather(1, places)
    mean = scores.mean(1, keepdim=True) if smoothing else own
    shares = torch.softmax(scores, 1, out=scores)
    log_sums = best - shares.gather(1, best_places).log()
    losses = log_sums - (1 - smoothing) * own - smoothing * mean
    shares.scatter_add_(1, places, torch.full_like(own, smoothing - 1))
    if smoothing:
        shares.sub_(smoothing / shares.shape[1])
    shares.mul_(is_learnt)
    return (losses * is_learnt).sum(), shares


def _add_gradients(
    gradients: list[Tensor | None], start: int, shares: Tensor, rows: Tensor, table: Tensor
) -> None:
    """Add those of some rows to the gradients of hidden, weight and bias, where they are needed."""
    of_hidden, of_weight, of_bias = gradients
    if of_bias is not None:
        of_bias.add_(shares.sum(0))
    lower = shares.to(rows.dtype)
    if of_hidden is not None:
        of_hidden[start : start + len(rows)] = lower @ table
    if of_weight is not None and rows.dtype is torch.float32:
        of_weight.addmm_(lower.t(), rows)
    elif of_weight is not None:  # the products of parts are added up in float32
        of_weight.add_(lower.t() @ rows)


def arithmetic_of(hidden: Tensor) -> torch.dtype:
    """What matrices are multiplied in: of autocast, else of the hidden states."""
    kind = hidden.device.type
    return torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else hidden.dtype


def vocabulary_loss(
    hidden: Tensor, head: nn.Linear, labels: Tensor, smoothing: float = 0.0
) -> Tensor:
    """Cross-entropy in nats of the scores of a head, summed over the labels but NO_LABEL.

    hidden: (..., D). labels: (...). smoothing: label smoothing (Szegedy et al. 2016, section 7).
    """
    flat, wanted = hidden.flatten(0, -2), labels.flatten()
    if wanted.device.type == "cpu":  # elsewhere, to count them would wait for the device
        is_learnt = wanted.ne(NO_LABEL)
        if not is_learnt.all():
            flat, wanted = flat[is_learnt], wanted[is_learnt]
    total: Tensor = VocabularyLoss.apply(  # type: ignore[no-untyped-call]
        *(flat, head.weight, head.bias, wanted, smoothing)
    )
    return total


def plain_head(network: Any, inputs: dict[str, Any]) -> nn.Linear | None:
    """The head whose scores of the last hidden states are the model's; None if it does more.

    Some models scale or cap their scores, or give them to another layer. Tried on `inputs`.
    """
    head = network.get_output_embeddings() if hasattr(network, "get_output_embeddings") else None
    body = getattr(network, "base_model", network)
    if type(head) is not nn.Linear or body is network:
        return None
    with torch.no_grad(), torch.random.fork_rng():
        expected = network(**inputs).logits
        scores = head(body(**inputs).last_hidden_state)
    is_same = scores.shape == expected.shape and torch.allclose(scores, expected, 1e-4, 1e-4)
    return head if is_same else None
