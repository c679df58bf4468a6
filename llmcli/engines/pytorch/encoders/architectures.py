"""Where each architecture keeps its layers, and what it calls their parts."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from llmcli.engines.pytorch.encoders.attention import Positions
from llmcli.engines.pytorch.encoders.parts import Parts, Shape
from llmcli.engines.pytorch.encoders.stack import PositionsOf


@dataclass(frozen=True, slots=True)
class Names:
    """The paths of a layer's parts in its module."""

    queries: tuple[str, ...]
    out: str
    attention_norm: str
    up: str
    activation: str
    down: str
    feed_norm: str

    def parts(self, layer: Any) -> Parts:
        """The parts of a layer. Raises AttributeError if it has no such modules."""
        get = layer.get_submodule
        return Parts(
            queries=tuple(get(name) for name in self.queries),
            out=get(self.out),
            up=get(self.up),
            down=get(self.down),
            attention_norm=get(self.attention_norm),
            feed_norm=get(self.feed_norm),
            activation=get(self.activation),
        )


@dataclass(frozen=True, slots=True)
class Architecture:
    """How a family of encoders is built."""

    layers: str
    """The path of the list of layers in the model without its head."""
    names: Names
    shape: Callable[[Any], Shape]
    """From the configuration."""
    layer_class: str
    """The class of the layers, so that no variant of them is taken for it."""
    head: str
    """The path of the head that predicts masked tokens, in the model with that head."""
    kinds: Callable[[Any, int], tuple[str, ...]] = lambda config, count: ("full_attention",) * count
    """From the configuration and the number of layers to the kind of attention of each."""
    positions_of: Callable[[Any], PositionsOf] | None = None
    """From the model without its head to what depends on where tokens are."""
    reads_first: Callable[[Any], bool] = lambda config: True
    """Whether the head of a classifier reads the first token alone; from the configuration."""
    gives_tuple: bool = False


def _bert(layer_class: str, head: str) -> Architecture:
    names = Names(
        queries=tuple(f"attention.self.{name}" for name in ("query", "key", "value")),
        out="attention.output.dense",
        attention_norm="attention.output.LayerNorm",
        up="intermediate.dense",
        activation="intermediate.intermediate_act_fn",
        down="output.dense",
        feed_norm="output.LayerNorm",
    )
    return Architecture(
        "encoder.layer", names, lambda config: Shape(config.num_attention_heads), layer_class, head
    )


DISTILBERT = Architecture(
    layers="transformer.layer",
    names=Names(
        queries=("attention.q_lin", "attention.k_lin", "attention.v_lin"),
        out="attention.out_lin",
        attention_norm="sa_layer_norm",
        up="ffn.lin1",
        activation="ffn.activation",
        down="ffn.lin2",
        feed_norm="output_layer_norm",
    ),
    shape=lambda config: Shape(config.n_heads),
    layer_class="TransformerBlock",
    head="vocab_transform",
)


def _mpnet_positions(body: Any) -> PositionsOf:
    """The learned bias of each distance between two tokens, the same in all layers."""
    encoder = body.encoder
    bias_of = encoder.compute_position_bias  # of the class: see below

    def positions_of(hidden: Tensor, longest: int) -> Mapping[str, Positions]:
        return {"full_attention": Positions(bias=bias_of(hidden[:1, :longest]))}

    # The model would compute it, too, for each text of a batch.
    encoder.compute_position_bias = lambda hidden: None
    return positions_of


MPNET = Architecture(
    layers="encoder.layer",
    names=Names(
        queries=("attention.attn.q", "attention.attn.k", "attention.attn.v"),
        out="attention.attn.o",
        attention_norm="attention.LayerNorm",
        up="intermediate.dense",
        activation="intermediate.intermediate_act_fn",
        down="output.dense",
        feed_norm="output.LayerNorm",
    ),
    shape=lambda config: Shape(config.num_attention_heads),
    layer_class="MPNetLayer",
    head="lm_head",
    positions_of=_mpnet_positions,
    gives_tuple=True,
)


def _modernbert_positions(body: Any) -> PositionsOf:
    """Rotations of each kind of layer, and the window of those that read their neighbours."""
    config, rotary = body.config, body.rotary_emb

    def positions_of(hidden: Tensor, longest: int) -> Mapping[str, Positions]:
        numbers = torch.arange(longest)
        found = {}
        for kind in set(config.layer_types):
            cosines, sines = rotary(hidden.float()[:1, :1], numbers[None], kind)  # (1, T, d)
            bias = None
            if kind == "sliding_attention" and longest > config.sliding_window + 1:
                is_far = (numbers[:, None] - numbers).abs() > config.sliding_window  # (T, T)
                bias = torch.zeros(is_far.shape, dtype=hidden.dtype)
                bias = bias.masked_fill_(is_far, float("-inf"))[None, None]
            turns = (cosines[0][:, None], sines[0][:, None])  # (T, 1, d) each
            found[kind] = Positions(bias, turns)
        return found

    return positions_of


MODERNBERT = Architecture(
    layers="layers",
    names=Names(
        queries=("attn.Wqkv",),
        out="attn.Wo",
        attention_norm="attn_norm",
        up="mlp.Wi",
        activation="mlp.act",
        down="mlp.Wo",
        feed_norm="mlp_norm",
    ),
    shape=lambda config: Shape(config.num_attention_heads, norms_first=True, is_gated=True),
    layer_class="ModernBertEncoderLayer",
    head="head",
    kinds=lambda config, count: tuple(config.layer_types),
    positions_of=_modernbert_positions,
    reads_first=lambda config: config.classifier_pooling == "cls",
)

ARCHITECTURES: dict[str, Architecture] = {
    "bert": _bert("BertLayer", "cls"),
    "roberta": _bert("RobertaLayer", "lm_head"),
    "xlm-roberta": _bert("XLMRobertaLayer", "lm_head"),
    "camembert": _bert("CamembertLayer", "lm_head"),
    "electra": _bert("ElectraLayer", "generator_predictions"),
    "distilbert": DISTILBERT,
    "mpnet": MPNET,
    "modernbert": MODERNBERT,
}
"""By the `model_type` of config.json."""
