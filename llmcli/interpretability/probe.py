"""What happens inside attention: recorded, and changed, while a model of transformers runs.

The only place that knows of transformers' registries of attention and mask functions. A function
of our own calls the model file's own `eager_attention_forward`, so that the numbers are those of
eager attention, bit by bit, and hands on what went in and came out. It is registered together with
a mask function of the same name: without one, a causal model would see the tokens that follow.
"""

import re
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Literal

from torch import Tensor, nn
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.masking_utils import eager_mask

NAME = "llmcli_probe"
Part = Literal["self", "encoder", "decoder", "cross"]
CROSS = re.compile(r"encoder_attn|EncDecAttention|cross_?attention|enc_attn", re.IGNORECASE)
"""Names of the attention of a decoder to its encoder."""


@dataclass(frozen=True, slots=True, order=True)
class Site:
    """An attention of a model: its part, and the number of its layer, from 0."""

    part: Part
    """self: of a model that is an encoder or a decoder alone; cross: from the decoder to the
    encoder."""
    layer: int


@dataclass(frozen=True, slots=True)
class Captured:
    """One attention of one forward pass: B texts, H heads, T queries, S keys, d numbers each."""

    site: Site
    module: nn.Module
    weights: Tensor
    """(B, H, T, S), after the softmax."""
    query: Tensor | None = None
    """(B, H, T, d), after rotary embedding; None where the model gives the weights alone."""
    key: Tensor | None = None
    """(B, H, S, d); heads that share keys have them each."""
    value: Tensor | None = None
    """(B, H, S, d)"""
    mask: Tensor | None = None
    """(B, 1 or H, T, S), added to the scores: 0, a bias, or a number below all others."""
    output: Tensor | None = None
    """(B, T, H, d): weights times values, before the heads are joined."""
    scaling: float = 1.0
    """The factor of the scores, 1/sqrt(d) in most models."""
    softcap: float | None = None
    """Scores are bounded to it by tanh (Gemma 2)."""
    sinks: Tensor | None = None
    """(H,): a score of each head beside those of the keys (GPT-OSS)."""


Visit = Callable[[Captured], None]
Edit = Callable[[Site, Tensor], Tensor]
"""Takes and returns the output (B, T, H, d) of an attention, to change what follows."""

_LOCK = threading.RLock()
_PROBES: list["_Probe"] = []


@dataclass(frozen=True, slots=True)
class _Probe:
    sites: dict[int, Site]
    visit: Visit | None
    edit: Edit | None


def has_interface(network: Any) -> bool:
    """True if a model's attention can be recorded with its queries, keys and values."""
    return any(_own_attention(module) is not None for module in network.modules())


def _own_attention(module: nn.Module) -> Callable[..., Any] | None:
    """The `eager_attention_forward` of the file that an attention module is from."""
    file = sys.modules.get(type(module).__module__)
    is_attention = "attention" in type(module).__name__.lower()
    own = getattr(file, "eager_attention_forward", None) if is_attention else None
    return own if callable(own) else None


def sites_of(network: nn.Module) -> dict[str, Site]:
    """The attentions of a network by the names of their modules, in the order of the network."""
    config: Any = network.config
    sites: dict[str, Site] = {}
    for name, module in network.named_modules():
        if _own_attention(module) is not None and (layer := re.search(r"\.(\d+)(\.|$)", name)):
            sites[name] = Site(_part_of(name, config), int(layer[1]))
    return sites


def _part_of(name: str, config: Any) -> Part:
    if CROSS.search(name):
        return "cross"
    if not config.is_encoder_decoder:
        return "self"
    return "decoder" if re.search(r"(^|\.)decoder\.", name) else "encoder"


@contextmanager
def probed(network: Any, visit: Visit | None = None, edit: Edit | None = None) -> Iterator[None]:
    """Record the attentions of all forward passes inside, in the order in which they run.

    visit: is given each attention as it is computed, and keeps what it needs of it. edit: may
    change the output of an attention, head by head. One thread at a time; afterwards the network
    has the attention function that it had.
    """
    with _LOCK:
        modules = dict(network.named_modules())
        sites = {id(modules[name]): site for name, site in sites_of(network).items()}
        before = network.config._attn_implementation
        AttentionInterface.register(NAME, _attend)
        AttentionMaskInterface.register(NAME, eager_mask)
        _PROBES.append(_Probe(sites, visit, edit))
        try:
            network.set_attn_implementation(NAME)
            yield
        finally:
            _PROBES.pop()
            network.set_attn_implementation(before)
            if not _PROBES:
                for registry in (AttentionInterface, AttentionMaskInterface):
                    registry._global_mapping.pop(NAME, None)


def _attend(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    scaling: float | None = None,
    dropout: float = 0.0,
    **more: Any,
) -> tuple[Tensor, Tensor]:
    """The attention function that is registered; the parameters are those that transformers passes.

    query (B, H, T, d), key and value (B, K, S, d), where K divides H.
    """
    own = _own_attention(module)
    assert own is not None  # this function is called by modules that have one
    output, weights = own(
        module, query, key, value, attention_mask, scaling=scaling, dropout=dropout, **more
    )
    probe = _PROBES[-1]
    site = probe.sites.get(id(module))
    if site is None:
        return output, weights
    if probe.visit is not None:
        groups = query.shape[1] // key.shape[1]
        keys, values = (part.repeat_interleave(groups, dim=1) for part in (key, value))
        mask = _full_mask(attention_mask, more.get("position_bias"))
        factor = query.shape[-1] ** -0.5 if scaling is None else scaling
        captured = Captured(site, module, weights, query, keys, values, mask, output, factor)
        probe.visit(replace(captured, softcap=more.get("softcap"), sinks=more.get("s_aux")))
    if probe.edit is not None:
        output = probe.edit(site, output)
    return output, weights


def _full_mask(mask: Tensor | None, bias: Tensor | None) -> Tensor | None:
    """All that is added to the scores: the mask, and a bias by the distance of two positions."""
    if bias is None:
        return mask
    return bias if mask is None else mask + bias


def visit_weights(network: Any, inputs: dict[str, Tensor], visit: Visit) -> Any:
    """Run a model once that gives the weights of its attention alone, and visit these.

    Returns the outputs. Nothing is visited of a model that has no attention.
    """
    config = network.config
    before = config._attn_implementation
    try:
        # These files refuse set_attn_implementation. With the mask of SDPA, the eager attention of
        # Falcon would see the tokens that follow.
        config._attn_implementation = "eager"
        outputs = network(**inputs, output_attentions=True)
    finally:
        config._attn_implementation = before
    names: dict[str, Part] = {
        "attentions": "self",
        "encoder_attentions": "encoder",
        "decoder_attentions": "decoder",
        "cross_attentions": "cross",
    }
    for name, part in names.items():
        for layer, weights in enumerate(getattr(outputs, name, None) or ()):
            if weights is not None:
                visit(Captured(Site(part, layer), network, weights))
    return outputs


def without_heads(heads: dict[Site, Tensor]) -> Edit:
    """An edit that multiplies the outputs of heads: 0 takes a head away.

    heads: of some sites, a factor (B, H) for each row and head, or (H,) for all rows.
    """

    def edit(site: Site, output: Tensor) -> Tensor:
        factors = heads.get(site)
        if factors is None:
            return output
        by_row = factors.reshape(-1, factors.shape[-1])  # (B or 1, H)
        return output * by_row[:, None, :, None].to(output.dtype)

    return edit
