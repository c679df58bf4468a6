"""What an encoder's layer is made of, whatever its architecture calls the parts."""

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor, nn

Activation = Callable[[Tensor], Tensor]


@dataclass(frozen=True, slots=True)
class Parts:
    """The modules of one layer, as transformers made them."""

    queries: tuple[nn.Linear, ...]
    """Queries, keys and values: three layers, or one that computes all of them side by side."""
    out: nn.Linear
    """What follows the attention."""
    up: nn.Linear
    """The first layer of the feed-forward network."""
    down: nn.Linear
    """The second."""
    attention_norm: nn.Module
    """After the residual sum of the attention; with `norms_first` before the attention."""
    feed_norm: nn.Module
    """The same for the feed-forward network."""
    activation: Activation


@dataclass(frozen=True, slots=True)
class Shape:
    """What all layers of an encoder have in common."""

    heads: int
    norms_first: bool = False
    """Norms come before each half of a layer, not after its residual sum (Xiong et al. 2020)."""
    is_gated: bool = False
    """`up` computes values and gates side by side; the activated values times the gates go on."""
